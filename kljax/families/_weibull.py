"""The Weibull distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._gamma import log_gamma_1p
from kljax._special import log_ratio
from kljax.families._fit import fit_by_likelihood
from kljax.families._gumbel import EULER, kl_of_extremes
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

    concentration: Any = positive()
    scale: Any = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        z = jnp.log(jnp.where(x > 0.0, x, 1.0)) - jnp.log(at.scale)
        k = at.concentration
        inside = jnp.log(k) - jnp.log(at.scale) + (k - 1.0) * z - jnp.exp(k * z)
        return jnp.where(x > 0.0, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        return at.scale * noise(jax.random.exponential, key, shape, self) ** (1.0 / at.concentration)

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
        return at.scale * jnp.exp(log_gamma_1p(1.0 / at.concentration))

    @property
    def variance(self) -> jax.Array:
        """λ²(Γ(1 + 2/k) - Γ(1 + 1/k)²)"""
        at = filled(self)
        first, second = (jnp.exp(log_gamma_1p(n / at.concentration)) for n in (1.0, 2.0))
        return jnp.square(at.scale) * (second - jnp.square(first))


def kl_weibull(p: Weibull, q: Weibull) -> jax.Array:
    """That of the Gumbel distributions of -log x: locations -log λ and scales 1/k."""
    shift = q.concentration * log_ratio(p.scale, q.scale)
    return kl_of_extremes(shift, q.concentration, p.concentration)
