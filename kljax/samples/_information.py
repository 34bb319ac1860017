"""Mutual information of two blocks of columns, from samples alone.

On normal scores (information doesn't change under maps of columns) Kraskov, Stögbauer and Grassberger's first estimator
at a point is

    ψ(k) + ψ(n) - ψ(n_x + 1) - ψ(n_y + 1),

n_x and n_y being the points nearer in x, and in y, than the kth neighbour in the maximum norm of both. Its bias is
measured on surrogates from a normal or Student's copula of all columns, in which the information at a point is
log c(z) - log c_x(z_x) - log c_y(z_y).
"""

from __future__ import annotations

import functools
import math
import time
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from scipy.spatial import cKDTree
from scipy.special import digamma

from kljax._names import advised
from kljax._types import Nan, Rows
from kljax.samples import _functionals, _input
from kljax.samples._assisted import Corrected, combine
from kljax.samples._classifier import classify
from kljax.samples._divergence import LEAST_TO_CLASSIFY, judged, settled
from kljax.samples._estimate import SampleEstimate, Seconds, estimate
from kljax.samples._model import Copula, fit_copula, towards_independence
from kljax.samples._nearest import on_host
from kljax.samples._normal_scores import normal_scores
from kljax.samples._surrogates import SURROGATE_QUERIES, Evidence, Ratios, Sides, subset

METHODS = ("auto", "ksg", "copula", "critic")
KSG_K = 5
BLOCK = 256


@advised
def mutual_information(
    x: Rows,
    y: Rows,
    *,
    key: Rows | None = None,
    method: Literal["auto", "ksg", "copula", "critic"] = "auto",
    permutations: int = 0,
    k: int | tuple[int, ...] = (3, 5, 8),
    surrogates: int = 8,
    max_queries: int = 8192,
    nan: Nan = "raise",
    progress: bool = False,
) -> SampleEstimate:
    """I(X; Y) = KL(p_xy‖p_x p_y), from pairs of samples alone, with an interval.

    Nearest neighbours (KSG) of the columns' normal scores, corrected on surrogates from a normal or Student's copula.
    Beside it stand the copula alone and a critic, a classifier of pairs against shuffled pairs on rows that it hasn't
    seen; where they disagree the interval is wider, and where the critic finds more than neighbours can see the answer
    is a lower bound. Neighbours can't see what winds through many columns. Negative estimates of 0 are noise, which
    ``permutations`` test: the p-value is in ``methods["p_value"]``.

    Args:
        x: One half of the pairs, [n, d_x] or [n], of any floating dtype.
        y: The other half, [n, d_y] or [n]; row i belongs to row i of x.
        key: A key of ``jax.random``. It is required.
        method: "auto", or one of its parts alone: "ksg" (corrected), "copula" and "critic".
        permutations: How many relabellings the p-value is made of; 0 for none. They are of y, and the p-value is that
            of I = 0.
        k: Numbers of neighbours, over which the estimate is averaged and whose range goes into the error.
        surrogates: How many surrogate samples.
        max_queries: Of at most so many points the neighbours are looked for.
        nan: "raise", or "drop" to leave out rows with NaN, in either half.
        progress: Show a progress bar of the search, if tqdm is installed.

    Returns:
        A ``SampleEstimate`` in nats. ``methods["p_value"]``, if asked for, holds the p-value as its value.

    Raises:
        ValueError: If there are too few rows, entries are NaN or infinite, or columns constant.
        TypeError: If a sample is traced, or ``key`` is missing.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x, noise = jax.random.normal(jax.random.key(0), (2, 1000))
        >>> found = samples.mutual_information(x, 0.8 * x + 0.6 * noise, key=jax.random.key(1))
        >>> low, high = found.interval()
        >>> print(low < 0.5108 < high)  # -½ log(1 - 0.64)
        True

    References:
        Kraskov, Stögbauer & Grassberger (2004), "Estimating mutual information". Czyż et al. (2023), "Beyond normal: on
        the evaluation of mutual information estimators".
    """
    _input.option("method", method, METHODS)
    ks = _input.neighbor_numbers(k)
    _input.positive("surrogates", surrogates, 2)
    _input.positive("max_queries", max_queries, 16)
    _input.positive("permutations", permutations, 0)
    x_, y_, dropped = _pairs(x, y, nan, max(ks))
    rng = _input.generator(key)
    start = time.process_time()
    zx, zy = normal_scores(x_, rng), normal_scores(y_, rng)
    scores = np.concatenate([zx, zy], 1)
    copula = towards_independence(fit_copula(scores), scores, zx.shape[1])
    fitted = time.process_time()
    evidence = _evidence(scores, zx.shape[1], copula, rng, ks, surrogates, max_queries, progress)
    end = time.process_time()
    count = len(scores)
    found = combine(evidence, _functionals.mean, count, count, scores.shape[1])
    methods = {
        "ksg": estimate(found.value, found.stderr, count),
        "copula": estimate(found.model, found.model_stderr, count),
        "uncorrected": estimate(found.plain, found.plain_stderr, count),
    }
    if count >= LEAST_TO_CLASSIFY and method in ("auto", "critic"):
        shuffled = np.concatenate([zx, zy[rng.permutation(count)]], 1)
        learned, bound = judged(classify(scores, shuffled, rng), _functionals.kl)
        methods |= {"classifier": learned, "bound": bound}
    elif method == "critic":
        raise ValueError(f'method="critic" needs at least {LEAST_TO_CLASSIFY} rows; got {count}. Use "auto" or "ksg".')
    seconds = Seconds(fitted - start, 0.0, end - fitted, time.process_time() - end)
    value, stderr, kind, verdict = _chosen(method, found, methods, count)
    if permutations:
        p_value = _p_value(zx, zy, rng, permutations)
        methods["p_value"] = estimate(p_value, math.sqrt(p_value * (1.0 - p_value) / permutations), permutations)
        verdict += f"; p = {p_value:.2g} for independence"
    if any(dropped):
        verdict += f"; {dropped[0]} pairs with NaN were left out"
    value_, stderr_, ess = estimate(value, stderr, count)
    return SampleEstimate(
        value_, stderr_, ess, kind, methods, found.agreement, 0.0, dropped, verdict, seconds, (0.0, math.inf)
    )


def _pairs(x: Rows, y: Rows, nan: str, most: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    whole = []
    for name, one in (("x", x), ("y", y)):
        _input.rows(name, one, nan)  # complains
        array = np.asarray(one).astype(np.float64)
        whole.append(array[:, None] if array.ndim == 1 else array)
    if len(whole[0]) != len(whole[1]):
        raise ValueError(
            f"x and y must have as many rows, since row i of both is one pair; got {len(whole[0])} and {len(whole[1])}."
        )
    kept = np.isfinite(np.concatenate(whole, 1)).all(1)
    first, second = (one[kept] for one in whole)
    lost = int((~kept).sum())
    for name, one in (("x", first), ("y", second)):
        _input.enough(name, one, most)
        _input.columns(one)
    return first, second, (lost, lost)


def _chosen(method: str, found: Corrected, methods: dict, count: int) -> tuple[float, float, str, str]:  # type: ignore[type-arg]
    if method == "auto":
        verdict = settled(found, methods, False, _functionals.kl, count)
        return (*verdict[:3], verdict[3].replace("model", "copula"))
    if method == "critic":
        bound = methods["bound"]
        return float(bound.value), float(bound.stderr), "lower bound", "at least, on average: a critic's held-out bound"
    one = methods[method]
    words = {
        "ksg": "neighbours corrected on surrogates; no other method was asked",
        "copula": "the copula alone: right if normal scores are jointly normal or Student's; blind to anything else",
    }
    return float(one.value), float(one.stderr), "estimate", words[method]


def _evidence(
    scores: np.ndarray,
    width_x: int,
    copula: Copula,
    rng: np.random.Generator,
    ks: tuple[int, ...],
    surrogates: int,
    max_queries: int,
    progress: bool,
) -> Evidence:
    of_x, of_y = copula.part(slice(0, width_x)), copula.part(slice(width_x, None))
    count = len(scores)

    def truth(z: np.ndarray) -> np.ndarray:
        return copula.log_density(z) - of_x.log_density(z[:, :width_x]) - of_y.log_density(z[:, width_x:])

    def side(z: np.ndarray, most: int, everywhere: bool, bar: bool) -> Sides:
        at = subset(rng, count, most)
        there = truth(z[at])
        return Sides(Ratios(ksg(z, width_x, at, ks, bar), there, truth(z) if everywhere else there), None)

    data = side(scores, max_queries, True, progress)
    few = min(max_queries, SURROGATE_QUERIES)
    drawn = [side(normal_scores(copula.sample(rng, count), rng), few, False, False) for _ in range(surrogates)]
    return Evidence(data, drawn, np.zeros(count), 0.0, 0.0, 0.0, 0.0)


def ksg(z: np.ndarray, width_x: int, at: np.ndarray, ks: tuple[int, ...], progress: bool = False) -> np.ndarray:
    """The first estimator's terms at rows ``at``, [k, rows]."""
    distance, _ = on_host(z[at], z, max(ks), at, "max", progress=progress)
    out = []
    for k in ks:
        radius = np.nextafter(distance[:, k - 1].astype(np.float64), 0.0)
        nearer = [_within(part, at, radius) for part in (z[:, :width_x], z[:, width_x:])]
        out.append(digamma(k) + digamma(len(z)) - sum(digamma(one + 1.0) for one in nearer))
    return np.array(out)


def _within(points: np.ndarray, at: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """How many other points lie within the radius of each point ``at``, in the maximum norm."""
    width = points.shape[1]
    if width == 1:
        ordered = np.sort(points[:, 0])
        column = points[at, 0]
        right = np.searchsorted(ordered, column + radius, side="right")
        return right - np.searchsorted(ordered, column - radius, side="left") - 1.0
    if width <= 3 or len(at) * len(points) < 100_000:
        found = cKDTree(points).query_ball_point(points[at], radius, p=np.inf, return_length=True)
        return np.asarray(found, float) - 1.0
    step = max(2 ** (len(points).bit_length() - 4), 16)
    padded = np.full((-(-len(points) // step) * step, width), np.inf, np.float32)
    padded[: len(points)] = points
    rows = -(-len(at) // BLOCK) * BLOCK
    queries, radii = np.zeros((rows, width), np.float32), np.zeros(rows, np.float32)
    queries[: len(at)], radii[: len(at)] = points[at], radius
    return np.asarray(_count(jnp.asarray(queries), jnp.asarray(padded), jnp.asarray(radii)), float)[: len(at)] - 1.0


@functools.partial(jax.jit)
def _count(queries: jax.Array, points: jax.Array, radii: jax.Array) -> jax.Array:
    columns = points.T

    def block(operands: tuple[jax.Array, jax.Array]) -> jax.Array:
        rows, radius = operands

        def further(at: jax.Array, total: jax.Array) -> jax.Array:
            return jnp.maximum(total, jnp.abs(lax.dynamic_slice_in_dim(rows, at, 1, 1) - columns[at][None]))

        first = jnp.abs(rows[:, :1] - columns[:1])
        apart = lax.fori_loop(1, rows.shape[1], further, first)
        return (apart <= radius[:, None]).sum(1)

    shape = (-1, BLOCK)
    return lax.map(block, (queries.reshape(*shape, queries.shape[1]), radii.reshape(shape))).reshape(-1)


def _p_value(zx: np.ndarray, zy: np.ndarray, rng: np.random.Generator, permutations: int) -> float:
    """The share of relabellings with at least as large an estimate."""
    count, width = len(zx), zx.shape[1]
    at = subset(rng, count, SURROGATE_QUERIES)

    def statistic(order: np.ndarray) -> float:
        return float(ksg(np.concatenate([zx, zy[order]], 1), width, at, (KSG_K,)).mean())

    found = statistic(np.arange(count))
    others = [statistic(rng.permutation(count)) for _ in range(permutations)]
    return (1.0 + sum(one >= found for one in others)) / (1.0 + permutations)
