"""The normal-inverse-Wishart distribution: the conjugate prior of a normal vector's mean and covariance."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries
from kljax.families._fields import definite
from kljax.families._inverse_wishart import InverseWishart
from kljax.families._matrices import cholesky, identity, log_det, multiply, square
from kljax.families._multivariate_normal import MultivariateNormal
from kljax.families._normal_gamma import at_pair
from kljax.families._quantiles import standard_deviation
from kljax.families._record import batch_shape, dtype_of, family, filled, lifted, positive, real
from kljax.families._wishart import factored, multidigamma
from kljax.quadrature import Support


@family
class NormalInverseWishart:
    """NormalInverseWishart(loc, strength, df, scale): Σ is InverseWishart(ν, Ψ), and m given Σ is normal(μ, Σ/λ).

    A draw is a pair (m, Σ), a mean [n] and a covariance [n, n]. As a prior, λ is the number of observations that μ is
    worth.

    Example:
        >>> import jax.numpy as jnp
        >>> import kljax
        >>> from kljax.families import NormalInverseWishart
        >>> p = NormalInverseWishart(jnp.zeros(2), 1.0, 5.0, jnp.eye(2))
        >>> q = NormalInverseWishart(jnp.ones(2), 2.0, 5.0, jnp.eye(2))
        >>> print(f"{kljax.kl(p, q):.4f}")
        10.3069

    References:
        Gelman, Carlin, Stern, Dunson, Vehtari & Rubin (2013), "Bayesian data analysis", section 3.6.
    """

    loc: Entries = real(ndim=1)
    strength: Entries = positive()
    df: Entries = positive()
    scale: Entries = definite()

    def _check(self) -> None:
        square("NormalInverseWishart", "scale", self.scale)
        if self.loc.shape[-1] != self.scale.shape[-1]:
            raise ValueError(
                "NormalInverseWishart: loc must have as many entries as scale has rows; got shapes "
                f"{self.loc.shape} and {self.scale.shape}."
            )

    def _ordinary(self) -> dict[str, Any]:
        return {"df": self.scale.shape[-1] + 1.0}

    @property
    def event_shape(self) -> Any:
        """((n,), (n, n)), of a mean and of a covariance."""
        return (self.loc.shape[-1:], self.scale.shape[-2:])

    @property
    def support(self) -> Any:
        """Vectors, and positive definite matrices."""
        return (
            Support(-math.inf, math.inf, "vectors"),
            Support(-math.inf, math.inf, "positive definite matrices"),
        )

    def covariance(self) -> InverseWishart:
        """The distribution of Σ."""
        return InverseWishart(self.df, self.scale)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at a pair x = (m, Σ); -∞ where Σ is not positive definite."""
        mean, covariance, at = at_pair(x, self)
        legal, root = factored(covariance)
        low = root / jnp.sqrt(at.strength)[..., None, None]
        given = MultivariateNormal.from_cholesky(at.loc, low).log_prob(mean)
        safe = jnp.where(legal[..., None, None], covariance, identity(root))
        return jnp.where(legal, given + at.covariance().log_prob(safe), -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> tuple[jax.Array, jax.Array]:
        """Pairs of draws, differentiable in the parameters."""
        first, second = jax.random.split(key)
        at = lifted(self, shape)
        covariance = filled(self).covariance().sample(first, shape)
        step = jax.random.normal(second, (*shape, *batch_shape(self), self.loc.shape[-1]), dtype_of(self))
        away = multiply(cholesky(covariance), step[..., None])[..., 0]
        return at.loc + away / jnp.sqrt(at.strength)[..., None], covariance

    def entropy(self) -> jax.Array:
        """H(InverseWishart(ν, Ψ)) + ½n log(2πe/λ) + ½(log det Ψ - n log 2 - ψₙ(½ν))"""
        at = filled(self)
        n = at.scale.shape[-1]
        mean_log = 2.0 * log_det(cholesky(at.scale)) - n * math.log(2.0) - multidigamma(n, 0.5 * at.df)
        level = n * (math.log(2.0 * math.pi) + 1.0 - jnp.log(at.strength))
        return at.covariance().entropy() + 0.5 * (level + mean_log)

    @property
    def mean(self) -> tuple[jax.Array, jax.Array]:
        """(μ, Ψ/(ν - n - 1)); the second is NaN for ν ≤ n + 1"""
        at = filled(self)
        return at.loc, at.covariance().mean

    @property
    def variance(self) -> tuple[jax.Array, jax.Array]:
        """Those of each entry: diag E[Σ]/λ, and InverseWishart's."""
        at = filled(self)
        covariance = at.covariance()
        return jnp.diagonal(covariance.mean, 0, -2, -1) / at.strength[..., None], covariance.variance

    stddev = standard_deviation

    @property
    def mode(self) -> tuple[jax.Array, jax.Array]:
        """(μ, Ψ/(ν + n + 2))"""
        at = filled(self)
        return at.loc, at.scale / (at.df + (at.scale.shape[-1] + 2.0))[..., None, None]
