"""The mixture m = w u + 1 - w in r = log u, divided by M = max(1, u); w is the weight of p, and ``rest`` is 1 - w.

Both weights are passed on, because exchanging p and q exchanges them, and 1 - (1 - w) has lost a small w.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special.elementwise import atanh_tail, divide, expm1, tiny
from kljax._special.log1p_quotients import log1p_excess_ratio, log1p_excess_ratio_near, log1p_ratio_near
from kljax.generators._forms_in_log_ratio import Scalar, above, below


def mixture(r: jax.Array, weight: Scalar, rest: Scalar) -> tuple[jax.Array, jax.Array]:
    """(m/M, (u - 1)/M)"""
    down, up = below(r), above(r)
    m = weight * jnp.exp(down) + rest * jnp.exp(-up)
    return m, jnp.where(r <= 0.0, expm1(down), -expm1(-up))


def excess(r: jax.Array, weight: Scalar, rest: Scalar) -> jax.Array:
    """(u - 1)/m; (u - m)/m is ``rest`` times it."""
    m, gap = mixture(r, weight, rest)
    return divide(gap, jnp.maximum(m, tiny(r)))


def log_p_over_mixture(r: jax.Array, weight: Scalar, rest: Scalar) -> jax.Array:
    """log(u/m) = -log(w + (1 - w) e⁻ʳ), by the series of log1p where u is near m."""
    near, drop, _ = _drop(r, rest)
    s = drop / (2.0 + drop)
    return jnp.where(near, -2.0 * (s + s * s * s * atanh_tail(s * s)), _log_over_mixture_far(r, weight, rest))


def log_p_over_mixture_by_rest(r: jax.Array, weight: Scalar, rest: Scalar) -> jax.Array:
    """log(u/m)/(1 - w), which is 1 - 1/u at w = 1."""
    near, drop, fall = _drop(r, rest)
    apart = _log_over_mixture_far(r, weight, rest) / jnp.where(near, 1.0, rest)
    return jnp.where(near, -fall * log1p_ratio_near(drop), apart)


def _drop(r: jax.Array, rest: Scalar) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(whether m/u is within a half of 1, then m/u - 1 and 1/u - 1)"""
    fall = expm1(-jnp.maximum(r, -_limit(r)))
    near = jnp.abs(rest * fall) <= 0.5
    return near, jnp.where(near, rest * fall, 0.0), fall


def _limit(r: jax.Array) -> float:
    """How far r may go for eʳ and e⁻ʳ to be normal numbers."""
    return 87.0 if r.dtype == jnp.float32 else 708.0


def _log_over_mixture_far(r: jax.Array, weight: Scalar, rest: Scalar) -> jax.Array:
    """log(u/m) where u is not near m, so that the logarithm is not near zero."""
    limit = _limit(r)
    inside = jnp.clip(r, -limit, limit)
    # Beyond the limits one of the two terms is missing, if not by its weight.
    alone = (r < -limit) | (jnp.asarray(weight, r.dtype) == 0.0)
    return jnp.where(alone, r - inside, 0.0) - jnp.log(jnp.maximum(weight + rest * jnp.exp(-inside), tiny(r)))


def scaled_js_drift(r: jax.Array, weight: Scalar, rest: Scalar) -> jax.Array:
    """The derivative in w of [w K(u, m) + (1 - w) K(1, m)]/(w (1 - w)), over M."""
    # That of K(u, m)/(1 - w) is -(u - 1)²/m · (1 - κ), κ = k(t)/t² at t = (u - m)/m; for K(1, m)/w likewise.
    _, gap = mixture(r, weight, rest)
    away = excess(r, weight, rest)
    return gap * away * (log1p_excess_ratio(rest * away) - log1p_excess_ratio(-weight * away))


def kl_to_mixture_by_rest(r: jax.Array, weight: Scalar, rest: Scalar) -> jax.Array:
    """K(u, m)/(M (1 - w)) for K(y, x) = y log(y/x) - y + x."""
    m, gap = mixture(r, weight, rest)
    t = rest * (gap / jnp.maximum(m, tiny(r)))  # (u - m)/m
    # K = m k(t), and m t = (1 - w)(u - 1); far away K = u log(u/m) - (u - m), where no two terms are close.
    near = (t >= -2.0 / 3.0) & (t <= 2.0)
    v = jnp.where(near, t, 0.0)
    apart = jnp.exp(jnp.minimum(r, 0.0)) * _log_over_mixture_far(r, weight, rest) / jnp.where(near, 1.0, rest) - gap
    return jnp.where(near, gap * (v * log1p_excess_ratio_near(v)), apart)
