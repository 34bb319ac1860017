"""Metrics of two heads: the roots of bounded divergences, token by token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks
from kljax._checks import AxisName
from kljax._names import advised
from kljax._special.edges import square_root
from kljax._types import Reduction, Rows, Strategy
from kljax.hidden._core import REDUCTIONS, Result
from kljax.hidden._f_divergences import squared_hellinger
from kljax.hidden._head import Operand
from kljax.hidden._kullback_leibler import jensen_shannon


def _distance(
    divergence: Callable[..., Any],
    heads: tuple[Operand, Operand],
    where: Rows | None,
    weights: Rows | None,
    reduction: Reduction,
    with_log_partitions: bool,
    **options: Any,
) -> Result:
    """The root of each token's divergence, weighted and reduced; the root of a sum would be another number."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {REDUCTIONS}; got {reduction!r}.")
    shares = None if weights is None else _checks.floating("weights", weights)
    if shares is not None:
        kept = shares != 0.0
        where = kept if where is None else kept & jnp.asarray(where)
    found = divergence(*heads, where=where, with_log_partitions=True, **options)
    values, logs = found
    distances = square_root(values)
    mass = jnp.ones_like(distances)
    if where is not None:
        mass = jnp.where(jnp.broadcast_to(jnp.asarray(where), mass.shape), mass, 0.0)
    if shares is not None:
        mass = mass * jnp.broadcast_to(shares, mass.shape).astype(mass.dtype)
    distances = distances * mass
    if reduction is not None:
        total = mass.sum()
        scale = jnp.where(total == 0.0, 1.0, total) if reduction == "mean" else 1.0
        distances = distances.sum() / scale
    return (distances, logs) if with_log_partitions else distances


@advised
def jensen_shannon_distance(
    head_p: Operand,
    head_q: Operand,
    *,
    temperature: ArrayLike = 1.0,
    where: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
    strategy: Strategy | None = None,
    chunk: int | None = None,
    axis_name: AxisName | None = None,
    with_log_partitions: bool = False,
) -> Result:
    """√JS(p, q) = √(½ KL(p‖m) + ½ KL(q‖m)), m = ½(p + q), the Jensen–Shannon distance, of each token.

    It lies in [0, √log 2]; at p = q the slope 0 is taken. A sum or a mean is that of the tokens' distances.

    Args:
        head_p: The head of p, (states [..., d], weights [V, d]) or a ``Head``; the width d may differ from that of q.
        head_q: The head of q, with the same tokens and the same V outcomes.
        temperature: Divides the logits; a positive number, may be traced.
        where: Boolean mask of the tokens; where it is false a token's value and gradient are 0, whatever it holds.
        weights: Factors of the tokens' values, broadcast to their shape; a token of weight 0 is left out.
        reduction: ``None`` for a number each token, "sum" for the weighted sum, "mean" for that over the sum of the
            weights (0 if that is 0).
        strategy: "tokens" forms whole rows of some tokens at a time, "vocabulary" some outcomes of all tokens;
            ``None`` chooses by size.
        chunk: How many tokens or outcomes at a time, a positive number; ``None`` chooses.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.
        with_log_partitions: Whether to return log Σ exp of the logits as well; these carry no derivative.

    Returns:
        The distance: the tokens' shape, or one number with a reduction. float32, or float64 if an operand is; with
        ``with_log_partitions`` the pair (value, (log Z_p, log Z_q)), each of the tokens' shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.jensen_shannon_distance((h, w), (h, 2 * w), reduction="mean")), 4)
        0.1353

    References:
        Endres & Schindelin (2003), "A new metric for probability distributions"; Österreicher & Vajda (2003), "A new
        class of metric divergences on probability spaces and its applicability in statistics".
    """
    options = {
        "temperature": temperature,
        "strategy": strategy,
        "chunk": chunk,
        "axis_name": axis_name,
    }
    return _distance(jensen_shannon, (head_p, head_q), where, weights, reduction, with_log_partitions, **options)


@advised
def hellinger_distance(
    head_p: Operand,
    head_q: Operand,
    *,
    temperature: ArrayLike = 1.0,
    where: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
    strategy: Strategy | None = None,
    chunk: int | None = None,
    axis_name: AxisName | None = None,
    with_log_partitions: bool = False,
) -> Result:
    """H(p, q) = √(½ Σ (√p - √q)²), the Hellinger distance, of each token.

    It lies in [0, 1]; at p = q the slope 0 is taken. A sum or a mean is that of the tokens' distances.

    Args:
        head_p: The head of p, (states [..., d], weights [V, d]) or a ``Head``; the width d may differ from that of q.
        head_q: The head of q, with the same tokens and the same V outcomes.
        temperature: Divides the logits; a positive number, may be traced.
        where: Boolean mask of the tokens; where it is false a token's value and gradient are 0, whatever it holds.
        weights: Factors of the tokens' values, broadcast to their shape; a token of weight 0 is left out.
        reduction: ``None`` for a number each token, "sum" for the weighted sum, "mean" for that over the sum of the
            weights (0 if that is 0).
        strategy: "tokens" forms whole rows of some tokens at a time, "vocabulary" some outcomes of all tokens;
            ``None`` chooses by size.
        chunk: How many tokens or outcomes at a time, a positive number; ``None`` chooses.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.
        with_log_partitions: Whether to return log Σ exp of the logits as well; these carry no derivative.

    Returns:
        The distance: the tokens' shape, or one number with a reduction. float32, or float64 if an operand is; with
        ``with_log_partitions`` the pair (value, (log Z_p, log Z_q)), each of the tokens' shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.hellinger_distance((h, w), (h, 2 * w), reduction="mean")), 4)
        0.136

    References:
        Hellinger (1909); Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", ch. 4.
    """
    options = {
        "temperature": temperature,
        "strategy": strategy,
        "chunk": chunk,
        "axis_name": axis_name,
    }
    return _distance(squared_hellinger, (head_p, head_q), where, weights, reduction, with_log_partitions, **options)
