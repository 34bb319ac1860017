"""The nodes held still, and the integral as a function of parameters over them: what is differentiated.

With nodes and weights constant, the derivative of the integral is the same sum over the derivative of the integrand, in
every mode and order. The ends of the support take the nodes between them along. Where a density ends inside, at e, the
integral gains what the integrand jumps by there, (F(e⁻) - F(e⁺)) de; taken half way between the end and where it
stands, that is right to second order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from kljax.quadrature._domain import pick
from kljax.quadrature._select import where


class Held(NamedTuple):
    """What is constant: nodes x, log weights, and factors that stand for tails, [mains, batch..., nodes].

    Attributes:
        sum: The integrals, [mains, batch...].
        shift: Each is sum · e^shift.
        x: The nodes, [batch..., nodes].
        log_weight: Their weights' logarithms.
        log_terms: log |term| of the densities and then of the integrands, [integrands, batch..., nodes].
        factor: What each term is multiplied by for what lies beyond it, [mains, batch..., nodes].
    """

    sum: jax.Array
    shift: jax.Array
    x: jax.Array
    log_weight: jax.Array
    log_terms: jax.Array
    factor: jax.Array


class Moving(NamedTuple):
    """What the integral is differentiated in.

    Attributes:
        constants: Those of the densities.
        integrand: A record.
        low: The end of the support, [batch..., 1].
        high: The other.
        jumps: Where a density ends inside, [batch..., k].
    """

    constants: list[jax.Array]
    integrand: Any
    low: jax.Array
    high: jax.Array
    jumps: jax.Array


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def integrals(summed: Callable[[Held, Moving], jax.Array], held: Held, moving: Moving) -> jax.Array:
    """The integrals that are held, with the derivatives of ``summed`` in what moves."""
    return held.sum


def _integrals_jvp(summed, primals, tangents):
    held, moving = primals
    leaves, structure = jax.tree.flatten(moving)
    slopes = jax.tree.leaves(tangents[1], is_leaf=lambda one: isinstance(one, SymbolicZero))
    chosen = [at for at, one in enumerate(slopes) if not isinstance(one, SymbolicZero)]

    def along(*parts):
        values = list(leaves)
        for at, one in zip(chosen, parts, strict=True):
            values[at] = one
        return summed(held, jax.tree.unflatten(structure, values))

    value = integrals(summed, held, moving)
    if not chosen:
        return value, jnp.zeros_like(value)
    return value, jax.jvp(along, [leaves[at] for at in chosen], [slopes[at] for at in chosen])[1]


integrals.defjvp(_integrals_jvp, symbolic_zeros=True)


class Summed(NamedTuple):
    """Σ weight · integrand over the nodes that matter, in units of e^shift, and the jumps times their motion."""

    evaluate: Callable[[list[jax.Array], jax.Array], jax.Array]
    functions: int
    logs: int
    whole: bool  # whether the nodes are integers, which do not move

    def __call__(self, held: Held, moving: Moving) -> jax.Array:
        """[mains, batch...]"""
        # A rule of differentiation is not under the context in which the function was called.
        with jax.numpy_rank_promotion("allow"):
            return self._summed(held, moving)

    def _summed(self, held: Held, moving: Moving) -> jax.Array:
        x0, log_weight, count = held.x, held.log_weight, self.logs
        # Nodes with mass count also where the integrand vanishes, as it does for equal densities: its second
        # derivative is as large as they are. Far nodes, where nothing is left, are taken out: derivatives there may
        # overflow.
        least = 3.0 * math.log(float(jnp.finfo(x0.dtype).eps))
        masses, sizes = held.log_terms[:count], held.log_terms[count:]
        total = jnp.log(jnp.abs(held.sum)) + held.shift
        total = where(jnp.isfinite(total), total, -jnp.inf)[..., None]
        used = (masses.max(0) > least) | (sizes > total + least).any(0)
        alive = used & (masses > -jnp.inf)
        moved, stretch = (x0, jnp.ones_like(x0)) if self.whole else _follow(x0, moving.low, moving.high)
        best = where(alive, masses, -jnp.inf).argmax(-1, keepdims=True)
        safe = pick(jnp.broadcast_to(x0, masses.shape), best)
        points = where(alive, moved, safe)
        absent = jnp.broadcast_to(where(used, -jnp.inf, jnp.zeros_like(x0)), alive.shape)
        inside = x0.shape[-1]
        if moving.jumps.shape[-1]:
            beside = jnp.broadcast_to(
                _beside(moving.jumps, safe[0]), (count, *x0.shape[:-1], 2 * moving.jumps.shape[-1])
            )
            points, absent = (jnp.concatenate([one, beside], -1) for one in (points, absent))
            alive, log_weight = (
                jnp.concatenate([one, jnp.full((*one.shape[:-1], beside.shape[-1]), filling, one.dtype)], -1)
                for one, filling in ((alive, True), (log_weight, 0.0))
            )
        more = jnp.broadcast_to(points[:1], (self.functions - count, *points.shape[1:]))
        values = self.evaluate(moving.constants, jnp.concatenate([points, more]))
        logs = where(alive, values[:count], absent)
        value, exponent = moving.integrand.terms(logs, log_weight, values[count:])
        finite = jnp.isfinite(value)
        # What is infinite has the slope zero, as an outcome that costs infinitely much has.
        bounded = jnp.isfinite(held.sum)
        kept = finite & (log_weight > -jnp.inf) & bounded[..., None]
        kept = kept.at[..., :inside].set(kept[..., :inside] & used)
        scaled = where(kept, exponent - held.shift[..., None], 0.0)
        small = where(kept, value, 0.0)
        # In two steps, for a large value may stand beside a factor that underflows.
        half = jnp.exp(0.5 * where(small == 0.0, jnp.minimum(scaled, 0.0), scaled))
        term = small * half * half
        inner = term[..., :inside] * stretch * held.factor
        found = where(finite[..., :inside] | ~used, inner, value[..., :inside]).sum(-1)
        if moving.jumps.shape[-1]:
            found += _jumped(moving.jumps, term[..., inside:], kept[..., inside:])
        return where(bounded, found, 0.0)


def _beside(jumps: jax.Array, safe: jax.Array) -> jax.Array:
    """Points to the left and to the right of each jump, half way to where it moves; elsewhere if it is at infinity."""
    still = lax.stop_gradient(jumps)
    real = jnp.isfinite(still)
    place = where(real, still, 0.0) + 0.5 * where(real, jumps - still, 0.0)
    limits = jnp.finfo(jumps.dtype)
    away = lax.stop_gradient(jnp.maximum(4.0 * float(limits.eps) * jnp.abs(place), 4.0 * float(limits.tiny)))
    return jnp.concatenate([where(real, place + one, safe) for one in (-away, away)], -1)


def _jumped(jumps: jax.Array, terms: jax.Array, kept: jax.Array) -> jax.Array:
    """(F(e⁻) - F(e⁺)) de, in value zero; ends at one place share it, and what jumps to infinity is left out."""
    still = lax.stop_gradient(jumps)
    real, count = jnp.isfinite(still), jumps.shape[-1]
    motion = where(real, jumps - still, 0.0) / (still[..., :, None] == still[..., None, :]).sum(-1).astype(jumps.dtype)
    sound = kept[..., :count] & kept[..., count:]
    rise = where(sound, terms[..., :count] - terms[..., count:], 0.0)
    return (rise * motion).sum(-1)


def _follow(x0: jax.Array, low: jax.Array, high: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(x, dx/dx₀): the nodes, which the ends of an interval take with them when they move; in value x₀ and 1."""
    below, above = jnp.isfinite(low), jnp.isfinite(high)
    low, high = where(below, low, 0.0), where(above, high, 0.0)
    low0, high0 = lax.stop_gradient((low, high))
    width = where(below & above, high0 - low0, 1.0)
    share = where(below & above, (x0 - low0) / width, above.astype(x0.dtype))
    x = x0 + (1.0 - share) * (low - low0) + share * (high - high0)
    return x, 1.0 + where(below & above, (high - high0) - (low - low0), 0.0) / width
