"""What the first call of a divergence costs: CPU-seconds of the first and second call, and its program's equations.

    python benchmarks/first_call.py                  # each row in a fresh process, some minutes
    python benchmarks/first_call.py --only "StudentT‖Normal" --out table.md

CPU-seconds of the process are printed, for a program is compiled by several threads. JAX's persistent cache is off.
Where it applies, scipy.integrate.quad integrates the same divergence of two distributions of scipy.stats.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import subprocess
import sys

from tqdm import tqdm

ROOT = pathlib.Path(__file__).resolve().parents[1]
_KL = "lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)) if p.pdf(x) > 0 else 0.0"
_TV = "lambda x: 0.5 * abs(p.pdf(x) - q.pdf(x))"
_JS = "lambda x: 0.5 * sum(u * math.log(2 * u / (p.pdf(x) + q.pdf(x))) for u in (p.pdf(x), q.pdf(x)) if u > 0)"
# The call and its operands; where it applies, p and q of scipy.stats, the integrand and the interval.
ROWS: dict[str, tuple[str, str, tuple[str, str, str, str] | None]] = {
    "StudentT‖Normal": (
        "kljax.kl",
        "f.StudentT(3.0, 0.0, 1.0), f.Normal(0.0, 1.0)",
        ("stats.t(3)", "stats.norm()", _KL, "-inf, inf"),
    ),
    "Gamma‖LogNormal": (
        "kljax.kl",
        "f.Gamma(2.0, 1.0), f.LogNormal(0.0, 1.0)",
        ("stats.gamma(2)", "stats.lognorm(1)", _KL, "0, inf"),
    ),
    "Jensen–Shannon of two Normals": (
        "kljax.jensen_shannon",
        "f.Normal(0.0, 1.0), f.Normal(1.0, 1.0)",
        ("stats.norm()", "stats.norm(1)", _JS, "-inf, inf"),
    ),
    "TV StudentT, Laplace": (
        "kljax.total_variation",
        "f.StudentT(3.0, 0.0, 1.0), f.Laplace(0.0, 1.0)",
        ("stats.t(3)", "stats.laplace()", _TV, "-inf, inf"),
    ),
    "Poisson‖NegativeBinomial": ("kljax.kl", "f.Poisson(3.0), f.NegativeBinomial(4.0, 0.5)", None),
    "gradient of StudentT‖Normal": ("jax.grad(kljax.kl)", "f.StudentT(3.0, 0.0, 1.0), f.Normal(0.0, 1.0)", None),
    "logits.chernoff_information [32, 10]": ("kljax.logits.chernoff_information", "a, b", None),
    "kljax.estimate Normal‖Normal": (
        "lambda p, q: kljax.estimate(p, q, key=jax.random.key(0))",
        "f.Normal(0.0, 1.0), f.Normal(1.0, 1.0)",
        None,
    ),
    "logits.kl [32, 10]": ("kljax.logits.kl", "a, b", None),
    "gradient of logits.kl [32, 10]": ("jax.grad(lambda a, b: kljax.logits.kl(a, b).sum())", "a, b", None),
}
PROGRAM = """
import json, sys, time
import jax
import numpy as np
sys.path[:0] = [{root!r}, {tests!r}]
import kljax
from kljax import families as f
from equations import equations
a, b = np.random.default_rng(0).normal(size=(2, 32, 10)).astype(np.float32)
operands = ({operands},)
call = {call}
seconds = []
for _ in range(2):
    start = time.process_time()
    jax.block_until_ready(call(*operands))
    seconds.append(time.process_time() - start)
print(json.dumps([equations(call, *operands), *seconds]))
"""
BESIDE = """
import json, math, time
from math import inf
from scipy import integrate, stats
p, q, seconds = {p}, {q}, []
for _ in range(2):
    start = time.process_time()
    integrate.quad({integrand}, {interval})
    seconds.append(time.process_time() - start)
print(json.dumps(seconds))
"""


def fresh(program: str) -> list[float]:
    """What a new interpreter prints."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JAX_COMPILATION_CACHE")}
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    found: list[float] = json.loads(run.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(ROWS), help="these rows only")
    parser.add_argument("--out", type=pathlib.Path, help="write the table to this Markdown file besides printing it")
    options = parser.parse_args()
    lines = ["| call | equations | first call, CPU-s | second, ms | scipy.integrate, ms |", "|---|---|---|---|---|"]
    for name in tqdm(options.only or ROWS, unit=" row", leave=False):
        call, operands, peer = ROWS[name]
        places = {"root": str(ROOT), "tests": str(ROOT / "tests")}
        equations, first, second = fresh(PROGRAM.format(call=call, operands=operands, **places))
        beside = "" if peer is None else f"{1e3 * fresh(BESIDE.format(**dict(zip(_PEER, peer, strict=True))))[0]:.0f}"
        lines.append(f"| {name} | {equations:,.0f} | {first:.1f} | {1e3 * second:.1f} | {beside} |")
    text = "\n".join(lines)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


_PEER = ("p", "q", "integrand", "interval")

if __name__ == "__main__":
    main()
