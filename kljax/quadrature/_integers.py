"""The scheme of the integers: blocks of 64 · 2ᵐ, the smallest summed outright, the others from 64 of their terms.

A block's rule is exact for polynomials of degree 20 summed over its integers, so it needs the summand only at integers.
Blocks double in length away from a pivot: the finite end of the support, or the centre.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

from kljax.quadrature import _domain
from kljax.quadrature._domain import Hints
from kljax.quadrature._mesh import Nodes, Scheme
from kljax.quadrature._select import where

SIZE = 64
_DEGREE, _COARSE_DEGREE = 20, 12


def _levels(dtype: jnp.dtype) -> int:
    return 20 if dtype == jnp.float32 else 36


@functools.cache
def _tables(levels: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(offsets, weights, coarse weights) of blocks of 64 · 2ᵐ integers, [levels, 64]."""
    legendre = np.polynomial.legendre
    direct = np.arange(SIZE, dtype=np.float64)
    offsets, fine, coarse = [direct], [np.ones(SIZE)], [np.ones(SIZE)]
    # The means of Legendre's polynomials over 2n points in a row, from those over n: P(½(ξ ∓ 1)) in terms of P(ξ).
    ticks, weights = legendre.leggauss(_DEGREE + 1)
    project = (weights[:, None] * legendre.legvander(ticks, _DEGREE)) * (np.arange(_DEGREE + 1) + 0.5)
    halves = [legendre.legvander(0.5 * (ticks + side), _DEGREE).T @ project for side in (-1.0, 1.0)]
    means = legendre.legvander((2.0 * direct + 1.0 - SIZE) / SIZE, _DEGREE).mean(0)
    angles = np.pi * (np.arange(SIZE) + 0.5) / SIZE
    for level in range(1, levels):
        count = float(SIZE * 2**level)
        means = 0.5 * (halves[0] + halves[1]) @ means
        wanted = np.round(0.5 * count * (1.0 - np.cos(angles)) - 0.5)
        for at in range(1, SIZE // 2):
            wanted[at] = max(wanted[at], wanted[at - 1] + 1.0)  # distinct integers
        wanted[SIZE // 2 :] = count - 1.0 - wanted[: SIZE // 2][::-1]
        values = legendre.legvander((2.0 * wanted + 1.0 - count) / count, _DEGREE)
        spacing = np.gradient(wanted)
        offsets.append(wanted)
        for into, degree in ((fine, _DEGREE), (coarse, _COARSE_DEGREE)):
            basis = values[:, : degree + 1]
            normal = basis.T @ (spacing[:, None] * basis)
            into.append(count * spacing * (basis @ np.linalg.solve(normal, means[: degree + 1])))
    return np.stack(offsets), np.stack(fine), np.stack(coarse)


def pivot(hints: Hints) -> jax.Array:
    """The integer from which the blocks grow, [batch..., 1]."""
    centers, _ = _domain.bumps(hints)
    middle = jnp.round(centers.mean(-1, keepdims=True))
    low, high = jnp.ceil(hints.low), jnp.floor(hints.high)
    return where(jnp.isfinite(low), low, where(jnp.isfinite(high), high, middle))


def start(hints: Hints) -> tuple[jax.Array, jax.Array]:
    """Blocks up and down from the pivot, with anchor ±1 for the direction, and log of how far they reach."""
    dtype = hints.low.dtype
    edges = np.array([0.0, *(float(SIZE * 2**level) for level in range(_levels(dtype)))])
    left = np.concatenate([edges[:-1], -1.0 - edges[:-1]])
    way = np.repeat([1.0, -1.0], len(edges) - 1)
    size = way * np.tile(np.diff(edges), 2)
    begin = pivot(hints) + jnp.asarray(left, dtype)
    known = [np.where(way > 0.0, 2.0, 1.0), way, np.ones_like(way)]
    rows = [jnp.broadcast_to(jnp.asarray(one, dtype), begin.shape) for one in known]
    panels = jnp.stack([*rows, begin, begin + jnp.asarray(size, dtype)])
    far = math.log(SIZE * 2.0 ** (_levels(dtype) - 1))
    return panels, where(jnp.isfinite(jnp.stack([hints.low, hints.high])), 0.0, jnp.asarray(far, dtype))


def scheme(hints: Hints) -> Scheme:
    """The scheme for a support."""
    dtype = hints.low.dtype
    offsets, fine, coarse = _tables(_levels(dtype))
    tables = jnp.asarray(np.stack([offsets, np.log(fine), 1.0 - coarse / fine]), dtype)
    low, high, safe = hints.low[..., None], hints.high[..., None], pivot(hints)[..., None]

    def place(panels: jax.Array) -> Nodes:
        _, way, _, left, right = jnp.split(panels[..., None], 5)
        size = jnp.maximum(jnp.abs(right - left)[0, ..., 0], float(SIZE))
        level = jnp.round(jnp.log2(size / SIZE)).astype(jnp.int32)
        offset, log_weight, differ = jnp.split(tables.at[:, level].get(mode="promise_in_bounds"), 3)
        x = left + way * offset
        inside = (x >= low) & (x <= high) & (left != right)
        x = where(inside, x, safe)
        y = jnp.log(jnp.maximum(jnp.abs(x - safe), 1.0))
        return Nodes(x, y, y, where(inside, log_weight, -jnp.inf), differ)

    def divisible(left: jax.Array, right: jax.Array) -> jax.Array:
        return jnp.abs(right - left) > SIZE

    def middle(left: jax.Array, right: jax.Array) -> jax.Array:
        # A block of 64 gives itself and an empty one.
        return where(divisible(left, right), 0.5 * (left + right), right)

    return Scheme(place, divisible, middle)
