"""Rows of probabilities taken as ordinary ones, against multiprecision, without the way that serves the others.

Few numbers take the general way (``choose``), so that the other tests of the verbs say little about this one. What it
gives a value must have its digits, with the tolerances of ``test_probs.py``; rows without one are left out, so that
those which must have one are named.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
from jax.experimental import checkify
from test_probs import HESSIAN, MEDIAN, VALUE, check_gradient

from kljax import generators, probs
from kljax._kernels.divergence_of_probabilities import OfProbabilities
from kljax._kernels.of_probabilities import F_DIVERGENCE
from kljax._kernels.renyi_of_probabilities import RENYI

VERBS: list[tuple[str, dict[str, Any], OfProbabilities, Any]] = [
    ("kl", {}, F_DIVERGENCE, generators.kl),
    ("jeffreys", {}, F_DIVERGENCE, generators.jeffreys),
    ("jensen_shannon", {}, F_DIVERGENCE, generators.jensen_shannon()),
    ("jensen_shannon", {"weight": 0.25}, F_DIVERGENCE, generators.jensen_shannon(0.25)),
    ("skew_kl", {"weight": 0.1}, F_DIVERGENCE, generators.skew_kl(0.1)),
    ("squared_hellinger", {}, F_DIVERGENCE, generators.squared_hellinger),
    ("total_variation", {}, F_DIVERGENCE, generators.total_variation),
    ("chi_squared", {}, F_DIVERGENCE, generators.pearson),
    ("le_cam", {}, F_DIVERGENCE, generators.le_cam),
    ("alpha", {"order": 1.5}, F_DIVERGENCE, generators.alpha(1.5)),
    ("alpha", {"order": 1.75}, F_DIVERGENCE, generators.alpha(1.75)),
    ("alpha", {"order": 3.0}, F_DIVERGENCE, generators.alpha(3.0)),
    ("alpha", {"order": -0.5}, F_DIVERGENCE, generators.alpha(-0.5)),
    ("renyi", {"order": 0.5}, RENYI, generators.alpha(0.5)),
    ("renyi", {"order": 0.75}, RENYI, generators.alpha(0.75)),
    ("renyi", {"order": 2.0}, RENYI, generators.alpha(2.0)),
]
IDS = [name + "".join(f"-{value}" for value in options.values()) for name, options, *_ in VERBS]
MUST = ("apart", "close", "closer", "near")  # whatever the verb
OUTCOMES = 5


def _kinds(dtype: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    a, b = np.random.default_rng(11).standard_normal((2, OUTCOMES))
    hole, other = np.array([0.0, 0.0, -np.inf, 0.0, 0.0]), np.array([0.0, -np.inf, 0.0, 0.0, 0.0])
    kinds = {
        "apart": (a, b),
        "close": (a, a + 0.03 * b),
        "closer": (a, a + 1e-3 * b),
        "near": (a, a + 1e-6 * b),
        "wide": (4.0 * a, 4.0 * b),
        "one peak": (a + 15.0 * np.eye(OUTCOMES)[0], b),
        "disjoint": (a + 9.0 * np.eye(OUTCOMES)[0], b + 9.0 * np.eye(OUTCOMES)[1]),
        "both miss one": (a + hole, b + hole),
        "p misses one": (a + hole, b),
        "q misses one": (a, b + hole),
        "each misses one": (a + hole, b + other),
        "tiny in q": (a, b - 40.0 * np.eye(OUTCOMES)[1]),
        "tiniest in q": (a, b - 66.0 * np.eye(OUTCOMES)[1]),
        "tiny in both": (a - 40.0 * np.eye(OUTCOMES)[1], b - 41.0 * np.eye(OUTCOMES)[1]),
    }
    rows = {}
    for kind, pair in kinds.items():
        weights = [np.exp(x - x.max()) for x in pair]
        rows[kind] = tuple((w / w.sum()).astype(dtype) for w in weights)
    p, q = rows["apart"]
    # A measure need not sum to one.
    return {**rows, "halves": ((0.5 * p).astype(dtype), (0.25 * q).astype(dtype)), "equal": (p, p)}


@functools.partial(jax.jit, static_argnums=(0,))
def _found(divergence: OfProbabilities, generator: Any, p: Any, q: Any, steps: Any) -> Any:
    """(values, slopes, how these move with steps of p and q)"""
    value = divergence.ordinary_value(generator, p, q)[..., 0]

    def slopes(p: jax.Array, q: jax.Array) -> Any:
        return divergence.ordinary_slopes(generator, value, p, q)

    return value, *jax.jvp(slopes, (p, q), steps)


CASES = list(itertools.product(range(len(VERBS)), (np.float32, np.float64)))
LABELS = [f"{IDS[i]}-{dtype.__name__}" for i, dtype in CASES]
SHORT = [label for label, (i, dtype) in zip(LABELS, CASES, strict=True) if dtype is np.float32 or i in (0, 4, 9)]


@pytest.mark.parametrize(("verb", "dtype"), CASES, ids=LABELS)
@pytest.mark.by_default(*SHORT)
def test_what_has_a_value_has_its_digits(verb: int, dtype: Any) -> None:
    name, options, divergence, generator = VERBS[verb]
    kinds = _kinds(dtype)
    with jax.enable_x64(dtype == np.float64):
        p, q = (np.stack([rows[side] for rows in kinds.values()]) for side in (0, 1))
        moves = np.random.default_rng(8).standard_normal((2, *p.shape)).astype(dtype)
        steps = tuple((moves * np.stack([p, q])).astype(dtype))
        value, slopes, turns = jax.tree.map(np.asarray, _found(divergence, generator, p, q, steps))
    errors = []
    for i, kind in enumerate(kinds):
        assert value[i] >= 0.0 or kind not in MUST, kind
        if value[i] < 0.0:
            continue
        pair = oracles.from_probs(p[i], q[i])
        errors.append(oracles.value_error(value[i], oracles.value(pair, name, **options)))
        assert errors[-1] <= VALUE, kind
        if np.isinf(value[i]):
            continue
        if kind == "equal":
            assert value[i] == 0.0
            assert not any(slope[i].any() for slope in slopes)
            continue
        counts = (p[i] > 0) | (q[i] > 0)  # absent from both is not p alone
        for slope, one in zip(slopes, oracles.gradient(pair, name, **options), strict=True):
            check_gradient(slope[i][counts], one[counts], kind)
        if name == "total_variation" or kind not in MUST:
            continue
        product = np.asarray(oracles.hessian(pair, name, **options)) @ np.concatenate([x[i] for x in steps]).astype(
            object
        )
        assert oracles.norm_error(np.concatenate([turn[i] for turn in turns]), product) <= HESSIAN, kind
    assert np.median(errors) <= MEDIAN


def test_rows_that_are_not_ordinary_have_no_value() -> None:
    p, q = (np.asarray(x, np.float32) for x in ([0.25, 0.75], [0.5, 0.5]))
    strange = [[-0.25, 1.25], [np.nan, 1.0], [1e-35, 1.0], [3.0, 4.0], [np.inf, 1.0]]
    rows = np.asarray(strange, np.float32)
    for _, _, divergence, generator in VERBS:
        for pair in ((rows, np.broadcast_to(q, rows.shape)), (np.broadcast_to(p, rows.shape), rows)):
            assert (np.asarray(divergence.ordinary_value(generator, *pair)) < 0.0).all()


def _batch(dtype: Any, strange: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of 8, more of them than the way for few serves; so many have a tiny entry, half of these a miss."""
    rng = np.random.default_rng(3)
    p, q = rng.dirichlet(np.ones(8), (2, 512)).astype(dtype)
    p[:strange, 0] = 1e-33
    q[: strange // 2, 1] = 0.0
    return p, q


def _odd(dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Ordinary rows and one of each legal kind that is not, or has zeros."""
    p, q = _batch(dtype, 0)
    p[0, 0] = q[1, 0] = p[2, 1] = q[2, 1] = 0.0
    p[3, 0] = q[4, 0] = 1e-33
    p[5] = q[6] = p[7] = q[7] = 0.0
    p[8], q[8] = np.eye(8)[:2]
    p[9], p[10], q[10] = q[9], 1e30 * p[10], 1e30 * q[10]
    p[11] *= 1e-30
    p[12], q[12] = 1e3 * p[12], 1e3 * q[12]
    return p, q


ODD: list[tuple[str, dict[str, Any]]] = [
    ("kl", {}),
    ("jensen_shannon", {}),
    ("chi_squared", {}),
    ("alpha", {"order": 1.75}),
    ("renyi", {"order": 0.5}),
    ("skew_kl", {"weight": 0.1}),
    ("cross_entropy", {}),
]


@pytest.mark.parametrize(("verb", "options"), ODD, ids=[name for name, _ in ODD])
@pytest.mark.by_default("kl", "alpha", "renyi")
def test_odd_rows_in_a_batch_are_those_by_themselves_and_form_no_nan(verb: str, options: dict[str, Any]) -> None:
    p, q = _odd(np.float32)

    def loss(p: jax.Array, q: jax.Array) -> Any:
        value = getattr(probs, verb)(p, q, measure=True, **options)
        return jnp.where(jnp.isfinite(value), value, 0.0).sum(), value

    both = jax.value_and_grad(loss, (0, 1), has_aux=True)
    error, ((_, value), slopes) = checkify.checkify(jax.jit(both), errors=checkify.float_checks)(p, q)
    assert error.get() is None
    (_, alone), alone_slopes = jax.vmap(both)(p, q)  # rows of 8 take the general way
    np.testing.assert_allclose(value, alone, rtol=VALUE * np.finfo(np.float32).eps, atol=1e-30)
    for got, one in zip(slopes, alone_slopes, strict=True):
        got, one = np.asarray(got), np.asarray(one)
        assert np.isfinite(got).all()
        largest = np.abs(one).max(-1, keepdims=True)
        assert (np.abs(got - one) <= 1e-5 * np.abs(one) + 1e-6 * largest).all()


@pytest.mark.parametrize("strange", [4, 400])
def test_a_few_rows_are_taken_by_themselves_and_many_all_the_general_way(strange: int) -> None:
    p, q = _batch(np.float32, strange)
    value, slopes = jax.vmap(jax.value_and_grad(functools.partial(probs.kl, measure=True), (0, 1)))(p, q)
    got, pull = jax.vjp(functools.partial(probs.kl, measure=True), p, q)
    np.testing.assert_allclose(got, value, rtol=VALUE * np.finfo(np.float32).eps)
    for one, other in zip(pull(jnp.ones_like(got)), slopes, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("verb", ["kl", "renyi", "cross_entropy", "total_variation"])
def test_a_negative_entry_makes_its_row_nan_in_a_batch_too(verb: str) -> None:
    options: dict[str, Any] = {"order": 0.5} if verb == "renyi" else {}
    p, q = _batch(np.float32, 0)
    p[3, 2], q[5, 1], p[7, 0], q[7, 0] = -1e-3, -1e-9, -0.1, -0.1
    value = np.asarray(getattr(probs, verb)(p, q, measure=True, **options))
    assert np.flatnonzero(np.isnan(value)).tolist() == [3, 5, 7]


def test_a_miss_decides_cross_entropy_also_beside_an_infinite_measure() -> None:
    p, q = _batch(np.float32, 0)
    q[2, 0], q[2, 1] = np.inf, 0.0
    q[4, 0] = np.inf
    value = np.asarray(probs.cross_entropy(p, q, measure=True))
    assert value[2] == np.inf
    assert value[4] == -np.inf
    assert np.isfinite(np.delete(value, [2, 4])).all()


@pytest.mark.parametrize(
    ("verb", "options"), [("kl", {}), ("renyi", {"order": 0.5}), ("skew_kl", {"weight": jnp.float32(0.3)})]
)
def test_forward_mode_and_second_derivatives_of_a_batch_are_those_of_its_rows(
    verb: str, options: dict[str, Any]
) -> None:
    p, q = _batch(np.float32, 4)
    steps = np.random.default_rng(5).standard_normal((2, *p.shape)).astype(np.float32) * np.stack([p, q])

    def loss(p: jax.Array, q: jax.Array) -> jax.Array:
        return getattr(probs, verb)(p, q, measure=True, **options)

    def turns(p: jax.Array, q: jax.Array, *steps: jax.Array) -> Any:
        return jax.jvp(jax.grad(lambda p, q: loss(p, q).sum(), (0, 1)), (p, q), steps)[1]

    def along(p: jax.Array, q: jax.Array, *steps: jax.Array) -> jax.Array:
        return jax.jvp(loss, (p, q), steps)[1]

    np.testing.assert_allclose(along(p, q, *steps), jax.vmap(along)(p, q, *steps), rtol=1e-4, atol=1e-5)
    for got, one in zip(turns(p, q, *steps), jax.vmap(turns)(p, q, *steps), strict=True):
        scale = np.abs(np.asarray(one)).max(-1, keepdims=True)
        assert (np.abs(np.asarray(got) - np.asarray(one)) <= 1e-5 * scale + 1e-6).all()
