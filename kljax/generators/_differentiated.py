"""The forms of a generator by differentiating a convex function f.

    f̃(u) = f(u) - f(1) - f'(1)(u - 1),   u = eʳ,   d = u - 1

Near u = 1 all of f's digits cancel in f̃ and its slopes, but in these integrals none do:

    f̃ = d² ∫₀¹ (1 - x) f''(1 + x d) dx,   f̃' = d ∫₀¹ f''(1 + x d) dx.

Gauss's rule takes twelve second derivatives for each. They are taken once, in double precision when the generator is
made, and kept as polynomials, each to a relative accuracy of rounding:

    f̃ = rᵏ F(r),   f̃' = rᵏ⁻¹ S(r),   f̃ - u f̃' = rᵏ⁻¹ C(r),   k = 2, or 4, 6, 8 where f''(1) = 0.

Where no polynomial gives them so, as for an f'' with a kink, the rule itself is what is evaluated.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import divide, expm1, horner
from kljax._special.safe import saturated
from kljax.generators._forms_in_masses import Masses

NEAR = 0.5  # |log u| up to which f is integrated from its second derivative
_ORDERS = (2, 4, 6, 8)
_SAMPLES = 1024  # of each form, so many that their rounding averages out
_DEGREE = 31  # of the polynomial fitted to them
_ROUNDING = 8.0  # eps, of the least value, that the last coefficients may be, as all rounding;
_GUARD = 3  # so many of them are kept after the last that is more,
_MOST = 24  # and so many in all
_SPANS = {"float32": (87.0, 80.0), "float64": (708.0, 700.0)}


@functools.cache
def _gauss_legendre() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights on [0, 1]."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    return 0.5 * (1.0 + nodes), 0.5 * weights


@dataclasses.dataclass(frozen=True)
class Function:
    """f and its first two derivatives, and f̃ from them far from u = 1 and near it."""

    f: Callable[[jax.Array], jax.Array]

    def slope(self, u: jax.Array) -> jax.Array:
        return jax.jvp(self.f, (u,), (jnp.ones_like(u),))[1]

    def curvature(self, u: jax.Array) -> jax.Array:
        return jax.jvp(self.slope, (u,), (jnp.ones_like(u),))[1]

    def near(self, r: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(f̃, f̃', f̃ - u f̃') for |r| ≤ ``NEAR``, by Gauss's rule."""
        d = expm1(r)
        x, w = _gauss_legendre()
        value, slope = d * d * self._between(d, w * (1.0 - x)), d * self._between(d, w)
        return value, slope, value - jnp.exp(r) * slope

    def _between(self, d: jax.Array, weights: np.ndarray) -> jax.Array:
        """The weighted sum of f'' at the nodes between 1 and 1 + d."""

        def along(x: np.ndarray) -> jax.Array:
            return jnp.asarray(x, d.dtype).reshape((1,) * d.ndim + x.shape)

        return (along(weights) * self.curvature(1.0 + along(_gauss_legendre()[0]) * d[..., None])).sum(-1)


class Tail(NamedTuple):
    """How f̃(eʳ)/max(1, eʳ) goes on beyond the last u that f can be given: eᵅˣ times, or βx more, x beyond it."""

    rate: float = 0.0  # α
    step: float = 0.0  # β


class Near(NamedTuple):
    """The polynomials near u = 1."""

    order: int
    value: tuple[float, ...]
    slope: tuple[float, ...]
    coslope: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Forms:
    """What a record of ``kljax.generators`` holds, from f and what is known of it since it was made."""

    function: Function
    at_one: tuple[float, float] = dataclasses.field(compare=False)  # f(1), f'(1)
    fits: dict[str, Near | None] = dataclasses.field(compare=False)  # by dtype
    tails: dict[str, tuple[Tail, Tail]] = dataclasses.field(compare=False)  # by dtype; below and above

    # --- f̃ and its slopes as functions of r; see ``Generator`` ---

    def value(self, r: jax.Array) -> jax.Array:
        """f̃(eʳ)/max(1, eʳ), continued beyond the numbers that f can be given."""
        near, u = self._at(r)
        close = divide(self._close(r, near)[0], jnp.maximum(u, 1.0))
        return jnp.where(near, close, self._far_value(r, u))

    def slope(self, r: jax.Array) -> jax.Array:
        """f̃'(eʳ)"""
        near, u = self._at(r)
        return jnp.where(near, self._close(r, near)[1], self.function.slope(u) - self.at_one[1])

    def coslope(self, r: jax.Array) -> jax.Array:
        """f̃(u) - u f̃'(u), in which c (u - 1) has only -c."""
        near, u = self._at(r)
        return jnp.where(near, self._close(r, near)[2], self._far_coslope(r, u))

    # --- the summand q f̃(p/q) and its derivatives in log p and log q; see ``ByMass`` ---

    def summand(self, m: Masses) -> jax.Array:
        larger, r = _larger(m)
        near, u = self._at(r, m.quotient)
        far = self._within(u) if m.exact else self._far_value(r, u)
        return jnp.where(near, m.q * self._close(r, near)[0], larger * far)

    def in_log_p(self, m: Masses) -> jax.Array:
        larger, r = _larger(m)
        near, u = self._at(r, m.quotient)
        far = jnp.minimum(u, 1.0) * (self.function.slope(u) - self.at_one[1])
        return jnp.where(near, m.p * self._close(r, near)[1], larger * _bounded(far))

    def in_log_q(self, m: Masses) -> jax.Array:
        larger, r = _larger(m)
        near, u = self._at(r, m.quotient)
        far = divide(self._far_coslope(r, u), jnp.maximum(u, 1.0))
        return jnp.where(near, m.q * self._close(r, near)[2], larger * _bounded(far))

    # --- their parts ---

    def _at(self, r: jax.Array, quotient: jax.Array | None = None) -> tuple[jax.Array, jax.Array]:
        """(whether r is near 0, u), from u itself where it is known."""
        low, high = _SPANS[r.dtype.name]
        u = jnp.exp(jnp.clip(r, -low, high)) if quotient is None else jnp.clip(quotient, math.exp(-low), math.exp(high))
        return jnp.abs(r) <= NEAR, u

    def _close(self, r: jax.Array, near: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        """(f̃, f̃', f̃ - u f̃') near r = 0."""
        r, fit = jnp.where(near, r, 0.0), self.fits[r.dtype.name]
        if fit is None:
            return self.function.near(r)
        power = r ** (fit.order - 1)
        value, slope, coslope = (horner(list(one), r) for one in fit[1:])
        return power * r * value, power * slope, power * coslope

    def _within(self, u: jax.Array) -> jax.Array:
        """f̃(u)/max(1, u) of a u that f can be given."""
        one, slope = self.at_one
        return divide((self.function.f(u) - one) - slope * (u - 1.0), jnp.maximum(u, 1.0))

    def _far_value(self, r: jax.Array, u: jax.Array) -> jax.Array:
        value = self._within(u)
        for tail, beyond in zip(self.tails[r.dtype.name], _beyond(r), strict=True):
            if tail.rate:
                value = value * jnp.exp(tail.rate * beyond)
            elif tail.step:
                value = value + tail.step * beyond
        return value

    def _far_coslope(self, r: jax.Array, u: jax.Array) -> jax.Array:
        product = u * self.function.slope(u)
        endless = product == jnp.inf
        far = self.function.f(jnp.where(endless, 1.0, u)) - jnp.where(endless, 0.0, product)
        far = jnp.where(endless, -jnp.inf, far - (self.at_one[0] - self.at_one[1]))
        tail = self.tails[r.dtype.name][1]
        if tail.rate or tail.step:
            # The derivative of f̃/u in r is -(f̃ - u f̃')/u.
            low, high = _SPANS[r.dtype.name]
            growth = tail.rate * self._far_value(r, u) if tail.rate else tail.step
            far = jnp.where(r > high, -jnp.exp(jnp.clip(r, 0.0, low)) * growth, far)
        return far


def _larger(m: Masses) -> tuple[jax.Array, jax.Array]:
    """(the larger of p and q, r), and r = 0 where both have underflowed: they have no say."""
    larger = jnp.maximum(m.p, m.q)
    return larger, jnp.where(larger == 0.0, 0.0, m.r)


def _bounded(x: jax.Array) -> jax.Array:
    """x, which saturates before its own derivative overflows."""
    return saturated(x, 2.0**-10 * float(jnp.finfo(x.dtype).max))


def _beyond(r: jax.Array) -> tuple[jax.Array, jax.Array]:
    """How far r lies below and above the logarithms of the numbers that f can be given."""
    low, high = _SPANS[r.dtype.name]
    return jnp.maximum(-r - low, 0.0), jnp.maximum(r - high, 0.0)


# --- what is found when a generator is made ---


def differentiated(function: Function) -> Forms:
    """The forms; eagerly, and in double precision where f has it."""
    one = jnp.ones(())
    at_one = float(function.f(one)), float(function.slope(one))
    plain = Forms(function, at_one, dict.fromkeys(_SPANS), dict.fromkeys(_SPANS, (Tail(), Tail())))
    return Forms(function, at_one, _fits(function), {dtype: _tails(plain, dtype) for dtype in _SPANS})


def _fits(function: Function) -> dict[str, Near | None]:
    """The polynomials in each dtype, of the least order that has them."""
    points = np.polynomial.chebyshev.chebpts1(_SAMPLES)
    r = NEAR * points
    sampled = [np.asarray(one, np.float64) for one in jax.jit(function.near)(r)]
    found: dict[str, Near | None] = dict.fromkeys(_SPANS)
    for order in _ORDERS:
        scaled = [one / r**power for one, power in zip(sampled, (order, order - 1, order - 1), strict=True)]
        for dtype in _SPANS:
            if found[dtype] is None:
                parts = [_fit(points, one, _ROUNDING * float(np.finfo(dtype).eps)) for one in scaled]
                found[dtype] = None if None in parts else Near(order, *parts)  # type: ignore[arg-type]
    return found


def _fit(points: np.ndarray, values: np.ndarray, rest: float) -> tuple[float, ...] | None:
    """Coefficients in r of the values' Chebyshev series, cut soon after it falls to ``rest`` of the least value."""
    if not np.isfinite(values).all():
        return None
    basis = np.polynomial.chebyshev.chebvander(points.astype(np.longdouble), _DEGREE)
    series = basis.T @ values * (2.0 / _SAMPLES)
    series[0] *= 0.5
    least = np.abs([*values, np.polynomial.chebyshev.chebval(0.0, series)]).min()
    following = np.maximum.accumulate(np.abs(series[::-1]))[::-1]  # the largest from each coefficient on
    size = int((following > rest * least).sum()) + _GUARD
    if size > _MOST:
        return None
    powers = np.polynomial.chebyshev.cheb2poly(series[:size])
    return tuple(float(c) for c in powers / np.longdouble(NEAR) ** np.arange(size))


def _tails(forms: Forms, dtype: str) -> tuple[Tail, Tail]:
    """From three points near each end: a value that grows like a power of u goes on so, one that grows like log u goes
    on so, any other has settled.
    """
    low, high = _SPANS[dtype]
    points = [sign * (end - k) for sign, end in ((-1.0, low), (1.0, high)) for k in (0.0, 4.0, 8.0)]
    values = [float(one) for one in jax.jit(forms.value)(jnp.asarray(points, dtype))]
    return _tail(*values[:3]), _tail(*values[3:])


def _tail(last: float, before: float, first: float) -> Tail:
    last, before, first = (one if math.isfinite(one) else 0.0 for one in (last, before, first))
    gain = last - before
    rate = math.log(max(gain, 1e-30) / max(before - first, 1e-30)) / 4.0
    if gain > 1e-2 * last and rate >= 1e-2:
        return Tail(rate=rate)
    return Tail(step=0.25 * gain) if gain > 1e-2 and abs(rate) < 1e-2 else Tail()
