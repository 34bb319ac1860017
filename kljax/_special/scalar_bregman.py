"""The derivatives of the Bregman divergence of a convex function of one number, from accurate values.

    B(y; x) = f(y) - f(x) - f'(x)(y - x),     dB = [f'(y) - f'(x)] dy - f″(x)(y - x) dx + ∂B/∂θ dθ
                                              d[f'(y) - f'(x)] = f″(y) dy - f″(x) dx + ∂/∂θ dθ

    f, θ   the convex function and its parameters
    d      y - x, where known better than by subtraction; the derivatives by y and x speak for it, too
    v      a tangent

Differentiated as it is written, B loses what f loses, and near y = x the formula that a branch takes loses what the
other was for. By this rule its derivatives keep the digits of four functions, which the record `Convex` holds. Two of
them are given a tangent to multiply: it comes in first, so that a zero one stays zero where a slope overflows. Where B
is infinite its derivatives are zero.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

_INSIDE = 2.0  # a point of every domain


@dataclasses.dataclass(frozen=True, eq=False)
class Convex:
    """A convex function f by what is accurate of it.

    Attributes:
        remainder: (y, x, d, *θ) ↦ B(y; x).
        gap: (y, x, d, *θ) ↦ f'(y) - f'(x).
        curvature: (x, v, *θ) ↦ f″(x) v, differentiable.
        step: (y, x, d, v, *θ) ↦ f″(x)(y - x) v, differentiable; from the curvature if not given.
    """

    remainder: Callable[..., jax.Array]
    gap: Callable[..., jax.Array]
    curvature: Callable[..., jax.Array]
    step: Callable[..., jax.Array] | None = None


def bregman(f: Convex, y: jax.Array, x: jax.Array, d: jax.Array | None = None, *parameters: jax.Array) -> jax.Array:
    """B(y; x) for points inside the domain of f."""
    return _remainder(f, y, x, _held(y, x, d), *parameters)


def slope_gap(f: Convex, y: jax.Array, x: jax.Array, d: jax.Array | None = None, *parameters: jax.Array) -> jax.Array:
    """f'(y) - f'(x) for points inside the domain of f."""
    return _gap(f, y, x, _held(y, x, d), *parameters)


def _held(y: jax.Array, x: jax.Array, d: jax.Array | None) -> jax.Array:
    return jax.lax.stop_gradient(y - x if d is None else d)


def _sum_of(terms: list[jax.Array], value: jax.Array) -> jax.Array:
    """The terms that are not known to be zero."""
    return jnp.broadcast_to(sum(terms), value.shape) if terms else jnp.zeros_like(value)


def _moves(tangent: Any) -> bool:
    return not isinstance(tangent, SymbolicZero)


def _by_parameters(of: Callable[..., jax.Array], parameters: list[Any], tangents: list[Any]) -> list[jax.Array]:
    """[the derivative along the tangents], nothing where all are held fixed."""
    if not any(map(_moves, tangents)):
        return []
    steps = [t if _moves(t) else jnp.zeros_like(p) for p, t in zip(parameters, tangents, strict=True)]
    return [jax.jvp(of, parameters, steps)[1]]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _remainder(f: Convex, y: jax.Array, x: jax.Array, d: jax.Array, *parameters: jax.Array) -> jax.Array:
    return f.remainder(y, x, d, *parameters)


@functools.partial(_remainder.defjvp, symbolic_zeros=True)
def _remainder_jvp(f, primals, tangents):
    dy, dx, _, *steps = tangents
    value = _remainder(f, *primals)
    dead = jnp.isinf(value)
    y, x, d, *parameters = primals
    y, x, d = (jnp.where(dead, one, other) for one, other in ((_INSIDE, y), (_INSIDE, x), (0.0, d)))
    terms = _by_parameters(lambda *every: f.remainder(y, x, difference(y, x, d), *every), parameters, steps)
    if _moves(dy):
        terms.append(_gap_along(f, y, x, d, dy, *parameters))
    if _moves(dx):
        terms.append(-_step_along(f, y, x, d, dx, *parameters))
    return value, jnp.where(dead, 0.0, _sum_of(terms, value))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _gap(f: Convex, y: jax.Array, x: jax.Array, d: jax.Array, *parameters: jax.Array) -> jax.Array:
    return f.gap(y, x, d, *parameters)


@functools.partial(_gap.defjvp, symbolic_zeros=True)
def _gap_jvp(f, primals, tangents):
    dy, dx, _, *steps = tangents
    value = _gap(f, *primals)
    return value, _sum_of(_motion(f, primals, 1.0, (dy, dx), steps), value)


def _motion(f: Convex, primals: Any, v: jax.Array | float, points: Any, steps: list[Any]) -> list[jax.Array]:
    """The terms of d[f'(y) - f'(x)] v."""
    y, x, d, *parameters = primals
    terms = _by_parameters(lambda *every: f.gap(y, x, difference(y, x, d), *every) * v, parameters, steps)
    for sign, at, tangent in zip((1.0, -1.0), (y, x), points, strict=True):
        if _moves(tangent):
            terms.append(f.curvature(at, sign * v * tangent, *parameters))
    return terms


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _gap_along(f: Convex, y: jax.Array, x: jax.Array, d: jax.Array, v: jax.Array, *parameters: jax.Array) -> jax.Array:
    """[f'(y) - f'(x)] v. Reverse mode transposes this body, without its rule: the gap in it has one, too."""
    return _gap(f, y, x, d, *parameters) * v


@functools.partial(_gap_along.defjvp, symbolic_zeros=True)
def _gap_along_jvp(f, primals, tangents):
    y, x, d, v, *parameters = primals
    dy, dx, _, dv, *steps = tangents
    terms = _motion(f, (y, x, d, *parameters), v, (dy, dx), steps)
    if _moves(dv):
        terms.append(_gap_along(f, y, x, d, dv, *parameters))
    value = _gap_along(f, *primals)
    return value, _sum_of(terms, value)


def _step_along(f: Convex, y: jax.Array, x: jax.Array, d: jax.Array, v: jax.Array, *parameters: jax.Array) -> jax.Array:
    if f.step is None:
        return f.curvature(x, difference(y, x, d) * v, *parameters)
    return f.step(y, x, d, v, *parameters)


@jax.custom_jvp
def difference(y: jax.Array, x: jax.Array, d: jax.Array) -> jax.Array:
    """y - x, known as d."""
    return d


@difference.defjvp
def _difference_jvp(primals, tangents):
    (y, x, d), (dy, dx, _) = primals, tangents
    return difference(y, x, d), dy - dx
