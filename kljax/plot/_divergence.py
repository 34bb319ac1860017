"""Two distributions and where their divergence comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kljax import generators
from kljax.generators import Generator
from kljax.plot import _canvas
from kljax.plot._divergence_names import amount, names_of, spoken
from kljax.plot._sides import Sides, sides

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BARS = 40  # outcomes that are drawn as bars; more are steps
SAID = 14  # outcomes of which each is named; of more, some
WIDTH = 0.27


def divergence(
    p: Any,
    q: Any,
    generator: Generator = generators.kl,
    *,
    x: Any = None,
    labels: Sequence[Any] | None = None,
    names: tuple[str, str] = ("p", "q"),
    ax: Axes | None = None,
) -> Axes:
    """p, q and, shaded, q f(p/q) ≥ 0: what each place adds to the divergence D_f(p‖q), which is the shaded area.

    For KL this is p log(p/q) - p + q, so that no place counts as negative. Where q has nothing and p has something, the
    cost of KL is infinite: such places are hatched over the whole height.

    Args:
        p: A distribution of one number (of ``kljax.families``, or of a package that ``kljax.interop`` knows), on the
            line or on the integers; or a row of probabilities, [outcomes].
        q: The same kind of thing.
        generator: A record of ``kljax.generators``; KL by default.
        x: Points at which distributions are drawn; by default where they have nearly all their mass.
        labels: Names of the outcomes.
        names: What p and q are called.
        ax: Axes to draw on; by default a new figure of pyplot.

    Returns:
        The axes: lines, or bars for up to 40 outcomes; the title says the divergence.

    Raises:
        TypeError: If p and q are not of one kind.
        ValueError: If the distributions are batches or of several dimensions.
        ImportError: If matplotlib is not installed.

    Example:
        >>> from kljax import plot
        >>> from kljax.families import Normal
        >>> ax = plot.divergence(Normal(0.0, 1.0), Normal(1.0, 1.5), ax=plot.figure().subplots())
        >>> ax.get_title()
        'KL(p‖q) = 0.35 nats'

    References:
        Kullback & Leibler (1951), "On information and sufficiency".
    """
    names = names_of(names)
    drawn = sides(p, q, generator, x=x, labels=labels)
    ax = _canvas.axes(ax)
    if drawn.labels is None:
        _curves(ax, drawn, names)
    elif len(drawn.x) <= BARS:
        _bars(ax, drawn, names)
    else:
        _steps(ax, drawn, names)
    ax.set_title(f"{spoken(generator, names)} = {amount(generator, drawn.value)}")
    _canvas.legend(ax, ncols=1 if drawn.labels is None else 2)
    return ax


def _curves(ax: Axes, drawn: Sides, names: tuple[str, str]) -> None:
    top, infinite = _ceiling(drawn), np.isinf(drawn.cost)
    cost = np.minimum(drawn.cost, 1.2 * top)
    ax.fill_between(drawn.x, cost, where=~infinite, color=_canvas.SHARE, alpha=0.45, lw=0.0, label=_share(drawn))
    if infinite.any():
        ax.fill_between(drawn.x, 1.2 * top, where=infinite, **_hatched())
    for height, colour, name in ((drawn.p, _canvas.P, names[0]), (drawn.q, _canvas.Q, names[1])):
        ax.plot(drawn.x, np.minimum(height, 1.2 * top), color=colour, lw=2.0, label=name)
    ax.set(xlim=(drawn.x[0], drawn.x[-1]), ylim=(0.0, 1.05 * top), ylabel="density, and nats per unit")


def _hatched() -> dict[str, Any]:
    return {
        "facecolor": "none",
        "edgecolor": _canvas.SHARE,
        "hatch": "////",
        "lw": 0.0,
        "label": "costs infinitely much",
    }


def _ceiling(drawn: Sides) -> float:
    """The greatest height that is drawn; of a density that is infinite at an end, its height a little inside."""
    inner = slice(len(drawn.x) // 100, -(len(drawn.x) // 100) or None)
    heights = [one if np.isfinite(one).all() else one[inner] for one in (drawn.p, drawn.q)]
    return float(max(one[np.isfinite(one)].max(initial=0.0) for one in heights)) or 1.0


def _share(drawn: Sides) -> str:
    return "what each place adds" if drawn.labels is None else "what each outcome adds"


def _bars(ax: Axes, drawn: Sides, names: tuple[str, str]) -> None:
    finite = np.where(np.isinf(drawn.cost), 0.0, drawn.cost)
    top = float(max(drawn.p.max(), drawn.q.max(), finite.max()))
    series = ((drawn.p, _canvas.P, names[0]), (drawn.q, _canvas.Q, names[1]), (finite, _canvas.SHARE, _share(drawn)))
    for place, (height, colour, name) in enumerate(series):
        ax.bar(drawn.x + WIDTH * (place - 1), height, WIDTH, color=colour, label=name)
    infinite = np.isinf(drawn.cost)
    if infinite.any():
        ax.bar(drawn.x[infinite] + WIDTH, top, WIDTH, **_hatched())
    said = drawn.labels or ()
    every = -(-len(said) // SAID)
    crowded = sum(map(len, said[::every])) > 60
    ax.set_xticks(drawn.x[::every], said[::every], rotation=45 if crowded else 0, ha="right" if crowded else "center")
    ax.set(ylabel="probability, and nats", ylim=(0.0, 1.35 * top))


def _steps(ax: Axes, drawn: Sides, names: tuple[str, str]) -> None:
    finite = np.where(np.isinf(drawn.cost), max(drawn.p.max(), drawn.q.max()), drawn.cost)
    ax.fill_between(drawn.x, finite, step="mid", color=_canvas.SHARE, alpha=0.45, lw=0.0, label=_share(drawn))
    for height, colour, name in ((drawn.p, _canvas.P, names[0]), (drawn.q, _canvas.Q, names[1])):
        ax.step(drawn.x, height, where="mid", color=colour, lw=1.2, label=name)
    ax.set(xlim=(drawn.x[0] - 0.5, drawn.x[-1] + 0.5), ylim=(0.0, None), ylabel="probability, and nats")


def outcomes(
    p: Any,
    q: Any,
    generator: Generator = generators.kl,
    *,
    count: int = 10,
    labels: Sequence[Any] | None = None,
    names: tuple[str, str] = ("p", "q"),
    ax: Axes | None = None,
) -> Axes:
    """The outcomes that carry most of D_f(p‖q), as bars from the greatest downwards, and all others in one.

    Beside each bar stand its probabilities under p and q. The bars add up to the divergence.

    Args:
        p: A row of probabilities, [outcomes], or a distribution on the integers.
        q: The same kind of thing.
        generator: A record of ``kljax.generators``; KL by default.
        count: How many outcomes are shown by themselves.
        labels: Names of the outcomes.
        names: What p and q are called.
        ax: Axes to draw on; by default a new figure of pyplot.

    Returns:
        The axes.

    Raises:
        TypeError: If p and q are not of one kind.
        ValueError: If p and q are densities.
        ImportError: If matplotlib is not installed.

    Example:
        >>> from kljax import plot
        >>> ax = plot.figure().subplots()
        >>> ax = plot.outcomes([0.5, 0.3, 0.2], [0.5, 0.1, 0.4], labels=["yes", "no", "perhaps"], count=2, ax=ax)
        >>> print(*(text.get_text() for text in ax.get_yticklabels()), sep=" | ")
        no | perhaps | 1 other

    References:
        Kullback & Leibler (1951), "On information and sufficiency".
    """
    names = names_of(names)
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ValueError(f"count must be a whole number of at least 1; got {count!r}.")
    drawn = sides(p, q, generator, labels=labels)
    if drawn.labels is None:
        raise ValueError("p and q must have outcomes, and these are densities: plot.divergence shades what they add.")
    order = np.argsort(-drawn.cost, kind="stable")
    first, rest = order[:count], order[count:]
    heights, said = list(drawn.cost[first]), [drawn.labels[place] for place in first]
    beside = [f"{names[0]} {drawn.p[place]:.2g}, {names[1]} {drawn.q[place]:.2g}" for place in first]
    if len(rest):
        heights.append(float(drawn.cost[rest].sum()))
        said.append(f"{len(rest)} other{'s' if len(rest) > 1 else ''}")
        beside.append(f"{names[0]} {drawn.p[rest].sum():.2g}, {names[1]} {drawn.q[rest].sum():.2g}")
    ax = _canvas.axes(ax, 6.4, 1.2 + 0.32 * len(heights))
    known = np.array(heights)
    reach = float(known[np.isfinite(known)].max(initial=0.0)) or 1.0
    colours = [_canvas.SHARE] * len(first) + [_canvas.TRUTH] * (len(heights) - len(first))
    bars = ax.barh(range(len(heights)), np.where(np.isinf(known), reach, known), 0.7, color=colours)
    for bar, height in zip(bars, heights, strict=True):
        bar.set_hatch("////" if np.isinf(height) else "")
    notes = [f"∞: {note}" if np.isinf(height) else note for height, note in zip(heights, beside, strict=True)]
    ax.bar_label(bars, notes, padding=4, color=_canvas.ink(ax), fontsize="small")
    ax.set_yticks(range(len(said)), said)
    ax.set_ylim(len(said) - 0.5, -0.5)
    ax.set_xlim(0.0, 1.35 * reach)
    ax.set(
        xlabel="nats" if amount(generator, 0.0).endswith("nats") else "contribution",
        title=f"Where {spoken(generator, names)} = {amount(generator, drawn.value)} comes from",
    )
    return ax


def column(found: Any, *, ax: Axes | None = None) -> Axes:
    """A column of ``tables.compare``: the shares of both tables in each cell, and what each adds to KL.

    The direction is that of the report, KL(current‖reference), half a row added to each cell of the reference.

    Args:
        found: A column of a comparison, ``report.column("age")``.
        ax: Axes to draw on; by default a new figure of pyplot.

    Returns:
        The axes; the verdict stands in the title.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
        >>> from kljax import plot, tables
        >>> before = {"colour": ["red", "blue", "blue", "green"] * 50}
        >>> now = {"colour": ["red", "red", "blue", "green"] * 50}
        >>> ax = plot.column(tables.compare(before, now).column("colour"), ax=plot.figure().subplots())
        >>> print(*(text.get_text() for text in ax.get_xticklabels()), sep=" | ")
        blue | red | green

    References:
        Kullback & Leibler (1951), "On information and sufficiency".
    """
    cells = getattr(found, "cells", None)
    if cells is None or not hasattr(cells, "contributions"):
        raise TypeError(
            f"found must be a column of tables.compare, as report.column('age'); got {type(found).__name__}."
        )
    reference = np.asarray(cells.reference, np.float64) + 0.5
    current = np.asarray(cells.current, np.float64)
    shares = current / max(current.sum(), 1.0), reference / reference.sum()
    cost = np.asarray(cells.contributions())
    place = np.arange(len(cost))
    ax = _canvas.axes(ax)
    drawn = Sides(place, *shares, cost, float(cost.sum()), tuple(cells.labels))
    if len(place) <= BARS:
        _bars(ax, drawn, ("current", "reference"))
    else:
        _steps(ax, drawn, ("current", "reference"))
    ax.set_title(f"{found.name}: {found.verdict}")
    ax.set_ylabel("share of rows, and nats")
    _canvas.legend(ax, ncols=2)
    return ax
