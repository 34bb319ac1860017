"""What each common column is compared as, or why it can't be."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence

import numpy as np

from kljax.tables._source import Field, Overview, Source

KINDS = ("number", "date", "bool", "category", "text", "ignore")
_PLURAL = {"number": "numbers", "date": "dates", "bool": "true and false", "text": "text", "category": "text"}
_LONG = 60  # characters on average: free text
_SINGLE, _IDENTIFIER = 0.5, 0.9  # shares of the rows whose value occurs once


def check(kinds: Mapping[str, str], known: Sequence[str]) -> None:
    """Raises ValueError for a kind or column that is none."""
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise ValueError(f"kinds[{name!r}] must be one of {', '.join(map(repr, KINDS))}, not {kind!r}")
        if name not in known:
            raise ValueError(f"kinds names {name!r}, which neither table has; the columns are {list(known)}")


def chosen(source: Source, columns: Sequence[str] | None, ignore: Sequence[str], kinds: Mapping[str, str]) -> list[str]:
    """Names of the source's columns that are asked for; ValueError if it has one name twice."""
    names = [field.name for field in source.fields]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{source.name} has more than one column called {twice[0]!r}; rename one of them")
    dropped = {*ignore, *(name for name, kind in kinds.items() if kind == "ignore")}
    return [name for name in names if name not in dropped and (columns is None or name in columns)]


def match(
    fields: tuple[Field, Field], seen: tuple[Overview, Overview], rows: tuple[int, int], asked: str | None
) -> tuple[str, str]:
    """(kind, reason): the kind to compare as, "" with the reason where that is impossible."""
    empty = [view.missing + view.nan == count for view, count in zip(seen, rows, strict=True)]
    if all(empty):
        return "number", ""
    if any(empty):  # what has no value fits any kind
        field = fields[empty.index(False)]
        fields = (field, field)
    tables = ("reference", "current table")
    for field, table in zip(fields, tables, strict=True):
        if field.kind == "unknown":
            return "", f"in the {table} {field.why}"
    first, second = (field.kind for field in fields)
    if asked == "category":
        return asked, ""
    fitting = {asked, *(("bool", "number") if asked in ("bool", "number") else ())}
    if asked is not None and not {first, second} <= fitting:
        where = f"{_PLURAL[first]} in the reference, {_PLURAL[second]} in the current table"
        return "", f"kinds takes it for {asked!r}, but there are {where}"
    if first == second == "date" and (fields[0].zone is None) != (fields[1].zone is None):
        zones = [f"with a time zone ({field.zone})" if field.zone else "without a time zone" for field in fields]
        return "", f"times {zones[0]} in the reference, {zones[1]} in the current table; give both a zone, or neither"
    if first == second:
        return first, ""
    if {first, second} == {"bool", "number"}:
        return "number", ""
    remedy = "convert one of them"
    if "text" in (first, second):
        other = second if first == "text" else first
        remedy = "pass kinds={...: 'category'}" + (f" or '{other}'" if other in ("number", "date") else "")
    return "", f"{_PLURAL[first]} in the reference, {_PLURAL[second]} in the current table ({remedy})"


def of_text(texts: Sequence[np.ndarray]) -> tuple[str, str]:
    """(kind, note) of a column of text: "category", or "text" (by length) where its values name single rows."""
    total, single, characters = 0, 0, 0
    for part in texts:
        counts = collections.Counter(part.tolist())
        total += len(part)
        single += sum(count == 1 for count in counts.values())
        characters += sum(len(value) * count for value, count in counts.items())
    if single > _IDENTIFIER * total:
        return "text", "holds a new value in almost every row, as an identifier does: only its lengths were compared"
    if characters > _LONG * total or single > _SINGLE * total:
        return "text", "is free text: its lengths and its share of digits were compared"
    return "category", ""
