"""Entropies, cross-entropy, and the Jensen–Shannon divergence of many."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, _values
from kljax._checks import Axis, AxisName
from kljax._entry import Reduction
from kljax._kernels import cross_entropy as cross_kernel
from kljax._kernels import entropies
from kljax._names import advised
from kljax._types import Rows
from kljax.logits import _core
from kljax.logits._labels import labels_of


@advised
def entropy(
    logits: Rows,
    *,
    order: ArrayLike = 1.0,
    axis: Axis = -1,
    where: Rows | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """H(p) = -Σ p log p, Shannon's entropy; with ``order`` Rényi's, log(Σ p^α)/(1 - α).

    Order 0 is the log of the number of possible outcomes, order ∞ is -log max p, and order 1 is Shannon's,
    continuously. An outcome of probability zero adds nothing.

    Args:
        logits: Logits, or log-probabilities, of any floating dtype. -inf is probability zero.
        order: α in [0, ∞]; a Python number, or a traced positive scalar.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the logits; outcomes where it is false have probability zero.
        temperature: Divides the logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.
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
        >>> from kljax import logits
        >>> round(float(logits.entropy(jnp.array([0.0, 1.0]))), 4)
        0.5822

    References:
        Shannon (1948), "A mathematical theory of communication", sec. 6; Rényi (1961), "On measures of entropy and
        information".
    """
    order = _checks.parameter("order", order)
    _checks.number("order", order, low=0.0)
    scale = _core.temperature(temperature)
    if axis_name is not None:
        if not isinstance(order, float) or order != 1.0:
            raise ValueError(f"order must be 1 with axis_name; got {order!r}.")
        return _core.split(
            entropies.ENTROPY,
            None,
            (logits,),
            where,
            temperature,
            axis,
            axis_name,
            tokens=tokens,
            weights=weights,
            reduction=reduction,
        )
    if isinstance(order, float) and order in (0.0, 1.0, math.inf):
        end = {0.0: _core.hartley_entropy, 1.0: _core.entropy, math.inf: _core.min_entropy}[order]
        return end(logits, where, scale, axis=axis, tokens=tokens, weights=weights, reduction=reduction)
    return _core.renyi_entropy(
        logits, jnp.asarray(order), where, scale, axis=axis, tokens=tokens, weights=weights, reduction=reduction
    )


@advised
def cross_entropy(
    logits_p: Rows,
    logits_q: Rows,
    *,
    axis: Axis = -1,
    where: Rows | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """H(p, q) = -Σ p log q, the cross-entropy; with integer labels y for p, -log q_y.

    It is inf where q misses an outcome that p has. Its gradient in q is that of KL(p‖q); for how far q is from p use
    ``kl``, which keeps the digits that subtracting the entropy loses.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero. Or integers, the
            labels, one a row: of the shape of ``logits_q`` without ``axis``.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the logits; outcomes where it is false have probability zero.
        temperature: Divides the logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.
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
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.cross_entropy(a, b)), 4)
        0.6931

    References:
        Cover & Thomas (2006), "Elements of Information Theory", sec. 2.3.
    """
    labels = labels_of(logits_p, logits_q, axis)
    if labels is not None:
        if axis_name is not None:
            raise ValueError(
                "axis_name is not for labels; of outcomes split over devices call kljax.hidden.cross_entropy."
            )
        _values.labels(labels, logits_q, axis, tokens)
        scale = _core.temperature(temperature)
        return _core.label_cross_entropy(
            logits_q, labels, where, scale, axis=axis, tokens=tokens, weights=weights, reduction=reduction
        )
    if axis_name is not None:
        both = logits_p, logits_q
        return _core.split(
            cross_kernel.PIECES,
            None,
            both,
            where,
            temperature,
            axis,
            axis_name,
            tokens=tokens,
            weights=weights,
            reduction=reduction,
        )
    return _core.cross_entropy(
        logits_p,
        logits_q,
        where,
        _core.temperature(temperature),
        axis=axis,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )


@advised
def generalized_jensen_shannon(
    logits: Rows,
    *,
    weights: Rows | None = None,
    stack_axis: int = 0,
    axis: Axis = -1,
    where: Rows | None = None,
    temperature: ArrayLike = 1.0,
) -> jax.Array:
    """JS(p₁, …, p_K) = Σ w_k KL(p_k‖m), m = Σ w_k p_k, the Jensen–Shannon divergence of many distributions.

    It is always finite: at most the entropy of the weights. With equal rows it is exactly 0.

    Args:
        logits: Logits, or log-probabilities, of any floating dtype. -inf is probability zero. The distributions are
            stacked along ``stack_axis``.
        weights: The K weights, non-negative with sum 1, of shape (K,) or the batch shape with K behind; equal ones when
            not given.
        stack_axis: The axis along which the distributions are stacked.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the logits; outcomes where it is false have probability zero.
        temperature: Divides the logits; a positive number, may be traced.

    Returns:
        The divergence in nats, one number per batch element: the shape without ``stack_axis`` and ``axis``.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a = jnp.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
        >>> round(float(logits.generalized_jensen_shannon(a)), 4)
        0.074

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (5.1).
    """
    weights = _checks.simplex("weights", weights)
    return _core.jensen_shannon_of_many(
        logits, weights, where, _core.temperature(temperature), stack_axis=stack_axis, axis=axis
    )
