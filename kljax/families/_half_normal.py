"""The half-normal distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import erf, erfinv

from kljax._special.edges import half_square
from kljax._special.elementwise import divide
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import at_shares, mode_zero, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support


@family
class HalfNormal:
    """HalfNormal(scale): the absolute value of a Normal(0, scale) variable.

    Example:
        >>> from kljax.families import HalfNormal
        >>> print(f"{HalfNormal(1.0).entropy():.4f}")
        0.7258
    """

    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= 0.0) & (x < jnp.inf)
        z = divide(jnp.where(legal, x, 0.0), at.scale)
        return jnp.where(legal, -half_square(z) - jnp.log(at.scale) + 0.5 * math.log(2.0 / math.pi), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        return lifted(self, shape).scale * jnp.abs(noise(jax.random.normal, key, shape, self))

    @property
    def support(self) -> Support:
        """[0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """erf(x/(σ√2))"""
        x, at = at_points(x, self)
        return erf(jnp.maximum(x, 0.0) / at.scale * math.sqrt(0.5))

    def quantile(self, u: Any) -> jax.Array:
        """σ√2 erf⁻¹(u)"""
        u, at = at_shares(u, self)
        return at.scale * (math.sqrt(2.0) * erfinv(u))

    mode = mode_zero

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log σ + ½ log(πe/2)."""
        return jnp.log(filled(self).scale) + 0.5 * math.log(math.pi * math.e / 2.0)

    @property
    def mean(self) -> jax.Array:
        """σ√(2/π)"""
        return filled(self).scale * math.sqrt(2.0 / math.pi)

    @property
    def variance(self) -> jax.Array:
        """σ²(1 - 2/π)"""
        return jnp.square(filled(self).scale) * (1.0 - 2.0 / math.pi)

    @property
    def natural(self) -> jax.Array:
        """-1/(2σ²), [batch..., 1]."""
        return -0.5 / jnp.square(filled(self).scale)[..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """-½ log(-2η) + ½ log(π/2)"""
        return -0.5 * jnp.log(-2.0 * natural[..., 0]) + 0.5 * math.log(0.5 * math.pi)
