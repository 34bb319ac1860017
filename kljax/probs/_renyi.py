"""Rényi's, Bhattacharyya's and Chernoff's divergences of two rows of probabilities."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from kljax import _checks
from kljax._checks import Axis
from kljax._entry import Reduction
from kljax._kernels.renyi import renyi_generator
from kljax._names import advised
from kljax._types import Rows
from kljax.probs import _core


@advised
def renyi(
    p: Rows,
    q: Rows,
    *,
    order: ArrayLike,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """R_α(p‖q) = log(Σ p^α q^(1-α))/(α - 1), Rényi's divergence of order α ≥ 0.

    It is KL(p‖q) at α = 1, continuously, -log Q(p > 0) at α = 0 and log max p/q at α = ∞. It is inf where q misses an
    outcome of p if α ≥ 1, and where they share none.

    Rows are taken as measures: the power sum is divided by α Σp + (1 - α) Σq, which is 1 on normalised rows. So the
    result is never negative, and 0 with zero gradient at p = q, also where a row sums to 1 only up to rounding; at
    α = 1 it is the generalised KL over Σp. Where the divisor is not positive, which takes α > 1 and a q heavier than p,
    it is inf. An infinite result has zero gradient.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
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
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.renyi(p, q, order=0.5)), 4)
        0.0693

    References:
        Rényi (1961), "On measures of entropy and information"; van Erven & Harremoës (2014), "Rényi divergence and
        Kullback–Leibler divergence", eq. (7).
    """
    order = _checks.parameter("order", order)
    generator = renyi_generator(order)
    if generator is None:
        end = _core.renyi_zero if order == 0 else _core.renyi_infinity
        return end(p, q, where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction)
    return _core.renyi(
        p, q, generator, where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction
    )


@advised
def bhattacharyya(
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
    """B(p, q) = -log Σ √(p q), the Bhattacharyya distance, half of Rényi's divergence of order ½.

    It is inf where p and q share no outcome. Rows are taken as measures: the sum is divided by ½(Σp + Σq), which is 1
    on normalised rows.

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
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.bhattacharyya(p, q)), 4)
        0.0347

    References:
        Bhattacharyya (1943), "On a measure of divergence between two statistical populations".
    """
    half = renyi(
        p,
        q,
        order=0.5,
        axis=axis,
        where=where,
        measure=measure,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )
    return 0.5 * half


@advised
def chernoff_information(
    p: Rows,
    q: Rows,
    *,
    with_order: bool = False,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """C(p, q) = max over α in [0, 1] of -log Σ p^α q^(1-α), Chernoff's information.

    It is the best achievable exponent of the error of deciding between p and q from many draws. The derivative is that
    at the optimal order; the Hessian includes the motion of the order. Rows are taken as measures: the sum is divided
    by α Σp + (1 - α) Σq, which is 1 on normalised rows.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        with_order: Whether to return the optimal order as well.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.

    Returns:
        The information in nats, one number per batch element; with ``with_order`` the pair (information, order), the
        order being that of p.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.chernoff_information(p, q)), 4)
        0.0347

    References:
        Chernoff (1952), "A measure of asymptotic efficiency for tests of a hypothesis based on the sum of
        observations"; Nielsen (2013), "An information-geometric characterization of Chernoff information".
    """
    value, order = _core.chernoff(p, q, where, axis=axis, measure=measure)
    return (value, order) if with_order else value
