"""Legal rows form no NaN on the way and divide by no zero, so that the debuggers of JAX are silent.

``nan_trace`` evaluates a program equation by equation; ``checkify`` and ``jax_debug_nans`` themselves run on some.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify
from nan_trace import nans
from sweeps import thinned
from verbs import CROSS_ENTROPY, DIVERGENCES, ENDS, MODULES

from kljax import logits, probs

INF = np.inf
ROWS = {
    "logits": (
        [[1, 2, -INF, -INF], [1, 2, -INF, 0.5], [0, -INF, -INF, -INF], [0, -INF, -INF, -INF], [-1e9, 0, 1, -INF]],
        [[0.3, -INF, 0.2, -INF], [1, 2, -INF, 0.5], [0, -INF, -INF, -INF], [-INF, -INF, 0, -INF], [0, -1e9, 1, -INF]],
    ),
    "probs": (
        [[0.5, 0.5, 0, 0], [0.25, 0.75, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0], [1e-38, 1e-30, 0.5, 0.5], [0, 0, 0, 0]],
        [[0.5, 0, 0.5, 0], [0.25, 0.75, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0.5, 0.5, 1e-38, 1e-30], [0, 0, 0, 0]],
    ),
}
EXTREME = {
    "logits": (
        [[88, -88, 0, 1], [709, -50, -8e37, -50], [-3.4e38, -3.4e38, -8e37, -INF], [3e38, 0, -3e38, 0]],
        [[-88, 88, 0, 1], [0.5, -1e9, -1e9, 709], [-88, 0, 3.4e38, 3.3], [-3e38, 0, 3e38, 0]],
    ),
    "probs": (
        [[1e10, 0.3, 1e-30, 0], [0, 3e38, 1e-38, 1e-10], [1e-45, 1e-30, 1e-30, 5e-38]],
        [[3e38, 2, 1e-10, 1e-38], [0.3, 0.1, 0.3, 1e-30], [1e10, 1e-7, 1e18, 1e-5]],
    ),
}
VERBS = {verb.label: verb for verb in (*DIVERGENCES, *ENDS, CROSS_ENTROPY)}
EVERY = [(module, label) for module in MODULES for label in VERBS]
REDUCED = [case for case in EVERY if case[1] in ("kl", "jensen_shannon", "chi_squared", "renyi-0.5", "cross_entropy")]


def _rows(module: str, *, extreme: bool = False) -> tuple[jax.Array, jax.Array]:
    given = (EXTREME if extreme else ROWS)[module]
    return jnp.asarray(np.array(given[0], np.float32)), jnp.asarray(np.array(given[1], np.float32))


@pytest.mark.parametrize(("module", "label"), thinned(EVERY, REDUCED, spread=True))
@pytest.mark.parametrize("extreme", [False, True])
@pytest.mark.by_default(
    "True-logits-kl",
    "False-logits-renyi-0.5",
    "True-probs-jensen_shannon",
    "False-probs-chi_squared",
    "False-logits-jensen_shannon",
    "True-logits-cross_entropy",
    "False-probs-kl",
)
def test_no_nan_is_formed(module: str, label: str, extreme: bool) -> None:
    p, q = _rows(module, extreme=extreme)

    def value(p: jax.Array, q: jax.Array) -> Any:
        return VERBS[label](MODULES[module], p, q)

    found = nans(lambda p, q: (value(p, q), jax.grad(lambda *x: value(*x).sum(), (0, 1))(p, q)), p, q)
    if label == "cross_entropy":  # the sum over rows of this test may be inf - inf
        found = {key: rows for key, rows in found.items() if key[2] != "outside"}
    assert not found


@pytest.mark.parametrize(("module", "label"), EVERY)
@pytest.mark.by_default("logits-kl", "probs-total_variation")
def test_the_debuggers_are_silent(module: str, label: str) -> None:
    def value(p: jax.Array, q: jax.Array) -> jax.Array:
        return VERBS[label](MODULES[module], p, q)

    rows, both = _rows(module), jax.value_and_grad(value, (0, 1))
    if (module, label) in REDUCED:  # its programs take long to compile
        errors = checkify.float_checks | checkify.div_checks
        error, _ = checkify.checkify(jax.jit(jax.vmap(both)), errors=errors)(*rows)
        assert error.get() is None
    with jax.debug_nans(True), jax.disable_jit():
        for p, q in zip(*rows, strict=True):
            found, gradient = both(p, q)
            assert not any(np.isnan(x).any() for x in (found, *gradient))


@pytest.mark.full
def test_a_wrong_row_is_still_nan() -> None:
    a = jnp.zeros(3)
    for wrong in (jnp.array([jnp.nan, 0.0, 0.0]), jnp.array([INF, 0.0, 0.0]), jnp.full(3, -INF)):
        for verb in (*DIVERGENCES[:9], CROSS_ENTROPY):
            assert np.isnan(verb(logits, wrong, a)), verb.label
    for verb in (*DIVERGENCES[:12], *ENDS, CROSS_ENTROPY):
        assert np.isnan(verb(probs, jnp.array([-0.1, 1.1]), jnp.array([0.5, 0.5]))), verb.label
        assert np.isnan(verb(probs, jnp.array([0.5, 0.5]), jnp.array([-0.1, 1.1]))), verb.label
    assert np.isnan(probs.generalized_jensen_shannon(jnp.array([[-0.1, 1.1], [0.5, 0.5]])))
