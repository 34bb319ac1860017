"""The summand of every divergence, with its partial derivatives and limits, written out by hand.

A divergence is outer(Σᵢ s(pᵢ, qᵢ)). Summands carry the difference of masses where the divergence of two measures
does (s = q f(p/q) with f(1) = f'(1) = 0), which changes nothing on rows that sum to one.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np

from .precision import Array, mp


@dataclasses.dataclass
class Atoms:
    """Probabilities and their logarithms where both rows are positive."""

    p: Array
    q: Array
    lp: Array
    lq: Array
    mixtures: dict[Any, tuple[Array, Array]] = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def log_ratio(self) -> Array:
        return self.lp - self.lq

    def mixture(self, weight: Any) -> tuple[Array, Array]:
        """(m, log m) for m = weight p + (1 - weight) q; kept, as logarithms are most of the work."""
        if weight not in self.mixtures:
            m = weight * self.p + (1 - weight) * self.q
            self.mixtures[weight] = m, mp.log(m)
        return self.mixtures[weight]

    def power(self, order: Any) -> Array:
        """(p/q)^order; the orders that need no exponential are spelt out for speed."""
        plain = {-1.0: lambda u: 1 / u, 0.0: lambda u: u**0, 0.5: mp.sqrt, -0.5: lambda u: 1 / mp.sqrt(u),
                 1.0: lambda u: u, 2.0: lambda u: u * u}  # fmt: skip
        if float(order) in plain:
            return plain[float(order)](self.p / self.q)
        return mp.exp(mp.number(order) * self.log_ratio)


Partial = Callable[[Atoms], Array]


@dataclasses.dataclass
class Term:
    """s(p, q) and its partials for p, q > 0; s(0, q)/q, s(p, 0)/p, ∂ₚs(0, q), ∂_q s(p, 0); the outer function."""

    value: Partial
    dp: Partial
    dq: Partial
    at_zero: Any
    at_infinity: Any
    dp_at_zero: Any = -np.inf  # a number, or a function of q
    dq_at_zero: Any = -np.inf
    outer: Callable[[Any], Any] = lambda total: total
    outer_slope: Callable[[Any], Any] = lambda total: mp.number(1)
    less: Term | None = None  # subtracted


def _reversed(term: Term) -> Term:
    def swap(part: Partial) -> Partial:
        return lambda c: part(Atoms(c.q, c.p, c.lq, c.lp))

    return dataclasses.replace(
        term, value=swap(term.value), dp=swap(term.dq), dq=swap(term.dp), at_zero=term.at_infinity,
        at_infinity=term.at_zero, dp_at_zero=term.dq_at_zero, dq_at_zero=term.dp_at_zero,
    )  # fmt: skip


def _kl() -> Term:
    return Term(lambda c: c.p * c.log_ratio - c.p + c.q, lambda c: c.log_ratio, lambda c: 1 - c.p / c.q, 1, np.inf)


def _plain_kl() -> Term:
    """Σ p log(p/q) without the difference of masses, as most libraries sum it."""
    return Term(
        lambda c: c.p * c.log_ratio, lambda c: c.log_ratio + 1, lambda c: -c.p / c.q, 0, np.inf, dq_at_zero=-np.inf
    )


def _jeffreys() -> Term:
    return Term(
        lambda c: (c.p - c.q) * c.log_ratio, lambda c: c.log_ratio + 1 - c.q / c.p,
        lambda c: 1 - c.p / c.q - c.log_ratio, np.inf, np.inf,
    )  # fmt: skip


def _skew_kl(weight: float) -> Term:
    """K(p, m), m = w p + (1 - w) q."""
    w = mp.number(weight)
    if w == 0 or w == 1:
        return _kl() if w == 0 else _scaled(_kl(), mp.number(0), zero_limits=True)

    def value(c: Atoms) -> Array:
        m, lm = c.mixture(w)
        return c.p * (c.lp - lm) - c.p + m

    def dp(c: Atoms) -> Array:
        m, lm = c.mixture(w)
        return c.lp - lm + w * (1 - c.p / m)

    def dq(c: Atoms) -> Array:
        return (1 - w) * (1 - c.p / c.mixture(w)[0])

    at_infinity = -mp.log(w) - 1 + w
    return Term(value, dp, dq, 1 - w, at_infinity, dq_at_zero=(1 - w) * (1 - 1 / w))


def _scaled(term: Term, factor: Any, zero_limits: bool = False) -> Term:
    def times(part: Partial) -> Partial:
        return lambda c: factor * part(c)

    limits = [
        0 if zero_limits else factor * v for v in (term.at_zero, term.at_infinity, term.dp_at_zero, term.dq_at_zero)
    ]
    return Term(times(term.value), times(term.dp), times(term.dq), *limits)


def _jensen_shannon(weight: float = 0.5, scaled: bool = False) -> Term:
    """w p log(p/m) + (1 - w) q log(q/m), over w(1 - w) if scaled."""
    w = mp.number(weight)
    if w == 0 or w == 1:
        if not scaled:
            return _scaled(_kl(), mp.number(0), zero_limits=True)
        return _kl() if w == 0 else _reversed(_kl())

    def value(c: Atoms) -> Array:
        _, lm = c.mixture(w)
        return w * c.p * (c.lp - lm) + (1 - w) * c.q * (c.lq - lm)

    plain = Term(
        value, lambda c: w * (c.lp - c.mixture(w)[1]), lambda c: (1 - w) * (c.lq - c.mixture(w)[1]),
        -(1 - w) * mp.log(1 - w), -w * mp.log(w),
    )  # fmt: skip
    return _scaled(plain, 1 / (w * (1 - w))) if scaled else plain


def _squared_hellinger() -> Term:
    return Term(
        lambda c: (mp.sqrt(c.p) - mp.sqrt(c.q)) ** 2 / 2, lambda c: (1 - mp.sqrt(c.q / c.p)) / 2,
        lambda c: (1 - mp.sqrt(c.p / c.q)) / 2, 0.5, 0.5,
    )  # fmt: skip


def _total_variation() -> Term:
    half_sign = np.frompyfunc(lambda d: mp.number((d > 0) - (d < 0)) / 2, 1, 1)
    return Term(
        lambda c: np.abs(c.p - c.q) / 2,
        lambda c: half_sign(c.p - c.q),
        lambda c: half_sign(c.q - c.p),
        0.5,
        0.5,
        -0.5,
        -0.5,
    )


def _chi_squared() -> Term:
    return Term(
        lambda c: (c.p - c.q) ** 2 / c.q, lambda c: 2 * (c.p - c.q) / c.q, lambda c: 1 - (c.p / c.q) ** 2, 1, np.inf, -2
    )


def _le_cam() -> Term:
    def slope(c: Atoms) -> Array:
        t = (c.p - c.q) / (c.p + c.q)
        return t - t * t / 2

    half = _reversed(Term(slope, slope, slope, 0, 0)).value
    return Term(lambda c: (c.p - c.q) ** 2 / (c.p + c.q) / 2, slope, half, 0.5, 0.5, -1.5, -1.5)


def _alpha(order: float) -> Term:
    """(pᵅq¹⁻ᵅ - αp - (1 - α)q)/(α(α - 1)); KL at α = 1, reverse KL at α = 0."""
    a = mp.number(order)
    if a == 1 or a == 0:
        return _kl() if a == 1 else _reversed(_kl())
    return Term(
        lambda c: (c.q * c.power(a) - a * c.p - (1 - a) * c.q) / (a * (a - 1)),
        lambda c: (c.power(a - 1) - 1) / (a - 1), lambda c: (1 - c.power(a)) / a,
        1 / a if a > 0 else np.inf, 1 / (1 - a) if a < 1 else np.inf,
        1 / (1 - a) if a > 1 else -np.inf, 1 / a if a < 0 else -np.inf,
    )  # fmt: skip


def _tsallis(order: float) -> Term:
    """α A_α; at α = 0 what q has where p has nothing."""
    return _scaled(_alpha(order), mp.number(order)) if order != 0 else _missed()


def _missed() -> Term:
    return Term(lambda c: 0 * c.p, lambda c: 0 * c.p, lambda c: 0 * c.p, 1, 0, 0, 0)


def _mixed_mass(order: Any) -> Term:
    """log(α Σp + (1 - α) Σq), zero for normalised rows."""
    return Term(
        lambda c: order * c.p + (1 - order) * c.q, lambda c: order + 0 * c.p, lambda c: 1 - order + 0 * c.p,
        1 - order, order, order, 1 - order, mp.log, lambda t: 1 / t,
    )  # fmt: skip


def _power_sum(order: Any) -> Term:
    """Σ pᵅq¹⁻ᵅ, taken as the limit of positive orders at α = 0 and of orders below one at α = 1."""
    return Term(
        lambda c: c.q * c.power(order), lambda c: order * c.power(order - 1), lambda c: (1 - order) * c.power(order),
        0, 0 if order <= 1 else np.inf, np.inf if order < 1 else 0, np.inf if order < 1 else -np.inf,
    )  # fmt: skip


def affinity(order: Any) -> Term:
    """-log of Σ pᵅq¹⁻ᵅ over α Σp + (1 - α) Σq at an order in [0, 1]: (1 - α) times Rényi's divergence."""
    less = _scaled_outer(_mixed_mass(order), -1)
    return dataclasses.replace(_power_sum(order), outer=lambda t: -mp.log(t), outer_slope=lambda t: -1 / t, less=less)


def _scaled_outer(term: Term, factor: Any) -> Term:
    outer, slope = term.outer, term.outer_slope
    return dataclasses.replace(term, outer=lambda t: factor * outer(t), outer_slope=lambda t: factor * slope(t))


def _renyi(order: Any) -> Term:
    """log(Σ pᵅq¹⁻ᵅ / (α Σp + (1 - α) Σq))/(α - 1); on normalised rows the divisor is one.

    The divisor makes it non-negative for measures, and 0 at p = q, where rows sum to one only up to rounding.
    """
    a = mp.number(order)
    if a == 1:
        return _kl()
    if a == 0:
        return dataclasses.replace(_missed(), outer=lambda t: -mp.log(1 - t), outer_slope=lambda t: 1 / (1 - t))
    return dataclasses.replace(
        _power_sum(a), outer=lambda t: mp.log(t) / (a - 1), outer_slope=lambda t: 1 / (t * (a - 1)),
        less=_scaled_outer(_mixed_mass(a), 1 / (a - 1)),
    )  # fmt: skip


def _bhattacharyya() -> Term:
    return affinity(mp.number(0.5))


def _cross_entropy() -> Term:
    return Term(lambda c: -c.p * c.lq, lambda c: -c.lq, lambda c: -c.p / c.q, 0, np.inf, lambda q: -mp.log(q))


def _entropy(order: float = 1.0) -> Term:
    """-Σ p log p, or log(Σ pᵅ)/(1 - α), of a row paired with itself."""
    a, zero = mp.number(order), lambda c: 0 * c.p
    if a == 1:
        return Term(lambda c: -c.p * c.lp, lambda c: -c.lp - 1, zero, 0, 0, np.inf)
    return Term(
        lambda c: mp.exp(a * c.lp), lambda c: a * mp.exp((a - 1) * c.lp), zero, 0, 0, np.inf if a < 1 else 0, 0,
        lambda t: mp.log(t) / (1 - a), lambda t: 1 / (t * (1 - a)),
    )  # fmt: skip


def from_function(f: Callable, at_zero: Any, at_infinity: Any, slope: Callable | None = None) -> Term:
    """q f(p/q) for an mpmath function f; ∂p = f'(u), ∂q = f(u) - u f'(u)."""
    slope = slope or (lambda u: mpmath.diff(f, u))

    def lift(g: Callable) -> Callable[[Array], Array]:
        return np.frompyfunc(lambda u: mp.from_mpmath(mpmath.mpf(g(mp.to_mpmath(u)))), 1, 1)

    return Term(
        lambda c: c.q * lift(f)(c.p / c.q), lambda c: lift(slope)(c.p / c.q),
        lambda c: lift(lambda u: f(u) - u * slope(u))(c.p / c.q), at_zero, at_infinity,
    )  # fmt: skip


TERMS: dict[str, Callable[..., Term]] = {
    "kl": _kl,
    "plain_kl": _plain_kl,
    "reverse_kl": lambda: _reversed(_kl()),
    "jeffreys": _jeffreys,
    "jensen_shannon": _jensen_shannon,
    "skew_kl": _skew_kl,
    "squared_hellinger": _squared_hellinger,
    "total_variation": _total_variation,
    "chi_squared": _chi_squared,
    "neyman": lambda: _reversed(_chi_squared()),
    "le_cam": _le_cam,
    "alpha": _alpha,
    "tsallis": _tsallis,
    "renyi": _renyi,
    "bhattacharyya": _bhattacharyya,
    "cross_entropy": _cross_entropy,
    "entropy": _entropy,
}
