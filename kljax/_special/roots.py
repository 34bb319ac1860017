"""The root of an increasing function of one number within a bracket, and its derivatives.

    h(x; θ) = 0,   h′ = ∂h/∂x > 0,        dx = -(∂h/∂θ) dθ/h′        (the implicit function theorem)

The search takes Newton's step x - h/h′ where that stays inside the bracket and is at most half as long as the step
before, and else the middle of the bracket: about six steps where h is smooth, at most twice as many as halving alone
takes where it is flat, jumps or is infinite. Entries of an array are searched side by side.

What else is wanted at the root, the function gives beside h and h′: then a last evaluation is at the root itself.

Another thing is the least number at which a predicate holds, which a step function has too: `least`, by its bits.

References:
    Press, Teukolsky, Vetterling and Flannery, "Numerical recipes", 9.4 (Newton's method kept within a bracket).
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import eval_jaxpr
from jax.custom_derivatives import SymbolicZero

Heights = Callable[[jax.Array], tuple[jax.Array, ...]]  # x ↦ (h, h′, and what else is wanted at the root)
_STEPS = 200


def with_slope(function: Callable[[jax.Array], jax.Array]) -> Heights:
    """x ↦ (h, h′) of a function whose entries each depend on their own entry of x."""
    return lambda x: jax.jvp(function, (x,), (jnp.ones_like(x),))


def middle(low: jax.Array, high: jax.Array) -> jax.Array:
    """½(low + high)"""
    return 0.5 * low + 0.5 * high


def geometric_middle(low: jax.Array, high: jax.Array) -> jax.Array:
    """√(low high) of numbers ≥ 0: 4 low below ∞ and ¼ high above 0."""
    inner = jnp.where(low > 0.0, jnp.sqrt(low) * jnp.sqrt(high), 0.25 * high)
    return jnp.where(jnp.isinf(high), 4.0 * low, inner)


class _State(NamedTuple):
    x: jax.Array
    low: jax.Array
    high: jax.Array
    length: jax.Array  # of the step before
    moving: jax.Array
    taken: jax.Array
    more: list[jax.Array]
    open: jax.Array  # whether ``more`` is still to be found


def search(
    heights: Heights,
    low: jax.Array,
    high: jax.Array,
    start: jax.Array,
    *,
    between: Callable[[jax.Array, jax.Array], jax.Array] = middle,
) -> jax.Array:
    """The x in (low, high) at which h = 0, by x ↦ (h, h′); without a derivative of its own."""
    return search_with_more(lambda x: heights(x)[:2], low, high, start, between=between)[0]


def search_with_more(
    heights: Heights,
    low: jax.Array,
    high: jax.Array,
    start: jax.Array,
    *,
    between: Callable[[jax.Array, jax.Array], jax.Array] = middle,
) -> tuple[jax.Array, list[jax.Array]]:
    """The same with what else the function gives there, arrays of the shape of x."""
    eps = float(jnp.finfo(start.dtype).eps)
    margin = _margin(low, high)
    first, last = low + margin, high - margin

    def step(state: _State) -> _State:
        x = state.x
        height, slope, *more = heights(x)
        low, high = lax.select(height < 0.0, x, state.low), lax.select(height > 0.0, x, state.high)
        rises = slope > 0.0
        newton = x - height / lax.select(rises, slope, jnp.ones_like(slope))
        reach = jnp.abs(newton - x)
        close = rises & (reach <= 2.0 * eps * jnp.abs(x))
        usable = rises & (newton > low) & (newton < high) & (reach <= 0.5 * state.length)
        after = lax.select(usable | close, jnp.clip(newton, low, high), between(low, high))
        after = lax.select(height == 0.0, x, after)
        length = jnp.abs(after - x)
        ended = close | (length <= eps * jnp.abs(x)) | (after < first) | (after > last) | ~jnp.isfinite(after)
        after = lax.select(state.moving, jnp.clip(after, first, last), x)
        return _State(after, low, high, length, state.moving & ~ended, state.taken + 1, more, state.moving)

    def unfinished(state: _State) -> jax.Array:
        rest = state.open if state.more else state.moving
        return rest.any() & (state.taken < _STEPS)

    endless, moving = jnp.full_like(start, jnp.inf), jnp.ones_like(start, bool)
    more = [jnp.zeros(one.shape, one.dtype) for one in jax.eval_shape(heights, start)[2:]]
    begin = _State(start, low, high, endless, moving, jnp.zeros((), jnp.int32), more, moving)
    found = lax.while_loop(unfinished, step, begin)
    return found.x, found.more


def _margin(low: jax.Array, high: jax.Array) -> jax.Array:
    """What counts as the end of a bracket."""
    return jnp.where(jnp.isinf(high), 0.0, float(jnp.finfo(high.dtype).eps) * (high - low))


def bracketed_root(heights: Heights, low: jax.Array, high: jax.Array) -> jax.Array:
    """The x in (low, high) at which h = 0, by x ↦ (h, h′), differentiable in all that the function closes over.

    A function of one sign has its root at an end, eps of the bracket inside, where it has no derivatives. Where h is 0
    in the middle it stays there.
    """
    return bracketed_root_with_more(heights, low, high)[0]


def bracketed_root_with_more(heights: Heights, low: jax.Array, high: jax.Array) -> tuple[jax.Array, list[jax.Array]]:
    """The same with what else the function gives there; that is without a derivative."""
    function, constants = _opened(heights, low)
    return _root(function, low, high, constants)


def _opened(heights: Heights, x: jax.Array) -> tuple[Callable[..., Any], list[Any]]:
    """(x, constants) ↦ (h, h′, …), and all the arrays that the function closes over: booleans too, unlike JAX's own."""
    closed = jax.make_jaxpr(heights)(x)
    return lambda x, *constants: tuple(eval_jaxpr(closed.jaxpr, constants, x)), list(closed.consts)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _root(
    function: Callable[..., Any], low: jax.Array, high: jax.Array, constants: list[Any]
) -> tuple[jax.Array, list[jax.Array]]:
    return search_with_more(lambda x: function(x, *constants), low, high, middle(low, high))


@functools.partial(_root.defjvp, symbolic_zeros=True)
def _root_jvp(function, primals, tangents):
    low, high, constants = primals
    steps = tangents[2]
    x, more = _root(function, low, high, constants)
    still = [jnp.zeros_like(one) for one in more]
    moved = [index for index, step in enumerate(steps) if not isinstance(step, SymbolicZero)]
    if not moved:
        return (x, more), (jnp.zeros_like(x), still)

    def at(*some: Any) -> Any:
        every = list(constants)
        for index, one in zip(moved, some, strict=True):
            every[index] = one
        return function(x, *every)[:2]

    (_, slope), (rise, _) = jax.jvp(at, [constants[index] for index in moved], [steps[index] for index in moved])
    margin = 2.0 * _margin(low, high)
    inside = (x > low + margin) & (x < high - margin) & (slope > 0.0)
    return (x, more), (jnp.where(inside, -rise / jnp.where(inside, slope, 1.0), 0.0), still)


def least(holds: Callable[[jax.Array], jax.Array], like: jax.Array) -> jax.Array:
    """The least number for which a predicate, false up to somewhere and true from there on, holds.

    The bits of floating-point numbers are ordered as the numbers are, so that halving their range ends, after as many
    steps as a number has bits.
    """
    bits = jnp.int64 if like.dtype == jnp.float64 else jnp.int32
    most = jnp.iinfo(bits).max

    def number(key: jax.Array) -> jax.Array:
        # Of negative numbers all bits but the sign are turned, so that the order of the keys is that of the numbers.
        return lax.bitcast_convert_type(jnp.where(key < 0, key ^ most, key), like.dtype)

    top = lax.bitcast_convert_type(jnp.full(like.shape, jnp.inf, like.dtype), bits)

    def halve(_: Any, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = ends
        key = (low & high) + ((low ^ high) >> 1)
        true = holds(number(key))
        return jnp.where(true, low, key), jnp.where(true, key, high)

    _, high = lax.fori_loop(0, jnp.iinfo(bits).bits, halve, (-top - 1, top))
    return number(high)
