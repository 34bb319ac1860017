"""The member of an exponential family nearest to p in forward KL: the one with p's means of sufficient statistics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks
from kljax.families._internal import ROWS, Moments, Row, from_moments, from_samples


def moment_projection(
    samples_or_moments: ArrayLike | Mapping[str, ArrayLike],
    family: type,
    *,
    weights: ArrayLike | None = None,
    log_weights: ArrayLike | None = None,
) -> Any:
    """argmin_q KL(p‖q) over an exponential family: the q whose means of the sufficient statistics are those of p.

    The maximum-likelihood fit to samples of p; the target of expectation propagation, and with importance weights of
    forward-KL inference. In closed form, but for Gamma, InverseGamma, Beta, Dirichlet, VonMises and VonMisesFisher,
    where Newton's method solves the equation to the last digits. Differentiable in the samples, the weights and the
    moments.

    The moments of each family, by their names:

    - Normal: ``mean``, ``variance``; LogNormal: ``mean_log``, ``variance_log``; LogitNormal: ``mean_logit``,
      ``variance_logit``; MultivariateNormal: ``mean`` [..., n], ``covariance`` [..., n, n];
    - HalfNormal and Rayleigh: ``mean_square``;
    - Exponential, Poisson, Geometric and Bernoulli: ``mean``; OneHotCategorical: ``mean`` [..., n];
    - Gamma: ``mean``, ``mean_log``; InverseGamma: ``mean_inverse``, ``mean_log``; InverseGaussian: ``mean``,
      ``mean_inverse``;
    - Beta: ``mean_log``, ``mean_log1m``, the means of log x and log(1 - x); Dirichlet: ``mean_log`` [..., n];
    - VonMises: ``mean_cos``, ``mean_sin``; VonMisesFisher: ``mean`` [..., n].

    From samples the excesses (a variance, log mean - mean log) are summed as non-negative terms, which keeps digits
    that a difference of moments loses. Samples without spread have no projection: scale 0 or concentration ∞ says so.

    Args:
        samples_or_moments: Samples [n, batch..., event...], or a mapping from the names above to moments [batch...,
            event...]. Indices of a categorical variable go in as ``jax.nn.one_hot`` rows with OneHotCategorical.
        family: A class of ``kljax.families`` from the table.
        weights: Non-negative importance weights of the samples, [n] or [n, batch...], in proportion: they are divided
            by their sum.
        log_weights: Their logarithms instead, which may be of any size; -∞ is weight zero.

    Returns:
        The distribution, a record of ``family`` with the batch shape [batch...].

    Raises:
        NotImplementedError: If the family is not in the table.
        ValueError: If moments are missing or unknown, or both kinds of weights, or weights with moments, are given.

    Example:
        >>> import jax
        >>> from kljax import variational
        >>> from kljax.families import Gamma
        >>> x = Gamma(2.0, 3.0).sample(jax.random.key(0), (100_000,))
        >>> found = variational.moment_projection(x, Gamma)
        >>> print(f"{found.concentration:.2f} {found.rate:.2f}")
        2.00 3.00

    References:
        Barndorff-Nielsen (1978), "Information and exponential families in statistical theory"; Minka (2000, revised
        2012), "Estimating a Dirichlet distribution"; Banerjee, Dhillon, Ghosh and Sra (2005), "Clustering on the unit
        hypersphere using von Mises-Fisher distributions".
    """
    if not isinstance(family, type):
        raise TypeError(f"family must be a class of kljax.families; got {family!r}.")
    row = ROWS.get(family)
    if row is None:
        known = ", ".join(sorted(one.__name__ for one in ROWS))
        raise NotImplementedError(f"family {family.__name__} has no moment projection here; those that have: {known}.")
    if isinstance(samples_or_moments, Mapping):
        if weights is not None or log_weights is not None:
            raise ValueError("weights and log_weights are for samples; the moments given are means already.")
        return from_moments(row, _moments(row, samples_or_moments, family.__name__))
    samples = _samples(row, samples_or_moments)
    return from_samples(row, samples, *_weights(row, samples, weights, log_weights))


def _samples(row: Row, value: ArrayLike) -> jax.Array:
    array = jnp.asarray(value)
    if row.discrete and (jnp.issubdtype(array.dtype, jnp.integer) or array.dtype == jnp.bool_):
        array = array.astype(jnp.result_type(float))
    array = _checks.floating("samples_or_moments", array)
    if array.ndim < 1 + row.event_ndim or 0 in array.shape:
        event = ", event" * row.event_ndim
        raise ValueError(
            f"samples_or_moments must be samples [n, batch...{event}], at least one; got shape {array.shape}."
        )
    return array


def _weights(
    row: Row, samples: jax.Array, weights: ArrayLike | None, log_weights: ArrayLike | None
) -> tuple[jax.Array | None, jax.Array | None]:
    if weights is not None and log_weights is not None:
        raise ValueError("weights and log_weights are two forms of the same: give one of them.")
    if weights is None and log_weights is None:
        return None, None
    name, given = ("weights", weights) if log_weights is None else ("log_weights", log_weights)
    array = _checks.floating(name, given).astype(samples.dtype)  # type: ignore[arg-type]
    batch = samples.shape[: samples.ndim - row.event_ndim]
    if array.ndim == 0 or array.shape != batch[: array.ndim]:
        raise ValueError(f"{name} must have shape ({batch[0]},) or {batch}; got shape {array.shape}.")
    return (array, None) if log_weights is None else (None, array)


def _moments(row: Row, given: Mapping[str, ArrayLike], name: str) -> Moments:
    names = [one for one, _ in row.moments]
    if set(given) != set(names):
        raise ValueError(f"samples_or_moments for {name} must have {' and '.join(names)}; got {sorted(given)}.")
    arrays = {one: _checks.floating(one, given[one]) for one in names}
    dtype = jnp.float64 if any(one.dtype == jnp.float64 for one in arrays.values()) else jnp.float32
    for one, ndim in row.moments:
        if arrays[one].ndim < ndim:
            raise ValueError(f"{one} must have at least {ndim} dimensions; got shape {arrays[one].shape}.")
    lead = {one: arrays[one].shape[: arrays[one].ndim - ndim] for one, ndim in row.moments}
    try:
        batch = jnp.broadcast_shapes(*lead.values())
    except ValueError:
        raise ValueError(f"The batch shapes of the moments must broadcast together; got {lead}.") from None
    return {
        one: jnp.broadcast_to(arrays[one].astype(dtype), (*batch, *arrays[one].shape[arrays[one].ndim - ndim :]))
        for one, ndim in row.moments
    }
