"""Forms in p and q of the divergences to a mixture m = w p + (1 - w) q, of a static weight.

With M and N the larger and the smaller of p and q, ρ = N/M = e^{-|r|}, the Jensen–Shannon summand of w = ½ needs no
logarithm that must be computed:

    ½(p + q) ψ(r²) r²,                    ψ(r²) r² = ½r tanh(½r) - log cosh(½r),  near p = q, else
    ½[(M + N)(log 2 - log(1 + ρ)) - N|r|],  whose log(1 + ρ) is a polynomial of ρ.

    ψ(z) = Σ (1 - 1/(2n)) (4ⁿ - 1) B₂ₙ/(2n)! zⁿ⁻¹,  B₂ₙ/(2n)! = (-1)ⁿ⁺¹ 2ζ(2n)/(2π)²ⁿ,  for |z| < π².
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import atanh_tail, divide, economised, horner, tiny
from kljax._special.loops import in_one_loop
from kljax.generators._forms_in_log_ratio import Scalar
from kljax.generators._forms_in_masses import Masses, exchanged, over

_NEAR = 2.0  # |r| up to which ψ serves
_BEYOND = {4: 80.0, 8: 700.0}  # |r| from which eʳ or e⁻ʳ may be no number


def _zeta(n: int) -> float:
    """ζ(n) for even n."""
    known = {2: math.pi**2 / 6, 4: math.pi**4 / 90, 6: math.pi**6 / 945, 8: math.pi**8 / 9450}
    return known.get(n) or math.fsum(k**-n for k in range(1, 60))


_PSI = np.polynomial.Polynomial(
    [(1 - 0.5 / n) * (4.0**n - 1) * (-1) ** (n + 1) * 2 * _zeta(2 * n) / (2 * math.pi) ** (2 * n) for n in range(1, 60)]
)
_LOG = np.polynomial.Polynomial([(-1.0) ** k / (k + 1) for k in range(40)])  # log(1 + x)/x


def _fitted(series: np.polynomial.Polynomial, high: float, exact: int, degree: int) -> list[float]:
    """Coefficients on [0, high], of which the first are the series' own: a fit's rounding shows near 0."""
    tail = np.polynomial.Polynomial(series.coef[exact:])
    return [*map(float, series.coef[:exact]), *economised(tail, high, degree - exact)]


_PSI_SINGLE, _PSI_DOUBLE = (_fitted(_PSI, _NEAR**2, *n) for n in ((1, 8), (7, 18)))
_LOG_SINGLE, _LOG_DOUBLE = (_fitted(_LOG, math.exp(-_NEAR) + 1e-6, *n) for n in ((1, 5), (5, 12)))


def _half_summand(m: Masses) -> jax.Array:
    double = m.p.dtype == jnp.float64
    near = jnp.abs(m.r) <= _NEAR
    z = jnp.where(near, m.r * m.r, 0.0)
    larger, smaller = jnp.maximum(m.p, m.q), jnp.minimum(m.p, m.q)
    ratio = jnp.where(near, 0.0, over(smaller, larger))
    log_1p = ratio * horner(_LOG_DOUBLE if double else _LOG_SINGLE, ratio)
    apart = 0.5 * ((larger + smaller) * (math.log(2.0) - log_1p) - smaller * jnp.abs(m.r))
    return jnp.where(near, 0.5 * (m.p + m.q) * (z * horner(_PSI_DOUBLE if double else _PSI_SINGLE, z)), apart)


def _step(own: jax.Array, mixed: jax.Array, away: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(whether mixed lies near own, s = away/(own + mixed) there) for mixed = own + away."""
    s = in_one_loop(divide(0.5 * away, jnp.maximum(0.5 * own + 0.5 * mixed, tiny(own))))
    near = jnp.abs(s) <= 0.5  # t from -2/3 to 2, where log1p(t) = 2 atanh(s)
    return near, jnp.where(near, s, 0.0)


def _log_apart(
    own: jax.Array, mixed: jax.Array, near: jax.Array, other: jax.Array, rise: jax.Array | None
) -> jax.Array:
    """log(mixed/own) not ``near`` 0, from the ``other`` mass and rise = log(other/own) if mixed/own may overflow."""
    if rise is None:
        return -jnp.log(jnp.maximum(divide(own, jnp.where(mixed == 0.0, 1.0, mixed)), tiny(own)))
    beyond = rise > _BEYOND[own.dtype.itemsize]
    by = jnp.where(beyond, other, own)
    lost = near | (by == 0.0) | (mixed == 0.0)
    quotient = divide(jnp.where(lost, 1.0, mixed), jnp.where(lost, 1.0, by))
    quotient = jnp.clip(quotient, tiny(own), float(jnp.finfo(own.dtype).max))
    return jnp.log(quotient) + jnp.where(beyond, rise, 0.0)


def _rise(m: Masses) -> jax.Array | None:
    """log(q/p), if q/p may overflow."""
    return -m.r if m.quotient is None else None


def _to_mixture(weight: Scalar, own: jax.Array, mixed: jax.Array, away: jax.Array, *further: Any) -> jax.Array:
    """w own h(t), h(t) = t - log1p(t), for the mixture own (1 + t) = own + away."""
    near, v = _step(own, mixed, away)
    close = v * away - 2.0 * (own * (v * v * v * atanh_tail(v * v)))
    apart = weight * away - own * (weight * _log_apart(own, mixed, near, *further))
    return jnp.where(near, weight * close, apart)


def js_summand(m: Masses, weight: Scalar) -> jax.Array:
    # w p h(m/p - 1) + (1 - w) q h(m/q - 1): what is linear in q - p cancels.
    if weight == 0.5:
        return _half_summand(m)
    rest = 1.0 - weight
    mixed = weight * m.p + rest * m.q
    in_p = _to_mixture(weight, m.p, mixed, rest * m.gap, m.q, _rise(m))
    return in_p + _to_mixture(rest, m.q, mixed, -weight * m.gap, m.p, _rise(exchanged(m)))


@jax.custom_jvp
def _log_of_mixture(
    own: jax.Array, mixed: jax.Array, away: jax.Array, other: jax.Array, rise: jax.Array | None
) -> jax.Array:
    """own log(mixed/own)"""
    near, v = _step(own, mixed, away)
    return own * jnp.where(near, 2.0 * (v + v * v * v * atanh_tail(v * v)), _log_apart(own, mixed, near, other, rise))


@_log_of_mixture.defjvp
def _log_of_mixture_jvp(primals, tangents):
    # log(mixed/own) d own + (own d away - away d own)/mixed, whose quotients are bounded
    own, mixed, away, *_ = primals
    d_own, _, d_away, *_ = tangents
    value = _log_of_mixture(*primals)
    share, excess = (divide(x, jnp.maximum(mixed, tiny(own))) for x in (own, away))
    level = divide(value, jnp.where(own == 0.0, 1.0, own))
    return value, (level - excess) * d_own + share * d_away


def js_in_log_p(m: Masses, weight: Scalar) -> jax.Array:
    # From p itself: as e^r of the larger mass it would lose r eps.
    rest = 1.0 - weight
    return -weight * _log_of_mixture(m.p, weight * m.p + rest * m.q, rest * m.gap, m.q, _rise(m))


def js_in_log_q(m: Masses, weight: Scalar) -> jax.Array:
    rest = 1.0 - weight
    return -rest * _log_of_mixture(m.q, weight * m.p + rest * m.q, -weight * m.gap, m.p, _rise(exchanged(m)))


def _log_to_mixture(m: Masses, weight: Scalar) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """(m, whether p is near it, s = (p - m)/(p + m) there, else log(p/m))"""
    rest = 1.0 - weight
    mixed = weight * m.p + rest * m.q
    s = over(-rest * m.gap, m.p + mixed)
    near = jnp.abs(s) <= 0.5
    return mixed, near, jnp.where(near, s, 0.0), -_log_apart(m.p, mixed, near, m.q, _rise(m))


def skew_summand(m: Masses, weight: Scalar) -> jax.Array:
    # p log(p/m) - (p - m), p - m = -(1 - w) gap
    _, near, s, log_ratio = _log_to_mixture(m, weight)
    away = -(1.0 - weight) * m.gap
    return jnp.where(near, away * s * (1.0 + s * (1.0 + s) * atanh_tail(s * s)), m.p * log_ratio - away)


def skew_in_log_p(m: Masses, weight: Scalar) -> jax.Array:
    # p [log(p/m) - w t], t = (p - m)/m; near m, log(p/m) = t - h(t), h(t) = s t - 2s³W(s²)
    mixed, near, s, log_ratio = _log_to_mixture(m, weight)
    t = over(-(1.0 - weight) * m.gap, mixed)
    excess = s * t - 2.0 * s * s * s * atanh_tail(s * s)
    return m.p * jnp.where(near, (1.0 - weight) * t - excess, log_ratio - weight * t)


def skew_in_log_q(m: Masses, weight: Scalar) -> jax.Array:
    rest = 1.0 - weight
    return rest * rest * m.q * over(m.gap, weight * m.p + rest * m.q)
