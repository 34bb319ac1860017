"""log Γ, its derivatives and its Bregman divergences, without the cancellations of the textbook's formulas.

    log Γ(x) = (x - ½) log x - x + ½ log 2π + R(x),   R(x) ≈ Σ cₖ zᵏ,   z = 1/(x + p),   for x ≥ 1,

and log Γ(x) = log Γ(x + 1) - log x below 1. Everything is a difference between two points y and x: its logarithms
come from the atanh series (kljax._special.elementwise) and its polynomial from divided differences in z, for which
z_y - z_x = -(y - x) z_y z_x. A value is the difference from a zero of its function, so it keeps its digits there.

F stands for log Γ or, with ``phi``, for φ(a) = log Γ(a) - a log a + a = ½ log(2π/a) + R(a). Both are convex on a > 0.
Where a function is infinite (at 0 or ∞) so is its value here, and its derivative is taken as zero.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import atanh_tail, divide, horner, is_double, log1p, relative_gap, tiny, x_minus_log1p
from kljax._special.scalar_bregman import Convex, bregman, slope_gap

# p and c₁, c₂, …, fitted in 50 digits so that the third derivative of Σ cₖ zᵏ interpolates R‴ in a weight φ‴; by
# integration from ∞ the second and first derivative, gaps and Bregman divergences have no larger relative error: 6e-9
# and 1.2e-17. tests/test_gamma.py makes the fit again.
_POLE_SINGLE, _SERIES_SINGLE = 0.375, [
    *(0.08333315922903842, 0.03125253236708413, 0.008920213683439052, 0.001376314278293364),
    *(-0.00026476183745491284, 0.001457670354628658, -0.0006482134388819946, 0.00021447479573351554),
]  # fmt: skip
_POLE_DOUBLE, _SERIES_DOUBLE = 0.6875, [
    *(0.08333333333333093, 0.05729166666689609, 0.03661024304317735, 0.021350098083230153, 0.011533030703668212),
    *(0.006501111144671491, 0.004520317403823938, 0.0032741932832133732, 0.0011514626823333164, 0.000945996393509826),
    *(-0.003462226287363081, 0.021257527971990126, -0.05084683787563004, 0.08027599663619421, -0.08313933936560385),
    *(0.05033682285070732, -0.0018016768043989159, -0.02799149637447209, 0.02726798288917246, -0.012447539980515728),
    0.0024591286286002228,
]  # fmt: skip

# The zero of ψ and its remainder beyond a float64; ψ(1) = -γ and ψ(2) = 1 - γ.
_ZERO, _ZERO_TAIL = 1.4616321449683622, 9.549995429965697e-17
_SLOPE_AT_ONE, _SLOPE_AT_TWO = -0.5772156649015329, 0.42278433509846713


def stirling_series(x: jax.Array) -> tuple[jax.Array, list[float]]:
    """(z, [c₁, c₂, …]) for the remainder R(x), x ≥ 1."""
    pole, series = (_POLE_DOUBLE, _SERIES_DOUBLE) if is_double(x) else (_POLE_SINGLE, _SERIES_SINGLE)
    return 1.0 / (x + pole), series


def remainder_gap(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """R'(y) - R'(x), where R' = -z² Σ k cₖ zᵏ⁻¹."""
    (w, series), (z, _) = stirling_series(y), stirling_series(x)
    slopes = [0.0, 0.0, *(k * c for k, c in enumerate(series, 1))]
    value, divided = jnp.zeros_like(z), jnp.zeros_like(z)
    for c in reversed(slopes[1:]):
        value = c + z * value
        divided = value + w * divided
    return d * w * z * divided


def remainder_bregman(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """R(y) - R(x) - R'(x)(y - x) = d² z_x² z_y (P'(z_x) + z_y P[z_x, z_x, z_y]) for R = P(z)."""
    (w, series), (z, _) = stirling_series(y), stirling_series(x)
    value, slope, divided = jnp.zeros_like(z), jnp.zeros_like(z), jnp.zeros_like(z)
    for c in reversed(series[1:]):
        value = c + z * value
        slope = value + z * slope
        divided = slope + w * divided
    # The loop stops before c₁, so it has made P'(z) - c₁ in two parts, and P[z, z, w].
    first = series[0] + z * value + z * slope
    return z * (d * z) * (d * w) * (first + w * divided)


class _Logarithm(NamedTuple):
    """log(y/x) in parts: s = d/(y + x) and W(s²) where ``near``, else s = 0 and ``far`` = log(y/x)."""

    near: jax.Array
    s: jax.Array
    tail: jax.Array
    far: jax.Array

    def value(self) -> jax.Array:
        s = self.s
        return jnp.where(self.near, 2.0 * s + 2.0 * s * s * s * self.tail, self.far)


def _logarithm(y: jax.Array, x: jax.Array, d: jax.Array) -> _Logarithm:
    """Of y/x for y, x in the normal range, with their exact difference d."""
    part = jnp.where(jnp.maximum(y, x) > 1.0, 0.5, 1.0).astype(y.dtype)  # the sum may overflow, its half underflow
    total = part * y + part * x
    near = 2.0 * part * jnp.abs(d) <= total
    s = jnp.where(near, part * d / total, 0.0)
    large, small = jnp.maximum(y, x), jnp.minimum(y, x)
    # The quotient of the extremes overflows: scale by powers of two, and add their logarithm.
    power = 512 if is_double(y) else 64
    down, up = large > 2.0**power, small < 2.0**-power
    quotient = jnp.where(down, large * 2.0**-power, large) / jnp.where(up, small * 2.0**power, small)
    scales = jnp.where(down, power * math.log(2.0), 0.0) + jnp.where(up, power * math.log(2.0), 0.0)
    size = jnp.log(jnp.where(near, 1.0, quotient)) + scales
    return _Logarithm(near, s, atanh_tail(s * s), jnp.where(y > x, size, -size))


def _burg(y: jax.Array, x: jax.Array, d: jax.Array, log: _Logarithm) -> jax.Array:
    """y/x - 1 - log(y/x), the Bregman divergence of -log."""
    near = divide(d, x) * log.s - 2.0 * log.s * log.s * log.s * log.tail
    return jnp.where(log.near, near, (y / x - 1.0) - log.far)


def _boltzmann(y: jax.Array, x: jax.Array, d: jax.Array, log: _Logarithm) -> jax.Array:
    """y log(y/x) - y + x, the Bregman divergence of a log a - a."""
    near = d * log.s * (1.0 + log.s * (1.0 + log.s) * log.tail)
    return jnp.where(log.near, near, y * (log.far - 1.0) + x)


def _shifted(y: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(whether y or x is below 1, v, u): then both plus 1, else both as they are."""
    low = jnp.minimum(y, x) < 1.0
    return low, jnp.where(low, y + 1.0, y), jnp.where(low, x + 1.0, x)


def _bregman_value(phi: bool, y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """F(y) - F(x) - F'(x) d. Below 1, with v = y + 1 and u = x + 1, -log a and then F(a + 1) are added up."""
    low, v, u = _shifted(y, x)
    upper, lower = _logarithm(v, u, d), _logarithm(y, x, d)
    stirling = 0.5 * _burg(v, u, d, upper) + remainder_bregman(v, u, d)
    recurrence = _burg(y, x, d, lower)
    if not phi:
        return _boltzmann(v, u, d, upper) + stirling + jnp.where(low, recurrence, 0.0)
    # Add K(v, u) - K(y, x), K = _boltzmann. Near: from S - s = -2s/(u + v), for S, s of v/u, y/x. Far:
    # log(v/u) + y [L(y) - L(x)] with L(a) = log(1 + 1/a), -y L(x) joined to the y/x - 1 of the recurrence.
    s, S = lower.s, upper.s
    cubic = S * S * (1.0 + S) * upper.tail - s * s * (1.0 + s) * lower.tail
    near = recurrence + d * (cubic - s / (0.5 * u + 0.5 * v))
    at_y, at_x = (1.0 / jnp.where(low & ~lower.near, a, 1.0) for a in (y, x))
    far = y * (x_minus_log1p(at_x) + log1p(at_y)) - 1.0 - lower.far + upper.value()
    return stirling + jnp.where(low, jnp.where(lower.near, near, far), 0.0)


def _over_product(d: jax.Array, y: jax.Array, x: jax.Array) -> jax.Array:
    """(y - x)/(y x), divided twice: the bounds, which never act, keep the compiler from dividing once by y x."""
    return jnp.clip(d / jnp.maximum(y, x), -1.0, 1.0) / jnp.minimum(y, x)


def _gap_value(phi: bool, y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """F'(y) - F'(x)."""
    low, v, u = _shifted(y, x)
    upper = _logarithm(v, u, d)
    stirling = 0.5 * _over_product(d, v, u) + remainder_gap(v, u, d)
    recurrence = _over_product(d, y, x)
    if not phi:
        return upper.value() + stirling + jnp.where(low, recurrence, 0.0)
    # Add log(v/u) - log(y/x), as in the Bregman divergence.
    lower = _logarithm(y, x, d)
    s, S = lower.s, upper.s
    near = 2.0 * (S * S * S * upper.tail - s * s * s * lower.tail - s / (0.5 * u + 0.5 * v))
    at_y, at_x = (1.0 / jnp.where(low & ~lower.near, a, 1.0) for a in (y, x))
    far = log1p(at_y) - log1p(at_x)
    return stirling + jnp.where(low, recurrence + jnp.where(lower.near, near, far), 0.0)


def _inside(x: jax.Array) -> jax.Array:
    return (x > 0.0) & (x < jnp.inf)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def scaled_derivative(phi: bool, n: int, x: jax.Array) -> jax.Array:
    """xⁿ⁻¹ F⁽ⁿ⁾(x), n ≥ 2, which neither over- nor underflows where x is normal."""
    if n > 2:  # what n!/x would overflow belongs to derivatives that overflow themselves
        x = jnp.maximum(x, 64.0 * tiny(x))
    low = x < 1.0
    u = jnp.where(low, x + 1.0, x)
    z, series = stirling_series(u)
    factorial = float(math.factorial(n - 2))
    power = jnp.where(low, x / u, 1.0) ** (n - 1)
    # Times (-1)ⁿ, the derivatives of: -log x below 1; u log u - u, for φ less x log x - x; -½ log u; R(u).
    recurrence = jnp.where(low, (n - 1) * factorial / x, 0.0)
    entropy = factorial * (power - 1.0 if phi else power)
    half = 0.5 * (n - 1) * factorial * power / u
    rising = [c * math.prod(range(k, k + n)) for k, c in enumerate(series, 1)]
    remainder = (x * z) ** (n - 1) * z * z * horner(rising, z)
    return (-1.0) ** n * (recurrence + entropy + half + remainder)


@scaled_derivative.defjvp
def _scaled_jvp(phi, n, primals, tangents):
    (x,), (dx,) = primals, tangents
    value = scaled_derivative(phi, n, x)
    return value, divide(((n - 1) * value + scaled_derivative(phi, n + 1, x)) * dx, x)


def _finite_gap(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """(y - x)/x, at most the largest number, so that it may be multiplied by zero."""
    return jnp.minimum(relative_gap(y, x, d), float(jnp.finfo(x.dtype).max))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _step(phi: bool, y: jax.Array, x: jax.Array, d: jax.Array, v: jax.Array) -> jax.Array:
    """F″(x)(y - x) v for a tangent v, which comes in first so that a zero one stays zero."""
    return (scaled_derivative(phi, 2, x) * v) * _finite_gap(y, x, d)


@_step.defjvp
def _step_jvp(phi, primals, tangents):
    # ∂y = F″(x) v, ∂x = F‴(x)(y - x) v - F″(x) v, ∂v = F″(x)(y - x).
    (y, x, d, v), (dy, dx, _, dv) = primals, tangents
    by_points = (scaled_derivative(phi, 3, x) * v * dx) * _finite_gap(y, x, d) + scaled_derivative(phi, 2, x) * v * (
        dy - dx
    )
    return _step(phi, y, x, d, v), divide(by_points, x) + _step(phi, y, x, d, dv)


def _times_curvature(phi: bool, x: jax.Array, v: jax.Array) -> jax.Array:
    """F″(x) v for a tangent v, which comes in before the division, which may overflow."""
    return divide(scaled_derivative(phi, 2, x) * v, x)


LOG_GAMMA, PHI = (
    Convex(*(functools.partial(one, phi) for one in (_bregman_value, _gap_value, _times_curvature, _step)))
    for phi in (False, True)
)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _polygamma(n: int, x: jax.Array, v: jax.Array) -> jax.Array:
    """ψ⁽ⁿ⁾(x) v for a tangent v."""
    value = scaled_derivative(False, n + 1, x) * v
    for _ in range(n):  # a selection, linear in v, keeps the compiler from dividing once by xⁿ, which underflows
        value = divide(jnp.where(jnp.isnan(x), 0.0, value), x)
    return value


@_polygamma.defjvp
def _polygamma_jvp(n, primals, tangents):
    (x, v), (dx, dv) = primals, tangents
    return _polygamma(n, x, v), _polygamma(n + 1, x, v * dx) + _polygamma(n, x, dv)


@jax.custom_jvp
def _digamma(x: jax.Array, excess: jax.Array) -> jax.Array:
    """ψ(x) as ψ(x) - ψ(x₀), from excess = x - 1."""
    zero = _ZERO if is_double(x) else float(np.float32(_ZERO))
    # The compiler would join the two constants into one; the maximum, which never acts, keeps them apart.
    d = jnp.maximum(excess - (zero - 1.0), -2.0) - ((_ZERO - zero) + _ZERO_TAIL)
    return slope_gap(LOG_GAMMA, x, jnp.full_like(x, zero), d)


@_digamma.defjvp
def _digamma_jvp(primals, tangents):
    (x, excess), (dx, _) = primals, tangents
    return _digamma(x, excess), _polygamma(1, x, dx)


@jax.custom_jvp
def _log_gamma(x: jax.Array, excess: jax.Array) -> jax.Array:
    """ψ(c)(x - c) + B(x; c) from the nearer zero c = 1, 2; excess = x - 1."""
    first = x < 1.5
    zero, slope = jnp.where(first, 1.0, 2.0).astype(x.dtype), jnp.where(first, _SLOPE_AT_ONE, _SLOPE_AT_TWO)
    d = jnp.where(first, excess, excess - 1.0)
    return slope.astype(x.dtype) * d + bregman(LOG_GAMMA, x, zero, d)


@_log_gamma.defjvp
def _log_gamma_jvp(primals, tangents):
    (x, excess), (dx, _) = primals, tangents
    return _log_gamma(x, excess), _digamma(x, excess) * dx


@jax.custom_jvp
def _log_gamma_gap(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    # Near, ψ(x) d + B(y; x); else Stirling's formula, term by term.
    near = jnp.maximum(0.5 * y, 0.5 * x) <= jnp.minimum(y, x)
    local = _digamma(x, x - 1.0) * d + bregman(LOG_GAMMA, y, x, d)
    low, v, u = _shifted(y, x)
    upper = _logarithm(v, u, d).value()
    (w, series), (z, _) = stirling_series(v), stirling_series(u)
    remainder = horner([0.0, *series], w) - horner([0.0, *series], z)
    stirling = (v * upper + d * (jnp.log(u) - 1.0)) - 0.5 * upper + remainder
    return jnp.where(near, local, stirling - jnp.where(low, _logarithm(y, x, d).value(), 0.0))


@_log_gamma_gap.defjvp
def _log_gamma_gap_jvp(primals, tangents):
    (y, x, d), (dy, dx, _) = primals, tangents
    return _log_gamma_gap(y, x, d), _digamma(y, y - 1.0) * dy - _digamma(x, x - 1.0) * dx


# --- the functions, total ----------------------------------------------------------------------------------


def _ends(x: jax.Array, at_zero: float, at_infinity: float) -> jax.Array:
    limits = jnp.where(x == 0.0, at_zero, jnp.where(x == jnp.inf, at_infinity, jnp.nan))
    return limits.astype(x.dtype)


def log_gamma(x: jax.Array) -> jax.Array:
    """log Γ(x) for x > 0, with relative accuracy also near its zeros 1 and 2; ∞ at 0 and ∞."""
    inside = _inside(x)
    safe = jnp.where(inside, x, 1.0)
    return jnp.where(inside, _log_gamma(safe, safe - 1.0), _ends(x, jnp.inf, jnp.inf))


def log_gamma_1p(r: jax.Array) -> jax.Array:
    """log Γ(1 + r) for r > -1, with relative accuracy also near its zeros 0 and 1; ∞ at -1 and ∞."""
    inside = (r > -1.0) & (r < jnp.inf)
    safe = jnp.where(inside, r, 0.0)
    return jnp.where(inside, _log_gamma(1.0 + safe, safe), _ends(1.0 + r, jnp.inf, jnp.inf))


def digamma(x: jax.Array) -> jax.Array:
    """ψ(x) = d/dx log Γ(x) for x > 0, with relative accuracy also near its zero 1.4616…; -∞ at 0 and ∞ at ∞."""
    inside = _inside(x)
    safe = jnp.where(inside, x, 1.0)
    return jnp.where(inside, _digamma(safe, safe - 1.0), _ends(x, -jnp.inf, jnp.inf))


def polygamma(n: int, x: jax.Array) -> jax.Array:
    """ψ⁽ⁿ⁾(x) for x > 0 and a Python integer n ≥ 1; (-1)ⁿ⁺¹ ∞ at 0 and 0 at ∞."""
    inside = _inside(x)
    value = _polygamma(n, jnp.where(inside, x, 1.0), jnp.ones_like(x))
    return jnp.where(inside, value, _ends(x, jnp.inf if n % 2 else -jnp.inf, 0.0))


def trigamma(x: jax.Array) -> jax.Array:
    """ψ'(x) for x > 0; ∞ at 0 and 0 at ∞."""
    return polygamma(1, x)


def _safe_pair(y: jax.Array, x: jax.Array, d: jax.Array | None) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """(whether both lie inside (0, ∞), y, x, d) with y = x = 1 where they do not."""
    inside = _inside(y) & _inside(x)
    y, x = (jnp.where(inside, a, 1.0) for a in (y, x))
    # The derivatives by y and x speak for d, too.
    return inside, y, x, jax.lax.stop_gradient(y - x if d is None else jnp.where(inside, d, 0.0))


def _outside(y: jax.Array, x: jax.Array) -> jax.Array:
    """At the ends, 0 for equal arguments, else ∞; NaN for a negative one or a NaN."""
    return jnp.where((y >= 0.0) & (x >= 0.0), jnp.where(y == x, 0.0, jnp.inf), jnp.nan).astype(y.dtype)


def bregman_log_gamma(y: jax.Array, x: jax.Array, d: jax.Array | None = None) -> jax.Array:
    """log Γ(y) - log Γ(x) - ψ(x)(y - x) ≥ 0 for y, x > 0; ``d`` is y - x where known better than by subtraction.

    ∞ where just one of y, x is 0 or ∞ and 0 where both are the same, with zero gradients.
    """
    inside, safe_y, safe_x, d = _safe_pair(y, x, d)
    return jnp.where(inside, bregman(LOG_GAMMA, safe_y, safe_x, d), _outside(y, x))


def bregman_phi(y: jax.Array, x: jax.Array, d: jax.Array | None = None) -> jax.Array:
    """φ(y) - φ(x) - φ'(x)(y - x) ≥ 0 for φ(a) = log Γ(a) - a log a + a, convex; the ends as in `bregman_log_gamma`."""
    inside, safe_y, safe_x, d = _safe_pair(y, x, d)
    return jnp.where(inside, bregman(PHI, safe_y, safe_x, d), _outside(y, x))


def digamma_gap(y: jax.Array, x: jax.Array, d: jax.Array | None = None) -> jax.Array:
    """ψ(y) - ψ(x) for y, x > 0; ±∞ where just one of y, x is 0 or ∞, and 0 where both are the same."""
    inside, safe_y, safe_x, d = _safe_pair(y, x, d)
    limit = _outside(y, x)
    return jnp.where(inside, slope_gap(LOG_GAMMA, safe_y, safe_x, d), jnp.where(y < x, -limit, limit))


def log_gamma_gap(y: jax.Array, x: jax.Array, d: jax.Array | None = None) -> jax.Array:
    """log Γ(y) - log Γ(x) for y, x > 0, accurate for y ≈ x; ∞ for y at 0 or ∞, -∞ for x there, 0 for both the same.

    Where the two values are equal but y ≠ x, the error is relative to ψ(x)(y - x).
    """
    inside, safe_y, safe_x, d = _safe_pair(y, x, d)
    limit = jnp.where(_inside(y), -_outside(y, x), _outside(y, x))
    return jnp.where(inside, _log_gamma_gap(safe_y, safe_x, d), limit)
