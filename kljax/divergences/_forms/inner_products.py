"""KL between members of one exponential family as an inner product, for matrices of all pairs.

For any three members, KL(p‖q) = KL(p‖r) + KL(r‖q) - (T_p - T_r)·(η_q - η_r), with T the mean of the sufficient
statistic and η the natural parameter (Amari & Nagaoka 2000, section 3.4). With r in the middle of the qs the
differences are small where p and q are close to each other, and the first two terms are divergences, right to their
last digits.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from kljax._special.elementwise import kl_term
from kljax._special.gamma import digamma
from kljax.families import Categorical, Dirichlet, MultivariateNormal, OneHotCategorical
from kljax.families._internal import (
    Cholesky,
    Diagonal,
    identity,
    multiply,
    outcome_chances,
    outcome_log_chances,
    solve_lower,
)


class Features(NamedTuple):
    """What a family gives for batches p [N] and q [M].

    Attributes:
        middle: The member r.
        mean: T_p - T_r, [N, F].
        natural: η_q - η_r, [M, F].
        mean_size: The largest of the numbers that a row of ``mean`` is a difference of, [N].
        natural_size: The same for ``natural``, [M].
        from_middle: KL(r‖q) [M], where q has the mass of r at the outcomes that it misses, if there may be such.
        missed: Where those are, [M, F].
        surplus: The mass of r there, [M], which this q has too much.
    """

    middle: Any
    mean: jax.Array
    natural: jax.Array
    mean_size: jax.Array
    natural_size: jax.Array
    from_middle: jax.Array | None = None
    missed: jax.Array | None = None
    surplus: jax.Array | None = None


def _largest(*arrays: jax.Array) -> jax.Array:
    return jnp.stack([jnp.abs(one).max(-1) for one in arrays]).max(0)


def _categorical(ps: Any, qs: Any) -> Features:
    """T = p, η = log q; where q is 0, η stands for that of r, and what p has there is counted apart."""
    p, log_q = outcome_chances(ps), outcome_log_chances(qs)
    missed = log_q == -jnp.inf
    finite = jnp.where(missed, 0.0, log_q)
    level = finite.sum(0) / jnp.maximum((~missed).sum(0), 1).astype(finite.dtype)
    middle = type(qs)(logits=level)
    r, log_r = outcome_chances(middle), outcome_log_chances(middle)
    gap = jnp.where(missed, 0.0, finite - log_r[None])
    rows = jnp.broadcast_to(r, missed.shape)
    from_middle = kl_term(rows, jnp.where(missed, rows, outcome_chances(qs))).sum(-1)
    surplus = jnp.where(missed, rows, 0.0).sum(-1)
    return Features(middle, p - r[None], gap, _largest(p), _largest(finite), from_middle, missed, surplus)


def _dirichlet(ps: Dirichlet, qs: Dirichlet) -> Features:
    """T = E log x = ψ(α) - ψ(α₀), η = α."""
    middle = Dirichlet(qs.concentration.mean(0))

    def statistic(one: Dirichlet) -> tuple[jax.Array, jax.Array]:
        parts = digamma(one.concentration), digamma(one.concentration.sum(-1, keepdims=True))
        return parts[0] - parts[1], _largest(*parts)

    (mean, size), (level, _) = statistic(ps), statistic(middle)
    gap = qs.concentration - middle.concentration[None]
    return Features(middle, mean - level[None], gap, size, _largest(qs.concentration))


def diagonal_normal(loc_p: jax.Array, scale_p: jax.Array, loc_q: jax.Array, scale_q: jax.Array) -> Any:
    """For independent normal variables, [N, n] and [M, n]: loc and scale of r, and the rest of ``Features``."""
    loc, scale = loc_q.mean(0), scale_q.mean(0)
    shift_p, shift_q = loc_p - loc[None], loc_q - loc[None]  # the divergence is the same from any origin
    square, width = jnp.square(scale_p) + jnp.square(shift_p), jnp.square(scale)
    half_precision, half_middle = 0.5 / jnp.square(scale_q), 0.5 / width
    scaled = 2.0 * shift_q * half_precision
    mean = jnp.concatenate([shift_p, square - width[None]], -1)
    natural = jnp.concatenate([scaled, half_middle[None] - half_precision], -1)
    return (loc, scale), (mean, natural, _largest(shift_p, square), _largest(scaled, half_precision))


def _multivariate_normal(ps: MultivariateNormal, qs: MultivariateNormal) -> Features:
    """T = (x, x x') and η = (Σ⁻¹μ, -½Σ⁻¹), from the middle's mean as origin."""
    if isinstance(ps.scale, Diagonal) and isinstance(qs.scale, Diagonal):
        (loc, scale), rest = diagonal_normal(ps.loc, ps.scale.scale, qs.loc, qs.scale.scale)
        return Features(MultivariateNormal.from_diagonal(loc, scale), *rest)
    loc = qs.loc.mean(0)
    covariance = qs.scale.covariance().mean(0)
    middle = MultivariateNormal.from_covariance(loc, covariance)
    shift_p, shift_q = ps.loc - loc[None], qs.loc - loc[None]
    square = ps.scale.covariance() + shift_p[:, :, None] * shift_p[:, None, :]
    half_precision, half_middle = 0.5 * _precision(qs.scale), 0.5 * _precision(middle.scale)
    scaled = 2.0 * multiply(half_precision, shift_q[..., None])[..., 0]

    def flat(x: jax.Array) -> jax.Array:
        return x.reshape(x.shape[0], -1)

    mean = jnp.concatenate([shift_p, flat(square - covariance[None])], -1)
    natural = jnp.concatenate([scaled, flat(half_middle[None] - half_precision)], -1)
    sizes = _largest(shift_p, flat(square)), _largest(scaled, flat(half_precision))
    return Features(middle, mean, natural, *sizes)


def _precision(scale: Any) -> jax.Array:
    low = Cholesky(scale.lower()).lower()
    half = solve_lower(low, identity(low))
    return multiply(jnp.swapaxes(half, -1, -2), half)


FEATURES: dict[type, Callable[[Any, Any], Features]] = {
    Categorical: _categorical,
    Dirichlet: _dirichlet,
    MultivariateNormal: _multivariate_normal,
    OneHotCategorical: _categorical,
}
