"""What other packages of kljax may use of ``kljax.montecarlo`` besides its public names."""

from __future__ import annotations

from kljax.montecarlo._core import terms_of
from kljax.montecarlo._estimate import effective_sample_size, standard_error

__all__ = [
    "effective_sample_size",
    "standard_error",
    "terms_of",
]
