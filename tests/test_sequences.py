"""KL terms of sampled tokens: means of values and of gradients against exact enumeration of all sequences.

Three tokens in sequences of three make 27 sequences, so that an expectation is a sum. Policy, reference and
sampler are tables of logits for every prefix, and the exact divergences are written down from their definition.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kljax import montecarlo

INF = math.inf
V, T = 3, 3
SEQUENCES = np.array(list(itertools.product(range(V), repeat=T)))  # [27, 3]
PREFIXES = [prefix for length in range(T) for prefix in itertools.product(range(V), repeat=length)]  # 1 + 3 + 9
ROW = np.array([[PREFIXES.index(tuple(one[:t])) for t in range(T)] for one in SEQUENCES])  # the prefix's table row

rng = np.random.default_rng(0)
POLICY, REFERENCE, SAMPLER = (rng.normal(size=(len(PREFIXES), V)) for _ in range(3))


def log_probs(table: Any) -> Any:
    """log p of every token of every sequence given those before it, [27, 3]."""
    return jax.nn.log_softmax(table)[ROW, SEQUENCES]


def _probabilities(table: np.ndarray) -> np.ndarray:
    weight = np.exp(table)
    return weight / weight.sum(-1, keepdims=True)


def of_sequences(table: np.ndarray) -> np.ndarray:
    """The probability of each sequence, [27]."""
    return np.prod(_probabilities(table)[ROW, SEQUENCES], axis=-1)


def of_prefixes(table: np.ndarray) -> np.ndarray:
    """The probability of each prefix, [13]."""
    total = np.zeros(len(PREFIXES))
    for sequence, mass in zip(ROW, of_sequences(table), strict=True):
        total[sequence] += mass
    return total


def kl_of_rows(table: np.ndarray, other: np.ndarray) -> np.ndarray:
    p, q = _probabilities(table), _probabilities(other)
    return (p * np.log(p / q)).sum(-1)


def kl_of_sequences(table: np.ndarray, other: np.ndarray) -> float:
    p, q = of_sequences(table), of_sequences(other)
    return float((p * np.log(p / q)).sum())


def numeric(function: Callable[[np.ndarray], float], at: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Central differences."""
    slope = np.zeros_like(at)
    for index in np.ndindex(*at.shape):
        move = np.zeros_like(at)
        move[index] = step
        slope[index] = (function(at + move) - function(at - move)) / (2 * step)
    return slope


def mean_and_slopes(of_tables: Callable[[Any, Any], Any], mass: np.ndarray) -> tuple[Any, Any]:
    """Σ mass · f(policy, reference), and its gradients in both tables; ``mass`` is no function of them."""
    with jax.enable_x64(True):

        def total(policy: Any, reference: Any) -> Any:
            found = of_tables(policy, reference)
            return (mass.reshape(-1, *[1] * (found.ndim - 1)) * found).sum()

        return jax.jit(jax.value_and_grad(total, argnums=(0, 1)))(POLICY, REFERENCE)


# What each choice must have as its mean gradient, per position with the prefixes held fixed.
PER_POSITION = {
    "reverse_kl": lambda states: lambda p, q: float((states * kl_of_rows(p, q)).sum()),
    "forward_kl": lambda states: lambda p, q: float((states * kl_of_rows(q, p)).sum()),
    "none": lambda states: lambda p, q: 0.0,
}


def _exact_slopes(function: Callable[[np.ndarray, np.ndarray], float]) -> list[np.ndarray]:
    return [numeric(lambda p: function(p, REFERENCE), POLICY), numeric(lambda q: function(POLICY, q), REFERENCE)]


@pytest.mark.parametrize("gradient", PER_POSITION)
@pytest.mark.parametrize("estimator", ["k1", "k3"])
def test_terms_of_tokens_are_unbiased_in_value_and_gradient(estimator: str, gradient: str) -> None:
    states = of_prefixes(POLICY)

    def terms(policy: Any, reference: Any) -> Any:
        return montecarlo.token_kl(log_probs(policy), log_probs(reference), estimator=estimator, gradient=gradient)

    value, slopes = mean_and_slopes(terms, of_sequences(POLICY))
    np.testing.assert_allclose(value, kl_of_sequences(POLICY, REFERENCE), rtol=1e-12)
    np.testing.assert_allclose(slopes, _exact_slopes(PER_POSITION[gradient](states)), atol=1e-9)


@pytest.mark.parametrize("gradient", PER_POSITION)
def test_terms_of_logits_are_exact_in_value_and_gradient(gradient: str) -> None:
    states = of_prefixes(POLICY)

    def terms(policy: Any, reference: Any) -> Any:
        return montecarlo.token_kl_of_logits(policy[ROW], reference[ROW], gradient=gradient)

    value, slopes = mean_and_slopes(terms, of_sequences(POLICY))
    np.testing.assert_allclose(value, kl_of_sequences(POLICY, REFERENCE), rtol=1e-12)
    np.testing.assert_allclose(slopes, _exact_slopes(PER_POSITION[gradient](states)), atol=1e-9)


@pytest.mark.parametrize("kind", ["k1", "k3", "logits"])
@pytest.mark.parametrize("sampled_from", ["policy", "other prefix", "other sequence"])
@pytest.mark.by_default("policy-k1", "policy-logits", "other prefix-k3", "other sequence-k1")
def test_sums_over_sequences_have_the_gradient_of_the_divergence_of_sequences(kind: str, sampled_from: str) -> None:
    sampler = POLICY if sampled_from == "policy" else SAMPLER

    def sums(policy: Any, reference: Any) -> Any:
        log_p, log_q, log_m = log_probs(policy), log_probs(reference), log_probs(jnp.asarray(SAMPLER))
        by_prefix = montecarlo.importance_weights(log_p, log_m, over="prefix").weights
        weights = by_prefix if sampled_from == "other prefix" else None
        if kind == "logits":
            if weights is not None:  # its own token is summed out: the weights of the position before serve
                weights = jnp.concatenate([jnp.ones_like(weights[:, :1]), weights[:, :-1]], 1)
            terms = montecarlo.token_kl_of_logits(policy[ROW], reference[ROW], weights=weights)
        else:
            terms = montecarlo.token_kl(log_p, log_q, estimator=kind, weights=weights)
        total = montecarlo.sequence_sum(terms, log_p=log_p)
        if sampled_from == "other sequence":
            total = montecarlo.importance_weights(log_p, log_m, over="sequence").weights[:, 0] * total
        return total

    value, slopes = mean_and_slopes(sums, of_sequences(sampler))
    np.testing.assert_allclose(value, kl_of_sequences(POLICY, REFERENCE), rtol=1e-12)
    np.testing.assert_allclose(slopes, _exact_slopes(kl_of_sequences), atol=1e-9)


def test_weights_of_tokens_alone_serve_for_prefixes_as_the_sampler_draws_them() -> None:
    states = of_prefixes(SAMPLER)

    def terms(policy: Any, reference: Any) -> Any:
        log_p = log_probs(policy)
        found = montecarlo.importance_weights(log_p, log_probs(jnp.asarray(SAMPLER)))
        return montecarlo.token_kl(log_p, log_probs(reference), estimator="k1", weights=found.weights)

    value, slopes = mean_and_slopes(terms, of_sequences(SAMPLER))
    exact = PER_POSITION["reverse_kl"](states)
    np.testing.assert_allclose(value, exact(POLICY, REFERENCE), rtol=1e-12)
    np.testing.assert_allclose(slopes, _exact_slopes(exact), atol=1e-9)


def test_the_derivatives_of_the_values_as_they_stand() -> None:
    """The trap: differentiated, k1 gives nothing, k2 the reverse KL and k3 the forward KL."""
    states, exact = of_prefixes(POLICY), {}
    for name in ("reverse_kl", "forward_kl"):
        exact[name] = numeric(lambda p, name=name: PER_POSITION[name](states)(p, REFERENCE), POLICY)
    for estimator, expected in (("k1", 0.0), ("k2", exact["reverse_kl"]), ("k3", exact["forward_kl"])):

        def terms(policy: Any, reference: Any, estimator: str = estimator) -> Any:
            return montecarlo.token_kl(log_probs(policy), log_probs(reference), estimator=estimator, gradient="value")

        _, slopes = mean_and_slopes(terms, of_sequences(POLICY))
        np.testing.assert_allclose(slopes[0], np.broadcast_to(expected, POLICY.shape), atol=1e-9)
    assert np.abs(exact["reverse_kl"] - exact["forward_kl"]).max() > 0.1


# --- values, masks and boundaries -------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_values_of_tokens(dtype: Any) -> None:
    with jax.enable_x64(True):
        r = np.array([0.7, -1.3, 5.0, 1e-4, 0.0])
        log_p = jnp.asarray(r, dtype)
        log_q = jnp.zeros(5, dtype)
        wide = np.asarray(log_p, np.float64)
        textbook = {"k1": wide, "k2": wide**2 / 2, "k3": np.expm1(-wide) + wide}
        textbook["k3"][3] = wide[3] ** 2 / 2 - wide[3] ** 3 / 6 + wide[3] ** 4 / 24 - wide[3] ** 5 / 120
        for estimator, exact in textbook.items():
            found = montecarlo.token_kl(log_p, log_q, estimator=estimator)
            assert found.dtype == dtype
            np.testing.assert_allclose(found, exact, rtol=4 * jnp.finfo(dtype).eps)
        assert montecarlo.token_kl(log_p.astype(jnp.bfloat16), log_q.astype(jnp.bfloat16)).dtype == jnp.float32


def _slopes(gradient: str, log_p: jax.Array, log_q: jax.Array, **options: Any) -> Any:
    def total(a: Any, b: Any) -> Any:
        found = montecarlo.token_kl(a, b, gradient=gradient, **options)
        return jnp.where(jnp.isinf(found), 0.0, found).sum()

    return jax.grad(total, argnums=(0, 1))(log_p, log_q)


@pytest.mark.parametrize("gradient", ["reverse_kl", "forward_kl", "value", "none"])
@pytest.mark.by_default("none", "value", "forward_kl")
def test_boundaries_of_tokens(gradient: str) -> None:
    log_p = jnp.array([-1.0, -jnp.inf, -jnp.inf, -1.0, -200.0, -1.0, jnp.nan, -1.0])
    log_q = jnp.array([-jnp.inf, -1.0, -jnp.inf, -1.0, -1.0, -200.0, jnp.inf, -2.0])
    where = jnp.arange(8) != 6
    found = montecarlo.token_kl(log_p, log_q, gradient=gradient, where=where)
    assert found[0] == INF
    assert (found[jnp.array([1, 2, 3, 6])] == 0.0).all()
    assert (found[4], found[5] > 0) == (INF, True)  # e^199 overflows
    slopes = _slopes(gradient, log_p, log_q, where=where)
    for one in slopes:
        assert jnp.isfinite(one).all()
        assert (one[jnp.array([0, 1, 2, 6])] == 0.0).all()
    assert slopes[0][3] == 0.0  # p = q there
    weights = jnp.array([0.0, 1.0, 1.0, 1.0, 0.0, 2.0, 1.0, 0.5])
    weighted = montecarlo.token_kl(log_p, log_q, gradient=gradient, where=where, weights=weights)
    assert (weighted[jnp.array([0, 4])] == 0.0).all()
    np.testing.assert_allclose(weighted[7], 0.5 * found[7], rtol=1e-6)
    assert jnp.isnan(montecarlo.token_kl(log_p, log_q, gradient=gradient)[6])


@pytest.mark.full
def test_log_probabilities_that_are_none_give_nan_and_weights_carry_no_gradient() -> None:
    above = jnp.array([jnp.inf, -1.0, jnp.nan, -1.0])
    below = jnp.array([-1.0, jnp.inf, -1.0, -1.0])
    for estimator in ("k1", "k2", "k3"):
        found = montecarlo.token_kl(above, below, estimator=estimator, gradient="none")
        assert jnp.isnan(found).tolist() == [True, True, True, False]
    assert jnp.isnan(montecarlo.importance_weights(above, jnp.full(4, -1.0)).weights).tolist() == [
        True,
        False,
        True,
        False,
    ]
    row, other = jnp.array([[0.0, 1.0]]), jnp.zeros((1, 2))
    for term in (
        lambda w: montecarlo.token_kl(below[3:], below[2:3] - 1.0, weights=w).sum(),
        lambda w: montecarlo.token_kl_of_logits(row, other, weights=w).sum(),
        lambda w: montecarlo.importance_weights(w, below[3:]).weights.sum(),
        lambda w: montecarlo.importance_weights(below[3:], w).weights.sum(),
        lambda w: montecarlo.adaptive_kl_step(montecarlo.AdaptiveKL(0.2, 6.0), w[0]).coefficient,
        lambda w: montecarlo.dual_kl_step(montecarlo.DualKL(0.0, 0.5), w[0]).log_coefficient,
    ):
        assert jax.grad(term)(jnp.ones(1)) == 0.0


@pytest.mark.full
def test_rows_that_miss_a_token_have_no_nan_in_any_gradient() -> None:
    whole, cut = jnp.array([[0.0, 1.0, 2.0]]), jnp.array([[0.0, -jnp.inf, 1.0]])
    for gradient in ("reverse_kl", "forward_kl"):
        for p, q, infinite in ((whole, cut, True), (cut, whole, False), (cut, cut + 1.0, False)):

            def total(a: Any, b: Any, gradient: str = gradient, weights: Any = None) -> Any:
                return montecarlo.token_kl_of_logits(a, b, gradient=gradient, weights=weights).sum()

            found, slopes = jax.value_and_grad(total, (0, 1))(p, q)
            assert found == INF if infinite else jnp.isfinite(found)
            assert jnp.isfinite(jnp.asarray(slopes)).all()
            assert total(p, q, weights=jnp.zeros(1)) == 0.0
    # Where the policy has no such token nothing is chosen, and so has no gradient.
    terms, log_p = jnp.array([1.0, 2.0, 3.0]), jnp.array([-1.0, -jnp.inf, -1.0])
    value, slope = jax.value_and_grad(lambda x: montecarlo.sequence_sum(terms, log_p=x))(log_p)
    assert value == 6.0
    np.testing.assert_array_equal(slope, [5.0, 0.0, 0.0])


def test_an_infinite_term_has_no_gradient_and_leaves_those_of_the_others() -> None:
    log_p, log_q = jnp.array([-1.0, -1.0]), jnp.array([-2.0, -jnp.inf])
    slope = jax.grad(lambda x: montecarlo.sequence_sum(montecarlo.token_kl(x, log_q), log_p=x))(log_p)
    np.testing.assert_allclose(slope, [1.0, 0.0])


def test_masked_positions_count_for_nothing() -> None:
    policy, reference = (jnp.asarray(one, jnp.float32) for one in (POLICY[ROW[5]], REFERENCE[ROW[5]]))
    where = jnp.array([False, True, True])
    broken = policy.at[0].set(jnp.nan)

    def total(x: Any) -> Any:
        return montecarlo.token_kl_of_logits(x, reference, where=where).sum()

    value, slope = jax.value_and_grad(total)(broken)
    np.testing.assert_allclose(value, montecarlo.token_kl_of_logits(policy[1:], reference[1:]).sum(), rtol=1e-6)
    assert (slope[0] == 0.0).all()
    assert jnp.isfinite(slope).all()
    terms, log_p = jnp.array([1.0, jnp.nan, 3.0]), jnp.array([-1.0, jnp.nan, -1.0])
    kept = jnp.array([True, False, True])
    value, slope = jax.value_and_grad(lambda x: montecarlo.sequence_sum(terms, log_p=x, where=kept))(log_p)
    assert value == 4.0
    np.testing.assert_array_equal(slope, [3.0, 0.0, 0.0])
    none = jnp.zeros(3, bool)
    assert montecarlo.sequence_sum(terms, log_p=log_p, where=none) == 0.0
    assert (montecarlo.token_kl(log_p, log_p, where=none) == 0.0).all()
    assert (montecarlo.token_kl_of_logits(broken, broken, where=none) == 0.0).all()
    found = montecarlo.importance_weights(log_p, log_p, where=none)
    assert (found.weights.sum(), found.clipped, found.ess) == (0.0, 0.0, 0.0)


def test_sums_along_another_axis_and_under_vmap() -> None:
    terms = jnp.asarray(np.random.default_rng(1).normal(size=(3, 2)), jnp.float32)
    log_p = -jnp.ones((3, 2))

    def slope(axis: int) -> Any:
        moved = (jnp.moveaxis(one, 0, axis) for one in (terms, log_p))
        return jax.grad(lambda x, t: montecarlo.sequence_sum(t, log_p=x, axis=axis).sum())(*reversed(list(moved)))

    np.testing.assert_allclose(slope(0), slope(1).T)
    np.testing.assert_allclose(slope(0)[:2, 0], [terms[1, 0] + terms[2, 0], terms[2, 0]], rtol=1e-6)
    rows = jax.vmap(lambda t, x: montecarlo.sequence_sum(t, log_p=x), in_axes=1)(terms, log_p)
    np.testing.assert_allclose(rows, terms.sum(0), rtol=1e-6)


# --- importance weights -----------------------------------------------------------------------------------------


def test_importance_weights_and_their_clipping() -> None:
    ratio = np.array([[2.0, 0.25, 3.0], [1.0, 1.0, 0.5]])
    log_p, log_m = jnp.log(jnp.asarray(0.1 * ratio, jnp.float32)), jnp.full((2, 3), math.log(0.1))
    expected = {
        "token": ratio,
        "prefix": np.cumprod(ratio, 1),
        "sequence": np.broadcast_to(ratio.prod(1, keepdims=True), (2, 3)),
    }
    for over, exact in expected.items():
        found = montecarlo.importance_weights(log_p, log_m, over=over)
        np.testing.assert_allclose(found.weights, exact, rtol=1e-6)
        assert (found.clipped == 0.0).all()
        np.testing.assert_allclose(found.ess, exact.sum(1) ** 2 / (exact**2).sum(1), rtol=1e-6)
    bounds = {"high": 2.5, "low": 0.4}
    found = montecarlo.importance_weights(log_p, log_m, clip="truncate", **bounds)
    np.testing.assert_allclose(found.weights, np.clip(ratio, 0.4, 2.5), rtol=1e-6)
    np.testing.assert_allclose(found.clipped, [2 / 3, 0.0], rtol=1e-6)
    found = montecarlo.importance_weights(log_p, log_m, clip="mask", **bounds)
    np.testing.assert_allclose(found.weights, np.where((ratio < 0.4) | (ratio > 2.5), 0.0, ratio), rtol=1e-6)
    where = jnp.array([[True, True, False], [True, False, True]])
    found = montecarlo.importance_weights(log_p, log_m, over="prefix", clip="truncate", high=1.5, where=where)
    np.testing.assert_allclose(found.weights, [[1.5, 0.5, 0.0], [1.0, 0.0, 0.5]], rtol=1e-6)
    np.testing.assert_allclose(found.clipped, [0.5, 0.0])
    slope = jax.grad(lambda x: montecarlo.importance_weights(x, log_m).weights.sum())(log_p)
    assert (slope == 0.0).all()


def test_importance_weights_at_the_boundaries() -> None:
    log_m = jnp.full(3, -1.0)
    found = montecarlo.importance_weights(jnp.array([-1.0, -jnp.inf, -1.0]), log_m, over="prefix")
    np.testing.assert_array_equal(found.weights, [1.0, 0.0, 0.0])
    for broken in (jnp.array([jnp.nan, -1.0, -1.0]), jnp.array([-jnp.inf, -1.0, -1.0])):
        assert jnp.isnan(montecarlo.importance_weights(log_m, broken).weights[0])
        assert jnp.isfinite(montecarlo.importance_weights(log_m, broken).weights[1:]).all()
    # What one token makes of the weights of others: all of the sequence, or those after it.
    at, gone = jnp.array([-1.0, jnp.nan, -1.0]), jnp.array([-1.0, -jnp.inf, -1.0])
    for over, spoiled in (("token", [False, True, False]), ("prefix", [False, True, True]), ("sequence", [True] * 3)):
        assert jnp.isnan(montecarlo.importance_weights(log_m, at, over=over).weights).tolist() == spoiled
        found = montecarlo.importance_weights(gone, log_m, over=over)
        np.testing.assert_array_equal(found.weights, np.where(spoiled, 0.0, 1.0))
        kept = jnp.array([True, False, True])
        found = montecarlo.importance_weights(gone, at, over=over, clip="truncate", high=0.5, where=kept)
        np.testing.assert_array_equal(found.weights, [0.5, 0.0, 0.5])
        assert found.clipped == 1.0


# --- controllers ------------------------------------------------------------------------------------------------


def test_the_proportional_controller_follows_its_formula_and_settles() -> None:
    for observed, error in ((12.0, 0.2), (6.6, 0.1), (5.7, -0.05), (0.0, -0.2), (INF, 0.2), (math.nan, 0.0)):
        found = montecarlo.adaptive_kl_step(montecarlo.AdaptiveKL(0.2, 6.0), observed)
        np.testing.assert_allclose(found.coefficient, 0.2 * (1 + 0.1 * error), rtol=2e-6)
        assert (found.target, found.gain, found.limit) == (6.0, 0.1, 0.2)

    def step(controller: Any, _: Any) -> Any:  # a policy whose KL is 1/β
        return montecarlo.adaptive_kl_step(controller, 1.0 / controller.coefficient), controller.coefficient

    start = montecarlo.AdaptiveKL(*(jnp.asarray(x) for x in (2.0, 5.0, 0.1, 0.2)))
    found, _ = jax.lax.scan(step, start, length=500)
    np.testing.assert_allclose(found.coefficient, 0.2, rtol=1e-4)


def test_the_dual_variable_ascends_and_settles_at_its_target() -> None:
    dual = montecarlo.DualKL(log_coefficient=0.0, target=0.5, rate=0.1, limit=1.0)
    for observed, move in ((1.5, 0.1), (0.0, -0.05), (100.0, 1.0), (INF, 1.0), (math.nan, 0.0)):
        found = montecarlo.dual_kl_step(dual, observed)
        np.testing.assert_allclose(found.log_coefficient, move, rtol=1e-6, atol=1e-8)
        np.testing.assert_allclose(found.coefficient, math.exp(move), rtol=1e-6)

    def step(dual: Any, _: Any) -> Any:
        return montecarlo.dual_kl_step(dual, 1.0 / dual.coefficient), None

    start = montecarlo.DualKL(*(jnp.asarray(x) for x in (0.0, 0.5, 0.1, 1.0)))
    found, _ = jax.lax.scan(step, start, length=1000)
    np.testing.assert_allclose(found.coefficient, 2.0, rtol=1e-4)


# --- bad input --------------------------------------------------------------------------------------------------


def test_bad_input_names_the_argument() -> None:
    x, row = -jnp.ones(3), jnp.zeros((3, 4))
    controller, dual = montecarlo.AdaptiveKL(0.2, 6.0), montecarlo.DualKL(0.0, 0.5)
    cases: list[tuple[type[Exception], str, Callable[[], Any]]] = [
        (ValueError, "estimator must be one of 'k1', 'k2', 'k3'", lambda: montecarlo.token_kl(x, x, estimator="k4")),
        (ValueError, "gradient must be one of", lambda: montecarlo.token_kl(x, x, gradient="kl")),
        (ValueError, "gradient must be one of", lambda: montecarlo.token_kl_of_logits(row, row, gradient="value")),
        (ValueError, "must broadcast together", lambda: montecarlo.token_kl(x, jnp.ones(2))),
        (ValueError, "weights has shape", lambda: montecarlo.token_kl(x, x, weights=jnp.ones(2))),
        (TypeError, "where must be boolean", lambda: montecarlo.token_kl(x, x, where=x)),
        (ValueError, "a vocabulary as its last axis", lambda: montecarlo.token_kl_of_logits(row[:, :0], row[:, :0])),
        (ValueError, "where must broadcast", lambda: montecarlo.token_kl_of_logits(row, row, where=row > 0)),
        (ValueError, "axis must lie in", lambda: montecarlo.sequence_sum(x, axis=1)),
        (TypeError, "axis must be one integer", lambda: montecarlo.importance_weights(row, row, axis=(0, 1))),
        (
            ValueError,
            r"weights must broadcast to \(3,\)",
            lambda: montecarlo.token_kl_of_logits(row, row, weights=jnp.ones(2)),
        ),
        (ValueError, "over must be one of", lambda: montecarlo.importance_weights(x, x, over="all")),
        (ValueError, "clip must be one of", lambda: montecarlo.importance_weights(x, x, clip="ppo")),
        (ValueError, 'clip="truncate" needs high', lambda: montecarlo.importance_weights(x, x, clip="truncate")),
        (ValueError, 'clip="none" needs no bounds', lambda: montecarlo.importance_weights(x, x, high=2.0)),
        (
            ValueError,
            "low must be less than high",
            lambda: montecarlo.importance_weights(x, x, clip="mask", high=1.0, low=2.0),
        ),
        (ValueError, "observed must be one number", lambda: montecarlo.adaptive_kl_step(controller, x)),
        (TypeError, "observed must", lambda: montecarlo.dual_kl_step(dual, 1)),
        (TypeError, "controller must be an AdaptiveKL", lambda: montecarlo.adaptive_kl_step(dual, 1.0)),
        (ValueError, "target must lie in", lambda: montecarlo.dual_kl_step(montecarlo.DualKL(0.0, -1.0), 1.0)),
    ]
    for kind, said, call in cases:
        with pytest.raises(kind, match=said):
            call()
