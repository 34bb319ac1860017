"""Every generator against its textbook f in many digits: values, slopes, limits, conjugates."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from oracles import functions as textbook

from kljax import generators
from kljax.generators import Generator

DTYPES = [np.float32, np.float64]
half = mp.mpf(0.5)


@contextlib.contextmanager
def precision(dtype):
    with jax.enable_x64(dtype == np.float64):
        yield


@dataclasses.dataclass(frozen=True)
class Case:
    """A generator, its textbook function, and the largest exponent k of u in f: k r rounded is k r eps in eᵏʳ."""

    generator: Generator
    build: Callable[[], textbook.Function]
    exponent: float = 1.0

    @functools.cached_property
    def function(self) -> textbook.Function:
        with mp.workdps(60):
            return self.build()


def weighted(make: Callable, oracle: Callable, *weights: float) -> dict:
    return {f"({w:.8g})": Case(make(w), lambda w=w: oracle(w)) for w in weights}


def named(prefix: str, cases: dict) -> dict:
    return {prefix + name: case for name, case in cases.items()}


WEIGHTS = (0.5, 0.25, 2.0**-20, 1 - 2.0**-20)
ORDERS = (0.25, 0.5, 0.75, 1.5, -0.5, 3.0)
NEAR_ORDERS = (1 + 2.0**-10, 1 - 2.0**-20, 2.0**-20, -(2.0**-10))

CASES: dict[str, Case] = {
    "kl": Case(generators.kl, textbook.kl),
    "reverse_kl": Case(generators.reverse_kl, lambda: textbook.reverse(textbook.kl())),
    "jeffreys": Case(generators.jeffreys, textbook.jeffreys),
    "squared_hellinger": Case(generators.squared_hellinger, textbook.squared_hellinger),
    "total_variation": Case(generators.total_variation, textbook.total_variation),
    "pearson": Case(generators.pearson, textbook.pearson, 2.0),
    "neyman": Case(generators.neyman, lambda: textbook.reverse(textbook.pearson()), 2.0),
    "le_cam": Case(generators.le_cam, textbook.le_cam),
    "arithmetic_geometric": Case(generators.arithmetic_geometric, textbook.arithmetic_geometric),
    "squared_log": Case(generators.squared_log, textbook.squared_log),
    "log1p_abs": Case(generators.log1p_abs, textbook.log1p_abs),
    "modified_gan": Case(generators.modified_gan, textbook.modified_gan),
    **named("jensen_shannon", weighted(generators.jensen_shannon, textbook.jensen_shannon, *WEIGHTS)),
    **named(
        "scaled_jensen_shannon",
        weighted(
            lambda w: generators.jensen_shannon(w, scaled=True), lambda w: textbook.jensen_shannon(w, True), *WEIGHTS
        ),
    ),
    **named("skew_kl", weighted(generators.skew_kl, textbook.skew_kl, *WEIGHTS)),
    **named(
        "skew_reverse_kl",
        weighted(generators.skew_reverse_kl, lambda w: textbook.reverse(textbook.skew_kl(w)), 0.25),
    ),
    **{
        f"alpha({a:.8g})": Case(generators.alpha(a), lambda a=a: textbook.alpha(a), 1 + abs(a))
        for a in ORDERS + NEAR_ORDERS
    },
    "cressie_read(0.5)": Case(generators.cressie_read(0.5), lambda: textbook.alpha(1.5), 2.0),
    "tsallis(0.75)": Case(generators.tsallis(0.75), lambda: textbook.scale(textbook.alpha(0.75), mp.mpf(0.75)), 2.0),
    "tsallis(3)": Case(generators.tsallis(3.0), lambda: textbook.scale(textbook.alpha(3), 3), 3.0),
    **{
        f"t_power({t})": Case(generators.t_power(t), lambda t=t: textbook.t_power(t), 1 + abs(t))
        for t in (0.75, -0.5, 3.0)
    },
    "reverse(alpha)": Case(generators.reverse(generators.alpha(3.0)), lambda: textbook.reverse(textbook.alpha(3)), 3.0),
    "symmetrise(pearson)": Case(
        generators.symmetrise(generators.pearson),
        lambda: textbook.combine((half, textbook.pearson()), (half, textbook.reverse(textbook.pearson()))),
        2.0,
    ),
    "skew(kl)": Case(generators.skew(generators.kl, 0.25), lambda: textbook.skew_kl(0.25)),
    "skew(pearson)": Case(
        generators.skew(generators.pearson, 0.125), lambda: textbook.skew(textbook.pearson(), mp.mpf(0.125)), 2.0
    ),
    "skew(js)": Case(
        generators.skew(generators.jensen_shannon(), 0.25),
        lambda: textbook.skew(textbook.jensen_shannon(), mp.mpf(0.25)),
    ),
    "combine": Case(
        generators.combine((0.75, generators.kl), (2.0, generators.squared_hellinger)),
        lambda: textbook.combine((mp.mpf(0.75), textbook.kl()), (2, textbook.squared_hellinger())),
    ),
    "scale": Case(generators.scale(generators.le_cam, 3.0), lambda: textbook.scale(textbook.le_cam(), 3)),
}
# One or two of each form, for what takes long.
MAIN = [
    *("kl", "reverse_kl", "jeffreys", "squared_hellinger", "total_variation", "pearson", "le_cam", "squared_log"),
    *("arithmetic_geometric", "log1p_abs", "modified_gan", "jensen_shannon(0.25)", "scaled_jensen_shannon(0.25)"),
    *("skew_kl(0.25)", "alpha(0.25)", "alpha(-0.5)", "alpha(3)", "skew(pearson)", "combine"),
]
SMOOTH = [name for name in MAIN if name not in ("total_variation", "log1p_abs", "squared_log")]
each_case = pytest.mark.parametrize("name", CASES)
each_main = pytest.mark.parametrize("name", MAIN)
each_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])


def log_ratios(dtype) -> np.ndarray:
    near = [sign * 3.0 * 10.0**-k for k in range(1, 8) for sign in (1, -1)]
    middle = [sign * size for size in (0.5, 1.0, 1.1, 1.7, 2.5, 3.2, 8.0) for sign in (1, -1)]
    far = (20.0, 40.0, 87.0) if dtype == np.float32 else (20.0, 100.0, 300.0, 700.0)
    return np.asarray(near + middle + [sign * size for size in far for sign in (1, -1)], dtype)


def digits_for(r: float) -> int:
    """f - u f' of a bounded divergence cancels all the digits of u, and of u² where f grows as u²."""
    return 60 + int(abs(r))


def error(got: float, want: mp.mpf, dtype) -> float:
    """|got - want|/|want| in eps; a result beyond the dtype's normal numbers is right if it is 0 or ±inf there."""
    info = np.finfo(dtype)
    got = float(got)
    # XLA on the CPU flushes subnormal numbers, of intermediate results too: hence the room.
    if abs(want) < 64 * float(info.tiny):
        return 0.0 if abs(got) < 128 * float(info.tiny) else math.inf
    if abs(want) > float(info.max) / 64:
        return 0.0 if abs(got) > float(info.max) / 128 and (got > 0) == (want > 0) else math.inf
    return float(abs(mp.mpf(got) - want) / abs(want) / float(info.eps)) if math.isfinite(got) else math.inf


def check(label: str, points, got, want, tolerance, dtype) -> None:
    """Every point within its tolerance, in eps; the message names the worst."""
    errors = [error(g, w, dtype) for g, w in zip(got, want, strict=True)]
    excess = [e / t for e, t in zip(errors, tolerance, strict=True)]
    worst = int(np.argmax(excess))
    assert excess[worst] <= 1.0, (
        f"{label} at {points[worst]!r}: got {got[worst]!r}, want {mp.nstr(want[worst], 17)}, "
        f"{errors[worst]:.3g} eps where {tolerance[worst]:.3g} are allowed"
    )


@functools.partial(jax.jit, static_argnames="generator")
def forms_at(generator: Generator, r: jax.Array) -> tuple[jax.Array, ...]:
    value, growth = jax.jvp(lambda s: generator.balanced(s, *generator.parameters), (r,), (jnp.ones_like(r),))
    return (
        value,
        growth,
        generator.derivative(r, *generator.parameters),
        generator.coderivative(r, *generator.parameters),
    )


# --- f as a function of log u -------------------------------------------------------------------------------


@each_dtype
@each_case
@pytest.mark.by_default(
    "kl-float32",
    "reverse_kl-float64",
    "jeffreys-float32",
    "squared_hellinger-float64",
    "total_variation-float32",
    "pearson-float64",
    "neyman-float32",
    "le_cam-float64",
    "arithmetic_geometric-float32",
    "squared_log-float64",
    "log1p_abs-float32",
    "modified_gan-float32",
    "jensen_shannon(0.25)-float64",
    "jensen_shannon(9.5367432e-07)-float32",
    "scaled_jensen_shannon(0.99999905)-float32",
    "skew_kl(0.25)-float64",
    "skew_reverse_kl(0.25)-float32",
    "alpha(0.25)-float32",
    "alpha(-0.5)-float64",
    "alpha(3)-float32",
    "alpha(1.0009766)-float32",
    "alpha(9.5367432e-07)-float64",
    "cressie_read(0.5)-float64",
    "tsallis(3)-float32",
    "t_power(0.75)-float32",
    "reverse(alpha)-float32",
    "symmetrise(pearson)-float64",
    "skew(pearson)-float32",
    "combine-float64",
    "scale-float32",
)
def test_the_forms_are_those_of_the_textbook(name, dtype):
    """f/max(1, u), its derivative in log u, f' and f - u f'. Rounding: a few operations, 8 eps, and k r eps of eᵏʳ."""
    case, r = CASES[name], log_ratios(dtype)
    with precision(dtype):
        got = [np.asarray(one) for one in forms_at(case.generator, jnp.asarray(r))]
    wants: list[list[mp.mpf]] = [[], [], [], []]
    f = case.function
    for one in r:
        with mp.workdps(digits_for(one)):
            f = case.build()
            u = mp.exp(mp.mpf(float(one)))
            slope, coslope = f.slope(u), f.coslope(u)
            growth = u * slope if one <= 0 else -coslope / u
            for kept, number in zip(wants, (f.f(u) / max(u, 1), growth, slope, coslope), strict=True):
                kept.append(+number)
    tolerance = 8 + (case.exponent - 1) * np.abs(r.astype(np.float64))
    for label, one, want in zip(("balanced", "growth", "slope", "coslope"), got, wants, strict=True):
        check(f"{label} of {name}", r, one, want, tolerance, dtype)


# Near u = 1 two polynomials of second order and one of fourth; the last has a kink in f'', and no polynomial.
OWN: dict[str, tuple[Callable, Callable[[], textbook.Function]]] = {
    "u log u": (lambda u: u * jnp.log(u), textbook.kl),
    "cubic": (lambda u: u**3, lambda: textbook.scale(textbook.alpha(3), 6)),
    "quartic": (
        lambda u: (u - 1.0) ** 4,
        lambda: textbook.Function(
            lambda u: (u - 1) ** 4, lambda u: 4 * (u - 1) ** 3, lambda u: 12 * (u - 1) ** 2, 1, mp.inf
        ),
    ),
    "kinked": (
        lambda u: u**2 + jnp.abs(u - 1.0) ** 3,
        lambda: textbook.Function(
            lambda u: (u - 1) ** 2 + abs(u - 1) ** 3,
            lambda u: 2 * (u - 1) + 3 * (u - 1) * abs(u - 1),
            lambda u: 2 + 6 * abs(u - 1),
            2,
            mp.inf,
        ),
    ),
}


@each_dtype
@pytest.mark.parametrize("name", OWN)
@pytest.mark.by_default("u log u-float32", "cubic-float64", "quartic-float32", "kinked-float64")
def test_a_function_of_ones_own_keeps_its_digits_near_one(name, dtype):
    """As the shipped ones: a few operations, 8 eps."""
    f, build = OWN[name]
    r = log_ratios(dtype)
    r = np.append(r[np.abs(r) <= 0.5], np.asarray([-0.4, -0.2, 0.1, 0.45], dtype))
    with precision(dtype):
        got = [np.asarray(one) for one in forms_at(generators.from_function(f, name), jnp.asarray(r))]
    wants: list[list[mp.mpf]] = [[], [], [], []]
    with mp.workdps(80):
        exact = build()
        for one in r:
            u = mp.exp(mp.mpf(float(one)))
            slope, coslope = exact.slope(u), exact.coslope(u)
            growth = u * slope if one <= 0 else -coslope / u
            for kept, number in zip(wants, (exact.f(u) / max(u, 1), growth, slope, coslope), strict=True):
                kept.append(+number)
    for label, one, want in zip(("balanced", "growth", "slope", "coslope"), got, wants, strict=True):
        check(f"{label} of {name}", r, one, want, np.full(r.shape, 8.0), dtype)


@each_case
def test_the_limits_are_those_of_the_textbook(name):
    case = CASES[name]
    for got, want in (
        (case.generator.at_zero, case.function.at_zero),
        (case.generator.at_infinity, case.function.at_infinity),
    ):
        # Python numbers: a few operations in double precision.
        assert got == want or abs(got - want) <= 4 * np.finfo(float).eps * abs(want), (got, want)


@each_main
def test_the_slopes_have_their_limits_at_infinite_log_ratios(name):
    generator = CASES[name].generator
    slope, coslope = forms_at(generator, jnp.asarray([-math.inf, math.inf]))[2:]
    assert not jnp.isnan(slope).any()
    assert not jnp.isnan(coslope).any()
    # lim f' = lim f/u and lim f - u f' = f(0); where they are infinite the form may stop at a large number.
    for got, want in ((slope[1], generator.at_infinity), (coslope[0], generator.at_zero)):
        assert got > 1e3 if math.isinf(want) else abs(got - want) <= 4 * np.finfo(np.float32).eps * want


@each_case
def test_symmetric_says_whether_exchanging_p_and_q_changes_anything(name):
    with mp.workdps(60):
        f = CASES[name].build()
        same = all(abs(f.f(u) - u * f.f(1 / u)) < mp.mpf(10) ** -40 for u in map(mp.mpf, (0.25, 3, 50)))
    assert same == CASES[name].generator.symmetric


# --- f(u) ---------------------------------------------------------------------------------------------------


@each_dtype
@each_main
@pytest.mark.by_default(
    "kl-float32",
    "reverse_kl-float64",
    "jeffreys-float32",
    "squared_hellinger-float64",
    "total_variation-float32",
    "pearson-float64",
    "le_cam-float32",
    "squared_log-float64",
    "log1p_abs-float32",
    "jensen_shannon(0.25)-float32",
    "alpha(-0.5)-float64",
    "skew(pearson)-float64",
)
def test_call_gives_f_of_u(name, dtype):
    case = CASES[name]
    u = np.asarray([1e-30, 1e-3, 0.25, 0.5, 0.999, 1 - 2.0**-20, 1.0, 1 + 2.0**-20, 1.001, 2.0, 3.0, 1e3, 1e10], dtype)
    with precision(dtype), mp.workdps(120):
        got = np.asarray(case.generator(jnp.asarray(u)))
        f = case.build()
        want = [f.f(mp.mpf(float(one))) for one in u]
        # log u of 1e-30 is -69, with rounding; eᵏʳ has k times that.
        tolerance = 8 + case.exponent * np.abs(np.log(u.astype(np.float64)))
        check(f"f of {name}", u, got, want, tolerance, dtype)
        assert got[6] == 0.0


@each_main
@pytest.mark.by_default(
    "kl",
    "reverse_kl",
    "total_variation",
    "squared_log",
    "modified_gan",
    "jensen_shannon(0.25)",
    "alpha(-0.5)",
    "skew(pearson)",
)
def test_call_at_zero_and_infinity_gives_the_limits(name):
    generator = CASES[name].generator
    at_zero, at_infinity, negative, missing = generator(jnp.asarray([0.0, math.inf, -1.0, math.nan]))
    assert at_zero == np.float32(generator.at_zero)
    # ½(log u)² grows without bound although f(u)/u tends to zero; it is taken at a large number.
    assert at_infinity == math.inf or (name == "squared_log" and at_infinity > 3e3)
    assert jnp.isnan(negative)
    assert jnp.isnan(missing)


@pytest.mark.full
def test_the_derivative_of_f_at_zero_is_that_of_the_smallest_number():
    """Finite and of the right sign where f(0) is finite; zero where it is not."""
    assert jax.grad(generators.pearson)(0.0) == -2.0
    assert jax.grad(generators.kl)(0.0) == jnp.log(jnp.finfo(jnp.float32).tiny)
    assert jax.grad(generators.reverse_kl)(0.0) == 0.0
    assert jax.grad(jax.grad(generators.pearson))(0.5) == 2.0


# --- The summand q f(p/q) -----------------------------------------------------------------------------------


def perspective_of(generator: Generator, hessian: bool) -> Callable:
    def value(x):
        return generator.perspective(x[0], x[1])

    parts = (value, jax.grad(value), jax.hessian(value)) if hessian else (value, jax.grad(value))
    return jax.jit(jax.vmap(lambda x: tuple(part(x) for part in parts)))


def pairs(dtype) -> np.ndarray:
    size = [1e-1, 1e-3, 1e-5, 1e-7, 1.0, 2.5, 15.0]
    rows = [(q + sign * d, q) for q in (0.0, -0.75, -9.0) for d in size for sign in (1, -1)]
    rows += [(-80.0, 0.0), (-3.0, -60.0), (-0.5, -0.5)] + ([(-600.0, -1.0)] if dtype == np.float64 else [])
    return np.asarray(rows, dtype)


@each_dtype
@each_main
@pytest.mark.by_default(
    "kl-float32",
    "reverse_kl-float64",
    "jeffreys-float32",
    "squared_hellinger-float64",
    "total_variation-float32",
    "le_cam-float64",
    "squared_log-float32",
    "arithmetic_geometric-float64",
    "log1p_abs-float32",
    "jensen_shannon(0.25)-float32",
    "skew_kl(0.25)-float32",
    "skew(pearson)-float64",
    "alpha(3)-float32",
    "combine-float32",
)
def test_the_summand_and_its_gradient(name, dtype):
    """q f(p/q), p f'(u), q (f - u f'). log p - log q is exact for near pairs; far ones add |r| eps to log u."""
    case, x = CASES[name], pairs(dtype)
    with precision(dtype):
        value, gradient = (np.asarray(one) for one in perspective_of(case.generator, False)(jnp.asarray(x)))
    wants: list[list[mp.mpf]] = [[], [], []]
    for log_p, log_q in x:
        with mp.workdps(digits_for(log_p - log_q)):
            f = case.build()
            p, q = mp.exp(mp.mpf(float(log_p))), mp.exp(mp.mpf(float(log_q)))
            for kept, number in zip(wants, (q * f.f(p / q), p * f.slope(p / q), q * f.coslope(p / q)), strict=True):
                kept.append(+number)
    tolerance = 8 + case.exponent * np.abs(x[:, 0] - x[:, 1]).astype(np.float64)
    for label, got, want in zip(
        ("value", "∂log p", "∂log q"), (value, gradient[:, 0], gradient[:, 1]), wants, strict=True
    ):
        check(f"{label} of {name}", x, got, want, tolerance, dtype)
    assert value[-1 if dtype == np.float32 else -2] == 0.0


HESSIANS = [
    *("kl", "squared_hellinger", "pearson", "modified_gan", "jensen_shannon(0.25)", "skew_kl(0.25)"),
    *("alpha(0.25)", "skew(pearson)"),
]


@each_dtype
@pytest.mark.parametrize("name", HESSIANS)
@pytest.mark.by_default("kl-float32", "modified_gan-float64", "skew(pearson)-float32")
def test_the_second_derivatives_of_the_summand(name, dtype):
    """Each entry's error relative to its terms and the smaller first derivative; 16 eps, being found by autodiff."""
    case, x = CASES[name], pairs(dtype)
    with precision(dtype):
        hessian = np.asarray(perspective_of(case.generator, True)(jnp.asarray(x))[2])
    eps = float(np.finfo(dtype).eps)
    for (log_p, log_q), got in zip(x, hessian, strict=True):
        with mp.workdps(digits_for(log_p - log_q)):
            f = case.build()
            p, q = mp.exp(mp.mpf(float(log_p))), mp.exp(mp.mpf(float(log_q)))
            u = p / q
            bend, in_p, in_q = p * u * f.curvature(u), p * f.slope(u), q * f.coslope(u)
            for entry, first in (((0, 0), in_p), ((1, 1), in_q), ((0, 1), 0), ((1, 0), 0)):
                want = first + (bend if entry in ((0, 0), (1, 1)) else -bend)
                size = abs(first) + abs(bend) + min(abs(in_p), abs(in_q))
                allowed = (16 + 2 * case.exponent * abs(float(log_p - log_q))) * eps * size + 64 * np.finfo(dtype).tiny
                assert abs(mp.mpf(float(got[entry])) - want) <= allowed, (name, log_p, log_q, entry, got, want)


@each_dtype
@pytest.mark.parametrize("name", HESSIANS)
@pytest.mark.by_default(
    "kl-float32", "squared_hellinger-float64", "modified_gan-float32", "jensen_shannon(0.25)-float64"
)
def test_the_boundary_of_the_summand(name, dtype):
    generator = CASES[name].generator
    inf = math.inf
    x = np.asarray([(-inf, -0.5), (-0.5, -inf), (-inf, -inf), (-0.5, -0.5), (-40.0, -0.5), (-0.5, -40.0)], dtype)
    with precision(dtype), jax.debug_nans(True):
        value, gradient, hessian = (np.asarray(one) for one in perspective_of(generator, True)(jnp.asarray(x)))
    mass = np.exp(x[0, 1])
    for row, price, own in ((0, generator.at_zero, 1), (1, generator.at_infinity, 0)):
        # One exponential and one product: 2 eps.
        wanted = float(mass) * float(price) if np.isfinite(float(price)) else inf
        assert value[row] == wanted or abs(value[row] - wanted) <= 2 * np.finfo(dtype).eps * abs(wanted)
        along = wanted if np.isfinite(wanted) else 0.0
        assert abs(gradient[row, own] - along) <= 2 * np.finfo(dtype).eps * abs(along)
        assert gradient[row, 1 - own] == 0.0
    assert value[2] == 0.0
    assert value[3] == 0.0
    assert (gradient[2:4] == 0.0).all()
    assert np.isfinite(hessian[:4]).all()
    assert not np.isnan(gradient).any()


@pytest.mark.full
def test_the_summand_of_densities_beyond_the_range_of_the_dtype(sweep_size):
    """Homogeneous of degree one: never NaN; e^80 times what it is at e^0, and inf or 0 where that is out of range."""
    log_p = jnp.array([80.0, 80.0, 300.0, 300.0, 300.0, 0.0, 300.0, -jnp.inf])
    log_q = jnp.array([79.5, 81.0, 300.0, 299.0, 0.0, 300.0, -jnp.inf, 300.0])
    small = jnp.array([0.0, -1.0]), jnp.array([-0.5, 0.0])
    names = ("kl", "pearson", "skew_kl(0.25)", "reverse_kl", "squared_hellinger", "total_variation", "alpha(0.25)")
    for name in names[: sweep_size(3, 7)]:
        generator = CASES[name].generator

        def both(a, b, generator=generator):
            return generator.perspective(a, b), *jax.grad(lambda x: generator.perspective(*x).sum())((a, b))

        value, *slopes = both(log_p, log_q)
        for one, plain in zip((value, *slopes), both(*small), strict=True):
            exact = np.asarray(plain, np.float64) * np.exp([80.0, 81.0])
            np.testing.assert_allclose(one[:2], exact, rtol=1e-5, err_msg=name)
        assert value[2] == 0.0
        assert np.isposinf(value[3:]).all(), name
        assert np.isfinite(slopes).all(), name  # they saturate
        along = jax.jvp(lambda a, g=generator: g.perspective(a, log_q), (log_p,), (jnp.ones(8),))[1]
        assert np.isfinite(along).all(), name


def test_the_summand_reads_half_precision_and_rejects_integers():
    log_p, log_q = jnp.asarray([-0.5, -1.0], jnp.bfloat16), jnp.asarray([-1.0, -0.5], jnp.float32)
    got = generators.kl.perspective(log_p, log_q)
    assert got.dtype == jnp.float32
    assert bool((got == generators.kl.perspective(log_p.astype(jnp.float32), log_q)).all())
    with pytest.raises(TypeError, match="u must have a floating-point dtype"):
        generators.kl(jnp.asarray([1, 2]))
    with pytest.raises(ValueError, match="log_p and log_q must broadcast"):
        generators.kl.perspective(jnp.zeros(2), jnp.zeros(3))


# --- The conjugate ------------------------------------------------------------------------------------------


@each_dtype
@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.by_default(
    "kl-float32",
    "reverse_kl-float64",
    "pearson-float64",
    "scaled_jensen_shannon(0.25)-float32",
    "alpha(-0.5)-float32",
    "combine-float32",
)
def test_the_conjugate_is_the_supremum(name, dtype):
    """f*(t) = sup ut - f(u), (f*)' = u, (f*)'' = 1/f''(u); an eps of t is ut/f* eps of f* and t/(u f'') eps of u."""
    case, r = CASES[name], (-12.0, -3.0, -0.5, -1e-3, -1e-6, 1e-6, 1e-3, 0.5, 3.0, 6.0)
    info = np.finfo(dtype)
    with mp.workdps(80):
        f = case.build()
        slopes = np.asarray([float(f.slope(mp.exp(mp.mpf(one)))) for one in r], dtype)
        # Rounded onto an end of its range, or next to it, a slope has no digits that tell u.
        inside = (slopes < float(f.at_infinity)) & (
            slopes > float(f.slope_at_zero) * (1 - 1e-4 if f.slope_at_zero < 0 else 1)
        )
        r, slopes = np.asarray(r)[inside], slopes[inside]
        with precision(dtype):
            conjugate = case.generator.conjugate
            derivatives = (conjugate, jax.grad(conjugate), jax.grad(jax.grad(conjugate)))
            got = jax.jit(jax.vmap(lambda t: tuple(d(t) for d in derivatives)))(jnp.asarray(slopes))
        wants, tolerance = ([], [], []), ([], [], [])
        for guess, t in zip(r, slopes, strict=True):
            t = mp.mpf(float(t))
            value, u = f.conjugate(t, guess)
            bend = u * f.curvature(u)
            # (f*)'' = 1/f'' moves by the relative change of f'' along the way that u moves.
            turn = abs(mp.diff(lambda s: mp.log(f.curvature(mp.exp(s))), mp.log(u)))
            for kept, number in zip(wants, (value, u, u / bend), strict=True):
                kept.append(number)
            moves = float(abs(t / bend))
            for kept, number in zip(
                tolerance, (4 * float(abs(t * u / value)), 4 * moves, 4 * moves * float(turn)), strict=True
            ):
                # The slope that is inverted has rounding of its own, which is why each factor is 4, not 1.
                kept.append(8 + number)
    for label, one, want, allowed in zip(("f*", "f*'", "f*''"), got, wants, tolerance, strict=True):
        check(f"{label} of {name}", slopes, np.asarray(one), want, allowed, dtype)
    assert info.dtype == np.asarray(got[0]).dtype


@each_main
@pytest.mark.by_default(
    "kl", "reverse_kl", "jeffreys", "total_variation", "squared_log", "jensen_shannon(0.25)", "alpha(-0.5)"
)
def test_the_conjugate_ends_where_the_slope_does(name):
    """Beyond lim f(u)/u it is infinite; below f'(0) the maximiser is u = 0 and it stays at -f(0)."""
    case = CASES[name]
    f, eps = case.function, np.finfo(np.float32).eps
    beyond, below = (
        float(limit) + step if math.isfinite(limit) else math.copysign(1e30, step)
        for limit, step in ((f.at_infinity, 1.0), (f.slope_at_zero, -1.0))
    )
    value, slope = jax.jit(jax.vmap(jax.value_and_grad(case.generator.conjugate)))(
        jnp.asarray([beyond, 0.0, below, -math.inf, math.nan])
    )
    assert value[0] == math.inf
    # Past a finite limit the conjugate is constant; past an infinite one it has only overflowed.
    assert slope[0] == 0.0 or math.isinf(f.at_infinity)
    assert not jnp.isnan(slope[:4]).any()
    assert value[1] == 0.0
    assert abs(slope[1] - 1.0) <= eps
    lowest = -np.float32(f.at_zero)
    if math.isfinite(f.slope_at_zero):
        assert abs(value[2] - lowest) <= 2 * eps * abs(lowest)
        assert slope[2] == 0.0
    if math.isfinite(lowest):
        assert abs(value[3] - lowest) <= 4 * eps * abs(lowest)
    else:
        assert value[3] < -20.0
    assert jnp.isnan(value[4])


def test_the_conjugates_of_functions_with_a_kink():
    """sup ut - |u - 1|/2 is t up to 1/2; sup ut - (1/u - 1) over u < 1 is 1 - 2√-t."""
    t = jnp.asarray([-3.0, -0.5, -0.25, 0.0, 0.25, 0.5, 0.51])
    assert generators.total_variation.conjugate(t).tolist() == [-0.5, -0.5, -0.25, 0.0, 0.25, 0.5, math.inf]
    t = jnp.asarray([-4.0, -1.0, -0.5, 0.0, 1.0, 1.5])
    assert generators.log1p_abs.conjugate(t).tolist() == [-3.0, -1.0, -0.5, 0.0, 1.0, math.inf]
    mixed = generators.combine((1.0, generators.total_variation), (1.0, generators.pearson))
    # f' jumps from -1/2 to 1/2 at u = 1, so f*(t) = t in between, and pearson's shifted by the jump beyond.
    assert jnp.allclose(mixed.conjugate(jnp.asarray([-0.5, 0.0, 0.5])), jnp.asarray([-0.5, 0.0, 0.5]), atol=1e-6)
    assert abs(mixed.conjugate(2.5) - (generators.pearson.conjugate(2.0) + 0.5)) < 1e-5


def test_the_conjugate_of_squared_log_although_it_is_not_convex():
    """Up to t = 0 the supremum lies where the function is convex, beyond it is infinite."""
    assert generators.squared_log.conjugate(jnp.asarray([0.0, 0.1])).tolist() == [0.0, math.inf]
    with mp.workdps(30):
        want, _ = textbook.squared_log().conjugate(mp.mpf(-2), -0.8)
    assert abs(generators.squared_log.conjugate(-2.0) - float(want)) <= 8 * np.finfo(np.float32).eps * abs(float(want))


@pytest.mark.parametrize("name", SMOOTH)
@pytest.mark.by_default("kl", "alpha(-0.5)")
def test_fenchel_and_young_agree(name):
    """f(u) + f*(f'(u)) = u f'(u), up to rounding of the three terms."""
    generator = CASES[name].generator
    log_u = jnp.asarray([-3.0, -0.5, -0.01, 0.01, 0.5, 2.0])
    u, t = jnp.exp(log_u), generator.slope(log_u)
    inside = t < jnp.float32(generator.at_infinity)
    left = generator(u) + generator.conjugate(t)
    # Near the largest slope f* is as steep as u, and u = e² there.
    assert bool(
        (~inside | (jnp.abs(left - u * t) <= 32 * jnp.finfo(u.dtype).eps * (generator(u) + jnp.abs(u * t)))).all()
    )


@pytest.mark.parametrize("form", ["jeffreys", "skew"])
@pytest.mark.by_default("jeffreys")
def test_the_conjugate_differentiates_in_a_traced_parameter(form):
    """∂f*/∂θ = -∂f/∂θ at the maximiser; the two differences are exact to 1e-6 or so in double precision."""
    make = {"jeffreys": lambda c: generators.scale(generators.jeffreys, c), "skew": generators.skew_kl}[form]
    with jax.enable_x64(True):
        t, at, step = 0.125, 0.5, 1e-5
        gradient = jax.grad(lambda c: make(c).conjugate(t))(at)
        difference = (make(at + step).conjugate(t) - make(at - step).conjugate(t)) / (2 * step)
        assert abs(gradient - difference) <= 1e-6 * abs(difference)
        mixed = jax.grad(lambda c: jax.grad(make(c).conjugate)(t))(at)
        by_hand = (jax.grad(make(at + step).conjugate)(t) - jax.grad(make(at - step).conjugate)(t)) / (2 * step)
        assert abs(mixed - by_hand) <= 1e-6 * abs(by_hand)
