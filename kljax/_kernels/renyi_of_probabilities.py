"""Rényi's divergence of rows of probabilities or measures, with its derivative rules.

    R = log(Σ pᵅq¹⁻ᵅ / M)/β,    M = Σ (αp + (1 − α) q),    β = α − 1

    M           the mixed mass, 1 of two distributions

As of logits, nothing cancels near p = q; see ``renyi``.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from kljax._kernels import ordinary
from kljax._kernels.blocks import total
from kljax._kernels.divergence_of_probabilities import OfProbabilities, Slopes
from kljax._kernels.of_probabilities import at_edge, free, pinned, ratio, residual_of, saturating, summand_of
from kljax._kernels.renyi import capped, order_slope
from kljax._special.elementwise import expm1, expm1_near, expm1_ratio, log1p, log_ratio, two_diff, two_product, two_sum
from kljax._special.log1p_quotients import log1p_over, log_over
from kljax._special.safe import exp_within
from kljax.generators import Generator, alpha
from kljax.generators._internal import (
    Scalar,
    is_static,
)

_LARGE = 1024.0  # the order from which a rounding of Σp - Σq shows in M


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
    return RENYI(capped(generator, p), p, q)


def lessened(p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The rows and their common factor, below 1 where their sums might overflow, which changes no ratio."""
    top = jnp.maximum(p, q).max(-1, keepdims=True)
    scale = jnp.where(top > 2.0 ** (90 if p.dtype == jnp.float32 else 900), 2.0**-40, 1.0)
    return p * scale, q * scale, scale


@jax.custom_jvp
def renyi_below(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """The same for orders up to 1/eps."""
    # S = M + α(α - 1) A with A ≥ 0 a sum of non-negative terms, so nothing cancels when p ≈ q.
    order = _order(generator)
    beta = order - 1.0
    r = ratio(p, q)
    divergence = summand_of(generator, p, q, r).sum(-1)
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
        tangent += saturating(_order_slope(_order(generator), value, p, q)) * d_generator.parameters[0]
    return value, tangent


def _value(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    return renyi_below(generator, *lessened(p, q)[:2])


def _slopes(generator: Generator, value: jax.Array, p: jax.Array, q: jax.Array) -> Slopes:
    *rows, scale = lessened(p, q)
    in_p, in_q = _renyi_slopes(generator, *rows)
    return in_p * scale, in_q * scale


def _in_given(generator: Generator, moved: Generator, value: jax.Array, p: jax.Array, q: jax.Array) -> jax.Array:
    return saturating(_order_slope(_order(generator), value, *lessened(p, q)[:2])) * moved.parameters[0]


def _ordinary_value(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    order = _order(generator)
    beta = order - 1.0
    divergence = ordinary.value(generator, p, q)
    mass = _ordinary_mass(order, p, q)
    some = (divergence >= 0.0) & (divergence < jnp.inf) & (mass > 0.0)
    scaled = order * jnp.where(some, divergence, 0.0) / jnp.where(some, mass, 1.0)
    # Beyond, the logarithm is taken of the powers' sum itself, and R would have lost what its slopes take from it.
    serves = some & (beta * scaled > -0.5) & (beta * scaled < 1.0)
    return jnp.where(serves, jnp.maximum(log1p_over(beta, jnp.where(serves, scaled, 0.0)), 0.0), -jnp.inf)


def _ordinary_mass(order: float, p: jax.Array, q: jax.Array) -> jax.Array:
    sum_p, sum_q = (jnp.minimum(total(x), p.shape[-1] * ordinary.MOST) for x in (p, q))  # that of ∞ is no number
    return order * sum_p + (1.0 - order) * sum_q


@jax.custom_jvp
def _ordinary_slopes(generator: Generator, value: jax.Array, p: jax.Array, q: jax.Array) -> Slopes:
    """∂R/∂p = α (uᵝ e^{-βR} - 1)/(βM) and ∂R/∂q = (1 - uᵅ e^{-βR})/M"""
    order, value = _order(generator), value[..., None]
    beta = order - 1.0
    mass = _ordinary_mass(order, p, q)
    mass = jnp.where(mass > 0.0, mass, 1.0)
    p, q = (jnp.minimum(x, 1.0 + ordinary.MOST) for x in (p, q))
    dead = free(generator, p, q)
    at_p, at_q = at_edge(p, q, dead)
    u = ordinary.quotient(at_p, at_q)
    r = ordinary.log_ratio(at_q - at_p, at_p, at_q, u)
    one, rest = jnp.ones_like(u), jnp.exp(-beta * value)
    in_p = _less_one(beta * (r - value), ordinary.power(order, one, ordinary.quotient(at_q, at_p), u, r) * rest)
    in_q = -_less_one(order * r - beta * value, ordinary.power(order, u, one, u, r) * rest) / mass
    in_p = (r - value if beta == 0.0 else in_p / beta) * (order / mass)
    in_p, in_q = _at_ends(beta, p, q, in_p, in_q, mass)
    return jnp.where(dead, 0.0, saturating(in_p)), jnp.where(dead, 0.0, saturating(in_q))


def _less_one(lift: jax.Array, power: jax.Array) -> jax.Array:
    """e^lift - 1 for the power e^lift"""
    near = jnp.abs(lift) < 0.5
    return jnp.where(near, expm1_near(jnp.where(near, lift, 0.0)), power - 1.0)


@_ordinary_slopes.defjvp
def _ordinary_slopes_jvp(primals, tangents):
    # Of the value, which moves with the rows, too.
    generator, _, p, q = primals
    moved, _, dp, dq = tangents
    tangent = jax.jvp(lambda g, p, q: _slopes(g, primals[1], p, q), (generator, p, q), (moved, dp, dq))[1]
    return _ordinary_slopes(*primals), tangent


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
    at_p, at_q = at_edge(p, q, dead)
    r = log_ratio(at_p, at_q)
    y, power, lost_power, x, lost_x = _exponents(order, p, q, r, dead, mass, level)
    small = beta == 0.0
    by_power = jnp.where(small, 0.0, exp_within(power) * (lost_power / jnp.where(small, 1.0, beta)))
    in_p = order * (saturating(y * expm1_ratio(power), 0.5) + saturating(by_power, 0.5)) / mass
    in_q = -(expm1(x) + exp_within(x) * jnp.clip(lost_x, -1.0, 1.0)) / mass
    in_p, in_q = _at_ends(beta, p, q, in_p, in_q, mass)
    return jnp.where(dead, 0.0, saturating(in_p)), jnp.where(dead, 0.0, saturating(in_q))


def _at_ends(beta: Scalar, p: jax.Array, q: jax.Array, in_p: jax.Array, in_q: jax.Array, mass: jax.Array) -> Slopes:
    """The slopes, of which only what is infinite is taken at the edge."""
    no_p, no_q = p == 0.0, q == 0.0
    bound = -(1.0 + beta) / jnp.where(beta == 0.0, 1.0, beta) / mass
    in_p = pinned(in_p, (no_p & (beta > 0.0)) | (no_q & (beta < 0.0)), bound)
    return in_p, pinned(in_q, no_p, 1.0 / mass)


def _exponents(
    order: Scalar, p: jax.Array, q: jax.Array, r: jax.Array, dead: jax.Array, mass: jax.Array, level: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array, jax.Array]:
    """(y, βy, what that lost, αr - βR, what that lost) for y = r - R, where losses enter to first order."""
    beta = order - 1.0
    at_p, at_q = at_edge(p, q, dead)
    lost = residual_of(at_p, at_q, r)
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
    at_p, at_q = at_edge(p, q, dead)
    r = log_ratio(at_p, at_q)
    in_p, in_q = _renyi_slopes(generator, p, q)
    d_level = saturating((in_p * dp + in_q * dq).sum(-1, keepdims=True), 0.125)
    d_log_mass = mixed_mass(order, dp, dq)[..., None] / mass
    _, power, lost_power, x, lost_x = _exponents(order, p, q, r, dead, mass, level)
    by_p, by_q = order * jnp.exp(power) * (1.0 + lost_power) / mass, jnp.exp(x) * (1.0 + lost_x) / mass

    def moved(weight: jax.Array, rate: Scalar, back: Scalar, slope: jax.Array) -> jax.Array:
        # weight · (rate dr - back dR) - slope dM/M, with dr = dp/p - dq/q; what overflows saturates
        in_r = saturating(rate * weight / at_p, 0.125) * dp - saturating(rate * weight / at_q, 0.125) * dq
        in_level = saturating(saturating(back * weight, 0.125) * d_level, 0.125)
        return jnp.where(dead, 0.0, saturating(in_r - in_level - saturating(slope * d_log_mass, 0.125)))

    tangent = moved(by_p, 1.0, 1.0, in_p), moved(-by_q, order, beta, in_q)
    if jax.tree.leaves(generator):
        in_order = jax.jvp(lambda o: _slopes_in_order(o, p, q, dead, r), (order,), (d_generator.parameters[0],))[1]
        moving = [one + jnp.where(dead, 0.0, saturating(two)) for one, two in zip(tangent, in_order, strict=True)]
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


RENYI = OfProbabilities(
    _value,
    _slopes,
    _in_given,
    _ordinary_value,
    _ordinary_slopes,
    serves=lambda generator: is_static(_order(generator)) and _order(generator) <= 16.0,
)
