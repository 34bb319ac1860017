"""Closed forms of KL(p‖q) for q on an interval, beta, continuous Bernoulli or uniform, and p of another family."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, log1p, log_ratio, tiny
from kljax._special.sinhc import log_sinhc
from kljax.divergences._forms.cross_moments import beta_uniformity, logits_uniformity, uniform_log_gap
from kljax.divergences._forms.interval import kl_of_dirichlets
from kljax.families import Beta, ContinuousBernoulli, Uniform
from kljax.families._internal import log_norm


def kl_beta_uniform(p: Beta, q: Uniform) -> jax.Array:
    """KL(p‖Uniform(0, 1)) + log(h - l) where [l, h] covers [0, 1], else ∞."""
    a, b = p.concentration1, p.concentration0
    return _against_uniform(beta_uniformity(a, b), (a == 1.0) & (b == 1.0), q)


def kl_continuous_bernoulli_uniform(p: ContinuousBernoulli, q: Uniform) -> jax.Array:
    """xS'(x) - S(x) + log(h - l) where [l, h] covers [0, 1], else ∞; x = ½η, S(x) = log(sinh(x)/x)."""
    return _against_uniform(logits_uniformity(0.5 * p.logits), p.logits == 0.0, q)


def _against_uniform(value: jax.Array, flat: jax.Array, q: Uniform) -> jax.Array:
    below, above = -q.low, q.high - 1.0
    covered = (below >= 0.0) & (above >= 0.0)
    # At p = q, on the verge of an infinite cost, the subgradient 0 is taken.
    more = jnp.where(covered & ~(flat & (below + above == 0.0)), below + above, 0.0)
    return jnp.where(covered, value + log1p(more), jnp.inf)


def kl_beta_continuous_bernoulli(p: Beta, q: ContinuousBernoulli) -> jax.Array:
    """KL(p‖Uniform(0, 1)) + S(½η) + η(½ - m), m = a/(a + b)."""
    a, b = p.concentration1, p.concentration0
    uniformity = beta_uniformity(a, b)
    return uniformity + _tilt(q.logits, 0.5 * divide(b - a, a + b), divide(a, a + b), divide(b, a + b))


def _tilt(eta: jax.Array, off_centre: jax.Array, below: jax.Array, above: jax.Array) -> jax.Array:
    """A(η) - ηm from ½ - m, m and 1 - m: for large |η|, from the end where the mass of q is."""
    near = jnp.abs(eta) <= 2.0
    small, large = jnp.where(near, eta, 0.0), jnp.where(near, 3.0, eta)
    far = jnp.abs(large) * jnp.where(large > 0.0, above, below) + log_norm(large)
    return jnp.where(near, log_sinhc(0.5 * small) + small * off_centre, far)


def kl_uniform_continuous_bernoulli(p: Uniform, q: ContinuousBernoulli) -> jax.Array:
    """-log(h - l) + S(½η) + η(½ - m) where [l, h] lies in [0, 1], else ∞; m = ½(l + h)."""
    inside, low, rest, narrowing = _part(p, q.logits == 0.0)
    off_centre, below = 0.5 * (rest - low), 0.5 * (low + (1.0 - rest))
    return jnp.where(inside, narrowing + _tilt(q.logits, off_centre, below, 0.5 * ((1.0 - low) + rest)), jnp.inf)


def kl_uniform_beta(p: Uniform, q: Beta) -> jax.Array:
    """KL(Uniform(0, 1)‖q) - log(h - l) - (a - 1)(1 + E[log x]) - (b - 1)(1 + E[log(1 - x)]) inside [0, 1], else ∞."""
    a, b = q.concentration1, q.concentration0
    inside, low, rest, narrowing = _part(p, (a == 1.0) & (b == 1.0))
    theirs = jnp.stack([a, b])
    value = narrowing + kl_of_dirichlets(jnp.ones_like(theirs), theirs)
    return jnp.where(inside, value + (a - 1.0) * _log_excess(low, rest) + (b - 1.0) * _log_excess(rest, low), jnp.inf)


def _part(p: Uniform, same: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """(whether p lies in [0, 1], then l, 1 - h and -log(h - l), else those of (0, 1))"""
    inside = (p.low >= 0.0) & (p.high <= 1.0)
    low, high = jnp.where(inside, p.low, 0.0), jnp.where(inside, p.high, 1.0)
    rest = 1.0 - high
    # At p = q, on the verge of an infinite cost, the subgradient 0 is taken.
    missing = jnp.where(same & (low + rest == 0.0), 0.0, low + rest)
    wide = missing < 0.5
    narrow = -jnp.log(jnp.where(wide, 1.0, high - low))
    return inside, low, rest, jnp.where(wide, -log1p(-jnp.where(wide, missing, 0.0)), narrow)


def _log_excess(low: jax.Array, rest: jax.Array) -> jax.Array:
    """-1 - E[log x] for x uniform on [l, 1 - rest]."""
    width, total = (1.0 - low) - rest, 1.0 + low - rest
    half_width = divide(width, total)
    narrow = half_width <= 0.5
    close = uniform_log_gap(jnp.where(narrow, half_width, 0.5)) - jnp.log(0.5 * jnp.where(narrow, total, 2.0)) - 1.0
    # -(h log h - l log l)/(h - l)
    at_low = low * log_ratio(jnp.where(low > tiny(low), low, tiny(low)), jnp.ones_like(low))
    at_high = (1.0 - rest) * log1p(-jnp.where(narrow, 0.0, rest))
    return jnp.where(narrow, close, divide(at_low - at_high, jnp.where(narrow, 1.0, width)))


KL = {
    (Beta, ContinuousBernoulli): kl_beta_continuous_bernoulli,
    (Beta, Uniform): kl_beta_uniform,
    (ContinuousBernoulli, Uniform): kl_continuous_bernoulli_uniform,
    (Uniform, Beta): kl_uniform_beta,
    (Uniform, ContinuousBernoulli): kl_uniform_continuous_bernoulli,
}
