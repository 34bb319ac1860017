"""The Poisson distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import kl_term
from kljax._special.incomplete import incomplete_gamma
from kljax._special.stirling import stirling_excess
from kljax._types import Entries
from kljax.families import _integrals
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, batch_shape, family, filled, non_negative
from kljax.quadrature import Support, integers


@family
class Poisson:
    """Poisson(rate): probability λᵏ exp(-λ)/k! of the integers k ≥ 0.

    Example:
        >>> from kljax.families import Poisson
        >>> print(f"{Poisson(2.0).entropy():.4f}")
        1.7049
    """

    rate: Entries = non_negative()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is no integer ≥ 0."""
        k, at = at_points(x, self)
        legal = (k >= 0.0) & (k < jnp.inf) & (k == jnp.floor(k))
        safe = jnp.where(legal, k, 0.0)
        # k log λ - λ - log k! as two terms, neither of which is large where k ≈ λ.
        return jnp.where(legal, -kl_term(safe, at.rate) - stirling_excess(safe), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        at = filled(self)
        return jax.random.poisson(key, at.rate, (*shape, *batch_shape(self))).astype(at.rate.dtype)

    @property
    def support(self) -> Support:
        """{0, 1, 2, …}"""
        return integers()

    def cdf(self, x: Any) -> jax.Array:
        """Q(⌊x⌋ + 1, λ), the incomplete gamma function"""
        x, at = at_points(x, self)
        k = jnp.floor(x)
        inside = (k >= 0.0) & (k < jnp.inf)
        value = incomplete_gamma(jnp.where(inside, k, 0.0) + 1.0, at.rate)[1]
        return jnp.where(inside, value, jnp.where(k < 0.0, 0.0, 1.0))

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """⌊λ⌋"""
        return jnp.floor(filled(self).rate)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """-Σ p log p, summed."""
        return _integrals.entropy(self)

    @property
    def mean(self) -> jax.Array:
        """λ"""
        return filled(self).rate

    @property
    def variance(self) -> jax.Array:
        """λ"""
        return filled(self).rate

    @property
    def natural(self) -> jax.Array:
        """log λ, [batch..., 1]."""
        return jnp.log(filled(self).rate)[..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """exp η"""
        return jnp.exp(natural[..., 0])
