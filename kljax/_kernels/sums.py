"""f-divergences of two rows of logits, and the derivative rule that all row functionals share."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from kljax._kernels import choose, in_range, streaming
from kljax._kernels.blocks import by_blocks, fresh
from kljax._kernels.rows import (
    Rows,
    Temperature,
    balance,
    logit_tangent,
    masses,
    normalise,
    norms,
    power_of_rows,
    refine,
)
from kljax._kernels.totals import Totals, names
from kljax.generators import Generator, kl
from kljax.generators._internal import parameter_tangent, slopes_of_rows, summand


def absent(tangent: Any) -> bool:
    """Whether a tangent is known to be zero when tracing, so that its side costs nothing."""
    return tangent is None or isinstance(tangent, SymbolicZero)


def _some(tangents: Any, like: Any) -> Any:
    """Symbolic zeros made into arrays."""
    return jax.tree.map(lambda t, x: jnp.zeros_like(x) if absent(t) else t, tangents, like, is_leaf=absent)


def row_tangent(primals: Any, tangents: Any, rows: Rows, slopes: Any, in_parameters: Any = None) -> Any:
    """The tangent of a row functional of (parameters, a, b, temperature).

    ``slopes(parameters, p, q, r, power)`` gives the derivatives with respect to log p and log q outcome by outcome, and
    ``in_parameters(parameters, tangents, p, q, r)`` the tangent in the parameters. The map is checkpointed: of
    the long arrays only the logits are kept for the backward pass. Tangents known to be zero cost nothing.
    """
    leaves, structure = jax.tree.flatten(tangents, is_leaf=absent)
    parameters, a, b, temperature = primals
    d_parameters, da, db, dt = jax.tree.unflatten(structure, [None if absent(leaf) else leaf for leaf in leaves])
    moving = bool(jax.tree.leaves(d_parameters))
    if da is None and db is None and dt is None and not moving:
        return 0.0

    @jax.checkpoint
    def of_block(carried, a, b, *rest):
        parameters, temperature, d_parameters, dt = carried
        *given, da, db = rest
        fixed = Rows(*given)
        p, q, r = normalise(a, b, temperature, fixed)
        power = power_of_rows(a, b, fixed, temperature, p, q, r)
        total = jnp.zeros_like(p[..., 0])
        both = zip(
            (p, q), (a, b), (fixed.top_p, fixed.top_q), (da, db), slopes(parameters, p, q, r, power), strict=True
        )
        for weight, x, top, dx, slope in both:
            if dx is not None or dt is not None:
                d_temperature = None if temperature is None else _some(dt, temperature)
                dx = _some(dx, x).astype(weight.dtype)
                total += (balance(weight, slope) * logit_tangent(x, top, temperature, dx, d_temperature)).sum(-1)
        if moving:
            total += in_parameters(parameters, _some(d_parameters, parameters), p, q, r)
        return total

    return by_blocks(of_block, (parameters, temperature, d_parameters, dt), a, b, *rows, da, db)


QUICK = "quick"  # 1 where the rows are ``in_range``


def evaluate(
    sides: tuple[str, ...], generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature
) -> tuple[jax.Array, Rows, Totals]:
    """Σ q f(p/q), the statistics of the rows, and sums that the gradients in these sides take where ``streaming``.

    All without a derivative.
    """
    generator, a, b, temperature = lax.stop_gradient((generator, a, b, temperature))
    sides = () if generator.name == kl.name else sides

    def several(a, b):
        if choose.way(a).name == "in range":
            value, rows, quick = _by_range(generator, a, b, temperature)
        else:
            value, rows = _by_passes(generator, a, b, temperature)
            quick = jnp.zeros_like(rows.norm_p)
        value = jnp.maximum(value, 0.0)  # what underflows may leave less
        return value, rows, {QUICK: quick} | {name: jnp.zeros_like(rows.norm_p) for name in names(generator, sides)}

    def one(a, b):
        value, rows = streaming.value_and_rows(lambda a, b: _by_passes(kl, a, b, temperature), a, b, temperature)
        if generator.name == kl.name:
            return jnp.maximum(value[..., 0], 0.0), rows, {QUICK: jnp.zeros_like(rows.norm_p)}
        found, sums = streaming.value_and_sums(generator, sides, a, b, rows, temperature)
        return jnp.maximum(found, 0.0), rows, {QUICK: jnp.zeros_like(rows.norm_p)} | sums

    return choose.by_platform(one, several, a, b)


def _by_passes(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, Rows]:
    first = norms(a, b, temperature)

    def of_block(generator, a, b, *first):
        rows = refine(*masses(a, b, temperature, Rows(*first)), Rows(*first))
        # Two fused loops, each with its own exponentials, are faster than one that stores p, q and r.
        a, b, *fixed = fresh(a, b, *rows)
        p, q, r = masses(a, b, temperature, Rows(*fixed))
        power = power_of_rows(a, b, Rows(*fixed), temperature, p, q, r)
        return summand(generator, p, q, r, power).sum(-1), *rows

    value, *rows = by_blocks(of_block, generator, a, b, *first, still=True)
    return value, Rows(*rows)


def _by_range(
    generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature
) -> tuple[jax.Array, Rows, jax.Array]:
    """The value, the rows, and 1 where all rows are ``in_range``, else 0, of shape [..., 1]."""
    value, rows, certain = in_range.evaluate(generator, a, b, temperature)

    def passes(generator, a, b, *_):
        value, rows = _by_passes(generator, a, b, temperature)
        return value, rows, jnp.zeros_like(rows.norm_p)

    def found(generator, a, b, value, rows):
        return value[..., 0], rows, jnp.ones_like(rows.norm_p)

    return lax.cond(certain.all(), found, passes, generator, a, b, value, rows)


def f_divergence(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """Σ q f(p/q) over the last axis of two rows of logits."""
    return _with_rows((), generator, a, b, temperature)[0]


_with_rows = jax.custom_jvp(evaluate, nondiff_argnums=(0,))


def _with_rows_jvp(sides, primals, tangents):
    # dD = Σ ∂P/∂log p · d log p + Σ ∂P/∂log q · d log q, with P = q f(p/q). The statistics are for this rule
    # alone; they pass as constants.
    generator, _, _, temperature = primals
    in_p, in_q = (not absent(tangent) for tangent in tangents[1:3])
    still = all(map(absent, jax.tree.leaves((tangents[0], tangents[3]), is_leaf=absent)))
    moved = ("p",) * in_p + ("q",) * in_q if still else ()
    value, rows, sums = _with_rows(tuple(sorted({*sides, *moved})), *primals)

    def several(a, b, da, db):
        @jax.checkpoint
        def general(a, b, *steps):
            given = [tangents[0], tangents[1], tangents[2], tangents[3]]
            for at, step in zip([1] * in_p + [2] * in_q, steps, strict=True):
                given[at] = step
            parts = (generator, a, b, temperature), given, rows, slopes_of_rows, _in_parameters
            return jnp.zeros_like(value) + row_tangent(*parts)

        @jax.checkpoint
        def quick(a, b, *steps):
            slopes = functools.partial(in_range.slopes, ("p",) * in_p + ("q",) * in_q)
            return in_range.tangent(slopes, (generator, temperature), (a, b), rows, steps)

        steps = [step for step in (da, db) if step is not None]
        if not (still and steps and choose.way(a).name == "in range"):
            return general(a, b, *steps)
        return lax.cond((sums[QUICK] > 0.0).all(), quick, general, a, b, *steps)

    operands = *primals[1:3], tangents[1] if in_p else None, tangents[2] if in_q else None
    if moved:
        one = functools.partial(_by_slopes, moved, (generator, temperature), value, rows, sums)
        tangent = choose.by_platform(one, several, *operands)
    else:
        tangent = several(*operands)
    out = value, rows, {name: sums[name] for name in sums if name == QUICK or name[-1] in sides}
    return out, (tangent, *jax.tree.map(jnp.zeros_like, out[1:]))


def _by_slopes(sides: Any, given: Any, value: Any, rows: Rows, sums: Totals, *operands: Any) -> jax.Array:
    def slopes(carried, a, b):
        (generator, temperature), value, rows, sums = carried
        found: tuple[jax.Array | None, ...]
        if generator.name == kl.name:
            found = streaming.kl_slopes(a, b, rows, value, temperature)
        else:
            operands = generator, a, b, rows, sums, temperature
            found = tuple(streaming.f_slope(side, *operands) if side in sides else None for side in "pq")
        scale = streaming.inverse(temperature)
        return tuple(None if slope is None else streaming.times(slope, scale) for slope in found)

    def general(carried, a, b, da, db):
        (generator, temperature), _, rows, _ = carried
        return row_tangent((generator, a, b, temperature), (None, da, db, None), rows, slopes_of_rows)

    carried = given, value[..., None], rows, sums
    certain = jnp.isfinite(value)
    if given[0].name == kl.name and given[1] is not None:
        # The rounding of T shift, a two-term sum, shows in an outcome that has nearly all of p.
        eps = float(jnp.finfo(value.dtype).eps)
        certain &= (eps * jnp.abs(rows.shift[..., 0]) <= 4.0 * value) | (value == 0.0)
    return streaming.tangent(slopes, general, carried, operands, certain)


def _in_parameters(generator: Generator, d_generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    return parameter_tangent(generator, d_generator, p, q, r).sum(-1)


_with_rows.defjvp(_with_rows_jvp, symbolic_zeros=True)
