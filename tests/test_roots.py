"""Bracketed roots and their derivatives, the least number of a predicate, and the rule of scalar Bregman remainders."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kljax._special import roots, scalar_bregman
from kljax._special.elementwise import expm1, expm1_minus_x


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with jax.enable_x64(request.param == "float64"):
        yield jnp.dtype(request.param)


def eps(dtype) -> float:
    return float(jnp.finfo(dtype).eps)


def logit(p: jax.Array) -> jax.Array:
    """The x in (-60, 60) with σ(x) = p."""
    low = jnp.full_like(p, -60.0)
    return roots.bracketed_root(roots.with_slope(lambda x: jax.nn.sigmoid(x) - p), low, -low)


def test_a_root_and_its_first_and_second_derivatives(dtype):
    p = jnp.asarray([0.01, 0.2, 0.5, 0.7, 0.99], dtype)
    one = np.asarray(p, np.float64)
    # σ near 1 is rounded to eps, which its slope p(1 - p) divides.
    blur = 8.0 * eps(dtype) / (one * (1.0 - one))
    value = jax.jit(logit)(p)
    assert (abs(np.asarray(value, np.float64) - np.log(one / (1.0 - one))) <= blur).all()
    slopes = jax.jit(jax.vmap(jax.grad(logit)))(p)
    np.testing.assert_allclose(slopes * one * (1.0 - one), 1.0, rtol=100.0 * blur.max())
    bends = jax.jit(jax.vmap(jax.hessian(logit)))(p)
    np.testing.assert_allclose(bends, (2.0 * one - 1.0) / (one * (1.0 - one)) ** 2, rtol=300 * blur.max(), atol=1e-3)


def test_reverse_forward_and_directional_derivatives_agree(dtype):
    p = jnp.asarray([0.1, 0.4], dtype)
    forward, reverse = (jax.jit(one(logit))(p) for one in (jax.jacfwd, jax.jacrev))
    np.testing.assert_allclose(forward, reverse, rtol=4 * eps(dtype))


def test_what_has_no_root_inside_ends_at_an_end_and_stands_still_there(dtype):
    """Of one sign, flat, infinite, or a step: as many evaluations as there are digits, and no NaN."""

    def root(shift):
        def heights(x):
            steep = jnp.where(x > 0.3, jnp.inf, -1.0)
            height = jnp.stack([x[0] + shift, x[1] - 2.0 + shift, steep[2], jnp.where(x[3] > 0.3, 1.0, -1.0), 0.0])
            return height, jnp.stack([1.0, 1.0, 0.0, 0.0, 0.0]).astype(x.dtype)

        zero = jnp.zeros(5, dtype)
        return roots.bracketed_root(heights, zero, zero + 1.0)

    with jax.debug_nans(True):
        found, moved = jax.jit(lambda t: jax.jvp(root, (t,), (jnp.ones_like(t),)))(jnp.asarray(0.5, dtype))
    np.testing.assert_allclose(found, [eps(dtype), 1.0 - eps(dtype), 0.3, 0.3, 0.5], atol=2 * eps(dtype))
    assert not np.any(moved)


@pytest.mark.parametrize("goal", [1e-20, 1e-3, 1.0, 1e5, 1e20])
def test_a_search_without_an_upper_end(goal, dtype):
    zero = jnp.zeros((), dtype)
    found = roots.search(
        lambda x: (x * x - goal, 2.0 * x), zero, zero + jnp.inf, zero + 1.0, between=roots.geometric_middle
    )
    assert float(found) == pytest.approx(goal**0.5, rel=4 * eps(dtype))


def test_few_evaluations_where_the_function_is_smooth(dtype):
    taken = []

    def heights(x):
        jax.debug.callback(lambda: taken.append(1))
        return jnp.exp(x) - 3.0, jnp.exp(x)

    zero = jnp.zeros((), dtype)
    found = roots.search(heights, zero - 50.0, zero + 50.0, zero)
    jax.effects_barrier()
    assert float(found) == pytest.approx(float(np.log(3.0)), rel=4 * eps(dtype))
    assert len(taken) <= 12


def test_the_least_number_is_exact(dtype):
    for bound in (-3.25, -1e-30, 0.0, 1e-30, 7.0, np.inf):
        assert roots.least(lambda x, bound=bound: x >= bound, jnp.zeros((), dtype)) == jnp.asarray(bound, dtype)


# f(x) = exp(θx)/θ, of which B, f' and f″ are known.
EXPONENTIAL = scalar_bregman.Convex(
    lambda y, x, d, t: jnp.exp(t * x) * expm1_minus_x(t * d) / t,
    lambda y, x, d, t: jnp.exp(t * x) * expm1(t * d),
    lambda x, v, t: t * jnp.exp(t * x) * v,
)


def test_derivatives_of_a_remainder_keep_their_digits(dtype):
    """At points a hair apart, of which only the difference has digits, against the derivatives of the exponential."""
    x, t = jnp.asarray(0.7, dtype), jnp.asarray(1.5, dtype)
    gap = jnp.asarray(1e-4, dtype)

    def value(y, x, t):
        return scalar_bregman.bregman(EXPONENTIAL, y, x, gap, t)

    y, e, h = x + gap, np.exp(1.5 * float(x)), 1.5 * float(gap)
    grads = jax.jit(jax.grad(value, (0, 1)))(y, x, t)
    np.testing.assert_allclose(grads, [e * np.expm1(h), -e * h], rtol=16 * eps(dtype))
    hessian = np.asarray(jax.jit(jax.hessian(value, (0, 1)))(y, x, t))
    expected = [[1.5 * e * np.exp(h), -1.5 * e], [-1.5 * e, 1.5 * e * (1.0 - h)]]
    np.testing.assert_allclose(hessian, expected, rtol=16 * eps(dtype))
    forward = np.asarray(jax.jit(jax.jacfwd(jax.jacfwd(value, (0, 1)), (0, 1)))(y, x, t))
    np.testing.assert_allclose(forward, expected, rtol=16 * eps(dtype))


def test_derivatives_of_a_remainder_by_a_parameter(dtype):
    """Also after those by the points, which its difference moves with."""
    y, x, t = (jnp.asarray(one, dtype) for one in (1.2, 0.4, 0.8))
    function = lambda t: scalar_bregman.bregman(EXPONENTIAL, y, x, None, t)  # noqa: E731
    plain = lambda t: (jnp.exp(t * y) - jnp.exp(t * x)) / t - jnp.exp(t * x) * (y - x)  # noqa: E731
    for order in (jax.grad, jax.hessian):
        # The plain one is a difference of terms that are tens of times as large.
        np.testing.assert_allclose(order(function)(t), order(plain)(t), rtol=200 * eps(dtype))
    both = lambda y, t: scalar_bregman.bregman(EXPONENTIAL, y, x, None, t)  # noqa: E731
    for first, second in ((0, 1), (1, 0)):
        mixed = jax.grad(jax.grad(both, first), second)(y, t)
        np.testing.assert_allclose(mixed, y * jnp.exp(t * y) - x * jnp.exp(t * x), rtol=32 * eps(dtype))


def test_an_infinite_remainder_has_no_derivatives(dtype):
    y, x, t = (jnp.asarray(one, dtype) for one in (1e4, 1.0, 1.0))
    slopes = jax.jit(jax.grad(lambda *a: scalar_bregman.bregman(EXPONENTIAL, *a[:2], None, a[2]), (0, 1, 2)))(y, x, t)
    assert not np.any(slopes)
