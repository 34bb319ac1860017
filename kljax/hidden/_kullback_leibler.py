"""Kullback and Leibler's divergence from hidden states, and those made of it."""

from __future__ import annotations

from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._checks import AxisName
from kljax._kernels.f_divergence import PIECES as F_DIVERGENCE
from kljax._kernels.kullback_leibler import PIECES as KL
from kljax._names import advised
from kljax._types import Reduction, Rows, Strategy
from kljax.hidden import _core
from kljax.hidden._core import Result
from kljax.hidden._head import Operand


@advised
def kl(
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
    """KL(p‖q) = Σ p log(p/q) of each token, the Kullback–Leibler divergence, without ever holding [T, V] logits.

    It is inf where q misses an outcome that p has. Forward KL is ``kl(teacher, student)``, reverse KL
    ``kl(student, teacher)``. Close to p = q it keeps its digits: only the rounding of the matrix products is seen.

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
        >>> round(float(hidden.kl((h, w), (h, 2 * w), reduction="mean")), 4)
        0.0826

    References:
        Kullback & Leibler (1951), "On information and sufficiency", eq. (2.4).
    """
    return _core.evaluate(
        KL,
        {"head_p": head_p, "head_q": head_q},
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
def jensen_shannon(
    head_p: Operand,
    head_q: Operand,
    *,
    weight: ArrayLike = 0.5,
    scaled: bool = False,
    temperature: ArrayLike = 1.0,
    where: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
    strategy: Strategy | None = None,
    chunk: int | None = None,
    axis_name: AxisName | None = None,
    with_log_partitions: bool = False,
) -> Result:
    """JS(p, q) = w KL(p‖m) + (1 - w) KL(q‖m), m = w p + (1 - w) q, of each token, from hidden states.

    With ``scaled=True`` it is divided by w(1 - w): then w → 0 gives KL(p‖q), w → 1 gives KL(q‖p), and both ends are
    accepted.

    Args:
        head_p: The head of p, (states [..., d], weights [V, d]) or a ``Head``; the width d may differ from that of q.
        head_q: The head of q, with the same tokens and the same V outcomes.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
        scaled: Whether to divide by w(1 - w).
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
        >>> round(float(hidden.jensen_shannon((h, w), (h, 2 * w), reduction="mean")), 4)
        0.0183

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (4.1).
    """
    return _core.evaluate(
        F_DIVERGENCE,
        {"head_p": head_p, "head_q": head_q},
        given=generators.jensen_shannon(_checks.parameter("weight", weight), scaled=scaled),
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
def skew_kl(
    head_p: Operand,
    head_q: Operand,
    *,
    weight: ArrayLike,
    temperature: ArrayLike = 1.0,
    where: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
    strategy: Strategy | None = None,
    chunk: int | None = None,
    axis_name: AxisName | None = None,
    with_log_partitions: bool = False,
) -> Result:
    """KL(p‖w p + (1 - w) q) of each token, the skew divergence, from hidden states.

    It is finite for w > 0 even where q misses outcomes; w = 0 gives KL(p‖q) and w = 1 gives 0.

    Args:
        head_p: The head of p, (states [..., d], weights [V, d]) or a ``Head``; the width d may differ from that of q.
        head_q: The head of q, with the same tokens and the same V outcomes.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
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
        >>> round(float(hidden.skew_kl((h, w), (h, 2 * w), weight=0.1, reduction="mean")), 4)
        0.0633

    References:
        Lee (1999), "Measures of distributional similarity", eq. (5).
    """
    return _core.evaluate(
        F_DIVERGENCE,
        {"head_p": head_p, "head_q": head_q},
        given=generators.skew_kl(_checks.parameter("weight", weight)),
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
def jeffreys(
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
    """J(p, q) = KL(p‖q) + KL(q‖p) of each token, Jeffreys' divergence, from hidden states.

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
        >>> round(float(hidden.jeffreys((h, w), (h, 2 * w), reduction="mean")), 4)
        0.1497

    References:
        Jeffreys (1946), "An invariant form for the prior probability in estimation problems".
    """
    return _core.evaluate(
        F_DIVERGENCE,
        {"head_p": head_p, "head_q": head_q},
        given=generators.jeffreys,
        temperature=temperature,
        where=where,
        weights=weights,
        reduction=reduction,
        strategy=strategy,
        chunk=chunk,
        axis_name=axis_name,
        with_log_partitions=with_log_partitions,
    )
