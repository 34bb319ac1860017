"""Row kernels: from two rows of logits to the weights p, q and the log-ratio that every divergence is made of."""

from kljax._kernels.passes import statistics
from kljax._kernels.rows import Statistics, centre, normalise

__all__ = ["Statistics", "centre", "normalise", "statistics"]
