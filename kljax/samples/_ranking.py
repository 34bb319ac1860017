"""Which model works better: log-scores on points not fitted to, compared point by point.

With s_a(x) = log q_a(x) at held-out points, the mean of s_a - s_b is KL(p‖q_b) - KL(p‖q_a): the entropy of p, which
nobody knows, drops out. Its standard error is that of paired differences, so that models are told apart that look alike
on their own error bars. (It leaves out that the fits of two folds share most of their data.)
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from scipy import optimize, special

from kljax import _checks
from kljax._names import advised
from kljax._types import Rows
from kljax.samples import _models
from kljax.samples._log_scores import difference, estimate, mean
from kljax.samples._loo import UNRELIABLE, leave_one_out
from kljax.samples._ranking_record import Ranking, Row

RESAMPLES = 1000


@advised
def rank_models(
    x: Rows,
    models: Any,
    *,
    key: jax.Array | None = None,
    folds: int = 10,
    weights: ArrayLike | None = None,
) -> Ranking:
    """E_p[log q_a - log q_b] = KL(p‖q_b) - KL(p‖q_a): which model of x is nearest to what x comes from, and how surely.

    Every model is scored by log q at points that it was not fitted to, and compared with the best point by point. A
    model is given as

    - a class of ``kljax.families``, which is fitted by maximum likelihood to the data without each fold, in one
      compiled program; a family of ``scipy.stats`` (``stats.lognorm``, or with what is held fixed
      ``(stats.lognorm, {"floc": 0})``) or any object with ``fit``, scikit-learn's densities too, by its own ``fit``;
    - a distribution that is known beforehand: a record, a frozen one of ``scipy.stats``, anything with ``log_prob``, or
      a function x ↦ log q(x). One that was fitted to the same x is favoured by about its number of parameters over n;
    - an array of log-scores [n] that were held out already, or of log-likelihoods [draws, n] at posterior draws: then
      the scores are leave-one-out, by Pareto-smoothed importance sampling, with k̂ for each point.

    Args:
        x: The data, n numbers [n] or n points [n, d].
        models: A dict from names to models, or a list of them.
        key: A key of ``jax.random``, for the folds and the resamples; a fixed one by default.
        folds: How many parts the samples are cut into; each is tested on by models fitted to the others.
        weights: Non-negative weights of the points, [n].

    Returns:
        ``Ranking``: a row for each model, the best first, with how far it is behind; ``difference(a, b)``, stacking
        ``weights``, the fits to all data in ``fitted``, ``warnings`` and a ``verdict``. It prints as a table.

    Raises:
        ValueError: If x is not of finite numbers, or densities and probabilities are mixed.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> from kljax.families import Gamma, LogNormal, Normal
        >>> x = LogNormal(0.0, 0.5).sample(jax.random.key(0), (400,))
        >>> print(samples.rank_models(x, [Normal, Gamma, LogNormal]).verdict)
        LogNormal works best, but these can't be told from it: Gamma (0.006 ± 0.010 nats a point behind).

    References:
        Vehtari, Gelman and Gabry (2017), "Practical Bayesian model evaluation using leave-one-out cross-validation and
        WAIC"; Yao, Vehtari, Simpson and Gelman (2018), "Using stacking to average Bayesian predictive distributions";
        Sivula, Magnusson, Matamoros and Vehtari (2020), "Uncertainty in Bayesian leave-one-out cross-validation based
        model comparison"; McLatchie and Vehtari (2024), "Efficient estimation and correction of selection-induced bias
        with order statistics".
    """
    points = read_points(x)
    count = len(points)
    share = _shares(weights, count)
    if isinstance(folds, bool) or not hasattr(folds, "__index__"):
        raise TypeError(f"folds must be a whole number; got {folds!r}.")
    if not 2 <= folds <= count:
        raise ValueError(f"folds must lie between 2 and the number of points, {count}; got {folds}.")
    rng = generator(key)
    fold = rng.permutation(np.arange(count) % folds)
    scored = {name: _score(name, one, points, share, fold, folds) for name, one in _models.names(models).items()}
    _one_kind(scored)
    return _ranking(scored, share, rng)


class Scored(NamedTuple):
    """What was found of one model."""

    scores: np.ndarray  # [n], log q at points not fitted to
    fit: Any
    dim: int | None
    in_sample: float | None  # mean log-score of the fit to all data
    khat: np.ndarray | None
    discrete: bool | None


def read_points(x: Rows) -> np.ndarray:
    """The data as float64 [n] or [n, d]."""
    if x is None or isinstance(x, str | dict):
        raise TypeError(f"x must be an array of numbers, [n] or [n, d]; got {type(x).__name__}.")
    if isinstance(x, jax.core.Tracer):
        raise TypeError("x must be concrete: models are fitted and compared outside jit.")
    array = np.asarray(x)
    if array.dtype.kind not in "iuf":
        raise TypeError(f"x must be an array of real numbers, [n] or [n, d]; got {array.dtype}.")
    array = array.astype(np.float64)
    if array.ndim not in (1, 2) or len(array) < 2:
        raise ValueError(
            f"x must be n numbers [n] or n points [n, d], n of at least 2; got shape {array.shape}."
            + (" One row of many numbers is one point: for n numbers give [n]." if array.shape[:1] == (1,) else "")
        )
    wrong = ~np.isfinite(array.reshape(len(array), -1)).all(1)
    if wrong.any():
        raise ValueError(
            f"x must be finite; {wrong.sum()} of its {len(array)} points are not, the first at {int(wrong.argmax())}. "
            "Leave them out: x[np.isfinite(x)] for numbers."
        )
    return array


def generator(key: jax.Array | None) -> np.random.Generator:
    """NumPy's, from a JAX key."""
    if key is None:
        return np.random.default_rng(0)
    if not isinstance(key, jax.Array):
        raise TypeError(f"key must be a JAX random key, as jax.random.key(0) makes it; got {type(key).__name__}.")
    data = jax.random.key_data(key) if jnp.issubdtype(key.dtype, jax.dtypes.prng_key) else key
    return np.random.default_rng(np.asarray(data).ravel().tolist())


def _shares(weights: ArrayLike | None, count: int) -> np.ndarray:
    if weights is None:
        return np.full(count, 1.0 / count)
    given = np.asarray(_checks.floating("weights", weights), np.float64)
    if given.shape != (count,):
        raise ValueError(f"weights must have shape ({count},), one for each point; got shape {given.shape}.")
    if not (np.isfinite(given).all() and (given >= 0).all() and given.sum() > 0):
        raise ValueError(f"weights must be non-negative, finite and not all 0; got a smallest of {given.min()}.")
    return given / given.sum()


def _score(name: str, given: Any, x: np.ndarray, share: np.ndarray, fold: np.ndarray, folds: int) -> Scored:
    label = f"models[{name!r}]"
    if isinstance(given, np.ndarray | jax.Array | list) and not callable(getattr(given, "log_prob", None)):
        return _of_array(label, given, len(x))
    model = _models.read(label, given)
    if not model.fitted:
        scores = _models.log_scores(label, model.known, x)
        return Scored(scores, model.known, None, None, None, model.discrete)
    assert model.fit_rows is not None
    rows = np.concatenate([share[None], np.where(fold == np.arange(folds)[:, None], 0.0, share)])
    fits = model.fit_rows(x, rows)
    every = _models.scores_of_rows(label, fits, x)
    held_out = every[1 + fold, np.arange(len(x))]
    if np.isnan(held_out).any():
        raise ValueError(
            f"{label} could not be fitted: it gives NaN at {int(np.isnan(held_out).sum())} of the {len(x)} points. "
            "Does its support hold the data?"
        )
    whole = fits.one(0)
    in_sample = float((share * every[0]).sum())
    return Scored(held_out, whole, _models.dimension(whole), in_sample, None, _models.of_fit(model, whole))


def _of_array(label: str, given: Any, count: int) -> Scored:
    array = np.asarray(given, np.float64)
    if array.ndim not in (1, 2) or array.shape[-1] != count:
        raise ValueError(
            f"{label} must be log-scores [n] or log-likelihoods [draws, n] of the {count} points; got shape "
            f"{array.shape}."
        )
    if np.isnan(array).any() or (array == np.inf).any():
        raise ValueError(f"{label} must be log-densities; {int((~(array < np.inf)).sum())} entries are NaN or inf.")
    if array.ndim == 1:
        return Scored(array, None, None, None, None, None)
    scores, khat = leave_one_out(label, array)
    return Scored(scores, None, None, None, khat, None)


def _one_kind(scored: dict[str, Scored]) -> None:
    masses = [name for name, one in scored.items() if one.discrete is True]
    densities = [name for name, one in scored.items() if one.discrete is False]
    if masses and densities:
        raise ValueError(
            f"models must all give densities or all probabilities, which can't be compared; {', '.join(masses)} give "
            f"probabilities of whole numbers, {', '.join(densities)} densities."
        )


def _ranking(scored: dict[str, Scored], share: np.ndarray, rng: np.random.Generator) -> Ranking:
    names = list(scored)
    scores = np.stack([scored[name].scores for name in names])  # [models, n]
    means = mean(scores, share)
    order = sorted(range(len(names)), key=lambda at: -means[at])
    best = order[0]
    wins = _wins(scores, share, rng)
    stacked = _stacking(scores, share)
    count = 1.0 / float((share**2).sum())
    rows = []
    for at in order:
        one = scored[names[at]]
        total = None if one.in_sample is None else one.in_sample * len(share)
        rows.append(
            Row(
                name=names[at],
                log_score=estimate(scores[at], share),
                behind=estimate(difference(scores[best], scores[at]), share),
                best_in=float(wins[at]),
                weight=float(stacked[at]),
                dim=one.dim,
                aic=None if total is None or one.dim is None else 2.0 * one.dim - 2.0 * total,
                bic=None if total is None or one.dim is None else math.log(len(share)) * one.dim - 2.0 * total,
                khat=None if one.khat is None else float(one.khat.max()),
                unreliable=0.0 if one.khat is None else float((one.khat > UNRELIABLE).mean()),
            )
        )
    return Ranking(
        rows=tuple(rows),
        scores={names[at]: scores[at] for at in order},
        shares=share,
        fitted={names[at]: scored[names[at]].fit for at in order if scored[names[at]].fit is not None},
        khat={name: one.khat for name, one in scored.items() if one.khat is not None},
        count=count,
    )


def _wins(scores: np.ndarray, share: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """In which share of the resamples of the points each model is the best."""
    finite = np.where(np.isfinite(scores), scores, 0.0)
    never = ~np.isfinite(scores)
    best = np.zeros(len(scores))
    count = scores.shape[1]
    piece = max(1, 2_000_000 // count)
    for start in range(0, RESAMPLES, piece):
        drawn = rng.multinomial(count, share, min(piece, RESAMPLES - start)) / count
        means = np.where(drawn @ never.T > 0, -np.inf, drawn @ finite.T)
        best += np.bincount(means.argmax(1), minlength=len(scores))
    return best / RESAMPLES


def _stacking(scores: np.ndarray, share: np.ndarray) -> np.ndarray:
    """argmax over the simplex of E log Σ_k w_k q_k, with w = softmax(t)."""
    top = scores.max(0)
    used = (share > 0) & np.isfinite(top)
    likelihood = np.exp(scores[:, used] - top[used])
    share = share[used] / share[used].sum()

    def loss(t: np.ndarray) -> tuple[float, np.ndarray]:
        weight = special.softmax(t)
        mixed = weight @ likelihood
        return -float(share @ np.log(mixed)), weight - weight * (likelihood @ (share / mixed))

    found = optimize.minimize(
        loss, np.zeros(len(scores)), jac=True, method="L-BFGS-B", options={"ftol": 1e-13, "gtol": 1e-9}
    )
    return np.asarray(special.softmax(found.x))
