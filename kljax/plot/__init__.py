"""Figures: what a divergence, a generator, a fit, a matrix of pairs or an estimator looks like, drawn with matplotlib.

distributions, probabilities, records and results of this package ─▶ arrays ─▶ artists on an ``Axes``, which is returned

Every function takes ``ax=`` and returns it, so that figures are composed, labelled and saved in matplotlib's own ways.
With ``ax`` nothing else is touched, neither pyplot nor its settings; without it a new figure of pyplot is made, so that
notebooks show it. Colours are told apart by colour-blind readers and stand out from white and from dark paper; text
takes the colour that the axes' labels have where it can be read, else near-black or near-white.

This module needs matplotlib when it draws: ``pip install 'kljax[plot]'``. Importing it does not.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.plot._calibration import calibration
from kljax.plot._canvas import COLOURS, figure
from kljax.plot._divergence import column, divergence, outcomes
from kljax.plot._fit import fit, loss
from kljax.plot._generator import conjugate, generator
from kljax.plot._matrix import pairwise
from kljax.plot._regions import region

__all__ = [
    "COLOURS",
    "calibration",
    "column",
    "conjugate",
    "divergence",
    "figure",
    "fit",
    "generator",
    "loss",
    "outcomes",
    "pairwise",
    "region",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
