"""Statistics of two rows of logits, and what they give: p, q and the accurate log-ratio of each outcome.

    p = exp((a − m_p)/T)/Z_p,    q likewise,    r = log(p/q) = (a − b)/T − R,    R = log Z_p − log Z_q + (m_p − m_q)/T
    d log p = da/T − E_p[da/T],                 Σ s d log p = Σ (s − p Σ s) da/T

    a, b        rows of logits, T their temperature
    m, Z        the largest logit, ``top``, and the norm Σ exp((a − m)/T)
    R           the ``shift``, a two-term sum
    s           slopes, derivatives in log p outcome by outcome

The decision that isn't obvious: r is never a difference of log-softmaxes, which would leave an error of eps times the
logits. The difference a − b is formed first and exactly, as a two-term sum, and R is one too. Then r has relative
accuracy, and so has every divergence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from kljax._kernels.blocks import single_or_double, total
from kljax._special.elementwise import divide, expm1_minus_x_near, two_diff, two_product, two_sum
from kljax._special.error_free import finite_two_sum
from kljax._special.safe import saturated
from kljax.generators._internal import Scalar

Temperature = jax.Array | None


class Statistics(NamedTuple):
    """Statistics of a pair of rows, each of shape [..., 1]."""

    top_p: jax.Array
    top_q: jax.Array
    norm_p: jax.Array  # Σ exp((a - top_p)/T)
    norm_q: jax.Array
    shift: jax.Array  # log(p/q) = (a - b)/T - shift - shift_tail
    shift_tail: jax.Array


def scaled(pair: tuple[jax.Array, jax.Array], temperature: Temperature) -> tuple[jax.Array, jax.Array]:
    """A two-term sum divided by the temperature."""
    if temperature is None:
        return pair
    head, tail = pair
    return head / temperature, tail / temperature


def less(head: jax.Array, tail: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A two-term sum minus x, as one whose second term is small even where the heads cancel."""
    head, rest = two_diff(head, x)
    return two_sum(head, rest + tail)


def exp_of_sum(head: jax.Array, tail: jax.Array) -> jax.Array:
    """exp of a two-term sum, to first order in the small term."""
    value = jnp.exp(head)
    return value + jnp.where(jnp.isinf(value), 0.0, value) * tail


def weights(a: jax.Array, top: jax.Array, temperature: Temperature) -> jax.Array:
    """exp((a - top)/T); the rounding error of the difference is put back to first order."""
    return exp_of_sum(*scaled(two_diff(a, top), temperature))


def log_ratio(a: jax.Array, b: jax.Array, rows: Statistics, temperature: Temperature) -> jax.Array:
    """(a - b - T shift)/T = log(p/q), and 0 where both are -∞.

    Of a/T - b/T the rounding of (a - b)/T would be left where a and b are a constant apart.
    """
    a, b = single_or_double(a) - huge(rows.top_p), single_or_double(b) - huge(rows.top_q)
    both, zero = (a == -jnp.inf) & (b == -jnp.inf), jnp.zeros_like(a)
    head, tail = two_diff(lax.select(both, zero, a), lax.select(both, zero, b))
    shift, shift_tail = rows.shift, rows.shift_tail
    if temperature is not None:
        shift, rest = two_product(shift, jnp.broadcast_to(temperature, shift.shape))
        shift, shift_tail = lax.optimization_barrier((shift, rest + temperature * shift_tail))
    gap = (head - shift) + (tail - shift_tail)
    return lax.select(both, zero, gap if temperature is None else gap / temperature)


def huge(top: jax.Array) -> jax.Array:
    """What a row's logits are lessened by where they are so large that a - b might overflow; else 0, as is usual."""
    limit = 2.0 ** (100 if top.dtype == jnp.float32 else 1000)
    return lax.select(jnp.abs(top) > limit, top, jnp.zeros_like(top))


def excess(p: jax.Array, q: jax.Array, x: jax.Array) -> jax.Array:
    """p (e⁻ˣ - 1 + x) ≥ 0 for q = p e⁻ˣ, which serves where |x| > 1 and e⁻ˣ might overflow."""
    near = jnp.abs(x) <= 1.0
    return jnp.where(near, p * expm1_minus_x_near(jnp.where(near, -x, 0.0)), q + p * (x - 1.0))


def masses(
    a: jax.Array, b: jax.Array, temperature: Temperature, rows: Statistics
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(p, q, r): the probabilities of both rows and r = log(p/q); r = ∓∞ where only p, only q is zero."""
    a, b = single_or_double(a), single_or_double(b)
    p = weights(a, rows.top_p, temperature) / rows.norm_p
    q = weights(b, rows.top_q, temperature) / rows.norm_q
    return p, q, log_ratio(a, b, rows, temperature)


def inverse(temperature: Temperature) -> Temperature:
    """1/T, by which a quotient is quicker."""
    return None if temperature is None else 1.0 / temperature


def times(x: jax.Array, scale: Temperature) -> jax.Array:
    """x/T from 1/T."""
    return x if scale is None else x * scale


def quick_masses(
    a: jax.Array, b: jax.Array, temperature: Temperature, rows: Statistics
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(p, q, log(p/q)); in half precision, or with a temperature, p and q are some eps less exact, to be quick."""
    full = a.dtype.itemsize >= 4
    if full and temperature is None:
        return masses(a, b, None, rows)
    scale = inverse(temperature)

    def mass(x: jax.Array, top: jax.Array, norm: jax.Array) -> jax.Array:
        if not full:
            return jnp.exp(times(single_or_double(x) - top, scale)) * (1.0 / norm)
        head, tail = two_diff(x, top)
        return exp_of_sum(times(head, scale), times(tail, scale)) / norm

    p, q = mass(a, rows.top_p, rows.norm_p), mass(b, rows.top_q, rows.norm_q)
    return p, q, log_ratio(a, b, rows, temperature)


class Logs(NamedTuple):
    """log p and log q, but for the norms, each as a two-term sum; 0 where p or q is absent."""

    p: tuple[jax.Array, jax.Array]
    q: tuple[jax.Array, jax.Array]
    absent: jax.Array


def logs(a: jax.Array, b: jax.Array, rows: Statistics, temperature: Temperature) -> Logs:
    """The logarithms of which those of powers are made."""
    a, b = single_or_double(a), single_or_double(b)
    absent = (a == -jnp.inf) | (b == -jnp.inf)
    # An exponent so low stands for zero, and its products do not overflow.
    far = float(jnp.finfo(a.dtype).max) * 2.0 ** (-16 if a.dtype == jnp.float32 else -32)
    parts = []
    for x, top in ((a, rows.top_p), (b, rows.top_q)):
        head, tail = scaled(two_diff(lax.select(absent, jnp.broadcast_to(top, x.shape), x), top), temperature)
        parts.append((jnp.maximum(head, -far), lax.select(head < -far, jnp.zeros_like(tail), tail)))
    return Logs(parts[0], parts[1], absent)


def log_power(order: Scalar, logs: Logs) -> tuple[jax.Array, jax.Array]:
    """log(pᵅq¹⁻ᵅ) without the norms, as a two-term sum; 0 where p or q is absent."""
    parts = []
    for (head, tail), power in ((logs.p, order), (logs.q, 1.0 - order)):
        product, rest = two_product(head, jnp.broadcast_to(power, head.shape))
        parts.append((product, rest + power * tail))
    head, rest = finite_two_sum(parts[0][0], parts[1][0])
    return finite_two_sum(head, rest + parts[0][1] + parts[1][1])  # the heads may have cancelled


def power_exponent(
    order: Scalar, a: jax.Array, b: jax.Array, rows: Statistics, temperature: Temperature
) -> tuple[jax.Array, jax.Array]:
    """The same of rows; -∞ where p or q is absent."""
    found = logs(a, b, rows, temperature)
    head, rest = log_power(jnp.asarray(order, found.p[0].dtype), found)
    return jnp.where(found.absent, -jnp.inf, head), jnp.where(found.absent, 0.0, rest)


def power_of_rows(
    a: jax.Array, b: jax.Array, rows: Statistics, temperature: Temperature, p: Any, q: Any, r: Any
) -> Callable[[Scalar], jax.Array]:
    """α ↦ pᵅq¹⁻ᵅ with the digits that p·e^{(α-1)r} would lose, or underflow with p; it moves with p, q and r."""

    def power(order: Scalar) -> jax.Array:
        order_ = jnp.asarray(order, p.dtype)
        fixed, still = lax.stop_gradient((order_, rows))
        head, tail = power_exponent(fixed, *lax.stop_gradient((a, b)), still, temperature)
        norm = fixed * jnp.log(still.norm_p) + (1.0 - fixed) * jnp.log(still.norm_q)
        exact = exp_of_sum(*less(head, tail, norm))
        return moving_with(lax.stop_gradient(exact), order_, p, q, r)

    return power


@jax.custom_jvp
def moving_with(value: jax.Array, order: jax.Array, p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """``value`` = pᵅq¹⁻ᵅ, with the derivative of that."""
    return value


@moving_with.defjvp
def moving_with_jvp(primals, tangents):
    # d log(pᵅq¹⁻ᵅ) = d log p + (α - 1) dr = d log q + α dr, plus r dα
    value, order, p, q, r = primals
    _, d_order, dp, dq, dr = tangents
    inside = ~jnp.isinf(r) & (jnp.maximum(p, q) > 0.0)
    use_p = p >= q
    larger = jnp.where(inside, jnp.maximum(p, q), 1.0)
    slope = divide(jnp.where(use_p, dp, dq), larger) + jnp.where(use_p, order - 1.0, order) * dr
    slope = jnp.where(inside, slope + jnp.where(inside, r, 0.0) * d_order, 0.0)
    return moving_with(value, order, p, q, r), jnp.where(jnp.isinf(value), 0.0, value) * slope


normalise = jax.custom_jvp(masses)


@normalise.defjvp
def _normalise_jvp(primals, tangents):
    a, b, temperature, rows = primals
    da, db, d_temperature, _ = tangents
    p, q, r = normalise(a, b, temperature, rows)
    da, db = da.astype(p.dtype), db.astype(q.dtype)
    d_log_p = centre(p, logit_tangent(a, rows.top_p, temperature, da, d_temperature))
    d_log_q = centre(q, logit_tangent(b, rows.top_q, temperature, db, d_temperature))
    inside = ~jnp.isinf(r)
    return (p, q, r), (p * d_log_p, q * d_log_q, jnp.where(inside, d_log_p - d_log_q, 0.0))


def centre(p: jax.Array, tangent: jax.Array) -> jax.Array:
    """tangent - Σ p·tangent, the derivative of log-softmax: adding a constant to the tangent changes nothing.

    The tangent is taken relative to the outcome that holds more than half of p, if there is one, whose own entry is
    then a sum over the others. So the result keeps its digits when p is nearly one-hot.
    """
    dominant = p > 0.5
    reference = jnp.where(dominant, tangent, 0.0).sum(-1, keepdims=True)
    relative = jnp.where(dominant, 0.0, tangent - reference)
    return relative - (p * relative).sum(-1, keepdims=True)


def balance(p: jax.Array, slopes: jax.Array) -> jax.Array:
    """slopes - p Σ slopes, the gradient in the logits from that in log p: the transpose of ``centre``.

    A gradient sums to zero; the entry of an outcome that holds more than half of p is what the others leave. Slopes
    that overflow saturate, so that their sum is finite, and early enough that their own derivatives do not overflow.
    """
    top = 2.0**-10 * float(jnp.finfo(p.dtype).max) / p.shape[-1]
    slopes = saturated(slopes, top)
    dominant = p > 0.5
    gradient = jnp.where(dominant, 0.0, slopes - p * total(slopes))
    return jnp.where(dominant, -total(gradient), gradient)


def closed(p: jax.Array, slopes: jax.Array) -> jax.Array:
    """Slopes that must sum to zero: that of an outcome with more than half of p becomes what the others leave."""
    dominant = p > 0.5
    return jnp.where(dominant, -total(jnp.where(dominant, 0.0, slopes)), slopes)


def logit_tangent(
    a: jax.Array, top: jax.Array, temperature: Temperature, da: jax.Array, d_temperature: jax.Array | None
) -> jax.Array:
    """The tangent of a/T, up to a constant in each row."""
    if temperature is None or d_temperature is None:
        return da
    a = single_or_double(a)
    offset = jnp.where(a == -jnp.inf, 0.0, a - top)
    return (da - offset * (d_temperature / temperature)) / temperature


class Pair(NamedTuple):
    """Two rows, or a block of such pairs: the logits, their statistics, p, q and r = log(p/q)."""

    a: jax.Array
    b: jax.Array
    temperature: Temperature
    rows: Statistics
    p: jax.Array
    q: jax.Array
    r: jax.Array

    def power(self, order: Scalar) -> jax.Array:
        """pᵅq¹⁻ᵅ"""
        return power_of_rows(self.a, self.b, self.rows, self.temperature, self.p, self.q, self.r)(order)


def pair_of(a: jax.Array, b: jax.Array, temperature: Temperature, rows: Statistics) -> Pair:
    """The pair, whose p, q and r move with a, b and the temperature."""
    return Pair(a, b, temperature, rows, *normalise(a, b, temperature, rows))
