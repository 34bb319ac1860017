"""Leave-one-out scores from posterior draws: log p(x_i | the others) by Pareto-smoothed importance sampling.

With log-likelihoods ℓ_si at S posterior draws, 1/p(x_i | θ_s) are the weights of the posterior without x_i, so

    log p(x_i | x_-i) ≈ log Σ_s w_si exp ℓ_si,    w_si ∝ exp(-ℓ_si), smoothed, of sum one.

Where the shape k̂ of the weights' tail is above 0.7, x_i moved the posterior too far for that.
"""

from __future__ import annotations

import numpy as np
from scipy import special

from kljax.variational import pareto_smoothed

FEWEST = 25
UNRELIABLE = 0.7


def leave_one_out(name: str, log_likelihood: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(scores [n], k̂ [n]) from [draws, n]."""
    draws = len(log_likelihood)
    if draws < FEWEST:
        raise ValueError(
            f"{name} must have at least {FEWEST} draws, as [draws, n]; got {draws}. Log-scores that are held out "
            "already go in as [n]."
        )
    scores, shapes = [], []
    for column in log_likelihood.T:
        if np.ptp(column) == 0.0:  # all draws say the same
            scores.append(column[0])
            shapes.append(-np.inf)
            continue
        smoothed = pareto_smoothed(-column)
        scores.append(special.logsumexp(np.asarray(smoothed.log_weights, np.float64) + column))
        shapes.append(float(smoothed.khat))
    return np.array(scores), np.array(shapes)
