"""Rows for torch.distributions, whose parameters are copied as they are: no gradient goes back to torch."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from kljax import families
from kljax.families._internal import batch_shape, broadcast
from kljax.interop import _conversions
from kljax.interop._conversions import Row, look_up
from kljax.interop._wrappers import independent, mixture


def number(value: Any) -> jax.Array:
    """A tensor as an array."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # numpy has no bfloat16.
        value = value.float() if str(value.dtype) == "torch.bfloat16" else value
    return _conversions.number(np.asarray(value))


def row(family: type, *attributes: str) -> Row:
    """Makes a record of the attributes of the object, in the order of the fields."""
    return lambda value: family(*(number(getattr(value, name)) for name in attributes))


def given(value: Any) -> tuple[str, jax.Array]:
    """Which of ``probs`` and ``logits`` the object was made of, and the parameter."""
    inner = getattr(value, "_categorical", value)
    held, parameter = vars(inner), getattr(inner, "_param", None)
    # Once asked for, the other one is kept beside it.
    name = next(one for one in ("probs", "logits") if one in held and (parameter is None or held[one] is parameter))
    return name, number(held[name])


def one_of(family: type, *attributes: str) -> Row:
    """The same, for a family that is given by ``probs`` or by ``logits``."""

    def make(value: Any) -> Any:
        name, parameter = given(value)
        return family(*(number(getattr(value, one)) for one in attributes), **{name: parameter})

    return make


def _continuous_bernoulli(value: Any) -> Any:
    name, parameter = given(value)
    kind = families.ContinuousBernoulli
    return kind(parameter) if name == "logits" else kind.from_probs(parameter)


def _negative_binomial(value: Any) -> Any:
    # torch counts what happens with probability p before r others.
    name, parameter = given(value)
    turned = {"probs": 1.0 - parameter} if name == "probs" else {"logits": -parameter}
    return families.NegativeBinomial(number(value.total_count), **turned)


_TRANSFORMS = {
    "ExpTransform": families.Exp,
    "SigmoidTransform": families.Sigmoid,
    "SoftplusTransform": families.Softplus,
    "TanhTransform": families.Tanh,
}


def _transform(value: Any) -> Any:
    name = type(value).__name__
    if name == "AffineTransform":
        loc, scale = (one if isinstance(one, (int, float)) else number(one) for one in (value.loc, value.scale))
        return families.Affine(loc, scale)
    if name not in _TRANSFORMS:
        raise NotImplementedError(f"torch's {name} has no counterpart in kljax.families.")
    return _TRANSFORMS[name]()


def _transformed(value: Any) -> Any:
    steps = tuple(_transform(one) for one in value.transforms)
    base = convert(value.base_dist)
    return families.Transformed(base, steps[0] if len(steps) == 1 else families.Chain(steps))


def _expanded(record: Any, value: Any) -> Any:
    shape = tuple(value.batch_shape)
    return record if batch_shape(record) == shape else broadcast(record, shape)


TABLE: dict[str, Row] = {
    "Bernoulli": one_of(families.Bernoulli),
    "Beta": row(families.Beta, "concentration1", "concentration0"),
    "Binomial": one_of(families.Binomial, "total_count"),
    "Categorical": one_of(families.Categorical),
    "Cauchy": row(families.Cauchy, "loc", "scale"),
    "Chi2": row(families.Chi2, "df"),
    "ContinuousBernoulli": _continuous_bernoulli,
    "Dirichlet": row(families.Dirichlet, "concentration"),
    "Exponential": row(families.Exponential, "rate"),
    "FisherSnedecor": row(families.FisherSnedecor, "df1", "df2"),
    "Gamma": row(families.Gamma, "concentration", "rate"),
    "GeneralizedPareto": row(families.GeneralizedPareto, "loc", "scale", "concentration"),
    "Geometric": one_of(families.Geometric),
    "Gumbel": row(families.Gumbel, "loc", "scale"),
    "HalfCauchy": row(families.HalfCauchy, "scale"),
    "HalfNormal": row(families.HalfNormal, "scale"),
    "Independent": independent("base_dist", "reinterpreted_batch_ndims"),
    "InverseGamma": row(families.InverseGamma, "concentration", "rate"),  # its rate is the scale of x
    "Kumaraswamy": row(families.Kumaraswamy, "concentration1", "concentration0"),
    "Laplace": row(families.Laplace, "loc", "scale"),
    "LogNormal": row(families.LogNormal, "loc", "scale"),
    "LowRankMultivariateNormal": lambda value: families.MultivariateNormal.from_low_rank(
        number(value.loc), number(value.cov_factor), number(value.cov_diag)
    ),
    "MixtureSameFamily": mixture("mixture_distribution", "component_distribution"),
    "Multinomial": one_of(families.Multinomial, "total_count"),
    "MultivariateNormal": lambda value: families.MultivariateNormal.from_cholesky(
        number(value.loc), number(value.scale_tril)
    ),
    "NegativeBinomial": _negative_binomial,
    "Normal": row(families.Normal, "loc", "scale"),
    "OneHotCategorical": one_of(families.OneHotCategorical),
    "Pareto": row(families.Pareto, "alpha", "scale"),
    "Poisson": row(families.Poisson, "rate"),
    "StudentT": row(families.StudentT, "df", "loc", "scale"),
    "TransformedDistribution": _transformed,
    "Uniform": row(families.Uniform, "low", "high"),
    "VonMises": row(families.VonMises, "loc", "concentration"),
    "Weibull": row(families.Weibull, "concentration", "scale"),
    "Wishart": row(families.Wishart, "df", "covariance_matrix"),
}


def convert(value: Any) -> Any:
    """The record of a distribution of torch."""
    return _expanded(look_up("torch", TABLE, value), value)
