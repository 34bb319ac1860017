"""Rows for numpyro."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp

from kljax import families
from kljax.families._internal import broadcast
from kljax.interop._conversions import Row, look_up, number, row
from kljax.interop._wrappers import Transforms, independent, inner, is_nonzero, masked, mixture, point, transformed


def _keyword(family: type, name: str, *first: str) -> Row:
    """A family of numpyro's whose class says which of ``probs`` and ``logits`` it holds."""

    def make(value: Any) -> Any:
        return family(*(number(getattr(value, one)) for one in first), **{name: number(getattr(value, name))})

    return make


def _negative_binomial_probs(value: Any) -> Any:
    # numpyro counts what happens with probability p before r others.
    return families.NegativeBinomial(number(value.total_count), probs=1.0 - number(value.probs))


def _negative_binomial_logits(value: Any) -> Any:
    return families.NegativeBinomial(number(value.total_count), logits=-number(value.logits))


def _full(value: Any) -> Any:
    return families.MultivariateNormal.from_cholesky(number(value.loc), number(value.scale_tril))


def _circulant(value: Any) -> Any:
    first = number(value.covariance_row)
    steps = jnp.arange(first.shape[-1])
    covariance = first[..., (steps[:, None] - steps[None, :]) % first.shape[-1]]
    return families.MultivariateNormal.from_covariance(number(value.loc), covariance)


def _low_rank(value: Any) -> Any:
    parts = (number(getattr(value, name)) for name in ("loc", "cov_factor", "cov_diag"))
    return families.MultivariateNormal.from_low_rank(*parts)


def _dimension(family: type, *attributes: str) -> Row:
    """A family whose first field is a dimension, which is no array."""
    return lambda value: family(int(value.dimension), *(number(getattr(value, name)) for name in attributes))


def _truncated(value: Any) -> Any:
    base, low, high = value.base_dist, getattr(value, "low", -jnp.inf), getattr(value, "high", jnp.inf)
    if type(base).__name__ != "Normal":
        raise NotImplementedError(f"A truncated {type(base).__name__} has no counterpart in kljax.families.")
    return families.TruncatedNormal(number(base.loc), number(base.scale), number(low), number(high))


def _delta(value: Any) -> Any:
    if is_nonzero(value.log_density):
        raise NotImplementedError("numpyro's Delta has a counterpart in kljax.families only with log_density = 0.")
    return point(value, value.v, value.event_dim)


def _expanded(value: Any) -> Any:
    return broadcast(inner(value.base_dist), tuple(value.batch_shape))


TABLE: dict[str, Row] = {
    "BernoulliLogits": _keyword(families.Bernoulli, "logits"),
    "BernoulliProbs": _keyword(families.Bernoulli, "probs"),
    "Beta": row(families.Beta, "concentration1", "concentration0"),
    "BetaBinomial": row(families.BetaBinomial, "total_count", "concentration1", "concentration0"),
    "BinomialLogits": _keyword(families.Binomial, "logits", "total_count"),
    "BinomialProbs": _keyword(families.Binomial, "probs", "total_count"),
    "CategoricalLogits": _keyword(families.Categorical, "logits"),
    "CategoricalProbs": _keyword(families.Categorical, "probs"),
    "Cauchy": row(families.Cauchy, "loc", "scale"),
    "Chi2": row(families.Chi2, "df"),
    "CirculantNormal": _circulant,
    "Delta": _delta,
    "Dirichlet": row(families.Dirichlet, "concentration"),
    "DirichletMultinomial": row(families.DirichletMultinomial, "total_count", "concentration"),
    "DiscreteUniform": row(families.DiscreteUniform, "low", "high"),
    "ExpandedDistribution": _expanded,
    "Exponential": row(families.Exponential, "rate"),
    "Gamma": row(families.Gamma, "concentration", "rate"),
    "GeometricLogits": _keyword(families.Geometric, "logits"),
    "GeometricProbs": _keyword(families.Geometric, "probs"),
    "Gumbel": row(families.Gumbel, "loc", "scale"),
    "HalfCauchy": row(families.HalfCauchy, "scale"),
    "HalfNormal": row(families.HalfNormal, "scale"),
    "Independent": independent("base_dist", "reinterpreted_batch_ndims"),
    "InverseGamma": row(families.InverseGamma, "concentration", "rate"),  # its rate is the scale of x
    "Kumaraswamy": row(families.Kumaraswamy, "concentration1", "concentration0"),
    "LKJ": _dimension(families.LKJ, "concentration"),
    "Laplace": row(families.Laplace, "loc", "scale"),
    "LeftTruncatedDistribution": _truncated,
    "LogNormal": row(families.LogNormal, "loc", "scale"),
    "LogUniform": row(families.LogUniform, "low", "high"),
    "Logistic": row(families.Logistic, "loc", "scale"),
    "LowRankMultivariateNormal": _low_rank,
    "MaskedDistribution": masked("base_dist", "_mask"),
    "MatrixNormal": row(families.MatrixNormal, "loc", "scale_tril_row", "scale_tril_column"),
    "MixtureSameFamily": mixture("mixing_distribution", "component_distribution"),
    "MultinomialLogits": _keyword(families.Multinomial, "logits", "total_count"),
    "MultinomialProbs": _keyword(families.Multinomial, "probs", "total_count"),
    "MultivariateNormal": _full,
    "NegativeBinomialLogits": _negative_binomial_logits,
    "NegativeBinomialProbs": _negative_binomial_probs,
    "Normal": row(families.Normal, "loc", "scale"),
    "Pareto": row(families.Pareto, "alpha", "scale"),
    "Poisson": row(families.Poisson, "rate"),
    "RightTruncatedDistribution": _truncated,
    "StudentT": row(families.StudentT, "df", "loc", "scale"),
    "TransformedDistribution": transformed(
        lambda value, ndims: Transforms(tuple(value.transforms), ndims), "base_dist"
    ),
    "TwoSidedTruncatedDistribution": _truncated,
    "Uniform": row(families.Uniform, "low", "high"),
    "VonMises": row(families.VonMises, "loc", "concentration"),
    "Weibull": row(families.Weibull, "concentration", "scale"),
}


def convert(value: Any) -> Any:
    """The record of a numpyro distribution."""
    return look_up("numpyro", TABLE, value)
