"""Blocks of rows and whole rows give the same numbers, and long rows take the memory of a block."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import textwrap
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

from kljax import generators, logits
from kljax._kernels import blocks, choose, cross_entropy
from kljax._kernels.blocks import total
from kljax._kernels.choose import Way
from kljax._kernels.f_divergence import f_divergence
from kljax.logits import _core

OUTCOMES = 64
HEIGHTS = {"blocks": 4, "whole": None}  # of four rows, so that the last block is short


def _rows(kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(len(kind))
    a, b = rng.standard_normal((2, 3, 5, OUTCOMES)).astype(np.float32)
    if kind == "far apart":
        a, b = 3.0 * a, 3.0 * b
    elif kind == "near":
        b = (a + 1e-4 * b).astype(np.float32)
    elif kind == "shifted":
        a, b = a + np.float32(200.0), b - np.float32(300.0)  # exponentials overflow and vanish
    elif kind == "peaked":
        a[..., 0] += 40.0
    elif kind == "missing":
        a[..., 3] = b[..., 3] = b[..., 5] = -np.inf
    elif kind == "one missing":
        b[1, 2, 7] = -np.inf
    elif kind == "bad row":
        a[0, 1, 0] = np.nan
        b[2, 4, :] = -np.inf
    return a, b


KINDS = ["far apart", "near", "shifted", "peaked", "missing", "one missing", "bad row"]
CASES = [(generators.kl, jnp.float32), (generators.kl, jnp.bfloat16), (generators.jensen_shannon(), jnp.float32)]


@pytest.mark.parametrize(("generator", "dtype"), CASES, ids=["kl", "kl-bfloat16", "jensen_shannon"])
@pytest.mark.by_default("kl")
def test_blocks_and_whole_rows_agree(generator: Any, dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = (jnp.asarray(np.concatenate(side), dtype) for side in zip(*map(_rows, KINDS), strict=True))

    steps = jnp.cos(a.astype(jnp.float32)).astype(dtype), jnp.sin(b.astype(jnp.float32)).astype(dtype)

    def everything(a: jax.Array, b: jax.Array, steps: tuple[jax.Array, ...]) -> tuple[Any, ...]:
        def value(a: jax.Array, b: jax.Array) -> jax.Array:
            return f_divergence(generator, a, b, None)

        _, back = jax.vjp(value, a, b)
        ones = jnp.ones(a.shape[:-1], jnp.float32)
        in_q = jax.vjp(lambda b: value(a, b), b)[1](ones)[0]
        along = jax.jvp(value, (a, b), steps)[1]
        return value(a, b), *back(ones), in_q, along

    found = {}
    for choice in ("blocks", "whole"):
        monkeypatch.setattr(choose, "choose", lambda *_, choice=choice: Way("in range", HEIGHTS[choice]))
        compiled = jax.jit(functools.partial(everything)).lower(a, b, steps).compile()  # traced anew
        assert ("while(" in compiled.as_text()) == (choice == "blocks")
        found[choice] = [np.asarray(one, np.float32) for one in compiled(a, b, steps)]
    eps = float(jnp.finfo(dtype).eps)
    for one, other in zip(found["blocks"], found["whole"], strict=True):
        assert (np.isnan(one) == np.isnan(other)).all()
        assert (np.isinf(one) == np.isinf(other)).all()
        kept = np.where(np.isfinite(other), other, 0.0)
        # Sums in another order: of terms of one sign, of which a slope along the tangents is up to 1 times the
        # gradient's; a gradient is rounded to its operand's dtype.
        size = np.abs(kept) if one.ndim < a.ndim else np.linalg.norm(kept, axis=-1, keepdims=True)
        size = np.maximum(size, 1.0) if one is found["blocks"][-1] else size
        assert (np.abs(np.where(np.isfinite(one), one, 0.0) - kept) <= 32 * 2.0**-23 * size + eps * np.abs(kept)).all()


CLOSE = [1.0, 1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]


def _close_rows(dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Rows whose divergence is small beside the logits' differences, or nearly so; none misses an outcome."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((len(CLOSE) + 5, OUTCOMES))
    a[-1, 0] += 8.0
    a = np.asarray(jnp.asarray(a, dtype)).astype(np.float64)
    b = a + np.array([*CLOSE, 0.3, 0.1, 0.05, 0.0, 1e-3])[:, None] * rng.standard_normal(a.shape)
    b[-5] += 0.5  # a constant apart
    b[-4, 7] += 12.0  # q has nearly all its mass where p has little
    a[-3, 7] = b[-3, 7] - 40.0
    return jnp.asarray(a, dtype), jnp.asarray(b, dtype)


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, jnp.float64])
@pytest.mark.by_default("float32")
def test_kl_of_long_rows_that_are_close(dtype: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # The whole batch takes one path, so the rows must be alike: that of E_p[exp(-x)], exact also where KL is tiny.
    monkeypatch.setattr(choose, "choose", lambda *_: Way("in range", 4))
    with jax.enable_x64(dtype == jnp.float64):
        a, b = _close_rows(dtype)

        def everything(a: jax.Array, b: jax.Array) -> tuple[Any, ...]:
            def total(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
                rows = f_divergence(generators.kl, a, b, None)
                return rows.sum(), rows

            both = jax.grad(total, argnums=(0, 1), has_aux=True)(a, b)
            return both[1], *both[0], jax.grad(lambda b: total(a, b)[0])(b)

        run = jax.jit(everything)
        # A constant apart, the differences of the logits round, unlike those of close ones.
        for other in (b, b + jnp.asarray(0.75, dtype), b + jnp.asarray(100.0, dtype)):
            _check_kl(dtype, a, other, *map(np.asarray, run(a, other)))


def _check_kl(dtype: Any, a: jax.Array, b: jax.Array, value: Any, in_p: Any, in_q: Any, in_q_alone: Any) -> None:
    rows = [np.asarray(one).astype(np.float64) for one in (a, b)]
    eps, half = (float(jnp.finfo(one).eps) for one in (value.dtype, dtype))
    for i in range(len(a)):
        pair = oracles.from_logits(rows[0][i], rows[1][i])
        exact, slopes = oracles.value(pair, "kl"), oracles.gradient(pair, "kl")
        assert value[i] >= 0.0
        assert abs(float(value[i]) - float(exact)) <= 16 * eps * float(exact), i
        for found, slope in zip((in_p, in_q, in_q_alone), (*slopes, slopes[1]), strict=True):
            expected = slope.astype(np.float64)
            gap = np.linalg.norm(found[i].astype(np.float64) - expected)
            assert gap <= (32 * eps + (half if half > eps else 0.0)) * np.linalg.norm(expected), i


VERBS = {
    "renyi": lambda a, b, order: logits.renyi(a, b, order=order),
    "cross_entropy": lambda a, b, order: logits.cross_entropy(a, b, temperature=order),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.full
def test_other_verbs_take_blocks_too(verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = map(jnp.asarray, _rows("far apart"))
    found = {}
    for choice in ("blocks", "whole"):
        monkeypatch.setattr(choose, "choose", lambda *_, choice=choice: Way("in range", HEIGHTS[choice]))
        jax.clear_caches()  # the verbs are jitted and know nothing of the other choice
        gradient = jax.jit(jax.grad(lambda *x: jnp.sum(VERBS[verb](*x)), argnums=(0, 1, 2)))
        compiled = gradient.lower(a, b, 1.5).compile()
        assert ("while(" in compiled.as_text()) == (choice == "blocks")
        found[choice] = compiled(a, b, 1.5)
    for one, other in zip(found["blocks"], found["whole"], strict=True):
        # Of terms of both signs, summed in another order.
        np.testing.assert_allclose(one, other, rtol=0, atol=32 * 2.0**-23 * float(np.max(np.abs(other))))


@pytest.mark.parametrize("choice", ["blocks", "whole"])
def test_the_entropies_take_the_same_rows(choice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choose, "choose", lambda *_: Way("in range", HEIGHTS[choice]))
    a, b = (one.astype(np.float64) for one in _rows("far apart"))
    p, q = (np.exp(x) / np.exp(x).sum(-1, keepdims=True) for x in (a, b))
    single = [jnp.asarray(one, jnp.float32) for one in (a, b)]
    found = jax.jit(lambda a, b: cross_entropy.cross_entropy(a, b, None))(*single)
    np.testing.assert_allclose(found, -(p * np.log(q)).sum(-1), rtol=32 * 2.0**-23)
    gradient = jax.jit(jax.grad(lambda b, a: cross_entropy.cross_entropy(a, b, None).sum()))(single[1], single[0])
    np.testing.assert_allclose(gradient, q - p, atol=32 * 2.0**-23)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.full
def test_the_compiled_program_walks_long_rows_in_blocks_with_little_scratch(dtype: Any) -> None:
    if jax.default_backend() != "cpu" or jax.device_count() != 1:
        pytest.skip("about one CPU")
    if dtype == jnp.bfloat16 and blocks.COPIES_HALVES:
        pytest.skip("XLA before JAX 0.12 copies half precision to slice it")
    shape = (256, 32768)
    operand = jax.ShapeDtypeStruct(shape, dtype)
    step = jax.jit(jax.value_and_grad(lambda b, a: logits.kl(a, b).mean()))
    compiled = step.lower(operand, operand).compile()
    assert "while(" in compiled.as_text()
    # One more operand, and a block of rows and their statistics beside it.
    entry = operand.dtype.itemsize
    assert compiled.memory_analysis().temp_size_in_bytes <= 1.01 * entry * shape[0] * shape[1]
    short = jax.jit(logits.kl).lower(*[jax.ShapeDtypeStruct((32, 10), jnp.float32)] * 2).compile()
    assert "while(" not in short.as_text()


def test_equal_parameters_compile_once() -> None:
    a = jnp.zeros((2, 3))
    logits.alpha(a, a, order=0.375)
    before = _core.f_divergence._cache_size()
    for _ in range(3):
        logits.alpha(a, a, order=0.375)
        logits.f_divergence(a, a, generators.alpha(0.375))
    assert _core.f_divergence._cache_size() == before
    for order in (0.4, 0.6):
        logits.alpha(a, a, order=jnp.float32(order))  # traced: one program for all
    assert _core.f_divergence._cache_size() == before + 1


@pytest.mark.full
def test_sharded_rows_are_not_gathered() -> None:
    program = """
        import jax, jax.numpy as jnp, numpy as np
        from jax.sharding import NamedSharding, PartitionSpec
        from kljax import logits
        assert jax.device_count() == 4
        mesh = jax.make_mesh((4,), ("rows",), axis_types=(jax.sharding.AxisType.Auto,))
        a, b = np.random.default_rng(0).standard_normal((2, 32, 4096)).astype(np.float32)
        step = jax.jit(jax.value_and_grad(lambda b, a: logits.kl(a, b).mean()))
        value, gradient = step(b, a)
        for spec in (PartitionSpec("rows"), PartitionSpec(None, "rows")):
            placed = [jax.device_put(x, NamedSharding(mesh, spec)) for x in (b, a)]
            compiled = step.lower(*placed).compile()
            assert "all-gather" not in compiled.as_text(), spec
            found = compiled(*placed)
            np.testing.assert_allclose(found[0], value, rtol=16 * 2.0**-23)
            np.testing.assert_allclose(found[1], gradient, atol=16 * 2.0**-23 * float(jnp.abs(gradient).max()))
    """
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=4"
    setting = {"XLA_FLAGS": flags.strip(), "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, **setting},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]


def test_few_rows_out_of_range_are_taken_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    def everything(a: jax.Array, b: jax.Array) -> tuple[Any, ...]:
        def value(a: jax.Array, b: jax.Array) -> jax.Array:
            return f_divergence(generators.jensen_shannon(), a, b, None)

        def gradient(a: jax.Array, b: jax.Array) -> Any:
            return jax.grad(lambda a, b: value(a, b).sum(), (0, 1))(a, b)

        return value(a, b), *gradient(a, b), *jax.jvp(gradient, (a, b), (jnp.cos(a), jnp.sin(b)))[1]

    ways, rows = [], jax.ShapeDtypeStruct((512, 10), jnp.float32)
    for one in (Way("passes"), Way("in range"), Way("in range", 64)):
        monkeypatch.setattr(choose, "choose", lambda *_, one=one: one)
        ways.append(jax.jit(functools.partial(everything)).lower(rows, rows).compile())
    for out in (0, 1, 3, 40, 512):  # none, few, all of the batch by the general way
        rng = np.random.default_rng(out)
        a, b = rng.standard_normal((2, 512, 10)).astype(np.float32)
        a[rng.permutation(512)[:out]] += np.float32(300.0)  # whose exponentials overflow
        for other, *quick in zip(*(way(a, b) for way in ways), strict=True):
            other = np.asarray(other)
            size = np.abs(other) if other.ndim == 1 else np.linalg.norm(other, axis=-1, keepdims=True)
            for one in quick:
                assert (np.abs(np.asarray(one) - other) <= 64 * 2.0**-23 * size).all(), out


def test_total_variation_of_near_rows_has_the_right_signs() -> None:
    # Of rows 1e-4 apart some outcomes in 10,000 are closer than what rounding makes log(Z_p/Z_q) off by.
    rng = np.random.default_rng(0)
    a = rng.standard_normal((4, 32768)).astype(np.float32)
    b = (a + 1e-4 * rng.standard_normal(a.shape)).astype(np.float32)
    p, q = (np.exp(x.astype(np.float64)) for x in (a, b))
    p, q = (x / x.sum(-1, keepdims=True) for x in (p, q))
    sign = 0.5 * np.sign(q - p)
    value, slopes = jax.value_and_grad(lambda a, b: logits.total_variation(a, b).sum(), (0, 1))(a, b)
    assert abs(float(value) / (0.5 * np.abs(p - q).sum()) - 1.0) <= 4 * 2.0**-23
    for mass, signs, slope in ((p, -sign, slopes[0]), (q, sign, slopes[1])):
        exact = mass * (signs - (mass * signs).sum(-1, keepdims=True))
        assert (np.abs(np.asarray(slope) - exact).max(-1) <= 16 * 2.0**-23 * np.abs(exact).max(-1)).all()


@pytest.mark.parametrize(
    "shape", [(0,), (2, 0), (3, 1), (5, 10), (5, 16), (5, 17), (2, 3, 100), (4, 1024), (2, 32768), (2, 32771)]
)
def test_total_is_the_sum(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).lognormal(size=shape).astype(np.float32)
    exact = x.sum(-1, keepdims=True, dtype=np.float64)
    found = np.asarray(jax.jit(total)(x))
    assert found.shape == exact.shape
    # Pieces of up to 362 numbers in some lanes, and as many of their sums.
    assert (np.abs(found - exact) <= 4 * 2.0**-23 * exact).all()
