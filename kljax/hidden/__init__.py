"""Divergences of language-model heads: what you hold are hidden states h and an output projection w.

h, w ─chunk of products─▶ logits ─kernels─▶ divergence and its gradient in the logits ─products─▶ gradients in h and w.
The [T, V] logits never exist at once. Per token the gradient forms them again; with ``reduction`` the tokens' weights
are known in advance, so that it is formed beside the value.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.hidden._alpha import alpha, tsallis
from kljax.hidden._distances import hellinger_distance, jensen_shannon_distance
from kljax.hidden._f_divergences import chi_squared, f_divergence, le_cam, squared_hellinger, total_variation
from kljax.hidden._head import Head
from kljax.hidden._information import cross_entropy, entropy, log_partition
from kljax.hidden._kullback_leibler import jeffreys, jensen_shannon, kl, skew_kl
from kljax.hidden._renyi import bhattacharyya, renyi

__all__ = [
    "Head",
    "alpha",
    "bhattacharyya",
    "chi_squared",
    "cross_entropy",
    "entropy",
    "f_divergence",
    "hellinger_distance",
    "jeffreys",
    "jensen_shannon",
    "jensen_shannon_distance",
    "kl",
    "le_cam",
    "log_partition",
    "renyi",
    "skew_kl",
    "squared_hellinger",
    "total_variation",
    "tsallis",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
