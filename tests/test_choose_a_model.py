"""The example that fits families to measurements says of them what SciPy says of the same fits."""

from __future__ import annotations

import csv
import importlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from example_runs import run
from scipy import integrate, optimize, special, stats
from scipy.spatial import distance

models, choose_a_model = map(importlib.import_module, ("_models", "choose_a_model"))

EPS64 = 2.0**-52
MODELS = ("log_normal", "gamma", "normal")


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    few = ("--families", *MODELS, "--bootstrap", "40", "--folds", "5")
    return run(choose_a_model.main, "choose_a_model", tmp_path_factory.mktemp("chosen"), *few)


@pytest.mark.slow
def test_the_example_draws_and_says_where_its_time_went(chosen):
    assert chosen.figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert chosen.figure.stat().st_size > 20_000
    assert "s compiling," in chosen.printed
    assert "log_normal is the best" in chosen.printed


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return special.rel_entr(p, q).sum()


def scipy_fits(x: np.ndarray, weights: np.ndarray) -> dict[str, stats.rv_continuous]:
    """Maximum likelihood by the textbook: moments, and for the gamma distribution one equation for its shape."""
    mean, log_mean = weights @ x, weights @ np.log(x)
    std, log_std = np.sqrt(weights @ (x - mean) ** 2), np.sqrt(weights @ (np.log(x) - log_mean) ** 2)
    gap = np.log(mean) - log_mean
    shape = optimize.brentq(lambda a: np.log(a) - special.digamma(a) - gap, 1e-3, 1e3, xtol=1e-14)
    log_normal = stats.lognorm(log_std, scale=np.exp(log_mean))
    return {
        "log_normal": log_normal,
        "gamma": stats.gamma(shape, scale=mean / shape),
        "normal": stats.norm(mean, std),
    }


@pytest.fixture(scope="module")
def by_scipy(chosen):
    """The fits to every row of weights, as SciPy has them."""
    return [scipy_fits(chosen.saved["x"], row) for row in chosen.saved["weights"]]


@pytest.mark.slow
def test_the_weights_are_the_data_its_folds_and_resamples(chosen):
    rows, fold, count = chosen.saved["weights"], chosen.saved["fold"], len(chosen.saved["x"])
    assert rows.shape == (1 + 5 + 40, 569)
    np.testing.assert_allclose(rows.sum(1), 1.0, rtol=64 * EPS64)
    np.testing.assert_array_equal(rows[0], 1 / count)
    for index, row in enumerate(rows[1:6]):
        np.testing.assert_array_equal(row == 0, fold == index)
        assert np.unique(row).size == 2
    drawn = rows[6:] * count
    np.testing.assert_allclose(drawn, drawn.round(), atol=64 * EPS64)
    assert 0.3 < (drawn == 0).mean() < 0.44  # 1/e are left out


@pytest.mark.slow
@pytest.mark.parametrize("at", range(3))
def test_every_fit_is_of_maximum_likelihood(at, chosen, by_scipy):
    """The descent ends within about 1e-6 of the best parameters; the mean loss is flat there and shows the square."""
    x = chosen.saved["x"]
    for row, losses, fits in zip(chosen.saved["weights"], chosen.saved["losses"], by_scipy, strict=True):
        expected = -fits[MODELS[at]].logpdf(x)
        assert abs(row @ (losses[at] - expected)) <= 1e-12
        np.testing.assert_allclose(losses[at], expected, atol=1e-5)


@pytest.mark.slow
def test_the_ranking_by_held_out_data(chosen, by_scipy):
    x, fold = chosen.saved["x"], chosen.saved["fold"]
    losses = {
        name: np.array([-by_scipy[1 + where][name].logpdf(one) for one, where in zip(x, fold, strict=True)])
        for name in MODELS
    }
    assert [row["family"] for row in chosen.rows] == sorted(MODELS, key=lambda name: losses[name].mean())
    best = losses[chosen.rows[0]["family"]]
    for row in chosen.rows:
        mine = losses[row["family"]]
        # In the unit of the measurements, not of their standard deviation.
        assert float(row["cross_entropy_nats"]) == pytest.approx(mine.mean() + np.log(chosen.saved["unit"]), abs=1e-5)
        assert float(row["behind_nats"]) == pytest.approx((mine - best).mean(), abs=1e-5)
        assert float(row["behind_stderr"]) == pytest.approx((mine - best).std(ddof=1) / np.sqrt(len(x)), abs=1e-5)
        assert float(row["behind_bits"]) == pytest.approx(float(row["behind_nats"]) / np.log(2), rel=4 * EPS64)
    assert sum(float(row["best_in"]) for row in chosen.rows) == pytest.approx(1.0)
    assert float(chosen.rows[0]["best_in"]) == max(float(row["best_in"]) for row in chosen.rows)


@pytest.mark.slow
def test_the_divergences_from_the_data_in_cells(chosen, by_scipy):
    x, rows, edges = (chosen.saved[name] for name in ("x", "weights", "edges"))
    assert len(edges) == 19
    ends = np.concatenate([[-np.inf], edges, [np.inf]])
    seen = np.stack([np.histogram(x, np.concatenate([[-1e9], edges, [1e9]]), weights=row)[0] for row in rows])
    assert seen[0].min() * len(x) >= 20
    assert seen[0].max() * len(x) <= 37  # of 569 in 20 cells, some are equal
    for row in chosen.rows:
        at = MODELS.index(row["family"])
        masses = np.stack([np.diff(fits[row["family"]].cdf(ends)) for fits in by_scipy])
        np.testing.assert_allclose(chosen.saved["masses"][:, at], masses, atol=1e-3)
        np.testing.assert_allclose(chosen.saved["masses"][:, at].sum(1), 1.0, rtol=1e-9)
        for label, verb in (("kl", kl), ("jensen_shannon", lambda p, q: distance.jensenshannon(p, q) ** 2)):
            values = np.array([verb(p, q) for p, q in zip(seen, masses, strict=True)])
            # The bootstrap's mean less the value itself is its bias.
            expected = 2 * values[0] - values[6:].mean()
            assert float(row[f"{label}_nats"]) == pytest.approx(expected, abs=2e-5)
            assert float(row[f"{label}_stderr"]) == pytest.approx(values[6:].std(ddof=1), abs=2e-5)


@pytest.mark.slow
def test_the_divergences_between_the_fits(chosen, by_scipy):
    with chosen.figure.with_name("choose_a_model_pairs.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 9
    for row in rows:
        p, q = by_scipy[0][row["p"]], by_scipy[0][row["q"]]

        def to(other, p=p):
            return integrate.quad(lambda t: p.pdf(t) * (p.logpdf(t) - other(t)), 0, 40, limit=400, epsabs=1e-12)[0]

        expected = np.inf if row["p"] == "normal" != row["q"] else to(q.logpdf) if row["q"] != row["p"] else 0.0
        # The fits end close to SciPy's, and between the fits the divergence is not at its least.
        assert float(row["kl_nats"]) == pytest.approx(expected, abs=1e-4)
        assert float(row["kl_stderr"]) >= 0.0
        if row["p"] != "normal" != row["q"] != row["p"]:
            middle = [to(lambda t, q=q, p=p: np.log((p.pdf(t) + q.pdf(t)) / 2), p=one) for one in (p, q)]
            assert float(row["jensen_shannon_nats"]) == pytest.approx(np.mean(middle), abs=1e-5)
            assert 0 < float(row["jensen_shannon_stderr"]) < float(row["jensen_shannon_nats"])


def test_the_cells_integrate_densities_of_either_kind():
    x = np.random.default_rng(0).gamma(0.5, size=400)
    cells = models.cut(x, 16)
    ends = np.concatenate([[-np.inf], cells.edges, [np.inf]])
    assert np.abs(np.bincount(cells.of) - 25).max() <= 1
    # A density that is infinite at zero, a heavy tail and one on all numbers; t ends at ±3.4, where 1e-20 is left.
    for side, one in ((1, stats.gamma(0.4)), (1, stats.invgamma(2.5)), (0, stats.norm(1, 0.7)), (0, stats.t(3))):
        found = (one.pdf(cells.nodes[side]) * cells.weights[side]).sum(-1)
        np.testing.assert_allclose(found, np.diff(one.cdf(ends)), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", models.FAMILIES)
def test_a_family_starts_where_it_describes_the_data(name):
    """To half a nat of the best normal distribution, ½ log(2πe)."""
    x = np.random.default_rng(1).gamma(4.0, size=500)
    x /= x.std()
    with jax.enable_x64(True):
        record = models.FAMILIES[name].build(jnp.array(models.FAMILIES[name].start(models.moments(x))))
        loss = -np.asarray(record.log_prob(x))
    assert loss.mean() < np.log(2 * np.pi * np.e) / 2 + 0.5


def test_a_file_of_measurements_is_read_and_refused(tmp_path, capsys):
    path = tmp_path / "measured.csv"
    values = np.random.default_rng(0).normal(size=50)
    path.write_text("weight,height\n" + "\n".join(f"{x},nan" for x in values), encoding="utf-8")
    found = models.load_column(str(path), "weight")
    assert found.name == "measured: weight"
    np.testing.assert_array_equal(found.values, values)
    with pytest.raises(ValueError, match=r"column 'height' .* has 50 missing or infinite entries"):
        models.load_column(str(path), "height")
    few = ["--dataset", str(path), "--column", "weight", "--families", "gamma", "normal", "--cells", "5"]
    with pytest.raises(SystemExit):
        choose_a_model.main(few)
    assert "argument --families: gamma is for positive numbers; the least here is -" in capsys.readouterr().err
    path.write_text("weight\n" + "1.0\n2.0\n" * 50, encoding="utf-8")
    with pytest.raises(ValueError, match=r"has 2 different values; a density needs 40"):
        models.load_column(str(path), "weight")
    path.write_text("weight\n" + "heavy\n" * 50, encoding="utf-8")
    with pytest.raises(ValueError, match=r"has entries that are no numbers"):
        models.load_column(str(path), "weight")
