"""More distributions on the line and KL between different ones, against the textbook on the same numbers.

Limits: values 16 eps and gradients 32 eps of their norm unless a case says otherwise.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles.continuous import CROSS, TEXTBOOK
from oracles.distributions import TEXTBOOK as FIRST

import kljax
from kljax import expfam, families
from kljax.divergences._forms.table import DIVERGENCES

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
    gaps: tuple[float, ...] = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
    digits: int = 110


CASES = {
    "Chi": Case((2.25,), (2.0,), more=(((0.125,), (900.0,)), ((1e4,), (9.5e3,)))),
    "Chi2": Case((2.25,), (2.0,), more=(((0.125,), (900.0,)), ((1e4,), (9.5e3,)))),
    "ContinuousBernoulli": Case(
        (0.75,),
        (1.25,),
        more=(
            *(((500.0,), (-500.0,)), ((-500.0,), (20.0,)), ((-500.0,), (-499.0,)), ((-500.0,), (-480.0,))),
            *(((2e4,), (20004.0,)), ((2e4,), (2.5e4,)), ((-20.0,), (-1e4,))),
            *(((0.0,), (1e-3,)), ((1e-4,), (-1e-4,)), ((0.0,), (3.0,)), ((6.0,), (1.0,)), ((-1.0,), (-300.0,))),
        ),
    ),
    "HalfCauchy": Case((1.5,), (1.25,), scaled=(0,)),
    "InverseGaussian": Case((0.75, 2.5), (0.7, -1.25), scaled=(0, 1), more=(((1e-3, 1e4), (1.1e-3, 9e3)),)),
    "Kumaraswamy": Case((1.5, 2.5), (0.75, -1.0), gaps=(1.0, 1e-2, 1e-6), digits=60),
    "Lindley": Case((1.5,), (1.25,), scaled=(0,)),
    "LogUniform": Case((0.75, 2.5), (-0.25, 0.5), scaled=(0, 1), more=(((1e-15, 1e15), (1e-16, 1e15)),)),
    "LogitNormal": Case((0.75, 1.5), (0.7, -0.75)),
    "Moyal": Case((0.75, 1.5), (0.7, -0.75), scaled=(0, 1), more=(((-3.0, 0.5), (-2.0, 0.125)),)),
}

CASES["TruncatedNormal"] = Case(
    (0.25, 1.5, -1.0, 2.0),
    (0.5, -0.5, -0.25, 0.5),
    scaled=(0, 1, 2, 3),
    gaps=(1.0, 1e-2, 1e-4, 1e-7),
    digits=70,
    more=(
        *(
            ((0.25, 1.5, -1.0, 2.0), q)
            for q in [(0.2501, 1.5, -1.0, 2.0), (3.0, 0.75, -1.0, 2.0), (0.5, 1.0, -0.5, 2.0)]
        ),
        *(((0.25, 1.5, -math.inf, math.inf), q) for q in [(0.5, 1.25, -math.inf, math.inf), (0.5, 1.25, 0.0, 1.0)]),
        *(((0.25, 1.5, 0.0, math.inf), q) for q in [(0.3, 1.4, -1.0, math.inf), (-4.0, 1.0, 0.0, math.inf)]),
        *(((0.0, 1.0, 20.0, 21.0), q) for q in [(0.125, 1.0, 20.0, 21.0), (0.5, 1.5, 19.0, 24.0)]),
        *(((0.0, 1.0, 0.5, 0.50390625), q) for q in [(0.5, 2.0, 0.5, 0.50390625), (0.5, 2.0, 0.5, 0.75)]),
    ),
)


@dataclasses.dataclass(frozen=True)
class Limits:
    """In eps, of the value and of the gradient's norm."""

    value: float = 32.0
    slope: float = 64.0
    steep: tuple[int, ...] = ()  # the cases in which a derivative is infinite


# E[log x] of Uniform(l, h) has an infinite derivative at l = 0.
# Normal‖Laplace is almost stationary in the scales at one of the pairs.
# Gamma‖Gumbel at (300, 2)‖(140, 7) has the difference of μ/β = 20 and α log(1 + ρ) = 20.7 in an exponent: their
# rounding alone is 20 eps. 64 eps is what the closed forms promise at all.
CROSS_LIMITS = {
    ("Uniform", "Beta"): Limits(steep=(1, 4, 5)),
    ("Normal", "Laplace"): Limits(slope=128.0),
    ("Gamma", "Gumbel"): Limits(value=64.0),
}
BETA, GAMMA = (2.25, 1.5), (2.25, 0.75)
# Pairs of parameters of each row: ordinary ones, extreme scales, coincidence and what is close to it, no mass missed
# and some missed, moments that are infinite.
CROSS_CASES: dict[tuple[str, str], tuple[tuple[Numbers, Numbers], ...]] = {
    ("Beta", "ContinuousBernoulli"): (
        *((BETA, (0.75,)), (BETA, (-40.0,)), ((0.25, 30.0), (-20.0,)), ((1.0, 1.0), (0.0,))),
        *(((1.001, 0.9995), (1e-3,)), ((1.00001, 1.0), (-2e-5,))),
    ),
    ("Beta", "Exponential"): ((BETA, (0.75,)), (BETA, (1e15,)), (BETA, (1e-15,)), ((0.125, 20.0), (3.0,))),
    ("Beta", "Gamma"): (
        *((BETA, (0.75, 2.0)), (BETA, (4.5, 1e-15)), ((0.125, 20.0), (0.25, 3.0)), (BETA, (40.0, 1e3))),
        # Where p is almost a gamma distribution, and q almost the same.
        *(((0.0194, 25.47), (0.0364, 0.093)), ((1.5, 300.0), (1.5, 301.5)), ((0.002, 0.25), (0.00195, 0.25))),
        *(((0.0047, 891.0), (0.0046, 891.5)), ((0.04, 18.5), (0.041, 18.58))),
    ),
    ("Beta", "Normal"): (
        (BETA, (0.5, 0.25)),
        (BETA, (3.0, 1e15)),
        ((0.125, 20.0), (0.0, 1.0)),
        ((9.0, 5.0), (0.6, 0.1)),
    ),
    ("Beta", "Uniform"): (
        *((BETA, (-0.5, 1.25)), (BETA, (0.25, 1.0)), (BETA, (0.0, 1.0)), ((1.0, 1.0), (0.0, 1.0))),
        *(((1.001, 0.999), (0.0, 1.001)), ((1.00001, 1.0), (-1e-9, 1.0))),
    ),
    ("Chi2", "Exponential"): (((2.0,), (0.5,)), ((2.001,), (0.5,)), ((2.00001,), (0.50001,)), ((7.0,), (1e-15,))),
    ("Exponential", "Chi2"): (((0.5,), (2.0,)), ((0.5,), (2.001,)), ((0.50001,), (2.00001,)), ((1e-15,), (7.0,))),
    ("Chi2", "Gamma"): (
        ((3.0,), (1.5, 0.5)),
        ((3.001,), (1.5, 0.5)),
        ((3.0,), (1.50001, 0.50001)),
        ((7.0,), (9.0, 1e15)),
    ),
    ("ContinuousBernoulli", "Exponential"): tuple(
        ((eta,), (rate,))
        for eta, rate in [(0.75, 2.0), (0.0, 1e-15), (-5.0, 4.0), (-30.0, 30.0), (-40.0, 2.0), (300.0, 1.0)]
    ),
    ("ContinuousBernoulli", "Normal"): tuple(
        ((eta,), normal)
        for eta, normal in [(0.75, (0.5, 0.25)), (0.0, (-1.0, 1e3)), (-30.0, (0.0, 0.1)), (300.0, (1.0, 0.01))]
    ),
    ("ContinuousBernoulli", "Uniform"): (
        *(((0.75,), (-0.5, 1.25)), ((-300.0,), (0.0, 1.0)), ((0.75,), (0.125, 2.0)), ((0.0,), (0.0, 1.0))),
        *(((1e-3,), (0.0, 1.0)), ((1e-3,), (-1e-6, 1.0))),
    ),
    ("Exponential", "Gamma"): (
        ((1.5,), GAMMA),
        ((1.5,), (1.001, 1.5)),
        ((1.5,), (1.0, 1.50001)),
        ((1e15,), (2.0, 1e14)),
    ),
    ("Exponential", "Gumbel"): (
        *(((1.5,), (0.5, 1.0)), ((1e15,), (1e-15, 2e-15)), ((1e-15,), (1e15, 5e15)), ((1.5,), (-2.0, 8.0))),
        ((1e-3,), (3.0, 0.5)),
    ),
    ("Exponential", "Normal"): (((1.5,), (0.5, 1.0)), ((1e15,), (1e-15, 2e-15)), ((1e-15,), (1e15, 5e15))),
    ("Gamma", "Chi2"): ((GAMMA, (3.0,)), ((1.5, 0.5), (3.0,)), ((1.50001, 0.50001), (3.0,)), ((2.0, 1e-15), (3.0,))),
    ("Gamma", "Exponential"): ((GAMMA, (1.5,)), ((1.0, 1.5), (1.5,)), ((1.00001, 1.5), (1.5,)), ((2.0, 1e15), (1e14,))),
    ("Gamma", "Gumbel"): (
        *(
            (GAMMA, (0.5, 1.0)),
            ((0.125, 1e15), (1e-15, 2e-15)),
            ((30.0, 1e-15), (2e16, 5e15)),
            ((0.9, 1.0), (-2.0, 8.0)),
        ),
        ((300.0, 2.0), (140.0, 7.0)),
    ),
    ("Gamma", "Normal"): ((GAMMA, (0.5, 1.0)), ((0.125, 1e15), (1e-15, 2e-15)), ((30.0, 1e-15), (2e16, 5e15))),
    ("Gumbel", "Normal"): (((0.75, 1.5), (0.5, 1.0)), ((1e-15, 2e-15), (3e-15, 1e-15)), ((1e15, 2e15), (3e15, 3e15))),
    ("Kumaraswamy", "Beta"): (
        ((1.5, 2.5), (2.0, 0.75)),
        ((1.0, 2.5), (1.0, 2.5)),
        ((1.001, 2.5), (1.0, 2.5)),
        ((3.0, 1.0), (3.0, 1.00001)),
    ),
    ("Laplace", "Normal"): (((0.75, 1.5), (0.5, 1.0)), ((1e-15, 2e-15), (3e-15, 1e-15)), ((1e15, 2e15), (3e15, 3e15))),
    ("Normal", "Gumbel"): (((0.75, 1.5), (0.5, 1.0)), ((1e-15, 2e-15), (3e-15, 1e-15)), ((1e15, 2e15), (3e15, 3e15))),
    ("Normal", "Laplace"): (
        *(((0.75, 1.5), (0.5, 1.0)), ((1e-15, 2e-15), (3e-15, 1e-15)), ((1e15, 2e15), (3e15, 3e15))),
        *(((0.5, 1.0), (0.5, 0.8)), ((40.0, 1.0), (-20.0, 8.0))),
    ),
    ("Pareto", "Exponential"): (
        ((2.75, 1.5), (0.75,)),
        ((1.0625, 1e15), (1e-15,)),
        ((1.0, 1.5), (2.0,)),
        ((80.0, 1e-15), (1e14,)),
    ),
    ("Pareto", "Gamma"): (
        ((2.75, 1.5), GAMMA),
        ((1.0625, 1e15), (1.5, 1e-15)),
        ((0.75, 1.5), GAMMA),
        ((80.0, 1e-15), (60.0, 1e15)),
    ),
    ("Pareto", "Normal"): (
        ((2.75, 1.5), (2.0, 1.0)),
        ((2.0625, 1e15), (2e15, 3e15)),
        ((2.0, 1.5), (2.0, 1.0)),
        ((80.0, 1e-15), (1e-15, 1e-17)),
    ),
    ("Uniform", "Beta"): (
        *(((0.25, 0.75), BETA), ((0.0, 1.0), BETA), ((0.0, 1.25), BETA), ((0.0, 1.0), (1.0, 1.0))),
        *(((0.0, 1.0), (1.001, 0.9995)), ((1e-7, 1.0), (1.00001, 1.0)), ((0.625, 0.6875), (0.5, 0.25))),
    ),
    ("Uniform", "ContinuousBernoulli"): (
        *(((0.25, 0.75), (2.0,)), ((0.0, 1.0), (-300.0,)), ((-0.5, 1.0), (2.0,)), ((0.0, 1.0), (0.0,))),
        *(((0.0, 1.0), (1e-3,)), ((1e-6, 1.0), (1e-3,)), ((0.625, 0.6875), (30.0,)), ((0.0, 0.0625), (-40.0,))),
    ),
    ("Uniform", "Exponential"): (
        ((0.25, 2.5), (0.75,)),
        ((0.0, 1e15), (1e-15,)),
        ((-0.5, 1.0), (2.0,)),
        ((1.0, 1.0625), (2.0,)),
    ),
    ("Uniform", "Gamma"): (
        ((0.25, 2.5), GAMMA),
        ((0.0, 1e15), (1.5, 1e-15)),
        ((-0.5, 1.0), GAMMA),
        ((1.0, 1.0625), (20.0, 18.0)),
    ),
    ("Uniform", "Gumbel"): (
        *(
            ((0.25, 2.5), (0.5, 1.0)),
            ((-1e15, 1e15), (1e14, 1e15)),
            ((1.0, 1.0625), (2.0, 1.5)),
            ((-1.0, 20.0), (1.0, 0.25)),
        ),
    ),
    ("Uniform", "Normal"): (((0.25, 2.5), (0.5, 1.0)), ((-1e15, 1e15), (1e14, 1e15)), ((1.0, 1.0625), (2.0, 1.5))),
    ("Uniform", "Pareto"): (
        ((0.75, 2.5), (1.5, 0.5)),
        ((1.0, 2.0), (3.0, 1.0)),
        ((0.75, 2.0), (1.5, 1.0)),
        ((2e15, 3e15), (0.25, 1e15)),
    ),
    ("Weibull", "Exponential"): (
        ((1.0, 2.0), (0.5,)),
        ((1.001, 2.0), (0.5,)),
        ((1.00001, 2.0), (0.50001,)),
        ((0.5, 1e15), (1e-14,)),
    ),
    ("Weibull", "Gamma"): (
        *(
            ((2.5, 1.5), GAMMA),
            ((1.0, 2.0), (1.0, 0.5)),
            ((1.001, 2.0), (0.9995, 0.5)),
            ((1.0, 2.0), (1.00001, 0.50001)),
        ),
        *(((0.5, 1e15), (0.5, 1e-15)), ((3.0, 2.0), (6.0, 4.0))),
    ),
}


def in_turns(names: list[Any]) -> list[Any]:
    """Each name in float32 and float64; an ordinary run takes one of the two by turns, --full both."""
    every = [(name, dtype) for name in names for dtype in (np.float32, np.float64)]
    identifiers = [f"{name if isinstance(name, str) else '-'.join(name)}-{dtype.__name__}" for name, dtype in every]
    marks = [() if i % 4 in (1, 2) else pytest.mark.full for i in range(len(every))]
    return [pytest.param(*one, marks=m, id=name) for one, m, name in zip(every, marks, identifiers, strict=True)]


def pairs(case: Case, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Parameters [pairs, k] at every distance, at extreme scales, and the further pairs, as numbers of the dtype."""
    first = np.asarray(case.p)
    gaps = np.asarray(case.gaps)[:, None]
    p = np.repeat(first[None], len(gaps), 0)
    q = p + gaps * np.asarray(case.away)
    stretch = np.ones((2, 1, len(first)))
    stretch[:, 0, list(case.scaled)] = np.array([[1e-15], [1e15]])
    if case.scaled:
        p, q = (np.concatenate([one, *(one[None, :4] * stretch)]) for one in (p, q))
    if case.more:
        extra = np.asarray(case.more)
        p, q = np.concatenate([p, extra[:, 0]]), np.concatenate([q, extra[:, 1]])
    return p.astype(dtype), q.astype(dtype)


def exact(form: Any, p: np.ndarray, q: np.ndarray, digits: int) -> tuple[mpf, list[mpf]]:
    """KL and its gradient in all parameters, by central differences."""
    with mpmath.workdps(digits):
        numbers = [mpf(float(x)) for x in (*p, *q)]

        def at(values: list[mpf]) -> mpf:
            return form(values[: len(p)], values[len(p) :])

        value, slopes = at(numbers), []
        for i, x in enumerate(numbers):
            if value in (0, mpmath.inf) or mpmath.isinf(
                x
            ):  # at p = q a step may lead to ∞: the subgradient 0 is taken there
                slopes.append(mpf(0))
                continue
            step = mpf(10) ** (-digits // 4) * (abs(x) + mpf(10) ** (-digits // 4))
            up, down = (at([*numbers[:i], x + way * step, *numbers[i + 1 :]]) for way in (1, -1))
            # Where the support of q ends at that of p, the derivative is that of the side where KL is finite.
            ways = (up != mpmath.inf) + (down != mpmath.inf)
            up, down = (value if one == mpmath.inf else one for one in (up, down))
            slopes.append((up - down) / (ways * step))
        return value, slopes


def record(name: str, parameters: Any) -> Any:
    return getattr(families, name)(*(parameters[..., i] for i in range(parameters.shape[-1])))


def held(found: Any, slopes: Any, expected: Any, p: np.ndarray, q: np.ndarray, case: Any, steep: bool = False) -> None:
    """Holds a value and its gradient against the oracle's."""
    (value, gradient), eps = expected, float(np.finfo(p.dtype).eps)
    assert found >= 0.0
    if value < 1e-35:
        assert found == 0.0
        assert (np.asarray(slopes) == 0.0).all()
        return
    if value == mpmath.inf:
        assert found == np.inf
        assert (np.asarray(slopes) == 0.0).all()
        return
    assert abs(mpf(float(found)) - value) <= case.value * eps * value, (p, q, found, float(value))
    assert np.isfinite(slopes).all()
    if steep:
        return
    # In units of the parameters, so that locations and rates of any scale count alike.
    units = [abs(mpf(float(x))) if np.isfinite(x) else mpf(0) for x in (*p, *q)]
    norm = mpmath.sqrt(sum((g * u) ** 2 for g, u in zip(gradient, units, strict=True)))
    for g, f, u in zip(gradient, slopes, units, strict=True):
        assert abs(mpf(float(f)) - g) * u <= case.slope * eps * norm, (p, q, list(slopes), [float(g) for g in gradient])


@pytest.mark.parametrize(("name", "dtype"), in_turns([name for name in CASES if TEXTBOOK[name].kl]))
@pytest.mark.by_default(
    "Chi-float64",
    "Chi2-float32",
    "ContinuousBernoulli-float64",
    "HalfCauchy-float32",
    "InverseGaussian-float64",
    "Kumaraswamy-float32",
    "Lindley-float64",
    "LogUniform-float32",
    "LogitNormal-float64",
    "Moyal-float32",
    "TruncatedNormal-float64",
)
def test_kl_and_its_gradient(name: str, dtype: Any) -> None:
    case = CASES[name]
    p, q = pairs(case, dtype)
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):

        @jax.jit
        @jax.vmap
        def everything(x: jax.Array) -> Any:
            return jax.value_and_grad(lambda x: kljax.kl(record(name, x[0]), record(name, x[1])))(x)

        both = np.concatenate([np.stack([p, q], 1), np.stack([p, p], 1)])
        value, slopes = map(np.asarray, everything(both))
    count = len(p)
    assert (value[count:] == 0.0).all()
    assert (slopes[count:] == 0.0).all()
    for i in range(count):
        held(value[i], slopes[i].ravel(), exact(TEXTBOOK[name].kl, p[i], q[i], case.digits), p[i], q[i], case)


@pytest.mark.parametrize(("names", "dtype"), in_turns(sorted(CROSS_CASES)))
@pytest.mark.by_default(
    "Chi2-Gamma-float64",
    "Exponential-Gumbel-float64",
    "Gamma-Exponential-float32",
    "Gumbel-Normal-float64",
    "Normal-Gumbel-float32",
    "Pareto-Gamma-float64",
    "Uniform-ContinuousBernoulli-float32",
    "Uniform-Gumbel-float64",
)
def test_kl_of_two_families_and_its_gradient(names: tuple[str, str], dtype: Any) -> None:
    one, other = names
    cases = [(np.asarray(p, dtype), np.asarray(q, dtype)) for p, q in CROSS_CASES[names]]
    p, q = (np.stack(its) for its in zip(*cases, strict=True))
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):

        @jax.jit
        @jax.vmap
        def everything(p: jax.Array, q: jax.Array) -> Any:
            def value(p: jax.Array, q: jax.Array) -> jax.Array:
                return kljax.kl(record(one, p), record(other, q))

            return jax.value_and_grad(value, (0, 1))(p, q)

        value, slopes = jax.tree.map(np.asarray, everything(p, q))
    limits = CROSS_LIMITS.get(names, Limits())
    for i in range(len(cases)):
        expected = exact(CROSS[names], p[i], q[i], 60 if one == "Kumaraswamy" else 110)
        held(value[i], np.concatenate([slopes[0][i], slopes[1][i]]), expected, p[i], q[i], limits, i in limits.steep)


@pytest.mark.full
@pytest.mark.parametrize("names", [*((name, name) for name in CASES), *sorted(CROSS_CASES)], ids="-".join)
def test_hessians_are_not_nan(names: tuple[str, str]) -> None:
    if names in CROSS_CASES:
        p, q = (np.stack(its).astype(np.float32) for its in zip(*CROSS_CASES[names], strict=True))
    else:
        p, q = pairs(CASES[names[0]], np.float32)

    def value(p: jax.Array, q: jax.Array) -> jax.Array:
        return kljax.kl(record(names[0], p), record(names[1], q))

    # At p = q as well; products of derivatives may overflow where scales are 1e±15.
    ends = [(p, q), (p, p)] if names[0] == names[1] else [(p, q)]
    for one, other in ends:
        hessian = jax.jit(jax.vmap(jax.hessian(value, (0, 1))))(one, other)
        assert not any(np.isnan(part).any() for part in jax.tree.leaves(hessian)), names


@pytest.mark.parametrize("name", sorted(CASES))
@pytest.mark.by_default("ContinuousBernoulli", "InverseGaussian", "Lindley", "LogitNormal", "TruncatedNormal")
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
@pytest.mark.by_default("Chi2", "ContinuousBernoulli", "InverseGaussian", "Lindley", "LogitNormal")
def test_natural_parameters_give_the_same_divergence(name: str) -> None:
    with jax.enable_x64(True):
        p, q = (record(name, one[0]) for one in pairs(CASES[name], np.float64))
        kind = getattr(families, name)
        found = expfam.kl(kind.log_partition, p.natural, q.natural)
        np.testing.assert_allclose(found, kljax.kl(p, q), rtol=1e-12)


def test_every_case_is_a_row_of_the_table() -> None:
    assert set(CASES) == set(TEXTBOOK)
    assert set(CROSS_CASES) == set(CROSS)
    rows = {(one.__name__, other.__name__) for one, other in DIVERGENCES}
    assert {(name, name) for name in CASES if TEXTBOOK[name].kl} | set(CROSS) <= rows


# p and the q's whose support it leaves.
INFINITE = {
    "Beta": "Pareto",
    "ContinuousBernoulli": "Pareto",
    "Exponential": "Beta ContinuousBernoulli Pareto Uniform",
    "Gamma": "Beta ContinuousBernoulli Pareto Uniform",
    "Gumbel": "Beta ContinuousBernoulli Exponential Gamma Pareto Uniform",
    "Laplace": "Beta ContinuousBernoulli Exponential Gamma Pareto Uniform",
    "Normal": "Beta ContinuousBernoulli Exponential Gamma Pareto Uniform",
    "Pareto": "Beta ContinuousBernoulli Uniform",
}
EXAMPLES = {"ContinuousBernoulli": (0.75,), "Exponential": (1.5,), "Uniform": (-1.0, 2.0)}


def test_supports_alone_make_kl_infinite(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("No quadrature is needed.")

    monkeypatch.setattr("kljax.divergences._dispatch.compiled", refuse)
    for one, others in INFINITE.items():
        p = getattr(families, one)(*EXAMPLES.get(one, (2.25, 1.5)))
        for other in others.split():
            q = getattr(families, other)(*EXAMPLES.get(other, (2.25, 1.5)))
            assert kljax.kl(p, q) == np.inf, (one, other)
    slopes = jax.jit(jax.grad(kljax.kl, (0, 1)))(families.Normal(0.5, 1.5), families.Gamma(2.0, 1.0))
    assert all(leaf == 0.0 for leaf in jax.tree.leaves(slopes))


@pytest.mark.full
def test_supports_that_are_not_known_before_the_run() -> None:
    q = families.Weibull(2.0, 1.0)
    p = families.Uniform(np.array([-1.0, 0.5], np.float32), np.array([1.0, 1.5], np.float32))
    value, slopes = jax.jit(jax.vmap(jax.value_and_grad(kljax.kl), (0, None)))(p, q)
    assert value[0] == np.inf
    assert slopes.low[0] == slopes.high[0] == 0.0
    log_density = FIRST["Weibull"].log_density
    exact_value = -mpmath.quad(lambda x: log_density(x, mpf(2), mpf(1)), [0.5, 1.5])
    np.testing.assert_allclose(float(value[1]), float(exact_value), rtol=1e-6)
