"""The binomial distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax._special.deviances import share_deviance
from kljax._special.incomplete import incomplete_beta
from kljax._special.odds import log_probability, softplus
from kljax._special.stirling import stirling_excess
from kljax.families import _integrals
from kljax.families._fit import fit_by_likelihood
from kljax.families._one_probability import chances, log_chances, logit
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, batch_shape, count, family, filled, one_of, probability, real
from kljax.quadrature import Support, integers


@family
class Binomial:
    """Binomial(total_count, probs) or Binomial(n, logits=x): probability n!/(k!(n - k)!) pᵏ(1 - p)ⁿ⁻ᵏ of k = 0, …, n.

    The count n carries no derivative. KL has a closed form for equal counts and is summed for others. A count given as
    a Python number is known under ``jit`` too; where arrays of counts are traced, both ways are compiled.

    Example:
        >>> from kljax.families import Binomial
        >>> print(f"{Binomial(3, logits=0.0).mean:.1f} {Binomial(3, 0.5).variance:.2f}")
        1.5 0.75
    """

    total_count: Any = count(whole=True)
    probs: Any = one_of(probability)
    logits: Any = one_of(real)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is none of the integers 0, …, n."""
        k, at = at_points(x, self)
        n = trials_of(at)
        legal = (k >= 0.0) & (k <= n) & (k == jnp.floor(k))
        k = jnp.where(legal, k, 0.0)
        ways = stirling_excess(n) - stirling_excess(k) - stirling_excess(n - k)
        if at.logits is None:
            inside = ways - share_deviance(k, n - k, at.probs)
        else:
            (p, rest), (log_p, log_rest) = chances(at), log_chances(at)
            inside = ways + log_probability(k, n, p, log_p) + log_probability(n - k, n, rest, log_rest)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        at = filled(self)
        p, _ = chances(at)
        shape = (*shape, *batch_shape(self))
        n, p = (jnp.broadcast_to(one, shape) for one in (trials_of(at), p))
        return jax.random.binomial(key, n, p, shape, p.dtype)

    @property
    def support(self) -> Support:
        """{0, 1, …, n}"""
        return integers(0, trials_of(filled(self)))

    def cdf(self, x: Any) -> jax.Array:
        """I₁₋ₚ(n - k, k + 1), k = ⌊x⌋, the incomplete beta function"""
        x, at = at_points(x, self)
        k, n = jnp.floor(x), trials_of(at)
        p, rest = chances(at)
        inside = (k >= 0.0) & (k < n)
        k = jnp.where(inside, k, 0.0)
        value = incomplete_beta(jnp.where(inside, n - k, 1.0), k + 1.0, rest, p)[0]
        return jnp.where(inside, value, jnp.where(x < 0.0, 0.0, 1.0))

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """⌊(n + 1)p⌋, at most n"""
        at = filled(self)
        n = trials_of(at)
        return jnp.minimum(jnp.floor((n + 1.0) * chances(at)[0]), n)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """-Σ p log p, summed."""
        return _integrals.entropy(self)

    @property
    def mean(self) -> jax.Array:
        """np"""
        at = filled(self)
        return trials_of(at) * chances(at)[0]

    @property
    def variance(self) -> jax.Array:
        """np(1 - p)"""
        at = filled(self)
        p, rest = chances(at)
        return trials_of(at) * p * rest

    @property
    def natural(self) -> jax.Array:
        """log(p/(1 - p)), [batch..., 1]."""
        return logit(filled(self))[..., None]

    def log_partition(self, natural: jax.Array) -> jax.Array:
        """n log(1 + e^η)"""
        return lax.stop_gradient(self.total_count) * softplus(natural[..., 0])


def trials_of(one: Any) -> jax.Array:
    """n as an array of the batch's shape, for a record that is filled."""
    return lax.stop_gradient(jnp.broadcast_to(one.total_count, batch_shape(one)).astype(jax.tree.leaves(one)[-1].dtype))
