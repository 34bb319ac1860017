"""The critic's bound lies below the exact divergence and near it, and its ratio is near the true one."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from example_runs import run
from scipy import integrate, special, stats

from kljax import generators

fgan = importlib.import_module("fgan")
NAMES = ("kl", "squared_hellinger")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    few = ("--steps", "400", "--batch-size", "256", "--pair", "shifted")
    chosen = [part for name in NAMES for part in ("--divergence", name)]
    return run(fgan.main, "fgan", tmp_path_factory.mktemp("fgan"), *few, *chosen)


@pytest.mark.full
def test_the_exact_values_are_the_textbooks_and_the_bounds_lie_below(trained):
    """Two normal distributions, one standard deviation apart."""
    exact = {"kl": 0.5, "squared_hellinger": 1 - np.exp(-1 / 8)}
    for row in trained.rows:
        found = {key: float(value) for key, value in row.items() if key != "divergence"}
        np.testing.assert_allclose(found["exact"], exact[row["divergence"]], rtol=1e-5)
        assert found["bound"] <= found["exact"] + 4 * found["stderr"]
        assert found["bound"] >= 0.9 * found["exact"] - 4 * found["stderr"]
        np.testing.assert_allclose(found["missing"], found["exact"] - found["bound"], rtol=1e-6)


def test_the_learned_ratio_is_a_straight_line(trained):
    grid, truth = trained.saved["grid"], trained.saved["truth"]
    np.testing.assert_allclose(truth, grid, atol=1e-5)
    middle = np.abs(grid) < 2
    for name in NAMES:
        curve = trained.saved[f"{name}, curve"]
        assert abs(curve[0]) < 1e-6  # the critic begins at zero, where the bound is zero
        off = trained.saved[f"{name}, log-ratio"] - truth
        assert np.sqrt(np.mean(off[middle] ** 2)) < 0.25


def test_the_figure_and_the_times(trained):
    assert trained.figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert trained.figure.stat().st_size > 20_000
    assert trained.printed.count("s compiling,") == len(NAMES)


@pytest.mark.parametrize("name", ["bimodal", "tails", "shifted"])
def test_the_pairs_are_distributions_with_a_finite_divergence(name):
    pair = fgan.pairs()[name]
    densities = {
        "bimodal": lambda x: 0.4 * stats.norm.pdf(x, -1.5, 0.5) + 0.6 * stats.norm.pdf(x, 1.5, 0.8),
        "tails": lambda x: stats.laplace.pdf(x, 0, 0.7),
        "shifted": lambda x: stats.norm.pdf(x, 0.5, 1.0),
    }
    x = np.linspace(-3, 3, 7, dtype=np.float32)
    np.testing.assert_allclose(np.exp(pair.p.log_prob(x)), densities[name](x.astype(float)), rtol=1e-5)
    scales = {"bimodal": (0, 2.0), "tails": (0, 1.0), "shifted": (-0.5, 1.0)}[name]

    def term(x):
        p, q = densities[name](x), stats.norm.pdf(x, *scales)
        return special.rel_entr(p, q)

    exact = integrate.quad(term, -25, 25, points=[-1.5, 0.0, 1.5], limit=400)[0]
    np.testing.assert_allclose(fgan.exact_value(pair, generators.kl), exact, rtol=1e-5)
    assert 0.05 < exact < 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--pair nothing", "argument --pair: invalid choice: 'nothing'"),
        ("--divergence nonsense", "argument --divergence: expected one of"),
        ("--pair tails --divergence pearson", "argument --divergence: pearson is infinite, or too large"),
    ],
)
def test_a_bad_option_is_named(arguments, message, capsys, tmp_path):
    with pytest.raises(SystemExit) as stopped:
        fgan.main([*arguments.split(), "--out", str(tmp_path)])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
