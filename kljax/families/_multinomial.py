"""The multinomial distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax import quadrature
from kljax._prompt import prompt
from kljax._special.elementwise import kl_term
from kljax._special.odds import log_probability
from kljax._special.stirling import stirling_excess
from kljax.families._binomial import Binomial, trials_of
from kljax.families._categorical import outcome_chances, outcome_log_chances
from kljax.families._fit import fit_by_likelihood
from kljax.families._matrices import embedded, identity
from kljax.families._quantiles import standard_deviation
from kljax.families._record import along, at_points, batch_shape, count, family, filled, one_of, probability, real
from kljax.quadrature import Support, integers


@family
class Multinomial:
    """Multinomial(total_count, probs) or Multinomial(n, logits=a): probability n! ∏ pᵢᵏⁱ/kᵢ! of counts k, Σ kᵢ = n.

    The count n carries no derivative. Two of equal counts have KL and every divergence of the powers pᵅq¹⁻ᵅ in closed
    form: n times KL or Rényi's divergence of the categorical distributions. Probabilities should sum to one.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import Multinomial
        >>> p = Multinomial(4, jnp.array([0.5, 0.25, 0.25]))
        >>> print(f"{p.log_prob(jnp.array([2.0, 1.0, 1.0])):.4f} {p.entropy():.4f}")
        -1.6740 2.3726
    """

    total_count: Any = count(whole=True)
    probs: Any = one_of(probability, ndim=1)
    logits: Any = one_of(real, ndim=1)

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(K,), the number of outcomes."""
        return (jax.tree.leaves(self)[-1].shape[-1],)

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
        k = jnp.where(legal[..., None], k, 0.0)
        total = jnp.broadcast_to(n[..., None], k.shape)
        each = log_probability(k, total, outcome_chances(at), outcome_log_chances(at)) - stirling_excess(k)
        return jnp.where(legal, each.sum(-1) + stirling_excess(n), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        at = filled(self)
        p = outcome_chances(at)
        lead = (*shape, *batch_shape(self))
        n = jnp.broadcast_to(trials_of(at), lead)
        return jax.random.multinomial(key, n, jnp.broadcast_to(p, (*lead, p.shape[-1]))).astype(p.dtype)

    @prompt
    def entropy(self) -> jax.Array:
        """n H(p) - log n! + Σ E[log kᵢ!], summed over the binomial distribution of each count."""
        at = filled(self)
        n, p = trials_of(at), outcome_chances(at)
        # Without its large parts: Σ E[e(kᵢ) + K(kᵢ, npᵢ)] - e(n), e(x) = log x! - x log x + x.
        each = Binomial(lax.stop_gradient(jnp.broadcast_to(n[..., None], p.shape)), p)
        mean = each.total_count * p
        level = jnp.broadcast_to(mean[..., None], (*p.shape, 1))

        def excess(k: jax.Array) -> jax.Array:
            return stirling_excess(k) + kl_term(k, jnp.broadcast_to(level, k.shape))

        width = jnp.sqrt(mean * (1.0 - p)) + 1.0
        space = integers(0, each.total_count)
        parts = quadrature.expectation(excess, along(each).log_prob, support=space, center=mean, scale=width).value
        return parts.sum(-1) - stirling_excess(n)

    @property
    def mean(self) -> jax.Array:
        """np, [batch..., K]."""
        at = filled(self)
        return trials_of(at)[..., None] * outcome_chances(at)

    @property
    def variance(self) -> jax.Array:
        """np(1 - p), entry by entry."""
        at = filled(self)
        p = outcome_chances(at)
        return trials_of(at)[..., None] * p * (1.0 - p)

    @property
    def covariance(self) -> jax.Array:
        """n(diag p - pp'), [batch..., K, K]."""
        at = filled(self)
        p = outcome_chances(at)
        off = -p[..., :, None] * p[..., None, :]
        return trials_of(at)[..., None, None] * jnp.where(identity(off) > 0.0, embedded(p * (1.0 - p)), off)

    @property
    def natural(self) -> jax.Array:
        """log p, [batch..., K]: one more than needed, for a constant may be added to all."""
        return outcome_log_chances(filled(self))

    def log_partition(self, natural: jax.Array) -> jax.Array:
        """n log Σ exp ηₖ"""
        return lax.stop_gradient(self.total_count) * jax.nn.logsumexp(natural, -1)
