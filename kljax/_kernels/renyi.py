"""Rényi's divergence of two rows of logits.

    R = log Σ pᵅq¹⁻ᵅ / β = log(1 + αβA) / β,    t = pᵅq¹⁻ᵅ / Σ pᵅq¹⁻ᵅ = p e^{β(r − R)} = q e^{αr − βR}
    ∂R/∂log p = α (t − p)/β,    ∂R/∂log q = q − t,    dR/dα = Σ t y² e(−βy)/(βy)²

    α, β        the order, β = α − 1
    A           the α-divergence, a sum of terms that are not negative: nothing cancels when p ≈ q
    t           the tilted row
    r, y        log(p/q), y = r − R
    e(x)        eˣ − 1 − x

Where Σ pᵅq¹⁻ᵅ is far from 1, its logarithm is taken directly.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp

from kljax import _checks
from kljax._kernels import in_range, pieces
from kljax._kernels.blocks import total
from kljax._kernels.divergence import Divergence, InRange
from kljax._kernels.passes import evaluate
from kljax._kernels.rows import (
    Logs,
    Pair,
    Statistics,
    Temperature,
    balance,
    centre,
    closed,
    exp_of_sum,
    less,
    log_power,
    logs,
    pair_of,
    power_exponent,
    power_of_rows,
)
from kljax._kernels.sharded import PAIR, Functional, masses_of
from kljax._special.elementwise import divide, expm1, expm1_minus_x_ratio, expm1_near, expm1_ratio, log1p
from kljax._special.error_free import finite_two_sum
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


def log_sum_and_tilted(
    order: float | jax.Array, a: jax.Array, b: jax.Array, rows: Statistics, temperature: Temperature
) -> tuple[jax.Array, jax.Array]:
    """(log Σ pᵅq¹⁻ᵅ, pᵅq¹⁻ᵅ over its sum); the former ∞ where α ≥ 1 and q misses an outcome of p."""
    log_sum, tilted = tilt(order, logs(a, b, rows, temperature))
    log_sum -= (order * jnp.log(rows.norm_p) + (1.0 - order) * jnp.log(rows.norm_q))[..., 0]
    missed = ((b == -jnp.inf) & (a > -jnp.inf)).any(-1, keepdims=True) & (jnp.asarray(order) >= 1.0)
    return jnp.where(missed[..., 0] & ~jnp.isnan(log_sum), jnp.inf, log_sum), tilted


def tilt(order: float | jax.Array, rows: Logs) -> tuple[jax.Array, jax.Array]:
    """The same of rows whose norms are 1, where α < 1 or q misses nothing of p."""
    head, tail = log_power(jnp.asarray(order, rows.p[0].dtype), rows)
    log_sum = jnp.zeros_like(head[..., :1])
    lowest = jnp.full_like(head, -jnp.inf)
    for _ in range(2):  # what the largest head leaves of huge logits can itself be large
        top = lax.select(rows.absent, lowest, head).max(-1, keepdims=True)
        top = lax.select(top == -jnp.inf, jnp.zeros_like(top), top)
        head, rest = finite_two_sum(head, -top)
        head, tail = finite_two_sum(head, rest + tail)
        log_sum = log_sum + top
    weight = jnp.exp(lax.select(rows.absent, lowest, head))
    weight += weight * tail
    total = weight.sum(-1, keepdims=True)
    return (log_sum + jnp.log(total))[..., 0], weight / jnp.where(total > 0.0, total, 1.0)


def capped(generator: Generator, like: jax.Array) -> Generator:
    """The generator with an order of at most 1/eps: beyond, Rényi's divergence is that of order ∞ to rounding."""
    if not generator.parameters:
        return generator
    (order,) = generator.parameters
    limit = _highest(like)
    if is_static(order):
        return generator if order <= limit else alpha(limit)
    return alpha(jnp.minimum(order, limit))


def _highest(like: jax.Array) -> float:
    return 1.0 / float(jnp.finfo(like.dtype if like.dtype.itemsize >= 4 else jnp.float32).eps)


def up_to_infinity(
    generator: Generator, like: jax.Array, below: Callable[[], jax.Array], limit: Callable[[], jax.Array]
) -> jax.Array:
    """``below()``; from order 1/eps on the limit, that of order ∞."""
    if not generator.parameters:
        return below()
    (order,) = generator.parameters
    far = order >= _highest(like)
    if is_static(order):
        return limit() if far else below()
    return jnp.where(far, limit(), below())


def _value(generator: Generator, pair: Pair) -> jax.Array:
    log_sum, _ = log_sum_and_tilted(generator.parameters[0], pair.a, pair.b, pair.rows, pair.temperature)
    return log_of_power_sum(generator, pair.p, pair.q, pair.r, log_sum, pair.power)


def _slopes(generator: Generator, value: jax.Array, pair: Pair) -> tuple[jax.Array, jax.Array]:
    (order,) = generator.parameters
    return tilted_slopes(order, value, pair.p, pair.q, pair.r, _tilted_mass(order, pair))


def _in_given(generator: Generator, moved: Generator, value: jax.Array, pair: Pair) -> jax.Array:
    (order,), (d_order,) = generator.parameters, moved.parameters
    beta = order - 1.0
    missed = jnp.where(pair.r == jnp.inf, pair.p, 0.0).sum(-1) / jnp.where(beta == 0.0, 1.0, beta * beta)
    missed = jnp.where(jnp.isfinite(value), missed, 0.0)
    return (missed + order_slope(order, value, _tilted_mass(order, pair), pair.r)) * d_order


def _tilted_mass(order: Scalar, pair: Pair) -> jax.Array:
    """t, which moves with p, q and r."""
    still = lax.stop_gradient((pair.a, pair.b)), pair.rows, lax.stop_gradient(pair.temperature)
    exact = log_sum_and_tilted(order, *still[0], *still[1:])[1]
    return moving_tilted(lax.stop_gradient(exact), jnp.asarray(order, pair.p.dtype), pair.p, pair.q, pair.r)


def _value_in_range(
    generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature
) -> tuple[jax.Array, Statistics, jax.Array]:
    (order,) = generator.parameters
    divergence, rows, certain = in_range.evaluate(generator, a, b, temperature)
    beta, scaled = order - 1.0, order * divergence
    certain &= beta * scaled > -0.75
    return log1p_over(beta, jnp.where(certain, scaled, 0.0)), rows, certain


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _slopes_in_range(
    sides: tuple[str, ...],
    carried: tuple[Generator, jax.Array],
    temperature: Temperature,
    a: jax.Array,
    b: jax.Array,
    rows: Statistics,
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
        pair = pair_of(a, b, temperature, rows)
        found = _slopes(generator, RENYI(generator, a, b, temperature), pair)
        return tuple(found["pq".index(side)] for side in sides)

    return _slopes_in_range(sides, *primals), jax.jvp(general, primals[1:4], tangents[1:4])[1]


RENYI = Divergence(
    by_passes=functools.partial(evaluate, _value),
    slopes=_slopes,
    in_given=_in_given,
    in_range=InRange(_value_in_range, _slopes_in_range, serves=lambda generator: is_static(generator.parameters[0])),
)


def renyi(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """Rényi's divergence over the last axis; the generator is that of the α-divergence and carries the order."""
    return RENYI(capped(generator, a), a, b, temperature)


@jax.custom_jvp
def moving_tilted(value: jax.Array, order: jax.Array, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """``value`` = t = pᵅq¹⁻ᵅ/Σpᵅq¹⁻ᵅ, with the derivative of that."""
    return value


@moving_tilted.defjvp
def _moving_tilted_jvp(primals, tangents):
    value, order, p, q, r = primals
    _, d_order, dp, dq, dr = tangents
    inside = ~jnp.isinf(r) & (jnp.maximum(p, q) > 0.0) & (value > 0.0)
    use_p = p >= q
    larger = jnp.where(inside, jnp.maximum(p, q), 1.0)
    slope = divide(jnp.where(use_p, dp, dq), larger) + jnp.where(use_p, order - 1.0, order) * dr
    slope = jnp.where(inside, slope + jnp.where(inside, r, 0.0) * d_order, 0.0)
    tilted = moving_tilted(value, order, p, q, r)
    return tilted, tilted * centre(tilted, slope)


def renyi_generator(order: float | jax.Array) -> Generator | None:
    """The generator that carries Rényi's order, or ``None`` at the ends 0 and ∞."""
    _checks.number("order", order, low=0.0)
    if isinstance(order, float):
        if order in (0.0, math.inf):
            return None
        return kl if order == 1.0 else alpha(order)
    return alpha(order)


# --- pieces -----------------------------------------------------------------------------------------------------


class _Tilted(NamedTuple):
    """The statistics of two rows, and the largest of α a + (1 - α) b."""

    pair: pieces.Moments
    top: jax.Array


def _piece(generator: Generator, mark: None, a: jax.Array, b: jax.Array) -> _Tilted:
    (order,) = capped(generator, a).parameters
    absent = (a == -jnp.inf) | (b == -jnp.inf)
    tilt = order * jnp.where(absent, 0.0, a) + (1.0 - order) * jnp.where(absent, 0.0, b)
    return _Tilted(pieces.of_pair(a, b), jnp.where(absent, -jnp.inf, tilt).max(-1, keepdims=True))


def _masses(generator: Generator, found: _Tilted, a: jax.Array, b: jax.Array) -> tuple[Any, ...]:
    """(log pᵅq¹⁻ᵅ of the outcome that has most of it, about; pᵅq¹⁻ᵅ over that; (p, q, r); their powers)."""
    (order,) = capped(generator, a).parameters
    rows, mass = masses_of(found.pair, a, b)
    top = found.top - order * rows.top_p - (1.0 - order) * rows.top_q
    top = jnp.where(found.top == -jnp.inf, 0.0, top)
    tilted = exp_of_sum(*less(*power_exponent(order, a, b, rows, None), top))
    level = top - (order * jnp.log(rows.norm_p) + (1.0 - order) * jnp.log(rows.norm_q))
    return level, tilted, mass, power_of_rows(a, b, rows, None, *mass)


def _terms(generator: Generator, found: _Tilted, a: jax.Array, b: jax.Array) -> dict[str, jax.Array]:
    _, tilted, (p, q, r), power = _masses(generator, found, a, b)
    divergence = summand(capped(generator, p), p, q, r, power)
    return {"divergence": total(divergence), "mass": total(tilted)}


def _value_of_pieces(generator: Generator, found: _Tilted, sums_: dict[str, jax.Array]) -> jax.Array:
    (order,) = capped(generator, found.top).parameters
    _, rows = pieces.finish(found.pair)
    top = found.top - order * rows.top_p - (1.0 - order) * rows.top_q
    top = jnp.where(found.top == -jnp.inf, 0.0, top)
    log_sum = jnp.log(sums_["mass"]) + top - (order * jnp.log(rows.norm_p) + (1.0 - order) * jnp.log(rows.norm_q))
    infinite = (found.pair.missed > 0.0) & (jnp.asarray(order) >= 1.0) & ~jnp.isnan(log_sum)
    return log_of_divergence(order, sums_["divergence"], jnp.where(infinite, jnp.inf, log_sum))


def _gradient(generator, mark, found, sums_, a, b):
    _, tilted, (p, q, r), _ = _masses(generator, found, a, b)
    value = _value_of_pieces(generator, found, sums_)[..., 0]
    share = tilted / jnp.where(sums_["mass"] > 0.0, sums_["mass"], 1.0)
    return loose_slopes(capped(generator, p).parameters[0], value, p, q, r, share)


PIECES = Functional(
    rows=lambda generator, labels, a, b: renyi(generator, a, b, None),
    **{
        **PAIR,
        "piece": _piece,
        "empty": lambda zero: _Tilted(pieces.nothing(zero), zero - jnp.inf),
        "merge": lambda x, y: _Tilted(pieces.merge(x.pair, y.pair), jnp.maximum(x.top, y.top)),
        "across": lambda x, name: _Tilted(pieces.across(x.pair, name), pieces.largest_across(name, x.top)),
        "logs": lambda x: PAIR["logs"](x.pair),
    },
    terms=_terms,
    value=_value_of_pieces,
    gradient=_gradient,
)
