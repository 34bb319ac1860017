"""What other packages of kljax may use of ``kljax.divergences`` besides its public names."""

from __future__ import annotations

from kljax.divergences import _pairs as pairs

__all__ = [
    "pairs",
]
