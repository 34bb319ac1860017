"""Estimates from samples: truths known in closed form, simulated coverage, ties, bad input, what the numbers mean."""

from __future__ import annotations

import math
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from kljax import generators, samples
from kljax.montecarlo import Estimate
from kljax.samples import _assisted, _columns, _functionals, _marginals, _model, _normal_scores, _recurring_values

KEY = jax.random.key(0)


def rows(seed: int, count: int, width: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((count, width))


def shifted(seed: int, count: int, width: int, kl: float = 0.5) -> tuple[np.ndarray, np.ndarray]:
    """Two normal samples with KL(p‖q) = kl."""
    x, y = rows(seed, 2 * count, width).reshape(2, count, width)
    return x + math.sqrt(2.0 * kl / width), y


def covers(found: samples.SampleEstimate, truth: float, errors: float = 3.0) -> bool:
    return abs(float(found.value) - truth) <= errors * float(found.stderr)


# --- simulated: fixed seeds, the Monte-Carlo error of each claim beside it --------------------------------------------


def few(seed: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    return shifted(seed, 300, width)


def heavy(seed: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.standard_t(5, (600, width)), math.sqrt(5 / 3) * rng.standard_normal((600, width))


def lumps(seed: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, 600, width))
    x[:, 0] = 0.6 * x[:, 0] + 0.8 * np.where(rng.random(600) < 0.5, 1.0, -1.0)
    return x, y


def lump_truth() -> float:
    z = np.linspace(-9.0, 9.0, 20_001)
    p = 0.5 * (stats.norm.pdf(z, 0.8, 0.6) + stats.norm.pdf(z, -0.8, 0.6))
    return float(np.trapezoid(p * (np.log(p) - stats.norm.logpdf(z)), z))


T5 = 0.5 * math.log(2 * math.pi * math.e * 5 / 3) - stats.t(5).entropy()
PAIRS = [(few, 1, 0.5), (few, 8, 0.5), (heavy, 3, 3 * T5), (lumps, 5, None)]


@pytest.mark.slow
@pytest.mark.parametrize(("draw", "width", "truth"), PAIRS)
@pytest.mark.by_default("few-1-0.5")
def test_kl_is_nearly_unbiased_and_its_interval_holds(draw, width, truth, sweep_size):
    """Of 16 intervals that hold 95 times in 100, 13 do with probability 0.99; a bias of 3 errors of the mean is
    chance.
    """
    truth = lump_truth() if truth is None else truth
    repeats = sweep_size(16, 100)
    found = [samples.kl(*draw(s, width), key=jax.random.key(s), method="neighbors") for s in range(repeats)]
    error = np.array([float(one.value) for one in found]) - truth
    stderr = np.array([float(one.stderr) for one in found])
    assert (np.abs(error) <= 2.0 * stderr).mean() >= 13 / 16
    assert abs(error.mean()) <= 3.0 * error.std() / math.sqrt(repeats) + 0.03
    assert stderr.mean() <= 2.5 * math.sqrt(np.square(error).mean())  # small samples: the error bar is on the safe side
    plain = np.array([float(one.methods["uncorrected"].value) for one in found]) - truth
    if width == 8:
        assert abs(error.mean()) < 0.5 * abs(plain.mean())


@pytest.mark.full
@pytest.mark.parametrize(
    ("name", "width", "bias"),
    [("shift", 5, 0.05), ("shift", 20, 0.05), ("ar", 20, 0.05), ("t5", 20, 0.06), ("lumps", 20, 0.05)],
)
def test_at_ten_thousand_points(name, width, bias):
    """20 repeats; the bias's own Monte-Carlo error (0.002 to 0.025) is allowed for once."""
    errors, stderrs = [], []
    for seed in range(20):
        rng = np.random.default_rng(1000 + seed)
        x, y = rng.standard_normal((2, 10_000, width))
        if name == "shift":
            x, truth = x + width**-0.5, 0.5
        elif name == "ar":
            x = x @ np.linalg.cholesky(0.8 ** np.abs(np.subtract.outer(np.arange(width), np.arange(width)))).T
            truth = -0.5 * (width - 1) * math.log(0.36)
        elif name == "t5":
            x, y, truth = rng.standard_t(5, x.shape), math.sqrt(5 / 3) * y, width * T5
        else:
            x[:, 0] = 0.6 * x[:, 0] + 0.8 * np.where(rng.random(len(x)) < 0.5, 1.0, -1.0)
            truth = lump_truth()
        found = samples.kl(x, y, key=jax.random.key(seed), method="neighbors")
        errors.append(float(found.value) - truth)
        stderrs.append(float(found.stderr))
    error, stderr = np.array(errors), np.array(stderrs)
    assert abs(error.mean()) <= bias + error.std() / math.sqrt(20)
    assert (np.abs(error) <= 2 * stderr).mean() >= 0.8
    assert stderr.mean() <= 1.5 * math.sqrt(np.square(error).mean())


@pytest.mark.slow
@pytest.mark.full
def test_of_samples_of_one_distribution_the_interval_holds_zero():
    found = [samples.kl(*rows(s, 400, 3).reshape(2, 200, 3), key=KEY, method="neighbors") for s in range(20)]
    assert sum(covers(one, 0.0, 2.0) for one in found) >= 17
    assert all(one.interval()[0] >= 0.0 for one in found)


# --- kl: methods, verdicts
# ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def agreed():
    x, y = shifted(0, 1200, 7)
    return samples.kl(x, y, key=KEY)


@pytest.mark.slow
@pytest.mark.full
def test_auto_reports_every_number_and_that_they_agree(agreed):
    assert set(agreed.methods) == {"neighbors", "model", "uncorrected", "classifier", "bound"}
    assert all(isinstance(one, Estimate) for one in agreed.methods.values())
    assert agreed.kind == "estimate"
    assert agreed.verdict == "neighbours, model and classifier agree"
    assert covers(agreed, 0.5)
    assert abs(agreed.agreement) <= 3
    # E w² = exp(δ²) at y, with δ² = 1
    assert 0.5 * 1200 / math.e < float(agreed.ess) < 1.5 * 1200 / math.e
    assert agreed.atoms == 0.0
    assert agreed.dropped == (0, 0)
    assert agreed.seconds.total > 0
    assert "nats" in str(agreed)
    assert isinstance(agreed.value, jax.Array)
    copied = pickle.loads(pickle.dumps(agreed))
    assert copied.verdict == agreed.verdict
    assert float(copied.value) == float(agreed.value)


@pytest.mark.slow
def test_intervals_are_nested_and_clipped(agreed):
    narrow, wide = agreed.interval(0.5), agreed.interval(0.99)
    assert wide[0] < narrow[0] < float(agreed.value) < narrow[1] < wide[1]
    assert agreed.interval(0.95)[1] == pytest.approx(float(agreed.value) + 1.95996 * float(agreed.stderr), rel=1e-4)
    assert agreed._replace(value=jnp.asarray(-1.0)).interval() == (0.0, 0.0)
    assert agreed._replace(kind="lower bound").interval()[1] == math.inf
    for level in (0.0, 1.0, -1.0):
        with pytest.raises(ValueError, match="level must lie in"):
            agreed.interval(level)


@pytest.mark.slow
@pytest.mark.full
def test_a_key_makes_the_answer_and_methods_alone_are_parts_of_it(agreed):
    x, y = shifted(0, 1200, 7)
    again = samples.kl(x, y, key=KEY, method="neighbors")
    assert float(again.value) == float(agreed.value)  # the classifier comes last
    for method in ("model", "uncorrected", "bound"):
        one = samples.kl(x, y, key=KEY, method=method)
        assert float(one.value) == float(one.methods[method].value)
    assert one.kind == "lower bound"
    legacy = samples.kl(x, y, key=jax.random.PRNGKey(0), method="neighbors")
    assert float(legacy.value) == float(again.value)


@pytest.mark.slow
@pytest.mark.full
def test_neighbours_see_a_shape_that_the_copula_does_not_have():
    """A ring: its columns are uncorrelated, and no copula of normal kind has a hole."""
    rng = np.random.default_rng(0)
    angle, radius = rng.uniform(0, 2 * math.pi, 1500), 1.5 + 0.2 * rng.standard_normal(1500)
    x = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)
    y = 1.5 * rng.standard_normal((1500, 2))
    found = samples.kl(x, y, key=KEY)
    grid = np.linspace(0.2, 3.0, 4001)
    density = stats.norm.pdf(grid, 1.5, 0.2) / (2 * math.pi * grid)
    other = stats.norm.pdf(grid, 0, 1.5) / math.sqrt(2 * math.pi) / 1.5
    truth = np.trapezoid(2 * math.pi * grid * density * np.log(density / other), grid)
    assert abs(found.agreement) > 3
    assert "shape of the data" in found.verdict
    assert covers(found, truth)
    assert abs(float(found.methods["model"].value) - truth) > 0.3


@pytest.mark.slow
def test_far_apart_says_that_y_cannot_show_it():
    x, y = shifted(1, 400, 2, kl=18.0)
    found = samples.kl(x, y, key=KEY)
    assert "farther apart" in found.verdict
    assert "classifier" not in found.methods
    assert float(found.ess) < 50


@pytest.mark.slow
@pytest.mark.full
def test_a_query_budget_keeps_the_whole_samples():
    x, y = shifted(2, 3000, 2)
    few = samples.kl(x, y, key=KEY, method="neighbors", max_queries=300)
    assert covers(few, 0.5)
    assert float(few.stderr) >= 0.9 * float(samples.kl(x, y, key=KEY, method="neighbors").stderr)


@pytest.mark.slow
def test_maps_of_columns_and_units_change_little():
    x, y = shifted(3, 800, 2)
    first = samples.kl(x, y, key=KEY, method="neighbors")
    scaled = samples.kl(1e-6 * x + 5.0, 1e-6 * y + 5.0, key=KEY, method="neighbors")
    assert float(scaled.value) == pytest.approx(float(first.value), abs=1e-3)
    bent = samples.kl(np.exp(1.5 * x), np.exp(1.5 * y), key=KEY, method="neighbors")
    assert covers(bent, 0.5)
    line = samples.kl(x[:, 0], y[:, 0], key=KEY, method="neighbors")
    column = samples.kl(x[:, :1], y[:, :1], key=KEY, method="neighbors")
    assert float(line.value) == float(column.value)


@pytest.mark.slow
def test_float32_and_bfloat16_are_read_as_they_are():
    x, y = (jnp.asarray(one, jnp.float32) for one in shifted(4, 500, 2))
    assert covers(samples.kl(x, y, key=KEY, method="neighbors"), 0.5)
    rounded = samples.kl(x.astype(jnp.bfloat16), y.astype(jnp.bfloat16), key=KEY, method="neighbors")
    assert covers(rounded, 0.5)
    assert "rounding" in rounded.verdict


# --- ties
# --------------------------------------------------------------------------------------------------------------


def harmonic_oracle(a: np.ndarray, b: np.ndarray) -> float:
    """Σ a/n [H(a-1) - H(n-1) - H(b) + H(m)] by sums of reciprocals."""

    def h(count: int) -> float:
        return math.fsum(1.0 / i for i in range(1, count + 1))

    n, m = int(a.sum()), int(b.sum())
    return sum(c / n * (h(int(c) - 1) - h(n - 1) - h(int(d)) + h(m)) for c, d in zip(a, b, strict=True) if c)


def test_harmonic_numbers_of_counts():
    a, b = np.array([5, 0, 12, 1]), np.array([3, 4, 9, 0])
    found = _recurring_values.harmonic(np.repeat(np.arange(4), a), np.repeat(np.arange(4), b), 4)
    assert found.value == pytest.approx(harmonic_oracle(a, b), rel=1e-12)
    assert found.unseen == pytest.approx(1 / 18)


@pytest.mark.slow
def test_categories_zeros_mixed_columns_and_rounding():
    rng = np.random.default_rng(5)
    n, p, q = 1500, np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    categories = special.rel_entr(p, q).sum()
    x, y = rng.choice(3, n, p=p).astype(float), rng.choice(3, n, p=q).astype(float)
    found = samples.kl(x, y, key=KEY)
    assert covers(found, categories)
    assert found.atoms == 1.0
    counts = np.bincount(x.astype(int)), np.bincount(y.astype(int))
    assert float(found.value) == pytest.approx(harmonic_oracle(*counts), rel=1e-5)

    z = rng.standard_normal((2, n))
    mixed = samples.kl(np.stack([x, z[0] + 0.5], 1), np.stack([y, z[1]], 1), key=KEY, method="neighbors")
    assert covers(mixed, categories + 0.125)

    zeros = np.where(rng.random(n) < 0.3, 0.0, z[0] + 0.5), np.where(rng.random(n) < 0.5, 0.0, z[1])
    inflated = samples.kl(*zeros, key=KEY, method="neighbors")
    assert covers(inflated, 0.3 * math.log(0.6) + 0.7 * math.log(1.4) + 0.7 * 0.125)
    assert inflated.atoms == pytest.approx(0.4, abs=0.03)
    assert "recurring values" in inflated.verdict

    rounded = samples.kl(np.round(z.T + 0.5, 1)[:, :1], np.round(z.T, 1)[:, 1:], key=KEY, method="neighbors")
    assert covers(rounded, 0.125)


@pytest.mark.slow
def test_rows_that_were_copied_are_noticed():
    x, y = rows(6, 300, 3), rows(7, 300, 3)
    x = x[np.random.default_rng(0).integers(0, 300, 300)]
    found = samples.kl(x, y, key=KEY)
    assert found.kind == "lower bound"
    assert "numpy.unique" in found.verdict


def test_rounding_is_undone_within_its_cells():
    x = np.round(rows(8, 500, 1), 1)
    split = _recurring_values.label(x[:250], x[250:], np.random.default_rng(0))
    assert split.rounded == (0,)
    back = np.concatenate([split.x, split.y])
    inner = np.abs(x) < 1.5  # where every tenth occurs
    assert np.abs(back - x)[inner].max() <= 0.05 + 1e-9
    assert len(np.unique(back)) == len(back)


# --- the others
# --------------------------------------------------------------------------------------------------------

PHI = stats.norm.cdf
# Of normals a distance δ = 1 apart, with unit variances.
OTHERS = {
    "jeffreys": (samples.jeffreys, 1.0),
    "jensen_shannon": (samples.jensen_shannon, None),
    "squared_hellinger": (samples.squared_hellinger, 1 - math.exp(-1 / 8)),
    "total_variation": (samples.total_variation, 2 * PHI(0.5) - 1),
    "renyi": (lambda x, y, **k: samples.renyi(x, y, order=0.5, **k), 0.25),
    "alpha": (lambda x, y, **k: samples.alpha(x, y, order=0.5, **k), 4 * (1 - math.exp(-1 / 8))),
    "renyi of order 1": (lambda x, y, **k: samples.renyi(x, y, order=1.0, **k), 0.5),
    "le_cam": (lambda x, y, **k: samples.f_divergence(x, y, generators.le_cam, **k), None),
    "cross_entropy": (
        lambda x, y, method=None, **k: samples.cross_entropy(x, y, **k),
        math.log(2 * math.pi * math.e) + 0.5,
    ),
}


def numerically(name: str) -> float:
    z = np.linspace(-9, 10, 40_001)
    p, q = stats.norm.pdf(z, 1), stats.norm.pdf(z)
    m = 0.5 * (p + q)
    if name == "le_cam":
        return float(np.trapezoid(0.5 * (p - q) ** 2 / (p + q), z))
    return float(np.trapezoid(0.5 * special.rel_entr(p, m) + 0.5 * special.rel_entr(q, m), z))


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.by_default("total_variation", "alpha", "cross_entropy", "renyi of order 1")
def test_the_other_divergences(name):
    verb, truth = OTHERS[name]
    truth = numerically(name) if truth is None else truth
    x, y = shifted(9, 1000, 2)
    found = verb(x, y, key=KEY, method="neighbors")
    assert covers(found, truth)
    assert 0.0 < float(found.stderr) < 0.35 * max(truth, 0.25)
    same = verb(rows(10, 300, 2), rows(11, 300, 2), key=KEY, method="neighbors")
    assert covers(same, math.log(2 * math.pi * math.e) if name == "cross_entropy" else 0.0)


@pytest.mark.slow
@pytest.mark.full
def test_held_out_bounds_lie_below_and_ranges_are_kept():
    x, y = shifted(12, 1000, 2)
    found = samples.jensen_shannon(x, y, key=KEY)
    bound = found.methods["bound"]
    assert float(bound.value) <= numerically("jensen_shannon") + 2 * float(bound.stderr)
    assert float(bound.value) > 0.05
    assert float(samples.jeffreys(x, y, key=KEY, method="bound").value) <= 1.0 + 0.2
    apart = samples.total_variation(x + 50.0, y, key=KEY)
    assert apart.interval()[1] <= 1.0
    assert apart.interval()[0] > 0.9
    assert samples.jensen_shannon(x + 50.0, y, key=KEY).limits[1] == pytest.approx(math.log(2))
    with pytest.raises(ValueError, match=r"samples\.kl handles them"):
        samples.jensen_shannon(np.repeat(x[:100], 10, 0), y, key=KEY)


# --- entropy and information
# ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("draw", "truth"),
    [
        (lambda rng: rng.standard_normal((60, 1)), 0.5 * math.log(2 * math.pi * math.e)),
        (lambda rng: rng.random((60, 1)), 0.0),
        (lambda rng: rng.random((1000, 5)), 0.0),
        (lambda rng: rng.exponential(size=(700, 3)), 3.0),
        (lambda rng: rng.standard_t(3, (2000, 1)), stats.t(3).entropy()),
        (lambda rng: np.round(rng.standard_normal((2000, 1)), 2), 0.5 * math.log(2 * math.pi * math.e)),
    ],
)
def test_entropy(draw, truth):
    found = [samples.entropy(draw(np.random.default_rng(s)), key=jax.random.key(s)) for s in range(4)]
    assert all(covers(one, truth) for one in found)
    error = np.mean([float(one.value) for one in found]) - truth
    assert abs(error) <= 2.0 * np.mean([float(one.stderr) for one in found])


def test_entropy_of_dependent_columns():
    base = np.linalg.cholesky(0.8 ** np.abs(np.subtract.outer(np.arange(6), np.arange(6))))
    found = samples.entropy(rows(13, 1500, 6) @ base.T, key=KEY)
    truth = 3 * math.log(2 * math.pi * math.e) + 2.5 * math.log(0.36)
    assert covers(found, truth)
    assert abs(float(found.methods["uncorrected"].value) - truth) > abs(float(found.value) - truth)
    with pytest.raises(ValueError, match="has no density"):
        samples.entropy(np.random.default_rng(0).integers(0, 3, 300).astype(float), key=KEY)


def test_line_entropy_is_that_of_the_kth_distances():
    column = rows(14, 300, 1)
    distance = np.sort(np.abs(column - column.T), axis=1)[:, 5]
    expected = special.digamma(300) - special.digamma(5) + np.log(2 * distance).mean()
    assert _normal_scores.line_entropy(column[:, 0]) == pytest.approx(expected, rel=1e-12)
    expected = stats.differential_entropy(column[:, 0], method="ebrahimi")
    assert _normal_scores.spacing_entropy(column[:, 0]) == pytest.approx(expected, rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("width", "correlation", "bend"), [(1, 0.75, np.asarray), (1, 0.0, np.asarray), (5, 0.8, np.exp)]
)
@pytest.mark.by_default("1-0.0-asarray", "1-0.75-asarray")
def test_information_of_correlated_columns(width, correlation, bend):
    x, z = rows(15, 2000, width).reshape(2, 1000, width)
    y = z.copy()
    y[:, :2] = correlation * x[:, :2] + math.sqrt(1 - correlation**2) * z[:, :2]
    found = samples.mutual_information(bend(x), y, key=KEY)
    truth = -0.5 * min(width, 2) * math.log1p(-(correlation**2))
    assert covers(found, truth)
    assert {"ksg", "copula", "uncorrected", "classifier", "bound"} == set(found.methods)
    if width > 1:
        assert abs(float(found.methods["uncorrected"].value) - truth) > 0.2


@pytest.mark.slow
@pytest.mark.full
def test_information_that_winds_is_said_to_be_at_least_so_much():
    def wind(z: np.ndarray) -> np.ndarray:
        angle = np.square(z).sum(1)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return np.concatenate([np.einsum("ijn,nj->ni", turn, z[:, :2]), z[:, 2:]], 1)

    x, z = rows(16, 4000, 3).reshape(2, 2000, 3)
    y = z.copy()
    y[:, :2] = 0.8 * x[:, :2] + 0.6 * z[:, :2]
    found = samples.mutual_information(wind(x), wind(y), key=KEY)
    assert found.kind == "lower bound" or covers(found, -math.log(0.36), 2.0)
    assert found.interval()[0] <= -math.log(0.36) <= found.interval()[1]
    assert "shape" in found.verdict or "at least" in found.verdict


@pytest.mark.slow
def test_permutation_p_values(sweep_size):
    """Uniform where x and y are independent: of 40, as many as 7 below 0.05 come up once in 300."""
    repeats = sweep_size(40, 400)
    options = {"method": "ksg", "permutations": 39, "surrogates": 2}
    found = [
        samples.mutual_information(rows(s, 50, 1), rows(s + 5000, 50, 1), key=jax.random.key(s), **options)
        for s in range(repeats)
    ]
    p_values = np.array([float(one.methods["p_value"].value) for one in found])
    assert (p_values <= 0.05).mean() <= 6 / 40
    assert 0.3 < p_values.mean() < 0.7
    x = rows(17, 50, 1)
    tied = samples.mutual_information(x, x + 0.1 * rows(18, 50, 1), key=KEY, **options)
    assert float(tied.methods["p_value"].value) == pytest.approx(1 / 40)
    assert "for independence" in tied.verdict


# --- insides
# -------------------------------------------------------------------------------------------------------------


def test_column_maps_are_inverted_and_their_slopes_are_right():
    rng = np.random.default_rng(0)
    skew = np.stack([rng.lognormal(0, 1.5, 500), rng.standard_t(2, 500), rng.standard_normal(500)], 1)
    columns = _columns.fit_columns(skew)
    assert columns.dimension >= 2
    np.testing.assert_allclose(columns.inverse(columns(skew)), skew, rtol=1e-7, atol=1e-9)
    step = 1e-6 * skew.std(0)
    slopes = (columns(skew + step) - columns(skew - step)) / (2 * step)
    np.testing.assert_allclose(np.exp(columns.log_slopes(skew)), slopes, rtol=1e-4)
    assert abs(stats.skew(columns(skew)[:, 0])) < 0.7 < abs(stats.skew(skew[:, 0]))


def test_mixtures_find_their_components_and_scores_are_exact_in_the_tails():
    rng = np.random.default_rng(1)
    two = np.where(rng.random(3000) < 0.3, -2.0, 2.0) + 0.5 * rng.standard_normal(3000)
    fitted = _marginals.fit_marginals(np.stack([two, rng.standard_normal(3000)], 1))
    assert fitted.components.tolist() == [2, 1]
    weights, means = np.exp(fitted.log_weights[0, :2]), fitted.means[0, :2]
    np.testing.assert_allclose(np.sort(means), [-2, 2], atol=0.1)
    np.testing.assert_allclose(np.sort(weights), [0.3, 0.7], atol=0.04)
    at = np.array([[-60.0, 0.0], [0.0, 1.0], [3.0, -1.0], [40.0, 5.0]])
    log_cdf = special.logsumexp(special.log_ndtr((at[:, :1] - means) / fitted.scales[0, :2]), b=weights, axis=1)
    np.testing.assert_allclose(special.log_ndtr(fitted.scores(at)[:, 0])[:3], log_cdf[:3], rtol=1e-6)
    assert 60 < fitted.scores(at)[3, 0] < 80
    z = rng.standard_normal((200, 2))
    np.testing.assert_allclose(fitted.scores(fitted.inverse(z)), z, atol=2e-3)
    whole = np.linspace(-6, 6, 20_001)[:, None]
    total = np.trapezoid(np.exp(fitted.log_density(np.repeat(whole, 2, 1))), whole[:, 0], axis=0)
    np.testing.assert_allclose(total, 1.0, rtol=1e-6)


@pytest.mark.parametrize("degrees", [3.0, math.inf])
def test_copulas_beside_scipy(degrees):
    rng = np.random.default_rng(2)
    matrix = np.array([[1.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 1.0]])
    copula = _model.Copula(np.linalg.cholesky(matrix), degrees)
    z = copula.sample(rng, 4000)
    np.testing.assert_allclose(z.std(0), 1.0, atol=0.06)
    if degrees < math.inf:
        w = stats.t(degrees).ppf(stats.norm.cdf(z))
        expected = stats.multivariate_t(np.zeros(3), matrix, degrees).logpdf(w) - stats.t(degrees).logpdf(w).sum(1)
    else:
        expected = stats.multivariate_normal(np.zeros(3), matrix).logpdf(z) - stats.norm.logpdf(z).sum(1)
    np.testing.assert_allclose(copula.log_density(z), expected, rtol=1e-3, atol=2e-3)
    fitted = _model.fit_copula(z)
    assert fitted.degrees == degrees
    np.testing.assert_allclose(fitted.factor @ fitted.factor.T, matrix, atol=0.06)


def test_correlations_are_drawn_together_by_their_noise_alone():
    x, y = rows(3, 1000, 20).reshape(2, 500, 20)
    p, q = _model.tempered(_model.fit_model(x), _model.fit_model(y), x, y)
    drift = [abs(one.copula.factor @ one.copula.factor.T - np.eye(20)).max() for one in (p, q)]
    assert max(drift) < 0.2
    assert p.copula.tempered > 0.6
    base = np.linalg.cholesky(0.8 ** np.abs(np.subtract.outer(np.arange(20), np.arange(20))))
    p, q = _model.tempered(_model.fit_model(x @ base.T), _model.fit_model(y), x @ base.T, y)
    assert p.copula.tempered < 0.02


def test_functionals_are_means_of_generators():
    r = np.linspace(-3, 3, 7)
    functional = _functionals.of_generator(generators.squared_hellinger, "H²")
    p, q = special.expit(r), special.expit(-r)
    np.testing.assert_allclose(functional.on_x(r), 0.5 * (np.sqrt(p) - np.sqrt(q)) ** 2, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(functional.influence_x(r), 0.5 * (1 - np.exp(-r / 2)), rtol=1e-4, atol=1e-6)
    assert functional.limits == (0.0, 1.0)
    assert functional.curvature == pytest.approx(0.25, rel=0.02)
    assert _assisted.as_normal(0.0, 7) == 0.0
    assert _assisted.as_normal(4.499, 7) == pytest.approx(stats.norm.isf(stats.t(7).sf(4.499)))


# --- bad input
# ------------------------------------------------------------------------------------------------------------

GOOD = rows(0, 60, 2)


@pytest.mark.parametrize(
    ("change", "kind", "says"),
    [
        ({"key": None}, TypeError, r"key is missing.*jax\.random\.key"),
        ({"key": "a"}, TypeError, "key must be a key of jax.random"),
        ({"x": GOOD[:17]}, ValueError, r"x must have at least 18 rows.*got 17"),
        ({"x": rows(0, 20, 40), "y": rows(1, 60, 40)}, ValueError, "x must have at least 42 rows"),
        ({"x": GOOD[:, :1]}, ValueError, "x has 1 and y has 2.*n points on a line"),
        ({"x": GOOD[:, 0]}, ValueError, "x has 1 and y has 2"),
        ({"x": np.full((60, 2), 1.0), "y": np.full((60, 2), 1.0)}, ValueError, "column 0 is constant"),
        ({"x": GOOD[:, [0, 0]], "y": rows(1, 60, 2)[:, [1, 1]]}, ValueError, "columns 0 and 1 are copies"),
        ({"x": np.where(GOOD > 1, np.nan, GOOD)}, ValueError, 'x has NaN in .* nan="drop"'),
        ({"x": np.where(GOOD > 1, np.inf, GOOD)}, ValueError, "x has infinite entries"),
        ({"x": (10 * GOOD).astype(int)}, TypeError, r"floating-point dtype.*kljax\.counts"),
        ({"x": "abc"}, TypeError, "x must be an array of samples"),
        ({"x": GOOD[None]}, ValueError, r"\[points, columns\]"),
        ({"method": "knn"}, ValueError, 'method must be one of "auto"'),
        ({"method": "bound"}, ValueError, "needs at least 200 rows"),
        ({"k": 0}, ValueError, "k must be one or several positive integers"),
        ({"k": (2.0,)}, ValueError, "k must be one or several positive integers"),
        ({"surrogates": 1}, ValueError, "surrogates must be an integer of at least 2"),
        ({"max_queries": 0}, ValueError, "max_queries must be an integer"),
        ({"nan": "keep"}, ValueError, 'nan must be "raise" or "drop"'),
    ],
)
def test_bad_input(change, kind, says):
    with pytest.raises(kind, match=says):
        samples.kl(**{"x": GOOD, "y": rows(1, 60, 2), "key": KEY, **change})


def test_more_bad_input():
    with pytest.raises(ValueError, match="x and y are the same array"):
        samples.kl(GOOD, GOOD, key=KEY)
    with pytest.raises(TypeError, match=r"traced.*density_ratio"):
        jax.jit(lambda x: samples.kl(x, rows(1, 60, 2), key=KEY).value)(GOOD)
    with pytest.raises(TypeError, match=r"traced.*stop_gradient"):
        jax.grad(lambda x: samples.kl(x, rows(1, 60, 2), key=KEY).value)(jnp.asarray(GOOD, jnp.float32))
    with pytest.raises(ValueError, match="row i of both is one pair"):
        samples.mutual_information(GOOD, rows(1, 50, 2), key=KEY)
    dependent = np.column_stack([GOOD, GOOD.sum(1)]), np.column_stack([rows(1, 60, 2), rows(1, 60, 2).sum(1)])
    with pytest.raises(ValueError, match="linear function of the others"):
        samples.kl(*dependent, key=KEY)
    with pytest.raises(ValueError, match=r"weight must lie in \(0, 1\)"):
        samples.jensen_shannon(GOOD, rows(1, 60, 2), key=KEY, weight=0.0)
    with pytest.raises(ValueError, match="order must lie in"):
        samples.renyi(GOOD, rows(1, 60, 2), key=KEY, order=0.0)
    with pytest.raises(TypeError, match="generator must be a generator"):
        samples.f_divergence(GOOD, rows(1, 60, 2), lambda u: u, key=KEY)


def test_rows_with_nan_are_dropped_and_counted():
    x, y = shifted(20, 300, 2)
    x[:7, 0] = np.nan
    found = samples.kl(x, y, key=KEY, nan="drop", method="neighbors")
    assert found.dropped == (7, 0)
    assert "7 rows of x and 0 of y" in found.verdict
    assert covers(found, 0.5)
    pairs = samples.mutual_information(x, y, key=KEY, nan="drop", method="ksg")
    assert pairs.dropped == (7, 7)
