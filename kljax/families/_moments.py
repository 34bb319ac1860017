"""What the members of exponential families nearest to samples are made of: means of the samples, by family.

    samples ─summarise─▶ means and excesses ─build─▶ the member with the same means of its sufficient statistics
    moments ─centre───▶

Excesses (a variance, log mean - mean log) are summed as non-negative terms, which keeps digits that a difference of
moments loses. The member is the one of most likelihood, and the nearest in KL from the samples.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kljax import families
from kljax._special.elementwise import itakura_saito_term, log_ratio
from kljax._special.inverse_means import dirichlet_concentration, gamma_shape, resultant_concentration

Moments = dict[str, jax.Array]
_Mean = Callable[[jax.Array], jax.Array]


class Row(NamedTuple):
    """How a family is projected upon: what it needs, that from samples and from moments, and the record made of it."""

    moments: tuple[tuple[str, int], ...]  # names, and the dimensions of one value
    summarise: Callable[[jax.Array, _Mean], Moments]
    centre: Callable[[Moments], Moments]
    build: Callable[[Moments], Any]
    event_ndim: int = 0
    discrete: bool = False


@functools.partial(jax.jit, static_argnums=0)
def from_moments(row: Row, moments: Moments) -> Any:
    """The record of a row from its moments."""
    return row.build(row.centre(moments))


def shares(weights: jax.Array | None, log_weights: jax.Array | None) -> jax.Array | None:
    """The weights of samples, along their first axis, divided by the sum; None for equal ones."""
    if log_weights is not None:
        return jax.nn.softmax(log_weights, 0)
    if weights is None:
        return None
    # Divided by the largest first: a sum of large ones may overflow.
    unit = weights / weights.max(0, keepdims=True)
    return unit / unit.sum(0, keepdims=True)


@functools.partial(jax.jit, static_argnums=0)
def from_samples(row: Row, x: jax.Array, weights: jax.Array | None, log_weights: jax.Array | None) -> Any:
    """The record of a row from samples [n, batch..., event...]."""
    share = shares(weights, log_weights)

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
ROWS: dict[type, Row] = {
    families.Normal: Row((*_MEAN, ("variance", 0)), _spread, _same, _normal(families.Normal)),
    families.LogNormal: Row(
        (("mean_log", 0), ("variance_log", 0)),
        lambda x, mean: _spread(jnp.log(x), mean),
        _renamed("_log"),
        _normal(families.LogNormal),
    ),
    families.LogitNormal: Row(
        (("mean_logit", 0), ("variance_logit", 0)),
        lambda x, mean: _spread(_log_odds(x), mean),
        _renamed("_logit"),
        _normal(families.LogitNormal),
    ),
    families.MultivariateNormal: Row(
        (("mean", 1), ("covariance", 2)),
        _covariance,
        _same,
        lambda m: families.MultivariateNormal.from_covariance(m["mean"], m["covariance"]),
        event_ndim=1,
    ),
    families.HalfNormal: Row(
        (("mean_square", 0),), _square, _same, lambda m: families.HalfNormal(jnp.sqrt(m["mean_square"]))
    ),
    families.Rayleigh: Row(
        (("mean_square", 0),), _square, _same, lambda m: families.Rayleigh(jnp.sqrt(0.5 * m["mean_square"]))
    ),
    families.Exponential: Row(_MEAN, _plain_mean, _same, lambda m: families.Exponential(1.0 / m["mean"])),
    families.Poisson: Row(_MEAN, _plain_mean, _same, lambda m: families.Poisson(m["mean"]), discrete=True),
    families.Geometric: Row(
        _MEAN, _plain_mean, _same, lambda m: families.Geometric(1.0 / (1.0 + m["mean"])), discrete=True
    ),
    families.Bernoulli: Row(_MEAN, _plain_mean, _same, lambda m: families.Bernoulli(m["mean"]), discrete=True),
    families.OneHotCategorical: Row(
        (("mean", 1),),
        _plain_mean,
        _same,
        lambda m: families.OneHotCategorical(m["mean"]),
        event_ndim=1,
        discrete=True,
    ),
    families.Gamma: Row(
        (*_MEAN, ("mean_log", 0)),
        _log_excess,
        lambda m: {"mean": m["mean"], "excess": jnp.log(m["mean"]) - m["mean_log"]},
        _gamma,
    ),
    families.InverseGamma: Row(
        (("mean_inverse", 0), ("mean_log", 0)),
        lambda x, mean: _log_excess(1.0 / x, mean),
        lambda m: {"mean": m["mean_inverse"], "excess": jnp.log(m["mean_inverse"]) + m["mean_log"]},
        _inverse_gamma,
    ),
    families.InverseGaussian: Row(
        (*_MEAN, ("mean_inverse", 0)),
        _inverse_excess,
        lambda m: {"mean": m["mean"], "excess": m["mean_inverse"] - 1.0 / m["mean"]},
        lambda m: families.InverseGaussian(m["mean"], 1.0 / m["excess"]),
    ),
    families.Beta: Row(
        (("mean_log", 0), ("mean_log1m", 0)),
        lambda x, mean: {"mean_log": mean(jnp.log(x)), "mean_log1m": mean(jnp.log1p(-x))},
        _same,
        _beta,
    ),
    families.Dirichlet: Row(
        (("mean_log", 1),),
        lambda x, mean: {"mean_log": mean(jnp.log(x))},
        _same,
        lambda m: families.Dirichlet(dirichlet_concentration(m["mean_log"])),
        event_ndim=1,
    ),
    families.VonMises: Row(
        (("mean_cos", 0), ("mean_sin", 0)),
        lambda x, mean: {"mean_cos": mean(jnp.cos(x)), "mean_sin": mean(jnp.sin(x))},
        _same,
        _circle,
    ),
    families.VonMisesFisher: Row((("mean", 1),), _plain_mean, _same, _fisher, event_ndim=1),
}
