"""Rows for tensorflow_probability.substrates.jax."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax import families
from kljax.families._internal import broadcast
from kljax.interop._conversions import Row, look_up, number, one_of, row
from kljax.interop._wrappers import (
    WithJacobian,
    independent,
    inner,
    masked,
    mixture,
    point,
    product,
    repeated,
    transformed,
)


def _rate(family: type, *first: str) -> Row:
    """A rate that may be held as its logarithm."""

    def make(value: Any) -> Any:
        rate = jnp.exp(number(value.log_rate)) if value.rate is None else number(value.rate)
        return family(*(number(getattr(value, name)) for name in first), rate)

    return make


def negative_binomial(value: Any) -> Any:
    """TFP counts what happens with probability p before r others; ours counts failures before r successes."""
    if value._logits is not None:
        return families.NegativeBinomial(number(value.total_count), logits=-number(value._logits))
    return families.NegativeBinomial(number(value.total_count), probs=1.0 - number(value._probs))


def _continuous_bernoulli(value: Any) -> Any:
    if value._logits is not None:
        return families.ContinuousBernoulli(number(value._logits))
    probs = number(value._probs)
    return families.ContinuousBernoulli(jnp.log(probs) - jnp.log1p(-probs))


def _weibull(value: Any) -> Any:
    return families.Weibull(number(value.concentration), number(value.scale))


def _half_cauchy(value: Any) -> Any:
    if jnp.shape(value.loc) == () and float(value.loc) == 0.0:
        return families.HalfCauchy(number(value.scale))
    raise NotImplementedError("TFP's HalfCauchy has a counterpart in kljax.families only for loc = 0.")


def _full(value: Any) -> Any:
    return families.MultivariateNormal.from_cholesky(number(value.mean()), number(value.scale.to_dense()))


def _lower(operator: Any) -> jax.Array:
    """A Cholesky factor of A A', of a linear operator A."""
    dense = number(operator.to_dense())
    if type(operator).__name__.removeprefix("LinearOperator") in ("LowerTriangular", "Diag", "ScaledIdentity"):
        return dense
    return jnp.linalg.cholesky(dense @ jnp.swapaxes(dense, -1, -2))


def _by_operator(value: Any) -> Any:
    """A normal vector whose scale is any linear operator."""
    mean = number(value.mean())
    return families.MultivariateNormal.from_cholesky(mean, _lower(value.scale))


def _low_rank_covariance(value: Any) -> Any:
    factor, diagonal = number(value.cov_perturb_factor), number(value.cov_diag_factor)
    return families.MultivariateNormal.from_low_rank(number(value.mean()), factor, diagonal)


def _matrix_normal(value: Any) -> Any:
    rows, columns = _lower(value.scale_row), _lower(value.scale_column)
    return families.MatrixNormal(number(value.loc), rows, columns)


def _wishart(value: Any) -> Any:
    if getattr(value, "input_output_cholesky", False):
        raise NotImplementedError("TFP's Wishart of Cholesky factors has no counterpart in kljax.families.")
    low = number(value.scale.to_dense())
    return families.Wishart(number(value.df), low @ jnp.swapaxes(low, -1, -2))


def _skellam(value: Any) -> Any:
    rates = [(getattr(value, f"rate{n}"), getattr(value, f"log_rate{n}")) for n in (1, 2)]
    return families.Skellam(*(jnp.exp(number(log)) if rate is None else number(rate) for rate, log in rates))


def _sphere(value: Any) -> Any:
    if tuple(value.batch_shape):
        raise NotImplementedError("TFP's SphericalUniform has a counterpart in kljax.families only without a batch.")
    return families.SphericalUniform(int(value.dimension))


def _correlations(value: Any) -> Any:
    if getattr(value, "input_output_cholesky", False):
        raise NotImplementedError("TFP's LKJ of Cholesky factors has no counterpart in kljax.families.")
    return families.LKJ(int(value.dimension), number(value.concentration))


def _diagonal(value: Any) -> Any:
    return families.MultivariateNormal.from_diagonal(number(value.mean()), number(value.stddev()))


def _log_of(family: type, second: str) -> Row:
    """The logarithm of a family of two parameters, of which the second may be held as its logarithm."""

    def make(value: Any) -> Any:
        held = getattr(value, second)
        scale = jnp.exp(number(getattr(value, f"log_{second}"))) if held is None else number(held)
        return families.Transformed(family(number(value.concentration), scale), families.Log())

    return make


def _ordered(value: Any) -> Any:
    return families.Categorical(logits=number(value.categorical_log_probs()))


def _probit(value: Any) -> Any:
    probits = number(value.probits_parameter())
    return families.Bernoulli(logits=jax.scipy.special.log_ndtr(probits) - jax.scipy.special.log_ndtr(-probits))


def _process(value: Any) -> Any:
    """A Gaussian process at its index points; at one point it is a number."""
    at = value.get_marginal_distribution()
    if at.event_shape.rank == 0:
        return families.Normal(number(at.mean()), number(at.stddev()))
    return families.MultivariateNormal.from_covariance(number(at.mean()), number(at.covariance()))


def _blocks(value: Any) -> Any:
    return families.Product([inner(one) for one in value.distributions])


def _joint(value: Any) -> Any:
    kind = next(cls for cls in type(value).__mro__ if cls.__name__ == "Distribution")
    return product("model", kind)(value)


def _sample(value: Any) -> Any:
    shape = np.atleast_1d(np.asarray(value.sample_shape)).tolist()
    return repeated(inner(value.distribution), tuple(int(one) for one in shape))


TABLE: dict[str, Row] = {
    "Bernoulli": one_of(families.Bernoulli),
    "BatchBroadcast": lambda value: broadcast(inner(value.distribution), tuple(value.batch_shape)),
    "Beta": row(families.Beta, "concentration1", "concentration0"),
    "BetaBinomial": row(families.BetaBinomial, "total_count", "concentration1", "concentration0"),
    "Binomial": one_of(families.Binomial, "total_count"),
    "Categorical": one_of(families.Categorical),
    "Blockwise": _blocks,
    "Cauchy": row(families.Cauchy, "loc", "scale"),
    "Chi": row(families.Chi, "df"),
    "Chi2": row(families.Chi2, "df"),
    "ContinuousBernoulli": _continuous_bernoulli,
    "Deterministic": lambda value: point(value, value.loc),
    "Dirichlet": row(families.Dirichlet, "concentration"),
    "DirichletMultinomial": row(families.DirichletMultinomial, "total_count", "concentration"),
    "ExpGamma": _log_of(families.Gamma, "rate"),
    "ExpInverseGamma": _log_of(families.InverseGamma, "scale"),
    "Exponential": row(families.Exponential, "rate"),
    "Gamma": _rate(families.Gamma, "concentration"),
    "GaussianProcess": _process,
    "GeneralizedExtremeValue": row(families.GeneralizedExtremeValue, "loc", "scale", "concentration"),
    "GeneralizedPareto": row(families.GeneralizedPareto, "loc", "scale", "concentration"),
    "Geometric": one_of(families.Geometric),
    "Gumbel": row(families.Gumbel, "loc", "scale"),
    "HalfCauchy": _half_cauchy,
    "HalfNormal": row(families.HalfNormal, "scale"),
    "Independent": independent("distribution", "reinterpreted_batch_ndims"),
    "InverseGamma": row(families.InverseGamma, "concentration", "scale"),
    "InverseGaussian": row(families.InverseGaussian, "loc", "concentration"),
    "JointDistributionNamed": _joint,
    "JointDistributionSequential": _joint,
    "Kumaraswamy": row(families.Kumaraswamy, "concentration1", "concentration0"),
    "LKJ": _correlations,
    "Laplace": row(families.Laplace, "loc", "scale"),
    "LogNormal": row(families.LogNormal, "loc", "scale"),
    "Logistic": row(families.Logistic, "loc", "scale"),
    "LogitNormal": row(families.LogitNormal, "loc", "scale"),
    "Masked": masked("distribution", "validity_mask"),
    "MatrixNormalLinearOperator": _matrix_normal,
    "MixtureSameFamily": mixture("mixture_distribution", "components_distribution"),
    "Moyal": row(families.Moyal, "loc", "scale"),
    "Multinomial": one_of(families.Multinomial, "total_count"),
    "MultivariateNormalDiag": _diagonal,
    "MultivariateNormalDiagPlusLowRank": _by_operator,
    "MultivariateNormalDiagPlusLowRankCovariance": _low_rank_covariance,
    "MultivariateNormalFullCovariance": _full,
    "MultivariateNormalLinearOperator": _by_operator,
    "MultivariateNormalTriL": _full,
    "NegativeBinomial": negative_binomial,
    "Normal": row(families.Normal, "loc", "scale"),
    "OneHotCategorical": one_of(families.OneHotCategorical),
    "OrderedLogistic": _ordered,
    "Pareto": row(families.Pareto, "concentration", "scale"),
    "Poisson": _rate(families.Poisson),
    "PowerSpherical": row(families.PowerSpherical, "mean_direction", "concentration"),
    "ProbitBernoulli": _probit,
    "Sample": _sample,
    "Skellam": _skellam,
    "SphericalUniform": _sphere,
    "StoppingRatioLogistic": _ordered,
    "StudentT": row(families.StudentT, "df", "loc", "scale"),
    "TransformedDistribution": transformed(lambda value, ndims: WithJacobian(value.bijector, ndims), "distribution"),
    "Triangular": row(families.Triangular, "low", "high", "peak"),
    "TruncatedNormal": row(families.TruncatedNormal, "loc", "scale", "low", "high"),
    "Uniform": row(families.Uniform, "low", "high"),
    "VectorDeterministic": lambda value: point(value, value.loc, 1),
    "VonMises": row(families.VonMises, "loc", "concentration"),
    "VonMisesFisher": row(families.VonMisesFisher, "mean_direction", "concentration"),
    "Weibull": _weibull,
    "WishartLinearOperator": _wishart,
    "WishartTriL": _wishart,
    "Zipf": row(families.Zipf, "power"),
}


def convert(value: Any) -> Any:
    """The record of a TFP distribution."""
    return look_up("TFP", TABLE, value)
