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
  soft_labels.png  one image's labels, the loss and the test cross-entropy at every step, reliability on test images
  soft_labels.csv  accuracy, cross-entropy, KL to the teacher in nats and bits, calibration error, of each sort of label
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from typing import NamedTuple

import _common as common
import jax
import jax.numpy as jnp
import numpy as np
import optax
from _digits import Split, load_split
from flax import nnx

import kljax
from kljax import logits

EPILOG = """examples:
  python examples/soft_labels.py
  python examples/soft_labels.py --temperature 1 --labelled 50
  python examples/soft_labels.py --smoothing 0.3 --steps 300 --students 16 --out out/smoother

It runs on whatever device JAX finds; JAX_PLATFORMS=cpu keeps it off the GPU."""

LABELS = ("hard", "smoothed", "distilled")
TEACHER, STUDENT = (64, 256, 256, 10), (64, 32, 10)  # widths
HEADER = ["labels", "dtype", "accuracy", "std", "cross_entropy", "kl_to_teacher", "kl_to_teacher_bits", "calibration"]
COLOURS = dict(zip(LABELS, (common.BLUE, common.YELLOW, common.GREEN), strict=True))


class Network(nnx.Module):
    """A multilayer perceptron: weights in float32, computation in ``dtype``."""

    def __init__(self, widths: Sequence[int], dtype: jnp.dtype, rngs: nnx.Rngs):
        pairs = itertools.pairwise(widths)
        self.layers = nnx.List([nnx.Linear(into, out, dtype=dtype, rngs=rngs) for into, out in pairs])

    def __call__(self, images: jax.Array) -> jax.Array:
        """The logits of the digits."""
        for layer in self.layers[:-1]:
            images = nnx.relu(layer(images))
        return self.layers[-1](images)


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


def train(
    widths: Sequence[int],
    dtype: jnp.dtype,
    data: Split,
    targets: jax.Array,
    temperatures: jax.Array,
    networks: int,
    options: argparse.Namespace,
) -> Trained:
    """Trains ``networks`` networks for each row of ``targets`` [labels, images, 10] and its temperature."""
    graph = nnx.graphdef(nnx.eval_shape(lambda: Network(widths, dtype, nnx.Rngs(0))))
    images, test_images = jnp.asarray(data.images[: targets.shape[1]]), jnp.asarray(data.test_images)
    test_labels = one_hot_logits(data.test_labels)
    optimiser = optax.adam(optax.cosine_decay_schedule(options.learning_rate, options.steps))

    def start(key):
        weights = nnx.state(Network(widths, dtype, nnx.Rngs(key)), nnx.Param)
        return weights, optimiser.init(weights)

    def update(state, targets, temperature, batch):
        weights, moments = state

        def loss(weights):
            return soft_loss(targets[batch], nnx.merge(graph, weights)(images[batch]), temperature)

        value, gradient = jax.value_and_grad(loss)(weights)
        updates, moments = optimiser.update(gradient, moments)
        test = logits.kl(test_labels, nnx.merge(graph, weights)(test_images)).mean()  # against one-hot: cross-entropy
        return (optax.apply_updates(weights, updates), moments), (value, test)

    over_networks = jax.vmap(update, in_axes=(0, None, None, None))
    over_labels = jax.vmap(over_networks, in_axes=(0, 0, 0, None))

    def step(state, key):
        batch = jax.random.randint(key, (options.batch_size,), 0, len(images))
        state, curves = over_labels(state, targets, temperatures, batch)
        return state, jax.tree.map(lambda curve: curve.mean(-1), curves)

    first, second = jax.random.split(jax.random.key(options.seed))
    starts = jax.jit(jax.vmap(start))(jax.random.split(first, networks))
    # Every sort of label starts from the same weights.
    state = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (len(targets), *leaf.shape)), starts)
    keys = jax.random.split(second, options.steps)
    label = f"{len(targets) * networks} networks, {jnp.dtype(dtype).name}"
    (weights, _), curves, seconds = common.scan(step, state, keys, label=label, progress=not options.no_progress)
    everything = jnp.asarray(np.concatenate([data.images, data.test_images]))
    apply = jax.jit(jax.vmap(jax.vmap(lambda weights: nnx.merge(graph, weights)(everything))))
    return Trained(np.asarray(apply(weights)), *map(np.asarray, curves), seconds)


def test_logits(trained: Trained, data: Split) -> np.ndarray:
    return trained.logits[:, :, -len(data.test_labels) :]


def reliability(test_logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean confidence and accuracy in tenths of confidence, and the expected calibration error."""
    probabilities = np.asarray(jax.nn.softmax(jnp.asarray(test_logits, jnp.float32))).reshape(-1, 10)
    confidence, correct = probabilities.max(-1), probabilities.argmax(-1) == np.resize(labels, len(probabilities))
    tenth = np.minimum((confidence * 10).astype(int), 9)
    count = np.bincount(tenth, minlength=10)
    sums = [np.bincount(tenth, weights=weights, minlength=10) for weights in (confidence, correct)]
    error = float(np.abs(sums[0] - sums[1]).sum() / len(confidence))
    return *(part[count > 0] / count[count > 0] for part in sums), error


def evaluate(name: str, dtype: str, test_logits: np.ndarray, teacher: np.ndarray, data: Split) -> list:
    """A row of the table: means over the networks [networks, images, 10]."""
    test_logits = test_logits.astype(np.float32)
    accuracy = (test_logits.argmax(-1) == data.test_labels).mean(-1)
    cross_entropy = logits.kl(one_hot_logits(data.test_labels)[None], test_logits).mean()
    to_teacher = logits.kl(teacher[None], test_logits).mean()
    calibration = reliability(test_logits, data.test_labels)[2]
    bits = kljax.bits(to_teacher)
    return [name, dtype, accuracy.mean(), accuracy.std(), *map(float, (cross_entropy, to_teacher, bits)), calibration]


def report(rows: list[list], options: argparse.Namespace) -> None:
    print(f"\n797 test images; means over {options.students} students, and the accuracy's standard deviation")
    cells = [
        [row[0], row[1], f"{row[2]:.1%} ± {row[3]:.1%}", *(f"{number:.4f}" for number in row[4:7]), f"{row[7]:.1%}"]
        for row in rows
    ]
    print(common.table(["labels", "", "accuracy", "cross-entropy", "KL(teacher‖·)", "bits", "off by"], cells))
    print("Cross-entropy and KL in nats, then that KL in bits; last, by how much confidence differs from accuracy.")


def report_bfloat16(teacher: np.ndarray, students: np.ndarray) -> None:
    """How right the loss is on bfloat16 logits, beside the usual formula in bfloat16; the truth is in float64."""
    p, q = jnp.asarray(teacher, jnp.bfloat16), jnp.asarray(students)
    ours = logits.kl(p, q)
    log_p, log_q = jax.nn.log_softmax(p), jax.nn.log_softmax(q)
    usual = (jnp.exp(log_p) * (log_p - log_q)).sum(-1)
    with jax.enable_x64(True):
        truth = np.asarray(logits.kl(jnp.asarray(p, jnp.float64), jnp.asarray(q, jnp.float64)))
    print(f"\nKL(teacher‖student) of {truth.size} test images from bfloat16 logits, error relative to the truth:")
    for name, value in (("logits.kl", ours), ("log_softmax", usual)):
        error = np.abs(np.asarray(value, np.float64) - truth) / truth
        negative = int((np.asarray(value) < 0).sum())
        print(f"  {name:12} median {np.median(error):.1e}, worst {error.max():.1e}, negative {negative}, {value.dtype}")


def draw(data: Split, targets: jax.Array, temperature: float, runs: dict[str, Trained]) -> common.Figure:
    drawn = common.figure(11, 7.6)
    (soft, learning), (testing, calibration) = drawn.subplots(2, 2)
    # The image whose label the teacher finds most divided.
    shown = int(np.argmax(logits.entropy(targets[2], temperature=temperature)))
    rows = [targets[0, shown], targets[1, shown], targets[2, shown], targets[2, shown] / temperature]
    names = ("hard", "smoothed", "teacher, T = 1", f"teacher, T = {temperature:g}")
    colours = (*list(COLOURS.values())[:2], common.SKY, common.GREEN)
    for place, (row, name, colour) in enumerate(zip(rows, names, colours, strict=True)):
        soft.bar(np.arange(10) + 0.2 * (place - 1.5), np.asarray(jax.nn.softmax(row)), 0.2, label=name, color=colour)
    soft.set(title="The labels of one training image", xlabel="digit", ylabel="probability", xticks=range(10))
    soft.legend(loc="upper right")
    inset = soft.inset_axes((0.02, 0.66, 0.22, 0.32))
    inset.imshow(data.images[shown].reshape(8, 8), cmap="Greys")
    inset.set(xticks=[], yticks=[])

    for place, (name, colour) in enumerate(COLOURS.items()):
        for panel, curves in ((learning, "loss"), (testing, "test_cross_entropy")):
            panel.plot(
                getattr(runs["float32"], curves)[:, place], color=colour, label=f"{name}, float32", linewidth=2.4
            )
            label = "" if place < 2 else "each in bfloat16"
            panel.plot(getattr(runs["bfloat16"], curves)[:, place], ":", color="black", linewidth=1, label=label)
        x, y, error = reliability(test_logits(runs["float32"], data)[place], data.test_labels)
        calibration.plot(x, y, "o-", color=colour, label=f"{name}: off by {error:.1%} on average")
    learning.set(title="What is minimised, T² KL(label‖student)", xlabel="step", ylabel="nats", yscale="log")
    testing.set(title="Cross-entropy with the true digit, test images", xlabel="step", ylabel="nats", yscale="log")
    testing.legend()
    calibration.plot([0, 1], [0, 1], color="0.7", zorder=0)
    calibration.set(title="Is the confidence earned? (on the grey line it is)", xlabel="confidence", ylabel="accuracy")
    calibration.legend()
    return drawn


def share(text: str) -> float:
    value = common.positive_float(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"expected a number in (0, 1]; got {text!r}")
    return value


def main(arguments: Sequence[str] | None = None) -> None:
    parser = common.parser(__doc__, epilog=EPILOG, steps=400, learning_rate=0.01)
    parser.add_argument("--temperature", type=common.positive_float, default=4.0, help="of distillation (default 4)")
    parser.add_argument("--smoothing", type=share, default=0.1, help="mass that smoothing spreads (default 0.1)")
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
    labels = data.labels[: options.labelled]
    hard = one_hot_logits(data.labels)
    teacher = train(TEACHER, jnp.float32, data, hard[None], jnp.ones(1), 1, options)
    print(f"teacher of {len(hard)} images: {teacher.seconds}")
    targets = jnp.stack(
        [hard[: len(labels)], smoothed_logits(labels, options.smoothing), teacher.logits[0, 0, : len(labels)]]
    )
    temperatures = jnp.array([1.0, 1.0, options.temperature])
    runs = {}
    for dtype in ("float32", "bfloat16"):
        runs[dtype] = train(STUDENT, jnp.dtype(dtype), data, targets, temperatures, options.students, options)
        print(f"students of {len(labels)} images, {dtype}: {runs[dtype].seconds}")

    opinion = test_logits(teacher, data)[0, 0]
    rows = [evaluate("teacher", "float32", np.stack([opinion] * options.students), opinion, data)]
    for dtype, trained in runs.items():
        rows += [
            evaluate(*one, opinion, data) for one in zip(LABELS, [dtype] * 3, test_logits(trained, data), strict=True)
        ]
    report(rows, options)
    report_bfloat16(opinion, test_logits(runs["bfloat16"], data)[2])
    common.write_csv(options.out / "soft_labels.csv", HEADER, rows)
    common.save(draw(data, targets, options.temperature, runs), options.out / "soft_labels.png")


if __name__ == "__main__":
    main()
