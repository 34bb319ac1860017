"""Kullback and Leibler's divergence of two rows of probabilities, and those made of it."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._checks import Axis
from kljax._entry import Reduction
from kljax._names import advised
from kljax._types import Rows
from kljax.probs import _core


@advised
def kl(
    p: Rows,
    q: Rows,
    *,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """KL(p‖q) = Σ p log(p/q) - p + q, the generalised Kullback–Leibler divergence of two measures.

    On normalised rows it is Σ p log(p/q). It is inf where q misses an outcome that p has, and 0 if and only if p = q.
    In training language, forward KL is ``kl(target, model)`` and reverse KL is ``kl(model, target)``; the information
    gain of a posterior over a prior is ``kl(posterior, prior)``. At p = 0 the derivative, which is -∞ there, is taken
    at the smallest positive normal number.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.
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
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.kl(p, q)), 4)
        0.1308

    References:
        Kullback & Leibler (1951), "On information and sufficiency", eq. (2.4).
    """
    return _core.f_divergence(
        p, q, generators.kl, where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction
    )


@advised
def jeffreys(
    p: Rows,
    q: Rows,
    *,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """J(p, q) = KL(p‖q) + KL(q‖p) = Σ (p - q) log(p/q), Jeffreys' symmetric divergence.

    It is inf where exactly one of p and q misses an outcome. Rows are taken as measures: each summand is q f(p/q) ≥ 0
    with f(1) = f'(1) = 0, which on normalised rows is the divergence named.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.
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
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.jeffreys(p, q)), 4)
        0.2747

    References:
        Jeffreys (1946), "An invariant form for the prior probability in estimation problems", eq. (1).
    """
    return _core.f_divergence(
        p,
        q,
        generators.jeffreys,
        where,
        axis=axis,
        measure=measure,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )


@advised
def jensen_shannon(
    p: Rows,
    q: Rows,
    *,
    weight: ArrayLike = 0.5,
    scaled: bool = False,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """JS(p, q) = w KL(p‖m) + (1 - w) KL(q‖m), m = w p + (1 - w) q, the Jensen–Shannon divergence.

    It is always finite, at most the entropy of (w, 1 - w), and log 2 at most for w = 1/2. With ``scaled=True`` it is
    divided by w(1 - w): then w → 0 gives KL(p‖q) and w → 1 gives KL(q‖p), and both ends are accepted. Rows are taken as
    measures: each summand is q f(p/q) ≥ 0 with f(1) = f'(1) = 0, which on normalised rows is the divergence named.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
        scaled: Whether to divide by w(1 - w).
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.
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
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.jensen_shannon(p, q)), 4)
        0.0338

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (4.1).
    """
    generator = generators.jensen_shannon(_checks.parameter("weight", weight), scaled=scaled)
    return _core.f_divergence(
        p, q, generator, where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction
    )


@advised
def skew_kl(
    p: Rows,
    q: Rows,
    *,
    weight: ArrayLike,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """KL(p‖w p + (1 - w) q), the skew divergence.

    It is finite for w > 0 even where q misses outcomes, at most -log w; w = 0 gives KL(p‖q) and w = 1 gives 0. Rows are
    taken as measures: each summand is q f(p/q) ≥ 0 with f(1) = f'(1) = 0, which on normalised rows is the divergence
    named.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.
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
        >>> from kljax import probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.skew_kl(p, q, weight=0.1)), 4)
        0.107

    References:
        Lee (1999), "Measures of distributional similarity", eq. (5).
    """
    generator = generators.skew_kl(_checks.parameter("weight", weight))
    return _core.f_divergence(
        p, q, generator, where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction
    )
