"""Divergences of two distributions of numbers by quadrature: records of one batch and dtype ─▶ nats.

Where the error bound of an integral is infinite and its value is not, the answer is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax import generators
from kljax.divergences._forms.renyi_and_chernoff import Found, full
from kljax.families._internal import batch_shape, integrals
from kljax.generators import Generator
from kljax.quadrature import Integral
from kljax.quadrature._internal import Divergence, of_power, plain


def kl(p: Any, q: Any) -> jax.Array:
    """∫ p log(p/q)"""
    return f_divergence(p, q, generators.kl)


def f_divergence(p: Any, q: Any, generator: Generator) -> jax.Array:
    """∫ q f(p/q)"""
    return _value(plain(integrals.totals(Divergence(generator), [p, q])))


def renyi(p: Any, q: Any, order: float | jax.Array) -> jax.Array:
    """log(∫ pᵅq¹⁻ᵅ)/(α - 1)"""
    integrand, finish = of_power(order)
    return _value(finish(integrals.totals(integrand, [p, q])))


def bhattacharyya(p: Any, q: Any) -> jax.Array:
    """-log ∫ √(pq)"""
    return 0.5 * renyi(p, q, 0.5)


def chernoff_information(p: Any, q: Any) -> Found:
    """(the maximum of -log ∫ pᵅq¹⁻ᵅ, its α), by golden sections of what is concave in α, one member after another."""
    shape = batch_shape(p)

    def one(p: Any, q: Any) -> Found:
        def exponent(order: jax.Array) -> jax.Array:
            return (1.0 - order) * renyi(p, q, order)

        order = lax.stop_gradient(_highest(exponent, full(p, 0.5)))
        return exponent(order), order

    flat = [jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[len(shape) :]), one) for one in (p, q)]
    value, order = jax.vmap(one)(*flat) if shape else one(p, q)
    return value.reshape(shape), order.reshape(shape)


def _highest(function: Callable[[jax.Array], jax.Array], like: jax.Array) -> jax.Array:
    golden = 0.5 * (math.sqrt(5.0) - 1.0)
    # Half of the digits of an inner maximum would take 42 and 20; one at an end, where J_α has a slope, needs all.
    rounds, eps = 72 if like.dtype == jnp.float64 else 30, float(jnp.finfo(like.dtype).eps)

    def inner(low: jax.Array, high: jax.Array) -> Found:
        return high - golden * (high - low), low + golden * (high - low)

    def narrow(_: Any, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        # What is not known of the two inner points is NaN: the function stands in the program once.
        low, high, at_first, at_second = state
        left, right = at_first > at_second, at_first <= at_second
        first, second = inner(low, high)
        low, high = jnp.where(right, first, low), jnp.where(left, second, high)
        at_first, at_second = (
            jnp.where(left, jnp.nan, jnp.where(right, at_second, at_first)),
            jnp.where(left, at_first, jnp.where(right, jnp.nan, at_second)),
        )
        first, second = inner(low, high)
        new = jnp.isnan(at_first)
        value = function(jnp.where(new, first, second))
        return low, high, jnp.where(new, value, at_first), jnp.where(new, at_second, value)

    unknown = jnp.full_like(like, jnp.nan)
    low, high, *_ = lax.fori_loop(0, rounds, narrow, (jnp.zeros_like(like), jnp.ones_like(like), unknown, unknown))
    return jnp.clip(0.5 * low + 0.5 * high, eps, 1.0 - eps)


def _value(found: Integral) -> jax.Array:
    return jnp.where(jnp.isinf(found.error) & jnp.isfinite(found.value), jnp.nan, found.value)
