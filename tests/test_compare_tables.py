"""The example of two tables of cars runs, and what it says is what NumPy and SciPy compute."""

from __future__ import annotations

import importlib
import json

import numpy as np
import pytest
from example_runs import EXAMPLES
from scipy import stats

assert EXAMPLES.is_dir()
compare_tables = importlib.import_module("compare_tables")


def test_the_cars_changed(tmp_path, capsys):
    compare_tables.main(["--out", str(tmp_path)])
    said = capsys.readouterr().out
    assert "DIFFERENT: 7 of 7 columns" in said
    cars = compare_tables.load()
    before, after = (cars["year"] <= 1975), (cars["year"] > 1975)
    found = json.loads((tmp_path / "compare_tables.json").read_text(encoding="utf-8"))
    assert found["rows"] == [before.sum(), after.sum()]
    columns = {column["name"]: column for column in found["columns"]}
    for name in ("miles per gallon", "weight", "horsepower"):
        column = columns[name]
        for summary, kept in zip(column["summary"], (before, after), strict=True):
            assert summary["mean"] == pytest.approx(cars[name][kept].mean())
        assert stats.mannwhitneyu(cars[name][before], cars[name][after]).pvalue < 1e-3
        assert column["p_adjusted"] < 1e-3
    assert sum(columns["origin"]["cells"]["reference"]) == before.sum()
    for name in ("compare_tables.html", "compare_tables_years.html", "compare_tables_1970_73.json.gz"):
        assert (tmp_path / name).stat().st_size > 1_000
    assert "1982" in said
    # The pair that changed most: displacement and acceleration.
    corr = [
        stats.spearmanr(cars["displacement"][kept], cars["acceleration"][kept]).statistic for kept in (before, after)
    ]
    pair = found["joint"]["pairs"][0]
    assert set(pair["names"]) == {"displacement", "acceleration"}
    np.testing.assert_allclose([pair["before"], pair["after"]], corr, atol=0.05)


def test_a_year_that_leaves_no_car_is_refused(tmp_path, capsys):
    with pytest.raises(SystemExit):
        compare_tables.main(["--after", "1990", "--out", str(tmp_path)])
    assert "expected a year from 1970 to 1981" in capsys.readouterr().err
