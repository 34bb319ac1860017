"""The figure of ``choose_a_model``: what fits the data, and how surely the others don't."""

from __future__ import annotations

import _common as common
import jax.numpy as jnp
import numpy as np
from _models import Measurements
from matplotlib.axes import Axes

from kljax.samples import ModelFit, Ranking

WORSE = "0.55"


def spoken(name: str) -> str:
    return name.replace("_", " ")


def in_the_running(ranking: Ranking) -> list[str]:
    """The best, and what can't be told from it."""
    return [row.name for row in ranking.rows if float(row.behind.value) <= 2 * float(row.behind.stderr)]


def draw_densities(panel: Axes, data: Measurements, ranking: Ranking) -> None:
    x, running = data.values, in_the_running(ranking)
    panel.hist(x, bins=40, density=True, color="0.88", label=f"{len(x)} measurements")
    reach = np.ptp(x)
    grid = np.linspace(x.min() - 0.05 * reach, x.max() + 0.05 * reach, 600)
    shown = running[:3] + [row.name for row in ranking.rows[-1:] if row.name not in running]
    for rank, name in enumerate(shown):
        density = np.exp(np.asarray(ranking.fitted[name].log_prob(jnp.asarray(grid, jnp.float32))))
        colour, dashes = (common.COLOURS[rank], "-") if name in running else (WORSE, "--")
        what = "the best" if rank == 0 else "as good" if name in running else "the worst"
        panel.plot(
            grid, density, color=colour, ls=dashes, lw=2.2 if rank == 0 else 1.4, label=f"{spoken(name)}, {what}"
        )
    panel.set(title="What the measurements look like, and the fits", xlabel=data.name, ylabel="density", ylim=(0, None))
    panel.legend(fontsize=8)


def draw_ranking(panel: Axes, ranking: Ranking, distances: dict[str, ModelFit]) -> None:
    running = in_the_running(ranking)
    rows = ranking.rows
    farthest = max(float(row.behind.value) for row in rows if np.isfinite(float(row.behind.value)))
    reach = max(farthest, *(float(one.value) for one in distances.values() if np.isfinite(float(one.value))), 0.01)
    for place, row in enumerate(rows):
        colour = common.BLUE if row.name in running else WORSE
        behind, error = (min(float(number), reach) for number in row.behind[:2])
        panel.errorbar(behind, place - 0.12, xerr=2 * error, fmt="o", color=colour, ms=5, capsize=0)
        found = distances[row.name]
        away, error = (min(float(number), reach) for number in found[:2])
        panel.errorbar(away, place + 0.16, xerr=2 * error, fmt="D", mfc="white", color=common.ORANGE, ms=4, lw=1)
        words = "can't be ruled out" if found.p_value > 0.05 else "ruled out"
        panel.text(
            1.02, place, f"{words}, p = {found.p_value:.2g}", transform=panel.get_yaxis_transform(), va="center", size=8
        )
    panel.plot([], [], "o", color=common.BLUE, label="behind the best, on data not fitted to")
    panel.plot([], [], "D", mfc="white", color=common.ORANGE, label="KL(data‖fit), less its bias")
    panel.axvline(0.0, color="0.8", zorder=0)
    panel.set_yticks(range(len(rows)), [f"{spoken(row.name)}\nbest in {row.best_in:.0%}" for row in rows])
    panel.set_ylim(len(rows) - 0.5, -0.5)
    panel.set_xlabel("nats a measurement (bars: two standard errors)")
    others = len(running) - 1
    tied = "nothing comes near" if others == 0 else f"{others} as good" if others > 1 else "one as good"
    refuted = all(one.p_value <= 0.05 for one in distances.values())
    panel.set_title(
        f"{spoken(rows[0].name)} is best, {tied}" + (", and none is the truth" if refuted else ""), loc="left"
    )
    panel.legend(fontsize=8, loc="upper right")


def draw(data: Measurements, ranking: Ranking, distances: dict[str, ModelFit]) -> common.Figure:
    """The data and the fits in the running, and beside them every family's distances.

    Args:
        data: What was fitted to.
        ranking: How the families do on data not fitted to.
        distances: How far each is from the data.
    """
    drawn = common.figure(11.0, 1.9 + 0.5 * max(5, len(ranking.rows)))
    left, right = drawn.subplots(1, 2)
    draw_densities(left, data, ranking)
    draw_ranking(right, ranking, distances)
    return drawn
