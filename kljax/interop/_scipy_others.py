"""Rows for what scipy.stats has beside named distributions of numbers: vectors, estimates, histograms, new classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax import families, interop
from kljax.families._internal import filled
from kljax.interop._conversions import Row, number


def by_class(table: Mapping[str, Row], value: Any) -> Row | None:
    """The row for the class of an object or for one that it is derived from."""
    return next((table[cls.__name__] for cls in type(value).__mro__ if cls.__name__ in table), None)


def _normal(value: Any) -> Any:
    return families.MultivariateNormal.from_covariance(number(value.mean), number(value.cov_object.covariance))


def _matrix_normal(value: Any) -> Any:
    rows, columns = (jnp.linalg.cholesky(number(one)) for one in (value.rowcov, value.colcov))
    return families.MatrixNormal(number(value.mean), rows, columns)


def _kernel_estimate(value: Any) -> Any:
    """A mixture of normal distributions about the points, of the estimate's own bandwidth."""
    points, weights = number(value.dataset), number(value.weights)
    if points.shape[0] == 1:
        width = jnp.sqrt(number(value.covariance)[0, 0])
        return families.Mixture(families.Normal(points[0], width), weights)
    covariance = jnp.broadcast_to(number(value.covariance), (points.shape[1], *value.covariance.shape))
    return families.Mixture(families.MultivariateNormal.from_covariance(points.T, covariance), weights)


def _histogram(value: Any) -> Any:
    """A mixture of the uniform distributions of the bins."""
    edges = np.asarray(value._hbins)
    weights = np.asarray(value._hpdf[1:-1]) * np.diff(edges)
    bins = families.Uniform(number(edges[:-1]), number(edges[1:]))
    return families.Mixture(bins, number(weights / weights.sum()))


def _mixture(value: Any) -> Any:
    """A mixture of one family."""
    parts = [filled(interop.convert(one)) for one in value.components]
    kinds = sorted({type(one).__name__ for one in parts})
    if len(kinds) != 1:
        listed = " and ".join(kinds)
        raise NotImplementedError(f"A mixture has a counterpart for components of one family; got {listed}.")
    return families.Mixture(jax.tree.map(lambda *one: jnp.stack(one, -1), *parts), number(value.weights))


def _read(family: type, *names: str) -> Row:
    return lambda value: family(*(number(value._parameters[name]) for name in names))


OTHERS: dict[str, Row] = {
    "dirichlet_frozen": lambda value: families.Dirichlet(number(value.alpha)),
    "dirichlet_multinomial_frozen": lambda value: families.DirichletMultinomial(number(value.n), number(value.alpha)),
    "gaussian_kde": _kernel_estimate,
    "invwishart_frozen": lambda value: families.InverseWishart(number(value.df), number(value.scale)),
    "matrix_normal_frozen": _matrix_normal,
    "multinomial_frozen": lambda value: families.Multinomial(number(value.n), number(value.p)),
    "multivariate_normal_frozen": _normal,
    "rv_histogram": _histogram,
    "rv_sample": lambda value: families.Empirical(number(value.xk), number(value.pk)),
    "uniform_direction_frozen": lambda value: families.SphericalUniform(int(value.dim)),
    "vonmises_fisher_frozen": lambda value: families.VonMisesFisher(number(value.mu), number(value.kappa)),
    "wishart_frozen": lambda value: families.Wishart(number(value.df), number(value.scale)),
}
NEW: dict[str, Row] = {
    "Binomial": lambda value: families.Binomial(*(number(value._parameters[name]) for name in ("n", "p"))),
    "Logistic": lambda value: families.Logistic(0.0, 1.0),
    "Mixture": _mixture,
    "Normal": _read(families.Normal, "mu", "sigma"),
    "StandardNormal": lambda value: families.Normal(0.0, 1.0),
    "Uniform": _read(families.Uniform, "a", "b"),
}
