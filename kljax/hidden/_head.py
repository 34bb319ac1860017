"""What stands for a distribution: hidden states with an output projection, and the logits of a chunk of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from kljax import _checks, _records


@_records.comparable
@dataclasses.dataclass(frozen=True, eq=False)
class Head:
    """The distributions softmax(c tanh((h wᵀ + bias)/c)), c the soft-cap; without one softmax(h wᵀ + bias).

    A plain pair ``(states, weights)`` stands for a head without bias or soft-cap. The record is a pytree, and the
    gradient with respect to it is one of the same form.

    Attributes:
        states: h, hidden states of shape [..., d].
        weights: w, the output projection, of shape [V, d]; [d, V] with ``vocabulary_axis=1``.
        bias: Added to the logits, of shape [V]; -inf excludes an outcome, whatever the soft-cap.
        softcap: The bound c > 0 of the logits' size, or ``None``.
        vocabulary_axis: Which axis of ``weights`` is that of the outcomes: 0, or 1 for a dense layer's kernel.
    """

    states: Any
    weights: Any
    bias: Any = None
    softcap: Any = None
    vocabulary_axis: int = 0


jax.tree_util.register_dataclass(
    Head, data_fields=["states", "weights", "bias", "softcap"], meta_fields=["vocabulary_axis"]
)
_records.exported(Head)

Operand = Head | Sequence[ArrayLike]


def checked(name: str, value: Operand) -> Head:
    """``value`` as a head whose states and weights have one dtype."""
    if isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2:
        value = Head(value[0], value[1])
    if not isinstance(value, Head):
        raise TypeError(f"{name} must be a pair (states, weights) or a hidden.Head; got {type(value).__name__}.")
    axis = value.vocabulary_axis
    if axis not in (0, 1) or isinstance(axis, bool):
        raise ValueError(f"{name}.vocabulary_axis must be 0 or 1; got {axis!r}.")
    states = _checks.floating(f"{name}.states", value.states, keep_half=True)
    weights = _checks.floating(f"{name}.weights", value.weights, keep_half=True)
    shapes = f"states {states.shape} and weights {weights.shape}"
    if weights.ndim != 2 or states.ndim == 0:
        raise ValueError(f"{name} must hold states of shape [..., d] and weights of shape [V, d]; got {shapes}.")
    if states.shape[-1] != weights.shape[1 - axis]:
        raise ValueError(
            f"The widths of {name}.states and {name}.weights must agree; got {shapes}, whose widths are "
            f"{states.shape[-1]} and {weights.shape[1 - axis]} (weights are [V, d]; say vocabulary_axis=1 for [d, V])."
        )
    if 0 in weights.shape:
        raise ValueError(f"{name}.weights must have at least one outcome and one entry; got shape {weights.shape}.")
    kinds = {states.dtype, weights.dtype}
    dtype = states.dtype if len(kinds) == 1 else max(map(wide, kinds), key=lambda kind: kind.itemsize)
    bias, softcap = value.bias, value.softcap
    if bias is not None:
        bias = _checks.floating(f"{name}.bias", bias).astype(wide(dtype))
        if bias.shape != weights.shape[axis : axis + 1]:
            raise ValueError(
                f"{name}.bias must have shape ({weights.shape[axis]},), one for each outcome; got {bias.shape}."
            )
    if softcap is not None:
        _checks.number(f"{name}.softcap", softcap, low=0.0, open_low=True)
        softcap = _checks.scalar(f"{name}.softcap", softcap).astype(wide(dtype))
    return Head(states.astype(dtype), weights.astype(dtype), bias, softcap, axis)


def wide(dtype: Any) -> Any:
    """The dtype of sums and logits: half precision is computed in float32."""
    return jnp.dtype(jnp.float32) if jnp.dtype(dtype).itemsize < 4 else jnp.dtype(dtype)


def product(x: jax.Array, y: jax.Array, contract: tuple[int, int]) -> jax.Array:
    """The matrix product over ``contract``, summed in float32 or float64; float32 is not rounded to less."""
    exact = x.dtype.itemsize >= 4 and jax.config.jax_default_matmul_precision is None  # type: ignore[attr-defined]
    dimensions = (((contract[0],), (contract[1],)), ((), ()))
    precision = lax.Precision.HIGHEST if exact else None
    return lax.dot_general(x, y, dimensions, precision=precision, preferred_element_type=wide(x.dtype))


def project(states: jax.Array, weights: jax.Array, axis: int) -> jax.Array:
    """h wᵀ, of shape [T, V]."""
    return product(states, weights, (1, 1 - axis))


def bend(raw: jax.Array, bias: jax.Array | None, softcap: jax.Array | None, temperature: jax.Array | None) -> jax.Array:
    """The logits from h wᵀ, over the temperature."""
    if bias is None:
        return _bend(raw, softcap, temperature)
    logits = raw + bias[None, :]
    excluded = logits == -jnp.inf
    return jnp.where(excluded, -jnp.inf, _bend(jnp.where(excluded, 0.0, logits), softcap, temperature))


def _bend(logits: jax.Array, softcap: jax.Array | None, temperature: jax.Array | None) -> jax.Array:
    if softcap is not None:
        logits = softcap * jnp.tanh(logits / softcap)
    return logits if temperature is None else logits / temperature
