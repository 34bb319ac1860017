"""A Gaussian fitted by natural-gradient steps on fixed draws: the fast way to the best E_q[log p̃] + H(q).

In the coordinates x = m + A z that whiten q, with gradients g = Aᵀ∇log p̃, the best Gaussian has E[g] = 0 and
H = -E[g zᵀ] = I, where Stein's identity makes H the mean negative Hessian without second derivatives. One step takes
the whitened mean to H⁻¹E[g] and the whitened scale to H^(-1/2). Some modes of this iteration converge slowly or
oscillate (a funnel has one of each); Anderson's mixing of the last few steps removes both. On fixed draws the objective
is a function like any other, so a step that does not raise it is taken back and shortened.

Several starts search on few draws each; the best of them is polished on the draws of all. Only the gradients of the
target are compiled: the arithmetic of a step is NumPy's, so that a small fit spends no time on compiling it, or that of
JAX where the fit is traced. ``xp`` is the one or the other.

References:
    Khan and Rue (2023), "The Bayesian learning rule"; Lin, Khan and Schmidt (2019), "Stein's lemma for the
    reparameterization trick with exponential family mixtures"; Anderson (1965), "Iterative procedures for nonlinear
    integral equations"; Giordano, Ingram and Broderick (2024), "Black box variational inference with a deterministic
    objective".
"""

from __future__ import annotations

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

Target = Callable[[jax.Array], jax.Array]


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
    """x = loc + scale z: ``scale`` is a matrix [..., d, d], or standard deviations [..., d]."""

    loc: Any
    scale: Any


class Moments(NamedTuple):
    """What draws say of the target, for each start.

    Attributes:
        values: log p̃ at the draws [starts, draws].
        slope: E[g] [starts, d].
        curvature: -E[g zᵀ] made symmetric [starts, d, d], or its diagonal [starts, d].
    """

    values: Any
    slope: Any
    curvature: Any


class Progress(NamedTuple):
    """Where a fit stands, for each start; a step is a Gaussian of differences in the coordinates that whiten q.

    Attributes:
        at: The best Gaussians so far.
        on: The full natural steps from there.
        objective: The ELBO on the draws there [starts].
        length: Of the next step, in (0, 1].
        mixing: Whether the next step is a mixture of the last ones.
        move: How many nats the full step would move q.
        points: Where the last steps led, with a leading axis of MEMORY.
        steps_on: The full steps from these.
        live: Which of them count [MEMORY, starts].
        taken: Steps taken in this stage.
        steps: Steps taken in all.
        trace: The ELBO on its draws of the leading start after each step; NaN for steps not taken.
        gradients: Gradients of the target that were formed.
        nonfinite: Steps that were taken back because the target was not finite.
    """

    at: Gaussian
    on: Gaussian
    objective: Any
    length: Any
    mixing: Any
    move: Any
    points: Gaussian
    steps_on: Gaussian
    live: Any
    taken: Any
    steps: Any
    trace: Any
    gradients: Any
    nonfinite: Any


def moments(target: Target, at: Gaussian, z: jax.Array) -> Moments:
    """The moments on draws z [starts, draws, d], each start's at its own Gaussian."""

    def of_one(at: Gaussian, z: jax.Array) -> Moments:
        full = at.scale.ndim == 2
        x = at.loc + (z @ at.scale.T if full else z * at.scale)
        values, slopes = jax.vmap(jax.value_and_grad(target))(x)
        if not full:
            whitened = slopes * at.scale
            return Moments(values, whitened.mean(0), -(whitened * z).mean(0))
        whitened = slopes @ at.scale
        mixed = -whitened.T @ z / z.shape[0]
        return Moments(values, whitened.mean(0), 0.5 * (mixed + mixed.T))

    return jax.vmap(of_one)(at, z)


def begin(starts: Gaussian, plan: Plan, xp: Any, *, before: Progress | None = None) -> Progress:
    """Before the first step of a stage, whose first proposal is the start itself."""
    count = starts.loc.shape[0]
    zero, none = xp.zeros(count, starts.loc.dtype), xp.zeros((), np.int32)
    nothing = Gaussian(xp.zeros_like(starts.loc), xp.zeros_like(starts.scale))
    empty = Gaussian(*(xp.zeros((MEMORY, *one.shape), one.dtype) for one in starts))
    fresh = Progress(
        at=starts,
        on=nothing,
        objective=zero - math.inf,
        length=zero + 1.0,
        mixing=xp.zeros(count, bool),
        move=zero + math.inf,
        points=empty,
        steps_on=empty,
        live=xp.zeros((MEMORY, count), bool),
        taken=none,
        steps=none,
        trace=xp.full(plan.search_steps + plan.polish_steps, math.nan, zero.dtype),
        gradients=none,
        nonfinite=none,
    )
    if before is None:
        return fresh
    return fresh._replace(
        steps=before.steps, trace=before.trace, gradients=before.gradients, nonfinite=before.nonfinite
    )


def propose(now: Progress, xp: Any) -> Gaussian:
    """Where to look next: at the end of a natural step, or of a mixture of the last ones."""
    dtype = now.at.loc.dtype
    rows = xp.concatenate([now.steps_on.loc[..., None], now.steps_on.scale.reshape(*now.steps_on.loc.shape, -1)], -1)
    rows = xp.moveaxis(rows, 1, 0).reshape(len(now.length), MEMORY, -1)
    live = now.live.T
    # min ‖Σ c r‖² over Σ c = 1, with a ridge, since near the end the steps are almost dependent
    products = xp.where(live[:, :, None] & live[:, None], rows @ xp.swapaxes(rows, -1, -2), xp.zeros((), dtype))
    ridge = 1e-5 * xp.trace(products, axis1=-2, axis2=-1) + 1e-30
    lifted = xp.where(live, ridge[:, None], xp.ones((), dtype))
    weights = xp.linalg.solve(products + lifted[..., None] * xp.eye(MEMORY, dtype=dtype), live[..., None].astype(dtype))
    weights = weights[..., 0] / xp.maximum(weights.sum((-2, -1))[:, None], 1e-30)
    mixed = _mixes(now)

    def choose(memory: Any, plain: Any) -> Any:
        mixture = xp.einsum("sm,ms...->s...", weights, memory)
        return xp.where(_beside(mixed, plain), mixture, plain)

    point = Gaussian(*map(choose, now.points, now.at))
    on = Gaussian(
        *(choose(memory, _beside(now.length, step) * step) for memory, step in zip(now.steps_on, now.on, strict=True))
    )
    if now.at.scale.ndim == 3:
        moved = Gaussian((now.at.scale @ on.loc[..., None])[..., 0], now.at.scale @ on.scale)
    else:
        moved = Gaussian(now.at.scale * on.loc, now.at.scale * on.scale)
    # Where nothing finite is known yet, a narrower one is tried.
    lost = now.objective == -math.inf
    narrower = Gaussian(now.at.loc, _beside(now.length, now.at.scale) * now.at.scale)
    return Gaussian(*(xp.where(_beside(lost, a), a, b + c) for a, b, c in zip(narrower, point, moved, strict=True)))


def decide(now: Progress, proposals: Gaussian, found: Moments, cost: Any, xp: Any) -> Progress:
    """Takes each proposal if its objective does not fall; else goes back and shortens the step."""
    dim, dtype = now.at.loc.shape[-1], now.at.loc.dtype
    full = now.at.scale.ndim == 3
    log_volume = xp.linalg.slogdet(proposals.scale)[1] if full else xp.log(xp.abs(proposals.scale)).sum(-1)
    objective = found.values.mean(-1) + log_volume + dim * _ENTROPY
    count = len(objective)
    finite = xp.isfinite(objective + found.slope.sum(-1) + found.curvature.reshape(count, -1).sum(-1))
    slack = 4.0 * float(np.finfo(dtype).eps) * xp.abs(objective)
    taken = finite & (objective >= now.objective - slack)
    on, move = _natural_step(
        xp.where(_beside(finite, found.slope), found.slope, 0.0),
        xp.where(_beside(finite, found.curvature), found.curvature, 0.0),
        xp,
    )
    mixed = _mixes(now)
    at_slot = xp.arange(MEMORY) == now.steps % MEMORY

    def remember(memory: Any, new: Any) -> Any:
        return xp.where(at_slot.reshape(-1, *[1] * new.ndim), new, memory)

    def keep(new: Any, old: Any) -> Any:
        return xp.where(_beside(taken, new), new, old)

    longer = xp.where(taken, xp.minimum(1.0, 2.0 * now.length), 0.25 * now.length).astype(dtype)
    leading = keep(objective, now.objective).max()
    return Progress(
        at=Gaussian(*map(keep, proposals, now.at)),
        on=Gaussian(*map(keep, on, now.on)),
        objective=keep(objective, now.objective),
        length=xp.where(mixed, now.length, longer),
        # A mixture that failed has left the region where the iteration is nearly linear: the memory goes.
        mixing=xp.where(taken, move < NEAR, now.mixing & ~mixed),
        move=keep(move, now.move),
        points=Gaussian(*map(remember, now.points, proposals)),
        steps_on=Gaussian(*map(remember, now.steps_on, on)),
        live=xp.where(at_slot[:, None], taken, now.live & ~(mixed & ~taken)),
        taken=now.taken + 1,
        steps=now.steps + 1,
        trace=xp.where(xp.arange(len(now.trace)) == now.steps, leading, now.trace),
        gradients=now.gradients + cost,
        nonfinite=now.nonfinite + (~finite).any().astype(np.int32),
    )


def settled(now: Progress, tolerance: Any) -> Any:
    """Whether no start has anywhere left to go."""
    return ((now.move < tolerance) | (now.length < SHORTEST)).all()


def leader(now: Progress) -> Gaussian:
    """The best Gaussian so far."""
    best = now.objective.argmax()
    return Gaussian(*(one[best] for one in now.at))


def repeated(best: Gaussian, count: int, xp: Any) -> Gaussian:
    """The same Gaussian for each start, as the polish begins."""
    return Gaussian(*(xp.broadcast_to(one, (count, *one.shape)) for one in best))


def shared(found: list[Moments] | Moments, xp: Any) -> Moments:
    """The mean of several chunks and of all starts, as each start's: the polish looks at all draws at once."""
    chunks = [found] if isinstance(found, Moments) else found
    each = Moments(*(sum(parts) / len(chunks) for parts in zip(*chunks, strict=True)))
    return Moments(*(xp.broadcast_to(one.mean(0, keepdims=True), one.shape) for one in each))


def solve(target: Target, plan: Plan, bank: jax.Array, starts: Gaussian) -> Progress:
    """Both stages to their end, as one traceable function.

    Args:
        target: The log-density of one vector [d].
        plan: How far to go.
        bank: Standard normal draws [chunks, starts, draws, d]. In the search each start has its own draws of the
            first chunk; the polish uses them all.
        starts: Where to begin.
    """
    chunks, count, draws, _ = bank.shape

    def stage(index: jax.Array, now: Progress) -> Progress:
        polishing = index == 1
        entered = begin(repeated(leader(now), count, jnp), plan, jnp, before=now)
        now = jax.tree.map(lambda new, old: jnp.where(polishing, new, old), entered, now)
        used = jnp.where(polishing, chunks, 1)
        tolerance = jnp.where(polishing, plan.tolerance, plan.search_tolerance)
        most = jnp.where(polishing, plan.polish_steps, plan.search_steps)

        def step(now: Progress) -> Progress:
            proposals = propose(now, jnp)

            def add(k: jax.Array, sums: Moments) -> Moments:
                return jax.tree.map(jnp.add, sums, moments(target, proposals, bank[k]))

            shapes = jax.eval_shape(lambda: moments(target, proposals, bank[0]))
            sums = lax.fori_loop(0, used, add, jax.tree.map(jnp.zeros_like, shapes))
            found = jax.tree.map(lambda one: one / used.astype(one.dtype), sums)
            found = jax.tree.map(lambda one, all_: jnp.where(polishing, all_, one), found, shared(found, jnp))
            return decide(now, proposals, found, (count * draws * used).astype(np.int32), jnp)

        return lax.while_loop(lambda now: (now.taken < most) & ~settled(now, tolerance), step, now)

    return lax.fori_loop(0, 2, stage, begin(starts, plan, jnp))


def _mixes(now: Progress) -> Any:
    return now.mixing & (now.live.sum(0) > 1)


def _beside(flags: Any, like: Any) -> Any:
    """One number a start, with the axes of ``like`` after it."""
    return flags.reshape(-1, *[1] * (like.ndim - 1))


def _natural_step(slope: Any, curvature: Any, xp: Any) -> tuple[Gaussian, Any]:
    """The full steps in whitened coordinates, and how many nats they move q."""
    basis = None
    if curvature.ndim == 3:
        curvature, basis = xp.linalg.eigh(curvature)
        slope = (xp.swapaxes(basis, -1, -2) @ slope[..., None])[..., 0]
    # Where the curvature is negative the slope still points uphill, and q may widen but has no width to aim for.
    believed = xp.maximum(xp.abs(curvature), FLATTEST)
    shift = slope / believed
    stretch = xp.maximum(-0.5 * xp.log(believed), math.log(NARROWEST))
    stretch = xp.where(curvature < 0.0, xp.maximum(stretch, 0.0), stretch)
    grown = xp.expm1(stretch)
    move = 0.5 * (xp.square(shift) + xp.expm1(2.0 * stretch) - 2.0 * stretch).sum(-1)
    if basis is not None:
        return Gaussian((basis @ shift[..., None])[..., 0], (basis * grown[:, None]) @ xp.swapaxes(basis, -1, -2)), move
    return Gaussian(shift, grown), move
