"""Forms of a generator in the masses p and q, where these are cheaper or reach further than those in r alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from kljax._special import expm1_near
from kljax.generators._forms import Scalar


class Masses(NamedTuple):
    """What a form may use of one outcome; the gap and r are accurate also where p ≈ q."""

    p: jax.Array
    q: jax.Array
    gap: jax.Array  # q - p
    r: jax.Array  # log(p/q)
    power: Callable[[Scalar], jax.Array]  # α ↦ pᵅq¹⁻ᵅ, also where p or q has underflowed


class ByMass(NamedTuple):
    """q f(p/q) and its derivatives in log p and in log q as functions of ``Masses`` and of the parameters.

    ``tail_p`` is p (f'(∞) - f'(u)) and ``tail_q`` is q (f(0) - f(u) + u f'(u)), for a generator that is bounded there:
    what is left of a derivative when nearly all rows of p and q are disjoint. A form may be missing.
    """

    summand: Callable[..., jax.Array] | None = None
    in_log_p: Callable[..., jax.Array] | None = None
    in_log_q: Callable[..., jax.Array] | None = None
    tail_p: Callable[..., jax.Array] | None = None
    tail_q: Callable[..., jax.Array] | None = None

    def reversed(self) -> ByMass:
        """The forms of the divergence with p and q exchanged."""
        exchanged = (self.summand, self.in_log_q, self.in_log_p, self.tail_q, self.tail_p)
        return ByMass(*(None if form is None else _Exchanged(form) for form in exchanged))

    def scaled(self) -> ByMass:
        """The forms of c times the divergence, with c before the other parameters."""
        return ByMass(*(None if form is None else _ScaledForm(form) for form in self))


@dataclasses.dataclass(frozen=True)
class _Exchanged:
    form: Callable[..., jax.Array]

    def __call__(self, m: Masses, *parameters: Scalar) -> jax.Array:
        return self.form(Masses(m.q, m.p, -m.gap, -m.r, lambda order: m.power(1.0 - order)), *parameters)


@dataclasses.dataclass(frozen=True)
class _ScaledForm:
    form: Callable[..., jax.Array]

    def __call__(self, m: Masses, factor: Scalar, *parameters: Scalar) -> jax.Array:
        return factor * self.form(m, *parameters)


def masses(p: jax.Array, q: jax.Array, r: jax.Array, power: Callable[[Scalar], jax.Array] | None = None) -> Masses:
    """The masses of outcomes that neither p nor q misses."""
    return Masses(p, q, mass_gap(p, q, r), r, power or (lambda order: power_mass(order, p, q, r)))


def mass_gap(p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """q - p, from r where the two are close."""
    near = jnp.abs(r) < 0.5
    return jnp.where(near, p * expm1_near(jnp.where(near, -r, 0.0)), q - p)


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


class PowerForms(NamedTuple):
    """The α-divergence's forms: by ``near`` (of M, r and the order) close to p = q, else by the power itself."""

    value: Callable[..., jax.Array]
    growth: Callable[..., jax.Array]

    def summand(self, m: Masses, order: Scalar) -> jax.Array:
        """(pᵅq¹⁻ᵅ - αp - (1 - α)q)/(α(α - 1))"""
        far = far_power(order, m.r)
        first, second = jnp.where(far, order, 1.0), jnp.where(far, order - 1.0, 1.0)
        share = m.power(order) / first / second
        endless = jnp.isinf(share)  # then so is the sum, whose parts may be -∞
        direct = jnp.where(endless, jnp.inf, jnp.where(endless, 0.0, share) + (m.q / first - m.p / second))
        return jnp.where(far, direct, jnp.maximum(m.p, m.q) * self.value(jnp.where(far, 0.0, m.r), order))

    def in_log_p(self, m: Masses, order: Scalar) -> jax.Array:
        """(pᵅq¹⁻ᵅ - p)/(α - 1)"""
        far = far_power(order, m.r)
        direct = (m.power(order) - m.p) / jnp.where(far, order - 1.0, 1.0)
        r = jnp.where(far, 0.0, m.r)
        value, growth = self.value(r, order), self.growth(r, order)
        return jnp.where(far, direct, jnp.maximum(m.p, m.q) * jnp.where(r <= 0.0, growth, value + growth))

    def in_log_q(self, m: Masses, order: Scalar) -> jax.Array:
        """(q - pᵅq¹⁻ᵅ)/α"""
        far = far_power(order, m.r)
        direct = (m.q - m.power(order)) / jnp.where(far, order, 1.0)
        r = jnp.where(far, 0.0, m.r)
        value, growth = self.value(r, order), self.growth(r, order)
        return jnp.where(far, direct, jnp.maximum(m.p, m.q) * jnp.where(r <= 0.0, value - growth, -growth))

    def tail_p(self, m: Masses, order: Scalar) -> jax.Array:
        """pᵅq¹⁻ᵅ/(1 - α), for α < 1"""
        return m.power(order) / (1.0 - order)

    def tail_q(self, m: Masses, order: Scalar) -> jax.Array:
        """pᵅq¹⁻ᵅ/α, for α > 0"""
        return m.power(order) / order

    def forms(self, *, bounded_p: bool, bounded_q: bool) -> ByMass:
        """The record of these forms."""
        names = ("summand", "in_log_p", "in_log_q", "tail_p" if bounded_p else None, "tail_q" if bounded_q else None)
        return ByMass(*(None if name is None else _PowerForm(self, name) for name in names))


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
