"""CSV files, read block by block by pyarrow, which refuses rows of a wrong length where others guess.

A column's type is guessed from the first block of the first file. Where a later value contradicts it, the type is
widened (whole numbers → numbers → text) and the reading begins anew; what so became text is said in a note.
"""

from __future__ import annotations

import csv as standard
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from kljax.tables._fields import once
from kljax.tables._frames import of_arrow
from kljax.tables._progress import tell
from kljax.tables._stream import Chunks, Stream

PACKED = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".lz4": "lz4"}
_BLOCK = 1 << 22  # bytes that are parsed at once
_KEPT = 1 << 26  # bytes of parsed columns that are kept, so that a small file is parsed once
_CONTRADICTED = re.compile(r"In CSV column #(\d+): CSV conversion error to [^:]+: ([^']+)'(.*?)'", re.DOTALL)


def csv(paths: Sequence[Path], name: str, kinds: Mapping[str, str]) -> Stream:
    """CSV files with the same columns as one source."""
    table = _Table(paths)
    table.settle()
    fields = [of_arrow(key, kind) for key, kind in table.types.items()]
    return Stream(name, fields, table.rows, table.chunks, kinds, tuple(table.notes))


class _WiderError(Exception):
    """A value that its column's type can't hold."""

    def __init__(self, path: Path, column: str, value: str, why: str) -> None:
        super().__init__(path, column, value, why)
        self.path, self.column, self.value, self.why = path, column, value, why


class _Table:
    """The files, the types of their columns once these are settled, and the parsed columns if they are few bytes."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._size = sum(path.stat().st_size for path in paths)
        self._headers = {path: _header(path) for path in paths}
        self._delimiter, first = self._headers[paths[0]]
        for path in paths:
            delimiter, names = self._headers[path]
            if set(names) != set(first) or delimiter != self._delimiter:
                raise ValueError(f"{path} has the columns {names}, but {paths[0]} has {first}")
            once(names, str(path))
        self.types: dict[str, Any] = {}
        self.rows = 0
        self.notes: list[str] = []
        self._kept: list[Any] | None = None

    def settle(self) -> None:
        """Reads everything once: the columns' types, the number of rows, and whether each row has all its values."""
        while True:
            kept: list[Any] | None = []
            self.rows = held = 0
            try:
                for batch in self._batches(None):
                    self.rows += batch.num_rows
                    held += batch.nbytes
                    kept = None if kept is None or held > _KEPT else [*kept, batch]
            except _WiderError as wider:
                self._widen(wider)
                continue
            self._kept = kept
            return

    def _widen(self, wider: _WiderError) -> None:
        was = self.types[wider.column]
        self.types[wider.column] = pa.string() if "zone" in wider.why else _wider(was, wider.value)
        if self.types[wider.column] == pa.string() and not pa.types.is_null(was):
            self.notes.append(
                f"{wider.path}: column {wider.column!r} begins with values of {was} and goes on with {wider.value!r}, "
                "so it is text"
            )

    def chunks(self, wanted: Sequence[str]) -> Chunks:
        """As ``Stream`` wants them."""
        start = 0
        for batch in self._kept if self._kept is not None else self._batches(wanted):
            for key in wanted:
                yield start, key, batch.column(key)
            start += batch.num_rows

    def _batches(self, wanted: Sequence[str] | None) -> Iterator[Any]:
        done = 0
        for path in self._paths:
            with path.open("rb") as raw:
                for batch in self._of(path, raw, wanted):
                    tell(f"{path}: reading", (done + raw.tell()) / max(self._size, 1))
                    yield batch
            done += path.stat().st_size

    def _of(self, path: Path, raw: IO[bytes], wanted: Sequence[str] | None) -> Iterator[Any]:
        ragged: list[Any] = []

        def refused(row: Any) -> str:
            ragged.append(row)
            return "error"

        read = arrow_csv.ReadOptions(block_size=_BLOCK)
        parse = arrow_csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=True, invalid_row_handler=refused)
        convert = arrow_csv.ConvertOptions(
            column_types=self.types or None, include_columns=wanted, strings_can_be_null=True
        )
        try:
            reader = arrow_csv.open_csv(_unpacked(path, raw), read, parse, convert)
            if not self.types:
                self.types = dict(zip(reader.schema.names, reader.schema.types, strict=True))
                self._check_text(path)
            for batch in reader:
                yield batch.select(list(self.types)) if wanted is None else batch
        except (pa.ArrowInvalid, OSError) as error:
            if ragged:
                raise ValueError(_ragged(path, ragged[0])) from error
            contradicted = _CONTRADICTED.search(str(error))
            if contradicted is None:
                hint = "; save it as UTF-8" if "UTF8" in str(error) else ""
                raise ValueError(f"{path} can't be read as CSV: {error}{hint}") from error
            column = self._headers[path][1][int(contradicted[1])]
            raise _WiderError(path, column, contradicted[3], contradicted[2]) from error

    def _check_text(self, path: Path) -> None:
        for name, kind in self.types.items():
            if pa.types.is_binary(kind):
                raise ValueError(f"{path}: column {name!r} is not UTF-8 text; save the file as UTF-8")


def _unpacked(path: Path, raw: IO[bytes]) -> Any:
    stream = pa.PythonFile(raw, mode="r")
    codec = PACKED.get(path.suffix.lower())
    return pa.CompressedInputStream(stream, codec) if codec else stream


def _lines(path: Path) -> Iterator[str]:
    with path.open("rb") as raw:
        try:
            yield from io.TextIOWrapper(io.BufferedReader(_unpacked(path, raw)), "utf-8", "replace", newline="")
        except (pa.ArrowInvalid, OSError, EOFError) as error:
            raise ValueError(f"{path} can't be unpacked: {error}") from error


def _header(path: Path) -> tuple[str, list[str]]:
    """The delimiter, and the columns' names."""
    first = next((line for line in _lines(path) if line.strip("\r\n\ufeff")), None)
    if first is None:
        raise ValueError(f"{path} is empty: it has no header")
    others = [mark for mark in "\t;|" if mark in first]
    delimiter = others[0] if others and "," not in first else ","
    lines = (line.removeprefix("\ufeff") for line in _lines(path) if line.strip("\r\n\ufeff"))
    return delimiter, next(standard.reader(lines, delimiter=delimiter))


def _ragged(path: Path, row: Any) -> str:
    """Where a row with too few or too many values stands; pyarrow, reading in parallel, knows its text alone."""
    first = row.text.split("\n")[0].strip("\r")
    number = next((j for j, line in enumerate(_lines(path), 1) if line.rstrip("\r\n") == first), None)
    line = "a line" if number is None else f"line {number}"
    values = "1 value" if row.actual_columns == 1 else f"{row.actual_columns} values"
    verb = "was" if row.expected_columns == 1 else "were"
    return f"{path}, {line}: {values} where {row.expected_columns} {verb} expected: {_short(row.text)!r}"


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:77] + "..."


def _wider(kind: Any, value: str) -> Any:
    """The next type that may hold ``value`` and all that ``kind`` holds."""
    if pa.types.is_null(kind):
        return pa.int64()
    if pa.types.is_integer(kind) and _is_number(value):
        return pa.float64()
    if pa.types.is_date(kind):
        return pa.timestamp("us")
    if pa.types.is_timestamp(kind) and kind.unit == "s":
        return pa.timestamp("ns", kind.tz)
    return pa.string()


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
