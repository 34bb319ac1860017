"""The geometric distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.odds import log_partition_of_waits, softplus_over_exp
from kljax.families._fit import fit_by_likelihood
from kljax.families._one_probability import chances, log_chances
from kljax.families._quantiles import mode_zero, quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, batch_shape, family, filled, one_of, probability, real
from kljax.quadrature import Support, integers


@family
class Geometric:
    """Geometric(probs) or Geometric(logits=x): probability p(1 - p)ᵏ of k ≥ 0 failures before the first success.

    Number k + 1 is the trial that succeeds, which other books call geometric; the divergences are the same.

    Example:
        >>> from kljax.families import Geometric
        >>> print(f"{Geometric(0.5).entropy():.4f} {Geometric(0.25).mean:.1f}")
        1.3863 3.0
    """

    probs: Any = one_of(probability, open_low=True)
    logits: Any = one_of(real)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is no integer ≥ 0."""
        k, at = at_points(x, self)
        log_p, log_rest = log_chances(at)
        legal = (k >= 0.0) & (k < jnp.inf) & (k == jnp.floor(k))
        some = legal & (k > 0.0)
        return jnp.where(legal, log_p + jnp.where(some, jnp.where(some, k, 1.0) * log_rest, 0.0), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        _, log_rest = log_chances(filled(self))
        waits = jax.random.exponential(key, (*shape, *batch_shape(self)), log_rest.dtype)
        return jax.lax.stop_gradient(jnp.floor(waits / -jnp.broadcast_to(log_rest, waits.shape)))

    @property
    def support(self) -> Support:
        """{0, 1, 2, …}"""
        return integers()

    def cdf(self, x: Any) -> jax.Array:
        """1 - (1 - p)^(⌊x⌋ + 1)"""
        x, at = at_points(x, self)
        k = jnp.floor(x)
        inside = k >= 0.0
        value = -jnp.expm1((jnp.where(inside, k, 0.0) + 1.0) * log_chances(at)[1])
        return jnp.where(inside, value, 0.0)

    quantile = quantile_by_bisection

    mode = mode_zero

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """-log p - (1 - p) log(1 - p)/p."""
        at = filled(self)
        log_p, log_rest = log_chances(at)
        if at.logits is not None:
            return -log_p + softplus_over_exp(at.logits)
        p, rest = chances(at)
        some = rest > 0.0
        return -log_p - jnp.where(some, rest * jnp.where(some, log_rest, 0.0) / jnp.where(some, p, 1.0), 0.0)

    @property
    def mean(self) -> jax.Array:
        """(1 - p)/p"""
        at = filled(self)
        p, rest = chances(at)
        return rest / p if at.logits is None else jnp.exp(-at.logits)

    @property
    def variance(self) -> jax.Array:
        """(1 - p)/p²"""
        p, _ = chances(filled(self))
        return self.mean / p

    @property
    def natural(self) -> jax.Array:
        """log(1 - p), [batch..., 1]."""
        return log_chances(filled(self))[1][..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """-log(1 - e^η)"""
        return log_partition_of_waits(natural[..., 0])
