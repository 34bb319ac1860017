"""Normal scores of ranks, and what neighbours say of dependence in them.

Φ⁻¹(rank/(n + 1)) makes every column normal without a model; ties are broken at random, which changes no information.
Total correlation, TC = ½ d log 2πe - h(z), is left, of which Kozachenko and Leonenko's estimate at a point is

    t_k = ½ d log 2πe + ψ(k) - ψ(n) - log V_d - d log ρ_k,

with ρ_k the distance to the kth neighbour and V_d the volume of the unit ball.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import digamma, gammaln, ndtri

from kljax.samples._nearest import on_host

HALF_LOG_TAU_E = 0.5 * math.log(2.0 * math.pi * math.e)


def normal_scores(rows: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Φ⁻¹(rank/(n + 1)) of each column, ties broken at random."""
    count, width = rows.shape
    out = np.empty((count, width))
    values = ndtri(np.arange(1, count + 1) / (count + 1.0))
    for at in range(width):
        order = np.lexsort(np.stack([rng.random(count), rows[:, at]]))
        out[order, at] = values
    return out


def log_volume(width: int) -> float:
    """log of the volume of the unit ball."""
    return 0.5 * width * math.log(math.pi) - float(gammaln(0.5 * width + 1.0))


def total_correlation(
    scores: np.ndarray, chosen: np.ndarray, ks: tuple[int, ...], progress: bool = False
) -> np.ndarray:
    """t_k at the chosen rows, [k, queries]."""
    count, width = scores.shape
    distance, _ = on_host(scores[chosen], scores, max(ks), chosen, progress=progress)
    k = np.asarray(ks)
    logs = width * np.log(np.maximum(distance[:, k - 1].astype(np.float64), 1e-30))
    return (width * HALF_LOG_TAU_E + digamma(k) - digamma(count) - log_volume(width) - logs).T


def spacing_entropy(column: np.ndarray) -> float:
    """Ebrahimi's estimate from spacings, for few points on a line."""
    count = len(column)
    ordered = np.sort(column)
    m = int(math.sqrt(count) + 0.5)
    index = np.arange(count)
    high, low = np.minimum(index + m, count - 1), np.maximum(index - m, 0)
    c = np.where(index < m, 1.0 + index / m, np.where(index >= count - m, 1.0 + (count - 1 - index) / m, 2.0))
    return float(np.log(np.maximum((ordered[high] - ordered[low]) * count / (c * m), 1e-300)).mean())


def line_entropy(column: np.ndarray, k: int = 5) -> float:
    """Kozachenko and Leonenko's estimate on a line, from the sorted points."""
    count = len(column)
    ordered = np.sort(column)
    padded = np.concatenate([np.full(k, -np.inf), ordered, np.full(k, np.inf)])
    # The kth neighbour ends one of the k + 1 windows of k + 1 points that contain the point.
    nearest = np.full(count, np.inf)
    for left in range(k + 1):
        below = padded[k - left : k - left + count]
        above = padded[2 * k - left : 2 * k - left + count]
        nearest = np.minimum(nearest, np.maximum(ordered - below, above - ordered))
    return float(digamma(count) - digamma(k) + np.log(2.0 * np.maximum(nearest, 1e-300)).mean())
