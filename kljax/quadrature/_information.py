"""Entropies and expectations by quadrature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.typing import ArrayLike

from kljax._names import advised
from kljax.quadrature import _integrands, _run
from kljax.quadrature._arguments import Domain, Integral, LogDensity, Places


@advised
def cross_entropy(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """H(p, q) = -∫ p log q, the cross-entropy; inf where q misses mass that p has.

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
        The cross-entropy in nats and a bound of its error, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import laplace, norm
        >>> from kljax import quadrature
        >>> found = quadrature.cross_entropy(laplace.logpdf, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        1.9189

    References:
        Cover & Thomas (2006), "Elements of Information Theory", sec. 8.
    """
    functions = {"log_p": log_p, "log_q": log_q}
    return _run.plain(_run.totals(functions, _integrands.CrossEntropy(), support, center, scale, points, args))


@advised
def entropy(
    log_p: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """H(p) = -∫ p log p, the differential entropy; of integers Shannon's.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].
        args: What the functions take after the points: arrays, which broadcast with these, or pytrees of them. With the
            same functions, other values need no new program.

    Returns:
        The entropy in nats and a bound of its error, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import norm
        >>> from kljax import quadrature
        >>> found = quadrature.entropy(norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        1.4189

    References:
        Cover & Thomas (2006), "Elements of Information Theory", sec. 8.1.
    """
    return _run.plain(_run.totals({"log_p": log_p}, _integrands.Entropy(), support, center, scale, points, args))


@advised
def expectation(
    function: Callable[[jax.Array], ArrayLike],
    log_p: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """E_p[f] = ∫ p(x) f(x), the mean of a function under p; ±inf, or NaN for both at once, where it diverges.

    Args:
        function: f, elementwise like ``log_p``; it may close over traced parameters too.
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        support: (low, high) with low < high, either end may be infinite, a number or an array of the batch's shape; or
            ``circle``, or ``integers(low, high)``.
        center: Where the mass of the densities lies, a number or array; a tuple for several places.
        scale: The width of the mass at each centre, likewise.
        points: Breakpoints such as kinks, jumps or quantiles, [..., k].
        args: What the functions take after the points: arrays, which broadcast with these, or pytrees of them. With the
            same functions, other values need no new program.

    Returns:
        The mean and a bound of its error, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from jax.scipy.stats import norm
        >>> from kljax import quadrature
        >>> found = quadrature.expectation(jnp.square, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        1.0000

    References:
        Cover & Thomas (2006), "Elements of Information Theory", sec. 2.1.
    """
    extra = {"function": function}
    return _run.plain(_run.totals({"log_p": log_p}, _integrands.Mean(), support, center, scale, points, args, extra))
