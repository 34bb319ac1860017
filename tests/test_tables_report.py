"""The HTML report: well formed, safe, small, readable without colour, script or network."""

from __future__ import annotations

import html.parser
import json
import re

import numpy as np
import pytest

from kljax import tables
from kljax.tables import _bars, _svg
from kljax.tables._style import CSS

VOID = {"meta", "br", "path", "circle"}


def made(rows, seed, change=0.0):
    rng = np.random.default_rng(seed)
    missing = rng.normal(5, 2, rows)
    missing[rng.random(rows) < 0.05 + 0.1 * change] = np.nan
    names = ["north", "south", "<b>east</b>"] + (["new & strange"] if change else [])
    return {
        "income": np.exp(rng.normal(10 + 0.3 * change, 0.7, rows)),
        "visits": rng.poisson(3 + change, rows),
        "zeros": np.where(rng.random(rows) < 0.7, 0.0, rng.gamma(2, 5, rows)),
        "tenure": missing,
        "flag": rng.random(rows) < 0.4,
        "region": np.array(names)[rng.integers(0, len(names), rows)],
        "joined": np.datetime64("2023-01-01", "D") + rng.integers(0, 700, rows) + int(30 * change),
        "<script>alert('x')</script>": rng.normal(0, 1, rows),
        "kind": rng.normal(0, 1, rows) if not change else np.array(["a", "b"])[rng.integers(0, 2, rows)],
        **({"only & new": np.ones(rows)} if change else {}),
    }


@pytest.fixture(scope="module")
def comparison():
    return tables.compare(made(3_000, 0), made(2_000, 1, 1.0), seed=0)


@pytest.fixture(scope="module")
def timeline():
    days = {f"2026-05-{day:02d}": made(400, day, 0.0) for day in range(1, 9)}
    days["2026-05-06"]["income"] = 2 * days["2026-05-06"]["income"]
    days["2026-05-07"].pop("visits")
    return tables.timeline(made(3_000, 0), days)


class Page(html.parser.HTMLParser):
    """Tags that are opened and closed, attributes and text."""

    def __init__(self, page):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.text, self.wrong = [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data):
        self.text.append(data)

    def count(self, tag):
        return sum(name == tag for name, _ in self.tags)


@pytest.mark.parametrize("which", ["comparison", "timeline"])
def test_the_page_is_well_formed_and_accessible(which, request):
    page = Page(request.getfixturevalue(which).to_html())
    assert page.wrong == []
    assert page.open == []
    assert ("html", {"lang": "en"}) in page.tags
    assert page.count("h1") == 1
    assert page.count("title") >= 1
    assert page.count("caption") >= 2
    assert {"header", "main", "footer"} <= {tag for tag, _ in page.tags}
    assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert pictures
    assert all(a.get("role") == "img" or a.get("aria-hidden") == "true" for a in pictures)
    assert sum(a.get("role") == "img" for a in pictures) == page.count("title") - 1


@pytest.mark.parametrize("which", ["comparison", "timeline"])
def test_the_page_asks_for_nothing(which, request):
    page = request.getfixturevalue(which).to_html()
    assert not re.search(
        r"https?:|//[a-z]|url\(|@import|<link|<img|<iframe|\son\w+=", page.replace("<!doctype html>", "")
    )
    assert "default-src 'none'" in page
    scripts = [attributes for tag, attributes in Page(page).tags if tag == "script"]
    assert scripts == [{"type": "application/json", "id": "result"}]


def test_names_and_values_are_escaped(comparison):
    page = comparison.to_html()
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "<b>east" not in page
    text = "".join(Page(page).text)
    assert "<script>alert('x')</script>" in text
    assert "new & strange" in text
    hostile = tables.compare({"</script><b>": [1.0] * 30, "\ud800\x00": [1.0] * 30}, {"</script><b>": [1.0] * 30})
    page = hostile.to_html()
    assert page.count("</script>") == 1
    assert not set("<>&") & set(re.search(r"<script [^>]*>(.*)</script>", page, re.DOTALL)[1])
    page.encode("utf-8")


def test_the_result_is_within_the_page(comparison):
    page = comparison.to_html()
    found = json.loads(re.search(r"<script [^>]*>(.*)</script>", page, re.DOTALL)[1])
    assert found == json.loads(comparison.to_json())


def test_what_the_page_says(comparison):
    text = " ".join("".join(Page(comparison.to_html()).text).split())
    for phrase in (
        comparison.words,
        "What changed",
        "Column by column",
        "Together",
        "Not compared",
        "numbers in the reference, text in the current table",
        "Only in the current table",
        "How to read this",
        "3,000 → 2,000",
        "≥ ",
    ):
        assert phrase in text, phrase
    for column in comparison.columns:
        assert column.words in text
        assert column.verdict in text


def test_a_hundred_columns_are_below_300_kilobytes():
    rng = np.random.default_rng(0)
    names = [f"a_fairly_long_measurement_{j}" for j in range(100)]
    before, after = ({name: rng.normal(shift, 1, 4_000) for name in names} for shift in (0.0, 0.3))
    page = tables.compare(before, after, joint="off").to_html()
    assert len(page.encode()) < 300_000
    assert page.count("<svg class=h") == 100
    found = json.loads(re.search(r"<script [^>]*>(.*)</script>", page, re.DOTALL)[1])
    assert found["shortened"] is True
    assert [column["name"] for column in found["columns"]][:1]


def test_beyond_150_columns_there_are_no_more_pictures():
    rng = np.random.default_rng(0)
    table = {f"c{j}": rng.normal(size=60) for j in range(155)}
    page = tables.compare(table, table, joint="off").to_html()
    assert page.count("<svg class=h") == 150
    assert page.count("<th scope=row>c") >= 155
    assert "Pictures are of the 150 columns that changed most" in page


def test_the_heat_map_shows_each_batch_and_where_it_changed(timeline):
    page = timeline.to_html()
    text = " ".join("".join(Page(page).text).split())
    assert "income: different in 1 of 8 batches" in text
    assert "in 2026-05-06" in text
    assert "1 of 8" in text
    assert "visits: different in 0 of 7 batches" in text


def bars_of(name, comparison):
    return _bars.bars(comparison.column(name))


def test_bars_hold_all_rows_but_those_beyond(comparison):
    for column in comparison.columns:
        found = bars_of(column.name, comparison)
        for j, shares in enumerate((found.reference, found.current)):
            gone = found.missing[j] if found.missing else 0.0
            assert shares.sum() + found.beyond[j] + gone == pytest.approx(1.0, abs=1e-9)
        nats = found.nats.sum() + (found.missing[2] if found.missing else 0.0)
        assert nats <= sum(column.cells.contributions()) + 1e-12
        assert nats >= 0.5 * sum(column.cells.contributions())


def test_the_bars_of_a_normal_column_are_its_histogram():
    rng = np.random.default_rng(0)
    x, y = rng.normal(0, 1, 40_000), rng.normal(0.5, 1, 40_000)
    found = _bars.bars(tables.compare({"x": x}, {"x": y}, joint="off").columns[0])
    marks = np.linspace(*found.ends, _bars.MOST + 1)
    for values, shares in ((x, found.reference), (y, found.current)):
        expected = np.histogram(values, marks)[0] / len(values)
        assert np.abs(shares - expected).max() < 0.012
    assert not found.log
    assert max(found.beyond) < 0.02


def test_a_skewed_column_is_drawn_on_a_log_axis_and_one_with_zeros_is_not(comparison):
    rng = np.random.default_rng(0)
    skewed = {"x": np.exp(rng.normal(0, 2, 3_000))}
    assert _bars.bars(tables.compare(skewed, skewed, joint="off").columns[0]).log
    assert not bars_of("zeros", comparison).log


def test_one_frequent_value_does_not_flatten_the_others(comparison):
    found = bars_of("zeros", comparison)
    shares = np.maximum(found.reference, found.current)
    assert _bars.height(found) < 0.5 * shares.max()
    assert "% →" in _svg.histogram(found, "zeros")


def test_constant_infinite_and_empty_columns_can_be_drawn():
    rng = np.random.default_rng(0)
    infinite = rng.normal(size=300)
    infinite[:40] = np.inf
    table = {
        "constant": np.full(300, 7.0),
        "empty": np.full(300, np.nan),
        "infinite": infinite,
        "huge": rng.normal(size=300) * 1e307,
        "whole": 2**60 + rng.integers(0, 9, 300),
    }
    page = Page(tables.compare(table, table, joint="off").to_html())
    assert page.wrong == []
    assert "nan" not in " ".join(page.text).lower().replace("nan or infinite", "")


def test_positions_on_the_scale():
    assert _svg.position(0.0) == 0.0
    assert _svg.position(_svg.HIGHEST) == pytest.approx(1.0)
    assert _svg.position(1e9) == 1.0
    assert 0.25 < _svg.position(0.005) < 0.3


def luminance(colour):
    """Relative luminance as WCAG 2 defines it."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * d for d in colour[1:])
    parts = [int(digits[j : j + 2], 16) / 255 for j in (0, 2, 4)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_has_enough_contrast_in_light_and_dark():
    for block in re.findall(r":root\{(.*?)\}", CSS, re.DOTALL):
        colours = dict(re.findall(r"--(\w+):(#\w+)", block))
        pairs = [("fg", "bg"), ("dim", "bg"), ("dif", "difb"), ("same", "sameb"), ("und", "undb"), ("neg", "negb")]
        for text, ground in pairs:
            low, high = sorted((luminance(colours[text]), luminance(colours[ground])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)
        for mark, ground, least in (("ref", "bg", 3.0), ("nat", "bg", 3.0), ("dot", "s0", 4.5), ("dot", "s4", 4.5)):
            low, high = sorted((luminance(colours[mark]), luminance(colours[ground])))
            assert (high + 0.05) / (low + 0.05) >= least, (mark, ground)
