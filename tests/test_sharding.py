"""Sharded operands give the same numbers, without gathering logits; each case in processes of its own.

The number of devices is fixed when JAX starts, so ``tests/sharded.py`` holds the cases and this file starts them.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest

from kljax import hidden, logits

HERE = Path(__file__).parent


def start(*arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(HERE.parent)}
    command = [sys.executable, "-W", "error", str(HERE / "sharded.py"), *arguments]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(*running: subprocess.Popen[str]) -> None:
    for one in running:
        out, errors = one.communicate(timeout=300)
        assert one.returncode == 0, errors[-3000:]
        assert out.endswith("done\n")


@pytest.mark.slow
@pytest.mark.parametrize("check_vma", [1, 0])
@pytest.mark.by_default("1")
def test_logits_inside_shard_map(check_vma: int, sweep_size: Callable[[int, int], int]) -> None:
    finish(start("over_axis", str(check_vma), str(sweep_size(0, 1))))


@pytest.mark.parametrize("check_vma", [1, pytest.param(0, marks=pytest.mark.full)])
def test_rows_without_outcomes_inside_shard_map(check_vma: int) -> None:
    finish(start("masked_over_axis", str(check_vma), "0"))


@pytest.mark.slow
@pytest.mark.parametrize("check_vma", [1, 0])
@pytest.mark.full
def test_hidden_inside_shard_map(check_vma: int, sweep_size: Callable[[int, int], int]) -> None:
    finish(start("hidden_over_axis", str(check_vma), str(sweep_size(0, 1))))


@pytest.mark.full
def test_jit_partitions_without_gathering_logits() -> None:
    finish(start("partitioned"))


@pytest.mark.full
def test_several_processes() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    finish(*(start("process", str(index), "2", port) for index in range(2)))


@pytest.mark.full
def test_the_example(tmp_path: Path) -> None:
    few = ["--steps", "4", "--outcomes", "256", "--tokens", "16", "--no-progress", "--out", str(tmp_path)]
    script = HERE.parent / "examples" / "distil_sharded.py"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(HERE.parent)}
    done = subprocess.run(
        [sys.executable, str(script), *few], env=environment, text=True, capture_output=True, check=True
    )
    assert "8 devices" in done.stdout
    assert "each holds 32 of 256 rows" in done.stdout
    split, alone = (float(x) for x in re.findall(r"after it: (\S+) over all devices, (\S+) on one", done.stdout)[0])
    assert split == pytest.approx(alone, rel=1e-4)
    losses = [float(line.split(",")[1]) for line in (tmp_path / "distil_sharded.csv").read_text().splitlines()[1:]]
    assert len(losses) == 4
    assert (tmp_path / "distil_sharded.png").stat().st_size > 20_000
    assert losses[-1] < losses[0]


def test_an_axis_name_outside_of_shard_map() -> None:
    a = np.zeros((2, 3), np.float32)
    for call in (
        lambda: logits.kl(a, a, axis_name="v"),
        lambda: jax.jit(lambda a: logits.jensen_shannon(a, a, axis_name="v"))(a),
        lambda: logits.entropy(a, axis_name="v"),
        lambda: hidden.kl((a, a), (a, a), axis_name="v"),
    ):
        with pytest.raises(ValueError, match="axis_name='v' must name an axis"):
            call()
    for call in (
        lambda: logits.entropy(a, order=2.0, axis_name="v"),
        lambda: logits.renyi(a, a, order=0, axis_name="v"),
    ):
        with pytest.raises(ValueError, match="order must"):
            call()
