"""The member of an exponential family nearest to p in forward KL: the one with p's means of sufficient statistics."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, families
from kljax._special import itakura_saito_term, log_ratio
from kljax.variational._inverse_means import dirichlet_concentration, gamma_shape, resultant_concentration

Moments = dict[str, jax.Array]
_Mean = Callable[[jax.Array], jax.Array]


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
        TypeError: If ``family`` is no class, or an array has the wrong dtype.
        NotImplementedError: If the family is not in the table.
        ValueError: If shapes do not fit, there are no samples, moments are missing or unknown, or both kinds of
            weights, or weights with moments, are given.

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
    row = _ROWS.get(family)
    if row is None:
        known = ", ".join(sorted(one.__name__ for one in _ROWS))
        raise NotImplementedError(f"family {family.__name__} has no moment projection here; those that have: {known}.")
    if isinstance(samples_or_moments, Mapping):
        if weights is not None or log_weights is not None:
            raise ValueError("weights and log_weights are for samples; the moments given are means already.")
        return _from_moments(row, _moments(row, samples_or_moments, family.__name__))
    samples = _samples(row, samples_or_moments)
    return _from_samples(row, samples, *_weights(row, samples, weights, log_weights))


class _Row(NamedTuple):
    """How a family is projected upon: what it needs, that from samples and from moments, and the record made of it."""

    moments: tuple[tuple[str, int], ...]  # names, and the dimensions of one value
    summarise: Callable[[jax.Array, _Mean], Moments]
    centre: Callable[[Moments], Moments]
    build: Callable[[Moments], Any]
    event_ndim: int = 0
    discrete: bool = False


def _samples(row: _Row, value: ArrayLike) -> jax.Array:
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
    row: _Row, samples: jax.Array, weights: ArrayLike | None, log_weights: ArrayLike | None
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


def _moments(row: _Row, given: Mapping[str, ArrayLike], name: str) -> Moments:
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


@functools.partial(jax.jit, static_argnums=0)
def _from_moments(row: _Row, moments: Moments) -> Any:
    return row.build(row.centre(moments))


@functools.partial(jax.jit, static_argnums=0)
def _from_samples(row: _Row, x: jax.Array, weights: jax.Array | None, log_weights: jax.Array | None) -> Any:
    if log_weights is not None:
        share = jax.nn.softmax(log_weights, 0)
    elif weights is not None:
        # Divided by the largest first: a sum of large ones may overflow.
        unit = weights / weights.max(0, keepdims=True)
        share = unit / unit.sum(0, keepdims=True)
    else:
        share = None

    def mean(values: jax.Array) -> jax.Array:
        if share is None:
            return values.mean(0)
        w = jnp.broadcast_to(share.reshape(share.shape + (1,) * (values.ndim - share.ndim)), values.shape)
        # A sample of weight zero does not count, whatever its statistic.
        return (w * jnp.where(w > 0.0, values, 0.0)).sum(0)

    return row.build(row.summarise(x, mean))


# --- what each family needs --------------------------------------------------------------------------------


def _beside(value: jax.Array, samples: jax.Array) -> jax.Array:
    """A mean, for each of the samples."""
    return jnp.broadcast_to(value[None], samples.shape)


def _spread(x: jax.Array, mean: _Mean) -> Moments:
    # The first mean is rounded: what the second one finds of it is taken off.
    about = mean(x)
    centre = about + mean(x - _beside(about, x))
    return {"mean": centre, "variance": mean(jnp.square(x - _beside(centre, x)))}


def _covariance(x: jax.Array, mean: _Mean) -> Moments:
    centre = mean(x)
    apart = x - _beside(centre, x)
    return {"mean": centre, "covariance": mean(apart[..., :, None] * apart[..., None, :])}


def _plain_mean(x: jax.Array, mean: _Mean) -> Moments:
    return {"mean": mean(x)}


def _square(x: jax.Array, mean: _Mean) -> Moments:
    return {"mean_square": mean(jnp.square(x))}


def _log_excess(x: jax.Array, mean: _Mean) -> Moments:
    """log E[x] - E[log x], as the mean of x/m - 1 - log(x/m) ≥ 0."""
    centre = mean(x)
    return {"mean": centre, "excess": mean(itakura_saito_term(x, _beside(centre, x)))}


def _inverse_excess(x: jax.Array, mean: _Mean) -> Moments:
    """E[1/x] - 1/E[x], as the mean of (x - m)²/(m² x) ≥ 0."""
    centre = mean(x)
    at = _beside(centre, x)
    return {"mean": centre, "excess": mean(jnp.square((x - at) / at) / x)}


def _same(moments: Moments) -> Moments:
    return moments


def _log_odds(x: jax.Array) -> jax.Array:
    return log_ratio(x, 1.0 - x)


def _normal(kind: Callable[..., Any]) -> Callable[[Moments], Any]:
    return lambda m: kind(m["mean"], jnp.sqrt(m["variance"]))


def _renamed(suffix: str) -> Callable[[Moments], Moments]:
    return lambda m: {name.removesuffix(suffix): value for name, value in m.items()}


def _gamma(m: Moments) -> Any:
    shape = gamma_shape(m["excess"])
    return families.Gamma(shape, shape / m["mean"])


def _inverse_gamma(m: Moments) -> Any:
    shape = gamma_shape(m["excess"])
    return families.InverseGamma(shape, shape / m["mean"])


def _beta(m: Moments) -> Any:
    concentration = dirichlet_concentration(jnp.stack([m["mean_log"], m["mean_log1m"]], -1))
    return families.Beta(concentration[..., 0], concentration[..., 1])


def _fisher(m: Moments) -> Any:
    mean = m["mean"]
    length, rest = _length(mean)
    some = (length > 0.0)[..., None]  # else any direction will do
    direction = jnp.where(some, mean, 1.0) / jnp.where(some, length[..., None], mean.shape[-1] ** 0.5)
    return families.VonMisesFisher(direction, resultant_concentration(mean.shape[-1] / 2.0 - 1.0, length, rest))


def _circle(m: Moments) -> Any:
    mean = jnp.stack([m["mean_cos"], m["mean_sin"]], -1)
    length, rest = _length(mean)
    none = length == 0.0
    angle = jnp.arctan2(jnp.where(none, 0.0, mean[..., 1]), jnp.where(none, 1.0, mean[..., 0]))
    return families.VonMises(angle, resultant_concentration(0.0, length, rest))


def _length(mean: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(r, 1 - r) of a mean of unit vectors, r its length."""
    squared = jnp.square(mean).sum(-1)
    positive = squared > 0.0
    length = jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1.0)), 0.0)
    return length, (1.0 - squared) / (1.0 + length)


_MEAN = (("mean", 0),)
_ROWS: dict[type, _Row] = {
    families.Normal: _Row((*_MEAN, ("variance", 0)), _spread, _same, _normal(families.Normal)),
    families.LogNormal: _Row(
        (("mean_log", 0), ("variance_log", 0)),
        lambda x, mean: _spread(jnp.log(x), mean),
        _renamed("_log"),
        _normal(families.LogNormal),
    ),
    families.LogitNormal: _Row(
        (("mean_logit", 0), ("variance_logit", 0)),
        lambda x, mean: _spread(_log_odds(x), mean),
        _renamed("_logit"),
        _normal(families.LogitNormal),
    ),
    families.MultivariateNormal: _Row(
        (("mean", 1), ("covariance", 2)),
        _covariance,
        _same,
        lambda m: families.MultivariateNormal.from_covariance(m["mean"], m["covariance"]),
        event_ndim=1,
    ),
    families.HalfNormal: _Row(
        (("mean_square", 0),), _square, _same, lambda m: families.HalfNormal(jnp.sqrt(m["mean_square"]))
    ),
    families.Rayleigh: _Row(
        (("mean_square", 0),), _square, _same, lambda m: families.Rayleigh(jnp.sqrt(0.5 * m["mean_square"]))
    ),
    families.Exponential: _Row(_MEAN, _plain_mean, _same, lambda m: families.Exponential(1.0 / m["mean"])),
    families.Poisson: _Row(_MEAN, _plain_mean, _same, lambda m: families.Poisson(m["mean"]), discrete=True),
    families.Geometric: _Row(
        _MEAN, _plain_mean, _same, lambda m: families.Geometric(1.0 / (1.0 + m["mean"])), discrete=True
    ),
    families.Bernoulli: _Row(_MEAN, _plain_mean, _same, lambda m: families.Bernoulli(m["mean"]), discrete=True),
    families.OneHotCategorical: _Row(
        (("mean", 1),),
        _plain_mean,
        _same,
        lambda m: families.OneHotCategorical(m["mean"]),
        event_ndim=1,
        discrete=True,
    ),
    families.Gamma: _Row(
        (*_MEAN, ("mean_log", 0)),
        _log_excess,
        lambda m: {"mean": m["mean"], "excess": jnp.log(m["mean"]) - m["mean_log"]},
        _gamma,
    ),
    families.InverseGamma: _Row(
        (("mean_inverse", 0), ("mean_log", 0)),
        lambda x, mean: _log_excess(1.0 / x, mean),
        lambda m: {"mean": m["mean_inverse"], "excess": jnp.log(m["mean_inverse"]) + m["mean_log"]},
        _inverse_gamma,
    ),
    families.InverseGaussian: _Row(
        (*_MEAN, ("mean_inverse", 0)),
        _inverse_excess,
        lambda m: {"mean": m["mean"], "excess": m["mean_inverse"] - 1.0 / m["mean"]},
        lambda m: families.InverseGaussian(m["mean"], 1.0 / m["excess"]),
    ),
    families.Beta: _Row(
        (("mean_log", 0), ("mean_log1m", 0)),
        lambda x, mean: {"mean_log": mean(jnp.log(x)), "mean_log1m": mean(jnp.log1p(-x))},
        _same,
        _beta,
    ),
    families.Dirichlet: _Row(
        (("mean_log", 1),),
        lambda x, mean: {"mean_log": mean(jnp.log(x))},
        _same,
        lambda m: families.Dirichlet(dirichlet_concentration(m["mean_log"])),
        event_ndim=1,
    ),
    families.VonMises: _Row(
        (("mean_cos", 0), ("mean_sin", 0)),
        lambda x, mean: {"mean_cos": mean(jnp.cos(x)), "mean_sin": mean(jnp.sin(x))},
        _same,
        _circle,
    ),
    families.VonMisesFisher: _Row((("mean", 1),), _plain_mean, _same, _fisher, event_ndim=1),
}
