"""The first stage of a fit: a Gaussian by natural steps, which is the answer or the frame of what follows."""

from __future__ import annotations

import functools
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kljax.variational import _draws, _natural
from kljax.variational._guides import Frame, Params
from kljax.variational._laplace import climb
from kljax.variational._latents import OnVectors
from kljax.variational._natural import Gaussian, Moments
from kljax.variational._run import Run, Settings, Stage

SEARCH_STEPS = 40
SEARCH_DRAWS = 128  # of each start and step; four times as many as coordinates where these are more than 32
POLISH_DRAWS = 8192  # of each step of the polish, all starts together
FRAME_DRAWS = 2048  # the same where stochastic steps follow
GRADIENTS = 100_000  # a Gaussian of up to 32 coordinates takes no more; one of more, more in proportion
BANK = 2**26  # numbers that the draws may fill
WIDTHS = (1.0, 0.1, 0.1, 1.0)  # scales of the starts, in turn

_moments = functools.partial(jax.jit, static_argnums=0)(_natural.moments)


def fit_frame(run: Run, source: Any, *, final: bool) -> Stage:
    """The Gaussian of the guide's frame that is nearest to the target in the reverse KL: final, or a frame."""
    latent, full, starts = run.guide.latent, run.guide.frame == "full", run.settings.starts
    assert latent is not None
    target, dtype = OnVectors(run.log_density, latent), jnp.result_type(float)
    bank_source, start_source = _draws.child(source, 0), _draws.child(source, 1)
    if run.settings.draws is None or not final:
        bank = _draws.bank(bank_source, _bank_shape(latent.dim, starts, full, final), dtype)
    else:
        bank = _given(run.settings.draws, latent.dim, starts).astype(dtype)
    begin = _starts(start_source, run.settings, full, latent, dtype)
    plan = _plan(bank.shape, latent.dim, run.settings.steps, final)
    interrupted = False
    if run.traced:
        now = _natural.solve(target, plan, jnp.asarray(bank), Gaussian(*map(jnp.asarray, begin)))
    else:
        with np.errstate(all="ignore"):
            now, interrupted = _drive(run, target, plan, bank, begin)
    best = _natural.leader(now)
    if run.guide.mode:
        mode = climb(target, jnp.asarray(best.loc))
        # A Hessian costs about as much as two gradients a coordinate.
        cost = now.gradients + mode.steps * (1 + 2 * latent.dim)
        taken = now.steps + mode.steps
        return Stage(Params(mode.frame, None), now.trace, taken, cost, now.nonfinite, mode.found, interrupted)
    converged = now.move.min() < 10.0 * plan.tolerance
    params = Params(_triangular(best), None)
    return Stage(params, now.trace, now.steps, now.gradients, now.nonfinite, converged, interrupted)


def log_weights(run: Run, frame: Frame, noise: Any) -> tuple[Any, Any]:
    """(points, log p̃ - log q) at loc + scale z, by the program of the fit, so that nothing more is compiled."""
    latent, starts = run.guide.latent, run.settings.starts
    assert latent is not None
    target = OnVectors(run.log_density, latent)
    draws = _bank_shape(latent.dim, starts, run.guide.frame == "full", True)[2]
    chunks = -(-len(noise) // (starts * draws))
    padded = np.resize(noise, (chunks, starts, draws, latent.dim))
    at = _natural.repeated(Gaussian(*map(np.asarray, frame)), starts, np)
    values = np.concatenate([np.asarray(_moments(target, at, z).values).ravel() for z in padded])[: len(noise)]
    full = frame.scale.ndim == 2
    scale = np.asarray(frame.scale)
    volume = np.log(np.diagonal(scale) if full else scale).sum()
    points = np.asarray(frame.loc) + (noise @ scale.T if full else noise * scale)
    log_q = -0.5 * np.square(noise).sum(-1) - latent.dim * 0.5 * math.log(2.0 * math.pi) - volume
    return jnp.asarray(points), jnp.asarray(values - log_q)


def _bank_shape(dim: int, starts: int, full: bool, final: bool) -> tuple[int, int, int, int]:
    draws = max(SEARCH_DRAWS, 4 * dim) if full else SEARCH_DRAWS
    # A frame need not be the best one.
    chunks = max(1, (POLISH_DRAWS if final else FRAME_DRAWS) // (starts * draws))
    return max(1, min(chunks, BANK // (starts * draws * dim))), starts, draws, dim


def _given(draws: Any, dim: int, starts: int) -> jax.Array:
    array = jnp.asarray(draws)
    if array.ndim != 2 or array.shape[1] != dim or array.shape[0] % starts or array.shape[0] == 0:
        raise ValueError(
            f"draws must be standard normal numbers of shape [n, {dim}], n a multiple of the {starts} starts; got "
            f"shape {array.shape}."
        )
    per_start = array.shape[0] // starts
    chunks = max(1, per_start // SEARCH_DRAWS)
    while per_start % chunks:
        chunks -= 1
    return array.reshape(chunks, starts, per_start // chunks, dim)


def _plan(shape: tuple[int, ...], dim: int, steps: int | None, final: bool) -> _natural.Plan:
    chunks, starts, draws, _ = shape
    if steps is not None and final:
        return _natural.Plan(steps, steps)
    allowed = GRADIENTS * max(1, dim // 32)
    search = max(10, min(SEARCH_STEPS, allowed // (2 * starts * draws)))
    if not final:
        return _natural.Plan(search, 3)
    left = allowed - search * starts * draws
    return _natural.Plan(search, max(3, min(100, left // (chunks * starts * draws))))


def _starts(source: Any, settings: Settings, full: bool, latent: Any, dtype: Any) -> Gaussian:
    dim, count = latent.dim, settings.starts
    apart = 4.0 * (_draws.uniform(source, (count, dim), dtype) - 0.5)
    xp: Any = np if isinstance(apart, np.ndarray) else jnp
    # The first start is where the caller said.
    apart = apart * xp.asarray(np.arange(count) > 0, apart.dtype)[:, None]
    widths = np.asarray([WIDTHS[index % len(WIDTHS)] for index in range(count)], apart.dtype)
    scale = settings.init_scale * widths[:, None] * np.ones(dim, apart.dtype)
    loc = settings.init_scale * apart
    if settings.init is not None:
        loc = latent.ravel(settings.init).astype(dtype) + loc
    return Gaussian(loc, scale[:, :, None] * np.eye(dim, dtype=scale.dtype) if full else scale)


def _drive(
    run: Run, target: OnVectors, plan: _natural.Plan, bank: Any, begin: Gaussian
) -> tuple[_natural.Progress, bool]:
    """Both stages, NumPy's arithmetic around the compiled gradients; and whether they were cut off by hand."""
    chunks, count, draws, _ = bank.shape
    on_device = [jnp.asarray(chunk) for chunk in bank]

    def look(proposals: Gaussian, banks: list[jax.Array]) -> list[Moments]:
        # All are under way before the first is waited for.
        found = [_moments(target, proposals, z) for z in banks]
        return [Moments(*map(np.asarray, one)) for one in found]

    now = _natural.begin(begin, plan, np)
    try:
        with run.bar(plan.search_steps + plan.polish_steps, "natural steps") as report:
            while now.taken < plan.search_steps and not _natural.settled(now, plan.search_tolerance):
                proposals = _natural.propose(now, np)
                now = _natural.decide(now, proposals, look(proposals, on_device[:1])[0], count * draws, np)
                if report(int(now.steps), float(now.objective.max())):
                    return now, False
            if not np.isfinite(now.objective).any():
                raise ValueError(
                    f"target is not finite at the draws of any of the {count} starts, nor nearer to their centres: "
                    "check the log-density there, transform bounded variables to the real line, or say where to begin "
                    "(init=, init_scale=)."
                )
            now = _natural.begin(_natural.repeated(_natural.leader(now), count, np), plan, np, before=now)
            while now.taken < plan.polish_steps and not _natural.settled(now, plan.tolerance):
                proposals = _natural.propose(now, np)
                found = _natural.shared(look(proposals, on_device), np)
                now = _natural.decide(now, proposals, found, chunks * count * draws, np)
                if report(int(now.steps), float(now.objective.max())):
                    break
    except KeyboardInterrupt:
        if int(now.steps) == 0 or not np.isfinite(now.objective).any():
            raise
        return now, True
    return now, False


def _triangular(gaussian: Gaussian) -> Frame:
    """The lower-triangular scale of the same Gaussian."""
    if gaussian.scale.ndim == 1:
        return Frame(gaussian.loc, abs(gaussian.scale))
    xp: Any = jnp if isinstance(gaussian.scale, jax.core.Tracer) else np
    upper = xp.linalg.qr(xp.asarray(gaussian.scale).T, mode="r")
    lower = upper.T * xp.where(xp.diagonal(upper) < 0.0, -1.0, 1.0).astype(upper.dtype)
    return Frame(gaussian.loc, jnp.asarray(lower))
