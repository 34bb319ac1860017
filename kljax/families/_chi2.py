"""The chi-squared distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.gamma import log_gamma
from kljax._special.incomplete import incomplete_gamma
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._gamma import Gamma
from kljax.families._log_draws import Logs
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, positive
from kljax.quadrature import Support


@family
class Chi2:
    """Chi2(df): density x^(½k-1) exp(-½x)/(2^(½k) Γ(½k)) for x > 0, Gamma(½k, ½).

    Example:
        >>> from kljax.families import Chi2
        >>> print(f"{Chi2(2.0).entropy():.4f}")
        1.6931
    """

    df: Entries = positive()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        return as_gamma(self).log_prob(x)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameter."""
        return as_gamma(self).sample(key, shape)

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        return as_gamma(self)._draw_logs(key, shape)

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        return as_gamma(self)._log_prob_of_logs(x)

    @property
    def support(self) -> Support:
        """(0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """P(½ν, ½x), the incomplete gamma function"""
        x, at = at_points(x, self)
        return incomplete_gamma(0.5 * at.df, 0.5 * x)[0]

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """ν - 2, at least 0"""
        return jnp.maximum(filled(self).df - 2.0, 0.0)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """½k + log 2 + log Γ(½k) + (1 - ½k)ψ(½k)."""
        return as_gamma(self).entropy()

    @property
    def mean(self) -> jax.Array:
        """k"""
        return filled(self).df

    @property
    def variance(self) -> jax.Array:
        """2k"""
        return 2.0 * filled(self).df

    @property
    def natural(self) -> jax.Array:
        """½k - 1, [batch..., 1]."""
        return 0.5 * filled(self).df[..., None] - 1.0

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """(η + 1) log 2 + log Γ(η + 1)"""
        half = natural[..., 0] + 1.0
        return half * math.log(2.0) + log_gamma(half)


def as_gamma(record: Chi2) -> Gamma:
    """Gamma(½k, ½)"""
    return Gamma(0.5 * record.df, jnp.full_like(record.df, 0.5))
