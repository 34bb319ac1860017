"""A number known from draws, and how its error is found."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax import _formatting, _records
from kljax._special.elementwise import tiny


class Estimate(NamedTuple):
    """A number known from samples. Neither ``stderr`` nor ``ess`` carries a gradient.

    Attributes:
        value: The estimate, in nats.
        stderr: Its standard error, from the spread of the samples: 0 where the value is infinite, and ∞ where there
            are too few samples to tell.
        ess: The effective sample size, (Σw)²/Σw² of the importance weights that are averaged, p/m and q/m for draws
            from m; the smaller of the two where both are.
    """

    value: jax.Array
    stderr: jax.Array
    ess: jax.Array

    def __repr__(self) -> str:
        shown = _formatting.estimate(*self)
        return f"Estimate(value={self.value}, stderr={self.stderr}, ess={self.ess})" if shown is None else shown


_records.exported(Estimate)


def standard_error(deviations: jax.Array, value: jax.Array, count: jax.Array, fitted: int = 1) -> jax.Array:
    """The standard error of a mean, from what each draw adds to it; ``fitted`` numbers were taken from the draws."""
    d = lax.stop_gradient(jnp.where(jnp.isfinite(value)[..., None], deviations, 0.0))
    top = jnp.maximum(jnp.abs(d).max(-1), tiny(d))  # squares may overflow where the deviations do not
    spread = top * jnp.sqrt(jnp.square(d / top[..., None]).sum(-1))
    enough = count > fitted
    free = jnp.where(enough, (count - fitted) * count, 1.0)
    error = jnp.where(enough, spread / jnp.sqrt(free), jnp.inf)
    return lax.stop_gradient(jnp.where(jnp.isinf(value), 0.0, jnp.where(jnp.isnan(value), jnp.nan, error)))


def effective_sample_size(*log_weights: jax.Array) -> jax.Array:
    """(Σw)²/Σw² over the last axis, the least of those of several weights; 0 where all are zero."""
    sizes = []
    for one in log_weights:
        top = one.max(-1, keepdims=True)
        weight = jnp.exp(one - jnp.where(jnp.isfinite(top), top, 0.0))
        total = weight.sum(-1)
        sizes.append(total * (total / jnp.maximum(jnp.square(weight).sum(-1), tiny(weight))))
    least = sizes[0]
    for one in sizes[1:]:
        least = jnp.minimum(least, one)
    return lax.stop_gradient(least)
