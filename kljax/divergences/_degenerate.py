"""Distributions of a scale 0 or ∞: all mass in one point, or none anywhere.

Such a distribution is singular to every other one, so that a divergence is what it is for two with nothing in common,
f(0) + lim f(u)/u; for p = q it is 0. The parameters are exchanged for ordinary ones, so that no 0/0 is formed.
"""

from __future__ import annotations

import functools
import operator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kljax.families import (
    Cauchy,
    Exponential,
    Gamma,
    GeneralizedExtremeValue,
    GeneralizedPareto,
    Gumbel,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    Laplace,
    Lindley,
    Logistic,
    LogitNormal,
    LogNormal,
    Moyal,
    MultivariateNormal,
    Normal,
    Pareto,
    Rayleigh,
    SkewNormal,
    StudentT,
    Weibull,
)
from kljax.families._internal import Diagonal, batch_shape, padded

_BY_SCALE = (
    *(Cauchy, Gumbel, HalfCauchy, HalfNormal, InverseGamma, Laplace, LogNormal, LogitNormal, Logistic, Moyal),
    *(GeneralizedExtremeValue, GeneralizedPareto, Normal, Pareto, Rayleigh, SkewNormal, StudentT, Weibull),
)
_BY_RATE = (Exponential, Gamma, Lindley)


def _degenerate(one: Any) -> jax.Array | None:
    if isinstance(one, MultivariateNormal) and isinstance(one.scale, Diagonal):
        sizes = one.scale.scale
        return ((sizes == 0.0) | (sizes == jnp.inf)).any(-1)
    name = "scale" if isinstance(one, _BY_SCALE) else "rate" if isinstance(one, _BY_RATE) else None
    if name is None:
        return None
    size = getattr(one, name)
    return (size == 0.0) | (size == jnp.inf)


class Degenerate(NamedTuple):
    """Where one of two distributions is, and where they are equal there; [batch...]."""

    either: jax.Array
    same: jax.Array


def proper(p: Any, q: Any) -> tuple[Any, Any, Degenerate | None]:
    """p and q with ordinary parameters where one of them is degenerate, and where; None where it is known that none is.

    Both are of one batch.
    """
    found = [flag for flag in (_degenerate(p), _degenerate(q)) if flag is not None]
    if not found:
        return p, q, None
    either = jnp.broadcast_to(functools.reduce(operator.or_, found), batch_shape(p))
    structures: list[Any] = [jax.tree.structure(p), jax.tree.structure(q)]
    if type(p) is type(q) and structures[0] == structures[1]:
        pairs = zip(jax.tree.leaves(p), jax.tree.leaves(q), strict=True)
        alike = [one == other for one, other in pairs]
        same = functools.reduce(operator.and_, [one.reshape(*either.shape, -1).all(-1) for one in alike])
    else:
        same = jnp.zeros_like(either)
    return padded(p, ~either), padded(q, ~either), Degenerate(either, same)


@jax.tree_util.register_static
class Limits(NamedTuple):
    """What a divergence is for p = q, and for two that have nothing in common; numbers of the program."""

    equal: Any
    apart: Any


def shown(value: Any, where: Degenerate | None, limits: tuple[Any, Any]) -> Any:
    """The value or values, but the limits where one of the two is degenerate."""
    if where is None:
        return value

    def one(value: jax.Array, equal: Any, apart: Any) -> jax.Array:
        least, most = (jnp.asarray(each).astype(value.dtype) for each in (equal, apart))
        return jnp.where(where.either, jnp.where(where.same, least, most), value)

    return jax.tree.map(one, value, *limits)
