"""That the benchmark for a GPU runs where there is none; its figures are not looked at."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

BENCHMARKS = pathlib.Path(__file__).resolve().parents[1] / "benchmarks"


@pytest.mark.full
def test_the_gpu_benchmark_runs_at_tiny_sizes(tmp_path: pathlib.Path) -> None:
    options = ["--smoke", "--dtypes", "bfloat16", "--temperatures", "2", "--json", str(tmp_path / "figures.json")]
    subprocess.run(
        [sys.executable, str(BENCHMARKS / "gpu.py"), *options], check=True, capture_output=True, timeout=1200
    )
    found = json.loads((tmp_path / "figures.json").read_text())
    assert {"device", "platform", "jax"} <= set(found)
    tasks = {(one["module"], one["task"]) for one in found["figures"]}
    for verb in ("kl", "jensen_shannon"):
        assert {("logits", verb), ("logits", f"{verb}, gradient in q"), ("hidden", f"{verb} by tokens")} <= tasks
    assert all(one["ms"] > 0.0 for one in found["figures"])
