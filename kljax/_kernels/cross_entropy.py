"""Cross-entropy of two rows of logits, and of class labels.

C = −Σ p log q,    ∂C/∂log p = −p log q,    ∂C/∂b = q − p
−log q_y = log Σ exp(b − b_y) = log1p(Σ' exp(b − b_y)),    ∂/∂b_j = q_j, and at y: −Σ' q_j

y           a row's label
Σ'          over the outcomes but y: where q_y is nearly 1 the sum is small and nothing is left of 1 to cancel
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._kernels import in_range, pieces
from kljax._kernels.blocks import by_blocks, single_or_double, total
from kljax._kernels.divergence import Divergence, InRange
from kljax._kernels.entropies import SINGLE, log_norm, log_norm_of, log_p_of, log_softmax
from kljax._kernels.passes import statistics
from kljax._kernels.rows import Pair, Statistics, Temperature, logit_tangent
from kljax._kernels.sharded import PAIR, Functional, masses_of
from kljax._special.elementwise import log1p
from kljax.generators import kl
from kljax.generators._internal import mass_gap


def cross_entropy(a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """-Σ p log q over the last axis."""
    return CROSS_ENTROPY(None, a, b, temperature)


def _by_passes(given: None, a: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, Statistics]:
    def of_block(temperature: Temperature, a: jax.Array, b: jax.Array) -> jax.Array:
        return _terms(a, b, temperature).sum(-1)

    return by_blocks(of_block, temperature, a, b, still=True), statistics(a, b, temperature)


def _terms(a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    log_p, log_q = (_log_softmax(x, temperature) for x in (a, b))
    missed = (log_q == -jnp.inf) & (log_p > -jnp.inf)  # neither is NaN
    safe = jnp.where(log_q == -jnp.inf, 0.0, log_q)
    return jnp.where(missed, jnp.inf, -jnp.exp(log_p) * safe)


def _log_softmax(x: jax.Array, temperature: Temperature) -> jax.Array:
    x = single_or_double(x)
    return log_softmax(x, temperature, *log_norm(x, temperature))


def _slopes(given: None, value: jax.Array, pair: Pair) -> tuple[jax.Array, jax.Array]:
    # That in log q with Σ (q - p) = 0 taken into account.
    log_q = _log_softmax(pair.b, pair.temperature)
    missed = jnp.isinf(pair.r) | (log_q == -jnp.inf)
    paid = jnp.where(missed, 0.0, -pair.p * jnp.where(missed, 0.0, log_q))
    return paid, jnp.where(pair.r == jnp.inf, 0.0, mass_gap(pair.p, pair.q, pair.r))


def _value_in_range(
    given: None, a: jax.Array, b: jax.Array, temperature: Temperature
) -> tuple[jax.Array, Statistics, jax.Array]:
    p, q, rows, certain = in_range.sums(a, b, temperature)
    either, _ = in_range.missing(a, b)
    y = jnp.where(either, 0.0, single_or_double(b))
    y = y if temperature is None else y / temperature
    # Σ p (top - y) + log Σ exp(y - top), where nothing cancels, of a top as near the largest y as its logarithm
    top = jnp.log(jnp.where(certain, q.max(-1, keepdims=True), 1.0))
    level = jnp.log(rows.norm_q * jnp.exp(-top))
    outside = in_range.outside(a, b, temperature, p, q)
    value = total(jnp.where(outside, jnp.inf, p * (top - y))) / rows.norm_p + level
    return value, rows, certain & (value > 0.25) & (value < jnp.inf)


def _slopes_in_range(sides: Any, carried: Any, *operands: Any) -> tuple[jax.Array, ...]:
    # That in b is KL's.
    return in_range.slopes(sides, (kl, carried[1]), *operands)


CROSS_ENTROPY = Divergence(
    by_passes=_by_passes, slopes=_slopes, in_range=InRange(_value_in_range, _slopes_in_range, sides=("q",))
)


# --- labels -----------------------------------------------------------------------------------------------------


@jax.custom_jvp
def of_labels(labels: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """-log q_y over the last axis; ∞ where q misses y, as it does a label that is no outcome."""
    value, _, _ = _of_outcomes(labels, b, temperature)
    return value


def _of_outcomes(labels: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array, jax.Array]:
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


@of_labels.defjvp
def _of_labels_jvp(primals, tangents):
    labels, b, temperature = primals
    _, db, d_temperature = tangents
    value, q, mine = _of_outcomes(labels, b, temperature)
    tangent = logit_tangent(b, b.max(-1, keepdims=True), temperature, db.astype(q.dtype), d_temperature)
    # An infinite cost has zero gradient; relative to the label's own tangent nothing of it cancels.
    at_label = jnp.where(mine, tangent, 0.0).sum(-1, keepdims=True)
    slope = (jnp.where(mine, 0.0, q) * (tangent - at_label)).sum(-1)
    return of_labels(labels, b, temperature), jnp.where(jnp.isinf(value), 0.0, slope)


# --- pieces -----------------------------------------------------------------------------------------------------


def _piece_terms(given: None, found: pieces.Moments, a: jax.Array, b: jax.Array) -> dict[str, jax.Array]:
    rows, (p, _, r) = masses_of(found, a, b)
    return {"value": total(_paid(rows, p, r, b))}


def _paid(rows: Statistics, p: jax.Array, r: jax.Array, b: jax.Array) -> jax.Array:
    """-p log q; ∞ where q misses an outcome of p."""
    absent = b == -jnp.inf
    log_q = (jnp.where(absent, rows.top_q, b) - rows.top_q) - jnp.log(rows.norm_q)
    return jnp.where(r == jnp.inf, jnp.inf, jnp.where(absent, 0.0, -p * log_q))


def _gradient(given, mark, found, sums_, a, b):
    rows, (p, q, r) = masses_of(found, a, b)
    lost = r == jnp.inf
    total = jnp.where(jnp.isinf(sums_["value"]), 0.0, sums_["value"])
    in_p = jnp.where(lost, 0.0, _paid(rows, p, jnp.where(lost, 0.0, r), b)) - p * total
    missing = found.missed / rows.norm_p
    return jnp.where(jnp.isinf(sums_["value"]), 0.0, in_p), jnp.where(lost, 0.0, mass_gap(p, q, r)) - q * missing


PIECES = Functional(
    rows=lambda given, labels, a, b: cross_entropy(a, b, None),
    terms=_piece_terms,
    value=lambda given, found, sums_: sums_["value"],
    gradient=_gradient,
    **PAIR,
)


def _label_gradient(given, mark, found, _, a):
    # p - 1[y]; where the label is the largest outcome, 1 - p is the share of the others.
    p = jnp.exp(log_p_of(found, a))
    rest = jnp.where(a == found.top, found.others / (1.0 + found.others), 1.0 - p)
    return (jnp.where(found.chosen == -jnp.inf, 0.0, jnp.where(mark, -rest, p)),)


LABELS = Functional(
    rows=lambda given, labels, a: of_labels(labels, a, None),
    value=lambda given, found, _: (found.top - found.chosen) + log_norm_of(found),
    gradient=_label_gradient,
    **SINGLE,
)
