"""The beta-binomial distribution, and what it shares with the Dirichlet-multinomial one.

Of prior counts αᵢ, in all c, and observed ones kᵢ, in all n, that add up to Aᵢ = αᵢ + kᵢ and N = c + n, Stirling's
formula leaves, with K(y, x) = y log(y/x) - y + x and e(x) = log Γ(1 + x) - x log x + x,

    log p = Σᵢ [e(Aᵢ) - e(αᵢ) - e(kᵢ) + log(αᵢ/Aᵢ) - K(αᵢ, cAᵢ/N) - K(kᵢ, nAᵢ/N)] - e(N) + e(c) + e(n) - log(c/N)

in which nothing is large where p is not small.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax import quadrature
from kljax._prompt import prompt
from kljax._special.elementwise import divide, kl_term, log_ratio
from kljax._special.stirling import stirling_excess
from kljax._types import Entries
from kljax.families._binomial import trials_of
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import quantile_by_bisection, standard_deviation, summed_cdf
from kljax.families._record import along, at_points, batch_shape, count, family, filled, positive
from kljax.quadrature import Support, integers


@family
class BetaBinomial:
    """BetaBinomial(total_count, concentration1, concentration0): a Binomial(n, p) count whose p is Beta(a, b).

    The probability of k = 0, …, n is n!/(k!(n - k)!) B(k + a, n - k + b)/B(a, b). The count carries no derivative.

    Example:
        >>> from kljax.families import BetaBinomial
        >>> print(f"{BetaBinomial(3, 1.0, 1.0).log_prob(2.0):.4f} {BetaBinomial(3, 2.0, 1.0).mean:.1f}")
        -1.3863 2.0
    """

    total_count: Any = count(whole=True)
    concentration1: Entries = positive()
    concentration0: Entries = positive()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is none of the integers 0, …, n."""
        k, at = at_points(x, self)
        n = trials_of(at)
        legal = (k >= 0.0) & (k <= n) & (k == jnp.floor(k))
        k = jnp.where(legal, k, 0.0)
        prior, seen = jnp.stack([at.concentration1, at.concentration0], -1), jnp.stack([k, n - k], -1)
        return jnp.where(legal, log_urn(prior, seen, n), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        at = filled(self)
        first, second = jax.random.split(key)
        shape, dtype = (*shape, *batch_shape(self)), at.concentration1.dtype
        a, b, n = (jnp.broadcast_to(one, shape) for one in (at.concentration1, at.concentration0, trials_of(at)))
        return jax.random.binomial(second, n, jax.random.beta(first, a, b, shape, dtype), shape, dtype)

    @property
    def support(self) -> Support:
        """{0, 1, …, n}"""
        return integers(0, trials_of(filled(self)))

    cdf = summed_cdf
    quantile = quantile_by_bisection
    stddev = standard_deviation
    fit = fit_by_likelihood

    @property
    def mode(self) -> jax.Array:
        """⌊(n + 1)(a - 1)/(a + b - 2)⌋, at most n, for a, b ≥ 1; an end where one of them is less; else NaN."""
        at = filled(self)
        n, a, b = trials_of(at), at.concentration1, at.concentration0
        peaked = (a >= 1.0) & (b >= 1.0) & (a + b > 2.0)
        inner = jnp.floor((n + 1.0) * (a - 1.0) / jnp.where(peaked, (a - 1.0) + (b - 1.0), 1.0))
        ends = jnp.where((a < 1.0) & (b >= 1.0), 0.0, jnp.where((a >= 1.0) & (b < 1.0), n, jnp.nan))
        return jnp.where(peaked, jnp.minimum(inner, n), ends)

    @prompt
    def entropy(self) -> jax.Array:
        """-Σ p log p, summed."""
        width = jnp.sqrt(self.variance) + 1.0
        return quadrature.entropy(along(self).log_prob, support=self.support, center=self.mean, scale=width).value

    @property
    def mean(self) -> jax.Array:
        """na/(a + b)"""
        at = filled(self)
        return trials_of(at) * (at.concentration1 / (at.concentration1 + at.concentration0))

    @property
    def variance(self) -> jax.Array:
        """nab(a + b + n)/((a + b)²(a + b + 1))"""
        at = filled(self)
        n, total = trials_of(at), at.concentration1 + at.concentration0
        spread = (at.concentration1 / total) * (at.concentration0 / total)
        return n * spread * ((total + n) / (total + 1.0))


def log_urn(prior: jax.Array, seen: jax.Array, total: jax.Array) -> jax.Array:
    """log p of counts ``seen`` with the sum ``total`` under prior counts, [..., K], as at the head of this file."""
    c, n = prior.sum(-1, keepdims=True), total[..., None]
    shares = (prior + seen) / (c + n)
    return log_rise(prior, seen, c * shares, n * shares).sum(-1) - log_whole(c[..., 0], total)


def log_rise(prior: jax.Array, seen: jax.Array, level: jax.Array, expected: jax.Array) -> jax.Array:
    """e(α + k) - e(α) - e(k) + log(α/(α + k)) - K(α, level) - K(k, expected)"""
    joint = prior + seen
    excess = stirling_excess(joint) - stirling_excess(prior) - stirling_excess(seen) + log_ratio(prior, joint)
    return excess - kl_term(prior, level) - kl_term(seen, expected)


def log_whole(prior: jax.Array, total: jax.Array) -> jax.Array:
    """e(c + n) - e(c) - e(n) + log(c/(c + n))"""
    joint = prior + total
    excess = stirling_excess(joint) - stirling_excess(prior) - stirling_excess(total)
    return excess + jnp.log(divide(prior, joint))
