"""Members of a batch that do not count: their parameters give way to ordinary ones, so that nothing can spoil a sum.

What is masked out may hold anything, zeros or NaN from padding. A ``where`` on the result would still send NaN
through the derivative of what it hides; so what is computed from is exchanged, not what comes out.
"""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

import jax
import jax.numpy as jnp

from kljax.families._record import batch_shape, inner_records, is_record, located, replace

T = TypeVar("T")


def padded(record: T, keep: jax.Array) -> T:
    """The record with ordinary parameters where ``keep``, of the shape of its batch, is false."""
    return _exchanged(record, keep)


def repaired(record: T, keep: jax.Array) -> T:
    """The same, but only for members whose parameters are out of range."""
    return _exchanged(record, keep | _in_range(record))


def point_of(record: Any, x: Any, keep: jax.Array) -> Any:
    """The points x, or where ``keep`` is false one that is in the support, or nearly."""

    def put(one: jax.Array, event: Any, space: Any) -> jax.Array:
        ndim = len(event)
        if space.kind == "positive definite matrices":
            other = jnp.eye(event[-1], dtype=one.dtype)
        else:
            other = jnp.full(event, _USUAL.get(space.kind, lambda n: 0.5)(event[-1] if event else 1), one.dtype)
        wide = jnp.broadcast_to(keep, one.shape[: one.ndim - ndim])
        return jnp.where(wide.reshape(*wide.shape, *(1,) * ndim), one, jnp.broadcast_to(other, one.shape))

    if hasattr(record, "_map"):  # a draw is a pytree
        return record._map(lambda part, one: point_of(part, one, keep), x)
    array, event = located(x, record), record.event_shape
    sample = jnp.broadcast_shapes(array.shape[: array.ndim - len(event)], keep.shape)
    return put(jnp.broadcast_to(array, sample + event), event, record.support)


_USUAL = {
    "integers": lambda n: 1.0,
    "simplex": lambda n: 1.0 / n,
    "sphere": lambda n: n**-0.5,
}


def _leaves(record: Any) -> list[tuple[str, jax.Array, Any]]:
    """(name, array, kind) of the parameters that are arrays."""
    kinds = {one.name: one.metadata["parameter"] for one in dataclasses.fields(record)}
    own = record._event_ndims() if hasattr(record, "_event_ndims") else {}
    found = []
    for name, kind in kinds.items():
        value = getattr(record, name)
        if isinstance(value, jax.Array) and not kind.nested and not kind.free:
            found.append((name, value, dataclasses.replace(kind, ndim=own.get(name, kind.ndim))))
    return found


def _wide(keep: jax.Array, ndim: int) -> jax.Array:
    return keep.reshape(*keep.shape, *(1,) * ndim)


def _exchanged(record: Any, keep: jax.Array) -> Any:
    given = record._ordinary() if hasattr(record, "_ordinary") else {}
    changed: dict[str, Any] = {}
    for name, value, kind in _leaves(record):
        other = jnp.broadcast_to(jnp.asarray(given.get(name, _ordinary(value, kind))).astype(value.dtype), value.shape)
        changed[name] = jnp.where(_wide(keep, kind.ndim), value, other)
    for name, _, own in inner_records(record):
        inner = _wide(keep, len(own))
        changed[name] = jax.tree.map(
            lambda leaf, inner=inner: _inside(leaf, inner) if is_record(leaf) else leaf,
            getattr(record, name),
            is_leaf=is_record,
        )
    return replace(record, **changed)


def _inside(leaf: Any, keep: jax.Array) -> Any:
    # What has no parameters has no batch either.
    return _exchanged(leaf, jnp.broadcast_to(keep, batch_shape(leaf))) if jax.tree.leaves(leaf) else leaf


def _ordinary(value: jax.Array, kind: Any) -> Any:
    """A value in the range of the parameter: 1, ½ for a probability, the identity for a matrix."""
    if value.dtype == jnp.bool_:
        return True
    if kind.ndim == 2 and value.shape[-1] == value.shape[-2]:
        return jnp.eye(value.shape[-1])
    if kind.high <= 1.0:
        return 1.0 / value.shape[-1] if kind.ndim == 1 else 0.5
    return 1.0 if kind.low == 0.0 else 0.0


def _in_range(record: Any) -> jax.Array:
    """Whether the parameters of a member are finite and in their ranges."""
    good = jnp.ones(batch_shape(record), bool)
    if hasattr(record, "_is_proper"):  # what several entries say together
        good &= record._is_proper()
    for _, value, kind in _leaves(record):
        if value.dtype == jnp.bool_:
            continue
        size = jnp.real(value) if jnp.iscomplexobj(value) else value
        low = size > kind.low if kind.open_low else size >= kind.low
        high = size < kind.high if kind.open_high else size <= kind.high
        fine = low & high
        fine = fine.reshape(*fine.shape[: fine.ndim - kind.ndim], -1).all(-1) if kind.ndim else fine
        good &= fine
    for name, _, own in inner_records(record):
        for leaf in jax.tree.leaves(getattr(record, name), is_leaf=is_record):
            if is_record(leaf):
                inner = _in_range(leaf)
                good &= inner.reshape(*inner.shape[: inner.ndim - len(own)], -1).all(-1) if own else inner
    return good
