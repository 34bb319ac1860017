"""log x less a number that it is close to, to the digits of the difference.

    x = 2ᵉm,   log m = 2s(1 + s²/3 + s⁴/5 + …),   s = (m - 1)/(m + 1),   √½ ≤ m ≤ √2

with s, s² and the first terms as sums of two numbers. The logarithm alone has an error of eps |log x|, which a small
scale divides: that of LogNormal(10, 1e-4) would have no digits left.
"""

from __future__ import annotations

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import divide, two_product, two_sum
from kljax._special.error_free import fast_two_sum

Pair = tuple[jax.Array, jax.Array]
_LEVELS = 7
_LOG_2 = Fraction(int("B17217F7D1CF79ABC9E3B39803F2F6AF40F343267", 16), 2**164)


def _pieces(value: Fraction, like: jax.Array, count: int, bits: int = 0) -> list[float]:
    """A constant as numbers of the dtype that add up to it, the first of so many bits if asked for."""
    kind = np.float64 if like.dtype == jnp.float64 else np.float32
    found, rest = [], value
    for at in range(count):
        piece = (
            Fraction(math.floor(rest * 2**bits), 2**bits) if bits and at == 0 else Fraction(float(kind(float(rest))))
        )
        found.append(float(piece))
        rest -= piece
    return found


def _full(like: jax.Array, value: float) -> jax.Array:
    """A constant that the compiler does not join with another."""
    return jax.lax.optimization_barrier(jnp.full_like(like, value))


def _times(a: Pair, b: Pair) -> Pair:
    product, rest = two_product(a[0], b[0])
    return fast_two_sum(product, rest + (a[0] * b[1] + a[1] * b[0]))


def _plus(constant: list[float], b: Pair) -> Pair:
    """A constant, of two pieces, and something smaller."""
    total, rest = fast_two_sum(_full(b[0], constant[0]), b[0])
    return total, rest + (b[1] + constant[1])


def _log_parts(x: jax.Array) -> Pair:
    """log x of a positive normal number as two."""
    m, e = jnp.frexp(x)
    low = m < math.sqrt(0.5)
    m, power = jnp.where(low, 2.0 * m, m), (e - low.astype(e.dtype)).astype(x.dtype)
    f = m - _full(m, 1.0)
    g, g_rest = fast_two_sum(_full(f, 2.0), f)
    s = f / g
    product, rest = two_product(s, g)
    pair = s, (((f - product) - rest) - s * g_rest) / g
    square = _times(pair, pair)
    count = 13 if x.dtype == jnp.float64 else 8
    tail = jnp.full_like(x, 1.0 / (2 * count + 1))
    for k in range(count - 1, _LEVELS - 1, -1):
        tail = tail * square[0] + 1.0 / (2 * k + 1)
    series = tail, jnp.zeros_like(tail)
    for k in range(_LEVELS - 1, -1, -1):
        series = _plus(_pieces(Fraction(1, 2 * k + 1), x, 2), _times(square, series))
    high, low_part = _times((2.0 * pair[0], 2.0 * pair[1]), series)
    # The first piece of log 2 is so short that its multiples are exact.
    first, second, third = _pieces(_LOG_2, x, 3, 40 if x.dtype == jnp.float64 else 15)
    product, rest = two_product(power, _full(x, second))
    # |high| ≤ ½ log 2, so that the multiple of log 2 is zero or larger.
    total, more = fast_two_sum(power * first, product)
    whole, lost = fast_two_sum(total, high)
    return fast_two_sum(whole, (lost + more) + (low_part + rest + power * third))


def _less(parts: Pair, level: jax.Array) -> jax.Array:
    gap, rest = two_sum(parts[0], -level)
    return gap + (rest + parts[1])


@jax.custom_jvp
def log_less(x: jax.Array, level: jax.Array) -> jax.Array:
    """log x - level for x > 0."""
    return _less(_log_parts(x), level)


@log_less.defjvp
def _log_less_jvp(primals, tangents):
    (x, level), (dx, dlevel) = primals, tangents
    return log_less(x, level), divide(dx, x) - dlevel


@jax.custom_jvp
def logit_less(x: jax.Array, level: jax.Array) -> jax.Array:
    """log(x/(1 - x)) - level for 0 < x < 1."""
    rest, lost = two_sum(_full(x, 1.0), -x)
    high, low = _log_parts(x)
    other, other_low = _log_parts(rest)
    total, more = two_sum(high, -other)
    return _less((total, more + (low - other_low - lost / rest)), level)


@logit_less.defjvp
def _logit_less_jvp(primals, tangents):
    (x, level), (dx, dlevel) = primals, tangents
    return logit_less(x, level), divide(dx, x) + divide(dx, 1.0 - x) - dlevel
