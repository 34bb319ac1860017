"""Variational: what you hold is a log-density known up to a constant, and a family of distributions to fit to it.

log-density ─▶ log-weights at draws of q ─objective─▶ estimate ─gradient estimator─▶ optimiser ─▶ q with its k̂

Stochastic steps need optax, and flows flax too; either is imported when it is used. ``import kljax`` loads nothing of
this, and every name is reached by ``kljax.variational`` or ``from kljax import variational``.
"""

from typing import TYPE_CHECKING

from kljax._names import unknown as _unknown
from kljax.variational._fit import fit
from kljax.variational._flows import autoregressive_flow, coupling_flow
from kljax.variational._gaussians import full_rank, gaussian_mixture, laplace, low_rank, mean_field
from kljax.variational._gradients import ESTIMATORS, Step, value_and_grad
from kljax.variational._guides import Frame, Guide, Params
from kljax.variational._moment_projection import moment_projection
from kljax.variational._objectives import (
    Objective,
    chi_squared_bound,
    elbo,
    f_divergence,
    forward_kl,
    importance_weighted,
    jensen_shannon,
    renyi,
)
from kljax.variational._own_guides import custom, family
from kljax.variational._psis import ParetoSmoothed, pareto_smoothed
from kljax.variational._result import FitResult, Moments, Seconds
from kljax.variational._stochastic import State, init, initial_params, step
from kljax.variational._targets import Target, from_joint, from_numpyro

__all__ = [
    "ESTIMATORS",
    "FitResult",
    "Frame",
    "Guide",
    "Moments",
    "Objective",
    "Params",
    "ParetoSmoothed",
    "Seconds",
    "State",
    "Step",
    "Target",
    "autoregressive_flow",
    "chi_squared_bound",
    "coupling_flow",
    "custom",
    "elbo",
    "f_divergence",
    "family",
    "fit",
    "forward_kl",
    "from_joint",
    "from_numpyro",
    "full_rank",
    "gaussian_mixture",
    "importance_weighted",
    "init",
    "initial_params",
    "jensen_shannon",
    "laplace",
    "low_rank",
    "mean_field",
    "moment_projection",
    "pareto_smoothed",
    "renyi",
    "step",
    "value_and_grad",
]

if not TYPE_CHECKING:  # a type checker is to refuse what is not there
    __getattr__ = _unknown(__name__, __all__)
