"""Divergences of two distributions from counts of draws of each.

    KL        Σ x/n [ψ(x) - ψ(n) - ψ(y+1) + ψ(m+1)]                                             Zhang and Grabchak
    cross     Σ x/n [ψ(m+1) - ψ(y+1)]
    JS        Ĥ(w p̂ + (1-w) q̂) - w Ĥ(p) - (1-w) Ĥ(q)

ψ(m+1) - ψ(y+1) is Σ_{v=y+1}^m 1/v, the harmonic number that gives the method its name; its mean over y is -log q but
for Σ_{v>m} (1-q)ᵛ/v, so that its bias falls exponentially in m q. Where q was never seen, the sum ends at log m + γ:
there is no upper limit to what is missing, and the estimate is a lower bound.

Entropies in the Jensen–Shannon divergence are Chao, Wang and Jost's. The mixture of shares has no counts unless
w = n/(n+m); so what the counts x + y have to have added beyond the first order of their bias, (K-1)/2(n+m), is taken as
a factor, and applied to the first order of the mixture's own,

    ½ Σ [w² p(1-p)/n + (1-w)² q(1-q)/m]/(w p + (1-w) q).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import jax
import numpy as np

from kljax import _checks
from kljax._names import advised
from kljax.counts import _cells, _estimators, _read, _two_counts
from kljax.counts._entropy import DOUBT
from kljax.counts._estimate import CountEstimate
from kljax.counts._two_counts import Pair

KLMethod = Literal["harmonic", "smoothed"]


@advised
def kl(counts_p: Any, counts_q: Any, *, method: KLMethod = "harmonic") -> CountEstimate:
    """KL(p‖q) = Σ p log(p/q), from counts of draws of p and of q.

    With ``"harmonic"``, Zhang and Grabchak's, the logarithms are harmonic numbers,
    Σ x/n [ψ(x) - ψ(n) - ψ(y+1) + ψ(m+1)]: right on average even where counts are small, as long as q was drawn often
    enough to show what p has. Where more than 5 % of p's counts are on outcomes that q never showed, no estimator knows
    how much they cost: ``kind`` is "lower bound" then. ``"smoothed"`` adds ½ to the counts of q and takes off the bias,
    and all outcomes without a count of q are one. It is what ``kljax.tables`` does, never below 0, and meant for cells
    with five counts and more; how far it is from the harmonic estimate is part of its error.

    Args:
        counts_p: Whole numbers [..., K], one for each outcome; or a mapping from labels to counts
            (``collections.Counter``, a dict), or a pandas Series, as ``value_counts()`` returns it.
        counts_q: The same, of the same outcomes: arrays in the same order, mappings with the same labels. A label that
            one side lacks counts 0 there and is reported.
        method: The estimator.

    Returns:
        ``CountEstimate``, in nats, of the broadcast shape without outcomes. The error is that of both counts, and
        beside it 0.7 of the share of p that q never showed.

    Raises:
        TypeError: If only one side has labels.
        ValueError: If counts are negative, not whole, or all 0.

    Example:
        >>> from collections import Counter
        >>> from kljax import counts
        >>> monday, sunday = Counter(tea=50, coffee=45, cocoa=5), Counter(tea=80, coffee=15, cocoa=4, water=1)
        >>> print(counts.kl(monday, sunday))
        0.24 ± 0.11 nats (ess 59)

    References:
        Zhang and Grabchak (2014), "Nonparametric estimation of Kullback-Leibler divergence".
    """
    if method not in get_args(KLMethod):
        raise ValueError(f"method must be one of {', '.join(map(repr, get_args(KLMethod)))}; got {method!r}.")
    given = _two_counts.read(counts_p, counts_q)
    with _read.as_numpy_does():
        if method == "harmonic":
            value = _harmonic(given)
        else:
            value = _by_cells("kl", given, lambda b, a: _cells.kl(b, a, ordered=False).value)
        # ∂/∂p = log(p/q), ∂/∂q = -p/q; and how far the method is from the one that is right for few counts
        variance = given.variance(given.log_ratio, given.p / given.safe(given.q), 0.5) + (value - _harmonic(given)) ** 2
        return given.estimate(value, variance, given.unseen, method=method)


@advised
def cross_entropy(counts_p: Any, counts_q: Any) -> CountEstimate:
    """H(p, q) = -Σ p log q, from counts of draws of p and of q: Σ x/n [ψ(m+1) - ψ(y+1)].

    A lower bound where more than 5 % of p's counts are on outcomes that q never showed, as ``kl``.

    Args:
        counts_p: Whole numbers [..., K], one for each outcome; or a mapping from labels to counts
            (``collections.Counter``, a dict), or a pandas Series, as ``value_counts()`` returns it.
        counts_q: The same, of the same outcomes.

    Returns:
        ``CountEstimate``, in nats.

    Raises:
        TypeError: If only one side has labels.
        ValueError: If counts are negative, not whole, or all 0.

    Example:
        >>> from kljax import counts
        >>> print(counts.cross_entropy([30, 70], [50, 50]))
        0.69 ± 0.04 nats (ess 86)

    References:
        Zhang and Grabchak (2014), "Nonparametric estimation of Kullback-Leibler divergence".
    """
    given = _two_counts.read(counts_p, counts_q)
    with _read.as_numpy_does():
        log_q = given.f.xp.where(given.q > 0, given.f.xp.log(given.safe(given.q)), 0.0)
        variance = given.variance(log_q, given.p / given.safe(given.q), 0.5)
        return given.estimate(_harmonic_cross(given), variance, given.unseen, method="harmonic")


@advised
def jeffreys(counts_p: Any, counts_q: Any) -> CountEstimate:
    """KL(p‖q) + KL(q‖p), from counts of draws of p and of q, both by harmonic numbers.

    A lower bound where more than 5 % of either's counts are on outcomes that the other never showed.

    Args:
        counts_p: Whole numbers [..., K], one for each outcome; or a mapping from labels to counts
            (``collections.Counter``, a dict), or a pandas Series, as ``value_counts()`` returns it.
        counts_q: The same, of the same outcomes.

    Returns:
        ``CountEstimate``, in nats.

    Raises:
        TypeError: If only one side has labels.
        ValueError: If counts are negative, not whole, or all 0.

    Example:
        >>> from kljax import counts
        >>> print(counts.jeffreys([30, 70], [50, 50]))
        0.15 ± 0.12 nats (ess 86)

    References:
        Jeffreys (1946), "An invariant form for the prior probability in estimation problems"; Zhang and Grabchak
        (2014), "Nonparametric estimation of Kullback-Leibler divergence".
    """
    given = _two_counts.read(counts_p, counts_q)
    with _read.as_numpy_does():
        return given.estimate(_harmonic_both(given), _of_both(given), _larger(given), method="harmonic")


@advised
def psi(counts_p: Any, counts_q: Any) -> CountEstimate:
    """PSI = Σ (p - q) log(p/q), the population stability index: KL(p‖q) + KL(q‖p) of binned data, less its bias.

    The usual PSI of the observed shares is above 0.1 on average between unchanged samples of a hundred, and infinite
    where a bin is empty. Here the bias is taken off, and bins that one side never showed are one. Never below 0. Arrays
    only outside ``jit``; ``jeffreys``, by harmonic numbers, is for many outcomes with few counts.

    Args:
        counts_p: Whole numbers [..., K], one for each outcome; or a mapping from labels to counts
            (``collections.Counter``, a dict), or a pandas Series, as ``value_counts()`` returns it.
        counts_q: The same, of the same outcomes.

    Returns:
        ``CountEstimate``, in nats. How far it is from ``jeffreys`` is part of its error.

    Raises:
        TypeError: If only one side has labels, or what is given is traced.
        ValueError: If counts are negative, not whole, or all 0.

    Example:
        >>> from kljax import counts
        >>> print(counts.psi([110, 205, 390, 295], [180, 240, 360, 220]))
        0.06 ± 0.02 nats (ess 943)

    References:
        Siddiqi (2006), "Credit Risk Scorecards".
    """
    given = _two_counts.read(counts_p, counts_q)
    with _read.as_numpy_does():
        value = _by_cells("psi", given, lambda b, a: _cells.psi(b, a, ordered=False))
        variance = _of_both(given) + (value - _harmonic_both(given)) ** 2
        return given.estimate(value, variance, _larger(given), method="smoothed")


@advised
def jensen_shannon(counts_p: Any, counts_q: Any, *, weight: float = 0.5) -> CountEstimate:
    """w KL(p‖m) + (1-w) KL(q‖m), m = w p + (1-w) q, from counts of draws of p and of q.

    The entropy of the mixture less those of the parts, each with what was never seen in it (Chao, Wang and Jost's). It
    is bounded, so outcomes that one side never showed do no harm.

    Args:
        counts_p: Whole numbers [..., K], one for each outcome; or a mapping from labels to counts
            (``collections.Counter``, a dict), or a pandas Series, as ``value_counts()`` returns it.
        counts_q: The same, of the same outcomes.
        weight: w in [0, 1].

    Returns:
        ``CountEstimate``, in nats. The error is that of both counts, and beside it 0.6 of what is added beyond the
        first order of the bias for outcomes never seen.

    Raises:
        TypeError: If only one side has labels.
        ValueError: If counts are negative, not whole, or all 0.

    Example:
        >>> from kljax import counts
        >>> print(counts.jensen_shannon({"a": 30, "b": 70}, {"a": 55, "b": 40, "c": 5}))
        0.05 ± 0.02 nats (ess 73)

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy"; Chao, Wang and Jost (2013), "Entropy and the
        species accumulation curve".
    """
    _checks.number("weight", weight, low=0.0, high=1.0)
    given = _two_counts.read(counts_p, counts_q)
    w = float(weight)
    with _read.as_numpy_does():
        f, xp, x, y, n, m = given.f, given.f.xp, given.x, given.y, given.n, given.m
        p, q = x / n, y / m
        middle = w * p + (1.0 - w) * q
        shown = middle > 0
        noise = w * w * p * (1.0 - p) / n + (1.0 - w) ** 2 * q * (1.0 - q) / m
        first_mixture = 0.5 * xp.where(shown, noise / xp.where(shown, middle, 1.0), 0.0).sum(-1)
        z = x + y
        first_pooled = xp.maximum((z > 0).sum(-1) - 1.0, 1.0) / (2.0 * z.sum(-1))
        factor = (_estimators.chao_wang_jost(f, z) - _estimators.plug_in(f, z)) / first_pooled
        mixed = -xp.where(shown, middle * xp.log(xp.where(shown, middle, 1.0)), 0.0).sum(-1)
        parts = [w * formula(f, x) + (1.0 - w) * formula(f, y) for formula in _FORMULAS]
        value = mixed + factor * first_mixture - parts[0]
        added = value - (mixed + first_mixture - parts[1])
        of_p, of_q = (
            xp.log(given.safe(one) / given.safe(w * given.p + (1.0 - w) * given.q)) for one in (given.p, given.q)
        )
        variance = given.variance(w * of_p, (1.0 - w) * of_q, 0.5 * w * (1.0 - w))
        end = w in (0.0, 1.0)  # m is p or q, and the divergence 0
        return given.estimate(
            0.0 * value if end else value,
            xp.where(end, 0.0, variance + (DOUBT * added) ** 2),
            0.0 * value,
            method="chao_wang_jost",
            high=0.0 if end else -w * math.log(w) - (1.0 - w) * math.log1p(-w),
        )


_FORMULAS: tuple[Callable[..., Any], ...] = (_estimators.chao_wang_jost, _estimators.miller_madow)


def _harmonic_cross(given: Pair) -> Any:
    digamma = given.f.digamma
    return (given.x / given.n * (digamma(given.m + 1.0) - digamma(given.y + 1.0))).sum(-1)


def _harmonic(given: Pair) -> Any:
    return _harmonic_cross(given) - _estimators.harmonic(given.f, given.x)


def _harmonic_both(given: Pair) -> Any:
    return _harmonic(given) + _harmonic(given._replace(x=given.y, y=given.x, n=given.m, m=given.n))


def _of_both(given: Pair) -> Any:
    """∂/∂p = log(p/q) - q/p, ∂/∂q = log(q/p) - p/q"""
    p, q = given.safe(given.p), given.safe(given.q)
    return given.variance(given.log_ratio - q / p, -given.log_ratio - p / q, 1.0)


def _larger(given: Pair) -> Any:
    return given.f.xp.maximum(given.unseen, given.unseen_in_p)


def _by_cells(name: str, given: Pair, value: Callable[[Any, Any], float]) -> Any:
    """Row by row, on the host."""
    if isinstance(given.x, jax.core.Tracer):
        method = "method='harmonic'" if name == "kl" else "counts.jeffreys"
        raise TypeError(f"counts.{name} by cells is for arrays outside jit and vmap; under them use {method}.")
    rows, others = (one.reshape(-1, one.shape[-1]) for one in (given.x, given.y))
    return np.array([value(b, a) for b, a in zip(rows, others, strict=True)]).reshape(given.x.shape[:-1])
