"""Where the variable lives, and the panels that the integration starts from.

A line is cut into affine panels between breakpoints, and two end panels in which the variable runs exponentially:
towards a finite end as x = end ± d e^{-y}, towards infinity as x = b ± d (eʸ - 1). In y, an integrable singularity
and an algebraic tail both decay exponentially and are as smooth as the density itself.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax.quadrature import _rules

LOW_END, MIDDLE, HIGH_END = -1.0, 0.0, 1.0
# Breakpoints around each centre in units of its scale; those beyond 16 only grade the gap to another centre.
_NEAR = (1.0, 2.0, 4.0, 8.0, 16.0)
_OFFSETS = np.array([0.0, *_NEAR, *(16.0 * 32.0**j for j in range(1, 5))])
_OFFSETS = np.concatenate([-_OFFSETS[:0:-1], _OFFSETS])


class Hints(NamedTuple):
    """What the caller said, as arrays of one batch: [batch..., 1] or [batch..., k]."""

    low: jax.Array
    high: jax.Array
    centers: jax.Array | None
    scales: jax.Array | None
    points: jax.Array | None
    kind: str | None = "interval"


class Frame(NamedTuple):
    """The maps of the two end panels, each number [batch..., 1]."""

    low: jax.Array
    high: jax.Array
    first: jax.Array  # where the middle begins
    last: jax.Array
    low_reach: jax.Array  # d
    high_reach: jax.Array
    low_extent: jax.Array  # the largest y
    high_extent: jax.Array


class Panels(NamedTuple):
    """[batch..., panels]: the part of the line, and the ends in x or y."""

    kind: jax.Array
    left: jax.Array
    right: jax.Array


class Nodes(NamedTuple):
    """[batch..., panels, nodes]: the points; log of what the panel's weights are multiplied by."""

    x: jax.Array
    log_jacobian: jax.Array


def default_scale(hints: Hints) -> tuple[jax.Array, jax.Array]:
    """(centre, scale) where nothing was said: the middle of a finite interval, else one unit."""
    low, high = hints.low, hints.high
    if hints.points is not None:
        least, most = hints.points.min(-1, keepdims=True), hints.points.max(-1, keepdims=True)
        center, scale = 0.5 * (least + most), 0.25 * (most - least)
    else:
        center, scale = jnp.zeros_like(low), jnp.zeros_like(low)
    below, above = jnp.isfinite(low), jnp.isfinite(high)
    width = jnp.where(below & above, high - low, 8.0)
    if hints.points is None:
        center = jnp.where(below, low + 0.25 * width, jnp.where(above, high - 0.25 * width, center))
        center = jnp.where(below & above, low + 0.5 * width, center)
    return center, jnp.where(scale > 0.0, scale, 0.125 * width)


def bumps(hints: Hints) -> tuple[jax.Array, jax.Array]:
    """Centres and scales, [batch..., bumps], inside the support."""
    center, scale = default_scale(hints)
    centers = center if hints.centers is None else hints.centers
    scales = scale if hints.scales is None else hints.scales
    shape = jnp.broadcast_shapes(centers.shape, scales.shape)
    return jnp.clip(jnp.broadcast_to(centers, shape), hints.low, hints.high), jnp.broadcast_to(scales, shape)


def start(hints: Hints) -> tuple[Frame, Panels]:
    """The panels before refinement."""
    centers, scales = bumps(hints)
    low, high, dtype = hints.low, hints.high, hints.low.dtype
    offsets = jnp.asarray(_OFFSETS, dtype)
    around = (centers[..., None] + scales[..., None] * offsets).reshape(*centers.shape[:-1], -1)
    if hints.kind == "circle":
        around = low + jnp.mod(around - low, high - low)
        even = low + (high - low) * jnp.linspace(0.0, 1.0, 9, dtype=dtype)
        cuts = jnp.concatenate([around, even, *([] if hints.points is None else [hints.points])], -1)
        frame = Frame(low, high, low, high, *([jnp.zeros_like(low)] * 4))
        return frame, _between(frame, jnp.clip(cuts, low, high), 0)
    first, low_reach = _outermost(hints, centers, scales, upper=False)
    last, high_reach = _outermost(hints, centers, scales, upper=True)
    below, above = jnp.isfinite(low), jnp.isfinite(high)
    width = jnp.where(below & above, high - low, 1.0)
    first = jnp.where(below & above, jnp.minimum(first, low + 0.5 * width), first)
    last = jnp.where(below & above, jnp.maximum(last, high - 0.5 * width), last)
    last = jnp.maximum(last, first)
    low_reach = jnp.where(below, first - low, low_reach)
    high_reach = jnp.where(above, high - last, high_reach)
    frame = Frame(low, high, first, last, low_reach, high_reach, _extent(low, low_reach), _extent(high, high_reach))
    cuts = jnp.concatenate([around, first, last, *([] if hints.points is None else [hints.points])], -1)
    rungs = 9 if dtype == jnp.float32 else 12
    return frame, _between(frame, jnp.clip(cuts, first, last), rungs)


def _outermost(hints: Hints, centers: jax.Array, scales: jax.Array, *, upper: bool) -> tuple[jax.Array, jax.Array]:
    """Where the middle ends on one side, and the unit of length of the end panel there."""
    sign = 1.0 if upper else -1.0
    end = sign * (hints.high if upper else hints.low)  # the side is turned so that it is the upper one
    finite = jnp.isfinite(end)
    far = sign * centers + 16.0 * scales
    # A centre whose neighbourhood crosses the end: its share of the end panel begins a fraction of its scale away.
    room = jnp.where(finite, end - sign * centers, scales)
    near = end - 0.25 * jnp.where(room > 0.0, jnp.minimum(scales, room), scales)
    candidates = jnp.where(finite & (far >= end - 0.25 * scales), near, far)
    reach = 16.0 * scales
    if hints.points is not None:
        points = sign * hints.points
        inside = jnp.where(points < end, points, candidates.max(-1, keepdims=True))
        candidates = jnp.concatenate([candidates, inside], -1)
        reach = jnp.concatenate([reach, jnp.broadcast_to(reach.max(-1, keepdims=True), points.shape)], -1)
    at = candidates.argmax(-1, keepdims=True)
    return sign * jnp.take_along_axis(candidates, at, -1), jnp.take_along_axis(reach, at, -1)


def _extent(end: jax.Array, reach: jax.Array) -> jax.Array:
    """The largest y: near a finite end some ulps away; far out where squares do not overflow."""
    limits = jnp.finfo(end.dtype)
    finite = jnp.isfinite(end)
    closest = jnp.maximum(64.0 * float(limits.eps) * jnp.abs(jnp.where(finite, end, 0.0)), 16.0 * float(limits.tiny))
    far = math.log(1e18 if end.dtype == jnp.float32 else 1e150)
    reach = jnp.where(reach > 0.0, reach, closest)
    outward = far - jnp.maximum(jnp.log(reach), 0.0)
    return jnp.maximum(jnp.where(finite, jnp.log(reach / closest), outward), 0.0)


def _between(frame: Frame, cuts: jax.Array, rungs: int) -> Panels:
    cuts = jnp.sort(cuts, -1)
    lefts, rights = [cuts[..., :-1]], [cuts[..., 1:]]
    kinds = [jnp.full_like(cuts[..., 1:], MIDDLE)]
    if rungs:
        ladder = jnp.asarray([0.0, *(2.0**j for j in range(rungs - 1))], cuts.dtype)
        for kind, extent in ((LOW_END, frame.low_extent), (HIGH_END, frame.high_extent)):
            steps = jnp.minimum(ladder, extent)
            lefts.append(steps[..., :-1])
            rights.append(steps[..., 1:])
            kinds.append(jnp.full_like(steps[..., 1:], kind))
    return Panels(jnp.concatenate(kinds, -1), jnp.concatenate(lefts, -1), jnp.concatenate(rights, -1))


def point(frame: Frame, kind: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(x, log |dx/du|) of a coordinate u, which is x in the middle and y at the ends."""
    y = jnp.where(kind == MIDDLE, 0.0, u)
    upper = kind == HIGH_END
    end = jnp.where(upper, frame.high, frame.low)
    begin = jnp.where(upper, frame.last, frame.first)
    reach = jnp.where(upper, frame.high_reach, frame.low_reach)
    finite = jnp.isfinite(end)
    away = jnp.where(finite, jnp.exp(-y), jnp.expm1(jnp.where(finite, 0.0, y))) * reach
    outward = jnp.where(upper, 1.0, -1.0)
    x = jnp.where(finite, end - outward * away, begin + outward * away)
    log_slope = jnp.where(finite, -y, y) + jnp.log(jnp.where(reach > 0.0, reach, 1.0))
    return jnp.where(kind == MIDDLE, u, x), jnp.where(kind == MIDDLE, 0.0, log_slope)


def end_point(frame: Frame, kind: float, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(x, log |dx/dy|) in an end panel."""
    return point(frame, jnp.full_like(y, kind), y)


def place(frame: Frame, panels: Panels) -> Nodes:
    """The nodes of each panel."""
    ticks = jnp.asarray(_rules.NODES, panels.left.dtype)
    half = 0.5 * (panels.right - panels.left)[..., None]
    u = 0.5 * (panels.left + panels.right)[..., None] + half * ticks
    one = Frame(*(value[..., None] for value in frame))
    x, log_slope = point(one, jnp.broadcast_to(panels.kind[..., None], u.shape), u)
    x = jnp.clip(x, jnp.where(jnp.isfinite(one.low), one.low, -jnp.inf), one.high)
    return Nodes(x, jnp.where(half > 0.0, log_slope + jnp.log(jnp.where(half > 0.0, half, 1.0)), -jnp.inf))
