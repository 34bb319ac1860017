"""Chunks of tokens: whole rows of logits of some tokens at a time, whatever the functional.

With the tokens' weights known, the gradients are formed beside the values, from the same logits: four products of
matrices in all, where forming the logits again takes six.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp

from kljax._kernels import sharded
from kljax.hidden._chunks import Place, walk
from kljax.hidden._head import Head, project
from kljax.hidden._problem import Operands, Plan, apart, bent, dtype_of, logits_of, moves, pulled, pushed, zeros


def _taken(operands: Operands, at: Place) -> Operands:
    heads = tuple(dataclasses.replace(head, states=at.take(head.states)) for head in operands.heads)
    labels = None if operands.labels is None else at.take(operands.labels)
    return operands._replace(heads=heads, labels=labels)


def _raws(operands: Operands) -> tuple[jax.Array, ...]:
    return tuple(project(head.states, head.weights, head.vocabulary_axis) for head in operands.heads)


def _logs(plan: Plan, logits: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    return tuple(log_partition(plan, lax.stop_gradient(x)) for x in logits) if plan.logs else ()


def log_partition(plan: Plan, logits: jax.Array) -> jax.Array:
    """log Σ exp over the last axis, and over the devices that share it."""
    local = logsumexp(logits, axis=-1)
    if plan.axis_name is None:
        return local
    top = lax.pmax(local, plan.axis_name)
    base = jnp.where(jnp.isfinite(top), top, 0.0)
    return base + jnp.log(lax.psum(jnp.exp(local - base), plan.axis_name))


def _rows(plan: Plan, operands: Operands, logits: tuple[jax.Array, ...]) -> jax.Array:
    if plan.axis_name is None:
        return plan.functional.rows(operands.given, operands.labels, *logits)
    return sharded.rows(plan.functional, plan.axis_name, operands.given, operands.labels, logits)


def values(plan: Plan, operands: Operands) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """The value of each token, and the log-partitions if asked for."""
    heads = operands.heads
    count, kind = heads[0].states.shape[0], dtype_of(heads)
    _, same = zeros(operands, plan.axis_name)
    empty = tuple(same((count,), kind) for _ in range(1 + plan.logs * len(heads)))

    def body(at, carry, _):
        here = _taken(operands, at)
        logits = logits_of(here.heads, _raws(here), operands.temperature)
        found = _rows(plan, here, logits), *_logs(plan, logits)
        return tuple(at.put(one, piece) for one, piece in zip(carry, found, strict=True))

    value, *logs = walk(plan.chunks(heads), body, empty)
    return value, tuple(logs)


def _chunk(plan: Plan, flags: Operands, here: Operands) -> tuple[Any, Any]:
    """(x, f): what moves of the operands of a chunk, and f(x) = its values and log-partitions."""
    x, logits_from = bent(flags, here, _raws(here))

    def value(given, x):
        logits = logits_from(x)
        return _rows(plan, here if given is None else here._replace(given=given), logits), _logs(plan, logits)

    return (here.given if moves(flags.given) else None, x), value


@functools.partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def gradients(
    plan: Plan, flags: Operands, operands: Operands, weights: jax.Array
) -> tuple[tuple[jax.Array, ...], Operands]:
    """The values (and log-partitions), and the gradients of Σ weight · value, ``None`` where a flag is not set."""
    return _gradients(plan, flags, operands, weights)


@gradients.defjvp
def _gradients_jvp(plan, flags, primals, tangents):
    # Reverse mode of JAX 0.10 forgets the derivative rules of what a loop calls if the loop stands in a derivative
    # rule, as this one does. In a function with a rule of its own, even one that says nothing new, they are safe.
    return jax.jvp(functools.partial(_gradients, plan, flags), primals, tangents)


def _gradients(
    plan: Plan, flags: Operands, operands: Operands, weights: jax.Array
) -> tuple[tuple[jax.Array, ...], Operands]:
    heads = operands.heads
    count, kind = heads[0].states.shape[0], dtype_of(heads)
    own, same = zeros(operands, plan.axis_name)
    begun = empty_gradients(operands, flags, own)
    buffers = tuple(same((count,), kind) for _ in range(1 + plan.logs * len(heads)))

    @jax.checkpoint
    def of_chunk(here, weights):
        (given, (fields, raws)), value = _chunk(plan, flags, here)
        given, fields = apart((given, fields), here)
        found, pull, logs = jax.vjp(value, given, (fields, raws), has_aux=True)
        in_given, in_x = pull(_cotangent(plan, here, weights.astype(found.dtype) + lax.full_like(found, 0)))
        return (found, *logs), (in_given, *pulled(flags, here.heads, in_x))

    def body(at, carry, _):
        buffers, total = carry
        found, (in_given, in_heads, in_warmth) = of_chunk(_taken(operands, at), at.take(weights))
        summed = total.heads
        parts = tuple(dataclasses.replace(head, states=None) for head in in_heads)
        sums = tuple(dataclasses.replace(head, states=None) for head in summed)
        total = jax.tree.map(
            jnp.add, Operands(total.given, sums, None, total.temperature), Operands(in_given, parts, None, in_warmth)
        )
        states = (
            None if head.states is None else at.put(old.states, head.states)
            for head, old in zip(in_heads, summed, strict=True)
        )
        heads = (dataclasses.replace(head, states=one) for head, one in zip(total.heads, states, strict=True))
        buffers = tuple(at.put(buffer, piece) for buffer, piece in zip(buffers, found, strict=True))
        return buffers, total._replace(heads=tuple(heads))

    return walk(plan.chunks(heads), body, (buffers, begun))


def empty_gradients(operands: Operands, flags: Operands, zero: Any, *, once: bool = False) -> Operands:
    """Zeros for the gradients whose flags are set, ``None`` for the others.

    Those in the weights have the weights' own dtype if each entry is written ``once``, else one that sums are kept in.
    float16 has too few exponents for a gradient that is yet to be scaled.
    """
    kind = dtype_of(operands.heads)

    def own(dtype: Any) -> Any:
        return dtype if once and dtype != jnp.float16 else kind

    def begin(x: Any, flag: Any, kind: Any = kind) -> Any:
        return zero(x.shape, kind) if flag else None

    heads = tuple(
        Head(
            begin(head.states, flag.states),
            begin(head.weights, flag.weights, own(head.weights.dtype)),
            begin(head.bias, flag.bias),
            begin(head.softcap, flag.softcap),
            head.vocabulary_axis,
        )
        for head, flag in zip(operands.heads, flags.heads, strict=True)
    )
    given = jax.tree.map(lambda x: zero(x.shape, x.dtype), operands.given) if moves(flags.given) else None
    return Operands(given, heads, None, begin(operands.temperature, flags.temperature))


def _cotangent(plan: Plan, here: Operands, weights: jax.Array) -> jax.Array:
    """The cotangent of the values that pulls back a device's own part of the gradient.

    How a psum is transposed depends on ``check_vma``: the cotangent arrives once, or once from each device.
    """
    if plan.axis_name is None:
        return weights
    own = lax.full_like(here.heads[-1].weights, 0, shape=(), dtype=weights.dtype)
    total, pull = jax.vjp(lambda x: lax.psum(x, plan.axis_name), own)
    (arrived,) = pull(lax.full_like(total, 1))
    # All devices find the same number, and the values are the same on all.
    return weights / lax.pmax(arrived, plan.axis_name)


def push(plan: Plan, flags: Operands, operands: Operands, tangents: Operands) -> jax.Array:
    """The tangents of the values, linear in those of the operands, which count where a flag is set."""
    heads = operands.heads
    _, same = zeros(operands, plan.axis_name)

    @jax.checkpoint
    def of_chunk(here: Operands, tangents: Operands) -> jax.Array:
        x, value = _chunk(plan, flags, here)
        d_given = tangents.given if moves(flags.given) else None
        return jax.jvp(lambda *x: value(*x)[0], x, (d_given, pushed(flags, here, tangents)))[1]

    def body(at, carry, pieces):
        d_heads = tuple(
            dataclasses.replace(head, states=piece) for head, piece in zip(tangents.heads, pieces, strict=True)
        )
        return at.put(carry, of_chunk(_taken(operands, at), tangents._replace(heads=d_heads)))

    carried = tuple((head.states, 0) for head in tangents.heads)
    return walk(plan.chunks(heads), body, same((heads[0].states.shape[0],), dtype_of(heads)), carried)
