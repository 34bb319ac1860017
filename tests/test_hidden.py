"""hidden.* against textbook sums in float64 on logits that are held in full, by NumPy.

The oracle below knows f and f' of each divergence and the chain rule to states, weights, bias, soft-cap and
temperature. A value may be off by what rounding the products costs: some eps of the logits, times the gradient in them.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest
import scipy.special
from sweeps import thinned

from kljax import generators, hidden, logits
from kljax._kernels import pieces
from kljax._kernels.kullback_leibler import PIECES as KL
from kljax.hidden._chunks import Chunks, Place, walk

EPS = 2.0**-23
TOKENS, OUTCOMES = 5, 2049


# --- the oracle --------------------------------------------------------------------------------------------


def _js(w: float) -> tuple[Any, Any]:
    def f(u: Any) -> Any:
        m = w * u + 1 - w
        return w * u * np.log(u / m) - (1 - w) * np.log(m)

    return f, lambda u: w * np.log(u / (w * u + 1 - w))


def _skew(w: float) -> tuple[Any, Any]:
    return lambda u: u * np.log(u / (w * u + 1 - w)), lambda u: np.log(u / (w * u + 1 - w)) + (1 - w) / (w * u + 1 - w)


ALPHA = 1.5
F: dict[str, tuple[Any, Any]] = {
    "kl": (lambda u: u * np.log(u), lambda u: np.log(u) + 1),
    "jensen_shannon": _js(0.25),
    "skew_kl": _skew(0.1),
    "total_variation": (lambda u: 0.5 * np.abs(u - 1), lambda u: 0.5 * np.sign(u - 1)),
    "squared_hellinger": (lambda u: 0.5 * (np.sqrt(u) - 1) ** 2, lambda u: 0.5 * (1 - u**-0.5)),
    "alpha": (lambda u: (u**ALPHA - 1) / (ALPHA * (ALPHA - 1)), lambda u: u ** (ALPHA - 1) / (ALPHA - 1)),
    "f_divergence": (lambda u: (u - 1) ** 2, lambda u: 2 * (u - 1)),
}


def _slopes(verb: str, p: np.ndarray, q: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, list[np.ndarray]]:
    """The values and their derivatives in p and q, or in q alone."""
    if verb in F:
        f, slope = F[verb]
        u = p / q
        return (q * f(u)).sum(-1), [slope(u), f(u) - u * slope(u)]
    if verb == "renyi":
        mass = np.sqrt(p * q)
        total = mass.sum(-1, keepdims=True)
        return -2 * np.log(total[:, 0]), [-mass / p / total, -mass / q / total]
    if verb == "cross_entropy":
        return -(p * np.log(q)).sum(-1), [-np.log(q), -p / q]
    if verb == "entropy":
        return -(q * np.log(q)).sum(-1), [-np.log(q)]
    at = np.arange(q.shape[-1]) == labels[:, None]
    return -np.log(q[at]), [-np.where(at, 1 / q, 0.0)]


def oracle(verb: str, sides: list[dict[str, Any]], labels: np.ndarray, warmth: float, by: np.ndarray) -> Any:
    """(values, log-partitions, gradients of Σ by · value); what a bias excludes is left out of the sums."""
    found, probabilities = [], []
    for side in sides:
        raw = side["h"] @ side["w"].T + side["bias"]
        capped = side["cap"] * np.tanh(raw / side["cap"])
        logits = np.where(raw == -np.inf, -np.inf, capped) / warmth
        top = logits.max(-1, keepdims=True)
        norm = np.exp(logits - top).sum(-1, keepdims=True)
        found.append((raw, capped, (top + np.log(norm))[:, 0]))
        probabilities.append(np.exp(logits - top) / norm)
    kept = sides[0]["bias"] > -np.inf
    if verb == "log_partition":
        value, slopes = found[-1][2], None
    else:
        at = np.cumsum(kept)[labels] - 1  # a label's place among what is kept
        value, slopes = _slopes(verb, *(x[:, kept] for x in probabilities[:1]), probabilities[-1][:, kept], at)
    gradients = []
    for i, (side, p, (raw, capped, _)) in enumerate(zip(sides, probabilities, found, strict=True)):
        if slopes is None:
            in_logits = p * by[:, None]
        else:
            g = np.zeros_like(p)
            g[:, kept] = slopes[i] if len(slopes) == len(sides) else 0.0
            in_logits = by[:, None] * p * (g - (p * g).sum(-1, keepdims=True))
        safe = np.where(raw == -np.inf, 0.0, raw)
        tanh = np.tanh(safe / side["cap"])
        in_raw = in_logits / warmth * (1 - tanh**2)
        logits = np.where(raw == -np.inf, 0.0, capped) / warmth
        gradients.append(
            {
                "h": in_raw @ side["w"],
                "w": in_raw.T @ side["h"],
                "bias": in_raw.sum(0),
                "cap": in_logits / warmth * (tanh - safe / side["cap"] * (1 - tanh**2)),
                "warmth": -in_logits * logits / warmth,
            }
        )
    return value, [one[2] for one in found], gradients


# --- the verbs, both strategies ----------------------------------------------------------------------------

OPTIONS: dict[str, dict[str, Any]] = {
    "kl": {},
    "jensen_shannon": {"weight": 0.25},
    "skew_kl": {"weight": 0.1},
    "total_variation": {},
    "squared_hellinger": {},
    "alpha": {"order": ALPHA},
    "f_divergence": {"generator": generators.pearson},
    "renyi": {"order": 0.5},
    "cross_entropy": {},
    "entropy": {},
    "labels": {},
    "log_partition": {},
}
SINGLE = ("entropy", "labels", "log_partition")


def _sides(dtype: Any) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Two heads of unequal widths with logits of size 1, one outcome excluded; numbers that the dtype holds."""
    rng = np.random.default_rng(0)
    sides = []
    for width in (24, 16):
        side = {
            "h": rng.standard_normal((TOKENS, width)),
            "w": rng.standard_normal((OUTCOMES, width)) / np.sqrt(width),
            "bias": 0.3 * rng.standard_normal(OUTCOMES),
            "cap": 4.0,
        }
        side["bias"][7] = -np.inf
        sides.append({k: np.asarray(v, dtype).astype(np.float64) for k, v in side.items()})
    return sides, rng.integers(8, OUTCOMES, TOKENS)


def _head(side: dict[str, Any], dtype: Any, axis: int) -> hidden.Head:
    weights = side["w"].T if axis else side["w"]
    h, w, bias, cap = (jnp.asarray(x, dtype) for x in (side["h"], weights, side["bias"], side["cap"]))
    return hidden.Head(h, w, bias, cap, axis)


def _call(verb: str, heads: list[hidden.Head], labels: Any, **options: Any) -> Any:
    function = getattr(hidden, "cross_entropy" if verb == "labels" else verb)
    if verb in ("entropy", "log_partition"):
        return function(heads[-1], **options)
    if verb == "labels":
        return function(labels, heads[-1], **options)
    return function(*heads, **options)


# What an ordinary run tries; with --full every verb by both strategies, whose results must be the same.
OFTEN = [("kl", "tokens"), ("kl", "vocabulary"), ("jensen_shannon", "vocabulary"), ("renyi", "vocabulary")]
OFTEN += [
    ("labels", "vocabulary"),
    ("cross_entropy", "tokens"),
    ("entropy", "vocabulary"),
    ("total_variation", "tokens"),
]
CASES = list(itertools.product(OPTIONS, ["tokens", "vocabulary"]))


@pytest.mark.parametrize(("verb", "strategy"), thinned(CASES, OFTEN, spread=True))
@pytest.mark.by_default("kl-tokens", "entropy-vocabulary")
def test_values_and_gradients(verb: str, strategy: str) -> None:
    # Chunks with a tail, V = 2049 at logit scale 1, where a padded outcome that is not masked would show.
    dtype = np.float64 if verb in ("kl", "alpha") and strategy == "vocabulary" else np.float32
    eps, warmth = float(np.finfo(dtype).eps), 1.25
    with jax.enable_x64(dtype == np.float64):
        sides, labels = _sides(dtype)
        by = np.asarray(np.random.default_rng(1).random(TOKENS), dtype)
        if verb in SINGLE:
            sides = sides[-1:]
        value, logs, gradients = oracle(verb, sides, labels, warmth, by.astype(np.float64))
        heads = [_head(side, dtype, i) for i, side in enumerate(sides)]
        options = {**OPTIONS[verb], "strategy": strategy, "chunk": 2 if strategy == "tokens" else 600}
        with_logs = verb != "log_partition"

        @jax.jit
        def everything(heads: Any, warmth: Any, by: Any) -> Any:
            def each(heads: Any, warmth: Any) -> Any:
                if not with_logs:
                    return _call(verb, heads, jnp.asarray(labels), temperature=warmth, **options), ()
                kept = {"with_log_partitions": True, "temperature": warmth}
                return _call(verb, heads, jnp.asarray(labels), **kept, **options)

            found, pull, logs = jax.vjp(each, heads, warmth, has_aux=True)
            total = functools.partial(_call, verb, labels=jnp.asarray(labels), reduction="sum", **options)
            reduced = jax.value_and_grad(lambda h, t, w: total(h, temperature=t, weights=w), (0, 1, 2))
            return found, logs, pull(by), reduced(heads, warmth, by)

        found, found_logs, each, (total, reduced) = everything(heads, jnp.asarray(warmth, dtype), jnp.asarray(by))
        np.testing.assert_allclose(found, value, rtol=64 * eps)
        np.testing.assert_allclose(total, (by * value).sum(), rtol=64 * eps)
        np.testing.assert_allclose(reduced[2], value, rtol=64 * eps)
        if with_logs:
            found_logs = found_logs if isinstance(found_logs, tuple) else (found_logs,)
            for one, exact in zip(found_logs, logs, strict=True):
                np.testing.assert_allclose(one, exact, rtol=16 * eps)
        for slopes in (each, reduced[:2]):
            warm = np.concatenate([one["warmth"].ravel() for one in gradients])
            assert abs(float(slopes[1]) - warm.sum()) <= 16 * eps * np.abs(warm).sum()
            for side, (head, exact) in enumerate(zip(slopes[0], gradients, strict=True)):
                weights = np.asarray(head.weights).T if side else np.asarray(head.weights)
                pairs = [(head.states, "h"), (weights, "w"), (head.bias, "bias")]
                assert abs(float(head.softcap) - exact["cap"].sum()) <= 16 * eps * np.abs(exact["cap"]).sum()
                for one, name in pairs:
                    size = np.linalg.norm(exact[name])
                    # 1e-5 is what the library promises in float32; the steps of TV are where u crosses 1.
                    assert np.linalg.norm(np.asarray(one, np.float64) - exact[name]) <= 80 * eps * size, (side, name)


@pytest.mark.parametrize("strategy", ["tokens", "vocabulary"])
@pytest.mark.full
def test_kl_of_a_student_one_step_from_its_teacher(strategy: str) -> None:
    # What limits it is the rounding of the products: some 1e-7 in a logit, against a step of 1e-3 of it.
    rng = np.random.default_rng(0)
    h, w = rng.standard_normal((8, 64)), rng.standard_normal((3001, 64)) / 8
    step = 1e-3 * np.sign(rng.standard_normal(w.shape))
    h, near, w = np.float32(h), np.float32(w + step), np.float32(w)
    sides = [
        {"h": h.astype(np.float64), "w": x.astype(np.float64), "bias": np.zeros(3001), "cap": 1e9} for x in (w, near)
    ]
    exact = []
    for i in range(8):
        a, b = ((one["h"] @ one["w"].T)[i] for one in sides)
        exact.append(float(oracles.value(oracles.from_logits(a, b), "kl")))
    found = hidden.kl((h, w), (h, near), strategy=strategy, chunk=1000)
    assert max(exact) < 1e-4
    np.testing.assert_allclose(found, exact, rtol=1e-4)
    same, slopes = jax.value_and_grad(lambda x: hidden.kl((h, w), (h, x), reduction="sum", strategy=strategy))(w)
    assert same == 0.0
    assert not np.asarray(slopes).any()


def _small(rng: np.random.Generator, dtype: Any = np.float64) -> tuple[Any, Any]:
    shapes = ((3, 2), (5, 2)), ((3, 4), (5, 4))
    return tuple(tuple(jnp.asarray(rng.standard_normal(one), dtype) for one in pair) for pair in shapes)


SECOND = list(itertools.product(["kl", "jensen_shannon", "renyi"], ["tokens", "vocabulary"], [None, "mean"]))
SECOND_OFTEN = [("kl", "tokens", "mean"), ("kl", "vocabulary", None), ("jensen_shannon", "vocabulary", "mean")]


@pytest.mark.parametrize(("verb", "strategy", "reduction"), thinned(SECOND, SECOND_OFTEN, spread=True))
@pytest.mark.full
def test_forward_mode_second_order_and_vmap(verb: str, strategy: str, reduction: str | None) -> None:
    # The derivative of a gradient against differences of the gradients, in float64; and rows by vmap against a batch.
    with jax.enable_x64(True):
        rng = np.random.default_rng(2)
        operands, steps = _small(rng), _small(rng)
        options = {**OPTIONS[verb], "strategy": strategy, "chunk": 2, "reduction": reduction}

        def loss(p: Any, q: Any) -> jax.Array:
            return getattr(hidden, verb)(p, q, **options).mean()

        @jax.jit
        def everything(operands: Any, steps: Any) -> Any:
            gradient = jax.grad(loss, (0, 1))
            along = jax.jvp(loss, operands, steps)[1]
            curved = jax.jvp(gradient, operands, steps)[1]
            back = jax.grad(
                lambda x: sum(jax.tree.leaves(jax.tree.map(lambda g, s: (g * s).sum(), gradient(*x), steps)))
            )
            return gradient(*operands), along, curved, back(operands)

        gradient, along, curved, back = everything(operands, steps)
        dots = jax.tree.map(lambda g, s: (g * s).sum(), gradient, steps)
        np.testing.assert_allclose(along, sum(jax.tree.leaves(dots)), rtol=1e-11)
        size = 1e-5
        moved = [jax.tree.map(lambda x, s, t=t: x + t * s, operands, steps) for t in (size, -size)]
        sides = [everything(one, steps)[0] for one in moved]
        for one, other, high, low in zip(*map(jax.tree.leaves, (curved, back, *sides)), strict=True):
            expected = (high - low) / (2 * size)
            np.testing.assert_allclose(one, expected, rtol=1e-6, atol=1e-9)
            np.testing.assert_allclose(other, expected, rtol=1e-6, atol=1e-9)
        if reduction is None:
            p, q = operands
            call = functools.partial(getattr(hidden, verb), **options)
            mapped = jax.vmap(lambda h, k: call((h[None], p[1]), (k[None], q[1]))[0])(p[0], q[0])
            np.testing.assert_allclose(mapped, call(p, q), rtol=1e-12)


@pytest.mark.full
def test_the_derivative_in_an_order_and_a_weight() -> None:
    with jax.enable_x64(True):
        p, q = _small(np.random.default_rng(3))
        for verb, name, strategy in (("alpha", "order", "tokens"), ("jensen_shannon", "weight", "vocabulary")):

            def mean(x: Any, verb: str = verb, name: str = name, strategy: str = strategy) -> jax.Array:
                return getattr(hidden, verb)(p, q, **{name: x}, strategy=strategy, chunk=2, reduction="mean")

            both = jax.jit(jax.value_and_grad(mean))
            high, low = (both(jnp.asarray(0.3 + step))[0] for step in (1e-5, -1e-5))
            np.testing.assert_allclose(both(jnp.asarray(0.3))[1], (high - low) / 2e-5, rtol=1e-6)


@pytest.mark.parametrize("strategy", ["tokens", "vocabulary"])
@pytest.mark.by_default("tokens")
def test_tokens_that_are_masked_or_of_no_weight(strategy: str) -> None:
    rng = np.random.default_rng(4)
    (h, w), (k, v) = _small(rng, np.float32)
    options = {"strategy": strategy, "chunk": 2}
    plain = hidden.kl((h, w), (k, v), **options)
    where, weights = np.array([True, False, True]), np.array([0.5, 2.0, 0.0], np.float32)
    spoiled = k.at[1].set(jnp.nan)

    def mean(k: Any, where: Any) -> jax.Array:
        return hidden.kl((h, w), (k, v), where=where, weights=weights, reduction="mean", **options)

    value, slope = jax.jit(jax.value_and_grad(mean))(spoiled, where)
    np.testing.assert_allclose(value, plain[0], rtol=8 * EPS)
    assert np.isfinite(slope).all()
    assert not np.asarray(slope)[1:].any()
    each = hidden.kl((h, w), (spoiled, v), where=where, weights=weights, **options)
    np.testing.assert_allclose(each, [0.5 * plain[0], 0.0, 0.0], rtol=8 * EPS)
    nothing, flat = jax.jit(jax.value_and_grad(mean))(spoiled, np.zeros(3, bool))
    assert nothing == 0.0  # all tokens masked
    assert not np.asarray(flat).any()
    batch = hidden.kl((h[None].repeat(2, 0), w), (k[None].repeat(2, 0), v), **options)
    np.testing.assert_allclose(batch, np.stack([plain, plain]), rtol=8 * EPS)
    assert hidden.kl((h[:0], w), (k[:0], v)).shape == (0,)
    assert hidden.kl((h[:0], w), (k[:0], v), reduction="mean") == 0.0


@pytest.mark.parametrize("strategy", ["tokens", "vocabulary"])
@pytest.mark.by_default("tokens")
def test_outcomes_that_are_missing(strategy: str) -> None:
    (h, w), (k, v) = _small(np.random.default_rng(5), np.float32)
    bias = jnp.zeros(5).at[3].set(-jnp.inf)
    whole, cut = hidden.Head(h, w), hidden.Head(k, v, bias)
    options = {"strategy": strategy, "chunk": 2}
    assert np.isposinf(hidden.kl(whole, cut, **options)).all()
    assert np.isfinite(hidden.kl(cut, whole, **options)).all()
    assert np.isposinf(hidden.cross_entropy(whole, cut, **options)).all()
    np.testing.assert_array_equal(hidden.cross_entropy(jnp.array([3, 5, -1]), cut, **options), np.inf)
    call = functools.partial(hidden.kl, reduction="sum", **options)
    slopes = jax.grad(call, (0, 1))(whole, cut)
    assert all(np.isfinite(one).all() for one in jax.tree.leaves(slopes))
    nothing = hidden.Head(k, v, jnp.full(5, -jnp.inf))
    assert np.isnan(hidden.kl(whole, nothing, **options)).all()  # it is no distribution
    assert np.isnan(hidden.entropy(nothing, **options)).all()


@pytest.mark.parametrize("strategy", ["tokens", "vocabulary"])
def test_half_precision_is_summed_in_float32(strategy: str) -> None:
    rng = np.random.default_rng(6)
    h, w, k, v = (jnp.asarray(rng.standard_normal(s), jnp.bfloat16) for s in ((64, 8), (300, 8), (64, 8), (300, 8)))
    exact = [np.asarray(x, np.float64) for x in (h, w, k, v)]
    a, b = exact[0] @ exact[1].T, exact[2] @ exact[3].T
    p, q = (np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (a, b))
    options = {"strategy": strategy, "chunk": 4 if strategy == "tokens" else 50}
    for reduction in (None, "sum"):
        loss = functools.partial(hidden.kl, reduction=reduction, **options)
        value, slope = jax.jit(jax.value_and_grad(lambda v: loss((h, w), (k, v)).sum()))(v)  # noqa: B023
        assert value.dtype == jnp.float32
        assert slope.dtype == jnp.bfloat16
        np.testing.assert_allclose(value, (p * np.log(p / q)).sum(), rtol=64 * EPS)
        expected = (q - p).T @ exact[2]
        # Rounded once, when the sum of all chunks is done, and the slopes in the logits once before.
        assert np.linalg.norm(np.asarray(slope, np.float64) - expected) <= 2.0**-8 * np.linalg.norm(expected)


# --- memory, choice, chunks --------------------------------------------------------------------------------


@pytest.mark.parametrize(("strategy", "share"), [("tokens", 0.55), ("vocabulary", 0.5)])
def test_the_logits_are_never_held(strategy: str, share: float) -> None:
    # In arrays of logits, of which the naive loss holds five at once.
    tokens, width, outcomes = 512, 64, 8192
    kinds = [jax.ShapeDtypeStruct(s, jnp.float32) for s in ((tokens, width), (outcomes, width)) * 2]
    chunk = 32 if strategy == "tokens" else 512

    def loss(h: Any, w: Any, k: Any, v: Any) -> jax.Array:
        return hidden.kl((h, w), (k, v), reduction="mean", strategy=strategy, chunk=chunk)

    compiled = jax.jit(jax.value_and_grad(loss, argnums=(2, 3))).lower(*kinds).compile()
    assert f"f32[{tokens},{outcomes}]" not in compiled.as_text()
    assert compiled.memory_analysis().temp_size_in_bytes <= share * 4 * tokens * outcomes


@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize(("size", "length"), [(12, 4), (12, 12), (13, 5), (7, 3)])
def test_chunks_cover_the_axis_once(size: int, length: int, spread: bool) -> None:
    chunks = Chunks(size, length, spread)
    x, y = jnp.arange(2.0 * size).reshape(2, size), jnp.arange(3.0 * size).reshape(size, 3)

    def body(place: Place, carry: Any, pieces: Any) -> Any:
        total, copy, other, entries = carry
        np.testing.assert_array_equal(pieces[0].shape, place.take(x, 1).shape)
        entries = place.put(entries, place.entries())
        return total + pieces[0].sum(), place.put(copy, pieces[0], 1), place.put(other, place.take(y)), entries

    start = jnp.zeros(()), jnp.zeros_like(x), jnp.zeros_like(y), jnp.zeros(size, jnp.int32)
    total, copy, other, entries = walk(chunks, body, start, ((x, 1),))
    assert total == x.sum()
    np.testing.assert_array_equal(copy, x)
    np.testing.assert_array_equal(other, y)
    np.testing.assert_array_equal(entries, np.arange(size))


def test_parts_join_however_rows_are_cut() -> None:
    # Rows near and far, shifted, peaked, with outcomes missing in either; a chunk where both, or one, miss all.
    rng = np.random.default_rng(7)
    rows = []
    for scale, step in ((1, 1.0), (1, 1e-2), (1, 1e-5), (10, 1e-3), (50, 1.0), (1000, 0.3)):
        a = scale * rng.standard_normal(90)
        rows.append((a, a + step * scale * rng.standard_normal(90)))
    a, b = rows[1]
    rows.append((a + 1000.0, b - 500.0))
    rows.append((np.where(np.arange(90) < 30, a - 60.0, a), np.where(np.arange(90) < 30, b - 61.0, b)))
    for none_p, none_q in ((30, 30), (40, 0), (0, 30)):
        rows.append((np.where(np.arange(90) < none_p, -np.inf, a), np.where(np.arange(90) < none_q, -np.inf, b)))
    # A few outcomes that p misses of two rows close to each other; one that q misses, of a mass that underflows.
    few = np.arange(90) % 20 == 3
    rows.append((np.where(few, -np.inf, a), a + 1e-4 * (b - a)))
    rows.append((np.where(np.arange(90) < 30, a - 200.0, a), np.where(np.arange(90) == 4, -np.inf, b)))
    first, second = (np.stack(side).astype(np.float32) for side in zip(*rows, strict=True))

    @jax.jit
    def kls(a: jax.Array, b: jax.Array) -> list[jax.Array]:
        found = []
        for cuts in ((0, 90), (0, 30, 31, 90)):
            whole = pieces.nothing(jnp.zeros((len(a), 1)))
            for low, high in itertools.pairwise(cuts):
                whole = pieces.merge(whole, pieces.of_pair(a[:, low:high], b[:, low:high]))
            found.append(pieces.finish(whole)[0][:, 0])
        return found

    for one in kls(first, second):
        for i, value in enumerate(np.asarray(one)):
            exact = oracles.value(oracles.from_logits(first[i], second[i]), "kl")
            assert oracles.value_error(value, exact) <= 16.0, i


def _regime(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Logits [512, 1024], which XLA's CPU backend takes by sums, of rows that need one kind of them."""
    rng = np.random.default_rng(8)
    a, noise = rng.standard_normal((512, 1024)), rng.standard_normal((512, 1024))
    if name == "apart":
        return a, noise
    if name == "one dominates":
        a[:, 5] += 8.0
        return a, noise
    if name == "an outcome is missing":
        a[3, 7] = a[4, 8] = noise[4, 8] = noise[5, 9] = -np.inf  # of p, of both, of q
        return a, noise
    if name == "far from 0":
        return a + 100.0, a - 200.0 + 0.01 * noise
    return a, a + 3.0 + 1e-3 * noise


@jax.jit
def _joined(a: jax.Array, b: jax.Array) -> Any:
    def statistics(a: jax.Array, b: jax.Array) -> Any:
        return pieces.merge(*(pieces.of_pair(a[:, s], b[:, s]) for s in (slice(0, 512), slice(512, None))))

    def total(a: jax.Array, b: jax.Array) -> jax.Array:
        value = pieces.finish(statistics(a, b))[0]
        return jnp.where(jnp.isfinite(value), value, 0.0).sum()

    found = statistics(a, b)
    return pieces.finish(found)[0][:, 0], KL.gradient(None, None, found, None, a, b), jax.grad(total, (0, 1))(a, b)


@pytest.mark.parametrize("name", ["apart", "near", "one dominates", "an outcome is missing", "far from 0"])
@pytest.mark.by_default("near", "one dominates", "an outcome is missing", "far from 0")
def test_statistics_by_sums(name: str) -> None:
    # Half of each row at a time, an operand of 2 MB; values, both gradients, and the derivative, against float64.
    a, b = (np.tile(x.astype(np.float32), (2, 1)) for x in _regime(name))
    value, slopes, derived = _joined(a, b)
    log_p, log_q = (x - scipy.special.logsumexp(x, -1, keepdims=True) for x in (a.astype(float), b.astype(float)))
    p, q = np.exp(log_p), np.exp(log_q)
    ratio = np.where(p == 0.0, 0.0, log_p) - np.where(p == 0.0, 0.0, log_q)
    exact = (p * ratio).sum(-1)
    np.testing.assert_allclose(value, exact, rtol=32 * EPS)
    kept = np.isfinite(exact)
    assert kept.sum() >= 1022
    level = np.where(kept, exact, 0.0)[:, None]
    ratio = np.where(np.isinf(ratio), 0.0, ratio)
    for found, eps in ((slopes, 24), (derived, 80)):  # a derivative of the sums adds up their rounding
        for one, slope in zip(found, (p * (ratio - level), q - p), strict=True):
            assert np.isfinite(one).all()
            error = np.linalg.norm(np.asarray(one, float) - slope, axis=-1)[kept]
            assert (error <= eps * EPS * np.linalg.norm(slope[kept], axis=-1)).all()


# --- bad input ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"head_q": (np.ones((3, 3), np.float32), np.ones((5, 2), np.float32))}, ValueError, "widths of head_q"),
        ({"head_q": (np.ones((3, 2), np.float32), np.ones((6, 2), np.float32))}, ValueError, "number of outcomes"),
        ({"head_q": (np.ones((4, 2), np.float32), np.ones((5, 2), np.float32))}, ValueError, "same tokens"),
        ({"head_q": (np.ones((3, 2), np.int32), np.ones((5, 2), np.float32))}, TypeError, "head_q.states"),
        ({"head_q": np.ones((3, 2), np.float32)}, TypeError, "head_q must be a pair"),
        ({"chunk": 0}, ValueError, "chunk must be a positive"),
        ({"chunk": -3}, ValueError, "chunk must be a positive"),
        ({"chunk": 2.5}, ValueError, "chunk must be a positive"),
        ({"strategy": "rows"}, ValueError, "strategy must be one of"),
        ({"reduction": "max"}, ValueError, "reduction must be one of"),
        ({"temperature": 0.0}, ValueError, "temperature must lie"),
        ({"where": np.ones(4, bool)}, ValueError, "where must broadcast"),
        ({"where": np.ones(3)}, TypeError, "where must be boolean"),
        ({"weights": np.ones(4, np.float32)}, ValueError, "weights must broadcast"),
        ({"axis_name": "devices"}, ValueError, "axis_name='devices' must name an axis"),
    ],
)
def test_bad_input(change: dict[str, Any], error: type[Exception], message: str) -> None:
    good = (np.ones((3, 2), np.float32), np.ones((5, 2), np.float32))
    arguments = {"head_p": good, "head_q": good, **change}
    with pytest.raises(error, match=message):
        hidden.kl(arguments.pop("head_p"), arguments.pop("head_q"), **arguments)


def test_bad_heads_and_labels() -> None:
    good = hidden.Head(np.ones((3, 2), np.float32), np.ones((5, 2), np.float32))
    bad = [
        ({"bias": np.ones(4, np.float32)}, ValueError, "bias must have shape"),
        ({"softcap": -1.0}, ValueError, "softcap must lie"),
        ({"vocabulary_axis": 2}, ValueError, "vocabulary_axis must be 0 or 1"),
        ({"weights": np.ones((0, 2), np.float32)}, ValueError, "at least one outcome"),
        ({"weights": np.ones(5, np.float32)}, ValueError, "weights of shape"),
    ]
    for change, error, message in bad:
        with pytest.raises(error, match=message):
            hidden.entropy(dataclasses.replace(good, **change))
    with pytest.raises(ValueError, match="labels must have the shape"):
        hidden.cross_entropy(np.zeros(4, int), good)
    with pytest.raises(TypeError, match="labels must be an integer array"):
        hidden.cross_entropy(np.zeros(3, np.float32), good)
    for labels in ([0, 1, 2], 3, None):
        with pytest.raises(TypeError, match=r"head_p must be a pair .* or an integer array of labels"):
            hidden.cross_entropy(labels, good)
    with pytest.raises(ValueError, match="order must lie"):
        hidden.renyi(good, good, order=0.0)
    with pytest.raises(TypeError, match="generator must be"):
        hidden.f_divergence(good, good, "kl")


NAMED = {"jeffreys": {}, "chi_squared": {}, "le_cam": {}, "tsallis": {"order": 1.5}, "bhattacharyya": {}}


def test_the_named_divergences_are_those_of_the_logits() -> None:
    """Against the textbook's sums in float64, and their gradients in h against those through the logits."""
    rng = np.random.default_rng(0)
    h, w, v = (rng.standard_normal(shape).astype(np.float32) for shape in ((5, 3), (7, 3), (7, 3)))
    with jax.enable_x64(True):
        p, q = (
            np.exp(x - np.log(np.exp(x).sum(-1, keepdims=True))) for x in (np.float64(h @ w.T), np.float64(h @ v.T))
        )
    exact = {
        "jeffreys": ((p - q) * np.log(p / q)).sum(-1),
        "chi_squared": ((p - q) ** 2 / q).sum(-1),
        "le_cam": 0.5 * ((p - q) ** 2 / (p + q)).sum(-1),
        "tsallis": ((p**1.5 / q**0.5).sum(-1) - 1.0) / 0.5,
        "bhattacharyya": -np.log(np.sqrt(p * q).sum(-1)),
    }
    keep = np.array([True, True, False, True, True])
    for name, options in NAMED.items():
        verb = functools.partial(getattr(hidden, name), where=keep, **options)
        value, slope = jax.value_and_grad(lambda h: verb((h, w), (h, v), reduction="sum"))(h)  # noqa: B023
        of_rows = functools.partial(getattr(logits, name), **options)
        wanted = jax.grad(lambda h: jnp.where(keep, of_rows(h @ w.T, h @ v.T), 0.0).sum())(h)  # noqa: B023
        np.testing.assert_allclose(value, exact[name][keep].sum(), rtol=2e-5)  # the rounding of the products
        np.testing.assert_allclose(slope, wanted, rtol=2e-4, atol=2e-5)
        found, logs = verb((h, w), (h, v), with_log_partitions=True)
        assert found.shape == logs[0].shape == (5,)
        assert found[2] == 0.0
