"""Large programs that do little are compiled quickly, where they run at once and on few numbers."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kljax import _prompt, families, generators, logits, probs
from kljax._prompt import FEW, prompt

HERE = Path(__file__).parent


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The options of every program that runs, in order."""
    ran: list[Any] = []
    original = jax.jit

    def jit(function: Any, **options: Any) -> Any:
        compiled = original(function, **options)

        def call(*args: Any) -> Any:
            ran.append(options.get("compiler_options"))
            return compiled(*args)

        return call

    monkeypatch.setattr(_prompt.jax, "jit", jit)
    return ran


def cube(power: int, x: jax.Array) -> jax.Array:
    return x**power


def test_few_numbers_are_compiled_quickly(made: list[Any]) -> None:
    known = _prompt._options()
    made.clear()
    assert known is not None
    assert known["xla_backend_optimization_level"] == 0
    function = prompt(cube, static_argnums=(0,))
    assert function(3, jnp.float32(2.0)) == 8.0
    np.testing.assert_array_equal(function(2, jnp.ones(FEW)), np.ones(FEW))
    assert function(3, 2.0) == 8.0
    assert made == [known, known, known]
    function(2, jnp.ones(FEW + 1))
    assert made[3:] == [None]


def test_what_is_traced_is_a_part_of_its_program(made: list[Any]) -> None:
    function = prompt(cube, static_argnums=(0,))
    x = jnp.float32(2.0)
    assert jax.grad(lambda x: function(3, x))(x) == 12.0
    np.testing.assert_array_equal(jax.vmap(lambda x: function(3, x))(jnp.arange(3.0)), [0.0, 1.0, 8.0])
    # The operand is known, but the call stands in a program.
    outer = jax.jit(lambda y: y + function(3, x))
    assert outer(jnp.float32(1.0)) == 9.0
    jax.make_jaxpr(lambda: function(3, x))()
    jax.lax.fori_loop(0, 2, lambda _, carry: carry + function(3, x), jnp.float32(0.0))
    # And what is traced may come with the function, not with its operands.
    assert jax.grad(lambda y: prompt(lambda x: x * y)(x))(x) == 2.0
    assert set(made) == {None}


def wave(power: int, x: jax.Array, y: jax.Array, n: jax.Array) -> jax.Array:
    return x**power * jnp.sin(y) + n.astype(x.dtype)


def test_a_closed_function_is_compiled_quickly_for_its_gradient_too(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    original = _prompt._with_slopes

    def with_slopes(*args: Any) -> Any:
        compiled.append(args[2])  # what moves
        return original(*args)

    monkeypatch.setattr(_prompt, "_with_slopes", with_slopes)
    function = functools.partial(prompt(wave, static_argnums=(0,), closed="numbers"), 3)
    x, y, n = jnp.float32(2.0), jnp.float32(0.5), jnp.int32(1)
    slopes = 12.0 * np.sin(0.5), 8.0 * np.cos(0.5)
    close = functools.partial(np.testing.assert_allclose, rtol=4 * 2.0**-23)
    value, found = jax.value_and_grad(function, (0, 1))(x, y, n)
    close(value, 8.0 * np.sin(0.5) + 1.0)
    close(found, slopes)
    close(jax.grad(function, 1)(x, y, n), slopes[1])
    close(jax.jvp(lambda x: function(x, y, n), (x,), (jnp.float32(3.0),))[1], 3.0 * slopes[0])
    close(jax.grad(lambda x: function(x, x, n))(x), 12.0 * np.sin(2.0) + 8.0 * np.cos(2.0))
    close(jax.grad(lambda z: function(z[0], z[1], n))(jnp.stack([x, y])), slopes)
    assert compiled == [(0, 1), (1,), (0,), (0, 1), (0, 1)]
    compiled.clear()
    # One transformation within another, of a batch, and in a program: as ever.
    close(jax.grad(jax.grad(function))(x, y, n), 12.0 * np.sin(0.5))
    close(jax.hessian(function, 1)(x, y, n), -8.0 * np.sin(0.5))
    close(jax.vmap(jax.grad(function), (0, None, None))(jnp.stack([x, x]), y, n), [slopes[0]] * 2)
    close(jax.grad(lambda x: function(x, y, n).sum())(jnp.stack([x, x])), [slopes[0]] * 2)
    close(jax.jit(jax.grad(function))(x, y, n), slopes[0])
    close(jax.jit(lambda z: z * function(x, y, n))(1.0), value)
    close(jax.grad(lambda z: z * function(x, y, n))(1.0), value)
    close(jax.grad(lambda x: jax.jit(lambda z: z * function(x, y, n))(1.0))(x), slopes[0])
    with jax.disable_jit():
        close(jax.grad(function)(x, y, n), slopes[0])
    assert not compiled


def test_no_transformation_traces_a_closed_function_twice() -> None:
    traces = []

    def sine(x: jax.Array) -> jax.Array:
        traces.append(x)
        return jnp.sin(x)

    function = prompt(sine, closed="numbers")
    for transformed in (jax.grad(function), jax.hessian(function), jax.grad(jax.grad(function))):
        transformed(jnp.float32(0.5))
        before = len(traces)
        transformed(jnp.float32(0.25))
        assert len(traces) == before


def test_rows_are_compiled_quickly_for_their_gradients_too(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Any] = []
    original = _prompt._with_slopes

    def with_slopes(*args: Any) -> Any:
        compiled.append(args[2])
        return original(*args)

    monkeypatch.setattr(_prompt, "_with_slopes", with_slopes)
    rng = np.random.default_rng(0)
    a, b = (jnp.asarray(x, jnp.float32) for x in rng.standard_normal((2, 3, 4)))
    weights = jnp.asarray([1.0, 2.0, 3.0])
    p, q = jax.nn.softmax(a), jax.nn.softmax(b)

    def close(found: Any, expected: Any) -> None:
        for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=16 * 2.0**-23, atol=8 * 2.0**-23)

    in_p = p * (jnp.log(p / q) - (p * jnp.log(p / q)).sum(-1, keepdims=True))
    close(
        jax.grad(lambda a, b: (weights * logits.kl(a, b)).sum(), (0, 1))(a, b),
        (weights[:, None] * in_p, weights[:, None] * (q - p)),
    )
    close(jax.grad(lambda b: logits.kl(a, b).mean())(b), (q - p) / 3.0)
    close(jax.grad(lambda b: logits.kl(a[0], b))(b[0]), (q - p)[0])
    close(jax.jvp(lambda b: logits.kl(a, b), (b,), (a,))[1], ((q - p) * a).sum(-1))
    close(jax.grad(lambda q: probs.kl(p, q).sum())(q), 1.0 - p / q)
    generator = generators.from_function(lambda u: u**2, "square")
    close(jax.grad(lambda q: probs.f_divergence(p, q, generator).sum())(q), 1.0 - (p / q) ** 2)
    assert compiled == [(0, 1), (1,), (1,), (1,), (1,), (1,)]
    compiled.clear()
    # Another axis, rows that are broadcast, a temperature or an order that moves, another transformation: as ever.
    close(jax.grad(lambda b: logits.kl(a, b, axis=0).sum())(b), jax.nn.softmax(b, 0) - jax.nn.softmax(a, 0))
    close(jax.grad(lambda b: logits.kl(a, b).sum())(b[0]), (q[:1] - p).sum(0))
    jax.grad(lambda t: logits.kl(a, b, temperature=t).sum())(2.0)
    jax.grad(lambda order: logits.renyi(a, b, order=order).sum())(0.5)
    close(jax.vmap(jax.grad(logits.kl, 1))(a, b), q - p)
    close(jax.hessian(lambda b: logits.kl(a[0], b))(b[0]), jnp.diag(q[0]) - jnp.outer(q[0], q[0]))
    assert not compiled


@pytest.mark.parametrize("verb", [logits.kl, probs.kl])
def test_shapes_that_do_not_match_are_told_the_same_under_a_gradient(verb: Any) -> None:
    p, q = jnp.full((3, 4), 0.25), jnp.full((3, 5), 0.2)
    with pytest.raises(ValueError, match="shape") as plain:
        verb(p, q)
    with pytest.raises(ValueError, match="shape") as differentiated:
        jax.grad(lambda p: verb(p, q).sum())(p)
    assert str(differentiated.value) == str(plain.value)


def test_what_may_hold_something_traced_is_not_closed() -> None:
    normal, power = families.Normal(0.0, 1.0), 3.0
    for closed in (normal, 0.5, generators.kl, generators.skew(generators.kl, 0.5), [normal, {"order": 2.0}]):
        assert _prompt.is_closed(closed)
    assert _prompt.is_closed(generators.from_function(lambda u: u**2))
    assert not _prompt.is_closed(generators.from_function(lambda u: u**power))
    for holds in (lambda x, power=power: x**power, types.SimpleNamespace(log_prob=lambda x: -x * x), object()):
        assert not _prompt.is_closed(holds)
        assert not _prompt.is_closed({"p": [normal, holds]})


def test_of_what_xla_does_not_know_less_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = {"xla_cpu_no_such_option": True}
    for sets, chosen in (((unknown, {}), {}), ((unknown,), None)):
        monkeypatch.setattr(_prompt, "_OPTIONS", sets)
        _prompt._options.cache_clear()
        assert _prompt._options() == chosen
        assert prompt(cube, static_argnums=(0,))(3, 2.0) == 8.0
    _prompt._options.cache_clear()


def test_digits_under_xlas_own_options() -> None:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": f"{HERE.parent}:{HERE}"}
    environment.pop("XLA_FLAGS", None)
    command = [sys.executable, "-W", "error", str(HERE / "compiled.py")]
    found = subprocess.run(command, env=environment, text=True, capture_output=True, check=False)
    assert (found.returncode, found.stdout) == (0, "done\n"), found.stderr[-3000:]
