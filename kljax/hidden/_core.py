"""From a verb's arguments to a plan, and the derivative rules of what the plan computes.

Both rules give the tangent by a map that is linear in the operands' tangents, so that forward and reverse mode,
``vmap`` and higher orders work. With ``reduction`` it is an inner product with gradients that were formed beside the
value; token by token it goes through the chunks again.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_derivatives import SymbolicZero

from kljax import _checks
from kljax._kernels.choose import Formed, choose
from kljax._kernels.sharded import Functional
from kljax._types import Rows
from kljax.hidden import _tokens, _vocabulary
from kljax.hidden._head import Head, Operand, checked, wide
from kljax.hidden._problem import Operands, Plan, dtype_of, moves

Result = jax.Array | tuple[jax.Array, jax.Array | tuple[jax.Array, jax.Array]]
REDUCTIONS = (None, "sum", "mean")
STRATEGIES = (None, "tokens", "vocabulary")


def evaluate(
    functional: Functional,
    heads: dict[str, Operand],
    *,
    given: Any = None,
    labels: Rows | None = None,
    temperature: Rows = 1.0,
    where: Rows | None = None,
    weights: Rows | None = None,
    reduction: str | None = None,
    strategy: str | None = None,
    chunk: int | None = None,
    axis_name: Any = None,
    with_log_partitions: bool = False,
) -> Any:
    """The functional, with the arguments as the caller of a verb gave them."""
    named = {name: checked(name, head) for name, head in heads.items()}
    listed = tuple(named.values())
    lead = _lead(named)
    if labels is not None:
        labels = _labels(labels, lead)
    if isinstance(temperature, (int, float)) and temperature == 1:
        warmth = None
    else:
        _checks.number("temperature", temperature, low=0.0, open_low=True)
        warmth = _checks.scalar("temperature", temperature)
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {REDUCTIONS}; got {reduction!r}.")
    if strategy not in STRATEGIES:
        raise ValueError(f"strategy must be one of {STRATEGIES}; got {strategy!r}.")
    if chunk is not None and (isinstance(chunk, bool) or not hasattr(chunk, "__index__") or int(chunk) < 1):
        raise ValueError(f"chunk must be a positive whole number; got {chunk!r}.")
    _checks.mesh_axis("axis_name", axis_name)
    mask = _checks.mask(where, lead)
    if weights is not None:
        weights = _per_token("weights", weights, lead)
    tokens, vocabulary = math.prod(lead), listed[0].weights.shape[listed[0].vocabulary_axis]
    devices = jax.device_count()
    ways = functools.partial(choose, jax.default_backend(), devices, dtype_of(listed), (max(tokens, 1), vocabulary))
    chosen = ways(Formed(functional.passes, reduction is not None, strategy))
    plan = Plan(
        functional,
        chosen if chunk is None else chosen._replace(length=int(chunk)),
        ways(Formed(functional.passes, reduced=True, strategy="tokens")),
        devices > 1,
        axis_name,
        with_log_partitions,
    )
    value, logs = _run(plan, reduction, given, listed, labels, warmth, mask, weights)
    if not with_log_partitions:
        return value
    return value, logs[0] if len(logs) == 1 else logs


def _lead(named: dict[str, Head]) -> tuple[int, ...]:
    """The tokens' shape, which all heads must share, as they must the number of outcomes."""
    leads = {name: head.states.shape[:-1] for name, head in named.items()}
    sizes = {name: head.weights.shape[head.vocabulary_axis] for name, head in named.items()}
    for what, found in (("tokens (the states' axes but the last)", leads), ("number of outcomes", sizes)):
        if len(set(found.values())) > 1:
            listed = ", ".join(f"{name} has {one}" for name, one in found.items())
            raise ValueError(f"{' and '.join(found)} must have the same {what}; {listed}.")
    return next(iter(leads.values()))


def _labels(labels: Rows, lead: tuple[int, ...]) -> jax.Array:
    array = jnp.asarray(labels)
    if not jnp.issubdtype(array.dtype, jnp.integer):
        raise TypeError(
            f"labels must be an integer array, or head_p a distribution; got {array.dtype} with shape {array.shape}."
        )
    if array.shape != lead:
        raise ValueError(f"labels must have the shape of the tokens, {lead}; got {array.shape}.")
    # They are compared with positions in the vocabulary, which a narrow dtype need not hold.
    return array.astype(jnp.int32) if array.dtype.itemsize < 4 else array


def _per_token(name: str, value: Rows, lead: tuple[int, ...]) -> jax.Array:
    array = _checks.floating(name, value)
    try:
        return jnp.broadcast_to(array, lead)
    except ValueError:
        raise ValueError(f"{name} must broadcast to the shape of the tokens, {lead}; got {array.shape}.") from None


@functools.partial(jax.jit, static_argnums=(0, 1))
def _run(plan, reduction, given, heads, labels, temperature, mask, weights):
    lead, kind = heads[0].states.shape[:-1], dtype_of(heads)
    count = math.prod(lead)
    if mask is not None:
        mask = mask.reshape(count)
    if weights is not None:
        # A weight of 0 leaves a token out that is no distribution; of others the derivative in the weight is wanted.
        idle = (weights.reshape(count) == 0.0) & ~_finite(heads)
        mask = ~idle if mask is None else mask & ~idle
    flat = tuple(_flat(head, mask) for head in heads)
    if labels is not None:
        labels = labels.reshape(count)
    operands = Operands(given, flat, labels, temperature)
    weights = jnp.ones((count,), kind) if weights is None else weights.reshape(count).astype(kind)
    if mask is not None:
        weights = jnp.where(mask, weights, 0.0)
    if count == 0:
        value, logs = jnp.zeros((0,), kind), (jnp.zeros((0,), kind),) * (len(heads) * plan.logs)
        total = jnp.zeros((), kind)
    elif reduction is None:
        (value, logs), _ = per_token(plan, operands)
        value, total = weights * _counted(weights, value), None
    else:
        if reduction == "mean":
            mass = weights.sum()
            weights = jnp.where(mass == 0.0, 0.0, weights / jnp.where(mass == 0.0, 1.0, mass))
        total, logs = reduced(plan, operands, weights)
        value = None
    result = total if value is None or reduction is not None else value.reshape(lead)
    if mask is not None:
        logs = tuple(jnp.where(mask, log, 0.0) for log in logs)
    return result, tuple(log.reshape(lead) for log in logs)


def _finite(heads: tuple[Head, ...]) -> jax.Array:
    """Which tokens have finite states in all heads."""
    each = [jnp.isfinite(head.states).all(-1).reshape(-1) for head in heads]
    return functools.reduce(jnp.logical_and, each)


def _flat(head: Head, mask: jax.Array | None) -> Head:
    """The head with its tokens in one axis; what is masked may hold anything, also NaN."""
    states = head.states.reshape(-1, head.states.shape[-1])
    if mask is not None:
        states = jnp.where(mask[:, None], states, jnp.zeros((), states.dtype))
    return Head(states, head.weights, head.bias, head.softcap, head.vocabulary_axis)


def _flags(tangents: Operands) -> Operands:
    """Which of the operands move."""

    def moving(tangent: Any) -> bool:
        return not isinstance(tangent, SymbolicZero)

    flags = jax.tree.map(moving, tangents._replace(given=None, labels=None))
    return flags._replace(given=any(map(moving, jax.tree.leaves(tangents.given))))


def _suited(plan: Plan, flags: Operands) -> Plan:
    """The plan; the derivative in a generator's order or weight takes whole rows."""
    return plan.by_tokens() if flags.given and plan.way.name == "vocabulary" else plan


def _present(flags: Operands, tangents: Operands) -> Operands:
    """The tangents of what moves, no narrower than float32 so that cotangents are summed so, and ``None``."""

    def kept(flag: Any, tangent: Any) -> Any:
        return tangent.astype(wide(tangent.dtype)) if flag else None

    heads = tuple(
        Head(
            kept(flag.states, head.states),
            kept(flag.weights, head.weights),
            kept(flag.bias, head.bias),
            kept(flag.softcap, head.softcap),
            head.vocabulary_axis,
        )
        for flag, head in zip(flags.heads, tangents.heads, strict=True)
    )
    given = None
    if flags.given:
        given = jax.tree.map(
            lambda x: jnp.zeros(x.shape, x.dtype) if isinstance(x, SymbolicZero) else x, tangents.given
        )
    return Operands(given, heads, None, kept(flags.temperature, tangents.temperature))


def _values(plan: Plan, operands: Operands) -> Any:
    """((values, log-partitions), what the vocabulary strategy's derivative needs)"""
    if plan.way.name == "tokens":
        return _tokens.values(plan, operands), None
    found = _vocabulary.statistics(plan, operands)
    return _vocabulary.values(plan, operands, found), found


per_token = jax.custom_jvp(_values, nondiff_argnums=(0,))


def _per_token_jvp(plan, primals, tangents):
    (operands,), (moved,) = primals, tangents
    out = per_token(plan, operands)
    still = jax.tree.map(jnp.zeros_like, out)
    flags = _flags(moved)
    if not moves(flags):
        return out, still
    plan, moved = _suited(plan, flags), _present(flags, moved)
    if plan.way.name == "tokens":
        tangent = _tokens.push(plan, flags, operands, moved)
    else:
        tangent = _vocabulary.push(plan, flags, operands, out[1], moved)
    return out, ((tangent, still[0][1]), still[1])


per_token.defjvp(_per_token_jvp, symbolic_zeros=True)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def reduced(plan: Plan, operands: Operands, weights: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Σ weight · value, and the log-partitions."""
    (value, logs), _ = _values(plan, operands)
    return _weighted(weights, value), logs


def _counted(weights: jax.Array, value: jax.Array) -> jax.Array:
    """The values, and 0 where one that is infinite or NaN has the weight 0: such a token counts for nothing."""
    return jnp.where((weights == 0.0) & ~jnp.isfinite(value), 0.0, value)


def _weighted(weights: jax.Array, value: jax.Array) -> jax.Array:
    """Σ weight · value."""
    return (weights * _counted(weights, value)).sum()


def _inner(one: jax.Array, other: jax.Array) -> jax.Array:
    kind = max(one.dtype, other.dtype, key=lambda kind: kind.itemsize)
    return (one.astype(kind) * other.astype(kind)).sum()


def _reduced_jvp(plan, primals, tangents):
    # d Σ w D = Σ D dw + ⟨gradient, d operands⟩, with the gradient formed beside the values.
    operands, weights = primals
    moved, d_weights = tangents
    flags = _flags(moved)
    if moves(flags):
        plan = _suited(plan, flags)
        kind = _tokens if plan.way.name == "tokens" else _vocabulary
        (value, *logs), found = kind.gradients(plan, flags, operands, weights)
    else:
        ((value, logs), _), found = per_token(plan, operands), None
    logs = tuple(logs)
    tangent = jnp.zeros((), value.dtype)
    if found is not None:
        present = _present(flags, moved)
        total = sum(jax.tree.leaves(jax.tree.map(_inner, found, present)))
        tangent = tangent + (total if plan.axis_name is None else lax.psum(total, plan.axis_name))
    if not isinstance(d_weights, SymbolicZero):
        tangent = tangent + (_counted(weights, value) * d_weights).sum()
    return (_weighted(weights, value), logs), (tangent, jax.tree.map(jnp.zeros_like, logs))


reduced.defjvp(_reduced_jvp, symbolic_zeros=True)
