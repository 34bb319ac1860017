"""A random sample of rows by the engine's own sampler: all that is written for one engine alone.

The fraction asked for is a tenth more than needed, and the same seed gives the same rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import narwhals as nw

_BUCKETS = 1 << 20


def sampled(frame: Any, size: int, rows: int, seed: int) -> tuple[Any, bool]:
    """About ``size`` rows of a lazy frame of so many rows; and whether they are random (if not, they are the first)."""
    sampler = SAMPLERS.get(frame.implementation)
    if sampler is None:
        return frame.head(size), False
    return nw.from_native(sampler(nw.to_native(frame), min(1.0, 1.1 * size / rows), seed)), True


def _of_duckdb(native: Any, fraction: float, seed: int) -> Any:
    return native.query("sampled", f"select * from sampled using sample {100 * fraction:.6f}% (bernoulli, {seed})")


def _of_dask(native: Any, fraction: float, seed: int) -> Any:
    return native.sample(frac=fraction, random_state=seed)


def _of_polars(native: Any, fraction: float, seed: int) -> Any:
    """Lazy frames of polars can't be sampled (polars#3933); the hash of a row's number is as good as random."""
    import polars as pl

    index = "kljax_row"
    chosen = pl.col(index).hash(seed) % _BUCKETS < round(fraction * _BUCKETS)
    return native.with_row_index(index).filter(chosen).drop(index)


def _of_ibis(native: Any, fraction: float, seed: int) -> Any:
    return native.sample(fraction, seed=seed)


def _of_spark(native: Any, fraction: float, seed: int) -> Any:
    return native.sample(fraction=fraction, seed=seed)


SAMPLERS: dict[Any, Callable[[Any, float, int], Any]] = {
    nw.Implementation.DUCKDB: _of_duckdb,
    nw.Implementation.DASK: _of_dask,
    nw.Implementation.POLARS: _of_polars,
    nw.Implementation.IBIS: _of_ibis,
    nw.Implementation.PYSPARK: _of_spark,
    nw.Implementation.PYSPARK_CONNECT: _of_spark,
}
