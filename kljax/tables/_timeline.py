"""``timeline``: many batches against one reference."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kljax._names import advised
from kljax._types import Correction, Every, JointTest
from kljax.tables._compare import Settings, corrected, drafted, finished
from kljax.tables._findings import Comparison, Timeline
from kljax.tables._open import opened
from kljax.tables._profile import Profile
from kljax.tables._source import Source


@advised
def timeline(
    reference: Any,
    batches: Any,
    *,
    by: str | None = None,
    every: Every = "day",
    previous: bool = False,
    columns: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    kinds: Mapping[str, str] | None = None,
    joint: JointTest = "off",
    alpha: float = 0.05,
    floor: float = 0.005,
    material: float = 0.05,
    correction: Correction = "bh",
    seed: int = 0,
) -> Timeline:
    """Every batch compared with one reference, the p-values corrected for all columns of all batches together.

    Args:
        reference: As in ``compare``.
        batches: Tables: a mapping from their names, or a sequence; or, with ``by``, one table to be cut into batches.
        by: The column to cut by: a date, or one whose values are the batches. It is not compared.
        every: How long a batch is, if ``by`` is a date: "day", "week", "month", "quarter" or "year".
        previous: Whether each batch is also compared with the one before.
        columns: As in ``compare``.
        ignore: As in ``compare``.
        kinds: As in ``compare``.
        joint: As in ``compare``; "off" by default.
        alpha: As in ``compare``.
        floor: As in ``compare``.
        material: As in ``compare``.
        correction: As in ``compare``.
        seed: As in ``compare``.

    Returns:
        A comparison for every batch.

    Raises:
        ValueError: If there is no batch, or the table has no column ``by``.

    Example:
        >>> import numpy as np
        >>> from kljax import tables
        >>> rng = np.random.default_rng(0)
        >>> days = {f"day {d}": {"x": rng.normal(0.3 * (d == 3), 1, 2000)} for d in (1, 2, 3)}
        >>> p = tables.profile({"x": rng.normal(size=5000)})
        >>> print(*(comparison.verdict for comparison in tables.timeline(p, days).comparisons))
        same same different
    """
    left_out = (*ignore, *([by] if by is not None else ()))
    settings = Settings(
        columns=None if columns is None else tuple(columns),
        kinds=dict(kinds or {}),
        joint=joint,
        alpha=alpha,
        floor=floor,
        material=material,
        correction=correction,
        seed=seed,
    )
    first = opened(reference, "reference", kinds=settings.kinds)
    parts = _batches(batches, by, every, settings.kinds)
    if not parts:
        raise ValueError("there is no batch" if by is None else f"column {by!r} has no value, so there is no batch")
    held = {field.name for source in (first, *(part for _, part in parts)) for field in source.fields}
    settings = dataclasses.replace(settings, ignore=tuple(name for name in left_out if name in held))
    labels = tuple(label for label, _ in parts)
    comparisons = _against([first] * len(parts), [part for _, part in parts], settings)
    before: tuple[Comparison | None, ...] = ()
    if previous:
        sources = [part for _, part in parts]
        before = (None, *_against(sources[:-1], sources[1:], settings))
    return Timeline(first.name, labels, comparisons, before)


def _batches(batches: Any, by: str | None, every: Every, kinds: Mapping[str, str]) -> list[tuple[str, Source]]:
    """The batches with their names."""
    if by is not None:
        source = opened(batches, "batches", kinds=kinds)
        names = [field.name for field in source.fields]
        if by not in names:
            raise ValueError(f"by is {by!r}, but the table has the columns {names}")
        return list(source.split_by(by, every))
    if isinstance(batches, Mapping):
        return [(str(label), opened(table, str(label), kinds=kinds)) for label, table in batches.items()]
    if isinstance(batches, Profile) or not isinstance(batches, Iterable):
        raise ValueError("batches must be a mapping or a sequence of tables; to cut one table, pass by= as well")
    return [(str(j), opened(table, f"batch {j}", kinds=kinds)) for j, table in enumerate(batches, start=1)]


def _against(references: Sequence[Source], sources: Sequence[Source], settings: Settings) -> tuple[Comparison, ...]:
    """Comparisons whose p-values are corrected together."""
    drafts = [drafted(reference, source, settings) for reference, source in zip(references, sources, strict=True)]
    adjusted = corrected([column.p for found, _ in drafts for column in found.columns], settings.correction)
    comparisons = []
    for reference, source, (found, schema) in zip(references, sources, drafts, strict=True):
        mine, adjusted = adjusted[: len(found.columns)], adjusted[len(found.columns) :]
        comparisons.append(finished(reference, source, found, schema, mine, settings))
    return tuple(comparisons)
