"""Frames in memory (pandas, polars, pyarrow, modin, cudf): each column as an Arrow array, most without a copy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import pyarrow as pa

from kljax.tables._arrays import stored
from kljax.tables._fields import field, once
from kljax.tables._source import Field
from kljax.tables._stream import Chunks, Stream


def frame(native: Any, name: str, kinds: Mapping[str, str]) -> Stream:
    """An eager frame, as narwhals wraps it, as a source."""
    names = [str(column) for column in _native_names(native)]
    once(names, name)
    columns: dict[str, tuple[Field, Any]] = {}
    for position, key in enumerate(names):
        columns[key] = _column(_native_column(native, position), key, kinds.get(key))
    rows = len(next(iter(columns.values()))[1]) if columns else 0

    def chunks(wanted: Sequence[str]) -> Chunks:
        for key in wanted:
            start, array = 0, columns[key][1]
            for chunk in array.chunks if isinstance(array, pa.ChunkedArray) else [array]:
                yield start, key, chunk
                start += len(chunk)

    return Stream(name, [found for found, _ in columns.values()], rows, chunks, kinds)


def _native_names(native: Any) -> Sequence[Any]:
    return native.column_names if isinstance(native, pa.Table) else list(native.columns)


def _native_column(native: Any, position: int) -> Any:
    if isinstance(native, pa.Table):
        return native.column(position)
    if hasattr(native, "iloc"):
        return native.iloc[:, position]
    return native.get_columns()[position] if hasattr(native, "get_columns") else native[native.columns[position]]


def _column(series: Any, name: str, kind: str | None) -> tuple[Field, Any]:
    """A column's field and its Arrow array."""
    if isinstance(series, pa.ChunkedArray):
        return of_arrow(name, series.type), series
    wrapped = nw.from_native(series, series_only=True)
    if str(series.dtype) == "object":
        kept = stored(name, series.to_numpy(), kind)
        return kept.field, pa.array(kept.data, mask=kept.null if kept.data.dtype.kind == "f" else kept.missing)
    try:
        array = wrapped.to_arrow()
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
        return field(name, nw.Unknown(), str(series.dtype)), pa.nulls(len(series))
    return of_arrow(name, array.type, str(series.dtype)), array


def of_arrow(name: str, kind: Any, native: str = "") -> Field:
    """A column by its Arrow type."""
    if pa.types.is_dictionary(kind):
        kind = pa.string() if not pa.types.is_boolean(kind.value_type) else pa.bool_()
    if pa.types.is_float16(kind):
        return Field(name, "number", "float16")
    dtype = nw.from_native(pa.schema([pa.field(name, kind)]).empty_table(), eager_only=True).schema[name]
    return field(name, dtype, str(kind) if pa.types.is_null(kind) else native or str(kind))


__all__ = ["frame", "of_arrow"]
