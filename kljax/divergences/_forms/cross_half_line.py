"""Closed forms of KL(p‖q) for q exponential, gamma, chi-squared or Pareto, and p of another family."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, expm1, itakura_saito_term, log1p, log_ratio, relative_gap, x_minus_log1p
from kljax._special.gamma import (
    bregman_log_gamma,
    bregman_phi,
    digamma,
    digamma_gap,
    log_gamma_1p,
    log_gamma_gap,
    remainder_bregman,
    remainder_gap,
)
from kljax._special.ratios import product_ratio_gap
from kljax._special.stirling import phi_slope_gap, remainder_slope
from kljax.divergences._forms.cross_moments import (
    against_exponential,
    against_gamma,
    beta_uniformity,
    logits_uniformity,
    pareto_log_gap,
    uniform_log_gap,
)
from kljax.divergences._forms.half_line import kl_of_gammas
from kljax.families import Beta, Chi2, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform, Weibull
from kljax.families._internal import EULER


def kl_exponential_gamma(p: Exponential, q: Gamma) -> jax.Array:
    """That of two gamma distributions, p of concentration 1."""
    return kl_of_gammas(jnp.ones_like(p.rate), p.rate, q.concentration, q.rate)


def kl_exponential_chi2(p: Exponential, q: Chi2) -> jax.Array:
    """That of two gamma distributions, p of concentration 1 and q of concentration ½k and rate ½."""
    return kl_of_gammas(jnp.ones_like(p.rate), p.rate, 0.5 * q.df, jnp.full_like(q.df, 0.5))


def kl_gamma_exponential(p: Gamma, q: Exponential) -> jax.Array:
    """That of two gamma distributions, q of concentration 1."""
    return kl_of_gammas(p.concentration, p.rate, jnp.ones_like(q.rate), q.rate)


def kl_chi2_gamma(p: Chi2, q: Gamma) -> jax.Array:
    """That of two gamma distributions, p of concentration ½k and rate ½."""
    return kl_of_gammas(0.5 * p.df, jnp.full_like(p.df, 0.5), q.concentration, q.rate)


def kl_gamma_chi2(p: Gamma, q: Chi2) -> jax.Array:
    """That of two gamma distributions, q of concentration ½k and rate ½."""
    return kl_of_gammas(p.concentration, p.rate, 0.5 * q.df, jnp.full_like(q.df, 0.5))


def kl_chi2_exponential(p: Chi2, q: Exponential) -> jax.Array:
    """That of two gamma distributions, p of concentration ½k and rate ½ and q of concentration 1."""
    return kl_of_gammas(0.5 * p.df, jnp.full_like(p.df, 0.5), jnp.ones_like(q.rate), q.rate)


def kl_beta_exponential(p: Beta, q: Exponential) -> jax.Array:
    """1 + log m + KL(p‖Uniform(0, 1)) + H(m, 1/λ), m = a/(a + b)."""
    a, b = p.concentration1, p.concentration0
    mean = divide(a, a + b)
    return against_exponential(1.0 + log_ratio(a, a + b) + beta_uniformity(a, b), mean, q)


def kl_beta_gamma(p: Beta, q: Gamma) -> jax.Array:
    """KL(g‖q) + KL(p‖g) + (a - α)(log n - ψ(n)), with g = Gamma(a, n), n = a + b, of the same mean.

    For b ≥ 1 p may be close to g, and KL(p‖g) is formed with Stirling's remainder, so that nothing cancels.
    """
    a, b = p.concentration1, p.concentration0
    level = beta_uniformity(a, b) - digamma_gap(a + b, a, b)
    direct = against_gamma(phi_slope_gap(a, b), level, divide(a, a + b), q)
    many, few = b >= 1.0, (b < 1.0) & (a < 1.0)
    to_close, close = _gamma_like(jnp.where(many, a, 0.5), jnp.where(many, b, 1.0))
    to_open, open_ = _open(jnp.where(few, a, 0.5), jnp.where(few, b, 0.5))
    to_gamma, excess = jnp.where(many, to_close, to_open), jnp.where(many, close, open_)
    by_gamma = kl_of_gammas(a, a + b, q.concentration, q.rate) + to_gamma + (a - q.concentration) * excess
    return jnp.where(many | few, by_gamma, direct)


def _gamma_like(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """KL(Beta(a, b)‖Gamma(a, n)) and log n - ψ(n) for b ≥ 1."""
    n = a + b
    slope = remainder_slope(n)
    found = 0.5 * (x_minus_log1p(-divide(a, n)) + divide(divide(a, b), n)) + (b - 1.0) * remainder_gap(b, n, -a)
    return found + a * slope - remainder_bregman(b, n, -a), divide(jnp.full_like(n, 0.5), n) - slope


def _open(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The same for a, b < 1, where no term is large."""
    n = a + b
    excess = jnp.log(n) - digamma(n)
    return (b - 1.0) * digamma_gap(b, n, -a) + a * (1.0 - excess) - bregman_log_gamma(b, n, -a), excess


def kl_continuous_bernoulli_exponential(p: ContinuousBernoulli, q: Exponential) -> jax.Array:
    """1 + log m - h + H(m, 1/λ), m and h the mean and entropy of p."""
    eta = p.logits
    low = eta < -3.0  # there p is close to an exponential distribution of rate r = -η
    near = jnp.where(low, 0.0, eta)
    excess = 1.0 + jnp.log(ContinuousBernoulli(near).mean) + logits_uniformity(0.5 * near)
    direct = against_exponential(excess, ContinuousBernoulli(near).mean, q)
    r = jnp.where(low, -eta, 3.0)
    rest = divide(r - q.rate, jnp.exp(r)) / -jnp.expm1(-r) - log1p(-jnp.exp(-r))
    return jnp.where(low, itakura_saito_term(q.rate, r) + rest, direct)


def kl_pareto_exponential(p: Pareto, q: Exponential) -> jax.Array:
    """log α + L + H(m, 1/λ) for α > 1, else ∞; L = log(α/(α - 1)) - 1/α, and m is the mean of p."""
    finite, a, mean = _pareto(p)
    return jnp.where(finite, against_exponential(jnp.log(a) + pareto_log_gap(a), mean, q), jnp.inf)


def kl_pareto_gamma(p: Pareto, q: Gamma) -> jax.Array:
    """φ(α_q) + α_q L + log α_p - 1 + α_q H(m, α_q/β) for α_p > 1, else ∞; L and m as for the exponential."""
    finite, a, mean = _pareto(p)
    return jnp.where(finite, against_gamma(pareto_log_gap(a), jnp.log(a) - 1.0, mean, q), jnp.inf)


def _pareto(p: Pareto) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(whether the mean is finite, then α else 2, the mean)"""
    finite = p.concentration > 1.0
    a = jnp.where(finite, p.concentration, 2.0)
    return finite, a, p.scale + divide(p.scale, a - 1.0)


def kl_uniform_exponential(p: Uniform, q: Exponential) -> jax.Array:
    """1 - log 2δ + H(m, 1/λ) for l ≥ 0, else ∞; m = ½(l + h), δ = ½(h - l)/m."""
    inside, mean, half_width = _uniform(p)
    return jnp.where(inside, against_exponential(1.0 - jnp.log(2.0 * half_width), mean, q), jnp.inf)


def kl_uniform_gamma(p: Uniform, q: Gamma) -> jax.Array:
    """φ(α) + (α - 1)L - log 2δ + αH(m, α/β) for l ≥ 0, else ∞; L = log m - E[log x]."""
    inside, mean, half_width = _uniform(p)
    gap = uniform_log_gap(half_width)
    return jnp.where(inside, against_gamma(gap, -jnp.log(2.0 * half_width) - gap, mean, q), jnp.inf)


def kl_uniform_pareto(p: Uniform, q: Pareto) -> jax.Array:
    """-log 2δα + α log(m/x₀) - (α + 1)L for l ≥ x₀, the scale of q, else ∞."""
    inside = p.low >= q.scale
    safe = Uniform(jnp.where(inside, p.low, q.scale), jnp.where(inside, p.high, 2.0 * q.scale))
    _, mean, half_width = _uniform(safe)
    a = q.concentration
    rest = a * log_ratio(mean, q.scale) - (a + 1.0) * uniform_log_gap(half_width)
    return jnp.where(inside, rest - jnp.log(2.0 * half_width) - jnp.log(a), jnp.inf)


def _uniform(p: Uniform) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(whether it lies above zero, then the mean m and δ = ½(h - l)/m, else 1 and ½)"""
    inside = p.low >= 0.0
    low, high = jnp.where(inside, p.low, 0.5), jnp.where(inside, p.high, 1.5)
    return inside, 0.5 * (low + high), divide(high - low, high + low)


def kl_weibull_exponential(p: Weibull, q: Exponential) -> jax.Array:
    """That against a gamma distribution of concentration 1."""
    return kl_weibull_gamma(p, Gamma(jnp.ones_like(q.rate), q.rate))


def kl_weibull_gamma(p: Weibull, q: Gamma) -> jax.Array:
    """φ(α) + αL + log k - 1 - γ + αH(m, α/β), L = log Γ(1 + 1/k) + γ/k, m = sΓ(1 + 1/k).

    Where both are close to an exponential distribution, B_φ(α; 1) + αB_logΓ(2 + j; 2) + (α - 1)j + j - log(1 + j) takes
    the place of all but the last, j = 1/k - 1.
    """
    a, k, one = q.concentration, p.concentration, jnp.ones_like(q.rate)
    excess = relative_gap(one, k, one - k)
    near = (jnp.abs(a - 1.0) <= 0.5) & (jnp.abs(excess) <= 0.5)
    j, inverse = jnp.where(near, excess, 0.0), divide(one, k)
    two = jnp.full_like(j, 2.0)
    level = log_gamma_gap(two + j, two, j)  # log Γ(1 + 1/k)
    shape = bregman_phi(jnp.where(near, a, one), one) + a * bregman_log_gamma(two + j, two, j)
    # The mean against α/β: both are rounded, so their ratio less one is formed from its factors.
    rates, means = product_ratio_gap(p.scale, q.rate, a, one), expm1(level)
    ratio = rates + means + rates * means
    close = near & (jnp.abs(ratio) <= 0.5)
    near_value = shape + (a - 1.0) * j + x_minus_log1p(j) + a * x_minus_log1p(jnp.where(close, ratio, 0.0))
    mean = p.scale * jnp.exp(log_gamma_1p(inverse))
    gap = bregman_log_gamma(1.0 + inverse, one, jax.lax.stop_gradient(inverse))
    return jnp.where(close, near_value, against_gamma(gap, jnp.log(k) - (1.0 + EULER), mean, q))


KL = {
    (Beta, Exponential): kl_beta_exponential,
    (Beta, Gamma): kl_beta_gamma,
    (Chi2, Exponential): kl_chi2_exponential,
    (Chi2, Gamma): kl_chi2_gamma,
    (ContinuousBernoulli, Exponential): kl_continuous_bernoulli_exponential,
    (Exponential, Chi2): kl_exponential_chi2,
    (Exponential, Gamma): kl_exponential_gamma,
    (Gamma, Chi2): kl_gamma_chi2,
    (Gamma, Exponential): kl_gamma_exponential,
    (Pareto, Exponential): kl_pareto_exponential,
    (Pareto, Gamma): kl_pareto_gamma,
    (Uniform, Exponential): kl_uniform_exponential,
    (Uniform, Gamma): kl_uniform_gamma,
    (Uniform, Pareto): kl_uniform_pareto,
    (Weibull, Exponential): kl_weibull_exponential,
    (Weibull, Gamma): kl_weibull_gamma,
}
