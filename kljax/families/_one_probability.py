"""What the families of one probability p have in common: p is given as such, or by its logit x = log(p/(1 - p)).

A logit is never made a probability where that would cost digits; only where one record holds p and the other a logit,
the first is converted to its logit.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import log_ratio
from kljax._special.odds import log_complement, log_of, sigmoid, softplus


def chances(one: Any) -> tuple[jax.Array, jax.Array]:
    """(p, 1 - p)"""
    if one.logits is None:
        return one.probs, 1.0 - one.probs
    return sigmoid(one.logits), sigmoid(-one.logits)


def log_chances(one: Any) -> tuple[jax.Array, jax.Array]:
    """(log p, log(1 - p))"""
    if one.logits is None:
        return log_of(one.probs), log_complement(one.probs)
    return -softplus(-one.logits), -softplus(one.logits)


def logit(one: Any) -> jax.Array:
    """log(p/(1 - p))"""
    return log_ratio(one.probs, 1.0 - one.probs) if one.logits is None else one.logits


def row(one: Any) -> tuple[str, jax.Array]:
    """Whether the two outcomes 0, 1 come as "probs" or "logits", and these, [..., 2]."""
    if one.logits is None:
        return "probs", jnp.stack([1.0 - one.probs, one.probs], -1)
    # (0, x) less the larger, so that an infinite logit is a row too.
    return "logits", jnp.stack([jnp.minimum(-one.logits, 0.0), jnp.minimum(one.logits, 0.0)], -1)
