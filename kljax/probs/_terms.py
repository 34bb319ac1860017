"""What each outcome adds to a divergence of rows of probabilities, and how many outcomes an entropy is worth."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, _values
from kljax._checks import Axis
from kljax._entry import entry
from kljax._names import advised
from kljax._special.elementwise import kl_term
from kljax._types import Rows
from kljax.probs._information import cross_entropy, entropy


@entry(_values.probabilities, "p", "q")
def _kl_terms(p: ArrayLike, q: ArrayLike, where: ArrayLike | None, *, axis: Axis = -1) -> jax.Array:
    p, q = _checks.broadcast(p=_checks.floating("p", p), q=_checks.floating("q", q))
    _checks.last(p, _checks.axes(axis, p.ndim))  # raises without an outcome
    mask = _checks.mask(where, p.shape)
    if mask is not None:
        p, q = jnp.where(mask, p, 0.0), jnp.where(mask, q, 0.0)
    p, q = _checks.measure("p", p), _checks.measure("q", q)
    return jnp.where((p < 0.0) | (q < 0.0), jnp.nan, kl_term(p, q))


@advised
def kl_terms(
    p: Rows, q: ArrayLike, *, axis: Axis = -1, where: ArrayLike | None = None, measure: bool = False
) -> jax.Array:
    """p log(p/q) - p + q ≥ 0, what each outcome adds to KL(p‖q): the terms sum to ``probs.kl(p, q)``.

    None is negative, so that they can be ranked and drawn as shares of the whole; -p + q sums to nothing over
    normalised rows. They are large where p is large and q is not, which is where q misses p most.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: The same; broadcasts against ``p``.
        axis: The axis, or axes, of the outcomes; the terms themselves do not depend on it.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out: their terms
            are 0.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.

    Returns:
        The terms in nats, of the broadcast shape. float32, or float64 if an operand is.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> print(probs.kl_terms(jnp.array([0.5, 0.5, 0.0]), jnp.array([0.5, 0.25, 0.25])).round(4))
        [0.     0.0966 0.25  ]

    References:
        Csiszár (1991), "Why least squares and maximum entropy?", for the generalised divergence.
    """
    return _kl_terms(p, q, where, axis=axis, measure=measure)


@advised
def perplexity(
    p: Rows,
    q: Rows | None = None,
    *,
    axis: Axis = -1,
    where: Rows | None = None,
    measure: bool = False,
) -> jax.Array:
    """exp H(p), or exp H(p, q): of how many equally likely outcomes the entropy, or the cross-entropy, would be that.

    Args:
        p: Probabilities, or a non-negative measure, of any floating dtype. Nothing is renormalised.
        q: If given, the model whose cross-entropy is taken; broadcasts against ``p``.
        axis: The axis, or axes, of the outcomes.
        where: Boolean mask that broadcasts to the probabilities; outcomes where it is false are left out.
        measure: Whether a measure is meant: then no warning says that it does not sum to 1.

    Returns:
        The perplexity, one number per batch element: the shape without ``axis``.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import probs
        >>> print(f"{probs.perplexity(jnp.array([0.25, 0.25, 0.5])):.4f}")
        2.8284

    References:
        Jelinek, Mercer, Bahl & Baker (1977), "Perplexity: a measure of the difficulty of speech recognition tasks".
    """
    of = entropy if q is None else functools.partial(cross_entropy, q=q)
    return jnp.exp(of(p, axis=axis, where=where, measure=measure))
