"""Divided differences of exp and log: what a difference quotient tends to, with relative accuracy at any spacing."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kljax._special import elementwise


def _expm1_over(t: jax.Array) -> jax.Array:
    """(eᵗ - 1)/t."""
    return jnp.where(t == 0.0, 1.0, elementwise.expm1(t) / jnp.where(t == 0.0, 1.0, t))


def _series(nodes: list[jax.Array]) -> jax.Array:
    """exp[nodes] for ascending nodes at most 2 apart: e^{x₀} Σ hₖ(x - x₀)/(k + n)!, every term ≥ 0.

    hₖ is the complete homogeneous symmetric polynomial, built up one node at a time.
    """
    low, order = nodes[0], len(nodes) - 1
    steps = [node - low for node in nodes[1:]]
    homogeneous = [jnp.ones_like(low) for _ in steps]  # hₖ of the first j + 1 steps
    terms = [jnp.ones_like(low)]
    for _ in range(27 if low.dtype == jnp.float64 else 16):
        below = jnp.zeros_like(low)
        for j, step in enumerate(steps):
            below = homogeneous[j] = below + step * homogeneous[j]
        terms.append(below)
    total = jnp.zeros_like(low)
    for k, term in reversed(list(enumerate(terms))):  # the small terms first
        total = total + term * (1.0 / math.factorial(k + order))
    return jnp.exp(low) * total


def _ascending(nodes: list[jax.Array]) -> jax.Array:
    if len(nodes) == 1:
        return jnp.exp(nodes[0])
    low, high = nodes[0], nodes[-1]
    spread = high - low
    if len(nodes) == 2:
        return jnp.exp(high) * _expm1_over(-spread)
    # From a spread of 2 on, the recursion's difference loses at most a factor of two or three.
    near = spread <= 2.0
    gathered = [jnp.where(near, node, 0.0) for node in nodes]
    recursion = (_ascending(nodes[1:]) - _ascending(nodes[:-1])) / jnp.where(near, 1.0, spread)
    return jnp.where(near, _series(gathered), recursion)


@jax.custom_jvp
def exp_divided(nodes: list[jax.Array]) -> jax.Array:
    """exp[x₀, …, xₙ] > 0, the divided difference of exp over nodes of one shape, in any order."""
    ordered = jnp.sort(jnp.stack(nodes), 0)
    return _ascending([ordered[i] for i in range(len(nodes))])


@exp_divided.defjvp
def _exp_divided_jvp(primals, tangents):
    # ∂f[x₀, …, xₙ]/∂xᵢ = f[x₀, …, xₙ, xᵢ].
    (nodes,), (steps,) = primals, tangents
    slopes = [exp_divided([*nodes, node]) * step for node, step in zip(nodes, steps, strict=True)]
    return exp_divided(nodes), sum(slopes[1:], slopes[0])


# --- logarithm --------------------------------------------------------------------------------------------


def log_divided(a: jax.Array, b: jax.Array) -> jax.Array:
    """log[a, b] = log(a/b)/(a - b) > 0 for a, b > 0; 1/a where they meet."""
    d = a - b
    total = 0.5 * a + 0.5 * b
    near = jnp.abs(d) <= total
    s = jnp.where(near, 0.5 * d / total, 0.0)
    far = elementwise.log_ratio(a, b) / jnp.where(near, 1.0, d)
    return jnp.where(near, (1.0 + s * s * elementwise.atanh_tail(s * s)) / total, far)


def kl_divided(a: jax.Array, b: jax.Array) -> jax.Array:
    """K(a, b)/(a - b)² ≥ 0 for a ≥ 0 and b > 0, with K(a, b) = a log(a/b) - a + b; 1/(2a) where they meet."""
    d = a - b
    total = 0.5 * a + 0.5 * b
    near = jnp.abs(d) <= total
    s = jnp.where(near, 0.5 * d / total, 0.0)
    safe = jnp.where(near, 1.0, d)
    series = 0.5 * (1.0 + s * (1.0 + s) * elementwise.atanh_tail(s * s)) / total
    return jnp.where(near, series, elementwise.kl_term(a, b) / safe / safe)


def log_divided_twice(a: jax.Array, b: jax.Array, c: jax.Array) -> jax.Array:
    """log[a, b, c] < 0 for a, b, c > 0; -1/(2a²) where they meet.

    With the largest as unit and t ≥ u ≥ 0 the other two's distances below it, log(1 - t) has a power series whose
    divided differences have terms of one sign; beyond t = ½ the recursion is well conditioned.
    """
    low, middle, high = (jnp.sort(jnp.stack([a, b, c]), 0)[i] for i in range(3))
    t, u = (high - low) / high, (high - middle) / high
    near = t <= 0.5
    v, w = jnp.where(near, t, 0.0), jnp.where(near, u, 0.0)
    # -log(1 - t) = Σ tᵏ/k, and the divided difference of tᵏ over (0, u, t) is h_{k-2}(u, t).
    homogeneous, power = jnp.ones_like(v), jnp.ones_like(v)
    terms = [homogeneous]
    for _ in range(56 if v.dtype == jnp.float64 else 26):
        power = power * w
        homogeneous = power + v * homogeneous
        terms.append(homogeneous)
    series = jnp.zeros_like(v)
    for k, term in reversed(list(enumerate(terms))):
        series = series + term * (1.0 / (k + 2))
    recursion = (log_divided(low, middle) - log_divided(middle, high)) / jnp.where(near, 1.0, high - low)
    return -jnp.where(near, series / high / high, recursion)
