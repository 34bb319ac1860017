"""Walking rows: a block of them at a time where the way says so."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels import choose

SHORT, LONG = 16, 1024  # outcomes up to which, and from which on, a product sums them as exactly and sooner
COPIES_HALVES = jax.__version_info__ < (0, 12)  # XLA's CPU backend of then converts all of an operand to slice it


def by_blocks(
    function: Callable[..., Any], carried: Any, *rows: Any, still: bool = False, block_bytes: int | None = None
) -> Any:
    """``function(carried, *rows)`` of operands [..., V] or [..., 1], which acts on each row by itself.

    A leaf of ``carried`` whose leading axes are those of the rows goes with them; another is the same for all.
    An operand may be ``None``. ``still`` rows carry no derivative; half precision then goes through the loop as its
    bits where ``COPIES_HALVES``: a copy of them is less than one in float32. With ``block_bytes`` blocks of this
    size are taken on accelerators too, to save memory.
    """
    lead = rows[0].shape[:-1]
    height = choose.way(rows[0]).length
    if block_bytes is not None:
        height = None if jax.device_count() > 1 or not lead else choose.height(rows[0].shape, block_bytes)
    if height is None or height == math.prod(lead):
        return function(carried, *rows)
    count = math.prod(lead)
    leaves, structure = jax.tree.flatten(carried)
    per_row = [bool(lead) and leaf.shape[: len(lead)] == lead for leaf in leaves]
    mapped = [leaf.reshape(count, *leaf.shape[len(lead) :]) for leaf, each in zip(leaves, per_row, strict=True) if each]
    halves = [COPIES_HALVES and still and row is not None and row.dtype.itemsize == 2 for row in rows]
    kinds: list[Any] = [None if row is None else row.dtype for row in rows]
    rows = tuple(
        lax.bitcast_convert_type(row, jnp.uint16) if half else row for row, half in zip(rows, halves, strict=True)
    )
    flat = [None if row is None else row.reshape(count, row.shape[-1]) for row in rows]

    def on_block(block):
        each, *rows = block
        operands = zip(rows, halves, kinds, strict=True)
        rows = [lax.bitcast_convert_type(row, kind) if half else row for row, half, kind in operands]
        rest = iter(each)
        own = [next(rest) if taken else leaf for leaf, taken in zip(leaves, per_row, strict=True)]
        return function(jax.tree.unflatten(structure, own), *rows)

    result = _map(on_block, (mapped, *flat), count, height)
    return jax.tree.map(lambda x: x.reshape(*lead, *x.shape[1:]), result)


def _map(function: Callable[..., Any], rows: Any, count: int, height: int) -> Any:
    """``function`` of so many rows at a time, which it sees together: a condition on a block stays one."""
    whole = count - count % height
    blocks = jax.tree.map(lambda x: x[:whole].reshape(-1, height, *x.shape[1:]), rows)
    result = jax.tree.map(lambda x: x.reshape(whole, *x.shape[2:]), lax.map(function, blocks))
    if whole == count:
        return result
    rest = function(jax.tree.map(lambda x: x[whole:], rows))
    return jax.tree.map(lambda x, y: jnp.concatenate([x, y]), result, rest)


def fresh(*arrays: jax.Array) -> tuple[jax.Array, ...]:
    """The same arrays, as new values to the compiler: what was made of them before is made again, not kept."""
    return lax.optimization_barrier(arrays)


def single_or_double(x: jax.Array) -> jax.Array:
    """Half precision is read as it is and computed in float32."""
    return x.astype(jnp.float32) if x.dtype.itemsize < 4 else x


def total(x: jax.Array) -> jax.Array:
    """Σ x over the last axis, [..., 1], of a block of rows.

    XLA's CPU backend takes one number after another. There, products with ones serve of up to ``SHORT`` outcomes, in a
    third of the time, and of pieces and then of their sums from ``LONG`` on; between these they would round more.
    """
    if jax.default_backend() != "cpu" or jax.device_count() > 1 or not choose.known(*x.shape):
        return x.sum(-1, keepdims=True)
    size = x.shape[-1]
    if size <= SHORT:
        return _by_product(x)[..., None]
    piece = next((one for one in range(2 * math.isqrt(size), 15, -1) if size % one == 0), 0)
    if size < LONG or not piece:
        # A choice ends what XLA takes with a sum: it would go on, and write broadcasts of it to memory.
        found = x.sum(-1, keepdims=True)
        return jnp.where(jnp.isfinite(found), found, found + found)
    return _by_product(_by_product(x.reshape(*x.shape[:-1], size // piece, piece)))[..., None]


def _by_product(x: jax.Array) -> jax.Array:
    ones = jnp.ones((x.shape[-1],), x.dtype)
    return lax.dot_general(x, ones, (((x.ndim - 1,), (0,)), ((), ())), precision=lax.Precision.HIGHEST)
