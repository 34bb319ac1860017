"""What the command ``kljax`` is told: its subcommands and their options."""

from __future__ import annotations

import argparse
from typing import NoReturn

from kljax.tables._versions import versions

PROBLEM = 2
_STATUS = "status: 0 nothing is different, 1 something is, 2 trouble, 3 undecided (with --fail-on undecided)"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        """Status 2, as of any trouble."""
        self.exit(PROBLEM, f"{self.prog}: {message} (see {self.prog} --help)\n")


def parser() -> Parser:
    """Of the whole command."""
    whole = Parser(prog="kljax", description="How two tables differ, column by column, in nats.")
    whole.add_argument("--version", action="version", version=f"kljax {versions()['kljax']}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="compare | profile | timeline")
    _compare(commands.add_parser("compare", help="two tables", description="Two tables compared.", epilog=_STATUS))
    _profile(commands.add_parser("profile", help="a table's counts, kept as a reference", description=_PROFILE))
    _timeline(commands.add_parser("timeline", help="many tables", description=_TIMELINE, epilog=_STATUS))
    return whole


_PROFILE = "Counts of a table's columns in a small file, to be compared with later in its place."
_TIMELINE = "Many tables, or one cut by a column, compared with one reference."
_TABLE = "a CSV or Parquet file, a pattern of such files in quotes, or a profile (.json, .json.gz)"


def _compare(one: argparse.ArgumentParser) -> None:
    one.add_argument("reference", metavar="REFERENCE", help=_TABLE)
    one.add_argument("current", metavar="CURRENT", help="the table that may have changed")
    _columns(one)
    _judged(one)
    one.add_argument("--joint", choices=("auto", "off"), default="auto", help="all columns together too (auto)")
    one.add_argument("--fail-over", type=float, metavar="NATS", help="status 1 only if a KL is surely above NATS")
    _output(one)


def _profile(one: argparse.ArgumentParser) -> None:
    one.add_argument("table", metavar="TABLE", help="a CSV or Parquet file, or a pattern of such files in quotes")
    one.add_argument("-o", "--output", required=True, metavar="FILE", help="where to, such as reference.json.gz")
    _columns(one)
    one.add_argument("--seed", type=int, default=0, help="of the sample from which cells are chosen (0)")
    one.add_argument("--quiet", action="store_true", help="print nothing")


def _timeline(one: argparse.ArgumentParser) -> None:
    one.add_argument("reference", metavar="REFERENCE", help=_TABLE)
    one.add_argument("batches", metavar="BATCH", nargs="+", help="files or patterns, each file a batch")
    one.add_argument("--by", metavar="COLUMN", help="cut one table by this column instead")
    periods = ("day", "week", "month", "quarter", "year")
    one.add_argument("--every", choices=periods, default="day", help="how long a batch is, if --by is a date (day)")
    _columns(one)
    _judged(one)
    _output(one)


def _columns(one: argparse.ArgumentParser) -> None:
    one.add_argument("--columns", action="append", metavar="A,B", help="compare these columns only")
    one.add_argument("--ignore", action="append", default=[], metavar="A,B", help="leave these columns out")
    one.add_argument(
        "--kind", action="append", default=[], metavar="COLUMN=KIND",
        help="take a column for number, date, bool, category or text; may be repeated",
    )  # fmt: skip


def _judged(one: argparse.ArgumentParser) -> None:
    one.add_argument("--alpha", type=float, default=0.05, help="level of the tests (0.05)")
    one.add_argument(
        "--floor", type=float, default=0.005, metavar="NATS", help="below it a change is negligible (0.005)"
    )
    one.add_argument(
        "--material", type=float, default=0.05, metavar="NATS", help="columns surely below it are the same (0.05)"
    )
    one.add_argument("--seed", type=int, default=0, help="of the samples (0)")
    one.add_argument(
        "--fail-on", choices=("different", "undecided", "schema", "never"), default="different",
        help="status 1 if anything is different; 3 also if anything is undecided; 1 only if the columns themselves "
        "changed; always 0",
    )  # fmt: skip
    one.add_argument(
        "--allow-schema-change", action="store_true", help="status 0 though columns came, went or changed kind"
    )


def _output(one: argparse.ArgumentParser) -> None:
    one.add_argument(
        "--json", metavar="FILE", help="the result as strict JSON; - for standard output, and nothing else there"
    )
    one.add_argument("--html", metavar="FILE", help="a report as one HTML file")
    one.add_argument("--quiet", action="store_true", help="no table on standard output")
