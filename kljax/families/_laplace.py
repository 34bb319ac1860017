"""The Laplace distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._location_scale import standardised
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support


@family
class Laplace:
    """Laplace(loc, scale): density exp(-|x - μ|/b)/(2b) on the real line.

    Example:
        >>> from kljax.families import Laplace
        >>> print(f"{Laplace(0.0, 1.0).entropy():.4f}")
        1.6931
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        far, z = standardised(x, at)
        # At the peak, between slopes of 1 and -1, 0 is taken.
        size = jnp.where(z == 0.0, 0.0, jnp.abs(jnp.where(z == 0.0, 1.0, z)))
        return jnp.where(far, -jnp.inf, -size - jnp.log(at.scale) - math.log(2.0))

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return at.loc + at.scale * noise(jax.random.laplace, key, shape, self)

    @property
    def support(self) -> Support:
        """The real line."""
        return Support(-math.inf, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """½ exp(z) for z = (x - μ)/b < 0, else 1 - ½ exp(-z)"""
        x, at = at_points(x, self)
        z = (x - at.loc) / at.scale
        half = 0.5 * jnp.exp(-jnp.abs(z))
        return jnp.where(z < 0.0, half, 1.0 - half)

    def quantile(self, u: Any) -> jax.Array:
        """μ + b log 2u for u < ½, else μ - b log 2(1 - u)"""
        u, at = at_shares(u, self)
        low = u < 0.5
        away = jnp.where(low, jnp.log(2.0 * jnp.where(low, u, 0.5)), -jnp.log(2.0 * (1.0 - jnp.where(low, 0.5, u))))
        return at.loc + at.scale * away

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """1 + log(2b)."""
        return jnp.log(filled(self).scale) + (1.0 + math.log(2.0))

    @property
    def mean(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    @property
    def variance(self) -> jax.Array:
        """2b²"""
        return 2.0 * jnp.square(filled(self).scale)
