"""The chi distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._gamma import bregman_log_gamma, digamma, log_gamma, log_gamma_gap
from kljax._special import horner
from kljax.families._fit import fit_by_likelihood
from kljax.families._gamma import Gamma
from kljax.families._incomplete import incomplete_gamma
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, positive
from kljax.quadrature import Support

# Γ(½k + ½)/Γ(½k) = √(½k) (1 + Σ cⱼ k⁻ʲ), j = 1, 2, … (Tricomi & Erdélyi 1951).
_GROWTH = [-1.0 / 4.0, 1.0 / 32.0, 5.0 / 128.0, -21.0 / 2048.0, -399.0 / 8192.0, 869.0 / 65536.0]


@family
class Chi:
    """Chi(df): density xᵏ⁻¹ exp(-½x²)/(2^(½k-1) Γ(½k)) for x > 0.

    Example:
        >>> from kljax.families import Chi
        >>> print(f"{Chi(2.0).entropy():.4f}")
        0.9420
    """

    df: Any = positive()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        half, safe = 0.5 * at.df, jnp.where(x > 0.0, x, 1.0)
        inside = (at.df - 1.0) * jnp.log(safe) - 0.5 * jnp.square(safe) - (half - 1.0) * math.log(2.0) - log_gamma(half)
        return jnp.where(x > 0.0, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameter."""
        return jnp.sqrt(Gamma(0.5 * self.df, 0.5).sample(key, shape))

    @property
    def support(self) -> Support:
        """(0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """P(½ν, ½x²), the incomplete gamma function"""
        x, at = at_points(x, self)
        return incomplete_gamma(0.5 * at.df, 0.5 * jnp.square(jnp.maximum(x, 0.0)))[0]

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """√(ν - 1), for ν < 1 0"""
        df = filled(self).df
        peaked = df > 1.0
        return jnp.where(peaked, jnp.sqrt(jnp.where(peaked, df - 1.0, 1.0)), 0.0)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log Γ(½k) + ½k - ½ log 2 - ½(k - 1)ψ(½k)."""
        half = 0.5 * filled(self).df
        return log_gamma(half) + half - 0.5 * math.log(2.0) - (half - 0.5) * digamma(half)

    @property
    def mean(self) -> jax.Array:
        """√2 Γ(½k + ½)/Γ(½k)"""
        half = 0.5 * filled(self).df
        return math.sqrt(2.0) * jnp.exp(log_gamma_gap(half + 0.5, half))

    @property
    def variance(self) -> jax.Array:
        """k - mean²"""
        k = filled(self).df
        # The difference cancels for large k, where the variance tends to ½.
        large = k > (1000.0 if k.dtype == jnp.float64 else 20.0)
        growth = horner([0.0, *_GROWTH], 1.0 / jnp.where(large, k, 1.0))
        return jnp.where(large, -k * growth * (2.0 + growth), k - jnp.square(self.mean))

    @property
    def natural(self) -> jax.Array:
        """k - 1, [batch..., 1]."""
        return filled(self).df[..., None] - 1.0

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """½(η - 1) log 2 + log Γ(½(η + 1))"""
        eta = natural[..., 0]
        return 0.5 * (eta - 1.0) * math.log(2.0) + log_gamma(0.5 * (eta + 1.0))


def kl_chi(p: Chi, q: Chi) -> jax.Array:
    """B_logΓ(½k_q; ½k_p), B_logΓ the Bregman divergence of log Γ."""
    return bregman_log_gamma(0.5 * q.df, 0.5 * p.df)
