"""A column in memory: what an array of any dtype holds, as float64, integers, microseconds, bools or texts."""

from __future__ import annotations

import datetime
import decimal
from typing import Any, NamedTuple

import numpy as np

from kljax.tables._source import Field, label

_NUMBERS = (int, float, decimal.Decimal, np.integer, np.floating)


class Stored(NamedTuple):
    """A column and what is known of it.

    Attributes:
        field: Its name and kind.
        data: Its values; float32 and float16 as float32, otherwise as ``Values.data``. NaN where a float is missing.
        missing: Which rows are null or NaN.
        null: Which of these are null.
    """

    field: Field
    data: np.ndarray
    missing: np.ndarray
    null: np.ndarray


def stored(name: str, values: Any, kind: str | None) -> Stored:
    """A column as it is, or read as ``kind``."""
    array, null = _as_array(values)
    if array.ndim != 1:
        return _unknown(name, array, f"it is an array of shape {array.shape}")
    if array.dtype.kind == "O":
        return _asked_for(_from_objects(name, array, null, kind), kind)
    return _asked_for(_from_dtype(name, array, null), kind)


def _as_array(values: Any) -> tuple[np.ndarray, np.ndarray]:
    """The values as an array (a list as objects, lest 1 and "a" become text), and what a masked array masks."""
    if isinstance(values, np.ma.MaskedArray):
        return np.asarray(values.data), np.ma.getmaskarray(values)
    if isinstance(values, list | tuple):
        array = np.empty(len(values), dtype=object)
        array[:] = values
    else:
        array = np.asarray(values)
    if array.dtype.kind == "V" and array.dtype.names is None:  # bfloat16 and its like
        array = array.astype(np.float32)
    return array, np.zeros(array.shape, bool)


def _unknown(name: str, array: np.ndarray, why: str) -> Stored:
    rows = array.shape[0] if array.ndim else 0
    none = np.zeros(rows, bool)
    return Stored(Field(name, "unknown", str(array.dtype), why=why), np.full(rows, "", dtype=object), none, none)


def _from_dtype(name: str, array: np.ndarray, null: np.ndarray) -> Stored:
    kind, dtype = array.dtype.kind, str(array.dtype)
    if kind == "b":
        return Stored(Field(name, "bool", dtype), array, null, null)
    if kind in "iu":
        wide = array.astype(np.int64 if kind == "i" else np.uint64, copy=False)
        return Stored(Field(name, "number", dtype), wide, null, null)
    if kind == "f":
        array = array.astype(np.float64 if array.dtype.itemsize > 4 else np.float32, copy=False)
        array = np.where(null, np.nan, array) if null.any() else array
        return Stored(Field(name, "number", dtype), array, np.isnan(array), null)
    if kind == "M":
        null = null | np.isnat(array)
        return Stored(Field(name, "date", dtype), array.astype("datetime64[us]"), null, null)
    if kind == "m":
        null = null | np.isnat(array)
        return Stored(Field(name, "number", dtype), np.where(null, np.nan, _seconds(array)), null, null)
    if kind in "US":
        texts = np.char.decode(array, "utf-8", "replace") if kind == "S" else array
        return Stored(Field(name, "text", dtype), texts.astype(object), null, null)
    return _unknown(name, array, f"it holds values of dtype {dtype}, which have neither order nor names")


def _seconds(durations: np.ndarray) -> np.ndarray:
    if np.datetime_data(durations.dtype)[0] in ("Y", "M", "generic"):
        return durations.astype(np.int64).astype(np.float64)
    return durations / np.timedelta64(1, "s")


def _is_null(value: Any) -> bool:
    """None, NaT, and pandas's NA, which no comparison answers."""
    return (
        value is None
        or type(value).__name__ in ("NAType", "NaTType")
        or (isinstance(value, np.datetime64 | np.timedelta64) and bool(np.isnat(value)))
    )


def _is_nan(value: Any) -> bool:
    return isinstance(value, float | np.floating | decimal.Decimal) and value != value


def _from_objects(name: str, array: np.ndarray, null: np.ndarray, kind: str | None) -> Stored:
    """A column of Python objects, by what they are."""
    missing = null
    if any(not issubclass(one, str) for one in set(map(type, array.tolist()))):
        null = null | np.fromiter((_is_null(value) for value in array), bool, len(array))
        missing = null | np.fromiter((_is_nan(value) for value in array), bool, len(array))
    present = array[~missing]
    types = set(map(type, present.tolist()))

    def made(of: str, fill: Any, values: Any, zone: str | None = None) -> Stored:
        filled = np.full(len(array), fill)
        filled[~missing] = values
        return Stored(Field(name, of, "object", zone), filled, missing, null)

    if kind == "category":
        texts = np.full(len(array), "", dtype=object)
        texts[~missing] = [label(value) for value in present]
        return Stored(Field(name, "text", "object"), texts, missing, null)
    if not types and len(array):
        return made("number", np.nan, np.nan)
    if all(issubclass(one, str) for one in types):
        return Stored(Field(name, "text", "object"), array, missing, null)
    if all(issubclass(one, bool | np.bool_) for one in types):
        return made("bool", False, present.astype(bool))
    if all(issubclass(one, _NUMBERS) for one in types):
        whole = all(isinstance(value, int | np.integer) and -(2**63) <= value < 2**63 for value in present)
        return made("number", 0, present.astype(np.int64)) if whole else made("number", np.nan, present.astype(float))
    if all(issubclass(one, datetime.timedelta | np.timedelta64) for one in types):
        return made("number", np.nan, present.astype("timedelta64[us]") / np.timedelta64(1, "s"))
    if all(issubclass(one, datetime.date | np.datetime64) for one in types):
        zones = {getattr(value, "tzinfo", None) for value in present}
        if None in zones and len(zones) > 1:
            return _mixed(name, array, "times with a time zone and times without one; give all of them a zone, or none")
        if zones != {None}:
            present = np.array([value.astimezone(datetime.UTC).replace(tzinfo=None) for value in present], dtype=object)
        zone = None if zones == {None} else ", ".join(sorted(map(str, zones)))
        instants = np.array([np.datetime64(value, "us") for value in present], "datetime64[us]")
        return made("date", np.datetime64("NaT", "us"), instants, zone)
    found = " and ".join(sorted(one.__name__ for one in types))
    remedy = f"convert it to one type, or pass kinds={{{name!r}: 'category'}}"
    return _mixed(name, array, f"{found} side by side; {remedy}")


def _mixed(name: str, array: np.ndarray, what: str) -> Stored:
    return _unknown(name, array, f"it holds {what}")


def _asked_for(column: Stored, kind: str | None) -> Stored:
    """The column read as ``kind``: text as numbers or dates, integers as numbers."""
    field, data, missing, null = column
    if kind not in ("number", "date") or field.kind in (kind, "bool", "unknown"):
        return column
    if field.kind != "text":
        raise ValueError(f"column {field.name!r} holds {field.kind}s ({field.dtype}), which can't be read as {kind}s")
    filled = np.full(len(data), np.nan if kind == "number" else np.datetime64("NaT", "us"))
    try:
        filled[~missing] = np.array([text.strip() for text in data[~missing]], dtype=str).astype(filled.dtype)
    except ValueError as error:
        raise ValueError(f"column {field.name!r} can't be read as {kind}s: {error}") from error
    return Stored(Field(field.name, kind, field.dtype), filled, missing | np.isnan(filled), null)
