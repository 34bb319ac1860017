"""Draws held by their logarithms, where the numbers themselves would underflow, overflow or round to an end.

A Gamma(0.01, 1) variable is below the smallest float32 in 4 draws of 10. Its logarithm is an ordinary number, and so
are the log-densities there of whatever has a power at that end. A family that needs it draws by ``_draw_logs`` and
answers ``_log_prob_of_logs``; any other one is asked at x, which is next to an end where it would be that end.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kljax._special.elementwise import expm1, tiny


class Logs(NamedTuple):
    """Positive numbers x and log x; of numbers below one log(1 - x) too."""

    x: jax.Array
    log: jax.Array
    rest: jax.Array | None = None

    def normal(self) -> jax.Array:
        """Whether x is what its logarithm says."""
        return (self.x >= tiny(self.x)) & (self.x < jnp.inf)


def of_log(log: jax.Array) -> Logs:
    """Positive numbers."""
    return Logs(jnp.exp(log), log)


def of_share(log: jax.Array, rest: jax.Array) -> Logs:
    """Numbers between 0 and 1 from log x and log(1 - x)."""
    low = log < rest
    return Logs(jnp.where(low, jnp.exp(log), -expm1(jnp.where(low, -1.0, rest))), log, rest)


def log_of(positive: jax.Array) -> jax.Array:
    """log x of a draw that may have come out as 0."""
    return jnp.log(jnp.maximum(positive, tiny(positive)))


def draw(record: Any, key: jax.Array, shape: tuple[int, ...]) -> Any:
    """Draws of a distribution, by their logarithms where it offers them."""
    return record._draw_logs(key, shape) if hasattr(record, "_draw_logs") else record.sample(key, shape)


def log_prob(record: Any, x: Any) -> jax.Array:
    """The log-density at such draws."""
    if hasattr(record, "_log_prob_of_logs"):
        found: jax.Array = record._log_prob_of_logs(x)
        return found
    value: jax.Array = record.log_prob(_inner(record, x.x if isinstance(x, Logs) else x))
    return value


def _inner(record: Any, x: Any) -> Any:
    """Numbers, those at an end of the support put beside it: a density may be infinite there."""
    space: Any = getattr(record, "support", None)
    if getattr(space, "kind", None) != "interval" or not isinstance(x, jax.Array):
        return x
    if isinstance(space.low, float) and space.low == 0.0:
        x = jnp.where(x == 0.0, tiny(x), x)
    if isinstance(space.high, float) and space.high == 1.0:
        x = jnp.where(x == 1.0, 1.0 - float(jnp.finfo(x.dtype).epsneg), x)
    return x


def as_logs(record: Any, x: Any) -> Logs:
    """Numbers as such: an end that was drawn is beside it."""
    if isinstance(x, Logs):
        return x
    x = _inner(record, x)
    return Logs(x, jnp.log(x), jnp.log1p(-x) if record.support.high == 1.0 else None)


def rest_of(x: Logs) -> jax.Array:
    """log(1 - x)"""
    return jnp.log(-expm1(x.log)) if x.rest is None else x.rest
