"""Values that can't be meant are said, once a line; what people hold is taken, or answered by what to do."""

from __future__ import annotations

import collections
import functools
import inspect
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kljax
from kljax import _values, families, logits, probs

P, Q = np.array([0.5, 0.25, 0.25], np.float32), np.array([0.25, 0.25, 0.5], np.float32)
PAIRS = [
    name
    for name in probs.__all__
    if name not in ("entropy", "generalized_jensen_shannon", "mutual_information", "conditional_entropy", "perplexity")
]
OPTIONS = {
    **{name: {"order": 0.5} for name in ("renyi", "alpha", "tsallis")},
    "skew_kl": {"weight": 0.1},
    "f_divergence": {"generator": kljax.generators.kl},
}


def silent(function):
    """The answer, and that nothing was said."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", kljax.ValueWarning)
        return function()


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.by_default("kl", "kl_terms", "jeffreys", "total_variation", "cross_entropy", "f_divergence", "renyi")
def test_rows_that_are_no_distributions_are_said_by_every_verb(name):
    verb, options = getattr(probs, name), OPTIONS.get(name, {})
    silent(lambda: verb(P, Q, **options))
    silent(lambda: verb(jnp.asarray(P), jnp.asarray(Q), **options))
    with pytest.warns(kljax.ValueWarning, match=rf"p has negative entries.* call kljax\.logits\.{name}"):
        verb(-P, Q, **options)
    with pytest.warns(kljax.ValueWarning, match=rf"kljax\.probs\.{name}: the rows of q do not sum to 1"):
        verb(P, 1.3 * Q, **options)
    silent(lambda: verb(P, 1.3 * Q, measure=True, **options))
    in_logits = getattr(logits, name)
    silent(lambda: in_logits(np.log(P), np.log(Q), **options))
    with pytest.warns(
        kljax.ValueWarning, match=rf"kljax\.logits\.{name}: .* as probabilities do.*kljax\.probs\.{name}"
    ):
        in_logits(P, Q, **options)


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([[3.0, 5.0], [2.0, 2.0]], "whole numbers that do not sum to 1. Of counts call kljax.counts"),
        ([[30.2, 69.8], [50.0, 50.0]], "sum to 100, not to 1: divide percentages by 100"),
        ([[0.3, 0.3], [0.5, 0.5]], "do not sum to 1, and are taken as measures. Normalise them"),
        ([[-0.1, 1.1], [0.5, 0.5]], "negative entries, which no probability has"),
        ([[np.nan, 1.1], [0.5, 0.5]], "NaN entries; so has the result"),
        ([[-0.693147, -0.693147], [-0.2876821, -1.3862944]], "log-probabilities, and probabilities are wanted"),
        ([[0.0, 0.0], [0.0, 0.0]], "do not sum to 1"),
    ],
)
def test_the_sentence_says_what_it_looks_like(rows, text):
    with pytest.warns(kljax.ValueWarning, match=text):
        probs.entropy(np.array(rows, np.float32))


def test_what_is_legal_is_silent():
    padded = jnp.array([[0.5, 0.5], [0.0, 0.0]])
    silent(lambda: probs.kl(padded, padded))
    silent(
        lambda: probs.kl(
            jnp.array([[0.5, 0.5, 9.0]]), jnp.array([[0.2, 0.8, 7.0]]), where=jnp.array([True, True, False])
        )
    )
    silent(lambda: probs.kl(jnp.array([[0.5, 0.5], [7.0, jnp.nan]]), padded, tokens=jnp.array([True, False])))
    silent(lambda: probs.kl(P.reshape(3, 1), Q.reshape(3, 1), axis=0))
    silent(lambda: probs.kl(np.full((2, 2), 0.25, np.float32), np.full((2, 2), 0.25, np.float32), axis=(0, 1)))
    rounded = jnp.asarray(np.random.default_rng(0).dirichlet(np.ones(100), 50), jnp.bfloat16)
    silent(lambda: probs.kl(rounded, rounded))
    silent(lambda: logits.kl(jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])))  # zeros and ones may be logits
    silent(lambda: logits.kl(P, jnp.array([1.0, -2.0, 0.0])))  # one of the two does not look like it
    silent(lambda: probs.mutual_information(jnp.full((2, 2), 0.25)))
    with pytest.warns(kljax.ValueWarning, match="the rows of joint are whole numbers"):
        probs.mutual_information(jnp.full((2, 2), 25.0) * 2)
    # Under jit nothing is looked at, and large operands only on request.
    silent(lambda: jax.jit(probs.kl)(3 * P, Q))
    silent(lambda: jax.vmap(probs.kl)(3 * jnp.asarray(P)[None], jnp.asarray(Q)[None]))
    large = np.full((_values.LARGEST // 2 + 1, 2), 0.3, np.float32)
    silent(lambda: probs.total_variation(large, large))
    with kljax.checked(), pytest.warns(kljax.ValueWarning, match="do not sum to 1"):
        probs.total_variation(large, large)
    silent(lambda: probs.total_variation(large, large))


def test_a_line_is_told_once():
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        for factor in (2.5, 3.5):
            probs.entropy(factor * P)
        probs.entropy(2.5 * P)
    assert len(said) == 2
    assert {one.filename for one in said} == {__file__}
    line = inspect.currentframe().f_lineno
    assert all(line - 10 < one.lineno < line for one in said)


def test_traced_code_is_checked_on_request():
    @kljax.checked()
    @jax.jit
    def slope(p, q):
        return jax.grad(lambda p: probs.kl(p, q).sum())(p)

    np.testing.assert_allclose(slope(P[None], Q[None]), np.log(P / Q)[None], rtol=1e-5, atol=1e-6)
    with pytest.raises(ValueError, match=r"the rows of q do not sum to 1\. Normalise them, or say measure=True"):
        slope(P[None], 2 * Q[None])
    with pytest.raises(ValueError, match="p has negative or NaN entries"):
        slope(-P[None], Q[None])
    with pytest.raises(ValueError, match="the rows of logits_p and logits_q lie in"):
        kljax.checked()(logits.jensen_shannon)(jnp.asarray(P), jnp.asarray(Q))
    kljax.checked()(lambda p: probs.kl(p, 2 * p, measure=True))(P)
    kljax.checked()(logits.kl)(jnp.zeros(3), jnp.ones(3))


def test_double_precision_that_is_lost_is_said_once(monkeypatch):
    monkeypatch.setattr(_values, "_told", {"double": False})
    wide = P.astype(np.float64)
    with pytest.warns(kljax.ValueWarning, match="computed in float32, since JAX's double precision is off"):
        probs.kl(wide, wide)
    silent(lambda: probs.kl(wide, wide))
    with jax.enable_x64(True):
        monkeypatch.setattr(_values, "_told", {"double": False})
        assert silent(lambda: probs.kl(wide, wide)).dtype == np.float64


class Tensor:
    """What is known of a torch tensor: the package is not needed to know one."""

    def __init__(self, value, requires_grad=False, device="cpu"):
        self.value, self.requires_grad = np.asarray(value, np.float32), requires_grad
        self.device = collections.namedtuple("Device", "type")(device)
        self.dtype = f"torch.{self.value.dtype}"

    def numpy(self):
        return self.value


Tensor.__module__ = "torch"


def test_what_people_hold_is_taken():
    wanted = probs.kl(P, Q)
    for p, q in (
        (P.tolist(), Q.tolist()),
        (tuple(P), tuple(Q)),
        ([jnp.float32(x) for x in P], list(jnp.asarray(Q))),
        (Tensor(P), Tensor(Q)),
        (P.astype(np.float16), Q),
    ):
        np.testing.assert_allclose(silent(lambda p=p, q=q: probs.kl(p, q)), wanted, rtol=1e-6)
    np.testing.assert_allclose(probs.kl(P[:, None], Q[:, None], axis=[0]), [wanted], rtol=1e-6)


def test_frames_are_taken_by_the_column():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    wanted = probs.kl(P, Q)
    frame = pandas.DataFrame({"p": P, "q": Q})
    np.testing.assert_allclose(probs.kl(frame["p"], frame["q"]), wanted, rtol=1e-6)
    np.testing.assert_allclose(probs.kl(frame[["p"]], frame[["q"]]), wanted, rtol=1e-6)
    with pytest.raises(TypeError, match=r"p is a pandas DataFrame of 2 columns \(p, q\). Pass one of them"):
        probs.kl(frame, frame)
    with pytest.raises(TypeError, match=r"p holds integers \(pandas Series\)\. .*kljax\.counts"):
        probs.kl(pandas.Series(["a", "b", "a"]).value_counts(), Q)


@pytest.mark.parametrize(
    ("operand", "message"),
    [
        ("half", "p must be a floating-point array; got 'half'"),
        (None, "p must be a floating-point array; got None"),
        (True, "p must be a floating-point array; got True"),
        (3, "got the integer 3. .*kljax.counts"),
        ([3, 5, 2], "got integers. .*kljax.counts"),
        (np.array([3, 5, 2]), "kljax.counts"),
        (collections.Counter("aab"), "got a Counter. Of counts by label kljax.counts takes mappings"),
        ({"a": 0.5}, "got a dict. .* the same order of the keys"),
        (["a", "b", "c"], "got a list of str"),
        (np.array(["a", "b", "c"]), "holds Python objects or text"),
        (Tensor(P, requires_grad=True), r"records gradients, .* p\.detach\(\)"),
        (Tensor(P, device="cuda"), r"on Device\(type='cuda'\)\. Move it with p\.cpu\(\)"),
        (families.Normal(0.0, 1.0), r"got Normal\. For two distributions call .* kljax\.kl\(p, q\)"),
        (object(), "got object"),
    ],
)
def test_what_cannot_be_taken_is_answered_by_what_to_do(operand, message):
    with pytest.raises(TypeError, match=message):
        probs.kl(operand, Q)
    with pytest.raises(TypeError):
        logits.kl(Q, operand)


def test_shapes_that_are_none():
    with pytest.raises(ValueError, match="rows have different lengths"):
        probs.kl([[0.5, 0.5], [1.0]], Q)
    with pytest.raises(ValueError, match=r"single numbers, and a distribution has an axis of outcomes.*Bernoulli"):
        probs.kl(0.5, 0.25)
    with pytest.raises(ValueError, match=r"It excludes outcomes; for a mask of the tokens.*tokens="):
        logits.kl(jnp.zeros((2, 4, 3)), jnp.zeros((2, 4, 3)), where=jnp.ones((2, 4), bool))
    with pytest.raises(ValueError, match=r"tokens must broadcast to the tokens' shape \(4,\)"):
        logits.kl(jnp.zeros((4, 3)), jnp.zeros((4, 3)), tokens=jnp.ones((4, 3), bool))
    with pytest.raises(TypeError, match="tokens must be boolean"):
        logits.kl(jnp.zeros((4, 3)), jnp.zeros((4, 3)), tokens=jnp.ones(4))
    with pytest.raises(ValueError, match=r"reduction must be one of \(None, 'sum', 'mean'\); got 'batchmean'"):
        logits.kl(jnp.zeros((4, 3)), jnp.zeros((4, 3)), reduction="batchmean")


REDUCED = [name for name in PAIRS if name not in ("kl_terms", "chernoff_information")]


@pytest.mark.parametrize("name", REDUCED)
@pytest.mark.by_default("kl", "renyi", "total_variation", "jensen_shannon_distance", "f_divergence", "cross_entropy")
def test_every_verb_reduces_over_tokens(name):
    """A masked token costs nothing, whatever it holds."""
    rng = np.random.default_rng(0)
    a, b = (jnp.asarray(rng.normal(size=(2, 4)), jnp.float32) for _ in range(2))
    for module, first, second in ((logits, a, b), (probs, jax.nn.softmax(a), jax.nn.softmax(b))):
        verb = functools.partial(getattr(module, name), **OPTIONS.get(name, {}))
        found = verb(first.at[1].set(jnp.nan), second, tokens=jnp.array([True, False]), reduction="mean")
        np.testing.assert_allclose(found, verb(first, second)[0], rtol=1e-5)


@pytest.mark.parametrize("name", ["kl", "renyi"])
@pytest.mark.by_default("kl")
def test_tokens_are_masked_weighed_and_reduced(name):
    """A masked token sends nothing, whatever it holds; the rest is the weighted sum, or its mean."""
    rng = np.random.default_rng(0)
    a, b = (jnp.asarray(rng.normal(size=(3, 4)), jnp.float32) for _ in range(2))
    keep, weights = jnp.array([True, False, True]), jnp.array([2.0, 5.0, 0.5])
    for module, first, second in ((logits, a, b), (probs, jax.nn.softmax(a), jax.nn.softmax(b))):
        verb = functools.partial(getattr(module, name), **OPTIONS.get(name, {}))
        plain, pull = jax.vjp(lambda x, verb=verb, second=second: verb(x, second), first)
        spoilt = first.at[1].set(jnp.nan)

        def reduced(x, reduction, verb=verb, second=second):
            return verb(x, second, tokens=keep, weights=weights, reduction=reduction)

        np.testing.assert_allclose(reduced(spoilt, None), plain * np.array([2.0, 0.0, 0.5]), rtol=1e-5)
        np.testing.assert_allclose(reduced(spoilt, "sum"), 2.0 * plain[0] + 0.5 * plain[2], rtol=1e-5)
        value, slope = jax.value_and_grad(reduced)(spoilt, "mean")
        np.testing.assert_allclose(value, (2.0 * plain[0] + 0.5 * plain[2]) / 2.5, rtol=1e-5)
        np.testing.assert_allclose(slope, pull(jnp.array([0.8, 0.0, 0.2]))[0], rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(slope[1], np.zeros(4))
        assert verb(spoilt, second, tokens=jnp.zeros(3, bool), reduction="mean") == 0.0


@pytest.mark.parametrize("module", [probs, logits], ids=["probs", "logits"])
def test_entropies_are_reduced_too(module):
    rows = jax.nn.softmax(jnp.arange(6.0).reshape(2, 3)) if module is probs else jnp.arange(6.0).reshape(2, 3) ** 1.5
    keep = jnp.array([True, False])
    for order in (0.0, 0.5, 1.0, jnp.inf):
        found = module.entropy(rows.at[1].set(jnp.nan), order=order, tokens=keep, reduction="sum")
        np.testing.assert_allclose(found, module.entropy(rows, order=order)[0], rtol=1e-6)
    assert module.cross_entropy(rows, rows, weights=jnp.zeros(2), reduction="mean") == 0.0


@pytest.mark.full
def test_class_labels_are_integers_one_a_row():
    rng = np.random.default_rng(1)
    b = jnp.asarray(rng.normal(size=(5, 4)) * 3, jnp.float32)
    labels = jnp.array([0, 3, 1, 2, 2])
    wanted = -np.take_along_axis(np.asarray(jax.nn.log_softmax(b)), np.asarray(labels)[:, None], 1)[:, 0]
    one_hot = np.where(np.arange(4) == np.asarray(labels)[:, None], 0.0, -np.inf).astype(np.float32)
    for y in (labels, np.asarray(labels, np.int8), labels.tolist()):
        np.testing.assert_allclose(logits.cross_entropy(y, b), wanted, rtol=1e-5)
    np.testing.assert_allclose(logits.cross_entropy(one_hot, b), wanted, rtol=1e-5)
    np.testing.assert_allclose(logits.cross_entropy(labels, b.T, axis=0), wanted, rtol=1e-5)
    slope = jax.grad(lambda b: logits.cross_entropy(labels, b, temperature=2.0).sum())(b)
    np.testing.assert_allclose(slope, (jax.nn.softmax(b / 2) - np.exp(one_hot)) / 2, atol=1e-6)
    in_temperature = jax.grad(lambda t: logits.cross_entropy(labels, b, temperature=t).sum())(2.0)
    plain = jax.grad(lambda t: -jnp.take_along_axis(jax.nn.log_softmax(b / t), labels[:, None], 1).sum())(2.0)
    np.testing.assert_allclose(in_temperature, plain, rtol=1e-4)
    kept = logits.cross_entropy(labels, b, tokens=jnp.arange(5) < 2, reduction="mean")
    np.testing.assert_allclose(kept, wanted[:2].mean(), rtol=1e-5)
    # What is nearly certain keeps its digits; what cannot happen costs ∞ and has no gradient.
    sure = jnp.array([0.0, 30.0])
    np.testing.assert_allclose(logits.cross_entropy(jnp.array(1), sure), np.log1p(np.exp(-30.0)), rtol=1e-5)
    never = jnp.array([[0.0, -jnp.inf], [0.0, 1.0]])
    value, slope = jax.value_and_grad(lambda b: logits.cross_entropy(jnp.array([1, 7]), b).sum())(never)
    assert value == jnp.inf
    np.testing.assert_array_equal(slope, np.zeros((2, 2)))
    assert jnp.isnan(logits.cross_entropy(jnp.array(0), jnp.full(2, -jnp.inf)))
    with pytest.raises(TypeError, match=r"class labels pass them as integers, logits_p\.astype\(int\)"):
        logits.cross_entropy(jnp.array([1.0, 0.0]), jnp.zeros((2, 2)))
    with pytest.raises(ValueError, match=r"must have shape \(5,\), one label a row; got shape \(4,\)"):
        logits.cross_entropy(jnp.array([1, 2, 3, 0]), b)


SKEW = np.array([[1.0, 2.0], [2.0, 1.0]], np.float32)
ROOT = np.array([[1.0, 0.0], [0.5, 1.0]], np.float32)
NORMAL = families.MultivariateNormal
ZEROS = np.zeros(2, np.float32)


@pytest.mark.parametrize(
    ("good", "bad", "make", "text"),
    [
        (
            ROOT @ ROOT.T,
            SKEW,
            lambda x: NORMAL.from_covariance(ZEROS, x),
            "Covariance: matrix is not positive definite",
        ),
        (ROOT @ ROOT.T, SKEW, lambda x: NORMAL.from_precision(ZEROS, x), "Precision: matrix is not positive definite"),
        (ROOT, ROOT @ ROOT.T, lambda x: NORMAL.from_cholesky(ZEROS, x), "tril has entries above the diagonal"),
        (ROOT, -ROOT, lambda x: NORMAL.from_cholesky(ZEROS, x), "tril has a diagonal that is not positive"),
        (ROOT @ ROOT.T, -ROOT @ ROOT.T, lambda x: families.Wishart(3.0, x), "Wishart: scale is not positive"),
        (ROOT @ ROOT.T, SKEW, lambda x: families.InverseWishart(3.0, x), "InverseWishart: scale is not positive"),
        (
            ROOT @ ROOT.T,
            np.stack([ROOT @ ROOT.T, SKEW]),
            lambda x: families.NormalInverseWishart(ZEROS, 1.0, 4.0, x),
            "NormalInverseWishart: scale is not positive",
        ),
        (ROOT, SKEW, lambda x: families.MatrixNormal(np.zeros((2, 2), np.float32), ROOT, x), "scale_tril_column has"),
        (1.0 + ZEROS, ZEROS, lambda x: families.Normal(0.0, x), "scale has entries that are not above 0"),
        (ZEROS + 0.5, ZEROS + 1.5, families.Bernoulli, r"probs has entries outside \[0, 1\]"),
        (ZEROS + 0.5, ZEROS + 0.4, lambda x: families.Categorical(probs=x), "probs do not sum to 1"),
    ],
)
def test_parameters_that_no_distribution_has_are_said(good, bad, make, text):
    """Where the distribution is made, whatever transformations rebuild it later, and in traced code on request."""
    silent(lambda: make(good))
    silent(lambda: make(jnp.asarray(good, jnp.float16)))
    with pytest.warns(kljax.ValueWarning, match=text):
        kept = make(bad)
    silent(lambda: jax.tree.map(lambda leaf: leaf, kept))
    silent(lambda: jax.eval_shape(make, bad))


def test_parameters_are_checked_in_traced_code_on_request():
    entropy = kljax.checked()(lambda x: NORMAL.from_covariance(ZEROS, x).entropy())
    entropy(ROOT @ ROOT.T)
    with pytest.raises(ValueError, match="Covariance: matrix is not positive definite"):
        entropy(SKEW)
    with pytest.raises(ValueError, match="Normal: scale has entries outside"):
        kljax.checked()(lambda x: families.Normal(0.0, x).entropy())(ZEROS)


def test_labels_that_name_no_class_are_said_unless_masked():
    labels, rows = jnp.array([1, -100]), jnp.zeros((2, 3))
    with pytest.warns(kljax.ValueWarning, match=r"labels outside \[0, 3\)"):
        logits.cross_entropy(labels, rows)
    np.testing.assert_allclose(
        silent(lambda: logits.cross_entropy(labels, rows, tokens=labels >= 0, reduction="mean")), np.log(3.0), rtol=1e-6
    )
