"""Tables that are in memory already: dicts of arrays, structured arrays, and matrices of NumPy or JAX.

Nothing is copied but one block of one column at a time.
"""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from kljax.tables._arrays import Stored, stored
from kljax.tables._histogram import counted
from kljax.tables._source import Categories, Overview, Source, Values, label

_BLOCK = 1 << 17  # rows whose cells are found at once: they stay in the cache
_PERIODS = {"day": "D", "week": "W", "month": "M", "year": "Y"}


class Memory:
    """A ``Source`` over columns in memory."""

    def __init__(self, columns: Mapping[str, Any], name: str, kinds: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.notes: tuple[str, ...] = ()
        self._columns = {key: stored(key, values, (kinds or {}).get(key)) for key, values in columns.items()}
        lengths = {key: len(column.data) for key, column in self._columns.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"the columns of {name} must be of one length, but have {lengths}")
        self.rows = next(iter(lengths.values()), 0)
        self.fields = tuple(column.field for column in self._columns.values())

    def overview(self, names: Sequence[str]) -> dict[str, Overview]:
        """See ``Source``."""
        return {name: _overview(self._columns[name]) for name in names}

    def sample(self, names: Sequence[str], size: int, seed: int) -> dict[str, Values]:
        """See ``Source``: exactly ``size`` rows, in the order of the table."""
        chosen = _chosen(self.rows, size, seed)
        return {name: _taken(self._columns[name], chosen) for name in names}

    def count(self, edges: Mapping[str, np.ndarray], of: str = "value") -> dict[str, np.ndarray]:
        """See ``Source``."""
        return {name: self._counts(name, cuts, of) for name, cuts in edges.items()}

    def categories(self, names: Sequence[str], limit: int) -> dict[str, Categories]:
        """See ``Source``."""
        return {name: _categories(self._columns[name], limit) for name in names}

    def split_by(self, by: str, every: str) -> Iterator[tuple[str, Source]]:
        """See ``Source``."""
        column = self._columns[by]
        keys = periods(column.data, every) if column.field.kind == "date" else _labels(column.data)
        for key in np.unique(keys[~column.missing]):
            rows = np.flatnonzero((keys == key) & ~column.missing)
            part = Memory({}, f"{self.name}, {key}")
            part._columns = {
                name: Stored(c.field, c.data[rows], c.missing[rows], c.null[rows]) for name, c in self._columns.items()
            }
            part.rows, part.fields = len(rows), self.fields
            yield str(key), part

    def _counts(self, name: str, edges: np.ndarray, of: str) -> np.ndarray:
        column = self._columns[name]
        if of == "length":
            return counted(lengths(column.data[~column.missing]), edges)
        return counted(column.data, edges, column.missing)


def lengths(texts: Iterable[str]) -> np.ndarray:
    """Lengths in characters."""
    return np.fromiter((len(text) for text in texts), np.int64)


def periods(dates: np.ndarray, every: str) -> np.ndarray:
    """Names of the days, weeks (by their first day, Monday), months, quarters or years that the dates lie in."""
    if every == "quarter":
        months = dates.astype("datetime64[M]").astype(np.int64)
        return np.char.add(np.char.add((1970 + months // 12).astype(str), "-Q"), (months % 12 // 3 + 1).astype(str))
    if every == "week":
        days = dates.astype("datetime64[D]").astype(np.int64)
        return ((days + 3) // 7 * 7 - 3).astype("datetime64[D]").astype(str)
    if every not in _PERIODS:
        raise ValueError(f"every must be 'day', 'week', 'month', 'quarter' or 'year', not {every!r}")
    return dates.astype(f"datetime64[{_PERIODS[every]}]").astype(str)


def _chosen(rows: int, size: int, seed: int) -> np.ndarray | None:
    """Sorted row numbers of a sample, or None for all rows."""
    if rows <= size:
        return None
    return np.sort(np.random.default_rng(seed).choice(rows, size, replace=False, shuffle=False))


def _taken(column: Stored, chosen: np.ndarray | None) -> Values:
    data, missing = column.data, column.missing
    if chosen is not None:
        data, missing = data[chosen], missing[chosen]
    return Values(data.astype(np.float64, copy=False) if data.dtype.kind == "f" else data, missing)


def _overview(column: Stored) -> Overview:
    data, missing = column.data, column.missing
    gone, null = int(np.count_nonzero(missing)), int(np.count_nonzero(column.null))
    if column.field.kind in ("text", "unknown"):
        return Overview(gone)
    if data.dtype.kind != "f":
        kept = data[~missing] if gone else data
        return Overview(gone, low=_scalar(kept.min()), high=_scalar(kept.max())) if len(kept) else Overview(gone)
    low, high, plus, minus = np.inf, -np.inf, 0, 0
    for start in range(0, len(data), _BLOCK):
        block = data[start : start + _BLOCK]
        least, most = np.fmin.reduce(block), np.fmax.reduce(block)
        if np.isinf(least) or np.isinf(most):
            plus += int(np.count_nonzero(block == np.inf))
            minus += int(np.count_nonzero(block == -np.inf))
            block = block[np.isfinite(block)]
            least, most = (block.min(), block.max()) if len(block) else (np.inf, -np.inf)
        low, high = min(low, float(np.fmin(least, np.inf))), max(high, float(np.fmax(most, -np.inf)))
    ends = (None, None) if low > high else (low, high)
    return Overview(null, gone - null, plus, minus, *ends)


def _scalar(value: Any) -> Any:
    return value if isinstance(value, np.datetime64) else value.item()


def _categories(values: Stored, limit: int) -> Categories:
    present = values.data[~values.missing] if values.missing.any() else values.data
    counts: collections.Counter[Any] = collections.Counter(present.tolist())
    if present.dtype.kind == "M":
        counts = collections.Counter(dict(zip(*np.unique(present, return_counts=True), strict=True)))
    by_label: collections.Counter[str] = collections.Counter()
    for value, count in counts.items():
        by_label[label(value)] += int(count)
    ranked = sorted(by_label.items(), key=lambda item: (-item[1], item[0]))
    kept = ranked[:limit]
    total = np.array([count for _, count in kept], np.int64)
    return Categories(tuple(k for k, _ in kept), total, len(present) - int(total.sum()), len(ranked))


def _labels(data: np.ndarray) -> np.ndarray:
    return np.array([label(value) for value in data.tolist()], dtype=object)
