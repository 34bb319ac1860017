"""f-divergences of rows of probabilities or measures, with their derivative rule.

    D = Σ q f(u),    u = p/q,    ∂D/∂p = f'(u),    ∂D/∂q = f(u) − u f'(u)

    r           log u, rounded
    δ           log(p/q) − r, what it lost, found from p and q: ``residual_of``

A power of u as e^{βr} is off by β|r| eps, hundreds of eps for small probabilities; so δ enters to first order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kljax._kernels import ordinary
from kljax._kernels.divergence_of_probabilities import OfProbabilities, Slopes
from kljax._special.elementwise import log_ratio, tiny
from kljax._special.safe import nan_where, saturated
from kljax.generators import Generator
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

_FAR = 4.0  # |log u| from which the rounding of log u shows in u


def ratio(p: jax.Array, q: jax.Array) -> jax.Array:
    """log(p/q), NaN where either is negative."""
    return nan_where((p < 0.0) | (q < 0.0), log_ratio(p, q))


def residual_of(p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """log(p/q) - r where r is rounded and |r| is large, else 0."""
    far = (jnp.abs(r) > _FAR) & (jnp.abs(r) < jnp.inf)
    half = jnp.exp(0.5 * jnp.where(far, r, 0.0))  # both p/half and q half are √(pq), which does not underflow
    usable = far & (half > tiny(half)) & (half < jnp.inf)
    half = jnp.where(usable, half, 1.0)
    off = jnp.where(usable, p, 1.0) / half / (jnp.where(usable, q, 1.0) * half) - 1.0
    return jnp.where(jnp.abs(off) < 0.01, off, 0.0)


def at_edge(p: jax.Array, q: jax.Array, dead: jax.Array) -> tuple[jax.Array, jax.Array]:
    """p and q with zeros replaced by the smallest normal number: there infinite slopes are taken."""
    return jnp.where(dead, 1.0, jnp.maximum(p, tiny(p))), jnp.where(dead, 1.0, jnp.maximum(q, tiny(q)))


def saturating(x: jax.Array, part: float = 1.0) -> jax.Array:
    """Overflow saturates, so that an infinite slope times a zero tangent is zero and not NaN."""
    top = part * float(jnp.finfo(x.dtype).max)
    return saturated(jnp.where(jnp.isnan(x), 0.0, x), top)


def pinned(slope: jax.Array, here: jax.Array, limit: Scalar) -> jax.Array:
    """``slope`` replaced by a limit that is finite."""
    limit = jnp.asarray(limit, slope.dtype)
    return jnp.where(here & jnp.isfinite(limit), limit, slope)


def _value(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    # Of masses that are all but flushed to zero less than nothing may be left.
    return jnp.maximum(summand_of(generator, p, q, ratio(p, q)).sum(-1), 0.0)


def _in_given(generator: Generator, moved: Generator, value: jax.Array, p: jax.Array, q: jax.Array) -> jax.Array:
    return parameter_tangent(generator, moved, p, q, ratio(p, q)).sum(-1)


def summand_of(generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """q f(p/q)"""
    by_mass = generator.by_mass is not None and generator.by_mass.summand is not None
    value = summand(generator, p, q, r, lambda order: _power_mass(order, p, q, r))
    if by_mass or not (_may_be_infinite(generator.at_zero) or _may_be_infinite(generator.at_infinity)):
        return value
    residual = residual_of(p, q, r)
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


@jax.custom_jvp
def _slopes(generator: Generator, value: jax.Array, p: jax.Array, q: jax.Array) -> Slopes:
    return _slopes_by(_general_slopes, generator, p, q)


@jax.custom_jvp
def _ordinary_slopes(generator: Generator, value: jax.Array, p: jax.Array, q: jax.Array) -> Slopes:
    return _slopes_by(ordinary.slopes, generator, *(jnp.minimum(x, 1.0 + ordinary.MOST) for x in (p, q)))


def _slopes_by(
    inside: Callable[..., tuple[jax.Array, jax.Array]], generator: Generator, p: jax.Array, q: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The slopes from those ``inside``, of p, q > 0."""
    dead = free(generator, p, q)
    in_p, in_q = inside(generator, *at_edge(p, q, dead))
    # Only what is infinite is taken at the edge: at p = 0 f'(u) if f'(0) is; at q = 0 f(u) - u f'(u) likewise.
    no_p, no_q = p == 0.0, q == 0.0
    ends = _limit(generator, generator.derivative, -1.0, p), _limit(generator, generator.coderivative, 1.0, q)
    in_p = pinned(pinned(in_p, no_p, ends[0]), no_q, generator.at_infinity)
    in_q = pinned(pinned(in_q, no_p, generator.at_zero), no_q, ends[1])
    return jnp.where(dead, 0.0, saturating(in_p)), jnp.where(dead, 0.0, saturating(in_q))


def _general_slopes(generator: Generator, at_p: jax.Array, at_q: jax.Array) -> tuple[jax.Array, jax.Array]:
    r = log_ratio(at_p, at_q)
    forms = generator.by_mass
    if forms is None or forms.in_log_p is None or forms.in_log_q is None:
        residual = residual_of(at_p, at_q, r)
        in_p = _corrected(generator, generator.derivative, r, residual)
        in_q = _corrected(generator, generator.coderivative, r, residual)
        return in_p, in_q
    # Of degree zero: the slopes in log p at p = 1, in log q at q = 1.
    one = jnp.ones_like(r)
    for_p, for_q = (one, saturating(at_q / at_p), r), (saturating(at_p / at_q), one, r)
    in_p = weighted_slopes(generator, *for_p, lambda order: _power_of_quotient(at_p, at_q, order - 1.0))[0]
    in_q = weighted_slopes(generator, *for_q, lambda order: _power_of_quotient(at_p, at_q, order))[1]
    return in_p, in_q


def _tangents_of_slopes(primals, tangents):
    # Both are functions of r = log(p/q), and dr = dp/p - dq/q.
    generator, _, p, q = primals
    d_generator, _, dp, dq = tangents
    dead = free(generator, p, q)
    at_p, at_q = at_edge(p, q, dead)
    r = log_ratio(at_p, at_q)
    moved = []
    for form in (generator.derivative, generator.coderivative):
        bound, traced = bind(form, generator.parameters)
        _, growth = jax.jvp(lambda s, f=bound, t=traced: f(s, *t), (r,), (jnp.ones_like(r),))
        by_p, by_q = (jnp.where(dead, 0.0, saturating(growth / x, 0.125)) for x in (at_p, at_q))
        tangent = by_p * dp - by_q * dq
        if traced:
            _, drift = jax.jvp(lambda *t, f=bound: f(r, *t), traced, dynamic(d_generator.parameters))
            tangent += jnp.where(dead, 0.0, tame(drift))
        moved.append(tangent)
    return tuple(moved)


@_slopes.defjvp
def _of_slopes(primals, tangents):
    return _slopes(*primals), _tangents_of_slopes(primals, tangents)


@_ordinary_slopes.defjvp
def _of_ordinary_slopes(primals, tangents):
    return _ordinary_slopes(*primals), _tangents_of_slopes(primals, tangents)


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


F_DIVERGENCE = OfProbabilities(_value, _slopes, _in_given, ordinary.value, _ordinary_slopes)


def f_divergence(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """Σ q f(p/q) over the last axis."""
    return F_DIVERGENCE(generator, p, q)
