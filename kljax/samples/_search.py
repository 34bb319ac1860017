"""Exact nearest neighbours in two stages, in blocks of queries and points.

|q - p|² = |q|² - 2 q·p + |p|² is a matrix product, but finding the k least of a row of n costs more than making the
row. So a row is cut into groups of g points, of which only the least is kept (vectorised minima). The k nearest points
lie in at most k groups, and these are the groups with the k least minima: the (k+1)th group's least has k smaller ones
before it. Stage two computes the g(k + 3) distances in those groups from differences of coordinates, which keep their
digits, and takes the k least; one group is for the query itself, two are to spare.

Rounding could hide a group from stage one. With m the least that stage one kept of the last group taken,
γ = (d + 4) eps and s the kth squared distance of stage two, none is hidden if s ≤ m - γ(2|q| + √s)². A block of queries
for which that cannot be said repeats stage one with differences. These serve alone where the matrix product would save
nothing: below four dimensions, and in the maximum norm.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax

SPARE = 2  # groups beyond the necessary ones, so that rounding rarely decides
FEW_DIMENSIONS = 3


def group_size(count: int, k: int, width: int) -> int:
    """Points a group: balances finding the least groups, n/g, against looking into them, k g d."""
    best = math.sqrt(max(count, 1) / max(k * width, 1))
    return min(max(2 ** round(math.log2(max(best, 1.0))), 4), 64)


def _by_differences(block: jax.Array, tile: jax.Array, norm: str) -> jax.Array:
    """[rows, points] of squared distances, or of distances in the maximum norm, for a tile [d, points]."""

    def add(at: jax.Array | int, total: jax.Array | None) -> jax.Array:
        apart = lax.dynamic_slice_in_dim(block, at, 1, 1) - lax.dynamic_slice_in_dim(tile, at, 1, 0)
        one = jnp.abs(apart) if norm == "max" else jnp.square(apart)
        return one if total is None else jnp.maximum(total, one) if norm == "max" else total + one

    total = add(0, None)
    if tile.shape[0] > 8:
        return lax.fori_loop(1, tile.shape[0], add, total)
    for at in range(1, tile.shape[0]):
        total = add(at, total)
    return total


@functools.partial(jax.jit, static_argnames=("k", "norm", "block"))
def search(
    queries: jax.Array, points: jax.Array, own: jax.Array, k: int, norm: str, block: tuple[int, int]
) -> tuple[jax.Array, jax.Array]:
    """The k nearest of ``points`` [n, d] to each of ``queries`` [Q, d] but its own, whose index is ``own`` [Q], or -1.

    Points at infinity are padding. Distances ascend; those that are equal are ordered by index.
    """
    (total, width), count = queries.shape, points.shape[0]
    rows = min(block[0], total)
    size = group_size(count, k, width)
    tile = min(block[1], -(-count // size) * size)
    tile = -(-tile // size) * size
    tiles, blocks = -(-count // tile), -(-total // rows)
    groups = tile // size
    taken = min(k + 1 + SPARE, tiles * groups)
    complete = taken == tiles * groups

    points_ = jnp.pad(points, ((0, tiles * tile - count), (0, 0)), constant_values=jnp.inf)
    by_tile = jnp.moveaxis(points_.reshape(tiles, tile, width), 2, 1)  # [tiles, d, tile]
    # Row j of a block is query j·blocks + i, so that a sharding of the queries is one of every block.
    by_block = jnp.pad(queries, ((0, blocks * rows - total), (0, 0)), mode="edge")
    own_ = jnp.pad(own, (0, blocks * rows - total), constant_values=-1)
    by_block = jnp.moveaxis(by_block.reshape(rows, blocks, width), 1, 0)
    own_ = own_.reshape(rows, blocks).T

    absent = jnp.isinf(by_tile[:, :1])
    inside = jnp.where(absent, 0.0, by_tile)
    lengths = jnp.where(absent, jnp.inf, jnp.square(inside).sum(1, keepdims=True))
    extended = jnp.concatenate([inside, lengths], 1)  # (-2 q, 1)·(p, |p|²) = |q - p|² - |q|²

    def least(distances: jax.Array) -> jax.Array:
        return distances.reshape(rows, size, groups).min(1)  # group g of a tile: its points g, g + groups, …

    def gathered(minima: jax.Array) -> jax.Array:
        return jnp.moveaxis(minima, 0, 1).reshape(rows, tiles * groups)

    def precisely(one: jax.Array) -> jax.Array:
        return gathered(lax.map(lambda tile_: least(_by_differences(one, tile_, norm)), by_tile))

    def by_product(one: jax.Array) -> jax.Array:
        factor = jnp.concatenate([-2.0 * one, jnp.ones_like(one[:, :1])], 1)
        product = functools.partial(jnp.matmul, factor, precision=lax.Precision.HIGHEST)
        minima = gathered(lax.map(lambda tile_: least(product(tile_)), extended))
        return minima + jnp.square(one).sum(1, keepdims=True)

    def within(one: jax.Array, mine: jax.Array, minima: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        last, group = lax.top_k(-minima, taken)
        first = (group // groups) * tile + group % groups
        index = (first[:, :, None] + (groups * jnp.arange(size, dtype=jnp.int32))[None, None]).reshape(
            rows, taken * size
        )
        apart = jnp.abs(points_[index] - one[:, None])
        distance = apart.max(-1) if norm == "max" else jnp.square(apart).sum(-1)
        distance = jnp.where(index == mine[:, None], jnp.inf, distance)
        found, place = lax.top_k(-distance, k)
        # A slice of `last` would make XLA sort whole rows instead of taking the k least.
        return -found, jnp.take_along_axis(index, place, 1), -last.min(1)

    gamma = (width + 4) * float(jnp.finfo(queries.dtype).eps)
    direct = norm == "max" or width <= FEW_DIMENSIONS

    def of_block(operands: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        one, mine = operands
        if direct or complete:
            minima = jnp.zeros((rows, taken), one.dtype) if complete else precisely(one)
            distance, index, _ = within(one, mine, minima)
            return distance, index
        distance, index, last = within(one, mine, by_product(one))
        kth = distance.max(1)
        slack = gamma * jnp.square(2.0 * jnp.linalg.norm(one, axis=1) + jnp.sqrt(kth))
        certain = jnp.all((kth <= last - slack) | jnp.isinf(last))
        return lax.cond(certain, lambda: (distance, index), lambda: within(one, mine, precisely(one))[:2])

    distance, index = lax.map(of_block, (by_block, own_))
    distance, index = (jnp.moveaxis(x, 0, 1).reshape(rows * blocks, k)[:total] for x in (distance, index))
    distance, index = lax.sort((distance, index.astype(jnp.int32)), num_keys=2)
    return distance if norm == "max" else jnp.sqrt(distance), index
