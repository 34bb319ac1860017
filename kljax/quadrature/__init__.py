"""Divergences by deterministic quadrature: you hold two log-densities of one real variable, an angle or an integer.

    log_p, log_q, hints ─▶ panels ─refine─▶ Σ weight · q f(p/q) ─▶ (value, error)
                                   └▶ nodes and weights, held still ─▶ derivatives

The line is cut at the hints into panels with a Gauss–Kronrod pair of 10 and 21 points; towards a finite end and towards
infinity the variable runs exponentially, which tames integrable singularities and heavy tails. The worst panels are
halved until the two rules agree. Integers are summed, in blocks that are halved likewise.

For derivatives nodes and weights are constants, so that the derivative of the integral is the same sum over the
derivative of the integrand, in forward and reverse mode. The ends of an interval may move: the nodes move with them.
Inside it, what bends where a parameter says, as a Laplace density does at its location, lacks the bend's own part of
the second derivative there; what jumps, as at the end of a density's support that lies inside the interval, lacks
that of the first too. Write such a pair in a variable in which the place stands still; between families, as in
``kljax.kl(TruncatedNormal(…), Normal(…))``, the jumps at the ends of supports are counted, to second order. Both
densities must have all their mass in the support; where one has none it is -∞.

The error bound adds up what the two rules disagree by, what some ulps in each log-density and in each node do, and the
uncertainty of what lies beyond the last node; what a log-density loses inside, as in lgamma(10⁶), it cannot know. It is
infinite if a density does not integrate to one over the nodes, as when a narrow mode was missed: say where it is by
``center`` and ``scale``. An integral is infinite where a density misses mass that makes it so, and where the integrand
times the distance does not decay: if over the whole reach (1e150 in float64, 1e18 in float32, or down to some ulps from
a finite end) it would lose less than a factor √e at the rate seen at the outermost nodes. Where a log-density
overflows before the integrand has decayed, as a Gumbel variable's does in float32, the rest is extrapolated. Close to
end other than zero floating-point numbers are coarse, and an integrable singularity there costs digits, which the
bound shows; log-densities of a transformed variable, log x or logit x, have the same divergences.

A program is made for the functions that are given, and kept for as long as they live: the same ones need no other
unless what they refer to has changed. Parameters that change are best given by ``args``, which both functions take
after the points. What a density computes from its parameters alone stands outside of the refinement, once.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.quadrature._arguments import Integral as Integral
from kljax.quadrature._arguments import Support as Support
from kljax.quadrature._arguments import circle as circle
from kljax.quadrature._arguments import integers as integers
from kljax.quadrature._distances import hellinger_distance as hellinger_distance
from kljax.quadrature._distances import jensen_shannon_distance as jensen_shannon_distance
from kljax.quadrature._f_divergences import alpha as alpha
from kljax.quadrature._f_divergences import chi_squared as chi_squared
from kljax.quadrature._f_divergences import f_divergence as f_divergence
from kljax.quadrature._f_divergences import le_cam as le_cam
from kljax.quadrature._f_divergences import squared_hellinger as squared_hellinger
from kljax.quadrature._f_divergences import total_variation as total_variation
from kljax.quadrature._f_divergences import tsallis as tsallis
from kljax.quadrature._information import cross_entropy as cross_entropy
from kljax.quadrature._information import entropy as entropy
from kljax.quadrature._information import expectation as expectation
from kljax.quadrature._kullback_leibler import jeffreys as jeffreys
from kljax.quadrature._kullback_leibler import jensen_shannon as jensen_shannon
from kljax.quadrature._kullback_leibler import kl as kl
from kljax.quadrature._kullback_leibler import skew_kl as skew_kl
from kljax.quadrature._renyi import bhattacharyya as bhattacharyya
from kljax.quadrature._renyi import renyi as renyi

__all__ = [
    "Integral",
    "Support",
    "alpha",
    "bhattacharyya",
    "chi_squared",
    "circle",
    "cross_entropy",
    "entropy",
    "expectation",
    "f_divergence",
    "hellinger_distance",
    "integers",
    "jeffreys",
    "jensen_shannon",
    "jensen_shannon_distance",
    "kl",
    "le_cam",
    "renyi",
    "skew_kl",
    "squared_hellinger",
    "total_variation",
    "tsallis",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
