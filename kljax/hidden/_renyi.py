"""Rényi's divergence and the Bhattacharyya distance of language-model heads."""

from __future__ import annotations

import math

from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._checks import AxisName
from kljax._kernels.kullback_leibler import PIECES as KL
from kljax._kernels.renyi import PIECES as RENYI
from kljax._names import advised
from kljax._types import Reduction, Rows, Strategy
from kljax.hidden import _core
from kljax.hidden._core import Result
from kljax.hidden._head import Operand


@advised
def renyi(
    head_p: Operand,
    head_q: Operand,
    *,
    order: ArrayLike,
    temperature: ArrayLike = 1.0,
    where: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
    strategy: Strategy | None = None,
    chunk: int | None = None,
    axis_name: AxisName | None = None,
    with_log_partitions: bool = False,
) -> Result:
    """R_α(p‖q) = log(Σ p^α q^(1-α))/(α - 1) of each token, Rényi's divergence, from hidden states.

    α = 1 gives KL(p‖q), continuously.

    Args:
        head_p: The head of p, (states [..., d], weights [V, d]) or a ``Head``; the width d may differ from that of q.
        head_q: The head of q, with the same tokens and the same V outcomes.
        order: α in (0, ∞); a Python number, or a traced positive scalar.
        temperature: Divides the logits; a positive number, may be traced.
        where: Boolean mask of the tokens; where it is false a token's value and gradient are 0, whatever it holds.
        weights: Factors of the tokens' values, broadcast to their shape; a token of weight 0 is left out.
        reduction: ``None`` for a number each token, "sum" for the weighted sum, "mean" for that over the sum of the
            weights (0 if that is 0). With a reduction the gradients are formed beside the value.
        strategy: "tokens" forms whole rows of some tokens at a time, "vocabulary" some outcomes of all tokens;
            ``None`` chooses by size.
        chunk: How many tokens or outcomes at a time, a positive number; ``None`` chooses.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.
        with_log_partitions: Whether to return log Σ exp of the logits as well; these carry no derivative.

    Returns:
        The divergence in nats: the tokens' shape, or one number with a reduction. float32, or float64 if an operand
        is; with ``with_log_partitions`` the pair (value, (log Z_p, log Z_q)), each of the tokens' shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.renyi((h, w), (h, 2 * w), order=0.5, reduction="mean")), 4)
        0.0374

    References:
        Rényi (1961), "On measures of entropy and information"; van Erven & Harremoës (2014), "Rényi divergence and
        Kullback–Leibler divergence", eq. (7).
    """
    order = _checks.parameter("order", order)
    _checks.number("order", order, low=0.0, high=math.inf, open_low=True, open_high=True)
    plain = isinstance(order, float) and order == 1.0
    return _core.evaluate(
        KL if plain else RENYI,
        {"head_p": head_p, "head_q": head_q},
        given=None if plain else generators.alpha(order),
        temperature=temperature,
        where=where,
        weights=weights,
        reduction=reduction,
        strategy=strategy,
        chunk=chunk,
        axis_name=axis_name,
        with_log_partitions=with_log_partitions,
    )


@advised
def bhattacharyya(
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
    """B(p, q) = -log Σ √(pq) of each token, Bhattacharyya's distance, from hidden states.

    It is half of Rényi's divergence of order ½, and inf where p and q share no outcome.

    Args:
        head_p: The head of p, (states [..., d], weights [V, d]) or a ``Head``; the width d may differ from that of q.
        head_q: The head of q, with the same tokens and the same V outcomes.
        temperature: Divides the logits; a positive number, may be traced.
        where: Boolean mask of the tokens; where it is false a token's value and gradient are 0, whatever it holds.
        weights: Factors of the tokens' values, broadcast to their shape; a token of weight 0 is left out.
        reduction: ``None`` for a number each token, "sum" for the weighted sum, "mean" for that over the sum of the
            weights (0 if that is 0). With a reduction the gradients are formed beside the value.
        strategy: "tokens" forms whole rows of some tokens at a time, "vocabulary" some outcomes of all tokens;
            ``None`` chooses by size.
        chunk: How many tokens or outcomes at a time, a positive number; ``None`` chooses.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.
        with_log_partitions: Whether to return log Σ exp of the logits as well; these carry no derivative.

    Returns:
        The divergence in nats: the tokens' shape, or one number with a reduction. float32, or float64 if an operand
        is; with ``with_log_partitions`` the pair (value, (log Z_p, log Z_q)), each of the tokens' shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.bhattacharyya((h, w), (h, 2 * w), reduction="mean")), 4)
        0.0187

    References:
        Bhattacharyya (1943), "On a measure of divergence between two statistical populations".
    """
    found = renyi(
        head_p,
        head_q,
        order=0.5,
        temperature=temperature,
        where=where,
        weights=weights,
        reduction=reduction,
        strategy=strategy,
        chunk=chunk,
        axis_name=axis_name,
        with_log_partitions=with_log_partitions,
    )
    if isinstance(found, tuple):
        return 0.5 * found[0], found[1]
    return 0.5 * found
