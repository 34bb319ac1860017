"""Divergences of a policy p from a reference q at sampled tokens: value and gradient are chosen apart.

A sampled term such as r = log(p/q) has the right mean, but its derivative does not have the right mean: what the choice
of the tokens adds is missing. So each function here returns a number whose value is one thing and whose derivative
another, v + (s - stop_gradient(s)), with a surrogate s that is unbiased for the gradient that was asked for.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax

from kljax import _checks, generators
from kljax._kernels.f_divergence import f_divergence
from kljax._names import advised
from kljax._special.elementwise import expm1
from kljax._special.safe import nan_where
from kljax._types import Rows, TokenEstimator, TokenGradient
from kljax.montecarlo._core import option, terms_of

GRADIENTS = ("reverse_kl", "forward_kl", "value", "none")


@advised
def token_kl(
    log_p: Rows,
    log_q: Rows,
    *,
    estimator: TokenEstimator = "k3",
    gradient: TokenGradient | Literal["value"] = "reverse_kl",
    weights: Rows | None = None,
    where: Rows | None = None,
) -> jax.Array:
    """KL(p‖q) at each position, estimated from the token that was sampled there, with a gradient chosen by name.

    p is the policy that is trained and q the reference; in training language KL(p‖q) is the reverse KL. With r =
    log(p/q), for tokens sampled from p (or, with importance ``weights``, from another policy), the value is that of

    - ``"k1"``: r, of mean KL(p‖q) at this position, given the tokens before it;
    - ``"k2"``: r²/2, never negative, but biased;
    - ``"k3"``: q/p - 1 + r, never negative, of the same mean as k1 where q has no token that p lacks,

    and the mean of the derivative, in parameters of p and q both, is that of

    - ``"reverse_kl"``: KL(p‖q) at this position, by the score function: r ∇log p - ∇log q;
    - ``"forward_kl"``: KL(q‖p), by the score function: (1 - q/p) ∇log p - (q/p) r ∇log q;
    - ``"value"``: nothing in general; it is the derivative of the value as it stands. Of k1 that is ∇log p, of mean
      zero; of k2 it is that of the reverse KL, and of **k3 that of the forward KL**, in the parameters of p. A loss
      that differentiates k3 minimises KL(q‖p), whatever its value says;
    - ``"none"``: there is none.

    The tokens before are held fixed: what a token does to later positions is added by ``sequence_sum``.

    Args:
        log_p: log p of each sampled token given those before it, of any floating dtype and shape.
        log_q: log q of it; broadcasts against ``log_p``.
        estimator: "k1", "k2" or "k3".
        gradient: "reverse_kl", "forward_kl", "value" or "none".
        weights: Importance weights of the tokens where another policy sampled them, from ``importance_weights``; they
            carry no gradient.
        where: Boolean mask that broadcasts to the operands; tokens where it is false (prompts, padding) give 0.

    Returns:
        One number a token in nats, of the broadcast shape. inf where q has no such token, without a gradient; 0 where p
        has none, or the weight is 0; NaN where a log-probability is NaN or inf.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from kljax import montecarlo
        >>> log_p, log_q = jnp.log(jnp.array([0.5, 0.2])), jnp.log(jnp.array([0.25, 0.4]))
        >>> print(f"{montecarlo.token_kl(log_p, log_q, estimator='k1')[0]:.4f}")
        0.6931
        >>> print(f"{jax.grad(lambda x: montecarlo.token_kl(x, log_q).sum())(log_p)[0]:.4f}")
        0.6931
        >>> print(f"{jax.grad(lambda x: montecarlo.token_kl(x, log_q, gradient='forward_kl').sum())(log_p)[0]:.4f}")
        0.5000

    References:
        Schulman (2020), "Approximating KL divergence" (k1, k2 and k3); Tang & Munos (2025), "On a few pitfalls in KL
        divergence gradient estimation for RL".
    """
    option("estimator", estimator, ("k1", "k2", "k3"))
    option("gradient", gradient, GRADIENTS)
    return _token_kl(log_p, log_q, weights, where, estimator=estimator, gradient=gradient)


def operands(**given: Any) -> tuple[list[jax.Array], jax.Array, jax.Array | None]:
    """(the arrays, where they count and are finite or -∞, the weights among them)"""
    where, weights = given.pop("where"), given.pop("weights", None)
    arrays = {name: _checks.floating(name, value) for name, value in given.items()}
    if weights is not None:
        arrays["weights"] = lax.stop_gradient(_checks.floating("weights", weights))
    listed = _checks.broadcast(**arrays)
    mask = _checks.mask(where, listed[0].shape)
    present = jnp.ones(listed[0].shape, bool) if mask is None else mask
    return listed[: len(given)], present, listed[-1] if weights is not None else None


@functools.partial(jax.jit, static_argnames=("estimator", "gradient"))
def _token_kl(log_p, log_q, weights, where, *, estimator, gradient):
    (a, b), present, weight = operands(log_p=log_p, log_q=log_q, weights=weights, where=where)
    illegal = present & (jnp.isnan(a) | jnp.isnan(b) | (a == jnp.inf) | (b == jnp.inf))
    # What p does not have is no sample of p: it counts for nothing, as with a weight of zero.
    counts = present & ~illegal & (a > -jnp.inf)
    if weight is not None:
        counts &= weight != 0.0
        weight = jnp.where(counts, weight, 0.0)
    inside = counts & (b > -jnp.inf)
    a, b = jnp.where(inside, a, 0.0), jnp.where(inside, b, 0.0)
    value = _sampled(estimator, a, b)
    if gradient != "value":
        value = lax.stop_gradient(value)
        slope_p, slope_q = _surrogate(gradient, *lax.stop_gradient((a, b)))
        if gradient != "none":
            value = value + slope_p * (a - lax.stop_gradient(a)) + slope_q * (b - lax.stop_gradient(b))
    if weight is not None:
        value = weight * value
    value = jnp.where(inside, value, jnp.where(counts, jnp.inf, 0.0))
    return nan_where(illegal, value)


def _sampled(estimator: TokenEstimator, a: jax.Array, b: jax.Array) -> jax.Array:
    if estimator == "k1":
        return a - b
    if estimator == "k2":
        return 0.5 * jnp.square(a - b)
    return terms_of(generators.kl, jnp.zeros_like(a), b - a)


def _surrogate(gradient: str, a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The factors of ∇log p and ∇log q."""
    r = a - b
    if gradient == "forward_kl":
        top = 0.25 * float(jnp.finfo(r.dtype).max)
        odds = jnp.minimum(-expm1(-r), top), -r * jnp.exp(-r)
        return jnp.maximum(odds[0], -top), jnp.clip(odds[1], -top, top)
    return r, -jnp.ones_like(r)


@advised
def token_kl_of_logits(
    logits_p: Rows,
    logits_q: Rows,
    *,
    gradient: TokenGradient = "reverse_kl",
    weights: Rows | None = None,
    where: Rows | None = None,
) -> jax.Array:
    """KL(p‖q) = Σ p log(p/q) over the vocabulary at each position: the exact mean of the terms of ``token_kl``.

    It is the Rao–Blackwellised term: the token sampled at this position is summed out, those before it are not, so its
    variance, in value and gradient, is smaller than that of any estimate from the token alone. It costs the logits of
    both models, and keeps its digits when they are close.

    Args:
        logits_p: Logits of the policy, [..., positions, vocabulary] of any floating dtype; -inf is probability zero.
        logits_q: Logits of the reference; broadcasts against ``logits_p``.
        gradient: "reverse_kl", that of KL(p‖q); "forward_kl", that of KL(q‖p); or "none".
        weights: Importance weights of the positions where another policy sampled the tokens before, from
            ``importance_weights(over="prefix")``; they carry no gradient.
        where: Boolean mask that broadcasts to [..., positions]; positions where it is false give 0.

    Returns:
        One number a position in nats, [..., positions].

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import montecarlo
        >>> policy, reference = jnp.array([[0.0, 1.0], [2.0, 0.0]]), jnp.zeros((2, 2))
        >>> found = montecarlo.token_kl_of_logits(policy, reference, where=jnp.array([True, False]))
        >>> print([f"{one:.4f}" for one in found])
        ['0.1109', '0.0000']

    References:
        Amini, Vieira & Cotterell (2025), "Better estimation of the Kullback–Leibler divergence between language
        models".
    """
    option("gradient", gradient, ("reverse_kl", "forward_kl", "none"))
    return _token_kl_of_logits(logits_p, logits_q, weights, where, gradient=gradient)


@functools.partial(jax.jit, static_argnames=("gradient",))
def _token_kl_of_logits(logits_p, logits_q, weights, where, *, gradient):
    a = _checks.floating("logits_p", logits_p, keep_half=True)
    b = _checks.floating("logits_q", logits_q, keep_half=True)
    a, b = _checks.broadcast(logits_p=a, logits_q=b)
    if a.ndim == 0 or a.shape[-1] == 0:
        raise ValueError(f"logits_p must have a vocabulary as its last axis; got shape {a.shape}.")
    present = _checks.mask(where, a.shape[:-1])
    if present is not None:  # what is masked may be no distribution at all
        a, b = (jnp.where(present[..., None], one, 0.0) for one in (a, b))
    value = f_divergence(generators.kl, *((a, b) if gradient == "reverse_kl" else lax.stop_gradient((a, b))), None)
    if gradient == "forward_kl":
        other = f_divergence(generators.kl, b, a, None)
        finite = jnp.isfinite(lax.stop_gradient(other)) & jnp.isfinite(value)
        value = value + jnp.where(finite, other - lax.stop_gradient(other), 0.0)
    if weights is not None:
        weight = lax.stop_gradient(_checks.floating("weights", weights)).astype(value.dtype)
        try:
            weight = jnp.broadcast_to(weight, value.shape)
        except ValueError:
            raise ValueError(f"weights must broadcast to {value.shape}; got shape {weight.shape}.") from None
        value = jnp.where(weight == 0.0, 0.0, weight * jnp.where(weight == 0.0, 0.0, value))
    return value if present is None else jnp.where(present, value, 0.0)


@advised
def sequence_sum(
    terms: Rows,
    *,
    log_p: Rows | None = None,
    where: Rows | None = None,
    axis: int = -1,
) -> jax.Array:
    """Σ_t terms_t over the positions of a sequence; with ``log_p``, its gradient counts what each token brings about.

    The terms of ``token_kl`` and ``token_kl_of_logits`` hold the tokens before fixed. The KL divergence of whole
    sequences depends on the policy through these too: with log p of the sampled tokens the derivative gains
    Σ_t ∇log p_t · Σ_{s>t} terms_s, and its mean becomes the gradient of KL(p‖q) = E_p[Σ_t log(p_t/q_t)] over sequences,
    for terms with the gradient "reverse_kl" and of mean KL (k1, k3 or those of logits).

    Args:
        terms: One number a position, as those functions return.
        log_p: log p of the sampled tokens, which broadcasts against ``terms``; or None to hold the tokens fixed. Where
            another policy sampled them, either the terms carry weights ``over="prefix"``, or the result is multiplied
            by the weight ``over="sequence"``.
        where: Boolean mask that broadcasts to ``terms``; positions where it is false do not count, and choose nothing.
        axis: The axis of the positions.

    Returns:
        The sums in nats: the shape of ``terms`` without ``axis``; 0 where all is masked.

    Example:
        >>> import jax
        >>> import jax.numpy as jnp
        >>> from kljax import montecarlo
        >>> terms, log_p = jnp.array([0.5, 0.25, 1.0]), jnp.log(jnp.array([0.5, 0.2, 0.9]))
        >>> print(montecarlo.sequence_sum(terms, log_p=log_p))
        1.75
        >>> print(jax.grad(lambda x: montecarlo.sequence_sum(terms, log_p=x))(log_p))
        [1.25 1.   0.  ]

    References:
        Sutton, McAllester, Singh & Mansour (2000), "Policy gradient methods for reinforcement learning with function
        approximation".
    """
    return _sequence_sum(terms, log_p, where, axis=axis)


def position_axis(axis: int, ndim: int) -> int:
    """The one axis of the positions."""
    if isinstance(axis, Sequence):
        raise TypeError(f"axis must be one integer; got {axis!r}.")
    return _checks.axes(axis, ndim)[0]


@functools.partial(jax.jit, static_argnames=("axis",))
def _sequence_sum(terms, log_p, where, *, axis):
    given = {"terms": terms} if log_p is None else {"terms": terms, "log_p": log_p}
    listed, present, _ = operands(**given, where=where)
    along = position_axis(axis, listed[0].ndim)
    t = jnp.where(present, listed[0], 0.0)
    total = t.sum(along)
    if log_p is None:
        return total
    level = jnp.where(present & (listed[1] > -jnp.inf), listed[1], 0.0)
    still = lax.stop_gradient(t)
    still = jnp.where(jnp.isinf(still), 0.0, still)  # what costs infinity has no gradient
    to_come = lax.cumsum(still, axis=along, reverse=True) - still
    return total + (to_come * (level - lax.stop_gradient(level))).sum(along)
