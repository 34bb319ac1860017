"""A number known from samples alone, what it means, and what else was found on the way to it."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from scipy.special import ndtri

from kljax.montecarlo import Estimate


class Seconds(NamedTuple):
    """CPU time of one estimate.

    Attributes:
        models: Fitting the models of x and of y.
        search: Neighbours in the data.
        surrogates: Sampling from the models, and neighbours there.
        classifier: Training the classifier.
    """

    models: float = 0.0
    search: float = 0.0
    surrogates: float = 0.0
    classifier: float = 0.0

    @property
    def total(self) -> float:
        """All of it."""
        return sum(self)


class SampleEstimate(NamedTuple):
    """A number estimated from samples, with an error bar that holds, and the evidence for it in words.

    Attributes:
        value: The estimate, in nats. It is not clipped to the divergence's range, because averages of clipped estimates
            are biased; ``interval`` clips.
        stderr: The standard error: sampling, the correction's own error, and what the methods disagree about.
        ess: The effective sample size (Σw)²/Σw² of the weights w = p/q at y, by the model.
        kind: "estimate", or "lower bound" where the data can only show that it is at least so much.
        methods: Every number that was formed, by the name of its method.
        agreement: How far neighbours and the model alone are apart, in standard deviations of that difference where
            the model is true. Above 3 they disagree, and the interval is wider for it.
        atoms: The share of rows that lie on values which occur many times.
        dropped: Rows of x and of y that were left out, because they had NaN entries.
        verdict: What was found, in one sentence.
        seconds: CPU time.
        limits: The range of what is estimated.
    """

    value: jax.Array
    stderr: jax.Array
    ess: jax.Array
    kind: str = "estimate"
    methods: dict[str, Estimate] = {}  # noqa: RUF012 - a default that nobody changes
    agreement: float = math.nan
    atoms: float = 0.0
    dropped: tuple[int, int] = (0, 0)
    verdict: str = ""
    seconds: Seconds = Seconds()
    limits: tuple[float, float] = (0.0, math.inf)

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """value ± z stderr, clipped to the range of what is estimated; a lower bound has no upper end but that range's.

        Args:
            level: How often, over repeated samples of this size, the interval is to contain the truth.

        Returns:
            (low, high) in nats.

        Raises:
            ValueError: If ``level`` is not in (0, 1).
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level must lie in (0, 1), for instance 0.95; got {level!r}.")
        half = float(ndtri(0.5 + 0.5 * level)) * float(self.stderr)
        low, high = float(self.value) - half, float(self.value) + half
        if math.isnan(half):
            low, high = self.limits
        if self.kind == "lower bound":
            high = self.limits[1]
        return min(max(low, self.limits[0]), self.limits[1]), max(min(high, self.limits[1]), self.limits[0])

    def __str__(self) -> str:
        low, high = self.interval()
        number = f"{float(self.value):.4g} ± {float(self.stderr):.2g} nats"
        return f"{number}, 95 % interval [{low:.4g}, {high:.4g}]: {self.verdict}"


def estimate(value: float, stderr: float = math.nan, ess: float = math.nan) -> Estimate:
    """Three numbers as an ``Estimate`` of arrays."""
    return Estimate(*(jnp.asarray(x, float) for x in (value, stderr, ess)))
