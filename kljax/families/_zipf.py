"""Zipf's distribution, the zeta distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax._prompt import prompt
from kljax._special.elementwise import log1p
from kljax._types import Entries
from kljax.divergences.forms.lines import Line, between
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import _least, quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, real
from kljax.quadrature import Support, integers

_FIRST = 12  # terms of a sum before the Euler–Maclaurin formula takes over
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)


@family
class Zipf:
    """Zipf(power): probability k⁻ˢ/ζ(s) of the integers k ≥ 1, s > 1, ζ Riemann's function.

    Example:
        >>> import kljax
        >>> from kljax.families import Zipf
        >>> print(f"{Zipf(2.0).log_prob(1.0):.4f} {kljax.kl(Zipf(2.0), Zipf(3.0)):.4f}")
        -0.4977 0.2563
    """

    power: Entries = real()

    def log_prob(self, x: Any) -> jax.Array:
        """The log-probability of x; -∞ for what is no integer ≥ 1."""
        k, at = at_points(x, self)
        legal = (k >= 1.0) & (k == jnp.floor(k)) & (k < jnp.inf)
        return jnp.where(legal, -at.power * jnp.log(jnp.where(legal, k, 1.0)) - log_zeta(at.power), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, as floating-point numbers; they carry no derivative."""
        at = lifted(self, shape)
        power = jax.lax.stop_gradient(at.power)
        # The least k whose tail is below a uniform variable, which has the digits of a small one.
        level = noise(jax.random.uniform, key, shape, self) * zeta(power, jnp.ones_like(power))
        return _drawn(level, power)

    @property
    def support(self) -> Support:
        """{1, 2, 3, …}"""
        return integers(1)

    def cdf(self, x: Any) -> jax.Array:
        """1 - ζ(s, ⌊x⌋ + 1)/ζ(s), of Hurwitz's function."""
        x, at = at_points(x, self)
        k = jnp.floor(x)
        inside = (k >= 1.0) & (k < jnp.inf)
        rest = zeta(at.power, jnp.where(inside, k, 1.0) + 1.0) / zeta(at.power, jnp.ones_like(at.power))
        return jnp.where(inside, 1.0 - rest, jnp.where(k < 1.0, 0.0, 1.0))

    quantile = quantile_by_bisection
    stddev = standard_deviation
    fit = fit_by_likelihood

    @property
    def mode(self) -> jax.Array:
        """1"""
        return jnp.ones_like(filled(self).power)

    def entropy(self) -> jax.Array:
        """log ζ(s) + s E[log k]"""
        s = filled(self).power
        value, slope = jax.jvp(log_zeta, (s,), (jnp.ones_like(s),))
        return value - s * slope

    @property
    def mean(self) -> jax.Array:
        """ζ(s - 1)/ζ(s), ∞ for s ≤ 2"""
        s = filled(self).power
        thin = s > 2.0
        s = jnp.where(thin, s, 3.0)
        return jnp.where(thin, 1.0 + (_beyond_one(s - 1.0) - _beyond_one(s)) / (1.0 + _beyond_one(s)), jnp.inf)

    @property
    def variance(self) -> jax.Array:
        """E[(k - 1)²] - E[k - 1]², ∞ for s ≤ 3"""
        s = filled(self).power
        thin = s > 3.0
        s = jnp.where(thin, s, 4.0)
        zero, one, two = (_beyond_one(s - n) for n in (0.0, 1.0, 2.0))
        total = 1.0 + zero
        return jnp.where(thin, (two - 2.0 * one + zero) / total - jnp.square((one - zero) / total), jnp.inf)

    @property
    def natural(self) -> jax.Array:
        """-s, [batch..., 1]."""
        return -filled(self).power[..., None]

    @staticmethod
    def log_partition(natural: jax.Array) -> jax.Array:
        """log ζ(-η)"""
        return log_zeta(-natural[..., 0])

    def _frame(self) -> tuple[jax.Array, jax.Array]:
        s = filled(self).power
        return jnp.ones_like(s), jnp.full_like(s, 2.0)


@prompt
def _drawn(level: jax.Array, power: jax.Array) -> jax.Array:
    found = _least(lambda k: (k >= 1.0) & (zeta(power, jnp.maximum(jnp.floor(k), 0.0) + 1.0) <= level), power)
    return jnp.maximum(found, 1.0)


def zeta(s: jax.Array, q: jax.Array) -> jax.Array:
    """ζ(s, q) = Σ (q + n)⁻ˢ over n ≥ 0, for s > 1 and q ≥ 1, by the Euler–Maclaurin formula."""
    s, q = jnp.broadcast_arrays(s, q)
    n = jnp.arange(_FIRST, dtype=s.dtype).reshape(*[1] * s.ndim, -1)
    first = jnp.exp(-s[..., None] * jnp.log(q[..., None] + n)).sum(-1)
    return first + _remainder(s, q + float(_FIRST))


def _remainder(s: jax.Array, a: jax.Array) -> jax.Array:
    """Σ (a + n)⁻ˢ = a⁻ˢ[a/(s - 1) + ½ + Σ B₂ⱼ/(2j)! s(s + 1)…(s + 2j - 2) a^(1 - 2j)] for a ≥ 12."""
    total, rising = a / (s - 1.0) + 0.5, s / a
    for j, number in enumerate(_BERNOULLI, 1):
        total += number / math.factorial(2 * j) * rising
        rising = rising * ((s + (2.0 * j - 1.0)) / a) * ((s + 2.0 * j) / a)
    # Of large s all of it is nothing beside the first terms, and the series no longer converges.
    return jnp.where(s < 60.0, jnp.exp(-s * jnp.log(a)) * jnp.where(s < 60.0, total, 1.0), 0.0)


def _beyond_one(s: jax.Array) -> jax.Array:
    """ζ(s) - 1"""
    return zeta(s, jnp.full_like(s, 2.0))


def log_zeta(s: jax.Array) -> jax.Array:
    """log ζ(s) for s > 1"""
    return log1p(_beyond_one(s))


def _curvature(s: jax.Array) -> jax.Array:
    """(log ζ)″(s), the variance of log k."""

    def slope(x: jax.Array) -> jax.Array:
        return jax.jvp(log_zeta, (x,), (jnp.ones_like(x),))[1]

    return jax.jvp(slope, (s,), (jnp.ones_like(s),))[1]


def bregman_log_zeta(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """log ζ(y) - log ζ(x) - (log ζ)'(x) d, d = y - x: near each other d²∫(1 - t)(log ζ)″(x + td)dt, by Gauss's rule."""
    near = jnp.abs(d) <= 0.5 * (jnp.minimum(x, y) - 1.0)
    step = jnp.where(near, d, 0.0)
    ticks, weights = np.polynomial.legendre.leggauss(10 if x.dtype == jnp.float64 else 6)
    t = jnp.asarray(0.5 + 0.5 * ticks, x.dtype).reshape(*[1] * x.ndim, -1)
    rows = jnp.asarray(0.5 * weights, x.dtype).reshape(*[1] * x.ndim, -1) * (1.0 - t)
    close = step * step * (rows * _curvature(x[..., None] + t * step[..., None])).sum(-1)
    value, slope = jax.jvp(log_zeta, (x,), (jnp.ones_like(x),))
    return jnp.where(near, close, log_zeta(y) - value - slope * d)


def kl_zipf(p: Zipf, q: Zipf) -> jax.Array:
    """log ζ(s_q) - log ζ(s_p) - (log ζ)'(s_p)(s_q - s_p)"""
    return bregman_log_zeta(q.power, p.power, q.power - p.power)


def line(p: Zipf, q: Zipf) -> Line:
    """The powers lie on a line."""

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        first, second = between(p.power, q.power, s), between(p.power, q.power, r)
        return bregman_log_zeta(second, first, c * (p.power - q.power))

    return Line(step, lambda r: ~(between(p.power, q.power, r) <= 1.0))
