"""The order of Chernoff's information of two rows of logits, and the information there.

J_α = -log F(α),  F(α) = Σ pᵅ q¹⁻ᵅ;   the order: F'(α) = 0,   C = J at it

F'(α) = Σ pᵅ q¹⁻ᵅ r, r = log(p/q);   dα = -dF'/F″
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.passes import statistics
from kljax._kernels.renyi import RENYI, log_sum_and_tilted, moving_tilted
from kljax._kernels.rows import Statistics, Temperature, normalise
from kljax._special.elementwise import expm1, expm1_minus_x
from kljax._special.roots import bracketed_root
from kljax.generators import alpha


def _within(r: jax.Array) -> jax.Array:
    """r, no larger than 1/eps², beyond which no order at least eps away from its ends can tell; 0 if infinite."""
    limit = 1e12 if r.dtype == jnp.float32 else 1e30
    return jnp.clip(jnp.where(jnp.isinf(r), 0.0, r), -limit, limit)


def stationarity(order: jax.Array, p: jax.Array, q: jax.Array, r: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(F', F'') of F(α) = Σ pᵅq¹⁻ᵅ; F' = Σ [q e^{αr} r - (p - q)], whose terms are small when p ≈ q."""
    inside = ~jnp.isinf(r)
    s = _within(r)
    near = jnp.abs(s) < 1.0
    v = jnp.where(near, s, 0.0)
    down, up, alpha_ = jnp.minimum(v, 0.0), jnp.maximum(v, 0.0), order[..., None]
    below = q * (down * expm1(alpha_ * down) - expm1_minus_x(down))
    above = p * (up * expm1((alpha_ - 1.0) * up) + expm1_minus_x(-up))
    # Far from p = q the terms of these would swallow p - q.
    mass = jnp.where(
        s > 0.0, p * jnp.exp((alpha_ - 1.0) * jnp.maximum(s, 0.0)), q * jnp.exp(alpha_ * jnp.minimum(s, 0.0))
    )
    mass = jnp.where(inside, mass, 0.0)
    first = jnp.where(near & inside, jnp.where(s > 0.0, above, below), mass * s + (q - p)).sum(-1)
    return first, (mass * s * s).sum(-1)


class _Tilting(NamedTuple):
    """What the tilted rows of two rows of logits are made of."""

    a: jax.Array
    b: jax.Array
    rows: Statistics
    temperature: Temperature


def _slope_in_order(
    order: jax.Array, p: jax.Array, q: jax.Array, r: jax.Array, tilting: _Tilting
) -> tuple[jax.Array, jax.Array]:
    """A number of the sign of F'(α), F = Σ pᵅq¹⁻ᵅ, and its derivative where it is zero."""
    first, second = stationarity(order, p, q, r)
    # The terms of F' are of the size of p and q; where F is small, the mean of r in the tilted row has the digits.
    log_sum, tilted = log_sum_and_tilted(order[..., None], *tilting)
    s = _within(r)
    tilted = moving_tilted(tilted, order[..., None], p, q, r)
    mean = (tilted * s).sum(-1)
    spread = (tilted * jnp.square(s - mean[..., None])).sum(-1)
    near = log_sum > -0.5
    return jnp.where(near, first, mean), jnp.where(near, second, spread)


def chernoff_order(p: jax.Array, q: jax.Array, r: jax.Array, tilting: _Tilting) -> jax.Array:
    """The α in (0, 1) that minimises Σ pᵅq¹⁻ᵅ; ½ where none does."""
    zero = jnp.zeros_like(r[..., 0])
    return bracketed_root(lambda order: _slope_in_order(order, p, q, r, tilting), zero, zero + 1.0)


def chernoff(a: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array]:
    """(max over α of -log Σ pᵅq¹⁻ᵅ, that α)"""
    rows = statistics(a, b, temperature)
    tilting = lax.stop_gradient(_Tilting(a, b, rows, temperature))
    order = chernoff_order(*normalise(a, b, temperature, rows), tilting)
    return at_optimum(_one_renyi, temperature, order, a, b), order


def _one_renyi(order: jax.Array, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    return RENYI(alpha(order), a, b, temperature)


def at_optimum(one_renyi: Callable[..., jax.Array], shared: Any, order: jax.Array, *rows: jax.Array) -> jax.Array:
    """(1 - α) R_α of each row at its own order, where that is stationary in α."""

    @jax.custom_jvp
    def stationary(order, rows, shared):
        return (1.0 - order) * one_renyi(order, *rows, shared)

    @stationary.defjvp
    def _stationary_jvp(primals, tangents):
        # The slope in α is zero; left out, it cannot bring in the second derivative of the optimal order.
        order, *others = primals
        _, slope = jax.jvp(lambda rows, shared: one_renyi(order, *rows, shared), tuple(others), tuple(tangents[1:]))
        return stationary(*primals), (1.0 - order) * slope

    of_batch = stationary
    for _ in range(order.ndim):
        of_batch = jax.vmap(of_batch, (0, 0, None))
    return of_batch(order, rows, shared)
