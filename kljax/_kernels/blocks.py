"""How long rows are walked: a cache-sized block of rows at a time on one CPU, all at once elsewhere.

XLA's CPU backend writes every intermediate array of a row functional to memory; in blocks that stay in the cache
this costs a third. A loop over rows would make XLA gather a sharded operand, so with several devices, and on
accelerators, whose compiler fuses the passes, the rows are taken whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
from jax import lax

BLOCK_BYTES = (
    1 << 20
)  # of one operand; two operands and their intermediates then fit a 2 MiB cache slice and its neighbours
LONG_BYTES = 1 << 21
SPAN = 32768  # columns that one reduction of XLA's CPU backend walks well


def choose(platform: str, devices: int, itemsize: int, shape: tuple[int, ...]) -> str:
    """``"blocks"`` or ``"whole"``, for operands of this shape."""
    size = math.prod(shape) * itemsize
    return "blocks" if platform == "cpu" and devices == 1 and size >= LONG_BYTES else "whole"


def strategy(a: jax.Array) -> str:
    """The choice for this array on the default backend."""
    return choose(jax.default_backend(), jax.device_count(), a.dtype.itemsize, a.shape)


def by_blocks(function: Callable[..., Any], carried: Any, *rows: jax.Array) -> Any:
    """``function(carried, *rows)`` of operands [..., V] or [..., 1], which acts on each row by itself.

    A leaf of ``carried`` is one value for all rows (a scalar), or one for each row.
    """
    lead, length = rows[0].shape[:-1], rows[0].shape[-1]
    if strategy(rows[0]) == "whole":
        return function(carried, *rows)
    count = math.prod(lead)
    leaves, structure = jax.tree.flatten(carried)
    per_row = [leaf.ndim > 0 and leaf.shape == lead for leaf in leaves]
    mapped = [leaf.reshape(count) for leaf, each in zip(leaves, per_row, strict=True) if each]
    flat = [row.reshape(count, row.shape[-1]) for row in rows]
    height = min(count, max(1, BLOCK_BYTES // (length * rows[0].dtype.itemsize)))

    def on_block(block):
        each, *rows = block
        rest = iter(each)
        own = [next(rest) if taken else leaf for leaf, taken in zip(leaves, per_row, strict=True)]
        return function(jax.tree.unflatten(structure, own), *rows)

    result = lax.map(on_block, (mapped, *flat), batch_size=height)
    return jax.tree.map(lambda x: x.reshape(*lead, *x.shape[1:]), result)


def sum_over(term: Callable[..., jax.Array], *rows: jax.Array) -> jax.Array:
    """Σ term(rows) over the last axis, kept as [..., 1]; a long row is summed in spans on one CPU."""
    length = rows[0].shape[-1]
    span = next((d for d in range(SPAN, SPAN // 16, -1) if length % d == 0), length)
    if span == length or strategy(rows[0]) == "whole":
        return term(*rows).sum(-1, keepdims=True)
    lead = rows[0].shape[:-1]
    parts = term(*(row.reshape(-1, span) for row in rows)).sum(-1)
    return lax.optimization_barrier(parts).reshape(*lead, -1).sum(-1, keepdims=True)


def fresh(*arrays: jax.Array) -> tuple[jax.Array, ...]:
    """The same arrays, as new values to the compiler: what was made of them before is made again, not kept."""
    return lax.optimization_barrier(arrays)
