"""The few rows of a block that a quick way does not serve: taken by themselves, not the block with them.

    c = Σ [row is not served],      way = quick (c = 0) │ quick, and c rows again (c ≤ n/32) │ the general way (else)

Of 100,000 rows one nearly always is out of the ordinary, and the general way costs four times as much.
The place of the k-th of these rows is where the running count of them reaches k.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.blocks import by_blocks
from kljax._kernels.choose import known, way

SHARE = 32  # one in so many rows is few: the general way then costs an eighth more
LEAST = 256  # rows from which on this pays for its compilation, where all are taken at once


def few_apart(
    served: jax.Array, quick: Callable[..., Any], general: Callable[..., Any], carried: Any, *rows: jax.Array
) -> Any:
    """``quick(carried, *rows)``, and ``general`` of those rows [..., V] that are not ``served``, [..., 1].

    A leaf of ``carried`` or of a result whose leading axes are those of the rows goes with them.
    """
    lead = served.shape[:-1]
    least = LEAST if way(rows[0]).length is None else SHARE
    room = math.prod(lead) // SHARE if known(*lead) and math.prod(lead) >= least else 0
    if not room:
        return lax.cond(served.all(), quick, general, carried, *rows)

    def flat(x: jax.Array) -> jax.Array:
        return x.reshape(-1, *x.shape[len(lead) :])

    def mended(carried: Any, *rows: jax.Array) -> Any:
        nth = jnp.arange(1, room + 1, dtype=jnp.int32)
        places = jnp.searchsorted(jnp.cumsum(~served.reshape(-1), dtype=jnp.int32), nth)
        # Beyond the last of them a place is that of no row: taken for the last one, and put nowhere.
        places = jnp.where(nth <= count, places, served.size + nth)
        taken = jax.tree.map(
            lambda x: flat(x).at[places].get(mode="clip") if x.shape[: len(lead)] == lead else x, (carried, rows)
        )
        part = general(taken[0], *taken[1])
        whole = quick(carried, *rows)
        return jax.tree.map(
            lambda x, y: flat(x).at[places].set(y, mode="drop", unique_indices=True).reshape(x.shape), whole, part
        )

    count = (~served).sum(dtype=jnp.int32)
    taken = jnp.where(count > room, 2, jnp.where(count > 0, 1, 0))
    return lax.switch(taken, (quick, mended, general), carried, *rows)


def by_blocks_apart(
    served: jax.Array, quick: Callable[..., Any], general: Callable[..., Any], carried: Any, *rows: jax.Array
) -> Any:
    """``few_apart`` of a block of rows at a time; of what is differentiated only the operands are kept."""
    quick, general = jax.checkpoint(quick), jax.checkpoint(general)

    @jax.checkpoint
    def of_block(carried: Any, served: jax.Array, *rows: jax.Array) -> Any:
        return few_apart(served > 0.0, quick, general, carried, *rows)

    if way(rows[0]).length is None:
        return of_block(carried, served, *rows)

    def all_quick(carried: Any, served: jax.Array, *rows: jax.Array) -> Any:
        return by_blocks(quick, carried, *rows)

    def each_block(carried: Any, served: jax.Array, first: jax.Array, *rows: jax.Array) -> Any:
        return by_blocks(lambda c, x, here, *rest: of_block(c, here, x, *rest), carried, first, served, *rows)

    # A condition within the loop makes XLA copy the rows of each block.
    return lax.cond((served > 0.0).all(), all_quick, each_block, carried, served, *rows)
