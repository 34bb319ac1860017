"""How accurate log_prob, entropy, mean and variance of distributions are, and their gradients: a table.

    python benchmarks/accuracy_measures.py [--families Gamma Beta ...] [--dtypes float32 float64]

The parameters, ordinary and extreme, and the points are those of tests/test_families_extremes.py, the exact values
mpmath's. An error is in eps of max(1, |value|); a cell has the worst value and the worst slope in any parameter.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from test_families_extremes import CASES, errors

COLUMNS = ("log_prob", "entropy", "mean", "variance")


def worst(found: list[tuple[float, str, Any]], what: str) -> str:
    """The largest error of this kind, or a dash."""
    seen = [error for error, one, _ in found if one == what]
    return f"{max(seen):.1f}" if seen else "–"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--families", nargs="*", default=list(CASES), choices=list(CASES), metavar="NAME")
    parser.add_argument("--dtypes", nargs="*", default=["float32", "float64"], choices=["float32", "float64"])
    options = parser.parse_args()
    for dtype in options.dtypes:
        print(f"\n### {dtype}\n\n| | {' | '.join(COLUMNS)} |\n|---|{'---|' * len(COLUMNS)}")
        for name in sorted(options.families):
            found = errors(name, dtype)
            cells = [" / ".join(worst(found, mark + what) for mark in ("", "∂")) for what in COLUMNS]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
