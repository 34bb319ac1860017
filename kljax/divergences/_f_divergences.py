"""f-divergences and Rényi's, between two distributions."""

from __future__ import annotations

import jax
from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._names import advised
from kljax._types import Law
from kljax.divergences import _questions
from kljax.divergences._dispatch import answer
from kljax.generators import Generator
from kljax.generators._internal import check as check_generator


@advised
def f_divergence(p: Law, q: Law, generator: Generator) -> jax.Array:
    """D_f(p‖q) = ∫ q f(p/q), for any generator.

    α-divergences of any order, squared Hellinger, χ² and Tsallis have a closed form for two members of one exponential
    family, and total variation for two normal distributions.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        generator: A record of ``kljax.generators``, or one made by its ``from_function``.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Gumbel, Normal
        >>> print(f"{kljax.f_divergence(Normal(0.0, 1.0), Gumbel(0.0, 1.0), kljax.generators.le_cam):.4f}")
        0.0721

    References:
        Csiszár (1967), "Information-type measures of difference of probability distributions".
    """
    check_generator("generator", generator)
    return _questions.f_divergence(p, q, generator)


@advised
def renyi(p: Law, q: Law, *, order: ArrayLike) -> jax.Array:
    """R_α = log(∫ p^α q^(1-α))/(α - 1), Rényi's divergence; KL at α = 1.

    In closed form for two members of one exponential family: with m ∝ p^α q^(1-α) it is KL(m‖q) + α/(1-α) KL(m‖p) for
    α < 1, and KL(p‖q) + KL(p‖m)/(α-1) for α > 1, infinite where m is outside the family.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        order: α > 0.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.renyi(Normal(0.0, 1.0), Normal(1.0, 1.0), order=0.5):.4f}")
        0.2500

    References:
        van Erven & Harremoës (2014), "Rényi divergence and Kullback–Leibler divergence", eq. (1) and theorem 30; Gil,
        Alajaji & Linder (2013), "Rényi divergence measures for commonly used univariate continuous distributions".
    """
    order = _checks.parameter("order", order)
    _checks.number("order", order, low=0.0, open_low=True)
    found: jax.Array = answer(_questions.of_order(order), p, q)
    return found


@advised
def tsallis(p: Law, q: Law, *, order: ArrayLike) -> jax.Array:
    """T_α = (∫ p^α q^(1-α) - 1)/(α - 1), Tsallis' divergence; KL at α = 1.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        order: α, any real number.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.tsallis(Normal(0.0, 1.0), Normal(1.0, 1.0), order=0.5):.4f}")
        0.2350

    References:
        Tsallis (1998), "Generalized entropy-based criterion for consistent testing".
    """
    return f_divergence(p, q, generators.tsallis(_checks.parameter("order", order)))


@advised
def alpha(p: Law, q: Law, *, order: ArrayLike) -> jax.Array:
    """A_α = (∫ p^α q^(1-α) - 1)/(α(α - 1)), Amari's α-divergence; KL(p‖q) at α = 1 and KL(q‖p) at α = 0.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        order: α, any real number.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.alpha(Normal(0.0, 1.0), Normal(1.0, 1.0), order=0.5):.4f}")
        0.4700

    References:
        Cichocki & Amari (2010), "Families of alpha-, beta- and gamma-divergences", eq. (3).
    """
    return f_divergence(p, q, generators.alpha(_checks.parameter("order", order)))


@advised
def squared_hellinger(p: Law, q: Law) -> jax.Array:
    """H² = ½∫(√p - √q)², in [0, 1].

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.squared_hellinger(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        0.1175

    References:
        Le Cam & Yang (2000), "Asymptotics in statistics", section 3.1.
    """
    return f_divergence(p, q, generators.squared_hellinger)


@advised
def total_variation(p: Law, q: Law) -> jax.Array:
    """TV = ½∫|p - q|, in [0, 1].

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.total_variation(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        0.3829

    References:
        Levin & Peres (2017), "Markov chains and mixing times", section 4.1.
    """
    return f_divergence(p, q, generators.total_variation)


@advised
def chi_squared(p: Law, q: Law) -> jax.Array:
    """χ²(p‖q) = ∫(p - q)²/q, Pearson's; inf where it diverges.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.chi_squared(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        1.7183

    References:
        Pearson (1900), "On the criterion that a given system of deviations …".
    """
    return f_divergence(p, q, generators.pearson)


@advised
def le_cam(p: Law, q: Law) -> jax.Array:
    """LC = ½∫(p - q)²/(p + q), in [0, 1], the triangular discrimination.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.le_cam(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        0.2041

    References:
        Le Cam (1986), "Asymptotic methods in statistical decision theory", chapter 4.
    """
    return f_divergence(p, q, generators.le_cam)


@advised
def bhattacharyya(p: Law, q: Law) -> jax.Array:
    """B = -log ∫√(pq), Bhattacharyya's distance; half of Rényi's divergence of order ½.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.

    Returns:
        The divergence in nats, [batch...].

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Normal
        >>> print(f"{kljax.bhattacharyya(Normal(0.0, 1.0), Normal(1.0, 1.0)):.4f}")
        0.1250

    References:
        Bhattacharyya (1943), "On a measure of divergence between two statistical populations".
    """
    found: jax.Array = answer(_questions.OVERLAP, p, q)
    return found
