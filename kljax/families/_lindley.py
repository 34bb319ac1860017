"""The Lindley distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import power_fall
from kljax._special.elementwise import divide, expm1_minus_x, log1p
from kljax._special.ratios import divide_twice
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._implicit import implicit
from kljax.families._inverse_gaussian import scaled_exponential_integral
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support


@family
class Lindley:
    """Lindley(rate): density θ²(1 + x) exp(-θx)/(1 + θ) for x > 0, a mixture of Exponential(θ) and Gamma(2, θ).

    Example:
        >>> from kljax.families import Lindley
        >>> print(f"{Lindley(2.0).entropy():.4f}")
        0.5919

    References:
        Ghitany, Atieh & Nadarajah (2008), "Lindley distribution and its application".
    """

    rate: Entries = positive()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal, t = (x >= 0.0) & (x < jnp.inf), at.rate
        safe = jnp.where(legal, x, 0.0)
        fall = power_fall(jnp.full_like(t, 2.0), t, safe, jnp.ones_like(t))
        return jnp.where(legal, fall - log1p(t) + log1p(safe), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameter through the distribution function."""
        at = lifted(self, shape)
        first, second, third = jax.random.split(key, 3)
        one, two = (noise(jax.random.exponential, it, shape, self) for it in (first, second))
        single = noise(jax.random.uniform, third, shape, self) * (1.0 + at.rate) < at.rate
        return implicit((one + jnp.where(single, 0.0, two)) / at.rate, at, _cdf)

    @property
    def support(self) -> Support:
        """[0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """1 - (1 + θx/(1 + θ)) exp(-θx)"""
        x, at = at_points(x, self)
        t = at.rate * jnp.maximum(x, 0.0)
        near = t < 1.0
        small = jnp.where(near, t, 0.0)
        # Of the two components, 1 - e⁻ᵗ and 1 - (1 + t)e⁻ᵗ, with t = θx.
        second = jnp.where(near, jnp.exp(-small) * expm1_minus_x(small), 1.0 - (1.0 + t) * jnp.exp(-t))
        return (at.rate * -jnp.expm1(-t) + second) / (1.0 + at.rate)

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """(1 - θ)/θ, at least 0"""
        t = filled(self).rate
        return jnp.maximum((1.0 - t) / t, 0.0)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log((1 + θ)/θ²) + 1 - exp(θ) E₁(θ)/(1 + θ), E₁ the exponential integral."""
        t = filled(self).rate
        return log1p(t) - 2.0 * jnp.log(t) + 1.0 - scaled_exponential_integral(t) / (1.0 + t)

    @property
    def mean(self) -> jax.Array:
        """(θ + 2)/(θ(θ + 1))"""
        t = filled(self).rate
        return divide(1.0 + 1.0 / (1.0 + t), t)

    @property
    def variance(self) -> jax.Array:
        """(θ² + 4θ + 2)/(θ²(θ + 1)²)"""
        t = filled(self).rate
        up = 1.0 / (1.0 + t)
        return divide_twice(1.0 + up * (2.0 - up), t)

    @property
    def natural(self) -> jax.Array:
        """-θ, [batch..., 1]."""
        return -filled(self).rate[..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log(1 - η) - 2 log(-η)"""
        t = -natural[..., 0]
        return log1p(t) - 2.0 * jnp.log(t)


def _cdf(x: jax.Array, at: Lindley) -> jax.Array:
    """1 - (1 + θx/(1 + θ)) exp(-θx)"""
    t = at.rate
    return 1.0 - (1.0 + divide(t * x, 1.0 + t)) * jnp.exp(-t * x)
