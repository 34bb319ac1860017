"""The examples as modules, and a run of one with what it prints and writes."""

from __future__ import annotations

import contextlib
import csv
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

EXAMPLES = Path(__file__).parents[1] / "examples"
sys.path.insert(0, str(EXAMPLES))  # where Python puts a script's folder


class Run(NamedTuple):
    printed: str
    rows: list[dict[str, str]]
    saved: dict[str, np.ndarray]
    figure: Path


def run(main: Callable[[list[str]], None], name: str, out: Path, *arguments: str) -> Run:
    # optax's schedules and flax's layers are not written for strict promotion.
    usual = jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow")
    with usual[0], usual[1], contextlib.redirect_stdout(io.StringIO()) as printed:
        main([*arguments, "--no-progress", "--out", str(out)])
    with (out / f"{name}.csv").open(encoding="utf-8") as file, np.load(out / f"{name}.npz") as saved:
        return Run(printed.getvalue(), list(csv.DictReader(file)), dict(saved), out / f"{name}.png")
