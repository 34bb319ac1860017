"""The chi distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import LARGE, gamma_entropy, half_step, rate_deviance
from kljax._special.edges import at_end, power_log
from kljax._special.elementwise import expm1
from kljax._special.gamma import digamma, log_gamma
from kljax._special.incomplete import incomplete_gamma
from kljax._special.stirling import phi, remainder, remainder_slope
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._gamma import Gamma
from kljax.families._log_draws import Logs, as_logs, of_log
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, positive
from kljax.quadrature import Support


@family
class Chi:
    """Chi(df): density xᵏ⁻¹ exp(-½x²)/(2^(½k-1) Γ(½k)) for x > 0.

    Example:
        >>> from kljax.families import Chi
        >>> print(f"{Chi(2.0).entropy():.4f}")
        0.9420
    """

    df: Entries = positive()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal, half = (x >= 0.0) & (jnp.square(x) < jnp.inf), 0.5 * at.df
        low = half < LARGE
        y, shape = jnp.where(legal, x, 1.0), jnp.where(low, half, 1.0)
        power = power_log(2.0 * shape - 1.0, y)
        small = power - 0.5 * jnp.square(y) - (shape - 1.0) * math.log(2.0) - log_gamma(shape)
        z, shape = jnp.where(y > 0.0, y, 1.0), jnp.where(low, LARGE, half)
        fall = rate_deviance(shape, z, z, jnp.full_like(z, 2.0))
        large = math.log(2.0) - jnp.log(z) - fall - phi(shape)
        return jnp.where(legal, at_end(x == 0.0, at.df - 1.0, jnp.where(low, small, large)), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameter."""
        return jnp.sqrt(Gamma(0.5 * self.df, 0.5).sample(key, shape))

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        return of_log(0.5 * Gamma(0.5 * self.df, jnp.full_like(self.df, 0.5))._draw_logs(key, shape).log)

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        x = as_logs(self, x)
        log, at = at_points(x.log, self)
        half, normal = 0.5 * at.df, x.normal()
        below = (at.df - 1.0) * log - (half - 1.0) * math.log(2.0) - log_gamma(half)
        return jnp.where(normal, self.log_prob(jnp.where(normal, x.x, 1.0)), below)

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
        low = half < 1.0
        small, large = jnp.where(low, half, 1.0), jnp.where(low, 1.0, half)
        beyond = remainder(large) - (large - 0.5) * remainder_slope(large) - 0.25 / large
        direct = gamma_entropy(small) - 0.5 * math.log(2.0) - 0.5 * digamma(small)
        return jnp.where(low, direct, 0.5 * (math.log(math.pi) + 1.0) + beyond)

    @property
    def mean(self) -> jax.Array:
        """√2 Γ(½k + ½)/Γ(½k)"""
        k = filled(self).df
        return jnp.sqrt(k) * jnp.exp(half_step(0.5 * k))

    @property
    def variance(self) -> jax.Array:
        """k - mean²"""
        # k(1 - exp(2δ)), δ = log Γ(½k + ½) - log Γ(½k) - ½ log ½k < 0
        k = filled(self).df
        return -k * expm1(2.0 * half_step(0.5 * k))

    @property
    def natural(self) -> jax.Array:
        """k - 1, [batch..., 1]."""
        return filled(self).df[..., None] - 1.0

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """½(η - 1) log 2 + log Γ(½(η + 1))"""
        eta = natural[..., 0]
        return 0.5 * (eta - 1.0) * math.log(2.0) + log_gamma(0.5 * (eta + 1.0))
