"""The continuous Bernoulli distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax import _checks
from kljax._special import expm1_ratio, log_ratio
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, real
from kljax.families._sinhc import bregman_log_sinhc, log_sinhc, sinhc_curvature, sinhc_slope
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

    logits: Any = real()

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
        # Towards the end where the mass is: η(x - ½) - S(½η) cancels for large η.
        size = jnp.abs(at.logits)
        away = jnp.where(at.logits > 0.0, 1.0 - safe, safe)
        return jnp.where(legal, -size * away - log_norm(at.logits), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameter."""
        eta, u = lifted(self, shape).logits, noise(jax.random.uniform, key, shape, self)
        # The quantile log(1 + u(exp(η) - 1))/η, from the end where the mass is.
        zero = eta == 0.0
        size = jnp.abs(jnp.where(zero, 1.0, eta))
        away = jnp.minimum(-jnp.log1p(u * jnp.expm1(-size)) / size, 1.0)
        return jnp.where(zero, u + eta * 0.5 * u * (u - 1.0), jnp.where(eta > 0.0, 1.0 - away, away))

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
        return jnp.where(low, -1.0 / safe + 1.0 / -jnp.expm1(-safe), 0.5 + 0.5 * sinhc_slope(0.5 * eta))

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


def log_norm(eta: jax.Array) -> jax.Array:
    """log((1 - exp(-|η|))/|η|), the log-partition function less its linear growth."""
    near = jnp.abs(eta) <= 1.0
    small, size = jnp.where(near, eta, 0.0), jnp.where(near, 1.0, jnp.abs(eta))
    direct = jnp.log(-jnp.expm1(-size)) - jnp.log(size)
    return jnp.where(near, log_sinhc(0.5 * small) - 0.5 * jnp.abs(small), direct)


def kl_continuous_bernoulli(p: ContinuousBernoulli, q: ContinuousBernoulli) -> jax.Array:
    """B_S(½η_q; ½η_p), the Bregman divergence of S(x) = log(sinh(x)/x)."""
    return bregman_log_sinhc(0.5 * q.logits, 0.5 * p.logits)
