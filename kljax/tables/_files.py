"""Paths of CSV and Parquet files, and patterns of such paths, as sources."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from kljax.tables._csv import PACKED, csv
from kljax.tables._fields import once
from kljax.tables._frames import of_arrow
from kljax.tables._progress import tell
from kljax.tables._source import Source
from kljax.tables._stream import Chunks, Stream

PARQUET = (".parquet", ".pq")
CSV = (".csv", ".tsv", ".tab", ".txt")
_ROWS = 1 << 16  # of a batch


def files(path: str | Path, name: str) -> list[Path]:
    """The files that a path or pattern names, in order.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is a directory or a web address.
    """
    text = str(path)
    if "://" in text:
        raise ValueError(f"{name} must be a local file, not {text!r}; open it with an engine and pass its table")
    one = Path(text).expanduser()
    if one.is_dir():
        raise ValueError(f"{name} ({text}) is a directory; pass its files as '{text.rstrip('/')}/*.parquet' or *.csv")
    if one.exists():
        return [one]
    found = sorted(glob.glob(str(one), recursive=True)) if glob.has_magic(text) else []
    if not found:
        what = "no file matches" if glob.has_magic(text) else "no such file:"
        raise FileNotFoundError(f"{name}: {what} {text}")
    return [each for each in map(Path, found) if not each.is_dir()]


def opened(path: str | Path, name: str, kinds: Mapping[str, str]) -> Source:
    """A source over a file or all files of a pattern, which must have the same columns."""
    paths = files(path, name)
    endings = {_ending(each) for each in paths}
    if endings <= set(PARQUET):
        return _parquet(paths, str(path), kinds)
    if endings <= set(CSV):
        return csv(paths, str(path), kinds)
    if endings & set(PARQUET) and endings & set(CSV):
        raise ValueError(f"{name}: {path} names both CSV and Parquet files; compare one sort at a time")
    strange = next(each for each in paths if _ending(each) not in (*PARQUET, *CSV))
    raise ValueError(
        f"{name}: {strange} ends in {_ending(strange) or 'nothing'!r}; CSV (.csv, .tsv, also .gz) and Parquet "
        "(.parquet) files can be read. Open any other with pandas, polars or DuckDB and pass the table"
    )


def _ending(path: Path) -> str:
    inner = path.with_suffix("") if path.suffix.lower() in PACKED else path
    return inner.suffix.lower()


def _parquet(paths: Sequence[Path], name: str, kinds: Mapping[str, str]) -> Source:
    """Batch by batch: with NumPy's counts it takes less time and memory than DuckDB or polars."""
    schema = _schema(paths)
    once(schema.names, name)
    fields = [of_arrow(key, kind) for key, kind in zip(schema.names, schema.types, strict=True)]
    rows = sum(pq.read_metadata(path).num_rows for path in paths)
    texts = [key for key, kind in zip(schema.names, schema.types, strict=True) if _is_text(kind)]

    def chunks(wanted: Sequence[str]) -> Chunks:
        start = 0
        for batch in _read(paths, wanted, texts):
            tell(f"{name}: reading", start / max(rows, 1))
            for key in wanted:
                yield start, key, _as(batch.column(key), schema.field(key).type)
            start += batch.num_rows

    return Stream(name, fields, rows, chunks, kinds)


def _is_text(kind: Any) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _as(array: Any, kind: Any) -> Any:
    """A column of the type that all files have in common; text comes as numbers of its distinct values."""
    same = array.type == kind or (pa.types.is_dictionary(array.type) and array.type.value_type == kind)
    return array if same else array.cast(kind)


def _read(paths: Sequence[Path], wanted: Sequence[str], texts: Sequence[str]) -> Iterator[Any]:
    for path in paths:
        try:
            with pq.ParquetFile(path, pre_buffer=False, read_dictionary=list(texts)) as file:
                yield from file.iter_batches(batch_size=_ROWS, columns=list(wanted))
        except (pa.ArrowInvalid, OSError) as error:
            raise ValueError(f"{path} can't be read as Parquet: {error}; write it anew") from error


def _schema(paths: Sequence[Path]) -> Any:
    """The files' common schema; an error names the file that has another, or that can't be read."""
    schema = None
    for path in paths:
        try:
            found = pq.read_schema(path).remove_metadata()
        except (pa.ArrowInvalid, OSError) as error:
            raise ValueError(f"{path} can't be read as Parquet: {error}; write it anew") from error
        if schema is None:
            schema = found
        elif found.names != schema.names and set(found.names) != set(schema.names):
            raise ValueError(f"{path} has the columns {found.names}, but {paths[0]} has {schema.names}")
        try:
            schema = pa.unify_schemas([schema, found], promote_options="permissive")
        except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
            raise ValueError(f"{path} and {paths[0]} have different types of one column: {error}") from error
    return schema
