"""The built site and the HTML report as a reader meets them: in headless Chromium, light and dark, wide and on a phone.

Asked for by ``--full``. It takes ``mkdocs`` (``pip install ".[docs]"``), Debian's ``chromium`` and ``node``; what is
missing is said by name. ``npm install`` in tests/browser brings what drives the browser, once. KLJAX_SITE names a site
that is built already; KLJAX_SHOTS a folder for screenshots of all that is visited.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
BROWSER = ROOT / "tests" / "browser"
# Every kind of page once; all pages would take an hour.
PAGES = (
    "",
    "choose/",
    "accuracy/",
    "performance/",
    "generators/",
    "gallery/",
    "contributing/",
    "tutorials/",
    *(f"tutorials/{name}/" for name in ("what_kl_is", "fits", "two_tables", "feedback", "vae")),
    "api/",
    "api/logits/",
    "api/logits/kl/",
    "api/families/real/",
    "api/generators/catalogue/",
)
# What a search must find first. A page below the address counts, as a function on it does.
FIRST = {
    "kl": ("api/kljax/kl/",),
    "logits.kl": ("api/logits/kl/",),
    "GRPO": ("tutorials/feedback/",),
    "VAE": ("tutorials/vae/",),
    "drift": ("tutorials/two_tables/", "tables/", "tables_engines/"),
    "histogram": ("counts/",),
    "pandas": ("tutorials/two_tables/", "tables/"),
    "mutual information": tuple(
        f"api/{module}/information/" for module in ("kljax", "probs", "logits", "samples", "counts")
    ),
}

pytestmark = pytest.mark.full


@functools.cache
def tools() -> tuple[str, str]:
    """The paths of Chromium and of node, or a skip that says what is missing."""
    chromium, node = shutil.which("chromium") or shutil.which("chromium-browser"), shutil.which("node")
    if not (chromium and node):
        pytest.skip("needs chromium and node (apt-get install chromium nodejs npm)")
    if not (BROWSER / "node_modules" / "axe-core").is_dir():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("needs npm, for axe-core and puppeteer-core")
        subprocess.run([npm, "install", "--no-audit", "--no-fund"], cwd=BROWSER, check=True, capture_output=True)
    return chromium, node


@pytest.fixture(scope="module")
def site() -> Path:
    """The site, built strictly."""
    if built := os.environ.get("KLJAX_SITE"):
        return Path(built)
    if importlib.util.find_spec("mkdocs") is None:
        pytest.skip('needs the site: pip install ".[docs]", or KLJAX_SITE')
    folder = Path(tempfile.mkdtemp()) / "site"
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder], cwd=ROOT, check=True)
    return folder


def visit(root: Path, pages: tuple[str, ...], queries: tuple[str, ...] = ()) -> dict:
    """What the browser finds on the pages of a folder, in both schemes and both widths."""
    chromium, node = tools()
    plan = {"chromium": chromium, "root": str(root), "pages": pages, "queries": queries}
    plan |= {"schemes": ["light", "dark"], "widths": [1400, 375], "shots": os.environ.get("KLJAX_SHOTS", "")}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(plan, file)
        file.flush()
        done = subprocess.run([node, BROWSER / "visit.mjs", file.name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def faults(found: dict) -> list[str]:
    """What a reader would stumble over."""
    said = []
    for one in found["visits"]:
        where = f"/{one['address']} {one['scheme']} {one['width']}"
        said += [f"{where}: on the console: {text}" for text in one["console"]]
        said += [f"{where}: a request leaves the machine: {url}" for url in one["outside"]]
        said += [f"{where}: {one['overflow']} pixels wider than the screen: {one['wide']}"] * (one["overflow"] > 0)
        said += [f"{where}: breaks inside a name: {name}" for name in one["broken"]]
        said += [f"{where}: {text}" for text in one["contrast"]]
    return said


@pytest.mark.parametrize("page", PAGES)
def test_a_page_reads_well_in_light_and_dark_wide_and_on_a_phone(site, page):
    found = faults(visit(site, (page,)))
    assert not found, "\n".join(found)


def test_the_search_finds_the_right_page_first(site):
    results = visit(site, (), tuple(FIRST))["results"]
    wrong = {
        query: results[query][:3]
        for query, wanted in FIRST.items()
        if not results[query] or not results[query][0].startswith(wanted)
    }
    assert not wrong


def test_the_report_on_two_tables_reads_well(tmp_path):
    from kljax import tables

    rng = np.random.default_rng(0)

    def customers(rows: int, by: float) -> dict:
        return {
            "income": rng.lognormal(10.0 + by, 0.5, rows),
            "age": rng.integers(18, 90, rows),
            "region": rng.choice(["north", "south", "east"], rows, p=[0.5 - by, 0.3 + by, 0.2]),
        }

    comparison = tables.compare(customers(800, 0.0), customers(700, 0.2))
    comparison.to_html(tmp_path / "report.html")
    found = faults(visit(tmp_path, ("report.html",)))
    assert not found, "\n".join(found)


def test_the_browser_sees_what_is_wrong(tmp_path):
    (tmp_path / "index.html").write_text(
        '<!doctype html><html lang="en"><title>Bad</title><body><main>'
        '<p style="color:#aaa;background:#fff">pale</p><div style="width:2000px">wide</div>'
        '<img alt="away" src="http://127.0.0.1:9/away.png"><script>undefined.name</script></main></body></html>'
    )
    said = "\n".join(faults(visit(tmp_path, ("",))))
    for word in ("color-contrast", "wider than the screen", "leaves the machine", "on the console"):
        assert word in said
