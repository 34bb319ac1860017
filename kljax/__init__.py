"""kljax: divergences with the right digits, for JAX.

Modules are named by what you hold: ``probs`` for probability vectors, ``logits`` for logits, ``hidden`` for hidden
states and an output projection, ``generators`` for a convex function f, ``families`` for distributions. Functions in
them are named by the divergence; those on two distributions stand here. Results are in nats.

Every name is an attribute of ``kljax`` after ``import kljax``, and is loaded when it is first asked for (PEP 562): who
needs one module pays for one.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kljax import bounds as bounds
    from kljax import bregman as bregman
    from kljax import counts as counts
    from kljax import expfam as expfam
    from kljax import families as families
    from kljax import generators as generators
    from kljax import geometry as geometry
    from kljax import hidden as hidden
    from kljax import interop as interop
    from kljax import logits as logits
    from kljax import montecarlo as montecarlo
    from kljax import plot as plot
    from kljax import probs as probs
    from kljax import quadrature as quadrature
    from kljax import samples as samples
    from kljax import tables as tables
    from kljax import testing as testing
    from kljax import variational as variational
    from kljax._units import bits as bits
    from kljax._values import ValueWarning as ValueWarning
    from kljax._watch import checked as checked
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
    from kljax.divergences import mutual_information as mutual_information
    from kljax.divergences import pairwise as pairwise
    from kljax.divergences import register as register
    from kljax.divergences import renyi as renyi
    from kljax.divergences import skew_kl as skew_kl
    from kljax.divergences import squared_hellinger as squared_hellinger
    from kljax.divergences import total_variation as total_variation
    from kljax.divergences import tsallis as tsallis

__version__ = "0.1.0"

_MODULES = (
    *("bounds", "bregman", "counts", "expfam", "families", "generators", "geometry", "hidden", "interop"),
    *("logits", "montecarlo", "plot", "probs", "quadrature", "samples", "tables", "testing", "variational"),
)
_VERBS = (
    *("Estimate", "alpha", "bhattacharyya", "chernoff_information", "chi_squared", "cross_entropy", "entropy"),
    *("estimate", "f_divergence", "hellinger_distance", "jeffreys", "jensen_shannon"),
    *("jensen_shannon_distance", "kl", "le_cam", "mutual_information", "pairwise", "register", "renyi", "skew_kl"),
    *("squared_hellinger", "total_variation", "tsallis"),
)
_OTHERS = {"ValueWarning": "_values", "bits": "_units", "checked": "_watch"}

__all__ = [
    "Estimate",
    "ValueWarning",
    "alpha",
    "bhattacharyya",
    "bits",
    "bounds",
    "bregman",
    "checked",
    "chernoff_information",
    "chi_squared",
    "counts",
    "cross_entropy",
    "entropy",
    "estimate",
    "expfam",
    "f_divergence",
    "families",
    "generators",
    "geometry",
    "hellinger_distance",
    "hidden",
    "interop",
    "jeffreys",
    "jensen_shannon",
    "jensen_shannon_distance",
    "kl",
    "le_cam",
    "logits",
    "montecarlo",
    "mutual_information",
    "pairwise",
    "plot",
    "probs",
    "quadrature",
    "register",
    "renyi",
    "samples",
    "skew_kl",
    "squared_hellinger",
    "tables",
    "testing",
    "total_variation",
    "tsallis",
    "variational",
]


if not TYPE_CHECKING:  # a type checker is to refuse what is not there

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f"kljax.{name}")
        if name in _VERBS:
            value = getattr(importlib.import_module("kljax.divergences"), name)
        elif name in _OTHERS:
            value = getattr(importlib.import_module(f"kljax.{_OTHERS[name]}"), name)
        else:
            value = importlib.import_module("kljax._names").unknown(__name__, __all__)(name)  # raises
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
