"""Gradient estimators: surrogates whose derivative in the parameters of the guide is the estimate.

``value_and_grad`` evaluates target and guide at a few draws and returns an estimate of the objective with an estimate
of its gradient. Which estimator fits what:

| name | unbiased for | needs |
|---|---|---|
| ``pathwise`` | any objective that is a mean or log-mean of weights | a reparametrised guide |
| ``sticking_the_landing`` | the ELBO; without variance where q = p | a reparametrised guide |
| ``doubly_reparametrised`` | every objective; for the ELBO it is the one before | a reparametrised guide |
| ``score`` | every objective, with a leave-one-out baseline; draws may be discrete | two draws |
| ``vimco`` | the importance-weighted and Rényi bounds, with leave-one-out baselines | two draws |
| ``log_variance`` | the ELBO: half the variance of the log-weights at fixed draws | two draws |
| ``tail_adaptive`` | no fixed objective: an f-divergence that adapts to the tail of the weights | reparametrised |

Objectives by ``f_divergence`` and ``forward_kl`` normalise p̃ by the weights' mean, and are unbiased up to that.

References:
    Roeder, Wu and Duvenaud (2017), "Sticking the landing"; Tucker et al. (2019), "Doubly reparameterized gradient
    estimators for Monte Carlo objectives"; Mnih and Rezende (2016), "Variational inference for Monte Carlo
    objectives"; Kool, van Hoof and Welling (2019), "Buy 4 REINFORCE samples, get a baseline for free!"; Richter et al.
    (2020), "VarGrad: a low-variance gradient estimator for variational inference"; Wang, Liu and Liu (2018),
    "Variational inference with tail-adaptive f-divergence".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax._types import GradientEstimator
from kljax.variational._guides import Guide, Params
from kljax.variational._objectives import Objective, elbo

ESTIMATORS: tuple[GradientEstimator, ...] = (
    "pathwise",
    "sticking_the_landing",
    "doubly_reparametrised",
    "score",
    "vimco",
    "log_variance",
    "tail_adaptive",
)
"""The names of the gradient estimators; docs/variational.md says what each is unbiased for."""
NEED_PATH = ("pathwise", "sticking_the_landing", "doubly_reparametrised", "tail_adaptive")


class Step(NamedTuple):
    """An estimate of the objective and its gradient.

    Attributes:
        value: The objective, to be maximised, in nats.
        gradient: The estimate of its gradient in the free parameters.
        finite: Whether all of it is finite.
    """

    value: jax.Array
    gradient: Any
    finite: jax.Array


def check(objective: Any, gradient: Any, guide: Guide) -> None:
    """Raises unless the estimator exists and serves this objective and this guide."""
    if not isinstance(objective, Objective):
        raise TypeError(f"objective must be made by variational.elbo() or its like; got {objective!r}.")
    if gradient not in ESTIMATORS:
        raise ValueError(f"gradient must be one of {', '.join(ESTIMATORS)}; got {gradient!r}.")
    if gradient in NEED_PATH and not guide.reparametrised:
        raise ValueError(
            f"gradient={gradient!r} differentiates along the path of the draws, and {guide.name} has no reparametrised "
            "sampler: use gradient='score' or 'log_variance'."
        )
    only_elbo = gradient in ("sticking_the_landing", "log_variance", "tail_adaptive")
    if only_elbo and objective is not elbo():
        better = {"log_variance": "score", "tail_adaptive": "doubly_reparametrised"}.get(
            gradient, "doubly_reparametrised"
        )
        raise ValueError(f"gradient={gradient!r} is right only for elbo(); for {objective.name} use {better!r}.")
    if gradient == "pathwise" and not objective.separate:
        raise ValueError(
            f"gradient='pathwise' differentiates the estimate itself, whose normalisation depends on the guide for "
            f"{objective.name}: use 'doubly_reparametrised'."
        )
    if gradient == "vimco" and not objective.whole:
        raise ValueError(f"gradient='vimco' is for bounds on log Z by several draws; for {objective.name} use 'score'.")
    if guide.components > 1 and gradient in ("score", "vimco", "log_variance"):
        raise ValueError(
            f"gradient={gradient!r} needs draws of q that are alike, and {guide.name} is sampled part by part: use "
            "'doubly_reparametrised'."
        )


def default(objective: Objective, guide: Guide) -> GradientEstimator:
    """The estimator of least variance, or of least cost where a guide's density is expensive."""
    if not guide.reparametrised:
        return "score"
    return "doubly_reparametrised" if guide.inverts or not objective.separate else "pathwise"


def log_weights(
    target: Callable[[Any], Any], guide: Guide, params: Params, noise: Any
) -> tuple[jax.Array, jax.Array, Any]:
    """(ℓ, log shares, points) at each base draw, pushed through each component of the guide: [K·C]."""
    count = jax.tree.leaves(noise)[0].shape[0]
    parts = jnp.arange(guide.components)
    push = jax.vmap(jax.vmap(guide.push, in_axes=(None, None, 0)), in_axes=(None, 0, None))
    points, log_q = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), push(params, noise, parts))
    log_p = jax.vmap(lambda point: target(guide.to_latent(point)))(points)
    shares = jnp.tile(guide.log_shares(params) - jnp.log(float(count)), count).astype(log_q.dtype)
    return log_p.astype(log_q.dtype) - log_q, shares, points


def value_and_grad(
    target: Callable[[Any], Any],
    guide: Guide,
    params: Params,
    noise: Any,
    *,
    objective: Objective | None = None,
    gradient: GradientEstimator | None = None,
) -> Step:
    """An estimate of the objective and of its gradient in the guide's free parameters, from given base draws.

    Args:
        target: The log-density of one latent, up to a constant.
        guide: The family of q.
        params: Its parameters.
        noise: Base draws [K, ...], as ``guide.noise(key, (K,))`` makes them.
        objective: What is maximised; ``elbo()`` by default.
        gradient: The gradient estimator by name, one of those in this module's table; by default the doubly
            reparametrised one, or the score function where the guide has no reparametrised sampler.

    Returns:
        A ``Step``.

    Raises:
        ValueError: If the estimator does not serve the objective or the guide.

    Example:
        >>> import jax
        >>> from kljax import variational
        >>> guide = variational.mean_field(1)
        >>> params = variational.initial_params(guide, jax.random.key(0))
        >>> noise = guide.noise(jax.random.key(1), (64,))
        >>> step = variational.value_and_grad(lambda x: -0.5 * ((x - 1.0) ** 2).sum(), guide, params, noise)
        >>> print(f"{step.gradient.shift[0]:.4f}")
        1.0000
    """
    objective = elbo() if objective is None else objective
    gradient = default(objective, guide) if gradient is None else gradient
    check(objective, gradient, guide)
    surrogate = _SURROGATES[gradient]

    def loss(free: Any) -> tuple[jax.Array, jax.Array]:
        here = Params(lax.stop_gradient(params.frame), free)
        return surrogate(target, guide, here, noise, objective)

    (_, value), slope = jax.value_and_grad(loss, has_aux=True)(params.free)
    finite = jnp.isfinite(value)
    for leaf in jax.tree.leaves(slope):
        finite &= jnp.isfinite(leaf).all()
    return Step(value, slope, finite)


def _pathwise(target, guide, params, noise, objective):
    log_w, shares, _ = log_weights(target, guide, params, noise)
    value = objective.value(log_w, shares)
    return value, value


def _along_path(coefficients):
    def surrogate(target, guide, params, noise, objective):
        # The parameters of log q held fixed: its value stays, its score, whose mean is zero, does not.
        held = lax.stop_gradient(params)
        _, shares, points = log_weights(lambda _: 0.0, guide, params, noise)
        log_p = jax.vmap(lambda point: target(guide.to_latent(point)))(points)
        log_w = log_p - jax.vmap(lambda point: guide.log_prob(held, point))(points)
        fixed, fixed_shares = lax.stop_gradient((log_w, shares))
        # With several components the shares are parameters too.
        by_share = jax.grad(objective.value, argnums=1)(fixed, fixed_shares)
        moved = (coefficients(objective, fixed, fixed_shares) * log_w).sum() + (by_share * shares).sum()
        return moved, objective.value(fixed, fixed_shares)

    return surrogate


def _adapted(_, log_w, shares):
    # Weights by rank, γ ∝ 1/(tail probability): bounded however heavy the tail of w is.
    rank = (log_w[:, None] <= log_w[None]).mean(1, dtype=log_w.dtype)
    weights = 1.0 / rank
    return weights / weights.sum()


def _at_fixed_draws(coefficients):
    def surrogate(target, guide, params, noise, objective):
        held = lax.stop_gradient(params)
        log_w, shares, points = lax.stop_gradient(log_weights(target, guide, held, noise))
        log_q = jax.vmap(lambda point: guide.log_prob(params, point))(points)
        slopes = lax.stop_gradient(coefficients(objective, log_w, shares))
        return (slopes * log_q).sum(), objective.value(log_w, shares)

    return surrogate


def _leave_one_out(objective, log_w, shares):
    if objective.score is not None:
        return objective.score(log_w, shares)
    # value - value with ℓ_k replaced by the mean of the others, and the derivative through ℓ at fixed draws
    count = log_w.shape[0]
    others = (log_w.sum() - log_w) / (count - 1)
    replaced = jnp.where(jnp.eye(count, dtype=bool), others[:, None], log_w[None])
    baselines = jax.vmap(lambda row: objective.value(row, shares))(replaced)
    return objective.value(log_w, shares) - baselines - jax.grad(objective.value)(log_w, shares)


def _variance(objective, log_w, shares):
    count = log_w.shape[0]
    return (log_w - log_w.mean()) / (count - 1)


_SURROGATES = {
    "pathwise": _pathwise,
    "sticking_the_landing": _along_path(lambda objective, *at: objective.path(*at)),
    "doubly_reparametrised": _along_path(lambda objective, *at: objective.path(*at)),
    "score": _at_fixed_draws(_leave_one_out),
    "vimco": _at_fixed_draws(_leave_one_out),
    "log_variance": _at_fixed_draws(_variance),
    "tail_adaptive": _along_path(_adapted),
}
