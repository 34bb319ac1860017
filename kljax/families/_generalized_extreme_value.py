"""The generalised extreme value distribution: the largest of many."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import expm1_ratio
from kljax._special.gamma import bregman_log_gamma, log_gamma_1p
from kljax._special.log1p_quotients import log1p_over
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._gumbel import EULER
from kljax.families._location_scale import standardised
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support


@family
class GeneralizedExtremeValue:
    """GeneralizedExtremeValue(loc, scale, concentration): distribution function exp(-(1 + ξz)^(-1/ξ)), z = (x - μ)/σ.

    ξ = 0 is Gumbel's, exp(-exp(-z)). It begins at μ - σ/ξ for ξ > 0 (Fréchet's) and ends there for ξ < 0 (Weibull's
    reversed). scipy's genextreme(c, μ, σ) has c = -ξ.

    Example:
        >>> from kljax.families import GeneralizedExtremeValue
        >>> p = GeneralizedExtremeValue(1.0, 2.0, 0.1)
        >>> print(f"{p.mean:.4f} {p.quantile(0.99):.4f} {p.entropy():.4f}")
        2.3726 12.6820 2.3281
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)
    concentration: Entries = real(0.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        inside, _, y = _reduced(x, at)
        # exp(-y) overflows far below, where the density is zero.
        most = 0.9 * math.log(float(jnp.finfo(y.dtype).max))
        dead = y < -most
        y = jnp.where(dead, 0.0, y)
        value = -(1.0 + at.concentration) * y - jnp.exp(-y) - jnp.log(at.scale)
        return jnp.where(inside & ~dead, value, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        y = noise(jax.random.gumbel, key, shape, self)
        return at.loc + at.scale * (y * expm1_ratio(at.concentration * y))

    @property
    def support(self) -> Support:
        """The real line for ξ = 0, [μ - σ/ξ, ∞) for ξ > 0, (-∞, μ - σ/ξ] for ξ < 0."""
        at = filled(self)
        c = at.concentration
        end = at.loc - at.scale / jnp.where(c == 0.0, 1.0, c)
        return Support(jnp.where(c > 0.0, end, -jnp.inf), jnp.where(c < 0.0, end, jnp.inf))

    def cdf(self, x: Any) -> jax.Array:
        """exp(-(1 + ξz)^(-1/ξ))"""
        x, at = at_points(x, self)
        inside, below, y = _reduced(x, at)
        return jnp.where(inside, jnp.exp(-jnp.exp(-y)), jnp.where(below, 0.0, 1.0))

    def quantile(self, u: Any) -> jax.Array:
        """μ + σ((-log u)^(-ξ) - 1)/ξ"""
        u, at = at_shares(u, self)
        ends = (u == 0.0) | (u == 1.0)
        y = -jnp.log(-jnp.log(jnp.where(ends, 0.5, u)))
        inner = at.loc + at.scale * (y * expm1_ratio(at.concentration * y))
        return jnp.where(ends, jnp.where(u == 0.0, at.support.low, at.support.high), inner)

    @property
    def mode(self) -> jax.Array:
        """μ + σ((1 + ξ)^(-ξ) - 1)/ξ for ξ > -1, else the upper end."""
        at = filled(self)
        c = at.concentration
        peaked = c > -1.0
        y = -jnp.log1p(jnp.where(peaked, c, 0.0))
        return jnp.where(peaked, at.loc + at.scale * (y * expm1_ratio(c * y)), at.support.high)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log σ + γξ + γ + 1, γ Euler's constant."""
        at = filled(self)
        return jnp.log(at.scale) + EULER * at.concentration + (EULER + 1.0)

    @property
    def mean(self) -> jax.Array:
        """μ + σ(Γ(1 - ξ) - 1)/ξ, μ + σγ at ξ = 0; ∞ for ξ ≥ 1"""
        at = filled(self)
        c, thin = _off_zero(at.concentration), at.concentration < 1.0
        level = log_gamma_1p(-jnp.where(thin, c, 0.5))
        return jnp.where(thin, at.loc + at.scale * (level / jnp.where(thin, c, 0.5) * expm1_ratio(level)), jnp.inf)

    @property
    def variance(self) -> jax.Array:
        """σ²(Γ(1 - 2ξ) - Γ(1 - ξ)²)/ξ², σ²π²/6 at ξ = 0; ∞ for ξ ≥ ½"""
        at = filled(self)
        thin = at.concentration < 0.5
        c = jnp.where(thin, _off_zero(at.concentration), 0.25)
        # log Γ(1 - 2ξ) - 2 log Γ(1 - ξ), without cancellation
        one, middle = jnp.ones_like(c), 1.0 - c
        bent = bregman_log_gamma(1.0 - 2.0 * c, middle, -c) + bregman_log_gamma(one, middle, c)
        spread = jnp.exp(2.0 * log_gamma_1p(-c)) * expm1_ratio(bent) * (bent / c / c)
        return jnp.where(thin, jnp.square(at.scale) * spread, jnp.inf)

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        at = filled(self)
        return at.quantile(0.4), jnp.maximum(at.quantile(0.75) - at.quantile(0.25), 1e-3 * at.scale)


def _off_zero(c: jax.Array) -> jax.Array:
    """ξ, but not so near to zero that ξ² is lost: what is even in ξ changes by eps at most."""
    least = float(jnp.finfo(c.dtype).eps)
    return jnp.where(jnp.abs(c) < least, least, c)


def _reduced(x: jax.Array, at: Any) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(whether x is inside the support, whether below it, log(1 + ξz)/ξ)"""
    far, z = standardised(x, at)
    inside = (at.concentration * z > -1.0) & ~far
    z = jnp.where(inside, z, 0.0)
    below = jnp.where(at.concentration > 0.0, x < at.loc, x == -jnp.inf)
    return inside, below, log1p_over(at.concentration, z)
