"""Bregman divergences of vectors that have a closed form, each a sum of terms that do not cancel."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks
from kljax._special import elementwise
from kljax.bregman import _beta

_TERM_OPTIONS = ("axis",)


def _total(
    term: Callable[[jax.Array, jax.Array], jax.Array],
    x: ArrayLike,
    y: ArrayLike,
    axis: _checks.Axis,
    where: ArrayLike | None,
    *,
    neutral: float = 1.0,
    measure: bool = False,
) -> jax.Array:
    """Σ term(x, y); entries left out by ``where`` become a pair of equal points, which costs nothing."""
    x, y = _checks.broadcast(x=_checks.floating("x", x), y=_checks.floating("y", y))
    reduced = _checks.axes(axis, x.ndim)
    keep = _checks.mask(where, x.shape)
    if keep is not None:
        x, y = jnp.where(keep, x, neutral), jnp.where(keep, y, neutral)
    if measure:
        x, y = _checks.measure("x", x), _checks.measure("y", y)
    return jnp.sum(term(x, y), reduced)


@functools.partial(jax.jit, static_argnames=_TERM_OPTIONS)
def squared_euclidean(
    x: ArrayLike, y: ArrayLike, *, axis: _checks.Axis = -1, where: ArrayLike | None = None
) -> jax.Array:
    """D(x, y) = Σ (x - y)², the Bregman divergence of φ(x) = Σ x².

    Args:
        x: points, [..., n] along axis.
        y: points that broadcast with x.
        axis: the axis or axes that make up one point.
        where: booleans that broadcast with the points; entries marked False are left out.

    Returns:
        The squared distances, of the points' shape without the axes.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> print(bregman.squared_euclidean(jnp.array([1.0, 2.0]), jnp.array([1.0, 4.0])))
        4.0

    References:
        Banerjee, Merugu, Dhillon and Ghosh, "Clustering with Bregman divergences", JMLR 6 (2005), table 1.
    """
    return _total(lambda x, y: jnp.square(x - y), x, y, axis, where)


@jax.jit
def mahalanobis(x: ArrayLike, y: ArrayLike, precision: ArrayLike) -> jax.Array:
    """D(x, y) = (x - y)ᵀ P (x - y), the squared Mahalanobis distance; φ(x) = xᵀ P x.

    Args:
        x: points, [..., n].
        y: points that broadcast with x.
        precision: positive semidefinite matrices P, [..., n, n], often an inverse covariance; only the symmetric
            part counts, and a rounding error below zero is returned as zero.

    Returns:
        The squared distances, of the broadcast batch shape.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> precision = jnp.array([[2.0, 0.0], [0.0, 1.0]])
        >>> print(bregman.mahalanobis(jnp.array([1.0, 2.0]), jnp.array([0.0, 4.0]), precision))
        6.0

    References:
        Banerjee, Merugu, Dhillon and Ghosh, "Clustering with Bregman divergences", JMLR 6 (2005), table 1.
    """
    x, y = _checks.broadcast(x=_checks.floating("x", x), y=_checks.floating("y", y))
    precision = _checks.floating("precision", precision)
    if x.ndim < 1:
        raise ValueError("x must be a vector, with at least one dimension; got shape ().")
    n = x.shape[-1]
    if precision.shape[-2:] != (n, n):
        raise ValueError(f"precision must have shape [..., {n}, {n}] for points of {n}; got shape {precision.shape}.")
    dtype = jnp.result_type(x, precision)
    d = (x - y).astype(dtype)
    try:
        batch = jnp.broadcast_shapes(d.shape[:-1], precision.shape[:-2])
    except ValueError:
        raise ValueError(
            f"The batch shapes of the points and precision must broadcast together; the points have shape {d.shape} "
            f"and precision has shape {precision.shape}."
        ) from None
    d = jnp.broadcast_to(d, (*batch, n))
    precision = jnp.broadcast_to(precision.astype(dtype), (*batch, n, n))
    value = jnp.einsum("...i,...ij,...j->...", d, precision, d, precision="highest")
    return value - jax.lax.stop_gradient(jnp.minimum(value, 0.0))


@functools.partial(jax.jit, static_argnames=_TERM_OPTIONS)
def generalized_kl(x: ArrayLike, y: ArrayLike, *, axis: _checks.Axis = -1, where: ArrayLike | None = None) -> jax.Array:
    """D(x, y) = Σ x log(x/y) - x + y, the Bregman divergence of φ(x) = Σ x log x, for x, y ≥ 0.

    This is ``probs.kl`` on points that need not be probabilities. An entry that is zero in both costs nothing; one
    that is zero in x alone costs y, with the derivative taken at the smallest positive number; one that is zero in
    y alone makes the divergence infinite and has a zero gradient.

    Args:
        x: points with entries ≥ 0, [..., n] along axis.
        y: points that broadcast with x.
        axis: the axis or axes that make up one point.
        where: booleans that broadcast with the points; entries marked False are left out.

    Returns:
        The divergences in nats, of the points' shape without the axes.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> print(bregman.generalized_kl(jnp.array([0.0, 2.0]), jnp.array([1.0, 2.0])))
        1.0

    References:
        Csiszár, "Why least squares and maximum entropy?", Ann. Statist. 19 (1991), eq. 1.3.
    """
    return _total(elementwise.kl_term, x, y, axis, where, measure=True)


@functools.partial(jax.jit, static_argnames=_TERM_OPTIONS)
def itakura_saito(x: ArrayLike, y: ArrayLike, *, axis: _checks.Axis = -1, where: ArrayLike | None = None) -> jax.Array:
    """D(x, y) = Σ x/y - log(x/y) - 1, the Bregman divergence of φ(x) = -Σ log x, for x, y > 0.

    An entry that is zero in both costs nothing; one that is zero in just one of them makes the divergence infinite
    and has a zero gradient.

    Args:
        x: points with entries ≥ 0, power spectra for instance, [..., n] along axis.
        y: points that broadcast with x.
        axis: the axis or axes that make up one point.
        where: booleans that broadcast with the points; entries marked False are left out.

    Returns:
        The divergences, of the points' shape without the axes.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> print(f"{bregman.itakura_saito(jnp.array([1.0, 2.0]), jnp.array([1.0, 1.0])):.6f}")
        0.306853

    References:
        Itakura and Saito, "Analysis synthesis telephony based on the maximum likelihood method", 6th ICA (1968).
    """
    return _total(elementwise.itakura_saito_term, x, y, axis, where, measure=True)


_KNOWN_BETA: dict[float, Callable[[jax.Array, jax.Array], jax.Array]] = {
    0.0: elementwise.itakura_saito_term,
    1.0: elementwise.kl_term,
    2.0: lambda x, y: 0.5 * jnp.square(x - y),
}


@functools.partial(jax.jit, static_argnames=(*_TERM_OPTIONS, "beta"))
def _beta_known(x: ArrayLike, y: ArrayLike, beta: float, axis: _checks.Axis, where: ArrayLike | None) -> jax.Array:
    return _total(_KNOWN_BETA[beta], x, y, axis, where, measure=True)


@functools.partial(jax.jit, static_argnames=_TERM_OPTIONS)
def _beta_any(x: ArrayLike, y: ArrayLike, beta: jax.Array, axis: _checks.Axis, where: ArrayLike | None) -> jax.Array:
    def term(x: jax.Array, y: jax.Array) -> jax.Array:
        try:
            order = jnp.broadcast_to(beta.astype(x.dtype), x.shape)
        except ValueError:
            raise ValueError(f"beta must broadcast to the points' shape {x.shape}; got shape {beta.shape}.") from None
        return _beta.beta_term(x, y, order)

    return _total(term, x, y, axis, where, measure=True)


def beta_divergence(
    x: ArrayLike, y: ArrayLike, *, beta: ArrayLike, axis: _checks.Axis = -1, where: ArrayLike | None = None
) -> jax.Array:
    """D(x, y) = Σ [xᵝ + (β - 1) yᵝ - β x yᵝ⁻¹]/(β(β - 1)), the Bregman divergence of φ(x) = Σ xᵝ/(β(β - 1)).

    β = 0 is Itakura-Saito, β = 1 the generalised KL, β = 2 half the squared Euclidean distance, and β may be any
    real number between and beyond: with r = log(x/y) the term is yᵝ r² exp[0, r, βr], a second divided difference
    of the exponential function, which is positive and continuous in β. β is differentiable too when it is an array.

    x, y ≥ 0. Where x = 0 < y the term is yᵝ/β for β > 0 and otherwise infinite; where y = 0 < x it is
    xᵝ/(β(β - 1)) for β > 1 and otherwise infinite; where both are zero it is zero. Terms that are infinite have a
    zero gradient, and an infinite slope is returned as a large finite one of the right sign.

    Args:
        x: points with entries ≥ 0, [..., n] along axis.
        y: points that broadcast with x.
        beta: the order β, a number or an array that broadcasts to the points.
        axis: the axis or axes that make up one point.
        where: booleans that broadcast with the points; entries marked False are left out.

    Returns:
        The divergences, of the points' shape without the axes.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> x, y = jnp.array([1.0, 2.0]), jnp.array([2.0, 2.0])
        >>> print(bregman.beta_divergence(x, y, beta=2.0), f"{bregman.beta_divergence(x, y, beta=0.5):.6f}")
        0.5 0.242641

    References:
        Basu, Harris, Hjort and Jones, "Robust and efficient estimation by minimising a density power divergence",
        Biometrika 85 (1998), eq. 2.1; in this form Févotte and Idier, "Algorithms for nonnegative matrix
        factorization with the β-divergence", Neural Computation 23 (2011), eq. 2.
    """
    _checks.number("beta", beta)
    if isinstance(beta, (int, float)):
        if beta in (0.0, 1.0, 2.0):
            return _beta_known(x, y, float(beta), axis, where)
        beta = float(beta)
    return _beta_any(x, y, _checks.floating("beta", beta), axis, where)


# --- logistic loss ----------------------------------------------------------------------------------------


@jax.custom_jvp
def _sigmoid(x: jax.Array) -> jax.Array:
    """1/(1 + e⁻ˣ), with a derivative that keeps its digits for large x."""
    return jax.nn.sigmoid(x)


@_sigmoid.defjvp
def _sigmoid_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _sigmoid(x), _sigmoid(x) * _sigmoid(-x) * dx


@jax.custom_jvp
def _sigmoid_gap(x: jax.Array, y: jax.Array) -> jax.Array:
    """σ(x) - σ(y) with relative accuracy: σ(x)σ(-y)(1 - e^{y-x})."""
    high, low = jnp.maximum(x, y), jnp.minimum(x, y)
    distance = jnp.where(high == low, 0.0, high - low)
    size = -jax.nn.sigmoid(high) * jax.nn.sigmoid(-low) * elementwise.expm1(-distance)
    return jnp.where(x < y, -size, size)


@_sigmoid_gap.defjvp
def _sigmoid_gap_jvp(primals, tangents):
    (x, y), (dx, dy) = primals, tangents
    return _sigmoid_gap(x, y), _sigmoid(x) * _sigmoid(-x) * dx - _sigmoid(y) * _sigmoid(-y) * dy


@jax.custom_jvp
def _logistic_term(x: jax.Array, y: jax.Array) -> jax.Array:
    """log(1 + eˣ) - log(1 + eʸ) - σ(y)(x - y), for logits in [-∞, ∞]."""
    settled = jnp.isinf(y)
    side = jnp.where(y == jnp.inf, -x, x)  # a certain outcome costs -log of its probability under x
    x, y = jnp.where(y > 0.0, -x, x), jnp.where(y > 0.0, -y, y)  # outcomes exchanged so that σ(y) ≤ ½
    y = jnp.where(settled, 0.0, y)
    p, rest = jax.nn.sigmoid(y), jax.nn.sigmoid(-y)
    d = jnp.where(jnp.isinf(x), jnp.inf, y - x)
    near = jnp.abs(d) <= 4.0
    v = jnp.where(near, d, 0.0)
    # log E[q/p] is 0, so KL(p‖q) = log E e^{-u} for u = log(p/q) - KL, which is (1-p)d or -p d.
    mean = p * elementwise.expm1_minus_x(-rest * v) + rest * elementwise.expm1_minus_x(p * v)
    far_x = jnp.where(near, 0.0, x)
    bounded = jnp.where(jnp.isinf(far_x), 0.0, far_x)
    far = jax.nn.softplus(bounded) - jax.nn.softplus(y) - p * (bounded - y)
    far = jnp.where(jnp.isinf(far_x), jnp.inf, far)
    return jnp.where(settled, jax.nn.softplus(side), jnp.where(near, jnp.log1p(mean), far))


@_logistic_term.defjvp
def _logistic_term_jvp(primals, tangents):
    # ∂x = σ(x) - σ(y), ∂y = -σ'(y)(x - y); zero where the cost is infinite.
    (x, y), (dx, dy) = primals, tangents
    value = _logistic_term(x, y)
    settled = jnp.isinf(x) | jnp.isinf(y)
    d = jnp.where(settled, 0.0, x) - jnp.where(settled, 0.0, y)
    tangent = _sigmoid_gap(x, y) * dx - _sigmoid(y) * _sigmoid(-y) * d * dy
    return value, jnp.where(jnp.isinf(value), 0.0, tangent)


@functools.partial(jax.jit, static_argnames=_TERM_OPTIONS)
def logistic_loss(x: ArrayLike, y: ArrayLike, *, axis: _checks.Axis = -1, where: ArrayLike | None = None) -> jax.Array:
    """D(x, y) = Σ log(1 + eˣ) - log(1 + eʸ) - σ(y)(x - y), the Bregman divergence of φ(x) = Σ log(1 + eˣ).

    x and y are logits, and the divergence is that of the Bernoulli distributions in the opposite order,
    KL(σ(y)‖σ(x)): the excess of the logistic loss of x over that of y when the labels follow σ(y). Infinite logits
    are certain outcomes; the divergence is infinite where x is certain and y is not certain of the same.

    Args:
        x: logits, [..., n] along axis.
        y: logits that broadcast with x.
        axis: the axis or axes that make up one point.
        where: booleans that broadcast with the points; entries marked False are left out.

    Returns:
        The divergences in nats, of the points' shape without the axes.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import bregman
        >>> print(f"{bregman.logistic_loss(jnp.array([0.0]), jnp.array([2.0])):.6f}")
        0.327813

    References:
        Banerjee, Merugu, Dhillon and Ghosh, "Clustering with Bregman divergences", JMLR 6 (2005), table 1 and
        section 4.2 on duality.
    """
    return _total(_logistic_term, x, y, axis, where, neutral=0.0)
