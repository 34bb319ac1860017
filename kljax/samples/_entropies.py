"""Entropy and cross-entropy from samples alone.

    h(x) = Σ_j h(x_j) - TC

The entropies of the columns come from points on lines, where edges of the support cost little; the dependence TC from
neighbours of normal scores, where there are no edges, corrected on surrogates from a normal or Student's copula.
Cross-entropy, -E_p[log q], comes from the neighbours of x among y, corrected as in ``kl``.
"""

from __future__ import annotations

import math
import time

import numpy as np
from scipy.special import digamma, polygamma

from kljax._names import advised
from kljax._types import Nan, Rows
from kljax.samples import _functionals, _input
from kljax.samples._assisted import combine, heavy_variance
from kljax.samples._columns import Columns, fit_columns
from kljax.samples._divergence import begin, settings, with_dropped
from kljax.samples._estimate import SampleEstimate, Seconds, estimate
from kljax.samples._model import Model, fit_copula, fit_model, towards_independence
from kljax.samples._nearest import on_host
from kljax.samples._normal_scores import line_entropy, log_volume, normal_scores, spacing_entropy, total_correlation
from kljax.samples._recurring_values import label
from kljax.samples._surrogates import SURROGATE_QUERIES, Evidence, Ratios, Sides, fit_pair, log_ratio, subset

FEW = 200  # below this many points on a line spacings are better than neighbours
EVERYTHING = (-math.inf, math.inf)


@advised
def entropy(
    x: Rows,
    *,
    key: Rows | None = None,
    k: int | tuple[int, ...] = (2, 4, 8),
    surrogates: int = 8,
    max_queries: int = 16_384,
    nan: Nan = "raise",
    progress: bool = False,
) -> SampleEstimate:
    """h(p) = -E_p[log p], the differential entropy, from samples x of p alone, with an interval.

    The entropies of the columns, from spacings or neighbours on a line, less the dependence among them, from neighbours
    of their normal scores, corrected on surrogates from a copula. Edges of the support, as of a cube, do no harm.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        key: A key of ``jax.random``. It is required.
        k: Numbers of neighbours, over which the estimate is averaged and whose range goes into the error.
        surrogates: How many surrogate samples.
        max_queries: Of at most so many points the neighbours are looked for.
        nan: "raise", or "drop" to leave out rows with NaN.
        progress: Show a progress bar of the search, if tqdm is installed.

    Returns:
        A ``SampleEstimate`` in nats; it may be negative. ``agreement`` compares neighbours and copula.

    Raises:
        ValueError: As ``kl``, and where values recur: then there is no density. Rounding is undone.
        TypeError: As ``kl``.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x = jax.random.uniform(jax.random.key(0), (2000, 4))
        >>> low, high = samples.entropy(x, key=jax.random.key(1)).interval()  # exactly: 0
        >>> print(low < 0.0 < high)
        True

    References:
        Kozachenko & Leonenko (1987). Ebrahimi, Pflughoeft & Soofi (1994), "Two measures of sample entropy".
    """
    chosen = settings("auto", k, surrogates, max_queries, nan, progress)
    rows, lost = _input.rows("x", x, nan)
    _input.enough("x", rows, max(chosen.ks))
    _input.columns(rows)
    rng = _input.generator(key)
    split = label(rows, rows[:0], rng)
    if split.share > 0.0:
        raise ValueError(
            f"{100 * split.share:.0f} % of the rows of x lie on values that recur, so x has no density. Of categories "
            "count them: kljax.counts.entropy; copied rows, keep once: numpy.unique(x, axis=0)."
        )
    rows = split.x
    start = time.process_time()
    (count, width), model = rows.shape, fit_model(rows)
    alone = sum(_on_line(rows[:, at], model, at, rng) for at in range(width))
    log_density = model.log_prob(rows)
    variance = heavy_variance(log_density) / count + width * float(polygamma(1, 5)) / count
    methods = {"model": estimate(-log_density.mean() + 0.5 * model.dimension / count)}
    dependence, agreement, error = 0.0, 0.0, 0.0
    seconds = Seconds(models=time.process_time() - start)
    if width > 1:
        evidence = _dependence(rows, rng, chosen.ks, chosen.surrogates, chosen.max_queries, chosen.progress)
        found = combine(evidence, _functionals.mean, count, count, width)
        dependence, agreement = found.value, found.agreement
        error = found.stderr**2
        seconds = Seconds(seconds.models, evidence.search_seconds, evidence.surrogate_seconds)
        methods["uncorrected"] = estimate(alone - found.plain)
    value, stderr, ess = estimate(alone - dependence, math.sqrt(variance + error), count)
    methods["neighbors"] = estimate(float(value), float(stderr), count)
    verdict = "columns and their dependence add up" if width == 1 or abs(agreement) <= 3.0 else (
        f"the dependence is not that of a copula: neighbours say {dependence:.3g} nats; what neither sees is missing, "
        "so the entropy may be lower"
    )  # fmt: skip
    if split.rounded:
        verdict += f"; rounding of column {', '.join(map(str, split.rounded))} was undone"
    result = SampleEstimate(
        value, stderr, ess, "estimate", methods, agreement, 0.0, (0, 0), verdict, seconds, EVERYTHING
    )
    return with_dropped(result, (lost, 0))


def _on_line(column: np.ndarray, model: Model, at: int, rng: np.random.Generator) -> float:
    """The entropy of one column; of few points with the bias that spacings have on the column's model taken off."""
    if len(column) >= FEW:
        return line_entropy(column)
    only, marginal = model.columns.only(np.array([at])), model.marginals.only(np.array([at]))
    biases = []
    for _ in range(32):
        drawn = only.inverse(marginal.inverse(rng.standard_normal((len(column), 1))))
        truth = -(marginal.log_density(only(drawn)) + only.log_slopes(drawn)).mean()
        biases.append(spacing_entropy(drawn[:, 0]) - truth)
    return spacing_entropy(column) - float(np.mean(biases))


def _dependence(
    rows: np.ndarray,
    rng: np.random.Generator,
    ks: tuple[int, ...],
    surrogates: int,
    max_queries: int,
    progress: bool,
) -> Evidence:
    """Total correlation by neighbours and by a copula, in the data and in surrogates."""
    count = len(rows)
    start = time.process_time()
    scores = normal_scores(rows, rng)
    copula = towards_independence(fit_copula(scores), scores)
    fitted = time.process_time()

    def side(z: np.ndarray, most: int, everywhere: bool, bar: bool) -> Sides:
        at = subset(rng, count, most)
        there = copula.log_density(z[at])
        return Sides(
            Ratios(total_correlation(z, at, ks, bar), there, copula.log_density(z) if everywhere else there), None
        )

    data = side(scores, max_queries, True, progress)
    searched = time.process_time()
    drawn = [
        side(normal_scores(copula.sample(rng, count), rng), min(max_queries, SURROGATE_QUERIES), False, False)
        for _ in range(surrogates)
    ]
    times = fitted - start, searched - fitted, time.process_time() - searched
    return Evidence(data, drawn, np.zeros(count), 0.0, *times)


@advised
def cross_entropy(
    x: Rows,
    y: Rows,
    *,
    key: Rows | None = None,
    k: int | tuple[int, ...] = (2, 4, 8),
    surrogates: int = 8,
    max_queries: int = 16_384,
    nan: Nan = "raise",
    progress: bool = False,
) -> SampleEstimate:
    """H(p, q) = -E_p[log q], from samples x of p and y of q alone, with an interval.

    From the neighbours of x among y, corrected on surrogates from models of both, as ``kl`` is.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        key: A key of ``jax.random``. It is required.
        k: As in ``kl``.
        surrogates: As in ``kl``.
        max_queries: As in ``kl``.
        nan: As in ``kl``.
        progress: As in ``kl``.

    Returns:
        A ``SampleEstimate`` in nats; it may be negative.

    Raises:
        ValueError: As ``kl``, and where values recur, so that q has no density.
        TypeError: As ``kl``.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 1000, 2))
        >>> low, high = samples.cross_entropy(x + 0.5, y, key=jax.random.key(1)).interval()
        >>> print(low < 3.0879 < high)  # log 2πe + ¼
        True
    """
    chosen = settings("auto", k, surrogates, max_queries, nan, progress)
    x_, y_, rng, dropped = begin(x, y, key, chosen)
    split = label(x_, y_, rng)
    if split.share > 0.0:
        raise ValueError(
            f"{100 * split.share:.0f} % of the rows of x and y lie on values that recur, so there is no density. Of "
            "categories count them: kljax.counts."
        )
    x_, y_ = split.x, split.y
    start = time.process_time()
    (p, q), columns = fit_pair(x_, y_), fit_columns(x_, y_)
    fitted = time.process_time()

    def side(a: np.ndarray, b: np.ndarray, most: int, everywhere: bool, bar: bool) -> Sides:
        at = subset(rng, len(a), most)
        there = -q.log_prob(a[at])
        return Sides(
            Ratios(_surprise(a[at], b, columns, chosen.ks, bar), there, -q.log_prob(a) if everywhere else there), None
        )

    data = side(x_, y_, chosen.max_queries, True, chosen.progress)
    searched = time.process_time()
    few = min(chosen.max_queries, SURROGATE_QUERIES)
    drawn = [side(p.sample(rng, len(x_)), q.sample(rng, len(y_)), few, False, False) for _ in range(chosen.surrogates)]
    times = fitted - start, searched - fitted, time.process_time() - searched
    evidence = Evidence(data, drawn, log_ratio(p, q, y_), 0.5 * q.dimension / len(y_), *times)
    found = combine(evidence, _functionals.kl, len(x_), len(y_), x_.shape[1])
    value, stderr, ess = estimate(found.value, found.stderr, found.ess)
    methods = {
        "neighbors": estimate(found.value, found.stderr, found.ess),
        "model": estimate(found.model, found.model_stderr, found.ess),
        "uncorrected": estimate(found.plain, found.plain_stderr, found.ess),
    }
    verdict = "neighbours and model agree"
    if abs(found.agreement) > 3.0:
        verdict = f"the shape of the data is not that of the model, which says {found.model:.3g}"
        stderr = estimate(math.hypot(found.stderr, 0.5 * (found.value - found.model))).value
    if split.rounded:
        verdict += f"; rounding of column {', '.join(map(str, split.rounded))} was undone"
    result = SampleEstimate(
        value, stderr, ess, "estimate", methods, found.agreement, 0.0, (0, 0), verdict, Seconds(*times), EVERYTHING
    )
    return with_dropped(result, dropped)


def _surprise(rows: np.ndarray, points: np.ndarray, columns: Columns, ks: tuple[int, ...], bar: bool) -> np.ndarray:
    """log m + log V_d + d log ν_k - ψ(k) - log |J|, neighbours' -log q at rows, [k, rows]."""
    (count, width), k = points.shape, np.asarray(ks)
    distance, _ = on_host(columns(rows), columns(points), max(ks), progress=bar)
    logs = width * np.log(np.maximum(distance[:, k - 1].astype(np.float64), 1e-30))
    return (math.log(count) + log_volume(width) + logs - digamma(k)).T - columns.log_jacobian(rows)
