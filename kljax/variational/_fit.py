"""``fit``: from a log-density and a guide to the closest q, without tuning."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kljax import _checks
from kljax._names import advised
from kljax._types import GradientEstimator
from kljax.variational import _draws, _gradients
from kljax.variational._frame import fit_frame, log_weights
from kljax.variational._guides import Guide, Params
from kljax.variational._latents import check_log_density
from kljax.variational._loop import fit_free
from kljax.variational._objectives import Objective, elbo
from kljax.variational._result import FitResult
from kljax.variational._run import Run, Settings, Stage
from kljax.variational._targets import Target

if TYPE_CHECKING:
    import optax  # imported where a step is made, so that all else works without it

EVALUATION_DRAWS = 4096
EVALUATED = 2**22  # numbers that the evaluation draws may fill before there are fewer of them


@advised
def fit(
    target: Callable[[Any], Any] | Target,
    guide: Guide,
    *,
    key: jax.Array,
    objective: Objective | None = None,
    gradient: GradientEstimator | None = None,
    optimizer: optax.GradientTransformation | None = None,
    steps: int | None = None,
    num_draws: int = 64,
    starts: int = 4,
    init: Any = None,
    init_scale: float = 1.0,
    draws: Any = None,
    evaluation_draws: int | None = None,
    progress: bool | None = None,
    callback: Callable[[int, float], Any] | None = None,
    checkpoint: str | Path | None = None,
) -> FitResult:
    """The member q of ``guide`` that is closest to the target p, known up to a constant.

    A Gaussian under the ELBO is fitted by natural-gradient steps on fixed draws, which need no learning rate: several
    starts search, the best is polished on all draws. For every other guide or objective this comes first and whitens
    the problem, and stochastic steps follow, with a learning rate that falls by half whenever the objective has stopped
    rising; when it has fallen six times, or after ``steps`` steps, the fit ends.

    Everything works under ``jit`` and ``vmap``, where a fit is a pure function; then there is no progress bar, no
    callback and no checkpoint, and the base draws are those of ``jax.random``.

    Args:
        target: The log-density of one latent, without batch axes; or a ``Target``, from a bridge.
        guide: The family of q, as ``full_rank(dim)``.
        key: A key of ``jax.random``; all that is random follows from it.
        objective: What is maximised; ``elbo()`` by default.
        gradient: The gradient estimator by name, as in ``value_and_grad``; the best one that serves by default.
        optimizer: Any optax optimiser for the stochastic steps; it then owns the learning rate, and all ``steps`` are
            taken. By default Adam, annealed as above.
        steps: At most so many stochastic steps, 2000 by default; for a Gaussian under the ELBO, so many steps of its
            search and of its polish.
        num_draws: Draws of a stochastic step.
        starts: Starts of the search, or of the fit where the guide is no Gaussian seen through a frame.
        init: The latent about which the starts lie, zero by default; the first start is there, the others up to 2
            scales away in each coordinate.
        init_scale: The standard deviation of q at the first start; the starts after it try narrower ones too.
        draws: Base draws that replace those of the key in the fit: for natural steps an array [n, d] of standard normal
            numbers, n a multiple of the starts; for stochastic steps alone [steps, num_draws, ...].
        evaluation_draws: Fresh draws by which the result is judged, at least 25; 4096 by default, and fewer beyond
            1000 coordinates.
        progress: Show a progress bar (``tqdm``); by default if it is installed and the output is a terminal.
        callback: Called between chunks of steps as (steps taken, objective); a true result ends the fit.
        checkpoint: A file in which the state is kept between chunks of stochastic steps. A fit that finds it there
            goes on from it, with more ``steps`` if more are asked for. Without one too a fit that is interrupted
            (Ctrl-C) returns what it has, and says so.

    Returns:
        A ``FitResult``.

    Raises:
        ValueError: If the target is not finite wherever the fit began, or objective, gradient estimator and guide do
            not go together.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from kljax import variational
        >>> def log_density(x):
        ...     return -0.5 * jnp.sum((x - jnp.arange(2.0)) ** 2 / jnp.array([1.0, 9.0]))
        >>> result = variational.fit(log_density, variational.full_rank(2), key=jax.random.key(0))
        >>> print(f"{result.elbo.value:.3f} {result.params.frame.loc[1]:.3f}")
        2.936 1.000

    References:
        Kucukelbir et al. (2017), "Automatic differentiation variational inference"; Agrawal, Sheldon and Domke (2020),
        "Advances in black-box VI"; Yao, Vehtari, Simpson and Gelman (2018), "Yes, but did it work?".
    """
    objective = elbo() if objective is None else objective
    if not isinstance(guide, Guide):
        raise TypeError(f"guide must be a guide, as variational.full_rank(dim); got {guide!r}.")
    default = _gradients.default(objective, guide)
    gradient = default if gradient is None else gradient
    _gradients.check(objective, gradient, guide)
    _checks.key("key", key)
    _check_counts(steps=steps, num_draws=num_draws, starts=starts, evaluation_draws=evaluation_draws)
    _checks.number("init_scale", init_scale, low=0.0, open_low=True)
    plain = guide.gaussian and objective is elbo() and optimizer is None and gradient == default
    if guide.mode and not plain:
        raise ValueError(
            f"{guide.name} is given by the mode alone: it takes no objective, optimizer or gradient. For these use "
            "full_rank."
        )
    if init is not None and guide.frame is None:
        raise ValueError(f"init has no meaning for {guide.name}; its parameters say where it begins.")
    log_density = target.log_density if isinstance(target, Target) else target
    traced = check_log_density(log_density, _example(guide)) or isinstance(key, jax.core.Tracer)
    if objective.covers and not traced:
        _check_cover(log_density, guide, objective)
    settings = Settings(optimizer, steps, num_draws, starts, init, init_scale, draws, evaluation_draws, checkpoint)
    run = Run(log_density, guide, objective, gradient, traced, progress, callback, settings)
    # optax and flax are not written for strict promotion, and neither need the target be.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        return _fitted(run, key, plain)


def _check_cover(log_density: Callable[[Any], Any], guide: Guide, objective: Objective) -> None:
    """Raises if the target has mass beside the support of q: the objective is infinite, and no draw would show it."""
    for point in guide.outside():
        value = float(log_density(point))
        if np.isfinite(value):
            raise ValueError(
                f"objective {objective.name} needs q to cover the target, and {guide.name} does not: at {point} its "
                f"density is 0 and the target's log-density {value:.3g}. Use elbo(), or a guide on the whole space."
            )


def _fitted(run: Run, key: jax.Array, plain: bool) -> FitResult:
    """The stages and the verdict on the last; ``plain`` where natural steps are all that is needed."""
    frame_source, loop_source, begin_source, fresh_source = _draws.split(key, 4, traced=run.traced)
    stages: list[Stage] = []
    frame = None
    if run.guide.frame is not None:
        stages.append(fit_frame(run, frame_source, final=plain))
        frame = stages[0].params.frame
        plain = plain or stages[0].interrupted  # what was cut off is judged as it is
    count = 1 if run.guide.frame is not None else run.settings.starts
    begun = [Params(frame, run.guide.begin(_draws.child(begin_source, index))) for index in range(count)]
    if plain:
        stages[0] = stages[0]._replace(params=begun[0])
    else:
        stages.append(fit_free(run, loop_source, begun))
    return _judge(run, fresh_source, stages)


def _example(guide: Guide) -> Any:
    """The shapes and dtypes of one latent."""
    if guide.latent is not None:
        return guide.latent.example

    def draw() -> Any:
        noise = guide.noise(jax.random.key(0), (1,))
        params = Params(None, guide.begin(jax.random.key(0)))
        return guide.push(params, jax.tree.map(lambda leaf: leaf[0], noise), 0)[0]

    return jax.eval_shape(draw)


def _check_counts(**counts: Any) -> None:
    least = {"evaluation_draws": 25, "num_draws": 2}
    for name, value in counts.items():
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int):
            raise TypeError(f"{name} must be an int; got {value!r}.")
        if value < least.get(name, 1):
            raise ValueError(f"{name} must be at least {least.get(name, 1)}; got {value}.")


def _evaluate(
    log_density: Callable[[Any], Any], guide: Guide, params: Params, noise: Any, chances: Any
) -> tuple[Any, jax.Array]:
    """Points of q and their log-weights."""
    parts = jnp.zeros(chances.shape, int)
    if guide.components > 1:
        parts = jnp.searchsorted(jnp.cumsum(jnp.exp(guide.log_shares(params))), chances)
        parts = jnp.minimum(parts, guide.components - 1)

    def one(draw: Any) -> tuple[Any, jax.Array]:
        base, part = draw
        point, log_q = guide.push(params, base, part)
        return point, jnp.asarray(log_density(guide.to_latent(point))).astype(log_q.dtype) - log_q

    return lax.map(one, (noise, parts), batch_size=512)


_evaluated = functools.partial(jax.jit, static_argnums=(0, 1))(_evaluate)


def _judge(run: Run, source: Any, stages: list[Stage]) -> FitResult:
    """The result of the last stage, with what fresh draws say of it."""
    last, count = stages[-1], run.settings.evaluation_draws
    params = last.params
    if count is None:
        dim = run.guide.latent.dim if run.guide.latent is not None else 1
        count = max(512, min(EVALUATION_DRAWS, EVALUATED // dim))
    noise = run.guide.noise(_draws.child(source, 0), (count,))
    if len(stages) == 1 and params.frame is not None and not run.traced:
        points, log_w = log_weights(run, params.frame, noise)
    else:
        chances = _draws.uniform(_draws.child(source, 1), (count,), jnp.result_type(float))
        evaluate = _evaluate if run.traced else _evaluated
        points, log_w = evaluate(run.log_density, run.guide, params, noise, chances)
    return FitResult(
        guide=run.guide,
        objective=run.objective.name,
        params=params,
        points=points,
        log_weights=log_w,
        trace=last.trace,
        steps=last.steps,
        gradients=sum(stage.gradients for stage in stages),
        nonfinite=sum(stage.nonfinite for stage in stages),
        converged=last.converged,
        seconds=run.seconds,
        interrupted=last.interrupted,
    )
