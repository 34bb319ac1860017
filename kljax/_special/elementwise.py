"""Elementwise atoms that keep the digits where the obvious formula cancels.

Each atom has its own derivative rule, so gradients of every order keep the digits too. With
``s = (y - x) / (y + x)`` the series ``log(y/x) = 2s + 2s³W(s²)``, ``W(z) = Σ zᵏ/(2k+3)`` (the atanh series)
carries all of them near equality; the plain formula takes over where it is well conditioned.

Conventions at the boundary: a function takes its limit as value; a derivative that is infinite there is
taken at the smallest positive normal number, and where the value itself is infinite the derivative is zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.error_free import two_diff as two_diff
from kljax._special.error_free import two_product as two_product
from kljax._special.error_free import two_sum as two_sum
from kljax._special.loops import in_one_loop
from kljax._special.safe import exp_within, nan_where


def is_double(x: jax.Array) -> bool:
    return x.dtype == jnp.float64


def tiny(x: jax.Array) -> float:
    """The smallest positive normal number of ``x``'s dtype."""
    return float(jnp.finfo(x.dtype).tiny)


def horner(coefficients: list[float], x: jax.Array) -> jax.Array:
    """c[0] + c[1] x + c[2] x² + …"""
    total = jnp.full_like(x, coefficients[-1])
    for coefficient in reversed(coefficients[:-1]):
        total = total * x + coefficient
    return total


def economised(series: np.polynomial.Polynomial, high: float, degree: int, symmetric: bool = False) -> list[float]:
    """Coefficients of a power series cut to a degree, by Chebyshev polynomials on [0, high] or [-high, high].

    It is nearly the best polynomial (Lanczos 1938). In integers, multiples of 2⁻²⁵⁶, for the conversion of a fit's
    coefficients would cost 16 eps at the ends.
    """
    bits, step = 256, (0, 2) if symmetric else (-2, 4)  # Tₙ₊₁ = 2u Tₙ - Tₙ₋₁, u = x/high or 2x/high - 1
    above, below = high.as_integer_ratio()
    coefficients, power = [], 1 << bits
    for one in series.coef:
        numerator, denominator = float(one).as_integer_ratio()
        coefficients.append(numerator * power // denominator)
        power = power * above // below
    basis = [[1], [step[0] // 2, step[1] // 2]]
    while len(basis) < len(coefficients):
        last, before = basis[-1], [*basis[-2], 0, 0]
        moved = zip([*last, 0], [0, *last], before, strict=True)
        basis.append([step[0] * here + step[1] * left - less for here, left, less in moved])
    for top in range(len(coefficients) - 1, degree, -1):
        share, leading = coefficients.pop(), basis[top].pop()
        coefficients = [one - share * other // leading for one, other in zip(coefficients, basis[top], strict=True)]
    return [one * below**k / (above**k << bits) for k, one in enumerate(coefficients)]


# Errors, relative: below 1e-8 for float32 and 6e-17 for float64, where it is the rounding of the first coefficient.
_EXP_TAIL = np.polynomial.Polynomial([1.0 / math.factorial(k + 2) for k in range(20)])
_EXP_TAIL_SINGLE = economised(_EXP_TAIL, 1.0, 7, symmetric=True)
_EXP_TAIL_DOUBLE = economised(_EXP_TAIL, 1.0, 13, symmetric=True)
_ATANH_TAIL = np.polynomial.Polynomial([1.0 / (2 * k + 3) for k in range(30)])
_ATANH_TAIL_SINGLE, _ATANH_TAIL_DOUBLE = (economised(_ATANH_TAIL, 0.25, n) for n in (6, 13))


def _exp_tail_series(t: jax.Array) -> jax.Array:
    """(eᵗ - 1 - t)/t² for |t| ≤ 1."""
    return horner(_EXP_TAIL_DOUBLE if is_double(t) else _EXP_TAIL_SINGLE, t)


def expm1_near(t: jax.Array) -> jax.Array:
    """eᵗ - 1 for |t| ≤ 1."""
    return t + t * t * _exp_tail_series(t)


def expm1_minus_x_near(t: jax.Array) -> jax.Array:
    """eᵗ - 1 - t for |t| ≤ 1."""
    return t * t * _exp_tail_series(t)


def atanh_tail(z: jax.Array) -> jax.Array:
    """W(z) = Σ zᵏ/(2k+3) for 0 ≤ z ≤ 1/4, so that atanh(s) = s + s³ W(s²)."""
    return horner(_ATANH_TAIL_DOUBLE if is_double(z) else _ATANH_TAIL_SINGLE, z)


# --- division whose derivatives do not overflow -----------------------------------------------------------


@jax.custom_jvp
def divide(y: jax.Array, x: jax.Array) -> jax.Array:
    """y/x, whose derivative divides twice instead of by x², which overflows in float32 for x < 1e-19."""
    return y / x


@divide.defjvp
def _divide_jvp(primals, tangents):
    y, x = primals
    dy, dx = tangents
    ratio = divide(y, x)
    return ratio, divide(dy - ratio * dx, x)


@jax.custom_jvp
def relative_gap(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """(y - x)/x from the exact difference d = y - x; its derivatives 1/x and -y/x² do not cancel."""
    return divide(d, x)


@relative_gap.defjvp
def _relative_gap_jvp(primals, tangents):
    (y, x, d), (dy, dx, _) = primals, tangents
    return relative_gap(y, x, d), divide(dy - divide(y, x) * dx, x)


# --- exponentials -----------------------------------------------------------------------------------------


@jax.custom_jvp
def expm1(t: jax.Array) -> jax.Array:
    """eᵗ - 1 to an ulp or two; XLA's own loses 4 ulp near zero in float32."""
    small = jnp.abs(t) <= 0.5
    s = jnp.where(small, t, 0.0)
    return jnp.where(small, s + s * s * _exp_tail_series(s), jnp.expm1(t))


@expm1.defjvp
def _expm1_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    return expm1(t), exp_within(t) * dt


@jax.custom_jvp
def expm1_minus_x(t: jax.Array) -> jax.Array:
    """e(t) = eᵗ - 1 - t ≥ 0, with e(±∞) = ∞; e'(t) = eᵗ - 1."""
    # e(2x) = expm1(x)² + 2 e(x), and expm1(x) = x + e(x): the series serves |t| ≤ 2.
    near = jnp.abs(t) <= 2.0
    s = jnp.where(near, t, 0.0)
    x = jnp.where(jnp.abs(s) <= 1.0, s, 0.5 * s)
    e = x * x * _exp_tail_series(x)
    doubled = jnp.square(x + e) + 2.0 * e
    far = jnp.where(t > 0.0, jnp.minimum(t, 100.0), t)  # beyond 100, eᵗ alone
    direct = jnp.where(t > 100.0, jnp.exp(t), jnp.exp(t) - 1.0 - far)
    return jnp.where(near, jnp.where(jnp.abs(s) <= 1.0, e, doubled), direct)


@expm1_minus_x.defjvp
def _expm1_minus_x_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    return expm1_minus_x(t), expm1(jnp.minimum(t, 88.7 if t.dtype == jnp.float32 else 709.7)) * dt


# --- logarithms -------------------------------------------------------------------------------------------


@jax.custom_jvp
def log1p(t: jax.Array) -> jax.Array:
    """log(1 + t) to an ulp or two; XLA's own loses 123 ulp on [-0.414, -0.358] in float64."""
    near = (t >= -2.0 / 3.0) & (t <= 2.0)
    v = jnp.where(near, t, 0.0)
    s = in_one_loop(v / (2.0 + v))
    twice, square = 2.0 * s, s * s
    return jnp.where(near, twice + twice * square * atanh_tail(square), jnp.log1p(t))


@log1p.defjvp
def _log1p_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    return log1p(t), divide(dt, 1.0 + t)


@jax.custom_jvp
def x_minus_log1p(t: jax.Array) -> jax.Array:
    """h(t) = t - log(1 + t) ≥ 0 for t ≥ -1, with h(-1) = h(∞) = ∞; h'(t) = t/(1 + t)."""
    # With s = t/(2 + t): log1p(t) = 2 atanh(s) and t - 2s = s t.
    near = (t >= -2.0 / 3.0) & (t <= 2.0)
    v = jnp.where(near, t, 0.0)
    s = in_one_loop(v / (2.0 + v))
    series = s * v - 2.0 * s * s * s * atanh_tail(s * s)
    far = jnp.where(near | (t == jnp.inf), 1.0, t)
    return jnp.where(near, series, jnp.where(t == jnp.inf, t, far - jnp.log1p(far)))


@x_minus_log1p.defjvp
def _x_minus_log1p_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    edge = (t <= -1.0) | (t == jnp.inf)
    safe = jnp.where(edge, 0.0, t)
    slope = -relative_gap(jnp.ones_like(t), 1.0 + safe, -safe)
    return x_minus_log1p(t), jnp.where(t == jnp.inf, 1.0, slope) * dt


def _lift(y: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(cy, cx, 1/c), c = 2⁶⁴ where y and x are so small that their difference might be flushed to zero, else 1."""
    small = jnp.maximum(y, x) < 2.0**-64
    scale = jnp.where(small, jnp.full_like(y, 2.0**64), 1.0)
    return scale * y, scale * x, jnp.where(small, jnp.full_like(y, 2.0**-64), 1.0)


def symmetric_ratio(y: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(near, s): where y and x lie within a factor of three, s = (y - x)/(y + x), else 0."""
    # What has few uses and few operands ends in one loop of XLA's: an array less to write and to read again.
    total = 0.5 * y + 0.5 * x  # halved so that it cannot overflow
    # Of numbers so small the difference might be flushed to zero.
    small, up_y, up_x = total < 2.0**-64, *(2.0**64 * jnp.minimum(one, 1.0) for one in (y, x))
    gap, whole = jnp.where(small, up_y - up_x, 0.5 * (y - x)), jnp.where(small, up_y + up_x, total)
    s = in_one_loop(gap / jnp.maximum(whole, tiny(whole)))
    near = (jnp.abs(s) <= 0.5) & (total >= 0.0)
    return near, jnp.where(near, s, 0.0)


def quotient_apart(near: jax.Array, y: jax.Array, x: jax.Array) -> jax.Array:
    """y/x of what is not near, else 1; ∞ at x = 0, and of a negative x it is NaN."""
    positive = x > 0.0
    ratio = jnp.where(near, 1.0, y) / jnp.where(near | ~positive, 1.0, x)
    return nan_where(~(near | (x >= 0.0)), jnp.where(near | positive, ratio, jnp.inf))


def log_apart(y: jax.Array, x: jax.Array, ratio: jax.Array, *, bounded: bool = False) -> jax.Array:
    """log(y/x) from the quotient, also where that underflows or overflows; ``bounded`` stays finite at ∞."""
    # The quotient of the roots stays in range. (Scaling by powers of two would not do: XLA joins such constants.)
    low, high = ratio < tiny(y), ratio == jnp.inf
    outside = low if bounded else low | high
    # The roots only there: those of others may be anything. Where x is huge they take a part of it, lest even theirs
    # underflow.
    above = jnp.sqrt(jnp.where(outside, y, 1.0))
    below = jnp.where(low, 2.0**-4, 1.0) * jnp.sqrt(jnp.where(outside, x, 1.0))
    roots = above / jnp.where(below > 0.0, below, 1.0)
    roots = jnp.where(below > 0.0, jnp.maximum(roots, jnp.where(y > 0.0, tiny(y), 0.0)), jnp.inf)
    if bounded:
        ratio = jnp.where(high, 1.0, ratio)
    part = jnp.where(low, -8.0 * math.log(2.0), 0.0)
    return jnp.where(outside, 2.0, 1.0) * jnp.log(jnp.where(outside, roots, ratio)) + part


@jax.custom_jvp
def log_ratio(y: jax.Array, x: jax.Array) -> jax.Array:
    """log(y/x) for y, x ≥ 0 with relative accuracy for y ≈ x; log(0/x) = -∞, log(y/0) = ∞, and 0 for 0/0."""
    near, s = symmetric_ratio(y, x)
    series = 2.0 * s + 2.0 * s * s * s * atanh_tail(s * s)
    return jnp.where(near, series, log_apart(y, x, quotient_apart(near, y, x)))


@log_ratio.defjvp
def _log_ratio_jvp(primals, tangents):
    y, x = primals
    dy, dx = tangents
    both_zero = (y == 0.0) & (x == 0.0)
    by, bx = both_zero | (y == jnp.inf), both_zero | (x == jnp.inf)
    dlog_y = divide(jnp.where(by, 0.0, dy), jnp.maximum(jnp.where(by, 1.0, y), tiny(y)))
    dlog_x = divide(jnp.where(bx, 0.0, dx), jnp.maximum(jnp.where(bx, 1.0, x), tiny(x)))
    return log_ratio(y, x), dlog_y - dlog_x


@jax.custom_jvp
def kl_term(y: jax.Array, x: jax.Array) -> jax.Array:
    """K(y, x) = y log(y/x) - y + x ≥ 0, with K(0, x) = x and K(y, 0) = ∞ for y > 0 (generalised KL summand)."""
    near, s = symmetric_ratio(y, x)
    # With d = y - x: y·2s - d = d s, and y·2s³W = d s² (1 + s) W.
    series = jnp.where(near, y - x, 0.0) * s * (1.0 + s * (1.0 + s) * atanh_tail(s * s))
    direct = y * log_apart(y, x, quotient_apart(near | (y == 0.0), y, x)) - (y - x)
    return jnp.where(near, series, direct)


@kl_term.defjvp
def _kl_term_jvp(primals, tangents):
    # ∂y = log(y/x), infinite at y = 0; ∂x = 1 - y/x = (x - y)/x; both zero where the cost is infinite or 0/0.
    y, x = primals
    dy, dx = tangents
    dead = (x == 0.0) & (y >= 0.0)
    safe_y, safe_x = jnp.where(dead, 1.0, jnp.maximum(y, tiny(y))), jnp.where(dead, 1.0, x)
    in_y = log_ratio(safe_y, safe_x) * dy
    lifted_y, lifted_x, _ = _lift(jnp.where(dead, 1.0, y), safe_x)
    in_x = -relative_gap(lifted_y, lifted_x, lifted_y - lifted_x) * dx
    return kl_term(y, x), jnp.where(dead, 0.0, in_y + in_x)


@jax.custom_jvp
def itakura_saito_term(y: jax.Array, x: jax.Array) -> jax.Array:
    """H(y, x) = y/x - 1 - log(y/x) ≥ 0 for y, x > 0; ∞ where just one of them is zero, 0 where both are."""
    near, s = symmetric_ratio(y, x)
    # With ρ = y/x - 1 = 2s/(1 - s): ρ - 2s = 2s²/(1 - s).
    series = 2.0 * s * s * (1.0 / (1.0 - s) - s * atanh_tail(s * s))
    ratio = quotient_apart(near, y, x)
    return jnp.where(near, series, ratio - 1.0 - log_apart(y, x, ratio, bounded=True))


@itakura_saito_term.defjvp
def _itakura_saito_term_jvp(primals, tangents):
    # ∂y = ρ/y, ∂x = -ρ/x with ρ = y/x - 1
    return itakura_saito_term(*primals), along_ratio(ratio_gap, primals, tangents)


def along_ratio(slope: Callable[..., jax.Array], primals: Any, tangents: Any) -> jax.Array:
    """slope(y, x) · d log(y/x), 0 where y or x is 0; each is divided by on its own."""
    (y, x), (dy, dx) = primals, tangents
    dead = (x == 0.0) | (y == 0.0)
    y, x = jnp.where(dead, 1.0, y), jnp.where(dead, 1.0, x)
    value = slope(y, x)
    return jnp.where(dead, 0.0, divide(value * dy, y) - divide(value * dx, x))


def gap_over(y: jax.Array, x: jax.Array) -> jax.Array:
    """y/x - 1, also of numbers so small that their difference might be flushed to zero."""
    up_y, up_x = (2.0**64 * jnp.minimum(one, 1.0) for one in (y, x))
    small = y + x < 2.0**-64
    return in_one_loop(jnp.where(small, up_y - up_x, y - x) / jnp.where(small, up_x, x))


@jax.custom_jvp
def ratio_gap(y: jax.Array, x: jax.Array) -> jax.Array:
    """y/x - 1 with relative accuracy for y ≈ x."""
    return gap_over(y, x)


@ratio_gap.defjvp
def _ratio_gap_jvp(primals, tangents):
    (y, x), (dy, dx) = primals, tangents
    return ratio_gap(y, x), divide(dy - divide(y, x) * dx, x)


@jax.custom_jvp
def log1p_excess(t: jax.Array) -> jax.Array:
    """k(t) = (1 + t) log(1 + t) - t ≥ 0 for t ≥ -1, with k(-1) = 1; k'(t) = log(1 + t)."""
    near = (t >= -2.0 / 3.0) & (t <= 2.0)
    v = jnp.where(near, t, 0.0)
    s = in_one_loop(v / (2.0 + v))
    series = v * s * (1.0 + s * (1.0 + s) * atanh_tail(s * s))
    far = jnp.where(near | (t <= -1.0), 1.0, t)
    direct = (1.0 + far) * jnp.log1p(far) - far
    return jnp.where(near, series, nan_where(t < -1.0, jnp.where(t <= -1.0, 1.0, direct)))


@log1p_excess.defjvp
def _log1p_excess_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    return log1p_excess(t), log1p(jnp.maximum(t, -1.0 + jnp.finfo(t.dtype).epsneg)) * dt


@jax.custom_jvp
def expm1_ratio(x: jax.Array) -> jax.Array:
    """(eˣ - 1)/x, which is 1 at 0; its derivative is (eˣ - E(x))/x for the value E."""
    zero = x == 0.0
    safe = jnp.where(zero, 1.0, x)
    half = jnp.exp(0.5 * jnp.maximum(safe, 40.0))  # eˣ overflows before eˣ/x does
    return jnp.where(x > 40.0, half * (half / safe), jnp.where(zero, 1.0, expm1(safe) / safe))


@expm1_ratio.defjvp
def _expm1_ratio_jvp(primals, tangents):
    # (eˣ - (eˣ - 1)/x)/x = eˣ [x - (1 - e⁻ˣ)]/x² = eˣ e(-x)/x²
    (x,), (dx,) = primals, tangents
    capped = jnp.clip(x, -1e4, 1e4)
    low, high = jnp.minimum(capped, -2.0), jnp.maximum(capped, 2.0)
    falling = (jnp.exp(low) - expm1_ratio(low)) / low
    rising = expm1_ratio(high) * (1.0 - 1.0 / high) + 1.0 / high  # where both terms of the other would overflow
    near = jnp.clip(capped, -2.0, 2.0)
    direct = jnp.where(x < 0.0, falling, jnp.minimum(rising, float(jnp.finfo(x.dtype).max)))
    slope = jnp.where(jnp.abs(x) < 2.0, jnp.exp(near) * expm1_minus_x_ratio(-near), direct)
    return expm1_ratio(x), slope * dx


@jax.custom_jvp
def expm1_minus_x_ratio(x: jax.Array) -> jax.Array:
    """(eˣ - 1 - x)/x², which is 1/2 at 0."""
    near = jnp.abs(x) <= 1.0
    v = jnp.where(near, x, 0.0)
    safe = jnp.where(near, 1.0, x)
    return jnp.where(near, _exp_tail_series(v), divide(expm1_minus_x(safe) / safe, safe))


@expm1_minus_x_ratio.defjvp
def _expm1_minus_x_ratio_jvp(primals, tangents):
    # d/dx e(x)/x² = (E(x) - 2 R(x))/x with E = (eˣ - 1)/x and R this function; a series near 0.
    (x,), (dx,) = primals, tangents
    near = jnp.abs(x) <= 1.0
    v = jnp.where(near, x, 0.0)
    count = 18 if is_double(x) else 10
    series = horner([(k + 1) / math.factorial(k + 3) for k in range(count)], v)
    safe = jnp.where(near, 1.0, x)
    direct = (expm1_ratio(safe) - 2.0 * expm1_minus_x_ratio(safe)) / safe
    return expm1_minus_x_ratio(x), jnp.where(near, series, direct) * dx
