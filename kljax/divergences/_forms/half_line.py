"""KL between two members of one family on a half-line."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, itakura_saito_term, log1p, log_ratio, relative_gap, x_minus_log1p
from kljax._special.gamma import bregman_log_gamma, bregman_phi
from kljax._special.ratios import gap_less_log, product_ratio_gap, spread_term
from kljax.divergences._forms.whole_line import kl_normal, kl_of_extremes
from kljax.families import (
    Chi,
    Chi2,
    Exponential,
    Gamma,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    InverseGaussian,
    Lindley,
    LogNormal,
    LogUniform,
    Normal,
    Pareto,
    Rayleigh,
    Weibull,
)


def kl_exponential(p: Exponential, q: Exponential) -> jax.Array:
    """H(λ_q, λ_p), H the Itakura–Saito divergence."""
    return itakura_saito_term(q.rate, p.rate)


def kl_gamma(p: Gamma, q: Gamma) -> jax.Array:
    """α_q h(t) + B_φ(α_q; α_p), t = α_p β_q/(α_q β_p) - 1, h(t) = t - log(1 + t), φ = log Γ(α) - α log α + α."""
    return kl_of_gammas(p.concentration, p.rate, q.concentration, q.rate)


def kl_of_gammas(shape_p: jax.Array, rate_p: jax.Array, shape_q: jax.Array, rate_q: jax.Array) -> jax.Array:
    """KL between gamma distributions, of what each is called elsewhere."""
    gap = product_ratio_gap(shape_p, rate_q, shape_q, rate_p)
    log = log_ratio(shape_p, shape_q) + log_ratio(rate_q, rate_p)
    return shape_q * gap_less_log(gap, log) + bregman_phi(shape_q, shape_p)


def kl_chi(p: Chi, q: Chi) -> jax.Array:
    """B_logΓ(½k_q; ½k_p), B_logΓ the Bregman divergence of log Γ."""
    return bregman_log_gamma(0.5 * q.df, 0.5 * p.df)


def kl_chi2(p: Chi2, q: Chi2) -> jax.Array:
    """B_logΓ(½k_q; ½k_p), B_logΓ the Bregman divergence of log Γ."""
    return bregman_log_gamma(0.5 * q.df, 0.5 * p.df)


def kl_half_normal(p: HalfNormal, q: HalfNormal) -> jax.Array:
    """H(σ_p, σ_q) + ½(σ_p/σ_q - 1)²"""
    return spread_term(p.scale, q.scale)


def kl_half_cauchy(p: HalfCauchy, q: HalfCauchy) -> jax.Array:
    """log((γ_p + γ_q)²/(4γ_pγ_q)), that of the Cauchy distributions around zero."""
    gap = p.scale - q.scale
    value = log1p(0.25 * divide(gap, p.scale) * divide(gap, q.scale))
    return jnp.where(jnp.minimum(p.scale, q.scale) < 0.0, jnp.nan, value)


def kl_rayleigh(p: Rayleigh, q: Rayleigh) -> jax.Array:
    """H(σ_p², σ_q²) = 2H(σ_p, σ_q) + (σ_p/σ_q - 1)²"""
    return 2.0 * spread_term(p.scale, q.scale)


def kl_weibull(p: Weibull, q: Weibull) -> jax.Array:
    """That of the Gumbel distributions of -log x: locations -log λ and scales 1/k."""
    shift = q.concentration * log_ratio(p.scale, q.scale)
    return kl_of_extremes(shift, q.concentration, p.concentration)


def kl_inverse_gamma(p: InverseGamma, q: InverseGamma) -> jax.Array:
    """That of the gamma distributions of 1/x."""
    return kl_of_gammas(p.concentration, p.scale, q.concentration, q.scale)


def kl_inverse_gaussian(p: InverseGaussian, q: InverseGaussian) -> jax.Array:
    """½H(λ_q, λ_p) + ½(λ_q/μ_p)(μ_p/μ_q - 1)², H the Itakura–Saito divergence."""
    away = jnp.square(relative_gap(p.loc, q.loc, p.loc - q.loc))
    return 0.5 * (itakura_saito_term(q.concentration, p.concentration) + divide(q.concentration, p.loc) * away)


def kl_lindley(p: Lindley, q: Lindley) -> jax.Array:
    """2H(θ_q, θ_p) - H(1 + θ_q, 1 + θ_p), H the Itakura–Saito divergence; the second is at most half of the first."""
    above = relative_gap(1.0 + q.rate, 1.0 + p.rate, q.rate - p.rate)
    return 2.0 * itakura_saito_term(q.rate, p.rate) - x_minus_log1p(above)


def kl_log_normal(p: LogNormal, q: LogNormal) -> jax.Array:
    """That of the normal distributions of the logarithms."""
    return kl_normal(Normal(p.loc, p.scale), Normal(q.loc, q.scale))


def kl_log_uniform(p: LogUniform, q: LogUniform) -> jax.Array:
    """log(1 + (log(l_p/l_q) + log(h_q/h_p))/log(h_p/l_p)) where q covers p, else ∞."""
    covered = (q.low <= p.low) & (p.high <= q.high)
    wider = covered & ((q.low < p.low) | (p.high < q.high))
    # At p = q, where each end is on the verge of an infinite cost, the subgradient 0 is taken.
    below = log_ratio(p.low, jnp.where(wider, q.low, p.low))
    above = log_ratio(jnp.where(wider, q.high, p.high), p.high)
    more = jnp.where(wider, below + above, 0.0)
    return jnp.where(covered, log1p(divide(more, log_ratio(p.high, p.low))), jnp.inf)


def kl_pareto(p: Pareto, q: Pareto) -> jax.Array:
    """α_q log(m_p/m_q) + H(α_q, α_p) for m_p ≥ m_q, else ∞."""
    inside = p.scale >= q.scale
    # At p = q, on the verge of an infinite cost, the subgradient 0 is taken.
    same = (p.scale == q.scale) & (p.concentration == q.concentration)
    further = q.concentration * log_ratio(jnp.where(inside, p.scale, q.scale), q.scale)
    return jnp.where(
        inside, jnp.where(same, 0.0, further) + itakura_saito_term(q.concentration, p.concentration), jnp.inf
    )


KL = {
    (Chi, Chi): kl_chi,
    (Chi2, Chi2): kl_chi2,
    (Exponential, Exponential): kl_exponential,
    (Gamma, Gamma): kl_gamma,
    (HalfCauchy, HalfCauchy): kl_half_cauchy,
    (HalfNormal, HalfNormal): kl_half_normal,
    (InverseGamma, InverseGamma): kl_inverse_gamma,
    (InverseGaussian, InverseGaussian): kl_inverse_gaussian,
    (Lindley, Lindley): kl_lindley,
    (LogNormal, LogNormal): kl_log_normal,
    (LogUniform, LogUniform): kl_log_uniform,
    (Pareto, Pareto): kl_pareto,
    (Rayleigh, Rayleigh): kl_rayleigh,
    (Weibull, Weibull): kl_weibull,
}
