"""The cross-entropy of class labels: -log q_y of a row of logits b.

    -log q_y = log Σ exp(b - b_y) = log1p(Σ' exp(b - b_y)),   ∂/∂b_j = q_j, and at y: -Σ' q_j,

Σ' over the outcomes but y. Where q_y is nearly 1 the sum is small and nothing is left of 1 to cancel.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._kernels.blocks import single_or_double
from kljax._kernels.rows import Temperature, logit_tangent
from kljax._special.elementwise import log1p


@jax.custom_jvp
def cross_entropy(labels: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """-log q_y over the last axis; ∞ where q misses y, as it does a label that is no outcome."""
    value, _, _ = _parts(labels, b, temperature)
    return value


def _parts(labels: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(-log q_y, exp(b - top)/Σ exp(b - top) = q, whether an outcome is y)"""
    b = single_or_double(b)
    top = b.max(-1, keepdims=True)
    top = jnp.where(jnp.isfinite(top), top, jnp.nan)  # a row without a finite maximum is no distribution
    mine = jax.lax.broadcasted_iota(labels.dtype, b.shape, b.ndim - 1) == labels[..., None]
    fall = (b - top) if temperature is None else (b - top) / temperature
    weight = jnp.exp(fall)
    rest = jnp.where(mine, 0.0, weight).sum(-1)
    own = jnp.where(mine, fall, 0.0).sum(-1)
    seen = jnp.where(mine, weight, 0.0).sum(-1)
    # With y on top Σ' is at most some e⁰; with another there, b_y counts as it is.
    leads = seen == 1.0
    value = jnp.where(leads, log1p(jnp.where(leads, rest, 0.0)), jnp.log(rest + seen) - own)
    value = jnp.where(mine.any(-1) | jnp.isnan(value), value, jnp.inf)
    return value, weight / (rest + seen)[..., None], mine


@cross_entropy.defjvp
def _cross_entropy_jvp(primals, tangents):
    labels, b, temperature = primals
    _, db, d_temperature = tangents
    value, q, mine = _parts(labels, b, temperature)
    tangent = logit_tangent(b, b.max(-1, keepdims=True), temperature, db.astype(q.dtype), d_temperature)
    # An infinite cost has zero gradient; relative to the label's own tangent nothing of it cancels.
    at_label = jnp.where(mine, tangent, 0.0).sum(-1, keepdims=True)
    slope = (jnp.where(mine, 0.0, q) * (tangent - at_label)).sum(-1)
    return cross_entropy(labels, b, temperature), jnp.where(jnp.isinf(value), 0.0, slope)
