"""A probability by its logit x = log(p/(1 - p)), and terms of 1 - p from the digits that it loses."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kljax._special.elementwise import (
    atanh_tail,
    divide,
    expm1,
    kl_term,
    log1p,
    log_apart,
    log_ratio,
    quotient_apart,
    relative_gap,
    tiny,
)


@jax.custom_jvp
def sigmoid(x: jax.Array) -> jax.Array:
    """σ(x) = 1/(1 + e⁻ˣ)."""
    e = jnp.exp(-jnp.abs(x))
    return jnp.where(x >= 0.0, 1.0, e) / (1.0 + e)


@sigmoid.defjvp
def _sigmoid_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return sigmoid(x), sigmoid(x) * sigmoid(-x) * dx


@jax.custom_jvp
def softplus(x: jax.Array) -> jax.Array:
    """log(1 + eˣ); its derivative is σ(x)."""
    return jnp.maximum(x, 0.0) + log1p(jnp.exp(-jnp.abs(x)))


@softplus.defjvp
def _softplus_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return softplus(x), sigmoid(x) * dx


def softplus_gap(x: jax.Array, y: jax.Array) -> jax.Array:
    """log(1 + eˣ) - log(1 + eʸ)"""
    near = jnp.abs(x - y) <= 1.0
    small = log1p(sigmoid(y) * expm1(jnp.where(near, x - y, 0.0)))
    return jnp.where(near, small, softplus(x) - softplus(y))


def log_complement(p: jax.Array) -> jax.Array:
    """log(1 - p), from the exact 1 - p where p is large; its derivative is finite at p = 1."""
    return jnp.where(p < 0.5, log1p(-jnp.minimum(p, 0.5)), log_of(1.0 - p))


def log_of(p: jax.Array) -> jax.Array:
    return log_ratio(p, jnp.ones_like(p))


def softplus_over_exp(x: jax.Array) -> jax.Array:
    """log(1 + eˣ)/eˣ, 1 at -∞ and 0 at ∞."""
    low = x < 0.0
    odds = jnp.exp(jnp.where(low, x, 0.0))
    shown = odds >= tiny(odds)
    safe = jnp.where(shown, odds, 1.0)
    above = jnp.where(low, 1.0, x)
    return jnp.where(low, jnp.where(shown, divide(log1p(safe), safe), 1.0), jnp.exp(-above) * softplus(above))


def softplus_over_exp_of(y: jax.Array, x: jax.Array) -> jax.Array:
    """log(1 + eʸ)/eˣ"""
    return jnp.where(y < 0.0, jnp.exp(y - x) * softplus_over_exp(jnp.minimum(y, 0.0)), jnp.exp(-x) * softplus(y))


def log_partition_of_waits(natural: jax.Array) -> jax.Array:
    """-log(1 - e^η) for η < 0."""
    near = natural > -math.log(2.0)
    return -jnp.where(
        near, log_of(-expm1(jnp.where(near, natural, -1.0))), log1p(-jnp.exp(jnp.where(near, -1.0, natural)))
    )


def log_probability(k: jax.Array, total: jax.Array | float, chance: jax.Array, log_chance: jax.Array) -> jax.Array:
    """-K(k, nπ) = k log(nπ/k) + k - nπ, n the total and π the chance, of k ≥ 0 counts."""
    # Where π underflows there is its logarithm.
    inside = (chance >= tiny(chance)) | (log_chance == -jnp.inf) | (k == 0.0)
    expected = total * jnp.where(inside, chance, 1.0)
    low = jnp.where(inside, 1.0, k)
    beyond = low * (jnp.where(inside, 0.0, log_chance) + jnp.log(total / low)) + low
    return jnp.where(inside, -kl_term(jnp.where(inside, k, 1.0), expected), beyond)


@jax.custom_jvp
def complement_term(p: jax.Array, q: jax.Array) -> jax.Array:
    """K(1 - p, 1 - q), from the difference q - p, which has the digits that 1 - p loses."""
    gap, y, x = q - p, 1.0 - p, 1.0 - q
    total = y + x
    s = gap / jnp.where(total > 0.0, total, 1.0)
    near = (jnp.abs(s) <= 0.5) & (total >= 0.0)
    s = jnp.where(near, s, 0.0)
    series = jnp.where(near, gap, 0.0) * s * (1.0 + s * (1.0 + s) * atanh_tail(s * s))
    direct = y * log_apart(y, x, quotient_apart(near | (y == 0.0), y, x)) - gap
    return jnp.where(near, series, direct)


@complement_term.defjvp
def _complement_term_jvp(primals, tangents):
    # ∂p = -log((1 - p)/(1 - q)), ∂q = (q - p)/(1 - q); zero where q misses what p has, as in kl_term
    (p, q), (dp, dq) = primals, tangents
    dead = q == 1.0
    safe = jnp.where(dead, 0.0, q)
    t = relative_gap(1.0 - p, 1.0 - safe, safe - p)
    near = jnp.abs(t) <= 0.5
    apart = log_ratio(jnp.where(near, 1.0, jnp.maximum(1.0 - p, tiny(p))), jnp.where(near, 1.0, 1.0 - safe))
    log = jnp.where(near, log1p(jnp.where(near, t, 0.0)), apart)
    return complement_term(p, q), jnp.where(dead, 0.0, t * dq - log * dp)
