"""A random sample of rows by the engine's own sampler: all that is written for one engine alone.

The fraction asked for is a tenth more than needed, and the same seed gives the same rows.
"""

from __future__ import annotations

from typing import Any

import narwhals as nw

_BUCKETS = 1 << 20


def sampled(frame: Any, size: int, rows: int, seed: int) -> tuple[Any, bool]:
    """About ``size`` rows of a lazy frame of so many rows; and whether they are random (if not, they are the first)."""
    native, engine = nw.to_native(frame), frame.implementation
    fraction = min(1.0, 1.1 * size / rows)
    if engine.is_duckdb():
        part = native.query("sampled", f"select * from sampled using sample {100 * fraction:.6f}% (bernoulli, {seed})")
    elif engine.is_pyspark() or engine.is_pyspark_connect():
        part = native.sample(fraction=fraction, seed=seed)
    elif engine.is_dask():
        part = native.sample(frac=fraction, random_state=seed)
    elif engine.is_ibis():
        part = native.sample(fraction, seed=seed)
    elif engine.is_polars():
        part = _of_polars(native, fraction, seed)
    else:
        return frame.head(size), False
    return nw.from_native(part), True


def _of_polars(native: Any, fraction: float, seed: int) -> Any:
    """Lazy frames of polars can't be sampled (polars#3933); the hash of a row's number is as good as random."""
    import polars as pl

    index = "kljax_row"
    chosen = pl.col(index).hash(seed) % _BUCKETS < round(fraction * _BUCKETS)
    return native.with_row_index(index).filter(chosen).drop(index)
