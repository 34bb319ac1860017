"""The way of every verb: check, broadcast, integrate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax._prompt import prompt
from kljax.generators import Generator
from kljax.quadrature import _arguments, _densities, _integrands, _integrate, _programs
from kljax.quadrature._arguments import Domain, Integral, LogDensity, Places
from kljax.quadrature._domain import Hints, Space
from kljax.quadrature._measures import Totals


def totals(
    functions: dict[str, LogDensity],
    integrand: Any,
    support: Domain,
    center: Places | None,
    scale: Places | None,
    points: ArrayLike | None,
    args: tuple[Any, ...],
    extra: dict[str, Callable[..., Any]] | None = None,
) -> Totals:
    """The integrals; ``extra`` are functions that are averaged."""
    # Batches of hints and of densities broadcast, as in NumPy.
    with jax.numpy_rank_promotion("allow"):
        space = _arguments.domain(support)
        hints = _arguments.hints(space, center, scale, points)
        named = {**functions, **(extra or {})}
        given = _arguments.further(named, args)
        program = _programs.kept(
            list(named.values()),
            (tuple(named), len(functions), space.kind),
            lambda alive: _Program(tuple(named), alive, len(functions), Space(space.kind)),
        )
        found: Totals = program(integrand, hints, given)
        return found


class _Program:
    """The integral of some functions, compiled once for each shape of hints and arguments."""

    def __init__(self, names: tuple[str, ...], alive: Callable[[], list[Any]], count: int, space: Space) -> None:
        self._names, self._alive = names, alive
        self._batches: dict[Any, tuple[int, ...]] = {}

        @prompt  # one program: operation by operation, an eager call would compile hundreds
        def run(integrand: Any, hints: Hints, args: tuple[Any, ...]) -> Totals:
            made = _densities.elementwise(alive(), count, hints.low, args)
            return _integrate.integrate(made, integrand, hints, space)

        self._run = run

    def __call__(self, integrand: Any, hints: Hints, args: tuple[Any, ...]) -> Totals:
        """The integrals."""
        leaves, structure = jax.tree.flatten((hints, args))
        shapes = structure, tuple((one.shape, one.dtype) for one in leaves), jnp.result_type(float)
        if shapes not in self._batches:
            self._batches[shapes] = _arguments.batch(dict(zip(self._names, self._alive(), strict=True)), hints, args)
        found: Totals = self._run(integrand, _arguments.widened(hints, self._batches[shapes]), args)
        return found


def plain(total: Totals) -> Integral:
    """The last integral."""
    unit = jnp.exp(total.shift[-1])
    value = jnp.where(jnp.isinf(total.sum[-1]), total.sum[-1], total.sum[-1] * unit)
    return Integral(value, jax.lax.stop_gradient(total.error[-1] * unit))


def f_divergence(
    log_p: LogDensity,
    log_q: LogDensity,
    generator: Generator,
    support: Domain,
    center: Places | None,
    scale: Places | None,
    points: ArrayLike | None,
    args: tuple[Any, ...],
) -> Integral:
    """The f-divergence of a generator."""
    functions = {"log_p": log_p, "log_q": log_q}
    return plain(totals(functions, _integrands.Divergence(generator), support, center, scale, points, args))
