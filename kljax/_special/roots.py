"""The root that makes a distance of a divergence.

    d√x = ½ x^{-½} dx,   d²√x = -¼ x^{-3/2} dx²

The second overflows while x is still a number, which times a tangent of zero would be NaN. Below the square root of the
smallest normal number, less than any divergence of rows that differ by a rounding, it is taken to be 0.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp


@jax.custom_jvp
def root(x: jax.Array) -> jax.Array:
    """√x for x ≥ 0, with the slope 0 at 0 and at ∞: the distance whose square is x, at its kink the subgradient 0."""
    return jnp.sqrt(x)


@root.defjvp
def _root_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    inside = (x > 0.0) & (x < jnp.inf)
    return root(x), jnp.where(inside, _slope(jnp.where(inside, x, 1.0)), 0.0) * dx


@jax.custom_jvp
def _slope(x: jax.Array) -> jax.Array:
    return 0.5 / jnp.sqrt(x)


@_slope.defjvp
def _slope_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    bends = x > float(jnp.finfo(x.dtype).tiny) ** 0.5
    safe = jnp.where(bends, x, 1.0)
    return _slope(x), jnp.where(bends, -0.5 * _slope(safe) / safe, 0.0) * dx
