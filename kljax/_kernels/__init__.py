"""Row kernels: from two rows of logits to the weights p, q and the log-ratio that every divergence is made of."""

from kljax._kernels.rows import Rows, centre, normalise, statistics

__all__ = ["Rows", "centre", "normalise", "statistics"]
