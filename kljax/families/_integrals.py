"""Integrals over one variable of distributions: where their mass lies and where they end, for quadrature.

records ─▶ hints: centres, widths, ends ─▶ quadrature of an integrand of their log-densities
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from kljax._prompt import prompt
from kljax.families._record import batch_shape, dtype_of, ends, filled, hints
from kljax.quadrature._internal import Densities, Entropy, Hints, Space, Totals, densities, integrate, plain


def totals(integrand: Any, records: Sequence[Any]) -> Totals:
    """The integrals of one or two distributions of numbers, of one batch."""
    records = [filled(one) for one in records]
    shape, dtype, kind = batch_shape(records[0]), dtype_of(records[0]), records[0].support.kind

    def spread(values: Sequence[Any]) -> jax.Array:
        return jnp.stack([jnp.broadcast_to(jnp.asarray(one, dtype), shape) for one in values], -1)

    centers, scales = map(spread, zip(*(one for record in records for one in hints(record)), strict=True))
    pairs = [
        tuple(float(end) if isinstance(end, (int, float)) else end for end in one)
        for record in records
        for one in ends(record)
    ]
    low, high = _hull([one for one, _ in pairs], min), _hull([one for _, one in pairs], max)
    # Where a density ends it may jump, and where it is centred it may bend: the panels are cut there.
    moving = [end for pair in pairs for end in pair if not isinstance(end, float)]
    points = [jnp.where(jnp.isfinite(end), end, centers[..., 0]) for end in moving]
    # At a known place inside, such as zero, it may be singular.
    sides = [(end, side) for pair in pairs for end, side in zip(pair, (1, -1), strict=True) if isinstance(end, float)]
    known = [end for end in (low, high) if isinstance(end, float)]
    inner = sorted({one for one in sides if math.isfinite(one[0]) and one[0] not in known})
    plain_line = kind == "interval"
    where = Hints(
        spread([low]),
        spread([high]),
        centers,
        scales,
        jnp.concatenate([spread(points), centers], -1) if points else centers,
        spread([one for one, _ in inner]) if inner and plain_line else None,
    )
    space = Space(kind, tuple(side for _, side in inner) if plain_line else ())
    jumps = spread(moving) if moving and plain_line else None
    return integrate(_of_records(records, where.low), integrand, jax.lax.stop_gradient(where), space, jumps)


def entropy(record: Any) -> jax.Array:
    """-∫ p log p, or the sum over integers, of a distribution of numbers."""
    return _entropy(record)


@prompt
def _entropy(record: Any) -> jax.Array:
    with jax.numpy_rank_promotion("allow"):
        return plain(totals(Entropy(), [record])).value


def _hull(places: list[Any], furthest: Callable[..., Any]) -> Any:
    """The lowest or the highest of all; a number where that is known."""
    known = [one for one in places if isinstance(one, float)]
    unknown = [one for one in places if not isinstance(one, float)]
    if not unknown or (known and math.isinf(furthest(known)) and furthest(known) == furthest(-math.inf, math.inf)):
        return furthest(known)
    pick = jnp.minimum if furthest is min else jnp.maximum
    return functools.reduce(pick, [*unknown, *known])


def _of_records(records: Sequence[Any], like: jax.Array) -> Densities:
    count = len(records)
    structure: Any = jax.tree.structure(records[0])
    shapes = [[(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(one)] for one in records]
    alike = all(jax.tree.structure(one) == structure for one in records) and all(one == shapes[0] for one in shapes)

    def point(x: jax.Array) -> jax.Array:
        if count == 1 or not alike:
            return jnp.stack([one.log_prob(at) for one, at in zip(records, x, strict=True)])
        # Two of one family are evaluated as one, by a program of half the size.
        both = jax.tree.map(lambda *leaves: jnp.stack(leaves), *records)
        logs: jax.Array = jax.vmap(lambda one, at: one.log_prob(at))(both, x)
        return logs

    return densities(point, count, count, like)
