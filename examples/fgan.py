"""Estimate f-divergences from samples alone, with a critic, and hold the estimates against the exact values.

For any function T, and f* the convex conjugate of f,

  D_f(p‖q) ≥ E_p[T(x)] - E_q[f*(T(x))],

with equality for T = f'(p/q). So a network that maximises the right-hand side from samples of p and q, without their
densities, approaches D_f from below, and learns the density ratio on the way: this is the discriminator of an f-GAN.
Here the network's output r(x) stands for log p/q, T = f'(exp r) is the generator's ``slope`` of it, and f* its
``conjugate``; one critic is trained for each divergence. p and q are distributions whose divergence kljax computes to
all digits, so that the bound, and the learned ratio, can be compared with the truth.

  bimodal  p has two narrow modes, q is one wide normal distribution that covers both
  tails    p is a Laplace, q a normal distribution: the ratio is largest where samples are rare
  shifted  p and q are two normal distributions side by side: the log-ratio is a straight line

The bound is only as good as its samples: with --divergence reverse_kl (or pearson, the other way round) T is unbounded
where samples are rare, the means have huge variances, and the critic learns to exploit them.

Written to the output folder:
  fgan.png   the bound at every step beside the exact divergence, and the learned log-ratios beside the true one
  fgan.csv   exact value, bound with its standard error from fresh samples, and what the bound misses
  fgan.npz   the curves and the log-ratios on a grid, to draw your own
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import _common as common
import jax
import jax.numpy as jnp
import numpy as np
import optax
from _script import script
from flax import nnx

from kljax import logits
from kljax.families import Laplace, Mixture, Normal
from kljax.generators import Generator

EPILOG = """examples:
  python examples/fgan.py
  python examples/fgan.py --pair tails --divergence kl --divergence reverse_kl
  python examples/fgan.py --divergence alpha=0.3 --divergence skew_kl=0.1 --steps 4000

It runs on whatever device JAX finds; JAX_PLATFORMS=cpu keeps it off the GPU."""

DEFAULT = ("kl", "jensen_shannon", "squared_hellinger", "le_cam")
LARGE = 100.0  # nats, of which samples show nothing
FRESH = 200_000  # samples of each to evaluate with
HEADER = ["divergence", "exact", "bound", "stderr", "missing", "missing %"]


class Pair(NamedTuple):
    """Two distributions of one number, and where to look at their ratio."""

    p: Any
    q: Any
    low: float
    high: float


def pairs() -> dict[str, Pair]:
    """What --pair names."""
    modes = Mixture(Normal(jnp.array([-1.5, 1.5]), jnp.array([0.5, 0.8])), jnp.array([0.4, 0.6]))
    return {
        "bimodal": Pair(modes, Normal(0.0, 2.0), -5.0, 5.0),
        "tails": Pair(Laplace(0.0, 0.7), Normal(0.0, 1.0), -4.0, 4.0),
        "shifted": Pair(Normal(0.5, 1.0), Normal(-0.5, 1.0), -4.0, 4.0),
    }


def exact_value(pair: Pair, generator: Generator) -> float:
    """D_f(p‖q) of the two as distributions over small cells, which changes it by a few parts in a million at most.

    ``kljax.f_divergence(pair.p, pair.q, generator)`` finds all digits by quadrature, but needs longer to compile than
    the critic to train.
    """
    x = jnp.linspace(-20.0, 20.0, 2**16)
    return float(logits.f_divergence(pair.p.log_prob(x), pair.q.log_prob(x), generator))


class Critic(nnx.Module):
    """x ↦ r(x), an estimate of log p(x)/q(x) in [-30, 30]; zero before training, where the bound is zero as well."""

    def __init__(self, rngs: nnx.Rngs):
        self.first, self.second = nnx.Linear(1, 64, rngs=rngs), nnx.Linear(64, 64, rngs=rngs)
        self.last = nnx.Linear(64, 1, kernel_init=nnx.initializers.zeros, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        """r(x) for numbers x, [n]."""
        hidden = nnx.gelu(self.first(x[:, None]))
        # Far out, where a network extrapolates, exp r must not overflow.
        return 30.0 * jnp.tanh(self.last(nnx.gelu(self.second(hidden)))[:, 0] / 30.0)


def terms(generator: Generator, critic: Critic, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """T(x) at samples of p and f*(T(y)) at samples of q."""
    return generator.slope(critic(x)), generator.conjugate(generator.slope(critic(y)))


class Trained(NamedTuple):
    """What one critic found."""

    exact: float
    bound: float
    stderr: float
    curve: np.ndarray  # [steps]
    log_ratio: np.ndarray  # [grid]


def train(
    name: str, generator: Generator, exact: float, pair: Pair, grid: np.ndarray, options: argparse.Namespace
) -> Trained:
    graph = nnx.graphdef(nnx.eval_shape(lambda: Critic(nnx.Rngs(0))))
    optimiser = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adam(optax.cosine_decay_schedule(options.learning_rate, options.steps)),
    )

    @jax.jit
    def begin(key):
        weights = nnx.state(Critic(nnx.Rngs(key)), nnx.Param)
        return weights, optimiser.init(weights)

    def bound(weights, x, y):
        at_p, at_q = terms(generator, nnx.merge(graph, weights), x, y)
        return at_p.mean() - at_q.mean()

    def step(state, key):
        weights, moments = state
        of_p, of_q = jax.random.split(key)
        x, y = pair.p.sample(of_p, (options.batch_size,)), pair.q.sample(of_q, (options.batch_size,))
        value, gradient = jax.value_and_grad(bound)(weights, x, y)
        updates, moments = optimiser.update(jax.tree.map(jnp.negative, gradient), moments)
        return (optax.apply_updates(weights, updates), moments), value

    keys = jax.random.split(jax.random.key(options.seed + 1), options.steps)
    state = begin(jax.random.key(options.seed))
    (weights, _), curve, seconds = common.scan(step, state, keys, label=name, progress=not options.no_progress)
    print(f"{name}: {seconds}")

    @jax.jit
    def look(weights, key):
        of_p, of_q = jax.random.split(key)
        critic = nnx.merge(graph, weights)
        at_p, at_q = terms(generator, critic, pair.p.sample(of_p, (FRESH,)), pair.q.sample(of_q, (FRESH,)))
        stderr = jnp.sqrt((at_p.var() + at_q.var()) / FRESH)
        return at_p.mean() - at_q.mean(), stderr, critic(grid)

    value, stderr, log_ratio = look(weights, jax.random.key(options.seed + 2))
    return Trained(exact, float(value), float(stderr), np.asarray(curve), np.asarray(log_ratio))


def report(runs: dict[str, Trained], path: Path) -> None:
    """Prints the table, and writes the same numbers in full."""
    rows = []
    for name, one in runs.items():
        missing = one.exact - one.bound
        rows.append([name, one.exact, one.bound, one.stderr, missing, 100.0 * missing / one.exact])
    print(
        f"\nIn nats; the bound from {FRESH:,} fresh samples of each, which differ from the mean by the standard error."
    )
    print(common.table(HEADER, [[row[0], *(f"{x:.4f}" for x in row[1:5]), f"{row[5]:.1f}"] for row in rows]))
    common.write_csv(path, HEADER, rows)


def draw(runs: dict[str, Trained], pair: Pair, grid: np.ndarray, truth: np.ndarray) -> common.Figure:
    drawn = common.figure(11, 4.4)
    learning, ratio = drawn.subplots(1, 2)
    top = max(one.exact for one in runs.values())
    for place, (name, one) in enumerate(runs.items()):
        colour = common.COLOURS[place % len(common.COLOURS)]
        width = max(1, len(one.curve) // 100)
        smooth = one.curve[: len(one.curve) // width * width].reshape(-1, width).mean(1)
        learning.plot((np.arange(len(smooth)) + 0.5) * width, smooth, color=colour, label=name)
        learning.axhline(one.exact, color=colour, linestyle="--", linewidth=1)
        ratio.plot(grid, one.log_ratio, color=colour, label=name)
    learning.set(title="The bound, from minibatches; dashed: the exact divergence", xlabel="step", ylabel="nats")
    learning.set_ylim(-0.1 * top, 1.6 * top)
    learning.legend(loc="upper right", ncols=2)
    ratio.plot(grid, truth, ":", color="black", linewidth=2, label="the truth")
    densities = {name: np.exp(np.asarray(record.log_prob(grid))) for name, record in (("q", pair.q), ("p", pair.p))}
    low, high = truth.min() - 0.5, truth.max()
    unit = 0.4 * (high - low) / max(one.max() for one in densities.values())
    for (name, density), shade in zip(densities.items(), ("0.9", "0.75"), strict=True):
        ratio.fill_between(grid, low, low + unit * density, facecolor=shade, edgecolor="0.5", zorder=0.5, label=name)
    ratio.set_ylim(low, high + 0.35 * (high - low))
    ratio.set(title="log p/q as each critic has learned it; below, the densities", xlabel="x", ylabel="nats")
    ratio.legend(ncols=3, loc="upper center")
    return drawn


def main(arguments: Sequence[str] | None = None) -> None:
    parser = common.parser(__doc__, epilog=EPILOG, steps=1500, learning_rate=0.003)
    parser.add_argument("--pair", choices=sorted(pairs()), default="bimodal", help="p and q (default bimodal)")
    parser.add_argument(
        "--divergence",
        type=common.divergence,
        action="append",
        metavar="NAME",
        help=f"may be given several times (default {', '.join(DEFAULT)}): {common.DIVERGENCES}",
    )
    parser.add_argument(
        "--batch-size", type=common.positive_int, default=512, help="samples of each a step (default 512)"
    )
    options = parser.parse_args(arguments)
    chosen = dict(options.divergence or map(common.divergence, DEFAULT))
    common.make_folder(parser, options.out)

    start = time.perf_counter()
    print(f"device: {common.device()}")
    pair = pairs()[options.pair]
    grid = np.linspace(pair.low, pair.high, 401, dtype=np.float32)
    runs = {}
    for name, generator in chosen.items():
        exact = exact_value(pair, generator)
        if not exact < LARGE:
            parser.error(
                f"argument --divergence: {name} is infinite, or too large to be seen in samples, between the "
                f"distributions of {options.pair}"
            )
        runs[name] = train(name, generator, exact, pair, grid, options)
    print(f"from the first line to here: {time.perf_counter() - start:.1f} s")
    report(runs, options.out / "fgan.csv")
    truth = np.asarray(pair.p.log_prob(grid) - pair.q.log_prob(grid))
    curves = {f"{name}, curve": one.curve for name, one in runs.items()}
    ratios = {f"{name}, log-ratio": one.log_ratio for name, one in runs.items()}
    np.savez(options.out / "fgan.npz", grid=grid, truth=truth, **curves, **ratios)
    print(f"wrote {options.out / 'fgan.npz'}")
    common.save(draw(runs, pair, grid, truth), options.out / "fgan.png")


if __name__ == "__main__":
    script(main)
