"""The matrix normal distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries
from kljax.families._fields import lower_triangular
from kljax.families._matrices import adjoint, log_det, multiply, norm_squared, solve_lower, square
from kljax.families._quantiles import standard_deviation
from kljax.families._record import at_points, batch_shape, dtype_of, family, filled, lifted, real
from kljax.quadrature import Support


@family
class MatrixNormal:
    """MatrixNormal(M, A, B): matrices M + A Z B' of [n, m] for standard normal Z; A and B lower-triangular.

    The rows have the covariance A A' and the columns B B', up to a factor that may be moved from one to the other.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import MatrixNormal
        >>> print(f"{MatrixNormal(jnp.zeros((2, 3)), jnp.eye(2), jnp.eye(3)).entropy():.4f}")
        8.5136
    """

    loc: Entries = real(ndim=2)
    scale_tril_row: Entries = lower_triangular()
    scale_tril_column: Entries = lower_triangular()

    def _check(self) -> None:
        square("MatrixNormal", "scale_tril_row", self.scale_tril_row)
        square("MatrixNormal", "scale_tril_column", self.scale_tril_column)
        sizes = self.scale_tril_row.shape[-1], self.scale_tril_column.shape[-1]
        if self.loc.shape[-2:] != sizes:
            raise ValueError(f"MatrixNormal: loc must be [..., {sizes[0]}, {sizes[1]}]; got shape {self.loc.shape}.")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n, m)"""
        return self.loc.shape[-2:]

    @property
    def support(self) -> Support:
        """All real matrices."""
        return Support(-math.inf, math.inf, "matrices")

    @property
    def mode(self) -> jax.Array:
        """M"""
        return filled(self).loc

    stddev = standard_deviation

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x, [..., n, m]."""
        x, at = at_points(x, self)
        constant = 0.5 * math.log(2.0 * math.pi) * math.prod(self.event_shape)
        return -0.5 * at._quadratic(x - at.loc) - at._half_log_det() - constant

    def _quadratic(self, x: jax.Array) -> jax.Array:
        """‖A⁻¹x B⁻'‖²"""
        half = solve_lower(jnp.tril(self.scale_tril_row), x)
        return norm_squared(solve_lower(jnp.tril(self.scale_tril_column), adjoint(half)))

    def _half_log_det(self) -> jax.Array:
        n, m = self.loc.shape[-2:]
        return m * log_det(self.scale_tril_row) + n * log_det(self.scale_tril_column)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        z = jax.random.normal(key, (*shape, *batch_shape(self), *self.event_shape), dtype_of(self))
        return at.loc + multiply(jnp.tril(at.scale_tril_row), z, adjoint(jnp.tril(at.scale_tril_column)))

    def entropy(self) -> jax.Array:
        """½nm log 2πe + m log det A + n log det B."""
        n, m = self.event_shape
        return filled(self)._half_log_det() + 0.5 * n * m * (1.0 + math.log(2.0 * math.pi))

    @property
    def mean(self) -> jax.Array:
        """M"""
        return filled(self).loc

    @property
    def variance(self) -> jax.Array:
        """(A A')ᵢᵢ(B B')ⱼⱼ"""
        at = filled(self)
        rows, columns = (norm_squared(jnp.tril(one), -1) for one in (at.scale_tril_row, at.scale_tril_column))
        return rows[..., :, None] * columns[..., None, :]
