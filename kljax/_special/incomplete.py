"""The incomplete gamma and beta functions, both tails, with all derivatives and at parameters of any size.

Of the tail on whose side x lies,

    γ(a, x) = xᵃe⁻ˣ T,  T = ∫₀^∞ exp(-av + x(1 - e⁻ᵛ)) dv              below, t = xe⁻ᵛ,
    Γ(a, x) = xᵃ⁻¹e⁻ˣ T,  T = ∫₀^∞ exp(-v + (a - 1) log(1 + v/x)) dv     above, t = x + v,
    B(x; a, b) = xᵃ(1 - x)ᵇ⁻¹ T,  T = ∫₀^∞ exp(-av + (b - 1) log((1 - xe⁻ᵛ)/(1 - x))) dv,  t = xe⁻ᵛ,

each exponent is -sv less terms of one sign, s ≥ 0, and T is taken by the trapezoidal rule in t, v = L exp(t - e⁻ᵗ),
with L where the exponent is about -1: its error falls exponentially with the number of nodes, whatever the parameters.
The factor before T is Stirling's, without its large part. Below a = 1 the step P(a, x) = P(a + 1, x) + xᵃe⁻ˣ/Γ(a + 1)
is taken. All that is traced is elementary, so that every derivative follows, in the parameters as well.

References:
    Takahasi and Mori (1974), "Double exponential formulas for numerical integration".
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from kljax._special.elementwise import divide, expm1, expm1_minus_x, kl_term, x_minus_log1p
from kljax._special.stirling import stirling_excess


def _rule(x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(nodes, weights) of ∫₀^∞ f(v) dv for f that falls like e⁻ᵛ, along a new last axis."""
    low, high, count = (-3.7, 5.0, 88) if x.dtype == jnp.float64 else (-3.0, 4.1, 40)
    t, step = np.linspace(low, high, count, retstep=True)
    v = np.exp(t - np.exp(-t))
    lead = (1,) * x.ndim
    return tuple(jnp.asarray(one, x.dtype).reshape(*lead, -1) for one in (v, step * v * (1.0 + np.exp(-t))))  # type: ignore[return-value]


def _reach(slope: jax.Array, curvature: jax.Array) -> jax.Array:
    """The v with slope v + ½ curvature v² = 1."""
    return jax.lax.stop_gradient(2.0 / (slope + jnp.sqrt(jnp.square(slope) + 2.0 * curvature)))


def _tails(small: jax.Array, left: jax.Array, below: jax.Array, above: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(lower, upper) from the smaller one, the lower where ``left``; (0, 1) below the support and (1, 0) above it."""
    small = jnp.minimum(small, 1.0)  # rounding
    large = 1.0 - small
    lower, upper = jnp.where(left, small, large), jnp.where(left, large, small)
    return (
        jnp.where(below, 0.0, jnp.where(above, 1.0, lower)),
        jnp.where(below, 1.0, jnp.where(above, 0.0, upper)),
    )


def incomplete_gamma(a: jax.Array, x: jax.Array) -> tuple[jax.Array, jax.Array]:
    """P(a, x) = ∫₀ˣ tᵃ⁻¹e⁻ᵗ dt/Γ(a) and Q = 1 - P for a > 0; that on the side of x has relative accuracy."""
    below, above = x <= 0.0, x == jnp.inf
    x = jnp.where(below | above, 1.0, x)
    low = a < 1.0
    raised = jnp.where(low, a + 1.0, a)
    left = x < raised
    nodes, weights = _rule(x)
    # Below: -(a - x)v - x(e⁻ᵛ - 1 + v)
    at, shape = jnp.where(left, x, 0.5 * raised), raised
    slope = shape - at
    scale = _reach(slope, at)
    scale = jnp.where(scale < 1.0, scale, (1.0 + jax.lax.stop_gradient(at)) / jax.lax.stop_gradient(shape))
    v = scale[..., None] * nodes
    lower = scale * (weights * jnp.exp(-slope[..., None] * v - at[..., None] * expm1_minus_x(-v))).sum(-1)
    # Above: -(x - a + 1)/x v - (a - 1)(v/x - log(1 + v/x))
    at = jnp.where(left, raised, x)
    slope, bend = ((at - a) + 1.0) / at, a - 1.0
    scale = _reach(slope, jnp.maximum(bend, 0.0) / jnp.square(at))
    v = scale[..., None] * nodes
    upper = (
        scale
        / at
        * (weights * jnp.exp(-slope[..., None] * v - bend[..., None] * x_minus_log1p(v / at[..., None]))).sum(-1)
    )
    level, step = _gamma_level(a, x), _gamma_level(jnp.where(low, a, 1.0), x) / jnp.where(low, a, 1.0)
    first = jnp.where(low, _gamma_level(raised, x) * lower + step, level * lower)
    return _tails(jnp.where(left, first, level * upper), left, below, above)


def _gamma_level(a: jax.Array, x: jax.Array) -> jax.Array:
    """xᵃe⁻ˣ/Γ(a)"""
    return a * jnp.exp(-kl_term(a, x) - stirling_excess(a))


def incomplete_beta(a: jax.Array, b: jax.Array, x: jax.Array, y: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Iₓ(a, b) = ∫₀ˣ tᵃ⁻¹(1 - t)ᵇ⁻¹ dt/B(a, b) and 1 - Iₓ, from x and y = 1 - x, each with all its digits."""
    below, above = x <= 0.0, y <= 0.0
    x, y = (jnp.where(below | above, 0.5, one) for one in (x, y))
    left = x * jnp.where(b < 1.0, b + 1.0, b) < y * jnp.where(a < 1.0, a + 1.0, a)
    # The upper tail is the lower one of 1 - x.
    small = _lower_beta(*(jnp.where(left, *pair) for pair in ((a, b), (b, a), (x, y), (y, x))))
    return _tails(small, left, below, above)


def _lower_beta(a: jax.Array, b: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    """Iₓ(a, b), for x on the side of zero."""
    low = a < 1.0
    raised = jnp.where(low, a + 1.0, a)
    odds, bend = divide(x, y), b - 1.0
    slope = divide(raised * y - b * x + x, y)
    scale = _reach(slope, jnp.maximum(bend, 0.0) * odds / y)
    nodes, weights = _rule(x)
    v = scale[..., None] * nodes
    odds_ = jnp.broadcast_to(odds[..., None], v.shape)
    curved = x_minus_log1p(-odds_ * expm1(-v)) + odds_ * expm1_minus_x(-v)
    tail = scale / y * (weights * jnp.exp(-slope[..., None] * v - bend[..., None] * curved)).sum(-1)
    first = jnp.where(low, a, 1.0)
    step = _beta_level(first, b, x, y) / first
    return _beta_level(raised, b, x, y) * tail + jnp.where(low, step, 0.0)


def _beta_level(a: jax.Array, b: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    return jnp.exp(log_beta_level(a, b, x, y))


def log_beta_level(a: jax.Array, b: jax.Array, x: jax.Array, y: jax.Array) -> jax.Array:
    """log(xᵃyᵇ/B(a, b)), y = 1 - x, by Stirling's formula without its large part."""
    n = a + b
    excess = stirling_excess(n) - stirling_excess(a) - stirling_excess(b)
    level = jnp.log(jnp.minimum(a, b)) + jnp.log(divide(jnp.maximum(a, b), n))
    return level + excess - kl_term(a, n * x) - kl_term(b, n * y)
