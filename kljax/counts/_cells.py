"""Divergences of two histograms over the same cells, corrected for the bias that counting brings, with intervals.

Counts a of the reference (n rows) and b of the current table (m rows), q̂ = b/m.

The plug-in of KL(current‖reference) is too large by about (K - 1)/2 (1/m + 1/n) in expectation. Instead

    θ̂ = Σ q̂ [log q̂ - log((a + ½)/n)] - (K_b - 1)/2m + 1/2n,                K_b: cells with b > 0

where the ½ removes the bias 1/2np of log â cell by cell, whatever the ratio of q to p.

Interval. Near 0 the estimate scatters as a chi-square, v₀ = (K - 1)/2 (1/n + 1/m)²; far from 0 as the delta method
says, v_d = Var_q[log(q/p)]/m + (Σ q²/p - 1)/n. The first has the right width at 0, where the second has none. With
s = v_d/D, D the smoothed divergence, the variance at a true value θ is v₀ + sθ, and the interval holds every θ ≥ 0
that the estimate doesn't refute,

    (θ̂ - θ)² ≤ z² (v₀ + sθ),

as Wilson's does for a share: a quadratic in θ.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Z_95 = 1.959963984540054
"""The standard normal's 97.5 % quantile."""

_Counts = NDArray[np.float64]


class Bracket(NamedTuple):
    """An estimate in nats between the ends of its 95 % interval.

    Attributes:
        value: The estimate, at least 0.
        low: The lower end.
        high: The upper end, inf where there is none.
        open: Whether p has rows where q has none, so that the truth is "at least" the low end.
    """

    value: float
    low: float
    high: float
    open: bool


def kl(counts_p: np.ndarray, counts_q: np.ndarray, *, ordered: bool = True, z: float = Z_95) -> Bracket:
    """KL(p‖q) = Σ p log(p/q) of what the counts were drawn from, corrected for bias, with its interval.

    Args:
        counts_p: Rows of p in each cell, [cells].
        counts_q: Rows of q in the same cells, [cells].
        ordered: Whether neighbouring cells are alike, so that only a run of cells without a row of q is one cell;
            otherwise all of them are.
        z: Normal quantile of the interval.

    Returns:
        The estimate in nats and its interval.
    """
    b, a = _without_gaps(counts_p, counts_q, ordered)
    m, n = b.sum(), a.sum()
    if m == 0 or n == 0 or len(b) < 2:
        return Bracket(0.0, 0.0, math.inf if m == 0 or n == 0 else 0.0, False)
    q = b / m
    seen = b > 0
    plug_in = float(np.sum(q[seen] * (np.log(q[seen]) - np.log((a[seen] + 0.5) / n))))
    estimate = plug_in - (np.count_nonzero(seen) - 1) / (2 * m) + 1 / (2 * n)
    is_open = bool(np.any(seen & (a == 0)))
    null = (len(b) - 1) / 2 * (1 / n + 1 / m) ** 2
    low, high = _interval(estimate, null, _slope(b, a), z)
    return Bracket(max(estimate, 0.0), low, math.inf if is_open else high, is_open)


def jensen_shannon(counts_p: np.ndarray, counts_q: np.ndarray, *, z: float = Z_95) -> Bracket:
    """JS(p, q) = ½KL(p‖½(p + q)) + ½KL(q‖½(p + q)) of what the counts were drawn from, at most log 2.

    Args:
        counts_p: Rows of p in each cell, [cells].
        counts_q: Rows of q in the same cells, [cells].
        z: Normal quantile of the interval.

    Returns:
        The estimate in nats and its interval.
    """
    b, a = np.asarray(counts_p, np.float64), np.asarray(counts_q, np.float64)
    b, a = b[a + b > 0], a[a + b > 0]
    m, n = b.sum(), a.sum()
    if m == 0 or n == 0 or len(b) < 2:
        return Bracket(0.0, 0.0, math.log(2) if m == 0 or n == 0 else 0.0, False)
    q, p = b / m, a / n
    middle = (q + p) / 2
    # The influence of a row of either table: half the log of its density against the middle.
    with np.errstate(divide="ignore"):
        of_q, of_p = np.log(q / middle), np.log(p / middle)
    mean_q, mean_p = float(np.sum(q[b > 0] * of_q[b > 0])), float(np.sum(p[a > 0] * of_p[a > 0]))
    plug_in = (mean_q + mean_p) / 2
    of_current = float(np.sum(q[b > 0] * (of_q[b > 0] - mean_q) ** 2)) / m
    of_reference = float(np.sum(p[a > 0] * (of_p[a > 0] - mean_p) ** 2)) / n
    estimate = plug_in - (len(b) - 1) / 8 * (1 / n + 1 / m)
    null = (len(b) - 1) / 32 * (1 / n + 1 / m) ** 2
    slope = (of_current + of_reference) / 4 / plug_in if plug_in > 0 else 0.0
    low, high = _interval(estimate, null, slope, z)
    return Bracket(min(max(estimate, 0.0), math.log(2)), low, min(high, math.log(2)), False)


def psi(counts_p: np.ndarray, counts_q: np.ndarray, *, ordered: bool = True) -> float:
    """PSI = KL(p‖q) + KL(q‖p) of what the counts were drawn from, corrected for bias, at least 0.

    Args:
        counts_p: Rows of p in each cell, [cells].
        counts_q: Rows of q in the same cells, [cells].
        ordered: As in ``kl``.

    Returns:
        Nats.
    """
    return kl(counts_p, counts_q, ordered=ordered).value + kl(counts_q, counts_p, ordered=ordered).value


def _without_gaps(counts_p: np.ndarray, counts_q: np.ndarray, ordered: bool) -> tuple[_Counts, _Counts]:
    """Both histograms without empty cells, and with the cells that q never visits merged."""
    b, a = np.asarray(counts_p, np.float64), np.asarray(counts_q, np.float64)
    b, a = b[a + b > 0], a[a + b > 0]
    gap = a == 0
    if not ordered:
        return (np.append(b[~gap], b[gap].sum()), np.append(a[~gap], 0.0)) if gap.any() else (b, a)
    starts = np.flatnonzero(~(gap & np.concatenate([[False], gap[:-1]])))
    return (np.add.reduceat(b, starts), np.add.reduceat(a, starts)) if len(b) else (b, a)


def _slope(b: _Counts, a: _Counts) -> float:
    """v_d/D: how the variance of the estimate grows with the divergence, from counts smoothed by ½."""
    q, p = (b + 0.5) / (b + 0.5).sum(), (a + 0.5) / (a + 0.5).sum()
    log_ratio = np.log(q / p)
    divergence = float(np.sum(q * log_ratio))
    if divergence <= 0:
        return 0.0
    spread = float(np.sum(q * log_ratio**2)) - divergence**2
    return (spread / b.sum() + (float(np.sum(q * q / p)) - 1) / a.sum()) / divergence


def _interval(estimate: float, null: float, slope: float, z: float) -> tuple[float, float]:
    """All θ ≥ 0 with (estimate - θ)² ≤ z²(null + slope θ)."""
    middle = estimate + z * z * slope / 2
    half = z * math.sqrt(max(null + slope * estimate + (z * slope / 2) ** 2, 0.0))
    low = 0.0 if estimate <= z * math.sqrt(null) else middle - half
    return max(low, 0.0), max(middle + half, 0.0)
