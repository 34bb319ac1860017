"""KL and lines between two distributions of vectors of counts."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax

from kljax._special.elementwise import expm1_minus_x, log1p
from kljax._special.gamma import bregman_log_gamma
from kljax._special.ratios import log_of_gap
from kljax.divergences._forms.lines import Line, times
from kljax.divergences._forms.outcomes import kl_categorical
from kljax.families import Categorical, DirichletMultinomial, Multinomial
from kljax.families._internal import outcome_log_chances, over_counts, trials_of


def kl_multinomial(p: Multinomial, q: Multinomial) -> jax.Array:
    """n times KL of the categorical distributions, for equal counts n."""
    first, second = (Categorical(probs=one.probs, logits=one.logits) for one in (p, q))
    return trials_of(p) * kl_categorical(first, second)


def multinomial_line(p: Multinomial, q: Multinomial) -> Line:
    """log E_s[e^(c w)] - c E_s[w], w = log p - log q: of n trials n times. A constant in w is lost again."""
    if p.logits is not None and q.logits is not None:
        first, second = p.logits, q.logits  # normalised they would have lost what near ones differ by
    else:
        first, second = outcome_log_chances(p), outcome_log_chances(q)
    never = (first == -jnp.inf) & (second == -jnp.inf)
    edge = (first == -jnp.inf) != (second == -jnp.inf)
    odd = never | edge
    a, b = (jnp.where(odd, 0.0, one) for one in (first, second))
    gap = a - b
    if p.logits is None and q.logits is None:
        gap = jnp.where(odd, 0.0, _log_gap(jnp.where(odd, 1.0, p.probs), jnp.where(odd, 1.0, q.probs)))
    one_sided = edge.any(-1)

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        low, wide = s < 0.5, s[..., None]
        logits = jnp.where(low[..., None], b + wide * gap, a - (1.0 - wide) * gap)
        at_end = (s == 1.0) | (s == 0.0)
        # Between the ends nothing has an outcome that either of them lacks; at an end it has its own.
        missing = jnp.where(wide == 1.0, first == -jnp.inf, jnp.where(wide == 0.0, second == -jnp.inf, odd))
        chances = jax.nn.softmax(jnp.where(missing, -jnp.inf, jnp.where(edge & ~missing, first + 0.0, logits)), -1)
        chances = jnp.where(odd, 0.0, chances)
        w = c[..., None] * gap
        v = w - (chances * w).sum(-1, keepdims=True)
        near = (jnp.abs(v) <= 2.0).all(-1)
        close = log1p((chances * expm1_minus_x(jnp.where(near[..., None], v, 0.0))).sum(-1))
        top = lax.stop_gradient(v.max(-1))
        far = jnp.log((chances * jnp.exp(v - top[..., None])).sum(-1)) + top
        value = jnp.where(near, close, far)
        return jnp.where(one_sided & at_end & (s != r), jnp.inf, value)

    return times(trials_of(p), Line(step))


def _log_gap(p: jax.Array, q: jax.Array) -> jax.Array:
    return log_of_gap((p - q) / q, jnp.log(p) - jnp.log(q))


def kl_dirichlet_multinomial(p: DirichletMultinomial, q: DirichletMultinomial) -> jax.Array:
    """Σᵢ [B(βᵢ; αᵢ) - E B(βᵢ + kᵢ; αᵢ + kᵢ)] - B(β₀; α₀) + B(β₀ + n; α₀ + n), for equal counts n.

    α those of p, β those of q, B the Bregman divergence of log Γ: what is linear in β - α has mean zero, as the
    derivative of log p has.
    """
    n, a, b = trials_of(p), p.concentration, q.concentration
    d = b - a
    a_, b_, d_ = (one[..., None] for one in (a, b, d))

    def grown(k: jax.Array) -> jax.Array:
        first, second, gap = (jnp.broadcast_to(one, k.shape) for one in (a_, b_, d_))
        return bregman_log_gamma(second + k, first + k, gap)

    parts = bregman_log_gamma(b, a, d) - over_counts(p, grown)
    whole, other, gap = a.sum(-1), b.sum(-1), d.sum(-1)
    return jnp.maximum(
        parts.sum(-1) - bregman_log_gamma(other, whole, gap) + bregman_log_gamma(other + n, whole + n, gap), 0.0
    )


KL = {
    (DirichletMultinomial, DirichletMultinomial): kl_dirichlet_multinomial,
    (Multinomial, Multinomial): kl_multinomial,
}
