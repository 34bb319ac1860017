"""The jitted cores of the verbs on logits: arguments ─▶ rows along the last axis ─▶ kernel."""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, _values, generators
from kljax._checks import Axis
from kljax._entry import check_reduction, entry, reduced, token_mask
from kljax._kernels import chernoff as chernoff_kernel
from kljax._kernels import cross_entropy as cross_kernel
from kljax._kernels import entropies, normalise, sharded, statistics
from kljax._kernels import f_divergence as f_kernel
from kljax._kernels import jensen_shannon_of_many as of_many_kernel
from kljax._kernels import renyi as renyi_kernel
from kljax._prompt import FEW_OF_ROWS
from kljax._special.safe import largest, nan_where
from kljax.generators import Generator

of_pair = entry(_values.logits, "logits_p", "logits_q", few_of_slopes=FEW_OF_ROWS)
of_one = entry(_values.logits, "logits")


def temperature(value: ArrayLike) -> jax.Array | None:
    """``None`` for the common temperature 1, else a traced scalar, so that no temperature compiles anew."""
    if isinstance(value, (int, float)) and value == 1:
        return None
    _checks.number("temperature", value, low=0.0, open_low=True)
    return _checks.scalar("temperature", value)


def pair(
    logits_p: ArrayLike,
    logits_q: ArrayLike,
    where: ArrayLike | None,
    scale: jax.Array | None,
    axis: Axis,
    *,
    keep_half: bool = False,
    axis_name: Any = None,
) -> tuple[jax.Array, jax.Array, jax.Array | None]:
    """The two operands as rows of one shape; outcomes outside ``where`` get probability zero in both."""
    a = _checks.floating("logits_p", logits_p, keep_half=keep_half)
    b = _checks.floating("logits_q", logits_q, keep_half=keep_half)
    a, b = _checks.broadcast(logits_p=a, logits_q=b)
    mask = _checks.mask(where, a.shape)
    axes = _checks.axes(axis, a.ndim)
    a, b = (_rows(x, mask, axes, axis_name) for x in (a, b))
    wide = a.dtype if a.dtype.itemsize >= 4 else jnp.float32
    return a, b, None if scale is None else scale.astype(wide)


def _rows(x: jax.Array, mask: jax.Array | None, axes: tuple[int, ...], axis_name: Any = None) -> jax.Array:
    rows = _checks.last(x, axes)
    return rows if mask is None else _checks.occupied(rows, _checks.last(mask, axes), -jnp.inf, 0.0, axis_name)


def single(
    logits: ArrayLike, where: ArrayLike | None, scale: jax.Array | None, axis: Axis, *, axis_name: Any = None
) -> tuple[jax.Array, jax.Array | None]:
    """One operand as rows."""
    a = _checks.floating("logits", logits)
    rows = _rows(a, _checks.mask(where, a.shape), _checks.axes(axis, a.ndim), axis_name)
    return rows, None if scale is None else scale.astype(a.dtype)


@of_pair
def f_divergence(logits_p, logits_q, generator: Generator, where, scale, *, axis: Axis = -1):
    return f_kernel.f_divergence(generator, *pair(logits_p, logits_q, where, scale, axis, keep_half=True))


def evaluate(
    logits_p, logits_q, generator: Generator, axis: Axis, where, temperature_: ArrayLike, axis_name=None, **over: Any
):
    """The f-divergence, with the arguments as the caller of a verb gave them."""
    if axis_name is not None:
        return split(*f_kernel.in_pieces(generator), (logits_p, logits_q), where, temperature_, axis, axis_name, **over)
    return f_divergence(logits_p, logits_q, generator, where, temperature(temperature_), axis=axis, **over)


def split(
    functional,
    given,
    logits,
    where,
    temperature_: ArrayLike,
    axis: Axis,
    axis_name,
    tokens=None,
    weights=None,
    reduction=None,
):
    """A functional of rows whose outcomes the devices along a mesh axis share."""
    _checks.mesh_axis("axis_name", axis_name)
    check_reduction(reduction)
    keep = None
    if tokens is not None:
        names = ("logits_p", "logits_q") if len(logits) == 2 else ("logits",)
        arrays = [_checks.floating(name, one, keep_half=True) for name, one in zip(names, logits, strict=True)]
        arrays = _checks.broadcast(**dict(zip(names, arrays, strict=True)))
        axes = _checks.axes(axis, arrays[0].ndim)
        keep = token_mask(tokens, tuple(n for at, n in enumerate(arrays[0].shape) if at not in axes))
        logits = tuple(jnp.where(jnp.expand_dims(keep, axes), one, jnp.zeros_like(one)) for one in arrays)
    value = _split(functional, axis_name, given, logits, where, temperature(temperature_), axis=axis)
    return value if keep is None and weights is None and reduction is None else reduced(value, keep, weights, reduction)


@functools.partial(jax.jit, static_argnums=(0, 1), static_argnames=("axis",))
def _split(functional, axis_name, given, logits, where, scale, *, axis: Axis):
    gather: Any = pair if len(logits) == 2 else single
    found = gather(*logits, where, scale, axis, axis_name=axis_name)
    *rows, scale = found
    if scale is not None:
        # An excluded outcome stays so, and sends nothing to the temperature.
        rows = [jnp.where(x == -jnp.inf, -jnp.inf, jnp.where(x == -jnp.inf, 0.0, x) / scale) for x in rows]
    return sharded.rows(functional, axis_name, given, None, tuple(rows))


@of_pair
def renyi(logits_p, logits_q, generator: Generator, where, scale, *, axis: Axis = -1):
    rows = pair(logits_p, logits_q, where, scale, axis, keep_half=True)
    return renyi_kernel.up_to_infinity(
        generator, rows[0], lambda: renyi_kernel.renyi(generator, *rows), lambda: _infinite(*rows)
    )


@of_pair
def renyi_zero(logits_p, logits_q, where, scale, *, axis: Axis = -1):
    """-log Q(p > 0): order 0."""
    a, b, scale = pair(logits_p, logits_q, where, scale, axis)
    top, norm = entropies.log_norm(b, scale)
    log_q = entropies.log_softmax(b, scale, top, norm)
    return nan_where(_illegal(a, b), renyi_kernel.minus_log_kept(log_q, a == -jnp.inf))


@of_pair
def renyi_infinity(logits_p, logits_q, where, scale, *, axis: Axis = -1):
    """log max p/q: order ∞."""
    return _infinite(*pair(logits_p, logits_q, where, scale, axis, keep_half=True))


def _infinite(a: jax.Array, b: jax.Array, scale: jax.Array | None) -> jax.Array:
    rows = statistics(a, b, scale)
    _, _, r = normalise(a, b, scale, rows)
    ratio = largest(jnp.where((a == -jnp.inf) & ~jnp.isnan(r), -jnp.inf, r))
    # At p = q every outcome is the largest, and the subgradient 0 is taken.
    return nan_where(_illegal(a, b), jnp.where(ratio <= 0.0, 0.0, ratio))


def _illegal(*rows: jax.Array) -> jax.Array:
    """Where one of the rows is no distribution."""
    # XLA's maximum of many numbers on a CPU passes over a NaN.
    wrong = (~jnp.isfinite(x.max(-1)) | jnp.isnan(x).any(-1) for x in rows)
    return functools.reduce(jnp.logical_or, wrong)


@entry(_values.logits, "logits_p", "logits_q", few=4096)  # a search, whose program is large
def chernoff(logits_p, logits_q, where, scale, *, axis: Axis = -1):
    return chernoff_kernel.chernoff(*pair(logits_p, logits_q, where, scale, axis))


@of_one
def entropy(logits, where, scale, *, axis: Axis = -1):
    return entropies.entropy(*single(logits, where, scale, axis))


@of_one
def renyi_entropy(logits, order, where, scale, *, axis: Axis = -1):
    a, scale = single(logits, where, scale, axis)
    order = order.astype(a.dtype)
    return renyi_kernel.up_to_infinity(
        generators.alpha(order), a, lambda: entropies.renyi_entropy(order, a, scale), lambda: _least(a, scale)
    )


@of_one
def hartley_entropy(logits, where, scale, *, axis: Axis = -1):
    """log of the number of outcomes that are possible: order 0."""
    a, _ = single(logits, where, scale, axis)
    count = jnp.log((a > -jnp.inf).sum(-1).astype(a.dtype))
    return nan_where(_illegal(a), count)


@of_one
def min_entropy(logits, where, scale, *, axis: Axis = -1):
    """-log max p: order ∞."""
    return _least(*single(logits, where, scale, axis))


def _least(a: jax.Array, scale: jax.Array | None) -> jax.Array:
    return -largest(entropies.log_softmax(a, scale, *entropies.log_norm(a, scale)))


@of_pair
def cross_entropy(logits_p, logits_q, where, scale, *, axis: Axis = -1):
    return cross_kernel.cross_entropy(*pair(logits_p, logits_q, where, scale, axis, keep_half=True))


@entry(_values.nothing, "logits_q")
def label_cross_entropy(logits_q, labels, where, scale, *, axis: Axis = -1):
    b = _checks.floating("logits_q", logits_q)
    (along,) = axes = _checks.axes(axis, b.ndim)
    shape = tuple(n for at, n in enumerate(b.shape) if at != along)
    if jnp.shape(labels) != shape:
        raise ValueError(
            f"logits_p holds integers, the labels of the rows, and must have shape {shape}, one label a row; got shape "
            f"{jnp.shape(labels)}. For two distributions pass floating-point logits."
        )
    rows = _rows(b, _checks.mask(where, b.shape), axes)
    return cross_kernel.of_labels(jnp.asarray(labels), rows, None if scale is None else scale.astype(b.dtype))


@entry(_values.logits, "logits", static=("axis", "stack_axis"))
def jensen_shannon_of_many(logits, weights, where, scale, *, stack_axis: int, axis: Axis):
    a = _checks.floating("logits", logits)
    mask = _checks.mask(where, a.shape)
    rows, weights = _checks.stack(a, weights, axis, stack_axis)
    if mask is not None:
        rows = _checks.occupied(rows, _checks.stack(mask, None, axis, stack_axis)[0], -jnp.inf, 0.0)
    return of_many_kernel.jensen_shannon_of_many(rows, weights, None if scale is None else scale.astype(a.dtype))
