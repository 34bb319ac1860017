"""What a function of points computes from its parameters alone is taken out of it, to be computed once.

    function ─trace─▶ equations ─▶ those without the points: now, outside of any loop ─▶ constants
                                └▶ those with them: at(constants, points)

A density's normalising constant is often a hundred times its shape, log Γ beside a square, and the loop that places the
nodes would compute it in every round. Nothing is asked of the function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

# What merely calls a jaxpr, and under which parameter.
_CALLS = {"pjit": "jaxpr", "jit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr"}


class _Operand(NamedTuple):
    """Where an operand comes from: ``slots`` (of what depends on the points), ``constants``, or it is a number."""

    source: str
    value: Any


class _Step(NamedTuple):
    equation: Any
    operands: tuple[_Operand, ...]
    results: tuple[int, ...]


def split(function: Callable[[jax.Array], jax.Array], points: jax.ShapeDtypeStruct) -> tuple[list[Any], Any]:
    """(constants, at) with function(x) = at(constants, x) for x like ``points``, no constant depending on x."""
    closed: Any = jax.make_jaxpr(function)(points)
    plan = _Plan()
    (result,) = plan.walk(closed.jaxpr, closed.consts, [_Operand("slots", plan.slot())])
    constant = result.source != "slots"
    if constant:
        result = plan.kept(result)
    return plan.constants, _At(tuple(plan.steps), result)


class _At:
    """The equations that depend on the points."""

    def __init__(self, steps: tuple[_Step, ...], result: _Operand) -> None:
        self.steps, self.result = steps, result

    def __call__(self, constants: list[Any], points: jax.Array) -> Any:
        slots: dict[int, Any] = {0: points}

        def read(one: _Operand) -> Any:
            if one.source == "slots":
                return slots[one.value]
            return constants[one.value] if one.source == "constants" else one.value

        for equation, operands, results in self.steps:
            slots.update(zip(results, _bind(equation, [read(one) for one in operands]), strict=True))
        return read(self.result)


class _Plan:
    def __init__(self) -> None:
        self.constants: list[Any] = []
        self.steps: list[_Step] = []
        self._count = 0
        self._places: dict[int, int] = {}

    def slot(self) -> int:
        self._count += 1
        return self._count - 1

    def kept(self, operand: _Operand) -> _Operand:
        """What is known, as a constant of the function that remains; a number stays one."""
        if operand.source != "known":
            return operand
        place = self._places.setdefault(id(operand.value), len(self.constants))
        if place == len(self.constants):
            self.constants.append(operand.value)
        return _Operand("constants", place)

    def walk(self, jaxpr: Any, consts: list[Any], arguments: list[_Operand]) -> list[_Operand]:
        """The results of a jaxpr: what is known is computed now, the rest is put down."""
        where: dict[Any, _Operand] = {
            var: _Operand("known", one) for var, one in zip(jaxpr.constvars, consts, strict=True)
        }
        where.update(zip(jaxpr.invars, arguments, strict=True))

        def read(atom: Any) -> _Operand:
            return _Operand("numbers", atom.val) if isinstance(atom, Literal) else where[atom]

        for equation in jaxpr.eqns:
            operands = [read(atom) for atom in equation.invars]
            inner = equation.params.get(_CALLS.get(equation.primitive.name, ""))
            if all(one.source != "slots" for one in operands):
                found = _bind(equation, [one.value for one in operands])
                results = [_Operand("known", one) for one in found]
            elif isinstance(inner, ClosedJaxpr):
                results = self.walk(inner.jaxpr, inner.consts, operands)
            elif isinstance(inner, Jaxpr):
                results = self.walk(inner, [], operands)
            else:
                slots = tuple(self.slot() for _ in equation.outvars)
                self.steps.append(_Step(equation, tuple(map(self.kept, operands)), slots))
                results = [_Operand("slots", one) for one in slots]
            where.update(zip(equation.outvars, results, strict=True))
        return [read(atom) for atom in jaxpr.outvars]


def _bind(equation: Any, values: list[Any]) -> list[Any]:
    found = equation.primitive.get_bind_params(equation.params)
    functions, params = found if isinstance(found, tuple) else ((), found)
    result = equation.primitive.bind(*functions, *values, **params)
    return list(result) if equation.primitive.multiple_results else [result]
