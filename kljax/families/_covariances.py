"""The covariance of a multivariate normal distribution, in the form in which it is known.

Each record answers the same questions: ``size``, ``quadratic(x)`` = x'Σ⁻¹x of columns x, ``half_log_det()``,
``draw``, ``covariance()``, ``variance()`` and ``lower()``, the Cholesky factor. None of them forms more than its
structure asks for, but for ``covariance`` and ``lower``.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import divide
from kljax._types import Entries
from kljax.families._fields import definite, lower_triangular
from kljax.families._matrices import (
    adjoint,
    cholesky,
    columns,
    diagonal,
    embedded,
    identity,
    log_det,
    multiply,
    norm_squared,
    solve_lower,
    solve_upper,
    square,
)
from kljax.families._record import parameters, positive, real


def _noise(key: jax.Array, like: jax.Array, samples: int) -> jax.Array:
    """Standard normal columns, [..., n, samples], n the size of the last dimension of ``like``."""
    return jax.random.normal(key, (*like.shape, samples), like.dtype)


@parameters
class Cholesky:
    """Σ = L L'; what stands above the diagonal of L is not looked at."""

    tril: Entries = lower_triangular()

    def _check(self) -> None:
        square("Cholesky", "tril", self.tril)

    @property
    def size(self) -> int:
        return self.tril.shape[-1]

    def lower(self) -> jax.Array:
        return jnp.tril(self.tril)

    def covariance(self) -> jax.Array:
        low = self.lower()
        return multiply(low, adjoint(low))

    def variance(self) -> jax.Array:
        return norm_squared(self.lower(), -1)

    def half_log_det(self) -> jax.Array:
        return log_det(self.tril)

    def quadratic(self, x: jax.Array) -> jax.Array:
        return norm_squared(solve_lower(self.lower(), x), -2)

    def draw(self, key: jax.Array, samples: int) -> jax.Array:
        return multiply(self.lower(), _noise(key, self.tril[..., 0, :], samples))


@parameters
class Covariance:
    """Σ itself; its symmetric part is taken."""

    matrix: Entries = definite()

    def _check(self) -> None:
        square("Covariance", "matrix", self.matrix)

    @property
    def size(self) -> int:
        return self.matrix.shape[-1]

    def lower(self) -> jax.Array:
        return cholesky(self.matrix)

    def covariance(self) -> jax.Array:
        return 0.5 * self.matrix + 0.5 * adjoint(self.matrix)

    def variance(self) -> jax.Array:
        return diagonal(self.matrix)

    def half_log_det(self) -> jax.Array:
        return log_det(self.lower())

    def quadratic(self, x: jax.Array) -> jax.Array:
        return norm_squared(solve_lower(self.lower(), x), -2)

    def draw(self, key: jax.Array, samples: int) -> jax.Array:
        return multiply(self.lower(), _noise(key, self.matrix[..., 0, :], samples))


@parameters
class Precision:
    """Σ⁻¹ = Λ; its symmetric part is taken."""

    matrix: Entries = definite()

    def _check(self) -> None:
        square("Precision", "matrix", self.matrix)

    @property
    def size(self) -> int:
        return self.matrix.shape[-1]

    def root(self) -> jax.Array:
        """R with R R' = Λ."""
        return cholesky(self.matrix)

    def lower(self) -> jax.Array:
        # Turned about both axes, a lower factor is an upper one: Λ = U U', hence Σ = (U⁻')(U⁻')' with U⁻' lower.
        turned = cholesky(jnp.flip(self.matrix, (-2, -1)))
        return jnp.flip(solve_upper(turned, identity(turned)), (-2, -1))

    def covariance(self) -> jax.Array:
        inverse = solve_lower(self.root(), identity(self.matrix))
        return multiply(adjoint(inverse), inverse)

    def variance(self) -> jax.Array:
        return norm_squared(solve_lower(self.root(), identity(self.matrix)), -2)

    def half_log_det(self) -> jax.Array:
        return -log_det(self.root())

    def quadratic(self, x: jax.Array) -> jax.Array:
        return norm_squared(multiply(adjoint(self.root()), x), -2)

    def draw(self, key: jax.Array, samples: int) -> jax.Array:
        return solve_upper(self.root(), _noise(key, self.matrix[..., 0, :], samples))


@parameters
class Diagonal:
    """Σ = diag σ²"""

    scale: Entries = positive(ndim=1)

    @property
    def size(self) -> int:
        return self.scale.shape[-1]

    def lower(self) -> jax.Array:
        return embedded(self.scale)

    def covariance(self) -> jax.Array:
        return embedded(self.variance())

    def variance(self) -> jax.Array:
        return jnp.square(self.scale)

    def half_log_det(self) -> jax.Array:
        return jnp.sum(jnp.log(self.scale), -1)

    def quadratic(self, x: jax.Array) -> jax.Array:
        return norm_squared(divide(x, self.scale[..., None]), -2)

    def draw(self, key: jax.Array, samples: int) -> jax.Array:
        return self.scale[..., None] * _noise(key, self.scale, samples)


@parameters
class LowRank:
    """Σ = diag d + W W', W [..., n, rank]: nothing of size n x n is formed but by ``covariance`` and ``lower``."""

    factor: Entries = real(ndim=2)
    diagonal: Entries = positive(ndim=1)

    def _check(self) -> None:
        if self.factor.shape[-2] != self.diagonal.shape[-1]:
            raise ValueError(
                f"LowRank: factor must have shape [..., n, rank] and diagonal [..., n]; got {self.factor.shape} and "
                f"{self.diagonal.shape}."
            )

    @property
    def size(self) -> int:
        return self.diagonal.shape[-1]

    def lower(self) -> jax.Array:
        return cholesky(self.covariance())

    def covariance(self) -> jax.Array:
        return embedded(self.diagonal) + multiply(self.factor, adjoint(self.factor))

    def variance(self) -> jax.Array:
        return self.diagonal + norm_squared(self.factor, -1)

    def half_log_det(self) -> jax.Array:
        return 0.5 * jnp.sum(jnp.log(self.diagonal), -1) + log_det(core(self.scaled(self.factor)))

    def quadratic(self, x: jax.Array) -> jax.Array:
        return explained(self.scaled(self.factor), self.scaled(x))

    def scaled(self, x: jax.Array) -> jax.Array:
        """diag(d)^-½ x"""
        return divide(x, jnp.sqrt(self.diagonal)[..., None])

    def draw(self, key: jax.Array, samples: int) -> jax.Array:
        common, own = jax.random.split(key)
        own_part = jnp.sqrt(self.diagonal)[..., None] * _noise(own, self.diagonal, samples)
        return own_part + multiply(self.factor, _noise(common, self.factor[..., 0, :], samples))


def core(v: jax.Array) -> jax.Array:
    """The Cholesky factor of I + V'V, of the size of the rank."""
    return cholesky(multiply(adjoint(v), v) + identity(v))


def explained(v: jax.Array, y: jax.Array) -> jax.Array:
    """y'(I + V V')⁻¹y = ‖y - V w‖² + ‖w‖², w = (I + V'V)⁻¹V'y, of columns y: Woodbury's identity as a sum."""
    low = core(v)
    w = solve_upper(low, solve_lower(low, multiply(adjoint(v), y)))
    return norm_squared(y - multiply(v, w), -2) + norm_squared(w, -2)


Scale = Cholesky | Covariance | Precision | Diagonal | LowRank


def quadratic_of_points(scale: Any, x: jax.Array, batch_ndim: int) -> jax.Array:
    """x'Σ⁻¹x of points [sample..., batch..., n], as [batch..., samples]."""
    return scale.quadratic(columns(x, batch_ndim))
