"""Entropies, cross-entropy, and the Jensen–Shannon divergence of many."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks
from kljax._checks import Axis
from kljax._entry import Reduction
from kljax._names import advised
from kljax._types import Rows
from kljax.probs import _core


@advised
def entropy(
    p: Rows,
    *,
    order: ArrayLike = 1.0,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """H(p) = -Σ p log p, Shannon's entropy; with ``order`` Rényi's, log(Σ p^α)/(1 - α).

    Order 0 is the log of the number of possible outcomes, order ∞ is -log max p, and order 1 is Shannon's,
    continuously. An outcome of probability zero adds nothing.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        order: α in [0, ∞]; a Python number, or a traced positive scalar.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.
        tokens: Boolean mask of the tokens, the members of the batch; where it is false a token's value and gradient
            are 0, whatever it holds. (``where`` is for outcomes.)
        weights: Factors of the tokens' values, broadcast to their shape; a token of weight 0 is left out.
        reduction: ``None`` for a number each token, "sum" for the weighted sum, "mean" for that over the sum of the
            weights (0 if that is 0).

    Returns:
        The entropy in nats, one number per batch element: the shape without ``axis``. float32, or float64 if the
        operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> round(float(probs.entropy(jnp.array([0.25, 0.75]))), 4)
        0.5623

    References:
        Shannon (1948), "A mathematical theory of communication", sec. 6; Rényi (1961), "On measures of entropy and
        information".
    """
    order = _checks.parameter("order", order)
    _checks.number("order", order, low=0.0)
    if isinstance(order, float) and order in (0.0, 1.0, math.inf):
        end = {0.0: _core.hartley_entropy, 1.0: _core.entropy, math.inf: _core.min_entropy}[order]
        return end(p, where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction)
    return _core.renyi_entropy(
        p, jnp.asarray(order), where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction
    )


@advised
def cross_entropy(
    p: Rows,
    q: Rows,
    *,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """H(p, q) = -Σ p log q, the cross-entropy.

    It is inf where q misses an outcome that p has. Its gradient in q is that of KL(p‖q); for how far q is from p use
    ``kl``, which keeps the digits that subtracting the entropy loses.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.
        tokens: Boolean mask of the tokens, the members of the batch; where it is false a token's value and gradient
            are 0, whatever it holds. (``where`` is for outcomes.)
        weights: Factors of the tokens' values, broadcast to their shape; a token of weight 0 is left out.
        reduction: ``None`` for a number each token, "sum" for the weighted sum, "mean" for that over the sum of the
            weights (0 if that is 0).

    Returns:
        The cross-entropy in nats, one number per batch element: the broadcast shape without ``axis``. float32, or
        float64 if an operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.cross_entropy(p, q)), 4)
        0.6931

    References:
        Cover & Thomas (2006), "Elements of Information Theory", sec. 2.3.
    """
    return _core.cross_entropy(
        p, q, where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction
    )


@advised
def generalized_jensen_shannon(
    p: Rows,
    *,
    weights: Rows | None = None,
    stack_axis: int = 0,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
) -> jax.Array:
    """JS(p₁, …, p_K) = Σ w_k KL(p_k‖m), m = Σ w_k p_k, the Jensen–Shannon divergence of many distributions.

    It is always finite: at most the entropy of the weights. With equal rows it is exactly 0.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised. The distributions
            are stacked along ``stack_axis``.
        weights: The K weights, non-negative with sum 1, of shape (K,) or the batch shape with K behind; equal ones when
            not given.
        stack_axis: The axis along which the distributions are stacked.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.

    Returns:
        The divergence in nats, one number per batch element: the shape without ``stack_axis`` and ``axis``.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> p = jnp.array([[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]])
        >>> round(float(probs.generalized_jensen_shannon(p)), 4)
        0.0872

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (5.1).
    """
    weights = _checks.simplex("weights", weights)
    return _core.jensen_shannon_of_many(p, weights, where, stack_axis=stack_axis, axis=axis, measure=measure)
