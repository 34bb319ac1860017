"""Tables of other libraries: every engine counts the same rows, and each trap that was met has a test."""

from __future__ import annotations

import datetime
import decimal
import shutil

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="needs kljax[tables]")
nw = pytest.importorskip("narwhals", reason="needs kljax[tables]")
pq = pytest.importorskip("pyarrow.parquet")

from kljax import tables  # noqa: E402
from kljax.tables import _narwhals  # noqa: E402
from kljax.tables._narwhals import Engine  # noqa: E402
from kljax.tables._open import opened  # noqa: E402

BIG = 2**60
KINDS = {
    **dict.fromkeys(("x", "nan", "whole", "big", "f32", "money", "empty", "constant"), "number"),
    **dict.fromkeys(("flag",), "bool"),
    **dict.fromkeys(("letter",), "text"),
    **dict.fromkeys(("day", "instant", "zoned"), "date"),
}


def made(rows: int, seed: int, shift: float = 0.0) -> pa.Table:
    """One column of every kind, with all that engines disagree on."""
    rng = np.random.default_rng(seed)
    x, nan = rng.normal(shift, 1, rows), rng.normal(0, 1, rows)
    nan[rng.random(rows) < 0.02] = np.nan
    nan[:2] = np.inf, -np.inf
    start = np.datetime64("2024-01-01", "us")
    letters = np.array(list("abcdefgh"))[np.minimum(rng.exponential(2, rows).astype(int), 7)]
    return pa.table(
        {
            "x": pa.array(x, mask=rng.random(rows) < 0.02),
            "nan": pa.array(nan),
            "whole": pa.array(rng.poisson(3, rows)),
            "big": pa.array(BIG + rng.integers(0, 10**6, rows)),
            "f32": pa.array(rng.normal(0, 1, rows).astype(np.float32)),
            "money": pa.array(
                [decimal.Decimal(int(100 * v)) / 100 for v in rng.gamma(2, 10, rows)], pa.decimal128(12, 2)
            ),
            "empty": pa.nulls(rows, pa.float64()),
            "constant": pa.array(np.full(rows, 7)),
            "flag": pa.array(rng.random(rows) < 0.3, mask=rng.random(rows) < 0.01),
            "letter": pa.array(letters, pa.string(), mask=rng.random(rows) < 0.01),
            "day": pa.array(start.astype("datetime64[D]") + rng.integers(0, 365, rows)),
            "instant": pa.array(start + rng.integers(0, 10**13, rows)),
            "zoned": pa.array(start + rng.integers(0, 10**13, rows), pa.timestamp("us", tz="UTC")),
        }
    )


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """(reference, current) as Arrow tables, their Parquet files, and their comparison in memory."""
    folder = tmp_path_factory.mktemp("tables")
    found = made(3_000, 0), made(2_000, 1, 0.3)
    paths = [str(folder / f"{name}.parquet") for name in ("reference", "current")]
    for table, path in zip(found, paths, strict=True):
        pq.write_table(table, path)
    return found, paths, tables.compare(*found, joint=None)


def pandas_frame(path):
    pytest.importorskip("pandas")
    return pq.read_table(path).to_pandas()


def polars_frame(path):
    return pytest.importorskip("polars").read_parquet(path)


def polars_lazy(path):
    return pytest.importorskip("polars").scan_parquet(path)


def duckdb_relation(path):
    return pytest.importorskip("duckdb").connect().read_parquet(path)


def arrays(path):
    return {
        name: column.to_pandas().to_numpy() for name, column in zip(KINDS, pq.read_table(path).columns, strict=True)
    }


def dask_frame(path):
    dask = pytest.importorskip("dask.dataframe", reason="needs kljax[full]")
    return dask.read_parquet(path).repartition(npartitions=3)


def ibis_table(path):
    return pytest.importorskip("ibis", reason="needs kljax[full]").duckdb.connect().read_parquet(path)


def sqlframe_table(path):
    return pytest.importorskip("sqlframe.duckdb", reason="needs kljax[full]").DuckDBSession().read.parquet(path)


@pytest.fixture(scope="module")
def spark():
    if shutil.which("java") is None:
        pytest.skip("PySpark needs a JDK (17): there is no java on the path")
    sql = pytest.importorskip("pyspark.sql", reason="needs kljax[full]")
    session = (
        sql.SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .getOrCreate()
    )
    yield session
    session.stop()


IN_MEMORY = [arrays, pandas_frame, polars_frame]
LAZY = [polars_lazy, duckdb_relation, dask_frame, ibis_table, pytest.param(sqlframe_table, marks=pytest.mark.full)]


def same(one: tables.Comparison, other: tables.Comparison) -> None:
    """Equal in every number but the means of a few digits, which engines may sum in another order."""
    assert [column.name for column in one.columns] == [column.name for column in other.columns]
    for mine, theirs in zip(one.columns, other.columns, strict=True):
        for name in ("kind", "rows", "missing", "cells", "kl", "js", "p_value", "p_adjusted", "verdict", "unseen"):
            assert getattr(mine, name) == getattr(theirs, name), (mine.name, name)
    assert one.verdict == other.verdict
    assert one.not_compared == other.not_compared


@pytest.mark.parametrize("read", [*IN_MEMORY, *LAZY])
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_every_way_in_gives_the_same_comparison(read, pair):
    _, paths, expected = pair
    found = tables.compare(*map(read, paths), joint=None)
    assert expected.column("x").verdict == "different"
    assert {column.verdict for column in found.columns if column.name != "x"} <= {"same", "undecided"}
    same(found, expected)


def test_paths_and_mixed_ways_give_the_same_comparison(pair):
    (reference, current), paths, expected = pair
    same(tables.compare(*paths, joint=None), expected)
    pytest.importorskip("polars")
    same(tables.compare(polars_lazy(paths[0]), current, joint=None), expected)
    same(tables.compare(reference, paths[1], joint=None), expected)


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_spark_gives_the_same_comparison_in_three_jobs_a_table(pair, spark):
    _, paths, expected = pair
    context = spark.sparkContext
    frames = [spark.read.parquet(path) for path in paths]
    context.setJobGroup("tables", "compare")
    found = tables.compare(*frames, joint=None)
    jobs = len(context.statusTracker().getJobIdsForGroup("tables"))
    same(found, expected)
    assert jobs <= 2 * 3


@pytest.mark.full
@pytest.mark.filterwarnings("ignore")
def test_spark_answers_each_question_as_other_engines_do(pair, spark):
    _, paths, _ = pair
    mine, theirs = opened(spark.read.parquet(paths[0]), "r"), opened(pq.read_table(paths[0]), "r")
    names = list(KINDS)
    assert mine.overview(names) == theirs.overview(names)
    assert mine.rows == theirs.rows
    edges = {"big": np.array([BIG + 10**5, BIG + 5 * 10**5]), "x": np.linspace(-2, 2, 40)}
    for _ in range(2):  # with the texts, and without
        for name, counts in mine.count(edges).items():
            np.testing.assert_array_equal(counts, theirs.count(edges)[name])
    asked = ["letter", "flag", "whole", "f32", "day"]
    for limit in (3, 1_000):
        for name, found in mine.categories(asked, limit).items():
            expected = theirs.categories([name], limit)[name]
            assert (found.rest, found.distinct) == (expected.rest, expected.distinct)
            if limit == 1_000:
                assert found.labels[:5] == expected.labels[:5]
    first, again, other = (np.sort(mine.sample(["big"], 500, seed)["big"].data) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    months = {key: part.rows for key, part in mine.split_by("day", "month")}
    assert months == {key: part.rows for key, part in theirs.split_by("day", "month")}


@pytest.mark.parametrize("read", [polars_lazy, duckdb_relation, dask_frame, ibis_table])
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_a_sample_is_random_and_the_same_for_the_same_seed(read, pair):
    _, paths, _ = pair
    source = opened(read(paths[0]), "reference")
    first, again, other = (source.sample(["big", "letter"], 500, seed)["big"].data for seed in (1, 1, 2))
    assert 400 < len(first) < 720
    np.testing.assert_array_equal(np.sort(first), np.sort(again))
    assert not np.array_equal(np.sort(first), np.sort(other))
    rows = pq.read_table(paths[0])["big"].to_numpy()
    assert np.isin(first, rows).all()
    # Of all parts of the table, not its first rows: the mean position is near the middle.
    position = {value: j for j, value in enumerate(rows.tolist())}
    assert abs(np.mean([position[value] for value in first.tolist()]) / len(rows) - 0.5) < 0.06


def test_an_engine_without_a_sampler_takes_the_first_rows_and_says_so(pair, monkeypatch):
    _, paths, _ = pair
    pytest.importorskip("duckdb")
    monkeypatch.setattr("kljax.tables._sampling.SAMPLERS", {})
    source = Engine(nw.from_native(duckdb_relation(paths[0])), "current")
    assert len(source.sample(["x"], 500, 0)["x"].data) == 500
    assert source.notes == ("of current the first rows were taken, not a random sample",)


def test_nan_of_a_parquet_file_is_counted_though_duckdb_does_not_find_it(pair):
    """isnan is answered from the statistics that pyarrow writes, which leave NaN out (duckdb#25521)."""
    (reference, _), paths, _ = pair
    nan = int(np.isnan(reference["nan"].to_numpy()).sum())
    source = opened(duckdb_relation(paths[0]), "reference")
    view = source.overview(["nan"])["nan"]
    assert (view.missing, view.nan, view.plus_inf, view.minus_inf) == (0, nan, 1, 1)
    assert int(source.count({"nan": np.array([0.0])})["nan"].sum()) == reference.num_rows - nan


@pytest.mark.parametrize("read", [polars_lazy, duckdb_relation, dask_frame, ibis_table, pandas_frame])
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_whole_numbers_beyond_two_to_the_53_are_compared_as_such(read, pair):
    _, paths, _ = pair
    source = opened(read(paths[0]), "reference")
    rows = pq.read_table(paths[0])["big"].to_numpy()
    edges = np.sort(rows)[[100, 101, 2000]]
    expected = np.bincount(np.searchsorted(edges, rows, side="right"), minlength=4)
    np.testing.assert_array_equal(source.count({"big": edges})["big"], expected)
    view = source.overview(["big"])["big"]
    assert (view.low, view.high) == (rows.min(), rows.max())


@pytest.mark.parametrize("read", [polars_lazy, duckdb_relation])
def test_more_edges_than_one_tree_holds(read, pair):
    _, paths, _ = pair
    rows = pq.read_table(paths[0])["nan"].to_numpy()
    edges = np.linspace(-3, 3, 3 * _narwhals._LEAVES)
    expected = np.bincount(np.searchsorted(edges, rows[~np.isnan(rows)], side="right"), minlength=len(edges) + 1)
    np.testing.assert_array_equal(opened(read(paths[0]), "r").count({"nan": edges})["nan"], expected)


@pytest.mark.parametrize("read", [polars_lazy, duckdb_relation])
def test_float32_is_compared_with_edges_of_float64(read, pair):
    """A literal that an engine rounded to float32 would put the value 0.1f, which is above 0.1, below it."""
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame({"x": np.array([0.1, 0.1, 0.2], np.float32)})
    table = (
        frame.lazy() if read is polars_lazy else pytest.importorskip("duckdb").connect().from_arrow(frame.to_arrow())
    )
    edges = np.array([float(np.float32(0.1)) + 1e-10])
    assert opened(table, "r").count({"x": edges})["x"].tolist() == [2, 1]


@pytest.mark.parametrize("read", [polars_lazy, duckdb_relation, dask_frame, pandas_frame])
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
def test_categories_and_their_rest(read, pair):
    (reference, _), paths, _ = pair
    source = opened(read(paths[0]), "reference")
    whole = source.categories(["letter", "flag", "whole"], 100)
    part = source.categories(["letter"], 3)["letter"]
    letters = [value for value in reference["letter"].to_pylist() if value is not None]
    assert whole["letter"].labels[0] == max(set(letters), key=letters.count)
    assert whole["letter"].rest == 0
    assert int(whole["letter"].counts.sum()) == len(letters)
    assert part.labels == whole["letter"].labels[:3]
    assert part.distinct == whole["letter"].distinct == len(set(letters))
    assert part.rest == len(letters) - int(part.counts.sum())
    assert set(whole["flag"].labels) == {"true", "false"}
    assert "3" in whole["whole"].labels


@pytest.mark.parametrize("read", [polars_lazy, duckdb_relation, pandas_frame])
@pytest.mark.parametrize("every", ["month", "quarter", "week"])
def test_parts_of_a_table_are_those_of_its_rows_in_memory(read, every, pair):
    _, paths, _ = pair
    expected = {key: part.rows for key, part in opened(arrays(paths[0]), "r").split_by("day", every)}
    found = dict(opened(read(paths[0]), "r").split_by("day", every))
    assert {key: part.rows for key, part in found.items()} == expected
    key = next(iter(expected))
    counts = found[key].count({"x": np.array([0.0])})["x"]
    assert 0.9 * expected[key] < counts.sum() <= expected[key]
    by_letter = {key: part.rows for key, part in opened(read(paths[0]), "r").split_by("letter", "day")}
    assert by_letter == {key: part.rows for key, part in opened(arrays(paths[0]), "r").split_by("letter", "day")}


def test_the_engine_is_asked_for_counts_and_never_for_the_rows(pair, monkeypatch):
    """No answer grows with the table: a sample, a count a cell, a count a category."""
    _, paths, _ = pair
    monkeypatch.setattr("kljax.tables._counting.DRAWN", 100)
    sizes = []
    collected = Engine._collected

    def counted(self, frame):
        answer = collected(self, frame)
        sizes.append(answer.num_rows)
        return answer

    monkeypatch.setattr(Engine, "_collected", counted)
    pytest.importorskip("polars")
    tables.compare(*map(polars_lazy, paths), joint=None)
    assert max(sizes) < 200


def test_durations_are_seconds():
    seconds = np.array([0.5, 1.5, 2.5, 90.0])
    array = pa.array((seconds * 1e6).astype("timedelta64[us]"))
    polars = pytest.importorskip("polars")
    duckdb = pytest.importorskip("duckdb")
    interval = duckdb.connect().sql("select to_milliseconds(unnest([500, 1500, 2500, 90000])::bigint) as x")
    for table in (pa.table({"x": array}), polars.DataFrame({"x": array}).lazy(), interval):
        source = opened(table, "r")
        assert source.fields[0].kind == "number"
        np.testing.assert_allclose(source.sample(["x"], 10, 0)["x"].data, seconds, rtol=1e-12)
        assert source.count({"x": np.array([1.0, 2.5])})["x"].tolist() == [1, 1, 2]
        view = source.overview(["x"])["x"]
        assert (view.low, view.high) == (0.5, 90.0)


def test_decimals_are_the_nearest_floats():
    """A cast of Arrow's multiplies by 0.01, which is off by one unit in the last place."""
    cents = np.arange(100_000)
    table = pa.table({"x": pa.array([decimal.Decimal(int(c)).scaleb(-2) for c in cents], pa.decimal128(10, 2))})
    np.testing.assert_array_equal(opened(table, "r").sample(["x"], 10**6, 0)["x"].data, cents / 100)
    long = pa.table(
        {"x": pa.array([decimal.Decimal(10) ** 30, decimal.Decimal(-(10**30)), None], pa.decimal128(38, 2))}
    )
    np.testing.assert_allclose(opened(long, "r").sample(["x"], 9, 0)["x"].data[:2], [1e30, -1e30], rtol=1e-15)


def test_what_cannot_be_compared_says_why_and_the_rest_is():
    table = pa.table(
        {
            "x": [1.0, 2.0, 3.0],
            "list": [[1], [2], [3]],
            "record": [{"a": 1}] * 3,
            "bytes": [b"a"] * 3,
            "time": pa.array([datetime.time(1)] * 3),
            "none": pa.nulls(3),
        }
    )
    found = tables.compare(table, table, joint=None)
    assert [column.name for column in found.columns] == ["x", "none"]
    assert set(found.not_compared) == {"list", "record", "bytes", "time"}
    assert "convert them to seconds" in found.not_compared["time"]
    assert "column of each field" in found.not_compared["record"]


def test_objects_of_mixed_types_and_strange_names_of_pandas():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({0: [1, 2, 3], "mixed": [1, "a", None], "cat": pandas.Categorical([1, 2, 2])})
    found = tables.compare(frame, frame, joint=None)
    assert {column.name: column.kind for column in found.columns} == {"0": "number", "cat": "category"}
    assert "int and str side by side" in found.not_compared["mixed"]
    assert list(frame.columns) == [0, "mixed", "cat"]
    twice = pandas.DataFrame([[1, 2]], columns=["a", "a"])
    with pytest.raises(ValueError, match="reference has more than one column called 'a'"):
        tables.compare(twice, frame)


def test_a_kind_that_changed_is_a_reason_and_kinds_reads_text():
    table = pa.table({"x": ["1", "2.5", " 3", "4"] * 50, "y": range(200)})
    numbers = pa.table({"x": [1.0, 2.5, 3.0, 4.0] * 50, "y": range(200)})
    assert "numbers in the reference, text in the current" in tables.compare(numbers, table).not_compared["x"]
    duckdb = pytest.importorskip("duckdb")
    for text in (table, duckdb.connect().from_arrow(table)):
        found = tables.compare(numbers, text, kinds={"x": "number"}, joint=None)
        assert found.column("x").kl.value == 0.0
    with pytest.raises(ValueError, match="column 'x' of current can't be read as number"):
        tables.compare(numbers, pa.table({"x": ["1", "b"], "y": [1, 2]}), kinds={"x": "number"})


def test_times_with_and_without_a_zone_are_never_mixed(pair):
    (reference, _), _, _ = pair
    naive = reference.select(["x"]).append_column("when", reference["instant"])
    aware = reference.select(["x"]).append_column("when", reference["zoned"])
    assert (
        "without a time zone in the reference, with a time zone (UTC)"
        in tables.compare(naive, aware).not_compared["when"]
    )


def test_a_series_is_no_table():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TypeError, match=r"current must be a table.* not pandas\.Series"):
        tables.compare({"x": [1.0]}, pandas.Series([1.0]))


def test_the_extra_is_asked_for_in_one_sentence(monkeypatch, pair):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"narwhals and pyarrow must be installed: pip install 'kljax\[tables\]'"):
        tables.compare(pair[1][0], pair[1][1])
