"""Divergences within an exponential family: you hold natural parameters and the log-partition function.

    densities h(x) exp(⟨η, t(x)⟩ - A(η)); A, η_p, η_q  ─Taylor remainders of A on the segment─▶  nats

Every divergence here is a Bregman or Jensen divergence of A, so a family gets all of them from the one function A,
with derivatives. Each is written as a sum of remainders ∫(1 - t) dᵀ∇²A d dt ≥ 0 with d = η_p - η_q, which keeps
relative accuracy for close parameters. What remains is the accuracy of A itself and of the natural parameters: where
a family has a closed form in its ordinary parameters, that form is the better conditioned one.

A function A that closes over nothing is compiled once. One that closes over something, parameters for instance, is
traced on every call, because that may have changed (and is differentiated): put repeated calls under ``jax.jit``. A
must return ∞ or NaN outside the natural parameter space.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.expfam._divergences import bhattacharyya as bhattacharyya
from kljax.expfam._divergences import chernoff_information as chernoff_information
from kljax.expfam._divergences import kl as kl
from kljax.expfam._divergences import renyi as renyi
from kljax.expfam._divergences import skew_jensen as skew_jensen
from kljax.expfam._divergences import squared_hellinger as squared_hellinger
from kljax.expfam._moments import fisher as fisher
from kljax.expfam._moments import mean_parameters as mean_parameters

__all__ = [
    "bhattacharyya",
    "chernoff_information",
    "fisher",
    "kl",
    "mean_parameters",
    "renyi",
    "skew_jensen",
    "squared_hellinger",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
