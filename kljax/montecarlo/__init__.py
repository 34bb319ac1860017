"""Divergences from log-densities at draws, each with its standard error; and those of sequences and of top-k teachers.

log-densities at draws ─subtract─▶ importance weights and log-ratio ─generator─▶ summand ─mean─▶ ``Estimate``. The
decision that isn't obvious: the summands are non-negative unless another estimator is asked for by name, so that an
estimate of a divergence near p = q keeps its digits; and what draws cannot show is said, not guessed.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.montecarlo._alpha import alpha, tsallis
from kljax.montecarlo._controllers import AdaptiveKL, DualKL, adaptive_kl_step, dual_kl_step
from kljax.montecarlo._entropies import cross_entropy, entropy, log_normalizer
from kljax.montecarlo._estimate import Estimate
from kljax.montecarlo._f_divergences import chi_squared, f_divergence, le_cam, squared_hellinger, total_variation
from kljax.montecarlo._importance import ImportanceWeights, importance_weights
from kljax.montecarlo._kullback_leibler import jeffreys, jensen_shannon, kl, skew_kl
from kljax.montecarlo._renyi import bhattacharyya, renyi
from kljax.montecarlo._sequences import sequence_sum, token_kl, token_kl_of_logits
from kljax.montecarlo._topk import TopK, topk

__all__ = [
    "AdaptiveKL",
    "DualKL",
    "Estimate",
    "ImportanceWeights",
    "TopK",
    "adaptive_kl_step",
    "alpha",
    "bhattacharyya",
    "chi_squared",
    "cross_entropy",
    "dual_kl_step",
    "entropy",
    "f_divergence",
    "importance_weights",
    "jeffreys",
    "jensen_shannon",
    "kl",
    "le_cam",
    "log_normalizer",
    "renyi",
    "sequence_sum",
    "skew_kl",
    "squared_hellinger",
    "token_kl",
    "token_kl_of_logits",
    "topk",
    "total_variation",
    "tsallis",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
