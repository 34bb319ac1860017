"""Mixtures of distributions of one family."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax.families import _integrals
from kljax.families._bernoulli import Bernoulli
from kljax.families._categorical import Categorical, OneHotCategorical, outcome_chances, outcome_log_chances
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import (
    at_points,
    batch_shape,
    ends,
    family,
    filled,
    hints,
    nested,
    one_of,
    probability,
    real,
)
from kljax.quadrature import Support

_ADVICE = (
    " A mixture has one record whose last batch dimension runs over the components, such as "
    "Normal(jnp.array([0.0, 3.0]), 1.0). For components of different families give two log-densities to "
    "kljax.quadrature, or to kljax.estimate an object with log_prob(x) and sample(key, shape)."
)


@family
class Mixture:
    """Mixture(components, probs) or Mixture(components, logits=a): density Σ wₖ pₖ(x), w = probs or softmax(a).

    The last dimension of the components' batch runs over k. Two mixtures of numbers, or a mixture and any distribution
    of numbers, have every divergence, by quadrature or summation.

    Example:
        >>> import jax.numpy as jnp
        >>> import kljax
        >>> from kljax.families import Mixture, Normal
        >>> p = Mixture(Normal(jnp.array([-1.0, 2.0]), jnp.array([1.0, 0.5])), jnp.array([0.75, 0.25]))
        >>> print(f"{p.log_prob(0.0):.4f} {kljax.kl(p, Normal(0.0, 2.0)):.4f}")
        -1.7063 0.1851
    """

    components: Any = nested(advice=_ADVICE)
    probs: Any = one_of(probability, ndim=1)
    logits: Any = one_of(real, ndim=1)

    def _check(self) -> None:
        shape, count = batch_shape(self.components), self.count
        if not shape or shape[-1] not in (1, count):
            raise ValueError(
                f"Mixture: the last batch dimension of components must have an entry for each of the {count} weights; "
                f"the batch shape of {type(self.components).__name__} is {shape}."
            )

    @property
    def count(self) -> int:
        """How many components there are."""
        given = self.logits if self.probs is None else self.probs
        return int(given.shape[-1])

    def _inner(self) -> dict[str, tuple[int, ...]]:
        return {"components": (self.count,)}

    @property
    def event_shape(self) -> Any:
        """That of a component."""
        return self.components.event_shape

    def log_prob(self, x: Any) -> jax.Array:
        """log Σ wₖ pₖ(x)"""
        x, at = at_points(x, self)
        parts = at.components.log_prob(jnp.expand_dims(x, -1 - len(self.event_shape)))
        logs = outcome_log_chances(at)
        top = jax.lax.stop_gradient((logs + parts).max(-1, keepdims=True))
        safe = jnp.where(jnp.isfinite(top), top, 0.0)
        if at.probs is None:
            total = jnp.exp(_finite(logs + parts - safe)).sum(-1)
        else:
            # The weights stand outside the exponential, so that one of zero has a derivative.
            total = (at.probs * jnp.exp(_finite(parts - safe))).sum(-1)
        inside = jnp.log(jnp.where(jnp.isfinite(top[..., 0]), total, 1.0)) + safe[..., 0]
        return jnp.where(jnp.isfinite(top[..., 0]), inside, top[..., 0])

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws of all components, of which one is taken; they carry no derivative in the weights."""
        which, what = jax.random.split(key)
        at = filled(self)
        index = jax.random.categorical(which, outcome_log_chances(at), shape=(*shape, *batch_shape(self)))
        draws = at.components.sample(what, shape)
        axis = -1 - len(self.event_shape)
        index = index.reshape(*index.shape, *(1,) * -axis)
        return jnp.squeeze(jnp.take_along_axis(draws, index, axis), axis)

    @property
    def support(self) -> Support:
        """From the lowest end to the highest."""
        inner = filled(self).components.support
        axis = -1 - len(self.event_shape)
        low = inner.low if isinstance(inner.low, (int, float)) else inner.low.min(axis)
        high = inner.high if isinstance(inner.high, (int, float)) else inner.high.max(axis)
        return Support(low, high, inner.kind)

    def cdf(self, x: Any) -> jax.Array:
        """Σ wₖ Fₖ(x)"""
        x, at = at_points(x, self)
        return jnp.minimum((outcome_chances(at) * at.components.cdf(x[..., None])).sum(-1), 1.0)

    quantile = quantile_by_bisection

    stddev = standard_deviation

    def entropy(self) -> jax.Array:
        """-E[log p(x)], by quadrature or summation; only of numbers."""
        if self.event_shape != ():
            raise NotImplementedError(
                "The entropy of a Mixture in several dimensions has no closed form; take the mean of -log_prob over "
                "draws."
            )
        return _integrals.entropy(self)

    @property
    def mean(self) -> jax.Array:
        """Σ wₖ mₖ"""
        return self._average(filled(self).components.mean)

    @property
    def variance(self) -> jax.Array:
        """Σ wₖ (vₖ + (mₖ - m)²)"""
        parts = filled(self).components
        away = parts.mean - jnp.expand_dims(self.mean, -1 - len(self.event_shape))
        return self._average(parts.variance + jnp.square(away))

    def _average(self, values: jax.Array) -> jax.Array:
        weights = outcome_chances(filled(self))
        return (weights.reshape(*weights.shape, *(1,) * len(self.event_shape)) * values).sum(-1 - len(self.event_shape))

    def _hints(self) -> list[tuple[jax.Array, jax.Array]]:
        found = [[jnp.broadcast_to(x, self._rows()) for x in one] for one in hints(self.components)]
        return [(center[..., k], scale[..., k]) for center, scale in found for k in range(self.count)]

    def _ends(self) -> list[tuple[Any, Any]]:
        def of(end: Any, k: int) -> Any:
            return end if isinstance(end, (int, float)) else jnp.broadcast_to(end, self._rows())[..., k]

        known = [all(isinstance(end, (int, float)) for end in one) for one in ends(self.components)]
        counts = [1 if same else self.count for same in known]
        pairs = zip(ends(self.components), counts, strict=True)
        return [(of(low, k), of(high, k)) for (low, high), count in pairs for k in range(count)]

    def _rows(self) -> tuple[int, ...]:
        return batch_shape(self.components)


def _finite(exponent: jax.Array) -> jax.Array:
    """An exponent whose exponential is finite; -∞ stays, without a derivative."""
    dead = exponent == -jnp.inf
    most = math.log(float(jnp.finfo(exponent.dtype).max)) - 1.0
    return jnp.where(dead, -jnp.inf, jnp.minimum(jnp.where(dead, 0.0, exponent), most))


def mixed(one: Mixture) -> Any:
    """A mixture over finitely many outcomes as one distribution of these; any other as it is."""
    at = filled(one)
    parts, logs = at.components, outcome_log_chances(at)
    if not isinstance(parts, (Bernoulli, Categorical, OneHotCategorical)):
        return one
    outcomes = parts.probs if parts.logits is None else parts.logits
    ndim = outcomes.ndim - logs.ndim
    if parts.logits is None:
        weights = outcome_chances(at)
        return type(parts)(probs=(weights.reshape(*weights.shape, *(1,) * ndim) * parts.probs).sum(-1 - ndim))
    if isinstance(parts, Bernoulli):
        yes, no = (_log_sum(logs + jax.nn.log_sigmoid(sign * parts.logits), -1) for sign in (1.0, -1.0))
        return Bernoulli(logits=yes - no)
    return type(parts)(logits=_log_sum(logs[..., None] + outcome_log_chances(parts), -2))


def _log_sum(x: jax.Array, axis: int) -> jax.Array:
    top = jax.lax.stop_gradient(x.max(axis, keepdims=True))
    top = jnp.where(jnp.isfinite(top), top, 0.0)
    total = jnp.exp(_finite(x - top)).sum(axis)
    return jnp.where(total > 0.0, jnp.log(jnp.where(total > 0.0, total, 1.0)) + jnp.squeeze(top, axis), -jnp.inf)
