"""Rows whose outcomes come in pieces: one or several on a device, on one device or on those along a mesh axis.

    pieces ─piece, merge─▶ moments of a device ─across─▶ moments of the rows ─terms, sum─▶ value
    both ─▶ the gradient in a piece's logits

Chunks of ``hidden``'s vocabulary are several pieces a device, rows of ``logits`` split by ``jax.shard_map`` are one.
Between devices go a few numbers a row.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from kljax._kernels import pieces
from kljax._kernels.blocks import by_blocks
from kljax._kernels.rows import Statistics, masses

Logits = tuple[jax.Array, ...]
Found = tuple[Any, Any]  # the moments of the rows, and the sums over their outcomes or ``None``


@dataclasses.dataclass(frozen=True)
class Functional:
    """A number for each row of one or two heads' logits; ``given`` holds what else it depends on.

    Attributes:
        rows: (given, labels, *logits) ↦ [T], of whole rows, with the kernels' derivative rules.
        piece: (given, mark, *logits) ↦ moments of a piece, where ``mark`` says which logits are the labels'.
        empty: zeros ↦ moments of no outcome.
        merge: The moments of two pieces.
        across: (moments, axis_name) ↦ those of all devices' pieces.
        value: (given, moments, sums) ↦ [T, 1].
        gradient: (given, mark, moments, sums, *logits) ↦ the gradients in a piece's logits.
        logs: moments ↦ the heads' log-partitions, each [T, 1].
        terms: (given, moments, *logits) ↦ a piece's sums over its outcomes, each [T, 1]; ``None`` if none needed.
        in_given: (given, its tangent, moments, *logits) ↦ the tangent of a piece's sum, where there is one.
        balanced: Whether the gradients sum to zero over a row.
    """

    rows: Callable[..., jax.Array]
    piece: Callable[..., Any]
    empty: Callable[..., Any]
    merge: Callable[..., Any]
    across: Callable[..., Any]
    value: Callable[..., jax.Array]
    gradient: Callable[..., Logits]
    logs: Callable[..., Logits]
    terms: Callable[..., Any] | None = None
    in_given: Callable[..., jax.Array] | None = None
    balanced: bool = True

    @property
    def passes(self) -> int:
        """How often the logits are formed for the value."""
        return 1 if self.terms is None else 2


def _pair_logs(found: pieces.Moments) -> Logits:
    _, rows = pieces.finish(found)
    logs = rows.top_p + jnp.log(rows.norm_p), rows.top_q + jnp.log(rows.norm_q)
    return tuple(or_none(top, log) for top, log in zip((found.top_p, found.top_q), logs, strict=True))


def or_none(top: jax.Array, log_partition: jax.Array) -> jax.Array:
    """The log-partition; -∞ of a row that has no outcome."""
    return jnp.where(top == -jnp.inf, -jnp.inf, log_partition)


# What functionals of two rows have in common.
PAIR: dict[str, Any] = {
    "piece": lambda given, mark, a, b: pieces.of_pair(a, b),
    "empty": pieces.nothing,
    "merge": pieces.merge,
    "across": pieces.across,
    "logs": _pair_logs,
}


def masses_of(
    found: pieces.Moments, a: jax.Array, b: jax.Array
) -> tuple[Statistics, tuple[jax.Array, jax.Array, jax.Array]]:
    """The statistics of the rows, and p, q and log(p/q) of a piece."""
    _, rows = pieces.finish(found)
    return rows, masses(a, b, None, rows)


def mark(labels: jax.Array | None, entries: jax.Array, size: int, axis_name: Any) -> jax.Array | None:
    """Which logits of a piece are the labels'; the piece's ``entries`` among the ``size`` outcomes of a device."""
    if labels is None:
        return None
    first = 0 if axis_name is None else lax.axis_index(axis_name).astype(labels.dtype) * size
    here = entries.astype(labels.dtype) + first
    return labels[..., None] == jnp.expand_dims(here, tuple(range(labels.ndim)))


class Pieces(NamedTuple):
    """The pieces that a device has.

    Attributes:
        fold: (body, start) ↦ what is left of body(carry, mark, *logits) over the pieces in turn.
        axis_name: The mesh axis over which the outcomes are split, or ``None``.
        zero: Zeros [T, 1] that a carry may begin with; ``None`` where there is one piece, whose carry is ``None``.
        logits: The logits of a piece, as shapes and dtypes.
    """

    fold: Callable[[Callable[..., Any], Any], Any]
    axis_name: Any
    zero: jax.Array | None = None
    logits: tuple[jax.ShapeDtypeStruct, ...] = ()


def statistics(functional: Functional, given: Any, own: Pieces) -> Found:
    """The moments of the rows and the sums over their outcomes, the same on all devices."""

    def first(carry, mark, *logits):
        found = functional.piece(given, mark, *logits)
        return found if carry is None else functional.merge(carry, found)

    found = own.fold(first, None if own.zero is None else functional.empty(own.zero))
    if own.axis_name is not None:
        found = functional.across(found, own.axis_name)
    if functional.terms is None:
        return found, None
    terms = functools.partial(functional.terms, given)

    def second(carry, mark, *logits):
        sums = by_blocks(terms, found, *logits)
        return sums if carry is None else jax.tree.map(jnp.add, carry, sums)

    start = None
    if own.zero is not None:
        start = jax.tree.map(lambda _: own.zero, jax.eval_shape(terms, found, *own.logits))
    sums = own.fold(second, start)
    return found, sums if own.axis_name is None else lax.psum(sums, own.axis_name)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def attached(again: Callable[[Any], Found], operands: Any, found: Found) -> Found:
    """``found`` = again(operands), with its derivative, which only a second derivative of a value asks for."""
    return found


@attached.defjvp
def _attached_jvp(again, primals, tangents):
    operands, found = primals
    return found, jax.jvp(again, (operands,), tangents[:1])[1]


# --- one piece a device -----------------------------------------------------------------------------------------


def rows(functional: Functional, axis_name: Any, given: Any, labels: Any, logits: Logits) -> jax.Array:
    """The functional of each row, from this device's logits [..., V/n]; the same on all devices."""
    return _with_statistics(functional, axis_name, given, labels, logits)[0]


def _mark_of_one(labels: jax.Array | None, logits: Logits, axis_name: Any) -> jax.Array | None:
    size = logits[-1].shape[-1]
    return mark(labels, jnp.arange(size), size, axis_name)


def _of_one(functional: Functional, axis_name: Any, operands: tuple[Any, Any, Logits]) -> Found:
    given, labels, logits = operands
    here = _mark_of_one(labels, logits, axis_name)
    return statistics(functional, given, Pieces(lambda body, start: body(start, here, *logits), axis_name))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _with_statistics(functional: Functional, axis_name: Any, given: Any, labels: Any, logits: Any) -> Any:
    found = _of_one(functional, axis_name, (given, labels, logits))
    return functional.value(given, *found)[..., 0], found


def _with_statistics_jvp(functional, axis_name, primals, tangents):
    # dD = Σ over devices and outcomes of the gradient in a logit times its tangent: one psum, and jax transposes it.
    given, labels, logits = primals
    value, found = _with_statistics(functional, axis_name, *primals)
    still = jax.tree.map(jnp.zeros_like, found)
    found = attached(functools.partial(_of_one, functional, axis_name), primals, found)
    moving = [not isinstance(tangent, SymbolicZero) for tangent in tangents[2]]
    local: Any = None
    if any(moving):
        slopes = functional.gradient(given, _mark_of_one(labels, logits, axis_name), *found, *logits)
        for slope, x, log_norm, d, move in zip(
            slopes, logits, functional.logs(found[0]), tangents[2], moving, strict=True
        ):
            if move:
                if functional.balanced:
                    slope = _closed(slope, x - log_norm > math.log(0.5), axis_name)
                part = (slope * d).sum(-1)
                local = part if local is None else local + part
    if any(not isinstance(leaf, SymbolicZero) for leaf in jax.tree.leaves(tangents[0])):
        if functional.in_given is None:
            raise NotImplementedError(
                "The derivative in the order is not available with axis_name: hold the order fixed, or let jit "
                "partition the rows without axis_name."
            )
        moved = jax.tree.map(lambda t, x: jnp.zeros_like(x) if isinstance(t, SymbolicZero) else t, tangents[0], given)
        part = functional.in_given(given, moved, found[0], *logits)[..., 0]
        local = part if local is None else local + part
    tangent = jnp.zeros_like(value) if local is None else lax.psum(local, axis_name)
    return (value, found), (tangent, still)


_with_statistics.defjvp(_with_statistics_jvp, symbolic_zeros=True)


def _closed(slope: jax.Array, dominant: jax.Array, axis_name: Any) -> jax.Array:
    """A gradient that must sum to zero: the entry of an outcome with more than half of p is what the others leave."""
    others = lax.psum(jnp.where(dominant, 0.0, slope).sum(-1, keepdims=True), axis_name)
    return jnp.where(dominant, -others, slope)
