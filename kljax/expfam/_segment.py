"""Jensen and Rényi divergences of a log-partition function on the line through one pair of parameters.

With d = p - q, everything is made of C(y, s) = ∫(1 - t) dᵀ∇²A(y + t s d) d dt and G(y, s) = ∫∇²A(y + t s d) d dt, which
are `curvature` and `gradient_gap`. They are finite at s = 0, so weights and orders at the ends need no cases. A has a
second argument, the arrays that it closes over.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from kljax._special.roots import bracketed_root, with_slope
from kljax.bregman._internal import Closed, Function, by_constants, curvature, finite, fix, gradient_gap


def _between(p: jax.Array, q: jax.Array, weight: jax.Array) -> jax.Array:
    """The point w p + (1 - w) q, exact at both ends and for p = q."""
    return jnp.where(weight < 0.5, q + weight * (p - q), p - (1.0 - weight) * (p - q))


def _jensen_parts(
    phi: Closed, constants: list[jax.Array], p: jax.Array, q: jax.Array, weight: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """(C to p, C to q) from the point m between them: B(p; m) = (1 - w)² C and B(q; m) = w² C."""
    a, m, d = fix(phi, constants), _between(p, q, weight), p - q
    return curvature(a, m, p, d, 1.0 - weight), curvature(a, m, q, d, -weight)


def _jensen_sum(to_p: jax.Array, to_q: jax.Array, weight: jax.Array) -> jax.Array:
    return weight * (1.0 - weight) * ((1.0 - weight) * to_p + weight * to_q)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def jensen(phi: Closed, constants: list[jax.Array], p: jax.Array, q: jax.Array, weight: jax.Array) -> jax.Array:
    # J = w B(p; m) + (1 - w) B(q; m), for the terms in ∇A(m) cancel.
    return jnp.maximum(_jensen_sum(*_jensen_parts(phi, constants, p, q, weight), weight), 0.0)


@jensen.defjvp
def _jensen_jvp(phi, primals, tangents):
    # ∂p = w(∇A(p) - ∇A(m)), ∂q = (1 - w)(∇A(q) - ∇A(m)), ∂w = B(p; m) - B(q; m).
    constants, p, q, weight = primals
    d_constants, dp, dq, d_weight = tangents
    a, m, d = fix(phi, constants), _between(p, q, weight), p - q
    to_p, to_q = _jensen_parts(phi, constants, p, q, weight)
    rest = 1.0 - weight
    by_p = weight * rest * gradient_gap(a, m, p, d, rest)
    by_q = -weight * rest * gradient_gap(a, m, q, d, -weight)
    by_weight = jnp.square(rest) * to_p - jnp.square(weight) * to_q
    moved = by_constants(lambda c: _jensen_sum(*_jensen_parts(phi, c, p, q, weight), weight), constants, d_constants)
    tangent = jnp.sum(finite(by_p) * dp) + jnp.sum(finite(by_q) * dq) + by_weight * d_weight + moved
    value = jensen(phi, constants, p, q, weight)
    return value, jnp.where(jnp.isinf(value), 0.0, tangent)


def _renyi_sum(phi: Closed, constants: list[jax.Array], p: jax.Array, q: jax.Array, order: jax.Array) -> jax.Array:
    """R as remainders from the point b that lies between the other two of p, q and m = α p + (1 - α) q.

    b = m for α ≤ 1 and p beyond: R = α²C(m → q) + α(1 - α)C(m → p), or C(p → q) + (α - 1)C(p → m).
    """
    a, d, inner = fix(phi, constants), p - q, order <= 1.0
    outer = q + order * d
    base = jnp.where(inner, _between(p, q, jnp.minimum(order, 1.0)), p)
    share = jnp.minimum(order, 1.0)
    to_q = curvature(a, base, q, d, -share)
    beyond = curvature(a, base, jnp.where(inner, p, outer), d, jnp.abs(1.0 - order))
    return jnp.square(share) * to_q + share * jnp.abs(1.0 - order) * beyond


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def renyi(phi: Closed, constants: list[jax.Array], p: jax.Array, q: jax.Array, order: jax.Array) -> jax.Array:
    value = _renyi_sum(phi, constants, p, q, order)
    outside = (order > 1.0) & ~jnp.isfinite(phi(q + order * (p - q), constants))
    known = jnp.isfinite(phi(p, constants)) & jnp.isfinite(phi(q, constants))
    return jnp.where(outside & known, jnp.inf, jnp.maximum(value, 0.0))


@renyi.defjvp
def _renyi_jvp(phi, primals, tangents):
    # With J = (1 - α) R: ∂p = α (∇A(p) - ∇A(m))/(1 - α), ∂q = ∇A(q) - ∇A(m), ∂α = B(p; m)/(1 - α)².
    constants, p, q, order = primals
    d_constants, dp, dq, d_order = tangents
    value = renyi(phi, constants, p, q, order)
    dead = jnp.isinf(value)
    order = jnp.where(dead, 1.0, order)  # a point inside the domain, where the rule is only thrown away
    a, d = fix(phi, constants), p - q
    m = jnp.where(order > 1.0, q + order * d, _between(p, q, jnp.minimum(order, 1.0)))
    by_p = order * gradient_gap(a, m, p, d, 1.0 - order)
    by_q = -order * gradient_gap(a, m, q, d, -order)
    by_order = curvature(a, m, p, d, 1.0 - order)
    moved = by_constants(lambda c: _renyi_sum(phi, c, p, q, order), constants, d_constants)
    tangent = jnp.sum(finite(by_p) * dp) + jnp.sum(finite(by_q) * dq) + by_order * d_order + moved
    return value, jnp.where(dead, 0.0, tangent)


def _best_weight(a: Function, p: jax.Array, q: jax.Array) -> jax.Array:
    """Where ∂J/∂w = B(p; m) - B(q; m), which falls from KL(q‖p) to -KL(p‖q), vanishes; ½ where p = q."""
    d = p - q

    def fall(weight: jax.Array) -> jax.Array:
        m, rest = _between(p, q, weight), 1.0 - weight
        return jnp.square(weight) * curvature(a, m, q, d, -weight) - jnp.square(rest) * curvature(a, m, p, d, rest)

    zero = jnp.zeros((), p.dtype)
    return bracketed_root(with_slope(fall), zero, zero + 1.0)


def chernoff(phi: Closed, constants: list[jax.Array], p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The maximum of J over its weight, and that weight."""
    order = _best_weight(fix(phi, constants), p, q)
    return jensen(phi, constants, p, q, order), order
