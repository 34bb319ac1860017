"""The mixture m = w u + 1 - w in r = log u, divided by M = max(1, u); w is the weight of p, and ``rest`` is 1 - w.

Both weights are passed on, because exchanging p and q exchanges them, and 1 - (1 - w) has lost a small w.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special import atanh_tail, divide, expm1, log1p, tiny
from kljax.generators._forms import Scalar


def mixture(r: jax.Array, weight: Scalar, rest: Scalar) -> tuple[jax.Array, jax.Array]:
    """(m/M, (u - 1)/M)"""
    m = weight * jnp.exp(jnp.minimum(r, 0.0)) + rest * jnp.exp(-jnp.maximum(r, 0.0))
    return m, -jnp.sign(r) * expm1(-jnp.abs(r))


def excess(r: jax.Array, weight: Scalar, rest: Scalar) -> jax.Array:
    """(u - 1)/m; (u - m)/m is ``rest`` times it."""
    m, gap = mixture(r, weight, rest)
    return gap / jnp.maximum(m, tiny(r))


def log_p_over_mixture(r: jax.Array, weight: Scalar, rest: Scalar) -> jax.Array:
    """log(u/m) = -log(w + (1 - w) e⁻ʳ), each branch where it neither cancels nor overflows."""
    drop, _ = _drop(r, rest)
    near = (drop > -0.5) & (r >= -_limit(r))
    return jnp.where(near, -log1p(jnp.maximum(drop, -0.5)), _log_far(r, weight, rest))


def log_p_over_mixture_by_rest(r: jax.Array, weight: Scalar, rest: Scalar) -> jax.Array:
    """log(u/m)/(1 - w), which is 1 - 1/u at w = 1."""
    drop, fall = _drop(r, rest)
    near = jnp.abs(drop) <= 0.5
    by_ratio = -fall * log1p_ratio(jnp.where(near, drop, 0.0))
    return jnp.where(near, by_ratio, log_p_over_mixture(r, weight, rest) / jnp.where(near, 1.0, rest))


def _drop(r: jax.Array, rest: Scalar) -> tuple[jax.Array, jax.Array]:
    """(m/u - 1, 1/u - 1)"""
    fall = expm1(-jnp.maximum(r, -_limit(r)))
    return rest * fall, fall


def _limit(r: jax.Array) -> float:
    """How far r may go for eʳ and e⁻ʳ to be normal numbers."""
    return 87.0 if r.dtype == jnp.float32 else 708.0


def _log_far(r: jax.Array, weight: Scalar, rest: Scalar) -> jax.Array:
    """log(u/m) for u well above m, or too small for its reciprocal."""
    limit = _limit(r)
    up = jnp.clip(r, 0.0, limit)
    growth = weight * expm1(up)
    small = growth < 1.0
    high = jnp.where(
        small,
        jnp.maximum(r, 0.0) - log1p(jnp.where(small, growth, 0.0)),
        -jnp.log(jnp.where(small, 1.0, weight + rest * jnp.exp(-up))),
    )
    usable = jnp.asarray(rest, r.dtype) > 0.0
    low = jnp.where(usable, jnp.minimum(r, -limit) - jnp.log(jnp.where(usable, rest, 1.0)), 0.0)
    return jnp.where(r < -limit, low, high)


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
    apart = jnp.exp(jnp.minimum(r, 0.0)) * log_p_over_mixture_by_rest(r, weight, rest) - gap
    return jnp.where(near, gap * (v * log1p_excess_ratio(v)), apart)


# --- Atoms: the logarithms over their argument ---------------------------------------------------------------


@jax.custom_jvp
def log1p_ratio(t: jax.Array) -> jax.Array:
    """log(1 + t)/t for t ≥ -1, which is 1 at 0; its derivative is -κ(t)/(1 + t), κ the next function."""
    near = (t >= -2.0 / 3.0) & (t <= 2.0)
    v = jnp.where(near, t, 0.0)
    s = v / (2.0 + v)
    far = jnp.where(near, 1.0, t)
    return jnp.where(near, (2.0 + 2.0 * s * s * atanh_tail(s * s)) / (2.0 + v), jnp.log1p(far) / far)


@log1p_ratio.defjvp
def _log1p_ratio_jvp(primals, tangents):
    (t,), (dt,) = primals, tangents
    edge = (t <= -1.0) | (t == jnp.inf)
    safe = jnp.where(edge, 0.0, t)
    slope = divide(log1p_excess_ratio(safe), 1.0 + safe)
    return log1p_ratio(t), jnp.where(edge, 0.0, -slope) * dt


def log1p_excess_ratio(t: jax.Array) -> jax.Array:
    """k(t)/t² for k(t) = (1 + t) log(1 + t) - t, which is 1/2 at 0."""
    near = (t >= -2.0 / 3.0) & (t <= 2.0)
    v = jnp.where(near, t, 0.0)
    s = v / (2.0 + v)
    far = jnp.where(near, 3.0, t)
    direct = jnp.where(far == -1.0, 1.0, (_log1p_above(far) * (1.0 + 1.0 / far) - 1.0) / far)
    return jnp.where(near, (1.0 + s * (1.0 + s) * atanh_tail(s * s)) / (2.0 + v), direct)


def _log1p_above(t: jax.Array) -> jax.Array:
    """log(1 + t), and 0 at t = -1, where it is to be multiplied by 1 + t."""
    return jnp.log1p(jnp.where(t == -1.0, 0.0, t))
