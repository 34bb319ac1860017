"""KL between two members of one family on the whole line."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, expm1_minus_x, itakura_saito_term, log1p, relative_gap
from kljax._special.gamma import bregman_log_gamma, log_gamma_gap
from kljax._special.ratios import spread_term
from kljax.families import Cauchy, Gumbel, Laplace, Moyal, Normal


def kl_normal(p: Normal, q: Normal) -> jax.Array:
    """H(σ_p, σ_q) + ½(σ_p/σ_q - 1)² + ½((μ_p - μ_q)/σ_q)²"""
    return spread_term(p.scale, q.scale) + 0.5 * jnp.square(divide(p.loc - q.loc, q.scale))


def kl_laplace(p: Laplace, q: Laplace) -> jax.Array:
    """(b_p/b_q) e(-|Δ|/b_p) + H(b_p, b_q), e(t) = eᵗ - 1 - t, Δ = μ_p - μ_q."""
    away = divide(jnp.abs(p.loc - q.loc), p.scale)
    return divide(p.scale, q.scale) * expm1_minus_x(-away) + itakura_saito_term(p.scale, q.scale)


def kl_cauchy(p: Cauchy, q: Cauchy) -> jax.Array:
    """log(((γ_p + γ_q)² + Δ²)/(4γ_pγ_q)), Δ = μ_p - μ_q (Chyzak & Nielsen 2019)."""
    shift = p.loc - q.loc
    spread = divide(p.scale - q.scale, p.scale) * divide(p.scale - q.scale, q.scale)
    value = log1p(0.25 * (spread + divide(shift, p.scale) * divide(shift, q.scale)))
    return jnp.where(jnp.minimum(p.scale, q.scale) < 0.0, jnp.nan, value)


def kl_gumbel(p: Gumbel, q: Gumbel) -> jax.Array:
    """e((μ_q - μ_p)/β_q + log Γ(1 + ρ)) + B_logΓ(ρ; 1), ρ = β_p/β_q and e(t) = eᵗ - 1 - t."""
    return kl_of_extremes(divide(q.loc - p.loc, q.scale), p.scale, q.scale)


def kl_of_extremes(shift: jax.Array, scale_p: jax.Array, scale_q: jax.Array) -> jax.Array:
    """The same from (μ_q - μ_p)/β_q, for what is a Gumbel distribution in another variable."""
    gap = relative_gap(scale_p, scale_q, scale_p - scale_q)  # ρ - 1
    ratio, one = divide(scale_p, scale_q), jnp.ones_like(gap)
    level = log_gamma_gap(1.0 + ratio, 2.0 * one, gap)  # log Γ(1 + ρ), as Γ(2) = 1
    return expm1_minus_x(shift + level) + bregman_log_gamma(ratio, one, gap)


def kl_moyal(p: Moyal, q: Moyal) -> jax.Array:
    """½e(t) + ½B_logΓ(ρ + ½; 3/2) + H(σ_p, σ_q), ρ = σ_p/σ_q, with t = (μ_q - μ_p)/σ_q + log E_p[exp(-ρz)].

    log E_p[exp(-ρz)] = (ρ - 1) log 2 + log Γ(ρ + ½) - log Γ(3/2), for exp(-z) is chi-squared of one degree.
    """
    gap = relative_gap(p.scale, q.scale, p.scale - q.scale)  # ρ - 1
    there, here = divide(p.scale, q.scale) + 0.5, jnp.full_like(gap, 1.5)
    t = divide(q.loc - p.loc, q.scale) + math.log(2.0) * gap + log_gamma_gap(there, here, gap)
    return 0.5 * (expm1_minus_x(t) + bregman_log_gamma(there, here, gap)) + itakura_saito_term(p.scale, q.scale)


KL = {
    (Cauchy, Cauchy): kl_cauchy,
    (Gumbel, Gumbel): kl_gumbel,
    (Laplace, Laplace): kl_laplace,
    (Moyal, Moyal): kl_moyal,
    (Normal, Normal): kl_normal,
}
