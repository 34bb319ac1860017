"""More distributions on the line and KL between different ones, against the textbook on the same numbers.

Limits: values 16 eps and gradients 32 eps of their norm unless a case says otherwise.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles.continuous import CROSS, TEXTBOOK

import kljax
from kljax import expfam, families
from kljax.families._closed_forms import KL

GAPS = np.array([1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7])
Numbers = tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Case:
    """p, and how far q lies from it at a gap of one; the parameters that scale; more pairs; limits in eps."""

    p: Numbers
    away: Numbers
    scaled: tuple[int, ...] = ()
    more: tuple[tuple[Numbers, Numbers], ...] = ()
    value: float = 16.0
    slope: float = 32.0


CASES = {
    "Chi": Case((2.25,), (2.0,), more=(((0.125,), (900.0,)), ((1e4,), (9.5e3,)))),
    "Chi2": Case((2.25,), (2.0,), more=(((0.125,), (900.0,)), ((1e4,), (9.5e3,)))),
    "HalfCauchy": Case((1.5,), (1.25,), scaled=(0,)),
    "InverseGaussian": Case((0.75, 2.5), (0.7, -1.25), scaled=(0, 1), more=(((1e-3, 1e4), (1.1e-3, 9e3)),)),
    "LogUniform": Case((0.75, 2.5), (-0.25, 0.5), scaled=(0, 1), more=(((1e-15, 1e15), (1e-16, 1e15)),)),
    "LogitNormal": Case((0.75, 1.5), (0.7, -0.75)),
    "Moyal": Case((0.75, 1.5), (0.7, -0.75), scaled=(0, 1), more=(((-3.0, 0.5), (-2.0, 0.125)),)),
}


def pairs(case: Case, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Parameters [pairs, k] at every distance, at extreme scales, and the further pairs, as numbers of the dtype."""
    first = np.asarray(case.p)
    p = np.repeat(first[None], len(GAPS), 0)
    q = p + GAPS[:, None] * np.asarray(case.away)
    stretch = np.ones((2, 1, len(first)))
    stretch[:, 0, list(case.scaled)] = np.array([[1e-15], [1e15]])
    if case.scaled:
        p, q = (np.concatenate([one, *(one[None, :4] * stretch)]) for one in (p, q))
    if case.more:
        extra = np.asarray(case.more)
        p, q = np.concatenate([p, extra[:, 0]]), np.concatenate([q, extra[:, 1]])
    return p.astype(dtype), q.astype(dtype)


def exact(form: Any, p: np.ndarray, q: np.ndarray) -> tuple[mpf, list[mpf]]:
    """KL and its gradient in all parameters, by central differences of 110-digit arithmetic."""
    with mpmath.workdps(110):
        numbers = [mpf(float(x)) for x in (*p, *q)]

        def at(values: list[mpf]) -> mpf:
            return form(values[: len(p)], values[len(p) :])

        value, slopes = at(numbers), []
        for i, x in enumerate(numbers):
            if value == mpmath.inf:
                slopes.append(mpf(0))
                continue
            step = mpf(10) ** -30 * (abs(x) + mpf(10) ** -30)
            up, down = ([*numbers[:i], x + way * step, *numbers[i + 1 :]] for way in (1, -1))
            slopes.append((at(up) - at(down)) / (2 * step))
        return value, slopes


def record(name: str, parameters: Any) -> Any:
    return getattr(families, name)(*(parameters[..., i] for i in range(parameters.shape[-1])))


def held(found: Any, slopes: Any, expected: Any, p: np.ndarray, q: np.ndarray, case: Any) -> None:
    """Holds a value and its gradient against the oracle's."""
    (value, gradient), eps = expected, float(np.finfo(p.dtype).eps)
    assert found >= 0.0
    if value == mpmath.inf:
        assert found == np.inf
        assert (np.asarray(slopes) == 0.0).all()
        return
    assert abs(mpf(float(found)) - value) <= case.value * eps * value, (p, q, found, float(value))
    # In units of the parameters, so that locations and rates of any scale count alike.
    units = [abs(mpf(float(x))) for x in (*p, *q)]
    norm = mpmath.sqrt(sum((g * u) ** 2 for g, u in zip(gradient, units, strict=True)))
    for g, f, u in zip(gradient, slopes, units, strict=True):
        assert abs(mpf(float(f)) - g) * u <= case.slope * eps * norm, (p, q, list(slopes), [float(g) for g in gradient])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name in CASES if TEXTBOOK[name].kl])
def test_kl_and_its_gradient(name: str, dtype: Any) -> None:
    case = CASES[name]
    p, q = pairs(case, dtype)
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):

        @jax.jit
        @jax.vmap
        def everything(x: jax.Array) -> Any:
            def value(x: jax.Array) -> jax.Array:
                return kljax.kl(record(name, x[0]), record(name, x[1]))

            return value(x), jax.grad(value)(x), jax.hessian(value)(x)

        both = np.concatenate([np.stack([p, q], 1), np.stack([p, p], 1)])
        value, slopes, hessian = map(np.asarray, everything(both))
    count = len(p)
    assert np.isfinite(hessian).all()
    assert (value[count:] == 0.0).all()
    assert (slopes[count:] == 0.0).all()
    for i in range(count):
        held(value[i], slopes[i].ravel(), exact(TEXTBOOK[name].kl, p[i], q[i]), p[i], q[i], case)


@pytest.mark.parametrize("name", sorted(CASES))
def test_densities_samples_and_moments(name: str) -> None:
    base = CASES[name].p
    with jax.enable_x64(True):
        distribution = getattr(families, name)(*(np.float64(x) for x in base))

        @jax.jit
        def everything(one: Any) -> Any:
            draws = one.sample(jax.random.key(0), (4000,))
            return draws, one.log_prob(draws), one.entropy(), one.mean, one.variance

        draws, all_of_them, entropy, mean, variance = map(np.asarray, everything(distribution))
        low, high = float(distribution.support.low), float(distribution.support.high)
        outside = np.asarray(distribution.log_prob(np.array([low - 1.0, high + 1.0])))
    assert draws.shape == (4000,)
    assert (draws >= low).all()
    assert (draws <= high).all()
    assert np.isneginf(outside[np.isfinite([low, high])]).all()
    parameters = [mpf(x) for x in base]
    for x, found in zip(draws[:20], all_of_them, strict=False):
        expected = TEXTBOOK[name].log_density(mpf(float(x)), *parameters)
        assert abs(found - expected) <= 1e-13 * (1 + abs(expected))
    # Six standard errors: of the mean of -log p for the entropy, of the mean for the mean.
    assert abs(-all_of_them.mean() - entropy) <= 6 * all_of_them.std() / np.sqrt(4000)
    if np.isfinite(mean):
        assert abs(draws.mean() - mean) <= 6 * draws.std() / np.sqrt(4000)
    if np.isfinite(variance):
        assert abs(draws.var() - variance) <= 0.2 * variance


@pytest.mark.parametrize("name", [name for name in CASES if hasattr(getattr(families, name), "natural")])
def test_natural_parameters_give_the_same_divergence(name: str) -> None:
    with jax.enable_x64(True):
        p, q = (record(name, one[0]) for one in pairs(CASES[name], np.float64))
        kind = getattr(families, name)
        found = expfam.kl(kind.log_partition, p.natural, q.natural)
        np.testing.assert_allclose(found, kljax.kl(p, q), rtol=1e-12)


def test_every_case_is_a_row_of_the_table() -> None:
    assert set(CASES) == set(TEXTBOOK)
    rows = {(one.__name__, other.__name__) for one, other in KL}
    assert {(name, name) for name in CASES if TEXTBOOK[name].kl} | set(CROSS) <= rows
