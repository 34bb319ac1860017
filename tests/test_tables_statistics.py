"""The statistics under ``kljax.tables``: against enumeration, scipy, integrals, and simulation with fixed seeds."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import integrate, stats

from kljax.counts import _cells as counts
from kljax.tables import _calibration, _cells, _column, _cuts, _tail, _verdict, compare
from kljax.tables._findings import Interval
from kljax.tables._histogram import counted

AD = 1 / (np.arange(1, 9) * np.arange(2, 10))


def imhof(x: float, weights: np.ndarray) -> float:
    """P(Σ w χ²_1 > x) by inverting the characteristic function."""

    def integrand(u: float) -> float:
        theta = np.sum(np.arctan(weights * u)) / 2 - x * u / 2
        return math.sin(theta) / (u * math.exp(np.sum(np.log1p((weights * u) ** 2)) / 4))

    pieces = np.linspace(0, 1000 / x, 201)
    return 0.5 + sum(integrate.quad(integrand, a, b)[0] for a, b in itertools.pairwise(pieces)) / math.pi


@pytest.mark.parametrize("weights", [AD, AD[:3], np.ones(4)], ids=["eight", "three", "equal"])
def test_the_saddlepoint_tail_is_within_four_per_cent(weights):
    mean, deviation = weights.sum(), math.sqrt(2 * np.sum(weights**2))
    for x in mean + deviation * np.array([-0.6, -0.1, 0.0, 1e-5, 0.5, 2.0, 4.0, 7.0]):
        assert _tail.weighted_chi_squares(x, weights) == pytest.approx(imhof(x, weights), rel=0.042, abs=1e-7)


def test_the_tail_of_equal_weights_is_that_of_a_chi_square_at_any_depth():
    for x in (30.0, 100.0, 500.0):
        assert _tail.weighted_chi_squares(x, np.ones(4)) == pytest.approx(stats.chi2.sf(x, 4), rel=0.01)
    assert _tail.weighted_chi_squares(0.0, AD) == 1.0
    assert _tail.weighted_chi_squares(3.0, AD[:1]) == pytest.approx(stats.chi2.sf(6.0, 1))


@pytest.mark.parametrize(("m", "t", "total"), [(20, 3, 40), (10, 200, 1000), (900, 40, 1000), (5, 5, 10), (30, 7, 31)])
def test_the_mid_p_value_of_a_count_is_that_of_the_hypergeometric_law(m, t, total):
    law = stats.hypergeom(total, t, m)
    for b in range(max(0, m + t - total), min(m, t) + 1):
        low, high = law.cdf(b) - law.pmf(b) / 2, law.sf(b) + law.pmf(b) / 2
        assert _tail.hypergeometric(b, m, t, total) == pytest.approx(min(2 * low, 2 * high, 1.0), rel=1e-9)
        # Symmetric in the tables.
        assert _tail.hypergeometric(t - b, total - m, t, total) == pytest.approx(
            _tail.hypergeometric(b, m, t, total), rel=1e-9
        )


def test_the_mid_p_value_of_many_rows_is_that_of_a_normal_variable():
    total, m, t = 2_000_000, 1_000_000, 200_000
    spread = math.sqrt(m * (t / total) * (1 - t / total) * (total - m) / (total - 1))
    b = round(m * t / total + 2.5 * spread)
    z = (b - m * t / total) / spread
    assert _tail.hypergeometric(b, m, t, total) == pytest.approx(2 * stats.norm.sf(z), rel=1e-3)
    assert _tail.hypergeometric(m * t // total + 100_000, m, t, total) < 1e-200


@pytest.mark.parametrize(("t", "n"), [([3, 2, 2, 1], 4), ([1, 1, 5, 2, 1], 3), ([4, 3], 2), ([1, 1, 1, 1, 1], 2)])
def test_the_variance_of_pearsons_statistic_is_exact(t, n):
    cells = np.repeat(np.arange(len(t)), t)
    total, totals = len(cells), np.array(t, float)
    found = []
    for chosen in itertools.combinations(range(total), n):
        a = np.bincount(cells[list(chosen)], minlength=len(t))
        deviation = (a - n * totals / total) ** 2
        found.append((1 - 1 / total) * np.sum(deviation / (n * totals / total) * (1 + n / (total - n))))
    assert np.mean(found) == pytest.approx(len(t) - 1)
    assert _calibration.pearson_variance(totals, n, total - n) == pytest.approx(np.var(found), abs=1e-12)


def test_the_parts_are_those_of_the_textbook_where_counts_are_large():
    a, b = np.array([900, 1100, 1000, 1000]), np.array([1000, 1000, 1050, 950])
    found = _calibration.p_values(a, b, ordered=True)
    n = a.sum() + b.sum()
    statistic = stats.chi2_contingency([a, b], correction=False).statistic * (n - 1) / n
    assert found["any"] == pytest.approx(stats.chi2.sf(statistic, 3), rel=1e-2)
    assert found["shape"] == pytest.approx(stats.chi2.sf(statistic, 3), rel=1e-9)  # all three contrasts of four cells


def test_the_order_part_sees_a_shift_and_not_a_permutation():
    a, b = np.full(12, 100), 100 + np.array([-30, -25, -20, -12, -6, 0, 0, 6, 12, 20, 25, 30])
    shifted = _calibration.p_values(a, b, ordered=True)
    mixed = _calibration.p_values(a, b[[0, 11, 1, 10, 2, 9, 3, 8, 4, 7, 5, 6]], ordered=True)
    assert shifted["any"] == pytest.approx(mixed["any"])
    assert shifted["order"] < 1e-4 < 0.05 < mixed["order"]


def test_parts_are_symmetric_and_one_cell_has_none():
    a, b = np.array([10, 30, 25, 12, 40]), np.array([60, 20, 15, 70, 33])
    first, second = (_calibration.p_values(*pair, ordered=True) for pair in ((a, b), (b, a)))
    assert first == pytest.approx(second, rel=1e-9)
    assert _calibration.p_values(np.array([5]), np.array([7]), ordered=True) == {}
    assert _calibration.combined({}, 1) == 1.0


def test_combined_p_values_lie_between_their_parts_and_never_reach_zero():
    assert _calibration.combined({"order": 1e-20, "shape": 0.5, "any": 0.5}, 20) == pytest.approx(2e-20, rel=0.01)
    assert _calibration.combined({"order": 0.3, "shape": 0.3, "any": 0.3}, 20) == pytest.approx(0.3, rel=0.1)
    assert _calibration.combined({"order": 0.0, "shape": 0.0, "any": 0.0}, 20) > 0
    assert _calibration.combined({"missing": 0.0}, 1) > 0
    assert _calibration.combined({"any": 0.2}, 2) == 0.2


@pytest.mark.parametrize("cells", [3, 5, 12, 64])
def test_the_combination_is_exact_for_gaussian_scores(cells):
    """Rejections at 5 % of 20 000 draws: 5 % within 0.5 (three standard errors)."""
    rng = np.random.default_rng(cells)
    scores = rng.normal(size=(20_000, min(8, cells - 1)))
    rest = rng.chisquare(cells - 1 - scores.shape[1], len(scores)) if cells - 1 > scores.shape[1] else 0.0
    weights = AD[: scores.shape[1]]
    grid = np.linspace(1e-3, 8, 2000)
    tail = np.array([_tail.weighted_chi_squares(x, weights) for x in grid])
    order = np.interp(scores**2 @ weights, grid, tail)
    shape = stats.chi2.sf(np.sum(scores[:, :4] ** 2, axis=1), min(4, cells - 1))
    omnibus = stats.chi2.sf(np.sum(scores**2, axis=1) + rest, cells - 1)
    p = [
        _calibration.combined({"order": x, "shape": y, "any": z}, cells)
        for x, y, z in zip(order, shape, omnibus, strict=True)
    ]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.005)


def test_benjamini_hochberg_is_that_of_scipy():
    p = np.random.default_rng(0).random(30) ** 3
    np.testing.assert_allclose(_calibration.benjamini_hochberg(p), stats.false_discovery_control(p))
    assert _calibration.benjamini_hochberg(np.array([])).shape == (0,)


# --- divergences of counts --------------------------------------------------------------------------------


def test_the_estimate_is_the_formula():
    b, a = np.array([30, 50, 20]), np.array([400, 300, 300])
    q = b / 100
    expected = np.sum(q * (np.log(q) - np.log((a + 0.5) / 1000))) - 2 / 200 + 1 / 2000
    found = counts.kl(b, a)
    assert found.value == pytest.approx(expected)
    assert not found.open
    # The ends solve the quadratic.
    slope, null = counts._slope(b.astype(float), a.astype(float)), (1 / 1000 + 1 / 100) ** 2
    for end, z in ((found.high, counts.Z_95), (found.low, counts.Z_95 + 0.4 * null / (null + slope * expected))):
        assert (expected - end) ** 2 == pytest.approx(z**2 * (null + slope * end), rel=1e-9)


def test_many_rows_bring_the_plug_in_value_and_a_narrow_interval():
    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.3, 0.3, 0.4])
    exact = float(np.sum(p * np.log(p / q)))
    found = counts.kl(p * 1e9, q * 1e9)
    assert found.value == pytest.approx(exact, rel=1e-6)
    assert found.low < exact < found.high < 1.001 * exact
    middle = (p + q) / 2
    js = float(np.sum(p * np.log(p / middle)) + np.sum(q * np.log(q / middle))) / 2
    assert counts.jensen_shannon(p * 1e9, q * 1e9).value == pytest.approx(js, rel=1e-6)
    assert counts.psi(p * 1e9, q * 1e9) == pytest.approx(float(np.sum((p - q) * np.log(p / q))), rel=1e-6)


def test_the_bias_of_jensen_shannon_is_taken_off():
    b, a = np.array([30, 50, 20]), np.array([400, 300, 300])
    q, p = b / 100, a / 1000
    plug_in = float(np.sum(q * np.log(2 * q / (p + q))) + np.sum(p * np.log(2 * p / (p + q)))) / 2
    assert counts.jensen_shannon(b, a).value == pytest.approx(plug_in - 2 / 8 * (1 / 100 + 1 / 1000))


def test_cells_without_a_row_of_q_are_open_and_merged():
    found = counts.kl(np.array([50, 3, 4, 5]), np.array([60, 0, 0, 0]))
    assert found.open
    assert math.isinf(found.high)
    assert found == counts.kl(np.array([50, 12]), np.array([60, 0]))
    apart = np.array([5, 50, 0, 5]), np.array([0, 60, 3, 0])
    assert counts.kl(*apart, ordered=False) == counts.kl(np.array([50, 0, 10]), np.array([60, 3, 0]), ordered=False)
    assert counts.kl(*apart).value != counts.kl(*apart, ordered=False).value
    # A cell set apart at the end is no neighbour.
    assert counts.kl(np.array([50, 5, 5]), np.array([60, 0, 0]), apart=1).value != pytest.approx(
        counts.kl(np.array([50, 5, 5]), np.array([60, 0, 0])).value
    )


def test_disjoint_tables_are_log_2_apart_in_jensen_shannon():
    found = counts.jensen_shannon(np.array([1000, 2000, 0, 0]), np.array([0, 0, 1500, 1500]))
    assert found.value == pytest.approx(math.log(2), rel=3e-3)
    assert found.high == math.log(2)


def test_joined_cells_widen_only_the_upper_end():
    one, many = (counts.kl(np.array([70, 30]), np.array([60, 40]), joined=joined) for joined in (0, 100))
    assert (one.value, one.low) == (many.value, many.low)
    assert one.high < many.high
    assert counts.kl(np.array([100]), np.array([100])).high == 0.0
    assert counts.kl(np.array([100]), np.array([100]), joined=1).high > 0.02


def test_equal_counts_are_zero_within_an_interval_of_the_width_of_chance():
    a = np.full(20, 50)
    found = counts.kl(a, a)
    assert (found.value, found.low) == (0.0, 0.0)
    assert found.high >= 0.9999 * counts.Z_95 * math.sqrt(19 / 2) * 2 / 1000
    assert counts.kl(np.array([]), np.array([])).value == 0.0


# --- cells ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", [0, 1, 2, 3, 4, 5])
def test_the_guide_counts_as_a_binary_search_does(draw):
    rng = np.random.default_rng(draw)
    values = [
        rng.standard_t(1, 40_000),
        np.exp(8 * rng.normal(size=40_000)),
        rng.integers(-(2**62), 2**62, 40_000),
        np.where(rng.random(40_000) < 0.2, np.inf, rng.normal(size=40_000) * 1e300),
        rng.normal(size=40_000).astype(np.float32),
        1e15 + rng.integers(0, 100, 40_000).astype(float),
    ][draw]
    for size in (4, 75):
        edges = np.unique(np.sort(values)[np.linspace(0, len(values) - 1, size).astype(int)])
        expected = np.bincount(np.searchsorted(edges, values, side="right"), minlength=len(edges) + 1)
        np.testing.assert_array_equal(counted(values, edges), expected)


def test_whole_numbers_of_either_sign_are_counted_without_rounding():
    values = np.array([2**63 + 1, 2**63, 5], np.uint64)
    np.testing.assert_array_equal(counted(values, np.array([-3, 6])), [0, 1, 2])
    np.testing.assert_array_equal(counted(np.array([2**53, 2**53 + 1]), np.array([2**53 + 1])), [1, 1])


def test_cells_hold_equal_shares_and_frequent_values_stand_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=2000)
    x[:300] = 1.25
    edges = _cuts.cuts([x[:1000], x[1000:]], [1000, 1000], complete=True)
    assert np.all(np.diff(edges) > 0)
    found = counted(x, edges)
    assert 300 in found
    assert np.median(found) == pytest.approx(2000 / _cuts.size(1000, 1000), rel=0.1)
    assert _cuts.size(100, 100) == 13
    assert _cuts.size(1000, 1000) == 32
    assert _cuts.size(10**6, 10**6) == 64
    assert _cuts.size(20, 10**6) == 4


@pytest.mark.parametrize("seed", range(3))
def test_every_value_of_a_cells_mass_stands_alone(seed):
    x = np.random.default_rng(seed).normal(size=2000)
    values = [-1.2, -0.4, 0.1, 0.9, 1.7]
    for j, value in enumerate(values):
        x[70 * j : 70 * j + 70] = value
    x = np.random.default_rng(seed).permutation(x)
    edges = _cuts.cuts([x[:1000], x[1000:]], [1000, 1000], complete=True)
    found = counted(x, edges)[np.searchsorted(edges, values, side="right")]
    np.testing.assert_array_equal(found, 70)


def test_rounding_noise_is_never_separated():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 200, 4000) / 10
    noisy = x * (1 + 1e-13 * rng.normal(size=4000))
    edges = _cuts.cuts([x[:2000], noisy[2000:]], [2000, 2000], complete=True)
    assert len(edges) > 30
    assert np.min(np.abs(edges[:, None] - np.arange(200) / 10)) > 1e-3


@pytest.mark.parametrize("map_", [np.exp, np.arctan, lambda x: x**3, lambda x: 1e9 + x, lambda x: np.exp(12 * x)])
def test_cells_are_those_of_any_increasing_map(map_):
    x = np.random.default_rng(1).standard_t(3, 3000)
    first, second = (counted(y, _cuts.cuts([y[:1000], y[1000:]], [1000, 2000], complete=True)) for y in (x, map_(x)))
    np.testing.assert_array_equal(first, second)


def test_cells_too_small_to_judge_join_and_new_ones_stand():
    joined = _cells.join_ordered(np.array([4, 4, 50, 2]), np.array([3, 4, 40, 2]), np.array([1.0, 2.0, 3.0]))
    assert joined.reference.tolist() == [8, 52]
    assert joined.edges.tolist() == [2.0]
    named = _cells.join_categories(np.array([900, 600, 1, 2]), np.array([30, 20, 0, 0]), ["a", "b", "c", "d"])
    assert named.labels == ("a", "b and rare ones")
    assert named.reference.tolist() == [900, 603]
    new = _cells.join_categories(np.array([90_000, 60_000, 0]), np.array([30, 20, 4]), ["a", "b", "new"])
    assert new.labels == ("a", "b", "new")
    # Ten rows in one of two equal tables may be chance among many cells; thirty are not.
    chance = _cells.join_categories(np.array([500, 500, 0]), np.array([490, 490, 9]), ["a", "b", "c"])
    assert len(chance.labels) == 2


def test_a_divergence_that_lies_in_the_tail_is_open():
    a, b = np.array([500, 300, 195, 5]), np.array([450, 280, 190, 80])
    kl = Interval(0.2, 0.1, 0.3)
    assert _column._open_in_the_tail(kl, b, a, 0) == Interval(0.2, 0.1, math.inf, True)
    assert _column._open_in_the_tail(kl, b[::-1], a[::-1], 0).open
    assert not _column._open_in_the_tail(kl, b, a, 1).open  # the last cell holds the missing values
    assert not _column._open_in_the_tail(kl, a, b, 0).open  # fewer rows there, not more
    assert not _column._open_in_the_tail(Interval(0.2, 0.0, 0.3), b, a, 0).open  # it may be chance


# --- verdicts ---------------------------------------------------------------------------------------------


def test_rows_to_tell_are_those_of_the_formula():
    for material, rows in ((0.02, 725), (0.05, 225), (0.125, 75)):
        assert _verdict.rows_to_tell(20, 20, 4, material, fixed=False) == pytest.approx(rows, rel=0.06)
    # A larger table keeps its rows.
    assert _verdict.rows_to_tell(100, 2250, _cuts.size(100, 2250), 0.05, fixed=False) < 150
    few = _verdict.rows_to_tell(50, 50, 2, 0.05, fixed=True)
    assert counts.Z_95 * math.sqrt(1 / 2) * 2 / few <= 0.05 < counts.Z_95 * math.sqrt(1 / 2) * 2 / (few - 1)
    assert [_verdict.rounded(rows) for rows in (7, 55, 221, 1234)] == [7, 55, 230, 1300]


@pytest.mark.parametrize(
    ("p", "kl", "verdict"),
    [
        (0.01, Interval(0.1, 0.05, 0.2), "different"),
        (0.01, Interval(0.001, 0.0005, 0.002), "negligible"),
        (0.2, Interval(0.001, 0.0, 0.04), "same"),
        (0.2, Interval(0.001, 0.0, 0.06), "undecided"),
        (0.2, Interval(0.001, 0.0, math.inf, True), "undecided"),
    ],
)
def test_the_four_verdicts(p, kl, verdict):
    assert _verdict.verdict(p, kl, 0.05, 0.005, 0.05) == verdict


def test_the_scale_is_that_of_a_shifted_normal_column():
    for shift, word in ((0.05, "negligible"), (0.15, "small"), (0.25, "moderate"), (0.4, "large"), (0.6, "very large")):
        assert _verdict.scale(shift**2 / 2) == word
        assert _verdict.best_guess(shift**2 / 2) == pytest.approx(stats.norm.cdf(shift / 2))


# --- calibration ------------------------------------------------------------------------------------------

KINDS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy tails": lambda rng, n: rng.standard_t(1, n),
    "counts": lambda rng, n: rng.poisson(3, n),
    "zeros": lambda rng, n: np.where(rng.random(n) < 0.7, 0.0, rng.lognormal(size=n)),
    "missing": lambda rng, n: np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
    "ten categories": lambda rng, n: (10 * rng.random(n) ** 2).astype(int),
    "a thousand categories": lambda rng, n: (1000 * rng.random(n) ** 3).astype(int),
}


def replicates(draw, n, m, count, seed):
    """Two tables whose columns are independent replicates."""
    rng = np.random.default_rng(seed)
    return [{str(j): draw(rng, rows) for j in range(count)} for rows in (n, m)]


@pytest.mark.parametrize(
    ("n", "m"), [(20, 20), (100, 100), (1000, 100), pytest.param(1000, 1000, marks=pytest.mark.full)]
)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.by_default(
    "normal-20-20",
    "heavy tails-100-100",
    "counts-1000-100",
    "zeros-20-20",
    "missing-100-100",
    "ten categories-1000-100",
    "a thousand categories-20-20",
)
def test_unchanged_columns_are_called_different_one_time_in_twenty(kind, n, m, sweep_size):
    """p ≤ 0.05 in 5 %; 400 replicates have a standard error of 1.1, 2 000 of 0.5; tiny tables may be more timid."""
    count = sweep_size(400, 2000)
    kinds = {str(j): "category" for j in range(count)} if "categories" in kind else None
    reference, current = replicates(KINDS[kind], n, m, count, seed=n + m)
    found = compare(reference, current, correction="none", joint="off", kinds=kinds)
    rate = np.mean([column.p_value <= 0.05 for column in found.columns])
    error = 0.035 if count == 400 else 0.015
    least = 0.0 if kind == "a thousand categories" or n == 20 else 0.05 - error
    assert least <= rate <= 0.05 + error


KL_CASES = {
    "none": (lambda rng, n: rng.normal(size=n), 0.0, 0.0),
    "shift": (lambda rng, n: rng.normal(0.3, 1, n), 0.045, 0.01116),
    "scale": (lambda rng, n: rng.normal(0, 1.1, n), (1.21 - 1) / 2 - math.log(1.1), 0.002304),
    "twice as wide": (lambda rng, n: rng.normal(0, 2, n), 1.5 - math.log(2), 0.09274),
}


@pytest.mark.parametrize(("n", "m"), [(300, 3000), (3000, 300), pytest.param(1000, 1000, marks=pytest.mark.full)])
@pytest.mark.parametrize("case", KL_CASES)
def test_intervals_cover(case, n, m, sweep_size):
    """95 % within three standard errors (2.2 at 100 replicates, 0.7 at 1 000); open intervals may cover more."""
    count = sweep_size(100, 1000)
    draw, kl, js = KL_CASES[case]
    rng = np.random.default_rng(n)
    reference = {str(j): rng.normal(size=n) for j in range(count)}
    current = {str(j): draw(rng, m) for j in range(count)}
    columns = compare(reference, current, correction="none", joint="off").columns
    least = 0.88 if count == 100 else 0.92
    assert np.mean([column.kl.low <= kl <= column.kl.high for column in columns]) >= least
    assert np.mean([column.js.low <= js <= column.js.high for column in columns]) >= least
    if case == "twice as wide":  # most of it lies where the reference has no rows
        assert np.mean([column.kl.open for column in columns]) > 0.9
        assert np.mean([column.js.value for column in columns]) == pytest.approx(js, rel=0.1)
    else:
        assert np.mean([column.kl.value for column in columns]) == pytest.approx(kl, abs=0.012)
