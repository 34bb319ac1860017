"""Did the oil crisis change the cars? Two tables of cars compared, column by column and together.

The cars that were sold in the United States from 1970 to 1982 (the Auto MPG data, 392 models, which come with mlxtend)
are cut in two: model years up to 1975, designed before or just after the oil crisis of 1973, and later ones. Each
column gets a divergence in nats with an interval, a p-value and a verdict; few rows are called too few.

Then the years one by one against the first four, of which a profile is kept: when did the change come?

Written to the output folder:
  compare_tables.html           the report of the comparison
  compare_tables.json           the same for a program
  compare_tables_years.html     the years as a heat map
  compare_tables_1970_73.json.gz  the profile
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from _script import script
from mlxtend.data import autompg_data

from kljax import tables

NAMES = ("cylinders", "displacement", "horsepower", "weight", "acceleration")
ORIGINS = {1: "America", 2: "Europe", 3: "Japan"}
CUT = 75  # the last model year of the reference
KEPT = 73  # the last one of the profile

EPILOG = """examples:
  python examples/compare_tables.py
  python examples/compare_tables.py --after 1978 --out out/cars

The same from a shell, of any two files: kljax compare before.csv after.csv --html report.html"""


def load() -> dict[str, np.ndarray]:
    """The cars as a dict of arrays, which is a table."""
    cars, miles = autompg_data()
    table = {name: cars[:, j] for j, name in enumerate(NAMES)}
    origin = np.array([ORIGINS[int(code)] for code in cars[:, 6]])
    return {**table, "miles per gallon": miles, "origin": origin, "year": 1900 + cars[:, 5].astype(int)}


def rows(table: dict[str, np.ndarray], kept: np.ndarray) -> dict[str, np.ndarray]:
    """Some rows of a table, without their year."""
    return {name: column[kept] for name, column in table.items() if name != "year"}


def story(found: tables.Comparison) -> list[str]:
    """What changed, in sentences."""
    said = []
    for column in found.columns:
        if column.verdict == "different":
            least = "at least " if column.kl.open else ""
            said.append(f"{column.name}: {least}{column.kl.value:.3f} nats; best guess {100 * column.best_guess:.0f} %")
    if found.joint is not None and found.joint.pairs:
        pair = found.joint.pairs[0]
        said.append(
            f"{pair.names[0]} and {pair.names[1]} went together by {pair.before:.2f} (rank correlation), then by "
            f"{pair.after:.2f}"
        )
    return said


def main(arguments: Sequence[str] | None = None) -> None:
    made = argparse.ArgumentParser(
        description=__doc__, epilog=EPILOG, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    made.add_argument("--after", type=int, default=1900 + CUT, help=f"last year of the reference ({1900 + CUT})")
    made.add_argument("--seed", type=int, default=0, help="seed of what is random in the joint part (default 0)")
    made.add_argument("--out", type=Path, default=Path("out"), help="folder for the files written (default out/)")
    options = made.parse_args(arguments)
    cars = load()
    years = np.unique(cars["year"])
    if not years[0] <= options.after < years[-1]:
        made.error(f"argument --after: expected a year from {years[0]} to {years[-1] - 1}; got {options.after}")
    options.out.mkdir(parents=True, exist_ok=True)

    before, after = rows(cars, cars["year"] <= options.after), rows(cars, cars["year"] > options.after)
    found = tables.compare(before, after, seed=options.seed)
    found.print()
    print("\n" + "\n".join(story(found)))
    found.to_html(options.out / "compare_tables.html")
    found.to_json(options.out / "compare_tables.json")

    profile = tables.profile(rows(cars, cars["year"] <= 1900 + KEPT))
    profile.save(options.out / "compare_tables_1970_73.json.gz")
    later = {str(year): rows(cars, cars["year"] == year) for year in years if year > 1900 + KEPT}
    timeline = tables.timeline(profile, later)
    print()
    timeline.print()
    timeline.to_html(options.out / "compare_tables_years.html")
    print(f"\nwrote four files to {options.out}")


if __name__ == "__main__":
    sys.exit(script(main))
