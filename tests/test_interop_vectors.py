"""Vectors, matrices and counts of TFP and distrax: the density of each object at its own draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kljax import families, interop

k = jnp.array
TFP: dict[str, tuple[Callable[[Any], Any], type]] = {
    "SphericalUniform": (lambda d: d.SphericalUniform(3), families.SphericalUniform),
    "MultivariateNormalDiagPlusLowRank": (
        lambda d: d.MultivariateNormalDiagPlusLowRank(
            loc=k([0.0, 1.0]), scale_diag=k([1.0, 2.0]), scale_perturb_factor=k([[0.5], [0.3]])
        ),
        families.MultivariateNormal,
    ),
    "MultivariateNormalDiagPlusLowRankCovariance": (
        lambda d: d.MultivariateNormalDiagPlusLowRankCovariance(
            loc=k([0.0, 1.0]), cov_diag_factor=k([1.0, 2.0]), cov_perturb_factor=k([[0.5], [0.3]])
        ),
        families.MultivariateNormal,
    ),
    "MultivariateNormalLinearOperator": (
        lambda d: d.MultivariateNormalLinearOperator(k([0.0, 1.0]), _lower(d, [[1.0, 0.0], [0.5, 2.0]])),
        families.MultivariateNormal,
    ),
    "MatrixNormalLinearOperator": (
        lambda d: d.MatrixNormalLinearOperator(
            k([[0.0, 1.0]]), _lower(d, [[2.0]]), _lower(d, [[1.0, 0.0], [0.5, 2.0]])
        ),
        families.MatrixNormal,
    ),
    "WishartTriL": (lambda d: d.WishartTriL(4.0, scale_tril=k([[1.0, 0.0], [0.5, 2.0]])), families.Wishart),
    "LKJ": (lambda d: d.LKJ(3, k(1.5)), families.LKJ),
    "BetaBinomial": (lambda d: d.BetaBinomial(k(5.0), k(1.5), k(2.0)), families.BetaBinomial),
    "DirichletMultinomial": (lambda d: d.DirichletMultinomial(k(5.0), k([1.5, 2.0])), families.DirichletMultinomial),
    "Multinomial": (lambda d: d.Multinomial(k(5.0), probs=k([0.4, 0.6])), families.Multinomial),
    "GeneralizedPareto": (lambda d: d.GeneralizedPareto(0.0, 1.0, 0.2), families.GeneralizedPareto),
    "GeneralizedExtremeValue": (
        lambda d: d.GeneralizedExtremeValue(0.0, 1.0, 0.2),
        families.GeneralizedExtremeValue,
    ),
    "Skellam": (lambda d: d.Skellam(3.0, 2.0), families.Skellam),
    "Triangular": (lambda d: d.Triangular(0.0, 4.0, 1.0), families.Triangular),
    "Zipf": (lambda d: d.Zipf(2.5), families.Zipf),
}


def _lower(d: Any, rows: Any) -> Any:
    """TFP's own class of triangular operators, as one of its distributions holds it."""
    kind = type(d.MultivariateNormalTriL(k([0.0]), k([[1.0]])).scale)
    return kind(k(rows))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", TFP)
def test_tfp(name: str) -> None:
    module = pytest.importorskip("tensorflow_probability.substrates.jax.distributions")
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        theirs, kind = TFP[name][0](module), TFP[name][1]
        draw = theirs.sample(seed=jax.random.key(0))
        exact = theirs.log_prob(draw)
        record = interop.convert(theirs)
        assert type(record) is kind
        np.testing.assert_allclose(record.log_prob(draw), exact, rtol=2e-4, atol=2e-5)


@pytest.mark.filterwarnings("ignore")
def test_distrax() -> None:
    distrax = pytest.importorskip("distrax")
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        loc, diagonal, factor = k([0.0, 1.0]), k([1.0, 2.0]), k([[0.5], [0.3]])
        for theirs in (
            distrax.MultivariateNormalDiagPlusLowRank(loc=loc, scale_diag=diagonal, scale_u_matrix=factor),
            distrax.MultivariateNormalFromBijector(loc=loc, scale=distrax.DiagLinear(diagonal)),
        ):
            record = interop.convert(theirs)
            assert type(record) is families.MultivariateNormal
            np.testing.assert_allclose(record.log_prob(k([0.3, 0.4])), theirs.log_prob(k([0.3, 0.4])), rtol=1e-5)
