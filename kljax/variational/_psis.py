"""Pareto-smoothed importance sampling: how far importance weights can be trusted, and how far q is from p."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike


class ParetoSmoothed(NamedTuple):
    """Smoothed importance weights.

    Attributes:
        log_weights: Their logarithms [S], normalised so that the weights sum to 1.
        khat: The shape k̂ of the tail. Below 0.5 the weights have a finite variance, below 0.7 estimates with them
            are still useful, above that they are not, and q is far from p where it matters.
    """

    log_weights: jax.Array
    khat: jax.Array


def pareto_smoothed(log_weights: ArrayLike) -> ParetoSmoothed:
    """The largest weights replaced by the expected order statistics of a generalised Pareto tail fitted to them.

    The tail is that of the min(S/5, 3√S) largest weights; its shape is Zhang and Stephens' estimate, drawn a little
    towards ½. No smoothed weight exceeds the largest raw one.

    Args:
        log_weights: log p̃(x) - log q(x) at S draws x of q, up to a constant: [S], S ≥ 25. Under ``jit`` the result is
            traced; outside, NumPy computes it and nothing is compiled.

    Returns:
        ``ParetoSmoothed``. k̂ is -∞ where the largest weights are equal to rounding, and ∞ where a log-weight is
        NaN or +∞, or where a few weights are so large that the rest vanish beside them.

    Example:
        >>> import jax
        >>> from kljax import variational
        >>> draws = jax.random.normal(jax.random.key(0), (4000,))
        >>> print(bool(variational.pareto_smoothed(0.05 * draws**2).khat < 0.5))
        True

    References:
        Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed importance sampling"; Zhang and Stephens
        (2009), "A new and efficient estimation method for the generalized Pareto distribution".
    """
    traced = isinstance(log_weights, jax.core.Tracer)
    xp: Any = jnp if traced else np
    given = xp.asarray(log_weights)
    if given.ndim != 1 or given.shape[0] < 25:
        raise ValueError(f"log_weights must have one axis of at least 25 draws; got shape {given.shape}.")
    # NumPy's way of mixing integers and floats serves both.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"), np.errstate(all="ignore"):
        return _smooth(given if traced else given.astype(np.float64), given.dtype, xp)


def _smooth(weights: Any, kind: Any, xp: Any) -> ParetoSmoothed:
    count = weights.shape[0]
    tail = math.ceil(min(0.2 * count, 3.0 * math.sqrt(count)))
    broken = (xp.isnan(weights) | (weights == xp.inf)).any() | (weights == -xp.inf).all()
    safe = xp.where(broken, 0.0, weights)
    safe = safe - safe.max()
    order = xp.argsort(safe)
    sorted_weights = safe[order]
    cut = sorted_weights[count - tail - 1]
    excess = xp.exp(sorted_weights[count - tail :]) - xp.exp(cut)
    # A tail that is flat to rounding has no shape; one of a few weights beside which the rest vanish has no end.
    flat = safe.max() - cut < 1e-5
    endless = ~flat & ~(excess[math.floor(tail / 4 + 0.5) - 1] > 0.0)
    shape, scale = _fit_tail(xp.where(flat | endless, xp.arange(1, tail + 1) / tail, excess), xp)
    level = (xp.arange(tail) + 0.5) / tail
    exponential = xp.abs(shape) < 1e-6
    curved = xp.expm1(-shape * xp.log1p(-level)) / xp.where(exponential, 1.0, shape)
    quantile = xp.where(exponential, -xp.log1p(-level), curved)
    smooth = xp.minimum(xp.log(xp.exp(cut) + scale * quantile), 0.0)
    smooth = xp.where(flat | endless, sorted_weights[count - tail :], smooth)
    ordered = xp.concatenate([sorted_weights[: count - tail], smooth])
    back = ordered[xp.argsort(order)]
    total = xp.log(xp.exp(back).sum())
    khat = xp.where(broken | endless, xp.inf, xp.where(flat, -xp.inf, shape))
    result = xp.where(broken, xp.nan, back - total)
    dtype = kind if jnp.issubdtype(kind, jnp.floating) else jnp.result_type(float)
    return ParetoSmoothed(*(jnp.asarray(xp.asarray(one).astype(dtype)) for one in (result, khat)))


def _fit_tail(excess: Any, xp: Any) -> tuple[Any, Any]:
    """(k, σ) of a generalised Pareto distribution, density (1 + k x/σ)^(-1-1/k)/σ, from sorted excesses."""
    count = excess.shape[0]
    points = 30 + math.isqrt(count)
    quartile = excess[math.floor(count / 4 + 0.5) - 1]
    # The profile likelihood of b = -k/σ, averaged over the points of a data-dependent prior.
    grid = 1.0 / excess[-1] + (1.0 - xp.sqrt(points / (xp.arange(1, points + 1) - 0.5))) / (3.0 * quartile)
    shapes = xp.log1p(-grid[:, None] * excess).mean(1)
    profile = count * (xp.log(-grid / shapes) - shapes - 1.0)
    weights = xp.exp(profile - profile.max())
    mean = (grid * weights).sum() / weights.sum()
    shape = xp.log1p(-mean * excess).mean()
    scale = -shape / mean
    # A prior worth 10 observations at ½ keeps the estimate steady in short tails.
    return (shape * count + 0.5 * 10.0) / (count + 10.0), scale
