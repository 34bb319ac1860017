"""Divergences of an order of language-model heads."""

from __future__ import annotations

from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._checks import AxisName
from kljax._kernels.f_divergence import PIECES as F_DIVERGENCE
from kljax._names import advised
from kljax._types import Reduction, Rows, Strategy
from kljax.hidden import _core
from kljax.hidden._core import Result
from kljax.hidden._head import Operand


@advised
def alpha(
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
    """A_α(p‖q) = (Σ p^α q^(1-α) - 1)/(α(α - 1)) of each token, Amari's α-divergence, from hidden states.

    α = 1 gives KL(p‖q) and α = 0 gives KL(q‖p), continuously.

    Args:
        head_p: The head of p, (states [..., d], weights [V, d]) or a ``Head``; the width d may differ from that of q.
        head_q: The head of q, with the same tokens and the same V outcomes.
        order: α, any real number; a Python number, or a traced scalar.
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
        >>> round(float(hidden.alpha((h, w), (h, 2 * w), order=0.5, reduction="mean")), 4)
        0.074

    References:
        Cichocki & Amari (2010), "Families of alpha-, beta- and gamma-divergences", eq. (3).
    """
    return _core.evaluate(
        F_DIVERGENCE,
        {"head_p": head_p, "head_q": head_q},
        given=generators.alpha(_checks.parameter("order", order)),
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
def tsallis(
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
    """T_α(p‖q) = (Σ p^α q^(1-α) - 1)/(α - 1) of each token, Tsallis' relative entropy, from hidden states.

    α = 1 gives KL(p‖q), continuously.

    Args:
        head_p: The head of p, (states [..., d], weights [V, d]) or a ``Head``; the width d may differ from that of q.
        head_q: The head of q, with the same tokens and the same V outcomes.
        order: α, any real number; a Python number, or a traced scalar.
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
        >>> round(float(hidden.tsallis((h, w), (h, 2 * w), order=0.5, reduction="mean")), 4)
        0.037

    References:
        Tsallis (1998), "Generalized entropy-based criterion for consistent testing", Phys. Rev. E 58.
    """
    return _core.evaluate(
        F_DIVERGENCE,
        {"head_p": head_p, "head_q": head_q},
        given=generators.tsallis(_checks.parameter("order", order)),
        temperature=temperature,
        where=where,
        weights=weights,
        reduction=reduction,
        strategy=strategy,
        chunk=chunk,
        axis_name=axis_name,
        with_log_partitions=with_log_partitions,
    )
