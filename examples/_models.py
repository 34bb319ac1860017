"""Measurements to model, one number each, and the families that can be fitted to them."""

from __future__ import annotations

import csv
import inspect
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy import special, stats
from sklearn import datasets

from kljax import families

DATASETS = ("breast_cancer", "diabetes", "iris", "wine")  # that scikit-learn ships
FEWEST = 40


class Measurements(NamedTuple):
    """One column of a data set."""

    name: str
    values: np.ndarray  # [n]


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
    return Measurements(f"{Path(dataset).stem}: {column}", values)


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


class TwoNormals:
    """A family of one's own for ``kljax.samples``: an object with ``fit``, here by expectation and maximisation."""

    def fit(self, x: np.ndarray, weights: np.ndarray | None = None) -> families.Mixture:
        w = np.full(len(x), 1.0 / len(x)) if weights is None else weights / weights.sum()
        middle = np.median(x[w > 0])
        loc = np.array([x[(w > 0) & (x <= middle)].mean(), x[(w > 0) & (x >= middle)].mean()])
        scale, share = np.full(2, 0.5 * x[w > 0].std()), np.full(2, 0.5)
        least = 1e-2 * x[w > 0].std()  # a component on a single point would have no end
        for _ in range(200):
            of = w[:, None] * special.softmax(np.log(share) + stats.norm.logpdf(x[:, None], loc, scale), axis=1)
            share = of.sum(0)
            loc = (of * x[:, None]).sum(0) / share
            scale = np.maximum(np.sqrt((of * (x[:, None] - loc) ** 2).sum(0) / share), least)
        parts = families.Normal(jnp.asarray(loc, jnp.float32), jnp.asarray(scale, jnp.float32))
        return families.Mixture(parts, jnp.asarray(share / share.sum(), jnp.float32))


FAMILIES: dict[str, Any] = {
    "exponential": families.Exponential,
    "gamma": families.Gamma,
    "gumbel": families.Gumbel,
    "inverse_gamma": families.InverseGamma,
    "inverse_gaussian": families.InverseGaussian,
    "laplace": families.Laplace,
    "log_normal": families.LogNormal,
    "logistic": families.Logistic,
    "normal": families.Normal,
    "rayleigh": families.Rayleigh,
    "student_t": families.StudentT,
    "two_normals": TwoNormals(),
    "weibull": families.Weibull,
}
POSITIVE = {"exponential", "gamma", "inverse_gamma", "inverse_gaussian", "log_normal", "rayleigh", "weibull"}
