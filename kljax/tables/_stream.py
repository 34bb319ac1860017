"""Tables that come in batches: files read from one end to the other, and frames in memory as one batch a column.

Each pass goes over the batches once and keeps running totals, so memory does not grow with the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kljax.tables import _arrow
from kljax.tables._memory import _chosen, periods
from kljax.tables._source import DRAWN, Categories, Field, Overview, Source, Values

Chunks = Iterator[tuple[int, str, Any]]
"""(number of its first row, column, Arrow array), the chunks of each column in order."""


class Stream:
    """A ``Source`` over chunks of Arrow arrays that can be had again and again.

    Args:
        name: What messages call it.
        fields: Its columns as they are read.
        rows: How many rows it has.
        chunks: Hands over the columns named; what it yields is read as ``kinds`` say.
        kinds: Text columns to be read as "number" or "date".
        notes: What a reader must know.
    """

    def __init__(
        self,
        name: str,
        fields: Sequence[Field],
        rows: int,
        chunks: Callable[[Sequence[str]], Chunks],
        kinds: Mapping[str, str] | None = None,
        notes: tuple[str, ...] = (),
    ) -> None:
        self.name, self.rows, self.notes = name, rows, notes
        self._chunks = chunks
        self._read = {f.name: kinds[f.name] for f in fields if kinds and is_asked(f, kinds.get(f.name))}
        self.fields = tuple(Field(f.name, self._read[f.name], f.dtype) if f.name in self._read else f for f in fields)
        self._field = {field.name: field for field in self.fields}
        self._kept: _Draw | None = None

    def _arrays(self, names: Sequence[str]) -> Chunks:
        for start, name, array in self._chunks(names):
            yield start, name, self._as_asked(name, array) if name in self._read else array

    def _as_asked(self, name: str, array: Any) -> Any:
        kind = self._read[name]
        texts = pc.utf8_trim_whitespace(_arrow.plain(array))
        try:
            return texts.cast(pa.float64() if kind == "number" else pa.timestamp("us"))
        except pa.ArrowInvalid as error:
            raise ValueError(f"column {name!r} of {self.name} can't be read as {kind}s: {error}") from error

    def _totals(self, totals: Mapping[str, Any]) -> dict[str, Any]:
        for _, name, array in self._arrays(list(totals)):
            totals[name].add(array)
        return {name: total.result() for name, total in totals.items()}

    def overview(self, names: Sequence[str]) -> dict[str, Overview]:
        """See ``Source``."""
        totals = {name: _arrow.Overall(self._field[name]) for name in names}
        # The sample that is asked for next, unless told otherwise, is drawn on the way: a reading less.
        draw = _Draw(self.rows, DRAWN, 0)
        for start, name, array in self._arrays(names):
            totals[name].add(array)
            draw.add(start, name, array)
        self._kept = draw
        return {name: total.result() for name, total in totals.items()}

    def count(self, edges: Mapping[str, np.ndarray], of: str = "value") -> dict[str, np.ndarray]:
        """See ``Source``."""
        return self._totals({name: _arrow.Binned(self._field[name], cuts, of) for name, cuts in edges.items()})

    def categories(self, names: Sequence[str], limit: int) -> dict[str, Categories]:
        """See ``Source``."""
        return self._totals({name: _arrow.Ranked(self._field[name], limit) for name in names})

    def sample(self, names: Sequence[str], size: int, seed: int) -> dict[str, Values]:
        """See ``Source``: exactly ``size`` rows, those that a table in memory would draw."""
        draw, self._kept = self._kept, None
        if draw is None or not draw.is_of(names, size, seed):
            draw = _Draw(self.rows, size, seed)
            for start, name, array in self._arrays(names):
                draw.add(start, name, array)
        return {name: _arrow.values(draw.column(name), self._field[name]) for name in names}

    def split_by(self, by: str, every: str) -> Iterator[tuple[str, Source]]:
        """See ``Source``. Every part reads the whole table again."""
        found: dict[str, int] = {}
        for _, _, array in self._arrays([by]):
            keys = self._keys(by, array, every)
            for key, count in zip(*np.unique(keys[keys != ""], return_counts=True), strict=True):
                found[str(key)] = found.get(str(key), 0) + int(count)
        for key in sorted(found):
            yield key, Stream(f"{self.name}, {key}", self.fields, found[key], self._only(by, every, key))

    def _keys(self, by: str, array: Any, every: str) -> np.ndarray:
        """The part that each row belongs to, "" where it has no value."""
        field = self._field[by]
        got = _arrow.values(array, field)
        if field.kind == "date":
            keys = periods(got.data, every)
        else:
            keys = np.array(_arrow.labels(pa.array(got.data), field), dtype=str)
        return np.where(got.missing, "", keys)

    def _only(self, by: str, every: str, key: str) -> Callable[[Sequence[str]], Chunks]:
        def chunks(names: Sequence[str]) -> Chunks:
            row: dict[str, int] = dict.fromkeys(names, 0)
            kept: dict[int, Any] = {}
            for start, name, array in self._arrays([by, *(name for name in names if name != by)]):
                if name == by:
                    kept[start] = pa.array(self._keys(by, array, every) == key)
                if name in row:
                    part = array.filter(_cut(kept, start, len(array)))
                    yield row[name], name, part
                    row[name] += len(part)

        return chunks


class _Draw:
    """Rows of a sample, taken chunk by chunk."""

    def __init__(self, rows: int, size: int, seed: int) -> None:
        self._asked = (size, seed)
        self._rows = _chosen(rows, size, seed)
        self._parts: dict[str, list[Any]] = {}

    def add(self, start: int, name: str, array: Any) -> None:
        """The chosen rows of a chunk that begins with row ``start``."""
        if self._rows is not None:
            first, last = np.searchsorted(self._rows, (start, start + len(array)))
            array = array.take(pa.array(self._rows[first:last] - start))
        self._parts.setdefault(name, []).append(_arrow.plain(array))

    def is_of(self, names: Sequence[str], size: int, seed: int) -> bool:
        """Whether it is the sample that is asked for; all rows are a sample of any seed."""
        asked = self._asked if self._rows is not None else (size, seed)
        return asked == (size, seed) and set(names) <= set(self._parts)

    def column(self, name: str) -> Any:
        """A column's chosen rows."""
        parts = self._parts.get(name)
        return pa.concat_arrays(parts) if parts else pa.nulls(0)


def _cut(kept: dict[int, Any], start: int, count: int) -> Any:
    """The mask of rows start, ..., start + count - 1, from those of the chunks of another column."""
    if start in kept and len(kept[start]) == count:
        return kept[start]
    whole = np.concatenate([np.asarray(kept[key]) for key in sorted(kept)])
    return pa.array(whole[start : start + count])


def is_asked(field: Field, kind: str | None) -> bool:
    """Whether a text column is to be read as numbers or dates."""
    if kind not in ("number", "date") or field.kind in (kind, "bool", "unknown"):
        return False
    if field.kind != "text":
        raise ValueError(f"column {field.name!r} holds {field.kind}s ({field.dtype}), which can't be read as {kind}s")
    return True
