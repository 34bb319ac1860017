"""Entropy and cross-entropy of rows of logits, and the Jensen–Shannon divergence of many rows."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp

from kljax._kernels import choose, in_range
from kljax._kernels.blocks import by_blocks, single_or_double
from kljax._kernels.powers import order_slope
from kljax._kernels.rows import Rows, Temperature, centre, closed, logit_tangent, normalise, scaled, statistics
from kljax._kernels.rows import weights as exp_weights
from kljax._kernels.sums import absent, row_tangent
from kljax._special.elementwise import divide, expm1, expm1_ratio, log1p, log1p_excess, two_diff
from kljax._special.log1p_quotients import log_over
from kljax._special.safe import finite_or_nan, saturated
from kljax.generators import kl
from kljax.generators._internal import mass_gap


def log_norm(a: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array]:
    """(max, log Σ exp((a - max)/T)), the latter to relative accuracy also where it is small."""
    a, temperature = lax.stop_gradient((a, temperature))
    top = a.max(-1, keepdims=True)
    top = finite_or_nan(top)
    at_top = a == top
    # One maximum counts 1 in Σ exp; the others and the rest are the small part.
    others = jnp.where(at_top, 0.0, exp_weights(a, top, temperature)).sum(-1, keepdims=True)
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


@jax.custom_jvp
def label_cost(a: jax.Array, labels: jax.Array) -> jax.Array:
    """-log p of one outcome a row; ∞ for a label that is none of them."""
    top, norm = log_norm(a, None)
    chosen = jnp.take_along_axis(a, labels[..., None], axis=-1, mode="fill", fill_value=-jnp.inf)
    inside = ((labels >= 0) & (labels < a.shape[-1]))[..., None]
    return jnp.where(inside | jnp.isnan(norm), (top - chosen) + norm, jnp.inf)[..., 0]


@label_cost.defjvp
def _label_cost_jvp(primals, tangents):
    # d(-log p_y) = Σ (p - 1[y]) da; the entry of an outcome that holds more than half of p is what the others leave.
    a, labels = primals
    value = label_cost(a, labels)
    p = jnp.exp(log_softmax(a, None, *log_norm(a, None)))
    at_label = lax.broadcasted_iota(labels.dtype, a.shape, a.ndim - 1) == labels[..., None]
    slopes = p - at_label.astype(p.dtype)
    slopes = jnp.where(jnp.isinf(value)[..., None], 0.0, closed(p, slopes))
    return value, (slopes * tangents[0]).sum(-1)


def cross_entropy(a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """-Σ p log q over the last axis."""
    return _cross_entropy_with_rows(a, b, temperature)[0]


@jax.custom_jvp
def _cross_entropy_with_rows(a: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, Rows, jax.Array]:
    """The value, the rows, and 1 where all are ``in_range``, else 0 and no rows, of shape [..., 1]."""
    if choose.way(a).name != "in range":
        return _cross_entropy_terms(a, b, temperature).sum(-1), *_no_rows(a)

    def of_block(temperature, a, b):
        p, _, rows, certain = in_range.sums(a, b, temperature, lowest=None)
        either, one = in_range.missing(a, b)
        y = jnp.where(either, 0.0, single_or_double(b))
        y = y if temperature is None else y / temperature
        # Σ p (top - y) + log Σ exp(y - top), where nothing cancels
        top = jnp.clip(y.max(-1, keepdims=True), -in_range.TOP, in_range.TOP)
        level = jnp.log(rows.norm_q * jnp.exp(-top))
        value = jnp.where(one, jnp.inf, p * (top - y)).sum(-1, keepdims=True) / rows.norm_p + level
        return value, *rows, certain & (value > 0.25) & (value < jnp.inf)

    value, *rows, certain = by_blocks(of_block, temperature, a, b, still=True)
    found = value[..., 0], Rows(*rows), jnp.ones_like(value)

    def passes(a, b, *_):
        return _cross_entropy_terms(a, b, temperature).sum(-1), *_no_rows(a)

    return lax.cond(certain.all(), lambda *given: given[2:], passes, a, b, *found)


def _no_rows(a: jax.Array) -> tuple[Rows, jax.Array]:
    zero = jnp.zeros_like(single_or_double(a[..., :1]))
    return Rows(zero, zero, zero, zero, zero, zero), zero


def _cross_entropy_terms(a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    log_p = log_softmax(a, temperature, *log_norm(a, temperature))
    log_q = log_softmax(b, temperature, *log_norm(b, temperature))
    missed = (log_q == -jnp.inf) & (log_p > -jnp.inf)  # neither is NaN
    safe = jnp.where(log_q == -jnp.inf, 0.0, log_q)
    return jnp.where(missed, jnp.inf, -jnp.exp(log_p) * safe)


def _cross_entropy_jvp(primals, tangents):
    # dC = -Σ p log q d log p + Σ (q - p) d log q, the second with Σ (q - p) = 0 taken into account.
    found = _cross_entropy_with_rows(*primals)
    value, rows, quick = found
    a, b, temperature = primals

    @jax.checkpoint
    def general(a, b, *steps):
        given, rest = list(tangents), iter(steps)
        for at in (0, 1):
            given[at] = given[at] if absent(given[at]) else next(rest)
        return jnp.zeros_like(value) + _cross_entropy_tangent((a, b, temperature), given)

    @jax.checkpoint
    def in_block(a, b, *steps):
        slopes = functools.partial(in_range.slopes, ("q",))
        return in_range.tangent(slopes, (kl, temperature), (a, b), rows, steps)

    steps = [step for step in tangents[:2] if not absent(step)]
    if choose.way(a).name == "in range" and absent(tangents[0]) and absent(tangents[2]) and steps:
        tangent = lax.cond((quick > 0.0).all(), in_block, general, a, b, *steps)
    else:
        tangent = general(a, b, *steps)
    return found, (tangent, *jax.tree.map(jnp.zeros_like, found[1:]))


def _cross_entropy_tangent(primals: Any, tangents: Any) -> jax.Array:
    a, b, temperature = primals
    da, db, dt = tangents

    def slopes(carried, p, q, r, _):
        (logits_q,) = carried
        log_q = log_softmax(logits_q, temperature, *log_norm(logits_q, temperature))
        missed = jnp.isinf(r) | (log_q == -jnp.inf)
        paid = jnp.where(missed, 0.0, -p * jnp.where(missed, 0.0, log_q))
        return paid, jnp.where(r == jnp.inf, 0.0, mass_gap(p, q, r))

    carried = ((b,), a, b, temperature)
    return row_tangent(carried, ((None,), da, db, dt), statistics(a, b, temperature), slopes)


_cross_entropy_with_rows.defjvp(_cross_entropy_jvp, symbolic_zeros=True)


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
