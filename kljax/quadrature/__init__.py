"""Divergences by deterministic quadrature: you hold two log-densities of one variable, on the line or round a circle.

    log_p, log_q, hints ─▶ panels ─refine─▶ nodes and weights ─▶ Σ weight · q f(p/q)  ─▶ (value, error)

The line is cut at the hints into panels with a Gauss–Kronrod pair of 10 and 21 points; towards a finite end and towards
infinity the variable runs exponentially, which tames integrable singularities and heavy tails. The worst panels are
halved until the two rules agree. Nodes and weights are then constants, so every derivative of the integral is the same
sum over the derivative of the integrand, in forward and reverse mode and in any order.
"""

from kljax.quadrature._arguments import Integral as Integral
from kljax.quadrature._arguments import Support as Support
from kljax.quadrature._arguments import circle as circle
from kljax.quadrature._f_divergences import alpha as alpha
from kljax.quadrature._f_divergences import chi_squared as chi_squared
from kljax.quadrature._f_divergences import f_divergence as f_divergence
from kljax.quadrature._f_divergences import le_cam as le_cam
from kljax.quadrature._f_divergences import squared_hellinger as squared_hellinger
from kljax.quadrature._f_divergences import total_variation as total_variation
from kljax.quadrature._f_divergences import tsallis as tsallis
from kljax.quadrature._kullback_leibler import jeffreys as jeffreys
from kljax.quadrature._kullback_leibler import jensen_shannon as jensen_shannon
from kljax.quadrature._kullback_leibler import kl as kl
from kljax.quadrature._kullback_leibler import skew_kl as skew_kl

__all__ = [
    "Integral",
    "Support",
    "alpha",
    "chi_squared",
    "circle",
    "f_divergence",
    "jeffreys",
    "jensen_shannon",
    "kl",
    "le_cam",
    "skew_kl",
    "squared_hellinger",
    "total_variation",
    "tsallis",
]
