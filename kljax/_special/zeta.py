"""Riemann's and Hurwitz's zeta functions, and the Bregman divergence of log ζ."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import log1p
from kljax._special.scalar_bregman import Convex, bregman

_FIRST = 12  # terms of a sum before the Euler–Maclaurin formula takes over
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


def zeta(s: jax.Array, q: jax.Array) -> jax.Array:
    """ζ(s, q) = Σ (q + n)⁻ˢ over n ≥ 0, for s > 1 and q ≥ 1, by the Euler–Maclaurin formula."""
    s, q = jnp.broadcast_arrays(s, q)
    n = jnp.arange(_FIRST, dtype=s.dtype).reshape(*[1] * s.ndim, -1)
    first = jnp.exp(-s[..., None] * jnp.log(q[..., None] + n)).sum(-1)
    return first + _remainder(s, q + float(_FIRST))


def _remainder(s: jax.Array, a: jax.Array) -> jax.Array:
    """Σ (a + n)⁻ˢ = a⁻ˢ[a/(s - 1) + ½ + Σ B₂ⱼ/(2j)! s(s + 1)…(s + 2j - 2) a^(1 - 2j)] for a ≥ 12."""
    total, rising = a / (s - 1.0) + 0.5, s / a
    for j, number in enumerate(_BERNOULLI, 1):
        total += number / math.factorial(2 * j) * rising
        rising = rising * ((s + (2.0 * j - 1.0)) / a) * ((s + 2.0 * j) / a)
    # Of large s all of it is nothing beside the first terms, and the series no longer converges.
    return jnp.where(s < 60.0, jnp.exp(-s * jnp.log(a)) * jnp.where(s < 60.0, total, 1.0), 0.0)


def zeta_less_one(s: jax.Array) -> jax.Array:
    """ζ(s) - 1"""
    return zeta(s, jnp.full_like(s, 2.0))


def log_zeta(s: jax.Array) -> jax.Array:
    """log ζ(s) for s > 1"""
    return log1p(zeta_less_one(s))


def _slope(s: jax.Array) -> jax.Array:
    """(log ζ)'(s), minus the mean of log k."""
    return jax.jvp(log_zeta, (s,), (jnp.ones_like(s),))[1]


def _curvature(s: jax.Array) -> jax.Array:
    """(log ζ)″(s), the variance of log k."""
    return jax.jvp(_slope, (s,), (jnp.ones_like(s),))[1]


def _near(y: jax.Array, x: jax.Array, d: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """(near, the step there and else 0, t, Gauss's weights times (log ζ)″(x + t step)), the last two on a new axis."""
    near = jnp.abs(d) <= 0.5 * (jnp.minimum(x, y) - 1.0)
    step = jnp.where(near, d, 0.0)
    ticks, weights = np.polynomial.legendre.leggauss(10 if x.dtype == jnp.float64 else 6)
    t, each = (jnp.asarray(one, x.dtype).reshape(*[1] * x.ndim, -1) for one in (0.5 + 0.5 * ticks, 0.5 * weights))
    return near, step, t, each * _curvature(x[..., None] + t * step[..., None])


def _bregman_value(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    near, step, t, curvatures = _near(y, x, d)
    close = step * step * ((1.0 - t) * curvatures).sum(-1)
    return jnp.where(near, close, log_zeta(y) - log_zeta(x) - _slope(x) * d)


def _gap_value(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    near, step, _, curvatures = _near(y, x, d)
    return jnp.where(near, step * curvatures.sum(-1), _slope(y) - _slope(x))


_LOG_ZETA = Convex(_bregman_value, _gap_value, lambda s, v: _curvature(s) * v)


def bregman_log_zeta(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """log ζ(y) - log ζ(x) - (log ζ)'(x) d, d = y - x: near each other d²∫(1 - t)(log ζ)″(x + td)dt, by Gauss's rule."""
    return bregman(_LOG_ZETA, *jnp.broadcast_arrays(y, x, d))
