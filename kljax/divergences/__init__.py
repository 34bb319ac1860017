"""Divergences between distributions: you hold two records of ``kljax.families``.

    p, q ─▶ a closed form from the table, or deterministic quadrature on the line, the integers or the circle ─▶ nats

Nothing here is random but ``estimate``, whose answer has a type of its own. A closed form is accurate to rounding, near
p = q as well. Quadrature aims at 1e-10 in float64 and 1e-6 in float32, relative, and gives NaN where its own error
bound is infinite.
"""

from kljax.divergences._chernoff import chernoff_information as chernoff_information
from kljax.divergences._distances import hellinger_distance as hellinger_distance
from kljax.divergences._distances import jensen_shannon_distance as jensen_shannon_distance
from kljax.divergences._estimate import estimate as estimate
from kljax.divergences._f_divergences import alpha as alpha
from kljax.divergences._f_divergences import bhattacharyya as bhattacharyya
from kljax.divergences._f_divergences import chi_squared as chi_squared
from kljax.divergences._f_divergences import f_divergence as f_divergence
from kljax.divergences._f_divergences import le_cam as le_cam
from kljax.divergences._f_divergences import renyi as renyi
from kljax.divergences._f_divergences import squared_hellinger as squared_hellinger
from kljax.divergences._f_divergences import total_variation as total_variation
from kljax.divergences._f_divergences import tsallis as tsallis
from kljax.divergences._information import mutual_information as mutual_information
from kljax.divergences._kullback_leibler import cross_entropy as cross_entropy
from kljax.divergences._kullback_leibler import entropy as entropy
from kljax.divergences._kullback_leibler import jeffreys as jeffreys
from kljax.divergences._kullback_leibler import jensen_shannon as jensen_shannon
from kljax.divergences._kullback_leibler import kl as kl
from kljax.divergences._kullback_leibler import skew_kl as skew_kl
from kljax.divergences._pairwise import pairwise as pairwise
from kljax.divergences._register import register as register
from kljax.montecarlo import Estimate as Estimate

__all__ = [
    "Estimate",
    "alpha",
    "bhattacharyya",
    "chernoff_information",
    "chi_squared",
    "cross_entropy",
    "entropy",
    "estimate",
    "f_divergence",
    "hellinger_distance",
    "jeffreys",
    "jensen_shannon",
    "jensen_shannon_distance",
    "kl",
    "le_cam",
    "mutual_information",
    "pairwise",
    "register",
    "renyi",
    "skew_kl",
    "squared_hellinger",
    "total_variation",
    "tsallis",
]
