"""What other packages of kljax may use of ``kljax.tables`` besides its public names."""

from __future__ import annotations

from kljax.tables._command import script

__all__ = [
    "script",
]
