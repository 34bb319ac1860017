"""Directions: unit vectors of n ≥ 2 numbers, and angles between them."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kljax._special.deviances import excess_over_one
from kljax._special.elementwise import two_product


def dimension(owner: str, n: int) -> None:
    """Raises unless there is a sphere in n dimensions to be continuous on."""
    if n < 2:
        raise ValueError(f"{owner}: a direction needs at least 2 dimensions; got {n}.")


def bessel_order(n: int) -> float:
    """ν = n/2 - 1, the order of the Bessel function that belongs to n dimensions."""
    return 0.5 * n - 1.0


def log_area(n: int) -> float:
    """log(2 π^(n/2)/Γ(n/2)), the area of the unit sphere in n dimensions."""
    return math.log(2.0) + 0.5 * n * math.log(math.pi) - math.lgamma(0.5 * n)


def norm(x: jax.Array) -> jax.Array:
    """‖x‖, [..., 1]."""
    return jnp.sqrt(jnp.sum(x * x, -1, keepdims=True))


def norm_excess(x: jax.Array) -> jax.Array:
    """‖x‖² - 1 of what is about a unit vector, whose rounding it holds."""
    squares, lost = two_product(x, x)
    return excess_over_one(squares) + jnp.sum(lost, -1)


def unit(x: jax.Array) -> jax.Array:
    """x/‖x‖"""
    return x / norm(x)


def around(direction: jax.Array, key: jax.Array, cosine: jax.Array, sine: jax.Array) -> jax.Array:
    """Unit vectors at this angle from a unit vector, and uniform otherwise."""
    z = jax.random.normal(key, direction.shape, direction.dtype)
    across = unit(z - jnp.sum(z * direction, -1, keepdims=True) * direction)
    return cosine[..., None] * direction + sine[..., None] * across


def covariance(direction: jax.Array, radial: jax.Array, tangential: jax.Array) -> jax.Array:
    """v μμ' + w(I - μμ') of the variances v along a unit vector μ and w across it, [..., n, n]."""
    n = direction.shape[-1]
    outer = direction[..., :, None] * direction[..., None, :]
    eye = jnp.broadcast_to(jnp.eye(n, dtype=outer.dtype), outer.shape)
    return (radial - tangential)[..., None, None] * outer + tangential[..., None, None] * eye
