"""A distribution whose batch counts only in part."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax.families._log_draws import draw, log_prob
from kljax.families._padding import padded, point_of, repaired
from kljax.families._quantiles import standard_deviation
from kljax.families._record import batch_shape, boolean, family, filled, nested


@family
class Masked:
    """Masked(base, mask): log p(x) = log p_base(x) where ``mask`` is true and 0 elsewhere, [batch...].

    A member of the batch that is masked out costs nothing: it has log-density 0 everywhere, entropy 0 and every
    divergence 0, also if only one of p and q is masked there, as in numpyro. Draws, mean and variance are the base's.
    What its parameters hold does not matter: NaN or a scale of zero, from padding, gives no NaN in any gradient.

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
        at = self._filled()
        value = padded(at.base, at.mask).log_prob(point_of(at.base, x, at.mask))
        return jnp.where(jnp.broadcast_to(at.mask, value.shape), value, 0.0)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> Any:
        """Draws of the base."""
        return self._repaired().sample(key, shape)

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Any:
        return draw(self._repaired(), key, shape)

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        at = self._filled()
        value = log_prob(padded(at.base, at.mask), x)
        return jnp.where(jnp.broadcast_to(at.mask, value.shape), value, 0.0)

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
        at = self._filled()
        return jnp.where(at.mask, padded(at.base, at.mask).entropy(), 0.0)

    @property
    def mean(self) -> Any:
        """That of the base."""
        return self._repaired().mean

    @property
    def variance(self) -> Any:
        """That of the base."""
        return self._repaired().variance

    def _filled(self) -> Masked:
        # What has no array parameters has no batch of its own.
        if batch_shape(self.base) == () and batch_shape(self) == ():
            return self
        return filled(self)

    def _repaired(self) -> Any:
        at = self._filled()
        return repaired(at.base, at.mask)
