"""The generalised Dirichlet distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import log_beta, log_density, sums_from_the_end
from kljax._special.elementwise import divide, two_sum
from kljax._special.gamma import digamma_gap
from kljax._special.stirling import phi
from kljax._types import Entries
from kljax.families._beta import Beta
from kljax.families._log_draws import Logs, of_log, rest_of
from kljax.families._quantiles import standard_deviation
from kljax.families._record import at_points, family, filled, positive
from kljax.quadrature import Support


@family
class GeneralizedDirichlet:
    """GeneralizedDirichlet(a, b): probabilities xᵢ = vᵢ ∏_{j<i} (1 - vⱼ) with vᵢ ~ Beta(aᵢ, bᵢ), the last what is left.

    Of n + 1 outcomes for n pairs of concentrations, with the density of Connor and Mosimann; it is Dirichlet's
    where bᵢ = aᵢ₊₁ + bᵢ₊₁ for all i < n.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import GeneralizedDirichlet
        >>> print(f"{GeneralizedDirichlet(jnp.array([2.0, 3.0]), jnp.array([8.0, 5.0])).entropy():.4f}")
        -1.4612

    References:
        Connor & Mosimann (1969), "Concepts of independence for proportions …", eq. (5).
    """

    concentration1: Entries = positive(ndim=1)
    concentration0: Entries = positive(ndim=1)

    def _check(self) -> None:
        if self.concentration1.shape[-1] != self.concentration0.shape[-1]:
            raise ValueError(
                "GeneralizedDirichlet: concentration1 and concentration0 must have the same number of entries; got "
                f"{self.concentration1.shape[-1]} and {self.concentration0.shape[-1]}."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n + 1,)"""
        return (self.concentration1.shape[-1] + 1,)

    def _sticks(self) -> Beta:
        at = filled(self)
        return Beta(at.concentration1, at.concentration0)

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        v = self._sticks()._draw_logs(key, shape)
        left = jnp.cumsum(rest_of(v), -1)
        before = jnp.concatenate([jnp.zeros_like(left[..., :1]), left[..., :-1]], -1)
        return of_log(jnp.concatenate([v.log + before, left[..., -1:]], -1))

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        if not isinstance(x, Logs):
            return self.log_prob(x)
        log, at = at_points(x.log, self)
        a, b = at.concentration1, at.concentration0
        left = jax.lax.cumlogsumexp(log, axis=log.ndim - 1, reverse=True)
        terms = (a - 1.0) * log[..., :-1] + (b - 1.0) * left[..., 1:] - (a + b - 1.0) * left[..., :-1]
        normal = jnp.all(x.normal(), -1)
        safe = jnp.where(normal[..., None], x.x, 1.0 / log.shape[-1])
        return jnp.where(normal, self.log_prob(safe), jnp.sum(terms - log_beta(a, b), -1))

    @property
    def support(self) -> Support:
        """Probabilities that add up to one."""
        return Support(0.0, 1.0, "simplex")

    stddev = standard_deviation

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density of the first n of the probabilities x, [..., n + 1]; -∞ where one is negative."""
        x, at = at_points(x, self)
        legal = jnp.all((x >= 0.0) & (x < jnp.inf), -1)
        safe = jnp.where(legal[..., None], x, 1.0 / x.shape[-1])
        # What is left before each outcome, Lᵢ = Σ_{j≥i} xⱼ, and what its rounding has lost.
        left, lost = sums_from_the_end(safe)
        empty = left == 0.0
        whole = jnp.where(empty, 1.0, left)[..., :-1]
        first, rest, a, b = safe[..., :-1], left[..., 1:], at.concentration1, at.concentration0
        # Beta's density of vᵢ = xᵢ/Lᵢ, by those of gamma variables of rate n = aᵢ + bᵢ, and dvᵢ = dxᵢ/Lᵢ.
        n = a + b
        terms = log_density(first, a, n, whole) + log_density(rest, b, n, whole) + phi(n) + jnp.log(whole)
        total, more = two_sum(first, rest)
        terms += n * divide((total - whole) + more, whole)
        here, there = divide(lost[..., :-1], whole), divide(lost[..., 1:], jnp.where(empty, 1.0, left)[..., 1:])
        return jnp.where(legal, jnp.sum(terms + (b - 1.0) * there - (n - 1.0) * here, -1), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        v = self._sticks().sample(key, shape)
        left = jnp.cumprod(1.0 - v, -1)
        before = jnp.concatenate([jnp.ones_like(v[..., :1]), left[..., :-1]], -1)
        return jnp.concatenate([v * before, left[..., -1:]], -1)

    def entropy(self) -> jax.Array:
        """Σ H(vᵢ) + Σ (n - i) E[log(1 - vᵢ)], i = 1, …, n."""
        at = self._sticks()
        a, b = at.concentration1, at.concentration0
        after = jnp.broadcast_to(jnp.arange(a.shape[-1])[::-1].astype(a.dtype), a.shape)
        return jnp.sum(at.entropy() + after * digamma_gap(b, a + b), -1)

    @property
    def mean(self) -> jax.Array:
        """E[vᵢ] ∏_{j<i} E[1 - vⱼ]"""
        return self._moments()[0]

    @property
    def variance(self) -> jax.Array:
        """E[vᵢ²] ∏_{j<i} E[(1 - vⱼ)²] - E[xᵢ]²"""
        first, second = self._moments()
        return second - jnp.square(first)

    def _moments(self) -> tuple[jax.Array, jax.Array]:
        at = self._sticks()
        a, b = at.concentration1, at.concentration0
        total = a + b
        first = a / total, b / total
        second = tuple(one * ((c + 1.0) / (total + 1.0)) for one, c in zip(first, (a, b), strict=True))
        found = []
        for broken, kept in (first, second):
            left = jnp.cumprod(kept, -1)
            before = jnp.concatenate([jnp.ones_like(left[..., :1]), left[..., :-1]], -1)
            found.append(jnp.concatenate([broken * before, left[..., -1:]], -1))
        return found[0], found[1]
