"""What the supports alone say: a divergence is infinite where mass that costs ∞ lies beyond the ends of the other.

A node of quadrature may be too far away to see the mass beyond an end, however much it costs.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax.families._internal import aligned, batch_shape, inner_records
from kljax.quadrature import Support

Costs = bool | jax.Array


def missed(costs: tuple[Costs, Costs], p: Any, q: Any, spaces: tuple[Support, Support]) -> bool | jax.Array:
    """Where mass of p that q misses, or of q that p misses, costs ∞ and there is some; a bool where that is known."""
    first, second = _both(costs[0], p, q, *spaces), _both(costs[1], q, p, *spaces[::-1])
    return first or second if isinstance(first, bool) else first | second


def _both(costs: Costs, p: Any, q: Any, of_p: Support, of_q: Support) -> bool | jax.Array:
    beyond = False if costs is False else _beyond(p, q, of_p, of_q)
    return beyond if beyond is False or costs is True else costs & beyond


def _beyond(p: Any, q: Any, of_p: Support, of_q: Support) -> bool | jax.Array:
    """Whether the interval of p goes beyond that of q, [batch...], and a Python bool where that is known at once.

    A density is positive on all of its interval; for integers and for what is made of other distributions, whose
    support is only an outer bound, the answer is False.
    """
    if of_p.kind != "interval" or of_q.kind != "interval" or inner_records(p):
        return False
    ends: tuple[Any, ...] = of_p.low, of_q.low, of_q.high, of_p.high
    if all(isinstance(one, (int, float)) for one in ends):
        return bool(ends[0] < ends[1] or ends[2] < ends[3])
    p, q = aligned(p, q)
    ends = p.support.low, q.support.low, q.support.high, p.support.high
    outside = jnp.broadcast_to((ends[0] < ends[1]) | (ends[2] < ends[3]), batch_shape(p))
    if isinstance(outside, jax.core.Tracer) or outside.size == 0:
        return outside
    if outside.all():
        return True
    return outside if outside.any() else False
