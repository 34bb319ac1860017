"""f-divergences of two rows of logits.

    D = Σ P,    P = q f(p/q) = q f(eʳ),    ∂P/∂log p = p f'(eʳ),    ∂P/∂log q = q (f(eʳ) − eʳ f'(eʳ))

    p, q, r     of an outcome, r = log(p/q)
    s_p, s_q    the two slopes; the gradients in the rows' logits are s_p − p Σ s_p and s_q − q Σ s_q

A gradient in logits loses what a slope has of a multiple of its own row, so that of a slope near its bound the tail
is taken, which the bound lacks (``row_sums``).
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels import in_range, kullback_leibler, row_sums
from kljax._kernels.blocks import fresh, total
from kljax._kernels.divergence import Divergence, InRange, Sides, Streamed, Sums
from kljax._kernels.passes import evaluate
from kljax._kernels.pieces import Moments
from kljax._kernels.rows import Pair, Statistics, Temperature, balance, pair_of, power_of_rows, quick_masses
from kljax._kernels.sharded import PAIR, Functional, masses_of
from kljax.generators import Generator, kl
from kljax.generators._internal import parameter_tangent, slopes_of_rows, summand


def f_divergence(generator: Generator, a: jax.Array, b: jax.Array, temperature: jax.Array | None) -> jax.Array:
    """Σ q f(p/q) over the last axis of two rows of logits."""
    return (kullback_leibler.KL if generator.name == kl.name else F_DIVERGENCE)(generator, a, b, temperature)


def _value(generator: Generator, pair: Pair) -> jax.Array:
    return summand(generator, pair.p, pair.q, pair.r, pair.power).sum(-1)


def _slopes(generator: Generator, value: jax.Array, pair: Pair) -> tuple[jax.Array, jax.Array]:
    return slopes_of_rows(generator, pair.p, pair.q, pair.r, pair.power)


def _in_given(generator: Generator, moved: Generator, value: jax.Array, pair: Pair) -> jax.Array:
    return parameter_tangent(generator, moved, pair.p, pair.q, pair.r).sum(-1)


# --- each logit read once ---------------------------------------------------------------------------------------


def _streamed_value(
    sides: Sides,
    generator: Generator,
    a: jax.Array,
    b: jax.Array,
    temperature: Temperature,
    _: jax.Array,
    rows: Statistics,
) -> tuple[jax.Array, Sums]:
    def all_terms(carried, a, b, *rows):
        generator, temperature = carried
        found = quick_masses(a, b, temperature, Statistics(*rows))
        return row_sums.terms(generator, found, power_of_rows(a, b, Statistics(*rows), temperature, *found))

    def sum_of(name):
        def total(carried, *rows):
            return all_terms(carried, *fresh(*rows))[name].sum(-1, keepdims=True)

        return total

    operands = (generator, temperature), a, b, *rows
    if not sides:
        return sum_of("value")(*operands), {}
    # XLA keeps p, q and log(p/q) in memory for two sums, but not for one of complex numbers.
    found = all_terms(*operands)
    pair = lax.complex(found["value"], found[f"in_{sides[0]}"]).sum(-1, keepdims=True)
    sums = {f"in_{sides[0]}": pair.imag}
    for side in sides[1:]:
        sums[f"in_{side}"] = sum_of(f"in_{side}")(*operands)
    for name in row_sums.names(generator, sides)[len(sides) :]:
        here = row_sums.apart(generator, name[-1], sums[f"in_{name[-1]}"]).any()
        sums[name] = lax.cond(here, sum_of(name), lambda *_: jnp.zeros_like(rows.norm_p), *operands)
    return pair.real, sums


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _streamed_slope(
    side: str,
    generator: Generator,
    a: jax.Array,
    b: jax.Array,
    temperature: Temperature,
    rows: Statistics,
    sums: Sums,
) -> jax.Array:
    """The gradient in a side's logits over T, without another sum."""
    found = quick_masses(a, b, temperature, rows)
    return row_sums.gradient(generator, side, sums, found, power_of_rows(a, b, rows, temperature, *found))


@_streamed_slope.defjvp
def _streamed_slope_jvp(side, primals, tangents):
    *moving, rows, _ = primals

    def of_rows(generator, a, b, temperature):
        pair = pair_of(a, b, temperature, rows)
        slopes = slopes_of_rows(generator, pair.p, pair.q, pair.r, pair.power)
        return balance((pair.p, pair.q)["pq".index(side)], slopes["pq".index(side)])

    return _streamed_slope(side, *primals), jax.jvp(of_rows, tuple(moving), tuple(tangents[:4]))[1]


def _streamed_slopes(
    sides: Sides,
    generator: Generator,
    a: jax.Array,
    b: jax.Array,
    temperature: Temperature,
    rows: Statistics,
    _: jax.Array,
    sums: Sums,
) -> tuple[jax.Array | None, jax.Array | None]:
    operands = generator, a, b, temperature, rows, sums
    in_p, in_q = (_streamed_slope(side, *operands) if side in sides else None for side in "pq")
    return in_p, in_q


F_DIVERGENCE = Divergence(
    by_passes=functools.partial(evaluate, _value),
    slopes=_slopes,
    in_given=_in_given,
    in_range=InRange(in_range.evaluate, in_range.slopes),
    streamed=Streamed(_streamed_value, _streamed_slopes, row_sums.names),
)


# --- pieces -----------------------------------------------------------------------------------------------------


def _terms(generator: Generator, found: Moments, a: jax.Array, b: jax.Array) -> Sums:
    rows, mass = masses_of(found, a, b)
    return row_sums.totals(generator, mass, power_of_rows(a, b, rows, None, *mass))


def _gradient(generator, mark, found, sums, a, b):
    rows, mass = masses_of(found, a, b)
    power = power_of_rows(a, b, rows, None, *mass)
    return tuple(row_sums.gradient(generator, side, sums, mass, power) for side in "pq")


def _in_generator(generator: Generator, moved: Generator, found: Moments, a: jax.Array, b: jax.Array) -> jax.Array:
    return total(parameter_tangent(generator, moved, *masses_of(found, a, b)[1]))


PIECES = Functional(
    rows=lambda generator, labels, a, b: f_divergence(generator, a, b, None),
    terms=_terms,
    value=lambda generator, found, sums: sums["value"],
    gradient=_gradient,
    in_given=_in_generator,
    **PAIR,
)


def in_pieces(generator: Generator) -> tuple[Functional, Generator | None]:
    """The functional of rows in pieces, and what it is given."""
    return (kullback_leibler.PIECES, None) if generator.name == kl.name else (PIECES, generator)
