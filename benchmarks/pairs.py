"""Time of closed forms on millions of pairs, and of matrices of all pairs, beside the plain formulas, in one process.

    python benchmarks/pairs.py                  # about two minutes
    python benchmarks/pairs.py --pairs 100000 --side 512

The plain formulas are the textbook's, under jit: what one would write by hand. They lose their digits where p and q are
close; the figures say what the digits cost. A matrix is compared with broadcasting the plain formula to all pairs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln, xlogy
from tqdm import tqdm

import kljax
from kljax.families import Bernoulli, Beta, Categorical, Gamma, MultivariateNormal, Normal

Step = Callable[..., Any]


def plain_normal(m: Any, s: Any, n: Any, t: Any) -> Any:
    return jnp.log(t / s) + (s * s + (m - n) ** 2) / (2.0 * t * t) - 0.5


def plain_gamma(a: Any, b: Any, c: Any, d: Any) -> Any:
    return (a - c) * digamma(a) - gammaln(a) + gammaln(c) + c * jnp.log(b / d) + a * (d - b) / b


def plain_beta(a: Any, b: Any, c: Any, d: Any) -> Any:
    def log_beta(x: Any, y: Any) -> Any:
        return gammaln(x) + gammaln(y) - gammaln(x + y)

    rest = (a - c) * digamma(a) + (b - d) * digamma(b) + (c - a + d - b) * digamma(a + b)
    return log_beta(c, d) - log_beta(a, b) + rest


def plain_bernoulli(p: Any, q: Any) -> Any:
    return xlogy(p, p / q) + xlogy(1.0 - p, (1.0 - p) / (1.0 - q))


PAIRS: dict[str, tuple[Any, Step, int]] = {
    "Normal": (Normal, plain_normal, 2),
    "Gamma": (Gamma, plain_gamma, 2),
    "Beta": (Beta, plain_beta, 2),
    "Bernoulli": (Bernoulli, plain_bernoulli, 1),
}


def quickest(steps: dict[str, Step], arguments: tuple[Any, ...], rounds: int) -> dict[str, float]:
    """Seconds of the quickest round; the candidates take turns."""
    for step in steps.values():
        jax.block_until_ready(step(*arguments))
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            jax.block_until_ready(step(*arguments))
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def parameters(family: str, count: int, size: int) -> tuple[jax.Array, ...]:
    draws = jax.random.normal(jax.random.key(0), (2 * count, size))
    positive = jnp.exp(0.5 * draws)
    if family == "Bernoulli":
        return tuple(jax.nn.sigmoid(draws))
    if family == "Normal":
        return draws[0], positive[1], draws[2], positive[3]
    return tuple(positive)


def of_pairs(size: int, rounds: int) -> list[str]:
    lines = [
        f"KL of {size:,} pairs, float32",
        "",
        "| family | plain, ms | kljax of plain | with gradients |",
        "|---|---|---|---|",
    ]
    for name, (family, plain, count) in tqdm(PAIRS.items(), desc="pairs"):
        arguments = parameters(name, count, size)

        def ours(*x: Any, family: Any = family, count: int = count) -> Any:
            return kljax.kl(family(*x[:count]), family(*x[count:]))

        every = tuple(range(2 * count))
        values = quickest({"plain": jax.jit(plain), "kljax": jax.jit(ours)}, arguments, rounds)
        steps = {
            name: jax.jit(jax.value_and_grad(lambda *x, f=f: f(*x).sum(), every))
            for name, f in (("plain", plain), ("kljax", ours))
        }
        slopes = quickest(steps, arguments, rounds)
        ratios = [found["kljax"] / found["plain"] for found in (values, slopes)]
        lines.append(f"| {name} | {1e3 * values['plain']:.1f} | {ratios[0]:.2f} | {ratios[1]:.2f} |")
    return lines


def of_matrices(side: int, rounds: int) -> list[str]:
    keys = jax.random.split(jax.random.key(1), 6)
    a, b = (jax.random.normal(key, (side, 1000)) for key in keys[:2])
    m, n = (jax.random.normal(key, (side, 64)) for key in keys[2:4])
    s, t = (jnp.exp(0.3 * jax.random.normal(key, (side, 64))) for key in keys[4:])

    def plain_categorical(a: Any, b: Any) -> Any:
        a, b = jax.nn.log_softmax(a), jax.nn.log_softmax(b)
        return (jnp.exp(a)[:, None] * (a[:, None] - b[None])).sum(-1)

    def categorical(a: Any, b: Any) -> Any:
        return kljax.pairwise(kljax.kl, Categorical(logits=a), Categorical(logits=b))

    def plain_normals(m: Any, s: Any, n: Any, t: Any) -> Any:
        return plain_normal(m[:, None], s[:, None], n[None], t[None]).sum(-1)

    def normals(m: Any, s: Any, n: Any, t: Any) -> Any:
        make = MultivariateNormal.from_diagonal
        return kljax.pairwise(kljax.kl, make(m, s), make(n, t))

    flop = {"Categorical(1000)": 2 * side * side * 1000, "Normal(64)": 4 * side * side * 64}
    rows = {
        "Categorical(1000)": (plain_categorical, categorical, (a, b)),
        "Categorical(1000), p = q": (plain_categorical, categorical, (a, a)),
        "Normal(64)": (plain_normals, normals, (m, s, n, t)),
        "Normal(64), p = q": (plain_normals, normals, (m, s, m, s)),
    }
    lines = [
        "",
        f"KL of {side} × {side} pairs, float32",
        "",
        "| | broadcasting, ms | kljax, ms | times faster | of the product |",
    ]
    lines.append("|---|---|---|---|---|")
    square = jax.random.normal(keys[0], (2048, 2048))
    peak = 2 * 2048**3 / quickest({"product": jax.jit(lambda x: x @ x)}, (square,), rounds)["product"]
    for name, (plain, ours, arguments) in tqdm(rows.items(), desc="matrices"):
        slow = quickest({"plain": jax.jit(plain)}, arguments, 1)["plain"]
        fast = quickest({"kljax": jax.jit(ours)}, arguments, rounds)["kljax"]
        floor = flop[name.split(",")[0]] / peak
        lines.append(f"| {name} | {1e3 * slow:.0f} | {1e3 * fast:.1f} | {slow / fast:.0f} | {fast / floor:.1f} |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1_000_000, help="how many pairs (default 1000000)")
    parser.add_argument(
        "--side", type=int, default=2048, help="how many members on each side of a matrix (default 2048)"
    )
    parser.add_argument("--rounds", type=int, default=10, help="calls of each candidate (default 10)")
    options = parser.parse_args()
    device = jax.devices()[0]
    print(f"JAX {jax.__version__} on {device.platform}: {device.device_kind}\n")
    print("\n".join(of_pairs(options.pairs, options.rounds) + of_matrices(options.side, options.rounds)))


if __name__ == "__main__":
    main()
