"""Compiled quickly rather than well: for large programs that do little, of which most users want one number.

    operands ─▶ in a program, or many numbers, or no CPU ─▶ jax.jit
            ├─▶ a few numbers on a CPU ─▶ jax.jit with XLA's optimisations off
            └─▶ such, and differentiated ─▶ the same of the value with its slopes:  dy = Σ y'ᵢ dxᵢ

A quadrature is a hundred small kernels over some hundred nodes. XLA takes 25 ms to optimise each, and running them all
takes 3; unoptimised they compile in a fifth of that time and run in 5. Both are one program, traced alike: their
results differ by some last digits of a sum, as those of one XLA and the next do.
"""

from __future__ import annotations

import concurrent.futures
import functools
from collections.abc import Callable
from typing import Any, TypeVar, cast

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
    closed: bool = False,
) -> F:
    """``function`` compiled, in little time where its operands have no more than ``few`` numbers.

    If it is ``closed``, which is to say that all that may be traced is in its operands, also under an eager
    ``jax.grad`` or ``jax.jvp``. Its operands are then given by position, and its result is one array.
    """
    compiled = functools.partial(jax.jit, function, static_argnums=static_argnums, static_argnames=static_argnames)
    well = compiled()
    quickly: Any = None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal quickly
        operands = [one for at, one in enumerate(args) if at not in static_argnums]
        operands += [one for name, one in kwargs.items() if name not in static_argnames]
        if not _are_few(operands, few):
            return well(*args, **kwargs)
        if _outermost():
            if quickly is None:
                quickly = compiled(compiler_options=_options())
            return quickly(*args, **kwargs)
        if closed and _differentiated(operands):
            return _by_slopes(function, well, static_argnums, args)
        return well(*args, **kwargs)

    call._cache_size = lambda: well._cache_size() + (quickly._cache_size() if quickly else 0)  # type: ignore[attr-defined]
    return cast("F", call)


def _are_few(operands: Any, few: int) -> bool:
    return sum(map(np.size, jax.tree.leaves(operands))) <= few


def _outermost() -> bool:
    """Whether what is called now is run now, and on a CPU.

    Under any transformation it is not: the function may hold what is traced, and options are for whole programs.
    """
    return get_opaque_trace_state() == _untransformed() and jax.default_backend() == "cpu"


def _differentiated(operands: Any) -> bool:
    """Whether a transformation has traced operands of one number each, and no program is made of them."""
    leaves = jax.tree.leaves(operands)
    # Of a batch the Jacobian would have a row for each member, most of it zeros.
    if jax.default_backend() != "cpu" or any(np.size(one) != 1 for one in leaves):
        return False
    traced = [one for one in leaves if isinstance(one, jax.core.Tracer)]
    return bool(traced) and not any(isinstance(one, DynamicJaxprTracer) for one in traced)


def _by_slopes(function: Any, well: Any, static_argnums: tuple[int, ...], args: tuple[Any, ...]) -> Any:
    """``function(*args)``, differentiated in what an eager ``jax.grad`` or ``jax.jvp`` has traced."""
    static = tuple((at, args[at]) for at in static_argnums)
    leaves, structure = jax.tree.flatten([one for at, one in enumerate(args) if at not in static_argnums])

    @jax.custom_jvp
    def value(*leaves: Any) -> Any:
        return well(*_joined(static, structure, leaves))

    def rule(primals: Any, tangents: Any) -> Any:
        moved = tuple(at for at, step in enumerate(tangents) if not isinstance(step, SymbolicZero))
        steps = [tangents[at] for at in moved]
        if any(isinstance(one, jax.core.Tracer) for one in primals):  # within another transformation, or in a program
            along = functools.partial(_along, well, static, structure, moved, primals)
            return jax.jvp(along, [primals[at] for at in moved], steps)
        kinds = tuple((np.shape(one), jnp.result_type(one)) for one in primals)
        values = [jnp.asarray(one, kind) for one, (_, kind) in zip(primals, kinds, strict=True)]
        found, slopes = _with_slopes(function, static, structure, moved, kinds, jnp.result_type(float))(values)
        products = [(slope * step).reshape(found.shape) for slope, step in zip(slopes, steps, strict=True)]
        return found, functools.reduce(jnp.add, products)

    value.defjvp(rule, symbolic_zeros=True)
    return value(*leaves)


def _joined(static: tuple[tuple[int, Any], ...], structure: Any, leaves: Any) -> list[Any]:
    args = jax.tree.unflatten(structure, leaves)
    for at, one in static:
        args.insert(at, one)
    return list(args)


def _along(function: Any, static: Any, structure: Any, moved: Any, leaves: Any, *steps: Any) -> Any:
    values = list(leaves)
    for at, one in zip(moved, steps, strict=True):
        values[at] = one
    return function(*_joined(static, structure, values))


@functools.lru_cache(maxsize=1024)
def _with_slopes(
    function: Any, static: Any, structure: Any, moved: tuple[int, ...], kinds: tuple[Any, ...], _: Any
) -> Any:
    """leaves ↦ (the value, its slopes in those that move), compiled quickly."""

    def both(leaves: Any) -> Any:
        along = functools.partial(_along, function, static, structure, moved, leaves)
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
