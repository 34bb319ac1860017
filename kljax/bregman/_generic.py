"""The Bregman divergence of any convex function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from kljax.bregman import _flat_points, _remainder


def divergence(phi: Callable[[Any], Any], x: Any, y: Any, *, event_ndims: Any = 1) -> jax.Array:
    """D(x, y) = φ(x) - φ(y) - ⟨∇φ(y), x - y⟩ ≥ 0, for any convex φ.

    Close points keep their digits: there the divergence is the integral ∫₀¹ (1 - t) dᵀ∇²φ(y + t d) d dt, d = x - y,
    by Gauss-Legendre quadrature, for as long as its estimated error is below the estimated rounding error of the
    formula. The derivatives are ∂x = ∇φ(x) - ∇φ(y), by the same device, and ∂y = -∇²φ(y)(x - y); φ's own
    parameters, if it closes over any, are differentiated too. So D(x, x) is exactly 0 with an exactly zero gradient,
    and the Hessians are ∇²φ(x) and, at x = y, ∇²φ(y).

    y must lie inside the domain of φ. x may lie on its boundary; where φ(x) is infinite, so is the divergence, with
    a zero gradient. φ must return ∞ or NaN outside its domain if that is to be seen. An infinite slope at the
    boundary is returned as the largest finite number.

    A function that closes over nothing is compiled once. One that closes over something, parameters for instance, is
    traced on every call, because that may have changed: put repeated calls under ``jax.jit``.

    Args:
        phi: the convex function, of one unbatched point, returning one number; twice differentiable by JAX.
        x: points, [batch..., event...], or a pytree of such arrays.
        y: points like x; batch shapes broadcast, event shapes agree.
        event_ndims: how many trailing dimensions make up one point, which the function is given; 1 for vectors, 0
            for numbers, 2 for matrices; for pytrees one integer for all leaves, or a pytree of one a leaf.

    Returns:
        The divergences, [batch...], in the unit of φ.

    Example:
        >>> import jax, jax.numpy as jnp
        >>> from kljax import bregman
        >>> x, y = jnp.array([[1.0, 2.0], [3.0, 4.0]]), jnp.array([1.0, 2.001])
        >>> bregman.divergence(lambda v: -jnp.log(v).sum(), x, y).shape
        (2,)
        >>> bregman.divergence(jax.nn.logsumexp, x[0], y) > 0
        Array(True, dtype=bool)

    References:
        Bregman, "The relaxation method of finding the common point of convex sets", USSR Comput. Math. Math. Phys.
        7 (1967), eq. 1.4; Banerjee, Merugu, Dhillon and Ghosh, "Clustering with Bregman divergences", JMLR 6 (2005),
        definition 1.
    """
    return _flat_points.run(_divergence, "phi", phi, event_ndims, {"x": x, "y": y})


def _divergence(points: _flat_points.Points) -> jax.Array:
    return _flat_points.over_batch(_remainder.bregman, points)
