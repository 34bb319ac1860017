"""Fitting an approximate q to a target p: you hold samples or moments of p, and a family for q.

samples of p, weights  ─means of the sufficient statistics─▶  the q of the family with those means: least KL(p‖q)
"""

from kljax.variational._moment_projection import moment_projection as moment_projection

__all__ = ["moment_projection"]
