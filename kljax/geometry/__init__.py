"""Steps measured in nats: you hold parameters, and a divergence between the distributions that they stand for.

    divergence(params_p, params_q)  ─second derivative at q = p─▶  Fisher information F  ─solve─▶  F⁻¹g, a step
                                    ─value along a step─▶  its length, cut to a radius
    losses of outcomes, radius  ─tilt q until KL(p‖q) = radius─▶  the worst p of a ball

``divergence`` is any function of two pytrees of parameters that returns one number: ``kljax.kl`` itself, where the
parameters are a record of ``kljax.families``, or a mean of ``logits.kl`` over what a network makes of a batch. Nothing
else about the distributions is asked for, so that every family and every network has a natural gradient.

Natural gradients and trust regions are optax transformations; it is imported when one is made.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.geometry._ball import Extreme as Extreme
from kljax.geometry._ball import kl_ball_maximum as kl_ball_maximum
from kljax.geometry._ball import kl_ball_projection as kl_ball_projection
from kljax.geometry._fisher import fisher as fisher
from kljax.geometry._fisher import fisher_vector_product as fisher_vector_product
from kljax.geometry._natural_gradient import NaturalGradientState as NaturalGradientState
from kljax.geometry._natural_gradient import natural_gradient as natural_gradient
from kljax.geometry._trust_region import Step as Step
from kljax.geometry._trust_region import TrustRegionState as TrustRegionState
from kljax.geometry._trust_region import restrict_step as restrict_step
from kljax.geometry._trust_region import trust_region as trust_region

__all__ = [
    "Extreme",
    "NaturalGradientState",
    "Step",
    "TrustRegionState",
    "fisher",
    "fisher_vector_product",
    "kl_ball_maximum",
    "kl_ball_projection",
    "natural_gradient",
    "restrict_step",
    "trust_region",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
