"""Modified Bessel functions as von Mises and von Mises–Fisher distributions need them: log I_ν, ratios, divergences.

    F(κ) = log(I_ν(κ) κ^-ν),   F' = A = I_{ν+1}/I_ν,   F″ = A' = 1 - A² - (2ν + 1) A/κ > 0,

which is the log-partition function, the mean resultant length and the variance in 2ν + 2 dimensions. Far out, or for a
large order, Debye's expansion in ρ = 1/√(ν² + κ²) (DLMF 10.41(ii)) has all the digits; elsewhere it starts a higher
order and the recurrence I_{j-1} = (2j/κ) I_j + I_{j+1} leads down. That is the stable direction, in positive terms:

    Aⱼ/κ = 1/Dⱼ,   Dⱼ = 2(j + 1) + κ Aⱼ₊₁,   qⱼ = d log Aⱼ/d log κ = (2(j + 1) - qⱼ₊₁ κ Aⱼ₊₁)/Dⱼ.

Arguments are κ ≥ 0 and the order ν ≥ 0 is a Python float. The Bregman divergence of F between near points is the
integral of (1 - t) A'(x + t d) d² by Gauss's rule, of F's own values otherwise.
"""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import horner, is_double, log1p
from kljax._special.scalar_bregman import Convex, bregman


class _Plan(NamedTuple):
    """What a dtype needs: terms of the expansion from the least order and from the least argument, and Gauss nodes."""

    order: float
    terms: int
    argument: float
    far_terms: int
    nodes: int


_SINGLE, _DOUBLE = _Plan(7.0, 8, 11.0, 12, 6), _Plan(14.0, 20, 24.0, 22, 13)


def _plan(x: jax.Array) -> _Plan:
    return _DOUBLE if is_double(x) else _SINGLE


@functools.lru_cache
def _debye(terms: int) -> list[list[Fraction]]:
    """Row k: the coefficients of tᵏ, tᵏ⁺², …, t³ᵏ in Dₖ, where log Σ Uₖ(t) ν⁻ᵏ = Σ Dₖ(t) ν⁻ᵏ.

    Uₖ₊₁ = ½ t²(1 - t²) Uₖ' + ⅛ ∫₀ᵗ (1 - 5s²) Uₖ ds (DLMF 10.41.9), and k Uₖ = Σ j Dⱼ Uₖ₋ⱼ.
    """
    u = [[Fraction(1)]]
    for k in range(terms):
        row = [Fraction(0)] * (k + 2)
        for i, c in enumerate(u[-1]):
            power = k + 2 * i
            row[i] += c * (Fraction(power, 2) + Fraction(1, 8 * (power + 1)))
            row[i + 1] -= c * (Fraction(power, 2) + Fraction(5, 8 * (power + 3)))
        u.append(row)
    logs: list[list[Fraction]] = [[]]
    for k in range(1, terms + 1):
        row = list(u[k])
        for j in range(1, k):
            for i, c in enumerate(logs[j]):
                for other, e in enumerate(u[k - j]):
                    row[i + other] -= Fraction(j, k) * c * e
        logs.append(row)
    return logs


@functools.lru_cache
def _expansion(order: float, plan: _Plan) -> tuple[float, list[float]]:
    """(c, coefficients of Σ Dₖ(t) ν⁻ᵏ in powers of s = cρ), t = νρ, so that s ≤ 1 wherever it is used."""
    small = order < plan.order
    scale = max(order, plan.argument) if small else order
    terms = plan.far_terms if small else plan.terms
    coefficients = [0.0] * (3 * terms + 1)
    for k, row in enumerate(_debye(terms)):
        for i, c in enumerate(row):
            coefficients[k + 2 * i] += float(c / Fraction(scale) ** k * (Fraction(order) / Fraction(scale)) ** (2 * i))
    while coefficients[-1] == 0.0:
        coefficients.pop()
    return scale, coefficients


def _at_zero(order: float) -> float:
    """F(0) = -ν log 2 - log Γ(ν + 1)."""
    return -order * math.log(2.0) - math.lgamma(order + 1.0)


class _Terms(NamedTuple):
    """F - F(0), F - F(0) - κ, A/κ, 1 - A and A' at one order."""

    gain: jax.Array
    below_linear: jax.Array
    ratio: jax.Array
    complement: jax.Array
    slope: jax.Array

    def mean(self, x: jax.Array) -> jax.Array:
        """A: from 1 - A where that is the smaller."""
        return jnp.where(self.complement < 0.5, 1.0 - self.complement, x * self.ratio)


def _direct(order: float, x: jax.Array) -> _Terms:
    """F = w - ν log(ν + w) - ½ log(2πw) + D(ρ), w = √(ν² + κ²), and its derivatives by dρ/dκ = -κρ³."""
    plan = _plan(x)
    limit = 1e4 * (order + 1.0)  # beyond, w = κ + ½ν²/κ; squares would overflow
    close = jnp.minimum(x, limit)
    w = jnp.where(x > limit, x + 0.5 * order * (order / jnp.maximum(x, limit)), jnp.sqrt(order * order + close * close))
    rho = 1.0 / w
    scale, series = _expansion(order, plan)
    d0, d1, d2 = (
        horner([math.perm(k, n) * c * scale**n for k, c in enumerate(series)][n:], scale * rho) for n in range(3)
    )
    excess, cosine = order * (order / (w + x)), x * rho  # w - κ, κ/w
    square = cosine * cosine
    if order < plan.order:
        rest = -order * jnp.log(order + w) - 0.5 * jnp.log(w) + d0 - (0.5 * math.log(2.0 * math.pi) + _at_zero(order))
        below = excess + rest
        gain = below + x
    else:
        rise = x * (x / (order + w))  # w - ν
        d0_at_zero = sum(series)
        rest = (d0 - d0_at_zero) - order * log1p(rise / (2.0 * order)) - 0.5 * log1p(rise / order)
        gain, below = rise + rest, (excess - order) + rest
    ratio = 1.0 / (order + w) - rho * rho * (0.5 + rho * d1)
    complement = (order + excess) / (order + w) + cosine * rho * (0.5 + rho * d1)
    bend = square - 0.5 + rho * d1 * (3.0 * square - 1.0) + rho * rho * square * d2
    return _Terms(gain, below, ratio, complement, rho * (order / (order + w)) + rho * rho * bend)


def _lowered(order: float, x: jax.Array) -> tuple[_Terms, jax.Array]:
    """The terms by recurrence from a higher order, and (1 - q)/κ²; x is below the plan's argument."""
    steps = math.ceil(_plan(x).order - order)
    start = _direct(order + steps, x)
    ratio, q, complement = start.ratio, start.slope / start.ratio, start.complement
    product, fall = jnp.ones_like(x), jnp.zeros_like(x)
    for j in reversed(range(steps)):
        twice, inner = 2.0 * (order + j + 1.0), x * x * ratio
        whole = twice + inner
        fall = (1.0 + q) * ratio / whole
        q = (twice - q * inner) / whole
        complement = (twice - x * complement) / whole
        product = product * (1.0 + inner / twice)
        ratio = 1.0 / whole
    gain = start.gain + log1p(product - 1.0)
    return _Terms(gain, gain - x, ratio, complement, ratio * q), fall


def _split(order: float, x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(whether the expansion serves at this order, x there, x elsewhere)."""
    argument = _plan(x).argument
    far = x > argument
    return far, jnp.where(far, x, 2.0 * argument), jnp.where(far, 1.0, x)


@functools.partial(jax.jit, static_argnums=0)
def _terms(order: float, x: jax.Array) -> _Terms:
    if order >= _plan(x).order:
        return _direct(order, x)
    far, beyond, within = _split(order, x)
    pairs = zip(_direct(order, beyond), _lowered(order, within)[0], strict=True)
    return _Terms(*(jnp.where(far, a, b) for a, b in pairs))


@functools.partial(jax.jit, static_argnums=0)
def _bend(order: float, x: jax.Array) -> jax.Array:
    """F‴ = A″ = κ [(2ν + 1)(A/κ)(1 - q)/κ² - 2 (A/κ) A']."""

    def direct(x: jax.Array) -> jax.Array:
        return jax.jvp(lambda x: _direct(order, x).slope, (x,), (jnp.ones_like(x),))[1]

    if order >= _plan(x).order:
        return direct(x)
    far, beyond, within = _split(order, x)
    low, fall = _lowered(order, within)
    return jnp.where(far, direct(beyond), within * low.ratio * ((2.0 * order + 1.0) * fall - 2.0 * low.slope))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _slope(order: float, x: jax.Array) -> jax.Array:
    return _terms(order, x).slope


@_slope.defjvp
def _slope_jvp(order, primals, tangents):
    (x,), (dx,) = primals, tangents
    return _slope(order, x), _bend(order, x) * dx


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _mean(order: float, x: jax.Array) -> jax.Array:
    return _terms(order, x).mean(x)


@_mean.defjvp
def _mean_jvp(order, primals, tangents):
    (x,), (dx,) = primals, tangents
    return _mean(order, x), _slope(order, x) * dx


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _complement(order: float, x: jax.Array) -> jax.Array:
    return _terms(order, x).complement


@_complement.defjvp
def _complement_jvp(order, primals, tangents):
    (x,), (dx,) = primals, tangents
    return _complement(order, x), -_slope(order, x) * dx


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def below_linear(order: float, x: jax.Array) -> jax.Array:
    return _terms(order, x).below_linear


@below_linear.defjvp
def _below_linear_jvp(order, primals, tangents):
    (x,), (dx,) = primals, tangents
    return below_linear(order, x), -_complement(order, x) * dx


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _gain(order: float, x: jax.Array) -> jax.Array:
    """F(κ) - F(0)."""
    zero = jnp.zeros_like(x)
    near, by_rule = _by_rule(order, x, zero, x, remainder=True)
    return jnp.where(near, by_rule, _terms(order, x).gain)


@_gain.defjvp
def _gain_jvp(order, primals, tangents):
    (x,), (dx,) = primals, tangents
    return _gain(order, x), _mean(order, x) * dx


def _by_rule(order: float, y: jax.Array, x: jax.Array, d: jax.Array, *, remainder: bool) -> tuple[jax.Array, jax.Array]:
    """(near, d² ∫(1 - t) A'(x + t d) dt or d ∫ A'(x + t d) dt); near, Gauss's rule has all the digits.

    A' has its poles at ±i j, j > ν + 2.4 or so, and for large κ it is like κ⁻²: near is what both are far from, up to
    a quotient of 2.5 where a rule of n nodes is off by 4.4⁻²ⁿ.
    """
    size = jnp.abs(d)
    near = (size <= x * (1.5 / 3.5) + y * (1.5 / 3.5)) | (size <= 0.4 * (order + 2.4))
    base, step = jnp.where(near, x, 1.0), jnp.where(near, d, 0.0)
    nodes, weights = (0.5 * a for a in np.polynomial.legendre.leggauss(_plan(x).nodes))
    t = jnp.asarray(0.5 + nodes, x.dtype).reshape((-1,) + (1,) * x.ndim)
    parts = jnp.asarray(weights * (0.5 - nodes) if remainder else weights, x.dtype).reshape(t.shape)
    total = jnp.sum(parts * _terms(order, base[None] + t * step[None]).slope, axis=0)  # [nodes, …] -> […]
    return near, step * (step * total) if remainder else step * total


def _gap_value(order: float, y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """A(y) - A(x)."""
    near, by_rule = _by_rule(order, y, x, d, remainder=False)
    at_y, at_x = _terms(order, y), _terms(order, x)
    both = (at_y.complement < 0.5) & (at_x.complement < 0.5)
    return jnp.where(near, by_rule, jnp.where(both, at_x.complement - at_y.complement, at_y.mean(y) - at_x.mean(x)))


def _bregman_value(order: float, y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """F(y) - F(x) - A(x) d"""
    near, by_rule = _by_rule(order, y, x, d, remainder=True)
    at_y, at_x = _terms(order, y), _terms(order, x)
    # F is linear far out: there its excess over κ, with 1 - A for A.
    plain = (at_y.gain - at_x.gain) - at_x.mean(x) * d
    bent = (at_y.below_linear - at_x.below_linear) + at_x.complement * d
    return jnp.where(near, by_rule, jnp.where(at_x.complement < 0.5, bent, plain))


def _times_curvature(order: float, x: jax.Array, v: jax.Array) -> jax.Array:
    return _slope(order, x) * v


@functools.lru_cache
def _log_bessel(order: float) -> Convex:
    return Convex(*(functools.partial(one, order) for one in (_bregman_value, _gap_value, _times_curvature)))


# --- the functions, total ----------------------------------------------------------------------------------


def _inside(x: jax.Array) -> jax.Array:
    return (x >= 0.0) & (x < jnp.inf)


def _total(x: jax.Array, value: jax.Array, at_infinity: float) -> jax.Array:
    """The value on [0, ∞), the limit at ∞, NaN for negative arguments."""
    outside = jnp.where(x == jnp.inf, at_infinity, jnp.nan).astype(x.dtype)
    return jnp.where(_inside(x), value, outside)


def log_bessel_i(order: float, x: jax.Array) -> jax.Array:
    """log(I_ν(κ) κ^-ν) for κ ≥ 0 and a Python float ν ≥ 0: -ν log 2 - log Γ(ν + 1) at κ = 0, ∞ at ∞."""
    order = float(order)
    return _total(x, _at_zero(order) + _gain(order, jnp.where(_inside(x), x, 1.0)), jnp.inf)


def log_bessel_ie(order: float, x: jax.Array) -> jax.Array:
    """log(I_ν(κ) κ^-ν) - κ for κ ≥ 0 and a Python float ν ≥ 0: -∞ at ∞."""
    order = float(order)
    return _total(x, _at_zero(order) + below_linear(order, jnp.where(_inside(x), x, 1.0)), -jnp.inf)


def log_i0(x: jax.Array) -> jax.Array:
    """log I₀(κ) for κ ≥ 0, with relative accuracy also for small κ; ∞ at ∞."""
    return _total(x, _gain(0.0, jnp.where(_inside(x), x, 1.0)), jnp.inf)


def log_i0e(x: jax.Array) -> jax.Array:
    """log I₀(κ) - κ for κ ≥ 0, about -½ log 2πκ for large κ; -∞ at ∞."""
    return _total(x, below_linear(0.0, jnp.where(_inside(x), x, 1.0)), -jnp.inf)


def bessel_ratio_complement(x: jax.Array, order: float = 0.0) -> jax.Array:
    """1 - A(κ) > 0 for κ ≥ 0, with relative accuracy also for large κ; 0 at ∞."""
    return _total(x, _complement(float(order), jnp.where(_inside(x), x, 1.0)), 0.0)


def bessel_ratio(x: jax.Array, order: float = 0.0) -> jax.Array:
    """A(κ) = I_{ν+1}(κ)/I_ν(κ) for κ ≥ 0, with relative accuracy also for small κ; 1 at ∞."""
    return _total(x, _mean(float(order), jnp.where(_inside(x), x, 1.0)), 1.0)


def bessel_ratio_slope(x: jax.Array, order: float = 0.0) -> jax.Array:
    """A'(κ) = 1 - A² - (2ν + 1) A/κ > 0 for κ ≥ 0, with relative accuracy; 0 at ∞."""
    return _total(x, _slope(float(order), jnp.where(_inside(x), x, 1.0)), 0.0)


def bregman_log_bessel(order: float, y: jax.Array, x: jax.Array, d: jax.Array | None = None) -> jax.Array:
    """F(y) - F(x) - A(x)(y - x) ≥ 0 for F(κ) = log(I_ν(κ) κ^-ν) and y, x ≥ 0; ``d`` is y - x where known better.

    ∞ where just one of y, x is ∞ and 0 where both are, with zero gradients.
    """
    inside = _inside(y) & _inside(x)
    safe_y, safe_x = (jnp.where(inside, a, 1.0) for a in (y, x))
    d = None if d is None else jnp.where(inside, d, 0.0)
    outside = jnp.where((y >= 0.0) & (x >= 0.0), jnp.where(y == x, 0.0, jnp.inf), jnp.nan).astype(y.dtype)
    return jnp.where(inside, bregman(_log_bessel(float(order)), safe_y, safe_x, d), outside)


def bregman_log_i0(y: jax.Array, x: jax.Array, d: jax.Array | None = None) -> jax.Array:
    """log I₀(y) - log I₀(x) - A(x)(y - x) ≥ 0 for y, x ≥ 0; the ends as in `bregman_log_bessel`."""
    return bregman_log_bessel(0.0, y, x, d)
