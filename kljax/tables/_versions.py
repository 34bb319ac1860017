"""What a result was made with."""

from __future__ import annotations

import platform
from importlib import metadata


def versions() -> dict[str, str]:
    """Versions of python, kljax and numpy; of kljax "unknown" in a tree that was never installed."""
    found = {"python": platform.python_version()}
    for name in ("kljax", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "unknown"
    return found
