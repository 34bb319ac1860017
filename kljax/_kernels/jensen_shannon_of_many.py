"""Jensen and Shannon's divergence of several rows of logits.

D = Σ w_k KL(p_k‖m),    m = Σ w_k p_k,    ∂D/∂log p_k = w_k p_k log(p_k/m),    ∂D/∂w_k = KL(p_k‖m)

w_k         weights, of sum 1
p_k − m     from the differences p_k − p_0, which have relative accuracy where the rows are close
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.passes import statistics
from kljax._kernels.rows import Temperature, centre, logit_tangent, normalise
from kljax._special.elementwise import divide, expm1, log1p, log1p_excess


def mixture_terms(p: jax.Array, apart: jax.Array, weights: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(K(p_k, m), log(p_k/m)) for the rows k of p [..., K, V], m = Σ w_k p_k; ``apart`` is p_k - p_0."""
    w = weights[..., None]
    m = (w * p).sum(-2, keepdims=True)
    gap = apart - (w * apart).sum(-2, keepdims=True)  # p_k - m
    safe = jnp.where(m > 0.0, m, 1.0)
    t = jnp.maximum(divide(gap, safe), -1.0)
    present = p > 0.0
    low = jnp.log(jnp.where(present, p, 1.0)) - jnp.log(safe)
    log_ratio = jnp.where(t > -0.5, log1p(jnp.maximum(t, -0.5)), low)
    return m * log1p_excess(t), jnp.where(present, log_ratio, 0.0)


@jax.custom_jvp
def jensen_shannon_of_many(a: jax.Array, weights: jax.Array, temperature: Temperature) -> jax.Array:
    """Σ w_k KL(p_k‖m), m = Σ w_k p_k, for logits [..., K, V] and weights [..., K]."""
    p, apart = _rows_apart(a, temperature)
    terms, _ = mixture_terms(p, apart, weights)
    return (weights * terms.sum(-1)).sum(-1)


def _rows_apart(a: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array]:
    first = jnp.broadcast_to(a[..., :1, :], a.shape)
    p, p_first, r = normalise(a, first, temperature, statistics(a, first, temperature))
    close = jnp.abs(r) < 0.5
    return p, jnp.where(close, p_first * expm1(jnp.where(close, r, 0.0)), p - p_first)


@jensen_shannon_of_many.defjvp
def _jensen_shannon_of_many_jvp(primals, tangents):
    # ∂/∂p_k = w_k log(p_k/m), ∂/∂w_k = KL(p_k‖m).
    a, weights, temperature = primals
    da, d_weights, dt = tangents
    value = jensen_shannon_of_many(a, weights, temperature)
    p, apart = _rows_apart(a, temperature)
    terms, log_ratio = mixture_terms(p, apart, weights)
    top = lax.stop_gradient(a).max(-1, keepdims=True)
    d_log_p = centre(p, logit_tangent(a, top, temperature, da, dt))
    tangent: Any = (weights[..., None] * p * log_ratio * d_log_p).sum((-1, -2))
    return value, tangent + (d_weights * terms.sum(-1)).sum(-1)
