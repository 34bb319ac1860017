"""Pictures of the home page and of the pages on accuracy and speed, from the figures in those pages' tables.

    python docs/_tools/pictures.py           # writes docs/pictures/*.svg, for light and dark paper

The tables are the source: what a chart shows is read from the Markdown, so that it cannot say anything else. The two
pictures of the home page are computed here.
"""

from __future__ import annotations

import itertools
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import figures
import matplotlib.pyplot as plt
import numpy as np
from figures import BLUE, DOCS, GREEN, GREY, ORANGE
from matplotlib.figure import Figure

PICTURES = DOCS / "pictures"


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table after a heading, without its head and markup; an empty first cell repeats."""
    text = (DOCS / page).read_text(encoding="utf-8").split(heading, 1)[1]
    found = re.search(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert found, f"no table after {heading!r} in {page}"
    lines = [
        [cell.strip().replace("**", "").replace("`", "") for cell in line.strip("|").split("|")]
        for line in found.group().splitlines()
    ]
    table = [lines[0], *lines[2:]]
    for above, line in itertools.pairwise(table[1:]):
        line[0] = line[0] or above[0]
    return table


def normal(x: np.ndarray, loc: float, scale: float) -> np.ndarray:
    """The density of a normal distribution."""
    return np.exp(-0.5 * ((x - loc) / scale) ** 2) / (scale * np.sqrt(2 * np.pi))


def directions() -> Figure:
    """Forward and reverse KL: what one normal distribution makes of two humps. Both by exhaustive search."""
    x = np.linspace(-6, 6, 601)
    p = 0.65 * normal(x, -2.0, 0.6) + 0.35 * normal(x, 2.5, 0.8)
    mean = float((x * p).sum() / p.sum())
    deviation = float(np.sqrt(((x - mean) ** 2 * p).sum() / p.sum()))  # forward KL matches the moments
    best = min(
        (float((q * (np.log(q + 1e-300) - np.log(p + 1e-300))).sum()), loc, scale)
        for loc in np.linspace(-4, 4, 81)
        for scale in np.linspace(0.3, 3, 55)
        for q in [normal(x, loc, scale)]
    )
    fig, axes = plt.subplots(1, 2, figsize=(8.4, 2.7), sharey=True)
    for ax, (loc, scale), colour, words in (
        (axes[0], (mean, deviation), BLUE, "Forward KL(p‖q): q covers all of p"),
        (axes[1], best[1:], ORANGE, "Reverse KL(q‖p): q settles on a part"),
    ):
        ax.fill_between(x, p, color=GREY, alpha=0.35, linewidth=0)
        ax.plot(x, normal(x, loc, scale), color=colour, linewidth=2.4)
        ax.text(2.55, 0.2, "p", color=GREY, fontsize=13, ha="center")
        ax.text(loc, normal(np.array(loc), loc, scale) + 0.02, "q", color=colour, fontsize=13, ha="center")
        ax.set(title=words, xlim=(-6, 6), ylim=(0, 0.8), yticks=[], xticks=[])
        ax.spines["left"].set_visible(False)
    return fig


def near_equal() -> Figure:
    """The error of KL in float32 as q comes near p: the plain formula beside kljax, against mpmath."""
    import jax
    import jax.numpy as jnp
    import mpmath

    from kljax import logits

    def exact(a: np.ndarray, b: np.ndarray) -> float:
        with mpmath.workdps(40):
            first, second = ([mpmath.mpf(float(one)) for one in row] for row in (a, b))
            log_z = [mpmath.log(mpmath.fsum(mpmath.exp(one) for one in row)) for row in (first, second)]
            return mpmath.fsum(
                mpmath.exp(u - log_z[0]) * ((u - log_z[0]) - (v - log_z[1])) for u, v in zip(first, second, strict=True)
            )

    def plain(a: jax.Array, b: jax.Array) -> jax.Array:
        log_p, log_q = jax.nn.log_softmax(a), jax.nn.log_softmax(b)
        return (jnp.exp(log_p) * (log_p - log_q)).sum()

    rng = np.random.default_rng(0)
    distances = [10.0**-k for k in range(7)]
    worst: dict[str, list[float]] = {"plain": [], "kljax": []}
    for distance in distances:
        errors: dict[str, list[float]] = {"plain": [], "kljax": []}
        for _ in range(20):
            a = rng.standard_normal(100).astype(np.float32)
            b = (a + distance * rng.standard_normal(100)).astype(np.float32)
            truth = exact(a, b)
            for name, function in (("plain", plain), ("kljax", logits.kl)):
                errors[name].append(float(abs(mpmath.mpf(float(function(a, b))) - truth) / truth))
        for name, found in errors.items():
            worst[name].append(float(np.median(found)))
    fig, ax = plt.subplots(figsize=(8.4, 3.1))
    ax.plot(distances, worst["plain"], "o-", color=ORANGE)
    ax.plot(distances, worst["kljax"], "o-", color=BLUE)
    ax.axhline(1.0, color=GREY, linestyle=":", linewidth=1)
    ax.text(1e-6, 1.6, "as large as the answer itself", color=GREY, ha="right", va="bottom")
    ax.text(2e-4, 3e1, "difference of two log-softmaxes", color=ORANGE, ha="right")
    ax.text(1e-3, 4e-7, "kljax", color=BLUE, va="bottom")
    ax.set(xscale="log", yscale="log", xlabel="how far q's logits are from p's", ylim=(1e-8, 1e6), xlim=(1.6, 6e-7))
    ax.set(title="Relative error of KL(p‖q) in float32, median of 20 rows of 100 logits")
    ax.set_yticks([1e-8, 1e-6, 1e-4, 1e-2, 1, 1e2, 1e4, 1e6])
    ax.minorticks_off()
    return fig


def worst_of(cell: str) -> float | None:
    """The second number of "median / worst": the largest error in units of eps."""
    found = re.match(r"[\d.e+]+ / ([\d.e+]+|∞)", cell)
    if found:
        return np.inf if found[1] == "∞" else float(found[1])
    return 0.0 if cell == "0" else None


def accuracy() -> Figure:
    """The worst error in eps of KL's value and gradient from float32 logits, library by library."""
    fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.3), sharey=True)
    kinds = ("random", "peaked", "near-equal")
    for ax, heading, title in (
        (axes[0], "## From logits, float32: values", "Value"),
        (axes[1], "## From logits, float32: gradients", "Gradient"),
    ):
        table = rows("accuracy.md", heading)
        libraries = table[0][2:]
        found = {row[1]: dict(zip(libraries, row[2:], strict=True)) for row in table[1:] if row[0] == "KL"}
        shown = [one for one in reversed(libraries) if worst_of(found["random"][one]) is not None]
        places = {one: k for k, one in enumerate(reversed(libraries))}
        for kind, marker in zip(kinds, "osD", strict=True):
            for one in shown:
                error = worst_of(found[kind][one])
                if error is None:
                    continue
                colour = BLUE if one == "kljax" else ORANGE
                ax.plot(min(error, 1e17), places[one], marker, color=colour, markersize=7, alpha=0.85)
                if np.isinf(error):
                    ax.text(1e17, places[one] + 0.22, "∞", color=colour, ha="center")
        for one in shown:
            reach = [min(e, 1e17) for kind in kinds if (e := worst_of(found[kind][one])) is not None]
            ax.plot([min(reach), max(reach)], [places[one]] * 2, color=BLUE if one == "kljax" else ORANGE, linewidth=1)
        ax.axvline(1 / 1.2e-7, color=GREY, linestyle=":", linewidth=1)
        ax.set(
            xscale="log",
            xlim=(0.5, 1e18),
            title=f"KL's {title.lower()}: worst error, in eps",
            yticks=list(places.values()),
        )
        ax.set_yticklabels(list(places))
        ax.set_xticks([1, 1e4, 1e8, 1e12, 1e16])
        ax.minorticks_off()
    axes[0].text(1.4e7, 0.5, "an error of 100 %", color=GREY, fontsize=9, va="center")
    for kind, marker in zip(kinds, "osD", strict=True):
        axes[1].plot([], [], marker, color=GREY, label=kind)
    axes[1].legend(loc="lower right", fontsize=9)
    return fig


def speed() -> Figure:
    """Time of the plain formula's: forward and with the gradient, float32 and bfloat16, from the first two tables."""
    text = (DOCS / "performance.md").read_text(encoding="utf-8")
    fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.2), sharex=True, sharey=True)
    for ax, dtype in zip(axes, ("float32", "bfloat16"), strict=True):
        block = re.search(rf"^\| {dtype} .*\n(?:\|.*\n)+", text, re.MULTILINE)
        assert block, dtype
        measured = {}
        for line in block.group().splitlines()[3:]:
            cells = [cell.strip().replace("**", "") for cell in line.strip("|").split("|")]
            measured[cells[0]] = (float(cells[2]), float(cells[4]))
        names = (
            "kljax, forward",
            "kljax, forward, q near p",
            "kljax, with the gradient",
            "kljax, with the gradient, q near p",
        )
        for k, name in enumerate(reversed(names)):
            small, large = measured[name]
            ax.barh(k + 0.19, small, 0.36, color=BLUE)
            ax.barh(k - 0.19, large, 0.36, color=GREEN)
            for height, value in ((k + 0.19, small), (k - 0.19, large)):
                ax.text(value + 0.02, height, f"{value:.2f}", va="center", fontsize=9)
        ax.axvline(1.0, color=ORANGE, linestyle=":")
        ax.set(title=dtype, yticks=range(4), xlim=(0, 1.2), xlabel="time, of the plain formula's (dotted)")
        ax.set_yticklabels([name.removeprefix("kljax, ") for name in reversed(names)])
    axes[1].barh([0], [0], color=BLUE, label="[256, 32768]")
    axes[1].barh([0], [0], color=GREEN, label="[64, 131072]")
    fig.legend(*axes[1].get_legend_handles_labels(), loc="outside lower right", ncols=2, fontsize=9)
    return fig


def main() -> None:
    """Writes every picture."""
    PICTURES.mkdir(exist_ok=True)
    with plt.rc_context(figures.STYLE):
        for draw in (directions, near_equal, accuracy, speed):
            figures.write(draw(), PICTURES / draw.__name__)
            plt.close("all")


if __name__ == "__main__":
    main()
