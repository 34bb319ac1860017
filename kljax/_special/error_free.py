"""Error-free transformations: sums and products as two numbers (Dekker 1971; Knuth, TAOCP 2, 4.2.2)."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import lax


def two_sum(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(s, e) with s = fl(a + b) and s + e = a + b exactly; e = 0 where s is not finite."""
    s = a + b
    # Masked before the differences: ∞ - ∞ would be formed in them.
    finite, zero = lax.is_finite(s), jnp.zeros_like(s)
    a, b, t = (lax.select(finite, jnp.broadcast_to(one, s.shape), zero) for one in (a, b, s))
    bb = t - a
    return s, (a - (t - bb)) + (b - bb)


def finite_two_sum(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The same of numbers whose sum is known to be finite, in a third of the operations."""
    s = a + b
    bb = s - a
    return s, (a - (s - bb)) + (b - bb)


def fast_two_sum(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The same of finite a and b with |a| ≥ |b| or a = 0, in a quarter of the operations."""
    s = a + b
    return s, b - (s - a)


def two_diff(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(d, e) with d = fl(a - b) and d + e = a - b exactly; e = 0 where d is not finite."""
    return two_sum(a, -b)


def two_product(a: jax.Array, b: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(p, e) with p = fl(a b) and p + e = a b exactly, for |a|, |b| far from overflow."""
    p = a * b
    (a_head, a_tail), (b_head, b_tail) = _split(a), _split(b)
    return p, ((a_head * b_head - p) + a_head * b_tail + a_tail * b_head) + a_tail * b_tail


def _split(a: jax.Array) -> tuple[jax.Array, jax.Array]:
    """A number as two of half its digits (Dekker 1971)."""
    c = (134217729.0 if a.dtype == jnp.float64 else 4097.0) * a
    head = c - (c - a)
    return head, a - head
