"""A model as the caller holds it ─▶ what can be asked of it: scores, fits to weighted rows and to samples, draws.

known     a record, an object with log_prob or logpdf, a function: scores at once, nothing is fitted
families  a class of kljax.families: all folds or resamples in one compiled program
fitters   a family of scipy.stats, a pair of it with what is held fixed, or any object with ``fit``: one at a time
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax.families._internal import is_family
from kljax.samples import _likelihood


class Fits(NamedTuple):
    """Fits to several rows: a batch of records, or a list of objects."""

    held: Any
    batched: bool

    def one(self, row: int) -> Any:
        """The fit to one row."""
        return jax.tree.map(lambda leaf: leaf[row], self.held) if self.batched else self.held[row]


class Model(NamedTuple):
    """What can be asked of a model; ``fit_rows`` and ``fit_each`` are None where it is known beforehand."""

    known: Any
    fit_rows: Callable[[np.ndarray, np.ndarray], Fits] | None  # x [n, ...], weights [R, n]
    fit_each: Callable[[np.ndarray], Fits] | None  # samples [R, n, ...]
    discrete: bool | None  # whether it gives probabilities rather than densities; None where it doesn't say

    @property
    def fitted(self) -> bool:
        """Whether it is fitted to the data."""
        return self.fit_rows is not None


EXPECTED = (
    "a distribution (a record of kljax.families, a frozen one of scipy.stats, anything with log_prob), a family to fit "
    "(a class of kljax.families, a family of scipy.stats, anything with fit), a function x -> log-densities, or an "
    "array of log-scores [n] or [draws, n]"
)


def read(name: str, model: Any) -> Model:
    """The model, or an error that says what it might be."""
    if isinstance(model, type):
        return _class(name, model)
    if isinstance(model, tuple) and len(model) == 2 and _is_scipy_family(model[0]) and isinstance(model[1], dict):
        return _scipy_family(name, model[0], model[1])
    if _is_scipy_family(model):
        return _scipy_family(name, model, {})
    if not is_distribution(model) and callable(getattr(model, "fit", None)):
        return _fitter(model)
    if is_distribution(model) or callable(model):
        return Model(model, None, None, _is_discrete(model))
    raise TypeError(f"{name} must be {EXPECTED}; got {type(model).__name__}.")


def is_distribution(value: Any) -> bool:
    """Whether it scores points."""
    return any(callable(getattr(value, one, None)) for one in ("log_prob", "logpdf", "logpmf")) and not (
        isinstance(value, type) or _is_scipy_family(value)
    )


def log_scores(name: str, model: Any, x: np.ndarray) -> np.ndarray:
    """log q(x) [n], of a distribution, a fitted object or a function."""
    if hasattr(model, "log_prob"):
        found = model.log_prob(floats(x))
    elif hasattr(model, "logpdf") or hasattr(model, "logpmf"):
        discrete = _is_discrete(model)
        # A kernel density estimate of scipy's takes dimensions first.
        turned = x.T if type(model).__name__ == "gaussian_kde" else x
        with np.errstate(all="ignore"):
            found = model.logpmf(turned) if discrete else model.logpdf(turned)
    elif hasattr(model, "score_samples"):
        found = model.score_samples(x[:, None] if x.ndim == 1 else x)
    else:
        found = model(x)
    array = np.asarray(found, np.float64)
    if array.shape != x.shape[:1]:
        raise ValueError(
            f"{name} must give one log-density for each of the {len(x)} points; it gives shape {array.shape} for x of "
            f"shape {x.shape}."
        )
    if np.isnan(array).any() or (array == np.inf).any():
        at = int(np.argmax(np.isnan(array) | (array == np.inf)))
        raise ValueError(f"{name} must give log-densities; at x = {x[at]} it gives {array[at]}.")
    return array


def scores_of_rows(name: str, fits: Fits, x: np.ndarray) -> np.ndarray:
    """log q_r(x_i) [R, n] for every fit, at the same points."""
    if fits.batched:
        return np.asarray(_likelihood.log_prob_of(fits.held, floats(x)), np.float64)
    return np.stack([log_scores(name, one, x) for one in fits.held])


def scores_of_samples(name: str, fits: Fits, samples: np.ndarray) -> np.ndarray:
    """log q_r(x_ri) [R, n], each fit at its own sample."""
    if fits.batched:
        return np.asarray(_likelihood.log_prob_of(fits.held, floats(samples)), np.float64)
    return np.stack([log_scores(name, one, x) for one, x in zip(fits.held, samples, strict=True)])


def draw(name: str, model: Any, key: jax.Array, count: int, size: int, event: tuple[int, ...]) -> np.ndarray:
    """Samples [count, size, event...]."""
    if hasattr(model, "sample") and hasattr(model, "log_prob"):
        found = np.asarray(model.sample(key, (count, size)), np.float64)
    elif hasattr(model, "rvs"):
        rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel().tolist())
        found = np.asarray(model.rvs(size=(count, size), random_state=rng), np.float64)
    else:
        raise TypeError(
            f"{name} must have sample(key, shape) or rvs(size=) to be drawn from; {type(model).__name__} has none."
        )
    if found.shape != (count, size, *event):
        raise ValueError(f"{name} must draw samples of shape {(count, size, *event)}; got {found.shape}.")
    return found


def dimension(fit: Any) -> int | None:
    """The number of parameters of a fitted record or object, where it is known."""
    if hasattr(fit, "_kljax_dim"):
        return int(fit._kljax_dim)
    leaves = jax.tree.leaves(fit)
    if leaves and all(isinstance(leaf, jax.Array) for leaf in leaves):
        covariance = sum(leaf.shape[-1] * (leaf.shape[-1] - 1) // 2 for leaf in leaves if leaf.ndim == 2)
        return sum(leaf.size for leaf in leaves) - covariance
    return None


def floats(x: np.ndarray) -> jax.Array:
    """Points as JAX's default floats."""
    return jnp.asarray(x, jnp.result_type(float))


# --- the kinds ---------------------------------------------------------------------------------------------------


def _class(name: str, family: type) -> Model:
    if not is_family(family):
        if callable(getattr(family, "fit", None)):
            return _fitter(family())
        raise TypeError(
            f"{name} must be {EXPECTED}; got the class {family.__name__}, neither of kljax.families nor with a fit."
        )
    if not _likelihood.can_fit(family):
        raise NotImplementedError(
            f"{name}: no fit of {family.__name__} by maximum likelihood is built in. Give an object whose "
            "fit(x, weights=None) returns a distribution."
        )
    instance_of = inspect.unwrap(family)
    return Model(
        None,
        lambda x, weights: Fits(_likelihood.fit_rows(instance_of, floats(x), floats(weights)), True),
        lambda samples: Fits(_likelihood.fit_each(instance_of, floats(samples)), True),
        None,
    )


class _Frozen:
    """A frozen distribution of scipy's and how many parameters were fitted."""

    def __init__(self, frozen: Any, dim: int) -> None:
        self.frozen, self._kljax_dim = frozen, dim

    def __getattr__(self, name: str) -> Any:
        return getattr(self.frozen, name)

    def __repr__(self) -> str:
        shown = ", ".join(f"{float(one):.4g}" for one in self.frozen.args)
        return f"{self.frozen.dist.name}({shown})"


def _is_scipy_family(value: Any) -> bool:
    return any(cls.__module__.startswith("scipy.stats") for cls in type(value).__mro__) and hasattr(
        value, "_parse_args"
    )


def _scipy_family(name: str, family: Any, fixed: dict[str, Any]) -> Model:
    if not hasattr(family, "fit"):
        raise TypeError(
            f"{name}: scipy.stats.{family.name} has no fit. Give an object whose fit(x, weights=None) returns a "
            "distribution, or a class of kljax.families."
        )

    def fit(x: np.ndarray) -> Any:
        with np.errstate(all="ignore"):
            found = family.fit(x, **fixed)
        return _Frozen(family(*found), len(found) - sum(one.startswith("f") for one in fixed))

    return _one_at_a_time(name, fit, family.name)


def _fitter(model: Any) -> Model:
    takes_weights = "weights" in inspect.signature(model.fit).parameters

    def fit(x: np.ndarray, weights: np.ndarray | None = None) -> Any:
        fresh = copy.deepcopy(model)
        points = x[:, None] if hasattr(fresh, "score_samples") and x.ndim == 1 else x
        found = fresh.fit(points, weights=weights) if weights is not None else fresh.fit(points)
        return fresh if found is None else found

    if not takes_weights:
        return _one_at_a_time("the model", fit, type(model).__name__)
    return Model(
        None,
        lambda x, weights: Fits([fit(x, row) for row in weights], False),
        lambda samples: Fits([fit(x) for x in samples], False),
        None,
    )


def _one_at_a_time(name: str, fit: Callable[[np.ndarray], Any], what: str) -> Model:
    def rows(x: np.ndarray, weights: np.ndarray) -> Fits:
        for row in weights:
            if np.ptp(row[row > 0]) > 0:
                raise ValueError(f"{name}: {what}.fit takes no weights, so x must be unweighted.")
        return Fits([fit(x[row > 0]) for row in weights], False)

    return Model(None, rows, lambda samples: Fits([fit(x) for x in samples], False), None)


def _is_discrete(model: Any) -> bool | None:
    kind = getattr(getattr(model, "support", None), "kind", None)
    if kind is not None:
        return bool(kind == "integers")
    if hasattr(model, "logpdf") or hasattr(model, "logpmf"):
        return not hasattr(model, "logpdf")
    return None


def of_fit(model: Model, fit: Any) -> bool | None:
    """Whether a fitted model gives probabilities rather than densities."""
    return _is_discrete(fit) if model.discrete is None else model.discrete


def names(models: Any) -> dict[str, Any]:
    """The models by name; a sequence is named by what its members are."""
    if isinstance(models, dict):
        if not all(isinstance(one, str) for one in models):
            raise TypeError(
                f"models must be named by strings; got {[one for one in models if not isinstance(one, str)]}."
            )
        found = dict(models)
    elif isinstance(models, Sequence) and not isinstance(models, str):
        listed = [(called(one), one) for one in models]
        found = dict(listed)
        if len(found) < len(listed):
            raise ValueError(f"models must have different names; got {[name for name, _ in listed]}. Give a dict.")
    else:
        raise TypeError(f"models must be a dict from names to models, or a list of them; got {type(models).__name__}.")
    if not found:
        raise ValueError("models must have at least one model; it is empty.")
    return found


def called(model: Any) -> str:
    """A name for a model, by what it is."""
    if isinstance(model, tuple):
        model = model[0]
    named = getattr(model, "__name__", None) or getattr(model, "name", None)
    named = named or getattr(getattr(model, "dist", None), "name", None)
    return str(named or type(model).__name__)
