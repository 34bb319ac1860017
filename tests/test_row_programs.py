"""What the programs of rows compute and keep: exponentials an outcome, and scratch memory. Seconds are not asserted."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import pytest

from kljax import generators, logits
from kljax._kernels.choose import BLOCK_BYTES

pytestmark = pytest.mark.skipif(jax.default_backend() != "cpu", reason="about XLA's CPU programs")

COSTLY = ("exponential", "exponential-minus-one", "log", "log-plus-one", "power", "tanh", "logistic", "cosine", "sine")
INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.-]+ = (\([^=]*?\)|\S+) ([\w-]+)\((.*)$")


def costly(text: str) -> float:
    """How many entries the program's exponentials and logarithms have; of a conditional the least branch counts."""
    computations: dict[str, list[tuple[str, str, str]]] = {}
    name = entry = ""
    for line in text.splitlines():
        if header := re.match(r"^(ENTRY )?%?([\w.-]+) \(.*\{$", line):
            name = header[2]
            computations[name] = []
            entry = name if header[1] else entry
        elif match := INSTRUCTION.match(re.sub(r"/\*.*?\*/", "", line)):
            computations[name].append((match[1], match[2], match[3]))

    @functools.cache
    def count(name: str) -> float:
        total = 0.0
        for shape, kind, rest in computations[name]:
            called = re.findall(r"(?:calls|to_apply|body|condition)=%?([\w.-]+)", rest)
            if kind == "conditional":
                branches = re.search(r"branch_computations=\{([^}]*)\}", rest)
                listed = (
                    branches[1].split(",") if branches else re.findall(r"(?:true|false)_computation=(%?[\w.-]+)", rest)
                )
                total += min(count(one.strip(" %")) for one in listed)
            elif kind == "while":
                turns = re.search(r'trip_count":\{"n":"(\d+)"', rest)
                total += (int(turns[1]) if turns else 1) * sum(map(count, called))
            elif kind in COSTLY:
                total += math.prod(int(n) for n in re.findall(r"\d+", shape.partition("[")[2].partition("]")[0]))
            elif kind in ("fusion", "call"):
                total += sum(map(count, called))
        return total

    return count(entry)


def program(function: Callable[..., jax.Array], shape: tuple[int, int], *, gradient: bool, **options: Any) -> Any:
    def loss(y: jax.Array, x: jax.Array) -> jax.Array:
        return function(x, y, **options).sum()

    operand = jax.ShapeDtypeStruct(shape, jnp.float32)
    return jax.jit(jax.value_and_grad(loss) if gradient else loss).lower(operand, operand).compile()


# Exponentials and logarithms an outcome: those of both rows, and what a generator itself needs; with the gradient,
# whose rows are made again, twice that.
VERBS: list[tuple[str, dict[str, Any], float]] = [
    ("kl", {}, 2),
    ("kl", {"temperature": jnp.float32(2.0)}, 2),
    ("jensen_shannon", {}, 2),
    ("squared_hellinger", {}, 2),
    ("chi_squared", {}, 2),
    ("skew_kl", {"weight": 0.1}, 3),
    ("alpha", {"order": 1.5}, 3),
    ("renyi", {"order": 0.5}, 2),
    ("cross_entropy", {}, 2),
    ("f_divergence", {"generator": generators.from_function(lambda u: u**3, "cubic")}, 2),
]
IDS = [name + "".join(options) for name, options, _ in VERBS]


@pytest.mark.parametrize(("verb", "options", "most"), VERBS, ids=IDS)
def test_exponentials_of_an_outcome(verb: str, options: dict[str, Any], most: float) -> None:
    rows, outcomes = 16, 512
    compiled = program(getattr(logits, verb), (rows, outcomes), gradient=False, **options)
    found = costly(compiled.as_text()) / (rows * outcomes)
    assert 1.9 <= found <= most + 0.1


@pytest.mark.parametrize(
    ("verb", "options", "most"),
    [VERBS[0], VERBS[2], VERBS[7], VERBS[9]],
    ids=["kl", "jensen_shannon", "renyi", "f_divergence"],
)
def test_the_gradient_makes_the_rows_once_more(verb: str, options: dict[str, Any], most: float) -> None:
    rows, outcomes = 16, 512
    compiled = program(getattr(logits, verb), (rows, outcomes), gradient=True, **options)
    logs = 1.0 if verb == "jensen_shannon" else 0.0  # its slope is a logarithm
    assert costly(compiled.as_text()) / (rows * outcomes) <= 2.0 * most + logs + 0.2


@pytest.mark.parametrize("rows", [64, 256])
@pytest.mark.parametrize("verb", ["kl", "jensen_shannon"])
def test_scratch_memory_is_some_blocks_however_many_rows(verb: str, rows: int) -> None:
    compiled = program(getattr(logits, verb), (rows, 32768), gradient=True)
    assert compiled.memory_analysis().temp_size_in_bytes <= 11 * BLOCK_BYTES
