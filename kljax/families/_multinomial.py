"""The multinomial distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax import quadrature
from kljax._prompt import prompt
from kljax._special.elementwise import expm1_minus_x, kl_term, log1p
from kljax._special.stirling import stirling_excess
from kljax.divergences.forms.lines import Line, times
from kljax.families._binomial import Binomial, trials_of
from kljax.families._categorical import Categorical, _chances, _log_chances, kl_categorical
from kljax.families._fit import fit_by_likelihood
from kljax.families._matrices import embedded, identity
from kljax.families._odds import log_probability
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
        each = log_probability(k, total, _chances(at), _log_chances(at)) - stirling_excess(k)
        return jnp.where(legal, each.sum(-1) + stirling_excess(n), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        at = filled(self)
        p = _chances(at)
        lead = (*shape, *batch_shape(self))
        n = jnp.broadcast_to(trials_of(at), lead)
        return jax.random.multinomial(key, n, jnp.broadcast_to(p, (*lead, p.shape[-1]))).astype(p.dtype)

    @prompt
    def entropy(self) -> jax.Array:
        """n H(p) - log n! + Σ E[log kᵢ!], summed over the binomial distribution of each count."""
        at = filled(self)
        n, p = trials_of(at), _chances(at)
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
        return trials_of(at)[..., None] * _chances(at)

    @property
    def variance(self) -> jax.Array:
        """np(1 - p), entry by entry."""
        at = filled(self)
        p = _chances(at)
        return trials_of(at)[..., None] * p * (1.0 - p)

    @property
    def covariance(self) -> jax.Array:
        """n(diag p - pp'), [batch..., K, K]."""
        at = filled(self)
        p = _chances(at)
        off = -p[..., :, None] * p[..., None, :]
        return trials_of(at)[..., None, None] * jnp.where(identity(off) > 0.0, embedded(p * (1.0 - p)), off)

    @property
    def natural(self) -> jax.Array:
        """log p, [batch..., K]: one more than needed, for a constant may be added to all."""
        return _log_chances(filled(self))

    def log_partition(self, natural: jax.Array) -> jax.Array:
        """n log Σ exp ηₖ"""
        return lax.stop_gradient(self.total_count) * jax.nn.logsumexp(natural, -1)


def kl_multinomial(p: Multinomial, q: Multinomial) -> jax.Array:
    """n times KL of the categorical distributions, for equal counts n."""
    first, second = (Categorical(probs=one.probs, logits=one.logits) for one in (p, q))
    return trials_of(p) * kl_categorical(first, second)


def line(p: Multinomial, q: Multinomial) -> Line:
    """log E_s[e^(c w)] - c E_s[w], w = log p - log q: of n trials n times."""
    first, second = _log_chances(p), _log_chances(q)
    never = (first == -jnp.inf) & (second == -jnp.inf)
    edge = (first == -jnp.inf) != (second == -jnp.inf)
    odd = never | edge
    a, b = (jnp.where(odd, 0.0, one) for one in (first, second))
    gap = a - b
    if p.logits is None and q.logits is None:
        gap = jnp.where(odd, 0.0, _log_gap(jnp.where(odd, 1.0, p.probs), jnp.where(odd, 1.0, q.probs)))
    one_sided = edge.any(-1)

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        low, wide = s < 0.5, s[..., None]
        logits = jnp.where(low[..., None], b + wide * gap, a - (1.0 - wide) * gap)
        at_end = (s == 1.0) | (s == 0.0)
        # Between the ends nothing has an outcome that either of them lacks; at an end it has its own.
        missing = jnp.where(wide == 1.0, first == -jnp.inf, jnp.where(wide == 0.0, second == -jnp.inf, odd))
        chances = jax.nn.softmax(jnp.where(missing, -jnp.inf, jnp.where(edge & ~missing, first + 0.0, logits)), -1)
        chances = jnp.where(odd, 0.0, chances)
        w = c[..., None] * gap
        v = w - (chances * w).sum(-1, keepdims=True)
        near = (jnp.abs(v) <= 2.0).all(-1)
        close = log1p((chances * expm1_minus_x(jnp.where(near[..., None], v, 0.0))).sum(-1))
        top = lax.stop_gradient(v.max(-1))
        far = jnp.log((chances * jnp.exp(v - top[..., None])).sum(-1)) + top
        value = jnp.where(near, close, far)
        return jnp.where(one_sided & at_end & (s != r), jnp.inf, value)

    return times(trials_of(p), Line(step))


def _log_gap(p: jax.Array, q: jax.Array) -> jax.Array:
    t = (p - q) / q
    near = jnp.abs(t) <= 0.5
    return jnp.where(near, log1p(jnp.where(near, t, 0.0)), jnp.log(p) - jnp.log(q))
