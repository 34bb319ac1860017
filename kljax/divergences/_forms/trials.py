"""Divergences between two families of one probability: of one trial, of waiting times."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax import bregman, probs
from kljax._special.elementwise import (
    divide,
    expm1,
    expm1_minus_x,
    expm1_minus_x_ratio,
    itakura_saito_term,
    kl_term,
    log1p,
    log1p_excess,
    log_ratio,
    relative_gap,
)
from kljax._special.log1p_quotients import log1p_ratio
from kljax._special.odds import (
    complement_term,
    sigmoid,
    softplus,
    softplus_gap,
    softplus_over_exp,
    softplus_over_exp_of,
)
from kljax._special.ratios import log_of_gap
from kljax.families import Bernoulli, Poisson
from kljax.families._internal import chances, logit
from kljax.generators import Generator


def log_ratio_of_chances(p: Any, q: Any) -> jax.Array:
    """log(p/q)"""
    if p.logits is None and q.logits is None:
        return log_ratio(p.probs, q.probs)
    return -softplus_gap(-logit(p), -logit(q))


def log_ratio_of_misses(p: Any, q: Any, unused: jax.Array) -> jax.Array:
    """log((1 - p)/(1 - q)), but where it is unused, for it may be infinite there."""
    if p.logits is None and q.logits is None:
        a, b = (jnp.where(unused, 0.5, one.probs) for one in (p, q))
        return log_of_gap(relative_gap(1.0 - a, 1.0 - b, b - a), log_ratio(1.0 - a, 1.0 - b))
    x, y = (jnp.where(unused, 0.0, logit(one)) for one in (p, q))
    return softplus_gap(y, x)


def log_ratio_of_hits(p: Any, q: Any, unused: jax.Array) -> jax.Array:
    """log(p/q), but where it is unused."""
    if p.logits is None and q.logits is None:
        return log_ratio(*(jnp.where(unused, 0.5, one.probs) for one in (p, q)))
    x, y = (jnp.where(unused, 0.0, logit(one)) for one in (p, q))
    return softplus_gap(-y, -x)


def kl_of_trials(p: Any, q: Any) -> jax.Array:
    """K(p, q) + K(1 - p, 1 - q); of logits x, y: log(1 + eʸ) - log(1 + eˣ) - σ(x)(y - x)."""
    if p.logits is None and q.logits is None:
        return kl_term(p.probs, q.probs) + complement_term(p.probs, q.probs)
    return bregman.logistic_loss(logit(q)[..., None], logit(p)[..., None])


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


def kl_of_waits(p: Any, q: Any) -> jax.Array:
    """[K(p, q) + K(1 - p, 1 - q)]/p, of the failures before a success."""
    if p.logits is None and q.logits is None:
        rest = complement_term(p.probs, q.probs)
        missed = jnp.isinf(rest)
        whole = itakura_saito_term(q.probs, p.probs) + divide(jnp.where(missed, 0.0, rest), p.probs)
        return jnp.where(missed, jnp.inf, whole)
    return _wait_term(logit(p), logit(q))


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
    small = over_p * log1p_ratio(p * over_p)
    far = d - softplus(x) - softplus_over_exp(x) + softplus(y) + softplus_over_exp_of(y, x)
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
    small = -expm1(-d) * sigmoid(-y) * log1p_ratio(sigmoid(y) * expm1(d))
    in_x = jnp.where(near, small, softplus_over_exp(x) - softplus_over_exp_of(y, x))
    return value, jnp.where(dead, 0.0, in_x * dx + sigmoid(-y) * expm1(y - x) * dy)


def kl_bernoulli(p: Bernoulli, q: Bernoulli) -> jax.Array:
    """K(p, q) + K(1 - p, 1 - q); of logits x, y: log(1 + eʸ) - log(1 + eˣ) - σ(x)(y - x)."""
    return kl_of_trials(p, q)


def kl_bernoulli_poisson(p: Bernoulli, q: Poisson) -> jax.Array:
    """K(p, λ) + K(1 - p, 1) = p log(p/λ) + (1 - p) log(1 - p) + λ"""
    chance, rest = chances(p)
    low = chance < 0.5
    small = log1p_excess(-jnp.where(low, chance, 0.0))
    certain = jnp.where(low, small, kl_term(jnp.where(low, 1.0, rest), jnp.ones_like(rest)))
    # λ - p = (λ - 1) + (1 - p) where p and λ are about one, and 1 - p may be known better than p.
    near = ~low & (jnp.abs(q.rate - 1.0) <= 0.25)
    safe_p, rate = jnp.where(near, chance, 1.0), jnp.where(near, q.rate, 1.0)
    gap = relative_gap(safe_p, rate, jnp.where(near, (1.0 - rate) - rest, 0.0))
    apart = kl_term(jnp.where(near, 1.0, chance), jnp.where(near, 1.0, q.rate))
    return jnp.where(near, rate * log1p_excess(gap), apart) + certain


KL = {
    (Bernoulli, Bernoulli): kl_bernoulli,
    (Bernoulli, Poisson): kl_bernoulli_poisson,
}
