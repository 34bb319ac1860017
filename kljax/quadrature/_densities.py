"""The log-densities as one function of points, split into constants and what depends on the points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kljax.quadrature._hoisted import split


class Densities(NamedTuple):
    """Log-densities, and functions to be averaged behind them.

    Attributes:
        evaluate: (constants, points [functions, batch..., nodes]) ─▶ their values there.
        constants: Arrays of the batch's shape.
        functions: How many functions there are.
        logs: How many of them are log-densities.
    """

    evaluate: Callable[[list[jax.Array], jax.Array], jax.Array]
    constants: list[jax.Array]
    functions: int
    logs: int


def densities(point: Callable[[jax.Array], jax.Array], functions: int, count: int, like: jax.Array) -> Densities:
    """Of ``point``, which maps one point for each function, [functions, batch...], to the values there."""
    shape = jax.ShapeDtypeStruct((functions, *like.shape[:-1]), like.dtype)
    constants, at = split(point, shape)
    return Densities(_Along(at), constants, functions, count)


def elementwise(
    functions: Sequence[Callable[..., Any]], count: int, like: jax.Array, args: tuple[Any, ...]
) -> Densities:
    """Of functions of an array of points, [batch..., nodes] ─▶ [batch..., nodes]."""

    def point(x: jax.Array) -> jax.Array:
        values = [
            jnp.asarray(one(at[..., None], *args)).astype(like.dtype) for one, at in zip(functions, x, strict=True)
        ]
        return jnp.stack([jnp.broadcast_to(one, (*x.shape[1:], 1))[..., 0] for one in values])

    return densities(point, len(functions), count, like)


class _Along:
    """A function of single points, along the nodes."""

    def __init__(self, at: Callable[[list[Any], jax.Array], Any]) -> None:
        self.at = at

    def __call__(self, constants: list[jax.Array], points: jax.Array) -> jax.Array:
        found: jax.Array = jax.vmap(self.at, in_axes=(None, -1), out_axes=-1)(constants, points)
        return found
