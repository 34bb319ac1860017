"""Divergences of finite distributions given as logits (log-probabilities are logits).

logits ─_kernels─▶ p, q and r = log(p/q) ─generator─▶ summand ─sum─▶ divergence. The logits are never turned into
log-probabilities on the way: r comes from their differences, so it keeps its digits when p ≈ q.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.logits._alpha import alpha, tsallis
from kljax.logits._distances import hellinger_distance, jensen_shannon_distance
from kljax.logits._f_divergences import chi_squared, f_divergence, le_cam, squared_hellinger, total_variation
from kljax.logits._information import cross_entropy, entropy, generalized_jensen_shannon
from kljax.logits._joint import conditional_entropy, mutual_information
from kljax.logits._kullback_leibler import jeffreys, jensen_shannon, kl, skew_kl
from kljax.logits._renyi import bhattacharyya, chernoff_information, renyi
from kljax.logits._terms import kl_terms, perplexity

__all__ = [
    "alpha",
    "bhattacharyya",
    "chernoff_information",
    "chi_squared",
    "conditional_entropy",
    "cross_entropy",
    "entropy",
    "f_divergence",
    "generalized_jensen_shannon",
    "hellinger_distance",
    "jeffreys",
    "jensen_shannon",
    "jensen_shannon_distance",
    "kl",
    "kl_terms",
    "le_cam",
    "mutual_information",
    "perplexity",
    "renyi",
    "skew_kl",
    "squared_hellinger",
    "total_variation",
    "tsallis",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
