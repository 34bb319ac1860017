"""The divergences of the powers pᵅq¹⁻ᵅ of two members of an exponential family, from the line through them.

    m ∝ pᵅq¹⁻ᵅ                          the member P(α) of the line
    J_α = -log ∫pᵅq¹⁻ᵅ                  = α KL(m‖p) + (1 - α) KL(m‖q)       for 0 ≤ α ≤ 1
    (α - 1) R_α = -J_α                  = (α - 1) KL(p‖q) + KL(p‖m)         for α ≥ 1, and likewise below 0
    K_α = J_α/(α(1 - α))                KL(p‖q) at α = 1 and KL(q‖p) at α = 0

Either way it is a sum of two divergences from whichever of p, m and q lies between the other two, none of it negative.
Of K_α are made

    A_α = (1 - exp(-J_α))/(α(1 - α))    the α-divergence
    R_α = α K_α                         Rényi's
    C = max J_α over 0 ≤ α ≤ 1          Chernoff's information, where KL(m‖p) = KL(m‖q)
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from kljax._special.elementwise import expm1, expm1_ratio
from kljax._special.roots import bracketed_root, with_slope
from kljax.divergences._forms.lines import Line
from kljax.families._internal import batch_shape, dtype_of

Through = Callable[[Any, Any], Line]  # the line through two members
Found = tuple[jax.Array, jax.Array]
_REAL = {"complex64": "float32", "complex128": "float64"}


def full(p: Any, number: ArrayLike) -> jax.Array:
    """A number or an array for each member of the batch, in its real dtype."""
    dtype = jnp.dtype(_REAL.get(str(dtype_of(p)), dtype_of(p)))
    return jnp.broadcast_to(jnp.asarray(number).astype(dtype), batch_shape(p))


# --- Rényi's and the α-divergence ---------------------------------------------------------------------------


def alpha_of(through: Through) -> Callable[..., jax.Array]:
    """The form of the α-divergence that a line gives."""
    return lambda p, q, order: _alpha(through(p, q), full(p, order))


def renyi_of(through: Through) -> Callable[..., jax.Array]:
    """The form of Rényi's divergence that a line gives."""
    return lambda p, q, order: _renyi(through(p, q), full(p, order))


def _alpha(line: Line, order: jax.Array) -> jax.Array:
    """(1 - exp(-J_α))/(α(1 - α))"""
    k, share = of_line(line, order), order * (1.0 - order)
    edge = share == 0.0
    j = jnp.where(edge, 0.0, share * jnp.where(edge, 0.0, k))
    near, over = jnp.abs(j) < 1.0, -j > math.log(float(jnp.finfo(j.dtype).max))
    close = jnp.where(near, k, 0.0) * expm1_ratio(-jnp.where(near, j, 0.0))
    far = -expm1(-jnp.where(near | over, 1.0, j)) / jnp.where(edge, 1.0, share)
    return jnp.where(edge, k, jnp.where(near, close, jnp.where(over, jnp.inf, far)))


def _renyi(line: Line, order: jax.Array) -> jax.Array:
    """R_α = αK_α; from 1/eps on that of order ∞, log sup p/q, taken at an order where they agree to rounding."""
    eps = float(jnp.finfo(order.dtype).eps)
    endless = jnp.zeros_like(order, bool) if line.bounded is None else ~line.bounded
    if line.shift is not None:
        # Of locations apart where the spreads are alike the part grows with the order.
        ends = [jnp.full_like(order, at / eps) for at in (1.0, 64.0)]
        low, high = (at * lax.stop_gradient(line.shift(at)) for at in ends)
        endless |= high > 8.0 * low
    endless &= order >= 1.0 / eps
    found = jnp.where(endless, 0.5, jnp.minimum(order, 64.0 / eps))
    return jnp.where(endless, jnp.inf, found * of_line(line, found))


def of_line(line: Line, order: jax.Array) -> jax.Array:
    """K_α of a line's ends; ∞ where the power leaves the family, with zero gradient."""
    high, low = jnp.maximum(order, 1.0), jnp.minimum(order, 0.0)
    legal = jnp.ones_like(order, bool) if line.inside is None else line.inside(high) & line.inside(low)
    a = jnp.where(legal, order, 0.5)
    base, high, low = jnp.clip(a, 0.0, 1.0), jnp.maximum(a, 1.0), jnp.minimum(a, 0.0)
    above, below = a > 1.0, a < 0.0
    beyond = _share(a * (a - 1.0))
    to_high = line.step(base, high, jnp.where(above, a - 1.0, jnp.where(below, 1.0, 1.0 - a)))
    to_low = line.step(base, low, jnp.where(above, -1.0, jnp.where(below, a, -a)))
    found = _term(jnp.where(above, beyond, _share(1.0 - a)), to_high)
    found += _term(jnp.where(below, beyond, _share(a)), to_low)
    found = found if line.shift is None else found + line.shift(a)
    return jnp.where(legal, found, jnp.inf)


def _share(x: jax.Array, numerator: float | jax.Array = 1.0) -> jax.Array:
    """1/x, and 0 at 0, where what it is multiplied by vanishes faster."""
    zero = x == 0.0
    return jnp.where(zero, 0.0, numerator / jnp.where(zero, 1.0, x))


def _term(weight: jax.Array, value: jax.Array) -> jax.Array:
    return jnp.where(weight == 0.0, 0.0, weight * jnp.where(weight == 0.0, 0.0, value))


# --- Chernoff's information ---------------------------------------------------------------------------------


def chernoff_of(through: Through) -> Callable[..., Found]:
    """The form of Chernoff's information that a line gives, with its order."""
    return lambda p, q, **_: chernoff([through(p, q)], full(p, 0.5))


def chernoff(lines: list[Line], start: jax.Array) -> Found:
    """(information, order) of a product of members, from the lines through them."""

    def ends(order: jax.Array) -> Found:
        found = [_to_ends(line, order) for line in lines]
        to_p, to_q = (functools.reduce(operator.add, side) for side in zip(*found, strict=True))
        return to_p, to_q

    def ahead(order: jax.Array) -> jax.Array:
        # KL(m‖q) - KL(m‖p), which rises with the order.
        to_p, to_q = ends(order)
        return to_q - to_p

    order = bracketed_root(with_slope(ahead), jnp.zeros_like(start), jnp.ones_like(start))
    to_p, to_q = ends(order)
    return order * to_p + (1.0 - order) * to_q, order


def _to_ends(line: Line, order: jax.Array) -> Found:
    """(KL(m‖p), KL(m‖q))"""
    rest = 1.0 - order
    to_p = line.step(order, jnp.ones_like(order), rest)
    to_q = line.step(order, jnp.zeros_like(order), -order)
    if line.shifts is None:
        return to_p, to_q
    first, second = line.shifts(order)
    return to_p + rest * rest * first, to_q + order * order * second
