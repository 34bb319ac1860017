"""What makes a class a distribution: a frozen pytree of parameters, and the shapes that follow from it.

A family is a class under ``@family``, whose annotations are its parameters, each made by ``real``, ``positive`` or one
of the others below. The decorator turns it into a frozen record that is a pytree, with keyword or positional arguments
in the order of the fields. A parameter becomes a floating-point array; all have one dtype. A batch shape is never
stored: it is what the leading dimensions of the parameters broadcast to.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Protocol, TypeVar, dataclass_transform, runtime_checkable

import jax
import jax.numpy as jnp

from kljax import _checks

T = TypeVar("T")
_FAMILIES: set[type] = set()


@runtime_checkable
class Distribution(Protocol):
    """What a family offers, and what the front door and the estimators ask of an object of the user's own.

    ``log_prob`` broadcasts x [sample..., batch..., event...] with the batch; ``sample(key, shape)`` returns an array
    of shape [*shape, batch..., event...]; ``entropy()``, ``mean`` and ``variance`` have the shape of the batch (and
    event). In nats.
    """

    def log_prob(self, x: Any) -> jax.Array:
        """log p(x), the density's logarithm; -∞ outside the support."""
        ...

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Independent draws, [*shape, batch..., event...]."""
        ...


@dataclasses.dataclass(frozen=True)
class Parameter:
    """What a parameter may be: the dimensions of one of its values, and the interval where its entries lie."""

    ndim: int = 0
    low: float = -math.inf
    high: float = math.inf
    open_low: bool = True
    open_high: bool = True


def _parameter(default: Any, **limits: Any) -> Any:
    metadata = {"parameter": Parameter(**limits)}
    if default is None:
        return dataclasses.field(metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def real(default: float | None = None, *, ndim: int = 0) -> Any:
    """A parameter without limits."""
    return _parameter(default, ndim=ndim)


def positive(default: float | None = None, *, ndim: int = 0) -> Any:
    """A parameter above zero."""
    return _parameter(default, ndim=ndim, low=0.0)


def non_negative(default: float | None = None, *, ndim: int = 0) -> Any:
    """A parameter of at least zero."""
    return _parameter(default, ndim=ndim, low=0.0, open_low=False)


def probability(default: float | None = None, *, ndim: int = 0) -> Any:
    """A parameter in [0, 1]."""
    return _parameter(default, ndim=ndim, low=0.0, high=1.0, open_low=False, open_high=False)


@dataclass_transform(frozen_default=True, field_specifiers=(real, positive, non_negative, probability))
def family(cls: type[T]) -> type[T]:
    """Makes a class with annotated parameters a frozen pytree record of arrays."""
    record: Any = dataclasses.dataclass(frozen=True, eq=False)(cls)
    fields = dataclasses.fields(record)
    names = [one.name for one in fields]
    made = record.__init__

    def create(self: Any, *arguments: Any, **keywords: Any) -> None:
        made(self, *arguments, **keywords)
        values = {one.name: _value(cls.__name__, one, getattr(self, one.name)) for one in fields}
        for name, value in _in_one_dtype(values).items():
            object.__setattr__(self, name, value)
        batch_shape(self)  # raises unless the shapes broadcast

    create.__wrapped__ = made  # type: ignore[attr-defined]
    record.__init__ = create

    def flatten(self: Any) -> tuple[list[tuple[Any, Any]], None]:
        return [(jax.tree_util.GetAttrKey(name), getattr(self, name)) for name in names], None

    def unflatten(_: None, leaves: Any) -> Any:
        # Transformations rebuild records from what is no array: nothing is checked here.
        self = object.__new__(record)
        for name, leaf in zip(names, leaves, strict=True):
            object.__setattr__(self, name, leaf)
        return self

    jax.tree_util.register_pytree_with_keys(record, flatten, unflatten)
    _FAMILIES.add(record)
    return record


def _value(family_name: str, field: dataclasses.Field[Any], value: Any) -> jax.Array:
    name, limits = f"{family_name}: {field.name}", field.metadata["parameter"]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        _checks.number(
            name, value, low=limits.low, high=limits.high, open_low=limits.open_low, open_high=limits.open_high
        )
        value = float(value)
    array = _checks.floating(name, value)
    if array.ndim < limits.ndim:
        raise ValueError(f"{name} must have at least {limits.ndim} dimensions; got shape {array.shape}.")
    return array


def _in_one_dtype(values: dict[str, jax.Array]) -> dict[str, jax.Array]:
    strong = {array.dtype for array in values.values() if not array.weak_type}
    dtype = max(strong, key=lambda one: one.itemsize) if strong else jnp.result_type(float)
    return {name: array.astype(dtype) for name, array in values.items()}


def is_family(value: Any) -> bool:
    """Whether this is a record made by ``@family``."""
    return type(value) in _FAMILIES


def frame(record: Any) -> tuple[jax.Array, jax.Array]:
    """Where the mass of a distribution on the line lies and how wide it is, roughly; both finite."""
    at = filled(record)
    if hasattr(at, "_frame"):
        return at._frame()
    if hasattr(at, "loc") and hasattr(at, "scale") and at.support.low == -math.inf:
        return at.loc, at.scale
    return at.mean, jnp.sqrt(at.variance)


def event_ndims(record: Any) -> dict[str, int]:
    """The dimensions of one value of each parameter."""
    return {one.name: one.metadata["parameter"].ndim for one in dataclasses.fields(record)}


def batch_shape(record: Any) -> tuple[int, ...]:
    """What the leading dimensions of the parameters broadcast to."""
    shapes = {
        name: jnp.shape(getattr(record, name))[: jnp.ndim(getattr(record, name)) - ndim]
        for name, ndim in event_ndims(record).items()
    }
    try:
        return jnp.broadcast_shapes(*shapes.values())
    except ValueError:
        listed = ", ".join(f"{name} {shape}" for name, shape in shapes.items())
        raise ValueError(
            f"{type(record).__name__}: the batch shapes of the parameters must broadcast together; got {listed}."
        ) from None


def aligned(*records: Any) -> Any:
    """The records in one dtype, their parameters broadcast to one batch shape, so that arithmetic needs no more."""
    shapes = [batch_shape(record) for record in records]
    try:
        shape = jnp.broadcast_shapes(*shapes)
    except ValueError:
        listed = " and ".join(f"{type(one).__name__} has {shape}" for one, shape in zip(records, shapes, strict=True))
        raise ValueError(f"The batch shapes of p and q must broadcast together; {listed}.") from None
    dtype = jnp.result_type(*(leaf.dtype for leaf in jax.tree.leaves(records)))
    return tuple(_with_batch(record, shape, dtype) for record in records)


def _with_batch(record: T, shape: tuple[int, ...], dtype: Any) -> T:
    widened = {}
    for name, ndim in event_ndims(record).items():
        value = getattr(record, name)
        event = value.shape[value.ndim - ndim :]
        widened[name] = jnp.broadcast_to(value.astype(dtype), shape + event)
    return replace(record, **widened)


def filled(record: T) -> T:
    """The record with every parameter broadcast to the batch's shape."""
    return _with_batch(record, batch_shape(record), jax.tree.leaves(record)[0].dtype)


def replace(record: T, **values: Any) -> T:
    """The record with other parameters, which are taken as they are."""
    names = [one.name for one in dataclasses.fields(record)]  # type: ignore[arg-type]
    leaves = [values.get(name, getattr(record, name)) for name in names]
    return jax.tree.unflatten(jax.tree.structure(record), leaves)


def noise(draw: Any, key: jax.Array, shape: tuple[int, ...], record: Any, *parameters: jax.Array) -> jax.Array:
    """Draws of ``jax.random``'s ``draw(key, *parameters, shape, dtype)``, one for each member of the batch."""
    leaf = jax.tree.leaves(record)[0]
    broadcast = [jnp.broadcast_to(one, (*shape, *batch_shape(record))) for one in parameters]
    return draw(key, *broadcast, shape=(*shape, *batch_shape(record)), dtype=leaf.dtype)


def lifted(record: T, shape: tuple[int, ...]) -> T:
    """The record with its parameters broadcast to draws of this shape."""
    return _with_batch(record, (*shape, *batch_shape(record)), jax.tree.leaves(record)[0].dtype)


def along(record: T) -> T:
    """The record for points along a new last axis, as quadrature asks for them."""
    return jax.tree.map(lambda leaf: leaf[..., None], filled(record))


def at_points(x: Any, record: T) -> tuple[jax.Array, T]:
    """Points of a distribution on the line or the integers, and its record, broadcast to one shape."""
    points = jnp.asarray(x)
    if not (jnp.issubdtype(points.dtype, jnp.floating) or jnp.issubdtype(points.dtype, jnp.integer)):
        raise TypeError(f"x must be an array of real numbers; got {points.dtype} with shape {points.shape}.")
    dtype = jax.tree.leaves(record)[0].dtype
    if jnp.issubdtype(points.dtype, jnp.floating) and not points.weak_type:
        dtype = jnp.promote_types(dtype, points.dtype)
    shape = jnp.broadcast_shapes(points.shape, batch_shape(record))
    return jnp.broadcast_to(points.astype(dtype), shape), _with_batch(record, shape, dtype)
