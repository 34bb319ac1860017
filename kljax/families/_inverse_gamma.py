"""The inverse gamma distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import LARGE, gamma_entropy, rate_deviance
from kljax._special.elementwise import divide, log_ratio, tiny
from kljax._special.gamma import digamma, log_gamma
from kljax._special.incomplete import incomplete_gamma
from kljax._special.stirling import phi
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._gamma import Gamma
from kljax.families._log_draws import Logs, as_logs, of_log
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, positive
from kljax.quadrature import Support


@family
class InverseGamma:
    """InverseGamma(concentration, scale): 1/x for x from Gamma(concentration, rate=scale).

    Example:
        >>> from kljax.families import InverseGamma
        >>> print(f"{InverseGamma(2.0, 1.0).entropy():.4f}")
        0.7316
    """

    concentration: Entries = positive()
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= tiny(x)) & (x < jnp.inf)
        a, b = at.concentration, at.scale
        low = a < LARGE
        y, shape = jnp.where(legal, x, b), jnp.where(low, a, 1.0)
        small = shape * log_ratio(b, y) - divide(b, y) - log_gamma(shape)
        shape = jnp.where(low, LARGE, a)
        large = -rate_deviance(shape, b, jnp.ones_like(y), y) - phi(shape)
        return jnp.where(legal, jnp.where(low, small, large) - jnp.log(y), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        return 1.0 / Gamma(self.concentration, self.scale).sample(key, shape)

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        return of_log(-Gamma(self.concentration, self.scale)._draw_logs(key, shape).log)

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        x = as_logs(self, x)
        log, at = at_points(x.log, self)
        a, normal = at.concentration, x.normal()
        beyond = a * jnp.log(at.scale) - (a + 1.0) * log - log_gamma(a) - jnp.exp(jnp.log(at.scale) - log)
        return jnp.where(normal, self.log_prob(jnp.where(normal, x.x, 1.0)), beyond)

    @property
    def support(self) -> Support:
        """(0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """Q(α, β/x), the incomplete gamma function"""
        x, at = at_points(x, self)
        inside = x > 0.0
        return jnp.where(inside, incomplete_gamma(at.concentration, at.scale / jnp.where(inside, x, 1.0))[1], 0.0)

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """β/(α + 1)"""
        at = filled(self)
        return at.scale / (at.concentration + 1.0)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """α + log β + log Γ(α) - (1 + α)ψ(α)."""
        at = filled(self)
        a = at.concentration
        return gamma_entropy(a) - 2.0 * digamma(a) + jnp.log(at.scale)

    @property
    def mean(self) -> jax.Array:
        """β/(α - 1), ∞ for α ≤ 1"""
        at = filled(self)
        thin = at.concentration > 1.0
        return jnp.where(thin, divide(at.scale, jnp.where(thin, at.concentration - 1.0, 1.0)), jnp.inf)

    @property
    def variance(self) -> jax.Array:
        """β²/((α - 1)²(α - 2)), ∞ for α ≤ 2"""
        at = filled(self)
        thin = at.concentration > 2.0
        a = jnp.where(thin, at.concentration, 3.0)
        return jnp.where(thin, jnp.square(at.scale / (a - 1.0)) / (a - 2.0), jnp.inf)

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        mode = self.scale / (self.concentration + 1.0)  # the moments may be infinite
        return mode, mode

    @property
    def natural(self) -> jax.Array:
        """(-α - 1, -β), [batch..., 2]."""
        at = filled(self)
        return jnp.stack([-at.concentration - 1.0, -at.scale], -1)

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log Γ(-η₁ - 1) + (η₁ + 1) log(-η₂)"""
        shape, scale = -natural[..., 0] - 1.0, -natural[..., 1]
        return log_gamma(shape) - shape * jnp.log(scale)
