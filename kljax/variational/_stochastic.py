"""The loop of stochastic steps: for the objectives and guides that the natural steps do not cover.

The learning rate falls by half whenever the objective has stopped rising, which anneals the fit and ends it. Steps run
in chunks of one compiled program, so that a progress bar, a callback or a checkpoint between them costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax._types import GradientEstimator
from kljax.variational import _gradients
from kljax.variational._guides import Frame, Guide, Params
from kljax.variational._objectives import Objective

if TYPE_CHECKING:
    import optax  # imported where a step is made, so that all else works without it

CHUNK = 50  # steps between two looks at the objective
HALVINGS = 6  # of the learning rate before the fit ends
PATIENCE = 2  # chunks without a rise before it is halved


class State(NamedTuple):
    """Where a fit stands.

    Attributes:
        params: The guide's parameters.
        optimizer: The optimiser's state.
        step: Steps taken.
        nonfinite: Steps skipped because a value or a gradient was not finite.
        best: The highest mean objective of a chunk.
        waited: Chunks since then.
        halvings: How often the learning rate was halved.
    """

    params: Params
    optimizer: Any
    step: jax.Array
    nonfinite: jax.Array
    best: jax.Array
    waited: jax.Array
    halvings: jax.Array


def initial_params(guide: Guide, key: jax.Array, *, loc: Any = None, scale: float | jax.Array = 1.0) -> Params:
    """Parameters to start from: a frame at ``loc``, zero by default, of the given scale.

    Args:
        guide: The family of q.
        key: A key of ``jax.random``.
        loc: A latent, the centre; only for guides that are made of a Gaussian.
        scale: The standard deviation of every coordinate.

    Returns:
        ``Params``.

    Raises:
        ValueError: If the guide has no centre to set.

    Example:
        >>> import jax
        >>> from kljax import variational
        >>> guide = variational.full_rank(2)
        >>> variational.initial_params(guide, jax.random.key(0)).frame.loc
        Array([0., 0.], dtype=float32)
    """
    if guide.latent is None:
        if loc is not None:
            raise ValueError(f"loc has no meaning for {guide.name}; its parameters say where it begins.")
        return Params(None, guide.begin(key))
    dtype = jnp.result_type(float)
    centre = jnp.zeros(guide.latent.dim, dtype) if loc is None else guide.latent.ravel(loc).astype(dtype)
    spread = jnp.full(guide.latent.dim, scale, dtype)
    frame = Frame(centre, jnp.diag(spread) if guide.frame == "full" else spread)
    return Params(frame, jax.tree.map(jnp.asarray, guide.begin(key)))


def init(guide: Guide, params: Params, optimizer: optax.GradientTransformation) -> State:
    """The state before the first step, for those who own their loop.

    Args:
        guide: The family of q.
        params: Parameters to start from, as ``initial_params`` makes them.
        optimizer: Any optax optimiser.

    Returns:
        A ``State``.

    Example:
        >>> import jax, optax
        >>> from kljax import variational
        >>> guide = variational.mean_field(1)
        >>> start = variational.initial_params(guide, jax.random.key(0))
        >>> int(variational.init(guide, start, optax.adam(0.1)).step)
        0
    """
    del guide
    # Distinct buffers, each strongly typed, so that the state keeps its type from step to step.
    free = jax.tree.map(lambda leaf: jnp.array(leaf, dtype=jnp.asarray(leaf).dtype), params.free)
    none, dtype = jnp.zeros((), jnp.int32), jnp.result_type(float)
    return State(Params(params.frame, free), optimizer.init(free), none, none, jnp.asarray(-jnp.inf, dtype), none, none)


def step(
    target: Callable[[Any], Any],
    guide: Guide,
    state: State,
    noise: Any,
    *,
    optimizer: optax.GradientTransformation,
    objective: Objective | None = None,
    gradient: GradientEstimator | None = None,
) -> tuple[State, jax.Array]:
    """One step of the optimiser; a step that is not finite is skipped and counted.

    Args:
        target: The log-density of one latent.
        guide: The family of q.
        state: Where the fit stands.
        noise: Base draws [K, ...], as ``guide.noise(key, (K,))`` makes them.
        optimizer: Any optax optimiser, that of ``init``.
        objective: What is maximised; ``elbo()`` by default.
        gradient: The gradient estimator by name, as in ``value_and_grad``.

    Returns:
        The next state, and the estimate of the objective before the step.

    Example:
        >>> import jax, optax
        >>> from kljax import variational
        >>> guide, optimizer = variational.mean_field(1), optax.sgd(0.5)
        >>> state = variational.init(guide, variational.initial_params(guide, jax.random.key(0)), optimizer)
        >>> noise = guide.noise(jax.random.key(1), (64,))
        >>> def log_density(x):
        ...     return -0.5 * ((x - 1.0) ** 2).sum()
        >>> state, value = variational.step(log_density, guide, state, noise, optimizer=optimizer)
        >>> print(f"{state.params.free.shift[0]:.4f}")
        0.5000
    """
    found = _gradients.value_and_grad(target, guide, state.params, noise, objective=objective, gradient=gradient)
    downhill = jax.tree.map(lambda leaf: -leaf, found.gradient)
    # optax is not written for the strict promotion that a caller may have switched on.
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        updates, inner = optimizer.update(downhill, state.optimizer, state.params.free)
    rate = 0.5 ** state.halvings.astype(jnp.result_type(float))
    free = jax.tree.map(lambda leaf, change: leaf + rate.astype(leaf.dtype) * change, state.params.free, updates)
    kept_free, kept_inner = jax.tree.map(
        lambda new, old: jnp.where(found.finite, new, old), (free, inner), (state.params.free, state.optimizer)
    )
    moved = state._replace(
        params=Params(state.params.frame, kept_free),
        optimizer=kept_inner,
        step=state.step + 1,
        nonfinite=state.nonfinite + (~found.finite).astype(state.nonfinite.dtype),
    )
    return moved, found.value


def chunk(
    target: Callable[[Any], Any],
    guide: Guide,
    optimizer: optax.GradientTransformation,
    objective: Objective,
    gradient: GradientEstimator,
    annealed: bool,
    state: State,
    trace: jax.Array,
    noise: Any,
    count: jax.Array,
) -> tuple[State, jax.Array]:
    """``count`` steps on the rows of ``noise``, then a look at the objective."""

    def one(index: jax.Array, carry: tuple[State, jax.Array, jax.Array]) -> tuple[State, jax.Array, jax.Array]:
        state, trace, total = carry
        drawn = jax.tree.map(lambda leaf: leaf[index], noise)
        at = state.step
        state, value = step(target, guide, state, drawn, optimizer=optimizer, objective=objective, gradient=gradient)
        total = total + jnp.where(jnp.isfinite(value), value, 0.0).astype(total.dtype)
        return state, trace.at[at].set(value.astype(trace.dtype)), total

    zero = jnp.zeros_like(state.best)
    state, trace, total = lax.fori_loop(0, count, one, (state, trace, zero))
    mean = total / jnp.maximum(count, 1)
    risen = (mean > state.best) & (count > 0)
    waited = jnp.where(risen, 0, state.waited + (count > 0))
    halve = annealed & (waited >= PATIENCE)
    return (
        state._replace(
            best=jnp.where(risen, mean, state.best),
            waited=jnp.where(halve, 0, waited),
            halvings=state.halvings + halve,
        ),
        trace,
    )


def finished(state: State, steps: int) -> jax.Array:
    """Whether all steps are taken, or the learning rate has been halved to nothing."""
    return (state.step >= steps) | (state.halvings >= HALVINGS)
