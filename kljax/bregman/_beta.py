"""The β-divergence of two numbers, continuous in β: the Bregman divergence of φ(x) = xᵝ/(β(β - 1)).

    D = [xᵝ + (β - 1) yᵝ - β x yᵝ⁻¹]/(β(β - 1)) = yᵝ r² exp[0, r, βr],    r = log(x/y)
    φ'(x) - φ'(y) = (xᵝ⁻¹ - yᵝ⁻¹)/(β - 1) = yᵝ⁻¹ r exp[0, (β - 1)r],       φ″(x) = xᵝ⁻²

with exp[…] the divided differences of the exponential, which need no cases at β = 0 and 1.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from kljax._special import elementwise
from kljax._special.scalar_bregman import Convex, bregman, difference
from kljax.bregman._divided import exp_divided
from kljax.bregman._remainder import finite


@jax.custom_jvp
def _power(y: jax.Array, e: jax.Array) -> jax.Array:
    """yᵉ for y ≥ 0, at the smallest positive normal number where y is 0, and never infinite."""
    return finite(jnp.maximum(y, elementwise.tiny(y)) ** e)


@_power.defjvp
def _power_jvp(primals, tangents):
    (y, e), (dy, de) = primals, tangents
    value = _power(y, e)
    return value, finite(e * _power(y, e - 1.0)) * dy + finite(
        jnp.log(jnp.maximum(y, elementwise.tiny(y))) * value
    ) * de


def _gap(x: jax.Array, y: jax.Array, beta: jax.Array) -> jax.Array:
    """(xᵝ⁻¹ - yᵝ⁻¹)/(β - 1) for x, y > 0; log(x/y) at β = 1."""
    r = elementwise.log_ratio(x, y)
    e = beta - 1.0
    # The larger power is taken out, so that the divided difference cannot overflow.
    rising = e * r > 0.0
    top = jnp.where(rising, e * r, 0.0)
    return finite(jnp.where(rising, x, y) ** e) * r * exp_divided([-top, e * r - top])


def _power_gap(x: jax.Array, y: jax.Array, _: jax.Array, beta: jax.Array) -> jax.Array:
    """φ'(x) - φ'(y); a zero stands for the smallest positive normal number."""
    low = elementwise.tiny(x)
    return finite(_gap(jnp.maximum(x, low), jnp.maximum(y, low), beta))


def _curvature(x: jax.Array, v: jax.Array, beta: jax.Array) -> jax.Array:
    """xᵝ⁻² v"""
    return _power(x, beta - 2.0) * v


def _step(x: jax.Array, y: jax.Array, d: jax.Array, v: jax.Array, beta: jax.Array) -> jax.Array:
    """yᵝ⁻²(x - y) v"""
    return finite(_power(y, beta - 2.0) * difference(x, y, d)) * v


def _term(x: jax.Array, y: jax.Array, beta: jax.Array) -> jax.Array:
    no_x, no_y = (x == 0.0) & (y > 0.0), (y == 0.0) & (x > 0.0)
    edge = (x == 0.0) | (y == 0.0)
    u, v = jnp.where(edge, 1.0, x), jnp.where(edge, 1.0, y)
    r = elementwise.log_ratio(u, v)
    # yᵝ r² exp[0, r, βr], the largest of yᵝ, x yᵝ⁻¹ and xᵝ taken out.
    zero, second = jnp.zeros_like(r), beta * r
    at_y, at_x = (r <= 0.0) & (second <= 0.0), second >= r
    top = jnp.where(at_y, 0.0, jnp.where(at_x, second, r))
    largest = jnp.where(at_y, v**beta, jnp.where(at_x, u**beta, u * v ** (beta - 1.0)))
    inside = largest * jnp.square(r) * exp_divided([zero - top, r - top, second - top])
    below, above = beta <= 0.0, beta > 1.0
    b, c = jnp.where(below, 1.0, beta), jnp.where(above, beta, 2.0)
    at_no_x = jnp.where(below, jnp.inf, jnp.where(no_x, y, 1.0) ** b / b)
    at_no_y = jnp.where(above, jnp.where(no_y, x, 1.0) ** c / (c * (c - 1.0)), jnp.inf)
    return jnp.where(no_x, at_no_x, jnp.where(no_y, at_no_y, inside))


_POWER = Convex(lambda x, y, d, beta: _term(x, y, beta), _power_gap, _curvature, _step)


def beta_term(x: jax.Array, y: jax.Array, beta: jax.Array) -> jax.Array:
    """[xᵝ + (β - 1) yᵝ - β x yᵝ⁻¹]/(β(β - 1)) ≥ 0, for arguments of one shape; absent where both are zero."""
    absent = (x == 0.0) & (y == 0.0)
    x, y = (jnp.where(absent, 1.0, one) for one in (x, y))
    return bregman(_POWER, x, y, None, beta)
