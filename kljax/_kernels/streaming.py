"""Statistics of two rows of logits from plain sums, each logit read once: for GPUs, which read memory as they compute.

The exponentials need a reference near the largest logit, and the excess E_p[e⁻ˣ - 1 + x] a centre c of x = a - b - c
near the mean of a - b. Both come from the first outcomes of a row, so that no sum waits for another. The mean is known
afterwards; where c was too far from it, the sums are taken again about the mean. A temperature divides
x = (a - b - c)/T, never a and b, whose quotients' rounding would show where they are close.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.blocks import by_blocks, fresh, single_or_double
from kljax._kernels.parts import Parts, finish
from kljax._kernels.rows import (
    Rows,
    Temperature,
    balance,
    exp_of_sum,
    log_ratio,
    masses,
    normalise,
    power_of_rows,
)
from kljax._kernels.totals import Totals, apart, gradient, names, terms
from kljax._special.elementwise import expm1_minus_x_near, two_diff, two_product, two_sum
from kljax.generators import Generator
from kljax.generators._internal import mass_gap, slopes_of_rows

SAMPLE = 512  # outcomes that the references are taken from
RARE_BYTES = 1 << 26  # in float32 of an operand, the block of rows that rare cases take at a time,
AGAIN_BYTES = 1 << 28  # and the second sums, which XLA sometimes gives arrays of that size


class Sums(NamedTuple):
    """Sums over a row about its references, each of shape [..., 1]."""

    top: jax.Array  # the reference of p
    center: jax.Array
    norm_p: jax.Array  # Σ p̂, p̂ = exp((a - top)/T)
    norm_q: jax.Array  # Σ q̂, q̂ = exp((b - top + center)/T)
    drift: jax.Array  # Σ p̂ x, x = (a - b - center)/T
    excess: jax.Array  # Σ p̂ e(-x), e(t) = eᵗ - 1 - t; ∞ where it is not known


def inverse(temperature: Temperature) -> Temperature:
    """1/T, by which a quotient is quicker."""
    return None if temperature is None else 1.0 / temperature


def times(x: jax.Array, scale: Temperature) -> jax.Array:
    """x/T from 1/T."""
    return x if scale is None else x * scale


def references(a: jax.Array, b: jax.Array, temperature: Temperature = None) -> tuple[jax.Array, jax.Array]:
    """(top, center) from the first outcomes."""
    a, b = (single_or_double(x[..., :SAMPLE]) for x in (a, b))
    top = a.max(-1, keepdims=True)
    top = jnp.where(jnp.isfinite(top), top, 0.0)
    either = (a == -jnp.inf) | (b == -jnp.inf)
    weight = jnp.where(either, 0.0, jnp.exp(times(a - top, inverse(temperature))))
    norm = weight.sum(-1, keepdims=True)
    center = (weight * jnp.where(either, 0.0, a - b)).sum(-1, keepdims=True) / jnp.where(norm > 0.0, norm, 1.0)
    return top, jnp.where(jnp.isfinite(center), center, 0.0)


def sums(
    a: jax.Array, b: jax.Array, top: jax.Array, center: jax.Array, temperature: Temperature = None, *, excess: bool
) -> Sums:
    """One pass over the rows."""
    # A difference of halves is exact in float32 unless one is 2¹⁶ times the other.
    halves = a.dtype.itemsize < 4
    # Else they are formed anew for every entry.
    top, center, scale = lax.optimization_barrier((top, center, inverse(temperature)))
    a, b = single_or_double(a), single_or_double(b)
    base, rest_of_base = two_diff(top, center)
    p, q = jnp.exp(times(a - top, scale)), jnp.exp(times((b - base) - rest_of_base, scale))
    absent = a == -jnp.inf
    if halves:
        x = (a - b) - center
    else:
        gap, rest = two_diff(jnp.where(absent, b, a), b)
        x = (gap - center) + rest
    x = jnp.where(absent, -2.0, times(x, scale))  # its term is then q̂; -∞ in b alone makes everything infinite
    total = [p, q, p * x]
    if excess:
        near = jnp.abs(x) <= 1.0
        total.append(jnp.where(near, p * expm1_minus_x_near(-x), q + p * (x - 1.0)))
    return Sums(top, center, *together(*total), *([] if excess else [jnp.full_like(top, jnp.inf)]))


def together(*terms: jax.Array) -> list[jax.Array]:
    """Their sums over the last axis, by one reduction: XLA then fuses what they are made of and keeps none of it."""

    def add(one: Any, other: Any) -> tuple[jax.Array, ...]:
        return tuple(x + y for x, y in zip(one, other, strict=True))

    start = tuple(jnp.zeros((), x.dtype) for x in terms)
    return [x[..., None] for x in lax.reduce(terms, start, add, (terms[0].ndim - 1,))]


def _finish(found: Sums, temperature: Temperature = None) -> tuple[jax.Array, Rows]:
    """KL(p‖q) and the statistics of the rows."""
    base, rest = two_diff(found.top, found.center)
    zero = jnp.zeros_like(base)
    drift, excess = found.drift / found.norm_p, found.excess / found.norm_p
    norm_q = found.norm_q + found.norm_q * times(rest, inverse(temperature))
    center, less = _quotient(found.center, temperature)  # and by as much the logarithms of p̂ and q̂ are apart
    value, rows = finish(Parts(center, zero, found.norm_p, norm_q, zero, zero, center, drift, excess))
    # The shift so that shift + KL is the mean of (a - b)/T to its last digit: the gradient in a is p times what exceeds
    # it.
    head, low = two_diff(drift, value)
    shift, tail = two_sum(center, head)
    return value, rows._replace(top_p=found.top, top_q=base, shift=shift, shift_tail=tail + (low + less))


def _quotient(x: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array]:
    """x/T as a two-term sum."""
    if temperature is None:
        return x, jnp.zeros_like(x)
    head = x / temperature
    product, rest = two_product(head, jnp.broadcast_to(temperature, head.shape))
    return head, ((x - product) - rest) / temperature


def in_doubt(found: Sums, value: jax.Array) -> jax.Array:
    """Whether sums about the mean of a - b would give more digits."""
    mean, ratio = found.drift / found.norm_p, found.norm_q / found.norm_p
    # Without the excess KL is mean + log(ratio); with it, the excess less what mean and excess differ by beyond that.
    direct = ~((value > 0.25) & (value > 0.25 * jnp.abs(mean)))
    lost = found.excess > 8.0 * found.norm_p * value * jnp.minimum(ratio, 1.0)
    return jnp.where(found.excess == jnp.inf, direct, lost)


def value_and_rows(
    by_passes: Callable[..., Any], a: jax.Array, b: jax.Array, temperature: Temperature = None
) -> tuple[jax.Array, Rows]:
    """KL(p‖q) and the statistics of the rows, each of shape [..., 1].

    ``by_passes(a, b)`` gives both too, KL of shape [...]; it serves where a sum over- or underflows or is no number.
    """
    # In half precision the excess would take longer to compute than the logits to read.
    found = sums(a, b, *references(a, b, temperature), temperature, excess=a.dtype.itemsize >= 4)

    def about_mean(temperature, a, b, top, mean):
        return sums(a, b, top, mean, temperature, excess=True)

    def again(a, b, found):
        drift = found.drift / found.norm_p
        mean = found.center + (drift if temperature is None else drift * temperature)
        return by_blocks(about_mean, temperature, a, b, found.top, mean, block_bytes=AGAIN_BYTES)

    doubt = in_doubt(found, _finish(found, temperature)[0]).any()
    found = lax.cond(doubt, again, lambda a, b, found: found, a, b, found)
    value, rows = _finish(found, temperature)
    small = 1e-30
    plain = jnp.isfinite(found.norm_p + found.norm_q + found.drift) & (found.norm_p > small) & (found.norm_q > small)

    def rare(a, b, *_):
        value, rows = rarely(lambda _, a, b: by_passes(a, b), (), a, b)
        return value[..., None], rows

    return lax.cond(plain.all(), lambda a, b, *found: found, rare, a, b, value, rows)


def rarely(function: Callable[..., Any], carried: Any, *rows: Any) -> Any:
    """``function(carried, *rows)`` some rows at a time: what is seldom run has its memory set aside all the same."""
    return by_blocks(function, carried, *rows, block_bytes=RARE_BYTES)


def _masses(a: jax.Array, b: jax.Array, rows: Rows, temperature: Temperature) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(p, q, log(p/q)); in half precision some float32 eps less exact in p and q, which saves instructions."""
    full = a.dtype.itemsize >= 4
    if full and temperature is None:
        return masses(a, b, None, rows)
    scale = inverse(temperature)

    def mass(x: jax.Array, top: jax.Array, norm: jax.Array) -> jax.Array:
        if not full:
            return jnp.exp(times(single_or_double(x) - top, scale)) * (1.0 / norm)
        head, tail = two_diff(x, top)
        return exp_of_sum(times(head, scale), times(tail, scale)) / norm

    p, q = mass(a, rows.top_p, rows.norm_p), mass(b, rows.top_q, rows.norm_q)
    return p, q, log_ratio(a, b, rows, temperature)


@jax.custom_jvp
def kl_slopes(
    a: jax.Array, b: jax.Array, rows: Rows, value: jax.Array, temperature: Temperature = None
) -> tuple[jax.Array, jax.Array]:
    """(p (log(p/q) - KL), q - p), KL(p‖q)'s gradients in a/T and b/T where it is finite, without another sum.

    The shift in ``rows`` is that of the mean of a - b under p, exact to a few eps of how far the outcomes lie from it:
    so the entry of an outcome with nearly all of p keeps its digits.
    """
    p, q, r = _masses(a, b, rows, temperature)
    mean, tail = two_sum(rows.shift, value)
    level = log_ratio(a, b, rows._replace(shift=mean, shift_tail=tail + rows.shift_tail), temperature)
    return p * jnp.where(jnp.isinf(level), 0.0, level), mass_gap(p, q, r)


@kl_slopes.defjvp
def _kl_slopes_jvp(primals, tangents):
    # The slopes' own derivative, from that of p, q and log(p/q); KL's is the sum of slopes and tangents.
    a, b, rows, _, temperature = primals
    slopes = kl_slopes(*primals)

    def of_logits(a, b, temperature):
        p, q, r = normalise(a, b, temperature, rows)
        outside = jnp.isinf(r)
        r_ = jnp.where(outside, 0.0, r)
        mean = jnp.where(outside, 0.0, p * r_).sum(-1, keepdims=True)
        return p * (r_ - mean), mass_gap(p, q, r)

    return slopes, jax.jvp(of_logits, (a, b, temperature), (*tangents[:2], tangents[4]))[1]


def value_and_sums(
    generator: Generator,
    sides: tuple[str, ...],
    a: jax.Array,
    b: jax.Array,
    rows: Rows,
    temperature: Temperature = None,
) -> tuple[jax.Array, Totals]:
    """An f-divergence [...] and what its gradients in these sides take."""

    def all_terms(carried, a, b, *rows):
        generator, temperature = carried
        found = _masses(a, b, Rows(*rows), temperature)
        return terms(generator, found, power_of_rows(a, b, Rows(*rows), temperature, *found))

    def sum_of(name):
        def total(carried, *rows):
            return all_terms(carried, *fresh(*rows))[name].sum(-1, keepdims=True)

        return total

    operands = (generator, temperature), a, b, *rows
    if not sides:
        return sum_of("value")(*operands)[..., 0], {}
    # XLA keeps p, q and log(p/q) in memory for two sums, but not for one of complex numbers.
    found = all_terms(*operands)
    pair = lax.complex(found["value"], found[f"in_{sides[0]}"]).sum(-1, keepdims=True)
    sums = {f"in_{sides[0]}": pair.imag}
    for side in sides[1:]:
        sums[f"in_{side}"] = sum_of(f"in_{side}")(*operands)
    for name in names(generator, sides)[len(sides) :]:
        here = apart(generator, name[-1], sums[f"in_{name[-1]}"]).any()
        sums[name] = lax.cond(here, sum_of(name), lambda *_: jnp.zeros_like(rows.norm_p), *operands)
    return pair.real[..., 0], sums


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def f_slope(
    side: str,
    generator: Generator,
    a: jax.Array,
    b: jax.Array,
    rows: Rows,
    sums: Totals,
    temperature: Temperature = None,
) -> jax.Array:
    """The gradient of an f-divergence in a side's logits over T, without another sum."""
    found = _masses(a, b, rows, temperature)
    return gradient(generator, side, sums, found, power_of_rows(a, b, rows, temperature, *found))


@f_slope.defjvp
def _f_slope_jvp(side, primals, tangents):
    generator, a, b, rows, _, temperature = primals

    def of_rows(generator, a, b, temperature):
        p, q, r = normalise(a, b, temperature, rows)
        slopes = slopes_of_rows(generator, p, q, r, power_of_rows(a, b, rows, temperature, p, q, r))
        return balance((p, q)["pq".index(side)], slopes["pq".index(side)])

    moved = (*tangents[:3], tangents[5])
    return f_slope(side, *primals), jax.jvp(of_rows, (generator, a, b, temperature), moved)[1]


def tangent(
    slopes: Callable[..., tuple[jax.Array | None, jax.Array | None]],
    general: Callable[..., jax.Array],
    carried: Any,
    operands: tuple[jax.Array, jax.Array, Any, Any],
    certain: jax.Array,
) -> jax.Array:
    """Σ slopes · tangents for operands (a, b, da, db), of shape [...]; by ``general`` where a row is not ``certain``.

    ``slopes(carried, a, b)`` and ``general(carried, a, b, da, db)``; a tangent of zero may be ``None``.
    """

    @jax.checkpoint
    def plain(carried, a, b, da, db):
        total: Any = 0.0
        for slope, step in zip(slopes(carried, a, b), (da, db), strict=True):
            if slope is not None and step is not None:
                total += (slope * step.astype(slope.dtype)).sum(-1)
        return total

    @jax.checkpoint
    def rare(carried, *operands):
        return rarely(general, carried, *operands)

    return lax.cond(certain.all(), plain, rare, carried, *operands)
