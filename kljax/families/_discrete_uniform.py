"""The uniform distribution of integers."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, real
from kljax.quadrature import Support, integers


@family
class DiscreteUniform:
    """DiscreteUniform(low, high): probability 1/(high - low + 1) of each integer from low to high, both included.

    Example:
        >>> import kljax
        >>> from kljax.families import DiscreteUniform
        >>> print(f"{kljax.kl(DiscreteUniform(1, 6), DiscreteUniform(1, 12)):.4f} {DiscreteUniform(1, 6).mean}")
        0.6931 3.5
    """

    low: Entries = real(0.0)
    high: Entries = real(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is none of the integers low, …, high."""
        k, at = at_points(x, self)
        legal = (k >= at.low) & (k <= at.high) & (k == jnp.floor(k))
        return jnp.where(legal, -jnp.log(number_of_integers(at)), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        at = lifted(self, shape)
        u = noise(jax.random.uniform, key, shape, self)
        return jax.lax.stop_gradient(jnp.minimum(at.low + jnp.floor(u * number_of_integers(at)), at.high))

    @property
    def support(self) -> Support:
        """{low, …, high}"""
        return integers(filled(self).low, filled(self).high)

    def cdf(self, x: Any) -> jax.Array:
        """(⌊x⌋ - low + 1)/(high - low + 1)"""
        x, at = at_points(x, self)
        return jnp.clip((jnp.floor(x) - at.low + 1.0) / number_of_integers(at), 0.0, 1.0)

    def quantile(self, u: Any) -> jax.Array:
        """The least k with F(k) ≥ u."""
        u, at = at_shares(u, self)
        k = jnp.ceil(u * number_of_integers(at))
        # u n is rounded: one less where that is enough already.
        k = jnp.where((k - 1.0) / number_of_integers(at) >= u, k - 1.0, k)
        return jnp.clip(at.low + k - 1.0, at.low, at.high)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log(high - low + 1)"""
        return jnp.log(number_of_integers(filled(self)))

    @property
    def mean(self) -> jax.Array:
        """½(low + high)"""
        at = filled(self)
        return 0.5 * at.low + 0.5 * at.high

    @property
    def variance(self) -> jax.Array:
        """(n² - 1)/12, n = high - low + 1"""
        at = filled(self)
        gap = at.high - at.low
        return gap * (gap + 2.0) / 12.0


def number_of_integers(at: DiscreteUniform) -> jax.Array:
    return at.high - at.low + 1.0
