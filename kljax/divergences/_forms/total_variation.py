"""The total variation between normal distributions, and between what bijections make of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf, erfc

from kljax._special.elementwise import divide, log_ratio
from kljax.families import HalfNormal, LogitNormal, LogNormal, Normal

_ROOT_2PI = math.sqrt(2.0 * math.pi)
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(14)


def _mass(centre: jax.Array, half: jax.Array) -> jax.Array:
    """Φ(c + h) - Φ(c - h) for h ≥ 0, with relative accuracy."""
    near = half <= 1.0
    h = jnp.where(near, half, 0.0)
    by_rule = jnp.zeros_like(h)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        by_rule += float(weight) * h * jnp.exp(-0.5 * jnp.square(centre + float(node) * h))
    root = math.sqrt(0.5)
    size, wide = root * jnp.where(near, 0.0, jnp.abs(centre)), root * jnp.where(near, 2.0, half)
    across = 0.5 * (erf(size + wide) + erf(wide - size))
    beside = 0.5 * (erfc(size - wide) - erfc(size + wide))
    return jnp.where(near, by_rule / _ROOT_2PI, jnp.where(size < wide, across, beside))


@jax.custom_jvp
def variation(loc_p: jax.Array, scale_p: jax.Array, loc_q: jax.Array, scale_q: jax.Array) -> jax.Array:
    """The masses by which the wider of two normal distributions is ahead in its tails."""
    right, left, _, _ = _tails(loc_p, scale_p, loc_q, scale_q)
    return _mass(*right) + _mass(*left)


Tail = tuple[jax.Array, jax.Array]


def _tails(
    loc_p: jax.Array, scale_p: jax.Array, loc_q: jax.Array, scale_q: jax.Array
) -> tuple[Tail, Tail, jax.Array, jax.Array]:
    """Of the two points where the densities cross, the centre and half the width of the interval between z₁ and z₂.

    z₁ and z₂ are that point in units of the narrower and the wider distribution, v = ½(z₁ + z₂), w = z₁ - z₂. There
    w v = k = log(σ₂/σ₁), and with g = (σ₂ - σ₁)/σ₂ and d = (μ₂ - μ₁)/σ₂, g v² + d v = k(1 - ½g). Also whether p is the
    wider, and whether the sides were exchanged so that d ≥ 0.
    """
    swap = scale_p > scale_q
    narrow, wide = jnp.where(swap, scale_q, scale_p), jnp.where(swap, scale_p, scale_q)
    shift = divide(jnp.where(swap, loc_p - loc_q, loc_q - loc_p), wide)
    turned = shift < 0.0
    d, g, k = jnp.abs(shift), divide(wide - narrow, wide), log_ratio(wide, narrow)
    rest = 1.0 - 0.5 * g
    square = d * d + 4.0 * g * k * rest
    some, apart = square > 0.0, g > 0.0
    total = d + jnp.where(some, jnp.sqrt(jnp.where(some, square, 1.0)), 0.0)
    safe = jnp.where(some, total, 1.0)
    first = jnp.where(some, 2.0 * k * rest / safe, 0.0), 0.5 * total / (2.0 * rest)
    # For equal scales the second crossing is infinitely far.
    far = jnp.where(apart, 0.5 * total / jnp.where(apart, g, 1.0), 1e4)
    second = jnp.minimum(far, 1e4), jnp.where(some, g * k / safe, 0.0)
    return first, second, swap, turned


@variation.defjvp
def _variation_jvp(primals, tangents):
    # The crossings are stationary, so that each tail moves by the common density there times
    # (dμ₂ + z₂ dσ₂) - (dμ₁ + z₁ dσ₁), on the right of z, and by minus that on the left.
    loc_p, scale_p, loc_q, scale_q = primals
    (v, h), (far, near), swap, turned = _tails(*primals)
    dm_p, ds_p, dm_q, ds_q = tangents
    narrow = jnp.where(swap, scale_q, scale_p)
    dm = jnp.where(swap, dm_p - dm_q, dm_q - dm_p)
    d_narrow, d_wide = jnp.where(swap, ds_q, ds_p), jnp.where(swap, ds_p, ds_q)
    way = jnp.where(turned, -1.0, 1.0)
    same = (loc_p == loc_q) & (scale_p == scale_q)
    right = _density(v + h, narrow) * (way * dm + (v - h) * d_wide - (v + h) * d_narrow)
    left = _density(far + near, narrow) * (-way * dm + (far - near) * d_wide - (far + near) * d_narrow)
    return variation(*primals), jnp.where(same, 0.0, right + left)


def _density(z: jax.Array, scale: jax.Array) -> jax.Array:
    return divide(jnp.exp(-0.5 * z * z) / _ROOT_2PI, scale)


def _located(p: Any, q: Any) -> jax.Array:
    return variation(p.loc, p.scale, q.loc, q.scale)


def _centred(p: HalfNormal, q: HalfNormal) -> jax.Array:
    # Half of each side is half of two equal halves.
    zero = jnp.zeros_like(p.scale)
    return variation(zero, p.scale, zero, q.scale)


TOTAL_VARIATION: dict[tuple[type, type], Callable[[Any, Any], jax.Array]] = {
    (HalfNormal, HalfNormal): _centred,
    (LogNormal, LogNormal): _located,
    (LogitNormal, LogitNormal): _located,
    (Normal, Normal): _located,
}
