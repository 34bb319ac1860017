"""The boundary contract, a test for each line, over the verbs, modules, dtypes and modes of differentiation.

``_derivatives`` compiles one function for a verb, module and dtype: value, gradient in reverse and forward mode, and
Hessian of a batch of boundary rows, under ``vmap``, ``jit`` and ``jax_debug_nans``. The tests read what it found.
"""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sweeps import thinned
from verbs import AT, CHOSEN, F_DIVERGENCES, INF, MODULES, ROWS, VERBS, Verb, boundary_rows, is_divergence

from kljax import divergences, generators, logits, probs
from kljax.divergences import _register

# What runs without --full: each kind of formula and of boundary once. Compiling a Hessian takes seconds.
EVERY = [(module, dtype, label) for module in MODULES for dtype in ("float32", "float64") for label in VERBS]
REDUCED = [
    *(("logits", "float32", label) for label in ("kl", "jensen_shannon", "total_variation", "cross_entropy")),
    *(("probs", "float32", label) for label in ("kl", "chi_squared", "cross_entropy")),
    *[("logits", "float64", "kl"), ("probs", "float64", "squared_hellinger")],
]


class Found(NamedTuple):
    p: np.ndarray
    q: np.ndarray
    value: np.ndarray
    reverse: np.ndarray  # [rows, 2, outcomes]
    forward: np.ndarray
    hessian: np.ndarray  # [rows, 2, 2, outcomes, outcomes]


@functools.cache
def _derivatives(module: str, dtype: str, label: str) -> Found:
    verb = VERBS[label]

    def value(pair: jax.Array) -> jax.Array:
        return verb(MODULES[module], pair[0], pair[1])

    @jax.jit
    @jax.vmap
    def everything(pair: jax.Array) -> tuple[jax.Array, ...]:
        def reverse(pair: jax.Array) -> Any:
            both = jax.value_and_grad(value)(pair)
            return both, both

        # Forward mode over reverse mode: the derivative of the value is the gradient again, that of the gradient
        # the Hessian.
        (forward, hessian), (found, gradient) = jax.jacfwd(reverse, has_aux=True)(pair)
        return found, gradient, forward, hessian

    p, q = boundary_rows(module, dtype)
    with jax.enable_x64(dtype == "float64"), jax.debug_nans(True):
        found = everything(np.stack([p, q], 1))
    values, reverse, forward, hessian = map(np.asarray, found)
    return Found(p, q, values, reverse, forward, np.moveaxis(hessian, 2, 3))


@pytest.fixture(params=thinned(EVERY, REDUCED), ids="-".join)
def case(request: pytest.FixtureRequest) -> tuple[str, str, Verb, Found]:
    """One verb in one module and dtype, and its derivatives at the boundary."""
    module, dtype, label = request.param
    return module, dtype, VERBS[label], _derivatives(module, dtype, label)


def _eps(dtype: str) -> float:
    return float(np.finfo(dtype).eps)


def _probabilities(module: str, found: Found) -> tuple[np.ndarray, np.ndarray]:
    return (found.p, found.q) if module == "probs" else (np.exp(found.p), np.exp(found.q))


# --- 1: never NaN; both modes agree -----------------------------------------------------------------------


def test_nothing_is_nan(case: tuple[str, str, Verb, Found]) -> None:
    *_, found = case
    for name in ("value", "reverse", "forward", "hessian"):
        wrong = np.isnan(getattr(found, name).reshape(len(ROWS), -1)).any(-1)
        assert not wrong.any(), (name, [row for row, bad in zip(ROWS, wrong, strict=True) if bad])


def test_gradients_are_finite_and_the_same_in_both_modes(case: tuple[str, str, Verb, Found]) -> None:
    _, dtype, _, found = case
    assert np.isfinite(found.reverse).all()
    # The same products, in another order: a few roundings of the largest.
    scale = np.abs(found.reverse).max((1, 2), keepdims=True)
    assert (np.abs(found.forward - found.reverse) <= 16 * _eps(dtype) * scale).all()


def test_the_hessian_is_symmetric(case: tuple[str, str, Verb, Found]) -> None:
    _, dtype, _, found = case
    inside = found.hessian[AT["inside"]].transpose(0, 2, 1, 3).reshape(8, 8)
    assert np.abs(inside - inside.T).max() <= 64 * _eps(dtype) * np.abs(inside).max()


# --- 2: D(p‖p) = 0 exactly; D ≥ 0; continuous -------------------------------------------------------------


def test_equal_rows_have_exactly_no_divergence_and_no_gradient(case: tuple[str, str, Verb, Found]) -> None:
    *_, verb, found = case
    if not is_divergence(verb):
        pytest.skip("an entropy")
    for row in ("equal", "equal with zeros", "equal, one-hot"):
        assert found.value[AT[row]] == 0.0
        assert (found.reverse[AT[row]] == 0.0).all(), row
        assert (found.forward[AT[row]] == 0.0).all(), row


def test_nothing_is_negative(case: tuple[str, str, Verb, Found]) -> None:
    *_, found = case
    assert (found.value >= 0.0).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("label", ["kl", "jensen_shannon", "squared_hellinger", "chi_squared", "renyi-0.5"])
@pytest.mark.parametrize("module", MODULES)
@pytest.mark.by_default(
    "logits-kl-float32",
    "logits-renyi-0.5-float64",
    "probs-jensen_shannon-float64",
    "probs-chi_squared-float32",
    "probs-kl-float64",
    "logits-squared_hellinger-float32",
)
def test_continuous_towards_equality(module: str, label: str, dtype: str) -> None:
    # All are c Σ d²/q to second order, and the third order is below d. So D(d)/d² settles; it does not become noise.
    verb, steps = VERBS[label], 2.0 ** -np.arange(4, 12 if dtype == "float32" else 20)
    with jax.enable_x64(dtype == "float64"):
        q = jnp.full((len(steps), 4), 0.25, dtype)
        p = q + jnp.asarray(steps[:, None] * np.array([0.25, -0.25, 0.125, -0.125]), dtype)
        value = verb(probs, p, q) if module == "probs" else verb(logits, jnp.log(p), jnp.log(q))
    ratio = np.asarray(value, np.float64) / steps**2
    noise = 64 * _eps(dtype) / steps if module == "logits" else 64 * _eps(dtype)  # the logarithms are rounded
    assert (np.abs(ratio / ratio[-1] - 1.0) <= 2.0 * steps + noise + 64 * _eps(dtype)).all()


# --- 3, 4: zeros in one row or in both --------------------------------------------------------------------


def test_an_outcome_that_both_lack_costs_nothing(case: tuple[str, str, Verb, Found]) -> None:
    module, dtype, verb, found = case
    at = AT["both lack it"]
    assert (found.reverse[at, :, 0] == 0.0).all()
    assert (found.forward[at, :, 0] == 0.0).all()
    with jax.enable_x64(dtype == "float64"):
        without = float(verb(MODULES[module], found.p[at, 1:], found.q[at, 1:]))
    assert abs(found.value[at] - without) <= 8 * _eps(dtype) * without


def test_an_outcome_that_one_lacks_costs_its_limit(case: tuple[str, str, Verb, Found]) -> None:
    module, dtype, verb, found = case
    p, q = _probabilities(module, found)
    for row, price, mass in (("p lacks it", verb.at_zero, q), ("q lacks it", verb.at_infinity, p)):
        at = AT[row]
        infinite = price == INF and (verb.additive or not verb.function.startswith(("bhatta", "chernoff")))
        if verb.function == "renyi":
            infinite = price == INF and dict(verb.options)["order"] >= 1.0
        if infinite:
            assert found.value[at] == INF
            if module == "probs":  # in logits, the normalisation ties an outcome to the others
                assert (found.reverse[at, :, 0] == 0.0).all()
                assert (found.hessian[at][:, :, 0] == 0.0).all()
            continue
        assert np.isfinite(found.value[at])
        if verb.additive:
            with jax.enable_x64(dtype == "float64"):
                rest = float(verb(probs, p[at, 1:], q[at, 1:]))
            # Logits are rounded logarithms, of size up to 2, and slopes are at most 4.
            expected, roundings = rest + mass[at, 0] * price, 16 if module == "probs" else 64
            assert abs(found.value[at] - expected) <= roundings * _eps(dtype) * max(expected, 1.0)


def test_both_modules_agree_at_the_boundary(case: tuple[str, str, Verb, Found]) -> None:
    module, dtype, verb, found = case
    if module == "probs":
        pytest.skip("is what logits are compared with")
    with jax.enable_x64(dtype == "float64"):
        expected = np.asarray(verb(probs, *boundary_rows("probs", dtype)))
    infinite = np.isinf(expected)
    assert (np.isinf(found.value) == infinite).all()
    finite = ~infinite
    # χ² and its like multiply the rounding of a logarithm by their order; rows at equality are exactly zero above.
    value, expected = found.value[finite], expected[finite]
    assert (np.abs(value - expected) <= 64 * _eps(dtype) * np.maximum(expected, 1.0)).all()


def test_kl_is_exactly_infinite_where_q_misses_mass() -> None:
    p = jnp.array([0.5, 0.5 - 1e-6, 1e-6])
    q = jnp.array([0.5, 0.5, 0.0])
    assert float(probs.kl(p, q)) == INF
    assert float(logits.kl(jnp.log(p), jnp.log(q))) == INF
    # Also where that mass underflows in the probability.
    assert float(logits.kl(jnp.array([0.0, -1e4]), jnp.array([0.0, -jnp.inf]))) == INF
    for gradient in jax.grad(probs.kl, (0, 1))(p, q):
        assert float(gradient[2]) == 0.0
        assert bool(jnp.isfinite(gradient).all())
    # Through the softmax of p its logit still moves the others.
    in_p, in_q = jax.grad(logits.kl, (0, 1))(jnp.log(p), jnp.log(q))
    assert float(in_q[2]) == 0.0
    assert bool(jnp.isfinite(in_p).all() & jnp.isfinite(in_q).all())


# --- the limit of gradients -------------------------------------------------------------------------------

# What changes with p where p → 0 < q is f'(0), with q where q → 0 < p it is -lim (u f' - f), and the other one tends to
# the price. Those that are finite, by hand: (f'(0), f(0)) and (lim f', lim f - u f').
SLOPES = {
    "total_variation": ((-0.5, 0.5), (0.5, -0.5)),
    "le_cam": ((-1.5, 0.5), (0.5, -1.5)),
    "chi_squared": ((-2.0, 1.0), None),
    "alpha-3.0": ((-0.5, 1.0 / 3.0), None),
    "alpha--1.0": (None, (0.5, -1.0)),
    "f_divergence-reverse_kl": (None, (1.0, -INF)),
    "kl": ((-INF, 1.0), None),
    "skew_kl-0.1": ((-INF, 0.9), (-math.log(0.1) - 0.9, -8.1)),
    "jensen_shannon": ((-INF, 0.5 * math.log(2.0)), (0.5 * math.log(2.0), -INF)),
    "squared_hellinger": ((-INF, 0.5), (0.5, -INF)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("label", SLOPES)
@pytest.mark.by_default(
    "total_variation-float32",
    "le_cam-float64",
    "kl-float32",
    "skew_kl-0.1-float32",
    "jensen_shannon-float64",
    "squared_hellinger-float32",
    "f_divergence-reverse_kl-float64",
    "alpha--1.0-float32",
    "chi_squared-float64",
)
def test_gradients_tend_to_the_gradient_at_the_boundary(label: str, dtype: str) -> None:
    verb = VERBS[label]
    small = np.array([1e-3, 1e-6, 1e-9, 1e-15, 1e-25, 0.0])
    here, there = np.full_like(small, 0.25), np.full((len(small), 2), [0.25, 0.5])

    @jax.jit
    def gradients(p: jax.Array, q: jax.Array) -> Any:
        return jax.grad(lambda p, q: verb(probs, p, q).sum(), (0, 1))(p, q)

    for limits, p, q in (
        (SLOPES[label][0], small, here),
        (SLOPES[label][1], here, small),
    ):
        if limits is None:
            continue
        rows = [np.concatenate([first[:, None], there[:, order]], 1) for first, order in ((p, [0, 1]), (q, [1, 0]))]
        with jax.enable_x64(dtype == "float64"):
            found = [np.asarray(one)[:, 0] for one in gradients(*(row.astype(dtype) for row in rows))]
        for sequence, limit in zip(found, limits, strict=True):
            assert np.isfinite(sequence).all()
            if np.isfinite(limit):
                # f' and f - u f' differ from the limit by c √small at worst; skewing by w divides by w² more than once.
                assert (np.abs(sequence - limit) <= 16 * np.sqrt(small) + 8 * _eps(dtype) * (1 + abs(limit))).all()
            else:
                # An infinite slope is taken at the smallest normal number, so it goes on growing, with its sign.
                assert (np.diff(sequence) * np.sign(limit) > 0.0).all()
                assert np.sign(sequence[-1]) == np.sign(limit)


def test_the_other_outcomes_gradients_are_continuous_at_the_boundary(case: tuple[str, str, Verb, Found]) -> None:
    module, dtype, verb, found = case
    for row, side in (("p lacks it", 0), ("q lacks it", 1), ("both lack it", 0)):
        at = AT[row]
        if not np.isfinite(found.value[at]) or verb.function == "chernoff_information":
            continue  # infinite values have no continuous gradient; the order of Chernoff's moves like 1/log p
        if row == "both lack it" and verb.at_infinity == INF:
            continue  # as soon as p has it, the divergence is infinite
        p, q = (np.array(one[at], np.float64) for one in _probabilities(module, found))
        (p, q)[side][0] = 1e-34 if dtype == "float32" else 1e-290
        if module == "logits":
            with np.errstate(divide="ignore"):
                p, q = np.log(p), np.log(q)
        with jax.enable_x64(dtype == "float64"):
            pair = jnp.asarray(np.stack([p, q]), dtype)
            if module == "logits":  # the very same logits elsewhere
                pair = pair.at[:, 1:].set(np.stack([found.p[at], found.q[at]])[:, 1:])
            near = np.asarray(jax.grad(lambda pair: verb(MODULES[module], pair[0], pair[1]))(pair))
        expected = found.reverse[at][:, 1:]
        # √(1e-34) = 1e-17 is the slowest approach, α = 0.3 in logits the exception: (1e-34)^0.3 = 6e-11.
        assert (np.abs(near[:, 1:] - expected) <= 64 * _eps(dtype) * np.maximum(np.abs(expected).max(), 1.0)).all(), row


# --- 5: -inf logits, masks, rows that are no distribution -------------------------------------------------


def test_a_logit_of_minus_infinity_has_exactly_no_gradient(case: tuple[str, str, Verb, Found]) -> None:
    module, _, _, found = case
    if module == "probs":
        pytest.skip("about logits")
    absent = np.stack([found.p, found.q], 1) == -np.inf
    assert absent.sum() == 30
    for gradient in (found.reverse, found.forward):
        assert (gradient[absent] == 0.0).all()
    rows = np.nonzero(absent)
    assert (found.hessian[rows[0], rows[1], :, rows[2]] == 0.0).all()


NO_DISTRIBUTION = {
    "all -inf": [-np.inf] * 3,
    "+inf": [0.0, np.inf, 1.0],
    "NaN": [0.0, np.nan, 1.0],
    "NaN and -inf": [-np.inf, np.nan, -np.inf],
}


@pytest.mark.parametrize("wrong", NO_DISTRIBUTION)
@pytest.mark.parametrize("label", CHOSEN)
@pytest.mark.by_default(
    "kl-all -inf",
    "kl-+inf",
    "kl-NaN",
    "kl-NaN and -inf",
    "renyi-0.5-all -inf",
    "renyi-0.5-NaN",
    "cross_entropy-+inf",
    "cross_entropy-NaN and -inf",
    "total_variation-NaN",
)
def test_a_row_that_is_no_distribution_gives_nan(label: str, wrong: str) -> None:
    good = np.array([[0.0, 1.0, 2.0], [0.5, 0.5, 0.5], [0.0, -np.inf, 0.0]], np.float32)
    bad = good.copy()
    bad[1] = NO_DISTRIBUTION[wrong]
    for p, q in ((bad, good), (good, bad), (bad, bad)):
        value = np.asarray(VERBS[label](logits, p, q))
        assert np.isnan(value[1])
        assert not np.isnan(value[[0, 2]]).any(), "a bad row must not spoil the others"


@pytest.mark.parametrize("order", [0.0, 0.5, 1.0, 2.0, INF])
@pytest.mark.parametrize("wrong", NO_DISTRIBUTION)
def test_the_ends_of_renyi_and_entropies_of_no_distribution(wrong: str, order: float) -> None:
    good, bad = np.array([0.0, 1.0, 2.0], np.float32), np.array(NO_DISTRIBUTION[wrong], np.float32)
    assert np.isnan(logits.entropy(bad, order=order))
    assert np.isnan(logits.renyi(bad, good, order=order))
    assert np.isnan(logits.renyi(good, bad, order=order))
    assert np.isnan(logits.generalized_jensen_shannon(np.stack([good, bad])))


@pytest.mark.parametrize("wrong", [np.nan, -0.5])
@pytest.mark.parametrize("label", CHOSEN)
@pytest.mark.by_default("kl-nan", "kl--0.5", "total_variation-nan", "jensen_shannon--0.5", "renyi-0.5-nan")
def test_a_probability_that_is_nan_or_negative_gives_no_finite_lie(label: str, wrong: float) -> None:
    good = np.array([[0.25, 0.25, 0.5], [0.25, 0.25, 0.5]], np.float32)
    bad = good.copy()
    bad[1, 1] = wrong
    for p, q in ((bad, good), (good, bad)):
        value = np.asarray(VERBS[label](probs, p, q))
        assert np.isfinite(value[0])
        assert np.isnan(value[1]) or wrong < 0.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_kl_of_measures_is_the_generalised_one(dtype: str) -> None:
    rng = np.random.default_rng(7)
    p, q = (np.exp(rng.normal(scale=3.0, size=(50, 8))).astype(dtype) for _ in range(2))
    wide_p, wide_q = p.astype(np.longdouble), q.astype(np.longdouble)
    expected = (wide_p * np.log(wide_p / wide_q) - wide_p + wide_q).sum(-1)
    with jax.enable_x64(dtype == "float64"):
        found = np.asarray(probs.kl(p, q))
        scaled = np.asarray(probs.kl(4.0 * p, 4.0 * q))
    assert (np.abs(found - expected) <= 16 * _eps(dtype) * expected).all()
    assert (found >= 0.0).all()
    assert np.allclose(scaled, 4.0 * found, rtol=8 * _eps(dtype))  # homogeneous: nothing is renormalised
    assert float(probs.kl(np.zeros(3, np.float32), np.array([1.0, 2.0, 3.0], np.float32))) == 6.0


# --- 6: the derivative of p log p at p = 0 ----------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_derivative_of_p_log_p_is_that_of_the_smallest_normal_number(dtype: str) -> None:
    tiny = float(np.finfo(dtype).tiny)
    p, q = np.array([0.0, 0.5, 0.5], dtype), np.array([0.25, 0.25, 0.5], dtype)
    with jax.enable_x64(dtype == "float64"):
        entropy, divergence = jax.grad(probs.entropy)(p), jax.grad(probs.kl)(p, q)
        curvature = jax.hessian(probs.entropy)(p)
    assert np.isclose(entropy[0], -(math.log(tiny) + 1.0), rtol=4 * _eps(dtype))
    assert np.isclose(divergence[0], math.log(tiny / 0.25), rtol=4 * _eps(dtype))
    assert np.isfinite(curvature).all()


@pytest.mark.parametrize("chain", ["softmax", "square"])
def test_that_derivative_vanishes_under_a_chain_rule_that_multiplies_by_p(chain: str) -> None:
    inner = {"softmax": jax.nn.softmax, "square": jnp.square}[chain]
    x = jnp.array([-jnp.inf, 0.0, 0.0]) if chain == "softmax" else jnp.array([0.0, 0.7, 0.7])
    q = jnp.array([0.25, 0.25, 0.5])
    for loss in (lambda x: probs.entropy(inner(x)), lambda x: probs.kl(inner(x), q)):
        gradient = jax.grad(loss)(x)
        assert float(gradient[0]) == 0.0
        assert bool(jnp.isfinite(gradient).all())


def test_the_table_of_verbs_covers_the_generators() -> None:
    named = {getattr(dict(verb.options).get("generator"), "name", None) for verb in F_DIVERGENCES}
    constants = {one.name for one in vars(generators).values() if isinstance(one, generators.Generator)}
    by_verb = {"kl", "jeffreys", "squared_hellinger", "total_variation", "pearson", "le_cam"}
    assert constants <= named | by_verb


def of_two(module: Any) -> set[str]:
    """The functions of a module that take p and q."""
    functions = {name: getattr(module, name) for name in module.__all__ if name.islower()}
    routines = {name: one for name, one in functions.items() if inspect.isroutine(inspect.unwrap(one))}
    return {name for name, one in routines.items() if list(inspect.signature(one).parameters)[:2] == ["p", "q"]}


def test_every_verb_on_two_is_among_those_that_are_tested_and_registered() -> None:
    roots = {"jensen_shannon_distance", "hellinger_distance"}  # of others
    assert of_two(probs) - roots - {"kl_terms", "perplexity"} == {verb.function for verb in VERBS.values()}
    assert of_two(divergences) - roots - {"estimate"} == {verb.__name__ for verb in _register.VERBS} - {"entropy"}
