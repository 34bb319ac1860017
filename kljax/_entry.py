"""How a verb on rows enters its compiled core: operands as arrays, a look at values that are there, then ``jit``.

    operands ─arrays─▶ ─look─▶ core ─▶ one number a token ─mask, weights─▶ ─reduction─▶ the answer

A token is a member of the batch: what is left of the operands' shape without the outcomes' axis. A token that is masked
adds nothing and gets no gradient, whatever it holds: its operands are replaced before the core sees them.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from kljax import _checks, _operands
from kljax._prompt import prompt
from kljax._types import Rows

Look = Callable[[tuple[str, ...], Any, Any, Any], None]
Reduction = Literal["sum", "mean"] | None
REDUCTIONS = (None, "sum", "mean")


def entry(
    look: Look,
    *operands: str,
    fill: float = 0.0,
    static: tuple[str, ...] = ("axis",),
    few: int = 0,
    few_of_slopes: int = 0,
) -> Callable[[Callable[..., Any]], Any]:
    """A decorator of cores ``core(operands..., other arrays, *, axis)``; ``look`` warns of values that can't be meant.

    With ``measure=True`` nothing is looked at. ``fill`` is what a masked token holds instead of its own. Up to ``few``
    numbers a program is compiled promptly; up to ``few_of_slopes`` with its gradient, of outcomes along the last axis.
    """

    def decorate(core: Callable[..., Any]) -> Callable[..., Any]:
        names = [*inspect.signature(core).parameters]
        static_names = [name for name in static if name in names]
        prompted = functools.partial(prompt, few=few) if few else jax.jit
        run = prompted(core, static_argnames=tuple(static_names))
        run_on_rows = run
        if few_of_slopes:
            run_on_rows = prompt(
                core, static_argnames=tuple(static_names), few=few, closed="rows", few_of_slopes=few_of_slopes
            )
        where_at = names.index("where") if "where" in names else None
        count = len(operands)

        @functools.partial(jax.jit, static_argnames=[*static_names, "reduction"])
        def over_tokens(
            arrays: Any, others: Any, tokens: Any, weights: Any, *, reduction: Reduction, **options: Any
        ) -> Any:
            keep = None
            if tokens is not None:
                arrays = [_checks.floating(name, one) for name, one in zip(operands, arrays, strict=True)]
                arrays = _checks.broadcast(**dict(zip(operands, arrays, strict=True)))
                axes = _checks.axes(options.get("axis", -1), arrays[0].ndim)
                keep = token_mask(tokens, tuple(n for at, n in enumerate(arrays[0].shape) if at not in axes))
                shown = jnp.expand_dims(keep, axes)
                arrays = [jnp.where(shown, one, fill) for one in arrays]
            return reduced(core(*arrays, *others, **options), keep, weights, reduction)

        @functools.wraps(core)
        def call(
            *given: Any,
            measure: bool = False,
            tokens: Rows | None = None,
            weights: Rows | None = None,
            reduction: Reduction = None,
            **options: Any,
        ) -> Any:
            arrays = [_operands.array(name, one) for name, one in zip(operands, given[:count], strict=True)]
            if "axis" in options:
                options["axis"] = _operands.axis(options["axis"])
            if not measure:
                where = None if where_at is None else given[where_at]
                look(operands, arrays, _shown(where, tokens, options.get("axis", -1)), options.get("axis", -1))
            if tokens is None and weights is None and reduction is None:
                return (run_on_rows if options.get("axis") == -1 else run)(*arrays, *given[count:], **options)
            check_reduction(reduction)
            return over_tokens(arrays, given[count:], tokens, weights, reduction=reduction, **options)

        call._cache_size = run._cache_size  # type: ignore[attr-defined]
        return call

    return decorate


def _shown(where: Any, tokens: Any, axis: Any) -> Any:
    """The outcomes that count for a look at the values; a token that is masked may hold anything."""
    if tokens is None or isinstance(tokens, jax.core.Tracer) or isinstance(where, jax.core.Tracer):
        return where
    shown = np.expand_dims(np.asarray(tokens), axis)
    return shown if where is None else shown & np.asarray(where)


def check_reduction(reduction: object) -> None:
    """Raises for a reduction that there is not."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"reduction must be one of {REDUCTIONS}; got {reduction!r}.")


def token_mask(tokens: Rows, shape: tuple[int, ...]) -> jax.Array:
    """``tokens`` as a boolean array of the tokens' shape."""
    array = jnp.asarray(tokens)
    if array.dtype != jnp.bool_:
        raise TypeError(
            f"tokens must be boolean; got {array.dtype} with shape {array.shape}. Of a mask of ones and zeros pass "
            "tokens.astype(bool); factors go to weights=."
        )
    return _per_token("tokens", array, shape)


def _per_token(name: str, array: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    try:
        return jnp.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(
            f"{name} must broadcast to the tokens' shape {shape}, the operands' without the outcomes; got shape "
            f"{array.shape}."
        ) from None


def reduced(value: jax.Array, keep: jax.Array | None, weights: Rows | None, reduction: Reduction) -> jax.Array:
    """Weighted numbers of tokens, 0 where they are masked, or their sum, or that over the sum of the weights."""
    factor = jnp.ones_like(value)
    if weights is not None:
        factor = _per_token("weights", _checks.floating("weights", weights).astype(value.dtype), value.shape)
    if keep is not None:
        factor, value = jnp.where(keep, factor, 0.0), jnp.where(keep, value, 0.0)
    # A token of weight 0 is left out, also where its value is infinite.
    terms = factor * jnp.where((factor == 0.0) & ~jnp.isfinite(value), 0.0, value)
    if reduction is None:
        return terms
    total = terms.sum()
    if reduction == "sum":
        return total
    mass = factor.sum()
    return jnp.where(mass == 0.0, 0.0, total / jnp.where(mass == 0.0, 1.0, mass))


def after(value: jax.Array, tokens: Rows | None, weights: Rows | None, reduction: Reduction) -> jax.Array:
    """What is made of numbers of tokens, of which the masked are 0 already, weighted and reduced."""
    if tokens is None and weights is None and reduction is None:
        return value
    check_reduction(reduction)
    return reduced(value, None if tokens is None else token_mask(tokens, value.shape), weights, reduction)
