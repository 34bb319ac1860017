"""A variational fit: its marginals over the target's, its loss, and its verdict in words."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax.plot import _canvas, _regions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 5  # coordinates that are shown unless asked for more
SHARES = (0.5, 0.9)
GOOD, USABLE = 0.5, 0.7  # k̂ of FitResult.verdict
Show = Mapping[str, Callable[[Any], Any]]
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def fit(results: Any, target: Any = None, *, show: Show | None = None, figure: Figure | None = None) -> np.ndarray:
    """Each coordinate and each pair of coordinates of one fit, or of several of the same target, over the target's.

    Fields are the target, lines the fits; both bound the smallest regions that hold 50 % and 90 %. In the upper corner
    stands the loss of a single fit, or the legend of several, with k̂ in words.

    Args:
        results: What ``variational.fit`` returned; or several by name, {"full rank": …, "flow": …}.
        target: The truth, where it is known: draws in the structure of a latent with a leading axis, or, for a vector
            of two numbers, its log-density. By default draws of the first fit whose k̂ is below 0.7, with its smoothed
            importance weights; no field if there is none.
        show: What is shown, by name: functions of latents with a leading axis, {"log τ": lambda v: v[:, 9]}. By default
            the first five coordinates.
        figure: A figure of matplotlib to draw in; by default a new one of pyplot.

    Returns:
        The axes, [k, k]; those above the diagonal are empty but for the corner.

    Raises:
        TypeError: If ``target`` is a log-density and not of two numbers.
        ValueError: If a function in ``show`` does not return one number a draw.
        ImportError: If matplotlib is not installed.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from kljax import plot, variational
        >>> def log_density(x):
        ...     return -0.5 * jnp.sum((x - jnp.arange(2.0)) ** 2 / jnp.array([1.0, 9.0]))
        >>> result = variational.fit(log_density, variational.full_rank(2), key=jax.random.key(0))
        >>> axes = plot.fit(result, log_density, figure=plot.figure(6.0, 6.0))
        >>> axes.shape, axes[1, 0].get_xlabel(), axes[0, 1].get_title()
        ((2, 2), 'x₁', 'Loss')

    References:
        Yao, Vehtari, Simpson and Gelman (2018), "Yes, but did it work?", for k̂.
    """
    several = dict(results) if isinstance(results, Mapping) else {"q": results}
    for name, one in several.items():
        if not hasattr(one, "log_weights") or not hasattr(one, "points"):
            raise TypeError(f"results must be what variational.fit returns, or such by name; got {one!r} for {name!r}.")
    latents = {name: one.guide.to_latent(one.points) for name, one in several.items()}
    chosen = _coordinates(next(iter(latents.values()))) if show is None else show
    truth, weights, log_density = _target(target, several, latents, len(chosen), show is None)
    drawn = {name: _columns(chosen, one) for name, one in latents.items()}
    if truth is not None:
        truth = _columns(chosen, truth)
    windows = _windows(list(drawn.values()), truth, weights)
    if figure is None:
        side = 2.0 + 1.8 * len(chosen)
        figure = _canvas.matplotlib("pyplot").figure(figsize=(side, side), layout="constrained")
    axes = np.atleast_2d(np.asarray(figure.subplots(len(chosen), len(chosen), squeeze=False)))
    for row in range(len(chosen)):
        for place in range(len(chosen)):
            ax = axes[row, place]
            _canvas.dress(ax)
            if place > row:
                ax.axis("off")
                continue
            kept = [place] if place == row else [place, row]
            field = _field(truth, weights, log_density, kept, windows)
            lines = {
                name: _regions.density_of_draws(one[:, kept], None, [windows[at] for at in kept])
                for name, one in drawn.items()
            }
            (_marginal if place == row else _pair)(ax, field, lines)
            ax.set_xlim(windows[place])
            if place < row:
                ax.set_ylim(windows[row])
            _outer_labels(ax, list(chosen), row, place)
    _corner(axes, several, field=truth is not None or log_density is not None, known=target is not None)
    return axes


def _coordinates(latents: Any) -> Show:
    """The first coordinates of a latent by name: x₁, x₂ of a vector, mu, theta₁ of a mapping."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(latents)
    made: dict[str, Callable[[Any], Any]] = {}
    for at, (path, leaf) in enumerate(leaves):
        size = int(np.prod(np.shape(leaf)[1:]))
        keys = [str(getattr(one, "key", getattr(one, "name", getattr(one, "idx", one)))) for one in path]
        name = ".".join(keys) or "x"
        for entry in range(size):
            said = name if size == 1 else f"{name}{str(entry + 1).translate(SUBSCRIPTS)}"
            made[said] = functools.partial(_entry, leaf=at, entry=entry)
            if len(made) == MOST:
                return made
    return made


def _entry(latents: Any, *, leaf: int, entry: int) -> jax.Array:
    values = jax.tree.leaves(latents)[leaf]
    return jnp.reshape(values, (values.shape[0], -1))[:, entry]


def _columns(show: Show, latents: Any) -> np.ndarray:
    """What is shown of each draw, [draws, k]."""
    count = np.shape(jax.tree.leaves(latents)[0])[0]
    columns = [np.asarray(one(latents), np.float64) for one in show.values()]
    for name, one in zip(show, columns, strict=True):
        if one.shape != (count,):
            raise ValueError(f"show[{name!r}] must return one number a draw, [{count}]; got shape {one.shape}.")
    return np.stack(columns, -1)


def _target(
    target: Any, several: Mapping[str, Any], latents: Mapping[str, Any], count: int, plain: bool
) -> tuple[Any, np.ndarray | None, Callable[[Any], Any] | None]:
    """(draws, their weights, log-density) of what the field shows."""
    if callable(target):
        example = next(iter(latents.values()))
        if not plain or count != 2 or getattr(example, "shape", ())[1:] != (2,):
            raise TypeError(
                "target is a log-density, which is drawn for vectors of two numbers; else give draws of it."
            )
        return None, None, target
    if target is not None:
        return target, None, None
    for name, one in several.items():
        if float(one.khat) < USABLE:
            return latents[name], np.exp(np.asarray(one.smoothed.log_weights, np.float64)), None
    return None, None, None


def _windows(
    drawn: list[np.ndarray], truth: np.ndarray | None, weights: np.ndarray | None
) -> list[tuple[float, float]]:
    """Where the target is, or else the fits."""
    made = []
    for at in range(drawn[0].shape[1]):
        known = [_regions.window_of(one[:, at]) for one in drawn] if truth is None else []
        if truth is not None:
            known.append(_regions.window_of(truth[:, at], weights))
            known += [_regions.window_of(one[:, at]) for one in drawn[:1]] if len(drawn) == 1 else []
        made.append((min(low for low, _ in known), max(high for _, high in known)))
    return made


def _field(
    truth: np.ndarray | None,
    weights: np.ndarray | None,
    log_density: Callable[[Any], Any] | None,
    kept: list[int],
    windows: list[tuple[float, float]],
) -> tuple[list[np.ndarray], np.ndarray] | None:
    """The target's density of the coordinates ``kept``."""
    if log_density is not None:
        middles, density = _regions.density_on_grid(log_density, (windows[0], windows[1]))
        if len(kept) == 2:
            return middles, density
        other = 1 - kept[0]
        step = middles[other][1] - middles[other][0]
        return [middles[kept[0]]], density.sum(other) * step
    if truth is None:
        return None
    return _regions.density_of_draws(truth[:, kept], weights, [windows[at] for at in kept])


def _marginal(ax: Axes, field: Any, lines: Mapping[str, Any]) -> None:
    if field is not None:
        ax.fill_between(field[0][0], field[1], color=_canvas.TRUTH, alpha=0.35, lw=0.0)
    for (middles, density), colour in zip(lines.values(), _colours(len(lines)), strict=True):
        ax.plot(middles[0], density, color=colour, lw=1.8)
    ax.set_ylim(0.0, None)
    ax.set_yticks([])
    ax.spines["left"].set_visible(False)


def _pair(ax: Axes, field: Any, lines: Mapping[str, Any]) -> None:
    if field is not None:
        _regions.outline(ax, field[0], field[1], SHARES, _canvas.TRUTH, fill=True)
    for (middles, density), colour in zip(lines.values(), _colours(len(lines)), strict=True):
        _regions.outline(ax, middles, density, SHARES, colour, fill=False)


def _colours(count: int) -> list[str]:
    return [_canvas.COLOURS[at % len(_canvas.COLOURS)] for at in range(count)]


def _outer_labels(ax: Axes, names: list[str], row: int, place: int) -> None:
    if row == len(names) - 1:
        ax.set_xlabel(names[place])
    else:
        ax.tick_params(labelbottom=False)
    if place == 0 and row > 0:
        ax.set_ylabel(names[row])
    elif place < row:
        ax.tick_params(labelleft=False)


def judged(khat: float) -> str:
    """k̂ in words."""
    if khat < GOOD:
        return f"k̂ {khat:.2f}: close to the target"
    if khat < USABLE:
        return f"k̂ {khat:.2f}: near it, weigh the draws"
    return f"k̂ {khat:.2f}: its weights cannot be trusted"


def _corner(axes: np.ndarray, several: Mapping[str, Any], *, field: bool, known: bool) -> None:
    """The loss of one fit and its verdict, or the legend of several."""
    count = len(axes)
    figure, handles, said = axes[0, 0].get_figure(), [], []
    lines, patches = _canvas.matplotlib("lines"), _canvas.matplotlib("patches")
    if field:
        handles.append(patches.Patch(color=_canvas.TRUTH, alpha=0.35, lw=0.0))
        said.append("the target" if known else "the target, by importance weights")
    for (name, one), colour in zip(several.items(), _colours(len(several)), strict=True):
        handles.append(lines.Line2D([], [], color=colour, lw=1.8))
        said.append(f"{name}\n{judged(float(one.khat))}")
    options = {"frameon": False, "labelcolor": _canvas.ink(axes[0, 0])}
    if count == 1 or len(several) == 1:
        axes[0, 0].legend(
            handles, [one.partition("\n")[0] for one in said], loc="upper left", fontsize="small", **options
        )
    else:
        where = axes[0, 1]
        where.legend(handles, said, loc="upper left", fontsize="small", borderaxespad=0.0, **options)
    if len(several) == 1:
        (one,) = several.values()
        if count > 1:
            axes[0, -1].axis("on")
            loss(one, ax=axes[0, -1])
        width = int(11 * figure.get_figwidth())
        figure.suptitle(textwrap.fill(one.verdict, width), fontsize="medium", color=_canvas.ink(axes[0, 0]))


def loss(result: Any, *, ax: Axes | None = None) -> Axes:
    """What a fit minimised, step by step, and its running median; the first dive is cut off where it hides the rest.

    Args:
        result: What ``variational.fit`` returned.
        ax: Axes to draw on; by default a new figure of pyplot.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from kljax import plot, variational
        >>> result = variational.fit(lambda x: -0.5 * x @ x, variational.full_rank(2), key=jax.random.key(0))
        >>> ax = plot.loss(result, ax=plot.figure().subplots())
        >>> ax.get_xlabel()
        'step'

    References:
        Yao, Vehtari, Simpson and Gelman (2018), "Yes, but did it work?": a loss at rest does not yet say so.
    """
    if not hasattr(result, "trace") or not hasattr(result, "objective"):
        raise TypeError(f"result must be what variational.fit returns; got {type(result).__name__}.")
    ax = _canvas.axes(ax)
    trace = -np.asarray(result.trace, np.float64).ravel()
    step = np.arange(1, len(trace) + 1)
    taken = np.isfinite(trace)
    step, trace = step[taken], trace[taken]
    width = max(1, len(trace) // 50)
    smooth = np.array([np.median(trace[max(0, at - width) : at + width + 1]) for at in range(len(trace))])
    if width > 1:
        ax.plot(step, trace, color=_canvas.P, alpha=0.35, lw=0.7)
    ax.plot(step, smooth, color=_canvas.P, lw=1.6, marker="o" if len(trace) < 3 else None)
    if len(trace) > 20:
        low, high = float(trace[len(trace) // 10 :].min()), float(trace[len(trace) // 10 :].max())
        spare = 0.15 * (high - low) or 1.0
        if float(trace.max()) > high + 3.0 * spare:
            ax.set_ylim(low - spare, high + 3.0 * spare)
    ax.set(xlabel="step", ylabel=f"−{result.objective}", title="Loss")
    return ax
