"""Chernoff's information of rows of probabilities or measures, and the order at which it is taken.

C = max over α of -log S/M,     S = Σ pᵅq¹⁻ᵅ = M - G,    M = αΣp + (1-α)Σq;        S' = F', G as in ``chernoff``

(S/M)' = [F' + M' G/M]/M                of what is small when p ≈ q
(log S/M)' = Σ t r - M'/M               where S/M is small
dα = -dH/H',    H = Σ t r - M'/M

t           the tilted row pᵅq¹⁻ᵅ/S
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.chernoff import power_sums, sides
from kljax._kernels.of_probabilities import at_edge, ratio, saturating
from kljax._kernels.renyi_of_probabilities import renyi_below
from kljax._special.elementwise import log1p
from kljax._special.roots import bracketed_root_with_more
from kljax.generators import alpha
from kljax.generators._internal import power_mass


def chernoff(p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(max over α of -log Σ pᵅq¹⁻ᵅ/M, that α)"""
    order, value = _order_and_value(*lax.stop_gradient((p, q)))
    # The order as the information's second derivative sees it. That grows as 1/p². Where it overflows, the part that
    # comes from the motion of the order would do so with the other sign: for entries that are so small the order stands
    # still in it.
    least = float(jnp.finfo(p.dtype).tiny) ** 0.5
    held = (jnp.where(x < least, lax.stop_gradient(x), x) for x in (p, q))
    return _moving_value(value, _moving_order(order, *held), p, q), _moving_order(order, p, q)


@jax.custom_jvp
def _moving_value(value: jax.Array, order: jax.Array, p: jax.Array, q: jax.Array) -> jax.Array:
    """``value`` = (1 - α) R_α, with the derivative of that where it is stationary in α."""
    return value


@_moving_value.defjvp
def _moving_value_jvp(primals, tangents):
    # The slope in α is zero; left out, it cannot bring in the second derivative of the optimal order.
    def of_row(order, rows, steps):
        return (1.0 - order) * jax.jvp(lambda p, q: renyi_below(alpha(order), p, q), rows, steps)[1]

    _, order, *rows = primals
    for _ in range(order.ndim):
        of_row = jax.vmap(of_row)
    return _moving_value(*primals), of_row(order, tuple(rows), tuple(tangents[2:]))


class _Tilted(NamedTuple):
    """The tilted row t of p and q with the first two derivatives of log S - log M in α; all but t of shape [..., 1]."""

    both: jax.Array  # where neither is 0
    weight: jax.Array  # t
    away: jax.Array  # r - E_t[r]
    log_sum: jax.Array  # log S
    mass: jax.Array  # M, 1 where it is 0
    tilt: jax.Array  # M'/M
    slope: jax.Array
    curvature: jax.Array


def _tilted(order: jax.Array, p: jax.Array, q: jax.Array, r: jax.Array) -> _Tilted:
    both = ~jnp.isinf(r) & (p != 0.0)
    r = jnp.where(both, r, 0.0)
    level = jnp.where(both, jnp.log(jnp.where(both, q, 1.0)) + order * r, -jnp.inf)
    top = level.max(-1, keepdims=True)
    top = jnp.where(top == -jnp.inf, 0.0, top)
    weight = jnp.exp(level - top)
    total = weight.sum(-1, keepdims=True)
    weight = weight / jnp.where(total > 0.0, total, 1.0)
    mean = (weight * r).sum(-1, keepdims=True)
    away = jnp.where(both, r - mean, 0.0)
    sum_p, sum_q = p.sum(-1, keepdims=True), q.sum(-1, keepdims=True)
    # From the nearer end: halves of the smallest numbers are flushed to zero.
    mass = jnp.where(order < 0.5, sum_q + order * (sum_p - sum_q), sum_p + (1.0 - order) * (sum_q - sum_p))
    mass = jnp.where(mass > 0.0, mass, 1.0)
    tilt = (sum_p - sum_q) / mass
    spread = (weight * away * away).sum(-1, keepdims=True) + tilt * tilt
    return _Tilted(both, weight, away, top + jnp.log(total), mass, tilt, mean - tilt, spread)


def _order_and_value(p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The α in (0, 1) that minimises S/M, in which log S is convex and log M concave; at the ends S/M may jump."""
    r = ratio(p, q)
    of = sides(p, q, r)

    def heights(order: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        # (log S/M)' times a positive number, the derivative of that where it is zero, and -log S/M.
        rows = _tilted(order[..., None], p, q, r)
        log_relative = (rows.log_sum - jnp.log(rows.mass))[..., 0]
        near = log_relative > -0.5
        power = jnp.where(of.inside, power_mass(order[..., None], p, q, of.r), 0.0)
        first, second, deficit = (x / rows.mass[..., 0] for x in power_sums(order, of, power))
        slope = jnp.where(near, first + rows.tilt[..., 0] * deficit, rows.slope[..., 0])
        value = jnp.where(near, -log1p(jnp.where(near, -deficit, 0.0)), -log_relative)
        shared = rows.both.any(-1)
        rise = jnp.where(near, second, rows.curvature[..., 0])
        return jnp.where(shared, slope, 0.0), jnp.where(shared, rise, 0.0), jnp.maximum(value, 0.0)

    zero = jnp.zeros_like(p[..., 0])
    order, (value,) = bracketed_root_with_more(heights, zero, zero + 1.0)
    return order, jnp.where((p + q).sum(-1) == 0.0, 0.0, value)


@jax.custom_jvp
def _moving_order(order: jax.Array, p: jax.Array, q: jax.Array) -> jax.Array:
    """The order, which moves with the rows that it is of."""
    return order


@_moving_order.defjvp
def _moving_order_jvp(primals, tangents):
    # H moves by t (1 + α(r - E_t[r])) d log p and the like.
    _, p, q = primals
    _, dp, dq = tangents
    found = _moving_order(*primals)  # with its own slope, for the next derivative
    order = found[..., None]
    rows = _tilted(order, p, q, ratio(p, q))
    margin = 2.0 * float(jnp.finfo(order.dtype).eps)
    inside = (order > margin) & (order < 1.0 - margin) & (rows.curvature > 0.0)
    scale = jnp.where(inside, 1.0, 0.0) / rows.mass
    at_p, at_q = at_edge(p, q, ~rows.both)
    by_p = rows.weight * (1.0 + order * rows.away) / at_p - (1.0 - order * rows.tilt) * scale
    by_q = rows.weight * ((1.0 - order) * rows.away - 1.0) / at_q + (1.0 + (1.0 - order) * rows.tilt) * scale
    curvature = jnp.where(inside, rows.curvature, 1.0)
    by_p, by_q = (jnp.where(inside, saturating(x / curvature, 0.125), 0.0) for x in (by_p, by_q))
    return found, -(by_p * dp + by_q * dq).sum(-1)
