"""f-divergences of two rows of logits, and the derivative rule that all row functionals share."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from kljax._kernels import streaming
from kljax._kernels.blocks import by_blocks, fresh, single_or_double, strategy, sum_over
from kljax._kernels.rows import (
    Rows,
    Temperature,
    balance,
    excess_term,
    logit_tangent,
    masses,
    normalise,
    norms,
    power_of_rows,
    refine,
    weighted_gap,
)
from kljax._kernels.totals import Totals, names
from kljax._special import two_sum, x_minus_log1p
from kljax.generators import Generator, kl
from kljax.generators._masses import mass_gap
from kljax.generators._record import parameter_tangent, slopes_of_rows, summand


def _absent(tangent: Any) -> bool:
    """Whether a tangent is known to be zero when tracing, so that its side costs nothing."""
    return tangent is None or isinstance(tangent, SymbolicZero)


def _some(tangents: Any, like: Any) -> Any:
    """Symbolic zeros made into arrays."""
    return jax.tree.map(lambda t, x: jnp.zeros_like(x) if _absent(t) else t, tangents, like, is_leaf=_absent)


def row_tangent(primals: Any, tangents: Any, rows: Rows, slopes: Any, in_parameters: Any = None) -> Any:
    """The tangent of a row functional of (parameters, a, b, temperature).

    ``slopes(parameters, p, q, r, power)`` gives the derivatives with respect to log p and log q outcome by outcome, and
    ``in_parameters(parameters, tangents, p, q, r)`` the tangent in the parameters. The map is checkpointed: of
    the long arrays only the logits are kept for the backward pass. Tangents known to be zero cost nothing.
    """
    leaves, structure = jax.tree.flatten(tangents, is_leaf=_absent)
    parameters, a, b, temperature = primals
    d_parameters, da, db, dt = jax.tree.unflatten(structure, [None if _absent(leaf) else leaf for leaf in leaves])
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


def _excess(center: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    """Σ eᵃ (e⁻ˣ - 1 + x), x = a - b - center."""
    return excess_term(single_or_double(a), single_or_double(b), center).sum(-1, keepdims=True)


def evaluate(
    sides: tuple[str, ...], generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature
) -> tuple[jax.Array, Rows, Totals]:
    """Σ q f(p/q), the statistics of the rows, and sums that the gradients in these sides take where ``streaming``.

    All without a derivative.
    """
    generator, a, b, temperature = lax.stop_gradient((generator, a, b, temperature))
    sides = () if generator.name == kl.name else sides

    def several(a, b):
        value, rows = _by_passes(generator, a, b, temperature)
        return value, rows, {name: jnp.zeros_like(rows.norm_p) for name in names(generator, sides)}

    def one(a, b):
        value, rows = streaming.value_and_rows(lambda a, b: _by_passes(kl, a, b, None), a, b)
        if generator.name == kl.name:
            return value[..., 0], rows, {}
        found, sums = streaming.value_and_sums(generator, sides, a, b, rows)
        return found, rows, sums

    return several(a, b) if temperature is not None else streaming.by_platform(one, several, a, b)


def _by_passes(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, Rows]:
    first, spread = norms(a, b, temperature)

    def accurate(a, b, *first):
        def of_block(generator, a, b, *first):
            rows = refine(*masses(a, b, temperature, Rows(*first)), Rows(*first))
            # Two fused loops, each with its own exponentials, are faster than one that stores p, q and r.
            a, b, *fixed = fresh(a, b, *rows)
            p, q, r = masses(a, b, temperature, Rows(*fixed))
            power = power_of_rows(a, b, Rows(*fixed), temperature, p, q, r)
            return summand(generator, p, q, r, power).sum(-1), *rows

        value, *rows = by_blocks(of_block, generator, a, b, *first, still=True)
        return value, Rows(*rows)

    if generator.name != kl.name or temperature is not None or strategy(a) == "whole":
        return accurate(a, b, *first)
    # With x = a - b - c, c = E_p[a - b]: KL = c - (log Z_p - log Z_q) = log E_p[exp(-x)]. The first is a difference
    # of sums at hand; it serves where it is not small beside its parts and no outcome dominates. The second has one
    # more sum, of terms that are never negative; what is left of E_p[x] enters it only in second order.
    a, b = fresh(a, b)
    origin = single_or_double(a[..., :1]) - single_or_double(b[..., :1])
    origin = jnp.where(jnp.isfinite(origin), origin, 0.0)
    center, rest = two_sum(origin, sum_over(weighted_gap, a, b, per_row=(origin,)) / first.norm_p)
    missed = center == jnp.inf  # q misses an outcome
    center = jnp.where(missed, 0.0, center)
    direct = (center - first.shift) + rest
    parts = jnp.maximum(jnp.abs(center), jnp.abs(first.shift))
    certain = (spread & ~missed & (direct > 0.5) & (direct > 0.5 * parts)).all()

    def by_excess(a, b, center, rest, *first):
        a, b, center = fresh(a, b, center)
        rows = Rows(*first)
        excess = by_blocks(_excess, center, a, b, still=True) / rows.norm_p
        u = excess - rest
        value = jnp.where(u < 1.0, excess - x_minus_log1p(jnp.minimum(u, 1.0)), rest + jnp.log1p(u))
        value = jnp.maximum(value, 0.0)
        shift, tail = two_sum(center, rest - value)
        found = value[..., 0], rows._replace(shift=shift, shift_tail=tail)
        a, b, *operands = fresh(a, b, *first)
        # Where an outcome is missed u is inf. The center has an error of some eps of itself, which enters by its
        # square, beside the excess, and times the excess.
        certain = (16.0 * float(jnp.finfo(center.dtype).eps) * center * center <= excess) & (jnp.abs(center) <= 1.0)
        whole = ((rows.top_p == 0.0) & (u < 1e6) & certain).all()
        return lax.cond(whole, lambda *_: found, accurate, a, b, *operands)

    a, b, *operands = fresh(a, b, *first)
    return lax.cond(certain, lambda *_: (direct[..., 0], first), by_excess, a, b, center, rest, *operands)


def f_divergence(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """Σ q f(p/q) over the last axis of two rows of logits."""
    return _with_rows((), generator, a, b, temperature)[0]


_with_rows = jax.custom_jvp(evaluate, nondiff_argnums=(0,))


def _with_rows_jvp(sides, primals, tangents):
    # dD = Σ ∂P/∂log p · d log p + Σ ∂P/∂log q · d log q, with P = q f(p/q). The statistics are for this rule
    # alone; they pass as constants.
    generator, _, _, temperature = primals
    in_p, in_q = (not _absent(tangent) for tangent in tangents[1:3])
    fixed = temperature is None and all(map(_absent, jax.tree.leaves(tangents[0], is_leaf=_absent)))
    moved = ("p",) * in_p + ("q",) * in_q if fixed else ()
    value, rows, sums = _with_rows(tuple(sorted({*sides, *moved})), *primals)

    def several(a, b, da, db):
        given = (tangents[0], da if in_p else tangents[1], db if in_q else tangents[2], tangents[3])
        if generator.name == kl.name and temperature is None and in_q and not in_p:
            return _kl_in_q((generator, a, b, temperature), given, rows, value)
        return jnp.zeros_like(value) + row_tangent(
            (generator, a, b, temperature), given, rows, slopes_of_rows, _in_parameters
        )

    operands = *primals[1:3], tangents[1] if in_p else None, tangents[2] if in_q else None
    if moved:
        one = functools.partial(_by_slopes, moved, generator, value, rows, sums)
        tangent = streaming.by_platform(one, several, *operands)
    else:
        tangent = several(*operands)
    out = value, rows, {name: sums[name] for name in sums if name[-1] in sides}
    return out, (tangent, *jax.tree.map(jnp.zeros_like, out[1:]))


def _by_slopes(sides: Any, generator: Generator, value: Any, rows: Rows, sums: Totals, *operands: Any) -> jax.Array:
    def slopes(carried, a, b):
        generator, value, rows, sums = carried
        if generator.name == kl.name:
            return streaming.kl_slopes(a, b, rows, value)
        return tuple(streaming.f_slope(side, generator, a, b, rows, sums) if side in sides else None for side in "pq")

    def general(carried, a, b, da, db):
        generator, _, rows, _ = carried
        return row_tangent((generator, a, b, None), (None, da, db, None), rows, slopes_of_rows)

    carried = generator, value[..., None], rows, sums
    return streaming.tangent(slopes, general, carried, operands, value)


def _kl_in_q(primals: Any, tangents: Any, rows: Rows, value: jax.Array) -> jax.Array:
    """The tangent of KL in the logits of q, a student's: Σ (q - p) db, one pass unless an outcome is missed."""
    db = tangents[2]

    @jax.checkpoint
    def plain(a, b, db):
        return (_gap_of_rows(a, b, rows) * db.astype(value.dtype)).sum(-1)

    @jax.checkpoint
    def general(a, b, db):
        return row_tangent(primals, (tangents[0], tangents[1], db, tangents[3]), rows, slopes_of_rows)

    # The rounding of a - b, some eps of the shift, must be small beside r, which is √(2 KL) or so.
    size = value[..., None]
    certain = (rows.top_p == 0.0) & (rows.top_q == 0.0) & (rows.shift * rows.shift <= 32.0 * size) & (size < jnp.inf)
    return lax.cond(certain.all(), plain, general, *primals[1:3], db)


@jax.custom_jvp
def _gap_of_rows(a: jax.Array, b: jax.Array, rows: Rows) -> jax.Array:
    """q - p, where the exponentials need no shift."""
    a, b = single_or_double(a), single_or_double(b)
    r = ((a - b) - rows.shift) - rows.shift_tail  # NaN where both are -∞, which then counts as not close
    return mass_gap(jnp.exp(a) / rows.norm_p, jnp.exp(b) / rows.norm_q, r)


@_gap_of_rows.defjvp
def _gap_of_rows_jvp(primals, tangents):
    a, b, rows = primals
    gap = functools.partial(_safe_gap, rows=rows)
    return _gap_of_rows(*primals), jax.jvp(gap, (a, b), tangents[:2])[1]


def _safe_gap(a: jax.Array, b: jax.Array, rows: Rows) -> jax.Array:
    return mass_gap(*normalise(a, b, None, rows))


def _in_parameters(generator: Generator, d_generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    return parameter_tangent(generator, d_generator, p, q, r).sum(-1)


_with_rows.defjvp(_with_rows_jvp, symbolic_zeros=True)
