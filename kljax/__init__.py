"""kljax: divergences with the right digits, for JAX.

Modules are named by what you hold: ``probs`` for probability vectors, ``logits`` for logits, ``generators`` for a
convex function f. Functions in them are named by the divergence. Results are in nats.
"""

from kljax import bregman, expfam, generators, logits, probs, quadrature
from kljax._units import bits

__version__ = "0.1.0"

__all__ = ["bits", "bregman", "expfam", "generators", "logits", "probs", "quadrature"]
