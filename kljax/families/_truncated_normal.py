"""The normal distribution between two bounds."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import divide, expm1
from kljax._types import Entries
from kljax.families._fields import _parameter
from kljax.families._fit import fit_by_likelihood
from kljax.families._implicit import implicit
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support
from kljax.quadrature._internal import NODES, WEIGHTS

_FAR = 1e9


@family
class TruncatedNormal:
    """TruncatedNormal(loc, scale, low, high): a Normal(loc, scale) variable that lies in [low, high].

    Either bound may be infinite.

    Example:
        >>> from kljax.families import TruncatedNormal
        >>> print(f"{TruncatedNormal(0.0, 1.0, -1.0, 2.0).entropy():.4f}")
        1.0050
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)
    low: Any = _parameter(-math.inf, open_low=False, open_high=False)
    high: Any = _parameter(math.inf, open_low=False, open_high=False)

    def _ordinary(self) -> dict[str, Any]:
        return {"low": -1.0, "high": 1.0}

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        here = interval(*bounds(at))
        legal = (x >= at.low) & (x <= at.high) & (jnp.abs(x) < jnp.inf)
        # Steps from the point of least |z|, an end of the interval or the location.
        left, right = at.high < at.loc, at.low > at.loc
        start = jnp.where(right, at.low, jnp.where(left, at.high, at.loc))
        step = divide(jnp.where(legal, x, start) - start, at.scale)
        inside = -step * (here.mode + 0.5 * step) - jnp.log(here.mass) - jnp.log(at.scale)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters through the distribution function."""
        at = lifted(self, shape)
        first, second = jax.random.split(key)
        here = interval(*bounds(at))
        up = noise(jax.random.uniform, first, shape, self) * here.mass < here.above
        step = _quantile(
            here.distance, jnp.where(up, here.room, here.depth), noise(jax.random.uniform, second, shape, self)
        )
        x = at.loc + at.scale * (here.mode + jnp.where(up, step, -step))
        return implicit(jnp.clip(x, at.low, at.high), at, _cdf)

    @property
    def support(self) -> Support:
        """[low, high]"""
        return Support(filled(self).low, filled(self).high)

    def cdf(self, x: Any) -> jax.Array:
        """The share of the mass of [low, high] below x"""
        x, at = at_points(x, self)
        inside = (x > at.low) & (x < at.high)
        value = _cdf(jnp.where(inside, x, at.loc), at)
        return jnp.where(inside, jnp.minimum(value, 1.0), (x >= at.high).astype(x.dtype))

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """μ, or the bound that is nearest to it"""
        at = filled(self)
        return jnp.clip(at.loc, at.low, at.high)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log σ + log ∫exp(-½(t² - c²))dt + ½E[z² - c²], z = (x - μ)/σ and c the mode of z."""
        at = filled(self)
        here = interval(*bounds(at))
        return jnp.log(at.scale) + jnp.log(here.mass) + here.mean(here.excess)

    @property
    def mean(self) -> jax.Array:
        """μ + σE[z], integrated."""
        at = filled(self)
        low, high, width = bounds(at)
        here = interval(low, high, width)
        # Around zero ∫z exp(-½z²)dz = exp(-½low²) - exp(-½high²), which may be next to nothing.
        inner = (low <= 0.0) & (high >= 0.0)
        a, b = jnp.where(inner, -low, 1.0), jnp.where(inner, high, 2.0)
        more = a <= b
        fall = -expm1(-0.5 * jnp.where(more, b - a, a - b) * (a + b))
        size = jnp.exp(-0.5 * jnp.square(jnp.where(more, a, b))) * fall
        across = divide(jnp.where(more, size, -size), here.mass)
        return at.loc + at.scale * jnp.where(inner, across, here.mode + here.mean(here.step))

    @property
    def variance(self) -> jax.Array:
        """σ²E[(z - E[z])²], integrated."""
        here = interval(*bounds(filled(self)))
        return jnp.square(filled(self).scale) * here.mean(jnp.square(here.step - here.mean(here.step)[..., None]))

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        # Where the density is largest, and how far it takes to fall off from there: as exp(-ct - ½t²) in units of σ.
        at = filled(self)
        mode = jnp.clip(at.loc, at.low, at.high)
        distance = jnp.abs(divide(mode - at.loc, at.scale))
        width = jnp.where(jnp.isfinite(at.high - at.low), at.high - at.low, at.scale)
        return mode, jnp.minimum(at.scale / jnp.maximum(distance, 1.0), width)


class Interval(NamedTuple):
    """A standard normal variable z in an interval: c, the point of least |z|, and nodes z = c + step around it.

    The density is proportional to exp(-excess), excess = ½(z² - c²) = step·c + ½step² ≥ 0.
    """

    mode: jax.Array
    distance: jax.Array  # |c|
    depth: jax.Array  # how far the interval goes below c
    room: jax.Array  # and above
    mass: jax.Array  # ∫exp(-½(z² - c²))dz
    above: jax.Array  # the part above c
    step: jax.Array  # [..., nodes]
    excess: jax.Array  # [..., nodes]
    weight: jax.Array  # [..., nodes], of sum 1

    def mean(self, values: jax.Array) -> jax.Array:
        return jnp.sum(self.weight * values, -1)


def _side(distance: jax.Array, width: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(t, ct + ½t², weight) for ∫₀ʷ f(t) exp(-ct - ½t²) dt, by Kronrod's rule up to where nothing is left."""
    reach = 2.0 * (80.0 if distance.dtype == jnp.float64 else 34.0)  # beyond exp(-½ reach) nothing matters
    end = jnp.minimum(width, reach / (distance + jnp.sqrt(jnp.square(distance) + reach)))[..., None]
    panels = 3 if distance.dtype == jnp.float64 else 1
    unit = np.concatenate([(0.5 * NODES + 0.5 + panel) / panels for panel in range(panels)])
    share = np.tile(0.5 * WEIGHTS / panels, panels)
    t = end * jnp.asarray(unit, distance.dtype).reshape(*[1] * distance.ndim, -1)
    excess = t * (jnp.broadcast_to(distance[..., None], t.shape) + 0.5 * t)
    return t, excess, end * jnp.asarray(share, distance.dtype).reshape(*[1] * distance.ndim, -1) * jnp.exp(-excess)


def interval(low: jax.Array, high: jax.Array, width: jax.Array) -> Interval:
    """The interval of two bounds; its width is passed beside them because their difference would round it."""
    right, left = low > 0.0, high < 0.0
    mode = jnp.where(right, low, jnp.where(left, high, 0.0))
    distance = jnp.abs(mode)
    depth, room = (
        jnp.where(right, 0.0, jnp.where(left, width, -low)),
        jnp.where(left, 0.0, jnp.where(right, width, high)),
    )
    (down, fall, below), (up, rise, above) = _side(distance, depth), _side(distance, room)
    total = below.sum(-1) + above.sum(-1)
    step, excess = jnp.concatenate([-down, up], -1), jnp.concatenate([fall, rise], -1)
    weight = divide(jnp.concatenate([below, above], -1), jnp.broadcast_to(total[..., None], step.shape))
    return Interval(mode, distance, depth, room, total, above.sum(-1), step, excess, weight)


def bounds(at: TruncatedNormal) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The bounds and the width in units of the normal distribution; what is infinite is large."""
    return standard(at.low, at), standard(at.high, at), width_of(at.low, at.high, at)


def standard(x: jax.Array, at: TruncatedNormal) -> jax.Array:
    finite = jnp.isfinite(x)
    return jnp.where(finite, divide(jnp.where(finite, x, at.loc) - at.loc, at.scale), jnp.where(x > 0.0, _FAR, -_FAR))


def width_of(low: jax.Array, high: jax.Array, at: TruncatedNormal) -> jax.Array:
    """high - low, which is 0 where both are the same infinity."""
    finite = jnp.isfinite(low) & jnp.isfinite(high)
    gap = jnp.where(finite, high, 0.0) - jnp.where(finite, low, 0.0)
    return jnp.where(finite, divide(gap, at.scale), jnp.where(low == high, 0.0, _FAR))


def mass_of(low: jax.Array, high: jax.Array, width: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(c, ∫exp(-½(z² - c²))dz)"""
    here = interval(low, high, width)
    return here.mode, here.mass


def share_of(part: tuple[jax.Array, jax.Array], whole: tuple[jax.Array, jax.Array]) -> jax.Array:
    """The quotient of two masses."""
    return divide(part[1], whole[1]) * jnp.exp(-0.5 * (part[0] - whole[0]) * (part[0] + whole[0]))


def _cdf(x: jax.Array, at: TruncatedNormal) -> jax.Array:
    low, high, width = bounds(at)
    there = jnp.clip(divide(x - at.loc, at.scale), low, high)
    return share_of(mass_of(low, there, width_of(at.low, x, at)), mass_of(low, high, width))


def _quantile(distance: jax.Array, width: jax.Array, u: jax.Array) -> jax.Array:
    """t in (0, w) below which the density exp(-ct - ½t²) has the share u."""

    # In the logarithm of what lies above, which is nearly linear in t: ct + ½t² - log(R(c + t)/R(c)), R Mills' ratio.
    def mills(c: jax.Array) -> jax.Array:
        return _side(c, jnp.full_like(c, 1e9))[2].sum(-1)

    def beyond(t: jax.Array) -> jax.Array:
        return t * (distance + 0.5 * t) - jnp.log(mills(distance + t) / mills(distance))

    aim = -jnp.log1p(u * jnp.expm1(-beyond(jnp.minimum(width, 1e4))))
    t = jnp.sqrt(jnp.square(distance) + 2.0 * aim) - distance
    for _ in range(6):
        t = jnp.clip(t - (beyond(t) - aim) * mills(distance + t), 0.0, width)
    return t
