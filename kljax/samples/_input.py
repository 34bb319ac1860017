"""Samples as float64 rows, or an error that says what is wrong with them and what to do."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax._types import Rows

NAN = ("raise", "drop")


def rows(name: str, value: Rows, nan: str = "raise") -> tuple[np.ndarray, int]:
    """``value`` as rows [n, d] in float64, and how many were dropped."""
    if nan not in NAN:
        raise ValueError(f'nan must be "raise" or "drop"; got {nan!r}.')
    if isinstance(value, jax.core.Tracer):
        raise TypeError(
            f"{name} is traced by jit, grad or vmap, but estimates from samples run on the host. Call them outside. "
            "Inside, samples.nearest, bounds, energy_distance and mmd run; for gradients use samples.density_ratio or "
            f"energy_distance; to log a value inside grad, pass jax.lax.stop_gradient({name})."
        )
    if value is None or isinstance(value, str):
        raise TypeError(f"{name} must be an array of samples; got {value!r}.")
    try:
        array = np.asarray(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must be an array of samples; got {type(value).__name__} ({error}).") from None
    if array.dtype == object or not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(
            f"{name} must have a floating-point dtype; got {array.dtype} with shape {array.shape}. If the numbers are "
            f"measurements, pass {name}.astype(float); if they are labels of categories, count them: kljax.counts."
        )
    if array.ndim not in (1, 2) or array.shape[-1] == 0:
        raise ValueError(
            f"{name} must have shape [points, columns], or [points] for points on a line; got shape {array.shape}."
        )
    array = array.astype(np.float64)
    array = array[:, None] if array.ndim == 1 else array
    bad = ~np.isfinite(array).all(1)
    if np.isinf(array).any():
        raise ValueError(
            f"{name} has infinite entries, in {int(np.isinf(array).any(1).sum())} of {len(array)} rows: no density has "
            "points there. Drop these rows, or find out where they come from."
        )
    if bad.any() and nan == "raise":
        raise ValueError(
            f'{name} has NaN in {int(bad.sum())} of {len(array)} rows. Impute them, or pass nan="drop" to leave these '
            "rows out, which is right if rows are missing by chance alone."
        )
    return array[~bad], int(bad.sum())


def pair(x: Rows, y: Rows, nan: str, neighbors: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Two samples of the same columns, large enough, none of them constant or a copy of another."""
    if x is y:
        raise ValueError(
            "x and y are the same array, whose divergence from itself is 0. For an estimate's noise, pass its halves."
        )
    (first, lost_x), (second, lost_y) = rows("x", x, nan), rows("y", y, nan)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"x and y must have the same columns; x has {first.shape[1]} and y has {second.shape[1]}. An array of "
            "shape [n] is n points on a line, not one point of n columns."
        )
    for name, one in (("x", first), ("y", second)):
        enough(name, one, neighbors)
    columns(first, second)
    return first, second, (lost_x, lost_y)


def enough(name: str, array: np.ndarray, neighbors: int) -> None:
    """Raises for fewer than 2(k + 1) or d + 2 rows."""
    count, width = array.shape
    least = max(2 * (neighbors + 1), width + 2)
    if count < least:
        raise ValueError(
            f"{name} must have at least {least} rows, 2(k + 1) for the largest k = {neighbors} and d + 2 for {width} "
            f"columns; got {count}. With a smaller k, such as k=(1, 2), 6 would do for a few columns."
        )


def columns(*samples: np.ndarray) -> None:
    """Raises for columns that are constant, or linear functions of others, in all samples together."""
    pooled = np.concatenate(samples)
    spread = np.ptp(pooled, axis=0)
    constant = np.flatnonzero(spread == 0)
    if constant.size:
        raise ValueError(
            f"column {constant[0]} is constant, {pooled[0, constant[0]]:g} in all rows, and says nothing. Drop it."
        )
    if pooled.shape[1] == 1:
        return
    scaled = (pooled - pooled.mean(0)) / spread
    scaled /= np.sqrt(np.square(scaled).mean(0))
    correlation = scaled.T @ scaled / len(scaled)
    close = np.argwhere(np.triu(np.abs(correlation) > 1.0 - 1e-12, 1))
    if close.size:
        one, other = close[0]
        raise ValueError(
            f"columns {one} and {other} are copies of each other up to a linear map, so the rows have no density in "
            f"{pooled.shape[1]} dimensions. Drop one of them."
        )
    if len(pooled) > pooled.shape[1] and np.linalg.eigvalsh(correlation)[0] < 1e-12:
        raise ValueError(
            "one column is a linear function of the others, so the rows have no density in "
            f"{pooled.shape[1]} dimensions. Drop a column, for instance one of a set that adds up to a constant."
        )


def generator(key: Any) -> np.random.Generator:
    """NumPy's generator from a key of ``jax.random``."""
    if key is None:
        raise TypeError(
            "key is missing: surrogate samples are drawn at random. Pass key=jax.random.key(0), for instance."
        )
    if isinstance(key, jax.core.Tracer):
        raise TypeError(
            "key is traced by jit, grad or vmap, but estimates from samples run on the host. Call them outside."
        )
    try:
        words = np.asarray(jax.random.bits(key, (4,), "uint32"))
    except jax.errors.TracerArrayConversionError:
        raise TypeError(
            "key or samples are traced by jit or vmap, but estimates from samples run on the host. Call them outside."
        ) from None
    except (TypeError, ValueError) as error:
        raise TypeError(f"key must be a key of jax.random, such as jax.random.key(0); got {key!r} ({error}).") from None
    return np.random.default_rng([int(one) for one in words])


def neighbor_numbers(k: object) -> tuple[int, ...]:
    """``k`` as a tuple of ascending positive integers."""
    listed = k if isinstance(k, tuple | list) else (k,)
    if not listed or any(isinstance(one, bool) or not isinstance(one, int | np.integer) or one < 1 for one in listed):
        raise ValueError(f"k must be one or several positive integers, such as (2, 4, 8); got {k!r}.")
    return tuple(sorted({int(one) for one in listed}))


def positive(name: str, value: object, least: int = 1) -> None:
    """Raises unless ``value`` is an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}; got {value!r}.")


def option(name: str, value: object, options: tuple[str, ...]) -> None:
    """Raises unless ``value`` is one of ``options``."""
    if value not in options:
        listed = ", ".join(f'"{one}"' for one in options)
        raise ValueError(f"{name} must be one of {listed}; got {value!r}.")
