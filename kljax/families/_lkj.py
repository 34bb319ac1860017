"""The LKJ distribution of correlation matrices.

det R is a product of independent variables, Beta(η + ½(n - 1 - k), ½k) for k = 1, …, n - 1, the squares of the diagonal
of its Cholesky factor: KL, its line and the entropy are sums over them.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.elementwise import log1p
from kljax._special.gamma import digamma_gap, log_gamma_gap
from kljax._types import Entries
from kljax.families._matrices import adjoint, diagonal, embedded, identity, multiply
from kljax.families._quantiles import standard_deviation
from kljax.families._record import at_points, batch_shape, count, dtype_of, family, filled, positive
from kljax.families._wishart import factored
from kljax.quadrature import Support


@family
class LKJ:
    """LKJ(dimension, concentration): density ∝ det(R)^(η - 1) of n x n correlation matrices R.

    The density is with respect to the entries below the diagonal. η = 1 is uniform; large η concentrates at identity.

    Example:
        >>> import kljax
        >>> from kljax.families import LKJ
        >>> print(f"{kljax.kl(LKJ(3, 2.0), LKJ(3, 1.0)):.4f} {LKJ(2, 1.0).entropy():.4f}")
        0.2612 0.6931

    References:
        Lewandowski, Kurowicka & Joe (2009), "Generating random correlation matrices based on vines and extended onion
        method".
    """

    dimension: Any = count(whole=True)
    concentration: Entries = positive(1.0)

    def _check(self) -> None:
        if not isinstance(self.dimension, float) or self.dimension < 2.0:
            raise ValueError(f"LKJ: dimension must be a Python number of at least 2; got {self.dimension!r}.")

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n, n)"""
        return (int(self.dimension), int(self.dimension))

    @property
    def support(self) -> Support:
        """Positive definite matrices with a diagonal of ones."""
        return Support(-1.0, 1.0, "correlation matrices")

    stddev = standard_deviation

    @property
    def mode(self) -> jax.Array:
        """The identity for η > 1, else NaN."""
        at = filled(self)
        return jnp.where((at.concentration > 1.0)[..., None, None], self.mean, jnp.nan)

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at correlation matrices x, [..., n, n]; -∞ where they are not positive definite."""
        x, at = at_points(x, self)
        legal, root = factored(x)
        # Of ones on the diagonal log det R = Σ log(1 - s), s the squares of the factor's entries to the left.
        left = jnp.square(jnp.tril(root, -1)).sum(-1)
        near = left < 0.5
        each = jnp.where(near, log1p(-jnp.where(near, left, 0.0)), 2.0 * jnp.log(jnp.where(near, 1.0, diagonal(root))))
        inside = (at.concentration - 1.0) * each.sum(-1) - _log_norm(at)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws by the onion method, differentiable in η."""
        at, n = filled(self), int(self.dimension)
        lead, dtype = (*shape, *batch_shape(self)), dtype_of(self)
        first, second = jax.random.split(key)
        k = jnp.broadcast_to(jnp.arange(1.0, n, dtype=dtype), (*lead, n - 1))
        a = jnp.broadcast_to(at.concentration, lead)[..., None] + 0.5 * (n - 1.0 - k)
        free = jax.random.beta(first, a, 0.5 * k, a.shape, dtype)  # the squares of the factor's diagonal
        free = jnp.concatenate([jnp.ones_like(a[..., :1]), free], -1)
        way = jnp.tril(jax.random.normal(second, (*lead, n, n), dtype), -1)
        size = jnp.square(way).sum(-1, keepdims=True)
        way = way / jnp.sqrt(jnp.where(size > 0.0, size, 1.0))
        low = jnp.sqrt(1.0 - free)[..., None] * way + embedded(jnp.sqrt(free))
        found = multiply(low, adjoint(low))
        return jnp.where(identity(found) > 0.0, 1.0, found)

    def entropy(self) -> jax.Array:
        """log Z - (η - 1)E[log det R]"""
        at = filled(self)
        a, total = beta_shapes(at)
        mean_log = digamma_gap(a, total, a - total).sum(0)
        return _log_norm(at) - (at.concentration - 1.0) * mean_log

    @property
    def mean(self) -> jax.Array:
        """The identity."""
        eye = jnp.eye(int(self.dimension), dtype=dtype_of(self))
        return jnp.broadcast_to(eye, (*batch_shape(self), *self.event_shape))

    @property
    def variance(self) -> jax.Array:
        """1/(2η + n - 1) off the diagonal."""
        spread = 1.0 / (2.0 * filled(self).concentration + (self.dimension - 1.0))
        return spread[..., None, None] * (1.0 - self.mean)

    @property
    def natural(self) -> jax.Array:
        """η - 1, [batch..., 1]."""
        return filled(self).concentration[..., None] - 1.0

    def log_partition(self, natural: jax.Array) -> jax.Array:
        """log Z at η₁ + 1"""
        return _log_norm(LKJ(self.dimension, natural[..., 0] + 1.0))


def beta_shapes(at: LKJ) -> tuple[jax.Array, jax.Array]:
    """(η + ½(n - 1 - k), η + ½(n - 1)) for k = 1, …, n - 1, along a new first axis."""
    n, eta = int(at.dimension), at.concentration
    k = jnp.arange(1.0, n, dtype=eta.dtype).reshape(-1, *[1] * eta.ndim)
    return eta[None] + 0.5 * (n - 1.0 - k), jnp.broadcast_to(eta + 0.5 * (n - 1.0), (n - 1, *eta.shape))


def _log_norm(at: LKJ) -> jax.Array:
    """Σₖ [½k log π + log Γ(η + ½(n - 1 - k)) - log Γ(η + ½(n - 1))]"""
    n = int(at.dimension)
    a, total = beta_shapes(at)
    return log_gamma_gap(a, total, a - total).sum(0) + 0.25 * n * (n - 1) * math.log(math.pi)
