"""The other f-divergences."""

from __future__ import annotations

from typing import Any

from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._names import advised
from kljax.generators import Generator
from kljax.quadrature import _run
from kljax.quadrature._arguments import Domain, Integral, LogDensity, Places


@advised
def squared_hellinger(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """H²(p, q) = ½∫(√p - √q)² in [0, 1], the squared Hellinger distance.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].
        args: What the functions take after the points: arrays, which broadcast with these, or pytrees of them. With the
            same functions, other values need no new program.

    Returns:
        The divergence in nats and a bound of its error, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import laplace, norm
        >>> from kljax import quadrature
        >>> found = quadrature.squared_hellinger(laplace.logpdf, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.0252

    References:
        Hellinger (1909); Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", ch. 4.
    """
    return _run.f_divergence(log_p, log_q, generators.squared_hellinger, support, center, scale, points, args)


@advised
def total_variation(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """TV(p, q) = ½∫|p - q| in [0, 1], the total variation distance.

    First derivatives are right. A second derivative lacks the motion of the points where the densities cross.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].
        args: What the functions take after the points: arrays, which broadcast with these, or pytrees of them. With the
            same functions, other values need no new program.

    Returns:
        The divergence in nats and a bound of its error, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import laplace, norm
        >>> from kljax import quadrature
        >>> found = quadrature.total_variation(laplace.logpdf, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.1175

    References:
        Levin, Peres & Wilmer (2009), "Markov Chains and Mixing Times", sec. 4.1.
    """
    return _run.f_divergence(log_p, log_q, generators.total_variation, support, center, scale, points, args)


@advised
def chi_squared(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """χ²(p‖q) = ∫(p - q)²/q, Pearson's divergence.

    It is inf where q misses mass that p has, and where the tails of q are so light that the integral diverges.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].
        args: What the functions take after the points: arrays, which broadcast with these, or pytrees of them. With the
            same functions, other values need no new program.

    Returns:
        The divergence in nats and a bound of its error, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import laplace, norm
        >>> from kljax import quadrature
        >>> found = quadrature.chi_squared(norm.logpdf, laplace.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.1015

    References:
        Pearson (1900); Tsybakov (2009), "Introduction to Nonparametric Estimation", sec. 2.4.
    """
    return _run.f_divergence(log_p, log_q, generators.pearson, support, center, scale, points, args)


@advised
def le_cam(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """LC(p, q) = ½∫(p - q)²/(p + q) in [0, 1], the triangular discrimination.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].
        args: What the functions take after the points: arrays, which broadcast with these, or pytrees of them. With the
            same functions, other values need no new program.

    Returns:
        The divergence in nats and a bound of its error, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import laplace, norm
        >>> from kljax import quadrature
        >>> found = quadrature.le_cam(laplace.logpdf, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.0376

    References:
        Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", p. 47.
    """
    return _run.f_divergence(log_p, log_q, generators.le_cam, support, center, scale, points, args)


@advised
def alpha(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    order: ArrayLike,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """A_α(p‖q) = (∫ p^α q^(1-α) - 1)/(α(α - 1)), Amari's α-divergence; KL(p‖q) at α = 1 and KL(q‖p) at α = 0.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        order: α, any real number; a Python number, or a traced scalar.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].
        args: What the functions take after the points: arrays, which broadcast with these, or pytrees of them. With the
            same functions, other values need no new program.

    Returns:
        The divergence in nats and a bound of its error, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import laplace, norm
        >>> from kljax import quadrature
        >>> found = quadrature.alpha(laplace.logpdf, norm.logpdf, order=0.5, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.1009

    References:
        Cichocki & Amari (2010), "Families of alpha-, beta- and gamma-divergences", eq. (3).
    """
    return _run.f_divergence(
        log_p, log_q, generators.alpha(_checks.parameter("order", order)), support, center, scale, points, args
    )


@advised
def tsallis(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    order: ArrayLike,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """T_a(p‖q) = (∫ p^a q^(1-a) - 1)/(a - 1), Tsallis' relative entropy; KL(p‖q) at a = 1.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        order: a > 0; a Python number, or a traced scalar.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].
        args: What the functions take after the points: arrays, which broadcast with these, or pytrees of them. With the
            same functions, other values need no new program.

    Returns:
        The divergence in nats and a bound of its error, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import laplace, norm
        >>> from kljax import quadrature
        >>> found = quadrature.tsallis(laplace.logpdf, norm.logpdf, order=0.5, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.0504

    References:
        Tsallis (1998), "Generalized entropy-based criterion for consistent testing", eq. (6).
    """
    return _run.f_divergence(
        log_p, log_q, generators.tsallis(_checks.parameter("order", order)), support, center, scale, points, args
    )


@advised
def f_divergence(
    log_p: LogDensity,
    log_q: LogDensity,
    generator: Generator,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """D_f(p‖q) = ∫ q f(p/q), the f-divergence of a generator.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        generator: The convex function f, from ``kljax.generators`` or built there.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].
        args: What the functions take after the points: arrays, which broadcast with these, or pytrees of them. With the
            same functions, other values need no new program.

    Returns:
        The divergence in nats and a bound of its error, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import laplace, norm
        >>> from kljax import generators, quadrature
        >>> found = quadrature.f_divergence(laplace.logpdf, norm.logpdf, generators.neyman, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.1015

    References:
        Csiszár (1967), "Information-type measures of difference of probability distributions".
    """
    _checks.instance("generator", generator, Generator, "a kljax.generators.Generator")
    return _run.f_divergence(log_p, log_q, generator, support, center, scale, points, args)
