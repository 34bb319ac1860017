"""The skew normal distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import log_ndtr, ndtr

from kljax._special.edges import half_square
from kljax._types import Entries
from kljax.families import _integrals
from kljax.families._fit import fit_by_likelihood
from kljax.families._location_scale import standardised
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support

_LOG_HALF_ROOT = 0.5 * math.log(2.0 / math.pi)


@family
class SkewNormal:
    """SkewNormal(loc, scale, slant): density (2/ω)φ(z)Φ(αz), z = (x - ξ)/ω, on the real line.

    The slant α = 0 is the normal distribution, ±∞ the half normal ones. scipy calls it skewnorm(α, ξ, ω).

    Example:
        >>> from kljax.families import SkewNormal
        >>> p = SkewNormal(0.0, 1.0, 4.0)
        >>> print(f"{p.mean:.4f} {p.cdf(0.0):.4f}")
        0.7741 0.0780

    References:
        Azzalini (1985), "A class of distributions which includes the normal ones".
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)
    slant: Entries = real(0.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x."""
        x, at = at_points(x, self)
        far, z = standardised(x, at)
        # Where a square overflows the density is zero; far on the other side its second factor is 1.
        tilt = at.slant * z
        far |= jnp.maximum(jnp.abs(z), -tilt) > math.sqrt(float(jnp.finfo(z.dtype).max))
        z = jnp.where(far, 0.0, z)
        plain = far | (tilt > 50.0)
        factor = jnp.where(plain, 0.0, log_ndtr(jnp.where(plain, 0.0, at.slant) * z))
        return jnp.where(far, -jnp.inf, _LOG_HALF_ROOT - half_square(z) + factor - jnp.log(at.scale))

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        first, second = (noise(jax.random.normal, one, shape, self) for one in jax.random.split(key))
        root = jnp.hypot(1.0, at.slant)
        return at.loc + at.scale * (at.slant / root * jnp.abs(first) + second / root)

    @property
    def support(self) -> Support:
        """The real line."""
        return Support(-math.inf, math.inf)

    def cdf(self, x: Any) -> jax.Array:
        """Φ(z) - 2T(z, α), T Owen's function."""
        x, at = at_points(x, self)
        z = (x - at.loc) / at.scale
        finite = jnp.isfinite(z)
        safe = jnp.where(finite, z, 0.0)
        value = jnp.clip(ndtr(safe) - 2.0 * _owen(safe, at.slant), 0.0, 1.0)
        return jnp.where(finite, value, (z > 0.0).astype(z.dtype))

    quantile = quantile_by_bisection
    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """-∫p log p, by quadrature."""
        return _integrals.entropy(self)

    @property
    def mean(self) -> jax.Array:
        """ξ + ωδ√(2/π), δ = α/√(1 + α²)"""
        at = filled(self)
        return at.loc + at.scale * (math.sqrt(2.0 / math.pi) * (at.slant / jnp.hypot(1.0, at.slant)))

    @property
    def variance(self) -> jax.Array:
        """ω²(1 - 2δ²/π)"""
        at = filled(self)
        return jnp.square(at.scale) * (1.0 - 2.0 / math.pi * jnp.square(at.slant / jnp.hypot(1.0, at.slant)))

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        return self.mean, jnp.sqrt(self.variance)


def _owen(h: jax.Array, a: jax.Array) -> jax.Array:
    """T(h, a) = (1/2π)∫ exp(-½h² sec²t) dt over 0 < t < arctan a, by Gauss's rule up to a = 1."""
    size = jnp.abs(a)
    far = size > 1.0
    # T(h, a) = ½Φ(h) + ½Φ(ah) - Φ(h)Φ(ah) - T(ah, 1/a) for h, a > 0, in terms of Φ(-h).
    h, inverse = jnp.abs(h), 1.0 / jnp.where(far, size, 1.0)
    slope, level = jnp.where(far, inverse, size), jnp.where(far, size * h, h)
    ticks, weights = np.polynomial.legendre.leggauss(24 if h.dtype == jnp.float64 else 12)
    lead = [1] * h.ndim
    t = jnp.arctan(slope)[..., None] * jnp.asarray(0.5 + 0.5 * ticks, h.dtype).reshape(*lead, -1)
    rows = jnp.asarray(weights / (4.0 * math.pi), h.dtype).reshape(*lead, -1)
    rule = jnp.arctan(slope) * (rows * jnp.exp(-0.5 * jnp.square(level[..., None] / jnp.cos(t)))).sum(-1)
    low, high = ndtr(-h), ndtr(-jnp.where(far, level, 0.0))
    value = jnp.where(far, 0.5 * (low + high) - low * high - rule, rule)
    return jnp.where(a < 0.0, -value, value)
