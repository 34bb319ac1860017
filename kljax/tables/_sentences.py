"""What changed in a column and in the whole, in plain sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from kljax.tables import _verdict
from kljax.tables._findings import Cells, Column, Interval, Joint, Summary

_NOTABLE = 0.1  # of the quartile range: a median moved by more is what a reader sees first


def number(value: float | int | str | None) -> str:
    """Four digits at most, thousands as k and M."""
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    if isinstance(value, int) and abs(value) < 10_000:
        return str(value)
    for bound, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if bound <= abs(value) < 1e15:
            return f"{value / (1e3 if unit == 'k' else bound):.4g}{unit}"
    return f"{value:.4g}"


def nats(value: float) -> str:
    """Nats with two or three digits."""
    if value == 0:
        return "0"
    return f"{value:.3g}" if value >= 0.1 else f"{value:.2g}" if value >= 1e-4 else f"{value:.1e}"


def share(value: float) -> str:
    """A share as per cent."""
    return f"{100 * value:.3g} %" if value < 0.9995 or value == 1 else f"{100 * value:.5g} %"


def of_column(
    verdict: str,
    kind: str,
    kl: Interval,
    change: str,
    rows_to_tell: int | None,
) -> str:
    """One sentence for a column."""
    at_least = "at least " if kl.open else ""
    if verdict == _verdict.SAME:
        return f"The same: at most {nats(kl.high)} nats apart."
    if verdict == _verdict.UNDECIDED:
        most = f"it may be as much as {nats(kl.high)} nats apart" if math.isfinite(kl.high) else "it may have changed"
        return f"Too few rows to tell: {most}; about {rows_to_tell:,} rows in the smaller table would do."
    if verdict == _verdict.NEGLIGIBLE:
        return f"A change that is there but negligible ({nats(kl.value)} nats): {change}."
    guesses = round(100 * _verdict.best_guess(kl.value))
    return (
        f"A {_verdict.scale(kl.value)} change ({at_least}{nats(kl.value)} nats): {change}; "
        f"one row gives its table away {guesses} times in 100."
    )


def change(
    kind: str,
    cells: Cells,
    summary: tuple[Summary, Summary],
    rows: tuple[int, int],
    missing: tuple[int, int],
    unseen: float,
    unseen_labels: Sequence[str],
) -> str:
    """What changed most, as a clause."""
    parts = cells.contributions()
    if not parts:
        return "nothing can be seen"
    largest = max(range(len(parts)), key=parts.__getitem__)
    if cells.missing and parts[-1] >= sum(parts) / 2:
        before, after = (share(gone / count) for gone, count in zip(missing, rows, strict=True))
        return f"missing values went from {before} to {after} of the rows"
    if unseen_labels and unseen > 0.005:
        named = ", ".join(repr(label) for label in unseen_labels[:3])
        return f"{share(unseen)} of the rows hold values that the reference never shows ({named})"
    if kind in ("number", "date"):
        moved = _moved(kind, summary)
        if moved:
            return moved
    before = share(cells.reference[largest] / max(rows[0], 1))
    after = share(cells.current[largest] / max(rows[1], 1))
    named = cells.labels[largest]
    subject = f"length {named}" if kind == "text" else repr(named) if kind == "category" else named
    return f"{subject} went from {before} to {after} of the rows"


def _moved(kind: str, summary: tuple[Summary, Summary]) -> str:
    """Higher or lower, wider or narrower, by the quartiles; "" where they hardly moved."""
    first, second = summary
    if kind == "date":
        middles = first.quartiles[1], second.quartiles[1]
        if None in middles or first.quartiles == second.quartiles:
            return ""
        return f"{'later' if str(middles[1]) > str(middles[0]) else 'earlier'}, median {middles[0]} → {middles[1]}"
    before, after = ([q for q in one.quartiles if isinstance(q, int | float)] for one in summary)
    if len(before) < 3 or len(after) < 3:
        return ""
    widths = float(before[2]) - float(before[0]), float(after[2]) - float(after[0])
    shift = float(after[1]) - float(before[1])
    if abs(shift) > _NOTABLE * max(widths):
        return f"{'higher' if shift > 0 else 'lower'}, median {number(before[1])} → {number(after[1])}"
    if min(widths) > 0 and abs(math.log(widths[1] / widths[0])) > _NOTABLE:
        word = "wider" if widths[1] > widths[0] else "narrower"
        return f"{word}, middle half {number(widths[0])} → {number(widths[1])} across"
    return ""


def of_all(verdict: str, columns: Sequence[Column], joint: Joint | None, schema: str, material: float) -> str:
    """One or two sentences for the whole comparison."""
    total = len(columns)
    found = [column for column in columns if column.verdict == _verdict.DIFFERENT]
    if not columns:
        first = "No column could be compared."
    elif found:
        names = ", ".join(column.name for column in found[:3]) + (", ..." if len(found) > 3 else "")
        first = f"{len(found)} of {total} columns {'has' if len(found) == 1 else 'have'} changed: {names}."
    elif joint is not None and joint.verdict == _verdict.DIFFERENT:
        first = "Every column looks the same; the way they go together has changed."
    elif schema:
        first = f"None of the {total} columns compared has changed."
    elif verdict == _verdict.NEGLIGIBLE:
        count = sum(column.verdict == _verdict.NEGLIGIBLE for column in columns)
        first = f"{count} of {total} columns changed, by too little to matter."
        if count == 0:
            first = "Every column looks the same; the way they go together has changed by too little to matter."
    elif verdict == _verdict.UNDECIDED:
        waiting = [column for column in columns if column.verdict == _verdict.UNDECIDED]
        most = max((column.rows_to_tell or 0 for column in waiting), default=0)
        first = (
            f"Nothing is shown to differ, but there are too few rows to tell for {len(waiting)} of {total} columns; "
            f"about {most:,} rows in the smaller table would do."
        )
    else:
        first = f"All {total} columns are the same: none is {nats(material)} nats or more apart."
    return f"{first} {schema}".strip()
