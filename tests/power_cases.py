"""Pairs of one exponential family, and the textbook's log ∫pᵅq¹⁻ᵅ of each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import mpmath
import numpy as np
from mpmath import mpf
from oracles import multivariate as oracle
from oracles import powers
from oracles.discrete import softmax

from kljax import families
from kljax.families import MultivariateNormal

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
    "LKJ": Case(
        lambda x: families.LKJ(4, x),
        lambda x: families.LKJ(4, x),
        lambda p, q, order: powers.POWERS["LKJ"]([mpf(4), *p], [mpf(4), *q], order),
        numbers(1.5),
        numbers(0.75),
        more=both(((0.01,), (300.0,))),
    ),
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
    "Multinomial": Case(
        lambda x: families.Multinomial(4, logits=x),
        lambda x: families.Multinomial(4, logits=x),
        lambda p, q, order: powers.POWERS["Multinomial"]([mpf(4), *softmax(p[0])], [mpf(4), *softmax(q[0])], order),
        [np.array([0.75, -0.5, 1.25])],
        [np.array([0.5, 1.0, -0.25])],
        more=(([np.array([8.0, 0.0, -5.0])], [np.array([-3.0, 1.0, 6.0])]),),
    ),
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
    "Zipf": scalar("Zipf", (2.5,), (0.75,), more=both(((1.01,), (8.0,)))),
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


def textbook(case: Case, like: tuple[Arrays, Arrays], x: list[mpf], order: float) -> mpf:
    """Rényi's divergence, of order one as that of an order close to it in as many digits."""
    values, split = np.array(x, dtype=object), sum(one.size for one in like[0])
    p, q = shaped(values[:split], like[0]), shaped(values[split:], like[1])
    a = mpf(order) if order != 1.0 else 1 - mpf(10) ** -50
    found = case.book([exactly(one) for one in p], [exactly(one) for one in q], a)
    return found / (a - 1)
