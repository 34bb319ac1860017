"""What comparing two tables costs on each engine: CPU-seconds and the peak memory of the process.

    python benchmarks/tables_engines.py [--rows 1000000 5000000] [--engine polars-lazy ...] [--joint]

Two Parquet files of ten columns (eight numbers, two texts) are written once and compared by a fresh process for each
engine. What it loads before the comparison (kljax, NumPy, the engine) counts in the memory, which is the process's,
and not in the seconds. CPU-seconds are of all threads; wall time depends on what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

GROUP = 250_000  # rows that are made and written at once


def write(path: Path, rows: int, seed: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    cities = np.array([f"city {j}" for j in range(1_000)])
    writer = None
    for start in range(0, rows, GROUP):
        n = min(GROUP, rows - start)
        numbers = {f"x{j}": rng.normal(0.0, 1.0, n) for j in range(6)}
        table = pa.table(
            {
                **numbers,
                "count": rng.poisson(3, n),
                "amount": rng.integers(0, 10**6, n),
                "letter": np.array(list("abcdefgh"))[rng.integers(0, 8, n)],
                "city": cities[np.minimum(rng.geometric(0.01, n), 999)],
            }
        )
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer is not None:
        writer.close()


def pandas(path: str) -> Any:
    import pandas as pd

    return pd.read_parquet(path)


def polars(path: str) -> Any:
    import polars as pl

    return pl.read_parquet(path)


def polars_lazy(path: str) -> Any:
    import polars as pl

    return pl.scan_parquet(path)


def duckdb(path: str) -> Any:
    import duckdb

    return duckdb.connect().read_parquet(path)


def dask(path: str) -> Any:
    import dask.dataframe as dd

    return dd.read_parquet(path)


def pyspark(path: str) -> Any:
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
    return session.read.parquet(path)


def numpy(path: str) -> Any:
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    return {name: table[name].to_numpy() for name in table.column_names}


def the_path(path: str) -> Any:
    return path


ENGINES: dict[str, Callable[[str], Any]] = {
    "path": the_path,
    "polars-lazy": polars_lazy,
    "duckdb": duckdb,
    "dask": dask,
    "numpy": numpy,
    "polars": polars,
    "pandas": pandas,
    "pyspark": pyspark,
}
DEFAULT = [name for name in ENGINES if name != "pyspark"]


def one(engine: str, paths: list[str], joint: str) -> None:
    """Compares in this process and prints what it cost."""
    from kljax import tables

    small = [{"x": np.arange(60.0), "t": ["a", "b"] * 30}] * 2
    tables.compare(*small, joint=joint)  # imports what a comparison imports
    opened = [ENGINES[engine](path) for path in paths]
    cpu, wall = time.process_time(), time.perf_counter()
    found = tables.compare(*opened, joint=joint)
    cost = {
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - wall,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "verdict": found.verdict,
    }
    print(json.dumps(cost))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--engine", nargs="+", choices=list(ENGINES), default=DEFAULT)
    parser.add_argument("--joint", action="store_true", help="all columns together too")
    parser.add_argument("--files", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    joint = "auto" if options.joint else "off"
    if options.files:
        one(options.engine[0], options.files, joint)
        return
    print(f"{'rows':>10}  {'engine':16} {'CPU s':>7} {'wall s':>7} {'peak MB':>8}  verdict")
    with tempfile.TemporaryDirectory() as folder:
        for rows in options.rows:
            paths = [Path(folder) / f"{name}-{rows}.parquet" for name in ("reference", "current")]
            for seed, path in enumerate(paths):
                write(path, rows, seed)
            for engine in options.engine:
                command = [sys.executable, __file__, "--engine", engine, "--files", *map(str, paths)]
                command += ["--joint"] if options.joint else []
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    print(f"{rows:10,}  {engine:16} {done.stderr.strip().splitlines()[-1]}")
                    continue
                cost = json.loads(done.stdout.strip().splitlines()[-1])
                figures = f"{cost['cpu']:7.2f} {cost['wall']:7.2f} {cost['megabytes']:8.0f}"
                print(f"{rows:10,}  {engine:16} {figures}  {cost['verdict']}", flush=True)


if __name__ == "__main__":
    main()
