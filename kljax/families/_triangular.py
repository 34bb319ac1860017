"""The triangular distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, real
from kljax.quadrature import Support


@family
class Triangular:
    """Triangular(low, high, peak): density 2(x - a)/((b - a)(c - a)) up to c and 2(b - x)/((b - a)(b - c)) beyond.

    The peak c may lie at either end.

    Example:
        >>> from kljax.families import Triangular
        >>> p = Triangular(0.0, 4.0, 1.0)
        >>> print(f"{p.mean:.4f} {p.quantile(0.5):.4f}")
        1.6667 1.5505
    """

    low: Entries = real(0.0)
    high: Entries = real(1.0)
    peak: Entries = real(0.5)

    def _ordinary(self) -> dict[str, Any]:
        return {"low": 0.0, "high": 1.0, "peak": 0.5}

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        inside = (x >= at.low) & (x <= at.high)
        left = (x < at.peak) | (at.peak == at.high)
        away = jnp.where(left, x - at.low, at.high - x)
        side = jnp.where(left, at.peak - at.low, at.high - at.peak)
        some = inside & (away > 0.0)
        share = jnp.where(some, away, 1.0) / jnp.where(some, side, 1.0)
        return jnp.where(some, jnp.log(share) + (math.log(2.0) - jnp.log(at.high - at.low)), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        return lifted(self, shape).quantile(noise(jax.random.uniform, key, shape, self))

    @property
    def support(self) -> Support:
        """[low, high]"""
        return Support(filled(self).low, filled(self).high)

    def cdf(self, x: Any) -> jax.Array:
        """(x - a)²/((b - a)(c - a)) up to c, 1 - (b - x)²/((b - a)(b - c)) beyond."""
        x, at = at_points(x, self)
        x = jnp.clip(x, at.low, at.high)
        width, rise, fall = at.high - at.low, at.peak - at.low, at.high - at.peak
        left = (x < at.peak) | (fall == 0.0)
        before = (x - at.low) / width * ((x - at.low) / jnp.where(left & (rise > 0.0), rise, 1.0))
        after = (at.high - x) / width * ((at.high - x) / jnp.where(left, 1.0, fall))
        return jnp.where(left, before, 1.0 - after)

    def quantile(self, u: Any) -> jax.Array:
        """a + √(u(b - a)(c - a)) up to c, b - √((1 - u)(b - a)(b - c)) beyond."""
        u, at = at_shares(u, self)
        width, rise, fall = at.high - at.low, at.peak - at.low, at.high - at.peak
        left = u * width < rise
        # The root has no derivative at zero.
        square = width * jnp.where(left, u * rise, (1.0 - u) * fall)
        some = square > 0.0
        root = jnp.where(some, jnp.sqrt(jnp.where(some, square, 1.0)), 0.0 * square)
        return jnp.where(left, at.low + root, at.high - root)

    @property
    def mode(self) -> jax.Array:
        """c"""
        return filled(self).peak

    stddev = standard_deviation

    def entropy(self) -> jax.Array:
        """½ + log(½(b - a))"""
        at = filled(self)
        return 0.5 + jnp.log(0.5 * (at.high - at.low))

    @property
    def mean(self) -> jax.Array:
        """(a + b + c)/3"""
        at = filled(self)
        return at.low + ((at.high - at.low) + (at.peak - at.low)) / 3.0

    @property
    def variance(self) -> jax.Array:
        """(r² + rf + f²)/18, r = c - a and f = b - c"""
        at = filled(self)
        rise, fall = at.peak - at.low, at.high - at.peak
        return (jnp.square(rise) + rise * fall + jnp.square(fall)) / 18.0

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        # The density has a kink at the peak, where the panels of the quadrature are cut.
        at = filled(self)
        return at.peak, 0.25 * (at.high - at.low)
