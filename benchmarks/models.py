"""How often ``samples.model_kl`` rejects, where the model is right and where it isn't; and how often error bars hold.

    python benchmarks/models.py --repeats 200      # the table in docs/models.md, some CPU-minutes
    python benchmarks/models.py --repeats 1000 --only normal

A family is fitted to samples of size n from each truth. Rejections are at 5 %, by the calibrated KL, by Anderson and
Darling's statistic from the same bootstrap, and by ``scipy.stats.kstest`` against the fit as though it were known. KL
is compared with the truth, that of the best member of the family. Seeds are fixed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import jax
import numpy as np
from scipy import integrate, stats

from kljax import samples
from kljax.families import Gamma, Normal

Draw = Callable[[np.random.Generator, int], np.ndarray]
BIMODAL = 1.5  # two normals this far from 0
TRUTHS: dict[str, tuple[Draw, Callable[[np.ndarray], np.ndarray], tuple[float, float]]] = {
    "normal": (lambda rng, n: rng.normal(size=n), stats.norm.pdf, (-9, 9)),
    "t5": (lambda rng, n: rng.standard_t(5, n), stats.t(5).pdf, (-400, 400)),
    "uniform": (lambda rng, n: rng.uniform(size=n), stats.uniform.pdf, (0, 1)),
    "gamma(4)": (lambda rng, n: rng.gamma(4, size=n), stats.gamma(4).pdf, (0, 60)),
    "bimodal": (
        lambda rng, n: rng.normal(size=n) + BIMODAL * rng.choice([-1, 1], n),
        lambda x: 0.5 * stats.norm.pdf(x, BIMODAL) + 0.5 * stats.norm.pdf(x, -BIMODAL),
        (-12, 12),
    ),
}


def best_normal(pdf: Callable[[np.ndarray], np.ndarray], ends: tuple[float, float]) -> float:
    """KL from the truth to the normal with its mean and variance."""

    def mean(f: Callable[[float], float]) -> float:
        return integrate.quad(lambda x: f(x) * pdf(x), *ends, limit=1000, points=[0.0, 1.0])[0]

    centre = mean(lambda x: x)
    spread = mean(lambda x: (x - centre) ** 2) ** 0.5
    return mean(lambda x: np.log(max(pdf(x), 1e-300)) - stats.norm.logpdf(x, centre, spread))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200, help="samples of each size (default 200)")
    parser.add_argument("--sizes", type=int, nargs="+", default=[50, 200, 1000], help="n (default 50 200 1000)")
    parser.add_argument("--only", nargs="+", choices=[*TRUTHS, "gamma family"], help="truths (default all)")
    options = parser.parse_args()
    print(
        "| family, truth | n | KL rejects | Anderson–Darling | kstest | KL − truth | stderr | interval holds | CPU-s |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in options.only or [*TRUTHS, "gamma family"]:
        draw, pdf, ends = TRUTHS["gamma(4)" if name == "gamma family" else name]
        family = Gamma if name == "gamma family" else Normal
        truth = 0.0 if name == "gamma family" else best_normal(pdf, ends)
        for n in options.sizes:
            start = time.process_time()
            rows = []
            for repeat in range(options.repeats):
                x = draw(np.random.default_rng([n, repeat]), n)
                found = samples.model_kl(x, family, key=jax.random.key(repeat))
                low, high = found.interval()
                naive = stats.kstest(x, stats.norm(x.mean(), x.std()).cdf).pvalue if family is Normal else np.nan
                rows.append(
                    (
                        found.p_value <= 0.05,
                        found.anderson_darling <= 0.05,
                        naive <= 0.05,
                        float(found.value) - truth,
                        float(found.stderr),
                        low <= truth <= high,
                    )
                )
            kl, ad, naive_rate, apart, stderr, holds = np.mean(rows, 0)
            cpu = (time.process_time() - start) / options.repeats
            print(
                f"| {family.__name__}, {name} | {n} | {kl:.3f} | {ad:.3f} | {naive_rate:.3f} | {apart:+.3f} "
                f"| {stderr:.3f} | {holds:.0%} | {cpu:.2f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
