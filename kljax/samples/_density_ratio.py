"""A fitted log-ratio that can be differentiated, with what rows that it wasn't fitted to say of it."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax._names import advised
from kljax._types import Nan, Rows
from kljax.generators import Generator
from kljax.montecarlo import Estimate
from kljax.samples import _input
from kljax.samples._critics import Chain, evaluate, fit_copulas, fit_kernels, fit_quadratic, waypoints
from kljax.samples._estimate import estimate

MODELS = ("quadratic", "copula", "mlp", "rulsif", "telescoping")
LINKS = 5


class Calibration(NamedTuple):
    """Whether a ratio's numbers can be taken at face value, from rows that it wasn't fitted to.

    Attributes:
        mean_weight: The mean of p/q over y; 1 if the ratio is right, and far below where p has mass that y doesn't
            show.
        stderr: Its standard error.
        slope: By what factor log p/q should be multiplied so that it predicts best which sample a row is from: below 1
            the ratio is overconfident, above 1 too cautious.
    """

    mean_weight: jax.Array
    stderr: jax.Array
    slope: jax.Array


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Ratio:
    """log p/q as a function, fitted to samples; a pytree, so that it passes through jit.

    Attributes:
        critics: One fitted function for each fold, whose mean is the log-ratio.
        held_x: The log-ratio at rows of x, each by a function that wasn't fitted to it, [n].
        held_y: The same at rows of y, [m].
    """

    critics: tuple[Any, ...]
    held_x: jax.Array
    held_y: jax.Array

    def log_ratio(self, rows: Rows) -> jax.Array:
        """log p/q at rows, differentiable in them, under jit and vmap.

        For draws x = g_θ(z), the gradient of the mean of this is that of KL in θ where the fit is good: at the best
        critic the value doesn't change with the critic.

        Args:
            rows: Where, [..., d] for d columns, or [...] for samples of one column given as [n].

        Returns:
            Nats, [...].

        Raises:
            ValueError: If there are other columns than the samples had.
        """
        array = jnp.asarray(rows)
        width = self._width()
        single = width == 1 and (array.ndim == 0 or array.shape[-1] != 1)
        array = array[..., None] if single else array
        if array.ndim == 0 or array.shape[-1] != width:
            raise ValueError(f"rows must have {width} columns, as the samples had; got shape {array.shape}.")
        flat = array.reshape(-1, width).astype(self.held_x.dtype)
        value = sum(one(flat) for one in self.critics) / len(self.critics)
        return value.reshape(array.shape[:-1])

    def kl(self) -> Estimate:
        """KL(p‖q) as the mean of log p/q over held-out x; what was not learnt is missing from value and error."""
        at_x, at_y = np.asarray(self.held_x, np.float64), np.asarray(self.held_y, np.float64)
        weights = np.exp(at_y - at_y.max())
        ess = float(weights.sum() ** 2 / np.square(weights).sum())
        return estimate(float(at_x.mean()), float(at_x.std(ddof=1)) / math.sqrt(len(at_x)), ess)

    def bound(self, which: str | Generator = "dv") -> Estimate:
        """A lower bound, on average, from held-out rows: "dv" and "nwj" of KL(p‖q), or that of a generator's
        divergence.

        Args:
            which: "dv" (Donsker and Varadhan's), "nwj" (Nguyen, Wainwright and Jordan's), or a generator, with the
                critic f'(p/q).

        Returns:
            The bound in nats, its standard error and the effective sample size of the weights p/q.

        Raises:
            ValueError: If ``which`` is something else.
        """
        at_x, at_y = np.asarray(self.held_x, np.float64), np.asarray(self.held_y, np.float64)
        ess = float(self.kl().ess)
        if isinstance(which, Generator):
            slope_x, slope_y = (np.asarray(which.slope(jnp.asarray(one, float))) for one in (at_x, at_y))
            cost = np.asarray(which.conjugate(jnp.asarray(slope_y)))
            error = math.sqrt(slope_x.var(ddof=1) / len(at_x) + cost.var(ddof=1) / len(at_y))
            return estimate(float(slope_x.mean() - cost.mean()), error, ess)
        if which not in ("dv", "nwj"):
            raise ValueError(f'which must be "dv", "nwj" or a generator of kljax.generators; got {which!r}.')
        top = at_y.max()
        weights = np.exp(at_y - top)
        mean = weights.mean()
        by_dv = which == "dv"
        value = at_x.mean() - (top + math.log(mean) if by_dv else math.exp(top) * mean - 1.0)
        spread = weights.std(ddof=1) / mean if by_dv else weights.std(ddof=1) * math.exp(top)
        error = math.sqrt(at_x.var(ddof=1) / len(at_x) + spread**2 / len(at_y))
        return estimate(float(value), error, ess)

    @property
    def calibration(self) -> Calibration:
        """How far the held-out numbers can be taken at face value."""
        at_x, at_y = np.asarray(self.held_x, np.float64), np.asarray(self.held_y, np.float64)
        weights = np.exp(np.minimum(at_y, 80.0))
        slope = 1.0
        for _ in range(30):  # Newton on the log-loss of slope · logit
            odds_x, odds_y = 1.0 / (1.0 + np.exp(np.clip(slope * at_x, -50, 50))), 1.0 / (
                1.0 + np.exp(np.clip(-slope * at_y, -50, 50))
            )  # fmt: skip
            gradient = -(odds_x * at_x).mean() + (odds_y * at_y).mean()
            curvature = (odds_x * (1 - odds_x) * at_x**2).mean() + (odds_y * (1 - odds_y) * at_y**2).mean()
            slope -= float(np.clip(gradient / max(curvature, 1e-12), -1.0, 1.0))
        error = float(weights.std(ddof=1)) / math.sqrt(len(weights))
        return Calibration(*(jnp.asarray(one, float) for one in (float(weights.mean()), error, slope)))

    def _width(self) -> int:
        first = self.critics[0]
        first = first.links[0] if isinstance(first, Chain) else first
        centre = first.p.maps[0] if hasattr(first, "p") else first.centre
        return int(centre.shape[0])


@advised
def density_ratio(
    x: Rows,
    y: Rows,
    *,
    key: Rows | None = None,
    model: Any = "copula",
    folds: int = 2,
    offset: Literal["copula"] | None = "copula",
    init: Ratio | None = None,
    nan: Nan = "raise",
) -> Ratio:
    """log p/q as a differentiable function, fitted to samples x of p and y of q, with held-out numbers beside it.

    - "quadratic": logistic regression on columns and their products, which holds all pairs of normal distributions.
    - "copula": the models that ``kl`` fits, columns as mixtures under a normal or Student's copula.
    - "mlp": a network of two hidden layers of 64, in flax's nnx, trained on the log-loss.
    - "rulsif": a relative ratio in kernels, by least squares; bounded, hence too small where p and q are far apart.
    - "telescoping": for p and q far apart, the sum of five ratios between samples on the way from x to y.
    - a module of flax's nnx that maps [n, d], standardised, to [n] or [n, 1]: trained as "mlp" is.

    Args:
        x: Samples of p, [n, d] or [n], of any floating dtype.
        y: Samples of q, [m, d] or [m].
        key: A key of ``jax.random``. It is required.
        model: One of the names above, or a module of ``flax.nnx``.
        folds: How many parts the samples are cut into; each critic is fitted to all but one, and judged on that one.
        offset: "copula": networks learn what is missing from that model; ``None``: they begin at zero.
        init: A ``Ratio`` of the same network, from which training goes on; for refitting as samples move.
        nan: "raise", or "drop" to leave out rows with NaN.

    Returns:
        A ``Ratio``: ``.log_ratio(rows)``, ``.kl()``, ``.bound()``, ``.calibration``.

    Raises:
        ValueError: If a sample is too small, or has NaN, infinite entries or constant columns.
        TypeError: If a sample is traced, or ``key`` is missing.

    Example:
        >>> import jax
        >>> from kljax import samples
        >>> x, y = jax.random.normal(jax.random.key(0), (2, 2000, 2))
        >>> ratio = samples.density_ratio(x + 1.0, y, key=jax.random.key(1), model="quadratic")
        >>> slope = jax.grad(lambda at: ratio.log_ratio(at))(jax.numpy.zeros(2))  # exactly: 1, 1
        >>> print(bool(abs(slope - 1.0).max() < 0.3))
        True

    References:
        Yamada et al. (2013), "Relative density-ratio estimation for robust distribution comparison". Rhodes, Xu &
        Gutmann (2020), "Telescoping density-ratio estimation".
    """
    if isinstance(model, str):
        _input.option("model", model, MODELS)
    elif not callable(model):
        raise TypeError(f"model must be one of {', '.join(MODELS)} or a flax.nnx module; got {model!r}.")
    if offset not in ("copula", None):
        raise ValueError(f'offset must be "copula" or None; got {offset!r}.')
    _input.positive("folds", folds, 2)
    if init is not None and not isinstance(init, Ratio):
        raise TypeError(f"init must be a Ratio, as density_ratio returns; got {type(init).__name__}.")
    x_, y_, _ = _input.pair(x, y, nan, 4)
    rng = _input.generator(key)
    if min(len(x_), len(y_)) < 10 * folds:
        raise ValueError(
            f"x and y must have at least {10 * folds} rows for {folds} folds; got {len(x_)} and {len(y_)}."
        )
    if init is not None and (len(init.critics) != folds or init._width() != x_.shape[1]):
        raise ValueError(f"init must have {folds} folds and {x_.shape[1]} columns, as asked for here.")
    parts = [np.array_split(rng.permutation(len(one)), folds) for one in (x_, y_)]
    held_x, held_y = np.empty(len(x_)), np.empty(len(y_))
    critics = []
    for fold in range(folds):
        out_x, out_y = parts[0][fold], parts[1][fold]
        begun = None if init is None else init.critics[fold]
        critic = _fit(np.delete(x_, out_x, 0), np.delete(y_, out_y, 0), model, offset, rng, begun)
        held_x[out_x] = np.asarray(evaluate(critic, jnp.asarray(x_[out_x], float)))
        held_y[out_y] = np.asarray(evaluate(critic, jnp.asarray(y_[out_y], float)))
        critics.append(critic)
    return Ratio(tuple(critics), jnp.asarray(held_x, float), jnp.asarray(held_y, float))


def _fit(
    x: np.ndarray, y: np.ndarray, model: Any, offset: str | None, rng: np.random.Generator, begun: Any
) -> Callable[[jax.Array], jax.Array]:
    if model == "quadratic":
        return fit_quadratic(x, y)
    if model == "copula":
        return fit_copulas(x, y)
    if model == "rulsif":
        return fit_kernels(x, y, rng)
    if model == "telescoping":
        way = waypoints(x, y, rng, LINKS)
        return Chain(tuple(fit_quadratic(a, b) for a, b in itertools.pairwise(way)))
    from kljax.samples._network import Network, fit_network, perceptron

    if begun is not None and not isinstance(begun, Network):
        raise ValueError("init must hold networks, to go on training them.")
    module = perceptron(x.shape[1], int(rng.integers(2**31))) if isinstance(model, str) else copy.deepcopy(model)
    return fit_network(x, y, module, fit_copulas(x, y) if offset == "copula" else None, rng, begun)
