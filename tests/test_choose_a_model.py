"""The example that fits families to measurements: its data, its family of its own, and what it writes."""

from __future__ import annotations

import importlib

import jax.numpy as jnp
import numpy as np
import pytest
from example_runs import run
from scipy import stats

models, choose_a_model = map(importlib.import_module, ("_models", "choose_a_model"))

MODELS = ("log_normal", "gamma", "normal")


@pytest.fixture(scope="module")
def chosen(tmp_path_factory):
    few = ("--families", *MODELS, "--bootstrap", "39", "--folds", "5")
    return run(choose_a_model.main, "choose_a_model", tmp_path_factory.mktemp("chosen"), *few)


@pytest.mark.slow
@pytest.mark.full
def test_the_example_draws_a_figure_and_says_what_it_found(chosen):
    assert chosen.figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert chosen.figure.stat().st_size > 20_000
    assert "log_normal works best, by" in chosen.printed
    assert "normal: Not Normal" in chosen.printed
    assert "odds of 100 to 1 against gamma would take about" in chosen.printed


@pytest.mark.slow
def test_the_table_is_that_of_the_held_out_scores(chosen):
    scores = {name: chosen.saved[f"scores_{name}"] for name in MODELS}
    assert [row["family"] for row in chosen.rows] == sorted(MODELS, key=lambda name: -scores[name].mean())
    x, best = chosen.saved["x"], scores[chosen.rows[0]["family"]]
    for row in chosen.rows:
        apart = best - scores[row["family"]]
        assert float(row["behind_nats"]) == pytest.approx(apart.mean(), abs=1e-6)
        assert float(row["behind_stderr"]) == pytest.approx(apart.std(ddof=1) / np.sqrt(len(x)), abs=1e-6)
        assert float(row["behind_bits"]) == pytest.approx(float(row["behind_nats"]) / np.log(2), abs=1e-6)
        assert int(row["dim"]) == 2
        assert float(row["p_value"]) >= 1 / 40
    # On data not fitted to a fit is a little worse than the fit to all, here by a thousandth of a nat.
    logs = np.log(x)
    whole = stats.lognorm.logpdf(x, logs.std(), scale=np.exp(logs.mean())).mean()
    assert whole - 0.02 < float(chosen.rows[0]["log_score_nats"]) < whole


@pytest.mark.slow
def test_the_distances_between_the_fits_are_theirs(chosen):
    x = chosen.saved["x"]
    logs = np.log(x)
    best = stats.lognorm(logs.std(), scale=np.exp(logs.mean()))
    shape, _, scale = stats.gamma.fit(x, floc=0)
    draws = best.rvs(200_000, random_state=np.random.default_rng(0))
    apart = (best.logpdf(draws) - stats.gamma.logpdf(draws, shape, scale=scale)).mean()
    found = {row["family"]: float(row["from_best_nats"]) for row in chosen.rows}
    assert found["gamma"] == pytest.approx(apart, rel=0.15)  # 20,000 draws, of a log-ratio with a heavy tail
    assert found["log_normal"] == 0.0


def test_two_normals_are_found_and_weighted():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(-3.0, 1.0, 300), rng.normal(4.0, 0.5, 100)])
    found = models.TwoNormals().fit(x)
    order = np.argsort(np.asarray(found.components.loc))
    np.testing.assert_allclose(np.asarray(found.components.loc)[order], [x[:300].mean(), x[300:].mean()], atol=0.02)
    np.testing.assert_allclose(np.asarray(found.probs)[order], [0.75, 0.25], atol=0.01)
    weights = np.where(np.arange(400) < 300, 0.0, 1.0)
    only = models.TwoNormals().fit(x, weights=weights)
    assert float(only.log_prob(jnp.float32(4.0))) == pytest.approx(stats.norm.logpdf(4.0, 4.0, 0.5), abs=0.2)


def test_a_file_of_measurements_is_read_and_refused(tmp_path, capsys):
    path = tmp_path / "measured.csv"
    values = np.random.default_rng(0).normal(size=50)
    path.write_text("weight,height\n" + "\n".join(f"{x},nan" for x in values), encoding="utf-8")
    found = models.load_column(str(path), "weight")
    assert found.name == "measured: weight"
    np.testing.assert_array_equal(found.values, values)
    with pytest.raises(ValueError, match=r"column 'height' .* has 50 missing or infinite entries"):
        models.load_column(str(path), "height")
    few = ["--dataset", str(path), "--column", "weight", "--families", "gamma", "normal"]
    with pytest.raises(SystemExit):
        choose_a_model.main(few)
    assert "argument --families: gamma is for positive numbers; the least here is -" in capsys.readouterr().err
    path.write_text("weight\n" + "1.0\n2.0\n" * 50, encoding="utf-8")
    with pytest.raises(ValueError, match=r"has 2 different values; a density needs 40"):
        models.load_column(str(path), "weight")
    path.write_text("weight\n" + "heavy\n" * 50, encoding="utf-8")
    with pytest.raises(ValueError, match=r"has entries that are no numbers"):
        models.load_column(str(path), "weight")
