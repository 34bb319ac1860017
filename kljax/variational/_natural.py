"""A Gaussian fitted by natural-gradient steps on fixed draws: the fast way to the best E_q[log p̃] + H(q).

In the coordinates x = m + A z that whiten q, with gradients g = Aᵀ∇log p̃, the best Gaussian has E[g] = 0 and
H = -E[g zᵀ] = I, where Stein's identity makes H the mean negative Hessian without second derivatives. One step takes
the whitened mean to H⁻¹E[g] and the whitened scale to H^(-1/2). Some modes of this iteration converge slowly or
oscillate (a funnel has one of each); Anderson's mixing of the last few steps removes both. On fixed draws the objective
is a function like any other, so a step that does not raise it is taken back and shortened.

Several starts search on few draws each; the best of them is polished on the draws of all. Both run through one
compiled loop body, because compilation, not arithmetic, is most of the time of a small fit.

References:
    Khan and Rue (2023), "The Bayesian learning rule"; Lin, Khan and Schmidt (2019), "Stein's lemma for the
    reparameterization trick with exponential family mixtures"; Anderson (1965), "Iterative procedures for nonlinear
    integral equations"; Giordano, Ingram and Broderick (2024), "Black box variational inference with a deterministic
    objective".
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

MEMORY = 8  # steps that may be mixed
SHORTEST = 1e-6  # a step shortened below this has found no way up
NEAR = 1.0  # nats: steps that move q by less are mixed
FLATTEST = 0.1  # the least curvature that is believed, so that one step at most triples the scale
NARROWEST = 1e-4  # the most that one step shrinks the scale
_ENTROPY = 0.5 * math.log(2.0 * math.pi * math.e)


class Plan(NamedTuple):
    """How far to go; static.

    Attributes:
        search_steps: Steps of the search.
        polish_steps: Steps of the polish, each over all draws.
        search_tolerance: A start has settled when a step moves q by fewer nats than this.
        tolerance: The same for the polish.
    """

    search_steps: int
    polish_steps: int
    search_tolerance: float = 1e-2
    tolerance: float = 1e-4


class Gaussian(NamedTuple):
    """x = loc + scale z: ``scale`` is a matrix [d, d], or standard deviations [d]."""

    loc: jax.Array
    scale: jax.Array


class Progress(NamedTuple):
    """Where a fit stands; of D numbers is a Gaussian as one row, location and scale.

    Attributes:
        rows: The best Gaussian of each start [starts, D]; all alike in the polish.
        steps_on: The full natural steps from there, in the coordinates that whiten it [starts, D].
        objective: The ELBO on the draws there.
        length: Of the next step, in (0, 1].
        mixing: Whether the next step is a mixture of the last ones.
        move: How many nats the full step would move q.
        memory: The points that the last steps led to, and the full steps from them [MEMORY, starts, 2, D].
        live: Which of these count [MEMORY, starts].
        taken: Steps taken in this stage.
        steps: Steps taken in all.
        objectives: The ELBO on its draws of the leading start after each step; NaN for steps not taken.
        gradients: Gradients of the target that were formed.
        nonfinite: Steps that were taken back because the target was not finite.
    """

    rows: Any
    steps_on: Any
    objective: Any
    length: Any
    mixing: Any
    move: Any
    memory: Any
    live: Any
    taken: Any
    steps: Any
    objectives: Any
    gradients: Any
    nonfinite: Any


class _Moments(NamedTuple):
    objective: jax.Array
    slope: jax.Array  # E[g]
    curvature: jax.Array  # -E[g zᵀ] made symmetric, or its diagonal


def begin(starts: Gaussian, plan: Plan, *, before: Progress | None = None, xp: Any = jnp) -> Progress:
    """Before the first step of a stage; ``starts`` have a leading axis of their number.

    The objective is not known yet, and the first proposal is the start itself. Outside ``jit`` NumPy does as ``xp``,
    and nothing is compiled.
    """
    count, dim = starts.loc.shape
    rows = xp.concatenate([starts.loc, starts.scale.reshape(count, -1)], -1)
    zero, none = xp.zeros(count, rows.dtype), xp.zeros((), np.int32)
    trace = xp.full(plan.search_steps + plan.polish_steps, math.nan, rows.dtype)
    fresh = Progress(
        rows=rows,
        steps_on=xp.zeros_like(rows),
        objective=zero - math.inf,
        length=zero + 1.0,
        mixing=xp.zeros(count, bool),
        move=zero + math.inf,
        memory=xp.zeros((MEMORY, count, 2, rows.shape[-1]), rows.dtype),
        live=xp.zeros((MEMORY, count), bool),
        taken=none,
        steps=none,
        objectives=trace,
        gradients=none,
        nonfinite=none,
    )
    if before is None:
        return fresh
    return fresh._replace(
        steps=before.steps, objectives=before.objectives, gradients=before.gradients, nonfinite=before.nonfinite
    )


def advance(
    target: Callable[[jax.Array], jax.Array],
    plan: Plan,
    full: bool,
    bank: jax.Array,
    progress: Progress,
    polishing: jax.Array,
    limit: jax.Array,
) -> Progress:
    """Takes steps of one stage until it has settled or taken ``limit`` of them.

    Args:
        target: The log-density of one vector [d].
        plan: How far to go.
        full: Whether the scale is a matrix.
        bank: Standard normal draws [chunks, starts, draws, d]. In the search each start has its own draws of the
            first chunk; the polish uses them all.
        progress: Where the fit stands.
        polishing: Whether this is the polish.
        limit: How many steps of the stage to take at most, those before this call included.
    """
    chunks, count, draws, dim = bank.shape
    moments = jax.vmap(functools.partial(_moments, target, full))

    def evaluate(rows: jax.Array) -> _Moments:
        used = jnp.where(polishing, chunks, 1)
        empty = jax.tree.map(jnp.zeros_like, jax.eval_shape(moments, rows, bank[0]))
        sums = lax.fori_loop(0, used, lambda k, sums: jax.tree.map(jnp.add, sums, moments(rows, bank[k])), empty)
        apart = jax.tree.map(lambda one: one / used.astype(one.dtype), sums)
        return jax.tree.map(lambda one: jnp.where(polishing, one.mean(0, keepdims=True), one), apart)

    def step(now: Progress) -> Progress:
        mixed = now.mixing & (now.live.sum(0) > 1)
        proposals = jax.vmap(functools.partial(_propose, full, dim), in_axes=(0,) * 5 + (1, 1))(
            now.rows, now.steps_on, now.objective, now.length, mixed, now.memory, now.live
        )
        found = evaluate(proposals)
        total = found.objective + found.slope.sum(-1) + found.curvature.reshape(count, -1).sum(-1)
        finite = jnp.isfinite(total)
        slack = 4.0 * float(jnp.finfo(bank.dtype).eps) * jnp.abs(found.objective)
        taken = finite & (found.objective >= now.objective - slack)
        safe = jax.tree.map(lambda one: jnp.where(finite.reshape(-1, *[1] * (one.ndim - 1)), one, 0.0), found)
        whitened, move = jax.vmap(functools.partial(_natural_step, full))(safe)
        slot = now.steps % MEMORY
        new = jnp.stack([proposals, whitened], 1)
        # A mixture that failed has left the region where the iteration is nearly linear: the memory goes.
        live = jnp.where(mixed & ~taken, False, now.live)
        broken = ~finite
        return Progress(
            rows=jnp.where(taken[:, None], proposals, now.rows),
            steps_on=jnp.where(taken[:, None], whitened, now.steps_on),
            objective=jnp.where(taken, found.objective, now.objective),
            length=jnp.where(
                mixed, now.length, jnp.where(taken, jnp.minimum(1.0, 2.0 * now.length), 0.25 * now.length)
            ),
            mixing=jnp.where(taken, move < NEAR, now.mixing & ~mixed),
            move=jnp.where(taken, move, now.move),
            memory=lax.dynamic_update_index_in_dim(now.memory, new, slot, 0),
            live=lax.dynamic_update_index_in_dim(live, taken, slot, 0),
            taken=now.taken + 1,
            steps=now.steps + 1,
            objectives=lax.dynamic_update_index_in_dim(
                now.objectives, jnp.where(taken, found.objective, now.objective).max(), now.steps, 0
            ),
            gradients=now.gradients + count * draws * jnp.where(polishing, chunks, 1).astype(np.int32),
            nonfinite=now.nonfinite + jnp.where(polishing, broken[0], broken.sum()).astype(np.int32),
        )

    tolerance = jnp.where(polishing, plan.tolerance, plan.search_tolerance)
    most = jnp.minimum(limit, jnp.where(polishing, plan.polish_steps, plan.search_steps))

    def unfinished(now: Progress) -> jax.Array:
        return (now.taken < most) & ~((now.move < tolerance) | (now.length < SHORTEST)).all()

    return lax.while_loop(unfinished, step, progress)


def leader(progress: Progress, full: bool, dim: int) -> Gaussian:
    """The best Gaussian so far."""
    return _gaussian(progress.rows[progress.objective.argmax()], full, dim)


def repeated(best: Gaussian, count: int, xp: Any = jnp) -> Gaussian:
    """The same Gaussian as every start of the polish."""
    return Gaussian(*(xp.broadcast_to(one, (count, *one.shape)) for one in best))


def solve(target: Callable[[jax.Array], jax.Array], plan: Plan, bank: jax.Array, starts: Gaussian) -> Progress:
    """Both stages to their end, as one traceable function."""
    full, (count, dim) = starts.scale.ndim == 3, starts.loc.shape

    def stage(index: jax.Array, progress: Progress) -> Progress:
        polishing = index == 1
        entered = begin(repeated(leader(progress, full, dim), count), plan, before=progress)
        progress = jax.tree.map(lambda new, old: jnp.where(polishing, new, old), entered, progress)
        most = jnp.asarray(plan.search_steps + plan.polish_steps)
        return advance(target, plan, full, bank, progress, polishing, most)

    return lax.fori_loop(0, 2, stage, begin(starts, plan))


def _gaussian(row: Any, full: bool, dim: int) -> Gaussian:
    return Gaussian(row[:dim], row[dim:].reshape(dim, dim) if full else row[dim:])


def _moments(target: Callable[[jax.Array], jax.Array], full: bool, row: jax.Array, z: jax.Array) -> _Moments:
    dim = z.shape[-1]
    at = _gaussian(row, full, dim)
    x = at.loc + (z @ at.scale.T if full else z * at.scale)
    values, slopes = jax.vmap(jax.value_and_grad(target))(x)
    if full:
        whitened = slopes @ at.scale
        mixed = -whitened.T @ z / z.shape[0]
        curvature = 0.5 * (mixed + mixed.T)
        # |det| from the LU factors; a mixture of steps is not triangular.
        volumes = jnp.diagonal(lax.linalg.lu(at.scale)[0])
    else:
        whitened = slopes * at.scale
        curvature, volumes = -(whitened * z).mean(0), at.scale
    entropy = jnp.log(jnp.abs(volumes)).sum() + dim * _ENTROPY
    return _Moments(values.mean() + entropy, whitened.mean(0), curvature)


def _propose(full, dim, row, step_on, objective, length, mixed, memory, live):
    plain = row, length * step_on
    # min ‖Σ c r‖² over Σ c = 1, with a ridge, since near the end the steps are almost dependent
    both = live[:, None] & live
    products = jnp.where(both, memory[:, 1] @ memory[:, 1].T, 0.0)
    ridge = 1e-5 * jnp.trace(products) + float(jnp.finfo(row.dtype).tiny)
    factor = lax.linalg.cholesky(products + jnp.diag(jnp.where(live, ridge, 1.0)))
    weights = jax.scipy.linalg.cho_solve((factor, True), live.astype(row.dtype))
    point, on = jnp.tensordot(weights / weights.sum(), memory, 1)
    point, on = jnp.where(mixed, point, plain[0]), jnp.where(mixed, on, plain[1])
    at, whitened = _gaussian(row, full, dim), _gaussian(on, full, dim)
    if full:
        moved = jnp.concatenate([at.scale @ whitened.loc, (at.scale @ whitened.scale).ravel()])
    else:
        moved = jnp.concatenate([at.scale * whitened.loc, at.scale * whitened.scale])
    # Where nothing finite is known yet, a narrower one is tried.
    narrower = jnp.concatenate([at.loc, (length * at.scale).ravel()])
    return jnp.where(objective == -jnp.inf, narrower, point + moved)


def _natural_step(full: bool, moments: _Moments) -> tuple[jax.Array, jax.Array]:
    """The full step in whitened coordinates as a row, and how many nats it moves q."""
    curvature, slope = moments.curvature, moments.slope
    if full:
        basis, curvature = lax.linalg.eigh(curvature)
        slope = basis.T @ slope
    # Where the curvature is negative the slope still points uphill, and q may widen but has no width to aim for.
    believed = jnp.maximum(jnp.abs(curvature), FLATTEST)
    shift = slope / believed
    stretch = jnp.maximum(-0.5 * jnp.log(believed), math.log(NARROWEST))
    stretch = jnp.where(curvature < 0.0, jnp.maximum(stretch, 0.0), stretch)
    move = 0.5 * (jnp.square(shift) + jnp.expm1(2.0 * stretch) - 2.0 * stretch).sum()
    grown = jnp.expm1(stretch)
    if full:
        return jnp.concatenate([basis @ shift, ((basis * grown) @ basis.T).ravel()]), move
    return jnp.concatenate([shift, grown]), move
