"""Everyday mistakes: each ends in a sentence that names the fix."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

import kljax
from kljax import families, generators, logits, montecarlo, probs


@pytest.mark.parametrize(
    ("module", "wrong", "right"),
    [
        (kljax, "kl_divergence", "kljax.kl"),
        (kljax, "KL", "kljax.kl"),
        (kljax, "js_divergence", "kljax.jensen_shannon"),
        (kljax, "total_variaton", "kljax.total_variation"),
        (kljax, "distributions", "kljax.families"),
        (kljax, "monte_carlo", "kljax.montecarlo"),
        (kljax, "reverse_kl", r"kljax.kl\? Reverse KL is kl\(model, target\)"),
        (probs, "js", "kljax.probs.jensen_shannon"),
        (probs, "kl_div", "kljax.probs.kl"),
        (logits, "chi2", "kljax.logits.chi_squared"),
        (montecarlo, "renyi_divergence", "kljax.montecarlo.renyi"),
        (generators, "tv", "kljax.generators.total_variation"),
        (families, "Gaussian", "kljax.families.Normal"),
        (families, "normal", "kljax.families.Normal"),
        (families, "Studentt", "kljax.families.StudentT"),
        (families, "quux", None),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_wrong_name_is_answered_by_the_right_one(module, wrong, right):
    advice = rf"Did you mean {right}" if right else f"has no attribute '{wrong}'$"
    with pytest.raises(AttributeError, match=advice):
        getattr(module, wrong)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: families.Normal(mu=0.0, scale=1.0),
            r"Normal has no parameter 'mu'; it takes loc, scale\. .* mean loc",
        ),
        (lambda: families.Normal(0.0, std=1.0), "mean scale"),
        (lambda: families.Gamma(alpha=1.0, beta=2.0), "Gamma has no parameter 'alpha'; .* mean concentration"),
        (lambda: families.Binomial(n=3, probs=0.5), "mean total_count"),
        (lambda: families.Bernoulli(p=0.5), "mean probs"),
        (lambda: families.Normal(lok=0.0), "mean loc"),
        (lambda: families.Normal(0.0, 1.0, 2.0), "Normal takes 2 parameters, loc, scale; got 3 arguments"),
        (lambda: families.MultivariateNormal(jnp.zeros(2), jnp.eye(2)), "from_covariance"),
        (lambda: families.MultivariateNormal(jnp.zeros(2), covariance_matrix=jnp.eye(2)), "mean scale"),
    ],
)
def test_a_wrong_parameter_is_answered_by_the_right_one(make, message):
    with pytest.raises(TypeError, match=message):
        make()
