"""Profiles made from tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kljax._names import advised
from kljax.tables import _column_kinds, _summary
from kljax.tables._counting import GRAINS
from kljax.tables._cuts import cuts, range_ends
from kljax.tables._findings import Summary
from kljax.tables._open import opened
from kljax.tables._profile import Profile, ProfiledColumn
from kljax.tables._source import DRAWN, Categories, Field, Overview, Source, Values

_CELLS = 256
_FEW = 512  # distinct values in the sample: each has a cell of its own
_LABELS = 10_000


@advised
def profile(
    table: Any,
    *,
    columns: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    kinds: Mapping[str, str] | None = None,
    names: Sequence[str] | None = None,
    max_categories: int = _LABELS,
    seed: int = 0,
) -> Profile:
    """Counts of every column in fine cells: a reference that can be kept, and added to, without its rows.

    Args:
        table: A table, as in ``compare``.
        columns: Names of the columns to keep; all by default.
        ignore: Names of columns to leave out.
        kinds: What columns are to be taken for, as in ``compare``.
        names: Names of a matrix's columns.
        max_categories: Labels beyond the so many most frequent ones are counted together.
        seed: Of the sample from which cells are chosen.

    Returns:
        The profile.

    Raises:
        ValueError: If the table has no rows, or no column that is asked for.

    Example:
        >>> import numpy as np
        >>> from kljax import tables
        >>> p = tables.profile({"x": np.arange(100), "colour": ["red", "blue"] * 50})
        >>> for column in p.columns:
        ...     print(column.name, column.kind, len(column.counts))
        x number 102
        colour category 2
    """
    kinds = dict(kinds or {})
    source = opened(table, "reference", names=None if names is None else tuple(names), kinds=kinds)
    _column_kinds.check(kinds, [field.name for field in source.fields])
    if source.rows == 0:
        raise ValueError(f"{source.name} has no rows")
    wanted = _column_kinds.chosen(source, columns, ignore, kinds)
    if not wanted:
        raise ValueError(f"{source.name} has no column that is asked for; it has {[f.name for f in source.fields]}")
    fields = {field.name: field for field in source.fields}
    seen = source.overview(wanted)
    notes = [*source.notes]
    found: dict[str, str] = {}
    for name in wanted:
        view = seen[name]
        kind, why = _column_kinds.match((fields[name],) * 2, (view, view), (source.rows, source.rows), kinds.get(name))
        if kind:
            found[name] = kind
        else:
            notes.append(f"{name} is left out: {why.removeprefix('in the reference ')}.")
    sample = source.sample(list(found), DRAWN, seed)
    if sample is None:
        raise ValueError(f"{source.name} is a profile already")
    for name, kind in found.items():
        if kind == "text" and kinds.get(name) != "text":
            found[name] = _column_kinds.of_text([_present(sample[name])])[0]
    edges = {
        name: _fine(_measured(sample[name], kind), kind, source.rows, seen[name], fields[name])
        for name, kind in found.items()
        if kind != "category"
    }
    summaries = {name: _summary.of_values(_measured(sample[name], found[name]), seen[name]) for name in edges}
    settings = {"max_categories": max_categories, "seed": seed}
    return _counted(source, fields, found, edges, summaries, seen, max_categories, settings, tuple(notes))


@advised
def profile_like(
    p: Profile,
    table: Any,
    *,
    names: Sequence[str] | None = None,
) -> Profile:
    """Counts of a table in the cells of the profile ``p``, so that both add.

    Args:
        p: A profile.
        table: A table with at least its columns, of the same kinds.
        names: Names of a matrix's columns.

    Returns:
        The table's profile.

    Raises:
        ValueError: If the table lacks a column of ``p``, or has one of another kind.

    Example:
        >>> from kljax import tables
        >>> p = tables.profile({"x": [1, 2, 3, 4]})
        >>> tables.profile_like(p, {"x": [1, 1, 9]}).columns[0].counts
        (0, 2, 0, 0, 0, 1)
    """
    asked = {column.name: column.kind for column in p.columns if column.kind in ("category", "text")}
    source = opened(table, "table", names=None if names is None else tuple(names), kinds=asked)
    fields = {field.name: field for field in source.fields}
    lacking = [column.name for column in p.columns if column.name not in fields]
    if lacking:
        raise ValueError(f"{source.name} lacks the columns {lacking} of the profile; it has {list(fields)}")
    kinds = {column.name: column.kind for column in p.columns}
    seen = source.overview(list(kinds))
    mine = {field.name: field for field in p.fields}
    before = p.overview(list(kinds))
    for name in kinds:
        _, why = _column_kinds.match(
            (mine[name], fields[name]), (before[name], seen[name]), (p.rows, source.rows), asked.get(name)
        )
        if why:
            raise ValueError(f"column {name!r} is not of the profile's kind: {why}")
    edges = {column.name: column.cuts() for column in p.columns if column.kind != "category"}
    sample = source.sample(list(edges), DRAWN, int(p.settings["seed"])) or {}
    summaries = {name: _summary.of_values(_measured(sample[name], kinds[name]), seen[name]) for name in edges}
    limit = int(p.settings["max_categories"])
    return _counted(source, fields, kinds, edges, summaries, seen, limit, dict(p.settings), source.notes)


def _present(values: Values) -> np.ndarray:
    return values.data[~values.missing]


def _measured(values: Values, kind: str) -> np.ndarray:
    """The values that have an order: a text's are lengths."""
    present = _present(values)
    if kind == "text":
        return np.array([len(text) for text in present], np.int64)
    return present.astype(np.int64) if present.dtype.kind == "b" else present


def _fine(values: np.ndarray, kind: str, rows: int, seen: Overview, field: Field) -> np.ndarray:
    """Edges of fine cells, the outermost ones around all values."""
    if kind == "bool":
        return np.array([1])
    if len(values) == 0:
        return np.empty(0)
    ranked = np.unique(values)
    grain = GRAINS.get(field.dtype.lower()) if values.dtype.kind == "f" else None
    # So many cells that every value holds more rows than one of them, and so stands alone.
    cells = len(values) + 1 if len(ranked) <= _FEW else _CELLS
    complete = len(values) == rows - seen.missing - seen.nan
    edges = cuts([values], [rows], complete=complete, grain=grain, cells=cells)
    finite = ranked[np.isfinite(ranked)] if ranked.dtype.kind == "f" else ranked
    if len(finite) == 0:
        return edges
    low, high = (finite[0], finite[-1]) if seen.low is None else (seen.low, seen.high)
    near = (finite[min(1, len(finite) - 1)], finite[-min(2, len(finite))])
    if values.dtype.kind == "f":
        low, high = range_ends(float(low), float(high), (float(near[0]), float(near[1])), grain)
    else:
        low, high = range_ends(low, high, near, None)
    return np.unique(np.concatenate([np.array([low, high], edges.dtype), edges]))


def _counted(
    source: Source,
    fields: Mapping[str, Field],
    kinds: Mapping[str, str],
    edges: Mapping[str, np.ndarray],
    summaries: Mapping[str, Summary],
    seen: Mapping[str, Overview],
    limit: int,
    settings: dict[str, Any],
    notes: tuple[str, ...],
) -> Profile:
    held = {name for name in kinds if seen[name].missing + seen[name].nan < source.rows}
    counts = source.count({name: cut for name, cut in edges.items() if kinds[name] != "text" and name in held})
    texts = {name: cut for name, cut in edges.items() if kinds[name] == "text" and name in held}
    counts |= source.count(texts, of="length") if texts else {}
    named = [name for name, kind in kinds.items() if kind == "category" and name in held]
    labelled = source.categories(named, limit) if named else {}
    none = Categories((), np.empty(0, np.int64), 0, 0)
    columns = []
    for name, kind in kinds.items():
        view, labels = seen[name], labelled.get(name, none)
        cut = edges.get(name, np.empty(0))
        rows = labels.counts if kind == "category" else counts.get(name, np.zeros(len(cut) + 1, np.int64))
        columns.append(
            ProfiledColumn(
                name=name,
                kind=kind,
                dtype=fields[name].dtype,
                zone=fields[name].zone,
                edges=tuple((cut.view(np.int64) if cut.dtype.kind == "M" else cut).tolist()),
                labels=labels.labels,
                counts=tuple(rows.tolist()),
                rest=labels.rest,
                distinct=labels.distinct,
                missing=view.missing,
                nan=view.nan,
                infinite=(view.minus_inf, view.plus_inf),
                ends=_ends(view),
                summary=_summary.of_categories(labels) if kind == "category" else summaries[name],
            )
        )
    return Profile(source.name, source.rows, tuple(columns), settings, notes)


def _ends(view: Overview) -> tuple[float | int, float | int] | None:
    if view.low is None:
        return None
    low, high = (
        int(end.astype("datetime64[us]").astype(np.int64)) if isinstance(end, np.datetime64) else end
        for end in (view.low, view.high)
    )
    return low, high
