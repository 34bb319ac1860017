"""CSV and Parquet files: read as they are, or refused with the file, the line and the remedy."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="needs kljax[tables]")
pytest.importorskip("narwhals", reason="needs kljax[tables]")
pq = pytest.importorskip("pyarrow.parquet")

from pyarrow import csv as arrow_csv  # noqa: E402

from kljax import tables  # noqa: E402
from kljax.tables import _csv, _files  # noqa: E402
from kljax.tables._open import opened  # noqa: E402


def made(rows, seed, shift=0.0):
    rng = np.random.default_rng(seed)
    return pa.table(
        {
            "x": rng.normal(shift, 1, rows),
            "count": rng.poisson(3, rows),
            "colour": np.array(["red", "green", "blue"])[rng.integers(0, 3, rows)],
            "day": np.datetime64("2024-01-01", "s") + 86_400 * rng.integers(0, 365, rows),
        }
    )


@pytest.fixture
def folder(tmp_path):
    """Writes a file of bytes and gives its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content)
        return str(path)

    return write


def test_csv_and_parquet_and_parts_of_both_are_the_same_table(tmp_path, folder):
    pair = made(3_000, 0), made(2_000, 1, 0.2)
    expected = tables.compare(*pair, joint=None)
    for ending, write in (("parquet", pq.write_table), ("csv", arrow_csv.write_csv)):
        whole = []
        for name, table in zip(("a", "b"), pair, strict=True):
            (tmp_path / name).mkdir(exist_ok=True)
            write(table, str(tmp_path / f"{name}.{ending}"))
            whole.append(str(tmp_path / f"{name}.{ending}"))
            for j in range(3):
                rows = len(table)
                write(
                    table.slice(j * rows // 3, (j + 1) * rows // 3 - j * rows // 3),
                    str(tmp_path / name / f"{j}.{ending}"),
                )
        parts = [str(tmp_path / name / f"*.{ending}") for name in ("a", "b")]
        for paths in (whole, parts):
            found = tables.compare(*paths, joint=None)
            assert found.names == tuple(paths)
            for mine, theirs in zip(found.columns, expected.columns, strict=True):
                assert (mine.name, mine.kl, mine.p_value, mine.verdict) == (
                    theirs.name,
                    theirs.kl,
                    theirs.p_value,
                    theirs.verdict,
                )


def test_parquet_is_read_batch_by_batch(tmp_path, monkeypatch):
    path = str(tmp_path / "a.parquet")
    pq.write_table(made(3_000, 0), path)
    expected = tables.compare(made(2_000, 1), made(3_000, 0), joint=None)
    monkeypatch.setattr(_files, "_ROWS", 700)
    source = opened(path, "current")
    found = tables.compare(made(2_000, 1), path, joint=None)
    assert [(c.name, c.kl, c.cells) for c in found.columns] == [(c.name, c.kl, c.cells) for c in expected.columns]
    months = {key: part.rows for key, part in source.split_by("day", "month")}
    assert sum(months.values()) == 3_000
    assert list(months)[:2] == ["2024-01", "2024-02"]
    part = dict(source.split_by("day", "month"))["2024-03"]
    assert part.count({"x": np.array([0.0])})["x"].sum() == months["2024-03"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x,y\n1,2\n3\n4,5,6,7\n", r"line 3: 1 value where 2 were expected: '3'"),
        (b"x,y\n1,2\n4,5,6,7\n", r"line 3: 4 values where 2 were expected: '4,5,6,7'"),
        (b'x,y\n"a\nb",2\n3\n', r"line 4: 1 value where 2 were expected: '3'"),
        (b"", r"is empty: it has no header"),
        (b"x,y\n", r"has no rows"),
        (b"x,x\n1,2\n", r"has more than one column called 'x'; rename all but one"),
        (b"x,y\n1,\xff\n", r"column 'y' is not UTF-8 text; save the file as UTF-8"),
    ],
)
def test_a_bad_csv_file_is_named_with_the_line(content, message, folder):
    path = folder("bad.csv", content)
    with pytest.raises(ValueError, match=message) as caught:
        tables.compare({"x": [1.0], "y": [2.0]}, path)
    assert "bad.csv" in str(caught.value)


def test_a_bad_parquet_file_is_named(folder, tmp_path):
    for name, content in (("nonsense.parquet", b"nonsense"), ("empty.parquet", b"")):
        with pytest.raises(ValueError, match=rf"{name} can't be read as Parquet"):
            tables.compare({"x": [1.0]}, folder(name, content))
    path = tmp_path / "torn.parquet"
    pq.write_table(made(20_000, 0), path, compression="snappy")
    content = bytearray(path.read_bytes())
    content[4:4000] = b"\xff" * 3996
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match=r"torn\.parquet"):
        tables.compare({"x": [1.0]}, str(path))


def test_files_of_one_pattern_must_have_the_same_columns(folder, tmp_path):
    folder("1.csv", b"x,y\n1,2\n")
    folder("2.csv", b"y,x\n2.5,1\n")
    source = opened(str(tmp_path / "*.csv"), "current")
    assert [field.name for field in source.fields] == ["x", "y"]
    assert source.sample(["y"], 9, 0)["y"].data.tolist() == [2.0, 2.5]
    folder("3.csv", b"x,z\n1,2\n")
    with pytest.raises(ValueError, match=r"3\.csv has the columns \['x', 'z'\], but .*1\.csv has \['x', 'y'\]"):
        opened(str(tmp_path / "*.csv"), "current")
    pq.write_table(made(9, 0), tmp_path / "1.parquet")
    pq.write_table(pa.table({"other": [1]}), tmp_path / "2.parquet")
    with pytest.raises(ValueError, match=r"2\.parquet has the columns \['other'\]"):
        opened(str(tmp_path / "*.parquet"), "current")
    with pytest.raises(ValueError, match="names both CSV and Parquet files"):
        opened(str(tmp_path / "1.*"), "current")


def test_what_is_no_table_file_says_what_to_do(folder, tmp_path):
    with pytest.raises(ValueError, match=r"is a directory; pass its files as '.*/\*\.parquet'"):
        opened(str(tmp_path), "current")
    with pytest.raises(FileNotFoundError, match=r"reference: no such file: .*absent\.csv"):
        opened(str(tmp_path / "absent.csv"), "reference")
    with pytest.raises(FileNotFoundError, match="no file matches"):
        opened(str(tmp_path / "*.csv"), "reference")
    with pytest.raises(ValueError, match="must be a local file"):
        opened("s3://bucket/x.parquet", "reference")
    with pytest.raises(ValueError, match=r"ends in '\.json'; CSV .* and Parquet"):
        opened(folder("x.json", b"{}"), "reference")


def test_a_column_that_turns_to_another_type_is_widened(folder, monkeypatch):
    monkeypatch.setattr(_csv, "_BLOCK", 1 << 12)
    rows = b"1,2,,2024-01-01,7\n" * 2_000
    path = folder("wide.csv", b"number,text,late,when,whole\n" + rows + b"1.5,a,7,2024-01-01 06:00:00,8\n")
    source = opened(path, "current")
    assert [field.kind for field in source.fields] == ["number", "text", "number", "date", "number"]
    assert source.rows == 2_001
    assert len(source.notes) == 1
    assert "column 'text' begins with values of int64 and goes on with 'a', so it is text" in source.notes[0]
    view = source.overview(["number", "late"])
    assert view["number"].high == 1.5
    assert (view["late"].missing, view["late"].low) == (2_000, 7)


def test_packed_files_delimiters_quotes_and_marks(folder):
    packed = opened(folder("a.csv.gz", gzip.compress(b"x,y\n1,2\n")), "current")
    assert [field.name for field in packed.fields] == ["x", "y"]
    with pytest.raises(ValueError, match="can't be unpacked"):
        opened(folder("b.csv.gz", b"x,y\n1,2\n"), "current")
    for name, content in (
        ("s.csv", b"x;y\n1;2\n"),
        ("t.tsv", b"x\ty\n1\t2\n"),
        ("b.csv", b"\xef\xbb\xbfx,y\r\n1,2\r\n"),
    ):
        assert [field.name for field in opened(folder(name, content), "current").fields] == ["x", "y"]
    assert opened(folder("q.csv", b'"x,1",y\n"a\nb",1\n'), "current").sample(["x,1"], 9, 0)["x,1"].data.tolist() == [
        "a\nb"
    ]


def test_a_long_file_is_read_in_passes_and_tells_how_far_it_is(folder, monkeypatch):
    from kljax.tables._progress import heard_by

    monkeypatch.setattr(_csv, "_KEPT", 0)
    monkeypatch.setattr(_csv, "_BLOCK", 1 << 12)
    path = folder("long.csv", b"x,y\n" + b"".join(b"%d,a\n" % (j % 97) for j in range(5_000)))
    told = []
    with heard_by(lambda what, fraction: told.append((what, fraction))):
        source = opened(path, "current")
        counts = source.count({"x": np.array([50])})["x"]
    assert counts.tolist() == [sum(j % 97 < 50 for j in range(5_000)), sum(j % 97 >= 50 for j in range(5_000))]
    assert source.categories(["y"], 10)["y"].counts.tolist() == [5_000]
    assert source.sample(["x"], 100, 0)["x"].data.shape == (100,)
    assert all("long.csv: reading" in what for what, _ in told)
    fractions = [fraction for _, fraction in told]
    assert len(fractions) > 8
    assert all(0 < fraction <= 1 for fraction in fractions)
    assert max(fractions) == 1.0


def test_a_line_within_quotes_may_lie_across_blocks(folder, monkeypatch):
    monkeypatch.setattr(_csv, "_BLOCK", 1 << 10)
    rows = b"".join(b'%d,"a\nlong text of %d"\n' % (j, j) for j in range(500))
    source = opened(folder("lines.csv", b"x,y\n" + rows), "current")
    assert source.rows == 500
    assert source.sample(["y"], 500, 0)["y"].data[-1] == "a\nlong text of 499"


def test_a_table_in_memory_and_its_file_draw_the_same_rows(tmp_path):
    table = made(5_000, 3)
    arrow_csv.write_csv(table, str(tmp_path / "a.csv"))
    arrays = {name: table[name].to_numpy() for name in ("x", "count")}
    mine = opened(arrays, "r").sample(["x", "count"], 400, 7)
    theirs = opened(str(tmp_path / "a.csv"), "r").sample(["x", "count"], 400, 7)
    for name in mine:
        np.testing.assert_array_equal(mine[name].data, theirs[name].data)
