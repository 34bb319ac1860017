"""A million rows of special values: no NaN where the contract gives a number, nothing negative, exact zeros.

Rows are drawn from zeros of both signs, subnormal and huge numbers, -inf, one-hot and constant rows, rows equal to and
near each other. A case is one verb, in one module and dtype, on ``ROWS`` pairs; its value, gradient and
Hessian-vector product are compiled once. Tangents lie in [-1, 1], so that a derivative that fits its dtype does too.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import numpy as np
import pytest
from sweeps import thinned
from verbs import CROSS_ENTROPY, DIVERGENCES, ENDS, MODULES, Verb

WIDTH = 5
ROWS = 30_000
SINGLE = ("kl", "jeffreys", "jensen_shannon", "squared_hellinger", "total_variation", "chi_squared", "le_cam")
SINGLE += ("skew_kl-0.1", "alpha--1.0", "alpha-0.3", "renyi-0.5", "renyi-2.0", "chernoff_information", "cross_entropy")
DOUBLE = ("kl", "squared_hellinger", "renyi-0.5")
VERBS = {verb.label: verb for verb in (*DIVERGENCES, *ENDS, CROSS_ENTROPY)}
EVERY = [(module, dtype, label) for module in MODULES for dtype in ("float32", "float64") for label in VERBS]
REDUCED = [case for case in EVERY if case[2] in (SINGLE if case[1] == "float32" else DOUBLE)]


def _specials(module: str, dtype: np.dtype) -> np.ndarray:
    numbers = np.finfo(dtype)
    if module == "probs":
        listed = [0.0, 0.0, -0.0, 7 * numbers.smallest_subnormal, numbers.tiny, 3 * numbers.tiny]
        listed += [1e-30, 1e-10, 0.1, 0.5, 1.0, 2.0, 1e10, 1e30]
    else:
        listed = [0.0, -0.0, 7 * numbers.smallest_subnormal, numbers.tiny, -np.inf, -np.inf, numbers.min]
        listed += [0.5, 1.0, -1.0, 3.3, 1e-8, 50.0, -50.0, 1e3, -1e3, 1e30, -1e30]
    return np.array(listed, dtype)


def _near(rng: np.random.Generator, row: np.ndarray, relative: bool) -> np.ndarray:
    noise = rng.choice([1.0, 1e-3, 1e-6], (len(row), 1)) * rng.standard_normal(row.shape)
    return (np.maximum(row * (1.0 + 0.3 * noise), 0.0) if relative else row + noise).astype(row.dtype)


def _normalised(rows: np.ndarray) -> np.ndarray:
    wide = rows.astype(np.float64)
    total = wide.sum(-1, keepdims=True)
    return np.where(total > 0.0, wide / np.where(total > 0.0, total, 1.0), 1.0 / rows.shape[-1]).astype(rows.dtype)


@functools.cache
def _pairs(module: str, dtype: str, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows of every kind, and for logits some that are no distribution."""
    rng = np.random.default_rng([seed, rows])
    kind, count = np.dtype(dtype), -(-rows // 8)
    specials, shape = _specials(module, kind), (count, WIDTH)
    wild, other = rng.choice(specials, shape), rng.choice(specials, shape)
    if module == "probs":
        mild = specials[specials <= 1.0]
        plain, second = (_normalised(rng.choice(mild, shape)) for _ in range(2))
        one_hot = np.eye(WIDTH, dtype=kind)[rng.integers(0, WIDTH, count)]
        even = np.full(shape, 1.0 / WIDTH, kind)
    else:
        mild = specials[(np.abs(specials) <= 1e3) | (specials == -np.inf)]
        plain, second = rng.choice(mild, shape), rng.choice(mild, shape)
        one_hot = np.where(np.eye(WIDTH)[rng.integers(0, WIDTH, count)] > 0.0, wild, -np.inf).astype(kind)
        even = np.repeat(rng.choice(specials, (count, 1)), WIDTH, 1)
        other[0, 0], other[1, 1], other[2] = np.inf, np.nan, -np.inf
    near = _near(rng, plain, relative=module == "probs")
    p = (wild, wild, plain, plain, plain, one_hot, second, even)
    q = (other, wild, second, plain, near, plain, one_hot, one_hot[::-1])
    return np.concatenate(p)[:rows], np.concatenate(q)[:rows]


def _evaluate(module: str, verb: Verb, p: np.ndarray, q: np.ndarray, steps: tuple[np.ndarray, ...]) -> tuple[Any, ...]:
    """(value, gradient, Hessian times ``steps``)"""

    def value(p: jax.Array, q: jax.Array) -> jax.Array:
        return verb(MODULES[module], p, q)

    @jax.jit
    def all_three(p: jax.Array, q: jax.Array, *steps: jax.Array) -> tuple[Any, ...]:
        gradient = jax.grad(lambda *rows: value(*rows).sum(), (0, 1))
        return value(p, q), *jax.jvp(gradient, (p, q), steps)

    return jax.tree.map(np.asarray, all_three(p, q, *steps))


def _report(wrong: np.ndarray, what: str, p: np.ndarray, q: np.ndarray, found: Any) -> str:
    """What is wrong, with the plainest row that shows it."""
    at = np.flatnonzero(wrong)
    size = [np.abs(np.where(np.isfinite(row), row, 0.0)).max() for row in np.concatenate([p, q], -1)[at]]
    worst = at[int(np.argmin(size))]
    listed = [f"{np.asarray(one)[worst]}" for one in jax.tree.leaves(found)]
    return f"{len(at)} rows {what}; p = {p[worst].tolist()}, q = {q[worst].tolist()}: " + " ".join(listed)


def _has_nan(pair: tuple[np.ndarray, ...]) -> np.ndarray:
    return np.isnan(np.concatenate(pair, -1)).any(-1)


def _check(module: str, label: str, p: np.ndarray, q: np.ndarray, found: tuple[Any, ...]) -> None:
    verb, (value, gradient, product) = VERBS[label], found
    legal, unit = np.ones(len(p), bool), np.ones(len(p), bool)
    if module == "logits":
        legal = np.isfinite(p.max(-1)) & np.isfinite(q.max(-1))
    else:
        unit = (q <= 1.0).all(-1)  # else -log q is negative
    wrong = {
        "have no value": legal & np.isnan(value),
        "that are no distribution have a value": ~legal & ~np.isnan(value),
        "are negative": legal & (value < 0.0) & (unit | (verb is not CROSS_ENTROPY)),
        "have a NaN in the gradient": legal & _has_nan(gradient),
        "have a NaN in the Hessian": legal & _has_nan(product),
    }
    if verb is not CROSS_ENTROPY:
        same = legal & (p == q).all(-1)
        wrong["are equal and have a value"] = same & (value != 0.0)
        wrong["are equal and have a gradient"] = same & (np.concatenate(gradient, -1) != 0.0).any(-1)
    if module == "logits":
        moved = ((p == -np.inf) & (gradient[0] != 0.0)) | ((q == -np.inf) & (gradient[1] != 0.0))
        wrong["have a gradient in a logit of -inf"] = legal & moved.any(-1)
    problems = [_report(rows, what, p, q, found) for what, rows in wrong.items() if rows.any()]
    assert not problems, "\n".join(problems)


def test_the_sweep_covers_a_million_rows() -> None:
    assert len(REDUCED) * ROWS >= 1_000_000
    assert {case[2] for case in REDUCED} == set(SINGLE)
    assert set(DOUBLE) <= set(SINGLE)


@pytest.mark.slow
@pytest.mark.parametrize(("module", "dtype", "label"), thinned(EVERY, REDUCED, spread=True))
@pytest.mark.by_default(
    "logits-float32-kl", "probs-float32-le_cam", "probs-float64-squared_hellinger", "probs-float32-renyi-2.0"
)
def test_special_values(module: str, dtype: str, label: str, sweep_size: Any) -> None:
    rows = sweep_size(ROWS, 20 * ROWS)
    p, q = _pairs(module, dtype, rows, 0)
    rng = np.random.default_rng(1)
    steps = tuple(rng.uniform(-1.0, 1.0, p.shape).astype(p.dtype) for _ in range(2))
    with jax.enable_x64(dtype == "float64"):
        found = _evaluate(module, VERBS[label], p, q, steps)
    _check(module, label, p, q, found)


@pytest.mark.slow
@pytest.mark.parametrize("order", [0.0, 0.5, 1.0, 2.0, np.inf])
@pytest.mark.parametrize("module", MODULES)
def test_entropies_of_special_values(module: str, order: float, sweep_size: Any) -> None:
    _, rows = _pairs(module, "float32", sweep_size(ROWS, 20 * ROWS), 0)
    eps = float(np.finfo(np.float32).eps)
    excess = np.abs(rows.astype(np.float64).sum(-1) - 1.0)
    legal = np.isfinite(rows.max(-1)) if module == "logits" else excess <= WIDTH * eps

    @jax.jit
    def all_two(a: jax.Array) -> tuple[jax.Array, jax.Array]:
        entropy = functools.partial(MODULES[module].entropy, order=order)
        return entropy(a), jax.grad(lambda a: entropy(a).sum())(a)

    value, gradient = map(np.asarray, all_two(rows))
    # A row normalised in float32 sums to 1 within V eps, and its entropy may be as much below 0.
    low = legal & ~(value >= (0.0 if module == "logits" else -2.0 * WIDTH * eps))
    assert not low.any(), _report(low, "have no entropy ≥ 0", rows, rows, value)
    bad = legal & np.isnan(gradient).any(-1)
    assert not bad.any(), _report(bad, "have a NaN in the gradient", rows, rows, (value, gradient))


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.by_default("probs")
def test_many_way_jensen_shannon_of_special_values(module: str, sweep_size: Any) -> None:
    p, q = _pairs(module, "float32", sweep_size(ROWS, 20 * ROWS), 0)
    stack = np.stack([p, q, p[::-1]])
    legal = np.isfinite(stack.max(-1)).all(0) if module == "logits" else (np.abs(stack.sum(-1) - 1.0) < 1e-3).all(0)

    @jax.jit
    def all_three(a: jax.Array, step: jax.Array) -> tuple[Any, ...]:
        value = MODULES[module].generalized_jensen_shannon
        return value(a), *jax.jvp(jax.grad(lambda a: value(a).sum()), (a,), (step,))

    step = np.random.default_rng(2).uniform(-1.0, 1.0, stack.shape).astype(np.float32)
    value, gradient, product = map(np.asarray, all_three(stack, step))
    largest = np.log(3.0) + 8.0 * WIDTH * np.finfo(np.float32).eps  # the entropy of the weights, and the sums' rounding
    wrong = legal & ~((value >= 0.0) & (value <= largest))
    assert not wrong.any(), _report(wrong, "lie outside [0, log 3]", p, q, value)
    for name, found in (("gradient", gradient), ("Hessian", product)):
        bad = legal & np.isnan(found).any((0, -1))
        assert not bad.any(), _report(bad, f"have a NaN in the {name}", p, q, value)
