"""From the caller's function and points, arrays or pytrees with batch axes, to one flat vector a point, and back.

(φ of one event, points)  ─check, broadcast, ravel─▶  (φ of one vector, [batch..., n])  ─vmap a core─▶  [batch...]
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from kljax import _checks


class Points(NamedTuple):
    """φ as a function of one vector and of the arrays it closes over, and the points as vectors of one batch."""

    phi: Callable[[jax.Array, list[jax.Array]], jax.Array]
    constants: list[jax.Array]
    vectors: list[jax.Array]  # each [batch..., n]
    batch: tuple[int, ...]
    unravel: Callable[[jax.Array], Any]
    ravel: Callable[[Any], jax.Array]


# Functions of these types do nothing but call what they wrap.
_JAX_WRAPPERS = (type(jax.jit(lambda: None)), jax.custom_jvp, jax.custom_vjp)


class _Code:
    """A function that closes over nothing, equal to every other function made of the same code."""

    def __init__(self, function: types.FunctionType) -> None:
        self.function = function
        self.key = function.__code__, id(function.__globals__)

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Code) and self.key == other.key


def _static(function: Callable[..., Any]) -> Callable[..., Any] | None:
    """The function as a key of the compilation cache; None if what it closes over could change between calls."""
    if isinstance(function, types.FunctionType) and not function.__defaults__ and not function.__kwdefaults__:
        # One lambda, made anew on every call, is then compiled once.
        return None if function.__closure__ else _Code(function)
    inner: Any = function
    while isinstance(inner, _JAX_WRAPPERS):
        inner = getattr(inner, "__wrapped__")  # noqa: B009 - the wrappers do not declare it
    return function if isinstance(inner, types.FunctionType) and not inner.__closure__ else None


def run(
    body: Callable[..., Any],
    name: str,
    phi: Callable[[Any], Any],
    event_ndims: Any,
    points: dict[str, Any],
    *operands: Any,
    functions: tuple[Callable[..., Any], ...] = (),
    **options: Any,
) -> Any:
    """``body(gathered points, *operands, *functions, **options)``, compiled where its functions close over nothing.

    Otherwise they are traced on every call, so that a change in what they close over is seen.
    """
    if not callable(phi):
        raise TypeError(f"{name} must be a function of one point; got {type(phi).__name__}.")
    for key, value in points.items():
        _leaves(key, value)
    static = [_static(function) for function in (phi, *functions)]
    names, values = tuple(points), tuple(points.values())  # a dict would come out of jit with its keys sorted
    settings = tuple(sorted(options.items()))
    if None in static or not isinstance(event_ndims, int):
        return _run(body, name, (phi, *functions), event_ndims, settings, names, values, operands)
    return _run_compiled(body, name, tuple(static), event_ndims, settings, names, values, operands)


def _run(
    body: Callable[..., Any],
    name: str,
    functions: tuple[Callable[..., Any], ...],
    event_ndims: Any,
    settings: tuple[tuple[str, Any], ...],
    names: tuple[str, ...],
    values: tuple[Any, ...],
    operands: tuple[Any, ...],
) -> Any:
    phi, *others = functions
    points = gather(name, phi, event_ndims, **dict(zip(names, values, strict=True)))
    return body(points, *operands, *others, **dict(settings))


_run_compiled = jax.jit(_run, static_argnums=(0, 1, 2, 3, 4, 5))


def gather(name: str, phi: Callable[[Any], Any], event_ndims: Any, **points: Any) -> Points:
    """Checks and flattens; ``name`` is what the caller's function φ is called in errors."""
    flat = {key: _leaves(key, value) for key, value in points.items()}
    first, (_, treedef) = next(iter(flat.items()))
    for key, (_, other) in flat.items():
        if other != treedef:
            raise ValueError(f"{key} must have the structure of {first}, {treedef}; got {other}.")
    ndims = _event_ndims(event_ndims, treedef)
    dtype = jnp.result_type(*(leaf.dtype for its, _ in flat.values() for leaf in its))
    events: list[tuple[int, ...]] = []
    for position, ndim in enumerate(ndims):
        shapes = {key: its[position].shape for key, (its, _) in flat.items()}
        for key, shape in shapes.items():
            if len(shape) < ndim:
                raise ValueError(f"{key} must have at least event_ndims={ndim} dimensions; got shape {shape}.")
        ends = {shape[len(shape) - ndim :] for shape in shapes.values()}
        if len(ends) > 1:
            listed = ", ".join(f"{key} has shape {shape}" for key, shape in shapes.items())
            raise ValueError(f"{' and '.join(shapes)} must agree in their last {ndim} dimensions; {listed}.")
        events.append(ends.pop())
    batches = {
        key: jnp.broadcast_shapes(*(_lead(leaf, ndim) for leaf, ndim in zip(its, ndims, strict=True)))
        for key, (its, _) in flat.items()
    }
    batch = broadcast_batches(batches)

    def vector(its: list[jax.Array]) -> jax.Array:
        pieces = [
            jnp.broadcast_to(leaf.astype(dtype), (*batch, *event)).reshape(*batch, math.prod(event))
            for leaf, event in zip(its, events, strict=True)
        ]
        return jnp.concatenate(pieces, -1)  # [batch..., n]

    example, unravel = ravel_pytree(treedef.unflatten([jnp.zeros(event, dtype) for event in events]))
    scalar = _scalar(name, phi, unravel, example)
    # What φ closes over becomes an argument where it may be differentiated, so that its derivative is not lost.
    converted, constants = jax.closure_convert(scalar, example)
    vectors = [vector(its) for its, _ in flat.values()]
    return Points(
        phi=lambda z, its: converted(z, *its),
        constants=constants,
        vectors=vectors,
        batch=batch,
        unravel=unravel,
        ravel=lambda event: ravel_pytree(event)[0],
    )


def broadcast_batches(batches: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The common batch shape of named operands."""
    try:
        return jnp.broadcast_shapes(*batches.values())
    except ValueError:
        listed = ", ".join(f"{key} has batch shape {shape}" for key, shape in batches.items())
        raise ValueError(f"The batch shapes of {' and '.join(batches)} must broadcast together; {listed}.") from None


def over_batch(core: Callable[..., Any], points: Points, scalar: tuple[str, jax.Array] | None = None) -> Any:
    """``core(phi, constants, *vectors[, scalar])`` for each member of the batch; a named scalar broadcasts with it."""
    operands, batch = points.vectors, points.batch
    if scalar is not None:
        name, value = scalar
        batch = broadcast_batches({"the points": batch, name: value.shape})
        operands = [jnp.broadcast_to(vector, (*batch, vector.shape[-1])) for vector in operands]
        operands = [*operands, jnp.broadcast_to(value.astype(operands[0].dtype), batch)]

    def one(*operands: jax.Array) -> Any:
        return core(points.phi, points.constants, *operands)

    for _ in batch:
        one = jax.vmap(one)
    return one(*operands)


def _leaves(key: str, value: Any) -> tuple[list[jax.Array], Any]:
    if value is None or isinstance(value, str):
        raise TypeError(f"{key} must be a floating-point array or a pytree of them; got {value!r}.")
    leaves, treedef = jax.tree.flatten(value)
    if not leaves:
        raise TypeError(f"{key} must hold at least one array; got {value!r}.")
    return [_checks.floating(key, leaf) for leaf in leaves], treedef


def _event_ndims(event_ndims: Any, treedef: Any) -> list[int]:
    """One number of event dimensions for each leaf."""
    ndims = [event_ndims] * treedef.num_leaves if isinstance(event_ndims, int) else jax.tree.leaves(event_ndims)
    if len(ndims) != treedef.num_leaves:
        raise ValueError(
            f"event_ndims must be an integer or have one for each of the {treedef.num_leaves} leaves; "
            f"got {event_ndims!r}."
        )
    for ndim in ndims:
        if isinstance(ndim, bool) or not isinstance(ndim, int):
            raise TypeError(f"event_ndims must hold integers; got {event_ndims!r}.")
        if ndim < 0:
            raise ValueError(f"event_ndims must not be negative; got {event_ndims!r}.")
    return ndims


def _lead(leaf: jax.Array, ndim: int) -> tuple[int, ...]:
    return leaf.shape[: leaf.ndim - ndim]


def _scalar(
    name: str, phi: Callable[[Any], Any], unravel: Callable[[jax.Array], Any], example: jax.Array
) -> Callable[[jax.Array], jax.Array]:
    """φ of one vector, once it is known to return one floating-point number."""

    def scalar(z: jax.Array) -> jax.Array:
        return jnp.asarray(phi(unravel(z))).astype(z.dtype)

    result = jax.eval_shape(lambda z: phi(unravel(z)), example)
    if not isinstance(result, jax.ShapeDtypeStruct):
        raise ValueError(f"{name} must map one point to one number; it returned {jax.tree.structure(result)}.")
    if result.shape != ():
        raise ValueError(f"{name} must map one point to one number, of shape (); it returned shape {result.shape}.")
    if not jnp.issubdtype(result.dtype, jnp.floating):
        raise TypeError(f"{name} must return a floating-point number; it returned {result.dtype}.")
    return scalar
