"""What other packages of kljax may use of ``kljax.divergences`` besides its public names."""

from __future__ import annotations

from kljax.divergences._dispatch import converted, distribution

__all__ = [
    "converted",
    "distribution",
]
