"""Centroids of points under a Bregman divergence: what minimises the mean divergence to, from, or both."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks
from kljax.bregman import _flat_points
from kljax.bregman._remainder import Function, fix, hessian_product

_STEPS = 100
_HALVINGS = 30


def _stack_axis(axis: int, ndim: int) -> int:
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise TypeError(f"axis must be one integer, the axis the points are stacked along; got {axis!r}.")
    if not -ndim <= axis < ndim:
        raise ValueError(f"axis must lie in [{-ndim}, {ndim - 1}], the points' batch axes; got {axis!r}.")
    return int(axis) % ndim


def _weights(weights: ArrayLike | None, batch: tuple[int, ...], axis: int, dtype: jnp.dtype) -> jax.Array:
    """Weights of the batch shape that sum to one along axis."""
    if weights is None:
        return jnp.full(batch, 1.0 / batch[axis], dtype)
    array = _checks.floating("weights", weights).astype(dtype)
    if array.shape == (batch[axis],):
        array = array.reshape([-1 if i == axis else 1 for i in range(len(batch))])
    elif array.shape != batch:
        raise ValueError(
            f"weights must have shape ({batch[axis]},), one for each point along axis {axis}, or the points' batch "
            f"shape {batch}; got shape {array.shape}."
        )
    array = jnp.broadcast_to(array, batch)
    return array / jnp.sum(array, axis, keepdims=True)


@functools.partial(jax.jit, static_argnames=("axis",))
def right_centroid(points: ArrayLike, *, weights: ArrayLike | None = None, axis: int = 0) -> jax.Array:
    """argmin_c Σᵢ wᵢ D(xᵢ, c) = Σᵢ wᵢ xᵢ, the weighted mean, whatever the convex function.

    Args:
        points: the points xᵢ, stacked along axis.
        weights: non-negative weights wᵢ, [n]; they are divided by their sum. Equal ones if not given.
        axis: the batch axis that the points are stacked along.

    Returns:
        The centroids, of the points' shape without axis.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> print(bregman.right_centroid(jnp.array([[1.0, 2.0], [3.0, 6.0]])))
        [2. 4.]

    References:
        Banerjee, Merugu, Dhillon and Ghosh, "Clustering with Bregman divergences", JMLR 6 (2005), proposition 1.
    """
    array = _checks.floating("points", points)
    along = _stack_axis(axis, array.ndim)
    if weights is None:
        return jnp.mean(array, along)
    each = _weights(weights, (array.shape[along],), 0, array.dtype)
    return jnp.tensordot(each, array, (0, along), precision="highest")


def left_centroid(
    phi: Callable[[Any], Any],
    points: Any,
    *,
    weights: ArrayLike | None = None,
    axis: int = 0,
    event_ndims: Any = 1,
    inverse_gradient: Callable[[Any], Any] | None = None,
) -> Any:
    """argmin_c Σᵢ wᵢ D(c, xᵢ) = (∇φ)⁻¹(Σᵢ wᵢ ∇φ(xᵢ)), the quasi-arithmetic mean.

    Without the inverse of ∇φ the equation is solved by damped Newton from the weighted mean, with dense linear
    algebra in the size of one point; the derivatives are those of the solution, not of the iterations. φ must be
    strictly convex there, and ∞ or NaN outside its domain, so that the steps stay inside.

    Args:
        phi: the convex function, of one unbatched point, returning one number.
        points: the points xᵢ, [batch..., event...], or a pytree of such arrays, stacked along one batch axis.
        weights: non-negative weights wᵢ, [n] or of the batch shape; they are divided by their sum.
        axis: the batch axis that the points are stacked along.
        event_ndims: how many trailing dimensions make up one point, as for ``divergence``.
        inverse_gradient: (∇φ)⁻¹ of one unbatched point, if known.

    Returns:
        The centroids, like points without axis.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> points = jnp.array([[1.0, 2.0], [4.0, 8.0]])
        >>> print(bregman.left_centroid(lambda x: (x * jnp.log(x)).sum(), points).round(4))
        [2. 4.]

    References:
        Nielsen and Nock, "Sided and symmetrized Bregman centroids", IEEE Trans. Inf. Theory 55 (2009), section III.
    """
    if inverse_gradient is not None and not callable(inverse_gradient):
        raise TypeError(f"inverse_gradient must be a function of one point; got {type(inverse_gradient).__name__}.")

    weights = None if weights is None else _checks.floating("weights", weights)
    inverses = () if inverse_gradient is None else (inverse_gradient,)
    return _flat_points.run(_left, "phi", phi, event_ndims, {"points": points}, weights, functions=inverses, axis=axis)


def _left(
    points: _flat_points.Points,
    weights: jax.Array | None,
    inverse_gradient: Callable[[Any], Any] | None = None,
    *,
    axis: int,
) -> Any:
    def core(f: Function, vectors: jax.Array, each: jax.Array) -> jax.Array:
        target = _mean(jax.vmap(jax.grad(f))(vectors), each)
        if inverse_gradient is not None:
            return points.ravel(inverse_gradient(points.unravel(target))).astype(target.dtype)
        # The gradient of φ(c) - ⟨target, c⟩ is to vanish.
        return _minimum(f, lambda c: f(c) - _dot(target, c), lambda c: jax.grad(f)(c) - target, _mean(vectors, each))

    return _over_stacks(core, points, weights, axis)


def symmetrized_centroid(
    phi: Callable[[Any], Any],
    points: Any,
    *,
    weights: ArrayLike | None = None,
    axis: int = 0,
    event_ndims: Any = 1,
) -> Any:
    """argmin_c ½ Σᵢ wᵢ [D(xᵢ, c) + D(c, xᵢ)], the centroid of the symmetrised divergence.

    Only the two sided centroids matter: with r the weighted mean and g the mean of ∇φ(xᵢ), the slope
    ∇²φ(c)(c - r) + ∇φ(c) - g vanishes, which damped Newton finds from r; the derivatives are those of the solution.
    A search along the geodesic between the sided centroids, as the reference proposes, comes close to this minimum
    but in more than one dimension does not contain it, and is not used.

    Args:
        phi: the convex function, of one unbatched point, returning one number; strictly convex, and ∞ or NaN outside
            its domain.
        points: the points xᵢ, [batch..., event...], or a pytree of such arrays, stacked along one batch axis.
        weights: non-negative weights wᵢ, [n] or of the batch shape; they are divided by their sum.
        axis: the batch axis that the points are stacked along.
        event_ndims: how many trailing dimensions make up one point, as for ``divergence``.

    Returns:
        The centroids, like points without axis.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> spectra = jnp.array([[1.0, 2.0], [4.0, 8.0]])
        >>> print(bregman.symmetrized_centroid(lambda x: -jnp.log(x).sum(), spectra).round(3))
        [2. 4.]

    References:
        Nielsen and Nock, "Sided and symmetrized Bregman centroids", IEEE Trans. Inf. Theory 55 (2009), section III.C;
        for the generalised KL in closed form Nielsen, "Jeffreys centroids", IEEE Signal Process. Lett. 20 (2013).
    """
    weights = None if weights is None else _checks.floating("weights", weights)
    return _flat_points.run(_symmetrized, "phi", phi, event_ndims, {"points": points}, weights, axis=axis)


def _symmetrized(points: _flat_points.Points, weights: jax.Array | None, *, axis: int) -> Any:
    def core(f: Function, vectors: jax.Array, each: jax.Array) -> jax.Array:
        mean = _mean(vectors, each)
        target = _mean(jax.vmap(jax.grad(f))(vectors), each)

        def merit(c: jax.Array) -> jax.Array:
            return _dot(jax.grad(f)(c), c - mean) - _dot(target, c - mean)

        def slope(c: jax.Array) -> jax.Array:
            return hessian_product(f, c, c - mean) + jax.grad(f)(c) - target

        return _minimum(f, merit, slope, mean)

    return _over_stacks(core, points, weights, axis)


def _over_stacks(
    core: Callable[[Function, jax.Array, jax.Array], jax.Array],
    points: _flat_points.Points,
    weights: jax.Array | None,
    axis: int,
) -> Any:
    """``core(φ, [n, event], [n])`` for each stack of points, back in the caller's structure."""
    (vectors,) = points.vectors
    if not points.batch:
        raise ValueError("points must have a batch axis to be stacked along; got one point.")
    along = _stack_axis(axis, len(points.batch))
    each = jnp.moveaxis(_weights(weights, points.batch, along, vectors.dtype), along, -1)
    f = fix(points.phi, points.constants)

    def one(vectors: jax.Array, each: jax.Array) -> Any:
        return points.unravel(core(f, vectors, each))

    for _ in range(len(points.batch) - 1):
        one = jax.vmap(one)
    return one(jnp.moveaxis(vectors, along, -2), each)


def _dot(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.sum(a * b)


def _mean(vectors: jax.Array, each: jax.Array) -> jax.Array:
    return jnp.sum(vectors * each[:, None], 0)


def _minimum(f: Function, merit: Function, slope: Function, start: jax.Array) -> jax.Array:
    """Where slope = ∇merit vanishes, by damped Newton; differentiable by the implicit function theorem."""

    def solve(slope: Function, start: jax.Array) -> jax.Array:
        return _newton(f, merit, slope, start)

    def tangent(linear: Function, y: jax.Array) -> jax.Array:
        return jnp.linalg.solve(jax.jacfwd(linear)(y), y)

    return jax.lax.custom_root(slope, start, solve, tangent)


def _newton(f: Function, merit: Function, slope: Function, start: jax.Array) -> jax.Array:
    eps = float(jnp.finfo(start.dtype).eps)

    def step(state: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        c, count, _ = state
        downhill = slope(c)
        newton = jnp.linalg.solve(jax.jacfwd(slope)(c), downhill)
        # The metric of φ always descends; merit itself need not be convex far from its minimum.
        metric = jnp.linalg.solve(jax.hessian(f)(c), downhill)
        move = jnp.where(_dot(newton, downhill) > 0.0, newton, metric)
        sizes = 0.5 ** jnp.arange(_HALVINGS, dtype=c.dtype)
        here = merit(c)

        def reached(size: jax.Array) -> jax.Array:
            # The merit can be finite outside the domain of φ, where φ is not.
            end = c - size * move
            return jnp.where(jnp.isfinite(f(end)), merit(end), jnp.inf)

        there = jax.vmap(reached)(sizes)
        # Within rounding of the minimum merit no longer tells; the full Newton step is right there.
        slack = 8.0 * eps * (jnp.abs(here) + jnp.sum(jnp.abs(downhill * c)))
        enough = there <= here - 1e-4 * sizes * _dot(downhill, move) + slack
        # So it is wherever the step is small: merit's terms may be rounded to more than that, and a step cut short by
        # them would be taken for the end.
        close = jnp.max(jnp.abs(newton)) <= eps**0.5 * jnp.max(jnp.abs(c))
        size = jnp.where(close, 1.0, jnp.where(jnp.any(enough), sizes[jnp.argmax(enough)], 0.0))
        after = c - jnp.where(size > 0.0, size * move, 0.0)
        settled = jnp.max(jnp.abs(after - c)) <= 2.0 * eps * jnp.max(jnp.abs(c))
        return after, count + 1, settled

    def unfinished(state: tuple[jax.Array, jax.Array, jax.Array]) -> jax.Array:
        return (state[1] < _STEPS) & ~state[2]

    return jax.lax.while_loop(unfinished, step, (start, jnp.zeros((), jnp.int32), jnp.zeros((), bool)))[0]
