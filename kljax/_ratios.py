"""Products and quotients near one, from error-free products."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special import divide, two_product


@jax.custom_jvp
def product_ratio_gap(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> jax.Array:
    """a b/(c d) - 1 for positive numbers, accurate where it is small."""
    # With the quotients rounded to ratios of order one, no product over- or underflows before the result does.
    ab, ab_rest = two_product(a, b)
    cd, cd_rest = two_product(c, d)
    near = jnp.abs(ab - cd) < 0.5 * cd
    ordinary = (ab > _small(a)) & (cd > _small(a)) & (ab < _large(a)) & (cd < _large(a)) & near
    close = ((ab - cd) + (jnp.where(ordinary, ab_rest, 0.0) - jnp.where(ordinary, cd_rest, 0.0))) / jnp.where(
        ordinary, cd, 1.0
    )
    return jnp.where(ordinary, close, (a / c) * (b / d) - 1.0)


@product_ratio_gap.defjvp
def _product_ratio_gap_jvp(primals, tangents):
    a, b, c, d = primals
    da, db, dc, dd = tangents
    gap = product_ratio_gap(a, b, c, d)
    relative = divide(da, a) + divide(db, b) - divide(dc, c) - divide(dd, d)
    return gap, (1.0 + gap) * relative


def _small(x: jax.Array) -> float:
    return 1e-25 if x.dtype == jnp.float32 else 1e-250


def _large(x: jax.Array) -> float:
    return 1e30 if x.dtype == jnp.float32 else 1e280
