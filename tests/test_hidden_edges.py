"""hidden.* where tokens are left out, numbers are of few bits, rows are empty, or a loss is differentiated twice."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from kljax import hidden

EPS = 2.0**-23
rng = np.random.default_rng(0)
STATES, WEIGHTS = (rng.standard_normal(shape).astype(np.float32) for shape in ((6, 8), (600, 8)))
BOTH = pytest.mark.parametrize("strategy", ["tokens", "vocabulary"])


def _rarely(*values: Any) -> Any:
    return pytest.param(*values, marks=pytest.mark.full)


def _softmax(x: np.ndarray) -> np.ndarray:
    weight = np.exp(x - x.max(-1, keepdims=True))
    return weight / weight.sum(-1, keepdims=True)


@BOTH
def test_labels_of_few_bits(strategy: str) -> None:
    # 600 outcomes, of which one byte can name the first 256.
    labels = np.array([0, 5, 100, 255, 88, 3])
    p = _softmax(STATES.astype(np.float64) @ WEIGHTS.T.astype(np.float64))
    cost = functools.partial(hidden.cross_entropy, strategy=strategy, chunk=50 if strategy == "vocabulary" else 4)
    at = jnp.asarray(labels, jnp.uint8)
    np.testing.assert_allclose(cost(at, (STATES, WEIGHTS)), -np.log(p[np.arange(6), labels]), rtol=8 * EPS)
    slope = jax.grad(lambda h: cost(at, (h, WEIGHTS), reduction="sum"))(STATES)
    p[np.arange(6), labels] -= 1.0
    np.testing.assert_allclose(slope, p @ WEIGHTS, rtol=1e-5, atol=1e-5)


@BOTH
def test_a_row_without_outcomes_has_a_log_partition(strategy: str) -> None:
    @jax.jit
    def everything(states: Any) -> Any:
        head = hidden.Head(states, WEIGHTS, jnp.full(600, -jnp.inf))
        options = {"strategy": strategy, "chunk": 200}
        value, pull = jax.vjp(functools.partial(hidden.log_partition, **options), head)
        found = hidden.entropy(head, **options, with_log_partitions=True)
        return value, pull(jnp.ones(6))[0], found, hidden.kl(head, head, **options, with_log_partitions=True)

    value, slopes, *found = everything(STATES)
    np.testing.assert_array_equal(value, -np.inf)
    assert not any(np.asarray(one).any() for one in jax.tree.leaves(slopes))
    for nothing, logs in found:
        assert np.isnan(nothing).all()  # it is no distribution
        np.testing.assert_array_equal(np.asarray(logs), -np.inf)


@pytest.mark.parametrize(
    ("strategy", "reduction"),
    [
        ("tokens", None),
        ("vocabulary", "mean"),
        _rarely("tokens", "sum"),
        _rarely("vocabulary", None),
        _rarely("tokens", "mean"),
        _rarely("vocabulary", "sum"),
    ],
)
def test_tokens_that_count_for_nothing(strategy: str, reduction: str | None) -> None:
    # Labels that are none, and states that are NaN, at tokens that are masked or of weight 0: no derivative is NaN.
    labels = np.array([0, -100, 3, 7, -100, 9])
    kept = labels >= 0
    spoiled = np.where(kept[:, None], STATES, np.nan)

    @jax.jit
    def everything(weights: Any, where: Any) -> Any:
        def loss(weights: Any, states: Any) -> jax.Array:
            options = {"where": where, "weights": weights, "reduction": reduction, "strategy": strategy}
            return hidden.cross_entropy(jnp.asarray(labels), (states, WEIGHTS), **options).sum()

        along = jax.jvp(lambda x: loss(x, spoiled), (weights,), (kept.astype(np.float32),))[1]
        return jax.value_and_grad(loss, (0, 1))(weights, spoiled), along

    z = STATES[kept].astype(np.float64) @ WEIGHTS.T
    p = _softmax(z)
    cost = -np.log(p[np.arange(4), labels[kept]])
    p[np.arange(4), labels[kept]] -= 1.0
    value, in_weights, in_states = cost.sum(), cost, p @ WEIGHTS
    if reduction == "mean":
        value, in_weights, in_states = value / 4, (cost - cost.mean()) / 4, in_states / 4
    for weights, where in ((np.ones(6), kept), (kept, np.ones(6, bool))):
        (found, slopes), along = everything(jnp.asarray(weights, jnp.float32), where)
        np.testing.assert_allclose(found, value, rtol=8 * EPS)
        np.testing.assert_allclose(slopes[0][kept], in_weights, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(slopes[1][kept], in_states, rtol=1e-4, atol=1e-6)
        assert not np.asarray(slopes[1])[~kept].any()
        assert np.isfinite(slopes[0]).all()
        np.testing.assert_allclose(along, in_weights.sum(), rtol=1e-5, atol=1e-5)


def test_a_weight_of_zero_has_a_derivative_and_no_mass_has_the_mean_zero() -> None:
    each = hidden.entropy((STATES, WEIGHTS))
    for reduction in (None, "sum"):
        slope = jax.grad(lambda x, r=reduction: hidden.entropy((STATES, WEIGHTS), weights=x, reduction=r).sum())
        np.testing.assert_allclose(slope(jnp.zeros(6)), each, rtol=8 * EPS)
    for weights in (jnp.zeros(6), jnp.array([1.0, -1.0, 0.0, 0.0, 0.0, 0.0])):
        assert hidden.entropy((STATES, WEIGHTS), weights=weights, reduction="mean") == 0.0


@BOTH
def test_log_partitions_of_masked_tokens_are_zero(strategy: str) -> None:
    where = jnp.arange(6) < 4
    spoiled = jnp.where(where[:, None], STATES, jnp.nan)
    _, logs = hidden.entropy((spoiled, WEIGHTS), where=where, strategy=strategy, with_log_partitions=True)
    exact = np.log(np.exp(STATES.astype(np.float64) @ WEIGHTS.T).sum(-1))
    np.testing.assert_allclose(logs, np.where(where, exact, 0.0), rtol=8 * EPS)


@BOTH
@pytest.mark.by_default("vocabulary")
def test_slopes_too_small_for_float16(strategy: str) -> None:
    # Over 512 tokens of 4096 outcomes, with small weights and a large scale of the loss: the slopes in the logits, and
    # the gradients before they are scaled, are no numbers of float16.
    kinds = ((512, 8), (4096, 8), (512, 8))
    h, w, k = (jnp.asarray(rng.standard_normal(shape) / 2, jnp.float16) for shape in kinds)
    exact = [np.asarray(x, np.float64) for x in (h, w, k)]
    slopes = _softmax(exact[2] @ exact[1].T) - _softmax(exact[0] @ exact[1].T)
    expected = slopes @ exact[1], slopes.T @ exact[2]
    loss = functools.partial(hidden.kl, reduction="sum", strategy=strategy, weights=jnp.full(512, 2.0**-24))
    found = jax.grad(lambda k, v: 2.0**20 * loss((h, w), (k, v)), (0, 1))(k, w)
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == jnp.float16
        error = np.linalg.norm(np.asarray(one, np.float64) * 16.0 - other)
        assert error <= 2.0**-9 * np.linalg.norm(other)


@pytest.mark.parametrize("verb", ["labels", _rarely("entropy")])
def test_the_second_derivative_of_a_sum_in_chunks(verb: str) -> None:
    # JAX 0.10 forgets derivative rules in a loop that stands in a derivative rule; see hidden._tokens.gradients.
    with jax.enable_x64(True):
        h, w = jnp.asarray(STATES[:3, :2], jnp.float64), jnp.asarray(WEIGHTS[:5, :2], jnp.float64)
        labels, step = jnp.array([0, 4, 1]), jnp.asarray(STATES[:3, 2:4], jnp.float64)

        def loss(h: Any) -> jax.Array:
            options = {"strategy": "tokens", "chunk": 1, "reduction": "sum"}
            if verb == "labels":
                return hidden.cross_entropy(labels, (h, w), **options)
            return hidden.entropy((h, w), **options)

        def plain(h: Any) -> jax.Array:
            log_p = jax.nn.log_softmax(h @ w.T)
            return -log_p[jnp.arange(3), labels].sum() if verb == "labels" else -(jnp.exp(log_p) * log_p).sum()

        exact = jax.jvp(jax.grad(plain), (h,), (step,))[1]
        forward, backward = jax.jit(
            lambda h: (
                jax.jvp(jax.grad(loss), (h,), (step,))[1],
                jax.grad(lambda x: (jax.grad(loss)(x) * step).sum())(h),
            )
        )(h)
        np.testing.assert_allclose(forward, exact, rtol=1e-11)
        np.testing.assert_allclose(backward, exact, rtol=1e-11)


def test_the_derivative_in_an_order_over_a_mesh_axis_is_refused() -> None:
    mesh = jax.make_mesh((1,), ("v",), axis_types=(jax.sharding.AxisType.Auto,))

    def mean(order: Any) -> jax.Array:
        return jax.shard_map(
            lambda h, w, x: hidden.renyi((h, w), (2 * h, w), order=x, axis_name="v", reduction="mean"),
            mesh=mesh,
            in_specs=(P(), P("v"), P()),
            out_specs=P(),
        )(STATES, WEIGHTS, order)

    with pytest.raises(NotImplementedError, match="derivative in the order is not available with axis_name"):
        jax.grad(mean)(jnp.asarray(0.5))


def test_the_gradient_in_p_where_one_outcome_has_nearly_all() -> None:
    rng = np.random.default_rng(3)
    states = rng.standard_normal((4, 8))
    weights = rng.standard_normal((2, 512, 8)) / 4
    states[:, -1], weights[:, :, -1] = 1.0, 0.0
    weights[0, 5, -1] = 17.0  # of p alone: 1 - p is 2e-5
    logits = np.einsum("td,hvd->htv", states, weights)
    p, q = (np.exp(x - x.max(-1, keepdims=True)) for x in logits)
    p, q = (x / x.sum(-1, keepdims=True) for x in (p, q))
    gap = logits[0] - logits[1]
    # Centred twice, so that what float64 leaves of the mean is far below.
    gap = gap - (p * gap).sum(-1, keepdims=True)
    exact = np.einsum("tv,td->vd", p * (gap - (p * gap).sum(-1, keepdims=True)), states) / 4

    @jax.jit
    def gradient(w, h, v):
        return jax.grad(lambda w: hidden.kl((h, w), (h, v), reduction="mean", strategy="vocabulary", chunk=128))(w)

    found = gradient(*(jnp.asarray(x, jnp.float32) for x in (weights[0], states, weights[1])))
    assert np.linalg.norm(found - exact) <= 32 * 2.0**-23 * np.linalg.norm(exact)
