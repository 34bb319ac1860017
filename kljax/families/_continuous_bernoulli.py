"""The continuous Bernoulli distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax import _checks
from kljax._special.elementwise import divide, expm1, expm1_minus_x_ratio, expm1_ratio, log1p, log_ratio
from kljax._special.sinhc import bregman_log_sinhc, log_sinhc, sinhc_curvature, sinhc_slope
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, real
from kljax.quadrature import Support


@family
class ContinuousBernoulli:
    """ContinuousBernoulli(logits): density η exp(ηx)/(exp(η) - 1) on [0, 1], proportional to λˣ(1 - λ)¹⁻ˣ.

    η = log(λ/(1 - λ)); ``from_probs`` takes λ. At η = 0, λ = ½, it is the uniform distribution.

    Example:
        >>> from kljax.families import ContinuousBernoulli
        >>> print(f"{ContinuousBernoulli(2.0).entropy():.4f}")
        -0.1516

    References:
        Loaiza-Ganem & Cunningham (2019), "The continuous Bernoulli: fixing a pervasive error in variational
        autoencoders".
    """

    logits: Entries = real()

    @classmethod
    def from_probs(cls, probs: Any) -> ContinuousBernoulli:
        """The distribution of the parameter λ in (0, 1)."""
        array = _checks.floating("ContinuousBernoulli: probs", probs)
        return cls(log_ratio(array, 1.0 - array))

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= 0.0) & (x <= 1.0)
        safe = jnp.where(legal, x, 0.5)
        # Far from zero, where η(x - ½) - S(½η) cancels, towards the end where the mass is.
        near = jnp.abs(at.logits) <= 1.0
        small, large = jnp.where(near, at.logits, 0.0), jnp.where(near, 2.0, at.logits)
        away = jnp.where(large > 0.0, 1.0 - safe, safe)
        direct = -jnp.abs(large) * away - log_norm(large)
        inside = jnp.where(near, small * (safe - 0.5) - log_sinhc(0.5 * small), direct)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameter."""
        eta, u = lifted(self, shape).logits, noise(jax.random.uniform, key, shape, self)
        return _quantile(eta, u)

    @property
    def support(self) -> Support:
        """[0, 1]"""
        return Support(0.0, 1.0)

    def cdf(self, x: Any) -> jax.Array:
        """(exp(ηx) - 1)/(exp(η) - 1)"""
        x, at = at_points(x, self)
        # From the end where the mass is: y R(-|η|y)/R(-|η|) for y away from it, R(t) = (eᵗ - 1)/t.
        eta, x = at.logits, jnp.clip(x, 0.0, 1.0)
        up = eta > 0.0
        size = jnp.where(up, eta, -eta)
        grown = x * expm1_ratio(-size * x) / expm1_ratio(-size)
        return jnp.where(up, jnp.exp(-size * (1.0 - x)) * grown, grown)

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """1 for η > 0 and 0 for η < 0"""
        eta = filled(self).logits
        return jnp.where(eta == 0.0, jnp.nan, (eta > 0.0).astype(eta.dtype))

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """S(½η) - ½ηS'(½η), S(x) = log(sinh(x)/x)."""
        half = 0.5 * filled(self).logits
        return -bregman_log_sinhc(jnp.zeros_like(half), half)

    @property
    def mean(self) -> jax.Array:
        """½ + ½S'(½η) = 1/(1 - exp(-η)) - 1/η"""
        eta = filled(self).logits
        # ½ - ½S' cancels where it is small, for -η far from zero.
        low = eta < -3.0
        safe = jnp.where(low, eta, -3.0)
        return jnp.where(low, -1.0 / safe + jnp.exp(safe) / expm1(safe), 0.5 + 0.5 * sinhc_slope(0.5 * eta))

    @property
    def variance(self) -> jax.Array:
        """¼S″(½η)"""
        return 0.25 * sinhc_curvature(0.5 * filled(self).logits)

    @property
    def natural(self) -> jax.Array:
        """η, [batch..., 1]."""
        return filled(self).logits[..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log((exp(η) - 1)/η)"""
        half = 0.5 * natural[..., 0]
        return half + log_sinhc(half)


@jax.custom_jvp
def _quantile(eta: jax.Array, u: jax.Array) -> jax.Array:
    """Where the distribution function of x, from the end where the mass is, takes the value u; u at η = 0."""
    # log(1 - u(1 - exp(-|η|)))/(-|η|) of what lies away from that end.
    zero = eta == 0.0
    size = jnp.abs(jnp.where(zero, 1.0, eta))
    away = jnp.minimum(-log1p(u * expm1(-size)) / size, 1.0)
    away = jnp.where(zero, u, away)
    return jnp.where(eta > 0.0, 1.0 - away, away)


@_quantile.defjvp
def _quantile_jvp(primals, tangents):
    # Of the distance y from that end, whose distribution function is (1 - exp(-sy))/(1 - exp(-s)), s = |η|:
    # -dy/ds = dx/dη = y [r(s) - y exp(-s(1 - y)) r(sy)]/E(s), E(t) = (1 - exp(-t))/t and r(t) = (E(t) - exp(-t))/t.
    (eta, u), (deta, _) = primals, tangents
    x = _quantile(eta, u)
    size = jnp.where(eta > 0.0, eta, -eta)
    y = jnp.where(eta > 0.0, 1.0 - x, x)
    fall = _fall(size) - y * jnp.exp(-size * (1.0 - y)) * _fall(size * y)
    return x, divide(y * fall, expm1_ratio(-size)) * deta


def _fall(t: jax.Array) -> jax.Array:
    """(E(t) - exp(-t))/t, E(t) = (1 - exp(-t))/t"""
    return expm1_ratio(-t) - expm1_minus_x_ratio(-t)


def log_norm(eta: jax.Array) -> jax.Array:
    """log((1 - exp(-|η|))/|η|), the log-partition function less its linear growth."""
    near = jnp.abs(eta) <= 1.0
    small, size = jnp.where(near, eta, 0.0), jnp.where(near, 1.0, jnp.abs(eta))
    direct = jnp.log(-jnp.expm1(-size)) - jnp.log(size)
    return jnp.where(near, log_sinhc(0.5 * small) - 0.5 * jnp.abs(small), direct)
