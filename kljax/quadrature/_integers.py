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
from kljax.quadrature._domain import Hints, Nodes, Panels
from kljax.quadrature._mesh import Scheme

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
    return jnp.where(jnp.isfinite(low), low, jnp.where(jnp.isfinite(high), high, middle))


def start(hints: Hints) -> Panels:
    """Blocks up and down from the pivot; ``kind`` is the direction."""
    dtype = hints.low.dtype
    edges = np.array([0.0, *(float(SIZE * 2**level) for level in range(_levels(dtype)))])
    left = np.concatenate([edges[:-1], -1.0 - edges[:-1]])
    size = np.tile(np.diff(edges), 2)
    kind = np.repeat([1.0, -1.0], len(edges) - 1)
    begin = pivot(hints) + jnp.asarray(left, dtype)
    return Panels(
        jnp.broadcast_to(jnp.asarray(kind, dtype), begin.shape), begin, begin + jnp.asarray(kind * size, dtype)
    )


def extents(hints: Hints) -> tuple[jax.Array, jax.Array]:
    """log of how far the blocks reach down and up; zero towards a finite end."""
    far = math.log(SIZE * 2.0 ** (_levels(hints.low.dtype) - 1))
    down, up = (jnp.where(jnp.isfinite(end), 0.0, far).astype(end.dtype) for end in (hints.low, hints.high))
    return down, up


def beyond(hints: Hints, kind: float, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(the integer about eʸ away from the pivot, log |dx/dy|)"""
    return jnp.clip(pivot(hints) + kind * jnp.round(jnp.exp(y)), hints.low, hints.high), y


def scheme(hints: Hints) -> Scheme:
    """The scheme for a support."""
    dtype = hints.low.dtype
    offsets, fine, coarse = (jnp.asarray(table, dtype) for table in _tables(_levels(dtype)))
    low, high, safe = hints.low[..., None], hints.high[..., None], pivot(hints)[..., None]

    def level(panels: Panels) -> jax.Array:
        size = jnp.maximum(jnp.abs(panels.right - panels.left), float(SIZE))
        return jnp.round(jnp.log2(size / SIZE)).astype(jnp.int32)

    def place(panels: Panels) -> Nodes:
        x = panels.left[..., None] + panels.kind[..., None] * offsets[level(panels)]
        inside = (x >= low) & (x <= high) & (panels.left != panels.right)[..., None]
        return Nodes(jnp.where(inside, x, safe), jnp.where(inside, 0.0, -jnp.inf))

    def weights(panels: Panels) -> tuple[jax.Array, jax.Array]:
        at = level(panels)
        return fine[at], coarse[at]

    def halve(panels: Panels) -> tuple[Panels, Panels]:
        middle = jnp.where(divisible(panels), 0.5 * (panels.left + panels.right), panels.right)
        return Panels(panels.kind, panels.left, middle), Panels(panels.kind, middle, panels.right)

    def divisible(panels: Panels) -> jax.Array:
        return jnp.abs(panels.right - panels.left) > SIZE

    return Scheme(place, weights, halve, divisible)
