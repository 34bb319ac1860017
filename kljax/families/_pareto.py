"""The Pareto distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, log_ratio
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._log_draws import Logs, as_logs
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support


@family
class Pareto:
    """Pareto(concentration, scale): density αmᵅ/xᵅ⁺¹ for x ≥ m.

    Example:
        >>> from kljax.families import Pareto
        >>> print(f"{Pareto(2.0, 1.0).entropy():.4f}")
        0.8069
    """

    concentration: Entries = positive()
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= at.scale) & (x < jnp.inf)
        z = log_ratio(jnp.where(legal, x, 1.0), jnp.where(legal, at.scale, 1.0))
        inside = jnp.log(at.concentration) - jnp.log(at.scale) - (at.concentration + 1.0) * z
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return at.scale * jnp.exp(noise(jax.random.exponential, key, shape, self) / at.concentration)

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        at = lifted(self, shape)
        above = noise(jax.random.exponential, key, shape, self) / at.concentration
        return Logs(at.scale * jnp.exp(above), jnp.log(at.scale) + above)

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        x = as_logs(self, x)
        log, at = at_points(x.log, self)
        beyond = jnp.log(at.concentration) - log - at.concentration * (log - jnp.log(at.scale))
        return jnp.where(x.x == jnp.inf, beyond, self.log_prob(x.x))

    @property
    def support(self) -> Support:
        """[m, ∞)"""
        return Support(filled(self).scale, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """1 - (m/x)ᵅ"""
        x, at = at_points(x, self)
        inside = x > at.scale
        return jnp.where(
            inside, -jnp.expm1(at.concentration * log_ratio(at.scale, jnp.where(inside, x, at.scale))), 0.0
        )

    def quantile(self, u: Any) -> jax.Array:
        """m(1 - u)^(-1/α)"""
        u, at = at_shares(u, self)
        return at.scale * jnp.exp(-jnp.log1p(-u) / at.concentration)

    @property
    def mode(self) -> jax.Array:
        """m"""
        return filled(self).scale

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log(m/α) + 1/α + 1."""
        at = filled(self)
        return jnp.log(at.scale) - jnp.log(at.concentration) + 1.0 / at.concentration + 1.0

    @property
    def mean(self) -> jax.Array:
        """αm/(α - 1), ∞ for α ≤ 1"""
        at = filled(self)
        thin = at.concentration > 1.0
        a = jnp.where(thin, at.concentration, 2.0)
        return jnp.where(thin, at.scale + divide(at.scale, a - 1.0), jnp.inf)

    @property
    def variance(self) -> jax.Array:
        """αm²/((α - 1)²(α - 2)), ∞ for α ≤ 2"""
        at = filled(self)
        thin = at.concentration > 2.0
        a = jnp.where(thin, at.concentration, 3.0)
        share = 1.0 + divide(jnp.full_like(a, 2.0), a - 2.0)
        return jnp.where(thin, share * jnp.square(divide(at.scale, a - 1.0)), jnp.inf)

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        return self.scale, self.scale * jnp.minimum(1.0 / self.concentration, 1.0)  # the moments may be infinite
