"""kljax: divergences with the right digits, for JAX.

Modules are named by what you hold: ``probs`` for probability vectors, ``logits`` for logits, ``hidden`` for hidden
states and an output projection, ``generators`` for a convex function f, ``families`` for distributions. Functions in
them are named by the divergence; those on two distributions stand here. Results are in nats.
"""

from kljax import bounds, bregman, expfam, families, generators, hidden, logits, montecarlo, probs, quadrature
from kljax._units import bits
from kljax.divergences import Estimate as Estimate
from kljax.divergences import alpha as alpha
from kljax.divergences import bhattacharyya as bhattacharyya
from kljax.divergences import chernoff_information as chernoff_information
from kljax.divergences import chi_squared as chi_squared
from kljax.divergences import cross_entropy as cross_entropy
from kljax.divergences import entropy as entropy
from kljax.divergences import estimate as estimate
from kljax.divergences import f_divergence as f_divergence
from kljax.divergences import hellinger_distance as hellinger_distance
from kljax.divergences import jeffreys as jeffreys
from kljax.divergences import jensen_shannon as jensen_shannon
from kljax.divergences import jensen_shannon_distance as jensen_shannon_distance
from kljax.divergences import kl as kl
from kljax.divergences import le_cam as le_cam
from kljax.divergences import pairwise as pairwise
from kljax.divergences import register as register
from kljax.divergences import renyi as renyi
from kljax.divergences import squared_hellinger as squared_hellinger
from kljax.divergences import total_variation as total_variation
from kljax.divergences import tsallis as tsallis

__version__ = "0.1.0"

__all__ = [
    "Estimate",
    "alpha",
    "bhattacharyya",
    "bits",
    "bounds",
    "bregman",
    "chernoff_information",
    "chi_squared",
    "cross_entropy",
    "entropy",
    "estimate",
    "expfam",
    "f_divergence",
    "families",
    "generators",
    "hellinger_distance",
    "hidden",
    "jeffreys",
    "jensen_shannon",
    "jensen_shannon_distance",
    "kl",
    "le_cam",
    "logits",
    "montecarlo",
    "pairwise",
    "probs",
    "quadrature",
    "register",
    "renyi",
    "squared_hellinger",
    "total_variation",
    "tsallis",
]
