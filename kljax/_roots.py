"""The root that makes a distance of a divergence."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special import divide


@jax.custom_jvp
def root(x: jax.Array) -> jax.Array:
    """√x for x ≥ 0, with the slope 0 at 0 and at ∞: the distance whose square is x, at its kink the subgradient 0."""
    return jnp.sqrt(x)


@root.defjvp
def _root_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    inside = (x > 0.0) & (x < jnp.inf)
    return root(x), jnp.where(inside, divide(0.5 * dx, root(jnp.where(inside, x, 1.0))), 0.0)
