"""Chernoff's information between distributions against the textbook in 110 digits on the same numbers."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles import distributions, powers
from power_cases import CASES, exactly, flat, shaped, textbook
from sweeps import thinned

import kljax
from kljax import families, probs
from kljax.divergences import _structure
from kljax.divergences._forms.exponential_families import LINES
from kljax.divergences._forms.renyi_and_chernoff import chernoff_of
from kljax.families._internal import aligned

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
@pytest.mark.by_default("Normal-float32")
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
                p, q = case.p(*shaped(x[:split], like[0])), case.q(*shaped(x[split:], like[1]))
                p, q = aligned(*_structure.unified(p, q))
                return chernoff_of(LINES[type(p), type(q)])(p, q)

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


def test_the_slope_outside_of_jit() -> None:
    """Of Poisson rates a and b the member between has the rate m = (b - a)/log(b/a), and ∂C/∂a = α(1 - m/a)."""
    a, b = 1.0, 4.0
    m = (b - a) / math.log(b / a)
    order = math.log(b / m) / math.log(b / a)
    slope = jax.grad(lambda a: kljax.chernoff_information(families.Poisson(a), families.Poisson(b)))(a)
    np.testing.assert_allclose(slope, order * (1.0 - m / a), rtol=1e-6)


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


@pytest.mark.full
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


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.full)])
def test_the_order_at_an_end_by_quadrature(dtype: Any) -> None:
    """Where p is q given a part of the line, J_α = (1 - α) log 1/q(part)."""
    with jax.enable_x64(dtype == np.float64), mpmath.workdps(30):
        ends = np.array([[1.0, 2.0], [2.0, 1.0]], dtype)
        p, q = (families.TruncatedNormal(dtype(0.0), dtype(1.0), dtype(-1.0), high) for high in ends)
        found, order = kljax.chernoff_information(p, q, with_order=True)
        inner, outer = (mpmath.ncdf(high) - mpmath.ncdf(-1) for high in (1, 2))
        right, eps = float(mpmath.log(outer / inner)), float(np.finfo(dtype).eps)
        np.testing.assert_allclose(found, [right, right], rtol=32 * eps)
        np.testing.assert_allclose(order, [0.0, 1.0], atol=8 * eps)


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


def test_equal_rows_of_the_smallest_masses_cost_nothing() -> None:
    for mass in (1.0, 1e-30, 2e-38):
        p = jnp.array([0.0, mass], jnp.float32)
        assert probs.chernoff_information(p, p, measure=True) == 0.0, mass
