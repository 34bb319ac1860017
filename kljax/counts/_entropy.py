"""Entropy of counts: the estimator asked for, or the one that fits; and its error."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from kljax._names import advised
from kljax.counts import _estimators, _nsb, _read
from kljax.counts._estimate import CountEstimate, estimate
from kljax.counts._read import Functions

Method = Literal["auto", "nsb", "chao_wang_jost", "chao_shen", "grassberger", "miller_madow", "jackknife", "plug_in"]
FORMULAS: dict[str, Callable[[Functions, Any], Any]] = {
    "chao_wang_jost": _estimators.chao_wang_jost,
    "chao_shen": _estimators.chao_shen,
    "grassberger": _estimators.grassberger,
    "miller_madow": _estimators.miller_madow,
    "jackknife": _estimators.jackknife,
    "plug_in": _estimators.plug_in,
}
# How much of what is added for outcomes never seen may be wrong; by simulation, benchmarks/counts.py.
DOUBT = 0.6
# Where more than this share of the draws are alone with their outcome, too little was seen.
ALONE = 0.5


@advised
def entropy(counts: Any, *, method: Method = "auto", support: int | None = None) -> CountEstimate:
    """H(p) = -Σ p log p, from counts of draws of p.

    The entropy of the observed shares is too low, by about (K - 1)/2n and by much more where outcomes were never seen.
    The methods differ in what they add:

    - ``"nsb"``, Nemenman, Shafee and Bialek's, for a known number K of outcomes: the mean of H under a prior that is
      flat in H, and its standard deviation.
    - ``"chao_wang_jost"``, for an unknown number: what n draws can show without bias, and the rest extrapolated from
      the outcomes seen once and twice.
    - ``"chao_shen"``, ``"grassberger"`` (2003), ``"jackknife"``, ``"miller_madow"``, ``"plug_in"``: the usual ones.

    ``"auto"`` is NSB if K is known, that is if ``support`` is given or a count of 0 is listed, and Chao, Wang and
    Jost's otherwise.

    Args:
        counts: Whole numbers [..., K], one for each outcome; or a mapping from labels to counts
            (``collections.Counter``, a dict), or a pandas Series, as ``value_counts()`` returns it.
        method: The estimator.
        support: The number of outcomes that are possible, seen or not.

    Returns:
        ``CountEstimate``, in nats, of shape [...]. The error holds the spread over samples of this size and, beside
        it, 0.6 of what is added for outcomes never seen, and how far the method is from ``"auto"``. ``kind`` is "lower
        bound" where more than half of the draws are alone with their outcome and the number of outcomes is unknown.

    Raises:
        TypeError: If the draws themselves are given.
        ValueError: If counts are negative, not whole, or all 0, or ``support`` is less than the outcomes listed.

    Example:
        >>> from collections import Counter
        >>> from kljax import counts
        >>> draws = "the quick brown fox jumps over the lazy dog".replace(" ", "")
        >>> print(counts.entropy(Counter(draws), support=26))
        3.22 ± 0.04 nats (ess 35)

    References:
        Nemenman, Shafee and Bialek (2002), "Entropy and inference, revisited"; Chao, Wang and Jost (2013), "Entropy and
        the species accumulation curve"; Chao and Shen (2003), "Nonparametric estimation of Shannon's index of diversity
        when there are unseen species in sample"; Grassberger (2003), "Entropy estimates from insufficient samplings";
        Zhang (2012), "Entropy estimation in Turing's perspective".
    """
    if method not in get_args(Method):
        raise ValueError(f"method must be one of {', '.join(map(repr, get_args(Method)))}; got {method!r}.")
    array, _ = _read.one("counts", counts)
    outcomes = array.shape[-1]
    if support is not None:
        if isinstance(support, bool) or not hasattr(support, "__index__"):
            raise TypeError(f"support must be a whole number, of the outcomes that are possible; got {support!r}.")
        if support < outcomes:
            raise ValueError(f"support must be at least the {outcomes} outcomes that are listed; got {support}.")
    with _read.as_numpy_does():
        return _entropy(array, method, None if support is None else int(support))


def _entropy(x: Any, method: str, support: int | None) -> CountEstimate:
    f = _read.functions(x)
    xp, n, outcomes = f.xp, x.sum(-1), support or x.shape[-1]
    limited = support is not None or method == "nsb"
    chosen = method in ("auto", "nsb")
    known = xp.full(n.shape, chosen) if limited or not chosen else (x == 0).any(-1)
    value, variance = _value(f, x, method, known, outcomes)
    formula = value if chosen else _estimators.chao_wang_jost(f, x)
    added = xp.maximum(_estimators.chao_wang_jost(f, x) - _estimators.miller_madow(f, x), 0.0)
    # With K outcomes the truth is at most log K.
    added = xp.where(known, xp.minimum(added, xp.maximum(math.log(outcomes) - value, 0.0)), added)
    settled = limited or (not isinstance(known, jax.core.Tracer) and bool(np.all(known)))
    return estimate(
        value,
        xp.sqrt(variance + (DOUBT * added) ** 2 + (value - formula) ** 2),
        n,
        (x == 1).sum(-1) / xp.maximum(n, 1.0),
        total=n,
        method=method,
        bound_above=1.0 if settled else ALONE,
        high=math.log(outcomes) if settled else math.inf,
    )


def _value(f: Functions, x: Any, method: str, known: Any, outcomes: int) -> tuple[Any, Any]:
    """The estimate and its sampling variance [...]."""
    sampling = _estimators.sampling_variance(f, x)
    if method not in ("auto", "nsb"):
        return FORMULAS[method](f, x), sampling
    if method == "auto" and not isinstance(known, jax.core.Tracer) and not known.any():
        return _estimators.chao_wang_jost(f, x), sampling
    mean, variance = _posterior(f, x, outcomes)
    if method == "nsb":
        return mean, variance
    chosen = f.xp.where(known, mean, _estimators.chao_wang_jost(f, x))
    return chosen, f.xp.where(known, variance, sampling)


def _posterior(f: Functions, x: Any, outcomes: int) -> tuple[Any, Any]:
    """NSB's mean and variance, row by row."""
    if outcomes == 1:
        return 0.0 * x.sum(-1), 0.0 * x.sum(-1)
    unlisted = outcomes - x.shape[-1]
    rows = x.reshape(-1, x.shape[-1])
    if f.xp is np:
        found = []
        for row in rows:
            different, often = np.unique(np.append(row, 0.0), return_counts=True)
            often = often + (different == 0) * (unlisted - 1.0)
            found.append(_nsb.posterior(f, different, often, float(outcomes)))
        mean, variance = np.array(found).reshape(-1, 2).T
    else:
        times = jnp.ones(x.shape[-1] + 1, x.dtype).at[-1].set(unlisted)

        def one(row: Any) -> Any:
            return _nsb.posterior(f, jnp.append(row, 0.0), times, float(outcomes))

        mean, variance = jax.vmap(one)(rows)
    return mean.reshape(x.shape[:-1]), variance.reshape(x.shape[:-1])
