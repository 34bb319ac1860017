"""Bad input: an error at trace time that names the argument, what was expected and what came."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental import checkify

from kljax import bits, generators, logits, probs

P = np.array([[0.25, 0.75], [0.5, 0.5]], np.float32)
NAMES = {logits: ("logits_p", "logits_q", "logits"), probs: ("p", "q", "p")}
REQUIRED: dict[str, dict[str, Any]] = {
    "skew_kl": {"weight": 0.5},
    "renyi": {"order": 0.5},
    "tsallis": {"order": 0.5},
    "alpha": {"order": 0.5},
    "f_divergence": {"generator": generators.kl},
}
SINGLE = ("entropy", "generalized_jensen_shannon", "perplexity")
JOINT = {"conditional_entropy", "mutual_information"}  # of tables, without an axis: tests/test_joint.py
VERBS = [name for name in probs.__all__ if name not in JOINT]
MODULES = pytest.mark.parametrize("module", [logits, probs], ids=["logits", "probs"])
PAIRED = pytest.mark.parametrize("name", [name for name in VERBS if name not in SINGLE])
EVERY = pytest.mark.parametrize("name", VERBS)


def _call(module: Any, name: str, p: Any = P, q: Any = P, **keywords: Any) -> Any:
    operands = (p,) if name in SINGLE else (p, q)
    return getattr(module, name)(*operands, **{**REQUIRED.get(name, {}), **keywords})


def _raises(kind: type[Exception], call: Callable[[], Any], *said: str) -> None:
    """The error, eagerly and when traced, and everything that its message must say."""
    for attempt in (call, jax.jit(call), lambda: jax.eval_shape(call)):
        with pytest.raises(kind) as caught:
            attempt()
        missing = [part for part in said if not re.search(part, str(caught.value))]
        assert not missing, f"{caught.value!s} does not say {missing}"


def test_both_modules_have_the_same_verbs() -> None:
    assert set(probs.__all__) == set(logits.__all__)
    assert set(REQUIRED) | set(SINGLE) <= set(probs.__all__)


# --- operands ---------------------------------------------------------------------------------------------


@PAIRED
@MODULES
def test_shapes_that_do_not_broadcast(module: Any, name: str) -> None:
    first, second, _ = NAMES[module]
    other = np.ones((2, 3), np.float32)
    _raises(ValueError, lambda: _call(module, name, q=other), f"{first} and {second}", r"\(2, 2\)", r"\(2, 3\)")


WRONG_OPERANDS = {
    "integer": (np.array([[1, 0], [0, 1]]), "int(32|64)"),
    "bool": (np.array([[True, False], [False, True]]), "bool"),
    "complex": (P.astype(np.complex64), "complex64"),
    "none": (None, "None"),
}


@pytest.mark.parametrize("wrong", WRONG_OPERANDS)
@EVERY
@MODULES
def test_an_operand_that_is_no_floating_point_array(module: Any, name: str, wrong: str) -> None:
    first, second, only = NAMES[module]
    operand, came = WRONG_OPERANDS[wrong]
    expected = "must (have|be) a floating-point"
    if name in SINGLE:
        _raises(TypeError, lambda: _call(module, name, operand), f"{only} {expected}", came)
    else:
        if (module, name, wrong) != (logits, "cross_entropy", "integer"):  # these are class labels
            _raises(TypeError, lambda: _call(module, name, operand), f"{first} {expected}", came)
        _raises(TypeError, lambda: _call(module, name, q=operand), f"{second} {expected}", came)


@pytest.mark.parametrize("operand", ["half", object(), ["a", "b"]], ids=["string", "object", "list of strings"])
@EVERY
@MODULES
def test_an_operand_that_is_no_array(module: Any, name: str, operand: Any) -> None:
    first, second, only = NAMES[module]
    came = {list: "list of str", str: "'half'", object: "object"}[type(operand)]
    for place, call in (
        (only if name in SINGLE else first, lambda: _call(module, name, operand)),
        (
            only if name in SINGLE else second,
            lambda: _call(module, name, *([operand] if name in SINGLE else [P, operand])),
        ),
    ):
        _raises(TypeError, call, rf"^{place} must be a floating-point array; got", came)


@EVERY
@MODULES
def test_an_operand_without_outcomes(module: Any, name: str) -> None:
    empty = np.zeros((2, 0), np.float32)
    _raises(ValueError, lambda: _call(module, name, empty, empty), "axis", r"\(2, 0\)")


@EVERY
@MODULES
def test_an_operand_without_dimensions(module: Any, name: str) -> None:
    one = np.float32(0.5)
    _raises(ValueError, lambda: _call(module, name, one, one), "single numbers", "axis of outcomes")


@EVERY
@MODULES
def test_operands_with_a_gradient_raise_too(module: Any, name: str) -> None:
    def loss(p: Any) -> Any:
        return _call(module, name, p, P, axis=5).sum()

    _raises(ValueError, lambda: jax.grad(loss)(P), "axis must")


# --- axis and where ---------------------------------------------------------------------------------------

WRONG_AXES = {
    "out of range": (ValueError, 2, r"\[-2, 1\].*got 2"),
    "below": (ValueError, -3, r"\[-2, 1\].*got -3"),
    "one of them out of range": (ValueError, (0, 2), r"\[-2, 1\].*got \(0, 2\)"),
    "twice": (ValueError, (1, -1), r"each once.*got \(1, -1\)"),
    "none at all": (ValueError, (), r"at least one.*got \(\)"),
    "float": (TypeError, 1.0, "integer.*got 1.0"),
    "string": (TypeError, "rows", "integer.*got 'rows'"),
    "bool": (TypeError, True, "integer.*got True"),
    "none": (TypeError, None, "integer.*got None"),
}


@pytest.mark.parametrize("wrong", WRONG_AXES)
@pytest.mark.parametrize("name", [name for name in VERBS if name != "generalized_jensen_shannon"])
@MODULES
def test_an_axis_that_is_none(module: Any, name: str, wrong: str) -> None:
    kind, axis, said = WRONG_AXES[wrong]
    _raises(kind, lambda: _call(module, name, axis=axis), "axis must", said)


@EVERY
@MODULES
def test_a_mask_that_is_not_boolean_or_does_not_fit(module: Any, name: str) -> None:
    integers, shape = np.array([1, 0]), np.array([True, False, True])
    _raises(TypeError, lambda: _call(module, name, where=integers), "where must be boolean", "int(32|64)")
    _raises(ValueError, lambda: _call(module, name, where=shape), "where must broadcast", r"\(2, 2\)", r"\(3,\)")
    _raises(TypeError, lambda: _call(module, name, where="all"), r"where\b", "array", "'str'")


# --- options ----------------------------------------------------------------------------------------------

NUMBERS = [
    ("jensen_shannon", "weight", -0.1, r"\[0, 1\]"),
    ("jensen_shannon", "weight", 1.5, r"\[0, 1\]"),
    ("jensen_shannon", "weight", math.nan, r"\[0, 1\]"),
    ("skew_kl", "weight", -1e-9, r"\[0, 1\]"),
    ("skew_kl", "weight", 2, r"\[0, 1\]"),
    ("renyi", "order", -0.5, r"\[0, inf"),
    ("renyi", "order", math.nan, r"\[0, inf"),
    ("tsallis", "order", 0.0, r"\(0, inf"),
    ("tsallis", "order", -1.0, r"\(0, inf"),
    ("tsallis", "order", math.inf, "finite"),
    ("alpha", "order", math.inf, "finite"),
    ("alpha", "order", math.nan, "nan"),
    ("entropy", "order", -1.0, r"\[0, inf"),
]


@pytest.mark.parametrize(("name", "option", "value", "said"), NUMBERS)
@MODULES
def test_a_number_out_of_range(module: Any, name: str, option: str, value: float, said: str) -> None:
    came = re.escape(repr(float(value))) + "|" + re.escape(repr(value))
    said = "inf|finite" if math.isnan(value) else said
    _raises(ValueError, lambda: _call(module, name, **{option: value}), f"{option} must", said, came)


@pytest.mark.parametrize("wrong", ["half", None, True])
@pytest.mark.parametrize(("name", "option"), sorted({(name, option) for name, option, *_ in NUMBERS}))
@MODULES
def test_an_option_that_is_no_number(module: Any, name: str, option: str, wrong: Any) -> None:
    call = lambda: _call(module, name, **{option: wrong})  # noqa: E731
    _raises(TypeError, call, f"{option} must be a real number", repr(wrong))


@pytest.mark.parametrize("wrong", [np.ones(3, np.float32), np.complex64(1.0)])
@pytest.mark.parametrize(("name", "option"), sorted({(name, option) for name, option, *_ in NUMBERS}))
@MODULES
def test_an_option_that_is_not_one_real_number(module: Any, name: str, option: str, wrong: Any) -> None:
    _raises(
        ValueError, lambda: _call(module, name, **{option: wrong}), f"{option} must be one real number", "float|comp"
    )


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
@EVERY
def test_a_temperature_that_is_not_positive(name: str, temperature: float) -> None:
    call = lambda: _call(logits, name, temperature=temperature)  # noqa: E731
    _raises(ValueError, call, "temperature must", r"\(0, inf", re.escape(repr(temperature)))


@EVERY
def test_a_temperature_that_is_no_number(name: str) -> None:
    _raises(TypeError, lambda: _call(logits, name, temperature="hot"), "temperature must be a real number", "'hot'")
    _raises(TypeError, lambda: _call(logits, name, temperature=None), "temperature must be a real number", "None")
    many = np.ones(2, np.float32)
    _raises(ValueError, lambda: _call(logits, name, temperature=many), "temperature must be one real number", r"\(2,\)")


@pytest.mark.parametrize("wrong", ["kl", None, generators.alpha, lambda u: u * u])
@MODULES
def test_an_unknown_generator(module: Any, wrong: Any) -> None:
    call = lambda: module.f_divergence(P, P, wrong)  # noqa: E731
    with pytest.raises(TypeError, match=r"generator must be a record of kljax\.generators.*got"):
        call()
    with pytest.raises(TypeError, match="generator must be"):
        jax.jit(call)()


@EVERY
@MODULES
def test_options_are_keyword_only_and_unknown_ones_raise(module: Any, name: str) -> None:
    kinds = {p.name: p.kind for p in inspect.signature(getattr(module, name)).parameters.values()}
    operands = (*NAMES[module], "generator")
    assert all(kind is inspect.Parameter.KEYWORD_ONLY for option, kind in kinds.items() if option not in operands)
    with pytest.raises(TypeError, match="colour"):
        _call(module, name, colour="red")


# --- weights of the divergence of many --------------------------------------------------------------------

WRONG_WEIGHTS = {
    "negative": (ValueError, [1.5, -0.5], "non-negative and sum to 1.*1.5"),
    "sum": (ValueError, [0.5, 0.6], "non-negative and sum to 1.*0.6"),
    "not a number": (ValueError, [math.nan, 1.0], "non-negative and sum to 1.*nan"),
    "too many": (ValueError, [0.5, 0.25, 0.25], r"\(2,\).*\(3,\)"),
    "strings": (TypeError, ["a", "b"], "real numbers.*'a'"),
    "complex": (TypeError, [0.5j, 0.5], "real numbers"),
    "a number": (TypeError, 1.0, "real numbers.*1.0"),
}


@pytest.mark.parametrize("wrong", WRONG_WEIGHTS)
@MODULES
def test_weights_of_the_divergence_of_many(module: Any, wrong: str) -> None:
    kind, weights, said = WRONG_WEIGHTS[wrong]
    stack = np.stack([P[0], P[1]])
    _raises(kind, lambda: module.generalized_jensen_shannon(stack, weights=weights), "weights must", said)


@MODULES
def test_axes_of_the_divergence_of_many(module: Any) -> None:
    many = module.generalized_jensen_shannon
    _raises(ValueError, lambda: many(P, stack_axis=1), "stack_axis and axis must differ", "stack_axis=1")
    _raises(ValueError, lambda: many(P, stack_axis=3), "stack_axis must", r"\[-2, 1\]", "3")
    _raises(TypeError, lambda: many(P, stack_axis="rows"), "stack_axis must be an integer", "'rows'")
    _raises(TypeError, lambda: many(P, stack_axis=(0, 1)), "stack_axis must be an integer", r"\(0, 1\)")
    _raises(ValueError, lambda: many(np.stack([P, P]), axis=(2, -1)), "axis must", "each once", r"\(2, -1\)")


@pytest.mark.parametrize("wrong", ["one", None])
def test_bits_of_what_is_no_number(wrong: Any) -> None:
    _raises(TypeError, lambda: bits(wrong), "nats", repr(wrong))


# --- values, which only checkify can see ------------------------------------------------------------------


@pytest.mark.parametrize("wrong", [-0.25, math.nan])
@EVERY
@pytest.mark.by_default(
    "kl--0.25",
    "kl-nan",
    "total_variation--0.25",
    "cross_entropy-nan",
    "entropy--0.25",
    "alpha-nan",
    "jeffreys--0.25",
    "squared_hellinger-nan",
    "kl_terms--0.25",
)
def test_checkify_finds_a_negative_or_missing_probability(name: str, wrong: float) -> None:
    broken = P.copy()
    broken[0, 0] = wrong
    pairs = [(broken, P)] if name in SINGLE else [(broken, P), (P, broken)]
    checked = checkify.checkify(jax.jit(lambda p, q: _call(probs, name, p, q)))
    error, _ = checked(P, P)
    assert error.get() is None
    for (p, q), operand in zip(pairs, "pq", strict=False):
        error, _ = checked(p, q)
        with pytest.raises(checkify.JaxRuntimeError, match=f"{operand} must be non-negative and not NaN"):
            error.throw()


@EVERY
@pytest.mark.by_default("alpha", "cross_entropy", "entropy", "jensen_shannon", "kl", "renyi", "total_variation")
def test_negative_probabilities_do_not_raise_otherwise(name: str) -> None:
    broken = jnp.asarray(P).at[0, 0].set(-0.25)
    value = _call(probs, name, broken, P)
    alone = value.ndim == 0 or name == "generalized_jensen_shannon"
    assert alone or bool(jnp.isfinite(value[1]).all()), "a bad row must not spoil the others"
