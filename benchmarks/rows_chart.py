"""The chart and the tables of docs/performance.md from the committed figures of ``rows.py --verb all --json``.

python benchmarks/rows_chart.py                       # writes docs/rows.svg and the tables
python benchmarks/rows_chart.py --after new.json ...  # takes new figures into benchmarks/rows_figures.json first
"""

from __future__ import annotations

import argparse
import json
import math
import pathlib
from typing import Any

HERE = pathlib.Path(__file__).resolve().parent
FIGURES, CHART, PAGE = (HERE / "rows_figures.json", *(HERE.parent / "docs" / x for x in ("rows.svg", "performance.md")))
BEGIN, END = "<!-- benchmarks/rows_chart.py writes these tables -->\n", "<!-- to here -->\n"
SHAPES = ("64x32768", "8192x100", "100000x10")
WIDTH, LEFT, ROW, TOP = 760, 150, 26, 46
LOW, HIGH = 0.4, 25.0
SETTING = {"module": "logits", "dtype": "float32", "rows": "apart", "temperature": 1.0}  # of the chart
DIGITS = ("ours eps", "ours gradient eps", "plain eps", "plain gradient eps")
KEPT = ("verb", "shape", *SETTING, "value", "gradient", *DIGITS)


def at(ratio: float) -> float:
    """Where a ratio lies on the logarithmic axis."""
    share = math.log(min(max(ratio, LOW), HIGH) / LOW) / math.log(HIGH / LOW)
    return LEFT + share * (WIDTH - LEFT - 20)


def chart(before: dict[str, Any], after: dict[str, Any], shape: str) -> str:
    """One shape: for every verb the value's and the gradient's ratio, before as a ring and after as a disc."""
    verbs = [verb for verb in after if verb in before]
    height = TOP + ROW * len(verbs) + 34
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="12" role="img" aria-label="CPU time over the plain formula, {shape}">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{LEFT}" y="18" font-weight="bold">CPU time over that of the plain formula, float32 [{shape}]</text>',
        f'<text x="{LEFT}" y="34" fill="#555">ring: before; disc: after; blue: value; orange: with the gradient</text>',
    ]
    for tick in (0.5, 1, 2, 5, 10, 20):
        x, bold = at(tick), "#333" if tick == 1 else "#ddd"
        out.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{height - 28}" stroke="{bold}"/>')
        out.append(f'<text x="{x:.1f}" y="{height - 12}" text-anchor="middle" fill="#555">{tick}</text>')
    for at_row, verb in enumerate(verbs):
        y = TOP + ROW * (at_row + 0.5)
        out.append(f'<text x="{LEFT - 10}" y="{y + 4:.1f}" text-anchor="end">{verb}</text>')
        for key, colour, shift in (("value", "#2166ac", -5.0), ("gradient", "#e08214", 5.0)):
            old, new = at(before[verb][key]), at(after[verb][key])
            place = f'y1="{y + shift:.1f}" y2="{y + shift:.1f}"'
            out.append(f'<line x1="{old:.1f}" x2="{new:.1f}" {place} stroke="{colour}" stroke-width="1.5"/>')
            out.append(f'<circle cx="{old:.1f}" cy="{y + shift:.1f}" r="3.5" fill="white" stroke="{colour}"/>')
            out.append(f'<circle cx="{new:.1f}" cy="{y + shift:.1f}" r="4" fill="{colour}"/>')
    return "\n".join([*out, "</svg>"]) + "\n"


def tables(figures: list[dict[str, Any]]) -> str:
    """A table for each module, dtype, kind of rows and temperature that was measured."""
    lines = []
    settings = list(dict.fromkeys(tuple(one[key] for key in SETTING) for one in figures))
    for module, dtype, kind, temperature in settings:
        listed = [one for one in figures if tuple(one[key] for key in SETTING) == (module, dtype, kind, temperature)]
        place = "q near p" if kind == "near" else "q apart from p"
        warmth = f", temperature {temperature:g}" if module == "logits" else ""
        lines += [f"**`{module}`, {dtype}, {place}{warmth}**", ""]
        lines.append("| verb | " + " | ".join(f"[{shape.replace('x', ', ')}]" for shape in SHAPES) + " | eps | plain |")
        lines.append("|---|" + "---|" * (len(SHAPES) + 2))
        for verb in dict.fromkeys(one["verb"] for one in listed):
            found = {one["shape"]: one for one in listed if one["verb"] == verb}
            cells = [f"{found[s]['value']:.2f} / {found[s]['gradient']:.2f}" if s in found else "–" for s in SHAPES]
            worst = [max(one[key] for one in found.values()) for key in DIGITS]
            cells += [f"{value:.3g} / {gradient:.3g}" for value, gradient in (worst[:2], worst[2:])]
            lines.append(f"| {verb} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Parses the options, keeps new figures, writes the chart and the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--before", nargs="*", default=[], metavar="FILE", help="figures of the state to compare with")
    parser.add_argument("--after", nargs="*", default=[], metavar="FILE", help="figures of this state")
    parser.add_argument("--shape", default="8192x100", help="of the chart (default 8192x100)")
    options = parser.parse_args()
    figures = json.loads(FIGURES.read_text())
    for name in ("before", "after"):
        files = getattr(options, name)
        if files:
            listed = [one for file in files for one in json.loads(pathlib.Path(file).read_text())]
            figures[name] = [{key: one[key] for key in KEPT} for one in listed]
    FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    of_chart = [
        {
            one["verb"]: one
            for one in figures[name]
            if one["shape"] == options.shape and {key: one.get(key, SETTING[key]) for key in SETTING} == SETTING
        }
        for name in ("before", "after")
    ]
    CHART.write_text(chart(*of_chart, options.shape))
    head, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(head + BEGIN + "\n" + tables(figures["after"]) + END + rest.partition(END)[2])


if __name__ == "__main__":
    main()
