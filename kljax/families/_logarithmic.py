"""The logarithmic distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import (
    divide,
    expm1,
    expm1_minus_x,
    expm1_minus_x_ratio,
    expm1_ratio,
    itakura_saito_term,
    log1p,
    log_ratio,
    relative_gap,
    x_minus_log1p,
)
from kljax._types import Entries
from kljax.families import _integrals
from kljax.families._fit import fit_by_likelihood
from kljax.families._odds import log_complement
from kljax.families._quantiles import quantile_by_bisection, standard_deviation, summed_cdf
from kljax.families._record import at_points, batch_shape, family, filled, probability
from kljax.quadrature import Support, integers


@family
class Logarithmic:
    """Logarithmic(probs): probability pᵏ/(k L) of the integers k ≥ 1, L = -log(1 - p), 0 < p < 1.

    Also called the log-series distribution.

    Example:
        >>> from kljax.families import Logarithmic
        >>> print(f"{Logarithmic(0.5).mean:.4f} {Logarithmic(0.5).variance:.4f}")
        1.4427 0.8040
    """

    probs: Entries = probability(open_low=True, open_high=True)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is no integer ≥ 1."""
        k, at = at_points(x, self)
        legal = (k >= 1.0) & (k < jnp.inf) & (k == jnp.floor(k))
        k = jnp.where(legal, k, 1.0)
        length = -log_complement(at.probs)
        # (k - 1) log p + log(p/L), for p/L is near 1 where p is small.
        inside = (k - 1.0) * jnp.log(at.probs) - jnp.log(k) + log_ratio(at.probs, length)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative (Kemp 1981, algorithm LK)."""
        at = filled(self)
        shape = (*shape, *batch_shape(self))
        first, second = (jax.random.uniform(one, shape, at.probs.dtype) for one in jax.random.split(key))
        ratio = -expm1((1.0 - first) * jnp.broadcast_to(log_complement(at.probs), shape))
        return jax.lax.stop_gradient(1.0 + jnp.floor(log1p(-second) / jnp.log(ratio)))

    @property
    def support(self) -> Support:
        """{1, 2, 3, …}"""
        return integers(1)

    cdf = summed_cdf

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """1"""
        return jnp.ones_like(filled(self).probs)

    stddev = standard_deviation
    fit = fit_by_likelihood

    def entropy(self) -> jax.Array:
        """-Σ p log p, summed."""
        return _integrals.entropy(self)

    @property
    def mean(self) -> jax.Array:
        """p/((1 - p)L)"""
        return expm1_ratio(-log_complement(filled(self).probs))

    @property
    def variance(self) -> jax.Array:
        """p(L - p)/((1 - p)L)²"""
        return _variance(filled(self).probs)

    @property
    def natural(self) -> jax.Array:
        """log p, [batch..., 1]."""
        return jnp.log(filled(self).probs)[..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log(-log(1 - e^η))"""
        return jnp.log(-log_complement(jnp.exp(natural[..., 0])))


def _variance(p: jax.Array) -> jax.Array:
    spread = (1.0 - p) * log_complement(p)
    return divide(divide(p * x_minus_log1p(-p), spread), spread)


def kl_logarithmic(p: Logarithmic, q: Logarithmic) -> jax.Array:
    """m log(p/q) + log(L_q/L_p), m the mean of p."""
    return kl_by_gap(p.probs, q.probs, q.probs - p.probs)


def _mean_gap(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """M(y) - M(x) for M(L) = (e^L - 1)/L and d = y - x."""
    # From the smaller, a: M(a + h) - M(a) = e^a [a e(h) + h e(-a)]/(a(a + h)), with e(t) = e^t - 1 - t ≥ 0.
    low, high, h = jnp.minimum(y, x), jnp.maximum(y, x), jnp.abs(d)
    size = jnp.exp(low) * (expm1_minus_x(h) / high + h * low * expm1_minus_x_ratio(-low) / high)
    return jnp.where(d < 0.0, -size, size)


def _parts(p: jax.Array, q: jax.Array, gap: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(L_p, L_q, L_q - L_p)"""
    a, b = -log_complement(p), -log_complement(q)
    t = relative_gap(1.0 - p, 1.0 - q, gap)
    near = jnp.abs(t) <= 0.5
    return a, b, jnp.where(near, log1p(jnp.where(near, t, 0.0)), b - a)


@jax.custom_jvp
def kl_by_gap(p: jax.Array, q: jax.Array, gap: jax.Array) -> jax.Array:
    """The divergence of two parameters from their exact difference q - p, of which the derivatives by both speak."""
    a, b, d = _parts(p, q, gap)
    # Near, ∫ (M(l) - M(a))/(e^l - 1) dl from a to b by Gauss's rule.
    near = jnp.abs(d) <= jnp.minimum(0.5 * jnp.minimum(a, b), 2.0)
    nodes, weights = (0.5 * one for one in np.polynomial.legendre.leggauss(5 if p.dtype == jnp.float32 else 11))
    base, step = jnp.where(near, a, 1.0), jnp.where(near, d, 0.0)
    by_rule = jnp.zeros_like(p)
    for node, weight in zip(0.5 + nodes, weights, strict=True):
        moved = float(node) * step
        by_rule += float(weight) * step * divide(_mean_gap(base + moved, base, moved), expm1(base + moved))
    # For small L, (m - 1)H(b, a) - m[w(b) - w(a) - w'(a)(b - a)], w(L) = log((1 - e^-L)/L), m w'(a) = (1 - m)/a.
    m = expm1_ratio(a)
    excess = a * expm1_minus_x_ratio(a)
    bend = m * (_log_mean_decay(b) - _log_mean_decay(a)) + excess * divide(d, a)
    small = excess * itakura_saito_term(b, a) - bend
    direct = m * log_ratio(p, q) + log_ratio(b, a)
    return jnp.where(near, by_rule, jnp.where(jnp.maximum(a, b) <= 2.0, small, direct))


def _log_mean_decay(x: jax.Array) -> jax.Array:
    """log((1 - e⁻ˣ)/x)"""
    near = x <= 2.0
    safe = jnp.where(near, x, 1.0)
    return jnp.where(near, log1p(-safe * expm1_minus_x_ratio(-safe)), jnp.log(-expm1(-x) / x))


@kl_by_gap.defjvp
def _kl_by_gap_jvp(primals, tangents):
    # ∂p = Var/p · log(p/q), ∂q = (m_q - m_p)/q
    p, q, gap = primals
    dp, dq, _ = tangents
    a, b, d = _parts(p, q, gap)
    growth = relative_gap(q, p, gap)
    near = jnp.abs(growth) <= 0.5
    log = jnp.where(near, -log1p(jnp.where(near, growth, 0.0)), log_ratio(p, q))
    in_q = divide(_mean_gap(b, a, d), q)
    return kl_by_gap(p, q, gap), divide(_variance(p), p) * log * dp + in_q * dq
