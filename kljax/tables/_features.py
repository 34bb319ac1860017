"""Rows of both tables as numbers that know nothing of their table: cell codes and normal scores.

Every column gives a code, the cell that a row's value is in (a missing value is one more cell), and a score: the normal
quantile of its pooled mid-rank, 0 where it is missing. Categories are ranked by how frequent they are. A column with
missing values has a second score, whether the value is there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy import special

from kljax.tables._source import Values, label

_CELLS = 16


class Rows(NamedTuple):
    """The rows of one table. The columns of ``codes`` are those of the tables; ``owner`` says whose each score is.

    Attributes:
        codes: [rows, columns], int64.
        scores: [rows, scores], float64.
    """

    codes: np.ndarray
    scores: np.ndarray


class Features(NamedTuple):
    """Both tables.

    Attributes:
        reference: Its rows.
        current: Its rows.
        names: Of the columns.
        sizes: How many codes each column has.
        owner: Of each score: the number of its column.
        ordered: Columns whose scores are ranks of values.
    """

    reference: Rows
    current: Rows
    names: tuple[str, ...]
    sizes: np.ndarray
    owner: np.ndarray
    ordered: np.ndarray


def features(
    samples: tuple[Mapping[str, Values], Mapping[str, Values]],
    chosen: tuple[np.ndarray, np.ndarray],
    kinds: Mapping[str, str],
) -> Features:
    """The chosen rows of both samples, constant columns left out."""
    n = len(chosen[0])
    names: list[str] = []
    codes, scores, owner, ordered = [], [], [], []
    for name, kind in kinds.items():
        parts = [
            Values(sample[name].data[rows], sample[name].missing[rows])
            for sample, rows in zip(samples, chosen, strict=True)
        ]
        numbers, missing = _numbers(parts, kind)
        code, score = _ranked(numbers, missing)
        if code.max(initial=0) == 0:
            continue
        codes.append(code)
        if not missing.all() and score.std() > 0:
            scores.append(score)
            owner.append(len(names))
        if 0 < np.count_nonzero(missing) < len(missing):
            scores.append(standardised(missing.astype(np.float64)))
            owner.append(len(names))
        ordered.append(kind not in ("category", "text"))
        names.append(name)
    table = np.array(codes, np.int64).T if codes else np.empty((n + len(chosen[1]), 0), np.int64)
    columns = np.array(scores).T if scores else np.empty((len(table), 0))
    sizes = table.max(axis=0, initial=0) + 1
    first, second = Rows(table[:n], columns[:n]), Rows(table[n:], columns[n:])
    return Features(first, second, tuple(names), sizes, np.array(owner, np.int64), np.array(ordered, bool))


def _numbers(parts: Sequence[Values], kind: str) -> tuple[np.ndarray, np.ndarray]:
    """The values of both tables as numbers that sort as they do."""
    missing = np.concatenate([part.missing for part in parts])
    if kind == "text":
        lengths = [np.array([len(text) for text in part.data], np.int64) for part in parts]
        return np.concatenate(lengths), missing
    if kind != "category":
        data = [part.data.view(np.int64) if part.data.dtype.kind == "M" else part.data for part in parts]
        data = [part.astype(np.int64) if part.dtype.kind == "b" else part for part in data]
        if data[0].dtype != data[1].dtype:
            data = [part.astype(np.float64) for part in data]
        return np.concatenate(data), missing
    labels = [label(x) for part in parts for x in part.data.tolist()]
    counts: dict[str, int] = {}
    for name, gone in zip(labels, missing, strict=True):
        if not gone:
            counts[name] = counts.get(name, 0) + 1
    ranks = {name: j for j, name in enumerate(sorted(counts, key=lambda one: (-counts[one], one)))}
    return np.array([ranks.get(name, 0) for name in labels]), missing


def _ranked(numbers: np.ndarray, missing: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Codes and normal scores of a column."""
    present = numbers[~missing]
    code, score = np.zeros(len(numbers), np.int64), np.zeros(len(numbers))
    if len(present):
        middle, mine = mid_ranks(present)
        cells = np.unique((middle * _CELLS).astype(np.int64), return_inverse=True)[1]
        code[~missing] = cells[mine]
        score[~missing] = special.ndtri(middle)[mine]
    if missing.any():
        code[missing] = code.max(initial=0) + (len(present) > 0)
    return code, standardised(score)


def mid_ranks(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The mid-rank of each distinct value as a share of the rows, increasing, and which of these each row has."""
    order = np.argsort(values, kind="stable")
    inside = values[order]
    new = np.concatenate([[True], inside[1:] != inside[:-1]])
    starts = np.flatnonzero(new)
    ends = np.append(starts[1:], len(inside))
    mine = np.empty(len(values), np.int64)
    mine[order] = np.cumsum(new) - 1
    return (starts + ends) / (2 * len(inside)), mine


def standardised(scores: np.ndarray) -> np.ndarray:
    """Of mean 0 and variance 1, column by column; constant ones 0."""
    centred = scores - scores.mean(axis=0)
    deviation = centred.std(axis=0)
    return centred / np.where(deviation > 0, deviation, 1.0)
