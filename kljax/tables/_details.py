"""One column of the report in detail: its histograms, where the nats come from, and its numbers side by side."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from kljax.tables._bars import bars
from kljax.tables._findings import Column, Summary
from kljax.tables._markup import table
from kljax.tables._sentences import nats, number, share
from kljax.tables._svg import histogram, safe

_TOP = 8  # categories that are listed


def detail(column: Column, chip: str, opened: bool) -> str:
    """A section that opens."""
    by_name = not column.cells.edges and column.kind != "bool"
    picture = _categories(column) if by_name else _picture(column)
    return (
        f"<details{' open' if opened else ''}><summary>{safe(column.name)} {chip}</summary><div class=two>"
        f"<div>{picture}</div><div>{_numbers(column)}</div></div></details>"
    )


def _picture(column: Column) -> str:
    found = bars(column)
    title = f"{column.name}: histograms of the reference (outline) and the current table (filled)"
    beyond = max(found.beyond)
    note = f"<p class=d>Up to {share(beyond)} of the rows lie beyond the picture.</p>" if beyond > 0.0005 else ""
    return histogram(found, title) + note


def _categories(column: Column) -> str:
    """The categories that give most nats, with both shares."""
    cells = column.cells
    parts = np.array(cells.contributions())
    a = np.array(cells.reference) / max(sum(cells.reference), 1)
    b = np.array(cells.current) / max(sum(cells.current), 1)
    top = np.argsort(-parts, kind="stable")[:_TOP]
    most = float(max(a[top].max(initial=0.0), b[top].max(initial=0.0), 1e-9))
    rows = "".join(
        f"<tr><th scope=row>{safe(_short(cells.labels[j]))}</th><td class=z>{share(float(a[j]))} → "
        f"{share(float(b[j]))}</td><td><div class=b><i style='width:{100 * b[j] / most:.0f}%'></i>"
        f"<i style='width:{100 * a[j] / most:.0f}%'></i></div></td><td class='z o'>{nats(float(parts[j]))}</td></tr>"
        for j in top.tolist()
    )
    more = f" ({len(parts) - _TOP} more are alike)" if len(parts) > _TOP else ""
    caption = f"Shares of the rows, those that give most nats first{more}"
    return table(caption, ("Value", ">Reference → current", "Shares", ">-Nats"), rows)


def _short(label: str) -> str:
    return label if len(label) <= 40 else label[:39] + "…"


def _numbers(column: Column) -> str:
    """Both tables side by side."""
    rows: list[tuple[str, ...]] = []
    for name, read in _SUMMARIES:
        pair = [read(one) for one in column.summary]
        if any(pair) and (column.cells.edges or name == "distinct"):
            rows.append((name, *pair))
    gone = [share(count / max(total, 1)) for count, total in zip(column.missing, column.rows, strict=True)]
    if any(column.missing):
        rows.append(("missing", gone[0], gone[1]))
    if any(column.not_finite):
        rows.append(("NaN or infinite", *(f"{count:,}" for count in column.not_finite)))
    body = "".join(
        f"<tr><th scope=row>{name}</th><td class=z>{before}</td><td class=z>{after}</td></tr>"
        for name, before, after in rows
    )
    unseen = f"<br>{share(column.unseen)} of the rows hold values the reference never shows." if column.unseen else ""
    words = safe(column.words)
    js = f"JS {nats(column.js.value)}, PSI {nats(column.psi)}, KL reversed {nats(column.kl_reverse.value)}"
    numbers = table("", (column.kind, ">Reference", ">Current"), body)
    return f"<p>{words}</p>{numbers}<p class=d>{js}.{unseen}</p>"


def _range(one: Summary) -> str:
    return f"{_shown(one.min)} … {_shown(one.max)}" if one.min is not None else ""


def _middle(one: Summary) -> str:
    return f"{_shown(one.quartiles[0])} … {_shown(one.quartiles[2])}" if one.quartiles[0] is not None else ""


def _shown(value: float | int | str | None) -> str:
    return "" if value is None else safe(value[:16]) if isinstance(value, str) else number(value)


_SUMMARIES: tuple[tuple[str, Callable[[Summary], str]], ...] = (
    ("mean", lambda one: _shown(one.mean)),
    ("sd", lambda one: _shown(one.sd)),
    ("median", lambda one: _shown(one.quartiles[1])),
    ("middle half", _middle),
    ("range", _range),
    ("distinct", lambda one: _shown(one.distinct)),
)
