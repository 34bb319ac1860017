"""f-divergences and Rényi's of rows of probabilities or measures, with their derivative rules.

A power of u = p/q found as e^{βr} from the rounded r = log u is off by β|r| eps, hundreds of eps for small
probabilities. So what r lost to rounding is found from p and q (``_residual``), and enters to first order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from kljax._kernels.renyi import capped, order_slope
from kljax._special.elementwise import expm1, expm1_ratio, log1p, log_ratio, tiny, two_diff, two_product, two_sum
from kljax._special.log1p_quotients import log_over
from kljax._special.safe import exp_within, nan_where, saturated
from kljax.generators import Generator, alpha
from kljax.generators._internal import (
    Scalar,
    bind,
    dynamic,
    is_static,
    parameter_tangent,
    summand,
    tame,
    weighted_slopes,
)

_LARGE = 1024.0  # the order from which a rounding of Σp - Σq shows in M
_FAR = 4.0  # |log u| from which the rounding of log u shows in u


def ratio(p: jax.Array, q: jax.Array) -> jax.Array:
    """log(p/q), NaN where either is negative."""
    return nan_where((p < 0.0) | (q < 0.0), log_ratio(p, q))


def _residual(p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """log(p/q) - r where r is rounded and |r| is large, else 0."""
    far = (jnp.abs(r) > _FAR) & (jnp.abs(r) < jnp.inf)
    half = jnp.exp(0.5 * jnp.where(far, r, 0.0))  # both p/half and q half are √(pq), which does not underflow
    usable = far & (half > tiny(half)) & (half < jnp.inf)
    half = jnp.where(usable, half, 1.0)
    off = jnp.where(usable, p, 1.0) / half / (jnp.where(usable, q, 1.0) * half) - 1.0
    return jnp.where(jnp.abs(off) < 0.01, off, 0.0)


def _at_edge(p: jax.Array, q: jax.Array, dead: jax.Array) -> tuple[jax.Array, jax.Array]:
    """p and q with zeros replaced by the smallest normal number: there infinite slopes are taken."""
    return jnp.where(dead, 1.0, jnp.maximum(p, tiny(p))), jnp.where(dead, 1.0, jnp.maximum(q, tiny(q)))


def _finite(x: jax.Array, part: float = 1.0) -> jax.Array:
    """Overflow saturates, so that an infinite slope times a zero tangent is zero and not NaN."""
    top = part * float(jnp.finfo(x.dtype).max)
    return saturated(jnp.where(jnp.isnan(x), 0.0, x), top)


def _pinned(slope: jax.Array, here: jax.Array, limit: Scalar) -> jax.Array:
    """``slope`` replaced by a limit that is finite."""
    limit = jnp.asarray(limit, slope.dtype)
    return jnp.where(here & jnp.isfinite(limit), limit, slope)


# --- f-divergences ----------------------------------------------------------------------------------------


@jax.custom_jvp
def f_divergence(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """Σ q f(p/q) over the last axis."""
    # Of masses that are all but flushed to zero less than nothing may be left.
    return jnp.maximum(_summand(generator, p, q, ratio(p, q)).sum(-1), 0.0)


def _summand(generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """q f(p/q)"""
    by_mass = generator.by_mass is not None and generator.by_mass.summand is not None
    value = summand(generator, p, q, r, lambda order: _power_mass(order, p, q, r))
    if by_mass or not (_may_be_infinite(generator.at_zero) or _may_be_infinite(generator.at_infinity)):
        return value
    residual = _residual(p, q, r)
    inside = jnp.where(residual == 0.0, 0.0, r)
    _, lost = jax.jvp(lambda s: generator.balanced(s, *generator.parameters), (inside,), (residual,))
    return value + tame(jnp.maximum(p, q) * lost)


def _power_mass(order: Scalar, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """pᵅq¹⁻ᵅ from the larger of p and q and a power of their quotient."""
    if is_static(order) and order == 0.5:
        return jnp.sqrt(p) * jnp.sqrt(q)
    if is_static(order) and order in (2.0, -1.0):
        over, under = (p, q) if order == 2.0 else (q, p)
        return jnp.square(over / jnp.sqrt(jnp.where(under == 0.0, 1.0, under)))
    return _by_power(jnp.maximum(p, q), p, q, r > 0.0, (order - 1.0, order))


def _power_of_quotient(p: jax.Array, q: jax.Array, exponent: Scalar) -> jax.Array:
    """(p/q)ᵉ for p, q > 0"""
    if is_static(exponent) and abs(exponent) in (0.5, 1.0, 2.0):
        over, under = (p, q) if exponent > 0.0 else (q, p)
        return jnp.sqrt(over) / jnp.sqrt(under) if abs(exponent) == 0.5 else (over / under) ** int(abs(exponent))
    return _by_power(jnp.ones_like(p), p, q, p > q, (exponent, exponent))


def _by_power(
    mass: jax.Array, p: jax.Array, q: jax.Array, from_p: jax.Array, exponents: tuple[Scalar, Scalar]
) -> jax.Array:
    """mass (p/q)ᵉ with one exponent ``from_p`` and another elsewhere, in two steps, for one may overflow."""
    larger, smaller = jnp.where(from_p, p, q), jnp.where(from_p, q, p)
    larger, smaller = (jnp.where(smaller == 0.0, 1.0, x) for x in (larger, smaller))
    quotient = smaller / larger
    # A quotient that underflows is lifted by a power of two; its power is 0 or ∞ from an exponent of ±1 on.
    lost, lift = quotient < 2.0 * tiny(p), {4: 128, 8: 1024}[p.dtype.itemsize]
    lifted = (jnp.where(lost, smaller, 1.0) * 2.0 ** (lift - 11)) / (jnp.where(lost, larger, 1.0) * 2.0**-11)
    halves = [jnp.asarray(half * one, p.dtype) for half, one in zip((-0.5, 0.5), exponents, strict=True)]
    within = [jnp.clip(one, -1.0, 1.0) for one in halves]
    exponent = jnp.where(from_p, jnp.where(lost, within[0], halves[0]), jnp.where(lost, within[1], halves[1]))
    step = jnp.power(jnp.where(lost, lifted, quotient), exponent)
    for_p, for_q = (_power_of_two(-lift * one) for one in within)
    step = jnp.where(lost, step * jnp.where(from_p, for_p, for_q), step)
    return mass * step * step


def _power_of_two(y: jax.Array) -> jax.Array:
    """2ʸ to the last digit also where y is large."""
    whole = jnp.round(y)
    return jnp.ldexp(jnp.exp2(y - whole), whole.astype(jnp.int32))


def _may_be_infinite(price: Scalar) -> bool:
    return not is_static(price) or price == jnp.inf


@f_divergence.defjvp
def _f_divergence_jvp(primals, tangents):
    # ∂/∂p = f'(u) and ∂/∂q = f(u) - u f'(u); both zero where the outcome is absent or its cost infinite.
    generator, p, q = primals
    d_generator, dp, dq = tangents
    value = f_divergence(generator, p, q)
    in_p, in_q = _slopes(generator, p, q)
    tangent = (in_p * dp + in_q * dq).sum(-1)
    if jax.tree.leaves(generator):
        tangent += parameter_tangent(generator, d_generator, p, q, ratio(p, q)).sum(-1)
    return value, tangent


@jax.custom_jvp
def _slopes(generator: Generator, p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    dead = free(generator, p, q)
    at_p, at_q = _at_edge(p, q, dead)
    r = log_ratio(at_p, at_q)
    forms = generator.by_mass
    if forms is None or forms.in_log_p is None or forms.in_log_q is None:
        residual = _residual(at_p, at_q, r)
        in_p = _corrected(generator, generator.derivative, r, residual)
        in_q = _corrected(generator, generator.coderivative, r, residual)
    else:
        # Of degree zero: the slopes in log p at p = 1, in log q at q = 1.
        one = jnp.ones_like(r)
        for_p, for_q = (one, _finite(at_q / at_p), r), (_finite(at_p / at_q), one, r)
        in_p = weighted_slopes(generator, *for_p, lambda order: _power_of_quotient(at_p, at_q, order - 1.0))[0]
        in_q = weighted_slopes(generator, *for_q, lambda order: _power_of_quotient(at_p, at_q, order))[1]
    # Only what is infinite is taken at the edge: at p = 0 f'(u) if f'(0) is; at q = 0 f(u) - u f'(u) likewise.
    no_p, no_q = p == 0.0, q == 0.0
    ends = _limit(generator, generator.derivative, -1.0, p), _limit(generator, generator.coderivative, 1.0, q)
    in_p = _pinned(_pinned(in_p, no_p, ends[0]), no_q, generator.at_infinity)
    in_q = _pinned(_pinned(in_q, no_p, generator.at_zero), no_q, ends[1])
    return jnp.where(dead, 0.0, _finite(in_p)), jnp.where(dead, 0.0, _finite(in_q))


@_slopes.defjvp
def _slopes_jvp(primals, tangents):
    # Both are functions of r = log(p/q), and dr = dp/p - dq/q.
    generator, p, q = primals
    d_generator, dp, dq = tangents
    dead = free(generator, p, q)
    at_p, at_q = _at_edge(p, q, dead)
    r = log_ratio(at_p, at_q)
    moved = []
    for form in (generator.derivative, generator.coderivative):
        bound, traced = bind(form, generator.parameters)
        _, growth = jax.jvp(lambda s, f=bound, t=traced: f(s, *t), (r,), (jnp.ones_like(r),))
        by_p, by_q = (jnp.where(dead, 0.0, _finite(growth / x, 0.125)) for x in (at_p, at_q))
        tangent = by_p * dp - by_q * dq
        if traced:
            _, drift = jax.jvp(lambda *t, f=bound: f(r, *t), traced, dynamic(d_generator.parameters))
            tangent += jnp.where(dead, 0.0, tame(drift))
        moved.append(tangent)
    return _slopes(generator, p, q), tuple(moved)


def _corrected(generator: Generator, form: Callable[..., jax.Array], r: jax.Array, residual: jax.Array) -> jax.Array:
    """form(r + residual)"""
    value = form(r, *generator.parameters)
    fits = (residual != 0.0) & (jnp.abs(value) < 2.0**-20 * float(jnp.finfo(r.dtype).max))
    there, residual = jnp.where(fits, r, 0.0), jnp.where(fits, residual, 0.0)
    return value + tame(jax.jvp(lambda s: form(s, *generator.parameters), (there,), (residual,))[1])


def _limit(generator: Generator, form: Callable[..., jax.Array], side: float, like: jax.Array) -> jax.Array:
    """A slope at log u = ±∞; ∞ where it still grows at the smallest normal number."""
    last = form(jnp.asarray(side * 1e5, like.dtype), *generator.parameters)
    edge = form(jnp.asarray(-side * math.log(tiny(like)), like.dtype), *generator.parameters)
    edge = jnp.where(jnp.isinf(last), 0.0, edge)
    return jnp.where(jnp.abs(last - edge) <= 0.5 * jnp.abs(last), last, jnp.inf)


def free(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """Where an outcome has no say: absent from both, or of infinite cost."""
    no_p, no_q = p == 0.0, q == 0.0
    return (no_p & no_q) | (no_p & _infinite(generator.at_zero)) | (no_q & _infinite(generator.at_infinity))


def _infinite(price: Any) -> Any:
    return bool(price == jnp.inf) if is_static(price) else jnp.isinf(price)


# --- Rényi's ----------------------------------------------------------------------------------------------


def _order(generator: Generator) -> Scalar:
    return generator.parameters[0] if generator.parameters else 1.0


def mixed_mass(order: Scalar, p: jax.Array, q: jax.Array) -> jax.Array:
    """M = α Σp + (1 - α) Σq"""
    return order * p.sum(-1) + (1.0 - order) * q.sum(-1)


def _mixed_mass(order: Scalar, p: jax.Array, q: jax.Array) -> jax.Array:
    """The same; at a large order the sums count as equal where they are but for rounding, which α would blow up."""
    if is_static(order) and order <= _LARGE:
        return mixed_mass(order, p, q)
    total, other = p.sum(-1), q.sum(-1)
    rounding = 64.0 * float(jnp.finfo(p.dtype).eps)
    even = (jnp.asarray(order) > _LARGE) & (jnp.abs(total - other) <= rounding * total)
    return jnp.where(even, total, order * total + (1.0 - order) * jnp.where(even, total, other))


def renyi(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """log(S/M)/(α - 1) for S = Σ pᵅq¹⁻ᵅ and M the mixed mass, for the generator of the α-divergence A."""
    return renyi_below(capped(generator, p), p, q)


@jax.custom_jvp
def renyi_below(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """The same for orders up to 1/eps."""
    # S = M + α(α - 1) A with A ≥ 0 a sum of non-negative terms, so nothing cancels when p ≈ q.
    order = _order(generator)
    beta = order - 1.0
    r = ratio(p, q)
    divergence = _summand(generator, p, q, r).sum(-1)
    mass = _mixed_mass(order, p, q)
    some = jnp.where(mass > 0.0, mass, 1.0)
    infinite = divergence == jnp.inf
    divergence = jnp.where(infinite, 0.0, divergence)
    x = jnp.where(infinite, jnp.inf, order * beta * (divergence / some))
    usable = (x > -0.5) & (x < 0.1 * float(jnp.finfo(x.dtype).max))
    log_power = jnp.where(usable, log1p(jnp.where(usable, x, 0.0)), _log_power_sum(order, p, q, r) - jnp.log(some))
    scaled = jnp.where(infinite, jnp.inf, order * (divergence / some))
    value = jnp.maximum(log_over(beta, scaled, log_power), 0.0)
    return jnp.where(mass <= 0.0, jnp.where((divergence == 0.0) & ~infinite, 0.0, jnp.inf), value)


def _log_power_sum(order: Scalar, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """log Σ pᵅq¹⁻ᵅ"""
    positive = q > 0.0
    log_q = jnp.where(positive, jnp.log(jnp.where(positive, q, 1.0)), -jnp.inf)
    missed = jnp.where(jnp.asarray(order) < 1.0, -jnp.inf, jnp.inf)
    inside = jnp.where(jnp.isinf(r), 0.0, r)
    exponent = jnp.where(r == -jnp.inf, -jnp.inf, jnp.where(r == jnp.inf, missed, log_q + order * inside))
    return logsumexp(exponent, axis=-1)


@renyi_below.defjvp
def _renyi_jvp(primals, tangents):
    generator, p, q = primals
    d_generator, dp, dq = tangents
    value = renyi_below(generator, p, q)
    in_p, in_q = _renyi_slopes(generator, p, q)
    tangent = (in_p * dp + in_q * dq).sum(-1)
    if jax.tree.leaves(generator):
        tangent += _finite(_order_slope(_order(generator), value, p, q)) * d_generator.parameters[0]
    return value, tangent


class _Level(NamedTuple):
    """What the slopes of Rényi's divergence share: [..., 1], and safe where it is infinite."""

    mass: jax.Array
    level: jax.Array  # R
    finite: jax.Array


def _level(generator: Generator, p: jax.Array, q: jax.Array) -> _Level:
    value = renyi_below(generator, p, q)[..., None]
    mass = _mixed_mass(_order(generator), p, q)[..., None]
    finite = jnp.isfinite(value) & (mass > 0.0)
    return _Level(jnp.where(finite, mass, 1.0), jnp.where(finite, value, 0.0), finite)


@jax.custom_jvp
def _renyi_slopes(generator: Generator, p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """∂R/∂p = α (e^{β(r - R)} - 1)/(βM) and ∂R/∂q = (1 - e^{αr - βR})/M, with β = α - 1."""
    order = _order(generator)
    beta = order - 1.0
    mass, level, finite = _level(generator, p, q)
    dead = free(generator, p, q) | ~finite
    no_p, no_q = p == 0.0, q == 0.0
    at_p, at_q = _at_edge(p, q, dead)
    r = log_ratio(at_p, at_q)
    y, power, lost_power, x, lost_x = _exponents(order, p, q, r, dead, mass, level)
    small = beta == 0.0
    by_power = jnp.where(small, 0.0, exp_within(power) * (lost_power / jnp.where(small, 1.0, beta)))
    in_p = order * (_finite(y * expm1_ratio(power), 0.5) + _finite(by_power, 0.5)) / mass
    in_q = -(expm1(x) + exp_within(x) * jnp.clip(lost_x, -1.0, 1.0)) / mass
    # Only what is infinite is taken at the edge.
    bound = -order / jnp.where(small, 1.0, beta) / mass
    in_p = _pinned(in_p, (no_p & (beta > 0.0)) | (no_q & (beta < 0.0)), bound)
    in_q = _pinned(in_q, no_p, 1.0 / mass)
    return jnp.where(dead, 0.0, _finite(in_p)), jnp.where(dead, 0.0, _finite(in_q))


def _exponents(
    order: Scalar, p: jax.Array, q: jax.Array, r: jax.Array, dead: jax.Array, mass: jax.Array, level: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]:
    """(y, βy, what that lost, αr - βR, what that lost) for y = r - R, where losses enter to first order."""
    beta = order - 1.0
    at_p, at_q = _at_edge(p, q, dead)
    lost = _residual(at_p, at_q, r)
    y, lost_y = two_diff(r, level)
    power, lost_power = two_product(y, beta * jnp.ones_like(y))
    power = jnp.where(jnp.isfinite(power), power, 0.0)  # and so no compiler fuses the product into the sum below
    x, lost_x = two_sum(r, power)
    # Σ p e^{β(r - R)} = M tells what R itself has lost where it is large.
    from_p = power <= x
    outside = (p == 0.0) | (q == 0.0) | dead
    tilted = jnp.exp(jnp.where(outside, 0.0, jnp.where(from_p, power, x)))
    tilted = jnp.where(outside, 0.0, jnp.where(from_p, p, q)) * tilted
    known = lost_power + beta * (lost_y + lost)
    off = (tilted * exp_within(jnp.where(from_p, known, lost_x + lost + known))).sum(-1, keepdims=True) / mass
    large = (jnp.abs(beta * level) > 1.0) & (off > 0.0) & (off < jnp.inf)
    lost_power = known - jnp.where(large, jnp.log(jnp.where(large, off, 1.0)), 0.0)
    # At a high order that is no longer small.
    coarse = jnp.abs(lost_power) > 2.0**-11
    power = jnp.where(coarse, power + lost_power, power)
    y = jnp.where(coarse, power / jnp.where(beta == 0.0, 1.0, beta), y)
    lost_power = jnp.where(coarse, 0.0, lost_power)
    x, lost_x = two_sum(r, power)
    return y, power, lost_power, x, lost_x + lost + lost_power


@_renyi_slopes.defjvp
def _renyi_slopes_jvp(primals, tangents):
    generator, p, q = primals
    d_generator, dp, dq = tangents
    order = _order(generator)
    beta = order - 1.0
    mass, level, finite = _level(generator, p, q)
    dead = free(generator, p, q) | ~finite
    at_p, at_q = _at_edge(p, q, dead)
    r = log_ratio(at_p, at_q)
    in_p, in_q = _renyi_slopes(generator, p, q)
    d_level = _finite((in_p * dp + in_q * dq).sum(-1, keepdims=True), 0.125)
    d_log_mass = mixed_mass(order, dp, dq)[..., None] / mass
    _, power, lost_power, x, lost_x = _exponents(order, p, q, r, dead, mass, level)
    by_p, by_q = order * jnp.exp(power) * (1.0 + lost_power) / mass, jnp.exp(x) * (1.0 + lost_x) / mass

    def moved(weight: jax.Array, rate: Scalar, back: Scalar, slope: jax.Array) -> jax.Array:
        # weight · (rate dr - back dR) - slope dM/M, with dr = dp/p - dq/q; what overflows saturates
        in_r = _finite(rate * weight / at_p, 0.125) * dp - _finite(rate * weight / at_q, 0.125) * dq
        in_level = _finite(_finite(back * weight, 0.125) * d_level, 0.125)
        return jnp.where(dead, 0.0, _finite(in_r - in_level - _finite(slope * d_log_mass, 0.125)))

    tangent = moved(by_p, 1.0, 1.0, in_p), moved(-by_q, order, beta, in_q)
    if jax.tree.leaves(generator):
        in_order = jax.jvp(lambda o: _slopes_in_order(o, p, q, dead, r), (order,), (d_generator.parameters[0],))[1]
        moving = [one + jnp.where(dead, 0.0, _finite(two)) for one, two in zip(tangent, in_order, strict=True)]
        tangent = moving[0], moving[1]
    return (in_p, in_q), tangent


def _slopes_in_order(
    order: jax.Array, p: jax.Array, q: jax.Array, dead: jax.Array, r: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The formulas of ``_renyi_slopes``, to be differentiated in the order."""
    beta = order - 1.0
    mass, level, _ = _level(alpha(order), p, q)
    y = jnp.where(dead, 0.0, r - level)
    return order * y * expm1_ratio(beta * y) / mass, -expm1(jnp.where(dead, 0.0, r + beta * y)) / mass


def _order_slope(order: Scalar, value: jax.Array, p: jax.Array, q: jax.Array) -> jax.Array:
    """dR/dα = Σ t y² e(-βy)/(βy)² + Σ_{q = 0} p/(Mβ²), y = r - R, t the tilted row pᵅq¹⁻ᵅ/S."""
    beta = order - 1.0
    r = ratio(p, q)
    mass = _mixed_mass(order, p, q)
    finite = jnp.isfinite(value) & (mass > 0.0)
    mass = jnp.where(finite, mass, 1.0)
    level = jnp.where(finite, value, 0.0)[..., None]
    inside = (p > 0.0) & (q > 0.0) & finite[..., None]
    r = jnp.where(inside, r, level)
    power = beta * (r - level)
    from_p = power <= r + power
    tilted = jnp.where(from_p, p, q) * jnp.exp(jnp.where(from_p, power, r + power))
    tilted = jnp.where(inside, tilted, 0.0) / mass[..., None]
    missed = jnp.where(finite, jnp.where(q == 0.0, p, 0.0).sum(-1) / mass, 0.0)
    unseen = missed / jnp.square(jnp.where(missed > 0.0, beta, 1.0))
    return order_slope(order, value, tilted, r) + unseen
