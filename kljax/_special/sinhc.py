"""S(x) = log(sinh(x)/x), its derivatives and its Bregman divergence, accurate near zero and at any size.

S is even and convex. With z = x², P(z) = (sinh x - x)/x³ and Q(z) = (x cosh x - sinh x)/x³, sums of positive terms,
S = log(1 + zP), S' = xQ/(1 + zP) and S″ = P(2 + zP)/(1 + zP)²; far from zero the exponentials are set apart.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import divide, expm1, horner, log1p
from kljax._special.ratios import gap_less_log
from kljax._special.scalar_bregman import Convex, bregman

_SINH = [1.0 / math.factorial(2 * k + 3) for k in range(11)]
_COSH = [2.0 * (k + 1) / math.factorial(2 * k + 3) for k in range(11)]
_NEAR = 1.5


def _parts(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(near zero, x there and else 0, |x| elsewhere and else 2)"""
    near = jnp.abs(x) <= _NEAR
    return near, jnp.where(near, x, 0.0), jnp.where(near, 2.0, jnp.abs(x))


@jax.custom_jvp
def log_sinhc(x: jax.Array) -> jax.Array:
    """S(x) = log(sinh(x)/x) ≥ 0"""
    near, v, size = _parts(x)
    far = size - jnp.log(2.0 * size) + log1p(-jnp.exp(-2.0 * size))
    return jnp.where(near, log1p(v * v * horner(_SINH, v * v)), far)


@log_sinhc.defjvp
def _log_sinhc_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return log_sinhc(x), sinhc_slope(x) * dx


@jax.custom_jvp
def sinhc_slope(x: jax.Array) -> jax.Array:
    """S'(x) = coth x - 1/x, between -1 and 1 (Langevin's function)."""
    near, v, size = _parts(x)
    z = v * v
    far = 1.0 + _beyond(size) - 1.0 / size
    return jnp.where(near, v * horner(_COSH, z) / (1.0 + z * horner(_SINH, z)), jnp.where(x > 0.0, far, -far))


@sinhc_slope.defjvp
def _sinhc_slope_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return sinhc_slope(x), sinhc_curvature(x) * dx


def sinhc_curvature(x: jax.Array) -> jax.Array:
    """S″(x) = 1/x² - 1/sinh²x > 0"""
    near, v, size = _parts(x)
    z = v * v
    tail = horner(_SINH, z)
    far = divide(1.0 / size, size) - 4.0 * jnp.exp(-2.0 * size) / jnp.square(expm1(-2.0 * size))
    return jnp.where(near, tail * (2.0 + z * tail) / jnp.square(1.0 + z * tail), far)


def _beyond(size: jax.Array) -> jax.Array:
    """coth x - 1 = 2/(exp(2x) - 1)"""
    return -2.0 * jnp.exp(-2.0 * size) / expm1(-2.0 * size)


def _legendre(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Nodes and weights of the Gauss-Legendre rule on [0, 1]."""
    # S″ is analytic within π of the real axis: on segments of length 1.5 the error falls like 8.5 to the power -2n.
    nodes, weights = np.polynomial.legendre.leggauss(10 if x.dtype == jnp.float64 else 6)
    return jnp.asarray(0.5 * nodes + 0.5, x.dtype), jnp.asarray(0.5 * weights, x.dtype)


def _curvatures(x: jax.Array, d: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(nodes t, weight times S″(x + t d)), along a new last axis."""
    t, weight = _legendre(x)
    t = jnp.broadcast_to(t, (*x.shape, *t.shape))
    return t, sinhc_curvature(x[..., None] + t * d[..., None]) * jnp.broadcast_to(weight, t.shape)


def _bregman_value(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """S(y) - S(x) - S'(x) d"""
    close = jnp.abs(d) <= _NEAR
    v = jnp.where(close, d, 0.0)
    t, curvatures = _curvatures(x, v)
    remainder = v * v * jnp.sum((1.0 - t) * curvatures, -1)
    # On one side of zero and away from it, S(x) = |x| - log 2|x| + log(1 - exp(-2|x|)), the first term linear.
    apart = ~close & (x * y > 0.0) & (jnp.minimum(jnp.abs(x), jnp.abs(y)) > 1.0)
    size_y, size_x = (jnp.where(apart, jnp.abs(one), one_is) for one, one_is in ((y, 2.0), (x, 4.0)))
    growth = jnp.where(apart, divide(d, jnp.where(apart, x, 1.0)), -0.5)  # of |x|; far out it may be small
    exponentials = log1p(-jnp.exp(-2.0 * size_y)) - log1p(-jnp.exp(-2.0 * size_x))
    same = gap_less_log(growth, jnp.log(size_y / size_x)) + exponentials - _beyond(size_x) * (size_y - size_x)
    # Else S(y) + [xS'(x) - S(x)] - S'(x)y, where the bracket is at least 0 and nothing large cancels.
    other = log_sinhc(y) + _bracket(x) - sinhc_slope(x) * y
    return jnp.where(close, remainder, jnp.where(apart, same, other))


def _bracket(x: jax.Array) -> jax.Array:
    """xS'(x) - S(x) ≥ 0, the Bregman divergence from x to 0."""
    near, v, size = _parts(x)
    t, curvatures = _curvatures(v, -v)
    far = (jnp.log(2.0 * size) - 1.0) + size * _beyond(size) - log1p(-jnp.exp(-2.0 * size))
    return jnp.where(near, v * v * jnp.sum((1.0 - t) * curvatures, -1), far)


def _gap_value(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """S'(y) - S'(x)"""
    close = jnp.abs(d) <= _NEAR
    v = jnp.where(close, d, 0.0)
    _, curvatures = _curvatures(x, v)
    apart = ~close & (x * y > 0.0) & (jnp.minimum(jnp.abs(x), jnp.abs(y)) > 1.0)
    safe_y, safe_x = (jnp.where(apart, one, one_is) for one, one_is in ((y, 2.0), (x, 4.0)))
    beyond = _beyond(jnp.abs(safe_y)) - _beyond(jnp.abs(safe_x))
    same = (safe_y - safe_x) / safe_x / safe_y + jnp.where(safe_y > 0.0, beyond, -beyond)
    far = jnp.where(apart, same, sinhc_slope(y) - sinhc_slope(x))
    return jnp.where(close, v * jnp.sum(curvatures, -1), far)


_LOG_SINHC = Convex(_bregman_value, _gap_value, lambda x, v: sinhc_curvature(x) * v)


def bregman_log_sinhc(y: jax.Array, x: jax.Array, d: jax.Array | None = None) -> jax.Array:
    """S(y) - S(x) - S'(x)(y - x) ≥ 0; ``d`` is y - x where known better than by subtraction."""
    return bregman(_LOG_SINHC, y, x, d)
