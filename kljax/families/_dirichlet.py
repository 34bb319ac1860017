"""The Dirichlet distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import excess_over_one, gamma_entropy, log_density
from kljax._special.elementwise import divide
from kljax._special.gamma import digamma, log_gamma
from kljax._special.stirling import phi
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._log_draws import Logs, of_log
from kljax.families._matrices import embedded, identity
from kljax.families._quantiles import standard_deviation
from kljax.families._record import at_points, batch_shape, family, filled, lifted, positive
from kljax.quadrature import Support


@family
class Dirichlet:
    """Dirichlet(concentration): density ∏ xᵢ^(αᵢ - 1) Γ(α₀)/∏ Γ(αᵢ) of probabilities x, α₀ = Σ αᵢ.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import Dirichlet
        >>> print(f"{Dirichlet(jnp.array([2.0, 3.0, 5.0])).entropy():.4f}")
        -1.4612
    """

    concentration: Entries = positive(ndim=1)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n,), the number of outcomes."""
        return self.concentration.shape[-1:]

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        a = lifted(self, shape).concentration
        logs = jax.random.loggamma(key, a, a.shape, a.dtype)
        return of_log(logs - jax.nn.logsumexp(logs, -1, keepdims=True))

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        if not isinstance(x, Logs):
            return self.log_prob(x)
        log, at = at_points(x.log, self)
        normal = jnp.all(x.normal(), -1)
        safe = jnp.where(normal[..., None], x.x, 1.0 / log.shape[-1])
        beside = jnp.sum((at.concentration - 1.0) * log, -1) - _log_beta(at.concentration)
        return jnp.where(normal, self.log_prob(safe), beside)

    @property
    def support(self) -> Support:
        """Probabilities that add up to one."""
        return Support(0.0, 1.0, "simplex")

    @property
    def mode(self) -> jax.Array:
        """(α - 1)/(α₀ - n) for α > 1, else NaN"""
        a = self.concentration
        peaked = (a > 1.0).all(-1, keepdims=True)
        return jnp.where(peaked, (a - 1.0) / jnp.where(peaked, (a - 1.0).sum(-1, keepdims=True), 1.0), jnp.nan)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density of the first n - 1 of the probabilities x, [..., n]; -∞ where one is negative."""
        x, at = at_points(x, self)
        legal = jnp.all((x >= 0.0) & (x < jnp.inf), -1)
        safe, a = jnp.where(legal[..., None], x, 1.0 / x.shape[-1]), at.concentration
        # log p = Σ log g(xᵢ; αᵢ) + φ(α₀) + α₀(Σ xᵢ - 1), g the density of a gamma variable of rate α₀.
        total = jnp.sum(a, -1)
        rate = jnp.broadcast_to(total[..., None], a.shape)
        parts = jnp.sum(log_density(safe, a, rate, jnp.ones_like(a)), -1)
        return jnp.where(legal, parts + phi(total) + total * excess_over_one(safe), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return jax.random.dirichlet(key, at.concentration, (*shape, *batch_shape(self)), at.concentration.dtype)

    def entropy(self) -> jax.Array:
        """log B(α) + (α₀ - n)ψ(α₀) - Σ (αᵢ - 1)ψ(αᵢ) = Σ G(αᵢ) - G(α₀) - (n - 1)ψ(α₀)."""
        a = self.concentration
        total = jnp.sum(a, -1)
        return jnp.sum(gamma_entropy(a), -1) - gamma_entropy(total) - (a.shape[-1] - 1.0) * digamma(total)

    @property
    def mean(self) -> jax.Array:
        """α/α₀"""
        return divide(self.concentration, self._totals())

    @property
    def variance(self) -> jax.Array:
        """m(1 - m)/(α₀ + 1), m the mean."""
        total, mean = self._totals(), self.mean
        return divide(mean * divide(total - self.concentration, total), total + 1.0)

    def _totals(self) -> jax.Array:
        return jnp.broadcast_to(jnp.sum(self.concentration, -1, keepdims=True), self.concentration.shape)

    @property
    def covariance(self) -> jax.Array:
        """(diag m - m m')/(α₀ + 1), [batch..., n, n]."""
        mean = self.mean
        total = jnp.sum(self.concentration, -1)[..., None, None]
        off = -mean[..., :, None] * mean[..., None, :] / (total + 1.0)
        return jnp.where(identity(off) > 0.0, embedded(self.variance), off)

    @property
    def natural(self) -> jax.Array:
        """α - 1, [batch..., n]."""
        return filled(self).concentration - 1.0

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log B(η + 1)"""
        return _log_beta(natural + 1.0)


def _log_beta(a: jax.Array) -> jax.Array:
    return jnp.sum(log_gamma(a), -1) - log_gamma(jnp.sum(a, -1))
