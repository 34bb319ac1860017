"""log I_ν, the ratio A and their Bregman divergences against mpmath on the exact inputs."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf

from kljax._special import bessel

inf = float("inf")
ORDERS = [0.0, 3.0, 20.0, 500.0]


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with jax.enable_x64(request.param == "float64"), mpmath.workdps(45):
        yield jnp.dtype(request.param)


class Exact:
    """F(κ) - F(0), A and its first two derivatives at the points of an array."""

    def __init__(self, order: float, x):
        nu = mpf(order)
        at_zero = -nu * mpmath.log(2) - mpmath.loggamma(nu + 1)
        rows = []
        for k in (mpf(float(a)) for a in x):
            low = mpmath.besseli(nu, k)
            a = mpmath.besseli(nu + 1, k) / low
            slope = 1 - a * a - (2 * nu + 1) * a / k
            bend = -(2 * nu + 1) * (slope / k - a / k**2) - 2 * a * slope
            rows.append((k, mpmath.log(low) - nu * mpmath.log(k) - at_zero, a, slope, bend))
        self.x, self.gain, self.mean, self.slope, self.bend = (np.array(column) for column in zip(*rows, strict=True))


def worst(got, expected, norm=None) -> float:
    """The largest error in eps of what does not underflow."""
    got = np.asarray(got)
    info, size = np.finfo(got.dtype), np.abs(expected) if norm is None else norm
    assert not np.any(np.isnan(got))
    kept = np.abs(expected) > 4 * float(info.tiny)
    error = np.abs(np.array([mpf(float(g)) for g in got]) - expected)[kept] / size[kept]
    return float(np.max(error)) / float(info.eps)


def by(function, argument):
    def slope(*arrays):
        steps = tuple(jnp.ones_like(a) if i == argument else jnp.zeros_like(a) for i, a in enumerate(arrays))
        return jax.jvp(function, arrays, steps)[1]

    return slope


def pairs(dtype, order, n):
    """x from 1e-6 to 1e6 and, densely, from half to sixty (where formulas meet); y/x from 1 ± 1e-7 to 1e±3."""
    rng = np.random.default_rng(31)
    x = np.concatenate([10.0 ** rng.uniform(-6, 6, 2 * n), rng.uniform(0.5, 60.0, 3 * n) * (1.0 + order / 30.0)])
    sign = rng.choice([-1.0, 1.0], 4 * n)
    ratio = np.concatenate([np.exp(sign * 10.0 ** rng.uniform(-7, 0.3, 4 * n)), 10.0 ** rng.uniform(-3, 3, n)])
    return jnp.asarray(x * rng.permutation(ratio), dtype), jnp.asarray(x, dtype)


# A', whose recurrence amplifies errors by (N + ½)/(ν + ½) at most for the starting order N, is worst at ν = 0, and
# the divergence of points more than a factor of 2.5 apart, where Gauss's rule ends, amplifies those of 1 - A.
LIMITS = {"A'": 32.0, "B": 48.0, "∂y": 32.0, "∂x": 32.0}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.by_default("float32-0.0", "float32-500.0")
def test_values_and_derivatives(order, dtype, sweep_size):
    y, x = pairs(dtype, order, sweep_size(10, 60))
    function = lambda y, x: bessel.bregman_log_bessel(order, y, x)  # noqa: E731
    first = [by(function, i) for i in range(2)]

    @jax.jit
    def everything(y, x):
        ratio = lambda x: bessel.bessel_ratio(x, order)  # noqa: E731
        singles = (
            bessel.log_bessel_i(order, x),
            by(lambda x: bessel.log_bessel_i(order, x), 0)(x),
            by(ratio, 0)(x),
            bessel.bessel_ratio_slope(x, order),
        )
        return singles, (
            function(y, x),
            *(f(y, x) for f in first),
            by(first[0], 0)(y, x),
            by(first[0], 1)(y, x),
            by(first[1], 1)(y, x),
        )

    (value, mean, slope, named), (divergence, dy, dx, dyy, dyx, dxx) = everything(y, x)
    at_y, at_x = Exact(order, y), Exact(order, x)
    at_zero = -order * mpmath.log(2) - mpmath.loggamma(mpf(order) + 1)
    d = at_y.x - at_x.x
    assert worst(value, at_x.gain + at_zero, at_x.gain + abs(at_zero)) <= 8
    assert worst(mean, at_x.mean) <= 4
    assert worst(slope, at_x.slope) <= LIMITS["A'"]
    # The same formula; how its products are associated is the compiler's.
    np.testing.assert_allclose(slope, named, rtol=2 * np.finfo(np.asarray(named).dtype).eps)
    assert np.all(np.asarray(divergence) >= 0.0)
    assert worst(divergence, at_y.gain - at_x.gain - at_x.mean * d) <= LIMITS["B"]
    assert worst(dy, at_y.mean - at_x.mean) <= LIMITS["∂y"]
    assert worst(dx, -at_x.slope * d) <= LIMITS["∂x"]
    assert worst(dyy, at_y.slope) <= LIMITS["A'"]
    assert worst(dyx, -at_x.slope) <= LIMITS["A'"]
    # The two terms may cancel, and the second holds the third derivative.
    assert worst(dxx, at_x.slope - at_x.bend * d, at_x.slope + np.abs(at_x.bend * d)) <= 700


def test_order_zero_close_to_zero(dtype):
    """log I₀ ~ κ²/4 and A ~ κ/2 have relative accuracy."""
    x = jnp.asarray(10.0 ** np.random.default_rng(32).uniform(-12, 0.6, 60), dtype)
    value, ratio = jax.jit(lambda x: (bessel.log_i0(x), bessel.bessel_ratio(x)))(x)
    with mpmath.workdps(60):
        exact = Exact(0.0, x)
    assert worst(value, exact.gain) <= 8
    assert worst(ratio, exact.mean) <= 4


def test_half_order_is_elementary(dtype):
    """I_½(κ) κ^-½ = √(2/π) sinh(κ)/κ and A = coth κ - 1/κ."""
    x = jnp.asarray(10.0 ** np.random.default_rng(33).uniform(-2, 3, 60), dtype)
    exact = np.array([mpmath.coth(mpf(float(a))) - 1 / mpf(float(a)) for a in x])
    assert worst(jax.jit(lambda x: bessel.bessel_ratio(x, 0.5))(x), exact) <= 4


@pytest.mark.by_default("float32")
def test_a_better_known_difference(dtype):
    x, d = jnp.asarray([0.3, 4.0, 90.0], dtype), jnp.asarray([1e-15] * 3, dtype)
    exact = Exact(0.0, x)
    got, slopes = jax.jit(
        jax.vmap(jax.value_and_grad(bessel.bregman_log_i0, (0, 1, 2)))
    )(x, x, d)  # fmt: skip
    assert worst(got, exact.slope * mpf(float(d[0])) ** 2 / 2) <= 32
    assert worst(slopes[0], exact.slope * mpf(float(d[0]))) <= 32
    assert not np.any(slopes[2])


@pytest.mark.parametrize("order", [0.0, 500.0])
@pytest.mark.full
def test_the_ends(order, dtype):
    huge = 0.5 * float(jnp.finfo(dtype).max)
    points = jnp.asarray([0.0, float(jnp.finfo(dtype).tiny), 1.0, 1e9, huge, inf], dtype)
    y, x = (a.ravel() for a in jnp.meshgrid(points, points))
    divergence = lambda y, x: bessel.bregman_log_bessel(order, y, x)  # noqa: E731
    value = lambda x: bessel.log_bessel_i(order, x)  # noqa: E731
    first = [by(divergence, i) for i in range(2)]
    with jax.debug_nans(True):
        got, mean, slope = jax.jit(lambda x: (value(x), by(value, 0)(x), by(by(value, 0), 0)(x)))(points)
        ratio = jax.jit(lambda x: bessel.bessel_ratio(x, order))(points)
        both, *rest = jax.jit(lambda y, x: (divergence(y, x), *(h(y, x) for h in first)))(y, x)
    np.testing.assert_allclose(got[0], float(-order * mpmath.log(2) - mpmath.loggamma(order + 1)), rtol=1e-6)
    assert got[-1] == inf
    assert ratio[0] == 0.0
    assert ratio[-2] == ratio[-1] == 1.0
    assert mean[-1] == 0.0
    assert not np.any(np.isnan(slope))
    assert np.all(both >= 0.0)
    assert not np.any(both[y == x])
    assert np.all(both[jnp.isinf(y) != jnp.isinf(x)] == inf)
    assert not any(np.any(r[jnp.isinf(y) | jnp.isinf(x)]) for r in rest)
    assert np.isnan(bessel.log_bessel_i(order, -points[2]))
