"""Guides: the families of q. Most are a simple family of a whitened vector y, seen through x = m + A y.

The frame (m, A) comes from a Gaussian fitted first, so that whatever is fitted in y is well conditioned: that is what
lets one learning rate serve targets whose scales differ by 10⁶. A guide is a record of pure functions of its
parameters, and equal calls give the same record, so that ``jit`` compiles once.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from kljax.variational import _draws
from kljax.variational._latents import Latent

_HALF_LOG_2PI = 0.5 * math.log(2.0 * math.pi)


class Frame(NamedTuple):
    """x = loc + scale y; ``scale`` is a lower-triangular matrix [d, d], or positive numbers [d]."""

    loc: jax.Array
    scale: jax.Array


class Params(NamedTuple):
    """The parameters of a guide: a frame that stays as it is, or None, and what an optimiser moves."""

    frame: Frame | None
    free: Any


def one_part(_: Any) -> jax.Array:
    """[log 1], the weight of the only part of what is no mixture."""
    return jnp.zeros(1)


def nowhere() -> list[Any]:
    """No points: q covers the whole space."""
    return []


@dataclasses.dataclass(frozen=True)
class Guide:
    """A family of distributions q to choose from. Made by ``full_rank`` and its like.

    Attributes:
        name: What it is, in words.
        latent: The structure of one latent; None where the guide draws latents itself.
        begin: (key) ↦ the free parameters to start from.
        noise: (key, shape) ↦ base draws with that leading shape.
        push: (params, noise, component) ↦ (point, log q(point)), for one base draw.
        log_prob: (params, point) ↦ log q(point) of any one point.
        components: Of how many parts q is a mixture; each is sampled by itself.
        log_shares: (params) ↦ the logarithms of their weights.
        frame: The kind of Gaussian that is fitted first, or None.
        gaussian: Whether q is that Gaussian and nothing more.
        mode: Whether that Gaussian is the one at a mode of the target.
        reparametrised: Whether ``push`` is differentiable in the parameters.
        inverts: Whether ``log_prob`` costs no more than ``push``.
        outside: () ↦ points beside the support of q, if it has ends; a target that is finite there has mass that q
            misses.
        rate: Adam's first learning rate.
        advice: What to try where this guide is too small.
    """

    name: str
    latent: Latent | None
    begin: Callable[[jax.Array], Any]
    noise: Callable[[jax.Array, tuple[int, ...]], Any]
    push: Callable[[Params, Any, Any], tuple[Any, jax.Array]]
    log_prob: Callable[[Params, Any], jax.Array]
    components: int = 1
    log_shares: Callable[[Params], jax.Array] = one_part
    frame: Literal["full", "diagonal"] | None = None
    gaussian: bool = False
    mode: bool = False
    reparametrised: bool = True
    inverts: bool = True
    outside: Callable[[], list[Any]] = nowhere
    rate: float = 0.02
    advice: str = ""

    def __repr__(self) -> str:
        return f"<guide: {self.name}>"

    def to_latent(self, point: Any) -> Any:
        """The latent that a point of this guide stands for."""
        return point if self.latent is None else self.latent.unravel(point)

    def to_point(self, latent: Any) -> Any:
        """The point that stands for a latent."""
        return latent if self.latent is None else self.latent.ravel(latent)

    def sample(self, params: Params, key: jax.Array, shape: tuple[int, ...] = ()) -> Any:
        """Independent latents of q with leading axes ``shape``."""
        count = math.prod(shape)
        draw_key, part_key = jax.random.split(key)
        parts = jnp.zeros(count, int)
        if self.components > 1:
            parts = jax.random.categorical(part_key, self.log_shares(params), shape=(count,))
        points, _ = jax.vmap(functools.partial(self.push, params))(self.noise(draw_key, (count,)), parts)
        latents = self.to_latent(points)
        return jax.tree.map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), latents)


class White(NamedTuple):
    """A family of a whitened vector y, from which ``framed`` makes a guide.

    Attributes:
        noise_dim: The number of standard normal coordinates of one base draw.
        begin: (key) ↦ free parameters at which y is nearly standard normal.
        push: (free, z, component) ↦ (y, log q(y)).
        log_prob: (free, y) ↦ log q(y).
        components: The number of parts.
        log_shares: (free) ↦ the logarithms of their weights.
    """

    noise_dim: int
    begin: Callable[[jax.Array], Any]
    push: Callable[[Any, jax.Array, Any], tuple[jax.Array, jax.Array]]
    log_prob: Callable[[Any, jax.Array], jax.Array]
    components: int = 1
    log_shares: Callable[[Any], jax.Array] = one_part


def framed(white: White, name: str, latent: Latent, frame: Literal["full", "diagonal"], **rest: Any) -> Guide:
    """The guide of x = loc + scale y."""

    def log_volume(frame: Frame) -> jax.Array:
        return jnp.log(frame.scale if frame.scale.ndim == 1 else jnp.diagonal(frame.scale)).sum()

    def push(params: Params, z: jax.Array, component: Any) -> tuple[jax.Array, jax.Array]:
        y, log_q = white.push(params.free, z, component)
        frame = params.frame
        assert frame is not None
        moved = frame.scale * y if frame.scale.ndim == 1 else frame.scale @ y
        return frame.loc + moved, log_q - log_volume(frame)

    def log_prob(params: Params, x: jax.Array) -> jax.Array:
        frame = params.frame
        assert frame is not None
        centred = x - frame.loc
        if frame.scale.ndim == 1:
            y = centred / frame.scale
        else:
            y = jax.scipy.linalg.solve_triangular(frame.scale, centred, lower=True)
        return white.log_prob(params.free, y) - log_volume(frame)

    return Guide(
        name=name,
        latent=latent,
        begin=white.begin,
        noise=lambda key, shape: _draws.normal(key, (*shape, white.noise_dim), jnp.result_type(float)),
        push=push,
        log_prob=log_prob,
        components=white.components,
        log_shares=lambda params: white.log_shares(params.free),
        frame=frame,
        **rest,
    )


def standard_normal(z: jax.Array) -> jax.Array:
    """log N(z; 0, I)"""
    return -0.5 * jnp.square(z).sum(-1) - z.shape[-1] * _HALF_LOG_2PI
