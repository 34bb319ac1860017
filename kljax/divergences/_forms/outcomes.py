"""Divergences between two distributions on the same finitely many outcomes: rows for ``probs`` or ``logits``."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kljax import logits, probs
from kljax._special.elementwise import log_ratio
from kljax.families import Bernoulli, Categorical, OneHotCategorical
from kljax.families._internal import aligned, row

_CATEGORIES = (Categorical, OneHotCategorical)


class Rows(NamedTuple):
    """Two rows of the same outcomes.

    Attributes:
        module: ``probs`` or ``logits``, whichever they are for.
        p: The row of p, [batch..., outcomes].
        q: That of q.
        chances: Those of the second of two outcomes, where the first is known to have the rest; of p and of q.
    """

    module: ModuleType
    p: jax.Array
    q: jax.Array
    chances: tuple[jax.Array, jax.Array] | None = None


def rows(p: Any, q: Any) -> Rows | None:
    """For two distributions on the same finitely many outcomes their rows."""
    if not any(isinstance(p, kinds) and isinstance(q, kinds) for kinds in (Bernoulli, _CATEGORIES)):
        return None
    p, q = aligned(p, q)
    chances = None
    if isinstance(p, Bernoulli):
        (kind_p, a), (kind_q, b) = row(p), row(q)
        chances = (p.probs, q.probs) if kind_p == kind_q == "probs" else None
    else:
        (kind_p, a), (kind_q, b) = _row(p), _row(q)
        if a.shape[-1] != b.shape[-1]:
            counts = f"{type(p).__name__} has {a.shape[-1]} and {type(q).__name__} has {b.shape[-1]}"
            raise ValueError(f"p and q must have the same number of outcomes; {counts}.")
    if kind_p == kind_q == "probs":
        return Rows(probs, a, b, chances)
    # The logarithm of a probability is a logit.
    a, b = (log_ratio(x, jnp.ones_like(x)) if kind == "probs" else x for kind, x in ((kind_p, a), (kind_q, b)))
    return Rows(logits, a, b)


def _row(one: Any) -> tuple[str, jax.Array]:
    return ("probs", one.probs) if one.logits is None else ("logits", one.logits)


def kl_categorical(p: Any, q: Any) -> jax.Array:
    """Σ K(pₖ, q_k), or that of the logits."""
    found = rows(p, q)
    assert found is not None
    value: jax.Array = found.module.kl(found.p, found.q)
    return value


KL = {
    (Categorical, Categorical): kl_categorical,
    (Categorical, OneHotCategorical): kl_categorical,
    (OneHotCategorical, Categorical): kl_categorical,
    (OneHotCategorical, OneHotCategorical): kl_categorical,
}
