"""Tables that an engine holds: DuckDB, Polars lazily, Dask, PySpark, ibis, sqlframe. The engine counts.

Pass 0 is one ``select`` of aggregates, pass 1 a sample of rows by the engine's own sampler, pass 2 a ``group_by`` of
the cell that each value lies in. With edges e₀ < … < eₖ₋₁ the cell of x is a tree of k comparisons, of depth log₂ k:

    cell(x; a, b) = a if a = b, else cell(x; a, m) if x < eₘ, else cell(x; m + 1, b),   m = ⌊(a + b)/2⌋

Engines disagree on NaN: pandas and dask call it null, in DuckDB and Spark it is above everything. None of them finds
NaN ≤ ∞, so that is what is asked. (DuckDB's own ``isnan`` answers from a Parquet file's statistics, wrongly.) Sums of
bools fail in Spark and come back as decimals from DuckDB, so bools are cast before and sums after. Edges are literals
of the column's own type, so that whole numbers beyond 2⁵³ and microseconds are compared as what they are.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from kljax.tables import _arrow, _dask
from kljax.tables._fields import field, once
from kljax.tables._memory import periods
from kljax.tables._progress import tell
from kljax.tables._sampling import sampled
from kljax.tables._source import Categories, Field, Overview, Source, Values
from kljax.tables._stream import is_asked

_LEAVES = 96  # of one tree; beyond, the cell is the sum of several trees
_MISSING = -1
_PERIODS = {"day": ("D", 1), "week": ("D", 7), "month": ("M", 1), "quarter": ("M", 3), "year": ("Y", 1)}
_AS_FLOAT = (nw.Int128, nw.UInt128, nw.Unknown)  # the last where there is never a value
# One query for all columns where a query is dear: a job of a cluster, a round trip to a warehouse. (sqlframe, which
# rewrites what it is given, takes minutes to rewrite that one.)
_AT_ONCE = {nw.Implementation.PYSPARK, nw.Implementation.PYSPARK_CONNECT, nw.Implementation.IBIS}


class Engine:
    """A ``Source`` over a lazy frame of narwhals."""

    def __init__(self, frame: Any, name: str, kinds: Mapping[str, str] | None = None) -> None:
        self.name = name
        words = _words(frame)
        found = [field(key, dtype, words.get(key, "")) for key, dtype in frame.collect_schema().items()]
        once([f.name for f in found], name)
        asked = {f.name: kinds[f.name] for f in found if kinds and is_asked(f, kinds.get(f.name))}
        read = {"number": nw.Float64(), "date": nw.Datetime("us")}
        casts = [nw.col(key).cast(read[kind]) for key, kind in asked.items()]
        self._frame = frame.with_columns(*casts) if casts else frame
        self._dtypes = dict(self._frame.collect_schema())
        self.fields = tuple(field(f.name, self._dtypes[f.name], words.get(f.name, "")) for f in found)
        self._field = {f.name: f for f in self.fields}
        self._at_once = frame.implementation in _AT_ONCE
        self._rows: int | None = None
        self._whole = True  # whether a sampler was needed and known

    @property
    def rows(self) -> int:
        """How many rows it has."""
        if self._rows is None:
            self._rows = int(self._collected(self._frame.select(rows=nw.len()))["rows"][0].as_py())
        return self._rows

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a reader of the result must know."""
        return () if self._whole else (f"of {self.name} the first rows were taken, not a random sample",)

    def overview(self, names: Sequence[str]) -> dict[str, Overview]:
        """See ``Source``."""
        tell(f"{self.name}: counting rows", 0.0)
        asked = {"rows": nw.len()}
        for j, name in enumerate(names):
            asked |= {f"{key}_{j}": expression for key, expression in self._aggregates(self._field[name]).items()}
        answer = self._collected(self._frame.select(**asked))
        self._rows = int(answer["rows"][0].as_py())
        return {name: self._overview(self._field[name], j, answer) for j, name in enumerate(names)}

    def _aggregates(self, of: Field) -> dict[str, Any]:
        x = nw.col(of.name)
        missing = {"null": x.null_count()}
        if of.kind in ("text", "unknown"):
            return missing
        x = x if of.kind == "bool" else self._value(of)
        if not self._is_float(of):
            return missing | {"low": x.min(), "high": x.max()}
        finite = nw.when((x < math.inf) & (x > -math.inf)).then(x)
        return missing | {
            "number": (x <= math.inf).cast(nw.Int64).sum(),
            "plus": (x == math.inf).cast(nw.Int64).sum(),
            "minus": (x == -math.inf).cast(nw.Int64).sum(),
            "low": finite.min(),
            "high": finite.max(),
        }

    def _overview(self, of: Field, j: int, answer: Any) -> Overview:
        def whole(key: str) -> int:
            return int(answer[f"{key}_{j}"][0].as_py() or 0)

        def end(key: str) -> Any:
            got = _arrow.values(answer[f"{key}_{j}"], of)
            scalar = got.data[0]
            if got.missing[0]:
                return None
            return bool(scalar) if of.kind == "bool" else scalar if of.kind == "date" else scalar.item()

        null = whole("null")
        if of.kind in ("text", "unknown"):
            return Overview(null)
        if not self._is_float(of):
            return Overview(null, low=end("low"), high=end("high"))
        nan = self.rows - null - whole("number")
        return Overview(null, nan, whole("plus"), whole("minus"), end("low"), end("high"))

    def sample(self, names: Sequence[str], size: int, seed: int) -> dict[str, Values]:
        """See ``Source``."""
        tell(f"{self.name}: drawing rows", 0.0)
        frame = self._frame.select(*names)
        if self.rows > size:
            frame, self._whole = sampled(frame, size, self.rows, seed)
        table = self._collected(frame.select(*names))
        return {name: _arrow.values(table[name], self._field[name]) for name in names}

    def count(self, edges: Mapping[str, np.ndarray], of: str = "value") -> dict[str, np.ndarray]:
        """See ``Source``."""
        if not edges:
            return {}
        if self._frame.implementation.is_dask():
            tell(f"{self.name}: counting", 0.0)
            asked = {name: self._edges(self._field[name], cuts) for name, cuts in edges.items()}
            return _dask.count(nw.to_native(self._frame), asked, {name: self._read(name, of) for name in edges})
        cells = {f"c{j}": self._cell(self._field[name], cuts, of) for j, (name, cuts) in enumerate(edges.items())}
        found: list[tuple[int, int, int]] = []
        if self._at_once and len(cells) > 1:
            tell(f"{self.name}: counting", 0.0)
            long = self._frame.select(**cells).unpivot(list(cells), variable_name="name", value_name="cell")
            answer = self._collected(long.group_by("name", "cell").agg(n=nw.len()))
            columns = (answer[key].to_pylist() for key in ("name", "cell", "n"))
            found = [(int(name[1:]), int(cell), int(n)) for name, cell, n in zip(*columns, strict=True)]
        else:
            for j, cell in enumerate(cells.values()):
                tell(f"{self.name}: counting", j / len(cells))
                answer = self._collected(self._frame.select(cell=cell).group_by("cell").agg(n=nw.len()))
                pairs = zip(answer["cell"].to_pylist(), answer["n"].to_pylist(), strict=True)
                found += [(j, int(cell), int(n)) for cell, n in pairs]
        counts = [np.zeros(len(cuts) + 1, np.int64) for cuts in edges.values()]
        for j, cell, n in found:
            if cell != _MISSING:
                counts[j][cell] = n
        return dict(zip(edges, counts, strict=True))

    def _edges(self, of: Field, edges: np.ndarray) -> np.ndarray:
        return edges.astype("datetime64[us]") if of.kind == "date" else edges

    def _read(self, name: str, of: str) -> str:
        kind = self._field[name].kind
        if of == "length" or kind == "date":
            return of if of == "length" else kind
        duration = self._dtypes[name] == nw.Duration
        return "duration" if duration else "float" if self._is_float(self._field[name]) else "whole"

    def _is_float(self, of: Field) -> bool:
        """Whether it is compared as float64."""
        dtype = self._dtypes[of.name]
        return of.kind == "number" and (dtype.is_float() or dtype.is_decimal() or dtype in _AS_FLOAT)

    def _value(self, of: Field) -> Any:
        """The column as its edges are."""
        x = nw.col(of.name)
        if of.kind == "bool":
            return (
                nw.when(x == nw.lit(True)).then(nw.lit(1)).otherwise(nw.lit(0))
            )  # a cast fails on dask's missing bools
        if self._is_float(of):
            # Also of float32, lest an engine round the edges to that.
            return x.cast(nw.Float64)
        if self._dtypes[of.name] == nw.Date and self._frame.implementation.is_dask():
            return x.cast(nw.Datetime("us"))  # whose aggregates fail on dates
        return x

    def _cell(self, of: Field, edges: np.ndarray, what: str) -> Any:
        x = nw.col(of.name).cast(nw.String).str.len_chars() if what == "length" else self._value(of)
        there = ~nw.col(of.name).is_null()
        if self._is_float(of):
            there = there & (x <= math.inf)
        literals = self._literals(of, edges, what)
        runs = [literals[start : start + _LEAVES] for start in range(0, len(literals), _LEAVES)]
        trees = [_tree(x, run, 0, len(run)) for run in runs]
        cell = sum(trees[1:], trees[0]) if trees else nw.lit(0)
        return nw.when(there).then(cell).otherwise(nw.lit(_MISSING))

    def _literals(self, of: Field, edges: np.ndarray, what: str) -> list[Any]:
        """The edges as literals of the column's type; a time or duration between two ticks is the later one."""
        if what == "length" or of.kind == "bool" or edges.dtype.kind in "iu":
            return [math.ceil(edge) for edge in edges.tolist()]
        if of.kind == "date":
            ticks = edges.astype("datetime64[us]")
            ticks = ticks + (ticks < edges).astype("timedelta64[us]")
            if self._dtypes[of.name] == nw.Date and not self._frame.implementation.is_dask():
                days = ticks.astype("datetime64[D]")
                return (days + (days < ticks).astype("timedelta64[D]")).tolist()
            zone = datetime.UTC if of.zone is not None else None
            return [instant.replace(tzinfo=zone) for instant in ticks.tolist()]
        if self._dtypes[of.name] == nw.Duration:
            return [datetime.timedelta(microseconds=math.ceil(round(edge * 1e6, 3))) for edge in edges.tolist()]
        return edges.astype(np.float64).tolist()

    def categories(self, names: Sequence[str], limit: int) -> dict[str, Categories]:
        """See ``Source``."""
        found: dict[str, Categories] = {}
        together = [name for name in names if self._at_once and self._as_text(name) is not None]
        if len(together) > 1:
            found = self._together(together, limit)
        for j, name in enumerate(names):
            if name not in found:
                tell(f"{self.name}: counting values", j / len(names))
                found[name] = self._ranked(name, limit)
        return {name: found[name] for name in names}

    def _groups(self, name: str) -> Any:
        """Each value of a column and its rows."""
        value = nw.col(name)
        if self._is_float(self._field[name]):
            value = value.cast(nw.Float64)
            there = ~value.is_null() & (value <= math.inf)
            value = value + 0.0  # -0.0 is 0.0
        else:
            there = ~value.is_null()
        if self._dtypes[name] in (nw.Categorical, nw.Enum):
            value = value.cast(nw.String)
        return self._frame.filter(there).select(value=value).group_by("value").agg(n=nw.len())

    def _ranked(self, name: str, limit: int) -> Categories:
        groups = self._groups(name)
        top = self._collected(groups.sort("n", "value", descending=[True, False]).head(limit + 1))
        if top.num_rows <= limit:
            return _arrow.ranked(_pairs(top), self._field[name], limit)
        whole = self._collected(groups.select(distinct=nw.len(), rows=nw.col("n").sum()))
        total = {key: int(whole[key][0].as_py()) for key in ("distinct", "rows")}
        return _arrow.ranked(_pairs(top), self._field[name], limit, total)

    def _as_text(self, name: str) -> Any:
        """The column as text from which its values can be had again, or None."""
        x, of, dtype = nw.col(name), self._field[name], self._dtypes[name]
        if of.kind == "text":
            return x.cast(nw.String)
        if of.kind == "bool":
            return self._value(of).cast(nw.String)
        return x.cast(nw.String) if dtype.is_integer() and not self._is_float(of) else None

    def _together(self, names: Sequence[str], limit: int) -> dict[str, Categories]:
        """One query; a column is left out where it did not hold all that is needed of it."""
        texts = {f"c{j}": nw.when(~nw.col(name).is_null()).then(self._as_text(name)) for j, name in enumerate(names)}
        long = self._frame.select(**texts).unpivot(list(texts), variable_name="name", value_name="value")
        groups = long.filter(~nw.col("value").is_null()).group_by("name", "value").agg(n=nw.len())
        most = (limit + 1) * len(names)
        answer = self._collected(groups.sort("n", descending=True).head(most))
        found: dict[str, Categories] = {}
        for j, name in enumerate(names):
            part = answer.filter(pa.array([key == f"c{j}" for key in answer["name"].to_pylist()], pa.bool_()))
            if answer.num_rows == most:
                continue
            of, dtype = self._field[name], self._dtypes[name]
            kind = pa.string() if of.kind == "text" else pa.uint64() if dtype == nw.UInt64 else pa.int64()
            value = part["value"].combine_chunks().cast(kind)
            value = value.cast(pa.bool_()) if of.kind == "bool" else value
            found[name] = _arrow.ranked(_pairs(part.set_column(1, "value", value)), of, limit)
        return found

    def split_by(self, by: str, every: str) -> Iterator[tuple[str, Source]]:
        """See ``Source``."""
        of = self._field[by]
        if of.kind != "date":
            table = _pairs(self._collected(self._groups(by)))
            keys = _arrow.labels(table["value"], of)
            ordered = sorted(zip(table["value"].to_pylist(), keys, table["n"].to_pylist(), strict=True))
            for value, key, n in ordered:
                yield key, self._part(key, int(n), nw.col(by) == value)
            return
        ends = self.overview([by])[by]
        if ends.low is None:
            return
        cuts = _starts(ends.low, ends.high, every)
        literals = self._literals(of, cuts, "value")
        for j, n in enumerate(self.count({by: cuts})[by][1:].tolist()):
            if n:
                key = str(periods(cuts[j : j + 1], every)[0])
                inside = self._value(of) >= literals[j]
                if j + 1 < len(literals):
                    inside = inside & (self._value(of) < literals[j + 1])
                yield key, self._part(key, n, inside)

    def _part(self, key: str, rows: int, inside: Any) -> Engine:
        part = Engine(self._frame.filter(inside), f"{self.name}, {key}")
        part._rows = rows
        return part

    def _collected(self, frame: Any) -> Any:
        """The answer as an Arrow table."""
        options = {"engine": "streaming"} if frame.implementation.is_polars() else {}
        return nw.to_native(frame.collect("pyarrow", **options))


def _words(frame: Any) -> dict[str, str]:
    """The engine's own words for the types, where narwhals may have none."""
    native = nw.to_native(frame)
    if frame.implementation.is_duckdb():
        return dict(zip(native.columns, map(str, native.types), strict=True))
    return {key: str(kind) for key, kind in native.collect_schema().items()} if frame.implementation.is_polars() else {}


def _tree(x: Any, literals: Sequence[Any], low: int, high: int) -> Any:
    """How many of the sorted ``literals[low:high]`` are at most x, plus low."""
    if low == high:
        return nw.lit(low)
    middle = (low + high) // 2
    below, above = _tree(x, literals, low, middle), _tree(x, literals, middle + 1, high)
    return nw.when(x < literals[middle]).then(below).otherwise(above)


def _pairs(table: Any) -> Any:
    """Values and their rows, as ``_arrow.ranked`` takes them."""
    return pa.table({"value": _arrow.plain(table["value"]), "n": table["n"].combine_chunks().cast(pa.int64())})


def _starts(low: np.datetime64, high: np.datetime64, every: str) -> np.ndarray:
    """When the periods begin that hold the times from low to high."""
    first = str(periods(np.array([low]), every)[0])
    if every == "quarter":
        year, _, quarter = first.partition("-Q")
        first = f"{year}-{3 * int(quarter) - 2:02d}"
    unit, step = _PERIODS[every]
    begin = np.array([first], f"datetime64[{unit}]")[0]
    return np.arange(begin, high.astype(f"datetime64[{unit}]") + 1, step).astype("datetime64[us]")
