"""A column's two histograms as a few bars that an eye can compare.

The cells that are judged hold equal shares of the rows, so drawn as they are every histogram would look flat. Of
numbers and dates with many values the shares are therefore spread over bars of equal width, each cell's evenly over its
range; of others a cell is a bar. The nats of each cell are spread alike, so both pictures have one axis.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np

from kljax.tables._findings import Column

MOST = 24  # bars
_BEYOND = 0.005  # of the rows at either end may lie beyond the picture
_LOG = 30.0  # the picture's high end over its low one, from which a skewed column is drawn on a log axis


@dataclasses.dataclass(frozen=True)
class Bars:
    """What is drawn.

    Attributes:
        reference: Shares of the reference's rows.
        current: Shares of the current table's rows.
        nats: Contributions to the KL.
        labels: What the bars are, where each is a value; empty for an axis.
        ends: What stands at the ends of the axis.
        log: Whether it is logarithmic.
        beyond: Shares of the rows that the picture leaves out.
        missing: Shares of the rows that have no value, and their nats; drawn apart, where there are any.
    """

    reference: np.ndarray
    current: np.ndarray
    nats: np.ndarray
    labels: tuple[str, ...] = ()
    ends: tuple[float | str, float | str] = ("", "")
    log: bool = False
    beyond: tuple[float, float] = (0.0, 0.0)
    missing: tuple[float, float, float] | None = None


def bars(column: Column) -> Bars:
    """A column's bars; of categories the largest contributions to the KL come first."""
    cells = column.cells
    rows = [max(sum(counts), 1) for counts in (cells.reference, cells.current)]
    a, b = np.array(cells.reference) / rows[0], np.array(cells.current) / rows[1]
    nats = np.array(cells.contributions())
    present = len(a) - cells.missing
    if not cells.edges or present < 3:
        return _by_value(a, b, nats, cells.labels)
    distinct = max(summary.distinct or 0 for summary in column.summary)
    edges = np.array([_number(edge) for edge in cells.edges])
    missing = (float(a[-1]), float(b[-1]), float(nats[-1])) if cells.missing else None
    if distinct <= MOST and present <= MOST:
        return Bars(a[:present], b[:present], nats[:present], cells.labels[:present], missing=missing)
    low, high = _ends(column, edges)
    found = _by_width(a[:present], b[:present], nats[:present], edges, low, high, dates=column.kind == "date")
    return dataclasses.replace(found, missing=missing)


def _by_value(a: np.ndarray, b: np.ndarray, nats: np.ndarray, labels: Sequence[str]) -> Bars:
    order = np.argsort(-nats, kind="stable")[:MOST]
    return Bars(a[order], b[order], nats[order], tuple(labels[int(j)] for j in order))


def _number(edge: float | int | str) -> float:
    return float(np.datetime64(edge, "us").astype(np.int64)) if isinstance(edge, str) else float(edge)


def _ends(column: Column, edges: np.ndarray) -> tuple[float, float]:
    lows = [_number(one.min) for one in column.summary if one.min is not None]
    highs = [_number(one.max) for one in column.summary if one.max is not None]
    return min([*lows, edges[0]]), max([*highs, edges[-1]])


def _by_width(
    a: np.ndarray, b: np.ndarray, nats: np.ndarray, edges: np.ndarray, low: float, high: float, *, dates: bool
) -> Bars:
    """Bars of equal width over all but the outermost rows, or to the end where that is near."""
    at = np.maximum.accumulate([low, *edges, high])
    unit = max(float(np.abs(at).max()) / 4, 1e-300)  # differences of the largest numbers would overflow
    at, low, high = at / unit, low / unit, high / unit
    sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in (a, b, nats)]
    pooled = sums[0] / max(sums[0][-1], 1e-300) + sums[1] / max(sums[1][-1], 1e-300)
    left, middle, right = (float(np.interp(2 * share, pooled, at)) for share in (_BEYOND, 0.5, 1 - _BEYOND))
    log = low > 0 and right > _LOG * left and middle - left < 0.2 * (right - left)
    if log:
        at, (low, left, right, high) = np.log(np.maximum(at, low)), np.log([low, left, right, high])
    margin = 0.3 * (right - left)
    left, right = low if left - low <= margin else left, high if high - right <= margin else right
    if not right > left:
        return _by_value(a, b, nats, ["below", *map(str, range(1, len(a) - 1)), "above"])
    marks = np.linspace(left, right, MOST + 1)
    inside = [np.interp(marks, at, total) for total in sums]
    shown = [np.diff(total) for total in inside]
    outside = [float(total[-1] - (part[-1] - part[0])) for total, part in zip(sums, inside, strict=True)]
    ends = (np.exp(left) * unit, np.exp(right) * unit) if log else (left * unit, right * unit)
    named = tuple(str(np.datetime64(round(end), "us"))[:16].replace("T", " ") for end in ends) if dates else ends
    beyond = (max(outside[0], 0.0), max(outside[1], 0.0))
    return Bars(shown[0], shown[1], shown[2], (), (named[0], named[1]), log, beyond)


def height(bars_: Bars) -> float:
    """The share that is drawn as the full height; a single higher bar is cut there, lest it flatten the others."""
    missing = max(bars_.missing[:2]) if bars_.missing else 0.0
    shares = np.sort(np.append(np.maximum(bars_.reference, bars_.current), missing))[::-1]
    if len(shares) < 3 or shares[0] <= 3 * shares[1]:
        return float(max(shares.max(initial=0.0), 1e-9))
    return float(max(2 * shares[1], shares[0] / 10))


def nearest(labels: Sequence[str]) -> list[tuple[int, str]]:
    """A few labels, evenly spread, with the positions of their bars."""
    step = max(1, -(-len(labels) // 6))
    return list(itertools.islice(enumerate(labels), 0, None, step))
