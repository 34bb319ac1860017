"""Kullback and Leibler's divergence of two rows of logits, and those made of it."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._checks import Axis, AxisName
from kljax._entry import Reduction
from kljax._names import advised
from kljax._types import Rows
from kljax.logits import _core


@advised
def kl(
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
    """KL(p‖q) = Σ p log(p/q), the Kullback–Leibler divergence, for p = softmax(logits_p), q = softmax(logits_q).

    It is inf where q misses an outcome that p has, and 0 if and only if p = q. In training language, forward KL is
    ``kl(target, model)`` and reverse KL is ``kl(model, target)``; the information gain of a posterior over a prior is
    ``kl(posterior, prior)``.

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
        >>> round(float(logits.kl(a, b)), 4)
        0.1109

    References:
        Kullback & Leibler (1951), "On information and sufficiency", eq. (2.4).
    """
    return _core.evaluate(
        logits_p,
        logits_q,
        generators.kl,
        axis,
        where,
        temperature,
        axis_name,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )


@advised
def jeffreys(
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
    """J(p, q) = KL(p‖q) + KL(q‖p) = Σ (p - q) log(p/q), Jeffreys' symmetric divergence.

    It is inf where exactly one of p and q misses an outcome.

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
        >>> round(float(logits.jeffreys(a, b)), 4)
        0.2311

    References:
        Jeffreys (1946), "An invariant form for the prior probability in estimation problems", eq. (1).
    """
    return _core.evaluate(
        logits_p,
        logits_q,
        generators.jeffreys,
        axis,
        where,
        temperature,
        axis_name,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )


@advised
def jensen_shannon(
    logits_p: Rows,
    logits_q: Rows,
    *,
    weight: ArrayLike = 0.5,
    scaled: bool = False,
    axis: Axis = -1,
    where: Rows | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """JS(p, q) = w KL(p‖m) + (1 - w) KL(q‖m), m = w p + (1 - w) q, the Jensen–Shannon divergence.

    It is always finite, at most the entropy of (w, 1 - w), and log 2 at most for w = 1/2. With ``scaled=True`` it is
    divided by w(1 - w): then w → 0 gives KL(p‖q) and w → 1 gives KL(q‖p), and both ends are accepted.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
        scaled: Whether to divide by w(1 - w).
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
        >>> round(float(logits.jensen_shannon(a, b)), 4)
        0.0285

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (4.1).
    """
    generator = generators.jensen_shannon(_checks.parameter("weight", weight), scaled=scaled)
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


@advised
def skew_kl(
    logits_p: Rows,
    logits_q: Rows,
    *,
    weight: ArrayLike,
    axis: Axis = -1,
    where: Rows | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """KL(p‖w p + (1 - w) q), the skew divergence.

    It is finite for w > 0 even where q misses outcomes, at most -log w; w = 0 gives KL(p‖q) and w = 1 gives 0.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
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
        >>> round(float(logits.skew_kl(a, b, weight=0.1)), 4)
        0.0906

    References:
        Lee (1999), "Measures of distributional similarity", eq. (5).
    """
    generator = generators.skew_kl(_checks.parameter("weight", weight))
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
