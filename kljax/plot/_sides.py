"""Two operands as curves or bars: where they are looked at, their heights there, and what each place costs.

(p, q) ─▶ x, p(x), q(x), q f(p/q)(x) ≥ 0; their sum or integral is the divergence
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax import divergences, interop, probs
from kljax.generators import Generator

POINTS = 801
MOST_OUTCOMES = 2000


@dataclasses.dataclass(frozen=True)
class Sides:
    """What is drawn of a pair.

    Attributes:
        x: Points of the line, or the numbers of the outcomes.
        p: p's density, or probabilities, there.
        q: The same of q.
        cost: q f(p/q), which adds up to the divergence.
        value: The divergence.
        labels: What each outcome is called; None for densities.
    """

    x: np.ndarray
    p: np.ndarray
    q: np.ndarray
    cost: np.ndarray
    value: float
    labels: tuple[str, ...] | None


def sides(p: Any, q: Any, generator: Generator, *, x: Any = None, labels: Sequence[Any] | None = None) -> Sides:
    """Two distributions of one variable, or two rows of probabilities."""
    if not isinstance(generator, Generator):
        raise TypeError(f"generator must be a record of kljax.generators; got {generator!r}.")
    of_p, of_q = _distribution(p), _distribution(q)
    if (of_p is None) != (of_q is None):
        raise TypeError("p and q must both be distributions or both be rows of probabilities.")
    if of_p is None:
        if x is not None:
            raise TypeError("x says where densities are drawn; outcomes of rows of probabilities take labels=.")
        return _of_rows(p, q, generator, labels)
    return _of_distributions(of_p, of_q, generator, x, labels)


def _distribution(value: Any) -> Any:
    """A record of ``kljax.families``, or None for what is no distribution."""
    if hasattr(value, "log_prob") and hasattr(value, "support"):
        converted = interop.convert(value)
        return value if converted is None else converted
    return interop.convert(value)


def _of_rows(p: Any, q: Any, generator: Generator, labels: Sequence[Any] | None) -> Sides:
    value = probs.f_divergence(p, q, generator)  # which checks both
    rows = [np.asarray(one, np.float64) for one in (p, q)]
    if any(row.ndim != 1 for row in rows) or rows[0].shape != rows[1].shape:
        raise ValueError(
            f"p and q must be two rows of the same outcomes; got shapes {rows[0].shape} and {rows[1].shape}. Draw one "
            "pair at a time."
        )
    said = range(len(rows[0])) if labels is None else labels
    if len(said) != len(rows[0]):
        raise ValueError(f"labels must name the {len(rows[0])} outcomes; got {len(said)}.")
    log_p, log_q = (jnp.log(jnp.asarray(row, jnp.result_type(float))) for row in rows)
    return Sides(
        np.arange(len(rows[0])), rows[0], rows[1], _cost(generator, log_p, log_q), float(value), tuple(map(str, said))
    )


def _of_distributions(p: Any, q: Any, generator: Generator, x: Any, labels: Sequence[Any] | None) -> Sides:
    kinds = [getattr(one.support, "kind", None) for one in (p, q)]
    if not all(kind in ("interval", "integers") for kind in kinds) or kinds[0] != kinds[1]:
        raise ValueError(
            f"p and q must be distributions of one number, both on the line or both on the integers; got "
            f"{type(p).__name__} and {type(q).__name__}. Of more dimensions draw marginals, or draws (plot.region)."
        )
    integers = kinds[0] == "integers"
    if labels is not None and not integers:
        raise TypeError("labels name outcomes; densities take x=, the points where they are drawn.")
    number = jax.ShapeDtypeStruct((), jnp.result_type(float))
    if any(jax.eval_shape(one.log_prob, number).shape for one in (p, q)):
        raise ValueError("p and q must be single distributions; got a batch. Draw one pair at a time.")
    at = _points(p, q, integers) if x is None else np.sort(np.asarray(x, np.float64).ravel())
    logs = [one.log_prob(jnp.asarray(at, jnp.result_type(float))) for one in (p, q)]
    value = float(divergences.f_divergence(p, q, generator))
    said = None
    if integers:
        said = tuple(str(int(one)) for one in at) if labels is None else tuple(map(str, labels))
        if len(said) != len(at):
            raise ValueError(f"labels must name the {len(at)} outcomes; got {len(said)}.")
    of_p, of_q = (np.exp(np.asarray(one, np.float64)) for one in logs)
    return Sides(at, of_p, of_q, _cost(generator, logs[0], logs[1]), value, said)


def _cost(generator: Generator, log_p: Any, log_q: Any) -> np.ndarray:
    return np.asarray(generator.perspective(log_p, log_q), np.float64)


def _points(p: Any, q: Any, integers: bool) -> np.ndarray:
    """Where both have all but some thousandths of their mass; finely where either is narrow."""
    spans = [_span(one) for one in (p, q)]
    low, high = min(span[0] for span in spans), max(span[1] for span in spans)
    if integers:
        first, last = math.floor(low), math.ceil(high)
        if last - first >= MOST_OUTCOMES:
            raise ValueError(f"p and q spread over {last - first + 1} outcomes: say with x= which to draw.")
        return np.arange(first, last + 1, dtype=np.float64)
    return np.unique(np.concatenate([np.linspace(*span, POINTS) for span in ((low, high), *spans)]))


def _span(one: Any) -> tuple[float, float]:
    """From the 0.1 % to the 99.9 % quantile, within three interquartile ranges of the quartiles and inside the support.

    What has no quantiles is given four standard deviations about its mean.
    """
    if hasattr(one, "quantile"):
        low, first, third, high = (float(one.quantile(level)) for level in (0.001, 0.25, 0.75, 0.999))
        reach = 3.0 * (third - first)
        if reach > 0.0:
            low, high = max(low, first - reach), min(high, third + reach)
    elif hasattr(one, "mean") and hasattr(one, "variance"):
        middle, reach = float(one.mean), 4.0 * float(jnp.sqrt(one.variance))
        low, high = middle - reach, middle + reach
    else:
        low = high = math.nan
    if not math.isfinite(low) or not math.isfinite(high):
        raise ValueError(f"x must say where to draw {type(one).__name__}, which has neither quantiles nor moments.")
    bottom, top = float(one.support.low), float(one.support.high)
    # A bounded support is drawn to its ends, unless they are far off.
    low = bottom if math.isfinite(bottom) and bottom > low - 0.25 * (high - low) else max(low, bottom)
    high = top if math.isfinite(top) and top < high + 0.25 * (high - low) else min(high, top)
    return low, high
