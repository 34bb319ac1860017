"""The Kumaraswamy distribution."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kljax._special.deviances import log_gamma_bend, log_gamma_rise
from kljax._special.edges import at_end
from kljax._special.elementwise import divide, expm1, expm1_minus_x, expm1_ratio, log1p, tiny
from kljax._special.gamma import digamma_gap
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._log_draws import Logs, as_logs, of_share
from kljax.families._quantiles import at_shares, log1mexp, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, positive
from kljax.quadrature import Support


@family
class Kumaraswamy:
    """Kumaraswamy(concentration1, concentration0): density ab xᵃ⁻¹(1 - xᵃ)ᵇ⁻¹ on (0, 1).

    Example:
        >>> from kljax.families import Kumaraswamy
        >>> print(f"{Kumaraswamy(2.0, 3.0).entropy():.4f}")
        -0.2084

    References:
        Jones (2009), "Kumaraswamy's distribution: a beta-type distribution with some tractability advantages".
    """

    concentration1: Entries = positive()
    concentration0: Entries = positive()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x >= 0.0) & (x <= 1.0)
        a, b = at.concentration1, at.concentration0
        # Where a density is finite at an end, it is taken beside it.
        y = jnp.where(legal, x, 0.5)
        inside = _log_density(jnp.log(y + jnp.where(y == 0.0, _BESIDE, 0.0)), a, b)
        inside = at_end(x == 1.0, b - 1.0, at_end(x == 0.0, a - 1.0, inside))
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        log_u, _ = logarithms(noise(jax.random.exponential, key, shape, self) / at.concentration0)
        return jnp.exp(log_u / at.concentration1)

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        at = lifted(self, shape)
        log_u, _ = logarithms(noise(jax.random.exponential, key, shape, self) / at.concentration0)
        log = jnp.minimum(log_u / at.concentration1, -tiny(log_u))
        return of_share(log, jnp.log(-expm1(log)))

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        log, at = at_points(as_logs(self, x).log, self)
        return _log_density(log, at.concentration1, at.concentration0)

    @property
    def support(self) -> Support:
        """(0, 1)"""
        return Support(0.0, 1.0)

    def cdf(self, x: Any) -> jax.Array:
        """1 - (1 - xᵃ)ᵇ"""
        x, at = at_points(x, self)
        inside = (x > 0.0) & (x < 1.0)
        log_power = at.concentration1 * jnp.log(jnp.where(inside, x, 0.5))
        value = -jnp.expm1(at.concentration0 * log1mexp(log_power))
        return jnp.where(inside, value, jnp.where(x < 0.5, 0.0, 1.0))

    def quantile(self, u: Any) -> jax.Array:
        """(1 - (1 - u)^(1/b))^(1/a)"""
        u, at = at_shares(u, self)
        # 1 - (1 - u)^(1/b) by its logarithm.
        return jnp.exp(log1mexp(jnp.log1p(-u) / at.concentration0) / at.concentration1)

    @property
    def mode(self) -> jax.Array:
        """((a - 1)/(ab - 1))^(1/a) for a, b ≥ 1; an end where one of them is less; NaN without a single mode"""
        at = filled(self)
        a, b = at.concentration1, at.concentration0
        peaked = (a >= 1.0) & (b >= 1.0) & (a * b > 1.0)
        inner = jnp.where(peaked, (a - 1.0) / jnp.where(peaked, a * b - 1.0, 1.0), 1.0) ** (1.0 / a)
        ends = jnp.where((a < 1.0) & (b >= 1.0), 0.0, jnp.where((a >= 1.0) & (b < 1.0), 1.0, jnp.nan))
        return jnp.where(peaked, inner, ends)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """1 - 1/b + (1 - 1/a)(γ + ψ(b + 1)) - log(ab)."""
        at = filled(self)
        a, b = at.concentration1, at.concentration0
        harmonic = digamma_gap(1.0 + b, jnp.ones_like(b), b)
        return 1.0 - 1.0 / b + (1.0 - 1.0 / a) * harmonic - jnp.log(a) - jnp.log(b)

    @property
    def mean(self) -> jax.Array:
        """bB(1 + 1/a, b)"""
        return self._moment(1.0)

    @property
    def variance(self) -> jax.Array:
        """bB(1 + 2/a, b) - mean²"""
        at = filled(self)
        c, b = divide(jnp.ones_like(at.concentration1), at.concentration1), at.concentration0
        one, small = jnp.ones_like(b), c < b
        # log E[x²] - 2 log E[x], from whichever of c = 1/a and b is small.
        near, far = jnp.where(small, c, 1.0), jnp.where(small, 1.0, b)
        by_c = log_gamma_bend(one, near) - log_gamma_bend(one + b, near)
        by_b = 2.0 * log_gamma_rise(one + c, far) - log_gamma_rise(one + 2.0 * c, far) - log_gamma_rise(one, far)
        return self._moment(2.0) * -expm1(-jnp.where(small, by_c, by_b))

    def _moment(self, n: float) -> jax.Array:
        """Γ(1 + c)Γ(1 + b)/Γ(1 + b + c), c = n/a"""
        at = filled(self)
        c, b = divide(jnp.full_like(at.concentration1, n), at.concentration1), at.concentration0
        low, high, one = jnp.minimum(b, c), jnp.maximum(b, c), jnp.ones_like(b)
        return jnp.exp(log_gamma_rise(one, low) - log_gamma_rise(one + high, low))


_BESIDE = 2.0**-100


def _log_density(log_x: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """That of log x ≤ 0."""
    power = a * log_x
    # log(1 - xᵃ): of what is small beside one its logarithm is the power itself; else it is that of -a log x and of
    # (1 - xᵃ)/(-a log x).
    small = power < -0.7
    below = jnp.log(a) + (b - 1.0) * log1p(-jnp.exp(jnp.where(small, power, -1.0)))
    near = jnp.where(small, -0.7, power)
    size = jnp.where(small | (log_x == 0.0), _BESIDE, -log_x)
    above = b * jnp.log(a) + (b - 1.0) * (jnp.log(size) + jnp.log(expm1_ratio(near)))
    return jnp.log(b) + (a - 1.0) * log_x + jnp.where(small, below, above)


def logarithms(t: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(log u, log(u)/(1 - u)) for u = 1 - exp(-t)."""
    far = t > 0.7
    near = jnp.log(-jnp.expm1(-jnp.where(far, 0.7, t)))
    rest = jnp.exp(-jnp.clip(t, 0.7, 60.0))
    log_u = jnp.where(far, log1p(-rest), near)
    return log_u, jnp.where(t > 60.0, -1.0, jnp.where(far, divide(log_u, rest), near * jnp.exp(jnp.where(far, 0.7, t))))


class LogarithmRule(NamedTuple):
    """Nodes of p in u = xᵃ, whose density is b(1 - u)ᵇ⁻¹, and their weights: [batch..., nodes].

    The trapezoidal rule in the logarithm of s = -b log(1 - u), an exponential variable. All integrands are analytic
    within about ½π of the real axis there, so that the error falls like exp(-π²/h) with the step h.
    """

    weight: jax.Array
    log_u: jax.Array
    slope: jax.Array  # log(u)/(1 - u)
    log_rest: jax.Array  # log(1 - u)

    def log_power_ratio(self, c: jax.Array, gap: jax.Array) -> jax.Array:
        """log((1 - uᶜ)/(1 - u)), gap = c - 1."""
        c, gap = c[..., None], gap[..., None]
        near = jnp.abs(gap) <= 0.5
        small = jnp.where(near, gap, 0.0)
        # uᶜ - u = u(exp(gap log u) - 1)
        close = log1p(-jnp.exp(self.log_u) * small * self.slope * expm1_ratio(small * self.log_u))
        direct = jnp.log(c) + jnp.log(-self.slope) + jnp.log(expm1_ratio(jnp.where(near, 1.0, c) * self.log_u))
        return jnp.where(near, close, direct)

    def kl(self, v: jax.Array) -> jax.Array:
        """KL from v = log(q/p) at the nodes: E_p[e(v)] where it is small, else -E_p[v].

        The two are the same as both densities integrate to one; no term of the first is negative.
        """
        plain = -jnp.sum(self.weight * v, -1)
        close = plain < 0.1
        return jnp.where(close, jnp.sum(self.weight * expm1_minus_x(jnp.where(close[..., None], v, 0.0)), -1), plain)
