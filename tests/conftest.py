"""What every test runs under: strict promotion of dtypes and ranks, and sweeps of a chosen size.

Warnings are errors (``pyproject.toml``). Double precision is not switched on here: a test that wants it says
``with jax.enable_x64(True):`` and so shows which dtype it speaks of.
"""

from __future__ import annotations

import collections
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import hypothesis
import jax
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# The first call of a jitted function compiles, so a deadline would time the compiler; and a failure must come again.
hypothesis.settings.register_profile("kljax", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("kljax")


# XLA takes 25 ms to optimise a kernel that runs for microseconds; without that the suite takes half as long.
# ``--full`` runs under them, and tests/test_prompt.py does for a few rows and families.
QUICKLY = (
    "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=4",
)


def _compile_quickly() -> None:
    """Adds the flags that this XLA knows; of one that it doesn't it dies, so another process tries them."""
    chosen = os.environ.get("XLA_FLAGS", "")
    if QUICKLY[0] in chosen:
        return
    for flags in (" ".join(QUICKLY), QUICKLY[0]):
        tried = {**os.environ, "XLA_FLAGS": f"{chosen} {flags}".strip()}
        program = [sys.executable, "-c", "import jax; jax.jit(lambda: 0.0)()"]
        if not subprocess.run(program, env=tried, capture_output=True, check=False).returncode:
            os.environ["XLA_FLAGS"] = tried["XLA_FLAGS"]
            return


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--full"):
        _compile_quickly()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the sweeps over all their points, not a reduced set")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is marked ``full``, and most cases of what is marked ``one_in``, unless asked for."""
    if config.getoption("--full"):
        return
    kept, left_out = [], []
    seen: collections.Counter[str] = collections.Counter()
    for item in items:
        stride = item.get_closest_marker("one_in")
        function = item.nodeid.partition("[")[0]
        if item.get_closest_marker("full"):
            left_out.append(item)
            continue
        (kept if stride is None or seen[function] % stride.args[0] == 0 else left_out).append(item)
        seen[function] += 1
    config.hook.pytest_deselected(items=left_out)
    items[:] = kept


@pytest.fixture(scope="session")
def sweep_size(request: pytest.FixtureRequest) -> Callable[[int, int], int]:
    """``sweep_size(reduced, full)``: how many points a sweep covers; ``full`` of them under ``--full``."""
    chosen = request.config.getoption("--full")
    return lambda reduced, full: full if chosen else reduced


@pytest.fixture(scope="module", autouse=True)
def _compiled_programs_are_dropped() -> Iterator[None]:
    """Some thousand compiled programs would otherwise fill the memory."""
    yield
    jax.clear_caches()
