"""A language model is distilled in few steps, reports what NumPy computes, and goes on where it was stopped."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import pytest
from example_runs import Run, run
from scipy import special

distil, language, common = map(importlib.import_module, ("distil_language_model", "_language", "_common"))
FEW = (
    *("--steps", "6", "--teacher-steps", "8", "--batch-size", "8", "--length", "32", "--vocabulary", "512"),
    *("--teacher-width", "16", "--student-width", "8", "--chunk", "48", "--learning-rate", "0.02"),
)
STUDENTS = ("text", *distil.DIVERGENCES)


@contextlib.contextmanager
def compiled_quickly() -> Iterator[None]:
    """Most of the time would go to the compiler; the numbers of a step are not of interest, only that they agree."""
    usual = jax.config.read("jax_disable_most_optimizations")
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        yield
    finally:
        jax.config.update("jax_disable_most_optimizations", usual)


class Trained(NamedTuple):
    run: Run
    models: dict[str, Any]
    options: argparse.Namespace
    stopped: Path  # where the state is as it was when the first student had made four of its six steps


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One run, which compiles most of what is tested: with small networks, and measuring one divergence."""
    folder, seen = tmp_path_factory.mktemp("distil"), []
    evaluate, measure, save = distil.evaluate, distil.measure, distil.Checkpoint.save

    def few(models, test, options):
        seen.extend([models, options])
        return evaluate(models, test[:400], options)

    def some(self, done, state):
        if done in (4, self.steps):
            save(self, done, state)
        if done == 4 and self.folder.parent.name == "text":
            shutil.copytree(saved_in, folder / "stopped")

    saved_in = folder / "saved"
    with pytest.MonkeyPatch.context() as patch, compiled_quickly():
        patch.setattr(distil, "TEACHER_DEPTH", 1)
        patch.setattr(distil, "STUDENT_DEPTH", 0)
        patch.setattr(distil, "SAVE_EVERY", 0.0)
        patch.setattr(distil, "evaluate", few)
        patch.setattr(distil, "measure", lambda *given: measure(*given, ("kl",)))
        patch.setattr(distil.Checkpoint, "save", some)
        made = run(distil.main, "distil_language_model", folder / "out", *FEW, "--checkpoint", str(saved_in))
    return Trained(made, *seen, folder / "stopped")


@pytest.mark.full
def test_it_draws_and_reports_what_was_saved(trained):
    assert trained.run.figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert trained.run.figure.stat().st_size > 20_000
    saved, rows = trained.run.saved, {row["model"]: row for row in trained.run.rows}
    assert list(rows) == ["teacher", *STUDENTS]
    labels = saved["labels"]
    assert labels.shape == (399 // 32, 32)
    characters = sum(len(saved["pieces"][label]) for label in labels.ravel())
    for name, row in rows.items():
        log_prob = saved[f"log_prob_{name}"].astype(np.float64)
        assert log_prob.shape == labels.shape
        perplexity = np.exp(-log_prob.mean())
        assert float(row["perplexity"]) == pytest.approx(perplexity, rel=1e-12)
        assert float(row["bits/char"]) == pytest.approx(-log_prob.sum() / np.log(2) / characters, rel=1e-12)
        assert f"{perplexity:.2f}" in trained.run.printed
        assert len(saved[f"loss_{name}"]) == (8 if name == "teacher" else 6)
        if name != "teacher":
            for column, one in zip(("KL(t‖s)", "KL(s‖t)", "JS(t, s)"), distil.DIVERGENCES, strict=True):
                mean = saved[f"{one}_of_{name}"].astype(np.float64).mean()
                assert float(row[column]) == pytest.approx(mean, rel=1e-12)
    assert not rows["teacher"]["KL(t‖s)"]
    assert not rows["text"]["MB"]


def test_both_losses_are_the_same_and_whole_logits_take_more_memory(trained):
    ours, usual = trained.run.saved["first_loss_kl"]
    # The usual formula in float32: each log-probability of size 10 is good to some eps, of a divergence near 1.
    assert ours == pytest.approx(usual, rel=1e-4)
    row = next(row for row in trained.run.rows if row["model"] == "kl")
    assert float(row["MB"]) < float(row["usual MB"])
    assert min(float(row["tokens/s"]), float(row["usual tokens/s"])) > 0


def test_the_students_learn_what_they_are_trained_on(trained):
    for name in distil.DIVERGENCES:
        assert trained.run.saved[f"loss_{name}"][-1] < 0.9 * trained.run.saved[f"loss_{name}"][0]


@pytest.mark.full
def test_a_run_that_was_stopped_goes_on_to_the_same_end(trained, monkeypatch, capsys):
    monkeypatch.setattr(distil.Checkpoint, "save", lambda *_: None)
    options = argparse.Namespace(**{**vars(trained.options), "resume": True, "checkpoint": trained.stopped})
    corpus = language.load_corpus(options.vocabulary)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"), compiled_quickly():
        large, small = (
            distil.Model(*language.initial_weights(corpus, options.length, width, depth, distil.HEADS, options.seed))
            for width, depth in ((options.teacher_width, 1), (options.student_width, 0))
        )
        teacher, losses = distil.train("teacher", large, None, corpus, options)
        np.testing.assert_array_equal(losses, trained.run.saved["loss_teacher"])
        student, losses = distil.train("text", small, teacher, corpus, options)
    printed = capsys.readouterr().out
    assert "teacher: loaded, complete with 8 steps" in printed
    assert "text: resumed after 4 steps" in printed
    np.testing.assert_array_equal(losses, trained.run.saved["loss_text"])
    for name, found in (("teacher", teacher), ("text", student)):
        jax.tree.map(np.testing.assert_array_equal, found.weights, trained.models[name].weights)
    options.learning_rate = 1.0
    with pytest.raises(SystemExit, match="from a run with other settings"):
        distil.train("teacher", large, None, corpus, options)
    options.checkpoint = trained.stopped / "none"
    with pytest.raises(SystemExit, match="there is no checkpoint"):
        distil.train("teacher", large, None, corpus, options)


@pytest.mark.parametrize("name", STUDENTS)
def test_the_losses_are_the_textbooks(name):
    rng = np.random.default_rng(0)
    states, weights = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(2, 4, 9))
    labels = rng.integers(0, 9, (3, 5))
    log_p, log_q = special.log_softmax(states @ weights[:, None], axis=-1)
    p, q = np.exp(log_p), np.exp(log_q)
    m = (p + q) / 2
    expected = {
        "text": -np.take_along_axis(log_q, labels[..., None], -1)[..., 0],
        "kl": special.rel_entr(p, q).sum(-1),
        "reverse_kl": special.rel_entr(q, p).sum(-1),
        "jensen_shannon": (special.rel_entr(p, m) + special.rel_entr(q, m)).sum(-1) / 2,
    }[name]
    heads = [
        distil.hidden.Head(h.astype(np.float32), w.astype(np.float32), np.zeros(9, np.float32), vocabulary_axis=1)
        for h, w in zip(states, weights, strict=True)
    ]
    np.testing.assert_allclose(distil.hidden_loss(name, 4, None)(*heads, labels), expected, rtol=1e-5, atol=1e-6)
    if name != "text":
        with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
            np.testing.assert_allclose(distil.usual_loss(name)(*heads, labels), expected.mean(), rtol=1e-5)


def test_the_pieces_spell_the_text_and_nothing_held_out_is_trained_on():
    text, corpus = language.python_reference(), language.load_corpus(512)
    train, test = ("".join(corpus.pieces[at] for at in part) for part in (corpus.train, corpus.test))
    assert train + test == text
    assert len(text) == corpus.length
    assert 0.04 < len(test) / len(text) < 0.06
    assert not set(train.split("\n\n")) & set(test.removeprefix("\n\n").split("\n\n"))
    assert len(set(corpus.pieces)) == 512


def test_a_token_is_foretold_from_those_before_it():
    corpus = language.load_corpus(160)
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        graph, weights = language.initial_weights(corpus, 12, 8, 1, 4, 0)
        model = language.nnx.merge(graph, weights)
        tokens = np.tile(corpus.train[:12], (2, 1))
        tokens[1, 7] += 1
        first, second = np.asarray(jax.jit(lambda tokens: model(tokens).states)(tokens))
    np.testing.assert_array_equal(first[:7], second[:7])
    assert (np.abs(first[7:] - second[7:]).max(-1) > 1e-4).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--resume", "argument --resume: say with --checkpoint where the state is"),
        ("--student-width 10", "argument --student-width: expected a multiple of 4; got 10"),
        ("--teacher-width 130", "argument --teacher-width: expected a multiple of 4; got 130"),
        ("--vocabulary 20", "pieces; got 20"),
        ("--vocabulary 200000", "pieces; got 200000"),
        ("--length 100000", "argument --length: expected less than the"),
        ("--chunk 0", "argument --chunk: expected a whole number of at least 1; got '0'"),
    ],
)
def test_a_bad_option_is_named(arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        distil.main(arguments.split())
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
