"""Divergences, entropies and information from samples alone, with intervals that hold.

x and y ─columns─▶ models of each, and neighbours ─surrogates─▶ a corrected number ─disagreement─▶ ``SampleEstimate``.
The decision that isn't obvious: the bias of neighbour estimators is measured on surrogate samples from models fitted to
the data, not derived, and where neighbours, model and classifier disagree the interval says so.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.samples import bounds
from kljax.samples._density_ratio import Calibration, Ratio, density_ratio
from kljax.samples._entropies import cross_entropy, entropy
from kljax.samples._estimate import SampleEstimate, Seconds
from kljax.samples._f_divergences import (
    alpha,
    f_divergence,
    jeffreys,
    jensen_shannon,
    squared_hellinger,
    total_variation,
)
from kljax.samples._information import mutual_information
from kljax.samples._kullback_leibler import kl
from kljax.samples._model_kl import ModelFit, model_kl
from kljax.samples._nearest import nearest
from kljax.samples._ranking import rank_models
from kljax.samples._ranking_record import Ranking, Row
from kljax.samples._renyi import renyi
from kljax.samples._two_sample import Discrepancy, energy_distance, mmd

__all__ = [
    "Calibration",
    "Discrepancy",
    "ModelFit",
    "Ranking",
    "Ratio",
    "Row",
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
    "model_kl",
    "mutual_information",
    "nearest",
    "rank_models",
    "renyi",
    "squared_hellinger",
    "total_variation",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
