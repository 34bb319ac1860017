"""Rényi's, Bhattacharyya's and Chernoff's divergences, entropies, and the Jensen–Shannon divergence of many."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._checks import Axis, AxisName
from kljax._kernels import functionals
from kljax._kernels.powers import renyi_generator
from kljax.logits import _core


def renyi(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    order: ArrayLike,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """R_α(p‖q) = log(Σ p^α q^(1-α))/(α - 1), Rényi's divergence of order α ≥ 0.

    It is KL(p‖q) at α = 1, continuously, -log Q(p > 0) at α = 0 and log max p/q at α = ∞. It is inf where q misses an
    outcome of p if α ≥ 1, and where they share none.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        order: α in [0, ∞]; a Python number, or a traced positive scalar.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range, or ``order`` is a negative Python number.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.renyi(a, b, order=0.5)), 4)
        0.0583

    References:
        Rényi (1961), "On measures of entropy and information"; van Erven & Harremoës (2014), "Rényi divergence and
        Kullback–Leibler divergence", eq. (7).
    """
    order = _checks.parameter("order", order)
    scale = _core.temperature(temperature)
    generator = renyi_generator(order)
    if axis_name is not None:
        if generator is None:
            raise ValueError(f"order must lie in (0, inf) with axis_name; got {order!r}.")
        if generator is generators.kl:
            return _core.evaluate(logits_p, logits_q, generator, axis, where, temperature, axis_name)
        both = logits_p, logits_q
        return _core.split(functionals.RENYI, generator, both, where, temperature, axis, axis_name)
    if generator is None:
        end = _core.renyi_zero if order == 0 else _core.renyi_infinity
        return end(logits_p, logits_q, where, scale, axis=axis)
    if generator is generators.kl:
        return _core.f_divergence(logits_p, logits_q, generator, where, scale, axis=axis)
    return _core.renyi(logits_p, logits_q, generator, where, scale, axis=axis)


def bhattacharyya(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """B(p, q) = -log Σ √(p q), the Bhattacharyya distance, half of Rényi's divergence of order ½.

    It is inf where p and q share no outcome.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.bhattacharyya(a, b)), 4)
        0.0291

    References:
        Bhattacharyya (1943), "On a measure of divergence between two statistical populations".
    """
    return 0.5 * renyi(
        logits_p, logits_q, order=0.5, axis=axis, where=where, temperature=temperature, axis_name=axis_name
    )


def chernoff_information(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    with_order: bool = False,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """C(p, q) = max over α in [0, 1] of -log Σ p^α q^(1-α), Chernoff's information.

    It is the best achievable exponent of the error of deciding between p and q from many draws. The derivative is that
    at the optimal order; the Hessian includes the motion of the order.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        with_order: Whether to return the optimal order as well.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.

    Returns:
        The information in nats, one number per batch element; with ``with_order`` the pair (information, order), the
        order being that of p.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.chernoff_information(a, b)), 4)
        0.0291

    References:
        Chernoff (1952), "A measure of asymptotic efficiency for tests of a hypothesis based on the sum of
        observations"; Nielsen (2013), "An information-geometric characterization of Chernoff information".
    """
    value, order = _core.chernoff(logits_p, logits_q, where, _core.temperature(temperature), axis=axis)
    return (value, order) if with_order else value


def entropy(
    logits: ArrayLike,
    *,
    order: ArrayLike = 1.0,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """H(p) = -Σ p log p, Shannon's entropy; with ``order`` Rényi's, log(Σ p^α)/(1 - α).

    Order 0 is the log of the number of possible outcomes, order ∞ is -log max p, and order 1 is Shannon's,
    continuously. An outcome of probability zero adds nothing.

    Args:
        logits: Logits, or log-probabilities, of any floating dtype. -inf is probability zero.
        order: α in [0, ∞]; a Python number, or a traced positive scalar.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operand; outcomes where it is false have probability zero.
        temperature: Divides the logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The entropy in nats, one number per batch element: the shape without ``axis``. float32, or float64 if the
        operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range, or ``order`` is a negative Python number.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> round(float(logits.entropy(jnp.array([0.0, 1.0]))), 4)
        0.5822

    References:
        Shannon (1948), "A mathematical theory of communication", sec. 6; Rényi (1961), "On measures of entropy and
        information".
    """
    order = _checks.parameter("order", order)
    _checks.number("order", order, low=0.0)
    scale = _core.temperature(temperature)
    if axis_name is not None:
        if not isinstance(order, float) or order != 1.0:
            raise ValueError(f"order must be 1 with axis_name; got {order!r}.")
        return _core.split(functionals.ENTROPY, None, (logits,), where, temperature, axis, axis_name)
    if isinstance(order, float) and order in (0.0, 1.0, math.inf):
        end = {0.0: _core.hartley_entropy, 1.0: _core.entropy, math.inf: _core.min_entropy}[order]
        return end(logits, where, scale, axis=axis)
    return _core.renyi_entropy(logits, jnp.asarray(order), where, scale, axis=axis)


def cross_entropy(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    *,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
    axis_name: AxisName | None = None,
) -> jax.Array:
    """H(p, q) = -Σ p log q, the cross-entropy.

    It is inf where q misses an outcome that p has. Its gradient in q is that of KL(p‖q); for how far q is from p use
    ``kl``, which keeps the digits that subtracting the entropy loses.

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false have probability zero in both.
        temperature: Divides both logits; a positive number, may be traced.
        axis_name: The mesh axis over which the outcomes are split, inside ``jax.shard_map``.

    Returns:
        The cross-entropy in nats, one number per batch element: the broadcast shape without ``axis``. float32, or
        float64 if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a, b = jnp.array([0.0, 1.0]), jnp.array([0.0, 0.0])
        >>> round(float(logits.cross_entropy(a, b)), 4)
        0.6931

    References:
        Cover & Thomas (2006), "Elements of Information Theory", sec. 2.3.
    """
    if axis_name is not None:
        both = logits_p, logits_q
        return _core.split(functionals.CROSS_ENTROPY, None, both, where, temperature, axis, axis_name)
    return _core.cross_entropy(logits_p, logits_q, where, _core.temperature(temperature), axis=axis)


def generalized_jensen_shannon(
    logits: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    stack_axis: int = 0,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    temperature: ArrayLike = 1.0,
) -> jax.Array:
    """JS(p₁, …, p_K) = Σ w_k KL(p_k‖m), m = Σ w_k p_k, the Jensen–Shannon divergence of many distributions.

    It is always finite: at most the entropy of the weights. With equal rows it is exactly 0.

    Args:
        logits: The distributions, stacked along ``stack_axis``.
        weights: The K weights, non-negative with sum 1, of shape (K,) or the batch shape with K behind; equal ones when
            not given.
        stack_axis: The axis along which the distributions are stacked.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operand; outcomes where it is false have probability zero in all.
        temperature: Divides the logits; a positive number, may be traced.

    Returns:
        The divergence in nats, one number per batch element: the shape without ``stack_axis`` and ``axis``.

    Raises:
        ValueError: If an axis is out of range, the axes coincide, or the weights do not fit the stack, are negative or
            do not sum to 1.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> a = jnp.array([[0.0, 1.0], [0.0, 0.0], [1.0, 0.0]])
        >>> round(float(logits.generalized_jensen_shannon(a)), 4)
        0.074

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (5.1).
    """
    weights = _checks.simplex("weights", weights)
    return _core.jensen_shannon_of_many(
        logits, weights, where, _core.temperature(temperature), stack_axis=stack_axis, axis=axis
    )
