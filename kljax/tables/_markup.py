"""Pieces of the report: tables, verdicts, numbers with their intervals."""

from __future__ import annotations

import math

from kljax.tables._findings import Interval
from kljax.tables._sentences import nats

ICONS = {"different": "▲", "negligible": "≈", "same": "✓", "undecided": "?"}


def table(caption: str, titles: tuple[str, ...], rows: str, of: str = "") -> str:
    """A table of rows that are markup already.

    Args:
        caption: What it shows; "" for none.
        titles: Of the columns; one that begins with ">" is of numbers, with "-" is left out on a phone.
        rows: The rows.
        of: Its class.

    Returns:
        The table.
    """
    heads = []
    for title in titles:
        classes = " ".join(name for mark, name in ((">", "z"), ("-", "o")) if mark in title[:2])
        heads.append(f"<th scope=col{f' class={classes!r}' if classes else ''}>{title.lstrip('>-')}</th>")
    return (
        f"<table{f' class={of}' if of else ''}>{f'<caption>{caption}</caption>' if caption else ''}"
        f"<thead><tr>{''.join(heads)}</tr></thead><tbody>{rows}</tbody></table>"
    )


def chip(verdict: str) -> str:
    """A verdict as an icon and a word."""
    return f'<span class="v {verdict}"><span aria-hidden=true>{ICONS[verdict]} </span>{verdict}</span>'


def header(title: str, about: str, verdict: str, words: str) -> str:
    """The top of the page."""
    return (
        f"<header><h1>{title}</h1><p class=d>{about}</p><div class='status {verdict}'><b><span aria-hidden=true>"
        f"{ICONS[verdict]} </span>{verdict.capitalize()}</b><span>{words}</span></div></header>"
    )


def said(kl: Interval) -> str:
    """An estimate and its interval in digits."""
    least = "≥ " if kl.open else ""
    high = "…" if math.isinf(kl.high) else nats(kl.high)
    return f"{least}{nats(kl.value)} <small>[{nats(kl.low)}, {high}]</small>"


def p_value(p: float) -> str:
    """A p-value in digits."""
    return "&lt;1e-99" if p < 1e-99 else f"{p:.2g}" if p >= 1e-4 else f"{p:.0e}"
