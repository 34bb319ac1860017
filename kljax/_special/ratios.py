"""Functions of products and quotients near one."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special.elementwise import (
    along_ratio,
    atanh_tail,
    divide,
    gap_over,
    log1p,
    log_apart,
    quotient_apart,
    symmetric_ratio,
    two_product,
    x_minus_log1p,
)
from kljax._special.loops import in_one_loop


@jax.custom_jvp
def divide_twice(y: jax.Array, x: jax.Array) -> jax.Array:
    """y/x/x, which the compiler would else make y/x²: that overflows before the result does."""
    # It does so through an optimization_barrier, too, where that is taken out first. What is selected it leaves.
    return jnp.where(jnp.isnan(x), x, y / x) / x


@divide_twice.defjvp
def _divide_twice_jvp(primals, tangents):
    (y, x), (dy, dx) = primals, tangents
    ratio = divide_twice(y, x)
    dead = jnp.isinf(ratio)
    safe = jnp.where(dead, 1.0, x)
    return ratio, jnp.where(dead, 0.0, divide_twice(dy, safe) - divide(2.0 * jnp.where(dead, 0.0, ratio) * dx, safe))


def log_of_gap(t: jax.Array, log: jax.Array) -> jax.Array:
    """log(1 + t) from t where |t| ≤ ½, else ``log``, the same from what has the digits of 1 + t."""
    near = jnp.abs(t) <= 0.5
    return jnp.where(near, log1p(jnp.where(near, t, 0.0)), log)


def gap_less_log(t: jax.Array, log: jax.Array) -> jax.Array:
    """h(t) = t - log(1 + t) ≥ 0 from t where t > -½, else with ``log``: far below, little of 1 + t is left in t."""
    near = t > -0.5
    return jnp.where(near, x_minus_log1p(jnp.where(near, t, 0.0)), t - log)


@jax.custom_jvp
def product_ratio_gap(a: jax.Array, b: jax.Array, c: jax.Array, d: jax.Array) -> jax.Array:
    """a b/(c d) - 1 for positive numbers, accurate where it is small."""
    # With the quotients rounded to ratios of order one, no product over- or underflows before the result does.
    ab, ab_rest = two_product(a, b)
    cd, cd_rest = two_product(c, d)
    near = jnp.abs(ab - cd) < 0.5 * cd
    ordinary = (ab > _small(a)) & (cd > _small(a)) & (ab < _large(a)) & (cd < _large(a)) & near
    # A factor of that size cannot be split.
    ordinary &= jnp.isfinite(ab_rest) & jnp.isfinite(cd_rest)
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


@jax.custom_jvp
def _square_gap(y: jax.Array, x: jax.Array) -> jax.Array:
    """(y/x)² - 1"""
    gap = gap_over(y, x)
    return gap * (2.0 + gap)


@_square_gap.defjvp
def _square_gap_jvp(primals, tangents):
    (y, x), (dy, dx) = primals, tangents
    ratio = in_one_loop(divide(y, x))
    return _square_gap(y, x), 2.0 * ratio * divide(dy - ratio * dx, x)


@jax.custom_jvp
def spread_term(y: jax.Array, x: jax.Array) -> jax.Array:
    """½(y/x)² - ½ - log(y/x) = H(y, x) + ½(y/x - 1)² ≥ 0, of two standard deviations; its edges are those of H."""
    near, s = symmetric_ratio(y, x)
    # With ρ = y/x - 1 = 2s/(1 - s): ρ - 2s + ½ρ² = 2s²[1/(1 - s) + 1/(1 - s)²].
    over = in_one_loop(1.0 / (1.0 - s))
    series = 2.0 * s * s * (over * (1.0 + over) - s * atanh_tail(s * s))
    ratio = quotient_apart(near, y, x)
    direct = (ratio - 1.0) * (0.5 + 0.5 * ratio) - log_apart(y, x, ratio, bounded=True)
    return jnp.where(near, series, direct)


@spread_term.defjvp
def _spread_term_jvp(primals, tangents):
    # ∂y = ((y/x)² - 1)/y, ∂x = -((y/x)² - 1)/x
    return spread_term(*primals), along_ratio(_square_gap, primals, tangents)
