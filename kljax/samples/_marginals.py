"""Columns as mixtures of one to four normals, by EM on groups of quantiles, the number of components by BIC.

Groups are cut evenly in normal scores, so that the tails are as fine as the middle, and at the widest gaps, so that
none lies on both sides of one. They keep their first two moments; the cost of an iteration doesn't depend on the number
of rows. All columns run in one array. Every start (parts of equal mass; one place and several scales) is a column of
its own, and the likelier end is kept.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy.special import log_ndtr, logsumexp, ndtr, ndtri, ndtri_exp

GROUPS = 250
GAPS = 8
COMPONENTS = 4
ITERATIONS = 150
LEAST_SCALE = 0.01  # of the column's standard deviation
HALF_LOG_TAU = 0.5 * np.log(2.0 * np.pi)


@dataclasses.dataclass(frozen=True)
class Mixtures:
    """One mixture a column: logarithms of weights, means, scales, each [d, K]; absent components have weight zero."""

    log_weights: np.ndarray
    means: np.ndarray
    scales: np.ndarray
    components: np.ndarray

    @property
    def dimension(self) -> int:
        """Free parameters of all columns."""
        return int((3 * self.components - 1).sum())

    def only(self, columns: np.ndarray) -> Mixtures:
        """The mixtures of some columns."""
        return Mixtures(*(getattr(self, one.name)[columns] for one in dataclasses.fields(self)))

    def replaced(self, columns: np.ndarray, other: Mixtures) -> Mixtures:
        """With those of ``other`` at some columns."""
        fields = {one.name: getattr(self, one.name).copy() for one in dataclasses.fields(self)}
        for name, values in fields.items():
            values[columns] = getattr(other, name)
        return Mixtures(**fields)

    def log_density(self, rows: np.ndarray) -> np.ndarray:
        """log f_j(x_j), [n, d]."""
        out = np.empty_like(rows)
        for at, count in enumerate(self.components):
            logw, mean, scale = (one[at, :count] for one in (self.log_weights, self.means, self.scales))
            terms = logw - np.log(scale) - HALF_LOG_TAU - 0.5 * np.square((rows[:, at, None] - mean) / scale)
            out[:, at] = terms[:, 0] if count == 1 else logsumexp(terms, axis=1)
        return out

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """z_j = Φ⁻¹(F_j(x_j)), [n, d], from whichever tail is the smaller."""
        out = np.empty_like(rows)
        for at, count in enumerate(self.components):
            out[:, at] = self._score(at, count, rows[:, at])
        return out

    def _score(self, at: int, count: int, column: np.ndarray) -> np.ndarray:
        logw, mean, scale = (one[at, :count] for one in (self.log_weights, self.means, self.scales))
        if count == 1:
            return (column - mean[0]) / scale[0]
        u = (column[:, None] - mean) / scale
        weights = np.exp(logw)
        below, above = ndtr(u) @ weights, ndtr(-u) @ weights
        with np.errstate(invalid="ignore"):
            score = np.where(below < above, ndtri(below), -ndtri(above))
        far = np.minimum(below, above) < 1e-250
        if far.any():
            side = np.where(below[far] < above[far], 1.0, -1.0)
            score[far] = side * ndtri_exp(logsumexp(log_ndtr(side[:, None] * u[far]) + logw, axis=1))
        return score

    def inverse(self, scores: np.ndarray) -> np.ndarray:
        """x_j = F_j⁻¹(Φ(z_j)), [n, d], by a table of the scores at points dense in every component."""
        out = np.empty_like(scores)
        reach = np.linspace(-9.0, 9.0, 361)
        for at, count in enumerate(self.components):
            mean, scale = self.means[at, :count], self.scales[at, :count]
            if count == 1:
                out[:, at] = mean[0] + scale[0] * scores[:, at]
                continue
            grid = np.unique((mean[:, None] + scale[:, None] * reach).ravel())
            out[:, at] = np.interp(scores[:, at], self._score(at, count, grid), grid)
        return out


def fit_marginals(rows: np.ndarray) -> Mixtures:
    """A mixture for each column of ``rows`` [n, d]."""
    count, width = rows.shape
    weights, first, second = _groups(rows)
    mean, scale = rows.mean(0), np.maximum(rows.std(0), 1e-12)
    floor = LEAST_SCALE * scale
    best = (np.zeros((width, 1)), mean[:, None], scale[:, None])
    terms = -np.log(scale) - HALF_LOG_TAU
    score = count * (terms - 0.5) - np.log(count)  # BIC over -2: log-likelihood less ½ log n a parameter
    log_weights = np.full((width, COMPONENTS), -np.inf)
    means, scales = np.zeros((width, COMPONENTS)), np.ones((width, COMPONENTS))
    log_weights[:, :1], means[:, :1], scales[:, :1] = best
    components = np.ones(width, int)
    open_ = np.arange(width)
    for more in range(2, COMPONENTS + 1):
        if count < 10 * more or open_.size == 0:
            break
        ends = []
        for start in (_equal_shares, _nested):
            begun = start(first[open_], weights[open_], mean[open_], scale[open_], more)
            ends.append(_maximise(weights[open_], first[open_], second[open_], floor[open_], begun, count))
        likelier = ends[1][3] > ends[0][3]
        logw, mu, sigma = (np.where(likelier[:, None], b, a) for a, b in zip(ends[0][:3], ends[1][:3], strict=True))
        found = np.maximum(ends[0][3], ends[1][3]) * count - 0.5 * (3 * more - 1) * np.log(count)
        better = found > score[open_]
        at = open_[better]
        log_weights[at, :more], means[at, :more], scales[at, :more] = logw[better], mu[better], sigma[better]
        score[at], components[at], open_ = found[better], more, at
    return Mixtures(log_weights, means, scales, components)


def _groups(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of the groups of each column, and their first two moments, each [d, G]."""
    count, width = rows.shape
    ordered = np.sort(rows, axis=0).T
    if count <= GROUPS:
        return np.full(ordered.shape, 1.0 / count), ordered, np.square(ordered)
    end = ndtri(1.0 - 0.5 / count)
    even = np.unique(np.round(count * ndtr(np.linspace(-end, end, GROUPS + 1))).astype(int))
    even[0], even[-1] = 0, count
    edge = count // 50
    gaps = np.diff(ordered[:, edge : count - edge], axis=1)
    widest = edge + 1 + np.argpartition(gaps, -GAPS, axis=1)[:, -GAPS:]
    cuts = np.sort(np.concatenate([np.broadcast_to(even[:-1], (width, len(even) - 1)), widest], 1), axis=1)
    sizes = np.diff(np.concatenate([cuts, np.full((width, 1), count)], 1), axis=1)
    sums = [np.stack([np.add.reduceat(a, c) for a, c in zip(one, cuts, strict=True)])
            for one in (ordered, np.square(ordered))]  # fmt: skip
    # A cut twice makes an empty group, of which reduceat gives the first entry.
    first, second = (one / np.maximum(sizes, 1) for one in sums)
    return sizes / count, first, second


Start = tuple[np.ndarray, np.ndarray, np.ndarray]


def _equal_shares(first: np.ndarray, weights: np.ndarray, mean: np.ndarray, scale: np.ndarray, more: int) -> Start:
    """Parts of equal mass."""
    part = np.minimum((np.cumsum(weights, 1) - 0.5 * weights) * more, more - 1e-9).astype(int)
    shares = np.stack([weights * (part == one) for one in range(more)], 2)
    mass = np.maximum(shares.sum(1), 1e-12)
    means = np.einsum("cg,cgk->ck", first, shares) / mass
    squares = np.einsum("cg,cgk->ck", np.square(first), shares) / mass
    scales = np.sqrt(np.maximum(squares - np.square(means), 0.0025 * scale[:, None] ** 2))
    return np.full_like(means, -np.log(more)), means, scales


def _nested(first: np.ndarray, weights: np.ndarray, mean: np.ndarray, scale: np.ndarray, more: int) -> Start:
    """One place, several scales."""
    factors = np.geomspace(0.6, 1.8, more)
    middle = np.take_along_axis(first, (np.cumsum(weights, 1) < 0.5).sum(1)[:, None], 1)[:, 0]
    shape = (len(mean), more)
    return (
        np.full(shape, -np.log(more)),
        np.broadcast_to(middle[:, None], shape).copy(),
        scale[:, None] * factors,
    )


def _maximise(
    weights: np.ndarray, first: np.ndarray, second: np.ndarray, floor: np.ndarray, start: Start, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """EM until the whole log-likelihood grows by less than a hundredth an iteration."""
    logw, mean, scale = (one.copy() for one in start)
    found = np.full(len(mean), -np.inf)
    running = np.arange(len(mean))
    for _ in range(ITERATIONS):
        w, m, s = logw[running], mean[running], scale[running]
        apart = (first[running][:, None, :] - m[:, :, None]) / s[:, :, None]
        terms = (w - np.log(s) - HALF_LOG_TAU)[:, :, None] - 0.5 * np.square(apart)  # [C, K, G]
        top = terms.max(1, keepdims=True)
        shares = np.exp(terms - top)
        total = shares.sum(1, keepdims=True)
        mass = weights[running]
        likelihood = ((np.log(total) + top)[:, 0] * mass).sum(-1)
        shares *= mass[:, None, :] / total
        mass = np.maximum(shares.sum(-1), 1e-12)
        new_mean = np.einsum("ckg,cg->ck", shares, first[running]) / mass
        square = np.einsum("ckg,cg->ck", shares, second[running]) / mass
        logw[running], mean[running] = np.log(mass), new_mean
        scale[running] = np.maximum(np.sqrt(np.maximum(square - np.square(new_mean), 0.0)), floor[running][:, None])
        grown = (likelihood - found[running]) * count
        found[running] = likelihood
        running = running[grown > 0.01]
        if running.size == 0:
            break
    return logw, mean, scale, found
