"""Values that occur many times: cells with probabilities of their own, or rounding that is undone.

Neighbours need densities. A column's values that occur often, beside others that don't (zeros of a zero-inflated
column, categories), become labels; rows that occur twice although none of their columns has such values, labels of
their own. With c the label and t the remaining columns the chain rule is exact,

    KL(x‖y) = KL(c) + Σ_c P(c) KL(t | c),   KL(c) = Σ_c (a_c/n)[ψ(a_c) - ψ(n) - ψ(b_c + 1) + ψ(m + 1)]

from counts a of x and b of y (Zhang and Grabchak's harmonic numbers). A column of many values nearly all of which recur
was rounded: each value is spread evenly over the cell half way to its neighbours, the same for x and y, which changes
no divergence.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.special import digamma

OFTEN = 5
SHARE = 0.001
FEW_VALUES = 30
UNSEEN = 0.01
STANDS_OUT = 6.0
ROUNDED = 0.02


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Rows with rounding undone, a label each, and the columns that remain for each label."""

    x: np.ndarray
    y: np.ndarray
    label_x: np.ndarray
    label_y: np.ndarray
    remaining: list[np.ndarray]  # of each label
    share: float
    rounded: tuple[int, ...]
    repeated: bool  # rows that occur more than once as a whole


def label(x: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> Labelled:
    """Looks for atoms and rounding in two samples."""
    pooled = np.concatenate([x, y])
    count, width = pooled.shape
    codes = np.full(pooled.shape, -1)
    spread = pooled.copy()
    rounded = []
    first, row = np.arange(count), np.arange(count)
    if width > 1:
        _, first, row = np.unique(pooled, axis=0, return_index=True, return_inverse=True)
        row = row.ravel()
    once = np.zeros(count, bool)
    once[first] = True  # each row once, so that a copied row doesn't look like rounded columns
    for at in range(width):
        values, place, counts = np.unique(pooled[:, at], return_inverse=True, return_counts=True)
        if len(values) == count:
            continue
        atoms = _atoms(values, place, counts, len(x), alone=width == 1)
        codes[:, at] = np.where(atoms[place], place, -1)
        different = np.bincount(place[once], minlength=len(values))
        tied = (different > 1) & ~atoms
        if tied.any():
            if counts[tied].sum() > ROUNDED * count:  # below it, two draws of a float32 met
                rounded.append(at)
            low, high = _cells(values)
            inside = rng.random(count) * (high - low)[place] + low[place]
            spread[:, at] = np.where(tied[place] | (tied.mean() > 0.5), inside, pooled[:, at])
    repeated = False
    if len(first) < count and len(rounded) < width:
        copies = np.bincount(row)[row]
        twice = (codes < 0).all(1) & (copies > 1)
        repeated = bool(twice.any())
        codes[twice] = count + row[twice, None]
    if (codes < 0).all():
        nothing = np.zeros(count, int)
        return Labelled(
            spread[: len(x)], spread[len(x) :], nothing[: len(x)], nothing[len(x) :],
            [np.arange(width)], 0.0, tuple(rounded), False,
        )  # fmt: skip
    kinds, labels = np.unique(codes, axis=0, return_inverse=True)
    labels = labels.ravel()
    share = float((codes >= 0).any(1).mean())
    remaining = [np.flatnonzero(one < 0) for one in kinds]
    return Labelled(
        spread[: len(x)],
        spread[len(x) :],
        labels[: len(x)],
        labels[len(x) :],
        remaining,
        share,
        tuple(rounded),
        repeated,
    )


def _atoms(values: np.ndarray, place: np.ndarray, counts: np.ndarray, count_x: int, alone: bool) -> np.ndarray:
    """Which values of a column are atoms."""
    total = len(place)
    often = counts >= max(OFTEN, SHARE * total)
    rest = counts[~often].sum()
    if len(values) <= FEW_VALUES and rest <= 0.05 * total:
        return np.ones(len(values), bool)
    recurring = counts[(counts > 1) & ~often]
    if recurring.sum() > 0.3 * rest and rest > 0.05 * total:
        # Rounding makes most values recur: then an atom is what does so far more often than the others.
        often &= counts >= STANDS_OUT * counts[counts > 1].mean()
    many = often.sum() > FEW_VALUES
    if not many:
        return often
    if alone and rest <= 0.05 * total:
        # Unordered categories, perhaps: cells serve if y shows nearly all that x does.
        in_x, in_y = (np.bincount(part, minlength=len(values)) for part in (place[:count_x], place[count_x:]))
        if in_x[in_y == 0].sum() <= UNSEEN * count_x:
            return np.ones(len(values), bool)
    return np.zeros(len(values), bool)


def _cells(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half way to the neighbours on both sides; at the ends as far as on the other side."""
    middle = 0.5 * (values[1:] + values[:-1])
    low = np.concatenate([[2 * values[0] - middle[0]], middle])
    high = np.concatenate([middle, [2 * values[-1] - middle[-1]]])
    return low, high


@dataclasses.dataclass(frozen=True)
class Counted:
    """KL of labels, its standard error, and the share of x on labels that y never shows."""

    value: float
    stderr: float
    unseen: float


def harmonic(label_x: np.ndarray, label_y: np.ndarray, kinds: int) -> Counted:
    """KL from counts of labels."""
    a, b = (np.bincount(one, minlength=kinds).astype(float) for one in (label_x, label_y))
    n, m = a.sum(), b.sum()
    seen = a > 0
    terms = digamma(a[seen]) - digamma(n) - digamma(b[seen] + 1) + digamma(m + 1)
    value = float((a[seen] / n) @ terms)
    p, q = (a + 0.5) / (n + 0.5 * kinds), (b + 0.5) / (m + 0.5 * kinds)
    log_ratio = np.log(p / q)
    over_x = p @ np.square(log_ratio) - (p @ log_ratio) ** 2
    over_y = q @ np.square(p / q) - 1.0
    unseen = float(a[b == 0].sum() / n)
    variance = max(over_x, 0.0) / n + max(over_y, 0.0) / m
    # Near p = q the first order vanishes, and what remains is that of a χ² with one degree of freedom less than cells.
    variance += 0.5 * (kinds - 1) * (1.0 / n + 1.0 / m) ** 2
    return Counted(value, math.sqrt(variance + (0.7 * unseen) ** 2), unseen)
