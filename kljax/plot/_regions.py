"""Densities in one and two dimensions from draws, and the smallest regions that hold given shares of them.

draws, weights ─histogram─▶ cells ─Gaussian kernel─▶ density ─sort, sum─▶ the height above which it holds a share
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from scipy import ndimage

from kljax.plot import _canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CELLS = 160  # a side
MARGIN = 4  # bandwidths beyond the window, so that what lies there reaches into it
Window = tuple[tuple[float, float], tuple[float, float]]


def window_of(x: np.ndarray, weights: np.ndarray | None = None) -> tuple[float, float]:
    """From the 0.2 % to the 99.8 % quantile, and a twentieth more on each side."""
    low, high = _quantiles(x, weights, (0.002, 0.998))
    spare = 0.05 * (high - low) or 1.0
    return low - spare, high + spare


def _quantiles(x: np.ndarray, weights: np.ndarray | None, levels: Sequence[float]) -> list[float]:
    if weights is None:
        return [float(one) for one in np.quantile(x, levels)]
    order = np.argsort(x)
    share = np.cumsum(weights[order]) / weights.sum()
    return [float(x[order][min(int(np.searchsorted(share, level)), len(x) - 1)]) for level in levels]


def _bandwidth(x: np.ndarray, weights: np.ndarray | None, dims: int) -> float:
    """Scott's rule with the smaller of two spreads, and a little less of it, for what is drawn seldom is normal."""
    first, third = _quantiles(x, weights, (0.25, 0.75))
    w = np.full(len(x), 1.0 / len(x)) if weights is None else weights / weights.sum()
    middle = float(w @ x)
    spreads = [float(np.sqrt(w @ (x - middle) ** 2)), (third - first) / 1.349]
    count = 1.0 / float(w @ w)
    return 0.9 * min([one for one in spreads if one > 0.0], default=1.0) * count ** (-1.0 / (dims + 4))


def density_of_draws(
    x: np.ndarray, weights: np.ndarray | None, window: Sequence[tuple[float, float]]
) -> tuple[list[np.ndarray], np.ndarray]:
    """The middles of cells along each dimension, and the smoothed density there; ``x`` is [draws, 1 or 2]."""
    dims = x.shape[1]
    bands = [_bandwidth(x[:, at], weights, dims) for at in range(dims)]
    steps = [(high - low) / CELLS for low, high in window]
    spare = [int(np.ceil(MARGIN * band / step)) for band, step in zip(bands, steps, strict=True)]
    edges = [
        low + step * np.arange(-more, CELLS + more + 1)
        for (low, _), step, more in zip(window, steps, spare, strict=True)
    ]
    mass, _ = np.histogramdd(x, edges, weights=weights)
    total = len(x) if weights is None else weights.sum()
    widths = [band / step for band, step in zip(bands, steps, strict=True)]
    smooth = ndimage.gaussian_filter(mass / (total * np.prod(steps)), widths, mode="constant", truncate=MARGIN)
    cut = tuple(slice(more, more + CELLS) for more in spare)
    middles = [0.5 * (edge[1:] + edge[:-1])[one] for edge, one in zip(edges, cut, strict=True)]
    return middles, smooth[cut]


def density_on_grid(log_density: Callable[[jax.Array], Any], window: Window) -> tuple[list[np.ndarray], np.ndarray]:
    """The same of a log-density of two numbers, known up to a constant; normalised over the window."""
    middles = [low + (high - low) * (np.arange(CELLS) + 0.5) / CELLS for low, high in window]
    points = np.stack(np.meshgrid(*middles, indexing="ij"), -1).reshape(-1, 2)
    logs = np.asarray(jax.jit(jax.vmap(log_density))(jnp.asarray(points, jnp.result_type(float))), np.float64)
    if logs.shape != (len(points),):
        raise ValueError("source must return one number, the log-density of a vector of two numbers.")
    if not np.isfinite(logs).any():
        raise ValueError(f"source must be finite somewhere in the window {window}; say with within= where to look.")
    heights = np.exp(logs - logs[np.isfinite(logs)].max())
    area = np.prod([high - low for low, high in window]) / CELLS**2
    return middles, (heights / (heights.sum() * area)).reshape(CELLS, CELLS)


def levels(density: np.ndarray, shares: Sequence[float]) -> list[float]:
    """The heights above which the density, on equal cells, holds these shares of its mass; increasing."""
    descending = np.sort(density.ravel())[::-1]
    held = np.cumsum(descending) / descending.sum()
    return sorted({float(descending[min(int(np.searchsorted(held, one)), len(held) - 1)]) for one in shares})


def region(
    source: ArrayLike | Callable[[jax.Array], Any],
    *,
    weights: ArrayLike | None = None,
    shares: Sequence[float] = (0.5, 0.9),
    within: Window | None = None,
    colour: str | None = None,
    fill: bool = False,
    label: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The smallest regions of the plane that hold these shares of a distribution, by their outlines.

    Args:
        source: Draws, [draws, 2], whose histogram is smoothed; or a log-density of a vector of two numbers, known up to
            a constant, which is evaluated on a grid of ``within``.
        weights: Of the draws, [draws], non-negative; they need not sum to 1.
        shares: Of the mass, each between 0 and 1.
        within: ((low, high), (low, high)), where to look; by default where nearly all draws are.
        colour: Of outlines and field; the first of ``COLOURS`` by default.
        fill: Whether to fill the regions too, the more densely the smaller they are.
        label: For the legend.
        ax: Axes to draw on; by default a new figure of pyplot.

    Returns:
        The axes.

    Raises:
        TypeError: If ``source`` is a log-density and ``within`` is missing, or ``weights`` are given with it.
        ImportError: If matplotlib is not installed.

    Example:
        >>> from kljax import plot
        >>> def banana(x):
        ...     return -0.5 * x[0] ** 2 - 2.0 * (x[1] - 0.5 * x[0] ** 2) ** 2
        >>> ax = plot.region(banana, within=((-3.0, 3.0), (-2.0, 6.0)), ax=plot.figure().subplots())
        >>> len(ax.collections)
        1

    References:
        Hyndman (1996), "Computing and graphing highest density regions".
    """
    if not shares or any(not 0.0 < one < 1.0 for one in shares):
        raise ValueError(f"shares must lie between 0 and 1; got {tuple(shares)}.")
    if callable(source):
        if within is None or weights is not None:
            raise TypeError("source is a log-density: say with within= where to look, and give no weights.")
        middles, density = density_on_grid(source, within)
    else:
        draws, w = _draws(source, weights)
        window = within or (window_of(draws[:, 0], w), window_of(draws[:, 1], w))
        middles, density = density_of_draws(draws, w, window)
    ax = _canvas.axes(ax)
    outline(ax, middles, density, shares, _canvas.COLOURS[0] if colour is None else colour, fill=fill)
    if label is not None:
        ax.plot([], [], color=_canvas.COLOURS[0] if colour is None else colour, lw=1.8, label=label)
        _canvas.legend(ax)
    return ax


def _draws(source: Any, weights: Any) -> tuple[np.ndarray, np.ndarray | None]:
    draws = np.asarray(source, np.float64)
    if draws.ndim != 2 or draws.shape[1] != 2 or len(draws) < 2 or not np.isfinite(draws).all():
        raise ValueError(f"source must be finite draws of two numbers, [draws, 2]; got shape {draws.shape}.")
    if weights is None:
        return draws, None
    w = np.asarray(weights, np.float64)
    if w.shape != draws.shape[:1] or (w < 0.0).any() or not 0.0 < w.sum() < np.inf:
        raise ValueError(f"weights must be one non-negative number a draw, [{len(draws)}]; got shape {w.shape}.")
    return draws, w


def outline(
    ax: Axes, middles: list[np.ndarray], density: np.ndarray, shares: Sequence[float], colour: str, *, fill: bool
) -> None:
    """Contours at the heights that hold the shares; the smaller the share, the thicker the line."""
    at = levels(density, shares)
    if fill:
        top = max(float(density.max()), at[-1] * (1.0 + 1e-6)) * 1.01
        tints = [(colour, 0.2 + 0.25 * place / max(1, len(at) - 1)) for place in range(len(at))]
        ax.contourf(*middles, density.T, [*at, top], colors=tints)
    ax.contour(*middles, density.T, at, colors=[colour], linewidths=np.linspace(1.0, 2.0, len(at)))
