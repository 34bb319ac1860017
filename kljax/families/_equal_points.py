"""Equal points brought together, so that each stands for all of its probability."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def runs(points: jax.Array, *log_weights: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
    """(points [..., n, d], log-probabilities [..., n] of each row of weights) with equal points merged.

    What is left over at the end repeats a point, with log-probability -∞.
    """
    shape = points.shape
    flat = jax.lax.stop_gradient(points.reshape(-1, *shape[-2:]))
    rows = jnp.stack([one.reshape(-1, shape[-2]) for one in log_weights], -2)
    merged, masses = jax.vmap(_runs)(flat, rows)
    found = [masses[:, at].reshape(shape[:-1]) for at in range(len(log_weights))]
    return merged.reshape(shape), found


def _runs(points: jax.Array, rows: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Of points [n, d] and rows [r, n]."""
    count = points.shape[0]
    order = jnp.lexsort(points.T)
    x, rows = points[order], rows[:, order]
    new = jnp.concatenate([jnp.ones(1, bool), (x[1:] != x[:-1]).any(-1)])
    run = jnp.cumsum(new) - 1
    first = jax.ops.segment_min(jnp.arange(count), run, count)
    top = jax.ops.segment_max(jax.lax.stop_gradient(rows).T, run, count)
    top = jnp.where(jnp.isfinite(top), top, 0.0)
    alive = rows > -jnp.inf
    masses = jnp.where(alive, jnp.exp(jnp.where(alive, rows - top[run].T, 0.0)), 0.0)
    total = jax.ops.segment_sum(masses.T, run, count)
    logs = jnp.where(total > 0.0, jnp.log(jnp.where(total > 0.0, total, 1.0)) + top, -jnp.inf)
    return x[jnp.clip(first, 0, count - 1)], logs.T
