"""Divergences of the powers pᵅq¹⁻ᵅ of two members of an exponential family, in closed form.

With m ∝ pᵅq¹⁻ᵅ, J_α = -log ∫pᵅq¹⁻ᵅ = α KL(m‖p) + (1 - α) KL(m‖q) for 0 ≤ α ≤ 1, and (α - 1) R_α = -J_α =
(α - 1) KL(p‖q) + KL(p‖m) beyond. Either way it is a sum of two divergences from whichever of p, m and q lies between
the other two, none of it negative. Everything is made of K_α = J_α/(α(1 - α)), which is KL(p‖q) at 1 and KL(q‖p) at 0.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import generators
from kljax._prompt import prompt
from kljax._special.elementwise import expm1, expm1_ratio
from kljax.divergences._forms.geometric_means import LINES, SHARED
from kljax.divergences._forms.lines import Line
from kljax.families._internal import batch_shape, dtype_of
from kljax.generators import Generator

_REAL = {"complex64": "float32", "complex128": "float64"}


def full(p: Any, order: ArrayLike) -> jax.Array:
    """A number or an array for each member of the batch, in its real dtype."""
    dtype = jnp.dtype(_REAL.get(str(dtype_of(p)), dtype_of(p)))
    return jnp.broadcast_to(jnp.asarray(order).astype(dtype), batch_shape(p))


def _share(x: jax.Array, numerator: float | jax.Array = 1.0) -> jax.Array:
    """1/x, and 0 at 0, where what it is multiplied by vanishes faster."""
    zero = x == 0.0
    return jnp.where(zero, 0.0, numerator / jnp.where(zero, 1.0, x))


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


def _term(weight: jax.Array, value: jax.Array) -> jax.Array:
    return jnp.where(weight == 0.0, 0.0, weight * jnp.where(weight == 0.0, 0.0, value))


def _order_alpha(line: Line, order: jax.Array) -> jax.Array:
    """(1 - exp(-J_α))/(α(1 - α))"""
    k, share = of_line(line, order), order * (1.0 - order)
    edge = share == 0.0
    j = jnp.where(edge, 0.0, share * jnp.where(edge, 0.0, k))
    near, over = jnp.abs(j) < 1.0, -j > math.log(float(jnp.finfo(j.dtype).max))
    close = jnp.where(near, k, 0.0) * expm1_ratio(-jnp.where(near, j, 0.0))
    far = -expm1(-jnp.where(near | over, 1.0, j)) / jnp.where(edge, 1.0, share)
    return jnp.where(edge, k, jnp.where(near, close, jnp.where(over, jnp.inf, far)))


def _order_renyi(line: Line, order: jax.Array) -> jax.Array:
    """R_α = αK_α; from 1/eps on that of order ∞, log sup p/q, taken at an order where they agree to rounding."""
    eps = float(jnp.finfo(order.dtype).eps)
    endless = jnp.zeros_like(order, bool) if line.bounded is None else ~line.bounded
    if line.shift is not None:
        # Of locations apart where the spreads are alike the part grows with the order.
        ends = [jnp.full_like(order, at / eps) for at in (1.0, 64.0)]
        low, high = (at * jax.lax.stop_gradient(line.shift(at)) for at in ends)
        endless |= high > 8.0 * low
    endless &= order >= 1.0 / eps
    found = jnp.where(endless, 0.5, jnp.minimum(order, 64.0 / eps))
    return jnp.where(endless, jnp.inf, found * of_line(line, found))


_POWERS = (
    (generators.kl, 1.0, 1.0),
    (generators.reverse_kl, 0.0, 1.0),
    (generators.squared_hellinger, 0.5, 0.25),
    (generators.pearson, 2.0, 2.0),
    (generators.neyman, -1.0, 2.0),
)
_ALPHA = generators.alpha(0.5).balanced

_VERBS: dict[str, Callable[[Line, jax.Array], jax.Array]] = {"alpha": _order_alpha, "renyi": _order_renyi}


@functools.partial(prompt, static_argnums=(0, 1))
def _closed(verb: str, row: Any, p: Any, q: Any, order: jax.Array, factor: jax.Array) -> jax.Array:
    return factor * _VERBS[verb](row(p, q), order)


def of_pair(
    verb: str, p: Any, q: Any, order: ArrayLike, otherwise: Callable[[], jax.Array], factor: ArrayLike = 1.0
) -> jax.Array:
    """A factor times the α-divergence or Rényi's by the row of the pair, where there is one and it holds."""
    row = LINES.get((type(p), type(q)))
    if row is None:
        return otherwise()
    orders = full(p, order), full(p, factor)
    return where_shared(p, q, lambda: _closed(verb, row, p, q, *orders), otherwise)


def power_of(generator: Generator) -> tuple[ArrayLike, ArrayLike] | None:
    """(α, c) where f is c times that of the α-divergence."""
    if generator.name == "tsallis":
        return generator.parameters[0], generator.parameters[0]
    for known, order, factor in _POWERS:
        if generator.balanced == known.balanced:
            return order, factor
    if generator.balanced == _ALPHA and len(generator.parameters) == 1:
        return generator.parameters[0], 1.0
    return None


def has_line(p: Any, q: Any) -> bool:
    """Whether p and q are known to be of one exponential family."""
    if (type(p), type(q)) not in LINES:
        return False
    holds = SHARED[type(p)](p, q) if type(p) in SHARED else True
    return not isinstance(holds, jax.core.Tracer) and bool(holds)


def where_shared(p: Any, q: Any, closed: Callable[[], Any], otherwise: Callable[[], Any]) -> Any:
    """The first where p and q are of one exponential family, else the second; where that is traced, both compile."""
    holds = SHARED[type(p)](p, q) if type(p) in SHARED else True
    if isinstance(holds, jax.core.Tracer):
        return jax.lax.cond(holds, closed, otherwise)
    return closed() if holds else otherwise()
