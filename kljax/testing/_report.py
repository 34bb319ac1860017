"""Compares numbers and says which law fails, where, and by how much."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np


@dataclasses.dataclass(frozen=True)
class Report:
    """What is being checked, in which dtype."""

    subject: str
    dtype: np.dtype

    @property
    def eps(self) -> float:
        return float(np.finfo(self.dtype).eps)

    @property
    def flushed(self) -> float:
        """Numbers below this are not compared: subnormal results may be flushed to zero."""
        return 256.0 * float(np.finfo(self.dtype).tiny)

    def fail(self, law: str, detail: str) -> None:
        raise AssertionError(f"{self.subject} breaks the law “{law}” in {self.dtype}: {detail}")

    def require(self, law: str, holds: Any, at: Any, got: Any) -> None:
        """``holds`` everywhere, else the first point where it does not."""
        broken = np.flatnonzero(~np.asarray(holds))
        if broken.size:
            first = broken[0]
            self.fail(law, f"at {_show(at, first)} it gives {_show(got, first)}.")

    def agree(self, law: str, at: Any, got: Any, want: Any, allowed: Any, scale: Any = None) -> None:
        """|got - want| ≤ allowed · eps · scale, with scale |want| unless given; equal infinities agree."""
        got, want = (np.asarray(one, np.float64) for one in (got, want))
        scale = np.abs(want) if scale is None else np.asarray(scale, np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            apart = np.where(got == want, 0.0, np.abs(got - want))
        apart = np.where(apart <= self.flushed, 0.0, apart)
        with np.errstate(invalid="ignore", divide="ignore"):
            errors = np.where(apart == 0.0, 0.0, apart / (self.eps * scale))
        errors = np.where(np.isnan(errors), np.inf, errors)
        excess = np.atleast_1d(errors / np.asarray(allowed, np.float64))
        worst = int(np.argmax(excess))
        if excess[worst] > 1.0:
            limit = np.broadcast_to(np.asarray(allowed, np.float64), excess.shape)[worst]
            self.fail(
                law,
                f"at {_show(at, worst)} it gives {_show(got, worst)} for {_show(want, worst)}, an error of "
                f"{np.atleast_1d(errors)[worst]:.3g} eps where {limit:.3g} are allowed.",
            )


def _show(values: Any, index: int) -> str:
    one = values[index] if isinstance(values, (list, tuple)) or np.ndim(values) else values
    return np.array2string(np.asarray(one), precision=9) if isinstance(one, np.ndarray) else str(one)
