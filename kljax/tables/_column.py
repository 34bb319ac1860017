"""One column judged from its counts in both tables."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

from kljax.counts._internal import cells as counts
from kljax.tables import _calibration, _sentences, _verdict
from kljax.tables._cells import Histograms, stands
from kljax.tables._findings import Cells, Column, Interval, Summary
from kljax.tables._summary import iso

_TAIL = 0.3  # of the divergence in the outermost cell: it goes on where there are no rows


@dataclasses.dataclass(frozen=True)
class Counted:
    """What is known of a column before it is judged. Pairs are (reference, current).

    Attributes:
        name: Its name.
        kind: As of ``Column``.
        rows: Rows of each table.
        missing: Null and NaN.
        not_finite: NaN and ±inf.
        ordered: Whether the cells have an order.
        cells: The cells as joined.
        tested: The cells of the test.
        joined: How many categories share a cell with others, beyond the first.
        summary: Each table in a few numbers.
        unseen_labels: Categories of the current table that the reference never shows.
        unseen: Rows of the current table with such a value; None where the cells say it.
        extra: Further p-values.
    """

    name: str
    kind: str
    rows: tuple[int, int]
    missing: tuple[int, int]
    not_finite: tuple[int, int]
    ordered: bool
    cells: Histograms
    tested: Histograms
    joined: int
    summary: tuple[Summary, Summary]
    unseen_labels: tuple[str, ...] = ()
    unseen: int | None = None
    extra: dict[str, float] = dataclasses.field(default_factory=dict)


def p_value(column: Counted) -> tuple[float, dict[str, float]]:
    """The column's p-value and its parts."""
    cells = column.tested
    found = _calibration.p_values(cells.reference, cells.current, ordered=column.ordered)
    found |= _calibration.missing_part(column.missing, column.rows) | column.extra
    return _calibration.combined(found, len(cells.reference)), found


def judged(
    column: Counted, p: float, p_adjusted: float, parts: dict[str, float], alpha: float, floor: float, material: float
) -> Column:
    """The record of a column."""
    ordered = column.ordered
    apart = int(_missing_stands(column))
    a, b = _with_missing(column, apart)
    kl, reverse = (_interval(q, p, ordered, apart, column.joined) for q, p in ((b, a), (a, b)))
    if ordered:
        kl, reverse = _open_in_the_tail(kl, b, a, apart), _open_in_the_tail(reverse, a, b, apart)
    js = counts.jensen_shannon(b, a, joined=column.joined)
    cells = _cells(column)
    unseen = column.unseen if column.unseen is not None else int(b[a == 0].sum())
    share = unseen / max(column.rows[1], 1)
    verdict = _verdict.verdict(p_adjusted, kl, alpha, floor, material)
    rows = None
    if verdict == _verdict.UNDECIDED:
        distinct = max((one.distinct or 0 for one in column.summary), default=0)
        fixed = not ordered or distinct <= len(a)
        rows = _verdict.rounded(
            _verdict.rows_to_tell(*column.rows, max(len(a) + column.joined, 2), material, fixed=fixed)
        )
    change = _sentences.change(
        column.kind, cells, column.summary, column.rows, column.missing, share, column.unseen_labels
    )
    return Column(
        name=column.name,
        kind=column.kind,
        rows=column.rows,
        missing=column.missing,
        not_finite=column.not_finite,
        kl=kl,
        kl_reverse=reverse,
        js=Interval(js.value, js.low, js.high),
        psi=kl.value + reverse.value,
        best_guess=_verdict.best_guess(kl.value),
        p_value=p,
        p_adjusted=p_adjusted,
        parts=parts,
        verdict=verdict,
        words=_sentences.of_column(verdict, column.kind, kl, change, rows),
        rows_to_tell=rows,
        cells=cells,
        unseen=share,
        summary=column.summary,
    )


def _missing_stands(column: Counted) -> bool:
    """Whether the missing rows are a cell of the divergence: as any other, if it can be judged."""
    if not sum(column.missing) or not all(column.rows):
        return False
    a, b = (np.array(gone) for gone in column.missing)
    return bool(stands(a, b, *column.rows))


def _with_missing(column: Counted, apart: int) -> tuple[np.ndarray, np.ndarray]:
    a, b = column.cells.reference, column.cells.current
    return (np.append(a, column.missing[0]), np.append(b, column.missing[1])) if apart else (a, b)


def _interval(b: np.ndarray, a: np.ndarray, ordered: bool, apart: int, joined: int) -> Interval:
    found = counts.kl(b, a, ordered=ordered, apart=apart, joined=joined)
    return Interval(found.value, found.low, found.high, found.open)


def _open_in_the_tail(kl: Interval, b: np.ndarray, a: np.ndarray, apart: int) -> Interval:
    """Open if an outermost cell gives much of a divergence that is surely there: it goes on where there are no rows."""
    last = len(a) - 1 - apart
    if kl.open or kl.low <= 0 or last < 2:
        return kl
    p, q = (a + 0.5) / (a + 0.5).sum(), b / b.sum()
    for end in (0, last):
        if q[end] > p[end] and q[end] * math.log(q[end] / p[end]) - q[end] + p[end] > _TAIL * kl.value:
            return Interval(kl.value, kl.low, math.inf, True)
    return kl


def _cells(column: Counted) -> Cells:
    """The cells as they are reported, missing rows last."""
    found, missing = column.cells, bool(sum(column.missing))
    edges = [_plain(edge) for edge in found.edges]
    labels = _names(edges) if column.ordered else found.labels
    if column.kind == "bool" and edges:
        labels = ("false", "true")
    a, b = ([int(count) for count in one] for one in (found.reference, found.current))
    if missing:
        a, b, labels = [*a, column.missing[0]], [*b, column.missing[1]], (*labels, "missing")
    return Cells(tuple(labels), tuple(a), tuple(b), tuple(edges), missing)


def _plain(edge: np.generic) -> float | int | str:
    return iso(edge) if isinstance(edge, np.datetime64) else edge.item()


def _names(edges: Sequence[float | int | str]) -> tuple[str, ...]:
    if not edges:
        return ("any",)
    shown = [_sentences.number(edge) for edge in edges]
    between = [f"{low} to {high}" for low, high in itertools.pairwise(shown)]
    return (f"below {shown[0]}", *between, f"{shown[-1]} or more")
