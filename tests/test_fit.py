"""``Family.fit`` against scipy's on the same simulated data, and its standard errors against what repetition shows."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from sweeps import thinned

from kljax import families, variational

# What draws, what scipy has to hold fixed, and scipy's answer as our record.
SCIPY: dict[str, tuple[Any, dict[str, float], Any]] = {
    "Beta": (stats.beta(0.7, 2.5), {"floc": 0, "fscale": 1}, lambda a: families.Beta(a[0], a[1])),
    "Cauchy": (stats.cauchy(1, 2), {}, lambda a: families.Cauchy(*a)),
    "FisherSnedecor": (stats.f(4, 9), {"floc": 0, "fscale": 1}, lambda a: families.FisherSnedecor(a[0], a[1])),
    "Gamma": (stats.gamma(2.5, 0, 2), {"floc": 0}, lambda a: families.Gamma(a[0], 1 / a[2])),
    "GeneralizedExtremeValue": (
        stats.genextreme(-0.2, 1, 2),
        {},
        lambda a: families.GeneralizedExtremeValue(a[1], a[2], -a[0]),
    ),
    "GeneralizedPareto": (
        stats.genpareto(0.2, 0, 2),
        {"floc": 0},
        lambda a: families.GeneralizedPareto(a[1], a[2], a[0]),
    ),
    "Gumbel": (stats.gumbel_r(1, 2), {}, lambda a: families.Gumbel(*a)),
    "InverseGaussian": (
        stats.invgauss(0.5, 0, 2),
        {"floc": 0},
        lambda a: families.InverseGaussian(a[0] * a[2], a[2]),
    ),
    "Laplace": (stats.laplace(1, 2), {}, lambda a: families.Laplace(*a)),
    "LogNormal": (stats.lognorm(0.5, 0, 2), {"floc": 0}, lambda a: families.LogNormal(np.log(a[2]), a[0])),
    "Logistic": (stats.logistic(1, 2), {}, lambda a: families.Logistic(*a)),
    "Moyal": (stats.moyal(1, 2), {}, lambda a: families.Moyal(*a)),
    "Pareto": (stats.pareto(2.5, 0, 2), {"floc": 0}, lambda a: families.Pareto(a[0], a[2])),
    "SkewNormal": (stats.skewnorm(3, 1, 2), {}, lambda a: families.SkewNormal(a[1], a[2], a[0])),
    "StudentT": (stats.t(4, 1, 2), {}, lambda a: families.StudentT(*a)),
    "VonMises": (stats.vonmises(2, 0.5), {"fscale": 1}, lambda a: families.VonMises(a[1], a[0])),
    "Weibull": (stats.weibull_min(1.7, 0, 2), {"floc": 0}, lambda a: families.Weibull(a[0], a[2])),
}
ORDINARY = ["Gamma", "GeneralizedPareto", "Laplace", "Pareto", "Weibull"]


@pytest.mark.parametrize("name", thinned(sorted(SCIPY), ORDINARY))
@pytest.mark.by_default("GeneralizedPareto", "Laplace", "Pareto", "Weibull")
def test_nothing_is_likelier_than_the_fit(name: str) -> None:
    frozen, fixed, build = SCIPY[name]
    x = frozen.rvs(500, random_state=np.random.default_rng(0))
    with jax.enable_x64(True):
        found = getattr(families, name).fit(x)
        theirs = build([np.float64(one) for one in frozen.dist.fit(x, **fixed)])
        likelihood = float(theirs.log_prob(x).sum())
        np.testing.assert_allclose(found.log_likelihood, found.distribution.log_prob(x).sum(), rtol=1e-12)
        assert found.log_likelihood >= likelihood - 1e-9 * abs(likelihood)
        for key, error in found.stderr.items():
            gap = abs(float(getattr(found.distribution, key)) - float(getattr(theirs, key)))
            # scipy's simplex stops at 1e-4.
            assert gap <= (1e-3 * float(error) if np.isfinite(error) else 1e-12)


# Families whose draws are fitted: what is known, and the true record, within five standard errors.
DRAWN: dict[str, tuple[Any, dict[str, Any]]] = {
    "BetaBinomial": (lambda: families.BetaBinomial(9, 1.5, 3.0), {"total_count": 9}),
    "Binomial": (lambda: families.Binomial(9, 0.3), {"total_count": 9}),
    "Chi": (lambda: families.Chi(3.5), {}),
    "ContinuousBernoulli": (lambda: families.ContinuousBernoulli(2.0), {}),
    "Dirichlet": (lambda: families.Dirichlet(jnp.array([1.0, 2.0, 3.0])), {}),
    "DirichletMultinomial": (
        lambda: families.DirichletMultinomial(9, jnp.array([1.0, 2.0, 3.0])),
        {"total_count": 9},
    ),
    "HalfCauchy": (lambda: families.HalfCauchy(2.0), {}),
    "Kumaraswamy": (lambda: families.Kumaraswamy(2.0, 3.0), {}),
    "Lindley": (lambda: families.Lindley(1.5), {}),
    "Logarithmic": (lambda: families.Logarithmic(0.7), {}),
    "Multinomial": (lambda: families.Multinomial(9, jnp.array([0.2, 0.3, 0.5])), {"total_count": 9}),
    "NegativeBinomial": (lambda: families.NegativeBinomial(3.5, 0.4), {}),
    "OneHotCategorical": (lambda: families.OneHotCategorical(jnp.array([0.2, 0.3, 0.5])), {}),
    "Skellam": (lambda: families.Skellam(3.0, 1.5), {}),
    "TruncatedNormal": (lambda: families.TruncatedNormal(0.5, 1.0, -1.0, 2.0), {"low": -1.0, "high": 2.0}),
    "VonMisesFisher": (lambda: families.VonMisesFisher(jnp.array([0.6, 0.8, 0.0]), 5.0), {}),
    "Zipf": (lambda: families.Zipf(2.5), {}),
}


@pytest.mark.parametrize("name", thinned(sorted(DRAWN), ["Binomial", "Lindley", "Multinomial", "Zipf"]))
@pytest.mark.by_default("Lindley")
def test_the_truth_is_within_its_errors(name: str) -> None:
    make, known = DRAWN[name]
    with jax.enable_x64(True):
        truth = make()
        x = truth.sample(jax.random.key(1), (2000,))
        found = getattr(families, name).fit(x, **known)
        assert found.stderr
        for key, error in found.stderr.items():
            gap = np.abs(np.asarray(getattr(found.distribution, key) - getattr(truth, key)))
            assert (gap <= 5.0 * np.asarray(error) + 1e-12).all(), (key, gap, error)
        assert found.log_likelihood >= truth.log_prob(x).sum()


@pytest.mark.full
def test_standard_errors_are_what_repetition_shows() -> None:
    """400 samples of 300: the spread of estimates is known to 3.5 % (four of these standard errors are allowed)."""
    with jax.enable_x64(True):
        x = families.Weibull(1.7, 2.0).sample(jax.random.key(0), (300, 400))
        found = families.Weibull.fit(x)
        assert found.log_likelihood.shape == (400,)
        for key, error in found.stderr.items():
            estimates = np.asarray(getattr(found.distribution, key))
            assert abs(estimates.std() / np.asarray(error).mean() - 1.0) < 0.15
        alone = families.Weibull.fit(x[:, 7])
        np.testing.assert_allclose(alone.distribution.scale, found.distribution.scale[7], rtol=1e-9)


def test_errors_of_normal_vectors_are_the_formulas() -> None:
    with jax.enable_x64(True):
        x = jax.random.normal(jax.random.key(0), (100, 2)) @ jnp.array([[1.0, 0.5], [0.0, 1.0]])
        found = families.MultivariateNormal.fit(x)
        covariance = np.cov(x.T, bias=True)
        np.testing.assert_allclose(found.stderr["loc"], np.sqrt(np.diag(covariance) / 100), rtol=1e-10)
        np.testing.assert_allclose(found.stderr["covariance"][0, 0], covariance[0, 0] * np.sqrt(2.0 / 100), rtol=1e-10)
        one = families.Normal.fit(x[:, 0])
        deviation = float(np.std(x[:, 0]))
        np.testing.assert_allclose(one.stderr["loc"], deviation / 10.0, rtol=1e-10)
        np.testing.assert_allclose(one.stderr["scale"], deviation / np.sqrt(200.0), rtol=1e-10)


@pytest.mark.full
def test_weights_known_parameters_and_the_moment_projection() -> None:
    with jax.enable_x64(True):
        x, w = np.array([0.5, 1.0, 3.0, 2.0]), np.array([1.0, 2.0, 1.0, 0.0])
        found = families.Gamma.fit(x, weights=w)
        again = families.Gamma.fit(np.array([0.5, 1.0, 1.0, 3.0]))
        np.testing.assert_allclose(found.distribution.rate, again.distribution.rate, rtol=1e-12)
        np.testing.assert_allclose(found.stderr["rate"], again.stderr["rate"], rtol=1e-9)
        projected = variational.moment_projection(x, families.Gamma, weights=w)
        np.testing.assert_allclose(found.distribution.concentration, projected.concentration, rtol=1e-12)
        np.testing.assert_allclose(families.Laplace.fit(x, weights=w).distribution.loc, 1.0)
        known = families.Gamma.fit(x, concentration=2.0)
        assert set(known.stderr) == {"rate"}
        np.testing.assert_allclose(known.distribution.rate, 2.0 / x.mean(), rtol=1e-9)
        np.testing.assert_allclose(known.stderr["rate"], known.distribution.rate / np.sqrt(8.0), rtol=1e-9)
    counts = families.Poisson.fit(np.array([1, 2, 6]))  # integers
    np.testing.assert_allclose(counts.distribution.rate, 3.0)
    assert np.isnan(families.Uniform.fit(x).stderr["low"])


def test_what_cannot_be_fitted_is_said() -> None:
    with pytest.raises(TypeError, match="total_count must be given"):
        families.Binomial.fit(jnp.array([1.0, 2.0]))
    with pytest.raises(TypeError, match=r"the parameters are concentration, rate; got \['scale'\]"):
        families.Gamma.fit(jnp.ones(3), scale=1.0)
    with pytest.raises(ValueError, match=r"x must be data \[n, batch...\]"):
        families.Gamma.fit(jnp.ones(()))
    with pytest.raises(ValueError, match="weights must have shape"):
        families.Gamma.fit(jnp.ones(3), weights=jnp.ones(2))
