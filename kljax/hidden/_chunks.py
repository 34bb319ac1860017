"""Walking an axis in chunks: slices of the operands, sums of what is found, and results put side by side.

Chunks are runs of neighbours, and what is left of an axis that they do not fill is a shorter chunk of its own after the
loop, so nothing is padded. With several devices a chunk that fills the axis takes every n-th entry instead: each device
of a mesh that shares the axis then holds an equal part of every chunk, and XLA need not gather the operand.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


@dataclasses.dataclass(frozen=True)
class Chunks:
    """``size`` entries in ``count`` chunks of ``length``, and a tail; ``spread`` over the axis or side by side."""

    size: int
    length: int
    spread: bool = False

    @property
    def count(self) -> int:
        """How many chunks are full."""
        return self.size // self.length

    @property
    def tail(self) -> int:
        """How many entries are left."""
        return self.size % self.length

    @property
    def whole(self) -> bool:
        """Whether one chunk is all."""
        return self.size == self.length


@dataclasses.dataclass(frozen=True)
class Place:
    """One chunk: ``index`` among the full ones; ``None`` for the tail, and for the whole axis."""

    chunks: Chunks
    index: Any

    def take(self, x: jax.Array, axis: int = 0) -> jax.Array:
        """The chunk's entries along an axis."""
        chunks = self.chunks
        if chunks.whole:
            return x
        if self.index is None:
            return lax.slice_in_dim(x, chunks.size - chunks.tail, chunks.size, axis=axis)
        if chunks.spread and not chunks.tail:
            return lax.dynamic_index_in_dim(_spread(chunks, x, axis), self.index, axis + 1, keepdims=False)
        return lax.dynamic_slice_in_dim(x, self.index * chunks.length, chunks.length, axis)

    def put(self, buffer: jax.Array, piece: jax.Array, axis: int = 0) -> jax.Array:
        """The buffer with the chunk's entries replaced."""
        chunks = self.chunks
        if chunks.whole:
            return piece.astype(buffer.dtype)
        piece = piece.astype(buffer.dtype)
        if self.index is None:
            return lax.dynamic_update_slice_in_dim(buffer, piece, chunks.size - chunks.tail, axis)
        if chunks.spread and not chunks.tail:
            apart = lax.dynamic_update_index_in_dim(_spread(chunks, buffer, axis), piece, self.index, axis + 1)
            return apart.reshape(buffer.shape)
        return lax.dynamic_update_slice_in_dim(buffer, piece, self.index * chunks.length, axis)

    def entries(self) -> jax.Array:
        """The positions of the chunk's entries in the axis."""
        return self.take(jnp.arange(self.chunks.size))


def _spread(chunks: Chunks, x: jax.Array, axis: int) -> jax.Array:
    return x.reshape(*x.shape[:axis], chunks.length, chunks.count, *x.shape[axis + 1 :])


def walk(
    chunks: Chunks,
    body: Callable[[Place, Any, tuple[Any, ...]], Any],
    carry: Any,
    carried: tuple[tuple[Any, int], ...] = (),
) -> Any:
    """``body(place, carry, pieces)`` for each chunk in turn; pieces of arrays that are (array, axis) or ``None``.

    They are what ``place.take`` gives, by way of the loop's own operands: the derivative of a slice in the loop would
    be an array of full size in each turn.
    """
    if chunks.whole:
        return body(Place(chunks, None), carry, tuple(x for x, _ in carried))
    if chunks.count:
        stacked = tuple(None if x is None else _stack(chunks, x, axis) for x, axis in carried)

        def turn(carry, index_and_pieces):
            index, pieces = index_and_pieces
            return body(Place(chunks, index), carry, pieces), None

        carry, _ = lax.scan(turn, carry, (jnp.arange(chunks.count), stacked))
    if not chunks.tail:
        return carry
    last = Place(chunks, None)
    return body(last, carry, tuple(None if x is None else last.take(x, axis) for x, axis in carried))


def _stack(chunks: Chunks, x: jax.Array, axis: int) -> jax.Array:
    """The full chunks of an array, along a new first axis."""
    if chunks.spread and not chunks.tail:
        return jnp.moveaxis(_spread(chunks, x, axis), axis + 1, 0)
    full = lax.slice_in_dim(x, 0, chunks.count * chunks.length, axis=axis) if chunks.tail else x
    return jnp.moveaxis(full.reshape(*x.shape[:axis], chunks.count, chunks.length, *x.shape[axis + 1 :]), axis, 0)
