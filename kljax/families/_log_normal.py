"""The log-normal distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri

from kljax._special.edges import growing
from kljax._special.elementwise import divide, expm1_ratio, tiny
from kljax._special.logarithms import log_less
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._log_draws import Logs, as_logs, of_log
from kljax.families._normal import Normal
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support


@family
class LogNormal:
    """LogNormal(loc, scale): exp of a Normal(loc, scale) variable.

    Example:
        >>> from kljax.families import LogNormal
        >>> print(f"{LogNormal(0.0, 1.0).entropy():.4f}")
        1.4189
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= tiny(x)) & (x < jnp.inf)
        safe = jnp.where(legal, x, 1.0)
        z = divide(log_less(safe, jnp.where(legal, at.loc, 0.0)), at.scale)
        inside = -0.5 * jnp.square(z) - jnp.log(at.scale) - jnp.log(safe) - 0.5 * math.log(2.0 * math.pi)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return jnp.exp(at.loc + at.scale * noise(jax.random.normal, key, shape, self))

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        return of_log(Normal(self.loc, self.scale).sample(key, shape))

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        x = as_logs(self, x)
        normal = x.normal()
        beyond = Normal(self.loc, self.scale).log_prob(x.log) - x.log
        return jnp.where(normal, self.log_prob(jnp.where(normal, x.x, 1.0)), beyond)

    @property
    def support(self) -> Support:
        """(0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """Φ((log x - μ)/σ)"""
        x, at = at_points(x, self)
        safe = jnp.where(x > 0.0, x, 1.0)
        return jnp.where(x > 0.0, ndtr((jnp.log(safe) - at.loc) / at.scale), 0.0)

    def quantile(self, u: Any) -> jax.Array:
        """exp(μ + σΦ⁻¹(u))"""
        u, at = at_shares(u, self)
        return jnp.exp(at.loc + at.scale * ndtri(u))

    @property
    def mode(self) -> jax.Array:
        """exp(μ - σ²)"""
        at = filled(self)
        return jnp.exp(at.loc - jnp.square(at.scale))

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """μ + log σ + ½ log(2πe)."""
        at = filled(self)
        return at.loc + jnp.log(at.scale) + 0.5 * math.log(2.0 * math.pi * math.e)

    @property
    def mean(self) -> jax.Array:
        """exp(μ + ½σ²)"""
        at = filled(self)
        log = at.loc + 0.5 * jnp.square(at.scale)
        return growing(jnp.exp(log), log)

    @property
    def variance(self) -> jax.Array:
        """(exp(σ²) - 1) exp(2μ + σ²)"""
        at = filled(self)
        # exp(2μ + 2σ²)(1 - exp(-σ²))
        square = jnp.square(at.scale)
        share = expm1_ratio(-square)
        value = jnp.square(jnp.exp(at.loc + square) * (at.scale * jnp.sqrt(share)))
        return growing(value, 2.0 * (at.loc + square) + 2.0 * jnp.log(at.scale) + jnp.log(share))

    @property
    def natural(self) -> jax.Array:
        """(μ/σ², -1/(2σ²)), [batch..., 2]."""
        return Normal(self.loc, self.scale).natural

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """That of the normal distribution."""
        return Normal.log_partition(natural)
