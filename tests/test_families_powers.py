"""Divergences of the powers pᵅq¹⁻ᵅ and Chernoff's information against the textbook in 110 digits on the same numbers.

Limits: values 64 eps, gradients 1e-5 of their norm in float32 and as many eps in float64. Where matrices are solved
with they get the factor of the condition number, below 10 here. Beyond 1, orders amplify what the parameter of the
power loses: α p - (α - 1) q has 2α - 1 roundings.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import continuous, discrete, distributions, powers
from oracles import multivariate as oracle
from sweeps import thinned

import kljax
from kljax import families, generators, probs
from kljax.divergences import _chernoff, _pairs, _powers
from kljax.families import MultivariateNormal
from kljax.families._closed_forms import KL
from kljax.families._geometric_means import LINES

Arrays = list[np.ndarray]
GAPS = (1.0, 1e-2, 1e-4, 1e-7)
ORDERS = (0.3, 0.5, 1.0, 1.75)


@dataclasses.dataclass(frozen=True)
class Case:
    """How records come from arrays, the textbook's log ∫pᵅq¹⁻ᵅ, p and how far q lies from it, and more pairs."""

    p: Callable[..., Any]
    q: Callable[..., Any]
    book: powers.LogPower
    start: Arrays
    move: Arrays
    units: tuple[int, ...] = ()  # the powers of the unit in which each array counts
    scales: tuple[float, ...] = (1e-15, 1e15)
    more: tuple[tuple[Arrays, Arrays], ...] = ()
    value: float = 64.0
    slope: float = 84.0

    def pairs(self) -> list[tuple[Arrays, Arrays]]:
        found = [(self.start, [a + gap * d for a, d in zip(self.start, self.move, strict=True)]) for gap in GAPS]
        for unit in self.scales if self.units else ():
            found += [
                tuple([a * unit**power for a, power in zip(one, self.units, strict=True)] for one in pair)
                for pair in found[:2]
            ]
        return [*found, *self.more]


def numbers(*values: float) -> Arrays:
    return [np.array(x) for x in values]


def scalar(name: str, start: tuple[float, ...], move: tuple[float, ...], **more: Any) -> Case:
    kind = getattr(families, name)
    return Case(kind, kind, powers.POWERS[name], numbers(*start), numbers(*move), **more)


def both(*pairs: tuple[tuple[float, ...], tuple[float, ...]]) -> tuple[tuple[Arrays, Arrays], ...]:
    return tuple((numbers(*p), numbers(*q)) for p, q in pairs)


def cross(first: str, second: str, *pairs: tuple[Any, Any]) -> Case:
    """A pair of two families: all of the numbers are those of p, then of q."""
    (p, q), *more = [([np.array(x) for x in a], [np.array(x) for x in b]) for a, b in pairs]
    kinds = [
        (lambda: families.SphericalUniform(3)) if name == "SphericalUniform" else getattr(families, name)
        for name in (first, second)
    ]
    return Case(*kinds, powers.BETWEEN[first, second], [], [], more=((p, q), *((a, b) for a, b in more)))


def spd(n: int, seed: int) -> np.ndarray:
    a = np.random.default_rng(seed).normal(size=(n, n))
    return a @ a.T / n + np.eye(n)


def symmetric(n: int, seed: int) -> np.ndarray:
    a = np.random.default_rng(seed).normal(size=(n, n))
    return 0.1 * (a + a.T)


def vector(*shape: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def matrices(make: Callable[..., Any], read: Callable[..., Any], start: Arrays, move: Arrays, **more: Any) -> Case:
    def book(p: Any, q: Any, order: mpf) -> mpf:
        return powers.MULTIVARIATE_NORMAL(read(*p), read(*q), order)

    return Case(make, make, book, start, move, value=256.0, slope=336.0, **more)


def complex_normal(loc_r: Any, loc_i: Any, cov_r: Any, cov_i: Any) -> Any:
    return families.ComplexNormal(jax.lax.complex(loc_r, loc_i), jax.lax.complex(cov_r, cov_i))


def complex_book(p: Any, q: Any, order: mpf) -> mpf:
    def joined(a: Any, b: Any) -> Any:
        return mpmath.mpc(a, b) if isinstance(a, mpf) else [joined(x, y) for x, y in zip(a, b, strict=True)]

    return powers.COMPLEX_NORMAL(*((joined(*one[:2]), joined(*one[2:])) for one in (p, q)), order)


def logit_normal(loc: Any, covariance: Any) -> Any:
    return families.MultivariateLogitNormal(MultivariateNormal.from_covariance(loc, covariance))


def counted(name: str, count: float, **logit: Any) -> Case:
    """With a count that is a number, from probabilities or logits."""
    kind, book = getattr(families, name), powers.POWERS[name]
    trials = [] if name in ("Bernoulli", "Geometric") else [count]
    if not logit:
        chances = both(((1e-5,), (1.5e-5,)), ((0.999,), (0.25,)), ((1e-7,), (0.5,)))
        return Case(
            lambda x: kind(*trials, x),
            lambda x: kind(*trials, x),
            lambda p, q, order: book([*trials, *p], [*trials, *q], order),
            numbers(0.3),
            numbers(0.2),
            more=chances,
        )

    def chance(x: Any) -> list[mpf]:
        return [*trials, 1 / (1 + mpmath.exp(-x[0]))]

    return Case(
        lambda x: kind(*trials, logits=x),
        lambda x: kind(*trials, logits=x),
        lambda p, q, order: book(chance(p), chance(q), order),
        numbers(-0.75),
        numbers(1.25),
        more=both(((-30.0,), (5.0,)), ((12.0,), (12.01,)), ((-14.0,), (-14.001,))),
    )


SKEW = np.array([[0.0, 0.4, -0.2], [-0.4, 0.0, 0.3], [0.2, -0.3, 0.0]])
DIRECTION, TURN = np.array([0.48, 0.6, 0.64]), np.array([0.3, -0.4, 0.15])
FACTOR = vector(6, 2, seed=7)
TRIL = np.linalg.cholesky(spd(3, 21))
CASES = {
    "Bernoulli": counted("Bernoulli", 1.0),
    "Bernoulli, logits": counted("Bernoulli", 1.0, logit=True),
    "Beta": scalar("Beta", (2.25, 1.5), (1.0, -0.5), more=both(((0.125, 400.0), (0.25, 380.0)))),
    "Binomial": counted("Binomial", 7.0),
    "Binomial, logits": counted("Binomial", 7.0, logit=True),
    "Chi": scalar("Chi", (2.25,), (2.0,), more=both(((0.125,), (900.0,)))),
    "Chi2": scalar("Chi2", (2.25,), (2.0,), more=both(((0.125,), (900.0,)))),
    "ComplexNormal": Case(
        complex_normal,
        complex_normal,
        complex_book,
        [vector(3, seed=1), vector(3, seed=2), spd(3, 3), SKEW],
        [vector(3, seed=4), vector(3, seed=5), symmetric(3, 6), 0.1 * SKEW],
        value=256.0,
        slope=336.0,
    ),
    "ContinuousBernoulli": scalar("ContinuousBernoulli", (0.75,), (1.25,), more=both(((500.0,), (-500.0,)))),
    "Dirichlet": Case(
        families.Dirichlet,
        families.Dirichlet,
        powers.POWERS["Dirichlet"],
        [np.array([0.75, 2.5, 1.25, 6.0])],
        [np.array([0.5, 1.0, -0.25, 2.0])],
        more=(([np.array([0.05, 3.0, 0.5, 40.0])], [np.array([0.06, 2.5, 0.6, 38.0])]),),
    ),
    "Exponential": scalar("Exponential", (1.5,), (1.25,), units=(1,), more=both(((1e-6,), (1e6,)))),
    "Gamma": scalar("Gamma", (2.25, 1.5), (1.5, -0.5), units=(0, 1), more=both(((1e-3, 2.0), (50.0, 1e-4)))),
    "GeneralizedDirichlet": Case(
        families.GeneralizedDirichlet,
        families.GeneralizedDirichlet,
        powers.POWERS["GeneralizedDirichlet"],
        [np.array([0.75, 2.5, 1.25]), np.array([3.0, 0.5, 2.0])],
        [np.array([0.25, 1.0, 0.75]), np.array([-1.0, 0.3, 0.4])],
    ),
    "Geometric": counted("Geometric", 1.0),
    "Geometric, logits": counted("Geometric", 1.0, logit=True),
    "Gumbel": scalar("Gumbel", (0.75, 1.5), (1.0, 0.0)),
    "HalfNormal": scalar("HalfNormal", (1.5,), (1.25,), units=(1,), more=both(((1e-4,), (1e4,)))),
    "InverseGamma": scalar("InverseGamma", (2.25, 1.5), (1.5, -0.5), units=(0, 1)),
    "InverseGaussian": scalar("InverseGaussian", (1.5, 2.5), (-0.5, 0.75), units=(1, 1)),
    "InverseWishart": Case(
        families.InverseWishart,
        families.InverseWishart,
        powers.POWERS["InverseWishart"],
        [np.array(7.5), spd(3, 8)],
        [np.array(-1.0), symmetric(3, 9)],
        value=256.0,
        slope=336.0,
    ),
    "Kumaraswamy": scalar("Kumaraswamy", (1.5, 2.5), (0.0, -1.0)),
    "Laplace": scalar("Laplace", (0.75, 1.5), (0.0, 1.0), units=(1, 1)),
    "Lindley": scalar("Lindley", (1.5,), (-0.5,), units=(1,)),
    "LogNormal": scalar("LogNormal", (0.75, 1.5), (1.0, 0.5)),
    "Logarithmic": scalar("Logarithmic", (0.3,), (0.3,), more=both(((1e-4,), (0.5,)), ((0.9,), (0.95,)))),
    "LogitNormal": scalar("LogitNormal", (0.75, 1.5), (1.0, 0.5)),
    "MatrixNormal": Case(
        families.MatrixNormal,
        families.MatrixNormal,
        powers.POWERS["MatrixNormal"],
        [vector(2, 2, seed=10), np.linalg.cholesky(spd(2, 11)), np.linalg.cholesky(spd(2, 12))],
        [vector(2, 2, seed=13), 0.2 * np.linalg.cholesky(spd(2, 14)), 0.1 * np.linalg.cholesky(spd(2, 15))],
        value=256.0,
        slope=336.0,
    ),
    "Moyal": scalar("Moyal", (0.75, 1.5), (1.0, 0.0)),
    "MultivariateLogitNormal": Case(
        logit_normal,
        logit_normal,
        powers.POWERS["MultivariateLogitNormal"],
        [vector(2, seed=16), spd(2, 17)],
        [vector(2, seed=18), symmetric(2, 19)],
        value=256.0,
        slope=336.0,
    ),
    "MultivariateNormal, Cholesky": matrices(
        MultivariateNormal.from_cholesky,
        oracle.from_cholesky,
        [vector(3, seed=20), TRIL],
        [vector(3, seed=22), 0.4 * np.linalg.cholesky(spd(3, 23))],
        units=(1, 1),
        more=(([vector(3, seed=20), TRIL], [vector(3, seed=22), 1e4 * TRIL]),),
    ),
    "MultivariateNormal, covariance": matrices(
        MultivariateNormal.from_covariance,
        lambda loc, covariance: (loc, covariance),
        [vector(3, seed=24), spd(3, 25)],
        [vector(3, seed=26), symmetric(3, 27)],
        units=(1, 2),
        scales=(10.0**-7, 10.0**7),
        more=(([vector(3, seed=24), spd(3, 25)], [vector(3, seed=26), 1e8 * spd(3, 27)]),),
    ),
    "MultivariateNormal, diagonal": matrices(
        MultivariateNormal.from_diagonal,
        oracle.from_diagonal,
        [vector(3, seed=28), np.array([0.5, 1.5, 3.0])],
        [vector(3, seed=29), np.array([0.25, 1.0, 1.0])],
        units=(1, 1),
    ),
    "MultivariateNormal, low rank": matrices(
        MultivariateNormal.from_low_rank,
        oracle.from_low_rank,
        [vector(6, seed=30), FACTOR, np.array([0.5, 1.5, 3.0, 1.0, 2.0, 0.8])],
        [vector(6, seed=31), 0.1 * vector(6, 2, seed=32), np.array([0.5, -0.4, 1.0, 0.3, -0.2, 0.1])],
    ),
    "MultivariateNormal, precision": matrices(
        MultivariateNormal.from_precision,
        oracle.from_precision,
        [vector(3, seed=33), spd(3, 34)],
        [vector(3, seed=35), symmetric(3, 36)],
        units=(1, -2),
        scales=(10.0**-7, 10.0**7),
    ),
    "NegativeBinomial": counted("NegativeBinomial", 2.5),
    "NegativeBinomial, logits": counted("NegativeBinomial", 2.5, logit=True),
    "Normal": scalar("Normal", (0.75, 1.5), (1.0, 0.5), units=(1, 1), more=both(((0.5, 1e-4), (2.0, 1e4)))),
    "Pareto": scalar("Pareto", (2.75, 1.5), (1.0, -0.5), units=(0, 1)),
    "Poisson": scalar("Poisson", (3.5,), (2.25,), units=(1,), scales=(1e-15, 1e4)),
    "Rayleigh": scalar("Rayleigh", (1.5,), (1.25,), units=(1,)),
    "VonMises": scalar(
        "VonMises", (0.5, 2.5), (0.75, 1.0), more=both(((1.0, 1e3), (1.001, 1.1e3)), ((3.0, 5.0), (-0.25, 4.0)))
    ),
    "VonMisesFisher": Case(
        families.VonMisesFisher,
        families.VonMisesFisher,
        powers.POWERS["VonMisesFisher"],
        [DIRECTION, np.array(2.5)],
        [TURN, np.array(1.5)],
        more=(([DIRECTION, np.array(400.0)], [DIRECTION + 1e-3 * TURN, np.array(410.0)]),),
    ),
    "Weibull": scalar("Weibull", (2.25, 1.5), (0.0, 0.5), units=(0, 1)),
    "Wishart": Case(
        families.Wishart,
        families.Wishart,
        powers.POWERS["Wishart"],
        [np.array(7.5), spd(3, 37)],
        [np.array(-1.0), symmetric(3, 38)],
        value=256.0,
        slope=336.0,
    ),
    "Beta, Dirichlet": cross("Beta", "Dirichlet", ((2.0, 3.0), ([1.5, 4.0],)), ((2.0, 3.0), ([2.001, 3.002],))),
    "Chi2, Exponential": cross("Chi2", "Exponential", ((3.0,), (0.75,)), ((2.001,), (0.5,))),
    "Chi2, Gamma": cross("Chi2", "Gamma", ((3.0,), (2.0, 0.75)), ((3.0,), (1.5001, 0.5))),
    "Dirichlet, Beta": cross("Dirichlet", "Beta", (([1.5, 4.0],), (2.0, 3.0)), (([2.001, 3.002],), (2.0, 3.0))),
    "Exponential, Chi2": cross("Exponential", "Chi2", ((0.75,), (3.0,)), ((0.5,), (2.001,))),
    "Exponential, Gamma": cross("Exponential", "Gamma", ((0.75,), (2.0, 0.5)), ((0.75,), (1.001, 0.7501))),
    "Gamma, Chi2": cross("Gamma", "Chi2", ((2.0, 0.75), (3.0,)), ((1.5001, 0.5), (3.0,))),
    "Gamma, Exponential": cross("Gamma", "Exponential", ((2.0, 0.5), (0.75,)), ((1.001, 0.7501), (0.75,))),
    "PowerSpherical, SphericalUniform": cross(
        "PowerSpherical", "SphericalUniform", ((DIRECTION, 2.0), ()), ((DIRECTION, 1e-3), ()), ((DIRECTION, 300.0), ())
    ),
    "SphericalUniform, PowerSpherical": cross(
        "SphericalUniform", "PowerSpherical", ((), (DIRECTION, 0.5)), ((), (DIRECTION, 1e-3))
    ),
    "SphericalUniform, VonMisesFisher": cross(
        "SphericalUniform", "VonMisesFisher", ((), (DIRECTION, 2.0)), ((), (DIRECTION, 1e-3)), ((), (DIRECTION, 0.0))
    ),
    "VonMisesFisher, SphericalUniform": cross(
        "VonMisesFisher", "SphericalUniform", ((DIRECTION, 2.0), ()), ((DIRECTION, 1e-3), ()), ((DIRECTION, 30.0), ())
    ),
}


def exactly(array: Any) -> Any:
    if not isinstance(array, np.ndarray):
        return array
    return [exactly(one) for one in array] if array.ndim else array[()]


def shaped(values: Any, like: Arrays) -> list[Any]:
    sizes = np.cumsum([0, *(one.size for one in like)])
    return [values[a:b].reshape(one.shape) for a, b, one in zip(sizes[:-1], sizes[1:], like, strict=True)]


def flat(pair: tuple[Arrays, Arrays], dtype: Any) -> np.ndarray:
    return np.concatenate([np.ravel(one).astype(dtype) for side in pair for one in side])


def test_every_row_has_an_oracle() -> None:
    ends = [name.split(", ") for name in CASES]
    tried = {tuple(one) if one[-1][0].isupper() and hasattr(families, one[-1]) else (one[0], one[0]) for one in ends}
    tried = {(one[0], one[-1]) for one in tried} | {("SphericalUniform", "SphericalUniform")}
    rows = {(one.__name__, other.__name__) for one, other in LINES}
    assert tried == rows
    assert rows == {(name, name) for name in powers.POWERS} | set(powers.BETWEEN)


def textbook(case: Case, like: tuple[Arrays, Arrays], x: list[mpf], order: float) -> mpf:
    """Rényi's divergence, of order one as that of an order close to it in as many digits."""
    values, split = np.array(x, dtype=object), sum(one.size for one in like[0])
    p, q = shaped(values[:split], like[0]), shaped(values[split:], like[1])
    a = mpf(order) if order != 1.0 else 1 - mpf(10) ** -50
    found = case.book([exactly(one) for one in p], [exactly(one) for one in q], a)
    return found / (a - 1)


CURVED = ("Gamma", "Normal", "MultivariateNormal, covariance", "Geometric, logits")  # which are tried to second order
TRIALS = [(name, np.float32) for name in CASES]
DOUBLE = ["Gamma", "Normal", "VonMises", "MultivariateNormal, Cholesky", "MultivariateNormal, low rank", "Geometric"]


@pytest.mark.parametrize(
    ("name", "dtype"),
    TRIALS + thinned([(name, np.float64) for name in CASES], [(name, np.float64) for name in DOUBLE], spread=True),
)
@pytest.mark.one_in(8)
def test_renyi_and_its_gradient(name: str, dtype: Any) -> None:
    case, eps = CASES[name], float(np.finfo(dtype).eps)
    pairs = case.pairs() if case.start else list(case.more)
    like = pairs[0]
    split = sum(one.size for one in like[0])
    points = np.stack([flat(pair, dtype) for pair in pairs])
    orders = np.array(ORDERS, dtype)
    rng = np.random.default_rng(0)
    way = rng.uniform(-1.0, 1.0, size=points.shape[-1])
    if name in ("Gumbel", "Kumaraswamy", "Laplace", "Moyal", "Weibull"):
        # What is shared stays shared.
        kept = next(i for i, one in enumerate(case.move) if one == 0.0)
        way[kept + split] = way[kept]
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):

        @jax.jit
        def everything(x: jax.Array, order: jax.Array) -> Any:
            def value(x: jax.Array) -> jax.Array:
                p, q = case.p(*shaped(x[:split], like[0])), case.q(*shaped(x[split:], like[1]))
                return line_renyi(p, q, order)

            slope = jax.grad(value)
            return value(x), slope(x), jax.jvp(slope, (x,), (x,))[1] if name in CURVED else x

        each = jax.jit(jax.vmap(jax.vmap(everything, (None, 0)), (0, None)))
        found = [np.asarray(one) for one in each(points, orders)]
        if case.start:
            alike = np.concatenate([points[:, :split], points[:, :split]], -1)
            same = [np.asarray(one) for one in each(alike, orders)]
            assert (same[0] == 0.0).all()
            assert (same[1] == 0.0).all()
    assert np.isfinite(found[2]).all()
    worst = [0.0, 0.0]
    with mpmath.workdps(110):
        for (i, point), (j, order) in ((a, b) for a in enumerate(points) for b in enumerate(orders)):
            x, value = [mpf(float(one)) for one in point], found[0][i, j]
            expected = textbook(case, like, x, float(order))
            assert value >= 0.0
            if expected == mpmath.inf or abs(expected) < 1e-40:
                assert value == (np.inf if expected == mpmath.inf else 0.0)
                continue
            worst[0] = max(worst[0], abs(mpf(float(value)) - expected) / expected / eps / max(1.0, 2.0 * order - 1.0))
            scaled = [mpf(float(g)) * one for g, one in zip(found[1][i, j], x, strict=True)]
            norm = mpmath.sqrt(sum(one * one for one in scaled))
            step = mpf(10) ** -20
            up, down = ([a * (1 + sign * step * mpf(w)) for a, w in zip(x, way, strict=True)] for sign in (1, -1))
            exact = (textbook(case, like, up, float(order)) - textbook(case, like, down, float(order))) / (2 * step)
            gap = abs(sum(g * mpf(w) for g, w in zip(scaled, way, strict=True)) - exact)
            worst[1] = max(worst[1], gap / norm / eps / max(1.0, 2.0 * order - 1.0) if norm else gap * mpf(10) ** 30)
    assert worst[0] <= case.value, worst
    assert worst[1] <= case.slope, worst


def line_renyi(p: Any, q: Any, order: jax.Array) -> jax.Array:
    """By the row itself: what p and q share is not looked at under a transformation."""
    p, q = _pairs.pair(p, q)
    return _powers._closed("renyi", LINES[type(p), type(q)], p, q, order, jnp.ones_like(order))


# --- what follows from the powers ---------------------------------------------------------------------------

RELATED = {
    "Gamma": (powers.GAMMA, families.Gamma, (2.25, 1.5), (3.0, 1.25)),
    "Normal": (powers.NORMAL, families.Normal, (0.75, 1.5), (1.5, 1.75)),
    "Poisson": (powers.POISSON, families.Poisson, (3.5,), (4.25,)),
}
VERBS: dict[str, tuple[Callable[..., Any], float, Callable[[mpf], mpf]]] = {
    # The verb, its order, and what it is of Z = ∫pᵅq¹⁻ᵅ.
    "alpha, -0.5": (lambda p, q: kljax.alpha(p, q, order=-0.5), -0.5, lambda z: (z - 1) / mpf(0.75)),
    "alpha, 0.25": (lambda p, q: kljax.alpha(p, q, order=0.25), 0.25, lambda z: (1 - z) / mpf(0.1875)),
    "bhattacharyya": (kljax.bhattacharyya, 0.5, lambda z: -mpmath.log(z)),
    "chi_squared": (kljax.chi_squared, 2.0, lambda z: z - 1),
    "cressie_read": (
        lambda p, q: kljax.f_divergence(p, q, generators.cressie_read(0.5)),
        1.5,
        lambda z: (z - 1) / mpf(0.75),
    ),
    "neyman": (lambda p, q: kljax.f_divergence(p, q, generators.neyman), -1.0, lambda z: z - 1),
    "squared_hellinger": (kljax.squared_hellinger, 0.5, lambda z: 1 - z),
    "tsallis, 1.5": (lambda p, q: kljax.tsallis(p, q, order=1.5), 1.5, lambda z: 2 * (z - 1)),
    "tsallis, 0.5": (lambda p, q: kljax.tsallis(p, q, order=0.5), 0.5, lambda z: 2 * (1 - z)),
}


@pytest.mark.parametrize("name", RELATED)
@pytest.mark.one_in(3)
def test_the_verbs_follow_from_the_powers(name: str) -> None:
    book, kind, p, far = RELATED[name]
    for dtype in (np.float32, np.float64):
        eps = float(np.finfo(dtype).eps)
        gaps = np.array(GAPS, dtype)[:, None]
        first, second = np.array(p, dtype), np.array(far, dtype)
        sides = np.broadcast_to(first, (len(GAPS), len(p))), first + gaps * (second - first)
        with jax.enable_x64(dtype == np.float64):
            a, b = (kind(*one.T) for one in sides)
            found = {verb: np.asarray(function(a, b)) for verb, (function, _, _) in VERBS.items()}
            edges = [kljax.alpha(a, b, order=1.0), kljax.kl(a, b), kljax.alpha(a, b, order=0.0), kljax.kl(b, a)]
        np.testing.assert_allclose(edges[0], edges[1], rtol=8 * eps)
        np.testing.assert_allclose(edges[2], edges[3], rtol=8 * eps)
        with mpmath.workdps(60):
            for verb, (_, order, form) in VERBS.items():
                for value, *pair in zip(found[verb], *sides, strict=True):
                    if (pair[0] == pair[1]).all():
                        assert value == 0.0
                        continue
                    exact = [[mpf(float(x)) for x in one] for one in pair]
                    expected = form(mpmath.exp(book(*exact, mpf(order))))
                    assert abs(mpf(float(value)) - expected) <= 64 * eps * abs(expected), (verb, pair)


def test_what_diverges_is_infinite_without_a_gradient() -> None:
    p, q = families.Normal(0.0, 1.0), families.Normal(jnp.array([0.0, 1.0]), jnp.array([0.5, 0.75]))
    value, slope = jax.value_and_grad(lambda p: kljax.chi_squared(p, q)[0])(p)
    assert value == jnp.inf
    assert slope.loc == 0.0
    assert slope.scale == 0.0
    assert np.isfinite(kljax.chi_squared(p, q)[1])
    dirichlet = [families.Dirichlet(jnp.array(one)) for one in ([1.0, 2.0], [2.5, 1.0])]
    assert kljax.chi_squared(*dirichlet) == jnp.inf
    assert kljax.renyi(families.Poisson(2.0), families.Poisson(0.0), order=1.5) == jnp.inf
    assert kljax.renyi(families.Pareto(2.0, 1.0), families.Pareto(2.0, 1.5), order=1.0) == jnp.inf
    covariances = [families.MultivariateNormal.from_covariance(jnp.zeros(2), s * jnp.eye(2)) for s in (3.0, 1.0)]
    assert kljax.chi_squared(*covariances) == jnp.inf


def test_limits_of_counts_and_chances() -> None:
    """Where one of the two is certain, ∫pᵅq¹⁻ᵅ is one term."""
    zero, two = families.Poisson(0.0), families.Poisson(2.0)
    np.testing.assert_allclose(kljax.bhattacharyya(zero, two), 1.0, rtol=1e-6)
    np.testing.assert_allclose(kljax.chi_squared(zero, two), np.exp(2.0) - 1.0, rtol=1e-6)
    sure, likely = families.Geometric(1.0), families.Geometric(0.25)
    np.testing.assert_allclose(kljax.bhattacharyya(sure, likely), 0.5 * np.log(4.0), rtol=1e-6)
    np.testing.assert_allclose(kljax.renyi(likely, sure, order=0.5), np.log(4.0), rtol=1e-6)
    assert kljax.renyi(likely, sure, order=1.5) == jnp.inf
    never, often = families.Binomial(3, 0.0), families.Binomial(3, 0.75)
    np.testing.assert_allclose(kljax.bhattacharyya(never, often), 1.5 * np.log(4.0), rtol=1e-6)
    assert kljax.bhattacharyya(never, families.Binomial(3, 1.0)) == jnp.inf
    pareto = families.Pareto(2.0, 1.0), families.Pareto(3.0, 1.5)
    np.testing.assert_allclose(
        kljax.bhattacharyya(*pareto), -float(powers.POWERS["Pareto"]([2, 1], [3, mpf(1.5)], mpf(0.5))), rtol=1e-6
    )
    slopes = [jax.grad(lambda pair: kljax.bhattacharyya(*pair))(pair) for pair in ((zero, two), (sure, likely))]
    assert all(np.isfinite(one).all() for one in jax.tree.leaves(slopes))


def test_orders_are_differentiable_and_mapped() -> None:
    p, q = families.Gamma(2.0, 1.0), families.Gamma(3.0, 1.5)
    orders = jnp.array([0.25, 0.75, 1.5])

    def value(order: jax.Array) -> jax.Array:
        return kljax.renyi(p, q, order=order)

    slopes = jax.vmap(jax.grad(value))(orders)
    for order, slope in zip(orders, slopes, strict=True):
        exact = mpmath.diff(lambda a: powers.GAMMA([2, 1], [3, mpf(1.5)], a) / (a - 1), mpf(float(order)))
        np.testing.assert_allclose(float(slope), float(exact), rtol=1e-5)
    assert np.isfinite(jax.grad(value)(1.0))


@pytest.mark.full
def test_a_shared_parameter_opens_the_closed_form(monkeypatch: pytest.MonkeyPatch) -> None:
    p, q, other = (families.Laplace(loc, scale) for loc, scale in ((0.5, 1.0), (0.5, 2.0), (0.75, 2.0)))
    expected = powers.LAPLACE([mpf(0.5), 1], [mpf(0.5), 2], mpf(0.5))
    traced = jax.jit(kljax.bhattacharyya)
    np.testing.assert_allclose(traced(p, q), -float(expected), rtol=1e-6)
    log_p, log_q = (lambda x, m=m, s=s: -abs(x - m) / s - mpmath.log(2 * s) for m, s in ((0.5, 1), (0.75, 2)))
    mass = mpmath.quad(lambda x: mpmath.exp((log_p(x) + log_q(x)) / 2), [-mpmath.inf, 0.5, 0.75, mpmath.inf])
    np.testing.assert_allclose(traced(p, other), -float(mpmath.log(mass)), rtol=1e-6)

    def refuse(*_: Any) -> Any:
        raise AssertionError("a closed form was left to quadrature")

    monkeypatch.setattr("kljax.divergences._pairs._quadrature", refuse)
    np.testing.assert_allclose(kljax.bhattacharyya(p, q), -float(expected), rtol=1e-6)
    with pytest.raises(AssertionError, match="left to quadrature"):
        kljax.bhattacharyya(p, other)


@pytest.mark.parametrize("name", ["Gamma", "InverseGaussian", "Lindley", "Pareto", "VonMises", "Weibull"])
def test_the_textbook_integrates(name: str) -> None:
    """Of the printed normalisers, ∫pᵅq¹⁻ᵅ by quadrature of the printed densities."""
    books = {**distributions.TEXTBOOK, **continuous.TEXTBOOK, **discrete.TEXTBOOK}
    case, order = CASES[name], mpf(0.3)
    p, q = ([mpf(float(x)) for x in one] for one in case.pairs()[0])
    ends = {"VonMises": [-mpmath.pi, 0, mpmath.pi], "Pareto": [1.5, 3, 10, mpmath.inf]}
    found = powers.of_densities(books[name].log_density, ends.get(name, [0, 1, 4, mpmath.inf]))(p, q, order)
    expected = case.book(p, q, order)
    assert abs(found - expected) <= mpf(10) ** -8 * abs(expected)


# --- Chernoff's information ---------------------------------------------------------------------------------

INFORMATION = (
    "Gamma",
    "Normal",
    "Binomial",
    "MultivariateNormal, low rank",
    "MultivariateNormal, precision",
    "Wishart",
)


@pytest.mark.parametrize(
    ("name", "dtype"),
    thinned(
        [(name, dtype) for name in INFORMATION for dtype in (np.float32, np.float64)],
        [("Normal", np.float32), ("MultivariateNormal, precision", np.float32)],
        spread=True,
    ),
)
def test_chernoff_information(name: str, dtype: Any) -> None:
    case, eps = CASES[name], float(np.finfo(dtype).eps)
    pairs = case.pairs()[:3]
    like = pairs[0]
    split = sum(one.size for one in like[0])
    way = np.random.default_rng(0).uniform(-1.0, 1.0, size=2 * split)
    points = np.stack([flat(pair, dtype) for pair in pairs])
    points = np.concatenate([points, np.concatenate([points[:1, :split]] * 2, -1)])
    with jax.enable_x64(dtype == np.float64):

        @jax.jit
        @jax.vmap
        def everything(x: jax.Array) -> Any:
            def value(x: jax.Array) -> Any:
                p, q = _pairs.pair(case.p(*shaped(x[:split], like[0])), case.q(*shaped(x[split:], like[1])))
                return _chernoff._closed(LINES[type(p), type(q)], p, q, jnp.full((), 0.5, x.dtype))

            (found, order), slope = value(x), jax.grad(lambda x: value(x)[0])(x)
            return found, order, slope

        found = [np.asarray(one) for one in everything(points)]
    assert found[0][-1] == 0.0
    assert found[1][-1] == 0.5
    assert (found[2][-1] == 0.0).all()
    with mpmath.workdps(60):
        for point, value, order, slope in zip(points[:-1], *(one[:-1] for one in found), strict=True):
            x = [mpf(float(one)) for one in point]
            numbers = np.array(x, dtype=object)
            sides = [[exactly(one) for one in shaped(side, like[0])] for side in (numbers[:split], numbers[split:])]
            expected, best = powers.chernoff(case.book, *sides)
            assert abs(mpf(float(value)) - expected) <= case.value * eps * expected
            assert abs(mpf(float(order)) - best) <= case.value * eps
            # The gradient is that at the optimal order.
            step = mpf(10) ** -15
            moved = [[a * (1 + sign * step * mpf(w)) for a, w in zip(x, way, strict=True)] for sign in (1, -1)]
            up, down = ((1 - best) * textbook(case, like, one, best) for one in moved)
            scaled = [mpf(float(g)) * one for g, one in zip(slope, x, strict=True)]
            along = sum(g * mpf(w) for g, w in zip(scaled, way, strict=True))
            norm = mpmath.sqrt(sum(one * one for one in scaled))
            assert abs(along - (up - down) / (2 * step)) <= case.slope * eps * norm


@pytest.mark.full
def test_chernoff_information_to_second_order() -> None:
    with jax.enable_x64(True):
        found = jax.hessian(lambda x: kljax.chernoff_information(families.Poisson(x[0]), families.Poisson(x[1])))(
            np.array([1.5, 4.0])
        )
        flat_one = jax.hessian(lambda x: kljax.chernoff_information(families.Normal(x, 1.0), families.Normal(0.0, 1.0)))
        assert float(flat_one(0.0)) == 0.25

    def value(a: mpf, b: mpf) -> mpf:
        return powers.chernoff(powers.POISSON, [a], [b])[0]

    with mpmath.workdps(80):
        h, a, b = mpf(10) ** -10, mpf(1.5), mpf(4)
        mixed = (value(a + h, b + h) - value(a + h, b - h) - value(a - h, b + h) + value(a - h, b - h)) / (4 * h * h)
        twice = (value(a + h, b) - 2 * value(a, b) + value(a - h, b)) / (h * h)
    np.testing.assert_allclose(found[0, 0], float(twice), rtol=1e-12)
    np.testing.assert_allclose(found[0, 1], float(mixed), rtol=1e-12)


def test_chernoff_information_elsewhere() -> None:
    """By rows for categories, and one order for all parts of a product."""
    a, b = jnp.array([0.25, 0.75]), jnp.array([0.5, 0.5])
    rows = kljax.chernoff_information(families.Categorical(a), families.Categorical(b), with_order=True)
    np.testing.assert_array_equal(rows, probs.chernoff_information(a, b, with_order=True))
    loc, scale = jnp.array([0.5, -1.0, 2.0]), jnp.array([1.0, 0.5, 2.0])
    wide = [families.Normal(one * loc, scale + one) for one in (1.0, 1.5)]
    whole = kljax.chernoff_information(*(families.Independent(one, 1) for one in wide), with_order=True)
    dense = [
        families.MultivariateNormal.from_covariance(one.loc, jnp.diag(jnp.square(jnp.asarray(one.scale))))
        for one in wide
    ]
    np.testing.assert_allclose(whole, kljax.chernoff_information(*dense, with_order=True), rtol=1e-5)
    masked = [families.Masked(one, jnp.array([True, False, True])) for one in wide]
    np.testing.assert_array_equal(kljax.chernoff_information(*masked) > 0.0, [True, False, True])
    laplace = [families.Independent(families.Laplace(loc, jnp.ones(2)), 1) for loc in (0.0, 1.0)]
    with pytest.raises(NotImplementedError, match="Independent and Independent"):
        kljax.chernoff_information(*laplace)
    assert kljax.chernoff_information(families.Poisson(0.0), families.Poisson(2.0)) == pytest.approx(2.0, rel=1e-6)
    with pytest.raises(TypeError, match="with_order must be True or False; got 1"):
        kljax.chernoff_information(wide[0], wide[1], with_order=1)
    with pytest.raises(NotImplementedError, match=r"kljax\.estimate"):
        kljax.chernoff_information(dense[0], families.Dirichlet(jnp.ones(3)))


@pytest.mark.full
def test_chernoff_information_by_quadrature() -> None:
    p, q = families.Laplace(0.0, jnp.array([1.0, 2.0])), families.Laplace(0.5, 1.5)
    value, order = kljax.chernoff_information(p, q, with_order=True)
    assert value.shape == order.shape == (2,)
    log_density = distributions.TEXTBOOK["Laplace"].log_density
    for scale, found, best in zip((1.0, 2.0), value, order, strict=True):
        book = powers.of_densities(log_density, [-mpmath.inf, 0, mpf(0.5), mpmath.inf])
        expected, where = powers.chernoff(book, [mpf(0), mpf(scale)], [mpf(0.5), mpf(1.5)])
        np.testing.assert_allclose(float(found), float(expected), rtol=1e-6)
        np.testing.assert_allclose(float(best), float(where), atol=2e-3)


# --- total variation of normal distributions ----------------------------------------------------------------


def exact_variation(m: mpf, s: mpf, n: mpf, t: mpf) -> mpf:
    def below(x: mpf, loc: mpf, scale: mpf) -> mpf:
        return mpmath.erfc((loc - x) / scale / mpmath.sqrt(2)) / 2

    if s == t:
        ends = [(m + n) / 2]
    else:
        # The densities cross where a x² + b x + c = 0.
        a, b = 1 / s**2 - 1 / t**2, -2 * (m / s**2 - n / t**2)
        c = m**2 / s**2 - n**2 / t**2 - 2 * mpmath.log(t / s)
        root = mpmath.sqrt(b * b - 4 * a * c)
        ends = [(-b - root) / (2 * a), (-b + root) / (2 * a)]
    masses = [below(ends[-1], *one) - (below(ends[0], *one) if len(ends) == 2 else 0) for one in ((m, s), (n, t))]
    return abs(masses[0] - masses[1])


@pytest.mark.parametrize("dtype", thinned([np.float32, np.float64], [np.float32]))
def test_total_variation_of_normal_distributions(dtype: Any) -> None:
    starts = [(0.3, 1.2, 0.3 + gap * dm, 1.2 + gap * ds) for gap in GAPS for dm, ds in ((1.0, 0.5), (-1.0, 0.0))]
    starts += [(0.3, 1.2, 0.3, 1.2 - 0.5 * gap) for gap in GAPS]
    starts += [(0.3, 1.2, 5.0, 120.0), (0.3, 1.2, 9.0, 1.0), (0.0, 1e-3, 1.0, 50.0), (0.3, 120.0, 1.0, 1.2)]
    starts += [tuple(x * unit for x in starts[i]) for unit in (1e-15, 1e15) for i in (0, 4)]
    eps, points = float(np.finfo(dtype).eps), np.array(starts, dtype)
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):

        def value(x: jax.Array) -> jax.Array:
            return kljax.total_variation(families.Normal(x[0], x[1]), families.Normal(x[2], x[3]))

        found, slopes = map(np.asarray, jax.jit(jax.vmap(jax.value_and_grad(value)))(points))
        same = np.stack([points[:, 0], points[:, 1]] * 2, -1)
        none, flat_slope = map(np.asarray, jax.jit(jax.vmap(jax.value_and_grad(value)))(same))
        assert np.isfinite(jax.vmap(jax.hessian(value))(np.concatenate([points[:6], same[:1]]))).all()
    assert (none == 0.0).all()
    assert (flat_slope == 0.0).all()
    with mpmath.workdps(110):
        for point, one, slope in zip(points, found, slopes, strict=True):
            x = [mpf(float(a)) for a in point]
            expected = exact_variation(*x)
            assert abs(mpf(float(one)) - expected) <= 16 * eps * expected
            if expected == 0:
                continue
            step = mpf(10) ** -30 * x[1]
            exact = [
                (exact_variation(*x[:i], x[i] + step, *x[i + 1 :]) - exact_variation(*x[:i], x[i] - step, *x[i + 1 :]))
                / (2 * step)
                for i in range(4)
            ]
            norm = mpmath.sqrt(sum(a * a for a in exact))
            assert max(abs(mpf(float(a)) - b) for a, b in zip(slope, exact, strict=True)) <= 32 * eps * norm
    log, logit = (kind(0.3, 1.2) for kind in (families.LogNormal, families.LogitNormal))
    np.testing.assert_array_equal(
        kljax.total_variation(log, families.LogNormal(1.3, 1.7)), np.float32(found32(starts[0]))
    )
    np.testing.assert_array_equal(kljax.total_variation(logit, families.LogitNormal(1.3, 1.7)), found32(starts[0]))
    half = kljax.total_variation(families.HalfNormal(1.2), families.HalfNormal(1.7))
    np.testing.assert_array_equal(half, found32((0.0, 1.2, 0.0, 1.7)))


def found32(x: Any) -> Any:
    return kljax.total_variation(families.Normal(x[0], x[1]), families.Normal(x[2], x[3]))


# --- entropy and cross-entropy ------------------------------------------------------------------------------

OTHERS = {
    "Bernoulli": lambda: families.Bernoulli(0.3),
    "Categorical": lambda: families.Categorical(jnp.array([0.25, 0.75])),
    "Cauchy": lambda: families.Cauchy(0.0, 1.0),
    "HalfCauchy": lambda: families.HalfCauchy(1.0),
    "LogUniform": lambda: families.LogUniform(1.0, 2.0),
    "OneHotCategorical": lambda: families.OneHotCategorical(jnp.array([0.25, 0.75])),
    "PowerSpherical": lambda: families.PowerSpherical(DIRECTION, 2.0),
    "SphericalUniform": lambda: families.SphericalUniform(3),
    "TruncatedNormal": lambda: families.TruncatedNormal(0.0, 1.0, -1.0, 2.0),
    "Uniform": lambda: families.Uniform(0.25, 0.75),
}


def member(name: str, other: str) -> Any:
    """A record of the family whose draws have the shape of the other's."""
    if (name, other) == ("Dirichlet", "Beta"):
        return families.Dirichlet(jnp.array([1.5, 2.5]))
    if name in OTHERS:
        return OTHERS[name]()
    case = next(case for key, case in CASES.items() if key.partition(",")[0] == name)
    return case.p(*(jnp.asarray(one, jnp.float32) for one in case.start))


def test_cross_entropy_exists_for_every_pair_that_has_a_divergence() -> None:
    # KL has its tests for every row: what may be missing is the entropy of p.
    for one, other in {one: (one, other) for one, other in KL}.values():
        p, q = member(one.__name__, other.__name__), member(other.__name__, one.__name__)
        q = families.Dirichlet(jnp.array([1.5, 2.5])) if (one, other) == (families.Beta, families.Dirichlet) else q
        if one is families.MultivariateLogitNormal:
            with pytest.raises(NotImplementedError, match="has no closed form; take the mean"):
                kljax.cross_entropy(p, q)
            continue
        assert jax.eval_shape(kljax.cross_entropy, p, q).shape == ()


@pytest.mark.parametrize(
    ("name", "p", "q", "ends"),
    [
        ("Gamma", (2.25, 1.5), (3.0, 0.5), (0, 1, 4, mpmath.inf)),
        ("InverseGaussian", (1.5, 2.5), (1.0, 3.0), (0, 1, 4, mpmath.inf)),
        ("Lindley", (1.5,), (0.5,), (0, 1, 4, mpmath.inf)),
        ("LogitNormal", (0.75, 1.5), (0.5, 1.0), (0, 0.5, 1)),
        ("VonMises", (0.5, 2.5), (1.0, 1.0), (-mpmath.pi, 0.5, mpmath.pi)),
    ],
)
@pytest.mark.one_in(2)
def test_cross_entropy_is_the_integral(name: str, p: Any, q: Any, ends: Any) -> None:
    books = {**distributions.TEXTBOOK, **continuous.TEXTBOOK, **discrete.TEXTBOOK}
    log_density = books[name].log_density

    def lost(x: mpf) -> mpf:
        return -mpmath.exp(log_density(x, *map(mpf, p))) * log_density(x, *map(mpf, q))

    with jax.enable_x64(True):
        first, second = (getattr(families, name)(*map(np.float64, one)) for one in (p, q))
        found = float(jax.jit(kljax.cross_entropy)(first, second))
    np.testing.assert_allclose(found, float(mpmath.quad(lost, ends)), rtol=1e-12)
