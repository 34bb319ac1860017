"""Newton's method for a smooth function of a few numbers, safeguarded: the most of a log-likelihood.

Several numbers have no bracket, so this is not the search of `kljax._special.roots`: values of the function, not signs
of a slope, say whether a step was good.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

_STEPS, _HALVINGS, _LONGEST = 80, 14, 2.0


class _State(NamedTuple):
    at: jax.Array
    value: jax.Array
    curvature: jax.Array
    step: jax.Array
    flat: jax.Array
    done: jax.Array


def maximise(function: Callable[[jax.Array], jax.Array], start: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The place of the maximum uphill from ``start``, [k], and the second derivative there, [k, k].

    The function is to be in units where a step of one is long. A step is Newton's, with the sizes of the eigenvalues
    of the second derivative, so that it leads uphill everywhere. Of its halvings the best is taken; where none rises
    any more the function has no more digits, and the last two steps are Newton's own. A function that rises without
    end is left after 80 steps.
    """
    eps = float(jnp.finfo(start.dtype).eps)

    def slope(at: jax.Array) -> tuple[jax.Array, jax.Array]:
        value = jax.grad(function)(at)
        return value, value

    def advance(state: _State) -> _State:
        h, g = jax.jacfwd(slope, has_aux=True)(state.at)
        usable = jnp.isfinite(g).all() & jnp.isfinite(h).all()
        g, h = jnp.where(usable, g, 0.0), jnp.where(usable, h, jnp.eye(h.shape[0], dtype=h.dtype))
        sizes, ways = jnp.linalg.eigh(0.5 * (h + h.T))
        sizes = jnp.abs(sizes)
        step = ways @ ((ways.T @ g) / jnp.maximum(sizes, 1e-7 * sizes.max() + eps * eps))
        step = step * jnp.minimum(1.0, _LONGEST / jnp.maximum(jnp.abs(step).max(), eps))
        tries = state.at[None] + jnp.exp2(-jnp.arange(_HALVINGS, dtype=step.dtype))[:, None] * step[None]
        values = jax.vmap(function)(tries)
        values = jnp.where(jnp.isnan(values), -jnp.inf, values)
        best = values.argmax()
        rises = values[best] > state.value
        last = ~rises & (jnp.abs(step).max() < 0.05) & jnp.isfinite(values[0])
        at = jnp.where(rises, tries[best], jnp.where(last, tries[0], state.at))
        flat = state.flat + jnp.where(rises, 0, 1)
        done = (flat >= 2) | (jnp.abs(step).max() < 8.0 * eps)
        return _State(at, jnp.where(rises, values[best], state.value), h, state.step + 1, flat, done)

    zero = jnp.zeros((start.shape[0], start.shape[0]), start.dtype)
    first = _State(start, function(start), zero, jnp.int32(0), jnp.int32(0), jnp.bool_(False))
    found = lax.while_loop(lambda state: ~state.done & (state.step < _STEPS), advance, first)
    return found.at, found.curvature
