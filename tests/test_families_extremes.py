"""Densities, entropies and moments at ordinary and extreme parameters, with their gradients, against the textbook.

The limit is 64 eps of max(1, |value|): some eps for each of the few terms of a formula, of which none is much larger
than the result. The points x are draws, so that log_prob is asked where its large terms cancel.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles.measures import MEASURES
from scipy.special import i0, zeta
from sweeps import thinned

import kljax
from kljax import families
from kljax.divergences import _degenerate
from kljax.families import (
    Beta,
    Categorical,
    Cauchy,
    Chi,
    Chi2,
    ContinuousBernoulli,
    Dirichlet,
    Exponential,
    Gamma,
    GeneralizedDirichlet,
    Gumbel,
    HalfNormal,
    Independent,
    InverseGamma,
    InverseWishart,
    Kumaraswamy,
    Laplace,
    LogNormal,
    Masked,
    Moyal,
    MultivariateNormal,
    Normal,
    Poisson,
    PowerSpherical,
    TruncatedNormal,
    Uniform,
    VonMisesFisher,
    Weibull,
    Wishart,
)
from kljax.families._internal import is_family

INF = math.inf
LIMIT = 64.0

_LINE = [*itertools.product((0.0, -3.0), (1.0, 1e-4, 1e15)), (1e4, 0.3)]
_SIZES = [(one,) for one in (1.0, 0.3, 1e-15, 1e15)]
_SHAPES = (1e-2, 0.5, 1.0, 1.5, 3.0, 1e3, 1e6, 1e8)
CASES: dict[str, list[tuple[float, ...]]] = {
    **dict.fromkeys(("Cauchy", "Gumbel", "Laplace", "Logistic", "Moyal", "Normal"), _LINE),
    **dict.fromkeys(("HalfCauchy", "HalfNormal", "Rayleigh", "Exponential", "Lindley"), _SIZES),
    "Beta": [*itertools.product((1e-2, 1.0, 3.0, 1e6), repeat=2), (1e8, 1.0), (0.5, 1e7), (3.0, 1e8), (2e6, 1e8)],
    "Chi": [(one,) for one in _SHAPES],
    "Chi2": [(one,) for one in _SHAPES],
    "ContinuousBernoulli": [(one,) for one in (1e-3, 0.5, 1.01, -2.0, 5.0, -30.0, 80.0, 1e4, -1e4)],
    "Gamma": [*itertools.product(_SHAPES, (3.0,)), (1e-2, 1e-20), (1e6, 1e20), (2.0, 1e-6)],
    "InverseGamma": [*itertools.product(_SHAPES, (3.0,)), (2.5, 1e-20), (1e6, 1e20), (2.0, 1e6)],
    "InverseGaussian": [(1.0, 2.0), (1e-6, 1e6), (1e6, 1e-3), (1e10, 1.0), (1.0, 1e8)],
    "Kumaraswamy": [*itertools.product((0.5, 1.0, 2.0, 1e4), (0.5, 1.0, 5.0, 1e4)), (1e-2, 1e-2), (1e6, 1e-2)],
    "LogNormal": [(0.0, 1.0), (10.0, 1e-4), (-10.0, 1e-4), (1.0, 6.0), (30.0, 1e-3)],
    "LogUniform": [(1.0, 2.0), (1e-15, 1e15), (1e-10, 1e-9), (1.0, 1.125)],
    "LogitNormal": [(0.0, 1.0), (5.0, 1e-4), (-5.0, 0.1), (1.0, 3.0)],
    "Pareto": [(0.5, 1.0), (1.5, 1e10), (3.0, 1.0), (1e3, 1e3), (1e6, 1e-10)],
    "StudentT": [*itertools.product((0.1, 1.5, 5.0, 1e3, 1e7), (0.0, 3.0), (1.0, 1e-4)), (1e9, 0.0, 1e10)],
    "TruncatedNormal": [
        *((0.0, 1.0, -1.0, 1.0), (0.0, 1.0, -8.0, 50.0), (0.0, 1.0, 20.0, 21.0), (0.0, 1e4, -1.0, 1.0)),
        *((10.0, 1.0, -1.0, 1.0), (0.0, 1.0, 0.0, 1.0), (1e3, 1.0, 999.0, 1002.0)),
    ],
    "Uniform": [(0.0, 1.0), (1e4, 1e4 + 1.0), (-1e-20, 1e-20), (0.0, 1e30)],
    "Weibull": [*itertools.product((0.05, 0.5, 1.0, 3.0, 1e4, 1e8), (2.0,)), (30.0, 1e20), (1.5, 1e-20)],
}
# A gamma density, half steps of log Γ, and a logarithm to more than its digits.
DEFAULT = ("Gamma", "StudentT", "LogNormal")


def _slope(function: Any, at: list[mpf], index: int) -> mpf:
    """A derivative, by a difference so small that only its digits count."""
    step = (abs(at[index]) or mpf(1)) * mpf(10) ** -60
    with mpmath.workdps(220):
        up, down = ([*at[:index], at[index] + way * step, *at[index + 1 :]] for way in (1, -1))
        return (function(*up) - function(*down)) / (2 * step)


def _off(found: float, exact: mpf, dtype: Any) -> float:
    """The error in eps of max(1, |exact|); what overflows must be infinite or the largest number."""
    if mpmath.isnan(exact):
        return 0.0 if math.isnan(found) else INF
    if abs(exact) > float(jnp.finfo(dtype).max):
        return 0.0 if abs(found) > 0.9 * float(jnp.finfo(dtype).max) or found == 0.0 else INF
    return float(abs(mpf(found) - exact) / max(mpf(1), abs(exact))) / float(jnp.finfo(dtype).eps)


@functools.cache
def _points(name: str, dtype: str) -> np.ndarray:
    """Some draws of each case, [cases, draws]; what rounds to an end is put inside."""
    kind = getattr(families, name)
    columns = [jnp.asarray(one, dtype) for one in zip(*CASES[name], strict=True)]
    x = kind(*columns).sample(jax.random.key(3), (3,)).T
    low, high = kind(*columns).support.low, kind(*columns).support.high
    inside = (x > jnp.reshape(low, (-1, 1))) & (x < jnp.reshape(high, (-1, 1))) & (jnp.abs(x) > 1e-37)
    return np.where(inside & jnp.isfinite(x), x, np.nan)


def errors(name: str, dtype: str) -> list[tuple[float, str, Any]]:
    """The errors in eps of all that is asked of a family: (error, what, where), "∂" before what for its slopes."""
    kind, known = getattr(families, name), MEASURES[name]
    with jax.enable_x64(dtype == "float64"):
        count, rows = len(CASES[name][0]), CASES[name]
        x = _points(name, dtype)
        given = [np.asarray(one, dtype) for one in zip(*rows, strict=True)]
        whole = tuple(range(count))
        asked = {
            "entropy": lambda *q: kind(*q).entropy(),
            "mean": lambda *q: kind(*q).mean,
            "variance": lambda *q: kind(*q).variance,
        }
        asked = {what: asked[what] for what in asked if getattr(known, what) is not None}

        @jax.jit
        def everything(x: jax.Array, *q: jax.Array) -> Any:
            found = {what: jax.vmap(jax.value_and_grad(one, whole))(*q) for what, one in asked.items()}
            density = jax.value_and_grad(lambda x, *q: kind(*q).log_prob(x), tuple(range(1, count + 1)))
            return found, jax.vmap(jax.vmap(density, (0, *(None,) * count)))(x, *q)

        found, (logs, log_slopes) = jax.tree.map(np.asarray, everything(np.nan_to_num(x, nan=0.5), *given))
    made: list[tuple[float, str, Any]] = []
    with mpmath.workdps(80):
        for row in range(len(rows)):
            q = [mpf(float(one[row])) for one in given]
            for what, (values, slopes) in found.items():
                exact = getattr(known, what)(*q)
                made.append((_off(float(values[row]), exact, dtype), what, rows[row]))
                if not mpmath.isfinite(exact) or abs(exact) > float(np.finfo(dtype).max):
                    lost = any(math.isnan(float(one[row])) for one in slopes) and not mpmath.isnan(exact)
                    made.append((INF if lost else 0.0, f"∂{what}", rows[row]))
                    continue
                for at in whole:
                    slope = _slope(getattr(known, what), q, at)
                    made.append((_off(float(slopes[at][row]), slope, dtype), f"∂{what}", (at, rows[row])))
            for draw in range(x.shape[1]):
                if math.isnan(x[row, draw]) or (name == "Laplace" and x[row, draw] == given[0][row]):
                    continue
                point = [mpf(float(x[row, draw])), *q]
                exact = known.log_density(*point)
                made.append((_off(float(logs[row, draw]), exact, dtype), "log_prob", (rows[row], x[row, draw])))
                for at in whole:
                    slope = _slope(known.log_density, point, at + 1)
                    error = _off(float(log_slopes[at][row, draw]), slope, dtype)
                    made.append((error, "∂log_prob", (at, rows[row], x[row, draw])))
    return made


@pytest.mark.parametrize("name", thinned(CASES, DEFAULT))
@pytest.mark.parametrize("dtype", thinned(("float32", "float64"), ("float32",)))
@pytest.mark.by_default("float32-LogNormal")
def test_measures_and_their_gradients(name: str, dtype: str) -> None:
    error, what, where = max(errors(name, dtype), key=lambda one: one[0])
    assert error <= LIMIT, f"{name}: {what} is {error:.3g} eps off at {where}"


@pytest.mark.full
def test_relative_accuracy_of_tiny_slopes_in_degrees_of_freedom() -> None:
    with jax.enable_x64(True), mpmath.workdps(60):
        known = MEASURES["StudentT"]
        for df in (1e3, 1e7):
            at = [mpf(2), mpf(df), mpf(0), mpf(1)]
            found = jax.grad(lambda df: families.StudentT(df, 0.0, 1.0).log_prob(2.0))(df)
            assert abs(float(found) / float(_slope(known.log_density, at, 1)) - 1.0) < 1e-14
            found = jax.grad(lambda df: families.StudentT(df, 0.0, 1.0).entropy())(df)
            assert abs(float(found) / float(_slope(known.entropy, at[1:], 0)) - 1.0) < 1e-14


def _dirichlet(x: list[mpf], a: list[mpf]) -> mpf:
    inner = [(c - 1) * mpmath.log(y) - mpmath.loggamma(c) for c, y in zip(a, x, strict=True)]
    return mpmath.loggamma(sum(a)) + sum(inner)


def _dirichlet_entropy(a: list[mpf]) -> mpf:
    total = sum(a)
    level = sum(mpmath.loggamma(c) for c in a) - mpmath.loggamma(total)
    slopes = sum((c - 1) * mpmath.digamma(c) for c in a)
    return level + (total - len(a)) * mpmath.digamma(total) - slopes


def _multigamma(n: int, a: mpf) -> mpf:
    return mpf(n * (n - 1)) / 4 * mpmath.log(mpmath.pi) + sum(mpmath.loggamma(a - mpf(j) / 2) for j in range(n))


@pytest.mark.parametrize("size", [0.5, 3.0, 1e5])
@pytest.mark.by_default("100000.0", "3.0")
def test_probabilities_at_any_concentration(size: float) -> None:
    for a in (np.full(3, size), np.array([size, 1.0, 2.5 * size])):
        a = a.astype(np.float32)
        p = Dirichlet(jnp.asarray(a))
        x = np.asarray(p.sample(jax.random.key(0)))
        with mpmath.workdps(60):
            exact_a, exact_x = ([mpf(float(one)) for one in row] for row in (a, x))
            assert _off(float(p.entropy()), _dirichlet_entropy(exact_a), "float32") <= LIMIT
            assert _off(float(p.log_prob(x)), _dirichlet(exact_x, exact_a), "float32") <= LIMIT
            slopes = jax.grad(lambda p: p.entropy())(p).concentration
            for at in range(3):
                slope = _slope(lambda *c: _dirichlet_entropy(list(c)), exact_a, at)
                assert _off(float(slopes[at]), slope, "float32") <= LIMIT
        sticks = GeneralizedDirichlet(jnp.asarray(a[:2]), jnp.asarray(a[1:]))
        with mpmath.workdps(60):
            exact = _by_sticks(exact_x, exact_a[:2], exact_a[1:])
            assert _off(float(sticks.log_prob(x)), exact, "float32") <= LIMIT


def _by_sticks(x: list[mpf], a: list[mpf], b: list[mpf]) -> mpf:
    total = mpf(0)
    for i, (c, d) in enumerate(zip(a, b, strict=True)):
        left, rest = sum(x[i:]), sum(x[i + 1 :])
        total += (c - 1) * mpmath.log(x[i]) + (d - 1) * mpmath.log(rest) - (c + d - 1) * mpmath.log(left)
        total += mpmath.loggamma(c + d) - mpmath.loggamma(c) - mpmath.loggamma(d)
    return total


@pytest.mark.full
def test_the_reported_numbers() -> None:
    """Exact values from 60 digits, to 64 eps."""
    root = jnp.asarray([[2.0, 0.5], [0.5, 1.0]])
    north = jnp.array([0.0, 0.0, 1.0])
    many = jnp.full(100, 0.01)
    with mpmath.workdps(60):
        x = [mpf(float(np.float32(0.01)))] * 100
        hundred = _dirichlet(x, [mpf(10000)] * 100)
        df, det = mpf(10) ** 5, mpf(7) / 4
        counts = sum(mpmath.digamma(df / 2 - mpf(j) / 2) for j in range(2))
        wishart = mpf(3) / 2 * mpmath.log(4 * det) + _multigamma(2, df / 2) - (df - 3) / 2 * counts + df
        inverse = mpf(3) / 2 * mpmath.log(det / 4) + _multigamma(2, df / 2) - (df + 3) / 2 * counts + df
        k = mpf(10) ** 7
        fisher = mpmath.log(2 * mpmath.pi / k) + 1  # of the sphere, up to exp(-2κ)
        at_mean = -mpmath.log(2 * mpmath.pi / k)
        power = mpmath.log(4 * mpmath.pi / (k + 1)) + k / (k + 1)  # N = 4π 2^κ/(κ + 1) on the sphere
        pareto = MEASURES["Pareto"].log_density(mpf("1000.5"), mpf(1000), mpf(1000))
        expected: list[tuple[Any, mpf]] = [
            (Dirichlet(jnp.full(100, 1e4)).log_prob(many), hundred),
            (Wishart(1e5, root).entropy(), wishart),
            (InverseWishart(1e5, root).entropy(), inverse),
            (VonMisesFisher(north, 1e7).entropy(), fisher),
            (VonMisesFisher(north, 1e7).log_prob(north), at_mean),
            (PowerSpherical(north, 1e7).entropy(), power),
            (families.Pareto(1e3, 1e3).log_prob(1000.5), pareto),
            (kljax.cross_entropy(Gamma(1e6, 1.0), Gamma(1.001e6, 1.0)), _cross_gamma(mpf(10) ** 6, mpf(1001000))),
            (TruncatedNormal(0.0, 1.0, -8.0, 50.0).mean, mpmath.npdf(8) / (1 - mpmath.erfc(8 / mpmath.sqrt(2)) / 2)),
        ]
        for found, exact in expected:
            assert _off(float(found), exact, "float32") <= LIMIT, (found, exact)
        assert abs(float(TruncatedNormal(0.0, 1.0, -8.0, 50.0).mean) / 5.052271e-15 - 1.0) < 1e-5


def _cross_gamma(a: mpf, c: mpf) -> mpf:
    return mpmath.loggamma(c) - (c - 1) * mpmath.digamma(a) + a


# --- ends ---------------------------------------------------------------------------------------------------

ENDS: list[tuple[Any, float, float]] = [
    *((Gamma(0.5, 1.0), 0.0, INF), (Gamma(1.0, 2.0), 0.0, math.log(2.0)), (Gamma(3.0, 1.0), 0.0, -INF)),
    *((Chi2(1.0), 0.0, INF), (Chi2(2.0), 0.0, -math.log(2.0)), (Chi(1.0), 0.0, 0.5 * math.log(2.0 / math.pi))),
    *((Weibull(0.5, 1.0), 0.0, INF), (Weibull(1.0, 2.0), 0.0, -math.log(2.0)), (Weibull(2.0, 1.0), 0.0, -INF)),
    *((Kumaraswamy(0.5, 0.5), 0.0, INF), (Kumaraswamy(0.5, 0.5), 1.0, INF), (Kumaraswamy(1.0, 3.0), 0.0, math.log(3))),
    *((Kumaraswamy(3.0, 1.0), 1.0, math.log(3.0)), (Beta(1.0, 8.0), 0.0, math.log(8.0)), (Beta(8.0, 0.5), 1.0, INF)),
    *((Beta(3.0, 4.0), 1.0, -INF), (InverseGamma(2.0, 1.0), 0.0, -INF), (HalfNormal(1.0), INF, -INF)),
    *((one, INF, -INF) for one in (Gamma(3.0, 1.0), Chi(3.0), Chi2(3.0), Weibull(2.0, 1.0), InverseGamma(2.0, 1.0))),
    *((one, INF, -INF) for one in (families.Lindley(1.5), families.Rayleigh(1.0), families.InverseGaussian(1.0, 2.0))),
    *((one(0.0, 1.0), -INF, -INF) for one in (Gumbel, Moyal, Normal, Laplace, Cauchy, families.Logistic)),
    *((one(0.0, 1.0), INF, -INF) for one in (Gumbel, Moyal, Normal, Cauchy, LogNormal)),
    *((TruncatedNormal(0.0, 1.0, 0.0, INF), INF, -INF), (Poisson(2.0), INF, -INF)),
]


def test_log_prob_at_the_ends() -> None:
    for p, x, exact in ENDS:
        value, slopes = jax.value_and_grad(lambda p, x: p.log_prob(x), (0, 1))(p, jnp.float32(x))
        np.testing.assert_allclose(value, exact, rtol=1e-6, err_msg=f"{p} at {x}")
        assert not any(np.isnan(one).any() for one in jax.tree.leaves(slopes)), (p, x, slopes)
    assert jax.grad(Beta(1.0, 8.0).log_prob)(0.0) == -7.0
    assert jax.grad(Gamma(1.0, 2.0).log_prob)(0.0) == -2.0
    value, slope = jax.value_and_grad(lambda s: Gumbel(0.0, s).log_prob(-50.0 * 1e-12))(1e-12)
    np.testing.assert_allclose(slope, 50.0 * math.exp(50.0) * 1e12, rtol=1e-4)


def test_continuous_bernoulli_at_its_middle() -> None:
    for x in (0.0, 0.25, 1.0):
        assert jax.grad(lambda t, x=x: ContinuousBernoulli(t).log_prob(x))(0.0) == x - 0.5
    key = jax.random.key(0)
    for middle in (0.0, 1e-6, -1e-4):
        x, slope = jax.jvp(lambda t: ContinuousBernoulli(t).sample(key), (middle,), (1.0,))
        np.testing.assert_allclose(slope, 0.5 * x * (1.0 - x), rtol=1e-3)
    for t in (-40.0, -3.0, 2.0, 30.0):
        slope = jax.grad(lambda t: ContinuousBernoulli(t).sample(key))(t)
        wide = [ContinuousBernoulli(t + way).sample(key) for way in (0.05, -0.05)]
        np.testing.assert_allclose(slope, (wide[0] - wide[1]) / 0.1, rtol=2e-2)


# --- padding ------------------------------------------------------------------------------------------------


def _pair(good: Any, bad: float) -> jax.Array:
    return jnp.stack([jnp.asarray(good, jnp.float32), jnp.full_like(jnp.asarray(good, jnp.float32), bad)])


PADDED: dict[str, Any] = {
    "Normal": lambda b: Normal(_pair(0.0, b), _pair(1.0, b)),
    "Gamma": lambda b: Gamma(_pair(2.0, b), _pair(1.0, b)),
    "Bernoulli": lambda b: families.Bernoulli(_pair(0.3, b)),
    "Uniform": lambda b: Uniform(_pair(0.0, b), _pair(1.0, b)),
    "TruncatedNormal": lambda b: TruncatedNormal(*(_pair(one, b) for one in (0.0, 1.0, -1.0, 1.0))),
    "Poisson": lambda b: Poisson(_pair(2.0, b)),
    "Beta": lambda b: Beta(_pair(2.0, b), _pair(3.0, b)),
    "StudentT": lambda b: families.StudentT(_pair(3.0, b), _pair(0.0, b), _pair(1.0, b)),
    "VonMises": lambda b: families.VonMises(_pair(0.0, b), _pair(1.0, b)),
    "Categorical": lambda b: Categorical(_pair([0.25, 0.75], b)),
    "Dirichlet": lambda b: Dirichlet(_pair([2.0, 3.0], b)),
    "MultivariateNormal": lambda b: MultivariateNormal.from_covariance(_pair([0.0, 1.0], b), _pair(np.eye(2), b)),
    "Wishart": lambda b: Wishart(_pair(4.0, b), _pair(np.eye(2), b)),
    "VonMisesFisher": lambda b: VonMisesFisher(_pair([1.0, 0.0], b), _pair(1.0, b)),
    "Independent": lambda b: Independent(Gamma(_pair([2.0, 1.0], b), _pair([1.0, 1.0], b)), 1),
    "Product": lambda b: families.Product(
        {"a": Normal(_pair(0.0, b), _pair(1.0, b)), "b": Gamma(_pair(2.0, b), _pair(1.0, b))}
    ),
    "Transformed": lambda b: families.Transformed(Normal(_pair(0.0, b), _pair(1.0, b)), families.Exp()),
}


@pytest.mark.parametrize("name", thinned(PADDED, ("Normal", "Gamma")))
@pytest.mark.full
def test_masked_members_may_hold_anything(name: str) -> None:
    make, mask = PADDED[name], jnp.array([True, False])

    @jax.jit
    def everything(p: Any, q: Any) -> Any:
        whole = Masked(p, mask)
        x = jax.tree.map(lambda one: one.astype(jnp.float32).at[1].set(jnp.nan), whole.sample(jax.random.key(0)))
        asked = {
            "kl": lambda p: kljax.kl(Masked(p, mask), q).sum(),
            "entropy": lambda p: Masked(p, mask).entropy().sum(),
            "log_prob": lambda p: Masked(p, mask).log_prob(x).sum(),
            "mean": lambda p: sum(one.sum() for one in jax.tree.leaves(Masked(p, mask).mean)),
        }
        if name not in ("Wishart", "StudentT", "Bernoulli", "Product", "Categorical", "Transformed"):
            asked["renyi"] = lambda p: kljax.renyi(Masked(p, mask), Masked(q, mask), order=0.5).sum()
        if name == "StudentT":
            del asked["kl"]  # by quadrature, which has its own tests
        if name == "Transformed":
            asked = {"log_prob": asked["log_prob"], "kl": asked["kl"]}
        return {what: jax.value_and_grad(one)(p) for what, one in asked.items()}

    fine = everything(make(1.0 if name != "Bernoulli" else 0.5), make(jnp.nan))
    for bad in (0.0, math.nan, -1.0, INF):
        for what, (value, slopes) in everything(make(bad), make(jnp.nan)).items():
            np.testing.assert_array_equal(value, fine[what][0] if what != "mean" else value, err_msg=what)
            for one in jax.tree.leaves(slopes):
                assert np.isfinite(one).all(), (what, bad, one)
                assert what == "mean" or (one[1] == 0.0).all(), (what, bad, one)


OTHERS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "Exponential": ((2.0,), (1.0,)),
    "Cauchy": ((0.0, 1.0), (0.0, 2.0)),
    "Laplace": ((0.0, 1.0), (0.0, 2.0)),
    "Weibull": ((2.0, 1.0), (2.0, 2.0)),
    "Gumbel": ((1.0, 1.0), (0.0, 1.0)),
    "LogNormal": ((0.0, 1.0), (0.0, 2.0)),
    "Chi": ((3.0,), (2.0,)),
    "Chi2": ((3.0,), (2.0,)),
    "InverseGamma": ((3.0, 2.0), (2.0, 1.0)),
    "InverseGaussian": ((1.0, 2.0), (1.0, 1.0)),
    "HalfNormal": ((1.0,), (2.0,)),
    "Rayleigh": ((1.0,), (2.0,)),
    "Pareto": ((3.0, 2.0), (2.0, 1.0)),
    "Geometric": ((0.5,), (0.25,)),
    "Zipf": ((3.0,), (2.5,)),
    "Triangular": ((0.0, 2.0, 0.5), (-1.0, 3.0, 1.0)),
}


@pytest.mark.parametrize("name", thinned(OTHERS, ("Weibull", "Zipf")))
def test_padded_members_of_other_families(name: str) -> None:
    kind, mask = getattr(families, name), jnp.array([True, False])
    p, q = (kind(*(jnp.float32(one) for one in given)) for given in OTHERS[name])
    x = p.sample(jax.random.key(0))

    def padded(record: Any, bad: float) -> Any:
        return jax.tree.map(lambda one: _pair(one, bad), record)

    @jax.jit
    def everything(p: Any, q: Any) -> Any:
        asked = (
            lambda p: Masked(p, mask).log_prob(_pair(x, jnp.nan)).sum(),
            lambda p: kljax.kl(Masked(p, mask), q).sum(),
        )
        return [jax.value_and_grad(one)(p) for one in asked]

    right = p.log_prob(x), kljax.kl(p, q)
    for bad in (0.0, math.nan, -1.0):
        for (value, slopes), exact in zip(everything(padded(p, bad), padded(q, math.nan)), right, strict=True):
            np.testing.assert_allclose(value, exact, rtol=1e-5, atol=1e-6)
            for one in jax.tree.leaves(slopes):
                assert np.isfinite(one).all(), bad
                assert one[1] == 0.0, bad


def test_the_padding_of_the_second_operand() -> None:
    mask = jnp.array([True, False])
    slope = jax.grad(lambda s: kljax.kl(Masked(Normal(0.0, 1.0), mask), Normal(1.0, s)).sum())(jnp.array([1.0, 0.0]))
    np.testing.assert_array_equal(slope, [-1.0, 0.0])


# --- Rényi's order ∞, scales of 0 and ∞ ---------------------------------------------------------------------

_LOG_2 = math.log(2.0)
SUPREMA: list[tuple[Any, Any, float]] = [
    (Normal(0.0, 1.0), Normal(0.0, 2.0), _LOG_2),
    (Normal(1.0, 1.0), Normal(0.0, 2.0), _LOG_2 + 1.0 / 6.0),
    (Normal(0.0, 1.0), Normal(1.0, 1.0), INF),
    (Normal(0.0, 2.0), Normal(0.0, 1.0), INF),
    (Normal(0.5, 2.0), Normal(0.5, 2.0), 0.0),
    (Exponential(2.0), Exponential(1.0), _LOG_2),
    (Gamma(3.0, 2.0), Gamma(2.0, 1.0), 3.0 * _LOG_2 - _LOG_2 - 1.0),
    (Gamma(3.0, 1.0), Gamma(2.0, 1.0), INF),
    (Poisson(1.0), Poisson(2.0), 1.0),
    (Poisson(2.0), Poisson(1.0), INF),
    (Beta(2.0, 2.0), Beta(1.0, 1.0), math.log(1.5)),
    (Beta(1.0, 1.0), Beta(2.0, 1.0), INF),
    (families.Bernoulli(0.7), families.Bernoulli(0.5), math.log(1.4)),
    (families.Geometric(0.5), families.Geometric(0.25), _LOG_2),
    (families.Pareto(3.0, 2.0), families.Pareto(2.0, 1.0), math.log(1.5) + 2.0 * _LOG_2),
    (families.InverseGaussian(1.0, 2.0), families.InverseGaussian(1.0, 1.0), 0.5 * _LOG_2),
    (families.Lindley(2.0), families.Lindley(1.0), math.log(8.0 / 3.0)),
    (families.Laplace(0.0, 1.0), families.Laplace(0.0, 2.0), _LOG_2),
    (families.VonMises(0.5, 1.0), families.VonMises(0.5, 1.0), 0.0),
    (families.VonMises(0.0, 2.0), families.VonMises(0.0, 1.0), 1.0 + math.log(i0(1.0) / i0(2.0))),
    (
        families.VonMises(0.3, 2.0),  # the length of the difference of the vectors κμ
        families.VonMises(0.0, 1.0),
        math.sqrt(5.0 - 4.0 * math.cos(0.3)) + math.log(i0(1.0) / i0(2.0)),
    ),
    (
        VonMisesFisher(jnp.array([0.0, 0.6, 0.8]), 2.0),
        VonMisesFisher(jnp.array([0.0, 0.6, 0.8]), 1.0),
        1.0 + math.log(2.0 * math.sinh(1.0) / math.sinh(2.0)),
    ),
    (families.Logistic(0.0, 1.0), families.Logistic(0.0, 2.0), _LOG_2),
    (families.HalfCauchy(1.0), families.HalfCauchy(2.0), _LOG_2),
    (families.Moyal(1.0, 1.0), families.Moyal(0.0, 1.0), 0.5),
    (families.LogitNormal(0.0, 1.0), families.LogitNormal(0.0, 2.0), _LOG_2),
    (InverseGamma(3.0, 2.0), InverseGamma(2.0, 1.0), 3.0 * _LOG_2 - _LOG_2 - 1.0),
    (Kumaraswamy(2.0, 3.0), Kumaraswamy(2.0, 2.0), math.log(1.5)),
    (families.NegativeBinomial(3, 0.5), families.NegativeBinomial(3, 0.4), 3.0 * math.log(1.25)),
    (families.Zipf(3.0), families.Zipf(2.0), math.log(zeta(2.0) / zeta(3.0))),
    (Uniform(0.0, 1.0), Uniform(-1.0, 2.0), math.log(3.0)),
    (Gumbel(0.0, 1.0), Gumbel(1.0, 1.0), INF),
    (Chi(2.0), Chi(2.0), 0.0),
    (ContinuousBernoulli(2.0), ContinuousBernoulli(0.0), math.log(2.0 * math.e**2 / (math.e**2 - 1.0))),
    (Gumbel(1.0, 1.0), Gumbel(0.0, 1.0), 1.0),
    (Weibull(2.0, 1.0), Weibull(2.0, 2.0), 2.0 * _LOG_2),
    (
        MultivariateNormal.from_covariance(jnp.zeros(2), jnp.eye(2)),
        MultivariateNormal.from_covariance(jnp.zeros(2), 4.0 * jnp.eye(2)),
        2.0 * _LOG_2,
    ),
    (
        MultivariateNormal.from_covariance(jnp.ones(2), jnp.eye(2)),
        MultivariateNormal.from_covariance(jnp.zeros(2), jnp.diag(jnp.array([1.0, 4.0]))),
        INF,
    ),
    (Wishart(4.0, jnp.eye(2)), Wishart(4.0, 2.0 * jnp.eye(2)), 4.0 * _LOG_2),
    (Wishart(5.0, jnp.eye(2)), Wishart(4.0, jnp.eye(2)), INF),
    # By quadrature: the largest ratio inside, at an end, and of counts.
    (Normal(0.0, 1.0), Laplace(0.0, 1.0), 0.5 * math.log(2.0 / math.pi) + 0.5),
    (Cauchy(0.0, 1.0), Cauchy(0.0, 2.0), _LOG_2),
    (Laplace(0.0, 1.0), Normal(0.0, 1.0), INF),
    (families.DiscreteUniform(0, 3), families.DiscreteUniform(0, 5), math.log(1.5)),
    (families.SkewNormal(0.0, 1.0, 2.0), families.SkewNormal(0.0, 1.0, 0.0), _LOG_2),  # 2Φ(2x), as x grows
    # Without end, though every finite order has a finite divergence.
    (Normal(1e-3, 1.0), families.SkewNormal(0.0, 1.0, 0.0), INF),
    (families.Mixture(Normal(jnp.array([0.0, 3.0]), 1.0), probs=jnp.array([0.5, 0.5])), Normal(0.0, 1.0), INF),
]


@pytest.mark.parametrize("case", thinned(range(len(SUPREMA)), (0, 2, 4, 7, 20, 42, 45)))
@pytest.mark.by_default("0", "2", "4", "20", "42", "45")
def test_renyi_of_order_infinity(case: int) -> None:
    p, q, exact = SUPREMA[case]
    found = jax.jit(lambda order: kljax.renyi(p, q, order=order))
    for order in (INF, 1e8, 1e19):
        np.testing.assert_allclose(found(order), exact, rtol=8e-6, atol=1e-7)
    slopes = jax.grad(lambda p: kljax.renyi(p, q, order=INF))(p)
    for one in jax.tree.leaves(slopes):
        assert (one == 0.0).all() if exact == INF else np.isfinite(one).all()


def test_slopes_of_renyi_at_large_orders_by_quadrature() -> None:
    # The largest ratio stands at s², where log p/q is s²/2 - log s + ½ log 2/π.
    both = jax.jit(jax.value_and_grad(lambda s, order: kljax.renyi(Normal(0.0, s), Laplace(0.0, 1.0), order=order)))
    for order, slack in ((1e3, 2e-3), (INF, 1e-4)):
        value, slope = both(jnp.float32(0.7), jnp.float32(order))
        np.testing.assert_allclose(
            value, 0.245 - math.log(0.7) + 0.5 * math.log(2.0 / math.pi), rtol=0.01 if order < INF else 2e-6
        )
        np.testing.assert_allclose(slope, 0.7 - 1.0 / 0.7, rtol=slack)


@pytest.mark.parametrize("kind", thinned((Normal, Laplace, Cauchy, Gumbel, Moyal, LogNormal), (Normal,)))
def test_scales_of_zero_and_infinity(kind: Any) -> None:
    both = jax.jit(jax.value_and_grad(lambda s, t: kljax.kl(kind(0.0, s), kind(0.0, t)), (0, 1)))
    for s, t in ((1.0, 0.0), (1.0, INF), (0.0, 1.0), (INF, 1.0)):
        value, slopes = both(s, t)
        assert (value, *slopes) == (INF, 0.0, 0.0)
    assert both(0.0, 0.0)[0] == 0.0
    assert not both(1.0, -1.0)[0] <= 0.0  # NaN
    still = kind(0.0, jnp.zeros(()))
    assert kljax.squared_hellinger(kind(0.0, 1.0), still) == 1.0
    assert kljax.kl(Normal(0.0, 1.0), still) == INF


# --- draws that are 0, or an end ----------------------------------------------------------------------------

DRAWN: list[tuple[Any, Any]] = [
    (Gamma(0.05, 1.0), Gamma(0.1, 1.0)),
    (Kumaraswamy(30.0, 0.5), Beta(30.0, 0.5)),
    (Chi(0.1), Chi(0.2)),
    (Beta(0.05, 0.05), Beta(0.1, 0.05)),
    (InverseGamma(0.05, 1.0), InverseGamma(0.1, 1.0)),
    (Weibull(0.02, 1.0), Weibull(0.03, 1.0)),
    (LogNormal(0.0, 60.0), LogNormal(1.0, 50.0)),
    (Dirichlet(jnp.full(3, 0.03)), Dirichlet(jnp.full(3, 0.05))),
    (Exponential(1.0), Gamma(0.01, 1.0)),
    (Independent(Gamma(jnp.array([0.05, 0.1]), 1.0), 1), Independent(Gamma(jnp.array([0.1, 0.1]), 1.0), 1)),
]


def test_estimates_of_small_concentrations_are_finite(sweep_size: Any) -> None:
    """ψ(a) and log Γ(a) of the exact value are mpmath's."""
    a, b = mpf("0.05"), mpf("0.1")
    exact = float((a - b) * mpmath.digamma(a) - mpmath.loggamma(a) + mpmath.loggamma(b))
    found = kljax.estimate(Gamma(0.05, 1.0), Gamma(0.1, 1.0), key=jax.random.key(0))
    assert abs(found.value - exact) < 4.5 * found.stderr
    others = (
        (Gamma(0.01, 1.0), Gamma(0.02, 1.0)),
        (families.Chi2(0.1), families.Chi2(0.2)),
        (Chi(0.1), Chi(0.2)),
        (Kumaraswamy(30.0, 0.5), Kumaraswamy(30.0, 0.25)),
    )
    for p, q in others[: sweep_size(1, len(others))]:
        found = kljax.estimate(p, q, key=jax.random.key(0))
        assert abs(found.value - kljax.kl(p, q)) < 4.5 * found.stderr


@pytest.mark.parametrize("case", thinned(range(len(DRAWN)), (0,)))
@pytest.mark.full
def test_estimates_from_draws_beyond_the_dtype(case: int) -> None:
    p, q = DRAWN[case]
    found = kljax.estimate(p, q, key=jax.random.key(1), num_samples=20_000)
    # Half of the draws of Gamma(0.05) have no float32; 4.5 standard errors once in 150,000 seeds.
    assert abs(found.value - kljax.kl(p, q)) < 4.5 * found.stderr
    slopes = jax.grad(lambda q: kljax.estimate(p, q, key=jax.random.key(1), num_samples=1000).value)(q)
    assert all(np.isfinite(one).all() for one in jax.tree.leaves(slopes))


# Records of matrices and vectors, whose scale is no number; a rate of 0 that is a distribution; a uniform limit at ∞.
NOT_SINGULAR = {
    *("InverseWishart", "MultivariateNormal", "NormalInverseWishart", "Wishart"),
    *("NormalGamma", "Poisson", "TruncatedNormal"),
}


def test_every_scale_and_rate_that_may_be_0_or_infinite_is_looked_at():
    listed = {"scale": _degenerate._BY_SCALE, "rate": _degenerate._BY_RATE}
    for name in set(families.__all__) - NOT_SINGULAR:
        kind = getattr(families, name)
        if is_family(kind):
            for field in dataclasses.fields(kind):
                assert field.name not in listed or kind in listed[field.name], f"{name}.{field.name}"


def test_a_scale_of_0_or_infinity_shares_nothing_with_another():
    for size in (0.0, np.inf):
        one, other = (families.SkewNormal(jnp.zeros(()), jnp.asarray(s), jnp.ones(())) for s in (size, 1.0))
        assert kljax.total_variation(one, other) == 1.0
        assert kljax.kl(one, other) == np.inf
    assert kljax.total_variation(families.Lindley(jnp.zeros(())), families.Lindley(jnp.ones(()))) == 1.0
