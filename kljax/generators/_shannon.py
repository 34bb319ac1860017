"""The generators of Kullback–Leibler divergences to a mixture m = w u + 1 - w: skew and Jensen–Shannon."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from kljax import _checks
from kljax._special.elementwise import expm1, log1p, x_minus_log1p
from kljax._special.log1p_quotients import log1p_ratio
from kljax.generators._build import reverse, scale
from kljax.generators._catalogue import kl, reverse_kl
from kljax.generators._forms_in_log_ratio import Scalar, graded, is_static, remembered
from kljax.generators._forms_in_masses import ByMass, Masses
from kljax.generators._mixture import (
    excess,
    kl_to_mixture_by_rest,
    log_p_over_mixture,
    log_p_over_mixture_by_rest,
    mixture,
    scaled_js_drift,
)
from kljax.generators._mixture_forms_in_masses import (
    js_in_log_p,
    js_in_log_q,
    js_summand,
    skew_in_log_p,
    skew_in_log_q,
    skew_summand,
)
from kljax.generators._record import Generator

_INF = math.inf


def _skew_value(r: jax.Array, weight: Scalar) -> jax.Array:
    rest = 1.0 - weight
    return rest * kl_to_mixture_by_rest(r, weight, rest)


def _skew_slope(r: jax.Array, weight: Scalar) -> jax.Array:
    # log(u/m) - w (u - m)/m; near u = 1, and for m ≈ u, as (1 - w) t - h(t)
    rest = 1.0 - weight
    t = rest * excess(r, weight, rest)
    near = jnp.abs(t) <= 0.75
    v = jnp.where(near, t, 0.0)
    return jnp.where(near, rest * v - x_minus_log1p(v), log_p_over_mixture(r, weight, rest) - weight * t)


def _skew_coslope(r: jax.Array, weight: Scalar) -> jax.Array:
    rest = 1.0 - weight
    return -rest * rest * excess(r, weight, rest)


def _js_scaled_value(r: jax.Array, weight: Scalar) -> jax.Array:
    # w K(u, m) + (1 - w) K(1, m), divided by w (1 - w); seen from q the two weights change places.
    rest = 1.0 - weight
    return kl_to_mixture_by_rest(r, weight, rest) + kl_to_mixture_by_rest(-r, rest, weight)


def _js_value(r: jax.Array, weight: Scalar) -> jax.Array:
    return weight * (1.0 - weight) * _js_scaled_value(r, weight)


def _js_slope(r: jax.Array, weight: Scalar) -> jax.Array:
    return weight * log_p_over_mixture(r, weight, 1.0 - weight)


def _js_coslope(r: jax.Array, weight: Scalar) -> jax.Array:
    rest = 1.0 - weight
    return rest * log_p_over_mixture(-r, rest, weight)


def _js_scaled_slope(r: jax.Array, weight: Scalar) -> jax.Array:
    return log_p_over_mixture_by_rest(r, weight, 1.0 - weight)


def _js_scaled_coslope(r: jax.Array, weight: Scalar) -> jax.Array:
    return log_p_over_mixture_by_rest(-r, 1.0 - weight, weight)


# The derivatives in w.


def _skew_drift(r: jax.Array, weight: Scalar) -> jax.Array:
    # -(1 - w)(u - 1)²/m
    rest = 1.0 - weight
    return -rest * mixture(r, weight, rest)[1] * excess(r, weight, rest)


def _js_drift(r: jax.Array, weight: Scalar) -> jax.Array:
    # K(u, m) - K(1, m)
    rest = 1.0 - weight
    return rest * kl_to_mixture_by_rest(r, weight, rest) - weight * kl_to_mixture_by_rest(-r, rest, weight)


def _js_scaled_drift(r: jax.Array, weight: Scalar) -> jax.Array:
    return scaled_js_drift(r, weight, 1.0 - weight)


_skew_balanced = graded(_skew_value, slopes=(_skew_slope, _skew_coslope), drift=_skew_drift)
_js_balanced = graded(_js_value, slopes=(_js_slope, _js_coslope), drift=_js_drift)
_js_scaled_balanced = graded(_js_scaled_value, slopes=(_js_scaled_slope, _js_scaled_coslope), drift=_js_scaled_drift)


def _js_scaled_conjugate(t: jax.Array, weight: Scalar) -> jax.Array:
    # With y = e^{(1 - w) t} = u/m: f* = log(m)/w and m = (1 - w)/(1 - w y), for w y < 1.
    rest = 1.0 - weight
    room = weight * (expm1(rest * t) / rest)
    inside = room < 1.0
    return jnp.where(inside, -log1p(-jnp.where(inside, room, 0.0)) / weight, jnp.inf)


def _js_conjugate(t: jax.Array, weight: Scalar) -> jax.Array:
    factor = weight * (1.0 - weight)
    return factor * _js_scaled_conjugate(t / factor, weight)


def _js_tail_p(m: Masses, weight: Scalar) -> jax.Array:
    # w p log(1 + (1 - w) q/(w p)): what p's derivative lacks of its bound where q is all but missing
    rest = 1.0 - weight
    x = (rest / weight) * jnp.exp(-jnp.maximum(m.r, 0.0))
    bound = -weight * jnp.log(jnp.asarray(weight, m.p.dtype))
    return jnp.where(m.r > 0.0, rest * m.q * log1p_ratio(x), m.p * (bound - _js_slope(m.r, weight)))


def _js_tail_q(m: Masses, weight: Scalar) -> jax.Array:
    return _js_tail_p(Masses(m.q, m.p, -m.gap, -m.r, m.power), 1.0 - weight)


_JS_BY_MASS = ByMass(js_summand, js_in_log_p, js_in_log_q, _js_tail_p, _js_tail_q)


def _share_of_q(r: jax.Array, weight: Scalar) -> tuple[jax.Array, jax.Array]:
    """((1 - w) q/m, log(m/(w p))) of the mixture m, for a static weight above zero."""
    x = (math.log1p(-weight) - math.log(weight) if weight < 1.0 else -_INF) - r
    return jax.nn.sigmoid(x), jax.nn.softplus(x)


def _skew_tail_p(m: Masses, weight: Scalar) -> jax.Array:
    # p (-v - log(1 - v)), v = (1 - w) q/m the share of q in the mixture
    share, log_rest = _share_of_q(m.r, weight)
    near = share < 0.5
    return m.p * jnp.where(near, x_minus_log1p(jnp.where(near, -share, 0.0)), log_rest - share)


def _skew_tail_q(m: Masses, weight: Scalar) -> jax.Array:
    # (1 - w) p q/m
    return m.p * _share_of_q(m.r, weight)[0]


_SKEW_BY_MASS = ByMass(skew_summand, skew_in_log_p, skew_in_log_q, _skew_tail_p, _skew_tail_q)


def _price(weight: Scalar) -> Scalar:
    """-log(w)/(1 - w): what scaled Jensen–Shannon costs where all of the mixture comes from the weight w."""
    if not is_static(weight):
        log_weight, low = _log_of_small(weight)
        return jnp.where(low, -log_weight / jnp.where(low, 1.0 - weight, 1.0), log1p_ratio(weight - 1.0))
    if weight in (0, 1):
        return 1.0 if weight == 1 else _INF
    return -math.log(weight) / (1.0 - weight)


def _price_of_rest(weight: Scalar) -> Scalar:
    """-log(1 - w)/w, likewise; 1 - w itself would have lost a small w."""
    if not is_static(weight):
        return log1p_ratio(-weight)
    if weight in (0, 1):
        return 1.0 if weight == 0 else _INF
    return -math.log1p(-weight) / weight


def _price_of_skew(weight: Scalar) -> Scalar:
    """-log w - (1 - w): what skew KL costs where q is missing."""
    rest = 1.0 - weight
    if not is_static(weight):
        log_weight, low = _log_of_small(weight)
        return jnp.where(low, -log_weight - rest, x_minus_log1p(weight - 1.0))
    if weight == 0:
        return _INF
    return -math.log(weight) - rest if rest > 0.125 else sum(rest**k / k for k in range(20, 1, -1))


def _log_of_small(weight: jax.Array) -> tuple[jax.Array, jax.Array]:
    """(log w, whether it is to be used: w is not so small that it is zero, and w - 1 would round it)"""
    low = (weight > 0.0) & (weight < 0.25)
    return jnp.log(jnp.where(low, weight, 1.0)), low


@remembered
def jensen_shannon(weight: Scalar = 0.5, *, scaled: bool = False) -> Generator:
    """w u log(u/m) + (1 - w) log(1/m), m = w u + 1 - w: the Jensen–Shannon divergence of weight w on p.

    Args:
        weight: w in [0, 1], the weight of p in the mixture.
        scaled: Divide by w(1 - w); then w → 0 gives KL(p‖q) and w → 1 gives KL(q‖p), both ends included.

    Returns:
        The generator.

    Example:
        >>> from kljax import generators
        >>> bool(abs(generators.jensen_shannon()(2.0) - 0.0849) < 1e-4)
        True

    References:
        Lin (1991), "Divergence measures based on the Shannon entropy", eq. (4.1).
    """
    _checks.number("weight", weight, low=0.0, high=1.0)
    if is_static(weight) and weight in (0, 1):
        end = kl if weight == 0 else reverse_kl
        return end if scaled else scale(end, 0.0, name="jensen_shannon")
    at_zero, at_infinity = _price_of_rest(weight), _price(weight)
    symmetric = is_static(weight) and weight == 0.5
    if scaled:
        return Generator(
            "scaled_jensen_shannon",
            _js_scaled_balanced,
            _js_scaled_slope,
            _js_scaled_coslope,
            at_zero,
            at_infinity,
            (weight,),
            symmetric=symmetric,
            closed_conjugate=_js_scaled_conjugate if is_static(weight) else None,
        )
    return Generator(
        "jensen_shannon",
        _js_balanced,
        _js_slope,
        _js_coslope,
        _weigh(1.0 - weight, weight, at_zero),
        _weigh(weight, 1.0 - weight, at_infinity),
        (weight,),
        symmetric=symmetric,
        closed_conjugate=_js_conjugate if is_static(weight) else None,
        by_mass=_JS_BY_MASS if is_static(weight) else None,
    )


def _weigh(weight: Scalar, other: Scalar, price: Scalar) -> Scalar:
    """w w' times the price, which is infinite only where w is zero."""
    if is_static(weight):
        return weight * other * price if weight > 0 else 0.0
    return weight * other * jnp.where(jnp.isinf(price), 0.0, price)


@remembered
def skew_kl(weight: Scalar) -> Generator:
    """u log(u/m) - u + m, m = w u + 1 - w: KL(p‖w p + (1 - w) q), Lee's skew divergence.

    Args:
        weight: w in [0, 1], the weight of p in the mixture; w = 0 is KL(p‖q) and w = 1 is identically zero.

    Returns:
        The generator.

    Example:
        >>> from kljax import generators
        >>> generators.skew_kl(0.1).at_infinity < generators.kl.at_infinity
        True

    References:
        Lee (1999), "Measures of distributional similarity", eq. (5).
    """
    _checks.number("weight", weight, low=0.0, high=1.0)
    return Generator(
        "skew_kl",
        _skew_balanced,
        _skew_slope,
        _skew_coslope,
        1.0 - weight,
        _price_of_skew(weight),
        (weight,),
        by_mass=_SKEW_BY_MASS if is_static(weight) and weight > 0 else None,
    )


@remembered
def skew_reverse_kl(weight: Scalar) -> Generator:
    """log(1/m) - 1 + m, m = w + (1 - w) u: KL(q‖w q + (1 - w) p), the skew divergence with p and q exchanged.

    Args:
        weight: w in [0, 1], the weight of q in the mixture; w = 0 is KL(q‖p).

    Returns:
        The generator.

    Example:
        >>> from kljax import generators
        >>> generators.skew_reverse_kl(0.1).name
        'skew_reverse_kl'

    References:
        Ko et al. (2024), "DistiLLM", eq. (5).
    """
    return reverse(skew_kl(weight), name="skew_reverse_kl")
