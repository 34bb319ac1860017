"""Entropies and divergences from counts, against the truth: bias, RMSE, mean standard error, how often it holds.

    python benchmarks/counts.py                 # 200 repeats, about a CPU-minute
    python benchmarks/counts.py --repeats 40    # as the tables in docs/counts.md

Everything is drawn from fixed seeds. A coverage is the share of repeats in which the 95 % interval holds the truth; its
own error is about 1.5 points for 200 repeats.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from kljax import counts

METHODS = ("plug_in", "miller_madow", "jackknife", "grassberger", "chao_shen", "chao_wang_jost", "nsb")


def zipf(outcomes: int, power: float = 1.0) -> np.ndarray:
    p = np.arange(1.0, outcomes + 1) ** -power
    return p / p.sum()


def flat(outcomes: int) -> np.ndarray:
    return np.full(outcomes, 1.0 / outcomes)


def geometric(outcomes: int = 60) -> np.ndarray:
    p = 0.2 * 0.8 ** np.arange(outcomes)
    return p / p.sum()


ENTROPIES = {
    "Zipf K=1,000 n=500": (zipf(1000), 500),
    "uniform K=1,000 n=300": (flat(1000), 300),
    "Zipf K=10,000 n=2,000": (zipf(10_000), 2000),
    "Zipf^1.5 K=10,000 n=1,000": (zipf(10_000, 1.5), 1000),
    "geometric n=100": (geometric(), 100),
    "Zipf K=100 n=300": (zipf(100), 300),
    "uniform K=50 n=1,000": (flat(50), 1000),
    "(.9, .05, .05) n=50": (np.array([0.9, 0.05, 0.05]), 50),
}
DIVERGENCES = {
    "same Zipf K=100 n=300": (zipf(100), zipf(100), 300, 300),
    "same uniform K=50 n=200": (flat(50), flat(50), 200, 200),
    "Zipf 1 v 1.2 K=200 n=5,000": (zipf(200), zipf(200, 1.2), 5000, 5000),
    "Zipf 1 v 1.2 K=200 n=500": (zipf(200), zipf(200, 1.2), 500, 500),
    "Zipf v reversed K=50 n=1,000": (zipf(50), zipf(50)[::-1], 1000, 1000),
    "uniform v Zipf K=1,000 n=2,000": (flat(1000), zipf(1000), 2000, 2000),
    "(.5, .3, .2) v (.2, .3, .5) n=50 m=500": (np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5]), 50, 500),
}
TABLES = {
    "independent 5×5 n=100": (np.outer(zipf(5), zipf(5)), 100),
    "independent 20×20 n=500": (np.outer(zipf(20), zipf(20)), 500),
    "dependent 20×20 n=500": (None, 500),
    "dependent 20×20 n=5,000": (None, 5000),
}


def entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def kl(p: np.ndarray, q: np.ndarray) -> float:
    return float((p * np.log(p / q)).sum())


def show(name: str, method: str, found: counts.CountEstimate, truth: float) -> None:
    value, stderr = np.asarray(found.value), np.asarray(found.stderr)
    low, high = (np.asarray(end) for end in found.interval())
    apart = value - truth
    bound = np.mean(found.kind == "lower bound")
    print(
        f"| {name} | {truth:.3f} | {method} | {apart.mean():+.3f} ({np.sqrt((apart**2).mean()):.3f}) "
        f"| {stderr.mean():.3f} | {np.mean((low <= truth) & (truth <= high)):.0%} | {bound:.0%} |"
    )


def plug_in_kl(x: np.ndarray, y: np.ndarray, add: float) -> np.ndarray:
    """With ½ added to q, or to both."""
    p, q = x + add, y + 0.5
    p, q = p / p.sum(-1, keepdims=True), q / q.sum(-1, keepdims=True)
    return np.where(p > 0, p * (np.log(np.where(p > 0, p, 1.0)) - np.log(q)), 0.0).sum(-1)


def head(title: str) -> None:
    print(f"\n| {title} | truth | method | bias (RMSE) | mean stderr | interval holds | lower bound |")
    print("|---|---|---|---|---|---|---|")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200, help="samples of each pair (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="seed (default 1)")
    options = parser.parse_args()
    start = time.process_time()

    head("entropy")
    for name, (p, n) in ENTROPIES.items():
        rows = np.random.default_rng(options.seed).multinomial(n, p, options.repeats)
        for method in METHODS:
            show(name, method, counts.entropy(rows, method=method), entropy(p))

    head("divergence")
    for name, (p, q, n, m) in DIVERGENCES.items():
        rng = np.random.default_rng(options.seed)
        x, y = rng.multinomial(n, p, options.repeats), rng.multinomial(m, q, options.repeats)
        for label, add in (("KL, plug-in with q+½", 0.0), ("KL, both+½", 0.5)):
            apart = plug_in_kl(x, y, add) - kl(p, q)
            print(
                f"| {name} | {kl(p, q):.3f} | {label} | {apart.mean():+.3f} ({np.sqrt((apart**2).mean()):.3f}) | | | |"
            )
        middle = 0.5 * (p + q)
        show(name, "KL, harmonic", counts.kl(x, y), kl(p, q))
        show(name, "KL, smoothed", counts.kl(x, y, method="smoothed"), kl(p, q))
        show(name, "PSI", counts.psi(x, y), kl(p, q) + kl(q, p))
        show(name, "Jeffreys", counts.jeffreys(x, y), kl(p, q) + kl(q, p))
        show(name, "Jensen–Shannon", counts.jensen_shannon(x, y), 0.5 * kl(p, middle) + 0.5 * kl(q, middle))

    head("table")
    for name, (given, n) in TABLES.items():
        t = np.random.default_rng(7).gamma(0.3, size=(20, 20)) if given is None else given
        t = t / t.sum()
        rows = np.random.default_rng(options.seed).multinomial(n, t.ravel(), options.repeats).reshape(-1, *t.shape)
        information = entropy(t.sum(0)) + entropy(t.sum(1)) - entropy(t.ravel())
        for method in ("plug_in", "miller_madow", "auto"):
            show(name, f"information, {method}", counts.mutual_information(rows, method=method), information)
        show(name, "H(Y | X)", counts.conditional_entropy(rows), entropy(t.ravel()) - entropy(t.sum(1)))
    print(f"\n{options.repeats} repeats, {time.process_time() - start:.0f} CPU-s")


if __name__ == "__main__":
    main()
