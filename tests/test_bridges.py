"""Models of numpyro and TFP as targets: the posterior of a mean and a scale, whose density is written by hand here."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats

from kljax import variational

Y = np.array([1.2, -0.4, 2.2, 0.9, 1.7], np.float32)


def by_hand(mean, scale):
    """log of N(mean; 0, 3) Exp(scale; 0.5) Π N(y; mean, scale)."""
    prior = stats.norm(0, 3).logpdf(mean) + stats.expon(scale=2.0).logpdf(scale)
    return prior + stats.norm(mean, scale).logpdf(Y).sum()


def log_z():
    return np.log(integrate.dblquad(lambda m, s: np.exp(by_hand(m, s)), 0.02, 40, -12, 12, epsrel=1e-6)[0])


def agrees(target, scale, slope):
    """The density on the unconstrained space has the Jacobian of the map, and the fit finds log Z."""
    latent = {"mean": jnp.asarray(0.7), "scale": jnp.asarray(-0.3)}
    np.testing.assert_allclose(target.constrain(latent)["scale"], scale, rtol=1e-6)
    np.testing.assert_allclose(target.log_density(latent), by_hand(0.7, scale) + np.log(slope), rtol=1e-5)
    result = variational.fit(target, variational.full_rank(target.like), key=jax.random.key(0))
    evidence = result.log_normalizer
    assert abs(float(evidence.value) - log_z()) < 4 * float(evidence.stderr) + 1e-3
    drawn = target.constrain(result.sample(jax.random.key(1), (7,)))
    assert drawn["scale"].shape == (7,)
    assert (drawn["scale"] > 0).all()


@pytest.fixture(autouse=True)
def _as_the_packages_are_written():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


@pytest.mark.filterwarnings("ignore")
def test_a_numpyro_model():
    numpyro = pytest.importorskip("numpyro")

    def model(y):
        mean = numpyro.sample("mean", numpyro.distributions.Normal(0.0, 3.0))
        scale = numpyro.sample("scale", numpyro.distributions.Exponential(0.5))
        numpyro.sample("y", numpyro.distributions.Normal(mean, scale), obs=y)

    agrees(variational.from_numpyro(model, Y), np.exp(-0.3), np.exp(-0.3))  # by exp
    with pytest.raises(ValueError, match="latent sample site"):
        variational.from_numpyro(lambda: numpyro.sample("y", numpyro.distributions.Normal(0.0, 1.0), obs=0.3))


@pytest.mark.filterwarnings("ignore")
def test_a_joint_distribution_of_tfp():
    tfp = pytest.importorskip("tensorflow_probability.substrates.jax")
    tfd = tfp.distributions
    joint = tfd.JointDistributionNamed(
        {
            "mean": tfd.Normal(0.0, 3.0),
            "scale": tfd.Exponential(0.5),
            "y": lambda mean, scale: tfd.Sample(tfd.Normal(mean, scale), len(Y)),
        }
    )
    agrees(variational.from_joint(joint, y=Y), np.log1p(np.exp(-0.3)), 1 / (1 + np.exp(0.3)))  # by softplus


def test_what_is_no_joint_distribution():
    with pytest.raises(TypeError, match="must be a JointDistribution"):
        variational.from_joint(lambda x: x)
