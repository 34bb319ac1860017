"""Pareto-smoothed weights, beside the published algorithm written out in loops."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from kljax import variational


def textbook(log_weights):
    """Vehtari et al. (2024), algorithm 1, with Zhang and Stephens (2009) for the tail: (normalised log-weights, k̂)."""
    log_weights = log_weights - log_weights.max()
    count = len(log_weights)
    tail = int(np.ceil(min(0.2 * count, 3 * np.sqrt(count))))
    order = np.argsort(log_weights, kind="stable")
    cut = np.exp(log_weights[order[count - tail - 1]])
    x = np.array([np.exp(log_weights[i]) - cut for i in order[count - tail :]])
    points = 30 + int(np.floor(np.sqrt(tail)))
    quartile = x[int(np.floor(tail / 4 + 0.5)) - 1]
    thetas, likelihoods = [], []
    for j in range(1, points + 1):
        theta = 1 / x[-1] + (1 - np.sqrt(points / (j - 0.5))) / (3 * quartile)
        k = -np.mean(np.log(1 - theta * x))
        thetas.append(theta)
        likelihoods.append(tail * (np.log(theta / k) + k - 1))
    likelihoods = np.array(likelihoods)
    weights = np.array([1 / np.sum(np.exp(likelihoods - one)) for one in likelihoods])
    theta = np.sum(np.array(thetas) * weights)
    k = np.mean(np.log(1 - theta * x))
    scale = -k / theta
    khat = (k * tail + 0.5 * 10) / (tail + 10)
    smoothed = log_weights.copy()
    for rank, i in enumerate(order[count - tail :]):
        p = (rank + 0.5) / tail
        smoothed[i] = min(np.log(cut + scale * ((1 - p) ** (-khat) - 1) / khat), 0.0)
    return smoothed - np.log(np.exp(smoothed).sum()), khat


def cases():
    rng = np.random.default_rng(0)
    yield rng.standard_normal(2000)
    yield 0.1 * rng.standard_normal(4000)
    yield -0.8 * np.log(rng.random(1000))
    yield 40 + 3 * rng.standard_normal(300)
    yield -0.5 * rng.standard_normal(100) ** 2


@pytest.mark.parametrize("case", range(5))
def test_it_is_the_published_algorithm(case):
    log_weights = list(cases())[case]
    with jax.enable_x64(True):
        found = variational.pareto_smoothed(log_weights)
        traced = jax.jit(variational.pareto_smoothed)(log_weights)
        for one in (found, traced):
            expected, khat = textbook(log_weights)
            np.testing.assert_allclose(one.khat, khat, rtol=1e-9)
            np.testing.assert_allclose(one.log_weights, expected, rtol=1e-9, atol=1e-9)
    single = jax.jit(variational.pareto_smoothed)(log_weights.astype(np.float32))
    np.testing.assert_allclose(single.khat, khat, atol=2e-3)  # the largest of many weights in float32


@pytest.mark.parametrize("shape", [0.3, 0.7, 1.2])
def test_khat_is_the_shape_of_a_pareto_tail(shape):
    """The k̂ of weights (1 - u)^-k is k, within four standard errors (1 + k)/√M of a tail of M."""
    count = 40_000
    log_weights = -shape * np.log1p(-np.random.default_rng(1).random(count))
    tail = 3 * np.sqrt(count)
    assert abs(float(variational.pareto_smoothed(log_weights).khat) - shape) < 4 * (1 + shape) / np.sqrt(tail)


@pytest.mark.parametrize("make", [lambda f: f, jax.jit])
def test_weights_without_a_tail(make):
    smooth = make(variational.pareto_smoothed)
    flat = smooth(np.full(100, 3.0, np.float32))
    assert float(flat.khat) == -np.inf
    np.testing.assert_allclose(np.exp(flat.log_weights), 0.01, rtol=1e-5)
    alone = np.full(100, -1e4, np.float32)
    alone[3] = 0.0
    assert float(smooth(alone).khat) == np.inf
    assert float(np.exp(smooth(alone).log_weights[3])) == pytest.approx(1.0)
    broken = np.zeros(100, np.float32)
    broken[5] = np.nan
    assert float(smooth(broken).khat) == np.inf
    outside = np.random.default_rng(0).standard_normal(200).astype(np.float32)
    outside[:50] = -np.inf
    assert np.isfinite(float(smooth(outside).khat))
    assert np.exp(np.asarray(smooth(outside).log_weights)).sum() == pytest.approx(1.0, rel=1e-5)


def test_too_few_weights_are_an_error():
    with pytest.raises(ValueError, match="at least 25 draws"):
        variational.pareto_smoothed(np.zeros(10))
    with pytest.raises(ValueError, match="one axis"):
        variational.pareto_smoothed(np.zeros((50, 2)))
