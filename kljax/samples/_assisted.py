"""Neighbours corrected on surrogates, the model alone, and the standard error.

With D[r] the divergence from ratios r at the rows (``_functionals``), neighbours' r_k, the model's T, and * for
surrogates:

    A = D[T] - o                                      the model alone, o its optimism
    B = mean_k {D[r_k] - D*[r_k]} + D*[T*] + (1 - s)(A - D*[T*])            what is reported

In the surrogates T* is the truth, so that D*[r_k] - D*[T*] is the bias of neighbours there. Neighbours follow changes
of p and q by a share s of what these do to the divergence, s ≈ 4/(d + 4) in measurements, as their distances grow with
d; the rest of a difference between surrogates and data, which the model's own likelihood on the data shows, goes in at
1 - s. o = ½ dim P̂/n + ½ dim Q̂/m, times f''(1) and no more than in proportion to the divergence.

    stderr² = V + s²(D*)/B + δ² + (½(1 - s) o)² + (½(1 - s)(D[T] - D*[T*]))²

where V is the variance of the influence of x and of y under T, enlarged by what heavy tails hide, and that of
neighbours given their places; δ is half the range over k.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from scipy.special import ndtri, polygamma, stdtr

from kljax.samples._functionals import Functional
from kljax.samples._surrogates import Evidence


@dataclasses.dataclass(frozen=True)
class Corrected:
    """Numbers found from one body of evidence."""

    value: float
    stderr: float
    plain: float
    plain_stderr: float
    model: float
    model_stderr: float
    agreement: float
    ess: float
    trend: float
    share: float


def combine(evidence: Evidence, functional: Functional, count_x: int, count_y: int, width: int) -> Corrected:
    """The corrected estimate and what is beside it."""
    data, drawn = evidence.data, evidence.surrogates
    rows = min(count_x, count_y)
    one_sided = functional.on_y is None
    queries = len(data.at_x.model)

    def of(side_x: np.ndarray, side_y: np.ndarray | None) -> np.ndarray:
        return functional.of(side_x, None if one_sided else side_y)

    def of_sides(sides: object) -> tuple[np.ndarray, float, float]:
        at_x, at_y = sides.at_x, sides.at_y  # type: ignore[attr-defined]
        by_neighbors = of(at_x.neighbors, at_y.neighbors if at_y else None)
        there = float(of(at_x.model, at_y.model if at_y else None))
        return by_neighbors, there, float(of(at_x.everywhere, at_y.everywhere if at_y else None))

    found, there, model = of_sides(data)
    surrogate = [of_sides(one) for one in drawn]
    residual = found - there  # [k]
    residuals = np.array([one[0] - one[1] for one in surrogate])  # [b, k]
    truths = np.array([one[2] for one in surrogate])
    few = len(drawn[0].at_x.model) if drawn else queries

    tx, ty = data.at_x.everywhere, evidence.log_weights
    ess = effective(ty)
    influence = heavy_variance(functional.influence_x(tx)) / count_x
    # Weights of mean one where they are unbounded, and none above √m, which m points can't show.
    weights = ty - log_mean(ty) if one_sided else ty
    influence += float(np.var(functional.influence_y(np.minimum(weights, 0.5 * math.log(count_y))))) / count_y

    share = 4.0 / (width + 4.0)
    curvature = min(functional.curvature, functional_scale(functional, truths.mean(), evidence))
    optimism = evidence.parameters * curvature
    spread = residuals.mean(1).std(ddof=1) if len(drawn) > 1 else math.nan
    gap = model - truths.mean()
    gap_error = truths.std(ddof=1) / math.sqrt(len(drawn))
    gap *= max(0.0, 1.0 - gap_error**2 / max(gap**2, 1e-300))
    value = model + float((residual - residuals.mean(0)).mean())
    value += (1.0 - share) * (gap - optimism)

    noise = max(1.2 * float(polygamma(1, 4)) * curvature / min(rows, queries), spread**2 * few / queries)
    corrections = residual - residuals.mean(0)
    delta = 0.5 * float(np.ptp(corrections))
    own = math.sqrt(influence + noise + spread**2 / len(drawn))
    rest = 0.5 * (1.0 - share)
    stderr = math.sqrt(own**2 + delta**2 + (rest * optimism) ** 2 + (rest * gap) ** 2)
    alone = model - optimism
    apart = (value - alone) / math.sqrt(spread**2 * (few / queries + 1 / len(drawn)) + (0.5 * optimism) ** 2)
    agreement = as_normal(apart, len(drawn) - 1)
    # With fewer neighbours the estimate looks closer: where it still grows then, it hasn't seen the end.
    falls = residuals[:, 0] - residuals[:, -1]
    trend = float(corrections[0] - corrections[-1]) / max(float(falls.std(ddof=1)), 1e-12) if len(found) > 1 else 0.0
    return Corrected(
        value,
        stderr,
        float(found.mean()),
        math.sqrt(influence + noise),
        alone,
        math.sqrt(influence + optimism**2),
        agreement,
        ess,
        as_normal(trend, len(drawn) - 1),
        share,
    )


def functional_scale(functional: Functional, value: float, evidence: Evidence) -> float:
    """The divergence over KL in the surrogates: what an optimism of KL is worth when it is far from 0."""
    kl = float(np.mean([one.at_x.everywhere.mean() for one in evidence.surrogates]))
    return max(value, 0.0) / kl if kl > 1e-3 else functional.curvature


def as_normal(t: float, degrees: int) -> float:
    """The normal score as unlikely as Student's t, whose scale came from few surrogates."""
    return float(np.sign(t) * -ndtri(max(stdtr(degrees, -abs(t)), 1e-300)))


def heavy_variance(values: np.ndarray) -> float:
    """The variance and one standard error of it, which heavy tails make large."""
    centred = values - values.mean()
    square = np.square(centred)
    variance = square.mean()
    if variance == 0.0:
        return 0.0
    kurtosis = np.square(square).mean() / variance**2
    return float(variance * (1.0 + math.sqrt(max(kurtosis - 1.0, 0.0) / len(values))))


def log_mean(log_weights: np.ndarray) -> float:
    """log mean e^w."""
    top = log_weights.max()
    return float(top + np.log(np.exp(log_weights - top).mean()))


def effective(log_weights: np.ndarray) -> float:
    """(Σw)²/Σw²."""
    weights = np.exp(log_weights - log_weights.max())
    return float(weights.sum() ** 2 / np.square(weights).sum())
