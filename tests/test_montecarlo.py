"""Estimates from log-densities at draws: means by exact enumeration, error bars by repetition, the boundary contract.

A verb of one draw is a function of the outcome drawn. Its mean over a finite space is a sum, so that unbiasedness, of
values and of gradients, is tested without noise.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from kljax import generators, montecarlo

INF = math.inf
P = np.array([0.4, 0.3, 0.2, 0.1])
Q = np.array([0.1, 0.25, 0.25, 0.4])
M = np.array([0.3, 0.2, 0.4, 0.1])
SMALLER = np.array([0.5, 0.3, 0.2, 0.0])  # lacks an outcome

# --- textbook divergences of two rows, with 0 log 0 = 0 --------------------------------------------------------


def _log(x: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore"):
        return np.log(x)


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    kept = p > 0
    with np.errstate(divide="ignore"):
        return float((p[kept] * np.log(p[kept] / q[kept])).sum())


def _power_sum(p: np.ndarray, q: np.ndarray, a: float) -> float:
    both = (p > 0) & (q > 0)
    return math.inf if a >= 1 and (p[~both] > 0).any() else float((p[both] ** a * q[both] ** (1 - a)).sum())


def _js(p: np.ndarray, q: np.ndarray, w: float) -> float:
    m = w * p + (1 - w) * q
    return w * _kl(p, m) + (1 - w) * _kl(q, m)


TEXTBOOK: dict[str, tuple[str, dict[str, Any], Callable[[np.ndarray, np.ndarray], float]]] = {
    "kl": ("kl", {}, _kl),
    "jeffreys": ("jeffreys", {}, lambda p, q: _kl(p, q) + _kl(q, p)),
    "jensen_shannon": ("jensen_shannon", {"weight": 0.3}, lambda p, q: _js(p, q, 0.3)),
    "jensen_shannon_scaled": (
        "jensen_shannon",
        {"weight": 0.3, "scaled": True},
        lambda p, q: _js(p, q, 0.3) / 0.21,
    ),
    "skew_kl": ("skew_kl", {"weight": 0.2}, lambda p, q: _kl(p, 0.2 * p + 0.8 * q)),
    "squared_hellinger": (
        "squared_hellinger",
        {},
        lambda p, q: 0.5 * float(((np.sqrt(p) - np.sqrt(q)) ** 2).sum()),
    ),
    "total_variation": ("total_variation", {}, lambda p, q: 0.5 * float(np.abs(p - q).sum())),
    "chi_squared": ("chi_squared", {}, lambda p, q: float(((p - q) ** 2 / q).sum())),
    "le_cam": ("le_cam", {}, lambda p, q: 0.5 * float(((p - q) ** 2 / (p + q)).sum())),
    "alpha": ("alpha", {"order": 0.7}, lambda p, q: (_power_sum(p, q, 0.7) - 1.0) / (0.7 * -0.3)),
    "alpha_above": ("alpha", {"order": 1.5}, lambda p, q: (_power_sum(p, q, 1.5) - 1.0) / 0.75),
    "tsallis": ("tsallis", {"order": 0.4}, lambda p, q: (_power_sum(p, q, 0.4) - 1.0) / -0.6),
    "f_divergence": (
        "f_divergence",
        {"generator": generators.arithmetic_geometric},
        lambda p, q: 0.5 * (_kl(0.5 * (p + q), p) + _kl(0.5 * (p + q), q)),
    ),
}
PLAIN = [name for name in TEXTBOOK if name not in ("jeffreys", "f_divergence")]
SOURCES = ("p", "q", "m")


def _one_draw(name: str, log_p: Any, log_q: Any, **options: Any) -> Any:
    """The estimate from one draw, for each outcome that it can be: [outcomes]."""
    verb, keywords, _ = TEXTBOOK[name]
    drawn = options.pop("draws_from", "p")
    if not isinstance(drawn, str):
        drawn = drawn[None]
    return getattr(montecarlo, verb)(log_p[None], log_q[None], draws_from=drawn, **keywords, **options).value


@pytest.mark.parametrize("name", TEXTBOOK)
@pytest.mark.by_default("kl")
def test_the_means_over_all_outcomes_are_the_divergence_and_its_gradient(name: str) -> None:
    """The gradient in the logits of both is held against central differences of the textbook's sum."""
    estimators = ("k3", "k1") if name in PLAIN else ("k3",)
    textbook = TEXTBOOK[name][2]

    def exact(a: np.ndarray, b: np.ndarray) -> float:
        return textbook(np.exp(a) / np.exp(a).sum(), np.exp(b) / np.exp(b).sum())

    def means(a: Any, b: Any) -> Any:
        log_p, log_q = jax.nn.log_softmax(a), jax.nn.log_softmax(b)
        fixed = {"p": (P, lax.stop_gradient(log_p)), "m": (M, jnp.log(M))}  # draws held fixed
        own = {"own p": (P, "p"), "own q": (Q, "q")}
        found = {
            (estimator, came_from): (
                weight * _one_draw(name, log_p, log_q, draws_from=drawn, estimator=estimator)
            ).sum()
            for estimator in estimators
            for came_from, (weight, drawn) in {**fixed, **own}.items()
        }
        return sum(value for (_, came_from), value in found.items() if came_from in fixed), found

    with jax.enable_x64(True):
        a, b = np.log(P), np.log(Q)
        (_, values), slopes = jax.jit(jax.value_and_grad(means, argnums=(0, 1), has_aux=True))(a, b)
        step = 1e-5 * np.eye(4)
        numeric = [
            [(exact(a + e, b) - exact(a - e, b)) / 2e-5 for e in step],
            [(exact(a, b + e) - exact(a, b - e)) / 2e-5 for e in step],
        ]
        for case, found in values.items():
            np.testing.assert_allclose(found, textbook(P, Q), rtol=1e-13, err_msg=str(case))
        np.testing.assert_allclose(slopes, 2 * len(estimators) * np.array(numeric), atol=1e-8)  # of the differences


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.by_default("kl", "chi_squared")
def test_k1_owes_nothing_to_what_the_draws_cannot_see(name: str) -> None:
    with jax.enable_x64(True):
        p, q = SMALLER, Q
        exact = TEXTBOOK[name][2](p, q)
        drawn = {estimator: _one_draw(name, _log(p), jnp.log(q), estimator=estimator) for estimator in ("k1", "k3")}
        mean = {estimator: float((p * value).sum()) for estimator, value in drawn.items()}
        np.testing.assert_allclose(mean["k1"], exact, rtol=1e-13)
        assert mean["k3"] < exact - 1e-3  # by f(0) Q(p = 0)
        if name in ("chi_squared", "alpha_above", "kl"):
            return
        exact = TEXTBOOK[name][2](Q, SMALLER)
        value = _one_draw(name, jnp.log(Q), _log(SMALLER), draws_from="q", estimator="k1")
        np.testing.assert_allclose((SMALLER * value).sum(), exact, rtol=1e-13)
        assert _one_draw(name, jnp.log(Q), _log(SMALLER), estimator="k1").shape == (4,)


def test_estimators_of_kl_are_the_textbook_ones() -> None:
    r = np.array([0.7, -1.3, 2.0, 0.01], np.float32)
    log_p, log_q = jnp.asarray(r), jnp.zeros(4)
    for estimator, textbook in (("k1", r), ("k2", r * r / 2), ("k3", np.exp(-r.astype(np.float64)) - 1 + r)):
        found = _one_draw("kl", log_p, log_q, estimator=estimator)
        np.testing.assert_allclose(found, textbook, rtol=5e-7)
    weighted = _one_draw("kl", log_p, log_q, draws_from=jnp.full(4, 0.3), estimator="k2")
    np.testing.assert_allclose(weighted, np.exp(r - 0.3) * r * r / 2, rtol=1e-5)  # (r - 0.3) + 0.3


def _textbook_renyi(p: np.ndarray, q: np.ndarray, order: float) -> float:
    return _kl(p, q) if order == 1.0 else math.log(_power_sum(p, q, order)) / (order - 1.0)


def _all_outcomes(p: np.ndarray, scale: int = 20) -> np.ndarray:
    """Each outcome as often as in ``scale`` draws of exact proportions."""
    return np.repeat(np.arange(p.size), np.rint(p * scale).astype(int))


@pytest.mark.parametrize("order", [0.5, 1.0, 1.000001])
@pytest.mark.full
def test_functions_of_means_are_exact_on_draws_of_exact_proportions(order: float) -> None:
    with jax.enable_x64(True):
        near = order == 1.000001  # ∫p = 1 holds to rounding, and that is divided by α - 1
        shannon = float(-(P * np.log(P)).sum()) if order == 1.0 else math.log((P**order).sum()) / (1.0 - order)
        exact = _textbook_renyi(P, Q, order)
        for weight, came_from in ((P, "p"), (Q, "q"), (M, "m")):
            at = _all_outcomes(weight)
            log_p, log_q, log_m = (np.log(one)[at] for one in (P, Q, M))
            drawn = log_m if came_from == "m" else came_from
            for normal in (False, True):
                found = montecarlo.renyi(log_p, log_q, order=order, draws_from=drawn, self_normalized=normal)
                np.testing.assert_allclose(found.value, exact, rtol=1e-8 if near else 1e-12)
            if came_from != "q":
                found = montecarlo.entropy(log_p, order=order, draws_from=drawn)
                np.testing.assert_allclose(found.value, shannon, rtol=1e-8 if near else 1e-12)
        found = montecarlo.entropy(log_p + 3.0, order=order, draws_from=log_m, self_normalized=True)
        np.testing.assert_allclose(found.value, shannon, rtol=1e-8 if near else 1e-12)


@pytest.mark.full
def test_unnormalised_densities() -> None:
    with jax.enable_x64(True):
        at = _all_outcomes(M)
        log_p, log_q, log_m = (np.log(one)[at] for one in (P, Q, M))
        for name in ("kl", "jensen_shannon_scaled", "alpha"):
            verb, keywords, textbook = TEXTBOOK[name]
            call = functools.partial(getattr(montecarlo, verb), log_p + 2.0, log_q - 1.0, **keywords)
            found = call(draws_from=log_m + 5.0, self_normalized=True)
            np.testing.assert_allclose(found.value, textbook(P, Q), rtol=1e-13, err_msg=name)
        found = montecarlo.cross_entropy(log_p + 2.0, log_q, draws_from=log_m, self_normalized=True)
        np.testing.assert_allclose(found.value, -(P * np.log(Q)).sum(), rtol=1e-13)
        np.testing.assert_allclose(montecarlo.cross_entropy(log_p, log_q, draws_from=log_m).value, found.value)
        np.testing.assert_allclose(montecarlo.log_normalizer(log_p + 2.0, log_m).value, 2.0, rtol=1e-13)
        exact = -math.log(np.sqrt(P * Q).sum())
        np.testing.assert_allclose(montecarlo.bhattacharyya(log_p, log_q, draws_from=log_m).value, exact, rtol=1e-13)


# --- error bars -------------------------------------------------------------------------------------------------

REPEATS, COUNT = 2000, 100


@pytest.mark.parametrize("came_from", ["q", "p", "m"])
@pytest.mark.by_default("q")
def test_the_error_bar_is_the_spread_of_repetitions(came_from: str) -> None:
    weight = {"p": P, "q": Q, "m": M}[came_from]
    at = jax.random.categorical(jax.random.key(3), jnp.log(weight).astype(jnp.float32), shape=(COUNT, REPEATS))
    log_p, log_q, log_m = (jnp.log(one).astype(jnp.float32)[at] for one in (P, Q, M))
    drawn = log_m if came_from == "m" else came_from
    kl = functools.partial(montecarlo.kl, log_p, log_q, draws_from=drawn)
    found = {estimator: kl(estimator=estimator) for estimator in ("k1", "k3")}
    if came_from != "q":
        found["fitted"], found["self"] = kl(estimator="fitted"), kl(self_normalized=True)
        found["entropy"] = montecarlo.entropy(log_p, order=2.0, draws_from=drawn)
        found["renyi"] = montecarlo.renyi(log_p, log_q, order=0.5, draws_from=drawn)
        found["cross"] = montecarlo.cross_entropy(log_p, log_q, draws_from=drawn)
    if came_from == "m":
        normal = {"draws_from": drawn, "self_normalized": True}
        found["entropy normal"] = montecarlo.entropy(log_p, order=2.0, **normal)
        found["renyi normal"] = montecarlo.renyi(log_p, log_q, order=0.5, **normal)
        found["cross normal"] = montecarlo.cross_entropy(log_p, log_q, **normal)
        found["chi_squared normal"] = montecarlo.chi_squared(log_p, log_q, **normal)  # moves with both weights
        found["normalizer"] = montecarlo.log_normalizer(log_p + 2.0, log_m)
    for label, one in found.items():
        assert one.value.shape == (REPEATS,)
        # A spread is known to 1/√(2·2000) = 1.6 %, more where the tails are heavy, and COUNT draws leave O(1/COUNT).
        np.testing.assert_allclose(np.sqrt((one.stderr**2).mean()), one.value.std(), rtol=0.08, err_msg=label)
        assert ((one.ess >= 1.0) & (one.ess <= COUNT * 1.0001)).all(), label


def test_a_fitted_control_has_the_least_variance() -> None:
    at = jax.random.categorical(jax.random.key(4), jnp.log(P).astype(jnp.float32), shape=(COUNT, REPEATS))
    log_p, log_q = (jnp.log(one).astype(jnp.float32)[at] for one in (P, Q))
    spread = {e: float(montecarlo.kl(log_p, log_q, estimator=e).value.std()) for e in ("k1", "k3", "fitted")}
    r = np.log(P / Q)
    k3, control = np.exp(-r) - 1 + r, 1 - np.exp(-r)
    left = (P * k3**2).sum() - (P * k3).sum() ** 2 - (P * k3 * control).sum() ** 2 / (P * control**2).sum()
    np.testing.assert_allclose(spread["fitted"], math.sqrt(left / COUNT), rtol=0.08)
    assert spread["fitted"] < 0.9 * min(spread["k1"], spread["k3"]), spread


@pytest.mark.full
def test_the_effective_sample_size_is_that_of_the_weights() -> None:
    log_p, log_q, log_m = (jnp.log(jnp.asarray(one, jnp.float32)) for one in (P, Q, M))

    def textbook(w: np.ndarray) -> float:
        return float(w.sum() ** 2 / (w * w).sum())

    cases = (
        (montecarlo.kl(log_p, log_q, estimator="k1"), np.ones(4)),
        (montecarlo.kl(log_p, log_q), Q / P),
        (montecarlo.kl(log_p, log_q, draws_from="q"), P / Q),
        (montecarlo.entropy(log_p, draws_from=log_m), P / M),
        (montecarlo.log_normalizer(log_p, log_m), P / M),
    )
    for found, w in cases:
        np.testing.assert_allclose(found.ess, textbook(w), rtol=1e-6)
    both = montecarlo.kl(log_p, log_q, draws_from=log_m)
    np.testing.assert_allclose(both.ess, min(textbook(P / M), textbook(Q / M)), rtol=1e-6)


# --- boundaries -------------------------------------------------------------------------------------------------

VERBS: dict[str, Callable[..., montecarlo.Estimate]] = {
    **{
        f"{name} {estimator}": functools.partial(getattr(montecarlo, verb), estimator=estimator, **keywords)
        for name, (verb, keywords, _) in TEXTBOOK.items()
        for estimator in (("k1", "k3", "fitted") if name in PLAIN else ("k3", "fitted"))
    },
    **{
        f"{name} self": functools.partial(getattr(montecarlo, verb), self_normalized=True, **keywords)
        for name, (verb, keywords, _) in TEXTBOOK.items()
    },
    "kl k2": functools.partial(montecarlo.kl, estimator="k2"),
    **{f"renyi {a} {s}": functools.partial(montecarlo.renyi, order=a, self_normalized=s) for a in (0.5, 1.0, 2.0)
       for s in (False, True)},
    "bhattacharyya": montecarlo.bhattacharyya,
}  # fmt: skip


@pytest.mark.parametrize("label", VERBS)
@pytest.mark.by_default("kl k1", "bhattacharyya")
def test_equal_densities_are_exactly_no_distance_apart(label: str) -> None:
    log_p = jnp.asarray(np.random.default_rng(0).normal(size=(6, 2)), jnp.float32)
    verb = VERBS[label]
    found = verb(log_p, log_p)
    assert (found.value == 0.0).all()
    assert (found.stderr == 0.0).all()
    if not label.endswith("k1") and "renyi" not in label and label != "bhattacharyya":
        slopes = jax.grad(lambda a, b: verb(a, b).value.sum(), argnums=(0, 1))(log_p, log_p)
        assert all((one == 0.0).all() for one in slopes)


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_near_equal_densities_keep_their_digits(dtype: Any) -> None:
    """KL of 1e-12 from differences of 1e-6: the sum over draws in float64, of log-ratios as rounded."""
    with jax.enable_x64(True):
        rng = np.random.default_rng(1)
        log_q = rng.normal(size=64)
        log_p = jnp.asarray(log_q + 1e-6 * rng.normal(size=64), dtype)
        log_q = jnp.asarray(log_q, dtype)
        r = np.asarray(log_p, np.float64) - np.asarray(log_q, np.float64)
        found = montecarlo.kl(log_p, log_q)
        exact = (np.expm1(-r) + r)[np.abs(r) >= 0].mean()
        series = (r * r / 2 - r**3 / 6).mean()
        assert found.value.dtype == dtype
        np.testing.assert_allclose(found.value, series, rtol=1e-6 if dtype == jnp.float32 else 1e-11)
        assert abs(exact - series) < 1e-3 * series
        assert (montecarlo.kl(log_p, log_q, self_normalized=True).value >= 0.0).all()


@pytest.mark.parametrize("came_from", SOURCES)
@pytest.mark.parametrize("label", VERBS)
@pytest.mark.by_default("kl k1-p", "jensen_shannon_scaled k3-m", "total_variation fitted-q", "alpha_above k1-p")
def test_never_nan_for_legal_input(label: str, came_from: str) -> None:
    """-∞ in either, in both, draws far apart, masked draws whose values are NaN, and rows without any draw."""
    special = np.array([0.0, -1.0, -INF, -120.0, 300.0, 3.0], np.float32)
    p, q = (one.reshape(-1) for one in np.meshgrid(special, special))
    ordinary = np.zeros_like(p)
    rows_p, rows_q = np.stack([p, ordinary, ordinary]), np.stack([q, ordinary, ordinary - 0.5])
    where = np.ones((3, 36, 2), bool)
    where[:, :, 1] = False
    where[0, :, 1] = True
    log_p = np.stack([rows_p, np.where(where[..., 1], rows_p, np.nan)], -1)
    log_q = np.stack([rows_q, np.where(where[..., 1], rows_q, INF)], -1)
    where = np.concatenate([where, np.zeros((3, 36, 1), bool)], -1)
    log_p = np.concatenate([log_p, np.full((3, 36, 1), np.nan)], -1).astype(np.float32)
    log_q = np.concatenate([log_q, np.full((3, 36, 1), INF)], -1).astype(np.float32)
    drawn = came_from if came_from != "m" else np.where(np.isfinite(log_p), np.maximum(log_p, -1.0), 0.0)
    verb = VERBS[label]
    if came_from == "q" and label in ("skew_kl k1",):
        drawn = "q"

    def total(a: Any, b: Any) -> Any:
        found = verb(a, b, draws_from=drawn, where=where)
        return jnp.where(jnp.isinf(found.value), 0.0, found.value).sum(), found

    (_, found), slopes = jax.value_and_grad(total, argnums=(0, 1), has_aux=True)(jnp.asarray(log_p), jnp.asarray(log_q))
    legal = np.isfinite(log_p).all(0) | True
    # For draws from p (q) alone, a row whose only draw has p = 0 (q = 0) has no weights to normalise.
    empty = np.zeros(legal.shape, bool)
    if "self" in label or "True" in label:
        origin = {"p": log_p, "q": log_q}.get(came_from, drawn)
        counted = where & (origin > -INF)
        for one in (log_p, log_q):
            empty |= ~(counted & (one > -INF)).any(0) & where.any(0)
    assert not np.isnan(np.where(empty, 0.0, found.value)).any()
    assert not np.isnan(np.where(empty, 0.0, found.stderr)).any()
    assert not np.isnan(found.ess).any()
    for one in slopes:
        assert not np.isnan(np.where(empty, 0.0, one)).any()
        assert (np.asarray(one)[~where] == 0.0).all()
    nothing = ~where.any(0)
    assert (np.asarray(found.value)[nothing] == 0.0).all()
    assert (np.asarray(found.stderr)[nothing] == INF).all()
    assert (np.asarray(found.ess)[nothing] == 0.0).all()


def test_kl_is_infinite_where_q_misses_a_draw_of_p_and_has_no_gradient_there() -> None:
    log_p = jnp.zeros(3)
    log_q = jnp.array([-0.5, -jnp.inf, 0.25])
    for estimator in ("k1", "k2", "fitted"):
        found = montecarlo.kl(log_p, log_q, estimator=estimator)
        slope = jax.grad(lambda b, e=estimator: montecarlo.kl(log_p, b, estimator=e).value)(log_q)
        assert (found.value, found.stderr) == (INF, 0.0)
        assert slope[1] == 0.0
        assert slope[0] != 0.0
    masked = montecarlo.kl(log_p, log_q, where=jnp.array([True, False, True]))
    assert masked.value == montecarlo.kl(log_p[::2], log_q[::2]).value
    assert montecarlo.renyi(log_p, log_q, order=2.0).value == INF
    assert jnp.isfinite(montecarlo.renyi(log_p, log_q, order=0.5).value)
    assert montecarlo.cross_entropy(log_p, log_q).value == INF


def test_what_is_no_log_density_gives_nan_and_one_draw_no_error_bar() -> None:
    assert jnp.isnan(montecarlo.kl(jnp.array([0.0, jnp.nan]), jnp.zeros(2)).value)
    assert jnp.isnan(montecarlo.kl(jnp.zeros(2), jnp.array([0.0, jnp.inf])).value)
    assert montecarlo.kl(jnp.zeros(1), -jnp.ones(1)).stderr == INF
    assert jnp.isnan(montecarlo.renyi(jnp.full(2, jnp.nan), jnp.zeros(2), order=0.5).value)


def test_axes_masks_and_batches() -> None:
    rng = np.random.default_rng(2)
    log_p, log_q = (jnp.asarray(rng.normal(size=(4, 3, 5)), jnp.float32) for _ in range(2))
    where = jnp.asarray(rng.random((4, 3, 5)) < 0.7)
    found = montecarlo.kl(log_p, log_q, axis=(0, 2), where=where)
    assert all(one.shape == (3,) for one in found)
    for row in range(3):
        kept = where[:, row]
        alone = montecarlo.kl(log_p[:, row][kept], log_q[:, row][kept])
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(one[row], other, rtol=2e-6)
    mapped = jax.vmap(montecarlo.kl, in_axes=1)(log_p[..., 0], log_q[..., 0])
    np.testing.assert_allclose(mapped.value, montecarlo.kl(log_p[..., 0], log_q[..., 0]).value, rtol=1e-6)
    half = montecarlo.kl(log_p.astype(jnp.bfloat16), log_q.astype(jnp.bfloat16))
    assert half.value.dtype == jnp.float32


@pytest.mark.full
def test_second_derivatives_and_traced_options() -> None:
    with jax.enable_x64(True):
        a, b = jnp.log(P), jnp.log(Q)
        hessian = jax.jit(jax.hessian(lambda b: montecarlo.kl(a, b).value))(b)
        np.testing.assert_allclose(hessian, np.diag(np.exp(b - a)) / 4, rtol=1e-13, atol=1e-16)

        def alpha(order: Any) -> Any:
            return montecarlo.alpha(a, b, order=order).value

        value, slope = jax.jit(lambda order: jax.jvp(alpha, (order,), (jnp.ones_like(order),)))(0.7)
        u = np.exp(a - b)

        def textbook(order: float) -> float:  # of the mean over draws from p
            return float(((u**order - order * u + order - 1) / (order * (order - 1)) / u).mean())

        np.testing.assert_allclose(value, textbook(0.7), rtol=1e-13)
        np.testing.assert_allclose(slope, (textbook(0.7 + 1e-6) - textbook(0.7 - 1e-6)) / 2e-6, rtol=1e-8)
        slope = jax.jit(jax.jacfwd(lambda order: montecarlo.renyi(a, b, order=order).value))(jnp.asarray(1.0))
        np.testing.assert_allclose(slope, 0.5 * np.var(np.log(u)), rtol=1e-12)  # the second cumulant


def test_gradients_of_reparametrised_draws_are_pathwise() -> None:
    """KL(N(0, s)‖N(0, 1)) = (s² - 1)/2 - log s; with x = s z its derivative is that of log(p/q) along the path."""
    z = jnp.asarray(np.random.default_rng(3).normal(size=100_000), jnp.float32)

    def value(s: Any, fixed: bool) -> Any:
        x = lax.stop_gradient(s * z) if fixed else s * z
        log_p, log_q = -0.5 * (x / s) ** 2 - jnp.log(s), -0.5 * x**2
        drawn = lax.stop_gradient(log_p) if fixed else "p"
        return montecarlo.kl(log_p, log_q, draws_from=drawn, estimator="k1").value

    s = jnp.asarray(0.7, jnp.float32)
    for fixed in (False, True):
        np.testing.assert_allclose(jax.grad(value)(s, fixed), 0.7 - 1 / 0.7, atol=0.02)


# --- bad input --------------------------------------------------------------------------------------------------


def test_bad_input_names_the_argument() -> None:
    x = jnp.zeros(3)
    cases: list[tuple[type[Exception], str, Callable[[], Any]]] = [
        (ValueError, "at least one draw.*shape \\(0,\\)", lambda: montecarlo.kl(jnp.zeros(0), jnp.zeros(0))),
        (ValueError, "must broadcast together", lambda: montecarlo.kl(x, jnp.zeros(4))),
        (
            ValueError,
            "estimator must be one of 'k1', 'k2', 'k3', 'fitted'",
            lambda: montecarlo.kl(x, x, estimator="k4"),
        ),
        (ValueError, "estimator must be one of", lambda: montecarlo.le_cam(x, x, estimator="k2")),
        (ValueError, "has no form for jeffreys", lambda: montecarlo.jeffreys(x, x, estimator="k1")),
        (ValueError, "has no form for alpha", lambda: montecarlo.alpha(x, x, order=-1.0, estimator="k1")),
        (ValueError, "leave out estimator", lambda: montecarlo.kl(x, x, estimator="k2", self_normalized=True)),
        (ValueError, "draws_from must be 'p' or 'q'", lambda: montecarlo.kl(x, x, draws_from="m")),
        (TypeError, "draws_from", lambda: montecarlo.kl(x, x, draws_from=None)),
        (ValueError, "draws_from must be 'p'", lambda: montecarlo.entropy(x, draws_from="q")),
        (ValueError, "needs draws_from", lambda: montecarlo.entropy(x, self_normalized=True)),
        (TypeError, "self_normalized must be", lambda: montecarlo.kl(x, x, self_normalized=1)),
        (TypeError, "log_p must have a floating-point dtype", lambda: montecarlo.kl(jnp.zeros(3, int), x)),
        (TypeError, "where must be boolean", lambda: montecarlo.kl(x, x, where=jnp.ones(3))),
        (ValueError, "axis must lie in", lambda: montecarlo.kl(x, x, axis=1)),
        (ValueError, "order must lie in", lambda: montecarlo.renyi(x, x, order=0.0)),
        (TypeError, "generator must be", lambda: montecarlo.f_divergence(x, x, generator="kl")),
        (ValueError, "weight must lie in", lambda: montecarlo.skew_kl(x, x, weight=2.0)),
    ]
    for kind, said, call in cases:
        for attempt in (call, lambda call=call: jax.eval_shape(call)):
            with pytest.raises(kind, match=said):
                attempt()
