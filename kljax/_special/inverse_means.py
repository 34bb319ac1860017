"""Natural parameters from mean ones, where that takes Newton's method: gamma, Dirichlet, von Mises–Fisher.

Each function is solved to the last digits in a loop, and differentiated through the equation that it solves. Starts
are so near that Newton's method needs no bracket, and one is for a vector; a bracket is for `kljax._special.roots`.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from kljax._special.bessel import bessel_ratio, bessel_ratio_complement, bessel_ratio_slope
from kljax._special.elementwise import divide, log_ratio
from kljax._special.gamma import digamma, digamma_gap, scaled_derivative
from kljax._special.stirling import remainder_slope

_STEPS = 200


def _iterate(advance: Any, start: Any) -> Any:
    """Repeats x ↦ advance(x) until no entry moves by more than some ulps; NaN for what is not found in 200 steps."""

    def unfinished(carry: Any) -> jax.Array:
        _, moving, count = carry
        return moving & (count < _STEPS)

    def again(carry: Any) -> Any:
        x, _, count = carry
        moved = advance(x)
        return moved, (jnp.abs(moved - x) > 4.0 * jnp.finfo(x.dtype).eps * jnp.abs(x)).any(), count + 1

    found = lax.while_loop(unfinished, again, (start, jnp.asarray(True), jnp.zeros((), jnp.int32)))[0]
    last = advance(found)
    return jnp.where(jnp.abs(last - found) <= 1e-3 * jnp.abs(found), last, jnp.nan)


def _log_less_digamma(a: jax.Array) -> jax.Array:
    """log a - ψ(a) > 0 for a > 0, with relative accuracy."""
    low = a < 1.0
    u = jnp.where(low, a + 1.0, a)
    shift = jnp.where(low, log_ratio(a, u) + 1.0 / a, 0.0)
    return 0.5 / u - remainder_slope(u) + shift


@jax.custom_jvp
def gamma_shape(excess: jax.Array) -> jax.Array:
    """The α at which log α - ψ(α) = excess; ∞ at 0, 0 at ∞."""
    inside = (excess > 0.0) & (excess < jnp.inf)
    s = jnp.where(inside, excess, 1.0)
    start = (3.0 - s + jnp.sqrt(jnp.square(s - 3.0) + 24.0 * s)) / (12.0 * s)
    # For large s the quotient above is a difference of nearly equal numbers: there α is about 1/(s + log s).
    start = jnp.where(s < 10.0, start, 1.0 / (s - jnp.log(s)))

    def advance(a: jax.Array) -> jax.Array:
        # Newton's method in 1/α (Minka 2002): φ″(α) = ψ'(α) - 1/α.
        move = divide(_log_less_digamma(a) - s, scaled_derivative(True, 2, a))  # (log α - ψ - s)/(α φ″)
        return a / jnp.maximum(1.0 - move, 0.1)

    ends = jnp.where(excess == 0.0, jnp.inf, jnp.where(excess == jnp.inf, 0.0, jnp.nan))
    return jnp.where(inside, _iterate(advance, start), ends)


@gamma_shape.defjvp
def _gamma_shape_jvp(primals, tangents):
    # (1/α - ψ'(α)) dα = ds
    (s,), (ds,) = primals, tangents
    a = gamma_shape(s)
    inside = (a > 0.0) & (a < jnp.inf)
    safe = jnp.where(inside, a, 1.0)
    return a, jnp.where(inside, -divide(safe * ds, scaled_derivative(True, 2, safe)), 0.0)


def _solve_information(a: jax.Array, right: jax.Array) -> jax.Array:
    """x with (diag ψ'(αᵢ) - ψ'(α₀)) x = right, along the last axis."""
    # By Sherman and Morrison, with 1/ψ'(α) = α - e(α): what remains of 1/ψ'(α₀) - Σ 1/ψ'(αᵢ) is Σ e(αᵢ) - e(α₀).
    total = a.sum(-1, keepdims=True)

    def inverse(x: jax.Array) -> jax.Array:
        return x / scaled_derivative(False, 2, x)

    def excess(x: jax.Array) -> jax.Array:
        return x * (scaled_derivative(True, 2, x) / scaled_derivative(False, 2, x))

    inverses = inverse(a)
    small = inverse(total) - inverses.sum(-1, keepdims=True)
    left = jnp.where(total < 1.0, small, excess(a).sum(-1, keepdims=True) - excess(total))
    common = (inverses * right).sum(-1, keepdims=True) / left
    return inverses * (right + common)


@jax.custom_jvp
def dirichlet_concentration(mean_log: jax.Array) -> jax.Array:
    """The α at which ψ(αᵢ) - ψ(Σα) = gᵢ, [..., n]; ∞ where Σ exp gᵢ ≥ 1, which no distribution with spread has."""
    # -log Σ exp gᵢ, which is small where one gᵢ is: that one as exp g - 1.
    place = lax.broadcasted_iota(jnp.int32, mean_log.shape, mean_log.ndim - 1)
    first = place == mean_log.argmax(-1, keepdims=True).astype(jnp.int32)
    parts = jnp.where(first, jnp.expm1(mean_log), jnp.exp(mean_log)).sum(-1, keepdims=True)
    near = parts > -0.5
    total = jax.nn.logsumexp(mean_log, -1, keepdims=True)
    apart = -jnp.where(near, jnp.log1p(jnp.where(near, parts, 0.0)), total)
    inside = (apart > 0.0) & jnp.isfinite(mean_log).all(-1, keepdims=True)
    g = jnp.where(inside, mean_log, -jnp.log(jnp.asarray(mean_log.shape[-1], mean_log.dtype)) - 1.0)
    spread = jnp.where(inside, apart, 1.0)
    # For large α the spread is about (n - 1)/(2 α₀); then α from ψ(αᵢ) = gᵢ + ψ(α₀), by Minka's inverse of ψ.
    level = g + digamma(0.5 * (g.shape[-1] - 1) / spread)
    low = level < -2.22
    start = jnp.where(low, -1.0 / jnp.where(low, level + 0.5772157, -1.0), jnp.exp(jnp.where(low, 0.0, level)) + 0.5)

    def slope(a: jax.Array) -> jax.Array:
        return g + digamma_gap(jnp.broadcast_to(a.sum(-1, keepdims=True), a.shape), a)

    def advance(a: jax.Array) -> jax.Array:
        # Newton's method on a concave function, halved until the slope along the step is smaller than at its start.
        gradient = slope(a)
        step = _solve_information(a, gradient)
        before = (step * gradient).sum(-1, keepdims=True)

        def good(share: jax.Array) -> jax.Array:
            end = a + share * step
            legal = (end > 0.0).all(-1, keepdims=True)
            after = (step * slope(jnp.where(legal, end, a))).sum(-1, keepdims=True)
            return legal & ((jnp.abs(after) < before) | (jnp.abs(share * step) <= 1e-3 * a).all(-1, keepdims=True))

        def halve(share: jax.Array) -> jax.Array:
            return jnp.where(good(share), share, 0.5 * share)

        share = lax.while_loop(lambda t: (~good(t) & (t > 1e-6)).any(), halve, jnp.ones_like(before))
        return a + share * step

    found = _iterate(advance, start)
    # Where one αᵢ is lost beside another in the sum α₀, the equation can't be solved in this dtype: NaN says so.
    solved = (jnp.abs(slope(found)) <= 1e-2 * jnp.abs(g)).all(-1, keepdims=True)
    ends = jnp.where(apart <= 0.0, jnp.inf, jnp.nan)
    return jnp.where(inside & solved, found, jnp.broadcast_to(jnp.where(inside, jnp.nan, ends), found.shape))


@dirichlet_concentration.defjvp
def _dirichlet_concentration_jvp(primals, tangents):
    (g,), (dg,) = primals, tangents
    a = dirichlet_concentration(g)
    inside = jnp.isfinite(a)
    return a, jnp.where(inside, _solve_information(jnp.where(inside, a, 1.0), dg), 0.0)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def resultant_concentration(order: float, length: jax.Array, rest: jax.Array) -> jax.Array:
    """The κ at which I_{ν+1}(κ)/I_ν(κ) is ``length`` = 1 - ``rest``; 0 at 0, ∞ at 1."""
    inside = (length > 0.0) & (rest > 0.0)
    r, left = jnp.where(inside, length, 0.5), jnp.where(inside, rest, 0.5)
    n = 2.0 * order + 2.0
    start = r * (n - 1.0 + left * (1.0 + r)) / (left * (1.0 + r))  # r (n - r²)/(1 - r²)

    def advance(k: jax.Array) -> jax.Array:
        gap = jnp.where(r < 0.5, bessel_ratio(k, order) - r, left - bessel_ratio_complement(k, order))
        return jnp.maximum(k - divide(gap, bessel_ratio_slope(k, order)), 0.1 * k)

    found = _iterate(advance, start)
    ends = jnp.where(length == 0.0, 0.0, jnp.where(rest == 0.0, jnp.inf, jnp.nan))
    return jnp.where(inside, found, ends)


@resultant_concentration.defjvp
def _resultant_concentration_jvp(order, primals, tangents):
    (r, rest), (dr, drest) = primals, tangents
    k = resultant_concentration(order, r, rest)
    inside = (r > 0.0) & (rest > 0.0)
    change = jnp.where(r < 0.5, dr, -drest)
    slope = bessel_ratio_slope(jnp.where(inside, k, 1.0), order)
    # At 0 the slope of κ is that of its series, 1/A'(0) = 2ν + 2.
    return k, jnp.where(inside, divide(change, slope), jnp.where(r == 0.0, (2.0 * order + 2.0) * dr, 0.0))
