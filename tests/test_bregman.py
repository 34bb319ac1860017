"""Bregman divergences of vectors: any convex function, the named closed forms, the centroids."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from jax.test_util import check_grads
from mpmath import mpf
from scipy.special import lambertw
from sweeps import thinned

from kljax import bregman

mp_log, mp_exp = mpmath.log, mpmath.exp


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with jax.enable_x64(request.param == "float64"), mpmath.workdps(60):
        yield jnp.dtype(request.param)


# For tests of what does not depend on the dtype, or little: the other dtype runs with --full.
ONE_DTYPE = pytest.mark.parametrize("dtype", thinned(["float32", "float64"], ["float64"]), indirect=True)


def exact(array) -> list[mpf]:
    return [mpf(float(x)) for x in np.ravel(array)]


def worst(got, expected, scale=None) -> float:
    """The largest error in eps, relative to each expected value, or to ``scale``."""
    got = np.asarray(got)
    eps = float(np.finfo(got.dtype).eps)
    scale = expected if scale is None else scale
    pairs = zip(np.ravel(got), expected, scale, strict=True)
    return max(float(abs(mpf(float(g)) - e) / abs(s)) / eps for g, e, s in pairs if s != 0)


def pairs_of_points(dtype, count=120, low=-3.0, high=3.0):
    """Positive pairs whose ratio runs from 1 + 1e-7 to 30."""
    rng = np.random.default_rng(3)
    y = np.exp(rng.uniform(low, high, count))
    x = y * np.exp(rng.choice([-1.0, 1.0], count) * 10.0 ** rng.uniform(-7, 0.5, count))
    x, y = jnp.asarray(x, dtype), jnp.asarray(y, dtype)
    apart = np.asarray(x != y)
    return x[apart], y[apart]


# --- any convex function ----------------------------------------------------------------------------------

# name: φ in JAX, φ, φ' and φ'' in mpmath
CONVEX = {
    "-log": (lambda v: -jnp.log(v), lambda v: -mp_log(v), lambda v: -1 / v, lambda v: 1 / v**2),
    "x log x": (lambda v: v * jnp.log(v), lambda v: v * mp_log(v), lambda v: mp_log(v) + 1, lambda v: 1 / v),
    "exp": (jnp.exp, mp_exp, mp_exp, mp_exp),
    "x⁴ + 10⁴x": (
        lambda v: v**4 + 1e4 * v,
        lambda v: v**4 + 10**4 * v,
        lambda v: 4 * v**3 + 10**4,
        lambda v: 12 * v**2,
    ),
    "reciprocal": (lambda v: 1.0 / v, lambda v: 1 / v, lambda v: -1 / v**2, lambda v: 2 / v**3),
}


@pytest.mark.parametrize("name", CONVEX)
def test_divergence_keeps_its_digits_at_every_distance(name, dtype):
    phi, mp_phi, slope, curve = CONVEX[name]
    x, y = pairs_of_points(dtype, high=1.5)
    a, b = exact(x), exact(y)
    divergence = functools.partial(bregman.divergence, phi, event_ndims=0)
    value = jax.jit(divergence)(x, y)
    by_x, by_y = jax.jit(jax.grad(lambda x, y: divergence(x, y).sum(), (0, 1)))(x, y)
    # The plain formula serves distant points, where it loses a few eps of a sum of sizes up to 8 times the value; the
    # large affine part of x⁴ + 10⁴x (which adds nothing to D) costs it more wherever the integral has not converged.
    bound = 16
    assert worst(value, [mp_phi(s) - mp_phi(t) - slope(t) * (s - t) for s, t in zip(a, b, strict=True)]) <= bound
    assert worst(by_x, [slope(s) - slope(t) for s, t in zip(a, b, strict=True)]) <= bound
    assert worst(by_y, [-curve(t) * (s - t) for s, t in zip(a, b, strict=True)]) <= 8  # one Hessian product


@pytest.mark.by_default("float32")
def test_divergence_of_a_function_that_is_not_a_sum(dtype):
    rng = np.random.default_rng(0)
    for distance in (1.0, 1e-2, 1e-4, 1e-6):
        y = rng.normal(size=5) * 3
        x, y = (jnp.asarray(v, dtype) for v in (y + distance * rng.normal(size=5), y))
        a, b = exact(x), exact(y)
        weights = [mp_exp(t) / sum(map(mp_exp, b)) for t in b]
        rise = mp_log(sum(map(mp_exp, a))) - mp_log(sum(map(mp_exp, b)))
        expected = rise - sum(w * (s - t) for w, s, t in zip(weights, a, b, strict=True))
        # 8 eps: XLA's exp and the sums over five entries.
        assert worst(jax.jit(functools.partial(bregman.divergence, jax.nn.logsumexp))(x, y), [expected]) <= 8


@ONE_DTYPE
@pytest.mark.full
def test_hessians_are_those_of_phi(dtype):
    y = jnp.asarray([0.5, 2.0, 3.0], dtype)
    x = y * (1 + 1e-3)

    def phi(v):
        return jnp.sum(v * jnp.log(v)) + jnp.prod(v)

    def divergence(x, y):
        return bregman.divergence(phi, x, y)

    of_phi = jax.hessian(phi)
    eps = float(jnp.finfo(dtype).eps)
    for outer, inner in ((jax.jacfwd, jax.jacrev), (jax.jacrev, jax.jacrev), (jax.jacfwd, jax.jacfwd)):

        def mode(f, outer=outer, inner=inner):
            return jax.jit(outer(inner(f)))

        # 16 eps: the same products, summed in another order.
        np.testing.assert_allclose(mode(lambda x: divergence(x, y))(x), of_phi(x), rtol=16 * eps, atol=16 * eps)
        np.testing.assert_allclose(
            mode(lambda y: divergence(y, y) + divergence(x, y) * 0)(y), 0 * of_phi(y), atol=8 * eps
        )
        np.testing.assert_allclose(mode(lambda z: divergence(y, z))(y), of_phi(y), rtol=16 * eps, atol=16 * eps)
    mixed = jax.jacfwd(jax.grad(divergence, 0), 1)(x, y)
    np.testing.assert_allclose(mixed, -of_phi(y), rtol=16 * eps, atol=16 * eps)


def test_divergence_of_equal_points_is_exactly_zero(dtype):
    x = jnp.asarray([[1e-3, 1.0, 7.0], [0.1, 40.0, 3.0]], dtype)
    for phi, *_ in CONVEX.values():

        def total(x, y, phi=phi):
            return bregman.divergence(lambda v: phi(v).sum(), x, y).sum()

        value, slopes = jax.jit(jax.value_and_grad(total, (0, 1)))(x, x)
        assert value == 0.0
        assert all(not np.any(slope) for slope in slopes)


def test_divergence_at_and_beyond_the_edge_of_the_domain(dtype):
    y = jnp.asarray([1.0, 2.0], dtype)
    edge = jnp.asarray([0.0, 2.0], dtype)
    entropy, burg = lambda v: jax.scipy.special.xlogy(v, v).sum(), lambda v: -jnp.log(v).sum()
    assert bregman.divergence(entropy, edge, y) == 1.0
    value, slope = jax.value_and_grad(functools.partial(bregman.divergence, burg))(edge, y)
    assert value == jnp.inf
    assert not np.any(slope)
    assert np.isnan(bregman.divergence(burg, -y, y))  # no finite number hides that -y is no point at all


@pytest.mark.full
@ONE_DTYPE
def test_what_phi_closes_over_is_differentiated(dtype):
    x, y = jnp.asarray([1.0, 2.0], dtype), jnp.asarray([1.0 + 1e-3, 3.0], dtype)

    def total(scale, power):
        return bregman.divergence(lambda v: scale * jnp.sum(v**power), x, y)

    scale, power = jnp.asarray(1.5, dtype), jnp.asarray(3.0, dtype)
    unit = bregman.divergence(lambda v: jnp.sum(v**3), x, y)
    # 1e-5: the value is right to a few eps of float32 where it is close, and to the cancellation of v³ elsewhere.
    np.testing.assert_allclose(jax.grad(total)(scale, power), unit, rtol=1e-5)
    np.testing.assert_allclose(jax.grad(jax.jit(total))(scale, power), unit, rtol=1e-5)
    if dtype == jnp.float64:  # differences of a step 1e-4 carry 1e-7 relative
        check_grads(jax.jit(total), (scale, power), order=2, modes=["rev"], eps=1e-4, rtol=1e-5, atol=1e-6)
    scales = jnp.asarray([1.0, 2.0], x.dtype)
    np.testing.assert_allclose(jax.vmap(total, (0, None))(scales, scales[1] + 1.0), scales * unit, rtol=1e-5)
    slopes = jax.vmap(jax.grad(total), (0, None))(scales, scales[1] + 1.0)
    np.testing.assert_allclose(slopes, [unit, unit], rtol=1e-5)


@ONE_DTYPE
def test_events_of_any_shape_and_structure(dtype):
    rng = np.random.default_rng(1)
    x, y = (jnp.asarray(rng.uniform(0.5, 2, shape), dtype) for shape in ((4, 1, 2, 3), (5, 2, 3)))

    def phi(v):
        return jnp.sum(v * jnp.log(v))

    expected = bregman.generalized_kl(x, y[None], axis=(-1, -2))
    rtol = 32 * float(jnp.finfo(dtype).eps)  # φ sums six terms that do not cancel, the plain branch differences them
    assert expected.shape == (4, 5)
    np.testing.assert_allclose(bregman.divergence(phi, x, y, event_ndims=2), expected, rtol=rtol)
    apart = bregman.divergence(phi, x, y, event_ndims=0)
    assert apart.shape == (4, 5, 2, 3)
    np.testing.assert_allclose(apart.sum((-1, -2)), expected, rtol=rtol)
    tree_x, tree_y = ({"a": v[..., 0, 0], "b": v[..., 1]} for v in (x, y))
    value = bregman.divergence(lambda v: phi(v["a"]) + phi(v["b"]), tree_x, tree_y, event_ndims={"a": 0, "b": 1})
    left = bregman.generalized_kl(tree_x["a"][..., None], tree_y["a"][None, :, None])
    np.testing.assert_allclose(value, left + bregman.generalized_kl(tree_x["b"], tree_y["b"][None]), rtol=rtol)


@ONE_DTYPE
@pytest.mark.full
def test_divergence_under_the_transformations(dtype):
    x, y = jnp.asarray([[1.0, 2.0], [3.0, 0.5]], dtype), jnp.asarray([1.5, 2.5], dtype)

    def divergence(x, y):
        return bregman.divergence(jax.nn.logsumexp, x, y)

    expected = divergence(x, y)
    slope = jax.jacrev(divergence)(x, y)
    eps = float(jnp.finfo(dtype).eps)
    close = functools.partial(np.testing.assert_allclose, rtol=16 * eps, atol=4 * eps)  # one formula, compiled apart
    close(jax.jit(divergence)(x, y), expected)
    close(jax.vmap(divergence, (0, None))(x, y), expected)
    close(jax.lax.map(lambda x: divergence(x, y), x), expected)
    close(jax.jacfwd(divergence)(x, y), slope)
    close(jax.jacrev(jax.checkpoint(divergence))(x, y), slope)
    value, linear = jax.linearize(lambda x: divergence(x, y), x)
    close(value, expected)
    close(linear(jnp.ones_like(x)), slope.sum((1, 2)))


def test_half_precision_is_computed_in_single():
    x, y = jnp.asarray([1.0, 2.0], jnp.bfloat16), jnp.asarray([1.5, 2.0], jnp.bfloat16)
    for f in (functools.partial(bregman.divergence, lambda v: jnp.sum(v * jnp.log(v))), bregman.generalized_kl):
        assert f(x, y).dtype == jnp.float32
        assert f(x, y) == f(x.astype(jnp.float32), y.astype(jnp.float32))


@pytest.mark.parametrize(
    ("error", "named", "call"),
    [
        (TypeError, "phi must be a function", lambda x: bregman.divergence(3.0, x, x)),
        (TypeError, "x must", lambda x: bregman.divergence(jnp.sum, x.astype(int), x)),
        (TypeError, "y must", lambda x: bregman.divergence(jnp.sum, x, x.astype(complex))),
        (TypeError, "x must", lambda x: bregman.divergence(jnp.sum, None, x)),
        (ValueError, "phi must map one point to one number", lambda x: bregman.divergence(jnp.exp, x, x)),
        (ValueError, "phi must map one point to one number", lambda x: bregman.divergence(lambda v: (v, v), x, x)),
        (ValueError, "phi must map one point to one number", lambda x: bregman.divergence(lambda v: None, x, x)),
        (TypeError, "phi must return a floating", lambda x: bregman.divergence(lambda v: v.sum() > 0, x, x)),
        (ValueError, "x and y must agree in their last 1", lambda x: bregman.divergence(jnp.sum, x, x[..., :1])),
        (ValueError, "batch shapes of x and y", lambda x: bregman.divergence(jnp.sum, x, jnp.ones((3, 2)))),
        (ValueError, "y must have the structure", lambda x: bregman.divergence(jnp.sum, x, (x,))),
        (ValueError, "event_ndims=3", lambda x: bregman.divergence(jnp.sum, x, x, event_ndims=3)),
        (ValueError, "event_ndims must not", lambda x: bregman.divergence(jnp.sum, x, x, event_ndims=-1)),
        (TypeError, "event_ndims must hold", lambda x: bregman.divergence(jnp.sum, x, x, event_ndims=1.0)),
        (
            ValueError,
            "event_ndims must be an integer or",
            lambda x: bregman.divergence(jnp.sum, x, x, event_ndims=(1, 1)),
        ),
        (ValueError, "x and y must broadcast", lambda x: bregman.itakura_saito(x, jnp.ones((3, 2)))),
        (TypeError, "x must", lambda x: bregman.squared_euclidean(x.astype(int), x)),
        (TypeError, "y must", lambda x: bregman.logistic_loss(x, x.astype(complex))),
        (ValueError, "axis must lie", lambda x: bregman.generalized_kl(x, x, axis=2)),
        (TypeError, "where must be boolean", lambda x: bregman.generalized_kl(x, x, where=x)),
        (TypeError, "beta must", lambda x: bregman.beta_divergence(x, x, beta="2")),
        (ValueError, "beta must", lambda x: bregman.beta_divergence(x, x, beta=float("nan"))),
        (ValueError, "beta must broadcast", lambda x: bregman.beta_divergence(x, x, beta=jnp.ones(5))),
        (ValueError, "precision must have shape", lambda x: bregman.mahalanobis(x, x, jnp.ones((2, 3)))),
        (ValueError, "batch shapes", lambda x: bregman.mahalanobis(x, x, jnp.ones((3, 2, 2)))),
        (ValueError, "x must be a vector", lambda x: bregman.mahalanobis(x[0, 0], x[0, 0], jnp.ones((2, 2)))),
        (ValueError, "axis must lie", lambda x: bregman.right_centroid(x, axis=2)),
        (TypeError, "axis must be one integer", lambda x: bregman.right_centroid(x, axis=(0, 1))),
        (ValueError, "weights must have shape", lambda x: bregman.right_centroid(x, weights=jnp.ones(3))),
        (ValueError, "points must have a batch axis", lambda x: bregman.left_centroid(jnp.sum, x[0])),
        (ValueError, "batch axes", lambda x: bregman.symmetrized_centroid(jnp.sum, x, axis=1)),
        (TypeError, "inverse_gradient must", lambda x: bregman.left_centroid(jnp.sum, x, inverse_gradient=2.0)),
    ],
)
def test_bad_input_is_named(error, named, call):
    with pytest.raises(error, match=named):
        call(jnp.ones((2, 2)))


# --- named divergences ------------------------------------------------------------------------------------


def beta_form(beta):
    """The textbook's β-divergence and its derivatives by x and y."""
    if beta == 0:
        return (lambda x, y: x / y - mp_log(x / y) - 1, lambda x, y: 1 / y - 1 / x, lambda x, y: (y - x) / y**2)
    if beta == 1:
        return (lambda x, y: x * mp_log(x / y) - x + y, lambda x, y: mp_log(x / y), lambda x, y: 1 - x / y)
    return (
        lambda x, y: (x**beta + (beta - 1) * y**beta - beta * x * y ** (beta - 1)) / (beta * (beta - 1)),
        lambda x, y: (x ** (beta - 1) - y ** (beta - 1)) / (beta - 1),
        lambda x, y: y ** (beta - 2) * (y - x),
    )


def sigmoid(t):
    return 1 / (1 + mp_exp(-t))


LOGISTIC = (
    lambda x, y: mpmath.log1p(mp_exp(x)) - mpmath.log1p(mp_exp(y)) - sigmoid(y) * (x - y),
    lambda x, y: sigmoid(x) - sigmoid(y),
    lambda x, y: sigmoid(y) * sigmoid(-y) * (y - x),
)
# name: (function of entries, (value, ∂x, ∂y), what both are shifted from). The bounds in the test hold for all.
NAMED = {
    "squared_euclidean": (
        bregman.squared_euclidean,
        (lambda x, y: (x - y) ** 2, lambda x, y: 2 * (x - y), lambda x, y: 2 * (y - x)),
    ),
    "generalized_kl": (bregman.generalized_kl, beta_form(1)),
    "itakura_saito": (bregman.itakura_saito, beta_form(0)),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_divergences_against_their_definitions(name, dtype):
    function, (value, by_x, by_y) = NAMED[name]
    x, y = pairs_of_points(dtype)
    a, b = exact(x), exact(y)
    got = function(x[:, None], y[:, None])
    slope_x, slope_y = jax.jit(jax.grad(lambda x, y: function(x[:, None], y[:, None]).sum(), (0, 1)))(x, y)
    # 6 eps: one rounding for each of the half-dozen operations that do not cancel.
    assert worst(got, list(map(value, a, b))) <= 6
    assert worst(slope_x, list(map(by_x, a, b))) <= 6
    assert worst(slope_y, list(map(by_y, a, b))) <= 6


@pytest.mark.parametrize("beta", [-3.5, -1.0, -1e-5, 0.0, 1e-6, 0.5, 0.999, 1.0, 1.0001, 1.5, 2.0, 3.0, 7.25])
@pytest.mark.by_default(
    "float32--3.5",
    "float64--1e-05",
    "float32-0.0",
    "float64-0.5",
    "float64-1.0",
    "float32-1.0001",
    "float32-2.0",
    "float64-7.25",
)
def test_beta_divergence_against_its_definition(beta, dtype):
    x, y = pairs_of_points(dtype)
    a, b = exact(x), exact(y)
    for order in (beta, jnp.asarray(beta, dtype)):  # a Python number may be served by another formula
        value, by_x, by_y = beta_form(mpf(beta) if isinstance(order, float) else mpf(float(order)))
        if isinstance(order, float) and beta not in (0.0, 1.0, 2.0):
            value, by_x, by_y = beta_form(mpf(float(jnp.asarray(beta, dtype))))
        divergence = functools.partial(bregman.beta_divergence, beta=order)
        slope_x, slope_y = jax.grad(lambda x, y, f=divergence: f(x[:, None], y[:, None]).sum(), (0, 1))(x, y)
        # |β - 2| is rounded to eps |β| in the exponent, of which log y ≤ 3 times is lost in the power.
        bound = 8 + 4 * abs(beta)
        assert worst(divergence(x[:, None], y[:, None]), list(map(value, a, b))) <= bound
        assert worst(slope_x, list(map(by_x, a, b))) <= bound
        assert worst(slope_y, list(map(by_y, a, b))) <= bound


@pytest.mark.by_default("float32")
def test_beta_divergence_is_differentiable_in_beta(dtype):
    x, y = pairs_of_points(dtype, count=40)
    a, b = exact(x), exact(y)
    step = mpf(10) ** -15
    for beta in (-2.0, 0.0, 0.3, 1.0, 2.0, 4.5):
        order = jnp.full(x.shape, beta, dtype)
        slope = jax.grad(lambda order: bregman.beta_divergence(x, y, beta=order))(order)
        (near,) = exact(order[0])
        high, low = beta_form(near + step)[0], beta_form(near - step)[0]
        expected = [(high(s, t) - low(s, t)) / (2 * step) for s, t in zip(a, b, strict=True)]
        # ∂β is a sum of D log y, of either sign, and a positive term, so its error is relative to their sizes.
        sizes = [abs(e) + abs(mp_log(t)) * high(s, t) for e, s, t in zip(expected, a, b, strict=True)]
        assert worst(slope, expected, sizes) <= 8 + 4 * abs(beta)


def test_logistic_loss_against_its_definition(dtype):
    rng = np.random.default_rng(4)
    y = rng.uniform(-30, 30, 200)
    x = y + rng.choice([-1.0, 1.0], 200) * 10.0 ** rng.uniform(-6, 1.5, 200)
    x, y = jnp.asarray(x, dtype), jnp.asarray(y, dtype)
    a, b = exact(x), exact(y)
    loss = lambda x, y: bregman.logistic_loss(x[:, None], y[:, None])  # noqa: E731
    slopes = jax.jit(jax.grad(lambda x, y: loss(x, y).sum(), (0, 1)))(x, y)
    # 6 eps: two sigmoids and a difference that loses at most a factor of two beyond a distance of 4.
    for got, form in zip((loss(x, y), *slopes), LOGISTIC, strict=True):
        assert worst(got, list(map(form, a, b))) <= 6


def test_mahalanobis(dtype):
    rng = np.random.default_rng(5)
    root = rng.normal(size=(2, 3, 3))
    precision = jnp.asarray(root @ root.transpose(0, 2, 1), dtype)
    x, y = jnp.asarray(rng.normal(size=(4, 1, 3)), dtype), jnp.asarray(rng.normal(size=3), dtype)
    d = np.asarray(x, np.float64) - np.asarray(y, np.float64)
    expected = np.einsum(
        "...i,...ij,...j",
        np.broadcast_to(d, (4, 2, 3)),
        np.asarray(precision, np.float64),
        np.broadcast_to(d, (4, 2, 3)),
    )
    got = bregman.mahalanobis(x, y[None, None], precision)
    np.testing.assert_allclose(got, expected, rtol=64 * float(jnp.finfo(dtype).eps))  # nine products of mixed sign
    curve = jax.hessian(lambda x: bregman.mahalanobis(x, y, precision[0]))(y)
    np.testing.assert_allclose(curve, 2 * precision[0], rtol=1e-5)
    singular = jnp.asarray([[1.0, 1.0 / 3.0], [1.0 / 3.0, 1.0 / 9.0]], dtype)
    null = jnp.asarray(np.outer(np.linspace(0.1, 9, 50), [-1.0 / 3.0, 1.0]), dtype)
    assert np.all(bregman.mahalanobis(null, jnp.zeros_like(null), singular) >= 0)


inf = float("inf")
# (x, y): the cost of one entry, in the order squared Euclidean, KL, Itakura-Saito, β = ½, β = 3/2, β = 3
EDGES = {
    (0.0, 0.0): (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
    (0.0, 2.0): (4.0, 2.0, inf, 2 * 2**0.5, 2**1.5 / 1.5, 8 / 3),
    (2.0, 0.0): (4.0, inf, inf, inf, 2**1.5 / 0.75, 8 / 6),
    (3.0, 3.0): (0.0, 0.0, 0.0, 0.0, 0.0, 0.0),
}
ENTRYWISE = [
    bregman.squared_euclidean,
    bregman.generalized_kl,
    bregman.itakura_saito,
    *(functools.partial(bregman.beta_divergence, beta=beta) for beta in (0.5, 1.5, 3.0)),
]


@pytest.mark.parametrize("edge", EDGES, ids=str)
@pytest.mark.parametrize("which", range(len(ENTRYWISE)))
@pytest.mark.by_default(
    "float32-0-(0.0, 0.0)",
    "float64-0-(0.0, 2.0)",
    "float32-0-(2.0, 0.0)",
    "float64-0-(3.0, 3.0)",
    "float64-1-(0.0, 0.0)",
    "float32-1-(0.0, 2.0)",
    "float64-1-(2.0, 0.0)",
    "float32-1-(3.0, 3.0)",
    "float32-2-(0.0, 0.0)",
    "float64-2-(0.0, 2.0)",
    "float32-2-(2.0, 0.0)",
    "float64-2-(3.0, 3.0)",
    "float32-3-(0.0, 2.0)",
    "float64-3-(2.0, 0.0)",
    "float64-4-(0.0, 2.0)",
    "float32-4-(2.0, 0.0)",
    "float64-5-(0.0, 0.0)",
    "float32-5-(0.0, 2.0)",
    "float64-5-(2.0, 0.0)",
    "float32-5-(3.0, 3.0)",
)
def test_the_edges_cost_their_limit(edge, which, dtype):
    function, expected = ENTRYWISE[which], EDGES[edge][which]
    x, y = (jnp.asarray([v, 1.5], dtype) for v in edge)

    with jax.debug_nans(True):
        value = function(x, y)
        slopes = jax.grad(function, (0, 1))(x, y)
        curves = jax.jit(jax.hessian(function, (0, 1)))(x, y)
    np.testing.assert_allclose(value, expected, rtol=8 * float(jnp.finfo(dtype).eps))
    assert all(np.all(np.isfinite(slope)) for slope in slopes)
    assert not np.any(np.isnan(np.stack([c for row in curves for c in row])))
    if np.isinf(expected) or edge[0] == edge[1]:
        assert all(slope[0] == 0 for slope in slopes)
    else:
        assert slopes[0][0] * (edge[0] - edge[1]) > 0  # D rises as x moves away from y
        assert slopes[1][0] * (edge[1] - edge[0]) >= 0


def test_edges_of_the_logistic_loss(dtype):
    logits = jnp.asarray([-jnp.inf, -3.0, 0.0, 3.0, jnp.inf], dtype)
    x, y = (a.reshape(-1, 1) for a in jnp.meshgrid(logits, logits, indexing="ij"))
    with jax.debug_nans(True):
        table = bregman.logistic_loss(x, y).reshape(5, 5)
        slopes = jax.grad(lambda x, y: bregman.logistic_loss(x, y).sum(), (0, 1))(x, y)
        curve = jax.jvp(jax.grad(lambda x: bregman.logistic_loss(x, y).sum()), (x,), (jnp.ones_like(x),))[1]
    softplus = np.log1p(np.exp([-3.0, 0.0, 3.0]))
    rtol = 8 * float(jnp.finfo(dtype).eps)
    np.testing.assert_allclose(table[1:4, 0], softplus, rtol=rtol)
    np.testing.assert_allclose(table[1:4, 4], softplus[::-1], rtol=rtol)
    assert np.all(np.isinf(table[0, 1:]))
    assert np.all(np.isinf(table[4, :4]))
    assert not np.any(np.diagonal(table))
    for slope in (*slopes, curve):
        assert np.all(np.isfinite(slope))
    assert not np.any(np.asarray(slopes[0]).reshape(5, 5)[np.isinf(table)])


@ONE_DTYPE
def test_axes_and_masks(dtype):
    rng = np.random.default_rng(6)
    x, y = (jnp.asarray(rng.uniform(0.1, 2, (3, 4, 2)), dtype) for _ in range(2))
    keep = jnp.asarray(rng.random((3, 4, 2)) < 0.6)
    rtol = 16 * float(jnp.finfo(dtype).eps)  # sums of non-negative terms in another order
    for function in [*ENTRYWISE, bregman.logistic_loss]:
        each = function(x[..., None], y[..., None])
        np.testing.assert_allclose(function(x, y, axis=(0, -1)), each.sum((0, 2)), rtol=rtol)
        spoilt = jnp.where(keep, x, jnp.nan)
        np.testing.assert_allclose(function(spoilt, y, axis=1, where=keep), jnp.where(keep, each, 0).sum(1), rtol=rtol)
        slope = jax.grad(lambda y, f=function, x=spoilt: f(x, y, where=keep).sum())(y)
        assert np.all(np.isfinite(slope))
        assert not np.any(slope[~keep])


@ONE_DTYPE
@pytest.mark.full
def test_the_named_ones_are_bregman_divergences(dtype):
    x, y = jnp.asarray([0.5, 2.0, 1.0], dtype), jnp.asarray([0.7, 1.0, 1.001], dtype)
    root = jnp.asarray([[2.0, 0.5, 0.0], [0.5, 1.0, 0.2], [0.0, 0.2, 3.0]], dtype)
    table = [
        (lambda v: jnp.sum(v**2), bregman.squared_euclidean),
        (lambda v: jnp.sum(v * jnp.log(v)), bregman.generalized_kl),
        (lambda v: -jnp.sum(jnp.log(v)), bregman.itakura_saito),
        (lambda v: jnp.sum(jax.nn.softplus(v)), bregman.logistic_loss),
        (lambda v: jnp.sum(v**1.7) / (1.7 * 0.7), functools.partial(bregman.beta_divergence, beta=1.7)),
        (lambda v: v @ root @ v, lambda x, y: bregman.mahalanobis(x, y, root)),
    ]
    for phi, named in table:
        np.testing.assert_allclose(bregman.divergence(phi, x, y), named(x, y), rtol=64 * float(jnp.finfo(dtype).eps))


# --- centroids --------------------------------------------------------------------------------------------


def entropy(v):
    return jnp.sum(v * jnp.log(v))


def burg(v):
    return -jnp.sum(jnp.log(v))


def stacks(dtype):
    rng = np.random.default_rng(7)
    points = jnp.asarray(rng.uniform(0.05, 20, (2, 6, 3)), dtype)
    weights = jnp.asarray(rng.uniform(0.5, 2, 6), dtype)
    exact_points, share = np.asarray(points, np.float64), np.asarray(weights, np.float64)
    share = share / share.sum()
    return points, weights, lambda f: np.einsum("k,bkn->bn", share, f(exact_points))


@pytest.mark.by_default("float32")
def test_centroids_with_closed_forms(dtype):
    points, weights, mean = stacks(dtype)
    options = {"weights": weights, "axis": 1}
    rtol = 16 * float(jnp.finfo(dtype).eps)  # Newton ends within a few eps of the solution, the means cost as many
    arithmetic, geometric, harmonic = mean(lambda x: x), np.exp(mean(np.log)), 1 / mean(lambda x: 1 / x)
    np.testing.assert_allclose(bregman.right_centroid(points, **options), arithmetic, rtol=rtol)
    np.testing.assert_allclose(bregman.left_centroid(entropy, points, **options), geometric, rtol=rtol)
    given = bregman.left_centroid(entropy, points, inverse_gradient=lambda g: jnp.exp(g - 1.0), **options)
    np.testing.assert_allclose(given, geometric, rtol=rtol)
    np.testing.assert_allclose(bregman.left_centroid(burg, points, **options), harmonic, rtol=rtol)
    jeffreys = arithmetic / lambertw(np.e * arithmetic / geometric).real
    np.testing.assert_allclose(bregman.symmetrized_centroid(entropy, points, **options), jeffreys, rtol=rtol)
    between = np.sqrt(arithmetic * harmonic)
    np.testing.assert_allclose(bregman.symmetrized_centroid(burg, points, **options), between, rtol=rtol)


@pytest.mark.full
def test_equal_weights_are_the_default(dtype):
    points, *_ = stacks(dtype)
    rtol = 16 * float(jnp.finfo(dtype).eps)
    ones = jnp.ones(points.shape[:2], dtype)
    for centroid in (bregman.left_centroid, bregman.symmetrized_centroid):
        got = centroid(entropy, points, axis=1)
        np.testing.assert_allclose(got, centroid(entropy, points, weights=2 * ones, axis=1), rtol=rtol)
    np.testing.assert_allclose(
        bregman.right_centroid(points), bregman.right_centroid(points, weights=ones[:, 0]), rtol=rtol
    )


@pytest.mark.parametrize("centroid", [bregman.left_centroid, bregman.symmetrized_centroid])
@pytest.mark.full
def test_centroids_minimise_what_they_say(centroid):
    with jax.enable_x64(True):
        points, weights, _ = stacks(jnp.dtype("float64"))
        share = weights / weights.sum()

        def phi(v):  # not a sum over entries, so nothing separates
            return jax.nn.logsumexp(v) + 0.1 * jnp.sum(jnp.exp(0.2 * v))

        def cost(c):
            to = bregman.divergence(phi, c[None], points[0])
            back = bregman.divergence(phi, points[0], c[None])
            return share @ (to if centroid is bregman.left_centroid else to + back)

        c = centroid(phi, points, weights=weights, axis=1)[0]
        assert np.max(np.abs(jax.jit(jax.grad(cost))(c))) <= 1e-12
        assert np.all(np.linalg.eigvalsh(jax.jit(jax.hessian(cost))(c)) > 0)


@pytest.mark.parametrize("centroid", [bregman.left_centroid, bregman.symmetrized_centroid])
@pytest.mark.by_default("left_centroid")
def test_centroids_are_differentiable(centroid):
    with jax.enable_x64(True):
        points, weights, _ = stacks(jnp.dtype("float64"))

        def from_all(points, weights, tilt):
            return centroid(lambda v: tilt * entropy(v) + jnp.sum(jnp.exp(v / 5)), points, weights=weights)

        tilt = jnp.asarray(1.5)
        # Differences of a step 1e-4 carry 1e-6 relative.
        check_grads(jax.jit(from_all), (points[0], weights, tilt), order=1, eps=1e-4, rtol=1e-4, atol=1e-5)
        first = jax.jit(jax.jacfwd(from_all, 2))
        second = jax.jit(jax.jacfwd(jax.jacrev(from_all, 2), 2))(points[0], weights, tilt)
        differences = (first(points[0], weights, tilt + 1e-4) - first(points[0], weights, tilt - 1e-4)) / 2e-4
        np.testing.assert_allclose(second, differences, rtol=1e-5)


@pytest.mark.by_default("float32")
def test_centroids_of_pytrees(dtype):
    points, *_ = stacks(dtype)
    tree = {"a": points[0, :, 0], "b": points[0, :, 1:]}
    got = bregman.left_centroid(lambda v: entropy(v["a"]) + entropy(v["b"]), tree, event_ndims={"a": 0, "b": 1})
    whole = bregman.left_centroid(entropy, points[0])
    np.testing.assert_allclose(np.concatenate([got["a"][None], got["b"]]), whole, rtol=16 * float(jnp.finfo(dtype).eps))
