"""Maximum likelihood for a family of one variable: argmax Σ w_i log q(x_i), for many rows of weights at once.

In closed form where moment projection or the order statistics give it. Otherwise Newton's method on free numbers t (the
logarithms of positive parameters, the log-odds of probabilities), from the best of a few starts about the moments, on
-Σ w log q/Σ w. The Hessian's eigenvalues are taken by their size, so that a step never climbs, and no step is
longer than 1.5; of 1, ½, ¼, … times it the best is taken, and when none is better by more than rounding, it ends.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kljax import families
from kljax._special.elementwise import tiny
from kljax.families._internal import ROWS as PROJECTED
from kljax.families._internal import is_family
from kljax.variational import moment_projection

STEPS = 40
STARTS = 12
LONGEST = 1.5  # in units of the spread, or of a logarithm
SHORTER = (1.0, 0.5, 0.25, 0.1, 0.03, 0.01, 0.001)
# Parameters given by the caller that a family cannot do without, and that no likelihood is maximised over here.
FIXED = {"Binomial": "total_count", "TruncatedNormal": "low and high"}


def can_fit(family: Any) -> bool:
    """Whether ``maximum_likelihood`` has a way to fit it."""
    if not (isinstance(family, type) and is_family(family)):
        return False
    return family in PROJECTED or family in ORDERED or (family.__name__ not in FIXED and bool(_fields(family)))


def maximum_likelihood(family: type, x: jax.Array, weights: jax.Array) -> Any:
    """The record of ``family`` that fits x [n, ...] best, weighted by [n]; works under ``jit`` and ``vmap``."""
    if family in PROJECTED:
        return moment_projection(x, family, weights=weights)
    if family in ORDERED:
        return ORDERED[family](x, weights)
    return _newton(family, x, weights / weights.sum())


# --- order statistics --------------------------------------------------------------------------------------------


def _ends(x: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    used = weights > 0.0
    return jnp.where(used, x, jnp.inf).min(0), jnp.where(used, x, -jnp.inf).max(0)


def _laplace(x: jax.Array, weights: jax.Array) -> Any:
    order = jnp.argsort(x)
    below = jnp.cumsum(weights[order]) / weights.sum()
    median = x[order][jnp.argmax(below >= 0.5)]
    return families.Laplace(median, (weights * jnp.abs(x - median)).sum() / weights.sum())


def _pareto(x: jax.Array, weights: jax.Array) -> Any:
    low, _ = _ends(x, weights)
    safe = jnp.where(weights > 0.0, jnp.maximum(x, low), low)
    return families.Pareto(weights.sum() / (weights * jnp.log(safe / low)).sum(), low)


ORDERED: dict[type, Callable[[jax.Array, jax.Array], Any]] = {
    families.Laplace: _laplace,
    families.LogUniform: lambda x, weights: families.LogUniform(*_ends(x, weights)),
    families.Pareto: _pareto,
    families.Uniform: lambda x, weights: families.Uniform(*_ends(x, weights)),
}

# --- Newton's method ---------------------------------------------------------------------------------------------


def _fields(family: type) -> list[Any]:
    """The fields that are fitted; none where one of them is no number."""
    kept: list[Any] = []
    for field in dataclasses.fields(family):
        limits = field.metadata["parameter"]
        if limits.alternative and any(one.metadata["parameter"].alternative for one in kept):
            continue
        if limits.ndim or limits.nested or limits.tree or limits.static or limits.boolean or limits.complex:
            return []
        kept.append(field)
    return kept


def _bounded(limits: Any, t: jax.Array) -> jax.Array:
    if limits.high == 1.0:
        return jax.nn.sigmoid(t)
    return jnp.exp(t) if limits.low == 0.0 else t


def _start(name: str, mean: jax.Array, spread: jax.Array, middle: jax.Array) -> jax.Array:
    """A free number for a parameter of this name, from the moments."""
    size = jnp.maximum(jnp.abs(mean), tiny(mean))
    ratio = jnp.log(size / spread)
    starts: dict[str, Any] = {
        "loc": middle,
        "scale": jnp.log(spread),
        "rate": -jnp.log(size),
        "concentration": 2.0 * ratio,
        "total_count": 2.0 * jnp.log(size) - jnp.log(jnp.maximum(spread**2 - size, 0.1 * size)),
        "probs": jnp.zeros_like(mean),
        "df": jnp.full_like(mean, math.log(5.0)),
    }
    return starts.get(name, jnp.zeros_like(mean))


def _newton(family: type, x: jax.Array, share: jax.Array) -> Any:
    fields = _fields(family)
    used = share > 0.0
    mean = (share * x).sum()
    spread = jnp.maximum(jnp.sqrt((share * (x - mean) ** 2).sum()), tiny(mean))
    order = jnp.argsort(x)
    cumulative = jnp.cumsum(share[order])
    low, middle, high = (x[order][jnp.argmax(cumulative >= level)] for level in (0.25, 0.5, 0.75))
    # Heavy tails have no spread of their own: that of the inner half then serves.
    spread = jnp.where(high > low, jnp.minimum(spread, high - low), spread)
    inside = x[order][jnp.argmax(cumulative > 0.0)]
    safe = jnp.where(used, x, inside)  # what has no weight may lie outside the support

    centre = jnp.stack([_start(f.name, mean, spread, middle) for f in fields])
    width = jnp.stack([spread if f.metadata["parameter"].low != 0.0 else jnp.ones_like(mean) for f in fields])

    def build(t: jax.Array) -> Any:
        free = centre + width * t
        return family(**{f.name: _bounded(f.metadata["parameter"], free[i]) for i, f in enumerate(fields)})

    def loss(t: jax.Array) -> jax.Array:
        found = -(share * build(t).log_prob(safe)).sum()
        return jnp.where(jnp.isfinite(found), found, jnp.inf)

    apart = np.random.default_rng(0).normal(size=(STARTS, len(fields)))
    apart[0] = 0.0
    starts = jnp.asarray(apart, centre.dtype)
    losses = lax.map(loss, starts)
    slope, curvature = jax.grad(loss), jax.hessian(loss)

    def better(state: Any) -> Any:
        t, value, _, count = state
        values, vectors = jnp.linalg.eigh(curvature(t))
        size = jnp.maximum(jnp.abs(values), 1e-4 * jnp.maximum(jnp.abs(values).max(), tiny(value)))
        step = -vectors @ ((vectors.T @ slope(t)) / size)
        step = jnp.where(jnp.isfinite(step).all(), step, 0.0)
        step = step * jnp.minimum(1.0, LONGEST / jnp.maximum(jnp.linalg.norm(step), tiny(value)))
        tried = t[None] + jnp.asarray(SHORTER, t.dtype)[:, None] * step[None]
        found = lax.map(loss, tried)
        best = found.argmin()
        gain = value - found[best]
        worth = gain > 4.0 * float(jnp.finfo(t.dtype).eps) * (1.0 + jnp.abs(value))
        return jnp.where(gain > 0.0, tried[best], t), jnp.minimum(found[best], value), worth, count + 1

    first = starts[losses.argmin()], losses.min(), jnp.array(True), 0
    t, _, _, _ = lax.while_loop(lambda state: state[2] & (state[3] < STEPS), better, first)
    return build(t)


@functools.partial(jax.jit, static_argnums=0)
def fit_rows(family: type, x: jax.Array, weights: jax.Array) -> Any:
    """One fit to x [n, ...] for each row of weights [R, n]."""
    return jax.vmap(lambda row: maximum_likelihood(family, x, row))(weights)


@functools.partial(jax.jit, static_argnums=0)
def fit_each(family: type, samples: jax.Array) -> Any:
    """One fit to each sample, [R, n, ...]."""
    return jax.vmap(lambda x: maximum_likelihood(family, x, jnp.ones(x.shape[0], x.dtype)))(samples)


@jax.jit
def log_prob_of(records: Any, x: jax.Array) -> jax.Array:
    """Log-densities [R, n] of a batch of R records at x, the same for all [n, ...] or of each [R, n, ...]."""
    same = x.ndim == 1 + len(records.event_shape)
    return jax.vmap(lambda record, at: record.log_prob(at), in_axes=(0, None if same else 0))(records, x)
