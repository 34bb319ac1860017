"""Temperatures, and weights and orders that are traced: their values, derivatives and ends."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sweeps import thinned
from verbs import CHOSEN, MODULES, PLAIN, VERBS, boundary_rows

from kljax import logits


def _eps(dtype: str) -> float:
    return float(np.finfo(dtype).eps)


@pytest.mark.parametrize("dtype", thinned(["float32", "float64"], ["float32"]))
@pytest.mark.parametrize("label", thinned(CHOSEN, PLAIN))
@pytest.mark.by_default("kl-float32")
def test_a_temperature_divides_the_logits(label: str, dtype: str) -> None:
    rng, verb = np.random.default_rng(11), VERBS[label]
    a, b = (np.round(64 * rng.normal(scale=2.0, size=(12, 6))).astype(dtype) / 64 for _ in range(2))
    a[0, 0] = b[0, 0] = -np.inf
    with jax.enable_x64(dtype == "float64"):
        four = a.dtype.type(4.0)  # a power of two, so that the division is exact
        static = verb(logits, a, b, temperature=4.0)
        traced = jax.jit(lambda a, b, t: verb(logits, a, b, temperature=t))(a, b, four)
        expected = verb(logits, a / four, b / four)
        gradient = jax.grad(lambda a: verb(logits, a, b, temperature=4.0).sum())(a)
        plain = jax.grad(lambda a: verb(logits, a, b / four).sum())(a / four) / four
    np.testing.assert_allclose(static, expected, rtol=16 * _eps(dtype))
    np.testing.assert_allclose(traced, expected, rtol=16 * _eps(dtype))
    assert np.abs(gradient - plain).max() <= 16 * _eps(dtype) * np.abs(plain).max()


def test_near_equal_logits_keep_their_digits_at_any_temperature() -> None:
    rng = np.random.default_rng(12)
    a = rng.normal(scale=5.0, size=(40, 16)).astype(np.float32)
    b = (a + 1e-4 * rng.normal(size=a.shape)).astype(np.float32)
    with jax.enable_x64(True):
        exact = logits.kl(a.astype(np.float64), b.astype(np.float64), temperature=float(np.float32(0.7)))
    np.testing.assert_allclose(logits.kl(a, b, temperature=0.7), exact, rtol=16 * _eps("float32"))


PARAMETERS = [
    ("jensen_shannon", "weight", 0.3),
    ("jensen_shannon", "weight", 0.5),
    ("skew_kl", "weight", 0.2),
    ("renyi", "order", 0.4),
    ("renyi", "order", 1.0),
    ("renyi", "order", 1.7),
    ("alpha", "order", -0.5),
    ("alpha", "order", 0.0),
    ("alpha", "order", 0.5),
    ("alpha", "order", 1.0),
    ("alpha", "order", 2.5),
    ("tsallis", "order", 1.0),
    ("tsallis", "order", 1.6),
    ("entropy", "order", 1.0),
    ("entropy", "order", 2.0),
]
OFTEN = [
    ("jensen_shannon", "weight", 0.3),
    ("renyi", "order", 1.0),
    ("alpha", "order", -0.5),
    ("entropy", "order", 1.0),
]


@pytest.mark.parametrize(("name", "option", "at"), thinned(PARAMETERS, OFTEN, spread=True))
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.by_default("logits-jensen_shannon-weight-0.3")
def test_traced_parameters_and_their_derivatives(module: str, name: str, option: str, at: float) -> None:
    rng = np.random.default_rng(13)
    with jax.enable_x64(True):
        a, b = (jnp.asarray(one) for one in rng.normal(size=(2, 6)))
        operands = (a, b) if module == "logits" else (jax.nn.softmax(a), jax.nn.softmax(b))
        operands = operands[:1] if name == "entropy" else operands
        verb = getattr(MODULES[module], name)

        @jax.jit
        def value(x: jax.Array) -> jax.Array:
            return verb(*operands, **{option: x})

        x, step = jnp.asarray(at), 1e-5
        np.testing.assert_allclose(value(x), verb(*operands, **{option: at}), rtol=32 * _eps("float64"))
        difference = (value(x + step) - value(x - step)) / (2.0 * step)
        # Central differences are right to step² and to eps/step.
        for slope in (jax.grad(value)(x), jax.jacfwd(value)(x)):
            np.testing.assert_allclose(slope, difference, rtol=1e-7, atol=1e-9)
        second = (jax.grad(value)(x + step) - jax.grad(value)(x - step)) / (2.0 * step)
        np.testing.assert_allclose(jax.grad(jax.grad(value))(x), second, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("label", thinned([label for label in CHOSEN if label != "total_variation"], PLAIN))
@pytest.mark.by_default("kl")
def test_the_derivative_in_the_temperature(label: str) -> None:
    rng, verb = np.random.default_rng(14), VERBS[label]
    with jax.enable_x64(True):
        a, b = (jnp.asarray(one) for one in rng.normal(size=(2, 6)))
        a, b = a.at[0].set(-jnp.inf), b.at[0].set(-jnp.inf)
        value = jax.jit(lambda t: verb(logits, a, b, temperature=t))
        t, step = jnp.asarray(1.3), 1e-5
        difference = (value(t + step) - value(t - step)) / (2.0 * step)
        for slope in (jax.grad(value)(t), jax.jacfwd(value)(t)):
            np.testing.assert_allclose(slope, difference, rtol=1e-7, atol=1e-9)
        second = (jax.grad(value)(t + step) - jax.grad(value)(t - step)) / (2.0 * step)
        np.testing.assert_allclose(jax.grad(jax.grad(value))(t), second, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", thinned(["float32", "float64"], ["float32"]))
@pytest.mark.parametrize("module", thinned(MODULES, []))
def test_traced_weights_and_orders_at_the_boundary(module: str, dtype: str) -> None:
    p, q = boundary_rows(module, dtype)
    with jax.enable_x64(dtype == "float64"), jax.debug_nans(True):
        for name, option, values in (
            ("jensen_shannon", "weight", (0.0, 0.25, 1.0)),
            ("skew_kl", "weight", (0.0, 0.25, 1.0)),
            ("renyi", "order", (0.5, 1.0, 2.0)),
            ("alpha", "order", (-1.0, 0.0, 0.5, 1.0, 2.0)),
        ):
            verb = getattr(MODULES[module], name)

            @jax.jit
            def both(x: jax.Array, verb: Any = verb, option: str = option) -> Any:
                value = verb(p, q, **{option: x})
                gradient = jax.grad(lambda p, q, x: verb(p, q, **{option: x}).sum(), (0, 1, 2))(p, q, x)
                return value, gradient

            for x in values:
                found, gradients = both(jnp.asarray(x, dtype))
                expected = verb(p, q, **{option: x})
                np.testing.assert_allclose(found, expected, rtol=64 * _eps(dtype), atol=16 * _eps(dtype))
                assert all(np.isfinite(one).all() for one in gradients[:2])


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.full
def test_weights_of_the_divergence_of_many(module: str) -> None:
    rng = np.random.default_rng(15)
    with jax.enable_x64(True):
        a = jnp.asarray(rng.normal(size=(3, 4, 5)))
        stack = a if module == "logits" else jax.nn.softmax(a)
        many = MODULES[module].generalized_jensen_shannon
        pair = many(stack[:2], weights=np.array([0.25, 0.75]))
        two = MODULES[module].jensen_shannon(stack[0], stack[1], weight=0.25)
        np.testing.assert_allclose(pair, two, rtol=64 * _eps("float64"))
        weights = jnp.array([0.2, 0.3, 0.5])
        value = jax.jit(lambda w: many(stack, weights=w).sum())
        step = 1e-6
        # Weights sum to 1, so they can only move from one member to another.
        moves = np.eye(3) - np.roll(np.eye(3), 1, axis=1)
        difference = [(value(weights + step * move) - value(weights - step * move)) / (2 * step) for move in moves]
        np.testing.assert_allclose(moves @ jax.grad(value)(weights), difference, rtol=1e-7, atol=1e-9)
        moved = many(jnp.moveaxis(stack, (0, 2), (1, 0)), weights=weights, stack_axis=1, axis=0)
        np.testing.assert_allclose(moved, many(stack, weights=weights), rtol=64 * _eps("float64"))
        # A member of weight zero counts for nothing, whatever it is.
        np.testing.assert_allclose(many(stack, weights=np.array([0.25, 0.75, 0.0])), pair, rtol=64 * _eps("float64"))


@pytest.mark.parametrize("order", [0.3, 0.7])
@pytest.mark.parametrize("module", MODULES)
def test_the_derivative_in_the_order_counts_the_mass_that_q_misses(module: str, order: float) -> None:
    with jax.enable_x64(True):
        p, q = np.array([0.2, 0.3, 0.5]), np.array([0.6, 0.4, 0.0])
        operands = (p, q) if module == "probs" else (np.log(p), np.where(q > 0.0, np.log(np.maximum(q, 0.1)), -np.inf))
        slope = jax.grad(lambda order: MODULES[module].renyi(*operands, order=order))(jnp.asarray(order))

    def textbook(order: float) -> float:
        return float(np.log(np.sum(p**order * q ** (1.0 - order))) / (order - 1.0))

    step = 1e-6
    expected = (textbook(order + step) - textbook(order - step)) / (2.0 * step)
    np.testing.assert_allclose(slope, expected, rtol=1e-8)
