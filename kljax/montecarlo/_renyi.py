"""Rényi's divergence and the Bhattacharyya distance from draws."""

from __future__ import annotations

import functools
import sys

import jax
import jax.numpy as jnp
from jax.scipy.special import logsumexp

from kljax import _checks, generators
from kljax._checks import Axis
from kljax._kernels import renyi as kernel
from kljax._names import advised
from kljax._special.elementwise import expm1, expm1_ratio
from kljax._special.log1p_quotients import log1p_over
from kljax._types import Rows
from kljax.montecarlo import _core
from kljax.montecarlo._draws import DrawsFrom, prepare, source
from kljax.montecarlo._estimate import Estimate, effective_sample_size, standard_error


@advised
def renyi(
    log_p: Rows,
    log_q: Rows,
    *,
    order: Rows,
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """R_α(p‖q) = log(∫ p^α q^(1-α))/(α - 1), Rényi's divergence, from log p and log q at draws.

    The mean is unbiased and its logarithm is not, by an amount of order 1/n. For draws from p, log E_p[(p/q)^(α-1)]
    over α - 1, it is continuous at α = 1, where it is the mean of log(p/q). For other draws the noise of the weights is
    divided by α - 1: near α = 1 prefer ``self_normalized``, with which it is Rényi's divergence between the reweighted
    draws, never negative and continuous in α. At α = 1 itself it is ``kl``'s "k3" there.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        order: α > 0; a Python number, or a traced scalar.
        draws_from: "p", "q", or the log-density at the draws of what they came from.
        self_normalized: Whether the log-densities are known up to constants only, as in ``kl``.
        axis: The axis, or axes, of the draws.
        where: Boolean mask that broadcasts to the log-densities; draws where it is false do not count.

    Returns:
        The estimate in nats, its standard error by the delta method and the effective sample size, each [batch...]. It
        is inf where α ≥ 1 and q misses a draw of p, and where α < 1 and no draw is in both supports.

    Example:
        >>> import jax
        >>> from jax.scipy.stats import norm
        >>> from kljax import montecarlo
        >>> x = jax.random.normal(jax.random.key(0), (10_000,))
        >>> found = montecarlo.renyi(norm.logpdf(x), norm.logpdf(x, 1.0), order=0.5)
        >>> print(bool(abs(found.value - 0.25) < 4 * found.stderr))
        True

    References:
        Rényi (1961), "On measures of entropy and information"; van Erven & Harremoës (2014), "Rényi divergence and
        Kullback-Leibler divergence".
    """
    checked = _checks.parameter("order", order)
    _checks.number("order", order, low=0.0, high=sys.float_info.max, open_low=True)
    _checks.instance("self_normalized", self_normalized, bool, "True or False")
    came_from, log_m = source(draws_from)
    one = isinstance(checked, float) and checked == 1.0
    if one and (self_normalized or came_from != "p"):
        return _core.evaluate(log_p, log_q, generators.kl, "k3", draws_from, self_normalized, axis, where)
    if self_normalized:
        return _renyi_self_normalized(
            log_p, log_q, log_m, generators.alpha(checked), where, came_from=came_from, axis=axis
        )
    return _renyi(log_p, log_q, log_m, checked, where, came_from=came_from, axis=axis)


@advised
def bhattacharyya(
    log_p: Rows,
    log_q: Rows,
    *,
    draws_from: DrawsFrom = "p",
    self_normalized: bool = False,
    axis: Axis = 0,
    where: Rows | None = None,
) -> Estimate:
    """B(p, q) = -log ∫ √(p q), the Bhattacharyya distance, half of Rényi's divergence of order ½, at draws.

    Args:
        log_p: log p at the draws, [n, batch...] of any floating dtype; -inf is density zero.
        log_q: log q at the draws; broadcasts against ``log_p``.
        draws_from: "p", "q", or the log-density at the draws of what they came from.
        self_normalized: Whether the log-densities are known up to constants only, as in ``kl``.
        axis: The axis, or axes, of the draws.
        where: Boolean mask that broadcasts to the log-densities; draws where it is false do not count.

    Returns:
        The estimate in nats, its standard error and the effective sample size, each [batch...]; inf where no draw is in
        both supports.

    Example:
        >>> import jax
        >>> from jax.scipy.stats import norm
        >>> from kljax import montecarlo
        >>> x = jax.random.normal(jax.random.key(0), (10_000,))
        >>> found = montecarlo.bhattacharyya(norm.logpdf(x), norm.logpdf(x, 1.0))
        >>> print(bool(abs(found.value - 0.125) < 4 * found.stderr))
        True

    References:
        Bhattacharyya (1943), "On a measure of divergence between two statistical populations".
    """
    found = renyi(
        log_p, log_q, order=0.5, draws_from=draws_from, self_normalized=self_normalized, axis=axis, where=where
    )
    return Estimate(0.5 * found.value, 0.5 * found.stderr, found.ess)


@functools.partial(jax.jit, static_argnames=("came_from", "axis"))
def _renyi(log_p, log_q, log_m, order, where, *, came_from, axis):
    draws = prepare(log_p, log_q, log_m, where, came_from, axis)
    no_p, no_q = draws.weight_p == -jnp.inf, draws.weight_q == -jnp.inf
    order = jnp.asarray(order, draws.log_p.dtype)
    beta = order - 1.0
    inside = ~no_p & ~no_q
    missed = (no_q & ~no_p).any(-1) & (order >= 1.0)
    r = draws.log_ratio
    if came_from == "p":
        # A draw that q misses adds nothing to the mean, yet is one of its terms.
        log_weight = jnp.where(inside, -jnp.log(jnp.maximum(draws.number, 1.0))[..., None], -jnp.inf)
        value, moved = log_mean_power(beta, r, log_weight, (inside == draws.present).all(-1))
    else:
        a, b = (jnp.where(inside, one, 0.0) for one in (draws.weight_p, draws.weight_q))
        exponent = jnp.where(inside, order * a + (1.0 - order) * b, -jnp.inf)
        value, moved = _log_mean(exponent, beta, draws.number)
        at_one = beta == 0.0
        terms = _core.terms_of(generators.kl, draws.weight_p, draws.weight_q)
        kl = draws.mean(terms)
        value = jnp.where(at_one, kl, value)
        moved = jnp.where(at_one, terms - kl[..., None], moved)
    value = jnp.where(missed, jnp.inf, value)
    value = draws.checked(jnp.where(draws.number > 0.0, value, 0.0))
    stderr = standard_error(jnp.where(draws.present, moved, 0.0), value, draws.number)
    return Estimate(value, stderr, effective_sample_size(draws.weight_p, draws.weight_q))


def _log_mean(exponent: jax.Array, beta: jax.Array, count: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(log(mean eˣ)/β, what each draw adds to that); the mean of nothing but zeros is zero."""
    none = (exponent == -jnp.inf).all(-1)
    safe = jnp.where(none[..., None], 0.0, exponent)
    scale = jnp.broadcast_to(jnp.where(beta == 0.0, 1.0, beta), count.shape)
    log_mean = logsumexp(safe, axis=-1) - jnp.log(jnp.maximum(count, 1.0))
    value = jnp.where(none, -jnp.inf, log_mean) / scale
    return value, jnp.where(none[..., None], 0.0, expm1(safe - log_mean[..., None]) / scale[..., None])


def log_mean_power(
    beta: jax.Array, level: jax.Array, log_weight: jax.Array, complete: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """(log(Σ w e^{β x})/β, (e^{β x}/Σ w e^{β x} - 1)/β); continuous at β = 0 where Σw = 1, which ``complete`` says."""
    present = log_weight > -jnp.inf
    x = jnp.where(present, level, 0.0)
    near = (jnp.abs(beta * x).max(-1) < 1.0) & complete
    close = jnp.where(near[..., None], x, 0.0)
    weight = jnp.exp(jnp.where(near[..., None], log_weight, -jnp.inf))
    gain = (weight * (close * expm1_ratio(beta * close))).sum(-1)  # (Σ w e^{βx} - 1)/β
    apart = jnp.where(present, beta * x + jnp.where(present, log_weight, 0.0), -jnp.inf)
    far, _ = _log_mean(apart, jnp.where(near, 1.0, beta), jnp.ones_like(gain))
    value = jnp.where(near, log1p_over(beta, gain), far)
    shift = jnp.where(jnp.isfinite(value)[..., None], x - value[..., None], 0.0)
    small = jnp.abs(beta * shift) < 1.0
    moved = jnp.where(small, shift, 0.0) * expm1_ratio(jnp.where(small, beta * shift, 0.0))
    moved_far = expm1(jnp.where(small, 0.0, beta * shift)) / jnp.where(beta == 0.0, 1.0, beta)
    absent = -1.0 / jnp.where(beta == 0.0, 1.0, beta)
    return value, jnp.where(present, jnp.where(small, moved, moved_far), absent)


@functools.partial(jax.jit, static_argnames=("came_from", "axis"))
def _renyi_self_normalized(log_p, log_q, log_m, generator, where, *, came_from, axis):
    draws, rows = _core.normalised(prepare(log_p, log_q, log_m, where, came_from, axis))
    (order,) = generator.parameters
    value = draws.checked(jnp.where(draws.number > 0.0, kernel.renyi(generator, *rows, None), 0.0))
    p, q, r = _core.reweighted(*rows)
    beta = order - 1.0
    level = jnp.where(jnp.isfinite(value), jax.lax.stop_gradient(value), 0.0)[..., None]
    inside = ~jnp.isinf(r) & (p > 0.0)
    x = jnp.where(inside, r, level) - level
    # With t = p^α q^(1-α)/Σ: (t - αp - (1 - α)q)/(α - 1) = (t - p)/(α - 1) + q - p, and t = p e^{(α-1)x}.
    small = jnp.abs(beta * x) < 1.0
    log_t = jnp.log(jnp.where(inside, p, 1.0)) + beta * x
    apart = (jnp.where(inside, jnp.exp(log_t), 0.0) - p) / jnp.where(beta == 0.0, 1.0, beta)
    tilted = jnp.where(inside & small, p * x * expm1_ratio(jnp.where(small, beta * x, 0.0)), apart)
    stderr = standard_error(draws.number[..., None] * (tilted + q - p), value, draws.number)
    return Estimate(value, stderr, effective_sample_size(draws.weight_p, draws.weight_q))
