"""The way of every verb: check, broadcast, integrate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax.generators import Generator
from kljax.quadrature import _arguments, _integrands, _integrate
from kljax.quadrature._arguments import Domain, Integral, LogDensity, Places
from kljax.quadrature._domain import Hints
from kljax.quadrature._integrate import Integrand, Totals


def totals(
    functions: dict[str, LogDensity],
    integrand: Integrand,
    support: Domain,
    center: Places | None,
    scale: Places | None,
    points: ArrayLike | None,
    extra: dict[str, Callable[..., Any]] | None = None,
) -> Totals:
    """The integrals; ``extra`` are functions that the integrand itself calls."""
    # Batches of hints and of densities broadcast, as in NumPy.
    with jax.numpy_rank_promotion("allow"):
        hints = _arguments.hints(_arguments.domain(support), center, scale, points)
        hints = _arguments.checked({**functions, **(extra or {})}, hints)
        densities = [_wide(one, hints.low.dtype) for one in functions.values()]
        kind = hints.kind

        @jax.jit  # one program: operation by operation, an eager call would compile hundreds
        def run(hints: Hints) -> Totals:
            return _integrate.integrate(densities, integrand, hints._replace(kind=kind))

        return run(hints._replace(kind=None))


def _wide(function: LogDensity, dtype: Any) -> Callable[[jax.Array], jax.Array]:
    def evaluate(x: jax.Array) -> jax.Array:
        return jnp.broadcast_to(jnp.asarray(function(x)).astype(dtype), x.shape)

    return evaluate


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

    def integrand(logs, x, log_weight):
        return [_integrands.f_divergence(generator, logs[0], logs[1], log_weight)]

    functions = {"log_p": log_p, "log_q": log_q}
    return plain(totals(functions, integrand, support, center, scale, points))
