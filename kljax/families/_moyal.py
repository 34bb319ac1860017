"""The Moyal distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import erfc, erfinv, ndtri

from kljax._special.edges import growing
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._gumbel import EULER
from kljax.families._location_scale import standardised
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support


@family
class Moyal:
    """Moyal(loc, scale): density exp(-½(z + exp(-z)))/(σ√(2π)), z = (x - μ)/σ, on the real line.

    Example:
        >>> from kljax.families import Moyal
        >>> print(f"{Moyal(0.0, 1.0).entropy():.4f}")
        2.0541
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x."""
        x, at = at_points(x, self)
        far, z = standardised(x, at)
        inside = -0.5 * (z + growing(jnp.exp(-z), -z)) - jnp.log(at.scale) - 0.5 * math.log(2.0 * math.pi)
        return jnp.where(far, -jnp.inf, inside)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters: exp(-z) is the square of a standard normal variable."""
        at = lifted(self, shape)
        return at.loc - 2.0 * at.scale * jnp.log(jnp.abs(noise(jax.random.normal, key, shape, self)))

    @property
    def support(self) -> Support:
        """The real line."""
        return Support(-math.inf, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """erfc(exp(-½z)/√2), z = (x - μ)/σ"""
        x, at = at_points(x, self)
        return erfc(jnp.exp(-0.5 * (x - at.loc) / at.scale) * math.sqrt(0.5))

    def quantile(self, u: Any) -> jax.Array:
        """μ - 2σ log(√2 erfc⁻¹(u))"""
        u, at = at_shares(u, self)
        # erfc⁻¹(u) = -Φ⁻¹(½u)/√2, and erf⁻¹(1 - u) where that has more digits.
        low = u < 0.5
        small, large = jnp.where(low, u, 0.5), jnp.where(low, 0.5, u)
        root = jnp.where(low, -ndtri(0.5 * small), math.sqrt(2.0) * erfinv(1.0 - large))
        return at.loc - 2.0 * at.scale * jnp.log(root)

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log σ + ½(1 + γ + log(4π)), γ Euler's constant."""
        return jnp.log(filled(self).scale) + 0.5 * (1.0 + EULER + math.log(4.0 * math.pi))

    @property
    def mean(self) -> jax.Array:
        """μ + σ(γ + log 2)"""
        at = filled(self)
        return at.loc + (EULER + math.log(2.0)) * at.scale

    @property
    def variance(self) -> jax.Array:
        """½π²σ²"""
        return jnp.square(filled(self).scale) * (0.5 * math.pi**2)
