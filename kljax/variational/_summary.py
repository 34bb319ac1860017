"""A fit as a table for people: a line for each coordinate, and the verdict."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax
import numpy as np

ROWS = 40
LEVELS = (0.05, 0.5, 0.95)
TRUSTED = 0.7  # k̂ below which importance weights mend q


def summary(result: Any) -> str:
    """The table of a ``FitResult``."""
    if isinstance(result.log_weights, jax.core.Tracer) or np.ndim(result.log_weights) != 1:
        raise TypeError(
            "summary() is for one fit outside jit; of fits mapped over problems take one by "
            "jax.tree.map(lambda leaf: leaf[i], result)."
        )
    weighted = float(result.khat) < TRUSTED
    columns = ["", "mean", "sd", *(f"{level:.0%}" for level in LEVELS), *(["mean of p", "sd of p"] if weighted else [])]
    parts = [result.mean, result.stddev, *(result.quantile(level) for level in LEVELS)]
    if weighted:
        moments = result.moments()
        parts += [moments.mean, jax.tree.map(np.sqrt, moments.variance)]
    names = list(_names(parts[0]))
    numbers = np.stack([np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(part)]) for part in parts], -1)
    rows = [[name, *_written(line)] for name, line in zip(names[:ROWS], numbers, strict=False)]
    widths = [max(len(row[at]) for row in [columns, *rows]) for at in range(len(columns))]
    lines = ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in [columns, *rows]]
    if len(names) > ROWS:
        lines.append(f"… {len(names) - ROWS} more coordinates; mean, stddev and quantile have them all.")
    elbo = result.elbo
    head = f"{result.guide.name}, {result.objective}; ELBO {float(elbo.value):.3f} ± {float(elbo.stderr):.3f} nats"
    head += f", k̂ {float(result.khat):.2f}, {int(result.steps)} steps"
    return "\n".join([head, "", *(line.rstrip() for line in lines), "", result.verdict])


def _names(tree: Any) -> Iterator[str]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        name = jax.tree_util.keystr(path, simple=True, separator=".") or "x"
        for at in np.ndindex(np.shape(leaf)):
            yield name + (f"[{','.join(map(str, at))}]" if at else "")


def _written(line: np.ndarray) -> list[str]:
    """The numbers of a row with as many decimals as show its standard deviation to two digits."""
    sd = line[1]
    decimals = int(np.clip(1 - np.floor(np.log10(sd)), 0, 8)) if np.isfinite(sd) and sd > 0.0 else 3
    return [f"{one:.{decimals}f}" if abs(one) < 1e7 else f"{one:.4g}" for one in line]
