"""A progress bar where one was asked for and tqdm is installed; otherwise nothing."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Iterator
from typing import Protocol


class Bar(Protocol):
    """What moves."""

    def update(self, n: float | None = 1) -> object:
        """Moves the bar by n."""


class _Silent:
    def update(self, n: float | None = 1) -> object:
        return n


@contextlib.contextmanager
def progress_bar(total: int, label: str, wanted: bool) -> Iterator[Bar]:
    """A bar over ``total`` rows."""
    if not wanted or importlib.util.find_spec("tqdm") is None:
        yield _Silent()
        return
    from tqdm import tqdm

    with tqdm(total=total, desc=label, unit="row", unit_scale=True) as bar:
        yield bar
