"""Compiled quickly rather than well: for large programs that do little, of which most users want one number.

    operands ─▶ in a program, or many numbers, or no CPU ─▶ jax.jit
            ├─▶ a few numbers on a CPU ─▶ jax.jit with XLA's optimisations off
            └─▶ such, and differentiated ─▶ the same of the values with their slopes:  dyₙ = Σ y'ₙᵢ dxₙᵢ

A quadrature is a hundred small kernels over some hundred nodes. XLA takes 25 ms to optimise each, and running them all
takes 3; unoptimised they compile in a fifth of that time and run in 5. Both are one program, traced alike: their
results differ by some last digits of a sum, as those of one XLA and the next do.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import functools
import types
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero
from jax.extend.core import get_opaque_trace_state
from jax.interpreters.partial_eval import DynamicJaxprTracer

F = TypeVar("F", bound=Callable[..., Any])

FEW = 64
"""So many numbers in all operands are few for a quadrature: for more its run is worth what the compiler does."""
FEW_OF_ROWS = 640
"""And so many in two operands of rows for their gradients: 1.5 ms for 1.2, after a first call of 0.35 s for 0.9.

Their values run in 140 µs then, for 65, after one of 0.15 s for 0.55: these are compiled well.
"""
_OPTIONS: tuple[dict[str, Any], ...] = (
    {
        "xla_backend_optimization_level": 0,
        "xla_llvm_disable_expensive_passes": True,
        "xla_cpu_use_fusion_emitters": False,
        "xla_cpu_parallel_codegen_split_count": 4,
    },
    {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True},
)


def prompt(
    function: F,
    *,
    static_argnums: tuple[int, ...] = (),
    static_argnames: tuple[str, ...] = (),
    few: int = FEW,
    closed: Literal["numbers", "rows"] | None = None,
    few_of_slopes: int | None = None,
) -> F:
    """``function`` compiled, in little time where its operands have no more than ``few`` numbers.

    If it is ``closed``, which is to say that it holds nothing traced itself, also under an eager ``jax.grad`` or
    ``jax.jvp``: of operands of one number each, or of rows that give a number each, of no more than ``few_of_slopes``
    (``few`` if not given). Operands are then given by position, all else by static names, and the result is one array.
    """
    compiled = functools.partial(jax.jit, function, static_argnums=static_argnums, static_argnames=static_argnames)
    well = compiled()
    slopes = few if few_of_slopes is None else few_of_slopes
    quickly: Any = None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal quickly
        operands = [one for at, one in enumerate(args) if at not in static_argnums]
        operands += [one for name, one in kwargs.items() if name not in static_argnames]
        if few and _are_few(operands, few) and _outermost():
            if quickly is None:
                quickly = compiled(compiler_options=_options())
            return quickly(*args, **kwargs)
        if closed and _differentiated(operands, rows=closed == "rows") and _are_few(operands, slopes):
            return _by_slopes(function, well, static_argnums, args, tuple(sorted(kwargs.items())))
        return well(*args, **kwargs)

    call._cache_size = lambda: well._cache_size() + (quickly._cache_size() if quickly else 0)  # type: ignore[attr-defined]
    return cast("F", call)


def _are_few(operands: Any, few: int) -> bool:
    sizes = [np.size(one) for one in jax.tree.leaves(operands)]
    return all(isinstance(size, int) for size in sizes) and sum(sizes) <= few  # not symbols of ``jax.export``


def _outermost() -> bool:
    """Whether what is called now is run now, and on a CPU.

    Under any transformation it is not: the function may hold what is traced, and options are for whole programs.
    """
    return get_opaque_trace_state() == _untransformed() and jax.default_backend() == "cpu"


def _differentiated(operands: Any, *, rows: bool) -> bool:
    """Whether a transformation, but no program, has traced operands of one number each, or whole rows."""
    leaves = jax.tree.leaves(operands)
    traced = [one for one in leaves if isinstance(one, jax.core.Tracer)]
    if not traced or jax.default_backend() != "cpu" or any(isinstance(one, DynamicJaxprTracer) for one in traced):
        return False
    without_jit = jax.config.jax_disable_jit  # type: ignore[attr-defined]
    if without_jit or not all(map(is_closed, operands)):
        return False
    if not rows:
        # Of a batch the Jacobian would have a row for each member, most of it zeros.
        return all(np.size(one) == 1 for one in leaves)
    try:
        shape = np.broadcast_shapes(*map(np.shape, leaves))
    except ValueError:  # which the function tells in its own words
        return False
    # Slopes of halves would be rounded before they are summed.
    return shape != () and all(np.shape(one) == shape and one.dtype.itemsize >= 4 for one in traced)


def is_closed(value: Any) -> bool:
    """Whether what may be traced of a value are its leaves: a function of the user's might hold something, too."""
    if isinstance(value, types.FunctionType):
        return not (value.__closure__ or value.__defaults__ or value.__kwdefaults__)
    if isinstance(value, jax.custom_jvp):
        return is_closed(value.fun)
    if isinstance(value, (tuple, list)):
        return all(map(is_closed, value))
    if isinstance(value, dict):
        return all(map(is_closed, value.values()))
    if dataclasses.is_dataclass(value):
        return all(is_closed(getattr(value, field.name)) for field in dataclasses.fields(value))
    return value is None or isinstance(value, (bool, int, float, complex, str, np.ndarray, np.generic, jax.Array))


def _by_slopes(
    function: Any, well: Any, static_argnums: tuple[int, ...], args: tuple[Any, ...], options: tuple[Any, ...]
) -> Any:
    """``function(*args, **options)``, differentiated in what an eager ``jax.grad`` or ``jax.jvp`` has traced."""
    leaves, structure = jax.tree.flatten([one for at, one in enumerate(args) if at not in static_argnums])
    still = tuple((at, args[at]) for at in static_argnums), options, structure

    @jax.custom_jvp
    def value(*leaves: Any) -> Any:
        return _applied(well, still, leaves)

    def rule(primals: Any, tangents: Any) -> Any:
        moved = tuple(at for at, step in enumerate(tangents) if not isinstance(step, SymbolicZero))
        steps = [tangents[at] for at in moved]
        if any(isinstance(one, jax.core.Tracer) for one in primals):  # within another transformation, or in a program
            along = functools.partial(_along, well, still, moved, primals)
            return jax.jvp(along, [primals[at] for at in moved], steps)
        kinds = tuple((np.shape(one), jnp.result_type(one)) for one in primals)
        values = [jnp.asarray(one, kind) for one, (_, kind) in zip(primals, kinds, strict=True)]
        found, slopes = _with_slopes(function, still, moved, kinds, jnp.result_type(float))(values)
        return found, functools.reduce(lax.add, map(functools.partial(_along_steps, found), slopes, steps))

    value.defjvp(rule, symbolic_zeros=True)
    return value(*leaves)


def _along_steps(found: jax.Array, slope: jax.Array, step: jax.Array) -> jax.Array:
    """Σ slope · step of each member; by ``lax``, since ``jax.numpy`` costs as much again as the rest."""
    product = lax.mul(slope, step)
    if product.size == found.size:
        product = lax.reshape(product, found.shape)
    else:
        product = lax.reduce_sum(product, (product.ndim - 1,))
    return lax.convert_element_type(product, found.dtype)


def _applied(function: Any, still: Any, leaves: Any) -> Any:
    static, options, structure = still
    args = jax.tree.unflatten(structure, leaves)
    for at, one in static:
        args.insert(at, one)
    return function(*args, **dict(options))


def _along(function: Any, still: Any, moved: Any, leaves: Any, *steps: Any) -> Any:
    values = list(leaves)
    for at, one in zip(moved, steps, strict=True):
        values[at] = one
    return _applied(function, still, values)


@functools.lru_cache(maxsize=1024)
def _with_slopes(function: Any, still: Any, moved: tuple[int, ...], kinds: tuple[Any, ...], _: Any) -> Any:
    """leaves ↦ (the values, their slopes in what moves), compiled quickly."""

    def both(leaves: Any) -> Any:
        along = functools.partial(_along, function, still, moved, leaves)
        found, pull = jax.vjp(along, *[leaves[at] for at in moved])
        return found, pull(jnp.ones_like(found))

    # Compiled ahead of the call: ``jax.jit`` takes no options in a transformation.
    operands = [jax.ShapeDtypeStruct(*kind) for kind in kinds]
    return jax.jit(both).lower(operands).compile(compiler_options=_options())


@functools.cache
def _untransformed() -> Any:
    """JAX's state where nothing is traced, which is that of a new thread."""
    with concurrent.futures.ThreadPoolExecutor(1) as thread:
        return thread.submit(get_opaque_trace_state).result()


@functools.cache
def _options() -> dict[str, Any] | None:
    """The first of the sets of options that this XLA knows."""
    for one in _OPTIONS:
        try:
            jax.jit(lambda: lax.full((), 0.0), compiler_options=one)()
        except jax.errors.JaxRuntimeError:  # "No such compile option"
            continue
        return one
    return None
