"""What an engine must answer about its table, so that the judge needs no row of it.

    overview ─▶ sample ─▶ edges ─▶ count ─▶ verdicts
                                 categories

The engine executes, in three passes: one aggregate of all columns, one random sample of rows, and one histogram a
column at edges that were chosen from the sample. Every count is of all rows, and exact; only the place of the edges
comes from the sample, and any edges are valid. Beyond the sample nothing that is handed over grows with the rows.

The kinds of a field are "number" (integers, floats, decimals, and durations as seconds), "date" (dates and times),
"bool", "text", and "unknown" for what can't be compared, with the reason in ``why``.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

DRAWN = 50_000
"""Rows of a table from which edges are chosen."""


@dataclasses.dataclass(frozen=True)
class Field:
    """A column's name and nature.

    Attributes:
        name: Its name.
        kind: "number", "date", "bool", "text" or "unknown".
        dtype: As the engine calls it; "float32" and "float16" matter, since such columns are compared as such.
        zone: The time zone of a date with one, else None.
        why: For "unknown": what it holds and what to do, a clause such as "it holds text and numbers; pass ...".
    """

    name: str
    kind: str
    dtype: str
    zone: str | None = None
    why: str = ""


@dataclasses.dataclass(frozen=True)
class Overview:
    """Whole-column aggregates.

    Attributes:
        missing: Rows that are null.
        nan: Rows that are not a number; engines that call NaN null (pandas, dask) count it in ``missing``.
        plus_inf: Rows of +inf.
        minus_inf: Rows of -inf.
        low: The least finite value: int, float or np.datetime64; None where there is none, and for text.
        high: The greatest.
    """

    missing: int
    nan: int = 0
    plus_inf: int = 0
    minus_inf: int = 0
    low: Any = None
    high: Any = None


@dataclasses.dataclass(frozen=True)
class Values:
    """A column of a sample, its rows in step with the other columns'.

    Attributes:
        data: float64, int64 or uint64 for a number (durations as float64 seconds), datetime64[us] (in UTC, where the
            field has a zone; finer parts cut off) for a date, bool, or object holding str for text. What stands where
            a value is missing does not matter.
        missing: Which rows are null or NaN, bool.
    """

    data: np.ndarray
    missing: np.ndarray


@dataclasses.dataclass(frozen=True)
class Categories:
    """How often each value occurs, the most frequent first (equal counts in the order of the labels).

    Attributes:
        labels: Distinct values as ``label`` writes them, at most as many as were asked for.
        counts: Their rows, int64.
        rest: Rows with another value, missing ones apart.
        distinct: How many distinct values there are, those in ``rest`` included.
    """

    labels: tuple[str, ...]
    counts: np.ndarray
    rest: int
    distinct: int


class Source(Protocol):
    """A table as the judge sees it. Methods take names of fields and answer for those, never changing the table."""

    @property
    def name(self) -> str:
        """What messages call it: a path, or "reference", "current"."""

    @property
    def rows(self) -> int:
        """How many rows it has."""

    @property
    def fields(self) -> tuple[Field, ...]:
        """Its columns in order."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a reader of the result must know."""

    def overview(self, names: Sequence[str]) -> dict[str, Overview]:
        """Pass 0: aggregates of the columns; of text only ``missing``."""

    def sample(self, names: Sequence[str], size: int, seed: int) -> dict[str, Values] | None:
        """Pass 1: about ``size`` random rows, or all where there are no more; the same for the same seed.

        The order of the rows is that of the table or random, the same for every column. None where rows can't be had
        (a saved profile).
        """

    def count(self, edges: Mapping[str, np.ndarray], of: str = "value") -> dict[str, np.ndarray]:
        """Pass 2: rows in the cells x < e₀, e₀ ≤ x < e₁, …, eₖ₋₁ ≤ x, int64 of k + 1, rows without a value left out.

        Edges are increasing: datetime64[us] for dates, else float64, int64 or uint64 (those of whole numbers are
        float64 where the other table holds floats); −inf is in the first cell, +inf in the last. A bool counts as 0
        or 1. With ``of="length"`` x is the length of a text in characters.
        """

    def categories(self, names: Sequence[str], limit: int) -> dict[str, Categories]:
        """Pass 2 of columns that are compared value by value, whatever their kind."""

    def split_by(self, by: str, every: str) -> Iterable[tuple[str, Source]]:
        """The table cut by a date column into days, weeks, months, quarters or years (``every``), or by another
        column into its values, in order. Rows without a value of ``by`` are left out.
        """


def label(value: Any) -> str:
    """How a value is named as a category: 1, 1.0 and Decimal("1.00") alike, so that engines agree.

    Example:
        >>> from kljax.tables._source import label
        >>> [label(v) for v in (1, 1.0, True, "a", 0.5)]
        ['1', '1', 'true', 'a', '0.5']
    """
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating | decimal.Decimal):
        number = float(value)
        return str(int(number)) if math.isfinite(number) and number == int(number) else repr(number)
    if isinstance(value, np.datetime64):
        return str(value).removesuffix("T00:00:00.000000000").removesuffix("T00:00:00.000000")
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat().removesuffix("T00:00:00")
    return str(value)
