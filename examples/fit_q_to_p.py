"""Fit an approximate q to a target p by minimising a divergence, and see what each divergence makes of it.

The target p is measured: the images of three digits of scikit-learn's digits (0, 6 and 7 unless you say otherwise),
seen through their first two principal components, smoothed and laid on a grid of 48 × 48 cells. Each digit is a mode.
The approximate q is one Gaussian on the same grid, five parameters, too few for three modes: it has to choose.

  kl              KL(p‖q), forward: missing any of p is dear, so q covers all of it        (mass-covering)
  reverse_kl      KL(q‖p), reverse: being where p is not is dear, so q settles on a mode    (mode-seeking)
  jensen_shannon  the mean of the KL from each to (p + q)/2: bounded, between the two

All start from the same small Gaussian near one mode. Every step draws a minibatch of images and descends the
divergence between their density and q. That loss is noisy, and lies above the truth on average (a divergence is
convex in p), so the figure shows it beside the exact divergence at the same parameters: to all of p, over all cells.

Written to the output folder:
  fit_q_to_p.png   the target, the fits with the regions that hold 50 % and 90 % of q; below, the losses
  fit_q_to_p.csv   every divergence between p and each fit, in nats and, where that is a unit for it, in bits
  fit_q_to_p.npz   log p, each fit's log q, its curves and its parameters at every step, to draw your own
"""

from __future__ import annotations

import argparse
import itertools
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import _common as common
import jax
import jax.numpy as jnp
import numpy as np
import optax
from _digits import CELLS, REACH, Target, load_target
from _script import script

import kljax
from kljax import logits, plot
from kljax.generators import Generator

EPILOG = """examples:
  python examples/fit_q_to_p.py
  python examples/fit_q_to_p.py --divergence kl --divergence alpha=0.5 --divergence pearson --digits 0 3 4
  python examples/fit_q_to_p.py --steps 200 --batch-size 32 --seed 1 --out out/noisy

It runs on whatever device JAX finds; JAX_PLATFORMS=cpu keeps it off the GPU."""

START_STD = 0.4  # of the scores, whose own is 1
TITLES = {
    "kl": ("forward KL", "Forward KL covers the mass"),
    "reverse_kl": ("reverse KL", "Reverse KL seeks a mode"),
    "jensen_shannon": ("Jensen–Shannon", "Jensen–Shannon: in between"),
}
# The table's rows, and whether the value is an amount of information. α-divergences are left to --divergence.
VERBS: list[tuple[str, Callable[..., jax.Array], bool]] = [
    ("KL(p‖q)", logits.kl, True),
    ("KL(q‖p)", lambda p, q: logits.kl(q, p), True),
    ("Jeffreys", logits.jeffreys, True),
    ("Jensen–Shannon", logits.jensen_shannon, True),
    ("skew KL(p‖0.1p+0.9q)", lambda p, q: logits.skew_kl(p, q, weight=0.1), True),
    ("Rényi, order 2", lambda p, q: logits.renyi(p, q, order=2.0), True),
    ("Bhattacharyya", logits.bhattacharyya, True),
    ("Chernoff information", logits.chernoff_information, True),
    ("squared Hellinger", logits.squared_hellinger, False),
    ("total variation", logits.total_variation, False),
    ("Le Cam", logits.le_cam, False),
    ("χ²(p‖q)", logits.chi_squared, False),
    ("χ²(q‖p)", lambda p, q: logits.chi_squared(q, p), False),
]


class Gaussian(NamedTuple):
    """q: its mean, and the triangular square root of its precision with the diagonal as logarithms."""

    mean: jax.Array  # [2]
    log_diagonal: jax.Array  # [2]
    corner: jax.Array  # []


class Fit(NamedTuple):
    """What came of one divergence."""

    name: str
    log_q: np.ndarray  # [CELLS²]
    loss: np.ndarray  # [steps], of each step's minibatch
    exact: np.ndarray  # [steps], of all of p, at the same parameters
    parameters: np.ndarray  # [steps, 5]
    seconds: common.Seconds

    @property
    def unit(self) -> str:
        """What Kullback and Leibler's and Jensen–Shannon's are measured in; a χ², say, has no unit."""
        return " nats" if self.name in TITLES else ""

    @property
    def spoken(self) -> str:
        """The divergence's name in words."""
        return TITLES[self.name][0] if self.name in TITLES else self.name.replace("_", " ").replace("=", " ")

    def log_density(self, point: jax.Array) -> jax.Array:
        """log q after the last step, up to a constant, anywhere in the plane."""
        x, y, *others = self.parameters[-1]
        return log_gaussian(Gaussian(jnp.array([x, y]), jnp.array(others[:2]), others[2]), *point)


def log_mean(log_kernels: jax.Array) -> jax.Array:
    """The log-probabilities of the mean of some images' kernels."""
    return jax.nn.logsumexp(log_kernels, axis=0) - math.log(len(log_kernels))


def log_gaussian(q: Gaussian, x: jax.Array, y: jax.Array) -> jax.Array:
    """log q up to a constant."""
    u = jnp.exp(q.log_diagonal[0]) * (x - q.mean[0]) + q.corner * (y - q.mean[1])
    v = jnp.exp(q.log_diagonal[1]) * (y - q.mean[1])
    return -0.5 * (u * u + v * v)


def gaussian_logits(q: Gaussian, axis: jax.Array) -> jax.Array:
    """The logits of q over the grid; a softmax, which the library never takes, would normalise them."""
    return log_gaussian(q, axis[:, None], axis[None, :]).reshape(-1)


def fit(name: str, generator: Generator, target: Target, options: argparse.Namespace) -> Fit:
    """Minimises D_f(p‖q) over q's five parameters, from minibatches of p's images."""
    axis, log_kernels = jnp.asarray(target.axis), jnp.asarray(target.log_kernels)
    log_p = log_mean(log_kernels)
    # Clipped, for Adam squares the gradient and a χ² between far-off tails can have one of 1e30.
    schedule = optax.cosine_decay_schedule(options.learning_rate, options.steps)
    optimiser = optax.chain(optax.clip(10.0), optax.adam(schedule))

    def loss_and_exact(q: Gaussian, batch: jax.Array) -> tuple[jax.Array, jax.Array]:
        targets = jnp.stack([log_mean(log_kernels[batch]), log_p])  # [2, CELLS²]: two rows, one call
        loss, exact = logits.f_divergence(targets, gaussian_logits(q, axis)[None], generator)
        return loss, exact

    def step(state, key):
        q, moments = state
        batch = jax.random.randint(key, (options.batch_size,), 0, len(log_kernels))
        (loss, exact), gradient = jax.value_and_grad(loss_and_exact, has_aux=True)(q, batch)
        updates, moments = optimiser.update(gradient, moments)
        return (optax.apply_updates(q, updates), moments), (loss, exact, q)

    start = Gaussian(jnp.array(options.start), jnp.full(2, math.log(1 / START_STD)), jnp.zeros(()))
    keys = jax.random.split(jax.random.key(options.seed), options.steps)
    state = (start, optimiser.init(start))
    (q, _), curves, seconds = common.scan(step, state, keys, label=name, progress=not options.no_progress)
    loss, exact, path = jax.tree.map(np.asarray, curves)
    log_q = jax.nn.log_softmax(gaussian_logits(q, axis))  # for the table and the figure
    return Fit(name, np.asarray(log_q), loss, exact, np.column_stack(path), seconds)


def compare(log_p: np.ndarray, fits: Sequence[Fit]) -> dict[str, list[list[float]]]:
    """Every divergence between p and each fit, in nats and bits; in float64, where no χ² of far tails overflows."""
    with jax.enable_x64(True):
        qs = jnp.asarray(np.stack([one.log_q for one in fits]), jnp.float64)
        ps = jnp.broadcast_to(jnp.asarray(log_p, jnp.float64), qs.shape)
        values = jax.jit(lambda ps, qs: {label: verb(ps, qs) for label, verb, _ in VERBS})(ps, qs)
        return {label: jnp.stack([nats, kljax.bits(nats)], axis=-1).tolist() for label, nats in values.items()}


def report(values: dict[str, list[list[float]]], fits: Sequence[Fit], path: Path) -> None:
    """Prints the table, and writes the same numbers in full."""
    rows, records = [], []
    for label, _, is_information in VERBS:
        row = [label]
        for one, (nats, bits) in zip(fits, values[label], strict=True):
            best = "*" if [nats, bits] == min(values[label]) else " "
            row += [f"{nats:.4g}{best}", f"{bits:.4g}" if is_information else "·"]
            records.append([label, one.name, nats, bits if is_information else None])
        rows.append(row)
    print("\nEach fit against p in nats, and in bits where that is an amount of information. * marks a row's least.")
    print(common.table(["", *(cell for one in fits for cell in (f"{one.name} ", "bits"))], rows))
    common.write_csv(path, ["divergence", "fit", "nats", "bits"], records)


def draw(target: Target, log_p: np.ndarray, fits: Sequence[Fit]) -> common.Figure:
    """Large, what each divergence makes of p; small below, how it came to it."""
    drawn = common.figure(3.3 * (len(fits) + 1), 5.6)
    panels = drawn.subplots(2, len(fits) + 1, height_ratios=(3.0, 1.3))
    density = np.exp(log_p).reshape(CELLS, CELLS)
    window = (-REACH, REACH), (-REACH, REACH)
    for panel in panels[0]:
        image = panel.imshow(density.T, origin="lower", extent=window[0] + window[1], cmap="Greys")
        panel.set(xlabel="first principal component (std)")
    drawn.colorbar(image, ax=panels[0, -1], label="p, probability of a cell", shrink=0.85)
    title = f"The target p: {len(target.scores)} images of digits"
    panels[0, 0].set(ylabel="second principal component (std)", title=title)
    for digit in np.unique(target.labels):
        middle = target.scores[target.labels == digit].mean(0)
        panels[0, 0].annotate(str(digit), middle, ha="center", va="center", color="white", size=13, weight="bold")

    marginal = panels[1, 0]
    marginal.fill_between(target.axis, density.sum(1), color="0.8", label="p")
    for one, colour, above, below in zip(fits, itertools.cycle(common.COLOURS), panels[0, 1:], panels[1, 1:]):
        plot.region(one.log_density, within=window, colour=colour, ax=above)
        above.set_title(TITLES.get(one.name, ("", one.spoken))[1], color=colour, weight="bold")
        above.text(0.03, 0.03, "lines hold 50 % and 90 % of q", transform=above.transAxes, size=7)
        marginal.plot(target.axis, np.exp(one.log_q).reshape(CELLS, CELLS).sum(1), color=colour, label=one.spoken)
        below.plot(one.loss, color=colour, alpha=0.45, linewidth=0.7, label="to a minibatch of p")
        below.plot(one.exact, color="black", linewidth=1.3, label="to all of p")
        below.set(xlabel="step", yscale="log", ylabel=f"{one.spoken}{',' * bool(one.unit)}{one.unit}")
        below.set_title(f"ends at {one.exact[-1]:.3g}{one.unit}", fontsize=9)
        common.plain_logarithmic(below.yaxis, one.loss)
        below.legend(fontsize=7)
    marginal.set_title("p and the fits along one axis", fontsize=9)
    marginal.set(xlabel="first principal component (std)", ylabel="share of a column")
    marginal.legend(loc="upper left", fontsize=7)
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    parser = common.parser(__doc__, epilog=EPILOG, steps=600, learning_rate=0.03)
    parser.add_argument(
        "--divergence",
        type=common.divergence,
        action="append",
        metavar="NAME[=ORDER]",
        help=f"what to minimise, once for each fit (default {', '.join(TITLES)}): {common.DIVERGENCES}",
    )
    parser.add_argument("--batch-size", type=common.positive_int, default=128, help="images a step (default 128)")
    parser.add_argument(
        "--digits",
        type=int,
        nargs="+",
        choices=range(10),
        default=[0, 6, 7],
        metavar="DIGIT",
        help="whose images make p (default 0 6 7)",
    )
    start = {"nargs": 2, "default": [1.0, 1.0], "metavar": ("X", "Y"), "help": "where q starts (default 1 1)"}
    parser.add_argument("--start", type=float, **start)
    options = parser.parse_args(arguments)
    if not all(abs(number) <= REACH for number in options.start):
        parser.error(f"argument --start: expected a point of the grid, within ±{REACH}; got {options.start}")
    common.make_folder(parser, options.out)
    chosen = dict(options.divergence or map(common.divergence, TITLES))

    target = load_target(options.digits)
    log_p = np.asarray(log_mean(target.log_kernels))
    print(f"device: {common.device()}")
    print(f"target: {len(target.scores)} images of the digits {sorted(set(options.digits))} on {CELLS} × {CELLS} cells")

    fits = []
    for name, generator in chosen.items():
        fits.append(fit(name, generator, target, options))
        print(f"{name}: {fits[-1].exact[0]:.4g} → {fits[-1].exact[-1]:.4g}{fits[-1].unit}; {fits[-1].seconds}")
    report(compare(log_p, fits), fits, options.out / "fit_q_to_p.csv")
    kinds = ("log_q", "loss", "exact", "parameters")
    curves = {f"{kind}_{one.name}": getattr(one, kind) for one in fits for kind in kinds}
    np.savez(options.out / "fit_q_to_p.npz", axis=target.axis, log_p=log_p, **curves)
    print(f"wrote {options.out / 'fit_q_to_p.npz'}")
    common.save(draw(target, log_p, fits), options.out / "fit_q_to_p.png")


if __name__ == "__main__":
    script(main)
