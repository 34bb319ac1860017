"""Entropies and normalising constants from draws."""

from __future__ import annotations

import functools
import sys

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp

from kljax import _checks
from kljax._checks import Axis
from kljax._names import advised
from kljax._special.elementwise import expm1
from kljax._special.safe import nan_where
from kljax._types import Rows
from kljax.montecarlo._draws import Draws, DrawsFrom, prepare, source
from kljax.montecarlo._estimate import Estimate, effective_sample_size, standard_error
from kljax.montecarlo._renyi import log_mean_power


@advised
def entropy(
    log_p: Rows,
    *,
    order: Rows = 1.0,
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """H(p) = E_p[-log p], or Rényi's log(∫ p^α)/(1 - α) of another order, from log p at draws.

    With a proposal the weights p/m are averaged. ``self_normalized`` then serves for a p known up to a constant, which
    the draws give too, if the proposal's log-density is normalised; and for orders near 1, where else the noise of the
    weights is divided by 1 - α.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        order: α > 0, 1 for Shannon's; a Python number, or a traced scalar.
        draws_from: "p", or the log-density at the draws of what they came from.
        self_normalized: Whether to divide the weights p/m by their mean.
        axis: The axis, or axes, of the draws.
        where: Boolean mask that broadcasts to the log-densities; draws where it is false do not count.

    Returns:
        The estimate in nats, its standard error and the effective sample size, each [batch...].

    Raises:
        ValueError: If p itself is asked for its constant.

    Example:
        >>> import jax
        >>> from jax.scipy.stats import norm
        >>> from kljax import montecarlo
        >>> x = jax.random.normal(jax.random.key(0), (10_000,))
        >>> found = montecarlo.entropy(norm.logpdf(x))
        >>> print(bool(abs(found.value - 1.4189) < 4 * found.stderr))
        True

    References:
        Rényi (1961), "On measures of entropy and information".
    """
    checked = _checks.parameter("order", order)
    _checks.number("order", order, low=0.0, high=sys.float_info.max, open_low=True)
    _checks.instance("self_normalized", self_normalized, bool, "True or False")
    came_from, log_m = source(draws_from, ("p",))
    if self_normalized and came_from == "p":
        raise ValueError(
            "self_normalized entropy needs draws_from to be the log-density of a proposal: draws from p do not tell "
            'the constant that its log-density lacks; got draws_from="p".'
        )
    return _entropy(log_p, log_m, checked, where, came_from=came_from, axis=axis, normalise=self_normalized)


@functools.partial(jax.jit, static_argnames=("came_from", "axis", "normalise"))
def _entropy(log_p, log_m, order, where, *, came_from, axis, normalise):
    draws = prepare(log_p, None, log_m, where, came_from, axis)
    log_weight, log_z = _log_weights(draws, normalise)
    beta = jnp.asarray(order, draws.log_p.dtype) - 1.0
    inside = draws.weight_p > -jnp.inf
    level = jnp.where(inside, draws.log_p - log_z[..., None], 0.0)
    complete = (inside == draws.present).all(-1) if came_from == "p" else jnp.full(draws.number.shape, normalise)
    # H_α = -log(Σ w p^β)/β for β = α - 1, whose limit at β = 0 is -Σ w log p if the weights sum to one.
    value, moved = log_mean_power(beta, level, log_weight, complete)
    share = draws.number[..., None] * jnp.exp(log_weight)
    finite = jnp.isfinite(share)
    moved = jnp.where(finite, share, jnp.inf) * jnp.where(finite, moved, 1.0)
    if normalise:
        moved = moved - (share - 1.0)
    elif came_from != "p":
        shannon = beta == 0.0
        plain, plain_moved = _weighted_mean(draws, log_weight, level)
        moved = jnp.where(shannon, plain_moved, moved + (share - 1.0) / jnp.where(shannon, 1.0, beta))
        value = jnp.where(shannon, plain, value)
    return _finish(draws, -value, moved)


def _weighted_mean(draws: Draws, log_weight: jax.Array, level: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(Σ w x, what each draw adds to that); nothing overflows before the mean does."""
    top = lax.stop_gradient(log_weight.max(-1, keepdims=True))
    top = jnp.where(jnp.isfinite(jnp.exp(top)), 0.0, top)
    terms = jnp.where(log_weight > -jnp.inf, jnp.exp(log_weight - top) * level, 0.0)
    total, unit = terms.sum(-1), jnp.exp(top[..., 0])
    huge = jnp.isinf(unit)
    value = jnp.where(huge, jnp.sign(total) * jnp.where(total == 0.0, 0.0, jnp.inf), total)
    finite = jnp.where(jnp.isfinite(value), value, 0.0)[..., None]
    return value, jnp.where(huge[..., None], 0.0, draws.number[..., None] * terms - finite)


@advised
def cross_entropy(
    log_p: Rows,
    log_q: Rows,
    *,
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """H(p, q) = E_p[-log q], the cross-entropy, from log p and log q at draws; inf where q misses a draw of p.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero. For draws from p only its
            shape matters.
        log_q: log q at the draws; broadcasts against ``log_p``. It is to be normalised.
        draws_from: "p", "q", or the log-density at the draws of what they came from.
        self_normalized: Whether to divide the weights p/m by their mean, for a p known up to a constant.
        axis: The axis, or axes, of the draws.
        where: Boolean mask that broadcasts to the log-densities; draws where it is false do not count.

    Returns:
        The estimate in nats, its standard error and the effective sample size, each [batch...].

    Example:
        >>> import jax
        >>> from jax.scipy.stats import norm
        >>> from kljax import montecarlo
        >>> x = jax.random.normal(jax.random.key(0), (10_000,))
        >>> found = montecarlo.cross_entropy(norm.logpdf(x), norm.logpdf(x, 1.0))
        >>> print(bool(abs(found.value - 1.9189) < 4 * found.stderr))
        True

    References:
        Cover & Thomas (2006), "Elements of Information Theory", section 5.4 (the cost of a wrong code).
    """
    _checks.instance("self_normalized", self_normalized, bool, "True or False")
    came_from, log_m = source(draws_from)
    return _cross_entropy(log_p, log_q, log_m, where, came_from=came_from, axis=axis, normalise=self_normalized)


@functools.partial(jax.jit, static_argnames=("came_from", "axis", "normalise"))
def _cross_entropy(log_p, log_q, log_m, where, *, came_from, axis, normalise):
    draws = prepare(log_p, log_q, log_m, where, came_from, axis)
    log_weight, _ = _log_weights(draws, normalise)
    missed = (draws.log_q == -jnp.inf) & (draws.weight_p > -jnp.inf)
    level = jnp.where(draws.log_q == -jnp.inf, 0.0, draws.log_q)
    mean, moved = _weighted_mean(draws, log_weight, level)
    if normalise:  # the weights sum to one whatever the draws
        share = draws.number[..., None] * jnp.exp(log_weight)
        moved = moved - (share - 1.0) * mean[..., None]
    return _finish(draws, jnp.where(missed.any(-1), jnp.inf, -mean), moved)


@advised
def log_normalizer(log_p: Rows, log_m: Rows, *, axis: Axis = 0, where: Rows | None = None) -> Estimate:
    """log Z = log E_m[p/m], the logarithm of the mass ∫ p of an unnormalised p, from its logarithm at draws from m.

    The evidence of a model, for p its joint density at the data and draws from a guide m; with k draws the mean of this
    is the importance-weighted bound on it. Z is unbiased, and its logarithm too small by about ½ Var(p/m)/(n Z²).

    Args:
        log_p: The logarithm of the unnormalised density at the draws, [n, batch...]; -inf is density zero.
        log_m: The log-density, at the draws, of the proposal that they came from; broadcasts against ``log_p``.
        axis: The axis, or axes, of the draws.
        where: Boolean mask that broadcasts to the log-densities; draws where it is false do not count.

    Returns:
        The estimate in nats, its standard error by the delta method and the effective sample size, each [batch...];
        -inf where p is zero at every draw.

    Example:
        >>> import jax
        >>> from jax.scipy.stats import norm
        >>> from kljax import montecarlo
        >>> x = 2.0 * jax.random.normal(jax.random.key(0), (10_000,))
        >>> found = montecarlo.log_normalizer(-0.5 * x**2, norm.logpdf(x, scale=2.0))
        >>> print(bool(abs(found.value - 0.9189) < 4 * found.stderr))
        True

    References:
        Burda, Grosse & Salakhutdinov (2016), "Importance weighted autoencoders".
    """
    return _log_normalizer(log_p, log_m, where, axis=axis)


@functools.partial(jax.jit, static_argnames=("axis",))
def _log_normalizer(log_p, log_m, where, *, axis):
    draws = prepare(log_p, None, log_m, where, "m", axis)
    log_z = _log_mean_weight(draws)
    moved = jnp.where(draws.weight_p > -jnp.inf, expm1(_over(draws, log_z)), -1.0)
    return _finish(draws, log_z, moved)


def _log_mean_weight(draws: Draws) -> jax.Array:
    """log of the mean of p/m; -∞ of nothing but zeros."""
    none = (draws.weight_p == -jnp.inf).all(-1)
    total = logsumexp(jnp.where(none[..., None], 0.0, draws.weight_p), axis=-1)
    return jnp.where(none, -jnp.inf, total - jnp.log(jnp.maximum(draws.number, 1.0)))


def _over(draws: Draws, log_z: jax.Array) -> jax.Array:
    """log of p/m over its mean, 0 where p is zero."""
    inside = draws.weight_p > -jnp.inf
    level = jnp.where(jnp.isfinite(log_z), log_z, 0.0)[..., None]
    return jnp.where(inside, jnp.where(inside, draws.weight_p, 0.0) - level, 0.0)


def _log_weights(draws: Draws, normalise: bool) -> tuple[jax.Array, jax.Array]:
    """(log of the weight of each draw in the mean, log of what p integrates to if that is to be found)"""
    inside = draws.weight_p > -jnp.inf
    log_count = jnp.log(jnp.maximum(draws.number, 1.0))[..., None]
    if not normalise:
        return jnp.where(inside, draws.weight_p - log_count, -jnp.inf), jnp.zeros_like(draws.number)
    log_z = _log_mean_weight(draws)
    # Without a weight above zero there is nothing to normalise: NaN, unless there was no draw.
    level = jnp.where(draws.number == 0.0, 0.0, nan_where(log_z == -jnp.inf, log_z))
    return jnp.where(inside, _over(draws, log_z) - log_count, -jnp.inf), level


def _finish(draws: Draws, value: jax.Array, moved: jax.Array) -> Estimate:
    value = draws.checked(jnp.where(draws.number > 0.0, value, 0.0))
    stderr = standard_error(jnp.where(draws.present, moved, 0.0), value, draws.number)
    return Estimate(value, stderr, effective_sample_size(draws.weight_p))
