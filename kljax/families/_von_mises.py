"""The von Mises distribution on the circle."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kljax import quadrature
from kljax._prompt import prompt
from kljax._special.bessel import bessel_ratio_complement, bregman_log_i0, log_i0, log_i0e
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import quantile_by_bisection
from kljax.families._record import at_points, family, filled, lifted, non_negative, real
from kljax.quadrature import Support

_LOG_2PI = math.log(2.0 * math.pi)


@family
class VonMises:
    """VonMises(loc, concentration): density exp(κ cos(x - μ))/(2πI₀(κ)) of an angle x, of period 2π.

    Example:
        >>> from kljax.families import VonMises
        >>> print(f"{VonMises(0.0, 2.0).entropy():.4f}")
        1.2663
    """

    loc: Entries = real()
    concentration: Entries = non_negative()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at the angle x, any real number."""
        x, at = at_points(x, self)
        bend = jnp.square(jnp.sin(0.5 * (x - at.loc)))
        return -2.0 * at.concentration * bend - log_i0e(at.concentration) - _LOG_2PI

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws from [-π, π], differentiable in the parameters."""
        at = lifted(self, shape)
        turned = at.loc + _standard(key, at.concentration)
        return turned - 2.0 * math.pi * lax.stop_gradient(jnp.round(turned / (2.0 * math.pi)))

    @property
    def support(self) -> Support:
        """The circle, [-π, π]."""
        return quadrature.circle

    def cdf(self, x: Any) -> jax.Array:
        """∫p from -π to x, for x in [-π, π]"""
        x, at = at_points(x, self)
        turned = _mass_from_mode(x - at.loc, at.concentration)
        value = turned - _mass_from_mode(-math.pi - at.loc, at.concentration)
        return jnp.where(x <= -math.pi, 0.0, jnp.where(x >= math.pi, 1.0, jnp.clip(value, 0.0, 1.0)))

    quantile = quantile_by_bisection
    fit = fit_by_likelihood

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    @property
    def stddev(self) -> jax.Array:
        """√(-2 log A(κ)), the circular standard deviation."""
        return jnp.sqrt(-2.0 * jnp.log1p(-self.variance))

    def entropy(self) -> jax.Array:
        """log(2πI₀(κ)) - κA(κ), A = I₁/I₀."""
        k = filled(self).concentration
        return _LOG_2PI - bregman_log_i0(jnp.zeros_like(k), k)

    @property
    def mean(self) -> jax.Array:
        """μ, the direction of E[exp(ix)]."""
        return filled(self).loc

    @property
    def variance(self) -> jax.Array:
        """1 - A(κ), the circular variance 1 - |E[exp(ix)]|."""
        return bessel_ratio_complement(filled(self).concentration)

    @property
    def natural(self) -> jax.Array:
        """(κ cos μ, κ sin μ), [batch..., 2]."""
        at = filled(self)
        return at.concentration[..., None] * jnp.stack([jnp.cos(at.loc), jnp.sin(at.loc)], -1)

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log I₀(|η|)"""
        return log_i0(jnp.hypot(natural[..., 0], natural[..., 1]))

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        turns = jnp.round(self.loc / (2.0 * math.pi))
        return self.loc - 2.0 * math.pi * turns, 1.0 / jnp.sqrt(1.0 + self.concentration)


@jax.custom_jvp
@prompt
def _standard(key: jax.Array, concentration: jax.Array) -> jax.Array:
    """Angles about zero, by rejection from a wrapped Cauchy distribution (Best & Fisher 1979)."""
    k = concentration
    # r = (1 + ρ²)/(2ρ), ρ = (τ - √(2τ))/(2κ), τ = 1 + √(1 + 4κ²); in terms of s = r - 1 it works for every κ.
    root = jnp.sqrt(1.0 + 4.0 * k * k)
    tau = 1.0 + root
    rho = (tau - jnp.sqrt(2.0 * tau)) / jnp.maximum(2.0 * k, 1e-6)
    small, large = k < 1e-3, k > 1e4
    safe = jnp.where(small | large, 0.5, rho)
    s = jnp.square(1.0 - safe) / (2.0 * safe)
    s = jnp.where(large, 0.5 / jnp.where(large, k, 1.0), jnp.where(small, 1.0 / jnp.maximum(k, 1e-6), s))

    def attempt(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        key, angle, waiting = state
        key, *keys = jax.random.split(key, 4)
        first, second, third = (jax.random.uniform(one, k.shape, k.dtype) for one in keys)
        # The angle's cosine is (1 + r cos t)/(r + cos t); of 1 - cosine nothing is lost where κ is large.
        half = jnp.square(jnp.cos(0.5 * math.pi * first))  # (1 + cos t)/2
        versine = 2.0 * s * (1.0 - half) / (s + 2.0 * half)
        c = k * (s + versine)
        accepted = (c * (2.0 - c) > second) | (jnp.log(c / jnp.maximum(second, 1e-30)) + 1.0 >= c)
        proposed = 2.0 * jnp.arcsin(jnp.sqrt(jnp.clip(0.5 * versine, 0.0, 1.0))) * jnp.where(third < 0.5, -1.0, 1.0)
        return key, jnp.where(waiting & accepted, proposed, angle), waiting & ~accepted

    uniform = k == 0.0
    first, key = jax.random.split(key)
    even = jax.random.uniform(first, k.shape, k.dtype, -math.pi, math.pi)
    start = (key, jnp.where(uniform, even, jnp.nan), (k > 0.0) & (k < jnp.inf))
    _, angle, _ = lax.while_loop(lambda state: state[2].any(), attempt, start)
    return jnp.where(k == jnp.inf, 0.0, angle)


@_standard.defjvp
def _standard_jvp(primals, tangents):
    # dz/dκ = -∂F/∂κ / f at the draw z: minus the integral of (cos t - A) exp(κ(cos t - cos z)) over t from 0 to z.
    key, k = primals
    z = lax.stop_gradient(_standard(key, k))
    ticks, weights = np.polynomial.legendre.leggauss(32)
    slope = jnp.zeros_like(z)
    rest = bessel_ratio_complement(k)
    for tick, weight in zip(0.5 + 0.5 * ticks, 0.5 * weights, strict=True):
        t = float(tick) * z
        rise = 2.0 * jnp.sin(0.5 * (z - t)) * jnp.sin(0.5 * (z + t))  # cos t - cos z
        slope -= float(weight) * z * (rest - 2.0 * jnp.square(jnp.sin(0.5 * t))) * jnp.exp(k * rise)
    return z, slope * tangents[1]


def _mass_from_mode(z: jax.Array, concentration: jax.Array) -> jax.Array:
    """∫p from the mode to the angle z away from it, by Gauss's rule up to where nothing is left; 1 for each turn."""
    turns = lax.stop_gradient(jnp.round(z / (2.0 * math.pi)))
    ticks, weights = np.polynomial.legendre.leggauss(64 if z.dtype == jnp.float64 else 32)
    z = z - 2.0 * math.pi * turns
    reach = lax.stop_gradient((13.0 if z.dtype == jnp.float64 else 8.0) / jnp.sqrt(concentration + 1e-3))
    end = jnp.clip(z, -reach, reach)
    t = end[..., None] * jnp.asarray(0.5 + 0.5 * ticks, z.dtype).reshape(*[1] * z.ndim, -1)
    bend = jnp.square(jnp.sin(0.5 * t))
    rows = jnp.asarray(0.5 * weights, z.dtype).reshape(*[1] * z.ndim, -1)
    density = jnp.exp(-2.0 * concentration[..., None] * bend - (log_i0e(concentration) + _LOG_2PI)[..., None])
    return turns + end * (rows * density).sum(-1)
