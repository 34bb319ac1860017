"""The logistic distribution."""

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
class Logistic:
    """Logistic(loc, scale): density σ(z)σ(-z)/s, z = (x - μ)/s, σ the logistic function, on the real line.

    Example:
        >>> from kljax.families import Logistic
        >>> print(f"{Logistic(0.0, 1.0).entropy():.4f}")
        2.0000
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x."""
        x, at = at_points(x, self)
        far, z = standardised(x, at)
        z = jnp.abs(z)
        return jnp.where(far, -jnp.inf, -z - 2.0 * jnp.log1p(jnp.exp(-z)) - jnp.log(at.scale))

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return at.loc + at.scale * noise(jax.random.logistic, key, shape, self)

    @property
    def support(self) -> Support:
        """The real line."""
        return Support(-math.inf, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """1/(1 + exp(-z)), z = (x - μ)/s"""
        x, at = at_points(x, self)
        return jax.nn.sigmoid((x - at.loc) / at.scale)

    def quantile(self, u: Any) -> jax.Array:
        """μ + s log(u/(1 - u))"""
        u, at = at_shares(u, self)
        return at.loc + at.scale * (jnp.log(u) - jnp.log1p(-u))

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log s + 2."""
        return jnp.log(filled(self).scale) + 2.0

    @property
    def mean(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    @property
    def variance(self) -> jax.Array:
        """π²s²/3"""
        return jnp.square(filled(self).scale) * (math.pi**2 / 3.0)
