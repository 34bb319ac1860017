"""The examples run with few steps, and what they report is what NumPy and SciPy compute from what they saved."""

from __future__ import annotations

import importlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from example_runs import EXAMPLES, run
from scipy import optimize, special, stats
from scipy.spatial import distance
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

common, choose_a_model, fit_q_to_p, soft_labels = map(
    importlib.import_module, ("_common", "choose_a_model", "fit_q_to_p", "soft_labels")
)

EPS32, EPS64 = 2.0**-23, 2.0**-52
FITS = ("kl", "reverse_kl", "jensen_shannon")


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    return run(fit_q_to_p.main, "fit_q_to_p", tmp_path_factory.mktemp("new") / "fit", "--steps", "150")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    few = ("--steps", "60", "--students", "2", "--labelled", "60")
    return run(soft_labels.main, "soft_labels", tmp_path_factory.mktemp("soft"), *few)


@pytest.mark.slow
@pytest.mark.parametrize("example", ["fitted", "trained"])
@pytest.mark.full
def test_an_example_draws_and_says_where_its_time_went(example, request):
    made = request.getfixturevalue(example)
    assert made.figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert made.figure.stat().st_size > 20_000
    assert "device: CPU" in made.printed or "device: GPU" in made.printed
    assert "s compiling," in made.printed
    assert "s running" in made.printed


# --- interrupted ----------------------------------------------------------------------------------------------

_script = importlib.import_module("_script")


def test_an_interrupted_example_ends_with_one_line_that_says_how_to_go_on(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["examples/fit_q_to_p.py", "--steps", "900"])

    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as stopped:
        _script.script(interrupted)
    assert stopped.value.code == 130
    said = capsys.readouterr().err.strip().splitlines()
    assert said == ["Interrupted; nothing is kept. To begin again: python examples/fit_q_to_p.py --steps 900"]
    assert _script.script(lambda: 3) == 3


def test_a_checkpoint_is_gone_on_from_where_there_is_one(tmp_path):
    command = ["examples/vae_digits.py", "--checkpoint", str(tmp_path)]
    assert _script.how_to_go_on(command).startswith("Interrupted; nothing is kept. To begin again:")
    assert _script.how_to_go_on(command[:1]).endswith("examples/vae_digits.py --checkpoint out/checkpoint")
    (tmp_path / "settings.txt").touch()
    said = f"Interrupted. To go on from the checkpoint: python examples/vae_digits.py --checkpoint {tmp_path} --resume"
    assert _script.how_to_go_on(command) == said
    assert _script.how_to_go_on([*command, "--resume"]) == said
    assert _script.how_to_go_on([command[0], f"--checkpoint={tmp_path}"]).endswith("--resume")


def test_every_example_runs_by_it():
    scripts = [path for path in EXAMPLES.glob("*.py") if not path.name.startswith("_")]
    assert len(scripts) >= 10
    for path in scripts:
        assert "script(main)" in path.read_text(encoding="utf-8").split('if __name__ == "__main__":')[1], path.name
    checkpoints = {path.stem for path in scripts if "--checkpoint" in path.read_text(encoding="utf-8")}
    assert checkpoints == set(_script.WITH_CHECKPOINT)


# --- fit_q_to_p -----------------------------------------------------------------------------------------------


def normalised(log_probabilities: np.ndarray) -> np.ndarray:
    return special.softmax(log_probabilities.astype(np.float64))


def chernoff(p: np.ndarray, q: np.ndarray) -> float:
    affinity = optimize.minimize_scalar(
        lambda w: special.logsumexp(w * np.log(p) + (1 - w) * np.log(q)), bounds=(0, 1), options={"xatol": 1e-9}
    )
    return -affinity.fun


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return special.rel_entr(p, q).sum()


TEXTBOOK = {
    "KL(p‖q)": kl,
    "KL(q‖p)": lambda p, q: kl(q, p),
    "Jeffreys": lambda p, q: kl(p, q) + kl(q, p),
    "Jensen–Shannon": lambda p, q: distance.jensenshannon(p, q) ** 2,
    "skew KL(p‖0.1p+0.9q)": lambda p, q: kl(p, 0.1 * p + 0.9 * q),
    "Rényi, order 2": lambda p, q: special.logsumexp(2 * np.log(p) - np.log(q)),
    "Bhattacharyya": lambda p, q: -np.log(np.sqrt(p * q).sum()),
    "Chernoff information": chernoff,
    "squared Hellinger": lambda p, q: ((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2,
    "total variation": lambda p, q: distance.cityblock(p, q) / 2,
    "Le Cam": lambda p, q: ((p - q) ** 2 / (p + q)).sum() / 2,
    "χ²(p‖q)": lambda p, q: ((p - q) ** 2 / q).sum(),
    "χ²(q‖p)": lambda p, q: ((p - q) ** 2 / p).sum(),
}
INFORMATION = list(TEXTBOOK)[:8]


@pytest.mark.slow
@pytest.mark.parametrize("label", TEXTBOOK)
def test_the_table_of_the_fits(label, fitted):
    rows = [row for row in fitted.rows if row["divergence"] == label]
    assert [row["fit"] for row in rows] == list(FITS)
    p = normalised(fitted.saved["log_p"])
    for row in rows:
        expected = TEXTBOOK[label](p, normalised(fitted.saved[f"log_q_{row['fit']}"]))
        # Both sides take exponentials of logits up to about 150, so each cell is good to some hundred eps.
        assert float(row["nats"]) == pytest.approx(expected, rel=1024 * EPS64)
        if label in INFORMATION:
            assert float(row["bits"]) == pytest.approx(expected / np.log(2), rel=1024 * EPS64)
        else:
            assert not row["bits"]


@pytest.mark.slow
def test_the_table_has_every_divergence_once_and_is_printed(fitted):
    assert len(fitted.rows) == len(TEXTBOOK) * len(FITS)
    for row in fitted.rows:
        assert f"{float(row['nats']):.4g}" in fitted.printed


@pytest.mark.slow
def test_the_target_is_the_kernel_density_of_the_digits(fitted):
    pixels, labels = load_digits(return_X_y=True)
    model = PCA(2, svd_solver="full")
    scores = model.fit_transform(pixels[np.isin(labels, [0, 6, 7])]) * np.sign(model.components_.sum(1))
    along = stats.norm.pdf(fitted.saved["axis"][:, None, None], scores / scores.std(), 0.18)  # [cells, images, 2]
    kernels = np.einsum("xn,yn->nxy", along[..., 0], along[..., 1])
    expected = (kernels / kernels.sum((1, 2), keepdims=True)).mean(0)
    # A kernel's exponents in float32 reach some hundreds, but only those below about 30 matter to a sum.
    np.testing.assert_allclose(np.exp(fitted.saved["log_p"]), expected.ravel(), rtol=512 * EPS32, atol=EPS32**2)


@pytest.mark.slow
@pytest.mark.parametrize("name", FITS)
def test_the_exact_curve_is_the_divergence_at_the_parameters_of_each_step(name, fitted):
    p, axis = normalised(fitted.saved["log_p"]), fitted.saved["axis"].astype(np.float64)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)
    divergence = {
        "kl": TEXTBOOK["KL(p‖q)"],
        "reverse_kl": TEXTBOOK["KL(q‖p)"],
        "jensen_shannon": TEXTBOOK["Jensen–Shannon"],
    }[name]
    assert len(fitted.saved[f"exact_{name}"]) == len(fitted.saved[f"loss_{name}"]) == 150
    for step in (0, 1, 40, 149):
        x, y, log_a, log_b, corner = fitted.saved[f"parameters_{name}"][step].astype(np.float64)
        root = np.array([[np.exp(log_a), corner], [0.0, np.exp(log_b)]])
        q = normalised(stats.multivariate_normal([x, y], np.linalg.inv(root.T @ root)).logpdf(grid)).ravel()
        # Where it counts, q's logits are of some tens and good to an eps of that; most of it averages out.
        assert fitted.saved[f"exact_{name}"][step] == pytest.approx(divergence(p, q), rel=16 * EPS32)


@pytest.mark.slow
def test_each_fit_is_the_best_by_its_own_divergence(fitted):
    for name, label in zip(FITS, ("KL(p‖q)", "KL(q‖p)", "Jensen–Shannon"), strict=True):
        values = {row["fit"]: float(row["nats"]) for row in fitted.rows if row["divergence"] == label}
        assert min(values, key=values.__getitem__) == name
        assert fitted.saved[f"exact_{name}"][-1] < fitted.saved[f"exact_{name}"][0]


@pytest.mark.slow
def test_forward_kl_covers_the_modes_and_reverse_kl_seeks_one(fitted):
    """The digits' places in the plane; q is near one if at least 2 % of it lies within half a unit."""
    axis = fitted.saved["axis"]
    x, y = np.meshgrid(axis, axis, indexing="ij")
    target = fit_q_to_p.load_target([0, 6, 7])
    places = [target.scores[target.labels == digit].mean(0) for digit in (0, 6, 7)]
    reached = {}
    for name in FITS:
        q = np.exp(fitted.saved[f"log_q_{name}"]).reshape(x.shape)
        reached[name] = sum(q[np.hypot(x - a, y - b) < 0.5].sum() > 0.02 for a, b in places)
    assert reached == {"kl": 3, "reverse_kl": 1, "jensen_shannon": 2}


@pytest.mark.slow
@pytest.mark.parametrize("name", FITS)
def test_the_loss_of_a_minibatch_lies_above_the_exact_divergence_on_average(name, fitted):
    """By Jensen's inequality: an f-divergence is convex in p."""
    excess = fitted.saved[f"loss_{name}"] - fitted.saved[f"exact_{name}"]
    assert excess.std() > 0
    assert excess.mean() > 0


# --- soft_labels ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_table_of_the_students(trained):
    labels, teacher = trained.saved["test_labels"], special.log_softmax(trained.saved["teacher"].astype(np.float64), -1)
    assert [(row["labels"], row["dtype"]) for row in trained.rows] == [
        ("teacher", "float32"),
        *((name, dtype) for dtype in ("float32", "bfloat16") for name in ("hard", "smoothed", "distilled")),
    ]
    networks = [trained.saved["teacher"][None], *trained.saved["float32"], *trained.saved["bfloat16"]]
    for row, predicted in zip(trained.rows, networks, strict=True):
        log_q = special.log_softmax(predicted.astype(np.float64), axis=-1)
        right = np.exp(log_q).argmax(-1) == labels
        assert float(row["accuracy"]) == pytest.approx(right.mean(), rel=4 * EPS64)
        assert float(row["std"]) == pytest.approx(right.mean(1).std(), abs=4 * EPS64)
        # Each image's loss is good to 16 eps, and a sum of some thousand adds a few.
        cross_entropy = -log_q[:, np.arange(len(labels)), labels].mean()
        assert float(row["cross-entropy"]) == pytest.approx(cross_entropy, rel=32 * EPS32)
        to_teacher = special.rel_entr(np.exp(teacher), np.exp(log_q)).sum(-1).mean()
        assert float(row["KL(teacher‖·) nats"]) == pytest.approx(to_teacher, rel=32 * EPS32, abs=1e-300)
        assert float(row["bits"]) == pytest.approx(to_teacher / np.log(2), rel=32 * EPS32, abs=1e-300)


@pytest.mark.slow
def test_bfloat16_is_what_the_students_computed_in_and_changes_little(trained):
    logits = jnp.asarray(trained.saved["bfloat16"])
    assert jnp.array_equal(logits, logits.astype(jnp.bfloat16).astype(jnp.float32))
    assert not jnp.array_equal(logits, jnp.asarray(trained.saved["float32"]))
    rows = {(row["labels"], row["dtype"]): row for row in trained.rows}
    for name in ("hard", "smoothed", "distilled"):
        float32, bfloat16 = rows[name, "float32"], rows[name, "bfloat16"]
        assert float(bfloat16["accuracy"]) == pytest.approx(float(float32["accuracy"]), abs=0.03)
        assert float(bfloat16["cross-entropy"]) == pytest.approx(float(float32["cross-entropy"]), rel=0.03)


@pytest.mark.slow
def test_the_loss_on_bfloat16_logits_is_reported_right_and_in_float32(trained):
    (ours,) = (line for line in trained.printed.splitlines() if "logits.kl" in line)
    assert ours.endswith("negative 0, float32")
    assert float(ours.split("worst ")[1].split(",")[0]) <= 16 * EPS32


@pytest.mark.slow
def test_everyone_learns(trained):
    accuracy = {(row["labels"], row["dtype"]): float(row["accuracy"]) for row in trained.rows}
    assert accuracy["teacher", "float32"] > 0.9
    assert min(accuracy.values()) > 0.5


def test_the_targets_are_distributions():
    labels = np.array([3, 0])
    np.testing.assert_array_equal(special.softmax(soft_labels.one_hot_logits(labels), -1), np.eye(10)[labels])
    smoothed = special.softmax(np.asarray(soft_labels.smoothed_logits(labels, 0.2), np.float64), -1)
    np.testing.assert_allclose(smoothed, 0.8 * np.eye(10)[labels] + 0.02, rtol=8 * EPS32)


def test_the_loss_keeps_its_gradient_at_a_high_temperature():
    """T² KL tends to half the squared distance of the centred logits, over the number of classes."""
    keys = jax.random.split(jax.random.key(0))
    targets, predicted = (jax.random.normal(key, (5, 10)) for key in keys)
    gradient = jax.grad(soft_labels.soft_loss, argnums=1)(targets, predicted, jnp.float32(1e4))
    apart = np.asarray(predicted - targets, np.float64)
    expected = (apart - apart.mean(-1, keepdims=True)) / 10 / 5
    # The limit is reached up to the next order, 1/T, times a logit of about 3.
    np.testing.assert_allclose(gradient, expected, atol=1e-3 * np.abs(expected).max())


# --- what they share ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 39, 40, 101])
def test_scan_is_the_scan_of_jax(steps):
    def step(state, x):
        return state + x, (state, {"twice": 2.0 * x})

    inputs = jnp.arange(steps, dtype=jnp.float32)
    state, outputs, seconds = common.scan(step, jnp.float32(1.0), inputs, label="", progress=False)
    expected = jax.lax.scan(step, jnp.float32(1.0), inputs)
    assert jax.tree.all(jax.tree.map(jnp.array_equal, (state, outputs), expected))
    assert min(seconds.compiling, seconds.running) >= 0


@pytest.mark.parametrize("name", [*common.NAMED, *(f"{name}=0.3" for name in common.WITH_ORDER)])
def test_every_divergence_can_be_named(name):
    label, generator = common.divergence(name)
    assert label == name
    assert float(generator(jnp.float32(1.0))) == 0.0


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (fit_q_to_p.main, "--divergence nonsense", "argument --divergence: expected one of arithmetic_geometric, "),
        (fit_q_to_p.main, "--divergence alpha", "or, with a number, alpha=0.3, "),
        (fit_q_to_p.main, "--divergence kl=2", "got 'kl=2'"),
        (fit_q_to_p.main, "--divergence alpha=x", "could not convert string to float: 'x'"),
        (fit_q_to_p.main, "--divergence jensen_shannon=2", "weight must lie in [0, 1]"),
        (fit_q_to_p.main, "--digits 11", "argument --digits: invalid choice: 11"),
        (fit_q_to_p.main, "--start 9 0", "argument --start: expected a point of the grid"),
        (fit_q_to_p.main, "--steps 0", "argument --steps: expected a whole number of at least 1; got '0'"),
        (fit_q_to_p.main, "--learning-rate inf", "argument --learning-rate: expected a positive, finite number"),
        (fit_q_to_p.main, "--seed -1", "argument --seed: expected"),
        (fit_q_to_p.main, "--step 5", "unrecognized arguments: --step 5"),
        (choose_a_model.main, "--column weight", "no column 'weight' in breast_cancer, which has mean radius, "),
        (choose_a_model.main, "--dataset nowhere.csv", "'nowhere.csv' is neither a file nor one of breast_cancer, "),
        (choose_a_model.main, "--families gamma cauchy", "argument --families: invalid choice: 'cauchy'"),
        (choose_a_model.main, "--families gamma gamma", "expected at least two families"),
        (choose_a_model.main, "--dataset wine --column ash --folds 60", "at most a quarter of the 178 measurements"),
        (choose_a_model.main, "--bootstrap 1", "expected a whole number of at least 39; got '1'"),
        (soft_labels.main, "--temperature 0", "argument --temperature: expected a positive, finite number"),
        (soft_labels.main, "--smoothing 1.5", "argument --smoothing: expected a number in (0, 1]"),
        (soft_labels.main, "--labelled 2000", "argument --labelled: expected at most 1000"),
    ],
)
def test_a_bad_option_is_named(main, arguments, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments.split())
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_a_folder_that_cannot_be_made_is_named(tmp_path, capsys):
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        fit_q_to_p.main(["--out", str(tmp_path / "file" / "below")])
    assert "argument --out: cannot create the folder" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["choose_a_model", "distil_language_model", "fit_posterior", "fit_q_to_p", "soft_labels"]
)
@pytest.mark.by_default("distil_language_model", "fit_posterior")
def test_help_is_worth_reading(name, tmp_path):
    """Run as a user does, and from another folder."""
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), "--help"]
    path = {"PYTHONPATH": str(EXAMPLES.parent), "PYTHONIOENCODING": "utf-8"}
    result = subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", cwd=tmp_path, env=path, check=True
    )
    assert f"{name}.png" in result.stdout
    assert f"python examples/{name}.py" in result.stdout
    assert "JAX_PLATFORMS=cpu" in result.stdout
    for option in ("--seed", "--out", "--no-progress", *(() if name == "choose_a_model" else ("--steps",))):
        assert option in result.stdout
