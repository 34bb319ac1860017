"""The Gumbel distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.edges import growing
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._location_scale import standardised
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support

EULER = 0.5772156649015329


@family
class Gumbel:
    """Gumbel(loc, scale): density exp(-z - exp(-z))/β, z = (x - μ)/β, on the real line.

    Example:
        >>> from kljax.families import Gumbel
        >>> print(f"{Gumbel(0.0, 1.0).entropy():.4f}")
        1.5772
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        far, z = standardised(x, at)
        return jnp.where(far, -jnp.inf, -z - growing(jnp.exp(-z), -z) - jnp.log(at.scale))

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return at.loc + at.scale * noise(jax.random.gumbel, key, shape, self)

    @property
    def support(self) -> Support:
        """The real line."""
        return Support(-math.inf, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """exp(-exp(-(x - μ)/β))"""
        x, at = at_points(x, self)
        return jnp.exp(-jnp.exp(-(x - at.loc) / at.scale))

    def quantile(self, u: Any) -> jax.Array:
        """μ - β log(-log u)"""
        u, at = at_shares(u, self)
        return at.loc - at.scale * jnp.log(-jnp.log(u))

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """1 + log β + γ, γ Euler's constant."""
        return jnp.log(filled(self).scale) + (1.0 + EULER)

    @property
    def mean(self) -> jax.Array:
        """μ + γβ"""
        at = filled(self)
        return at.loc + EULER * at.scale

    @property
    def variance(self) -> jax.Array:
        """π²β²/6"""
        return jnp.square(filled(self).scale) * (math.pi**2 / 6.0)
