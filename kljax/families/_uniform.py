"""The uniform distribution on an interval."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, real
from kljax.quadrature import Support


@family
class Uniform:
    """Uniform(low, high): density 1/(high - low) on [low, high].

    Example:
        >>> from kljax.families import Uniform
        >>> print(f"{Uniform(0.0, 2.0).entropy():.4f}")
        0.6931
    """

    low: Entries = real(0.0)
    high: Entries = real(1.0)

    def _ordinary(self) -> dict[str, Any]:
        return {"low": 0.0, "high": 1.0}

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        return jnp.where((x >= at.low) & (x <= at.high), -jnp.log(at.high - at.low), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return at.low + (at.high - at.low) * noise(jax.random.uniform, key, shape, self)

    @property
    def support(self) -> Support:
        """[low, high]"""
        return Support(filled(self).low, filled(self).high)

    def cdf(self, x: Any) -> jax.Array:
        """(x - a)/(b - a)"""
        x, at = at_points(x, self)
        return jnp.clip((x - at.low) / (at.high - at.low), 0.0, 1.0)

    def quantile(self, u: Any) -> jax.Array:
        """a + u(b - a)"""
        u, at = at_shares(u, self)
        return at.low + u * (at.high - at.low)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log(high - low)."""
        at = filled(self)
        return jnp.log(at.high - at.low)

    @property
    def mean(self) -> jax.Array:
        """(low + high)/2"""
        at = filled(self)
        return 0.5 * (at.low + at.high)

    @property
    def variance(self) -> jax.Array:
        """(high - low)²/12"""
        at = filled(self)
        return jnp.square(at.high - at.low) / 12.0
