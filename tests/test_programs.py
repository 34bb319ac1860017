"""Programs of quadrature: how large they are, and when one is made. Seconds are not asserted; equations are exact."""

from __future__ import annotations

import gc
import math
import weakref
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from equations import equations
from jax.scipy.stats import laplace, norm

import kljax
from kljax import logits, probs, quadrature
from kljax.families import (
    Binomial,
    Cauchy,
    Gamma,
    Gumbel,
    Laplace,
    LogNormal,
    NegativeBinomial,
    Normal,
    Poisson,
    StudentT,
    TruncatedNormal,
)
from kljax.quadrature import _programs
from kljax.quadrature._hoisted import split

LINE = (-math.inf, math.inf)

# What a program may have at most; the largest are those whose densities are.
LIMITS = [
    (kljax.kl, StudentT(3.0, 0.0, 1.0), Normal(0.0, 1.0), 1350),
    (kljax.kl, Cauchy(0.0, 1.0), StudentT(3.0, 0.0, 1.0), 1400),
    (kljax.kl, TruncatedNormal(0.0, 1.0, -1.0, 1.0), Gumbel(0.0, 1.0), 1300),
    (kljax.jensen_shannon, Normal(0.0, 1.0), Normal(1.0, 1.0), 1250),
    (kljax.total_variation, StudentT(3.0, 0.0, 1.0), Laplace(0.0, 1.0), 1300),
    (kljax.total_variation, StudentT(3.0, 0.0, 1.0), StudentT(4.0, 0.0, 1.0), 1300),
    (kljax.squared_hellinger, StudentT(3.0, 0.0, 1.0), Normal(0.0, 1.0), 1350),
    (kljax.chi_squared, StudentT(3.0, 0.0, 1.0), Normal(0.0, 1.0), 1400),
    (kljax.kl, Poisson(3.0), NegativeBinomial(4.0, 0.5), 1830),
    (kljax.kl, Binomial(10, 0.3), NegativeBinomial(4.0, 0.5), 2330),
    (kljax.kl, Gamma(2.0, 1.0), LogNormal(0.0, 1.0), 2550),
]


@pytest.mark.parametrize(("verb", "p", "q", "limit"), LIMITS, ids=lambda one: getattr(one, "__name__", None))
def test_programs_stay_small(verb: Any, p: Any, q: Any, limit: int) -> None:
    assert equations(verb, p, q) <= limit


@pytest.mark.parametrize(("verb", "limit"), [(logits.chernoff_information, 800), (probs.chernoff_information, 625)])
def test_a_search_over_rows_stays_small(verb: Any, limit: int) -> None:
    rows = jnp.full((32, 10), 0.1)
    assert equations(verb, rows, rows) <= limit


def test_a_derivative_evaluates_the_densities_once_more() -> None:
    p, q = StudentT(3.0, 0.0, 1.0), Normal(0.0, 1.0)
    value = equations(kljax.kl, p, q)
    assert equations(lambda p, q: jax.jvp(lambda p: kljax.kl(p, q), (p,), (p,)), p, q) <= value + 900


@pytest.mark.full
def test_constants_are_computed_outside_of_the_loop() -> None:
    """The normaliser of a StudentT is not of the points; in a loop stands what is."""
    p = StudentT(3.0, 0.5, 2.0)
    points = jnp.array([-1.0, 0.0, 3.0])

    def within(x: jax.Array) -> int:
        constants, at = split(p.log_prob, jax.ShapeDtypeStruct((), x.dtype))
        assert all(one.shape == () for one in constants)
        return equations(lambda x: jax.vmap(at, (None, -1), -1)(constants, x), x)

    assert within(points) < 0.6 * equations(p.log_prob, points)
    for one in (p, Gamma(2.5, 1.0), Poisson(3.0), TruncatedNormal(0.0, 1.0, -1.0, 1.0)):
        x = jnp.array([0.0, 1.0, 2.0])
        constants, at = split(one.log_prob, jax.ShapeDtypeStruct((), x.dtype))
        np.testing.assert_allclose(jax.vmap(at, (None, -1), -1)(constants, x), one.log_prob(x), rtol=1e-6)


def test_a_function_of_parameters_alone_is_a_constant() -> None:
    constants, at = split(lambda x: jnp.full_like(x, 2.0), jax.ShapeDtypeStruct((), jnp.float32))
    assert at(constants, jnp.float32(5.0)) == 2.0


# --- when a program is made ----------------------------------------------------------------------------------


_LOC = 0.0


def moving(x: jax.Array) -> jax.Array:
    return norm.logpdf(x, _LOC, 1.0)


def test_the_same_functions_are_compiled_once() -> None:
    class Density:
        def __init__(self, loc: float) -> None:
            self.loc = loc

        def log_prob(self, x: jax.Array) -> jax.Array:
            return norm.logpdf(x, self.loc, 1.0)

    density = Density(0.5)
    reference = weakref.ref(density)
    before = set(_programs._PROGRAMS)
    found = [quadrature.kl(density.log_prob, laplace.logpdf, support=LINE) for _ in range(3)]
    assert found[0] == found[2]
    (key,) = set(_programs._PROGRAMS) - before
    assert _programs._PROGRAMS[key][1]._run._cache_size() == 1
    density.loc = 0.0
    assert quadrature.kl(density.log_prob, laplace.logpdf, support=LINE).value != found[0].value
    del density
    gc.collect()
    assert reference() is None
    assert key not in _programs._PROGRAMS


def test_what_a_function_refers_to_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quadrature.kl(moving, norm.logpdf, support=LINE).value == 0.0
    before = len(_programs._PROGRAMS)
    assert quadrature.kl(moving, norm.logpdf, support=LINE).value == 0.0
    assert len(_programs._PROGRAMS) == before
    monkeypatch.setitem(globals(), "_LOC", 1.0)
    np.testing.assert_allclose(quadrature.kl(moving, norm.logpdf, support=LINE).value, 0.5, rtol=1e-6)


def test_arguments_of_the_densities_need_no_new_program() -> None:
    def log_p(x: jax.Array, loc: jax.Array, scale: jax.Array) -> jax.Array:
        return norm.logpdf(x, loc, scale)

    def log_q(x: jax.Array, loc: jax.Array, scale: jax.Array) -> jax.Array:
        return norm.logpdf(x, 0.0, 1.0)

    def kl(loc: Any, scale: Any) -> jax.Array:
        return quadrature.kl(log_p, log_q, support=LINE, args=(loc, scale)).value

    np.testing.assert_allclose(kl(1.0, 1.0), 0.5, rtol=1e-6)
    (program,) = (one for _, one in _programs._PROGRAMS.values() if one._alive()[0] is log_p)
    compiled = program._run._cache_size()
    for loc, scale in ((0.5, 2.0), (-1.0, 0.5)):
        truth = 0.5 * (scale**2 + loc**2 - 1.0) - math.log(scale)
        np.testing.assert_allclose(kl(loc, scale), truth, rtol=1e-6)
    assert program._run._cache_size() == compiled == 1
    np.testing.assert_allclose(jax.grad(kl)(1.0, 1.0), 1.0, rtol=1e-6)
    # They broadcast with the points, so that a batch is a column.
    np.testing.assert_allclose(kl(jnp.array([[0.0], [2.0]]), 1.0), [0.0, 2.0], rtol=1e-6, atol=1e-12)
    mean = quadrature.expectation(lambda x, *_: x, log_p, support=LINE, args=(1.5, 1.0))
    np.testing.assert_allclose(mean.value, 1.5, rtol=1e-6)
    with pytest.raises(TypeError, match="args must be a tuple"):
        quadrature.kl(log_p, log_q, support=LINE, args=1.0)


def test_one_family_on_both_sides_is_evaluated_as_one() -> None:
    p = StudentT(3.0, 0.0, 1.0)
    same, other = (equations(kljax.le_cam, p, q) for q in (StudentT(4.0, 0.5, 1.0), Cauchy(0.5, 1.0)))
    assert same < other
