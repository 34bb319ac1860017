"""A convex f and its conjugate."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np

from kljax.generators import Generator
from kljax.plot import _canvas
from kljax.plot._divergence_names import spoken

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEP = 2.0**-7  # in log u, by which a corner at 1 is told from a bend
REACH = 3.0


def _checked(f: Generator) -> Generator:
    if not isinstance(f, Generator):
        raise TypeError(f"f must be a record of kljax.generators, or one made by from_function; got {f!r}.")
    return f


def curvature(f: Generator) -> float:
    """f″(1), by which D_f ≈ ½ f″(1) Σ (p - q)²/q near p = q; infinite where f has a corner at 1."""
    left, right = (float(f.slope(jnp.asarray(at, jnp.result_type(float)))) for at in (-STEP, STEP))
    # The slope in log u is that in u at u = 1.
    bend = float(jax.grad(f.slope)(jnp.zeros((), jnp.result_type(float))))
    return math.inf if right - left > 4.0 * STEP * abs(bend) + 64.0 * STEP**2 else bend


def _number(value: float) -> str:
    return "∞" if value == math.inf else f"{value:.3g}"


def generator(f: Generator, *, ax: Axes | None = None) -> Axes:
    """f(u), the cost of u = p/q, beside the parabola ½ f″(1)(u - 1)² that touches it at 1.

    All f-divergences are alike near p = q, where the parabola decides; apart they differ by f(0), what it costs that p
    is missing where q is, and by lim f(u)/u, what it costs that q is missing where p is. Both stand in the legend.

    Args:
        f: A record of ``kljax.generators``.
        ax: Axes to draw on; by default a new figure of pyplot.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
        >>> from kljax import generators, plot
        >>> ax = plot.generator(generators.pearson, ax=plot.figure().subplots())
        >>> print(*(line.get_label() for line in ax.get_lines()), sep=" | ")
        f(u): f(0) = 1, f(u)/u → ∞ | ½ f″(1)(u − 1)², f″(1) = 2

    References:
        Liese & Vajda (2006), "On divergences and informations in statistics and information theory", section III.
    """
    bend = curvature(_checked(f))
    ax = _canvas.axes(ax)
    u = np.concatenate([np.geomspace(1e-6, 0.05, 60), np.linspace(0.05, REACH, 400)[1:]])
    height = np.asarray(f(jnp.asarray(u, jnp.result_type(float))), np.float64)
    limits = f"f(0) = {_number(float(f.at_zero))}, f(u)/u → {_number(float(f.at_infinity))}"
    ax.plot(u, height, color=_canvas.P, lw=2.0, label=f"f(u): {limits}", zorder=3)
    top = 1.1 * float(height[u >= 0.05].max())
    if math.isfinite(bend):
        parabola = 0.5 * bend * (u - 1.0) ** 2
        label = f"½ f″(1)(u − 1)², f″(1) = {_number(bend)}"
        ax.plot(u, parabola, color=_canvas.TRUTH, lw=1.5, ls="--", label=label)
    else:
        ax.plot([1.0], [0.0], "o", color=_canvas.TRUTH, label="f has a corner at 1: no f″(1)")
    ax.set(xlim=(0.0, REACH), ylim=(0.0, top), xlabel="u = p/q", ylabel="f(u)", title=f"f of {spoken(f)}")
    _canvas.legend(ax, loc="upper center")
    return ax


def conjugate(f: Generator, *, ax: Axes | None = None) -> Axes:
    """f*(t) = sup_u ut - f(u), with which a critic bounds the divergence: D_f ≥ E_p[t] - E_q[f*(t)].

    It lies above the line t and touches it at 0, the best critic where p = q. Beyond t = lim f(u)/u it is infinite.

    Args:
        f: A record of ``kljax.generators``.
        ax: Axes to draw on; by default a new figure of pyplot.

    Returns:
        The axes.

    Raises:
        ImportError: If matplotlib is not installed.

    Example:
        >>> from kljax import generators, plot
        >>> ax = plot.conjugate(generators.jensen_shannon(), ax=plot.figure().subplots())
        >>> print(*(line.get_label() for line in ax.get_lines()), sep=" | ")
        f*(t) | t | infinite beyond t = 0.347

    References:
        Nguyen, Wainwright & Jordan (2010), "Estimating divergence functionals and the likelihood ratio by convex risk
        minimization", for the bound.
    """
    last = float(_checked(f).at_infinity)
    ends = [float(f.slope(jnp.asarray(math.log(u), jnp.result_type(float)))) for u in (0.05, 6.0)]
    low, high = min(ends[0], -0.1), min(max(ends[1], 0.1), last)
    span = high - low
    t = np.linspace(low, high, 401)
    # The end of the domain itself may be infinite, and rounding must not step beyond it.
    inside = jnp.asarray(t, jnp.result_type(float))
    height = np.asarray(f.conjugate(jnp.minimum(inside, jnp.asarray(last, inside.dtype))), np.float64)
    shown = np.isfinite(height)
    ax = _canvas.axes(ax)
    ax.plot(t[shown], height[shown], color=_canvas.P, lw=2.0, label="f*(t)", zorder=3)
    ax.plot(t, t, color=_canvas.TRUTH, lw=1.5, ls="--", label="t")
    if math.isfinite(last) and last <= high + 0.25 * span:
        ax.axvline(last, color=_canvas.Q, lw=1.5, ls=":", label=f"infinite beyond t = {last:.3g}")
    top = float(height[shown].max())
    ax.set(
        xlim=(low, (last if last <= high + 0.25 * span else high) + 0.03 * span),
        ylim=(low - 0.03 * span, min(top, high + 2.0 * span) + 0.05 * span),
        xlabel="t",
        ylabel="f*(t)",
        title=f"Conjugate of f of {spoken(f)}",
    )
    _canvas.legend(ax, loc="upper left")
    return ax
