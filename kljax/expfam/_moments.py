"""Mean and covariance of the sufficient statistics of one member of a family."""

from __future__ import annotations

from typing import Any

import jax

from kljax.bregman._internal import Closed, fix
from kljax.bregman._internal import points as _points
from kljax.expfam._divergences import LogPartition


def mean_parameters(log_partition: LogPartition, eta: Any, *, event_ndims: Any = 1) -> Any:
    """∇A(η) = E[t(x)], the mean of the sufficient statistics.

    Args:
        log_partition: A, of one unbatched natural parameter, returning one number.
        eta: natural parameters, [batch..., event...], or a pytree of such arrays.
        event_ndims: how many trailing dimensions make up one parameter, as for ``kl``.

    Returns:
        The mean parameters, like eta.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import expfam
        >>> print(expfam.mean_parameters(jnp.exp, jnp.log(jnp.array([1.0, 4.0])), event_ndims=0))
        [1. 4.]

    References:
        Wainwright and Jordan, "Graphical models, exponential families, and variational inference" (2008), prop. 3.1.
    """
    return _points.run(_mean_parameters, "log_partition", log_partition, event_ndims, {"eta": eta})


def _mean_parameters(points: _points.Points) -> Any:
    def core(phi: Closed, constants: list[jax.Array], eta: jax.Array) -> Any:
        return points.unravel(jax.grad(fix(phi, constants))(eta))

    return _points.over_batch(core, points)


def fisher(log_partition: LogPartition, eta: Any, *, event_ndims: Any = 1) -> Any:
    """∇²A(η) = Cov[t(x)], the Fisher information about η, and the curvature of every divergence here.

    Args:
        log_partition: A, of one unbatched natural parameter, returning one number.
        eta: natural parameters, [batch..., event...], or a pytree of such arrays.
        event_ndims: how many trailing dimensions make up one parameter, as for ``kl``.

    Returns:
        The information matrices, [batch..., event..., event...]; for a pytree the nested pytree of ``jax.hessian``.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import expfam
        >>> print(expfam.fisher(jnp.exp, jnp.log(jnp.array([1.0, 4.0])), event_ndims=0))
        [1. 4.]

    References:
        Amari and Nagaoka, "Methods of Information Geometry" (2000), section 3.5.
    """
    return _points.run(_fisher, "log_partition", log_partition, event_ndims, {"eta": eta})


def _fisher(points: _points.Points) -> Any:
    def core(phi: Closed, constants: list[jax.Array], eta: jax.Array) -> Any:
        return jax.hessian(lambda event: phi(points.ravel(event), constants))(points.unravel(eta))

    return _points.over_batch(core, points)
