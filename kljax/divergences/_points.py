"""Delta and Empirical beside any distribution: the probabilities of all points that matter, as two rows of logits."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax import logits
from kljax._special.elementwise import log_ratio
from kljax.divergences._forms.outcomes import Rows
from kljax.families import Bernoulli, Categorical, Delta, Empirical, OneHotCategorical
from kljax.families._internal import (
    aligned,
    along,
    batch_shape,
    dtype_of,
    filled,
    is_discrete,
    outcome_log_chances,
    row,
    runs,
)


def rows(p: Any, q: Any) -> Rows | None:
    """Rows of logits, if one of the two is made of points."""
    if not (is_made_of_points(p) or is_made_of_points(q)):
        return None
    p, q = aligned(p, q)
    of_p, of_q = _atoms(p), _atoms(q)
    if of_p is not None and of_q is not None:
        (x, a), (y, b) = of_p, of_q
        absent = [jnp.full_like(one, -jnp.inf) for one in (b, a)]
        both = jnp.concatenate([a, absent[0]], -1), jnp.concatenate([absent[1], b], -1)
        _, (first, second) = runs(jnp.concatenate([x, y], -2), *both)
        return Rows(logits, first, second)
    if of_p is not None:
        first, second = _beside(of_p, q)
        return Rows(logits, first, second)
    assert of_q is not None
    second, first = _beside(of_q, p)
    return Rows(logits, first, second)


def is_made_of_points(one: Any) -> bool:
    """Whether it is a record of ``Delta`` or ``Empirical``."""
    return isinstance(one, (Delta, Empirical))


def cross_entropy(p: Any, q: Any) -> jax.Array:
    """-Σ wⱼ log q(xⱼ), also where q is a density."""
    at = filled(p)
    if isinstance(p, Delta):
        return -q.log_prob(at.loc)
    weights = jnp.exp(at.log_weights()) if at.weights is None else at.weights
    logs = along(q).log_prob(at.points)
    return -jnp.where(weights > 0.0, weights * jnp.where(weights > 0.0, logs, 0.0), 0.0).sum(-1)


def _atoms(one: Any) -> tuple[jax.Array, jax.Array] | None:
    """Points [batch..., n, d] and log-probabilities [batch..., n] of a distribution that is a list of these."""
    one = filled(one)
    if isinstance(one, Delta):
        points = one.loc.reshape(*batch_shape(one), 1, -1)
        return points, jnp.zeros(points.shape[:-1], points.dtype)
    if isinstance(one, Empirical):
        rows = one.log_weights()
        return one.points.reshape(*rows.shape, -1), rows
    if isinstance(one, Bernoulli):
        kind, both = row(one)
        both = log_ratio(both, jnp.ones_like(both)) if kind == "probs" else both
        return _numbered(both), both
    if isinstance(one, Categorical):
        return _numbered(outcome_log_chances(one)), outcome_log_chances(one)
    if isinstance(one, OneHotCategorical):
        table = outcome_log_chances(one)
        return jnp.broadcast_to(jnp.eye(table.shape[-1], dtype=table.dtype), (*table.shape, table.shape[-1])), table
    return None


def _numbered(row: jax.Array) -> jax.Array:
    return jnp.broadcast_to(jnp.arange(row.shape[-1], dtype=row.dtype), row.shape)[..., None]


def _beside(known: tuple[jax.Array, jax.Array], other: Any) -> tuple[jax.Array, jax.Array]:
    """Rows over the different points, and over all the rest, which only the other distribution reaches."""
    points, (masses,) = runs(*known)
    void = jnp.full_like(masses[..., :1], -jnp.inf)
    if not is_discrete(other):
        # A density gives no mass to any of the points.
        nothing = jnp.full_like(masses, -jnp.inf)
        return jnp.concatenate([masses, void], -1), jnp.concatenate([nothing, jnp.zeros_like(void)], -1)
    seen = masses > -jnp.inf
    logs = along(other).log_prob(points.reshape(*points.shape[:-1], *other.event_shape))
    logs = jnp.where(seen, logs, -jnp.inf)
    covered = (logs > -jnp.inf).sum(-1, keepdims=True)
    rest = 1.0 - jnp.exp(logs).sum(-1, keepdims=True)
    # Whether there is a rest is not a question of rounding: none if each outcome is a point, or if one has it all.
    complete = (covered.astype(rest.dtype) == _outcomes(other)[..., None]) | (logs == 0.0).any(-1, keepdims=True)
    least = float(jnp.finfo(rest.dtype).tiny)
    log_rest = jnp.where(complete, -jnp.inf, jnp.log(jnp.where(complete, 1.0, jnp.maximum(rest, least))))
    return jnp.concatenate([masses, void], -1), jnp.concatenate([logs, log_rest], -1)


def _outcomes(one: Any) -> jax.Array:
    """How many there are, [batch...]; ∞ where that is unknown."""
    space, shape, dtype = filled(one).support, batch_shape(one), dtype_of(one)
    if space.kind != "integers":
        return jnp.full(shape, jnp.inf, dtype)
    count = jnp.asarray(space.high, dtype) - jnp.asarray(space.low, dtype) + 1.0
    count = jnp.broadcast_to(count, (*shape, *one.event_shape))
    return count.prod(tuple(range(-len(one.event_shape), 0)))
