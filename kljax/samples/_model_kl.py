"""How far a model is from the distribution that data come from, and whether it is at all.

    T = mean log p̂(x) - mean log q̂(x)

estimates KL(p‖q̂), p̂ the density that spacings or neighbours see at the points themselves. Its bias, its spread and its
law where the model is true come from the parametric bootstrap: samples of this size from q̂, to each of which the family
is fitted again, give T*. So

    value = T - mean T*,    p = (1 + #{T* ≥ T})/(B + 1),
    stderr² = Var(T*) + max(Var_x(log p̂ - log q̂) - v, 0)/n:

the spread where the model is true, and what the log-ratio varies beyond what the estimate of p̂ makes it vary, v. That
is ψ'(2m) inside a sample and more in the tails; in samples of the model it is mean Var*(log p̂* - log q̂*), in those of
another it may be less, and v lies halfway between. Fitting again is what makes p right: a test against fitted
parameters as though they were known hardly ever rejects.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import special

from kljax import _formatting
from kljax._names import advised
from kljax._types import Rows
from kljax.families._internal import is_family
from kljax.samples import _distribution_function, _models, _spacings
from kljax.samples._models import Fits, Model
from kljax.samples._ranking import generator, read_points

PIECE = 4_000_000  # numbers of the samples that are held at once
LEVEL = 0.05
FEWEST = 39  # with fewer samples no p-value of two could be below the level


class ModelFit(NamedTuple):
    """How far a model is from what the data come from.

    Attributes:
        value: KL(data‖model) in nats, less its bias; it scatters about 0 where the model is true, and isn't cut off.
        stderr: Its standard error.
        ess: The number of points.
        p_value: How often samples of the model, fitted again, are as far from it by this measure; most telling against
            short tails and several modes.
        anderson_darling: The same by Anderson and Darling's statistic, which is more telling against heavy tails; NaN
            where there is no distribution function.
        fitted: The model as it was fitted.
        family: What it is called.
        notes: What was done to the data.
    """

    value: jax.Array
    stderr: jax.Array
    ess: jax.Array
    p_value: float
    anderson_darling: float
    fitted: Any
    family: str
    notes: tuple[str, ...] = ()

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """value ± z stderr, cut off at 0."""
        if not 0.0 < level < 1.0:
            raise ValueError(f"level must lie in (0, 1), for instance 0.95; got {level!r}.")
        reach = float(special.ndtri(0.5 + 0.5 * level)) * float(self.stderr)
        return max(float(self.value) - reach, 0.0), max(float(self.value) + reach, 0.0)

    @property
    def verdict(self) -> str:
        """What was found, in words. Of two tests each is held to half of 5 %."""
        tests = [self.p_value] + ([] if np.isnan(self.anderson_darling) else [self.anderson_darling])
        low, high = self.interval()
        size = f"{_formatting.plus_minus(float(self.value), float(self.stderr))} nats a point"
        words = f"p = {self.p_value:.2g}" + (f", by Anderson-Darling {tests[1]:.2g}" if len(tests) > 1 else "")
        if np.isinf(float(self.value)):
            said = f"Not {self.family}: it gives some points no probability at all."
        elif min(tests) * len(tests) > LEVEL:
            said = f"{self.family} is not refuted by {float(self.ess):.0f} points ({words}); "
            said += f"if it is wrong, then by {high:.2g} nats a point at most."
        elif low > 0.0:
            said = f"Not {self.family}: the data are {size} from it ({words})."
        else:
            said = f"Not {self.family} ({words}), though no further from it than {high:.2g} nats a point."
        return " ".join([said, *self.notes])

    def __repr__(self) -> str:
        return self.verdict


@advised
def model_kl(
    x: Rows,
    model: Any,
    *,
    key: jax.Array,
    family: Any = None,
    resamples: int = 199,
) -> ModelFit:
    """KL(p‖q̂), from n samples of p to a model q̂: how far they are apart, and whether that could be chance.

    A family (a class of ``kljax.families``, a family of ``scipy.stats``, an object with ``fit``) is fitted first. The
    distance is estimated by the spacings of numbers, the nearest neighbours of points, or how often whole numbers
    occur; bias, error and p-values are found by fitting again to samples from the fit. A p-value from
    ``scipy.stats.kstest`` against fitted parameters hardly ever rejects; this one does as often as it says.

    Args:
        x: The data, n numbers [n] or n points [n, d].
        model: A family to fit, or a distribution.
        key: A JAX random key.
        family: What ``model``, a distribution, is a fit of to these x: it is fitted again to each sample. Without it a
            distribution is taken as known beforehand.
        resamples: How many samples are drawn, at least 39.

    Returns:
        ``ModelFit``: ``value`` and ``stderr`` in nats a point, ``p_value``, ``anderson_darling`` and a ``verdict``.

    Raises:
        ValueError: If x is not of finite numbers, or has so few different ones that no density is there.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> from kljax.families import Gamma, Normal
        >>> x = Gamma(4.0, 1.0).sample(jax.random.key(0), (300,))
        >>> print(samples.model_kl(x, Normal, key=jax.random.key(1)).p_value)
        0.005

    References:
        Vasicek (1976), "A test for normality based on sample entropy"; Ebrahimi, Pflughoeft and Soofi (1994), "Two
        measures of sample entropy"; Stute, González-Manteiga and Presedo-Quindimil (1993), "Bootstrap based
        goodness-of-fit-tests".
    """
    points = read_points(x)
    rng, keys = generator(_key(key)), jax.random.split(key)
    if isinstance(resamples, bool) or not hasattr(resamples, "__index__") or resamples < FEWEST:
        raise ValueError(f"resamples must be a whole number of at least {FEWEST}; got {resamples!r}.")
    given = _models.read("model", model)
    again = given if given.fitted else None if family is None else _models.read("family", family)
    if again is not None and not again.fitted:
        raise TypeError(f"family must be a class or an object to fit; got {type(family).__name__}.")
    first = _first_fit(given, points)
    discrete = bool(_models.of_fit(given, first.one(0)))
    if not discrete:
        points, notes = _without_ties(points, rng)
    else:
        notes = ()
    if notes and given.fitted:
        first = _first_fit(given, points)
    fit, called = first.one(0), _models.called(model if family is None else family)
    found = _statistics(first, points[None], discrete)
    if np.isneginf(found.mean_log_q[0]):
        infinite, count = (jnp.asarray(one, jnp.result_type(float)) for one in (np.inf, len(points)))
        return ModelFit(infinite, jnp.zeros_like(infinite), count, 1 / (resamples + 1), np.nan, fit, called, notes)
    drawn = _bootstrap(fit, again, first, keys[0], len(points), points.shape[1:], resamples, discrete)
    distance, like = found.distance[0], drawn.distance
    own = _spacings.noise(len(points), points.ndim == 1 or points.shape[1] == 1, discrete)
    more = max(found.variance[0] - 0.5 * (own + drawn.variance.mean()), 0.0)
    numbers = (distance - like.mean(), np.sqrt(like.var(ddof=1) + more / len(points)), len(points))
    value, stderr, count = (jnp.asarray(one, jnp.result_type(float)) for one in numbers)
    tails = found.squared is not None and drawn.squared is not None
    return ModelFit(
        value,
        stderr,
        count,
        p_value=_rank(distance, like),
        anderson_darling=_rank(found.squared[0], drawn.squared) if tails else np.nan,  # type: ignore[index, arg-type]
        fitted=fit,
        family=called,
        notes=notes,
    )


class Statistics(NamedTuple):
    """What is computed of each of R samples and its fit."""

    distance: np.ndarray  # [R], T
    variance: np.ndarray  # [R], of the log-ratio over the points
    squared: np.ndarray | None  # [R], A²
    mean_log_q: np.ndarray  # [R]


def _statistics(fits: Fits, samples: np.ndarray, discrete: bool) -> Statistics:
    if samples.ndim == 2:
        samples = np.sort(samples, -1)  # as log_densities has them
    log_p, log_q = _spacings.log_densities(samples, discrete), _models.scores_of_samples("model", fits, samples)
    with np.errstate(invalid="ignore"):
        ratio = log_p - log_q
        variance = ratio.var(-1, ddof=1)
    levels = _distribution_function.levels(fits, samples) if samples.ndim == 2 and not discrete else None
    squared = None if levels is None else _spacings.anderson_darling(levels)
    return Statistics(ratio.mean(-1), variance, squared, log_q.mean(-1))


def _bootstrap(
    fit: Any,
    again: Model | None,
    first: Fits,
    key: jax.Array,
    n: int,
    event: tuple[int, ...],
    count: int,
    discrete: bool,
) -> Statistics:
    """The statistics of samples from the fit, each fitted again."""
    size = n * int(np.prod(event, dtype=int))
    piece = max(1, min(count, PIECE // size))
    parts = []
    for index, start in enumerate(range(0, count, piece)):
        rows = min(piece, count - start)
        samples = _models.draw("model", fit, jax.random.fold_in(key, index), piece, n, event)
        if again is None:
            fits = _repeated(first, piece)
        else:
            assert again.fit_each is not None
            fits = again.fit_each(samples)
        found = _statistics(fits, samples, discrete)
        parts.append(jax.tree.map(lambda one, rows=rows: one[:rows], found))

    def together(name: str) -> Any:
        return np.concatenate([getattr(one, name) for one in parts])

    squared = None if parts[0].squared is None else together("squared")
    return Statistics(together("distance"), together("variance"), squared, together("mean_log_q"))


def _first_fit(given: Model, points: np.ndarray) -> Fits:
    if given.fitted:
        assert given.fit_each is not None
        return given.fit_each(points[None])
    if is_family(given.known):
        return Fits(jax.tree.map(lambda leaf: leaf[None], given.known), True)
    return Fits([given.known], False)


def _repeated(first: Fits, count: int) -> Fits:
    if first.batched:
        return Fits(jax.tree.map(lambda leaf: jnp.repeat(leaf, count, 0), first.held), True)
    return Fits(first.held * count, False)


def _rank(value: float, like: np.ndarray) -> float:
    return float((1 + np.sum(like >= value)) / (len(like) + 1))


def _without_ties(points: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, tuple[str, ...]]:
    """Rounded numbers are spread over the step that they were rounded to, which hardly changes a divergence."""
    columns = points.reshape(len(points), -1).copy()
    steps = []
    for column in columns.T:
        different = np.unique(column)
        if len(different) == len(column):
            steps.append(0.0)
            continue
        if len(different) < 10:
            raise ValueError(
                f"x must come from a density; it has only {len(different)} different values. For whole numbers give a "
                "family of them (Poisson, NegativeBinomial, ...), for labels kljax.counts."
            )
        steps.append(float(np.diff(different).min()))
    if not any(steps):
        return points, ()
    columns += np.array(steps) * (rng.random(columns.shape) - 0.5)
    shown = ", ".join(f"{one:.3g}" for one in steps if one)
    return columns.reshape(points.shape), (f"Values that occur more than once were spread over steps of {shown}.",)


def _key(key: Any) -> jax.Array:
    if not isinstance(key, jax.Array):
        raise TypeError(f"key must be a JAX random key, as jax.random.key(0) makes it; got {type(key).__name__}.")
    return key
