"""Fit q to a posterior known up to a constant, by several divergences and guides, and measure each in absolute nats.

The posterior is that of the eight schools (Rubin 1981): the effects of coaching in eight schools, with a common mean μ
and a spread τ between schools that may be anything, zero too. In the coordinates (t, μ, log τ) with effects μ + τ t its
density is a funnel, and no Gaussian.

Given τ everything else is normal, so the posterior is known exactly: its normalising constant, its moments and exact
draws come from one sum over a fine grid of τ. Hence KL(q‖p) = log Z - ELBO stands in the table as it is, not up to a
constant, beside k̂, which judges a fit where log Z is not known.

Written to the output folder:
  fit_posterior.png   effect of school A, μ and log τ: the exact posterior, the fits over it, their KL and k̂
  fit_posterior.csv   the table, with all digits
  fit_posterior.npz   the exact moments and draws, each fit's draws, log-weights and loss
"""

from __future__ import annotations

import argparse
import math
import time
from typing import Any, NamedTuple

import _common as common
import jax
import jax.numpy as jnp
import numpy as np
from _script import script

from kljax import plot, variational

EPILOG = """examples:
  python examples/fit_posterior.py
  python examples/fit_posterior.py --fits reverse flow --steps 4000 --seed 3

It runs on whatever device JAX finds; JAX_PLATFORMS=cpu keeps it off the GPU."""

# Rubin (1981), "Estimation in parallel randomized experiments", table 1: effects of coaching on SAT scores.
EFFECTS = np.array([28.0, 8.0, -3.0, 7.0, -1.0, 1.0, 18.0, 12.0])
ERRORS = np.array([15.0, 10.0, 16.0, 11.0, 9.0, 11.0, 10.0, 18.0])
MEAN_SCALE, SPREAD_SCALE = 5.0, 5.0  # μ ~ N(0, 5), τ ~ half-Cauchy(5), its density twice that of Cauchy(5)
NAMES = [*(f"t{i}" for i in range(1, 9)), "mu", "log_tau"]


def log_density(v: jax.Array) -> jax.Array:
    """log p(y, t, μ, log τ) of one vector (t_1 … t_8, μ, log τ)."""
    t, mean, log_spread = v[:8], v[8], v[9]
    spread = jnp.exp(log_spread)
    y, errors = jnp.asarray(EFFECTS, v.dtype), jnp.asarray(ERRORS, v.dtype)
    prior = (
        -0.5 * jnp.square(t).sum() - 0.5 * jnp.square(mean / MEAN_SCALE) - jnp.log1p(jnp.square(spread / SPREAD_SCALE))
    )
    constant = -4.5 * math.log(2 * math.pi) - math.log(MEAN_SCALE) - math.log(math.pi * SPREAD_SCALE)
    likelihood = -0.5 * jnp.square((y - mean - spread * t) / errors).sum()
    rest = -4.0 * math.log(2 * math.pi) - math.log(ERRORS.prod())
    return prior + constant + log_spread + likelihood + rest


class Exact(NamedTuple):
    """The posterior from a grid of log τ: log Z, the means and standard deviations, and draws."""

    log_z: float
    mean: np.ndarray
    std: np.ndarray
    draws: np.ndarray


def exact(count: int, seed: int) -> Exact:
    """Given τ, y is normal with mean 0 and covariance σ² + τ² + 25; and (t, μ) given y and τ is normal too."""
    grid = np.linspace(-14.0, 8.0, 4001)
    spread = np.exp(grid)
    # Every school's y - μ has variance σ² + τ², and μ ~ N(0, 5): Sherman and Morrison's identity for one common term.
    variance = ERRORS**2 + spread[:, None] ** 2
    precision, weighted = (1 / variance).sum(1), (EFFECTS / variance).sum(1)
    total = precision + MEAN_SCALE**-2
    log_marginal = -0.5 * (np.log(2 * np.pi * variance) + EFFECTS**2 / variance).sum(1)
    log_marginal += 0.5 * weighted**2 / total - 0.5 * np.log(total * MEAN_SCALE**2)
    log_prior = grid - np.log1p((spread / SPREAD_SCALE) ** 2) - math.log(math.pi * SPREAD_SCALE)
    logs = log_marginal + log_prior
    weights = np.exp(logs - logs.max())
    log_z = logs.max() + math.log(weights.sum() * (grid[1] - grid[0]))
    rng = np.random.default_rng(seed)
    # A draw lies anywhere in its cell of the grid.
    cell = rng.choice(len(grid), count, p=weights / weights.sum())
    log_spread = grid[cell] + (rng.random(count) - 0.5) * (grid[1] - grid[0])
    mean = weighted[cell] / total[cell] + rng.standard_normal(count) / np.sqrt(total[cell])
    tau = np.exp(log_spread)[:, None]
    shrunk = 1 + (tau / ERRORS) ** 2
    t = tau * (EFFECTS - mean[:, None]) / ERRORS**2 / shrunk + rng.standard_normal((count, 8)) / np.sqrt(shrunk)
    draws = np.column_stack([t, mean, log_spread])
    return Exact(log_z, draws.mean(0), draws.std(0), draws)


FITS: dict[str, tuple[str, Any, Any]] = {
    "reverse": ("reverse KL, full-rank", variational.full_rank, variational.elbo()),
    "forward": ("forward KL, full-rank", variational.full_rank, variational.forward_kl()),
    "alpha": ("Rényi ½, full-rank", variational.full_rank, variational.renyi(0.5)),
    "mixture": ("reverse KL, 4 Gaussians", variational.gaussian_mixture, variational.elbo()),
    "flow": ("reverse KL, coupling flow", variational.coupling_flow, variational.elbo()),
}


def options(arguments: list[str] | None) -> argparse.Namespace:
    made = common.parser(__doc__ or "", epilog=EPILOG, steps=2000, learning_rate=None)
    made.add_argument(
        "--fits", nargs="+", choices=sorted(FITS), default=list(FITS), metavar="FIT", help=f"any of {', '.join(FITS)}"
    )
    made.add_argument(
        "--draws", type=common.positive_int, default=20_000, help="draws of the posterior and of each fit (20000)"
    )
    chosen = made.parse_args(arguments)
    if chosen.draws < 1000:
        made.error(f"argument --draws: expected at least 1000; got {chosen.draws}")
    common.make_folder(made, chosen.out)
    return chosen


def draw(reference: Exact, results: dict[str, Any]) -> common.Figure:
    """Three coordinates of the exact posterior, and over them the fits with KL and k̂."""
    shown = {
        "effect of school A": lambda v: v[:, 8] + jnp.exp(v[:, 9]) * v[:, 0],
        "mean of all schools, μ": lambda v: v[:, 8],
        "log of the spread, log τ": lambda v: v[:, 9],
    }
    named = {
        f"{FITS[name][0]}: KL(q‖p) {reference.log_z - float(one.elbo.value):.3f} nats": one
        for name, one in results.items()
    }
    drawn = common.figure(8.5, 8.5)
    plot.fit(named, jnp.asarray(reference.draws, jnp.float32), show=shown, figure=drawn)
    drawn.suptitle("Eight schools: the posterior and its fits; the regions hold 90 % and 50 %")
    return drawn


HEADER = ["fit", "KL(q‖p), nats", "±", "k̂", "worst mean error, sd", "the same weighted", "seconds"]


def main(arguments: list[str] | None = None) -> None:
    chosen = options(arguments)
    print(f"{common.device()}")
    reference = exact(10 * chosen.draws, chosen.seed)
    print(f"log Z = {reference.log_z:.4f} exactly, by a sum over a grid of τ\n")
    rows, records, results, saved = [], [], {}, {}
    for name in chosen.fits:
        label, guide, objective = FITS[name]
        began = time.perf_counter()
        result = variational.fit(
            log_density,
            guide(10),
            key=jax.random.key(chosen.seed),
            objective=objective,
            steps=None if name == "reverse" else chosen.steps,
            evaluation_draws=chosen.draws,
            progress=False if chosen.no_progress else None,
        )
        if result.interrupted:  # the fit itself would return what it has
            raise KeyboardInterrupt
        seconds = time.perf_counter() - began
        elbo, points = result.elbo, np.asarray(result.points, np.float64)
        error = np.abs(points.mean(0) - reference.mean) / reference.std
        weighted = np.abs(np.asarray(result.moments().mean, np.float64) - reference.mean) / reference.std
        record = [reference.log_z - float(elbo.value), float(elbo.stderr), float(result.khat)]
        record += [error.max(), weighted.max(), seconds]
        records.append([name, *record])
        digits = (3, 3, 2, 3, 3, 1)
        rows.append([label, *(f"{one:.{places}f}" for one, places in zip(record, digits, strict=True))])
        results[name] = result
        saved |= {f"{name}_draws": points, f"{name}_log_weights": result.log_weights, f"{name}_loss": result.trace}
        print(f"{label}: {result.verdict}")
    print()
    print(common.table(HEADER, rows))
    print("\nMeans are compared with the exact ones, in posterior standard deviations: of q's draws as they are, and")
    print("with Pareto-smoothed importance weights.")
    common.save(draw(reference, results), chosen.out / "fit_posterior.png")
    common.write_csv(
        chosen.out / "fit_posterior.csv", ["fit", "kl", "stderr", "khat", "error", "weighted", "seconds"], records
    )
    np.savez(
        chosen.out / "fit_posterior.npz",
        log_z=reference.log_z,
        mean=reference.mean,
        std=reference.std,
        exact_draws=reference.draws[: chosen.draws],
        **{key: np.asarray(value) for key, value in saved.items()},
    )
    print(f"wrote {chosen.out / 'fit_posterior.npz'}")


if __name__ == "__main__":
    script(main)
