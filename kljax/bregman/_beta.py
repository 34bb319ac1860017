"""The β-divergence of two numbers, continuous in β, with its derivative rule."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from kljax._special import elementwise
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


def _by_beta(
    of: Callable[[jax.Array], jax.Array], beta: jax.Array, step: jax.Array | SymbolicZero
) -> jax.Array | float:
    """The derivative of ``of`` along a step in β; nothing is computed where β is held fixed."""
    return 0.0 if isinstance(step, SymbolicZero) else jax.jvp(of, (beta,), (step,))[1]


def _along(slope: jax.Array, step: jax.Array | SymbolicZero) -> jax.Array | float:
    return 0.0 if isinstance(step, SymbolicZero) else slope * step


def _gap(x: jax.Array, y: jax.Array, beta: jax.Array) -> jax.Array:
    """(xᵝ⁻¹ - yᵝ⁻¹)/(β - 1) for x, y > 0; log(x/y) at β = 1."""
    r = elementwise.log_ratio(x, y)
    e = beta - 1.0
    # The larger power is taken out, so that the divided difference cannot overflow.
    rising = e * r > 0.0
    top = jnp.where(rising, e * r, 0.0)
    return finite(jnp.where(rising, x, y) ** e) * r * exp_divided([-top, e * r - top])


@jax.custom_jvp
def power_gap(x: jax.Array, y: jax.Array, beta: jax.Array) -> jax.Array:
    """φ'(x) - φ'(y) for φ(x) = xᵝ/(β(β - 1)); a zero stands for the smallest positive normal number."""
    low = elementwise.tiny(x)
    return finite(_gap(jnp.maximum(x, low), jnp.maximum(y, low), beta))


@functools.partial(power_gap.defjvp, symbolic_zeros=True)
def _power_gap_jvp(primals, tangents):
    x, y, beta = primals
    dx, dy, d_beta = tangents
    low = elementwise.tiny(x)
    by_beta = _by_beta(lambda b: _gap(jnp.maximum(x, low), jnp.maximum(y, low), b), beta, d_beta)
    by_points = _along(_power(x, beta - 2.0), dx) - _along(_power(y, beta - 2.0), dy)
    return power_gap(x, y, beta), jnp.broadcast_to(by_points + by_beta, x.shape)


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


@jax.custom_jvp
def beta_term(x: jax.Array, y: jax.Array, beta: jax.Array) -> jax.Array:
    """[xᵝ + (β - 1) yᵝ - β x yᵝ⁻¹]/(β(β - 1)) ≥ 0, for arguments of one shape."""
    return _term(x, y, beta)


@functools.partial(beta_term.defjvp, symbolic_zeros=True)
def _beta_term_jvp(primals, tangents):
    # ∂x = φ'(x) - φ'(y), ∂y = -φ''(y)(x - y); zero where both are absent or the cost is infinite.
    x, y, beta = primals
    dx, dy, d_beta = tangents
    value = beta_term(x, y, beta)
    dead = jnp.isinf(value) | ((x == 0.0) & (y == 0.0))
    u, v = jnp.where(dead, 1.0, x), jnp.where(dead, 1.0, y)
    by_y = finite(_power(v, beta - 2.0) * (u - v))
    by_points = _along(power_gap(u, v, beta), dx) - _along(by_y, dy)
    return value, jnp.where(dead, 0.0, by_points + _by_beta(lambda b: _term(u, v, b), beta, d_beta))
