"""What the stages of a fit share: what is fitted to what and how, what each stage hands on, the bar, the clock."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax

from kljax._types import GradientEstimator
from kljax.variational._guides import Guide, Params
from kljax.variational._objectives import Objective
from kljax.variational._result import Seconds

if TYPE_CHECKING:
    import optax  # imported where a step is made, so that all else works without it

# JAX says how long it traced and compiled, in any function of the process.
_COMPILING = {"seconds": 0.0}


def _listen(event: str, duration_secs: float, **_: Any) -> None:
    if event.startswith("/jax/core/compile/"):
        _COMPILING["seconds"] += duration_secs


jax.monitoring.register_event_duration_secs_listener(_listen)


@dataclasses.dataclass(frozen=True)
class Settings:
    """How a fit is to be made: the arguments of ``fit`` by the same names."""

    optimizer: optax.GradientTransformation | None
    steps: int | None
    num_draws: int
    starts: int
    init: Any
    init_scale: float
    draws: Any
    evaluation_draws: int | None
    checkpoint: str | Path | None


class Stage(NamedTuple):
    """What a stage of a fit hands on: the parameters and how they were found."""

    params: Params
    trace: Any
    steps: Any
    gradients: Any
    nonfinite: Any
    converged: Any
    interrupted: bool


@dataclasses.dataclass(frozen=True)
class Run:
    """One fit.

    Attributes:
        log_density: The target.
        guide: The family of q.
        objective: What is maximised.
        gradient: The gradient estimator's name.
        traced: Whether the fit is part of a traced function.
        progress: Whether to show a bar; None where it depends on the terminal.
        callback: What is called between chunks of steps.
        settings: The other arguments of ``fit``.
        began: When.
        compiled: The compiling time of the process until then.
    """

    log_density: Callable[[Any], Any]
    guide: Guide
    objective: Objective
    gradient: GradientEstimator
    traced: bool
    progress: bool | None
    callback: Callable[[int, float], Any] | None
    settings: Settings
    began: float = dataclasses.field(default_factory=time.perf_counter)
    compiled: float = dataclasses.field(default_factory=lambda: _COMPILING["seconds"])

    @property
    def seconds(self) -> Seconds | None:
        """The time so far."""
        if self.traced:
            return None
        compiling = _COMPILING["seconds"] - self.compiled
        return Seconds(compiling, max(0.0, time.perf_counter() - self.began - compiling))

    @contextlib.contextmanager
    def bar(self, total: int, label: str) -> Iterator[Callable[[int, float], bool]]:
        """Within it, what is to be called with the steps taken so far and the objective; true ends the fit."""
        shown = None
        if self.progress is not False and not self.traced:
            try:
                from tqdm import tqdm
            except ImportError:
                if self.progress:
                    raise ImportError("progress=True needs tqdm: pip install tqdm.") from None
            else:
                shown = tqdm(total=total, desc=label, unit="step", file=sys.stderr, disable=self._quiet())

        def report(taken: int, objective: float) -> bool:
            if shown is not None:
                shown.update(taken - shown.n)
                shown.set_postfix_str(f"{objective:.3f}", refresh=False)
            return bool(self.callback is not None and self.callback(taken, objective))

        try:
            yield report
        finally:
            if shown is not None:
                shown.close()

    def _quiet(self) -> bool | None:
        # tqdm: None hides the bar off a terminal.
        return False if self.progress else None
