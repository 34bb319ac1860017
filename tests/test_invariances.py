"""What changes nothing: masks, shifts of logits, permutations, axes, batches, half precision, vmap."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sweeps import thinned
from verbs import AT, CHOSEN, MODULES, PLAIN, VERBS, boundary_rows, is_divergence

from kljax import logits, probs

EACH = thinned(CHOSEN, PLAIN)


def _eps(dtype: str) -> float:
    return float(np.finfo(dtype).eps)


# --- masks ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", thinned(["float32", "float64"], ["float32"]))
@pytest.mark.parametrize("label", EACH)
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.by_default("logits-kl-float32")
def test_a_masked_outcome_is_left_out(module: str, label: str, dtype: str) -> None:
    rng, verb = np.random.default_rng(5), VERBS[label]
    a, b = rng.normal(size=(2, 6, 5)).astype(dtype)
    mask = rng.random((6, 5)) > 0.4
    mask[:, :2] = True
    bad = {"probs": np.nan, "logits": np.inf}[module]
    if module == "probs":
        a, b = np.exp(a), np.exp(b)
    nothing = 0.0 if module == "probs" else -np.inf
    with jax.enable_x64(dtype == "float64"):
        both = jax.jit(jax.value_and_grad(lambda a, b, **more: verb(MODULES[module], a, b, **more).sum(), (0, 1)))
        # Whatever stands under the mask, numbers or not.
        hidden = [np.where(mask, one, bad) for one in (a, b)]
        value, gradients = both(*hidden, where=mask)
        filled, fill_gradients = both(*(np.where(mask, one, nothing) for one in (a, b)))
        rows = verb(MODULES[module], a, b, where=mask)
        left = [verb(MODULES[module], a[i][mask[i]], b[i][mask[i]]) for i in range(len(a))]
    # The same numbers, but for sums that XLA fuses in another order where a mask comes in.
    np.testing.assert_allclose(value, filled, rtol=4 * _eps(dtype))
    for found, expected in zip(gradients, fill_gradients, strict=True):
        np.testing.assert_allclose(found, np.where(mask, expected, 0.0), rtol=8 * _eps(dtype), atol=4 * _eps(dtype))
        assert (np.asarray(found)[~mask] == 0.0).all()
    # Leaving out changes the order of the sums only.
    assert np.allclose(rows, np.array(left), rtol=32 * _eps(dtype), atol=32 * _eps(dtype))


def test_a_mask_broadcasts_and_reaches_entropies_and_stacks() -> None:
    rng = np.random.default_rng(6)
    a, mask = rng.normal(size=(3, 4, 5)).astype(np.float32), np.array([True, True, False, True, True])
    kept = a[..., mask]
    assert np.allclose(logits.entropy(a, where=mask), logits.entropy(kept), rtol=1e-6)
    assert np.allclose(
        logits.generalized_jensen_shannon(a, where=mask), logits.generalized_jensen_shannon(kept), rtol=1e-5
    )
    p, kept = np.exp(a), np.exp(kept)
    assert np.allclose(probs.entropy(p, where=mask), probs.entropy(kept), rtol=1e-6)
    assert np.allclose(
        probs.generalized_jensen_shannon(p, where=mask), probs.generalized_jensen_shannon(kept), rtol=1e-5
    )


# --- shifts and permutations ------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", thinned(["float32", "float64"], ["float32"]))
@pytest.mark.parametrize("label", EACH)
def test_shifted_and_permuted_logits(label: str, dtype: str) -> None:
    rng, verb = np.random.default_rng(8), VERBS[label]
    # Multiples of 1/64, so that a shift by a power of two is exact.
    a, b = (np.round(64 * rng.normal(scale=2.0, size=(20, 7))).astype(dtype) / 64 for _ in range(2))
    a[::3, 2] = -np.inf
    b[::3, 2] = -np.inf
    order = rng.permutation(7)
    with jax.enable_x64(dtype == "float64"):
        both = jax.jit(jax.value_and_grad(lambda a, b: verb(logits, a, b).sum(), (0, 1)))
        rows = jax.jit(lambda a, b: verb(logits, a, b))
        value, gradients = rows(a, b), both(a, b)[1]
        shifted, shifted_gradients = rows(a + dtype_of(a, 128), b - dtype_of(b, 64)), both(a + dtype_of(a, 128), b)[1]
        permuted = rows(a[:, order], b[:, order])
        equal = rows(a + dtype_of(a, 128), a)
    assert np.allclose(value, shifted, rtol=8 * _eps(dtype), atol=0.0)
    assert np.allclose(value, permuted, rtol=32 * _eps(dtype), atol=0.0)
    for one, other in zip(gradients, shifted_gradients, strict=True):
        assert np.abs(one - other).max() <= 16 * _eps(dtype) * np.abs(one).max()
        assert np.abs(np.asarray(one).sum(-1)).max() <= 16 * _eps(dtype) * np.abs(one).max()
    if is_divergence(verb):
        assert (np.asarray(equal) == 0.0).all()


def dtype_of(array: np.ndarray, number: float) -> np.ndarray:
    """The number in the array's dtype."""
    return array.dtype.type(number)


# --- dtypes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [jnp.bfloat16, jnp.float16])
@pytest.mark.parametrize("label", EACH)
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.by_default("logits-kl-bfloat16")
def test_half_precision_is_read_as_it_is(module: str, label: str, half: Any) -> None:
    rng, verb = np.random.default_rng(9), VERBS[label]
    a, b = (jnp.asarray(rng.normal(size=(6, 9)), half) for _ in range(2))
    if module == "probs":
        a, b = jnp.exp(a), jnp.exp(b)
    wide = [one.astype(jnp.float32) for one in (a, b)]
    value, expected = verb(MODULES[module], a, b), verb(MODULES[module], *wide)
    assert value.dtype == jnp.float32
    # The same numbers; one program may sum them in another order than the other.
    assert np.allclose(value, expected, rtol=8 * _eps("float32"), atol=0.0)
    mixed = verb(MODULES[module], a, wide[1])
    assert mixed.dtype == jnp.float32
    assert np.allclose(mixed, expected, rtol=8 * _eps("float32"), atol=0.0)
    gradient = jax.grad(lambda a: verb(MODULES[module], a, b).sum())(a)
    exact = jax.grad(lambda a: verb(MODULES[module], a, wide[1]).sum())(wide[0])
    assert gradient.dtype == half
    eps = float(jnp.finfo(half).eps)
    assert np.abs(gradient.astype(jnp.float32) - exact).max() <= eps * np.abs(exact).max()


@pytest.mark.parametrize("module", MODULES)
def test_a_double_operand_makes_a_double_result(module: str) -> None:
    with jax.enable_x64(True):
        single, double = np.array([0.25, 0.75], np.float32), np.array([0.5, 0.5])
        assert MODULES[module].kl(single, single).dtype == np.float32
        assert MODULES[module].kl(single, double).dtype == np.float64
        assert MODULES[module].entropy(double, order=2.0).dtype == np.float64
        assert MODULES[module].renyi(single, single, order=0.5).dtype == np.float32


# --- axis, batches, transformations -----------------------------------------------------------------------


@pytest.mark.parametrize("label", EACH)
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.by_default("logits-kl")
def test_axes(module: str, label: str) -> None:
    rng, verb = np.random.default_rng(10), VERBS[label]
    a, b = rng.normal(size=(2, 3, 4, 5)).astype(np.float32)
    if module == "probs":
        a, b = np.exp(a), np.exp(b)
    call = functools.partial(verb, MODULES[module])
    near = functools.partial(np.testing.assert_allclose, rtol=64 * _eps("float32"), atol=1e-6)
    near(call(a, b, axis=1), call(np.moveaxis(a, 1, -1), np.moveaxis(b, 1, -1)))
    near(call(a, b, axis=-3), call(a, b, axis=0))
    merged = [one.transpose(1, 0, 2).reshape(4, -1) for one in (a, b)]
    near(call(a, b, axis=(0, 2)), call(*merged))
    near(call(a, b, axis=(-1, 0)), call(*merged))
    assert call(a, b, axis=(0, 1, 2)).shape == ()
    near(call(a, b[0, 0]), call(a, np.broadcast_to(b[0, 0], a.shape)))


@pytest.mark.parametrize("label", EACH)
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.by_default("logits-kl")
def test_vmap_over_rows_and_over_one_operand(module: str, label: str) -> None:
    p, q = boundary_rows(module, "float32")
    call = functools.partial(VERBS[label], MODULES[module])
    expected = np.asarray(call(p, q))
    found = jax.jit(jax.vmap(call))(p, q)
    np.testing.assert_allclose(found, expected, rtol=8 * _eps("float32"), atol=0.0)
    matrix = jax.jit(jax.vmap(jax.vmap(call, (None, 0)), (0, None)))(p, q)
    np.testing.assert_allclose(np.diagonal(matrix), expected, rtol=8 * _eps("float32"), atol=0.0)


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.by_default("logits")
def test_linearize_checkpoint_and_scan(module: str) -> None:
    p, q = (one[AT["inside"]] for one in boundary_rows(module, "float32"))
    kl = MODULES[module].kl
    value, gradient = jax.value_and_grad(kl)(p, q)
    linear_value, along = jax.linearize(lambda p: kl(p, q), p)
    assert linear_value == value
    np.testing.assert_allclose(along(np.ones(4, np.float32)), gradient.sum(), atol=8 * _eps("float32"))
    np.testing.assert_allclose(jax.grad(jax.checkpoint(kl))(p, q), gradient, rtol=8 * _eps("float32"), atol=1e-7)
    total, each = jax.lax.scan(lambda sum_, p: (sum_ + kl(p, q), kl(p, q)), jnp.float32(0.0), jnp.stack([p, p]))
    np.testing.assert_allclose([total / 2, *each], value, rtol=8 * _eps("float32"))
