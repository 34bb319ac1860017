"""A distribution whose batch counts only in part."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax.families._quantiles import standard_deviation
from kljax.families._record import batch_shape, boolean, family, filled, nested


@family
class Masked:
    """Masked(base, mask): log p(x) = log p_base(x) where ``mask`` is true and 0 elsewhere, [batch...].

    A member of the batch that is masked out costs nothing: it has log-density 0 everywhere, entropy 0 and every
    divergence 0, also if only one of p and q is masked there, as in numpyro. Draws, mean and variance are the base's.

    Example:
        >>> import jax.numpy as jnp
        >>> import kljax
        >>> from kljax.families import Masked, Normal
        >>> p = Masked(Normal(jnp.array([0.0, 1.0]), 1.0), jnp.array([True, False]))
        >>> print(kljax.kl(p, Normal(3.0, 1.0)))
        [4.5 0. ]
    """

    base: Any = nested()
    mask: Any = boolean()

    @property
    def event_shape(self) -> Any:
        """That of the base."""
        return self.base.event_shape

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density of the base, or 0."""
        value = filled(self).base.log_prob(x)
        return jnp.where(jnp.broadcast_to(self.mask, value.shape), value, 0.0)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> Any:
        """Draws of the base."""
        return filled(self).base.sample(key, shape)

    @property
    def support(self) -> Any:
        """That of the base."""
        return self.base.support

    @property
    def mode(self) -> Any:
        """That of the base."""
        return filled(self).base.mode

    stddev = standard_deviation

    def entropy(self) -> jax.Array:
        """The entropy of the base, or 0."""
        return jnp.where(jnp.broadcast_to(self.mask, batch_shape(self)), filled(self).base.entropy(), 0.0)

    @property
    def mean(self) -> Any:
        """That of the base."""
        return filled(self).base.mean

    @property
    def variance(self) -> Any:
        """That of the base."""
        return filled(self).base.variance
