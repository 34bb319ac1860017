"""All columns together: bounds where the truth is known, the size of the test, shares, and pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from kljax import tables
from kljax.tables import _correlations, _joint
from kljax.tables._features import Features, Rows, mid_ranks
from kljax.tables._log_ratio_scores import Gaussians, Margins, Stack, Votes
from kljax.tables._source import Values


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def correlated(g: np.random.Generator, n: int, d: int, r: float) -> np.ndarray:
    x = g.normal(size=(n, d))
    for j in range(1, d):
        x[:, j] = r * x[:, j - 1] + math.sqrt(1 - r * r) * x[:, j]
    return x


def test_a_change_in_how_columns_go_together_is_found_where_no_column_changed():
    g = rng()
    found = tables.compare(g.normal(size=(5000, 6)), correlated(g, 5000, 6, 0.4))
    together = found.joint
    assert {column.verdict for column in found.columns} <= {"same", "negligible"}
    assert together.verdict == found.verdict == "different"
    assert "the way they go together has changed" in found.words
    # KL of the Gaussians is -5/2 log(1 - 0.16) = 0.436; the bounds come near and don't pass it by more than chance.
    truth = -2.5 * math.log(1 - 0.16)
    assert 0.8 * truth < together.kl.value < truth + 3 * (together.kl.value - together.kl.low) / 1.64
    assert together.kl.low < truth
    assert together.dependence == pytest.approx(together.kl.value, abs=0.02)
    assert together.js.low < together.js.value < math.log(2)
    assert together.js.open
    assert {abs(int(a[-1]) - int(b[-1])) for a, b in (pair.names for pair in together.pairs)} == {1}
    assert together.pairs[0].before == pytest.approx(0, abs=0.06)
    assert together.pairs[0].after == pytest.approx(0.4, abs=0.06)
    assert together.pairs[0].p_adjusted < 1e-10
    assert together.rows_used == (5000, 5000)


def test_changes_that_no_pair_shows_are_found_by_neighbours():
    g = rng(1)
    current = g.normal(size=(5000, 3))
    current[:, 2] = np.abs(current[:, 2]) * np.sign(current[:, 0] * current[:, 1])
    found = tables.compare(g.normal(size=(5000, 3)), current).joint
    assert found.verdict == "different"
    assert found.js.value > 0.03
    assert found.pairs[0].p_adjusted > 0.001


def test_shares_name_the_column_that_changed():
    g = rng(2)
    current = g.normal(size=(4000, 12))
    current[:, 7] += 0.5
    found = tables.compare(g.normal(size=(4000, 12)), current).joint
    assert next(iter(found.shares)) == "column_7"
    assert found.shares["column_7"] > 0.02
    assert max(share for name, share in found.shares.items() if name != "column_7") < 0.002


def test_copies_of_a_column_count_once():
    g = rng(3)
    a, b = g.normal(size=4000), g.normal(0.5, 1, 4000)
    one, six = (
        tables.compare(
            {str(j): a for j in range(k)} | {"z": g.normal(size=4000)},
            {str(j): b for j in range(k)} | {"z": g.normal(size=4000)},
        ).joint
        for k in (1, 6)
    )
    assert six.js.value == pytest.approx(one.js.value, abs=0.006)
    assert six.js.value == pytest.approx(0.0303, abs=0.006)
    assert six.dependence < -0.3


def test_categories_missing_values_and_dates_take_part():
    g = rng(4)
    n = 3000
    eye, hair = g.choice(["blue", "brown"], n), g.choice(["fair", "dark"], n)
    tied = np.where(eye == "blue", "fair", "dark")
    hair_after = np.where(g.random(n) < 0.5, tied, hair)
    found = tables.compare({"eye": eye, "hair": hair}, {"eye": g.permutation(eye), "hair": g.permutation(hair)})
    assert found.joint.p_value > 0.001
    assert tables.compare({"eye": eye, "hair": hair}, {"eye": eye, "hair": hair_after}).joint.verdict == "different"
    x, when = g.normal(size=n), np.datetime64("2024-01-01") + g.integers(0, 99, n).astype("timedelta64[D]")
    gone = {"x": np.where(when > np.datetime64("2024-02-20"), np.nan, x), "when": when}
    spread = {"x": g.permutation(gone["x"]), "when": when}
    assert tables.compare(spread, gone).joint.verdict == "different"


def test_unchanged_tables_rarely_alarm():
    """p ≤ 0.05 in 5 %: of 150 at most 15 (p = 0.006)."""
    g = rng(5)
    hits = 0
    for seed in range(150):
        samples = [{str(j): Values(g.normal(size=200), np.zeros(200, bool)) for j in range(5)} for _ in range(2)]
        kinds = dict.fromkeys(samples[0], "number")
        found = _joint.joint(
            (samples[0], samples[1]), kinds, (), rows=20_000, alpha=0.05, floor=0.005, material=0.05, seed=seed
        )
        hits += found.p_value <= 0.05
        assert found.js.low == 0 or found.p_value <= 0.05
        assert found.dependence == 0 or found.p_value <= 0.05
    assert hits <= 15


def test_when_there_is_no_joint_part():
    a = {"x": rng().normal(size=60), "y": rng(1).normal(size=60)}
    assert tables.compare(a, a).joint is not None
    assert tables.compare(a, a, joint="off").joint is None
    assert tables.compare(a, a, joint=None).joint is None
    few = {name: values[:49] for name, values in a.items()}
    found = tables.compare(few, a)
    assert found.joint is None
    assert "All columns together are compared from two columns and 50 rows of each table on." in found.notes
    assert tables.compare({"x": a["x"]}, {"x": a["x"]}).joint is None
    constant = {"x": np.ones(60), "y": np.zeros(60)}
    assert tables.compare(constant, constant).joint is None


def test_rows_of_the_joint_part_are_at_most_those_asked_for():
    a = rng().normal(size=(3000, 3))
    assert tables.compare(a, a, sample=1000).joint.rows_used == (500, 500)


# --- the parts --------------------------------------------------------------------------------------------


def test_a_column_left_out_is_the_gaussian_of_the_others():
    g = rng(6)
    p, q = correlated(g, 900, 4, 0.5), correlated(g, 900, 4, -0.2) * 1.3 + 0.2
    fitted = Gaussians(p, q)
    x = g.normal(size=(50, 4))

    def by_hand(kept: list[int]) -> np.ndarray:
        middle = (fitted._means[0] + fitted._means[1])[kept] / 2
        cov = np.linalg.inv(fitted._common)[np.ix_(kept, kept)]
        shift = (fitted._means[1] - fitted._means[0])[kept]
        linear = (x[:, kept] - middle) @ np.linalg.solve(cov, shift)
        logs = []
        for mean, precision in zip(fitted._means, fitted._precisions, strict=True):
            cov = np.linalg.inv(precision)[np.ix_(kept, kept)]
            logs.append(stats.multivariate_normal(mean[kept], cov).logpdf(x[:, kept]))
        return np.stack([linear, logs[1] - logs[0]], axis=1)

    np.testing.assert_allclose(fitted(x), by_hand([0, 1, 2, 3]), rtol=1e-9)
    np.testing.assert_allclose(fitted.view(x).without(np.array([2])), by_hand([0, 1, 3]), rtol=1e-9)
    np.testing.assert_allclose(fitted.view(x).without(np.array([0, 3])), by_hand([1, 2]), rtol=1e-9)
    np.testing.assert_allclose(fitted.view(x).without(np.array([], int)), fitted(x))


def test_margins_are_shrunk_to_nothing_where_nothing_changed():
    codes = np.stack([np.repeat([0, 1, 2], 100), np.tile([0, 1], 150)], axis=1)
    changed = codes.copy()
    changed[:80, 0] = 2
    margins = Margins(codes, changed, np.array([3, 2]))
    parts = margins.by_column(np.array([[0, 0], [2, 1]]))
    assert parts[0, 0] < 0 < parts[1, 0]
    np.testing.assert_array_equal(parts[:, 1], 0)


def test_neighbours_vote_by_table():
    g = rng(7)
    votes = Votes(g.normal(size=(400, 2)), g.normal(8, 1, (400, 2)))
    found = votes(np.array([[0.0, 0.0], [8.0, 8.0]]))
    np.testing.assert_allclose(found, [-math.log(15.5 / 0.5), math.log(15.5 / 0.5)])


def test_the_stack_recovers_a_log_ratio():
    g = rng(8)
    p, q = g.normal(size=(20_000, 1)), g.normal(0.7, 1, (20_000, 1))
    x = np.array([[-1.0], [0.0], [2.0]])
    np.testing.assert_allclose(Stack(p, q)(x), 0.7 * x[:, 0] - 0.245, atol=0.05)
    assert np.isfinite(Stack(p * 0, q * 0)(x)).all()


def test_the_rank_test_is_mann_and_whitneys():
    g = rng(9)
    f_p, f_q = np.round(g.normal(size=80), 1), np.round(g.normal(0.3, 1, 90), 1)
    p, auc = _joint._mann_whitney(f_p, f_q)
    expected = stats.mannwhitneyu(f_q, f_p, alternative="greater", method="asymptotic", use_continuity=False)
    assert p == pytest.approx(expected.pvalue)
    assert auc == pytest.approx(expected.statistic / (80 * 90))
    assert _joint._mann_whitney(np.zeros(9), np.zeros(9)) == (0.5, 0.5)


def test_mid_ranks_are_those_of_scipy():
    x = np.round(rng(10).normal(size=200), 1)
    middle, mine = mid_ranks(x)
    np.testing.assert_allclose(middle[mine] * 200 + 0.5, stats.rankdata(x))


def test_variances_of_correlations_hold_for_dependence_of_any_kind():
    """The spread of r over 300 samples of heavy-tailed dependent pairs, within 15 % (its error is 4 %)."""
    g = rng(11)
    found, variances = [], []
    for _ in range(300):
        scale = np.sqrt(2 / g.chisquare(2, 400))
        x = correlated(g, 400, 2, 0.6) * scale[:, None]
        r, variance = _correlations._correlations(x)
        found.append(r[0, 1])
        variances.append(variance[0, 1])
    assert math.sqrt(np.mean(variances)) == pytest.approx(np.std(found), rel=0.15)


def test_pairs_of_fewer_than_two_ordered_columns_are_none():
    rows = Rows(np.zeros((9, 1), np.int64), np.zeros((9, 1)))
    assert (
        _correlations.changed_pairs(Features(rows, rows, ("x",), np.array([1]), np.array([0]), np.array([True]))) == ()
    )
