"""The logarithmic distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import (
    divide,
    expm1,
    expm1_ratio,
    log1p,
    log_ratio,
    x_minus_log1p,
)
from kljax._special.odds import log_complement
from kljax._types import Entries
from kljax.families import _integrals
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import quantile_by_bisection, standard_deviation, summed_cdf
from kljax.families._record import at_points, batch_shape, family, filled, probability
from kljax.quadrature import Support, integers


@family
class Logarithmic:
    """Logarithmic(probs): probability pᵏ/(k L) of the integers k ≥ 1, L = -log(1 - p), 0 < p < 1.

    Also called the log-series distribution.

    Example:
        >>> from kljax.families import Logarithmic
        >>> print(f"{Logarithmic(0.5).mean:.4f} {Logarithmic(0.5).variance:.4f}")
        1.4427 0.8040
    """

    probs: Entries = probability(open_low=True, open_high=True)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is no integer ≥ 1."""
        k, at = at_points(x, self)
        legal = (k >= 1.0) & (k < jnp.inf) & (k == jnp.floor(k))
        k = jnp.where(legal, k, 1.0)
        length = -log_complement(at.probs)
        # (k - 1) log p + log(p/L), for p/L is near 1 where p is small.
        inside = (k - 1.0) * jnp.log(at.probs) - jnp.log(k) + log_ratio(at.probs, length)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative (Kemp 1981, algorithm LK)."""
        at = filled(self)
        shape = (*shape, *batch_shape(self))
        first, second = (jax.random.uniform(one, shape, at.probs.dtype) for one in jax.random.split(key))
        ratio = -expm1((1.0 - first) * jnp.broadcast_to(log_complement(at.probs), shape))
        return jax.lax.stop_gradient(1.0 + jnp.floor(log1p(-second) / jnp.log(ratio)))

    @property
    def support(self) -> Support:
        """{1, 2, 3, …}"""
        return integers(1)

    cdf = summed_cdf

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """1"""
        return jnp.ones_like(filled(self).probs)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """-Σ p log p, summed."""
        return _integrals.entropy(self)

    @property
    def mean(self) -> jax.Array:
        """p/((1 - p)L)"""
        return expm1_ratio(-log_complement(filled(self).probs))

    @property
    def variance(self) -> jax.Array:
        """p(L - p)/((1 - p)L)²"""
        return logarithmic_variance(filled(self).probs)

    @property
    def natural(self) -> jax.Array:
        """log p, [batch..., 1]."""
        return jnp.log(filled(self).probs)[..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log(-log(1 - e^η))"""
        return jnp.log(-log_complement(jnp.exp(natural[..., 0])))


def logarithmic_variance(p: jax.Array) -> jax.Array:
    spread = (1.0 - p) * log_complement(p)
    return divide(divide(p * x_minus_log1p(-p), spread), spread)
