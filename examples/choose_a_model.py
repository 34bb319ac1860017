"""Fit several families of distributions to measurements, and say which works best, and how far each is from the data.

The work is done by two functions of ``kljax.samples``; here are the data, the tables and the figure.

  rank_models  Every family is fitted without a tenth of the data and scored on it, ten times. How far one is behind the
               best is a difference of log-scores, measurement by measurement: the entropy of the data, which nobody
               knows, drops out, and the error bars are of paired differences.
  model_kl     KL(data‖fit) itself, from the spacings of the measurements, and a p-value: could data from this family,
               fitted again, be as far from it? Bias, error bar and p-value come from 199 samples of the fit.

Written to the output folder:
  choose_a_model.png  the data with two fits, and both distances of each family with error bars
  choose_a_model.csv  the ranking, a row for each family, the best first; nats and bits
  choose_a_model.npz  the measurements and each family's log-scores on data not fitted to
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from typing import Any

import _common as common
import jax
import jax.numpy as jnp
import numpy as np
from _choice import draw
from _models import DATASETS, FAMILIES, POSITIVE, load_column
from _script import script
from tqdm import tqdm

import kljax
from kljax import montecarlo, samples

EPILOG = f"""data sets of scikit-learn: {", ".join(DATASETS)}; or the path of a CSV file with a header.
families: {", ".join(FAMILIES)}

examples:
  python examples/choose_a_model.py
  python examples/choose_a_model.py --dataset wine --column proline --families log_normal gamma two_normals
  python examples/choose_a_model.py --dataset measured.csv --column weight --bootstrap 999 --out out/weight

It runs on whatever device JAX finds; JAX_PLATFORMS=cpu keeps it off the GPU."""

USUAL = ("log_normal", "inverse_gamma", "inverse_gaussian", "gamma", "gumbel", "weibull", "normal")
FIELDS = [
    *(
        "family",
        "log_score_nats",
        "behind_nats",
        "behind_stderr",
        "behind_bits",
        "best_in",
        "weight",
        "dim",
        "aic",
        "bic",
    ),
    *("kl_nats", "kl_stderr", "kl_bits", "p_value", "anderson_darling", "from_best_nats"),
]


def at_least(least: int) -> Any:
    def parse(text: str) -> int:
        value = common.positive_int(text)
        if value < least:
            raise argparse.ArgumentTypeError(f"expected a whole number of at least {least}; got {text!r}")
        return value

    return parse


def choose_families(parser: argparse.ArgumentParser, asked: list[str] | None, x: np.ndarray) -> list[str]:
    """Those asked for, or the usual ones; without the families of positive numbers where there are others."""
    names = list(dict.fromkeys(asked or USUAL))
    wrong = [name for name in names if name in POSITIVE and x.min() <= 0]
    if wrong and asked:
        parser.error(f"argument --families: {', '.join(wrong)} is for positive numbers; the least here is {x.min():g}")
    if wrong:
        print(f"left out, for the least measurement is {x.min():g}: {', '.join(wrong)}")
    names = [name for name in names if name not in wrong]
    if len(names) < 2:
        parser.error("argument --families: expected at least two families to compare")
    return names


def bits(nats: float) -> float:
    return float(kljax.bits(jnp.float32(nats)))


def from_best(ranking: samples.Ranking, key: jax.Array) -> dict[str, float]:
    """KL of each fit from the best one, were that the truth, by draws of it; inf where a fit misses some of them."""
    best = ranking.fitted[ranking.best]
    draws = best.sample(key, (20_000,))
    log_p = best.log_prob(draws)
    return {
        row.name: float(montecarlo.kl(log_p, ranking.fitted[row.name].log_prob(draws), estimator="k1").value)
        for row in ranking.rows
    }


def report(
    ranking: samples.Ranking, distances: dict[str, samples.ModelFit], apart: dict[str, float]
) -> list[list[Any]]:
    """Prints what was found, and returns the same in full."""
    print(f"\n{ranking}\n")
    for name, found in distances.items():
        print(f"{name}: {found}")
    print()
    for name, nats in apart.items():
        if 0 < nats < math.inf:
            needed = f"{math.log(100) / nats:,.0f} measurements"
            print(f"If {ranking.best} were the truth, odds of 100 to 1 against {name} would take about {needed}.")
    rows = []
    for row in ranking.rows:
        behind, found = float(row.behind.value), distances[row.name]
        rows.append(
            [
                *(row.name, float(row.log_score.value), behind, float(row.behind.stderr), bits(behind), row.best_in),
                *(row.weight, row.dim, row.aic, row.bic, float(found.value), float(found.stderr)),
                *(bits(float(found.value)), found.p_value, found.anderson_darling, apart[row.name]),
            ]
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    parser = common.parser(__doc__, epilog=EPILOG, steps=None, learning_rate=None)
    parser.add_argument("--dataset", default="breast_cancer", help="where from, see below (default breast_cancer)")
    parser.add_argument("--column", default="mean area", help="which measurement (default 'mean area')")
    families = {"nargs": "+", "choices": list(FAMILIES), "metavar": "FAMILY"}
    parser.add_argument("--families", **families, help=f"what to fit, see below (default {' '.join(USUAL)})")
    parser.add_argument("--bootstrap", type=at_least(39), default=199, help="samples of each fit (default 199)")
    parser.add_argument("--folds", type=at_least(2), default=10, help="folds of cross-validation (default 10)")
    options = parser.parse_args(arguments)
    try:
        data = load_column(options.dataset, options.column)
    except ValueError as error:
        parser.error(f"argument --dataset or --column: {error}")
    x = data.values
    if options.folds > len(x) // 4:
        parser.error(f"argument --folds: expected at most a quarter of the {len(x)} measurements")
    names = choose_families(parser, options.families, x)
    common.make_folder(parser, options.out)
    print(f"device: {common.device()}")
    print(f"data: {len(x)} measurements, {data.name}")

    models = {name: FAMILIES[name] for name in names}
    keys = jax.random.split(jax.random.key(options.seed))
    ranking = samples.rank_models(x, models, key=keys[0], folds=options.folds)
    hidden = True if options.no_progress else None  # None: shown on a terminal
    order = tqdm(ranking.rows, desc="distances", unit="family", disable=hidden, file=sys.stderr)
    distances = {
        row.name: samples.model_kl(x, models[row.name], key=keys[1], resamples=options.bootstrap) for row in order
    }
    found = report(ranking, distances, from_best(ranking, keys[1]))
    common.write_csv(options.out / "choose_a_model.csv", FIELDS, found)
    scores = {f"scores_{name}": one for name, one in ranking.scores.items()}
    np.savez(options.out / "choose_a_model.npz", x=x, **scores)
    print(f"wrote {options.out / 'choose_a_model.npz'}")
    common.save(draw(data, ranking, distances), options.out / "choose_a_model.png")


if __name__ == "__main__":
    script(main)
