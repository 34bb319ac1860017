"""How ``kljax.tables`` is calibrated: false alarms, power beside KS and PSI, coverage, the joint part, and time.

    python benchmarks/tables.py [null] [profile] [power] [coverage] [joint] [time] [--repeats 1.0]

Everything is simulated with fixed seeds; the standard error of a rate r over n repeats is √(r(1 - r)/n), which is 0.6
points at 5 % of 1 500. PSI is the usual one: ten bins of equal share of the reference, alarm at 0.1. Times are
CPU-seconds.
"""

from __future__ import annotations

import argparse
import math
import pathlib
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from scipy import integrate, stats

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from kljax import tables

Draw = Callable[[np.random.Generator, int], np.ndarray]
ZIPF = 1 / np.arange(1, 1001) / np.sum(1 / np.arange(1, 1001))
LETTERS = np.cumsum(np.arange(10, 0, -1) / 55)


def zipf(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.searchsorted(np.cumsum(ZIPF), rng.random(n))


NULL: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "t(2)": lambda rng, n: rng.standard_t(2, n),
    "Poisson(3)": lambda rng, n: rng.poisson(3, n),
    "70 % zeros": lambda rng, n: np.where(rng.random(n) < 0.7, 0.0, rng.lognormal(size=n)),
    "10 % missing": lambda rng, n: np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n)),
    "bool, 20 %": lambda rng, n: rng.random(n) < 0.2,
    "90 days": lambda rng, n: np.datetime64("2024-01-01") + rng.integers(0, 90, n).astype("timedelta64[D]"),
    "10 categories": lambda rng, n: np.searchsorted(LETTERS, rng.random(n)),
    "1 000 categories, alike": lambda rng, n: rng.integers(0, 1000, n),
    "1 000 categories, Zipf": zipf,
}
SIZES = [
    *((20, 20), (50, 50), (100, 100), (300, 300), (1000, 100), (100, 1000), (1000, 1000), (1000, 30_000)),
    *((10_000, 10_000), (100_000, 100_000), (1_000_000, 20_000)),
]


def replicates(reference: Draw, current: Draw, n: int, m: int, count: int, seed: int) -> Iterator[tuple[dict, dict]]:
    """Pairs of tables whose columns are independent replicates, ``count`` in all."""
    rng = np.random.default_rng(seed)
    while count > 0:
        width = min(count, max(1, 1_000_000 // (n + m)), 200)
        yield ({str(j): reference(rng, n) for j in range(width)}, {str(j): current(rng, m) for j in range(width)})
        count -= width


def repeats_for(n: int, m: int, scale: float) -> int:
    return max(20, round(scale * (1500 if n + m <= 31_000 else 600 if n + m <= 50_000 else 250)))


def null(scale: float, *, profile: bool = False) -> None:
    print(f"\nFalse alarms in % at 0.05 (at 0.001){', edges of a saved profile' if profile else ''}")
    sizes = [pair for pair in SIZES if pair[0] <= 1000 and pair[1] <= 1000 and pair[0] >= 50] if profile else SIZES
    print("| data | " + " | ".join(f"{n:,} × {m:,}" for n, m in sizes) + " |")
    for name, draw in NULL.items():
        cells = []
        for n, m in sizes:
            p = []
            for reference, current in replicates(draw, draw, n, m, repeats_for(n, m, scale), seed=n + m):
                kinds = dict.fromkeys(reference, "category") if "categories" in name else None
                before = tables.profile(reference, kinds=kinds) if profile else reference
                found = tables.compare(before, current, kinds=kinds, joint="off", correction="none")
                p += [column.p_value for column in found.columns]
            cells.append(f"{100 * np.mean(np.array(p) <= 0.05):.1f} ({100 * np.mean(np.array(p) <= 0.001):.2f})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def two_modes(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.where(rng.random(n) < 0.5, -0.9, 0.9) + math.sqrt(0.19) * rng.normal(size=n)


NORMAL: Draw = NULL["normal"]
POWER: dict[str, tuple[Draw, Draw, int]] = {
    "shift .3 sd": (NORMAL, lambda rng, n: rng.normal(0.3, 1, n), 100),
    "t(2) shift .5": (NULL["t(2)"], lambda rng, n: rng.standard_t(2, n) + 0.5, 100),
    "scale 1.3": (NORMAL, lambda rng, n: rng.normal(0, 1.3, n), 100),
    "t(3) of the same sd": (NORMAL, lambda rng, n: rng.standard_t(3, n) / math.sqrt(3), 100),
    "two modes, same mean and sd": (NORMAL, two_modes, 100),
    "zeros 70 → 60 %": (
        NULL["70 % zeros"],
        lambda rng, n: np.where(rng.random(n) < 0.6, 0.0, rng.lognormal(size=n)),
        100,
    ),
    "3 % at one value, n = 1 000": (
        NORMAL,
        lambda rng, n: np.where(rng.random(n) < 0.03, 1.0, rng.normal(size=n)),
        1000,
    ),
    "shift .2, n = 300": (NORMAL, lambda rng, n: rng.normal(0.2, 1, n), 300),
    "shift .3, n = 1 000": (NORMAL, lambda rng, n: rng.normal(0.3, 1, n), 1000),
    "shift .3, n = 10 000": (NORMAL, lambda rng, n: rng.normal(0.3, 1, n), 10_000),
    "shift .3 sd, n = 20": (NORMAL, lambda rng, n: rng.normal(0.3, 1, n), 20),
    "shift 1 sd, n = 20": (NORMAL, lambda rng, n: rng.normal(1, 1, n), 20),
    "nothing": (NORMAL, NORMAL, 100),
}


def psi_of_ten_bins(reference: np.ndarray, current: np.ndarray) -> float:
    edges = np.unique(np.quantile(reference, np.arange(1, 10) / 10))
    p, q = (
        np.bincount(np.searchsorted(edges, x, side="right"), minlength=len(edges) + 1) / len(x)
        for x in (reference, current)
    )
    p, q = np.maximum(p, 1e-4), np.maximum(q, 1e-4)
    return float(np.sum((q - p) * np.log(q / p)))


def power(scale: float) -> None:
    print("\nPower in %\n| change | kljax | order | any | KS | PSI ≥ .1 |")
    for name, (before, after, n) in POWER.items():
        ours, order, omnibus, ks, psi = [], [], [], [], []
        for reference, current in replicates(before, after, n, n, round(scale * 1000), seed=1):
            found = tables.compare(reference, current, joint="off", correction="none")
            for column in found.columns:
                ours.append(column.p_value)
                order.append(column.parts["order"])
                omnibus.append(column.parts["any"])
                x, y = reference[column.name], current[column.name]
                ks.append(stats.ks_2samp(x, y).pvalue)
                psi.append(0.0 if psi_of_ten_bins(x, y) >= 0.1 else 1.0)
        rates = [100 * np.mean(np.array(p) <= 0.05) for p in (ours, order, omnibus, ks, psi)]
        print(f"| {name} | " + " | ".join(f"{rate:.0f}" for rate in rates) + " |", flush=True)


def of_densities(p: Callable, q: Callable, ends: tuple[float, float]) -> tuple[float, float]:
    """KL(q‖p) and JS by quadrature."""

    def kl(a: Callable, b: Callable) -> float:
        def integrand(x: float) -> float:
            return a(x) * (math.log(a(x)) - math.log(b(x))) if a(x) > 0 and b(x) > 0 else 0.0

        return integrate.quad(integrand, *ends, limit=500)[0]

    def middle(x: float) -> float:
        return (p(x) + q(x)) / 2

    return kl(q, p), (kl(q, middle) + kl(p, middle)) / 2


def of_shares(p: np.ndarray, q: np.ndarray) -> tuple[float, float]:
    middle = (p + q) / 2
    kl, *halves = (float(np.sum(a * np.log(a / b))) for a, b in ((q, p), (q, middle), (p, middle)))
    return kl, sum(halves) / 2


def poisson(rate: float) -> np.ndarray:
    return stats.poisson(rate).pmf(np.arange(40)) + 1e-300


def letters(weights: np.ndarray) -> Draw:
    return lambda rng, n: np.array(list("abcdefghij"))[np.searchsorted(np.cumsum(weights), rng.random(n) * 0.999999)]


FIRST, SECOND = np.arange(10, 0, -1) / 55, np.roll(np.arange(10, 0, -1), 2) / 110 + np.arange(10, 0, -1) / 110
COVERAGE: dict[str, tuple[Draw, Draw, tuple[float, float]]] = {
    "none": (NORMAL, NORMAL, (0.0, 0.0)),
    "shift .3": (NORMAL, POWER["shift .3 sd"][1], of_densities(stats.norm.pdf, stats.norm(0.3).pdf, (-9, 9))),
    "shift 1": (NORMAL, POWER["shift 1 sd, n = 20"][1], of_densities(stats.norm.pdf, stats.norm(1).pdf, (-9, 10))),
    "scale 1.1": (
        NORMAL,
        lambda rng, n: rng.normal(0, 1.1, n),
        of_densities(stats.norm.pdf, stats.norm(0, 1.1).pdf, (-11, 11)),
    ),
    "scale .7": (
        NORMAL,
        lambda rng, n: rng.normal(0, 0.7, n),
        of_densities(stats.norm.pdf, stats.norm(0, 0.7).pdf, (-9, 9)),
    ),
    "log-normal .2": (
        lambda rng, n: rng.lognormal(size=n),
        lambda rng, n: rng.lognormal(0.2, 1, n),
        of_densities(stats.norm.pdf, stats.norm(0.2).pdf, (-9, 9)),
    ),
    "t(2) shift .3": (
        NULL["t(2)"],
        lambda rng, n: rng.standard_t(2, n) + 0.3,
        of_densities(stats.t(2).pdf, stats.t(2, 0.3).pdf, (-1000, 1000)),
    ),
    "Poisson 3 → 3.3": (
        NULL["Poisson(3)"],
        lambda rng, n: rng.poisson(3.3, n),
        of_shares(poisson(3), poisson(3.3)),
    ),
    "zeros .7 → .6": (
        NULL["70 % zeros"],
        POWER["zeros 70 → 60 %"][1],
        of_shares(np.array([0.7, 0.3]), np.array([0.6, 0.4])),
    ),
    "10 categories": (letters(FIRST), letters(SECOND), of_shares(FIRST, SECOND)),
    "bool .2 → .3": (
        NULL["bool, 20 %"],
        lambda rng, n: rng.random(n) < 0.3,
        of_shares(np.array([0.8, 0.2]), np.array([0.7, 0.3])),
    ),
    "scale 2": (
        NORMAL,
        lambda rng, n: rng.normal(0, 2, n),
        of_densities(stats.norm.pdf, stats.norm(0, 2).pdf, (-18, 18)),
    ),
}


def coverage(scale: float) -> None:
    print("\nCoverage of 95 % intervals in % (mean, share open)")
    sizes = ((100, 100), (1000, 1000), (300, 3000), (3000, 300), (1000, 10_000))
    for what, which in (("KL", 0), ("JS", 1)):
        print(f"| {what} (truth) | " + " | ".join(f"{n:,} × {m:,}" for n, m in sizes) + " |")
        for name, (before, after, truths) in COVERAGE.items():
            cells = []
            for n, m in sizes:
                found = []
                for reference, current in replicates(before, after, n, m, round(scale * 500), seed=n):
                    comparison = tables.compare(reference, current, joint="off", correction="none")
                    found += [column.js if which else column.kl for column in comparison.columns]
                inside = np.mean([one.low <= truths[which] <= one.high for one in found])
                mean, opened = np.mean([one.value for one in found]), np.mean([one.open for one in found])
                cells.append(f"{100 * inside:.1f} ({mean:.4f}{'' if which else f', {100 * opened:.0f} %'})")
            print(f"| {name} ({truths[which]:.4f}) | " + " | ".join(cells) + " |", flush=True)


def autoregressive(rng: np.random.Generator, n: int) -> np.ndarray:
    x = rng.normal(size=(n, 10))
    for j in range(1, 10):
        x[:, j] = 0.3 * x[:, j - 1] + math.sqrt(1 - 0.09) * x[:, j]
    return x


def one_of_fifty(rng: np.random.Generator, n: int) -> np.ndarray:
    x = rng.normal(size=(n, 50))
    x[:, 7] += 0.5
    return x


def signs(rng: np.random.Generator, n: int, of: int) -> np.ndarray:
    x = rng.normal(size=(n, 5))
    x[:, of] = np.abs(x[:, of]) * np.sign(np.prod(x[:, :of], axis=1))
    return x


JOINT: dict[str, tuple[int, Draw, float]] = {
    "ten columns shifted .1": (10, lambda rng, n: rng.normal(0.1, 1, (n, 10)), 0.0123),
    "AR(.3), margins equal": (10, autoregressive, 0.0951),
    "one of fifty shifted .5": (50, one_of_fifty, 0.0303),
    "sign of a product of two": (5, lambda rng, n: signs(rng, n, 1), 0.2158),
    "sign of a product of three": (5, lambda rng, n: signs(rng, n, 2), 0.2158),
    "nothing, 10 columns": (10, lambda rng, n: rng.normal(size=(n, 10)), 0.0),
    "nothing, 50 columns": (50, lambda rng, n: rng.normal(size=(n, 50)), 0.0),
}


def joint(scale: float) -> None:
    print("\nAll columns together, 10 000 rows of each table: mean of the JS bound, CPU-seconds of the joint part")
    for name, (d, draw, truth) in JOINT.items():
        rng, found, spent = np.random.default_rng(0), [], []
        for _ in range(max(2, round(scale * 5))):
            reference, current = rng.normal(size=(10_000, d)), draw(rng, 10_000)
            times = []
            for part in ("auto", "off"):
                start = time.process_time()
                comparison = tables.compare(reference, current, joint=part)
                times.append(time.process_time() - start)
                if comparison.joint is not None:
                    found.append(comparison.joint.js.value)
            spent.append(times[0] - times[1])
        print(f"| {name} | {truth:.4f} | {np.mean(found):.4f} | {np.mean(spent):.2f} |", flush=True)
    print("| size at 5 % | rows × columns | % |")
    for n, d in ((50, 3), (200, 5), (300, 20), (1000, 50)):
        rng, hits = np.random.default_rng(1), []
        for _ in range(max(20, round(scale * 300))):
            together = tables.compare(rng.normal(size=(n, d)), rng.normal(size=(n, d))).joint
            hits.append(together is not None and together.p_value <= 0.05)
        print(f"| | {n} × {d} | {100 * np.mean(hits):.1f} |", flush=True)


def timed(scale: float) -> None:
    rng = np.random.default_rng(0)
    n = max(10_000, round(1_000_000 * min(scale, 1.0)))
    print(f"\nCPU-seconds of compare, two tables of {n:,} rows and 10 columns in memory")
    mixed = [
        {name: draw(rng, n) for name, draw in list(NULL.items())[:8]}
        | {"income": rng.lognormal(10, 1, n), "town": np.array(list("abcdefgh"), object)[rng.integers(0, 8, n)]}
        for _ in range(2)
    ]
    for name, pair in (("numbers", [rng.normal(size=(n, 10)) for _ in range(2)]), ("mixed", mixed)):
        for part in ("off", "auto"):
            best = math.inf
            for _ in range(3):
                start = time.process_time()
                tables.compare(*pair, joint=part)
                best = min(best, time.process_time() - start)
            print(f"| {name}, joint={part!r} | {best:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sections = {
        "null": null,
        "profile": lambda scale: null(scale, profile=True),
        "power": power,
        "coverage": coverage,
        "joint": joint,
        "time": timed,
    }
    parser.add_argument("sections", nargs="*", choices=[*sections, []], help="which parts to run; all by default")
    parser.add_argument("--repeats", type=float, default=1.0, help="multiplies the number of repeats")
    options = parser.parse_args()
    for name in options.sections or sections:
        sections[name](options.repeats)


if __name__ == "__main__":
    main()
