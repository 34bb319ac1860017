"""A nonparanormal model of one sample: columns bent towards normals and then mixtures, under a normal copula or
Student's.

With the columns' own maps t, mixtures f of the mapped, z their normal scores and R the correlation of z,

    log p̂(x) = Σ_j [log t_j'(x_j) + log f_j(t_j(x_j))] + log c(z),

log c = -½ log|R| - ½(zᵀR⁻¹z - zᵀz) for the normal copula, and for Student's with ν degrees of freedom, w = T_ν⁻¹(Φ(z)),

    log c = log t_ν(w; R) - Σ_j log t_ν(w_j).

Student's is taken where its log-likelihood is larger by more than ½ log n; ν is chosen among a few.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from scipy.special import gammaln, ndtr, stdtrit

from kljax.samples._columns import Columns, fit_columns
from kljax.samples._marginals import Mixtures, fit_marginals

DEGREES = (2.0, 3.0, 5.0, 8.0, 15.0, 30.0)
ROWS_TO_CHOOSE = 3000
REWEIGHTINGS = 6
WORTH_BENDING = 0.01  # nats a row


@dataclasses.dataclass(frozen=True)
class Copula:
    """A correlation matrix's Cholesky factor, and the degrees of freedom: ∞ for the normal copula."""

    factor: np.ndarray
    degrees: float
    shrunk: float = 0.0
    tempered: float = 0.0

    @property
    def correlations(self) -> int:
        """Free correlations."""
        width = len(self.factor)
        return width * (width - 1) // 2

    def log_density(self, scores: np.ndarray) -> np.ndarray:
        """log c of normal scores [n, d]."""
        width = scores.shape[1]
        if width == 1:
            return np.zeros(len(scores))
        half_log_det = np.log(np.diag(self.factor)).sum()
        if self.degrees == math.inf:
            return -half_log_det - 0.5 * (self._squares(scores) - np.square(scores).sum(1))
        nu, w = self.degrees, t_scores(scores, self.degrees)
        joint = gammaln(0.5 * (nu + width)) - gammaln(0.5 * nu) - 0.5 * width * math.log(math.pi * nu) - half_log_det
        alone = gammaln(0.5 * (nu + 1.0)) - gammaln(0.5 * nu) - 0.5 * math.log(math.pi * nu)
        joint = joint - 0.5 * (nu + width) * np.log1p(self._squares(w) / nu)
        return joint - width * alone + 0.5 * (nu + 1.0) * np.log1p(np.square(w) / nu).sum(1)

    def _squares(self, rows: np.ndarray) -> np.ndarray:
        return np.square(solve_triangular(self.factor, rows.T, lower=True, check_finite=False)).sum(0)

    def part(self, columns: slice) -> Copula:
        """The copula of some columns."""
        matrix = (self.factor @ self.factor.T)[columns, columns]
        return dataclasses.replace(self, factor=_factor(matrix, 0.0))

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Normal scores [count, d]."""
        normal = rng.standard_normal((count, len(self.factor))) @ self.factor.T
        if self.degrees == math.inf or len(self.factor) == 1:
            return normal
        heavy = normal * np.sqrt(self.degrees / rng.chisquare(self.degrees, (count, 1)))
        grid, table = _t_table(self.degrees)
        return np.interp(np.arcsinh(heavy), table, grid)


@dataclasses.dataclass(frozen=True)
class Model:
    """Maps of columns, mixtures of the mapped, and the copula of one sample."""

    columns: Columns
    marginals: Mixtures
    copula: Copula
    low: np.ndarray
    high: np.ndarray

    @property
    def dimension(self) -> float:
        """Free parameters."""
        return self.columns.dimension + self.marginals.dimension + (self.copula.degrees < math.inf)

    def scores(self, rows: np.ndarray) -> np.ndarray:
        """Normal scores of rows [n, d]."""
        return self.marginals.scores(self.columns(rows))

    def log_prob(self, rows: np.ndarray) -> np.ndarray:
        """log p̂ of rows [n, d]."""
        mapped = self.columns(rows)
        alone = self.marginals.log_density(mapped).sum(1) + self.columns.log_jacobian(rows)
        return alone + self.copula.log_density(self.marginals.scores(mapped)) if rows.shape[1] > 1 else alone

    def sample(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Rows [count, d], within ten ranges of what was seen."""
        rows = self.columns.inverse(self.marginals.inverse(self.copula.sample(rng, count)))
        return np.clip(rows, self.low, self.high)


def fit_model(rows: np.ndarray) -> Model:
    """The model of rows [n, d].

    Mixtures of the columns as they are keep the columns' variances, which divergences of wide tails hang on; so a
    column is bent only where that makes it likelier by a hundredth of a nat a row, as for log-normal ones.
    """
    bent = fit_columns(rows)
    straight = dataclasses.replace(
        bent,
        tail=np.zeros_like(bent.tail),
        order=np.ones_like(bent.order),
        shift=0 * bent.shift,
        scale=1 + 0 * bent.scale,
    )
    plain = fit_marginals(straight(rows))
    curved = np.flatnonzero((bent.tail != 0.0) | (bent.order != 1.0))
    marginals, columns = plain, straight
    if curved.size:
        some = bent.only(curved)
        other = fit_marginals(some(rows[:, curved]))
        gain = _mean_log(some, other, rows[:, curved]) - _mean_log(
            straight.only(curved), plain.only(curved), rows[:, curved]
        )
        price = 0.5 * np.log(len(rows)) / len(rows) * (3 * (other.components - plain.components[curved]) + 2)
        better = gain > price + WORTH_BENDING
        chosen = np.zeros(rows.shape[1], bool)
        chosen[curved[better]] = True
        columns = straight.where(chosen, bent)
        marginals = plain.replaced(curved[better], other.only(np.flatnonzero(better)))
    low, high = rows.min(0), rows.max(0)
    reach = 10.0 * (high - low)
    return Model(columns, marginals, fit_copula(marginals.scores(columns(rows))), low - reach, high + reach)


def _mean_log(columns: Columns, marginals: Mixtures, rows: np.ndarray) -> np.ndarray:
    """Mean log-density of each column, [d]."""
    mapped = columns(rows)
    return (marginals.log_density(mapped) + columns.log_slopes(rows)).mean(0)


def tempered(p: Model, q: Model, x: np.ndarray, y: np.ndarray) -> tuple[Model, Model]:
    """The two models with correlations drawn together by what is only noise in their difference.

    The sum of squared differences Δ² of two estimated correlations exceeds that of the true ones by the sum V of the
    variances, and so, by the same share, does the divergence of the copulas where they are near. With differences
    scaled by √(1 - V/Δ²) it doesn't.
    """
    width = x.shape[1]
    if width == 1:
        return p, q
    away = np.triu(np.ones((width, width), bool), 1)
    matrices, noise = [], 0.0
    for model, rows in ((p, x), (q, y)):
        matrices.append(model.copula.factor @ model.copula.factor.T)
        noise += _noise(np.clip(model.scores(rows), -8.0, 8.0), away)
    square = np.square(matrices[0] - matrices[1])[away].sum()
    kept = math.sqrt(max(0.0, 1.0 - noise / max(square, 1e-300)))
    share = len(x) / (len(x) + len(y))
    pooled = share * matrices[0] + (1.0 - share) * matrices[1]

    def drawn(model: Model, matrix: np.ndarray) -> Model:
        factor = _factor(pooled + kept * (matrix - pooled), 0.0)
        copula = dataclasses.replace(model.copula, factor=factor, tempered=1.0 - kept)
        return dataclasses.replace(model, copula=copula)

    return drawn(p, matrices[0]), drawn(q, matrices[1])


def towards_independence(copula: Copula, scores: np.ndarray, block: int | None = None) -> Copula:
    """The copula with its correlations (all, or those of the first ``block`` columns with the rest) less noise."""
    matrix = copula.factor @ copula.factor.T
    width = len(matrix)
    away = np.triu(np.ones((width, width), bool), 1)
    if block is not None:
        away &= (np.arange(width) < block)[:, None] & (np.arange(width) >= block)
    noise = _noise(np.clip(scores, -8.0, 8.0), away)
    kept = math.sqrt(max(0.0, 1.0 - noise / max(np.square(matrix[away]).sum(), 1e-300)))
    shrunk = np.where(away | away.T, kept, 1.0) * matrix
    return dataclasses.replace(copula, factor=_factor(shrunk, 0.0), tempered=1.0 - kept)


def _noise(scores: np.ndarray, away: np.ndarray) -> float:
    """Σ Var r_ij over the pairs of ``away``."""
    count = len(scores)
    z = (scores - scores.mean(0)) / np.maximum(scores.std(0), 1e-12)
    square = np.square(z)
    correlation = z.T @ z / count
    # Var r = E[(z_i z_j - r (z_i² + z_j²)/2)²]/n, of which the product of correlated pairs is the larger part
    fourth = square.T @ square / count
    cross = (square * z).T @ z / count
    kurtosis = np.square(square).mean(0)
    whole = fourth - correlation * (cross + cross.T)
    whole += 0.25 * np.square(correlation) * (kurtosis[:, None] + kurtosis[None] + 2.0 * fourth)
    return float(np.maximum(whole[away], 0.0).sum() / max(count - 1, 1))


def fit_copula(scores: np.ndarray, degrees: tuple[float, ...] = DEGREES) -> Copula:
    """The copula of normal scores [n, d]; of fewer than 5(d + 1) rows, with a correlation that is shrunk."""
    count, width = scores.shape
    if width == 1:
        return Copula(np.ones((1, 1)), math.inf)
    scores = np.clip(scores, -8.0, 8.0)
    correlation = _correlation(scores)
    shrunk = _shrinkage(scores, correlation) if count < 5 * (width + 1) else 0.0
    normal = Copula(_factor(correlation, shrunk), math.inf, shrunk)
    few = scores[:: max(1, count // ROWS_TO_CHOOSE)]
    best, gain = normal, 0.5 * math.log(count) * len(few) / count
    likelihood = normal.log_density(few).sum()
    for nu in degrees:
        other = _fit_student(few, nu, correlation, shrunk)
        found = other.log_density(few).sum()
        if found > likelihood + gain:
            best, likelihood, gain = other, found, 0.0
    if best is normal or len(few) == count:
        return best
    return _fit_student(scores, best.degrees, correlation, shrunk)


def _fit_student(scores: np.ndarray, nu: float, correlation: np.ndarray, shrunk: float) -> Copula:
    """EM for the scatter, kept a correlation."""
    w = t_scores(scores, nu)
    width = w.shape[1]
    matrix = (1.0 - shrunk) * correlation + shrunk * np.eye(width)
    for _ in range(REWEIGHTINGS):
        squares = (w * cho_solve(cho_factor(matrix, check_finite=False), w.T, check_finite=False).T).sum(1)
        weighted = w * np.sqrt((nu + width) / (nu + squares))[:, None]
        scatter = weighted.T @ weighted
        matrix = (1.0 - shrunk) * _normalised(scatter) + shrunk * np.eye(width)
    return Copula(_factor(matrix, 0.0), nu, shrunk)


def t_scores(scores: np.ndarray, nu: float) -> np.ndarray:
    """T_ν⁻¹(Φ(z)), by a table of its asinh."""
    grid, table = _t_table(nu)
    return np.sinh(np.interp(scores, grid, table))


@functools.lru_cache(maxsize=16)
def _t_table(nu: float) -> tuple[np.ndarray, np.ndarray]:
    half = np.linspace(-9.0, 0.0, 1501)
    low = np.arcsinh(stdtrit(nu, ndtr(half)))
    low[-1] = 0.0
    return np.concatenate([half, -half[-2::-1]]), np.concatenate([low, -low[-2::-1]])


def _correlation(scores: np.ndarray) -> np.ndarray:
    return _normalised(np.cov(scores.T, bias=True))


def _normalised(matrix: np.ndarray) -> np.ndarray:
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    return matrix / scale[:, None] / scale


def _factor(matrix: np.ndarray, shrunk: float) -> np.ndarray:
    """Cholesky's, after lifting what is not positive definite by as little as makes it so."""
    eye = np.eye(len(matrix))
    matrix = (1.0 - shrunk) * matrix + shrunk * eye
    least = float(np.linalg.eigvalsh(matrix)[0])
    lift = max(0.0, 1e-6 - least)
    return np.linalg.cholesky((matrix + lift * eye) / (1.0 + lift))


def _shrinkage(scores: np.ndarray, correlation: np.ndarray) -> float:
    """Schäfer and Strimmer's: Σ Var r_ij / Σ r_ij² over i ≠ j."""
    count = len(scores)
    z = (scores - scores.mean(0)) / np.maximum(scores.std(0), 1e-12)
    second = np.square(z).T @ np.square(z) / count - np.square(correlation)
    away = ~np.eye(len(correlation), dtype=bool)
    return float(np.clip(second[away].sum() / max(count - 1, 1) / max(np.square(correlation[away]).sum(), 1e-12), 0, 1))
