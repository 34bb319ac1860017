"""How large a program is: the equations of a jaxpr with those of all jaxprs inside."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr


def equations(function: Callable[..., Any], *operands: Any) -> int:
    """Those of a call."""
    return _count(jax.make_jaxpr(function)(*operands).jaxpr)


def _count(jaxpr: Any) -> int:
    total = 0
    for equation in jaxpr.eqns:
        total += 1
        for value in equation.params.values():
            for inner in value if isinstance(value, (tuple, list)) else [value]:
                if isinstance(inner, ClosedJaxpr):
                    total += _count(inner.jaxpr)
                elif isinstance(inner, Jaxpr):
                    total += _count(inner)
    return total
