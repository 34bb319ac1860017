"""The inverse Wishart distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries
from kljax.families._fields import definite
from kljax.families._matrices import (
    adjoint,
    cholesky,
    diagonal,
    hermitian,
    identity,
    log_det,
    multiply,
    solve_lower,
    square,
)
from kljax.families._quantiles import standard_deviation
from kljax.families._record import at_points, family, filled, lifted, positive
from kljax.families._wishart import (
    bartlett,
    entropy_of_counts,
    factored,
    less_product,
    log_det_gap,
    log_multigamma_remainder,
)
from kljax.quadrature import Support


@family
class InverseWishart:
    """InverseWishart(df, scale): density det(Ψ)^(ν/2) exp(-½tr ΨX⁻¹)/(2^(νn/2) Γₙ(ν/2) det(X)^((ν+n+1)/2)) of X > 0.

    It is the distribution of X⁻¹ for X of Wishart(ν, Ψ⁻¹); ν > n - 1.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import InverseWishart
        >>> print(f"{InverseWishart(4.0, jnp.eye(2)).entropy():.4f}")
        0.7647
    """

    df: Entries = positive()
    scale: Entries = definite()

    def _check(self) -> None:
        square("InverseWishart", "scale", self.scale)

    def _ordinary(self) -> dict[str, Any]:
        return {"df": self.scale.shape[-1] + 1.0}

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n, n)"""
        return self.scale.shape[-2:]

    @property
    def support(self) -> Support:
        """Positive definite matrices."""
        return Support(-math.inf, math.inf, "positive definite matrices")

    @property
    def mode(self) -> jax.Array:
        """Ψ/(ν + n + 1)"""
        at = filled(self)
        return hermitian(at.scale) / (at.df + (at.scale.shape[-1] + 1.0))[..., None, None]

    stddev = standard_deviation

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at symmetric matrices x, [..., n, n]; -∞ where they are not positive definite."""
        x, at = at_points(x, self)
        legal, root = factored(x)
        x = jnp.where(legal[..., None, None], x, identity(x))
        n, df = x.shape[-1], at.df[..., None, None]
        away = log_det_gap(cholesky(at.scale), root * jnp.sqrt(df), less_product(at.scale, x, df))
        inside = -(n + 1.0) * log_det(root) - 0.5 * at.df * away - log_multigamma_remainder(n, 0.5 * at.df)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        # With Ψ = L L' and A A' ~ Wishart(ν, I): L⁻'A A'L⁻¹ ~ Wishart(ν, Ψ⁻¹), whose inverse is (A⁻¹L')'A⁻¹L'.
        root = solve_lower(bartlett(key, at.scale.shape[-1], at.df), adjoint(cholesky(at.scale)))
        return multiply(adjoint(root), root)

    def entropy(self) -> jax.Array:
        """½(n + 1) log det ½Ψ + log Γₙ(ν/2) - ½(ν + n + 1)ψₙ(ν/2) + ½νn."""
        at = filled(self)
        n = at.scale.shape[-1]
        spread = (n + 1.0) * (log_det(cholesky(at.scale)) - 0.5 * n * math.log(2.0))
        return spread + entropy_of_counts(n, 0.5 * at.df, -(n + 3.0), -1.0)

    @property
    def mean(self) -> jax.Array:
        """Ψ/(ν - n - 1) for ν > n + 1, else NaN."""
        at = filled(self)
        over = (at.df - (at.scale.shape[-1] + 1.0))[..., None, None]
        return jnp.where(over > 0.0, hermitian(at.scale) / jnp.where(over > 0.0, over, 1.0), jnp.nan)

    @property
    def variance(self) -> jax.Array:
        """[(k + 2)Ψᵢⱼ² + kΨᵢᵢΨⱼⱼ]/[(k + 1)k²(k - 2)], k = ν - n - 1, for k > 2, else NaN."""
        at = filled(self)
        k = (at.df - (at.scale.shape[-1] + 1.0))[..., None, None]
        finite = k > 2.0
        k = jnp.where(finite, k, 3.0)
        on = diagonal(at.scale)
        squares = (k + 2.0) * jnp.square(hermitian(at.scale)) + k * on[..., :, None] * on[..., None, :]
        return jnp.where(finite, squares / (k + 1.0) / k / k / (k - 2.0), jnp.nan)
