"""A table kept as counts: small, without its rows, and additive.

Every column keeps its counts in cells that are finer than any comparison needs: one a value where there are few, 256 of
equal mass otherwise, with finer tails. Profiles on the same cells add, so days add up to weeks.
"""

from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kljax.tables._findings import Summary, plain
from kljax.tables._source import Categories, Field, Overview, Source, Values
from kljax.tables._versions import versions

SCHEMA = "kljax.profile/1"


@dataclasses.dataclass(frozen=True)
class ProfiledColumn:
    """A column of a profile.

    Attributes:
        name: Its name.
        kind: "number", "date", "bool", "category" or "text", whose cells are of lengths.
        dtype: As the engine called it.
        zone: Of dates with one.
        edges: Of the cells, as in ``Source.count`` (dates as microseconds since 1970); empty for categories.
        labels: Of categories, the most frequent first.
        counts: Rows in each cell, or with each label.
        rest: Rows with another label.
        distinct: Distinct labels.
        missing: Null rows.
        nan: Rows that are not a number.
        infinite: Rows of -inf and +inf.
        ends: The least and the greatest finite value (dates as microseconds), or None.
        summary: The column in a few numbers.
    """

    name: str
    kind: str
    dtype: str
    zone: str | None
    edges: tuple[float | int, ...]
    labels: tuple[str, ...]
    counts: tuple[int, ...]
    rest: int
    distinct: int
    missing: int
    nan: int
    infinite: tuple[int, int]
    ends: tuple[float | int, float | int] | None
    summary: Summary

    def cuts(self) -> np.ndarray:
        """The edges as an array of the column's own dtype."""
        if self.kind == "date":
            return np.array(self.edges, np.int64).view("datetime64[us]")
        whole = all(isinstance(edge, int) for edge in self.edges)
        return np.array(self.edges, np.int64 if whole and max(self.edges, default=0) < 2**63 else None)


@dataclasses.dataclass(frozen=True)
class Profile:
    """A table's counts, which serve as a reference without its rows, add up, and are saved as JSON.

    Attributes:
        name: What the table was called.
        rows: How many rows it had.
        columns: Its columns.
        settings: What it was made with.
        notes: What a reader must know.

    Example:
        >>> import numpy as np
        >>> from kljax import tables
        >>> monday, tuesday = ({"x": np.random.default_rng(day).normal(size=2000)} for day in (1, 2))
        >>> p = tables.profile(monday)
        >>> (p + tables.profile_like(p, tuesday)).rows
        4000
        >>> tables.compare(p, tuesday).verdict
        'same'
    """

    name: str
    rows: int
    columns: tuple[ProfiledColumn, ...]
    settings: dict[str, Any]
    notes: tuple[str, ...] = ()

    def column(self, name: str) -> ProfiledColumn:
        """The column called ``name``."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"no column {name!r} in the profile; it has {[column.name for column in self.columns]}")

    def save(self, path: str | Path) -> None:
        """Write it as JSON, compressed if the path ends in .gz."""
        data = {"schema": SCHEMA, **plain(self), "versions": versions()}
        text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
        # No time stamp: the same profile makes the same file.
        Path(path).write_bytes(gzip.compress(text, mtime=0) if str(path).endswith(".gz") else text)

    @classmethod
    def load(cls, path: str | Path) -> Profile:
        """Read what ``save`` wrote."""
        raw = Path(path).read_bytes()
        try:
            data = json.loads(gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw)
        except (json.JSONDecodeError, UnicodeDecodeError, EOFError, gzip.BadGzipFile) as error:
            raise ValueError(f"{path} is no profile: {error}") from error
        if not isinstance(data, dict) or data.get("schema") != SCHEMA:
            raise ValueError(f"{path} is no profile: its schema is not {SCHEMA!r}; make one with tables.profile")
        columns = tuple(_column(entry) for entry in data["columns"])
        return cls(data["name"], data["rows"], columns, data["settings"], tuple(data["notes"]))

    def __add__(self, other: Profile) -> Profile:
        if not isinstance(other, Profile):
            return NotImplemented
        mine, yours = [[(column.name, column.edges) for column in one.columns] for one in (self, other)]
        if mine != yours:
            raise ValueError(
                "only profiles on the same cells add: make the second by tables.profile_like(first, table)"
            )
        columns = tuple(_sum(x, y) for x, y in zip(self.columns, other.columns, strict=True))
        notes = tuple(dict.fromkeys((*self.notes, *other.notes)))
        return Profile(self.name, self.rows + other.rows, columns, self.settings, notes)

    # What follows makes a profile a Source.

    @property
    def fields(self) -> tuple[Field, ...]:
        """See ``Source``."""
        kinds = {"category": "text"}
        return tuple(Field(c.name, kinds.get(c.kind, c.kind), c.dtype, c.zone) for c in self.columns)

    def overview(self, names: Sequence[str]) -> dict[str, Overview]:
        """See ``Source``."""
        found = {}
        for name in names:
            column = self.column(name)
            ends: Any = column.ends or (None, None)
            if column.kind == "date" and column.ends:
                ends = tuple(np.datetime64(int(end), "us") for end in column.ends)
            found[name] = Overview(column.missing, column.nan, column.infinite[1], column.infinite[0], *ends)
        return found

    def sample(self, names: Sequence[str], size: int, seed: int) -> dict[str, Values] | None:
        """None: a profile keeps no row."""
        return None

    def count(self, edges: Mapping[str, np.ndarray], of: str = "value") -> dict[str, np.ndarray]:
        """See ``Source``; the edges must be the profile's, or some of them."""
        return {name: self._count(self.column(name), cuts) for name, cuts in edges.items()}

    def categories(self, names: Sequence[str], limit: int) -> dict[str, Categories]:
        """See ``Source``."""
        found = {}
        for name in names:
            column = self.column(name)
            if column.kind != "category" and not sum(column.counts):
                found[name] = Categories((), np.empty(0, np.int64), 0, 0)
                continue
            if column.kind != "category":
                raise ValueError(
                    f"the profile keeps {name!r} as {column.kind}, not as a category; "
                    f"make it again with kinds={{{name!r}: 'category'}}"
                )
            counts = np.array(column.counts, np.int64)
            rest = column.rest + int(counts[limit:].sum())
            found[name] = Categories(column.labels[:limit], counts[:limit], rest, column.distinct)
        return found

    def split_by(self, by: str, every: str) -> Iterator[tuple[str, Source]]:
        """A profile can't be cut."""
        raise ValueError("a profile keeps no rows, so it can't be cut into batches; pass the table")

    def _count(self, column: ProfiledColumn, edges: np.ndarray) -> np.ndarray:
        mine = column.cuts()
        at = np.searchsorted(mine, edges)
        if len(edges) and (at.max(initial=-1) >= len(mine) or not np.array_equal(mine[at], edges)):
            raise ValueError(f"the two profiles have other cells for {column.name!r}; make one by tables.profile_like")
        upto = np.concatenate([[0], np.cumsum(np.array(column.counts, np.int64))])
        return np.diff(upto[np.concatenate([[0], at + 1, [len(upto) - 1]])])


def _column(entry: dict[str, Any]) -> ProfiledColumn:
    """A column read from JSON."""
    entry = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    summary: dict[str, Any] = {key: tuple(v) if isinstance(v, list) else v for key, v in entry["summary"].items()}
    return ProfiledColumn(**{**entry, "summary": Summary(**summary)})


def _sum(x: ProfiledColumn, y: ProfiledColumn) -> ProfiledColumn:
    """The column of both tables together."""
    counts, labels = x.counts, x.labels
    if x.kind == "category":
        total = dict(zip(x.labels, x.counts, strict=True))
        for name, count in zip(y.labels, y.counts, strict=True):
            total[name] = total.get(name, 0) + count
        ranked = sorted(total.items(), key=lambda item: (-item[1], item[0]))
        labels, counts = tuple(name for name, _ in ranked), tuple(count for _, count in ranked)
    else:
        counts = tuple(a + b for a, b in zip(x.counts, y.counts, strict=True))
    ends = [one.ends for one in (x, y) if one.ends is not None]
    return dataclasses.replace(
        x,
        labels=labels,
        counts=counts,
        rest=x.rest + y.rest,
        distinct=max(x.distinct, y.distinct, len(labels)),
        missing=x.missing + y.missing,
        nan=x.nan + y.nan,
        infinite=(x.infinite[0] + y.infinite[0], x.infinite[1] + y.infinite[1]),
        ends=(min(end[0] for end in ends), max(end[1] for end in ends)) if ends else None,
        summary=_summary(x, y),
    )


def _summary(x: ProfiledColumn, y: ProfiledColumn) -> Summary:
    """Means and deviations add; the quartiles of a sum are not known, and are left to those of the larger part."""
    first, second = x.summary, y.summary
    weights = [sum(one.counts) + one.rest for one in (x, y)]
    larger = first if weights[0] >= weights[1] else second
    distinct = max((one.distinct or 0 for one in (first, second)), default=0) or None
    if not all(isinstance(one.mean, float) and one.sd is not None for one in (first, second)) or not all(weights):
        return dataclasses.replace(larger, distinct=distinct)
    total = sum(weights)
    mean = sum(w * float(one.mean or 0.0) for w, one in zip(weights, (first, second), strict=True)) / total
    square = sum(
        w * (float(one.sd or 0.0) ** 2 + (float(one.mean or 0.0) - mean) ** 2)
        for w, one in zip(weights, (first, second), strict=True)
    )
    numbers = [one for one in (first, second) if isinstance(one.min, int | float) and isinstance(one.max, int | float)]
    low = min((one.min for one in numbers), default=larger.min)  # type: ignore[type-var]
    high = max((one.max for one in numbers), default=larger.max)  # type: ignore[type-var]
    return Summary(mean, (square / total) ** 0.5, larger.quartiles, low, high, distinct)
