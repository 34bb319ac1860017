"""Values that are not numbers only where something is wrong, and slopes that stay finite: for the debuggers of JAX."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def nan_where(wrong: jax.Array, x: jax.Array) -> jax.Array:
    """x, NaN where ``wrong``: of ∞ - ∞ there, so that no NaN is formed, not even as a constant, of legal input."""
    return jnp.where(wrong, jnp.inf, x) - jnp.where(wrong, jnp.inf, jnp.zeros_like(x))


def finite_or_nan(x: jax.Array) -> jax.Array:
    """x, NaN where it is infinite, likewise."""
    return x + (x - x)


def exp_within(t: jax.Array) -> jax.Array:
    """eᵗ as a slope: what overflows saturates, so that times a zero tangent it is zero."""
    return jnp.exp(jnp.minimum(t, 88.7 if t.dtype == jnp.float32 else 709.7))


def saturated(x: jax.Array, top: float | None = None) -> jax.Array:
    """x within ±top, by default the largest number, so that times a zero tangent it is zero.

    Its derivative is chosen, not multiplied by 0 or 1: beyond, it is 0 also where that of x is ∞.
    """
    top = float(jnp.finfo(x.dtype).max) if top is None else top
    return jnp.where(x > top, top, jnp.where(x < -top, -top, x))


@jax.custom_jvp
def largest(x: jax.Array) -> jax.Array:
    """The maximum over the last axis; ties share its derivative.

    JAX's own rule looks for the entries that equal the maximum. Where the compiler makes the entries twice, for the
    maximum and for the comparison, and rounds them differently, it finds none and divides by zero. And XLA's maximum of
    many numbers on a CPU passes over a NaN.
    """
    return nan_where(jnp.isnan(x).any(-1), x.max(-1))


@largest.defjvp
def _largest_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    top = jnp.argmax(x, -1, keepdims=True)
    numbers = jax.lax.broadcasted_iota(top.dtype, x.shape, x.ndim - 1)
    at_top = (numbers == top) | (x == x.max(-1, keepdims=True))
    return largest(x), jnp.where(at_top, dx / at_top.sum(-1, keepdims=True).astype(x.dtype), 0.0).sum(-1)
