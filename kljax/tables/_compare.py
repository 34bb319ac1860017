"""``compare``: two tables in, verdicts out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kljax._names import advised
from kljax._types import Correction, JointTest
from kljax.tables import _calibration, _column, _column_kinds, _joint, _sentences, _verdict
from kljax.tables._counting import Counts, count
from kljax.tables._findings import Column, Comparison, Joint
from kljax.tables._open import opened
from kljax.tables._source import Source

_CORRECTIONS = ("bh", "bonferroni", "none")
_JOINTS = ("auto", "off", None)


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a comparison was asked for; see ``compare``."""

    columns: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    kinds: dict[str, str] = dataclasses.field(default_factory=dict)
    joint: JointTest = "auto"
    alpha: float = 0.05
    floor: float = 0.005
    material: float = 0.05
    correction: Correction = "bh"
    max_categories: int = 10_000
    sample: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (("alpha", 0.0, 1.0), ("floor", 0.0, None), ("material", 0.0, None)):
            value = getattr(self, name)
            if (not value > low and not (name == "floor" and value == 0)) or (high is not None and value >= high):
                raise ValueError(
                    f"{name} must be {'between 0 and 1' if high else 'a positive number of nats'}, not {value!r}"
                )
        for name, choices in (("correction", _CORRECTIONS), ("joint", _JOINTS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {getattr(self, name)!r}")
        for name in ("max_categories", "sample"):
            if not getattr(self, name) >= 1:
                raise ValueError(f"{name} must be a positive number, not {getattr(self, name)!r}")


@advised
def compare(
    reference: Any,
    current: Any,
    *,
    columns: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    kinds: Mapping[str, str] | None = None,
    names: Sequence[str] | None = None,
    joint: JointTest = "auto",
    alpha: float = 0.05,
    floor: float = 0.005,
    material: float = 0.05,
    correction: Correction = "bh",
    max_categories: int = 10_000,
    sample: int = 20_000,
    seed: int = 0,
) -> Comparison:
    """KL(current‖reference) of every column and of all together, each with an interval, a p-value and a verdict.

    A column is *different* if the tables surely differ by ``floor`` nats or more, *negligible* if they surely differ
    by less, the *same* if any difference is surely below ``material``, and *undecided* if there are too few rows to
    tell, with the rows that would do. Rows are taken as independent.

    Args:
        reference: The table to compare with: a dict of arrays, a NumPy or JAX matrix [rows, columns], or, with
            ``kljax[tables]``, a data frame (pandas, polars, pyarrow, DuckDB, Dask, Spark, ibis), the path of a CSV or
            Parquet file; or a ``Profile``.
        current: The table that may have changed.
        columns: Names of the columns to compare; all common ones by default.
        ignore: Names of columns to leave out.
        kinds: What columns are to be taken for: name → "number", "date", "bool", "category", "text" or "ignore".
        names: Names of a matrix's columns; column_0, column_1, ... by default.
        joint: "auto" compares all columns together too, "off" or None doesn't.
        alpha: Level of the tests, after correction for their number.
        floor: Nats below which a difference is negligible.
        material: Nats below which a difference would not matter.
        correction: "bh" (Benjamini-Hochberg), "bonferroni" or "none".
        max_categories: Labels beyond the so many most frequent ones are counted together.
        sample: Rows that the joint part uses, half of each table.
        seed: Of the samples. The same tables and seed give the same result, bit for bit.

    Returns:
        The comparison.

    Raises:
        ValueError: If the tables have no column in common, or one has no rows.

    Example:
        >>> import numpy as np
        >>> from kljax import tables
        >>> rng = np.random.default_rng(0)
        >>> before = {"height": rng.normal(170, 10, 1000), "eyes": rng.choice(["blue", "brown"], 1000)}
        >>> after = {"height": rng.normal(174, 10, 1000), "eyes": rng.choice(["blue", "brown"], 1000)}
        >>> comparison = tables.compare(before, after)
        >>> for column in comparison.columns:
        ...     print(column.name, column.verdict)
        height different
        eyes same
    """
    settings = Settings(
        None if columns is None else tuple(columns),
        tuple(ignore),
        dict(kinds or {}),
        joint,
        alpha,
        floor,
        material,
        correction,
        max_categories,
        sample,
        seed,
    )
    given = None if names is None else tuple(names)
    both = [
        opened(table, name, names=given, kinds=settings.kinds)
        for table, name in ((reference, "reference"), (current, "current"))
    ]
    return compared(both[0], both[1], settings)


def compared(reference: Source, current: Source, settings: Settings) -> Comparison:
    """The comparison of two sources."""
    drafts, schema = drafted(reference, current, settings)
    adjusted = corrected([draft.p for draft in drafts.columns], settings.correction)
    return finished(reference, current, drafts, schema, adjusted, settings)


@dataclasses.dataclass(frozen=True)
class Draft:
    """A column counted and tested, its p-value not yet corrected for the number of tests."""

    counted: _column.Counted
    p: float
    parts: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Drafts:
    """All columns of two tables, so far."""

    columns: tuple[Draft, ...]
    counts: Counts


@dataclasses.dataclass(frozen=True)
class Schema:
    """Columns that only one table has."""

    only_reference: tuple[str, ...]
    only_current: tuple[str, ...]


def drafted(reference: Source, current: Source, settings: Settings) -> tuple[Drafts, Schema]:
    """Counts and p-values of the common columns."""
    both = (reference, current)
    held = [[field.name for field in source.fields] for source in both]
    known = list(dict.fromkeys([*held[0], *held[1]]))
    _column_kinds.check(settings.kinds, known)
    for argument, asked in (("columns", settings.columns or ()), ("ignore", settings.ignore)):
        strange = [name for name in asked if name not in known]
        if strange:
            raise ValueError(f"{argument} names {strange}, which neither table has; the columns are {known}")
    first, second = (_column_kinds.chosen(source, settings.columns, settings.ignore, settings.kinds) for source in both)
    common = [name for name in first if name in second]
    if not common:
        raise ValueError(f"no column in common: reference has {held[0]}, current has {held[1]}")
    for source in both:
        if source.rows == 0:
            raise ValueError(f"{source.name} has no rows")
    counts = count(reference, current, common, settings.kinds, settings.max_categories, settings.seed)
    columns = []
    for column in counts.columns:
        p, parts = _column.p_value(column)
        columns.append(Draft(column, p, parts))
    schema = Schema(tuple(n for n in first if n not in second), tuple(n for n in second if n not in first))
    return Drafts(tuple(columns), counts), schema


def corrected(p_values: Sequence[float], correction: Correction) -> list[float]:
    """p-values for all tests together."""
    p = np.array(p_values, np.float64)
    if correction == "bh":
        p = _calibration.benjamini_hochberg(p)
    elif correction == "bonferroni":
        p = np.minimum(p * len(p), 1.0)
    return [float(one) for one in p]


def finished(
    reference: Source,
    current: Source,
    drafts: Drafts,
    schema: Schema,
    adjusted: Sequence[float],
    settings: Settings,
) -> Comparison:
    """The verdicts, and all columns together."""
    columns = [
        _column.judged(d.counted, d.p, p, d.parts, settings.alpha, settings.floor, settings.material)
        for d, p in zip(drafts.columns, adjusted, strict=True)
    ]
    columns.sort(key=lambda column: -column.kl.value)
    together, notes = _together(drafts, tuple(columns), settings)
    changed = _changed_schema(schema, drafts.counts.not_compared)
    verdict = _overall(columns, together, bool(changed), settings.alpha)
    return Comparison(
        names=(reference.name, current.name),
        rows=(reference.rows, current.rows),
        columns=tuple(columns),
        joint=together,
        only_reference=schema.only_reference,
        only_current=schema.only_current,
        not_compared=drafts.counts.not_compared,
        verdict=verdict,
        words=_sentences.of_all(verdict, columns, together, changed, settings.material),
        settings=dataclasses.asdict(settings),
        notes=(*drafts.counts.notes, *notes, "Rows are taken as independent of each other."),
    )


def _together(drafts: Drafts, columns: tuple[Column, ...], settings: Settings) -> tuple[Joint | None, tuple[str, ...]]:
    """The joint part, and why there is none."""
    if settings.joint != "auto":
        return None, ()
    first, second = drafts.counts.samples
    if first is None or second is None:
        return None, ("All columns together are not compared, as a profile keeps no rows.",)
    found = _joint.joint(
        (first, second),
        drafts.counts.kinds,
        columns,
        rows=settings.sample,
        alpha=settings.alpha,
        floor=settings.floor,
        material=settings.material,
        seed=settings.seed,
    )
    if found is None:
        return None, (f"All columns together are compared from two columns and {_joint.LEAST} rows of each table on.",)
    return found, ()


def _changed_schema(schema: Schema, not_compared: Mapping[str, str]) -> str:
    """A sentence on columns that came, went or changed their kind; "" if none did."""
    said = []
    for found, where in ((schema.only_reference, "reference"), (schema.only_current, "current table")):
        if found:
            named = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
            said.append(f"only in the {where}: {named}")
    if not_compared:
        named = ", ".join(list(not_compared)[:3]) + (", ..." if len(not_compared) > 3 else "")
        said.append(f"not comparable: {named}")
    return f"The columns themselves differ ({'; '.join(said)})." if said else ""


def _overall(columns: Sequence[Column], joint: Joint | None, schema: bool, alpha: float) -> str:
    """The whole is what its columns are; all of them together can only show that it changed."""
    found = {column.verdict for column in columns}
    if joint is not None and joint.p_value <= alpha:
        found.add(joint.verdict)
    if schema or _verdict.DIFFERENT in found:
        return _verdict.DIFFERENT
    for verdict in (_verdict.UNDECIDED, _verdict.NEGLIGIBLE):
        if verdict in found:
            return verdict
    return _verdict.SAME
