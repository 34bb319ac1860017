"""Kullback and Leibler's divergence of two rows of logits: what it has simpler than other f-divergences.

    D = Σ p r,    ∂D/∂a = p (r − D) = p (x − E_p[x]),  x = a − b,    ∂D/∂b = q − p = −p expm1(−r)

    r = x − R   log(p/q); R + D is the mean of x under p, so that p times what exceeds it keeps its digits
    missed      the part of p that q misses; D is then ∞, and the gradients those over the outcomes that q has

So the statistics are all that the value and the gradients take: no sum waits for another.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from kljax._kernels import in_range, pieces
from kljax._kernels.divergence import Divergence, InRange, Streamed
from kljax._kernels.passes import evaluate
from kljax._kernels.rows import Pair, Statistics, Temperature, log_ratio, normalise, quick_masses
from kljax._kernels.sharded import PAIR, Functional, masses_of
from kljax._special.elementwise import two_sum
from kljax.generators import Generator, kl
from kljax.generators._internal import mass_gap, slopes_of_rows, summand


def _value(generator: Generator, pair: Pair) -> jax.Array:
    return summand(generator, pair.p, pair.q, pair.r).sum(-1)


def _slopes(generator: Generator, value: jax.Array, pair: Pair) -> tuple[jax.Array, jax.Array]:
    return slopes_of_rows(generator, pair.p, pair.q, pair.r)


@jax.custom_jvp
def _streamed_slopes(
    a: jax.Array, b: jax.Array, temperature: Temperature, rows: Statistics, value: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """(p (log(p/q) - KL), q - p), KL(p‖q)'s gradients in a/T and b/T where it is finite, without another sum.

    The shift in ``rows`` is that of the mean of (a - b)/T under p, exact to a few eps of how far the outcomes lie from
    it: so the entry of an outcome with nearly all of p keeps its digits.
    """
    p, q, r = quick_masses(a, b, temperature, rows)
    mean, tail = two_sum(rows.shift, value)
    level = log_ratio(a, b, rows._replace(shift=mean, shift_tail=tail + rows.shift_tail), temperature)
    return p * jnp.where(jnp.isinf(level), 0.0, level), mass_gap(p, q, r)


@_streamed_slopes.defjvp
def __streamed_slopes_jvp(primals, tangents):
    # The slopes' own derivative, from that of p, q and log(p/q); KL's is the sum of slopes and tangents.
    *moving, rows, _ = primals
    slopes = _streamed_slopes(*primals)

    def of_logits(a, b, temperature):
        p, q, r = normalise(a, b, temperature, rows)
        outside = jnp.isinf(r)
        r_ = jnp.where(outside, 0.0, r)
        mean = jnp.where(outside, 0.0, p * r_).sum(-1, keepdims=True)
        return p * (r_ - mean), mass_gap(p, q, r)

    return slopes, jax.jvp(of_logits, tuple(moving), tuple(tangents[:3]))[1]


def _certain(value: jax.Array, rows: Statistics, temperature: Temperature) -> jax.Array:
    if temperature is None:
        return jnp.isfinite(value)
    # The rounding of T shift, a two-term sum, shows in an outcome that has nearly all of p.
    eps = float(jnp.finfo(value.dtype).eps)
    return jnp.isfinite(value) & ((eps * jnp.abs(rows.shift) <= 4.0 * value) | (value == 0.0))


KL = Divergence(
    by_passes=functools.partial(evaluate, _value),
    slopes=_slopes,
    in_range=InRange(in_range.evaluate, in_range.slopes),
    streamed=Streamed(
        value=lambda sides, generator, a, b, temperature, value, rows: (value, {}),
        slopes=lambda sides, generator, a, b, temperature, rows, value, sums: _streamed_slopes(
            a, b, temperature, rows, value
        ),
        names=lambda generator, sides: (),
        certain=_certain,
    ),
)


def _gradient(given, mark, found, _, a, b):
    # ∂/∂a = p (r - Σ p r), ∂/∂b = q - p, both over the outcomes that q has.
    rows, (p, q, r) = masses_of(found, a, b)
    lost = r == jnp.inf
    mean = pieces.shared_slope(found, rows)
    # Where q misses nothing, from a - b and its mean, which keep the digits of an outcome with nearly all of p.
    about_mean = log_ratio(a, b, rows._replace(shift=found.center, shift_tail=found.drift), None)
    level = jnp.where(found.missed > 0.0, jnp.where(lost, 0.0, r) - mean, about_mean)
    level = jnp.where(jnp.isinf(r), -mean, level)
    missing = found.missed / rows.norm_p  # Σ (q - p) over the outcomes that q has
    in_p = p * level
    return in_p, jnp.where(lost, 0.0, mass_gap(p, q, r)) - q * missing


PIECES = Functional(
    rows=lambda given, labels, a, b: KL(kl, a, b, None),
    value=lambda given, found, _: pieces.finish(found)[0],
    gradient=_gradient,
    **PAIR,
)
