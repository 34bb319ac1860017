"""Rows for distrax."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from kljax import families
from kljax.interop._conversions import Row, look_up, number, one_of, row
from kljax.interop._wrappers import WithJacobian, independent, mixture, point, product, transformed


def _full(value: Any) -> Any:
    return families.MultivariateNormal.from_covariance(number(value.mean()), number(value.covariance()))


def _triangular(value: Any) -> Any:
    return families.MultivariateNormal.from_cholesky(number(value.loc), number(value.scale_tri))


def _log_stddev_normal(value: Any) -> Any:
    return families.Normal(number(value.loc), jnp.exp(number(value.log_scale)))


def _joint(value: Any) -> Any:
    kind = next(cls for cls in type(value).__mro__ if cls.__name__ == "Distribution")
    return product("distributions", kind)(value)


TABLE: dict[str, Row] = {
    "Bernoulli": one_of(families.Bernoulli),
    "Beta": row(families.Beta, "alpha", "beta"),
    "Categorical": one_of(families.Categorical),
    "Deterministic": lambda value: point(value, value.loc),
    "Dirichlet": row(families.Dirichlet, "concentration"),
    "Gamma": row(families.Gamma, "concentration", "rate"),
    "Gumbel": row(families.Gumbel, "loc", "scale"),
    "Independent": independent("distribution", "reinterpreted_batch_ndims"),
    "Joint": _joint,
    "Laplace": row(families.Laplace, "loc", "scale"),
    "LogStddevNormal": _log_stddev_normal,
    "Logistic": row(families.Logistic, "loc", "scale"),
    "MixtureSameFamily": mixture("mixture_distribution", "components_distribution"),
    "MultivariateNormalDiag": lambda value: families.MultivariateNormal.from_diagonal(
        number(value.loc), number(value.scale_diag)
    ),
    "MultivariateNormalDiagPlusLowRank": _full,
    "MultivariateNormalFromBijector": _full,
    "MultivariateNormalFullCovariance": _full,
    "MultivariateNormalTri": _triangular,
    "Normal": row(families.Normal, "loc", "scale"),
    "OneHotCategorical": one_of(families.OneHotCategorical),
    "Transformed": transformed(lambda value, ndims: WithJacobian(value.bijector, ndims), "distribution"),
    "Uniform": row(families.Uniform, "low", "high"),
    "VonMises": row(families.VonMises, "loc", "concentration"),
}


def convert(value: Any) -> Any:
    """The record of a distrax distribution."""
    return look_up("distrax", TABLE, value)
