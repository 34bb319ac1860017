"""A program evaluated equation by equation, and where it forms a NaN or divides by zero.

What ``checkify.float_checks`` and ``jax_debug_nans`` look for, without compiling: every place is found at once, with
the line of the library that it comes from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend import core

Found = dict[tuple[str, str, str], np.ndarray]


def _place(equation: Any) -> str:
    traceback = equation.source_info.traceback
    frames = [] if traceback is None else traceback.frames
    inside = [f for f in frames if "/kljax/" in f.file_name]
    return " < ".join(f"{f.file_name.rsplit('/kljax/')[-1]}:{f.line_num}" for f in inside[:3]) or "outside"


def _rows(x: np.ndarray) -> np.ndarray:
    """Which of the leading entries are concerned."""
    return x.reshape(x.shape[0], -1).any(-1) if x.ndim else x.reshape(1)


def _has_nan(x: Any) -> bool:
    return jnp.issubdtype(jnp.result_type(x), jnp.inexact) and bool(np.isnan(np.asarray(x)).any())


class _Evaluation:
    def __init__(self) -> None:
        self.found: Found = {}

    def note(self, what: str, equation: Any, wrong: np.ndarray) -> None:
        key = what, equation.primitive.name, _place(equation)
        rows = _rows(wrong)
        before = self.found.get(key)
        self.found[key] = rows if before is None or before.shape != rows.shape else before | rows

    def run(self, jaxpr: Any, consts: Any, *arguments: Any) -> list[Any]:
        values: dict[Any, Any] = {}

        def read(one: Any) -> Any:
            return one.val if isinstance(one, core.Literal) else values[one]

        values.update(zip(jaxpr.constvars, consts, strict=True))
        values.update(zip(jaxpr.invars, arguments, strict=True))
        for equation in jaxpr.eqns:
            operands = [read(one) for one in equation.invars]
            out = self.step(equation, operands)
            values.update(zip(equation.outvars, out, strict=True))
        return [read(one) for one in jaxpr.outvars]

    def closed(self, closed: Any, *operands: Any) -> list[Any]:
        return self.run(closed.jaxpr, closed.consts, *operands)

    def step(self, equation: Any, operands: list[Any]) -> list[Any]:
        name, params = equation.primitive.name, equation.params
        if name in ("jit", "pjit", "core_call", "closed_call"):
            return self.closed(params["jaxpr"], *operands)
        if name in ("custom_jvp_call", "custom_vjp_call"):
            return self.closed(params["call_jaxpr"], *operands)
        if name in ("checkpoint", "remat2", "remat"):
            return self.run(params["jaxpr"], (), *operands)
        if name == "cond":
            branches = params["branches"]
            at = min(max(int(operands[0]), 0), len(branches) - 1)
            return self.closed(branches[at], *operands[1:])
        if name == "while":
            split = params["cond_nconsts"], params["cond_nconsts"] + params["body_nconsts"]
            test, body, state = operands[: split[0]], operands[split[0] : split[1]], operands[split[1] :]
            while bool(self.closed(params["cond_jaxpr"], *test, *state)[0]):
                state = self.closed(params["body_jaxpr"], *body, *state)
            return state
        if name == "scan":
            return self.scan(params, operands)
        out = equation.primitive.bind(*operands, **params)
        out = list(out) if equation.primitive.multiple_results else [out]
        if name == "div" and jnp.issubdtype(operands[1].dtype, jnp.floating) and (np.asarray(operands[1]) == 0.0).any():
            self.note("0 below", equation, np.broadcast_to(np.asarray(operands[1]) == 0.0, out[0].shape))
        for one in out:
            if _has_nan(one):
                came = [_rows(np.isnan(np.asarray(x))) for x in operands if _has_nan(x)]
                new = _rows(np.isnan(np.asarray(one)))
                for rows in came:
                    new = new & ~rows if rows.shape == new.shape else np.zeros_like(new)
                if new.any():
                    self.note("NaN", equation, new)
                elif name == "convert_element_type" and not one.ndim:
                    self.note("a NaN constant", equation, np.ones(1, bool))
        return out

    def scan(self, params: Any, operands: list[Any]) -> list[Any]:
        fixed, carried = params["num_consts"], params["num_carry"]
        consts, state, sequences = operands[:fixed], operands[fixed : fixed + carried], operands[fixed + carried :]
        order = range(params["length"])
        stacked = []
        for at in reversed(order) if params["reverse"] else order:
            out = self.closed(params["jaxpr"], *consts, *state, *(x[at] for x in sequences))
            state = out[:carried]
            stacked.append(out[carried:])
        if params["reverse"]:
            stacked.reverse()
        return [*state, *(jnp.stack(one) for one in zip(*stacked, strict=True))]


def nans(function: Callable[..., Any], *arguments: Any) -> Found:
    """{(what, primitive, place): which of the leading entries} of everything formed on the way."""
    flat, structure = jax.tree.flatten(arguments)
    with jax.disable_jit():  # the equations then keep the lines they came from
        program = jax.make_jaxpr(lambda *x: function(*jax.tree.unflatten(structure, x)))(*flat)
    evaluation = _Evaluation()
    evaluation.closed(program, *flat)
    return evaluation.found
