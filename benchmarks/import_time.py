"""What `import kljax` and its first names cost over `import jax`, in fresh interpreters.

    python benchmarks/import_time.py --repeats 15

Names are loaded when they are first asked for, so each line asks for some: nothing, one module, the front door, all.
Prints the median of each over `import jax`; leaves with status 1 where that of the front door exceeds `--limit`.
All are run in turn, so that a machine that slows down slows all, after one run of each that warms the disk cache.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import subprocess
import sys

from tqdm import tqdm

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = "import time; start = time.perf_counter(); {}; print(time.perf_counter() - start)"
PROGRAMS = {
    "import kljax": "import jax, kljax",
    "kljax.logits": "import jax, kljax; kljax.logits",
    "kljax.kl": "import jax, kljax; kljax.kl",
    "every name": "import jax, kljax; [getattr(kljax, name) for name in kljax.__all__]",
}


def seconds(program: str) -> float:
    """How long it takes inside a new interpreter, whose own start is not counted."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(program)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(run.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=11, help="runs of each (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=0.3, help="seconds allowed (default: %(default)s)")
    options = parser.parse_args()
    for program in ("import jax", *PROGRAMS.values()):
        seconds(program)
    over: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in tqdm(range(options.repeats), unit=" round", leave=False):
        base = seconds("import jax")
        for name, program in PROGRAMS.items():
            over[name].append(seconds(program) - base)
    for name, values in over.items():
        print(f"{name:<14} {statistics.median(values):6.3f} s over import jax (median of {options.repeats} runs)")
    sys.exit(statistics.median(over["kljax.kl"]) > options.limit)


if __name__ == "__main__":
    main()
