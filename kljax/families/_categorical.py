"""The categorical distribution, over indices and over one-hot vectors."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax import logits, probs
from kljax._kernels.entropies import log_norm, log_softmax
from kljax._special.elementwise import log_ratio
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, batch_shape, family, filled, located, one_of, probability, real
from kljax.quadrature import Support, integers


@family
class Categorical:
    """Categorical(probs) or Categorical(logits=a), [..., K]: probability pₖ of k = 0, …, K - 1, p = softmax(a).

    Probabilities are taken as they are: they should sum to one.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import Categorical
        >>> print(f"{Categorical(jnp.array([0.25, 0.75])).entropy():.4f}")
        0.5623
    """

    probs: Any = one_of(probability, ndim=1)
    logits: Any = one_of(real, ndim=1)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is none of the integers 0, …, K - 1."""
        k, at = at_points(x, self)
        table = outcome_log_chances(at)
        count = table.shape[-1]
        legal = (k >= 0.0) & (k <= count - 1.0) & (k == jnp.floor(k))
        index = jnp.where(legal, k, 0.0).astype(jnp.int32)
        return jnp.where(legal, jnp.take_along_axis(table, index[..., None], -1)[..., 0], -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as integers; they carry no derivative."""
        table = outcome_log_chances(filled(self))
        return jax.random.categorical(key, table, shape=(*shape, *batch_shape(self)))

    @property
    def support(self) -> Support:
        """{0, 1, …, K - 1}"""
        return integers(0, jax.tree.leaves(self)[0].shape[-1] - 1)

    def cdf(self, x: Any) -> jax.Array:
        """Σ pⱼ over j ≤ x"""
        x, at = at_points(x, self)
        p = outcome_chances(at)
        count = p.shape[-1]
        k = jnp.clip(jnp.floor(x), 0.0, count - 1.0).astype(jnp.int32)
        value = jnp.take_along_axis(jnp.cumsum(p, -1), k[..., None], -1)[..., 0]
        return jnp.where(x < 0.0, 0.0, jnp.where(x >= count - 1.0, 1.0, jnp.minimum(value, 1.0)))

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """The likeliest k, the least of several"""
        p = outcome_log_chances(filled(self))
        return p.argmax(-1).astype(p.dtype)

    stddev = standard_deviation

    def entropy(self) -> jax.Array:
        """-Σ pₖ log pₖ."""
        return _entropy(self)

    @property
    def mean(self) -> jax.Array:
        """Σ k pₖ"""
        p = outcome_chances(filled(self))
        return (jnp.broadcast_to(jnp.arange(p.shape[-1], dtype=p.dtype), p.shape) * p).sum(-1)

    @property
    def variance(self) -> jax.Array:
        """Σ (k - m)² pₖ, m the mean."""
        p = outcome_chances(filled(self))
        k = jnp.broadcast_to(jnp.arange(p.shape[-1], dtype=p.dtype), p.shape)
        return (jnp.square(k - self.mean[..., None]) * p).sum(-1)

    @property
    def natural(self) -> jax.Array:
        """log pₖ, [batch..., K]: one more than needed, for a constant may be added to all."""
        return outcome_log_chances(filled(self))

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log Σ exp ηₖ"""
        return jax.nn.logsumexp(natural, -1)


@family
class OneHotCategorical:
    """OneHotCategorical(probs) or OneHotCategorical(logits=a), [..., K]: probability pₖ of the unit vector eₖ.

    Probabilities are taken as they are: they should sum to one.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from kljax.families import OneHotCategorical
        >>> print(OneHotCategorical(jnp.array([0.0, 1.0, 0.0])).sample(jax.random.key(0)))
        [0. 1. 0.]
    """

    probs: Any = one_of(probability, ndim=1)
    logits: Any = one_of(real, ndim=1)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x, [..., K]; -∞ for what is no unit vector."""
        x = located(x, self)
        legal = ((x == 0.0) | (x == 1.0)).all(-1) & ((x == 1.0).sum(-1) == 1)
        index = x.argmax(-1).astype(jnp.int32)
        return jnp.where(legal, Categorical(self.probs, self.logits).log_prob(index), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        table = outcome_log_chances(filled(self))
        index = jax.random.categorical(key, table, shape=(*shape, *batch_shape(self)))
        return jax.nn.one_hot(index, table.shape[-1], dtype=table.dtype)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(K,)"""
        return (jax.tree.leaves(self)[0].shape[-1],)

    @property
    def support(self) -> Support:
        """The unit vectors e₀, …, e_{K-1}."""
        return Support(0.0, 1.0, "one-hot")

    @property
    def mode(self) -> jax.Array:
        """The likeliest unit vector, the first of several"""
        p = outcome_log_chances(filled(self))
        return jax.nn.one_hot(p.argmax(-1), p.shape[-1], dtype=p.dtype)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """-Σ pₖ log pₖ."""
        return _entropy(self)

    @property
    def mean(self) -> jax.Array:
        """p, [batch..., K]."""
        return outcome_chances(filled(self))

    @property
    def variance(self) -> jax.Array:
        """p(1 - p), entry by entry."""
        p = outcome_chances(filled(self))
        return p * (1.0 - p)

    @property
    def natural(self) -> jax.Array:
        """log pₖ, [batch..., K]: one more than needed, for a constant may be added to all."""
        return outcome_log_chances(filled(self))

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log Σ exp ηₖ"""
        return jax.nn.logsumexp(natural, -1)


def outcome_log_chances(one: Any) -> jax.Array:
    if one.logits is None:
        return log_ratio(one.probs, jnp.ones_like(one.probs))
    return log_softmax(one.logits, None, *log_norm(one.logits, None))


def outcome_chances(one: Any) -> jax.Array:
    return jnp.exp(outcome_log_chances(one)) if one.probs is None else one.probs


def _entropy(one: Any) -> jax.Array:
    return probs.entropy(one.probs) if one.logits is None else logits.entropy(one.logits)
