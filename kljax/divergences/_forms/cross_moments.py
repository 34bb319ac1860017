"""What the closed forms between different families share.

For any p, KL(p‖q) against a normal, exponential or gamma distribution q splits into what remains when q has the best
parameters, which no scale changes, and the cost of q's own, which is an Itakura–Saito divergence and a square:

    Normal:       J + H(s, σ) + ½(s/σ - 1)² + ½((m - μ)/σ)²,   J = ½ log(2πe s²) - h ≥ 0, the negentropy
    Exponential:  E + H(m, 1/λ),                               E = 1 + log m - h ≥ 0
    Gamma:        φ(α) + αL + c + αH(m, α/β),                  L = log m - E[log x] ≥ 0, c = E[log x] - h

with m, s and h the mean, standard deviation and entropy of p, H(y, x) = y/x - 1 - log(y/x) and
φ(α) = log Γ(α) - α log α + α.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, horner, itakura_saito_term, log1p_excess, log_ratio, x_minus_log1p
from kljax._special.gamma import digamma, log_gamma
from kljax._special.ratios import spread_term
from kljax._special.sinhc import bregman_log_sinhc, sinhc_curvature
from kljax._special.stirling import phi, remainder, remainder_slope
from kljax.divergences._forms.interval import kl_of_dirichlets
from kljax.families import Exponential, Gamma, Normal

LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)
_LOGARITHM = [1.0 / (2 * n * (2 * n + 1)) for n in range(1, 28)]


def against_normal(negentropy: jax.Array | float, scale: jax.Array, shift: jax.Array, q: Normal) -> jax.Array:
    """J + H(s, σ) + ½(s/σ - 1)² + ½(shift/σ)², shift = m - μ."""
    return negentropy + (spread_term(scale, q.scale) + 0.5 * jnp.square(divide(shift, q.scale)))


def against_exponential(excess: jax.Array | float, mean: jax.Array, q: Exponential) -> jax.Array:
    """E + H(m, 1/λ)"""
    return excess + itakura_saito_term(mean, divide(jnp.ones_like(q.rate), q.rate))


def against_gamma(log_gap: jax.Array, level: jax.Array, mean: jax.Array, q: Gamma) -> jax.Array:
    """φ(α) + αL + c + αH(m, α/β)"""
    a = q.concentration
    fixed = phi(a) + level + a * log_gap
    return fixed + a * itakura_saito_term(mean, divide(a, q.rate))


def gamma_negentropy(a: jax.Array) -> jax.Array:
    """J of a gamma distribution of concentration α: 1/(2α) - R(α) + (α - 1)R'(α), R Stirling's remainder."""
    low = a < 1.0
    large, small = jnp.where(low, 1.0, a), jnp.where(low, a, 1.0)
    stirling = 0.5 / large - remainder(large) + (large - 1.0) * remainder_slope(large)
    direct = (LOG_ROOT_2PI + 0.5) + 0.5 * jnp.log(small) - small - log_gamma(small)
    return jnp.where(low, direct - (1.0 - small) * digamma(small), stirling)


def beta_negentropy(a: jax.Array, b: jax.Array) -> jax.Array:
    """J of a beta distribution, by Stirling's formula for a, b ≥ 1, where most of it cancels."""
    low = (a < 1.0) | (b < 1.0)
    x, y = (jnp.where(low, 2.0, one) for one in (a, b))
    s = x + y
    total = -0.5 * jnp.log1p(1.0 / s) + 0.5 / x + 0.5 / y - 1.0 / s
    total -= (remainder(x) - (x - 1.0) * remainder_slope(x)) + (remainder(y) - (y - 1.0) * remainder_slope(y))
    stirling = total + (remainder(s) - (s - 2.0) * remainder_slope(s))
    x, y = (jnp.where(low, one, 1.0) for one in (a, b))
    s = x + y
    spread = 0.5 * (jnp.log(x / s) + jnp.log(y / s) - jnp.log(s + 1.0))
    return jnp.where(low, (LOG_ROOT_2PI + 0.5) + spread + beta_uniformity(x, y), stirling)


def beta_uniformity(a: jax.Array, b: jax.Array) -> jax.Array:
    """KL(Beta(a, b)‖Uniform(0, 1)) = -h"""
    ours = jnp.stack([a, b])
    return kl_of_dirichlets(ours, jnp.ones_like(ours))


def logits_uniformity(half: jax.Array) -> jax.Array:
    """KL(ContinuousBernoulli(2x)‖Uniform(0, 1)) = xS'(x) - S(x) = -h"""
    return bregman_log_sinhc(jnp.zeros_like(half), half)


def logits_negentropy(half: jax.Array) -> jax.Array:
    """J of a continuous Bernoulli distribution of logits 2x."""
    far = jnp.abs(half) > 2.0
    size, near = jnp.where(far, jnp.abs(half), 3.0), jnp.where(far, 0.0, half)
    direct = 0.5 * jnp.log(0.25 * sinhc_curvature(near)) + logits_uniformity(near)
    # There the variance is close to 1/(2x)² and -h to log 2x - 1: their logarithms cancel.
    rest = jnp.exp(-2.0 * size)
    ratio = 4.0 * jnp.square(size) * rest / jnp.square(1.0 - rest)
    apart = 0.5 * jnp.log1p(-ratio) + 2.0 * size * rest / (1.0 - rest) - jnp.log1p(-rest) - 1.0
    return (LOG_ROOT_2PI + 0.5) + jnp.where(far, apart, direct)


def uniform_log_gap(half_width: jax.Array) -> jax.Array:
    """L = -E[log(1 + δu)] for u uniform on (-1, 1): Σ δ²ⁿ/(2n(2n + 1)), n = 1, 2, …"""
    near = half_width <= 0.5
    small, large = jnp.where(near, half_width, 0.0), jnp.where(near, 1.0, half_width)
    z = jnp.square(small)
    direct = 0.5 * (log1p_excess(-large) - log1p_excess(large)) / large
    return jnp.where(near, z * horner(_LOGARITHM, z), direct)


def pareto_log_gap(a: jax.Array) -> jax.Array:
    """L = log(α/(α - 1)) - 1/α of a Pareto distribution, α > 1."""
    low = a < 2.0
    small, large = jnp.where(low, a, 1.5), jnp.where(low, 2.0, a)
    direct = log_ratio(small, small - 1.0) - 1.0 / small
    return jnp.where(low, direct, x_minus_log1p(divide(-jnp.ones_like(large), large)))
