"""Distributions of other packages at the front door: the same record as ours, the same density, mixed freely."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kljax
from kljax import families, interop
from kljax.divergences._forms.table import DIVERGENCES

# Every row: what makes the object of the package, and the same distribution in ours.
LOC, SCALE, A, B = 0.25, 1.5, 2.25, 0.75
SCIPY: dict[str, tuple[Callable[[Any], Any], Callable[[], Any]]] = {
    "beta": (lambda s: s.beta(A, B), lambda: families.Beta(A, B)),
    "cauchy": (lambda s: s.cauchy(LOC, SCALE), lambda: families.Cauchy(LOC, SCALE)),
    "chi": (lambda s: s.chi(A), lambda: families.Chi(A)),
    "chi2": (lambda s: s.chi2(A), lambda: families.Chi2(A)),
    "expon": (lambda s: s.expon(scale=SCALE), lambda: families.Exponential(1 / SCALE)),
    "gamma": (lambda s: s.gamma(A, scale=SCALE), lambda: families.Gamma(A, 1 / SCALE)),
    "gumbel_r": (lambda s: s.gumbel_r(LOC, SCALE), lambda: families.Gumbel(LOC, SCALE)),
    "halfcauchy": (lambda s: s.halfcauchy(scale=SCALE), lambda: families.HalfCauchy(SCALE)),
    "halfnorm": (lambda s: s.halfnorm(scale=SCALE), lambda: families.HalfNormal(SCALE)),
    "invgamma": (lambda s: s.invgamma(A, scale=SCALE), lambda: families.InverseGamma(A, SCALE)),
    "invgauss": (lambda s: s.invgauss(A, scale=SCALE), lambda: families.InverseGaussian(A * SCALE, SCALE)),
    "laplace": (lambda s: s.laplace(LOC, SCALE), lambda: families.Laplace(LOC, SCALE)),
    "loguniform": (lambda s: s.loguniform(B, A), lambda: families.LogUniform(B, A)),
    "logistic": (lambda s: s.logistic(LOC, SCALE), lambda: families.Logistic(LOC, SCALE)),
    "lognorm": (lambda s: s.lognorm(SCALE, scale=A), lambda: families.LogNormal(np.log(A), SCALE)),
    "moyal": (lambda s: s.moyal(LOC, SCALE), lambda: families.Moyal(LOC, SCALE)),
    "norm": (lambda s: s.norm(LOC, scale=SCALE), lambda: families.Normal(LOC, SCALE)),
    "pareto": (lambda s: s.pareto(A, scale=B), lambda: families.Pareto(A, B)),
    "rayleigh": (lambda s: s.rayleigh(scale=SCALE), lambda: families.Rayleigh(SCALE)),
    "t": (lambda s: s.t(A, LOC, SCALE), lambda: families.StudentT(A, LOC, SCALE)),
    "truncnorm": (lambda s: s.truncnorm(-1, 2, LOC, SCALE), lambda: families.TruncatedNormal(LOC, SCALE, -1.25, 3.25)),
    "uniform": (lambda s: s.uniform(LOC, SCALE), lambda: families.Uniform(LOC, LOC + SCALE)),
    "weibull_min": (lambda s: s.weibull_min(A, scale=SCALE), lambda: families.Weibull(A, SCALE)),
    "bernoulli": (lambda s: s.bernoulli(0.25), lambda: families.Bernoulli(0.25)),
    "binom": (lambda s: s.binom(5, 0.25), lambda: families.Binomial(5, 0.25)),
    "logser": (lambda s: s.logser(0.25), lambda: families.Logarithmic(0.25)),
    "nbinom": (lambda s: s.nbinom(4, 0.25), lambda: families.NegativeBinomial(4.0, 0.25)),
    "poisson": (lambda s: s.poisson(A), lambda: families.Poisson(A)),
}


@pytest.mark.parametrize("name", SCIPY)
def test_scipy(name: str) -> None:
    stats = pytest.importorskip("scipy.stats")
    theirs, ours = SCIPY[name][0](stats), SCIPY[name][1]()
    record = interop.convert(theirs)
    assert type(record) is type(ours)
    for field in dataclasses.fields(ours):
        if getattr(ours, field.name) is not None:
            np.testing.assert_allclose(getattr(record, field.name), getattr(ours, field.name), rtol=1e-6)
    x = np.array([1.0, 2.0, 3.0]) if hasattr(theirs.dist, "pmf") else np.array([0.9, 0.96, 0.99])
    density = theirs.logpmf(x) if hasattr(theirs.dist, "pmf") else theirs.logpdf(x)
    np.testing.assert_allclose(record.log_prob(x.astype(np.float32)), density, rtol=1e-4, atol=1e-5)


JAX_PACKAGES = {
    "tfp": "tensorflow_probability.substrates.jax.distributions",
    "numpyro": "numpyro.distributions",
    "distrax": "distrax",
}
# The names and parameters that the packages share, and where they differ.
SHARED: dict[str, dict[str, Any]] = {
    "Normal": {"loc": LOC, "scale": SCALE},
    "Laplace": {"loc": LOC, "scale": SCALE},
    "Gumbel": {"loc": LOC, "scale": SCALE},
    "StudentT": {"df": 3.5, "loc": LOC, "scale": SCALE},
    "Logistic": {"loc": LOC, "scale": SCALE},
    "Exponential": {"rate": SCALE},
    "Gamma": {"concentration": A, "rate": B},
    "LogNormal": {"loc": LOC, "scale": B},
    "Weibull": {"concentration": A, "scale": SCALE},
    "Beta": {"concentration1": A, "concentration0": B},
    "Uniform": {"low": -LOC, "high": SCALE},
    "Cauchy": {"loc": LOC, "scale": SCALE},
    "HalfNormal": {"scale": SCALE},
    "InverseGamma": {"concentration": A, "scale": B},
    "Pareto": {"concentration": A, "scale": B},
    "Poisson": {"rate": A},
    "Chi2": {"df": A},
    "Kumaraswamy": {"concentration1": A, "concentration0": B},
    "VonMises": {"loc": LOC, "concentration": A},
    "Dirichlet": {"concentration": np.array([A, B, SCALE], np.float32)},
    "TruncatedNormal": {"loc": LOC, "scale": SCALE, "low": -1.0, "high": 2.0},
    "Moyal": {"loc": LOC, "scale": SCALE},
    "InverseGaussian": {"loc": A, "concentration": B},
    "Bernoulli": {"probs": 0.25},
    "Geometric": {"probs": 0.25},
    "NegativeBinomial": {"total_count": 4.0, "probs": 0.25},
    "Binomial": {"total_count": 5, "probs": 0.25},
    "Categorical": {"logits": np.array([0.5, -0.5, 1.0], np.float32)},
    "ContinuousBernoulli": {"probs": 0.25},
    "LogitNormal": {"loc": LOC, "scale": SCALE},
}
RENAMED = {
    ("numpyro", "InverseGamma"): {"concentration": "concentration", "scale": "rate"},
    ("numpyro", "Pareto"): {"concentration": "alpha", "scale": "scale"},
    ("numpyro", "Beta"): {"concentration1": "concentration1", "concentration0": "concentration0"},
    ("distrax", "Beta"): {"concentration1": "alpha", "concentration0": "beta"},
}
POINTS = {"Dirichlet": np.array([0.2, 0.3, 0.5], np.float32)}
ON_THE_LINE = (
    *("Normal", "Laplace", "Gumbel", "StudentT", "Logistic", "Exponential", "Gamma", "LogNormal", "Weibull", "Beta"),
    "Uniform",
)


def make(package: str, name: str) -> Any:
    module = pytest.importorskip(JAX_PACKAGES[package])
    if not hasattr(module, name):
        pytest.skip(f"{package} has no {name}")
    names = RENAMED.get((package, name), {})
    return getattr(module, name)(**{names.get(key, key): value for key, value in SHARED[name].items()})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SHARED)
@pytest.mark.parametrize("package", JAX_PACKAGES)
def test_a_row_gives_the_same_density(package: str, name: str) -> None:
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        theirs = make(package, name)
        if (package, name) == ("distrax", "Categorical"):
            assert type(interop.convert(theirs)) is families.Categorical
        record = interop.convert(theirs)
        discrete = name in ("Poisson", "Bernoulli", "Geometric", "NegativeBinomial", "Binomial", "Categorical")
        x = POINTS.get(name, np.array([0.0, 1.0] if discrete else [0.8, 0.9, 0.97], np.float32))
        at = x.astype(np.int32) if discrete else x
        np.testing.assert_allclose(record.log_prob(x), theirs.log_prob(at), rtol=2e-5, atol=2e-6)
    assert type(record).__name__ == name


@pytest.mark.filterwarnings("ignore")
def test_pairs_mix_freely() -> None:
    packages = [name for name in ("tfp", "numpyro") if pytest.importorskip(JAX_PACKAGES[name])]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        ours = [getattr(families, name)(**SHARED[name]) for name in ON_THE_LINE]
        theirs = {package: [make(package, name) for name in ON_THE_LINE] for package in packages}
        for first, second in itertools.permutations(packages):
            for i, j in itertools.product(range(len(ours)), repeat=2):
                if i != j and (type(ours[i]), type(ours[j])) not in DIVERGENCES:
                    continue  # by quadrature, which test_families and test_quadrature try
                found = kljax.kl(theirs[first][i], theirs[second][j])
                np.testing.assert_allclose(found, kljax.kl(ours[i], ours[j]), rtol=1e-5, atol=1e-6)


VECTOR = np.array([0.5, -1.0, 2.0], np.float32)
WEIGHTS = np.array([0.25, 0.25, 0.5], np.float32)


def wrapped(package: str) -> dict[str, tuple[Any, Any]]:
    """By name: an object of the package that wraps others, and the same distribution in ours."""
    module = pytest.importorskip(JAX_PACKAGES[package])
    normal = module.Normal(VECTOR, SCALE)
    ours = families.Normal(VECTOR, SCALE)
    weights = module.Categorical(probs=WEIGHTS)
    found = {"mixture": (module.MixtureSameFamily(weights, normal), families.Mixture(ours, WEIGHTS))}
    if package == "numpyro":
        transforms = module.transforms
        base = module.Normal(LOC, SCALE)
        found |= {
            "independent": (normal.to_event(1), families.Independent(ours, 1)),
            "expanded": (base.expand([2, 3]), families.Normal(np.full((2, 3), LOC, np.float32), SCALE)),
            "masked": (normal.mask(VECTOR > 0.0), families.Masked(ours, VECTOR > 0.0)),
            "transformed": (
                module.TransformedDistribution(
                    normal.to_event(1), [transforms.AffineTransform(1.0, 2.0), transforms.ExpTransform()]
                ),
                families.Transformed(
                    families.Independent(ours, 1), families.Chain((families.Affine(1.0, 2.0), families.Exp()))
                ),
            ),
            "delta": (module.Delta(VECTOR, event_dim=1), families.Delta(VECTOR, 1)),
        }
        return found
    found["independent"] = (module.Independent(normal, 1), families.Independent(ours, 1))
    found["delta"] = (module.Deterministic(VECTOR), families.Delta(VECTOR))
    chain = families.Transformed(ours, families.Chain((families.Affine(1.0, 2.0), families.Exp())))
    if package == "distrax":
        steps = module.Chain([module.Lambda(jnp.exp), module.ScalarAffine(1.0, 2.0)])
        found["transformed"] = (module.Transformed(normal, steps), chain)
        vectors = module.Transformed(module.Independent(normal, 1), module.Block(steps, 1))
        found["vectors"] = (vectors, families.Transformed(families.Independent(ours, 1), chain.bijector))
        joint = module.Joint({"a": normal, "b": module.Gamma(np.full(3, A, np.float32), B)})
        found["joint"] = (joint, families.Product({"a": ours, "b": families.Gamma(A, B)}))
        return found
    bijectors = pytest.importorskip("tensorflow_probability.substrates.jax.bijectors")
    steps = bijectors.Chain([bijectors.Exp(), bijectors.Shift(1.0), bijectors.Scale(2.0)])
    joint = module.JointDistributionNamed({"a": normal, "b": module.Gamma(A, B)})
    return found | {
        "transformed": (module.TransformedDistribution(normal, steps), chain),
        "masked": (module.Masked(normal, VECTOR > 0.0), families.Masked(ours, VECTOR > 0.0)),
        "points": (module.VectorDeterministic(VECTOR), families.Delta(VECTOR, 1)),
        "repeated": (
            module.Sample(normal, 2),
            families.Independent(families.Normal(np.repeat(VECTOR[:, None], 2, 1), SCALE), 1),
        ),
        "joint": (joint, families.Product({"a": ours, "b": families.Gamma(A, B)})),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("package", JAX_PACKAGES)
def test_what_wraps_others(package: str) -> None:
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for name, (theirs, ours) in wrapped(package).items():
            record = interop.convert(theirs)
            assert type(record) is type(ours), name
            x = ours.sample(jax.random.key(0), (5,))
            density = theirs.log_prob(x)
            if name == "masked" and package == "tfp":
                density = jnp.where(theirs.validity_mask, density, 0.0)
            np.testing.assert_allclose(record.log_prob(x), density, rtol=2e-5, atol=2e-6, err_msg=name)
            if name not in ("mixture", "delta", "points"):
                np.testing.assert_array_equal(kljax.kl(theirs, record), kljax.kl(ours, ours), err_msg=name)


@pytest.mark.filterwarnings("ignore")
def test_wrapped_pairs_have_the_divergence_of_what_they_wrap() -> None:
    numpyro, tfd = (pytest.importorskip(JAX_PACKAGES[name]) for name in ("numpyro", "tfp"))
    bijectors = pytest.importorskip("tensorflow_probability.substrates.jax.bijectors")
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        first = numpyro.Normal(VECTOR, 1.0).to_event(1)
        second = tfd.Independent(tfd.Normal(np.zeros(3, np.float32), 1.0), 1)
        np.testing.assert_allclose(kljax.kl(first, second), 0.5 * np.square(VECTOR).sum(), rtol=1e-6)
        full = tfd.MultivariateNormalTriL(np.zeros(3, np.float32), np.eye(3, dtype=np.float32))
        np.testing.assert_allclose(kljax.kl(first, full), 0.5 * np.square(VECTOR).sum(), rtol=1e-6)

        @jax.jit
        def through(x: jax.Array) -> jax.Array:
            p, q = (
                tfd.TransformedDistribution(
                    tfd.Normal(loc, 1.0), bijectors.Chain([bijectors.Exp(), bijectors.Scale(2.0)])
                )
                for loc in (x, 0.0)
            )
            transforms = [numpyro.transforms.SigmoidTransform()]
            a, b = (numpyro.TransformedDistribution(numpyro.Normal(loc, 1.0), transforms) for loc in (x, 0.0))
            return kljax.kl(p, q) + kljax.kl(a, b)

        np.testing.assert_allclose(through(jnp.asarray(2.0)), 4.0, rtol=1e-6)
        with pytest.raises(NotImplementedError, match="only if no part depends on another"):
            kljax.kl(tfd.JointDistributionSequential([tfd.Normal(0.0, 1.0), lambda x: tfd.Normal(x, 1.0)]), first)
        with pytest.raises(NotImplementedError, match="only with a tolerance of zero"):
            interop.convert(tfd.Deterministic(1.0, atol=0.1))
        with pytest.raises(NotImplementedError, match="only with log_density = 0"):
            interop.convert(numpyro.Delta(1.0, log_density=0.5))


@pytest.mark.filterwarnings("ignore")
def test_normal_vectors_that_are_known_by_other_names() -> None:
    numpyro, tfd = (pytest.importorskip(JAX_PACKAGES[name]) for name in ("numpyro", "tfp"))
    kernels = pytest.importorskip("tensorflow_probability.substrates.jax.math.psd_kernels")
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        row = jnp.array([2.0, 0.5, 0.25, 0.5])
        circulant = numpyro.CirculantNormal(jnp.zeros(4), covariance_row=row)
        flat = numpyro.Normal(jnp.zeros(4), 1.0).to_event(1)
        np.testing.assert_allclose(kljax.kl(flat, circulant), numpyro.kl_divergence(flat, circulant), rtol=1e-5)
        points = np.linspace(0.0, 1.0, 5, dtype=np.float32)[:, None]
        process = tfd.GaussianProcess(kernels.ExponentiatedQuadratic(1.0, 0.2), points, observation_noise_variance=0.1)
        full = tfd.MultivariateNormalDiag(np.zeros(5, np.float32), np.ones(5, np.float32))
        for p, q in ((process, full), (full, process)):
            np.testing.assert_allclose(kljax.kl(p, q), tfd.kl_divergence(p, q), rtol=1e-4)
        first, second = (tfd.Blockwise([tfd.Normal(x, 1.0), full]) for x in (0.0, 1.0))
        np.testing.assert_allclose(kljax.kl(first, second), 0.5, rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_other_names_of_what_there_is() -> None:
    tfd = pytest.importorskip(JAX_PACKAGES["tfp"])
    cuts = np.array([-1.0, 0.5], np.float32)
    pairs = [
        (tfd.ExpGamma(2.0, rate=1.5), tfd.ExpGamma(1.0, log_rate=0.5)),
        (tfd.ExpInverseGamma(2.0, scale=1.5), tfd.ExpInverseGamma(1.0, log_scale=0.5)),
        (tfd.OrderedLogistic(cuts, 0.25), tfd.OrderedLogistic(cuts + 0.5, 1.0)),
        (tfd.StoppingRatioLogistic(cuts, 0.25), tfd.StoppingRatioLogistic(cuts + 0.5, 1.0)),
        (tfd.ProbitBernoulli(probits=0.3), tfd.ProbitBernoulli(probs=0.7)),
    ]
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        for p, q in pairs:
            np.testing.assert_allclose(kljax.kl(p, q), tfd.kl_divergence(p, q), rtol=1e-5, err_msg=p.name)


@pytest.mark.filterwarnings("ignore")
def test_conversion_goes_through_transformations() -> None:
    numpyro = pytest.importorskip("numpyro.distributions")
    tfd = pytest.importorskip(JAX_PACKAGES["tfp"])

    def value(x: jax.Array) -> jax.Array:
        return kljax.kl(tfd.Normal(x, 1.0), numpyro.Normal(0.0, 2.0))

    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        found = jax.jit(jax.vmap(jax.value_and_grad(value)))(jnp.array([0.0, 1.0, 2.0]))
        through = jax.jit(kljax.kl)(numpyro.Normal(0.5, 1.0), families.Normal(0.0, 2.0))
    exact = np.log(2.0) + (1.0 + np.array([0.0, 1.0, 4.0])) / 8.0 - 0.5
    np.testing.assert_allclose(found[0], exact, rtol=1e-6)
    np.testing.assert_allclose(found[1], np.array([0.0, 0.25, 0.5]), rtol=1e-6)
    np.testing.assert_allclose(through, np.log(2.0) + 1.25 / 8.0 - 0.5, rtol=1e-6)


@pytest.mark.filterwarnings("ignore")
def test_what_is_unknown_is_named() -> None:
    stats = pytest.importorskip("scipy.stats")
    normal = families.Normal(0.0, 1.0)
    with pytest.raises(NotImplementedError, match=r"scipy\.stats\.burr has no counterpart"):
        kljax.kl(normal, stats.burr(2.0, 1.0))
    assert interop.convert(3.0) is None
