"""Rows of probabilities whose quotients are ordinary numbers, as nearly all are: a block of rows at a time.

    D = Σ P(p, q, u, r),    u = p/q,    r = log u,    each entry 0 or between ``LEAST`` and ``MOST``

    P           the summand of an f-divergence
    r           2 atanh s near p = q, s = (p − q)/(p + q), whose difference is exact; else the logarithm of u

Then no quotient and no root over- or underflows, and u has all digits. An entry that is not ordinary makes its row -∞,
and the caller takes such rows the general way (``of_probabilities``), which asks for each outcome what u has lost.

What it buys, CPU time over the plain formula's on [8192, 100] in float32, value / with the gradient, beside the general
way's: KL 2.1 / 1.8 for 3.5 / 4.9, χ² 1.9 / 1.6 for 5.5 / 4.8, α of 3/2 1.4 / 1.4 for 10 / 7.3, Rényi of ½ 1.8 / 1.9 for
8.7 / 9.1. The plain formula of probabilities is two logarithms, and looks at no zero and no sign.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from kljax._kernels import in_range
from kljax._kernels.blocks import total
from kljax._special.elementwise import atanh_tail
from kljax._special.loops import in_one_loop
from kljax.generators import Generator
from kljax.generators._internal import Exact, Scalar, is_static, of_roots, summand, weighted_slopes

LEAST = {4: 2.0**-100, 8: 2.0**-900}
MOST = 1.0 + 2.0**-18  # of a probability, rounded; beyond, the quotient of the least normal number might underflow
NEAR = 4.0  # |log u| up to which the rounding of log u hardly shows in e^{βr}, which is off by some |βr| eps


def quotient(p: jax.Array, q: jax.Array) -> jax.Array:
    """p/q for q > 0"""
    return in_one_loop(p / q)


def log_ratio(gap: jax.Array, p: jax.Array, q: jax.Array, u: jax.Array, *, far: bool = True) -> jax.Array:
    """log(p/q) from p, q > 0, their quotient u and the gap q - p. Not ``far`` only its sign counts beyond 1."""
    s = in_one_loop(-gap / (p + q))
    near = jnp.abs(s) <= 0.5
    v = jnp.where(near, s, 0.0)
    twice, square = 2.0 * v, v * v
    return jnp.where(near, twice + twice * square * atanh_tail(square), jnp.log(u) if far else 2.0 * jnp.sign(s))


def power(order: Scalar, p: jax.Array, q: jax.Array, u: jax.Array, r: jax.Array) -> jax.Array:
    """pᵅq¹⁻ᵅ"""
    if is_static(order) and order == 0.5:
        return in_one_loop(jnp.sqrt(p)) * in_one_loop(jnp.sqrt(q))
    for one, mass, over in ((order, p, u), (1.0 - order, q, quotient(q, p))):
        if of_roots(one):
            whole, half = divmod(round(2.0 * one) - 2, 2)
            return mass * over**whole * (in_one_loop(jnp.sqrt(over)) if half else 1.0)
    return jnp.where(r > 0.0, p, q) * in_one_loop(jnp.exp(jnp.where(r > 0.0, order - 1.0, order) * r))


def value(generator: Generator, p: jax.Array, q: jax.Array) -> jax.Array:
    """Σ q f(p/q), of shape [..., 1]; below zero where a row is not ordinary, or its value infinite."""
    fits, least = ordinary(p, q), LEAST[p.dtype.itemsize]
    p, q = (jnp.minimum(x, 1.0 + MOST) for x in (p, q))  # of ∞ differences and ratios are no numbers
    exact = Exact(q - p, (p == 0.0) & (q > 0.0), (q == 0.0) & (p > 0.0))
    # What is absent stands for the least number: no quotient looks for zeros, and ``exact`` says where they are.
    p, q = (jnp.where(x < least, least, x) for x in (p, q))
    u = quotient(p, q)
    r = log_ratio(exact.gap, p, q, u, far=not _quotient_serves(generator))
    terms = summand(generator, p, q, r, functools.partial(power, p=p, q=q, u=u, r=r), u, exact)
    # Of ∞ a sum with -∞ would be no number; so large a number stands for it, and for those that are no less.
    endless = 2.0**-40 * float(jnp.finfo(p.dtype).max)
    found = total(jnp.where(fits & _in_reach(generator, r), jnp.minimum(terms, endless), -jnp.inf))
    return jnp.where(found < 0.5 * endless, found, -jnp.inf)


def slopes(generator: Generator, p: jax.Array, q: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(f'(u), f(u) - u f'(u)) for p, q > 0 of ordinary rows."""
    forms = generator.by_mass
    u = quotient(p, q)
    r = log_ratio(q - p, p, q, u, far=not _quotient_serves(generator))
    if forms is None or forms.in_log_p is None or forms.in_log_q is None:
        in_p, in_q = (form(r, *generator.parameters) for form in (generator.derivative, generator.coderivative))
        return in_p, in_q
    # Of degree zero: the slopes in log p at p = 1, in log q at q = 1.
    one = jnp.ones_like(u)
    for_p, for_q = (one, quotient(q, p)), (u, one)
    in_p = weighted_slopes(
        generator, *for_p, r, lambda order: power(order, *for_p, u, r), u, Exact(in_one_loop((q - p) / p))
    )[0]
    in_q = weighted_slopes(
        generator, *for_q, r, lambda order: power(order, *for_q, u, r), u, Exact(in_one_loop((q - p) / q))
    )[1]
    return in_p, in_q


def _quotient_serves(generator: Generator) -> bool:
    """Whether far from p = q forms take p/q and not its logarithm."""
    return generator.by_mass is not None and generator.by_mass.by_quotient


def ordinary(*rows: jax.Array) -> jax.Array:
    """Whether all entries are."""
    least = LEAST[rows[0].dtype.itemsize]
    found: Any = True
    for x in rows:
        found &= (x <= MOST) & ((x >= least) | (x == 0.0))
    return found


def _in_reach(generator: Generator, r: jax.Array) -> jax.Array | bool:
    """Whether the rounding of r does not show in what is made of it."""
    if in_range.linear(generator) or in_range.by_quotient(generator):
        return True
    return jnp.abs(r) <= NEAR
