"""Bytes that the programs compiled for an H100 read and write, without having one: kljax.logits and kljax.hidden.

    pip install "jax[cuda12]"                     # the compiler; no GPU is needed, nor is anything run
    python benchmarks/gpu_traffic.py              # rows of 131,072 and 151,936 outcomes, then hidden.kl
    python benchmarks/gpu_traffic.py --dtypes bfloat16 --columns 32768 --no-head

Every kernel of the optimised program counts what it reads and writes once; a loop counts its turns; of a conditional
the branch that touches least counts, which is the one taken for finite values that the first sums give to all their
digits (else two operands more). Traffic is in operands (rows × columns entries) and stands beside the least that
streams through memory; where kljax's exceeds that by 6 %, the script ends with an error. Scratch is what the program
sets aside beyond arguments and results.
"""

from __future__ import annotations

import argparse
import math
import os
import pathlib
import re
import sys
from collections.abc import Callable
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_gpu_autotune_level=0"  # there is nothing to time

import jax
import jax.numpy as jnp
from jax.experimental import topologies
from jax.sharding import SingleDeviceSharding

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from kljax import hidden, logits

H100 = """
gpu_device_info {
  threads_per_block_limit: 1024 threads_per_warp: 32 threads_per_core_limit: 2048 core_count: 132 fpus_per_core: 128
  shared_memory_per_block: 49152 shared_memory_per_block_optin: 232448 shared_memory_per_core: 233472
  registers_per_core_limit: 65536 registers_per_block_limit: 65536 clock_rate_ghz: 1.98
  block_dim_limit_x: 2147483647 block_dim_limit_y: 65535 block_dim_limit_z: 65535
  memory_bandwidth: 3352320000000 l2_cache_size: 52428800 device_memory_size: 84929347584
  cuda_compute_capability { major: 9 }
}
platform_name: "CUDA" runtime_version { major: 12 minor: 9 } dnn_version_info { major: 9 minor: 7 }
device_description_str: "NVIDIA H100 80GB HBM3"
"""
FREE = {"parameter", "constant", "tuple", "get-tuple-element", "bitcast", "after-all", "optimization-barrier"}
INSTRUCTION = re.compile(r"^\s+(?:ROOT )?%?([\w.-]+) = (\([^=]*?\)|\S+) ([\w-]+)\((.*)$")


def size(shape: str) -> int:
    """Bytes of an HLO shape, also of a tuple."""
    found = re.findall(r"(pred|bf16|[suf]\d+\w*)\[([\d,]*)\]", shape)
    return sum(
        math.prod(map(int, filter(None, extent.split(",")))) * max(1, int("".join(re.findall(r"\d+", kind)) or 8) // 8)
        for kind, extent in found
    )


class Program:
    """The computations of an optimised program, and the bytes that each of them moves."""

    def __init__(self, text: str) -> None:
        self.computations: dict[str, list[tuple[str, str, str, str]]] = {}
        name = self.entry = ""
        for line in text.splitlines():
            header = re.match(r"^(ENTRY )?%?([\w.-]+) \(.*\{$", line)
            if header:
                name = header[2]
                self.computations[name] = []
                self.entry = name if header[1] else self.entry
            elif match := INSTRUCTION.match(re.sub(r"/\*.*?\*/", "", line)):
                self.computations[name].append((match[1], match[2], match[3], match[4]))

    def traffic(self, name: str = "") -> float:
        """The bytes that a computation reads and writes."""
        rows = self.computations[name or self.entry]
        shapes = {one: shape for one, shape, _, _ in rows}
        total = 0.0
        for _, shape, kind, rest in rows:
            operands = re.findall(r"%([\w.-]+)", rest.split("), ")[0])
            if kind == "conditional":
                branches = re.search(r"branch_computations=\{([^}]*)\}", rest)
                listed = (
                    branches[1] if branches else ",".join(re.findall(r"(?:true|false)_computation=%?([\w.-]+)", rest))
                )
                total += min(self.traffic(one.strip(" %")) for one in listed.split(","))
            elif kind == "while":
                (turns,), (body,) = (re.findall(x, rest) for x in (r'trip_count":\{"n":"(\d+)"', r"body=%?([\w.-]+)"))
                total += int(turns) * self.traffic(body)
            elif kind == "call":
                total += self.traffic(re.findall(r"to_apply=%?([\w.-]+)", rest)[0])
            elif kind == "fusion":
                total += self._fusion(re.findall(r"calls=%?([\w.-]+)", rest)[0], shape, [shapes[x] for x in operands])
            elif kind not in FREE:
                total += size(shape) + sum(size(shapes[x]) for x in operands if x in shapes)
        return total

    def _fusion(self, name: str, shape: str, operands: list[str]) -> float:
        """A fusion reads of an operand only the slices that it takes, and of what it updates in place nothing."""
        rows = self.computations[name]
        shapes = {one: kind for one, kind, _, _ in rows}
        total, written = 0.0, float(size(shape))
        for one, _, kind, rest in rows:
            if kind != "parameter":
                continue
            uses = [(op, out, args) for _, out, op, args in rows if re.search(rf"%{re.escape(one)}\b(?![.\w-])", args)]
            whole = size(operands[int(rest.split(")")[0])])
            if uses and all(op in ("slice", "dynamic-slice") for op, _, _ in uses):
                total += sum(size(out) for _, out, _ in uses)
            elif uses and all(
                op == "dynamic-update-slice" and args.startswith("%" + one + ",") for op, _, args in uses
            ):
                written -= sum(size(out) - size(shapes[re.findall(r"%([\w.-]+)", args)[1]]) for _, out, args in uses)
            else:
                total += whole
        return total + written


def compiled(function: Callable[..., Any], *operands: jax.ShapeDtypeStruct) -> Any:
    """The program for an H100."""
    try:
        topology = topologies.get_topology_desc("", "cuda", target_config=H100, topology="1x1x1")
    except NotImplementedError:
        sys.exit('JAX\'s CUDA plugin, which compiles for GPUs, was not found: pip install "jax[cuda12]".')
    place = SingleDeviceSharding(topology.devices[0])
    placed = [jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place) for x in operands]
    return jax.jit(function).trace(*placed).lower(lowering_platforms=("cuda",)).compile()


def mean(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """The loss of a batch."""
    return lambda *operands: function(*operands).mean()


def tempered(verb: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """A verb with a temperature that is no power of two."""
    return lambda a, b: verb(a, b, temperature=3.0)


def plain(a: jax.Array, b: jax.Array) -> jax.Array:
    """What people write."""
    log_p, log_q = (jax.nn.log_softmax(x.astype(jnp.float32)) for x in (a, b))
    return jnp.sum(jnp.exp(log_p) * (log_p - log_q), axis=-1)


def rows(dtype: str, count: int, outcomes: int) -> list[str]:
    """Prints the table of one shape and dtype; returns what exceeds the least traffic."""
    operand = jax.ShapeDtypeStruct((count, outcomes), dtype)
    unit = count * outcomes * operand.dtype.itemsize
    tasks = {
        "plain": (2, plain),
        "kl": (2, logits.kl),
        "plain, gradient in q": (5, jax.value_and_grad(mean(plain), argnums=1)),
        "kl, gradient in q": (5, jax.value_and_grad(mean(logits.kl), argnums=1)),
        "kl, both gradients": (6, jax.value_and_grad(mean(logits.kl), argnums=(0, 1))),
        "kl, temperature": (2, tempered(logits.kl)),
        "kl, temperature, gradient in q": (5, jax.value_and_grad(mean(tempered(logits.kl)), argnums=1)),
        "jensen_shannon": (4, logits.jensen_shannon),
        "jensen_shannon, gradient in q": (7, jax.value_and_grad(mean(logits.jensen_shannon), argnums=1)),
        "jensen_shannon, temperature, gradient in q": (
            7,
            jax.value_and_grad(mean(tempered(logits.jensen_shannon)), argnums=1),
        ),
        "squared_hellinger": (4, logits.squared_hellinger),
        "squared_hellinger, gradient in q": (7, jax.value_and_grad(mean(logits.squared_hellinger), argnums=1)),
    }
    print(f"\n{dtype} [{count}, {outcomes}]\n  {'':44s}{'traffic':>9s}{'least':>7s}{'scratch':>9s}   (operands)")
    exceeding = []
    for name, (least, function) in tasks.items():
        found = compiled(function, operand, operand)
        traffic = Program(found.as_text()).traffic() / unit
        scratch = found.memory_analysis().temp_size_in_bytes / unit
        print(f"  {name:44s}{traffic:9.2f}{least:7d}{scratch:9.2f}")
        if traffic > 1.06 * least and not name.startswith("plain"):
            exceeding.append(f"{name} of {dtype} [{count}, {outcomes}]: {traffic:.2f} operands instead of {least}")
    return exceeding


def head(tokens: int, width: int, outcomes: int) -> None:
    """Prints the scratch memory of hidden.kl with the student's gradients, in bfloat16."""
    print(f"\nhidden.kl, bfloat16, {tokens} tokens, width {width}, {outcomes} outcomes: scratch memory")
    shapes = ((tokens, width), (outcomes, width)) * 2
    operands = [jax.ShapeDtypeStruct(shape, jnp.bfloat16) for shape in shapes]
    for strategy in (None, "tokens", "vocabulary"):

        def loss(h_q: Any, w_q: Any, h_p: Any, w_p: Any, strategy: Any = strategy) -> jax.Array:
            if strategy is None:
                return plain(h_p @ w_p.T, h_q @ w_q.T).mean()
            return hidden.kl((h_p, w_p), (h_q, w_q), reduction="mean", strategy=strategy)

        found = compiled(jax.value_and_grad(loss, argnums=(0, 1)), *operands)
        name = "all logits, plain" if strategy is None else f"chunks of {strategy}"
        print(f"  {name:44s}{found.memory_analysis().temp_size_in_bytes / 1e6:9.0f} MB")


def main() -> None:
    """Parses the options and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4096, help="of logits (default 4096)")
    parser.add_argument("--columns", type=int, nargs="+", default=[131072, 151936], help="outcomes of these rows")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"], choices=["float32", "bfloat16"])
    parser.add_argument("--no-head", action="store_true", help="leave hidden.kl out")
    options = parser.parse_args()
    jax.default_backend = lambda: "gpu"  # what kljax asks for its choices; the programs are for a GPU
    print(f"JAX {jax.__version__}, compiled for an NVIDIA H100, not run")
    exceeding = [
        x for dtype in options.dtypes for columns in options.columns for x in rows(dtype, options.rows, columns)
    ]
    if not options.no_head:
        head(8192, 4096, 131072)
    if exceeding:
        sys.exit("More traffic than the least: " + "; ".join(exceeding))


if __name__ == "__main__":
    main()
