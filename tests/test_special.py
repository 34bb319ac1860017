"""The elementwise atoms against many-digit definitions on dense sweeps: values, slopes, curvatures, edges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf

from kljax._special import elementwise, log1p_quotients, ratios
from kljax.generators import _hyperbolic

inf = float("inf")
exp, log, expm1, log1p = mpmath.exp, mpmath.log, mpmath.expm1, mpmath.log1p


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with jax.enable_x64(request.param == "float64"), mpmath.workdps(60):
        yield jnp.dtype(request.param)


def signed(low: float, high: float, count: int, rng) -> np.ndarray:
    return rng.choice([-1.0, 1.0], count) * 10.0 ** rng.uniform(low, high, count)


def real_line(rng, n):
    """Both signs, dense where series and plain formulas meet, and in magnitude from 1e-7 to 80."""
    return (np.concatenate([rng.uniform(-3.2, 3.2, n), signed(-7, 1.9, n, rng), [-2.0, -1.0, -0.5, 0.5, 1.0, 2.0]]),)


def above_minus_one(rng, n):
    beyond = 10.0 ** rng.uniform(0.3, 9, n)
    return (np.concatenate([rng.uniform(-0.999, 2.3, n), 0.9 * signed(-7, 0, n, rng), beyond, [-2 / 3, 2.0]]),)


def positive(rng, n):
    return (np.concatenate([10.0 ** rng.uniform(-7, 1.9, n), rng.uniform(1.5, 2.5, n)]),)


def pairs(rng, n):
    """Positive pairs whose ratio runs from 1 + 1e-7 to 1e4, dense about the factor of three where formulas meet."""
    x = 10.0 ** rng.uniform(-6, 6, 2 * n)
    ratio = np.concatenate([np.exp(signed(-7, 0.96, n, rng)), 3.0 ** signed(-0.05, 0.05, n, rng)])
    return x * ratio, x


def factors_above_minus_half(rng, n):
    """(β, a) whose product is a number above -½, β down to 1e-9: nearer to -1 its rounding alone costs digits."""
    product = np.maximum(above_minus_one(rng, n)[0], -0.5)
    beta = signed(-9, 2, len(product), rng)
    return beta, product / beta


@dataclass(frozen=True)
class Atom:
    """A function, its textbook definition, its first and second derivatives, where it is swept, what it is at edges."""

    definition: Callable
    slopes: tuple[Callable, ...]
    curvatures: dict[tuple[int, int], Callable]
    sweep: Callable
    edges: dict[tuple[float, ...], float] = field(default_factory=dict)
    value_eps: float = 4.0
    slope_eps: float = 4.0
    curvature_eps: float = 8.0


def kappa(t: mpf) -> mpf:
    return ((1 + t) * log1p(t) - t) / t**2


ATOMS = {
    "expm1": Atom(expm1, (exp,), {(0, 0): exp}, real_line, {(0.0,): 0.0, (-inf,): -1.0, (inf,): inf}),
    "expm1_minus_x": Atom(
        lambda t: expm1(t) - t, (expm1,), {(0, 0): exp}, real_line, {(0.0,): 0.0, (inf,): inf, (-inf,): inf}
    ),
    "log1p": Atom(
        log1p,
        (lambda t: 1 / (1 + t),),
        {(0, 0): lambda t: -1 / (1 + t) ** 2},
        above_minus_one,
        {(0.0,): 0.0, (-1.0,): -inf},
    ),
    "x_minus_log1p": Atom(
        lambda t: t - log1p(t),
        (lambda t: t / (1 + t),),
        {(0, 0): lambda t: 1 / (1 + t) ** 2},
        above_minus_one,
        {(0.0,): 0.0, (-1.0,): inf, (inf,): inf},
    ),
    "log1p_excess": Atom(
        lambda t: (1 + t) * log1p(t) - t,
        (log1p,),
        {(0, 0): lambda t: 1 / (1 + t)},
        above_minus_one,
        {(0.0,): 0.0, (-1.0,): 1.0},
    ),
    "exp_decay_excess": Atom(
        lambda t: 1 - (1 + t) * exp(-t),
        (lambda t: t * exp(-t),),
        {},
        positive,
        {(0.0,): 0.0, (inf,): 1.0},
    ),
    "log_cosh": Atom(
        lambda t: log(mpmath.cosh(t)),
        (mpmath.tanh,),
        {(0, 0): lambda t: 1 / mpmath.cosh(t) ** 2},
        real_line,
        {(0.0,): 0.0},
    ),
    "tanh": Atom(
        mpmath.tanh, (lambda t: 1 / mpmath.cosh(t) ** 2,), {}, real_line, {(0.0,): 0.0, (inf,): 1.0, (-inf,): -1.0}
    ),
    "expm1_ratio": Atom(
        lambda t: expm1(t) / t,
        (lambda t: (t * exp(t) - expm1(t)) / t**2,),
        {},
        real_line,
        {(0.0,): 1.0},
        slope_eps=8.0,  # eˣ e(-x)/x², each factor to an eps or two
    ),
    "expm1_minus_x_ratio": Atom(
        lambda t: (expm1(t) - t) / t**2,
        (lambda t: (t * expm1(t) - 2 * (expm1(t) - t)) / t**3,),
        {},
        real_line,
        {(0.0,): 0.5},
        slope_eps=16.0,  # beyond |x| = 1 a difference that cancels to a sixth of its parts
    ),
    "log1p_ratio": Atom(
        lambda t: log1p(t) / t,
        (lambda t: -kappa(t) / (1 + t),),
        {},
        above_minus_one,
        {(0.0,): 1.0},
        slope_eps=6.0,  # κ to 4 eps over a sum
    ),
    "log1p_over": Atom(
        lambda b, a: log1p(b * a) / b,
        (lambda b, a: -(a**2) * kappa(b * a) / (1 + b * a), lambda b, a: 1 / (1 + b * a)),
        {},
        factors_above_minus_half,
        {(0.0, 2.0): 2.0, (0.0, -3.0): -3.0},
        slope_eps=6.0,  # the same times a²
    ),
    "divide": Atom(
        lambda y, x: y / x,
        (lambda y, x: 1 / x, lambda y, x: -y / x**2),
        {(0, 1): lambda y, x: -1 / x**2, (1, 1): lambda y, x: 2 * y / x**3},
        pairs,
    ),
    "log_ratio": Atom(
        lambda y, x: log(y / x),
        (lambda y, x: 1 / y, lambda y, x: -1 / x),
        {(0, 0): lambda y, x: -1 / y**2, (1, 1): lambda y, x: 1 / x**2},
        pairs,
        {(0.0, 0.0): 0.0, (0.0, 1.0): -inf, (1.0, 0.0): inf},
    ),
    "kl_term": Atom(
        lambda y, x: y * log(y / x) - y + x,
        (lambda y, x: log(y / x), lambda y, x: 1 - y / x),
        {(0, 0): lambda y, x: 1 / y, (0, 1): lambda y, x: -1 / x, (1, 1): lambda y, x: y / x**2},
        pairs,
        {(0.0, 0.0): 0.0, (0.0, 2.0): 2.0, (2.0, 0.0): inf},
    ),
    "itakura_saito_term": Atom(
        lambda y, x: y / x - 1 - log(y / x),
        (lambda y, x: 1 / x - 1 / y, lambda y, x: (x - y) / x**2),
        {(0, 1): lambda y, x: -1 / x**2, (1, 1): lambda y, x: (2 * y - x) / x**3},
        pairs,
        {(0.0, 0.0): 0.0, (0.0, 2.0): inf, (2.0, 0.0): inf},
    ),
    "spread_term": Atom(
        lambda y, x: (y / x) ** 2 / 2 - mpf("0.5") - log(y / x),
        (lambda y, x: y / x**2 - 1 / y, lambda y, x: 1 / x - y**2 / x**3),
        {(0, 1): lambda y, x: -2 * y / x**3},  # ∂x∂x has a zero, beside which no digits are left
        pairs,
        {(0.0, 0.0): 0.0, (0.0, 2.0): inf, (2.0, 0.0): inf},
        value_eps=5.0,  # s to an eps, squared
        slope_eps=6.0,  # ρ (ρ + 2)/y, with ρ to an eps
    ),
    "ratio_gap": Atom(
        lambda y, x: y / x - 1,
        (lambda y, x: 1 / x, lambda y, x: -y / x**2),
        {(0, 1): lambda y, x: -1 / x**2, (1, 1): lambda y, x: 2 * y / x**3},
        pairs,
    ),
}


def atom_named(name: str) -> Callable:
    return next(getattr(one, name) for one in (elementwise, log1p_quotients, ratios, _hyperbolic) if hasattr(one, name))


def points(atom: Atom, dtype, count: int) -> tuple[list[jax.Array], list[tuple[mpf, ...]]]:
    arrays = [jnp.asarray(a, dtype) for a in atom.sweep(np.random.default_rng(11), count)]
    return arrays, list(zip(*([mpf(float(x)) for x in np.asarray(a)] for a in arrays), strict=True))


def worst(got, formula: Callable, exact: list[tuple[mpf, ...]], where: str) -> tuple[float, str]:
    """(largest relative error in eps, the point it is at), leaving out what underflows or overflows."""
    got = np.asarray(got)
    info = np.finfo(got.dtype)
    found = (0.0, where)
    for value, arguments in zip(got, exact, strict=True):
        expected = formula(*arguments)
        if not 4 * float(info.tiny) < abs(expected) < float(info.max) / 4:
            continue
        error = float(abs(mpf(float(value)) - expected) / abs(expected)) / float(info.eps)
        found = max(found, (error, f"{where} at {[float(a) for a in arguments]}"))
    return found


def by(function: Callable, argument: int) -> Callable:
    """The derivative by one argument, entry by entry."""

    def slope(*arrays):
        steps = tuple(jnp.ones_like(a) if i == argument else jnp.zeros_like(a) for i, a in enumerate(arrays))
        return jax.jvp(function, arrays, steps)[1]

    return slope


@pytest.mark.parametrize("name", ATOMS)
def test_values_on_a_dense_sweep(name, dtype, sweep_size):
    atom = ATOMS[name]
    arrays, exact = points(atom, dtype, sweep_size(400, 20000))
    error, at = worst(jax.jit(atom_named(name))(*arrays), atom.definition, exact, name)
    assert error <= atom.value_eps, at


@pytest.mark.parametrize("name", ATOMS)
@pytest.mark.by_default(
    "float64-expm1",
    "float32-expm1_minus_x",
    "float64-log1p",
    "float32-x_minus_log1p",
    "float64-log1p_excess",
    "float32-exp_decay_excess",
    "float64-log_cosh",
    "float32-tanh",
    "float64-expm1_ratio",
    "float32-expm1_minus_x_ratio",
    "float64-log1p_ratio",
    "float32-log1p_over",
    "float64-divide",
    "float32-log_ratio",
    "float64-kl_term",
    "float32-itakura_saito_term",
    "float64-spread_term",
    "float32-ratio_gap",
)
def test_first_and_second_derivatives(name, dtype, sweep_size):
    atom, function = ATOMS[name], atom_named(name)
    arrays, exact = points(atom, dtype, sweep_size(200, 5000))
    for i, formula in enumerate(atom.slopes):
        error, at = worst(jax.jit(by(function, i))(*arrays), formula, exact, f"∂{i}")
        assert error <= atom.slope_eps, at
        reverse = jax.jit(jax.grad(lambda *a: function(*a).sum(), i))(*arrays)
        assert worst(reverse, formula, exact, f"∂{i}")[0] <= atom.slope_eps
    for (i, j), formula in atom.curvatures.items():
        error, at = worst(jax.jit(by(by(function, i), j))(*arrays), formula, exact, f"∂{i}∂{j}")
        assert error <= atom.curvature_eps, at


@pytest.mark.parametrize("name", ATOMS)
@pytest.mark.by_default(
    "float32-expm1",
    "float64-x_minus_log1p",
    "float32-log1p_excess",
    "float64-tanh",
    "float32-expm1_ratio",
    "float64-log_ratio",
    "float32-kl_term",
    "float64-itakura_saito_term",
    "float32-spread_term",
    "float64-ratio_gap",
)
def test_edges_are_limits_and_no_derivative_is_nan(name, dtype):
    function = atom_named(name)
    with jax.debug_nans(True):
        for arguments, expected in ATOMS[name].edges.items():
            arrays = [jnp.asarray(a, dtype) for a in arguments]
            assert jax.jit(function)(*arrays) == expected, arguments
            count = tuple(range(len(arrays)))
            slopes = jax.jit(jax.grad(function, count))(*arrays)
            assert not np.any(np.isnan(slopes)), arguments
            if name != "log_ratio":  # infinite itself; those who use it at a zero ask for no curvature
                curves = jax.jit(jax.hessian(function, count))(*arrays)
                assert not np.any(np.isnan(np.array(curves))), arguments
            if arguments == (0.0, 0.0):  # the outcome is absent
                assert not np.any(slopes)


@pytest.mark.parametrize(
    "name", ["expm1_minus_x", "x_minus_log1p", "log1p_excess", "kl_term", "itakura_saito_term", "spread_term"]
)
def test_no_divergence_is_negative(name, dtype):
    atom = ATOMS[name]
    arrays, _ = points(atom, dtype, 5000)
    assert np.all(jax.jit(atom_named(name))(*arrays) >= 0)
    equal = [arrays[0], arrays[0]] if len(arrays) == 2 else [jnp.zeros_like(arrays[0])]
    assert not np.any(jax.jit(atom_named(name))(*equal))


def test_error_free_transformations(dtype):
    rng = np.random.default_rng(12)
    a, b = (jnp.asarray(signed(-8, 8, 500, rng), dtype) for _ in range(2))
    for function, exactly in (
        (elementwise.two_sum, lambda x, y: x + y),
        (elementwise.two_diff, lambda x, y: x - y),
        (elementwise.two_product, lambda x, y: x * y),
    ):
        head, tail = jax.jit(function)(a, b)  # compiled, since compilers contract and reorder
        for x, y, h, t in zip(a, b, head, tail, strict=True):
            assert mpf(float(h)) + mpf(float(t)) == exactly(mpf(float(x)), mpf(float(y)))


def test_sums_that_overflow_have_no_error_term(dtype):
    largest = jnp.asarray(float(jnp.finfo(dtype).max), dtype)
    head, tail = elementwise.two_sum(largest, largest)
    assert (head, tail) == (inf, 0.0)


def test_a_divisor_whose_square_underflows(dtype):
    small = jnp.asarray(1e-25 if dtype == jnp.float32 else 1e-200, dtype)
    slope = jax.grad(elementwise.divide, 1)(small * small, small)
    np.testing.assert_allclose(
        jax.grad(elementwise.divide, 1)(small, small), -1.0 / small, rtol=4 * float(jnp.finfo(dtype).eps)
    )
    assert np.isfinite(slope)


@pytest.mark.parametrize("name", ["log_ratio", "itakura_saito_term", "spread_term", "kl_term"])
def test_constants_of_a_program_do_not_change_an_atom(name, dtype):
    """XLA joins the constants of (c y)/(x/d), which may then over- or underflow for a constant x."""
    function = atom_named(name)
    y = jnp.asarray([0.0, 1e-37, 1e-30, 0.5, 1.0, 1e30], dtype)
    for x in (1e-37, 1.0, 1e30):
        alone = jax.jit(function)(y, jnp.full_like(y, x))
        np.testing.assert_array_equal(jax.jit(lambda y, x=x: function(y, jnp.full_like(y, x)))(y), alone)


@pytest.mark.parametrize("name", ["log_ratio", "itakura_saito_term", "spread_term", "kl_term"])
def test_negative_numbers_have_no_ratio(name, dtype):
    y, x = (jnp.asarray(one, dtype) for one in ([-1.0, -1.0, 1.0, -1.0, -1e-30], [-1.0, -2.0, -1.0, 1.0, -1e-30]))
    assert np.isnan(jax.jit(atom_named(name))(y, x)).all()


def test_log_ratio_from_the_smallest_to_the_largest_numbers(dtype):
    """Halves of the smallest normal numbers are flushed to 0, and a quotient of extremes to 0 or ∞."""
    limits = np.finfo(dtype)
    some = [0.0, 1.01, 1.7, 10.0, 1e7]
    sizes = np.array([*(one * float(limits.tiny) for one in some), 1e-10, 0.5, 1.0, 1e10, float(limits.max) / 3], dtype)
    y, x = (one.ravel() for one in np.meshgrid(sizes, sizes))
    found = jax.jit(elementwise.log_ratio)(y, x)
    for a, b, value in zip(y, x, np.asarray(found), strict=True):
        if a == b or a == 0.0 or b == 0.0:
            assert value == (0.0 if a == b else -np.inf if a == 0.0 else np.inf), (a, b)
        else:
            exact = mpmath.log(mpf(float(a)) / mpf(float(b)))
            assert abs(mpf(float(value)) - exact) <= 3 * float(limits.eps) * abs(exact), (a, b)
