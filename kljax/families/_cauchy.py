"""The Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._location_scale import log1p_square, standardised
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support


@family
class Cauchy:
    """Cauchy(loc, scale): density 1/(πγ(1 + ((x - μ)/γ)²)) on the real line.

    Example:
        >>> from kljax.families import Cauchy
        >>> print(f"{Cauchy(0.0, 1.0).entropy():.4f}")
        2.5310
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        far, z = standardised(x, at)
        return jnp.where(far, -jnp.inf, -math.log(math.pi) - jnp.log(at.scale) - log1p_square(z))

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return at.loc + at.scale * noise(jax.random.cauchy, key, shape, self)

    @property
    def support(self) -> Support:
        """The real line."""
        return Support(-math.inf, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """½ + arctan((x - μ)/γ)/π"""
        x, at = at_points(x, self)
        return jnp.arctan2(jnp.ones_like(x), -(x - at.loc) / at.scale) / math.pi

    def quantile(self, u: Any) -> jax.Array:
        """μ + γ tan(π(u - ½))"""
        u, at = at_shares(u, self)
        # Near the ends 1/tan keeps the digits of u and 1 - u.
        middle = jnp.abs(u - 0.5) <= 0.25
        inner = jnp.tan(math.pi * (jnp.where(middle, u, 0.5) - 0.5))
        outer = jnp.where(middle, 0.25, jnp.where(u < 0.5, u, u - 1.0))
        away = jnp.where(middle, inner, -1.0 / jnp.tan(math.pi * outer))
        # An infinite one has the sign of its end.
        ends = jnp.where(u == 0.0, -jnp.inf, jnp.where(u == 1.0, jnp.inf, away))
        return at.loc + at.scale * jnp.where(jnp.isnan(u), u, ends)

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log(4πγ)."""
        return jnp.log(filled(self).scale) + math.log(4.0 * math.pi)

    @property
    def mean(self) -> jax.Array:
        """There is none: NaN."""
        return jnp.full_like(filled(self).loc, jnp.nan)

    @property
    def variance(self) -> jax.Array:
        """There is none: NaN."""
        return jnp.full_like(filled(self).loc, jnp.nan)
