"""Pairs of columns whose rank correlation changed.

Within each table the normal scores u, v of a pair have correlation r, whose influence uv - r(u² + v²)/2 gives its
variance for any dependence; Fisher's z = artanh r of both tables are compared, all pairs together.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from kljax.tables._calibration import benjamini_hochberg
from kljax.tables._features import Features, mid_ranks, standardised
from kljax.tables._findings import Pair

_SHOWN = 5
_MOST = 0.9999


def changed_pairs(data: Features) -> tuple[Pair, ...]:
    """The five whose correlation changed most surely."""
    first = np.array([int(np.argmax(data.owner == j)) for j in np.flatnonzero(data.ordered)], np.int64)
    names = [data.names[j] for j in np.flatnonzero(data.ordered)]
    if len(names) < 2:
        return ()
    before, var_before = _correlations(data.reference.scores[:, first])
    after, var_after = _correlations(data.current.scores[:, first])
    rows, columns = np.triu_indices(len(names), 1)
    r, s = (np.clip(x[rows, columns], -_MOST, _MOST) for x in (before, after))
    spread = var_before[rows, columns] / (1 - r**2) ** 2 + var_after[rows, columns] / (1 - s**2) ** 2
    z = np.abs(np.arctanh(s) - np.arctanh(r)) / np.sqrt(np.maximum(spread, 1e-300))
    p = benjamini_hochberg(2 * special.ndtr(-z))
    top = np.argsort(-z, kind="stable")[:_SHOWN]
    return tuple(
        Pair(
            (names[rows[k]], names[columns[k]]),
            float(before[rows[k], columns[k]]),
            float(after[rows[k], columns[k]]),
            float(p[k]),
        )
        for k in top
    )


def _correlations(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Correlations of the columns, and their variances."""
    u = _within(scores)
    n = len(u)
    r = u.T @ u / n
    squares = u * u
    cubes, fourth = (u * squares).T @ u / n, np.mean(squares * squares, axis=0)
    both = squares.T @ squares / n
    variance = both - r * (cubes + cubes.T) + r * r / 4 * (fourth[:, None] + fourth[None, :] + 2 * both)
    return r, np.maximum(variance, 1e-12) / n


def _within(scores: np.ndarray) -> np.ndarray:
    """Normal scores of the ranks within the table, of mean 0 and variance 1."""
    found = np.empty_like(scores)
    for j in range(scores.shape[1]):
        middle, mine = mid_ranks(scores[:, j])
        found[:, j] = special.ndtri(middle)[mine]
    return standardised(found)
