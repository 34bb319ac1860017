"""The F distribution of Fisher and Snedecor: the ratio of two mean squares."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.gamma import digamma_gap
from kljax._special.incomplete import incomplete_beta, log_beta_level
from kljax._types import Entries
from kljax.families._beta import Beta
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, batch_shape, family, filled, lifted, positive
from kljax.quadrature import Support


@family
class FisherSnedecor:
    """FisherSnedecor(df1, df2): the distribution of (χ²₁/ν₁)/(χ²₂/ν₂); density wᵃ(1 - w)ᵇ/(x B(a, b)), x > 0.

    Here a = ½ν₁, b = ½ν₂ and w = ν₁x/(ν₁x + ν₂), which is Beta(a, b).

    Example:
        >>> from kljax.families import FisherSnedecor
        >>> p = FisherSnedecor(3.0, 8.0)
        >>> print(f"{p.mean:.4f} {p.quantile(0.95):.4f}")
        1.3333 4.0662
    """

    df1: Entries = positive()
    df2: Entries = positive()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        inside = (x > 0.0) & (x < jnp.inf)
        safe = jnp.where(inside, x, 1.0)
        w, rest = _shares(safe, at)
        value = log_beta_level(0.5 * at.df1, 0.5 * at.df2, w, rest) - jnp.log(safe)
        at_zero = jnp.where(at.df1 < 2.0, jnp.inf, jnp.where(at.df1 == 2.0, 0.0, -jnp.inf))
        return jnp.where(inside, value, jnp.where(x == 0.0, at_zero, -jnp.inf))

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        first, second = jax.random.split(key)
        lead, dtype = (*shape, *batch_shape(self)), at.df1.dtype
        # In the logarithm, for draws of small shapes underflow.
        over = jax.random.loggamma(first, 0.5 * at.df1, lead, dtype)
        under = jax.random.loggamma(second, 0.5 * at.df2, lead, dtype)
        return jnp.exp(over - under + jnp.log(at.df2 / at.df1))

    @property
    def support(self) -> Support:
        """(0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """I_w(½ν₁, ½ν₂), the incomplete beta function."""
        x, at = at_points(x, self)
        finite = x < jnp.inf
        w, rest = _shares(jnp.where(finite, jnp.maximum(x, 0.0), 1.0), at)
        return jnp.where(finite, incomplete_beta(0.5 * at.df1, 0.5 * at.df2, w, rest)[0], 1.0)

    quantile = quantile_by_bisection
    stddev = standard_deviation
    fit = fit_by_likelihood

    @property
    def mode(self) -> jax.Array:
        """(ν₁ - 2)ν₂/(ν₁(ν₂ + 2)), at least 0"""
        at = filled(self)
        return jnp.maximum(at.df1 - 2.0, 0.0) / at.df1 * (at.df2 / (at.df2 + 2.0))

    def entropy(self) -> jax.Array:
        """H(Beta(a, b)) + log(ν₂/ν₁) - 2(ψ(b) - ψ(a + b)), a = ½ν₁, b = ½ν₂."""
        at = filled(self)
        a, b = 0.5 * at.df1, 0.5 * at.df2
        return Beta(a, b).entropy() + jnp.log(at.df2 / at.df1) + 2.0 * digamma_gap(a + b, b, a)

    @property
    def mean(self) -> jax.Array:
        """ν₂/(ν₂ - 2), ∞ for ν₂ ≤ 2"""
        df = filled(self).df2
        thin = df > 2.0
        return jnp.where(thin, df / jnp.where(thin, df - 2.0, 1.0), jnp.inf)

    @property
    def variance(self) -> jax.Array:
        """2ν₂²(ν₁ + ν₂ - 2)/(ν₁(ν₂ - 2)²(ν₂ - 4)), ∞ for ν₂ ≤ 4"""
        at = filled(self)
        thin = at.df2 > 4.0
        df = jnp.where(thin, at.df2, 8.0)
        spread = 2.0 * jnp.square(df / (df - 2.0)) * ((at.df1 + df - 2.0) / at.df1) / (df - 4.0)
        return jnp.where(thin, spread, jnp.inf)

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        at = filled(self)
        low, middle, high = (at.quantile(u) for u in (0.25, 0.5, 0.75))
        return middle, high - low


def _shares(x: jax.Array, at: FisherSnedecor) -> tuple[jax.Array, jax.Array]:
    """(w, 1 - w)"""
    odds = x * (at.df1 / at.df2)
    large = odds > 1.0
    inverse = 1.0 / jnp.where(large, odds, 1.0)
    small = jnp.where(large, 1.0, odds)
    return jnp.where(large, 1.0 / (1.0 + inverse), small / (1.0 + small)), jnp.where(
        large, inverse / (1.0 + inverse), 1.0 / (1.0 + small)
    )
