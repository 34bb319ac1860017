"""The complex normal distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries
from kljax.families._fields import definite
from kljax.families._matrices import (
    cholesky,
    columns,
    diagonal,
    from_columns,
    log_det,
    multiply,
    norm_squared,
    solve_lower,
    square,
)
from kljax.families._quantiles import standard_deviation
from kljax.families._record import batch_shape, complex_valued, family, filled, located
from kljax.quadrature import Support


@family
class ComplexNormal:
    """ComplexNormal(μ, Γ): density exp(-(z - μ)†Γ⁻¹(z - μ))/det(πΓ) of vectors of n complex numbers.

    Circularly symmetric: E[(z - μ)(z - μ)†] = Γ, Hermitian, and E[(z - μ)(z - μ)'] = 0. Any other normal distribution
    of complex numbers is a ``MultivariateNormal`` of their real and imaginary parts.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import ComplexNormal
        >>> print(f"{ComplexNormal(jnp.zeros(2), jnp.array([[2.0, 1.0j], [-1.0j, 2.0]])).entropy():.4f}")
        5.3881

    References:
        Goodman (1963), "Statistical analysis based on a certain multivariate complex Gaussian distribution".
    """

    loc: Entries = complex_valued(ndim=1)
    covariance: Entries = definite(complex=True)

    def _check(self) -> None:
        square("ComplexNormal", "covariance", self.covariance)
        if self.loc.shape[-1] != self.covariance.shape[-1]:
            raise ValueError(
                f"ComplexNormal: loc and covariance must be of one size; got shapes {self.loc.shape} and "
                f"{self.covariance.shape}."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n,)"""
        return self.loc.shape[-1:]

    @property
    def support(self) -> Support:
        """ℂⁿ"""
        return Support(-math.inf, math.inf, "complex vectors")

    @property
    def mode(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    stddev = standard_deviation

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at complex x, [..., n], with respect to the real and imaginary parts."""
        x, at = located(x, self), filled(self)
        batch = batch_shape(self)
        low = cholesky(at.covariance)
        centred = x - jnp.broadcast_to(at.loc, x.shape).astype(x.dtype)
        squares = norm_squared(solve_lower(low, columns(centred, len(batch))), -2)
        constant = 2.0 * log_det(low) + math.log(math.pi) * x.shape[-1]
        return from_columns(-squares - constant[..., None], x.shape[: x.ndim - 1 - len(batch)])

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = filled(self)
        z = jax.random.normal(key, (*at.loc.shape, math.prod(shape)), at.loc.dtype)
        return from_columns(at.loc[..., None] + multiply(cholesky(at.covariance), z), shape)

    def entropy(self) -> jax.Array:
        """log det(πeΓ)"""
        at = filled(self)
        return 2.0 * log_det(cholesky(at.covariance)) + (1.0 + math.log(math.pi)) * self.loc.shape[-1]

    @property
    def mean(self) -> jax.Array:
        """μ"""
        return filled(self).loc

    @property
    def variance(self) -> jax.Array:
        """E|z - μ|², the diagonal of Γ."""
        return diagonal(filled(self).covariance)
