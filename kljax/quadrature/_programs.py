"""Programs are kept for as long as the functions that they were made of, and made anew when these have changed.

A program is found by the functions themselves and by what they refer to: the variables they close over, the globals
they name, their defaults, the attributes of an object. Where one of these is another value or object than before, as
when a global parameter is rebound, the program is another. Nothing here keeps a function, or what it refers to, alive.
"""

from __future__ import annotations

import types
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np

_PLAIN = (bool, int, float, complex, str, bytes, type(None))
_SMALL = 1 << 16  # bytes of an array that are compared
_LIBRARIES = (
    "builtins",
    "functools",
    "jax",
    "jaxlib",
    "kljax",
    "math",
    "numpy",
    "scipy",
)  # whose insides do not change
_PROGRAMS: dict[Any, tuple[list[weakref.ref[Any]], Any]] = {}


def kept(functions: Sequence[Callable[..., Any]], key: Any, make: Callable[[Callable[[], list[Any]]], Any]) -> Any:
    """``make(alive)`` for these functions and this key, made once; ``alive()`` gives the functions.

    Under a transformation they may hold what is traced; that is told by its identity, and the program ends with it.
    """
    owners: list[Any] = []
    try:
        whole = key, tuple(_mark(one, owners, 0) for one in functions)
        found = _PROGRAMS.get(whole)
        if found is not None:
            return found[1]
        references = [weakref.ref(one, lambda _: _PROGRAMS.pop(whole, None)) for one in owners]
    except TypeError:  # of what can be no key, or takes no weak reference
        return make(lambda: list(functions))
    program = make(_alive(functions))
    _PROGRAMS[whole] = references, program
    return program


def _alive(functions: Sequence[Callable[..., Any]]) -> Callable[[], list[Any]]:
    halves = [
        (weakref.ref(one.__self__), one.__func__) if isinstance(one, types.MethodType) else (weakref.ref(one), None)
        for one in functions
    ]
    return lambda: [ref() if method is None else types.MethodType(method, ref()) for ref, method in halves]


def _mark(value: Any, owners: list[Any], depth: int) -> Any:
    """What tells a value from another one; objects that are told by their identity become ``owners``."""
    if isinstance(value, _PLAIN):
        return type(value), value
    if isinstance(value, (tuple, list)):
        return type(value), tuple(_mark(one, owners, depth + 1) for one in value)
    if isinstance(value, dict):
        return dict, tuple((name, _mark(one, owners, depth + 1)) for name, one in value.items())
    if isinstance(value, np.ndarray) and value.nbytes <= _SMALL:
        return np.ndarray, value.shape, value.dtype.str, value.tobytes()
    if isinstance(value, types.MethodType):
        return types.MethodType, _mark(value.__self__, owners, depth), _mark(value.__func__, owners, depth)
    if any(value is one for one in owners):
        return id(value)
    owners.append(value)
    if isinstance(value, (types.ModuleType, type, jax.Array)) or depth > 8:
        return id(value)
    return id(value), tuple(_mark(one, owners, depth + 1) for one in _referred(value))


def _referred(value: Any) -> Iterator[Any]:
    inner = getattr(value, "__wrapped__", value)
    if isinstance(inner, types.FunctionType):
        if inner.__module__ and inner.__module__.split(".")[0] in _LIBRARIES and not inner.__closure__:
            return
        yield from (cell.cell_contents for cell in inner.__closure__ or () if _is_filled(cell))
        names = _names(inner.__code__)
        yield from (inner.__globals__[name] for name in sorted(names) if name in inner.__globals__)
        yield from inner.__defaults__ or ()
        yield from (inner.__kwdefaults__ or {}).values()
    else:
        yield from getattr(value, "__dict__", {}).values()


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _names(code: types.CodeType) -> set[str]:
    """The globals that a function and those inside it may name."""
    inner = [_names(one) for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*inner)
