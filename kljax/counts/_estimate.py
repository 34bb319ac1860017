"""A number known from counts: its standard error, what the counts never showed, and what that makes of the number."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Hashable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from kljax import _checks, _formatting

BOUND_ABOVE = 0.05
"""Where more of p than this lies on outcomes that q never showed, a divergence is a lower bound."""
NOT_WORTH_SHOWING = 8


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=["value", "stderr", "ess", "unseen"],
    meta_fields=["method", "bound_above", "high", "only_p", "only_q"],
)
@dataclasses.dataclass(frozen=True, repr=False)
class CountEstimate:
    """A number known from counts, in nats; a pytree, so that ``jit`` and ``vmap`` return it.

    Attributes:
        value: The estimate. It is not cut off at 0, which would bias averages of it: ``interval`` is.
        stderr: Its standard error: the spread over repeated samples of this size, and beside it a share of what the
            estimator had to add for outcomes that were never seen. ∞ where there are no counts.
        ess: How many counts it rests on: their total for an entropy, for a divergence the effective number
            (Σw)²/Σw² of the weights p/q of the counts of q, or the total of p if that is smaller.
        unseen: The share of p on outcomes that q never showed; of an entropy the share of the draws that are the only
            ones of their outcome (Good and Turing's estimate of the mass of all outcomes never seen).
        method: The estimator.
        bound_above: The share ``unseen`` above which the value is a lower bound.
        high: The largest value possible.
        only_p: Labels that only the first counts have.
        only_q: Labels that only the second have.
    """

    value: jax.Array
    stderr: jax.Array
    ess: jax.Array
    unseen: jax.Array
    method: str = ""
    bound_above: float = BOUND_ABOVE
    high: float = np.inf
    only_p: tuple[Hashable, ...] = ()
    only_q: tuple[Hashable, ...] = ()

    @property
    def kind(self) -> Any:
        """Either "estimate", or "lower bound" where too much was never seen; an array of words for a batch."""
        words = np.where(np.asarray(self.unseen) > self.bound_above, "lower bound", "estimate")
        return str(words) if words.ndim == 0 else words

    def interval(self, level: float = 0.95) -> tuple[jax.Array, jax.Array]:
        """The two ends, value ± z stderr inside the range that is possible; a lower bound has no upper end but that.

        Over repeated samples of this size it contains the truth in the share ``level`` of them, as far as what was
        never seen resembles what was seen seldom.
        """
        _checks.number("level", level, low=0.0, high=1.0, open_low=True, open_high=True)
        reach = float(special.ndtri(0.5 + 0.5 * level)) * self.stderr
        top = jnp.where(self.unseen > self.bound_above, jnp.inf, self.value + reach)
        return jnp.clip(self.value - reach, 0.0, self.high), jnp.clip(top, 0.0, self.high)

    @property
    def verdict(self) -> str:
        """One sentence for people."""
        if jnp.ndim(self.value) != 0:
            raise ValueError(f"verdict is for one estimate; this is a batch of shape {jnp.shape(self.value)}.")
        low, high = (float(end) for end in self.interval())
        if self.kind == "lower bound":
            words = f"at least {low:.3g} nats (by all that was seen {float(self.value):.3g}): {self._never_seen()}"
        else:
            words = f"{float(self.value):.3g} nats, between {low:.3g} and {high:.3g} with 95 % confidence"
        missing = [
            f"only {name} has {_listed(labels)}" for name, labels in (("p", self.only_p), ("q", self.only_q)) if labels
        ]
        return "; ".join([words, *missing])

    def _never_seen(self) -> str:
        share = f"{float(self.unseen):.0%}"
        if self.bound_above > BOUND_ABOVE:
            return f"{share} of the draws are the only ones of their outcome"
        return f"{share} of p lies on outcomes that q never showed"

    def __repr__(self) -> str:
        shown = _formatting.estimate(self.value, self.stderr, self.ess)
        if shown is None:
            return f"CountEstimate(value={self.value}, stderr={self.stderr}, ess={self.ess}, unseen={self.unseen})"
        return f"at least {shown}" if jnp.ndim(self.value) == 0 and self.kind == "lower bound" else shown


def _listed(labels: tuple[Hashable, ...]) -> str:
    shown = ", ".join(repr(one) for one in labels[:NOT_WORTH_SHOWING])
    more = len(labels) - NOT_WORTH_SHOWING
    return f"{shown} and {more} more" if more > 0 else shown


def estimate(value: Any, stderr: Any, ess: Any, unseen: Any, *, total: Any, **fixed: Any) -> CountEstimate:
    """The record of arrays; where there are no counts the value is 0 and its error ∞."""
    traced = any(isinstance(one, jax.core.Tracer) for one in (value, stderr, ess, unseen))
    none = total == 0
    xp: Any = jnp if traced else np
    kept = (
        xp.where(none, 0.0, value),
        xp.where(none, xp.inf, stderr),
        xp.where(none, 0.0, ess),
        xp.where(none, 1.0, unseen),
    )
    dtype = jnp.result_type(float)
    arrays = [one if traced else jnp.asarray(np.asarray(one, np.float64), dtype) for one in kept]
    return CountEstimate(arrays[0], arrays[1], arrays[2], arrays[3], **fixed)
