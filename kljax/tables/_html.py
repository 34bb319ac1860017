"""A comparison as one HTML page: no script, no network, light and dark, on paper and on a phone.

Comparison ─▶ status, what changed, column by column, together, too few rows, how to read ─▶ str
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable, Sequence
from typing import Any

from kljax.tables import _verdict
from kljax.tables._bars import bars
from kljax.tables._details import detail
from kljax.tables._findings import Column, Comparison, Joint, Pair, Timeline
from kljax.tables._heat import heat_map
from kljax.tables._markup import ICONS, chip, header, p_value, said, table
from kljax.tables._sentences import nats
from kljax.tables._style import CSS
from kljax.tables._svg import interval, safe, sparkline
from kljax.tables._versions import versions

_SHOWN = 150  # columns with pictures
_OPEN = 5  # columns whose details are open at first
_MOST = 250_000  # bytes of a page beyond which its JSON leaves out what the page can't hold

_HOW = """<p>Each column is cut into cells that hold about equal shares of the rows of both tables, and the shares are
compared. <b>KL</b> is the Kullback-Leibler divergence of the current table from the reference in <b>nats</b>, corrected
for the number of cells, with its 95 % interval: 0.02 nats let a reader of one row guess its table right 54 times in
100 instead of 50. <b>p</b> is how often two tables that do not differ would look as different as these, for all
columns together.</p><p><b>Different</b>: surely different, and by enough to matter. <b>Negligible</b>: surely
different, by too little. <b>Same</b>: any difference is surely small. <b>Undecided</b>: too few rows to tell. What the
test cannot see: tails beyond the rows that there are (then a value is "at least"), and that rows depend on each other
(such as many rows of one day), which makes differences look surer than they are.</p>"""


def report(comparison: Comparison) -> str:
    """The page of a comparison."""
    before, after = map(safe, comparison.names)
    about = "How the current table differs from the reference, column by column, in nats"
    body = [
        header(f"{after} against {before}", about, comparison.verdict, safe(comparison.words)),
        "<main>",
        _cards(comparison),
        _changed(comparison.columns),
        _details(comparison.columns),
        _together(comparison),
        _left_out(comparison),
        _scale_table(),
        "</main>",
    ]
    return page(f"{after} against {before}", "".join(body), comparison.to_dict(), comparison.settings)


def page(title: str, body: str, result: dict[str, Any], settings: dict[str, Any]) -> str:
    """A whole page around ``body``, with the result as JSON at its end."""
    made = datetime.datetime.now(datetime.UTC).date()
    said = "; ".join(f"{key} {value}" for key, value in settings.items() if value not in (None, (), {}, []))
    made_with = ", ".join(f"{name} {version}" for name, version in versions().items())
    whole = (
        '<!doctype html><html lang=en><head><meta charset=utf-8><meta name=viewport content="width=device-width,'
        "initial-scale=1\"><meta http-equiv=Content-Security-Policy content=\"default-src 'none';style-src "
        f"'unsafe-inline'\"><title>{title}</title><style>{CSS}</style></head><body>{body}"
        f"<footer><p>Made {made.day} {made:%B %Y} with {safe(made_with)}. Settings: {safe(said)}.</p></footer>"
    )
    end = f"<script type=application/json id=result>{_json(result, _MOST - len(whole))}</script></body></html>\n"
    return (whole + end).encode("utf-8", "replace").decode()  # a name may hold half a character


def _json(result: dict[str, Any], room: int) -> str:
    """The result as JSON that no browser takes for markup; in a large one the histograms are left to ``to_json``."""
    text = _dumped(result)
    if len(text) > room and "columns" in result:
        kept = ("name", "kind", "verdict", "p_adjusted", "kl", "js")
        short = [{key: column[key] for key in kept} for column in result["columns"]]
        text = _dumped(_rounded({**result, "columns": short, "shortened": True}))
    return text


def _dumped(value: Any) -> str:
    text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value


def _cards(comparison: Comparison) -> str:
    found = [column.verdict for column in comparison.columns]
    counts = ", ".join(f"{found.count(verdict)} {verdict}" for verdict in ICONS if verdict in found)
    apart = [
        f"{len(names)} only in {where}"
        for names, where in (
            (comparison.only_reference, "the reference"),
            (comparison.only_current, "the current table"),
        )
        if names
    ]
    apart += [f"{len(comparison.not_compared)} not compared"] if comparison.not_compared else []
    before, after = (f"{rows:,}" for rows in comparison.rows)
    cards = [
        ("Rows", f"{before} → {after}", "reference → current"),
        ("Columns compared", str(len(found)), counts),
    ]
    if apart:
        cards.append(("Other columns", str(sum(int(each.split()[0]) for each in apart)), "; ".join(apart)))
    if comparison.joint is not None:
        guesses = round(100 * _verdict.best_guess(comparison.joint.kl.value))
        cards.append(("All columns together", f"{guesses} of 100", "rows would be assigned to the right table"))
    return (
        f"<dl class=cards>{''.join(f'<div><dt>{a}</dt><dd>{b}<small>{c}</small></dd></div>' for a, b, c in cards)}</dl>"
    )


def _changed(columns: Sequence[Column]) -> str:
    rows = []
    for j, column in enumerate(columns):
        picture = sparkline(bars(column)) if j < _SHOWN else ""
        rows.append(
            f"<tr><th scope=row>{safe(column.name)}<small>{safe(column.words)}</small></th>"
            f"<td>{chip(column.verdict)}</td><td class=z>{said(column.kl)}{interval(column.kl)}</td>"
            f"<td class='z o'>{p_value(column.p_adjusted)}</td><td class=o>{picture}</td></tr>"
        )
    caption = (
        "Every column, the largest change first. The stripes behind the intervals are negligible, small, moderate, "
        "large and very large, on a log scale."
    )
    titles = ("Column", "Verdict", ">KL, nats [95 %]", ">-p, adjusted", "-Shares")
    return f"<h2>What changed</h2>{table(caption, titles, ''.join(rows), 't')}"


def _details(columns: Sequence[Column]) -> str:
    opened = [column.name for column in columns if column.verdict == _verdict.DIFFERENT][:_OPEN]
    shown = "".join(detail(column, chip(column.verdict), column.name in opened) for column in columns[:_SHOWN])
    more = f"<p>Pictures are of the {_SHOWN} columns that changed most.</p>" if len(columns) > _SHOWN else ""
    marks = "<i></i>reference<i class=c></i>current<i class=n></i>where the nats come from"
    key = f"<p class='key d'>Shares of the rows:{marks}</p>"
    return f"<h2>Column by column</h2>{key}{more}{shown}"


def _together(comparison: Comparison) -> str:
    joint = comparison.joint
    if joint is None:
        return ""
    return (
        f"<h2>Together</h2><p>{chip(joint.verdict)} All columns of {joint.rows_used[0]:,} and {joint.rows_used[1]:,} "
        f"rows at once, so that a change in how columns go together is seen too: Jensen-Shannon divergence at least "
        f"{nats(joint.js.value)} nats (surely {nats(joint.js.low)}; log 2 = 0.693 at most), KL at least "
        f"{nats(joint.kl.value)} nats, p {p_value(joint.p_value)}. A row of the current table scores above one of the "
        f"reference {round(100 * joint.auc)} times in 100. Beyond what the columns show alone, the way they go "
        f"together explains {nats(max(joint.dependence, 0.0))} nats.</p>{_shares(joint)}{_pairs(joint.pairs)}"
    )


def _shares(joint: Joint) -> str:
    largest = sorted(joint.shares.items(), key=lambda item: -item[1])[:8]
    total = max((value for _, value in largest), default=0.0)
    if total <= 0:
        return ""
    rows = "".join(
        f"<tr><th scope=row>{safe(name)}</th><td class=z>{nats(max(value, 0.0))}</td>"
        f"<td><div class=b><i style='width:{100 * max(value, 0.0) / total:.0f}%'></i></div></td></tr>"
        for name, value in largest
    )
    caption = "What the joint divergence loses without a column: what no other column carries"
    return table(caption, ("Column", ">Nats", "Share"), rows)


def _pairs(pairs: Iterable[Pair]) -> str:
    rows = "".join(
        f"<tr><th scope=row>{safe(pair.names[0])} ~ {safe(pair.names[1])}</th><td class=z>{pair.before:.2f} → "
        f"{pair.after:.2f}</td><td class=z>{p_value(pair.p_adjusted)}</td></tr>"
        for pair in pairs
    )
    caption = "Pairs whose rank correlation changed most"
    return table(caption, ("Pair", ">Reference → current", ">p, adjusted"), rows) if rows else ""


def _left_out(comparison: Comparison) -> str:
    parts = []
    waiting = [column for column in comparison.columns if column.verdict == _verdict.UNDECIDED]
    if waiting:
        rows = "".join(
            f"<tr><th scope=row>{safe(column.name)}</th><td class=z>{column.rows_to_tell or 0:,}</td></tr>"
            for column in waiting
        )
        parts.append(
            f"<h2>Too few rows</h2>{table('Rows of the smaller table that would do', ('Column', '>Rows'), rows)}"
        )
    if comparison.not_compared:
        rows = "".join(
            f"<tr><th scope=row>{safe(a)}</th><td>{safe(b)}</td></tr>" for a, b in comparison.not_compared.items()
        )
        caption = "Columns of both tables, and why they can't be compared"
        parts.append(f"<h2>Not compared</h2>{table(caption, ('Column', 'Reason'), rows)}")
    for names, where in ((comparison.only_reference, "the reference"), (comparison.only_current, "the current table")):
        if names:
            parts.append(f"<h2>Only in {where}</h2><ul>{''.join(f'<li>{safe(name)}</li>' for name in names)}</ul>")
    if comparison.notes:
        parts.append(f"<h2>Notes</h2><ul>{''.join(f'<li>{safe(note)}</li>' for note in comparison.notes)}</ul>")
    return "".join(parts)


def _scale_table() -> str:
    scale = (
        ("below 0.005", "negligible", "less than 0.1 sd", "below 52", "below 0.01"),
        ("0.005 to 0.02", "small", "0.1 to 0.2 sd", "52 to 54", "0.01 to 0.04"),
        ("0.02 to 0.05", "moderate", "0.2 to 0.32 sd", "54 to 56", "0.04 to 0.1"),
        ("0.05 to 0.125", "large", "0.32 to 0.5 sd", "56 to 60", "0.1 to 0.25"),
        ("above 0.125", "very large", "more than 0.5 sd", "above 60", "above 0.25"),
    )
    rows = "".join(f"<tr><th scope=row>{a}</th>{''.join(f'<td>{b}</td>' for b in rest)}</tr>" for a, *rest in scale)
    titles = ("Nats", "In words", "As if a normal column moved by", "Right guesses of 100", "PSI")
    wide = f"<div class=x tabindex=0 role=region aria-label='The scale'>{table('The scale', titles, rows)}</div>"
    return f"<h2>How to read this</h2>{_HOW}{wide}"


def timeline_report(timeline: Timeline) -> str:
    """The page of a timeline, with a heat map."""
    title = f"{len(timeline.labels)} batches against {safe(timeline.reference)}"
    verdicts = [comparison.verdict for comparison in timeline.comparisons]
    worst = next((verdict for verdict in ICONS if verdict in verdicts), "same")
    changed = verdicts.count(_verdict.DIFFERENT)
    words = f"{changed} of {len(verdicts)} batches {'is' if changed == 1 else 'are'} different from the reference."
    head = header(title, "How each batch differs from the reference, column by column, in nats", worst, words)
    body = f"{head}<main>{heat_map(timeline)}{_batches(timeline)}{_scale_table()}</main>"
    settings = timeline.comparisons[0].settings if timeline.comparisons else {}
    return page(title, body, _short_timeline(timeline), settings)


def _batches(timeline: Timeline) -> str:
    rows = "".join(
        f"<tr><th scope=row class=w>{safe(label)}</th><td class=z>{one.rows[1]:,}</td><td>{chip(one.verdict)}</td>"
        f"<td>{safe(one.words)}</td></tr>"
        for label, one in zip(timeline.labels, timeline.comparisons, strict=True)
    )
    titles = ("Batch", ">Rows", "Verdict", "What changed")
    return f"<h2>Batch by batch</h2>{table('Every batch against the reference', titles, rows)}"


def _short_timeline(timeline: Timeline) -> dict[str, Any]:
    """A timeline's JSON: of each batch and column the verdict and the KL."""
    batches = [
        {
            "label": label,
            "rows": one.rows[1],
            "verdict": one.verdict,
            "columns": {c.name: [c.verdict, _rounded(c.kl.value)] for c in one.columns},
        }
        for label, one in zip(timeline.labels, timeline.comparisons, strict=True)
    ]
    return {"schema": "kljax.timeline/1", "reference": timeline.reference, "batches": batches, "shortened": True}
