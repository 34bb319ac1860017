"""Tables of other libraries, and files: which source reads them. What reads them is loaded when one is met."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kljax.tables._source import Source

LIBRARIES = {"cudf", "dask", "duckdb", "ibis", "modin", "pandas", "polars", "pyarrow", "pyspark", "sqlframe"}
_EXTRA = ("narwhals", "pyarrow")


def foreign(table: Any, name: str, kinds: Mapping[str, str]) -> Source | None:
    """A source over a table of another library or a path; None for anything else.

    Raises:
        ImportError: If the packages of ``kljax[tables]`` are not installed.
    """
    if isinstance(table, str | Path):
        require(f"the file {table}")
        from kljax.tables import _files

        return _files.opened(table, name, kinds)
    roots = [base.__module__.partition(".")[0].lstrip("_") for base in type(table).__mro__[:-1]]
    known = next((root for root in roots if root in LIBRARIES), None)
    if known is None and not hasattr(table, "__arrow_c_stream__"):
        return None
    require(f"a table of {known or roots[0]}")
    return _wrapped(table, name, kinds)


def require(what: str) -> None:
    """Raises ``ImportError`` where the extra is missing."""
    missing = [package for package in _EXTRA if importlib.util.find_spec(package) is None]
    if missing:
        raise ImportError(f"To read {what}, {' and '.join(missing)} must be installed: pip install 'kljax[tables]'")


def _wrapped(table: Any, name: str, kinds: Mapping[str, str]) -> Source | None:
    import narwhals as nw
    import pyarrow as pa

    from kljax.tables._frames import frame
    from kljax.tables._narwhals import Engine
    from kljax.tables._spark import Spark

    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    if _is_frame(table):
        return frame(table, name, kinds)
    wrapped = nw.from_native(table, pass_through=True)
    if isinstance(wrapped, nw.LazyFrame):
        spark = wrapped.implementation.is_pyspark() or wrapped.implementation.is_pyspark_connect()
        return Spark(wrapped, name, kinds) if spark else Engine(wrapped, name, kinds)
    if isinstance(wrapped, nw.DataFrame):
        return frame(table, name, kinds)
    if hasattr(table, "__arrow_c_stream__") and not hasattr(table, "to_frame"):
        return frame(pa.table(table), name, kinds)
    return None


def _is_frame(table: Any) -> bool:
    """Frames of pandas and its like, whose columns may have names that narwhals refuses (two alike, or no strings)."""
    return hasattr(table, "iloc") and hasattr(table, "columns") and not hasattr(table, "npartitions")
