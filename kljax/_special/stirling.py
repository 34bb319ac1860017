"""Stirling's formula, log Γ(x) = (x - ½) log x - x + ½ log 2π + R(x), and log Γ without its large part."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kljax._special.elementwise import horner
from kljax._special.gamma import PHI, log_gamma, stirling_series
from kljax._special.scalar_bregman import slope_gap


def remainder(x: jax.Array) -> jax.Array:
    """R(x) for x ≥ 1"""
    z, series = stirling_series(x)
    return z * horner(series, z)


def remainder_slope(x: jax.Array) -> jax.Array:
    """R'(x) for x ≥ 1"""
    z, series = stirling_series(x)
    return -z * z * horner([k * c for k, c in enumerate(series, 1)], z)


def phi(a: jax.Array) -> jax.Array:
    """φ(a) = log Γ(a) - a log a + a = ½ log(2π/a) + R(a)"""
    low = a < 1.0
    small, large = jnp.where(low, a, 1.0), jnp.where(low, 1.0, a)
    stirling = 0.5 * (math.log(2.0 * math.pi) - jnp.log(large)) + remainder(large)
    return jnp.where(low, log_gamma(small) - small * jnp.log(small) + small, stirling)


def phi_slope_gap(a: jax.Array, d: jax.Array) -> jax.Array:
    """φ'(a + d) - φ'(a) for d > 0"""
    return slope_gap(PHI, a + d, a, d)


def stirling_excess(x: jax.Array) -> jax.Array:
    """log Γ(1 + x) - x log x + x for finite x ≥ 0, to eps absolutely: 0 at 0, about ½ log 2πx for large x."""
    positive, low = jnp.where(x > 0.0, x, 1.0), x < 1.0
    u = jnp.where(low, x + 1.0, x)
    z, series = stirling_series(u)
    value = 0.5 * (jnp.log(u) + math.log(2.0 * math.pi)) + z * horner(series, z)
    step = x * (jnp.log1p(positive) - jnp.log(positive)) - 1.0
    return jnp.where(x == 0.0, 0.0, value + jnp.where(low, step, 0.0))
