"""Base draws. Outside ``jit`` NumPy makes them, since compiling ``jax.random`` would take longer than many a fit."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Source = Any  # a key of jax.random, or NumPy's SeedSequence outside ``jit``


def split(key: jax.Array, count: int, *, traced: bool = False) -> list[Source]:
    """Independent sources of draws; NumPy's unless they are to be part of a traced function."""
    if traced or isinstance(key, jax.core.Tracer):
        return list(jax.random.split(key, count))
    data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    return list(np.random.SeedSequence(np.asarray(data).tolist()).spawn(count))


def child(source: Source, index: Any) -> Source:
    """The source of the chunk with this number."""
    if isinstance(source, np.random.SeedSequence):
        return np.random.SeedSequence(source.entropy, spawn_key=(*source.spawn_key, int(index)))
    return jax.random.fold_in(source, index)


def as_key(source: Source) -> jax.Array:
    """A key of ``jax.random`` made from the source."""
    if isinstance(source, np.random.SeedSequence):
        return jax.random.key(int(source.generate_state(1)[0]))
    return source


def normal(source: Source, shape: tuple[int, ...], dtype: Any) -> jax.Array | np.ndarray:
    """Standard normal draws. Those of a traced key differ from those of the same key outside ``jit``."""
    if isinstance(source, np.random.SeedSequence):
        return np.random.default_rng(source).standard_normal(shape, np.dtype(dtype).type)
    if isinstance(source, jax.core.Tracer):
        return jax.random.normal(source, shape, dtype)
    return normal(split(source, 1)[0], shape, dtype)


def uniform(source: Source, shape: tuple[int, ...], dtype: Any) -> jax.Array | np.ndarray:
    """Uniform draws from [0, 1)."""
    if isinstance(source, np.random.SeedSequence):
        return np.random.default_rng(source).random(shape, np.dtype(dtype).type)
    return jax.random.uniform(source, shape, dtype)


def bank(source: Source, shape: tuple[int, int, int, int], dtype: Any) -> jax.Array | np.ndarray:
    """Draws [chunks, starts, draws, d], an even number of them in mirrored pairs.

    Where there are enough, those of each chunk and start have exactly unit covariance, so that the moments of a
    Gaussian target are exact.
    """
    *lead, draws, dim = shape
    half: Any = normal(source, (*lead, draws // 2, dim), dtype)
    xp: Any = np if isinstance(half, np.ndarray) else jnp
    if draws >= 4 * dim:
        second = xp.swapaxes(half, -1, -2) @ half / xp.asarray(draws // 2, half.dtype)
        half = xp.swapaxes(xp.linalg.solve(xp.linalg.cholesky(second), xp.swapaxes(half, -1, -2)), -1, -2)
    return xp.concatenate([half, -half], axis=-2)
