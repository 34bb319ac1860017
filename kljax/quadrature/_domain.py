"""Where the variable lives, and the panels that the integration starts from.

A line is cut into affine panels between breakpoints, and towards each end into panels in which the variable runs
exponentially: towards a finite end as x = end ± d e^{-y}, towards infinity as x = b ± d (eʸ - 1). In y, an integrable
singularity and an algebraic tail both decay exponentially and are as smooth as the density itself. A density may end
inside the interval; where it may be singular there, its side of that place is such an end too.

A panel is a column of five numbers: its code, anchor a, reach d, and the ends in u, with x = a + d g(u); g(u) is u for
code 0, e^{-u} for a negative code and eᵘ - 1 for a positive one. The code's size is the number of the end, from 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax.quadrature import _gauss_kronrod
from kljax.quadrature._mesh import Nodes, Scheme
from kljax.quadrature._select import where

# Breakpoints around each centre in units of its scale; those beyond 16 only grade the gap to another centre.
_NEAR = (1.0, 2.0, 4.0, 8.0, 16.0)
_OFFSETS = np.array([0.0, *_NEAR, *(16.0 * 32.0**j for j in range(1, 5))])
_OFFSETS = np.concatenate([-_OFFSETS[:0:-1], _OFFSETS])


class Space(NamedTuple):
    """What is known of the variable when the program is made.

    Attributes:
        kind: "interval", "circle" or "integers".
        sides: For each inner end, 1 if a density begins there and -1 if it ends there.
    """

    kind: str = "interval"
    sides: tuple[int, ...] = ()


class Hints(NamedTuple):
    """What the caller said, as arrays of one batch: [batch..., 1] or [batch..., k]."""

    low: jax.Array
    high: jax.Array
    centers: jax.Array | None = None
    scales: jax.Array | None = None
    points: jax.Array | None = None
    inner: jax.Array | None = None  # where a density ends inside the interval, as in ``Space.sides``


def default_scale(hints: Hints) -> tuple[jax.Array, jax.Array]:
    """(centre, scale) where nothing was said: the middle of a finite interval, else one unit."""
    low, high = hints.low, hints.high
    if hints.points is not None:
        least, most = hints.points.min(-1, keepdims=True), hints.points.max(-1, keepdims=True)
        center, scale = 0.5 * (least + most), 0.25 * (most - least)
    else:
        center, scale = jnp.zeros_like(low), jnp.zeros_like(low)
    below, above = jnp.isfinite(low), jnp.isfinite(high)
    width = where(below & above, high - low, 8.0)
    if hints.points is None:
        center = where(below, low + 0.25 * width, where(above, high - 0.25 * width, center))
        center = where(below & above, low + 0.5 * width, center)
    return center, where(scale > 0.0, scale, 0.125 * width)


def bumps(hints: Hints) -> tuple[jax.Array, jax.Array]:
    """Centres and scales, [batch..., bumps], inside the support."""
    centers, scales = hints.centers, hints.scales
    if centers is None or scales is None:
        center, scale = default_scale(hints)
        centers, scales = center if centers is None else centers, scale if scales is None else scales
    shape = jnp.broadcast_shapes(centers.shape, scales.shape)
    return jnp.clip(jnp.broadcast_to(centers, shape), hints.low, hints.high), jnp.broadcast_to(scales, shape)


def start(hints: Hints, space: Space) -> tuple[jax.Array, jax.Array]:
    """The panels before refinement, [5, batch..., panels], and how far each end reaches in y, [ends, batch..., 1]."""
    centers, scales = bumps(hints)
    low, high, dtype = hints.low, hints.high, hints.low.dtype
    offsets = jnp.asarray(_OFFSETS, dtype)
    around = (centers[..., None] + scales[..., None] * offsets).reshape(*centers.shape[:-1], -1)
    cuts = [around] if hints.points is None else [around, hints.points]
    if space.kind == "circle":
        cuts[0] = low + jnp.mod(around - low, high - low)
        cuts.append(low + (high - low) * jnp.linspace(0.0, 1.0, 9, dtype=dtype))
        return _affine(jnp.clip(jnp.concatenate(cuts, -1), low, high)), jnp.zeros((0, *low.shape), dtype)
    # Either side is turned so that its end is the upper one.
    turn = jnp.asarray([-1.0, 1.0], dtype).reshape(2, *[1] * low.ndim)
    ends = turn * jnp.stack([low, high])
    finite = jnp.isfinite(ends)
    edges, reach = _outermost(
        ends, finite, turn * centers, scales, None if hints.points is None else turn * hints.points
    )
    both = finite.all(0)
    edges = where(both, jnp.maximum(edges, ends - 0.5 * where(both, high - low, 1.0)), edges)
    first, last = -edges[0], jnp.maximum(edges[1], -edges[0])
    edges = jnp.stack([-first, last])
    reach = where(finite, ends - edges, reach)
    anchors = turn * where(finite, ends, edges)
    spans = turn * where(finite, -reach, reach)
    extents = _extent(ends, finite, reach)
    numbers = jnp.asarray([1.0, 2.0], dtype).reshape(turn.shape)
    codes = where(finite, -numbers, numbers)
    cuts = [*cuts, first, last]
    covered = None
    if hints.inner is not None:
        at = jnp.moveaxis(hints.inner, -1, 0)[..., None]
        sides = jnp.asarray(space.sides, dtype).reshape(-1, *[1] * low.ndim)
        room = jnp.minimum(0.25 * scales.min(-1, keepdims=True), 0.5 * where(sides > 0.0, last - at, at - first))
        inside = (at >= first) & (at <= last) & (room > 0.0)
        room = where(inside, room, 0.0)
        extents = jnp.concatenate([extents, where(inside, _extent(at, inside, room), 0.0)])
        anchors, spans = jnp.concatenate([anchors, at]), jnp.concatenate([spans, sides * room])
        numbers = jnp.asarray(np.arange(len(space.sides)) + 3.0, dtype).reshape(sides.shape)
        codes = jnp.concatenate([codes, jnp.broadcast_to(-numbers, at.shape)])
        far = at + sides * room
        cuts.append(jnp.moveaxis(jnp.concatenate([at, far], -1), 0, -2).reshape(*low.shape[:-1], -1))
        covered = jnp.minimum(at, far), jnp.maximum(at, far)
    middle = _affine(jnp.clip(jnp.concatenate(cuts, -1), first, last), covered)
    rungs = 9 if dtype == jnp.float32 else 12
    steps = jnp.minimum(jnp.asarray([0.0, *(2.0**j for j in range(rungs - 1))], dtype), extents)
    columns = [jnp.broadcast_to(one, steps[..., 1:].shape) for one in (codes, anchors, spans)]
    ladders = jnp.moveaxis(jnp.stack([*columns, steps[..., :-1], steps[..., 1:]]), 1, -2)
    return jnp.concatenate([middle, ladders.reshape(5, *low.shape[:-1], -1)], -1), extents


def _outermost(
    ends: jax.Array, finite: jax.Array, centers: jax.Array, scales: jax.Array, points: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
    """Where the middle ends on either side, and the unit of length of the end panels there."""
    far = centers + 16.0 * scales
    # A centre whose neighbourhood crosses the end: its share of the end panel begins a fraction of its scale away.
    room = where(finite, ends - centers, scales)
    near = ends - 0.25 * where(room > 0.0, jnp.minimum(scales, room), scales)
    candidates = where(finite & (far >= ends - 0.25 * scales), near, far)
    reach = jnp.broadcast_to(16.0 * scales, candidates.shape)
    if points is not None:
        inside = where(points < ends, points, candidates.max(-1, keepdims=True))
        candidates = jnp.concatenate([candidates, inside], -1)
        reach = jnp.concatenate([reach, jnp.broadcast_to(reach.max(-1, keepdims=True), points.shape)], -1)
    at = candidates.argmax(-1, keepdims=True)
    return pick(candidates, at), pick(reach, at)


def pick(x: jax.Array, at: jax.Array) -> jax.Array:
    """Entries of the last axis, by their numbers."""
    return jnp.take_along_axis(x, at, -1, mode="promise_in_bounds")


def _extent(end: jax.Array, finite: jax.Array, reach: jax.Array) -> jax.Array:
    """The largest y: near a finite end some ulps away; far out where squares do not overflow."""
    limits = jnp.finfo(end.dtype)
    closest = jnp.maximum(64.0 * float(limits.eps) * jnp.abs(where(finite, end, 0.0)), 16.0 * float(limits.tiny))
    far = math.log(1e18 if end.dtype == jnp.float32 else 1e150)
    log_reach = jnp.log(where(reach > 0.0, reach, closest))
    return jnp.maximum(where(finite, log_reach - jnp.log(closest), far - jnp.maximum(log_reach, 0.0)), 0.0)


def _affine(cuts: jax.Array, covered: tuple[jax.Array, jax.Array] | None = None) -> jax.Array:
    """Affine panels between the cuts, none of them where an inner end has its own."""
    cuts = jnp.sort(cuts, -1)
    left, right = cuts[..., :-1], cuts[..., 1:]
    if covered is not None:
        middle = 0.5 * (left + right)
        right = where(((middle > covered[0]) & (middle < covered[1])).any(0), left, right)
    return jnp.stack([jnp.zeros_like(left), jnp.zeros_like(left), jnp.ones_like(left), left, right])


def scheme(hints: Hints) -> Scheme:
    """The scheme of the line: Gauss–Kronrod panels, halved in the middle."""
    dtype = hints.low.dtype
    ticks, eps = jnp.asarray(_gauss_kronrod.NODES, dtype), float(jnp.finfo(dtype).eps)
    log_weights = jnp.asarray(np.log(_gauss_kronrod.WEIGHTS), dtype)
    excess = jnp.asarray(1.0 - _gauss_kronrod.COARSE / _gauss_kronrod.WEIGHTS, dtype)
    low, high = hints.low[..., None], hints.high[..., None]

    def place(panels: jax.Array) -> Nodes:
        code, anchor, reach, left, right = jnp.split(panels[..., None], 5)
        half = 0.5 * (right - left)
        u = 0.5 * (left + right) + half * ticks
        shape = where(code < 0.0, jnp.exp(-u), where(code > 0.0, jnp.expm1(u), u))
        log_slope = jnp.sign(code) * u + jnp.log(where(reach == 0.0, 1.0, jnp.abs(reach)))
        x = jnp.minimum(jnp.maximum(anchor + reach * shape, low), high)
        return Nodes(x, u, log_slope, log_slope + jnp.log(half) + log_weights, excess)

    def divisible(left: jax.Array, right: jax.Array) -> jax.Array:
        return right - left > 8.0 * eps * jnp.maximum(jnp.abs(left), jnp.abs(right))

    return Scheme(place, divisible, lambda left, right: 0.5 * (left + right))
