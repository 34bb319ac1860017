"""Compiled quickly rather than well: for large programs that do little, of which most users want one number.

    operands ─▶ traced, or many numbers, or no CPU ─▶ jax.jit
            └─▶ a few numbers on a CPU ─▶ jax.jit with XLA's optimisations off

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
import numpy as np
from jax import lax
from jax.extend.core import get_opaque_trace_state

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
    function: F, *, static_argnums: tuple[int, ...] = (), static_argnames: tuple[str, ...] = (), few: int = FEW
) -> F:
    """``function`` compiled, in little time where its operands have no more than ``few`` numbers."""
    compiled = functools.partial(jax.jit, function, static_argnums=static_argnums, static_argnames=static_argnames)
    well = compiled()
    quickly: Any = None

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal quickly
        operands = [one for at, one in enumerate(args) if at not in static_argnums]
        operands += [one for name, one in kwargs.items() if name not in static_argnames]
        if not _outermost() or not _are_few(operands, few):
            return well(*args, **kwargs)
        if quickly is None:
            quickly = compiled(compiler_options=_options())
        return quickly(*args, **kwargs)

    call._cache_size = lambda: well._cache_size() + (quickly._cache_size() if quickly else 0)  # type: ignore[attr-defined]
    return cast("F", call)


def _are_few(operands: Any, few: int) -> bool:
    return sum(map(np.size, jax.tree.leaves(operands))) <= few


def _outermost() -> bool:
    """Whether what is called now is run now, and on a CPU.

    Under any transformation it is not: the function may hold what is traced, and options are for whole programs.
    """
    return get_opaque_trace_state() == _untransformed() and jax.default_backend() == "cpu"


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
