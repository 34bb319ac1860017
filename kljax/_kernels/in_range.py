"""Rows whose exponentials neither over- nor underflow, as nearly all do: a block of rows at a time, each logit once.

    x = a/T, y = b/T ─▶ eˣ, eʸ, kept in the cache ─▶ Z_p, Z_q ─▶ r = (a − b)/T − R, R = log(Z_p/Z_q) ─▶ Σ P(p, q, r)
    Σ M w(r + δ) = D + δ (Σ p f'(u) − Σ_{p>q} P) + ½ f''(1) δ² + …,    Σ p f'(u) = O(D)

    P, w        the summand of an f-divergence, and P over M, the larger of p and q
    u, r        p/q and its logarithm
    δ           what rounding makes R off by, an eps or two

P is homogeneous of degree one, so it takes p̂ = eˣ and q̂ = eʸ Z_p/Z_q as they are. δ is left, because what it does is of
second order, and a gradient in logits, slopes − q Σ slopes, loses what a slope has of a multiple of q. Where D is so
small that δ² shows, or where a sum says that a row was not in range, the caller takes the passes.

What it buys, CPU time over the plain formula's, value / with the gradient, beside the passes' (`benchmarks/rows.py`,
float32): KL [64, 32768] 0.5 / 1.2 for 2.8 / 2.2, [8192, 100] 1.3 / 1.4 for 5.5 / 2.6; Jensen–Shannon [64, 32768]
0.65 / 0.5 for 2.1 / 1.9. A power of an order that is a multiple of ½ takes roots and quotients, which saves an
exponential an outcome and the rounding of its exponent. What a row is looked at for is found in the loop of its terms,
which are ∞ where they may not serve: a minimum over the logits would be a loop of its own.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._kernels.blocks import single_or_double, total
from kljax._kernels.rows import Statistics, Temperature, balance, normalise, power_of_rows
from kljax._special.error_free import finite_two_sum
from kljax._special.loops import in_one_loop
from kljax.generators import Generator, jeffreys, kl, reverse_kl, total_variation
from kljax.generators._internal import Scalar, is_static, mass_gap, of_roots, slopes_of_rows, weighted_slopes
from kljax.generators._internal import masses as form_masses

LEAST, MOST = 1e-6, 1e25  # of a sum of exponentials
TOP = 60.0  # of an exponent; e to it is above MOST
SHIFT = 4.0  # |log(Z_p/Z_q)| up to which its rounding is some eps
HIGHEST = 8.0  # logit over temperature up to which the rounding of the quotient is no more than others
LOWEST = {4: -80.0, 8: -700.0}  # logit from which e to it, and quotients by that, have all digits,
FAR = 1e30  # the size of a logit that lies as far out as -∞ here; the passes tell them apart
LOWEST_OF_POWERS = -16.0  # and from which e^{βr} has, which is off by some |βr| eps
BOUND = 0.75  # of a bounded divergence's largest value, beyond which its slopes all but cancel


def exponentials(a: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array]:
    """(eˣ, eʸ), no larger than a number above ``MOST``, so that nothing that is made of them overflows."""
    x, y = (single_or_double(one) for one in (a, b))
    if temperature is not None:
        x, y = x / temperature, y / temperature
    return jnp.exp(jnp.minimum(x, TOP)), jnp.exp(jnp.minimum(y, TOP))


def missing(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(whether a or b is -∞ or nearly so, whether just one of them is)"""
    no_p, no_q = (~(single_or_double(x) > -FAR) for x in (a, b))
    return no_p | no_q, no_p ^ no_q


def log_ratio(a: jax.Array, b: jax.Array, temperature: Temperature, shift: jax.Array) -> jax.Array:
    """(a - b - T shift)/T; finite where a or b is missing."""
    a, b = (jnp.maximum(single_or_double(x), -FAR) for x in (a, b))
    head, tail = finite_two_sum(a, -b)
    if temperature is None:
        return (head - shift) + tail
    return ((head - temperature * shift) + tail) / temperature


def power_in_range(order: Scalar, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """pᵅq¹⁻ᵅ"""
    if is_static(order) and order == 0.5:
        return in_one_loop(jnp.sqrt(p * q))
    if of_roots(order):
        whole, half = divmod(round(2.0 * order) - 2, 2)
        u = quotient(p, q)
        return p * u**whole * (in_one_loop(jnp.sqrt(u)) if half else 1.0)
    return jnp.where(r > 0.0, p, q) * in_one_loop(jnp.exp(jnp.where(r > 0.0, order - 1.0, order) * r))


def quotient(p: jax.Array, q: jax.Array) -> jax.Array:
    """p/q; p where q is absent."""
    return in_one_loop(p / jnp.where(q == 0.0, 1.0, q))


def masses(
    a: jax.Array, b: jax.Array, temperature: Temperature, rows: Statistics
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(p, q, log(p/q)) of rows in range."""
    p, q = exponentials(a, b, temperature)
    return p / rows.norm_p, q / rows.norm_q, log_ratio(a, b, temperature, rows.shift)


def sums(a: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array, Statistics, jax.Array]:
    """(eˣ, eʸ, the statistics, whether the rows are in range, but for single outcomes: see ``outside``)."""
    p, q = exponentials(a, b, temperature)
    norm_p, norm_q = total(p), total(q)
    certain = (norm_p > LEAST) & (norm_p < MOST) & (norm_q > LEAST) & (norm_q < MOST)
    norm_p, norm_q = (jnp.where(certain, norm, 1.0) for norm in (norm_p, norm_q))
    shift, zero = jnp.log(norm_p / norm_q), jnp.zeros_like(norm_p)
    certain &= jnp.abs(shift) <= SHIFT
    return p, q, Statistics(zero, zero, norm_p, norm_q, shift, zero), certain


def outside(
    a: jax.Array, b: jax.Array, temperature: Temperature, p: jax.Array, q: jax.Array, lowest: float | None = None
) -> jax.Array:
    """Where just one of p and q is missing, of which the passes know what that costs, and where a logit is too high, or
    lower than ``lowest`` but not missing.
    """
    found = missing(a, b)[1]
    if temperature is not None:
        found |= ~(jnp.maximum(p, q) < math.exp(HIGHEST))
    if lowest is not None:
        for x in (a, b):
            x = single_or_double(x)
            found |= ~((x if temperature is None else x / temperature) > lowest) & (x > -FAR)
    return found


def evaluate(
    generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature
) -> tuple[jax.Array, Statistics, jax.Array]:
    """(Σ q f(p/q), the statistics of the rows, whether these and the gradients from them have all digits), [..., 1]."""
    p, q, rows, certain = sums(a, b, temperature)
    scaled_q = q * (rows.norm_p / rows.norm_q)
    r = log_ratio(a, b, temperature, rows.shift)
    if generator.name == total_variation.name:
        # Of the first order in δ, Σ (p - q), which is therefore taken away, and its slopes' signs are those of r + δ.
        gap = mass_gap(p, scaled_q, r)
        excess = total(gap) / rows.norm_p
        rows, terms = rows._replace(shift_tail=-excess), 0.5 * jnp.abs(gap - scaled_q * excess)
    else:
        terms = _summand(generator, p, scaled_q, r)
    terms = jnp.where(outside(a, b, temperature, p, q, _lowest(generator, temperature, a)), jnp.inf, terms)
    value = total(terms) / rows.norm_p
    return value, rows, certain & _certain(generator, value, rows.shift)


def _summand(generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """q f(p/q)"""
    if generator.by_mass is None or generator.by_mass.summand is None:
        return jnp.maximum(p, q) * generator.balanced(r, *generator.parameters)
    power = functools.partial(power_in_range, p=p, q=q, r=r)
    return generator.by_mass.summand(form_masses(p, q, r, power, quotient(p, q)), *generator.parameters)


def _lowest(generator: Generator, temperature: Temperature, like: jax.Array) -> float | None:
    """The least logit over temperature; ``None`` where no outcome counts for more than p |log(p/q)| or q |log(p/q)|."""
    forms = generator.by_mass
    if linear(generator):
        return None
    # A logit over its temperature is rounded, and a power of the quotient amplifies that.
    if forms is None or forms.by_quotient or (temperature is None and by_quotient(generator)):
        return LOWEST[max(4, like.dtype.itemsize)]
    # By order - 1 a power grows in r, and by -order in -r.
    growths = [max(one - 1.0, -one) for one in generator.parameters if is_static(one)]
    return LOWEST_OF_POWERS / max([1.0, *growths])


def linear(generator: Generator) -> bool:
    """Whether no outcome counts for more than p |log(p/q)| or q |log(p/q)|."""
    bounded = all(is_static(one) and one < math.inf for one in (generator.at_zero, generator.at_infinity))
    return bounded or generator.name in (kl.name, reverse_kl.name, jeffreys.name)


def by_quotient(generator: Generator) -> bool:
    """Whether p/q is all that what may count for more is made of, without an exponential of its logarithm."""
    forms, orders = generator.by_mass, generator.parameters
    if forms is None:
        return False
    return forms.by_quotient or (bool(orders) and all(of_roots(one) or of_roots(1.0 - one) for one in orders))


def _certain(generator: Generator, value: jax.Array, shift: jax.Array) -> jax.Array:
    """Whether δ² does not show in the value, nor a bound in the slopes."""
    eps = float(jnp.finfo(value.dtype).eps)
    if generator.name == total_variation.name:
        return ((value >= 32.0 * eps * (1.0 + jnp.abs(shift))) & (value < jnp.inf)) | (value == 0.0)
    least = 32.0 * eps * (1.0 + shift * shift) * curvature(generator, value.dtype)
    bound = BOUND * (jnp.asarray(generator.at_zero, value.dtype) + jnp.asarray(generator.at_infinity, value.dtype))
    return ((value >= least) & (value < jnp.inf) & (value <= bound)) | (value == 0.0)


def curvature(generator: Generator, dtype: Any) -> jax.Array:
    """f''(1) = df'/dr at r = 0; a third of eps⁻¹ of f(e) where that is 0, as of a kink."""
    zero, one = jnp.zeros((), dtype), jnp.ones((), dtype)
    _, slope = jax.jvp(lambda r: generator.derivative(r, *generator.parameters), (zero,), (one,))
    kinked = 0.003 / float(jnp.finfo(dtype).eps) * generator.balanced(one, *generator.parameters)
    return jnp.where(slope > 0.0, slope, kinked)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def slopes(
    sides: tuple[str, ...],
    carried: tuple[Generator, jax.Array],
    temperature: Temperature,
    a: jax.Array,
    b: jax.Array,
    rows: Statistics,
) -> tuple[jax.Array, ...]:
    """The gradients of an f-divergence in a/T and b/T, of those sides, from (generator, value)."""
    generator, _ = carried
    p, q, r = masses(a, b, temperature, rows)
    # The slopes of total variation are multiples of p and q, and what they lack of their bound costs nothing.
    if generator.name == total_variation.name:
        found = slopes_of_rows(generator, p, q, r - rows.shift_tail)
    else:
        # Not of p and q, which their norms may have made subnormal.
        ratio = quotient(*exponentials(a, b, temperature)) * (rows.norm_q / rows.norm_p)
        found = weighted_slopes(generator, p, q, r, functools.partial(power_in_range, p=p, q=q, r=r), ratio)
    return tuple(_balanced(generator, side, (p, q)["pq".index(side)], found["pq".index(side)]) for side in sides)


def _balanced(generator: Generator, side: str, mass: jax.Array, slope: jax.Array) -> jax.Array:
    """``balance``, of which a slope q - p needs no more than what δ adds to it, a multiple of q, taken away."""
    if (generator.name, side) in ((kl.name, "q"), (reverse_kl.name, "p")):
        return slope - mass * total(slope)
    return balance(mass, slope)


@slopes.defjvp
def _slopes_jvp(sides, primals, tangents):
    *_, rows = primals

    def general(carried, temperature, a, b):
        generator, _ = carried
        p, q, r = normalise(a, b, temperature, rows)
        found = slopes_of_rows(generator, p, q, r, power_of_rows(a, b, rows, temperature, p, q, r))
        return tuple(balance((p, q)["pq".index(side)], found["pq".index(side)]) for side in sides)

    return slopes(sides, *primals), jax.jvp(general, primals[:4], tangents[:4])[1]


def tangent(
    slopes: Any,
    sides: tuple[str, ...],
    carried: Any,
    temperature: Temperature,
    a: jax.Array,
    b: jax.Array,
    rows: Statistics,
    steps: Any,
) -> jax.Array:
    """Σ slopes · steps, of shape [...], for ``slopes(sides, carried, temperature, a, b, rows)`` in a/T and b/T."""
    total: Any = 0.0
    for slope, step in zip(slopes(sides, carried, temperature, a, b, rows), steps, strict=True):
        # Under vmap rows out of range come here too, whose slopes are then not taken.
        slope, step = jnp.where(jnp.isfinite(slope), slope, 0.0), step.astype(slope.dtype)
        total += (slope * (step if temperature is None else step / temperature)).sum(-1)
    return total
