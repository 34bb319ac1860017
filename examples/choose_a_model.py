"""Fit several families of distributions to measurements, and say which works best, and how far each is from the data.

Every family is fitted by maximum likelihood, that is by descending the cross-entropy from the data to the model,
``kljax.cross_entropy(Empirical(x, weights), model)``. Weights make everything one compiled program: all of the data,
all but a tenth of it (ten times, to test on that tenth), and resamples of it (the bootstrap, for error bars).

How far a model q is from what the data p come from, KL(p‖q), is its cross-entropy less the entropy of p; the latter
nobody knows. So there are two answers, and neither pretends to be the other:

  behind the best  Differences of cross-entropy on data not fitted to. Here the unknown entropy drops out: these are
                   differences of KL(p‖q) itself. Their standard errors are of paired differences, measurement by
                   measurement, so they tell families apart that look alike on their own error bars. (They leave out
                   that the fits of two folds share most of their data.)
  in cells         KL and Jensen–Shannon from the data to the fit after both are sorted into cells of equally many
                   measurements. Sorting only loses differences, so the truth is at least as large. Chance alone sets
                   even a perfect model apart, by half a nat for each cell over the number of measurements; the
                   bootstrap, in which that happens once more, takes it off. An answer near or below zero means that
                   no difference can be seen.

Between two fits nothing is estimated: KL and Jensen–Shannon come from ``kljax.quadrature``, and are inf where a family
on all numbers meets one on the positive numbers. Their error bars say how far they move with the data.

Written to the output folder:
  choose_a_model.png        densities over a histogram, the ranking with error bars, the divergences of all pairs
  choose_a_model.csv        the ranking, in nats and bits
  choose_a_model_pairs.csv  the divergences of all pairs, in nats and bits
  choose_a_model.npz        the measurements, each fit's parameters in all resamples, its losses and masses of cells
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import _common as common
import jax
import jax.numpy as jnp
import numpy as np
import optax
from _choice import Estimates, Pairs, Ranking, draw
from _models import DATASETS, FAMILIES, Cells, Measurements, cut, load_column, moments
from tqdm import tqdm

import kljax
from kljax import probs, quadrature
from kljax.families import Empirical

EPILOG = f"""data sets of scikit-learn: {", ".join(DATASETS)}; or the path of a CSV file with a header.
families: {", ".join(FAMILIES)}

examples:
  python examples/choose_a_model.py
  python examples/choose_a_model.py --dataset wine --column proline --families log_normal gamma two_normals
  python examples/choose_a_model.py --dataset measured.csv --column weight --bootstrap 500 --out out/weight

It runs on whatever device JAX finds; JAX_PLATFORMS=cpu keeps it off the GPU."""

USUAL = ("log_normal", "inverse_gamma", "inverse_gaussian", "gamma", "gumbel", "weibull", "normal")
PAIR_RESAMPLES = 24  # that all pairs are integrated for again
FIELDS = [
    *("family", "cross_entropy_nats", "behind_nats", "behind_stderr", "behind_bits", "best_in"),
    *("kl_nats", "kl_stderr", "kl_bits", "jensen_shannon_nats", "jensen_shannon_stderr", "jensen_shannon_bits"),
]
PAIR_FIELDS = ["p", "q", *FIELDS[6:]]
HEADER = [
    "family",
    "cross-entropy",
    "behind nats",
    "±",
    "bits",
    "best in",
    "KL nats",
    "±",
    "bits",
    "JS nats",
    "±",
    "bits",
]


class Weights(NamedTuple):
    """What is fitted to, a row each: the data, the data without each fold, and resamples."""

    rows: np.ndarray  # [1 + folds + resamples, n], each sums to one
    fold: np.ndarray  # [n], the fold that a measurement is tested in
    folds: int


class Fits(NamedTuple):
    """What came of the families, for every row of weights."""

    names: list[str]
    parameters: dict[str, jax.Array]  # [rows, ·], free numbers that FAMILIES builds a record of
    losses: np.ndarray  # [rows, families, n], -log q(x) in nats
    masses: np.ndarray  # [rows, families, cells]
    seconds: common.Seconds


def draw_weights(count: int, folds: int, resamples: int, seed: int) -> Weights:
    rng = np.random.default_rng(seed)
    fold = rng.permutation(np.arange(count) % folds)
    kept = (fold != np.arange(folds)[:, None]).astype(float)
    drawn = rng.multinomial(count, np.full(count, 1 / count), resamples)
    rows = np.concatenate([np.ones((1, count)), kept, drawn])
    return Weights(rows / rows.sum(1, keepdims=True), fold, folds)


def fit(names: list[str], x: np.ndarray, weights: Weights, cells: Cells, options: argparse.Namespace) -> Fits:
    """Minimises the cross-entropy from each row of weights to each family, all at once."""
    points, rows = jnp.asarray(x), jnp.asarray(weights.rows)
    optimiser = optax.adam(optax.cosine_decay_schedule(options.learning_rate, options.steps))

    def cross_entropies(parameters: dict[str, jax.Array]) -> jax.Array:
        def of(name: str, row: jax.Array, free: jax.Array) -> jax.Array:
            return kljax.cross_entropy(Empirical(points, row), FAMILIES[name].build(free))

        return jnp.stack(
            [jax.vmap(lambda row, free, n=name: of(n, row, free))(rows, parameters[name]) for name in names]
        )

    def step(state: Any, _: jax.Array) -> tuple[Any, jax.Array]:
        parameters, adam = state
        # No row shares a parameter with another, so the gradient of the sum has the gradient of each.
        values, back = jax.vjp(cross_entropies, parameters)
        updates, adam = optimiser.update(back(jnp.ones_like(values))[0], adam)
        return (optax.apply_updates(parameters, updates), adam), values[:, 0]

    described = moments(x)
    start = {name: jnp.tile(jnp.array(FAMILIES[name].start(described)), (len(rows), 1)) for name in names}
    state, label = (start, optimiser.init(start)), f"{len(names)} families × {len(rows)} samples"
    steps = jnp.arange(options.steps)
    (parameters, _), _, seconds = common.scan(step, state, steps, label=label, progress=not options.no_progress)

    @jax.jit
    def evaluate(parameters: dict[str, jax.Array]) -> tuple[jax.Array, jax.Array]:
        losses, masses = [], []
        for name in names:
            record = jax.vmap(FAMILIES[name].build)(parameters[name])
            at = jax.vmap(lambda one, where: one.log_prob(where), in_axes=(0, None))
            side = int(FAMILIES[name].positive)
            losses.append(-at(record, points))
            masses.append((jnp.exp(at(record, jnp.asarray(cells.nodes[side]))) * cells.weights[side]).sum(-1))
        return jnp.stack(losses, 1), jnp.stack(masses, 1)

    return Fits(names, parameters, *map(np.asarray, evaluate(parameters)), seconds)


def behind_the_best(fits: Fits, weights: Weights) -> tuple[np.ndarray, Estimates]:
    """Held-out cross-entropies, and how much more each is than the least, by paired differences."""
    held_out = np.stack([fits.losses[1 + fold, :, i] for i, fold in enumerate(weights.fold)], 1)  # [families, n]
    mean = held_out.mean(1)
    apart = held_out - held_out[mean.argmin()]
    return mean, Estimates(apart.mean(1), apart.std(1, ddof=1) / math.sqrt(apart.shape[1]))


def how_often_best(fits: Fits, weights: Weights) -> np.ndarray:
    """The share of resamples in which each family is the best on the measurements that were not drawn."""
    first = 1 + weights.folds
    missed = weights.rows[first:] == 0
    out_of_bag = np.einsum("bfn,bn->bf", fits.losses[first:], missed) / missed.sum(1, keepdims=True)
    return np.bincount(out_of_bag.argmin(1), minlength=len(fits.names)) / len(missed)


def to_the_data(fits: Fits, weights: Weights, cells: Cells) -> tuple[Estimates, Estimates]:
    """KL and Jensen–Shannon from the data to each fit in cells, less the bias that the bootstrap finds."""
    seen = weights.rows @ np.eye(fits.masses.shape[-1])[cells.of]  # [rows, cells]
    estimates = []
    for verb in (probs.kl, probs.jensen_shannon):
        values = np.asarray(verb(jnp.asarray(seen)[:, None], jnp.asarray(fits.masses)))
        again = values[1 + weights.folds :]
        bias = again.mean(0) - values[0]
        estimates.append(Estimates(values[0] - bias, again.std(0, ddof=1)))
    return estimates[0], estimates[1]


def between_fits(fits: Fits, weights: Weights, options: argparse.Namespace) -> Pairs:
    """KL and Jensen–Shannon of all pairs by quadrature: one program, run for the data and for some resamples."""
    count = len(fits.names)
    i, j = np.triu_indices(count, 1)
    # D(p‖q) for all p ≠ q, then KL from p to the middle of p and q, of which Jensen–Shannon is the mean.
    first, second = np.concatenate([i, j]), np.concatenate([j, i])
    p, q = np.tile(first, 2), np.tile(second, 2)
    halved = np.arange(len(p)) >= len(first)
    low = 0.0 if all(FAMILIES[name].positive for name in fits.names) else -math.inf

    @jax.jit
    def integrate(parameters: dict[str, jax.Array]) -> quadrature.Integral:
        records = [FAMILIES[name].build(parameters[name]) for name in fits.names]

        def log_densities(t: jax.Array) -> jax.Array:
            return jnp.stack([record.log_prob(t) for record in records])  # [families, pairs, nodes]

        def log_p(t: jax.Array) -> jax.Array:
            return log_densities(t)[p, np.arange(len(p))]

        def log_q(t: jax.Array) -> jax.Array:
            every, here = log_densities(t), np.arange(len(p))
            middle = jnp.logaddexp(every[p, here], every[q, here]) - math.log(2)
            return jnp.where(halved[:, None], middle, every[q, here])

        # Where each density has its mass; a heavy tail may have no variance.
        center, spread = jnp.stack([r.mean for r in records]), jnp.sqrt(jnp.stack([r.variance for r in records]))
        center = jnp.where(jnp.isfinite(center), center, 1.0)
        spread = jnp.where(jnp.isfinite(spread), spread, 1.0)
        return quadrature.kl(
            log_p,
            log_q,
            support=(low, math.inf),
            center=(center[p], center[q]),
            scale=(spread[p], spread[q]),
            points=jnp.zeros((len(p), 1)),  # where the families of positive numbers begin
        )

    resamples = range(1 + weights.folds, len(weights.rows))[:PAIR_RESAMPLES]
    found = []
    hidden = True if options.no_progress else None  # None: shown on a terminal
    for row in tqdm([0, *resamples], desc="all pairs", unit="sample", disable=hidden, file=sys.stderr):
        found.append(jax.tree.map(np.asarray, integrate(jax.tree.map(lambda leaf, r=row: leaf[r], fits.parameters))))
    values = np.stack([one.value for one in found])
    direct, halves = np.split(values, 2, axis=1)
    mean = (halves[:, : len(i)] + halves[:, len(i) :]) / 2
    matrices = []
    for entries in (direct, np.tile(mean, 2)):
        value, spread = np.zeros((count, count)), np.zeros((count, count))
        value[first, second] = entries[0]
        finite = np.isfinite(entries).all(0)
        spread[first[finite], second[finite]] = entries[1:, finite].std(0, ddof=1)
        matrices.append(Estimates(value, spread))
    return Pairs(*matrices, float(max(one.error.max() for one in found)))


def bits(nats: Any) -> np.ndarray:
    return np.asarray(kljax.bits(jnp.asarray(nats)))


def signed(value: float, digits: int = 4) -> str:
    """Rounded, without the sign of a zero."""
    return f"{round(value, digits) + 0.0:.{digits}f}"


def report(fits: Fits, data: Measurements, found: Ranking, pairs: Pairs, options: argparse.Namespace) -> None:
    """Prints the ranking and all pairs, and writes the same numbers in full."""
    order = np.argsort(found.held_out)
    records, cells = [], []
    for at in order:
        record: list[Any] = [fits.names[at], found.held_out[at] + math.log(data.unit)]
        for one in (found.behind, found.kl, found.jensen_shannon):
            record += [one.value[at], one.stderr[at], float(bits(one.value[at]))]
        record.insert(5, found.wins[at])
        records.append(record)
        cells.append([record[0], *(f"{x:.0%}" if i == 4 else signed(x) for i, x in enumerate(record[1:]))])
    print(f"\nFamilies by cross-entropy on held-out data ({options.folds} folds), nats for each measurement; beside it")
    print(f"KL and Jensen–Shannon from the data in {fits.masses.shape[-1]} cells, less their bias.")
    print(common.table(HEADER, cells))
    best, *others = order
    tied = [fits.names[at] for at in others if found.behind.value[at] < 2 * found.behind.stderr[at]]
    close = f"; within two standard errors of it: {', '.join(tied)}" if tied else ", by two standard errors and more"
    print(f"\n{fits.names[best]} is the best{close}.")
    for at in others:
        nats = pairs.kl.value[best, at]
        if 0 < nats < math.inf:
            needed = f"{math.log(100) / nats:,.0f} measurements"
            print(f"  If it were the truth, odds of 100 to 1 against {fits.names[at]} would take about {needed}.")
    print("\nKL(row‖column) between the fits, nats; by quadrature, to " + f"{pairs.error:.0e}.")
    names = [fits.names[at] for at in order]
    print(common.table(["", *names], [[fits.names[a], *(signed(pairs.kl.value[a, b]) for b in order)] for a in order]))

    common.write_csv(options.out / "choose_a_model.csv", FIELDS, records)
    rows = [
        [fits.names[a], fits.names[b], *(x for one in (pairs.kl, pairs.jensen_shannon) for x in in_full(one, a, b))]
        for a in order
        for b in order
    ]
    common.write_csv(options.out / "choose_a_model_pairs.csv", PAIR_FIELDS, rows)


def in_full(one: Estimates, a: int, b: int) -> list[float]:
    return [one.value[a, b], one.stderr[a, b], float(bits(one.value[a, b]))]


def at_least_two(text: str) -> int:
    value = common.positive_int(text)
    if value < 2:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 2; got {text!r}")
    return value


def choose_families(parser: argparse.ArgumentParser, asked: list[str] | None, x: np.ndarray) -> list[str]:
    """Those asked for, or the usual ones; without the families of positive numbers where there are others."""
    names = list(dict.fromkeys(asked or USUAL))
    wrong = [name for name in names if FAMILIES[name].positive and x.min() <= 0]
    if wrong and asked:
        parser.error(f"argument --families: {', '.join(wrong)} is for positive numbers; the least here is {x.min():g}")
    if wrong:
        print(f"left out, for the least measurement is {x.min():g}: {', '.join(wrong)}")
    names = [name for name in names if name not in wrong]
    if len(names) < 2:
        parser.error("argument --families: expected at least two families to compare")
    return names


def main(arguments: Sequence[str] | None = None) -> None:
    parser = common.parser(__doc__, epilog=EPILOG, steps=300, learning_rate=0.05)
    parser.add_argument("--dataset", default="breast_cancer", help="where from, see below (default breast_cancer)")
    parser.add_argument("--column", default="mean area", help="which measurement (default 'mean area')")
    families = {"nargs": "+", "choices": list(FAMILIES), "metavar": "FAMILY"}
    parser.add_argument("--families", **families, help=f"what to fit, see below (default {' '.join(USUAL)})")
    parser.add_argument("--bootstrap", type=at_least_two, default=200, help="resamples, for error bars (default 200)")
    parser.add_argument("--folds", type=at_least_two, default=10, help="folds of cross-validation (default 10)")
    parser.add_argument(
        "--cells", type=at_least_two, default=20, help="cells that the data are sorted into (default 20)"
    )
    options = parser.parse_args(arguments)
    try:
        data = load_column(options.dataset, options.column)
    except ValueError as error:
        parser.error(f"argument --dataset or --column: {error}")
    if max(options.folds, options.cells) > len(data.values) // 4:
        parser.error(f"argument --folds or --cells: expected at most a quarter of the {len(data.values)} measurements")
    names = choose_families(parser, options.families, data.values)
    common.make_folder(parser, options.out)
    print(f"device: {common.device()}")
    print(f"data: {len(data.values)} measurements, {data.name}")

    # In double precision: a difference of 0.001 nats is what is left of losses that are a thousand times as large.
    with jax.enable_x64(True):
        x = data.values / data.unit
        weights, cells = draw_weights(len(x), options.folds, options.bootstrap, options.seed), cut(x, options.cells)
        fits = fit(names, x, weights, cells, options)
        print(f"{len(names)} families, each fitted to {len(weights.rows)} samples: {fits.seconds}")
        held_out, behind = behind_the_best(fits, weights)
        found = Ranking(held_out, behind, how_often_best(fits, weights), *to_the_data(fits, weights, cells))
        pairs = between_fits(fits, weights, options)
        report(fits, data, found, pairs, options)
        free = {f"parameters_{name}": np.asarray(fits.parameters[name]) for name in names}
        everything = {"x": x, "unit": data.unit, "edges": cells.edges, "weights": weights.rows, "fold": weights.fold}
        np.savez(options.out / "choose_a_model.npz", losses=fits.losses, masses=fits.masses, **everything, **free)
        print(f"wrote {options.out / 'choose_a_model.npz'}")
        records = {name: FAMILIES[name].build(fits.parameters[name][0]) for name in names}
        common.save(draw(names, records, data, found, pairs), options.out / "choose_a_model.png")


if __name__ == "__main__":
    main()
