"""Amari's and Tsallis' divergences of two rows of logits, of any order."""

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
def alpha(
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
    """A_α(p‖q) = (Σ p^α q^(1-α) - 1)/(α(α - 1)), Amari's α-divergence.

    It is KL(p‖q) at α = 1 and KL(q‖p) at α = 0, continuously; 4 H² at α = ½ and ½ χ² at α = 2. It is inf where q misses
    an outcome of p if α ≥ 1, and where p misses one of q if α ≤ 0.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        order: α, any real number; a Python number, or a traced scalar.
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
        >>> round(float(logits.alpha(a, b, order=2.0)), 4)
        0.1068

    References:
        Cichocki & Amari (2010), "Families of alpha-, beta- and gamma-divergences", eq. (3).
    """
    generator = generators.alpha(_checks.parameter("order", order))
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
def tsallis(
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
    """T_a(p‖q) = (Σ p^a q^(1-a) - 1)/(a - 1), Tsallis' relative entropy.

    It is a times the α-divergence, and KL(p‖q) at a = 1, continuously; inf where q misses an outcome of p if a ≥ 1.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        order: a > 0; a Python number, or a traced scalar.
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
        >>> round(float(logits.tsallis(a, b, order=2.0)), 4)
        0.2136

    References:
        Tsallis (1998), "Generalized entropy-based criterion for consistent testing", eq. (6).
    """
    generator = generators.tsallis(_checks.parameter("order", order))
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
