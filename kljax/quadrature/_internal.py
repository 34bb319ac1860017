"""What other packages of kljax may use of ``kljax.quadrature`` besides its public names."""

from __future__ import annotations

from kljax.quadrature._densities import Densities, densities
from kljax.quadrature._domain import Hints, Space
from kljax.quadrature._gauss_kronrod import NODES, WEIGHTS
from kljax.quadrature._integrands import Divergence, Entropy
from kljax.quadrature._integrate import integrate
from kljax.quadrature._measures import Totals
from kljax.quadrature._renyi import of_power
from kljax.quadrature._run import plain

__all__ = [
    "NODES",
    "WEIGHTS",
    "Densities",
    "Divergence",
    "Entropy",
    "Hints",
    "Space",
    "Totals",
    "densities",
    "integrate",
    "of_power",
    "plain",
]
