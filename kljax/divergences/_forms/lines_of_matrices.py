"""The lines of families whose parameters hold matrices: normal and Wishart distributions, in all their forms.

Of normal distributions the precisions lie on a line. So do W(s) = s Σ_q + (1 - s) Σ_p = Σ_p Σ(s)⁻¹ Σ_q, of which the
eigenvalues of W(s)⁻¹W(r) are those of Σ(r)⁻¹Σ(s), and J_s/(s(1 - s)) has the part ½(μ_p - μ_q)'W(s)⁻¹(μ_p - μ_q).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from kljax.divergences._forms.covariances import alike, low_rank_by_gaps, padded
from kljax.divergences._forms.lines import Line, between, normals, positive, summed
from kljax.divergences._forms.vectors_and_matrices import excess_of_means, kl_of_wisharts
from kljax.families import ComplexNormal, InverseWishart, MatrixNormal, MultivariateNormal, Wishart
from kljax.families._internal import (
    Cholesky,
    Covariance,
    Diagonal,
    LowRank,
    Precision,
    adjoint,
    cholesky,
    congruent,
    core,
    diagonal,
    embedded,
    hermitian,
    identity,
    log_det,
    log_det_excess,
    multiply,
    norm_squared,
    solve_lower,
    solve_upper,
)


def _wide(s: jax.Array) -> jax.Array:
    return s[..., None, None]


def _fails(a: jax.Array) -> jax.Array:
    """Whether A is not positive definite; false for NaN."""
    return ~jnp.isfinite(diagonal(cholesky(a))).all(-1) & jnp.isfinite(a).all((-2, -1))


def _matrices(p: jax.Array, q: jax.Array, d: jax.Array, half: float) -> Line:
    """``half`` times tr S - log det(I + S), I + S = M(s)⁻¹M(r), of M(s) = s p + (1 - s) q with d = p - q."""

    def at(s: jax.Array) -> jax.Array:
        return hermitian(between(p, q, _wide(s)))

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        low = cholesky(at(s))
        change = _wide(c).astype(d.dtype) * congruent(low, d)
        factor = cholesky(change + identity(change))
        near = (jnp.square(diagonal(factor)) > 0.1).all(-1)
        # Far below, where I + S has lost the smallest eigenvalues of M(r), by log-determinants.
        close = log_det_excess(jnp.where(_wide(near), change, 0.0))
        other = cholesky(jnp.where(_wide(near), identity(change), at(r)))
        plain = jnp.sum(diagonal(change), -1) - 2.0 * (log_det(other) - log_det(low))
        return half * jnp.where(near, close, plain)

    return Line(step, lambda r: ~_fails(at(r)))


def _covariances(p: jax.Array, q: jax.Array, gap: jax.Array, shift: jax.Array, half: float) -> Line:
    """Of normal distributions with covariances p and q, gap = p - q, and the difference of their locations."""
    line = _matrices(q, p, -gap, half)

    def roots(s: jax.Array) -> tuple[jax.Array, jax.Array]:
        low = cholesky(hermitian(between(q, p, _wide(s))))
        return low, solve_lower(low, shift[..., None])

    def by_order(s: jax.Array) -> jax.Array:
        return half * norm_squared(roots(s)[1])

    def shifts(s: jax.Array) -> tuple[jax.Array, jax.Array]:
        y = solve_upper(*roots(s))
        first, second = (jnp.sum(jnp.real(jnp.conj(y) * multiply(hermitian(one), y)), (-2, -1)) for one in (p, q))
        return half * first, half * second

    return line._replace(shift=by_order, shifts=shifts)


def complex_normal(p: ComplexNormal, q: ComplexNormal) -> Line:
    """Twice of what real ones have."""
    return _covariances(p.covariance, q.covariance, p.covariance - q.covariance, p.loc - q.loc, 1.0)


def matrix_normal(p: MatrixNormal, q: MatrixNormal) -> Line:
    """By the Kronecker products of the factors, in the coordinates where q is standard: [n m, n m] is formed."""
    gaps, ratios = [], []
    for name in ("scale_tril_row", "scale_tril_column"):
        a, b = (jnp.tril(getattr(one, name)) for one in (p, q))
        ratios.append(solve_lower(b, a))
        gaps.append(solve_lower(b, a - b))
    (r, s), (dr, ds) = ratios, gaps
    root = _kronecker(r, s)
    # r ⊗ s - I = dr ⊗ s + I ⊗ ds
    change = _kronecker(dr, s) + _kronecker(identity(dr), ds)
    half = solve_lower(jnp.tril(q.scale_tril_row), p.loc - q.loc)
    shift = adjoint(solve_lower(jnp.tril(q.scale_tril_column), adjoint(half)))
    return _from_root(root, change, shift.reshape(*shift.shape[:-2], -1))


def _kronecker(a: jax.Array, b: jax.Array) -> jax.Array:
    whole = a[..., :, None, :, None] * b[..., None, :, None, :]
    n = a.shape[-1] * b.shape[-1]
    return whole.reshape(*whole.shape[:-4], n, n)


def _from_root(root: jax.Array, change: jax.Array, shift: jax.Array) -> Line:
    """For covariances T T' and I, change = T - I."""
    gap = change + adjoint(change) + multiply(change, adjoint(change))
    return _covariances(multiply(root, adjoint(root)), identity(root), gap, shift, 0.5)


# --- the multivariate normal distribution, by the form of its covariance ------------------------------------


def multivariate_normal(p: MultivariateNormal, q: MultivariateNormal) -> Line:
    """Of two of one form by that form; otherwise both are brought to the form that holds both."""
    return _FORMS[type(alike(p.scale, q.scale)[0])](*alike(p.scale, q.scale), p.loc, q.loc)


def _by_diagonal(p: Diagonal, q: Diagonal, loc_p: jax.Array, loc_q: jax.Array) -> Line:
    return summed(normals(loc_p, p.scale, loc_q, q.scale))


def _by_covariance(p: Covariance, q: Covariance, loc_p: jax.Array, loc_q: jax.Array) -> Line:
    return _covariances(p.matrix, q.matrix, p.matrix - q.matrix, loc_p - loc_q, 0.5)


def _by_cholesky(p: Cholesky, q: Cholesky, loc_p: jax.Array, loc_q: jax.Array) -> Line:
    low = q.lower()
    shift = solve_lower(low, (loc_p - loc_q)[..., None])[..., 0]
    return _from_root(solve_lower(low, p.lower()), solve_lower(low, jnp.tril(p.tril - q.tril)), shift)


def _by_precision(p: Precision, q: Precision, loc_p: jax.Array, loc_q: jax.Array) -> Line:
    line = _matrices(p.matrix, q.matrix, p.matrix - q.matrix, 0.5)
    pulls = [multiply(hermitian(one.matrix), (loc_p - loc_q)[..., None]) for one in (p, q)]

    def root(s: jax.Array) -> jax.Array:
        return cholesky(hermitian(between(p.matrix, q.matrix, _wide(s))))

    def shift(s: jax.Array) -> jax.Array:
        first, second = (solve_lower(root(s), one) for one in pulls)
        return 0.5 * jnp.sum(first * second, (-2, -1))

    def shifts(s: jax.Array) -> tuple[jax.Array, jax.Array]:
        low = root(s)
        to_q, to_p = (solve_upper(low, solve_lower(low, one)) for one in pulls)
        return 0.5 * p.quadratic(to_p)[..., 0], 0.5 * q.quadratic(to_q)[..., 0]

    return line._replace(shift=shift, shifts=shifts)


def _by_low_rank(p: LowRank, q: LowRank, loc_p: jax.Array, loc_q: jax.Array) -> Line:
    """With nothing of size n x n for 0 ≤ s ≤ 1, where W(s) is of twice the rank; beyond, W(s) itself is formed."""
    rank = max(p.factor.shape[-1], q.factor.shape[-1])
    factor_p, factor_q = padded(p.factor, rank), padded(q.factor, rank)
    away, across = factor_q - factor_p, q.diagonal - p.diagonal
    shift = (loc_p - loc_q)[..., None]
    # Σ_p - Σ_q = diag(d_p - d_q) + δ W_p' + W_q δ' with δ = W_p - W_q
    change = multiply(away, adjoint(factor_p)) + multiply(factor_q, adjoint(away))
    dense = _covariances(p.covariance(), q.covariance(), -embedded(across) - change, loc_p - loc_q, 0.5)

    def at(s: jax.Array) -> LowRank:
        # [√s W_q, √(1 - s) W_p] turned, so that its first half is the mean and its second as small as W_q - W_p.
        both = s * (1.0 - s)
        turn = jnp.where(both > 0.0, jnp.sqrt(jnp.where(both > 0.0, both, 1.0)), 0.0)
        factor = jnp.concatenate([between(factor_q, factor_p, _wide(s)), _wide(turn) * away], -1)
        return LowRank(factor, between(q.diagonal, p.diagonal, s[..., None]))

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        # KL of W(s) and W(r) exchanged, r = 0 or 1.
        middle, one = at(s), _wide(r) > 0.5
        end_factor = jnp.where(one, factor_q, factor_p)
        end = LowRank(end_factor, jnp.where(one[..., 0], q.diagonal, p.diagonal))
        gap = jnp.concatenate([_wide(c) * away, -middle.factor[..., rank:]], -1)
        return low_rank_by_gaps(padded(end_factor, 2 * rank), end, middle.factor, middle, gap, c[..., None] * across)

    def either(inner: Callable[..., Any], outer: Callable[..., Any]) -> Callable[..., Any]:
        def chosen(*arguments: jax.Array) -> Any:
            beyond = jnp.stack([(one > 1.0) | (one < 0.0) for one in arguments[:2]]).any()
            return jax.lax.cond(beyond, outer, inner, *arguments)

        return chosen

    def by_order(s: jax.Array) -> jax.Array:
        return 0.5 * at(s).quadratic(shift)[..., 0]

    def shifts(s: jax.Array) -> tuple[jax.Array, jax.Array]:
        middle = at(s)
        v, x = middle.scaled(middle.factor), middle.scaled(shift)
        low = core(v)
        y = middle.scaled(x - multiply(v, solve_upper(low, solve_lower(low, multiply(adjoint(v), x)))))
        first, second = (
            norm_squared(jnp.sqrt(one.diagonal)[..., None] * y) + norm_squared(multiply(adjoint(one.factor), y))
            for one in (p, q)
        )
        return 0.5 * first, 0.5 * second

    assert dense.inside is not None
    assert dense.shift is not None
    return Line(
        either(step, dense.step),
        either(lambda r: jnp.ones_like(r, bool), dense.inside),
        either(by_order, dense.shift),
        shifts,
    )


_FORMS: dict[type, Callable[..., Line]] = {
    Cholesky: _by_cholesky,
    Covariance: _by_covariance,
    Diagonal: _by_diagonal,
    LowRank: _by_low_rank,
    Precision: _by_precision,
}


# --- Wishart distributions ----------------------------------------------------------------------------------


def wishart(p: Wishart, q: Wishart) -> Line:
    """ν and V⁻¹ lie on a line; of the scales take W(s) as above."""
    return _wisharts(p.df, q.df, q.scale, p.scale)


def inverse_wishart(p: InverseWishart, q: InverseWishart) -> Line:
    """ν and Ψ lie on a line."""
    return _wisharts(p.df, q.df, p.scale, q.scale)


def _wisharts(df_p: jax.Array, df_q: jax.Array, p: jax.Array, q: jax.Array) -> Line:
    def at(s: jax.Array) -> jax.Array:
        return hermitian(between(p, q, _wide(s)))

    def count(s: jax.Array) -> jax.Array:
        return between(df_p, df_q, s)

    def change(s: jax.Array, c: jax.Array) -> jax.Array:
        return _wide(c) * congruent(cholesky(at(s)), p - q)

    def step(s: jax.Array, r: jax.Array, c: jax.Array) -> jax.Array:
        return kl_of_wisharts(count(s), count(r), change(s, c), c * (df_p - df_q))

    def inside(r: jax.Array) -> jax.Array:
        # Of the matrix that the step to r factors: one nearly singular may fail there and not at r itself.
        end = jnp.clip(r, 0.0, 1.0)
        c = r - end
        excess = excess_of_means(count(end), count(r), change(end, c), c * (df_p - df_q))
        return positive(count(r) - (p.shape[-1] - 1.0)) & ~_fails(excess + identity(excess))

    # p/q is a power of the determinant times an exponential.
    rise = df_p - df_q
    bounded = (rise == 0.0) | ((rise > 0.0) & (diagonal(cholesky(hermitian(p - q))) > 0.0).all(-1))
    return Line(step, inside, bounded=bounded)
