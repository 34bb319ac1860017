"""A comparison as a table for the terminal, and as a short one for a notebook."""

from __future__ import annotations

import html
import math
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from kljax.tables import _sentences, _verdict
from kljax.tables._findings import Column, Comparison, Interval, Joint, Timeline

_COLOURS = {"different": "31", "negligible": "36", "same": "32", "undecided": "33"}
_WIDEST = 24  # characters of a column's name


def show(comparison: Comparison, file: TextIO | None = None) -> None:
    """Writes the table, coloured where ``file`` is a terminal and NO_COLOR is not set."""
    _write(lines(comparison, colour=_in_colour(file)), file)


def show_timeline(timeline: Timeline, file: TextIO | None = None) -> None:
    """Writes a line a batch."""
    _write(timeline_lines(timeline, colour=_in_colour(file)), file)


def _write(found: Sequence[str], file: TextIO | None) -> None:
    (sys.stdout if file is None else file).write("\n".join(found) + "\n")


def _in_colour(file: TextIO | None) -> bool:
    stream = sys.stdout if file is None else file
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb" and stream.isatty()


def lines(comparison: Comparison, *, colour: bool = False) -> list[str]:
    """The lines of the table."""
    tables = [f"{_safe(name)} {rows:,} rows" for name, rows in zip(comparison.names, comparison.rows, strict=True)]
    head = _painted(comparison.verdict.upper(), comparison.verdict, colour)
    found = [f"{tables[0]}  |  {tables[1]}", f"{head}: {_safe(comparison.words)}", ""]
    shown = [column for column in comparison.columns if column.verdict != _verdict.SAME]
    same = [column for column in comparison.columns if column.verdict == _verdict.SAME]
    shown, same = (shown, same) if len(same) > 3 else (list(comparison.columns), [])
    if shown:
        rows = [_row(column) for column in shown]
        titles = ("column", "kind", "KL, nats [95 %]", "p adj.", "verdict", "what changed")
        widths = [max(len(row[j]) for row in (titles, *rows)) for j in range(len(titles) - 1)]
        found.append(_line(titles, widths))
        for column, row in zip(shown, rows, strict=True):
            cells = [*(cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=True)), row[-1]]
            cells[4] = _painted(cells[4], column.verdict, colour)
            found.append("  ".join(cells).rstrip())
    if same:
        most = max(column.kl.high for column in same)
        found.append(f"... {len(same)} the same (all surely below {_sentences.nats(most)} nats)")
    if comparison.joint is not None:
        found += ["", together(comparison.joint)]
    found += ["", *_safe_all(_asides(comparison))]
    return found


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join([*(cell.ljust(width) for cell, width in zip(cells[:-1], widths, strict=True)), cells[-1]]).rstrip()


def _row(column: Column) -> tuple[str, ...]:
    name = _safe(column.name)
    name = name if len(name) <= _WIDEST else name[: _WIDEST - 1] + "…"
    size = _verdict.scale(column.kl.value) if column.verdict == _verdict.DIFFERENT else column.verdict
    words = _safe(column.words)
    if column.verdict in (_verdict.DIFFERENT, _verdict.NEGLIGIBLE):
        words = words.partition("): ")[2].rstrip(".")
    return (name, column.kind, interval(column.kl), p_value(column.p_adjusted), size, words)


def interval(found: Interval) -> str:
    """0.084 [0.079, 0.089], or ≥ 0.031 [0.027, ...) where it is open."""
    high = f"{_sentences.nats(found.high)}]" if math.isfinite(found.high) else "...)"
    return f"{'>= ' if found.open else ''}{_sentences.nats(found.value)} [{_sentences.nats(found.low)}, {high}"


def p_value(p: float) -> str:
    """Two digits, and no fewer than 1e-99."""
    return "<1e-99" if p < 1e-99 else f"{p:.0e}".replace("e-0", "e-") if p < 1e-3 else f"{p:.2g}"


def together(joint: Joint) -> str:
    """The line of all columns together."""
    parts = [
        f"together >= {_sentences.nats(joint.js.value)} nats JS, p {p_value(joint.p_value)}: {joint.verdict}",
        f"a row of the current table scores above one of the reference {100 * joint.auc:.0f} times in 100",
    ]
    if joint.pairs and joint.pairs[0].p_adjusted <= 0.05:
        pair = joint.pairs[0]
        parts.append(f"most changed pair: {' ~ '.join(map(_safe, pair.names))} {pair.before:.2f} → {pair.after:.2f}")
    return "; ".join(parts)


def _asides(comparison: Comparison) -> list[str]:
    found = [f"only in {comparison.names[0]}: {', '.join(comparison.only_reference)}"] * bool(comparison.only_reference)
    found += [f"only in {comparison.names[1]}: {', '.join(comparison.only_current)}"] * bool(comparison.only_current)
    found += [f"not compared: {name}: {why}" for name, why in comparison.not_compared.items()]
    return found + [f"note: {note}" for note in comparison.notes]


def timeline_lines(timeline: Timeline, *, colour: bool = False) -> list[str]:
    """A line a batch: rows, verdict, and the columns that differ with their KL."""
    width = max((len(_safe(label)) for label in timeline.labels), default=5)
    found = [f"{len(timeline.labels)} batches against {_safe(timeline.reference)}", ""]
    for label, comparison in zip(timeline.labels, timeline.comparisons, strict=True):
        changed = [column for column in comparison.columns if column.verdict == _verdict.DIFFERENT]
        named = ", ".join(f"{_safe(column.name)} {_sentences.nats(column.kl.value)}" for column in changed[:4])
        verdict = _painted(comparison.verdict.ljust(10), comparison.verdict, colour)
        found.append(f"{_safe(label).ljust(width)}  {comparison.rows[1]:>12,} rows  {verdict}  {named}".rstrip())
    return found


def _painted(text: str, verdict: str, colour: bool) -> str:
    return f"\x1b[{_COLOURS[verdict]}m{text}\x1b[0m" if colour else text


def _safe(text: str) -> str:
    """Without control characters, which a terminal would obey."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)


def _safe_all(found: Sequence[str]) -> list[str]:
    return [_safe(line) for line in found]


def as_html(comparison: Comparison) -> str:
    """A short table, names escaped."""
    head = f"<p><b>{comparison.verdict.upper()}</b>: {html.escape(comparison.words)}</p>"
    titles = ("column", "kind", "KL, nats [95 %]", "p adj.", "verdict", "what changed")
    rows = [_row(column) for column in comparison.columns[:30]]
    left = len(comparison.columns) - len(rows)
    more = f"<p>... {left} more: see <code>.to_html(path)</code></p>" if left else ""
    joint = f"<p>{html.escape(together(comparison.joint))}</p>" if comparison.joint is not None else ""
    return f"<div>{head}{_table(titles, rows)}{more}{joint}</div>"


def timeline_as_html(timeline: Timeline) -> str:
    """A row a batch and a column a column: KL in nats, those that differ in bold."""
    names = timeline.columns[:12]
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in ("batch", "rows", "verdict", *names))
    body = []
    for label, comparison in zip(timeline.labels, timeline.comparisons, strict=True):
        columns = {column.name: column for column in comparison.columns}
        cells = [f'<th scope="row">{html.escape(label)}</th>', f"<td>{comparison.rows[1]:,}</td>"]
        cells.append(f"<td>{comparison.verdict}</td>")
        for name in names:
            column = columns.get(name)
            shown = "" if column is None else _sentences.nats(column.kl.value)
            bold = column is not None and column.verdict == _verdict.DIFFERENT
            cells.append(f"<td><b>{shown}</b></td>" if bold else f"<td>{shown}</td>")
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody></table>"


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(title)}</th>' for title in titles)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
