"""f, f', f'' and the limits of every generator, from the textbook, in mpmath; to be used inside ``mpmath.workdps``.

The conjugate comes from its definition, sup ut - f(u), with the maximiser found by Newton's method on f'(u) = t.
It imports nothing of kljax.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import mpmath as mp

Number = Any
INF = mp.inf


@dataclasses.dataclass(frozen=True)
class Function:
    """A convex f with f(1) = f'(1) = 0."""

    f: Callable[[Number], Number]
    slope: Callable[[Number], Number]
    curvature: Callable[[Number], Number]
    at_zero: Number
    at_infinity: Number
    slope_at_zero: Number = -INF

    def coslope(self, u: Number) -> Number:
        """f(u) - u f'(u)"""
        return self.f(u) - u * self.slope(u)

    def balanced(self, r: Number) -> Number:
        """f(eʳ)/max(1, eʳ)"""
        u = mp.exp(r)
        return self.f(u) / max(u, 1)

    def maximiser(self, t: Number, near: Number) -> Number:
        """The u at which f'(u) = t, by Newton's method in log u from a guess close to it."""
        r = mp.mpf(near)
        for _ in range(60):
            u = mp.exp(r)
            step = (self.slope(u) - t) / (u * self.curvature(u))
            r -= step
            if abs(step) <= mp.mpf(2) ** (-mp.mp.prec // 2):
                break
        return mp.exp(r)

    def conjugate(self, t: Number, near: Number) -> tuple[Number, Number]:
        """(f*(t), the maximiser u)"""
        u = self.maximiser(t, near)
        return u * t - self.f(u), u


def reverse(g: Function) -> Function:
    """u f(1/u)"""
    return Function(
        lambda u: u * g.f(1 / u), lambda u: g.coslope(1 / u), lambda u: g.curvature(1 / u) / u**3,
        g.at_infinity, g.at_zero,
    )  # fmt: skip


def scale(g: Function, c: Number) -> Function:
    if c == 0:
        return Function(lambda u: u * 0, lambda u: u * 0, lambda u: u * 0, 0, 0)
    return Function(
        lambda u: c * g.f(u), lambda u: c * g.slope(u), lambda u: c * g.curvature(u), c * g.at_zero, c * g.at_infinity
    )


def combine(*terms: tuple[Number, Function]) -> Function:
    def total(part: str) -> Callable[[Number], Number]:
        return lambda u: sum(c * getattr(g, part)(u) for c, g in terms)

    return Function(
        total("f"), total("slope"), total("curvature"), sum(c * g.at_zero for c, g in terms),
        sum(c * g.at_infinity for c, g in terms),
    )  # fmt: skip


def skew(g: Function, w: Number) -> Function:
    """m f(u/m), m = w u + 1 - w"""
    m = lambda u: w * u + 1 - w  # noqa: E731
    return Function(
        lambda u: m(u) * g.f(u / m(u)),
        lambda u: g.slope(u / m(u)) + w * g.coslope(u / m(u)),
        lambda u: (1 - w) ** 2 * g.curvature(u / m(u)) / m(u) ** 3,
        (1 - w) * g.at_zero,
        w * g.f(1 / w) if w > 0 else g.at_infinity,
    )


def kl() -> Function:
    return Function(lambda u: u * mp.log(u) - u + 1, mp.log, lambda u: 1 / u, 1, INF)


def jeffreys() -> Function:
    return Function(
        lambda u: (u - 1) * mp.log(u), lambda u: mp.log(u) + 1 - 1 / u, lambda u: 1 / u + 1 / u**2, INF, INF
    )


def jensen_shannon(w: Number = 0.5, scaled: bool = False) -> Function:
    w = mp.mpf(w)
    if w in (0, 1):
        plain = kl() if w == 0 else reverse(kl())
        return plain if scaled else scale(plain, 0)
    m = lambda u: w * u + 1 - w  # noqa: E731
    plain = Function(
        lambda u: w * u * mp.log(u / m(u)) - (1 - w) * mp.log(m(u)), lambda u: w * mp.log(u / m(u)),
        lambda u: w * (1 - w) / (u * m(u)), -(1 - w) * mp.log(1 - w), -w * mp.log(w),
    )  # fmt: skip
    return scale(plain, 1 / (w * (1 - w))) if scaled else plain


def skew_kl(w: Number) -> Function:
    w = mp.mpf(w)
    m = lambda u: w * u + 1 - w  # noqa: E731
    return Function(
        lambda u: u * mp.log(u / m(u)) - u + m(u), lambda u: mp.log(u / m(u)) - w * u / m(u) + w,
        lambda u: (1 - w) ** 2 / (u * m(u) ** 2), 1 - w, -mp.log(w) - 1 + w if w > 0 else INF,
    )  # fmt: skip


def squared_hellinger() -> Function:
    return Function(
        lambda u: (mp.sqrt(u) - 1) ** 2 / 2, lambda u: (1 - 1 / mp.sqrt(u)) / 2, lambda u: u ** mp.mpf(-1.5) / 4,
        mp.mpf(0.5), mp.mpf(0.5),
    )  # fmt: skip


def total_variation() -> Function:
    half = mp.mpf(0.5)
    return Function(
        lambda u: abs(u - 1) / 2, lambda u: mp.sign(u - 1) / 2, lambda u: 0 * u, half, half, slope_at_zero=-half
    )


def pearson() -> Function:
    return Function(lambda u: (u - 1) ** 2, lambda u: 2 * (u - 1), lambda u: mp.mpf(2), 1, INF, slope_at_zero=-2)


def le_cam() -> Function:
    t = lambda u: (u - 1) / (u + 1)  # noqa: E731
    half = mp.mpf(0.5)
    return Function(
        lambda u: (u - 1) ** 2 / (u + 1) / 2, lambda u: t(u) - t(u) ** 2 / 2, lambda u: 4 / (u + 1) ** 3, half, half,
        slope_at_zero=mp.mpf(-1.5),
    )  # fmt: skip


def arithmetic_geometric() -> Function:
    mean = lambda u: mp.log((1 + u) / (2 * mp.sqrt(u)))  # noqa: E731
    return Function(
        lambda u: (1 + u) / 2 * mean(u), lambda u: mean(u) / 2 + (1 - 1 / u) / 4,
        lambda u: (1 / (1 + u) - 1 / (2 * u)) / 2 + 1 / (4 * u**2), INF, INF,
    )  # fmt: skip


def alpha(order: Number) -> Function:
    a = mp.mpf(order)
    if a in (0, 1):
        return kl() if a == 1 else reverse(kl())
    return Function(
        lambda u: (u**a - 1 - a * (u - 1)) / (a * (a - 1)), lambda u: (u ** (a - 1) - 1) / (a - 1),
        lambda u: u ** (a - 2), 1 / a if a > 0 else INF, 1 / (1 - a) if a < 1 else INF,
        slope_at_zero=1 / (1 - a) if a > 1 else -INF,
    )  # fmt: skip


def t_power(t: Number) -> Function:
    t = mp.mpf(t)
    sign = -1 if 0 < t < 1 else 1
    return Function(
        lambda u: sign * (u**t - 1 - t * (u - 1)), lambda u: sign * t * (u ** (t - 1) - 1),
        lambda u: abs(t * (t - 1)) * u ** (t - 2), sign * (t - 1) if t > 0 else INF if t < 0 else 0,
        t if 0 < t < 1 else INF if t > 1 else -t, slope_at_zero=-t if t > 1 else -INF,
    )  # fmt: skip


def squared_log() -> Function:
    return Function(lambda u: mp.log(u) ** 2 / 2, lambda u: mp.log(u) / u, lambda u: (1 - mp.log(u)) / u**2, INF, 0)


def log1p_abs() -> Function:
    return Function(
        lambda u: u - 1 if u >= 1 else 1 / u - 1, lambda u: mp.sign(u - 1) if u >= 1 else -1 / u**2,
        lambda u: 0 * u if u >= 1 else 2 / u**3, INF, 1,
    )  # fmt: skip


def modified_gan() -> Function:
    return Function(
        lambda u: mp.log((1 + u) / (2 * u)) + (u - 1) / 2, lambda u: 1 / (1 + u) - 1 / u + mp.mpf(0.5),
        lambda u: 1 / u**2 - 1 / (1 + u) ** 2, INF, mp.mpf(0.5),
    )  # fmt: skip
