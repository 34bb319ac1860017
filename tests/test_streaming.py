"""Rows of logits by one reduction, as on a GPU: against longdouble sums and the path by passes, run here on the CPU."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kljax import generators, logits
from kljax._kernels import choose, pieces, streaming
from kljax._kernels.f_divergence import f_divergence

OUTCOMES = 192
NEAR = [1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6]
ROWS = len(NEAR) + 11


def _finite_rows(dtype: Any) -> tuple[jax.Array, jax.Array]:
    """Rows with a positive and finite divergence."""
    rng = np.random.default_rng(0)
    a = rng.standard_normal((ROWS, OUTCOMES))
    b = a + np.array([*NEAR, 1.0, 3.0, *[1e-2] * 9])[:, None] * rng.standard_normal(a.shape)
    b[-9] += 100.0  # a constant apart, where differences of the logits round
    b[7] += 5000.37
    a[-8, 5] += 20.0  # nearly all of p in one outcome, with q close
    b[-8, 5] += 20.0
    a[-7] = np.sort(a[-7])  # the largest comes last, and first
    b[-6] = a[-6][::-1]
    a[-5, ::3] = b[-5, ::3] = -np.inf  # masked
    a[-4, ::3] = -np.inf  # p misses what q has
    a[-3] = 200.0 + 30.0 * a[-3]  # exponentials overflow and vanish
    b[-3] = 30.0 * b[-3] - 300.0
    a[-2, :2], b[-2, :2] = (-200.0, -300.0), (-120.0, -20.0)  # q/p overflows among outcomes that both all but miss
    b[-1] = a[-1]
    b[-1, int(np.argmax(a[-1]))] += 1e-3  # apart only where p is largest
    return jnp.asarray(a, dtype), jnp.asarray(b, dtype)


def _exact(a: np.ndarray, b: np.ndarray) -> tuple[Any, ...]:
    """KL and its gradients by sums in extended precision."""
    a, b = (np.asarray(x).astype(np.longdouble) for x in (a, b))
    either = np.isneginf(a) | np.isneginf(b)
    p, q = (np.exp(x - x.max(-1, keepdims=True)) for x in (a, b))
    p, q = (x / x.sum(-1, keepdims=True) for x in (p, q))
    gap = np.where(either, 0.0, a) - np.where(either, 0.0, b)
    gap = gap - np.take_along_axis(gap, p.argmax(-1, keepdims=True), -1)  # exact where p has nearly all its mass
    level = gap - (p * gap).sum(-1, keepdims=True)  # = log(p/q) - KL
    # The shift from the weights themselves, for two logarithms of norms would leave an error of their size.
    near = ~either & (np.abs(level) < 0.05)
    excess = sum((-level) ** k / math.factorial(k) for k in range(2, 14))
    excess = np.where(near, p * excess, np.where(either, 0.0, p * (np.exp(-np.minimum(level, 1e4)) - 1.0 + level)))
    kept = 1.0 - np.where(np.isneginf(a), q, 0.0).sum(-1, keepdims=True)
    r = level + np.log1p(excess.sum(-1, keepdims=True)) - np.log(kept)
    # p log(p/q) - p + q ≥ 0, whose sum is KL's and loses no digits.
    series = q * sum(r**k * (k - 1) / math.factorial(k) for k in range(2, 14))
    terms = np.where(np.isneginf(a), q, np.where(np.abs(r) < 0.05, series, p * r - p + q))
    value = np.where(np.isneginf(b) & ~np.isneginf(a), np.inf, terms).sum(-1)
    small = ~either & (np.abs(r) < 0.05)
    change = np.where(small, -q * sum(r**k / math.factorial(k) for k in range(1, 14)), q - p)
    return value, np.where(either, 0.0, p * level), change


def _take(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Every platform takes one reduction, or none does; the references come from few of the outcomes."""
    monkeypatch.setattr(streaming, "SAMPLE", 16)
    chosen = {"one": lambda one, several, *x: one(*x), "several": lambda one, several, *x: several(*x)}[path]
    monkeypatch.setattr(choose, "by_platform", chosen)


def _kl(a: jax.Array, b: jax.Array, temperature: jax.Array | None = None) -> jax.Array:
    return f_divergence(generators.kl, a, b, temperature)


def _everything(temperature: jax.Array | None, a: jax.Array, b: jax.Array) -> tuple[jax.Array, ...]:
    """The value, both gradients, that in b alone, a Hessian-vector product, and the tangent along a direction."""

    def kl(a: jax.Array, b: jax.Array) -> jax.Array:
        return _kl(a, b, temperature)

    steps = jnp.cos(jnp.arange(a.size, dtype=jnp.float32)).reshape(a.shape).astype(a.dtype)
    value, back = jax.vjp(kl, a, b)
    ones = jnp.ones_like(value)
    both = jax.grad(lambda a, b: kl(a, b).sum(), argnums=(0, 1))
    along = jax.jvp(kl, (a, b), (steps, -steps))[1]
    hessian = jax.jvp(both, (a, b), (steps, -steps))[1]
    in_q = jax.vjp(lambda b: kl(a, b), b)[1](ones)[0]
    return value, *back(ones), in_q, along, *hessian


def _wide(dtype: str) -> str:
    """The dtype that rows of this one are computed in."""
    return "float64" if dtype == "float64" else "float32"


@functools.cache
def _program(path: str, dtype: str, *, tempered: bool) -> Any:
    """``_everything`` on one path, compiled once for rows of one shape."""
    with pytest.MonkeyPatch.context() as patch, jax.enable_x64(dtype == "float64"):
        _take(patch, path)
        operand = jax.ShapeDtypeStruct((ROWS, OUTCOMES), dtype)
        scale = jax.ShapeDtypeStruct((), _wide(dtype)) if tempered else None
        return jax.jit(_everything).lower(scale, operand, operand).compile()


def _run(path: str, a: jax.Array, b: jax.Array, temperature: float | None = None) -> list[np.ndarray]:
    with jax.enable_x64(a.dtype == jnp.float64):
        scale = None if temperature is None else jnp.asarray(temperature, _wide(a.dtype.name))
        program = _program(path, a.dtype.name, tempered=scale is not None)
        return [np.asarray(x, np.float64) for x in program(scale, a, b)]


@pytest.mark.parametrize(
    ("dtype", "temperature"),
    [("float32", None), ("bfloat16", None), ("float64", None), ("float32", 3.0), ("bfloat16", 3.0)],
)
@pytest.mark.by_default("float32-None", "float32-3.0")
def test_values_and_gradients(dtype: str, temperature: float | None) -> None:
    with jax.enable_x64(dtype == "float64"):
        a, b = _finite_rows(dtype)
    found = _run("one", a, b, temperature)
    scale = np.longdouble(np.float32(temperature or 1.0))
    value, *slopes = _exact(*(np.asarray(x).astype(np.longdouble) / scale for x in (a, b)))
    in_p, in_q = (one / scale for one in slopes)
    half = float(jnp.finfo(dtype).eps) if dtype == "bfloat16" else 0.0  # a gradient is rounded to its operand's dtype
    eps = float(jnp.finfo("float32" if half else dtype).eps)
    assert (found[0] >= 0.0).all()
    gap = np.abs(found[0] - value)
    assert (gap <= 32 * eps * value).all(), gap / np.maximum(value, 1e-30) / eps
    for one, exact in ((found[1], in_p), (found[2], in_q), (found[3], in_q)):
        expected = exact.astype(np.float64)
        gap, size = np.linalg.norm(one - expected, axis=-1), np.linalg.norm(expected, axis=-1)
        assert (gap <= (32 * eps + half) * size).all(), gap / size / eps


@pytest.mark.parametrize(("dtype", "temperature"), [("float32", None), ("float64", None), ("float32", 3.0)])
def test_agrees_with_the_path_by_passes(dtype: str, temperature: float | None) -> None:
    with jax.enable_x64(dtype == "float64"):
        a, b = _finite_rows(dtype)
    found = {path: _run(path, a, b, temperature) for path in ("one", "several")}
    eps = float(jnp.finfo(dtype).eps)
    for i, (one, other) in enumerate(zip(found["one"], found["several"], strict=True)):
        size = np.abs(other) if one.ndim == 1 else np.linalg.norm(other, axis=-1, keepdims=True)
        if i == 4:  # a sum along the steps, of both signs: of the gradients' size, times √n
            size = 20.0 * sum(np.linalg.norm(found["several"][k], axis=-1) for k in (1, 2))
        assert (np.abs(one - other) <= 64 * eps * size).all(), (i, np.abs(one - other).max(-1) / size.T / eps)


def test_a_temperature_of_peaked_rows_far_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """T shift, some hundreds, is known to 10⁻¹¹; the slope of the outcome with nearly all of p is of that size."""
    _take(monkeypatch, "one")
    a, b = (x[-3:-2] for x in _finite_rows("float32"))
    found = jax.jit(jax.grad(lambda a, b: _kl(a, b, jnp.float32(0.7)).sum(), argnums=(0, 1)))(a, b)
    scale = np.longdouble(np.float32(0.7))
    _, *slopes = _exact(*(np.asarray(x).astype(np.longdouble) / scale for x in (a, b)))
    for one, exact in zip(found, slopes, strict=True):
        expected = (exact / scale).astype(np.float64)
        assert np.linalg.norm(np.asarray(one) - expected) <= 32 * 2.0**-23 * np.linalg.norm(expected)


def test_under_vmap(monkeypatch: pytest.MonkeyPatch) -> None:
    _take(monkeypatch, "one")
    a, b = _finite_rows("float32")
    value = _exact(np.asarray(a), np.asarray(b))[0]
    found = np.asarray(jax.jit(jax.vmap(_kl))(a, b))
    assert (np.abs(found - value) <= 16 * 2.0**-23 * value).all(), np.abs(found / value - 1) * 2**23


KINDS = [
    "lost",
    "lost and small",
    "p NaN",
    "q NaN",
    "p empty",
    "q empty",
    "both empty",
    "infinite",
    "equal",
    "masked",
    "far",
]


def _special_rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    a, b = rng.standard_normal((2, len(KINDS), OUTCOMES)).astype(np.float32)
    b[0, 3] = -np.inf
    a[1, 3], b[1, 3] = -1000.0, -np.inf  # its weight underflows
    a[2, 4] = b[3, 4] = np.nan
    a[4], b[5], a[6], b[6] = (-np.inf,) * 4
    a[7, 2] = np.inf
    b[8] = a[8]
    a[9, 1:] = b[9, 1:] = -np.inf  # one outcome is left
    a[10, 3], b[10, 3] = 60.0, -60.0  # (p/q)² overflows
    return a, b


def test_special_rows() -> None:
    a, b = (jnp.asarray(np.resize(x, (ROWS, OUTCOMES))) for x in _special_rows())
    found = {path: [x[: len(KINDS)] for x in _run(path, a, b)] for path in ("one", "several")}
    value = dict(zip(KINDS, found["one"][0], strict=True))
    assert np.isposinf([value["lost"], value["lost and small"]]).all()
    assert value["equal"] == value["masked"] == 0.0
    assert np.isnan([x for name, x in value.items() if "NaN" in name or "empty" in name or name == "infinite"]).all()
    for one, other in zip(found["one"], found["several"], strict=True):
        np.testing.assert_allclose(one, other, rtol=64 * 2.0**-23, atol=64 * 2.0**-23)


def _first(a: jax.Array, b: jax.Array, with_excess: bool) -> tuple[pieces.Moments, jax.Array]:
    found = streaming.moments(a, b, *streaming.references(a, b), with_excess=with_excess)
    return found, streaming.in_doubt(found, pieces.finish(found)[0])[:, 0]


def test_which_rows_are_in_doubt() -> None:
    rng = np.random.default_rng(2)
    a = rng.standard_normal((5, 8192)).astype(np.float32)
    size = np.array([1.0, 1e-3, 1e-3, 1e-3, 1.0], np.float32)[:, None]
    b = (a + size * rng.standard_normal(a.shape)).astype(np.float32)
    a[2, 7000] = b[2, 7000] = 20.0  # nearly all of p and q, and not among the first outcomes
    b[2, 7000] += 1e-2
    b[3, : streaming.SAMPLE] += 1.0  # the first outcomes are not like the others
    a[4, :4096] = b[4, :4096] = -np.inf
    found, doubt = jax.jit(functools.partial(_first, with_excess=True))(a, b)
    np.testing.assert_array_equal(doubt, [False, False, True, True, False])
    doubt = jax.jit(functools.partial(_first, with_excess=False))(a, b)[1]
    np.testing.assert_array_equal(doubt, [False, True, True, True, False])
    # About the mean no digit is lost, however little of p the first outcomes hold.
    mean = found.center + found.drift
    again = jax.jit(functools.partial(streaming.moments, with_excess=True))(a, b, found.top_p, mean)
    value = _exact(a, b)[0]
    again = np.asarray(pieces.finish(again)[0])[:, 0]
    # (A CPU adds 8192 terms one after another.)
    assert (np.abs(again - value) <= 64 * 2.0**-23 * value).all(), np.abs(again / value - 1) * 2**23


def test_other_divergences_take_the_same_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    _take(monkeypatch, "one")
    a, b = (x[:-2] for x in _finite_rows(jnp.float32))
    x, y = (np.asarray(one).astype(np.longdouble) for one in (a, b))
    p, q = (np.exp(one - one.max(-1, keepdims=True)) for one in (x, y))
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    m = np.where(p + q > 0, (p + q) / 2, 1.0)
    logs = [np.log(np.where(one > 0, one / m, 1.0)) for one in (p, q)]
    means = [(one * log).sum(-1, keepdims=True) for one, log in zip((p, q), logs, strict=True)]
    expected = 0.5 * (means[0] + means[1])[:, 0]
    slope = 0.5 * q * (logs[1] - means[1])

    def total(b: jax.Array, a: jax.Array) -> tuple[jax.Array, jax.Array]:
        value = f_divergence(generators.jensen_shannon(), a, b, None)
        return value.sum(), value

    gradient, value = jax.jit(jax.grad(total, has_aux=True))(b, a)
    np.testing.assert_allclose(value, expected.astype(np.float64), rtol=1e-5, atol=1e-17)
    gap, size = np.linalg.norm(np.asarray(gradient) - slope, axis=-1), np.linalg.norm(slope, axis=-1)
    assert (gap <= 64 * 2.0**-23 * size).all(), gap / size * 2**23


@pytest.mark.full
def test_jensen_shannon_of_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    _take(monkeypatch, "one")
    rng = np.random.default_rng(0)
    a = 2.0 * rng.standard_normal((5, OUTCOMES))
    b = a + np.array([3.0, 1.0, 0.3, 0.1, 0.05])[:, None] * rng.standard_normal(a.shape)
    a, b = (jnp.asarray(x, jnp.bfloat16) for x in (a, b))
    p, q = (np.exp(np.asarray(x).astype(np.longdouble)) for x in (a, b))
    p, q = (x / x.sum(-1, keepdims=True) for x in (p, q))
    in_q = np.log(2 * q / (p + q))
    exact = 0.5 * (p * np.log(2 * p / (p + q)) + q * in_q).sum(-1)
    slope = 0.5 * q * (in_q - (q * in_q).sum(-1, keepdims=True))

    def total(b: jax.Array) -> tuple[jax.Array, jax.Array]:
        value = f_divergence(generators.jensen_shannon(), a, b, None)
        return value.sum(), value

    gradient, value = jax.jit(jax.grad(total, has_aux=True))(b)
    assert (np.abs(np.asarray(value) - exact) <= 16 * 2.0**-23 * exact).all()  # the value is of float32
    gap = np.linalg.norm(np.asarray(gradient).astype(np.float64) - slope, axis=-1)
    assert (gap <= 2.0**-8 * np.linalg.norm(slope, axis=-1)).all()  # each entry is rounded to bfloat16


@functools.cache
def _other(generator: generators.Generator, path: str) -> list[tuple[np.ndarray, ...]]:
    """Of finite and of special rows the value, both gradients, that in p alone, and the gradients' tangents."""

    def total(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
        value = f_divergence(generator, a, b, None)
        return value.sum(), value

    @jax.jit
    def everything(a: jax.Array, b: jax.Array) -> tuple[jax.Array, ...]:
        steps = jnp.cos(jnp.arange(a.size, dtype=jnp.float32)).reshape(a.shape)
        both = jax.grad(total, argnums=(0, 1), has_aux=True)
        (gradients, value), (hessian, _) = jax.jvp(both, (a, b), (steps, -steps))
        return value, *gradients, jax.grad(total, has_aux=True)(a, b)[0], *hessian

    with pytest.MonkeyPatch.context() as patch:
        _take(patch, path)
        special = (jnp.asarray(np.resize(x, (ROWS, OUTCOMES))) for x in _special_rows())
        return [tuple(map(np.asarray, everything(*rows))) for rows in (_finite_rows("float32"), special)]


@pytest.mark.parametrize(
    "generator",
    [generators.jensen_shannon(0.3), pytest.param(generators.alpha(1.5), marks=pytest.mark.full)],
    ids=lambda generator: generator.name,
)
@pytest.mark.full
def test_other_divergences_agree_with_the_path_by_passes(generator: generators.Generator) -> None:
    for one, other in zip(*(_other(generator, path) for path in ("one", "several")), strict=True):
        np.testing.assert_array_equal(np.isnan(one[0]), np.isnan(other[0]))
        for x, y in zip(one, other, strict=True):
            same = (x == y) | (np.isnan(x) & np.isnan(y))
            x, y = np.where(same, 0.0, x), np.where(np.isfinite(y), y, 0.0)
            size = np.abs(y) if y.ndim == 1 else np.linalg.norm(y, axis=-1, keepdims=True)
            gap = np.abs(x - np.where(same, 0.0, y))
            assert (gap <= 128 * 2.0**-23 * size + 1e-30).all(), (gap / np.maximum(size, 1e-30)).max() * 2**23


def test_the_platform_decides_when_xla_lowers() -> None:
    operand = jax.ShapeDtypeStruct((4, 1024), jnp.bfloat16)
    step = jax.jit(jax.value_and_grad(lambda b, a: logits.kl(a, b).sum()))
    traced = step.trace(operand, operand)
    widest = {
        platform: max(
            line.count(" init:") for line in traced.lower(lowering_platforms=(platform,)).as_text().splitlines()
        )
        for platform in ("cpu", "tpu", "cuda", "rocm")
    }
    assert widest == {"cpu": 1, "tpu": 1, "cuda": 4, "rocm": 4}


@pytest.mark.full
def test_the_cpu_program_is_that_of_the_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    if jax.default_backend() != "cpu":
        pytest.skip("about the CPU")
    operand = jax.ShapeDtypeStruct((64, 32768), jnp.float32)

    def program() -> tuple[int, float]:
        compiled = jax.jit(jax.value_and_grad(lambda b, a: _kl(a, b).mean())).lower(operand, operand).compile()
        return compiled.memory_analysis().temp_size_in_bytes, compiled.cost_analysis()["flops"]

    chosen = program()
    _take(monkeypatch, "several")
    assert chosen == program()
