"""Chunks of the vocabulary: all tokens' logits of some outcomes at a time, and statistics of rows that join.

The least memory: the logits of a chunk are formed, used and dropped, and each block of the weights' gradient is written
once. KL and the cross-entropy of labels need one pass for the value, others two; the gradient one more.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
from jax import lax

from kljax._kernels import sharded
from kljax.hidden import _tokens
from kljax.hidden._chunks import Chunks, Place, walk
from kljax.hidden._head import Head, project
from kljax.hidden._problem import Operands, Plan, apart, bent, dtype_of, logits_of, pulled, pushed, zeros


def _taken(operands: Operands, at: Place) -> Operands:
    heads = tuple(
        dataclasses.replace(
            head,
            weights=at.take(head.weights, head.vocabulary_axis),
            bias=None if head.bias is None else at.take(head.bias),
        )
        for head in operands.heads
    )
    return operands._replace(heads=heads)


def _raws(operands: Operands) -> tuple[jax.Array, ...]:
    return tuple(project(head.states, head.weights, head.vocabulary_axis) for head in operands.heads)


def _mark(plan: Plan, operands: Operands, at: Place) -> jax.Array | None:
    """Which logits of the chunk are the labels'."""
    return sharded.mark(operands.labels, at.entries(), at.chunks.size, plan.axis_name)


def statistics(plan: Plan, operands: Operands) -> sharded.Found:
    """The moments of all rows and the sums over their outcomes."""
    own, _ = zeros(operands, plan.axis_name)
    chunks = plan.chunks(operands.heads)

    def logits(at: Place) -> tuple[jax.Array, ...]:
        here = _taken(operands, at)
        return logits_of(here.heads, _raws(here), operands.temperature)

    def fold(body, start):
        return walk(chunks, lambda at, carry, _: body(carry, _mark(plan, operands, at), *logits(at)), start)

    column = own((operands.heads[0].states.shape[0], 1), dtype_of(operands.heads))
    shapes = jax.eval_shape(lambda: logits(Place(Chunks(chunks.size, chunks.size), None)))
    return sharded.statistics(plan.functional, operands.given, sharded.Pieces(fold, plan.axis_name, column, shapes))


def values(plan: Plan, operands: Operands, found: Any) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """The value of each token from the statistics, and the log-partitions if asked for."""
    value = plan.functional.value(operands.given, *found)[..., 0]
    return value, tuple(one[..., 0] for one in plan.functional.logs(found[0])) if plan.logs else ()


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def gradients(
    plan: Plan, flags: Operands, operands: Operands, weights: jax.Array
) -> tuple[tuple[jax.Array, ...], Operands]:
    """The values (and log-partitions), and the gradients of Σ weight · value, ``None`` where a flag is not set."""
    found = statistics(plan, operands)
    value, logs = values(plan, operands, found)
    own, _ = zeros(operands, plan.axis_name)

    def body(at, total, _):
        here = _taken(operands, at)
        (fields, raws), logits_from = bent(flags, here, _raws(here))
        logits, pull = jax.vjp(logits_from, (apart(fields, here), raws))
        slopes = plan.functional.gradient(operands.given, _mark(plan, operands, at), *found, *logits)
        (in_x,) = pull(tuple(weights[:, None].astype(one.dtype) * one for one in slopes))
        in_heads, in_warmth = pulled(flags, here.heads, in_x)
        heads = tuple(
            Head(
                None if one.states is None else old.states + one.states,
                None if one.weights is None else at.put(old.weights, one.weights, one.vocabulary_axis),
                None if one.bias is None else at.put(old.bias, one.bias),
                None if one.softcap is None else old.softcap + one.softcap,
                one.vocabulary_axis,
            )
            for one, old in zip(in_heads, total.heads, strict=True)
        )
        return Operands(None, heads, None, None if in_warmth is None else total.temperature + in_warmth)

    total = walk(plan.chunks(operands.heads), body, _tokens.empty_gradients(operands, flags, own, once=True))
    return (value, *logs), total


@gradients.defjvp
def _gradients_jvp(plan, flags, primals, tangents):
    # The derivative of a gradient is that of the rule for whole rows.
    return jax.jvp(functools.partial(_tokens.gradients, plan.by_tokens(), flags), primals, tangents)


def push(plan: Plan, flags: Operands, operands: Operands, found: Any, tangents: Operands) -> jax.Array:
    """The tangents of the values, linear in those of the operands, which count where a flag is set."""
    own, _ = zeros(operands, plan.axis_name)
    found = sharded.attached(functools.partial(statistics, plan), operands, found)

    @jax.checkpoint
    def of_chunk(here: Operands, mark: Any, found: Any, tangents: Operands) -> jax.Array:
        x, logits_from = bent(flags, here, _raws(here))
        logits, d_logits = jax.jvp(logits_from, (x,), (pushed(flags, here, tangents),))
        slopes = plan.functional.gradient(operands.given, mark, *found, *logits)
        return sum((slope * one).sum(-1) for slope, one in zip(slopes, d_logits, strict=True))

    def body(at, carry, pieces):
        rest = iter(pieces)
        d_heads = tuple(dataclasses.replace(head, weights=next(rest), bias=next(rest)) for head in tangents.heads)
        here = _taken(operands, at)
        return carry + of_chunk(here, _mark(plan, operands, at), found, tangents._replace(heads=d_heads))

    carried = tuple(pair for head in tangents.heads for pair in ((head.weights, head.vocabulary_axis), (head.bias, 0)))
    start = own((operands.heads[0].states.shape[0],), dtype_of(operands.heads))
    tangent = walk(plan.chunks(operands.heads), body, start, carried)
    return tangent if plan.axis_name is None else lax.psum(tangent, plan.axis_name)
