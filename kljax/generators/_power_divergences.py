"""The generators of power form: χ², Amari's α, Cressie–Read, Tsallis, and TFP's t-power and others.

As in ``_catalogue``: the string below each constant gives f(u), and ``balanced`` is f(eʳ)/max(1, eʳ).
"""

from __future__ import annotations

import dataclasses
import functools
import math

import jax
import jax.numpy as jnp

from kljax import _checks
from kljax._special.elementwise import (
    expm1,
    expm1_minus_x,
    expm1_minus_x_ratio,
    expm1_ratio,
    log1p,
)
from kljax._special.log1p_quotients import log1p_over
from kljax.generators._build import reverse, scale
from kljax.generators._catalogue import kl, reverse_kl
from kljax.generators._forms_in_log_ratio import Scalar, above, below, graded, is_static, remembered
from kljax.generators._forms_in_masses import AtOrder, PowerForms
from kljax.generators._hyperbolic import exp_decay_excess, log_cosh, tanh
from kljax.generators._record import Generator

_INF = math.inf

# --- Powers ---------------------------------------------------------------------------------------------------


def _alpha_upper(r: jax.Array, order: Scalar) -> jax.Array:
    """The balanced α-divergence for α ≥ 1/2, with β = α - 1; continuous at α = 1."""
    beta = order - 1.0
    near = jnp.abs(r) <= 3.0
    s = jnp.where(near, r, 0.0)
    # f/u = [e(βr)/β + e(-r)]/α
    close = beta * s * s * expm1_minus_x_ratio(beta * s) + expm1_minus_x(-s)
    close = jnp.exp(jnp.minimum(s, 0.0)) * close / order
    up = jnp.where(near, 3.0, jnp.maximum(r, 3.0))
    above = (up / order) * expm1_ratio(beta * up) + expm1(-up) / order
    # f = [(e^{αr} - eʳ)/β + 1 - eʳ]/α, where e^{βr} might overflow before eʳ underflows
    down = jnp.where(near, -3.0, jnp.minimum(r, -3.0))
    below = (_power_difference(down, order, 1.0) - expm1(down)) / order
    return jnp.where(near, close, jnp.where(r > 0.0, above, below))


def _alpha_value(r: jax.Array, order: Scalar) -> jax.Array:
    if is_static(order):
        return _alpha_upper(r, order) if order >= 0.5 else _alpha_upper(-r, 1.0 - order)
    upper = order >= 0.5
    return _alpha_upper(jnp.where(upper, r, -r), jnp.where(upper, order, 1.0 - order))


def _power_difference(r: jax.Array, a: Scalar, b: Scalar) -> jax.Array:
    """(e^{ar} - e^{br})/(a - b), continuous at a = b."""
    gap = (a - b) * r
    apart = jnp.abs(gap) > 1.0
    tame = jnp.exp(b * r) * r * expm1_ratio(jnp.where(apart, 0.0, gap))
    wild = (jnp.exp(a * r) - jnp.exp(b * r)) / jnp.where(apart, a - b, 1.0)
    return jnp.where(apart, wild, tame)


def _alpha_growth(r: jax.Array, order: Scalar) -> jax.Array:
    down, up = below(r), above(r)
    # eʳ f' = (e^{αr} - eʳ)/(α - 1), and -e⁻ʳ (f - u f') = (e^{(α-1)r} - e⁻ʳ)/α
    return jnp.where(r <= 0.0, _power_difference(down, order, 1.0), _power_difference(up, order - 1.0, -1.0))


_alpha_balanced = graded(_alpha_value, growth=_alpha_growth)


_power = PowerForms(_alpha_value)
_chi_squared = _power.forms(bounded_p=False, bounded_q=True)


def _pearson_conjugate(t: jax.Array) -> jax.Array:
    return jnp.where(t >= -2.0, t + 0.25 * t * t, -1.0)


def _pearson_balanced(r: jax.Array) -> jax.Array:
    return jnp.square(expm1(below(r))) - expm1(above(r)) * expm1(-above(r))


def _pearson_slope(r: jax.Array) -> jax.Array:
    return 2.0 * expm1(r)


def _pearson_coslope(r: jax.Array) -> jax.Array:
    return -expm1(2.0 * r)


def _pearson_growth(r: jax.Array) -> jax.Array:
    # 2eʳ(eʳ - 1), and eʳ - e⁻ʳ; f - u f' = 1 - u² would overflow first
    down, up = below(r), above(r)
    return jnp.where(r <= 0.0, 2.0 * jnp.exp(down) * expm1(down), expm1(up) - expm1(-up))


pearson = Generator(
    "pearson",
    graded(_pearson_balanced, growth=_pearson_growth),
    _pearson_slope,
    _pearson_coslope,
    1.0,
    _INF,
    closed_conjugate=_pearson_conjugate,
    by_mass=_chi_squared.each(functools.partial(AtOrder, order=2.0, factor=2.0))._replace(by_quotient=True),
)
"""(u - 1)²: χ²(p‖q) = Σ(p - q)²/q."""


def _neyman_conjugate(t: jax.Array) -> jax.Array:
    return jnp.where(t <= 1.0, 2.0 * t / (1.0 + jnp.sqrt(jnp.maximum(1.0 - t, 0.0))), jnp.inf)


neyman = reverse(pearson, name="neyman", closed_conjugate=_neyman_conjugate)
"""(u - 1)²/u: χ²(q‖p) = Σ(p - q)²/p."""


def _alpha_slope(r: jax.Array, order: Scalar) -> jax.Array:
    # (u^{α-1} - 1)/(α - 1), guarded so that an infinite r gives the limit
    finite = jnp.clip(r, -1e4, 1e4)
    return finite * expm1_ratio((order - 1.0) * finite)


def _alpha_coslope(r: jax.Array, order: Scalar) -> jax.Array:
    return _alpha_slope(-r, 1.0 - order)


def _alpha_conjugate(t: jax.Array, order: Scalar) -> jax.Array:
    # f*(t) = [(1 + βt)^{α/β} - 1]/α, β = α - 1, for 1 + βt > 0
    beta = order - 1.0
    inside = 1.0 + beta * t > 0.0
    power = order * log1p_over(beta, jnp.where(inside, t, 0.0))
    # At the edge 1 + βt = 0 the power is zero for α < 0 and α > 1; beyond it, f* = -f(0) for α > 1, else ∞.
    edge = jnp.where(beta * t == -1.0, -1.0 / order, jnp.inf) if order < 0 else -1.0 / order if order > 1 else jnp.inf
    return jnp.where(inside, expm1(power) / order, edge)


def _price(order: Scalar) -> Scalar:
    """f(0) of the α-divergence, 1/α for α > 0 and ∞ otherwise."""
    if is_static(order):
        return 1.0 / order if order > 0 else _INF
    return jnp.where(order > 0.0, 1.0 / jnp.where(order > 0.0, order, 1.0), _INF)


@remembered
def alpha(order: Scalar) -> Generator:
    """(u^α - 1 - α(u - 1))/(α(α - 1)): Amari's α-divergence; KL(p‖q) at α = 1 and KL(q‖p) at α = 0, continuously.

    Args:
        order: α, any real number.

    Returns:
        The generator.

    Example:
        >>> from kljax import generators
        >>> generators.alpha(2.0).at_zero
        0.5

    References:
        Cichocki & Amari (2010), "Families of alpha-, beta- and gamma-divergences", eq. (3).
    """
    _finite_order(order)
    if is_static(order) and order in (0, 1):
        return dataclasses.replace(kl if order == 1 else reverse_kl, name="alpha")
    return Generator(
        "alpha",
        _alpha_balanced,
        _alpha_slope,
        _alpha_coslope,
        _price(order),
        _price(1.0 - order),
        (order,),
        symmetric=is_static(order) and order == 0.5,
        closed_conjugate=_alpha_conjugate if is_static(order) else None,
        by_mass=_power.forms(bounded_p=is_static(order) and order < 1, bounded_q=is_static(order) and order > 0),
    )


def _finite_order(order: Scalar, name: str = "order") -> None:
    _checks.number(name, order, low=-_INF, high=_INF)
    if is_static(order) and math.isinf(order):
        raise ValueError(f"{name} must be finite; got {order!r}.")


@remembered
def cressie_read(order: Scalar) -> Generator:
    """u(u^λ - 1)/(λ(λ + 1)) - (u - 1)/(λ + 1): the power divergence of Cressie and Read, the α-divergence at α = λ + 1.

    Args:
        order: λ, any real number: 1 is half Pearson's χ², 0 is KL(p‖q), -1/2 four times squared Hellinger,
            -1 is KL(q‖p), -2 half Neyman's χ², 2/3 their recommendation.

    Returns:
        The generator.

    Example:
        >>> from kljax import generators
        >>> round(float(generators.cressie_read(1.0)(3.0)), 4)
        2.0

    References:
        Cressie & Read (1984), "Multinomial goodness-of-fit tests", eq. (1.1), without the factor 2n.
    """
    _finite_order(order)
    return dataclasses.replace(alpha(order + 1.0), name="cressie_read")


@remembered
def tsallis(order: Scalar) -> Generator:
    """(u^a - 1 - a(u - 1))/(a - 1): Tsallis' relative entropy, a times the α-divergence; KL(p‖q) at a = 1.

    Args:
        order: a > 0.

    Returns:
        The generator.

    Example:
        >>> from kljax import generators
        >>> round(float(generators.tsallis(2.0)(3.0)), 4)
        4.0

    References:
        Tsallis (1998), "Generalized entropy-based criterion for consistent testing", eq. (6).
    """
    _checks.number("order", order, low=0.0, open_low=True)
    _finite_order(order)
    return scale(alpha(order), order, name="tsallis")


@remembered
def t_power(t: Scalar) -> Generator:
    """s(u^t - 1 - t(u - 1)), s = -1 for 0 < t < 1 and +1 otherwise: |t(t - 1)| times the α-divergence at α = t.

    Args:
        t: Any real number; at 0 and 1 the function vanishes identically.

    Returns:
        The generator.

    Example:
        >>> from kljax import generators
        >>> round(float(generators.t_power(2.0)(3.0)), 4)
        4.0

    References:
        TensorFlow Probability, ``tfp.vi.t_power`` (with ``self_normalized=True``).
    """
    _finite_order(t, "t")
    if is_static(t) and t in (0, 1):
        return scale(kl, 0.0, name="t_power")
    return scale(alpha(t), abs(t * (t - 1.0)) if is_static(t) else jnp.abs(t * (t - 1.0)), name="t_power")


# --- Others that TFP has, and Schulman's k2 --------------------------------------------------------------------


def _squared_log_balanced(r: jax.Array) -> jax.Array:
    return 0.5 * jnp.square(r * jnp.exp(-0.5 * above(r)))  # e⁻ʳ is zero before e⁻ʳ r² is


def _squared_log_growth(r: jax.Array) -> jax.Array:
    up = jnp.minimum(above(r), 1e4)
    return jnp.where(r <= 0.0, r, up * (1.0 - 0.5 * up) * jnp.exp(-up))


def _squared_log_slope(r: jax.Array) -> jax.Array:
    return jnp.clip(r, -1e4, 1e4) * jnp.exp(-jnp.clip(r, -1e4, 1e4))


def _squared_log_coslope(r: jax.Array) -> jax.Array:
    return 0.5 * r * (r - 2.0)


squared_log = Generator(
    "squared_log",
    graded(_squared_log_balanced, growth=_squared_log_growth),
    _squared_log_slope,
    _squared_log_coslope,
    _INF,
    0.0,
)
"""½(log u)²: convex only up to u = e, but never negative (Schulman's k2)."""


def _log1p_abs_balanced(r: jax.Array) -> jax.Array:
    return jnp.where(r > 0.0, -expm1(-jnp.maximum(r, 0.0)), expm1(-jnp.minimum(r, 0.0)))


def _log1p_abs_slope(r: jax.Array) -> jax.Array:
    return jnp.where(r > 0.0, 1.0, jnp.where(r < 0.0, -jnp.exp(-2.0 * jnp.minimum(r, 0.0)), 0.0))


def _log1p_abs_coslope(r: jax.Array) -> jax.Array:
    return jnp.where(r > 0.0, -1.0, jnp.where(r < 0.0, 2.0 * jnp.exp(-jnp.minimum(r, 0.0)) - 1.0, 0.0))


def _log1p_abs_growth(r: jax.Array) -> jax.Array:
    # f'(u) = -1/u² overflows before u f'(u)
    return jnp.where(r > 0.0, jnp.exp(-above(r)), jnp.where(r < 0.0, -jnp.exp(-below(r)), 0.0))


def _log1p_abs_conjugate(t: jax.Array) -> jax.Array:
    return jnp.where(t > 1.0, jnp.inf, jnp.where(t >= -1.0, t, 1.0 - 2.0 * jnp.sqrt(jnp.maximum(-t, 1.0))))


log1p_abs = Generator(
    "log1p_abs",
    graded(_log1p_abs_balanced, growth=_log1p_abs_growth),
    _log1p_abs_slope,
    _log1p_abs_coslope,
    _INF,
    1.0,
    closed_conjugate=_log1p_abs_conjugate,
)
"""u - 1 for u > 1, 1/u - 1 for u < 1; at the kink the subgradient 0 is taken."""


def _modified_gan_balanced(r: jax.Array) -> jax.Array:
    # log((1 + u)/(2u)) + (u - 1)/2 = log cosh(r/2) + e(r)/2, both terms ≥ 0
    down, up = below(r), above(r)
    falling = log_cosh(0.5 * down) + 0.5 * expm1_minus_x(down)
    return jnp.where(r > 0.0, jnp.exp(-up) * log_cosh(0.5 * up) + 0.5 * exp_decay_excess(up), falling)


def _modified_gan_coslope(r: jax.Array) -> jax.Array:
    down, up = below(r), above(r)
    falling = log_cosh(0.5 * down) - 0.5 * down
    return jnp.where(r > 0.0, log1p(0.5 * expm1(-up)), falling) - 0.5 * tanh(0.5 * r)


def _modified_gan_slope(r: jax.Array) -> jax.Array:
    return -0.5 * expm1(-r) + 0.5 * jnp.exp(-r) * tanh(0.5 * r)


modified_gan = Generator(
    "modified_gan",
    graded(_modified_gan_balanced, slopes=(_modified_gan_slope, _modified_gan_coslope)),
    _modified_gan_slope,
    _modified_gan_coslope,
    _INF,
    0.5,
)
"""log((1 + u)/(2u)) + (u - 1)/2, TFP's modified GAN."""
