"""The first stage of a fit: a Gaussian by natural steps, which is the answer or the frame of what follows."""

from __future__ import annotations

import functools
import math
import time
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax.variational import _draws, _natural
from kljax.variational._guides import Frame
from kljax.variational._latents import OnVectors
from kljax.variational._run import Run

SEARCH_STEPS = 40
SEARCH_DRAWS = 128  # of each start and step; four times as many as coordinates where these are more than 32
POLISH_DRAWS = 8192  # of each step of the polish, all starts together
GRADIENTS = 100_000  # a Gaussian of up to 32 coordinates takes no more; one of more, more in proportion
BANK = 2**26  # numbers that the draws may fill
WIDTHS = (1.0, 0.1, 0.1, 1.0)  # scales of the starts, in turn

_advance = functools.partial(jax.jit, static_argnums=(0, 1, 2))(_natural.advance)


class Fitted(NamedTuple):
    """The Gaussian and how it was found."""

    frame: Frame
    trace: jax.Array
    steps: jax.Array
    gradients: jax.Array
    nonfinite: jax.Array
    converged: jax.Array


def fit_frame(
    run: Run,
    source: Any,
    *,
    starts: int,
    init: Any,
    init_scale: float,
    draws: Any,
    steps: int | None,
    final: bool,
) -> Fitted:
    """The Gaussian of the guide's frame that is nearest to the target in the reverse KL."""
    latent = run.guide.latent
    assert latent is not None
    target, dtype = OnVectors(run.log_density, latent), jnp.result_type(float)
    bank_source, start_source = _draws.child(source, 0), _draws.child(source, 1)
    if draws is None:
        bank = _draws.bank(bank_source, _bank_shape(latent.dim, starts, run.guide.frame == "full"), dtype)
    else:
        bank = _given(draws, latent.dim, starts).astype(dtype)
    begin = _starts(start_source, latent.dim, starts, run.guide.frame == "full", init, init_scale, latent, dtype)
    plan = _plan(bank.shape, latent.dim, steps, final)
    full = run.guide.frame == "full"
    if run.traced:
        progress = _natural.solve(target, plan, jnp.asarray(bank), jax.tree.map(jnp.asarray, begin))
    else:
        progress = jax.tree.map(np.asarray, _drive(run, target, plan, full, bank, begin))
    converged = progress.move.min() < 10.0 * plan.tolerance
    best = _natural.leader(progress, full, latent.dim)
    return Fitted(
        _triangular(best), progress.objectives, progress.steps, progress.gradients, progress.nonfinite, converged
    )


def _bank_shape(dim: int, starts: int, full: bool) -> tuple[int, int, int, int]:
    draws = max(SEARCH_DRAWS, 4 * dim) if full else SEARCH_DRAWS
    chunks = max(1, POLISH_DRAWS // (starts * draws))
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


def _starts(
    source: Any, dim: int, count: int, full: bool, init: Any, init_scale: float, latent: Any, dtype: Any
) -> _natural.Gaussian:
    apart = 4.0 * (_draws.uniform(source, (count, dim), dtype) - 0.5)
    xp: Any = np if isinstance(apart, np.ndarray) else jnp
    # The first start is where the caller said.
    apart = apart * xp.asarray(np.arange(count) > 0, apart.dtype)[:, None]
    widths = np.asarray([WIDTHS[index % len(WIDTHS)] for index in range(count)], apart.dtype)
    scale = init_scale * widths[:, None] * np.ones(dim, apart.dtype)
    loc = init_scale * apart
    if init is not None:
        loc = latent.ravel(init).astype(dtype) + loc
    return _natural.Gaussian(loc, scale[:, :, None] * np.eye(dim, dtype=scale.dtype) if full else scale)


def _drive(
    run: Run, target: OnVectors, plan: _natural.Plan, full: bool, bank: Any, begin: _natural.Gaussian
) -> _natural.Progress:
    """Both stages, each in one call, or in chunks where somebody looks on."""
    count, dim = begin.loc.shape
    progress = _natural.begin(begin, plan, xp=np)
    advance = functools.partial(_advance, target, plan, full, bank)
    run.timed("compiling", advance, progress, np.asarray(False), np.asarray(0))
    with run.bar(plan.search_steps + plan.polish_steps, "natural steps") as report:
        for polishing, most in ((False, plan.search_steps), (True, plan.polish_steps)):
            limit, began = 2 if run.watched else most, time.perf_counter()
            while True:
                progress = run.timed("running", advance, progress, np.asarray(polishing), np.asarray(limit))
                taken = int(progress.taken)
                if report(int(progress.steps), float(np.max(progress.objective))):
                    return progress
                if taken < limit or taken >= most:
                    break
                pace = (time.perf_counter() - began) / taken
                limit = min(most, taken + max(1, math.ceil(0.3 / max(pace, 1e-6))))
            if polishing:
                break
            progress = jax.tree.map(np.asarray, progress)
            if not np.isfinite(progress.objective).any():
                raise ValueError(
                    f"target is not finite at the draws of any of the {count} starts, nor nearer to their centres: "
                    "check the log-density there, transform bounded variables to the real line, or say where to begin "
                    "(init=, init_scale=)."
                )
            best = _natural.repeated(_natural.leader(progress, full, dim), count, np)
            progress = _natural.begin(best, plan, before=progress, xp=np)
    return progress


def _triangular(gaussian: _natural.Gaussian) -> Frame:
    """The lower-triangular scale of the same Gaussian."""
    if gaussian.scale.ndim == 1:
        return Frame(gaussian.loc, abs(gaussian.scale))
    xp: Any = jnp if isinstance(gaussian.scale, jax.core.Tracer) else np
    upper = xp.linalg.qr(xp.asarray(gaussian.scale).T, mode="r")
    lower = upper.T * xp.where(xp.diagonal(upper) < 0.0, -1.0, 1.0).astype(upper.dtype)
    return Frame(gaussian.loc, jnp.asarray(lower))
