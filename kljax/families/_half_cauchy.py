"""The half-Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._location_scale import log1p_square
from kljax.families._quantiles import at_shares, mode_zero, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support


@family
class HalfCauchy:
    """HalfCauchy(scale): the absolute value of a Cauchy(0, scale) variable.

    Example:
        >>> from kljax.families import HalfCauchy
        >>> print(f"{HalfCauchy(1.0).entropy():.4f}")
        1.8379
    """

    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= 0.0) & (x < jnp.inf)
        z = divide(jnp.where(legal, x, 0.0), at.scale)
        return jnp.where(legal, math.log(2.0 / math.pi) - jnp.log(at.scale) - log1p_square(z), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameter."""
        return lifted(self, shape).scale * jnp.abs(noise(jax.random.cauchy, key, shape, self))

    @property
    def support(self) -> Support:
        """[0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """(2/π) arctan(x/γ)"""
        x, at = at_points(x, self)
        return 2.0 / math.pi * jnp.arctan(jnp.maximum(x, 0.0) / at.scale)

    def quantile(self, u: Any) -> jax.Array:
        """γ tan(½πu)"""
        u, at = at_shares(u, self)
        low = u < 0.5
        near = jnp.tan(0.5 * math.pi * jnp.where(low, u, 0.0))
        far = 1.0 / jnp.tan(0.5 * math.pi * (1.0 - jnp.where(low, 0.5, u)))
        return at.scale * jnp.where(low, near, far)

    mode = mode_zero

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log(2πγ)."""
        return jnp.log(filled(self).scale) + math.log(2.0 * math.pi)

    @property
    def mean(self) -> jax.Array:
        """∞"""
        return jnp.full_like(filled(self).scale, jnp.inf)

    @property
    def variance(self) -> jax.Array:
        """There is none: NaN."""
        return jnp.full_like(filled(self).scale, jnp.nan)

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        return self.scale, self.scale  # the moments are infinite
