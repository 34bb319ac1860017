"""What every test runs under: strict promotion of dtypes and ranks, and sweeps of a chosen size.

Warnings are errors (``pyproject.toml``). Double precision is not switched on here: a test that wants it says
``with jax.enable_x64(True):`` and so shows which dtype it speaks of.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator

import hypothesis
import jax
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

# The first call of a jitted function compiles, so a deadline would time the compiler; and a failure must come again.
hypothesis.settings.register_profile("kljax", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("kljax")


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
