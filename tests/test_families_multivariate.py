"""Distributions of vectors and matrices, and their closed forms, against the textbook in 80 digits on the same numbers.

Limits: values 16 eps and gradients 32 eps of their norm, for the forms are sums of non-negative atoms; those that
solve with matrices get the factor of their condition number, below 10 here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import multivariate as oracle
from sweeps import thinned

import kljax
from kljax import expfam, families
from kljax.families import MultivariateNormal

Arrays = list[np.ndarray]
GAPS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)


@dataclass(frozen=True)
class Case:
    """How records come from arrays, the textbook's KL of the same numbers, and the pairs to compare them on.

    ``scale(arrays, s)`` is in units s times larger; ``extra`` are further pairs.
    """

    p: Callable[..., Any]
    q: Callable[..., Any]
    kl: Callable[[Sequence[Any], Sequence[Any]], mpf]
    start: tuple[Arrays, Arrays]
    move: Arrays | None = None  # q's arrays less p's at the gap 1
    scale: Callable[[Arrays, float], Arrays] | None = None
    scales: tuple[float, ...] = ()
    extra: tuple[tuple[Arrays, Arrays], ...] = ()
    slack: float = 1.0  # the condition number of the matrices to be solved with

    def pairs(self) -> list[tuple[Arrays, Arrays]]:
        p, q = self.start
        if self.move is None:
            return [(p, q), *self.extra]
        near = [(p, [a + gap * d for a, d in zip(p, self.move, strict=True)]) for gap in GAPS]
        wide = (
            []
            if self.scale is None
            else [(self.scale(a, s), self.scale(b, s)) for s in self.scales for a, b in (near[0], near[3])]
        )
        return [*near, *wide, *self.extra]


def same(make: Callable[..., Any], book: Callable[..., mpf], start: Arrays, move: Arrays, **more: Any) -> Case:
    return Case(make, make, book, (start, start), move, **more)


def spd(n: int, seed: int) -> np.ndarray:
    a = np.random.default_rng(seed).normal(size=(n, n))
    return a @ a.T / n + np.eye(n)


def symmetric(n: int, seed: int) -> np.ndarray:
    a = np.random.default_rng(seed).normal(size=(n, n))
    return 0.2 * (a + a.T)


def vector(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=n)


def tril(n: int, seed: int) -> np.ndarray:
    return np.linalg.cholesky(spd(n, seed))


def normal(read: Callable[..., Any]) -> Callable[..., mpf]:
    return lambda p, q: oracle.TEXTBOOK["MultivariateNormal"].kl(read(*p), read(*q))


def book(name: str) -> Callable[..., mpf]:
    return oracle.TEXTBOOK[name].kl


def complex_normal(loc_r: Any, loc_i: Any, cov_r: Any, cov_i: Any) -> Any:
    return families.ComplexNormal(jax.lax.complex(loc_r, loc_i), jax.lax.complex(cov_r, cov_i))


def complex_textbook(p: Sequence[Any], q: Sequence[Any]) -> mpf:
    def joined(a: Any, b: Any) -> Any:
        return mpmath.mpc(a, b) if isinstance(a, mpf) else [joined(x, y) for x, y in zip(a, b, strict=True)]

    return book("ComplexNormal")(*((joined(*one[:2]), joined(*one[2:])) for one in (p, q)))


def logit_normal(loc: Any, covariance: Any) -> Any:
    return families.MultivariateLogitNormal(MultivariateNormal.from_covariance(loc, covariance))


def units(*powers: int) -> Callable[[Arrays, float], Arrays]:
    return lambda arrays, s: [a * s**power for a, power in zip(arrays, powers, strict=True)]


SKEW = np.array([[0.0, 0.4, -0.2], [-0.4, 0.0, 0.3], [0.2, -0.3, 0.0]])
DIRECTION, TURN = np.array([0.48, 0.6, 0.64]), np.array([0.3, -0.4, 0.15])
ROTATED = np.array([[0.6, -0.8], [0.8, 0.6]])
FACTOR = np.random.default_rng(7).normal(size=(6, 2))
SPARSE = [np.array([0.05, 3.0, 0.5, 40.0])]
CASES = {
    "ComplexNormal": same(
        complex_normal,
        complex_textbook,
        [vector(3, 1), vector(3, 2), spd(3, 3), SKEW],
        [vector(3, 4), vector(3, 5), symmetric(3, 6), 0.3 * SKEW],
        scale=units(1, 1, 2, 2),
        scales=(10.0**-7, 10.0**7),
        slack=4.0,
    ),
    "Dirichlet": same(
        families.Dirichlet,
        book("Dirichlet"),
        [np.array([0.75, 2.5, 1.25, 6.0])],
        [np.array([0.5, -1.0, 0.75, 2.0])],
        extra=(
            (SPARSE, [SPARSE[0] * np.array([1.5, 0.7, 1.1, 0.9])]),
            (SPARSE, [SPARSE[0] * (1.0 + 1e-3 * np.array([1.0, -2.0, 0.5, 1.0]))]),
            ([np.array([1e4, 2e4, 3e4, 1e4])], [np.array([1.001e4, 1.999e4, 3e4, 1e4])]),
            ([np.array([1e-6, 2e-6, 1e-5, 3.0])], [np.array([1e5, 2.0, 1e-4, 3.0])]),
        ),
    ),
    "GeneralizedDirichlet": same(
        families.GeneralizedDirichlet,
        book("GeneralizedDirichlet"),
        [np.array([0.75, 2.5, 1.25]), np.array([3.0, 0.5, 2.0])],
        [np.array([0.5, -1.0, 0.75]), np.array([1.0, 0.3, -0.4])],
    ),
    "InverseWishart": same(
        families.InverseWishart,
        book("InverseWishart"),
        [np.array(4.5), spd(3, 8)],
        [np.array(3.0), symmetric(3, 9)],
        scale=units(0, 2),
        scales=(10.0**-7, 10.0**7),
        extra=(([np.array(900.0), spd(3, 8)], [np.array(901.0), spd(3, 8)]),),
        slack=4.0,
    ),
    "MatrixNormal": same(
        families.MatrixNormal,
        book("MatrixNormal"),
        [np.random.default_rng(10).normal(size=(2, 3)), tril(2, 11), tril(3, 12)],
        [np.random.default_rng(13).normal(size=(2, 3)), 0.3 * tril(2, 14), -0.2 * tril(3, 15)],
        scale=units(1, 1, 0),
        scales=(1e-15, 1e15),
    ),
    "MultivariateLogitNormal": same(
        logit_normal,
        book("MultivariateLogitNormal"),
        [vector(2, 16), spd(2, 17)],
        [vector(2, 18), symmetric(2, 19)],
        slack=4.0,
    ),
    "MultivariateNormal, Cholesky": same(
        MultivariateNormal.from_cholesky,
        normal(oracle.from_cholesky),
        [vector(3, 20), tril(3, 21)],
        [vector(3, 22), 0.4 * tril(3, 23)],
        scale=units(1, 1),
        scales=(1e-15, 1e15),
    ),
    "MultivariateNormal, covariance": same(
        MultivariateNormal.from_covariance,
        book("MultivariateNormal"),
        [vector(3, 24), spd(3, 25)],
        [vector(3, 26), symmetric(3, 27)],
        scale=units(1, 2),
        scales=(10.0**-7, 10.0**7),
        slack=4.0,
    ),
    "MultivariateNormal, diagonal": same(
        MultivariateNormal.from_diagonal,
        normal(oracle.from_diagonal),
        [vector(3, 28), np.array([0.5, 1.5, 3.0])],
        [vector(3, 29), np.array([0.5, -1.0, 3.0])],
        scale=units(1, 1),
        scales=(1e-15, 1e15),
    ),
    "MultivariateNormal, low rank": same(
        MultivariateNormal.from_low_rank,
        normal(oracle.from_low_rank),
        [vector(6, 30), FACTOR, np.array([0.5, 1.5, 3.0, 1.0, 2.0, 0.8])],
        [
            vector(6, 31),
            0.5 * np.random.default_rng(32).normal(size=(6, 2)),
            np.array([0.5, -0.4, 1.0, 0.3, -0.2, 0.1]),
        ],
        scale=units(1, 1, 2),
        scales=(10.0**-7, 10.0**7),
        extra=(([vector(6, 30), FACTOR, np.ones(6)], [vector(6, 30), FACTOR @ ROTATED, np.full(6, 1.25)]),),
        slack=4.0,
    ),
    "MultivariateNormal, precision": same(
        MultivariateNormal.from_precision,
        normal(oracle.from_precision),
        [vector(3, 33), spd(3, 34)],
        [vector(3, 35), symmetric(3, 36)],
        scale=units(1, -2),
        scales=(10.0**-7, 10.0**7),
        slack=4.0,
    ),
    "VonMisesFisher": same(
        families.VonMisesFisher,
        book("VonMisesFisher"),
        [DIRECTION, np.array(2.5)],
        [TURN, np.array(1.5)],
        extra=tuple(
            ([DIRECTION, np.array(a)], [DIRECTION + gap * TURN, np.array(b)])
            for a, b, gap in ((0.0, 2.0, 0.5), (2.0, 0.0, 0.5), (0.0, 0.0, 0.5), (400.0, 410.0, 1e-3), (5e3, 9e3, 1e-2))
        ),
    ),
    "Wishart": same(
        families.Wishart,
        book("Wishart"),
        [np.array(4.5), spd(3, 37)],
        [np.array(3.0), symmetric(3, 38)],
        scale=units(0, 2),
        scales=(10.0**-7, 10.0**7),
        extra=(
            ([np.array(900.0), spd(3, 37)], [np.array(901.0), spd(3, 37)]),
            ([np.array(2.0625), spd(3, 37)], [np.array(2.125), spd(3, 37)]),
        ),
        slack=4.0,
    ),
    "Beta, Dirichlet": Case(
        families.Beta,
        families.Dirichlet,
        oracle.CROSS["Beta", "Dirichlet"],
        ([np.array(2.0), np.array(3.0)], [np.array([1.5, 4.0])]),
        extra=(([np.array(2.0), np.array(3.0)], [np.array([2.001, 3.002])]),),
    ),
    "Dirichlet, Beta": Case(
        families.Dirichlet,
        families.Beta,
        oracle.CROSS["Dirichlet", "Beta"],
        ([np.array([1.5, 4.0])], [np.array(2.0), np.array(3.0)]),
        extra=(([np.array([2.001, 3.002])], [np.array(2.0), np.array(3.0)]),),
    ),
    "PowerSpherical, SphericalUniform": Case(
        families.PowerSpherical,
        lambda: families.SphericalUniform(3),
        oracle.CROSS["PowerSpherical", "SphericalUniform"],
        ([DIRECTION, np.array(2.0)], []),
        extra=tuple(([DIRECTION, np.array(k)], []) for k in (0.0, 1e-6, 1e-3, 0.1, 30.0, 1e4)),
    ),
    "PowerSpherical, VonMisesFisher": Case(
        families.PowerSpherical,
        families.VonMisesFisher,
        oracle.CROSS["PowerSpherical", "VonMisesFisher"],
        ([DIRECTION, np.array(2.0)], [DIRECTION + 0.5 * TURN, np.array(1.0)]),
        extra=tuple(
            ([DIRECTION, np.array(k)], [DIRECTION + gap * TURN, np.array(j)])
            for k, j, gap in (
                *((0.0, 0.5, 0.0), (1e-3, 5e-4, 0.0), (0.5, 0.3, 1e-2), (6.0, 0.0, 0.5), (40.0, 20.0, 0.0)),
                *((1e3, 500.0, 0.0), (1e3, 700.0, 1e-2), (1e4, 5e3, 0.0), (0.5, 40.0, 0.0), (300.0, 2.0, 0.0)),
            )
        ),
    ),
    "SphericalUniform, PowerSpherical": Case(
        lambda: families.SphericalUniform(3),
        families.PowerSpherical,
        oracle.CROSS["SphericalUniform", "PowerSpherical"],
        ([], [DIRECTION, np.array(2.0)]),
        extra=tuple(([], [DIRECTION, np.array(k)]) for k in (0.0, 1e-6, 1e-3, 0.1, 30.0, 1e4)),
    ),
    "SphericalUniform, VonMisesFisher": Case(
        lambda: families.SphericalUniform(3),
        families.VonMisesFisher,
        oracle.CROSS["SphericalUniform", "VonMisesFisher"],
        ([], [DIRECTION, np.array(2.0)]),
        extra=tuple(([], [DIRECTION, np.array(k)]) for k in (0.0, 1e-6, 1e-3, 0.1, 30.0, 500.0)),
    ),
    "VonMisesFisher, SphericalUniform": Case(
        families.VonMisesFisher,
        lambda: families.SphericalUniform(3),
        oracle.CROSS["VonMisesFisher", "SphericalUniform"],
        ([DIRECTION, np.array(2.0)], []),
        extra=tuple(([DIRECTION, np.array(k)], []) for k in (0.0, 1e-6, 1e-3, 0.1, 30.0, 500.0)),
    ),
}


def exactly(array: Any) -> Any:
    """Nested lists of the same numbers."""
    return [exactly(one) for one in array] if np.ndim(array) else mpf(float(array))


def flat(p: Arrays, q: Arrays, dtype: Any) -> np.ndarray:
    return np.concatenate([np.ravel(one).astype(dtype) for one in (*p, *q)])


def shaped(vector: Any, like: Arrays) -> list[Any]:
    sizes = np.cumsum([0, *(one.size for one in like)])
    return [vector[a:b].reshape(one.shape) for a, b, one in zip(sizes[:-1], sizes[1:], like, strict=True)]


# The ordinary run takes float32 for all of them, and float64 where the dtype chooses what is computed.
TRIALS = [(name, np.float32) for name in CASES]
DOUBLE = ["Dirichlet", "MultivariateNormal, low rank", "PowerSpherical, VonMisesFisher", "VonMisesFisher", "Wishart"]


@pytest.mark.parametrize(
    ("name", "dtype"),
    TRIALS + thinned([(name, np.float64) for name in CASES], [(name, np.float64) for name in DOUBLE], spread=True),
)
@pytest.mark.by_default(
    "ComplexNormal-float32",
    "Dirichlet-float64",
    "InverseWishart-float32",
    "MatrixNormal-float32",
    "MultivariateNormal, diagonal-float32",
    "MultivariateNormal, covariance-float32",
    "VonMisesFisher-float32",
    "Wishart-float32",
)
def test_kl_and_its_gradient(name: str, dtype: Any) -> None:
    case, eps = CASES[name], float(np.finfo(dtype).eps)
    curved = dtype == np.float32 and case.move is not None
    pairs = case.pairs()
    p, q = case.start
    split, count = sum(one.size for one in p), sum(one.size for one in (*p, *q))
    points = np.stack([flat(*pair, dtype) for pair in pairs])
    rng = np.random.default_rng(0)
    ways = rng.uniform(-1.0, 1.0, size=(2, count))
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):

        @jax.jit
        @jax.vmap
        def everything(x: jax.Array) -> Any:
            def value(x: jax.Array) -> jax.Array:
                return kljax.kl(case.p(*shaped(x[:split], p)), case.q(*shaped(x[split:], q)))

            slope = jax.grad(value)
            # Second derivatives have the same rules in both dtypes, and overflow in float32.
            return value(x), slope(x), jax.jvp(slope, (x,), (x,))[1] if curved else x

        found = [np.asarray(one) for one in everything(points)]
        if case.move is not None:
            alike = np.concatenate([points[:, :split], points[:, :split]], -1)
            same = [np.asarray(one) for one in everything(alike)]
            assert (same[0] == 0.0).all()
            assert (same[1] == 0.0).all()
    assert np.isfinite(found[2]).all()

    def at(x: list[mpf]) -> mpf:
        numbers = np.array(x, dtype=object)
        return case.kl(listed(shaped(numbers[:split], p)), listed(shaped(numbers[split:], q)))

    worst = [0.0, 0.0]
    with mpmath.workdps(80):
        for point, value, slope in zip(points, *found[:2], strict=True):
            x = [mpf(float(one)) for one in point]
            expected = at(x)
            assert value >= 0.0
            if expected == 0 or abs(expected) < 1e-60:
                assert value == 0.0
                continue
            worst[0] = max(worst[0], abs(mpf(float(value)) - expected) / expected / eps)
            # Along directions in units of the parameters, so that numbers of any scale count alike.
            scaled = [mpf(float(g)) * one for g, one in zip(slope, x, strict=True)]
            norm = mpmath.sqrt(sum(one * one for one in scaled))
            for way in ways:
                step = mpf(10) ** -25
                up, down = ([a * (1 + sign * step * mpf(w)) for a, w in zip(x, way, strict=True)] for sign in (1, -1))
                exact = (at(up) - at(down)) / (2 * step)
                gap = abs(sum(g * mpf(w) for g, w in zip(scaled, way, strict=True)) - exact)
                worst[1] = max(worst[1], gap / norm / eps if norm else gap * mpf(10) ** 30)
    assert worst[0] <= 16 * case.slack
    assert worst[1] <= 32 * case.slack


def listed(arrays: list[np.ndarray]) -> list[Any]:
    return [one.tolist() for one in arrays]


def test_every_row_is_tried() -> None:
    ends = [name.split(", ") for name in CASES]
    tried = {(one[0], one[1] if one[1:] and one[0] != "MultivariateNormal" else one[0]) for one in ends}
    same = {(name, name) for name, one in oracle.TEXTBOOK.items() if one.kl is not None}
    assert tried | {("SphericalUniform", "SphericalUniform")} == same | set(oracle.CROSS)
    assert kljax.kl(families.SphericalUniform(4), families.SphericalUniform(4)) == 0.0


# --- densities, draws and moments --------------------------------------------------------------------------

MATRIX = spd(3, 37)
RECORDS = {
    "ComplexNormal": (CASES["ComplexNormal"].p, CASES["ComplexNormal"].start[0]),
    "Dirichlet": (families.Dirichlet, [np.array([0.75, 2.5, 1.25, 6.0])]),
    "GeneralizedDirichlet": (
        families.GeneralizedDirichlet,
        [np.array([0.75, 2.5, 1.25]), np.array([0.6, 0.5, 6.0])],
    ),
    "InverseWishart": (families.InverseWishart, [np.array(12.5), MATRIX]),
    "MatrixNormal": (families.MatrixNormal, CASES["MatrixNormal"].start[0]),
    "MultivariateLogitNormal": (logit_normal, CASES["MultivariateLogitNormal"].start[0]),
    **{name: (CASES[name].p, CASES[name].start[0]) for name in CASES if name.startswith("MultivariateNormal")},
    "PowerSpherical": (families.PowerSpherical, [DIRECTION, np.array(2.5)]),
    "SphericalUniform": (lambda: families.SphericalUniform(3), []),
    "VonMisesFisher": (families.VonMisesFisher, [DIRECTION, np.array(2.5)]),
    "Wishart": (families.Wishart, [np.array(4.5), MATRIX]),
}
READ = {
    "MultivariateNormal, Cholesky": oracle.from_cholesky,
    "MultivariateNormal, diagonal": oracle.from_diagonal,
    "MultivariateNormal, low rank": oracle.from_low_rank,
    "MultivariateNormal, precision": oracle.from_precision,
}
DRAWS = 4000


def textbook_density(name: str, arrays: Arrays, x: np.ndarray) -> mpf:
    """The textbook's log-density of one point."""
    if name == "SphericalUniform":
        return oracle.TEXTBOOK[name].log_density(None, 3)
    if name == "ComplexNormal":
        loc_r, loc_i, cov_r, cov_i = arrays
        point, loc, covariance = ([mpmath.mpc(z) for z in x], loc_r + 1j * loc_i, cov_r + 1j * cov_i)
        rows = [[mpmath.mpc(z) for z in row] for row in covariance]
        return oracle.TEXTBOOK[name].log_density(point, [mpmath.mpc(z) for z in loc], rows)
    parameters = [exactly(one) for one in arrays]
    parameters = READ[name](*parameters) if name in READ else parameters
    return oracle.TEXTBOOK[name.split(",")[0]].log_density(exactly(x), *parameters)


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.by_default(
    "ComplexNormal",
    "MatrixNormal",
    "MultivariateNormal, Cholesky",
    "MultivariateNormal, diagonal",
    "MultivariateNormal, precision",
    "SphericalUniform",
)
def test_densities_draws_and_moments(name: str) -> None:
    make, arrays = RECORDS[name]
    answers = [] if name == "MultivariateLogitNormal" else ["mean", "variance", "covariance"]

    @jax.jit
    def everything(key: jax.Array, arrays: Any) -> Any:
        p = make(*arrays)
        draws = p.sample(key, (DRAWS,))
        entropy = p.entropy() if answers else 0.0
        return draws, p.log_prob(draws), entropy, *(getattr(p, one, np.nan) for one in answers)

    with jax.enable_x64(True):
        found = everything(jax.random.key(1), arrays)
        shape = make(*map(jnp.asarray, arrays)).event_shape
    draws, log_density, *found = map(np.asarray, found)
    assert draws.shape == (DRAWS, *shape)
    with mpmath.workdps(50):
        for x, one in zip(draws[:5], log_density, strict=False):
            expected = textbook_density(name, arrays, x)
            assert abs(one - expected) <= 1e-12 * (1 + abs(expected))
    if not answers:
        return
    entropy, mean, variance, covariance = found
    # Six standard errors of the means.
    assert abs(-log_density.mean() - entropy) <= 6 * log_density.std() / np.sqrt(DRAWS) + 1e-12
    centred = draws - mean
    sizes = np.abs(centred) ** 2
    assert (np.abs(draws.mean(0) - mean) <= 6 * np.sqrt(sizes.mean(0) / DRAWS)).all()
    assert (np.abs(sizes.mean(0) - variance) <= 6 * sizes.std(0) / np.sqrt(DRAWS)).all()
    if covariance.ndim == 2:
        products = centred[:, :, None] * centred[:, None, :].conj()
        wide = np.sqrt((np.abs(products - products.mean(0)) ** 2).mean(0) / DRAWS)
        assert (np.abs(products.mean(0) - covariance) <= 6 * wide + 1e-12).all()
        np.testing.assert_allclose(np.diagonal(covariance), variance, rtol=1e-12)


@pytest.mark.parametrize("name", ["MatrixNormal", "MultivariateNormal, low rank", "PowerSpherical", "InverseWishart"])
@pytest.mark.by_default("MatrixNormal", "MultivariateNormal, low rank", "InverseWishart")
def test_the_derivatives_of_draws_are_those_of_the_mean(name: str) -> None:
    make, arrays = RECORDS[name]
    ways = [0.1 * one for one in arrays]

    @jax.jit
    def slopes(key: jax.Array) -> Any:
        def along(t: jax.Array) -> Any:
            p = make(*(a + t * way for a, way in zip(arrays, ways, strict=True)))
            return p.sample(key, (DRAWS,)), p.mean

        return jax.jvp(along, (0.0,), (1.0,))[1]

    with jax.enable_x64(True):
        of_draws, of_mean = map(np.asarray, slopes(jax.random.key(3)))
    assert (np.abs(of_draws.mean(0) - of_mean) <= 6 * of_draws.std(0) / np.sqrt(DRAWS)).all()


# --- what only some of them have ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Dirichlet", "MultivariateNormal, covariance"])
@pytest.mark.full
def test_natural_parameters_give_the_same_divergence(name: str) -> None:
    with jax.enable_x64(True):
        p, q = (CASES[name].p(*map(jnp.asarray, one)) for one in CASES[name].pairs()[0])
        ndims = (1, 2) if isinstance(p, MultivariateNormal) else 1
        found = expfam.kl(type(p).log_partition, p.natural, q.natural, event_ndims=ndims)
        np.testing.assert_allclose(found, kljax.kl(p, q), rtol=1e-12)


@pytest.mark.full
def test_pairs_of_normal_distributions_known_in_different_forms() -> None:
    rng = np.random.default_rng(40)
    loc, factor, scale = rng.normal(size=4), rng.normal(size=(4, 2)), np.array([0.5, 1.5, 2.5, 1.0])
    with jax.enable_x64(True):
        forms = [
            MultivariateNormal.from_covariance(loc, spd(4, 41)),
            MultivariateNormal.from_precision(loc + 0.5, spd(4, 42)),
            MultivariateNormal.from_cholesky(loc - 0.5, tril(4, 43)),
            MultivariateNormal.from_diagonal(loc * 0.5, scale),
            MultivariateNormal.from_low_rank(loc * 1.5, factor, scale),
            MultivariateNormal.from_low_rank(loc * 0.5, factor[:, :1], scale),
        ]
        textbook = [([mpf(float(x)) for x in one.mean], exactly(np.asarray(one.covariance))) for one in forms]
        chosen = [(i, j) for i in range(6) for j in range(6) if j in ((i + 1) % 6, (i + 2) % 6)]
        found = jax.jit(lambda forms: jnp.stack([kljax.kl(forms[i], forms[j]) for i, j in chosen]))(forms)
    expected = [book("MultivariateNormal")(textbook[i], textbook[j]) for i, j in chosen]
    np.testing.assert_allclose(found, np.array(expected, dtype=float), rtol=1e-13, atol=1e-28)


def test_many_dimensions_a_hair_apart() -> None:
    """D = 64 and covariances a factor 1.0001 apart: ¼ D (1e-4)², less what is of third order."""
    covariance = spd(64, 44).astype(np.float32)
    exact = sum(np.log(r) + 1.0 / r - 1.0 for r in np.full(64, np.float64(np.float32(1.0001)))) / 2
    wider = MultivariateNormal.from_covariance(jnp.zeros(64), np.float32(1.0001) * covariance)
    found = kljax.kl(MultivariateNormal.from_covariance(jnp.zeros(64), covariance), wider)
    # The factor times a float32 is rounded again: half an eps on 1e-4 for each entry.
    np.testing.assert_allclose(found, exact, rtol=2e-3)
    factor, diagonal = np.random.default_rng(45).normal(size=(64, 3)).astype(np.float32), np.ones(64, np.float32)
    p = MultivariateNormal.from_low_rank(jnp.zeros(64), factor, diagonal)
    q = MultivariateNormal.from_low_rank(jnp.zeros(64), factor, np.float32(1.0001) * diagonal)
    with jax.enable_x64(True):
        dense = [
            MultivariateNormal.from_covariance(jnp.zeros(64), factor.astype(float) @ factor.T + np.diag(d))
            for d in (diagonal.astype(float), (np.float32(1.0001) * diagonal).astype(float))
        ]
        exact = kljax.kl(*dense)
    np.testing.assert_allclose(kljax.kl(p, q), exact, rtol=64 * np.finfo(np.float32).eps)


def test_no_matrix_of_the_size_of_the_space_is_formed() -> None:
    p, q = (
        MultivariateNormal.from_low_rank(jnp.zeros(5000), jnp.ones((5000, 2)), jnp.full(5000, s)) for s in (1.0, 2.0)
    )

    def everything(p: Any, q: Any, key: jax.Array) -> Any:
        return jax.value_and_grad(kljax.kl)(p, q), p.log_prob(q.sample(key, (3,))), p.entropy(), p.variance

    text = str(jax.make_jaxpr(everything)(p, q, jax.random.key(0)))
    assert "5000,2]" in text
    assert "5000,5000]" not in text


def test_wishart_distributions_of_one_mean() -> None:
    """What is left of far larger terms; the gradient is that of a minimum in the mean, and rounding decides it."""
    scale = spd(3, 37).astype(np.float32)
    df = np.array([4.0, 64.0, 4096.0, 1048576.0], np.float32)
    found = jax.jit(kljax.kl)(families.Wishart(df, scale), families.Wishart(2.0 * df, 0.5 * scale))
    with mpmath.workdps(50):
        for f, value in zip(df, found, strict=True):
            p, q = (mpf(float(f)), exactly(scale)), (mpf(float(2.0 * f)), exactly(0.5 * scale))
            expected = book("Wishart")(p, q)
            assert abs(mpf(float(value)) - expected) <= 16 * np.finfo(np.float32).eps * expected


@pytest.mark.parametrize("n", thinned([2, 5, 40], [2, 5]))
@pytest.mark.by_default("2")
def test_directions_in_any_dimension(n: int) -> None:
    direction = np.random.default_rng(n).normal(size=n)
    other = direction + 0.01 * np.random.default_rng(n + 1).normal(size=n)
    concentrations = np.array(
        [[1e-3, 1e-3], [0.5, 0.25], [2.4, 1.5], [3.6, 2.2], [20.0, 12.0], [300.0, 160.0], [2e3, 1e3]]
    )
    with jax.enable_x64(True):

        @jax.jit
        def everything(k: jax.Array) -> Any:
            fisher = families.VonMisesFisher(direction, k[:, 0]), families.VonMisesFisher(other, k[:, 1])
            power = families.PowerSpherical(direction, k[:, 0])
            return kljax.kl(*fisher), kljax.kl(power, fisher[1])

        found = everything(concentrations)
    with mpmath.workdps(80):
        for form, values in zip(
            (book("VonMisesFisher"), oracle.CROSS["PowerSpherical", "VonMisesFisher"]), found, strict=True
        ):
            for (k, j), value in zip(concentrations, values, strict=True):
                expected = form((exactly(direction), mpf(k)), (exactly(other), mpf(j)))
                # The closed form may lose a factor 20 before Gauss's rule is taken.
                assert abs(mpf(float(value)) - expected) <= 64 * np.finfo(float).eps * expected


def test_the_oracle_of_angles_is_the_integral() -> None:
    direction = [mpf(1), mpf(0), mpf(0)]
    for k, j in ((2, 1), (5, 3)):
        closed = oracle.CROSS["PowerSpherical", "VonMisesFisher"]((direction, mpf(k)), (direction, mpf(j)))
        assert abs(oracle.by_angle(3, mpf(k), mpf(j)) - closed) <= 1e-12 * closed


@pytest.mark.full
def test_batches_broadcast_and_transformations_go_through() -> None:
    p = MultivariateNormal.from_diagonal(jnp.zeros((3, 1, 2)), jnp.ones(2))
    q = MultivariateNormal.from_cholesky(jnp.arange(8.0).reshape(4, 2), jnp.eye(2))
    expected = 0.5 * (np.arange(8.0).reshape(4, 2) ** 2).sum(-1)
    value, slope = jax.jit(jax.value_and_grad(lambda q: kljax.kl(p, q).sum()))(q)
    np.testing.assert_allclose(value, 3 * expected.sum(), rtol=1e-6)
    assert isinstance(slope, MultivariateNormal)
    assert slope.scale.tril.shape == (2, 2)
    mapped = jax.vmap(kljax.kl, (None, 0))(
        MultivariateNormal.from_diagonal(jnp.zeros(2), jnp.ones(2)),
        MultivariateNormal.from_cholesky(q.loc, jnp.broadcast_to(jnp.eye(2), (4, 2, 2))),
    )
    np.testing.assert_allclose(mapped, expected, rtol=1e-6)

    def shape(function: Callable[..., Any]) -> tuple[int, ...]:
        return jax.eval_shape(function).shape

    dirichlet, sphere = families.Dirichlet(jnp.ones((3, 1, 4))), families.SphericalUniform(4)
    assert shape(lambda: kljax.kl(p, q)) == (3, 4)
    assert shape(lambda: p.sample(jax.random.key(0), (5,))) == (5, 3, 1, 2)
    assert shape(lambda: p.log_prob(jnp.zeros((2, 3, 6, 2)))) == (2, 3, 6)
    assert shape(lambda: p.log_prob(jnp.zeros(2))) == (3, 1)
    assert shape(lambda: kljax.kl(dirichlet, families.Dirichlet(jnp.full((2, 4), 2.0)))) == (3, 2)
    assert shape(lambda: dirichlet.sample(jax.random.key(0), (5,))) == (5, 3, 1, 4)
    assert shape(lambda: kljax.kl(families.VonMisesFisher(jnp.ones((2, 4)), 1.0), sphere)) == (2,)
    assert families.Normal(0.0, 1.0).event_shape == ()
    assert np.isneginf(dirichlet.log_prob(jnp.array([0.5, 0.7, -0.2, 0.0]))).all()
    wishart = families.Wishart(4.0, jnp.eye(2))
    assert np.isneginf(wishart.log_prob(jnp.array([[1.0, 2.0], [2.0, 1.0]])))


def test_bad_input_names_the_argument() -> None:
    normal = MultivariateNormal.from_diagonal(jnp.zeros(2), jnp.ones(2))
    with pytest.raises(ValueError, match=r"same shape; MultivariateNormal has \(2,\) and Dirichlet has \(3,\)"):
        kljax.kl(normal, families.Dirichlet(jnp.ones(3)))
    with pytest.raises(ValueError, match=r"same shape; Normal has \(\) and MultivariateNormal has \(2,\)"):
        kljax.kl(families.Normal(0.0, 1.0), normal)
    with pytest.raises(ValueError, match=r"Beta is a Dirichlet distribution of two outcomes; the other one has 3"):
        kljax.kl(families.Beta(1.0, 2.0), families.Dirichlet(jnp.ones(3)))
    with pytest.raises(
        NotImplementedError, match=r"kl of MultivariateNormal and Dirichlet.*kljax\.estimate\(p, q, key=…\)"
    ):
        kljax.kl(normal, families.Dirichlet(jnp.ones(2)))
    with pytest.raises(NotImplementedError, match=r"f_divergence of Dirichlet and Dirichlet"):
        kljax.total_variation(families.Dirichlet(jnp.ones(2)), families.Dirichlet(jnp.ones(2)))
    with pytest.raises(ValueError, match=r"loc must have as many entries as the scale; got 3 and 2"):
        MultivariateNormal.from_diagonal(jnp.zeros(3), jnp.ones(2))
    with pytest.raises(ValueError, match=r"Covariance: matrix must hold square matrices.*\(2, 3\)"):
        MultivariateNormal.from_covariance(jnp.zeros(3), jnp.ones((2, 3)))
    with pytest.raises(ValueError, match=r"factor must have shape \[\.\.\., n, rank\]"):
        MultivariateNormal.from_low_rank(jnp.zeros(3), jnp.ones((2, 1)), jnp.ones(3))
    with pytest.raises(TypeError, match=r"MultivariateNormal: scale must be a record of kljax\.families; got float"):
        MultivariateNormal(jnp.zeros(3), 1.0)
    with pytest.raises(TypeError, match=r"normal must be a MultivariateNormal; got Dirichlet"):
        families.MultivariateLogitNormal(families.Dirichlet(jnp.ones(3)))
    with pytest.raises(ValueError, match=r"a direction needs at least 2 dimensions; got 1"):
        families.VonMisesFisher(jnp.ones(1), 1.0)
    with pytest.raises(TypeError, match=r"dimension must be a Python number"):
        families.SphericalUniform(jnp.array(3))
    with pytest.raises(ValueError, match=r"x must end in the shape of one draw, \(2,\); got shape \(3,\)"):
        normal.log_prob(jnp.zeros(3))
    with pytest.raises(TypeError, match=r"x must be an array of real numbers; got complex64"):
        normal.log_prob(jnp.zeros(2, jnp.complex64))
    with pytest.raises(ValueError, match=r"MatrixNormal: loc must be \[\.\.\., 2, 3\]; got shape \(3, 2\)"):
        families.MatrixNormal(jnp.zeros((3, 2)), jnp.eye(2), jnp.eye(3))
    with pytest.raises(ValueError, match=r"GeneralizedDirichlet: .*same number of entries; got 2 and 3"):
        families.GeneralizedDirichlet(jnp.ones(2), jnp.ones(3))
