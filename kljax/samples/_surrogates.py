"""Log-ratios by neighbours and by models, in the data and in surrogate samples drawn from the models.

With ρ_k(x) the distance from x to its kth neighbour among the other x, and ν_k(x) that among y,

    r_k(x) = d log(ν_k(x)/ρ_k(x)) + log(m/(n - 1))

estimates log p/q at x with a bias that depends on the shape of p and q, the dimension, n and m. Surrogates x*, y* of
the same sizes from fitted models P̂, Q̂ have nearly that bias, and there the log-ratio T = log p̂ - log q̂ is known.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np

from kljax.samples._columns import Columns, fit_columns
from kljax.samples._model import Model, fit_model, tempered
from kljax.samples._nearest import on_host

SURROGATE_QUERIES = 2048


@dataclasses.dataclass(frozen=True)
class Ratios:
    """log p/q at some rows of a sample: by neighbours [k, queries], by the models there, and at all rows."""

    neighbors: np.ndarray
    model: np.ndarray
    everywhere: np.ndarray


@dataclasses.dataclass(frozen=True)
class Sides:
    """Ratios at rows of x, and at rows of y where they were asked for."""

    at_x: Ratios
    at_y: Ratios | None


@dataclasses.dataclass(frozen=True)
class Evidence:
    """All that the corrected estimate is made of."""

    data: Sides
    surrogates: list[Sides]
    log_weights: np.ndarray  # T at y
    parameters: float  # ½(dim P̂/n + dim Q̂/m): the models' optimism
    model_seconds: float
    search_seconds: float
    surrogate_seconds: float


def fit_pair(x: np.ndarray, y: np.ndarray) -> tuple[Model, Model]:
    """Models of x and of y, whose correlations differ by no more than the samples show."""
    return tempered(fit_model(x), fit_model(y), x, y)


def log_ratio(p: Model, q: Model, rows: np.ndarray) -> np.ndarray:
    """T = log p̂ - log q̂."""
    return p.log_prob(rows) - q.log_prob(rows)


def gather(
    x: np.ndarray,
    y: np.ndarray,
    rng: np.random.Generator,
    *,
    ks: tuple[int, ...],
    surrogates: int,
    max_queries: int,
    both: bool,
    progress: bool,
    models: tuple[Model, Model] | None = None,
) -> tuple[Evidence, tuple[Model, Model]]:
    """Searches the data and ``surrogates`` pairs drawn from the models of x and y."""
    start = time.process_time()
    p, q = fit_pair(x, y) if models is None else models
    columns = fit_columns(x, y)
    fitted = time.process_time()
    data = _sides(x, y, p, q, columns, rng, ks, max_queries, both, True, progress)
    searched = time.process_time()
    drawn = []
    few = min(max_queries, SURROGATE_QUERIES)
    for _ in range(surrogates):
        x_, y_ = p.sample(rng, len(x)), q.sample(rng, len(y))
        drawn.append(_sides(x_, y_, p, q, columns, rng, ks, few, both, False, False))
    optimism = 0.5 * (p.dimension / len(x) + q.dimension / len(y))
    end = time.process_time()
    log_weights = data.at_y.everywhere if data.at_y is not None else log_ratio(p, q, y)
    times = fitted - start, searched - fitted, end - searched
    return Evidence(data, drawn, log_weights, optimism, *times), (p, q)


def _sides(
    x: np.ndarray,
    y: np.ndarray,
    p: Model,
    q: Model,
    columns: Columns,
    rng: np.random.Generator,
    ks: tuple[int, ...],
    max_queries: int,
    both: bool,
    everywhere: bool,
    progress: bool,
) -> Sides:
    x_, y_ = columns(x), columns(y)

    def side(rows: np.ndarray, own: np.ndarray, other: np.ndarray, sign: float, label: str) -> Ratios:
        chosen = subset(rng, len(own), max_queries)
        neighbors = sign * neighbor_log_ratio(own, other, chosen, ks, progress, label)
        if everywhere:
            model = log_ratio(p, q, rows)
            return Ratios(neighbors, model[chosen], model)
        model = log_ratio(p, q, rows[chosen])
        return Ratios(neighbors, model, model)

    return Sides(side(x, x_, y_, 1.0, "x"), side(y, y_, x_, -1.0, "y") if both else None)


def subset(rng: np.random.Generator, count: int, most: int) -> np.ndarray:
    """All indices, or ``most`` of them at random."""
    return np.arange(count) if count <= most else np.sort(rng.choice(count, most, replace=False))


def neighbor_log_ratio(
    own: np.ndarray, other: np.ndarray, chosen: np.ndarray, ks: tuple[int, ...], progress: bool, label: str
) -> np.ndarray:
    """r_k at the chosen rows of ``own``, [k, queries]."""
    width = own.shape[1]
    at = np.asarray(ks) - 1
    inside, _ = on_host(own[chosen], own, max(ks), chosen, progress=progress, label=f"{label}: own neighbours")
    across, _ = on_host(own[chosen], other, max(ks), progress=progress, label=f"{label}: the other's neighbours")
    least = 1e-30
    gap = np.log(np.maximum(across[:, at], least)) - np.log(np.maximum(inside[:, at], least))
    return (width * gap.astype(np.float64) + np.log(len(other) / (len(own) - 1))).T
