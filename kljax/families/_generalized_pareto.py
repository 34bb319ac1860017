"""The generalised Pareto distribution: what lies beyond a high threshold."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import expm1_ratio
from kljax._special.log1p_quotients import log1p_over
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._location_scale import standardised
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support


@family
class GeneralizedPareto:
    """GeneralizedPareto(loc, scale, concentration): density (1 + ξz)^(-1/ξ - 1)/σ, z = (x - μ)/σ ≥ 0.

    At ξ = 0 it is exp(-z)/σ. For ξ < 0 it ends at μ - σ/ξ. scipy calls it genpareto(ξ, μ, σ).

    Example:
        >>> from kljax.families import GeneralizedPareto
        >>> p = GeneralizedPareto(0.0, 2.0, 0.25)
        >>> print(f"{p.mean:.4f} {p.quantile(0.99):.4f}")
        2.6667 17.2982
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)
    concentration: Entries = real(0.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal, _, y = self._reduced(x, at)
        return jnp.where(legal, -(1.0 + at.concentration) * y - jnp.log(at.scale), -jnp.inf)

    @staticmethod
    def _reduced(x: jax.Array, at: GeneralizedPareto) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(whether x is in the support, whether below it, log(1 + ξz)/ξ)"""
        far, z = standardised(x, at)
        inside = (z >= 0.0) & (at.concentration * z > -1.0) & ~far
        z = jnp.where(inside, z, 0.0)
        return inside, x < at.loc, log1p_over(at.concentration, z)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        y = noise(jax.random.exponential, key, shape, self)
        return at.loc + at.scale * (y * expm1_ratio(at.concentration * y))

    @property
    def support(self) -> Support:
        """[μ, ∞), or [μ, μ - σ/ξ] for ξ < 0."""
        at = filled(self)
        short = at.concentration < 0.0
        return Support(at.loc, jnp.where(short, at.loc - at.scale / jnp.where(short, at.concentration, -1.0), jnp.inf))

    def cdf(self, x: Any) -> jax.Array:
        """1 - (1 + ξz)^(-1/ξ)"""
        x, at = at_points(x, self)
        inside, below, y = self._reduced(x, at)
        return jnp.where(inside, -jnp.expm1(-y), jnp.where(below, 0.0, 1.0))

    def quantile(self, u: Any) -> jax.Array:
        """μ + σ((1 - u)^(-ξ) - 1)/ξ"""
        u, at = at_shares(u, self)
        y = -jnp.log1p(-jnp.where(u == 1.0, 0.0, u))
        inner = at.loc + at.scale * (y * expm1_ratio(at.concentration * y))
        return jnp.where(u == 1.0, at.support.high, inner)

    @property
    def mode(self) -> jax.Array:
        """μ; for ξ < -1 the upper end."""
        at = filled(self)
        return jnp.where(at.concentration < -1.0, at.support.high, at.loc)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log σ + ξ + 1"""
        at = filled(self)
        return jnp.log(at.scale) + at.concentration + 1.0

    @property
    def mean(self) -> jax.Array:
        """μ + σ/(1 - ξ), ∞ for ξ ≥ 1"""
        at = filled(self)
        thin = at.concentration < 1.0
        return jnp.where(thin, at.loc + at.scale / jnp.where(thin, 1.0 - at.concentration, 1.0), jnp.inf)

    @property
    def variance(self) -> jax.Array:
        """σ²/((1 - ξ)²(1 - 2ξ)), ∞ for ξ ≥ ½"""
        at = filled(self)
        thin = at.concentration < 0.5
        c = jnp.where(thin, at.concentration, 0.0)
        return jnp.where(thin, jnp.square(at.scale / (1.0 - c)) / (1.0 - 2.0 * c), jnp.inf)

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        at = filled(self)
        low, high = at.quantile(0.25), at.quantile(0.75)
        return at.quantile(0.5), jnp.maximum(high - low, 1e-3 * at.scale)
