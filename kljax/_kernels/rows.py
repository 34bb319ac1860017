"""Statistics of two rows of logits, and the accurate log-ratio that they give.

(a, b) ─▶ maxima ─▶ Z_p, Z_q ─▶ shift R ─▶ p, q, r = (a - b)/T - R = log(p/q).

The decision that isn't obvious: r is never a difference of log-softmaxes, which would leave an error of eps times
the logits. The difference a - b is formed first and exactly (as a two-term sum), and the shift
R = log Z_p - log Z_q, also a two-term sum, is corrected by what the first estimate leaves of Σq - Σp, a sum of small
terms when p ≈ q. Then r has relative accuracy, and so has every divergence.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax._special import expm1, log1p, two_diff, two_sum


class Rows(NamedTuple):
    """Statistics of a pair of rows, each of shape [..., 1]."""

    max_p: jax.Array
    max_q: jax.Array
    norm_p: jax.Array  # Σ exp((a - max_p)/T)
    norm_q: jax.Array
    shift: jax.Array  # log(p/q) = (a - b)/T - shift - shift_tail
    shift_tail: jax.Array


def _scaled(pair: tuple[jax.Array, jax.Array], temperature: jax.Array | None) -> tuple[jax.Array, jax.Array]:
    if temperature is None:
        return pair
    head, tail = pair
    return head / temperature, tail / temperature


def _weights(a: jax.Array, top: jax.Array, temperature: jax.Array | None) -> jax.Array:
    """exp((a - top)/T); the rounding error of the difference is put back to first order."""
    head, tail = _scaled(two_diff(a, top), temperature)
    weight = jnp.exp(head)
    return weight + weight * tail


def _log_ratio(
    a: jax.Array, b: jax.Array, shift: jax.Array, shift_tail: jax.Array, temperature: jax.Array | None
) -> jax.Array:
    """(a - b)/T - shift, and 0 where both are -∞."""
    both = (a == -jnp.inf) & (b == -jnp.inf)
    head, tail = _scaled(two_diff(jnp.where(both, 0.0, a), jnp.where(both, 0.0, b)), temperature)
    return jnp.where(both, 0.0, (head - shift) + (tail - shift_tail))


def _excess(p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """q - p, from r where the two are close."""
    return jnp.where(jnp.abs(r) < 0.5, p * expm1(-jnp.clip(r, -0.5, 0.5)), q - p)


def statistics(a: jax.Array, b: jax.Array, temperature: jax.Array | None = None) -> Rows:
    """The statistics of the rows along the last axis; they carry no derivative (``normalise`` does)."""
    a, b, temperature = lax.stop_gradient((a, b, temperature))
    max_p, max_q = a.max(-1, keepdims=True), b.max(-1, keepdims=True)
    # A row without a finite maximum is no distribution: NaN, which then spreads to the result.
    max_p, max_q = (jnp.where(jnp.isfinite(top), top, jnp.nan) for top in (max_p, max_q))
    weight_p, weight_q = _weights(a, max_p, temperature), _weights(b, max_q, temperature)
    norm_p, norm_q = weight_p.sum(-1, keepdims=True), weight_q.sum(-1, keepdims=True)
    head, tail = _scaled(two_diff(max_p, max_q), temperature)
    shift, rest = two_sum(head, jnp.log(norm_p / norm_q))
    shift_tail = rest + tail
    # With this R, Σq̂ - Σp̂ should vanish; what is left is the relative error of the norms.
    r = _log_ratio(a, b, shift, shift_tail, temperature)
    gap = _excess(weight_p / norm_p, weight_q / norm_q, r).sum(-1, keepdims=True)
    shift, rest = two_sum(shift, -log1p(gap))
    return Rows(max_p, max_q, norm_p, norm_q, shift, shift_tail + rest)


def centre(p: jax.Array, tangent: jax.Array) -> jax.Array:
    """tangent - Σ p·tangent, the derivative of log-softmax: adding a constant to the tangent changes nothing.

    The tangent is taken relative to the outcome that holds more than half of p, if there is one; its own
    entry is then a sum over the others. So the result, and in reverse mode a gradient that must sum to zero, keeps its
    digits when p is nearly one-hot.
    """
    dominant = p > 0.5
    reference = jnp.where(dominant, tangent, 0.0).sum(-1, keepdims=True)
    relative = jnp.where(dominant, 0.0, tangent - reference)
    return relative - (p * relative).sum(-1, keepdims=True)


@jax.custom_jvp
def normalise(
    a: jax.Array, b: jax.Array, temperature: jax.Array | None, rows: Rows
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(p, q, r): the probabilities of both rows and r = log(p/q); r = ∓∞ where only p, only q is zero."""
    p = _weights(a, rows.max_p, temperature) / rows.norm_p
    q = _weights(b, rows.max_q, temperature) / rows.norm_q
    return p, q, _log_ratio(a, b, rows.shift, rows.shift_tail, temperature)


@normalise.defjvp
def _normalise_jvp(primals, tangents):
    a, b, temperature, rows = primals
    da, db, d_temperature, _ = tangents
    p, q, r = normalise(a, b, temperature, rows)
    d_log_p = centre(p, logit_tangent(a, rows.max_p, temperature, da, d_temperature))
    d_log_q = centre(q, logit_tangent(b, rows.max_q, temperature, db, d_temperature))
    inside = ~jnp.isinf(r)
    return (p, q, r), (p * d_log_p, q * d_log_q, jnp.where(inside, d_log_p - d_log_q, 0.0))


def logit_tangent(
    a: jax.Array, top: jax.Array, temperature: jax.Array | None, da: jax.Array, d_temperature: jax.Array | None
) -> jax.Array:
    """The tangent of a/T, up to a constant in each row."""
    if temperature is None:
        return da
    offset = jnp.where(a == -jnp.inf, 0.0, a - top)
    return (da - offset * (d_temperature / temperature)) / temperature
