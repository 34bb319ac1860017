"""Values, gradients and Hessians of the verbs on logits against multiprecision, on the same exact numbers.

Tolerances: a value may be off by 16 eps and by 4 in the median; a gradient by 32 eps of its norm, both from the
promise of the library; a Hessian by 64 eps of its norm, since it is one more derivative of the same kind.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import oracles
import pytest
from sweeps import thinned

from kljax import logits

VERBS: dict[str, dict[str, Any]] = {
    "kl": {},
    "jeffreys": {},
    "jensen_shannon": {},
    "skew_kl": {"weight": 0.25},
    "squared_hellinger": {},
    "total_variation": {},
    "chi_squared": {},
    "le_cam": {},
    "alpha": {"order": 1.5},
    "tsallis": {"order": 0.5},
    "renyi": {"order": 0.5},
    "bhattacharyya": {},
}
LABELLED = [
    *VERBS.items(),
    ("jensen_shannon", {"weight": 0.125}),
    ("alpha", {"order": -0.5}),
    ("renyi", {"order": 2.0}),
]
# What an ordinary run tries: the divergences that the accuracy is promised for, and a bounded one.
MAIN = [
    (verb, VERBS[verb]) for verb in ("kl", "jensen_shannon", "squared_hellinger", "chi_squared", "jeffreys", "renyi")
]
MAIN += [("total_variation", {}), ("alpha", {"order": -0.5})]
# What also has its Hessians and options tried without --full: a verb for each path through the kernels.
OFTEN = [("kl", {}), ("jensen_shannon", {}), ("alpha", {"order": -0.5}), ("renyi", {"order": 0.5})]
DTYPES = [np.float32, np.float64]
NEAR = [1e-1, 1e-3, 1e-5, 1e-8]


def _rows(kind: str, outcomes: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng([len(kind), outcomes])
    a, b = rng.standard_normal((2, 2, outcomes))
    if kind.startswith("±"):
        a, b = float(kind[1:]) * a, float(kind[1:]) * b
    elif kind == "one peak":
        a[:, 0] += 30.0
        b = a + 0.1 * b
    elif kind == "near":
        near = np.asarray(NEAR)[:, None]
        a, b = 2.0 * a[:1] + 0.0 * near, 2.0 * a[:1] + near * b[:1]
    return a.astype(dtype), b.astype(dtype)


KINDS = ["normal", "±50", "±1000", "one peak", "near"]


def _all_rows(outcomes: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows of every kind in one batch, so that each verb compiles once."""
    a, b = zip(*(_rows(kind, outcomes, dtype) for kind in KINDS), strict=True)
    return np.concatenate(a), np.concatenate(b)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("verb", "options"), thinned(LABELLED, MAIN, spread=True), ids=str)
@pytest.mark.by_default(
    "kl-{}-float64",
    "jeffreys-{}-float32",
    "jensen_shannon-{}-float32",
    "squared_hellinger-{}-float64",
    "total_variation-{}-float64",
    "chi_squared-{}-float32",
    "renyi-{'order': 0.5}-float32",
    "alpha-{'order': -0.5}-float64",
)
def test_values_and_gradients(verb: str, options: dict[str, Any], dtype: Any) -> None:
    errors = []
    with jax.enable_x64(dtype == np.float64):
        function = functools.partial(getattr(logits, verb), **options)
        both = jax.jit(lambda a, b: (function(a, b), jax.grad(lambda *x: function(*x).sum(), (0, 1))(a, b)))
        a, b = _all_rows(10, dtype)
        got, slopes = jax.tree.map(np.asarray, both(a, b))
        assert not (got < 0).any()
        for i in range(len(a)):
            pair = oracles.from_logits(a[i], b[i])
            errors.append(oracles.value_error(got[i], oracles.value(pair, verb, **options)))
            assert not any(np.isnan(side[i]).any() for side in slopes)
            if np.isinf(got[i]):
                continue  # too large for the dtype: its slopes saturate
            for side, exact in zip(slopes, oracles.gradient(pair, verb, **options), strict=True):
                # Probabilities below the smallest normal number are flushed to zero, and the log-ratio that multiplies
                # them is below 4096.
                # At ±1000 an outcome may hold all but e⁻¹⁸⁰⁰ of p; there the oracle's 400 digits run out, and its
                # gradient no longer sums to zero.
                if abs(exact.sum()) <= 1e-12 * np.linalg.norm(exact):
                    assert oracles.norm_error(side[i], exact, 4096.0) <= 32.0, i
        assert max(errors) <= 16.0
        assert np.median(errors) <= 4.0
        same, flat = jax.tree.map(np.asarray, both(a, a))
        assert not same.any()
        assert not flat[0].any()
        assert not flat[1].any()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("verb", "options"), thinned([(v, o) for v, o in LABELLED if v != "total_variation"], OFTEN, spread=True), ids=str
)
@pytest.mark.by_default("kl-{}-float32")
def test_hessians(verb: str, options: dict[str, Any], dtype: Any) -> None:
    with jax.enable_x64(dtype == np.float64):
        function = functools.partial(getattr(logits, verb), **options)
        a, b = (np.concatenate([_rows(kind, 3, dtype)[side][:2] for kind in ("normal", "near")]) for side in (0, 1))
        both = jnp.stack([jnp.asarray(a), jnp.asarray(b)], 1)
        builds = [jax.hessian] if verb != "kl" else [jax.hessian, lambda f: jax.jacrev(jax.jacrev(f))]
        for build in builds:
            got = jax.jit(jax.vmap(build(lambda x: function(x[0], x[1]))))(both)
            for i in range(len(a)):
                exact = oracles.hessian(oracles.from_logits(a[i], b[i]), verb, **options)
                assert oracles.norm_error(np.asarray(got[i]).ravel(), np.asarray(exact).ravel()) <= 64.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["normal", "±50", "one peak", "near"])
@pytest.mark.parametrize("order", [1.0, 0.5, 2.0, 0.0, np.inf])
def test_entropy(order: float, kind: str, dtype: Any) -> None:
    with jax.enable_x64(dtype == np.float64):
        _, a = _rows(kind, 10, dtype)
        got = np.asarray(logits.entropy(a, order=order))
        for row, value in zip(a, got, strict=True):
            if order == np.inf:  # -log max p
                with mpmath.workdps(60):
                    numbers = [mpmath.mpf(float(x)) for x in row]
                    exact = mpmath.log(mpmath.fsum(mpmath.exp(x - max(numbers)) for x in numbers))
            else:
                exact = oracles.value(oracles.from_logits(row, row), "entropy", order=order)
            assert oracles.value_error(value, exact) <= 16.0


def test_the_hessian_of_the_entropy() -> None:
    # ∂²H/∂aᵢ∂aⱼ = -δᵢⱼ pᵢ (log pᵢ + 1 + H) + pᵢ pⱼ (log pᵢ + log pⱼ + 1 + 2H)
    with jax.enable_x64(True):
        a = np.random.default_rng(0).standard_normal(5)
        p = np.exp(a) / np.exp(a).sum()
        log_p, entropy = np.log(p), -(p * np.log(p)).sum()
        both = log_p[:, None] + log_p[None, :] + 1 + 2 * entropy
        exact = np.outer(p, p) * both - np.diag(p * (log_p + 1 + entropy))
        np.testing.assert_allclose(jax.hessian(logits.entropy)(a), exact, atol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["normal", "±50", "±1000", "near"])
def test_cross_entropy_and_its_gradients(kind: str, dtype: Any) -> None:
    with jax.enable_x64(dtype == np.float64):
        a, b = _rows(kind, 10, dtype)
        got = np.asarray(logits.cross_entropy(a, b))
        slopes = jax.grad(lambda a, b: logits.cross_entropy(a, b).sum(), (0, 1))(a, b)
        for i in range(len(a)):
            pair = oracles.from_logits(a[i], b[i])
            assert oracles.value_error(got[i], oracles.value(pair, "cross_entropy")) <= 16.0
            for side, exact in zip(slopes, oracles.gradient(pair, "cross_entropy"), strict=True):
                assert oracles.norm_error(np.asarray(side[i]), exact, 4096.0) <= 32.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["normal", "±50", "near"])
@pytest.mark.full
def test_chernoff_information_and_its_order(kind: str, dtype: Any) -> None:
    with jax.enable_x64(dtype == np.float64):
        a, b = _rows(kind, 4, dtype)
        value, order = logits.chernoff_information(a, b, with_order=True)
        slopes = jax.grad(lambda a, b: logits.chernoff_information(a, b).sum(), (0, 1))(a, b)
        for i in range(len(a)):
            pair = oracles.from_logits(a[i], b[i])
            exact, where = oracles.chernoff_information(pair)
            # Around the maximum the value moves with the square of an error of the order, the slopes with the error.
            assert oracles.value_error(np.asarray(value)[i], exact) <= 16.0
            assert abs(float(order[i]) - float(where)) <= 64.0 * float(np.finfo(dtype).eps)
            for side, expected in zip(slopes, oracles.chernoff_gradient(pair), strict=True):
                assert oracles.norm_error(np.asarray(side[i]), expected, 4096.0) <= 64.0


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", [None, [0.5, 0.25, 0.25]])
def test_jensen_shannon_of_many(weights: list[float] | None, dtype: Any) -> None:
    with jax.enable_x64(dtype == np.float64):
        rng = np.random.default_rng(1)
        start = rng.standard_normal((1, 6))
        for gap in (1.0, 1e-2, 1e-4, 1e-6):
            stack = (start + gap * rng.standard_normal((3, 6))).astype(dtype)
            got = np.asarray(logits.generalized_jensen_shannon(stack, weights=weights))
            exact = oracles.generalized_jensen_shannon(stack, weights=weights, logits=True)
            assert oracles.value_error(got, exact) <= 16.0


HALVES: list[tuple[str, dict[str, Any]]] = [
    *OFTEN,
    ("renyi", {"order": 1.7, "temperature": 3.0}),
    ("renyi", {"order": np.inf}),
    ("cross_entropy", {"temperature": 3.0}),
]


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("rows", [5, 20])  # by passes, and in range
@pytest.mark.by_default("20-bfloat16")
def test_half_precision_is_read_exactly_and_computed_in_single(rows: int, dtype: Any) -> None:
    rng = np.random.default_rng(2)
    a, b = (jnp.asarray(x, dtype) for x in rng.standard_normal((2, rows, 100)))
    for verb, options in HALVES:
        function = functools.partial(getattr(logits, verb), **options)

        @jax.jit
        def both(a: jax.Array, b: jax.Array, function: Any = function) -> Any:
            return function(a, b), jax.grad(lambda b: function(a, b).sum())(b)

        (half, slope), (single, exact) = both(a, b), both(a.astype(jnp.float32), b.astype(jnp.float32))
        assert half.dtype == jnp.float32
        np.testing.assert_allclose(half, single, rtol=4 * 2.0**-23)  # two programs, of the same numbers
        assert slope.dtype == dtype
        # Rounded once.
        error = np.abs(np.asarray(slope, np.float64) - np.asarray(exact, np.float64))
        assert (error <= 0.6 * float(jnp.finfo(dtype).eps) * np.abs(exact) + float(jnp.finfo(dtype).tiny)).all()


@pytest.mark.full
def test_temperature_divides_the_logits() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 4, 9)).astype(np.float32)
    for verb, options in OFTEN:
        function = functools.partial(getattr(logits, verb), **options)
        # Powers of two divide exactly, so both sides see the same numbers.
        expected = np.asarray(function(a / np.float32(4.0), b / np.float32(4.0)))
        np.testing.assert_allclose(np.asarray(function(a, b, temperature=4.0)), expected, rtol=16 * 1.2e-7)


@pytest.mark.parametrize("constant", [0.0, 10.0])
def test_a_temperature_keeps_the_digits_of_close_logits(constant: float) -> None:
    """Also of logits a constant apart, whose quotients by 3 would each be rounded."""
    rng = np.random.default_rng(3)
    a, b = rng.standard_normal((2, 4, 9)).astype(np.float32)
    near = (a + 1e-4 * b + np.float32(constant)).astype(np.float32)
    value = np.asarray(logits.kl(a, near, temperature=3.0))
    slopes = np.asarray(jax.grad(lambda y: logits.kl(a, y, temperature=3.0).sum())(jnp.asarray(near)))
    for i in range(len(a)):
        pair = oracles.from_logits(a[i], near[i], temperature=3.0)
        assert oracles.value_error(value[i], oracles.value(pair, "kl")) <= 16.0
        exact = oracles.gradient(pair, "kl")[1].astype(np.float64)
        assert np.linalg.norm(slopes[i] - exact) <= 16 * 1.2e-7 * np.linalg.norm(exact)


@pytest.mark.full
def test_the_gradient_of_jensen_shannon_where_q_is_tiny() -> None:
    # As e^r of p, with r = log(p/q) = 183, the slope of the second outcome would be off by 64 eps.
    a = np.array([370.80834812482055, 166.11564089292875])
    b = np.array([458.19203900454573, 70.01027463849896])
    with jax.enable_x64(True):
        got = jax.grad(logits.jensen_shannon, argnums=(0, 1))(a, b)
    for found, exact in zip(got, oracles.gradient(oracles.from_logits(a, b), "jensen_shannon"), strict=True):
        assert oracles.norm_error(np.asarray(found), exact) <= 32.0


def test_many_rows_with_a_nan_are_none() -> None:
    # Of so many numbers XLA's maximum on a CPU passes over a NaN.
    rng = np.random.default_rng(4)
    a, b = rng.standard_normal((2, 20_000, 5)).astype(np.float32)
    b[np.arange(len(b)), rng.integers(5, size=len(b))] = np.nan
    for order in (0.0, 0.5, 1.0, np.inf):
        assert np.isnan(logits.renyi(a, b, order=order)).all(), order
        assert np.isnan(logits.renyi(b, a, order=order)).all(), order
        assert np.isnan(logits.entropy(b, order=order)).all(), order
    empty = np.full((3, 5), -np.inf, np.float32)
    for order in (0.0, 0.5, np.inf):
        assert np.isnan(logits.renyi(empty, empty, order=order)).all(), order


def test_second_derivatives_where_q_misses_a_rare_outcome() -> None:
    # p² of the last outcome is subnormal, and so is what a quotient's derivative would divide by.
    a, b = np.array([50.0, 0.0, -1.0], np.float32), np.array([3.0, 0.0, -np.inf], np.float32)
    for function in (functools.partial(logits.skew_kl, weight=0.1), functools.partial(logits.skew_kl, weight=0.75)):
        slopes = jax.grad(function, (0, 1))
        for turn in jax.jvp(slopes, (a, b), (np.arange(3.0, dtype=np.float32),) * 2)[1]:
            assert np.isfinite(turn).all()
