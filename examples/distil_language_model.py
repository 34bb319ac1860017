"""Distil a small language model from a larger one with ``kljax.hidden``, which never holds all the logits.

The text is that of Python's own ``help()`` pages (``pydoc_data.topics``, the language reference, some 370,000
characters, each paragraph once); the last twentieth is held out. Its pieces are all characters and the most frequent
words. A transformer, the teacher, is trained on it; then, from one start and on the same batches, four smaller ones:

  text            cross-entropy with the text alone, for comparison
  kl              KL(teacher‖student): a student that covers what the teacher thinks possible
  reverse_kl      KL(student‖teacher): one that keeps to what the teacher thinks likely
  jensen_shannon  Jensen–Shannon, between the two

Each loss is the mean over tokens, ``hidden.kl(teacher, student, reduction="mean")`` and its like, from the hidden
states and output projections. Beside it the same step is compiled with the usual loss, log-softmaxes of whole logits:
its temporary memory and its speed are what the saving is measured against.

With --checkpoint every model's state is saved every few seconds and when it is trained. --resume goes on from there;
models that are complete, such as the teacher, are only loaded.

Written to the output folder:
  distil_language_model.png  the losses while training, held-out bits a character, held-out divergences between teacher
                             and students, memory and speed of a step
  distil_language_model.csv  the table: held-out perplexity, bits a character, divergences in nats a token, tokens a
                             second and temporary memory, by kljax.hidden and by the usual loss
  distil_language_model.npz  the losses, and the log-probability and divergences of every held-out token
"""

from __future__ import annotations

import argparse
import time
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import _common as common
import jax
import jax.numpy as jnp
import numpy as np
import optax
from _language import DIVERGENCES, Corpus, Loss, hidden_loss, initial_weights, load_corpus, usual_loss
from _script import script
from flax import nnx

from kljax import hidden

EPILOG = """examples:
  python examples/distil_language_model.py
  python examples/distil_language_model.py --steps 1000 --teacher-steps 1500 --student-width 32
  python examples/distil_language_model.py --vocabulary 4096 --batch-size 32 --chunk 256
  python examples/distil_language_model.py --checkpoint out/checkpoint      (stop it, then add --resume)

It runs on whatever device JAX finds; JAX_PLATFORMS=cpu keeps it off the GPU."""

NAME = "distil_language_model"
TEACHER_DEPTH, STUDENT_DEPTH, HEADS = 2, 1, 4
SAVE_EVERY = 5.0  # seconds between checkpoints
ROUNDS = 3  # steps timed of each kind, in turn
COLOURS = {
    "teacher": "0.45",
    "text": common.YELLOW,
    "kl": common.BLUE,
    "reverse_kl": common.ORANGE,
    "jensen_shannon": common.GREEN,
}
SPOKEN = {
    "teacher": "teacher",
    "text": "text alone",
    "kl": "forward KL",
    "reverse_kl": "reverse KL",
    "jensen_shannon": "Jensen–Shannon",
}
TICKS = [digit * 10.0**power for power in range(-5, 2) for digit in (1, 3)]
NUMBERS = ["KL(t‖s)", "KL(s‖t)", "JS(t, s)", "tokens/s", "usual tokens/s", "MB", "usual MB"]
HEADER = ["model", "perplexity", "bits/char", *NUMBERS]


class Model(NamedTuple):
    """A network and its weights."""

    graph: nnx.GraphDef
    weights: nnx.State


def updater(graph: nnx.GraphDef, teacher: nnx.GraphDef | None, loss: Loss, optimiser: Any) -> Callable[..., Any]:
    """(weights, moments, teacher's weights, window) ↦ (weights, moments, loss), one step of training."""

    def update(weights, moments, fixed, window):
        tokens, labels = window[:, :-1], window[:, 1:]
        target = None if teacher is None else nnx.merge(teacher, fixed)(tokens)
        value, gradient = jax.value_and_grad(lambda w: loss(target, nnx.merge(graph, w)(tokens), labels))(weights)
        updates, moments = optimiser.update(gradient, moments)
        return optax.apply_updates(weights, updates), moments, value

    return update


def adam(options: argparse.Namespace, steps: int) -> optax.GradientTransformation:
    return optax.adam(optax.cosine_decay_schedule(options.learning_rate, steps))


def windows(tokens: jax.Array, key: jax.Array, options: argparse.Namespace) -> jax.Array:
    """Pieces of text of one token more than the model's length, [batch, length + 1]."""
    starts = jax.random.randint(key, (options.batch_size, 1), 0, len(tokens) - options.length)
    return tokens[starts + jnp.arange(options.length + 1)]


def train(
    name: str, model: Model, teacher: Model | None, corpus: Corpus, options: argparse.Namespace
) -> tuple[Model, np.ndarray]:
    """The model after its steps, and the loss at each; complete models are loaded where --resume finds them."""
    steps = options.steps if teacher else options.teacher_steps
    optimiser, tokens = adam(options, steps), jnp.asarray(corpus.train)
    graph = None if teacher is None else teacher.graph
    update = updater(model.graph, graph, hidden_loss(name if teacher else "text", options.chunk), optimiser)

    def step(state, at):
        weights, moments, losses = state
        # All students see the same batches.
        window = windows(tokens, jax.random.fold_in(jax.random.key(options.seed + 1), at), options)
        weights, moments, value = update(weights, moments, teacher and teacher.weights, window)
        return (weights, moments, losses.at[at].set(value)), ()

    # The losses are part of the state, so that a resumed run has all of them.
    state, done = (model.weights, jax.jit(optimiser.init)(model.weights), jnp.zeros(steps)), 0
    saver = Checkpoint(name, steps, corpus, options) if options.checkpoint else None
    if saver and options.resume:
        state, done = saver.load(state)
    if done == steps:
        print(f"{name}: loaded, complete with {steps} steps")
    else:
        if done:
            print(f"{name}: resumed after {done} steps")
        state, _, seconds = common.scan(
            step,
            state,
            jnp.arange(done, steps),
            label=name,
            progress=not options.no_progress,
            after=saver and saver.save,
            done=done,
        )
        print(f"{name}: {steps - done} steps of {options.batch_size} × {options.length} tokens, {seconds}")
    return Model(model.graph, state[0]), np.asarray(state[2])


class Checkpoint:
    """A model's weights, moments and losses on disk, every few seconds and at the end."""

    def __init__(self, name: str, steps: int, corpus: Corpus, options: argparse.Namespace):
        import orbax.checkpoint  # it takes a second to load, which runs without checkpoints need not spend

        self.folder = (options.checkpoint / name / "state").absolute()
        what = ["seed", "learning_rate", "batch_size", "length", "vocabulary", "chunk", "teacher_width"]
        what += ["teacher_steps"] + ([] if name == "teacher" else ["steps", "student_width"])
        self.settings = {one: getattr(options, one) for one in what}
        self.settings["text"] = zlib.crc32(corpus.train.tobytes() + corpus.test.tobytes())  # it differs among Pythons
        self.steps, self.saved = steps, time.perf_counter()
        self.saver = orbax.checkpoint.StandardCheckpointer()

    def save(self, done: int, state: Any) -> None:
        """Writes the state, if the last time is long ago or there is none to come."""
        if done == self.steps or time.perf_counter() - self.saved > SAVE_EVERY:
            self.saver.save(self.folder, {"done": done, "leaves": jax.tree.leaves(state)}, force=True)
            self.saver.wait_until_finished()
            (self.folder.parent / "settings.txt").write_text(repr(self.settings), encoding="utf-8")
            self.saved = time.perf_counter()

    def load(self, state: Any) -> tuple[Any, int]:
        """The state on disk, which must come from a run with the same settings; the first state where there is none."""
        settings = self.folder.parent / "settings.txt"
        if not settings.is_file():
            if self.folder.parent.name == "teacher":
                raise SystemExit(f"--resume: there is no checkpoint in {self.folder.parents[1]}")
            return state, 0
        if settings.read_text(encoding="utf-8") != repr(self.settings):
            raise SystemExit(
                f"--resume: the checkpoint in {self.folder.parent} is from a run with other settings, "
                f"{settings.read_text(encoding='utf-8')}; these are {self.settings}"
            )
        leaves, structure = jax.tree.flatten(state)
        found = self.saver.restore(self.folder, {"done": 0, "leaves": leaves})
        return structure.unflatten(found["leaves"]), int(found["done"])


class Cost(NamedTuple):
    """What a step of training costs."""

    megabytes: float  # temporary memory of the compiled program
    tokens_per_second: float
    value: float  # the loss of the first step


def measure(
    teacher: Model,
    student: Model,
    corpus: Corpus,
    options: argparse.Namespace,
    names: Sequence[str] = DIVERGENCES,
) -> dict[str, tuple[Cost, Cost]]:
    """The step from untrained weights, by hidden states and by whole logits, timed in turn."""
    optimiser = adam(options, options.steps)
    window = windows(jnp.asarray(corpus.train), jax.random.key(options.seed), options)
    given = student.weights, optimiser.init(student.weights), teacher.weights, window
    programs = {
        (name, kind): jax.jit(updater(student.graph, teacher.graph, loss, optimiser)).lower(*given).compile()
        for name in names
        for kind, loss in (("hidden", hidden_loss(name, options.chunk)), ("usual", usual_loss(name)))
    }
    values = {which: float(program(*given)[2]) for which, program in programs.items()}
    times = {which: [] for which in programs}
    for _ in range(ROUNDS):
        for which, program in programs.items():
            start = time.perf_counter()
            jax.block_until_ready(program(*given))
            times[which].append(time.perf_counter() - start)

    def cost(which):
        speed = options.batch_size * options.length / float(np.median(times[which]))
        return Cost(programs[which].memory_analysis().temp_size_in_bytes / 1e6, speed, values[which])

    return {name: (cost((name, "hidden")), cost((name, "usual"))) for name in names}


def evaluate(models: dict[str, Model], test: np.ndarray, options: argparse.Namespace) -> dict[str, np.ndarray]:
    """Held-out log-probabilities, and divergences between teacher and students, of every token [windows, length].

    The windows do not overlap; each begins without memory of what came before.
    """
    count = (len(test) - 1) // options.length
    tokens = test[: count * options.length].reshape(count, -1)
    labels = test[1 : count * options.length + 1].reshape(count, -1)
    saved: dict[str, np.ndarray] = {"labels": labels}

    @jax.jit
    def between(teacher, student):
        target, head = (
            nnx.merge(models["teacher"].graph, teacher)(tokens),
            nnx.merge(models["kl"].graph, student)(tokens),
        )
        return [hidden_loss(one, options.chunk, None)(target, head, labels) for one in ("text", *DIVERGENCES)]

    teacher = models["teacher"]
    log_loss = jax.jit(lambda weights: hidden.cross_entropy(labels, nnx.merge(teacher.graph, weights)(tokens)))
    saved["log_prob_teacher"] = -np.asarray(log_loss(teacher.weights))
    for name, model in models.items():
        if name != "teacher":
            text, *others = map(np.asarray, between(teacher.weights, model.weights))
            saved[f"log_prob_{name}"] = -text
            saved |= {f"{which}_of_{name}": one for which, one in zip(DIVERGENCES, others, strict=True)}
    return saved


def summary(saved: dict[str, np.ndarray], corpus: Corpus, costs: dict[str, tuple[Cost, Cost]]) -> list[list[Any]]:
    """The rows of the table: perplexity a token, bits a character, mean divergences, costs; "" where there are none."""
    characters = np.array([len(piece) for piece in corpus.pieces])[saved["labels"]].sum()
    rows = []
    for name in COLOURS:
        nats = -saved[f"log_prob_{name}"].astype(np.float64)
        row = [name, float(np.exp(nats.mean())), float(nats.sum() / np.log(2) / characters)]
        means = [float(saved[f"{one}_of_{name}"].astype(np.float64).mean()) for one in DIVERGENCES if name != "teacher"]
        spent = []
        if name in costs:
            ours, usual = costs[name]
            spent = [ours.tokens_per_second, usual.tokens_per_second, ours.megabytes, usual.megabytes]
        rows.append(row + (means or [""] * 3) + (spent or [""] * 4))
    return rows


def report(rows: list[list[Any]], path: Path) -> None:
    """Prints the table, and writes the same numbers in full."""
    formats = ["", ".2f", ".3f", ".4f", ".4f", ".4f", ",.0f", ",.0f", ".1f", ".1f"]
    cells = [[format(cell, how) if cell != "" else "" for cell, how in zip(row, formats, strict=True)] for row in rows]
    print("\nOn the held-out text: perplexity a token, divergences in nats a token, t the teacher and s the student.")
    print("Of a step of training: tokens a second, temporary memory; usual: with log-softmaxes of whole logits.")
    print(common.table(HEADER, cells))
    common.write_csv(path, HEADER, rows)


def draw(rows: list[list[Any]], curves: dict[str, np.ndarray]) -> common.Figure:
    """A colour is a model, in every panel but the last, where it is filled by kljax.hidden and hollow without."""
    drawn = common.figure(11, 7)
    (learning, bits), (far, cost) = drawn.subplots(2, 2)
    for name, curve in curves.items():
        width = max(1, len(curve) // 60)
        smooth = curve[: len(curve) // width * width].reshape(-1, width).mean(1)
        learning.plot((np.arange(len(smooth)) + 0.5) * width, smooth, color=COLOURS[name], label=SPOKEN[name], lw=1.8)
    learning.set(title="Each model's own loss, minibatches", xlabel="step", ylabel="nats a token", yscale="log")
    common.plain_logarithmic(learning.yaxis, np.concatenate(list(curves.values())))
    learning.legend(fontsize=8)
    spoken = [SPOKEN[row[0]] for row in rows]
    for place, row in enumerate(rows):
        bits.plot(row[2], place, "o", color=COLOURS[row[0]], ms=9)
        bits.annotate(f"{row[2]:.3f}", (row[2], place), (8, 0), textcoords="offset points", va="center")
    bits.set_yticks(range(len(rows)), spoken)
    bits.set(title="Held-out text: the less the better", xlabel="bits a character", ylim=(len(rows) - 0.5, -0.5))
    bits.margins(x=0.2)
    bits.grid(axis="x", color="0.9")
    for at, label in enumerate(("KL(teacher‖student)", "KL(student‖teacher)", "Jensen–Shannon")):
        values = {row[0]: row[3 + at] for row in rows[1:]}
        best = min(values, key=values.__getitem__)
        for place, (name, value) in enumerate(values.items()):
            far.plot(value, at + 0.16 * (place - 1.5), "o", color=COLOURS[name], ms=7)
            if name == best:
                note = f"least: {SPOKEN[name]}, {value:.3f}"
                far.annotate(note, (value, at + 0.16 * (place - 1.5)), (-8, 0), textcoords="offset points",
                             va="center", ha="right", fontsize=8)  # fmt: skip
        far.text(0.02, at - 0.42, label, weight="bold", fontsize=8, transform=far.get_yaxis_transform())
    far.set(title="Held-out tokens: how far each student is from the teacher", xlabel="nats a token", yticks=[])
    far.set(xscale="log", ylim=(2.6, -0.6))
    values = [value for row in rows[1:] for value in row[3:6]]
    low, high = min(values) / 8.0, 1.5 * max(values)  # room for the notes on the left
    far.set_xlim(low, high)
    far.set_xticks([one for one in TICKS if low < one < high], [f"{one:g}" for one in TICKS if low < one < high])
    far.set_xticks([], minor=True)
    measured = [row for row in rows if row[8] != ""]
    for place, row in enumerate(measured):
        for at, (column, filled) in enumerate(((8, True), (9, False))):
            colour = COLOURS[row[0]]
            style = {"facecolor": colour if filled else "none", "edgecolor": colour, "linewidth": 1.5}
            bar = cost.barh(place + 0.38 * (at - 0.5), row[column], 0.32, **style)
            digits = 0 if row[column] >= 10.0 else 1
            how = "kljax.hidden" if filled else "whole logits"
            note = f"{how}: {row[column]:,.{digits}f} MB, {row[column - 2]:,.0f} tokens a second"
            cost.bar_label(bar, [note], fontsize=8, padding=4)
    cost.set_yticks(range(len(measured)), [SPOKEN[row[0]] for row in measured])
    cost.set(title="A step of training: temporary memory", xlabel="MB", ylim=(len(measured) - 0.5, -0.5))
    cost.set_xlim(0.0, 2.5 * max(row[9] for row in measured))
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    parser = common.parser(__doc__, epilog=EPILOG, steps=150, learning_rate=0.004)
    for name, default, what in (
        ("teacher-steps", 250, "steps of the teacher"),
        ("batch-size", 16, "windows of text a step"),
        ("length", 64, "tokens a window"),
        ("vocabulary", 2048, "pieces: all characters, then words"),
        ("teacher-width", 128, "width of the teacher's hidden states, a multiple of 4"),
        ("student-width", 48, "width of the students', a multiple of 4"),
        ("chunk", 128, "tokens whose logits exist at a time"),
    ):
        parser.add_argument(f"--{name}", type=common.positive_int, default=default, help=f"{what} (default {default})")
    parser.add_argument("--checkpoint", type=Path, help="folder where the states are saved every few seconds")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    options = parser.parse_args(arguments)
    if options.resume and options.checkpoint is None:
        parser.error("argument --resume: say with --checkpoint where the state is")
    for name in ("teacher_width", "student_width"):
        if getattr(options, name) % HEADS:
            option = name.replace("_", "-")
            parser.error(f"argument --{option}: expected a multiple of {HEADS}; got {getattr(options, name)}")
    try:
        corpus = load_corpus(options.vocabulary)
    except ValueError as error:
        parser.error(f"argument --vocabulary: {error}")
    if options.length >= len(corpus.test):
        parser.error(f"argument --length: expected less than the {len(corpus.test)} held-out tokens")
    common.make_folder(parser, options.out)
    if options.checkpoint and not options.resume:
        for name in COLOURS:  # what an earlier run left there is not to be resumed
            (options.checkpoint / name / "settings.txt").unlink(missing_ok=True)
    start = time.perf_counter()

    print(f"device: {common.device()}")
    print(f"{corpus.length:,} characters: {len(corpus.train):,} tokens to train on, {len(corpus.test):,} held out")
    large, small = (
        Model(*initial_weights(corpus, options.length, width, depth, HEADS, options.seed))
        for width, depth in ((options.teacher_width, TEACHER_DEPTH), (options.student_width, STUDENT_DEPTH))
    )
    models, curves = {}, {}
    models["teacher"], curves["teacher"] = train("teacher", large, None, corpus, options)
    for name in ("text", *DIVERGENCES):
        models[name], curves[name] = train(name, small, models["teacher"], corpus, options)
    costs = measure(models["teacher"], small, corpus, options)
    saved = evaluate(models, corpus.test, options)
    print(f"from the first line to here: {time.perf_counter() - start:.1f} s")
    rows = summary(saved, corpus, costs)
    report(rows, options.out / f"{NAME}.csv")
    saved |= {f"loss_{name}": curve for name, curve in curves.items()} | {"pieces": np.array(corpus.pieces)}
    saved |= {f"first_loss_{name}": np.array([one.value for one in pair]) for name, pair in costs.items()}
    np.savez(options.out / f"{NAME}.npz", **saved)
    print(f"wrote {options.out / NAME}.npz")
    common.save(draw(rows, curves), options.out / f"{NAME}.png")


if __name__ == "__main__":
    script(main)
