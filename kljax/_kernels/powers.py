"""Functionals of Σ pᵅ q¹⁻ᵅ of two rows of logits: Rényi's divergence.

With β = α - 1 and the generalised α-divergence A: Σ pᵅq¹⁻ᵅ = 1 + αβA, so R = log(1 + αβA)/β, in which A is a sum of
non-negative terms and nothing cancels when p ≈ q; where the sum is far from 1, its logarithm is taken directly.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp

from kljax import _checks
from kljax._kernels import choose, in_range
from kljax._kernels.blocks import by_blocks
from kljax._kernels.rows import (
    Rows,
    Temperature,
    balance,
    centre,
    closed,
    exp_of_sum,
    less,
    normalise,
    power_exponent,
    power_of_rows,
    statistics,
)
from kljax._kernels.sums import absent, row_tangent
from kljax._special.elementwise import divide, expm1, expm1_minus_x_ratio, expm1_near, expm1_ratio, log1p
from kljax._special.log1p_quotients import log1p_over, log_over
from kljax.generators import Generator, alpha, kl
from kljax.generators._internal import Power, Scalar, is_static, summand


def log_of_power_sum(
    generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array, log_sum: jax.Array, power: Power = None
) -> jax.Array:
    """log(Σ pᵅ q¹⁻ᵅ)/(α - 1) ≥ 0, for the generator of the α-divergence; continuous at α = 1."""
    return log_of_divergence(generator.parameters[0], summand(generator, p, q, r, power).sum(-1), log_sum)


def log_of_divergence(order: Scalar, divergence: jax.Array, log_sum: jax.Array) -> jax.Array:
    """The same from the α-divergence itself."""
    beta = order - 1.0
    return jnp.maximum(log_over(beta, order * divergence, log_sum), 0.0)


def tilted_slopes(
    order: float | jax.Array, value: jax.Array, p: jax.Array, q: jax.Array, r: jax.Array, tilted: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """(α(t - p)/(α - 1), q - t), with t = pᵅq¹⁻ᵅ/Σpᵅq¹⁻ᵅ: the slopes of Rényi's divergence R in log p and log q."""
    in_p, in_q = loose_slopes(order, value, p, q, r, tilted)
    # Both sum to zero. Where R is large, r - R has lost the digits of an outcome that dominates.
    finite = jnp.isfinite(value)[..., None]
    return jnp.where(finite, closed(p, in_p), 0.0), jnp.where(finite, closed(q, in_q), 0.0)


def loose_slopes(
    order: float | jax.Array, value: jax.Array, p: jax.Array, q: jax.Array, r: jax.Array, tilted: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The same of a piece of a row; a sum over the row need not vanish exactly."""
    beta = order - 1.0
    finite = jnp.isfinite(value)[..., None]
    inside = jnp.maximum(jnp.abs(r), value[..., None]) < 2.0 ** (100 if r.dtype == jnp.float32 else 1000)
    level, r = (jnp.where(inside, one, 0.0) for one in (value[..., None], r))
    # t = p e^{β(r - R)} = q e^{αr - βR}
    from_p, from_q = beta * (r - level), order * r - beta * level
    near_p, near_q = inside & (jnp.abs(from_p) < 1.0), inside & (jnp.abs(from_q) < 1.0)
    # At a high order r - R may have cancelled, so that little of β(r - R) is left.
    near_p &= (jnp.abs(beta) < 4.0) | (jnp.abs(r - level) > 0.25 * jnp.abs(r))
    apart = (tilted - p) / jnp.where(beta == 0.0, 1.0, beta)
    in_p = order * jnp.where(near_p, p * (r - level) * expm1_ratio(jnp.where(near_p, from_p, 0.0)), apart)
    in_q = jnp.where(near_q, -q * expm1(jnp.where(near_q, from_q, 0.0)), q - tilted)
    return jnp.where(finite, in_p, 0.0), jnp.where(finite, in_q, 0.0)


def minus_log_kept(log_q: jax.Array, absent: jax.Array) -> jax.Array:
    """-log Q(p > 0), Rényi's divergence of order 0, from log q and where p = 0."""
    lost = jnp.where(absent, jnp.exp(log_q), 0.0).sum(-1)
    kept = jnp.where(absent, -jnp.inf, log_q)
    near, none = lost < 0.5, (kept == -jnp.inf).all(-1)
    far = jnp.maximum(-logsumexp(jnp.where(none[..., None], 0.0, kept), axis=-1), 0.0)
    return jnp.where(near, -log1p(-jnp.where(near, lost, 0.0)), jnp.where(none, jnp.inf, far))


def order_slope(order: float | jax.Array, value: jax.Array, tilted: jax.Array, r: jax.Array) -> jax.Array:
    """dR/dα = KL(t‖p)/(α - 1)² = Σ t y² e(-βy)/(βy)², y = r - R (van Erven & Harremoës 2014, eq. (35))."""
    finite = jnp.isfinite(value)
    y = jnp.where(jnp.isinf(r) | (tilted == 0.0), 0.0, r) - jnp.where(finite, value, 0.0)[..., None]
    y = jnp.where(tilted == 0.0, 0.0, y)
    return jnp.where(finite, (tilted * y * (y * expm1_minus_x_ratio(-(order - 1.0) * y))).sum(-1), 0.0)


def _log_sum(
    order: float | jax.Array, a: jax.Array, b: jax.Array, rows: Rows, temperature: Temperature
) -> tuple[jax.Array, jax.Array]:
    """(log Σ pᵅq¹⁻ᵅ, pᵅq¹⁻ᵅ over its sum); the former ∞ where α ≥ 1 and q misses an outcome of p."""
    head, tail = power_exponent(order, a, b, rows, temperature)
    log_sum = -(order * jnp.log(rows.norm_p) + (1.0 - order) * jnp.log(rows.norm_q))
    for _ in range(2):  # what the largest head leaves of huge logits can itself be large
        top = head.max(-1, keepdims=True)
        top = jnp.where(top == -jnp.inf, 0.0, top)
        head, tail = less(head, tail, top)
        log_sum = log_sum + top
    weight = exp_of_sum(head, tail)
    total = weight.sum(-1, keepdims=True)
    log_sum = log_sum + jnp.log(total)
    missed = ((b == -jnp.inf) & (a > -jnp.inf)).any(-1, keepdims=True) & (jnp.asarray(order) >= 1.0)
    log_sum = jnp.where(missed & ~jnp.isnan(log_sum), jnp.inf, log_sum)
    return log_sum[..., 0], weight / jnp.where(total > 0.0, total, 1.0)


def capped(generator: Generator, like: jax.Array) -> Generator:
    """The generator with an order of at most 1/eps: beyond, Rényi's divergence is that of order ∞ to rounding."""
    if not generator.parameters:
        return generator
    (order,) = generator.parameters
    limit = 1.0 / float(jnp.finfo(like.dtype).eps)
    if is_static(order):
        return generator if order <= limit else alpha(limit)
    return alpha(jnp.minimum(order, limit))


def up_to_infinity(
    generator: Generator, like: jax.Array, below: Callable[[], jax.Array], limit: Callable[[], jax.Array]
) -> jax.Array:
    """``below()``; from order 1/eps on the limit, that of order ∞."""
    if not generator.parameters:
        return below()
    (order,) = generator.parameters
    far = order >= 1.0 / float(jnp.finfo(like.dtype).eps)
    if is_static(order):
        return limit() if far else below()
    return jnp.where(far, limit(), below())


def renyi(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """Rényi's divergence over the last axis; the generator is that of the α-divergence and carries the order."""
    return _renyi(capped(generator, a), a, b, temperature)


def _renyi(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    return _renyi_with_rows(generator, a, b, temperature)[0]


@jax.custom_jvp
def _renyi_with_rows(
    generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature
) -> tuple[jax.Array, Rows, jax.Array]:
    """The value, the rows, and 1 where all are ``in_range``, else 0, of shape [..., 1]."""
    order = generator.parameters[0]

    def passes(generator, a, b, *_):
        def of_block(carried, a, b, *rows):
            (generator, temperature), rows = carried, Rows(*rows)
            p, q, r = normalise(a, b, temperature, rows)
            power = power_of_rows(a, b, rows, temperature, p, q, r)
            log_sum, _ = _log_sum(generator.parameters[0], a, b, rows, temperature)
            return log_of_power_sum(generator, p, q, r, log_sum, power)

        rows = statistics(a, b, temperature)
        return by_blocks(of_block, (generator, temperature), a, b, *rows), rows, jnp.zeros_like(rows.norm_p)

    if not (is_static(order) and choose.way(a).name == "in range"):
        return passes(generator, a, b)
    divergence, rows, certain = in_range.evaluate(generator, a, b, temperature)
    beta, scaled = order - 1.0, order * divergence
    certain &= beta * scaled > -0.75
    quick = log1p_over(beta, jnp.where(certain, scaled, 0.0))[..., 0], rows, jnp.ones_like(rows.norm_p)
    return lax.cond(certain.all(), lambda *found: found[3:], passes, generator, a, b, *quick)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _slopes_in_range(
    sides: tuple[str, ...],
    carried: tuple[Generator, jax.Array],
    temperature: Temperature,
    a: jax.Array,
    b: jax.Array,
    rows: Rows,
) -> tuple[jax.Array, ...]:
    """The gradients in a/T and b/T: t = p e^{β(r - R)} = q e^{αr - βR}."""
    generator, value = carried
    (order,) = generator.parameters
    beta, value = order - 1.0, value[..., None]
    p, q, r = in_range.masses(a, b, temperature, rows)
    tilted = in_range.power_in_range(order, p, q, r) * jnp.exp(-beta * value)
    found = []
    for side in sides:
        mass, lift = (p, beta * (r - value)) if side == "p" else (q, order * r - beta * value)
        near = jnp.abs(lift) < 0.5
        apart = jnp.where(near, mass * expm1_near(jnp.where(near, lift, 0.0)), tilted - mass)
        # Both sum to zero but for what R is off, which is a multiple of the mass.
        found.append(balance(mass, apart * (order / beta if side == "p" else -1.0)))
    return tuple(found)


@_slopes_in_range.defjvp
def _slopes_in_range_jvp(sides, primals, tangents):
    (generator, _), *_, rows = primals

    def general(temperature, a, b):
        # Of the value, which moves with the rows, too.
        value = _renyi(generator, a, b, temperature)
        p, q, r = normalise(a, b, temperature, rows)
        (order,) = generator.parameters
        exact = _log_sum(order, *lax.stop_gradient((a, b)), rows, lax.stop_gradient(temperature))[1]
        tilted = _tilted(lax.stop_gradient(exact), jnp.asarray(order, p.dtype), p, q, r)
        found = tilted_slopes(order, value, p, q, r, tilted)
        return tuple(found["pq".index(side)] for side in sides)

    return _slopes_in_range(sides, *primals), jax.jvp(general, primals[1:4], tangents[1:4])[1]


def _renyi_jvp(primals, tangents):
    # dR = Σ α(t - p)/(α - 1) d log p + Σ (q - t) d log q.
    value, rows, quick = _renyi_with_rows(*primals)
    found = value, rows, quick
    still = all(map(absent, jax.tree.leaves((tangents[0], tangents[3]), is_leaf=absent)))
    sides = tuple(side for side, step in zip("pq", tangents[1:3], strict=True) if not absent(step))
    generator, a, b, temperature = primals

    @jax.checkpoint
    def general(a, b, *steps):
        given, rest = list(tangents), iter(steps)
        for at in (1, 2):
            given[at] = given[at] if absent(given[at]) else next(rest)
        return jnp.zeros_like(value) + _general_tangent((generator, a, b, temperature), given, value, rows)

    @jax.checkpoint
    def in_block(a, b, *steps):
        slopes = functools.partial(_slopes_in_range, sides)
        return in_range.tangent(slopes, ((generator, value), temperature), (a, b), rows, steps)

    steps = [step for step in tangents[1:3] if not absent(step)]
    if still and steps and is_static(generator.parameters[0]) and choose.way(a).name == "in range":
        tangent = lax.cond((quick > 0.0).all(), in_block, general, a, b, *steps)
    else:
        tangent = general(a, b, *steps)
    return found, (tangent, *jax.tree.map(jnp.zeros_like, found[1:]))


def _general_tangent(primals: Any, tangents: Any, value: jax.Array, rows: Rows) -> jax.Array:
    generator, a, b, temperature = primals
    d_generator, da, db, dt = tangents

    def tilted_mass(order, a, b, rows, p, q, r):
        exact = _log_sum(order, *lax.stop_gradient((a, b)), rows, temperature)[1]
        return _tilted(lax.stop_gradient(exact), jnp.asarray(order, p.dtype), p, q, r)

    def slopes(carried, p, q, r, _):
        generator, value, a, b, rows = carried
        (order,) = generator.parameters
        return tilted_slopes(order, value, p, q, r, tilted_mass(order, a, b, rows, p, q, r))

    def in_order(carried, d_carried, p, q, r):
        generator, value, a, b, rows = carried
        (order,) = generator.parameters
        beta = order - 1.0
        missed = jnp.where(r == jnp.inf, p, 0.0).sum(-1) / jnp.where(beta == 0.0, 1.0, beta * beta)
        missed = jnp.where(jnp.isfinite(value), missed, 0.0)
        return (missed + order_slope(order, value, tilted_mass(order, a, b, rows, p, q, r), r)) * d_carried[
            0
        ].parameters[0]

    carried = ((generator, value, a, b, rows), a, b, temperature)
    still = (None, None, None, jax.tree.map(lambda _: None, rows))
    return row_tangent(carried, ((d_generator, *still), da, db, dt), rows, slopes, in_order)


_renyi_with_rows.defjvp(_renyi_jvp, symbolic_zeros=True)


@jax.custom_jvp
def _tilted(value: jax.Array, order: jax.Array, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """``value`` = t = pᵅq¹⁻ᵅ/Σpᵅq¹⁻ᵅ, with the derivative of that."""
    return value


@_tilted.defjvp
def _tilted_jvp(primals, tangents):
    value, order, p, q, r = primals
    _, d_order, dp, dq, dr = tangents
    inside = ~jnp.isinf(r) & (jnp.maximum(p, q) > 0.0) & (value > 0.0)
    use_p = p >= q
    larger = jnp.where(inside, jnp.maximum(p, q), 1.0)
    slope = divide(jnp.where(use_p, dp, dq), larger) + jnp.where(use_p, order - 1.0, order) * dr
    slope = jnp.where(inside, slope + jnp.where(inside, r, 0.0) * d_order, 0.0)
    tilted = _tilted(value, order, p, q, r)
    return tilted, tilted * centre(tilted, slope)


def renyi_generator(order: float | jax.Array) -> Generator | None:
    """The generator that carries Rényi's order, or ``None`` at the ends 0 and ∞."""
    _checks.number("order", order, low=0.0)
    if isinstance(order, float):
        if order in (0.0, math.inf):
            return None
        return kl if order == 1.0 else alpha(order)
    return alpha(order)
