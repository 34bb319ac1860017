"""What makes a class a distribution: a frozen pytree of parameters, and the shapes that follow from it.

A family is a class under ``@family``, whose annotations are its parameters, each made by ``real``, ``positive`` or one
of the others below. The decorator turns it into a frozen record that is a pytree, with keyword or positional arguments
in the order of the fields. A parameter becomes a floating-point array; all have one dtype. A batch shape is never
stored: it is what the leading dimensions of the parameters broadcast to.

Two kinds of parameter are special. Of those under ``one_of`` exactly one is given, the others are None. A ``count``
given as a Python number stays one: it belongs to the structure of the pytree, like a shape, so that a form can look at
it under ``jit``. A ``nested`` parameter is a record itself, as the scale of a multivariate normal distribution is; what
is made of other distributions says in ``_inner`` which trailing batch dimensions of theirs are its own.

The shape of one draw is ``event_shape``, () unless the class says otherwise; a class whose parameters must agree in
shape says so in ``_check``.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, dataclass_transform, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np

from kljax import _checks, _names, _records
from kljax.families import _fields, _looks
from kljax.families._fields import boolean as boolean
from kljax.families._fields import complex_valued as complex_valued
from kljax.families._fields import count as count
from kljax.families._fields import free as free
from kljax.families._fields import nested as nested
from kljax.families._fields import non_negative as non_negative
from kljax.families._fields import number_or_array as number_or_array
from kljax.families._fields import one_of as one_of
from kljax.families._fields import optional as optional
from kljax.families._fields import positive as positive
from kljax.families._fields import probability as probability
from kljax.families._fields import real as real
from kljax.families._fields import static as static
from kljax.families._fields import tree as tree

T = TypeVar("T")
FAMILIES: set[type] = set()
_RECORDS: set[type] = set()


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


@dataclass_transform(
    frozen_default=True,
    field_specifiers=(real, positive, non_negative, probability, count, complex_valued, _fields.definite, nested, free),
)
def family(cls: type[T]) -> type[T]:
    """Makes a class with annotated parameters a distribution: a frozen pytree record of arrays."""
    record: Any = parameters(cls)
    if "event_shape" not in vars(cls):
        record.event_shape = property(_shape_of_a_number)
    record.sample = _looks.drawn(record.sample)
    FAMILIES.add(record)
    return record


def _shape_of_a_number(_: Any) -> tuple[int, ...]:
    """The shape of one draw."""
    return ()


@dataclass_transform(
    frozen_default=True,
    field_specifiers=(real, positive, non_negative, probability, count, complex_valued, _fields.definite, nested, free),
)
def parameters(cls: type[T]) -> type[T]:
    """Makes a class with annotated parameters a frozen pytree record of arrays."""
    record: Any = dataclasses.dataclass(frozen=True, eq=False)(cls)
    fields = dataclasses.fields(record)
    names = [one.name for one in fields]
    limits = {one.name: one.metadata["parameter"] for one in fields}
    made = record.__init__

    def create(self: Any, *arguments: Any, **keywords: Any) -> None:
        for one in keywords:
            if one not in names:
                raise _names.keyword(cls.__name__, one, names)
        if len(arguments) > len(names):
            raise TypeError(
                f"{cls.__name__} takes {len(names)} parameters, {', '.join(names)}; got {len(arguments)} arguments."
            )
        made(self, *arguments, **keywords)
        _check_alternatives(cls.__name__, fields, self)
        values = {one.name: _value(cls.__name__, one, getattr(self, one.name)) for one in fields}
        for name, value in _in_one_dtype(values).items():
            object.__setattr__(self, name, value)
            _looks.parameter(cls.__name__, name, limits[name], value)
        batch_shape(self)  # raises unless the shapes broadcast
        if hasattr(self, "_check"):
            self._check()

    create.__wrapped__ = made  # type: ignore[attr-defined]
    record.__init__ = create

    def flatten(self: Any) -> tuple[list[tuple[Any, Any]], tuple[Any, ...]]:
        values = [getattr(self, name) for name in names]
        fixed = tuple(
            value if _is_fixed(kind, value) else None for value, kind in zip(values, limits.values(), strict=True)
        )
        leaves = [None if number is not None else value for value, number in zip(values, fixed, strict=True)]
        return [(jax.tree_util.GetAttrKey(name), leaf) for name, leaf in zip(names, leaves, strict=True)], fixed

    def unflatten(fixed: tuple[Any, ...], leaves: Any) -> Any:
        # Transformations rebuild records from what is no array: nothing is checked here.
        self = object.__new__(record)
        for name, leaf, number in zip(names, leaves, fixed, strict=True):
            object.__setattr__(self, name, leaf if number is None else number)
        return self

    jax.tree_util.register_pytree_with_keys(record, flatten, unflatten)
    _records.comparable(record)
    if cls.__module__.startswith("kljax."):
        _records.exported(record)
    _RECORDS.add(record)
    return record


def _is_fixed(kind: Any, value: Any) -> bool:
    """Whether the value belongs to the structure of the pytree."""
    if kind.free:
        return not isinstance(value, (jax.Array, np.ndarray)) and jax.tree_util.all_leaves([value])
    return kind.static or (kind.count and _is_number(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _check_alternatives(family_name: str, fields: Any, record: Any) -> None:
    names = [one.name for one in fields if one.metadata["parameter"].alternative]
    given = [name for name in names if getattr(record, name) is not None]
    if names and len(given) != 1:
        listed = " and ".join(given) or "none"
        raise TypeError(f"{family_name} takes exactly one of {' and '.join(names)}; got {listed}.")


def _value(family_name: str, field: dataclasses.Field[Any], value: Any) -> Any:
    name, limits = f"{family_name}: {field.name}", field.metadata["parameter"]
    if value is None and (limits.alternative or limits.optional):
        return None
    if limits.static or limits.free:
        return value
    if limits.nested:
        if limits.tree or type(value) in _RECORDS:
            return value
        raise TypeError(f"{name} must be a record of kljax.families; got {type(value).__name__}.{limits.advice}")
    if limits.boolean:
        array = jnp.asarray(value)
        if array.dtype != jnp.bool_:
            raise TypeError(f"{name} must be boolean; got {array.dtype} with shape {array.shape}.")
        return array
    if limits.count and isinstance(value, np.integer):
        value = int(value)
    if _is_number(value):
        _checks.number(
            name, value, low=limits.low, high=limits.high, open_low=limits.open_low, open_high=limits.open_high
        )
        value = float(value)
        if limits.whole and not value.is_integer():
            raise ValueError(f"{name} must be a whole number; got {value!r}.")
        if limits.count:
            return value
    if limits.count and hasattr(value, "dtype") and jnp.issubdtype(value.dtype, jnp.integer):
        return jnp.asarray(value)
    array = _checks.floating(name, value, allow_complex=limits.complex)
    if limits.complex and not jnp.iscomplexobj(array):
        array = array.astype(jnp.complex128 if array.dtype == jnp.float64 else jnp.complex64)
    if array.ndim < limits.ndim:
        raise ValueError(f"{name} must have at least {limits.ndim} dimensions; got shape {array.shape}.")
    return array


def _in_one_dtype(values: dict[str, Any]) -> dict[str, Any]:
    leaves = [one for one in jax.tree.leaves(values) if isinstance(one, jax.Array)]
    strong = {one.dtype for one in leaves if not one.weak_type and jnp.issubdtype(one.dtype, jnp.inexact)}
    dtype = functools.reduce(np.promote_types, strong) if strong else jnp.result_type(float)

    def cast(value: Any) -> Any:
        # What has the dtype already stays the same object.
        wrong = [one for one in jax.tree.leaves(value) if isinstance(one, jax.Array) and one.dtype not in (dtype, bool)]
        return jax.tree.map(cast_leaf, value) if wrong else value

    def cast_leaf(leaf: Any) -> Any:
        return leaf.astype(dtype) if isinstance(leaf, jax.Array) and leaf.dtype != jnp.bool_ else leaf

    own = {name: value for name, value in values.items() if isinstance(value, jax.Array) or _holds_records(value)}
    return values | {name: cast(value) for name, value in own.items()}


def _holds_records(value: Any) -> bool:
    return any(is_record(leaf) for leaf in jax.tree.leaves(value, is_leaf=is_record))


def is_family(value: Any) -> bool:
    """Whether this is a record made by ``@family``, or such a class."""
    return (value if isinstance(value, type) else type(value)) in FAMILIES


def hint(record: Any) -> tuple[jax.Array, jax.Array]:
    """Where the mass of a distribution on the line lies and how wide it is, roughly; both finite."""
    at = filled(record)
    if hasattr(at, "_hint"):
        return at._hint()
    low = at.support.low
    if hasattr(at, "loc") and hasattr(at, "scale") and isinstance(low, float) and low == -math.inf:
        return at.loc, at.scale
    return at.mean, jnp.sqrt(at.variance)


def hints(record: Any) -> list[tuple[jax.Array, jax.Array]]:
    """Those of each component of a mixture, of any other distribution the one there is."""
    at = filled(record)
    return at._hints() if hasattr(at, "_hints") else [hint(at)]


def ends(record: Any) -> list[tuple[Any, Any]]:
    """The ends of the support, of a mixture those of every component; a density may jump there."""
    at = filled(record)
    return at._ends() if hasattr(at, "_ends") else [(at.support.low, at.support.high)]


def dtype_of(record: Any) -> Any:
    """The dtype of the parameters; the default one where there are none."""
    dtypes = [leaf.dtype for leaf in jax.tree.leaves(record) if hasattr(leaf, "dtype")]
    return next((one for one in dtypes if jnp.issubdtype(one, jnp.inexact)), jnp.result_type(float))


def event_ndims(record: Any) -> dict[str, int]:
    """The dimensions of one value of each parameter that is an array or a number; the record's own word counts."""
    kinds = {one.name: one.metadata["parameter"] for one in dataclasses.fields(record)}
    found = {
        name: kind.ndim
        for name, kind in kinds.items()
        if not (kind.nested or kind.static or kind.free or getattr(record, name) is None)
    }
    return found | (record._event_ndims() if hasattr(record, "_event_ndims") else {})


def is_record(value: Any) -> bool:
    """Whether this is a record made by ``@family`` or ``@parameters``."""
    return type(value) in _RECORDS


def inner_records(record: Any) -> list[tuple[str, Any, tuple[int, ...]]]:
    """(field, record, the trailing part of its batch that is the outer record's own) of all records inside."""
    own = record._inner() if hasattr(record, "_inner") else {}
    return [
        (one.name, leaf, own.get(one.name, ()))
        for one in dataclasses.fields(record)
        if one.metadata["parameter"].nested or one.metadata["parameter"].free
        for leaf in jax.tree.leaves(getattr(record, one.name), is_leaf=is_record)
        if is_record(leaf)
    ]


def _with_parts(record: Any, change: Callable[[Any, tuple[int, ...]], Any]) -> dict[str, Any]:
    """The fields that hold records, each record changed."""
    return {
        name: jax.tree.map(
            lambda leaf, own=own: change(leaf, own) if is_record(leaf) else leaf,
            getattr(record, name),
            is_leaf=is_record,
        )
        for name, own in {name: own for name, _, own in inner_records(record)}.items()
    }


def batch_shape(record: Any) -> tuple[int, ...]:
    """What the leading dimensions of the parameters broadcast to."""
    shapes = {
        name: jnp.shape(getattr(record, name))[: jnp.ndim(getattr(record, name)) - ndim]
        for name, ndim in event_ndims(record).items()
    }
    for at, (name, value, own) in enumerate(inner_records(record)):
        shape = batch_shape(value)
        shapes[f"{name} {at}" if name in shapes else name] = shape[: max(len(shape) - len(own), 0)]
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
    leaves = [leaf.dtype for leaf in jax.tree.leaves(records) if hasattr(leaf, "dtype")]
    dtype = jnp.result_type(*([one for one in leaves if jnp.issubdtype(one, jnp.inexact)] or [float]))
    return tuple(_with_batch(record, shape, dtype) for record in records)


def _with_batch(record: T, shape: tuple[int, ...], dtype: Any) -> T:
    widened = _with_parts(record, lambda value, own: _with_batch(value, shape + own, dtype))
    for name, ndim in event_ndims(record).items():
        value = getattr(record, name)
        if _is_number(value):
            continue
        event = value.shape[value.ndim - ndim :]
        typed = value if value.dtype == jnp.bool_ else value.astype(dtype)
        widened[name] = jnp.broadcast_to(typed, shape + event)
    return replace(record, **widened)


def broadcast(record: T, shape: tuple[int, ...]) -> T:
    """The record with every parameter broadcast to a batch of this shape."""
    return _with_batch(record, shape, dtype_of(record))


def filled(record: T) -> T:
    """The record with every parameter broadcast to the batch's shape."""
    return _with_batch(record, batch_shape(record), dtype_of(record))


def replace(record: T, **values: Any) -> T:
    """The record with other parameters, which are taken as they are."""
    changed = object.__new__(type(record))
    for one in dataclasses.fields(record):  # type: ignore[arg-type]
        object.__setattr__(changed, one.name, values.get(one.name, getattr(record, one.name)))
    return changed


def noise(draw: Any, key: jax.Array, shape: tuple[int, ...], record: Any, *parameters: jax.Array) -> jax.Array:
    """Draws of ``jax.random``'s ``draw(key, *parameters, shape, dtype)``, one for each member of the batch."""
    leaf = jax.tree.leaves(record)[0]
    broadcast = [jnp.broadcast_to(one, (*shape, *batch_shape(record))) for one in parameters]
    return draw(key, *broadcast, shape=(*shape, *batch_shape(record)), dtype=leaf.dtype)


def lifted(record: T, shape: tuple[int, ...]) -> T:
    """The record with its parameters broadcast to draws of this shape."""
    return _with_batch(record, (*shape, *batch_shape(record)), dtype_of(record))


def along(record: T) -> T:
    """The record for points along a new last axis, as quadrature asks for them."""
    return expanded(filled(record), 0)


def expanded(record: T, behind: int) -> T:
    """A filled record with a new batch axis before the last ``behind``."""
    ndims = event_ndims(record)
    arrays = {name: getattr(record, name) for name in ndims if not _is_number(getattr(record, name))}
    changed = {name: jnp.expand_dims(array, -1 - ndims[name] - behind) for name, array in arrays.items()}
    return replace(record, **changed, **_with_parts(record, lambda value, own: expanded(value, behind + len(own))))


def at_points(x: Any, record: T) -> tuple[jax.Array, T]:
    """Points of a distribution, and its record, broadcast to one batch."""
    points = located(x, record)
    shape = points.shape[: points.ndim - len(record.event_shape)]  # type: ignore[attr-defined]
    return points, _with_batch(record, shape, points.dtype)


def located(x: Any, record: Any) -> jax.Array:
    """Points of a distribution, [sample..., batch..., event...]."""
    points, dtype, event = jnp.asarray(x), dtype_of(record), record.event_shape
    if not jnp.issubdtype(points.dtype, jnp.number) or jnp.iscomplexobj(points) > jnp.issubdtype(
        dtype, jnp.complexfloating
    ):
        raise TypeError(f"x must be an array of real numbers; got {points.dtype} with shape {points.shape}.")
    if points.shape[max(points.ndim - len(event), 0) :] != event:
        raise ValueError(f"x must end in the shape of one draw, {event}; got shape {points.shape}.")
    if jnp.issubdtype(points.dtype, jnp.inexact) and not points.weak_type:
        dtype = jnp.promote_types(dtype, points.dtype)
    shape = jnp.broadcast_shapes(points.shape[: points.ndim - len(event)], batch_shape(record))
    return jnp.broadcast_to(points.astype(dtype), shape + event)
