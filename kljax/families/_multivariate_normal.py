"""The multivariate normal distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries, Rows
from kljax.families._covariances import Cholesky, Covariance, Diagonal, LowRank, Precision, quadratic_of_points
from kljax.families._fit import fit_by_likelihood
from kljax.families._matrices import cholesky, from_columns, identity, log_det, multiply, norm_squared, solve_lower
from kljax.families._quantiles import standard_deviation
from kljax.families._record import batch_shape, family, filled, located, nested, real
from kljax.quadrature import Support

_LOG_2PI = math.log(2.0 * math.pi)
_ADVICE = (
    " Say what the matrix is: MultivariateNormal.from_covariance(loc, covariance), or from_cholesky, from_precision, "
    "from_diagonal (standard deviations) or from_low_rank."
)


@family
class MultivariateNormal:
    """MultivariateNormal(μ, Σ): density exp(-½(x - μ)'Σ⁻¹(x - μ))/√det(2πΣ) of vectors of n real numbers.

    It is made from what is known of Σ, and computes with just that: ``from_covariance``, ``from_precision``,
    ``from_cholesky``, ``from_diagonal`` or ``from_low_rank``. The field ``scale`` holds it.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import MultivariateNormal
        >>> print(f"{MultivariateNormal.from_diagonal(jnp.zeros(2), jnp.array([1.0, 2.0])).entropy():.4f}")
        3.5310
    """

    loc: Entries = real(ndim=1)
    scale: Any = nested(advice=_ADVICE)

    def _check(self) -> None:
        if self.loc.shape[-1] != self.scale.size:
            raise ValueError(
                f"MultivariateNormal: loc must have as many entries as the scale; got {self.loc.shape[-1]} and "
                f"{self.scale.size}."
            )

    @classmethod
    def from_covariance(cls, loc: Rows, covariance: Rows) -> MultivariateNormal:
        """From Σ, [..., n, n], of which the symmetric part is taken."""
        return cls(loc, Covariance(covariance))

    @classmethod
    def from_precision(cls, loc: Rows, precision: Rows) -> MultivariateNormal:
        """From Σ⁻¹, [..., n, n], of which the symmetric part is taken."""
        return cls(loc, Precision(precision))

    @classmethod
    def from_cholesky(cls, loc: Rows, scale_tril: Rows) -> MultivariateNormal:
        """From the lower-triangular L with positive diagonal and Σ = L L', [..., n, n]."""
        return cls(loc, Cholesky(scale_tril))

    @classmethod
    def from_diagonal(cls, loc: Rows, scale_diag: Rows) -> MultivariateNormal:
        """From the standard deviations of independent entries, [..., n]."""
        return cls(loc, Diagonal(scale_diag))

    @classmethod
    def from_low_rank(cls, loc: Rows, cov_factor: Rows, cov_diag: Rows) -> MultivariateNormal:
        """From W [..., n, rank] and the positive d [..., n] of Σ = diag d + W W'."""
        return cls(loc, LowRank(cov_factor, cov_diag))

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n,)"""
        return (self.scale.size,)

    @property
    def support(self) -> Support:
        """ℝⁿ"""
        return Support(-math.inf, math.inf, "vectors")

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    stddev = standard_deviation
    fit = fit_by_likelihood

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at x, [..., n]."""
        x, at = located(x, self), filled(self)
        batch = batch_shape(self)
        centred = x - jnp.broadcast_to(at.loc, x.shape).astype(x.dtype)
        squares = quadratic_of_points(at.scale, centred, len(batch))
        constant = at.scale.half_log_det() + 0.5 * _LOG_2PI * self.scale.size
        return from_columns(-0.5 * squares - constant[..., None], x.shape[: x.ndim - 1 - len(batch)])

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = filled(self)
        draws = at.scale.draw(key, math.prod(shape))  # [batch..., n, draws]
        return from_columns(at.loc[..., None] + draws, shape)

    def entropy(self) -> jax.Array:
        """½ log det(2πeΣ)."""
        return filled(self).scale.half_log_det() + 0.5 * (_LOG_2PI + 1.0) * self.scale.size

    @property
    def mean(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    @property
    def variance(self) -> jax.Array:
        """The diagonal of Σ."""
        return filled(self).scale.variance()

    @property
    def covariance(self) -> jax.Array:
        """Σ, [batch..., n, n]."""
        return filled(self).scale.covariance()

    @property
    def natural(self) -> tuple[jax.Array, jax.Array]:
        """(Σ⁻¹μ, -½Σ⁻¹), [batch..., n] and [batch..., n, n]."""
        at = filled(self)
        precision = at.scale.matrix if isinstance(at.scale, Precision) else _inverse(at.scale.lower())
        return multiply(precision, at.loc[..., None])[..., 0], -0.5 * precision

    @staticmethod
    def log_partition(natural: tuple[jax.Array, jax.Array]) -> jax.Array:
        """-¼η₁'η₂⁻¹η₁ - ½ log det(-2η₂)"""
        low = cholesky(-2.0 * natural[1])
        half = solve_lower(low, natural[0][..., None])
        return 0.5 * norm_squared(half) - log_det(low)


def _inverse(low: jax.Array) -> jax.Array:
    half = solve_lower(low, identity(low))
    return multiply(jnp.swapaxes(half, -1, -2), half)
