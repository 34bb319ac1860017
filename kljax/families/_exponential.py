"""The exponential distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import power_fall
from kljax._special.elementwise import divide
from kljax._special.ratios import divide_twice
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import at_shares, mode_zero, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support


@family
class Exponential:
    """Exponential(rate): density λ exp(-λx) for x ≥ 0.

    Example:
        >>> from kljax.families import Exponential
        >>> print(f"{Exponential(2.0).entropy():.4f}")
        0.3069
    """

    rate: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= 0.0) & (x < jnp.inf)
        one = jnp.ones_like(at.rate)
        return jnp.where(legal, power_fall(one, at.rate, jnp.where(legal, x, 0.0), one), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        return noise(jax.random.exponential, key, shape, self) / lifted(self, shape).rate

    @property
    def support(self) -> Support:
        """[0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """1 - exp(-λx)"""
        x, at = at_points(x, self)
        return -jnp.expm1(-at.rate * jnp.maximum(x, 0.0))

    def quantile(self, u: Any) -> jax.Array:
        """-log(1 - u)/λ"""
        u, at = at_shares(u, self)
        return -jnp.log1p(-u) / at.rate

    mode = mode_zero

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """1 - log λ."""
        return 1.0 - jnp.log(filled(self).rate)

    @property
    def mean(self) -> jax.Array:
        """1/λ"""
        rate = filled(self).rate
        return divide(jnp.ones_like(rate), rate)

    @property
    def variance(self) -> jax.Array:
        """1/λ²"""
        rate = filled(self).rate
        return divide_twice(jnp.ones_like(rate), rate)

    @property
    def natural(self) -> jax.Array:
        """-λ, [batch..., 1]."""
        return -filled(self).rate[..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """-log(-η)"""
        return -jnp.log(-natural[..., 0])
