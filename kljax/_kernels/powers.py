"""Functionals of Σ pᵅ q¹⁻ᵅ of two rows of logits: Rényi's divergence and the order of Chernoff's information.

With β = α - 1 and the generalised α-divergence A: Σ pᵅq¹⁻ᵅ = 1 + αβA, so R = log(1 + αβA)/β, in which A is a sum of
non-negative terms and nothing cancels when p ≈ q; where the sum is far from 1, its logarithm is taken directly.
"""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.special import logsumexp

from kljax import _checks
from kljax._kernels.rows import Temperature, normalise, statistics
from kljax._kernels.sums import row_tangent
from kljax._special import divide, expm1, expm1_minus_x, expm1_minus_x_ratio, expm1_ratio, log1p
from kljax.generators import Generator, alpha, kl
from kljax.generators._record import summand


def log_of_power_sum(generator: Generator, p: jax.Array, q: jax.Array, r: jax.Array, log_q: jax.Array) -> jax.Array:
    """log(Σ pᵅ q¹⁻ᵅ)/(α - 1) ≥ 0, for the generator of the α-divergence; continuous at α = 1."""
    (order,) = generator.parameters
    beta = order - 1.0
    divergence = summand(generator, p, q, r).sum(-1)
    x = order * beta * divergence
    near = jnp.abs(x) < 0.5
    s = jnp.where(near, x, 0.0)
    ratio = jnp.where(s == 0.0, 1.0, log1p(s) / jnp.where(s == 0.0, 1.0, s))
    close = order * jnp.where(near, divergence, 0.0) * ratio
    missed = jnp.where(jnp.asarray(order) < 1.0, -jnp.inf, jnp.inf)
    inside = jnp.where(jnp.isinf(r), 0.0, r)
    exponent = jnp.where(r == -jnp.inf, -jnp.inf, jnp.where(r == jnp.inf, missed, log_q + order * inside))
    far = logsumexp(exponent, axis=-1) / jnp.where(near & (beta == 0.0), 1.0, beta)
    return jnp.where(near, close, jnp.maximum(far, 0.0))


def tilted_slopes(
    order: float | jax.Array, value: jax.Array, p: jax.Array, q: jax.Array, r: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """(α(t - p)/(α - 1), q - t, t), with t = pᵅq¹⁻ᵅ/Σpᵅq¹⁻ᵅ: the slopes of Rényi's divergence R in log p, log q."""
    beta = order - 1.0
    finite = jnp.isfinite(value)
    level = jnp.where(finite, value, 0.0)[..., None]
    inside = ~jnp.isinf(r) & finite[..., None]
    r = jnp.where(inside, r, 0.0)
    # t = p e^{β(r - R)} = q e^{αr - βR}, each used where its exponent is small or negative.
    from_p, from_q = beta * (r - level), order * r - beta * level
    use_p = from_p <= from_q
    tilted = jnp.where(use_p, p * jnp.exp(jnp.where(use_p, from_p, 0.0)), q * jnp.exp(jnp.where(use_p, 0.0, from_q)))
    tilted = jnp.where(inside, tilted, 0.0)
    near_p, near_q = jnp.abs(from_p) < 1.0, jnp.abs(from_q) < 1.0
    apart = (tilted - p) / jnp.where(near_p & (beta == 0.0), 1.0, beta)
    in_p = order * jnp.where(near_p, p * (r - level) * expm1_ratio(jnp.clip(from_p, -1.0, 1.0)), apart)
    in_q = jnp.where(near_q, -q * expm1(jnp.clip(from_q, -1.0, 1.0)), q - tilted)
    # A missing outcome has no tilted mass, and none of its cost depends on it where the whole is infinite.
    in_p = jnp.where(inside | ~finite[..., None], in_p, -order * p / jnp.where(beta == 0.0, 1.0, beta))
    in_q = jnp.where(inside | ~finite[..., None], in_q, q)
    keep = finite[..., None]
    return jnp.where(keep, in_p, 0.0), jnp.where(keep, in_q, 0.0), tilted


def order_slope(order: float | jax.Array, value: jax.Array, tilted: jax.Array, r: jax.Array) -> jax.Array:
    """dR/dα = KL(t‖p)/(α - 1)² = Σ t y² e(-βy)/(βy)², y = r - R (van Erven & Harremoës 2014, eq. (35))."""
    finite = jnp.isfinite(value)
    y = jnp.where(jnp.isinf(r) | (tilted == 0.0), 0.0, r) - jnp.where(finite, value, 0.0)[..., None]
    y = jnp.where(tilted == 0.0, 0.0, y)
    return jnp.where(finite, (tilted * y * y * expm1_minus_x_ratio(-(order - 1.0) * y)).sum(-1), 0.0)


@jax.custom_jvp
def renyi(generator: Generator, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """Rényi's divergence over the last axis; the generator is that of the α-divergence and carries the order."""
    rows = statistics(a, b, temperature)
    p, q, r = normalise(a, b, temperature, rows)
    return log_of_power_sum(generator, p, q, r, _log_weight(b, rows.top_q, rows.norm_q, temperature))


def _log_weight(a: jax.Array, top: jax.Array, norm: jax.Array, temperature: Temperature) -> jax.Array:
    return (a - top if temperature is None else (a - top) / temperature) - jnp.log(norm)


def _renyi_jvp(primals, tangents):
    # dR = Σ α(t - p)/(α - 1) d log p + Σ (q - t) d log q.
    value = renyi(*primals)
    rows = statistics(*primals[1:])

    def slopes(carried, p, q, r):
        generator, value = carried
        return tilted_slopes(generator.parameters[0], value, p, q, r)[:2]

    def in_order(carried, d_carried, p, q, r):
        generator, value = carried
        order, tilted = generator.parameters[0], tilted_slopes(generator.parameters[0], value, p, q, r)[2]
        return order_slope(order, value, tilted, r) * d_carried[0].parameters[0]

    generator, a, b, temperature = primals
    d_generator, da, db, dt = tangents
    carried = ((generator, value), a, b, temperature)
    tangent = row_tangent(carried, ((d_generator, None), da, db, dt), rows, slopes, in_order)
    return value, jnp.zeros_like(value) + tangent


renyi.defjvp(_renyi_jvp, symbolic_zeros=True)


def _stationarity(order: jax.Array, p: jax.Array, q: jax.Array, r: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(F', F'') of F(α) = Σ pᵅq¹⁻ᵅ; F' = Σ [q e^{αr} r - (p - q)], whose terms are small when p ≈ q."""
    inside = ~jnp.isinf(r)
    s = jnp.where(inside, r, 0.0)
    down, up, alpha_ = jnp.minimum(s, 0.0), jnp.maximum(s, 0.0), order[..., None]
    below = q * (down * expm1(alpha_ * down) - expm1_minus_x(down))
    above = p * (up * expm1((alpha_ - 1.0) * up) + expm1_minus_x(-up))
    first = jnp.where(inside, jnp.where(s > 0.0, above, below), jnp.where(r > 0.0, -p, q)).sum(-1)
    mass = jnp.where(s > 0.0, p * jnp.exp((alpha_ - 1.0) * up), q * jnp.exp(alpha_ * down))
    return first, (jnp.where(inside, mass, 0.0) * s * s).sum(-1)


def chernoff_order(p: jax.Array, q: jax.Array, r: jax.Array) -> jax.Array:
    """The α in (0, 1) that minimises Σ pᵅq¹⁻ᵅ, by bisection; one Newton step at the end carries the derivative."""
    fixed = lax.stop_gradient((p, q, r))
    margin = float(jnp.finfo(r.dtype).eps)

    def halve(_, bounds):
        low, high = bounds
        middle = 0.5 * (low + high)
        rising = _stationarity(middle, *fixed)[0] > 0.0
        return jnp.where(rising, low, middle), jnp.where(rising, middle, high)

    start = jnp.zeros_like(r[..., 0])
    rounds = 24 if r.dtype == jnp.float32 else 52
    low, high = lax.fori_loop(0, rounds, halve, (start, start + 1.0))
    order = 0.5 * (low + high)
    slope, curvature = _stationarity(order, p, q, r)
    flat = curvature <= 0.0
    step = divide(slope, jnp.where(flat, 1.0, curvature))
    order = jnp.clip(order - jnp.where(flat, 0.0, step), margin, 1.0 - margin)
    return jnp.where(flat, 0.5, order)


def chernoff(a: jax.Array, b: jax.Array, temperature: Temperature) -> tuple[jax.Array, jax.Array]:
    """(max over α of -log Σ pᵅq¹⁻ᵅ, that α)"""
    rows = statistics(a, b, temperature)
    order = chernoff_order(*normalise(a, b, temperature, rows))
    return (1.0 - order) * _batched_renyi(order, a, b, temperature), order


def _batched_renyi(order: jax.Array, a: jax.Array, b: jax.Array, temperature: Temperature) -> jax.Array:
    """Rényi's divergence of one order for each row."""
    one = functools.partial(_one_renyi, temperature)
    for _ in range(order.ndim):
        one = jax.vmap(one)
    return one(order, a, b)


def _one_renyi(temperature: Temperature, order: jax.Array, a: jax.Array, b: jax.Array) -> jax.Array:
    return renyi(alpha(order), a, b, temperature)


def renyi_generator(order: float | jax.Array) -> Generator | None:
    """The generator that carries Rényi's order, or ``None`` at the ends 0 and ∞."""
    _checks.number("order", order, low=0.0)
    if isinstance(order, float):
        if order in (0.0, math.inf):
            return None
        return kl if order == 1.0 else alpha(order)
    return alpha(order)
