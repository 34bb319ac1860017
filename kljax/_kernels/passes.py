"""Statistics of two rows of logits by passes over them: maxima, norms, and the shift that these leave to mend.

R̂ = log Z_p − log Z_q from the norms,      R = R̂ − log(Σq̂/Σp̂) with q̂, p̂ formed by R̂

Z_p, Z_q    norms Σ exp((a − max a)/T), of b likewise
R           the shift: log(p/q) = (a − b)/T − R
p̂, q̂        what the first estimate gives; Σ (q̂ − p̂) is a sum of small terms when p ≈ q
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.blocks import by_blocks, fresh, single_or_double
from kljax._kernels.rows import Pair, Statistics, Temperature, huge, masses, scaled, weights
from kljax._special.elementwise import log1p, two_diff, two_sum
from kljax._special.safe import finite_or_nan
from kljax.generators._internal import mass_gap


def statistics(a: jax.Array, b: jax.Array, temperature: Temperature = None) -> Statistics:
    """The statistics of the rows along the last axis; they carry no derivative (``normalise`` does)."""
    a, b, temperature = lax.stop_gradient((a, b, temperature))

    def of_block(_, a, b, *first):
        rows = Statistics(*first)
        return refine(*masses(a, b, temperature, rows), rows)

    return by_blocks(of_block, (), a, b, *norms(a, b, temperature), still=True)


def norms(a: jax.Array, b: jax.Array, temperature: Temperature) -> Statistics:
    """The norms with a first estimate of the shift, whose error is a few eps."""

    def of_block(temperature, a, b):
        return _norms(a, b, temperature)

    return by_blocks(of_block, temperature, a, b, still=True)


def _norms(a: jax.Array, b: jax.Array, temperature: Temperature) -> Statistics:
    a, b = single_or_double(a), single_or_double(b)
    # A row without a finite maximum is no distribution: NaN, which then spreads to the result.
    top_p, top_q = (finite_or_nan(x.max(-1, keepdims=True)) for x in (a, b))
    norm_p, norm_q = (weights(x, t, temperature).sum(-1, keepdims=True) for x, t in ((a, top_p), (b, top_q)))
    head, tail = scaled(two_diff(top_p - huge(top_p), top_q - huge(top_q)), temperature)
    shift, rest = two_sum(head, jnp.log(norm_p / norm_q))
    return Statistics(top_p, top_q, norm_p, norm_q, shift, rest + tail)


def refine(p: jax.Array, q: jax.Array, r: jax.Array, rows: Statistics) -> Statistics:
    """The rows with their shift corrected by log Σq̂/Σp̂, of which nothing should be left."""
    gap = mass_gap(p, q, r).sum(-1, keepdims=True)
    shift, rest = two_sum(rows.shift, -log1p(gap))
    return rows._replace(shift=shift, shift_tail=rows.shift_tail + rest)


def evaluate(
    value: Callable[[Any, Pair], jax.Array], given: Any, a: jax.Array, b: jax.Array, temperature: Temperature
) -> tuple[jax.Array, Statistics]:
    """(value(given, pair) [...], the statistics), a block of rows at a time; all without a derivative."""

    def of_block(carried, a, b, *first):
        given, temperature = carried
        rows = refine(*masses(a, b, temperature, Statistics(*first)), Statistics(*first))
        # Two fused loops, each with its own exponentials, are faster than one that stores p, q and r.
        a, b, *fixed = fresh(a, b, *rows)
        rows_ = Statistics(*fixed)
        return value(given, Pair(a, b, temperature, rows_, *masses(a, b, temperature, rows_))), *rows

    found, *rows = by_blocks(of_block, (given, temperature), a, b, *norms(a, b, temperature), still=True)
    return found, Statistics(*rows)
