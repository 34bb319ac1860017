"""The oracles against exact rational results, finite differences, limits and each other."""

from __future__ import annotations

import ast
import pathlib
from fractions import Fraction

import mpmath
import numpy as np
import oracles
import pytest
from oracles import precision, rows, terms

P = np.array([0.5, 0.25, 0.1875, 0.0625])
Q = np.array([0.125, 0.5, 0.125, 0.25])
A = np.array([1.5, -0.75, 3.0, 0.25])
B = np.array([1.25, 0.5, 2.0, -1.0])
CASES = [
    ("kl", {}),
    ("plain_kl", {}),
    ("reverse_kl", {}),
    ("jeffreys", {}),
    ("jensen_shannon", {}),
    ("jensen_shannon", {"weight": 0.25}),
    ("jensen_shannon", {"weight": 0.25, "scaled": True}),
    ("jensen_shannon", {"weight": 1.0, "scaled": True}),
    ("skew_kl", {"weight": 0.25}),
    ("squared_hellinger", {}),
    ("total_variation", {}),
    ("chi_squared", {}),
    ("neyman", {}),
    ("le_cam", {}),
    ("alpha", {"order": -1.5}),
    ("alpha", {"order": 0.0}),
    ("alpha", {"order": 0.25}),
    ("alpha", {"order": 3.0}),
    ("tsallis", {"order": 0.25}),
    ("tsallis", {"order": 2.0}),
    ("renyi", {"order": 0.5}),
    ("renyi", {"order": 1.0}),
    ("renyi", {"order": 2.0}),
    ("renyi", {"order": 0.3}),
    ("bhattacharyya", {}),
    ("cross_entropy", {}),
    ("entropy", {}),
    ("entropy", {"order": 2.5}),
]
EXACT = mpmath.mpf(10) ** -55  # what 100 digits leave of numbers of order one, with a wide margin
BOTH = {
    "probs": lambda: oracles.from_probs(P, Q),
    "logits": lambda: oracles.from_logits(A, B),
    "normalised": lambda: oracles.from_probs(3 * P, 7 * Q, normalise=True),
}


def _log_sum(*parts: tuple[float, float]) -> mpmath.mpf:
    """Σ c log x."""
    with mpmath.workdps(100):
        return mpmath.fsum(mpmath.mpf(c) * mpmath.log(x) for c, x in parts)


def _rational(term) -> mpmath.mpf:
    """A divergence with rational terms, in exact fractions."""
    total = sum(term(Fraction(p), Fraction(q)) for p, q in zip(P.tolist(), Q.tolist(), strict=True))
    with mpmath.workdps(100):
        return mpmath.mpf(total.numerator) / total.denominator


@pytest.mark.parametrize(
    ("name", "params", "expected"),
    [
        ("kl", {}, _log_sum((0.5, 4), (0.25, 0.5), (0.1875, 1.5), (0.0625, 0.25))),
        ("reverse_kl", {}, _log_sum((0.125, 0.25), (0.5, 2), (-0.125, 1.5), (0.25, 4))),
        ("total_variation", {}, _rational(lambda p, q: abs(p - q) / 2)),
        ("chi_squared", {}, _rational(lambda p, q: p * p / q - p)),
        ("neyman", {}, _rational(lambda p, q: q * q / p - q)),
        ("le_cam", {}, _rational(lambda p, q: (p - q) ** 2 / (2 * (p + q)))),
        ("tsallis", {"order": 3.0}, _rational(lambda p, q: (p**3 / q**2 - p) / 2)),
        ("renyi", {"order": 2.0}, _log_sum((1, _rational(lambda p, q: p * p / q)))),
        ("entropy", {}, _log_sum((0.5, 2), (0.25, 4), (-0.1875, 0.1875), (0.0625, 16))),
        ("entropy", {"order": 2.0}, _log_sum((-1, _rational(lambda p, q: p * p)))),
        ("cross_entropy", {}, _log_sum((0.5, 8), (0.25, 2), (0.1875, 8), (0.0625, 4))),
    ],
)
def test_values_of_rational_rows(name, params, expected):
    assert abs(oracles.value(oracles.from_probs(P, Q), name, **params) - expected) < EXACT


def test_bhattacharyya_of_squares():
    # √p = (3, 4)/5 and √q = (4, 3)/5 up to rounding of the rows: their affinity is 24/25
    row, other = np.array([9.0, 16.0]), np.array([16.0, 9.0])
    pair = oracles.from_probs(row, other, normalise=True)
    assert abs(oracles.value(pair, "bhattacharyya") + _log_sum((1, mpmath.mpf(24) / 25))) < mpmath.mpf(10) ** -15
    with mpmath.workdps(100):
        assert abs(oracles.value(pair, "squared_hellinger") - mpmath.mpf(1) / 25) < EXACT


@pytest.mark.parametrize("weight", [0.25, 0.5])
def test_mixtures_are_two_kls_to_the_middle(weight):
    m = weight * P + (1 - weight) * Q  # exact: a few bits each
    to_p, to_q = (oracles.value(oracles.from_probs(one, m), "kl") for one in (P, Q))
    pair = oracles.from_probs(P, Q)
    with mpmath.workdps(100):
        mixed = weight * to_p + (1 - weight) * to_q
        assert abs(oracles.value(pair, "jensen_shannon", weight=weight) - mixed) < EXACT
        assert abs(oracles.value(pair, "skew_kl", weight=weight) - to_p) < EXACT
        together = oracles.generalized_jensen_shannon([P, Q], [weight, 1 - weight])
        assert abs(together - mixed) < EXACT
        by_default = oracles.value(pair, "jensen_shannon") - oracles.generalized_jensen_shannon([P, Q])
        assert abs(by_default) < EXACT


def test_order_zero_counts_what_p_misses():
    missing = oracles.from_probs([0.5, 0.5, 0.0], [0.25, 0.5, 0.25])
    assert oracles.value(missing, "tsallis", order=0.0) == 0.25
    assert abs(oracles.value(missing, "renyi", order=0.0) - _log_sum((-1, 0.75))) < EXACT
    full = oracles.from_probs(P, Q)
    assert oracles.value(full, "tsallis", order=0.0) == oracles.value(full, "renyi", order=0.0) == 0
    # -log(1 - q_3): the derivative is 1/(1 - q_3) there, as the rule for a measure has it, and zero elsewhere
    np.testing.assert_allclose(
        oracles.gradient(missing, "renyi", order=0.0)[1].astype(float), [0, 0, 4 / 3], rtol=1e-15
    )


def test_logits_are_the_softmax():
    with mpmath.workdps(100):
        weights = [[mpmath.exp(mpmath.mpf(x) / 2) for x in row] for row in (A, B)]
        p, q = ([w / mpmath.fsum(row) for w in row] for row in weights)
        expected = mpmath.fsum(x * mpmath.log(x / y) for x, y in zip(p, q, strict=True))
        found = oracles.value(oracles.from_logits(A, B, temperature=2.0), "kl")
        assert abs(found - expected) < EXACT


def _ladder(pair, name, params, index, row):
    """(f(x + h) - f(x - h))/2h in one entry, at 200 digits, of the state perturbed there."""
    with precision.mp.digits(200):
        term, step = rows._term(name, params), precision.mp.from_mpmath(mpmath.mpf(10) ** -50)
        sides = []
        for sign in (1, -1):
            moved = [precision.numbers(pair.x), precision.numbers(pair.y)]
            moved[row][index] += sign * step
            sides.append(rows._value(term, pair.perturbed(*moved)))
        return float((sides[0] - sides[1]) / (2 * step))


@pytest.mark.parametrize(("name", "params"), CASES)
@pytest.mark.parametrize("coordinates", BOTH)
def test_gradients_are_the_derivatives_of_values(name, params, coordinates):
    pair = BOTH[coordinates]()
    found = oracles.gradient(pair, name, **params)
    for row in range(2):
        expected = [_ladder(pair, name, params, index, row) for index in range(4)]
        # both sides are rounded to double once
        np.testing.assert_allclose(found[row].astype(float), expected, rtol=1e-15, atol=1e-30)


def test_the_hessian_of_kl():
    p, q = (np.exp(x) / np.exp(x).sum() for x in (A, B))
    by_q = np.diag(q) - np.outer(q, q)  # ∂²KL/∂b² is the Fisher information of q
    found = oracles.hessian(oracles.from_logits(A, B), "kl").astype(float)
    np.testing.assert_allclose(found[4:, 4:], by_q, atol=1e-15)
    np.testing.assert_allclose(found[:4, 4:], -(np.diag(p) - np.outer(p, p)), atol=1e-15)
    np.testing.assert_allclose(found, found.T, atol=1e-18)
    by_p = oracles.hessian(oracles.from_probs(P, Q), "kl").astype(float)
    np.testing.assert_allclose(by_p[:4, :4], np.diag(1 / P), rtol=1e-15)
    np.testing.assert_allclose(by_p[4:, 4:], np.diag(P / Q**2), rtol=1e-15)


@pytest.mark.parametrize(("name", "params"), [case for case in CASES if case[0] not in ("plain_kl", "entropy")])
@pytest.mark.parametrize("side", [0, 1])
def test_limits_at_zero_are_limits(name, params, side):
    zeros, near = ([P.copy(), Q.copy()] for _ in range(2))
    zeros[side][1], near[side][1] = 0.0, 1e-300
    exact, close = (oracles.value(oracles.from_probs(*two), name, **params) for two in (zeros, near))
    if mpmath.isinf(exact):
        assert close > 40  # p log(p/1e-300) at the least
    else:
        assert abs(exact - close) < 1e-60  # (1e-300)^¼ times what order ¼ multiplies it by
    for found, limit in zip(
        oracles.gradient(oracles.from_probs(*zeros), name, **params),
        oracles.gradient(oracles.from_probs(*near), name, **params),
        strict=True,
    ):
        if np.isinf(found[1]):
            assert np.sign(limit[1]) == np.sign(found[1])
            assert abs(limit[1]) > 100
        elif not mpmath.isinf(exact):
            assert abs(found[1] - limit[1]) < 1e-60


def test_missing_outcomes():
    minus = -np.inf
    a, b = np.array([0.5, minus, 1.0, minus]), np.array([0.25, 2.0, -1.0, minus])
    assert oracles.value(oracles.from_logits(b, a), "kl") == mpmath.inf
    assert mpmath.isfinite(oracles.value(oracles.from_logits(a, b), "kl"))
    grad_a, grad_b = oracles.gradient(oracles.from_logits(a, b), "kl")
    assert grad_a[1] == grad_a[3] == grad_b[3] == 0.0
    assert abs(float(grad_b[1]) - float(np.exp(2.0) / (np.exp(0.25) + np.exp(2.0) + np.exp(-1.0)))) < 1e-15  # q - p
    # all that is left of a row whose Rényi divergence is infinite has no say
    for pair in (oracles.from_logits(b, a), oracles.from_probs([1.0, 1.0], [1.0, 0.0])):
        assert oracles.value(pair, "renyi", order=2.0) == mpmath.inf
        assert not np.any(oracles.gradient(pair, "renyi", order=2.0))
    masked = oracles.value(oracles.from_logits(A, B, where=[True, True, False, True]), "renyi", order=2.0)
    assert masked == oracles.value(oracles.from_logits(A[[0, 1, 3]], B[[0, 1, 3]]), "renyi", order=2.0)


@pytest.mark.parametrize("name", ["kl", "jensen_shannon", "squared_hellinger", "chi_squared", "jeffreys"])
def test_more_digits_change_nothing(name, monkeypatch):
    peak = np.array([0.0, 0.0, 1.0, 0.0])
    pairs = [
        (A, A + 1e-8 * B),
        (A * 1e-8, B * 1e-8),
        (A + 60 * peak, B + 60 * peak),
        (300 * A + 600 * peak, 300 * B + 600 * peak),
    ]
    before = [
        (oracles.value(oracles.from_logits(*two), name), *oracles.gradient(oracles.from_logits(*two), name))
        for two in pairs
    ]
    monkeypatch.setattr(rows, "DIGITS", 1500)
    for two, (value, *gradients) in zip(pairs, before, strict=True):
        pair = oracles.from_logits(*two)
        with mpmath.workdps(1500):
            exact = oracles.value(pair, name)
            assert abs(value - exact) <= abs(exact) * mpmath.mpf(10) ** -25 + mpmath.mpf(10) ** -340
        for found, exact in zip(gradients, oracles.gradient(pair, name), strict=True):
            np.testing.assert_allclose(found, exact, rtol=1e-15, atol=float(1e-18 * np.max(np.abs(exact))))


def test_chernoff_information_is_the_maximum():
    pair = oracles.from_probs(P, Q)
    found, order = oracles.chernoff_information(pair)
    for other in (order - 1e-9, order + 1e-9):
        with precision.mp.digits(100):
            term = terms.affinity(precision.mp.from_mpmath(mpmath.mpf(other)))
            near = precision.mp.to_mpmath(rows._value(term, pair.state(100)))
            assert found - 1e-17 < near < found
    for row, slope in enumerate(oracles.chernoff_gradient(pair)):
        for index in range(4):
            sides = []
            for sign in (1, -1):
                moved = [P.copy(), Q.copy()]
                moved[row][index] += sign * 2.0**-30
                sides.append(oracles.chernoff_information(oracles.from_probs(*moved))[0])
            # central differences err by h² times the third derivative, some 1e4 at most
            assert abs(float(sides[0] - sides[1]) * 2.0**29 - float(slope[index])) < 1e-13
    back, complement = oracles.chernoff_information(oracles.from_probs(Q, P))
    assert abs(back - found) < EXACT
    assert abs(order + complement - 1) < 1e-15
    # (p, q) mirrored: the best order is ½ and the information that of Bhattacharyya
    mirrored = oracles.from_probs(P, P[::-1])
    with mpmath.workdps(100):
        assert abs(oracles.chernoff_information(mirrored)[0] - oracles.value(mirrored, "bhattacharyya")) < EXACT
    assert oracles.chernoff_information(oracles.from_probs([1.0, 0.0], [0.0, 1.0])) == (mpmath.inf, 0.5)
    # q spreads over what p lacks: the supremum is -log q(p > 0), at order 0
    edge = oracles.chernoff_information(oracles.from_probs([1.0, 0.0], [0.25, 0.75]))
    assert edge[1] == 0
    assert abs(edge[0] - _log_sum((1, 4))) < EXACT


def test_a_users_function():
    pair = oracles.from_probs(P, Q)
    kl = oracles.from_function(lambda u: u * mpmath.log(u) - u + 1, 1, np.inf)
    with mpmath.workdps(100):
        assert abs(oracles.value(pair, kl) - oracles.value(pair, "kl")) < EXACT
    for found, exact in zip(oracles.gradient(pair, kl), oracles.gradient(pair, "kl"), strict=True):
        np.testing.assert_allclose(found.astype(float), exact.astype(float), rtol=1e-15)


@pytest.mark.skipif(precision.gmpy2 is None, reason="gmpy2 is not installed: there is one implementation")
def test_both_kinds_of_numbers_agree(monkeypatch):
    cases = [(name, params, pair()) for name, params in CASES for pair in BOTH.values()]
    fast = [oracles.value(pair, name, **params) for name, params, pair in cases]
    for module in (precision, rows, terms):
        monkeypatch.setattr(module, "mp", precision.Mpmath)
    for (name, params, pair), found in zip(cases, fast, strict=True):
        pair.states.clear()
        with mpmath.workdps(100):
            assert abs(oracles.value(pair, name, **params) - found) < EXACT


def test_errors_are_measured_in_eps():
    eps = 2.0**-23
    third = mpmath.mpf(1) / 3
    assert oracles.value_error(np.float32(1 / 3), third) < 0.5
    assert 3.4 < oracles.value_error(np.float32(1 / 3) * np.float32(1 + 4 * eps), third) < 4.6
    assert oracles.value_error(np.float32(np.nan), third) == np.inf
    assert oracles.value_error(np.float32(np.inf), third) == np.inf
    assert oracles.value_error(np.float32(np.inf), mpmath.inf) == 0.0
    assert oracles.value_error(np.float32(np.inf), mpmath.mpf(1e39)) == 0.0
    for wrong in (0.5, 3e38, -np.inf):
        assert oracles.value_error(np.float32(wrong), mpmath.inf) == np.inf
    assert oracles.value_error(np.float32(0.0), mpmath.mpf(1e-39)) == 0.0
    assert oracles.value_error(np.float32(-1e-39), mpmath.mpf(1e-39)) > 1.0
    assert oracles.value_error(np.float32(-1e-30), mpmath.mpf(0)) > 1.0
    exact = np.array([3.0, 4.0], np.longdouble)
    assert oracles.norm_error(np.float32([3.0, 4.0]), exact) == 0.0
    assert oracles.norm_error(np.float32([3.0, 4.0 + 5 * eps]), exact) == pytest.approx(0.8, abs=0.3)
    assert oracles.norm_error(np.float32([3.0, np.nan]), exact) == np.inf
    assert oracles.norm_error(np.float32([-3.0, 4.0]), exact) > 1 / eps


def test_the_oracles_import_nothing_of_the_package():
    for path in pathlib.Path(oracles.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = (
                [a.name for a in node.names] if isinstance(node, ast.Import) else [getattr(node, "module", "") or ""]
            )
            assert not any(name.split(".")[0] in ("kljax", "jax", "scipy") for name in names)
