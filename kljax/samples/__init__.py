"""Divergences, entropies and information from samples alone, with intervals that hold.

x and y ─columns─▶ models of each, and neighbours ─surrogates─▶ a corrected number ─disagreement─▶ ``SampleEstimate``.
The decision that isn't obvious: the bias of neighbour estimators is measured on surrogate samples from models fitted to
the data, not derived, and where neighbours, model and classifier disagree the interval says so.
"""

from kljax.samples import bounds
from kljax.samples._density_ratio import Calibration, Ratio, density_ratio
from kljax.samples._entropies import cross_entropy, entropy
from kljax.samples._estimate import SampleEstimate, Seconds
from kljax.samples._f_divergences import (
    f_divergence,
    jeffreys,
    jensen_shannon,
    squared_hellinger,
    total_variation,
)
from kljax.samples._information import mutual_information
from kljax.samples._kullback_leibler import kl
from kljax.samples._nearest import nearest
from kljax.samples._powers import alpha, renyi
from kljax.samples._two_sample import Discrepancy, energy_distance, mmd

__all__ = [
    "Calibration",
    "Discrepancy",
    "Ratio",
    "SampleEstimate",
    "Seconds",
    "alpha",
    "bounds",
    "cross_entropy",
    "density_ratio",
    "energy_distance",
    "entropy",
    "f_divergence",
    "jeffreys",
    "jensen_shannon",
    "kl",
    "mmd",
    "mutual_information",
    "nearest",
    "renyi",
    "squared_hellinger",
    "total_variation",
]
