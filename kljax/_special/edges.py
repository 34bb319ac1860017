"""Where a density or a moment is infinite: powers at their ends, and what overflows."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, log1p, tiny


@jax.custom_jvp
def power_log(c: jax.Array, x: jax.Array) -> jax.Array:
    """c log x, 0 for c = 0 also at x = 0; where it is infinite its derivatives are zero."""
    return jnp.where(c == 0.0, 0.0, c * jnp.log(x))


@power_log.defjvp
def _power_log_jvp(primals, tangents):
    (c, x), (dc, dx) = primals, tangents
    edge = (x == 0.0) & (c != 0.0)
    safe = jnp.where(edge, 1.0, jnp.maximum(x, tiny(x)))
    slopes = jnp.log(safe) * dc + divide(jnp.where(edge, 0.0, c), safe) * dx
    return power_log(c, x), jnp.where(edge, 0.0, slopes)


@jax.custom_jvp
def power_log1m(c: jax.Array, x: jax.Array) -> jax.Array:
    """c log(1 - x), 0 for c = 0 also at x = 1; where it is infinite its derivatives are zero."""
    return jnp.where(c == 0.0, 0.0, c * log1p(-x))


@power_log1m.defjvp
def _power_log1m_jvp(primals, tangents):
    (c, x), (dc, dx) = primals, tangents
    edge = (x == 1.0) & (c != 0.0)
    safe = jnp.minimum(jnp.where(edge, 0.0, x), 1.0 - float(jnp.finfo(x.dtype).epsneg))
    slopes = log1p(-safe) * dc - divide(jnp.where(edge, 0.0, c), 1.0 - safe) * dx
    return power_log1m(c, x), jnp.where(edge, 0.0, slopes)


def at_end(there: jax.Array, power: jax.Array, value: jax.Array) -> jax.Array:
    """The value, but where something raised to this power vanishes the limit of its logarithm."""
    return jnp.where(there & (power < 0.0), jnp.inf, jnp.where(there & (power > 0.0), -jnp.inf, value))


@jax.custom_jvp
def growing(value: jax.Array, log: jax.Array) -> jax.Array:
    """A positive value, whose derivatives are its own times those of its logarithm, and zero where it is infinite."""
    return value


@growing.defjvp
def _growing_jvp(primals, tangents):
    (value, log), (_, dlog) = primals, tangents
    dead = jnp.isinf(value)
    return growing(value, log), jnp.where(dead, 0.0, growing(jnp.where(dead, 0.0, value), log) * dlog)


@jax.custom_jvp
def half_square(z: jax.Array) -> jax.Array:
    """½z², whose derivative is zero where it is infinite."""
    return 0.5 * jnp.square(z)


@half_square.defjvp
def _half_square_jvp(primals, tangents):
    (z,), (dz,) = primals, tangents
    value = half_square(z)
    return value, jnp.where(jnp.isinf(value), 0.0, z) * dz


@jax.custom_jvp
def square_root(x: jax.Array) -> jax.Array:
    """√x for x ≥ 0, with the slope 0 at 0 and at ∞: the distance whose square is x, at its kink the subgradient 0."""
    return jnp.sqrt(x)


@square_root.defjvp
def _square_root_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    inside = (x > 0.0) & (x < jnp.inf)
    return square_root(x), jnp.where(inside, _half_over_root(jnp.where(inside, x, 1.0)), 0.0) * dx


@jax.custom_jvp
def _half_over_root(x: jax.Array) -> jax.Array:
    """½x^(-½), whose derivative -¼x^(-3/2) overflows while x is still a number, and times a zero tangent would be NaN.

    Below the square root of the smallest normal number, less than any divergence of rows that differ by a rounding, it
    is taken to be 0.
    """
    return 0.5 / jnp.sqrt(x)


@_half_over_root.defjvp
def _half_over_root_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    bends = x > tiny(x) ** 0.5
    safe = jnp.where(bends, x, 1.0)
    return _half_over_root(x), jnp.where(bends, -0.5 * _half_over_root(safe) / safe, 0.0) * dx
