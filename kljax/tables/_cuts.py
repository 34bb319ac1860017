"""Where a column is cut into cells: at equal shares of the rows, finer in the tails, around frequent values.

With h = 2nm/(n + m) rows there are K = clip(2 h^0.4, 4, 64) cells of equal mass, with five rows of the smaller table in
each at least. Beyond the outermost cuts more are set at 1/2K, 1/4K, ... of the mass while ten rows of the smaller table
are expected there: KL lives in the tails. A value that holds 1/K of the rows gets a cell of its own.

Where one table goes on beyond the range of the other for more rows than chance allows, the range's end is a cut too.

Cuts are chosen by rank alone, so any increasing map of the column leaves the counts as they are, with one exception:
values that differ by rounding noise (1e-11 of them, and 1e-5 of the gaps around them) are never separated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

_NOISE, _NARROW = 1e-11, 1e-5
_ULPS = 9.0  # where there are no other gaps
_SLIVER = 1e-6  # of a gap: how far below its upper value a cut is set where other rows may lie in the gap
_CHANCE = 1e-5
_EXPECTED = 10  # rows of the smaller table in a tail cell


def size(n: int, m: int) -> int:
    """K, from the rows of both tables that have a value."""
    if n == 0 or m == 0:
        return 4
    return int(min(max(round(2 * (2 * n * m / (n + m)) ** 0.4), 4), 64, max(min(n, m) // 5, 2)))


def cuts(
    samples: Sequence[np.ndarray],
    rows: Sequence[int],
    *,
    complete: bool,
    grain: type | None = None,
    cells: int | None = None,
) -> np.ndarray:
    """Edges for a column, of the samples' dtype.

    Args:
        samples: A random sample of each table's values, none missing: float64, int64, uint64 or datetime64, all alike.
        rows: How many values each table has.
        complete: Whether the samples are all there is.
        grain: np.float32 or np.float16 where values were rounded to it, so that others round to them.
        cells: How many cells of equal mass, instead of K.

    Returns:
        Increasing edges e: cells are x < e₀, e₀ ≤ x < e₁, ….
    """
    dtype = samples[0].dtype
    ordered = [np.sort(part.view(np.int64) if dtype.kind == "M" else part) for part in samples]
    values, weights = _distinct(ordered, rows)
    count = size(rows[0], rows[-1]) if cells is None else cells
    chosen = boundaries(weights, count, min(rows), sum(map(len, samples)))
    chosen = np.union1d(chosen, _range_ends(ordered, values)).astype(np.int64)
    if dtype.kind == "f":
        chosen = _in_wide_gaps(values, weights, chosen, weights[-1] / count) if len(chosen) else chosen
        edges = [_between(values[i], values[i + 1], complete, grain) for i in chosen]
    else:
        edges = [_between_integers(int(values[i]), int(values[i + 1]), complete) for i in chosen]
    found = np.unique(np.array(edges, values.dtype))
    return found.view(dtype) if dtype.kind == "M" else found


def boundaries(weights: np.ndarray, count: int, small: int, drawn: int) -> np.ndarray:
    """Which of the boundaries between values to cut at.

    Args:
        weights: Rows with a value up to each, increasing, [values].
        count: How many cells of equal mass.
        small: Rows of the smaller table.
        drawn: Rows from which the weights are known.

    Returns:
        Indices i, increasing: a cut between value i and value i + 1.
    """
    if len(weights) < 2:
        return np.empty(0, np.int64)
    total = float(weights[-1])
    share, tails = 0.5 / count, []
    while share * min(small, drawn) >= _EXPECTED:
        tails.append(share)
        share /= 2
    targets = total * np.concatenate([np.arange(1, count) / count, tails, 1 - np.array(tails)])
    after = np.minimum(np.searchsorted(weights, targets), len(weights) - 1)
    before = np.maximum(after - 1, 0)
    chosen = np.where(targets - weights[before] < weights[after] - targets, before, after)
    heavy = np.flatnonzero(np.diff(weights, prepend=0.0) >= total / count)
    chosen = np.unique(np.concatenate([chosen, heavy, heavy - 1]))
    return chosen[(chosen >= 0) & (chosen < len(weights) - 1)]


def _range_ends(ordered: Sequence[np.ndarray], values: np.ndarray) -> list[int]:
    """Boundaries at the ends of one table's range beyond which the other holds more rows than chance would put there.

    Of k rows in a tail all are of one table with probability s^k, s its share of the rows.
    """
    found: list[int] = []
    if len(ordered) != 2 or not all(map(len, ordered)):
        return found
    for one, other in (ordered, ordered[::-1]):
        below, above = np.searchsorted(other, one[0]), len(other) - np.searchsorted(other, one[-1], side="right")
        if beyond_chance(int(below), len(other), len(one)):
            found.append(int(np.searchsorted(values, one[0])) - 1)
        if beyond_chance(int(above), len(other), len(one)):
            found.append(int(np.searchsorted(values, one[-1])))
    return found


def beyond_chance(rows: int, mine: int, others: int) -> bool:
    """Whether more rows lie beyond the range of the other table than chance would put there."""
    return others > 0 and mine > 0 and rows > 0 and (mine / (mine + others)) ** rows <= _CHANCE


def range_ends(low: Any, high: Any, near: tuple[Any, Any], grain: type | None) -> tuple[Any, Any]:
    """Edges just outside a range, wider by no more than rounding noise; ``near`` are the values next to its ends."""
    if isinstance(high, np.datetime64):
        return low, high + np.ones((), high.dtype.str.replace("M8", "m8"))[()]  # one of its own unit
    if not isinstance(low, float):
        return low, high + 1
    noise = [_SLIVER * abs(near[0] - low), _SLIVER * abs(high - near[1])]
    if grain is not None:
        noise = [max(x, float(np.spacing(grain(abs(end))))) for x, end in zip(noise, (low, high), strict=True)]
    return low - noise[0], float(np.nextafter(high + noise[1], np.inf))


def _distinct(ordered: Sequence[np.ndarray], rows: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values of all tables, and how many rows hold one up to each (those of a sample stand for more)."""
    pooled = np.concatenate(ordered)
    pooled.sort(kind="stable")  # merges sorted runs
    last = np.concatenate([pooled[1:] != pooled[:-1], [True]]) if len(pooled) else np.empty(0, bool)
    values = pooled[last]
    weights: np.ndarray = np.zeros(len(values))
    if len({count / max(len(part), 1) for part, count in zip(ordered, rows, strict=True)}) == 1:
        weights = (np.flatnonzero(last) + 1) * (sum(rows) / max(len(pooled), 1))
    else:
        for part, count in zip(ordered, rows, strict=True):
            if len(part):
                weights += np.searchsorted(part, values, side="right") * (count / len(part))
    return values, weights


def _in_wide_gaps(values: np.ndarray, weights: np.ndarray, boundaries: np.ndarray, reach: float) -> np.ndarray:
    """Boundaries between values that differ by rounding noise, moved to the nearest gap that does not.

    Noise is less than 1e-11 of the largest value within ``reach`` rows, with gaps 100 000 times as wide on both sides
    within a quarter of the rows.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        gaps = np.diff(values)
    moved = []
    for i in boundaries:
        low, high = _within(weights, i, reach)
        if gaps[i] > _NOISE * np.abs(values[[low, min(high, len(gaps))]]).max() or math.isinf(gaps[i]):
            moved.append(i)
            continue
        low, high = _within(weights, i, weights[-1] / 4)
        # The end of the data is the widest gap there is.
        sides = gaps[low:i].max(initial=0.0), gaps[i + 1 : high].max(initial=0.0)
        beside = min(sides[0] if low > 0 else math.inf, sides[1] if high < len(gaps) else math.inf)
        beside = max(sides) if math.isinf(beside) else beside
        least = _NARROW * beside if beside > 0 else _ULPS * float(np.spacing(np.abs(values[i])))
        if gaps[i] >= least:
            moved.append(i)
            continue
        wide = np.flatnonzero(gaps[low:high] > gaps[i] / _NARROW) + low
        if len(wide):
            moved.append(wide[np.argmin(np.abs(weights[wide] - weights[i]))])
    return np.unique(np.array(moved, np.int64))


def _within(weights: np.ndarray, i: int, rows: float) -> tuple[int, int]:
    """The gaps within so many rows of one: from the first to before the second."""
    low = int(np.searchsorted(weights, weights[i] - rows))
    return low, min(int(np.searchsorted(weights, weights[i] + rows, side="right")), len(weights) - 1)


def _between(low: float, high: float, complete: bool, grain: type | None) -> float:
    """An edge e with low < e ≤ high: halfway if nothing else is between them, just below ``high`` otherwise."""
    most = float(np.finfo(np.float64).max)
    if math.isinf(low):
        return high if math.isfinite(high) else 0.0
    if math.isinf(high):
        return most if low < most else math.inf
    edge = low / 2 + high / 2
    if not complete:
        sliver = _SLIVER * (high / 2 - low / 2)
        if grain is not None:
            sliver = max(sliver, (high - float(np.nextafter(grain(high), grain(-np.inf)))) / 2)
        edge = max(edge, high - sliver)
    return float(edge) if low < edge <= high else float(high)


def _between_integers(low: int, high: int, complete: bool) -> int:
    return low + (high - low + 1) // 2 if complete else high
