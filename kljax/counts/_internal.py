"""What other packages of kljax may use of ``kljax.counts`` besides its public names."""

from __future__ import annotations

from kljax.counts import _cells as cells

__all__ = [
    "cells",
]
