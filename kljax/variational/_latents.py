"""The space on which target and guide live: a pytree of real arrays, seen as one vector.

Latents are what the caller's log-density takes; vectors are what guides are made of.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


@dataclasses.dataclass(frozen=True)
class Latent:
    """The structure of one latent: its pytree and the shapes of its leaves. Equal structures are equal records."""

    structure: Any
    shapes: tuple[tuple[int, ...], ...]

    @property
    def dim(self) -> int:
        """The number of real coordinates."""
        return sum(math.prod(shape) for shape in self.shapes)

    @property
    def example(self) -> Any:
        """One latent, of shapes and dtypes alone."""
        leaves = [jax.ShapeDtypeStruct(shape, jnp.result_type(float)) for shape in self.shapes]
        return jax.tree.unflatten(self.structure, leaves)

    def unravel(self, vector: jax.Array) -> Any:
        """The latent that a vector [..., d] stands for, with the leading axes on every leaf."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes])[:-1]
        pieces = jnp.split(vector, ends, axis=-1)
        leaves = [piece.reshape(*vector.shape[:-1], *shape) for piece, shape in zip(pieces, self.shapes, strict=True)]
        return jax.tree.unflatten(self.structure, leaves)

    def ravel(self, latent: Any) -> jax.Array:
        """The vector [..., d] of a latent whose leaves have the same leading axes."""
        leaves, structure = jax.tree.flatten(latent)
        if structure != self.structure:
            raise ValueError(f"The latent must have the structure {self.structure}; got {structure}.")
        pairs = list(zip(leaves, self.shapes, strict=True))
        batches = {np.shape(leaf)[: np.ndim(leaf) - len(shape)] for leaf, shape in pairs}
        wrong = [np.shape(leaf) for leaf, shape in pairs if not _ends_with(leaf, shape)]
        if wrong or len(batches) > 1:
            raise ValueError(
                f"The latent must have leaves of shapes {list(self.shapes)}, after leading axes that all share; got "
                f"{[np.shape(leaf) for leaf in leaves]}."
            )
        (batch,) = batches or {()}
        flat = [jnp.asarray(leaf).reshape(*batch, -1) for leaf in leaves]
        return jnp.concatenate(flat, axis=-1)


def _ends_with(leaf: Any, shape: tuple[int, ...]) -> bool:
    return np.ndim(leaf) >= len(shape) and np.shape(leaf)[np.ndim(leaf) - len(shape) :] == shape


def latent_of(like: Any, *, name: str = "like") -> Latent:
    """The structure of ``like``: a number of coordinates, or one latent (arrays or ``jax.ShapeDtypeStruct``)."""
    if isinstance(like, Latent):
        return like
    if isinstance(like, (bool, str)) or like is None:
        raise TypeError(f"{name} must be a number of coordinates or an example of one latent; got {like!r}.")
    if isinstance(like, (int, np.integer)):
        if like < 1:
            raise ValueError(f"{name} must have at least one coordinate; got {like}.")
        return Latent(jax.tree.structure(0), ((int(like),),))
    leaves, structure = jax.tree.flatten(like)
    for leaf in leaves:
        kind = leaf.dtype if hasattr(leaf, "dtype") else np.result_type(leaf)
        if not jnp.issubdtype(kind, jnp.floating):
            raise TypeError(f"Every leaf of {name} must be real; got a leaf of dtype {kind}.")
    made = Latent(structure, tuple(tuple(np.shape(leaf)) for leaf in leaves))
    if made.dim < 1:
        raise ValueError(f"{name} must have at least one coordinate; got a tree with none.")
    return made


@dataclasses.dataclass(frozen=True)
class OnVectors:
    """A log-density as a function of one vector [d]. Equal ones are equal records, so that ``jit`` compiles once."""

    log_density: Callable[[Any], Any]
    latent: Latent

    def __call__(self, vector: jax.Array) -> jax.Array:
        """log p̃ at the latent that the vector stands for."""
        return jnp.asarray(self.log_density(self.latent.unravel(vector))).astype(vector.dtype)


def check_log_density(log_density: Callable[[Any], Any], example: Any) -> bool:
    """Raises unless the log-density of one latent is one real number; whether it depends on traced values."""
    if not callable(log_density):
        raise TypeError(f"target must be a log-density, a function of one latent; got {type(log_density).__name__}.")
    listed = ", ".join(str(leaf.shape) for leaf in jax.tree.leaves(example))
    try:
        program, value = jax.make_jaxpr(log_density, return_shape=True)(example)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"target could not be evaluated at one latent with leaves of shape {listed}; it is called without a batch "
            f"axis. It raised: {error}"
        ) from error
    if not hasattr(value, "shape") or value.shape != () or not jnp.issubdtype(value.dtype, jnp.floating):
        got = f"shape {value.shape} and dtype {value.dtype}" if hasattr(value, "shape") else type(value).__name__
        raise ValueError(
            f"target must return one real number, the log-density of one latent with leaves of shape {listed}; got "
            f"{got}. Sum over the factors of the density, jnp.sum(…); a batch of fits is jax.vmap of fit."
        )
    return any(isinstance(one, jax.core.Tracer) for one in program.consts)
