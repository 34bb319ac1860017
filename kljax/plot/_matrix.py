"""The matrix of all pairs, as a field of colours with its numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jax.typing import ArrayLike

from kljax.plot import _canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WRITTEN = 16  # rows or columns up to which each cell has its number


def pairwise(
    matrix: ArrayLike,
    *,
    names: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A matrix of divergences D(pᵢ‖qⱼ) as ``kljax.pairwise`` returns it: p downwards, q to the right.

    Each cell has its value, and a colour that grows with √D, which near p = q is a distance. Infinite cells are
    hatched. From 17 rows or columns on a bar of colours stands for the numbers.

    Args:
        matrix: [N, M], in nats.
        names: What the p are called, and the q too if ``columns`` is not given.
        columns: What the q are called.
        ax: Axes to draw on; by default a new figure of pyplot.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
        >>> import jax.numpy as jnp
        >>> import kljax
        >>> from kljax import plot
        >>> from kljax.families import Normal
        >>> three = Normal(jnp.array([0.0, 1.0, 3.0]), 1.0)
        >>> matrix = kljax.pairwise(kljax.kl, three, three)
        >>> ax = plot.pairwise(matrix, names=["a", "b", "c"], ax=plot.figure().subplots())
        >>> print(*(text.get_text() for text in ax.texts), sep=" | ")
        0 | 0.5 | 4.5 | 0.5 | 0 | 2 | 4.5 | 2 | 0

    References:
        Amari & Nagaoka (2000), "Methods of Information Geometry", section 3.2, for √D as a distance.
    """
    cells = np.asarray(matrix, np.float64)
    if cells.ndim != 2 or 0 in cells.shape:
        raise ValueError(f"matrix must have two dimensions, p by q; got shape {cells.shape}.")
    if (cells < 0.0).any():
        raise ValueError(f"matrix must hold divergences, none negative; the least entry is {cells.min():.3g}.")
    sides = (names, names if columns is None and cells.shape[0] == cells.shape[1] else columns)
    for said, count, which in zip(sides, cells.shape, ("names", "columns"), strict=True):
        if said is not None and len(said) != count:
            raise ValueError(f"{which} must be {count} names; got {len(said)}.")
    ax = _canvas.axes(ax, 1.8 + 0.62 * min(cells.shape[1], 12), 1.4 + 0.5 * min(cells.shape[0], 12))
    finite = np.isfinite(cells)
    top = float(cells[finite].max(initial=0.0)) or 1.0
    paint = _canvas.matplotlib("colors").PowerNorm(0.5, vmin=0.0, vmax=top)
    mesh = ax.pcolormesh(np.where(finite, cells, np.nan), cmap="cividis", norm=paint, edgecolors="none")
    rows, cols = cells.shape
    patch = _canvas.matplotlib("patches").Rectangle
    for row, col in np.argwhere(~finite):
        ax.add_patch(patch((col, row), 1, 1, facecolor="none", edgecolor=_canvas.TRUTH, hatch="////", lw=0.0))
    if max(rows, cols) <= WRITTEN:
        for (row, col), value in np.ndenumerate(cells):
            colour = _on(mesh.cmap(paint(value))) if np.isfinite(value) else _canvas.ink(ax)
            ax.text(col + 0.5, row + 0.5, _written(value), ha="center", va="center", color=colour, fontsize="small")
    else:
        bar = _canvas.figure_of(ax).colorbar(mesh, ax=ax, label="nats")
        _canvas.dress(bar.ax)
    for spine in ax.spines.values():
        spine.set_visible(False)
    ax.tick_params(length=0)
    for setter, said, count in ((ax.set_yticks, sides[0], rows), (ax.set_xticks, sides[1], cols)):
        setter(np.arange(count) + 0.5, _ticks(said, count))
    if sum(len(str(one)) for one in sides[1] or ()) > 40:
        ax.tick_params(axis="x", labelrotation=45)
    ax.set(ylim=(rows, 0), xlim=(0, cols), ylabel="p", xlabel="q", title="D(p‖q), nats", aspect="equal")
    return ax


def _ticks(said: Sequence[str] | None, count: int) -> list[str]:
    if said is not None:
        return [str(one) for one in said]
    every = math.ceil(count / 20)
    return [str(place) if place % every == 0 else "" for place in range(count)]


def _written(value: float) -> str:
    """Two digits; 0 where nothing is left of them."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "∞"
    return f"{value:.1e}" if 0.0 < value < 0.001 else f"{value:.2g}" if value < 100.0 else f"{value:.0f}"


def _on(colour: Any) -> str:
    """The ink that is read best on this colour."""
    return max((_canvas.DARK_INK, "#FFFFFF"), key=lambda one: _canvas.contrast(one, colour))
