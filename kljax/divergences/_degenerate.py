"""Distributions of a scale 0 or ∞: all mass in one point, or none anywhere.

Such a distribution is singular to every other one, so that a divergence is what it is for two with nothing in common,
f(0) + lim f(u)/u; for p = q it is 0. The parameters are exchanged for ordinary ones, so that no 0/0 is formed.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import jax
import jax.numpy as jnp

from kljax.families import (
    Cauchy,
    Exponential,
    Gamma,
    Gumbel,
    HalfCauchy,
    HalfNormal,
    InverseGamma,
    Laplace,
    Logistic,
    LogitNormal,
    LogNormal,
    Moyal,
    MultivariateNormal,
    Normal,
    Rayleigh,
    StudentT,
    Weibull,
)
from kljax.families._internal import Diagonal, batch_shape, padded

_BY_SCALE = (
    *(Cauchy, Gumbel, HalfCauchy, HalfNormal, InverseGamma, Laplace, LogNormal, LogitNormal, Logistic, Moyal),
    *(Normal, Rayleigh, StudentT, Weibull),
)
_BY_RATE = (Exponential, Gamma)


def _degenerate(one: Any) -> jax.Array | None:
    if isinstance(one, MultivariateNormal) and isinstance(one.scale, Diagonal):
        sizes = one.scale.scale
        return ((sizes == 0.0) | (sizes == jnp.inf)).any(-1)
    name = "scale" if isinstance(one, _BY_SCALE) else "rate" if isinstance(one, _BY_RATE) else None
    if name is None:
        return None
    size = getattr(one, name)
    return (size == 0.0) | (size == jnp.inf)


def proper(p: Any, q: Any) -> tuple[Any, Any, jax.Array | None, jax.Array | None]:
    """(p, q, where one of them is degenerate, where they are equal): None where it is known that neither is."""
    found = [flag for flag in (_degenerate(p), _degenerate(q)) if flag is not None]
    if not found:
        return p, q, None, None
    edge = jnp.broadcast_to(functools.reduce(operator.or_, found), batch_shape(p))
    if not isinstance(edge, jax.core.Tracer) and not edge.any():
        return p, q, None, None
    structures: list[Any] = [jax.tree.structure(p), jax.tree.structure(q)]
    if type(p) is type(q) and structures[0] == structures[1]:
        pairs = zip(jax.tree.leaves(p), jax.tree.leaves(q), strict=True)
        alike = [one == other for one, other in pairs]
        same = functools.reduce(operator.and_, [one.reshape(*edge.shape, -1).all(-1) for one in alike])
    else:
        same = jnp.zeros_like(edge)
    return padded(p, ~edge), padded(q, ~edge), edge, same


def shown(value: jax.Array, edge: jax.Array | None, same: jax.Array | None, apart: Any) -> jax.Array:
    """The value, but where one of the two was degenerate ``apart``, or 0 for p = q."""
    if edge is None or same is None:
        return value
    limit = jnp.where(same, 0.0, jnp.broadcast_to(jnp.asarray(apart), value.shape).astype(value.dtype))
    return jnp.where(edge, limit, value)
