"""A divergence of two whole rows: by the way that ``choose`` gives, with one derivative rule for all.

    D(θ, a, b, T) ─way─▶ value and statistics,      dD = Σ s_p d log p + Σ s_q d log q + (∂D/∂θ) dθ

    a, b        rows of logits, T their temperature (``None`` for 1)
    θ           what else a divergence depends on, ``given``: a generator, with an order or a weight; or nothing
    s_p, s_q    its slopes, ∂D/∂log p and ∂D/∂log q outcome by outcome
    quick       1 for a row that is ``in_range``, else 0

What a divergence is stands in a record ``Divergence``; which way its rows take is chosen here alone. The tangent is
linear in the tangents and checkpointed: of the long arrays only the logits are kept for the backward pass, and tangents
known to be zero cost nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from kljax._kernels import choose, in_range, streaming
from kljax._kernels.blocks import by_blocks, fresh
from kljax._kernels.few import by_blocks_apart, few_apart
from kljax._kernels.rows import (
    Statistics,
    Temperature,
    balance,
    logit_tangent,
    pair_of,
)

Sides = tuple[str, ...]  # of "p" and "q", those whose logits move
Sums = dict[str, jax.Array]
QUICK = "quick"


@dataclasses.dataclass(frozen=True)
class InRange:
    """How rows are taken whose exponentials neither over- nor underflow; see ``in_range``.

    Attributes:
        value: (given, a, b, temperature) ↦ (value [..., 1], statistics, whether these serve, [..., 1]).
        slopes: (sides, (given, value), temperature, a, b, statistics) ↦ the gradients in a/T, b/T of those sides.
        serves: given ↦ whether it can be taken so at all.
        sides: Those whose gradients are right.
    """

    value: Callable[..., tuple[jax.Array, Statistics, jax.Array]]
    slopes: Callable[..., tuple[jax.Array, ...]]
    serves: Callable[[Any], bool] = lambda given: True
    sides: Sides = ("p", "q")


@dataclasses.dataclass(frozen=True)
class Streamed:
    """How rows are taken of which each logit is read once; see ``streaming``.

    Attributes:
        value: (sides, given, a, b, T, KL, statistics) ↦ (value [..., 1], sums that the gradients in these sides take).
        slopes: (sides, given, a, b, T, statistics, value [..., 1], sums) ↦ the gradients in a/T and b/T; ``None`` of no
            side.
        names: (given, sides) ↦ the names of those sums.
        certain: (value [..., 1], statistics, T) ↦ where these gradients have all digits, else the general rule's serve.
    """

    value: Callable[..., tuple[jax.Array, Sums]]
    slopes: Callable[..., tuple[jax.Array | None, jax.Array | None]]
    names: Callable[..., Sides]
    certain: Callable[..., jax.Array] = lambda value, rows, temperature: jnp.isfinite(value)


@dataclasses.dataclass(frozen=True)
class Divergence:
    """A number for each pair of rows: its value and its slopes, and how the quicker ways find them.

    Attributes:
        by_passes: (given, a, b, temperature) ↦ (value, statistics).
        slopes: (given, value, pair) ↦ (s_p, s_q).
        in_given: (given, its tangent, value, pair) ↦ the tangent of the value, where there is one.
        in_range: By exponentials as they are, on a CPU; ``None`` takes the passes.
        streamed: By one reduction, on a GPU; ``None`` takes the passes.
    """

    by_passes: Callable[..., tuple[jax.Array, Statistics]]
    slopes: Callable[..., tuple[jax.Array, jax.Array]]
    in_given: Callable[..., jax.Array] | None = None
    in_range: InRange | None = None
    streamed: Streamed | None = None

    def __call__(self, given: Any, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
        """The value of each pair of rows along the last axis."""
        return _with_statistics(self, (), given, a, b, temperature)[0]


def _evaluate(
    divergence: Divergence, sides: Sides, given: Any, a: jax.Array, b: jax.Array, temperature: Temperature
) -> tuple[jax.Array, Statistics, Sums]:
    """The value, the statistics, and sums that the gradients in these sides take. All without a derivative."""
    given, a, b, temperature = lax.stop_gradient((given, a, b, temperature))
    quick, streamed = _in_range(divergence, given, a), divergence.streamed
    names = _names(divergence, given, sides)

    def passes(carried, a, b):
        given, temperature = carried
        value, rows = divergence.by_passes(given, a, b, temperature)
        return value, rows, jnp.zeros_like(rows.norm_p)

    def in_blocks(carried, a, b):
        given, temperature = carried
        assert quick is not None
        value, rows, served = quick.value(given, a, b, temperature)
        return (value[..., 0], rows, jnp.ones_like(rows.norm_p)), served

    def other(a, b):
        carried = given, temperature
        if quick is None:
            found = passes(carried, a, b)
        else:
            first, served = by_blocks(in_blocks, carried, a, b, still=True)
            # As they are: XLA would convert all halves before the condition.
            found = few_apart(served, lambda *_: first, lambda c, *rows: passes(c, *fresh(*rows)), carried, a, b)
        value, rows, here = found
        # What underflows may leave less than nothing.
        return jnp.maximum(value, 0.0), rows, {QUICK: here} | {name: jnp.zeros_like(rows.norm_p) for name in names}

    def by_streaming(a, b):
        assert streamed is not None
        kl, rows = streaming.statistics(a, b, temperature)
        value, sums = streamed.value(sides, given, a, b, temperature, kl, rows)
        return jnp.maximum(value[..., 0], 0.0), rows, {QUICK: jnp.zeros_like(rows.norm_p)} | sums

    if streamed is None:
        return other(a, b)
    return choose.by_platform(by_streaming, other, a, b)


_with_statistics = jax.custom_jvp(_evaluate, nondiff_argnums=(0, 1))


def _with_statistics_jvp(divergence, sides, primals, tangents):
    # The statistics are for this rule alone; they pass as constants.
    given, a, b, temperature = primals
    leaves = jax.tree.leaves((tangents[0], tangents[3]), is_leaf=absent)
    still = all(map(absent, leaves))  # but for the logits
    moved = tuple(side for side, step in zip("pq", tangents[1:3], strict=True) if not absent(step))
    streams = divergence.streamed is not None and still and bool(moved)
    wanted = tuple(sorted({*sides, *moved})) if streams else sides
    value, rows, sums = _with_statistics(divergence, wanted, *primals)

    def other(a, b, *steps):
        def general(carried, a, b, *steps):
            (given, temperature, value, rows), rest = carried, iter(steps)
            d_logits = [step if absent(step) else next(rest) for step in tangents[1:3]]
            moving = tangents[0], *d_logits, tangents[3]
            return jnp.zeros_like(value) + tangent_by_slopes(
                divergence, (given, a, b, temperature), moving, value, rows
            )

        carried, quick = (given, temperature, value, rows), _in_range(divergence, given, a)
        if quick is None or not (still and steps and {*moved} <= {*quick.sides}):
            return jax.checkpoint(general)(carried, a, b, *steps)

        def in_range_(carried, a, b, *steps):
            given, temperature, value, rows = carried
            return in_range.tangent(quick.slopes, moved, (given, value), temperature, a, b, rows, steps)

        return by_blocks_apart(sums[QUICK], in_range_, general, carried, a, b, *steps)

    def by_streaming(a, b, *steps):
        return _tangent_of_streamed(divergence, moved, (given, temperature), value, rows, sums, a, b, *steps)

    steps = [step for step in tangents[1:3] if not absent(step)]
    tangent = choose.by_platform(by_streaming, other, a, b, *steps) if streams else other(a, b, *steps)
    kept = {name: sums[name] for name in (QUICK, *_names(divergence, given, sides))}
    out = value, rows, kept
    return out, (tangent, *jax.tree.map(jnp.zeros_like, out[1:]))


_with_statistics.defjvp(_with_statistics_jvp, symbolic_zeros=True)


def _in_range(divergence: Divergence, given: Any, a: jax.Array) -> InRange | None:
    """How rows like ``a`` are taken in range, if they are."""
    quick = divergence.in_range
    return quick if quick is not None and choose.way(a).name == "in range" and quick.serves(given) else None


def _names(divergence: Divergence, given: Any, sides: Sides) -> Sides:
    return () if divergence.streamed is None else divergence.streamed.names(given, sides)


def absent(tangent: Any) -> bool:
    """Whether a tangent is known to be zero when tracing, so that its side costs nothing."""
    return tangent is None or isinstance(tangent, SymbolicZero)


def _some(tangents: Any, like: Any) -> Any:
    """Symbolic zeros made into arrays."""
    return jax.tree.map(lambda t, x: jnp.zeros_like(x) if absent(t) else t, tangents, like, is_leaf=absent)


def tangent_by_slopes(
    divergence: Divergence, primals: Any, tangents: Any, value: jax.Array, rows: Statistics
) -> jax.Array | float:
    """The tangent of the values at (given, a, b, temperature)."""
    leaves, structure = jax.tree.flatten(tangents, is_leaf=absent)
    given, a, b, temperature = primals
    d_given, da, db, dt = jax.tree.unflatten(structure, [None if absent(leaf) else leaf for leaf in leaves])
    moving = bool(jax.tree.leaves(d_given))
    if da is None and db is None and dt is None and not moving:
        return 0.0

    @jax.checkpoint
    def of_block(carried, a, b, *rest):
        given, temperature, d_given, dt, value = carried
        *fixed, da, db = rest
        rows = Statistics(*fixed)
        pair = pair_of(a, b, temperature, rows)
        total = jnp.zeros_like(pair.p[..., 0])
        slopes = divergence.slopes(given, value, pair)
        both = zip((pair.p, pair.q), (a, b), (rows.top_p, rows.top_q), (da, db), slopes, strict=True)
        for weight, x, top, dx, slope in both:
            if dx is not None or dt is not None:
                d_temperature = None if temperature is None else _some(dt, temperature)
                dx = _some(dx, x).astype(weight.dtype)
                total += (balance(weight, slope) * logit_tangent(x, top, temperature, dx, d_temperature)).sum(-1)
        if moving:
            assert divergence.in_given is not None
            total += divergence.in_given(given, _some(d_given, given), value, pair)
        return total

    return by_blocks(of_block, (given, temperature, d_given, dt, value), a, b, *rows, da, db)


def _tangent_of_streamed(
    divergence: Divergence,
    sides: Sides,
    given: Any,
    value: jax.Array,
    rows: Statistics,
    sums: Sums,
    a: jax.Array,
    b: jax.Array,
    *steps: jax.Array,
) -> jax.Array:
    """Σ slopes · steps, of shape [...], of (given, temperature); by the general rule where a row is not certain."""
    streamed = divergence.streamed
    assert streamed is not None

    @jax.checkpoint
    def plain(carried, a, b, *steps):
        (given, temperature), value, rows, sums = carried
        found = streamed.slopes(sides, given, a, b, temperature, rows, value[..., None], sums)
        slopes: dict[str, Any] = dict(zip("pq", found, strict=True))
        total: Any = 0.0
        for side, step in zip(sides, steps, strict=True):
            total += (slopes[side] * step.astype(slopes[side].dtype)).sum(-1)
        return total if temperature is None else total / temperature

    @jax.checkpoint
    def rare(carried, a, b, *steps):
        def general(carried, a, b, *steps):
            (given, temperature), value, rows, _ = carried
            d = dict(zip(sides, steps, strict=True))
            tangents = None, d.get("p"), d.get("q"), None
            return tangent_by_slopes(divergence, (given, a, b, temperature), tangents, value, rows)

        return streaming.rarely(general, carried, a, b, *steps)

    certain = streamed.certain(value[..., None], rows, given[1])
    return lax.cond(certain.all(), plain, rare, (given, value, rows, sums), a, b, *steps)
