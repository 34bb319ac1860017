"""Which model works better, and how far one is from the data: scipy's fits and formulas, and simulations."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, optimize, special, stats

from kljax import families, samples
from kljax.families import Exponential, Gamma, LogNormal, MultivariateNormal, Normal, Poisson, Weibull
from kljax.samples import _distribution_function, _likelihood, _loo, _models, _spacings
from kljax.samples._models import Fits

EPS32 = float(np.finfo(np.float32).eps)
RNG = np.random.default_rng(3)
X = RNG.gamma(4.0, size=240)
KEY = jax.random.key(5)

# --- fits --------------------------------------------------------------------------------------------------------

SCIPY = {
    Weibull: (stats.weibull_min(1.7, scale=3), lambda x: stats.weibull_min(*stats.weibull_min.fit(x, floc=0))),
    families.Gumbel: (stats.gumbel_r(5, 2), lambda x: stats.gumbel_r(*stats.gumbel_r.fit(x))),
    families.Logistic: (stats.logistic(-3, 0.5), lambda x: stats.logistic(*stats.logistic.fit(x))),
    families.Cauchy: (stats.cauchy(2, 0.1), lambda x: stats.cauchy(*stats.cauchy.fit(x))),
    families.Moyal: (stats.moyal(3, 2), lambda x: stats.moyal(*stats.moyal.fit(x))),
    families.HalfCauchy: (stats.halfcauchy(0, 2), lambda x: stats.halfcauchy(*stats.halfcauchy.fit(x, floc=0))),
    families.Chi: (stats.chi(3), lambda x: stats.chi(*stats.chi.fit(x, floc=0, fscale=1))),
    families.Laplace: (stats.laplace(2, 0.1), lambda x: stats.laplace(*stats.laplace.fit(x))),
    families.Pareto: (stats.pareto(2.5, scale=3), lambda x: stats.pareto(*stats.pareto.fit(x, floc=0))),
    families.Uniform: (stats.uniform(3, 2), lambda x: stats.uniform(*stats.uniform.fit(x))),
    Gamma: (stats.gamma(2, scale=3), lambda x: stats.gamma(*stats.gamma.fit(x, floc=0))),
}
IN_ORDINARY_RUN = (Weibull, families.Cauchy, families.Laplace, families.Pareto, families.Uniform, Gamma)


@pytest.mark.parametrize(
    "family", [pytest.param(one, marks=() if one in IN_ORDINARY_RUN else pytest.mark.full) for one in SCIPY]
)
@pytest.mark.by_default("Cauchy", "Laplace", "Pareto", "Uniform", "Gamma")
def test_fits_are_of_maximum_likelihood(family):
    """The likelihood is flat at its top: what float32 leaves of the parameters shows in it as 10⁻⁶."""
    truth, fit = SCIPY[family]
    x = np.asarray(truth.rvs(200, random_state=np.random.default_rng(0)), float)
    rows = np.ones((3, 200))
    rows[1, ::4] = 0.0
    rows[2] = 7.0 * rows[1]
    found = _likelihood.fit_rows(family, _models.floats(x), _models.floats(rows))
    scores = np.asarray(_likelihood.log_prob_of(found, _models.floats(x)))
    for row, kept in ((0, x), (1, x[rows[1] > 0]), (2, x[rows[1] > 0])):
        assert scores[row][rows[row] > 0].mean() >= fit(kept).logpdf(kept).mean() - 3e-6
        assert scores[row][rows[row] > 0].mean() <= fit(kept).logpdf(kept).mean() + 1e-4  # scipy's simplex ends early


@pytest.mark.full
def test_a_fit_of_t_is_no_worse_than_the_truth():
    rng = np.random.default_rng(1)
    t = 100.0 + 7.0 * rng.standard_t(4, size=(20, 60))
    found = _likelihood.fit_each(families.StudentT, _models.floats(t))
    scores = np.asarray(_likelihood.log_prob_of(found, _models.floats(t))).mean(1)
    assert (scores >= stats.t(4, 100, 7).logpdf(t).mean(1) - 1e-5).all()


@pytest.mark.full
def test_a_fit_of_overdispersed_counts_is_no_worse_than_the_truth():
    x = np.random.default_rng(2).negative_binomial(3, 0.2, size=(20, 60)).astype(float)
    found = _likelihood.fit_each(families.NegativeBinomial, _models.floats(x))
    scores = np.asarray(_likelihood.log_prob_of(found, _models.floats(x))).mean(1)
    assert (scores >= stats.nbinom(3, 0.2).logpmf(x).mean(1) - 1e-5).all()


def test_every_family_of_one_variable_can_be_fitted_or_is_refused():
    can = {name for name in families.__all__ if _likelihood.can_fit(getattr(families, name))}
    assert {"Normal", "Weibull", "StudentT", "NegativeBinomial", "Uniform", "MultivariateNormal"} <= can
    assert not {"Binomial", "Mixture", "TruncatedNormal", "Wishart", "Delta"} & can
    with pytest.raises(NotImplementedError, match="no fit of Binomial"):
        samples.rank_models(X, [families.Binomial])


# --- rankings ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def ranked():
    return samples.rank_models(X, {"normal": Normal, "gamma": Gamma, "log-normal": LogNormal}, folds=5, key=KEY)


def by_scipy(x, fold):
    """Held-out log-scores with scipy's fits."""
    held = {"normal": np.empty(len(x)), "gamma": np.empty(len(x)), "log-normal": np.empty(len(x))}
    for part in np.unique(fold):
        out, kept = fold == part, x[fold != part]
        shape, _, scale = stats.gamma.fit(kept, floc=0)
        logs = np.log(kept)
        held["normal"][out] = stats.norm.logpdf(x[out], kept.mean(), kept.std())
        held["gamma"][out] = stats.gamma.logpdf(x[out], shape, scale=scale)
        held["log-normal"][out] = stats.lognorm.logpdf(x[out], logs.std(), scale=np.exp(logs.mean()))
    return held


def test_the_scores_are_held_out_and_paired(ranked):
    data = np.asarray(jax.random.key_data(KEY)).ravel().tolist()
    fold = np.random.default_rng(data).permutation(np.arange(len(X)) % 5)
    expected = by_scipy(X, fold)
    for name, scores in expected.items():
        np.testing.assert_allclose(ranked.scores[name], scores, rtol=2e-5, atol=2e-5)  # of a normal's tail in float32
    order = sorted(expected, key=lambda name: -expected[name].mean())
    assert [row.name for row in ranked.rows] == order
    best = expected[order[0]]
    for row in ranked.rows:
        apart = best - expected[row.name]
        assert float(row.behind.value) == pytest.approx(apart.mean(), abs=2e-5)
        assert float(row.behind.stderr) == pytest.approx(apart.std(ddof=1) / np.sqrt(len(X)), abs=2e-5)
        assert float(row.log_score.value) == pytest.approx(expected[row.name].mean(), abs=2e-5)
    apart = expected["gamma"] - expected["normal"]
    assert float(ranked.difference("gamma", "normal").value) == pytest.approx(apart.mean(), abs=2e-5)
    assert float(ranked.difference("normal", "gamma").value) == pytest.approx(-apart.mean(), abs=2e-5)
    with pytest.raises(ValueError, match="got 'weibull'"):
        ranked.difference("gamma", "weibull")


def test_the_criteria_are_akaikes_and_schwarzs(ranked):
    total = stats.norm.logpdf(X, X.mean(), X.std()).sum()
    row = next(row for row in ranked.rows if row.name == "normal")
    assert row.dim == 2
    assert row.aic == pytest.approx(4 - 2 * total, rel=2e-6)
    assert row.bic == pytest.approx(2 * np.log(len(X)) - 2 * total, rel=2e-6)
    assert float(ranked.fitted["normal"].loc) == pytest.approx(X.mean(), rel=1e-6)


def test_the_stacking_weights_are_the_best(ranked):
    scores = np.stack(list(ranked.scores.values()))

    def loss(free):
        return -special.logsumexp(scores + special.log_softmax(free)[:, None], axis=0).mean()

    best = optimize.minimize(loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-10})
    weights = np.array(list(ranked.weights.values()))
    assert weights.sum() == pytest.approx(1.0)
    assert -np.log((weights[:, None] * np.exp(scores)).sum(0)).mean() <= best.fun + 1e-6
    assert sum(row.best_in for row in ranked.rows) == pytest.approx(1.0)


def test_a_ranking_is_a_table_with_a_verdict(ranked):
    lines = str(ranked).splitlines()
    assert lines[1].split()[:2] == ["model", "log-score"]
    assert [line.split()[0] for line in lines[2:5]] == [row.name for row in ranked.rows]
    assert ranked.best == ranked.rows[0].name
    assert "normal" not in ranked.verdict.split("can't")[-1] or "log-normal" in ranked.verdict


def test_every_way_to_give_a_model():
    from sklearn.neighbors import KernelDensity

    log_normal = stats.lognorm(0.5, scale=3.5)

    class Fitter:
        def fit(self, x, weights=None):
            return Normal(jnp.asarray(np.average(x, weights=weights), jnp.float32), 2.0)

    given = {
        "class": LogNormal,
        "family of scipy": (stats.lognorm, {"floc": 0}),
        "frozen": log_normal,
        "record": LogNormal(float(np.log(3.5)), 0.5),
        "function": log_normal.logpdf,
        "array": log_normal.logpdf(X),
        "kernels": KernelDensity(bandwidth=0.8),
        "scipy's kernels": stats.gaussian_kde(X),
        "fitter": Fitter(),
    }
    found = samples.rank_models(X, given, folds=4)
    for one in ("record", "function", "array"):
        np.testing.assert_allclose(found.scores[one], found.scores["frozen"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found.scores["class"], found.scores["family of scipy"], rtol=1e-5, atol=1e-5)
    dims = {row.name: row.dim for row in found.rows}
    assert (dims["class"], dims["family of scipy"], dims["frozen"]) == (2, 2, None)
    assert not np.allclose(found.scores["kernels"], found.scores["scipy's kernels"])
    listed = samples.rank_models(X, [Normal, stats.gamma(4)])
    assert set(listed.scores) == {"Normal", "gamma"}


def test_draws_are_scored_by_leaving_one_out():
    """A normal mean with a flat prior: the exact leave-one-out density is N(mean of the others, 1 + 1/(n-1))."""
    rng = np.random.default_rng(7)
    y = rng.normal(size=50)
    mu = rng.normal(y.mean(), 1 / np.sqrt(50), size=4000)
    scores, khat = _loo.leave_one_out("models['draws']", stats.norm(mu[:, None], 1.0).logpdf(y))
    others = (y.sum() - y) / 49
    np.testing.assert_allclose(scores, stats.norm.logpdf(y, others, np.sqrt(1 + 1 / 49)), atol=0.02)
    assert khat.max() < 0.5
    far = np.append(y, 9.0)
    moved = rng.normal(far.mean(), 0.05, size=400)
    ranked = samples.rank_models(far, {"draws": stats.norm(moved[:, None], 0.2).logpdf(far), "normal": Normal})
    assert any("k̂ of draws is above 0.7" in one for one in ranked.warnings)
    assert "k̂" in str(ranked)


def test_what_cannot_be_trusted_is_said():
    few = samples.rank_models(X[:40], [Normal, Gamma])
    assert any("40 points are few" in one for one in few.warnings)
    same = samples.rank_models(X, {"a": stats.gamma(4), "b": stats.gamma(4.01)})
    assert any("nats over all points" in one for one in same.warnings)
    assert "can't be told from it" in same.verdict
    rng = np.random.default_rng(0)
    noise = {f"noise {at}": -1.0 + 0.3 * rng.normal(size=len(X)) for at in range(14)}
    assert any("by chance alone" in one for one in samples.rank_models(X, noise).warnings)
    clear = samples.rank_models(np.random.default_rng(1).normal(size=2000), [Normal, families.Uniform(-9.0, 9.0)])
    assert clear.warnings == ()
    assert "Normal works best, by" in clear.verdict


def test_a_model_without_the_data_in_its_support_is_infinitely_behind():
    found = samples.rank_models(X - 3.0, [Normal, Exponential(1.0)])
    row = found.rows[1]
    assert (float(row.behind.value), float(row.behind.stderr)) == (np.inf, 0.0)
    assert "give some points no probability at all" in found.verdict
    assert float(found.difference("Exponential", "Normal").value) == -np.inf


def test_weights_are_repetitions():
    x, twice = X[:60], np.where(np.arange(60) < 20, 2.0, 1.0)
    found = samples.rank_models(x, {"a": stats.gamma(4), "b": stats.norm(4, 2)}, weights=twice)
    apart = stats.gamma(4).logpdf(x) - stats.norm(4, 2).logpdf(x)
    mean = np.average(apart, weights=twice)
    assert float(found.difference("a", "b").value) == pytest.approx(mean, rel=1e-5)
    spread = np.sqrt((twice**2 * (apart - mean) ** 2).sum()) / twice.sum()
    assert float(found.difference("a", "b").stderr) == pytest.approx(spread, rel=0.02)


def test_what_is_wrong_is_said():
    for value, kind, message in (
        (np.full(5, np.nan), ValueError, "x must be finite; 5 of its 5"),
        (X[None], ValueError, r"One row of many numbers is one point"),
        (X.reshape(2, 3, 40), ValueError, r"shape \(2, 3, 40\)"),
        (["a", "b"], TypeError, "array of real numbers"),
        (None, TypeError, "x must be an array"),
    ):
        with pytest.raises(kind, match=message):
            samples.rank_models(value, [Normal])
    with pytest.raises(TypeError, match=r"models\['a'\] must be a distribution .* got float"):
        samples.rank_models(X, {"a": 1.0})
    with pytest.raises(TypeError, match="got the class int"):
        samples.rank_models(X, [int])
    with pytest.raises(ValueError, match="different names"):
        samples.rank_models(X, [Normal, Normal])
    with pytest.raises(ValueError, match="empty"):
        samples.rank_models(X, {})
    with pytest.raises(TypeError, match="dict from names"):
        samples.rank_models(X, 3)
    with pytest.raises(ValueError, match=r"log-scores \[n\] or log-likelihoods \[draws, n\] of the 240 points"):
        samples.rank_models(X, {"a": np.zeros(7)})
    with pytest.raises(ValueError, match="at least 25 draws"):
        samples.rank_models(X, {"a": np.zeros((7, 240))})
    with pytest.raises(ValueError, match="one log-density for each of the 240 points"):
        samples.rank_models(X, {"a": lambda x: x[:3]})
    with pytest.raises(ValueError, match=r"at x = .* it gives nan"):
        samples.rank_models(X, {"a": lambda x: x * np.nan})
    with pytest.raises(ValueError, match="Poisson give probabilities of whole numbers, Normal densities"):
        samples.rank_models(np.round(X), [Poisson, Normal])
    with pytest.raises(ValueError, match="folds must lie between 2"):
        samples.rank_models(X, [Normal], folds=1)
    with pytest.raises(ValueError, match="weights must have shape"):
        samples.rank_models(X, [Normal], weights=np.ones(3))
    with pytest.raises(TypeError, match="key must be a JAX random key"):
        samples.rank_models(X, [Normal], key=3)
    with pytest.raises(TypeError, match="x must be concrete"):
        jax.jit(lambda x: samples.rank_models(x, [Normal]).rows[0].best_in)(X)
    with pytest.raises(ValueError, match="takes no weights"):
        samples.rank_models(X, [stats.norm], weights=np.arange(1.0, 241.0))
    with pytest.raises(TypeError, match="poisson has no fit"):
        samples.rank_models(np.round(X), [stats.poisson])
    with pytest.raises(TypeError, match="key must be a JAX random key"):
        samples.model_kl(X, Normal, key=None)
    with pytest.raises(ValueError, match="at least 39"):
        samples.model_kl(X, Normal, key=KEY, resamples=3)
    with pytest.raises(ValueError, match="only 3 different values"):
        samples.model_kl(np.arange(60) % 3, Normal, key=KEY)
    with pytest.raises(TypeError, match=r"model must have sample\(key, shape\) or rvs"):
        samples.model_kl(X, stats.gamma(4).logpdf, key=KEY)
    with pytest.raises(TypeError, match="family must be a class"):
        samples.model_kl(X, stats.gamma(4), family=stats.gamma(4), key=KEY)


# --- distances ---------------------------------------------------------------------------------------------------


def test_log_densities_have_the_entropies_of_scipy_and_of_brute_force():
    for count in (7, 150, 1000):
        x = np.sort(RNG.normal(size=(2, count)), -1)
        found = _spacings.log_densities(x, False)
        for row, one in zip(found, x, strict=True):
            m = _spacings.window(count)
            expected = stats.differential_entropy(one, method="ebrahimi", window_length=m)
            assert -row.mean() == pytest.approx(expected, rel=1e-12)
        np.testing.assert_array_equal(_spacings.log_densities(x[..., None], False), found)
    points = RNG.normal(size=(1, 200, 2))
    apart = np.sort(np.linalg.norm(points[0, :, None] - points[0, None], axis=-1), -1)[:, 5]
    expected = special.digamma(5) - special.digamma(200) - np.log(np.pi) - 2 * np.log(apart)
    np.testing.assert_allclose(_spacings.log_densities(points, False)[0], expected, rtol=1e-10)


@pytest.mark.parametrize(
    ("record", "scipy"),
    [
        (Normal(3.0, 2.0), stats.norm(3, 2)),
        (Gamma(0.6, 1.0), stats.gamma(0.6)),
        (families.Beta(2.0, 1.5), stats.beta(2, 1.5)),
        (families.Cauchy(0.0, 1.0), stats.cauchy()),
        (families.Uniform(1.0, 2.0), stats.uniform(1, 1)),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, families.Distribution) else "",
)
@pytest.mark.parametrize("count", [40, 2000])
@pytest.mark.by_default(
    "40-Normal-",
    "40-Gamma-",
    "40-Cauchy-",
    "40-Uniform-",
    "2000-Normal-",
    "2000-Gamma-",
    "2000-Cauchy-",
    "2000-Uniform-",
)
def test_distribution_functions_are_those_of_scipy(record, scipy, count):
    """To what float32 leaves, and beyond 512 points to what is interpolated."""
    x = np.sort(scipy.rvs((2, count), random_state=np.random.default_rng(0)), -1)
    fits = Fits(jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), record), True)
    np.testing.assert_allclose(_distribution_function.levels(fits, x), scipy.cdf(x), atol=5e-4)
    frozen = _distribution_function.levels(Fits([scipy, scipy], False), x)
    np.testing.assert_array_equal(frozen, scipy.cdf(x))


def test_anderson_and_darlings_statistic_is_scipys():
    x = np.sort(RNG.normal(size=120))
    u = stats.norm(x.mean(), x.std(ddof=1)).cdf(x)
    odd = 2.0 * np.arange(1, 121) - 1.0
    brute = -120 - sum(o / 120 * (np.log(u[i]) + np.log(1 - u[119 - i])) for i, o in enumerate(odd))
    assert _spacings.anderson_darling(u[None])[0] == pytest.approx(brute, rel=1e-12)
    by_scipy = stats.goodness_of_fit(stats.norm, x, statistic="ad", n_mc_samples=1, rng=np.random.default_rng(0))
    assert _spacings.anderson_darling(u[None])[0] == pytest.approx(by_scipy.statistic, rel=1e-3)


def rejections(draw, family, size, repeats, resamples=99):
    found = [
        samples.model_kl(
            draw(np.random.default_rng([size, r]), size), family, key=jax.random.key(r), resamples=resamples
        )
        for r in range(repeats)
    ]
    return np.array([[one.p_value <= 0.05, one.anderson_darling <= 0.05] for one in found]).mean(0), found


@pytest.mark.parametrize("size", [50, pytest.param(200, marks=pytest.mark.full)])
@pytest.mark.full
def test_a_right_family_is_rejected_as_often_as_the_level_says(size):
    """5 % of 150, with three standard errors of that."""
    (by_kl, by_tails), found = rejections(lambda rng, n: rng.normal(3, 2, n), Normal, size, 150)
    for rate in (by_kl, by_tails):
        assert 0.0 < rate <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)
    value, stderr = (np.array([float(one[at]) for one in found]) for at in (0, 1))
    assert abs(value.mean()) <= 3 * value.std() / np.sqrt(150) + 0.005
    assert (np.abs(value) <= 2 * stderr).mean() >= 0.9
    # By 1,000 samples the error is 1.3 times the spread; 150 know a spread to 1/√300 of itself.
    assert stderr.mean() <= 1.5 * (1 + 3 / np.sqrt(300)) * value.std()


@pytest.mark.parametrize(
    ("draw", "least_by_kl", "least_by_tails"),
    [
        (lambda rng, n: rng.uniform(size=n), 0.8, 0.45),
        (lambda rng, n: rng.gamma(4, size=n), 0.35, 0.4),
        (lambda rng, n: rng.standard_t(5, n), 0.0, 0.2),
        (lambda rng, n: rng.normal(size=n) + 1.5 * rng.choice([-1, 1], n), 0.0, 0.0),
    ],
    ids=["uniform", "gamma", "t5", "two modes"],
)
@pytest.mark.by_default("t5", "two modes")
def test_a_wrong_family_is_rejected(draw, least_by_kl, least_by_tails):
    """n = 50, 60 repeats; docs/models.md has the rates of 200."""
    (by_kl, by_tails), _ = rejections(draw, Normal, 50, 60)
    assert by_kl >= least_by_kl
    assert by_tails >= least_by_tails


@pytest.mark.full
def test_the_distance_to_a_wrong_family_is_the_truth():
    """Gamma(4) to the nearest normal distribution, with its mean and variance; 30 samples of 300."""
    truth = integrate.quad(
        lambda t: stats.gamma(4).pdf(t) * (stats.gamma(4).logpdf(t) - stats.norm(4, 2).logpdf(t)), 0, 60
    )[0]
    found = [
        samples.model_kl(np.random.default_rng(r).gamma(4, size=300), Normal, key=jax.random.key(r), resamples=59)
        for r in range(30)
    ]
    value, stderr = (np.array([float(one[at]) for one in found]) for at in (0, 1))
    assert abs(value.mean() - truth) <= 3 * value.std() / np.sqrt(30) + 0.01
    assert np.mean([one.interval()[0] <= truth <= one.interval()[1] for one in found]) >= 0.8
    assert stderr.mean() <= 1.6 * value.std()
    assert "Not Normal: the data are" in found[0].verdict


@pytest.mark.full
def test_whole_numbers_points_and_rounded_data():
    rng = np.random.default_rng(8)
    right = samples.model_kl(rng.poisson(3, size=300), Poisson, key=KEY)
    assert right.p_value > 0.05
    assert np.isnan(right.anderson_darling)
    wrong = samples.model_kl(rng.negative_binomial(3, 0.5, size=300), Poisson, key=KEY)
    assert wrong.p_value <= 0.01
    assert "Poisson" in wrong.verdict
    plane = samples.model_kl(rng.normal(size=(300, 2)), MultivariateNormal, key=KEY, resamples=59)
    assert plane.p_value > 0.02
    assert samples.model_kl(rng.standard_t(2, size=(300, 2)), MultivariateNormal, key=KEY, resamples=59).p_value < 0.05
    rounded = samples.model_kl(np.round(X, 1), Gamma, key=KEY)
    assert rounded.p_value > 0.05
    assert "spread over steps of 0.1" in rounded.verdict
    assert np.isfinite(float(rounded.value))


@pytest.mark.full
def test_a_known_model_is_not_fitted_again_and_a_fit_of_one_is():
    known = samples.model_kl(X, Gamma(4.0, 1.0), key=KEY)
    frozen = samples.model_kl(X, stats.gamma(4.0), key=KEY)
    assert float(known.value) == pytest.approx(float(frozen.value), abs=0.02)
    assert not np.isnan(known.anderson_darling)
    far = samples.model_kl(X, Gamma(4.0, 2.0), key=KEY)
    assert float(far.value) > 0.4
    assert far.p_value == 1 / 200
    fit = _likelihood.fit_rows(Gamma, _models.floats(X), jnp.ones((1, len(X))))
    again = samples.model_kl(X, jax.tree.map(lambda leaf: leaf[0], fit), family=Gamma, key=KEY)
    whole = samples.model_kl(X, Gamma, key=KEY)
    assert float(again.value) == pytest.approx(float(whole.value), abs=1e-4)
    assert again.p_value == pytest.approx(whole.p_value, abs=0.02)
    outside = samples.model_kl(X - 3.0, Exponential(1.0), key=KEY)
    assert float(outside.value) == np.inf
    assert "no probability at all" in outside.verdict
    low, high = whole.interval()
    assert 0.0 <= low < high
    with pytest.raises(ValueError, match="level"):
        whole.interval(2.0)
