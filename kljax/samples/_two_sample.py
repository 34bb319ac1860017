"""Energy distance and maximum mean discrepancy: unbiased, with a standard error and a permutation p-value.

With a kernel k (k = -‖x - y‖ for the energy distance),

    MMD² = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) - 2 mean k(x_i, y_j).

To first order its error is the mean over x of 2(E k(x, x') - E k(x, y)) and likewise over y; where p = q these vanish
and the next term, of order 1/n, is the variance of the doubly centred kernel. Both are in the standard error. The
p-value is that of relabelling the pooled rows: W'KW for a matrix W of labels is one matrix product a block of rows.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kljax import _checks
from kljax._names import advised
from kljax._types import Kernel, Rows
from kljax.samples._nearest import _as_rows

KERNELS = ("energy", "gaussian", "imq")
ENTRIES = 2**21  # of differences of coordinates at a time
MEDIAN_ROWS = 500


class Discrepancy(NamedTuple):
    """A distance between samples that is no divergence in nats.

    Attributes:
        value: An unbiased estimate, which may be negative where p and q are close.
        stderr: Its standard error; it carries no gradient.
        ess: The number of rows that the smaller sample would have if both were as informative: 2nm/(n + m).
        p_value: The share of relabellings of the pooled rows with at least this value, (1 + #)/(1 + permutations); NaN
            without permutations.
    """

    value: jax.Array
    stderr: jax.Array
    ess: jax.Array
    p_value: jax.Array


@advised
def energy_distance(x: Rows, y: Rows, *, permutations: int = 0, key: Rows | None = None) -> Discrepancy:
    """2 E‖X - Y‖ - E‖X - X'‖ - E‖Y - Y'‖, zero only for p = q; from all pairs, unbiased.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        permutations: How many relabellings the p-value is made of; 0 for none.
        key: A key of ``jax.random``. It is required for permutations.

    Returns:
        A ``Discrepancy`` in the units of the samples. Its value is differentiable in x and y, and all of it runs under
        jit and vmap. Time grows with (n + m)² d, memory doesn't.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import samples
        >>> print(samples.energy_distance(jnp.array([0.0, 2.0]), jnp.array([5.0, 7.0])).value)
        6.0

    References:
        Székely & Rizzo (2013), "Energy statistics: a class of statistics based on distances".
    """
    return _discrepancy(x, y, "energy", "median", permutations, key)


@advised
def mmd(
    x: Rows,
    y: Rows,
    *,
    kernel: Kernel = "gaussian",
    bandwidth: float | str | Rows = "median",
    permutations: int = 0,
    key: Rows | None = None,
) -> Discrepancy:
    """MMD² = E k(X, X') + E k(Y, Y') - 2 E k(X, Y), the squared maximum mean discrepancy; from all pairs, unbiased.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        kernel: "gaussian", exp(-r²/2h²); "imq", (1 + r²/h²)^(-1/2), with heavier tails; or "energy", -r, which makes
            this the energy distance.
        bandwidth: h, or "median" for the median distance among some hundred pooled rows, which carries no gradient.
        permutations: How many relabellings the p-value is made of; 0 for none.
        key: A key of ``jax.random``. It is required for permutations.

    Returns:
        A ``Discrepancy``. Its value is differentiable in x and y, and all of it runs under jit and vmap. Time grows
        with (n + m)² d, memory doesn't.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 100, 3))
        >>> found = samples.mmd(x, y + 1.0, permutations=99, key=jax.random.key(1))
        >>> print(f"{found.p_value:.2f}")
        0.01

    References:
        Gretton et al. (2012), "A kernel two-sample test". Garreau, Jitkrittum & Kanagawa (2017) on the median
        heuristic.
    """
    return _discrepancy(x, y, kernel, bandwidth, permutations, key)


def _discrepancy(
    x: Rows,
    y: Rows,
    kernel: str,
    bandwidth: float | str | Rows,
    permutations: int,
    key: Rows | None,
) -> Discrepancy:
    first, second = _as_rows("x", x), _as_rows("y", y)
    if first.shape[1] != second.shape[1]:
        raise ValueError(
            f"x and y must have the same columns; x has {first.shape[1]} and y has {second.shape[1]}. An array of "
            "shape [n] is n points on a line, not one point of n columns."
        )
    for name, one in (("x", first), ("y", second)):
        if len(one) < 2:
            raise ValueError(f"{name} must have at least two rows; got {len(one)}.")
    if kernel not in KERNELS:
        raise ValueError(f"kernel must be one of {', '.join(KERNELS)}; got {kernel!r}.")
    if isinstance(permutations, bool) or not isinstance(permutations, int) or permutations < 0:
        raise ValueError(f"permutations must be a non-negative integer; got {permutations!r}.")
    if permutations and key is None:
        raise ValueError("key is missing: relabellings are drawn at random. Pass key=jax.random.key(0), for instance.")
    dtype = jnp.promote_types(first.dtype, second.dtype)
    first, second = first.astype(dtype), second.astype(dtype)
    if isinstance(bandwidth, str):
        if bandwidth != "median":
            raise ValueError(f'bandwidth must be a positive number or "median"; got {bandwidth!r}.')
        width = jnp.ones((), dtype) if kernel == "energy" else _median_distance(first, second)
    else:
        _checks.number("bandwidth", bandwidth, low=0.0, open_low=True)
        width = jnp.asarray(bandwidth, dtype)
    return _evaluate(first, second, width, key if permutations else None, kernel, permutations)


def _median_distance(x: jax.Array, y: jax.Array) -> jax.Array:
    some = [one[np.linspace(0, len(one) - 1, min(len(one), MEDIAN_ROWS)).astype(int)] for one in (x, y)]
    pooled = lax.stop_gradient(jnp.concatenate(some))
    above = np.triu_indices(len(pooled), 1)
    distances = jnp.sqrt(_squares(pooled, pooled))[above]
    middle = jnp.median(distances)
    return jnp.where(middle > 0, middle, jnp.where(distances.max() > 0, distances.max(), 1.0))


def _squares(block: jax.Array, rows: jax.Array) -> jax.Array:
    return jnp.square(block[:, None] - rows[None]).sum(-1)


def _of_squares(squares: jax.Array, width: jax.Array, kernel: str) -> jax.Array:
    if kernel == "gaussian":
        return jnp.exp(-0.5 * squares / jnp.square(width))
    if kernel == "imq":
        return lax.rsqrt(1.0 + squares / jnp.square(width))
    apart = squares > 0
    return -jnp.where(apart, jnp.sqrt(jnp.where(apart, squares, 1.0)), 0.0)


def _over_rows(
    f: Callable[[jax.Array], tuple[jax.Array, ...]], left: jax.Array, right: jax.Array
) -> tuple[jax.Array, ...]:
    """f of blocks of ``left`` rows against all of ``right``, recomputed for gradients, so that memory is a block's."""
    rows = max(1, min(len(left), ENTRIES // max(right.size, 1)))
    blocks = -(-len(left) // rows)
    padded = jnp.pad(left, ((0, blocks * rows - len(left)), (0, 0)), mode="edge")
    out = lax.map(jax.checkpoint(f), padded.reshape(blocks, rows, left.shape[1]))
    return tuple(one.reshape(blocks * rows, *one.shape[2:])[: len(left)] for one in out)


@functools.partial(jax.jit, static_argnames=("kernel", "permutations"))
def _evaluate(
    x: jax.Array, y: jax.Array, width: jax.Array, key: jax.Array | None, kernel: str, permutations: int
) -> Discrepancy:
    n, m = len(x), len(y)
    own = 0.0 if kernel == "energy" else 1.0

    def means(left: jax.Array, right: jax.Array, same: bool) -> tuple[jax.Array, jax.Array]:
        """Of each left row the mean of the kernel over right, and that of its square."""
        count = len(right) - same

        def block(one: jax.Array) -> tuple[jax.Array, jax.Array]:
            values = _of_squares(_squares(one, right), width, kernel)
            return (values.sum(1) - own * same) / count, (jnp.square(values).sum(1) - own * same) / count

        first, second = _over_rows(block, left, right)
        return first, second

    (xx, xx2), (yy, yy2), (xy, xy2) = means(x, x, True), means(y, y, True), means(x, y, False)
    yx, _ = means(y, x, False)
    value = xx.mean() + yy.mean() - 2.0 * xy.mean()
    first = 4.0 * (jnp.var(xx - xy, ddof=1) / n + jnp.var(yy - yx, ddof=1) / m)

    def centred(rows: jax.Array, columns: jax.Array, squares: jax.Array) -> jax.Array:
        """Variance of the doubly centred kernel."""
        return jnp.maximum(squares.mean() - jnp.var(rows) - jnp.var(columns) - jnp.square(rows.mean()), 0.0)

    second = 2.0 * centred(xx, xx, xx2) / (n * (n - 1)) + 2.0 * centred(yy, yy, yy2) / (m * (m - 1))
    second += 4.0 * centred(xy, yx, xy2) / (n * m)
    # The noise of the means makes the first twice the second where both should vanish.
    stderr = jnp.sqrt(jnp.maximum(first - 2.0 * second, 0.0) + second)
    p_value = jnp.full((), jnp.nan, x.dtype)
    if permutations and key is not None:
        p_value = _p_value(lax.stop_gradient((x, y, width)), key, kernel, permutations)
    ess = jnp.asarray(2.0 * n * m / (n + m), x.dtype)
    return Discrepancy(value, *lax.stop_gradient((stderr, ess, p_value)))


def _p_value(
    operands: tuple[jax.Array, jax.Array, jax.Array], key: jax.Array, kernel: str, permutations: int
) -> jax.Array:
    x, y, width = operands
    n, m = len(x), len(y)
    pooled = jnp.concatenate([x, y])
    first = jnp.arange(n + m) < n
    labels = jax.vmap(lambda one: jax.random.permutation(one, first))(jax.random.split(key, permutations))
    labels = jnp.concatenate([first[None], labels]).astype(x.dtype).T  # [n + m, 1 + permutations]

    def block(one: jax.Array) -> tuple[jax.Array, jax.Array]:
        values = _of_squares(_squares(one, pooled), width, kernel)
        return jnp.matmul(values, labels, precision=lax.Precision.HIGHEST), values.sum(1)

    in_x, everywhere = _over_rows(block, pooled, pooled)
    own = 0.0 if kernel == "energy" else 1.0
    xx = (labels * in_x).sum(0)
    to_all = (labels * everywhere[:, None]).sum(0)
    xy = to_all - xx
    yy = everywhere.sum() - xx - 2.0 * xy
    found = (xx - own * n) / (n * (n - 1)) + (yy - own * m) / (m * (m - 1)) - 2.0 * xy / (n * m)
    slack = 1e-5 * jnp.abs(found).max()  # the same labels in another order round differently
    return (1.0 + (found[1:] >= found[0] - slack).sum(dtype=x.dtype)) / (1.0 + permutations)
