"""What each outcome adds to a divergence of rows of logits, and how many outcomes an entropy is worth."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, _values
from kljax._checks import Axis
from kljax._entry import entry
from kljax._kernels import kl_terms as kernel
from kljax._names import advised
from kljax._types import Rows
from kljax.logits import _core
from kljax.logits._information import cross_entropy, entropy


@entry(_values.logits, "logits_p", "logits_q")
def _kl_terms(
    logits_p: Rows, logits_q: ArrayLike, where: ArrayLike | None, scale: jax.Array | None, *, axis: Axis
) -> jax.Array:
    given = [_checks.floating(name, one) for name, one in (("logits_p", logits_p), ("logits_q", logits_q))]
    a, b = _checks.broadcast(logits_p=given[0], logits_q=given[1])
    axes = _checks.axes(axis, a.ndim)
    mask = _checks.mask(where, a.shape)
    if mask is not None:
        a, b = jnp.where(mask, a, -jnp.inf), jnp.where(mask, b, -jnp.inf)
    rows = [_checks.last(one, axes) for one in (a, b)]
    if mask is not None:  # a row of which nothing is left costs nothing
        empty = ~_checks.last(mask, axes).any(-1, keepdims=True)
        rows = [jnp.where(empty, 0.0, one) for one in rows]
    found = kernel.kl_terms(*rows, None if scale is None else scale.astype(a.dtype))
    count = len(axes)
    kept = [size for at, size in enumerate(a.shape) if at not in axes]
    merged = found.reshape(*kept, *(a.shape[one] for one in axes))
    return jnp.moveaxis(merged, tuple(range(-count, 0)), axes)


@advised
def kl_terms(
    logits_p: Rows,
    logits_q: Rows,
    *,
    axis: Axis = -1,
    where: Rows | None = None,
    temperature: ArrayLike = 1.0,
) -> jax.Array:
    """p log(p/q) - p + q ≥ 0, what each outcome adds to KL(p‖q): the terms sum to ``logits.kl``.

    None is negative, so that they can be ranked and drawn as shares of the whole: "which tokens carry the divergence?"

    Args:
        logits_p: Logits of p, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: Logits of q; broadcasts against ``logits_p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the logits; outcomes where it is false have probability zero.
        temperature: Divides the logits; a positive number, may be traced.

    Returns:
        The terms in nats, of the broadcast shape. float32, or float64 if an operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> print(logits.kl_terms(jnp.array([2.0, 2.0, -jnp.inf]), jnp.zeros(3)).round(4))
        [0.0361 0.0361 0.3333]

    References:
        Csiszár (1991), "Why least squares and maximum entropy?", for the generalised divergence.
    """
    return _kl_terms(logits_p, logits_q, where, _core.temperature(temperature), axis=axis)


@advised
def perplexity(
    logits: Rows,
    logits_q: Rows | None = None,
    *,
    axis: Axis = -1,
    where: Rows | None = None,
    temperature: ArrayLike = 1.0,
) -> jax.Array:
    """exp H(p), or exp H(p, q): of how many equally likely outcomes the entropy, or the cross-entropy, would be that.

    Args:
        logits: Logits, or log-probabilities, of any floating dtype. -inf is probability zero.
        logits_q: If given, logits of the model whose cross-entropy is taken; broadcasts against ``logits``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the logits; outcomes where it is false have probability zero.
        temperature: Divides the logits; a positive number, may be traced.

    Returns:
        The perplexity, one number per batch element: the shape without ``axis``.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import logits
        >>> print(f"{logits.perplexity(jnp.zeros(8)):.1f}")
        8.0

    References:
        Jelinek, Mercer, Bahl & Baker (1977), "Perplexity: a measure of the difficulty of speech recognition tasks".
    """
    of = entropy if logits_q is None else functools.partial(cross_entropy, logits_q=logits_q)
    return jnp.exp(of(logits, axis=axis, where=where, temperature=temperature))
