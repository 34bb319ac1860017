"""Histograms joined until every cell can be judged.

A cell stands alone if five rows of the smaller table are expected there, (a + b) min(n, m)/N ≥ 5, which looks at no
row's label and so keeps the test exact in form. It also stands if it is new or gone: one table holds two rows' worth
of it, and so few of the other are there that unchanged tables would show it once in 100 000 times. Other cells join
their neighbour, or, of categories, all such cells make one, "(rare)". The test of categories, the variance of whose
statistic is known exactly, needs one expected row instead of five.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

EXPECTED = 5.0
TESTED = 1.0
_NEW = 2.0
_CHANCE = 1e-5
RARE = "(rare)"


class Histograms(NamedTuple):
    """Rows of both tables in the same cells.

    Attributes:
        reference: [cells], int64.
        current: [cells], int64.
        edges: Of an ordered column, [cells - 1]; empty otherwise.
        labels: Of categories, one a cell; empty otherwise.
    """

    reference: np.ndarray
    current: np.ndarray
    edges: np.ndarray
    labels: tuple[str, ...] = ()


def stands(a: np.ndarray, b: np.ndarray, n: int, m: int, cells: int = 1, expected: float = EXPECTED) -> np.ndarray:
    """Which of so many cells stand alone."""
    return ((a + b) * (min(n, m) / (n + m)) >= expected) | is_new(a, b, n, m, cells)


def is_new(a: np.ndarray, b: np.ndarray, n: int, m: int, cells: int = 1) -> np.ndarray:
    """Which of so many cells one table holds and the other hardly does, beyond chance."""
    t = np.maximum(a + b, 1)
    x, s = b / t, m / (n + m)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Chernoff: a share of x among t rows, where s is expected, has at most the probability exp(-t KL(x‖s)).
        surprise = np.where(x > 0, x * np.log(x / s), 0.0) + np.where(x < 1, (1 - x) * np.log((1 - x) / (1 - s)), 0.0)
    return (np.maximum(a / n, b / m) * min(n, m) >= _NEW) & (t * surprise >= math.log(cells / _CHANCE))


def join_ordered(reference: np.ndarray, current: np.ndarray, edges: np.ndarray) -> Histograms:
    """Neighbouring cells joined from the low end until they stand.

    What is too small before a cell that stands alone joins the cell before it, unless that one is new; what is left at
    the high end joins the last cell.
    """
    n, m = int(reference.sum()), int(current.sum())
    if n == 0 or m == 0 or len(edges) == 0:
        return Histograms(reference, current, edges)
    alone = stands(reference, current, n, m, len(reference))
    new = is_new(reference, current, n, m, len(reference))
    starts = [0]  # of the cells so far; the last one is still open
    for j in range(len(reference)):
        begun = starts[-1]
        if alone[j] and begun < j and len(starts) > 1 and (new[j] or not new[begun - 1]):
            starts[-1] = j
        elif not alone[j] and not bool(stands(reference[begun : j + 1].sum(), current[begun : j + 1].sum(), n, m)):
            continue
        starts.append(j + 1)
    if len(starts) > 1:
        starts.pop()  # nothing is left, or what is left at the high end joins the last cell
    kept = np.array(starts[1:], np.int64) - 1
    return Histograms(np.add.reduceat(reference, starts), np.add.reduceat(current, starts), edges[kept])


def join_categories(
    reference: np.ndarray, current: np.ndarray, labels: Sequence[str], expected: float = EXPECTED
) -> Histograms:
    """The rare categories made one, or joined with the least frequent other where they are too rare together."""
    n, m = int(reference.sum()), int(current.sum())
    none = np.empty(0)
    if n == 0 or m == 0 or len(labels) < 2:
        return Histograms(reference, current, none, tuple(labels))
    alone = stands(reference, current, n, m, len(reference), expected)
    kept = np.flatnonzero(alone)
    a, b = int(reference[~alone].sum()), int(current[~alone].sum())
    names = [labels[int(j)] for j in kept]
    p, q = reference[kept], current[kept]
    if a + b == 0:
        return Histograms(p, q, none, tuple(names))
    rest = np.flatnonzero(~alone)
    rare = labels[int(rest[0])] if len(rest) == 1 else RARE
    if len(kept) and not bool(stands(np.array(a), np.array(b), n, m, 1, expected)) and len(kept) > 1:
        least = int(np.argmin(p + q))
        p[least], q[least], names[least] = p[least] + a, q[least] + b, f"{names[least]} and rare ones"
        return Histograms(p, q, none, tuple(names))
    return Histograms(np.append(p, a), np.append(q, b), none, (*names, rare))
