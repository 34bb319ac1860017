"""Metrics by quadrature: the roots of bounded divergences."""

from __future__ import annotations

import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax._names import advised
from kljax._special.edges import square_root
from kljax.quadrature._arguments import Domain, Integral, LogDensity, Places
from kljax.quadrature._f_divergences import squared_hellinger
from kljax.quadrature._kullback_leibler import jensen_shannon


def _distance(found: Integral) -> Integral:
    """The root of an integral, and how far that of the exact one may lie from it."""
    value = square_root(found.value)
    low, high = (jnp.sqrt(jnp.maximum(found.value + sign * found.error, 0.0)) for sign in (-1.0, 1.0))
    return Integral(value, jnp.maximum(high - value, value - low))


@advised
def jensen_shannon_distance(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
) -> Integral:
    """√JS(p, q) = √(½ KL(p‖m) + ½ KL(q‖m)), m = ½(p + q), the Jensen–Shannon distance, a metric.

    It lies in [0, √log 2]; at p = q, where a distance has a kink, its slope is taken to be 0.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].

    Returns:
        The distance and a bound of its error, [batch...]; near p = q the root of a small error is a larger one.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import laplace, norm
        >>> from kljax import quadrature
        >>> found = quadrature.jensen_shannon_distance(laplace.logpdf, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.1481

    References:
        Endres & Schindelin (2003), "A new metric for probability distributions"; Österreicher & Vajda (2003), "A new
        class of metric divergences on probability spaces and its applicability in statistics".
    """
    return _distance(jensen_shannon(log_p, log_q, support=support, center=center, scale=scale, points=points))


@advised
def hellinger_distance(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
) -> Integral:
    """H(p, q) = √(½∫(√p - √q)²), the Hellinger distance, a metric.

    It lies in [0, 1]; at p = q, where a distance has a kink, its slope is taken to be 0.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].

    Returns:
        The distance and a bound of its error, [batch...]; near p = q the root of a small error is a larger one.

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import laplace, norm
        >>> from kljax import quadrature
        >>> found = quadrature.hellinger_distance(laplace.logpdf, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.1588

    References:
        Hellinger (1909); Le Cam (1986), "Asymptotic Methods in Statistical Decision Theory", ch. 4.
    """
    return _distance(squared_hellinger(log_p, log_q, support=support, center=center, scale=scale, points=points))
