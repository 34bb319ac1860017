"""Closed forms of KL(p‖q) for q on the whole line, normal, Laplace or Gumbel, and p of another family."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.scipy.special import erf

from kljax._special.elementwise import divide, expm1, expm1_minus_x, itakura_saito_term, log1p, log_ratio, x_minus_log1p
from kljax._special.ratios import spread_term
from kljax._special.sinhc import log_sinhc
from kljax.divergences._forms.cross_moments import (
    LOG_ROOT_2PI,
    against_normal,
    beta_negentropy,
    gamma_negentropy,
    logits_negentropy,
    pareto_log_gap,
)
from kljax.families import Beta, ContinuousBernoulli, Exponential, Gamma, Gumbel, Laplace, Normal, Pareto, Uniform
from kljax.families._internal import EULER, log_norm


def kl_beta_normal(p: Beta, q: Normal) -> jax.Array:
    """J + H(s, σ) + ½(s/σ - 1)² + ½((m - μ)/σ)², s² = ab/((a + b)²(a + b + 1)), m = a/(a + b)."""
    a, b = p.concentration1, p.concentration0
    total = a + b
    scale = jnp.sqrt(divide(a, total)) * jnp.sqrt(divide(b, total)) / jnp.sqrt(total + 1.0)
    shift = jnp.where(a > b, (1.0 - q.loc) - divide(b, total), divide(a, total) - q.loc)
    return against_normal(beta_negentropy(a, b), scale, shift, q)


def kl_continuous_bernoulli_normal(p: ContinuousBernoulli, q: Normal) -> jax.Array:
    """J + H(s, σ) + ½(s/σ - 1)² + ½((m - μ)/σ)², s and m the standard deviation and mean of p."""
    eta = p.logits
    high = eta > 3.0  # there the mean, close to 1, is taken from 1
    below = 1.0 / jnp.where(high, eta, 3.0)
    below += jnp.exp(-jnp.where(high, eta, 3.0)) / jnp.expm1(-jnp.where(high, eta, 3.0))
    shift = jnp.where(high, (1.0 - q.loc) - below, p.mean - q.loc)
    return against_normal(logits_negentropy(0.5 * eta), jnp.sqrt(p.variance), shift, q)


def kl_exponential_normal(p: Exponential, q: Normal) -> jax.Array:
    """½ log(2π/e) + H(1/λ, σ) + ½(1/(λσ) - 1)² + ½((1/λ - μ)/σ)²"""
    mean = divide(jnp.ones_like(p.rate), p.rate)
    return against_normal(LOG_ROOT_2PI - 0.5, mean, mean - q.loc, q)


def kl_gamma_normal(p: Gamma, q: Normal) -> jax.Array:
    """J + H(s, σ) + ½(s/σ - 1)² + ½((m - μ)/σ)², m = α/β, s = √α/β."""
    scale = divide(jnp.sqrt(p.concentration), p.rate)
    return against_normal(gamma_negentropy(p.concentration), scale, divide(p.concentration, p.rate) - q.loc, q)


def kl_gumbel_normal(p: Gumbel, q: Normal) -> jax.Array:
    """J + H(s, σ) + ½(s/σ - 1)² + ½((m - μ)/σ)², m = μ_p + γβ, s = πβ/√6."""
    negentropy = LOG_ROOT_2PI + math.log(math.pi) - 0.5 * math.log(6.0) - 0.5 - EULER
    scale = p.scale * (math.pi / math.sqrt(6.0))
    return against_normal(negentropy, scale, (p.loc - q.loc) + EULER * p.scale, q)


def kl_laplace_normal(p: Laplace, q: Normal) -> jax.Array:
    """½ log(π/e) + H(s, σ) + ½(s/σ - 1)² + ½((m - μ)/σ)², s = √2 b."""
    negentropy = 0.5 * math.log(math.pi) - 0.5
    return against_normal(negentropy, math.sqrt(2.0) * p.scale, p.loc - q.loc, q)


def kl_pareto_normal(p: Pareto, q: Normal) -> jax.Array:
    """J + H(s, σ) + ½(s/σ - 1)² + ½((m - μ)/σ)² for α > 2, else ∞."""
    thin = p.concentration > 2.0
    a = jnp.where(thin, p.concentration, 3.0)
    negentropy = (LOG_ROOT_2PI - 0.5) + pareto_log_gap(a) + 0.5 * log_ratio(a, a - 2.0)
    scale = divide(p.scale, a - 1.0) * jnp.sqrt(a / (a - 2.0))
    value = against_normal(negentropy, scale, (p.scale - q.loc) + divide(p.scale, a - 1.0), q)
    return jnp.where(thin, value, jnp.inf)


def kl_uniform_normal(p: Uniform, q: Normal) -> jax.Array:
    """½ log(πe/6) + H(s, σ) + ½(s/σ - 1)² + ½((m - μ)/σ)², s = (h - l)/√12."""
    scale = (p.high - p.low) * (1.0 / math.sqrt(12.0))
    shift = 0.5 * ((p.low - q.loc) + (p.high - q.loc))
    return against_normal(0.5 * math.log(math.pi * math.e / 6.0), scale, shift, q)


def kl_normal_laplace(p: Normal, q: Laplace) -> jax.Array:
    """½ + log(2/π) + log(g/g₀) + H(ρg, 1), g = E|x - μ_q|/σ = g₀ exp(-½δ²) + δ erf(δ/√2), g₀ = √(2/π), ρ = σ/b."""
    delta = divide(p.loc - q.loc, p.scale)
    # (g - g₀)/g₀
    more = expm1(-0.5 * jnp.square(delta)) + math.sqrt(0.5 * math.pi) * delta * erf(delta * math.sqrt(0.5))
    distance = math.sqrt(2.0 / math.pi) * (1.0 + more) * p.scale
    return (0.5 + math.log(2.0 / math.pi)) + log1p(more) + itakura_saito_term(distance, q.scale)


def kl_exponential_gumbel(p: Exponential, q: Gumbel) -> jax.Array:
    """e(μ/β - log(1 + ρ)) + h(ρ) - log ρ, ρ = 1/(λβ), with e(t) = eᵗ - 1 - t and h(t) = t - log(1 + t)."""
    rho = divide(divide(jnp.ones_like(p.rate), p.rate), q.scale)
    return expm1_minus_x(divide(q.loc, q.scale) - log1p(rho)) + (x_minus_log1p(rho) - jnp.log(rho))


def kl_gamma_gumbel(p: Gamma, q: Gumbel) -> jax.Array:
    """e(μ/β - α log(1 + ρ)) + αh(ρ) + J - ½ log(2πα/e) - log ρ, ρ = 1/(bβ), b the rate, J the negentropy of p."""
    a = p.concentration
    rho = divide(divide(jnp.ones_like(p.rate), p.rate), q.scale)
    rest = a * x_minus_log1p(rho) - 0.5 * jnp.log(a) - jnp.log(rho) + (gamma_negentropy(a) + (0.5 - LOG_ROOT_2PI))
    return expm1_minus_x(divide(q.loc, q.scale) - a * log1p(rho)) + rest


def kl_uniform_gumbel(p: Uniform, q: Gumbel) -> jax.Array:
    """e((μ - m)/β + S(r)) + 1 + S(r) - log 2r, r = (h - l)/(2β) and S(x) = log(sinh(x)/x)."""
    r = 0.5 * divide(p.high - p.low, q.scale)
    t = divide(q.loc - p.low, q.scale) + log_norm(2.0 * r)
    return expm1_minus_x(t) + (1.0 + log_sinhc(r) - jnp.log(2.0 * r))


def kl_normal_gumbel(p: Normal, q: Gumbel) -> jax.Array:
    """e((μ_q - μ_p)/β + ½ρ²) + ½H(ρ², 1) + 1 - ½ log 2π, ρ = σ/β."""
    rho = divide(p.scale, q.scale)
    spread = spread_term(p.scale, q.scale)
    t = divide(q.loc - p.loc, q.scale) + 0.5 * jnp.square(rho)
    return expm1_minus_x(t) + (spread + (1.0 - LOG_ROOT_2PI))


KL = {
    (Beta, Normal): kl_beta_normal,
    (ContinuousBernoulli, Normal): kl_continuous_bernoulli_normal,
    (Exponential, Gumbel): kl_exponential_gumbel,
    (Exponential, Normal): kl_exponential_normal,
    (Gamma, Gumbel): kl_gamma_gumbel,
    (Gamma, Normal): kl_gamma_normal,
    (Gumbel, Normal): kl_gumbel_normal,
    (Laplace, Normal): kl_laplace_normal,
    (Normal, Gumbel): kl_normal_gumbel,
    (Normal, Laplace): kl_normal_laplace,
    (Pareto, Normal): kl_pareto_normal,
    (Uniform, Gumbel): kl_uniform_gumbel,
    (Uniform, Normal): kl_uniform_normal,
}
