"""The power spherical distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import log_gamma_rise
from kljax._special.edges import power_log
from kljax._special.elementwise import log1p
from kljax._special.gamma import digamma_gap
from kljax._types import Entries
from kljax.families._quantiles import standard_deviation
from kljax.families._record import at_points, batch_shape, family, filled, lifted, non_negative, real
from kljax.families._sphere import around, covariance, dimension, norm_excess, unit
from kljax.quadrature import Support


@family
class PowerSpherical:
    """PowerSpherical(μ, κ): density (1 + μ·x)^κ/N(κ) of unit vectors of n numbers.

    ½(1 + μ·x) has the distribution Beta(½(n - 1) + κ, ½(n - 1)). The length of ``mean_direction`` does not matter: it
    is divided by it.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import PowerSpherical
        >>> print(f"{PowerSpherical(jnp.array([1.0, 0.0, 0.0]), 2.0).entropy():.4f}")
        2.0991

    References:
        De Cao & Aziz (2020), "The power spherical distribution".
    """

    mean_direction: Entries = real(ndim=1)
    concentration: Entries = non_negative()

    def _check(self) -> None:
        dimension("PowerSpherical", self.mean_direction.shape[-1])

    def _ordinary(self) -> dict[str, Any]:
        return {"mean_direction": 1.0}

    def _is_proper(self) -> jax.Array:
        return (self.mean_direction != 0.0).any(-1)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n,)"""
        return self.mean_direction.shape[-1:]

    def _shapes(self) -> tuple[jax.Array, jax.Array]:
        """Those of the beta distribution of ½(1 + μ·x)."""
        half = jnp.full_like(self.concentration, 0.5 * (self.mean_direction.shape[-1] - 1.0))
        return half + self.concentration, half

    def _log_normaliser(self) -> jax.Array:
        """That of (½ + ½μ·x)^κ: log N(κ) - κ log 2."""
        a, b = self._shapes()
        return b * (2.0 * math.log(2.0) + math.log(math.pi)) - log_gamma_rise(a, b)

    @property
    def support(self) -> Support:
        """Unit vectors."""
        return Support(-1.0, 1.0, "sphere")

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).mean_direction

    stddev = standard_deviation

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at unit vectors x, [..., n], with respect to the area."""
        x, at = at_points(x, self)
        direction = unit(at.mean_direction)
        # ½(1 + μ·x) = 1 - ¼|x - μ|² = ¼|x + μ|², but for what x is longer than one.
        longer = 0.25 * norm_excess(x)
        away, beside = (0.25 * jnp.sum(jnp.square(one), -1) for one in (x - direction, x + direction))
        near = away < 0.5
        raised = jnp.where(near, 1.0, beside - longer)
        high = at.concentration * log1p(jnp.where(near, longer - away, 0.0))
        return jnp.where(near, high, power_log(at.concentration, jnp.maximum(raised, 0.0))) - at._log_normaliser()

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        up, down, across = jax.random.split(key, 3)
        whole = (*shape, *batch_shape(self))
        # Of two gamma variables g and h, (1 + μ·x)/(1 - μ·x) = g/h.
        logs = [
            jax.random.loggamma(one, concentration, whole, concentration.dtype)
            for one, concentration in zip((up, down), at._shapes(), strict=True)
        ]
        half = 0.5 * (logs[0] - logs[1])
        return around(unit(at.mean_direction), across, jnp.tanh(half), 1.0 / jnp.cosh(half))

    def entropy(self) -> jax.Array:
        """log N(κ) - κ(log 2 + ψ(a) - ψ(a + b)), a and b the shapes of the beta distribution."""
        at = filled(self)
        a, b = at._shapes()
        return at._log_normaliser() + at.concentration * digamma_gap(a + b, a, jax.lax.stop_gradient(b))

    @property
    def mean(self) -> jax.Array:
        """μκ/(n - 1 + κ)"""
        at = filled(self)
        cosine = at.concentration / (at.concentration + (self.event_shape[0] - 1.0))
        return cosine[..., None] * unit(at.mean_direction)

    @property
    def covariance(self) -> jax.Array:
        """v μμ' + w(I - μμ'), v = 4ab/((a + b)²(a + b + 1)), w = 2a/((a + b)(a + b + 1)), [batch..., n, n]."""
        at = filled(self)
        a, b = at._shapes()
        total = a + b
        across = 2.0 * (a / total) / (total + 1.0)
        return covariance(unit(at.mean_direction), 2.0 * across * (b / total), across)

    @property
    def variance(self) -> jax.Array:
        """The diagonal of the covariance."""
        return jnp.diagonal(self.covariance, axis1=-2, axis2=-1)
