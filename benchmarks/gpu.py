"""Fractions of copy bandwidth that kljax.logits, and of the products' time that kljax.hidden reach on a GPU.

    python benchmarks/gpu.py --json gpu.json      # V = 32k … 256k, float32 and bfloat16, T = 1 and 2, logits and hidden
    python benchmarks/gpu.py --columns 131072 --dtypes bfloat16 --temperatures 1 --no-head
    python benchmarks/gpu.py --smoke              # tiny sizes, to see that it runs; on any machine

Bandwidth is that of copying one operand to another array, bytes read plus bytes written. A candidate's fraction is the
least traffic that its task needs, in operands read or written, over its time, relative to that: forward 2, with the
gradient in q 5, with both gradients 6; for Jensen–Shannon 4 and 7; 4 for the KL of rows whose sums are taken twice.
Candidates take turns, and a figure is the median of the rounds, each timing several calls between two synchronisations.
From hidden states the floor is of matrix products of 2·tokens·width·outcomes flop each, at the rate that one such
product reaches here: two for a value, and with the student's gradients four, or six where logits are formed twice.
"compiled" is XLA's own count of the bytes that the program touches, which adds all branches of a conditional of which
one runs; benchmarks/gpu_traffic.py counts the one. Beside them torch.compile and Liger's kernels, where installed.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # torch has its own memory beside JAX's

import jax
import jax.numpy as jnp

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _gpu_peers

from kljax import hidden, logits

COLUMNS = (32768, 65536, 131072, 151936, 262144)
CLOSE = "kl of close, peaked rows"
Calls = dict[str, Callable[[], Any]]
Task = tuple[float, Callable[..., Any]]


def plain_kl(a: jax.Array, b: jax.Array) -> jax.Array:
    """What people write."""
    log_p, log_q = (jax.nn.log_softmax(x.astype(jnp.float32)) for x in (a, b))
    return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)


def plain_jensen_shannon(a: jax.Array, b: jax.Array) -> jax.Array:
    """What people write."""
    log_p, log_q = (jax.nn.log_softmax(x.astype(jnp.float32)) for x in (a, b))
    p, q = jnp.exp(log_p), jnp.exp(log_q)
    log_m = jnp.log(0.5 * (p + q))
    return 0.5 * jnp.sum(p * (log_p - log_m) + q * (log_q - log_m), axis=-1)


def seconds(calls: Calls, rounds: int, repeats: int) -> dict[str, float]:
    """Median seconds of a call of each candidate, all of them called in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            _gpu_peers.wait()
            start = time.perf_counter()
            results = None
            for _ in range(repeats):
                results = call()  # the one before is freed
            jax.block_until_ready(results)
            _gpu_peers.wait()
            if turn:  # the first round compiles
                times[name].append((time.perf_counter() - start) / repeats)
    return {name: statistics.median(values) for name, values in times.items()}


def row_tasks(temperature: float) -> dict[str, Task]:
    """Name ↦ (least traffic in operands, function of the two operands)."""

    def mean(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
        return lambda a, b: function(a, b).mean()

    def kl(a: jax.Array, b: jax.Array) -> jax.Array:
        return logits.kl(a, b, temperature=temperature)

    def jensen_shannon(a: jax.Array, b: jax.Array) -> jax.Array:
        return logits.jensen_shannon(a, b, temperature=temperature)

    def plain(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
        return lambda a, b: function(*(x.astype(jnp.float32) / temperature for x in (a, b)))

    return {
        "plain kl": (2.0, plain(plain_kl)),
        "kl": (2.0, kl),
        CLOSE: (4.0, kl),
        "plain kl, gradient in q": (5.0, jax.value_and_grad(mean(plain(plain_kl)), argnums=1)),
        "kl, gradient in q": (5.0, jax.value_and_grad(mean(kl), argnums=1)),
        "kl, both gradients": (6.0, jax.value_and_grad(mean(kl), argnums=(0, 1))),
        "plain jensen_shannon": (4.0, plain(plain_jensen_shannon)),
        "jensen_shannon": (4.0, jensen_shannon),
        "jensen_shannon, gradient in q": (7.0, jax.value_and_grad(mean(jensen_shannon), argnums=1)),
    }


def least(name: str) -> float:
    """The least traffic of a peer's task, by its name."""
    return (4.0 if "jensen_shannon" in name else 2.0) + (3.0 if "gradient" in name else 0.0)


def rows(shape: tuple[int, int], dtype: str, temperature: float, rounds: int, repeats: int) -> list[dict[str, Any]]:
    """Prints the table of one shape, dtype and temperature; returns its figures."""
    a, b = (jax.random.normal(key, shape, jnp.float32).astype(dtype) for key in jax.random.split(jax.random.key(0)))
    # An outcome far from the first ones with nearly all of p, and q close: the sums are taken twice.
    peaked = a.at[:, -1].set(20.0)
    close = (peaked.astype(jnp.float32) + 0.01 * b.astype(jnp.float32)).astype(dtype)
    size = a.size * a.dtype.itemsize
    copy = jax.jit(lambda x: -x)  # reads and writes as much as a copy, and is none that XLA could leave out
    calls: Calls = {"copy": lambda: copy(a)}
    floors, counts = {"copy": 2.0}, {}
    for name, (floor, function) in row_tasks(temperature).items():
        operands = (peaked, close) if name == CLOSE else (a, b)
        compiled = jax.jit(function).lower(*operands).compile()
        calls[name] = lambda compiled=compiled, operands=operands: compiled(*operands)
        floors[name] = floor
        cost = compiled.cost_analysis() or {}
        scratch = compiled.memory_analysis().temp_size_in_bytes
        counts[name] = {
            "compiled": float(cost.get("bytes accessed", float("nan"))) / size,
            "scratch": scratch / size,
        }
    peers = _gpu_peers.row_calls(shape, dtype, temperature)
    calls |= peers
    floors |= {name: least(name) for name in peers}
    found = seconds(calls, rounds, repeats)
    bandwidth = 2 * size / found["copy"]
    given = {"module": "logits", "shape": list(shape), "dtype": dtype, "temperature": temperature}
    print(f"\nlogits, {dtype} {list(shape)}, temperature {temperature:g}, copy {bandwidth / 1e9:.0f} GB/s")
    print(f"  {'':44s}{'ms':>9s}{'of copy':>9s}{'compiled':>10s}{'scratch':>9s}   (operands; the least is in brackets)")
    figures = []
    for name, floor in floors.items():
        fraction = floor * size / found[name] / bandwidth
        line = f"  {name:44s}{1e3 * found[name]:9.3f}{fraction:9.2f}"
        if name in counts:
            line += f"{counts[name]['compiled']:10.2f}{counts[name]['scratch']:9.2f}   [{floor:.0f}]"
        print(line, flush=True)
        one = {"task": name, "ms": 1e3 * found[name], "of copy": fraction, "GB/s": floor * size / found[name] / 1e9}
        figures.append(given | one | counts.get(name, {}))
    return figures


def head_tasks(temperature: float) -> dict[str, Task]:
    """Name ↦ (how many products, function of the student's and the teacher's states and weights)."""
    tasks: dict[str, Task] = {}
    for verb in (hidden.kl, hidden.jensen_shannon):
        for strategy, products in (("tokens", 4), ("vocabulary", 6 if verb is hidden.kl else 8)):

            def loss(h_q: Any, w_q: Any, h_p: Any, w_p: Any, verb: Any = verb, strategy: Any = strategy) -> jax.Array:
                options = {"temperature": temperature, "reduction": "mean", "strategy": strategy}
                return verb((h_p, w_p), (h_q, w_q), **options)

            name = f"{verb.__name__} by {strategy}"
            tasks[name] = (2.0 if products < 8 else 4.0, loss)
            tasks[f"{name}, gradients"] = (float(products), jax.value_and_grad(loss, argnums=(0, 1)))
    return tasks


def head(tokens: int, width: int, outcomes: int, temperature: float, rounds: int) -> list[dict[str, Any]]:
    """Prints what divergences of hidden states cost in bfloat16, beside their products alone; returns the figures."""
    keys = jax.random.split(jax.random.key(1), 4)
    shapes = ((tokens, width), (outcomes, width)) * 2
    operands = [
        (width**-0.25 * jax.random.normal(key, shape, jnp.float32)).astype(jnp.bfloat16)
        for key, shape in zip(keys, shapes, strict=True)
    ]
    part = min(tokens, 1024)
    product = jax.jit(lambda h, w: jnp.matmul(h, w.T, preferred_element_type=jnp.bfloat16))
    calls: Calls = {"one product": lambda: product(operands[0][:part], operands[1])}
    floors: dict[str, float] = {}
    memory: dict[str, int] = {}
    for name, (products, function) in head_tasks(temperature).items():
        compiled = jax.jit(function).lower(*operands).compile()
        memory[name] = compiled.memory_analysis().temp_size_in_bytes
        calls[name] = lambda compiled=compiled: compiled(*operands)
        floors[name] = products
    peers = _gpu_peers.head_calls(tokens, width, outcomes, temperature)
    calls |= peers
    floors |= dict.fromkeys(peers, 4.0)
    found = seconds(calls, rounds, 1)
    unit = found["one product"] * tokens / part
    rate = 2 * tokens * width * outcomes / unit
    print(f"\nhidden, bfloat16, {tokens} tokens, width {width}, {outcomes} outcomes, temperature {temperature:g}")
    print(f"  {'one product':44s}{1e3 * unit:9.2f}   {rate / 1e12:.3g} Tflop/s")
    print(f"  {'':44s}{'ms':>9s}{'of floor':>9s}{'MB':>10s}   (products)")
    figures = []
    for name, products in floors.items():
        share = found[name] / (products * unit)
        size = f"{memory[name] / 1e6:10.0f}" if name in memory else f"{'':10s}"
        print(f"  {name:44s}{1e3 * found[name]:9.2f}{share:9.2f}{size}   [{products:.0f}]", flush=True)
        given = {"module": "hidden", "shape": [tokens, width, outcomes], "dtype": "bfloat16"}
        one = {"temperature": temperature, "task": name, "ms": 1e3 * found[name], "of floor": share}
        figures.append(given | one | ({"scratch MB": memory[name] / 1e6} if name in memory else {}))
    return figures


def main() -> None:
    """Parses the options, prints the tables and writes their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument("--rows", type=int, default=4096, help="of logits (default 4096)")
    parser.add_argument("--columns", type=int, nargs="+", default=list(COLUMNS), help="outcomes of these rows")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], choices=["float32", "bfloat16"])
    parser.add_argument("--temperatures", type=float, nargs="+", default=[1.0, 2.0], help="default 1 2")
    parser.add_argument("--rounds", type=int, default=10, help="of which the median is taken (default 10)")
    parser.add_argument("--repeats", type=int, default=10, help="calls timed together (default 10)")
    for name, default in (("tokens", 8192), ("width", 4096), ("outcomes", 131072)):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"of hidden states (default {default})")
    parser.add_argument("--no-head", action="store_true", help="leave hidden states out")
    parser.add_argument("--json", metavar="FILE", help="write the figures here too")
    options = parser.parse_args()
    device = jax.devices()[0]
    print(f"JAX {jax.__version__} on {device.platform}: {device.device_kind}")
    if options.smoke:
        options.rows, options.columns, options.rounds, options.repeats = 8, [1187], 1, 1
        options.tokens, options.width, options.outcomes = 64, 32, 1024
        print("Smoke run: the sizes are tiny and the figures mean nothing.")
    elif device.platform != "gpu":
        sys.exit("No GPU was found, so nothing was measured. --smoke runs tiny sizes here.")
    figures = []
    for dtype in options.dtypes:
        for columns in options.columns:
            for temperature in options.temperatures:
                figures += rows((options.rows, columns), dtype, temperature, options.rounds, options.repeats)
    for temperature in [] if options.no_head else options.temperatures:
        figures += head(options.tokens, options.width, options.outcomes, temperature, options.rounds)
    if options.json:
        about = {"device": device.device_kind, "platform": device.platform, "jax": jax.__version__}
        pathlib.Path(options.json).write_text(json.dumps(about | {"figures": figures}, indent=1) + "\n")


if __name__ == "__main__":
    main()
