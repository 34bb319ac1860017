"""From two samples to an estimate: evidence, the disagreement rule, and the verdict.

|z_AB| > 3 says that neighbours see a shape that the model doesn't have: then the value lies between neighbours B and
the classifier's mean logit C, at s B + (1 - s) C, since neighbours can be trusted by that share alone (``_assisted``),
and half the distance of the two widens the interval. If moreover B still grows as k falls, structure is finer than the
distances: then the larger of the two is a lower bound. So it is where a held-out bound of the classifier lies above the
interval. Too few effective points of y say that no ratio can be trusted from y: the value stays that of neighbours, and
the verdict warns.
"""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np

from kljax._types import Rows
from kljax.montecarlo import Estimate
from kljax.samples import _functionals, _input
from kljax.samples._assisted import Corrected, combine
from kljax.samples._classifier import Classified, classify
from kljax.samples._estimate import SampleEstimate, Seconds, estimate
from kljax.samples._functionals import Functional
from kljax.samples._surrogates import gather

METHODS = ("auto", "neighbors", "model", "classifier", "bound", "uncorrected")
LEAST_TO_CLASSIFY = 200
LEAST_WEIGHT = 50.0
DISAGREE = 3.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """How much work to do."""

    method: str
    ks: tuple[int, ...]
    surrogates: int
    max_queries: int
    nan: str
    progress: bool


def settings(
    method: str, k: int | tuple[int, ...], surrogates: int, max_queries: int, nan: str, progress: bool
) -> Settings:
    """Checked options."""
    _input.option("method", method, METHODS)
    _input.positive("surrogates", surrogates, 2)
    _input.positive("max_queries", max_queries, 16)
    return Settings(method, _input.neighbor_numbers(k), surrogates, max_queries, nan, progress)


def continuous(
    x: np.ndarray, y: np.ndarray, rng: np.random.Generator, functional: Functional, chosen: Settings
) -> SampleEstimate:
    """The divergence of samples without atoms."""
    n, m, width = len(x), len(y), x.shape[1]
    evidence, _ = gather(
        x,
        y,
        rng,
        ks=chosen.ks,
        surrogates=chosen.surrogates,
        max_queries=chosen.max_queries,
        both=functional.on_y is not None,
        progress=chosen.progress,
    )
    found = combine(evidence, functional, n, m, width)
    far = found.ess < min(LEAST_WEIGHT, 0.05 * m) or (functional is _functionals.kl and found.value > math.log(m))
    methods = {
        "neighbors": estimate(found.value, found.stderr, found.ess),
        "model": estimate(found.model, found.model_stderr, found.ess),
        "uncorrected": estimate(found.plain, found.plain_stderr, found.ess),
    }
    start = time.process_time()
    critic = None
    wanted = chosen.method in ("classifier", "bound") or (chosen.method == "auto" and not far)
    if wanted and min(n, m) >= LEAST_TO_CLASSIFY:
        critic = classify(x, y, rng)
        learned, bound = judged(critic, functional)
        methods |= {"classifier": learned, "bound": bound}
    elif chosen.method in ("classifier", "bound"):
        raise ValueError(
            f'method="{chosen.method}" needs at least {LEAST_TO_CLASSIFY} rows of each sample; got {n} and {m}. '
            'Use method="auto" or "neighbors".'
        )
    seconds = Seconds(
        evidence.model_seconds, evidence.search_seconds, evidence.surrogate_seconds, time.process_time() - start
    )
    value, stderr, kind, verdict = (
        settled(found, methods, far, functional, m) if chosen.method == "auto" else single(chosen.method, methods)
    )
    value_, stderr_, ess = estimate(value, stderr, found.ess)
    return SampleEstimate(
        value_, stderr_, ess, kind, methods, found.agreement, 0.0, (0, 0), verdict, seconds, functional.limits
    )


def judged(critic: Classified, functional: Functional) -> tuple[Estimate, Estimate]:
    """The classifier's value and its held-out bound, with their standard errors."""
    if functional is _functionals.kl:
        return estimate(critic.value, critic.stderr), estimate(critic.bound, critic.bound_stderr)
    rx, ry = critic.at_x, critic.at_y
    value = float(functional.of(rx, ry))
    # E_x[f'(u)] - E_y[u f'(u) - f(u)] ≤ D_f for every u (Nguyen, Wainwright & Jordan), here with u = e^r
    over_x, over_y = functional.influence_x(rx), functional.influence_y(ry)
    bound = float(over_x.mean() + over_y.mean())
    error = math.sqrt(over_x.var() / len(rx) + over_y.var() / len(ry))
    return estimate(value, error), estimate(bound, error)


def single(method: str, methods: dict[str, Estimate]) -> tuple[float, float, str, str]:
    """One method's number, without a second opinion."""
    one = methods[method]
    words = {
        "neighbors": "neighbours corrected on surrogates; no other method was asked",
        "model": "the model alone: right if the columns are mixtures under a normal or Student's copula",
        "classifier": "a classifier's mean log-ratio, cross-fitted: what it did not learn is missing",
        "bound": "at least, on average: a held-out variational bound, which is below the truth by what was not learnt",
        "uncorrected": "neighbours without correction: biased, by far more than this error bar in several dimensions",
    }
    return float(one.value), float(one.stderr), "lower bound" if method == "bound" else "estimate", words[method]


def settled(
    found: Corrected, methods: dict[str, Estimate], far: bool, functional: Functional, m: int
) -> tuple[float, float, str, str]:
    """The disagreement rule."""
    value, stderr = found.value, found.stderr
    disagree = abs(found.agreement) > DISAGREE
    if far:
        return (
            value,
            stderr,
            "estimate",
            f"farther apart than {m} points of y can show: the value leans on the models of x and y, and no classifier "
            "can check it",
        )
    if "classifier" not in methods:
        few = f"too few rows for a classifier (under {LEAST_TO_CLASSIFY})"
        if disagree:
            apart = abs(found.value - found.model)
            return (
                value,
                math.hypot(stderr, 0.5 * apart),
                "estimate",
                f"the shape of the data is not that of the model: neighbours say {value:.3g}, the model "
                f"{found.model:.3g}; {few}",
            )
        return value, stderr, "estimate", f"neighbours and model agree; {few} to check them"
    learned, error = float(methods["classifier"].value), float(methods["classifier"].stderr)
    bound, bound_error = float(methods["bound"].value), float(methods["bound"].stderr)
    trusted = found.ess > LEAST_WEIGHT
    if trusted and bound - 2.0 * bound_error > value + 2.0 * stderr:
        return (
            max(learned, bound),
            error,
            "lower bound",
            f"at least: a classifier sees structure that neighbours don't (they say {value:.3g}, its held-out bound is "
            f"{bound:.3g})",
        )
    if disagree and found.trend > DISAGREE and found.value > found.model:
        return (
            max(value, learned),
            max(stderr, error),
            "lower bound",
            f"at least: structure is finer than the distances between points; neighbours say {value:.3g} and more the "
            f"closer they look, a classifier {learned:.3g}",
        )
    if disagree:
        between = found.share * value + (1.0 - found.share) * learned
        return (
            between,
            math.hypot(max(stderr, error), 0.5 * (value - learned)),
            "estimate",
            f"the shape of the data is not that of the model: neighbours say {value:.3g}, a classifier {learned:.3g}; "
            "the value lies between, and the interval covers both",
        )
    return value, stderr, "estimate", "neighbours, model and classifier agree"


def begin(
    x: Rows, y: Rows, key: Rows | None, chosen: Settings
) -> tuple[np.ndarray, np.ndarray, np.random.Generator, tuple[int, int]]:
    """Checked samples and a generator."""
    first, second, dropped = _input.pair(x, y, chosen.nan, max(chosen.ks))
    rng = _input.generator(key)
    return first, second, rng, dropped


def with_dropped(found: SampleEstimate, dropped: tuple[int, int]) -> SampleEstimate:
    """Says how many rows were left out."""
    if not any(dropped):
        return found
    verdict = f"{found.verdict}; {dropped[0]} rows of x and {dropped[1]} of y with NaN were left out"
    return found._replace(dropped=dropped, verdict=verdict)
