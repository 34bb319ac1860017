"""What the families of one probability p have in common: p is given as such, or by its logit x = log(p/(1 - p)).

    record ─▶ (p, 1 - p) or their logarithms, each with all its digits ─▶ divergences of one trial, of waiting times

A logit is never made a probability where that would cost digits; only where one record holds p and the other a logit,
the first is converted to its logit.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax import bregman, probs
from kljax._special.elementwise import (
    atanh_tail,
    divide,
    expm1,
    expm1_minus_x,
    expm1_minus_x_ratio,
    itakura_saito_term,
    kl_term,
    log1p,
    log_apart,
    log_ratio,
    quotient_apart,
    relative_gap,
    tiny,
)
from kljax.generators import Generator

# --- one record -------------------------------------------------------------------------------------------


@jax.custom_jvp
def sigmoid(x: jax.Array) -> jax.Array:
    """σ(x) = 1/(1 + e⁻ˣ)."""
    e = jnp.exp(-jnp.abs(x))
    return jnp.where(x >= 0.0, 1.0, e) / (1.0 + e)


@sigmoid.defjvp
def _sigmoid_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return sigmoid(x), sigmoid(x) * sigmoid(-x) * dx


@jax.custom_jvp
def softplus(x: jax.Array) -> jax.Array:
    """log(1 + eˣ); its derivative is σ(x)."""
    return jnp.maximum(x, 0.0) + log1p(jnp.exp(-jnp.abs(x)))


@softplus.defjvp
def _softplus_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return softplus(x), sigmoid(x) * dx


def chances(one: Any) -> tuple[jax.Array, jax.Array]:
    """(p, 1 - p)"""
    if one.logits is None:
        return one.probs, 1.0 - one.probs
    return sigmoid(one.logits), sigmoid(-one.logits)


def log_chances(one: Any) -> tuple[jax.Array, jax.Array]:
    """(log p, log(1 - p))"""
    if one.logits is None:
        return _log(one.probs), log_complement(one.probs)
    return -softplus(-one.logits), -softplus(one.logits)


def logit(one: Any) -> jax.Array:
    """log(p/(1 - p))"""
    return log_ratio(one.probs, 1.0 - one.probs) if one.logits is None else one.logits


def log_complement(p: jax.Array) -> jax.Array:
    """log(1 - p), from the exact 1 - p where p is large; its derivative is finite at p = 1."""
    return jnp.where(p < 0.5, log1p(-jnp.minimum(p, 0.5)), _log(1.0 - p))


def _log(p: jax.Array) -> jax.Array:
    return log_ratio(p, jnp.ones_like(p))


def row(one: Any) -> tuple[str, jax.Array]:
    """Whether the two outcomes 0, 1 come as "probs" or "logits", and these, [..., 2]."""
    if one.logits is None:
        return "probs", jnp.stack([1.0 - one.probs, one.probs], -1)
    # (0, x) less the larger, so that an infinite logit is a row too.
    return "logits", jnp.stack([jnp.minimum(-one.logits, 0.0), jnp.minimum(one.logits, 0.0)], -1)


def log_ratio_of_chances(p: Any, q: Any) -> jax.Array:
    """log(p/q)"""
    if p.logits is None and q.logits is None:
        return log_ratio(p.probs, q.probs)
    return -_softplus_gap(-logit(p), -logit(q))


def log_ratio_of_misses(p: Any, q: Any, unused: jax.Array) -> jax.Array:
    """log((1 - p)/(1 - q)), but where it is unused, for it may be infinite there."""
    if p.logits is None and q.logits is None:
        a, b = (jnp.where(unused, 0.5, one.probs) for one in (p, q))
        t = relative_gap(1.0 - a, 1.0 - b, b - a)
        near = jnp.abs(t) <= 0.5
        return jnp.where(near, log1p(jnp.where(near, t, 0.0)), log_ratio(1.0 - a, 1.0 - b))
    x, y = (jnp.where(unused, 0.0, logit(one)) for one in (p, q))
    return _softplus_gap(y, x)


def log_ratio_of_hits(p: Any, q: Any, unused: jax.Array) -> jax.Array:
    """log(p/q), but where it is unused."""
    if p.logits is None and q.logits is None:
        return log_ratio(*(jnp.where(unused, 0.5, one.probs) for one in (p, q)))
    x, y = (jnp.where(unused, 0.0, logit(one)) for one in (p, q))
    return _softplus_gap(-y, -x)


def _softplus_gap(x: jax.Array, y: jax.Array) -> jax.Array:
    """log(1 + eˣ) - log(1 + eʸ)"""
    near = jnp.abs(x - y) <= 1.0
    small = log1p(sigmoid(y) * expm1(jnp.where(near, x - y, 0.0)))
    return jnp.where(near, small, softplus(x) - softplus(y))


def log_probability(k: jax.Array, total: jax.Array | float, chance: jax.Array, log_chance: jax.Array) -> jax.Array:
    """-K(k, nπ) = k log(nπ/k) + k - nπ, n the total and π the chance, of k ≥ 0 counts."""
    # Where π underflows there is its logarithm.
    inside = (chance >= tiny(chance)) | (log_chance == -jnp.inf) | (k == 0.0)
    expected = total * jnp.where(inside, chance, 1.0)
    low = jnp.where(inside, 1.0, k)
    beyond = low * (jnp.where(inside, 0.0, log_chance) + jnp.log(total / low)) + low
    return jnp.where(inside, -kl_term(jnp.where(inside, k, 1.0), expected), beyond)


# --- one trial --------------------------------------------------------------------------------------------


def kl_of_trials(p: Any, q: Any) -> jax.Array:
    """K(p, q) + K(1 - p, 1 - q); of logits x, y: log(1 + eʸ) - log(1 + eˣ) - σ(x)(y - x)."""
    if p.logits is None and q.logits is None:
        return kl_term(p.probs, q.probs) + _complement_term(p.probs, q.probs)
    return bregman.logistic_loss(logit(q)[..., None], logit(p)[..., None])


@jax.custom_jvp
def _complement_term(p: jax.Array, q: jax.Array) -> jax.Array:
    """K(1 - p, 1 - q), from the difference q - p, which has the digits that 1 - p loses."""
    gap, y, x = q - p, 1.0 - p, 1.0 - q
    total = y + x
    s = gap / jnp.where(total > 0.0, total, 1.0)
    near = (jnp.abs(s) <= 0.5) & (total >= 0.0)
    s = jnp.where(near, s, 0.0)
    series = jnp.where(near, gap, 0.0) * s * (1.0 + s * (1.0 + s) * atanh_tail(s * s))
    direct = y * log_apart(y, x, quotient_apart(near | (y == 0.0), y, x)) - gap
    return jnp.where(near, series, direct)


@_complement_term.defjvp
def _complement_term_jvp(primals, tangents):
    # ∂p = -log((1 - p)/(1 - q)), ∂q = (q - p)/(1 - q); zero where q misses what p has, as in kl_term
    (p, q), (dp, dq) = primals, tangents
    dead = q == 1.0
    safe = jnp.where(dead, 0.0, q)
    t = relative_gap(1.0 - p, 1.0 - safe, safe - p)
    near = jnp.abs(t) <= 0.5
    apart = log_ratio(jnp.where(near, 1.0, jnp.maximum(1.0 - p, tiny(p))), jnp.where(near, 1.0, 1.0 - safe))
    log = jnp.where(near, log1p(jnp.where(near, t, 0.0)), apart)
    return _complement_term(p, q), jnp.where(dead, 0.0, t * dq - log * dp)


def f_divergence_of_trials(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """q f(p/q) + (1 - q) f((1 - p)/(1 - q)), the second from the difference q - p, as in K(1 - p, 1 - q)."""
    # From ½ on 1 - p is exact, and where p and q are far apart so is what is needed of it.
    low = (jnp.minimum(p, q) < 0.5) & (jnp.maximum(p, q) <= 0.75)
    a, b = jnp.where(low, p, 0.25), jnp.where(low, q, 0.25)
    rest = log1p(relative_gap(1.0 - a, 1.0 - b, b - a))
    misses = (1.0 - b) * generator.perspective(rest, jnp.zeros_like(rest))
    close = probs.f_divergence(a[..., None], b[..., None], generator) + misses
    first, second = (jnp.stack([1.0 - one, one], -1) for one in (jnp.where(low, 0.75, p), jnp.where(low, 0.75, q)))
    found = jnp.where(low, close, probs.f_divergence(first, second, generator))
    legal = (jnp.minimum(p, q) >= 0.0) & (jnp.maximum(p, q) <= 1.0)
    return jnp.where(legal, found, jnp.nan)


# --- waiting times ----------------------------------------------------------------------------------------


def kl_of_waits(p: Any, q: Any) -> jax.Array:
    """[K(p, q) + K(1 - p, 1 - q)]/p, of the failures before a success."""
    if p.logits is None and q.logits is None:
        rest = _complement_term(p.probs, q.probs)
        missed = jnp.isinf(rest)
        whole = itakura_saito_term(q.probs, p.probs) + divide(jnp.where(missed, 0.0, rest), p.probs)
        return jnp.where(missed, jnp.inf, whole)
    return _wait_term(logit(p), logit(q))


def softplus_over_exp(x: jax.Array) -> jax.Array:
    """log(1 + eˣ)/eˣ, 1 at -∞ and 0 at ∞."""
    low = x < 0.0
    odds = jnp.exp(jnp.where(low, x, 0.0))
    shown = odds >= tiny(odds)
    safe = jnp.where(shown, odds, 1.0)
    above = jnp.where(low, 1.0, x)
    return jnp.where(low, jnp.where(shown, divide(log1p(safe), safe), 1.0), jnp.exp(-above) * softplus(above))


def _softplus_over_exp(y: jax.Array, x: jax.Array) -> jax.Array:
    """log(1 + eʸ)/eˣ"""
    return jnp.where(y < 0.0, jnp.exp(y - x) * softplus_over_exp(jnp.minimum(y, 0.0)), jnp.exp(-x) * softplus(y))


def _log1p_over(a: jax.Array) -> jax.Array:
    """log(1 + a)/a, 1 at 0."""
    safe = jnp.where(a == 0.0, 1.0, a)
    return jnp.where(a == 0.0, 1.0, divide(log1p(safe), safe))


@jax.custom_jvp
def _wait_term(x: jax.Array, y: jax.Array) -> jax.Array:
    """[log(1 + eʸ) - log(1 + eˣ) - σ(x)(y - x)]/σ(x) for logits x of p and y of q."""
    # A success for certain under p costs -log q; q certain of either is infinitely far from any other p.
    certain = jnp.isinf(x) | jnp.isinf(y)
    limit = jnp.where(x == jnp.inf, softplus(-y), jnp.where(x == y, 0.0, jnp.inf))
    x, y = (jnp.where(certain, 0.0, one) for one in (x, y))
    likely = x > 0.0
    trial = bregman.logistic_loss(y[..., None], x[..., None])
    frequent = trial + jnp.exp(-jnp.maximum(x, 0.0)) * trial
    # For p ≤ ½ nothing is divided by p: with d = x - y, the mean of e(-u), u = (1 - p)d or -p d, over p, where d is
    # small; and the sum of its terms elsewhere.
    x = jnp.where(likely, 0.0, x)
    d = x - y
    near = jnp.abs(d) <= 4.0
    v = jnp.where(near, d, 0.0)
    p, rest = sigmoid(x), sigmoid(-x)
    over_p = expm1_minus_x(-rest * v) + rest * p * v * v * expm1_minus_x_ratio(p * v)
    small = over_p * _log1p_over(p * over_p)
    far = d - softplus(x) - softplus_over_exp(x) + softplus(y) + _softplus_over_exp(y, x)
    return jnp.where(certain, limit, jnp.where(likely, frequent, jnp.where(near, small, far)))


@_wait_term.defjvp
def _wait_term_jvp(primals, tangents):
    # ∂x = [log(1 + eˣ) - log(1 + eʸ)]/eˣ, ∂y = σ(y)/σ(x) - 1; zero where the divergence is infinite.
    (x, y), (dx, dy) = primals, tangents
    value = _wait_term(x, y)
    dead = jnp.isinf(value) | jnp.isinf(y)
    x, y = (jnp.where(dead, 0.0, one) for one in (jnp.minimum(x, 1e3), y))
    near = jnp.abs(x - y) <= 1.0
    d = jnp.where(near, x - y, 0.0)
    small = -expm1(-d) * sigmoid(-y) * _log1p_over(sigmoid(y) * expm1(d))
    in_x = jnp.where(near, small, softplus_over_exp(x) - _softplus_over_exp(y, x))
    return value, jnp.where(dead, 0.0, in_x * dx + sigmoid(-y) * expm1(y - x) * dy)


def log_partition_of_waits(natural: jax.Array) -> jax.Array:
    """-log(1 - e^η) for η < 0."""
    near = natural > -math.log(2.0)
    return -jnp.where(
        near, _log(-expm1(jnp.where(near, natural, -1.0))), log1p(-jnp.exp(jnp.where(near, -1.0, natural)))
    )
