"""Counts, correlation matrices, extremes and conjugate priors against the textbook in 50 digits on the same numbers.

Limits: log-densities 64 eps of max(1, |value|), also at parameters far out; KL 64 eps from far apart to 1e-6 apart, of
DirichletMultinomial, a sum over counts by a rule of 1e-10, 1e-9; entropies six standard errors of draws, or the sum.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles.further import TEXTBOOK, compositions
from sweeps import thinned

import kljax
from kljax import expfam, families

SPD = np.array([[2.0, 0.5], [0.5, 1.0]])
R = np.array([[1.0, 0.3, -0.2], [0.3, 1.0, 0.5], [-0.2, 0.5, 1.0]])
# Parameters and points, ordinary and far out.
POINTS: dict[str, list[tuple[tuple[Any, ...], list[Any]]]] = {
    "BetaBinomial": [
        ((9.0, 1.5, 2.5), [0.0, 4.0, 9.0]),
        ((1000.0, 2e5, 3e5), [390.0, 400.0]),
        ((1e5, 1e-3, 1e6), [0.0, 1.0]),
    ],
    "DirichletMultinomial": [
        ((4.0, [1.5, 2.5, 0.5]), [[4.0, 0.0, 0.0], [1.0, 2.0, 1.0]]),
        ((1e4, [1e5, 3e5]), [[2500.0, 7500.0]]),
    ],
    "DiscreteUniform": [((-2.0, 7.0), [0.0, 7.0])],
    "FisherSnedecor": [((3.0, 8.0), [0.1, 1.0, 20.0]), ((1e5, 2e5), [1.0, 1.01]), ((0.5, 0.25), [1e-6, 1e6])],
    "GeneralizedExtremeValue": [
        ((0.5, 1.5, 0.25), [-2.0, 0.5, 30.0]),
        ((0.5, 1.5, -0.25), [-9.0, 0.5, 5.0]),
        ((0.5, 1.5, 0.0), [-2.0, 9.0]),
        ((0.0, 1.0, 1e-6), [3.0]),
    ],
    "GeneralizedPareto": [
        ((0.5, 1.5, 0.25), [0.5, 2.0, 500.0]),
        ((0.5, 1.5, -0.25), [2.0, 6.0]),
        ((0.5, 1.5, 0.0), [1.0]),
        ((0.0, 1.0, 1e-7), [3.0]),
    ],
    "LKJ": [((3.0, 1.5), [R]), ((3.0, 1e3), [0.02 * R + 0.98 * np.eye(3)])],
    "Multinomial": [
        ((4.0, [0.25, 0.25, 0.5]), [[4.0, 0.0, 0.0], [1.0, 1.0, 2.0]]),
        ((1e6, [0.25, 0.75]), [[250100.0, 749900.0]]),
    ],
    "NormalGamma": [((0.5, 2.0, 3.0, 1.5), [(0.25, 2.0), (-1.0, 0.5)])],
    "NormalInverseWishart": [(([0.5, -0.5], 2.0, 5.0, SPD), [([0.25, 0.0], SPD)])],
    "Skellam": [((3.0, 2.0), [-7.0, 0.0, 4.0]), ((1e3, 2e3), [-1000.0, -900.0]), ((1e-3, 1e-4), [0.0, 3.0, -2.0])],
    "SkewNormal": [((0.5, 1.5, 3.0), [-1.0, 0.5, 4.0]), ((0.0, 1.0, -2.0), [1.5])],
    "Triangular": [((-1.0, 3.0, 0.5), [-0.5, 0.5, 2.0])],
    "Zipf": [((2.5,), [1.0, 7.0]), ((1.001,), [1.0, 1e6]), ((50.0,), [1.0, 2.0])],
}


def numbers(value: Any) -> Any:
    if isinstance(value, (tuple, list)):
        return [numbers(one) for one in value]
    if isinstance(value, np.ndarray):
        return [numbers(one) for one in value] if value.ndim else mpf(float(value))
    return mpf(float(value))


def typed(value: Any, dtype: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(typed(one, dtype) for one in value)
    return np.asarray(value, dtype)


def record(name: str, parameters: Any, dtype: Any = np.float64) -> Any:
    first = parameters[0] if name in ("BetaBinomial", "DirichletMultinomial", "LKJ", "Multinomial") else None
    rest = [jnp.asarray(one) for one in typed(tuple(parameters if first is None else parameters[1:]), dtype)]
    return getattr(families, name)(*([] if first is None else [first]), *rest)


@pytest.mark.parametrize("name", thinned(sorted(POINTS), ["BetaBinomial", "GeneralizedPareto", "LKJ", "Skellam"]))
@pytest.mark.by_default("GeneralizedPareto", "Skellam")
def test_log_densities(name: str) -> None:
    for dtype in (np.float64, np.float32):
        eps = float(np.finfo(dtype).eps)
        with jax.enable_x64(dtype == np.float64), mpmath.workdps(50):
            for parameters, points in POINTS[name]:
                at = [one if i == 0 and name == "LKJ" else typed(one, dtype) for i, one in enumerate(parameters)]
                one = record(name, parameters, dtype)
                density = jax.jit(lambda one, x: one.log_prob(x))
                for x in points:
                    x = typed(x, dtype) if not isinstance(x, tuple) else tuple(typed(part, dtype) for part in x)
                    exact = TEXTBOOK[name].log_density(numbers(x), *map(numbers, at))
                    found = mpf(float(density(one, x)))
                    assert abs(found - exact) <= 64 * eps * max(1, abs(exact)), (parameters, x, found, exact)


@pytest.mark.full
def test_nothing_is_there_outside() -> None:
    for name, x in {
        "BetaBinomial": 0.5,
        "DiscreteUniform": 8.0,
        "FisherSnedecor": -1.0,
        "GeneralizedPareto": 0.4,
        "Skellam": 0.5,
        "Triangular": 3.5,
        "Zipf": 0.0,
    }.items():
        assert record(name, POINTS[name][0][0], np.float32).log_prob(x) == -np.inf
    assert families.GeneralizedExtremeValue(0.0, 1.0, 0.5).log_prob(-3.0) == -np.inf
    assert families.GeneralizedPareto(0.0, 1.0, -0.5).log_prob(3.0) == -np.inf
    assert families.Multinomial(3, jnp.array([0.5, 0.5])).log_prob(jnp.array([1.0, 1.0])) == -np.inf
    assert families.NormalGamma(0.0, 1.0, 1.0, 1.0).log_prob((0.0, -1.0)) == -np.inf
    assert families.LKJ(2, 1.0).log_prob(jnp.array([[1.0, 1.5], [1.5, 1.0]])) == -np.inf


def shifted(parameters: Any, gap: float, first: bool) -> Any:
    """Other parameters, each by a fraction; a vector of probabilities stays one."""
    changed = []
    for i, one in enumerate(parameters):
        array = np.asarray(one, float)
        if first and i == 0:
            changed.append(one)
        elif array.ndim == 1 and abs(array.sum() - 1.0) < 1e-9:
            changed.append(array + gap * 0.1 * np.array([1.0, -1.0, *[0.0] * (len(array) - 2)]))
        else:
            changed.append(array * (1.0 + gap * 0.3 * (1 if i % 2 else -0.5)))
    return tuple(changed)


KL = sorted(name for name, book in TEXTBOOK.items() if book.kl is not None and name != "DiscreteUniform")


@pytest.mark.parametrize("name", thinned(KL, ["LKJ", "Multinomial", "NormalGamma", "Zipf"]))
def test_kl_keeps_its_digits(name: str) -> None:
    first = name in ("DirichletMultinomial", "LKJ", "Multinomial")
    parameters = POINTS[name][0][0]
    divergence = jax.jit(kljax.kl)
    for dtype in (np.float64, np.float32):
        eps = float(np.finfo(dtype).eps)
        limit = (256 * eps if dtype == np.float32 else 1e-9) if name == "DirichletMultinomial" else 64 * eps
        with jax.enable_x64(dtype == np.float64), mpmath.workdps(60):
            one = record(name, parameters, dtype)
            assert divergence(one, one) == 0.0
            for gap in (1.0, 1e-3, 1e-6 if dtype == np.float64 else 1e-4):
                other = shifted(parameters, gap, first)
                a, b = (
                    [x if first and i == 0 else typed(x, dtype) for i, x in enumerate(p)] for p in (parameters, other)
                )
                exact = TEXTBOOK[name].kl(numbers(a), numbers(b))
                if name == "Multinomial":
                    # Rounded probabilities do not sum to one: KL of measures, as everywhere.
                    exact += mpf(4) * (mpmath.fsum(numbers(b[1])) - mpmath.fsum(numbers(a[1])))
                found = mpf(float(divergence(one, record(name, other, dtype))))
                assert abs(found - exact) <= limit * exact, (gap, found, exact, float(abs(found - exact) / exact / eps))


def test_discrete_uniforms() -> None:
    die = families.DiscreteUniform(1, 6)
    assert kljax.kl(families.DiscreteUniform(1, 8), die) == np.inf
    np.testing.assert_allclose(kljax.kl(die, families.DiscreteUniform(0, 11)), np.log(2.0), rtol=1e-6)
    assert kljax.kl(die, die) == 0.0


@pytest.mark.full
def test_entropies_and_moments_of_counts_are_the_sums() -> None:
    rows = np.array(compositions(4, 3), float)
    with jax.enable_x64(True):
        for one in (
            families.Multinomial(4, jnp.array([0.25, 0.25, 0.5])),
            families.DirichletMultinomial(4, jnp.array([1.5, 2.5, 0.5])),
        ):
            log_p = np.asarray(jax.jit(lambda one, x: one.log_prob(x))(one, rows))
            p = np.exp(log_p)
            np.testing.assert_allclose(p.sum(), 1.0, rtol=1e-13)
            np.testing.assert_allclose(jax.jit(lambda one: one.entropy())(one), -(p * log_p).sum(), rtol=1e-9)
            mean = p @ rows
            np.testing.assert_allclose(one.mean, mean, rtol=1e-13)
            np.testing.assert_allclose(one.variance, p @ (rows - mean) ** 2, rtol=1e-12)
            draws = np.asarray(one.sample(jax.random.key(0), (2000,)))
            assert (draws.sum(-1) == 4.0).all()
            spread = 6.0 * np.sqrt(one.variance / 2000)
            assert (np.abs(draws.mean(0) - mean) <= spread).all()


@pytest.mark.parametrize("name", thinned(["LKJ", "NormalGamma", "NormalInverseWishart"], ["NormalGamma"]))
@pytest.mark.full
def test_entropies_and_moments_of_vectors_are_those_of_draws(name: str) -> None:
    with jax.enable_x64(True):
        one = record(name, POINTS[name][0][0])
        if name == "NormalInverseWishart":
            one = families.NormalInverseWishart(one.loc, one.strength, 12.0, one.scale)  # with a finite variance
        draws = one.sample(jax.random.key(1), (4000,))
        logs = np.asarray(jax.jit(lambda one, x: one.log_prob(x))(one, draws))
        entropy = float(one.entropy())
        draws, mean, deviation = jax.tree.map(np.asarray, (draws, one.mean, one.stddev))
    assert abs(-logs.mean() - entropy) <= 6.0 * logs.std() / np.sqrt(4000)
    for found, exact, spread in zip(*map(jax.tree.leaves, (draws, mean, deviation)), strict=True):
        assert (np.abs(found.mean(0) - exact) <= 6.0 * spread / np.sqrt(4000) + 1e-9).all()
        np.testing.assert_allclose(found.std(0), spread, rtol=0.15, atol=1e-9)


@pytest.mark.full
def test_the_uniform_correlation_is_uniform_and_its_family_exponential() -> None:
    with jax.enable_x64(True):
        draws = families.LKJ(2, 1.0).sample(jax.random.key(0), (4000,))[:, 0, 1]
        np.testing.assert_allclose(np.sort(draws), np.linspace(-1.0, 1.0, 4000), atol=0.06)
        p, q = families.LKJ(4, 1.5), families.LKJ(4, 2.5)
        np.testing.assert_allclose(expfam.kl(p.log_partition, p.natural, q.natural), kljax.kl(p, q), rtol=1e-11)
        p, q = families.Zipf(1.5), families.Zipf(2.5)
        np.testing.assert_allclose(expfam.kl(p.log_partition, p.natural, q.natural), kljax.kl(p, q), rtol=1e-11)


@pytest.mark.full
def test_pairs_without_a_form_are_integrated_or_summed() -> None:
    with jax.enable_x64(True):
        p, q = families.Triangular(0.0, 4.0, 1.0), families.Normal(1.5, 1.0)
        x = np.linspace(0.0, 4.0, 400001)[1:-1]
        exact = np.sum(np.exp(p.log_prob(x)) * (p.log_prob(x) - q.log_prob(x))) * 1e-5
        np.testing.assert_allclose(kljax.kl(p, q), exact, rtol=1e-7)
        k = np.arange(10.0)
        p, q = families.BetaBinomial(9, 1.5, 2.5), families.Binomial(9, 0.4)
        exact = np.sum(np.exp(p.log_prob(k)) * (p.log_prob(k) - q.log_prob(k)))
        np.testing.assert_allclose(kljax.kl(p, q), exact, rtol=1e-9)
    with pytest.raises(ValueError, match="must have the same shape"):
        kljax.kl(families.LKJ(2, 1.0), families.LKJ(3, 1.0))
    with pytest.raises(TypeError, match="must be a pair"):
        families.NormalGamma(0.0, 1.0, 1.0, 1.0).log_prob(0.0)
