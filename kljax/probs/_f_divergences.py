"""f-divergences of two rows of probabilities."""

from __future__ import annotations

import jax

from kljax import generators
from kljax._checks import Axis
from kljax._entry import Reduction
from kljax._names import advised
from kljax._types import Rows
from kljax.generators import Generator
from kljax.generators._internal import check as check_generator
from kljax.probs import _core


@advised
def squared_hellinger(
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
    """H²(p, q) = ½ Σ (√p - √q)², the squared Hellinger distance.

    It lies in [0, 1] and is 1 where p and q have no outcome in common. Rows are taken as measures: each summand is q
    f(p/q) ≥ 0 with f(1) = f'(1) = 0, which on normalised rows is the divergence named.

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
        >>> round(float(probs.squared_hellinger(p, q)), 4)
        0.0341

    References:
        Hellinger (1909); Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", ch. 4.
    """
    return _core.f_divergence(
        p,
        q,
        generators.squared_hellinger,
        where,
        axis=axis,
        measure=measure,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )


@advised
def total_variation(
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
    """TV(p, q) = ½ Σ |p - q|, the total variation distance.

    It lies in [0, 1]. Where p = q for an outcome the subgradient 0 is taken. Rows are taken as measures: each summand
    is q f(p/q) ≥ 0 with f(1) = f'(1) = 0, which on normalised rows is the divergence named.

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
        >>> round(float(probs.total_variation(p, q)), 4)
        0.25

    References:
        Levin & Peres (2017), "Markov Chains and Mixing Times", prop. 4.2.
    """
    return _core.f_divergence(
        p,
        q,
        generators.total_variation,
        where,
        axis=axis,
        measure=measure,
        tokens=tokens,
        weights=weights,
        reduction=reduction,
    )


@advised
def chi_squared(
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
    """χ²(p‖q) = Σ (p - q)²/q, Pearson's χ² divergence.

    It is inf where q misses an outcome that p has; it can overflow to inf before that. Neyman's is ``chi_squared`` with
    its arguments exchanged. Rows are taken as measures: each summand is q f(p/q) ≥ 0 with f(1) = f'(1) = 0, which on
    normalised rows is the divergence named.

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
        >>> round(float(probs.chi_squared(p, q)), 4)
        0.25

    References:
        Pearson (1900); Liese & Vajda (2006), "On divergences and informations in statistics and information theory",
        eq. (5).
    """
    return _core.f_divergence(
        p, q, generators.pearson, where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction
    )


@advised
def le_cam(
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
    """LC(p, q) = ½ Σ (p - q)²/(p + q), Le Cam's (triangular) divergence.

    It lies in [0, 1]. Half of it is often called the triangular discrimination, or the symmetric χ². Rows are taken as
    measures: each summand is q f(p/q) ≥ 0 with f(1) = f'(1) = 0, which on normalised rows is the divergence named.

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
        >>> round(float(probs.le_cam(p, q)), 4)
        0.0667

    References:
        Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", p. 47; Vincze (1981).
    """
    return _core.f_divergence(
        p, q, generators.le_cam, where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction
    )


@advised
def f_divergence(
    p: Rows,
    q: Rows,
    generator: Generator,
    *,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
    tokens: Rows | None = None,
    weights: Rows | None = None,
    reduction: Reduction = None,
) -> jax.Array:
    """D_f(p‖q) = Σ q f(p/q), the f-divergence of a generator.

    An outcome with p = 0 < q costs q f(0), one with q = 0 < p costs p lim f(u)/u, and one that is absent from both
    nothing. Rows are taken as measures: each summand is q f(p/q) ≥ 0 with f(1) = f'(1) = 0, which on normalised rows is
    the divergence named.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        generator: A record of ``kljax.generators``, or one made by ``generators.from_function``.
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
        >>> from kljax import generators, probs
        >>> p, q = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
        >>> round(float(probs.f_divergence(p, q, generators.neyman)), 4)
        0.3333

    References:
        Csiszár (1967), "Information-type measures of difference of probability distributions"; Ali & Silvey (1966).
    """
    check_generator("generator", generator)
    return _core.f_divergence(
        p, q, generator, where, axis=axis, measure=measure, tokens=tokens, weights=weights, reduction=reduction
    )
