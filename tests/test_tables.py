"""``kljax.tables.compare`` on tables in memory: its promises, and tables as they should not be."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import io
import json
import pickle
import subprocess
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from kljax import tables

UTC = datetime.UTC


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def example(n: int, seed: int, shift: float = 0.0) -> dict:
    g = rng(seed)
    income = g.lognormal(10 + shift, 0.5, n)
    income[g.random(n) < 0.05] = np.nan
    return {
        "income": income,
        "children": g.poisson(1.5, n),
        "region": g.choice(["north", "south", "east"], n, p=[0.5, 0.3 - shift / 4, 0.2 + shift / 4]),
        "member": g.random(n) < 0.3,
        "since": np.datetime64("2020-01-01") + g.integers(0, 700, n).astype("timedelta64[D]"),
    }


@pytest.fixture(scope="module")
def comparison() -> tables.Comparison:
    return tables.compare(example(1500, 1), example(1200, 2, 0.4))


# --- what it promises -------------------------------------------------------------------------------------


def test_what_changed_is_found_and_said(comparison):
    verdicts = {column.name: column.verdict for column in comparison.columns}
    assert verdicts == {
        **dict.fromkeys(("income", "region"), "different"),
        **dict.fromkeys(("children", "member", "since"), "same"),
    }
    assert comparison.verdict == "different"
    assert comparison.different()
    assert comparison.different(kl=0.1)
    assert not comparison.different(kl=10.0)
    income = comparison.column("income")
    assert income.kl.low < 0.32 < income.kl.high  # the lognormal is shifted by 0.8 of its scale
    assert income.kind == "number"
    assert "higher" in income.words
    assert "median" in income.words
    assert "2 of 5 columns have changed: income, region." in comparison.words
    assert "'south'" in comparison.column("region").words or "'east'" in comparison.column("region").words
    assert comparison.column("since").kind == "date"
    assert comparison.column("since").summary[0].min == "2020-01-01"
    assert [column.kl.value for column in comparison.columns] == sorted(
        (column.kl.value for column in comparison.columns), reverse=True
    )


def test_every_row_is_in_a_cell_and_contributions_add_up(comparison):
    for column in comparison.columns:
        assert sum(column.cells.reference) == column.rows[0] == 1500
        assert sum(column.cells.current) == column.rows[1] == 1200
        assert len(column.cells.labels) == len(column.cells.reference)
        parts = column.cells.contributions()
        assert min(parts) >= 0
        assert sum(parts) == pytest.approx(column.kl.value, abs=0.03)
    income = comparison.column("income")
    assert income.cells.missing
    assert income.cells.labels[-1] == "missing"
    assert (income.cells.reference[-1], income.cells.current[-1]) == income.missing
    assert set(income.parts) == {"order", "shape", "any", "missing"}


def test_records_are_plain_frozen_and_strict_json(comparison):
    assert pickle.loads(pickle.dumps(comparison)) == comparison == copy.deepcopy(comparison)
    with pytest.raises(dataclasses.FrozenInstanceError):
        comparison.verdict = "same"
    with pytest.raises(TypeError, match="no truth value"):
        bool(comparison)

    def refuse(text: str) -> None:
        raise AssertionError(text)

    read = json.loads(comparison.to_json(), parse_constant=refuse)
    assert read == json.loads(json.dumps(comparison.to_dict()))
    assert read["schema"] == "kljax.compare/1"
    assert set(read) >= {"verdict", "words", "rows", "columns", "joint", "not_compared", "settings", "versions"}
    apart = tables.compare({"x": rng(0).normal(size=90)}, {"x": rng(1).normal(99, 1, 90)})
    interval = json.loads(apart.to_json())["columns"][0]["kl"]
    assert interval["open"]
    assert interval["high"] is None
    assert type(apart.columns[0].kl.value) is float


def test_json_is_written(comparison, tmp_path):
    text = comparison.to_json(tmp_path / "result.json")
    assert (tmp_path / "result.json").read_text(encoding="utf-8") == text


def test_the_same_tables_and_seed_give_the_same_result(comparison):
    assert tables.compare(example(1500, 1), example(1200, 2, 0.4)) == comparison


def test_p_values_are_symmetric_and_divergences_change_places(comparison):
    back = tables.compare(example(1200, 2, 0.4), example(1500, 1))
    assert back.joint.p_value == pytest.approx(comparison.joint.p_value, rel=1e-6)
    for column in comparison.columns:
        other = back.column(column.name)
        assert other.p_value == pytest.approx(column.p_value, rel=1e-6)
        assert (other.kl, other.kl_reverse, other.psi) == (column.kl_reverse, column.kl, column.psi)
        assert other.js.value == pytest.approx(column.js.value, rel=1e-12)


@pytest.mark.parametrize("map_", [np.exp, np.arctan, lambda x: x**3, lambda x: 1e9 + x, lambda x: x.astype(">f8")])
def test_increasing_maps_of_a_column_change_nothing(map_):
    a, b = rng(0).standard_t(3, 700), rng(1).standard_t(3, 900) + 0.2
    first, second = (tables.compare({"x": f(a)}, {"x": f(b)}).column("x") for f in (lambda x: x, map_))
    assert (first.p_value, first.kl, first.js, first.psi) == (second.p_value, second.kl, second.js, second.psi)
    assert first.cells.reference == second.cells.reference


def test_large_tables_are_sampled_for_edges_and_counted_in_full():
    a, b = rng(0).normal(size=120_000), rng(1).normal(0.05, 1, 60_000)
    found = tables.compare({"x": a}, {"x": b}).column("x")
    assert sum(found.cells.reference) == 120_000
    edges = np.array(found.cells.edges)
    expected = np.bincount(np.searchsorted(edges, a, side="right"), minlength=len(edges) + 1)
    np.testing.assert_array_equal(found.cells.reference, expected)
    assert found.kl.low < 0.05**2 / 2 < found.kl.high
    assert found.verdict == "negligible"
    mapped = tables.compare({"x": np.exp(a)}, {"x": np.exp(b)}).column("x")
    assert mapped.p_value == pytest.approx(found.p_value, rel=0.02)


def test_inputs_are_left_as_they_are():
    table = example(200, 0)
    before = copy.deepcopy(table)
    tables.compare(table, table)
    for name, values in before.items():
        np.testing.assert_array_equal(table[name], values)


def test_importing_the_module_leaves_scipy_stats_and_engines_alone():
    code = "import sys, kljax; from kljax import tables; tables.compare; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    root = Path(__file__).parents[1]
    loaded = set(subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout.split())
    assert "kljax.tables" in loaded
    assert not loaded & {"scipy.stats", "pandas", "polars", "pyarrow", "narwhals", "duckdb", "matplotlib"}


# --- settings ---------------------------------------------------------------------------------------------


def test_columns_can_be_chosen_left_out_and_retyped():
    a, b = example(300, 1), example(300, 2)
    assert {c.name for c in tables.compare(a, b, columns=["income", "region"]).columns} == {"income", "region"}
    assert "income" not in {c.name for c in tables.compare(a, b, ignore=["income"]).columns}
    found = tables.compare(a, b, kinds={"children": "category", "since": "ignore"})
    assert found.column("children").kind == "category"
    assert "2" in found.column("children").cells.labels
    with pytest.raises(KeyError, match="no column 'since'"):
        found.column("since")


def test_corrections_change_adjusted_p_values_alone():
    a, b = example(300, 1), example(300, 2, 0.1)
    none, bh, bonferroni = (tables.compare(a, b, correction=c, joint="off") for c in ("none", "bh", "bonferroni"))
    for column in none.columns:
        assert column.p_value == column.p_adjusted == bh.column(column.name).p_value
        adjusted = [found.column(column.name).p_adjusted for found in (bh, bonferroni)]
        assert column.p_value * (1 - 1e-12) <= adjusted[0] <= adjusted[1] * (1 + 1e-12)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0.0}, "alpha must be between 0 and 1, not 0.0"),
        ({"alpha": 5}, "alpha must be between 0 and 1, not 5"),
        ({"floor": -1.0}, "floor must be a positive number of nats"),
        ({"material": 0.0}, "material must be a positive number of nats"),
        ({"correction": "holm"}, "correction must be one of 'bh', 'bonferroni', 'none'"),
        ({"joint": "hgb"}, "joint must be one of 'auto', 'off'"),
        ({"sample": 0}, "sample must be a positive number"),
        ({"kinds": {"x": "float"}}, r"kinds\['x'\] must be one of 'number'"),
        ({"kinds": {"z": "date"}}, "kinds names 'z', which neither table has"),
        ({"columns": ["x", "z"]}, r"columns names \['z'\]"),
        ({"ignore": ["z"]}, r"ignore names \['z'\]"),
        ({"kinds": {"x": "date"}}, "can't be read as dates"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        tables.compare({"x": [1.0, 2.0]}, {"x": [1.0, 2.0]}, **settings)


# --- tables of every kind ---------------------------------------------------------------------------------


def test_matrices_structured_arrays_and_jax_arrays():
    a, b = rng(0).normal(size=(60, 2)), rng(1).normal(size=(70, 2))
    first = tables.compare(a, b)
    assert {c.name for c in first.columns} == {"column_0", "column_1"}
    named = tables.compare(a, b, names=["u", "v"])
    assert named.column("u").kl == first.column("column_0").kl
    single = tables.compare(jnp.asarray(a), jnp.asarray(b))
    assert single.column("column_1").p_value == pytest.approx(first.column("column_1").p_value, rel=1e-6)
    structured = [np.array([tuple(row) for row in x], dtype=[("u", float), ("v", float)]) for x in (a, b)]
    assert tables.compare(*structured).columns == named.columns
    assert {c.name for c in tables.compare(jnp.ones(90, jnp.bfloat16), np.ones(90)).columns} == {"column_0"}


def test_float32_is_compared_with_float64_as_float32():
    x = np.round(rng(0).normal(size=3000), 1)
    for other in (np.float32, np.float16):
        found = tables.compare({"x": x[:1500].astype(other)}, {"x": x[1500:]}).column("x")
        assert found.p_value > 0.01
        assert found.kl.high < 0.05
    big = np.round(100 * rng(0).normal(size=120_000), 2)
    found = tables.compare({"x": big[:60_000].astype(np.float32)}, {"x": big[60_000:]}).column("x")
    assert found.p_value > 0.01


def test_rounding_noise_is_no_change():
    x = np.round(rng(0).normal(size=4000), 1)
    noisy = x[2000:] * (1 + 1e-13 * rng(1).normal(size=2000))
    found = tables.compare({"x": x[:2000]}, {"x": noisy}).column("x")
    assert found.p_value > 0.01
    assert tables.compare({"x": np.full(100, 0.1 + 0.2)}, {"x": np.full(100, 0.3)}).verdict == "same"


def test_integers_beyond_two_to_the_53rd_stay_apart():
    x = 2**53 + rng(0).integers(0, 40, 3000)
    assert tables.compare({"x": x}, {"x": x + 20}).column("x").kl.value > 0.5
    assert tables.compare({"x": x[:1500]}, {"x": x[1500:].astype(np.uint64)}).column("x").p_value > 0.01
    huge = x.astype(np.uint64) + np.uint64(2**63)
    assert tables.compare({"x": huge[:1500]}, {"x": huge[1500:]}).column("x").p_value > 0.01
    assert tables.compare({"x": huge}, {"x": -x}).verdict == "different"


def test_bools_integers_and_floats_are_compared_as_numbers():
    x = rng(0).random(1000) < 0.3
    assert tables.compare({"x": x[:500]}, {"x": x[500:].astype(int)}).column("x").kind == "number"
    assert tables.compare({"x": x[:500]}, {"x": x[500:].astype(float)}).column("x").kind == "number"
    found = tables.compare({"x": x[:500]}, {"x": x[500:]}).column("x")
    assert found.kind == "bool"
    assert found.cells.labels == ("false", "true")


def test_missing_values_are_a_cell_with_a_test_of_their_own():
    a, b = rng(0).normal(size=2000), rng(1).normal(size=2000)
    b[:200] = np.nan
    found = tables.compare({"x": a}, {"x": b}).column("x")
    assert found.verdict == "different"
    assert found.parts["missing"] < 1e-50 < 0.001 < found.parts["order"]
    assert "missing values went from 0 % to 10 % of the rows" in found.words
    assert found.missing == (0, 200) == found.not_finite
    masked = np.ma.array(a, mask=np.arange(2000) < 200)
    again = tables.compare({"x": a}, {"x": masked}).column("x")
    assert again.missing == (0, 200)
    assert again.not_finite == (0, 0)
    objects = tables.compare({"x": [1.5, None, float("nan")] * 40}, {"x": [1.5, 2.5, None] * 40}).column("x")
    assert (objects.missing, objects.not_finite) == ((80, 40), (40, 0))


def test_a_column_without_a_value_is_compared_with_any_kind():
    nothing = {"x": [None] * 100}
    for other in (rng(0).normal(size=80), ["a", "b"] * 40, np.array(["2020-01-01"] * 80, "datetime64[D]")):
        found = tables.compare({"x": other}, nothing)
        assert found.column("x").verdict == "different"
        assert found.column("x").missing == (0, 100)
        assert tables.compare(nothing, {"x": other}).verdict == "different"
    assert tables.compare(nothing, nothing).column("x").p_value == 1.0
    assert tables.compare(nothing, {"x": np.full(90, np.nan)}).column("x").verdict == "same"


def test_constant_columns():
    found = tables.compare({"x": np.ones(300)}, {"x": np.ones(400)}).column("x")
    assert (found.verdict, found.kl.value, found.p_value) == ("same", 0.0, 1.0)
    assert tables.compare({"x": np.ones(300)}, {"x": np.zeros(400)}).verdict == "different"
    assert tables.compare({"x": ["a"] * 100}, {"x": ["b"] * 100}).verdict == "different"


def test_infinities_are_ordered_and_counted():
    a, b = rng(0).normal(size=1000), rng(1).normal(size=1000)
    a[:100], b[:100], b[100:150] = np.inf, np.inf, -np.inf
    found = tables.compare({"x": a}, {"x": b}).column("x")
    assert found.not_finite == (100, 150)
    assert found.missing == (0, 0)
    assert found.verdict == "different"
    assert np.isfinite(found.cells.edges).all()
    json.dumps(found.to_dict(), allow_nan=False)
    assert tables.compare({"x": np.full(99, np.inf)}, {"x": np.full(99, -np.inf)}).verdict == "different"


def test_few_rows_are_undecided_unless_the_tables_lie_apart():
    for n in (1, 3, 20):
        found = tables.compare({"x": rng(0).normal(size=n)}, {"x": rng(1).normal(size=n)})
        assert found.verdict == "undecided"
        assert found.columns[0].rows_to_tell > n
        assert "Too few rows to tell" in found.columns[0].words
    apart = tables.compare({"x": rng(0).normal(size=20)}, {"x": rng(1).normal(9, 1, 20)})
    assert apart.verdict == "different"
    assert apart.columns[0].kl.open


def test_rows_beyond_the_range_of_a_large_table_are_open():
    current = np.where(rng(0).random(100) < 0.3, 50.0, rng(1).normal(size=100))
    found = tables.compare({"x": rng(2).normal(size=50_000)}, {"x": current}).column("x")
    assert found.kl.open
    assert found.kl.value > 2
    assert 0.2 < found.unseen < 0.4


def test_categories_never_seen_are_named():
    a = rng(0).choice(["north", "south"], 5000)
    b = np.where(rng(1).random(300) < 0.1, "Saarland", rng(2).choice(["north", "south"], 300))
    found = tables.compare({"region": a}, {"region": b}).column("region")
    assert found.kl.open
    assert "never shows ('Saarland')" in found.words
    assert found.unseen == pytest.approx(np.mean(b == "Saarland"))
    few = tables.compare({"region": a}, {"region": ["north", "south"] * 98 + ["Saarland"] * 4}).column("region")
    assert few.verdict == "different"
    gone = tables.compare({"region": [*a, *["west"] * 2500]}, {"region": a}).column("region")
    assert gone.verdict == "different"
    assert not gone.kl.open


def test_rare_categories_share_a_cell_and_widen_the_interval():
    g = rng(0)
    a, b = ([f"v{int(v)}" for v in 1000 * g.random(1000)] for _ in range(2))
    found = tables.compare({"x": a}, {"x": b}, kinds={"x": "category"}).column("x")
    assert found.p_value > 0.01
    assert found.cells.labels == ("(rare)",)
    assert found.verdict == "undecided"
    assert found.rows_to_tell > 1000


def test_categories_beyond_the_limit_are_one_cell():
    g = rng(0)
    a, b = ([str(int(v)) for v in g.zipf(1.5, 20_000)] for _ in range(2))
    full, cut = (tables.compare({"x": a}, {"x": b}, max_categories=k).column("x") for k in (10_000, 50))
    assert sum(cut.cells.reference) == 20_000
    assert cut.p_value > 0.01 < full.p_value
    assert len(cut.cells.labels) <= 101


def test_identifiers_and_free_text_are_compared_by_length():
    g = rng(0)
    ids = [{"id": [f"{'u' * k}{j}" for j in range(start, start + 400)]} for start, k in ((1000, 1), (5000, 3))]
    found = tables.compare(*ids)
    assert found.column("id").kind == "text"
    assert found.column("id").verdict == "different"
    assert any("identifier" in note for note in found.notes)
    texts = [
        {"t": ["".join(g.choice(list(letters), 80 + g.integers(0, 9))) for _ in range(300)]}
        for letters in ("abcdef", "abcdef", "abc123")
    ]
    assert tables.compare(texts[0], texts[1]).column("t").p_value > 0.01
    digits = tables.compare(texts[0], texts[2]).column("t")
    assert digits.parts["digits"] < 1e-10
    assert digits.p_value < 1e-8


def test_dates_are_compared_and_kept_apart_from_other_zones():
    start = datetime.datetime(2024, 1, 1)
    naive = [start + datetime.timedelta(hours=int(h)) for h in rng(0).integers(0, 5000, 400)]
    aware = [when.replace(tzinfo=UTC) for when in naive]
    later = [when + datetime.timedelta(days=60) for when in naive]
    found = tables.compare({"t": naive}, {"t": later}).column("t")
    assert found.kind == "date"
    assert "later, median 2024-" in found.words
    mixed = tables.compare({"t": naive, "x": naive}, {"t": aware, "x": naive})
    assert "without a time zone in the reference, with a time zone (UTC)" in mixed.not_compared["t"].replace(
        "times ", ""
    )
    assert mixed.verdict == "different"
    assert mixed.column("x").verdict == "same"
    both = tables.compare({"t": [*naive, *aware], "x": range(800)}, {"t": naive * 2, "x": range(800)})
    assert "give all of them a zone, or none" in both.not_compared["t"]
    text = [str(when) for when in naive]
    assert tables.compare({"t": text}, {"t": text}, kinds={"t": "date"}).column("t").kind == "date"


# --- tables as they should not be -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "current", "error", "message"),
    [
        ({"x": [1]}, {"y": [1]}, ValueError, r"no column in common: reference has \['x'\], current has \['y'\]"),
        ({"x": []}, {"x": [1]}, ValueError, "reference has no rows"),
        ({"x": [1]}, {"x": []}, ValueError, "current has no rows"),
        ({"x": [1, 2], "y": [1]}, {"x": [1]}, ValueError, "the columns of reference must be of one length"),
        (5, {"x": [1]}, TypeError, "reference must be a table"),
        ({"x": [1]}, None, TypeError, "current must be a table"),
        (np.ones((2, 2, 2)), np.ones((2, 2)), ValueError, "reference must be a matrix"),
    ],
)
def test_tables_that_cannot_be_compared_are_refused(reference, current, error, message):
    with pytest.raises(error, match=message):
        tables.compare(reference, current)


def test_columns_that_cannot_be_compared_are_named_and_the_rest_is():
    x = rng(0).normal(size=200)
    a = {"x": x, "k": x, "m": [1, "a"] * 100, "z": x + 1j, "w": np.ones((200, 2)), "gone": x}
    b = {"x": x, "k": ["a", "b"] * 100, "m": [1, 2] * 100, "z": x, "w": x, "new": x}
    found = tables.compare(a, b)
    assert [column.name for column in found.columns] == ["x"]
    assert found.not_compared["k"].startswith("numbers in the reference, text in the current table")
    assert "int and str side by side" in found.not_compared["m"]
    assert "complex128" in found.not_compared["z"]
    assert "shape (200, 2)" in found.not_compared["w"]
    assert (found.only_reference, found.only_current) == (("gone",), ("new",))
    assert found.verdict == "different"
    assert "The columns themselves differ" in found.words
    with pytest.raises(KeyError, match="was not compared: numbers in the reference"):
        found.column("k")
    assert tables.compare(a, a, columns=["m"], kinds={"m": "category"}).column("m").verdict == "same"
    nothing = tables.compare({"m": a["m"]}, {"m": a["m"]})
    assert nothing.words.startswith("No column could be compared.")


def test_kinds_that_a_column_does_not_fit_are_named():
    a = {"x": rng(0).normal(size=60), "b": rng(1).random(60) < 0.5, "t": ["u", "v"] * 30}
    found = tables.compare(a, a, kinds={"x": "text", "b": "number", "t": "bool"})
    assert found.not_compared["x"].startswith("kinds takes it for 'text', but there are numbers in the reference")
    assert found.not_compared["t"].startswith("kinds takes it for 'bool', but there are text in the reference")
    assert found.column("b").verdict != "different"


@pytest.mark.parametrize(
    ("names", "message"), [(["a", "a"], "must differ from each other"), (["a"], "it needs one a column")]
)
def test_names_of_a_matrix_must_fit(names, message):
    with pytest.raises(ValueError, match=message):
        tables.compare(np.ones((60, 2)), np.ones((60, 2)), names=names)


def test_names_cannot_break_the_page_or_the_terminal():
    x = {"<script>alert(1)</script>": rng(0).normal(size=60), "\x1b[31mred\n": rng(1).normal(size=60)}
    found = tables.compare(x, {name: values + 3 for name, values in x.items()})
    assert "<script>" not in found._repr_html_()
    assert "&lt;script&gt;" in found._repr_html_()
    out = io.StringIO()
    found.print(out)
    assert "\x1b" not in out.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_table_is_plain_unless_it_is_read_on_a_terminal(comparison, monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    shown = {}
    for name, out in (("file", io.StringIO()), ("terminal", Terminal())):
        comparison.print(out)
        shown[name] = out.getvalue()
    assert "\x1b[31m" in shown["terminal"]
    assert "\x1b" not in shown["file"]
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    comparison.print(out)
    assert out.getvalue() == shown["file"]
    assert "DIFFERENT" in shown["file"]
    assert "reference 1,500 rows" in shown["file"]
    assert "together >=" in shown["file"]


def test_many_same_columns_take_one_line(capsys):
    x = rng(0).normal(size=(3000, 12))
    y = rng(1).normal(size=(3000, 12))
    y[:, 3] += 1
    tables.compare(x, y).print()
    shown = capsys.readouterr().out
    assert "... 11 the same (all surely below" in shown
    assert "column_3" in shown
    assert "column_4" not in shown


def test_twenty_unchanged_columns_rarely_alarm():
    """Benjamini-Hochberg keeps "any column different" near 5 %: of 60 tables at most 8 (p = 0.006 under 5 %)."""
    g = rng(0)
    alarms = 0
    for _ in range(60):
        a, b = g.normal(size=(100, 20)), g.normal(size=(100, 20))
        alarms += any(c.verdict in ("different", "negligible") for c in tables.compare(a, b, joint="off").columns)
    assert alarms <= 8
