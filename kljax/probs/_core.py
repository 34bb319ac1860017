"""The jitted cores of the verbs on probabilities: arguments ─▶ rows along the last axis ─▶ kernel."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from kljax import _checks, _values, generators
from kljax._checks import Axis
from kljax._entry import entry
from kljax._kernels import chernoff_of_probabilities, entropies, of_probabilities, renyi_of_probabilities
from kljax._kernels import jensen_shannon_of_many as of_many_kernel
from kljax._kernels import renyi as renyi_kernel
from kljax._kernels.divergence import absent
from kljax._prompt import FEW_OF_ROWS
from kljax._special.elementwise import log_ratio, tiny
from kljax._special.safe import largest, nan_where, saturated
from kljax.generators import Generator

of_pair = entry(_values.probabilities, "p", "q", fill=1.0, few_of_slopes=FEW_OF_ROWS)
of_one = entry(_values.probabilities, "p", fill=1.0)
COUNTS = "Counts of outcomes go to kljax.counts, which estimates from them with an error bar."


def probabilities(name: str, value: ArrayLike) -> jax.Array:
    """An operand as a floating-point array."""
    return _checks.floating(name, value, advice=COUNTS)


def pair(p: ArrayLike, q: ArrayLike, where: ArrayLike | None, axis: Axis) -> tuple[jax.Array, jax.Array]:
    """The two operands as rows of one shape, NaN where negative; outcomes outside ``where`` are absent from both."""
    p, q = rows_of_pair(p, q, where, axis)
    return nan_where(p < 0.0, p), nan_where(q < 0.0, q)


def rows_of_pair(p: ArrayLike, q: ArrayLike, where: ArrayLike | None, axis: Axis) -> tuple[jax.Array, jax.Array]:
    """The same as they are, for a kernel that looks at their signs itself: of rows made NaN XLA keeps a copy."""
    p, q = _checks.broadcast(p=probabilities("p", p), q=probabilities("q", q))
    mask, axes = _checks.mask(where, p.shape), _checks.axes(axis, p.ndim)
    return _rows("p", p, mask, axes), _rows("q", q, mask, axes)


def _rows(name: str, p: jax.Array, mask: jax.Array | None, axes: tuple[int, ...]) -> jax.Array:
    rows = _checks.last(p, axes)
    rows = rows if mask is None else _checks.occupied(rows, _checks.last(mask, axes), 0.0, 1.0)
    return _checks.measure(name, rows)


def _measure(name: str, rows: jax.Array) -> jax.Array:
    """The rows, NaN where negative."""
    return nan_where(_checks.measure(name, rows) < 0.0, rows)


def single(p: ArrayLike, where: ArrayLike | None, axis: Axis) -> jax.Array:
    """One operand as rows."""
    p = probabilities("p", p)
    rows = _rows("p", p, _checks.mask(where, p.shape), _checks.axes(axis, p.ndim))
    return nan_where(rows < 0.0, rows)


@of_pair
def f_divergence(p, q, generator: Generator, where, *, axis: Axis = -1):
    return of_probabilities.f_divergence(generator, *rows_of_pair(p, q, where, axis))


@of_pair
def renyi(p, q, generator: Generator, where, *, axis: Axis = -1):
    p, q = rows_of_pair(p, q, where, axis)
    return renyi_kernel.up_to_infinity(
        generator,
        p,
        lambda: renyi_of_probabilities.renyi(generator, p, q),
        lambda: _infinite(*(nan_where(x < 0.0, x) for x in (p, q))),
    )


@of_pair
def renyi_zero(p, q, where, *, axis: Axis = -1):
    """-log Q(p > 0): order 0."""
    p, q = pair(p, q, where, axis)
    present = q > 0.0
    log_q = jnp.where(present, _log(jnp.where(present, q, 1.0)), -jnp.inf)
    return nan_where(jnp.isnan(of_probabilities.ratio(p, q)).any(-1), renyi_kernel.minus_log_kept(log_q, p == 0.0))


@of_pair
def renyi_infinity(p, q, where, *, axis: Axis = -1):
    """log max p/q: order ∞."""
    return _infinite(*pair(p, q, where, axis))


def _infinite(p: jax.Array, q: jax.Array) -> jax.Array:
    r = jax.lax.stop_gradient(of_probabilities.ratio(p, q))
    at = jnp.where((p == 0.0) & ~jnp.isnan(r), -jnp.inf, r).argmax(-1, keepdims=True)
    p, q, r = (jnp.take_along_axis(x, at, -1)[..., 0] for x in (p, q, r))
    # Where no ratio is above 1, or the largest is infinite, nothing depends on a single outcome.
    inside = (r > 0.0) & (r < jnp.inf)
    return jnp.where(inside, _largest(jnp.where(inside, p, 1.0), jnp.where(inside, q, 1.0)), jnp.maximum(r, 0.0))


@jax.custom_jvp
def _largest(p: jax.Array, q: jax.Array) -> jax.Array:
    """log(p/q), whose second derivative saturates."""
    return of_probabilities.ratio(p, q)


@_largest.defjvp
def _largest_jvp(primals, tangents):
    (p, q), (dp, dq) = primals, tangents
    return _largest(p, q), _inverse(p) * dp - _inverse(q) * dq


@entry(_values.probabilities, "p", "q", fill=1.0, few=4096)  # a search, whose program is large
def chernoff(p, q, where, *, axis: Axis = -1):
    return chernoff_of_probabilities.chernoff(*renyi_of_probabilities.lessened(*pair(p, q, where, axis))[:2])


def _saturated(x: jax.Array) -> jax.Array:
    """x, or a finite number where it overflows, so that a zero tangent stays zero."""
    top = 0.125 * float(jnp.finfo(x.dtype).max)
    return saturated(x, top)


@jax.custom_jvp
def _log(p: jax.Array) -> jax.Array:
    """log p, whose derivative at 0 is taken at the smallest positive normal number."""
    return jnp.log(p)


@_log.defjvp
def _log_jvp(primals, tangents):
    (p,), (dp,) = primals, tangents
    return _log(p), _inverse(p) * dp


@jax.custom_jvp
def _inverse(p: jax.Array) -> jax.Array:
    return 1.0 / jnp.maximum(p, tiny(p))


@_inverse.defjvp
def _inverse_jvp(primals, tangents):
    (p,), (dp,) = primals, tangents
    inverse = _inverse(p)
    return inverse, -_saturated(inverse * inverse) * dp


@jax.custom_jvp
def _sum_times_log(p: jax.Array, q: jax.Array) -> jax.Array:
    """Σ p log q; 0 where p = 0, and -∞ where q misses p."""
    found = _times_log(p, q).sum(-1)
    # A miss decides, also where another term is ∞.
    return jax.lax.cond(jnp.isnan(found).any(), _miss_decides, lambda *_: found, p, q)


def _times_log(p: jax.Array, q: jax.Array) -> jax.Array:
    nothing = (p == 0.0) & (q >= 0.0)
    # The logarithm of what is negative is NaN.
    return jnp.where(nothing, 0.0, p * jnp.log(jnp.where(nothing, 1.0, jnp.where(p < 0.0, p, q))))


def _miss_decides(p: jax.Array, q: jax.Array) -> jax.Array:
    terms = _times_log(p, q)
    missed = (terms == -jnp.inf).any(-1, keepdims=True)
    return jnp.where(missed & (terms == jnp.inf), 0.0, terms).sum(-1)


def _sum_times_log_jvp(primals, tangents):
    value, slopes = _sum_times_log(*primals), _times_log_slopes(*primals)
    moved = [(slope * step).sum(-1) for slope, step in zip(slopes, tangents, strict=True) if not absent(step)]
    return value, sum(moved, jnp.zeros_like(value))


_sum_times_log.defjvp(_sum_times_log_jvp, symbolic_zeros=True)


@jax.custom_jvp
def _times_log_slopes(p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(log q, p/q), both zero at q = 0, where the cost is infinite or the outcome absent."""
    dead = q == 0.0
    safe = jnp.where(dead, 1.0, q)
    return jnp.where(dead, 0.0, jnp.log(safe)), jnp.where(dead, 0.0, _saturated(p / safe))


@_times_log_slopes.defjvp
def _times_log_slopes_jvp(primals, tangents):
    p, q = primals
    dp, dq = tangents
    dead = q == 0.0
    safe = jnp.where(dead, 1.0, jnp.maximum(q, tiny(q)))
    _, ratio = slopes = _times_log_slopes(p, q)
    inverse = jnp.where(dead, 0.0, 1.0 / safe)
    return slopes, (inverse * dq, inverse * dp - jnp.where(dead, 0.0, _saturated(ratio / safe)) * dq)


@jax.custom_jvp
def _p_log_p(p: jax.Array) -> jax.Array:
    absent = p == 0.0
    return jnp.where(absent, 0.0, p * jnp.log(jnp.where(absent, 1.0, p)))


@_p_log_p.defjvp
def _p_log_p_jvp(primals, tangents):
    # log p + 1, at p = 0 that of the smallest positive normal number
    (p,), (dp,) = primals, tangents
    edge = p + jax.lax.stop_gradient(jnp.maximum(p, float(jnp.finfo(p.dtype).tiny)) - p)
    return _p_log_p(p), (_log(edge) + 1.0) * dp


@of_one
def entropy(p, where, *, axis: Axis = -1):
    return -_p_log_p(single(p, where, axis)).sum(-1)


@of_one
def renyi_entropy(p, order, where, *, axis: Axis = -1):
    p = single(p, where, axis)
    order = order.astype(p.dtype)
    present = p > 0.0
    log_p = jnp.where(present, _log(jnp.where(present, p, 1.0)), -jnp.inf)
    log_p = nan_where(jnp.isnan(p), log_p)
    return renyi_kernel.up_to_infinity(
        generators.alpha(order), p, lambda: entropies.renyi_entropy_of_log(order, log_p), lambda: -_log(largest(p))
    )


@of_one
def hartley_entropy(p, where, *, axis: Axis = -1):
    """log of the number of outcomes that are possible: order 0."""
    p = single(p, where, axis)
    return nan_where(jnp.isnan(p).any(-1), jnp.log((p > 0.0).sum(-1).astype(p.dtype)))


@of_one
def min_entropy(p, where, *, axis: Axis = -1):
    """-log max p: order ∞."""
    return -_log(largest(single(p, where, axis)))


@of_pair
def cross_entropy(p, q, where, *, axis: Axis = -1):
    return -_sum_times_log(*rows_of_pair(p, q, where, axis))


@entry(_values.probabilities, "p", static=("axis", "stack_axis"))
def jensen_shannon_of_many(p, weights, where, *, stack_axis: int, axis: Axis):
    p = probabilities("p", p)
    mask = _checks.mask(where, p.shape)
    rows, weights = _checks.stack(p, weights, axis, stack_axis)
    if mask is not None:
        rows = _checks.occupied(rows, _checks.stack(mask, None, axis, stack_axis)[0], 0.0, 1.0)
    return _of_many(_measure("p", rows), weights)


@jax.custom_jvp
def _of_many(p: jax.Array, weights: jax.Array) -> jax.Array:
    terms, _ = of_many_kernel.mixture_terms(p, p - p[..., :1, :], weights)
    return (weights * terms.sum(-1)).sum(-1)


@_of_many.defjvp
def _of_many_jvp(primals, tangents):
    # ∂/∂p_k = w_k log(p_k/m), at p_k = 0 < m taken at the smallest normal number; ∂/∂w_k = KL(p_k‖m)
    p, weights = primals
    dp, d_weights = tangents
    m = (weights[..., None] * p).sum(-2, keepdims=True)
    absent = m == 0.0
    terms, slope = of_many_kernel.mixture_terms(p, p - p[..., :1, :], weights)
    edge = log_ratio(jnp.where(absent, 1.0, jnp.maximum(p, tiny(p))), jnp.where(absent, 1.0, m))
    slope = jnp.where(absent, 0.0, jnp.where(p == 0.0, edge, slope))
    tangent = (weights[..., None] * slope * dp).sum((-1, -2))
    return _of_many(p, weights), tangent + (d_weights * terms.sum(-1)).sum(-1)
