"""Statistics of two rows of logits from plain sums, each logit read once: for GPUs, which read memory as they compute.

    p = exp((a − m)/T),    q = exp((b − m + c)/T),    x = (a − b − c)/T
    Σ p,    Σ q,    Σ p x,    Σ p (e⁻ˣ − 1 + x)  ─▶  the moments of ``pieces``  ─▶  KL and the statistics

    m           a reference near the largest logit of a
    c           a centre near the mean of a − b under p, so that the last two sums are small when p ≈ q
    T           the temperature, or 1; of a/T − b/T the quotients' rounding would be left when p ≈ q

Both come from the first outcomes of a row, so that no sum waits for another. The mean is known afterwards; where c was
too far from it, the sums are taken again about the mean.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels import passes
from kljax._kernels.blocks import by_blocks, single_or_double
from kljax._kernels.pieces import Moments, finish
from kljax._kernels.rows import Pair, Statistics, Temperature, excess, inverse, times
from kljax._special.elementwise import two_diff, two_product
from kljax.generators import kl
from kljax.generators._internal import summand

SAMPLE = 512  # outcomes that the references are taken from
RARE_BYTES = 1 << 26  # in float32 of an operand, the block of rows that rare cases take at a time,
AGAIN_BYTES = 1 << 28  # and the second sums, which XLA sometimes gives arrays of that size


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


def moments(
    a: jax.Array,
    b: jax.Array,
    top: jax.Array,
    center: jax.Array,
    temperature: Temperature = None,
    *,
    with_excess: bool,
) -> Moments:
    """One pass over the rows; without the excess it is ∞. Tops and center are those of the logits, not over T."""
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
    x = jnp.where(absent, -2.0, times(x, scale))  # its excess is then q; -∞ in b alone makes everything infinite
    norm_p, norm_q, drift, *found = together(p, q, p * x, *([excess(p, q, x)] if with_excess else []))
    zero = jnp.zeros_like(top)
    return Moments(
        top_p=top,
        top_q=base,
        norm_p=norm_p,
        norm_q=norm_q + norm_q * times(rest_of_base, scale),
        missed=zero,
        outside=zero,
        center=center,
        drift=drift / norm_p,
        excess=found[0] / norm_p if found else jnp.full_like(top, jnp.inf),
    )


def together(*terms: jax.Array) -> list[jax.Array]:
    """Their sums over the last axis, by one reduction: XLA then fuses what they are made of and keeps none of it."""

    def add(one: Any, other: Any) -> tuple[jax.Array, ...]:
        return tuple(x + y for x, y in zip(one, other, strict=True))

    start = tuple(jnp.zeros((), x.dtype) for x in terms)
    return [x[..., None] for x in lax.reduce(terms, start, add, (terms[0].ndim - 1,))]


def in_doubt(found: Moments, value: jax.Array) -> jax.Array:
    """Whether moments about the mean of a - b would give more digits."""
    mean, ratio = found.drift, found.norm_q / found.norm_p
    # Without the excess KL is mean + log(ratio); with it, the excess less what mean and excess differ by beyond that.
    direct = ~((value > 0.25) & (value > 0.25 * jnp.abs(mean)))
    lost = found.excess > 8.0 * value * jnp.minimum(ratio, 1.0)
    return jnp.where(found.excess == jnp.inf, direct, lost)


def finish_over(found: Moments, temperature: Temperature) -> tuple[jax.Array, Statistics]:
    """KL(p‖q) and the statistics, from the moments of logits over T."""
    if temperature is None:
        return finish(found)
    # The centre over T as a two-term sum; by as much are the exponents of p and q apart.
    center = found.center / temperature
    product, rest = two_product(center, jnp.broadcast_to(temperature, center.shape))
    tail = ((found.center - product) - rest) / temperature
    value, rows = finish(found._replace(top_p=center, top_q=jnp.zeros_like(center), center=center))
    return value, rows._replace(top_p=found.top_p, top_q=found.top_q, shift_tail=rows.shift_tail + tail)


def statistics(a: jax.Array, b: jax.Array, temperature: Temperature = None) -> tuple[jax.Array, Statistics]:
    """KL(p‖q) and the statistics of the rows, each of shape [..., 1]; by passes where a sum leaves its range."""
    # In half precision the excess would take longer to compute than the logits to read.
    found = moments(a, b, *references(a, b, temperature), temperature, with_excess=a.dtype.itemsize >= 4)

    def about_mean(temperature, a, b, top, mean):
        return moments(a, b, top, mean, temperature, with_excess=True)

    def again(a, b, found):
        mean = found.center + (found.drift if temperature is None else found.drift * temperature)
        return by_blocks(about_mean, temperature, a, b, found.top_p, mean, block_bytes=AGAIN_BYTES)

    doubt = in_doubt(found, finish_over(found, temperature)[0]).any()
    found = lax.cond(doubt, again, lambda a, b, found: found, a, b, found)
    value, rows = finish_over(found, temperature)
    small = 1e-30
    plain = jnp.isfinite(found.norm_p + found.norm_q + found.drift) & (found.norm_p > small) & (found.norm_q > small)

    def rare(a, b, *_):
        value, rows = rarely(lambda t, a, b: passes.evaluate(_kl, None, a, b, t), temperature, a, b)
        return value[..., None], rows

    return lax.cond(plain.all(), lambda a, b, *found: found, rare, a, b, value, rows)


def _kl(given: None, pair: Pair) -> jax.Array:
    return summand(kl, pair.p, pair.q, pair.r).sum(-1)


def rarely(function: Callable[..., Any], carried: Any, *rows: Any) -> Any:
    """``function(carried, *rows)`` some rows at a time: what is seldom run has its memory set aside all the same."""
    return by_blocks(function, carried, *rows, block_bytes=RARE_BYTES)
