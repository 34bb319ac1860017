"""f-divergences of two rows of logits."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from kljax import generators
from kljax._checks import Axis, AxisName
from kljax._entry import Reduction
from kljax._names import advised
from kljax._types import Rows
from kljax.generators import Generator
from kljax.generators._internal import check as check_generator
from kljax.logits import _core


@advised
def squared_hellinger(
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
    """H²(p, q) = ½ Σ (√p - √q)², the squared Hellinger distance.

    It lies in [0, 1] and is 1 where p and q have no outcome in common.

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
        >>> round(float(logits.squared_hellinger(a, b)), 4)
        0.0287

    References:
        Hellinger (1909); Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", ch. 4.
    """
    return _core.evaluate(
        logits_p,
        logits_q,
        generators.squared_hellinger,
        axis,
        where,
        temperature,
        axis_name,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )


@advised
def total_variation(
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
    """TV(p, q) = ½ Σ |p - q|, the total variation distance.

    It lies in [0, 1]. Where p = q for an outcome the subgradient 0 is taken.

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
        >>> round(float(logits.total_variation(a, b)), 4)
        0.2311

    References:
        Levin & Peres (2017), "Markov Chains and Mixing Times", prop. 4.2.
    """
    return _core.evaluate(
        logits_p,
        logits_q,
        generators.total_variation,
        axis,
        where,
        temperature,
        axis_name,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )


@advised
def chi_squared(
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
    """χ²(p‖q) = Σ (p - q)²/q, Pearson's χ² divergence.

    It is inf where q misses an outcome that p has; it can overflow to inf before that. Neyman's is ``chi_squared`` with
    its arguments exchanged.

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
        >>> round(float(logits.chi_squared(a, b)), 4)
        0.2136

    References:
        Pearson (1900); Liese & Vajda (2006), "On divergences and informations in statistics and information theory",
        eq. (5).
    """
    return _core.evaluate(
        logits_p,
        logits_q,
        generators.pearson,
        axis,
        where,
        temperature,
        axis_name,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )


@advised
def le_cam(
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
    """LC(p, q) = ½ Σ (p - q)²/(p + q), Le Cam's (triangular) divergence.

    It lies in [0, 1]. Half of it is often called the triangular discrimination, or the symmetric χ².

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
        >>> round(float(logits.le_cam(a, b)), 4)
        0.0564

    References:
        Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", p. 47; Vincze (1981).
    """
    return _core.evaluate(
        logits_p,
        logits_q,
        generators.le_cam,
        axis,
        where,
        temperature,
        axis_name,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )


@advised
def f_divergence(
    logits_p: Rows,
    logits_q: Rows,
    generator: Generator,
    *,
    axis: Axis = -1,
    where: Rows | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """D_f(p‖q) = Σ q f(p/q), the f-divergence of a generator.

    An outcome with p = 0 < q costs q f(0), one with q = 0 < p costs p lim f(u)/u, and one that is absent from both
    nothing.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        generator: A record of ``kljax.generators``, or one made by ``generators.from_function``.
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
        >>> from kljax import generators, logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.f_divergence(a, b, generators.neyman)), 4)
        0.2715

    References:
        Csiszár (1967), "Information-type measures of difference of probability distributions"; Ali & Silvey (1966).
    """
    check_generator("generator", generator)
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
