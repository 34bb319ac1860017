"""Any table that a user may hold as a ``Source``: the first opener that knows it.

An opener is a function (table, name, kinds) -> Source or None; None says that the table is none of its. ``kinds`` are
the user's: an opener reads text as "number" or "date" where they say so, and leaves "category" and "ignore" alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from kljax.tables._foreign import foreign
from kljax.tables._memory import Memory
from kljax.tables._source import Source

Opener = Callable[[Any, str, Mapping[str, str]], Source | None]


def opened(
    table: Any, name: str, *, names: tuple[str, ...] | None = None, kinds: Mapping[str, str] | None = None
) -> Source:
    """The table as a source.

    Args:
        table: A table of any kind that an opener knows.
        name: What messages call it: "reference" or "current".
        names: Names of a matrix's columns.
        kinds: What the user says of columns: "number", "date", "category", "text", "bool" or "ignore".

    Returns:
        The source.
    """
    if names is not None:
        table = _named(table, name, names)
    for opener in OPENERS:
        source = opener(table, name, kinds or {})
        if source is not None:
            return source
    raise TypeError(
        f"{name} must be a table, such as a dict of arrays, a matrix, or (with kljax[tables]) a data frame or the path "
        f"of a CSV or Parquet file, not {type(table).__module__}.{type(table).__qualname__}"
    )


def _named(table: Any, name: str, names: tuple[str, ...]) -> dict[str, Any]:
    matrix = np.asarray(table)
    if matrix.ndim != 2 or matrix.shape[1] != len(names):
        raise ValueError(f"names has {len(names)} names, but {name} has shape {matrix.shape}; it needs one a column")
    if len(set(names)) < len(names):
        raise ValueError(f"names must differ from each other, but are {list(names)}")
    return {key: matrix[:, j] for j, key in enumerate(names)}


def _in_memory(table: Any, name: str, kinds: Mapping[str, str]) -> Source | None:
    """Dicts of arrays, structured arrays, and matrices (NumPy, JAX), whose columns are column_0, column_1, ..."""
    if isinstance(table, Mapping):
        return Memory({str(key): values for key, values in table.items()}, name, kinds)
    if type(table).__module__.partition(".")[0] not in ("numpy", "jax", "jaxlib"):
        return None
    array = table if isinstance(table, np.ndarray) else np.asarray(table)
    if array.dtype.names:
        return Memory({key: array[key] for key in array.dtype.names}, name, kinds)
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2:
        raise ValueError(f"{name} must be a matrix [rows, columns], but has shape {array.shape}")
    columns = array.T if isinstance(array, np.ma.MaskedArray) else np.asarray(array).T
    return Memory({f"column_{j}": column for j, column in enumerate(columns)}, name, kinds)


def _source(table: Any, name: str, kinds: Mapping[str, str]) -> Source | None:
    """A source already."""
    return table if hasattr(type(table), "overview") and hasattr(type(table), "categories") else None


OPENERS: list[Opener] = [_source, _in_memory, foreign]
