"""What strangers do with rows: finite masks, huge orders, padded rows, copies, exported programs, distances."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from jax import export
from scipy.special import multigammaln

import kljax
from kljax import families, generators, hidden, logits, montecarlo, probs, quadrature
from kljax.families import Bernoulli, Categorical, Normal

INF = np.inf
EPS = float(np.finfo(np.float32).eps)


# --- Chernoff's information with the usual finite masks ------------------------------------------------------


@pytest.mark.parametrize("mask", [-1e9, -INF])
@pytest.mark.full
def test_chernoff_information_of_masked_rows(mask: float) -> None:
    # As the order goes to 0 it is -log of q's mass on what p has.
    a, b = jnp.array([1.0, 2.0, mask, 0.5]), jnp.array([0.3, 1.0, 0.2, 0.0])
    weights = [mpmath.exp(mpmath.mpf(float(x))) for x in b]
    right = float(-mpmath.log((sum(weights) - weights[2]) / sum(weights)))
    (value, order), (backward, other) = (logits.chernoff_information(*x, with_order=True) for x in ((a, b), (b, a)))
    assert abs(float(value) - right) <= 1e-5 * right
    assert abs(float(backward) - right) <= 1e-5 * right
    assert order < 1e-5
    assert other > 1.0 - 1e-5
    share = weights[2] / sum(weights)
    gradient = jax.grad(logits.chernoff_information, 1)(a, b)
    assert abs(float(gradient[2]) - float(share)) <= 1e-4


def test_chernoff_information_of_families_by_logits() -> None:
    right = 0.8543552444685272  # log(1 + exp(0.3))
    assert abs(kljax.chernoff_information(Bernoulli(logits=-1e9), Bernoulli(logits=0.3)) - right) < 1e-5
    p = Categorical(logits=jnp.array([1.0, 2.0, -1e9, 0.5]))
    q = Categorical(logits=jnp.array([0.3, 1.0, 0.2, 0.0]))
    assert abs(kljax.chernoff_information(p, q) - 0.21591443) < 1e-5


# --- Rényi's orders up to infinity ---------------------------------------------------------------------------


@pytest.mark.parametrize("order", [1e8, INF])
@pytest.mark.parametrize("traced", [False, True])
@pytest.mark.by_default("False-100000000.0", "False-inf")
def test_renyi_at_huge_orders_is_that_of_infinity(order: float, traced: bool) -> None:
    p, q = jnp.array([0.5, 0.3, 0.2]), jnp.array([0.2, 0.5, 0.3])
    given: Any = jnp.float32(order) if traced else order
    a, b = jnp.log(p), jnp.log(q)
    for value, right in (
        (probs.renyi(p, q, order=given), np.log(2.5)),
        (logits.renyi(a, b, order=given), np.log(2.5)),
        (probs.entropy(p, order=given), np.log(2.0)),
        (logits.entropy(a, order=given), np.log(2.0)),
        (probs.renyi(p, p, order=given), 0.0),
        (logits.renyi(a, a, order=given), 0.0),
    ):
        assert abs(float(value) - right) <= 4 * EPS * max(right, 1e-30)
    in_p, in_q = jax.grad(lambda p, q: probs.renyi(p, q, order=given), (0, 1))(p, q)
    np.testing.assert_allclose(in_p, [2.0, 0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(in_q, [-5.0, 0.0, 0.0], atol=1e-5)
    assert (jax.grad(lambda p: probs.renyi(p, q, order=given))(q) == 0.0).all()


def test_renyi_of_matrices_at_huge_orders() -> None:
    """log sup p/q of inverse Wisharts, at X⁻¹ = (ν_p - ν_q)(Ψ_p - Ψ_q)⁻¹; of Wisharts likewise."""
    first, second = np.array([[4.0, 0.5], [0.5, 3.0]]), np.array([[2.0, 0.5], [0.5, 1.0]])
    df_p, df_q = 7.25, 4.0
    rise = df_p - df_q

    def level(df: float, scale: np.ndarray) -> float:
        return float(df * np.log(np.linalg.det(scale) ** 0.5 / 2.0) - multigammaln(0.5 * df, 2))

    right = level(df_p, first) - level(df_q, second)
    right += rise * (np.log(rise) - 1.0 - 0.5 * np.log(np.linalg.det(first - second)))
    at = jax.jit(lambda p, q, order: kljax.renyi(p, q, order=order))
    scales = [jnp.asarray(x, jnp.float32) for x in (first, second)]
    for order in (1e8, 3e8, INF):
        p, q = (families.InverseWishart(jnp.float32(df), x) for df, x in zip((df_p, df_q), scales, strict=True))
        assert abs(float(at(p, q, jnp.float32(order))) - right) <= 16 * EPS * right
        # A difference that is singular but for rounding: infinite or large, not NaN.
        scale = scales[1] + jnp.float32([[1.0, 0.7], [0.7, 0.49]])
        p, q = (families.Wishart(jnp.float32(df), jnp.linalg.inv(x)) for df, x in ((6.0, scale), (4.0, scales[1])))
        assert float(at(p, q, jnp.float32(order))) > 15.0


def test_mass_beyond_an_end_that_no_node_sees(sweep_size: Any) -> None:
    """Below -4.5 p has the mass exp(-395) and q none: infinite, as where the supports are far apart."""
    p, q = families.GeneralizedExtremeValue(0.0, 1.0, 0.1), families.GeneralizedExtremeValue(0.5, 1.5, 0.3)
    calls = (
        lambda: kljax.chi_squared(p, q),
        lambda: kljax.renyi(p, q, order=2.0),
        lambda: kljax.f_divergence(q, p, generators.neyman),
    )
    for call in calls[: sweep_size(1, len(calls))]:
        assert call() == INF
    found = jax.jit(jax.vmap(lambda order: kljax.renyi(p, q, order=order)))(jnp.float32([0.5, 2.0, INF]))
    assert 0.0 < found[0] < 1.0
    assert (found[1:] == INF).all()


@pytest.mark.parametrize("order", [1e3, 8e6])
def test_renyi_just_below(order: float) -> None:
    p, q = np.array([0.5, 0.3, 0.2], np.float32), np.array([0.2, 0.5, 0.3], np.float32)
    with mpmath.workdps(50):
        rows = [[mpmath.mpf(float(x)) for x in row] for row in (p, q)]
        total = sum(x ** mpmath.mpf(order) * y ** (1 - mpmath.mpf(order)) for x, y in zip(*rows, strict=True))
        right = float(mpmath.log(total) / (mpmath.mpf(order) - 1))
    for value in (probs.renyi(p, q, order=order), logits.renyi(jnp.log(p), jnp.log(q), order=order)):
        assert abs(float(value) - right) <= 8 * EPS * right


@pytest.mark.parametrize("order", [1e4, 1e6, 8e6])
def test_slopes_of_renyi_at_large_orders(order: float) -> None:
    # (α - 1) R has only eps (α - 1) R of its digits, that is of the weight of the largest ratio.
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(3), (2, 24)).astype(np.float32)
    ratio = np.sort(np.log(p.astype(float) / q), -1)
    keep = ratio[:, -1] - ratio[:, -2] > 0.01  # one outcome decides
    in_p, in_q = jax.grad(lambda p, q: probs.renyi(p, q, order=order, measure=True).sum(), (0, 1))(p[keep], q[keep])
    with mpmath.workdps(60):
        for row_p, row_q, found_p, found_q in zip(p[keep], q[keep], in_p, in_q, strict=True):
            x, y = ([mpmath.mpf(float(one)) for one in row] for row in (row_p, row_q))
            alpha = mpmath.mpf(order)
            terms = [a**alpha * b ** (1 - alpha) for a, b in zip(x, y, strict=True)]
            total, mass = sum(terms), sum(x)
            right_p = [float(alpha / (alpha - 1) * (t / total / a - 1 / mass)) for t, a in zip(terms, x, strict=True)]
            right_q = [float(1 / mass - t / total / b) for t, b in zip(terms, y, strict=True)]
            np.testing.assert_allclose(found_p, right_p, rtol=0, atol=16 * EPS * max(map(abs, right_p)))
            np.testing.assert_allclose(found_q, right_q, rtol=0, atol=16 * EPS * max(map(abs, right_q)))


# --- Monte Carlo summands that overflow ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verb", "options", "estimator"),
    [
        ("le_cam", {}, "k1"),
        ("jensen_shannon", {}, "k1"),
        ("squared_hellinger", {}, "k1"),
        ("skew_kl", {"weight": 0.1}, "k1"),
        ("le_cam", {}, "fitted"),
        ("skew_kl", {"weight": 0.1}, "fitted"),
    ],
)
@pytest.mark.by_default("skew_kl-options3-k1", "squared_hellinger-options2-k1", "le_cam-options0-k1")
def test_summands_beyond_float32(verb: str, options: dict[str, float], estimator: str) -> None:
    # exp(89) overflows in float32, not in float64.
    log_p, log_q = np.array([-1.0, -90.0]), np.array([-1.1, -1.0])

    def found(dtype: str) -> Any:
        call = getattr(montecarlo, verb)
        return call(jnp.asarray(log_p, dtype), jnp.asarray(log_q, dtype), estimator=estimator, **options)

    single = found("float32")
    with jax.enable_x64(True):
        double = found("float64")
    assert abs(float(single.value) - float(double.value)) <= 1e-4 * abs(float(double.value))


@pytest.mark.parametrize("verb", ["squared_hellinger", "jensen_shannon", "total_variation", "kl", "alpha"])
def test_fitted_estimates_beside_a_draw_beyond_the_range(verb: str) -> None:
    # The intercept of least squares: the huge draw decides the slope and leaves nothing of itself.
    log_p, log_q = np.array([-1.0, -1.5, -90.0, -2.0], np.float32), np.array([-1.1, -1.0, -1.0, -2.5], np.float32)
    options = {"order": 0.5} if verb == "alpha" else {}
    found = getattr(montecarlo, verb)(log_p, log_q, estimator="fitted", **options)
    with mpmath.workdps(100):
        ratios = [mpmath.mpf(float(a)) - mpmath.mpf(float(b)) for a, b in zip(log_p, log_q, strict=True)]
        terms = {
            "squared_hellinger": lambda r: 1 - mpmath.exp(-r / 2),
            "alpha": lambda r: 4 * (1 - mpmath.exp(-r / 2)),
            "total_variation": lambda r: max(mpmath.mpf(0), 1 - mpmath.exp(-r)),
            "kl": lambda r: r,
            "jensen_shannon": lambda r: (
                mpmath.log(2) * (1 + mpmath.exp(-r)) / 2
                - (mpmath.log(1 + mpmath.exp(-r)) + mpmath.exp(-r) * mpmath.log(1 + mpmath.exp(r))) / 2
            ),
        }[verb]
        s, h = [terms(r) for r in ratios], [mpmath.exp(-r) - 1 for r in ratios]
        one, two = sum(h), sum(x * x for x in h)
        right = sum(a * (two - b * one) for a, b in zip(s, h, strict=True)) / (len(h) * two - one * one)
    np.testing.assert_allclose(found.value, float(right), rtol=1e-4, atol=1e-6)
    assert np.isfinite(found.stderr)


# --- padded rows: one rule for where -------------------------------------------------------------------------


@pytest.mark.parametrize("module", [logits, probs])
@pytest.mark.by_default("kljax.logits")
def test_a_row_with_no_outcome_left_costs_nothing(module: Any, sweep_size: Any) -> None:
    p, q = jnp.array([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]), jnp.array([[0.5, 0.25, 0.25], [0.3, 0.3, 0.4]])
    where = jnp.array([[True, True, True], [False, False, False]])
    calls = {
        "kl": lambda p, q: module.kl(p, q, where=where),
        "jensen_shannon": lambda p, q: module.jensen_shannon(p, q, where=where),
        "renyi": lambda p, q: module.renyi(p, q, order=2.0, where=where),
        "chernoff_information": lambda p, q: module.chernoff_information(p, q, where=where),
        "cross_entropy": lambda p, q: module.cross_entropy(p, q, where=where),
        "entropy": lambda p, q: module.entropy(p, where=where),
        "entropy, order 2": lambda p, q: module.entropy(q, order=2.0, where=where),
        "entropy, order 0": lambda p, q: module.entropy(q, order=0.0, where=where),
        "many": lambda p, q: module.generalized_jensen_shannon(jnp.stack([p, q]), where=where),
        "distance": lambda p, q: module.hellinger_distance(p, q, where=where),
    }
    in_brief = ("kl", "renyi", "cross_entropy", "entropy", "many")
    for name in sweep_size(in_brief, calls):
        call = calls[name]
        value = call(p, q)
        assert value[1] == 0.0, name
        assert value[0] > 0.0, name
        for gradient in jax.grad(lambda *x, call=call: call(*x).mean(), (0, 1))(p, q):
            assert (gradient[1] == 0.0).all(), name
            assert jnp.isfinite(gradient).all(), name
    if module is logits:  # without a mask such a row is no distribution
        assert jnp.isnan(logits.kl(jnp.full(3, -INF), p[0]))


@pytest.mark.parametrize("module", [logits, probs])
def test_of_no_outcome_at_all_no_sum_is_wrong(module: Any) -> None:
    # A warning would be an error here.
    rows = jnp.array([[0.25, 0.75], [0.5, 0.5]])
    for where in (jnp.zeros((2, 2), bool), jnp.array(False), np.zeros(2, bool)):
        assert (module.kl(rows, rows[::-1], where=where) == 0.0).all()
        assert (module.entropy(rows, where=where) == 0.0).all()
    with pytest.warns(UserWarning, match="do not sum to 1"):  # without a mask it is one
        probs.kl(jnp.zeros((2, 2)), rows)


def test_the_ends_of_the_dtype_as_the_page_says() -> None:
    even = jnp.zeros(2)
    assert logits.kl(even, jnp.array([3e38, -3e38])) == INF
    np.testing.assert_allclose(logits.kl(even, jnp.array([1.7e38, -1.7e38])), 1.7e38, rtol=4 * EPS)
    p, q = jnp.array([0.5, 0.5]), jnp.array([1e-39, 1.0])
    assert probs.kl(p, q) == INF
    np.testing.assert_allclose(probs.kl(q, p), np.log(2.0), rtol=4 * EPS)
    np.testing.assert_array_equal(probs.jensen_shannon(p, q), probs.jensen_shannon(p, jnp.array([0.0, 1.0])))


# --- copies --------------------------------------------------------------------------------------------------


def _cube(u: jax.Array) -> jax.Array:
    return u**3


NAMED = [one for one in vars(generators).values() if isinstance(one, generators.Generator)]
BUILT = [
    *(generators.alpha(order) for order in (-1.0, 0.0, 0.3, 0.5, 1.0, 2.0)),
    generators.tsallis(0.5),
    generators.jensen_shannon(0.3, scaled=True),
    generators.jensen_shannon(0.0),
    generators.skew_kl(0.1),
    generators.skew_reverse_kl(0.2),
    generators.symmetrise(generators.kl),
    generators.combine((0.5, generators.kl), (1.0, generators.le_cam)),
    generators.skew(generators.pearson, 0.2),
    generators.reverse(generators.alpha(0.3)),
    generators.from_function(_cube, "cubic"),
]
RECORDS = [
    Normal(0.0, 1.0),
    families.Gamma(jnp.ones(3), 2.0),
    Categorical(logits=jnp.zeros((2, 3))),
    hidden.Head(jnp.ones((2, 3)), jnp.ones((4, 3))),
    quadrature.circle,
    montecarlo.AdaptiveKL(0.2, 6.0),
    montecarlo.DualKL(0.0, 0.5),
]


@pytest.mark.parametrize("record", [*NAMED, *BUILT, *RECORDS], ids=lambda one: getattr(one, "name", type(one).__name__))
def test_copies_are_equal(record: Any) -> None:
    for again in (pickle.loads(pickle.dumps(record)), copy.copy(record), copy.deepcopy(record)):
        assert again == record
        assert hash(again) == hash(record)


def test_records_differ_by_their_numbers() -> None:
    assert Normal(0.0, 1.0) != Normal(0.0, 2.0)
    assert Normal(0.0, 1.0) != Normal(jnp.zeros(2), 1.0)
    assert Normal(0.0, 1.0) != families.Laplace(0.0, 1.0)
    assert len({Normal(0.0, 1.0), Normal(0.0, 1.0)}) == 1


# --- exported programs ---------------------------------------------------------------------------------------


def test_programs_with_symbolic_shapes() -> None:
    rows, outcomes = export.symbolic_shape("b, v")
    shape = jax.ShapeDtypeStruct((rows, outcomes), jnp.float32)
    for module in (logits, probs):
        for call in (
            module.kl,
            module.jensen_shannon,
            module.chernoff_information,
            lambda p, q, m=module: m.renyi(p, q, order=0.5),
        ):
            assert jax.eval_shape(jax.grad(lambda p, q, call=call: call(p, q).sum()), shape, shape).shape == shape.shape
    exported = export.export(jax.jit(logits.kl))(shape, shape)
    a, b = jnp.arange(12.0).reshape(3, 4), jnp.zeros((3, 4))
    np.testing.assert_allclose(exported.call(a, b), logits.kl(a, b), rtol=4 * EPS)


@pytest.mark.parametrize("symbols", ["t, 40", "6, v"])
@pytest.mark.parametrize("name", ["kl", "jensen_shannon", "total_variation", "renyi", "entropy"])
@pytest.mark.by_default("kl-t, 40")
def test_heads_through_serialized_programs(name: str, symbols: str) -> None:
    pytest.importorskip("flatbuffers")
    tokens, outcomes = export.symbolic_shape(symbols)
    shapes = [jax.ShapeDtypeStruct((one, 3), jnp.float32) for one in (tokens, outcomes)]

    def loss(h: jax.Array, w: jax.Array) -> jax.Array:
        heads = ((h, w),) if name == "entropy" else ((h, w), (0.5 * h, w))
        options = {"order": 0.5} if name == "renyi" else {}
        return getattr(hidden, name)(*heads, **options)

    program = export.export(jax.jit(loss))(*shapes)
    h, w = (jax.random.normal(jax.random.key(at), (n, 3)) for at, n in enumerate((6, 40)))
    found = export.deserialize(program.serialize()).call(h, w)
    np.testing.assert_allclose(found, loss(h, w), rtol=16 * EPS)


@pytest.mark.parametrize("symbols", ["t, 40", "t, v", "6, v"])
def test_heads_with_symbolic_shapes(symbols: str) -> None:
    tokens, outcomes = export.symbolic_shape(symbols)
    states = jax.ShapeDtypeStruct((tokens, 3), jnp.float32)
    weights = jax.ShapeDtypeStruct((outcomes, 3), jnp.float32)

    def loss(h: jax.Array, w: jax.Array) -> jax.Array:
        return hidden.kl((h, w), (2 * h, w), reduction="mean")

    assert jax.eval_shape(jax.grad(loss), states, weights).shape == states.shape


def test_records_go_through_serialized_programs() -> None:
    pytest.importorskip("flatbuffers")
    normal = Normal(0.0, 1.0)
    shape = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), normal)
    program = export.export(jax.jit(lambda p: kljax.kl(p, Normal(1.0, 1.0))))(shape)
    assert abs(export.deserialize(program.serialize()).call(normal) - 0.5) < 1e-6
    draws = jax.ShapeDtypeStruct((4,), jnp.float32)
    program = export.export(jax.jit(montecarlo.kl))(draws, draws)
    assert isinstance(export.deserialize(program.serialize()).call(jnp.zeros(4), jnp.ones(4)), kljax.Estimate)


# --- distances -----------------------------------------------------------------------------------------------


def _distances(p: Any, q: Any) -> tuple[float, float]:
    with mpmath.workdps(40):
        pairs = [(mpmath.mpf(float(x)), mpmath.mpf(float(y))) for x, y in zip(p, q, strict=True)]
        js = sum(
            0.5 * x * mpmath.log(2 * x / (x + y)) + 0.5 * y * mpmath.log(2 * y / (x + y)) for x, y in pairs if x and y
        )
        h = sum((mpmath.sqrt(x) - mpmath.sqrt(y)) ** 2 for x, y in pairs) / 2
        return float(mpmath.sqrt(js)), float(mpmath.sqrt(h))


@pytest.mark.parametrize("step", [0.25, 2.0**-6, 2.0**-12])
def test_distances(step: float) -> None:
    p, q = jnp.array([0.25, 0.75]), jnp.array([0.25 + step, 0.75 - step])
    js, h = _distances(p, q)
    for module, rows in ((probs, (p, q)), (logits, (jnp.log(p), jnp.log(q)))):
        slack = 16 * EPS / (1.0 if module is probs else step)  # the logarithms are rounded
        assert abs(float(module.jensen_shannon_distance(*rows)) / js - 1.0) <= slack
        assert abs(float(module.hellinger_distance(*rows)) / h - 1.0) <= slack


@pytest.mark.parametrize("name", ["jensen_shannon_distance", "hellinger_distance"])
@pytest.mark.full
def test_distances_are_metrics_with_slope_0_at_equality(name: str) -> None:
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(5), (3, 200)).astype(np.float32)
    x, y, z = (jnp.asarray(one) for one in rows)
    distance = getattr(probs, name)
    assert (distance(x, z) <= distance(x, y) + distance(y, z) + 8 * EPS).all()
    np.testing.assert_allclose(distance(x, y), distance(y, x), rtol=8 * EPS)
    for module, row in ((probs, x[0]), (logits, jnp.log(x[0]))):
        call = getattr(module, name)
        assert (jax.grad(call)(row, row) == 0.0).all()
        assert jnp.isfinite(jax.hessian(call)(row, row)).all()
    p = Normal(0.3, 1.0)
    assert getattr(kljax, name)(p, p) == 0.0
    states, weights = jnp.ones((3, 2)), jnp.array([[0.0, 0.0], [0.5, 0.5]])
    one = getattr(logits, name)(states @ weights.T, states @ (2 * weights).T)
    many = getattr(hidden, name)((states, weights), (states, 2 * weights), reduction="sum")
    np.testing.assert_allclose(many, one.sum(), rtol=1e-5)
    masked = getattr(hidden, name)(
        (states, weights), (states, 2 * weights), where=jnp.array([True, False, True]), reduction="mean"
    )
    np.testing.assert_allclose(masked, one[0], rtol=1e-5)
