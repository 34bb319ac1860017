"""Divergences from a teacher's top k, against textbook sums over the rows that each name stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from kljax import generators, logits, montecarlo, probs

V, K = 9, 4
rng = np.random.default_rng(0)
TEACHER, STUDENT = rng.normal(size=(6, V)) * 2.0, rng.normal(size=(6, V))
INDICES = np.argsort(-TEACHER, axis=-1)[:, :K]


def _softmax(x: np.ndarray) -> np.ndarray:
    weight = np.exp(x - x.max(-1, keepdims=True))
    return weight / weight.sum(-1, keepdims=True)


def kl(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(p > 0, p * np.log(p / q), 0.0).sum(-1)


def rows_of(tail: str, p: np.ndarray, q: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two rows of probabilities that a name stands for."""
    top_p, top_q = (np.take_along_axis(one, at, -1) for one in (p, q))
    if tail == "conditional":
        return top_p / top_p.sum(-1, keepdims=True), top_q / top_q.sum(-1, keepdims=True)
    if tail == "bucket":
        rest = [1.0 - one.sum(-1, keepdims=True) for one in (top_p, top_q)]
        return np.concatenate([top_p, rest[0]], -1), np.concatenate([top_q, rest[1]], -1)
    if tail == "uniform":
        full = np.repeat((1.0 - top_p.sum(-1, keepdims=True)) / (p.shape[-1] - at.shape[-1]), p.shape[-1], -1)
    else:
        full, top_p = np.zeros_like(p), top_p / top_p.sum(-1, keepdims=True)
    np.put_along_axis(full, at, top_p, -1)
    return full, q


TEXTBOOK: dict[str, tuple[generators.Generator, Callable[[np.ndarray, np.ndarray], np.ndarray]]] = {
    "forward": (generators.kl, kl),
    "reverse": (generators.reverse_kl, lambda p, q: kl(q, p)),
    "jensen_shannon": (
        generators.jensen_shannon(0.3),
        lambda p, q: 0.3 * kl(p, 0.3 * p + 0.7 * q) + 0.7 * kl(q, 0.3 * p + 0.7 * q),
    ),
}
TAILS = ("bucket", "uniform", "renormalized", "conditional")


def _top(p: np.ndarray, at: np.ndarray) -> np.ndarray:
    return np.log(np.take_along_axis(p, at, -1))


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.by_default("bucket", "renormalized")
def test_values_masses_and_gradients(tail: str) -> None:
    with jax.enable_x64(True):
        p, q = _softmax(TEACHER), _softmax(STUDENT)
        log_p = _top(p, INDICES)
        for name, (generator, textbook) in TEXTBOOK.items():
            found = montecarlo.topk(log_p, INDICES, STUDENT, tail=tail, generator=generator)
            exact = textbook(*rows_of(tail, p, q, INDICES))
            if name == "reverse" and tail == "renormalized":
                assert (found.value == np.inf).all()
                continue
            np.testing.assert_allclose(found.value, exact, rtol=1e-12, err_msg=name)
            np.testing.assert_allclose(found.mass_p, np.exp(log_p).sum(-1), rtol=1e-13)
            np.testing.assert_allclose(found.mass_q, np.take_along_axis(q, INDICES, -1).sum(-1), rtol=1e-13)
            if name == "jensen_shannon":
                continue

            def total(log_p: Any, student: Any, generator: Any = generator) -> Any:
                return montecarlo.topk(log_p, INDICES, student, tail=tail, generator=generator).value.sum()

            in_p, in_q = jax.jit(jax.grad(total, argnums=(0, 1)))(log_p, STUDENT)
            step = 1e-5
            for at in range(V):
                move = step * np.eye(V)[at]
                ends = [textbook(*rows_of(tail, p, _softmax(STUDENT + s * move), INDICES)) for s in (1, -1)]
                np.testing.assert_allclose(in_q[:, at], (ends[0] - ends[1]) / (2 * step), atol=1e-9)
            for at in range(K):  # the tail takes what the top gives
                ends = []
                for s in (1, -1):
                    moved = p.copy()
                    top = np.take_along_axis(p, INDICES, -1) * np.exp(s * step * np.eye(K)[at])
                    np.put_along_axis(moved, INDICES, top, -1)
                    ends.append(textbook(*rows_of(tail, moved, q, INDICES)))
                np.testing.assert_allclose(in_p[:, at], (ends[0] - ends[1]) / (2 * step), atol=1e-8)


@pytest.mark.parametrize("generator", [generators.kl, generators.reverse_kl, generators.total_variation])
@pytest.mark.by_default("generator1")
def test_a_bucket_bounds_the_divergence_from_below_and_grows_with_k(generator: Any) -> None:
    with jax.enable_x64(True):
        p = _softmax(TEACHER)
        order = np.argsort(-TEACHER, axis=-1)
        values = [montecarlo.topk(_top(p, order[:, :k]), order[:, :k], STUDENT, generator=generator).value
                  for k in (1, 3, 8)]  # fmt: skip
        exact = logits.f_divergence(TEACHER, STUDENT, generator)
        for low, high in zip(values, [*values[1:], exact], strict=True):
            assert (low >= 0.0).all()
            assert (low <= high + 1e-12).all()
        np.testing.assert_allclose(values[-1], exact, rtol=1e-9)  # one outcome in the bucket


@pytest.mark.parametrize("tail", TAILS)
@pytest.mark.by_default("bucket", "renormalized")
def test_all_of_the_vocabulary_leaves_no_tail(tail: str) -> None:
    at = np.argsort(-TEACHER, axis=-1)
    log_p = jnp.asarray(_top(_softmax(TEACHER), at), jnp.float32)
    for generator in (generators.kl, generators.reverse_kl):
        found = montecarlo.topk(log_p, at, jnp.asarray(STUDENT, jnp.float32), tail=tail, generator=generator)
        exact = logits.f_divergence(TEACHER.astype(np.float32), STUDENT.astype(np.float32), generator)
        np.testing.assert_allclose(found.value, exact, rtol=3e-6)
        np.testing.assert_allclose(found.mass_q, 1.0, rtol=1e-6)


def test_a_small_tail_keeps_its_digits() -> None:
    """A student with 1e-9 outside the top k, a teacher with 1e-5: 1 - Σ in float32 would see neither."""
    student = np.array([0.0, -0.5, -21.0, -22.0, -23.0], np.float32)
    log_p = np.log(np.array([0.6, 0.4 - 1e-5])).astype(np.float32)
    found = montecarlo.topk(log_p, np.array([0, 1]), student)
    q = _softmax(student.astype(np.float64))
    p = np.append(np.exp(log_p.astype(np.float64)), -np.expm1(np.logaddexp(*log_p.astype(np.float64))))
    exact = kl(p, np.append(q[:2], q[2:].sum()))
    # The teacher's tail of 1e-5 is known to a rounding of its top, 6e-8, which log(p/q) = 10 of the tail multiplies.
    np.testing.assert_allclose(found.value, exact, atol=2e-6)
    reverse = montecarlo.topk(log_p, np.array([0, 1]), student, generator=generators.reverse_kl)
    np.testing.assert_allclose(reverse.value, kl(np.append(q[:2], q[2:].sum()), p), rtol=1e-4)
    slope = jax.grad(lambda x: montecarlo.topk(log_p, np.array([0, 1]), x, generator=generators.total_variation).value)
    assert (np.asarray(slope(student))[2:] < 0.0).all()  # TV falls as the student's tail grows


def test_a_student_that_equals_its_teacher_is_no_distance_away() -> None:
    row = jnp.asarray(STUDENT[0], jnp.float32)
    log_p, at = jax.lax.top_k(jax.nn.log_softmax(row), K)
    for tail in ("bucket", "conditional"):
        found = montecarlo.topk(log_p, at, row, tail=tail)
        assert 0.0 <= found.value < 1e-12


def test_boundaries() -> None:
    log_p, at = jnp.log(jnp.array([0.75, 0.25])), jnp.array([2, 0])
    student = jnp.array([0.0, -jnp.inf, 1.0, -jnp.inf])
    for generator in (generators.kl, generators.reverse_kl):  # empty tails on both sides
        found, slopes = jax.value_and_grad(
            lambda a, b, g=generator: montecarlo.topk(a, at, b, generator=g).value, argnums=(0, 1)
        )(log_p, student)
        exact = logits.f_divergence(log_p, student[at], generator)
        np.testing.assert_allclose(found, exact, rtol=1e-5)
        assert all(jnp.isfinite(one).all() for one in slopes)
        assert (slopes[1][jnp.array([1, 3])] == 0.0).all()
    empty = montecarlo.topk(log_p + 1e-6, at, jnp.zeros(4), generator=generators.reverse_kl)
    assert empty.value == jnp.inf
    missed = montecarlo.topk(jnp.log(jnp.array([0.5, 0.25])), at, jnp.array([0.0, 0.0, -jnp.inf, 0.0]))
    assert missed.value == jnp.inf
    above = montecarlo.topk(log_p + 0.01, at, jnp.zeros(4))  # stored in few digits
    np.testing.assert_allclose(above.mass_p, np.exp(0.01), rtol=1e-6)
    assert jnp.isfinite(above.value)


def test_masked_positions_and_outcomes_that_are_none() -> None:
    log_p = jnp.log(jnp.array([[0.5, 0.25], [0.5, 0.25], [0.5, 0.25]])).at[1].set(jnp.nan)
    at = jnp.array([[0, 1], [0, 1], [0, 7]])
    student = jnp.zeros((3, 4)).at[1].set(jnp.nan)
    where = jnp.array([True, False, True])

    def total(a: Any, b: Any) -> Any:
        found = montecarlo.topk(a, at, b, where=where)
        return found.value[:2].sum(), found

    (_, found), slopes = jax.value_and_grad(total, argnums=(0, 1), has_aux=True)(log_p, student)
    assert (found.value[1], found.mass_p[1], found.mass_q[1]) == (0.0, 0.0, 0.0)
    assert jnp.isnan(found.value[2])  # an index outside the vocabulary
    for one in slopes:
        assert (one[1] == 0.0).all()
        assert jnp.isfinite(one[0]).all()


@pytest.mark.full
def test_batches_dtypes_and_vmap() -> None:
    log_p = jnp.asarray(_top(_softmax(TEACHER), INDICES), jnp.float32)
    student, at = jnp.asarray(STUDENT, jnp.float32), jnp.asarray(INDICES)
    found = montecarlo.topk(log_p, at, student)
    np.testing.assert_allclose(
        jax.vmap(lambda *x: montecarlo.topk(*x).value)(log_p, at, student), found.value, rtol=1e-6
    )
    shared = montecarlo.topk(log_p[0], at[0], student)
    assert shared.value.shape == (6,)
    np.testing.assert_allclose(shared.value[0], found.value[0], rtol=1e-6)
    assert montecarlo.topk(log_p.astype(jnp.bfloat16), at, student.astype(jnp.bfloat16)).value.dtype == jnp.float32


def test_an_index_below_zero_is_none() -> None:
    found = montecarlo.topk(jnp.log(jnp.array([0.5, 0.25])), jnp.array([0, -1]), jnp.zeros(4))
    assert jnp.isnan(found.value)
    assert jnp.isnan(found.mass_q)


def test_the_tail_of_one_outcome_keeps_its_digits() -> None:
    log_p = np.float32(-1e-5)
    found = montecarlo.topk(jnp.array([log_p]), jnp.array([2]), jnp.zeros(4), generator=generators.reverse_kl)
    tail = -np.expm1(np.float64(log_p))
    exact = 0.25 * (np.log(0.25) - log_p) + 0.75 * np.log(0.75 / tail)
    np.testing.assert_allclose(found.value, exact, rtol=1e-6)


def test_indices_of_few_bits() -> None:
    log_p, student = jnp.log(jnp.array([0.5, 0.25])), jnp.linspace(0.0, 3.0, 300)
    exact = montecarlo.topk(log_p, jnp.array([200, 255]), student)
    assert jnp.isfinite(exact.value)
    np.testing.assert_array_equal(montecarlo.topk(log_p, jnp.array([200, 255], jnp.uint8), student), exact)


def test_bad_input_names_the_argument() -> None:
    log_p, at, student = jnp.log(jnp.full((2, 3), 0.2)), jnp.zeros((2, 3), int), jnp.zeros((2, 5))
    cases: list[tuple[type[Exception], str, Callable[[], Any]]] = [
        (
            ValueError,
            "k must not exceed the vocabulary; got k = 3 and V = 2",
            lambda: montecarlo.topk(log_p, at, student[:, :2]),
        ),
        (ValueError, "tail must be one of 'bucket'", lambda: montecarlo.topk(log_p, at, student, tail="none")),
        (TypeError, "indices must be integers; got float32", lambda: montecarlo.topk(log_p, log_p, student)),
        (ValueError, "indices must name the k outcomes", lambda: montecarlo.topk(log_p, at[:, :2], student)),
        (ValueError, "with k ≥ 1", lambda: montecarlo.topk(log_p[:, :0], at[:, :0], student)),
        (ValueError, "must broadcast together", lambda: montecarlo.topk(log_p, at, jnp.zeros((3, 5)))),
        (TypeError, "logits_q must have a floating-point dtype", lambda: montecarlo.topk(log_p, at, at)),
        (TypeError, "generator must be a record", lambda: montecarlo.topk(log_p, at, student, generator="kl")),
        (TypeError, "where must be boolean", lambda: montecarlo.topk(log_p, at, student, where=jnp.ones(2))),
    ]
    for kind, said, call in cases:
        with pytest.raises(kind, match=said):
            call()


# --- the conventions of a "generalised JSD" ---------------------------------------------------------------------

BETAS = (0.1, 0.5, 0.8)


def _mixture(weight_of_teacher: float, p: np.ndarray, q: np.ndarray) -> np.ndarray:
    return weight_of_teacher * p + (1.0 - weight_of_teacher) * q


def trl_and_liger(p: np.ndarray, q: np.ndarray, beta: float) -> np.ndarray:
    if beta in (0.0, 1.0):
        return kl(p, q) if beta == 0.0 else kl(q, p)
    m = _mixture(beta, p, q)
    return beta * kl(p, m) + (1 - beta) * kl(q, m)


def easydel(p: np.ndarray, q: np.ndarray, beta: float) -> np.ndarray:
    if beta in (0.0, 1.0):
        return kl(q, p) if beta == 0.0 else kl(p, q)
    m = _mixture(1 - beta, p, q)
    return beta * kl(p, m) + (1 - beta) * kl(q, m)


def first_trl(p: np.ndarray, q: np.ndarray, beta: float) -> np.ndarray:
    log_g = beta * np.log(p) + (1 - beta) * np.log(q)  # a geometric mean, not normalised
    to_g = [(one * (np.log(one) - log_g)).sum(-1) for one in (p, q)]
    return (1 - beta) * to_g[0] + beta * to_g[1]


def verl_recipe(p: np.ndarray, q: np.ndarray, at: np.ndarray, beta: float) -> np.ndarray:
    top_p, top_q = (np.take_along_axis(one, at, -1) for one in (p, q))
    m = _mixture(beta, top_p, top_q)
    rest = (1.0 - top_q.sum(-1)) * -np.log(1 - beta)
    on_top = (top_q * np.log(top_q / m)).sum(-1)
    return beta * (top_p * np.log(top_p / m)).sum(-1) + (1 - beta) * (on_top + rest)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.by_default("0.5")
def test_generalised_jensen_shannon_divergences_of_others(beta: float) -> None:
    """docs/montecarlo.md says how to get each; t is the teacher and s the student."""
    with jax.enable_x64(True):
        p, q = _softmax(TEACHER), _softmax(STUDENT)
        t, s = TEACHER, STUDENT
        found = logits.jensen_shannon(t, s, weight=beta)
        np.testing.assert_allclose(found, trl_and_liger(p, q, beta), rtol=1e-12)
        crossed = generators.combine((beta, generators.skew_kl(1 - beta)), (1 - beta, generators.skew_reverse_kl(beta)))
        np.testing.assert_allclose(logits.f_divergence(t, s, crossed), easydel(p, q, beta), rtol=1e-12)
        squares = generators.combine(((1 - beta) ** 2, generators.kl), (beta**2, generators.reverse_kl))
        np.testing.assert_allclose(logits.f_divergence(t, s, squares), first_trl(p, q, beta), rtol=1e-12)
        cut = np.zeros_like(p)
        np.put_along_axis(cut, INDICES, np.take_along_axis(p, INDICES, -1), -1)
        found = probs.jensen_shannon(cut, q, weight=beta)
        np.testing.assert_allclose(found, verl_recipe(p, q, INDICES, beta), rtol=1e-12)


def test_the_ends_of_the_conventions() -> None:
    with jax.enable_x64(True):
        p, q = _softmax(TEACHER), _softmax(STUDENT)
        for beta, forward in ((0.0, True), (1.0, False)):
            found = logits.jensen_shannon(TEACHER, STUDENT, weight=beta, scaled=True)
            np.testing.assert_allclose(found, trl_and_liger(p, q, beta), rtol=1e-12)
            np.testing.assert_allclose(found, kl(p, q) if forward else kl(q, p), rtol=1e-12)
            crossed = generators.combine(
                (beta, generators.skew_kl(1 - beta)), (1 - beta, generators.skew_reverse_kl(beta))
            )
            np.testing.assert_allclose(logits.f_divergence(TEACHER, STUDENT, crossed), easydel(p, q, beta), rtol=1e-12)
