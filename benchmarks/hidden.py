"""Time and memory of hidden.kl with its gradients, beside the loss that forms all logits, in one process.

    python benchmarks/hidden.py                   # T=2048, d=512, V=32768, about two minutes on two cores
    python benchmarks/hidden.py --tokens 256 --outcomes 4096 --rounds 2

The gradients are those in the student's hidden states and projection. Candidates take turns, so that a busy machine
slows all of them alike; the figures are the quickest rounds, and only the ratios to the naive loss carry over.
Temporary memory is that of the compiled program beyond its arguments and results.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from kljax import hidden


def naive(h_p: jax.Array, w_p: jax.Array, h_q: jax.Array, w_q: jax.Array) -> jax.Array:
    """What people write: all logits, two log-softmaxes."""
    a, b = (jnp.matmul(h, w.T, preferred_element_type=jnp.float32) for h, w in ((h_p, w_p), (h_q, w_q)))
    log_p, log_q = jax.nn.log_softmax(a), jax.nn.log_softmax(b)
    return (jnp.exp(log_p) * (log_p - log_q)).sum(-1).mean()


def ours(**options: Any) -> Callable[..., jax.Array]:
    """The same by kljax."""

    def loss(h_p: jax.Array, w_p: jax.Array, h_q: jax.Array, w_q: jax.Array) -> jax.Array:
        value = hidden.kl((h_p, w_p), (h_q, w_q), **options)
        return value if options.get("reduction") else value.mean()

    return loss


def torch_calls(operands: list[np.ndarray], chunk: int) -> dict[str, Callable[[], Any]]:
    """The naive loss in eager torch, and by chunks of tokens each with its own backward pass."""
    try:
        import torch
        from torch.nn import functional
    except ImportError:
        return {}
    h_p, w_p, h_q, w_q = (torch.tensor(x) for x in operands)

    def loss(h_p: Any, h_q: Any, w_q: Any) -> Any:
        log_p, log_q = functional.log_softmax(h_p @ w_p.T, -1), functional.log_softmax(h_q @ w_q.T, -1)
        return functional.kl_div(log_q, log_p, reduction="sum", log_target=True) / len(operands[0])

    def call(size: int) -> Any:
        states, weights = h_q.detach().requires_grad_(True), w_q.detach().requires_grad_(True)
        for first in range(0, len(h_p), size):
            loss(h_p[first : first + size], states[first : first + size], weights).backward()
        return states.grad, weights.grad

    return {"torch eager": lambda: call(len(h_p)), f"torch, chunks of {chunk}": lambda: call(chunk)}


def main() -> None:
    """Parses the options and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("tokens", 2048), ("width", 512), ("outcomes", 32768), ("rounds", 4)):
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default}")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--no-peers", action="store_true", help="leave torch out")
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    shapes = ((options.tokens, options.width), (options.outcomes, options.width)) * 2
    scale = options.width**-0.25  # logits of size 1
    operands = [(scale * rng.standard_normal(shape)).astype(np.float32) for shape in shapes]
    arrays = [jnp.asarray(x, options.dtype) for x in operands]
    losses = {
        "naive": naive,
        "tokens": ours(reduction="mean", strategy="tokens"),
        "vocabulary": ours(reduction="mean", strategy="vocabulary"),
        "tokens, .mean() outside": ours(strategy="tokens"),
        "vocabulary, .mean() outside": ours(strategy="vocabulary"),
    }
    calls: dict[str, Callable[[], Any]] = {}
    memory = {}
    for name, loss in losses.items():
        compiled = jax.jit(jax.value_and_grad(loss, argnums=(2, 3))).lower(*arrays).compile()
        memory[name] = compiled.memory_analysis().temp_size_in_bytes
        calls[name] = lambda compiled=compiled: compiled(*arrays)
    if not options.no_peers and options.dtype == "float32":
        calls |= torch_calls(operands, max(1, options.tokens // 8))
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(options.rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            if turn:  # the first round warms up
                times[name].append(time.perf_counter() - start)
    device = jax.devices()[0]
    print(f"JAX {jax.__version__} on {device.platform}: {device.device_kind}; {options.dtype}")
    print(
        f"{options.tokens} tokens, width {options.width}, {options.outcomes} outcomes; "
        "value and the student's gradients"
    )
    print(f"{'':30s}{'s':>8s}{'of naive':>10s}{'MB':>9s}{'of naive':>10s}")
    for name, found in times.items():
        line = f"{name:30s}{min(found):8.2f}{min(found) / min(times['naive']):10.2f}"
        if name in memory:
            line += f"{memory[name] / 1e6:9.0f}{memory[name] / memory['naive']:10.3f}"
        print(line)


if __name__ == "__main__":
    main()
