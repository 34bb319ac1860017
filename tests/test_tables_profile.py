"""Profiles: what they keep, that they add, and that they judge as the table itself does. Timelines."""

from __future__ import annotations

import dataclasses
import gzip
import io
import json

import numpy as np
import pytest

from kljax import tables


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def example(n: int, seed: int, shift: float = 0.0) -> dict:
    g = rng(seed)
    return {
        "income": np.where(g.random(n) < 0.05, np.nan, g.lognormal(10 + shift, 0.5, n)),
        "children": g.poisson(1.5, n),
        "region": g.choice(["north", "south", "east"], n, p=[0.5, 0.3 - shift / 4, 0.2 + shift / 4]),
        "member": g.random(n) < 0.3,
        "since": np.datetime64("2020-01-01") + g.integers(0, 700, n).astype("timedelta64[D]"),
        "id": np.array([f"{seed}-{j}" for j in range(n)]),
        "single": g.normal(size=n).astype(np.float32),
        "infinite": np.where(g.random(n) < 0.1, np.inf, g.normal(size=n)),
        "nothing": [None] * n,
    }


@pytest.fixture(scope="module")
def profile() -> tables.Profile:
    return tables.profile(example(3000, 1))


def test_a_profile_keeps_every_count_and_no_row(profile):
    assert profile.rows == 3000
    for column in profile.columns:
        assert sum(column.counts) + column.rest + column.missing + column.nan == 3000
    assert profile.column("income").kind == "number"
    assert profile.column("region").labels[0] == "north"
    assert profile.column("children").counts[0] == 0  # nothing lies below the least value
    ids = profile.column("id")
    assert ids.kind == "text"
    assert ids.labels == ()
    with pytest.raises(KeyError, match="no column 'z'"):
        profile.column("z")


@pytest.mark.parametrize("name", ["reference.json.gz", "reference.json"])
def test_a_profile_comes_back_as_it_was_saved(profile, tmp_path, name):
    path = tmp_path / name
    profile.save(path)
    assert tables.Profile.load(path) == profile
    first = path.read_bytes()
    profile.save(path)
    assert path.read_bytes() == first
    text = gzip.decompress(first) if name.endswith("gz") else first
    assert json.loads(text)["schema"] == "kljax.profile/1"
    assert b"1-17" not in text  # no identifier


def test_fifty_columns_take_less_than_200_kilobytes(tmp_path):
    g = rng()
    tables.profile({str(j): g.lognormal(size=5000) for j in range(50)}).save(tmp_path / "p.json.gz")
    assert (tmp_path / "p.json.gz").stat().st_size < 200_000


@pytest.mark.parametrize("text", ["", "{}", '{"schema": "kljax.compare/1"}', "[1]", "\x1f\x8b broken"])
def test_files_that_are_no_profile_are_refused(text, tmp_path):
    (tmp_path / "p.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ValueError, match=r"p\.json is no profile"):
        tables.Profile.load(tmp_path / "p.json")


def test_a_profile_judges_as_its_table_does(profile):
    for seed, shift in ((2, 0.0), (3, 0.4)):
        current = example(2500, seed, shift)
        by_rows, by_profile = (tables.compare(one, current, joint="off") for one in (example(3000, 1), profile))
        for column in by_rows.columns:
            other = by_profile.column(column.name)
            assert other.verdict == column.verdict, column.name
            assert other.kl.value == pytest.approx(column.kl.value, abs=0.01 + 0.05 * column.kl.value)
            assert sum(other.cells.reference) == 3000
            assert other.missing == column.missing
    assert any("a profile keeps no rows" in note for note in tables.compare(profile, example(90, 2)).notes)


def test_values_beyond_the_range_of_a_profile_are_seen(profile):
    current = example(1000, 4)
    current["children"] = current["children"] + 20
    current["since"] = current["since"] + np.timedelta64(400, "D")
    found = tables.compare(profile, current)
    assert found.column("children").unseen == 1.0
    assert found.column("children").kl.open
    assert found.column("since").kl.open
    assert 0.4 < found.column("since").unseen < 0.7


@pytest.mark.parametrize("n", [60, pytest.param(400, marks=pytest.mark.full)])
def test_edges_of_a_profile_leave_the_test_exact(n):
    """p ≤ 0.05 in 5 % of 400 columns, within three standard errors (1.1)."""
    g = rng(n)
    p = tables.profile(g.normal(size=(n, 400)))
    found = tables.compare(p, g.normal(size=(200, 400)), correction="none")
    assert np.mean([column.p_value <= 0.05 for column in found.columns]) == pytest.approx(0.05, abs=0.034)


def test_profiles_on_the_same_cells_add(profile):
    other = example(1000, 5)
    like = tables.profile_like(profile, other)
    total = profile + like
    assert total.rows == 4000
    for x, y, z in zip(profile.columns, like.columns, total.columns, strict=True):
        assert sum(z.counts) + z.rest == sum(x.counts) + x.rest + sum(y.counts) + y.rest
        assert z.missing == x.missing + y.missing
    assert dict(zip(total.column("region").labels, total.column("region").counts, strict=True))["north"] == sum(
        np.sum(np.array(table["region"]) == "north") for table in (example(3000, 1), other)
    )
    both = np.concatenate([example(3000, 1)["single"], other["single"]]).astype(float)
    assert total.column("single").summary.mean == pytest.approx(both.mean(), rel=1e-6)
    assert total.column("single").summary.sd == pytest.approx(both.std(), rel=1e-6)
    assert total.column("single").ends == (both.min(), both.max())
    assert tables.compare(total, example(900, 6), joint="off", ignore=["id"]).verdict == "same"
    # Two profiles on the same cells compare.
    assert tables.compare(profile, like, ignore=["id"]).verdict == "same"


def test_profiles_on_other_cells_do_not_add(profile):
    with pytest.raises(ValueError, match="only profiles on the same cells add"):
        profile + tables.profile(example(200, 9))
    with pytest.raises(TypeError):
        profile + 1
    with pytest.raises(ValueError, match="other cells"):
        tables.compare(tables.profile({"x": rng().normal(size=600)}), tables.profile({"x": rng(1).normal(size=600)}))


def test_what_a_profile_cannot_do_is_said(profile):
    with pytest.raises(ValueError, match=r"table lacks the columns \['income'"):
        tables.profile_like(profile, {"x": [1]})
    with pytest.raises(ValueError, match="'x' is not of the profile's kind: numbers in the reference, text"):
        tables.profile_like(tables.profile({"x": [1, 2]}), {"x": ["a", "b"]})
    with pytest.raises(ValueError, match="the profile keeps 'children' as number"):
        tables.compare(profile, example(100, 2), kinds={"children": "category"})
    with pytest.raises(ValueError, match="reference has no rows"):
        tables.profile({"x": []})
    with pytest.raises(ValueError, match="no column that is asked for"):
        tables.profile({"x": [1]}, ignore=["x"])
    with pytest.raises(ValueError, match="is a profile already"):
        tables.profile(profile)
    mixed = tables.profile({"x": [1, "a"], "y": [1, 2]})
    assert [column.name for column in mixed.columns] == ["y"]
    assert "x is left out: it holds int and str side by side" in mixed.notes[0]
    assert dataclasses.is_dataclass(mixed)


# --- timelines --------------------------------------------------------------------------------------------


def test_a_timeline_finds_the_batch_that_changed():
    g = rng()
    days = {f"day {d}": {"x": g.normal(0.4 * (d == 3), 1, 1500), "y": g.normal(size=1500)} for d in range(1, 6)}
    found = tables.timeline(tables.profile({"x": g.normal(size=4000), "y": g.normal(size=4000)}), days, previous=True)
    assert found.labels == tuple(days)
    assert [c.verdict == "different" for c in found.comparisons] == [False, False, True, False, False]
    assert [None if c is None else c.verdict == "different" for c in found.previous] == [None, False, True, True, False]
    assert found.columns[0] == "x"
    assert [interval.value > 0.03 for interval in found.kl("x")] == [False, False, True, False, False]
    # One correction for all tests.
    p = [column.p_value for c in found.comparisons for column in c.columns]
    adjusted = [column.p_adjusted for c in found.comparisons for column in c.columns]
    assert min(adjusted) == pytest.approx(min(p) * len(p))
    assert json.loads(found.to_json())["schema"] == "kljax.timeline/1"
    out = io.StringIO()
    found.print(out)
    assert "day 3" in out.getvalue()
    assert "x 0.0" in out.getvalue()
    assert "<table>" in found._repr_html_()


def test_one_table_is_cut_by_time_or_by_value():
    g = rng(1)
    n = 6000
    table = {
        "x": g.normal(size=n),
        "when": np.datetime64("2024-01-01T00:00") + g.integers(0, 60 * 24 * 90, n).astype("timedelta64[m]"),
        "shop": g.choice(["a", "b", "c"], n),
    }
    reference = {"x": g.normal(size=3000)}
    months = tables.timeline(reference, table, by="when", every="month", ignore=["shop"])
    assert months.labels == ("2024-01", "2024-02", "2024-03")
    assert sum(c.rows[1] for c in months.comparisons) == n
    assert [c.verdict for c in months.comparisons] == ["same"] * 3
    for every, first, count in (("week", "2024-01-01", 13), ("quarter", "2024-Q1", 1), ("year", "2024", 1)):
        found = tables.timeline(reference, table, by="when", every=every, ignore=["shop"])
        assert (found.labels[0], len(found.labels)) == (first, count)
    assert tables.timeline(reference, table, by="shop", ignore=["when"]).labels == ("a", "b", "c")


def test_what_a_timeline_cannot_do_is_said():
    table = {"x": [1.0, 2.0], "when": [None, None]}
    with pytest.raises(ValueError, match="there is no batch"):
        tables.timeline(table, [])
    with pytest.raises(ValueError, match="by is 'z', but the table has the columns"):
        tables.timeline(table, table, by="z")
    with pytest.raises(ValueError, match="column 'when' has no value"):
        tables.timeline(table, table, by="when")
    with pytest.raises(ValueError, match="every must be 'day'"):
        tables.timeline(table, {"x": [1.0], "when": np.array(["2024-01-01"], "datetime64[D]")}, by="when", every="hour")
    with pytest.raises(ValueError, match="batches must be a mapping or a sequence"):
        tables.timeline(table, 5)
    with pytest.raises(ValueError, match="can't be cut into batches"):
        tables.timeline(table, tables.profile({"x": [1.0]}), by="x")
    assert tables.timeline({"x": [1.0]}, [{"x": [1.0]}, {"x": [2.0]}]).labels == ("1", "2")
