"""Parameters of tests of which an ordinary run takes a part, and ``pytest --full`` takes all."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import pytest


def thinned(values: Iterable[Any], kept: Collection[Any], *, spread: bool = False) -> list[Any]:
    """The values as parameters; those that are not among the ``kept`` run only with --full.

    With ``spread`` a value is a tuple of several parameters rather than one.
    """
    return [
        pytest.param(*(value if spread else (value,)), marks=() if value in kept else pytest.mark.full)
        for value in values
    ]
