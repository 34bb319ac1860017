"""The Dirichlet-multinomial distribution: every count by itself is beta-binomial, and KL is a sum over the counts."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax import quadrature
from kljax._types import Entries
from kljax.families._beta_binomial import BetaBinomial, log_rise, log_urn, log_whole
from kljax.families._binomial import trials_of
from kljax.families._fit import fit_by_likelihood
from kljax.families._matrices import identity
from kljax.families._quantiles import standard_deviation
from kljax.families._record import along, at_points, batch_shape, count, family, filled, positive
from kljax.quadrature import Support


@family
class DirichletMultinomial:
    """DirichletMultinomial(total_count, concentration): Multinomial(n, p) counts whose p is Dirichlet(α).

    The probability of counts k, Σ kᵢ = n, is n! Γ(α₀)/Γ(n + α₀) ∏ Γ(kᵢ + αᵢ)/(kᵢ! Γ(αᵢ)). The count n carries no
    derivative. KL of two with equal counts is a sum over the distribution of each kᵢ.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import DirichletMultinomial
        >>> p = DirichletMultinomial(2, jnp.ones(3))
        >>> print(f"{p.log_prob(jnp.array([1.0, 1.0, 0.0])):.4f} {p.entropy():.4f}")
        -1.7918 1.7918
    """

    total_count: Any = count(whole=True)
    concentration: Entries = positive(ndim=1)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(K,), the number of outcomes."""
        return self.concentration.shape[-1:]

    @property
    def support(self) -> Support:
        """Counts that add up to n."""
        return Support(0.0, filled(self).total_count, "counts")

    stddev = standard_deviation
    fit = fit_by_likelihood

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of counts x, [..., K]; -∞ for what are no counts that add up to n."""
        k, at = at_points(x, self)
        n = trials_of(at)
        legal = ((k >= 0.0) & (k == jnp.floor(k))).all(-1) & (k.sum(-1) == n)
        k = jnp.where(legal[..., None], k, (n / k.shape[-1])[..., None])
        return jnp.where(legal, log_urn(at.concentration, k, n), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        at = filled(self)
        first, second = jax.random.split(key)
        lead, dtype = (*shape, *batch_shape(self)), at.concentration.dtype
        p = jax.random.dirichlet(first, at.concentration, lead, dtype)
        return jax.random.multinomial(second, jnp.broadcast_to(trials_of(at), lead), p).astype(dtype)

    def entropy(self) -> jax.Array:
        """-E[log p], a sum over the distribution of each count."""
        at = filled(self)
        n, a = trials_of(at), at.concentration
        c = a.sum(-1)
        a_, c_, n_ = (one[..., None] for one in (a, jnp.broadcast_to(c[..., None], a.shape), _each(n, a)))

        def rise(k: jax.Array) -> jax.Array:
            prior, whole, count = (jnp.broadcast_to(one, k.shape) for one in (a_, c_, n_))
            share = (prior + k) / (whole + count)
            return -log_rise(prior, k, whole * share, count * share)

        return over_counts(at, rise).sum(-1) + log_whole(c, n)

    @property
    def mean(self) -> jax.Array:
        """nα/α₀, [batch..., K]."""
        at = filled(self)
        return trials_of(at)[..., None] * (at.concentration / at.concentration.sum(-1, keepdims=True))

    @property
    def variance(self) -> jax.Array:
        """nm(1 - m)(n + α₀)/(1 + α₀), m = α/α₀."""
        return _marginals(filled(self)).variance


def _each(n: jax.Array, a: jax.Array) -> jax.Array:
    return lax.stop_gradient(jnp.broadcast_to(n[..., None], a.shape))


def _marginals(at: DirichletMultinomial) -> BetaBinomial:
    """The distribution of each count, in a batch [batch..., K]."""
    a = at.concentration
    # The others' sum by leaving one out: c - αᵢ would lose it beside a large αᵢ.
    rows = jnp.broadcast_to(a[..., None, :], (*a.shape, a.shape[-1]))
    others = jnp.where(identity(rows) > 0.0, 0.0, rows).sum(-1)
    return BetaBinomial(_each(trials_of(at), a), a, others)


def over_counts(at: DirichletMultinomial, function: Any) -> jax.Array:
    """E[f(kᵢ)], [batch..., K]."""
    each = _marginals(at)
    width = jnp.sqrt(each.variance) + 1.0
    found = quadrature.expectation(function, along(each).log_prob, support=each.support, center=each.mean, scale=width)
    return found.value
