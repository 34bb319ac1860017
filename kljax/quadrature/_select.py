"""``jnp.where`` without a program of its own around each selection."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax


def where(condition: jax.Array, yes: Any, no: Any) -> jax.Array:
    """yes where the condition holds, else no; each an array, or a number of the other's dtype."""
    dtype = next(one.dtype for one in (yes, no) if hasattr(one, "dtype"))
    shape = jnp.broadcast_shapes(condition.shape, jnp.shape(yes), jnp.shape(no))
    operands = [
        one if jnp.shape(one) == shape else jnp.broadcast_to(jnp.asarray(one, kind), shape)
        for one, kind in ((condition, bool), (yes, dtype), (no, dtype))
    ]
    return lax.select(*operands)
