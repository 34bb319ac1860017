"""Refinement of the panels: the worst are halved until the error estimates are small or the panels used up.

Every integrand is held as value · e^shift, and sums of panels as logarithms, so that a density that underflows at every
node still says where it is largest. Nothing here is differentiated: the result is a set of panels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax.quadrature._domain import Nodes, Panels

ROUNDS = 40
HALVED = 4


class Terms(NamedTuple):
    """Integrands at nodes, value · e^shift, both [integrands, batch..., nodes]."""

    value: jax.Array
    shift: jax.Array


class Sums(NamedTuple):
    """log of the sum of |values| of a panel and of its error, [integrands, batch..., panels]."""

    log_size: jax.Array
    log_error: jax.Array


class Scheme(NamedTuple):
    """What lays nodes into panels: the weights of two rules, [batch..., panels, nodes] or [nodes], and the halving."""

    place: Callable[[Panels], Nodes]
    weights: Callable[[Panels], tuple[jax.Array, jax.Array]]
    halve: Callable[[Panels], tuple[Panels, Panels]]
    divisible: Callable[[Panels], jax.Array]


Evaluate = Callable[[jax.Array, jax.Array], Terms]


def log(x: jax.Array) -> jax.Array:
    """log x, -∞ at 0, without a NaN in any derivative."""
    return jnp.where(x > 0.0, jnp.log(jnp.where(x > 0.0, x, 1.0)), -jnp.inf)


def log_sum(x: jax.Array) -> jax.Array:
    """log Σ eˣ over the last axis, which is kept."""
    top = x.max(-1, keepdims=True)
    safe = jnp.where(jnp.isfinite(top), top, 0.0)
    return jnp.where(jnp.isfinite(top), safe + log(jnp.exp(x - safe).sum(-1, keepdims=True)), top)


def measure(scheme: Scheme, evaluate: Evaluate, panels: Panels) -> Sums:
    """The sums of each panel."""
    nodes = scheme.place(panels)
    fine, coarse = scheme.weights(panels)
    shape = nodes.x.shape
    weight = nodes.log_jacobian + log(fine)
    terms = evaluate(nodes.x.reshape(*shape[:-2], -1), weight.reshape(*shape[:-2], -1))
    value = terms.value.reshape(-1, *shape)
    # An empty panel has weight e^-∞ and must not bring 0 · ∞.
    nothing = (value == 0.0) | (nodes.log_jacobian == -jnp.inf)
    exponent = jnp.where(nothing, -jnp.inf, terms.shift.reshape(-1, *shape) + nodes.log_jacobian)
    top = exponent.max(-1, keepdims=True)
    safe = jnp.where(jnp.isfinite(top), top, 0.0)
    half = jnp.where(jnp.isinf(value), 1.0, jnp.exp(0.5 * (exponent - safe)))
    scaled = value * half * half
    scaled = jnp.where(exponent == -jnp.inf, 0.0, scaled)
    size = (jnp.abs(scaled) * fine).sum(-1)
    error = jnp.abs((scaled * (fine - coarse)).sum(-1))
    error = jnp.where(jnp.isnan(error) | jnp.isinf(size), 0.0, error)
    return Sums(safe[..., 0] + log(size), safe[..., 0] + log(error))


def refine(scheme: Scheme, evaluate: Evaluate, panels: Panels, tolerances: jax.Array) -> tuple[Panels, Sums]:
    """The panels after up to ``ROUNDS`` rounds in each of which the ``HALVED`` worst are halved."""
    sums = measure(scheme, evaluate, panels)
    count, room = panels.left.shape[-1], ROUNDS * HALVED
    batch = panels.left.shape[:-1]
    log_tolerance = jnp.log(tolerances).reshape(-1, *([1] * panels.left.ndim))
    eps = float(jnp.finfo(panels.left.dtype).eps)

    def excess(sums: Sums) -> tuple[jax.Array, jax.Array]:
        total = log_sum(sums.log_size)
        total = jnp.where(jnp.isfinite(total), total, 0.0)
        # What lies in the rounding of the panel's own sum is not worth halving.
        error = jnp.where(sums.log_error < sums.log_size + jnp.log(16.0 * eps), -jnp.inf, sums.log_error)
        return (error - total - log_tolerance).max(0), (log_sum(error) - total - log_tolerance).max(0)[..., 0]

    def extend(x: jax.Array, filling: jax.Array) -> jax.Array:
        return jnp.concatenate([x, jnp.broadcast_to(filling, (*x.shape[:-1], room))], -1)

    def unfinished(state):
        step, _, sums = state
        return (step < ROUNDS) & (excess(sums)[1] > 0.0).any()

    def body(state):
        step, panels, sums = state
        priority = jnp.where(scheme.divisible(panels), excess(sums)[0], -jnp.inf)
        _, worst = lax.top_k(priority, HALVED)
        chosen = Panels(*(jnp.take_along_axis(part, worst, -1) for part in panels))
        left, right = scheme.halve(chosen)
        both = Panels(*(jnp.concatenate(pair, -1) for pair in zip(left, right, strict=True)))
        new = measure(scheme, evaluate, both)
        at = jnp.concatenate(
            [worst, jnp.broadcast_to(count + step * HALVED + jnp.arange(HALVED, dtype=worst.dtype), worst.shape)], -1
        )

        def put(into, what):
            index = jnp.broadcast_to(at, what.shape)
            return jnp.put_along_axis(into, index, what, -1, inplace=False)

        # A panel that cannot be halved gives itself and an empty one.
        return step + 1, Panels(*map(put, panels, both)), Sums(*map(put, sums, new))

    # The panels to come are empty until then, at a point where the densities may be evaluated.
    kind, left, right = (jnp.broadcast_to(part, (*batch, count)) for part in panels)
    empty = Panels(kind[..., :1], left[..., :1], left[..., :1])
    start = (
        jnp.zeros((), jnp.int32),
        Panels(*map(extend, (kind, left, right), empty)),
        Sums(*(extend(part, jnp.full_like(part[..., :1], -jnp.inf)) for part in sums)),
    )
    _, panels, sums = lax.while_loop(unfinished, body, start)
    return panels, sums
