"""KL of a power spherical distribution from a von Mises–Fisher one, which it is close to where κ_q = ½κ_p is large.

The closed form is

    KL(p‖uniform) + [F(κ_q) - F(0)] - κ_q E_p[cos φ],

or with F(κ_q) - F(0) - κ_q and 1 - E_p[cos φ], whichever cancels less. Where its result is a small difference of large
numbers, KL = log(1 + E_p[e(-u)]) with e(t) = exp(t) - 1 - t, u = g - E_p[g] and the log-ratio of the densities
g = κ_p log(1 - w) + 2κ_q w, but for a constant; w = sin²(φ/2). E_p is taken by Gauss's rule about the mode of the
angle φ from the mean direction, of density (1 - w)^κ_p sin^(n-2) φ.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.bessel import below_linear, bregman_log_bessel
from kljax._special.elementwise import expm1_minus_x, log1p, x_minus_log1p
from kljax.divergences._forms.directions import kl_power_spherical_uniform, one_minus_cosine
from kljax.families import PowerSpherical, SphericalUniform, VonMisesFisher
from kljax.families._internal import bessel_order


def kl_power_spherical_von_mises_fisher(p: PowerSpherical, q: VonMisesFisher) -> jax.Array:
    """KL between those of one mean direction, and κ_q E_p[cos φ](1 - μ_p·μ_q)."""
    n, kp, kq = p.event_shape[0], p.concentration, q.concentration
    total = kp + (n - 1.0)
    aligned = _aligned(p, kp, kq)
    return aligned + kq * (kp / total) * one_minus_cosine(p.mean_direction, q.mean_direction)


def _aligned(p: PowerSpherical, kp: jax.Array, kq: jax.Array) -> jax.Array:
    n = p.event_shape[0]
    total = kp + (n - 1.0)
    start = kl_power_spherical_uniform(p, SphericalUniform(n))
    rise, lift = bregman_log_bessel(bessel_order(n), kq, jnp.zeros_like(kq)), kq * (kp / total)
    fall, rest = -below_linear(bessel_order(n), kq), kq * ((n - 1.0) / total)
    low = lift < rest
    closed = start + jnp.where(low, rise - lift, rest - fall)
    # g has a logarithm at φ = π, which Gauss's rule does not see where the density falls as the third power there.
    near = (closed < 0.125 * (start + jnp.where(low, rise, rest))) & (2.0 * kp + n >= 5.0)
    safe_p, safe_q = (jnp.where(near, one, 1.0) for one in (kp, kq))
    return jnp.where(near, _by_rule(n, safe_p, safe_q), closed)


def _by_rule(n: int, kp: jax.Array, kq: jax.Array) -> jax.Array:
    nodes, weights, reach = _RULES[kp.dtype == jnp.float64]
    mode, width = (jax.lax.stop_gradient(one) for one in _mode(n, kp))
    low, high = jnp.maximum(mode - reach * width, 0.0), jnp.minimum(mode + reach * width, np.pi)
    shape = (*kp.shape, len(nodes))
    x, mass = (jnp.broadcast_to(jnp.asarray(one, kp.dtype), shape) for one in (nodes, weights))
    end = (high >= np.pi)[..., None]  # there the nodes are drawn together
    x, mass = jnp.where(end, x * (2.0 - x), x), jnp.where(end, 2.0 * (1.0 - x) * mass, mass)
    sine = jnp.sin(0.5 * (low[..., None] + (high - low)[..., None] * x))
    w = jnp.minimum(sine * sine, 1.0 - float(jnp.finfo(kp.dtype).epsneg))
    rise = x_minus_log1p(-w)  # -log(1 - w) - w
    log_density = -kp[..., None] * (rise + w) + (0.5 * n - 1.0) * jnp.log(w * (1.0 - w)) + jnp.log(mass)
    log_share = jax.nn.log_softmax(log_density, -1)
    share = jnp.exp(log_share)
    g = (2.0 * kq - kp)[..., None] * w - kp[..., None] * rise
    u = g - jnp.sum(share * g, -1, keepdims=True)
    # Far out exp(-u) overflows where p's share has vanished; together they are q's share, but for a constant.
    far = u < -30.0
    terms = share * expm1_minus_x(jnp.where(far, 0.0, -u))
    return log1p(jnp.sum(jnp.where(far, jnp.exp(jnp.where(far, log_share - u, 0.0)) - share * (1.0 - u), terms), -1))


def _mode(n: int, kp: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The mode of the angle, cos φ = κ/(κ + n - 2), and about the width there."""
    if n == 2:
        return jnp.zeros_like(kp), jnp.sqrt(2.0 / jnp.maximum(kp, 1e-3))
    sine_squared = (n - 2.0) / (kp + (n - 2.0)) * ((2.0 * kp + (n - 2.0)) / (kp + (n - 2.0)))
    cosine = kp / (kp + (n - 2.0))
    width = jax.lax.rsqrt(kp / (1.0 + cosine) + (n - 2.0) / sine_squared)
    return jnp.arctan2(jnp.sqrt(sine_squared), cosine), width


def _rule(count: int, reach: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Nodes in (0, 1), weights, and how many widths about the mode hold all the mass that counts."""
    # numpy's weights lose two digits at the ends, where the density is largest for n = 2: Newton's step once more.
    x = np.asarray(np.polynomial.legendre.leggauss(count)[0], np.longdouble)
    for _ in range(2):
        x = x - np.divide(*_legendre(count, x))
    slope = _legendre(count, x)[1]
    weights = 2 / ((1 - x * x) * slope * slope)
    return np.asarray(0.5 + 0.5 * x, np.float64), np.asarray(weights, np.float64), reach


def _legendre(count: int, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The Legendre polynomial of this degree and its derivative."""
    before, value = np.ones_like(x), x
    for k in range(2, count + 1):
        before, value = value, ((2 * k - 1) * x * value - (k - 1) * before) / k
    return value, count * (x * value - before) / (x * x - 1)


# The densities fall about like a normal one of √2 times the width.
_RULES = {False: _rule(48, 12.0), True: _rule(128, 20.0)}


KL = {
    (PowerSpherical, VonMisesFisher): kl_power_spherical_von_mises_fisher,
}
