"""The command ``kljax``: statuses of diff, strict JSON, one line of trouble."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="needs kljax[tables]")
pytest.importorskip("narwhals", reason="needs kljax[tables]")
pq = pytest.importorskip("pyarrow.parquet")

from kljax import tables  # noqa: E402
from kljax.tables import _command  # noqa: E402
from kljax.tables._command import main  # noqa: E402


def made(rows, seed, shift=0.0, **more):
    rng = np.random.default_rng(seed)
    day = np.datetime64("2024-01-01", "us") + 86_400_000_000 * rng.integers(0, 60, rows)
    table = {"x": rng.normal(shift, 1, rows), "colour": np.array(["red", "blue"])[rng.integers(0, 2, rows)], "day": day}
    return pa.table({**table, **more})


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Paths of a reference, an unchanged table, a changed one, a short one and one with another column."""
    folder = tmp_path_factory.mktemp("command")
    found = {
        "reference": made(3_000, 0),
        "same": made(3_000, 1),
        "changed": made(2_000, 2, 0.5),
        "short": made(30, 3),
        "wider": made(3_000, 4, new=np.zeros(3_000)),
    }
    for name, table in found.items():
        pq.write_table(table, folder / f"{name}.parquet")
    return {name: str(folder / f"{name}.parquet") for name in found}


@pytest.mark.parametrize(
    ("current", "options", "expected"),
    [
        ("same", [], 0),
        ("changed", [], 1),
        ("changed", ["--fail-on", "never"], 0),
        ("changed", ["--fail-on", "schema"], 0),
        ("changed", ["--fail-over", "0.05"], 1),
        ("changed", ["--fail-over", "0.5"], 0),
        ("changed", ["--ignore", "x"], 0),
        ("changed", ["--columns", "colour,day"], 0),
        ("short", [], 0),
        ("short", ["--fail-on", "undecided"], 3),
        ("changed", ["--fail-on", "undecided"], 1),
        ("wider", [], 1),
        ("wider", ["--fail-on", "schema"], 1),
        ("wider", ["--allow-schema-change"], 0),
        ("wider", ["--fail-over", "1"], 1),
    ],
)
def test_statuses(files, current, options, expected, capsys):
    assert main(["compare", files["reference"], files[current], "--joint", "off", "--quiet", *options]) == expected
    assert capsys.readouterr() == ("", "")


def refused(constant):
    raise AssertionError(f"{constant} is not strict JSON")


def test_json_alone_and_in_a_file(files, tmp_path, capsys):
    path, page = tmp_path / "out.json", tmp_path / "out.html"
    common = ["compare", files["reference"], files["changed"]]
    assert main([*common, "--json", "-"]) == 1
    out, err = capsys.readouterr()
    found = json.loads(out, parse_constant=refused)
    assert err == ""
    assert found["schema"] == "kljax.compare/1"
    fields = "verdict words rows columns joint only_reference only_current not_compared settings versions"
    assert set(fields.split()) <= set(found)
    assert found["rows"] == [3_000, 2_000]
    assert found["columns"][0]["name"] == "x"
    assert main([*common, "--json", str(path), "--html", str(page)]) == 1
    out, _ = capsys.readouterr()
    assert json.loads(path.read_text(encoding="utf-8")) == found
    assert "DIFFERENT" in out
    assert "\x1b" not in out
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_unseen_values_are_null_and_open_in_json(tmp_path, capsys):
    before, after = (made(2_000, seed) for seed in (0, 1))
    names = np.array(after["colour"].to_pylist(), dtype=object)
    names[:100] = "green"
    after = after.set_column(1, "colour", pa.array(names.tolist()))
    paths = [str(tmp_path / name) for name in ("a.parquet", "b.parquet")]
    for table, path in zip((before, after), paths, strict=True):
        pq.write_table(table, path)
    assert main(["compare", *paths, "--json", "-", "--joint", "off"]) == 1
    columns = {
        column["name"]: column for column in json.loads(capsys.readouterr().out, parse_constant=refused)["columns"]
    }
    assert columns["colour"]["kl"]["open"] is True
    assert columns["colour"]["kl"]["high"] is None


def test_a_profile_stands_for_its_table(files, tmp_path, capsys):
    path = str(tmp_path / "reference.json.gz")
    assert main(["profile", files["reference"], "-o", path, "--ignore", "day"]) == 0
    assert "3,000 rows, 2 columns" in capsys.readouterr().out
    assert main(["compare", path, files["changed"], "--ignore", "day", "--quiet"]) == 1
    assert main(["compare", path, files["same"], "--ignore", "day", "--quiet"]) == 0
    kept = tables.Profile.load(path)
    assert kept.rows == 3_000


def test_a_timeline_of_files_and_of_one_table(files, tmp_path, capsys):
    page, out = tmp_path / "time.html", tmp_path / "time.json"
    batches = [files["same"], files["changed"]]
    assert main(["timeline", files["reference"], *batches, "--html", str(page), "--json", str(out)]) == 1
    said = capsys.readouterr().out
    assert "same" in said
    assert "changed" in said
    found = json.loads(out.read_text(encoding="utf-8"), parse_constant=refused)
    assert found["schema"] == "kljax.timeline/1"
    assert found["labels"] == ["same", "changed"]
    assert "<svg" in page.read_text(encoding="utf-8")
    options = ["--by", "day", "--every", "month", "--json", "-"]
    assert main(["timeline", files["reference"], files["same"], *options]) == 0
    found = json.loads(capsys.readouterr().out, parse_constant=refused)
    assert found["labels"] == ["2024-01", "2024-02"]
    assert main(["timeline", files["reference"], *batches, "--by", "day"]) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["compare", "absent.csv", "absent.csv"], "reference: no such file: absent.csv"),
        (["compare", "{reference}"], "the following arguments are required: CURRENT"),
        (["compare", "{reference}", "{same}", "--kind", "x"], "--kind must be COLUMN=KIND"),
        (["compare", "{reference}", "{same}", "--kind", "x=strange"], "must be one of 'number'"),
        (["compare", "{reference}", "{same}", "--columns", "z"], "columns names ['z'], which neither table has"),
        (["compare", "{reference}", "{same}", "--alpha", "2"], "alpha must be between 0 and 1"),
        (["compare", "{reference}", "{same}", "--html", "/nowhere/x.html"], "No such file or directory"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        ([], "the following arguments are required"),
    ],
)
def test_trouble_is_one_line_and_status_2(arguments, message, files, capsys):
    assert main([argument.format(**files) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" or "--html" in arguments
    assert err.count("\n") == 1
    assert err.startswith("kljax")
    assert message in err


def test_the_extra_is_asked_for(files, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert main(["compare", files["reference"], files["same"]]) == 2
    assert "pip install 'kljax[tables]'" in capsys.readouterr().err


def test_help_and_version(capsys):
    assert main(["compare", "--help"]) == 0
    assert "status: 0 nothing is different, 1 something is, 2 trouble" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kljax ")


def test_progress_is_shown_on_a_terminal_only_where_it_takes_long(monkeypatch, capsys):
    progress = _command._Progress()
    progress("a.csv: reading", 0.1)
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "_began", progress._began - 2)
    monkeypatch.setattr(progress, "_last", progress._last - 2)
    progress("a.csv: reading", 0.25)
    assert capsys.readouterr().err == "\ra.csv: reading  25 %"
    progress.clear()
    assert capsys.readouterr().err.strip() == ""


def test_as_a_module_it_exits_with_the_status(files):
    command = [sys.executable, "-m", "kljax", "compare", files["reference"], files["changed"], "--joint", "off"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "DIFFERENT" in found.stdout
    assert found.stderr == ""


def test_a_fault_of_our_own_is_trouble_too():
    """Python would exit with 1, which says that the tables differ."""
    code = "from kljax.tables import _command; _command.main = lambda arguments: 1 / 0; _command.script()"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "ZeroDivisionError" in found.stderr
