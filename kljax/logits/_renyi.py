"""Rényi's, Bhattacharyya's and Chernoff's divergences of two rows of logits."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._checks import Axis, AxisName
from kljax._entry import Reduction
from kljax._kernels import renyi as kernel
from kljax._kernels.renyi import renyi_generator
from kljax._names import advised
from kljax._types import Rows
from kljax.logits import _core


@advised
def renyi(
    logits_p: Rows,
    logits_q: Rows,
    *,
    order: ArrayLike,
    axis: Axis = -1,
    where: Rows | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """R_α(p‖q) = log(Σ p^α q^(1-α))/(α - 1), Rényi's divergence of order α ≥ 0.

    It is KL(p‖q) at α = 1, continuously, -log Q(p > 0) at α = 0 and log max p/q at α = ∞. It is inf where q misses an
    outcome of p if α ≥ 1, and where they share none.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
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
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.renyi(a, b, order=0.5)), 4)
        0.0583

    References:
        Rényi (1961), "On measures of entropy and information"; van Erven & Harremoës (2014), "Rényi divergence and
        Kullback–Leibler divergence", eq. (7).
    """
    order = _checks.parameter("order", order)
    scale = _core.temperature(temperature)
    generator = renyi_generator(order)
    if axis_name is not None:
        if generator is None:
            raise ValueError(f"order must lie in (0, inf) with axis_name; got {order!r}.")
        if generator is generators.kl:
            return _core.evaluate(
                logits_p,
                logits_q,
                generator,
                axis,
                where,
                temperature,
                axis_name,
                tokens=tokens,
                weights=weights,
                reduction=reduction,
            )
        both = logits_p, logits_q
        return _core.split(
            kernel.PIECES,
            generator,
            both,
            where,
            temperature,
            axis,
            axis_name,
            tokens=tokens,
            weights=weights,
            reduction=reduction,
        )
    if generator is None:
        end = _core.renyi_zero if order == 0 else _core.renyi_infinity
        return end(logits_p, logits_q, where, scale, axis=axis, tokens=tokens, weights=weights, reduction=reduction)
    if generator is generators.kl:
        return _core.f_divergence(logits_p, logits_q, generator, where, scale, axis=axis)
    return _core.renyi(
        logits_p, logits_q, generator, where, scale, axis=axis, tokens=tokens, weights=weights, reduction=reduction
    )


@advised
def bhattacharyya(
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
    """B(p, q) = -log Σ √(p q), the Bhattacharyya distance, half of Rényi's divergence of order ½.

    It is inf where p and q share no outcome.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
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
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.bhattacharyya(a, b)), 4)
        0.0291

    References:
        Bhattacharyya (1943), "On a measure of divergence between two statistical populations".
    """
    half = renyi(
        logits_p,
        logits_q,
        order=0.5,
        axis=axis,
        where=where,
        temperature=temperature,
        axis_name=axis_name,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )
    return 0.5 * half


@advised
def chernoff_information(
    logits_p: Rows,
    logits_q: Rows,
    *,
    with_order: bool = False,
    axis: Axis = -1,
    where: Rows | None = None,
    temperature: ArrayLike = 1.0,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """C(p, q) = max over α in [0, 1] of -log Σ p^α q^(1-α), Chernoff's information.

    It is the best achievable exponent of the error of deciding between p and q from many draws. The derivative is that
    at the optimal order; the Hessian includes the motion of the order.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        with_order: Whether to return the optimal order as well.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the logits; outcomes where it is false have probability zero.
        temperature: Divides the logits; a positive number, may be traced.

    Returns:
        The information in nats, one number per batch element; with ``with_order`` the pair (information, order), the
        order being that of p.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.chernoff_information(a, b)), 4)
        0.0291

    References:
        Chernoff (1952), "A measure of asymptotic efficiency for tests of a hypothesis based on the sum of
        observations"; Nielsen (2013), "An information-geometric characterization of Chernoff information".
    """
    value, order = _core.chernoff(logits_p, logits_q, where, _core.temperature(temperature), axis=axis)
    return (value, order) if with_order else value
