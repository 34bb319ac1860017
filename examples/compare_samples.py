"""Compare groups of measurements of which nobody knows the densities: cultivars of wine, by 13 chemical measurements.

For every pair of cultivars and every measurement alone this estimates Jensen–Shannon, which is between 0 (no
difference) and log 2 (no overlap), with its 95 % interval, and the p-value of the energy distance for "no difference";
and for a few measurements together KL in both directions, with the verdict in words. --steps is the number of
relabellings that a p-value is made of.

The data are those of scikit-learn, so nothing is downloaded: 178 wines of one region.
"""

from __future__ import annotations

import itertools
import math
import time

import _common as common
import jax
import numpy as np
from _script import script
from sklearn.datasets import load_wine

from kljax import samples

NAME = "compare_samples"
EPILOG = """files written to --out:
  compare_samples.csv  one row for each pair and measurement: Jensen–Shannon, its error and interval, p
  compare_samples.npz  the same as arrays
  compare_samples.png  the intervals
"""
TOGETHER = ("ash", "magnesium", "proanthocyanins")


def main(arguments: list[str] | None = None) -> None:
    parser = common.parser(__doc__, epilog=EPILOG, steps=99, learning_rate=None)
    given = parser.parse_args(arguments)
    common.make_folder(parser, given.out)
    print(f"device: {common.device()}")
    start = time.perf_counter()
    wine = load_wine()
    groups = [wine.data[wine.target == one] for one in range(3)]
    pairs = list(itertools.combinations(range(3), 2))
    names = [name.replace("/", " to ") for name in wine.feature_names]
    found = np.zeros((len(pairs), len(names), 5))  # value, stderr, low, high, p
    keys = iter(jax.random.split(jax.random.key(given.seed), 2 * len(pairs) * (len(names) + 1)))
    for at, (a, b) in enumerate(pairs):
        for column in range(len(names)):
            x, y = groups[a][:, column], groups[b][:, column]
            one = samples.jensen_shannon(x, y, key=next(keys)) if _continuous(x, y) else None
            apart = samples.energy_distance(
                x.astype(np.float32), y.astype(np.float32), permutations=given.steps, key=next(keys)
            )
            number = (math.nan,) * 4 if one is None else (float(one.value), float(one.stderr), *one.interval())
            found[at, column] = (*number, float(apart.p_value))
    report(given.out, names, pairs, found)
    chosen = [wine.feature_names.index(name) for name in TOGETHER]
    print(f"\n{', '.join(TOGETHER)} together:")
    for a, b in itertools.permutations(range(3), 2):
        one = samples.kl(groups[a][:, chosen], groups[b][:, chosen], key=jax.random.key(given.seed))
        print(f"  KL(cultivar {a}‖cultivar {b}) = {one}")
    print(f"{time.perf_counter() - start:.1f} s, compiling among it")


def _continuous(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether values recur so often that there is no density to compare."""
    _, counts = np.unique(np.concatenate([x, y]), return_counts=True)
    return counts.max() <= 0.2 * counts.sum()


def report(out, names: list[str], pairs: list[tuple[int, int]], found: np.ndarray) -> None:
    rows = [
        [f"{a} and {b}", name, *found[at, column]]
        for at, (a, b) in enumerate(pairs)
        for column, name in enumerate(names)
    ]
    header = ["cultivars", "measurement", "jensen_shannon", "stderr", "low", "high", "p_value"]
    print(common.table(header, [[*row[:2], *(f"{one:.3f}" for one in row[2:])] for row in rows]))
    common.write_csv(out / f"{NAME}.csv", header, rows)
    np.savez(out / f"{NAME}.npz", found=found, names=np.array(names))
    order = np.argsort(np.nanmean(found[:, :, 0], axis=0))
    drawn = common.figure(7.0, 5.2)
    axes = drawn.add_subplot()
    for at, (a, b) in enumerate(pairs):
        value, _, low, high, _ = found[at, order].T
        place = np.arange(len(names)) + 0.24 * (at - 1)
        clipped = np.clip(value, 0.0, math.log(2.0))
        reach = np.maximum([clipped - low, high - clipped], 0.0)
        axes.errorbar(
            clipped, place, xerr=reach, fmt="o", ms=4, lw=1.2, color=common.COLOURS[at], label=f"cultivars {a} and {b}"
        )
    axes.axvline(math.log(2.0), color="0.6", lw=0.8, ls="--")
    axes.text(math.log(2.0), -0.9, "log 2: no overlap ", ha="right", va="center", color="0.4", fontsize=8)
    axes.set_yticks(range(len(names)), [names[one].replace("_", " ") for one in order])
    axes.set_xlim(0.0, 0.75)
    axes.set_ylim(-1.3, len(names) - 0.4)
    axes.set_xlabel("Jensen–Shannon divergence (nats), with 95 % intervals")
    drawn.suptitle("Three cultivars of wine, one measurement at a time", fontsize=10)
    axes.legend(loc="lower right", bbox_to_anchor=(0.88, 0.05))
    common.save(drawn, out / f"{NAME}.png")


if __name__ == "__main__":
    script(main)
