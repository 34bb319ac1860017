"""The divergences of Kullback and Leibler and their symmetrisations."""

from __future__ import annotations

from typing import Any

from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._names import advised
from kljax.quadrature import _run
from kljax.quadrature._arguments import Domain, Integral, LogDensity, Places


@advised
def kl(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """KL(p‖q) = ∫ p log(p/q), the Kullback–Leibler divergence.

    It is inf where q misses mass that p has, and where the integral diverges, as for Cauchy from a Normal.

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
        >>> found = quadrature.kl(laplace.logpdf, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.2258

    References:
        Kullback & Leibler (1951), "On information and sufficiency".
    """
    return _run.f_divergence(log_p, log_q, generators.kl, support, center, scale, points, args)


@advised
def jeffreys(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """J(p, q) = KL(p‖q) + KL(q‖p), Jeffreys' divergence.

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
        >>> found = quadrature.jeffreys(laplace.logpdf, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.2979

    References:
        Jeffreys (1946), "An invariant form for the prior probability in estimation problems".
    """
    return _run.f_divergence(log_p, log_q, generators.jeffreys, support, center, scale, points, args)


@advised
def jensen_shannon(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    weight: ArrayLike = 0.5,
    scaled: bool = False,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """JS(p, q) = w KL(p‖m) + (1 - w) KL(q‖m), m = w p + (1 - w) q, the Jensen–Shannon divergence.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
        scaled: Whether to divide by w(1 - w), so that w → 0 gives KL(p‖q) and w → 1 gives KL(q‖p).
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
        >>> found = quadrature.jensen_shannon(laplace.logpdf, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.0219

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (4.1).
    """
    return _run.f_divergence(
        log_p,
        log_q,
        generators.jensen_shannon(_checks.parameter("weight", weight), scaled=scaled),
        support,
        center,
        scale,
        points,
        args,
    )


@advised
def skew_kl(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    weight: ArrayLike,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """KL(p‖w p + (1 - w) q), the skew divergence; w = 0 is KL(p‖q) and w = 1 is zero.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        weight: w in [0, 1], the weight of p in the mixture; a Python number, or a traced scalar.
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
        >>> found = quadrature.skew_kl(laplace.logpdf, norm.logpdf, weight=0.5, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.0161

    References:
        Lee (1999), "Measures of distributional similarity".
    """
    return _run.f_divergence(
        log_p, log_q, generators.skew_kl(_checks.parameter("weight", weight)), support, center, scale, points, args
    )
