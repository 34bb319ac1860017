"""The Skellam distribution: the difference of two Poisson counts.

For k ≥ 0 the likeliest pair of counts is (A, B), A - B = k and AB = λ₁λ₂, and, with K(y, x) = y log(y/x) - y + x,

    log p(k) = -K(A, λ₁) - K(B, λ₂) + log J,  J = (1/π)∫ exp(s(cos t - 1)) cos(k(t - sin t)) dt over 0 < t < π,

s = A + B = √(k² + 4λ₁λ₂), the integral of Iₖ(x) = (1/2π)∫exp(x cosh w - kw)dw through its saddle point. Its integrand
is periodic, and for large s narrow, so that the trapezoidal rule up to where nothing is left is exact to rounding.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax import quadrature
from kljax._prompt import prompt
from kljax._special.elementwise import divide, kl_term
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import quantile_by_bisection, standard_deviation, summed_cdf
from kljax.families._record import along, at_points, batch_shape, family, filled, positive
from kljax.quadrature import Support, integers


@family
class Skellam:
    """Skellam(rate1, rate2): the distribution of k = k₁ - k₂, Poisson counts with the means λ₁ and λ₂.

    Its probabilities are exp(-λ₁ - λ₂)(λ₁/λ₂)^(k/2) Iₖ(2√(λ₁λ₂)) of all integers k, I Bessel's function.

    Example:
        >>> from kljax.families import Skellam
        >>> p = Skellam(3.0, 2.0)
        >>> print(f"{p.log_prob(0.0):.4f} {p.mean:.1f} {p.variance:.1f}")
        -1.7854 1.0 5.0
    """

    rate1: Entries = positive()
    rate2: Entries = positive()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is no integer."""
        k, at = at_points(x, self)
        legal = (k == jnp.floor(k)) & jnp.isfinite(k)
        up = jnp.where(legal, k, 0.0) >= 0.0
        more, less = jnp.where(up, at.rate1, at.rate2), jnp.where(up, at.rate2, at.rate1)
        # Where the probability underflows even in the logarithm no derivative has a say.
        legal &= kl_term(*jax.lax.stop_gradient((jnp.abs(jnp.where(legal, k, 0.0)), more))) < jnp.inf
        size = jnp.abs(jnp.where(legal, k, 0.0))
        root = jnp.sqrt(more) * jnp.sqrt(less)
        long, short = jnp.maximum(size, 2.0 * root), jnp.minimum(size, 2.0 * root)
        total = long * jnp.sqrt(1.0 + jnp.square(divide(short, long)))  # hypot, whose derivative would overflow
        larger = size + 0.5 * (total - size)  # their sum may overflow, also halved, for XLA halves it last
        smaller = root * divide(root, larger)
        value = -kl_term(larger, more) - kl_term(smaller, less) + jnp.log(_through_saddle(size, total))
        return jnp.where(legal, value, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        at = filled(self)
        shape = (*shape, *batch_shape(self))
        keys = jax.random.split(key)
        first, second = (
            jax.random.poisson(one, rate, shape) for one, rate in zip(keys, (at.rate1, at.rate2), strict=True)
        )
        return (first - second).astype(at.rate1.dtype)

    @property
    def support(self) -> Support:
        """{…, -1, 0, 1, …}"""
        return integers(-math.inf)

    cdf = summed_cdf
    quantile = quantile_by_bisection
    stddev = standard_deviation
    fit = fit_by_likelihood

    @prompt
    def entropy(self) -> jax.Array:
        """-Σ p log p, summed."""
        width = self.stddev + 1.0
        return quadrature.entropy(along(self).log_prob, support=self.support, center=self.mean, scale=width).value

    @property
    def mean(self) -> jax.Array:
        """λ₁ - λ₂"""
        at = filled(self)
        return at.rate1 - at.rate2

    @property
    def variance(self) -> jax.Array:
        """λ₁ + λ₂"""
        at = filled(self)
        return at.rate1 + at.rate2


def _through_saddle(k: jax.Array, s: jax.Array) -> jax.Array:
    """J of the head of this file, for 0 ≤ k ≤ s."""
    s = jnp.minimum(s, 0.25 * float(jnp.finfo(s.dtype).max))  # lest 2s overflows; the probability is 0 long before
    double = s.dtype == jnp.float64
    count, reach = (64, 9.0) if double else (36, 6.5)
    # Nothing is left beyond t = 9/√s, s(1 - cos t) ≥ 2s(t/π)².
    end = jax.lax.stop_gradient(jnp.minimum(math.pi, reach * 1.25 / jnp.sqrt(jnp.maximum(s, 1e-3))))
    ticks = np.arange(count + 1) / count
    weights = np.where((ticks == 0.0) | (ticks == 1.0), 0.5, 1.0) / count
    lead = [1] * s.ndim
    t = end[..., None] * jnp.asarray(ticks, s.dtype).reshape(*lead, -1)
    rows = jnp.asarray(weights, s.dtype).reshape(*lead, -1)
    near = t < 0.5
    small = jnp.where(near, t, 0.0)
    z = small * small
    # t - sin t = t³/6 (1 - t²/20 (1 - t²/42 (1 - t²/72 (1 - t²/110))))
    series = small * z / 6.0 * (1.0 - z / 20.0 * (1.0 - z / 42.0 * (1.0 - z / 72.0 * (1.0 - z / 110.0))))
    lag = jnp.where(near, series, t - jnp.sin(t))
    wave = jnp.exp(-2.0 * s[..., None] * jnp.square(jnp.sin(0.5 * t))) * jnp.cos(k[..., None] * lag)
    return end / math.pi * (rows * wave).sum(-1)
