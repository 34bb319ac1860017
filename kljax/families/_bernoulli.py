"""The Bernoulli distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax import logits, probs
from kljax._special.odds import softplus
from kljax.families._fit import fit_by_likelihood
from kljax.families._one_probability import chances, log_chances, logit, row
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, batch_shape, family, filled, one_of, probability, real
from kljax.quadrature import Support, integers


@family
class Bernoulli:
    """Bernoulli(probs) or Bernoulli(logits=x): probability p of 1 and 1 - p of 0, x = log(p/(1 - p)).

    Example:
        >>> from kljax.families import Bernoulli
        >>> print(f"{Bernoulli(0.25).entropy():.4f} {Bernoulli(logits=-1.0).mean:.4f}")
        0.5623 0.2689
    """

    probs: Any = one_of(probability)
    logits: Any = one_of(real)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is neither 0 nor 1."""
        x, at = at_points(x, self)
        log_p, log_rest = log_chances(at)
        return jnp.where(x == 1.0, log_p, jnp.where(x == 0.0, log_rest, -jnp.inf))

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        p, _ = chances(filled(self))
        shape = (*shape, *batch_shape(self))
        return jax.random.bernoulli(key, jnp.broadcast_to(p, shape)).astype(p.dtype)

    @property
    def support(self) -> Support:
        """{0, 1}"""
        return integers(0, 1)

    def cdf(self, x: Any) -> jax.Array:
        """1 - p for 0 ≤ x < 1"""
        x, at = at_points(x, self)
        _, rest = chances(at)
        return jnp.where(x < 0.0, 0.0, jnp.where(x < 1.0, rest, 1.0))

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """The likelier outcome, 0 for p = ½"""
        p, rest = chances(filled(self))
        return (p > rest).astype(p.dtype)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """-p log p - (1 - p) log(1 - p)."""
        kind, outcomes = row(filled(self))
        return probs.entropy(outcomes) if kind == "probs" else logits.entropy(outcomes)

    @property
    def mean(self) -> jax.Array:
        """p"""
        return chances(filled(self))[0]

    @property
    def variance(self) -> jax.Array:
        """p(1 - p)"""
        p, rest = chances(filled(self))
        return p * rest

    @property
    def natural(self) -> jax.Array:
        """log(p/(1 - p)), [batch..., 1]."""
        return logit(filled(self))[..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log(1 + e^η)"""
        return softplus(natural[..., 0])
