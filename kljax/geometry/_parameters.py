"""Pytrees of parameters as vectors of one dtype, and the caller's divergence as a function that returns one number."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks

Divergence = Callable[..., Any]


def callable_divergence(divergence: Any) -> None:
    """Raises unless this can be called."""
    if not callable(divergence):
        raise TypeError(f"divergence must be a function of two pytrees of parameters; got {type(divergence).__name__}.")


def in_one_dtype(name: str, tree: Any) -> Any:
    """The pytree with all its leaves in float64 if one is, else in float32."""
    leaves: Any
    treedef: Any
    leaves, treedef = jax.tree_util.tree_flatten_with_path(tree)
    if not leaves:
        raise TypeError(f"{name} must hold at least one array; got {tree!r}.")
    arrays = [_checks.floating(f"{name}{jax.tree_util.keystr(path)}", leaf) for path, leaf in leaves]
    dtype = jnp.float64 if any(one.dtype == jnp.float64 for one in arrays) else jnp.float32
    return treedef.unflatten([one.astype(dtype) for one in arrays])


def like(name: str, tree: Any, params: Any) -> Any:
    """A pytree of the structure and the shapes of ``params``, in their dtype."""
    treedef: Any = jax.tree.structure(params)
    if treedef != jax.tree.structure(tree):
        raise ValueError(f"{name} must have the structure of params, {treedef}; got {jax.tree.structure(tree)}.")
    arrays = [
        _checks.floating(f"{name}{jax.tree_util.keystr(path)}", leaf)
        for path, leaf in jax.tree_util.tree_leaves_with_path(tree)
    ]
    for (path, leaf), array in zip(jax.tree_util.tree_leaves_with_path(params), arrays, strict=True):
        if array.shape != leaf.shape:
            place = jax.tree_util.keystr(path)
            raise ValueError(f"{name}{place} must have the shape of params{place}, {leaf.shape}; got {array.shape}.")
    return treedef.unflatten(
        [one.astype(leaf.dtype) for one, leaf in zip(arrays, jax.tree.leaves(params), strict=True)]
    )


def one_number(value: Any) -> jax.Array:
    """What a divergence returned, once it is known to be one real number."""
    if not jax.tree_util.all_leaves([value]) or not jnp.issubdtype(jnp.result_type(value), jnp.floating):
        raise TypeError(
            f"divergence must return one floating-point number; got {jax.tree.map(jnp.result_type, value)}."
        )
    array = jnp.asarray(value)
    if array.shape != ():
        raise ValueError(
            f"divergence must return one number; got shape {array.shape}. Reduce it inside, with .sum() where every "
            "entry has parameters of its own, with .mean() over a batch that shares them."
        )
    return array


def vector_space(params: Any) -> tuple[Callable[[Any], jax.Array], Callable[[jax.Array], Any]]:
    """(pytree ↦ vector, vector ↦ pytree), for pytrees like ``params``, whose leaves have one dtype."""
    leaves: list[jax.Array]
    treedef: Any
    leaves, treedef = jax.tree.flatten(params)
    sizes = [math.prod(leaf.shape) for leaf in leaves]
    ends = [sum(sizes[: at + 1]) for at in range(len(sizes))]

    def ravel(tree: Any) -> jax.Array:
        return jnp.concatenate([leaf.reshape(-1) for leaf in jax.tree.leaves(tree)])

    def unravel(vector: jax.Array) -> Any:
        return treedef.unflatten(
            [vector[e - n : e].reshape(leaf.shape) for leaf, n, e in zip(leaves, sizes, ends, strict=True)]
        )

    return ravel, unravel


def norm(tree: Any) -> jax.Array:
    """The Euclidean norm of a pytree, scaled so that no square overflows."""
    largest = jnp.stack([jnp.max(jnp.abs(leaf), initial=0.0) for leaf in jax.tree.leaves(tree)]).max()
    unit = jnp.where((largest > 0.0) & (largest < jnp.inf), largest, 1.0)
    return unit * jnp.sqrt(sum(jnp.square(leaf / unit).sum() for leaf in jax.tree.leaves(tree)))


def options(**numbers: tuple[ArrayLike, bool]) -> None:
    """Raises unless each number given as one is finite and at least zero, or above zero where ``True``."""
    for name, (value, above_zero) in numbers.items():
        _checks.number(name, value, low=0.0, open_low=above_zero, high=math.inf, open_high=True)
        if isinstance(value, (int, float)) and math.isinf(value):
            raise ValueError(f"{name} must be finite; got {value!r}.")


def count(name: str, value: Any) -> None:
    """Raises unless this is a whole number of at least one."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int; got {value!r}.")
    if value < 1:
        raise ValueError(f"{name} must be at least 1; got {value}.")


def needed(params: Any) -> None:
    """Raises where an optax update came without parameters."""
    if params is None:
        raise ValueError("params must be given to update(updates, state, params): the divergence is taken there.")
