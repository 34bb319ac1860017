"""Forms of a generator in the masses p and q, where these are cheaper or reach further than those in r alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import divide, expm1_minus_x_near, expm1_near, expm1_ratio, horner
from kljax._special.loops import in_one_loop
from kljax.generators._forms_in_log_ratio import Scalar, is_static


class Masses(NamedTuple):
    """What a form may use of one outcome; the gap and r are accurate also where p ≈ q."""

    p: jax.Array
    q: jax.Array
    gap: jax.Array  # q - p
    r: jax.Array  # log(p/q)
    power: Callable[[Scalar], jax.Array]  # α ↦ pᵅq¹⁻ᵅ, also where p or q has underflowed
    quotient: jax.Array | None = None  # p/q where neither has underflowed, or none; then eʳ is what there is
    exact: bool = False  # whether p, q and the gap are what is given, rather than made of r


class Exact(NamedTuple):
    """What is known of p and q that are given, rather than made of r."""

    gap: jax.Array  # q - p
    no_p: Any = np.False_  # whether p alone is zero; p then stands for a number
    no_q: Any = np.False_


class ByMass(NamedTuple):
    """q f(p/q) and its derivatives in log p and in log q as functions of ``Masses`` and of the parameters.

    ``tail_p`` is p (f'(∞) - f'(u)) and ``tail_q`` is q (f(0) - f(u) + u f'(u)), for a generator that is bounded there:
    what is left of a derivative when nearly all rows of p and q are disjoint. A form may be missing. ``by_quotient``
    says that it takes no other power of p and q than their quotient.
    """

    summand: Callable[..., jax.Array] | None = None
    in_log_p: Callable[..., jax.Array] | None = None
    in_log_q: Callable[..., jax.Array] | None = None
    tail_p: Callable[..., jax.Array] | None = None
    tail_q: Callable[..., jax.Array] | None = None
    by_quotient: bool = False

    def each(self, wrap: Callable[[Callable[..., jax.Array]], Callable[..., jax.Array]]) -> ByMass:
        """The record with each form wrapped."""

        def kept(form: Callable[..., jax.Array] | None) -> Callable[..., jax.Array] | None:
            return None if form is None else wrap(form)

        slopes = kept(self.in_log_p), kept(self.in_log_q), kept(self.tail_p), kept(self.tail_q)
        return ByMass(kept(self.summand), *slopes, by_quotient=self.by_quotient)

    def reversed(self) -> ByMass:
        """The forms of the divergence with p and q exchanged."""
        forms = ByMass(self.summand, self.in_log_q, self.in_log_p, self.tail_q, self.tail_p, self.by_quotient)
        return forms.each(_Exchanged)

    def scaled(self) -> ByMass:
        """The forms of c times the divergence, with c before the other parameters."""
        return self.each(_ScaledForm)


@dataclasses.dataclass(frozen=True)
class _Exchanged:
    form: Callable[..., jax.Array]

    def __call__(self, m: Masses, *parameters: Scalar) -> jax.Array:
        return self.form(exchanged(m), *parameters)


@dataclasses.dataclass(frozen=True)
class _ScaledForm:
    form: Callable[..., jax.Array]

    def __call__(self, m: Masses, factor: Scalar, *parameters: Scalar) -> jax.Array:
        return factor * self.form(m, *parameters)


def masses(
    p: jax.Array,
    q: jax.Array,
    r: jax.Array,
    power: Callable[[Scalar], jax.Array] | None = None,
    quotient: jax.Array | None = None,
    exact: Exact | None = None,
) -> Masses:
    """The masses of outcomes that neither p nor q misses."""
    gap = mass_gap(p, q, r) if exact is None else exact.gap
    return Masses(p, q, gap, r, power or (lambda order: power_mass(order, p, q, r)), quotient, exact is not None)


def mass_gap(p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """q - p, from r where the two are close."""
    near, relative = near_gap(r)
    return jnp.where(near, p * relative, q - p)


def near_gap(r: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(whether p and q are close, then (q - p)/p)"""
    near = jnp.abs(r) < 0.5
    return near, expm1_near(jnp.where(near, -r, 0.0))


def gap_over(m: Masses, near_total: Callable[[jax.Array], jax.Array], total: jax.Array) -> jax.Array:
    """(q - p)/total; where the two are close of what both are over p, so that p's rounding does not enter.

    ``near_total`` maps e = (q - p)/p to total/p.
    """
    if m.exact:
        return over(m.gap, total)
    near, relative = near_gap(m.r)
    return over(jnp.where(near, relative, m.gap), jnp.where(near, near_total(relative), total))


def over(x: jax.Array, total: jax.Array) -> jax.Array:
    """x/total, and x where the total is zero: of an outcome that p and q have lost."""
    return in_one_loop(divide(x, jnp.where(total == 0.0, 1.0, total)))


def power_mass(order: Scalar, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """pᵅq¹⁻ᵅ from the larger of p and q."""
    from_p = r > 0.0
    exponent = jnp.where(from_p, (order - 1.0) * r, order * r)
    # In two steps, for the exponential may overflow where its product with the mass does not.
    step = jnp.exp(0.5 * exponent)
    return jnp.where(from_p, p, q) * step * step


def far_power(order: Scalar, r: jax.Array) -> jax.Array:
    """Where both powers of u are so far from 1 that pᵅq¹⁻ᵅ - αp - (1 - α)q does not cancel."""
    return (jnp.abs(r) > 3.0) & (jnp.abs(order * r) > 1.0) & (jnp.abs((order - 1.0) * r) > 1.0)


def exchanged(m: Masses) -> Masses:
    """The masses with p and q exchanged."""
    inverse = None if m.quotient is None else over(jnp.ones_like(m.quotient), m.quotient)
    return Masses(m.q, m.p, -m.gap, -m.r, lambda order: m.power(1.0 - order), inverse, m.exact)


# √p - √q = (p - q)/(√p + √q), whose square and whose product with √p need √(pq) alone. Where the other mass is
# much the larger, and may have been cut at the largest number, √p (√p - √q) does not cancel.


def root_excess(m: Masses) -> jax.Array:
    """(√p - √q)²"""
    return m.gap * gap_over(m, lambda e: 2.0 + e + 2.0 * jnp.sqrt(1.0 + e), m.p + m.q + 2.0 * m.power(0.5))


def root_gaps(m: Masses) -> tuple[jax.Array, jax.Array]:
    """(√p (√p - √q), √q (√q - √p))"""
    power = m.power(0.5)
    in_p = -m.p * gap_over(m, lambda e: 1.0 + jnp.sqrt(1.0 + e), m.p + power)
    in_q = m.q * gap_over(m, lambda e: 1.0 + e + jnp.sqrt(1.0 + e), m.q + power)
    return jnp.where(m.r < -3.0, m.p - power, in_p), jnp.where(m.r > 3.0, m.q - power, in_q)


# Of an order α = n/s, with x = u^{1/s}, s = 1 or 2, and g = 1 - x = (q - p)/q or (q - p)/(q + √(pq)):
#     (uᵅ - αu + β)/(αβ) = g² P(x)/(αβ),  (uᵅ - u)/β = -u g (1 + … + x^{n-s-1})/β,  (1 - uᵅ)/α = g (1 + … + x^{n-1})/α,
# all sums of one sign, so that no exponential and no polynomial of r is taken.


def of_roots(order: Scalar) -> bool:
    """Whether a power of this order is taken by quotients and roots, where these neither over- nor underflow."""
    return is_static(order) and 1.5 <= order <= 4.0 and float(2.0 * order).is_integer()


def _root(m: Masses, order: float) -> tuple[jax.Array, jax.Array, int, int]:
    """(x, g, n, s)"""
    assert m.quotient is not None
    if float(order).is_integer():
        return m.quotient, gap_over(m, lambda e: 1.0 + e, m.q), round(order), 1
    gap = gap_over(m, lambda e: 1.0 + e + jnp.sqrt(1.0 + e), m.q + m.power(0.5))
    return in_one_loop(jnp.sqrt(m.quotient)), gap, round(2.0 * order), 2


def _excess_by_root(m: Masses, order: float) -> jax.Array:
    x, g, n, s = _root(m, order)
    whole = np.zeros(n + 1)
    whole[[0, s, n]] = order - 1.0, -order, 1.0
    rest = np.polynomial.Polynomial(whole / (order * (order - 1.0))) // np.polynomial.Polynomial([1.0, -2.0, 1.0])
    return m.q * g * g * horner([float(c) for c in rest.coef], x)


# Far from p = q the power itself, for q may have underflowed where it has not.


def _gap_by_root(m: Masses, order: float) -> jax.Array:
    x, g, n, s = _root(m, order)
    close = -m.p * g * horner([1.0 / (order - 1.0)] * (n - s), x)
    return jnp.where(jnp.abs(m.r) > 3.0, (m.power(order) - m.p) / (order - 1.0), close)


def _gap_of_q_by_root(m: Masses, order: float) -> jax.Array:
    x, g, n, _ = _root(m, order)
    close = m.q * g * horner([1.0 / order] * n, x)
    return jnp.where(jnp.abs(m.r) > 3.0, (m.q - m.power(order)) / order, close)


def _power_excess(m: Masses, order: float) -> jax.Array:
    """[p e(βr)/β + p e(-r)]/α for α ≥ ½, β = α - 1, e(t) = eᵗ - 1 - t, by pᵅq¹⁻ᵅ = p e^{βr} and q = p e⁻ʳ."""
    if order == 0.5:
        return 2.0 * root_excess(m)
    if m.quotient is not None and of_roots(order):
        return _excess_by_root(m, order)
    if order == 2.0:
        far = jnp.abs(m.r) > 3.0
        close = m.gap * gap_over(m, lambda e: 1.0 + e, jnp.where(far, 1.0, m.q))
        return 0.5 * jnp.where(far, (m.power(order) - m.p) + (m.q - m.p), close)
    beta, power = order - 1.0, m.power(order)
    # Far out the two parts are ±p r and cancel.
    far = far_power(order, m.r)
    r = jnp.where(far, 0.0, m.r)
    lift = beta * r
    near, near_lift = jnp.abs(r) <= 1.0, jnp.abs(lift) <= 1.0
    by_q = jnp.where(near, m.p * expm1_minus_x_near(jnp.where(near, -r, 0.0)), m.p * r + (m.q - m.p))
    by_power = (power - m.p) - m.p * lift
    by_power = jnp.where(near_lift, m.p * expm1_minus_x_near(jnp.where(near_lift, lift, 0.0)), by_power)
    # Where both overflow what is left of them is infinite, too.
    close = jnp.abs(by_power / beta + jnp.minimum(by_q, float(jnp.finfo(by_q.dtype).max))) / order
    return jnp.where(far, _far_excess(power, m, order, beta), close)


def _far_excess(power: jax.Array, m: Masses, order: Scalar, beta: Scalar) -> jax.Array:
    """[pᵅq¹⁻ᵅ - αp + βq]/(αβ), ∞ where a part of it is."""
    share, less = power / order / beta, m.p / beta
    endless = jnp.isinf(share) | jnp.isinf(less)
    return jnp.where(endless, jnp.inf, jnp.where(endless, 0.0, share) + (m.q / order - jnp.where(endless, 0.0, less)))


def _power_gap(m: Masses, order: float) -> jax.Array:
    """(pᵅq¹⁻ᵅ - p)/(α - 1)"""
    if order == 0.5:
        return 2.0 * root_gaps(m)[0]
    if m.quotient is not None and of_roots(order):
        return _gap_by_root(m, order)
    if m.quotient is not None and of_roots(1.0 - order):
        return _gap_of_q_by_root(exchanged(m), 1.0 - order)
    beta = order - 1.0
    power = m.power(order)
    if order in (2.0, -1.0):  # -gap p/q and -½ gap (1 + q/p)
        far = jnp.abs(m.r) > 3.0
        by, mass = (m.p, m.q) if order == 2.0 else (m.q, m.p)
        quotient = over(by, jnp.where(far, 1.0, mass))
        return jnp.where(far, (power - m.p) / beta, -m.gap * (quotient if order == 2.0 else 0.5 + 0.5 * quotient))
    lift = beta * m.r
    near = jnp.abs(lift) < 1.0
    return jnp.where(near, m.p * expm1_near(jnp.where(near, lift, 0.0)), power - m.p) / beta


class PowerForms(NamedTuple):
    """The α-divergence's forms. Of an order known when tracing by the power itself and polynomials near p = q.

    A traced order takes ``value``, of r and the order, there.
    """

    value: Callable[..., jax.Array]

    def summand(self, m: Masses, order: Scalar) -> jax.Array:
        """(pᵅq¹⁻ᵅ - αp - (1 - α)q)/(α(α - 1))"""
        if is_static(order):
            return _power_excess(m, order) if order >= 0.5 else _power_excess(exchanged(m), 1.0 - order)
        far = far_power(order, m.r)
        direct = _far_excess(m.power(order), m, jnp.where(far, order, 1.0), jnp.where(far, order - 1.0, 1.0))
        return jnp.where(far, direct, jnp.maximum(m.p, m.q) * self.value(jnp.where(far, 0.0, m.r), order))

    def in_log_p(self, m: Masses, order: Scalar) -> jax.Array:
        """(pᵅq¹⁻ᵅ - p)/(α - 1)"""
        if is_static(order):
            return _power_gap(m, order)
        lift = (order - 1.0) * m.r
        near = jnp.abs(lift) < 1.0
        direct = (m.power(order) - m.p) / jnp.where(near, 1.0, order - 1.0)
        return jnp.where(near, m.p * (m.r * expm1_ratio(jnp.where(near, lift, 0.0))), direct)

    def in_log_q(self, m: Masses, order: Scalar) -> jax.Array:
        """(q - pᵅq¹⁻ᵅ)/α"""
        if is_static(order) and order == 0.5:
            return 2.0 * root_gaps(m)[1]
        return self.in_log_p(exchanged(m), 1.0 - order)

    def tail_p(self, m: Masses, order: Scalar) -> jax.Array:
        """pᵅq¹⁻ᵅ/(1 - α), for α < 1"""
        return m.power(order) / (1.0 - order)

    def tail_q(self, m: Masses, order: Scalar) -> jax.Array:
        """pᵅq¹⁻ᵅ/α, for α > 0"""
        return m.power(order) / order

    def forms(self, *, bounded_p: bool, bounded_q: bool) -> ByMass:
        """The record of these forms."""
        slopes = _PowerForm(self, "in_log_p"), _PowerForm(self, "in_log_q")
        tail_p, tail_q = _PowerForm(self, "tail_p"), _PowerForm(self, "tail_q")
        return ByMass(
            _PowerForm(self, "summand"), *slopes, tail_p if bounded_p else None, tail_q if bounded_q else None
        )


@dataclasses.dataclass(frozen=True)
class _PowerForm:
    """A form by its name; a bound method would not be equal to its copy."""

    forms: PowerForms
    name: str

    def __call__(self, m: Masses, order: Scalar) -> jax.Array:
        form: Callable[..., jax.Array] = getattr(self.forms, self.name)
        return form(m, order)


@dataclasses.dataclass(frozen=True)
class AtOrder:
    """A form of the α-divergence at a fixed order, times a factor."""

    form: Callable[..., jax.Array]
    order: float
    factor: float

    def __call__(self, m: Masses) -> jax.Array:
        return self.factor * self.form(m, self.order)
