"""The one choice of a way, as a table."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import pytest

from kljax._kernels.choose import Formed, Way, choose

F16, BF16, F32, F64 = jnp.float16, jnp.bfloat16, jnp.float32, jnp.float64
EVERY = Way("in range")  # all rows at once

# platform, devices, dtype, shape; the way
HELD: list[tuple[str, int, Any, tuple[int, ...], Way]] = [
    ("cpu", 1, F32, (256, 32768), Way("in range", 4)),
    ("cpu", 1, F32, (16384, 100), Way("in range", 1024)),  # a divisor of 16384, of the 1310 that fit
    ("cpu", 1, F32, (8192, 100), EVERY),
    ("cpu", 1, BF16, (64, 131072), Way("in range", 2)),
    ("cpu", 1, F64, (2, 1 << 18), Way("in range", 2)),  # just long enough
    ("cpu", 1, F32, (2, 1 << 18), EVERY),
    ("cpu", 1, F32, (32, 32), EVERY),
    ("cpu", 1, F64, (1024,), EVERY),
    ("cpu", 1, F32, (32, 10), Way("passes")),  # a small program
    ("cpu", 1, F32, (0, 10), Way("passes")),
    ("cpu", 1, F32, (), Way("passes")),
    ("cpu", 8, F32, (256, 32768), Way("passes")),  # a loop would gather a sharded operand
    ("tpu", 4, BF16, (64, 131072), Way("passes")),
    ("tpu", 1, BF16, (4096, 131072), Way("passes")),
    ("cuda", 1, F32, (4096, 131072), Way("streaming")),
    ("cuda", 8, BF16, (8, 151936), Way("streaming")),
    ("cuda", 1, F64, (1024,), Way("streaming")),
    ("rocm", 1, F16, (2, 3, 50257), Way("streaming")),
    ("cuda", 1, F32, (4096, 1023), Way("passes")),
    ("cuda", 1, jnp.float8_e4m3fn, (8, 4096), Way("passes")),
    ("cuda", 1, F32, (), Way("passes")),
]

# platform, (tokens, outcomes), (passes, reduced, strategy); the way
FORMED: list[tuple[str, tuple[int, int], tuple[int, bool, str | None], Way]] = [
    ("cpu", (16, 1000), (1, True, None), Way("tokens")),  # all at once
    ("cpu", (16, 1000), (1, True, "vocabulary"), Way("vocabulary", 1000)),
    ("cpu", (2048, 32768), (1, True, None), Way("tokens", 256)),
    ("cpu", (2048, 32768), (1, False, None), Way("vocabulary", 1024)),
    ("cpu", (2048, 32768), (2, False, None), Way("tokens", 256)),
    ("cpu", (2048, 32768), (1, False, "tokens"), Way("tokens", 256)),
    ("cpu", (1024, 50257), (1, False, None), Way("vocabulary", 1733)),  # 29 chunks without a tail
    ("gpu", (8192, 131072), (1, True, None), Way("tokens", 1024)),
    ("gpu", (8192, 131072), (1, False, None), Way("vocabulary", 4096)),
]


@pytest.mark.parametrize(("platform", "devices", "dtype", "shape", "expected"), HELD)
def test_the_way_of_rows_in_memory(
    platform: str, devices: int, dtype: Any, shape: tuple[int, ...], expected: Way
) -> None:
    assert choose(platform, devices, dtype, shape) == expected


@pytest.mark.parametrize(("platform", "shape", "formed", "expected"), FORMED)
def test_the_way_of_rows_to_be_formed(platform: str, shape: tuple[int, int], formed: Any, expected: Way) -> None:
    assert choose(platform, 1, F32, shape, Formed(*formed)) == expected
