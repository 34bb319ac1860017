"""Measurements to model, one number each, and the families that can be fitted to them."""

from __future__ import annotations

import csv
import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from sklearn import datasets

from kljax import families

DATASETS = ("breast_cancer", "diabetes", "iris", "wine")  # that scikit-learn ships
FEWEST = 40
EULER = 0.5772156649015329


class Measurements(NamedTuple):
    """One column of a data set."""

    name: str
    values: np.ndarray  # [n]
    unit: float  # their standard deviation, in which everything is fitted


def load_column(dataset: str, column: str) -> Measurements:
    """A column of one of scikit-learn's data sets, or of a CSV file with a header.

    Raises:
        ValueError: If there is no such data set, file or column, or it is not of at least 40 different finite numbers.
    """
    names, rows = _table(dataset)
    if column not in names:
        raise ValueError(f"no column {column!r} in {dataset}, which has {', '.join(names)}")
    cells = [row[names.index(column)] for row in rows]
    try:
        values = np.array(cells, np.float64)
    except ValueError as error:
        raise ValueError(f"column {column!r} of {dataset} has entries that are no numbers: {error}") from None
    if not np.isfinite(values).all():
        raise ValueError(
            f"column {column!r} of {dataset} has {np.sum(~np.isfinite(values))} missing or infinite entries"
        )
    if len(np.unique(values)) < FEWEST:
        raise ValueError(
            f"column {column!r} of {dataset} has {len(np.unique(values))} different values; a density needs {FEWEST}"
        )
    return Measurements(f"{Path(dataset).stem}: {column}", values, float(values.std()))


def _table(dataset: str) -> tuple[list[str], Any]:
    if dataset in DATASETS:
        load = getattr(datasets, f"load_{dataset}")
        # Diabetes comes standardised unless told otherwise.
        found = load(scaled=False) if "scaled" in inspect.signature(load).parameters else load()
        return [str(name) for name in found.feature_names], found.data
    path = Path(dataset)
    if not path.is_file():
        raise ValueError(f"{dataset!r} is neither a file nor one of {', '.join(DATASETS)}")
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = [row for row in csv.reader(file) if row]
    return header, rows


class Moments(NamedTuple):
    """Of measurements in units of their standard deviation; those of the logarithm are NaN unless all are positive."""

    mean: float
    median: float
    low: float  # means of the lower and the upper half
    high: float
    log_mean: float
    log_std: float


def moments(x: np.ndarray) -> Moments:
    logs = np.log(x) if x.min() > 0 else np.full(len(x), np.nan)
    halves = np.array_split(np.sort(x), 2)
    return Moments(*map(float, (x.mean(), np.median(x), halves[0].mean(), halves[1].mean(), logs.mean(), logs.std())))


class Family(NamedTuple):
    """What is fitted: the record of real numbers t, and the t to start from.

    Where the usual parameters depend on one another, as a gamma distribution's shape and rate do, t has the mean or
    its like for one of them, so that descent by coordinates goes straight.
    """

    build: Callable[[jax.Array], Any]
    start: Callable[[Moments], list[float]]
    positive: bool  # lives on the positive numbers, not on all


def _two_normals(t: jax.Array) -> families.Mixture:
    return families.Mixture(families.Normal(t[:2], jnp.exp(t[2:4])), logits=jnp.stack([jnp.zeros_like(t[4]), t[4]]))


exp = jnp.exp
FAMILIES = {
    "exponential": Family(lambda t: families.Exponential(exp(t[0])), lambda m: [-math.log(m.mean)], True),
    "gamma": Family(
        lambda t: families.Gamma(exp(t[0]), exp(t[0] - t[1])),
        lambda m: [2 * math.log(m.mean), math.log(m.mean)],
        True,
    ),
    "gumbel": Family(
        lambda t: families.Gumbel(t[0], exp(t[1])),
        lambda m: [m.mean - EULER * math.sqrt(6) / math.pi, math.log(math.sqrt(6) / math.pi)],
        False,
    ),
    "inverse_gamma": Family(
        lambda t: families.InverseGamma(exp(t[0]), exp(t[0] + t[1])),
        lambda m: [-2 * math.log(m.log_std), m.log_mean],
        True,
    ),
    "inverse_gaussian": Family(
        lambda t: families.InverseGaussian(exp(t[0]), exp(t[1])),
        lambda m: [math.log(m.mean), 3 * math.log(m.mean)],
        True,
    ),
    "laplace": Family(lambda t: families.Laplace(t[0], exp(t[1])), lambda m: [m.median, -math.log(2) / 2], False),
    "log_normal": Family(
        lambda t: families.LogNormal(t[0], exp(t[1])), lambda m: [m.log_mean, math.log(m.log_std)], True
    ),
    "logistic": Family(
        lambda t: families.Logistic(t[0], exp(t[1])), lambda m: [m.mean, math.log(math.sqrt(3) / math.pi)], False
    ),
    "normal": Family(lambda t: families.Normal(t[0], exp(t[1])), lambda m: [m.mean, 0.0], False),
    "rayleigh": Family(lambda t: families.Rayleigh(exp(t[0])), lambda m: [math.log(m.mean * 0.8)], True),
    "student_t": Family(
        lambda t: families.StudentT(exp(t[0]), t[1], exp(t[2])), lambda m: [math.log(5), m.median, -0.25], False
    ),
    "two_normals": Family(_two_normals, lambda m: [m.low, m.high, -0.5, -0.5, 0.0], False),
    "weibull": Family(
        lambda t: families.Weibull(exp(t[0]), exp(t[1])),
        lambda m: [math.log(1.28 / m.log_std), m.log_mean + EULER * m.log_std / 1.28],
        True,
    ),
}


class Cells(NamedTuple):
    """A line cut into cells of about as many measurements each, with nodes and weights to integrate over them."""

    edges: np.ndarray  # [cells - 1], between the cells; the outer ones are open
    nodes: np.ndarray  # [2, cells, nodes], for densities on all numbers, and on the positive ones
    weights: np.ndarray  # likewise
    of: np.ndarray  # [n], the cell of each measurement


def cut(x: np.ndarray, count: int) -> Cells:
    """Cells between measurements, and the double exponential rules over them (Takahasi & Mori 1974).

    Where no measurement separates two cells, they become one.
    """
    ordered = np.unique(x)
    places = np.searchsorted(ordered, np.quantile(x, np.arange(1, count) / count, method="nearest"))
    places = np.unique(np.clip(places, 0, len(ordered) - 2))
    edges = (ordered[places] + ordered[places + 1]) / 2
    t = np.linspace(-3.4, 3.4, 81)
    step = t[1] - t[0]
    s, slope = np.pi / 2 * np.sinh(t), np.pi / 2 * np.cosh(t) * step
    away, away_slope = np.exp(s), np.exp(s) * slope  # 0 … ∞
    middle, width = (edges[1:] + edges[:-1])[:, None] / 2, np.diff(edges)[:, None] / 2
    inner, inner_weight = middle + width * np.tanh(s), width * slope / np.cosh(s) ** 2
    above, above_weight = (edges[-1] + away)[None], away_slope[None]
    below, below_weight = (edges[0] - away)[None], away_slope[None]
    # A density on the positive numbers may be infinite at 0, which the rule only nears.
    from_zero = np.maximum(edges[0] * np.exp(-away), np.finfo(float).tiny)[None]
    nodes, weights = [], []
    for first, weight in ((below, below_weight), (from_zero, edges[0] * np.exp(-away)[None] * away_slope)):
        nodes.append(np.concatenate([first, inner, above]))
        weights.append(np.concatenate([weight, inner_weight, above_weight]))
    return Cells(edges, np.stack(nodes), np.stack(weights), np.searchsorted(edges, x))
