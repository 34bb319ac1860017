"""f-divergences, Rényi's and Chernoff's of rows of probabilities or measures, with their derivative rules."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.powers import chernoff_order, log_of_power_sum, order_slope, tilted_slopes
from kljax._special import log_ratio, tiny
from kljax.generators import Generator, alpha
from kljax.generators._forms import is_static
from kljax.generators._record import parameter_tangent, summand


def ratio(p: jax.Array, q: jax.Array) -> jax.Array:
    """log(p/q), NaN where either is negative."""
    return jnp.where((p < 0.0) | (q < 0.0), jnp.nan, log_ratio(p, q))


def _edge_ratio(p: jax.Array, q: jax.Array) -> jax.Array:
    """log(p/q) with zeros replaced by the smallest normal number: there the slopes are taken."""
    return log_ratio(
        p + lax.stop_gradient(jnp.maximum(p, tiny(p)) - p), q + lax.stop_gradient(jnp.maximum(q, tiny(q)) - q)
    )


def _finite(x: jax.Array) -> jax.Array:
    """Overflow saturates, so that an infinite slope times a zero tangent is zero and not NaN."""
    top = float(jnp.finfo(x.dtype).max)
    return jnp.clip(x, -top, top)


@jax.custom_jvp
def f_divergence(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """Σ q f(p/q) over the last axis."""
    return summand(generator, p, q, ratio(p, q)).sum(-1)


@f_divergence.defjvp
def _f_divergence_jvp(primals, tangents):
    # ∂/∂p = f'(u) and ∂/∂q = f(u) - u f'(u); both zero where the outcome is absent or its cost infinite.
    generator, p, q = primals
    d_generator, dp, dq = tangents
    value = f_divergence(generator, p, q)
    r = _edge_ratio(p, q)
    dead = free(generator, p, q)
    inside = jnp.where(dead, 0.0, r)
    in_p = jnp.where(dead, 0.0, _finite(generator.derivative(inside, *generator.parameters)))
    in_q = jnp.where(dead, 0.0, _finite(generator.coderivative(inside, *generator.parameters)))
    tangent = (in_p * dp + in_q * dq).sum(-1)
    if jax.tree.leaves(generator):
        tangent += parameter_tangent(generator, d_generator, p, q, ratio(p, q)).sum(-1)
    return value, tangent


def free(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """Where an outcome has no say: absent from both, or of infinite cost."""
    no_p, no_q = p == 0.0, q == 0.0
    return (no_p & no_q) | (no_p & _infinite(generator.at_zero)) | (no_q & _infinite(generator.at_infinity))


def _infinite(price: Any) -> Any:
    return bool(price == jnp.inf) if is_static(price) else jnp.isinf(price)


@jax.custom_jvp
def renyi(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """Rényi's divergence over the last axis, for the generator of the α-divergence."""
    safe = jnp.where(q > 0.0, q, 1.0)
    log_q = jnp.where(q > 0.0, jnp.log(safe), -jnp.inf)
    return log_of_power_sum(generator, p, q, ratio(p, q), log_q)


@renyi.defjvp
def _renyi_jvp(primals, tangents):
    # R = log(1 + αβA)/β, so dR = α dA/(1 + αβA) and 1 + αβA = e^{βR}: with f' = (u^β - 1)/β of the α-divergence,
    # ∂/∂p = α (e^{β(r - R)} - e^{-βR})/β and likewise ∂/∂q = (1 - e^{αr}) e^{-βR}.
    generator, p, q = primals
    d_generator, dp, dq = tangents
    value = renyi(generator, p, q)
    (order,) = generator.parameters
    finite = jnp.isfinite(value)[..., None]
    level = jnp.where(finite, value[..., None], 0.0)
    dead = free(generator, p, q) | ~finite
    r = jnp.where(dead, 0.0, _edge_ratio(p, q))
    discount = jnp.exp(-(order - 1.0) * level)
    in_p = jnp.where(dead, 0.0, _finite(order * generator.derivative(r, order) * discount))
    in_q = jnp.where(dead, 0.0, _finite(order * generator.coderivative(r, order) * discount))
    tangent = (in_p * dp + in_q * dq).sum(-1)
    if jax.tree.leaves(generator):
        exact = ratio(p, q)
        tilted = tilted_slopes(order, value, p, q, exact)[2]
        tangent += order_slope(order, value, tilted, exact) * d_generator.parameters[0]
    return value, tangent


def chernoff(p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(max over α of -log Σ pᵅq¹⁻ᵅ, that α)"""
    order = chernoff_order(p, q, ratio(p, q))
    one = _one_renyi
    for _ in range(order.ndim):
        one = jax.vmap(one)
    return (1.0 - order) * one(order, p, q), order


def _one_renyi(order: jax.Array, p: jax.Array, q: jax.Array) -> jax.Array:
    return renyi(alpha(order), p, q)
