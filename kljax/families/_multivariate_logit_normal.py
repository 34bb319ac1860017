"""The multivariate logit-normal distribution."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._special.logarithms import log_less
from kljax.families._multivariate_normal import MultivariateNormal
from kljax.families._record import family, located, nested, replace
from kljax.quadrature import Support


@family
class MultivariateLogitNormal:
    """MultivariateLogitNormal(normal): probabilities softmax(y₁, …, yₙ, 0) of n + 1 outcomes for normal y.

    Density N(y; μ, Σ)/∏ xᵢ of the first n probabilities, y = log xᵢ - log xₙ₊₁. ``normal`` is the
    ``MultivariateNormal`` of y. There is no closed form for the mean, the variance or the entropy.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax.families import MultivariateLogitNormal, MultivariateNormal
        >>> p = MultivariateLogitNormal(MultivariateNormal.from_diagonal(jnp.zeros(2), jnp.ones(2)))
        >>> print(f"{p.log_prob(jnp.array([0.25, 0.25, 0.5])):.4f}")
        1.1474
    """

    normal: Any = nested()

    def _check(self) -> None:
        if not isinstance(self.normal, MultivariateNormal):
            raise TypeError(
                f"MultivariateLogitNormal: normal must be a MultivariateNormal; got {type(self.normal).__name__}."
            )

    @property
    def event_shape(self) -> tuple[int, ...]:
        """(n + 1,)"""
        return (self.normal.scale.size + 1,)

    @property
    def support(self) -> Support:
        """Probabilities that add up to one."""
        return Support(0.0, 1.0, "simplex")

    def log_prob(self, x: Any) -> jax.Array:
        """The log-density at probabilities x, [..., n + 1]; -∞ where one of them is not positive."""
        x = located(x, self)
        legal = jnp.all(x > 0.0, -1)
        safe = jnp.where(legal[..., None], x, 1.0 / x.shape[-1])
        # log xᵢ/x_{n+1} less the location, which the normal distribution is then asked about around zero.
        loc = jnp.broadcast_to(self.normal.loc, (*safe.shape[:-1], safe.shape[-1] - 1)).astype(safe.dtype)
        last = log_less(safe[..., -1:], jnp.zeros_like(safe[..., -1:]))
        away = log_less(safe[..., :-1], loc + last)
        centred = replace(self.normal, loc=jnp.zeros_like(self.normal.loc))
        inside = centred.log_prob(away) - jnp.sum(jnp.log(safe), -1)
        return jnp.where(legal, inside, -jnp.inf)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """Draws, differentiable in the parameters."""
        y = self.normal.sample(key, shape)
        return jax.nn.softmax(jnp.concatenate([y, jnp.zeros_like(y[..., :1])], -1), -1)

    def entropy(self) -> jax.Array:
        """Raises NotImplementedError: E[log Σ exp yᵢ] has no closed form."""
        raise NotImplementedError(
            "The entropy of MultivariateLogitNormal has no closed form; take the mean of -log_prob over draws."
        )
