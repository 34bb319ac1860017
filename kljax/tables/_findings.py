"""What a comparison found: frozen records of plain numbers, names and tuples, which print, pickle and turn to JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import numpy as np

SCHEMA = "kljax.compare/1"
TIMELINE_SCHEMA = "kljax.timeline/1"


def plain(value: Any) -> Any:
    """A record as JSON can hold it: dicts, lists, and None for a number that is not finite."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


class _Record:
    """What every record can do."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """As dicts, lists, strings and numbers that strict JSON can hold; None stands for infinity."""
        return plain(self)


@dataclasses.dataclass(frozen=True)
class Interval(_Record):
    """An estimate in nats and its 95 % interval.

    Attributes:
        value: The estimate, at least 0.
        low: The lower end.
        high: The upper end; inf where there is none.
        open: Whether to read "at least": the divergence lies partly where the reference has too few rows to say.
    """

    value: float
    low: float
    high: float
    open: bool = False


@dataclasses.dataclass(frozen=True)
class Summary(_Record):
    """A column of one table in a few numbers. Dates are ISO strings, their ``sd`` days; None where there is nothing.

    Attributes:
        mean: Mean of the finite values (of a sample of 50 000 rows in larger tables, as are sd, quartiles, distinct).
        sd: Standard deviation.
        quartiles: First quartile, median, third quartile.
        min: Least finite value.
        max: Greatest finite value.
        distinct: Distinct values; at least so many where the table was sampled.
    """

    mean: float | str | None = None
    sd: float | None = None
    quartiles: tuple[float | str | None, float | str | None, float | str | None] = (None, None, None)
    min: float | int | str | None = None
    max: float | int | str | None = None
    distinct: int | None = None


@dataclasses.dataclass(frozen=True)
class Cells(_Record):
    """The histograms that were compared: rows of each table in the same cells.

    Attributes:
        labels: What is in each cell, in words.
        reference: Rows of the reference in each.
        current: Rows of the current table in each.
        edges: Of numbers and dates (ISO strings): cell j holds edges[j-1] ≤ x < edges[j]; empty for categories.
        missing: Whether the last cell holds the missing values.
    """

    labels: tuple[str, ...]
    reference: tuple[int, ...]
    current: tuple[int, ...]
    edges: tuple[float | int | str, ...] = ()
    missing: bool = False

    def contributions(self) -> tuple[float, ...]:
        """q log(q/p) - q + p of each cell, p the reference's share and q the current one's: nats, each at least 0.

        Their sum is the KL of these histograms, half a row added to each cell of the reference.
        """
        a, b = np.asarray(self.reference, np.float64) + 0.5, np.asarray(self.current, np.float64)
        p, q = a / a.sum(), b / max(b.sum(), 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            parts = np.where(q > 0, q * np.log(q / p), 0.0) - q + p
        return tuple(float(part) for part in np.maximum(parts, 0.0))


@dataclasses.dataclass(frozen=True)
class Column(_Record):
    """One column in both tables. Pairs are (reference, current).

    Attributes:
        name: Its name.
        kind: "number", "date", "category", "bool" or "text" (compared by the length of its texts).
        rows: Rows of each table.
        missing: Null or NaN values.
        not_finite: Values of ±inf, and NaN (which is missing too).
        kl: KL(current‖reference).
        kl_reverse: KL(reference‖current).
        js: The Jensen-Shannon divergence, at most log 2.
        psi: KL both ways, bias-corrected.
        best_guess: Φ(√(KL/2)), how often a reader of one row would guess its table, were the column normal and shifted.
        p_value: How often unchanged tables differ as much as these.
        p_adjusted: The same, for all columns together (Benjamini-Hochberg).
        parts: The tests that are combined in it: {"order", "shape", "any", "missing"}, those that apply.
        verdict: "different", "negligible", "same" or "undecided".
        words: One sentence.
        rows_to_tell: For "undecided": rows of the smaller table that would do.
        cells: The histograms.
        unseen: Share of the current rows in cells without a row of the reference.
        summary: Each table's values in a few numbers.
    """

    name: str
    kind: str
    rows: tuple[int, int]
    missing: tuple[int, int]
    not_finite: tuple[int, int]
    kl: Interval
    kl_reverse: Interval
    js: Interval
    psi: float
    best_guess: float
    p_value: float
    p_adjusted: float
    parts: dict[str, float]
    verdict: str
    words: str
    rows_to_tell: int | None
    cells: Cells
    unseen: float
    summary: tuple[Summary, Summary]


@dataclasses.dataclass(frozen=True)
class Pair(_Record):
    """How two columns go together in each table.

    Attributes:
        names: The columns.
        before: Their rank correlation in the reference.
        after: The same in the current table.
        p_adjusted: How often it would change as much, for all pairs together.
    """

    names: tuple[str, str]
    before: float
    after: float
    p_adjusted: float


@dataclasses.dataclass(frozen=True)
class Joint(_Record):
    """All columns together, from a sample of rows.

    Attributes:
        js: A lower bound of the joint Jensen-Shannon divergence, in nats.
        kl: A lower bound of the joint KL(current‖reference).
        auc: How often a row of the current table scores above one of the reference.
        p_value: How often unchanged tables differ as much.
        verdict: As of a column.
        rows_used: Rows of each table that were used.
        shares: Of the columns in the JS: what it loses without each.
        dependence: Joint KL less the columns' own: what only the way they go together explains; may be negative.
        pairs: Those whose rank correlation changed most.
    """

    js: Interval
    kl: Interval
    auc: float
    p_value: float
    verdict: str
    rows_used: tuple[int, int]
    shares: dict[str, float]
    dependence: float
    pairs: tuple[Pair, ...]


@dataclasses.dataclass(frozen=True)
class Comparison(_Record):
    """Two tables, column by column and together.

    Attributes:
        names: What the tables are called.
        rows: Rows of each.
        columns: The columns compared, the largest divergence first.
        joint: All of them together, or None.
        only_reference: Columns of the reference alone.
        only_current: Columns of the current table alone.
        not_compared: Columns of both that could not be compared, each with the reason.
        verdict: "different", "negligible", "same" or "undecided"; "different" too where the columns themselves are.
        words: One or two sentences.
        settings: What the comparison was asked for.
        notes: What a reader must know.
    """

    names: tuple[str, str]
    rows: tuple[int, int]
    columns: tuple[Column, ...]
    joint: Joint | None
    only_reference: tuple[str, ...]
    only_current: tuple[str, ...]
    not_compared: dict[str, str]
    verdict: str
    words: str
    settings: dict[str, Any]
    notes: tuple[str, ...]

    def __bool__(self) -> bool:
        raise TypeError('A Comparison has no truth value: ask .verdict == "different" or .different(kl=...).')

    def column(self, name: str) -> Column:
        """The column called ``name``."""
        for column in self.columns:
            if column.name == name:
                return column
        if name in self.not_compared:
            raise KeyError(f"{name!r} was not compared: {self.not_compared[name]}")
        raise KeyError(f"no column {name!r}; compared are {[column.name for column in self.columns]}")

    def different(self, kl: float | None = None) -> bool:
        """Whether the verdict is "different"; with ``kl``, whether any column's KL is surely (its low end) above it."""
        if kl is None:
            return self.verdict == "different"
        return any(column.kl.low > kl for column in self.columns)

    def to_dict(self) -> dict[str, Any]:
        """As dicts, lists, strings and numbers that strict JSON can hold; None stands for infinity."""
        from kljax.tables._versions import versions

        return {"schema": SCHEMA, **plain(self), "versions": versions()}

    def to_json(self, path: str | Path | None = None) -> str:
        """Strict JSON, written to ``path`` if one is given."""
        return _json(self.to_dict(), path)

    def to_html(self, path: str | Path | None = None) -> str:
        """A report as one HTML file that needs no network, written to ``path`` if one is given."""
        from kljax.tables._html import report

        return _written(report(self), path)

    def print(self, file: TextIO | None = None) -> None:
        """A table for the terminal, plain where ``file`` (standard output) is none or NO_COLOR is set."""
        from kljax.tables._text import show

        show(self, file)

    def __repr__(self) -> str:
        from kljax.tables._text import lines

        return "\n".join(lines(self))

    def _repr_html_(self) -> str:
        from kljax.tables._text import as_html

        return as_html(self)


@dataclasses.dataclass(frozen=True)
class Timeline(_Record):
    """Many batches against one reference.

    Attributes:
        reference: What the reference is called.
        labels: The batches' names, in order.
        comparisons: Each against the reference; p_adjusted is for all columns of all batches together.
        previous: Each against the one before (None for the first), if asked for; empty otherwise.
    """

    reference: str
    labels: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    previous: tuple[Comparison | None, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that was compared in some batch, the largest KL first."""
        largest: dict[str, float] = {}
        for comparison in self.comparisons:
            for column in comparison.columns:
                largest[column.name] = max(largest.get(column.name, 0.0), column.kl.value)
        return tuple(sorted(largest, key=lambda name: -largest[name]))

    def kl(self, name: str) -> tuple[Interval | None, ...]:
        """A column's KL in each batch; None where it wasn't compared."""
        found = [{column.name: column.kl for column in comparison.columns} for comparison in self.comparisons]
        return tuple(columns.get(name) for columns in found)

    def to_dict(self) -> dict[str, Any]:
        """As dicts, lists, strings and numbers that strict JSON can hold; None stands for infinity."""
        from kljax.tables._versions import versions

        return {"schema": TIMELINE_SCHEMA, **plain(self), "versions": versions()}

    def to_json(self, path: str | Path | None = None) -> str:
        """Strict JSON, written to ``path`` if one is given."""
        return _json(self.to_dict(), path)

    def to_html(self, path: str | Path | None = None) -> str:
        """A report with a heat map as one HTML file, written to ``path`` if one is given."""
        from kljax.tables._html import timeline_report

        return _written(timeline_report(self), path)

    def print(self, file: TextIO | None = None) -> None:
        """A table for the terminal: a line a batch."""
        from kljax.tables._text import show_timeline

        show_timeline(self, file)

    def __repr__(self) -> str:
        from kljax.tables._text import timeline_lines

        return "\n".join(timeline_lines(self))

    def _repr_html_(self) -> str:
        from kljax.tables._text import timeline_as_html

        return timeline_as_html(self)


def _json(value: dict[str, Any], path: str | Path | None) -> str:
    return _written(json.dumps(value, allow_nan=False, ensure_ascii=False), path)


def _written(text: str, path: str | Path | None) -> str:
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text
