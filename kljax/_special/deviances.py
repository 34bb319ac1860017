"""Densities of the gamma and the beta kind, of which nothing large is left where Stirling's formula would cancel.

With log Γ(a) = a log a - a + φ(a), what the large terms of a log-density add up to is a deviance, which is ≥ 0:

    a log m - m - log Γ(a) = -K(a, m) - φ(a),   K(a, m) = a log(a/m) - a + m = a h(m/a - 1),   h(t) = t - log(1 + t)
    a log x + b log(1 - x) - log B(a, b) = -D(a, b; x) - φ(a) - φ(b) + φ(n),   D = K(a, nx) + K(b, n(1 - x)), n = a + b

The small differences m - a and nx - a are formed without error, so that the error is that of the result and not √a
times as large. Entropies follow from that of a standard gamma variable,

    G(a) = a + log Γ(a) + (1 - a)ψ(a) = ½ log(2πe a) - J(a),

as G(a) + G(b) - G(a + b) - ψ(a + b) for Beta, and likewise for Dirichlet and Wishart distributions.

References:
    Loader (2000), "Fast and accurate computation of binomial probabilities".
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kljax._special.edges import at_end, power_log
from kljax._special.elementwise import divide, log1p, log_ratio, tiny, two_product, two_sum, x_minus_log1p
from kljax._special.gamma import bregman_log_gamma, digamma, digamma_gap, log_gamma, log_gamma_gap
from kljax._special.ratios import gap_less_log, product_ratio_gap
from kljax._special.safe import saturated
from kljax._special.stirling import phi, remainder, remainder_slope

# From here on Stirling's formula is taken.
LARGE = 2.0

# --- deviances ----------------------------------------------------------------------------------------------


def rate_deviance(a: jax.Array, u: jax.Array, v: jax.Array, w: jax.Array) -> jax.Array:
    """K(a, m) = a log(a/m) - a + m for m = u v/w, of positive numbers."""
    t = product_ratio_gap(u, v, a, w)
    near = t > -0.5
    quotient = divide(u, w) * divide(v, a)
    shown = (quotient >= tiny(a)) | near
    logs = jnp.where(shown, jnp.log(jnp.where(shown & ~near, quotient, 1.0)), log_ratio(u, w) + log_ratio(v, a))
    return a * gap_less_log(t, logs)


def _gap(a: jax.Array, b: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(n, n x - a) with n = a + b, the second to all its digits."""
    n, more = two_sum(a, b)
    product, rest = two_product(x, n)
    rest = jnp.where(jnp.isfinite(rest), rest, 0.0)
    return n, (product - a) + (rest + x * more)


def _log_share(a: jax.Array, d: jax.Array, m: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(K(a, m), log(m/a)) for m = a + d."""
    none = a == 0.0
    safe = jnp.where(none, 1.0, a)
    t = jnp.where(none, 0.0, divide(d, safe))
    near = t > -0.5
    v = jnp.where(near, t, 0.0)
    far = log_ratio(jnp.where(near, 1.0, m), jnp.where(near, 1.0, safe))
    log = jnp.where(near, log1p(v), far)
    return jnp.where(none, d, jnp.where(near, a * x_minus_log1p(v), d - a * far)), log


@jax.custom_jvp
def share_deviance(a: jax.Array, b: jax.Array, x: jax.Array) -> jax.Array:
    """D(a, b; x) = K(a, nx) + K(b, n(1 - x)), n = a + b, for a, b ≥ 0 and 0 ≤ x ≤ 1."""
    n, d = _gap(a, b, x)
    return _log_share(a, d, n * x)[0] + _log_share(b, -d, n * (1.0 - x))[0]


@share_deviance.defjvp
def _share_deviance_jvp(primals, tangents):
    # ∂a = -log(nx/a), ∂b = -log(n(1 - x)/b), ∂x = (nx - a)/(x(1 - x)); zero where it is infinite.
    (a, b, x), (da, db, dx) = primals, tangents
    dead = ((x == 0.0) & (a > 0.0)) | ((x == 1.0) & (b > 0.0))
    x = jnp.where(dead, 0.5, x)
    n, d = _gap(a, b, x)
    in_a, in_b = _log_share(a, d, n * x)[1], _log_share(b, -d, n * (1.0 - x))[1]
    first, second = jnp.where(a == 0.0, 1.0, x), jnp.where(b == 0.0, 1.0, 1.0 - x)
    size = jnp.where(a == 0.0, n, jnp.where(b == 0.0, -n, d))
    slopes = saturated(divide(divide(size, first), second)) * dx - in_a * da - in_b * db
    return share_deviance(*primals), jnp.where(dead, 0.0, slopes)


@jax.custom_jvp
def power_fall(a: jax.Array, rate: jax.Array, x: jax.Array, over: jax.Array) -> jax.Array:
    """a log β - βx, β = rate/over; its derivative by log β is a - βx without rounding."""
    return a * (jnp.log(rate) - jnp.log(over)) - divide(rate * x, over)


@power_fall.defjvp
def _power_fall_jvp(primals, tangents):
    (a, rate, x, over), (da, drate, dx, dover) = primals, tangents
    left = -a * product_ratio_gap(rate, x, a, over)
    left = jnp.where(jnp.isinf(left), 0.0, left)  # the value is infinite
    moved = divide(left * drate, rate) - divide(left * dover, over)
    return power_fall(*primals), (jnp.log(rate) - jnp.log(over)) * da + moved - divide(rate, over) * dx


def log_density(x: jax.Array, a: jax.Array, rate: jax.Array, over: jax.Array) -> jax.Array:
    """log(xᵃ⁻¹ βᵃ exp(-βx)/Γ(a)), β = rate/over, of x ≥ 0: the gamma distribution."""
    low = a < LARGE
    shape = jnp.where(low, a, 1.0)
    small = power_log(shape - 1.0, x) + power_fall(shape, rate, x, over) - log_gamma(shape)
    z, shape = jnp.where(x > 0.0, x, 1.0), jnp.where(low, LARGE, a)
    large = -jnp.log(z) - rate_deviance(shape, rate, z, over) - phi(shape)
    return at_end(x == 0.0, a - 1.0, jnp.where(low, small, large))


def excess_over_one(x: jax.Array) -> jax.Array:
    """Σ x - 1 over the last axis, of numbers in [0, 1], to more digits than the sum has."""
    head, tail = _halves(x)
    return (jnp.sum(head, -1) - 1.0) + jnp.sum(tail, -1)


def sums_from_the_end(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Σ_{j ≥ i} xⱼ of numbers in [0, 1] as a number and what it lacks."""
    return two_sum(*(jnp.flip(jnp.cumsum(jnp.flip(one, -1), -1), -1) for one in _halves(x)))


def _halves(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Two numbers that add up to x, the first so short that sums of them are exact."""
    scale = 2.0**26 if x.dtype == jnp.float64 else 2.0**12
    head = jnp.round(x * scale) / scale
    return head, x - head


# --- what is known of the parameters alone -------------------------------------------------------------------


@jax.custom_jvp
def log_gamma_rise(x: jax.Array, d: jax.Array) -> jax.Array:
    """log Γ(x + d) - log Γ(x) for d ≥ 0; its derivative by x is ψ(x + d) - ψ(x), formed from d."""
    return log_gamma_gap(x + d, x, d)


@log_gamma_rise.defjvp
def _log_gamma_rise_jvp(primals, tangents):
    (x, d), (dx, dd) = primals, tangents
    return log_gamma_rise(x, d), digamma_gap(x + d, x, d) * dx + digamma(x + d) * dd


def log_gamma_bend(x: jax.Array, c: jax.Array) -> jax.Array:
    """log Γ(x + 2c) - 2 log Γ(x + c) + log Γ(x) ≥ 0"""
    middle = x + c
    return bregman_log_gamma(middle + c, middle, c) + bregman_log_gamma(x, middle, -c)


def log_beta(a: jax.Array, b: jax.Array) -> jax.Array:
    """log B(a, b), from the smaller of both."""
    low, high = jnp.minimum(a, b), jnp.maximum(a, b)
    return log_gamma(low) - log_gamma_rise(high, low)


def gamma_entropy(a: jax.Array) -> jax.Array:
    """G(a) = a + log Γ(a) + (1 - a)ψ(a), the entropy of a gamma variable of rate one."""
    low = a < 1.0
    small, large = jnp.where(low, a, 1.0), jnp.where(low, 1.0, a)
    # J = 1/(2a) - R + (a - 1)R', R Stirling's remainder.
    below = 0.5 / large - remainder(large) + (large - 1.0) * remainder_slope(large)
    stirling = 0.5 * (math.log(2.0 * math.pi) + 1.0) + 0.5 * jnp.log(large) - below
    return jnp.where(low, small + log_gamma(small) + (1.0 - small) * digamma(small), stirling)


def half_step(x: jax.Array) -> jax.Array:
    """log Γ(x + ½) - log Γ(x) - ½ log x ≤ 0, about -1/(8x), with relative accuracy, for x > 0."""
    # Each step up adds ½ log(1 + 1/(4x(x + 1))), and far out there is the asymptotic series in 1/x.
    steps, terms = (24, _HALF_STEP) if x.dtype == jnp.float64 else (5, _HALF_STEP[:3])
    up = x < steps
    below = jnp.where(up, x, 1.0)
    product = jnp.zeros_like(x)
    for k in range(steps):
        z = below + float(k)
        term = 0.25 / z / (z + 1.0)
        product = product + term * (1.0 + product)
    far = jnp.where(up, below + float(steps), x)
    w = 1.0 / far
    series = jnp.full_like(w, terms[-1])
    for c in reversed(terms[:-1]):
        series = series * (w * w) + c
    return w * series - jnp.where(up, 0.5 * log1p(product), 0.0)


def half_step_slope(x: jax.Array) -> jax.Array:
    """ψ(x + ½) - ψ(x) - 1/(2x) ≥ 0, the derivative of ``half_step``."""
    return jax.jvp(half_step, (x,), (jnp.ones_like(x),))[1]


# (B_{k+1}(½) - B_{k+1})/(k(k + 1)) for k = 1, 3, 5, …, of log Γ(x + ½) - log Γ(x) ~ ½ log x + Σ cₖ x⁻ᵏ.
_HALF_STEP = [-1.0 / 8.0, 1.0 / 192.0, -1.0 / 640.0, 17.0 / 14336.0, -31.0 / 18432.0, 691.0 / 180224.0]


@jax.custom_jvp
def share(a: jax.Array, b: jax.Array) -> jax.Array:
    """a/(a + b), whose derivatives do not cancel."""
    return a / (a + b)


@share.defjvp
def _share_jvp(primals, tangents):
    (a, b), (da, db) = primals, tangents
    total = a + b
    return share(a, b), divide(share(b, a) * da - share(a, b) * db, total)
