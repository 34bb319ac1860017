"""Chernoff's information of rows of probabilities: the order that minimises the power sum, and its value."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.chernoff import at_optimum, stationarity
from kljax._kernels.of_probabilities import at_edge, ratio, saturating
from kljax._kernels.renyi_of_probabilities import mixed_mass, renyi_below
from kljax._special.elementwise import expm1
from kljax._special.roots import bracketed_root
from kljax.generators import alpha


def chernoff(p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(max over α of -log Σ pᵅq¹⁻ᵅ/M, that α)"""
    both = _orders
    for _ in range(p.ndim - 1):
        both = jax.vmap(both)
    order, within = both(p, q)
    return at_optimum(_one_renyi, None, within, p, q), order


def _orders(p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The order, and the order as the information's second derivative sees it.

    That grows as 1/p². Where it overflows, the part that comes from the motion of the order would do so with the other
    sign: for entries that are so small the order stands still in it.
    """
    order = _order_of_row(*lax.stop_gradient((p, q)))
    least = float(jnp.finfo(p.dtype).tiny) ** 0.5
    held = (jnp.where(x < least, lax.stop_gradient(x), x) for x in (p, q))
    return _moved(order, p, q), _moved(order, *held)


def _one_renyi(order: jax.Array, p: jax.Array, q: jax.Array, _: None = None) -> jax.Array:
    return renyi_below(alpha(order), p, q)


class _Tilted(NamedTuple):
    """The tilted row t of p and q with the first two derivatives of log S - log M in α."""

    both: jax.Array
    weight: jax.Array  # t
    away: jax.Array  # r - E_t[r]
    mass: jax.Array  # M
    tilt: jax.Array  # M'/M
    slope: jax.Array
    curvature: jax.Array


def _tilted(order: jax.Array, p: jax.Array, q: jax.Array) -> _Tilted:
    both = (p > 0.0) & (q > 0.0)
    r = jnp.where(both, ratio(p, q), 0.0)
    none = ~both.any()
    level = jnp.where(both, jnp.log(jnp.where(both, q, 1.0)) + order * r, jnp.where(none, 0.0, -jnp.inf))
    weight = jnp.where(both, jax.nn.softmax(level), 0.0)
    mean = (weight * r).sum(-1)
    mass = mixed_mass(order, p, q)
    tilt = (p.sum(-1) - q.sum(-1)) / jnp.where(mass > 0.0, mass, 1.0)
    spread = (weight * jnp.square(r - mean)).sum(-1) + jnp.square(tilt)
    return _Tilted(both, weight, jnp.where(both, r - mean, 0.0), mass, tilt, mean - tilt, spread)


def _slope_in_order(order: jax.Array, p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """log S/M differentiated in α, times a positive number, and the derivative of that where it is zero."""
    rows = _tilted(order, p, q)
    log_relative = (order - 1.0) * _one_renyi(order, p, q)
    # Near p = q, where the tilted mean cancels, times S/M: (S' - M')/M - (S/M - 1) M'/M.
    near = log_relative > -0.5
    some = jnp.where(rows.mass > 0.0, rows.mass, 1.0)
    first, second = (x / some for x in stationarity(order, p, q, ratio(p, q)))
    slope = jnp.where(near, first - rows.tilt * expm1(jnp.where(near, log_relative, 0.0)), rows.slope)
    shared = rows.both.any(-1)
    return jnp.where(shared, slope, 0.0), jnp.where(shared, jnp.where(near, second, rows.curvature), 0.0)


def _order_of_row(p: jax.Array, q: jax.Array) -> jax.Array:
    """The α in (0, 1) that minimises S/M, in which log S is convex and log M concave; at the ends S/M may jump."""
    zero = jnp.zeros((), p.dtype)
    return bracketed_root(lambda order: _slope_in_order(order, p, q), zero, zero + 1.0)


@jax.custom_jvp
def _moved(order: jax.Array, p: jax.Array, q: jax.Array) -> jax.Array:
    """The order, which moves with the rows that it is of."""
    return order


@_moved.defjvp
def _moved_jvp(primals, tangents):
    # With G = E_t[r] - M'/M: dα = -dG/G', and G moves by t (1 + α(r - E_t[r])) d log p and the like.
    _, p, q = primals
    _, dp, dq = tangents
    order = _moved(*primals)  # with its own slope, for the next derivative
    rows = _tilted(order, p, q)
    margin = 2.0 * float(jnp.finfo(order.dtype).eps)
    inside = (order > margin) & (order < 1.0 - margin) & (rows.curvature > 0.0)
    scale = jnp.where(inside, 1.0, 0.0) / jnp.where(inside, rows.mass, 1.0)
    at_p, at_q = at_edge(p, q, ~rows.both)
    by_p = rows.weight * (1.0 + order * rows.away) / at_p - (1.0 - order * rows.tilt) * scale
    by_q = rows.weight * ((1.0 - order) * rows.away - 1.0) / at_q + (1.0 + (1.0 - order) * rows.tilt) * scale
    curvature = jnp.where(inside, rows.curvature, 1.0)
    by_p, by_q = (jnp.where(inside, saturating(x / curvature, 0.125), 0.0) for x in (by_p, by_q))
    return order, -(by_p * dp + by_q * dq).sum(-1)
