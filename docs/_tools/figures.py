"""Figures of the tutorials: drawn by the pages' own code, as SVG for light and dark paper, and checked for freshness.

A page's Python blocks run in one namespace, as in the tests. The figures that are open at its end are the page's, in
the order of their making: ``figures/PAGE-1.svg`` and ``figures/PAGE-1-dark.svg``. ``figures/fresh.json`` keeps what
they were made from, the page's code, and what they show, some numbers of each figure; ``tests/test_documentation.py``
compares both with what it gets when it runs the page. So the site is built without running anything.

    python docs/_tools/figures.py            # draws what is stale
    python docs/_tools/figures.py --all      # draws everything
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

DOCS = Path(__file__).parents[1]
TUTORIALS = DOCS / "tutorials"
FIGURES = TUTORIALS / "figures"
FRESH = FIGURES / "fresh.json"

INK, PALE = "#1a1a1a", "#e6e6e6"
BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#808080"
STYLE = {
    "figure.dpi": 100,
    "savefig.transparent": True,
    "font.size": 10,
    "font.family": "sans-serif",
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": matplotlib.cycler(color=[BLUE, ORANGE, GREEN, PINK, "#8C6FD1", "#937341"]),
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "figure.constrained_layout.use": True,
    "svg.fonttype": "none",  # the reader's own letters: small files, and text that can be selected
    "svg.hashsalt": "kljax",
}
# What is too dark for dark paper, and its stand-in there.
DARK = {INK: PALE, BLUE: "#56B4E9", ORANGE: "#F0883E", GREEN: "#2FC79B", PINK: "#E08FBE", GREY: "#9aa0a6"}


def code_of(page: Path) -> list[tuple[int, str]]:
    """(line of the first line of code, code) of each Python block of a page."""
    text = page.read_text(encoding="utf-8")
    found = re.finditer(r"^```python[^\n]*\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text[: m.start(1)].count("\n") + 1, m.group(1)) for m in found]


def digest(page: Path) -> str:
    """What a page's figures were made from."""
    return hashlib.sha256("\n".join(code for _, code in code_of(page)).encode()).hexdigest()[:16]


def numbers(figure: Figure) -> list[float]:
    """Some numbers of a figure, which move with what it shows: means and spreads of the lines, sizes of the bars."""
    shown: list[float] = []
    for ax in figure.axes:
        for line in ax.lines:
            for data in (line.get_xdata(), line.get_ydata()):
                values = np.asarray(data, dtype=float)
                values = values[np.isfinite(values)]
                shown += [float(values.mean()), float(values.std())] if values.size else []
        shown += [float(patch.get_height()) for patch in ax.patches if hasattr(patch, "get_height")][:64]
        for collection in ax.collections:
            offsets = np.ma.filled(np.ma.asarray(collection.get_offsets(), dtype=float), np.nan)
            if offsets.size:
                shown += [float(np.nanmean(offsets)), float(np.nanstd(offsets))]
    return [float(f"{one:.4g}") for one in shown if math.isfinite(one)]


def open_figures() -> list[Figure]:
    """The figures that are open, in the order of their making."""
    return [plt.figure(number) for number in plt.get_fignums()]


def faults(page: Path, figures: list[Figure]) -> list[str]:
    """What is wrong with the stored figures of a page whose code has just made ``figures``."""
    kept = json.loads(FRESH.read_text(encoding="utf-8")).get(page.stem) if FRESH.exists() else None
    linked = len(set(re.findall(rf"figures/{re.escape(page.stem)}-(\d+)\.svg", page.read_text(encoding="utf-8"))))
    if not figures and not linked and kept is None:
        return []
    again = "draw it again: python docs/_tools/figures.py"
    if kept is None or kept["code"] != digest(page):
        return [f"the code of {page.name} is newer than its figures; {again}"]
    if not len(figures) == len(kept["numbers"]) == linked:
        return [f"{page.name} makes {len(figures)} figures, keeps {len(kept['numbers'])}, links {linked}; {again}"]
    found = []
    for k, (figure, before) in enumerate(zip(figures, kept["numbers"], strict=True), 1):
        now = numbers(figure)
        if len(now) != len(before) or not np.allclose(
            now, before, rtol=0.05, atol=0.02 * max(map(abs, before), default=1)
        ):
            found.append(f"figure {k} of {page.name} shows other numbers than the stored one; {again}")
    return found


def svg(figure: Figure) -> str:
    """A figure as SVG, the same bytes for the same figure."""
    written = io.StringIO()
    figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", written.getvalue(), flags=re.DOTALL)
    # Generic letters, which every reader has, instead of a list of names.
    text = re.sub(r"font:([^;\"]*?px) [^;\"]*", r"font:\1 system-ui, sans-serif", text)
    return re.sub(r"(\d\.\d\d)\d+", r"\1", text)


def for_dark_paper(text: str) -> str:
    """The same picture in colours that dark paper takes."""
    for light, dark in DARK.items():
        text = re.sub(re.escape(light), dark, text, flags=re.IGNORECASE)
    return text.replace("#000000", PALE)


def write(figure: Figure, stem: Path) -> None:
    """Writes ``stem.svg`` and ``stem-dark.svg``."""
    light = svg(figure)
    stem.with_name(f"{stem.name}.svg").write_text(light, encoding="utf-8")
    stem.with_name(f"{stem.name}-dark.svg").write_text(for_dark_paper(light), encoding="utf-8")


def run(page: Path) -> list[Figure]:
    """Runs a page's code and answers with its figures."""
    plt.close("all")
    namespace: dict[str, Any] = {}
    with plt.rc_context(STYLE), contextlib.redirect_stdout(io.StringIO()):
        for line, code in code_of(page):
            exec(compile("\n" * (line - 1) + code, str(page), "exec"), namespace)
    return open_figures()


def main() -> None:
    """Draws the figures of every tutorial whose code has changed, or of all."""
    kept = json.loads(FRESH.read_text(encoding="utf-8")) if FRESH.exists() else {}
    chosen = {argument for argument in sys.argv[1:] if not argument.startswith("-")}
    for page in sorted(TUTORIALS.glob("*.md")):
        fresh = page.stem in kept and kept[page.stem]["code"] == digest(page)
        if (fresh or not code_of(page)) and "--all" not in sys.argv and page.stem not in chosen:
            continue
        figures = run(page)
        with plt.rc_context(STYLE):
            for k, figure in enumerate(figures, 1):
                write(figure, FIGURES / f"{page.stem}-{k}")
        kept[page.stem] = {"code": digest(page), "numbers": [numbers(figure) for figure in figures]}
        sys.stdout.write(f"{page.stem}: {len(figures)}\n")
        plt.close("all")
    kept = {name: kept[name] for name in sorted(kept) if (TUTORIALS / f"{name}.md").exists()}
    FRESH.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
