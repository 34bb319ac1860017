"""Fifteen everyday tasks, each held against its textbook formula, and everyday mistakes, whose answers name the fix."""

from __future__ import annotations

import collections
import math
import re
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from everyday import MISTAKES
from scipy import special, stats

import kljax
from kljax import counts, families, generators, hidden, logits, montecarlo, probs, samples, tables, variational

RNG = np.random.default_rng(16)
P, Q = RNG.dirichlet(np.ones(5), 2).astype(np.float32)
A, B = RNG.normal(size=(2, 4, 5)).astype(np.float32)


def log_softmax(x):
    x = np.asarray(x, np.float64)
    return x - np.log(np.exp(x).sum(-1, keepdims=True))


def kl_of_rows(log_p, log_q):
    return (np.exp(log_p) * (log_p - log_q)).sum(-1)


def test_words_of_two_texts():
    x, y = (
        collections.Counter(["the", "cat", "and", "the", "dog"]),
        collections.Counter(["the", "dog", "and", "a", "cat", "the", "the"]),
    )
    n, m = sum(x.values()), sum(y.values())
    wanted = sum(
        c / n * (special.digamma(c) - special.digamma(n) - special.digamma(y[w] + 1) + special.digamma(m + 1))
        for w, c in x.items()
    )
    np.testing.assert_allclose(counts.kl(x, y).value, wanted, rtol=1e-6)


def test_drift_of_binned_scores():
    old, new = np.array([110_000, 205_000, 390_000, 295_000]), np.array([180_000, 240_000, 360_000, 220_000])
    p, q = old / old.sum(), new / new.sum()
    found = counts.psi(old, new)
    assert abs(found.value - ((p - q) * np.log(p / q)).sum()) < 3 * found.stderr < 0.01


def test_two_tables():
    old = {"plan": ["a"] * 3000 + ["b"] * 7000, "same": ["x", "y"] * 5000}
    new = {"plan": ["a"] * 5000 + ["b"] * 5000, "same": ["x", "y"] * 5000}
    report = tables.compare(old, new, joint=None)
    assert report.different
    current = report.column("plan").kl.value
    assert abs(current - 0.5 * (math.log(5 / 3) + math.log(5 / 7))) < 0.001  # of the current from the reference
    assert report.column("same").verdict == "same"


def test_what_the_classifier_costs():
    labels = np.array([0, 4, 2, 1])
    np.testing.assert_allclose(
        logits.cross_entropy(labels, B), -log_softmax(B)[np.arange(4), labels], rtol=1e-5, atol=1e-6
    )


def test_lists_and_columns():
    wanted = kl_of_rows(np.log(P.astype(np.float64)), np.log(Q.astype(np.float64)))
    np.testing.assert_allclose(probs.kl(P.tolist(), Q.tolist()), wanted, rtol=1e-5)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame({"p": P, "q": Q})
    np.testing.assert_allclose(probs.kl(frame["p"], frame["q"]), wanted, rtol=1e-5)


def test_what_a_posterior_has_learned():
    found = kljax.kl(families.Beta(8.0, 4.0), families.Beta(1.0, 1.0))
    np.testing.assert_allclose(found, -stats.beta(8, 4).entropy(), rtol=1e-5)


def test_k3_of_a_policy():
    policy, reference = -RNG.exponential(size=(2, 3, 6)).astype(np.float32)
    ratio = np.exp(reference.astype(np.float64) - policy)
    found = montecarlo.token_kl(policy, reference)
    np.testing.assert_allclose(found, ratio - 1.0 - np.log(ratio), rtol=1e-4, atol=1e-6)


def test_the_kl_of_a_variational_autoencoder():
    mean, scale = A, np.exp(0.5 * B)
    found = kljax.kl(families.Normal(mean, scale), families.Normal(0.0, 1.0)).sum(-1)
    wanted = 0.5 * (np.square(mean) + np.square(scale) - 1.0 - B).sum(-1, dtype=np.float64)
    np.testing.assert_allclose(found, wanted, rtol=1e-5)


def test_a_divergence_of_my_own():
    quartic = generators.from_function(lambda u: (u - 1.0) ** 4, name="quartic")
    p, q = P.astype(np.float64), Q.astype(np.float64)
    np.testing.assert_allclose(probs.f_divergence(P, Q, quartic), (q * (p / q - 1.0) ** 4).sum(), rtol=1e-4)


def test_mixtures_with_an_error_bar():
    def mixture(places):
        return families.Mixture(families.Normal(jnp.array(places), 1.0), jnp.array([0.5, 0.5]))

    x = np.linspace(-12.0, 12.0, 4001)
    p, q = (0.5 * (stats.norm.pdf(x, a) + stats.norm.pdf(x, b)) for a, b in ((-1.0, 2.0), (0.0, 3.0)))
    wanted = (p * np.log(p / q)).sum() * (x[1] - x[0])
    found = kljax.estimate(mixture([-1.0, 2.0]), mixture([0.0, 3.0]), key=jax.random.key(1))
    assert abs(found.value - wanted) < 4 * found.stderr < 0.1


def test_which_family_fits():
    x = stats.expon.rvs(scale=2.0, size=400, random_state=1)
    exponential, normal = families.Exponential.fit(x), families.Normal.fit(x)
    np.testing.assert_allclose(exponential.log_likelihood, stats.expon(scale=x.mean()).logpdf(x).sum(), rtol=1e-5)
    np.testing.assert_allclose(normal.log_likelihood, stats.norm(x.mean(), x.std()).logpdf(x).sum(), rtol=1e-5)
    assert exponential.log_likelihood > normal.log_likelihood + 10


def test_distillation_over_tokens():
    tokens = np.array([True, True, False, True])
    found = 4.0 * logits.kl(A, B, temperature=2.0, tokens=tokens, reduction="mean")
    each = 4.0 * kl_of_rows(log_softmax(A / 2.0), log_softmax(B / 2.0))
    np.testing.assert_allclose(found, each[tokens].mean(), rtol=1e-5)
    states, weights = np.eye(4, dtype=np.float32), (A.T.copy(), B.T.copy())  # states @ weights.T are the logits
    from_states = hidden.kl((states, weights[0]), (states, weights[1]), temperature=2.0, where=tokens, reduction="mean")
    np.testing.assert_allclose(4.0 * from_states, found, rtol=1e-4)


def test_how_much_one_column_says_of_another():
    joint = RNG.dirichlet(np.ones(6)).reshape(2, 3).astype(np.float32)
    wide = joint.astype(np.float64)
    wanted = (wide * np.log(wide / (wide.sum(0) * wide.sum(1, keepdims=True)))).sum()
    np.testing.assert_allclose(probs.mutual_information(joint), wanted, rtol=1e-4)


def test_which_outcomes_carry_it_in_bits():
    terms = probs.kl_terms(P, Q)
    p, q = P.astype(np.float64), Q.astype(np.float64)
    np.testing.assert_allclose(terms.sum(), (p * np.log(p / q)).sum(), rtol=1e-5)
    np.testing.assert_allclose(kljax.bits(probs.entropy(P)), stats.entropy(P, base=2), rtol=1e-5)
    np.testing.assert_allclose(probs.perplexity(P), np.exp(stats.entropy(P)), rtol=1e-5)


def test_an_approximate_posterior():
    scales = jnp.array([1.0, 3.0])
    found = variational.fit(
        lambda x: -0.5 * jnp.sum(jnp.square((x - 1.0) / scales)), variational.full_rank(2), key=jax.random.key(0)
    )
    np.testing.assert_allclose(found.elbo.value, math.log(2.0 * math.pi * 3.0), atol=1e-3)


@pytest.mark.full
def test_models_of_measurements_are_ranked():
    x = stats.gamma.rvs(2.0, scale=2.0, size=600, random_state=1)
    assert samples.rank_models(x, [families.Normal, families.Gamma]).rows[0].name == "Gamma"


def test_there_are_56_mistakes():
    assert len(MISTAKES) == 56


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_answered_by_the_fix(name):
    call, comes, said = MISTAKES[name]
    if comes is float:
        np.testing.assert_allclose(call(), said, rtol=1e-5)
    elif issubclass(comes, Warning):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            call()
        words = " | ".join(str(one.message) for one in caught if issubclass(one.category, comes))
        assert re.search(said, words), words
    else:
        with pytest.raises(comes, match=said):
            call()


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
