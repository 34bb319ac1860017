"""Rényi's divergence and the Bhattacharyya distance by quadrature."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from kljax import _checks, generators
from kljax._names import advised
from kljax._special.log1p_quotients import log_over
from kljax.quadrature import _integrands, _run
from kljax.quadrature._arguments import Domain, Integral, LogDensity, Places
from kljax.quadrature._measures import Totals

Finish = Callable[[Totals], Integral]

# sup log p/q - R_α is at most -(log P)/α of the mass P that p has near the supremum. Where there is more between the
# largest ratio of all nodes and R_α at the order that stands for ∞, 10⁵ or 10¹¹, the ratio grows without end.
_GROWTH = 0.02


@advised
def renyi(
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
    """R_α(p‖q) = log(∫ p^α q^(1-α))/(α - 1), Rényi's divergence; KL(p‖q) at α = 1, continuously.

    Args:
        log_p: The log-density of p, an elementwise function of an array of points, [..., nodes] -> [..., nodes]; -∞ is
            density zero. It may close over traced parameters.
        log_q: The same of q.
        order: α > 0; a Python number, or a traced scalar. From 1/eps on it is that of ∞: log sup p/q,
            ``inf`` where p/q grows without end.
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
        >>> found = quadrature.renyi(laplace.logpdf, norm.logpdf, order=0.5, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.0511

    References:
        van Erven & Harremoës (2014), "Rényi divergence and Kullback-Leibler divergence", eq. (1).
    """
    checked = _checks.parameter("order", order)
    _checks.number("order", order, low=0.0, open_low=True)
    functions = {"log_p": log_p, "log_q": log_q}
    integrand, finish = of_power(checked)
    return finish(_run.totals(functions, integrand, support, center, scale, points, args))


@advised
def bhattacharyya(
    log_p: LogDensity,
    log_q: LogDensity,
    *,
    support: Domain,
    center: Places | None = None,
    scale: Places | None = None,
    points: ArrayLike | None = None,
    args: tuple[Any, ...] = (),
) -> Integral:
    """B(p, q) = -log ∫ √(p q), the Bhattacharyya distance; inf where p and q have no mass in common.

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
        >>> found = quadrature.bhattacharyya(laplace.logpdf, norm.logpdf, support=(-jnp.inf, jnp.inf))
        >>> print(f"{found.value:.4f}")
        0.0255

    References:
        Bhattacharyya (1943), "On a measure of divergence between two statistical populations".
    """
    value, error = renyi(log_p, log_q, order=0.5, support=support, center=center, scale=scale, points=points, args=args)
    return Integral(0.5 * value, 0.5 * error)


def of_power(order: float | jax.Array) -> tuple[Any, Finish]:
    """What Rényi's divergence integrates, and what it makes of that."""
    if isinstance(order, float) and order == 1.0:
        return _integrands.Divergence(generators.kl), _run.plain
    taken, endless = _within(order)

    def finish(total: Totals) -> Integral:
        value, error = _renyi(total, taken)
        more = lax.stop_gradient(jnp.where(jnp.isfinite(value), jnp.maximum(total.ratio, 0.0) - value, 0.0))
        limit = jnp.where(more > _GROWTH * (1.0 + value), jnp.inf, value + more)
        return Integral(jnp.where(endless, limit, value), error)

    return _integrands.Power(generators.alpha(taken)), finish


def _within(order: float | jax.Array) -> tuple[float | jax.Array, bool | jax.Array]:
    """The order that is integrated, and whether it stands for ∞: where its power has its nodes, p/q is largest.

    A rounded log-density says nothing about powers beyond 1/eps.
    """
    dtype = order.dtype if isinstance(order, jax.Array) else jnp.result_type(float)
    eps = float(jnp.finfo(dtype).eps)
    endless, most = order >= 1.0 / eps, eps ** (-0.75)
    if isinstance(order, float):
        return min(order, most) if endless else order, endless
    return jnp.where(endless, most, order), endless


def _renyi(total: Totals, order: float | jax.Array) -> Integral:
    # With A the α-divergence, ∫ pᵅq¹⁻ᵅ = 1 + α(α - 1)A; near 1 from A, a sum of terms ≥ 0, else from its logarithm.
    beta = order - 1.0
    divergence, divergence_error = (part[0] * jnp.exp(total.shift[0]) for part in (total.sum, total.error))
    mass, infinite = total.sum[1], ~jnp.isfinite(total.sum[1])
    found = (mass > 0.0) & ~infinite
    safe_mass = jnp.where(found, mass, 1.0)
    log_mass = jnp.where(found, jnp.log(safe_mass) + total.shift[1], jnp.where(infinite, mass, -jnp.inf))
    value = log_over(beta, order * divergence, log_mass)
    eps = jnp.finfo(value.dtype).eps
    slack = total.error[1] / safe_mass + 2.0 * eps * jnp.abs(jnp.where(found, log_mass, 0.0))
    near = jnp.abs(order * beta * divergence) < 0.5
    apart = slack / jnp.where(near, 1.0, jnp.abs(jnp.asarray(beta)))
    error = jnp.where(near, 2.0 * order * divergence_error + 4.0 * eps * value, apart)
    return Integral(value, lax.stop_gradient(jnp.where(jnp.isinf(value), 0.0, error)))
