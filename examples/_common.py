"""What the examples share: command-line conventions, a scan over steps that shows its progress, and output files."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from tqdm import tqdm

from kljax import generators
from kljax.generators import Generator

# Okabe and Ito's colours: told apart by colour-blind readers too.
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW)

# The generators that --divergence takes by name alone, and those that need a number: an order or a weight.
NAMED = {name: one for name, one in vars(generators).items() if isinstance(one, Generator)}
NAMED["jensen_shannon"] = generators.jensen_shannon()
WITH_ORDER = ("alpha", "cressie_read", "jensen_shannon", "skew_kl", "skew_reverse_kl", "t_power", "tsallis")
DIVERGENCES = f"one of {', '.join(sorted(NAMED))}; or, with a number, {', '.join(f'{name}=0.3' for name in WITH_ORDER)}"

matplotlib.rcParams.update(
    {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "legend.frameon": False,
    }
)


def positive_int(text: str) -> int:
    value = int(text) if text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1; got {text!r}")
    return value


def positive_float(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"expected a positive, finite number; got {text!r}")
    return value


def fraction(text: str) -> float:
    value = positive_float(text)
    if value > 1:
        raise argparse.ArgumentTypeError(f"expected a number in (0, 1]; got {text!r}")
    return value


def seed(text: str) -> int:
    value = int(text) if text.isdecimal() else -1
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0 to 2³² - 1; got {text!r}")
    return value


def parser(docstring: str, *, epilog: str, steps: int | None, learning_rate: float | None) -> argparse.ArgumentParser:
    """A parser with the options that every example has; ``--help`` opens with the script's docstring.

    An example whose fits choose their steps or their learning rate themselves has no option for them.
    """
    made = argparse.ArgumentParser(
        description=docstring, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    if steps is not None:
        made.add_argument("--steps", type=positive_int, default=steps, help=f"steps of the optimiser (default {steps})")
    if learning_rate is not None:
        made.add_argument(
            "--learning-rate",
            type=positive_float,
            default=learning_rate,
            help=f"Adam's first learning rate; it falls to zero along a cosine (default {learning_rate})",
        )
    made.add_argument("--seed", type=seed, default=0, help="seed of everything that is random (default 0)")
    made.add_argument("--out", type=Path, default=Path("out"), help="folder for the files written (default out/)")
    made.add_argument("--no-progress", action="store_true", help="no progress bar (nor is there one off a terminal)")
    return made


def divergence(text: str) -> tuple[str, Generator]:
    """``kl``, or ``alpha=0.5``: a generator by its name, with its order where it has one."""
    name, equals, order = text.partition("=")
    try:
        if name in WITH_ORDER and equals:
            return text, getattr(generators, name)(float(order))
        if name in NAMED and not equals:
            return text, NAMED[name]
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None
    raise argparse.ArgumentTypeError(f"expected {DIVERGENCES}; got {text!r}")


def make_folder(made: argparse.ArgumentParser, folder: Path) -> None:
    """Creates the output folder before any work is done, or stops with the parser's error."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        made.error(f"argument --out: cannot create the folder {folder}: {error.strerror}")


def device() -> str:
    """Where the computation runs, in words."""
    first = jax.devices()[0]
    return f"{first.platform.upper()} ({first.device_kind}), jax {jax.__version__}"


@dataclasses.dataclass(frozen=True)
class Seconds:
    """Wall-clock time, split into compiling and running."""

    compiling: float
    running: float

    def __add__(self, other: Seconds) -> Seconds:
        return Seconds(self.compiling + other.compiling, self.running + other.running)

    def __str__(self) -> str:
        return f"{self.compiling:.1f} s compiling, {self.running:.1f} s running"


def scan(
    step: Callable[[Any, Any], tuple[Any, Any]],
    state: Any,
    inputs: jax.Array,
    *,
    label: str,
    progress: bool,
    after: Callable[[int, Any], None] | None = None,
    done: int = 0,
) -> tuple[Any, Any, Seconds]:
    """``jax.lax.scan`` in about 40 pieces, with a progress bar that moves between them.

    The bar costs nothing, because within a piece nothing leaves the device; and one compiled loop, whose bounds are
    arguments, does every piece.

    Args:
        step: (state, input) ↦ (state, output), as for ``jax.lax.scan``.
        state: The first state.
        inputs: One input a step.
        label: What the bar says.
        progress: Show the bar, if the output is a terminal.
        after: Called between the pieces, with the steps done and the state.
        done: Steps that an earlier run has done; the bar and ``after`` count them too.

    Returns:
        The last state, the outputs of all steps, and the time taken.
    """
    total = len(inputs)

    def one(index, carry):
        state, outputs = carry
        state, output = step(state, inputs[index])
        return state, jax.tree.map(lambda all_steps, now: all_steps.at[index].set(now), outputs, output)

    run = jax.jit(lambda first, last, carry: jax.lax.fori_loop(first, last, one, carry))
    _, output = jax.eval_shape(step, state, inputs[0])
    carry = state, jax.tree.map(lambda leaf: jnp.zeros((total, *leaf.shape), leaf.dtype), output)
    start = time.perf_counter()
    compiled = run.lower(0, total, carry).compile()
    between = time.perf_counter()
    hidden = None if progress else True
    with tqdm(total=done + total, initial=done, desc=label, unit="step", disable=hidden, file=sys.stderr) as bar:
        for first in range(0, total, max(1, total // 40)):
            last = min(first + max(1, total // 40), total)
            carry = jax.block_until_ready(compiled(first, last, carry))
            bar.update(last - first)
            if after is not None:
                after(done + last, carry[0])
    return *carry, Seconds(between - start, time.perf_counter() - between)


def figure(width: float, height: float) -> Figure:
    """A figure that needs no window system."""
    return Figure(figsize=(width, height), layout="constrained", dpi=150)


def plain_logarithmic(axis: Axis, values: np.ndarray) -> None:
    """Writes 0.3 for 3 × 10⁻¹, and numbers beside the minor ticks where there are few major ones."""
    axis.set_major_formatter("{x:g}")
    if values.max() < 10 * values.min():
        axis.set_minor_formatter("{x:g}")


def save(drawn: Figure, path: Path) -> None:
    drawn.savefig(path)
    print(f"wrote {path}")


def table(header: list[str], rows: list[list[str]]) -> str:
    """Columns of equal width: the first to the left, numbers to the right."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]
    lines = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in [header, ["─" * width for width in widths], *rows]
    ]
    return "\n".join(line.rstrip() for line in lines)


def write_csv(path: Path, header: list[str], rows: list[list[Any]]) -> None:
    """Numbers with all their digits; nothing where there is no number."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    print(f"wrote {path}")


def reliability(test_logits: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Mean confidence and accuracy in tenths of confidence, and the expected calibration error (Guo et al. 2017).

    Tenths with fewer than 20 predictions are left out of the curve, not of the error.
    """
    probabilities = np.asarray(jax.nn.softmax(jnp.asarray(test_logits, jnp.float32))).reshape(-1, 10)
    confidence, correct = probabilities.max(-1), probabilities.argmax(-1) == np.resize(labels, len(probabilities))
    tenth = np.minimum((confidence * 10).astype(int), 9)
    count = np.bincount(tenth, minlength=10)
    sums = [np.bincount(tenth, weights=weights, minlength=10) for weights in (confidence, correct)]
    error = float(np.abs(sums[0] - sums[1]).sum() / len(confidence))
    return *(part[count >= 20] / count[count >= 20] for part in sums), error
