"""Hyperbolic functions of the log-ratio that keep their digits, each with its derivative."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, expm1, expm1_minus_x


@jax.custom_jvp
def exp_decay_excess(t: jax.Array) -> jax.Array:
    """g(t) = 1 - (1 + t) e⁻ᵗ for t ≥ 0, with g(∞) = 1; g'(t) = t e⁻ᵗ."""
    near = t <= 2.0
    v = jnp.where(near, t, 0.0)
    far = jnp.where(near, 2.0, jnp.minimum(t, 1e4))
    return jnp.where(near, jnp.exp(-v) * expm1_minus_x(v), 1.0 - (1.0 + far) * jnp.exp(-far))


@exp_decay_excess.defjvp
def _exp_decay_excess_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    v = jnp.minimum(t, 1e4)
    return exp_decay_excess(t), v * jnp.exp(-v) * dt


@jax.custom_jvp
def log_cosh(x: jax.Array) -> jax.Array:
    """log cosh x ≥ 0; its derivative is tanh x."""
    size = jnp.abs(x)
    near = size <= 1.0
    v = jnp.where(near, size, 0.0)
    sinh = 0.5 * (expm1(v) - expm1(-v))
    return jnp.where(near, 0.5 * jnp.log1p(sinh * sinh), size + jnp.log1p(jnp.exp(-2.0 * size)) - math.log(2.0))


@log_cosh.defjvp
def _log_cosh_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return log_cosh(x), tanh(x) * dx


@jax.custom_jvp
def tanh(x: jax.Array) -> jax.Array:
    """tanh x to a few ulp, also near zero where XLA's float32 tanh loses 4."""
    m = expm1(-2.0 * jnp.abs(x))
    return jnp.where(x > 0.0, -m, m) / (2.0 + m)


@tanh.defjvp
def _tanh_jvp(primals, tangents):
    # 1/cosh² = 4e/(1 + e)², e = exp(-2|x|), where 1 - tanh² would cancel
    (x,), (dx,) = primals, tangents
    e = jnp.exp(jnp.where(x > 0.0, -2.0 * x, 2.0 * x))  # not of |x|, whose derivative at 0 is 0
    return tanh(x), divide(4.0 * e, (1.0 + e) * (1.0 + e)) * dx
