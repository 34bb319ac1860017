"""Bregman divergences of Hermitian positive matrices.

    X, Y  ─Cholesky of Y, or eigenbases of both─▶  the difference X - Y in those coordinates  ─▶  Σ of terms ≥ 0

The matrices enter through their difference, which is exact for close ones. No gap between eigenvalues is ever
divided by, in values or derivatives, so repeated eigenvalues need no care.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks
from kljax._special import elementwise
from kljax._special.ratios import gap_less_log
from kljax.bregman._divided import kl_divided, log_divided, log_divided_twice


def _hermitian(**matrices: ArrayLike) -> list[jax.Array]:
    """The Hermitian parts of the named square matrices, in one dtype and one batch shape."""
    arrays = {name: _checks.floating(name, value, allow_complex=True) for name, value in matrices.items()}
    for name, array in arrays.items():
        if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
            raise ValueError(f"{name} must hold square matrices, [..., n, n]; got shape {array.shape}.")
    (first, a), (second, b) = arrays.items()
    if a.shape[-1] != b.shape[-1]:
        raise ValueError(
            f"{first} and {second} must hold matrices of one size; {first} has shape {a.shape} and {second} has "
            f"shape {b.shape}."
        )
    return [0.5 * array + 0.5 * _adjoint(array) for array in _checks.broadcast(**arrays)]


def _adjoint(a: jax.Array) -> jax.Array:
    return jnp.conj(jnp.swapaxes(a, -1, -2))


def _multiply(*factors: jax.Array) -> jax.Array:
    """A product of matrices in full precision, also where the accelerator's default is lower."""
    return functools.reduce(functools.partial(jnp.matmul, precision="highest"), factors)


def _square(a: jax.Array) -> jax.Array:
    """|a|², also of complex numbers."""
    return jnp.square(jnp.real(a)) + jnp.square(jnp.imag(a))


def _inner(a: jax.Array, b: jax.Array) -> jax.Array:
    """Re tr(A†B), the slope A along the step B."""
    return jnp.sum(jnp.real(jnp.conj(a) * b), (-2, -1))


# --- log-det ----------------------------------------------------------------------------------------------


def _congruence(a: jax.Array, d: jax.Array, b: jax.Array) -> jax.Array:
    """A⁻¹ D B⁻¹ for positive definite A, B and Hermitian D."""
    left = jax.lax.linalg.cholesky(a)
    right = jax.lax.linalg.cholesky(b)
    return _adjoint(_solve(right, _adjoint(_solve(left, d))))


def _solve(factor: jax.Array, d: jax.Array) -> jax.Array:
    """(L L†)⁻¹ D."""
    half = jax.lax.linalg.triangular_solve(factor, d, left_side=True, lower=True)
    return jax.lax.linalg.triangular_solve(factor, half, left_side=True, lower=True, transpose_a=True, conjugate_a=True)


@jax.custom_jvp
def _log_det(x: jax.Array, y: jax.Array) -> jax.Array:
    # With Y = L L† and S = L⁻¹(X - Y)L⁻†, D = tr S - log det(I + S). Row i of the Cholesky factor C of I + S has
    # Cᵢᵢ² = 1 + δᵢ, δᵢ = Sᵢᵢ - Σ_{j<i} |Cᵢⱼ|², hence D = Σ δᵢ - log(1 + δᵢ) + Σ_{j<i} |Cᵢⱼ|².
    low = jax.lax.linalg.cholesky(y)
    half = jax.lax.linalg.triangular_solve(low, x - y, left_side=True, lower=True)
    s = _adjoint(jax.lax.linalg.triangular_solve(low, _adjoint(half), left_side=True, lower=True))
    s = 0.5 * s + 0.5 * _adjoint(s)
    n = s.shape[-1]
    factor = jax.lax.linalg.cholesky(s + jnp.broadcast_to(jnp.eye(n, dtype=s.dtype), s.shape))
    strict = jnp.sum(_square(jnp.tril(factor, -1)), -1)
    root = jnp.real(jnp.diagonal(factor, axis1=-2, axis2=-1))
    delta = jnp.real(jnp.diagonal(s, axis1=-2, axis2=-1)) - strict
    return jnp.sum(gap_less_log(delta, 2.0 * jnp.log(root)) + strict, -1)


@_log_det.defjvp
def _log_det_jvp(primals, tangents):
    # ∂X = Y⁻¹ - X⁻¹ = X⁻¹(X - Y)Y⁻¹, ∂Y = -Y⁻¹(X - Y)Y⁻¹.
    (x, y), (dx, dy) = primals, tangents
    tangent = _inner(_congruence(x, x - y, y), dx) - _inner(_congruence(y, x - y, y), dy)
    return _log_det(x, y), tangent


@jax.jit
def log_det(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """D(X, Y) = tr(X Y⁻¹) - log det(X Y⁻¹) - n, the Bregman divergence of φ(X) = -log det X (Stein's loss).

    This is 2 KL between centred Gaussians with covariances X and Y. The relative error is a few eps times the
    condition number of Y, however close X is to Y. X and Y are positive definite: a matrix that is not, in the
    precision at hand, gives NaN.

    Args:
        x: positive definite matrices, real symmetric or complex Hermitian, [..., n, n].
        y: matrices that broadcast with x.

    Returns:
        The divergences, [...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> print(f"{bregman.log_det(jnp.diag(jnp.array([1.0, 2.0])), jnp.eye(2)):.6f}")
        0.306853

    References:
        James and Stein, "Estimation with quadratic loss", 4th Berkeley Symposium (1961), section 5; Kulis, Sustik
        and Dhillon, "Low-rank kernel learning with Bregman matrix divergences", JMLR 10 (2009), eq. 2.
    """
    return _log_det(*_hermitian(x=x, y=y))


# --- von Neumann ------------------------------------------------------------------------------------------


def _spectrum(a: jax.Array, rtol: float) -> tuple[jax.Array, jax.Array]:
    """Eigenvalues, exactly 0 up to rtol times the largest, and eigenvectors."""
    vectors, values = jax.lax.linalg.eigh(a, symmetrize_input=False)
    values = jnp.real(values)
    return jnp.where(values > rtol * jnp.max(values, -1, keepdims=True, initial=0.0), values, 0.0), vectors


def _grid(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The eigenvalues of two matrices as [..., i, j]."""
    shape = (*a.shape, b.shape[-1])
    return jnp.broadcast_to(a[..., :, None], shape), jnp.broadcast_to(b[..., None, :], shape)


def _floor(values: jax.Array, powers: int) -> jax.Array:
    """Eigenvalues no smaller than a positive number whose inverse power keeps clear of overflow when summed."""
    return jnp.maximum(values, (elementwise.tiny(values) * 2.0**20) ** (1.0 / powers))


def _log_step(values: jax.Array, vectors: jax.Array, step: jax.Array) -> jax.Array:
    """The derivative of log A along a step, for A with these eigenvalues and eigenvectors (Daleckii-Krein)."""
    a, b = _grid(values, values)
    inside = _multiply(_adjoint(vectors), step, vectors)
    # What lies outside the range costs nothing, or an infinite amount whose gradient is zero.
    inside = jnp.where((a > 0.0) & (b > 0.0), inside * log_divided(_floor(a, 1), _floor(b, 1)).astype(step.dtype), 0.0)
    return _multiply(vectors, inside, _adjoint(vectors))


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _log_derivative(rtol: float, a: jax.Array, step: jax.Array) -> jax.Array:
    """The derivative of log A along a step."""
    return _log_step(*_spectrum(a, rtol), step)


@_log_derivative.defjvp
def _log_derivative_jvp(rtol, primals, tangents):
    # D²log(A)[E, F] has the entries Σⱼ log[aᵢ, aⱼ, aₖ](EᵢⱼFⱼₖ + FᵢⱼEⱼₖ) in the eigenbasis.
    (a, step), (d_a, d_step) = primals, tangents
    values, vectors = _spectrum(a, rtol)
    shape = (*values.shape, values.shape[-1], values.shape[-1])
    i = jnp.broadcast_to(values[..., :, None, None], shape)
    j = jnp.broadcast_to(values[..., None, :, None], shape)
    k = jnp.broadcast_to(values[..., None, None, :], shape)
    inside = (i > 0.0) & (j > 0.0) & (k > 0.0)
    weights = jnp.where(inside, log_divided_twice(_floor(i, 2), _floor(j, 2), _floor(k, 2)), 0.0).astype(a.dtype)
    e = _multiply(_adjoint(vectors), step, vectors)
    f = _multiply(_adjoint(vectors), d_a, vectors)
    both = functools.partial(jnp.einsum, "...ijk,...ij,...jk->...ik", weights, precision="highest")
    second = _multiply(vectors, both(e, f) + both(f, e), _adjoint(vectors))
    return _log_derivative(rtol, a, step), _log_step(values, vectors, d_step) + second


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _log_gap(rtol: float, x: jax.Array, y: jax.Array) -> jax.Array:
    """The gap log X - log Y: in the bases (u, v) its entries are log[λᵢ, μⱼ] uᵢ†(X - Y)vⱼ, with no cancellation."""
    (values_x, u), (values_y, v) = _spectrum(x, rtol), _spectrum(y, rtol)
    a, b = _grid(values_x, values_y)
    inside = _multiply(_adjoint(u), x - y, v)
    # Where X has no mass the slope is taken at the smallest normal number; where Y has none it is zero.
    low = elementwise.tiny(a)
    inside = jnp.where(b > 0.0, inside * log_divided(jnp.maximum(a, low), jnp.maximum(b, low)).astype(x.dtype), 0.0)
    gap = _multiply(u, inside, _adjoint(v))
    return 0.5 * gap + 0.5 * _adjoint(gap)


@_log_gap.defjvp
def _log_gap_jvp(rtol, primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    values, vectors = _spectrum(x, rtol)
    # The curvature where X has no mass is infinite and taken at a small positive eigenvalue.
    along_x = _log_step(_floor(values, 1), vectors, dx)
    return _log_gap(rtol, x, y), along_x - _log_derivative(rtol, y, dy)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _von_neumann(rtol: float, x: jax.Array, y: jax.Array) -> jax.Array:
    # D = Σᵢⱼ |uᵢ†vⱼ|² K(λᵢ, μⱼ) and uᵢ†(X - Y)vⱼ = (λᵢ - μⱼ) uᵢ†vⱼ, hence D = Σᵢⱼ |uᵢ†(X - Y)vⱼ|² K/(λᵢ - μⱼ)²:
    # terms ≥ 0 that need neither a small overlap nor a small gap.
    (values_x, u), (values_y, v) = _spectrum(x, rtol), _spectrum(y, rtol)
    a, b = _grid(values_x, values_y)
    weights = _square(_multiply(_adjoint(u), x - y, v))
    present = b > 0.0
    terms = jnp.where(present, weights * kl_divided(a, jnp.where(present, b, 1.0)), 0.0)
    # The mass of X in each direction where Y has none.
    mass = jnp.sum(jnp.where(values_x[..., :, None] > 0.0, a * _square(_multiply(_adjoint(u), v)), 0.0), -2)
    missed = jnp.sum(jnp.where(values_y > 0.0, 0.0, mass), -1)
    outside = missed > rtol * jnp.sum(values_x, -1)
    return jnp.where(outside, jnp.inf, jnp.sum(terms, (-2, -1)))


@_von_neumann.defjvp
def _von_neumann_jvp(rtol, primals, tangents):
    # ∂X = log X - log Y, ∂Y = -Dlog(Y)[X - Y].
    (x, y), (dx, dy) = primals, tangents
    tangent = _inner(_log_gap(rtol, x, y), dx) - _inner(_log_derivative(rtol, y, x - y), dy)
    return _von_neumann(rtol, x, y), tangent


@jax.jit
def von_neumann(x: ArrayLike, y: ArrayLike) -> jax.Array:
    """D(X, Y) = tr(X log X - X log Y - X + Y), the Bregman divergence of φ(X) = tr(X log X).

    The relative error is a few eps times the condition numbers, however close X is to Y and whether or not
    eigenvalues repeat. Eigenvalues that come out ≤ 0 count as zero; where Y has one and X has mass in its
    direction, the divergence is infinite with a zero gradient there. First and second derivatives are exact
    (divided differences of log); third ones fail at repeated eigenvalues.

    Args:
        x: positive definite matrices, real symmetric or complex Hermitian, [..., n, n].
        y: matrices that broadcast with x.

    Returns:
        The divergences in nats, [...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> print(f"{bregman.von_neumann(jnp.diag(jnp.array([1.0, 2.0])), jnp.eye(2)):.6f}")
        0.386294

    References:
        Tsuda, Rätsch and Warmuth, "Matrix exponentiated gradient updates for on-line learning and Bregman
        projection", JMLR 6 (2005), eq. 2.2; for the derivatives Daleckii and Krein (1965), in Bhatia, "Matrix
        Analysis", theorem V.3.3.
    """
    return _von_neumann(0.0, *_hermitian(x=x, y=y))


@functools.partial(jax.jit, static_argnames=("rtol",))
def quantum_relative_entropy(rho: ArrayLike, sigma: ArrayLike, *, rtol: float | None = None) -> jax.Array:
    """S(ρ‖σ) = tr ρ(log ρ - log σ) - tr ρ + tr σ for density matrices, which may be singular.

    Traces of one are not needed: like ``probs.kl`` on measures, the number stays non-negative and accurate beside
    them, and equals tr ρ(log ρ - log σ) where the traces agree. It is ``von_neumann`` with a decision on rank: the
    eigenvalues of a singular matrix come out of floating-point arithmetic as small numbers, so those up to rtol
    times the largest count as zero. S is infinite, not just large, where the range of ρ leaves that of σ by more
    than the fraction rtol of ρ's trace; there the gradient in the missing directions is zero. Where ρ alone is
    singular the slope log 0 is taken at the smallest positive normal number.

    Args:
        rho: density matrices ρ, real symmetric or complex Hermitian, [..., n, n].
        sigma: density matrices σ that broadcast with rho.
        rtol: eigenvalues up to this fraction of the largest, in [0, 1), count as zero; n eps if not given. Zero trusts
            every positive eigenvalue, which suits diagonal matrices.

    Returns:
        The relative entropies in nats, [...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> pure, mixed = jnp.full((2, 2), 0.5), 0.5 * jnp.eye(2)
        >>> print(f"{bregman.quantum_relative_entropy(pure, mixed):.6f}")
        0.693147
        >>> print(bregman.quantum_relative_entropy(mixed, pure))
        inf

    References:
        Umegaki, "Conditional expectation in an operator algebra IV", Kodai Math. Sem. Rep. 14 (1962); Vedral, "The
        role of relative entropy in quantum information theory", Rev. Mod. Phys. 74 (2002), section III.
    """
    rho, sigma = _hermitian(rho=rho, sigma=sigma)
    if rtol is None:
        rtol = rho.shape[-1] * float(jnp.finfo(rho.dtype).eps)
    _checks.number("rtol", rtol, low=0.0, high=1.0, open_high=True)
    return _von_neumann(float(rtol), rho, sigma)
