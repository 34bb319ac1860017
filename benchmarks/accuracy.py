"""How many digits are right: kljax and its peers against multiprecision, on the same rows in one process.

    python benchmarks/accuracy.py --quick            # short rows, a minute or two
    python benchmarks/accuracy.py --out table.md     # rows up to 131,072 outcomes, half an hour with gmpy2 installed

Rows are drawn in double precision, rounded to the dtype, and read exactly by the oracle (`tests/oracles`). Errors are
in units of eps of the dtype: of a value, relative to the exact value; of a gradient, ‖error‖₂ relative to ‖gradient‖₂.
Results below the smallest normal number, which XLA flushes to zero, count as right where they lie between 0 and
twice that number; entries of gradients may be off by 4096 times it, since a probability flushed to zero is
multiplied by a log-ratio. Each peer is held against what it defines: where it sums p log(p/q) without the difference
of masses, or divides probabilities by their sum first, the oracle does so too.
"""

from __future__ import annotations

import argparse
import dataclasses
import pathlib
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import jax
import mpmath
import numpy as np
from tqdm import tqdm

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import oracles  # noqa: E402
from accuracy_peers import LIBRARIES, VERBS, Call, Table, installed  # noqa: E402

NEAR = [10.0**-k for k in range(1, 9)]
KINDS = [
    "normal",
    "±50",
    "±1000",
    "one +50",
    "one +1000",
    *(f"near {d:.0e}" for d in NEAR),
    "±50 near 1e-03",
    "identical",
]
GROUPS = ["random", "peaked", "near-equal", "identical"]
LENGTHS = {2: 24, 10: 24, 1000: 4, 32768: 1, 131072: 1}  # outcomes: rows of each kind
# Of long rows, whose oracle takes seconds each, only these kinds.
LONG_KINDS = {
    32768: ["normal", "±50", "±1000", "near 1e-01", "near 1e-03", "near 1e-08", "identical"],
    131072: ["normal", "near 1e-03"],
}
QUICK = {2: 8, 10: 8, 1000: 1}


# --- input ------------------------------------------------------------------------------------------------


def logits_pair(kind: str, outcomes: int, row: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """The pair of logits number `row` of a kind; the same at every call."""
    rng = np.random.default_rng([KINDS.index(kind), outcomes, row])
    a, b = rng.standard_normal((2, outcomes))
    if kind.startswith("±"):
        scale = 1000.0 if "1000" in kind else 50.0
        a, b = (np.abs(scale * rng.uniform(-1.0, 1.0, (2, outcomes))) * np.sign([a, b])).astype(dtype)
    if kind.startswith("one"):
        a[row % outcomes] += float(kind.split("+")[1])
        b[row % outcomes] += float(kind.split("+")[1])
    a = a.astype(dtype)
    if "near" in kind:
        b = a + float(kind.split()[-1]) * rng.standard_normal(outcomes)
    return a, a.copy() if kind == "identical" else b.astype(dtype)


def probs_pair(kind: str, outcomes: int, row: int, dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Softmax of those logits in double precision, rounded; subnormal numbers are zeros, as XLA reads them."""
    a, b = (x.astype(np.float64) for x in logits_pair(kind, outcomes, row, np.float64))
    rows = []
    for x in (a, b):
        weight = np.exp(x - x.max())
        p = (weight / weight.sum()).astype(dtype)
        rows.append(np.where(p < np.finfo(dtype).tiny, 0, p).astype(dtype))
    return rows[0], rows[1]


INPUTS = {"logits": logits_pair, "probs": probs_pair}


# --- measurement ------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Result:
    """One number against the oracle's."""

    library: str
    verb: str
    coordinates: str
    dtype: str
    outcomes: int
    kind: str
    row: int
    quantity: str  # value, ∂p or ∂q
    group: str
    error: float
    got: float
    exact: float


def group_of(kind: str) -> str:
    if kind in ("normal", "identical"):
        return "random" if kind == "normal" else kind
    return "near-equal" if "near" in kind else "peaked"


def kinds_for(outcomes: int) -> list[str]:
    return LONG_KINDS.get(outcomes, KINDS)


def oracle_pair(coordinates: str, a: np.ndarray, b: np.ndarray, convention: str) -> oracles.Pair:
    if coordinates == "logits":
        return oracles.from_logits(a, b)
    return oracles.from_probs(a, b, normalise=convention == "normalised")


def gradient_error(got: np.ndarray, exact: np.ndarray) -> float:
    """`norm_error` over the entries that are finite numbers in the dtype."""
    # An entry is a probability, which may be flushed to zero, times a log-ratio of at most some thousands.
    legal = np.isfinite(exact) & (np.abs(exact) <= np.finfo(got.dtype).max)
    return oracles.norm_error(got[legal], exact[legal], flushed=4096.0)


def measure(
    tables: dict[str, Table], coordinates: str, dtype: Any, outcomes: int, rows: int, bar: tqdm
) -> Iterator[Result]:
    """Every library, verb and kind at one length; a library is called once for all the rows of a kind.

    Not for rows of several kinds: one row that is not in range would send all the others through the passes.
    """
    for kind in kinds_for(outcomes):
        pairs = [INPUTS[coordinates](kind, outcomes, row, dtype) for row in range(rows)]
        yield from measure_kind(tables, coordinates, dtype, outcomes, kind, pairs, bar)


def measure_kind(
    tables: dict[str, Table],
    coordinates: str,
    dtype: Any,
    outcomes: int,
    kind: str,
    pairs: list[tuple[np.ndarray, np.ndarray]],
    bar: tqdm,
) -> Iterator[Result]:
    """Every library and verb for the rows of a kind at one length."""
    stacked = [np.stack(side) for side in zip(*pairs, strict=True)]
    answers: dict[tuple[str, str], tuple[Call, np.ndarray, Any]] = {}
    for library, table in tables.items():
        for (where, verb), call in table.items():
            if where == coordinates:
                gradient = call.gradient(*stacked) if call.gradient else None
                answers[library, verb] = (call, call.value(*stacked), gradient)
    for index, row in enumerate(pairs):
        held = {c: oracle_pair(coordinates, *row, c) for c in ("measure", "normalised")}
        truth: dict[tuple[str, str], tuple[mpmath.mpf, tuple[np.ndarray, np.ndarray]]] = {}
        for (library, verb), (call, value, gradient) in answers.items():
            name, params = VERBS[verb]
            key = ("plain_kl" if call.convention == "plain" else name, call.convention)
            if (verb, key[1]) not in truth:
                pair = held["normalised" if call.convention == "normalised" else "measure"]
                truth[verb, key[1]] = oracles.value(pair, key[0], **params), oracles.gradient(pair, key[0], **params)
            exact, slopes = truth[verb, key[1]]
            group = "identical" if exact == 0 else group_of(kind)  # a small perturbation may round to nothing
            common = (library, verb, coordinates, np.dtype(dtype).name, outcomes, kind, index)
            yield Result(*common, "value", group, oracles.value_error(value[index], exact), value[index], float(exact))
            for quantity, side in (("∂p", 0), ("∂q", 1)):
                if gradient is not None:
                    got = gradient[side][index]
                    error = gradient_error(got, slopes[side])
                    size = float(np.linalg.norm(slopes[side].astype(np.float64)))
                    yield Result(*common, quantity, group, error, float(np.linalg.norm(got)), size)
        bar.update(outcomes)


# --- report -----------------------------------------------------------------------------------------------


def short(error: float) -> str:
    if np.isinf(error):
        return "∞"
    return f"{error:.1f}" if error < 100 else f"{error:.0e}".replace("e+0", "e").replace("e+", "e")


def cell(results: list[Result]) -> str:
    """Median / worst, then how many are negative or NaN; at zero, whether it is exact."""
    if not results:
        return "–"
    right = [r for r in results if not np.isnan(r.got)]
    negative = sum(r.quantity == "value" and r.got < 0 <= r.exact for r in right)
    marks = [f"{n} {what}" for n, what in ((negative, "neg"), (len(results) - len(right), "NaN")) if n]
    if not right:
        text = ""
    elif all(r.exact == 0 for r in right):
        worst = max(abs(r.got) for r in right)
        text = "0" if worst == 0 else f"off by {worst:.0e}"
    else:
        errors = [r.error for r in right]
        text = f"{short(float(np.median(errors)))} / {short(max(errors))}"
    return text + (f" [{', '.join(marks)}]" if marks else "")


def table(results: list[Result], libraries: list[str], quantities: set[str]) -> list[str]:
    lines = ["| | input | " + " | ".join(libraries) + " |", "|---" * (len(libraries) + 2) + "|"]
    chosen: dict[tuple[str, str, str], list[Result]] = {}
    for r in results:
        if r.quantity in quantities:
            chosen.setdefault((r.verb, r.group, r.library), []).append(r)
    for verb in VERBS:
        for group in GROUPS:
            cells = [cell(chosen.get((verb, group, library), [])) for library in libraries]
            if set(cells) != {"–"}:
                lines.append(f"| {verb if group == GROUPS[0] else ''} | {group} | {' | '.join(cells)} |")
    return lines


def by_length(results: list[Result], library: str) -> list[str]:
    """The worst error of one library, by verb and number of outcomes."""
    lengths = sorted({r.outcomes for r in results})
    lines = ["| worst error | " + " | ".join(f"{n:,}" for n in lengths) + " |", "|---" * (len(lengths) + 1) + "|"]
    for quantities, label in (({"value"}, "value"), ({"∂p", "∂q"}, "gradient")):
        for verb in VERBS:
            cells = []
            for n in lengths:
                errors = [
                    r.error
                    for r in results
                    if (r.library, r.verb, r.outcomes) == (library, verb, n) and r.quantity in quantities
                ]
                cells.append(short(max(errors)) if errors else "–")
            lines.append(f"| {verb}, {label} | {' | '.join(cells)} |")
    return lines


def worst(results: list[Result], count: int) -> list[str]:
    """The largest errors for each verb, quantity, coordinates and dtype, with the input that gives them."""
    lines = []
    held: dict[tuple[str, ...], list[Result]] = {}
    for r in sorted(results, key=lambda r: -r.error):
        held.setdefault((r.dtype, r.coordinates, r.verb, r.quantity), []).append(r)
    for key in sorted(held):
        for r in held[key][:count]:
            place = f"{r.coordinates}_pair({r.kind!r}, {r.outcomes}, {r.row}, np.{r.dtype})"
            size = "" if r.quantity == "value" else "norm "
            lines.append(f"{r.verb} {r.quantity}: {short(r.error)} eps, {size}{r.got:.9g} for {r.exact:.9g}, {place}")
    return lines


def report(results: list[Result], libraries: list[str]) -> str:
    parts = ["Errors in eps: median / worst. –: the library has no such function, or is not installed."]
    for dtype in ("float32", "float64"):
        for coordinates in INPUTS:
            here = [r for r in results if (r.dtype, r.coordinates) == (dtype, coordinates)]
            if not here:
                continue
            for title, quantities in (("values", {"value"}), ("gradients", {"∂p", "∂q"})):
                parts += ["", f"### From {coordinates}, {dtype}: {title}", "", *table(here, libraries, quantities)]
            if "kljax" in libraries:
                parts += ["", f"#### kljax by number of outcomes, from {coordinates}, {dtype}", ""]
                parts += by_length(here, "kljax")
    return "\n".join(parts) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"rows of {', '.join(map(str, QUICK))} outcomes only")
    parser.add_argument("--out", type=pathlib.Path, help="write the tables to this Markdown file besides printing them")
    parser.add_argument("--only", nargs="+", choices=list(LIBRARIES), help="these libraries only")
    parser.add_argument(
        "--worst", type=int, default=0, metavar="N", help="list kljax's N worst results of each sort, to reproduce"
    )
    parser.add_argument("--divergence", nargs="+", choices=list(VERBS), help="these divergences only")
    parser.add_argument("--dtype", choices=["float32", "float64"], help="one dtype only")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    lengths = QUICK if options.quick else LENGTHS
    libraries = options.only or list(LIBRARIES)
    chosen = options.divergence or list(VERBS)
    tables = {
        library: {key: call for key, call in table.items() if key[1] in chosen}
        for library, table in installed(libraries).items()
    }
    dtypes = [np.dtype(options.dtype)] if options.dtype else [np.dtype(np.float32), np.dtype(np.float64)]
    total = sum(n * rows * len(kinds_for(n)) for n, rows in lengths.items()) * len(INPUTS) * len(dtypes)
    results: list[Result] = []
    with tqdm(total=total, unit=" outcomes", unit_scale=True, dynamic_ncols=True) as bar:
        for dtype in dtypes:
            for coordinates in INPUTS:
                for outcomes, rows in lengths.items():
                    bar.set_description(f"{dtype} {coordinates} × {outcomes}")
                    with jax.enable_x64(dtype == np.float64):
                        results += measure(tables, coordinates, dtype, outcomes, rows, bar)
    text = report(results, libraries)
    print(text)
    if options.out:
        options.out.write_text(text)
    ours = [r for r in results if r.library == "kljax"]
    print("\n".join(worst(ours, options.worst)))


if __name__ == "__main__":
    main()
