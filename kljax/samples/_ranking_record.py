"""A ranking of models as a record, its table, and what may be said of it."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, NamedTuple

import numpy as np
from scipy import special

from kljax import _formatting
from kljax.montecarlo import Estimate
from kljax.samples._log_scores import difference, estimate
from kljax.samples._loo import UNRELIABLE

FEW_POINTS = 100
SMALL_TOTAL = 4.0  # nats, of all points together
MANY_MODELS = 11


class Row(NamedTuple):
    """How one model does.

    Attributes:
        name: Its name.
        log_score: Mean of log q at points not fitted to, in nats a point.
        behind: How much less that is than the best model's, by paired differences: KL(p‖this) - KL(p‖best).
        best_in: The share of resamples of the points in which it is the best.
        weight: Its weight in the mixture of all models that scores best (stacking).
        dim: The number of its parameters, where it was fitted here.
        aic: 2 dim - 2 log-likelihood, of the fit to all data.
        bic: log(n) dim - 2 log-likelihood.
        khat: The largest k̂ over the points, for draws.
        unreliable: The share of the points with k̂ above 0.7.
    """

    name: str
    log_score: Estimate
    behind: Estimate
    best_in: float
    weight: float
    dim: int | None
    aic: float | None
    bic: float | None
    khat: float | None
    unreliable: float


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Ranking:
    """Models compared on points that they were not fitted to, the best first. It prints as a table.

    Attributes:
        rows: A ``Row`` for each model.
        scores: Log-scores [n] of each model by name, in the order of the points.
        shares: The weights of the points, of sum one.
        fitted: The models by name, those that were fitted here as they were to all data.
        khat: k̂ of each point [n], of models given as draws.
        count: The effective number of points.
    """

    rows: tuple[Row, ...]
    scores: dict[str, np.ndarray]
    shares: np.ndarray
    fitted: dict[str, Any]
    khat: dict[str, np.ndarray]
    count: float

    @property
    def weights(self) -> dict[str, float]:
        """Stacking weights by name: the mixture of the models that scores best."""
        return {row.name: row.weight for row in self.rows}

    @property
    def best(self) -> str:
        """The name of the model that scores best."""
        return self.rows[0].name

    def difference(self, a: str, b: str) -> Estimate:
        """E_p[log q_a - log q_b] = KL(p‖q_b) - KL(p‖q_a), in nats a point: positive where a is better.

        Args:
            a: The name of a model.
            b: Of another.

        Returns:
            The mean of paired differences and its standard error.

        Raises:
            ValueError: If there is no such model.
        """
        for one in (a, b):
            if one not in self.scores:
                raise ValueError(f"difference takes names of models, {', '.join(self.scores)}; got {one!r}.")
        return estimate(difference(self.scores[a], self.scores[b]), self.shares)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Why the ranking may not be trusted, in sentences."""
        found = []
        if self.count < FEW_POINTS:
            found.append(f"{self.count:.0f} points are few: below {FEW_POINTS} the error bars themselves are unsure.")
        if len(self.rows) > 1:
            gap = float(self.rows[1].behind.value) * self.count
            if gap < SMALL_TOTAL:
                found.append(
                    f"{self.best} and {self.rows[1].name} differ by {gap:.1f} nats over all points: below "
                    f"{SMALL_TOTAL:g} they predict alike, and the error bar of the difference is too small."
                )
        for row in self.rows:
            if row.unreliable:
                found.append(
                    f"k̂ of {row.name} is above {UNRELIABLE} at {row.unreliable:.1%} of the points (at most "
                    f"{row.khat:.2f}): its score there is a guess. Refit without these points, or give held-out scores."
                )
        if len(self.rows) > MANY_MODELS:
            lead, noise = self._lead()
            if lead < noise:
                found.append(
                    f"Of {len(self.rows)} models the best leads the middle one by {lead:.3g} nats a point, and the "
                    f"best of so many equal ones would by {noise:.3g} by chance alone."
                )
        return tuple(found)

    def _lead(self) -> tuple[float, float]:
        """How far the best is before the median model, and how far the best of as many equal models would be."""
        middle = self.rows[len(self.rows) // 2]
        errors = [float(self.difference(row.name, middle.name).stderr) for row in self.rows if row is not middle]
        expected = float(special.ndtri((len(self.rows) - 0.375) / (len(self.rows) + 0.25)))  # Blom's
        return float(middle.behind.value), expected * float(np.median(errors))

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        others = self.rows[1:]
        if not others:
            return f"{self.best} is the only model."
        tied = [row for row in others if not self._clearly_behind(row)]
        if not tied:
            surely = min(_ratio(row.behind) for row in others)
            if math.isinf(surely):
                return f"{self.best} works best: all others give some points no probability at all."
            return f"{self.best} works best, by {surely:.1f} standard errors and more."
        listed = ", ".join(
            f"{row.name} ({_formatting.plus_minus(*map(float, row.behind[:2]))} nats a point behind)" for row in tied
        )
        return f"{self.best} works best, but these can't be told from it: {listed}."

    def _clearly_behind(self, row: Row) -> bool:
        """By two standard errors, and by so much in all that the error bar can be trusted."""
        behind = float(row.behind.value)
        return behind > 2.0 * float(row.behind.stderr) and behind * self.count >= SMALL_TOTAL

    def _above(self, criterion: str, row: Row) -> str:
        """A criterion less the least of all."""
        mine = getattr(row, criterion)
        every = [getattr(one, criterion) for one in self.rows if getattr(one, criterion) is not None]
        return "" if mine is None else f"+{mine - min(every):.1f}"

    def __repr__(self) -> str:
        header = ["model", "log-score", "behind the best", "best in", "weight"]
        shown = [
            [
                row.name,
                _number(float(row.log_score.value)),
                "-" if row.name == self.best else _formatting.plus_minus(*map(float, row.behind[:2])),
                f"{row.best_in:.0%}",
                f"{row.weight:.2f}",
            ]
            for row in self.rows
        ]
        if any(row.dim is not None for row in self.rows):
            header += ["dim", "AIC", "BIC"]
            for cells, row in zip(shown, self.rows, strict=True):
                cells += ["" if row.dim is None else str(row.dim), self._above("aic", row), self._above("bic", row)]
        if self.khat:
            header.append("k̂")
            for cells, row in zip(shown, self.rows, strict=True):
                cells.append("" if row.khat is None else f"{row.khat:.2f}")
        widths = [max(len(line[at]) for line in [header, *shown]) for at in range(len(header))]
        lines = ["  ".join(map(_padded, line, widths, range(len(line)))) for line in [header, *shown]]
        note = f"nats a point, held out, {self.count:.0f} points; ± one standard error"
        return "\n".join([note, *lines, self.verdict, *(f"Warning: {one}" for one in self.warnings)])


def _padded(cell: str, width: int, at: int) -> str:
    return cell.rjust(width) if at else cell.ljust(width)


def _ratio(one: Estimate) -> float:
    value, error = float(one.value), float(one.stderr)
    return math.inf if error == 0.0 else value / error


def _number(value: float) -> str:
    return f"{value:.4f}" if math.isfinite(value) else f"{value}"
