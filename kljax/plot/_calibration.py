"""What an estimator says of itself, beside what it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kljax.plot import _canvas

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Z = 1.959964  # 95 % of a normal distribution lie within so many standard deviations


def calibration(sizes: Sequence[int], estimates: Sequence[Any], truth: float, *, ax: Axes | None = None) -> Axes:
    """Estimates repeated on fresh data of several sizes, beside the truth: bias, spread, and whether the errors hold.

    At each size a broad bar spans the middle 95 % of the estimates, a dot stands at their mean, and the thin line about
    it is as long as the 95 % interval that the estimates give themselves (their root-mean-square standard error). Above
    stands how many of the intervals value ± 1.96 stderr hold the truth; 95 % is right.

    Args:
        sizes: Sizes of the data, one for each entry of ``estimates``, increasing.
        estimates: For each size the estimates of many repetitions: one ``Estimate`` whose fields are arrays, or a
            sequence of them; anything with ``value`` and ``stderr``.
        truth: What is estimated.
        ax: Axes to draw on; by default a new figure of pyplot.

    Returns:
        The axes, sizes on a logarithmic scale.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
        >>> import jax
        >>> import kljax
        >>> from kljax import plot
        >>> from kljax.families import Laplace, Normal
        >>> p, q, sizes = Normal(0.0, 1.0), Laplace(0.0, 1.0), (64, 256)
        >>> def repeated(size):
        ...     keys = jax.random.split(jax.random.key(size), 100)
        ...     return jax.vmap(lambda key: kljax.estimate(p, q, key=key, num_samples=size))(keys)
        >>> found = [repeated(size) for size in sizes]
        >>> ax = plot.calibration(sizes, found, float(kljax.kl(p, q)), ax=plot.figure().subplots())
        >>> len(ax.texts)
        3

    References:
        Morris, White & Crowther (2019), "Using simulation studies to evaluate statistical methods".
    """
    if len(sizes) != len(estimates) or not len(sizes):
        raise ValueError(f"estimates must have one entry a size; got {len(estimates)} for {len(sizes)} sizes.")
    x = np.asarray(sizes, np.float64)
    if (x <= 0.0).any() or (np.diff(x) <= 0.0).any():
        raise ValueError(f"sizes must be positive and increase; got {list(sizes)}.")
    found = [_numbers(one) for one in estimates]
    ax = _canvas.axes(ax)
    held = []
    for place, (value, stderr) in zip(x, found, strict=True):
        spread = np.quantile(value, [0.025, 0.975])
        ax.plot([place, place], spread, color=_canvas.P, alpha=0.35, lw=9, solid_capstyle="butt")
        said = Z * float(np.sqrt(np.mean(stderr**2)))
        ax.errorbar(place, value.mean(), yerr=said, fmt="o", color=_canvas.P, ms=5, lw=1.5, capsize=4)
        held.append(float(np.mean(np.abs(value - truth) <= Z * stderr)))
    ax.axhline(truth, color=_canvas.Q, lw=1.5, ls="--", label="the truth", zorder=0)
    ax.plot([], [], color=_canvas.P, alpha=0.35, lw=9, label="where 95 % of the estimates lie")
    ax.errorbar(
        [], [], yerr=[], fmt="o", color=_canvas.P, ms=5, lw=1.5, capsize=4, label="mean, and the interval stated"
    )
    ax.set(xscale="log", xlabel="size of the data", ylabel="nats", xlim=(x[0] / 1.6, x[-1] * 1.6))
    ax.set_xticks(x, [f"{one:,.0f}" for one in x])
    ax.set_xticks([], minor=True)
    colour = _canvas.ink(ax)
    for place, share in zip(x, held, strict=True):
        _above(ax, place, f"{share:.0%}", "center", colour)
    _above(ax, 0.0, "intervals that\nhold the truth:", "right", colour, of_axes=True)
    _canvas.legend(ax)
    return ax


def _above(ax: Axes, x: float, text: str, side: str, colour: Any, *, of_axes: bool = False) -> None:
    transform = ax.transAxes if of_axes else ax.get_xaxis_transform()
    ax.text(x, 1.02, text, transform=transform, ha=side, va="bottom", color=colour, fontsize="small")


def _numbers(entry: Any) -> tuple[np.ndarray, np.ndarray]:
    """Values and standard errors of one size's repetitions."""
    each = [entry] if hasattr(entry, "value") else list(entry)
    if not all(hasattr(one, "value") and hasattr(one, "stderr") for one in each):
        raise TypeError("estimates must have value and stderr, as kljax.Estimate has.")
    value, stderr = (
        np.concatenate([np.ravel(np.asarray(getattr(one, name), np.float64)) for one in each])
        for name in ("value", "stderr")
    )
    if value.shape != stderr.shape or len(value) < 2:
        raise ValueError(f"estimates must hold at least two repetitions of each size; got {len(value)}.")
    return value, stderr
