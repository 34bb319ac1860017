"""f-divergences of two rows of logits, and the derivative rule that all row functionals share."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from kljax._kernels.blocks import by_blocks, fresh, strategy, sum_over
from kljax._kernels.rows import Rows, Temperature, balance, logit_tangent, masses, normalise, norms, refine
from kljax.generators import Generator, kl
from kljax.generators._record import parameter_tangent, summand, weighted_slopes


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
        wanted = [not (_absent(d) and _absent(dt)) for d in (da, db)]

        def gradients(parameters, a, b, *rest):
            p, q, r = normalise(a, b, temperature, Rows(*rest))
            sides = zip(wanted, (p, q), slopes(parameters, p, q, r), strict=True)
            return [balance(x, slope) for present, x, slope in sides if present]

        found = iter(by_blocks(gradients, parameters, a, b, *rows))
        total = 0.0
        for present, x, top, dx in ((wanted[0], a, rows.top_p, da), (wanted[1], b, rows.top_q, db)):
            if present:
                d_temperature = None if temperature is None else _some(dt, temperature)
                total += (next(found) * logit_tangent(x, top, temperature, _some(dx, x), d_temperature)).sum(-1)
        if not all(map(_absent, jax.tree.leaves(d_parameters, is_leaf=_absent))):
            p, q, r = normalise(a, b, temperature, rows)
            total += in_parameters(parameters, _some(d_parameters, parameters), p, q, r)
        return total

    return tangent_map(primals, present) if present else 0.0


def evaluate(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, Rows]:
    """(Σ q f(p/q), the statistics of the rows), without a derivative."""
    generator, a, b, temperature = lax.stop_gradient((generator, a, b, temperature))
    first = norms(a, b, temperature)

    def accurate(a, b, *first):
        def of_block(_, a, b, *first):
            rows = refine(a, b, temperature, Rows(*first))
            a, b, *fixed = fresh(a, b, *rows)
            return summand(generator, *masses(a, b, temperature, Rows(*fixed))).sum(-1), *rows

        value, *rows = by_blocks(of_block, (), a, b, *first)
        return value, Rows(*rows)

    if generator.name != kl.name or temperature is not None or strategy(a) == "whole":
        return accurate(a, b, *first)
    # KL = E_p[a - b] - (log Z_p - log Z_q): where it is not small beside its parts, no second look at the rows is needed.
    a, b = fresh(a, b)
    mean = sum_over(lambda a, b: jnp.exp(a) * (a - b), a, b) / first.norm_p
    direct = mean - first.shift
    parts = jnp.maximum(jnp.abs(mean), jnp.abs(first.shift))
    certain = (first.top_p == 0.0) & (first.top_q == 0.0) & (direct > 0.5) & (direct > 0.5 * parts)
    a, b, *operands = fresh(a, b, *first)
    return lax.cond(certain.all(), lambda *_: (direct[..., 0], first), accurate, a, b, *operands)


@jax.custom_jvp
def f_divergence(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """Σ q f(p/q) over the last axis of two rows of logits."""
    return evaluate(generator, a, b, temperature)[0]


def _f_divergence_jvp(primals, tangents):
    # dD = Σ ∂P/∂log p · d log p + Σ ∂P/∂log q · d log q, with P = q f(p/q).
    _, rows = evaluate(*primals)
    value = f_divergence(*primals)
    tangent = row_tangent(primals, tangents, rows, weighted_slopes, _in_parameters)
    return value, jnp.zeros_like(value) + tangent


def _in_parameters(generator: Generator, d_generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    return parameter_tangent(generator, d_generator, p, q, r).sum(-1)


f_divergence.defjvp(_f_divergence_jvp, symbolic_zeros=True)
