"""The example on wines: what it reports is what it saved, and lies where SciPy's one-dimensional estimates do."""

from __future__ import annotations

import importlib
import math

import numpy as np
import pytest
from example_runs import run
from sklearn.datasets import load_wine

compare_samples = importlib.import_module("compare_samples")


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    return run(compare_samples.main, "compare_samples", tmp_path_factory.mktemp("wine"), "--steps", "19")


@pytest.mark.slow
@pytest.mark.full
def test_every_pair_and_measurement_has_its_interval(compared):
    assert len(compared.rows) == 3 * 13
    for row in compared.rows:
        value, low, high = (float(row[name]) for name in ("jensen_shannon", "low", "high"))
        if not math.isnan(value):
            assert 0.0 <= low <= high <= math.log(2.0) + 1e-6
            assert f"{value:.3f}" in compared.printed
        assert float(row["p_value"]) >= 1 / 20 - 1e-6
    assert compared.figure.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert "KL(cultivar 0‖cultivar 2)" in compared.printed


@pytest.mark.slow
def test_what_differs_by_eye_differs_in_nats(compared):
    """Jensen–Shannon of the two normals with the sample's moments, by sums, is near where columns are near normal."""
    wine = load_wine()
    column = wine.feature_names.index("alcohol")
    x, y = (wine.data[wine.target == one][:, column] for one in (0, 1))
    z = np.linspace(9, 17, 8001)
    p, q = (np.exp(-0.5 * ((z - one.mean()) / one.std()) ** 2) / one.std() for one in (x, y))
    p, q = p / p.sum(), q / q.sum()
    m = 0.5 * (p + q)
    expected = 0.5 * (p * np.log(p / m)).sum() + 0.5 * (q * np.log(q / m)).sum()
    (row,) = (r for r in compared.rows if r["measurement"] == "alcohol" and r["cultivars"] == "0 and 1")
    assert abs(float(row["jensen_shannon"]) - expected) < 2 * float(row["stderr"])
    assert float(row["p_value"]) == pytest.approx(1 / 20)
