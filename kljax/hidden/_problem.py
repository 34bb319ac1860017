"""What the two strategies share: the operands of a verb, which of them move, and the pull of logits back to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.choose import Way
from kljax._kernels.sharded import Functional
from kljax.hidden._chunks import Chunks
from kljax.hidden._head import Head, bend, product, project, wide


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a functional is computed; static."""

    functional: Functional
    way: Way  # by tokens or by the vocabulary
    tokens: Way  # by tokens, for what only whole rows give
    spread: bool  # whether chunks are spread over the axis
    axis_name: Any = None  # the mesh axis over which the vocabulary is split
    logs: bool = False  # whether log-partitions are asked for

    def chunks(self, heads: tuple[Head, ...]) -> Chunks:
        """The chunks of tokens or of outcomes."""
        if self.way.name == "tokens":
            size = heads[0].states.shape[0]
        else:
            size = heads[0].weights.shape[heads[0].vocabulary_axis]
        return Chunks(size, size if self.way.length is None else min(self.way.length, size), self.spread)

    def by_tokens(self) -> Plan:
        """The same by chunks of tokens, for derivatives of a gradient."""
        return dataclasses.replace(self, way=self.tokens)


class Operands(NamedTuple):
    """All that the result depends on; the tokens are one axis. Also its tangents, and flags: which of it moves."""

    given: Any  # a generator, or None
    heads: tuple[Head, ...]
    labels: jax.Array | None
    temperature: jax.Array | None


def dtype_of(heads: tuple[Head, ...]) -> Any:
    """The dtype of the logits and of the result."""
    kinds = [wide(head.states.dtype) for head in heads]
    return max(kinds, key=lambda kind: kind.itemsize)


def _mark(operands: Operands) -> jax.Array:
    """A zero that varies over all mesh axes that any of the operands does."""
    mark = jnp.zeros((), jnp.float32)
    for leaf in jax.tree.leaves(operands):
        mark = mark + lax.full_like(leaf, 0, shape=(), dtype=jnp.float32)
    return mark


def zeros(operands: Operands, axis_name: Any) -> tuple[Callable[..., jax.Array], Callable[..., jax.Array]]:
    """Two makers of zeros of a shape and dtype: for what differs along the mesh axis, and for what does not.

    In ``shard_map`` a loop must begin with values that vary over the same mesh axes as those it ends with.
    """
    mark = _mark(operands)
    same = mark if axis_name is None else lax.psum(mark, axis_name)

    def maker(mark: jax.Array) -> Callable[..., jax.Array]:
        return lambda shape, dtype: jnp.broadcast_to(mark.astype(dtype), shape)

    return maker(mark), maker(same)


def moves(tree: Any) -> bool:
    """Whether any leaf of a tree of flags is set."""
    return any(jax.tree.leaves(tree))


def logits_of(heads: tuple[Head, ...], raws: tuple[jax.Array, ...], temperature: jax.Array | None) -> Any:
    """The logits of one dtype, for the raw ones h wᵀ and the heads' biases and soft-caps."""
    kind = dtype_of(heads)
    return tuple(
        bend(
            raw.astype(kind),
            None if head.bias is None else head.bias.astype(kind),
            None if head.softcap is None else head.softcap.astype(kind),
            None if temperature is None else temperature.astype(kind),
        )
        for head, raw in zip(heads, raws, strict=True)
    )


def moving(flags: Operands, x: Operands) -> tuple[tuple[Any, ...], ...]:
    """(biases, softcaps, temperature) of operands or tangents, those whose flags are set."""
    pairs = list(zip(x.heads, flags.heads, strict=True))
    biases = tuple(head.bias for head, flag in pairs if flag.bias)
    return (
        biases,
        tuple(head.softcap for head, flag in pairs if flag.softcap),
        (x.temperature,) * bool(flags.temperature),
    )


def moved(flags: Operands, found: Any) -> tuple[tuple[Any, ...], tuple[Any, ...], Any]:
    """The same again, with ``None`` where nothing moves."""
    biases, softcaps, warmth = map(iter, found)
    return (
        tuple(next(biases) if flag.bias else None for flag in flags.heads),
        tuple(next(softcaps) if flag.softcap else None for flag in flags.heads),
        next(warmth, None),
    )


def needed(flags: Operands) -> tuple[bool, ...]:
    """Of which heads h wᵀ moves."""
    return tuple(bool(flag.states or flag.weights) for flag in flags.heads)


def bent(flags: Operands, operands: Operands, raws: tuple[jax.Array, ...]) -> tuple[Any, Callable[..., Any]]:
    """(x, f): all that moves of what the logits depend on, and f(x) = the logits.

    What does not move is held fixed, so that its derivative is never formed.
    """
    free = tuple(raw for raw, need in zip(raws, needed(flags), strict=True) if need)

    def logits(x: Any) -> Any:
        fields, rest = moved(flags, x[0]), iter(x[1])
        full = tuple(next(rest) if need else raw for raw, need in zip(raws, needed(flags), strict=True))
        heads = tuple(
            dataclasses.replace(
                head,
                bias=head.bias if bias is None else bias,
                softcap=head.softcap if softcap is None else softcap,
            )
            for head, bias, softcap in zip(operands.heads, *fields[:2], strict=True)
        )
        return logits_of(heads, full, operands.temperature if fields[2] is None else fields[2])

    return (moving(flags, operands), free), logits


def apart(x: Any, operands: Operands) -> Any:
    """The same numbers, what devices share made each one's own, so that a gradient is a device's own part as well."""
    mark = _mark(operands)
    return jax.tree.map(lambda one: one + mark.astype(one.dtype), x)


def pulled(flags: Operands, heads: tuple[Head, ...], found: Any) -> tuple[tuple[Head, ...], Any]:
    """The gradients in the heads and in the temperature from those in what ``bent`` calls x."""
    biases, softcaps, warmth = moved(flags, found[0])
    rest = iter(found[1])
    raws: list[Any] = [next(rest) if need else None for need in needed(flags)]
    kind = dtype_of(heads)

    def widened(x: Any) -> Any:
        return None if x is None else x.astype(kind)

    return tuple(
        Head(
            widened(of_states(head, raw, head.weights)) if flag.states else None,
            widened(of_weights(head, raw, head.states)) if flag.weights else None,
            widened(bias),
            widened(softcap),
            head.vocabulary_axis,
        )
        for head, flag, raw, bias, softcap in zip(heads, flags.heads, raws, biases, softcaps, strict=True)
    ), widened(warmth)


def pushed(flags: Operands, operands: Operands, tangents: Operands) -> Any:
    """The tangents of what ``bent`` calls x."""
    triples = zip(operands.heads, flags.heads, tangents.heads, strict=True)
    return moving(flags, tangents), tuple(
        push_raw(*one) for one, need in zip(triples, needed(flags), strict=True) if need
    )


def push_raw(head: Head, flag: Head, tangent: Head) -> jax.Array:
    """The tangent of h wᵀ; tangents of half precision come widened, so that their cotangents are summed in float32."""
    total: Any = 0.0
    if flag.states:
        total = total + project(tangent.states, head.weights.astype(tangent.states.dtype), head.vocabulary_axis)
    if flag.weights:
        total = total + project(head.states.astype(tangent.weights.dtype), tangent.weights, head.vocabulary_axis)
    return total


def of_states(head: Head, in_raw: jax.Array, weights: jax.Array) -> jax.Array:
    """The gradient in the states from that in h wᵀ."""
    in_raw, unit = _narrowed(in_raw, weights.dtype)
    return _times(product(in_raw, weights, (1, head.vocabulary_axis)), unit)


def of_weights(head: Head, in_raw: jax.Array, states: jax.Array) -> jax.Array:
    """The gradient in the weights from that in h wᵀ."""
    in_raw, unit = _narrowed(in_raw, states.dtype)
    pair = (in_raw, states) if head.vocabulary_axis == 0 else (states, in_raw)
    return _times(product(*pair, (0, 0)), unit)


def _narrowed(in_raw: jax.Array, dtype: Any) -> tuple[jax.Array, jax.Array | None]:
    """Slopes in the dtype of what they multiply; those for float16, of few exponents, over the largest of them."""
    if jnp.dtype(dtype) != jnp.float16:
        return in_raw.astype(dtype), None
    largest = lax.stop_gradient(jnp.abs(in_raw).max(initial=0.0))
    unit = jnp.where((largest > 0.0) & jnp.isfinite(largest), largest, 1.0)
    return (in_raw / unit).astype(dtype), unit


def _times(x: jax.Array, unit: jax.Array | None) -> jax.Array:
    return x if unit is None else x * unit
