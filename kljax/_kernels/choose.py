"""The one choice of a way: how the statistics of rows are formed, by platform, devices, dtype and shape.

| rows | where | way | at a time |
|---|---|---|---|
| held in memory | GPU, from 1024 outcomes on | streaming: one reduction | all |
| | one CPU, from 1 Ki numbers on | in range: exponentials as they are, or passes | 512 KiB if 4 MiB or more, else all |
| | else | passes | all |
| formed from hidden states | up to 4 Mi logits | tokens | all |
| | tokens' weights known, or two passes | tokens: whole rows | 8 Mi logits on a CPU, else 128 Mi from 1024 tokens on |
| | else | vocabulary: pieces of all rows | 2 Mi logits on a CPU, else 32 Mi from 2048 on |

Rows of probabilities are taken as ordinary ones where logits are taken in range, else the general way, all at once.

Of few logits the passes cost some microseconds more, and the program without the other way is half as large.
XLA's CPU backend writes every intermediate array of a row functional to memory; in blocks of rows that stay in the
cache this costs a third. A loop over rows would make XLA gather a sharded operand, so with several devices, and on
accelerators, whose compiler fuses the passes, the rows are taken whole. Chunks of tokens are faster where the gradients
can be formed beside the values, or where a value needs two passes; chunks of the vocabulary need least memory. A
product of matrices must be large enough to be fast.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

GPUS = ("cuda", "rocm")  # the names that XLA gives to its GPU backends when it lowers
STREAMED = ("float16", "bfloat16", "float32", "float64")
OUTCOMES = 1024  # shorter rows stay in a GPU's cache over several passes
BLOCK_BYTES = 1 << 19  # in float32 of one operand; two of them with their intermediates then stay in the cache
LEAST_IN_RANGE = 1 << 10  # logits of one operand
LONG_BYTES = 1 << 22  # of one operand, from where on a loop over blocks of rows pays
SMALL = 1 << 22  # logits that are formed at once


class Way(NamedTuple):
    """A way, and how many rows, tokens or outcomes it takes at a time; ``None`` for all."""

    name: str
    length: int | None = None


class Formed(NamedTuple):
    """Of rows that are formed from hidden states: what else the choice depends on."""

    passes: int  # how often the logits are formed for a value
    reduced: bool  # whether the tokens' weights are known, so that gradients can be formed beside the values
    strategy: str | None = None  # what the caller asks for


def choose(platform: str, devices: int, dtype: Any, shape: tuple[int, ...], formed: Formed | None = None) -> Way:
    """The way for operands of this dtype and shape, [..., outcomes]; for rows to be formed [tokens, outcomes]."""
    if formed is not None:
        return _of_formed(platform, shape, formed)
    if platform in GPUS and jnp.dtype(dtype).name in STREAMED and known(*shape) and shape and shape[-1] >= OUTCOMES:
        return Way("streaming")
    few = known(*shape) and math.prod(shape) < LEAST_IN_RANGE
    if platform != "cpu" or devices > 1 or few:
        return Way("passes")
    long = known(*shape) and math.prod(shape) * jnp.dtype(dtype).itemsize >= LONG_BYTES
    return Way("in range", height(shape, BLOCK_BYTES) if long else None)


def _of_formed(platform: str, shape: tuple[int, ...], formed: Formed) -> Way:
    (tokens, vocabulary), strategy, cpu = shape, formed.strategy, platform == "cpu"
    if not known(tokens, vocabulary):
        # Chunks along an axis whose length is a number, of a size that serves most; else all at once.
        if strategy is None:
            strategy = "vocabulary" if known(vocabulary) else "tokens"
        size = vocabulary if strategy == "vocabulary" else tokens
        return Way(strategy, even(size, 2048 if strategy == "vocabulary" else 64) if known(size) else None)
    if strategy is None:
        if tokens * vocabulary <= SMALL:
            return Way("tokens")
        strategy = "tokens" if formed.reduced or formed.passes > 1 else "vocabulary"
    if strategy == "tokens":
        return Way(
            strategy, even(tokens, max(16, (1 << 23) // vocabulary) if cpu else max(1024, (1 << 27) // vocabulary))
        )
    return Way(strategy, even(vocabulary, max(256, (1 << 21) // tokens) if cpu else max(2048, (1 << 25) // tokens)))


def way(a: jax.Array) -> Way:
    """The way for rows like ``a`` on the default backend."""
    return choose(jax.default_backend(), jax.device_count(), a.dtype, a.shape)


def by_platform(streamed: Callable[..., Any], other: Callable[..., Any], a: jax.Array, *operands: Any) -> Any:
    """``streamed(a, *operands)`` where rows like ``a`` are streamed, else ``other``; decided when XLA lowers."""
    chosen = {name: streamed for name in GPUS if choose(name, 1, a.dtype, a.shape).name == "streaming"}
    if not chosen:
        return other(a, *operands)
    return lax.platform_dependent(a, *operands, default=other, **chosen)


def height(shape: tuple[int, ...], block_bytes: int) -> int:
    """How many rows of this shape make a block of so many bytes in float32; of one row XLA's loop would copy all."""
    # What is left over would be split off by copying all rows.
    return even(math.prod(shape[:-1]), max(2, block_bytes // (4 * shape[-1])))


def even(size: int, length: int) -> int:
    """The largest length not much shorter that divides the size, if there is one."""
    length = max(1, min(size, length))
    return next((one for one in range(length, length // 2, -1) if size % one == 0), length)


def known(*sizes: Any) -> bool:
    """Whether sizes are numbers, rather than the symbols of ``jax.export``, which can't be compared."""
    return all(isinstance(size, int) for size in sizes)
