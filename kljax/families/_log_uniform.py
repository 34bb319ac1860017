"""The log-uniform distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import expm1_minus_x_ratio, expm1_ratio, horner, log_ratio
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support

_VARIANCE = [1.0 / math.factorial(2 * k + 3) - 2.0 / math.factorial(2 * k + 4) for k in range(7)]


@family
class LogUniform:
    """LogUniform(low, high): exp of a uniform variable, density 1/(x log(high/low)) on [low, high].

    Example:
        >>> from kljax.families import LogUniform
        >>> print(f"{LogUniform(1.0, 10.0).entropy():.4f}")
        1.9853
    """

    low: Entries = positive()
    high: Entries = positive()

    def _ordinary(self) -> dict[str, Any]:
        return {"low": 1.0, "high": 2.0}

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= at.low) & (x <= at.high)
        safe = jnp.where(legal, x, 1.0)
        return jnp.where(legal, -jnp.log(safe) - jnp.log(log_ratio(at.high, at.low)), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        drawn = at.low * jnp.exp(log_ratio(at.high, at.low) * noise(jax.random.uniform, key, shape, self))
        return jnp.minimum(drawn, at.high)

    @property
    def support(self) -> Support:
        """[low, high]"""
        return Support(filled(self).low, filled(self).high)

    def cdf(self, x: Any) -> jax.Array:
        """log(x/a)/log(b/a)"""
        x, at = at_points(x, self)
        safe = jnp.clip(x, at.low, at.high)
        return log_ratio(safe, at.low) / log_ratio(at.high, at.low)

    def quantile(self, u: Any) -> jax.Array:
        """a(b/a)ᵘ"""
        u, at = at_shares(u, self)
        return at.low * jnp.exp(u * log_ratio(at.high, at.low))

    @property
    def mode(self) -> jax.Array:
        """a"""
        return filled(self).low

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """½ log(low·high) + log log(high/low)."""
        at = filled(self)
        return 0.5 * (jnp.log(at.low) + jnp.log(at.high)) + jnp.log(log_ratio(at.high, at.low))

    @property
    def mean(self) -> jax.Array:
        """(high - low)/log(high/low)"""
        at = filled(self)
        return at.high * expm1_ratio(-log_ratio(at.high, at.low))

    @property
    def variance(self) -> jax.Array:
        """½(high² - low²)/log(high/low) - mean²"""
        at = filled(self)
        # With r = log(high/low), E = (eʳ - 1)/r and R = (eʳ - 1 - r)/r²: E(2r) - E(r)² = r(2R(2r) - 2R(r) - rR(r)²),
        # of which little is left for small r; then eʳ(sinh(r)/r - (2 sinh(½r)/r)²), term by term.
        r = log_ratio(at.high, at.low)
        narrow, wide = r < 0.5, r > 4.0
        s = jnp.square(jnp.where(narrow, r, 0.0))
        series = jnp.exp(jnp.where(narrow, r, 0.0)) * s * horner(_VARIANCE, s)
        some = jnp.where(wide, 1.0, r)
        once, twice = expm1_minus_x_ratio(some), expm1_minus_x_ratio(2.0 * some)
        direct = some * (2.0 * twice - 2.0 * once - some * jnp.square(once))
        # Wide, from the upper end: with q = exp(-r), (1 - q)/r (½(1 + q) - (1 - q)/r).
        large = jnp.where(wide, r, 8.0)
        share, q = expm1_ratio(-large), jnp.exp(-large)
        far = jnp.square(at.high) * (share * (0.5 * (1.0 + q) - share))
        return jnp.where(wide, far, jnp.square(at.low) * jnp.where(narrow, series, direct))
