"""Spark's tables in three jobs: its queries are dear, so that several answers come with each.

job 1      the rows of the sample, in the order of a random number, and what was observed on the way: pass 0
jobs 2, 3  rows in every cell and rows of every text, one ``group_by`` (a job for the map side, one for the result)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import narwhals as nw
import numpy as np
import pyarrow as pa

from kljax.tables import _arrow
from kljax.tables._narwhals import Engine
from kljax.tables._progress import tell
from kljax.tables._source import DRAWN, Categories, Field, Overview, Values

_FEW = 2_000  # distinct texts in the sample, up to which all of a column's are counted with the cells
_MOST = 10_000  # rows of the answer for each such column


class Spark(Engine):
    """A ``Source`` over a frame of PySpark."""

    def __init__(self, frame: Any, name: str, kinds: Mapping[str, str] | None = None) -> None:
        super().__init__(frame, name, kinds)
        self._seen: dict[str, Overview] = {}
        self._drawn: dict[str, Values] = {}
        self._texts: dict[str, Any] = {}

    @property
    def rows(self) -> int:
        """How many rows it has."""
        if self._rows is None:
            self._first_job()
        return super().rows

    def overview(self, names: Sequence[str]) -> dict[str, Overview]:
        """See ``Source``."""
        if not self._seen:
            self._first_job()
        return {name: self._seen[name] for name in names}

    def sample(self, names: Sequence[str], size: int, seed: int) -> dict[str, Values]:
        """See ``Source``: exactly ``size`` rows."""
        if self._drawn and (size == DRAWN or self.rows <= min(size, DRAWN)) and (seed == 0 or self.rows <= DRAWN):
            return {name: self._drawn[name] for name in names}
        return super().sample(names, size, seed)

    def _first_job(self) -> None:
        """Job 1."""
        from pyspark.sql import Observation
        from pyspark.sql import functions as sql

        tell(f"{self.name}: a sample", 0.0)
        observation = Observation()
        asked = [sql.count(sql.lit(1)).alias("rows")]
        for j, of in enumerate(self.fields):
            asked += [one.alias(f"{key}_{j}") for key, one in self._asked(of, sql).items()]
        held = [of.name for of in self.fields if of.kind != "unknown"]
        native = nw.to_native(self._frame).observe(observation, *asked)
        drawn = native.select(*(f"`{name.replace('`', '``')}`" for name in held)).orderBy(sql.rand(0)).limit(DRAWN)
        table = self._collected(nw.from_native(drawn))
        answer = observation.get
        self._rows = int(answer["rows"])
        self._seen = {of.name: self._answered(of, j, answer) for j, of in enumerate(self.fields)}
        self._drawn = {name: _arrow.values(table[name], self._field[name]) for name in held}

    def _asked(self, of: Field, sql: Any) -> dict[str, Any]:
        """Pass 0 of a column, as ``Engine`` asks it, in Spark's own words."""
        x = sql.col(f"`{of.name.replace('`', '``')}`")
        asked = {"null": sql.sum(x.isNull().cast("bigint"))}
        if of.kind in ("text", "unknown"):
            return asked
        if not self._is_float(of):
            low, high = sql.min(x), sql.max(x)
            if of.kind == "date":
                low, high = ((sql.unix_micros(end) if of.zone else end.cast("string")) for end in (low, high))
            return asked | {"low": low, "high": high}
        x = x.cast("double")
        infinity = sql.lit(float("inf"))
        finite = sql.when((x < infinity) & (x > -infinity), x)
        return asked | {
            "number": sql.sum((x <= infinity).cast("bigint")),
            "plus": sql.sum((x == infinity).cast("bigint")),
            "minus": sql.sum((x == -infinity).cast("bigint")),
            "low": sql.min(finite),
            "high": sql.max(finite),
        }

    def _answered(self, of: Field, j: int, answer: Mapping[str, Any]) -> Overview:
        def whole(key: str) -> int:
            return int(answer[f"{key}_{j}"] or 0)

        null = whole("null")
        if of.kind in ("text", "unknown"):
            return Overview(null)
        low, high = (_end(answer[f"{key}_{j}"], of) for key in ("low", "high"))
        if not self._is_float(of):
            return Overview(null, low=low, high=high)
        nan = int(answer["rows"]) - null - whole("number")
        return Overview(null, nan, whole("plus"), whole("minus"), low, high)

    def count(self, edges: Mapping[str, np.ndarray], of: str = "value") -> dict[str, np.ndarray]:
        """See ``Source``: of values, rows of every text with few values are counted too, for ``categories``."""
        texts = [name for name in self._few() if name not in self._texts] if of == "value" else []
        if not edges or not texts:
            return super().count(edges, of)
        tell(f"{self.name}: counting", 0.0)
        cells = {f"c{j}": self._cell(self._field[name], cut, of) for j, (name, cut) in enumerate(edges.items())}
        columns = {key: cell.cast(nw.String) for key, cell in cells.items()}
        columns |= {f"t{j}": nw.col(name).cast(nw.String) for j, name in enumerate(texts)}
        long = self._frame.select(**columns).unpivot(list(columns), variable_name="name", value_name="value")
        most = sum(len(cut) + 2 for cut in edges.values()) + _MOST * len(texts)
        groups = long.group_by("name", "value").agg(n=nw.len())
        answer = self._collected(groups.sort("n", descending=True).head(most))
        if answer.num_rows == most:
            return super().count(edges, of)
        counts = {f"c{j}": np.zeros(len(cut) + 1, np.int64) for j, cut in enumerate(edges.values())}
        found: dict[str, list[tuple[str, int]]] = {f"t{j}": [] for j in range(len(texts))}
        for name, value, n in zip(*(answer[key].to_pylist() for key in ("name", "value", "n")), strict=True):
            if name in found and value is not None:
                found[name].append((value, int(n)))
            elif name in counts and int(value) >= 0:
                counts[name][int(value)] = int(n)
        for j, name in enumerate(texts):
            values, rows = zip(*found[f"t{j}"], strict=True) if found[f"t{j}"] else ((), ())
            self._texts[name] = pa.table({"value": pa.array(values, pa.string()), "n": pa.array(rows, pa.int64())})
        return dict(zip(edges, counts.values(), strict=True))

    def _few(self) -> list[str]:
        """Columns of text that have few values in the sample."""
        names = [of.name for of in self.fields if of.kind == "text" and of.name in self._drawn]
        return [name for name in names if len(set(self._drawn[name].data.tolist())) <= _FEW]

    def categories(self, names: Sequence[str], limit: int) -> dict[str, Categories]:
        """See ``Source``."""
        ready = {name: self._texts[name] for name in names if name in self._texts}
        found = {name: _arrow.ranked(table, self._field[name], limit) for name, table in ready.items()}
        rest = [name for name in names if name not in found]
        found |= super().categories(rest, limit) if rest else {}
        return {name: found[name] for name in names}


def _end(value: Any, of: Field) -> Any:
    """An end of a column as ``Overview`` has it."""
    if value is None or of.kind == "bool":
        return value
    if of.kind == "date":
        return np.datetime64(int(value), "us") if of.zone else np.datetime64(str(value).replace(" ", "T"), "us")
    return value.total_seconds() if hasattr(value, "total_seconds") else value
