"""The Weibull distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import log_gamma_bend
from kljax._special.edges import at_end, growing
from kljax._special.elementwise import divide, expm1, expm1_minus_x, log_ratio
from kljax._special.gamma import log_gamma_1p
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._gumbel import EULER
from kljax.families._log_draws import Logs, as_logs, log_of, of_log
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support


@family
class Weibull:
    """Weibull(concentration, scale): density (k/λ)(x/λ)ᵏ⁻¹ exp(-(x/λ)ᵏ) for x > 0.

    Example:
        >>> from kljax.families import Weibull
        >>> print(f"{Weibull(2.0, 1.0).entropy():.4f}")
        0.5955
    """

    concentration: Entries = positive()
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal, k = (x >= 0.0) & (x < jnp.inf), at.concentration
        # Where the density is finite at zero, it is taken beside it.
        beside = jnp.where(x == 0.0, jax.lax.stop_gradient(at.scale) * 2.0**-100, 0.0)
        y = jnp.where(legal, x, at.scale) + beside
        z = log_ratio(y, at.scale)
        power = k * z
        near = jnp.abs(power) < 1.0
        # kz - exp(kz) = -1 - e(kz), and (k - 1)z - log λ = kz - log x: whichever of both loses nothing.
        close = -jnp.log(y) - 1.0 - expm1_minus_x(jnp.where(near, power, 0.0))
        far = jnp.where(k < 0.5, power - jnp.log(y), (k - 1.0) * z - jnp.log(at.scale))
        inside = jnp.log(k) + jnp.where(near, close, far - growing(jnp.exp(power), power))
        return jnp.where(legal, at_end(x == 0.0, k - 1.0, inside), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return at.scale * noise(jax.random.exponential, key, shape, self) ** (1.0 / at.concentration)

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        at = lifted(self, shape)
        return of_log(log_of(noise(jax.random.exponential, key, shape, self)) / at.concentration + jnp.log(at.scale))

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        x = as_logs(self, x)
        log, at = at_points(x.log, self)
        k, z, normal = at.concentration, log - jnp.log(at.scale), x.normal()
        beyond = jnp.log(k) - jnp.log(at.scale) + (k - 1.0) * z - jnp.exp(k * z)
        return jnp.where(normal, self.log_prob(jnp.where(normal, x.x, 1.0)), beyond)

    @property
    def support(self) -> Support:
        """(0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """1 - exp(-(x/λ)ᵏ)"""
        x, at = at_points(x, self)
        inside = x > 0.0
        power = jnp.exp(at.concentration * (jnp.log(jnp.where(inside, x, 1.0)) - jnp.log(at.scale)))
        return jnp.where(inside, -jnp.expm1(-power), 0.0)

    def quantile(self, u: Any) -> jax.Array:
        """λ(-log(1 - u))^(1/k)"""
        u, at = at_shares(u, self)
        return at.scale * (-jnp.log1p(-u)) ** (1.0 / at.concentration)

    @property
    def mode(self) -> jax.Array:
        """λ((k - 1)/k)^(1/k) for k > 1, else 0"""
        at = filled(self)
        k = at.concentration
        peaked = k > 1.0
        safe = jnp.where(peaked, k, 2.0)
        return jnp.where(peaked, at.scale * jnp.exp(jnp.log1p(-1.0 / safe) / safe), 0.0)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """γ(1 - 1/k) + log(λ/k) + 1, γ Euler's constant."""
        at = filled(self)
        return EULER * (1.0 - 1.0 / at.concentration) + jnp.log(at.scale) - jnp.log(at.concentration) + 1.0

    @property
    def mean(self) -> jax.Array:
        """λΓ(1 + 1/k)"""
        at = filled(self)
        log = log_gamma_1p(divide(jnp.ones_like(at.scale), at.concentration))
        return growing(at.scale * jnp.exp(log), jnp.log(at.scale) + log)

    @property
    def variance(self) -> jax.Array:
        """λ²(Γ(1 + 2/k) - Γ(1 + 1/k)²)"""
        at = filled(self)
        # λ²Γ(1 + 2c)(1 - exp(-t)), c = 1/k and exp(t) = Γ(1 + 2c)/Γ(1 + c)²
        c = divide(jnp.ones_like(at.scale), at.concentration)
        log, spread = log_gamma_1p(2.0 * c), -expm1(-log_gamma_bend(jnp.ones_like(c), c))
        value = jnp.square(at.scale * jnp.exp(0.5 * log) * jnp.sqrt(spread))
        return growing(value, 2.0 * jnp.log(at.scale) + log + jnp.log(spread))
