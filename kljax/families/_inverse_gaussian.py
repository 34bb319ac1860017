"""The inverse Gaussian distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import log_ndtr, ndtr

from kljax._special.elementwise import divide, horner, tiny
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._implicit import implicit
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support

_EULER = 0.5772156649015329
_EXPONENTIAL_INTEGRAL = [0.0, *((-1.0) ** (k + 1) / (k * math.factorial(k)) for k in range(1, 28))]


@family
class InverseGaussian:
    """InverseGaussian(loc, concentration): density √(λ/(2πx³)) exp(-λ(x - μ)²/(2μ²x)) for x > 0, μ the mean.

    Example:
        >>> from kljax.families import InverseGaussian
        >>> print(f"{InverseGaussian(1.0, 2.0).entropy():.4f}")
        0.7628
    """

    loc: Entries = positive()
    concentration: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= tiny(x)) & (x < jnp.inf)
        safe = jnp.where(legal, x, at.loc)
        log_x = jnp.log(safe)
        gap = divide(safe - at.loc, at.loc)
        away = divide(gap, safe) * at.concentration * gap  # λ/x may underflow where the square overflows
        inside = 0.5 * (jnp.log(at.concentration) - math.log(2.0 * math.pi) - 3.0 * log_x - away)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws (Michael, Schucany & Haas 1976), differentiable in the parameters through the distribution function."""
        at = lifted(self, shape)
        first, second = jax.random.split(key)
        # x/μ and its inverse are the roots of λ(x - μ)²/(μ²x) = z²; r is the smaller of them.
        t = jnp.square(noise(jax.random.normal, first, shape, self)) * divide(at.loc, at.concentration)
        r = 1.0 / (1.0 + 0.5 * t + jnp.sqrt(t * (1.0 + 0.25 * t)))
        smaller = noise(jax.random.uniform, second, shape, self) * (1.0 + r) <= 1.0
        return implicit(at.loc * jnp.where(smaller, r, 1.0 / r), at, _cdf)

    @property
    def support(self) -> Support:
        """(0, ∞)"""
        return Support(0.0, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """Φ(√(λ/x)(x/μ - 1)) + exp(2λ/μ) Φ(-√(λ/x)(x/μ + 1))"""
        x, at = at_points(x, self)
        inside = x > 0.0
        finite = inside & (x < jnp.inf)
        safe = jnp.where(finite, x, 1.0)
        root, share = jnp.sqrt(at.concentration / safe), safe / at.loc
        low, high = root * ((safe - at.loc) / at.loc), root * (share + 1.0)
        # exp(2λ/μ)Φ(-z) = φ(w) Φ(-z)/φ(z) for w = √(λ/x)(x/μ - 1), z² = w² + 4λ/μ
        rest = jnp.exp(-0.5 * jnp.square(low)) / math.sqrt(2.0 * math.pi) * _mills(high)
        return jnp.where(finite, jnp.minimum(ndtr(low) + rest, 1.0), inside.astype(x.dtype))

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """μ(√(1 + t²) - t), t = 3μ/(2λ)"""
        at = filled(self)
        t = 1.5 * at.loc / at.concentration
        return at.loc / (t + jnp.sqrt(1.0 + jnp.square(t)))

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """½ log(2πeμ³/λ) - (3/2) exp(s) E₁(s), s = 2λ/μ and E₁ the exponential integral."""
        at = filled(self)
        level = 3.0 * jnp.log(at.loc) - jnp.log(at.concentration) + math.log(2.0 * math.pi * math.e)
        return 0.5 * level - 1.5 * scaled_exponential_integral(2.0 * divide(at.concentration, at.loc))

    @property
    def mean(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    @property
    def variance(self) -> jax.Array:
        """μ³/λ"""
        at = filled(self)
        return at.loc * jax.lax.optimization_barrier(at.loc * divide(at.loc, at.concentration))

    @property
    def natural(self) -> jax.Array:
        """(-λ/(2μ²), -λ/2), [batch..., 2]."""
        at = filled(self)
        half = -0.5 * at.concentration
        return jnp.stack([half / at.loc / at.loc, half], -1)

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """-½ log(-2η₂) - 2√(η₁η₂)"""
        first, second = -natural[..., 0], -natural[..., 1]
        return -0.5 * jnp.log(2.0 * second) - 2.0 * jnp.sqrt(first) * jnp.sqrt(second)


def _cdf(x: jax.Array, at: InverseGaussian) -> jax.Array:
    """Φ(√(λ/x)(x/μ - 1)) + exp(2λ/μ) Φ(-√(λ/x)(x/μ + 1))"""
    root, share = jnp.sqrt(at.concentration / x), x / at.loc
    beyond = 2.0 * at.concentration / at.loc + log_ndtr(-root * (share + 1.0))
    return jnp.exp(log_ndtr(root * (share - 1.0))) + jnp.exp(beyond)


def scaled_exponential_integral(s: jax.Array) -> jax.Array:
    """exp(s) E₁(s) for s > 0: the power series for s ≤ 1, Legendre's continued fraction beyond (DLMF 6.9.1)."""
    small = s <= 1.0
    low, high = jnp.where(small, s, 1.0), jnp.where(small, 1.0, s)
    series = jnp.exp(low) * (horner(_EXPONENTIAL_INTEGRAL, low) - _EULER - jnp.log(low))
    fraction = jnp.zeros_like(s)
    for k in range(60, 0, -1):
        fraction = k * k / (high + (2.0 * k + 1.0) - fraction)
    return jnp.where(small, series, 1.0 / (high + 1.0 - fraction))


def _mills(z: jax.Array) -> jax.Array:
    """Φ(-z)/φ(z) for z ≥ 0: directly for z ≤ 3, Laplace's continued fraction 1/(z + 1/(z + 2/(z + …))) beyond."""
    low = z <= 3.0
    small, large = jnp.where(low, z, 0.0), jnp.where(low, 3.0, z)
    direct = math.sqrt(2.0 * math.pi) * jnp.exp(log_ndtr(-small) + 0.5 * jnp.square(small))
    fraction = jnp.zeros_like(z)
    for k in range(32, 0, -1):
        fraction = k / (large + fraction)
    return jnp.where(low, direct, 1.0 / (large + fraction))
