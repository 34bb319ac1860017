"""Invertible functions of numbers, for distributions of what they make of a variable."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from kljax.families._record import is_record, number_or_array, parameters, tree


@runtime_checkable
class Bijector(Protocol):
    """What ``Transformed`` asks of an invertible function y = g(x): three methods, on arrays [..., event...].

    It is either a pytree or any hashable object with an equality of its own. A function of numbers has to be monotone.
    """

    def forward(self, x: Any) -> jax.Array:
        """g(x)"""
        ...

    def inverse(self, y: Any) -> jax.Array:
        """The x with g(x) = y; ±∞ where there is none."""
        ...

    def log_det(self, x: Any) -> jax.Array:
        """log |det ∂g/∂x| for each draw, or, of a function of every entry by itself, log |g'| in the shape of x."""
        ...


def _where(legal: jax.Array, y: jax.Array, function: Callable[[jax.Array], jax.Array], outside: Any) -> jax.Array:
    """The function where it is defined, without a NaN in any derivative elsewhere; there it is taken at ½."""
    return jnp.where(legal, function(jnp.where(legal, y, 0.5)), outside)


@parameters
class Affine:
    """x ↦ loc + scale · x, for a scale of either sign; numbers given as Python's are no leaves of the pytree.

    Example:
        >>> from kljax.families import Affine, Logistic, Transformed
        >>> print(f"{Transformed(Logistic(0.0, 1.0), Affine(1.0, -2.0)).entropy():.4f}")
        2.6931
    """

    loc: Any = number_or_array()
    scale: Any = number_or_array()

    def _ordinary(self) -> dict[str, Any]:
        return {"scale": 1.0}

    def forward(self, x: Any) -> jax.Array:
        """loc + scale · x"""
        return self.loc + self.scale * jnp.asarray(x)

    def inverse(self, y: Any) -> jax.Array:
        """(y - loc)/scale"""
        return (jnp.asarray(y) - self.loc) / self.scale

    def log_det(self, x: Any) -> jax.Array:
        """log |scale|"""
        x = jnp.asarray(x)
        return jnp.broadcast_to(jnp.log(jnp.abs(jnp.asarray(self.scale, x.dtype))), x.shape)


@parameters
class Exp:
    """x ↦ eˣ.

    Example:
        >>> import kljax
        >>> from kljax.families import Exp, Laplace, Transformed
        >>> p, q = (Transformed(Laplace(loc, 1.0), Exp()) for loc in (0.0, 1.0))
        >>> print(f"{kljax.kl(p, q):.4f} {kljax.kl(p.base, q.base):.4f}")
        0.3679 0.3679
    """

    def forward(self, x: Any) -> jax.Array:
        """eˣ"""
        return jnp.exp(x)

    def inverse(self, y: Any) -> jax.Array:
        """log y"""
        y = jnp.asarray(y)
        return _where(y > 0.0, y, jnp.log, -jnp.inf)

    def log_det(self, x: Any) -> jax.Array:
        """x"""
        return jnp.asarray(x)


@parameters
class Log:
    """x ↦ log x, of positive numbers.

    Example:
        >>> import kljax
        >>> from kljax.families import Gamma, Log, Transformed
        >>> p, q = (Transformed(Gamma(shape, 1.0), Log()) for shape in (1.0, 2.0))
        >>> print(f"{kljax.kl(p, q):.4f}")
        0.5772
    """

    def forward(self, x: Any) -> jax.Array:
        """log x"""
        return jnp.log(x)

    def inverse(self, y: Any) -> jax.Array:
        """eʸ"""
        return jnp.exp(y)

    def log_det(self, x: Any) -> jax.Array:
        """-log x"""
        return -jnp.log(x)


@parameters
class Sigmoid:
    """x ↦ 1/(1 + e⁻ˣ).

    Example:
        >>> from kljax.families import Normal, Sigmoid, Transformed
        >>> print(f"{Transformed(Normal(0.0, 1.0), Sigmoid()).log_prob(0.5):.4f}")
        0.4674
    """

    def forward(self, x: Any) -> jax.Array:
        """1/(1 + e⁻ˣ)"""
        return jax.nn.sigmoid(x)

    def inverse(self, y: Any) -> jax.Array:
        """log(y/(1 - y))"""
        y = jnp.asarray(y)
        return _where((y > 0.0) & (y < 1.0), y, lambda y: jnp.log(y) - jnp.log1p(-y), jnp.inf)

    def log_det(self, x: Any) -> jax.Array:
        """log y + log(1 - y)"""
        return jax.nn.log_sigmoid(x) + jax.nn.log_sigmoid(-jnp.asarray(x))


@parameters
class Tanh:
    """x ↦ tanh x.

    Example:
        >>> from kljax.families import Normal, Tanh, Transformed
        >>> print(f"{Transformed(Normal(0.0, 1.0), Tanh()).log_prob(0.5):.4f}")
        -0.7821
    """

    def forward(self, x: Any) -> jax.Array:
        """tanh x"""
        return jnp.tanh(x)

    def inverse(self, y: Any) -> jax.Array:
        """½ log((1 + y)/(1 - y))"""
        y = jnp.asarray(y)
        return _where(jnp.abs(y) < 1.0, y, jnp.arctanh, jnp.inf)

    def log_det(self, x: Any) -> jax.Array:
        """log(1 - tanh² x)"""
        size = jnp.abs(jnp.asarray(x))
        return 2.0 * (math.log(2.0) - size - jnp.log1p(jnp.exp(-2.0 * size)))


@parameters
class Softplus:
    """x ↦ log(1 + eˣ).

    Example:
        >>> from kljax.families import Normal, Softplus, Transformed
        >>> print(f"{Transformed(Normal(0.0, 1.0), Softplus()).log_prob(0.5):.4f}")
        -0.0798
    """

    def forward(self, x: Any) -> jax.Array:
        """log(1 + eˣ)"""
        return jax.nn.softplus(x)

    def inverse(self, y: Any) -> jax.Array:
        """y + log(1 - e⁻ʸ)"""
        y = jnp.asarray(y)
        return _where(y > 0.0, y, lambda y: y + jnp.log(-jnp.expm1(-y)), -jnp.inf)

    def log_det(self, x: Any) -> jax.Array:
        """-log(1 + e⁻ˣ)"""
        return jax.nn.log_sigmoid(x)


@parameters
class Chain:
    """Chain((g₁, …, gₙ)): x ↦ gₙ(… g₁(x)), in the order in which they are applied.

    Example:
        >>> from kljax.families import Affine, Chain, Exp, Normal, Transformed
        >>> p = Transformed(Normal(0.0, 1.0), Chain((Affine(1.0, 2.0), Exp())))
        >>> print(f"{p.log_prob(3.0):.4f}")
        -2.7119
    """

    parts: Any = tree()

    def _check(self) -> None:
        if not isinstance(self.parts, tuple) or not all(is_record(one) for one in self.parts):
            raise TypeError(f"Chain: parts must be a tuple of bijectors of kljax.families; got {self.parts!r}.")

    def forward(self, x: Any) -> jax.Array:
        """gₙ(… g₁(x))"""
        for one in self.parts:
            x = one.forward(x)
        return jnp.asarray(x)

    def inverse(self, y: Any) -> jax.Array:
        """g₁⁻¹(… gₙ⁻¹(y))"""
        for one in reversed(self.parts):
            y = one.inverse(y)
        return jnp.asarray(y)

    def log_det(self, x: Any) -> jax.Array:
        """The sum of those of the parts, each at what comes to it."""
        total = jnp.zeros_like(x)
        for one in self.parts:
            total, x = total + one.log_det(x), one.forward(x)
        return total
