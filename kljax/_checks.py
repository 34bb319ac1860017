"""Turns what the caller passed into arrays, or into an error that names the argument.

Everything here runs at trace time and looks only at shapes, dtypes and Python values. What depends on
traced values follows the boundary contract instead, except under ``jax.experimental.checkify``, where
``measure`` raises on negative or NaN entries.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.experimental import checkify

from kljax._types import Rows

Axis = int | Sequence[int]
AxisName = Hashable | Sequence[Hashable]


def floating(
    name: str, value: Rows, *, allow_complex: bool = False, keep_half: bool = False, advice: str | None = None
) -> jax.Array:
    """``value`` as a float32 or float64 array; half-precision input is computed in float32, or kept on request.

    What to do about integers is ``advice``, to convert them by default.
    """
    if value is None or isinstance(value, str):
        raise TypeError(f"{name} must be a floating-point array; got {value!r}.")
    try:
        array = jnp.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be a floating-point array; got {type(value).__name__} ({error}).") from None
    if allow_complex and jnp.issubdtype(array.dtype, jnp.complexfloating):
        return array
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(
            f"{name} must have a floating-point dtype; got {array.dtype} with shape {array.shape}. "
            + (advice or f"Convert it first, for instance {name}.astype(jnp.float32).")
        )
    if array.dtype.itemsize < 4 and not keep_half:
        return array.astype(jnp.float32)
    return array


def broadcast(**arrays: jax.Array) -> list[jax.Array]:
    """The named arrays in one dtype and one shape."""
    shapes = {name: array.shape for name, array in arrays.items()}
    try:
        shape = jnp.broadcast_shapes(*shapes.values())
    except ValueError:
        listed = ", ".join(f"{name} has shape {shape}" for name, shape in shapes.items())
        raise ValueError(f"The shapes of {' and '.join(shapes)} must broadcast together; {listed}.") from None
    dtypes = {array.dtype for array in arrays.values()}
    if len(dtypes) == 1:
        (dtype,) = dtypes
    else:
        dtype = jnp.dtype(jnp.float64 if jnp.dtype(jnp.float64) in dtypes else jnp.float32)
    return [jnp.broadcast_to(array.astype(dtype), shape) for array in arrays.values()]


def axes(axis: Axis, ndim: int, *, name: str = "axis") -> tuple[int, ...]:
    """``axis`` as a sorted tuple of non-negative axes of an array with ``ndim`` dimensions."""
    if ndim == 0:
        raise ValueError(
            "The operands are single numbers, and a distribution has an axis of outcomes: for an event of probability "
            "x pass jnp.stack([x, 1 - x], -1), or call kljax.kl(Bernoulli(x), …) with kljax.families."
        )
    listed = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    for one in listed:
        if isinstance(one, bool) or not hasattr(one, "__index__"):
            raise TypeError(f"{name} must be an integer or a tuple of integers; got {axis!r}.")
        if not -ndim <= one < ndim:
            raise ValueError(
                f"{name} must lie in [{-ndim}, {ndim - 1}] for operands of {ndim} dimensions; got {axis!r}."
            )
    normal = tuple(sorted(int(one) % ndim for one in listed))
    if not normal or len(set(normal)) != len(normal):
        raise ValueError(f"{name} must name at least one axis, each once; got {axis!r}.")
    return normal


def last(array: jax.Array, normal_axes: tuple[int, ...]) -> jax.Array:
    """The reduced axes, moved to the end and merged into one."""
    count = len(normal_axes)
    if 0 in (array.shape[one] for one in normal_axes):
        raise ValueError(f"axis must have at least one outcome; the operands have shape {array.shape}.")
    if normal_axes == tuple(range(array.ndim - count, array.ndim)):
        moved = array
    else:
        moved = jnp.moveaxis(array, normal_axes, tuple(range(-count, 0)))
    return moved if count == 1 else moved.reshape(*moved.shape[: array.ndim - count], -1)


def mask(where: Rows | None, shape: tuple[int, ...]) -> jax.Array | None:
    """``where`` as a boolean array of the operands' shape."""
    if where is None:
        return None
    array = jnp.asarray(where)
    if array.dtype != jnp.bool_:
        raise TypeError(f"where must be boolean; got {array.dtype} with shape {array.shape}.")
    try:
        return jnp.broadcast_to(array, shape)
    except ValueError:
        advice = ""
        if array.ndim < len(shape) and all(n in (1, *shape) for n in array.shape):
            advice = " It excludes outcomes; for a mask of the tokens, the members of the batch, there is tokens=."
        raise ValueError(
            f"where must broadcast to the operands' shape {shape}; got shape {array.shape}.{advice}"
        ) from None


def occupied(rows: jax.Array, mask: jax.Array, nothing: float, sure: float, axis_name: Any = None) -> jax.Array:
    """Rows with ``nothing`` outside the mask; a row with no outcome left has one, which is ``sure``, and costs 0.

    Of rows that are split along a mesh axis the first device has that one.
    """
    first = lax.broadcasted_iota(jnp.int32, mask.shape, mask.ndim - 1) == 0
    some = mask.any(-1, keepdims=True)
    if axis_name is not None:
        some = lax.psum(some.astype(jnp.int32), axis_name) > 0
        first &= lax.axis_index(axis_name) == 0
    return jnp.where(~some & first, sure, jnp.where(mask, rows, nothing))


def number(
    name: str,
    value: Rows,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    open_low: bool = False,
    open_high: bool = False,
) -> None:
    """Raises unless a Python number lies in the interval; traced and array values pass."""
    if isinstance(value, (bool, str)) or value is None:
        raise TypeError(f"{name} must be a real number; got {value!r}.")
    if not isinstance(value, (int, float)):
        return
    below = value <= low if open_low and low > -math.inf else value < low
    above = value >= high if open_high and high < math.inf else value > high
    if below or above or math.isnan(value):
        brackets = ("(" if open_low or low == -math.inf else "[") + f"{low:g}, {high:g}"
        brackets += ")" if open_high or high == math.inf else "]"
        raise ValueError(f"{name} must lie in {brackets}; got {value!r}.")


def scalar(name: str, value: Rows) -> jax.Array:
    """A number or array of shape () as an array."""
    array = jnp.asarray(value)
    if array.shape != () or not jnp.issubdtype(array.dtype, jnp.number) or jnp.iscomplexobj(array):
        raise ValueError(f"{name} must be one real number; got {array.dtype} with shape {array.shape}.")
    return array if jnp.issubdtype(array.dtype, jnp.floating) else array.astype(jnp.float32)


def stack(array: jax.Array, weights: Rows | None, axis: Axis, stack_axis: int) -> tuple[jax.Array, jax.Array]:
    """A stack of distributions as [..., K, V], and the weights [..., K] of its K members."""
    if isinstance(stack_axis, Sequence):
        raise TypeError(f"stack_axis must be an integer; got {stack_axis!r}.")
    (along,) = axes(stack_axis, array.ndim, name="stack_axis")
    over = axes(axis, array.ndim)
    if along in over:
        raise ValueError(f"stack_axis and axis must differ; got stack_axis={stack_axis!r} and axis={axis!r}.")
    moved = jnp.moveaxis(array, (along, *over), tuple(range(-1 - len(over), 0)))
    rows = moved.reshape(*moved.shape[: array.ndim - len(over)], -1)
    count = rows.shape[-2]
    if 0 in rows.shape[-2:]:
        raise ValueError(f"axis and stack_axis must have at least one entry; the operand has shape {array.shape}.")
    if weights is None:
        return rows, jnp.full(rows.shape[:-1], 1.0 / count, jnp.float32 if array.dtype == bool else array.dtype)
    given = floating("weights", weights).astype(array.dtype)
    try:
        return rows, jnp.broadcast_to(given, rows.shape[:-1])
    except ValueError:
        raise ValueError(
            f"weights must have shape ({count},), one for each member of the stack, or broadcast to "
            f"{rows.shape[:-1]}; got shape {given.shape}."
        ) from None


def parameter(name: str, value: Rows) -> float | jax.Array:
    """An order or weight: a Python number stays static, anything else becomes a traced scalar."""
    number(name, value)
    if isinstance(value, (int, float)):
        return float(value)
    return scalar(name, value)


def instance(name: str, value: object, kind: type, expected: str) -> None:
    """Raises unless ``value`` is a ``kind``."""
    if not isinstance(value, kind):
        raise TypeError(f"{name} must be {expected}; got {value!r}.")


def key(name: str, value: object) -> None:
    """Raises unless ``value`` is one key of ``jax.random``, of the new or the old kind."""
    dtype, shape = getattr(value, "dtype", None), getattr(value, "shape", None)
    typed = dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key)
    if (typed and shape == ()) or (dtype == np.uint32 and shape is not None and len(shape) == 1):
        return
    got = repr(value) if shape is None else f"{dtype} of shape {shape}"
    raise TypeError(f"{name} must be a key, as jax.random.key(0); got {got}.")


def simplex(name: str, value: Rows | None) -> Rows | None:
    """``value`` itself; weights given as numbers rather than traced must be non-negative and sum to 1."""
    if value is None or isinstance(value, jax.core.Tracer):
        return value
    weights = np.asarray(value)
    if not np.issubdtype(weights.dtype, np.number) or np.iscomplexobj(weights) or weights.ndim == 0:
        raise TypeError(f"{name} must be an array of real numbers, one for each member; got {value!r}.")
    weights = weights.astype(np.float64)
    if not (weights >= 0.0).all() or not np.allclose(weights.sum(-1), 1.0, rtol=0.0, atol=1e-4):
        raise ValueError(f"{name} must be non-negative and sum to 1; got {value!r}.")
    return jnp.asarray(value) if np.issubdtype(np.asarray(value).dtype, np.floating) else jnp.asarray(weights)


def measure(name: str, array: jax.Array) -> jax.Array:
    """``array`` itself; under checkify, negative or NaN entries raise."""
    lowest = jnp.min(array, initial=jnp.inf)
    checkify.debug_check(
        jnp.all(array >= 0), f"{name} must be non-negative and not NaN; its smallest entry is {{low}}.", low=lowest
    )
    return array


def mesh_axis(name: str, value: object) -> None:
    """Raises unless ``value`` is ``None`` or names an axis, or a tuple of them, of the surrounding ``shard_map``."""
    if value is None:
        return
    try:
        jax.lax.axis_size(value)
    except (NameError, TypeError, ValueError):
        raise ValueError(
            f"{name}={value!r} must name an axis of the jax.shard_map around this call, over whose devices the "
            f"outcomes are split; without shard_map leave {name} out: jit partitions sharded operands by itself."
        ) from None
