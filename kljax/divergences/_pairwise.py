"""A divergence between all pairs of two batches of distributions."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from kljax import _names
from kljax._names import advised
from kljax._types import Law
from kljax.divergences import _register, _structure
from kljax.divergences._dispatch import TABLE, distribution
from kljax.divergences._forms.inner_products import Features
from kljax.divergences._kullback_leibler import jeffreys, kl
from kljax.divergences._verbs import PAIRWISE
from kljax.families._internal import batch_shape, filled

DOUBTFUL = 1.0 / 32.0  # of its parts: a sum so small has lost five bits of its own
TILE_ENTRIES = 1 << 19  # of one operand, broadcast to the pairs of a tile


@advised
def pairwise(verb: Callable[..., jax.Array], ps: Law, qs: Law, **options: Any) -> jax.Array:
    """The matrix D(pᵢ‖qⱼ) of all pairs of two batches.

    For ``kl`` and ``jeffreys`` of Categorical, OneHotCategorical, Dirichlet, MultivariateNormal and Independent Normal
    it is a product of matrices [N, F] and [F, M]; pairs so close that their entry would have lost digits are computed
    again by the closed form, tile by tile. Everything else is computed by ``verb`` itself, some rows at a time. No
    array of the size of all pairs times one distribution is made, forward or backward.

    Args:
        verb: A divergence of this package: ``kljax.kl``, ``kljax.renyi``, ….
        ps: N distributions: a record of ``kljax.families`` with batch shape [N].
        qs: M distributions: a record with batch shape [M].
        **options: What the verb takes besides, such as ``order``.

    Returns:
        The divergences in nats, [N, M].

    Raises:
        NotImplementedError: If the verb has no answer for the pair.

    Example:
        >>> import jax.numpy as jnp
        >>> import kljax
        >>> from kljax.families import Categorical
        >>> rows = Categorical(logits=jnp.array([[0.0, 1.0], [0.0, 0.0], [2.0, 0.0]]))
        >>> print(kljax.pairwise(kljax.kl, rows, rows).shape)
        (3, 3)

    References:
        Amari & Nagaoka (2000), "Methods of Information Geometry", section 3.4, for the product.
    """
    if not callable(verb):
        known = [one.name for one in _register.VERBS.values()]
        named = _names.meant(verb, known, _names.VERBS) if isinstance(verb, str) else None
        advice = f" Pass the function itself, kljax.{named}." if named else ""
        raise TypeError(f"verb must be a divergence such as kljax.kl; got {verb!r}.{advice}")
    ps, qs = (_batch(name, one) for name, one in (("ps", ps), ("qs", qs)))
    if verb in (kl, jeffreys):
        ps, qs = _structure.as_vector(ps), _structure.as_vector(qs)
    traced = {name: one for name, one in options.items() if isinstance(one, (jax.Array, np.ndarray))}
    static = tuple(sorted((name, one) for name, one in options.items() if name not in traced))
    return _matrix(verb, static, traced, ps, qs)


def _batch(name: str, value: Any) -> Any:
    record = distribution(name, value)
    shape = batch_shape(record)
    if len(shape) != 1:
        raise ValueError(f"{name} must have a batch shape of one dimension, the members to pair; got {shape}.")
    return filled(record)


@functools.partial(jax.jit, static_argnums=(0, 1))
def _matrix(verb: Callable[..., jax.Array], static: Any, traced: Any, ps: Any, qs: Any) -> jax.Array:
    features: Any = TABLE.get((PAIRWISE, type(ps), type(qs)))
    by_product = features is not None and _length(ps) == _length(qs)
    if by_product and verb is kl:
        return _by_product(features, ps, qs)
    if by_product and verb is jeffreys:
        return _by_product(features, ps, qs) + _by_product(features, qs, ps).T
    of_pair = functools.partial(verb, **dict(static), **traced)
    rows = max(1, TILE_ENTRIES // (batch_shape(qs)[0] * _entries(qs)))

    @jax.checkpoint
    def of_row(p: Any) -> jax.Array:
        return of_pair(p, qs)

    return lax.map(of_row, ps, batch_size=min(rows, batch_shape(ps)[0]))


def _length(record: Any) -> int:
    """The last dimension of the first parameter, the number of outcomes or entries."""
    return int(jax.tree.leaves(record)[0].shape[-1])


def _entries(record: Any) -> int:
    """How many numbers describe one member."""
    return max(1, sum(math.prod(leaf.shape[1:]) for leaf in jax.tree.leaves(record)))


def _by_product(features: Callable[[Any, Any], Features], ps: Any, qs: Any) -> jax.Array:
    found = features(ps, qs)
    to_middle = kl(ps, found.middle)
    from_middle = kl(found.middle, qs) if found.from_middle is None else found.from_middle
    surplus = jnp.zeros_like(from_middle) if found.surplus is None else found.surplus
    near = to_middle[:, None] + from_middle[None, :]
    matrix = near - _product(found.mean, found.natural) - surplus[None, :]
    mean, natural = (jnp.sqrt(jnp.square(one).sum(-1)) for one in (found.mean, found.natural))
    scale = near + (mean + found.mean_size)[:, None] * natural[None, :] + mean[:, None] * found.natural_size[None, :]
    doubtful = ~(matrix > DOUBTFUL * lax.stop_gradient(scale))
    matrix = lax.cond(doubtful.any(), lambda: _repaired(matrix, doubtful, ps, qs), lambda: matrix)
    if found.missed is None:
        return matrix
    # What p has where q has nothing costs infinitely much.
    missed, held = (one.astype(matrix.dtype) for one in (found.missed, _held(ps)))
    some = lax.cond(found.missed.any(), lambda: _product(held, missed) > 0.0, lambda: jnp.zeros(matrix.shape, bool))
    return jnp.where(some, jnp.inf, matrix)


def _held(ps: Any) -> jax.Array:
    """Where p has mass: of logits, also mass too small for its number."""
    return ps.probs > 0.0 if ps.logits is None else ps.logits > -jnp.inf


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.einsum("if,jf->ij", a, b, precision=lax.Precision.HIGHEST)


def _repaired(matrix: jax.Array, doubtful: jax.Array, ps: Any, qs: Any) -> jax.Array:
    """The matrix with its doubtful entries by the closed form, tile by tile; a tile without any costs nothing."""
    n, m = matrix.shape
    side = 1 << max(3, min(5, int(math.log2(max(1, TILE_ENTRIES // _entries(qs))) / 2)))
    down, across = -(-n // side), -(-m // side)

    def tiles(x: jax.Array) -> jax.Array:
        full = jnp.pad(x, ((0, down * side - n), (0, across * side - m)))
        return full.reshape(down, side, across, side).swapaxes(1, 2).reshape(-1, side, side)

    def members(record: Any, start: jax.Array) -> Any:
        index = start * side + jnp.arange(side)
        return jax.tree.map(lambda leaf: jnp.take(leaf, index, 0, mode="clip"), record)

    @jax.checkpoint
    def of_tile(tile: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        values, doubts, index = tile

        def exact() -> jax.Array:
            p = jax.tree.map(lambda leaf: leaf[:, None], members(ps, index // across))
            q = jax.tree.map(lambda leaf: leaf[None, :], members(qs, index % across))
            return jnp.where(doubts, kl(p, q).astype(values.dtype), values)

        return lax.cond(doubts.any(), exact, lambda: values)

    found = lax.map(of_tile, (tiles(matrix), tiles(doubtful), jnp.arange(down * across)))
    return found.reshape(down, across, side, side).swapaxes(1, 2).reshape(down * side, across * side)[:n, :m]
