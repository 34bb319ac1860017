"""Chernoff's information between two distributions."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax import _checks
from kljax._prompt import prompt
from kljax._special.roots import bracketed_root, with_slope
from kljax._types import Law
from kljax.divergences import _atoms, _pairs, _powers, _structure
from kljax.divergences._forms.geometric_means import LINES
from kljax.divergences._forms.lines import Line, summed
from kljax.divergences._forms.outcomes import tables
from kljax.divergences._register import registrable
from kljax.families._internal import batch_shape

Found = tuple[jax.Array, jax.Array]


@registrable
def chernoff_information(p: Law, q: Law, *, with_order: bool = False) -> jax.Array | Found:
    """C = max over α in [0, 1] of -log ∫ p^α q^(1-α), Chernoff's information.

    The best achievable exponent of the error of deciding between p and q from many draws. In an exponential family it
    is KL(m‖p) = KL(m‖q) for the m ∝ p^α q^(1-α) that is as far from both, and the Hessian includes the motion of the
    order. By quadrature the gradient is that at the optimal order, which is found to half of the digits and held fixed.

    Args:
        p: The first distribution, a record of ``kljax.families``.
        q: The second; batches of parameters broadcast.
        with_order: Whether to return the optimal order as well.

    Returns:
        The information in nats, [batch...]; with ``with_order`` the pair (information, order), the order being that of
        p, and ½ for p = q.

    Raises:
        NotImplementedError: If there is neither a closed form nor a variable of one dimension to integrate over.

    Example:
        >>> import kljax
        >>> from kljax.families import Poisson
        >>> value, order = kljax.chernoff_information(Poisson(1.0), Poisson(4.0), with_order=True)
        >>> print(f"{value:.4f} {order:.4f}")
        0.5066 0.4431

    References:
        Chernoff (1952), "A measure of asymptotic efficiency for tests of a hypothesis based on the sum of
        observations"; Nielsen (2013), "An information-geometric characterization of Chernoff information".
    """
    _checks.instance("with_order", with_order, bool, "True or False")
    p, q = _pairs.pair(p, q)
    parts = _structure.parts(p, q)
    if parts is not None and parts.mask is not None:
        shown = chernoff_information(*parts.pairs[0], with_order=with_order)
        # What is masked costs nothing, and no order is better than another.
        none = (0.0, 0.5) if with_order else 0.0
        mask = parts.mask
        return jax.tree.map(lambda one, other: jnp.where(mask, one, other), shown, none)
    found = _of_pair(p, q, parts)
    return found if with_order else found[0]


def _of_pair(p: Any, q: Any, parts: _structure.Parts | None) -> Found:
    if parts is not None and all(_powers.has_line(*one) for one in parts.pairs):
        return _by_parts(parts.axes, parts.pairs, _powers.full(p, 0.5))
    rows = tables(p, q) or _atoms.rows(p, q)
    if rows is not None:
        module, a, b = rows
        found: Found = module.chernoff_information(a, b, with_order=True)
        return found
    row = LINES.get((type(p), type(q)))
    if row is None:
        return _by_quadrature(p, q)
    return _powers.where_shared(p, q, lambda: _closed(row, p, q, _powers.full(p, 0.5)), lambda: _by_quadrature(p, q))


# --- in closed form -----------------------------------------------------------------------------------------


@functools.partial(prompt, static_argnums=(0,))
def _closed(row: Callable[[Any, Any], Line], p: Any, q: Any, start: jax.Array) -> Found:
    return of_lines([row(p, q)], start)


@functools.partial(prompt, static_argnums=(0,))
def _by_parts(axes: int, pairs: list[tuple[Any, Any]], start: jax.Array) -> Found:
    lines = [LINES[type(p), type(q)](p, q) for p, q in pairs]
    for _ in range(axes):
        lines = [summed(one) for one in lines]
    return of_lines(lines, start)


def of_lines(lines: list[Line], start: jax.Array) -> Found:
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


# --- by quadrature ------------------------------------------------------------------------------------------


@prompt
def _by_quadrature(p: Any, q: Any) -> Found:
    """By golden sections of the concave J_α, one member of the batch after another."""
    shape = batch_shape(p)

    def one(p: Any, q: Any) -> Found:
        def exponent(order: jax.Array) -> jax.Array:
            return (1.0 - order) * _pairs.integrate("renyi", p, q, order=order)

        order = lax.stop_gradient(_highest(exponent, _powers.full(p, 0.5)))
        return exponent(order), order

    flat = [jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[len(shape) :]), one) for one in (p, q)]
    value, order = jax.vmap(one)(*flat) if shape else one(p, q)
    return value.reshape(shape), order.reshape(shape)


def _highest(function: Callable[[jax.Array], jax.Array], like: jax.Array) -> jax.Array:
    golden = 0.5 * (math.sqrt(5.0) - 1.0)
    # Half of the digits of an inner maximum would take 42 and 20; one at an end, where J_α has a slope, needs all.
    rounds, eps = 72 if like.dtype == jnp.float64 else 30, float(jnp.finfo(like.dtype).eps)

    def inner(low: jax.Array, high: jax.Array) -> Found:
        return high - golden * (high - low), low + golden * (high - low)

    def narrow(_: Any, state: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
        # What is not known of the two inner points is NaN: the function stands in the program once.
        low, high, at_first, at_second = state
        left, right = at_first > at_second, at_first <= at_second
        first, second = inner(low, high)
        low, high = jnp.where(right, first, low), jnp.where(left, second, high)
        at_first, at_second = (
            jnp.where(left, jnp.nan, jnp.where(right, at_second, at_first)),
            jnp.where(left, at_first, jnp.where(right, jnp.nan, at_second)),
        )
        first, second = inner(low, high)
        new = jnp.isnan(at_first)
        value = function(jnp.where(new, first, second))
        return low, high, jnp.where(new, value, at_first), jnp.where(new, at_second, value)

    unknown = jnp.full_like(like, jnp.nan)
    low, high, *_ = lax.fori_loop(0, rounds, narrow, (jnp.zeros_like(like), jnp.ones_like(like), unknown, unknown))
    return jnp.clip(0.5 * low + 0.5 * high, eps, 1.0 - eps)
