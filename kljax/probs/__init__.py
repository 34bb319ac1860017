"""Divergences of finite distributions given as probabilities, or of non-negative measures.

(p, q) ─▶ r = log(p/q) ─generator─▶ summand q f(p/q) ≥ 0 ─sum─▶ divergence. Nothing is renormalised: every summand is
non-negative and accurate by itself, so the sum is too.
"""

from kljax.probs._distances import hellinger_distance, jensen_shannon_distance
from kljax.probs._f_divergences import (
    alpha,
    chi_squared,
    f_divergence,
    le_cam,
    squared_hellinger,
    total_variation,
    tsallis,
)
from kljax.probs._information import (
    bhattacharyya,
    chernoff_information,
    cross_entropy,
    entropy,
    generalized_jensen_shannon,
    renyi,
)
from kljax.probs._kullback_leibler import jeffreys, jensen_shannon, kl, skew_kl

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
