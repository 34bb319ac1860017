"""Importance weights of tokens that another policy sampled."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax import _checks, _records
from kljax._names import advised
from kljax._special.safe import nan_where
from kljax._types import Rows
from kljax.montecarlo._core import option
from kljax.montecarlo._estimate import effective_sample_size
from kljax.montecarlo._sequences import operands, position_axis


class ImportanceWeights(NamedTuple):
    """Importance weights of sampled tokens, without gradients.

    Attributes:
        weights: p/m of each token or of what goes with it, after clipping, [batch..., positions]; 0 where masked.
        clipped: The fraction of the tokens that count whose weight was clipped, [batch...].
        ess: The effective sample size (Σw)²/Σw² over the tokens that count, [batch...].
    """

    weights: jax.Array
    clipped: jax.Array
    ess: jax.Array


_records.exported(ImportanceWeights)


@advised
def importance_weights(
    log_p: Rows,
    log_m: Rows,
    *,
    over: str = "token",
    clip: str = "none",
    high: Rows | None = None,
    low: Rows | None = None,
    where: Rows | None = None,
    axis: int = -1,
) -> ImportanceWeights:
    """w = p/m of tokens that a policy m sampled and p is trained on, clipped by a named rule.

    Over what the ratios are multiplied decides what a weighted mean is unbiased for:

    - ``"token"``: that token alone. Unbiased at each position for prefixes as m draws them.
    - ``"prefix"``: this token and all before it. Unbiased at each position for prefixes as p draws them. Terms that
      depend on the tokens before alone, as of ``token_kl_of_logits``, have less variance with the weights of the
      position before, and 1 at the first.
    - ``"sequence"``: all tokens, one weight for the sequence. For sums over the sequence.

    Clipping bounds the variance and biases the mean; ``clipped`` says how often it happened:

    - ``"none"``; ``"truncate"``: min(w, high) (and at least ``low``, if that is given);
    - ``"mask"``: w where low ≤ w ≤ high, else 0.

    Args:
        log_p: log p of the sampled tokens, [batch..., positions].
        log_m: log m of them under the policy that sampled; broadcasts against ``log_p``.
        over: "token", "prefix" or "sequence".
        clip: "none", "truncate" or "mask".
        high: The largest weight, a number; needed for clipping.
        low: The least, a number; 0 if left out.
        where: Boolean mask that broadcasts to the operands; tokens where it is false have the ratio 1 and the weight 0.
        axis: The axis of the positions.

    Returns:
        The weights, the fraction of tokens clipped, and the effective sample size. Of no tokens: 0, 0 and 0. NaN where
        a log-probability is NaN or inf, or m says that a token it sampled is impossible.

    Raises:
        ValueError: If the bounds do not go with ``clip``.

    Example:
        >>> import jax.numpy as jnp
        >>> from kljax import montecarlo
        >>> log_p, log_m = jnp.log(jnp.array([0.5, 0.9, 0.1])), jnp.log(jnp.array([0.25, 0.3, 0.2]))
        >>> found = montecarlo.importance_weights(log_p, log_m, clip="truncate", high=2.5)
        >>> print(found.weights.round(2), f"{found.clipped:.2f}")
        [2.  2.5 0.5] 0.33

    References:
        Ionides (2008), "Truncated importance sampling".
    """
    option("over", over, ("token", "prefix", "sequence"))
    option("clip", clip, ("none", "truncate", "mask"))
    if (clip == "none") != (high is None) or (clip == "none" and low is not None):
        needed = "no bounds" if clip == "none" else "high"
        raise ValueError(f'clip="{clip}" needs {needed}; got high={high!r} and low={low!r}.')
    for name, bound in (("high", high), ("low", low)):
        if bound is not None:
            _checks.number(name, bound, low=0.0)
    low = 0.0 if low is None else low
    if isinstance(high, (int, float)) and isinstance(low, (int, float)) and not low < high:
        raise ValueError(f"low must be less than high; got low={low!r} and high={high!r}.")
    return _importance_weights(log_p, log_m, high, low, where, over=over, clip=clip, axis=axis)


@functools.partial(jax.jit, static_argnames=("over", "clip", "axis"))
def _importance_weights(log_p, log_m, high, low, where, *, over, clip, axis):
    listed, present, _ = operands(log_p=log_p, log_m=log_m, where=where)
    along = position_axis(axis, listed[0].ndim)
    a, b = (lax.stop_gradient(jnp.where(present, one, 0.0)) for one in listed)
    illegal = jnp.isnan(a) | (a == jnp.inf) | ~jnp.isfinite(b)
    # A ratio of zero makes all products zero; finite, it can be summed with others.
    gone = a == -jnp.inf
    ratio = jnp.where(gone | illegal, 0.0, a) - jnp.where(illegal, 0.0, b)
    if over == "prefix":
        ratio = lax.cumsum(ratio, axis=along)
        gone, illegal = (lax.cummax(one.astype(jnp.int32), axis=along) > 0 for one in (gone, illegal))
    elif over == "sequence":
        ratio = jnp.broadcast_to(ratio.sum(along, keepdims=True), ratio.shape)
        gone, illegal = (jnp.broadcast_to(one.any(along, keepdims=True), one.shape) for one in (gone, illegal))
    weight = jnp.where(gone, 0.0, jnp.exp(ratio))
    kept = weight
    if clip != "none":
        low, high = jnp.asarray(low, weight.dtype), jnp.asarray(high, weight.dtype)
        inside = (weight >= low) & (weight <= high)
        kept = jnp.clip(weight, low, high) if clip == "truncate" else jnp.where(inside, weight, 0.0)
    changed = present & (kept != weight)
    count = present.sum(along).astype(weight.dtype)
    kept = jnp.where(present, nan_where(illegal, kept), 0.0)
    size = effective_sample_size(jnp.log(jnp.moveaxis(kept, along, -1)))
    return ImportanceWeights(kept, changed.sum(along).astype(weight.dtype) / jnp.maximum(count, 1.0), size)
