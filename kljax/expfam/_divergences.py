"""The divergences of two members of one family."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import jax
from jax.typing import ArrayLike

from kljax import _checks
from kljax._special import elementwise
from kljax.bregman._internal import points as _points
from kljax.bregman._internal import remainder as _remainder
from kljax.expfam import _segment

LogPartition = Callable[[Any], Any]


def kl(log_partition: LogPartition, eta_p: Any, eta_q: Any, *, event_ndims: Any = 1) -> jax.Array:
    """KL(p‖q) = A(η_q) - A(η_p) - ⟨∇A(η_p), η_q - η_p⟩, the Bregman divergence of A with the order exchanged.

    The derivatives are ∂η_q = ∇A(η_q) - ∇A(η_p) and ∂η_p = ∇²A(η_p)(η_p - η_q), accurate for close parameters;
    both, and the divergence, are exactly zero for equal ones.

    Args:
        log_partition: A, of one unbatched natural parameter, returning one number.
        eta_p: natural parameters of p, [batch..., event...], or a pytree of such arrays.
        eta_q: natural parameters of q, like eta_p; batch shapes broadcast, event shapes agree.
        event_ndims: how many trailing dimensions make up one parameter: 1 for vectors, 0 for numbers; for pytrees
            one integer for all leaves, or a pytree of one a leaf.

    Returns:
        The divergences in nats, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import expfam
        >>> rate_p, rate_q = jnp.array([1.0, 3.0]), jnp.array([2.0, 3.0])  # Poisson: η = log rate, A = exp
        >>> print(expfam.kl(jnp.exp, jnp.log(rate_p), jnp.log(rate_q), event_ndims=0).round(4))
        [0.3069 0.    ]

    References:
        Banerjee, Merugu, Dhillon and Ghosh, "Clustering with Bregman divergences", JMLR 6 (2005), section 4; Nielsen
        and Garcia, "Statistical exponential families: A digest with flash cards" (2009), arXiv:0911.4863.
    """
    return _points.run(_kl, "log_partition", log_partition, event_ndims, {"eta_q": eta_q, "eta_p": eta_p})


def skew_jensen(
    log_partition: LogPartition, eta_p: Any, eta_q: Any, *, weight: ArrayLike, event_ndims: Any = 1
) -> jax.Array:
    """J_w = w A(η_p) + (1 - w) A(η_q) - A(w η_p + (1 - w) η_q) = -log ∫ pʷ q¹⁻ʷ, the skewed Bhattacharyya distance.

    J is zero at w = 0 and w = 1, where J/w and J/(1 - w) tend to KL(q‖p) and KL(p‖q).

    Args:
        log_partition: A, of one unbatched natural parameter, returning one number.
        eta_p: natural parameters of p, [batch..., event...], or a pytree of such arrays.
        eta_q: natural parameters of q, like eta_p.
        weight: w in [0, 1], a number or an array that broadcasts with the batch.
        event_ndims: how many trailing dimensions make up one parameter, as for ``kl``.

    Returns:
        The divergences in nats, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import expfam
        >>> print(f"{expfam.skew_jensen(jnp.exp, jnp.log(1.0), jnp.log(4.0), weight=0.5, event_ndims=0):.6f}")
        0.500000

    References:
        Nielsen and Boltz, "The Burbea-Rao and Bhattacharyya centroids", IEEE Trans. Inf. Theory 57 (2011), eq. 41.
    """
    _checks.number("weight", weight, low=0.0, high=1.0)
    points = {"eta_p": eta_p, "eta_q": eta_q}
    return _points.run(_jensen, "log_partition", log_partition, event_ndims, points, _scalar("weight", weight))


def bhattacharyya(log_partition: LogPartition, eta_p: Any, eta_q: Any, *, event_ndims: Any = 1) -> jax.Array:
    """B = ½ A(η_p) + ½ A(η_q) - A(½ η_p + ½ η_q) = -log ∫ √(p q), the Bhattacharyya distance.

    Args:
        log_partition: A, of one unbatched natural parameter, returning one number.
        eta_p: natural parameters of p, [batch..., event...], or a pytree of such arrays.
        eta_q: natural parameters of q, like eta_p.
        event_ndims: how many trailing dimensions make up one parameter, as for ``kl``.

    Returns:
        The distances in nats, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import expfam
        >>> print(f"{expfam.bhattacharyya(jnp.exp, jnp.log(1.0), jnp.log(4.0), event_ndims=0):.6f}")
        0.500000

    References:
        Nielsen and Boltz, "The Burbea-Rao and Bhattacharyya centroids", IEEE Trans. Inf. Theory 57 (2011), eq. 35.
    """
    return skew_jensen(log_partition, eta_p, eta_q, weight=0.5, event_ndims=event_ndims)


def squared_hellinger(log_partition: LogPartition, eta_p: Any, eta_q: Any, *, event_ndims: Any = 1) -> jax.Array:
    """H² = ½∫(√p - √q)² = 1 - e⁻ᴮ in [0, 1], with B the Bhattacharyya distance.

    Args:
        log_partition: A, of one unbatched natural parameter, returning one number.
        eta_p: natural parameters of p, [batch..., event...], or a pytree of such arrays.
        eta_q: natural parameters of q, like eta_p.
        event_ndims: how many trailing dimensions make up one parameter, as for ``kl``.

    Returns:
        The squared distances, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import expfam
        >>> print(f"{expfam.squared_hellinger(jnp.exp, jnp.log(1.0), jnp.log(4.0), event_ndims=0):.6f}")
        0.393469

    References:
        Nielsen and Garcia, "Statistical exponential families: A digest with flash cards" (2009), arXiv:0911.4863.
    """
    return -elementwise.expm1(-bhattacharyya(log_partition, eta_p, eta_q, event_ndims=event_ndims))


def renyi(log_partition: LogPartition, eta_p: Any, eta_q: Any, *, order: ArrayLike, event_ndims: Any = 1) -> jax.Array:
    """R_α = log ∫ pᵅ q¹⁻ᵅ/(α - 1) = [A(α η_p + (1 - α) η_q) - α A(η_p) - (1 - α) A(η_q)]/(α - 1); R₁ is KL(p‖q).

    Continuous at α = 1, in derivatives too. For α > 1 the mixed parameter may leave the natural parameter space;
    there A is ∞ or NaN, R is infinite, and the gradient is zero.

    Args:
        log_partition: A, of one unbatched natural parameter, returning one number.
        eta_p: natural parameters of p, [batch..., event...], or a pytree of such arrays.
        eta_q: natural parameters of q, like eta_p.
        order: α ≥ 0, a number or an array that broadcasts with the batch; at 0 the divergence is 0, as the
            densities have one support.
        event_ndims: how many trailing dimensions make up one parameter, as for ``kl``.

    Returns:
        The divergences in nats, [batch...].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import expfam
        >>> print(f"{expfam.renyi(jnp.exp, jnp.log(1.0), jnp.log(4.0), order=0.5, event_ndims=0):.6f}")
        1.000000

    References:
        van Erven and Harremoës, "Rényi divergence and Kullback-Leibler divergence", IEEE Trans. Inf. Theory 60
        (2014); Gil, Alajaji and Linder, "Rényi divergence measures for commonly used univariate continuous
        distributions", Information Sciences 249 (2013), remark 2.1.
    """
    _checks.number("order", order, low=0.0, high=sys.float_info.max)
    points = {"eta_p": eta_p, "eta_q": eta_q}
    return _points.run(_renyi, "log_partition", log_partition, event_ndims, points, _scalar("order", order))


def chernoff_information(
    log_partition: LogPartition, eta_p: Any, eta_q: Any, *, with_order: bool = False, event_ndims: Any = 1
) -> jax.Array | tuple[jax.Array, jax.Array]:
    """C = max over α in [0, 1] of -log ∫ pᵅ q¹⁻ᵅ, the best error exponent of a test between p and q.

    The maximum of the concave J_α is found by Newton's method kept inside a shrinking bracket; the optimal order is
    differentiated through the equation that it solves, KL(r‖p) = KL(r‖q) for the r ∝ pᵅ q¹⁻ᵅ between them.

    Args:
        log_partition: A, of one unbatched natural parameter, returning one number.
        eta_p: natural parameters of p, [batch..., event...], or a pytree of such arrays.
        eta_q: natural parameters of q, like eta_p.
        with_order: return the optimal order α too.
        event_ndims: how many trailing dimensions make up one parameter, as for ``kl``.

    Returns:
        The information in nats, [batch...]; with_order, a pair of it and the orders, ½ where p = q.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import expfam
        >>> value, order = expfam.chernoff_information(
        ...     jnp.exp, jnp.log(1.0), jnp.log(4.0), with_order=True, event_ndims=0
        ... )
        >>> print(f"{value:.5f} {order:.5f}")
        0.50655 0.44314

    References:
        Nielsen, "An information-geometric characterization of Chernoff information", IEEE Signal Process. Lett. 20
        (2013).
    """
    if not isinstance(with_order, bool):
        raise TypeError(f"with_order must be True or False; got {with_order!r}.")
    points = {"eta_p": eta_p, "eta_q": eta_q}
    value, order = _points.run(_chernoff, "log_partition", log_partition, event_ndims, points)
    return (value, order) if with_order else value


# --- bodies, on points made vectors -----------------------------------------------------------------------


def _kl(points: _points.Points) -> jax.Array:
    return _points.over_batch(_remainder.bregman, points)


def _jensen(points: _points.Points, weight: jax.Array) -> jax.Array:
    return _points.over_batch(_segment.jensen, points, ("weight", weight))


def _renyi(points: _points.Points, order: jax.Array) -> jax.Array:
    return _points.over_batch(_segment.renyi, points, ("order", order))


def _chernoff(points: _points.Points) -> tuple[jax.Array, jax.Array]:
    return _points.over_batch(_segment.chernoff, points)


def _scalar(name: str, value: ArrayLike) -> jax.Array:
    return _checks.floating(name, float(value) if isinstance(value, int) else value)
