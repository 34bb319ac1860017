"""Large programs that do little are compiled quickly, where they run at once and on few numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kljax import _prompt
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
