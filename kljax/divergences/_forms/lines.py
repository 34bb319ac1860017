"""The line through two members of an exponential family, and what such lines are made of in one parameter.

    P(s), with natural parameter s η_p + (1 - s) η_q: P(1) = p, P(0) = q, and between them their geometric means

All that Rényi's divergences and Chernoff's information ask of a family is KL(P(s)‖P(r)), from s, r and their exact
difference c = r - s, formed of c times the difference of the parameters, so that no digits are lost for p ≈ q.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, expm1, expm1_minus_x, kl_term, log_ratio
from kljax._special.gamma import bregman_log_gamma, bregman_phi
from kljax._special.ratios import gap_less_log, product_ratio_gap
from kljax.divergences._forms.interval import kl_of_dirichlets

Step = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]


class Line(NamedTuple):
    """KL along the line, as ``step(s, r, c)`` with 0 ≤ s ≤ 1, and where the line ends.

    ``inside(r)`` is false where P(r) is outside the family; without it the line never ends. A family with locations
    may keep their part apart: ``shift(s)`` is that of the divergence of order s, J_s/(s(1 - s)), and ``shifts(s)`` are
    (A, B) with (1 - s)²A the part of KL(P(s)‖p) and s²B that of KL(P(s)‖q). ``bounded`` says whether p/q is, which
    the order ∞ asks; without it that follows from where the line ends.
    """

    step: Step
    inside: Callable[[jax.Array], jax.Array] | None = None
    shift: Callable[[jax.Array], jax.Array] | None = None
    shifts: Callable[[jax.Array], tuple[jax.Array, jax.Array]] | None = None
    bounded: jax.Array | None = None


def between(p: jax.Array, q: jax.Array, s: jax.Array) -> jax.Array:
    """s p + (1 - s) q, exact at both ends and for p = q."""
    low, s = s < 0.5, s.astype(p.dtype)  # which may be complex
    return jnp.where(low, q + s * (p - q), p - (1.0 - s) * (p - q))


def along(p: jax.Array, q: jax.Array, s: jax.Array, d: jax.Array) -> jax.Array:
    """s p + (1 - s) q, beyond its ends from there by the difference d = p - q."""
    inside = (s >= 0.0) & (s <= 1.0)
    middle = jnp.where(inside, s, 0.5)
    beyond = jnp.where(s > 1.0, p + (s - 1.0) * d, q + s * d)
    return jnp.where(inside, middle * p + (1.0 - middle) * q, beyond)


def positive(x: jax.Array) -> jax.Array:
    """Whether x > 0, and true for NaN, which goes through."""
    return ~(x <= 0.0)


def summed(line: Line, axis: int = -1) -> Line:
    """The line of a product of members, whose divergences add up over this axis."""

    def wide(s: jax.Array) -> jax.Array:
        return jnp.expand_dims(s, axis)

    inside, shift, shifts = line.inside, line.shift, line.shifts
    return Line(
        lambda s, r, c: line.step(wide(s), wide(r), wide(c)).sum(axis),
        None if inside is None else lambda r: inside(wide(r)).all(axis),
        None if shift is None else lambda s: shift(wide(s)).sum(axis),
        None if shifts is None else lambda s: (shifts(wide(s))[0].sum(axis), shifts(wide(s))[1].sum(axis)),
        None if line.bounded is None else line.bounded.all(axis),
    )


def times(count: jax.Array | float, line: Line) -> Line:
    """The line of a family whose divergences are ``count`` times those of another."""
    return line._replace(step=lambda s, r, c: count * line.step(s, r, c))


# --- a scale or a rate: -log --------------------------------------------------------------------------------


def rates(p: jax.Array, q: jax.Array) -> Line:
    """H(x(r), x(s)) for x(s) = s p + (1 - s) q, H the Itakura–Saito divergence."""
    unit = jax.lax.stop_gradient(jnp.maximum(p, q))
    return proportions(divide(p, unit), divide(q, unit), divide(p - q, unit))


def proportions(p: jax.Array, q: jax.Array, d: jax.Array) -> Line:
    """The same, of numbers of which the larger is about one, with their difference d = p - q."""

    def at(s: jax.Array) -> jax.Array:
        return along(p, q, s, d)

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        z = divide(c * d, at(s))
        near = z > -0.5
        return gap_less_log(z, log_ratio(jnp.where(near, 1.0, at(r)), jnp.where(near, 1.0, at(s))))

    return Line(step, lambda r: positive(at(r)), bounded=~(d < 0.0))


def powers(exponent: jax.Array) -> Line:
    """That of rates whose quotient p/q is known by its logarithm."""
    up = exponent > 0.0
    down = jnp.where(up, -exponent, exponent)
    small, gap, one = jnp.exp(down), expm1(down), jnp.ones_like(down)
    return proportions(jnp.where(up, one, small), jnp.where(up, small, one), jnp.where(up, -gap, gap))


def normals(loc_p: jax.Array, scale_p: jax.Array, loc_q: jax.Array, scale_q: jax.Array) -> Line:
    """Of normal distributions: precisions lie on a line, and so do w(s) = s σ_q² + (1 - s) σ_p² = σ_p²σ_q²/σ(s)²."""
    unit = jax.lax.stop_gradient(jnp.maximum(scale_p, scale_q))
    a, b = divide(scale_q, unit), divide(scale_p, unit)
    d, gap = divide(loc_p - loc_q, unit), divide(scale_q - scale_p, unit)
    line = times(0.5, proportions(a * a, b * b, gap * (a + b)))

    def spread(s: jax.Array) -> jax.Array:
        return along(a * a, b * b, s, gap * (a + b))

    def shift(s: jax.Array) -> jax.Array:
        return 0.5 * divide(d * d, spread(s))

    def shifts(s: jax.Array) -> tuple[jax.Array, jax.Array]:
        y = divide(d, spread(s))
        return 0.5 * jnp.square(b * y), 0.5 * jnp.square(a * y)

    return line._replace(shift=shift, shifts=shifts)


# --- a concentration: log Γ ---------------------------------------------------------------------------------


def shapes(p: jax.Array, q: jax.Array) -> Line:
    """The Bregman divergences of log Γ on s p + (1 - s) q."""

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        return bregman_log_gamma(between(p, q, r), between(p, q, s), c * (p - q))

    return Line(step, lambda r: positive(between(p, q, r)), bounded=p == q)


def gammas(shape_p: jax.Array, rate_p: jax.Array, shape_q: jax.Array, rate_q: jax.Array) -> Line:
    """Of gamma distributions, of what each is called elsewhere: concentrations and rates lie on a line."""
    cross = product_ratio_gap(shape_q, rate_p, shape_p, rate_q)

    def at(s: jax.Array) -> tuple[jax.Array, jax.Array]:
        return between(shape_p, shape_q, s), between(rate_p, rate_q, s)

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        (shape, rate), (other, other_rate) = at(s), at(r)
        # α_s β_r/(α_r β_s) - 1 = c (α_q β_p - α_p β_q)/(α_r β_s)
        gap = c * cross * divide(shape_p, other) * divide(rate_q, rate)
        bent = gap_less_log(gap, log_ratio(shape, other) + log_ratio(other_rate, rate))
        return other * bent + bregman_phi(other, shape, c * (shape_p - shape_q))

    # p/q is a power of x times an exponential.
    equal, above = shape_p == shape_q, shape_p > shape_q
    bounded = (equal & (rate_p >= rate_q)) | (above & (rate_p > rate_q))
    return Line(step, lambda r: positive(at(r)[0]) & positive(at(r)[1]), bounded=bounded)


# --- the logarithm of a rate: exp ---------------------------------------------------------------------------


def counts(p: jax.Array, q: jax.Array) -> Line:
    """K(x(r), x(s)) exchanged, of Poisson rates x(s) = pˢq¹⁻ˢ; a rate of zero takes all between along."""
    edge = (p == 0.0) != (q == 0.0)
    safe_p, safe_q = (jnp.where(edge, 1.0, one) for one in (p, q))
    log = log_ratio(safe_p, safe_q)

    def end(s: jax.Array) -> jax.Array:
        return jnp.where(s == 1.0, p, jnp.where(s == 0.0, q, 0.0))

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        low = s < 0.5
        rate = jnp.where(low, safe_q, safe_p) * jnp.exp(jnp.where(low, s, s - 1.0) * log)
        return jnp.where(edge, kl_term(end(s), end(r)), rate * expm1_minus_x(c * log))

    return Line(step, bounded=p <= q)


# --- concentrations that share a total: Dirichlet -----------------------------------------------------------


def concentrations(p: jax.Array, q: jax.Array, d: jax.Array | None = None) -> Line:
    """Of Dirichlet distributions whose concentrations run along the first axis; d is p - q if known better."""
    gap = p - q if d is None else d

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        return kl_of_dirichlets(between(p, q, s[None]), between(p, q, r[None]), c[None] * gap)

    return Line(step, lambda r: positive(between(p, q, r[None])).all(0), bounded=(gap >= 0.0).all(0))
