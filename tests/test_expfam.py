"""Exponential families from A alone, against textbook formulas in ordinary parameters that never see A."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from mpmath import mpf
from oracles.families import FAMILIES, gradient, hessian
from sweeps import thinned

from kljax import expfam


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    with jax.enable_x64(request.param == "float64"), mpmath.workdps(80):
        yield jnp.dtype(request.param)


# For tests of what does not depend on the dtype, or little: the other dtype runs with --full.
ONE_DTYPE = pytest.mark.parametrize("dtype", thinned(["float32", "float64"], ["float64"]), indirect=True)


def eps_of(dtype) -> float:
    return float(jnp.finfo(dtype).eps)


def exact(vector) -> list[mpf]:
    return [mpf(float(x)) for x in np.ravel(vector)]


# name: A, and one vector of natural parameters. lgamma, digamma and polygamma of XLA are right to some 10 eps.
MEMBERS = {
    "bernoulli": (lambda eta: jnp.logaddexp(eta[0], 0.0), [-1.3]),
    "categorical": (jax.nn.logsumexp, [0.3, -2.0, 1.1, 2.5]),
    "poisson": (lambda eta: jnp.exp(eta[0]), [0.9]),
    "gamma": (lambda eta: jax.lax.lgamma(eta[0]) - eta[0] * jnp.log(-eta[1]), [2.7, -0.8]),
    "gaussian": (lambda eta: -eta[0] * eta[0] / (4.0 * eta[1]) - 0.5 * jnp.log(-2.0 * eta[1]), [1.5, -0.7]),
    "dirichlet": (lambda eta: jax.lax.lgamma(eta).sum() - jax.lax.lgamma(eta.sum()), [0.8, 2.5, 4.1]),
}
NATIVE = {"gamma": 24, "dirichlet": 48}  # eps: what XLA's lgamma loses, and three of them that nearly cancel


def pair(name, distance, dtype):
    rng = np.random.default_rng(1)
    eta = np.array(MEMBERS[name][1])
    return jnp.asarray(eta, dtype), jnp.asarray(eta * np.exp(distance * rng.choice([-1.0, 0.6], eta.size)), dtype)


def verbs(name):
    """name of a verb: (ours of (η_p, η_q, α), textbook's, the orders it takes)."""
    a, textbook = MEMBERS[name][0], FAMILIES[name]

    def divergence(p, q, order):
        if order == 1:
            return textbook.kl(p, q)
        return textbook.log_affinity(p, q, order) / (order - 1)

    return {
        "kl": (lambda p, q, _: expfam.kl(a, p, q), lambda p, q, _: textbook.kl(p, q), (1.0,)),
        "skew_jensen": (
            lambda p, q, order: expfam.skew_jensen(a, p, q, weight=order),
            lambda p, q, order: -textbook.log_affinity(p, q, order),
            (0.05, 0.5, 0.9),
        ),
        "renyi": (
            lambda p, q, order: expfam.renyi(a, p, q, order=order),
            divergence,
            (0.25, 0.9999, 1.0, 1.0001, 1.4),
        ),
    }


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("verb", thinned(["kl", "skew_jensen", "renyi"], ["kl", "renyi"]))
@pytest.mark.by_default(
    "float32-kl-gamma",
    "float32-kl-categorical",
    "float64-kl-dirichlet",
    "float64-kl-gaussian",
    "float32-renyi-categorical",
    "float64-renyi-bernoulli",
    "float64-renyi-poisson",
)
def test_values_and_gradients_at_every_distance(verb, name, dtype):
    if dtype == jnp.float32 and name in ("bernoulli", "poisson", "dirichlet"):
        pytest.skip("float32 runs on one family of each kind, for time")
    ours, textbook, orders = verbs(name)[verb]
    both = jax.jit(jax.value_and_grad(ours, (0, 1, 2)))
    # 16 eps: the plain branch differences three values of A, each up to 8 times the divergence.
    bound = (16 + NATIVE.get(name, 0)) * eps_of(dtype)
    for distance in (0.7, 1e-1, 1e-3, 1e-5, 1e-7 if dtype == jnp.float64 else 1e-6):
        p, q = pair(name, distance, dtype)
        for order in (jnp.asarray(order, dtype) for order in orders):
            value, (by_p, by_q, by_order) = both(p, q, order)
            expected, by_points, turn = reference(textbook, p, q, order, verb)
            assert value >= 0
            assert abs(mpf(float(value)) - expected) <= bound * expected
            # Relative to the largest entry: each is a difference of gradients of A, or a Hessian product.
            assert np.max(np.abs(np.concatenate([by_p, by_q]) - by_points)) <= bound * np.max(np.abs(by_points))
            if turn is not None:
                assert abs(mpf(float(by_order)) - turn) <= bound * (abs(turn) + expected)


def reference(textbook, p, q, order, verb):
    """The textbook's value, its gradient by both parameters, and by the order where there is one to move."""
    a, b, (at,) = exact(p), exact(q), exact(order)
    n = len(a)
    by_points = gradient(lambda z: textbook(z[:n], z[n:], at), a + b)
    movable = verb != "kl" and at != 1
    turn = gradient(lambda z: textbook(a, b, z[0]), [at])[0] if movable else None
    return textbook(a, b, at), np.array([float(x) for x in by_points]), turn


@pytest.mark.parametrize(
    ("verb", "name", "order"),
    thinned(
        [
            ("kl", "categorical", 1.0),
            ("kl", "gamma", 1.0),
            ("skew_jensen", "gaussian", 0.2),
            ("renyi", "gaussian", 0.25),
            ("renyi", "categorical", 1.4),
        ],
        [("kl", "gamma", 1.0), ("renyi", "gaussian", 0.25)],
        spread=True,
    ),
)
@pytest.mark.by_default("kl-gamma-1.0")
def test_hessians_near_and_far(verb, name, order):
    with jax.enable_x64(True), mpmath.workdps(80):
        ours, textbook, _ = verbs(name)[verb]
        order = jnp.asarray(order)
        (at,) = exact(order)

        def joined(both):
            return ours(*jnp.split(both, 2), order)

        forward, backward = (jax.jit(outer(jax.jacrev(joined))) for outer in (jax.jacfwd, jax.jacrev))
        for distance in (0.7, 1e-3):
            p, q = pair(name, distance, order.dtype)
            both, n = jnp.concatenate([p, q]), p.size
            expected = hessian(lambda z, n=n: textbook(z[:n], z[n:], at), exact(both))
            expected = np.array([[float(x) for x in row] for row in expected])
            # 64 eps: third derivatives by quadrature, and XLA's polygamma.
            bound = (64 + 4 * NATIVE.get(name, 0)) * eps_of(order.dtype) * np.max(np.abs(expected))
            np.testing.assert_allclose(forward(both), expected, rtol=0, atol=bound)
            np.testing.assert_allclose(backward(both), expected, rtol=0, atol=bound)


@ONE_DTYPE
def test_bhattacharyya_and_hellinger(dtype):
    a, textbook = MEMBERS["gamma"][0], FAMILIES["gamma"]
    bound = (16 + NATIVE["gamma"]) * eps_of(dtype)
    for distance in (0.7, 1e-3, 1e-6):
        p, q = pair("gamma", distance, dtype)
        log_affinity = textbook.log_affinity(exact(p), exact(q), mpf(1) / 2)
        for got, expected in (
            (expfam.bhattacharyya(a, p, q), -log_affinity),
            (expfam.squared_hellinger(a, p, q), -mpmath.expm1(log_affinity)),
        ):
            assert abs(mpf(float(got)) - expected) <= bound * expected


@ONE_DTYPE
@pytest.mark.parametrize("name", thinned(["gamma", "categorical"], ["categorical"]))
@pytest.mark.full
def test_equal_parameters_are_exactly_no_distance_apart(name, dtype):
    p, _ = pair(name, 1.0, dtype)
    for verb, (ours, _, orders) in verbs(name).items():
        both = jax.jit(jax.value_and_grad(ours, (0, 1, 2)))
        for order in orders:
            value, slopes = both(p, p, jnp.asarray(order, dtype))
            assert value == 0.0, verb
            assert not any(np.any(slope) for slope in slopes), verb
    a = MEMBERS[name][0]
    value, order = expfam.chernoff_information(a, p, p, with_order=True)
    assert (value, order) == (0.0, 0.5)
    slopes = jax.jit(jax.jacrev(lambda p, q: expfam.chernoff_information(a, p, q, with_order=True), (0, 1)))(p, p)
    assert not any(np.any(slope) for slope in jax.tree.leaves(slopes))


@pytest.mark.parametrize("name", thinned(["categorical", "gaussian", "gamma"], ["categorical", "gaussian"]))
@pytest.mark.by_default("float64-categorical")
def test_chernoff_information(name, dtype):
    if dtype == jnp.float32 and name != "gaussian":
        pytest.skip("float32 runs on one family, for time")
    a, textbook = MEMBERS[name][0], FAMILIES[name]
    both = jax.jit(functools.partial(expfam.chernoff_information, a, with_order=True))
    slopes = jax.jit(jax.grad(lambda p, q: both(p, q)[0], (0, 1)))
    for distance in (0.7, 1e-3):
        p, q = pair(name, distance, dtype)
        value, order = both(p, q)
        best = best_order(textbook, p, q)
        expected, by_points, _ = reference(lambda a, b, at: -textbook.log_affinity(a, b, at), p, q, best, "kl")
        bound = (16 + NATIVE.get(name, 0)) * eps_of(dtype)
        assert abs(mpf(float(value)) - expected) <= bound * expected
        # The slope that vanishes is a difference of two remainders, of relative error eps each.
        assert abs(mpf(float(order)) - mpf(float(best))) <= bound
        assert np.max(np.abs(np.concatenate(slopes(p, q)) - by_points)) <= 2 * bound * np.max(np.abs(by_points))


def best_order(textbook, p, q) -> np.ndarray:
    """Where the slope of the concave log-affinity vanishes, bisected at 80 digits and rounded to double."""
    a, b = exact(p), exact(q)

    def rise(order):
        return gradient(lambda z: -textbook.log_affinity(a, b, z[0]), [order])[0]

    low, high = mpf(0), mpf(1)
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if rise(middle) > 0 else (low, middle)
    return np.float64(low)


@pytest.mark.full
def test_the_optimal_order_is_differentiated():
    with jax.enable_x64(True):
        a = MEMBERS["gaussian"][0]
        p, q = pair("gaussian", 0.5, jnp.dtype("float64"))

        @jax.jit
        def order(p):
            return expfam.chernoff_information(a, p, q, with_order=True)[1]

        @jax.jit
        def value(p):
            return expfam.chernoff_information(a, p, q)

        rise = jax.jit(jax.grad(value))
        slope, curve = jax.jit(jax.grad(order))(p), jax.jit(jax.hessian(value))(p)
        step = 1e-5
        for i in range(2):
            e = jnp.zeros(2).at[i].set(step)
            np.testing.assert_allclose(slope[i], (order(p + e) - order(p - e)) / (2 * step), rtol=1e-6, atol=1e-9)
            turned = (rise(p + e) - rise(p - e)) / (2 * step)
            np.testing.assert_allclose(curve[i], turned, rtol=1e-6, atol=1e-9)


def test_far_apart(dtype):
    """Poisson rates 1e-6 and 1e6: no digit is lost where nothing cancels."""
    p, q = jnp.log(jnp.asarray([1e-6], dtype)), jnp.log(jnp.asarray([1e6], dtype))
    a = MEMBERS["poisson"][0]
    for left, right in ((p, q), (q, p)):
        expected = FAMILIES["poisson"].kl(exact(left), exact(right))
        # 32 eps: XLA's exp at 14 rounds its argument's double-length product.
        assert abs(mpf(float(expfam.kl(a, left, right))) - expected) <= 32 * eps_of(dtype) * expected
        assert expfam.squared_hellinger(a, left, right) == 1.0


@ONE_DTYPE
@pytest.mark.full
def test_weights_and_orders_at_the_ends(dtype):
    a = MEMBERS["categorical"][0]
    p, q = pair("categorical", 0.7, dtype)
    with jax.debug_nans(True):
        assert expfam.skew_jensen(a, p, q, weight=0.0) == 0.0
        assert expfam.skew_jensen(a, p, q, weight=1.0) == 0.0
        assert expfam.renyi(a, p, q, order=0.0) == 0.0
        close = functools.partial(np.testing.assert_allclose, rtol=16 * eps_of(dtype))
        close(expfam.renyi(a, p, q, order=1.0), expfam.kl(a, p, q))
        # The slopes of J at its ends are KL(q‖p) and -KL(p‖q).
        slope = jax.jit(jax.grad(lambda weight: expfam.skew_jensen(a, p, q, weight=weight)))
        close(slope(jnp.asarray(0.0, dtype)), expfam.kl(a, q, p))
        close(slope(jnp.asarray(1.0, dtype)), -expfam.kl(a, p, q))
        close(
            jax.jit(jax.grad(lambda p: expfam.renyi(a, p, q, order=1.0)))(p), jax.grad(lambda p: expfam.kl(a, p, q))(p)
        )


def test_an_order_beyond_the_natural_parameter_space_is_infinite(dtype):
    """Gaussians of variances 4 and 1: the mixed precision α/4 + (1 - α) is negative beyond α = 4/3."""
    a = MEMBERS["gaussian"][0]
    p, q = jnp.asarray([0.0, -1.0 / 8.0], dtype), jnp.asarray([0.0, -0.5], dtype)
    assert np.isfinite(expfam.renyi(a, p, q, order=1.3))
    value, slopes = jax.jit(jax.value_and_grad(lambda p, q: expfam.renyi(a, p, q, order=1.5), (0, 1)))(p, q)
    assert value == jnp.inf
    assert not np.any(slopes)


@ONE_DTYPE
@pytest.mark.full
def test_batches_orders_and_structures(dtype):
    a = MEMBERS["gaussian"][0]
    rng = np.random.default_rng(2)
    p, q = (
        jnp.asarray(np.stack([rng.normal(size=shape), -np.exp(rng.normal(size=shape))], -1), dtype)
        for shape in ((4, 1), (5,))
    )

    def on_tree(tree):
        return a(jnp.stack([tree["first"], tree["second"]]))

    tree_p, tree_q = ({"first": eta[..., 0], "second": eta[..., 1]} for eta in (p, q))
    orders = jnp.linspace(0.1, 0.9, 5, dtype=dtype)
    expected = np.array([[expfam.renyi(a, p[i, 0], q[j], order=orders[j]) for j in range(5)] for i in range(4)])
    close = functools.partial(np.testing.assert_allclose, rtol=16 * eps_of(dtype))
    close(expfam.renyi(a, p, q, order=orders), expected)
    close(expfam.renyi(on_tree, tree_p, tree_q, order=orders, event_ndims=0), expected)
    close(expfam.renyi(on_tree, tree_p, tree_q, order=orders, event_ndims={"first": 0, "second": 0}), expected)
    close(
        jax.vmap(lambda p: jax.vmap(lambda q, order: expfam.renyi(a, p, q, order=order))(q, orders))(p[:, 0]), expected
    )
    many = expfam.skew_jensen(a, p[0, 0], q[0], weight=orders)
    assert many.shape == (5,)


@ONE_DTYPE
@pytest.mark.full
def test_moments(dtype):
    name = "gaussian"
    a = MEMBERS[name][0]
    eta = jnp.asarray([[1.5, -0.7], [-2.0, -0.1]], dtype)
    variance = -0.5 / np.asarray(eta[:, 1], np.float64)
    mean = np.asarray(eta[:, 0], np.float64) * variance
    close = functools.partial(np.testing.assert_allclose, rtol=16 * eps_of(dtype))
    close(expfam.mean_parameters(a, eta), np.stack([mean, mean**2 + variance], -1))
    covariance = np.array(
        [[variance, 2 * mean * variance], [2 * mean * variance, 2 * variance**2 + 4 * mean**2 * variance]]
    )
    close(expfam.fisher(a, eta), np.moveaxis(covariance, -1, 0))
    tree = {"first": eta[:, 0], "second": eta[:, 1]}

    def on_tree(tree):
        return a(jnp.stack([tree["first"], tree["second"]]))

    close(expfam.mean_parameters(on_tree, tree, event_ndims=0)["second"], mean**2 + variance)
    close(expfam.fisher(on_tree, tree, event_ndims=0)["first"]["second"], 2 * mean * variance)


@pytest.mark.full
def test_what_the_log_partition_closes_over_is_differentiated():
    """A family with a parameter of its own: A(η; c) = c log Σ eᵑ is that of c-fold sums."""
    with jax.enable_x64(True):
        p, q = pair("categorical", 0.3, jnp.dtype("float64"))

        def total(copies, verb, **options):
            return verb(lambda eta: copies * jax.nn.logsumexp(eta), p, q, **options)

        for verb, options in ((expfam.kl, {}), (expfam.renyi, {"order": 1.7})):
            slope = jax.jit(jax.grad(functools.partial(total, verb=verb, **options)))(2.0)
            np.testing.assert_allclose(slope, total(1.0, verb, **options), rtol=1e-13)
        step = 1e-5
        best = jax.jit(functools.partial(total, verb=expfam.chernoff_information))
        np.testing.assert_allclose(
            jax.jit(jax.grad(best))(2.0), (best(2.0 + step) - best(2.0 - step)) / (2 * step), rtol=1e-8
        )


def test_a_change_in_what_the_log_partition_closes_over_is_seen():
    scale = [1.0]

    def log_partition(eta):
        return scale[0] * jnp.exp(eta).sum()

    p, q = jnp.zeros(2), jnp.ones(2)
    before = expfam.kl(log_partition, p, q)
    scale[0] = 3.0
    np.testing.assert_allclose(expfam.kl(log_partition, p, q), 3.0 * before, rtol=1e-6)


TRACES: list[None] = []


def test_a_function_that_closes_over_nothing_is_compiled_once():
    p, q = jnp.zeros(3), jnp.ones(3)
    calls = []
    for _ in range(3):
        expfam.kl(lambda eta: (TRACES.append(None), jnp.sum(jnp.exp(eta)))[1], p, q)
        calls.append(len(TRACES))
    assert calls[0] > 0
    assert calls[0] == calls[1] == calls[2]


@pytest.mark.parametrize(
    ("error", "named", "call"),
    [
        (TypeError, "log_partition must be a function", lambda p: expfam.kl("exp", p, p)),
        (ValueError, "log_partition must map one point", lambda p: expfam.kl(jnp.exp, p, p)),
        (TypeError, "eta_p must", lambda p: expfam.kl(jnp.sum, p.astype(int), p)),
        (TypeError, "eta_q must", lambda p: expfam.renyi(jnp.sum, p, p.astype(complex), order=0.5)),
        (ValueError, "must agree in their last 1", lambda p: expfam.bhattacharyya(jnp.sum, p, p[:1])),
        (ValueError, "batch shapes", lambda p: expfam.kl(jnp.sum, jnp.ones((2, 2)), jnp.ones((3, 2)))),
        (ValueError, "eta_q must have the structure", lambda p: expfam.bhattacharyya(jnp.sum, p, [p])),
        (ValueError, "weight must lie", lambda p: expfam.skew_jensen(jnp.sum, p, p, weight=1.5)),
        (TypeError, "weight must be a real number", lambda p: expfam.skew_jensen(jnp.sum, p, p, weight=None)),
        (
            ValueError,
            "weight has batch shape",
            lambda p: expfam.skew_jensen(jnp.sum, jnp.ones((2, 2)), p, weight=jnp.ones(3)),
        ),
        (ValueError, "order must lie", lambda p: expfam.renyi(jnp.sum, p, p, order=-0.1)),
        (ValueError, "order must lie", lambda p: expfam.renyi(jnp.sum, p, p, order=float("inf"))),
        (TypeError, "with_order must", lambda p: expfam.chernoff_information(jnp.sum, p, p, with_order=1)),
        (ValueError, "eta must have at least", lambda p: expfam.fisher(jnp.sum, p, event_ndims=2)),
    ],
)
def test_bad_input_is_named(error, named, call):
    with pytest.raises(error, match=named):
        call(jnp.ones(2))
