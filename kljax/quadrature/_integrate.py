"""From log-densities and an integrand to the integral, its error bound and its derivatives.

hints ─▶ panels ─refine─▶ nodes and weights, held constant ─▶ Σ weight · integrand. The derivative of the integral is
thus the same sum over the derivative of the integrand, in every mode and order. Only the ends of the support and the
caller's breakpoints carry nodes with them when they move.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax.quadrature import _domain, _integers, _line, _mesh
from kljax.quadrature._domain import HIGH_END, LOW_END, Hints
from kljax.quadrature._mesh import Terms, log, log_sum

LogDensity = Callable[[jax.Array], Any]
# (log-densities at the nodes, x, log weights) ─▶ (value, shift) of each integrand, value · e^shift
Integrand = Callable[[list[jax.Array], jax.Array, jax.Array], list[tuple[jax.Array, jax.Array]]]


class Totals(NamedTuple):
    """Each integral as sum · e^shift, [integrands, batch...], and the bound of its error relative to e^shift."""

    sum: jax.Array
    shift: jax.Array
    error: jax.Array


class Nodes(NamedTuple):
    """Where to evaluate: x [batch..., nodes], log weights [integrands, batch..., nodes], what the rules disagree by."""

    x: jax.Array
    log_weight: jax.Array
    log_error: jax.Array  # [integrands, batch...]
    limit: jax.Array  # what a divergent integral tends to, else zero, [integrands, batch...]


def _terms(integrand: Integrand, logs: list[jax.Array], x: jax.Array, log_weight: jax.Array) -> Terms:
    pairs = integrand(logs, x, log_weight)
    return Terms(jnp.stack([value for value, _ in pairs]), jnp.stack([shift for _, shift in pairs]))


def _with_masses(integrand: Integrand) -> Integrand:
    """The integrand after the densities themselves, whose integrals show whether the nodes have found them."""

    def both(logs, x, log_weight):
        return [(jnp.ones_like(one), one) for one in logs] + integrand(logs, x, log_weight)

    return both


def nodes(densities: Sequence[LogDensity], integrand: Integrand, hints: Hints) -> Nodes:
    """The nodes and weights that integrate all integrands."""
    dtype = hints.low.dtype
    double = dtype == jnp.float64
    integrand = _with_masses(integrand)

    def evaluate(x, log_weight):
        logs = [lax.stop_gradient(one(x)) for one in densities]
        return _terms(integrand, together(logs, log_weight), x, log_weight)

    scheme, panels, ends = _begin(hints)
    masses = len(densities)
    probe = jax.eval_shape(evaluate, *[jax.ShapeDtypeStruct((*hints.low.shape[:-1], 1), dtype)] * 2)
    mains = probe.value.shape[0] - masses
    tolerances = [1e-6 if double else 1e-4] * masses + [2e-12 if double else 2e-7] * mains
    panels, sums = _mesh.refine(scheme, evaluate, panels, jnp.asarray(tolerances, dtype))
    placed = scheme.place(panels)
    fine, _ = scheme.weights(panels)
    log_weight = placed.log_jacobian + log(fine)
    x, log_weight = (part.reshape(*part.shape[:-2], -1) for part in (placed.x, log_weight))
    log_error, log_size = log_sum(sums.log_error)[..., 0], log_sum(sums.log_size)[..., 0]
    missed = jnp.abs(jnp.expm1(log_size[:masses])).max(0) > (1e-4 if double else 1e-2)
    tails = [_tail(evaluate, extent, place) for extent, place in ends]
    x = jnp.concatenate([x, *(tail.x for tail in tails)], -1)
    shape = (len(tolerances), *x.shape[:-1])
    log_weight = jnp.concatenate(
        [jnp.broadcast_to(log_weight, (*shape, log_weight.shape[-1])), *(tail.log_weight for tail in tails)], -1
    )
    log_error = log_sum(jnp.stack([log_error, *(tail.log_error for tail in tails)], -1))[..., 0]
    log_error = jnp.where(missed, jnp.inf, log_error)
    limit = tails[0].limit + tails[1].limit
    return lax.stop_gradient(Nodes(x, log_weight[masses:], log_error[masses:], limit[masses:]))


# The extent of an end in y, and (x, log |dx/dy|) of a y.
_End = tuple[jax.Array, Callable[[jax.Array], tuple[jax.Array, jax.Array]]]


def _begin(hints: Hints) -> tuple[_mesh.Scheme, _domain.Panels, list[_End]]:
    if hints.kind == "integers":
        low, high = _integers.extents(hints)
        scheme, panels = _integers.scheme(hints), _integers.start(hints)
        places = [functools.partial(_integers.beyond, hints, kind) for kind in (LOW_END, HIGH_END)]
        return scheme, panels, [(low, places[0]), (high, places[1])]
    frame, panels = _domain.start(hints)
    places = [functools.partial(_domain.end_point, frame, kind) for kind in (LOW_END, HIGH_END)]
    return _line.scheme(frame), panels, [(frame.low_extent, places[0]), (frame.high_extent, places[1])]


def _tail(evaluate: _mesh.Evaluate, extent: jax.Array, place: Any) -> Nodes:
    """What lies beyond the last node of an end panel: one node whose weight extrapolates the integrand's decay."""
    # With g(y) the integrand times dx/dy and λ = -d log g/dy, ∫ g beyond Y is g(Y)/λ, up to λ'/λ² relatively; where g
    # does not decay, the integral diverges.
    step = jnp.where(extent > 0.0, extent / 8.0, 1.0)
    y = extent - step * jnp.asarray([0.0, 1.0, 2.0], extent.dtype)
    x, log_slope = place(y)
    terms = evaluate(x, log_slope)
    log_g = log(jnp.abs(terms.value)) + jnp.where(terms.value == 0.0, 0.0, terms.shift) + log_slope
    rate, rate_before = (
        jnp.where(log_g[..., at + 1] == -jnp.inf, jnp.inf, log_g[..., at + 1] - log_g[..., at]) / step[..., 0]
        for at in (0, 1)
    )
    there = (extent[..., 0] > 0.0) & (log_g[..., 0] > -jnp.inf)
    slow = there & ~(rate * extent[..., 0] > 0.5)
    fading = there & ~slow & jnp.isfinite(rate) & jnp.isfinite(rate_before)
    safe = jnp.where(fading, rate, 1.0)
    bend = jnp.abs(safe - jnp.where(fading, rate_before, 1.0)) / step[..., 0]
    uncertain = jnp.minimum(2.0 * bend / (safe * safe) + 0.02, 1.0)
    log_rest = log_g[..., 0] - jnp.log(safe)
    log_weight = jnp.where(fading, log_slope[..., 0] - jnp.log(safe), -jnp.inf)
    log_error = jnp.where(fading, log_rest + jnp.log(uncertain), -jnp.inf)
    limit = jnp.where(slow, jnp.where(terms.value[..., 0] < 0.0, -jnp.inf, jnp.inf), 0.0)
    return Nodes(x[..., :1], log_weight[..., None], log_error, limit)


def together(logs: list[jax.Array], log_weight: jax.Array) -> list[jax.Array]:
    """The log-densities, -∞ in all where one is -∞ and the others' masses lie below the smallest number."""
    floor = math.log(float(jnp.finfo(log_weight.dtype).tiny))
    small = [(one == -jnp.inf) | (one + log_weight < floor) for one in logs]
    gone = [one == -jnp.inf for one in logs]
    void = jnp.stack(small).all(0) & jnp.stack(gone).any(0)
    return [jnp.where(void, -jnp.inf, one) for one in logs]


def integrate(densities: Sequence[LogDensity], integrand: Integrand, hints: Hints) -> Totals:
    """The integrals, differentiable in what the densities and the integrand close over."""
    # Batches of hints and of densities broadcast, as in NumPy.
    with jax.numpy_rank_promotion("allow"):
        return _integrate(densities, integrand, hints)


def _integrate(densities: Sequence[LogDensity], integrand: Integrand, hints: Hints) -> Totals:
    # The loop that places the nodes must see no tangent: JAX 0.10.0 fails on its second derivative under jit.
    still = jax.tree.map(lax.stop_gradient, hints._replace(kind=None))
    place, held = jax.closure_convert(lambda h: nodes(densities, integrand, h._replace(kind=hints.kind)), still)
    fixed = place(still, *map(lax.stop_gradient, held))
    moved, stretch = _follow(fixed.x, hints)
    x0, eps = fixed.x, float(jnp.finfo(fixed.x.dtype).eps)
    log_weight = fixed.log_weight
    first = log_weight[0]
    logs0 = together([lax.stop_gradient(one(x0)) for one in densities], first)
    terms0 = lax.stop_gradient(_terms(integrand, logs0, x0, first))
    # Nodes with mass count also where the integrand vanishes, as it does for equal densities: its second derivative is
    # as large as they are. Far nodes, where nothing is left, are taken out: derivatives there may overflow.
    least = 3.0 * math.log(eps)
    massive = jnp.stack([one + log_weight for one in logs0]).max(0) > least
    void = (log_weight == -jnp.inf) | ((terms0.value == 0.0) & ~massive)
    exponent = jnp.where(void, -jnp.inf, terms0.shift + log_weight)
    shift = exponent.max(-1, keepdims=True)
    shift = jnp.where(jnp.isfinite(shift), shift, 0.0)
    sizes = jnp.where(exponent == -jnp.inf, -jnp.inf, log(jnp.abs(terms0.value)) + exponent)
    total = log_sum(sizes)
    matter = massive | (sizes > jnp.where(total == jnp.inf, -jnp.inf, total) + least)
    used = matter.any(0)
    logs = []
    for one, log0 in zip(densities, logs0, strict=True):
        alive = used & (log0 > -jnp.inf)
        best = jnp.where(alive, log0, -jnp.inf).argmax(-1, keepdims=True)
        x = jnp.where(alive, moved, jnp.take_along_axis(x0, best, -1))
        value = one(x)
        logs.append(jnp.where(alive, value, jnp.where(used & (log0 == -jnp.inf), -jnp.inf, 0.0)))
    best = jnp.where(used, sizes.max(0), -jnp.inf).argmax(-1, keepdims=True)
    terms = _terms(integrand, logs, jnp.where(used, moved, jnp.take_along_axis(x0, best, -1)), first)
    value = jnp.where(used & (log_weight > -jnp.inf), terms.value, 0.0)
    scale = jnp.where(used & (log_weight > -jnp.inf), terms.shift + log_weight - shift, 0.0)
    # In two steps, for a large value may stand beside a factor that underflows.
    half = jnp.exp(0.5 * jnp.where(value == 0.0, jnp.minimum(scale, 0.0), scale))
    weighted = jnp.where(jnp.isinf(value), value, value * half * half * stretch)
    result = weighted.sum(-1)
    result = jnp.where(fixed.limit == 0.0, result, fixed.limit)
    rounding = lax.stop_gradient(_rounding(integrand, logs0, x0, log_weight, shift, used))
    error = jnp.exp(fixed.log_error - shift[..., 0]) + rounding
    return Totals(result, shift[..., 0], jnp.where(jnp.isinf(result), 0.0, error))


def _follow(x0: jax.Array, hints: Hints) -> tuple[jax.Array, jax.Array]:
    """(x, dx/dx₀): the nodes, which the ends of an interval take with them when they move; in value x₀ and 1."""
    if hints.kind == "integers":
        return x0, jnp.ones_like(x0)
    below, above = jnp.isfinite(hints.low), jnp.isfinite(hints.high)
    low, high = jnp.where(below, hints.low, 0.0), jnp.where(above, hints.high, 0.0)
    low0, high0 = lax.stop_gradient((low, high))
    width = jnp.where(below & above, high0 - low0, 1.0)
    share = jnp.where(below & above, (x0 - low0) / width, jnp.where(above, 1.0, 0.0))
    x = x0 + (1.0 - share) * (low - low0) + share * (high - high0)
    return x, 1.0 + jnp.where(below & above, (high - high0) - (low - low0), 0.0) / width


def _rounding(
    integrand: Integrand,
    logs: list[jax.Array],
    x: jax.Array,
    log_weight: jax.Array,
    shift: jax.Array,
    used: jax.Array,
) -> jax.Array:
    """What some ulps in each log-density do to the integral: a common error, and one that varies between nodes."""
    # In float64 the 32 ulps of a log-gamma function are allowed for, in float32 no more than the rounding itself.
    eps = float(jnp.finfo(x.dtype).eps) * (2.0 if x.dtype == jnp.float32 else 32.0)
    first = log_weight[0]

    def values(*logs):
        terms = _terms(integrand, list(logs), x, first)
        return terms.value, terms.shift

    def scaled(value, exponent):
        alive = used & (value != 0.0) & (log_weight > -jnp.inf)
        half = jnp.exp(0.5 * jnp.where(alive, exponent + log_weight - shift, 0.0))
        return jnp.where(alive, value, 0.0) * half * half

    value, exponent = values(*logs)
    mass = jnp.abs(scaled(value, exponent))
    total = eps * mass.sum(-1)
    # The nodes are rounded too: eps |x| times the slope, taken from node to node.
    log_value = log(jnp.abs(value)) + exponent
    gap = jnp.abs(jnp.diff(x))
    steep = jnp.abs(jnp.diff(jnp.where(mass > 0.0, log_value, 0.0))) / jnp.where(gap > 0.0, gap, jnp.inf)
    steep = jnp.where((mass[..., 1:] > 0.0) & (mass[..., :-1] > 0.0), steep, 0.0)
    shaken = mass[..., 1:] * steep * jnp.abs(x[..., 1:]) * float(jnp.finfo(x.dtype).eps)
    total += 3.0 * jnp.sqrt(jnp.square(shaken).sum(-1))
    for at, one in enumerate(logs):
        finite = jnp.isfinite(one)
        safe = [jnp.where(finite, other, 0.0) if j == at else other for j, other in enumerate(logs)]
        tangents = [jnp.where(finite & (j == at), 1.0, 0.0).astype(x.dtype) for j in range(len(logs))]
        _, (d_value, d_shift) = jax.jvp(values, tuple(logs), tuple(tangents))
        slope = scaled(jnp.where(finite, d_value + value * d_shift, 0.0), exponent)
        size = jnp.where(finite, jnp.abs(safe[at]), 0.0) + 1.0
        weight = jnp.abs(slope)
        typical = (weight * size).sum(-1) / jnp.maximum(weight.sum(-1), float(jnp.finfo(x.dtype).tiny))
        total += eps * (jnp.abs(slope.sum(-1)) * typical + 3.0 * jnp.sqrt(jnp.square(slope * size).sum(-1)))
    return total
