"""Chernoff's information of two rows of logits, and the order at which it is taken.

C = max over α of -log F(α),    F = Σ pᵅq¹⁻ᵅ = 1 - G;           at the order α: F'(α) = 0

F' = Σ [pᵅq¹⁻ᵅ r - (p - q)]     = ±Σ m [e(x) - x (eᶻ - 1)]      of terms that are small when p ≈ q
F″ = Σ pᵅq¹⁻ᵅ r²
G  = Σ [αp + (1-α)q - pᵅq¹⁻ᵅ]   = Σ m [γ e(x) - e(z)]           of terms that are not negative
(log F)' = Σ t r                                                where F is small
dα = -dF'/F″,    dC at the order that it has

r           log(p/q)
m, x, γ     p, -r and 1 - α where α ≥ ½, and then the sign is +; else q, r and α;  z = γx
t           the tilted row pᵅq¹⁻ᵅ/F
e(x)        eˣ - 1 - x

Search and value take the same sums, which stand in the program once: the last step is at the order that is found.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.divergence import tangent_by_slopes
from kljax._kernels.passes import statistics
from kljax._kernels.renyi import RENYI, moving_tilted, tilt
from kljax._kernels.rows import Statistics, Temperature, logs, moving_with, normalise
from kljax._special.elementwise import expm1_minus_x, expm1_minus_x_near, log1p
from kljax._special.roots import bracketed_root_with_more
from kljax.generators import alpha


class Sides(NamedTuple):
    """What the sums take of p and q that is the same at every order."""

    p: jax.Array
    q: jax.Array
    r: jax.Array  # no larger than 1/eps², beyond which no order at least eps away from its ends can tell; 0 if infinite
    inside: jax.Array  # where r is not infinite
    close: jax.Array
    e_up: jax.Array  # e(r), e(-r) where p and q are close
    e_down: jax.Array


def sides(p: jax.Array, q: jax.Array, r: jax.Array) -> Sides:
    """Of p, q and r = log(p/q)."""
    limit = 1e12 if r.dtype == jnp.float32 else 1e30
    inside = ~jnp.isinf(r)
    close = jnp.abs(r) <= 2.0
    near = jnp.where(close, r, 0.0)
    e_up, e_down = expm1_minus_x(jnp.stack([near, -near]))
    return Sides(p, q, jnp.clip(jnp.where(inside, r, 0.0), -limit, limit), inside, close, e_up, e_down)


def power_sums(order: jax.Array, of: Sides, power: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(F', F″, G) from pᵅq¹⁻ᵅ."""
    order = order[..., None]
    high = order >= 0.5
    base, other = jnp.where(high, of.p, of.q), jnp.where(high, of.q, of.p)
    x, e = jnp.where(high, -of.r, of.r), jnp.where(high, of.e_down, of.e_up)
    share = jnp.minimum(order, 1.0 - order)
    z = share * x
    small = of.inside & (jnp.abs(z) <= 1.0)
    z = jnp.where(small, z, 0.0)
    rest = expm1_minus_x_near(z)
    growth = z + rest
    sign = jnp.where(high, 1.0, -1.0)
    first = jnp.where(of.close, sign * base * (e - x * growth), power * of.r + (of.q - of.p))
    risen = jnp.where(small, base * growth, power - base)
    deficit = jnp.where(of.close, base * (share * e - rest), share * (other - base) - risen)
    return first.sum(-1), (power * of.r * of.r).sum(-1), deficit.sum(-1)


def chernoff(a: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array]:
    """(max over α of -log Σ pᵅq¹⁻ᵅ, that α)"""
    rows = statistics(a, b, temperature)
    p, q, r = normalise(a, b, temperature, rows)
    both = sides(p, q, r)
    still = logs(*lax.stop_gradient((a, b)), rows, lax.stop_gradient(temperature))
    log_p, log_q = jnp.log(rows.norm_p[..., 0]), jnp.log(rows.norm_q[..., 0])

    def heights(order: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        # A number of the sign of F', its derivative where it is zero, and -log F.
        log_sum, tilted = tilt(order[..., None], still)
        log_sum -= order * log_p + (1.0 - order) * log_q
        near = log_sum > -0.5
        power = tilted * jnp.exp(log_sum)[..., None]
        first, second, deficit = power_sums(order, both, moving_with(power, order[..., None], p, q, r))
        # The terms of F' are of the size of p and q; where F is small, the mean of r in the tilted row has the digits.
        tilted = moving_tilted(tilted, order[..., None], p, q, r)
        mean = (tilted * both.r).sum(-1)
        spread = (tilted * jnp.square(both.r - mean[..., None])).sum(-1)
        value = jnp.where(near, -log1p(jnp.where(near, -deficit, 0.0)), -log_sum)
        return jnp.where(near, first, mean), jnp.where(near, second, spread), jnp.maximum(value, 0.0)

    zero = jnp.zeros_like(p[..., 0])
    order, (value,) = bracketed_root_with_more(heights, zero, zero + 1.0)
    return _moving(value, order, a, b, temperature, rows), order


def _still(
    value: jax.Array, order: jax.Array, a: jax.Array, b: jax.Array, temperature: Temperature, rows: Statistics
) -> jax.Array:
    """``value`` = (1 - α) R_α, with the derivative of that where it is stationary in α."""
    return value


_moving = jax.custom_jvp(_still)


def _moving_jvp(primals, tangents):
    # The slope in α is zero; left out, it cannot bring in the second derivative of the optimal order.
    _, order, a, b, temperature, rows = primals
    value, rest = _moving(*primals), 1.0 - order
    given = alpha(order[..., None]), a, b, temperature
    slope = tangent_by_slopes(RENYI, given, (None, *tangents[2:5]), value / rest, rows)
    return value, jnp.zeros_like(value) + rest * slope


_moving.defjvp(_moving_jvp, symbolic_zeros=True)
