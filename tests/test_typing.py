"""What a type checker says of users' scripts: nothing of those that work, an error on each line that can't."""

from __future__ import annotations

import importlib.util
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "tests" / "typing"
CHECKERS = {
    "mypy": [sys.executable, "-m", "mypy", "--follow-imports=silent"],
    "pyright": [sys.executable, "-m", "pyright", "--pythonpath", sys.executable],
}


def wrong_lines() -> set[int]:
    lines = (SCRIPTS / "wrong.py").read_text(encoding="utf-8").splitlines()
    return {at for at, line in enumerate(lines, 1) if line.endswith("# wrong")}


@pytest.mark.parametrize("checker", ["mypy", pytest.param("pyright", marks=pytest.mark.full)])
def test_mistakes_are_found_and_nothing_else(checker):
    if importlib.util.find_spec(checker) is None:
        pytest.skip(f"{checker} is not installed")
    if checker == "pyright" and shutil.which("node") is None:
        pytest.skip("pyright needs node, which is not installed")
    ran = subprocess.run([*CHECKERS[checker], str(SCRIPTS)], capture_output=True, text=True, check=False, cwd=ROOT)
    found = re.findall(r"(\w+)\.py:(\d+)(?::\d+)?(?: -|:) error", ran.stdout)
    assert {int(line) for name, line in found if name == "wrong"} == wrong_lines(), ran.stdout + ran.stderr
    assert not [line for name, line in found if name != "wrong"], ran.stdout


@pytest.mark.full
def test_the_right_script_runs():
    runpy.run_path(str(SCRIPTS / "right.py"), run_name="__main__")
