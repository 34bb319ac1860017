"""The von Mises–Fisher distribution."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._prompt import prompt
from kljax._special.bessel import bessel_ratio, bessel_ratio_slope, bregman_log_bessel, log_bessel_i, log_bessel_ie
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import standard_deviation
from kljax.families._record import at_points, family, filled, lifted, non_negative, real
from kljax.families._sphere import around, bessel_order, covariance, dimension, log_area, norm_excess, unit
from kljax.quadrature import Support


@family
class VonMisesFisher:
    """VonMisesFisher(μ, κ): density κ^ν exp(κ μ·x)/((2π)^(n/2) I_ν(κ)) of unit vectors of n numbers, ν = n/2 - 1.

    The length of ``mean_direction`` does not matter: it is divided by it.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import VonMisesFisher
        >>> print(f"{VonMisesFisher(jnp.array([1.0, 0.0, 0.0]), 2.0).entropy():.4f}")
        2.0516
    """

    mean_direction: Entries = real(ndim=1)
    concentration: Entries = non_negative()

    def _check(self) -> None:
        dimension("VonMisesFisher", self.mean_direction.shape[-1])

    def _ordinary(self) -> dict[str, Any]:
        return {"mean_direction": 1.0}

    def _is_proper(self) -> jax.Array:
        return (self.mean_direction != 0.0).any(-1)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n,)"""
        return self.mean_direction.shape[-1:]

    @property
    def support(self) -> Support:
        """Unit vectors."""
        return Support(-1.0, 1.0, "sphere")

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).mean_direction

    stddev = standard_deviation
    fit = fit_by_likelihood

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at unit vectors x, [..., n], with respect to the area."""
        x, at = at_points(x, self)
        # μ·x - 1 = -½|x - μ|², but for what x is longer than one.
        away = 0.5 * jnp.sum(jnp.square(x - unit(at.mean_direction)), -1) - 0.5 * norm_excess(x)
        n = self.mean_direction.shape[-1]
        level = log_bessel_ie(bessel_order(n), at.concentration) + 0.5 * n * math.log(2.0 * math.pi)
        return -at.concentration * away - level

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws; they carry no derivative.

        By rejection, Wood (1994), "Simulation of the von Mises Fisher distribution".
        """
        at = jax.lax.stop_gradient(lifted(self, shape))
        by_angle, across = jax.random.split(key)
        gap = _one_minus_cosines(by_angle, at.mean_direction.shape[-1], at.concentration)
        return around(unit(at.mean_direction), across, 1.0 - gap, jnp.sqrt(gap * (2.0 - gap)))

    def entropy(self) -> jax.Array:
        """log((2π)^(n/2) I_ν(κ) κ^-ν) - κA(κ), A = I_{ν+1}/I_ν."""
        at = filled(self)
        k, n = at.concentration, self.event_shape[0]
        return log_area(n) - bregman_log_bessel(bessel_order(n), jnp.zeros_like(k), k)

    @property
    def mean(self) -> jax.Array:
        """A(κ)μ"""
        at = filled(self)
        return bessel_ratio(at.concentration, bessel_order(*self.event_shape))[..., None] * unit(at.mean_direction)

    @property
    def covariance(self) -> jax.Array:
        """A'(κ)μμ' + (A(κ)/κ)(I - μμ'), [batch..., n, n]."""
        at, nu = filled(self), bessel_order(*self.event_shape)
        still = at.concentration == 0.0
        safe = jnp.where(still, 1.0, at.concentration)
        across = jnp.where(still, 1.0 / self.event_shape[0], bessel_ratio(safe, nu) / safe)
        return covariance(unit(at.mean_direction), bessel_ratio_slope(at.concentration, nu), across)

    @property
    def variance(self) -> jax.Array:
        """The diagonal of the covariance."""
        return jnp.diagonal(self.covariance, axis1=-2, axis2=-1)

    @property
    def natural(self) -> jax.Array:
        """κμ, [batch..., n]."""
        at = filled(self)
        return at.concentration[..., None] * unit(at.mean_direction)

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log((2π)^(n/2) I_ν(κ) κ^-ν), κ = ‖η‖"""
        n = natural.shape[-1]
        size = jnp.sqrt(jnp.sum(natural * natural, -1))
        return log_bessel_i(bessel_order(n), size) + 0.5 * n * math.log(2.0 * math.pi)


@functools.partial(prompt, static_argnums=(1,))
def _one_minus_cosines(key: jax.Array, n: int, concentration: jax.Array) -> jax.Array:
    """u = 1 - cos of the angle from the mean direction, of density exp(-κu)(u(2 - u))^((n - 3)/2)."""
    half, dtype = 0.5 * (n - 1.0), concentration.dtype
    b = half / (concentration + jnp.sqrt(concentration * concentration + half * half))
    # The proposal: u = 2bz/(1 - (1 - b)z), z ~ Beta(½(n - 1), ½(n - 1)); at u = start the ratio is largest.
    start = 2.0 * b / (1.0 + b)
    fall = start + (1.0 - start) * start  # 1 - (1 - start)²

    def log_ratio(u: jax.Array) -> jax.Array:
        return concentration * (start - u) + 2.0 * half * (jnp.log(start + (1.0 - start) * u) - jnp.log(fall))

    def again(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        key, u, done = state
        key, by_z, by_ratio = jax.random.split(key, 3)
        z = jax.random.beta(by_z, half, half, u.shape, dtype)
        proposed = 2.0 * b * z / (1.0 - (1.0 - b) * z)
        kept = -jax.random.exponential(by_ratio, u.shape, dtype) <= log_ratio(proposed)
        return key, jnp.where(done, u, proposed), done | kept

    start_state = key, jnp.zeros_like(concentration), ~(concentration >= 0.0)  # nothing to draw from NaN
    return jax.lax.while_loop(lambda state: ~jnp.all(state[2]), again, start_state)[1]
