"""Batches of matrices: products in full precision, triangular solves, and the log-det divergence of a small change."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp

from kljax._special.ratios import gap_less_log


def square(owner: str, name: str, matrix: jax.Array) -> None:
    """Raises unless the matrices are square."""
    if matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(f"{owner}: {name} must hold square matrices, [..., n, n]; got shape {matrix.shape}.")


def multiply(*factors: jax.Array) -> jax.Array:
    """A product of matrices in full precision, also where the accelerator's default is lower."""
    return functools.reduce(functools.partial(jnp.matmul, precision="highest"), factors)


def adjoint(a: jax.Array) -> jax.Array:
    """A†, the conjugate transpose."""
    return jnp.conj(jnp.swapaxes(a, -1, -2))


def hermitian(a: jax.Array) -> jax.Array:
    """(A + A†)/2"""
    return 0.5 * a + 0.5 * adjoint(a)


def norm_squared(a: jax.Array, axis: int | tuple[int, ...] = (-2, -1)) -> jax.Array:
    """Σ |a|², over the matrix or along an axis."""
    return jnp.sum(jnp.square(jnp.real(a)) + jnp.square(jnp.imag(a)) if jnp.iscomplexobj(a) else a * a, axis)


def diagonal(a: jax.Array) -> jax.Array:
    """The real diagonals, [..., n]."""
    return jnp.real(jnp.diagonal(a, axis1=-2, axis2=-1))


def embedded(d: jax.Array) -> jax.Array:
    """The diagonal matrices of these diagonals, [..., n, n]."""
    return d[..., None] * identity(d[..., None, :])


def identity(like: jax.Array) -> jax.Array:
    """Identities [..., n, n] for a batch of what ends in n columns."""
    n = like.shape[-1]
    return jnp.broadcast_to(jnp.eye(n, dtype=like.dtype), (*like.shape[:-2], n, n))


def cholesky(a: jax.Array) -> jax.Array:
    """L with L L† = (A + A†)/2; NaN where that is not positive definite."""
    return jax.lax.linalg.cholesky(a)


def solve_lower(low: jax.Array, d: jax.Array) -> jax.Array:
    """L⁻¹D"""
    return jax.lax.linalg.triangular_solve(low, d, left_side=True, lower=True)


def solve_upper(low: jax.Array, d: jax.Array) -> jax.Array:
    """L⁻†D"""
    return jax.lax.linalg.triangular_solve(low, d, left_side=True, lower=True, transpose_a=True, conjugate_a=True)


def congruent(low: jax.Array, d: jax.Array) -> jax.Array:
    """L⁻¹D L⁻† of the Hermitian part of D."""
    return hermitian(solve_lower(low, adjoint(solve_lower(low, hermitian(d)))))


def log_det(low: jax.Array) -> jax.Array:
    """log det L = ½ log det L L†."""
    return jnp.sum(jnp.log(diagonal(low)), -1)


@jax.custom_jvp
def log_det_excess(s: jax.Array) -> jax.Array:
    """tr S - log det(I + S) ≥ 0 of Hermitian S > -I, the log-det divergence of A(I + S)A† from A A†."""
    # Row i of the Cholesky factor C of I + S has Cᵢᵢ² = 1 + δᵢ with δᵢ = Sᵢᵢ - Σ_{j<i} |Cᵢⱼ|², so that the sum is
    # Σ δᵢ - log(1 + δᵢ) + Σ_{j<i} |Cᵢⱼ|².
    factor = cholesky(s + identity(s))
    strict = norm_squared(jnp.tril(factor, -1), -1)
    root, delta = diagonal(factor), diagonal(s) - strict
    return jnp.sum(gap_less_log(delta, 2.0 * jnp.log(root)) + strict, -1)


@log_det_excess.defjvp
def _log_det_excess_jvp(primals, tangents):
    # The slope is I - (I + S)⁻¹ = (I + S)⁻¹S.
    (s,), (ds,) = primals, tangents
    factor = cholesky(s + identity(s))
    slope = hermitian(solve_upper(factor, solve_lower(factor, s)))
    return log_det_excess(s), jnp.sum(jnp.real(jnp.conj(slope) * ds), (-2, -1))


def columns(x: jax.Array, batch_ndim: int) -> jax.Array:
    """[sample..., batch..., n] as [batch..., n, samples], so that one factor serves all of the samples."""
    count = x.ndim - 1 - batch_ndim
    return jnp.moveaxis(x.reshape(math.prod(x.shape[:count]), *x.shape[count:]), 0, -1)


def from_columns(x: jax.Array, sample: tuple[int, ...]) -> jax.Array:
    """[..., samples] as [sample..., ...]."""
    return jnp.moveaxis(x, -1, 0).reshape(*sample, *x.shape[:-1])
