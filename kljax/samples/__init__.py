"""Divergences, entropies and information from samples alone, with intervals that hold.

x and y ─columns─▶ models of each, and neighbours ─surrogates─▶ a corrected number ─disagreement─▶ ``SampleEstimate``.
The decision that isn't obvious: the bias of neighbour estimators is measured on surrogate samples from models fitted to
the data, not derived, and where neighbours, model and classifier disagree the interval says so.
"""

from kljax.samples._estimate import SampleEstimate, Seconds
from kljax.samples._model_kl import ModelFit, model_kl
from kljax.samples._nearest import nearest
from kljax.samples._rank_words import Ranking, Row
from kljax.samples._ranking import rank_models

__all__ = [
    "ModelFit",
    "Ranking",
    "Row",
    "SampleEstimate",
    "Seconds",
    "model_kl",
    "nearest",
    "rank_models",
]
