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

from kljax import generators, logits, probs
from kljax._kernels.choose import BLOCK_BYTES

pytestmark = pytest.mark.skipif(jax.default_backend() != "cpu", reason="about XLA's CPU programs")

COSTLY = ("exponential", "exponential-minus-one", "log", "log-plus-one", "power", "tanh", "logistic", "cosine", "sine")
INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?[\w.-]+ = (\([^=]*?\)|\S+) ([\w-]+)\((.*)$")


def computations_of(text: str) -> tuple[dict[str, list[tuple[str, str, str]]], str]:
    """The instructions of each computation as (shape, kind, rest), and the name of the entry."""
    computations: dict[str, list[tuple[str, str, str]]] = {}
    name = entry = ""
    for line in text.splitlines():
        if header := re.match(r"^(ENTRY )?%?([\w.-]+) \(.*\{$", line):
            name = header[2]
            computations[name] = []
            entry = name if header[1] else entry
        elif match := INSTRUCTION.match(re.sub(r"/\*.*?\*/", "", line)):
            computations[name].append((match[1], match[2], match[3]))
    return computations, entry


def branches_of(rest: str) -> list[str]:
    """The names of a conditional's branches."""
    branches = re.search(r"branch_computations=\{([^}]*)\}", rest)
    listed = branches[1].split(",") if branches else re.findall(r"(?:true|false)_computation=(%?[\w.-]+)", rest)
    return [one.strip(" %") for one in listed]


def costly(text: str) -> float:
    """How many entries the program's exponentials and logarithms have; of a conditional the least branch counts."""
    computations, entry = computations_of(text)

    @functools.cache
    def count(name: str) -> float:
        total = 0.0
        for shape, kind, rest in computations[name]:
            called = re.findall(r"(?:calls|to_apply|body|condition)=%?([\w.-]+)", rest)
            if kind == "conditional":
                total += min(map(count, branches_of(rest)))
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


def arrays(text: str, size: int) -> int:
    """How many arrays of this size a program writes to memory; of a conditional the least branch counts."""
    computations, entry = computations_of(text)

    @functools.cache
    def count(name: str) -> int:
        total = 0
        for shape, kind, rest in computations[name]:
            called = re.findall(r"(?:body|to_apply)=%?([\w.-]+)", rest)
            if kind == "conditional":
                total += min(map(count, branches_of(rest)))
            elif kind in ("while", "call"):
                total += sum(map(count, called))
            elif kind not in ("parameter", "get-tuple-element", "tuple", "constant", "bitcast"):
                found = re.match(r"\w+\[([\d,]+)\]", shape)
                total += found is not None and math.prod(map(int, found[1].split(","))) == size
        return total

    return count(entry)


# The exponentials of both rows and the terms; total variation's gap and cross-entropy's zeros besides. A gradient makes
# an exponential or two again, slopes, and what is left of them without a dominant outcome.
FEW_ARRAYS = [
    (logits, "kl", {}, 3, 6),
    (logits, "jensen_shannon", {}, 3, 9),
    (logits, "squared_hellinger", {}, 3, 7),
    (logits, "total_variation", {}, 4, 9),
    (logits, "chi_squared", {}, 3, 7),
    (logits, "skew_kl", {"weight": 0.1}, 3, 7),
    (logits, "alpha", {"order": 1.5}, 3, 7),
    (logits, "renyi", {"order": 0.5}, 3, 7),
    (logits, "cross_entropy", {}, 3, 6),
    (probs, "kl", {}, 1, 2),
    (probs, "jensen_shannon", {}, 1, 2),
    (probs, "chi_squared", {}, 1, 2),
    (probs, "alpha", {"order": 1.5}, 1, 2),
    (probs, "renyi", {"order": 0.5}, 1, 2),
    (probs, "cross_entropy", {}, 2, 4),
]


@pytest.mark.skipif(jax.__version_info__ < (0, 10, 2), reason="what XLA joins is the compiler's")
@pytest.mark.parametrize(
    ("module", "verb", "options", "of_value", "with_gradient"),
    FEW_ARRAYS,
    ids=[f"{module.__name__.split('.')[1]}-{verb}" for module, verb, *_ in FEW_ARRAYS],
)
def test_arrays_of_the_rows_size_that_are_written(
    module: Any, verb: str, options: dict[str, Any], of_value: int, with_gradient: int
) -> None:
    shape = (512, 100)
    for gradient, most in ((False, of_value), (True, with_gradient)):
        compiled = program(getattr(module, verb), shape, gradient=gradient, **options)
        assert 1 <= arrays(compiled.as_text(), math.prod(shape)) <= most
