"""Zipf's distribution, the zeta distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._prompt import prompt
from kljax._special.roots import least
from kljax._special.zeta import log_zeta, zeta, zeta_less_one
from kljax._types import Entries
from kljax.families._fit import fit_by_likelihood
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, family, filled, lifted, noise, real
from kljax.quadrature import Support, integers


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

    def _ordinary(self) -> dict[str, Any]:
        return {"power": 4.0}

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
        return jnp.where(thin, 1.0 + (zeta_less_one(s - 1.0) - zeta_less_one(s)) / (1.0 + zeta_less_one(s)), jnp.inf)

    @property
    def variance(self) -> jax.Array:
        """E[(k - 1)²] - E[k - 1]², ∞ for s ≤ 3"""
        s = filled(self).power
        thin = s > 3.0
        s = jnp.where(thin, s, 4.0)
        zero, one, two = (zeta_less_one(s - n) for n in (0.0, 1.0, 2.0))
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

    def _hint(self) -> tuple[jax.Array, jax.Array]:
        s = filled(self).power
        return jnp.ones_like(s), jnp.full_like(s, 2.0)


@prompt
def _drawn(level: jax.Array, power: jax.Array) -> jax.Array:
    found = least(lambda k: (k >= 1.0) & (zeta(power, jnp.maximum(jnp.floor(k), 0.0) + 1.0) <= level), power)
    return jnp.maximum(found, 1.0)
