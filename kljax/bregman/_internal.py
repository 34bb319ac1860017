"""What other packages of kljax may use of ``kljax.bregman`` besides its public names."""

from __future__ import annotations

from kljax.bregman import _flat_points as points
from kljax.bregman import _remainder as remainder
from kljax.bregman._remainder import Closed, Function, by_constants, curvature, finite, fix, gradient_gap

__all__ = [
    "Closed",
    "Function",
    "by_constants",
    "curvature",
    "finite",
    "fix",
    "gradient_gap",
    "points",
    "remainder",
]
