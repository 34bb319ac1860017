"""Student's t distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import half_step, half_step_slope
from kljax._special.elementwise import divide, log1p, x_minus_log1p
from kljax._special.incomplete import incomplete_beta
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._location_scale import standardised
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, batch_shape, family, filled, lifted, positive, real
from kljax.quadrature import Support


@family
class StudentT:
    """StudentT(df, loc, scale): density ∝ (1 + z²/ν)^{-(ν + 1)/2}, z = (x - μ)/σ, on the real line.

    Example:
        >>> from kljax.families import StudentT
        >>> print(f"{StudentT(3.0, 0.0, 1.0).entropy():.4f}")
        1.7735
    """

    df: Entries = positive()
    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x."""
        x, at = at_points(x, self)
        far, z = standardised(x, at)
        inside = half_step(0.5 * at.df) - 0.5 * math.log(2.0 * math.pi) - jnp.log(at.scale) - _tail(z, at.df)
        return jnp.where(far, -jnp.inf, inside)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the location and the scale."""
        at = lifted(self, shape)
        draws = jax.random.t(key, at.df, (*shape, *batch_shape(self)), at.df.dtype)
        return at.loc + at.scale * draws

    @property
    def support(self) -> Support:
        """The real line."""
        return Support(-math.inf, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """½Iᵧ(½ν, ½), y = ν/(ν + z²), for z = (x - μ)/σ < 0, else 1 - that"""
        x, at = at_points(x, self)
        return _standard_cdf((x - at.loc) / at.scale, at.df)

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """½(ν + 1)(ψ(½(ν + 1)) - ψ(½ν)) + log(√ν B(½ν, ½)) + log σ."""
        at = filled(self)
        half = 0.5 * at.df
        # Of δ(h) = log Γ(h + ½) - log Γ(h) - ½ log h, h = ½ν, with ψ(h + ½) - ψ(h) = 1/(2h) + δ'(h).
        beyond = divide(jnp.full_like(half, 0.25), half) + (half + 0.5) * half_step_slope(half) - half_step(half)
        return beyond + jnp.log(at.scale) + 0.5 * (math.log(2.0 * math.pi) + 1.0)

    @property
    def mean(self) -> jax.Array:
        """μ, NaN for ν ≤ 1"""
        at = filled(self)
        return jnp.where(at.df > 1.0, at.loc, jnp.nan)

    @property
    def variance(self) -> jax.Array:
        """σ²ν/(ν - 2), ∞ for ν ≤ 2 and NaN for ν ≤ 1"""
        at = filled(self)
        thin = at.df > 2.0
        finite = jnp.square(at.scale) * (1.0 + divide(jnp.full_like(at.df, 2.0), jnp.where(thin, at.df - 2.0, 1.0)))
        return jnp.where(thin, finite, jnp.where(at.df > 1.0, jnp.inf, jnp.nan))


@jax.custom_jvp
def _tail(z: jax.Array, df: jax.Array) -> jax.Array:
    """½(ν + 1) log(1 + z²/ν)"""
    y = jnp.abs(z) / jnp.sqrt(df)
    far = y > 1.0
    inverse = 1.0 / jnp.where(far, y, 1.0)
    near = log1p(jnp.square(jnp.where(far, 0.0, y)))
    return (0.5 * df + 0.5) * jnp.where(far, 2.0 * jnp.log(jnp.where(far, y, 1.0)) + log1p(inverse * inverse), near)


@_tail.defjvp
def _tail_jvp(primals, tangents):
    # With w = z²/ν, s = w/(1 + w): ∂ν = ½[log(1 + w) - s - s/ν], log(1 + w) - s = h(-s), and ∂z = (ν + 1)s/z.
    (z, df), (dz, ddf) = primals, tangents
    y = z / jnp.sqrt(df)
    far = jnp.abs(y) > 1.0
    inverse = 1.0 / jnp.where(far, y, 1.0)
    near = jnp.where(far, 0.0, y)
    up, down = 1.0 + near * near, 1.0 + inverse * inverse
    s = jnp.where(far, 1.0 / down, near * near / up)
    over = jnp.where(far, inverse / down, near / up)  # s/y
    direct = log1p(inverse * inverse) + 2.0 * jnp.log(jnp.where(far, jnp.abs(y), 1.0)) - s
    in_df = 0.5 * (jnp.where(far, direct, x_minus_log1p(-jnp.where(far, 0.0, s))) - s / df)
    return _tail(z, df), in_df * ddf + divide((df + 1.0) * over, jnp.sqrt(df)) * dz


def _by_incomplete_beta(z: jax.Array, df: jax.Array) -> jax.Array:
    finite = jnp.isfinite(z)
    square = jnp.square(jnp.where(finite, z, 0.0)) / df
    x, y = 1.0 / (1.0 + square), square / (1.0 + square)
    tail = jnp.where(finite, 0.5 * incomplete_beta(0.5 * df, jnp.full_like(df, 0.5), x, y)[0], 0.0)
    return jnp.where(z < 0.0, tail, jnp.where(z > 0.0, 1.0 - tail, jnp.where(z == 0.0, 0.5, jnp.nan)))


@jax.custom_jvp
def _standard_cdf(z: jax.Array, df: jax.Array) -> jax.Array:
    """F of loc = 0, scale = 1."""
    return _by_incomplete_beta(z, df)


@_standard_cdf.defjvp
def _standard_cdf_jvp(primals, tangents):
    # In z the density, which the incomplete beta function does not show at z = 0.
    (z, df), (dz, ddf) = primals, tangents
    value, by_df = jax.jvp(lambda v: _by_incomplete_beta(z, v), (df,), (ddf,))
    return value, by_df + jnp.exp(StudentT(df, 0.0, 1.0).log_prob(z)) * dz
