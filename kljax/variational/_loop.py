"""The second stage of a fit: stochastic steps on the guide's free parameters, in chunks."""

from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kljax.variational import _draws, _stochastic
from kljax.variational._guides import Params
from kljax.variational._run import Run, Stage
from kljax.variational._stochastic import CHUNK, State

if TYPE_CHECKING:
    import optax  # imported where a step is made, so that all else works without it

STEPS = 2000  # where the caller does not say
LARGEST = 1.0  # norm of a gradient that is followed as it is: in whitened coordinates it is of order one


@functools.lru_cache
def adam(rate: float) -> optax.GradientTransformation:
    """The optimiser of those who choose none; the same for every fit, so that ``jit`` compiles once."""
    import optax

    return optax.chain(optax.clip_by_global_norm(LARGEST), optax.adam(rate))


def _advance(log_density, guide, optimizer, objective, gradient, annealed, state, trace, base, count):
    def one(state: State, trace: jax.Array) -> tuple[State, jax.Array]:
        return _stochastic.chunk(
            log_density, guide, optimizer, objective, gradient, annealed, state, trace, base, count
        )

    return jax.vmap(one)(state, trace)


_jitted = functools.partial(jax.jit, static_argnums=range(6))(_advance)


def fit_free(run: Run, source: Any, starts: list[Params]) -> Stage:
    """The free parameters with the highest objective; several starts go side by side and the best is kept."""
    num_draws, draws = run.settings.num_draws, run.settings.draws
    steps = STEPS if run.settings.steps is None else run.settings.steps
    shapes = [np.shape(leaf)[:2] for leaf in jax.tree.leaves(draws)]
    if any(shape != (steps, num_draws) for shape in shapes):
        raise ValueError(
            f"draws must be base draws of shape [steps, num_draws, ...], here [{steps}, {num_draws}, ...]; got leading "
            f"axes {shapes[0]}."
        )
    annealed = run.settings.optimizer is None
    optimizer = adam(run.guide.rate) if run.settings.optimizer is None else run.settings.optimizer
    static = run.log_density, run.guide, optimizer, run.objective, run.gradient, annealed
    state = _stacked([_stochastic.init(run.guide, params, optimizer) for params in starts])
    trace = jnp.full((len(starts), steps), jnp.nan, state.best.dtype)

    def noise(index: Any) -> Any:
        if draws is not None:
            return _rows(draws, index, steps)
        return run.guide.noise(_draws.child(source, index), (CHUNK, num_draws))

    interrupted = False
    if run.traced:
        state, trace = _traced(functools.partial(_advance, *static), noise, state, trace, steps)
    else:
        chunk = functools.partial(_jitted, *static)
        state, trace, interrupted = _driven(run, chunk, noise, state, trace, steps)
    xp: Any = jnp if run.traced else np
    best = xp.argmax(xp.asarray(state.best))
    chosen: State = jax.tree.map(lambda leaf: leaf[best], state)
    converged = (chosen.halvings >= _stochastic.HALVINGS) | (not annealed)
    gradients = state.step.sum() * num_draws * run.guide.components
    return Stage(chosen.params, trace[best], chosen.step, gradients, chosen.nonfinite, converged, interrupted)


def _stacked(states: list[State]) -> State:
    stacked: State = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    return stacked


def _rows(draws: Any, index: Any, steps: int) -> Any:
    """The caller's base draws [steps, num_draws, ...] for one chunk; the last rows again beyond the end."""
    at = jnp.minimum(index * CHUNK + jnp.arange(CHUNK), steps - 1)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[at], draws)


def _over(state: State, steps: int) -> Any:
    return jax.vmap(lambda one: _stochastic.finished(one, steps))(state).all()


def _traced(chunk: Any, noise: Any, state: State, trace: jax.Array, steps: int) -> tuple[State, jax.Array]:
    def unfinished(carry: tuple[State, jax.Array, jax.Array]) -> jax.Array:
        return ~_over(carry[0], steps)

    def body(carry: tuple[State, jax.Array, jax.Array]) -> tuple[State, jax.Array, jax.Array]:
        state, trace, index = carry
        count = jnp.minimum(CHUNK, steps - index * CHUNK)
        return *chunk(state, trace, noise(index), count), index + 1

    state, trace, _ = lax.while_loop(unfinished, body, (state, trace, jnp.asarray(0)))
    return state, trace


def _driven(
    run: Run, chunk: Any, noise: Any, state: State, trace: jax.Array, steps: int
) -> tuple[State, jax.Array, bool]:
    """(state, trace, whether it was cut off by hand)"""
    path = None if run.settings.checkpoint is None else Path(run.settings.checkpoint)
    if path is not None and path.exists():
        state, trace = _restored(path, state, trace)
    try:
        with run.bar(steps, "stochastic steps") as report:
            while not bool(_over(state, steps)):
                taken = int(state.step[0])
                # A fit of fewer steps may have ended within a chunk: the rest of its draws comes next.
                index, used = divmod(taken, CHUNK)
                drawn = noise(index)
                if used:
                    drawn = jax.tree.map(lambda leaf: jnp.roll(leaf, -used, 0), drawn)  # noqa: B023
                count = np.asarray(min(CHUNK - used, steps - taken))
                state, trace = chunk(state, trace, drawn, count)
                if path is not None:
                    _save(path, (state, trace))
                if not np.isfinite(np.asarray(state.best)).any() and int(state.nonfinite.min()) >= int(state.step[0]):
                    raise ValueError(
                        f"No step was finite: target or its gradient is not finite at the draws of {run.guide.name}. "
                        "Check the log-density there, or begin elsewhere (init=, init_scale=)."
                    )
                if report(int(state.step[0]), float(np.max(state.best))):
                    break
    except KeyboardInterrupt:
        if int(state.step[0]) == 0:
            raise
        return state, trace, True
    return state, trace, False


def _save(path: Path, tree: Any) -> None:
    """Writes the leaves beside the file and then in its place, so that a fit that is cut off leaves a whole one."""
    leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as part:
        np.savez(part, *leaves)
    os.replace(part.name, path)


def _restored(path: Path, state: State, trace: jax.Array) -> tuple[State, jax.Array]:
    """What ``_save`` wrote, for a fit of the same shapes; the number of steps may be another."""
    leaves, structure = jax.tree.flatten((state, trace))
    with np.load(path) as kept:
        found = [kept[f"arr_{index}"] for index in range(len(kept.files))]
    shapes = [leaf.shape for leaf in leaves]
    if [leaf.shape for leaf in found[:-1]] != shapes[:-1] or not found or found[-1].shape[:-1] != trace.shape[:-1]:
        raise ValueError(
            f"checkpoint {path} is of another fit: its arrays do not have the shapes of this guide, optimiser and "
            "number of starts. Remove it, or name another file."
        )
    longer = np.full(trace.shape, np.nan, found[-1].dtype)
    shared = min(trace.shape[-1], found[-1].shape[-1])
    longer[..., :shared] = found[-1][..., :shared]
    restored: State
    restored, trace = jax.tree.unflatten(structure, [jnp.asarray(leaf) for leaf in [*found[:-1], longer]])
    if int(restored.step[0]) > trace.shape[-1]:
        raise ValueError(
            f"checkpoint {path} has taken {int(restored.step[0])} steps, more than steps={trace.shape[-1]}. Ask for at "
            "least as many, or name another file."
        )
    return restored, trace
