"""A timeline as a heat map: a row a column, a square a batch, five shades of nats and a dot where it is different."""

from __future__ import annotations

from collections.abc import Sequence

from kljax.tables._findings import Column, Timeline
from kljax.tables._markup import table
from kljax.tables._sentences import nats
from kljax.tables._svg import safe
from kljax.tables._verdict import DIFFERENT

_BOUNDS = (0.005, 0.02, 0.05, 0.125)
_WORDS = ("negligible", "small", "moderate", "large", "very large")
_TALL = 22
_SHOWN = 150


def heat_map(timeline: Timeline) -> str:
    """The section with the heat map."""
    names = timeline.columns[:_SHOWN]
    found = [{column.name: column for column in one.columns} for one in timeline.comparisons]
    wide = max(4, min(28, 640 // max(len(found), 1)))
    rows = "".join(_row(name, [one.get(name) for one in found], timeline.labels, wide) for name in names)
    first, last = (safe(timeline.labels[0]), safe(timeline.labels[-1])) if timeline.labels else ("", "")
    key = "".join(f"<i class=q{j}></i>{word}" for j, word in enumerate(_WORDS))
    more = f"<p>The {_SHOWN} columns that changed most are shown.</p>" if len(timeline.columns) > _SHOWN else ""
    caption = f"A square a batch, from {first} on the left to {last} on the right; the columns that changed most first"
    shown = table(caption, ("Column", "Batches", ">Different", ">Largest KL"), rows, "heat")
    return (
        f"<h2>Column by batch</h2><p class='heat d'>KL in nats:{key}<i class=q9></i>not compared; a dot: different</p>"
        f"{more}<div class=x tabindex=0 role=region aria-label='Heat map'>{shown}</div>"
    )


def _row(name: str, columns: Sequence[Column | None], labels: Sequence[str], wide: int) -> str:
    squares: dict[int, list[str]] = {}
    dots = []
    for j, column in enumerate(columns):
        level = 9 if column is None else sum(column.kl.value >= bound for bound in _BOUNDS)
        squares.setdefault(level, []).append(f"M{j * wide} 0h{wide - 1}v{_TALL}h{1 - wide}z")
        if column is not None and column.verdict == DIFFERENT:
            dots.append(f"M{j * wide + (wide - 1) / 2:g} {_TALL / 2:g}h0")
    known = [(column.kl.value, label) for column, label in zip(columns, labels, strict=True) if column is not None]
    most, when = max(known, default=(0.0, ""))
    title = f"{name}: different in {len(dots)} of {len(known)} batches; largest {nats(most)} nats in {when}"
    paths = "".join(f'<path class=q{level} d="{"".join(path)}"/>' for level, path in sorted(squares.items()))
    points = f'<path class=p d="{"".join(dots)}"/>' if dots else ""
    width = len(columns) * wide
    return (
        f"<tr><th scope=row>{safe(name)}</th><td><svg role=img width={width} height={_TALL} "
        f"viewBox='0 0 {width} {_TALL}'><title>{safe(title)}</title>{paths}{points}</svg></td>"
        f"<td class=z>{len(dots)} of {len(known)}</td><td class=z>{nats(most)}<small> {safe(when)}</small></td></tr>"
    )
