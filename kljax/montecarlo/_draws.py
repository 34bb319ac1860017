"""From what the caller passed to the log-weights of p and q at each draw, or to an error that names the argument."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kljax import _checks
from kljax._checks import Axis
from kljax._special.safe import nan_where
from kljax._types import Rows

DrawsFrom = str | Rows
SOURCES = ("p", "q")


class Draws(NamedTuple):
    """Rows of draws from m, [..., n]. What is masked out, or has m = 0, has no weight."""

    log_p: jax.Array
    log_q: jax.Array
    weight_p: jax.Array  # log p/m; exactly 0 for draws from p
    weight_q: jax.Array
    present: jax.Array
    number: jax.Array  # how many count, [...]
    illegal: jax.Array  # whether a log-density that counts is NaN or +∞, [...]

    @property
    def log_ratio(self) -> jax.Array:
        """log p/q, 0 where either is missing."""
        inside = (self.weight_p > -jnp.inf) & (self.weight_q > -jnp.inf)
        return jnp.where(inside, self.weight_p, 0.0) - jnp.where(inside, self.weight_q, 0.0)

    def mean(self, terms: jax.Array) -> jax.Array:
        """The mean over the draws that count; 0 of none. Of terms that overflow both ways the positive ones decide."""
        terms = jnp.where(self.present, terms, 0.0)
        endless = (terms == jnp.inf).any(-1, keepdims=True)
        return jnp.where(endless & (terms == -jnp.inf), 0.0, terms).sum(-1) / jnp.maximum(self.number, 1.0)

    def checked(self, value: jax.Array) -> jax.Array:
        """The value, NaN where a log-density is no number."""
        return nan_where(self.illegal, value)


def source(draws_from: DrawsFrom, allowed: tuple[str, ...] = SOURCES) -> tuple[str, Rows | None]:
    """(the name of what the draws come from, the log-density of a proposal)"""
    if isinstance(draws_from, str):
        if draws_from not in allowed:
            listed = " or ".join(repr(one) for one in allowed)
            raise ValueError(
                f"draws_from must be {listed}, or the log-density at the draws of what they came from; "
                f"got {draws_from!r}."
            )
        return draws_from, None
    if draws_from is None:
        raise TypeError("draws_from must be a name, or a log-density at the draws; got None.")
    return "m", draws_from


def prepare(log_p: Rows, log_q: Rows | None, log_m: Rows | None, where: Any, came_from: str, axis: Axis) -> Draws:
    """The rows; ``log_q=None`` means that only p is looked at."""
    given = {"log_p": log_p, "log_q": log_q, "draws_from": log_m}
    floats = {name: _checks.floating(name, value) for name, value in given.items() if value is not None}
    arrays = dict(zip(floats, _checks.broadcast(**floats), strict=True))
    shape = arrays["log_p"].shape
    axes = _checks.axes(axis, len(shape))
    if 0 in (shape[one] for one in axes):
        raise ValueError(f"axis must have at least one draw; the log-densities have shape {shape}.")
    mask = _checks.mask(where, shape)
    present = jnp.ones(shape, bool) if mask is None else mask
    rows = {name: _checks.last(one, axes) for name, one in arrays.items()}
    present = _checks.last(present, axes)
    p = rows["log_p"]
    q = rows.get("log_q", p)
    m = {"p": p, "q": q}.get(came_from, rows.get("draws_from"))
    assert m is not None
    illegal = jnp.zeros(present.shape, bool)
    for one in rows.values():
        illegal |= jnp.isnan(one) | (one == jnp.inf)
    kept = present & (m > -jnp.inf) & ~illegal
    origin = jnp.where(kept, m, 0.0)
    weight_p, weight_q = (jnp.where(kept, jnp.where(kept, one, 0.0) - origin, -jnp.inf) for one in (p, q))
    return Draws(
        jnp.where(kept, p, 0.0),
        jnp.where(kept, q, 0.0),
        weight_p,
        weight_q,
        present,
        # Of a mask that is constant the compiler would take its time to find the sum.
        jnp.full(present.shape[:-1], present.shape[-1], p.dtype) if mask is None else present.sum(-1).astype(p.dtype),
        (illegal & present).any(-1),
    )
