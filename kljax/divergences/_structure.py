"""Distributions that are made of others: their divergences from those of the parts.

    p, q ─simplified─▶ one record where two say the same ─parts─▶ pairs of simpler distributions ─joined─▶ a number

Over independent parts KL, Jeffreys and Rényi add up. What is a power integral, D = (∫ p^α q^(1-α) - 1)/c, is found from
D₁ and D₂ as D₁ + D₂ + c D₁ D₂, so that a small divergence keeps its digits.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import operator
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import expm1
from kljax.families import (
    Delta,
    Empirical,
    Independent,
    Masked,
    Mixture,
    MultivariateNormal,
    Normal,
    Product,
    Transformed,
)
from kljax.families._internal import aligned, batch_shape, filled, is_family, is_record, mixed, padded
from kljax.generators import Generator

Answer = Callable[..., Any]
COMPOSITES = (Independent, Masked, Mixture, Product, Transformed)


class Parts(NamedTuple):
    """Pairs whose divergences make up that of two distributions.

    Attributes:
        pairs: The pairs.
        axes: How many trailing dimensions of each answer run over parts as well.
        size: How many numbers are joined, for one member of the batch.
        mask: Where the answer counts; elsewhere it is zero.
    """

    pairs: list[tuple[Any, Any]]
    axes: int
    size: int
    mask: jax.Array | None = None


def simplified(p: Any, q: Any) -> tuple[Any, Any] | None:
    """The pair in simpler records: without a bijector that both have, and in one form where there is one for both.

    None if they are in their simplest form.
    """
    first, second = unified(*bases(p, q))
    return None if first is p and second is q else (first, second)


def unified(p: Any, q: Any) -> tuple[Any, Any]:
    """The pair with each in its simplest form, and both in one form where there is one."""
    first, second = _simple(p), _simple(q)
    if isinstance(first, MultivariateNormal) and _is_diagonal_normal(second):
        second = as_vector(second)
    elif isinstance(second, MultivariateNormal) and _is_diagonal_normal(first):
        first = as_vector(first)
    return first, second


def as_vector(record: Any) -> Any:
    """Independent normal variables as one normal vector; anything else as it is."""
    if not _is_diagonal_normal(record):
        return record
    base = filled(record.base)
    return MultivariateNormal.from_diagonal(base.loc, base.scale)


def bases(p: Any, q: Any) -> tuple[Any, Any]:
    """The pair without the bijector that is the same on both sides, which changes no divergence."""
    while isinstance(p, Transformed) and isinstance(q, Transformed) and _same_bijector(p.bijector, q.bijector):
        p, q = p.base, q.base
    return p, q


def _same_bijector(one: Any, other: Any) -> bool:
    """Whether two bijectors are known to be equal: one object, equal objects, or pytrees of equal known arrays."""
    if one is other:
        return True
    if isinstance(one, jax.core.Tracer) or isinstance(other, jax.core.Tracer) or type(one) is not type(other):
        return False
    if is_record(one):
        names = [field.name for field in dataclasses.fields(one)]
        return all(_same_bijector(getattr(one, name), getattr(other, name)) for name in names)
    if isinstance(one, tuple):
        return len(one) == len(other) and all(map(_same_bijector, one, other))
    if isinstance(one, (jax.Array, np.ndarray)):
        return one.shape == other.shape and bool(np.all(np.asarray(one) == np.asarray(other)))
    if jax.tree_util.all_leaves([one]):
        return bool(one == other)
    structures: list[Any] = [jax.tree.structure(each) for each in (one, other)]
    return bool(structures[0] == structures[1]) and all(
        map(_same_bijector, jax.tree.leaves(one), jax.tree.leaves(other))
    )


def _simple(one: Any) -> Any:
    if isinstance(one, Independent):
        base = _simple(one.base)
        if one.ndims == 0:
            return base
        if isinstance(base, Independent):
            return Independent(base.base, base.ndims + one.ndims)
        if isinstance(base, Delta):
            return Delta(filled(base).loc, base.ndims + one.ndims)
        return one if base is one.base else Independent(base, one.ndims)
    if isinstance(one, Mixture):
        if isinstance(one.components, Delta):
            at = filled(one)
            weights = jax.nn.softmax(at.logits) if at.probs is None else at.probs
            return Empirical(at.components.loc, weights, at.components.ndims)
        return mixed(one)
    return one


def _is_diagonal_normal(one: Any) -> bool:
    return isinstance(one, Independent) and isinstance(one.base, Normal) and one.ndims == 1


def parts(p: Any, q: Any) -> Parts | None:
    """What the pair is made of; None if it is to be answered as it is."""
    if isinstance(p, Masked) or isinstance(q, Masked):
        p, q = aligned(p, q)
        masks = [one.mask for one in (p, q) if isinstance(one, Masked)]
        mask = functools.reduce(operator.and_, masks)
        bare = bases(*(one.base if isinstance(one, Masked) else one for one in (p, q)))
        return Parts([(padded(bare[0], mask), padded(bare[1], mask))], 0, 1, mask)
    if isinstance(p, Product) and isinstance(q, Product):
        # That the structures agree is known from the shapes of a draw.
        leaves = [jax.tree.leaves(one.parts, is_leaf=is_family) for one in aligned(p, q)]
        return Parts(list(zip(*leaves, strict=True)), 0, len(leaves[0]))
    if isinstance(p, Independent) and isinstance(q, Independent):
        p, q = aligned(p, q)
        ndims = min(p.ndims, q.ndims)
        inner = [one.base if one.ndims == ndims else Independent(one.base, one.ndims - ndims) for one in (p, q)]
        shape = batch_shape(inner[0])
        return Parts([(inner[0], inner[1])], ndims, math.prod(shape[len(shape) - ndims :]))
    return None


def added(found: Parts, of_part: Answer) -> jax.Array:
    """The sum of the answers of the parts."""
    values = [of_part(*pair).sum(tuple(range(-found.axes, 0))) for pair in found.pairs]
    return shown(found, functools.reduce(operator.add, values))


def f_divergence(found: Parts, generator: Generator, of_part: Answer, renyi: Answer) -> jax.Array:
    """The f-divergence by those of the parts; ``renyi`` is that of a part for the order of a power."""
    known = _power_integral(generator)
    if known is None and found.size != 1:
        first, second = (type(one).__name__ for one in found.pairs[0])
        raise NotImplementedError(
            f"{generator.name} of several independent parts ({first} and {second} the first): it does not follow from "
            "those of the parts. Call kljax.estimate(p, q, key=…, generator=…) for an estimate from draws, with its "
            "error bar; KL, Jeffreys, Rényi, Bhattacharyya, squared Hellinger, χ², α and Tsallis are exact."
        )
    order, price = known or (None, 0.0)
    if isinstance(order, float) and 0.0 < order < 1.0:
        # log ∫ p^α q^(1-α) is a sum, and its exponential far below one is as good as its sum.
        total = added(found._replace(mask=None), functools.partial(renyi, order=order))
        return shown(found, expm1((order - 1.0) * total) / price)
    values = [of_part(*pair) for pair in found.pairs]
    flat = [one.reshape(*one.shape[: one.ndim - found.axes], -1) for one in values]
    shape = jnp.broadcast_shapes(*(one.shape for one in flat))
    along = jnp.concatenate([jnp.broadcast_to(one, shape) for one in flat], -1)
    return shown(found, _composed(along, price))


def _power_integral(generator: Generator) -> tuple[Any, Any] | None:
    """(α, c) of a generator with D = (∫ p^α q^(1-α) - 1)/c; c = 0 of one that adds up."""
    name, parameters = generator.name, generator.parameters
    fixed = {"kl": 0.0, "reverse_kl": 0.0, "jeffreys": 0.0, "squared_hellinger": -1.0, "pearson": 1.0, "neyman": 1.0}
    if name in fixed:
        return 0.5 if name == "squared_hellinger" else None, fixed[name]
    if name == "tsallis":
        return parameters[0], parameters[0] - 1.0
    if name in ("alpha", "cressie_read"):
        order = parameters[0] if parameters else 1.0
        return order, order * (order - 1.0)
    return None


def _composed(values: jax.Array, price: Any) -> jax.Array:
    """D₁ + D₂ + c D₁ D₂ over the last axis, in pairs, pairs of pairs and so on."""
    while values.shape[-1] > 1:
        if values.shape[-1] % 2:
            values = jnp.concatenate([values, jnp.zeros_like(values[..., :1])], -1)
        half = values.shape[-1] // 2
        first, second = values[..., :half], values[..., half:]
        total = first + second
        # An infinite part is infinite, also beside one of zero.
        finite = jnp.isfinite(total)
        values = total + price * (jnp.where(finite, first, 0.0) * jnp.where(finite, second, 0.0))
    return values.sum(-1)


def shown(found: Parts, value: Any, nothing: Any = 0.0) -> Any:
    """The value or values, but ``nothing`` where the parts are masked."""
    mask = found.mask
    if mask is None:
        return value
    return jax.tree.map(lambda one, other: jnp.where(jnp.broadcast_to(mask, one.shape), one, other), value, nothing)
