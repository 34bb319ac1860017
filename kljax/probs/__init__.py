"""Divergences of finite distributions given as probabilities, or of non-negative measures.

(p, q) ─▶ r = log(p/q) ─generator─▶ summand q f(p/q) ≥ 0 ─sum─▶ divergence. Nothing is renormalised: every summand is
non-negative and accurate by itself, so the sum is too.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.probs._alpha import alpha, tsallis
from kljax.probs._distances import hellinger_distance, jensen_shannon_distance
from kljax.probs._f_divergences import chi_squared, f_divergence, le_cam, squared_hellinger, total_variation
from kljax.probs._information import cross_entropy, entropy, generalized_jensen_shannon
from kljax.probs._joint import conditional_entropy, mutual_information
from kljax.probs._kullback_leibler import jeffreys, jensen_shannon, kl, skew_kl
from kljax.probs._renyi import bhattacharyya, chernoff_information, renyi
from kljax.probs._terms import kl_terms, perplexity

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
