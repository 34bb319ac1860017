"""Rényi's divergence from two samples."""

from __future__ import annotations

import math

import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks
from kljax._names import advised
from kljax._types import Nan, Rows, SampleMethod
from kljax.montecarlo import Estimate
from kljax.samples._estimate import SampleEstimate, estimate
from kljax.samples._f_divergences import QUERIES, K, alpha


@advised
def renyi(
    x: Rows,
    y: Rows,
    *,
    order: float,
    key: ArrayLike | None = None,
    method: SampleMethod = "auto",
    k: int | tuple[int, ...] = K,
    surrogates: int = 8,
    max_queries: int = QUERIES,
    nan: Nan = "raise",
    progress: bool = False,
) -> SampleEstimate:
    """R_α(p‖q) = log(∫ p^α q^(1-α))/(α - 1), Rényi's divergence, from samples x of p and y of q alone.

    It is a function of ``alpha``, and its error is that one's times the slope. Where ∫ p^α q^(1-α) is not known from 0
    the standard error is infinite.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        order: α > 0; at 1 it is KL.
        key: A key of ``jax.random``. It is required.
        method: As in ``f_divergence``.
        k: As in ``kl``.
        surrogates: As in ``kl``.
        max_queries: As in ``kl``, of x and of y.
        nan: As in ``kl``.
        progress: As in ``kl``.

    Returns:
        A ``SampleEstimate`` in nats.

    Raises:
        ValueError: As ``kl``, and where values recur, so that there is no density ratio.
        TypeError: As ``kl``.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 800, 2))
        >>> low, high = samples.renyi(x + 1.0, y, order=0.5, key=jax.random.key(1)).interval()
        >>> print(low < 0.5 < high)
        True

    References:
        van Erven & Harremoës (2014), "Rényi divergence and Kullback-Leibler divergence".
    """
    _checks.number("order", order, low=0.0, open_low=True)
    found = alpha(
        x,
        y,
        order=order,
        key=key,
        method=method,
        k=k,
        surrogates=surrogates,
        max_queries=max_queries,
        nan=nan,
        progress=progress,
    )
    if order == 1.0:
        return found

    def moved(one: Estimate) -> Estimate:
        # ∫ p^α q^(1-α) = 1 + α(α - 1) A, of which R is the logarithm over α - 1
        integral = 1.0 + order * (order - 1.0) * float(one.value)
        if integral <= 0.0:
            return estimate(math.inf, math.inf, float(one.ess))
        return estimate(math.log(integral) / (order - 1.0), order * float(one.stderr) / integral, float(one.ess))

    value, stderr, ess = moved(Estimate(found.value, found.stderr, found.ess))
    methods = {name: moved(one) for name, one in found.methods.items()}
    return found._replace(value=value, stderr=jnp.asarray(stderr), ess=ess, methods=methods, limits=(0.0, math.inf))
