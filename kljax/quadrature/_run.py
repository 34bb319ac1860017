"""The way of every verb: check, broadcast, integrate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax.generators import Generator
from kljax.quadrature import _arguments, _densities, _integrands, _integrate
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
    extra: dict[str, Callable[..., Any]] | None = None,
) -> Totals:
    """The integrals; ``extra`` are functions that are averaged."""
    # Batches of hints and of densities broadcast, as in NumPy.
    with jax.numpy_rank_promotion("allow"):
        space = _arguments.domain(support)
        hints = _arguments.hints(space, center, scale, points)
        hints = _arguments.checked({**functions, **(extra or {})}, hints)

        @jax.jit  # one program: operation by operation, an eager call would compile hundreds
        def run(integrand: Any, hints: Hints) -> Totals:
            both = [*functions.values(), *(extra or {}).values()]
            made = _densities.elementwise(both, len(functions), hints.low, ())
            return _integrate.integrate(made, integrand, hints, Space(space.kind))

        return run(integrand, hints)


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
) -> Integral:
    """The f-divergence of a generator."""
    functions = {"log_p": log_p, "log_q": log_q}
    return plain(totals(functions, _integrands.Divergence(generator), support, center, scale, points))
