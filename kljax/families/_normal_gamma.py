"""The normal-gamma distribution: the conjugate prior of a normal variable's mean and precision."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.gamma import digamma
from kljax._types import Entries
from kljax.families._gamma import Gamma
from kljax.families._normal import Normal
from kljax.families._quantiles import standard_deviation
from kljax.families._record import batch_shape, broadcast, dtype_of, family, filled, lifted, noise, positive, real
from kljax.quadrature import Support


@family
class NormalGamma:
    """NormalGamma(loc, strength, concentration, rate): τ is Gamma(α, β), and m given τ is normal, precision λτ about μ.

    A draw is a pair (m, τ), a mean and a precision. As a prior, λ is the number of observations that μ is worth.

    Example:
        >>> import kljax
        >>> from kljax.families import NormalGamma
        >>> p, q = NormalGamma(0.0, 1.0, 2.0, 3.0), NormalGamma(0.5, 2.0, 2.0, 3.0)
        >>> print(f"{p.log_prob((0.1, 0.8)):.4f} {kljax.kl(p, q):.4f}")
        -1.4604 0.3201

    References:
        DeGroot (1970), "Optimal statistical decisions", section 9.6.
    """

    loc: Entries = real(0.0)
    strength: Entries = positive(1.0)
    concentration: Entries = positive(1.0)
    rate: Entries = positive(1.0)

    @property
    def event_shape(self) -> Any:
        """((), ()), of a mean and of a precision."""
        return ((), ())

    @property
    def support(self) -> Any:
        """The real line, and (0, ∞)."""
        return (Support(-math.inf, math.inf), Support(0.0, math.inf))

    def precision(self) -> Gamma:
        """The distribution of τ."""
        return Gamma(self.concentration, self.rate)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at a pair x = (m, τ); -∞ for τ ≤ 0."""
        mean, precision, at = at_pair(x, self)
        legal = precision > 0.0
        safe = jnp.where(legal, precision, 1.0)
        given = Normal(at.loc, 1.0 / jnp.sqrt(at.strength * safe)).log_prob(mean)
        return jnp.where(legal, given + at.precision().log_prob(safe), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> tuple[jax.Array, jax.Array]:
        """Pairs of draws, differentiable in the parameters."""
        first, second = jax.random.split(key)
        at = lifted(self, shape)
        precision = filled(self).precision().sample(first, shape)
        step = noise(jax.random.normal, second, shape, self)
        return at.loc + step / jnp.sqrt(at.strength * precision), precision

    def entropy(self) -> jax.Array:
        """H(Gamma(α, β)) + ½ log(2πe/λ) - ½(ψ(α) - log β)"""
        at = filled(self)
        level = 0.5 * (math.log(2.0 * math.pi) + 1.0) - 0.5 * jnp.log(at.strength)
        return at.precision().entropy() + level - 0.5 * (digamma(at.concentration) - jnp.log(at.rate))

    @property
    def mean(self) -> tuple[jax.Array, jax.Array]:
        """(μ, α/β)"""
        at = filled(self)
        return at.loc, at.precision().mean

    @property
    def variance(self) -> tuple[jax.Array, jax.Array]:
        """(β/(λ(α - 1)), α/β²); the first is ∞ for α ≤ 1"""
        at = filled(self)
        thin = at.concentration > 1.0
        spread = at.rate / at.strength / jnp.where(thin, at.concentration - 1.0, 1.0)
        return jnp.where(thin, spread, jnp.inf), at.precision().variance

    stddev = standard_deviation

    @property
    def mode(self) -> tuple[jax.Array, jax.Array]:
        """(μ, (α - ½)/β) for α > ½, else τ = 0"""
        at = filled(self)
        return at.loc, jnp.maximum(at.concentration - 0.5, 0.0) / at.rate


def at_pair(x: Any, record: Any) -> tuple[jax.Array, jax.Array, Any]:
    """The two parts of a draw, and the record, broadcast to one batch."""
    name, events = type(record).__name__, record.event_shape
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise TypeError(f"{name}: x must be a pair of arrays; got {type(x).__name__}.")
    arrays = [jnp.asarray(one, dtype_of(record)) for one in x]
    for array, event in zip(arrays, events, strict=True):
        if array.shape[array.ndim - len(event) :] != event:
            raise ValueError(f"{name}: x must be a pair of arrays that end in {events}; got shape {array.shape}.")
    leads = [array.shape[: array.ndim - len(event)] for array, event in zip(arrays, events, strict=True)]
    shape = jnp.broadcast_shapes(*leads, batch_shape(record))
    first, second = (jnp.broadcast_to(array, shape + event) for array, event in zip(arrays, events, strict=True))
    return first, second, broadcast(record, shape)
