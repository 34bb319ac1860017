"""Small pictures as SVG without scripts: two histograms, nats below them, an interval on a scale.

The reference is an outline and the current table is filled, so neither colour nor order is needed to tell them apart.
Numbers are whole units of a view box, and each series is one path: a picture is about a kilobyte.
"""

from __future__ import annotations

import math
from html import escape

import numpy as np

from kljax.tables._bars import Bars, height, nearest
from kljax.tables._findings import Interval
from kljax.tables._sentences import number

LOWEST, HIGHEST = 5e-4, 2.0  # nats at the ends of the scale
_WIDTH, _APART, _TALL, _BASE, _SMALL, _LOW = 360, 60, 96, 106, 30, 180


def safe(text: object) -> str:
    """Text as HTML."""
    return escape(str(text).encode("utf-8", "replace").decode().replace("\x00", "�"))


def steps(heights: np.ndarray, width: float, base: int, tall: int) -> str:
    """The outline of bars side by side, each as a share of ``tall`` above ``base``."""
    path, before, each = [f"M0 {base}"], base, width / max(len(heights), 1)
    for j, share in enumerate(heights):
        y = round(base - tall * min(max(share, 0.0), 1.0))
        if y != before:
            path.append(f"H{round(j * each)}V{y}" if j else f"V{y}")
        before = y
    path.append(f"H{round(width)}V{base}")
    return "".join(path)


def sparkline(bars: Bars) -> str:
    """Both histograms, small; what it shows is said in the words beside it."""
    top = height(bars)
    filled, line = (steps(part / top, 96, 25, 23) for part in (bars.current, bars.reference))
    paths = f'<path class=c d="{filled}"/><path class=r d="{line}"/>'
    return f'<svg class=k viewBox="0 0 96 26" aria-hidden=true>{paths}</svg>'


def histogram(bars: Bars, title: str) -> str:
    """Both histograms, and below them where the nats come from; the missing values stand apart at the right."""
    top, most = height(bars), max(float(bars.nats.max(initial=0.0)), bars.missing[2] if bars.missing else 0.0)
    filled, line = (steps(part / top, _WIDTH, _BASE, _TALL) for part in (bars.current, bars.reference))
    wide = _WIDTH + _APART if bars.missing else _WIDTH
    parts = [f'<svg class=h viewBox="0 0 {wide} 182" role=img><title>{safe(title)}</title>']
    parts.append(f'<path class=c d="{filled}"/><path class=r d="{line}"/>')
    parts += _cut(bars, top)
    if most > 0:
        nats = steps(bars.nats / most, _WIDTH, _LOW, _SMALL)
        parts.append(f'<path class=n d="{nats}"/><text x=0 y=144>nats, at most {number(most)} a bar</text>')
    if bars.missing:
        parts.append(_missing(bars.missing, top, most))
    parts.append(_axis(bars))
    return "".join(parts) + "</svg>"


def _missing(shares: tuple[float, float, float], top: float, most: float) -> str:
    x = _WIDTH + 22
    drawn = []
    for share, scale, base, tall, name in (
        (shares[1], top, _BASE, _TALL, "c"),
        (shares[0], top, _BASE, _TALL, "r"),
        (shares[2], most, _LOW, _SMALL, "n"),
    ):
        y = base - round(tall * min(share / scale, 1.0)) if scale > 0 else base
        drawn.append(f'<path class={name} d="M{x} {base}V{y}h20V{base}"/>')
    return f"{''.join(drawn)}<text x={x + 10} y={_BASE + 15} text-anchor=middle>missing</text>"


def _cut(bars: Bars, top: float) -> list[str]:
    """Bars that go beyond the picture have their shares written on them."""
    found = []
    each = _WIDTH / max(len(bars.reference), 1)
    for j in np.flatnonzero(np.maximum(bars.reference, bars.current) > 1.001 * top):
        words = f"{100 * bars.reference[j]:.3g} % → {100 * bars.current[j]:.3g} %"
        right = j * each > _WIDTH / 2
        x, anchor = (j * each - 4, " text-anchor=end") if right else ((j + 1) * each + 4, "")
        found.append(f"<text x={x:.0f} y=22{anchor}>{words}</text>")
    return found


def _axis(bars: Bars) -> str:
    y = _BASE + 15
    if bars.labels:
        each = _WIDTH / len(bars.labels)
        room = max(int(each * max(1, -(-len(bars.labels) // 6)) / 6.5), 3)
        shown = [(j, label if len(label) <= room else label[: room - 1] + "…") for j, label in nearest(bars.labels)]
        return "".join(f"<text x={j * each:.0f} y={y}>{safe(label)}</text>" for j, label in shown)
    low, high = (end if isinstance(end, str) else number(float(end)) for end in bars.ends)
    log = f"<text x={_WIDTH // 2} y={y} text-anchor=middle>log scale</text>" if bars.log else ""
    return f"<text x=0 y={y}>{low}</text>{log}<text x={_WIDTH} y={y} text-anchor=end>{high}</text>"


def position(nats: float) -> float:
    """Where on the scale, from 0 to 1."""
    if nats <= LOWEST:
        return 0.0
    return min(math.log(nats / LOWEST) / math.log(HIGHEST / LOWEST), 1.0)


def interval(nats: Interval) -> str:
    """An estimate and its interval on the scale whose bands the style sheet paints."""
    low, value, high = (round(120 * position(each)) for each in (nats.low, nats.value, nats.high))
    end = "M114 5L119 9L114 13" if math.isinf(nats.high) else ""
    x = min(max(value, 4), 116)
    drawn = f'<path d="M{low} 9H{high}{end}"/><circle cx={x} cy=9 r=4 />'
    return f'<svg class=i viewBox="0 0 120 18" aria-hidden=true>{drawn}</svg>'
