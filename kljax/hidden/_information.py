"""Entropies and the log-partition function from hidden states."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import numpy as np
from jax.typing import ArrayLike

from kljax._checks import AxisName
from kljax._kernels.cross_entropy import LABELS
from kljax._kernels.cross_entropy import PIECES as CROSS_ENTROPY
from kljax._kernels.entropies import ENTROPY, LOG_PARTITION
from kljax._names import advised
from kljax._types import Reduction, Rows, Strategy
from kljax.hidden import _core
from kljax.hidden._core import Result
from kljax.hidden._head import Head, Operand


@advised
def entropy(
    head: Operand,
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
    """H(p) = -Σ p log p of each token, Shannon's entropy, from hidden states.

    An outcome of probability zero adds nothing.

    Args:
        head: (states [..., d], weights [V, d]), or a ``Head`` with bias or soft-cap.
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
        The entropy in nats: the tokens' shape, or one number with a reduction. float32, or float64 if an operand
        is; with ``with_log_partitions`` the pair (value, log-partitions), each of the tokens' shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.entropy((h, w), reduction="mean")), 4)
        0.5822

    References:
        Shannon (1948), "A mathematical theory of communication", sec. 6.
    """
    return _core.evaluate(
        ENTROPY,
        {"head": head},
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
def cross_entropy(
    head_p: Operand | ArrayLike,
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
    """H(p, q) = -Σ p log q of each token, from hidden states; with integer labels y for p, -log q_y.

    It is inf where q misses an outcome that p has, as it does for a label outside 0 … V - 1: mask such tokens with
    ``where``.

    Args:
        head_p: The head of p, (states [..., d], weights [V, d]) or a ``Head``; the width d may differ from that of q.
            Or an integer array of the tokens' shape, the labels, numbered over the whole vocabulary also where the
            outcomes are split over devices.
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
        The cross-entropy in nats: the tokens' shape, or one number with a reduction. float32, or float64 if an operand
        is; with ``with_log_partitions`` the pair (value, (log Z_p, log Z_q)), each of the tokens' shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.cross_entropy(jnp.array([0, 1, 1]), (h, w), reduction="mean")), 4)
        0.6466

    References:
        Cover & Thomas (2006), "Elements of Information Theory", sec. 2.3.
    """
    if isinstance(head_p, jax.Array | np.ndarray | np.generic):
        return _core.evaluate(
            LABELS,
            {"head_q": head_q},
            labels=head_p,
            temperature=temperature,
            where=where,
            weights=weights,
            reduction=reduction,
            strategy=strategy,
            chunk=chunk,
            axis_name=axis_name,
            with_log_partitions=with_log_partitions,
        )
    if not isinstance(head_p, Head) and not (isinstance(head_p, Sequence) and len(head_p) == 2):
        raise TypeError(
            "head_p must be a pair (states, weights), a hidden.Head, or an integer array of labels, for instance "
            f"jnp.asarray(labels); got {type(head_p).__name__}."
        )
    return _core.evaluate(
        CROSS_ENTROPY,
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
def log_partition(
    head: Operand,
    *,
    temperature: ArrayLike = 1.0,
    where: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
    strategy: Strategy | None = None,
    chunk: int | None = None,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """log Z = log Σ exp(logits) of each token, from hidden states; it carries a derivative, for penalties of it.

    It is -inf where every outcome is excluded.

    Args:
        head: (states [..., d], weights [V, d]), or a ``Head`` with bias or soft-cap.
        temperature: Divides the logits; a positive number, may be traced.
        where: Boolean mask of the tokens; where it is false a token's value and gradient are 0, whatever it holds.
        weights: Factors of the tokens' values, broadcast to their shape; a token of weight 0 is left out.
        reduction: ``None`` for a number each token, "sum" for the weighted sum, "mean" for that over the sum of the
            weights (0 if that is 0). With a reduction the gradients are formed beside the value.
        strategy: "tokens" forms whole rows of some tokens at a time, "vocabulary" some outcomes of all tokens;
            ``None`` chooses by size.
        chunk: How many tokens or outcomes at a time, a positive number; ``None`` chooses.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        log Z in nats: the tokens' shape, or one number with a reduction. float32, or float64 if an operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.log_partition((h, w), reduction="mean")), 4)
        1.3133

    References:
        Wainwright & Jordan (2008), "Graphical Models, Exponential Families, and Variational Inference", sec. 3.1.
    """
    return _core.evaluate(
        LOG_PARTITION,
        {"head": head},
        temperature=temperature,
        where=where,
        weights=weights,
        reduction=reduction,
        strategy=strategy,
        chunk=chunk,
        axis_name=axis_name,
    )
