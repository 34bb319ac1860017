"""The normal distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri

from kljax._special.edges import half_square
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._location_scale import standardised
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support

_LOG_ROOT_2PI = 0.5 * math.log(2.0 * math.pi)


@family
class Normal:
    """Normal(loc, scale): density exp(-½((x - μ)/σ)²)/(σ√(2π)) on the real line.

    Example:
        >>> from kljax.families import Normal
        >>> print(f"{Normal(0.0, 2.0).entropy():.4f}")
        2.1121
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x."""
        x, at = at_points(x, self)
        far, z = standardised(x, at)
        return jnp.where(far, -jnp.inf, -half_square(z) - jnp.log(at.scale) - _LOG_ROOT_2PI)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return at.loc + at.scale * noise(jax.random.normal, key, shape, self)

    @property
    def support(self) -> Support:
        """The real line."""
        return Support(-math.inf, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """Φ((x - μ)/σ)"""
        x, at = at_points(x, self)
        return ndtr((x - at.loc) / at.scale)

    def quantile(self, u: Any) -> jax.Array:
        """μ + σΦ⁻¹(u)"""
        u, at = at_shares(u, self)
        return at.loc + at.scale * ndtri(u)

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log σ + ½ log(2πe)."""
        return jnp.log(filled(self).scale) + (_LOG_ROOT_2PI + 0.5)

    @property
    def mean(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    @property
    def variance(self) -> jax.Array:
        """σ²"""
        return jnp.square(filled(self).scale)

    @property
    def natural(self) -> jax.Array:
        """(μ/σ², -1/(2σ²)), [batch..., 2]."""
        at = filled(self)
        precision = 1.0 / jnp.square(at.scale)
        return jnp.stack([at.loc * precision, -0.5 * precision], -1)

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """-η₁²/(4η₂) - ½ log(-2η₂)"""
        first, second = natural[..., 0], natural[..., 1]
        return -jnp.square(first) / (4.0 * second) - 0.5 * jnp.log(-2.0 * second)
