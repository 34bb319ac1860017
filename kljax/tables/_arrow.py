"""Arrow arrays, which files and frames hand over, as the judge sees them; and what is counted of them chunk by chunk.

    chunk ─Overall, Binned, Ranked─▶ running totals ─▶ Overview, counts, Categories

A total never grows with the rows: it is a few numbers, a count a cell, or a count a distinct value.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kljax.tables._histogram import counted
from kljax.tables._source import Categories, Field, Overview, Values, label

_MERGE = 1 << 17  # distinct values that wait before equal ones are added up


def plain(array: Any) -> Any:
    """An array without dictionary, run ends or chunks; a null array, and intervals in seconds, as float64."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks() if array.num_chunks != 1 else array.chunk(0)
        if isinstance(array, pa.ChunkedArray):  # too long for one array of its type
            raise ValueError(f"an array of {len(array)} rows is too long; hand it over in batches")
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if pa.types.is_run_end_encoded(array.type):
        array = pc.run_end_decode(array)
    if pa.types.is_interval(array.type):
        return pa.array(_intervals(array), from_pandas=True)
    return array.cast(pa.float64()) if pa.types.is_null(array.type) else array


def values(array: Any, field: Field) -> Values:
    """A column's values, its missing ones marked."""
    array = plain(array)
    missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else np.zeros(len(array), bool)
    if field.kind in ("text", "unknown"):
        if not _is_text(array.type):
            texts = np.array(["" if value is None else label(value) for value in array.to_pylist()], dtype=object)
            return Values(texts, missing)
        texts = (array.fill_null("") if array.null_count else array).to_numpy(zero_copy_only=False)
        return Values(texts.astype(object, copy=False), missing)
    data = numbers(array)
    if data.dtype.kind == "f":
        missing = missing | np.isnan(data)
    return Values(data, missing)


def numbers(array: Any) -> np.ndarray:
    """float64, int64, uint64, bool, or datetime64[us]; where a value is missing NaN, 0 or False."""
    kind = array.type
    if pa.types.is_boolean(kind):
        return (array.fill_null(False) if array.null_count else array).to_numpy(zero_copy_only=False)
    if pa.types.is_date(kind):
        array, kind = array.cast(pa.timestamp("us")), pa.timestamp("us")
    if pa.types.is_timestamp(kind):
        # By way of the integers, floored: an unsafe cast would round towards 1970.
        ticks = array.cast(pa.int64())
        whole = (ticks.fill_null(0) if ticks.null_count else ticks).to_numpy(zero_copy_only=False)
        return whole.view(f"datetime64[{kind.unit}]").astype("datetime64[us]")
    if pa.types.is_duration(kind):
        ticks = array.cast(pa.int64()).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return ticks / {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit]
    if pa.types.is_decimal(kind):
        return _decimals(array)
    if pa.types.is_floating(kind):
        data = array.to_numpy(zero_copy_only=False)
        return data.astype(np.float64, copy=False)
    wide = pa.uint64() if kind == pa.uint64() else pa.int64()
    whole = array if kind == wide else array.cast(wide)
    return (whole.fill_null(0) if whole.null_count else whole).to_numpy(zero_copy_only=False)


def present(array: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """The values of a column of numbers, dates or bools, and which are missing; None if none is."""
    array = plain(array)
    data = numbers(array)
    missing = array.is_null().to_numpy(zero_copy_only=False) if array.null_count else None
    if data.dtype.kind == "f":
        with np.errstate(invalid="ignore", over="ignore"):
            total = data.sum()  # one pass without a copy tells that there is no NaN
        if np.isnan(total):
            missing = np.isnan(data) if missing is None else missing | np.isnan(data)
            missing = missing if missing.any() else None
    return data, missing


def _decimals(array: Any) -> np.ndarray:
    """The nearest float64 of each: its digits as a whole number, divided once. (A cast multiplies by 0.1, 0.01, ….)"""
    scale = array.type.scale
    if array.type.bit_width > 128 or not 0 <= scale <= 22:
        return array.cast(pa.float64()).to_numpy(zero_copy_only=False)
    wide = array.cast(pa.decimal128(38, scale))
    pairs = np.frombuffer(wide.buffers()[1], np.int64).reshape(-1, 2)[wide.offset : wide.offset + len(wide)]
    digits = pairs[:, 0].astype(np.float64)
    beyond = pairs[:, 1] != pairs[:, 0] >> 63
    if beyond.any():
        digits[beyond] = pairs[beyond, 1] * 2.0**64 + pairs[beyond, 0].view(np.uint64)
    data = digits / 10.0**scale
    if array.null_count:
        data[array.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return data


def _intervals(array: Any) -> np.ndarray:
    """Seconds of months (of 30 days, as SQL engines order them), days and nanoseconds."""
    layout = np.dtype([("months", "<i4"), ("days", "<i4"), ("nanoseconds", "<i8")])
    parts = np.frombuffer(array.buffers()[1], layout)[array.offset : array.offset + len(array)]
    data = (parts["months"] * 30.0 + parts["days"]) * 86_400.0 + parts["nanoseconds"] * 1e-9
    return np.where(array.is_null().to_numpy(zero_copy_only=False), np.nan, data)


def _is_text(kind: Any) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or kind == pa.string_view()


class Overall:
    """Pass 0 of one column, chunk by chunk."""

    def __init__(self, field: Field) -> None:
        self._field = field
        self._total = Overview(0)

    def add(self, array: Any) -> None:
        """One more chunk."""
        null = array.null_count
        if self._field.kind in ("text", "unknown"):
            self._total = dataclasses.replace(self._total, missing=self._total.missing + null)
            return
        data, missing = present(array)
        kept = data if missing is None else data[~missing]
        nan = 0 if missing is None else int(np.count_nonzero(missing)) - null
        low, high = _ends(kept)
        plus = minus = 0
        if isinstance(low, float) and not math.isfinite(low - high):
            plus, minus = int(np.count_nonzero(kept == np.inf)), int(np.count_nonzero(kept == -np.inf))
            low, high = _ends(kept[np.isfinite(kept)])
        was = self._total
        self._total = Overview(
            was.missing + null,
            was.nan + nan,
            was.plus_inf + plus,
            was.minus_inf + minus,
            was.low if low is None else low if was.low is None else min(was.low, low),
            was.high if high is None else high if was.high is None else max(was.high, high),
        )

    def result(self) -> Overview:
        """Of all chunks so far."""
        return self._total


def _ends(data: np.ndarray) -> tuple[Any, Any]:
    """The least and greatest value as Python's numbers or np.datetime64; None where there is none."""
    if len(data) == 0:
        return None, None
    low, high = data.min(), data.max()
    return (low, high) if data.dtype.kind == "M" else (low.item(), high.item())


class Binned:
    """Pass 2 of one column by cells, chunk by chunk."""

    def __init__(self, field: Field, edges: np.ndarray, of: str) -> None:
        self._field, self._edges, self._of = field, edges, of
        self._total = np.zeros(len(edges) + 1, np.int64)

    def add(self, array: Any) -> None:
        """One more chunk."""
        if self._of == "length":
            texts = plain(array).drop_null()
            found = pc.utf8_length(texts if _is_text(texts.type) else pa.array(values(texts, self._field).data))
            self._total += counted(found.to_numpy(zero_copy_only=False).astype(np.int64), self._edges)
            return
        data, missing = present(array)
        self._total += counted(data, self._edges, missing)

    def result(self) -> np.ndarray:
        """Of all chunks so far."""
        return self._total


class Ranked:
    """Pass 2 of one column value by value, chunk by chunk."""

    def __init__(self, field: Field, limit: int) -> None:
        self._field, self._limit = field, limit
        self._tables: list[Any] = []
        self._waiting = 0

    def add(self, array: Any) -> None:
        """One more chunk."""
        if pa.types.is_dictionary(array.type):
            self._add_table(_of_dictionary(array))
            return
        array = plain(array)
        if pa.types.is_floating(array.type):
            array = pc.add(pc.if_else(pc.is_nan(array), None, array), pa.scalar(0.0, array.type))  # -0.0 is 0.0
        found = pc.value_counts(array.drop_null())
        self._add_table(pa.table({"value": found.field("values"), "n": found.field("counts")}))

    def _add_table(self, table: Any) -> None:
        self._tables.append(table)
        self._waiting += table.num_rows
        if self._waiting > _MERGE:
            merged = _merged(self._tables)
            self._tables = [merged]
            # The next merge comes when as many again are waiting, so that all merges together cost a few passes.
            self._waiting = -merged.num_rows

    def result(self) -> Categories:
        """Of all chunks so far."""
        if not self._tables:
            return Categories((), np.zeros(0, np.int64), 0, 0)
        return ranked(_merged(self._tables), self._field, self._limit)


def _of_dictionary(array: Any) -> Any:
    """Values and rows of an array that holds numbers of its distinct values: these are counted."""
    used = array.indices.drop_null()
    counts = np.bincount(used.to_numpy(zero_copy_only=False), minlength=len(array.dictionary))
    table = pa.table({"value": array.dictionary, "n": pa.array(counts, pa.int64())})
    return table.filter(pc.and_(pc.greater(table["n"], 0), pc.is_valid(table["value"])))


def _merged(tables: list[Any]) -> Any:
    if len(tables) == 1:
        return tables[0]
    total = pa.concat_tables(tables).group_by("value").aggregate([("n", "sum")])
    return total.select(["value", "n_sum"]).rename_columns(["value", "n"])


def ranked(table: Any, field: Field, limit: int, total: Mapping[str, int] | None = None) -> Categories:
    """Categories of a table of distinct values ("value", no null) and their rows ("n").

    Where the table holds only the most frequent of them, ``total`` has "distinct" and "rows" of all.
    """
    n = table["n"].to_numpy().astype(np.int64)
    total = total or {"distinct": len(n), "rows": int(n.sum())}
    if len(n) > limit:
        order = [("n", "descending"), ("value", "ascending")]
        table = table.take(pc.sort_indices(table, sort_keys=order)[:limit])
        n = table["n"].to_numpy().astype(np.int64)
    by_label: dict[str, int] = {}
    for name, count in zip(labels(table["value"], field), n.tolist(), strict=True):
        by_label[name] = by_label.get(name, 0) + count
    top = sorted(by_label.items(), key=lambda item: (-item[1], item[0]))
    counts = np.array([count for _, count in top], np.int64)
    rest = total["rows"] - int(counts.sum())
    return Categories(tuple(name for name, _ in top), counts, rest, total["distinct"])


def labels(array: Any, field: Field) -> list[str]:
    """What each value is called; none may be null."""
    array = plain(array)
    if _is_text(array.type):
        return array.to_pylist()
    if field.kind in ("text", "unknown", "bool") or pa.types.is_integer(array.type):
        return [label(value) for value in array.to_pylist()]
    return [label(value) for value in numbers(array)]
