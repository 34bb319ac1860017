"""The negative binomial distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import share_deviance
from kljax._special.incomplete import incomplete_beta
from kljax._special.odds import log_partition_of_waits, log_probability
from kljax._special.stirling import stirling_excess
from kljax.families import _integrals
from kljax.families._fit import fit_by_likelihood
from kljax.families._one_probability import chances, log_chances
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, batch_shape, count, family, filled, one_of, probability, real
from kljax.quadrature import Support, integers


@family
class NegativeBinomial:
    """NegativeBinomial(total_count, probs) or (r, logits=x): probability Γ(k + r)/(k! Γ(r)) pʳ(1 - p)ᵏ of k ≥ 0.

    That is k failures before success number r, with p the probability of a success; r may be any number above zero.
    KL has a closed form where both counts are the same Python number; else it holds a sum over the integers, which has
    a derivative in r.

    Example:
        >>> from kljax.families import NegativeBinomial
        >>> print(f"{NegativeBinomial(3, 0.25).mean:.1f} {NegativeBinomial(3, 0.25).variance:.1f}")
        9.0 36.0
    """

    total_count: Any = count(whole=False)
    probs: Any = one_of(probability, open_low=True)
    logits: Any = one_of(real)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is no integer ≥ 0."""
        k, at = at_points(x, self)
        r = successes(at)
        legal = (k >= 0.0) & (k < jnp.inf) & (k == jnp.floor(k))
        k = jnp.where(legal, k, 0.0)
        ways = stirling_excess(k + r) - stirling_excess(k) - stirling_excess(r) + jnp.log(r) - jnp.log(k + r)
        if at.logits is None:
            inside = ways - share_deviance(r, k, at.probs)
        else:
            (p, rest), (log_p, log_rest) = chances(at), log_chances(at)
            inside = ways + log_probability(r, k + r, p, log_p) + log_probability(k, k + r, rest, log_rest)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        at = filled(self)
        (p, rest), r = chances(at), successes(at)
        first, second = jax.random.split(key)
        shape = (*shape, *batch_shape(self))
        rates = jax.random.gamma(first, jnp.broadcast_to(r, shape), dtype=r.dtype) * jnp.broadcast_to(rest / p, shape)
        return jax.random.poisson(second, jax.lax.stop_gradient(rates), shape).astype(r.dtype)

    @property
    def support(self) -> Support:
        """{0, 1, 2, …}"""
        return integers()

    def cdf(self, x: Any) -> jax.Array:
        """Iₚ(r, ⌊x⌋ + 1), the incomplete beta function"""
        x, at = at_points(x, self)
        k = jnp.floor(x)
        p, rest = chances(at)
        inside = (k >= 0.0) & (k < jnp.inf)
        count = jnp.broadcast_to(jnp.asarray(at.total_count, x.dtype), x.shape)
        value = incomplete_beta(count, jnp.where(inside, k, 0.0) + 1.0, p, rest)[0]
        return jnp.where(inside, value, jnp.where(k < 0.0, 0.0, 1.0))

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """⌊(r - 1)(1 - p)/p⌋, at least 0"""
        at = filled(self)
        p, rest = chances(at)
        count = jnp.broadcast_to(jnp.asarray(at.total_count, p.dtype), p.shape)
        return jnp.maximum(jnp.floor((count - 1.0) * (rest / p)), 0.0)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """-Σ p log p, summed."""
        return _integrals.entropy(self)

    @property
    def mean(self) -> jax.Array:
        """r(1 - p)/p"""
        at = filled(self)
        p, rest = chances(at)
        return successes(at) * (rest / p)

    @property
    def variance(self) -> jax.Array:
        """r(1 - p)/p²"""
        p, _ = chances(filled(self))
        return self.mean / p

    @property
    def natural(self) -> jax.Array:
        """log(1 - p), [batch..., 1], for a fixed r."""
        return log_chances(filled(self))[1][..., None]

    def log_partition(self, natural: jax.Array) -> jax.Array:
        """-r log(1 - e^η)"""
        return self.total_count * log_partition_of_waits(natural[..., 0])


def successes(one: NegativeBinomial) -> jax.Array:
    """r as an array of the batch's shape, for a record that is filled."""
    return jnp.broadcast_to(one.total_count, batch_shape(one)).astype(jax.tree.leaves(one)[-1].dtype)
