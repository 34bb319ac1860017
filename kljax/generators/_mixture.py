"""The mixture m = w u + 1 - w in r = log u, divided by M = max(1, u); w is the weight of p."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special import expm1, log1p
from kljax.generators._record import Scalar


def mixture(r: jax.Array, weight: Scalar) -> tuple[jax.Array, jax.Array]:
    """(m/M, (u - 1)/M)"""
    m = weight * jnp.exp(jnp.minimum(r, 0.0)) + (1.0 - weight) * jnp.exp(-jnp.maximum(r, 0.0))
    return m, -jnp.sign(r) * expm1(-jnp.abs(r))


def log_p_over_mixture(r: jax.Array, weight: Scalar) -> jax.Array:
    """log(u/m) = -log(w + (1 - w) e⁻ʳ), each branch where it neither cancels nor overflows."""
    rest = 1.0 - weight
    # 1 + (1 - w)(e⁻ʳ - 1) serves unless it is small (u large) or overflows (u tiny, where m = 1 - w).
    drop = rest * expm1(-jnp.clip(r, -60.0, None))
    near = -log1p(jnp.maximum(drop, -0.5))
    up = jnp.clip(r, 0.0, 88.0 if r.dtype == jnp.float32 else 709.0)
    growth = weight * expm1(up)
    small = growth < 1.0
    deep = jnp.where(
        small,
        jnp.maximum(r, 0.0) - log1p(jnp.where(small, growth, 0.0)),
        -jnp.log(jnp.where(small, 1.0, weight + rest * jnp.exp(-up))),
    )
    usable = jnp.asarray(rest, r.dtype) > 0.0
    below = jnp.where(usable, jnp.minimum(r, -60.0) - jnp.log(jnp.where(usable, rest, 1.0)), 0.0)
    return jnp.where(r < -60.0, below, jnp.where(drop > -0.5, near, deep))
