"""Rows taken by exponentials as they are, against multiprecision, without the passes that serve the others.

Few logits take the passes (``choose``), so that the other tests of the verbs say little about this way. What says that
it serves a row must have its digits, with the tolerances of ``test_logits.py``: a value 16 eps and 4 in the median, a
gradient 32 eps of its norm, a Hessian's product 64 eps of its norm. Rows that are not served are left out; where none
were left the test would say nothing, so that those which must be served are named.
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

from kljax import generators
from kljax._kernels.cross_entropy import CROSS_ENTROPY
from kljax._kernels.divergence import Divergence
from kljax._kernels.f_divergence import F_DIVERGENCE
from kljax._kernels.kullback_leibler import KL
from kljax._kernels.renyi import RENYI

# A verb, its options, its divergence, and what that is given.
VERBS: list[tuple[str, dict[str, Any], Divergence, Any]] = [
    ("kl", {}, KL, generators.kl),
    ("jeffreys", {}, F_DIVERGENCE, generators.jeffreys),
    ("jensen_shannon", {}, F_DIVERGENCE, generators.jensen_shannon()),
    ("skew_kl", {"weight": 0.25}, F_DIVERGENCE, generators.skew_kl(0.25)),
    ("squared_hellinger", {}, F_DIVERGENCE, generators.squared_hellinger),
    ("total_variation", {}, F_DIVERGENCE, generators.total_variation),
    ("chi_squared", {}, F_DIVERGENCE, generators.pearson),
    ("le_cam", {}, F_DIVERGENCE, generators.le_cam),
    ("alpha", {"order": 1.5}, F_DIVERGENCE, generators.alpha(1.5)),
    ("alpha", {"order": 1.75}, F_DIVERGENCE, generators.alpha(1.75)),
    ("alpha", {"order": 3.0}, F_DIVERGENCE, generators.alpha(3.0)),
    ("renyi", {"order": 0.5}, RENYI, generators.alpha(0.5)),
    ("renyi", {"order": 2.0}, RENYI, generators.alpha(2.0)),
    ("cross_entropy", {}, CROSS_ENTROPY, None),
]
IDS = [name + "".join(f"-{value}" for value in options.values()) for name, options, *_ in VERBS]
MUST = ("apart", "close", "shifted", "both miss one")  # whatever the verb
OUTCOMES = 5


def _kinds(dtype: Any) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    a, b = np.random.default_rng(7).standard_normal((2, OUTCOMES))
    hole = np.array([0.0, 0.0, -np.inf, 0.0, 0.0])
    kinds = {
        "apart": (a, b),
        "close": (a, a + 0.03 * b),
        "closer": (a, a + 1e-3 * b),
        "near": (a, a + 1e-6 * b),
        "shifted": (a + 2.0, b + 3.0),
        "close but for a constant": (a, a + 3.0 + 0.01 * b),
        "of two levels": (a - 9.0, b + 9.0),
        "disjoint": (a + 9.0 * np.eye(OUTCOMES)[0], b + 9.0 * np.eye(OUTCOMES)[1]),
        "wide": (8.0 * a, 8.0 * b),
        "wider": (25.0 * a, 25.0 * b),
        "one peak": (a + 20.0 * np.eye(OUTCOMES)[0], b),
        "both miss one": (a + hole, b + hole),
        "p misses one": (a + hole, b),
        "q misses one": (a, b + hole),
        "small in q": (a, b - 35.0 * np.eye(OUTCOMES)[1]),
        "tiny in q": (a, b - 60.0 * np.eye(OUTCOMES)[1]),
        "lost in q": (a - 30.0 * np.eye(OUTCOMES)[1], b - 93.0 * np.eye(OUTCOMES)[1]),
    }
    return {kind: (one.astype(dtype), other.astype(dtype)) for kind, (one, other) in kinds.items()}


@functools.partial(jax.jit, static_argnums=(0,))
def _quick(divergence: Divergence, given: Any, a: Any, b: Any, temperature: Any, steps: Any) -> Any:
    """(values, whether they serve, gradients in a/T and b/T, how these move with steps of a and b)"""
    quick = divergence.in_range
    assert quick is not None
    value, rows, served = quick.value(given, a, b, temperature)

    def slopes(a: jax.Array, b: jax.Array) -> Any:
        return quick.slopes(quick.sides, (given, value[..., 0]), temperature, a, b, rows)

    return value[..., 0], served[..., 0], *jax.jvp(slopes, (a, b), steps)


CASES = list(itertools.product(range(len(VERBS)), (np.float32, np.float64), (1.0, 3.0)))
LABELS = [f"{IDS[i]}-{dtype.__name__}-{temperature}" for i, dtype, temperature in CASES]
SHORT = [label for label, case in zip(LABELS, CASES, strict=True) if case[1:] == (np.float32, 1.0) or case[0] in (0, 2)]


@pytest.mark.parametrize(("verb", "dtype", "temperature"), CASES, ids=LABELS)
@pytest.mark.by_default(*SHORT)
def test_what_serves_a_row_has_its_digits(verb: int, dtype: Any, temperature: float) -> None:
    name, options, divergence, given = VERBS[verb]
    kinds = _kinds(dtype)
    with jax.enable_x64(dtype == np.float64):
        a, b = (np.stack([rows[side] for rows in kinds.values()]) for side in (0, 1))
        steps = tuple(np.random.default_rng(8).standard_normal((2, *a.shape)).astype(dtype))
        scale = None if temperature == 1.0 else jnp.asarray(temperature, dtype)
        value, served, slopes, turns = jax.tree.map(np.asarray, _quick(divergence, given, a, b, scale, steps))
    assert divergence.in_range is not None
    sides = ["pq".index(side) for side in divergence.in_range.sides]
    errors = []
    for i, kind in enumerate(kinds):
        assert served[i] or kind not in MUST, kind
        if not served[i]:
            continue
        pair = oracles.from_logits(a[i], b[i], temperature=temperature)
        errors.append(oracles.value_error(value[i], oracles.value(pair, name, **options)))
        assert errors[-1] <= 16.0, kind
        if np.isinf(value[i]):
            continue
        exact = oracles.gradient(pair, name, **options)
        for side, found in zip(sides, slopes, strict=True):
            assert oracles.norm_error(found[i], temperature * exact[side], 4096.0) <= 32.0, kind
        if name in ("total_variation", "cross_entropy") or kind not in MUST or temperature != 1.0:
            continue
        here = np.isfinite(np.concatenate([a[i], b[i]]))
        moved = np.where(here, np.concatenate([step[i] for step in steps]), 0.0).astype(object)
        product = np.where(here, np.where(here, np.asarray(oracles.hessian(pair, name, **options)), 0.0) @ moved, 0.0)
        assert oracles.norm_error(np.concatenate([turn[i] for turn in turns]), product) <= 64.0, kind
    assert np.median(errors) <= 4.0
