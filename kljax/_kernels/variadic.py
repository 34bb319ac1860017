"""Statistics of two rows of logits by one reduction: each logit is read once, in whatever order the compiler likes.

XLA's GPU backends run one reduction over several operands at once, its CPU backend does not. The accumulators are
those of ``Parts``, about their own mean, joined as ``parts`` joins them: by sums of non-negative terms. Rounding grows
with the longest chain of joins, which on a GPU is a row's length over the threads that share it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.blocks import single_or_double
from kljax._kernels.parts import Parts, finish
from kljax._kernels.rows import Rows, log_ratio, masses, normalise
from kljax._special import expm1_minus_x_near, two_diff, two_sum
from kljax.generators._masses import mass_gap

PLATFORMS = ("cuda", "rocm")  # the names that XLA gives to its GPU backends when it lowers
OUTCOMES = 1024  # shorter rows stay in a GPU's cache over several passes


def choose(platform: str, dtype: Any, shape: tuple[int, ...]) -> str:
    """``"variadic"`` or ``"passes"``, one reduction or several, for rows of this dtype and shape."""
    known = jnp.dtype(dtype).name in ("float16", "bfloat16", "float32", "float64")
    return "variadic" if platform in PLATFORMS and known and shape and shape[-1] >= OUTCOMES else "passes"


def by_platform(one: Callable[..., Any], several: Callable[..., Any], a: jax.Array, *operands: Any) -> Any:
    """``one(a, *operands)`` where rows like ``a`` take one reduction, else ``several``; decided when XLA lowers."""
    chosen = {name: one for name in PLATFORMS if choose(name, a.dtype, a.shape) == "variadic"}
    if not chosen:
        return several(a, *operands)
    return lax.platform_dependent(a, *operands, default=several, **chosen)


def statistics(a: jax.Array, b: jax.Array) -> Parts:
    """The statistics along the last axis of the logits a and b, each of shape [..., 1]."""
    # A difference of halves is exact in float32 unless one is 2¹⁶ times the other.
    halves = a.dtype.itemsize < 4
    a, b = single_or_double(a), single_or_double(b)
    no_p, no_q = a == -jnp.inf, b == -jnp.inf
    either = no_p | no_q
    one, zero = jnp.ones_like(a), jnp.zeros_like(a)
    left, right = jnp.where(either, 0.0, a), jnp.where(either, 0.0, b)
    gap, rest = (left - right, zero) if halves else two_diff(left, right)
    # One outcome is a part: its mean is its own a - b, of which rounding left a drift.
    leaves = Parts(
        top_p=a,
        top_q=b,
        norm_p=jnp.where(either, zero, one),
        norm_q=jnp.where(either, zero, one),
        missed=jnp.where(no_q & ~no_p, one, zero),
        outside=jnp.where(no_p & ~no_q, one, zero),
        center=gap,
        drift=rest,
        excess=zero if halves else rest * rest * (0.5 - rest * (1.0 / 6.0)),  # e(-rest); rest is an eps of a - b
    )
    start = [-jnp.inf, -jnp.inf, *[0.0] * 7]
    initial = tuple(jnp.asarray(x, a.dtype) for x in start)
    found = Parts(*lax.reduce(tuple(leaves), initial, _join, (a.ndim - 1,)))
    norm = jnp.where(found.norm_p == 0.0, 1.0, found.norm_p)
    found = found._replace(drift=found.drift / norm, excess=found.excess / norm)
    return jax.tree.map(lambda x: x[..., None], found)


def _join(one: Any, other: Any) -> tuple[jax.Array, ...]:
    """Two parts together; here drift and excess are sums over p's weights, not yet divided by norm_p."""
    x, y = Parts(*one), Parts(*other)
    ahead = x.top_p >= y.top_p
    # The part with the larger top keeps its scale, so that one exponential serves both.
    fall = jnp.where(x.top_p == y.top_p, 0.0, -jnp.abs(x.top_p - y.top_p))
    scale = jnp.exp(fall)
    orders = zip(x, y, strict=True), zip(y, x, strict=True)
    win, lose = (Parts(*(jnp.where(ahead, *pair) for pair in pairs)) for pairs in orders)
    weight = scale * lose.norm_p
    norm_p = win.norm_p + weight
    apart = lose.center - win.center
    center = win.center + apart * (weight / jnp.where(norm_p == 0.0, 1.0, norm_p))
    excess = _moved(win, center - win.center, jnp.zeros_like(fall), jnp.ones_like(fall))
    excess += _moved(lose, center - lose.center, fall, scale)
    drift = (win.drift - win.norm_p * (center - win.center)) + (scale * lose.drift - weight * (center - lose.center))
    missed = win.missed + scale * lose.missed
    missed = jnp.where(lose.missed > 0.0, jnp.maximum(missed, float(jnp.finfo(missed.dtype).tiny)), missed)
    ahead_q = x.top_q >= y.top_q
    scale_q = jnp.exp(jnp.where(x.top_q == y.top_q, 0.0, -jnp.abs(x.top_q - y.top_q)))
    norm_q, outside = (
        jnp.where(ahead_q, left, right) + scale_q * jnp.where(ahead_q, right, left)
        for left, right in ((x.norm_q, y.norm_q), (x.outside, y.outside))
    )
    return Parts(
        lax.max(x.top_p, y.top_p),
        lax.max(x.top_q, y.top_q),
        norm_p,
        norm_q,
        missed,
        outside,
        center,
        drift,
        excess,
    )


def _moved(part: Parts, t: jax.Array, fall: jax.Array, scale: jax.Array) -> jax.Array:
    """scale times the sum ``excess`` of a part about its center + t: eᵗE + e(t) - S expm1(t), e(t) = eᵗ - 1 - t."""
    near = jnp.abs(t) <= 1.0
    s = jnp.where(near, t, 0.0)
    e = expm1_minus_x_near(s)
    # In one exponent, for eᵗ may overflow where its product with the scale does not. What overflows all the same, or
    # is no number then, stays so, and ``value_and_rows`` sees it.
    lifted = jnp.where(near, scale * (1.0 + (s + e)), jnp.exp(fall + t))
    grown = jnp.where(near, scale * e, lifted - scale * (1.0 + t))
    growth = jnp.where(near, scale * (s + e), lifted - scale)
    return lifted * part.excess + part.norm_p * grown - part.drift * growth


def value_and_rows(by_passes: Callable[..., jax.Array], a: jax.Array, b: jax.Array) -> tuple[jax.Array, Rows]:
    """KL(p‖q) and the statistics of the rows, each of shape [..., 1]; ``by_passes(a, b)`` is the KL [...] in doubt."""
    found = statistics(a, b)
    value, rows = finish(found)
    # An excess that overflowed on the way says nothing; that is one of a large divergence, or of outcomes far below
    # all others, in which case the divergence may still be small.
    lost = ~(found.excess < jnp.inf) & (found.missed == 0.0) & ~jnp.isnan(value) & (value < 0.5)

    def again(a, b, value):
        return jnp.where(lost, by_passes(a, b)[..., None], value)

    value = lax.cond(lost.any(), again, lambda a, b, value: value, a, b, value)
    # The shift so that shift + KL is the mean of a - b to its last digit: the gradient in a is p times what exceeds it.
    head, low = two_diff(found.drift, value)
    shift, tail = two_sum(found.center, head)
    kept = (found.missed == 0.0) & jnp.isfinite(value)
    rows = rows._replace(
        shift=jnp.where(kept, shift, rows.shift), shift_tail=jnp.where(kept, tail + low, rows.shift_tail)
    )
    return value, rows


@jax.custom_jvp
def kl_slopes(a: jax.Array, b: jax.Array, rows: Rows, value: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(p (log(p/q) - KL), q - p), the gradients of KL(p‖q) in a and b where it is finite, without another sum.

    The shift in ``rows`` is that of the mean of a - b under p, exact to a few eps of how far the outcomes lie from it:
    so the entry of an outcome with nearly all of p keeps its digits.
    """
    p, q, r = masses(a, b, None, rows)
    mean, tail = two_sum(rows.shift, value)
    level = log_ratio(a, b, rows._replace(shift=mean, shift_tail=tail + rows.shift_tail), None)
    return p * jnp.where(jnp.isinf(level), 0.0, level), mass_gap(p, q, r)


@kl_slopes.defjvp
def _kl_slopes_jvp(primals, tangents):
    # The slopes' own derivative, from that of p, q and log(p/q); KL's is the sum of slopes and tangents.
    a, b, rows, _ = primals
    slopes = kl_slopes(*primals)

    def of_logits(a, b):
        p, q, r = normalise(a, b, None, rows)
        outside = jnp.isinf(r)
        r_ = jnp.where(outside, 0.0, r)
        mean = jnp.where(outside, 0.0, p * r_).sum(-1, keepdims=True)
        return p * (r_ - mean), mass_gap(p, q, r)

    return slopes, jax.jvp(of_logits, (a, b), tangents[:2])[1]


def kl_tangent(
    general: Callable[..., jax.Array], a: jax.Array, b: jax.Array, rows: Rows, value: jax.Array, da: Any, db: Any
) -> jax.Array:
    """The tangent of KL, Σ slopes · tangents, of shape [...]; by ``general(a, b, da, db)`` where a KL is not finite."""

    @jax.checkpoint
    def plain(a, b, da, db):
        total: Any = 0.0
        for slope, tangent in zip(kl_slopes(a, b, rows, value), (da, db), strict=True):
            if tangent is not None:
                total += (slope * tangent.astype(slope.dtype)).sum(-1)
        return total

    return lax.cond(jnp.isfinite(value).all(), plain, jax.checkpoint(general), a, b, da, db)
