"""log Γ, polygamma and their Bregman divergences against mpmath on the exact inputs; the fit is made again."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf, psi

from kljax._special import gamma

inf = float("inf")
log_gamma, log = mpmath.loggamma, mpmath.log


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with jax.enable_x64(request.param == "float64"), mpmath.workdps(50):
        yield jnp.dtype(request.param)


def by(function, argument):
    def slope(*arrays):
        steps = tuple(jnp.ones_like(a) if i == argument else jnp.zeros_like(a) for i, a in enumerate(arrays))
        return jax.jvp(function, arrays, steps)[1]

    return slope


def check(got, formula, arrays, eps, what, norm=None):
    """Relative error at most ``eps`` machine epsilons (of ``norm`` where given), but for over- and underflow."""
    got = np.asarray(got)
    info = np.finfo(got.dtype)
    assert not np.any(np.isnan(got)), what
    for value, point in zip(got, zip(*arrays, strict=True), strict=True):
        exact = [mpf(float(a)) for a in point]
        expected = formula(*exact)
        if 4 * float(info.tiny) < abs(expected) < float(info.max) / 4:
            size = abs(expected) if norm is None else norm(*exact)
            error = float(abs(mpf(float(value)) - expected) / size) / float(info.eps)
            assert error <= eps, f"{what} at {[float(a) for a in point]}: {error} eps"


def signs(rng, n):
    return rng.choice([-1.0, 1.0], n)


def arguments(dtype, n):
    """Over the dtype's range, and close to 1, 2 and the zero of ψ."""
    rng = np.random.default_rng(21)
    ends = (-37.5, 36.0) if dtype == jnp.float32 else (-300.0, 300.0)
    near = [c + signs(rng, n) * 10.0 ** rng.uniform(-8, -0.31, n) for c in (1.0, 2.0, 1.4616321449683622)]
    return jnp.asarray(np.concatenate([10.0 ** rng.uniform(*ends, n), 10.0 ** rng.uniform(-8, 8, n), *near]), dtype)


def pairs(dtype, n):
    """y/x from 1 ± 1e-7 over the factors 2 and 3, where formulas meet, to 1e±6; x from 1e-6 to 1e6, many about 1."""
    rng = np.random.default_rng(22)
    x = np.concatenate([10.0 ** rng.uniform(-6, 6, 2 * n), 10.0 ** rng.uniform(-1, 1, 2 * n)])
    far = np.exp(signs(rng, n) * 10.0 ** rng.uniform(-7, 0, n)), 10.0 ** rng.uniform(-6, 6, n)
    close = np.exp(signs(rng, n) * 10.0 ** rng.uniform(-7, 0, n)), 10.0 ** rng.uniform(-1, 1, n)
    return jnp.asarray(x * np.concatenate([*far, *close]), dtype), jnp.asarray(x, dtype)


def test_log_gamma_digamma_trigamma(dtype, sweep_size):
    x = arguments(dtype, sweep_size(60, 4000))

    @jax.jit
    def everything(x):
        first = by(gamma.log_gamma, 0)
        return gamma.log_gamma(x), first(x), by(first, 0)(x), gamma.digamma(x), by(gamma.trigamma, 0)(x)

    value, slope, curvature, digamma, third = everything(x)
    check(value, log_gamma, [x], 4, "log Γ")
    for got in (slope, digamma):
        check(got, lambda a: psi(0, a), [x], 4, "ψ")
    check(curvature, lambda a: psi(1, a), [x], 4, "ψ'")
    check(third, lambda a: psi(2, a), [x], 4, "ψ″")
    reverse = jax.jit(jax.grad(lambda x: jnp.sum(gamma.log_gamma(x))))(x)
    np.testing.assert_array_equal(reverse, slope)


def test_log_gamma_1p(dtype, sweep_size):
    rng, n = np.random.default_rng(23), sweep_size(100, 4000)
    r = [signs(rng, n) * 10.0 ** rng.uniform(-20, -0.05, n), 1.0 + signs(rng, n) * 10.0 ** rng.uniform(-7, 0, n) * 0.9]
    r = jnp.asarray(np.concatenate([*r, 10.0 ** rng.uniform(0, 6, n)]), dtype)
    first = by(gamma.log_gamma_1p, 0)
    value, slope, curvature = jax.jit(lambda r: (gamma.log_gamma_1p(r), first(r), by(first, 0)(r)))(r)
    with mpmath.workdps(80):  # 1 + r for r = 1e-20
        check(value, lambda a: log_gamma(1 + a), [r], 4, "log Γ(1 + r)")
        check(slope, lambda a: psi(0, 1 + a), [r], 4, "ψ(1 + r)")
        check(curvature, lambda a: psi(1, 1 + a), [r], 4, "ψ'(1 + r)")


FUNCTIONS = {  # F and its first three derivatives
    "bregman_log_gamma": (log_gamma, lambda a: psi(0, a), lambda a: psi(1, a), lambda a: psi(2, a)),
    "bregman_phi": (
        lambda a: log_gamma(a) - a * log(a) + a,
        lambda a: psi(0, a) - log(a),
        lambda a: psi(1, a) - 1 / a,
        lambda a: psi(2, a) + 1 / a**2,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.by_default("float32-bregman_log_gamma")
def test_bregman_divergences(name, dtype, sweep_size):
    function, (F, F1, F2, F3) = getattr(gamma, name), FUNCTIONS[name]
    y, x = pairs(dtype, sweep_size(60, 3000))
    first = [by(function, i) for i in range(2)]

    @jax.jit
    def everything(y, x):
        return function(y, x), *(f(y, x) for f in first), *(by(first[i], j)(y, x) for i, j in ((0, 0), (0, 1), (1, 1)))

    value, dy, dx, dyy, dyx, dxx = everything(y, x)
    assert np.all(np.asarray(value) >= 0.0)
    check(value, lambda y, x: F(y) - F(x) - F1(x) * (y - x), [y, x], 5, "B")
    check(dy, lambda y, x: F1(y) - F1(x), [y, x], 4, "∂y")
    check(dx, lambda y, x: -F2(x) * (y - x), [y, x], 4, "∂x")
    check(dyy, lambda y, _: F2(y), [y, x], 4, "∂y∂y")
    check(dyx, lambda _, x: -F2(x), [y, x], 4, "∂y∂x")
    # For y ≪ x the two terms cancel almost wholly, far below the other entries of the Hessian.
    terms = lambda y, x: F2(x) + abs(F3(x) * (y - x))  # noqa: E731
    check(dxx, lambda y, x: F2(x) - F3(x) * (y - x), [y, x], 4, "∂x∂x", norm=terms)


def test_gaps(dtype, sweep_size):
    y, x = pairs(dtype, sweep_size(60, 3000))
    log_gap, gap = jax.jit(lambda y, x: (gamma.log_gamma_gap(y, x), gamma.digamma_gap(y, x)))(y, x)
    check(gap, lambda y, x: psi(0, y) - psi(0, x), [y, x], 4, "ψ(y) - ψ(x)")
    # The values may be equal on both sides of the minimum.
    norm = lambda y, x: abs(log_gamma(y) - log_gamma(x)) + min(abs(psi(0, x) * (y - x)), 1)  # noqa: E731
    check(log_gap, lambda y, x: log_gamma(y) - log_gamma(x), [y, x], 8, "log Γ(y) - log Γ(x)", norm=norm)


def test_a_better_known_difference(dtype):
    """With y = x but d so small that x would lose it, the divergence is ½ F″(x) d² and its slope F″(x) d."""
    small = 1e-12 if dtype == jnp.float32 else 1e-17
    x, d = jnp.asarray([0.3, 1.7, 40.0], dtype), jnp.asarray([small] * 3, dtype)
    step = mpf(float(d[0]))
    for name, (_, _, second, _) in FUNCTIONS.items():
        function = getattr(gamma, name)
        check(jax.jit(function)(x, x, d), lambda a, F2=second: F2(a) * step**2 / 2, [x], 5, name)
        slopes = jax.jit(jax.grad(lambda y, x, d, f=function: jnp.sum(f(y, x, d)), (0, 1, 2)))(x, x, d)
        check(slopes[0], lambda a, F2=second: F2(a) * step, [x], 5, name)
        assert not np.any(slopes[2])


@pytest.mark.full
def test_the_ends(dtype):
    tiny, huge = float(jnp.finfo(dtype).tiny), 0.5 * float(jnp.finfo(dtype).max)
    points = jnp.asarray([0.0, inf, tiny, huge, 1.0, 2.0], dtype)
    with jax.debug_nans(True):
        for function, expected in (
            (gamma.log_gamma, [inf, inf, None, inf, 0.0, 0.0]),
            (gamma.digamma, [-inf, inf, None, None, None, None]),
            (gamma.trigamma, [inf, 0.0, inf, None, None, None]),
        ):
            first = by(function, 0)
            got, slope, curvature = jax.jit(lambda x, f=function, g=first: (f(x), g(x), by(g, 0)(x)))(points)
            for value, limit in zip(got, expected, strict=True):
                assert limit is None or value == limit
            assert not np.any(slope[:2])
            assert not np.any(curvature[:2])
        y, x = (a.ravel() for a in jnp.meshgrid(points, points))
        for name in FUNCTIONS:
            function = getattr(gamma, name)
            first = [by(function, i) for i in range(2)]
            value, *rest = jax.jit(
                lambda y, x, f=function, g=first: (f(y, x), *(h(y, x) for h in g), *(by(h, 1)(y, x) for h in g))
            )(y, x)
            assert np.all(value >= 0.0)
            np.testing.assert_array_equal(value == 0.0, y == x)
            assert not any(np.any(r[(y == 0) | (x == 0) | jnp.isinf(y) | jnp.isinf(x)]) for r in rest)
    assert np.isnan(gamma.log_gamma(-points[4]))
    assert np.isnan(gamma.bregman_phi(-points[4], -points[5]))


@pytest.mark.parametrize(("pole", "series"), [("_POLE_SINGLE", "_SERIES_SINGLE"), ("_POLE_DOUBLE", "_SERIES_DOUBLE")])
def test_the_series_is_the_fit_that_it_claims_to_be(pole, series):
    """Least squares at twice as many Chebyshev points in z, of the third derivative relative to φ‴."""
    p, series = mpf(getattr(gamma, pole)), getattr(gamma, series)
    n = len(series)
    with mpmath.workdps(50):
        nodes = [(1 + mpmath.cos(mpmath.pi * (2 * i + 1) / (4 * n))) / 2 / (1 + p) for i in range(2 * n)]
        rows, targets = [], []
        for z in nodes:
            x = 1 / z - p
            weight = abs(psi(2, x) + 1 / x**2)
            rows.append([-k * (k + 1) * (k + 2) * z ** (k + 3) / weight for k in range(1, n + 1)])
            targets.append((psi(2, x) + 1 / x**2 + 1 / x**3) / weight)
        fitted = mpmath.lu_solve(mpmath.matrix(rows), mpmath.matrix(targets))
    np.testing.assert_allclose([float(c) for c in fitted], series, rtol=1e-14)
