"""Log-scores of points: their weighted means, their differences, and the errors of both."""

from __future__ import annotations

import math

import jax.numpy as jnp
import numpy as np

from kljax.montecarlo import Estimate


def mean(scores: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Means over the last axis; a point without weight adds nothing, be its score -∞."""
    return np.where(share > 0, share * np.where(share > 0, scores, 0.0), 0.0).sum(-1)


def difference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a - b point by point, 0 where both are -∞."""
    both = (a == -np.inf) & (b == -np.inf)
    return np.where(both, 0.0, np.where(both, 0.0, a) - np.where(both, 0.0, b))


def estimate(values: np.ndarray, share: np.ndarray) -> Estimate:
    """The weighted mean and its standard error; where it is infinite the error is 0."""
    centre = float(mean(values, share))
    count = 1.0 / float((share**2).sum())
    if not math.isfinite(centre):
        return Estimate(*(jnp.asarray(one, jnp.result_type(float)) for one in (centre, 0.0, count)))
    spread = float((share**2 * np.where(share > 0, values - centre, 0.0) ** 2).sum())
    error = math.sqrt(spread * count / (count - 1.0)) if count > 1.0 else math.inf
    return Estimate(*(jnp.asarray(one, jnp.result_type(float)) for one in (centre, error, count)))
