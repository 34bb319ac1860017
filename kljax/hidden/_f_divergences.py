"""Other f-divergences and Rényi's from hidden states."""

from __future__ import annotations

from jax.typing import ArrayLike

from kljax import generators
from kljax._checks import AxisName
from kljax._kernels.f_divergence import PIECES as F_DIVERGENCE
from kljax._kernels.kullback_leibler import PIECES as KL
from kljax._names import advised
from kljax._types import Reduction, Rows, Strategy
from kljax.generators import Generator
from kljax.generators._internal import check as check_generator
from kljax.hidden import _core
from kljax.hidden._core import Result
from kljax.hidden._head import Operand


@advised
def f_divergence(
    head_p: Operand,
    head_q: Operand,
    generator: Generator,
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
    """D_f(p‖q) = Σ q f(p/q) of each token, the f-divergence of a generator, from hidden states.

    An outcome with p = 0 < q costs q f(0), one with q = 0 < p costs p lim f(u)/u. Any record of ``kljax.generators``
    serves: χ², Le Cam, Jeffreys, and a user's own from ``generators.from_function``.

    Args:
        head_p: The head of p, (states [..., d], weights [V, d]) or a ``Head``; the width d may differ from that of q.
        head_q: The head of q, with the same tokens and the same V outcomes.
        generator: A record of ``kljax.generators``, or one made by ``generators.from_function``.
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
        >>> from kljax import generators, hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.f_divergence((h, w), (h, 2 * w), generators.pearson, reduction="mean")), 4)
        0.2136

    References:
        Csiszár (1967), "Information-type measures of difference of probability distributions"; Ali & Silvey (1966).
    """
    check_generator("generator", generator)
    return _core.evaluate(
        KL if generator == generators.kl else F_DIVERGENCE,
        {"head_p": head_p, "head_q": head_q},
        given=None if generator == generators.kl else generator,
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
def total_variation(
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
    """TV(p, q) = ½ Σ |p - q| of each token, in [0, 1], from hidden states.

    Where p = q in an outcome the subgradient 0 is taken.

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
        A pure number: the tokens' shape, or one number with a reduction. float32, or float64 if an operand
        is; with ``with_log_partitions`` the pair (value, (log Z_p, log Z_q)), each of the tokens' shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.total_variation((h, w), (h, 2 * w), reduction="mean")), 4)
        0.1497

    References:
        Levin & Peres (2017), "Markov Chains and Mixing Times", prop. 4.2.
    """
    return _core.evaluate(
        F_DIVERGENCE,
        {"head_p": head_p, "head_q": head_q},
        given=generators.total_variation,
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
def squared_hellinger(
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
    """H²(p, q) = ½ Σ (√p - √q)² of each token, in [0, 1], from hidden states.

    It is 1 where p and q share no outcome.

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
        A pure number: the tokens' shape, or one number with a reduction. float32, or float64 if an operand
        is; with ``with_log_partitions`` the pair (value, (log Z_p, log Z_q)), each of the tokens' shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.squared_hellinger((h, w), (h, 2 * w), reduction="mean")), 4)
        0.0185

    References:
        Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", sec. 4.2.
    """
    return _core.evaluate(
        F_DIVERGENCE,
        {"head_p": head_p, "head_q": head_q},
        given=generators.squared_hellinger,
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
def chi_squared(
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
    """χ²(p‖q) = Σ (p - q)²/q of each token, Pearson's, from hidden states.

    It is inf where q misses an outcome of p.

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
        A pure number: the tokens' shape, or one number with a reduction. float32, or float64 if an operand
        is; with ``with_log_partitions`` the pair (value, (log Z_p, log Z_q)), each of the tokens' shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.chi_squared((h, w), (h, 2 * w), reduction="mean")), 4)
        0.2136

    References:
        Pearson (1900), "On the criterion that a given system of deviations …", Phil. Mag. 50.
    """
    return _core.evaluate(
        F_DIVERGENCE,
        {"head_p": head_p, "head_q": head_q},
        given=generators.pearson,
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
def le_cam(
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
    """LC(p, q) = ½ Σ (p - q)²/(p + q) of each token, in [0, 1], from hidden states.

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
        A pure number: the tokens' shape, or one number with a reduction. float32, or float64 if an operand
        is; with ``with_log_partitions`` the pair (value, (log Z_p, log Z_q)), each of the tokens' shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import hidden
        >>> h, w = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
        >>> round(float(hidden.le_cam((h, w), (h, 2 * w), reduction="mean")), 4)
        0.0358

    References:
        Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", chapter 4.
    """
    return _core.evaluate(
        F_DIVERGENCE,
        {"head_p": head_p, "head_q": head_q},
        given=generators.le_cam,
        temperature=temperature,
        where=where,
        weights=weights,
        reduction=reduction,
        strategy=strategy,
        chunk=chunk,
        axis_name=axis_name,
        with_log_partitions=with_log_partitions,
    )
