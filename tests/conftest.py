"""What every test runs under: strict promotion of dtypes and ranks, and sweeps of a chosen size.

Warnings are errors (``pyproject.toml``). Double precision is not switched on here: a test that wants it says
``with jax.enable_x64(True):`` and so shows which dtype it speaks of.
"""

from __future__ import annotations

import collections
import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import jax
import pytest
from quick import QUICK

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
# Of each error that a test asks for, JAX would take its own frames out of the traceback: 10 ms.
jax.config.update("jax_traceback_filtering", "off")

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


# In minutes on two cores.
TAKES = {
    "quick": "about 2 minutes on two cores",
    "default": "about 10 minutes on two cores; -m quick runs a part of every package in 2, --full every case",
    "full": "every case, optimised: some hours on two cores",
}


def _chosen(config: pytest.Config) -> str:
    return "full" if config.getoption("--full") else "quick" if config.option.markexpr == "quick" else "default"


def pytest_report_header(config: pytest.Config) -> str | None:
    whole = config.args_source is not pytest.Config.ArgsSource.ARGS
    return f"kljax: {TAKES[_chosen(config)]}" if whole else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    name = collection_path.name
    return True if _chosen(config) == "quick" and name.startswith("test_") and name not in QUICK else None


class _Files:
    """Says which files are begun, and when; the workers of xdist run several at a time."""

    def __init__(self, reporter: pytest.TerminalReporter) -> None:
        self.reporter, self.seen, self.start = reporter, set[str](), time.monotonic()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        file = nodeid.partition("::")[0]
        if file not in self.seen:
            self.seen.add(file)
            minutes, seconds = divmod(int(time.monotonic() - self.start), 60)
            self.reporter.write_line("")
            self.reporter.write(f"{minutes:3d}:{seconds:02d} {file} ")


def pytest_configure(config: pytest.Config) -> None:
    if not config.getoption("--full"):
        _compile_quickly()
    # A file on one worker: what it compiles is compiled once.
    if getattr(config.option, "numprocesses", None) and config.option.dist == "load":
        config.option.dist = "loadfile"


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and getattr(session.config.option, "numprocesses", None) and reporter.verbosity == 0:
        session.config.pluginmanager.register(_Files(reporter))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full", action="store_true", help="run the sweeps over all their points, not a reduced set")


def _by_default(item: pytest.Item, config: pytest.Config) -> bool:
    """Whether a test runs without ``--full``: it does if asked for by its own name, too."""
    if item.get_closest_marker("full"):
        return False
    named = item.get_closest_marker("by_default")
    return named is None or item.callspec.id in named.args or item.nodeid in config.args  # type: ignore[attr-defined]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what is quick; leaves out what is marked ``full`` and the cases that ``by_default`` does not name."""
    whole = collections.defaultdict(set)
    tests = {(item.path.name, getattr(item, "originalname", item.name)) for item in items}
    for item in items:
        named = QUICK.get(item.path.name)
        if named is not None and (not named or getattr(item, "originalname", item.name) in named):
            item.add_marker("quick")
        if named := item.get_closest_marker("by_default"):
            whole[item.nodeid.partition("[")[0], named.args].add(item.callspec.id)
    if not any("::" in argument for argument in config.args):
        missing = [f"{function}[{case}]" for (function, named), found in whole.items() for case in {*named} - found]
        here = {file for file, _ in tests}
        missing += [
            f"{file}::{test}"
            for file, named in QUICK.items()
            for test in named
            if file in here and (file, test) not in tests
        ]
        if missing:
            raise pytest.UsageError(f"by_default or tests/quick.py names what is no test or case: {sorted(missing)}")
    if config.getoption("--full"):
        return
    kept = [item for item in items if _by_default(item, config)]
    config.hook.pytest_deselected(items=[item for item in items if not _by_default(item, config)])
    items[:] = kept


def pytest_collection_finish() -> None:
    """Tracing makes objects by the million that reference counts free; looking for cycles among them took a tenth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)


@pytest.fixture(scope="session")
def sweep_size(request: pytest.FixtureRequest) -> Callable[[Any, Any], Any]:
    """``sweep_size(reduced, full)``: the points that a sweep covers, or how many; ``full`` under ``--full``."""
    chosen = request.config.getoption("--full")
    return lambda reduced, full: full if chosen else reduced


@pytest.fixture(scope="module", autouse=True)
def _compiled_programs_are_dropped() -> Iterator[None]:
    """Some thousand compiled programs would otherwise fill the memory."""
    yield
    jax.clear_caches()
