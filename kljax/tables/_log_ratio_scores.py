"""Scores of log q/p for rows of many columns, and their stack."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

_ANCHORS, _NEIGHBOURS = 1_500, 15
_BLOCK = 2_048
_LARGEST = 20.0  # a score beyond this says no more
_RIDGE = 1.0


class Margins:
    """Σ over the columns of log q/p of the cell, each column shrunk by how surely it differs at all."""

    def __init__(self, codes_p: np.ndarray, codes_q: np.ndarray, sizes: np.ndarray) -> None:
        self._offsets = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        total = int(sizes.sum())
        a, b = (np.bincount((c + self._offsets).ravel(), minlength=total) for c in (codes_p, codes_q))
        n, m = len(codes_p), len(codes_q)
        t = a + b
        with np.errstate(invalid="ignore", divide="ignore"):
            terms = np.where(t > 0, (a - n * t / (n + m)) ** 2 / (n * t / (n + m)), 0.0)
            terms += np.where(t > 0, (b - m * t / (n + m)) ** 2 / (m * t / (n + m)), 0.0)
        statistic = np.add.reduceat(terms, self._offsets)
        freedom = np.maximum(np.add.reduceat((t > 0).astype(np.float64), self._offsets) - 1, 1.0)
        shrunk = np.maximum(0.0, 1 - 1.5 * freedom / np.maximum(statistic, 1e-300))
        cells = np.repeat(sizes, sizes)
        ratio = np.log((b + 0.5) / (m + 0.5 * cells)) - np.log((a + 0.5) / (n + 0.5 * cells))
        self._ratio = ratio * np.repeat(shrunk, sizes)

    def by_column(self, codes: np.ndarray) -> np.ndarray:
        """Each column's part, [rows, columns]."""
        return self._ratio[codes + self._offsets]

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        return np.clip(self.by_column(codes).sum(axis=1), -_LARGEST, _LARGEST)


class Gaussians:
    """log q/p of two Gaussians: with one covariance for both tables, and with their own, drawn to it by d/n.

    The first has d parameters where the second has some d²/2, and where only means moved it is the better guess.
    """

    def __init__(self, scores_p: np.ndarray, scores_q: np.ndarray) -> None:
        d = scores_p.shape[1]
        self._means = [scores.mean(axis=0) for scores in (scores_p, scores_q)]
        own = [np.cov(scores, rowvar=False, bias=True).reshape(d, d) for scores in (scores_p, scores_q)]
        pooled = (own[0] + own[1]) / 2 + 1e-3 * np.eye(d)
        self._common = np.linalg.inv(pooled)
        self._precisions, self._logdets = [], []
        for cov, scores in zip(own, (scores_p, scores_q), strict=True):
            weight = min(1.0, d / len(scores))
            cov = (1 - weight) * cov + weight * pooled + 1e-6 * np.eye(d)
            self._precisions.append(np.linalg.inv(cov))
            self._logdets.append(float(np.linalg.slogdet(cov)[1]))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return self.view(scores).whole()

    def view(self, scores: np.ndarray) -> View:
        """These rows under the Gaussians."""
        shift = self._means[1] - self._means[0]
        middle = (scores - (self._means[0] + self._means[1]) / 2) @ self._common
        forms = [Form(middle, self._common @ shift, middle @ shift, self._common)]
        for mean, precision in zip(self._means, self._precisions, strict=True):
            centred = scores - mean
            turned = centred @ precision
            forms.append(Form(turned, turned, np.einsum("ij,ij->i", centred, turned), precision))
        return View(forms, self._logdets)


class Form(NamedTuple):
    """x'Λy for rows x and one or as many y.

    Attributes:
        first: Λx, [rows, d].
        second: Λy, [rows, d] or [d].
        value: x'Λy, [rows].
        precision: Λ, [d, d].
    """

    first: np.ndarray
    second: np.ndarray
    value: np.ndarray
    precision: np.ndarray

    def without(self, scores: np.ndarray) -> np.ndarray:
        """The same for the marginal of the other scores: x'Λy - (Λx)_j Λ_jj⁻¹ (Λy)_j."""
        inverse = np.linalg.inv(self.precision[np.ix_(scores, scores)])
        return self.value - np.sum(self.first[:, scores] @ inverse * self.second[..., scores], axis=1)


class View:
    """Rows under Gaussians, with all scores or without some."""

    def __init__(self, forms: list[Form], logdets: list[float]) -> None:
        self._forms, self._logdets = forms, logdets

    def whole(self) -> np.ndarray:
        """The two log-ratios, [rows, 2]."""
        return _log_ratios([form.value for form in self._forms], self._logdets)

    def without(self, scores: np.ndarray) -> np.ndarray:
        """The same without the scores of these numbers."""
        if len(scores) == 0:
            return self.whole()
        logdets = [
            logdet + float(np.linalg.slogdet(form.precision[np.ix_(scores, scores)])[1])
            for form, logdet in zip(self._forms[1:], self._logdets, strict=True)
        ]
        return _log_ratios([form.without(scores) for form in self._forms], logdets)


def _log_ratios(values: list[np.ndarray], logdets: list[float]) -> np.ndarray:
    linear, of_p, of_q = values
    own = (of_p - of_q + logdets[0] - logdets[1]) / 2
    return np.clip(np.stack([linear, own], axis=1), -_LARGEST, _LARGEST)


class Votes:
    """log-odds of the tables among the nearest of some rows of both."""

    def __init__(self, scores_p: np.ndarray, scores_q: np.ndarray) -> None:
        most = min(_ANCHORS // 2, len(scores_p), len(scores_q))
        self._anchors = np.concatenate([scores_p[:most], scores_q[:most]]).astype(np.float32)
        self._squares = np.einsum("ij,ij->i", self._anchors, self._anchors) / 2
        self._most, self._nearest = most, min(_NEIGHBOURS, most)

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        votes = np.empty(len(scores))
        for start in range(0, len(scores), _BLOCK):
            block = scores[start : start + _BLOCK].astype(np.float32)
            far = np.abs(self._squares - block @ self._anchors.T + np.einsum("ij,ij->i", block, block)[:, None] / 2)
            # The last bit of a distance says whose anchor it is, so that no index needs to be carried.
            bits = far.view(np.int32)
            bits &= ~1
            bits[:, self._most :] |= 1
            near = np.partition(bits, self._nearest - 1, axis=1)[:, : self._nearest]
            votes[start : start + _BLOCK] = np.count_nonzero(near & 1, axis=1)
        return np.log((votes + 0.5) / (self._nearest - votes + 0.5))


class Stack:
    """log q/p as a linear function of scores: logistic regression with both tables weighing the same, and a ridge."""

    def __init__(self, scores_p: np.ndarray, scores_q: np.ndarray) -> None:
        x = np.concatenate([scores_p, scores_q])
        self._middle, spread = x.mean(axis=0), x.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        x = np.column_stack([(x - self._middle) / self._spread, np.ones(len(x))])
        y = np.repeat([0.0, 1.0], [len(scores_p), len(scores_q)])
        weight = np.repeat([0.5 / len(scores_p), 0.5 / len(scores_q)], [len(scores_p), len(scores_q)]) * len(x)
        ridge = _RIDGE * np.diag([*[1.0] * scores_p.shape[1], 1e-6])
        self._slopes = np.zeros(x.shape[1])
        for _ in range(25):
            chance = 1 / (1 + np.exp(-np.clip(x @ self._slopes, -30, 30)))
            gradient = x.T @ (weight * (y - chance)) - ridge @ self._slopes
            hessian = (x * (weight * chance * (1 - chance))[:, None]).T @ x + ridge
            step = np.linalg.solve(hessian, gradient)
            size = float(np.abs(step).max())
            self._slopes = self._slopes + step * min(1.0, 5.0 / max(size, 1e-300))
            if size < 1e-10 or not math.isfinite(size):
                break

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return (scores - self._middle) / self._spread @ self._slopes[:-1] + self._slopes[-1]
