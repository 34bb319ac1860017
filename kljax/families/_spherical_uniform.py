"""The uniform distribution on a sphere."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax.families._quantiles import standard_deviation
from kljax.families._record import count, dtype_of, family, located
from kljax.families._sphere import dimension, log_area, unit
from kljax.quadrature import Support


@family
class SphericalUniform:
    """SphericalUniform(dimension): density Γ(n/2)/(2π^(n/2)) of unit vectors of n numbers; n is a Python number.

    Example:
        >>> from kljax.families import SphericalUniform
        >>> print(f"{SphericalUniform(3).entropy():.4f}")
        2.5310
    """

    dimension: Any = count(whole=True)

    def _check(self) -> None:
        if not isinstance(self.dimension, float):
            raise TypeError(
                f"SphericalUniform: dimension must be a Python number; got {type(self.dimension).__name__}."
            )
        dimension("SphericalUniform", int(self.dimension))

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n,)"""
        return (int(self.dimension),)

    @property
    def support(self) -> Support:
        """Unit vectors."""
        return Support(-1.0, 1.0, "sphere")

    stddev = standard_deviation

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at unit vectors x, [..., n], with respect to the area."""
        x = located(x, self)
        return jnp.full(x.shape[:-1], -log_area(*self.event_shape), x.dtype)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws."""
        return unit(jax.random.normal(key, (*shape, *self.event_shape), dtype_of(self)))

    def entropy(self) -> jax.Array:
        """The logarithm of the area."""
        return jnp.asarray(log_area(*self.event_shape), dtype_of(self))

    @property
    def mean(self) -> jax.Array:
        """0"""
        return jnp.zeros(self.event_shape, dtype_of(self))

    @property
    def variance(self) -> jax.Array:
        """1/n"""
        return jnp.full(self.event_shape, 1.0 / self.dimension, dtype_of(self))

    @property
    def covariance(self) -> jax.Array:
        """I/n, [n, n]."""
        return jnp.diag(self.variance)
