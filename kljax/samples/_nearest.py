"""The nearest points to each query: the public call, and what the estimators use on the host."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from scipy.spatial import cKDTree

from kljax import _checks
from kljax._names import advised
from kljax._types import Norm
from kljax.samples._progress import progress_bar
from kljax.samples._search import search

NORMS = ("euclidean", "max")
TREE_DIMENSIONS = 6  # up to here a k-d tree is faster on a CPU
TREE_PAIRS = 400_000  # below this many pairs it costs less than compiling
CHUNK = 4096


@advised
def nearest(
    queries: ArrayLike,
    points: ArrayLike,
    k: int,
    *,
    exclude_self: bool | ArrayLike = False,
    norm: Norm = "euclidean",
    block: tuple[int, int] = (256, 4096),
    progress: bool = False,
) -> tuple[jax.Array, jax.Array]:
    """(distances, indices) of the k points nearest to each query: argmin_j ‖queryᵢ - pointⱼ‖, exactly.

    On a CPU and up to six dimensions, called eagerly, this is scipy's k-d tree. Elsewhere, and under ``jit``, it is a
    blocked search of two stages: groups of points by a matrix product, then differences of coordinates within the
    groups that can hold a neighbour. Memory is that of one block: about ``block[0]`` × n/16 numbers. Under ``jit`` with
    sharded queries each device searches for its own.

    Args:
        queries: Where to search from, [Q, d], or [Q] for points on a line, of a floating dtype.
        points: What is searched, [n, d] or [n].
        k: How many neighbours.
        exclude_self: True if query i is point i, which is then left out by its index, so that duplicates of it still
            count; or an integer array [Q] with the index of each query among the points, -1 for none.
        norm: "euclidean" or "max", the largest difference of a coordinate.
        block: Queries and points that are compared at a time.
        progress: Show a progress bar of the search, if tqdm is installed; not under ``jit``.

    Returns:
        Distances [Q, k], ascending, of the operands' dtype, and indices [Q, k] into ``points``, int32. Of points at
        the same distance the one with the lower index comes first, but which of those tied for the last place are
        returned is not specified. Neither carries a gradient: to differentiate, take
        ``jnp.linalg.norm(queries[:, None] - points[indices], axis=-1)``.

    Raises:
        ValueError: If k exceeds the number of points, or an operand that is known has NaN or infinite entries.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import samples
        >>> points = jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
        >>> distances, indices = samples.nearest(points, points, 1, exclude_self=True)
        >>> print(*distances[:, 0], "from", *indices[:, 0])
        1.0 1.0 3.0 from 1 0 0

    References:
        Johnson, Douze & Jégou (2021), "Billion-scale similarity search with GPUs" (blocked exact search).
    """
    _checks_of_options(k, norm, block)
    queries, points = (_as_rows(name, one) for name, one in (("queries", queries), ("points", points)))
    dtype = jnp.promote_types(queries.dtype, points.dtype)
    queries, points = queries.astype(dtype), points.astype(dtype)
    if queries.shape[1] != points.shape[1]:
        raise ValueError(
            f"queries and points must have the same number of columns; got {queries.shape[1]} and {points.shape[1]}."
        )
    total, count = queries.shape[0], points.shape[0]
    own = _own(exclude_self, total, count)
    left_out = not (isinstance(exclude_self, bool) and not exclude_self)
    if k > count - left_out:
        without = " without the query itself" if left_out else ""
        raise ValueError(f"k must be at most {count - left_out}, the number of points{without}; got k={k}.")
    known = not any(isinstance(x, jax.core.Tracer) for x in (queries, points, own))
    queries, points = jax.lax.stop_gradient((queries, points))
    if known and len(queries.sharding.device_set | points.sharding.device_set) == 1:
        for name, one in (("queries", queries), ("points", points)):
            if not bool(jnp.isfinite(one).all()):
                raise ValueError(f"{name} must be finite; it has NaN or infinite entries. Drop or impute those rows.")
        found = on_host(np.asarray(queries), np.asarray(points), k, np.asarray(own), norm, block, progress)
        return jnp.asarray(found[0], dtype), jnp.asarray(found[1], jnp.int32)
    # Of few digits, lest every fused loop form it anew with others in its last place: duplicates stay duplicates.
    centre = jax.lax.reduce_precision(points.mean(0, keepdims=True), jnp.finfo(dtype).nexp, 12)
    return search(queries - centre, points - centre, own, k, norm, tuple(block))


def on_host(
    queries: np.ndarray,
    points: np.ndarray,
    k: int,
    own: np.ndarray | None = None,
    norm: Norm = "euclidean",
    block: tuple[int, int] = (256, 4096),
    progress: bool = False,
    label: str = "neighbours",
) -> tuple[np.ndarray, np.ndarray]:
    """Distances and indices as NumPy arrays, by the faster of a tree and the blocked search.

    The blocked search is called for some thousand queries at a time, and shapes are rounded up, so that few programs
    are compiled and a bar can move.
    """
    (total, width), count = queries.shape, points.shape[0]
    own = np.full(total, -1) if own is None else own
    if total * count <= TREE_PAIRS or (width <= TREE_DIMENSIONS and jax.default_backend() == "cpu"):
        return _by_tree(queries, points, k, own, norm, progress, label)
    dtype = (
        np.promote_types(queries.dtype, np.float32) if jnp.asarray(0.0).dtype == jnp.float64 else np.dtype(np.float32)
    )
    centre = points.mean(0)
    padded = np.full((_rounded_up(count), width), np.inf, dtype)
    padded[:count] = points - centre
    on_device = jnp.asarray(padded)
    chunk = min(CHUNK, _rounded_up(total))
    distances, indices = np.empty((total, k), dtype), np.empty((total, k), np.int32)
    with progress_bar(total, label, progress) as bar:
        for first in range(0, total, chunk):
            last = min(first + chunk, total)
            part = np.zeros((chunk, width), dtype)
            part[: last - first] = queries[first:last] - centre
            mine = np.full(chunk, -1, np.int32)
            mine[: last - first] = own[first:last]
            found = search(jnp.asarray(part), on_device, jnp.asarray(mine), k, norm, tuple(block))
            distances[first:last], indices[first:last] = (np.asarray(x)[: last - first] for x in found)
            bar.update(last - first)
    return distances, indices


def _by_tree(
    queries: np.ndarray, points: np.ndarray, k: int, own: np.ndarray, norm: str, progress: bool, label: str
) -> tuple[np.ndarray, np.ndarray]:
    tree = cKDTree(points)
    total, count = len(queries), len(points)
    more = min(k + 1, count) if (own >= 0).any() else k
    order = np.inf if norm == "max" else 2.0
    found: list[tuple[np.ndarray, np.ndarray]] = []
    with progress_bar(total, label, progress) as bar:
        for first in range(0, total, 65_536):
            part = queries[first : first + 65_536]
            found.append(tree.query(part, np.arange(1, more + 1), p=order))
            bar.update(len(part))
    distances = np.concatenate([one for one, _ in found]) if found else np.empty((0, more))
    indices = np.concatenate([one for _, one in found]) if found else np.empty((0, more), int)
    if more > k:
        # A query that ties with others may be missing from its own neighbours: then the last of them goes.
        self_ = indices == own[:, None]
        drop = np.where(self_.any(1), self_.argmax(1), k)
        kept = np.arange(more)[None] != drop[:, None]
        distances, indices = (x[kept].reshape(total, k) for x in (distances, indices))
    order_ = np.lexsort((indices, distances), axis=1)
    return np.take_along_axis(distances, order_, 1), np.take_along_axis(indices, order_, 1).astype(np.int32)


def _rounded_up(count: int) -> int:
    """``count``, or at most an eighth more: few distinct sizes for the compiler."""
    step = max(2 ** (max(count - 1, 1).bit_length() - 4), 16)
    return -(-count // step) * step


def _as_rows(name: str, value: Any) -> jax.Array:
    array = _checks.floating(name, value)
    if array.ndim not in (1, 2) or 0 in array.shape:
        raise ValueError(f"{name} must have shape [points, columns], or [points] on a line; got shape {array.shape}.")
    return array[:, None] if array.ndim == 1 else array


def _own(exclude_self: bool | ArrayLike, total: int, count: int) -> jax.Array:
    if isinstance(exclude_self, bool):
        if exclude_self and total > count:
            raise ValueError(
                f"exclude_self=True means that query i is point i, but there are {total} queries and {count} points; "
                "pass the index of each query among the points instead."
            )
        return jnp.arange(total, dtype=jnp.int32) if exclude_self else jnp.full(total, -1, jnp.int32)
    own = jnp.asarray(exclude_self)
    if own.shape != (total,) or not jnp.issubdtype(own.dtype, jnp.integer):
        raise ValueError(
            f"exclude_self must be True, False or {total} integers, one for each query; "
            f"got {own.dtype} with shape {own.shape}."
        )
    return own.astype(jnp.int32)


def _checks_of_options(k: int, norm: str, block: tuple[int, int]) -> None:
    if isinstance(k, bool) or not isinstance(k, int):
        raise TypeError(f"k must be an integer; got {k!r}.")
    if k < 1:
        raise ValueError(f"k must be at least 1; got {k}.")
    if norm not in NORMS:
        raise ValueError(f"norm must be one of {', '.join(NORMS)}; got {norm!r}.")
    if len(block) != 2 or min(block) < 1:
        raise ValueError(f"block must be two positive integers, queries and points; got {block!r}.")
