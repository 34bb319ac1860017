"""Bregman divergences: you hold points and a convex function.

    points x, y and φ  ─▶  D(x, y) = φ(x) - φ(y) - ⟨∇φ(y), x - y⟩ ≥ 0

``divergence`` takes any convex function. The others are the named ones, each by a closed form that keeps its digits
where the definition cancels; ``mahalanobis``, ``log_det``, ``von_neumann`` and ``quantum_relative_entropy`` take or
use matrices. D is not symmetric, so the centroids come from two sides. x = p and y = q in the order of ``probs``:
``generalized_kl(p, q)`` is ``probs.kl(p, q)``.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.bregman._centroids import left_centroid as left_centroid
from kljax.bregman._centroids import right_centroid as right_centroid
from kljax.bregman._centroids import symmetrized_centroid as symmetrized_centroid
from kljax.bregman._generic import divergence as divergence
from kljax.bregman._matrix import log_det as log_det
from kljax.bregman._matrix import quantum_relative_entropy as quantum_relative_entropy
from kljax.bregman._matrix import von_neumann as von_neumann
from kljax.bregman._scalar import beta_divergence as beta_divergence
from kljax.bregman._scalar import generalized_kl as generalized_kl
from kljax.bregman._scalar import itakura_saito as itakura_saito
from kljax.bregman._scalar import logistic_loss as logistic_loss
from kljax.bregman._scalar import mahalanobis as mahalanobis
from kljax.bregman._scalar import squared_euclidean as squared_euclidean

__all__ = [
    "beta_divergence",
    "divergence",
    "generalized_kl",
    "itakura_saito",
    "left_centroid",
    "log_det",
    "logistic_loss",
    "mahalanobis",
    "quantum_relative_entropy",
    "right_centroid",
    "squared_euclidean",
    "symmetrized_centroid",
    "von_neumann",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
