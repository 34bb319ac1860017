"""What every family has of its distribution function F and its moments without a formula of its own.

    F, log p ─bisection─▶ the quantile, with derivatives by the implicit function theorem;  variance ─▶ stddev

A family on the line has ``cdf`` and ``quantile``. Where the quantile has no closed form it is the least number x with
F(x) ≥ u, of a discrete variable the least value, exactly. From F(x) = u,

    dx = (du - ∂F/∂θ dθ)/p(x)
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax import quadrature
from kljax._prompt import prompt
from kljax._special.elementwise import tiny
from kljax._special.roots import least
from kljax.families._discrete import is_discrete
from kljax.families._record import along, at_points, filled


def at_shares(u: Any, record: Any) -> tuple[jax.Array, Any]:
    """Probabilities u, NaN outside [0, 1], and the record, broadcast to one batch."""
    u, at = at_points(u, record)
    return _share(u), at


@jax.jit
def _share(u: jax.Array) -> jax.Array:
    # Compiled, for a NaN that is only written down counts for jax_debug_nans.
    return jnp.where((u >= 0.0) & (u <= 1.0), u, jnp.nan)


def quantile_by_bisection(self: Any, u: Any) -> jax.Array:
    """The least x with F(x) ≥ u, by bisection, differentiable in u and the parameters; NaN unless 0 ≤ u ≤ 1."""
    return _inverse(*at_shares(u, self))


@jax.custom_jvp
@prompt
def _inverse(u: jax.Array, at: Any) -> jax.Array:
    space = at.support
    low, high = (jnp.broadcast_to(jnp.asarray(end, u.dtype), u.shape) for end in (space.low, space.high))
    inside = (u > 0.0) & (u < 1.0)
    found = jnp.clip(least(lambda x: at.cdf(x) >= u, u), low, high)
    # What lies between the smallest normal numbers counts as zero in arithmetic.
    found = jnp.where(jnp.abs(found) <= tiny(u), 0.0, found)
    return jnp.where(inside, found, jnp.where(u == 0.0, low, jnp.where(u == 1.0, high, jnp.nan)))


@_inverse.defjvp
def _inverse_jvp(primals, tangents):
    (u, at), (du, d_at) = primals, tangents
    x = _inverse(u, at)
    if is_discrete(at):
        return x, jnp.zeros_like(x)
    moved = jnp.isfinite(x) & (u > 0.0) & (u < 1.0)
    safe = jnp.where(moved, x, 0.0)
    _, rise = jax.jvp(lambda one: one.cdf(safe), (at,), (d_at,))
    density = jnp.exp(at.log_prob(safe))
    there = moved & (density > 0.0)
    return x, jnp.where(there, (du - rise) / jnp.where(there, density, 1.0), 0.0)


def log1mexp(t: jax.Array) -> jax.Array:
    """log(1 - eᵗ) for t < 0; -∞ at 0."""
    near = t > -math.log(2.0)
    return jnp.where(near, jnp.log(-jnp.expm1(jnp.where(near, t, -1.0))), jnp.log1p(-jnp.exp(jnp.where(near, -1.0, t))))


@prompt
def summed_cdf(self: Any, x: Any) -> jax.Array:
    """Σ p(k) over the integers k ≤ x, from the end that is nearer."""
    x, at = at_points(x, self)
    k, low = jnp.floor(x), jnp.broadcast_to(jnp.asarray(at.support.low, x.dtype), x.shape)
    high = jnp.broadcast_to(jnp.asarray(at.support.high, x.dtype), x.shape)
    center = lax.stop_gradient(jnp.broadcast_to(at.mean, x.shape))
    scale = lax.stop_gradient(jnp.sqrt(jnp.broadcast_to(at.variance, x.shape))) + 1.0
    finite = jnp.isfinite(center) & jnp.isfinite(scale)
    center, scale = jnp.where(finite, center, jnp.where(jnp.isfinite(low), low, 0.0)), jnp.where(finite, scale, 8.0)
    below = k <= center
    inside = (k >= low) & (k < high)
    k = jnp.where(inside, k, jnp.where(jnp.isfinite(low), low, 0.0))
    first, last = jnp.where(below, low, k + 1.0), jnp.where(below, k, high)
    wide = along(at)
    space = quadrature.integers(lax.stop_gradient(first), lax.stop_gradient(last))
    middle = jnp.clip(center, first, last)
    part = quadrature.expectation(
        jnp.ones_like, wide.log_prob, support=space, center=lax.stop_gradient(middle), scale=scale
    ).value
    part = jnp.minimum(part, 1.0)
    value = jnp.where(below, part, 1.0 - part)
    return jnp.where(inside, value, jnp.where(x < low, 0.0, 1.0))


def _stddev(self: Any) -> Any:
    """√variance"""
    return jax.tree.map(jnp.sqrt, self.variance)


def _zero(self: Any) -> jax.Array:
    """0"""
    return jnp.zeros_like(jax.tree.leaves(filled(self))[0])


standard_deviation = property(_stddev)
mode_zero = property(_zero)
