"""Divergences between two distributions on the same finitely many outcomes: rows for ``probs`` or ``logits``."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp

from kljax import logits, probs
from kljax._special.elementwise import log_ratio
from kljax.families import Bernoulli, Categorical, OneHotCategorical
from kljax.families._internal import row


def tables(p: Any, q: Any) -> tuple[ModuleType, jax.Array, jax.Array] | None:
    """For two distributions on the same finitely many outcomes: ``probs`` or ``logits``, and the rows for it."""
    if isinstance(p, Bernoulli) and isinstance(q, Bernoulli):
        (kind_p, a), (kind_q, b) = row(p), row(q)
    elif isinstance(p, _CATEGORIES) and isinstance(q, _CATEGORIES):
        (kind_p, a), (kind_q, b) = _row(p), _row(q)
        if a.shape[-1] != b.shape[-1]:
            counts = f"{type(p).__name__} has {a.shape[-1]} and {type(q).__name__} has {b.shape[-1]}"
            raise ValueError(f"p and q must have the same number of outcomes; {counts}.")
    else:
        return None
    if kind_p == kind_q == "probs":
        return probs, a, b
    # The logarithm of a probability is a logit.
    a, b = (log_ratio(x, jnp.ones_like(x)) if kind == "probs" else x for kind, x in ((kind_p, a), (kind_q, b)))
    return logits, a, b


_CATEGORIES = (Categorical, OneHotCategorical)


def _row(one: Any) -> tuple[str, jax.Array]:
    return ("probs", one.probs) if one.logits is None else ("logits", one.logits)


def kl_categorical(p: Any, q: Any) -> jax.Array:
    """Σ K(pₖ, q_k), or that of the logits."""
    found = tables(p, q)
    assert found is not None
    module, a, b = found
    value: jax.Array = module.kl(a, b)
    return value
