"""What an invertible function makes of a distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax import quadrature
from kljax._prompt import prompt
from kljax.families import _integrals
from kljax.families._bijectors import Affine, Bijector
from kljax.families._discrete import is_discrete
from kljax.families._quantiles import at_shares, quantile_by_bisection, standard_deviation
from kljax.families._record import along, ends, family, filled, free, hints, located, nested
from kljax.quadrature import Support


@family
class Transformed:
    """Transformed(base, bijector): the distribution of y = g(x); density p(x)/|g'(x)| at x = g⁻¹(y).

    With one and the same g on both sides every divergence is that of the bases. Else, of numbers, it is integrated.
    ``bijector`` is anything with the methods of ``Bijector``: one of ``Affine``, ``Exp``, ``Sigmoid``, ``Tanh``,
    ``Softplus`` and ``Chain``, or an object of one's own. Two are the same if they are one object or equal; under
    ``jit`` that is known of bijectors that hold Python numbers or arrays made outside.

    Example:
        >>> import kljax
        >>> from kljax.families import Exp, StudentT, Transformed
        >>> p, q = (Transformed(StudentT(3.0, loc, 1.0), Exp()) for loc in (0.0, 0.5))
        >>> print(f"{kljax.squared_hellinger(p, q):.4f}")
        0.0204
    """

    base: Any = nested()
    bijector: Any = free()

    def _check(self) -> None:
        if not isinstance(self.bijector, Bijector):
            raise TypeError(
                "Transformed: bijector must have forward(x), inverse(y) and log_det(x); got "
                f"{type(self.bijector).__name__}."
            )

    def _inner(self) -> dict[str, tuple[int, ...]]:
        return {"bijector": self.base.event_shape}

    @property
    def event_shape(self) -> tuple[int, ...]:
        """That of the base."""
        found: tuple[int, ...] = self.base.event_shape
        return found

    def log_prob(self, x: Any) -> jax.Array:
        """log p(g⁻¹(x)) - log |g'|; -∞ where nothing is mapped to x."""
        y, at = located(x, self), filled(self)
        axes = tuple(range(-len(self.event_shape), 0))
        legal = jnp.isfinite(at.bijector.inverse(jax.lax.stop_gradient(y))).all(axes)
        inside = legal.reshape(*legal.shape, *(1,) * len(axes))
        # Elsewhere the density is taken at the image of ½, which is thrown away.
        z = at.bijector.inverse(jnp.where(inside, y, at.bijector.forward(jnp.full_like(y, 0.5))))
        value = at.base.log_prob(z)
        if not is_discrete(self.base):
            slope = at.bijector.log_det(z)
            value = value - (slope.sum(axes) if slope.ndim == z.ndim else slope)
        return jnp.where(legal, value, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """g of draws of the base."""
        at = filled(self)
        found: jax.Array = at.bijector.forward(at.base.sample(key, shape))
        return found

    @property
    def support(self) -> Support:
        """The image of the base's support."""
        low, high = self._image(self.base.support.low, self.base.support.high)
        kind = self.base.support.kind
        return Support(low, high, {"integers": "points", "circle": "interval"}.get(kind, kind))

    def cdf(self, x: Any) -> jax.Array:
        """F(g⁻¹(x)) for a rising g, 1 - F(g⁻¹(x)) for a falling one; of numbers."""
        y, at = located(x, self), filled(self)
        z = at.bijector.inverse(y)
        value = at.base.cdf(z)
        here = jnp.exp(at.base.log_prob(z)) if is_discrete(self.base) else 0.0
        return jnp.where(self._rises(), value, 1.0 - value + here)

    def quantile(self, u: Any) -> jax.Array:
        """g of the base's, at u for a rising g and at 1 - u for a falling one; of a discrete base by bisection."""
        if is_discrete(self.base):
            return quantile_by_bisection(self, u)
        u, at = at_shares(u, self)
        found: jax.Array = at.bijector.forward(at.base.quantile(jnp.where(self._rises(), u, 1.0 - u)))
        return found

    def _rises(self) -> jax.Array:
        """Whether g rises, by two points within the base's support."""
        at = filled(self)
        center, scale = hints(at.base)[0]
        left = jnp.minimum(scale, 0.5 * (center - at.base.support.low))
        right = jnp.minimum(scale, 0.5 * (at.base.support.high - center))
        return at.bijector.forward(center - left) < at.bijector.forward(center + right)

    stddev = standard_deviation

    def entropy(self) -> jax.Array:
        """H(base) + E[log |g'|], by quadrature unless g is ``Affine``."""
        at = filled(self)
        found: jax.Array = at.base.entropy()
        if is_discrete(self.base):
            return found
        if isinstance(at.bijector, Affine):
            axes = tuple(range(-len(self.event_shape), 0))
            return found + at.bijector.log_det(jnp.zeros(found.shape + self.event_shape, found.dtype)).sum(axes)
        if self.event_shape != ():
            raise NotImplementedError(
                f"The entropy of a Transformed {type(self.base).__name__} has no closed form; take the mean of "
                "-log_prob over draws."
            )
        return _integrals.entropy(self)

    @property
    @prompt
    def mean(self) -> jax.Array:
        """E[g(x)], by quadrature unless g is ``Affine``."""
        at = filled(self)
        if isinstance(at.bijector, Affine):
            return at.bijector.forward(at.base.mean)
        return self._expectation(lambda g: g)

    @property
    @prompt
    def variance(self) -> jax.Array:
        """E[(g(x) - m)²], by quadrature unless g is ``Affine``."""
        at = filled(self)
        if isinstance(at.bijector, Affine):
            return jnp.square(at.bijector.scale) * at.base.variance
        center = self.mean[..., None]
        return self._expectation(lambda g: jnp.square(g - center))

    def _expectation(self, function: Any) -> jax.Array:
        if self.event_shape != () or is_discrete(self.base):
            raise NotImplementedError(
                f"The moments of a Transformed {type(self.base).__name__} have no closed form; take those of draws."
            )
        at, found = along(self), hints(self.base)
        return quadrature.expectation(
            lambda x: function(at.bijector.forward(x)),
            at.base.log_prob,
            support=self.base.support,
            center=tuple(center for center, _ in found),
            scale=tuple(scale for _, scale in found),
        ).value

    def _image(self, low: Any, high: Any) -> tuple[jax.Array, jax.Array]:
        at = filled(self)
        like = jax.tree.leaves(at.base)[0] if jax.tree.leaves(at.base) else jnp.zeros(())
        a, b = (at.bijector.forward(jnp.asarray(end, like.dtype)) for end in (low, high))
        return jnp.minimum(a, b), jnp.maximum(a, b)

    def _ends(self) -> list[tuple[jax.Array, jax.Array]]:
        return [self._image(low, high) for low, high in ends(self.base)]

    def _hints(self) -> list[tuple[jax.Array, jax.Array]]:
        at, found = filled(self), []
        low, high = at.base.support.low, at.base.support.high
        for center, scale in hints(at.base):
            # One width to either side, or half of the way to an end.
            left, right = jnp.minimum(scale, 0.5 * (center - low)), jnp.minimum(scale, 0.5 * (high - center))
            a, b = at.bijector.forward(center - left), at.bijector.forward(center + right)
            found.append((at.bijector.forward(center), 0.5 * jnp.abs(b - a)))
        return found
