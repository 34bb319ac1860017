"""What ``choose_a_model`` finds out, and its figure."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import _common as common
import jax.numpy as jnp
import numpy as np
from _models import Measurements
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm


class Estimates(NamedTuple):
    """A number for each family, or each pair of them, and its standard error."""

    value: np.ndarray
    stderr: np.ndarray


class Ranking(NamedTuple):
    """How the families do [families]."""

    held_out: np.ndarray  # cross-entropies, in nats and the data's standard deviation as unit
    behind: Estimates
    wins: np.ndarray
    kl: Estimates
    jensen_shannon: Estimates


class Pairs(NamedTuple):
    """Divergences of all fits from all fits [families, families]."""

    kl: Estimates
    jensen_shannon: Estimates
    error: float  # the largest bound that quadrature gives for its own


def draw_densities(panel: Axes, records: dict[str, Any], data: Measurements) -> None:
    unit, x = data.unit, data.values
    panel.hist(x, bins=40, density=True, color="0.85", label=f"{len(x)} measurements")
    reach = np.ptp(x)
    grid = np.linspace(x.min() - 0.1 * reach, x.max() + 0.05 * reach, 600)
    for rank, (name, record) in enumerate(records.items()):
        density = np.exp(np.asarray(record.log_prob(jnp.asarray(grid / unit)))) / unit
        panel.plot(grid, density, **style(rank), label=spoken(name))
    panel.set(title="Densities, by maximum likelihood", xlabel=data.name, ylabel="density", ylim=(0, None))
    panel.legend(fontsize=8)


def spoken(name: str) -> str:
    return name.replace("_", " ")


def rounded(nats: float, stderr: float) -> str:
    """With as many decimals as it takes to show the first digit of the error bar."""
    if 0 < stderr < 1e-5:
        return f"{nats:.1e}\n± {stderr:.0e}"
    decimals = max(0, -math.floor(math.log10(stderr))) if stderr > 0 else 4
    return f"{nats:.{decimals}f}\n± {stderr:.{decimals}f}"


def style(rank: int) -> dict[str, Any]:
    """Six colours, then the same dashed."""
    colours = common.COLOURS
    return {"color": colours[rank % len(colours)], "linestyle": ("-", "--", ":")[rank // len(colours) % 3], "lw": 1.6}


def draw_ranking(panel: Axes, names: list[str], found: Ranking, order: np.ndarray) -> None:
    shown = {
        "behind the best, held out": (found.behind, "o", "black"),
        "KL(data‖fit) in cells": (found.kl, "s", common.BLUE),
        "Jensen–Shannon in cells": (found.jensen_shannon, "^", common.ORANGE),
    }
    for shift, (label, (one, marker, colour)) in zip((-0.22, 0.0, 0.22), shown.items(), strict=True):
        places = np.arange(len(order)) + shift
        panel.errorbar(one.value[order], places, xerr=one.stderr[order], fmt=marker, color=colour, label=label, ms=4)
    panel.axvline(0.0, color="0.7", zorder=0)
    panel.set_xscale("symlog", linthresh=0.01, linscale=1.0)
    panel.set_yticks(np.arange(len(order)), [f"{spoken(names[at])}\nbest in {found.wins[at]:.0%}" for at in order])
    panel.invert_yaxis()
    panel.xaxis.set_major_formatter("{x:g}")
    panel.set(title="How far from the data (± one standard error)", xlabel="nats; linear up to 0.01, then logarithmic")
    panel.legend(fontsize=8, loc="lower left")


def draw_pairs(panel: Axes, title: str, names: list[str], one: Estimates, order: np.ndarray) -> None:
    value, spread = (matrix[np.ix_(order, order)] for matrix in (one.value, one.stderr))
    positive = value[np.isfinite(value) & (value > 0)]
    norm = LogNorm(positive.min(), max(positive.max(), 2 * positive.min()))
    image = panel.imshow(np.where(value > 0, value, np.nan), cmap="YlOrRd", norm=norm)
    for (a, b), nats in np.ndenumerate(value):
        text = "0" if a == b else "∞" if np.isinf(nats) else rounded(nats, spread[a, b])
        dark = np.isfinite(nats) and nats > 0 and norm(nats) > 0.7
        panel.text(b, a, text, ha="center", va="center", size=6.5, color="white" if dark else "black")
    panel.set_xticks(range(len(names)), [spoken(names[at]) for at in order], rotation=35, ha="right")
    panel.set_yticks(range(len(names)), [spoken(names[at]) for at in order])
    panel.spines[:].set_visible(False)
    panel.set_title(title)
    panel.set_facecolor("0.93")
    panel.figure.colorbar(image, ax=panel, shrink=0.85, label="nats")


def draw(names: list[str], records: dict[str, Any], data: Measurements, found: Ranking, pairs: Pairs) -> common.Figure:
    """Densities, the ranking and all pairs, the best family first.

    Args:
        names: The families, in the order of the arrays.
        records: The fits, by name.
        data: What they were fitted to.
        found: How they do.
        pairs: How far they are from one another.
    """
    drawn = common.figure(12.5, 9.5)
    (densities, ranking), (left, right) = drawn.subplots(2, 2)
    order = np.argsort(found.held_out)
    draw_densities(densities, {names[at]: records[names[at]] for at in order}, data)
    draw_ranking(ranking, names, found, order)
    draw_pairs(left, "KL(row‖column) between the fits", names, pairs.kl, order)
    draw_pairs(right, "Jensen–Shannon between the fits", names, pairs.jensen_shannon, order)
    return drawn
