"""The Wishart distribution."""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.deviances import gamma_entropy
from kljax._special.elementwise import divide, log1p_excess, two_product
from kljax._special.gamma import digamma
from kljax._special.stirling import phi
from kljax._types import Entries
from kljax.families._fields import definite
from kljax.families._matrices import (
    adjoint,
    cholesky,
    congruent,
    diagonal,
    embedded,
    hermitian,
    identity,
    log_det,
    log_det_excess,
    multiply,
    norm_squared,
    solve_lower,
    square,
)
from kljax.families._quantiles import standard_deviation
from kljax.families._record import at_points, family, filled, lifted, positive
from kljax.quadrature import Support


@family
class Wishart:
    """Wishart(df, scale): density det(X)^((ν-n-1)/2) exp(-½tr V⁻¹X)/(2^(νn/2) det(V)^(ν/2) Γₙ(ν/2)) of n x n X > 0.

    It is the distribution of Σ xᵢxᵢ' for ν normal vectors with covariance V; ν > n - 1 need not be whole.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import Wishart
        >>> print(f"{Wishart(4.0, jnp.eye(2)).entropy():.4f}")
        6.3014
    """

    df: Entries = positive()
    scale: Entries = definite()

    def _check(self) -> None:
        square("Wishart", "scale", self.scale)

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
        """(ν - n - 1)V for ν ≥ n + 1, else NaN"""
        at = filled(self)
        over = (at.df - (at.scale.shape[-1] + 1.0))[..., None, None]
        return jnp.where(over >= 0.0, over, jnp.nan) * hermitian(at.scale)

    stddev = standard_deviation

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at symmetric matrices x, [..., n, n]; -∞ where they are not positive definite."""
        x, at = at_points(x, self)
        legal, root = factored(x)
        x = jnp.where(legal[..., None, None], x, identity(x))
        df = at.df[..., None, None]
        away = log_det_gap(root, cholesky(at.scale) * jnp.sqrt(df), less_product(x, at.scale, df))
        n = x.shape[-1]
        inside = -(n + 1.0) * log_det(root) - 0.5 * at.df * away - log_multigamma_remainder(n, 0.5 * at.df)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        at = lifted(self, shape)
        root = multiply(cholesky(at.scale), bartlett(key, at.scale.shape[-1], at.df))
        return multiply(root, adjoint(root))

    def entropy(self) -> jax.Array:
        """½(n + 1) log det 2V + log Γₙ(ν/2) - ½(ν - n - 1)ψₙ(ν/2) + ½νn."""
        at = filled(self)
        n = at.scale.shape[-1]
        spread = (n + 1.0) * (log_det(cholesky(at.scale)) + 0.5 * n * math.log(2.0))
        return spread + entropy_of_counts(n, 0.5 * at.df, n - 1.0, -1.0)

    @property
    def mean(self) -> jax.Array:
        """νV"""
        at = filled(self)
        return at.df[..., None, None] * hermitian(at.scale)

    @property
    def variance(self) -> jax.Array:
        """ν(Vᵢⱼ² + VᵢᵢVⱼⱼ)"""
        at = filled(self)
        on = diagonal(at.scale)
        return at.df[..., None, None] * (jnp.square(hermitian(at.scale)) + on[..., :, None] * on[..., None, :])


def _ladder(n: int, a: jax.Array) -> jax.Array:
    """a - ½j for j = 0, …, n - 1, [..., n]."""
    return a[..., None] - jnp.broadcast_to(0.5 * jnp.arange(n).astype(a.dtype), (*a.shape, n))


def log_multigamma_remainder(n: int, a: jax.Array) -> jax.Array:
    """log Γₙ(a) - n(a log a - a) = ¼n(n - 1) log π + Σ [φ(a - ½j) + K(a - ½j, a) - ½j log a], j < n."""
    steps = _ladder(n, a)
    whole = jnp.broadcast_to(a[..., None], steps.shape)
    down = steps - whole
    fall = whole * log1p_excess(divide(down, whole)) + down * jnp.log(whole)
    return 0.25 * n * (n - 1) * math.log(math.pi) + jnp.sum(phi(steps) + fall, -1)


def entropy_of_counts(n: int, a: jax.Array, start: float, step: float) -> jax.Array:
    """¼n(n - 1) log π + Σ [G(a - ½j) + ½j + ½(start + j step)ψ(a - ½j)], j < n, G the entropy of a gamma variable."""
    j = jnp.broadcast_to(jnp.arange(n).astype(a.dtype), (*a.shape, n))
    steps = _ladder(n, a)
    terms = gamma_entropy(steps) + 0.5 * j + 0.5 * (start + step * j) * digamma(steps)
    return 0.25 * n * (n - 1) * math.log(math.pi) + jnp.sum(terms, -1)


def less_product(x: jax.Array, y: jax.Array, c: jax.Array) -> jax.Array:
    """X - cY, the products without error."""
    product, rest = two_product(y, jnp.broadcast_to(c, y.shape))
    return (x - product) - rest


def log_det_gap(root_p: jax.Array, root_q: jax.Array, gap: jax.Array) -> jax.Array:
    """tr Q⁻¹P - n - log det Q⁻¹P of definite matrices with these roots, gap = P - Q."""
    change = congruent(root_q, gap)
    near = norm_squared(change) < 0.25
    close = log_det_excess(jnp.where(near[..., None, None], change, 0.0))
    far = norm_squared(solve_lower(root_q, root_p)) - gap.shape[-1] - 2.0 * (log_det(root_p) - log_det(root_q))
    return jnp.where(near, close, far)


def multidigamma(n: int, a: jax.Array) -> jax.Array:
    """ψₙ(a) = Σ ψ(a - ½j), j < n."""
    return jnp.sum(digamma(_ladder(n, a)), -1)


def factored(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Whether x is positive definite, and its Cholesky factor there."""
    legal = jnp.all(jnp.isfinite(diagonal(cholesky(x))), -1)
    return legal, cholesky(jnp.where(legal[..., None, None], x, identity(x)))


def bartlett(key: jax.Array, n: int, df: jax.Array) -> jax.Array:
    """Lower-triangular A with A A' ~ Wishart(ν, I), Bartlett (1933): χ² on the diagonal, normal below."""
    below, on = jax.random.split(key)
    shapes = _ladder(n, 0.5 * df)
    roots = jnp.sqrt(2.0 * jax.random.gamma(on, shapes, shapes.shape, shapes.dtype))
    normal = jax.random.normal(below, (*shapes.shape, n), shapes.dtype)
    return jnp.tril(normal, -1) + embedded(roots)
