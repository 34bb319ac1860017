"""Divergences of finite distributions given as logits (log-probabilities are logits).

logits ─_kernels─▶ p, q and r = log(p/q) ─generator─▶ summand ─sum─▶ divergence. The logits are never turned into
log-probabilities on the way: r comes from their differences, so it keeps its digits when p ≈ q.
"""

from kljax.logits._distances import hellinger_distance, jensen_shannon_distance
from kljax.logits._f_divergences import (
    alpha,
    chi_squared,
    f_divergence,
    le_cam,
    squared_hellinger,
    total_variation,
    tsallis,
)
from kljax.logits._information import (
    bhattacharyya,
    chernoff_information,
    cross_entropy,
    entropy,
    generalized_jensen_shannon,
    renyi,
)
from kljax.logits._kullback_leibler import jeffreys, jensen_shannon, kl, skew_kl

__all__ = [
    "alpha",
    "bhattacharyya",
    "chernoff_information",
    "chi_squared",
    "cross_entropy",
    "entropy",
    "f_divergence",
    "generalized_jensen_shannon",
    "hellinger_distance",
    "jeffreys",
    "jensen_shannon",
    "jensen_shannon_distance",
    "kl",
    "le_cam",
    "renyi",
    "skew_kl",
    "squared_hellinger",
    "total_variation",
    "tsallis",
]
