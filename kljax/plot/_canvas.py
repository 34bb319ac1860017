"""Axes to draw on, and colours and words that can be read on them; the only place that imports matplotlib."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8C6FD1", "#937341")
"""Blue, orange, green, pink, violet, brown: a contrast of 3 and more to white and to dark paper (#1E2129). The first
four are Okabe and Ito's, which colour-blind readers tell apart."""

P, Q, SHARE, TRUTH = COLOURS[0], COLOURS[1], COLOURS[3], "#808080"
DARK_PAPER, DARK_INK, LIGHT_INK = "#1E2129", "#1A1A1A", "#E6E6E6"
READABLE = 4.5  # WCAG's contrast for text


def matplotlib(part: str) -> Any:
    """A module of matplotlib, or an error that says how to get it."""
    try:
        return importlib.import_module(f"matplotlib.{part}")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "matplotlib":
            raise
        raise ImportError("kljax.plot draws with matplotlib: pip install 'kljax[plot]'.") from None


def figure(width: float = 6.4, height: float = 4.0, *, dark: bool = False) -> Figure:
    """An empty figure of matplotlib that pyplot knows nothing of: for files, servers and threads.

    Args:
        width: Inches.
        height: Inches.
        dark: Whether the paper is dark; what is drawn on it takes light ink.

    Returns:
        The figure; ``figure().subplots()`` is an ``ax`` for the functions of this module.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
        >>> from kljax import plot
        >>> ax = plot.figure(dark=True).subplots()
        >>> ax = plot.divergence([0.5, 0.5], [0.9, 0.1], ax=ax)
        >>> ax.get_title()
        'KL(p‖q) = 0.511 nats'
    """
    made = matplotlib("figure").Figure(figsize=(width, height), layout="constrained", dpi=150)
    made.set_facecolor(DARK_PAPER if dark else "white")
    return made


def axes(ax: Axes | None, width: float = 6.4, height: float = 4.0) -> Axes:
    """``ax``, or those of a new figure of pyplot; framed, inked and open to the top and right."""
    if ax is None:
        made = matplotlib("pyplot").figure(figsize=(width, height), layout="constrained")
        ax = made.add_subplot()
    elif not hasattr(ax, "add_artist") or not hasattr(ax, "get_xlim"):
        raise TypeError(f"ax must be axes of matplotlib, as plot.figure().subplots() makes; got {type(ax).__name__}.")
    dress(ax)
    return ax


def dress(ax: Axes) -> None:
    """Text, ticks and spines in an ink that can be read; no box, and no light field on dark paper."""
    if _is_dark(_paper(ax)) != _is_dark(ax.get_facecolor()):
        ax.set_facecolor("none")
    colour = ink(ax)
    ax.tick_params(which="both", color=colour, labelcolor=colour)
    for text in (ax.title, ax.xaxis.label, ax.yaxis.label, ax.xaxis.offsetText, ax.yaxis.offsetText):
        text.set_color(colour)
    for side, spine in ax.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(colour)


def ink(ax: Axes) -> Any:
    """The colour of the axes' labels where it can be read on their paper, else near-black or near-white."""
    paper, own = _paper(ax), ax.xaxis.label.get_color()
    if contrast(own, paper) >= READABLE:
        return own
    return max((DARK_INK, LIGHT_INK), key=lambda colour: contrast(colour, paper))


def legend(ax: Axes, **options: Any) -> None:
    """A legend without a frame, behind which the paper shows faintly where something is drawn."""
    ax.legend(facecolor=_paper(ax), edgecolor="none", framealpha=0.75, labelcolor=ink(ax), **options)


def figure_of(ax: Axes) -> Any:
    """The figure itself, of axes in a subfigure too."""
    return ax.get_figure(root=True)


def _paper(ax: Axes) -> Any:
    """The colour on which titles, ticks and labels stand: the figure's."""
    return figure_of(ax).get_facecolor()


def _is_dark(colour: Any) -> bool:
    return contrast(colour, LIGHT_INK) > contrast(colour, DARK_INK)


def luminance(colour: Any) -> float:
    """Relative luminance of sRGB, by WCAG 2."""
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in matplotlib("colors").to_rgb(colour)
    ]
    return float(0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2])


def contrast(one: Any, other: Any) -> float:
    """WCAG's contrast of two colours, from 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
