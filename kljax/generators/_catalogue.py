"""The named generators without an order: f with f(1) = f'(1) = 0, written in r = log u so that none cancels.

The string below each gives f(u). ``balanced`` is f(eʳ) for r ≤ 0 and e⁻ʳ f(eʳ) for r > 0, so a symmetric divergence
has an even ``balanced`` and its ``coderivative`` is the derivative at -r.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from kljax import _checks
from kljax._special import (
    exp_decay_excess,
    expm1,
    expm1_minus_x,
    expm1_minus_x_near,
    log1p_excess,
    log_cosh,
    tanh,
)
from kljax.generators._build import reverse, scale
from kljax.generators._mixture import log_p_over_mixture, mixture
from kljax.generators._record import ByMass, Generator, Scalar, graded, is_static

_INF = math.inf


def _even(derivative: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """The coderivative of a symmetric divergence."""
    return lambda r, *parameters: derivative(-r, *parameters)


# --- Kullback and Leibler -----------------------------------------------------------------------------------


def _kl_balanced(r: jax.Array) -> jax.Array:
    # u log u - u + 1; divided by u it is e(-r).
    return jnp.where(r > 0.0, expm1_minus_x(-jnp.maximum(r, 0.0)), exp_decay_excess(-jnp.minimum(r, 0.0)))


def _kl_by_mass(p: jax.Array, q: jax.Array, gap: jax.Array, r: jax.Array) -> jax.Array:
    # p e(-r), which is p r + q - p
    near = jnp.abs(r) <= 1.0
    return jnp.where(near, p * expm1_minus_x_near(jnp.where(near, -r, 0.0)), p * r + gap)


kl = Generator(
    "kl",
    _kl_balanced,
    lambda r: r,
    lambda r: -expm1(r),
    1.0,
    _INF,
    closed_conjugate=expm1,
    by_mass=ByMass(_kl_by_mass, lambda p, q, gap, r: p * r, lambda p, q, gap, r: gap),
)
"""u log u - u + 1: KL(p‖q), the Kullback–Leibler divergence."""

reverse_kl = reverse(
    kl,
    name="reverse_kl",
    closed_conjugate=lambda t: jnp.where(t < 1.0, -jnp.log1p(-jnp.where(t < 1.0, t, 0.0)), jnp.inf),
)
"""-log u + u - 1: KL(q‖p)."""


def _jeffreys_slope(r: jax.Array) -> jax.Array:
    return r - expm1(-r)


jeffreys = Generator(
    "jeffreys",
    lambda r: -jnp.abs(r) * expm1(-jnp.abs(r)),
    _jeffreys_slope,
    _even(_jeffreys_slope),
    _INF,
    _INF,
    symmetric=True,
    by_mass=ByMass(
        lambda p, q, gap, r: -gap * r,
        lambda p, q, gap, r: p * r - gap,
        lambda p, q, gap, r: gap - q * r,
    ),
)
"""(u - 1) log u: KL(p‖q) + KL(q‖p)."""

# --- Mixtures: m = w u + 1 - w -------------------------------------------------------------------------------


def _skew_kl_value(r: jax.Array, weight: Scalar) -> jax.Array:
    # K(u, m) = m k((u - m)/m) with u - m = (1 - w)(u - 1), everything divided by M. Where the mixture is all but
    # missing, K(1, m) = -log m - 1 + m.
    m, gap = mixture(r, weight)
    present = m > 1e-18
    safe = jnp.where(present, m, 1.0)
    near = safe * log1p_excess(jnp.maximum((1.0 - weight) * gap / safe, -1.0))
    up = jnp.maximum(r, 1.0)
    deep = log_p_over_mixture(up, weight) + (1.0 - weight) * expm1(-up)
    return jnp.where(present, near, jnp.where(r > 0.0, deep, 0.0))


def _skew_excess(r: jax.Array, weight: Scalar) -> jax.Array:
    """(u - m)/m"""
    m, gap = mixture(r, weight)
    return (1.0 - weight) * gap / jnp.where(m > 0.0, m, 1.0)


def _skew_slope(r: jax.Array, weight: Scalar) -> jax.Array:
    return log_p_over_mixture(r, weight) - weight * _skew_excess(r, weight)


def _skew_coslope(r: jax.Array, weight: Scalar) -> jax.Array:
    return -(1.0 - weight) * _skew_excess(r, weight)


def _js_value(r: jax.Array, weight: Scalar) -> jax.Array:
    # Each side is a skew KL to the same mixture; seen from q its weight is 1 - w.
    return weight * _skew_kl_value(r, weight) + (1.0 - weight) * _skew_kl_value(-r, 1.0 - weight)


def _js_slope(r: jax.Array, weight: Scalar) -> jax.Array:
    return weight * log_p_over_mixture(r, weight)


def _js_coslope(r: jax.Array, weight: Scalar) -> jax.Array:
    return _js_slope(-r, 1.0 - weight)


_skew_kl_balanced = graded(_skew_kl_value, slopes=(_skew_slope, _skew_coslope))
_js_balanced = graded(_js_value, slopes=(_js_slope, _js_coslope))


def _js_conjugate(t: jax.Array, weight: Scalar) -> jax.Array:
    # With y = e^{t/w} = u/m: f* = (1 - w) log m, m = (1 - w)/(1 - w y), for w y < 1.
    room = weight * expm1(t / weight) / (1.0 - weight)
    inside = room < 1.0
    return jnp.where(inside, -(1.0 - weight) * jnp.log1p(-jnp.where(inside, room, 0.0)), jnp.inf)


def _negative_xlogx(x: Scalar) -> Scalar:
    if is_static(x):
        return -x * math.log(x) if x > 0 else 0.0
    return -jax.scipy.special.xlogy(x, x)


def jensen_shannon(weight: Scalar = 0.5, *, scaled: bool = False) -> Generator:
    """w u log(u/m) + (1 - w) log(1/m), m = w u + 1 - w: the Jensen–Shannon divergence of weight w on p.

    Args:
        weight: w in [0, 1], the weight of p in the mixture.
        scaled: Divide by w(1 - w); then w → 0 gives KL(p‖q) and w → 1 gives KL(q‖p), both ends included.

    Returns:
        The generator.

    Raises:
        ValueError: If ``weight`` is a Python number outside [0, 1].

    Example:
        >>> from kljax import generators
        >>> bool(abs(generators.jensen_shannon()(2.0) - 0.0849) < 1e-4)
        True

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (4.1).
    """
    _checks.number("weight", weight, low=0.0, high=1.0)
    if scaled and is_static(weight) and weight in (0, 1):
        return kl if weight == 0 else reverse_kl
    plain = Generator(
        "jensen_shannon",
        _js_balanced,
        _js_slope,
        _js_coslope,
        _negative_xlogx(1.0 - weight),
        _negative_xlogx(weight),
        (weight,),
        symmetric=is_static(weight) and weight == 0.5,
        closed_conjugate=_js_conjugate if is_static(weight) and 0 < weight < 1 else None,
    )
    if not scaled:
        return plain
    return scale(plain, 1.0 / (weight * (1.0 - weight)), name="scaled_jensen_shannon")


def skew_kl(weight: Scalar) -> Generator:
    """u log(u/m) - u + m, m = w u + 1 - w: KL(p‖w p + (1 - w) q), Lee's skew divergence.

    Args:
        weight: w in [0, 1], the weight of p in the mixture; w = 0 is KL(p‖q) and w = 1 is identically zero.

    Returns:
        The generator.

    Raises:
        ValueError: If ``weight`` is a Python number outside [0, 1].

    Example:
        >>> from kljax import generators
        >>> generators.skew_kl(0.1).at_infinity < generators.kl.at_infinity
        True

    References:
        Lee (1999), "Measures of distributional similarity", eq. (5).
    """
    _checks.number("weight", weight, low=0.0, high=1.0)
    if is_static(weight):
        at_infinity = -math.log(weight) - 1.0 + weight if weight > 0 else _INF
    else:
        at_infinity = -jnp.log(weight) - 1.0 + weight
    return Generator(
        "skew_kl",
        _skew_kl_balanced,
        _skew_slope,
        _skew_coslope,
        1.0 - weight,
        at_infinity,
        (weight,),
    )


def skew_reverse_kl(weight: Scalar) -> Generator:
    """log(1/m) - 1 + m, m = w + (1 - w) u: KL(q‖w q + (1 - w) p), the skew divergence with p and q exchanged.

    Args:
        weight: w in [0, 1], the weight of q in the mixture; w = 0 is KL(q‖p).

    Returns:
        The generator.

    Raises:
        ValueError: If ``weight`` is a Python number outside [0, 1].

    Example:
        >>> from kljax import generators
        >>> generators.skew_reverse_kl(0.1).name
        'skew_reverse_kl'

    References:
        Ko et al. (2024), "DistiLLM", eq. (5).
    """
    return reverse(skew_kl(weight), name="skew_reverse_kl")


# --- Symmetric and bounded ------------------------------------------------------------------------------------


def _hellinger_slope(r: jax.Array) -> jax.Array:
    return -0.5 * expm1(-0.5 * r)


squared_hellinger = Generator(
    "squared_hellinger",
    lambda r: 0.5 * jnp.square(expm1(-0.5 * jnp.abs(r))),
    _hellinger_slope,
    _even(_hellinger_slope),
    0.5,
    0.5,
    symmetric=True,
    closed_conjugate=lambda t: jnp.where(t < 0.5, t / (1.0 - 2.0 * jnp.where(t < 0.5, t, 0.0)), jnp.inf),
)
"""(√u - 1)²/2: H² = ½Σ(√p - √q)², in [0, 1]."""

total_variation = Generator(
    "total_variation",
    lambda r: -0.5 * expm1(-jnp.abs(r)),
    lambda r: 0.5 * jnp.sign(r),
    lambda r: -0.5 * jnp.sign(r),
    0.5,
    0.5,
    symmetric=True,
    closed_conjugate=lambda t: jnp.where(t <= 0.5, jnp.maximum(t, -0.5), jnp.inf),
    by_mass=ByMass(
        lambda p, q, gap, r: 0.5 * jnp.abs(gap),
        lambda p, q, gap, r: 0.5 * p * jnp.sign(r),
        lambda p, q, gap, r: -0.5 * q * jnp.sign(r),
    ),
)
"""|u - 1|/2: TV = ½Σ|p - q|, in [0, 1]; at the kink the subgradient 0 is taken."""


def _le_cam_slope(r: jax.Array) -> jax.Array:
    h = tanh(0.5 * r)
    return 0.5 * h * (2.0 - h)


def _le_cam_conjugate(t: jax.Array) -> jax.Array:
    room = jnp.maximum(1.0 - 2.0 * jnp.maximum(t, -1.5), 0.0)
    h = 2.0 * jnp.maximum(t, -1.5) / (1.0 + jnp.sqrt(room))  # 1 - √(1 - 2t)
    return jnp.where(t <= 0.5, 0.5 * h * (2.0 + h), jnp.inf)


le_cam = Generator(
    "le_cam",
    lambda r: 0.5 * jnp.square(expm1(-jnp.abs(r))) / (1.0 + jnp.exp(-jnp.abs(r))),
    _le_cam_slope,
    _even(_le_cam_slope),
    0.5,
    0.5,
    symmetric=True,
    closed_conjugate=_le_cam_conjugate,
)
"""(u - 1)²/(2(u + 1)): ½Σ(p - q)²/(p + q), in [0, 1], the triangular discrimination."""


def _ag_slope(r: jax.Array) -> jax.Array:
    return 0.5 * log_cosh(0.5 * r) - 0.25 * expm1(-r)


arithmetic_geometric = Generator(
    "arithmetic_geometric",
    lambda r: 0.5 * (1.0 + jnp.exp(-jnp.abs(r))) * log_cosh(0.5 * r),
    _ag_slope,
    _even(_ag_slope),
    _INF,
    _INF,
    symmetric=True,
)
"""½(1 + u) log((1 + u)/(2√u)): the mean of KL(m‖p) and KL(m‖q), m = (p + q)/2 (Taneja 1995)."""
