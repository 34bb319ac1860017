"""Refinement: panels are measured, and the worst halved, until the error estimates are small or the rounds used up.

    table of panels ─▶ which? ─▶ their nodes ─▶ integrands ─▶ their sums, into the table ─▶ the worst ─▶ …

One loop does it all, and the integrands stand in it once: the first rounds measure the panels of the start, eight at a
time, and each later one the halves of the four worst. Every sum of a panel is value · e^top, so that a density that
underflows at every node still says where it is largest. Nothing here is differentiated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kljax.quadrature._select import where

ROUNDS = 40
HALVED = 4


class Nodes(NamedTuple):
    """Where integrands are evaluated, each [1, batch..., panels, nodes] or of a shape that broadcasts to it.

    Attributes:
        x: The points.
        y: The variable in which they are evenly laid, towards an end.
        log_slope: log |dx/dy|.
        log_weight: The logarithm of the weight, -∞ for what is no part of the domain.
        excess: The share of the weight that the coarser rule lacks.
    """

    x: jax.Array
    y: jax.Array
    log_slope: jax.Array
    log_weight: jax.Array
    excess: jax.Array


class Scheme(NamedTuple):
    """What lays nodes into panels, [5, batch..., panels], says from their two ends which may be halved, and where."""

    place: Callable[[jax.Array], Nodes]
    divisible: Callable[[jax.Array, jax.Array], jax.Array]
    middle: Callable[[jax.Array, jax.Array], jax.Array]


class Measures(NamedTuple):
    """Sums over the nodes of each panel.

    The first integrands are the densities themselves, the last ``mains`` are asked for.

    Attributes:
        sizes: Σ |term|, what the two rules disagree by, both in units of e^top, and top, [3, integrands, batch...,
            panels].
        sums: Σ term and Σ (term · what the rounding of its node does)², [2, mains, batch..., panels].
        slopes: Σ s, Σ |s|, Σ |s| z, Σ (s z)² for the derivative s in each log-density and that one's size z,
            [4, mains, densities, batch..., panels].
        log_terms: log |term| at each node, [integrands, nodes, batch..., panels].
    """

    sizes: jax.Array
    sums: jax.Array
    slopes: jax.Array
    log_terms: jax.Array


Measure = Callable[[Nodes], Measures]


def log_sum(x: jax.Array) -> jax.Array:
    """log Σ eˣ over the last axis."""
    top = x.max(-1)
    safe = where(jnp.isfinite(top), top, 0.0)
    return where(jnp.isfinite(top), safe + jnp.log(jnp.exp(x - safe[..., None]).sum(-1)), top)


def refine(scheme: Scheme, measure: Measure, panels: jax.Array, tolerances: list[float]) -> tuple[jax.Array, Measures]:
    """The panels, and what was measured of them, after up to ``ROUNDS`` rounds of halving."""
    batch, each, dtype = panels.shape[1:-1], 2 * HALVED, panels.dtype
    eps = float(jnp.finfo(dtype).eps)
    like = jax.eval_shape(lambda x: measure(scheme.place(x)), panels[..., :1])
    structure = jax.tree.structure(like)
    shapes = [one.shape[: one.ndim - panels.ndim + 1] for one in jax.tree.leaves(like)]
    ends = [0]
    for shape in shapes:
        ends.append(ends[-1] + math.prod(shape))
    log_tolerance = jnp.log(jnp.asarray(tolerances, dtype)).reshape(-1, *[1] * len(batch))

    # A row for each panel. Those to come are empty until then, at a point where the densities may be evaluated.
    fresh = -(-panels.shape[-1] // each)
    rows = jnp.moveaxis(panels, 0, -1)
    blank = np.array([0.0] * ends[-2] + [-math.inf] * (ends[-1] - ends[-2]))
    room = each * fresh - panels.shape[-1] + ROUNDS * HALVED
    empty = jnp.concatenate([rows[..., :1, :4], rows[..., :1, 3:4]], -1)
    rows = jnp.concatenate([rows, jnp.broadcast_to(empty, (*batch, room, 5))], -2)
    table = jnp.concatenate([rows, jnp.broadcast_to(jnp.asarray(blank, dtype), (*rows.shape[:-1], len(blank)))], -1)
    order = jnp.arange(each, dtype=jnp.int32)
    second = order >= HALVED
    take, put = _take, _put
    for _ in batch:
        take, put = jax.vmap(take), jax.vmap(put)

    def body(state):
        step, table, worst, _ = state
        first = step < fresh
        # Of a halved panel, the left half takes its place and the right half the next free one.
        next_free = where(first, step * each, (each * fresh - HALVED) + (step - fresh) * HALVED) + order
        source, into = where(first, next_free, worst), where(first | second, next_free, worst)
        known, left, right = jnp.split(jnp.moveaxis(take(table[..., :5], source), -1, 0), [3, 4])
        middle = scheme.middle(left, right)
        left, right = where(second & ~first, middle, left), where(first | second, right, middle)
        chosen = jnp.concatenate([known, left, right])
        found = jax.tree.leaves(measure(scheme.place(chosen)))
        rows = jnp.concatenate([chosen, *(one.reshape(-1, *chosen.shape[1:]) for one in found)])
        table = put(table, into, jnp.moveaxis(rows, 0, -1))
        left, right, sizes = jnp.split(jnp.moveaxis(table[..., 3 : 5 + ends[1]], -1, 0), [1, 2])
        size, error, top = jnp.split(sizes, 3)
        total = log_sum(top + jnp.log(size))
        allowed = where(jnp.isfinite(total), total, 0.0) + log_tolerance
        # What lies in the rounding of the panel's own sum is not worth halving.
        error = where(error > 16.0 * eps * size, top + jnp.log(error), -jnp.inf)
        unfinished = (log_sum(error) > allowed).any()
        priority = where(scheme.divisible(left, right)[0], (error - allowed[..., None]).max(0), -jnp.inf)
        worst = lax.top_k(priority, HALVED)[1]
        return step + 1, table, jnp.concatenate([worst, worst], -1), unfinished

    def going(state):
        step, _, _, unfinished = state
        return (step < fresh) | ((step < fresh + ROUNDS) & unfinished)

    worst = jnp.zeros((*batch, each), jnp.int32)
    _, table, _, _ = lax.while_loop(going, body, (jnp.zeros((), jnp.int32), table, worst, jnp.ones((), bool)))
    panels, *parts = jnp.split(jnp.moveaxis(table, -1, 0), [5, *(5 + one for one in ends[1:-1])])
    parts = [one.reshape(*shape, *one.shape[1:]) for one, shape in zip(parts, shapes, strict=True)]
    return panels, jax.tree.unflatten(structure, parts)


def _take(table: jax.Array, rows: jax.Array) -> jax.Array:
    return table.at[rows].get(mode="promise_in_bounds")


def _put(table: jax.Array, rows: jax.Array, values: jax.Array) -> jax.Array:
    return table.at[rows].set(values, mode="promise_in_bounds", unique_indices=True)
