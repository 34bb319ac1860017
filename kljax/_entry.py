"""How a verb on rows enters its compiled core: operands as arrays, a look at values that are there, then ``jit``."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax

from kljax import _operands

Look = Callable[[tuple[str, ...], Any, Any, Any], None]


def entry(look: Look, *operands: str, static: tuple[str, ...] = ("axis",)) -> Callable[[Callable[..., Any]], Any]:
    """A decorator of cores ``core(operands..., other arrays, *, axis)``; ``look`` warns of values that can't be meant.

    The compiled core is its attribute ``jitted``. With ``measure=True`` nothing is looked at.
    """

    def decorate(core: Callable[..., Any]) -> Callable[..., Any]:
        names = [*inspect.signature(core).parameters]
        jitted = jax.jit(core, static_argnames=[name for name in static if name in names])
        where_at = names.index("where") if "where" in names else None
        count = len(operands)

        @functools.wraps(core)
        def call(*given: Any, measure: bool = False, **options: Any) -> Any:
            arrays = [_operands.array(name, one) for name, one in zip(operands, given[:count], strict=True)]
            if "axis" in options:
                options["axis"] = _operands.axis(options["axis"])
            if not measure:
                where = None if where_at is None else given[where_at]
                look(operands, arrays, where, options.get("axis", -1))
            return jitted(*arrays, *given[count:], **options)

        call.jitted = jitted  # type: ignore[attr-defined]
        return call

    return decorate
