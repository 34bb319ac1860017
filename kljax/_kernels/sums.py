"""f-divergences of two rows of logits, and the derivative rule that all row functionals share."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from kljax._kernels.rows import Rows, centre, logit_tangent, normalise, statistics
from kljax.generators import Generator
from kljax.generators._record import parameter_tangent, summand, weighted_slopes

Temperature = jax.Array | None


def _absent(tangent: Any) -> bool:
    """Whether a tangent is known to be zero when tracing, so that its side costs nothing."""
    return tangent is None or isinstance(tangent, SymbolicZero)


def _some(tangents: Any, like: Any) -> Any:
    """Symbolic zeros made into arrays."""
    return jax.tree.map(lambda t, x: jnp.zeros_like(x) if _absent(t) else t, tangents, like, is_leaf=_absent)


def row_tangent(primals: Any, tangents: Any, rows: Rows, slopes: Any, in_parameters: Any = None) -> Any:
    """The tangent of a row functional of (parameters, a, b, temperature).

    ``slopes(parameters, p, q, r)`` gives the derivatives with respect to log p and log q outcome by outcome, and
    ``in_parameters(parameters, tangents, p, q, r)`` the tangent in the parameters. The map is checkpointed: of
    the long arrays only the logits are kept for the backward pass. Tangents known to be zero cost nothing.
    """
    leaves, structure = jax.tree.flatten(tangents, is_leaf=_absent)
    present = [leaf for leaf in leaves if not _absent(leaf)]

    @jax.checkpoint
    def tangent_map(primals, present):
        rest = iter(present)
        filled = [leaf if _absent(leaf) else next(rest) for leaf in leaves]
        d_parameters, da, db, dt = jax.tree.unflatten(structure, filled)
        parameters, a, b, temperature = primals
        p, q, r = normalise(a, b, temperature, rows)
        in_log_p, in_log_q = slopes(parameters, p, q, r)
        total = _slope_in_logits(p, a, rows.max_p, in_log_p, temperature, da, dt)
        total += _slope_in_logits(q, b, rows.max_q, in_log_q, temperature, db, dt)
        if not all(map(_absent, jax.tree.leaves(d_parameters, is_leaf=_absent))):
            total += in_parameters(parameters, _some(d_parameters, parameters), p, q, r)
        return total

    return tangent_map(primals, present) if present else 0.0


def _slope_in_logits(
    probability: jax.Array, a: jax.Array, top: jax.Array, weights: jax.Array, temperature: Temperature, da: Any, dt: Any
) -> jax.Array | float:
    """Σ weights · d log p, for the tangents of the logits and of the temperature."""
    if _absent(da) and _absent(dt):
        return 0.0
    tangent = logit_tangent(a, top, temperature, _some(da, a), None if temperature is None else _some(dt, temperature))
    return (weights * centre(probability, tangent)).sum(-1)


@jax.custom_jvp
def f_divergence(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """Σ q f(p/q) over the last axis of two rows of logits."""
    rows = statistics(a, b, temperature)
    return summand(generator, *normalise(a, b, temperature, rows)).sum(-1)


def _f_divergence_jvp(primals, tangents):
    # dD = Σ ∂P/∂log p · d log p + Σ ∂P/∂log q · d log q, with P = q f(p/q).
    generator, a, b, temperature = primals
    rows = statistics(a, b, temperature)
    value = summand(generator, *normalise(a, b, temperature, rows)).sum(-1)
    tangent = row_tangent(primals, tangents, rows, weighted_slopes, _f_parameters)
    return value, jnp.zeros_like(value) + tangent


def _f_parameters(generator: Generator, d_generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    return parameter_tangent(generator, d_generator, p, q, r).sum(-1)


f_divergence.defjvp(_f_divergence_jvp, symbolic_zeros=True)
