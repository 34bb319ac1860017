"""Estimates from samples against known truths: bias, RMSE, coverage, CPU time; ours and those of the packages in use.

    python benchmarks/samples.py                 # 20 repeats of every task of at most 2,500 points, 10 of the larger
    python benchmarks/samples.py --only shift t5 --repeats 50

Every repeat draws new samples from a seed of its own. "covered" counts the truths within two standard errors; its
Monte-Carlo error is printed, as is that of each bias. Peers have no standard error, and repeat a quarter as often. CPU
time is that of the process, the first call (which compiles) left out. Peers that aren't installed are left out:
universal-divergence, npeet-plus, densratio, scikit-learn, scipy.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from scipy import stats

from kljax import samples

Draw = Callable[[np.random.Generator, int, int], tuple[np.ndarray, ...]]
Estimator = Callable[..., Any]


@dataclasses.dataclass(frozen=True)
class Task:
    """Samples whose divergence, entropy or information is known."""

    kind: str
    name: str
    draw: Draw
    truth: Callable[[int], float]
    sizes: tuple[tuple[int, int], ...]  # (d, n)


def powers(width: int, base: float = 0.8) -> np.ndarray:
    return base ** np.abs(np.subtract.outer(np.arange(width), np.arange(width)))


def normal(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return rng.standard_normal((n, d))


def correlated(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return normal(rng, n, d) @ np.linalg.cholesky(powers(d)).T


def two_lumps(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    x = normal(rng, n, d)
    x[:, 0] = 0.6 * x[:, 0] + 0.8 * np.where(rng.random(n) < 0.5, 1.0, -1.0)
    return x


def rotated(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    """The lumps along the diagonal."""
    direction = np.ones(d) / math.sqrt(d)
    x = two_lumps(rng, n, d)
    basis = np.linalg.qr(np.column_stack([direction, np.eye(d)[:, 1:]]))[0]
    return x @ (basis * np.sign(basis[0, 0])).T


def elliptical(rng: np.random.Generator, n: int, d: int) -> np.ndarray:
    return normal(rng, n, d) * np.sqrt(5.0 / rng.chisquare(5, (n, 1)))


def truth_of_lumps(_: int) -> float:
    z = np.linspace(-9.0, 9.0, 40_001)
    p = 0.5 * (stats.norm.pdf(z, 0.8, 0.6) + stats.norm.pdf(z, -0.8, 0.6))
    return float(np.trapezoid(p * (np.log(p) - stats.norm.logpdf(z)), z))


def truth_of_elliptical(d: int) -> float:
    """E log t - E log N, the first in closed form: both depend on the radius alone."""
    t = stats.multivariate_t(np.zeros(d), np.eye(d), 5)
    return float(0.5 * d * (math.log(2 * math.pi * 5 / 3) + 1.0) - t.entropy())


def spiral(z: np.ndarray) -> np.ndarray:
    angle = np.square(z).sum(1)
    out = z.copy()
    out[:, 0] = np.cos(angle) * z[:, 0] - np.sin(angle) * z[:, 1]
    out[:, 1] = np.sin(angle) * z[:, 0] + np.cos(angle) * z[:, 1]
    return out


def sparse_pairs(rng: np.random.Generator, n: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Two of d columns correlated by 0.8 each with its own."""
    x, y = normal(rng, n, d), normal(rng, n, d)
    y[:, :2] = 0.8 * x[:, :2] + 0.6 * y[:, :2]
    return x, y


def zeros_and_normals(rng: np.random.Generator, n: int, share: float, shift: float) -> np.ndarray:
    return np.where(rng.random(n) < share, 0.0, rng.standard_normal(n) + shift)[:, None]


WIDE = ((2, 2500), (5, 2500), (20, 2500), (5, 10_000), (20, 10_000))
T5 = float(0.5 * math.log(2 * math.pi * math.e * 5 / 3) - stats.t(5).entropy())
HALF_LOG_TAU_E = 0.5 * math.log(2 * math.pi * math.e)
TASKS = [
    Task("kl", "shift", lambda r, n, d: (normal(r, n, d) + d**-0.5, normal(r, n, d)), lambda d: 0.5, WIDE),
    Task("kl", "scale", lambda r, n, d: (normal(r, n, d), math.sqrt(2) * normal(r, n, d)),
         lambda d: 0.5 * d * (math.log(2) - 0.5), ((20, 2500), (20, 10_000))),
    Task("kl", "AR(0.8)", lambda r, n, d: (correlated(r, n, d), normal(r, n, d)),
         lambda d: -0.5 * (d - 1) * math.log(0.36), ((10, 2500), (20, 10_000), (50, 10_000))),
    Task("kl", "t5", lambda r, n, d: (r.standard_t(5, (n, d)), math.sqrt(5 / 3) * normal(r, n, d)),
         lambda d: d * T5, ((5, 2500), (20, 2500), (5, 10_000), (20, 10_000))),
    Task("kl", "two lumps", lambda r, n, d: (two_lumps(r, n, d), normal(r, n, d)), truth_of_lumps,
         ((5, 2500), (20, 2500), (5, 10_000), (20, 10_000))),
    Task("kl", "lumps, rotated", lambda r, n, d: (rotated(r, n, d), normal(r, n, d)), truth_of_lumps, ((5, 2500),)),
    Task("kl", "elliptical t5", lambda r, n, d: (elliptical(r, n, d), math.sqrt(5 / 3) * normal(r, n, d)),
         truth_of_elliptical, ((5, 2500), (20, 10_000))),
    Task("kl", "log-normal", lambda r, n, d: (np.exp(1.5 * normal(r, n, d) + 0.5), np.exp(1.5 * normal(r, n, d))),
         lambda d: d / 18, ((2, 2500),)),
    Task("kl", "beta v uniform", lambda r, n, d: (r.beta(2, 2, (n, d)), r.random((n, d))),
         lambda d: -d * float(stats.beta(2, 2).entropy()), ((3, 2500),)),
    Task("kl", "the same", lambda r, n, d: (correlated(r, n, d), correlated(r, n, d)), lambda d: 0.0,
         ((2, 200), (10, 1000))),
    Task("kl", "few points", lambda r, n, d: (normal(r, n, d) + d**-0.5, normal(r, n, d)), lambda d: 0.5,
         ((1, 50), (2, 100), (5, 300))),
    Task("kl", "zero-inflated", lambda r, n, d: (zeros_and_normals(r, n, 0.3, 0.5), zeros_and_normals(r, n, 0.5, 0.0)),
         lambda d: 0.3 * math.log(0.6) + 0.7 * math.log(1.4) + 0.7 * 0.125, ((1, 2000),)),
    Task("kl", "rounded to 0.1", lambda r, n, d: (np.round(normal(r, n, d) + 0.5, 1), np.round(normal(r, n, d), 1)),
         lambda d: 0.125 * d, ((2, 2500),)),
    Task("entropy", "normal", lambda r, n, d: (normal(r, n, d),), lambda d: d * HALF_LOG_TAU_E, ((1, 50), (5, 1000))),
    Task("entropy", "uniform", lambda r, n, d: (r.random((n, d)),), lambda d: 0.0, ((1, 50), (5, 1000))),
    Task("entropy", "t3", lambda r, n, d: (r.standard_t(3, (n, d)),), lambda d: d * float(stats.t(3).entropy()),
         ((1, 5000), (3, 1000))),
    Task("entropy", "AR(0.8)", lambda r, n, d: (correlated(r, n, d),),
         lambda d: d * HALF_LOG_TAU_E + 0.5 * (d - 1) * math.log(0.36), ((10, 2000),)),
    Task("information", "two of d", sparse_pairs, lambda d: -math.log(0.36), ((2, 2000), (5, 2000))),
    Task("information", "none", lambda r, n, d: (normal(r, n, d), normal(r, n, d)), lambda d: 0.0,
         ((1, 500), (5, 1000))),
    Task("information", "half-cubed",
         lambda r, n, d: tuple(one * np.sqrt(np.abs(one)) for one in sparse_pairs(r, n, d)),
         lambda d: -math.log(0.36), ((5, 2000),)),
    Task("information", "spiral", lambda r, n, d: tuple(spiral(one) for one in sparse_pairs(r, n, d)),
         lambda d: -math.log(0.36), ((3, 2000),)),
]  # fmt: skip

OURS: dict[str, Estimator] = {"kl": samples.kl, "entropy": samples.entropy, "information": samples.mutual_information}


def by_universal_divergence(x: np.ndarray, y: np.ndarray) -> float:
    return float(importlib.import_module("universal_divergence").estimate(x, y))


def by_npeet(x: np.ndarray, y: np.ndarray) -> float:
    return float(importlib.import_module("npeet_plus").kldiv(x, y, k=4, base=math.e))


def by_npeet_information(x: np.ndarray, y: np.ndarray) -> float:
    return float(importlib.import_module("npeet_plus").mi(x, y, k=5, base=math.e))


def by_npeet_entropy(x: np.ndarray) -> float:
    return float(importlib.import_module("npeet_plus").entropy(x, k=4, base=math.e))


def by_densratio(x: np.ndarray, y: np.ndarray) -> float:
    fitted = importlib.import_module("densratio").densratio(x, y, alpha=0.0, verbose=False)
    ratio = np.asarray(fitted.compute_density_ratio(x)).ravel()
    return float(np.log(np.maximum(ratio, 1e-12)).mean())


def by_logistic(x: np.ndarray, y: np.ndarray) -> float:
    """What a careful user of scikit-learn writes: quadratic features, cross-fitted."""
    linear, pipeline, pre, selection = (
        importlib.import_module(f"sklearn.{one}")
        for one in ("linear_model", "pipeline", "preprocessing", "model_selection")
    )
    made = pipeline.make_pipeline(
        pre.StandardScaler(), pre.PolynomialFeatures(2), linear.LogisticRegression(max_iter=1000)
    )
    rows, label = np.concatenate([x, y]), np.concatenate([np.ones(len(x)), np.zeros(len(y))])
    chance = selection.cross_val_predict(made, rows, label, cv=3, method="predict_proba")[:, 1]
    return float((np.log(chance) - np.log1p(-chance))[: len(x)].mean() - math.log(len(x) / len(y)))


def by_sklearn_information(x: np.ndarray, y: np.ndarray) -> float:
    if x.shape[1] != 1:
        return math.nan
    found = importlib.import_module("sklearn.feature_selection").mutual_info_regression(x, y[:, 0], random_state=0)
    return float(found[0])


def by_scipy_entropy(x: np.ndarray) -> float:
    return float(stats.differential_entropy(x[:, 0])) if x.shape[1] == 1 else math.nan


# Those in Python loops or with n × n matrices are left out where they would take minutes.
PEERS: dict[str, list[tuple[str, str, Estimator, int]]] = {
    "kl": [
        ("universal-divergence", "universal_divergence", by_universal_divergence, 1000),
        ("npeet-plus", "npeet_plus", by_npeet, 3000),
        ("densratio", "densratio", by_densratio, 1000),
        ("scikit-learn, logistic", "sklearn", by_logistic, 3000),
    ],
    "entropy": [("npeet-plus", "npeet_plus", by_npeet_entropy, 5000), ("scipy", "scipy", by_scipy_entropy, 10**6)],
    "information": [
        ("npeet-plus", "npeet_plus", by_npeet_information, 3000),
        ("scikit-learn, KSG", "sklearn", by_sklearn_information, 10**6),
    ],
}


def installed(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


def run(task: Task, d: int, n: int, repeats: int, peers: bool) -> tuple[int, int]:
    truth = task.truth(d)
    errors: dict[str, list[float]] = {}
    seconds: dict[str, list[float]] = {}
    spread, covered = [], 0
    for repeat in range(-1, repeats):  # the first is not counted: it compiles
        drawn = task.draw(np.random.default_rng(1000 + repeat), n, d)
        start = time.process_time()
        found = OURS[task.kind](*drawn, key=jax.random.key(repeat + 1))
        spent = time.process_time() - start
        if repeat < 0:
            continue
        value, stderr = float(found.value), float(found.stderr)
        errors.setdefault("kljax", []).append(value - truth)
        seconds.setdefault("kljax", []).append(spent)
        spread.append(stderr)
        low_enough = value - 2 * stderr <= truth
        covered += low_enough and (found.kind == "lower bound" or truth <= value + 2 * stderr)
        for name, module, estimator, most in PEERS[task.kind] if peers and repeat < max(3, repeats // 4) else ():
            if n > most or not installed(module):
                continue
            start = time.process_time()
            other = estimator(*drawn)
            if not math.isnan(other):
                errors.setdefault(name, []).append(other - truth)
                seconds.setdefault(name, []).append(time.process_time() - start)
    for name, values in errors.items():
        bias, rmse = np.mean(values), math.sqrt(np.mean(np.square(values)))
        row = [f"{task.kind}: {task.name}", f"{d}", f"{n}", f"{truth:.3f}", name]
        row += [f"{bias:+.3f} ± {np.std(values) / math.sqrt(len(values)):.3f}", f"{rmse:.3f}"]
        row += [f"{np.mean(spread):.3f}", f"{covered}/{repeats}"] if name == "kljax" else ["", ""]
        print("| " + " | ".join([*row, f"{np.mean(seconds[name]):.2f}"]) + " |", flush=True)
    return covered, repeats


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=20, help="of tasks with at most 2,500 points; half of it above")
    parser.add_argument("--most", type=int, default=10_000, help="largest n")
    parser.add_argument("--least", type=int, default=0, help="smallest n")
    parser.add_argument("--only", nargs="*", help="names of tasks, or parts of them")
    parser.add_argument("--no-peers", action="store_true")
    given = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    print("| task | d | n | truth | by | bias | RMSE | mean stderr | covered | CPU-s |\n" + "|---" * 10 + "|")
    covered = total = 0
    for task in TASKS:
        if given.only and not any(one in f"{task.kind}: {task.name}" for one in given.only):
            continue
        for d, n in task.sizes:
            if given.least <= n <= given.most:
                repeats = given.repeats if n <= 2500 else max(given.repeats // 2, 2)
                one, of = run(task, d, n, repeats, not given.no_peers)
                covered, total = covered + one, total + of
    share = covered / max(total, 1)
    print(f"\ncovered {covered} of {total}: {share:.3f} ± {math.sqrt(share * (1 - share) / max(total, 1)):.3f}")


if __name__ == "__main__":
    main()
