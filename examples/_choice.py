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
    """The measurements, the best fit and the worst."""
    x, running = data.values, in_the_running(ranking)
    panel.hist(x, bins=40, density=True, color="0.88", label=f"{len(x)} measurements")
    reach = np.ptp(x)
    grid = np.linspace(x.min() - 0.05 * reach, x.max() + 0.05 * reach, 600)
    best, worst = ranking.rows[0].name, ranking.rows[-1].name
    for name, style in ((worst, {"color": WORSE, "ls": "--", "lw": 1.6}), (best, {"color": common.BLUE, "lw": 2.4})):
        density = np.exp(np.asarray(ranking.fitted[name].log_prob(jnp.asarray(grid, jnp.float32))))
        what = "the best" if name == best else "the worst" if name not in running else "as good"
        panel.plot(grid, density, label=f"{spoken(name)}, {what}", **style)
    panel.set(title="The measurements, and two fits", xlabel=spoken(data.name), ylabel="density", ylim=(0, None))
    panel.legend(fontsize=8)


def draw_distances(panel: Axes, ranking: Ranking, values: dict[str, tuple[float, float]], good: list[str]) -> None:
    """A dot and its two standard errors for each family, blue for those in ``good``."""
    finite = [value for value, error in values.values() if np.isfinite(value + error)]
    reach = max([*finite, 0.01])
    for place, row in enumerate(ranking.rows):
        value, error = (min(float(one), reach) for one in values[row.name])
        colour = common.BLUE if row.name in good else WORSE
        panel.errorbar(value, place, xerr=2 * error, fmt="o", color=colour, ms=6, lw=1.6)
    panel.axvline(0.0, color="0.8", zorder=0)
    panel.set_ylim(len(ranking.rows) - 0.5, -0.5)
    panel.set_xlabel("nats a measurement, ± two standard errors")


def draw(data: Measurements, ranking: Ranking, distances: dict[str, ModelFit]) -> common.Figure:
    """The data and two fits; how far each family is behind the best; how far each is from the data.

    Args:
        data: What was fitted to.
        ranking: How the families do on data not fitted to.
        distances: How far each is from the data.
    """
    rows, running = ranking.rows, in_the_running(ranking)
    allowed = [name for name, found in distances.items() if found.p_value > 0.05]
    drawn = common.figure(12.5, 1.7 + 0.36 * max(6, len(rows)))
    left, behind, away = drawn.subplots(1, 3, width_ratios=(1.15, 1.0, 1.0))
    draw_densities(left, data, ranking)
    draw_distances(behind, ranking, {row.name: (row.behind.value, row.behind.stderr) for row in rows}, running)
    behind.set_yticks(range(len(rows)), [spoken(row.name) for row in rows])
    tied = len(running) - 1
    words = "nothing comes near" if tied == 0 else f"{tied} as good" if tied > 1 else "one as good"
    behind.set_title(f"Behind the best, on new data\n{spoken(rows[0].name)} is best, {words}", fontsize=9)
    draw_distances(away, ranking, {name: (one.value, one.stderr) for name, one in distances.items()}, allowed)
    away.set_yticks(range(len(rows)), [""] * len(rows))
    for place, row in enumerate(rows):
        found = distances[row.name]
        note = f"possible, p = {found.p_value:.2g}" if row.name in allowed else f"ruled out, p = {found.p_value:.2g}"
        colour = common.BLUE if row.name in allowed else "0.35"
        away.text(1.02, place, note, transform=away.get_yaxis_transform(), va="center", size=8, color=colour)
    words = "none is the truth" if not allowed else f"{len(allowed)} of {len(rows)} may be the truth"
    away.set_title(f"KL(data‖fit), less its bias\n{words}", fontsize=9)
    return drawn
