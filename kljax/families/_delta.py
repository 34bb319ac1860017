"""All the mass at one point."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

from kljax._types import Entries
from kljax.families._empirical import check_ndims
from kljax.families._quantiles import quantile_by_bisection, standard_deviation
from kljax.families._record import at_points, batch_shape, dtype_of, family, filled, lifted, real, static
from kljax.quadrature import Support


@family
class Delta:
    """Delta(loc): probability 1 of x = loc; the last ``ndims`` dimensions of ``loc`` are those of one draw.

    It is a discrete distribution. Against another point KL is 0 or inf, against a discrete q it is -log q(loc), and
    against a density inf, for a density gives a point no mass. The number -log q(loc) that other libraries give there
    is ``kljax.cross_entropy``.

    Example:
        >>> import kljax
        >>> from kljax.families import Delta, Normal, Poisson
        >>> print(f"{kljax.kl(Delta(2.0), Poisson(3.0)):.4f} {kljax.kl(Delta(2.0), Normal(3.0, 1.0))}")
        1.4959 inf
        >>> print(f"{kljax.cross_entropy(Delta(2.0), Normal(3.0, 1.0)):.4f}")
        1.4189
    """

    loc: Entries = real()
    ndims: Any = static(0)

    def _check(self) -> None:
        check_ndims("Delta", "loc", self.loc, self.ndims)

    def _event_ndims(self) -> dict[str, int]:
        return {"loc": self.ndims}

    @property
    def event_shape(self) -> tuple[int, ...]:
        """The last dimensions of ``loc``."""
        return self.loc.shape[self.loc.ndim - self.ndims :]

    def log_prob(self, x: Any) -> jax.Array:
        """0 at loc, -∞ elsewhere: the logarithm of a probability, not of a density."""
        x, at = at_points(x, self)
        return jnp.where((x == at.loc).all(tuple(range(-self.ndims, 0))), 0.0, -jnp.inf).astype(x.dtype)

    def sample(self, key: jax.Array, shape: tuple[int, ...] = ()) -> jax.Array:
        """The point, as often as asked for."""
        return lifted(self, shape).loc

    @property
    def support(self) -> Support:
        """{loc}"""
        return Support(filled(self).loc, filled(self).loc, "points")

    def cdf(self, x: Any) -> jax.Array:
        """1 for x ≥ loc, else 0; of a number only."""
        if self.ndims:
            raise NotImplementedError("Delta has a distribution function for a point that is a number; ndims is not 0.")
        x, at = at_points(x, self)
        return (x >= at.loc).astype(x.dtype)

    quantile = quantile_by_bisection

    @property
    def mode(self) -> jax.Array:
        """loc"""
        return filled(self).loc

    stddev = standard_deviation

    def entropy(self) -> jax.Array:
        """0"""
        return jnp.zeros(batch_shape(self), dtype_of(self))

    @property
    def mean(self) -> jax.Array:
        """loc"""
        return filled(self).loc

    @property
    def variance(self) -> jax.Array:
        """0"""
        return jnp.zeros_like(filled(self).loc)
