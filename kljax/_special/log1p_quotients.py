"""log(1 + t) over its argument, and Rényi's logarithm log(1 + βa)/β, which is a at β = 0.

    s = t/(2 + t),   W(z) = Σ zᵏ/(2k + 3)                                     so that log(1 + t) = 2s + 2s³W(s²)
    ℓ(t) = log(1 + t)/t = (2 + 2s²W)/(2 + t),                                 ℓ' = -κ/(1 + t)
    κ(t) = [(1 + t) log(1 + t) - t]/t² = (1 + s(1 + s)W)/(2 + t)
    L(β, a) = log(1 + βa)/β = a ℓ(βa),           ∂L/∂a = 1/(1 + βa),          ∂L/∂β = -a²κ(βa)/(1 + βa)

The series serve -2/3 ≤ t ≤ 2; beyond, nothing cancels. With a = αA, A the α-divergence and β = α - 1, L is Rényi's
divergence of order α, for Σ pᵅq¹⁻ᵅ = 1 + α(α - 1)A.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special.elementwise import atanh_tail, divide
from kljax._special.safe import saturated


def log1p_ratio_near(t: jax.Array) -> jax.Array:
    """ℓ(t) for -2/3 ≤ t ≤ 2."""
    s = t / (2.0 + t)
    return (2.0 + 2.0 * s * s * atanh_tail(s * s)) / (2.0 + t)


@jax.custom_jvp
def log1p_ratio(t: jax.Array) -> jax.Array:
    """ℓ(t) = log(1 + t)/t for t ≥ -1, which is 1 at 0."""
    near = (t >= -2.0 / 3.0) & (t <= 2.0)
    far = jnp.where(near, 3.0, t)
    return jnp.where(near, log1p_ratio_near(jnp.where(near, t, 0.0)), jnp.log1p(far) / far)


@log1p_ratio.defjvp
def _log1p_ratio_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    edge = (t <= -1.0) | (t == jnp.inf)
    safe = jnp.where(edge, 0.0, t)
    slope = divide(log1p_excess_ratio(safe), 1.0 + safe)
    return log1p_ratio(t), jnp.where(edge, 0.0, -slope) * dt


def log1p_excess_ratio_near(t: jax.Array) -> jax.Array:
    """κ(t) for -2/3 ≤ t ≤ 2."""
    s = t / (2.0 + t)
    return (1.0 + s * (1.0 + s) * atanh_tail(s * s)) / (2.0 + t)


def log1p_excess_ratio(t: jax.Array) -> jax.Array:
    """κ(t) = [(1 + t) log(1 + t) - t]/t², which is 1/2 at 0."""
    near = (t >= -2.0 / 3.0) & (t <= 2.0)
    empty = t == -1.0
    far = jnp.where(near | empty, 3.0, t)
    direct = jnp.where(empty, 1.0, (jnp.log1p(far) * (1.0 + 1.0 / far) - 1.0) / far)
    return jnp.where(near, log1p_excess_ratio_near(jnp.where(near, t, 0.0)), direct)


@jax.custom_jvp
def log1p_over(beta: jax.Array | float, a: jax.Array) -> jax.Array:
    """L(β, a) = log(1 + βa)/β for βa > -1, which is a at β = 0."""
    return a * log1p_ratio(beta * a)


@log1p_over.defjvp
def _log1p_over_jvp(primals, tangents):
    (beta, a), (d_beta, da) = primals, tangents
    t = beta * a
    in_beta = saturated(a * log1p_excess_ratio(t) * divide(a, 1.0 + t))
    return log1p_over(beta, a), divide(da, 1.0 + t) - in_beta * d_beta


def log_over(beta: jax.Array | float, a: jax.Array, log: jax.Array) -> jax.Array:
    """L(β, a) from a where |βa| < ½, elsewhere, and where a is infinite, from ``log`` = log(1 + βa)."""
    known, plain = jnp.isfinite(a), beta == 0.0
    near = known & (jnp.abs(beta * jnp.where(known, a, 0.0)) < 0.5)
    far = jnp.where(plain, a, log / jnp.where(plain, 1.0, beta))
    return jnp.where(near, log1p_over(beta, jnp.where(near, a, 0.0)), far)
