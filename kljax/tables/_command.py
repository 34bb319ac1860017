"""The command ``kljax``: compare, profile and timeline, with the statuses of ``diff``.

arguments ─▶ the function of kljax.tables ─▶ table, JSON, HTML ─▶ 0 the same, 1 different, 2 trouble, 3 undecided
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

from kljax.tables._arguments import PROBLEM, parser
from kljax.tables._compare import compare
from kljax.tables._findings import Comparison, Timeline
from kljax.tables._profile import Profile
from kljax.tables._profiling import profile
from kljax.tables._progress import heard_by
from kljax.tables._timeline import timeline

_INTERRUPTED = 130
_PATIENCE = 1.0  # seconds before progress is shown


def script() -> NoReturn:
    """The console script: exits with the status, 2 also for a fault of our own, which Python would make 1."""
    sys.excepthook = _unforeseen
    sys.exit(main(sys.argv[1:]))


def _unforeseen(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    traceback.print_exception(kind, error, trace)
    sys.stderr.flush()
    os._exit(PROBLEM)


def main(arguments: Sequence[str]) -> int:
    """Runs the command.

    Args:
        arguments: Those of the command line, without the command itself.

    Returns:
        The status.

    Example:
        >>> from kljax.tables._command import main
        >>> main(["profile", "no_such_file.csv", "-o", "reference.json.gz"])
        2
    """
    try:
        options = parser().parse_args(list(arguments))
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else PROBLEM
    progress = _Progress() if sys.stderr.isatty() and not options.quiet else None
    try:
        with heard_by(progress):
            result = _RUNS[options.command](options)
        if progress is not None:
            progress.clear()
        return _written(result, options)
    except BrokenPipeError:  # as of `kljax ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PROBLEM
    except KeyboardInterrupt:
        return _INTERRUPTED
    except (ImportError, KeyError, OSError, TypeError, ValueError) as error:
        if progress is not None:
            progress.clear()
        sys.stderr.write(f"kljax: {_one_line(error)}\n")
        return PROBLEM


def _one_line(error: Exception) -> str:
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return " ".join(text.split()) or type(error).__name__


def _names(given: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(name for part in given or () for name in part.split(",") if name)


def _kinds(given: Sequence[str]) -> dict[str, str]:
    pairs = [part.rpartition("=") for part in given]
    for name, mark, kind in pairs:
        if not mark or not name:
            raise ValueError(f"--kind must be COLUMN=KIND, such as zip=category, not {kind!r}")
    return {name: kind for name, _, kind in pairs}


def _chosen(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "columns": _names(options.columns) if options.columns else None,
        "ignore": _names(options.ignore),
        "kinds": _kinds(options.kind),
        "seed": options.seed,
    }


def _judged(options: argparse.Namespace) -> dict[str, Any]:
    return _chosen(options) | {"alpha": options.alpha, "floor": options.floor, "material": options.material}


def _reference(path: str) -> str | Profile:
    return Profile.load(path) if path.endswith((".json", ".json.gz")) else path


def _compared(options: argparse.Namespace) -> Comparison:
    return compare(_reference(options.reference), options.current, joint=options.joint, **_judged(options))


def _profiled(options: argparse.Namespace) -> Profile:
    return profile(options.table, **_chosen(options))


def _timed(options: argparse.Namespace) -> Timeline:
    from kljax.tables._files import files

    reference = _reference(options.reference)
    if options.by is not None:
        if len(options.batches) != 1:
            raise ValueError("--by cuts one table; name several files by one pattern in quotes")
        return timeline(reference, options.batches[0], by=options.by, every=options.every, **_judged(options))
    paths = [path for pattern in options.batches for path in files(pattern, "a batch")]
    stems = [path.name.split(".")[0] for path in paths]
    labels = stems if len(set(stems)) == len(stems) else [str(path) for path in paths]
    return timeline(reference, dict(zip(labels, map(str, paths), strict=True)), **_judged(options))


_RUNS: dict[str, Callable[[argparse.Namespace], Comparison | Profile | Timeline]] = {
    "compare": _compared,
    "profile": _profiled,
    "timeline": _timed,
}


def _written(result: Comparison | Profile | Timeline, options: argparse.Namespace) -> int:
    """Writes what was asked for; the status."""
    if isinstance(result, Profile):
        result.save(options.output)
        if not options.quiet:
            size = Path(options.output).stat().st_size
            sys.stdout.write(f"{options.output}: {result.rows:,} rows, {len(result.columns)} columns, {size:,} bytes\n")
        return 0
    if options.html:
        result.to_html(options.html)
    if options.json and options.json != "-":
        result.to_json(options.json)
    elif options.json:
        sys.stdout.write(result.to_json() + "\n")
    if options.json != "-" and not options.quiet:
        result.print()
    sys.stdout.flush()
    found = result.comparisons if isinstance(result, Timeline) else (result,)
    over = getattr(options, "fail_over", None)
    statuses = {status(one, options.fail_on, over, options.allow_schema_change) for one in found}
    return 1 if 1 in statuses else max(statuses)


def status(comparison: Comparison, fail_on: str, over: float | None, allow_schema_change: bool) -> int:
    """0, 1 or 3, as the help says."""
    came_or_went = comparison.only_reference or comparison.only_current or comparison.not_compared
    schema = bool(came_or_went) and not allow_schema_change
    verdicts = {column.verdict for column in comparison.columns}
    verdicts |= {comparison.joint.verdict} if comparison.joint is not None else set()
    changed = "different" in verdicts if over is None else comparison.different(kl=over)
    if fail_on == "never":
        return 0
    if schema or (changed and fail_on != "schema"):
        return 1
    return 3 if fail_on == "undecided" and "undecided" in verdicts else 0


class _Progress:
    """One line on a terminal's standard error, shown where the work takes long."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._shown = 0

    def __call__(self, what: str, fraction: float) -> None:
        now = time.monotonic()
        if now - self._began < _PATIENCE or now - self._last < 0.1:
            return
        self._last = now
        line = f"{what[-60:]} {100 * fraction:3.0f} %"
        sys.stderr.write(f"\r{line.ljust(self._shown)}")
        sys.stderr.flush()
        self._shown = max(self._shown, len(line))

    def clear(self) -> None:
        """Takes the line away."""
        if self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0
