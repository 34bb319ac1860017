"""The gamma distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import gamma_entropy, log_density
from kljax._special.elementwise import divide
from kljax._special.gamma import log_gamma
from kljax._special.incomplete import incomplete_gamma
from kljax._special.ratios import divide_twice
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._log_draws import Logs, as_logs, of_log
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support


@family
class Gamma:
    """Gamma(concentration, rate): density βᵅxᵅ⁻¹ exp(-βx)/Γ(α) for x > 0.

    Example:
        >>> from kljax.families import Gamma
        >>> print(f"{Gamma(2.0, 1.0).entropy():.4f}")
        1.5772
    """

    concentration: Entries = positive()
    rate: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= 0.0) & (x < jnp.inf)
        a, b = at.concentration, at.rate
        return jnp.where(legal, log_density(jnp.where(legal, x, 1.0), a, b, jnp.ones_like(a)), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return noise(_standard, key, shape, self, self.concentration) / at.rate

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        at = lifted(self, shape)
        return of_log(noise(_log_standard, key, shape, self, self.concentration) - jnp.log(at.rate))

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        x = as_logs(self, x)
        log, at = at_points(x.log, self)
        a, normal = at.concentration, x.normal()
        below = (a - 1.0) * log + a * jnp.log(at.rate) - log_gamma(a)
        return jnp.where(normal, self.log_prob(jnp.where(normal, x.x, 1.0)), below)

    @property
    def support(self) -> Support:
        """(0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """P(α, βx), the incomplete gamma function"""
        x, at = at_points(x, self)
        return incomplete_gamma(at.concentration, at.rate * x)[0]

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """(α - 1)/β, at least 0"""
        at = filled(self)
        return jnp.maximum(at.concentration - 1.0, 0.0) / at.rate

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """α - log β + log Γ(α) + (1 - α)ψ(α)."""
        at = filled(self)
        return gamma_entropy(at.concentration) - jnp.log(at.rate)

    @property
    def mean(self) -> jax.Array:
        """α/β"""
        at = filled(self)
        return divide(at.concentration, at.rate)

    @property
    def variance(self) -> jax.Array:
        """α/β²"""
        at = filled(self)
        return divide_twice(at.concentration, at.rate)

    @property
    def natural(self) -> jax.Array:
        """(α - 1, -β), [batch..., 2]."""
        at = filled(self)
        return jnp.stack([at.concentration - 1.0, -at.rate], -1)

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log Γ(η₁ + 1) - (η₁ + 1) log(-η₂)"""
        shape, rate = natural[..., 0] + 1.0, -natural[..., 1]
        return log_gamma(shape) - shape * jnp.log(rate)


def _standard(key: jax.Array, concentration: jax.Array, *, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    return jax.random.gamma(key, concentration, shape, dtype)


def _log_standard(key: jax.Array, concentration: jax.Array, *, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    return jax.random.loggamma(key, concentration, shape, dtype)
