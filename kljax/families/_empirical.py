"""Probabilities of finitely many points, as observations give them."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax import logits
from kljax._special.elementwise import log_ratio
from kljax._types import Entries
from kljax.families._equal_points import runs
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import (
    at_points,
    family,
    filled,
    lifted,
    optional,
    probability,
    real,
    static,
)
from kljax.quadrature import Support


@family
class Empirical:
    """Empirical(points, weights): probability Σ wⱼ 1[xⱼ = x] of x, for points [..., n] and weights [..., n].

    Without weights every point has 1/n; they should sum to one. The last ``ndims`` dimensions of the points,
    [..., n, event...], are those of one draw. Points may be equal. It is a discrete distribution: KL against a density
    is inf, and ``kljax.cross_entropy(empirical, q)`` the average of -log q(xⱼ), for densities too.

    Example:
        >>> import jax.numpy as jnp
        >>> import kljax
        >>> from kljax.families import Empirical, Exponential, Poisson
        >>> seen = Empirical(jnp.array([0.0, 2.0, 1.0, 2.0]))
        >>> print(f"{kljax.kl(seen, Poisson(1.5)):.4f} {kljax.cross_entropy(seen, Exponential(0.8)):.4f}")
        0.3000 1.2231
    """

    points: Entries = real(ndim=1)
    weights: Any = optional(probability, ndim=1)
    ndims: Any = static(0)

    def _check(self) -> None:
        check_ndims("Empirical", "points", self.points, self.ndims, 1)
        count = self.points.shape[self.points.ndim - 1 - self.ndims]
        if self.weights is not None and self.weights.shape[-1] != count:
            raise ValueError(
                f"Empirical: weights must have an entry for each of the {count} points; got shape {self.weights.shape}."
            )

    def _event_ndims(self) -> dict[str, int]:
        return {"points": 1 + self.ndims}

    def log_weights(self) -> jax.Array:
        """log w, [batch..., n]; -∞ for weights of zero."""
        at = filled(self)
        if at.weights is None:
            rows = at.points.shape[: at.points.ndim - self.ndims]
            return jnp.full(rows, -math.log(rows[-1]), at.points.dtype)
        return log_ratio(at.weights, jnp.ones_like(at.weights))

    def _weights(self) -> jax.Array:
        """w with a dimension for each one of a draw, [batch..., n, 1...]."""
        at = filled(self)
        rows = jnp.exp(self.log_weights()) if at.weights is None else at.weights
        return rows.reshape(*rows.shape, *(1,) * self.ndims)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The last dimensions of the points."""
        return self.points.shape[self.points.ndim - self.ndims :]

    def log_prob(self, x: Any) -> jax.Array:
        """The logarithm of the probability of x, not of a density; -∞ for what is none of the points."""
        x, at = at_points(x, self)
        axes = tuple(range(-self.ndims, 0))
        same = (jnp.expand_dims(x, -1 - self.ndims) == at.points).all(axes)
        total = jnp.where(same, at._weights().reshape(same.shape), 0.0).sum(-1)
        return jnp.where(total > 0.0, jnp.log(jnp.where(total > 0.0, total, 1.0)), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Points drawn with replacement; they carry no derivative in the weights."""
        rows = self.log_weights()
        index = jax.random.categorical(key, rows, shape=(*shape, *rows.shape[:-1]))
        points = lifted(self, shape).points
        index = index.reshape(*index.shape, *(1,) * (1 + self.ndims))
        return jnp.squeeze(jnp.take_along_axis(points, index, -1 - self.ndims), -1 - self.ndims)

    @property
    def support(self) -> Support:
        """{x₁, …, xₙ}, of vectors the bounds of the entries."""
        at = filled(self).points
        return Support(at.min(-1 - self.ndims), at.max(-1 - self.ndims), "points")

    def cdf(self, x: Any) -> jax.Array:
        """Σ wⱼ over the points xⱼ ≤ x; of numbers only."""
        if self.ndims:
            raise NotImplementedError(
                "Empirical has a distribution function for points that are numbers; ndims is not 0."
            )
        x, at = at_points(x, self)
        return jnp.minimum(jnp.where(at.points <= x[..., None], at._weights(), 0.0).sum(-1), 1.0)

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """The point of the largest probability, the first of several"""
        at = filled(self)
        flat = at.points.reshape(*at.points.shape[: at.points.ndim - self.ndims], -1)
        same = (flat[..., :, None, :] == flat[..., None, :, :]).all(-1)
        weights = jnp.exp(self.log_weights())
        best = jnp.where(same, weights[..., None, :], 0.0).sum(-1).argmax(-1)
        index = best.reshape(*best.shape, *(1,) * (1 + self.ndims))
        return jnp.squeeze(jnp.take_along_axis(at.points, index, -1 - self.ndims), -1 - self.ndims)

    stddev = standard_deviation

    def entropy(self) -> jax.Array:
        """-Σ p log p over different points."""
        points = filled(self).points
        flat = points.reshape(*points.shape[: points.ndim - self.ndims], -1)
        found: jax.Array = logits.entropy(runs(flat, self.log_weights())[1][0])
        return found

    @property
    def mean(self) -> jax.Array:
        """Σ wⱼ xⱼ"""
        return (self._weights() * filled(self).points).sum(-1 - self.ndims)

    @property
    def variance(self) -> jax.Array:
        """Σ wⱼ (xⱼ - m)², m the mean."""
        away = filled(self).points - jnp.expand_dims(self.mean, -1 - self.ndims)
        return (self._weights() * jnp.square(away)).sum(-1 - self.ndims)


def check_ndims(family_name: str, name: str, array: jax.Array, ndims: Any, more: int = 0) -> None:
    """Raises unless ``ndims`` is a number of dimensions that the array has, beside ``more``."""
    if isinstance(ndims, bool) or not isinstance(ndims, int):
        raise TypeError(f"{family_name}: ndims must be an int; got {ndims!r}.")
    if not 0 <= ndims <= array.ndim - more:
        raise ValueError(
            f"{family_name}: ndims must lie in [0, {array.ndim - more}] for {name} of shape {array.shape}; got {ndims}."
        )
