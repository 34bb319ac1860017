"""What the supports alone say: KL is infinite where p has mass beyond the ends of q."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax.families._internal import batch_shape, inner_records


def beyond(p: Any, q: Any) -> bool | jax.Array:
    """Whether the interval of p goes beyond that of q, [batch...], and a Python bool where that is known at once.

    A density is positive on all of its interval; for integers and for what is made of other distributions, whose
    support is only an outer bound, the answer is False.
    """
    if p.support.kind != "interval" or q.support.kind != "interval" or inner_records(p):
        return False
    ends = p.support.low, p.support.high, q.support.low, q.support.high
    if all(isinstance(one, (int, float)) for one in ends):
        return bool(ends[0] < ends[2] or ends[1] > ends[3])
    outside = jnp.broadcast_to((ends[0] < ends[2]) | (ends[1] > ends[3]), batch_shape(p))
    if isinstance(outside, jax.core.Tracer) or outside.size == 0:
        return outside
    if outside.all():
        return True
    return outside if outside.any() else False
