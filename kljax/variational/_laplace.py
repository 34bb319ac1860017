"""The Laplace approximation: the normal distribution at a mode, with the curvature there."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax.variational._guides import Frame

STEPS = 100
TOLERANCE = 1e-9  # nats that a full Newton step promises


class Mode(NamedTuple):
    """A mode, the Cholesky factor of the inverse curvature there, and whether it is one.

    Attributes:
        frame: The mode and the scale.
        steps: Newton steps taken.
        found: Whether the curvature is positive and the slope zero.
    """

    frame: Frame
    steps: Any
    found: jax.Array


@functools.partial(jax.jit, static_argnums=0)
def climb(target: Any, start: jax.Array) -> Mode:
    """The mode that damped Newton steps lead to from ``start``."""
    dim = start.shape[0]

    def expansion(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
        value, slope = jax.value_and_grad(target)(x)
        curvature, basis = jnp.linalg.eigh(-jax.hessian(target)(x))
        return value, slope, curvature, basis

    def step(carry: Any) -> Any:
        x, value, slope, curvature, basis, length, count = carry
        bent = jnp.maximum(jnp.abs(curvature), 1e-6 * jnp.abs(curvature).max())
        proposal = x + length * basis @ ((basis.T @ slope) / bent)
        new = expansion(proposal)
        better = (new[0] >= value) & jnp.isfinite(new[1]).all()
        kept = jax.tree.map(lambda one, other: jnp.where(better, one, other), (proposal, *new), carry[:5])
        return *kept, jnp.where(better, jnp.minimum(1.0, 2.0 * length), 0.25 * length), count + 1

    def gain(slope: jax.Array, curvature: jax.Array, basis: jax.Array) -> jax.Array:
        return 0.5 * (jnp.square(basis.T @ slope) / jnp.maximum(jnp.abs(curvature), 1e-30)).sum()

    def unfinished(carry: Any) -> jax.Array:
        _, _, slope, curvature, basis, length, count = carry
        return (count < STEPS) & (length > 1e-6) & (gain(slope, curvature, basis) > TOLERANCE)

    x, _, slope, curvature, basis, _, count = lax.while_loop(
        unfinished, step, (start, *expansion(start), jnp.asarray(1.0, start.dtype), 0)
    )
    found = (curvature > 0.0).all() & (gain(slope, curvature, basis) < 1e-2)
    wide = (basis / jnp.sqrt(jnp.maximum(curvature, 1e-12))).T
    upper = jnp.linalg.qr(wide, mode="r")
    lower = upper.T * jnp.where(jnp.diagonal(upper) < 0.0, -1.0, 1.0)
    return Mode(Frame(x, jnp.where(found, lower, jnp.eye(dim, dtype=x.dtype))), count, found)
