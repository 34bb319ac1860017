"""A divergence of two rows of probabilities or measures: by the way that serves a row, with one derivative rule.

    D(θ, p, q),    dD = Σ ∂D/∂p dp + Σ ∂D/∂q dq + (∂D/∂θ) dθ

    θ           the generator, with its order or weight
    mark        1 for a row that is ``ordinary`` and taken so, else 0

What a divergence is stands in a record ``OfProbabilities``, as for logits in ``Divergence``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kljax._kernels import choose
from kljax._kernels.blocks import by_blocks
from kljax._kernels.divergence import absent
from kljax._kernels.few import by_blocks_apart, few_apart
from kljax._special.safe import nan_where
from kljax.generators import Generator

Slopes = tuple[jax.Array, jax.Array]


@dataclasses.dataclass(frozen=True)
class OfProbabilities:
    """A number for each pair of rows: its value and its slopes, of any rows and of ordinary ones.

    Attributes:
        value: (generator, p, q) ↦ the values.
        slopes: (generator, values, p, q) ↦ (∂D/∂p, ∂D/∂q).
        in_given: (generator, its tangent, values, p, q) ↦ the tangent of the values.
        ordinary_value: (generator, p, q) ↦ the values, [..., 1]; below zero where they do not serve.
        ordinary_slopes: As ``slopes``, of rows that are served.
        serves: generator ↦ whether it can be taken so at all.
    """

    value: Callable[..., jax.Array]
    slopes: Callable[..., Slopes]
    in_given: Callable[..., jax.Array]
    ordinary_value: Callable[..., jax.Array]
    ordinary_slopes: Callable[..., Slopes]
    serves: Callable[[Generator], bool] = lambda generator: True

    def __call__(self, generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
        """The value of each pair of rows along the last axis; NaN of a row with a negative entry."""
        return _with_mark(self, generator, p, q)[0]


def _evaluate(
    divergence: OfProbabilities, generator: Generator, p: jax.Array, q: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """(the values, the mark [..., 1])"""

    def general(generator, p, q):
        value = divergence.value(generator, *_measures(p, q))
        return value, jnp.zeros_like(value)[..., None]

    def as_ordinary(generator, p, q):
        value = divergence.ordinary_value(generator, p, q)
        return (value[..., 0], jnp.ones_like(value)), value >= 0.0

    if not _may_be_ordinary(divergence, generator, p):
        return general(generator, p, q)
    first, served = by_blocks(as_ordinary, generator, p, q)
    return few_apart(served, lambda *_: first, general, generator, p, q)


_with_mark = jax.custom_jvp(_evaluate, nondiff_argnums=(0,))


def _with_mark_jvp(divergence, primals, tangents):
    generator, p, q = primals
    sides = [side for side, step in enumerate(tangents[1:]) if not absent(step)]
    steps = [tangents[1 + side] for side in sides]
    value, mark = _with_mark(divergence, *primals)

    def along(slopes):
        def tangent(carried, p, q, *steps):
            generator, value = carried
            found = slopes(generator, value, p, q)
            return sum(((found[side] * step).sum(-1) for side, step in zip(sides, steps, strict=True)), 0.0)

        return tangent

    def general(carried, p, q, *steps):
        return along(divergence.slopes)(carried, *_measures(p, q), *steps)

    tangent, operands = jnp.zeros_like(value), ((generator, value), p, q, *steps)
    if steps and _may_be_ordinary(divergence, generator, p):
        tangent = by_blocks_apart(mark, along(divergence.ordinary_slopes), general, *operands)
    elif steps:
        tangent = general(*operands)
    if not all(map(absent, jax.tree.leaves(tangents[0], is_leaf=absent))):
        moved = jax.tree.map(lambda d, x: jnp.zeros_like(x) if absent(d) else d, tangents[0], generator, is_leaf=absent)
        tangent += divergence.in_given(generator, moved, value, *_measures(p, q))
    return (value, mark), (tangent, jnp.zeros_like(mark))


_with_mark.defjvp(_with_mark_jvp, symbolic_zeros=True)


def _may_be_ordinary(divergence: OfProbabilities, generator: Generator, p: jax.Array) -> bool:
    return choose.way(p).name == "in range" and divergence.serves(generator)


def _measures(*rows: Any) -> tuple[jax.Array, ...]:
    """The rows, NaN where negative."""
    return tuple(nan_where(x < 0.0, x) for x in rows)
