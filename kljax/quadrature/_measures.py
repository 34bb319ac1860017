"""What the terms of an integrand add up to over panels: the integrals, and the bound of their error.

Beside what the two rules disagree by, the bound holds what some ulps in each log-density do to the integral, as an
error that all nodes share and as one that varies between them, and what the rounding of the nodes does: eps |x| times
the slope, taken from node to node.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kljax.quadrature._densities import Densities
from kljax.quadrature._mesh import Measures, Nodes
from kljax.quadrature._select import where


class Totals(NamedTuple):
    """Each integral as sum · e^shift, [mains, batch...], and the bound of its error relative to e^shift.

    ``ratio`` is the largest log p/q at a node where both are, [batch...]; 0 for a single density.
    """

    sum: jax.Array
    shift: jax.Array
    error: jax.Array
    ratio: jax.Array


def together(logs: jax.Array, log_weight: jax.Array) -> jax.Array:
    """The log-densities, -∞ in all where one is -∞ and the others' masses lie below the smallest number."""
    floor = math.log(float(jnp.finfo(log_weight.dtype).tiny))
    logs = where(log_weight > -jnp.inf, logs, -jnp.inf)  # a density may be infinite where an empty panel stands
    gone = logs == -jnp.inf
    void = gone.any(0) & (gone | (logs + log_weight < floor)).all(0)
    return where(void, -jnp.inf, logs)


def measure(densities: Densities, integrand: Any, nodes: Nodes) -> Measures:
    """The sums of each panel."""
    x, count = nodes.x[0], densities.logs
    points = x.reshape(*x.shape[:-2], -1)
    points = jnp.broadcast_to(points, (densities.functions, *points.shape))
    values = densities.evaluate(densities.constants, points).reshape(-1, *x.shape)
    logs, extras = jnp.split(values, [count])
    logs = together(logs, nodes.log_weight)
    terms = integrand.terms(logs, nodes.log_weight[0], extras)
    value = jnp.concatenate([jnp.ones_like(logs), terms.value])
    exponent = jnp.concatenate([logs + nodes.log_weight, terms.exponent])
    top = exponent.max(-1, keepdims=True)
    top = where(jnp.isfinite(top), top, 0.0)
    factor = jnp.exp(exponent - top)
    term = where(factor > 0.0, value * factor, 0.0)
    # A density that underflows beside the largest of its panel is there all the same: the integrand has its logarithm.
    log_main = where(factor[count:] > 0.0, jnp.log(jnp.abs(terms.value)) + terms.exponent, -jnp.inf)
    mass, log_term = jnp.abs(term), jnp.concatenate([exponent[:count], log_main])
    size, error = jnp.split(jnp.stack([mass, term * nodes.excess]).sum(-1), 2)
    error, main = jnp.abs(error), term[count:]
    error = where(jnp.isfinite(error) & jnp.isfinite(size), error, 0.0)
    slope = integrand.slopes(terms, logs, nodes.log_weight[0]) * factor[count:, None]
    finite = jnp.isfinite(logs) & jnp.isfinite(slope)
    slope = where(finite, slope, 0.0)
    large = where(finite, jnp.abs(logs), 0.0) + 1.0
    weight = jnp.abs(slope)
    shaken = _shaken(nodes.x, jnp.abs(main), log_term[count:] - nodes.log_weight)
    return Measures(
        jnp.concatenate([size, error, top[None, ..., 0]]),
        jnp.stack([main.sum(-1), shaken]),
        jnp.stack([slope, weight, weight * large, jnp.square(slope * large)]).sum(-1),
        jnp.moveaxis(log_term, -1, 1),
    )


def _shaken(x: jax.Array, mass: jax.Array, log_value: jax.Array) -> jax.Array:
    gap = jnp.abs(jnp.diff(x))
    sound = (gap > 0.0) & (mass[..., 1:] > 0.0) & (mass[..., :-1] > 0.0)
    steep = jnp.abs(jnp.diff(where(mass > 0.0, log_value, 0.0))) / where(sound, gap, jnp.inf)
    return jnp.square(mass[..., 1:] * steep * jnp.abs(x[..., 1:]) * float(jnp.finfo(x.dtype).eps)).sum(-1)


def totals(found: Measures, count: int) -> Totals:
    """The integrals over all panels; ``count`` of the integrands are the densities."""
    dtype = found.sizes.dtype
    double = dtype == jnp.float64
    # In float64 the 32 ulps of a log-gamma function are allowed for, in float32 no more than the rounding itself.
    eps = float(jnp.finfo(dtype).eps) * (32.0 if double else 2.0)
    size, error, top = found.sizes
    shift = where(size > 0.0, top, -jnp.inf).max(-1, keepdims=True)
    shift = where(jnp.isfinite(shift), shift, 0.0)
    unit = where(size > 0.0, jnp.exp(top - shift), 0.0)
    masses = (size[:count] * unit[:count] * jnp.exp(shift[:count])).sum(-1)
    missed = (jnp.abs(masses - 1.0) > (1e-4 if double else 1e-2)).any(0)
    unit = unit[count:]
    square = jnp.square(unit)
    total, shaken = found.sums
    total = where(jnp.isinf(total), total, _times(total, unit)).sum(-1)
    slope, weight, weighted, squares = _times(found.slopes, jnp.stack([unit, unit, unit, square])[:, :, None]).sum(-1)
    typical = weighted / jnp.maximum(weight, float(jnp.finfo(dtype).tiny))
    bound = _times((error + eps * size)[count:], unit).sum(-1) + 3.0 * jnp.sqrt(_times(shaken, square).sum(-1))
    bound += eps * (jnp.abs(slope) * typical + 3.0 * jnp.sqrt(squares)).sum(1)
    return Totals(total, shift[count:, ..., 0], where(missed, jnp.inf, bound), _ratio(found.log_terms, count))


def _ratio(log_terms: jax.Array, count: int) -> jax.Array:
    """The largest log p/q at a node, from [integrands, nodes, batch..., panels]."""
    first, second = log_terms[0], log_terms[count - 1]
    both = (first > -jnp.inf) & (second > -jnp.inf)
    first, second = where(both, first, 0.0), where(both, second, 0.0)
    # Of many nodes far out the rounding of two large logarithms would be chosen.
    doubt = 2.0 * float(jnp.finfo(first.dtype).eps) * (jnp.abs(first) + jnp.abs(second))
    ratio, score = first - second, where(both, first - second - doubt, -jnp.inf)
    return where(score == score.max((0, -1), keepdims=True), ratio, -jnp.inf).max((0, -1))


def _times(x: jax.Array, unit: jax.Array) -> jax.Array:
    """x · unit, and 0 for a unit of 0: where nothing is left of a density its logarithm may be large."""
    return where(unit > 0.0, x * unit, 0.0)
