"""The Rayleigh distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.edges import half_square
from kljax._special.elementwise import divide, log_ratio
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._gumbel import EULER
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support


@family
class Rayleigh:
    """Rayleigh(scale): density (x/σ²) exp(-x²/(2σ²)) for x > 0.

    Example:
        >>> from kljax.families import Rayleigh
        >>> print(f"{Rayleigh(1.0).entropy():.4f}")
        0.9420
    """

    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x > 0.0) & (x < jnp.inf)
        safe = jnp.where(legal, x, 1.0)
        inside = log_ratio(safe, at.scale) - jnp.log(at.scale) - half_square(divide(safe, at.scale))
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        return lifted(self, shape).scale * jnp.sqrt(2.0 * noise(jax.random.exponential, key, shape, self))

    @property
    def support(self) -> Support:
        """(0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """1 - exp(-x²/(2σ²))"""
        x, at = at_points(x, self)
        return -jnp.expm1(-0.5 * jnp.square(jnp.maximum(x, 0.0) / at.scale))

    def quantile(self, u: Any) -> jax.Array:
        """σ√(-2 log(1 - u))"""
        u, at = at_shares(u, self)
        return at.scale * jnp.sqrt(-2.0 * jnp.log1p(-u))

    @property
    def mode(self) -> jax.Array:
        """σ"""
        return filled(self).scale

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """1 + log(σ/√2) + γ/2, γ Euler's constant."""
        return jnp.log(filled(self).scale) + (1.0 - 0.5 * math.log(2.0) + 0.5 * EULER)

    @property
    def mean(self) -> jax.Array:
        """σ√(π/2)"""
        return filled(self).scale * math.sqrt(0.5 * math.pi)

    @property
    def variance(self) -> jax.Array:
        """(2 - π/2)σ²"""
        return jnp.square(filled(self).scale) * (2.0 - 0.5 * math.pi)

    @property
    def natural(self) -> jax.Array:
        """-1/(2σ²), [batch..., 1]."""
        return -0.5 / jnp.square(filled(self).scale)[..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """-log(-2η)"""
        return -jnp.log(-2.0 * natural[..., 0])
