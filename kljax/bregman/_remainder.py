"""Taylor remainders of a function along a segment, right to the last digits however short the segment is.

    function φ of one vector, segment y → x = y + s d  ─▶  what φ and ∇φ do beyond first and zeroth order, over s² and s

The plain difference is right for distant points and cancels for close ones; Gauss-Legendre quadrature of the
second derivative is right for close points and has not converged for distant ones. Both are computed, each with an
estimate of its own error, and the smaller estimate decides. Dividing by the power of s makes both continuous at
s = 0, where Rényi divergences of order one and skewed ones of weight zero need them.

The derivative rule is that of `kljax._special.scalar_bregman` with inner products for products. It stands here again
because φ is the caller's: of a vector, with Hessians by differentiation and arrays that it closes over.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Function = Callable[[jax.Array], jax.Array]


class _Rule(NamedTuple):
    """Gauss-Legendre on [0, 1]: Σ weights f(nodes) = ∫f, and the integrand's last two Legendre coefficients."""

    nodes: np.ndarray
    weights: np.ndarray
    tails: np.ndarray  # [2, n]


@functools.cache
def _rule(count: int) -> _Rule:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    weights = weights / 2
    degrees = (count - 1, count - 2)
    tails = [(2 * k + 1) * weights * np.polynomial.legendre.Legendre.basis(k)(nodes) for k in degrees]
    return _Rule((nodes + 1) / 2, weights, np.stack(tails))


def _quadrature(integrand: Function, dtype: np.dtype) -> tuple[jax.Array, jax.Array]:
    """∫₀¹ f dt and an estimate of the error.

    If the integrand's Legendre coefficients fall like ρ⁻ᵏ, the last of n is ρ¹⁻ⁿ and the error of the rule ρ⁻²ⁿ:
    the square of the last two, relative to the integral, bounds the error with ρ² to spare.
    """
    rule = _rule(16 if dtype == jnp.float64 else 8)
    samples = jax.vmap(integrand)(jnp.asarray(rule.nodes, dtype))  # [n, ...]
    total = jnp.tensordot(jnp.asarray(rule.weights, dtype), samples, 1)
    tail = jnp.sum(jnp.abs(jnp.tensordot(jnp.asarray(rule.tails, dtype), samples, 1)), 0)
    return total, tail * (tail / jnp.where(total == 0.0, 1.0, jnp.abs(total)))


def _better(
    plain: jax.Array, plain_error: jax.Array, integral: jax.Array, integral_error: jax.Array, s: jax.Array
) -> jax.Array:
    # Where the plain value is not finite, the point lies outside the domain and the integral would hide it.
    closed = (s == 0.0) | (jnp.isfinite(plain) & (integral_error <= plain_error))
    return jnp.where(closed, integral, plain)


def curvature(phi: Function, y: jax.Array, x: jax.Array, d: jax.Array, s: jax.Array) -> jax.Array:
    """[φ(x) - φ(y) - ⟨∇φ(y), x - y⟩]/s² = ∫₀¹ (1 - t) dᵀ∇²φ(y + t s d) d dt, where x = y + s d.

    The end x is passed beside d because each may be known exactly where the other is rounded.
    """

    def integrand(t: jax.Array) -> jax.Array:
        def slope(z: jax.Array) -> jax.Array:
            return jax.jvp(phi, (z,), (d,))[1]

        return (1.0 - t) * jax.jvp(slope, (y + t * s * d,), (d,))[1]

    integral, integral_error = _quadrature(integrand, y.dtype)
    at_x, (at_y, gradient) = phi(x), jax.value_and_grad(phi)(y)
    products = jnp.where(d == 0.0, 0.0, gradient * jnp.where(d == 0.0, 0.0, s * d))
    divisor = jnp.where(s == 0.0, 1.0, s)
    plain = (at_x - at_y - jnp.sum(products)) / divisor / divisor
    size = jnp.abs(at_x) + jnp.abs(at_y) + jnp.sum(jnp.abs(products))
    plain_error = jnp.finfo(y.dtype).eps * size / divisor / divisor
    return _better(plain, plain_error, integral, integral_error, s)


def gradient_gap(phi: Function, y: jax.Array, x: jax.Array, d: jax.Array, s: jax.Array) -> jax.Array:
    """[∇φ(x) - ∇φ(y)]/s = ∫₀¹ ∇²φ(y + t s d) d dt, where x = y + s d."""

    def integrand(t: jax.Array) -> jax.Array:
        return hessian_product(phi, y + t * s * d, d)

    integral, integral_error = _quadrature(integrand, y.dtype)
    at_x, at_y = jax.grad(phi)(x), jax.grad(phi)(y)
    divisor = jnp.where(s == 0.0, 1.0, s)
    plain = (at_x - at_y) / divisor
    plain_error = jnp.finfo(y.dtype).eps * (jnp.abs(at_x) + jnp.abs(at_y)) / jnp.abs(divisor)
    return _better(plain, plain_error, integral, integral_error, s)


def hessian_product(phi: Function, y: jax.Array, d: jax.Array) -> jax.Array:
    """∇²φ(y) d."""
    return jax.jvp(jax.grad(phi), (y,), (d,))[1]


# --- the divergence itself, with its derivative rule ------------------------------------------------------
#
# Here φ has a second argument, the list of arrays it closes over that may be differentiated: D is linear in φ, so
# the derivative by them is the divergence of φ's derivative, by the same formula and on the same branch.

Closed = Callable[[jax.Array, list[jax.Array]], jax.Array]


def fix(phi: Closed, constants: list[jax.Array]) -> Function:
    """φ with its constants put in."""
    return lambda z: phi(z, constants)


def by_constants(
    of: Callable[[list[jax.Array]], jax.Array], constants: list[jax.Array], tangents: list[jax.Array]
) -> jax.Array | float:
    """The derivative of ``of`` by φ's constants along their tangents; 0 where φ closes over none."""
    return jax.jvp(of, (constants,), (tangents,))[1] if constants else 0.0


def finite(gradient: jax.Array) -> jax.Array:
    """An infinite slope at the boundary as the largest finite one, so that zero times it is zero."""
    largest = float(jnp.finfo(gradient.dtype).max)
    return jnp.clip(gradient, -largest, largest)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _gap(phi: Closed, constants: list[jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
    """∇φ(x) - ∇φ(y)."""
    return gradient_gap(fix(phi, constants), y, x, x - y, jnp.ones((), y.dtype))


@_gap.defjvp
def _gap_jvp(phi, primals, tangents):
    constants, x, y = primals
    d_constants, dx, dy = tangents
    f = fix(phi, constants)
    one = jnp.ones((), y.dtype)
    moved = by_constants(lambda c: gradient_gap(fix(phi, c), y, x, x - y, one), constants, d_constants)
    return _gap(phi, constants, x, y), hessian_product(f, x, dx) - hessian_product(f, y, dy) + moved


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def bregman(phi: Closed, constants: list[jax.Array], x: jax.Array, y: jax.Array) -> jax.Array:
    """φ(x) - φ(y) - ⟨∇φ(y), x - y⟩ for one pair of vectors."""
    value = curvature(fix(phi, constants), y, x, x - y, jnp.ones((), y.dtype))
    return jnp.where(jnp.all(x == y), 0.0, jnp.maximum(value, 0.0))


@bregman.defjvp
def _bregman_jvp(phi, primals, tangents):
    # ∂x = ∇φ(x) - ∇φ(y), ∂y = -∇²φ(y)(x - y); both exactly zero at x = y, and zero where the cost is infinite.
    constants, x, y = primals
    d_constants, dx, dy = tangents
    f = fix(phi, constants)
    one = jnp.ones((), y.dtype)
    value = bregman(phi, constants, x, y)
    by_x = finite(_gap(phi, constants, x, y))
    by_y = finite(hessian_product(f, y, x - y))
    moved = by_constants(lambda c: curvature(fix(phi, c), y, x, x - y, one), constants, d_constants)
    tangent = jnp.sum(by_x * dx) - jnp.sum(by_y * dy) + moved
    return value, jnp.where(jnp.isinf(value), 0.0, tangent)
