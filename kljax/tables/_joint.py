"""All columns together: a lower bound of the joint Jensen-Shannon divergence from a few thousand rows of each table.

Cheap scores of log q/p are fitted to two thirds of one half of the rows, stacked by a ridge logistic regression
on its last third, and judged on the other half; then the halves change places:

    (i)   Σ of the columns' log-ratios, each shrunk by max(0, 1 - 1.5 df/X²)
    (ii)  log-ratios of Gaussians fitted to the normal scores, of one covariance and of two
    (iii) vote of the 15 nearest of 1 500 rows

With the stacked f on rows that it hasn't seen,

    JS ≥ ½ E_P[log 2 - log(1 + e^f)] + ½ E_Q[log 2 - log(1 + e^-f)],        KL(Q‖P) ≥ E_Q f - log E_P e^f,

and f ranks the rows of both tables alike if nothing changed, which a Mann-Whitney test in each half decides.

A column is left out of (i) by subtraction and of (ii) by marginalising: with Λ = Σ⁻¹, the quadratic form of the others
is x'Λx - (Λx)_j²/Λ_jj, and log|Σ_-j| = log|Σ| + log Λ_jj.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special

from kljax.tables import _verdict
from kljax.tables._correlations import changed_pairs
from kljax.tables._features import Features, Rows, features
from kljax.tables._findings import Column, Interval, Joint
from kljax.tables._log_ratio_scores import Gaussians, Margins, Stack, Votes
from kljax.tables._source import Values

LEAST = 50  # rows of each table
_COLUMNS = 30  # whose shares are found
_ONE_SIDED = 1.6448536269514722
_CLIP = 12.0


def joint(
    samples: tuple[Mapping[str, Values], Mapping[str, Values]],
    kinds: Mapping[str, str],
    columns: Sequence[Column],
    *,
    rows: int,
    alpha: float,
    floor: float,
    material: float,
    seed: int,
) -> Joint | None:
    """What all columns together show, from at most ``rows`` rows, half of each table; None of fewer than 50."""
    if not kinds:
        return None
    chosen = [_shuffled(sample, rows // 2, seed) for sample in samples]
    if min(map(len, chosen)) < LEAST:
        return None
    data = features(samples, (chosen[0], chosen[1]), kinds)
    if len(data.names) < 2:
        return None
    halves = [_Half(data, k, seed) for k in (0, 1)]
    f_p, f_q = (np.concatenate([half.judged[k] for half in halves]) for k in (0, 1))
    p = min(1.0, 2 * min(half.p_value for half in halves))
    bound, error = _jensen_shannon(f_p, f_q)
    low = max(0.0, bound - _ONE_SIDED * error) if p <= alpha else 0.0
    js = Interval(max(bound, 0.0), low, math.log(2), True)
    kl = _donsker_varadhan(f_p, f_q, found=p <= alpha)
    shares = _shares(data, halves, columns) if p <= alpha else {}
    nats = 4 * js.value  # KL ≈ 4 JS where both are small
    if p <= alpha:
        verdict = _verdict.DIFFERENT if nats >= floor else _verdict.NEGLIGIBLE
    else:
        verdict = _verdict.SAME if 4 * (bound + _ONE_SIDED * error) < material else _verdict.UNDECIDED
    return Joint(
        js=js,
        kl=kl,
        auc=float(np.mean([half.auc for half in halves])),
        p_value=p,
        verdict=verdict,
        rows_used=(len(chosen[0]), len(chosen[1])),
        shares=shares,
        dependence=kl.value - sum(column.kl.value for column in columns) if p <= alpha else 0.0,
        pairs=changed_pairs(data),
    )


def _shuffled(sample: Mapping[str, Values], most: int, seed: int) -> np.ndarray:
    """Rows of a sample in random order."""
    total = len(next(iter(sample.values())).missing)
    return np.random.default_rng(seed).permutation(total)[:most]


class _Half:
    """Scores fitted to one half of the rows and judged on the other."""

    def __init__(self, data: Features, which: int, seed: int) -> None:
        parts = [_thirds(len(rows.codes), which) for rows in (data.reference, data.current)]
        fit, stack, test = (
            [_rows(rows, part[k]) for rows, part in zip((data.reference, data.current), parts, strict=True)]
            for k in range(3)
        )
        self.margins = Margins(fit[0].codes, fit[1].codes, data.sizes)
        self.gaussians = Gaussians(fit[0].scores, fit[1].scores)
        votes = Votes(fit[0].scores, fit[1].scores)
        self.stack_rows, self.test_rows = stack, test
        seen = [self._scores(rows, votes) for rows in stack]
        stacked = Stack(seen[0], seen[1])
        self.judged = [np.clip(stacked(self._scores(rows, votes)), -_CLIP, _CLIP) for rows in test]
        self.p_value, self.auc = _mann_whitney(*self.judged)

    def _scores(self, rows: Rows, votes: Votes) -> np.ndarray:
        return np.column_stack([self.margins(rows.codes), self.gaussians(rows.scores), votes(rows.scores)])

    def without(self, owner: np.ndarray, columns: Sequence[int]) -> list[float]:
        """JS of the stack of (i) and (ii), first with all columns, then without each of these."""
        views = [
            (self.margins.by_column(rows.codes), self.gaussians.view(rows.scores))
            for rows in (*self.stack_rows, *self.test_rows)
        ]
        found = []
        for column in (None, *columns):
            scores = []
            for margins, view in views:
                total = margins.sum(axis=1)
                if column is None:
                    scores.append(np.column_stack([total, view.whole()]))
                else:
                    left = view.without(np.flatnonzero(owner == column))
                    scores.append(np.column_stack([total - margins[:, column], left]))
            stacked = Stack(scores[0], scores[1])
            found.append(_jensen_shannon(stacked(scores[2]), stacked(scores[3]))[0])
        return found


def _thirds(rows: int, which: int) -> list[np.ndarray]:
    """Row numbers to fit the scores on, to stack them on, and to judge them on: the ``which``-th half."""
    every = np.arange(rows)
    train = every[every % 2 != which]
    cut = len(train) * 2 // 3
    return [train[:cut], train[cut:], every[every % 2 == which]]


def _rows(rows: Rows, chosen: np.ndarray) -> Rows:
    return Rows(rows.codes[chosen], rows.scores[chosen])


def _jensen_shannon(f_p: np.ndarray, f_q: np.ndarray) -> tuple[float, float]:
    """The lower bound and its standard error."""
    of_p, of_q = math.log(2) - np.logaddexp(0.0, f_p), math.log(2) - np.logaddexp(0.0, -f_q)
    error = math.sqrt(float(of_p.var()) / len(of_p) + float(of_q.var()) / len(of_q)) / 2
    return float(of_p.mean() + of_q.mean()) / 2, error


def _donsker_varadhan(f_p: np.ndarray, f_q: np.ndarray, *, found: bool) -> Interval:
    """KL(Q‖P) ≥ E_Q f - log E_P e^f, with a one-sided 95 % lower end."""
    top = float(f_p.max())
    weights = np.exp(f_p - top)
    mean = float(weights.mean())
    bound = float(f_q.mean()) - top - math.log(mean)
    error = math.sqrt(float(f_q.var()) / len(f_q) + float(weights.var()) / mean**2 / len(f_p))
    low = max(0.0, bound - _ONE_SIDED * error) if found else 0.0
    return Interval(max(bound, 0.0), low, math.inf, True)


def _mann_whitney(f_p: np.ndarray, f_q: np.ndarray) -> tuple[float, float]:
    """One-sided p-value that Q scores higher, and how often it does."""
    pooled = np.sort(np.concatenate([f_p, f_q]))
    low, high = np.searchsorted(pooled, f_q, side="left"), np.searchsorted(pooled, f_q, side="right")
    n, m = len(f_p), len(f_q)
    wins = float(np.sum((low + high + 1) / 2)) - m * (m + 1) / 2
    ties = np.unique(pooled, return_counts=True)[1].astype(np.float64)
    total = n + m
    spread = n * m / 12 * (total + 1 - float(np.sum(ties**3 - ties)) / (total * (total - 1)))
    z = (wins - n * m / 2) / math.sqrt(spread) if spread > 0 else 0.0
    return float(special.ndtr(-z)), wins / (n * m)


def _shares(data: Features, halves: Sequence[_Half], columns: Sequence[Column]) -> dict[str, float]:
    """What the bound loses without each column, of the thirty with the largest divergences; the most first."""
    first = [column.name for column in columns if column.name in data.names][:_COLUMNS]
    numbers = [data.names.index(name) for name in first]
    with_all, *without = np.mean([half.without(data.owner, numbers) for half in halves], axis=0)
    losses = {name: max(float(with_all - js), 0.0) for name, js in zip(first, without, strict=True)}
    return dict(sorted(losses.items(), key=lambda item: -item[1]))
