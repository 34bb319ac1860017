"""Batch dimensions that become dimensions of one draw."""

from __future__ import annotations

from typing import Any

import jax

from kljax.families._log_draws import draw, log_prob
from kljax.families._quantiles import standard_deviation
from kljax.families._record import batch_shape, family, filled, nested, static
from kljax.quadrature import Support


@family
class Independent:
    """Independent(base, ndims): log p(x) = Σ log p(xᵢ), the last ``ndims`` batch dimensions of ``base`` as one draw.

    Divergences that add over independent parts, KL, Jeffreys, Rényi, Bhattacharyya, are sums of those of the entries;
    what is a power integral, such as χ² and squared Hellinger, follows from them.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import Independent, Normal
        >>> print(f"{Independent(Normal(jnp.zeros(3), 1.0), 1).entropy():.4f}")
        4.2568
    """

    base: Any = nested()
    ndims: Any = static(1)

    def _check(self) -> None:
        if isinstance(self.ndims, bool) or not isinstance(self.ndims, int):
            raise TypeError(f"Independent: ndims must be an int; got {self.ndims!r}.")
        shape = batch_shape(self.base)
        if not 0 <= self.ndims <= len(shape):
            raise ValueError(
                f"Independent: ndims must lie in [0, {len(shape)}], for the batch shape of base is {shape}; "
                f"got {self.ndims}."
            )

    def _own(self) -> tuple[int, ...]:
        shape = batch_shape(self.base)
        return shape[len(shape) - self.ndims :]

    def _inner(self) -> dict[str, tuple[int, ...]]:
        return {"base": self._own()}

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The last dimensions of the batch, and then those of one draw of the base."""
        return (*self._own(), *self.base.event_shape)

    def log_prob(self, x: Any) -> jax.Array:
        """Σ log p(xᵢ)"""
        return self._sum(self.base.log_prob(x))

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws of the base."""
        return self.base.sample(key, shape)

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Any:
        return draw(self.base, key, shape)

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        return self._sum(log_prob(self.base, x))

    @property
    def support(self) -> Support:
        """That of each entry."""
        return self.base.support

    @property
    def mode(self) -> jax.Array:
        """That of the base."""
        return self.base.mode

    stddev = standard_deviation

    def entropy(self) -> jax.Array:
        """The sum of the entropies."""
        return self._sum(filled(self.base).entropy())

    @property
    def mean(self) -> jax.Array:
        """That of the base."""
        return self.base.mean

    @property
    def variance(self) -> jax.Array:
        """That of the base, entry by entry."""
        return self.base.variance

    def _sum(self, values: jax.Array) -> jax.Array:
        return values.sum(tuple(range(-self.ndims, 0)))
