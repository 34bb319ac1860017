"""Fractions of copy bandwidth that logits.kl, logits.jensen_shannon and hidden.kl reach on a GPU, in one process.

    python benchmarks/gpu.py                      # rows of 32k to 256k outcomes, float32 and bfloat16, then hidden.kl
    python benchmarks/gpu.py --tokens 2048 --width 1024 --outcomes 32768      # a smaller head
    python benchmarks/gpu.py --smoke              # tiny sizes, to see that it runs; on any machine

Bandwidth is that of copying one operand to another array, bytes read plus bytes written. A candidate's fraction is the
least traffic that its task needs, in operands read or written, over its time, relative to that: forward 2, with the
gradient in q 5, with both gradients 6; for Jensen–Shannon 4 and 7; 4 for the KL of rows whose sums are taken twice.
Candidates take turns, and a figure is the median of the rounds, each timing several calls between two synchronisations.
For hidden.kl the floor is of matrix products: four or six of 2·tokens·width·outcomes flop, at the rate that one such
product reaches here. "compiled" is XLA's own count of the bytes that the program touches, which adds all branches of a
conditional of which one runs; benchmarks/gpu_traffic.py counts the one.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from kljax import hidden, logits

OUTCOMES = (32768, 131072, 151936, 262144)
CLOSE = "kl of close, peaked rows"
Calls = dict[str, Callable[[], Any]]


def plain(a: jax.Array, b: jax.Array) -> jax.Array:
    """What people write."""
    log_p, log_q = (jax.nn.log_softmax(x.astype(jnp.float32)) for x in (a, b))
    return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)


def seconds(calls: Calls, rounds: int, repeats: int) -> dict[str, float]:
    """Median seconds of a call of each candidate, all of them called in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            results = None
            for _ in range(repeats):
                results = call()  # the one before is freed
            jax.block_until_ready(results)
            if turn:  # the first round compiles
                times[name].append((time.perf_counter() - start) / repeats)
    return {name: statistics.median(values) for name, values in times.items()}


def row_tasks() -> dict[str, tuple[float, Callable[..., Any]]]:
    """Name ↦ (least traffic in operands, function of the two operands)."""

    def mean(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
        return lambda a, b: function(a, b).mean()

    return {
        "plain": (2.0, plain),
        "kl": (2.0, logits.kl),
        CLOSE: (4.0, logits.kl),
        "plain, gradient in q": (5.0, jax.value_and_grad(mean(plain), argnums=1)),
        "kl, gradient in q": (5.0, jax.value_and_grad(mean(logits.kl), argnums=1)),
        "kl, both gradients": (6.0, jax.value_and_grad(mean(logits.kl), argnums=(0, 1))),
        "jensen_shannon": (4.0, logits.jensen_shannon),
        "jensen_shannon, gradient in q": (7.0, jax.value_and_grad(mean(logits.jensen_shannon), argnums=1)),
    }


def rows(dtype: str, count: int, outcomes: int, rounds: int, repeats: int) -> None:
    """Prints the table of one shape and dtype."""
    keys = jax.random.split(jax.random.key(0))
    a, b = (jax.random.normal(key, (count, outcomes), jnp.float32).astype(dtype) for key in keys)
    # An outcome far from the first ones with nearly all of p, and q close: the sums are taken twice.
    peaked = a.at[:, -1].set(20.0)
    close = (peaked.astype(jnp.float32) + 0.01 * b.astype(jnp.float32)).astype(dtype)
    size = a.size * a.dtype.itemsize
    copy = jax.jit(lambda x: -x)  # reads and writes as much as a copy, and is none that XLA could leave out
    calls: Calls = {"copy": lambda: copy(a)}
    floors, traffic, memory = {"copy": 2.0}, {}, {}
    for name, (least, function) in row_tasks().items():
        operands = (peaked, close) if name == CLOSE else (a, b)
        compiled = jax.jit(function).lower(*operands).compile()
        calls[name] = lambda compiled=compiled, operands=operands: compiled(*operands)
        floors[name] = least
        cost = compiled.cost_analysis() or {}
        traffic[name] = float(cost.get("bytes accessed", float("nan"))) / size
        memory[name] = compiled.memory_analysis().temp_size_in_bytes / size
    found = seconds(calls, rounds, repeats)
    bandwidth = 2 * size / found["copy"]
    print(f"\n{dtype} [{count}, {outcomes}], copy {bandwidth / 1e9:.0f} GB/s")
    print(f"  {'':30s}{'ms':>9s}{'of copy':>9s}{'compiled':>10s}{'scratch':>9s}   (operands; the least is in brackets)")
    for name in floors:
        line = f"  {name:30s}{1e3 * found[name]:9.3f}{floors[name] * size / found[name] / bandwidth:9.2f}"
        if name in traffic:
            line += f"{traffic[name]:10.2f}{memory[name]:9.2f}   [{floors[name]:.0f}]"
        print(line)


def head(tokens: int, width: int, outcomes: int, rounds: int) -> None:
    """Prints what hidden.kl with the student's gradients costs in bfloat16, beside its products alone."""
    keys = jax.random.split(jax.random.key(1), 4)
    shapes = ((tokens, width), (outcomes, width)) * 2
    operands = [
        (width**-0.25 * jax.random.normal(key, shape, jnp.float32)).astype(jnp.bfloat16)
        for key, shape in zip(keys, shapes, strict=True)
    ]
    part = min(tokens, 1024)
    product = jax.jit(lambda h, w: jnp.matmul(h, w.T, preferred_element_type=jnp.bfloat16))
    calls: Calls = {"one product": lambda: product(operands[0][:part], operands[1])}
    floors, memory = {"tokens": 4, "vocabulary": 6}, {}
    for strategy in floors:

        def loss(h_q: Any, w_q: Any, h_p: Any, w_p: Any, strategy: Any = strategy) -> jax.Array:
            return hidden.kl((h_p, w_p), (h_q, w_q), reduction="mean", strategy=strategy)

        arguments = (*operands[2:], *operands[:2])
        compiled = jax.jit(jax.value_and_grad(loss, argnums=(0, 1))).lower(*arguments).compile()
        memory[strategy] = compiled.memory_analysis().temp_size_in_bytes
        calls[strategy] = lambda compiled=compiled, arguments=arguments: compiled(*arguments)
    found = seconds(calls, rounds, 1)
    unit = found["one product"] * tokens / part
    rate = 2 * tokens * width * outcomes / unit
    print(f"\nhidden.kl, bfloat16, {tokens} tokens, width {width}, {outcomes} outcomes")
    print(f"  {'one product':30s}{1e3 * unit:9.2f}   {rate / 1e12:.3g} Tflop/s")
    print(f"  {'':30s}{'ms':>9s}{'of floor':>9s}{'MB':>10s}")
    for strategy, count in floors.items():
        line = f"  {f'chunks of {strategy}, {count} products':30s}{1e3 * found[strategy]:9.2f}"
        print(f"{line}{found[strategy] / (count * unit):9.2f}{memory[strategy] / 1e6:10.0f}")


def main() -> None:
    """Parses the options and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument("--rows", type=int, default=4096, help="of logits (default 4096)")
    parser.add_argument("--columns", type=int, nargs="+", default=list(OUTCOMES), help="outcomes of these rows")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], choices=["float32", "bfloat16"])
    parser.add_argument("--rounds", type=int, default=10, help="of which the median is taken (default 10)")
    parser.add_argument("--repeats", type=int, default=10, help="calls timed together (default 10)")
    for name, default in (("tokens", 8192), ("width", 4096), ("outcomes", 131072)):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"of hidden.kl (default {default})")
    options = parser.parse_args()
    device = jax.devices()[0]
    print(f"JAX {jax.__version__} on {device.platform}: {device.device_kind}")
    if options.smoke:
        options.rows, options.columns, options.rounds, options.repeats = 8, [1024, 1187], 1, 1
        options.tokens, options.width, options.outcomes = 64, 32, 1024
        print("Smoke run: the sizes are tiny and the figures mean nothing.")
    elif device.platform != "gpu":
        sys.exit("No GPU was found, so nothing was measured. --smoke runs tiny sizes here.")
    for dtype in options.dtypes:
        for columns in options.columns:
            rows(dtype, options.rows, columns, options.rounds, options.repeats)
    head(options.tokens, options.width, options.outcomes, options.rounds)


if __name__ == "__main__":
    main()
