"""KL between two distributions of directions."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special.bessel import bessel_ratio, bregman_log_bessel, bregman_log_i0
from kljax.divergences._forms.interval import kl_of_dirichlets
from kljax.families import PowerSpherical, SphericalUniform, VonMises, VonMisesFisher
from kljax.families._internal import bessel_order, dtype_of, norm


def one_minus_cosine(a: jax.Array, b: jax.Array) -> jax.Array:
    """1 - cos of the angle between a and b, vectors of any length, from their difference."""
    # a/‖a‖ - b/‖b‖ = [d + b(‖b‖ - ‖a‖)/‖b‖]/‖a‖ with d = a - b, and ‖b‖ - ‖a‖ = -d·(a + b)/(‖a‖ + ‖b‖).
    d, size_a, size_b = a - b, norm(a), norm(b)
    along = jnp.sum(d * (a + b), -1, keepdims=True) / (size_a + size_b)
    gap = (d - (b / size_b) * along) / size_a
    return 0.5 * jnp.sum(gap * gap, -1)


def kl_von_mises(p: VonMises, q: VonMises) -> jax.Array:
    """B(κ_q; κ_p) + 2κ_q A(κ_p) sin²(½(μ_p - μ_q)), B the Bregman divergence of log I₀."""
    turn = jnp.square(jnp.sin(0.5 * (p.loc - q.loc)))
    spread = bregman_log_i0(q.concentration, p.concentration)
    return spread + 2.0 * q.concentration * bessel_ratio(p.concentration) * turn


def kl_von_mises_fisher(p: VonMisesFisher, q: VonMisesFisher) -> jax.Array:
    """B_F(κ_q; κ_p) + κ_q A(κ_p)(1 - μ_p·μ_q), F(κ) = log(I_ν(κ)κ^-ν)."""
    nu = bessel_order(*p.event_shape)
    turned = q.concentration * bessel_ratio(p.concentration, nu) * one_minus_cosine(p.mean_direction, q.mean_direction)
    return bregman_log_bessel(nu, q.concentration, p.concentration) + turned


def kl_von_mises_fisher_uniform(p: VonMisesFisher, q: SphericalUniform) -> jax.Array:
    """B_F(0; κ): uniform is κ = 0."""
    return bregman_log_bessel(bessel_order(*q.event_shape), jnp.zeros_like(p.concentration), p.concentration)


def kl_uniform_von_mises_fisher(p: SphericalUniform, q: VonMisesFisher) -> jax.Array:
    """B_F(κ; 0): uniform is κ = 0."""
    return bregman_log_bessel(bessel_order(*p.event_shape), q.concentration, jnp.zeros_like(q.concentration))


def kl_power_spherical_uniform(p: PowerSpherical, q: SphericalUniform) -> jax.Array:
    """KL(Beta(b + κ, b)‖Beta(b, b)), b = ½(n - 1): only the angle from μ tells them apart."""
    a, b = p._shapes()
    zero = jnp.zeros_like(b)
    # The change of the shapes is κ exactly, also where it vanishes beside b.
    return kl_of_dirichlets(jnp.stack([a, b]), jnp.stack([b, b]), jnp.stack([-p.concentration, zero]))


def kl_uniform_power_spherical(p: SphericalUniform, q: PowerSpherical) -> jax.Array:
    """KL(Beta(b, b)‖Beta(b + κ, b)), b = ½(n - 1)."""
    a, b = q._shapes()
    zero = jnp.zeros_like(b)
    return kl_of_dirichlets(jnp.stack([b, b]), jnp.stack([a, b]), jnp.stack([q.concentration, zero]))


def kl_spherical_uniform(p: SphericalUniform, q: SphericalUniform) -> jax.Array:
    """0: of one dimension there is just one."""
    return jnp.zeros((), dtype_of((p, q)))


KL = {
    (PowerSpherical, SphericalUniform): kl_power_spherical_uniform,
    (SphericalUniform, PowerSpherical): kl_uniform_power_spherical,
    (SphericalUniform, SphericalUniform): kl_spherical_uniform,
    (SphericalUniform, VonMisesFisher): kl_uniform_von_mises_fisher,
    (VonMises, VonMises): kl_von_mises,
    (VonMisesFisher, SphericalUniform): kl_von_mises_fisher_uniform,
    (VonMisesFisher, VonMisesFisher): kl_von_mises_fisher,
}
