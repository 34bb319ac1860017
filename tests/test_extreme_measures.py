"""Measures whose ratio is no number of the dtype, 1e30 beside 1e-38: values and slopes against multiprecision."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import oracles
import pytest

from kljax import generators, probs
from kljax.generators import Generator

F_DIVERGENCES: dict[str, dict[str, Any]] = {
    "kl": {},
    "jeffreys": {},
    "jensen_shannon": {},
    "jensen_shannon-0.25": {"weight": 0.25},
    "skew_kl-0.1": {"weight": 0.1},
    "skew_kl-0.999": {"weight": 0.999},
    "squared_hellinger": {},
    "total_variation": {},
    "chi_squared": {},
    "le_cam": {},
    "alpha--1.0": {"order": -1.0},
    "alpha-0.3": {"order": 0.3},
    "alpha-0.99": {"order": 0.99},
    "alpha-1.01": {"order": 1.01},
    "alpha-1.5": {"order": 1.5},
    "tsallis-0.9": {"order": 0.9},
    "reverse_kl": {},
    "neyman": {},
}
REVERSED: dict[str, Generator] = {"reverse_kl": generators.reverse_kl, "neyman": generators.neyman}
MASSES = {
    "float32": [float(np.finfo(np.float32).tiny), 3.5e-38, 1e-30, 1e-7, 1.0, 1e10, 1e30, 1e38],
    "float64": [float(np.finfo(float).tiny), 1e-300, 1e-100, 0.3, 1.0, 1e30, 1e200, 1e300],
}


def _evaluate(label: str, p: np.ndarray, q: np.ndarray, traced: bool) -> Any:
    options = F_DIVERGENCES[label]

    def value(p: jax.Array, q: jax.Array, numbers: dict[str, Any]) -> jax.Array:
        if label in REVERSED:
            return probs.f_divergence(p, q, REVERSED[label], measure=True)
        return getattr(probs, label.partition("-")[0])(p, q, measure=True, **numbers)

    def both(p: jax.Array, q: jax.Array, numbers: dict[str, Any]) -> Any:
        found, back = jax.vjp(lambda p, q: value(p, q, numbers), p, q)
        return found, *back(jnp.ones_like(found))

    if traced:
        return jax.jit(both)(p, q, {name: jnp.asarray(x, p.dtype) for name, x in options.items()})
    return jax.jit(lambda p, q: both(p, q, options))(p, q)


CASES = [
    (label, dtype, traced)
    for label, options in F_DIVERGENCES.items()
    for dtype in MASSES
    for traced in ((False, True) if options else (False,))
]


@pytest.mark.parametrize(("label", "dtype", "traced"), CASES)
@pytest.mark.by_default(
    "squared_hellinger-float32-False", "jensen_shannon-0.25-float64-False", "skew_kl-0.1-float32-False",
    "alpha-0.3-float32-True", "alpha-0.99-float32-False", "kl-float32-False",
)  # fmt: skip
def test_each_pair_of_masses(label: str, dtype: str, traced: bool) -> None:
    kind = np.finfo(dtype)
    top = float(kind.max)
    with jax.enable_x64(dtype == "float64"):
        p, q = (x.ravel()[:, None] for x in np.meshgrid(*2 * [np.array(MASSES[dtype], dtype)]))
        found = [np.asarray(x).ravel().astype(float) for x in _evaluate(label, p, q, traced)]
    options = {k: float(np.asarray(x, dtype)) if traced else x for k, x in F_DIVERGENCES[label].items()}
    for at, (one, two) in enumerate(zip(p, q, strict=True)):
        pair, name = oracles.from_probs(one, two), label.partition("-")[0]
        slopes = oracles.gradient(pair, name, **options)
        exact = [
            float(np.clip(x, -1e308, 1e308)) for x in (oracles.value(pair, name, **options), *(s[0] for s in slopes))
        ]
        # Of an order what its rounding, and that of one less it, is to a power of so large a ratio.
        spread = abs(np.log(float(one[0])) - np.log(float(two[0]))) if "order" in options else 0.0
        for part, (got, right) in enumerate(zip((x[at] for x in found), exact, strict=True)):
            if abs(right) > 0.5 * top / max(1.0, spread):  # what overflows saturates
                assert got * np.sign(right) >= 0.05 * top or abs(got - right) <= 1e-3 * abs(right)
                continue
            # What is smaller than the smallest normal number is flushed.
            allowed = (8.0 + 0.5 * spread) * float(kind.eps) * abs(right) + 16.0 * float(kind.tiny)
            assert abs(got - right) <= allowed, (label, part, one, two, got, right)


def test_a_row_of_huge_and_tiny_masses() -> None:
    p, q = jnp.float32([1e18, 1e10, 1e-7, 1e30]), jnp.float32([1e-30, 3.5e-38, 0.0, 0.0])
    steps = jnp.float32([0.3, -0.7, 0.9, -0.2]), jnp.float32([-0.6, 0.8, 0.1, 0.5])
    gradient = jax.jit(jax.grad(probs.squared_hellinger, (0, 1)), static_argnames=("measure",))(p, q, measure=True)
    edge = float(np.finfo(np.float32).tiny)  # where an infinite slope is taken
    right = [-0.5 * np.sqrt(float(x) / max(float(y), edge)) for x, y in zip(p, q, strict=True)]
    np.testing.assert_allclose(gradient[0], 0.5, rtol=1e-6)
    np.testing.assert_allclose(gradient[1], right, rtol=1e-5)
    for name in ("squared_hellinger", "hellinger_distance", "jensen_shannon", "jensen_shannon_distance"):
        slopes = jax.grad(lambda p, q, name=name: getattr(probs, name)(p, q, measure=True), (0, 1))
        product = jax.jit(lambda *rows, slopes=slopes: jax.jvp(slopes, rows[:2], rows[2:])[1])(p, q, *steps)
        assert not any(np.isnan(x).any() for x in product), name
