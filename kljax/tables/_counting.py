"""From two sources to counts in common cells: the passes over the tables, column by column.

overview ─▶ kinds ─▶ sample ─▶ edges ─▶ counts, joined to cells
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TypeVar

import numpy as np

from kljax.tables import _calibration, _column_kinds, _summary
from kljax.tables._cells import RARE, TESTED, Histograms, join_categories, join_ordered
from kljax.tables._column import Counted
from kljax.tables._cuts import beyond_chance, boundaries, cuts, size
from kljax.tables._findings import Summary
from kljax.tables._profile import Profile
from kljax.tables._source import DRAWN, Categories, Field, Overview, Source, Values

Sample = Mapping[str, Values]
_T = TypeVar("_T")
_TIMES = 2.0  # a label as frequent as this times the least frequent listed one can't be among the rest
GRAINS = {"float16": np.float16, "halffloat": np.float16, "float32": np.float32, "float": np.float32}


@dataclasses.dataclass(frozen=True)
class Counts:
    """What the passes over both tables brought.

    Attributes:
        columns: The columns that can be compared.
        not_compared: The others, each with the reason.
        samples: Random rows of each table; None of a profile that keeps none.
        kinds: What each column is compared as.
        notes: What a reader must know.
    """

    columns: tuple[Counted, ...]
    not_compared: dict[str, str]
    samples: tuple[Sample | None, Sample | None]
    kinds: dict[str, str]
    notes: tuple[str, ...]


def count(
    reference: Source, current: Source, names: Sequence[str], kinds: Mapping[str, str], limit: int, seed: int
) -> Counts:
    """Counts of the columns ``names`` of both tables, categories beyond the ``limit`` most frequent as one."""
    both = (reference, current)
    seen = tuple(source.overview(names) for source in both)
    fields = tuple({field.name: field for field in source.fields} for source in both)
    found: dict[str, str] = {}
    not_compared: dict[str, str] = {}
    for name in names:
        kind, why = _column_kinds.match(
            _pair(fields, name), _pair(seen, name), (reference.rows, current.rows), kinds.get(name)
        )
        if kind:
            found[name] = kind
        else:
            not_compared[name] = why
    samples = tuple(source.sample(list(found), DRAWN, seed) for source in both)
    notes = [note for source in both for note in source.notes]
    for name in [name for name, kind in found.items() if kind == "text" and kinds.get(name) != "text"]:
        found[name], note = _text_kind(name, both, samples)
        notes += [f"{name} {note}."] if note else []
    plan = _edges(both, found, fields, seen, samples)
    columns = _counted(both, found, seen, samples, plan, limit)
    pair = (samples[0], samples[1])
    return Counts(tuple(columns[name] for name in found), not_compared, pair, found, tuple(dict.fromkeys(notes)))


def _pair(tables: Sequence[Mapping[str, _T]], name: str) -> tuple[_T, _T]:
    return tables[0][name], tables[1][name]


def _text_kind(name: str, both: Sequence[Source], samples: Sequence[Sample | None]) -> tuple[str, str]:
    for source in both:
        if isinstance(source, Profile):
            return source.column(name).kind, ""
    return _column_kinds.of_text([_present(sample[name]) for sample in samples if sample is not None])


def _present(values: Values) -> np.ndarray:
    return values.data[~values.missing]


def _edges(
    both: Sequence[Source],
    kinds: Mapping[str, str],
    fields: Sequence[Mapping[str, Field]],
    seen: Sequence[Mapping[str, Overview]],
    samples: Sequence[Sample | None],
) -> dict[str, np.ndarray]:
    """Edges of every column that has an order."""
    plan = {}
    for name, kind in kinds.items():
        if kind == "bool":
            plan[name] = np.array([1])
        elif kind != "category":
            rows = [source.rows - view[name].missing - view[name].nan for source, view in zip(both, seen, strict=True)]
            profile = next((source for source in both if isinstance(source, Profile)), None)
            if profile is not None:
                drawn = [_measured(sample[name], kind) for sample in samples if sample is not None]
                plan[name] = _edges_of(profile, name, rows, drawn)
                continue
            parts = [_measured(sample[name], kind) for sample in samples if sample is not None]
            complete = all(len(part) == count for part, count in zip(parts, rows, strict=True))
            parts, grain = _alike(parts, [one[name] for one in fields])
            plan[name] = cuts(parts, rows, complete=complete, grain=grain)
    return plan


def _measured(values: Values, kind: str) -> np.ndarray:
    """The values that have an order: a text's are lengths."""
    present = _present(values)
    return np.array([len(text) for text in present], np.int64) if kind == "text" else present


def _edges_of(profile: Profile, name: str, rows: Sequence[int], drawn: Sequence[np.ndarray]) -> np.ndarray:
    """Those of a profile's edges that make about K cells, and its range's ends where the other table goes beyond."""
    column = profile.column(name)
    edges = column.cuts()
    if len(edges) < 2 or not all(rows):
        return edges if len(edges) == 1 else edges[:0]
    cumulated = np.cumsum(column.counts)
    total = int(cumulated[-1])
    chosen = boundaries(cumulated, size(*rows), min(rows), total).tolist()
    for values in drawn:
        for at, rows_beyond in ((0, values < edges[0]), (len(edges) - 1, values >= edges[-1])):
            if beyond_chance(int(np.count_nonzero(rows_beyond)), len(values), total):
                chosen.append(at)
    return edges[np.unique(np.array(chosen, np.int64))]


def _alike(parts: list[np.ndarray], fields: Sequence[Field]) -> tuple[list[np.ndarray], type | None]:
    """The samples in one dtype, and rounded to the coarser table's where one holds shorter floats."""
    used = [part for part in parts if len(part)] or parts
    parts = [part if len(part) else part.astype(used[0].dtype) for part in parts]
    parts = [part.astype(np.int64) if part.dtype.kind == "b" else part for part in parts]
    if {part.dtype.kind for part in parts} == {"i", "u"}:
        whole = np.int64 if max(int(part.max()) for part in parts) < 2**63 else np.uint64
        negative = min(int(part.min()) for part in parts) < 0
        parts = [part.astype(np.float64 if negative and whole is np.uint64 else whole) for part in parts]
    if parts[0].dtype != parts[-1].dtype:
        parts = [part.astype(np.float64) for part in parts]
    short = [GRAINS[field.dtype.lower()] for field in fields if field.dtype.lower() in GRAINS]
    if parts[0].dtype.kind != "f" or not short:
        return parts, None
    grain = np.float16 if np.float16 in short else np.float32
    with np.errstate(over="ignore"):
        return [part.astype(grain).astype(np.float64) for part in parts], grain


def _counted(
    both: Sequence[Source],
    kinds: Mapping[str, str],
    seen: Sequence[Mapping[str, Overview]],
    samples: Sequence[Sample | None],
    plan: Mapping[str, np.ndarray],
    limit: int,
) -> dict[str, Counted]:
    ordered, labelled = [], []
    for source, looked in zip(both, seen, strict=True):
        # A column without a value isn't asked for: it may be of any kind.
        held = {name for name, view in looked.items() if view.missing + view.nan < source.rows}
        values = {name: edges for name, edges in plan.items() if kinds[name] != "text" and name in held}
        texts = {name: edges for name, edges in plan.items() if kinds[name] == "text" and name in held}
        named = [name for name, kind in kinds.items() if kind == "category" and name in held]
        found = {**source.count(values), **(source.count(texts, of="length") if texts else {})}
        ordered.append({name: found.get(name, np.zeros(len(edges) + 1, np.int64)) for name, edges in plan.items()})
        none = Categories((), np.empty(0, np.int64), 0, 0)
        labelled.append(dict.fromkeys(kinds, none) | (source.categories(named, limit) if named else {}))
    columns = {}
    for name, kind in kinds.items():
        views = _pair(seen, name)
        missing = tuple(view.missing + view.nan for view in views)
        summary: list[Summary]
        unseen: int | None = None
        unseen_labels: tuple[str, ...] = ()
        if kind == "category":
            pair = _pair(labelled, name)
            a, b, labels = _aligned(*pair)
            cells = join_categories(a, b, labels)
            tested = join_categories(a, b, labels, TESTED)
            summary = [_summary.of_categories(one) for one in pair]
            new = [j for j in np.argsort(-b, kind="stable") if a[j] == 0 and b[j] > 0 and labels[j] != RARE]
            new = new if not pair[0].rest else []
            unseen, unseen_labels = int(sum(b[j] for j in new)), tuple(labels[j] for j in new[:10])
        else:
            a, b = _pair(ordered, name)
            cells = tested = join_ordered(a, b, plan[name])
            summary = [
                _summary_of(source, name, kind, sample, view)
                for source, sample, view in zip(both, samples, views, strict=True)
            ]
        columns[name] = Counted(
            name=name,
            kind=kind,
            rows=(both[0].rows, both[1].rows),
            missing=(missing[0], missing[1]),
            not_finite=(_not_finite(views[0]), _not_finite(views[1])),
            ordered=kind != "category",
            cells=cells,
            tested=tested,
            joined=_joined(a, b, cells),
            summary=(summary[0], summary[1]),
            unseen_labels=unseen_labels,
            unseen=unseen,
            extra=_digits(samples, name) if kind == "text" else {},
        )
    return columns


def _joined(a: np.ndarray, b: np.ndarray, cells: Histograms) -> int:
    """How many cells are in one with others; and a column of one value might have shown a second."""
    left = int(np.count_nonzero(cells.reference + cells.current))
    return max(int(np.count_nonzero(a + b)), 2) - max(left, 1)


def _not_finite(view: Overview) -> int:
    return view.nan + view.plus_inf + view.minus_inf


def _aligned(reference: Categories, current: Categories) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Counts of both over the union of the labels, in an order that is the same for either table first.

    A label that one table does not list may be among its rest, with at most as many rows as the last that it lists; it
    is counted with the rest of both, unless it is too frequent in the other table for that to explain it.
    """
    pair = (reference, current)
    listed = [dict(zip(one.labels, one.counts.tolist(), strict=True)) for one in pair]
    rows = [max(sum(one.values()) + pair[j].rest, 1) for j, one in enumerate(listed)]
    rest = [one.rest for one in pair]
    for here, there in ((0, 1), (1, 0)):
        if pair[there].rest:
            most = _TIMES * min(listed[there].values(), default=0) / rows[there]
            for name in [name for name in listed[here] if name not in listed[there]]:
                if listed[here][name] <= most * rows[here]:
                    rest[here] += listed[here].pop(name)
    first, second = listed
    labels = sorted({*first, *second}, key=lambda name: (-first.get(name, 0) - second.get(name, 0), name))
    a = [first.get(name, 0) for name in labels]
    b = [second.get(name, 0) for name in labels]
    if any(rest):
        labels, a, b = [*labels, RARE], [*a, rest[0]], [*b, rest[1]]
    return np.array(a, np.int64), np.array(b, np.int64), labels


def _summary_of(source: Source, name: str, kind: str, sample: Sample | None, seen: Overview) -> Summary:
    if isinstance(source, Profile):
        return source.column(name).summary
    if sample is None:
        return Summary()
    values = _present(sample[name])
    if kind == "text":
        return _summary.of_values(np.array([len(text) for text in values], np.int64), Overview(0))
    return _summary.of_values(values, seen)


def _digits(samples: Sequence[Sample | None], name: str) -> dict[str, float]:
    """The p-value of the share of digits in a text, from the sampled rows of both tables."""
    if any(sample is None for sample in samples):
        return {}
    shares = [np.array([_digit_share(text) for text in _present(sample[name])]) for sample in samples if sample]
    rows = [len(part) for part in shares]
    if min(rows) == 0:
        return {}
    edges = cuts(shares, rows, complete=True)
    a, b = (np.bincount(np.searchsorted(edges, part, side="right"), minlength=len(edges) + 1) for part in shares)
    cells = join_ordered(a, b, edges)
    found = _calibration.p_values(cells.reference, cells.current, ordered=True)
    return {"digits": _calibration.combined(found, len(cells.reference))} if found else {}


def _digit_share(text: str) -> float:
    return sum(map(str.isdigit, text)) / len(text) if text else 0.0
