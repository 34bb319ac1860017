"""How many digits of KL between distributions are right: kljax and its peers against multiprecision, pair by pair.

    python benchmarks/accuracy_pairs.py --out table.md               # two or three minutes
    python benchmarks/accuracy_pairs.py --pair Gamma:Gamma --by-input --worst 5
    python benchmarks/accuracy_pairs.py --only kljax                 # also the pairs that no peer has

Every pair of `kljax.families` with a closed form that some peer has as well. Parameters are drawn in double precision
and rounded to the dtype, and the textbook's formulas (`tests/oracles`) read them exactly. There are three sorts:

  ordinary    p and q drawn alike, parameters of order one
  extreme     shapes from 1/100 to 100, rare outcomes, and p and q in units 1e15 times larger or smaller
  near-equal  q's parameters 1e-1 … 1e-7 from those of the same distribution, also across two families (Gamma‖Chi2)

Errors are in units of eps of the dtype, relative to the exact value; pairs that rounding made equal are left out.
"""

from __future__ import annotations

import argparse
import pathlib
import sys
import warnings
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import mpmath
import numpy as np
from mpmath import mpf
from tqdm import tqdm

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import oracles  # noqa: E402
from accuracy import cell, short  # noqa: E402
from accuracy_pairs_peers import COUNT, LIBRARIES, Answer, installed  # noqa: E402
from oracles import continuous, discrete, distributions, multivariate  # noqa: E402

GROUPS = ["ordinary", "extreme", "near-equal"]
NEAR = [10.0**-k for k in range(1, 8)]
DRAWS = {"ordinary": 8, "extreme": 8, "near-equal": 2 * len(NEAR)}
DIGITS = 90

# What each number of a family is: r real, + positive, p a probability, < and > the ends of what q must cover, u a
# direction (three), and how it grows with the unit of the variable, where there is one.
KINDS: dict[str, tuple[str, tuple[int, ...] | None]] = {
    **dict.fromkeys(("Bernoulli", "Binomial", "Geometric"), ("p", None)),
    **dict.fromkeys(("Categorical", "OneHotCategorical"), ("rrrr", None)),
    **dict.fromkeys(("Chi", "Chi2", "Poisson"), ("+", None)),
    **dict.fromkeys(("Cauchy", "Gumbel", "Laplace", "Moyal", "Normal"), ("r+", (1, 1))),
    **dict.fromkeys(("HalfCauchy", "HalfNormal"), ("+", (1,))),
    **dict.fromkeys(("LogNormal", "LogitNormal", "VonMises"), ("r+", None)),
    **dict.fromkeys(("Beta", "Kumaraswamy"), ("++", None)),
    **dict.fromkeys(("InverseGamma", "Weibull"), ("++", (0, 1))),
    "ContinuousBernoulli": ("r", None),
    "Dirichlet": ("+++", None),
    "Exponential": ("+", (-1,)),
    "Gamma": ("++", (0, -1)),
    "MultivariateNormal": ("rrr+r+rr+", (1,) * 9),
    "MultivariateNormal, diagonal": ("rrr+++", (1,) * 6),
    "MultivariateNormal, low rank": ("rrrrrr+++", (1, 1, 1, 1, 1, 1, 2, 2, 2)),
    "Pareto": ("+<", (0, 1)),
    "PowerSpherical": ("u+", None),
    "SphericalUniform": ("", None),
    "Uniform": ("<>", (1, 1)),
    "VonMisesFisher": ("u+", None),
}
MATRICES = [name for name in KINDS if name.startswith("MultivariateNormal")]
# Powers of ten that extreme positive numbers span, where not -2 … 2: of matrices, whose condition would be measured
# else, and of a family whose oracle needs as many digits as 50 over its second parameter.
REACH = {"MultivariateNormal": (-0.3, 0.3), "Kumaraswamy": (-0.5, 2.0)}
DIRECTIONS = np.array([[0.48, 0.6, 0.64], [0.6, 0.0, 0.8], [0.64, -0.48, 0.6], [0.0, 0.28, 0.96]])
# Where two families meet: numbers of p ↦ numbers of q of the same distribution. p's own are drawn, or given.
SAME: dict[tuple[str, str], tuple[Callable[..., tuple[float, ...]], tuple[float, ...] | None]] = {
    ("Beta", "ContinuousBernoulli"): (lambda a, b: (0.0,), (1.0, 1.0)),
    ("Beta", "Dirichlet"): (lambda a, b: (a, b), None),
    ("Beta", "Uniform"): (lambda a, b: (0.0, 1.0), (1.0, 1.0)),
    ("Chi2", "Exponential"): (lambda k: (0.5,), (2.0,)),
    ("Chi2", "Gamma"): (lambda k: (k / 2, 0.5), None),
    ("ContinuousBernoulli", "Uniform"): (lambda eta: (0.0, 1.0), (0.0,)),
    ("Dirichlet", "Beta"): (lambda a, b: (a, b), None),
    ("Exponential", "Gamma"): (lambda rate: (1.0, rate), None),
    ("Gamma", "Chi2"): (lambda a, b: (2 * a,), (1.5, 0.5)),
    ("Gamma", "Exponential"): (lambda a, b: (b,), (1.0, 1.5)),
    ("Kumaraswamy", "Beta"): (lambda a, b: (1.0, b), (1.0, 2.5)),
    ("Uniform", "Beta"): (lambda low, high: (1.0, 1.0), (0.0, 1.0)),
    ("Uniform", "ContinuousBernoulli"): (lambda low, high: (0.0,), (0.0, 1.0)),
    ("Weibull", "Exponential"): (lambda k, s: (1 / s,), (1.0, 2.0)),
    ("Weibull", "Gamma"): (lambda k, s: (1.0, 1 / s), (1.0, 2.0)),
}
ORACLES = {
    name: book.kl
    for table in (distributions, continuous, discrete, multivariate)
    for name, book in table.TEXTBOOK.items()
    if book.kl is not None
}
CROSS = {pair: form for table in (continuous, discrete, multivariate) for pair, form in table.CROSS.items()}
# Every closed form with numbers of a fixed kind; those that no peer has drop out when they are asked.
PAIRS = sorted(
    {(name, name) for name in KINDS if name.split(",")[0] in ORACLES and name != "SphericalUniform"}
    | {pair for pair in CROSS if set(pair) <= set(KINDS)}
    | {("MultivariateNormal", "MultivariateNormal, low rank"), ("MultivariateNormal, low rank", "MultivariateNormal")}
)


# --- input ------------------------------------------------------------------------------------------------


def kinds_of(name: str, other: str) -> str:
    """What the numbers are, of a Dirichlet distribution beside Beta two."""
    return "++" if (name, other) == ("Dirichlet", "Beta") else KINDS[name][0]


def draw(name: str, rng: np.random.Generator, other: str, first: bool, wide: bool) -> np.ndarray:
    """Numbers of one family, so that the support of p lies in that of q."""
    if name == "Uniform":
        low, high = np.sort(rng.uniform(0.05, 0.95, 2))
        high += 0.05
        if other in ("Gumbel", "Normal", "Uniform") or not first:
            low, high = (-1.0 - 9.0 * low, 2.0 + 9.0 * high) if not first else (-low, 1.0 + high)
        return np.array([low, high])
    numbers: list[float] = []
    for kind in kinds_of(name, other):
        spread = 10.0 ** rng.uniform(*REACH.get(name.split(",")[0], (-2.0, 2.0))) if wide else 1.0
        if kind == "u":
            numbers += list(DIRECTIONS[rng.integers(len(DIRECTIONS))])
        elif kind == "p":
            tail = 10.0 ** rng.uniform(-6.0, -2.0) if wide else rng.uniform(0.05, 0.5)
            numbers.append(tail if rng.random() < 0.5 else 1.0 - tail)
        elif kind == "r":
            numbers.append(rng.normal() * (10.0 if wide and name not in MATRICES else 1.0))
        elif kind == "<":  # Pareto's scale
            numbers.append(rng.uniform(1.0, 3.0) if first else rng.uniform(0.02, 0.05))
        else:
            numbers.append(spread * float(np.exp(0.6 * rng.normal())))
    if name == "Pareto" and first:
        numbers[0] += 2.0  # for a variance
    return np.array(numbers)


def moved(kinds: str, numbers: np.ndarray, gap: float, rng: np.random.Generator) -> np.ndarray:
    """q's numbers, at this distance."""
    found = []
    for kind, x in zip(kinds.replace("u", "uuu"), numbers, strict=True):
        u = float(rng.uniform(0.3, 0.9) * rng.choice([-1.0, 1.0]))
        scale = {"r": 1.0, "p": min(x, 1.0 - x), "u": 0.0, "+": x}.get(kind, abs(x) + 0.1 * (x == 0.0))
        found.append(x + gap * scale * (u if kind not in "<>" else -abs(u) if kind == "<" else abs(u)))
    return np.array(found)


def cases(pair: tuple[str, str], group: str, dtype: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """Numbers of p and of q of one sort, the same at every call."""
    one, other = pair
    rng = np.random.default_rng([zlib.crc32(" ".join(pair).encode()), GROUPS.index(group)])
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    units = KINDS[one][1], KINDS[other][1]
    for index in range(DRAWS[group]):
        if group == "near-equal":
            gap = NEAR[index % len(NEAR)]
            meet, start = SAME.get(pair, (lambda *numbers: numbers, None))
            if one != other and pair not in SAME:
                break
            p = draw(one, rng, other, True, False) if start is None else np.array(start)
            rows.append((p, moved(kinds_of(other, one), np.array(meet(*p)), gap, rng)))
            continue
        scaled = group == "extreme" and None not in units and index % 2 == 1
        wide = group == "extreme" and not scaled
        p, q = draw(one, rng, other, True, wide), draw(other, rng, one, False, wide)
        if scaled:
            unit = 1e15 if index % 4 == 1 else 1e-15
            p, q = (numbers * unit ** np.array(power) for numbers, power in zip((p, q), units, strict=True))
        rows.append((p, q))
    return [(p.astype(dtype), q.astype(dtype)) for p, q in rows]


# --- the exact values -------------------------------------------------------------------------------------


def ordinary(name: str, x: Sequence[mpf]) -> Any:
    """The textbook's parameters from the numbers."""
    if name in ("Categorical", "OneHotCategorical"):
        return discrete.softmax(x)
    if name == "Binomial":
        return [mpf(COUNT), x[0]]
    if name == "Dirichlet":
        return (x,)
    if name == "SphericalUniform":
        return (mpf(3),)
    if name in ("PowerSpherical", "VonMisesFisher"):
        return x[:3], x[3]
    if name == "MultivariateNormal":
        a = x[3:]
        return multivariate.from_cholesky(x[:3], [[a[0], 0, 0], [a[1], a[2], 0], [a[3], a[4], a[5]]])
    if name == "MultivariateNormal, diagonal":
        return multivariate.from_diagonal(x[:3], x[3:])
    if name == "MultivariateNormal, low rank":
        return multivariate.from_low_rank(x[:3], [[one] for one in x[3:6]], x[6:])
    return x


def exact(pair: tuple[str, str], p: np.ndarray, q: np.ndarray) -> mpf:
    one, other = (name.split(",")[0] for name in pair)
    form = ORACLES[one] if one == other else CROSS[one, other]
    digits = DIGITS + int(50 / p[1]) if one == "Kumaraswamy" else DIGITS
    with mpmath.workdps(digits):
        numbers = ([mpf(float(x)) for x in side] for side in (p, q))
        return form(*(ordinary(name, side) for name, side in zip(pair, numbers, strict=True)))


# --- measurement and report -------------------------------------------------------------------------------


@dataclass
class Result:
    """One library's KL of one case, as `accuracy.cell` reads it."""

    library: str
    pair: tuple[str, str]
    group: str
    dtype: str
    error: float
    got: float
    exact: float
    p: np.ndarray
    q: np.ndarray
    quantity: str = "value"


def measure(answers: dict[str, Answer], pair: tuple[str, str], dtype: Any) -> list[Result]:
    """Every library that has the pair, if one has besides kljax; each is called once for all the cases."""
    labelled = [(group, *one) for group in GROUPS for one in cases(pair, group, dtype)]
    groups, *sides = zip(*labelled, strict=True)
    p, q = (np.stack(side) for side in sides)
    found = {library: answer(*pair, p, q) for library, answer in answers.items()}
    found = {library: np.broadcast_to(values, len(p)) for library, values in found.items() if values is not None}
    if set(found) == {"kljax"} != set(answers):
        return []
    results = []
    for i, group in enumerate(groups):
        truth = exact(pair, p[i], q[i])
        if abs(truth) <= mpf(10) ** -40:
            continue
        for library, values in found.items():
            error = oracles.value_error(values[i], truth)
            results.append(Result(library, pair, group, p.dtype.name, error, values[i], float(truth), p[i], q[i]))
    return results


def digest(results: list[Result], libraries: list[str]) -> list[str]:
    """Each library over all of its pairs, a row for every sort of input; kljax on all pairs that anyone has."""
    lines = ["| | input | " + " | ".join(libraries) + " |", "|---" * (len(libraries) + 2) + "|"]
    counts = [len({r.pair for r in results if r.library == library}) for library in libraries]
    lines.append("| pairs | | " + " | ".join(map(str, counts)) + " |")
    for group in GROUPS:
        held = [[r for r in results if (r.library, r.group) == (library, group)] for library in libraries]
        lines.append(f"| median / worst | {group} | " + " | ".join(map(cell, held)) + " |")
        beyond = [f"{np.mean([not r.error <= 64 for r in some]):.0%}" if some else "–" for some in held]
        lines.append(f"| off by more than 64 eps | {group} | " + " | ".join(beyond) + " |")
    return lines


def table(results: list[Result], libraries: list[str], groups: list[list[str]]) -> list[str]:
    lines = ["| KL(p‖q) | input | " + " | ".join(libraries) + " |", "|---" * (len(libraries) + 2) + "|"]
    if len(groups) == 1:
        lines = [line.replace(" input |", "", 1).replace("|---", "", line.startswith("|---")) for line in lines]
    chosen: dict[tuple[tuple[str, str], str, str], list[Result]] = {}
    for r in results:
        chosen.setdefault((r.pair, r.group, r.library), []).append(r)
    for pair in sorted({r.pair for r in results}):
        for some in groups:
            cells = [cell([r for one in some for r in chosen.get((pair, one, name), [])]) for name in libraries]
            label = [" ‖ ".join(pair), *([some[0]] if len(groups) > 1 else [])]
            if set(cells) != {"–"}:
                lines.append(f"| {' | '.join([*label, *cells])} |")
    return lines


def report(results: list[Result], libraries: list[str], by_input: bool) -> str:
    parts = ["Errors in eps: median / worst. –: the library has no such pair, or is not installed."]
    groups = [[group] for group in GROUPS] if by_input else [GROUPS]
    for dtype in ("float32", "float64"):
        here = [r for r in results if r.dtype == dtype]
        if here:
            parts += ["", f"### All pairs, {dtype}", "", *digest(here, libraries)]
            parts += ["", f"### Pair by pair, {dtype}", "", *table(here, libraries, groups)]
    return "\n".join(parts) + "\n"


def worst(results: list[Result], count: int) -> list[str]:
    """kljax's largest errors, with the numbers that give them."""
    held = sorted((r for r in results if r.library == "kljax"), key=lambda r: -r.error)[:count]
    return [
        f"{' ‖ '.join(r.pair)}, {r.group}, {r.dtype}: {short(r.error)} eps, {r.got:.9g} for {r.exact:.9g}, "
        f"p = {r.p.tolist()}, q = {r.q.tolist()}"
        for r in held
    ]


def named_pair(text: str) -> tuple[str, str]:
    one, _, other = text.partition(":")
    if (one, other) not in PAIRS:
        raise argparse.ArgumentTypeError(f"expected P:Q of {', '.join(map(':'.join, PAIRS))}; got {text!r}")
    return one, other


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=pathlib.Path, help="write the tables to this Markdown file besides printing them")
    parser.add_argument("--only", nargs="+", choices=list(LIBRARIES), help="these libraries only")
    parser.add_argument("--pair", nargs="+", type=named_pair, metavar="P:Q", help="these pairs only")
    parser.add_argument("--dtype", choices=["float32", "float64"], help="one dtype only")
    parser.add_argument("--by-input", action="store_true", help="a row of the table for every sort of input")
    parser.add_argument("--worst", type=int, default=0, metavar="N", help="list kljax's N worst results")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    libraries = options.only or list(LIBRARIES)
    answers = installed(libraries)
    dtypes = [np.dtype(one) for one in ([options.dtype] if options.dtype else ["float32", "float64"])]
    trials = [(dtype, pair) for dtype in dtypes for pair in options.pair or PAIRS]
    results: list[Result] = []
    for dtype, pair in tqdm(trials, unit="pair", dynamic_ncols=True):
        with jax.enable_x64(dtype == np.float64):
            results += measure(answers, pair, dtype)
    text = report(results, libraries, options.by_input)
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    print("\n".join(worst(results, options.worst)))


if __name__ == "__main__":
    main()
