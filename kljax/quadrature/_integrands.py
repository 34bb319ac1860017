"""Integrands as value · e^shift of the log-densities."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax.generators import Generator
from kljax.generators._record import parameter_tangent, summand, weighted_slopes

Pair = tuple[jax.Array, jax.Array]


def _ratio(log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    both = (log_p == -jnp.inf) & (log_q == -jnp.inf)
    return jnp.where(both, 0.0, log_p) - jnp.where(both, 0.0, log_q)


def _operands(log_p: jax.Array, log_q: jax.Array) -> tuple[Any, ...]:
    inside = (log_p > -jnp.inf) & (log_q > -jnp.inf)
    a, b = jnp.where(inside, log_p, 0.0), jnp.where(inside, log_q, 0.0)

    def power(order):
        return jnp.where(inside, jnp.exp(order * a + (1.0 - order) * b), 0.0)

    return jnp.exp(log_p), jnp.exp(log_q), _ratio(log_p, log_q), power


@jax.custom_jvp
def _summand(generator: Generator, log_p: jax.Array, log_q: jax.Array) -> jax.Array:
    """q f(p/q), with pᵅq¹⁻ᵅ from the logarithms, which reaches further than from p and q."""
    return summand(generator, *_operands(log_p, log_q))


@_summand.defjvp
def _summand_jvp(primals, tangents):
    generator, log_p, log_q = primals
    d_generator, d_log_p, d_log_q = tangents
    p, q, r, power = _operands(log_p, log_q)
    in_log_p, in_log_q = weighted_slopes(generator, p, q, r, power)
    tangent = in_log_p * d_log_p + in_log_q * d_log_q + parameter_tangent(generator, d_generator, p, q, r)
    return _summand(generator, log_p, log_q), tangent


def f_divergence(generator: Generator, log_p: jax.Array, log_q: jax.Array, log_weight: jax.Array) -> Pair:
    """The summand, in units of the larger density; where it overflows so, in units of one over the weight."""
    larger = lax.stop_gradient(jnp.maximum(log_p, log_q))
    larger = jnp.where(jnp.isfinite(larger), larger, 0.0)
    tried = lax.stop_gradient(_summand(generator, log_p - larger, log_q - larger))
    mismatched = (log_p == -jnp.inf) | (log_q == -jnp.inf)
    unit = jnp.where(jnp.isfinite(tried) | mismatched, larger, jnp.where(jnp.isfinite(log_weight), -log_weight, 0.0))
    value = _summand(generator, log_p - unit, log_q - unit)
    return jnp.where(~mismatched & jnp.isnan(value) & ~jnp.isnan(log_p + log_q), 0.0, value), unit


def power(order: Any, log_p: jax.Array, log_q: jax.Array) -> Pair:
    """pᵅ q¹⁻ᵅ: 1 · e^(α log p + (1 - α) log q); infinite where q is missing and α > 1."""
    inside = (log_p > -jnp.inf) & (log_q > -jnp.inf)
    a, b = jnp.where(inside, log_p, 0.0), jnp.where(inside, log_q, 0.0)
    exponent = order * a + (1.0 - order) * b
    missed = (log_p > -jnp.inf) & (log_q == -jnp.inf) & (jnp.asarray(order) >= 1.0)
    return jnp.where(inside, 1.0, jnp.where(missed, jnp.inf, 0.0)).astype(log_p.dtype), exponent
