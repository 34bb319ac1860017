"""Train small classifiers on soft labels with ``logits.kl``, in float32 and in bfloat16.

A label need not be one digit: it can be a distribution over all ten, and the loss is KL(label‖classifier). Students
with one small hidden layer see only 100 images of scikit-learn's digits, and learn from three sorts of label:

  hard       all on the digit written below the image; its logits are 0 and -∞, which the loss takes as they are
  smoothed   a little of the mass spread evenly over all digits (label smoothing)
  distilled  what a teacher thinks, a larger network that was trained on 1,000 images (knowledge distillation)

The distilled students compare at a temperature T: both logits are divided by it, which brings out what the teacher
thinks of the digits that it holds unlikely. Their gradient is about T² times smaller (once by the chain rule, once
because the softened distributions lie closer together), so the loss is multiplied by T², and one learning rate serves
every temperature (Hinton, Vinyals & Dean 2015, section 2).

All students of a dtype are trained at once, by one compiled program: ``vmap`` over the sorts of label, and over
students that differ in their initial weights. In bfloat16 the network computes in bfloat16 (its weights stay float32)
and its logits go into the loss as they are; the loss comes out in float32.

Written to the output folder:
  soft_labels.png  one image's labels, the loss of each test image from bfloat16 logits beside the usual formula's, the
                   loss and the test cross-entropy at every step, reliability on test images
  soft_labels.csv  accuracy, cross-entropy, KL to the teacher in nats and bits, calibration error, of each sort of label
  soft_labels.npz  the logits of the test images, the teacher's and every student's, to draw your own
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import _common as common
import jax
import jax.numpy as jnp
import numpy as np
import optax
from _digits import Split, load_split
from _network import Network, initial_weights
from _script import script
from flax import nnx
from matplotlib.axes import Axes

import kljax
from kljax import logits

EPILOG = """examples:
  python examples/soft_labels.py
  python examples/soft_labels.py --temperature 1 --labelled 50
  python examples/soft_labels.py --smoothing 0.3 --steps 300 --students 16 --out out/smoother

It runs on whatever device JAX finds; JAX_PLATFORMS=cpu keeps it off the GPU."""

LABELS = ("hard", "smoothed", "distilled")
TEACHER, STUDENT = (64, 256, 256, 10), (64, 32, 10)  # widths
HEADER = ["labels", "dtype", "accuracy", "std", "cross-entropy", "KL(teacher‖·) nats", "bits", "off by"]
COLOURS = dict(zip(LABELS, (common.BLUE, common.YELLOW, common.GREEN), strict=True))


class Trained(NamedTuple):
    """Networks for each sort of label, after training."""

    logits: np.ndarray  # [labels, networks, images, 10] of all images, those to test with last
    loss: np.ndarray  # [steps, labels], mean over the networks
    test_cross_entropy: np.ndarray  # [steps, labels], likewise
    seconds: common.Seconds


def one_hot_logits(labels: np.ndarray) -> jax.Array:
    """log 1 for the label, log 0 for every other digit."""
    return jnp.where(jax.nn.one_hot(labels, 10, dtype=bool), 0.0, -jnp.inf)


def smoothed_logits(labels: np.ndarray, smoothing: float) -> jax.Array:
    """The label mixed with the uniform distribution."""
    return jnp.log((1 - smoothing) * jax.nn.one_hot(labels, 10) + smoothing / 10)


def soft_loss(targets: jax.Array, predicted: jax.Array, temperature: jax.Array) -> jax.Array:
    """T² KL(softmax(targets/T)‖softmax(predicted/T)), the mean over images."""
    return (temperature**2 * logits.kl(targets, predicted, temperature=temperature)).mean()


def train(widths, dtype, weights, targets, temperatures, data: Split, options: argparse.Namespace) -> Trained:
    """Trains networks of these weights for each row of ``targets`` [labels, images, 10] and its temperature."""
    graph = nnx.graphdef(nnx.eval_shape(lambda: Network(widths, dtype, nnx.Rngs(0))))
    images, test_images = jnp.asarray(data.images[: targets.shape[1]]), jnp.asarray(data.test_images)
    test_labels = one_hot_logits(data.test_labels)
    optimiser = optax.adam(optax.cosine_decay_schedule(options.learning_rate, options.steps))

    def update(state, targets, temperature, batch):
        weights, moments = state

        def loss(weights):
            return soft_loss(targets[batch], nnx.merge(graph, weights)(images[batch]), temperature)

        value, gradient = jax.value_and_grad(loss)(weights)
        test = logits.kl(test_labels, nnx.merge(graph, weights)(test_images)).mean()  # of one-hot: cross-entropy
        updates, moments = optimiser.update(gradient, moments)
        return (optax.apply_updates(weights, updates), moments), (value, test)

    over_networks = jax.vmap(update, in_axes=(0, None, None, None))
    over_labels = jax.vmap(over_networks, in_axes=(0, 0, 0, None))

    def step(state, key):
        batch = jax.random.randint(key, (options.batch_size,), 0, len(images))
        state, curves = over_labels(state, targets, temperatures, batch)
        return state, jax.tree.map(lambda curve: curve.mean(-1), curves)

    # Every sort of label starts from the same weights.
    weights = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(targets)), weights)
    state = weights, jax.vmap(jax.vmap(optimiser.init))(weights)
    keys = jax.random.split(jax.random.key(options.seed + 1), options.steps)
    label = f"{len(targets)} sorts of label, {jnp.dtype(dtype).name}"
    (weights, _), curves, seconds = common.scan(step, state, keys, label=label, progress=not options.no_progress)

    everything = jnp.asarray(np.concatenate([data.images, data.test_images]))
    apply = jax.jit(jax.vmap(jax.vmap(lambda weights: nnx.merge(graph, weights)(everything))))
    return Trained(np.asarray(apply(weights)), *map(np.asarray, curves), seconds)


def on_test_images(trained: Trained, data: Split) -> np.ndarray:
    """The logits of the images that no network was trained on."""
    return trained.logits[:, :, -len(data.test_labels) :]


def evaluate(name: str, dtype: str, test_logits: np.ndarray, teacher: np.ndarray, data: Split) -> list:
    """A row of the table: means over the networks of [networks, images, 10]."""
    accuracy = (test_logits.argmax(-1) == data.test_labels).mean(-1)
    test_logits = test_logits.astype(np.float32)
    cross_entropy = float(logits.kl(one_hot_logits(data.test_labels)[None], test_logits).mean())
    to_teacher = float(logits.kl(teacher[None], test_logits).mean())
    calibration = common.reliability(test_logits, data.test_labels)[2]
    numbers = cross_entropy, to_teacher, float(kljax.bits(to_teacher)), calibration
    return [name, dtype, float(accuracy.mean()), float(accuracy.std()), *numbers]


def report(rows: list[list], path: Path) -> None:
    """Prints the table, and writes the same numbers in full."""
    formats = ["", "", ".1%", ".1%", ".4f", ".4f", ".4f", ".1%"]
    cells = [[format(cell, how) for cell, how in zip(row, formats, strict=True)] for row in rows]
    print("\nOn the test images, means over the networks; off by: how much confidence differs from accuracy.")
    print(common.table(HEADER, cells))
    common.write_csv(path, HEADER, rows)


class InBfloat16(NamedTuple):
    """KL(teacher‖student) of each test image from bfloat16 logits."""

    truth: np.ndarray  # of the same logits, in float64
    ours: np.ndarray
    usual: np.ndarray  # a difference of log-softmaxes in bfloat16


def in_bfloat16(teacher: np.ndarray, students: np.ndarray) -> InBfloat16:
    """How right the loss is on bfloat16 logits, beside the usual formula in bfloat16; printed too."""
    p, q = jnp.asarray(teacher, jnp.bfloat16), jnp.asarray(students)
    ours = logits.kl(p, q)
    log_p, log_q = jax.nn.log_softmax(p), jax.nn.log_softmax(q)
    usual = (jnp.exp(log_p) * (log_p - log_q)).sum(-1)
    with jax.enable_x64(True):
        truth = np.asarray(logits.kl(jnp.asarray(p, jnp.float64), jnp.asarray(q, jnp.float64)))
    print(f"\nKL(teacher‖student) of {truth.size} test images from bfloat16 logits, error relative to the truth:")
    for name, value in (("logits.kl", ours), ("log_softmax", usual)):
        error = np.abs(np.asarray(value, np.float64) - truth) / np.maximum(truth, np.finfo(np.float32).tiny)
        negative = int((np.asarray(value) < 0).sum())
        print(f"  {name:12} median {np.median(error):.1e}, worst {error.max():.1e}, negative {negative}, {value.dtype}")
    return InBfloat16(*(np.asarray(one, np.float64).ravel() for one in (truth, ours, usual)))


def draw(
    data: Split, targets: jax.Array, temperature: float, runs: dict[str, Trained], halves: InBfloat16
) -> common.Figure:
    drawn = common.figure(12, 7.4)
    panels = drawn.subplot_mosaic("AAABBB;CCDDEE")
    draw_labels(panels["A"], data, targets, temperature)
    draw_bfloat16(panels["B"], halves)
    learning, testing, calibration = (panels[name] for name in "CDE")
    for place, (name, colour) in enumerate(COLOURS.items()):
        for panel, curves in ((learning, "loss"), (testing, "test_cross_entropy")):
            panel.plot(getattr(runs["float32"], curves)[:, place], color=colour, label=name, linewidth=2.4)
            label = "" if place < 2 else "each in bfloat16"
            panel.plot(getattr(runs["bfloat16"], curves)[:, place], ":", color="black", linewidth=1, label=label)
            panel.set(xlabel="step", ylabel="nats", yscale="log")
        x, y, error = common.reliability(on_test_images(runs["float32"], data)[place], data.test_labels)
        calibration.plot(x, y, "o-", color=colour, label=f"{name}: off by {error:.1%}")
    learning.set(title="What is minimised: T² KL(label‖student)")
    testing.set(title="Cross-entropy with the true digit, test images")
    common.plain_logarithmic(testing.yaxis, runs["float32"].test_cross_entropy)
    learning.legend(fontsize=8)
    calibration.plot([0, 1], [0, 1], color="0.7", zorder=0)
    calibration.set(title="Is the confidence earned? (grey: it is)", xlabel="confidence", ylabel="accuracy")
    calibration.legend(fontsize=8)
    return drawn


def draw_labels(soft: Axes, data: Split, targets: jax.Array, temperature: float) -> None:
    """The labels of the image that the teacher finds most divided."""
    shown = int(np.argmax(logits.entropy(targets[2], temperature=temperature)))
    rows = [targets[0, shown], targets[1, shown], targets[2, shown], targets[2, shown] / temperature]
    names = ("hard", "smoothed", "teacher, T = 1", f"teacher, T = {temperature:g}")
    colours = (*list(COLOURS.values())[:2], common.SKY, common.GREEN)
    for place, (row, name, colour) in enumerate(zip(rows, names, colours, strict=True)):
        soft.bar(np.arange(10) + 0.2 * (place - 1.5), np.asarray(jax.nn.softmax(row)), 0.2, label=name, color=colour)
    soft.set(title="The labels of one training image", xlabel="digit", ylabel="probability", xticks=range(10))
    middle = 0.4 if np.argmax(rows[0]) > 4 else 0.6  # where the tall bar is not
    soft.legend(loc="upper center", bbox_to_anchor=(middle, 1.0))
    inset = soft.inset_axes((0.02 if middle < 0.5 else 0.78, 0.68, 0.2, 0.3))
    inset.imshow(data.images[shown].reshape(8, 8), cmap="Greys")
    inset.set(xticks=[], yticks=[])


def draw_bfloat16(panel: Axes, halves: InBfloat16) -> None:
    """Each image's KL as computed over what it is; below zero no divergence can be."""
    negative = int((halves.usual < 0).sum())
    smallest = max(float(halves.truth.min()), 1e-6)
    line = np.geomspace(smallest, halves.truth.max(), 200)
    panel.axhspan(-1.0, 0.0, color="0.93", zorder=0)
    label = f"log-softmaxes: {negative} of {len(halves.usual)} are negative"
    panel.plot(halves.truth, halves.usual, ".", ms=3, color=common.ORANGE, alpha=0.6, label=label, rasterized=True)
    label = f"kljax: {int((halves.ours < 0).sum())} negative"
    panel.plot(halves.truth, halves.ours, ".", ms=3, color=common.BLUE, label=label, rasterized=True)
    panel.plot(line, line, color="black", lw=0.8, label="right")
    panel.set_xscale("log")
    panel.set_yscale("asinh", linear_width=3e-4)
    panel.set_yticks([-1e-3, 0.0, 1e-3, 1e-2, 0.1, 1.0, 10.0], ["−0.001", "0", "0.001", "0.01", "0.1", "1", "10"])
    panel.set_yticks([], minor=True)
    low = min(float(halves.usual.min()), -1e-3)
    panel.set(ylim=(1.3 * low, 2.0 * halves.truth.max()), xlim=(0.7 * smallest, 1.5 * halves.truth.max()))
    panel.set(title="The loss of each test image from bfloat16 logits", xlabel="KL(teacher‖student), nats, in float64")
    panel.set_ylabel("as computed, nats")
    panel.legend(loc="upper left", fontsize=8, markerscale=3)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = common.parser(__doc__, epilog=EPILOG, steps=400, learning_rate=0.01)
    parser.add_argument("--temperature", type=common.positive_float, default=4.0, help="of distillation (default 4)")
    parser.add_argument(
        "--smoothing", type=common.fraction, default=0.1, help="mass that smoothing spreads (default 0.1)"
    )
    parser.add_argument(
        "--labelled", type=common.positive_int, default=100, help="images that students see, up to 1000 (default 100)"
    )
    parser.add_argument("--students", type=common.positive_int, default=8, help="students a sort of label (default 8)")
    parser.add_argument("--batch-size", type=common.positive_int, default=64, help="images a step (default 64)")
    options = parser.parse_args(arguments)
    if options.labelled > 1000:
        parser.error(f"argument --labelled: expected at most 1000, the images to train with; got {options.labelled}")
    common.make_folder(parser, options.out)

    print(f"device: {common.device()}")
    data = load_split(options.seed)
    hard = one_hot_logits(data.labels)
    weights = initial_weights(TEACHER, 1, options.seed)
    teacher = train(TEACHER, jnp.float32, weights, hard[None], jnp.ones(1), data, options)
    print(f"teacher of {len(hard)} images: {teacher.seconds}")

    seen = options.labelled
    smoothed = smoothed_logits(data.labels[:seen], options.smoothing)
    targets = jnp.stack([hard[:seen], smoothed, teacher.logits[0, 0, :seen]])
    temperatures = jnp.array([1.0, 1.0, options.temperature])
    weights = initial_weights(STUDENT, options.students, options.seed)
    runs = {}
    for dtype in ("float32", "bfloat16"):
        runs[dtype] = train(STUDENT, jnp.dtype(dtype), weights, targets, temperatures, data, options)
        print(f"{options.students} students a label, of {seen} images, {dtype}: {runs[dtype].seconds}")

    opinion = on_test_images(teacher, data)[0, 0]
    rows = [evaluate("teacher", "float32", np.stack([opinion] * options.students), opinion, data)]
    for dtype, trained in runs.items():
        for name, test_logits in zip(LABELS, on_test_images(trained, data), strict=True):
            rows.append(evaluate(name, dtype, test_logits, opinion, data))
    report(rows, options.out / "soft_labels.csv")
    halves = in_bfloat16(opinion, on_test_images(runs["bfloat16"], data)[2])
    students = {dtype: on_test_images(trained, data).astype(np.float32) for dtype, trained in runs.items()}
    np.savez(options.out / "soft_labels.npz", test_labels=data.test_labels, teacher=opinion, **students)
    print(f"wrote {options.out / 'soft_labels.npz'}")
    common.save(draw(data, targets, options.temperature, runs, halves), options.out / "soft_labels.png")


if __name__ == "__main__":
    script(main)
