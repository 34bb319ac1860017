"""Metrics of two rows of logits: the roots of bounded divergences."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from kljax._checks import Axis, AxisName
from kljax._entry import Reduction, after
from kljax._names import advised
from kljax._special.edges import square_root
from kljax._types import Rows
from kljax.logits._f_divergences import squared_hellinger
from kljax.logits._kullback_leibler import jensen_shannon


@advised
def jensen_shannon_distance(
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
    """√JS(p, q) = √(½ KL(p‖m) + ½ KL(q‖m)), m = ½(p + q), the Jensen–Shannon distance, a metric.

    It lies in [0, √log 2]. At p = q, where a distance has a kink, its slope is taken to be 0, while the root of the
    divergence has none there; nearby it grows like ‖p - q‖ and keeps its digits.

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
        The distance, one number per batch element: the broadcast shape without ``axis``. float32, or float64 if an
        operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.jensen_shannon_distance(a, b)), 4)
        0.1689

    References:
        Endres & Schindelin (2003), "A new metric for probability distributions"; Österreicher & Vajda (2003), "A new
        class of metric divergences on probability spaces and its applicability in statistics".
    """
    found = square_root(
        jensen_shannon(
            logits_p, logits_q, axis=axis, where=where, temperature=temperature, axis_name=axis_name, tokens=tokens
        )
    )
    return after(found, tokens, weights, reduction)


@advised
def hellinger_distance(
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
    """H(p, q) = √(½ Σ (√p - √q)²), the Hellinger distance, a metric.

    It lies in [0, 1] and is 1 where p and q have no outcome in common. At p = q, where a distance has a kink, its slope
    is taken to be 0.

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
        The distance, one number per batch element: the broadcast shape without ``axis``. float32, or float64 if an
        operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.hellinger_distance(a, b)), 4)
        0.1694

    References:
        Hellinger (1909); Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", ch. 4.
    """
    found = square_root(
        squared_hellinger(
            logits_p, logits_q, axis=axis, where=where, temperature=temperature, axis_name=axis_name, tokens=tokens
        )
    )
    return after(found, tokens, weights, reduction)
