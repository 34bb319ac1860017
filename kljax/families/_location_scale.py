"""What the families of a location and a scale have in common."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, log1p


def standardised(x: jax.Array, at: Any) -> tuple[jax.Array, jax.Array]:
    """Whether x or z = (x - μ)/σ is infinite, and z where it is not, else 0."""
    far = jnp.isinf(x) | jnp.isinf(jax.lax.stop_gradient((x - at.loc) / at.scale))
    return far, divide(jnp.where(far, 0.0, x - jnp.where(far, 0.0, at.loc)), at.scale)


@jax.custom_jvp
def log1p_square(z: jax.Array) -> jax.Array:
    """log(1 + z²), also where z² is beyond the largest number."""
    size = jnp.abs(z)
    far = size > 1.0
    large, small = jnp.where(far, size, 1.0), jnp.where(far, 0.0, size)
    inverse = 1.0 / large
    return jnp.where(far, 2.0 * jnp.log(large) + log1p(inverse * inverse), log1p(small * small))


@log1p_square.defjvp
def _log1p_square_jvp(primals, tangents):
    # 2z/(1 + z²) = 2/(z + 1/z)
    (z,), (dz,) = primals, tangents
    far = jnp.abs(z) > 1.0
    large, small = jnp.where(far, z, 1.0), jnp.where(far, 0.0, z)
    slope = jnp.where(far, 2.0 / (large + 1.0 / large), 2.0 * small / (1.0 + small * small))
    return log1p_square(z), slope * dz
