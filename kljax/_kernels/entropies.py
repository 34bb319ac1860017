"""Shannon's and Rényi's entropy of rows of logits.

H = −Σ p log p,    ∂H/∂a = −p (log p + H)
H_α = −log(Σ pᵅ)/β = −log(1 + βB)/β,    B = (Σ pᵅ − 1)/β = Σ p log p · (e^{β log p} − 1)/(β log p)

p           softmax of a row a of logits; log p = a − max a − log Z
Z           1 + the sum of the other exponentials, so that log Z has digits where p is nearly one-hot
α, β        the order, β = α − 1; at β = 0 Shannon's entropy
B           a sum of terms of one sign
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp

from kljax._kernels import pieces
from kljax._kernels.renyi import order_slope
from kljax._kernels.rows import Temperature, centre, logit_tangent, scaled, weights
from kljax._kernels.sharded import Functional, or_none
from kljax._special.elementwise import expm1_ratio, log1p, two_diff
from kljax._special.log1p_quotients import log_over
from kljax._special.safe import finite_or_nan, saturated


def log_norm(a: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array]:
    """(max, log Σ exp((a - max)/T)), the latter to relative accuracy also where it is small."""
    a, temperature = lax.stop_gradient((a, temperature))
    top = a.max(-1, keepdims=True)
    top = finite_or_nan(top)
    at_top = a == top
    # One maximum counts 1 in Σ exp; the others and the rest are the small part.
    others = jnp.where(at_top, 0.0, weights(a, top, temperature)).sum(-1, keepdims=True)
    return top, log1p(others + (at_top.sum(-1, keepdims=True) - 1).astype(a.dtype))


@jax.custom_jvp
def log_softmax(a: jax.Array, temperature: Temperature, top: jax.Array, norm: jax.Array) -> jax.Array:
    """log p, from the statistics of ``log_norm``."""
    return scaled(two_diff(a, top), temperature)[0] - norm


@log_softmax.defjvp
def _log_softmax_jvp(primals, tangents):
    a, temperature, top, norm = primals
    da, dt, _, _ = tangents
    log_p = log_softmax(a, temperature, top, norm)
    return log_p, centre(jnp.exp(log_p), logit_tangent(a, top, temperature, da, dt))


def entropy(a: jax.Array, temperature: Temperature) -> jax.Array:
    """-Σ p log p over the last axis."""
    log_p = log_softmax(a, temperature, *log_norm(a, temperature))
    return neg_p_log_p(log_p).sum(-1)


def _terms_of_entropy(log_p: jax.Array) -> jax.Array:
    """-p log p, and 0 at p = 0."""
    absent = log_p == -jnp.inf
    safe = jnp.where(absent, 0.0, log_p)
    return jnp.where(absent, 0.0, -jnp.exp(safe) * safe)


neg_p_log_p = jax.custom_jvp(_terms_of_entropy)


@neg_p_log_p.defjvp
def _neg_p_log_p_jvp(primals, tangents):
    # The slope in log p is -p(log p + 1); Σ p d log p = 0, so the 1 only costs digits and is left out. That holds for
    # the sum of the terms, not for the slope -p log p, whose own derivative is complete.
    (log_p,), (d_log_p,) = primals, tangents
    return neg_p_log_p(log_p), _terms_of_entropy(log_p) * d_log_p


def renyi_entropy(order: jax.Array, a: jax.Array, temperature: Temperature) -> jax.Array:
    """log(Σ pᵅ)/(1 - α) over the last axis; Shannon's at α = 1, continuously."""
    return renyi_entropy_of_log(order, log_softmax(a, temperature, *log_norm(a, temperature)))


def renyi_entropy_of_log(order: jax.Array, log_p: jax.Array) -> jax.Array:
    """The same from log p; from order 1/eps on it is that of order ∞, to rounding."""
    return _renyi_entropy_of_log(jnp.minimum(order, 1.0 / float(jnp.finfo(log_p.dtype).eps)), log_p)


@jax.custom_jvp
def _renyi_entropy_of_log(order: jax.Array, log_p: jax.Array) -> jax.Array:
    # H = -log(Σ p e^{β log p})/β with β = α - 1; every log p ≤ 0, so that the terms have one sign.
    beta = order - 1.0
    absent = log_p == -jnp.inf
    level = jnp.where(absent, 0.0, log_p)
    p = jnp.where(absent, 0.0, jnp.exp(level))
    power = beta * level
    small = jnp.abs(power) < 1.0
    near_term = p * level * expm1_ratio(jnp.where(small, power, 0.0))
    far_term = (jnp.exp(order * level) - p) / jnp.where(small & (beta == 0.0), 1.0, beta)
    total = jnp.where(absent, 0.0, jnp.where(small, near_term, far_term)).sum(-1)  # (Σ pᵅ - 1)/β
    return -log_over(beta, total, logsumexp(jnp.where(absent, -jnp.inf, order * level), axis=-1))


@_renyi_entropy_of_log.defjvp
def _renyi_entropy_jvp(primals, tangents):
    # With t = pᵅ/Σpᵅ: the slope in log p is -α(t - p)/β, less a multiple of p that the normalisation takes out.
    order, log_p = primals
    d_order, d_log_p = tangents
    value = _renyi_entropy_of_log(order, log_p)
    beta = order - 1.0
    absent = log_p == -jnp.inf
    level = jnp.where(absent, 0.0, log_p)
    p = jnp.where(absent, 0.0, jnp.exp(level))
    y = level + value[..., None]
    small = jnp.abs(beta * y) < 1.0
    y = jnp.where(small, y, 0.0)
    tilted = jnp.where(absent, 0.0, jnp.exp(order * level + beta * value[..., None]))
    apart = (tilted - p) / jnp.where(small & (beta == 0.0), 1.0, beta)
    top = float(jnp.finfo(p.dtype).max)
    slope = saturated(-order * jnp.where(small, p * y * expm1_ratio(beta * y), apart), top)
    in_order = -saturated(order_slope(order, -value, tilted, log_p), top) * d_order
    return value, (jnp.where(absent, 0.0, slope) * d_log_p).sum(-1) + in_order


# --- pieces -----------------------------------------------------------------------------------------------------


def log_norm_of(found: pieces.Single) -> jax.Array:
    """log Σ exp(a - top), NaN for a row that is no distribution."""
    return log1p(found.others) + (found.top - found.top)


def log_p_of(found: pieces.Single, a: jax.Array) -> jax.Array:
    return (a - found.top) - log_norm_of(found)


def _log_partition(found: pieces.Single) -> jax.Array:
    return or_none(found.top, found.top + log_norm_of(found))


# What functionals of one row have in common.
SINGLE: dict[str, Any] = {
    "piece": lambda given, mark, a: pieces.of_single(a, mark),
    "empty": pieces.nothing_single,
    "merge": pieces.merge_single,
    "across": pieces.single_across,
    "logs": lambda found: (_log_partition(found),),
}


def _entropy_gradient(given, mark, found, _, a):
    value = _entropy_value(given, found, _)
    log_p = log_p_of(found, a)
    return (jnp.where(log_p == -jnp.inf, 0.0, -jnp.exp(log_p) * (jnp.where(log_p == -jnp.inf, 0.0, log_p) + value)),)


def _entropy_value(given: None, found: pieces.Single, _: Any) -> jax.Array:
    return log_norm_of(found) + found.depth / (1.0 + found.others)


ENTROPY = Functional(
    rows=lambda given, labels, a: entropy(a, None), value=_entropy_value, gradient=_entropy_gradient, **SINGLE
)


LOG_PARTITION = Functional(
    rows=lambda given, labels, a: logsumexp(a, axis=-1),
    value=lambda given, found, _: _log_partition(found),
    gradient=lambda given, mark, found, _, a: (jnp.exp(log_p_of(found, a)),),
    balanced=False,
    **SINGLE,
)
