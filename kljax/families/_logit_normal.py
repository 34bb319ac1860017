"""The interval_logit-normal distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy.special import ndtr, ndtri

from kljax._special.elementwise import divide, log1p, log_ratio
from kljax._special.logarithms import logit_less
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._log_draws import Logs, as_logs, of_share, rest_of
from kljax.families._normal import Normal
from kljax.families._quantiles import at_shares, standard_deviation
from kljax.families._record import along, at_points, family, filled, positive, real
from kljax.quadrature import Support


@family
class LogitNormal:
    """LogitNormal(loc, scale): 1/(1 + exp(-z)) for z from Normal(loc, scale).

    Example:
        >>> from kljax.families import LogitNormal
        >>> print(f"{LogitNormal(0.0, 1.0).entropy():.4f}")
        -0.1932
    """

    loc: Entries = real(0.0)
    scale: Entries = positive(1.0)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x; -∞ outside the support."""
        x, at = at_points(x, self)
        legal = (x > 0.0) & (x < 1.0)
        safe = jnp.where(legal, x, 0.5)
        low, high = jnp.log(safe), log1p(-safe)
        away = jnp.square(divide(logit_less(safe, jnp.where(legal, at.loc, 0.0)), at.scale))
        inside = -0.5 * away - jnp.log(at.scale) - 0.5 * math.log(2.0 * math.pi) - low - high
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        return jax.nn.sigmoid(interval_logit(self).sample(key, shape))

    def _draw_logs(self, key: jax.Array, shape: tuple[int, ...]) -> Logs:
        z = interval_logit(self).sample(key, shape)
        return of_share(-jax.nn.softplus(-z), -jax.nn.softplus(z))

    def _log_prob_of_logs(self, x: Any) -> jax.Array:
        x = as_logs(self, x)
        rest = rest_of(x)
        return interval_logit(self).log_prob(x.log - rest) - x.log - rest

    @property
    def support(self) -> Support:
        """(0, 1)"""
        return Support(0.0, 1.0)

    def cdf(self, x: Any) -> jax.Array:
        """Φ((log(x/(1 - x)) - μ)/σ)"""
        x, at = at_points(x, self)
        inside = (x > 0.0) & (x < 1.0)
        safe = jnp.where(inside, x, 0.5)
        value = ndtr((log_ratio(safe, 1.0 - safe) - at.loc) / at.scale)
        return jnp.where(inside, value, jnp.where(x < 0.5, 0.0, 1.0))

    def quantile(self, u: Any) -> jax.Array:
        """s(μ + σΦ⁻¹(u)), s(z) = 1/(1 + e⁻ᶻ)"""
        u, at = at_shares(u, self)
        return jax.nn.sigmoid(at.loc + at.scale * ndtri(u))

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """log σ + ½ log(2πe) + E[log x + log(1 - x)], integrated."""
        z, weight = self._rule()
        return interval_logit(filled(self)).entropy() - jnp.sum(weight * (jax.nn.softplus(z) + jax.nn.softplus(-z)), -1)

    @property
    def mean(self) -> jax.Array:
        """E[x], integrated."""
        z, weight = self._rule()
        return jnp.sum(weight * jax.nn.sigmoid(z), -1)

    @property
    def variance(self) -> jax.Array:
        """E[(x - mean)²], integrated."""
        z, weight = self._rule()
        return jnp.sum(weight * jnp.square(jax.nn.sigmoid(z) - self.mean[..., None]), -1)

    def _rule(self) -> tuple[jax.Array, jax.Array]:
        """Logits z and weights, [batch..., nodes]: the trapezoidal rule in arsinh z."""
        # It is fine where x bends, around z = 0, and wide where the normal density is, so that its error is below
        # rounding for every scale: the integrand is analytic in a strip around the real axis.
        at = along(filled(self))
        low, high = (jnp.arcsinh(jax.lax.stop_gradient(at.loc + way * 9.5 * at.scale)) for way in (-1.0, 1.0))
        v = low + (high - low) * jnp.linspace(0.0, 1.0, 129, dtype=low.dtype)
        z = jnp.sinh(v)
        return z, jax.nn.softmax(-0.5 * jnp.square((z - at.loc) / at.scale) + jnp.log(jnp.cosh(v)), -1)

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        middle = jax.nn.sigmoid(self.loc)
        return middle, jnp.minimum(self.scale * middle * jax.nn.sigmoid(-self.loc), 0.25)

    @property
    def natural(self) -> jax.Array:
        """(μ/σ², -1/(2σ²)), [batch..., 2]."""
        return interval_logit(self).natural

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """That of the normal distribution."""
        return Normal.log_partition(natural)


def interval_logit(record: LogitNormal) -> Normal:
    return Normal(record.loc, record.scale)
