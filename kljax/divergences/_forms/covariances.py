"""KL between centred normal distributions, by the form in which their covariances are known.

    KL = ½[tr(Σ_q⁻¹Σ_p) - n - log det(Σ_q⁻¹Σ_p)],

from the difference of what is given, which is exact where both are close, and in terms that do not cancel there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide, relative_gap, x_minus_log1p
from kljax._special.ratios import spread_term
from kljax.families._internal import (
    Cholesky,
    Covariance,
    Diagonal,
    LowRank,
    Precision,
    adjoint,
    congruent,
    core,
    diagonal,
    embedded,
    explained,
    log_det,
    log_det_excess,
    multiply,
    norm_squared,
    solve_lower,
    solve_upper,
)


def kl_of_scales(p: Any, q: Any) -> jax.Array:
    """Of two of one form by that form; otherwise both are brought to the form that holds both."""
    p, q = alike(p, q)
    return _SAME[type(p)](p, q)


def alike(p: Any, q: Any) -> tuple[Any, Any]:
    """A diagonal one in the form of the other; any other two by their Cholesky factors."""
    if type(p) is type(q):
        return p, q
    if isinstance(p, Diagonal):
        return _diagonal_as(q, p), q
    if isinstance(q, Diagonal):
        return p, _diagonal_as(p, q)
    return Cholesky(p.lower()), Cholesky(q.lower())


def _diagonal_as(form: Any, scale: Diagonal) -> Any:
    if isinstance(form, Cholesky):
        return Cholesky(embedded(scale.scale))
    if isinstance(form, LowRank):
        return LowRank(jnp.zeros_like(form.factor), jnp.square(scale.scale))
    if isinstance(form, Covariance):
        return Covariance(scale.covariance())
    return Precision(embedded(1.0 / jnp.square(scale.scale)))


def _diagonal(p: Diagonal, q: Diagonal) -> jax.Array:
    return jnp.sum(spread_term(p.scale, q.scale), -1)


def _cholesky(p: Cholesky, q: Cholesky) -> jax.Array:
    # L_q⁻¹L_p is triangular: its diagonal holds ratios, and below it stands L_q⁻¹(L_p - L_q).
    gap = solve_lower(q.lower(), jnp.tril(p.tril - q.tril))
    return jnp.sum(spread_term(diagonal(p.tril), diagonal(q.tril)), -1) + 0.5 * norm_squared(jnp.tril(gap, -1))


def _covariance(p: Covariance, q: Covariance) -> jax.Array:
    return 0.5 * log_det_excess(congruent(q.lower(), p.matrix - q.matrix))


def _precision(p: Precision, q: Precision) -> jax.Array:
    # The eigenvalues of Σ_q⁻¹Σ_p are those of Λ_p⁻¹Λ_q.
    return 0.5 * log_det_excess(congruent(p.root(), q.matrix - p.matrix))


def _low_rank(p: LowRank, q: LowRank) -> jax.Array:
    """½[Σ h(f) + D(M_p, M_q) + …]: second order in the changes f of the diagonal and δ of the factor."""
    rank = max(p.factor.shape[-1], q.factor.shape[-1])
    factor_p, factor_q = padded(p.factor, rank), padded(q.factor, rank)
    return low_rank_by_gaps(factor_p, p, factor_q, q, factor_p - factor_q, p.diagonal - q.diagonal)


def low_rank_by_gaps(
    factor_p: jax.Array, p: LowRank, factor_q: jax.Array, q: LowRank, gap: jax.Array, diagonal_gap: jax.Array
) -> jax.Array:
    """The same from factors of one rank and their exact differences, those of p less those of q."""
    # In units of q's diagonal Σ_q = I + V V' and Σ_p = diag(1 + f) + U U', U = V + δ.
    u, v, delta = q.scaled(factor_p), q.scaled(factor_q), q.scaled(gap)
    f = relative_gap(p.diagonal, q.diagonal, diagonal_gap)
    e = divide(diagonal_gap, p.diagonal)  # f/(1 + f)
    low = core(v)  # of M_q = I + V'V
    lever, step = (solve_lower(low, adjoint(one)) for one in (v, delta))  # [rank, n]
    leverage = norm_squared(lever, -2)
    own = jnp.sum(x_minus_log1p(f), -1)
    # M_p = I + U'diag(1 + f)⁻¹U, and M_p - M_q = δ'U + V'δ - U'diag(e)U.
    change = multiply(adjoint(delta), u) + multiply(adjoint(v), delta) - multiply(adjoint(u), e[..., None] * u)
    # What is of first order in f and δ has cancelled on paper; with N = M_q⁻¹V'V there remain
    # tr(N δ'δ) - ‖L⁻¹V'δ‖² and Σ e[(u + v)'M_q⁻¹δ - f v'M_q⁻¹v], in rows u, v, δ.
    shrink = solve_upper(low, multiply(lever, v))
    parts = [
        log_det_excess(congruent(low, change)),
        jnp.sum(multiply(delta, shrink) * delta, (-2, -1)),
        -norm_squared(solve_lower(low, multiply(adjoint(v), delta))),
        jnp.sum(e * jnp.sum((solve_lower(low, adjoint(u)) + lever) * step, -2), -1),
        -jnp.sum(e * f * leverage, -1),
    ]
    near, size = sum(parts), sum(jnp.abs(one) for one in parts)
    # Factors far apart, turned ones of one covariance for instance: the plain formula by the same small matrices.
    plain = [
        -jnp.sum(f * leverage, -1),
        jnp.sum(explained(v, u), -1),
        -norm_squared(lever),
        -2.0 * log_det(core(p.scaled(factor_p))),
        2.0 * log_det(low),
    ]
    far, far_size = sum(plain), sum(jnp.abs(one) for one in plain)
    total = own + jnp.where(size <= far_size, near, far)
    return 0.5 * jnp.where(total < 0.0, 0.0, total)  # below zero there is only rounding


def padded(factor: jax.Array, rank: int) -> jax.Array:
    """The factor with columns of zeros up to the rank."""
    return jnp.pad(factor, [(0, 0)] * (factor.ndim - 1) + [(0, rank - factor.shape[-1])])


_SAME: dict[type, Callable[[Any, Any], jax.Array]] = {
    Cholesky: _cholesky,
    Covariance: _covariance,
    Diagonal: _diagonal,
    LowRank: _low_rank,
    Precision: _precision,
}
