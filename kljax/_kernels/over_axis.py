"""Functionals of rows whose outcomes are split over the devices along a mesh axis, inside ``jax.shard_map``.

Each device holds a piece of every row. What goes between devices is of the size of a few numbers a row: the statistics
and sums of the pieces for the value, nothing for the backward pass.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from kljax._kernels.functionals import Functional

Found = tuple[Any, Any]


def mark(labels: jax.Array | None, logits: jax.Array, axis_name: Any) -> jax.Array | None:
    """Which logits of this device's piece are the labels'."""
    if labels is None:
        return None
    first = lax.axis_index(axis_name).astype(labels.dtype) * logits.shape[-1]
    return lax.broadcasted_iota(labels.dtype, logits.shape, logits.ndim - 1) == labels[..., None] - first


def statistics(functional: Functional, axis_name: Any, given: Any, labels: Any, logits: tuple[jax.Array, ...]) -> Found:
    """The statistics of the rows and the sums over their outcomes, the same on all devices."""
    found = functional.across(functional.part(given, mark(labels, logits[-1], axis_name), *logits), axis_name)
    if functional.terms is None:
        return found, None
    return found, lax.psum(functional.terms(given, found, *logits), axis_name)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _attached(functional: Functional, axis_name: Any, given: Any, labels: Any, logits: Any, found: Found) -> Found:
    """The statistics ``found``, with their derivative, which only a second derivative of the value asks for."""
    return found


@_attached.defjvp
def _attached_jvp(functional, axis_name, primals, tangents):
    given, labels, logits, found = primals
    again = functools.partial(statistics, functional, axis_name)
    return found, jax.jvp(lambda g, x: again(g, labels, x), (given, logits), (tangents[0], tangents[2]))[1]


def rows(functional: Functional, axis_name: Any, given: Any, labels: Any, logits: tuple[jax.Array, ...]) -> jax.Array:
    """The functional of each row, from this device's logits [..., V/n]; the same on all devices."""
    return _with_statistics(functional, axis_name, given, labels, logits)[0]


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _with_statistics(functional: Functional, axis_name: Any, given: Any, labels: Any, logits: Any) -> Any:
    found = statistics(functional, axis_name, given, labels, logits)
    return functional.value(given, *found)[..., 0], found


def _with_statistics_jvp(functional, axis_name, primals, tangents):
    # dD = Σ over devices and outcomes of the gradient in a logit times its tangent: one psum, and jax transposes it.
    given, labels, logits = primals
    value, found = _with_statistics(functional, axis_name, *primals)
    still = jax.tree.map(jnp.zeros_like, found)
    found = _attached(functional, axis_name, given, labels, logits, found)
    moving = [not isinstance(tangent, SymbolicZero) for tangent in tangents[2]]
    local: Any = None
    if any(moving):
        slopes = functional.gradient(given, mark(labels, logits[-1], axis_name), *found, *logits)
        for slope, x, log_norm, d, move in zip(
            slopes, logits, functional.logs(found[0]), tangents[2], moving, strict=True
        ):
            if move:
                if functional.balanced:
                    slope = _closed(slope, x - log_norm > math.log(0.5), axis_name)
                part = (slope * d).sum(-1)
                local = part if local is None else local + part
    if any(not isinstance(leaf, SymbolicZero) for leaf in jax.tree.leaves(tangents[0])):
        if functional.in_given is None:
            raise NotImplementedError(
                "The derivative in the order is not available with axis_name: hold the order fixed, or let jit "
                "partition the rows without axis_name."
            )
        moved = jax.tree.map(lambda t, x: jnp.zeros_like(x) if isinstance(t, SymbolicZero) else t, tangents[0], given)
        part = functional.in_given(given, moved, found[0], *logits)[..., 0]
        local = part if local is None else local + part
    tangent = jnp.zeros_like(value) if local is None else lax.psum(local, axis_name)
    return (value, found), (tangent, still)


_with_statistics.defjvp(_with_statistics_jvp, symbolic_zeros=True)


def _closed(slope: jax.Array, dominant: jax.Array, axis_name: Any) -> jax.Array:
    """A gradient that must sum to zero: the entry of an outcome with more than half of p is what the others leave."""
    others = lax.psum(jnp.where(dominant, 0.0, slope).sum(-1, keepdims=True), axis_name)
    return jnp.where(dominant, -others, slope)
