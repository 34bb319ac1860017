"""The example that fits a posterior knows it exactly, and reports what follows from what it saved."""

from __future__ import annotations

import importlib

import jax
import numpy as np
import pytest
from example_runs import run
from scipy import integrate

fit_posterior = importlib.import_module("fit_posterior")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    few = ("--fits", "reverse", "alpha", "--steps", "200", "--draws", "5000")
    return run(fit_posterior.main, "fit_posterior", tmp_path_factory.mktemp("posterior"), *few)


@pytest.mark.slow
def test_it_draws_and_says_what_to_think_of_each_fit(fitted):
    assert fitted.figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert fitted.figure.stat().st_size > 20_000
    assert "KL(q‖p), nats" in fitted.printed
    assert [row["fit"] for row in fitted.rows] == ["reverse", "alpha"]


def test_the_normalising_constant_is_that_of_scipy(fitted):
    """∫∫ p(μ) p(τ) Π N(y; μ, σ² + τ²) dμ dτ by adaptive quadrature; bridge sampling says -32.002 ± 0.002."""
    y, errors = fit_posterior.EFFECTS, fit_posterior.ERRORS

    def density(mean, spread):
        scales = np.sqrt(errors**2 + spread**2)
        prior = np.exp(-0.5 * (mean / 5) ** 2) / (5 * np.sqrt(2 * np.pi)) / (5 * np.pi * (1 + (spread / 5) ** 2))
        return prior * np.exp(-0.5 * (((y - mean) / scales) ** 2).sum()) / (np.sqrt(2 * np.pi) * scales).prod()

    total, _ = integrate.dblquad(density, 0, 2000, -30, 30, epsabs=1e-18, epsrel=1e-5)
    np.testing.assert_allclose(fitted.saved["log_z"], np.log(total), atol=1e-4)


def test_the_exact_draws_are_those_of_the_density(fitted):
    """Stein's identity E[∇log p] = 0 and E[x ∇log p] = -1, within four standard errors."""
    draws = fitted.saved["exact_draws"].astype(np.float32)
    slopes = np.asarray(jax.vmap(jax.grad(fit_posterior.log_density))(draws), np.float64)
    for terms, exact in ((slopes, 0.0), ((draws - draws.mean(0)) * slopes, -1.0)):
        error = terms.std(0) / np.sqrt(len(terms))
        assert (np.abs(terms.mean(0) - exact) < 4 * error).all()


def test_the_table_is_what_was_saved(fitted):
    for row in fitted.rows:
        log_w = fitted.saved[f"{row['fit']}_log_weights"].astype(np.float64)
        np.testing.assert_allclose(float(row["kl"]), fitted.saved["log_z"] - log_w.mean(), rtol=1e-5)
        points = fitted.saved[f"{row['fit']}_draws"]
        error = np.abs(points.mean(0) - fitted.saved["mean"]) / fitted.saved["std"]
        np.testing.assert_allclose(float(row["error"]), error.max(), rtol=1e-5)
    reverse = float(fitted.rows[0]["kl"])
    assert 0.18 < reverse < 0.27  # the best full-rank Gaussian known is at 0.23


@pytest.mark.parametrize(
    ("arguments", "message"), [("--draws 10", "expected at least 1000"), ("--fits backward", "invalid choice")]
)
def test_a_bad_option_is_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        fit_posterior.main(arguments.split())
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
