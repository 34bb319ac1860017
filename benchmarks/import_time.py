"""What `import kljax` costs over `import jax`, in fresh interpreters.

    python benchmarks/import_time.py --repeats 15

Prints the median time of each and the median difference; leaves with status 1 where that exceeds `--limit` seconds.
Both are run in turn, so that a machine that slows down slows both, after one run of each that warms the disk cache.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import subprocess
import sys

from tqdm import tqdm

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"


def seconds(module: str) -> float:
    """How long the import takes inside a new interpreter, whose own start is not counted."""
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(module)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return float(run.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=11, help="runs of each (default: %(default)s)")
    parser.add_argument("--limit", type=float, default=0.3, help="seconds allowed (default: %(default)s)")
    options = parser.parse_args()
    seconds("jax"), seconds("kljax")
    pairs = [(seconds("jax"), seconds("kljax")) for _ in tqdm(range(options.repeats), unit=" pair", leave=False)]
    ours = statistics.median(b - a for a, b in pairs)
    print(f"import jax    {statistics.median(a for a, _ in pairs):.3f} s")
    print(f"import kljax  {statistics.median(b for _, b in pairs):.3f} s")
    print(f"difference    {ours:.3f} s (at most {options.limit} s allowed; median of {options.repeats} runs)")
    sys.exit(ours > options.limit)


if __name__ == "__main__":
    main()
