"""Distributions of integers, categories and angles against the textbook on the same numbers, in 110 digits.

Limits: values 16 eps and gradients 32 eps of their norm, for the forms are sums of non-negative atoms right to a few
eps. The norm is taken in units of the parameters, for a logit in units of one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles.discrete import CROSS, TEXTBOOK, sigmoid, softmax

import kljax
from kljax import expfam, families, logits, probs

GAPS = (1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
Numbers = Sequence[Any]
inf = float("inf")


@dataclasses.dataclass(frozen=True)
class Case:
    """A family in one of its coordinates: numbers ↦ the record, numbers ↦ the textbook's parameters; pairs."""

    name: str
    build: Callable[[jax.Array], Any]
    ordinary: Callable[[Numbers], Numbers]
    pairs: list[tuple[tuple[float, ...], tuple[float, ...]]]
    units: bool = True  # whether a gradient counts in units of the parameter


def near(*starts: float) -> list[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Probabilities at every distance from each start."""
    return [
        ((p,), (p + (1 if i % 2 else -1) * 0.6 * gap * min(p, 1 - p),)) for p in starts for i, gap in enumerate(GAPS)
    ]


# Common and rare outcomes, p and q far apart both ways.
CHANCES = [
    *near(0.3, 1e-5, 1 - 2.0**-10),
    ((1e-9,), (0.7,)),
    ((0.7,), (1e-15,)),
    ((0.999,), (1e-3,)),
    ((0.45,), (0.55,)),
]
LOGITS = [((x,), (x + gap,)) for x in (-0.8, 7.5, -60.0) for gap in GAPS]
LOGITS += [
    ((a,), (b,)) for a, b in [(-30.0, 5.0), (5.0, -30.0), (0.5, -3.75), (20.0, 26.0), (-2.0, 3.0), (-5.0, -35.0)]
]
SERIES = [
    *near(0.3, 1e-5, 1 - 2.0**-10),
    ((1e-12,), (0.7,)),
    ((0.7,), (1e-12,)),
    ((0.999,), (0.125,)),
    ((0.25,), (0.75,)),
]
ANGLES = [((0.5, 2.5), (0.5 + 0.75 * gap, 2.5 + gap)) for gap in GAPS]
ANGLES += [((1.0, k), (1.0 + 0.5 * gap, k * (1 - gap / 2))) for k in (1e-5, 30.0, 1e6) for gap in GAPS[:5]]
FOUR = [((0.1, 0.2, 0.3, 0.4), (0.1 + 0.2 * gap, 0.2 - 0.1 * gap, 0.3 + 0.2 * gap, 0.4 - 0.3 * gap)) for gap in GAPS]
SCORES = [((1.0, -2.0, 0.5, 3.0), (1.0 + gap, -2.0, 0.5 - 2 * gap, 3.0)) for gap in GAPS]
RATES = [((p,), (rate,)) for p in (0.3, 1e-6, 0.9999) for rate in (p, 1.001 * p, 0.25, 30.0, 1e-8)]
LOGIT_RATES = [((x,), (rate,)) for x in (-1.0, -14.0, 12.0, 40.0) for rate in (0.3, 1e-6, 1.0, 30.0)]


def as_chance(x: Numbers) -> Numbers:
    return [sigmoid(x[0])]


def pair_of(kind: Any, count: float) -> tuple[Callable[..., Any], ...]:
    return (
        lambda x: kind(count, x[0]),
        lambda x: [mpf(count), x[0]],
        lambda x: kind(count, logits=x[0]),
        lambda x: [mpf(count), sigmoid(x[0])],
    )


BINOMIAL, NEGATIVE = pair_of(families.Binomial, 7), pair_of(families.NegativeBinomial, 2.5)
CASES = {
    "Bernoulli": Case("Bernoulli", lambda x: families.Bernoulli(x[0]), list, CHANCES),
    "Bernoulli, logits": Case("Bernoulli", lambda x: families.Bernoulli(logits=x[0]), as_chance, LOGITS, False),
    "Binomial": Case("Binomial", *BINOMIAL[:2], CHANCES[::3]),
    "Binomial, logits": Case("Binomial", *BINOMIAL[2:], LOGITS[::3], False),
    "Geometric": Case("Geometric", lambda x: families.Geometric(x[0]), list, CHANCES),
    "Geometric, logits": Case("Geometric", lambda x: families.Geometric(logits=x[0]), as_chance, LOGITS, False),
    "NegativeBinomial": Case("NegativeBinomial", *NEGATIVE[:2], CHANCES[::3]),
    "NegativeBinomial, logits": Case("NegativeBinomial", *NEGATIVE[2:], LOGITS[::3], False),
    "Logarithmic": Case("Logarithmic", lambda x: families.Logarithmic(x[0]), list, SERIES),
    "VonMises": Case("VonMises", lambda x: families.VonMises(x[0], x[1]), list, ANGLES),
    "Categorical": Case("Categorical", families.Categorical, list, FOUR),
    "Categorical, logits": Case("Categorical", lambda x: families.Categorical(logits=x), softmax, SCORES, False),
    "OneHotCategorical, logits": Case(
        "OneHotCategorical", lambda x: families.OneHotCategorical(logits=x), softmax, SCORES, False
    ),
}
ONE_HOT = Case("OneHotCategorical", families.OneHotCategorical, list, FOUR)
POISSON = Case("Poisson", lambda x: families.Poisson(x[0]), list, [])
BETWEEN = {
    "Bernoulli ‖ Poisson": ("Bernoulli", POISSON, RATES),
    "Bernoulli, logits ‖ Poisson": ("Bernoulli, logits", POISSON, LOGIT_RATES),
    "Categorical ‖ OneHotCategorical": ("Categorical", ONE_HOT, FOUR),
    "OneHotCategorical, logits ‖ Categorical": ("OneHotCategorical, logits", CASES["Categorical, logits"], SCORES),
}
SIDES = {name: (case, case, case.pairs) for name, case in CASES.items()} | {
    name: (CASES[first], second, pairs) for name, (first, second, pairs) in BETWEEN.items()
}


def form_of(p: Case, q: Case) -> Callable[[Numbers, Numbers], mpf]:
    form = TEXTBOOK[p.name].kl if p.name == q.name else CROSS[p.name, q.name]
    assert form is not None
    if p.name in ("Categorical", "OneHotCategorical") and p.units:
        # Probabilities are not normalised: the divergence of measures, which adds Σ q - p.
        return lambda a, b: form(a, b) + mpmath.fsum(b) - mpmath.fsum(a)
    return form


def exact(p: Case, q: Case, a: Numbers, b: Numbers) -> tuple[mpf, list[mpf]]:
    """KL and its gradient in the numbers, by central differences."""
    form, split = form_of(p, q), len(a)
    with mpmath.workdps(110):
        numbers = [mpf(float(x)) for x in (*a, *b)]

        def at(values: list[mpf]) -> mpf:
            return form(p.ordinary(values[:split]), q.ordinary(values[split:]))

        slopes = []
        for i, x in enumerate(numbers):
            step = mpf(10) ** -35 * (abs(x) + mpf(10) ** -35)
            up, down = ([*numbers[:i], x + way * step, *numbers[i + 1 :]] for way in (1, -1))
            slopes.append((at(up) - at(down)) / (2 * step))
        return at(numbers), slopes


def derivatives(p: Case, q: Case) -> Callable[..., Any]:
    """Value, gradient and Hessian in the numbers of both, for a batch of pairs."""

    def value(a: jax.Array, b: jax.Array) -> jax.Array:
        return kljax.kl(p.build(a), q.build(b))

    both = (0, 1)
    return jax.jit(jax.vmap(lambda a, b: (value(a, b), jax.grad(value, both)(a, b), jax.hessian(value, both)(a, b))))


# What shares its form with another runs in one dtype or not at all, unless all is asked for.
OWN_FORM = ("Bernoulli", "Geometric, logits", "Logarithmic", "VonMises")
SHARED = (
    "Binomial, logits",
    "NegativeBinomial",
    "OneHotCategorical, logits",
    "OneHotCategorical, logits ‖ Categorical",
)
SWEEP = [
    pytest.param(name, dtype, marks=pytest.mark.full if name in SHARED or (double and name not in OWN_FORM) else ())
    for double, dtype in enumerate((np.float32, np.float64))
    for name in SIDES
]


@pytest.mark.parametrize(("name", "dtype"), SWEEP)
@pytest.mark.by_default(
    "Bernoulli-float32", "Geometric, logits-float32", "Logarithmic-float32", "VonMises-float32", "Categorical-float32"
)
def test_kl_and_its_gradient(name: str, dtype: Any) -> None:
    p, q, pairs = SIDES[name]
    a, b = (np.asarray([pair[side] for pair in pairs], dtype) for side in (0, 1))
    eps = float(np.finfo(dtype).eps)
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):
        everything = derivatives(p, q)
        value, slopes, hessian = jax.tree.map(np.asarray, everything(a, b))
        same = jax.tree.map(np.asarray, everything(a, a)) if p is q else None
    assert all(np.isfinite(one).all() for one in jax.tree.leaves(hessian))
    if same is not None:
        assert (same[0] == 0.0).all()
        assert all((one == 0.0).all() for one in same[1])
    for i in range(len(a)):
        if p is q and (a[i] == b[i]).all():
            continue  # seen above
        expected, gradient = exact(p, q, a[i], b[i])
        where = (a[i], b[i], value[i], float(expected))
        assert value[i] >= 0.0
        assert abs(mpf(float(value[i])) - expected) <= 16 * eps * expected, where
        units = [abs(mpf(float(x))) if one.units else mpf(1) for one, its in ((p, a), (q, b)) for x in its[i]]
        found = [mpf(float(x)) for one in slopes for x in one[i]]
        norm = mpmath.sqrt(sum((g * u) ** 2 for g, u in zip(gradient, units, strict=True)))
        for g, f, u in zip(gradient, found, units, strict=True):
            assert abs(f - g) * u <= 32 * eps * norm, (*where, found, [float(one) for one in gradient])


EDGES = [
    ("Bernoulli", [(0.0, 0.0), (1.0, 1.0), (0.0, 0.25), (1.0, 0.25), (0.25, 0.0), (0.25, 1.0), (0.0, 1.0)]),
    (
        "Bernoulli, logits",
        [(-inf, -inf), (inf, inf), (-inf, -1.0), (inf, -1.0), (-1.0, -inf), (-1.0, inf), (inf, -inf)],
    ),
    ("Binomial", [(0.0, 0.0), (1.0, 1.0), (0.0, 0.25), (1.0, 0.25), (0.25, 0.0), (0.25, 1.0)]),
    ("Geometric", [(1.0, 1.0), (1.0, 0.25), (0.25, 1.0), (0.25, 0.0)]),
    ("Geometric, logits", [(inf, inf), (inf, -1.0), (-1.0, inf), (-1.0, -inf), (-200.0, -199.0), (-200.0, -200.0)]),
    ("NegativeBinomial", [(1.0, 1.0), (1.0, 0.25), (0.25, 1.0), (0.25, 0.0)]),
]


@pytest.mark.parametrize("dtype", [np.float32, pytest.param(np.float64, marks=pytest.mark.full)])
@pytest.mark.parametrize(("name", "pairs"), EDGES, ids=[name for name, _ in EDGES])
@pytest.mark.by_default("Bernoulli-float32", "Geometric-float32")
def test_the_ends_of_the_parameters(name: str, pairs: Any, dtype: Any) -> None:
    case = CASES[name]
    a, b = (np.asarray([[pair[side]] for pair in pairs], dtype) for side in (0, 1))
    with jax.enable_x64(dtype == np.float64), jax.debug_nans(True):
        value, slopes, hessian = jax.tree.map(np.asarray, derivatives(case, case)(a, b))
    assert not any(np.isnan(one).any() for one in jax.tree.leaves((value, hessian)))
    assert all(np.isfinite(one).all() for one in slopes)
    for i, (x, y) in enumerate(pairs):
        p, q = (case.ordinary([mpf(one)]) for one in (x, y))
        # The textbook's formula for a waiting time divides 0 by 0 at p = 1; there KL is -r log q.
        if x in (1.0, inf) and name.startswith(("Geometric", "Negative")):
            count = p[0] if len(p) == 2 else 1
            expected = -count * mpmath.log(q[-1])
        else:
            with mpmath.workdps(110):
                expected = form_of(case, case)(p, q)
        if expected == mpmath.inf:
            assert value[i] == inf
        else:
            assert abs(value[i] - float(expected)) <= 4 * np.finfo(dtype).eps * float(expected), (x, y, value[i])
        if x == y:
            assert value[i] == 0.0
            assert all(one[i] == 0.0 for one in slopes)


DRAWN = {
    "Bernoulli": (0.3,),
    "Bernoulli, logits": (-1.25,),
    "Binomial": (0.3,),
    "Geometric": (0.3,),
    "Geometric, logits": (-1.25,),
    "NegativeBinomial": (0.3,),
    "Logarithmic": (0.8,),
    "VonMises": (0.5, 2.5),
    "Categorical": (0.1, 0.2, 0.3, 0.4),
    "Categorical, logits": (1.0, -2.0, 0.5, 3.0),
    "OneHotCategorical, logits": (1.0, -2.0, 0.5, 3.0),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.full if name == "NegativeBinomial" else ()) for name in DRAWN]
)
@pytest.mark.by_default("Geometric, logits")
def test_probabilities_samples_and_moments(name: str) -> None:
    case = CASES[name]
    with jax.enable_x64(True):
        distribution = case.build(np.asarray(DRAWN[name]))
        draws = np.asarray(distribution.sample(jax.random.key(0), (4000,)))
        log_probability = np.asarray(distribution.log_prob(draws))
        mean, variance = np.asarray(distribution.mean), np.asarray(distribution.variance)
        outside = np.asarray(distribution.log_prob(draws[0] + 0.5))
        batch = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), distribution)
        assert batch.sample(jax.random.key(1), (3,)).shape == (3, 2, *distribution.event_shape)
        entropy, again = np.asarray(batch.entropy())
        assert entropy == again
        assert batch.log_prob(draws[:5, None]).shape == (5, 2)
    assert np.isfinite(log_probability).all()
    if name != "VonMises":
        assert outside == -inf
    with mpmath.workdps(40):
        parameters = case.ordinary([mpf(x) for x in DRAWN[name]])
        for x, found in zip(draws[:20], log_probability, strict=False):
            at = [mpf(float(one)) for one in x] if x.ndim else mpf(float(x))
            expected = TEXTBOOK[case.name].log_density(at, *parameters)
            assert abs(found - expected) <= 1e-14 * (1 + abs(expected))
    # Six standard errors.
    assert abs(-log_probability.mean() - entropy) <= 6 * log_probability.std() / np.sqrt(4000)
    assert (abs(draws.mean(0) - mean) <= 6 * draws.std(0) / np.sqrt(4000)).all()
    if name == "VonMises":
        assert abs(np.cos(draws - 0.5).mean() - (1.0 - variance)) <= 6 / np.sqrt(4000)
    else:
        assert (abs(draws.var(0) - variance) <= 0.2 * variance).all()


ONE_OF_A_KIND = ("Bernoulli", "Geometric, logits", "NegativeBinomial", "Categorical, logits")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in ONE_OF_A_KIND else pytest.mark.full) for name in CASES]
)
@pytest.mark.by_default("Bernoulli")
def test_natural_parameters_give_the_same_divergence(name: str) -> None:
    case = CASES[name]
    with jax.enable_x64(True):
        p, q = (case.build(np.asarray(one)) for one in case.pairs[0])
        found = expfam.kl(p.log_partition, p.natural, q.natural)
        np.testing.assert_allclose(found, kljax.kl(p, q), rtol=1e-11)


# --- counts -----------------------------------------------------------------------------------------------


@pytest.mark.full
def test_counts_that_differ_are_summed() -> None:
    pairs = [((3, 0.5), (4, 0.25)), ((40, 0.25), (100, 0.125)), ((4, 0.5), (3, 0.25)), ((4, 0.0), (3, 0.25))]
    counts, chances = (np.asarray([[one[at] for one in pair] for pair in pairs], np.float32).T for at in (0, 1))

    @jax.jit
    def both(n: jax.Array, x: jax.Array) -> Any:
        def value(x: jax.Array) -> jax.Array:
            return kljax.kl(families.Binomial(n[0], x[0]), families.Binomial(n[1], x[1]))

        return jax.jvp(value, (x,), (jnp.ones_like(x),))

    found, slope = both(counts, chances)
    kl = TEXTBOOK["Binomial"].kl
    for i, (p, q) in enumerate(pairs):
        expected = kl([mpf(x) for x in p], [mpf(x) for x in q])
        assert found[i] == float(expected) or abs(float(found[i]) - expected) <= 2e-6 * expected
    up, down = (kl([mpf(3), mpf("0.5") + way], [mpf(4), mpf("0.25") + way]) for way in (mpf("1e-6"), mpf("-1e-6")))
    np.testing.assert_allclose(slope[0], float((up - down) / mpf("2e-6")), rtol=1e-5)
    assert float(kljax.kl(families.Binomial(3, 0.5), families.Binomial(3, 0.0))) == inf


def test_equal_counts_have_the_closed_form() -> None:
    p, q = jnp.array([0.5, 0.25]), jnp.array([0.5001, 0.2501])
    apart = kljax.kl(families.Bernoulli(p), families.Bernoulli(q))
    n = jnp.array([3, 70000])
    found = kljax.kl(families.Binomial(n, p), families.Binomial(n, q))
    np.testing.assert_array_equal(found, n.astype(jnp.float32) * apart)
    by_number = jax.jit(lambda p, q: kljax.kl(families.Binomial(70000, p), families.Binomial(70000, q)))
    assert "while" not in by_number.lower(p, q).as_text()  # the count is known: nothing is summed
    np.testing.assert_array_equal(by_number(p, q)[1], found[1])


@pytest.mark.full
def test_negative_binomials_of_different_counts() -> None:
    pairs = [((2.0, 0.3), (2.5, 0.4)), ((0.25, 0.6), (0.2, 0.65)), ((3.0, 0.5), (3.0, 0.5)), ((8.0, 0.4), (8.001, 0.4))]
    with jax.enable_x64(True):
        given = np.asarray(pairs)

        @jax.jit
        def everything(x: jax.Array) -> Any:
            def value(x: jax.Array) -> jax.Array:
                p, q = (families.NegativeBinomial(x[:, i, 0], x[:, i, 1]) for i in (0, 1))
                return kljax.kl(p, q)

            along = jnp.broadcast_to(jnp.array([[1.0, 0.0], [-0.5, 0.0]]), x.shape)
            return jax.jvp(value, (x,), (along,))

        found, slopes = everything(given)
    kl = TEXTBOOK["NegativeBinomial"].kl
    step = mpf("1e-12")
    with mpmath.workdps(40):
        for i, numbers in enumerate(given):

            def at(r: mpf, s: mpf, numbers: Any = numbers) -> mpf:
                p, q = (mpf(float(x)) for x in numbers[:, 1])
                return kl([r, p], [s, q])

            r, s = (mpf(float(x)) for x in numbers[:, 0])
            expected = float(at(r, s))
            assert abs(float(found[i]) - expected) <= 1e-10 * expected
            slope = (at(r + step, s - step / 2) - at(r - step, s + step / 2)) / (2 * step)
            assert abs(float(slopes[i]) - slope) <= 1e-9 * abs(slope) + (1e-20 if r == s else 0)


def test_probabilities_that_underflow() -> None:
    """p² (1 - p) · 3 for p = exp(-200), which no float32 holds."""
    rare, common = families.Binomial(3, logits=-200.0), families.Binomial(3, logits=200.0)
    np.testing.assert_allclose(rare.log_prob(2.0), np.log(3.0) - 400.0, rtol=2e-7)
    np.testing.assert_allclose(common.log_prob(1.0), np.log(3.0) - 400.0, rtol=2e-7)
    np.testing.assert_allclose(
        families.NegativeBinomial(2, logits=-200.0).log_prob(3.0), np.log(4.0) - 400.0, rtol=2e-7
    )


# --- pairs without a closed form --------------------------------------------------------------------------


def test_support_rule_on_the_integers() -> None:
    """Poisson has mass beyond every finite support; at rate zero it has none."""
    rates = families.Poisson(jnp.array([0.5, 30.0, 0.0]))

    @jax.jit
    def slope(p: Any, q: Any) -> Any:
        value, back = jax.vjp(lambda p: kljax.kl(p, q), p)
        return value, back(jnp.array([1.0, 1.0, 0.0]))[0]

    value, slope_of_infinity = slope(rates, families.Bernoulli(0.25))
    np.testing.assert_allclose(value, [inf, inf, -np.log1p(-0.25)], rtol=1e-6)
    assert np.isfinite(slope_of_infinity.rate).all()


@pytest.mark.parametrize(
    "q",
    [families.Binomial(3, 0.25), families.BetaBinomial(9, 1.5, 2.5), families.DiscreteUniform(0, 5)],
    ids=lambda one: type(one).__name__,
)
def test_a_point_mass_beside_counts_that_end(q: Any) -> None:
    # Where counts end nothing is left to extrapolate, though the other has no mass there either.
    none = families.Poisson(0.0)
    np.testing.assert_allclose(kljax.kl(none, q), -q.log_prob(0.0), rtol=1e-6)
    np.testing.assert_allclose(kljax.total_variation(none, q), -np.expm1(q.log_prob(0.0)), rtol=1e-6)


@pytest.mark.full
def test_other_pairs_on_the_integers() -> None:
    value = kljax.kl(families.Poisson(jnp.array([0.5, 30.0, 0.0])), families.Binomial(3, 0.25))
    np.testing.assert_allclose(value, [inf, inf, -3 * np.log1p(-0.25)], rtol=1e-6)
    found = kljax.kl(families.Logarithmic(0.5), families.Geometric(0.25))
    with mpmath.workdps(30):
        log_p, log_q = (TEXTBOOK[name].log_density for name in ("Logarithmic", "Geometric"))
        terms = ((log_p(k, mpf("0.5")), log_q(k, mpf("0.25"))) for k in range(1, 300))
        by_hand = mpmath.fsum(mpmath.exp(a) * (a - b) for a, b in terms)
    np.testing.assert_allclose(float(found), float(by_hand), rtol=1e-6)


@pytest.mark.full
def test_other_divergences_of_categories_are_those_of_their_rows() -> None:
    a, b = jnp.array([0.1, 0.2, 0.7]), jnp.array([0.3, 0.3, 0.4])
    p, q = families.Categorical(a), families.OneHotCategorical(b)
    np.testing.assert_array_equal(kljax.renyi(p, q, order=0.5), probs.renyi(a, b, order=0.5))
    np.testing.assert_array_equal(kljax.squared_hellinger(q, p), probs.squared_hellinger(b, a))
    mixed = kljax.bhattacharyya(families.Categorical(logits=jnp.log(a)), q)
    np.testing.assert_allclose(mixed, probs.bhattacharyya(a, b), rtol=1e-6)
    coins = families.Bernoulli(logits=-1.0), families.Bernoulli(logits=3.0)
    rows = jnp.array([0.0, -1.0]), jnp.array([0.0, 3.0])
    np.testing.assert_allclose(kljax.total_variation(*coins), logits.total_variation(*rows), rtol=1e-6)
    # An outcome that q lacks.
    assert kljax.kl(families.Categorical(a), families.Categorical(jnp.array([0.5, 0.5, 0.0]))) == inf


@pytest.mark.full
def test_two_outcomes_keep_the_difference_that_one_minus_p_loses() -> None:
    def le_cam(p: mpf, q: mpf) -> mpf:
        return sum((a - b) ** 2 / (a + b) / 2 for a, b in ((p, q), (1 - p, 1 - q)) if a + b > 0)

    def jensen_shannon(p: mpf, q: mpf) -> mpf:
        parts = ((a, b) for one, other in ((p, q), (q, p)) for a, b in ((one, other), (1 - one, 1 - other)))
        return sum((a * mpmath.log(2 * a / (a + b)) for a, b in parts if a > 0), mpf(0)) / 2

    books = {kljax.le_cam: le_cam, kljax.jensen_shannon: jensen_shannon, kljax.total_variation: lambda p, q: abs(p - q)}
    rng = np.random.default_rng(3)
    chances = np.concatenate([rng.uniform(0.001, 0.999, 30), [1e-7, 0.4999999, 0.0, 1.0, 0.0, 0.3]])
    gaps = np.concatenate([10.0 ** rng.uniform(-6, -1, 30) * rng.choice([-1, 1], 30), [1e-3, 1e-6, 0.0, 0.0, 0.0, 0.0]])
    p = chances.astype(np.float32)
    q = np.clip(chances * (1 + gaps), 0.0, 1.0).astype(np.float32)
    q[-2:] = [1.0, 1.0]
    with mpmath.workdps(40):
        for verb, book in books.items():
            found = jax.jit(verb)(families.Bernoulli(p), families.Bernoulli(q))
            for value, a, b in zip(found, p, q, strict=True):
                exact = book(mpf(float(a)), mpf(float(b)))
                assert abs(mpf(float(value)) - exact) <= 8 * 2.0**-23 * exact, (verb.__name__, a, b)
    slopes = jax.grad(lambda p, q: kljax.le_cam(families.Bernoulli(p), families.Bernoulli(q)).sum(), (0, 1))(p, q)
    assert all(np.isfinite(one).all() for one in slopes)


@pytest.mark.full
def test_one_coordinate_beside_the_other() -> None:
    with jax.enable_x64(True):
        logit = np.log(0.3 / 0.7)
        for kind in (families.Bernoulli, families.Geometric):
            expected = kljax.kl(kind(0.3), kind(0.4))
            np.testing.assert_allclose(kljax.kl(kind(logits=logit), kind(0.4)), expected, rtol=1e-13)
        p, q = np.array([0.2, 0.8]), np.array([0.6, 0.4])
        found = kljax.kl(families.Categorical(logits=np.log(p)), families.Categorical(q))
        np.testing.assert_allclose(found, probs.kl(p, q), rtol=1e-13)


# --- angles -----------------------------------------------------------------------------------------------


@pytest.mark.full
def test_draws_of_angles_have_derivatives() -> None:
    """d E[cos(x - μ)]/dκ = A'(κ) and d E[sin x]/dμ = A(κ) cos μ, from the draws' own; six standard errors."""
    k = jnp.array([1e-3, 0.5, 3.0, 1e3])
    count = 20000

    @jax.jit
    def slopes(loc: jax.Array, k: jax.Array) -> Any:
        def draw(loc: jax.Array, k: jax.Array) -> jax.Array:
            return families.VonMises(loc, k).sample(jax.random.key(0), (count,))

        angles, by_k = jax.jvp(lambda k: draw(loc, k), (k,), (jnp.ones_like(k),))
        _, by_loc = jax.jvp(lambda loc: draw(loc, k), (loc,), (jnp.ones_like(loc),))
        return angles, -jnp.sin(angles - loc[None]) * by_k, by_loc

    angles, by_k, by_loc = map(np.asarray, slopes(jnp.full(4, 0.5), k))
    assert (np.abs(angles) <= np.pi + 1e-6).all()
    assert (by_loc == 1.0).all()
    for i, one in enumerate(k):
        a = mpmath.besseli(1, float(one)) / mpmath.besseli(0, float(one))
        expected = float(1 - a * a - a / float(one))
        assert abs(by_k[:, i].mean() - expected) <= 6 * by_k[:, i].std() / np.sqrt(count)
        cosine = np.cos(angles[:, i] - 0.5)
        assert abs(cosine.mean() - float(a)) <= 6 * cosine.std() / np.sqrt(count) + 1e-6


def test_angles_turn_and_spread_evenly() -> None:
    with jax.enable_x64(True):
        p, q = families.VonMises(0.25, 1.5), families.VonMises(0.25 + 2 * np.pi, 1.5)
        assert abs(float(kljax.kl(p, q))) < 1e-30
        flat = families.VonMises(3.0, 0.0)
        np.testing.assert_allclose(kljax.kl(p, flat), np.log(2 * np.pi) - p.entropy(), rtol=1e-13)


@pytest.mark.full
def test_other_divergences_of_angles() -> None:
    with jax.enable_x64(True):
        by_rule = kljax.squared_hellinger(families.VonMises(0.25, 1.5), families.VonMises(4.0, 0.5))
    p_of, q_of = (lambda x, m=m, k=k: TEXTBOOK["VonMises"].log_density(x, m, k) for m, k in ((0.25, 1.5), (4.0, 0.5)))
    exact_h = mpmath.quad(
        lambda x: (mpmath.exp(p_of(x) / 2) - mpmath.exp(q_of(x) / 2)) ** 2 / 2,
        mpmath.linspace(-mpmath.pi, mpmath.pi, 5),
    )
    np.testing.assert_allclose(float(by_rule), float(exact_h), rtol=1e-10)


@pytest.mark.parametrize("concentration", [1e-6, 0.5, 40.0, 1e8])
def test_densities_and_entropies_of_concentrated_angles(concentration: float) -> None:
    one = families.VonMises(jnp.float32(0.0), jnp.float32(concentration))
    k = mpf(float(np.float32(concentration)))
    with mpmath.workdps(40):
        level = mpmath.log(2 * mpmath.pi * mpmath.besseli(0, k))
        a = mpmath.besseli(1, k) / mpmath.besseli(0, k)
        np.testing.assert_allclose(float(one.log_prob(0.0)), float(k - level), rtol=4e-7)
        np.testing.assert_allclose(float(one.entropy()), float(level - k * a), rtol=4e-7)
        np.testing.assert_allclose(float(one.variance), float(1 - a), rtol=1e-6)


# --- arguments --------------------------------------------------------------------------------------------


def test_bad_input_names_the_argument() -> None:
    with pytest.raises(TypeError, match=r"Bernoulli takes exactly one of probs and logits; got none"):
        families.Bernoulli()
    with pytest.raises(TypeError, match=r"Binomial takes exactly one of probs and logits; got probs and logits"):
        families.Binomial(3, 0.5, 0.0)
    with pytest.raises(ValueError, match=r"Bernoulli: probs must lie in \[0, 1\]; got 1\.5"):
        families.Bernoulli(1.5)
    with pytest.raises(ValueError, match=r"Geometric: probs must lie in \(0, 1\]; got 0"):
        families.Geometric(0.0)
    with pytest.raises(ValueError, match=r"Binomial: total_count must be a whole number; got 2\.5"):
        families.Binomial(2.5, 0.5)
    with pytest.raises(ValueError, match=r"NegativeBinomial: total_count must lie in \(0, inf\); got 0"):
        families.NegativeBinomial(0, 0.5)
    with pytest.raises(ValueError, match=r"Categorical: probs must have at least 1 dimensions"):
        families.Categorical(jnp.float32(0.5))
    three, four = (jnp.full(k, 1.0 / k) for k in (3, 4))
    with pytest.raises(ValueError, match=r"same number of outcomes; Categorical has 3 and OneHotCategorical has 4"):
        kljax.kl(families.Categorical(three), families.OneHotCategorical(four))
    with pytest.raises(ValueError, match=r"x must end in the shape of one draw, \(3,\); got shape \(4,\)"):
        families.OneHotCategorical(three).log_prob(four)
    with pytest.raises(ValueError, match=r"same shape; OneHotCategorical has \(3,\) and Poisson has \(\)"):
        kljax.kl(families.OneHotCategorical(three), families.Poisson(1.0))


@pytest.mark.full
def test_records_are_pytrees_with_the_count_in_their_structure() -> None:
    one = families.Binomial(5, logits=jnp.zeros(3))
    assert [leaf.shape for leaf in jax.tree.leaves(one)] == [(3,)]
    assert one.probs is None
    assert jax.tree.structure(one) != jax.tree.structure(families.Binomial(6, logits=jnp.zeros(3)))
    assert len(jax.tree.leaves(families.Binomial(jnp.array([5, 6]), 0.5))) == 2
    with jax.enable_x64(True):
        counts = families.Binomial(np.array([5, 6]), np.float32(0.5) * np.ones(2, np.float32))
    assert counts.total_count.dtype == jnp.float32
    slope = jax.grad(lambda q: kljax.kl(families.Binomial(5, 0.25), q))(families.Binomial(5, 0.5))
    assert slope.total_count == 5.0
    np.testing.assert_allclose(slope.probs, 5.0 * (0.5 - 0.25) / 0.25, rtol=1e-6)
    mapped = jax.vmap(lambda p: kljax.kl(p, families.Binomial(5, 0.5)))(families.Binomial(5, jnp.array([0.25, 0.5])))
    assert mapped[1] == 0.0
