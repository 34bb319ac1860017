"""Rényi's, Bhattacharyya's and Chernoff's divergences, entropies, and the Jensen–Shannon divergence of many."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks
from kljax._checks import Axis
from kljax._kernels.powers import renyi_generator
from kljax.probs import _core


def renyi(
    p: ArrayLike,
    q: ArrayLike,
    *,
    order: ArrayLike,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    measure: bool = False,
) -> jax.Array:
    """R_α(p‖q) = log(Σ p^α q^(1-α))/(α - 1), Rényi's divergence of order α ≥ 0.

    It is KL(p‖q) at α = 1, continuously, -log Q(p > 0) at α = 0 and log max p/q at α = ∞. It is inf where q misses an
    outcome of p if α ≥ 1, and where they share none.

    Rows are taken as measures: the power sum is divided by α Σp + (1 - α) Σq, which is 1 on normalised rows. So the
    result is never negative, and 0 with zero gradient at p = q, also where a row sums to 1 only up to rounding; at
    α = 1 it is the generalised KL over Σp. Where the divisor is not positive, which takes α > 1 and a q heavier than p,
    it is inf. An infinite result has zero gradient.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        order: α in [0, ∞]; a Python number, or a traced positive scalar.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false are left out.
        measure: Whether the rows are measures on purpose: then no warning says that they do not sum to 1.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range, or ``order`` is a negative Python number.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.renyi(p, q, order=0.5)), 4)
        0.0693

    References:
        Rényi (1961), "On measures of entropy and information"; van Erven & Harremoës (2014), "Rényi divergence and
        Kullback–Leibler divergence", eq. (7).
    """
    order = _checks.parameter("order", order)
    generator = renyi_generator(order)
    if generator is None:
        end = _core.renyi_zero if order == 0 else _core.renyi_infinity
        return end(p, q, where, axis=axis, measure=measure)
    return _core.renyi(p, q, generator, where, axis=axis, measure=measure)


def bhattacharyya(
    p: ArrayLike, q: ArrayLike, *, axis: Axis = -1, where: ArrayLike | None = None, measure: bool = False
) -> jax.Array:
    """B(p, q) = -log Σ √(p q), the Bhattacharyya distance, half of Rényi's divergence of order ½.

    It is inf where p and q share no outcome. Rows are taken as measures: the sum is divided by ½(Σp + Σq), which is 1
    on normalised rows.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false are left out.
        measure: Whether the rows are measures on purpose: then no warning says that they do not sum to 1.

    Returns:
        The divergence in nats, one number per batch element: the broadcast shape without ``axis``. float32, or float64
        if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.bhattacharyya(p, q)), 4)
        0.0347

    References:
        Bhattacharyya (1943), "On a measure of divergence between two statistical populations".
    """
    return 0.5 * renyi(p, q, order=0.5, axis=axis, where=where)


def chernoff_information(
    p: ArrayLike,
    q: ArrayLike,
    *,
    with_order: bool = False,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    measure: bool = False,
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """C(p, q) = max over α in [0, 1] of -log Σ p^α q^(1-α), Chernoff's information.

    It is the best achievable exponent of the error of deciding between p and q from many draws. The derivative is that
    at the optimal order; the Hessian includes the motion of the order. Rows are taken as measures: the sum is divided
    by α Σp + (1 - α) Σq, which is 1 on normalised rows.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        with_order: Whether to return the optimal order as well.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false are left out.
        measure: Whether the rows are measures on purpose: then no warning says that they do not sum to 1.

    Returns:
        The information in nats, one number per batch element; with ``with_order`` the pair (information, order), the
        order being that of p.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.chernoff_information(p, q)), 4)
        0.0347

    References:
        Chernoff (1952), "A measure of asymptotic efficiency for tests of a hypothesis based on the sum of
        observations"; Nielsen (2013), "An information-geometric characterization of Chernoff information".
    """
    value, order = _core.chernoff(p, q, where, axis=axis, measure=measure)
    return (value, order) if with_order else value


def entropy(
    p: ArrayLike, *, order: ArrayLike = 1.0, axis: Axis = -1, where: ArrayLike | None = None, measure: bool = False
) -> jax.Array:
    """H(p) = -Σ p log p, Shannon's entropy; with ``order`` Rényi's, log(Σ p^α)/(1 - α).

    Order 0 is the log of the number of possible outcomes, order ∞ is -log max p, and order 1 is Shannon's,
    continuously. An outcome of probability zero adds nothing.

    Args:
        p: Probabilities of any floating dtype. Nothing is renormalised.
        order: α in [0, ∞]; a Python number, or a traced positive scalar.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operand; outcomes where it is false are left out.
        measure: Whether the rows are measures on purpose: then no warning says that they do not sum to 1.

    Returns:
        The entropy in nats, one number per batch element: the shape without ``axis``. float32, or float64 if the
        operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range, or ``order`` is a negative Python number.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> round(float(probs.entropy(jnp.array([0.25, 0.75]))), 4)
        0.5623

    References:
        Shannon (1948), "A mathematical theory of communication", sec. 6; Rényi (1961), "On measures of entropy and
        information".
    """
    order = _checks.parameter("order", order)
    _checks.number("order", order, low=0.0)
    if isinstance(order, float) and order in (0.0, 1.0, math.inf):
        end = {0.0: _core.hartley_entropy, 1.0: _core.entropy, math.inf: _core.min_entropy}[order]
        return end(p, where, axis=axis, measure=measure)
    return _core.renyi_entropy(p, jnp.asarray(order), where, axis=axis, measure=measure)


def cross_entropy(
    p: ArrayLike, q: ArrayLike, *, axis: Axis = -1, where: ArrayLike | None = None, measure: bool = False
) -> jax.Array:
    """H(p, q) = -Σ p log q, the cross-entropy.

    It is inf where q misses an outcome that p has. Its gradient in q is that of KL(p‖q); for how far q is from p use
    ``kl``, which keeps the digits that subtracting the entropy loses.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operands; outcomes where it is false are left out.
        measure: Whether the rows are measures on purpose: then no warning says that they do not sum to 1.

    Returns:
        The cross-entropy in nats, one number per batch element: the broadcast shape without ``axis``. float32, or
        float64 if an operand is.

    Raises:
        ValueError: If the shapes do not broadcast, ``axis`` is out of range.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.cross_entropy(p, q)), 4)
        0.6931

    References:
        Cover & Thomas (2006), "Elements of Information Theory", sec. 2.3.
    """
    return _core.cross_entropy(p, q, where, axis=axis, measure=measure)


def generalized_jensen_shannon(
    p: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    stack_axis: int = 0,
    axis: Axis = -1,
    where: ArrayLike | None = None,
    measure: bool = False,
) -> jax.Array:
    """JS(p₁, …, p_K) = Σ w_k KL(p_k‖m), m = Σ w_k p_k, the Jensen–Shannon divergence of many distributions.

    It is always finite: at most the entropy of the weights. With equal rows it is exactly 0.

    Args:
        p: The distributions, stacked along ``stack_axis``. Nothing is renormalised.
        weights: The K weights, non-negative with sum 1, of shape (K,) or the batch shape with K behind; equal ones when
            not given.
        stack_axis: The axis along which the distributions are stacked.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the operand; outcomes where it is false have probability zero in all.
        measure: Whether the rows are measures on purpose: then no warning says that they do not sum to 1.

    Returns:
        The divergence in nats, one number per batch element: the shape without ``stack_axis`` and ``axis``.

    Raises:
        ValueError: If an axis is out of range, the axes coincide, or the weights do not fit the stack, are negative or
            do not sum to 1.
        TypeError: If an operand is not of a floating dtype, or ``where`` is not boolean.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> p = jnp.array([[0.25, 0.75], [0.5, 0.5], [0.75, 0.25]])
        >>> round(float(probs.generalized_jensen_shannon(p)), 4)
        0.0872

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (5.1).
    """
    weights = _checks.simplex("weights", weights)
    return _core.jensen_shannon_of_many(p, weights, where, stack_axis=stack_axis, axis=axis, measure=measure)
