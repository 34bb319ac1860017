"""Scores of log q/p for rows of many columns, and their stack."""

from __future__ import annotations

import math

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

    def parts(self, codes: np.ndarray) -> np.ndarray:
        """Each column's part, [rows, columns]."""
        return self._ratio[codes + self._offsets]

    def __call__(self, codes: np.ndarray) -> np.ndarray:
        return np.clip(self.parts(codes).sum(axis=1), -_LARGEST, _LARGEST)


class Gaussians:
    """log q/p of two Gaussians, their covariances drawn towards the pooled one by d/n."""

    def __init__(self, scores_p: np.ndarray, scores_q: np.ndarray) -> None:
        d = scores_p.shape[1]
        self._means = [scores.mean(axis=0) for scores in (scores_p, scores_q)]
        own = [np.cov(scores, rowvar=False, bias=True).reshape(d, d) for scores in (scores_p, scores_q)]
        pooled = (own[0] + own[1]) / 2 + 1e-3 * np.eye(d)
        self._precisions, self._logdets = [], []
        for cov, scores in zip(own, (scores_p, scores_q), strict=True):
            weight = min(1.0, d / len(scores))
            cov = (1 - weight) * cov + weight * pooled + 1e-6 * np.eye(d)
            self._precisions.append(np.linalg.inv(cov))
            self._logdets.append(float(np.linalg.slogdet(cov)[1]))

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        return self.view(scores).whole()

    def view(self, scores: np.ndarray) -> View:
        """These rows under both Gaussians."""
        centred = [scores - mean for mean in self._means]
        turned = [x @ precision for x, precision in zip(centred, self._precisions, strict=True)]
        return View(centred, turned, self._precisions, self._logdets)


class View:
    """Rows under two Gaussians, with all columns or without some."""

    def __init__(
        self,
        centred: list[np.ndarray],
        turned: list[np.ndarray],
        precisions: list[np.ndarray],
        logdets: list[float],
    ) -> None:
        self._turned, self._precisions, self._logdets = turned, precisions, logdets
        self._forms = [np.einsum("ij,ij->i", x, y) for x, y in zip(centred, turned, strict=True)]

    def whole(self) -> np.ndarray:
        """With all columns."""
        return _log_ratio(self._forms, self._logdets)

    def without(self, scores: np.ndarray) -> np.ndarray:
        """Without the scores of these numbers."""
        if len(scores) == 0:
            return self.whole()
        forms, logdets = [], []
        for form, turned, precision, logdet in zip(
            self._forms, self._turned, self._precisions, self._logdets, strict=True
        ):
            block = precision[np.ix_(scores, scores)]
            out = turned[:, scores]
            forms.append(form - np.einsum("ij,ij->i", out @ np.linalg.inv(block), out))
            logdets.append(logdet + float(np.linalg.slogdet(block)[1]))
        return _log_ratio(forms, logdets)


def _log_ratio(forms: list[np.ndarray], logdets: list[float]) -> np.ndarray:
    return np.clip((forms[0] - forms[1] + logdets[0] - logdets[1]) / 2, -_LARGEST, _LARGEST)


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
