"""Rows in cells, counted by Dask's own workers in one pass.

The trees of comparisons that other engines are asked to group by cost Dask a second a column to plan. Its workers hold
pandas frames, so they are sent a function of NumPy and pandas alone, which needs nothing of ours there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

READ = ("float", "whole", "date", "duration", "length")


def count(native: Any, edges: Mapping[str, np.ndarray], read: Mapping[str, str]) -> dict[str, np.ndarray]:
    """Rows of each column in the cells between its edges, missing ones left out; ``read`` says what a column holds."""
    names = list(edges)
    sizes = [len(edges[name]) + 1 for name in names]
    plan = [(name, edges[name].view(np.int64) if read[name] == "date" else edges[name], read[name]) for name in names]
    meta = {f"c{j}": "int64" for j in range(sum(sizes))}
    found = native[names].map_partitions(_binner(plan), meta=meta).compute()
    total = found.to_numpy().sum(axis=0, dtype=np.int64)
    return dict(zip(names, np.split(total, np.cumsum(sizes)[:-1]), strict=True))


def _binner(plan: list[tuple[str, np.ndarray, str]]) -> Callable[[Any], Any]:
    """Counts of one partition; a function within a function travels as its code, not as a name of this module."""

    def counts(part: Any) -> Any:
        import numpy as np
        import pandas as pd

        found = []
        for name, edges, read in plan:
            x = part[name].dropna()
            if read == "date":
                x = pd.to_datetime(x, utc=True).dt.as_unit("us").astype("int64")
            elif read == "duration":
                x = x.dt.total_seconds()
            elif read == "length":
                x = x.astype(str).str.len()
            data = x.to_numpy(dtype="float64" if read in ("float", "duration") else None)
            data = data if read in ("float", "duration") or data.dtype.kind in "iu" else data.astype("int64")
            cells = np.searchsorted(edges, data[data == data], side="right")
            found.append(np.bincount(cells, minlength=len(edges) + 1))
        row = np.concatenate(found)
        return pd.DataFrame([row], columns=[f"c{j}" for j in range(len(row))])

    return counts
