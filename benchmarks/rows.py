"""Time and memory of logits.kl on long rows, beside the plain formula and other libraries, in one process.

    python benchmarks/rows.py                     # all that is installed, about two minutes
    python benchmarks/rows.py --rounds 5 --shapes 64x32768
    python benchmarks/rows.py --verb all --temperature 2     # every verb, with its digits: an hour; one dtype a third
    python benchmarks/rows.py --verb all --dtypes float32 --rows apart --json out.json
    python benchmarks/rows.py --verb kl renyi(.5) --module probs --json out.json

Every candidate is called in turn, round after round, so that a busy machine slows all of them alike; the figures are
the quickest rounds. The ratio is to the plain formula in JAX, two ``log_softmax`` under jit. "of copy" compares with
the time of copying the operands once, about the least that reading them can cost. The near rows are a student close to
its teacher, where the plain formula loses its digits.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import _row_verbs

from kljax import logits


def plain(a: jax.Array, b: jax.Array) -> jax.Array:
    """What people write."""
    log_p, log_q = jax.nn.log_softmax(a), jax.nn.log_softmax(b)
    return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)


def with_gradient(function: Callable[..., jax.Array]) -> Callable[..., Any]:
    """The mean's value and its gradient in the student's logits, compiled together."""
    return jax.jit(jax.value_and_grad(lambda b, a: function(a, b).mean()))


def torch_calls(a: np.ndarray, b: np.ndarray, dtype: str) -> dict[str, Callable[[], Any]]:
    """Torch's kl_div, eager and compiled, forward and with the student's gradient; empty where torch is missing."""
    try:
        import torch
        from torch.nn import functional
    except ImportError:
        return {}
    kind = {"float32": torch.float32, "bfloat16": torch.bfloat16}[dtype]
    teacher, student = torch.tensor(a).to(kind), torch.tensor(b).to(kind)

    def loss(student: Any, teacher: Any) -> Any:
        log_p, log_q = functional.log_softmax(teacher, -1), functional.log_softmax(student, -1)
        return functional.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)

    def gradient_of(function: Callable[..., Any]) -> Callable[[], Any]:
        def call() -> Any:
            leaf = student.detach().requires_grad_(True)
            function(leaf, teacher).mean().backward()
            return leaf.grad

        return call

    compiled = torch.compile(loss)
    calls: dict[str, Callable[[], Any]] = {
        "torch eager": lambda: loss(student, teacher),
        "torch eager, gradient": gradient_of(loss),
    }
    try:
        compiled(student, teacher)
    except Exception as error:  # noqa: BLE001 - torch.compile needs a C++ compiler and raises its own zoo of errors
        print(f"torch.compile left out: {type(error).__name__}", file=sys.stderr)
        return calls
    return calls | {
        "torch.compile": lambda: compiled(student, teacher),
        "torch.compile, gradient": gradient_of(compiled),
    }


def quickest(calls: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Milliseconds of each candidate's quickest call, all of them called in turn."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            start = time.perf_counter()
            jax.block_until_ready(call())
            if turn:  # the first round compiles
                times[name].append(time.perf_counter() - start)
    return {name: 1e3 * min(values) for name, values in times.items()}


def temporary_bytes(function: Callable[..., Any], *arguments: jax.Array) -> int:
    """Bytes of scratch memory of the compiled program, beyond its arguments and results."""
    return int(jax.jit(function).lower(*arguments).compile().memory_analysis().temp_size_in_bytes)


def long_rows(shape: tuple[int, int], dtype: str, rounds: int, *, peers: bool) -> None:
    """Prints the table of one shape and dtype."""
    rng = np.random.default_rng(0)
    first, second = (rng.standard_normal(shape).astype(np.float32) for _ in range(2))
    a, b = jnp.asarray(first, dtype), jnp.asarray(second, dtype)
    near = jnp.asarray(first + 0.01 * second, dtype)
    forward, gradient = jax.jit(plain), with_gradient(plain)
    ours, our_gradient = jax.jit(logits.kl), with_gradient(logits.kl)
    copy = jax.jit(lambda a, b: (a + 1, b + 1))
    calls: dict[str, Callable[[], Any]] = {
        "copy of both": lambda: copy(a, b),
        "plain": lambda: forward(a, b),
        "kljax": lambda: ours(a, b),
        "kljax, near": lambda: ours(a, near),
        "plain, gradient": lambda: gradient(b, a),
        "kljax, gradient": lambda: our_gradient(b, a),
        "kljax, near, gradient": lambda: our_gradient(near, a),
    }
    if peers:
        calls |= torch_calls(first, second, dtype)
    times = quickest(calls, rounds)
    print(f"\n{dtype} {list(shape)}" + " " * 14 + "ms   of plain   of copy")
    for name, value in times.items():
        base = times["plain, gradient" if "gradient" in name else "plain"]
        print(f"  {name:28s} {value:8.2f} {value / base:8.2f} {value / times['copy of both']:10.2f}")
    size = a.size * a.dtype.itemsize
    used = {n: temporary_bytes(f, b, a) / size for n, f in (("kljax", our_gradient), ("plain", gradient))}
    print(f"  scratch memory of value and gradient, in operands: kljax {used['kljax']:.2f}, plain {used['plain']:.2f}")


def small_rows(rounds: int) -> None:
    """Prints what an eager call costs where the arithmetic costs nothing."""
    a, b = jax.random.normal(jax.random.key(0), (2, 32, 10))
    forward = jax.jit(plain)
    for call in (forward, logits.kl):
        jax.block_until_ready(call(a, b))
    best = {"jitted plain formula": float("inf"), "kljax": float("inf")}
    for _ in range(rounds):
        for name, call in zip(best, (forward, logits.kl), strict=True):
            start = time.perf_counter()
            for _ in range(300):
                jax.block_until_ready(call(a, b))
            best[name] = min(best[name], (time.perf_counter() - start) / 300 * 1e6)
    ratio = best["kljax"] / best["jitted plain formula"]
    print("\neager call on [32, 10]: " + ", ".join(f"{n} {t:.1f} µs" for n, t in best.items()) + f", ratio {ratio:.2f}")


def every_verb(options: argparse.Namespace, dtype: str) -> list[dict[str, Any]]:
    """Prints each verb's CPU time over that of its plain formula, and the worst errors of both; returns them."""
    found = []
    for shape in options.shapes or _row_verbs.SHAPES:
        for kind in options.rows:
            print(f"\n{options.module}, {dtype} {shape}, {kind} rows, temperature {options.temperature:g}")
            print(f"  {'':18s}{'value':>8s}{'gradient':>10s}      worst eps: value (plain)       gradient (plain)")
            for name in options.verb:
                size = tuple(int(n) for n in shape.split("x"))
                one = _row_verbs.measure(name, options.module, size, dtype, kind, options.temperature, options.rounds)
                found.append({"verb": name, "shape": shape, "dtype": dtype, "rows": kind, "module": options.module})
                found[-1] |= {"temperature": options.temperature, **{key: float(f"{x:.4g}") for key, x in one.items()}}
                print(
                    f"  {name:18s}{one['value']:8.2f}{one['gradient']:10.2f}{one['ours eps']:15.1f} "
                    f"({one['plain eps']:8.1f}){one['ours gradient eps']:13.1f} ({one['plain gradient eps']:8.1f})",
                    flush=True,
                )
    return found


def main() -> None:
    """Parses the options and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="calls of each candidate (default 15)")
    parser.add_argument("--shapes", nargs="+", default=[], metavar="ROWSxOUTCOMES")
    parser.add_argument("--dtypes", nargs="+", default=[], choices=["float32", "bfloat16", "float64"])
    parser.add_argument("--no-peers", action="store_true", help="leave torch out")
    parser.add_argument("--verb", nargs="+", choices=["all", *_row_verbs.VERBS], help="CPU time and digits of these")
    parser.add_argument("--module", default="logits", choices=["logits", "probs"], help="of the verbs")
    parser.add_argument("--rows", nargs="+", default=["apart", "near"], choices=["apart", "near"], help="of the verbs")
    parser.add_argument("--temperature", type=float, default=1.0, help="of the verbs")
    parser.add_argument("--json", metavar="FILE", help="write the verbs' figures here too")
    options = parser.parse_args()
    if options.verb:
        options.verb = list(_row_verbs.VERBS) if "all" in options.verb else options.verb
        print(f"JAX {jax.__version__} on {jax.devices()[0].device_kind}, CPU time over that of the plain formula")
        figures = []
        for dtype in options.dtypes or ["float32", "bfloat16", "float64"]:
            with jax.enable_x64(dtype == "float64"):
                figures += every_verb(options, dtype)
        if options.json:
            pathlib.Path(options.json).write_text(json.dumps(figures, indent=1) + "\n")
        return
    device = jax.devices()[0]
    print(f"JAX {jax.__version__} on {device.platform}: {device.device_kind}")
    small_rows(options.rounds)
    for dtype in options.dtypes or ["float32", "bfloat16"]:
        for shape in options.shapes or ["256x32768", "64x131072"]:
            rows, outcomes = (int(n) for n in shape.split("x"))
            long_rows((rows, outcomes), dtype, options.rounds, peers=not options.no_peers)


if __name__ == "__main__":
    main()
