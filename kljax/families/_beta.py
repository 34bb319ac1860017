"""The beta distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import LARGE, gamma_entropy, log_beta, share, share_deviance
from kljax._special.edges import at_end, power_log, power_log1m
from kljax._special.elementwise import divide, log1p
from kljax._special.gamma import digamma
from kljax._special.incomplete import incomplete_beta
from kljax._special.stirling import phi
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._log_draws import Logs, as_logs, of_share, rest_of
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, batch_shape, family, filled, lifted, positive
from kljax.quadrature import Support


@family
class Beta:
    """Beta(concentration1, concentration0): density xᵃ⁻¹(1 - x)ᵇ⁻¹/B(a, b) on (0, 1).

    Example:
        >>> from kljax.families import Beta
        >>> print(f"{Beta(2.0, 3.0).entropy():.4f}")
        -0.2349
    """

    concentration1: Entries = positive()
    concentration0: Entries = positive()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= 0.0) & (x <= 1.0)
        a, b = at.concentration1, at.concentration0
        low = jnp.minimum(a, b) < LARGE
        y, first, second = jnp.where(legal, x, 0.5), jnp.where(low, a, 1.0), jnp.where(low, b, 1.0)
        small = power_log(first - 1.0, y) + power_log1m(second - 1.0, y) - log_beta(first, second)
        z, first, second = jnp.where((y > 0.0) & (y < 1.0), y, 0.5), jnp.where(low, LARGE, a), jnp.where(low, LARGE, b)
        level = phi(first + second) - phi(first) - phi(second)
        large = level - share_deviance(first, second, z) - jnp.log(z) - log1p(-z)
        inside = at_end(x == 1.0, b - 1.0, at_end(x == 0.0, a - 1.0, jnp.where(low, small, large)))
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        shape = (*shape, *batch_shape(self))
        return jax.random.beta(key, at.concentration1, at.concentration0, shape, at.concentration1.dtype)

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        at, keys = lifted(self, shape), jax.random.split(key)
        logs = [
            jax.random.loggamma(one, a, a.shape, a.dtype)
            for one, a in zip(keys, (at.concentration1, at.concentration0), strict=True)
        ]
        odds = logs[0] - logs[1]
        return of_share(-jax.nn.softplus(-odds), -jax.nn.softplus(odds))

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        x = as_logs(self, x)
        log, at = at_points(x.log, self)
        a, b = at.concentration1, at.concentration0
        inside = (x.x > 0.25) & (x.x < 0.75)
        beside = (a - 1.0) * log + (b - 1.0) * rest_of(x) - log_beta(a, b)
        large = jnp.minimum(a, b) >= LARGE
        return jnp.where(inside | (large & (x.x < 1.0) & x.normal()), self.log_prob(x.x), beside)

    @property
    def support(self) -> Support:
        """(0, 1)"""
        return Support(0.0, 1.0)

    def cdf(self, x: Any) -> jax.Array:
        """Iₓ(a, b), the incomplete beta function"""
        x, at = at_points(x, self)
        return incomplete_beta(at.concentration1, at.concentration0, x, 1.0 - x)[0]

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """(a - 1)/(a + b - 2) for a, b ≥ 1; an end where one of them is less; NaN without a single mode"""
        at = filled(self)
        a, b = at.concentration1, at.concentration0
        peaked = (a >= 1.0) & (b >= 1.0) & (a + b > 2.0)
        inner = (a - 1.0) / jnp.where(peaked, (a - 1.0) + (b - 1.0), 1.0)
        ends = jnp.where((a < 1.0) & (b >= 1.0), 0.0, jnp.where((a >= 1.0) & (b < 1.0), 1.0, jnp.nan))
        return jnp.where(peaked, inner, ends)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log B(a, b) - (a - 1)ψ(a) - (b - 1)ψ(b) + (a + b - 2)ψ(a + b)."""
        at = filled(self)
        a, b = at.concentration1, at.concentration0
        return gamma_entropy(a) + gamma_entropy(b) - gamma_entropy(a + b) - digamma(a + b)

    @property
    def mean(self) -> jax.Array:
        """a/(a + b)"""
        at = filled(self)
        return share(at.concentration1, at.concentration0)

    @property
    def variance(self) -> jax.Array:
        """ab/((a + b)²(a + b + 1))"""
        at = filled(self)
        a, b = at.concentration1, at.concentration0
        return divide(share(a, b) * share(b, a), a + b + 1.0)

    @property
    def natural(self) -> jax.Array:
        """(a - 1, b - 1), [batch..., 2]."""
        at = filled(self)
        return jnp.stack([at.concentration1 - 1.0, at.concentration0 - 1.0], -1)

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log B(η₁ + 1, η₂ + 1)"""
        return log_beta(natural[..., 0] + 1.0, natural[..., 1] + 1.0)
