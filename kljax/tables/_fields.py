"""What a column of an engine holds, by the dtype that narwhals gives it."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

import narwhals as nw

from kljax.tables._source import Field

_WHY = {
    "List": "it holds lists; make a column of each element, or of their lengths",
    "Array": "it holds arrays; make a column of each element",
    "Struct": "it holds records; make a column of each field",
    "Object": "it holds Python objects of mixed types; convert it to one type, or pass kinds={{{name!r}: 'category'}}",
    "Binary": "it holds bytes; decode them to text",
    "Time": "it holds times of day; convert them to seconds",
    "Unknown": "it holds {dtype}, which has neither order nor names here; convert it to numbers, dates or text",
}


def field(name: str, dtype: Any, native: str = "") -> Field:
    """A column by its dtype; ``native`` is the engine's own word for it."""
    text = str(dtype)
    lower = text.lower()
    if native.strip('"').lower() in ("null", "void"):  # never a value, so of any kind
        return Field(name, "number", "null")
    if dtype == nw.Boolean:
        return Field(name, "bool", lower)
    if dtype.is_numeric() or dtype == nw.Duration:
        return Field(name, "number", lower)
    if dtype == nw.Date:
        return Field(name, "date", lower)
    if dtype == nw.Datetime:
        return Field(name, "date", lower, zone=getattr(dtype, "time_zone", None))
    if dtype in (nw.String, nw.Categorical, nw.Enum):
        return Field(name, "text", lower)
    kind = text.partition("(")[0]
    why = _WHY.get(kind, _WHY["Unknown"]).format(name=name, dtype=native or text)
    return Field(name, "unknown", (native or text).lower(), why=why)


def once(names: Sequence[str], table: str) -> None:
    """Raises ``ValueError`` where two columns have one name."""
    twice = [name for name, count in collections.Counter(names).items() if count > 1]
    if twice:
        named = ", ".join(map(repr, twice))
        raise ValueError(f"{table} has more than one column called {named}; rename all but one")
