"""`kljax.probs` against many digits: values, gradients and Hessians, from random rows to the edge of the dtype."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import oracles
import pytest

from kljax import probs

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=["float32", "float64"])

VERBS: dict[str, tuple[str, dict[str, Any]]] = {
    "kl": ("kl", {}),
    "jeffreys": ("jeffreys", {}),
    "jensen_shannon": ("jensen_shannon", {"weight": 0.25}),
    "squared_hellinger": ("squared_hellinger", {}),
    "total_variation": ("total_variation", {}),
    "chi_squared": ("chi_squared", {}),
    "le_cam": ("le_cam", {}),
    "alpha 3/2": ("alpha", {"order": 1.5}),
    "renyi 1/2": ("renyi", {"order": 0.5}),
    "renyi 2": ("renyi", {"order": 2.0}),
    "cross_entropy": ("cross_entropy", {}),
    "entropy": ("entropy", {}),
}

# Each summand is right to a few eps and the terms have one sign, so the sum of 1000 is too; a gradient adds the
# division by the mass. Measured: values 3.5 eps at worst and 0.7 in the median, gradients 3.
VALUE, MEDIAN, GRADIENT, HESSIAN = 16.0, 4.0, 32.0, 32.0

KINDS = ["normal", "±50", "±1000", "near 1e-1", "near 1e-3", "near 1e-5", "near 1e-8", "identical"]


def rows_of(kind: str, outcomes: int, seed: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Two rows of probabilities; below the smallest normal number they are zero, as XLA reads them."""
    rng = np.random.default_rng([KINDS.index(kind), outcomes, seed])
    a, b = rng.standard_normal((2, outcomes))
    if kind.startswith("±"):
        a, b = float(kind[1:]) * rng.uniform(-1.0, 1.0, (2, outcomes))
    if kind.startswith("near"):
        b = a + float(kind.split()[1]) * rng.standard_normal(outcomes)
    weights = [np.exp(x - x.max()) for x in (a, a if kind == "identical" else b)]
    p, q = ((w / w.sum()).astype(dtype) for w in weights)
    return tuple(np.where(x < np.finfo(dtype).tiny, 0, x).astype(dtype) for x in (p, q))


@functools.cache
def cases(dtype: Any) -> tuple[np.ndarray, np.ndarray, list[tuple[str, int, oracles.Pair, oracles.Pair]]]:
    """All rows padded to one length with outcomes that neither has, and for each its pair and that of p with itself."""
    labels = [(kind, outcomes, seed) for kind in KINDS for outcomes in (2, 10) for seed in range(3)]
    labels += [(kind, 1000, 0) for kind in ("normal", "±50", "near 1e-3")]
    p, q = np.zeros((2, len(labels), 1000), dtype)
    pairs = []
    for at, (kind, outcomes, seed) in enumerate(labels):
        p[at, :outcomes], q[at, :outcomes] = rows_of(kind, outcomes, seed, dtype)
        one, two = p[at, :outcomes], q[at, :outcomes]
        pairs.append((kind, outcomes, oracles.from_probs(one, two), oracles.from_probs(one, one)))
    return p, q, pairs


def function_of(name: str, options: dict[str, Any]) -> Callable[[jax.Array, jax.Array], jax.Array]:
    if name == "entropy":
        return lambda p, q: probs.entropy(p)
    return lambda p, q: getattr(probs, name)(p, q, **options)


def check_gradient(got: np.ndarray, exact: np.ndarray, where: str) -> None:
    """Within the tolerance of the norm; an infinite partial is taken at the edge: finite and of its sign."""
    kind = np.finfo(got.dtype)
    assert np.isfinite(got).all(), where
    infinite = np.isinf(exact)
    assert (got[infinite] * np.sign(exact[infinite]) > 0).all(), where
    # Beyond the largest number a slope saturates, and one close to it may.
    legal = np.abs(exact) < kind.max / 16
    if infinite.any():
        np.testing.assert_allclose(got[legal], exact[legal].astype(got.dtype), rtol=GRADIENT * kind.eps, atol=kind.eps)
    else:
        assert oracles.norm_error(got[legal], exact[legal], flushed=4096.0) <= GRADIENT, where


SINGLE = ("kl", "jensen_shannon", "chi_squared", "renyi 1/2")  # each verb takes seconds to compile
SWEEP = [pytest.param(verb, np.float64, id=f"{verb}-float64") for verb in VERBS]
SWEEP += [pytest.param(verb, np.float32, id=f"{verb}-float32") for verb in SINGLE]


@pytest.mark.parametrize(("verb", "dtype"), SWEEP)
@pytest.mark.by_default("kl-float64", "renyi 1/2-float64")
def test_values_and_gradients_keep_their_digits(verb: str, dtype: Any) -> None:
    name, options = VERBS[verb]
    with jax.enable_x64(dtype == np.float64):
        p, q, pairs = cases(dtype)
        function = function_of(name, options)
        with_slopes = jax.jit(jax.vmap(jax.value_and_grad(function, (0, 1))))
        value, slopes = jax.tree.map(np.asarray, with_slopes(p, q))
    errors = []
    for at, (kind, outcomes, pair, alone) in enumerate(pairs):
        given = alone if name == "entropy" else pair
        exact, label = oracles.value(given, name, **options), f"{verb} of {kind} rows of {outcomes}"
        errors.append(oracles.value_error(value[at], exact))
        assert errors[-1] <= VALUE, label
        if kind == "identical" and name not in ("entropy", "cross_entropy"):
            assert value[at] == 0, label
            assert not any(slope[at].any() for slope in slopes), label
            continue
        for slope, one in zip(slopes, oracles.gradient(given, name, **options), strict=True):
            counts = pair.x > 0 if name == "entropy" else np.ones(outcomes, bool)  # absent from both is not p alone
            check_gradient(slope[at, :outcomes][counts], one[counts], label)
    assert np.median(errors) <= MEDIAN


@DTYPES
@pytest.mark.parametrize("verb", ["kl", "jensen_shannon", "renyi 1/2"])
@pytest.mark.by_default("kl-float32", "jensen_shannon-float32")
def test_hessians_keep_their_digits(verb: str, dtype: Any) -> None:
    name, options = VERBS[verb]
    rows = [rows_of(kind, 4, 0, dtype) for kind in ("normal", "near 1e-3")]
    with jax.enable_x64(dtype == np.float64):
        hessian = jax.jit(jax.vmap(jax.hessian(function_of(name, options), (0, 1))))
        blocks = hessian(*(jnp.asarray(np.stack(side)) for side in zip(*rows, strict=True)))
        got = np.concatenate([np.concatenate([np.asarray(b) for b in line], -1) for line in blocks], -2)
    for at, pair in enumerate(rows):
        exact = oracles.hessian(oracles.from_probs(*pair), name, **options)
        assert oracles.norm_error(got[at], exact) <= HESSIAN


@pytest.mark.parametrize("dtype", [np.float64])
@pytest.mark.by_default("float64")
def test_chernoff_information_maximises_over_the_mixed_mass(dtype: Any) -> None:
    rows = [rows_of(kind, 4, seed, dtype) for kind in ("normal", "near 1e-5") for seed in range(2)]
    rows += [(np.asarray([0.5, 1.5, 2.0, 0.1], dtype), np.asarray([0.25, 0.5, 0.125, 0.5], dtype))]
    with jax.enable_x64(dtype == np.float64):
        p, q = (jnp.asarray(np.stack(side)) for side in zip(*rows, strict=True))
        (value, order), slopes = jax.jit(
            lambda p, q: (
                probs.chernoff_information(p, q, with_order=True),
                jax.grad(lambda p, q: probs.chernoff_information(p, q).sum(), (0, 1))(p, q),
            )
        )(p, q)
    for at, pair in enumerate(rows):
        held = oracles.from_probs(*pair)
        exact, best = oracles.chernoff_information(held)
        assert oracles.value_error(np.asarray(value)[at], exact) <= VALUE
        # The order is only as well known as the square root of what moves the value.
        assert abs(float(order[at]) - float(best)) <= 2.0 * float(np.finfo(dtype).eps) ** 0.25
        for got, one in zip(slopes, oracles.chernoff_gradient(held), strict=True):
            assert (
                oracles.norm_error(np.asarray(got)[at], one) <= 1e3
            )  # rounding of the order enters in the first order


# --- the edges of the dtype ---------------------------------------------------------------------------------


@DTYPES
def test_log_ratio_near_the_smallest_normal_number(dtype: Any) -> None:
    with jax.enable_x64(dtype == np.float64):
        tiny = np.finfo(dtype).tiny
        p, q = np.asarray([2.4, 1.02, 1.5], dtype) * tiny, np.asarray([2.403, 2.3, 1.5], dtype) * tiny
        got = np.asarray(jax.jit(jax.vmap(jax.grad(lambda p, q: probs.kl(p[None], q[None]), (0, 1))))(p, q))
    for at, pair in enumerate(zip(p, q, strict=True)):
        exact = oracles.gradient(oracles.from_probs(*(np.asarray([x]) for x in pair)), "kl")
        for side in (0, 1):
            assert oracles.norm_error(got[side][at : at + 1], exact[side]) <= 4.0


@pytest.mark.parametrize("dtype", [np.float32])
@pytest.mark.full
def test_only_an_infinite_partial_is_taken_at_the_edge(dtype: Any) -> None:
    # Beside p = 0 stands a q so small that replacing p by the smallest normal number would change the ratio.
    with jax.enable_x64(dtype == np.float64):
        small = 10.0 * np.finfo(dtype).tiny
        p, q = jnp.asarray([0.0, 1.0], dtype), jnp.asarray([small, 1.0], dtype)

        def slopes(function: Callable, one: jax.Array, two: jax.Array) -> tuple[float, float]:
            in_one, in_two = jax.jit(jax.grad(function, (0, 1)))(one, two)
            return float(in_one[0]), float(in_two[0])

        at_edge, exact = slopes(probs.kl, p, q)
        np.testing.assert_allclose(at_edge, -np.log(10.0), rtol=1e-5)
        assert exact == 1.0
        assert slopes(probs.squared_hellinger, p, q)[1] == 0.5
        assert slopes(probs.chi_squared, p, q) == (-2.0, 1.0)
        np.testing.assert_allclose(slopes(probs.jensen_shannon, q, p)[0], 0.5 * np.log(2.0), rtol=1e-6)
        np.testing.assert_allclose(slopes(functools.partial(probs.renyi, order=2.0), p, q)[0], -2.0, rtol=1e-6)
        np.testing.assert_allclose(slopes(functools.partial(probs.renyi, order=0.5), p, q)[1], 1.0, rtol=1e-6)
        first, _ = jax.jit(jax.grad(probs.generalized_jensen_shannon))(jnp.stack([q, p]))
        np.testing.assert_allclose(first[0], 0.5 * np.log(2.0), rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.float32])
@pytest.mark.parametrize("verb", ["kl", "renyi 1/2", "chernoff"])
@pytest.mark.by_default("kl-float32")
def test_nothing_is_nan_or_negative(verb: str, dtype: Any) -> None:
    name, options = VERBS.get(verb, ("chernoff_information", {}))
    rng = np.random.default_rng(0)
    tiny = np.finfo(dtype).tiny
    special = np.asarray([0.0, tiny, 1.1 * tiny, 1e-20, 1e-3, 0.3, np.nextafter(dtype(0.3), dtype(1)), 1.0], dtype)
    p, q = rng.choice(special, (2, 200, 3))
    p[:20] = q[:20]
    with jax.enable_x64(dtype == np.float64):
        function = function_of(name, options)

        def both(p: jax.Array, q: jax.Array) -> tuple[Any, Any, Any]:
            return function(p, q), jax.grad(function, (0, 1))(p, q), jax.hessian(function)(p, q)

        value, slopes, hessian = jax.tree.map(np.asarray, jax.jit(jax.vmap(both))(p, q))
    assert (value >= 0).all()
    assert np.isfinite(slopes).all()
    assert not np.isnan(hessian).any()
    assert not value[:20].any()
    assert not any(one[:20].any() for one in slopes)


# --- Rényi's divergence of measures ---------------------------------------------------------------------------


@pytest.mark.full
def test_renyi_is_continuous_in_the_order_and_has_a_slope_in_it() -> None:
    with jax.enable_x64(True):
        p, q = jnp.asarray([0.5, 1.5, 2.0, 0.0]), jnp.asarray([0.25, 0.5, 0.125, 0.5])
        of_order = jax.jit(lambda order: probs.renyi(p, q, order=order))
        expected = float(probs.kl(p, q) / p.sum())
        np.testing.assert_allclose(float(of_order(1.0)), expected, rtol=1e-14)
        np.testing.assert_allclose(float(probs.renyi(p, q, order=1.0)), expected, rtol=1e-14)
        pair = oracles.from_probs(p, q)
        reverse = oracles.from_probs(q, p)
        other = jax.jit(lambda order: probs.renyi(q, p, order=order))
        for function, held, orders in ((of_order, pair, (0.3, 1.0, 2.5)), (other, reverse, (0.3, 0.75))):
            slope = jax.jit(jax.grad(function))
            for order in orders:
                with mpmath.workdps(60):
                    step = mpmath.mpf(10) ** -15
                    sides = [_oracle_at(held, order, sign * step) for sign in (1, -1)]
                    exact = (sides[0] - sides[1]) / (2 * step)
                np.testing.assert_allclose(float(slope(order)), float(exact), rtol=1e-12)


def _oracle_at(pair: oracles.Pair, order: float, step: mpmath.mpf) -> mpmath.mpf:
    with oracles.mp.digits(100):
        moved = oracles.mp.number(order) + oracles.mp.from_mpmath(step)
    return oracles.value(pair, "renyi", order=moved)


def test_renyi_of_proportional_measures() -> None:
    # p = 2q: log(2^α/(1 + α))/(α - 1), whatever q is.
    q = jnp.asarray([0.25, 0.5, 0.25])
    for order in (0.5, 2.0, 3.0):
        expected = np.log(2.0**order / (1.0 + order)) / (order - 1.0)
        np.testing.assert_allclose(probs.renyi(2.0 * q, q, order=order), expected, rtol=1e-6)
    np.testing.assert_allclose(probs.renyi(2.0 * q, q, order=1.0), (2.0 * np.log(2.0) - 1.0) / 2.0, rtol=1e-6)
